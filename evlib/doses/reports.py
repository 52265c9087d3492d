"""The reports on file (published or posted results): their arms, outcomes and harms, their risk of bias, and what they tell of
the product. All were read by machine; ``data/raw/curation/CODING.md`` holds the rules. Only the risk of bias may be judged by
people too, in a file of their own."""

from pathlib import Path

import pandas as pd

from evlib.base.dates import unambiguous_day
from evlib.base.reading.by_people import last_words, rows_by_people, unnamed
from evlib.base.schema import checked, columns, corrected_csv, kinds, set_aside

# The domains of each tool for the risk of bias, and its words, from the least risk to the greatest.
DOMAINS = {
    "RoB2": ("randomisation", "deviations", "missing-data", "measurement", "selective-reporting", "overall"),
    "ROBINS-I": (
        *("confounding", "selection", "classification", "deviations"),
        *("missing-data", "measurement", "selective-reporting", "overall"),
    ),
}
NO_INFORMATION = "no-information"
JUDGEMENTS = {
    "RoB2": ("low", "some-concerns", "high", NO_INFORMATION),
    "ROBINS-I": ("low", "moderate", "serious", "critical", NO_INFORMATION),
}
BY_PEOPLE = "risk_of_bias_by_people"  # below curation/, a person's own; not shipped
_READERS = ("R1", "R2", "settled")

# Files of data/raw/curation, with the words that a column may hold; an empty cell says that the report, as it was read, does not tell.
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "studies": {
        "allocation": ("randomised", "non-randomised", "single-arm"),
        "masking": ("double-blind", "single-blind", "open"),
    },
    "arms": {"role": ("ev", "control", "cells", "other product")},
    "outcomes": {
        "direction": ("better", "worse", "no difference", "improved", "worsened", "unchanged", "not comparative"),
        "comparison": ("between arms", "before-after", "none"),
        "better_when": ("lower", "higher"),
    },
    "adverse_events": {},
    "risk_of_bias": {
        "tool": tuple(DOMAINS),
        "reader": _READERS,
        "judgement": tuple(dict.fromkeys(word for words in JUDGEMENTS.values() for word in words)),
    },
    "product_reporting": {"reader": _READERS, "stated": ("yes", "no", "not-seen")},
}
REPORT_TABLES = (*_WORDS, BY_PEOPLE)
_FLAGS = {"True": True, "False": False}


def read_reports(raw: str | Path) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The tables of reports, checked.

    Parameters
    ----------
    raw
        The folder of raw data, of which ``curation/`` is read. A file that is not there is a table without rows.

    Returns
    -------
    tables, rejects
        ``studies, arms, outcomes, adverse_events, risk_of_bias, product_reporting, risk_of_bias_by_people``, each as the schema
        of its name; and table ``rejects``: rows with a word that CODING.md does not have, with a number or a flag that cannot be
        read, or of an arm or a report that is not on file, each with its line.

    Examples
    --------
    >>> tables, rejects = read_reports("data/raw")
    >>> list(tables)
    ['studies', 'arms', 'outcomes', 'adverse_events', 'risk_of_bias', 'product_reporting', 'risk_of_bias_by_people']
    >>> set(tables["arms"].arm_id) >= set(tables["outcomes"].arm_id)
    True
    """
    tables: dict[str, pd.DataFrame] = {}
    rejected = []
    for name, words in _WORDS.items():
        path = Path(raw) / f"curation/{name}.csv"
        rows = corrected_csv(path, needs=columns(name), optional=True)
        problems = [
            (
                rows[column].notna() & ~rows[column].isin(allowed),
                f"{column} '" + rows[column].fillna("") + f"' is none of: {', '.join(allowed)}.",
            )
            for column, allowed in words.items()
        ]
        for column, kind in kinds(name).items():
            if kind == "flag":
                problems.append(
                    (rows[column].notna() & ~rows[column].isin(_FLAGS), f"{column} is neither True nor False.")
                )
                rows[column] = rows[column].map(_FLAGS)
            elif kind in ("count", "number"):
                number = pd.to_numeric(rows[column], errors="coerce")
                wrong = number.isna() | ((number % 1 != 0) if kind == "count" else False)
                problems.append(
                    (rows[column].notna() & wrong, f"{column} is not a {'whole ' if kind == 'count' else ''}number.")
                )
                rows[column] = number.mask(wrong)
        for column, of in (("study_id", "studies"), ("arm_id", "arms")):
            if name != of and column in rows and of in tables:
                problems.append((~rows[column].isin(tables[of][column]), f"its {column} is none of curation/{of}.csv."))
        good, rejects = set_aside(rows.assign(trn=rows.get("trn")), path, problems)
        tables[name] = checked(good[columns(name)], name, source=str(path))
        rejected.append(rejects)
    tables[BY_PEOPLE], rejects = judged_by_people(
        Path(raw) / f"curation/{BY_PEOPLE}.csv", known=set(tables["studies"].study_id)
    )
    return tables, pd.concat([*rejected, rejects], ignore_index=True)


def judged_by_people(path: str | Path, *, known: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What people judge of the risk of bias of reports.

    Parameters
    ----------
    path
        ``risk_of_bias_by_people.csv``: ``study_id, tool, domain, judgement, reviewer, reason`` and perhaps ``date``; need not
        exist. Blanks and capitals do not matter ("Some concerns"). A row without a judgement is not yet judged and is skipped.
    known
        The ``study_id`` of all reports.

    Returns
    -------
    judgements, rejects
        Table ``risk_of_bias_by_people``: of two rows of one reviewer on one domain the newer, then the later. And table
        ``rejects``: rows on an unknown report, with a word that the tool does not have, without a reviewer or a reason, or
        with another tool than an earlier row of the same report, and rows of one reviewer that contradict each other; each with its line.
    """
    names, path = columns(BY_PEOPLE), Path(path)
    rows, broken = rows_by_people(path, needs=[name for name in names if name != "date"])
    rows = _as_written(rows)
    rows = rows[rows.judgement.notna()]
    words, domains = (rows.tool.map(lambda tool, of=of: ", ".join(of.get(tool, ()))) for of in (JUDGEMENTS, DOMAINS))
    said = list(zip(rows.tool, rows.domain, rows.judgement))
    is_known = rows.study_id.isin(known) & rows.tool.isin(list(DOMAINS))
    first = rows.tool.where(is_known).groupby(rows.study_id).transform("first")
    problems = [
        (~rows.study_id.isin(known), "its study_id is none of curation/studies.csv."),
        (~rows.tool.isin(list(DOMAINS)), f"unknown tool. Use {' or '.join(DOMAINS)}."),
        (
            pd.Series([domain not in DOMAINS.get(tool, ()) for tool, domain, _ in said], rows.index, dtype=bool),
            "unknown domain. Use " + domains + ".",
        ),
        (
            pd.Series([word not in JUDGEMENTS.get(tool, ()) for tool, _, word in said], rows.index, dtype=bool),
            "unknown judgement '" + rows.judgement + "'. Use " + words + ".",
        ),
        unnamed(rows.reviewer),
        (rows.reason.isna(), "no reason. Write what the judgement rests on."),
        (
            rows.date.notna() & ~rows.date.str.fullmatch(r"\d{4}-\d\d-\d\d", na=False),
            "the date is none, or could be read in two ways. Write it as 2026-11-26, or leave it empty.",
        ),
        (
            rows.tool != first,
            "another tool than an earlier row of this report, " + first + ". Use one of them for all its domains.",
        ),
    ]
    good, unusable = set_aside(rows.assign(trn=None), path, problems)
    newest, twice = last_words(good, path, on=["study_id", "domain"], say=["judgement"])
    return checked(newest[names], BY_PEOPLE, source=str(path)), pd.concat([broken, unusable, twice])


def _as_written(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a person's file in our spelling, as far as they can be told."""
    rows = rows.copy()
    for name in ("domain", "judgement"):
        rows[name] = rows[name].str.lower().str.replace(r"[\s_]+", "-", regex=True)
    spellings = {tool.replace("-", "").casefold(): tool for tool in DOMAINS}
    rows["tool"] = rows.tool.map(
        lambda text: spellings.get("".join(filter(str.isalnum, text)).casefold(), text), na_action="ignore"
    )
    rows["date"] = rows.date.map(lambda text: unambiguous_day(text) or text, na_action="ignore")
    return rows.astype("str")  # a column without a value is no text else


def settled_readings(readings: pd.DataFrame, key: list[str], said: str, words: str) -> pd.DataFrame:
    """What was settled of two machine readings, with the words of the reading that was followed, of two that agree the first.

    Parameters
    ----------
    readings
        Table ``risk_of_bias`` or ``product_reporting``.
    key, said, words
        Its columns: what names a thing that was read, what a reading says of it, and on what that rests.

    Returns
    -------
    pandas.DataFrame
        The ``key``, then ``settled, followed`` (the words), ``how_settled``, and ``R1, R2, words_R1, words_R2``.
    """
    wide = readings.drop_duplicates([*key, "reader"]).set_index([*key, "reader"])
    judged, why = (wide[name].unstack("reader").reindex(columns=list(_READERS)) for name in (said, words))
    followed = why.settled
    for reader in ("R2", "R1"):
        followed = why[reader].where(judged[reader] == judged.settled, followed)
    table = judged.assign(followed=followed, how_settled=why.settled, words_R1=why.R1, words_R2=why.R2)
    return table.rename_axis(columns=None).reset_index()


def product_items(reporting: pd.DataFrame) -> pd.Series:
    """How many items that MISEV2023 asks for each report states, as settled: "3 of 10 stated, 7 not seen"; by ``study_id``."""
    settled = reporting[reporting.reader == "settled"]
    counts = (
        settled.groupby("study_id")
        .stated.value_counts()
        .unstack(fill_value=0)
        .reindex(columns=["yes", "no", "not-seen"], fill_value=0)
    )
    words = counts.yes.astype(str) + " of " + counts.sum(axis=1).astype(str) + " stated"
    return words + (", " + counts["not-seen"].astype(str) + " not seen").where(counts["not-seen"] > 0, "")
