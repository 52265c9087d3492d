"""Codes that people decide on: a file of their own, which wins over the readings and the rules."""

from pathlib import Path

import pandas as pd

from evlib.base import schema
from evlib.base.identifiers import normalised
from evlib.base.reading.by_people import agreed, last_words, rows_by_people, unnamed
from evlib.describe.coded_fields import coded_fields, country_names

BY_PEOPLE = "curation/coding_by_people.csv"  # below the raw data, people's own; not shipped
_NOT_REPORTED = "not reported"
_COLUMNS = ["trn", "field", "code", "reviewer", "reason"]


def read_codes(raw: str | Path, *, known: set[str] | None, protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The codes that people gave trials.

    Parameters
    ----------
    raw
        The folder of raw data. Its ``curation/coding_by_people.csv`` need not exist: ``trn, field, code, reviewer, reason`` and
        perhaps ``date``. A code may be written as its label; ``not reported`` says that the record does not tell. A row without a code
        is not yet decided and is skipped.
    known
        Registration numbers of all records; None: they are not looked at.

    Returns
    -------
    codes, rejects
        ``trn, field, code, reviewer``: one row for each field of a record, of two rows of one reviewer the newer, then the later; a
        code that is missing says *not reported*. And table ``rejects``: rows that cannot be used, and those on which people differ.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from evlib.base.protocol import load_protocol
    >>> rows = "trn,field,code,reviewer,reason\\nNCT1,route,Topical,Ana,the arms\\nNCT1,route,by hand,Ben,the arms\\n"
    >>> with TemporaryDirectory() as raw:
    ...     (Path(raw) / "curation").mkdir()
    ...     _ = (Path(raw) / "curation/coding_by_people.csv").write_text(rows)
    ...     codes, rejects = read_codes(raw, known={"NCT1"}, protocol=load_protocol("protocol.yml"))
    >>> codes[["field", "code", "reviewer"]].values.tolist(), rejects.reason[0].partition(". ")[0]
    ([['route', 'topical', 'Ana']], "unknown code 'by hand'")
    """
    path = Path(raw) / BY_PEOPLE
    rows, broken = rows_by_people(path, needs=_COLUMNS)
    rows = rows[rows.code.notna()].assign(trn=lambda own: own.trn.map(normalised, na_action="ignore"))
    fields = coded_fields(protocol)
    spelt = {field: _spellings(field, protocol) for field in fields}
    spelt["countries"] = dict(zip(rows.code.str.casefold(), country_names(rows.code)))
    told = [spelt.get(field, {}).get(code.casefold()) for field, code in zip(rows.field, rows.code)]
    told = pd.Series(told, index=rows.index, dtype="str")
    use = rows.field.map(lambda field: ", ".join([*dict.fromkeys(spelt.get(field, {}).values())]))
    good, unusable = schema.set_aside(
        rows,
        path,
        [
            (~rows.trn.isin(rows.trn.dropna() if known is None else known), schema.NO_SUCH_RECORD),
            (~rows.field.isin(fields), f"unknown field. Use {', '.join(fields)}."),
            (told.isna(), "unknown code '" + rows.code + "'. Use " + use + "."),
            unnamed(rows.reviewer),
            (rows.reason.isna(), "no reason. Write what the code rests on."),
            (
                rows.date.notna() & ~rows.date.str.fullmatch(r"\d{4}-\d\d-\d\d", na=False),
                "the date is none, or could be read in two ways. Write it as 2026-11-26, or leave it empty.",
            ),
        ],
    )
    good, twice = last_words(good.assign(code=told), path, on=["trn", "field"], say=["code"])
    good, apart = agreed(good, path, on=["trn", "field"], say="code")
    good = good.drop_duplicates(["trn", "field"], keep="last")[_COLUMNS[:4]]
    good = good.assign(code=good.code.mask(good.code.str.casefold() == _NOT_REPORTED))
    return good, pd.concat([broken, unusable, twice, apart])


def _spellings(field: str, protocol: dict) -> dict[str, str]:
    """How a person may write each code of a field."""
    codes = protocol["codes"].get(field, {})
    words = {word.casefold(): code for code, facts in codes.items() for word in (facts["label"], code)}
    words |= {"true": "True", "false": "False", "yes": "True", "no": "False"} if field in protocol["flags"] else {}
    return words | {_NOT_REPORTED: _NOT_REPORTED}
