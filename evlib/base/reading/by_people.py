"""Tables that people write by hand, a row for each decision: read, each person's last word taken, and differences set apart."""

from pathlib import Path

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.reading.sheets import read_sheet
from evlib.base.schema import checked, columns, set_aside, unguarded

ADJUDICATOR = "adjudicated"  # the name under which a disagreement of people is settled
PEOPLE_DIFFER = (
    "people differ on this, so that none of them counts."  # begins the reason of such a row, which is no fault
)
BY_MACHINE = ("r1", "r2", "r3", "r4", "settled", "rule", "rules", "numbers and pairs")  # names that are no person's


def rows_by_people(path: str | Path, *, needs: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a file that people write, which need not exist, and what of it cannot be read.

    Parameters
    ----------
    path
        A CSV file, read as ``sheets.read_sheet`` does.
    needs
        The columns without which nothing of it counts; it may have a ``date``, too.

    Returns
    -------
    rows, rejects
        ``needs`` and ``date`` as text without blanks around it, missing where a cell is empty; the index is the line less 2. And table
        ``rejects``: rows that cannot be told apart, or one row for the whole file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "codes.csv")
    ...     _ = path.write_text("trn,kode\\nNCT1,topical\\n")
    ...     rows_by_people(path, needs=["trn", "code"])[1].reason[0].partition(". ")[0]
    "none of its decisions counted: the column 'code' is missing: there is one called 'kode'"
    """
    path, names = Path(path), [*needs, "date"]
    if not path.exists():
        return pd.DataFrame(columns=names, dtype="str"), _rejects([])
    try:
        sheet = read_sheet(path, names=names, needs=needs)
    except InputError as error:
        why = f"none of its decisions counted: {str(error).removeprefix(f'{path}: ')}"
        return pd.DataFrame(columns=names, dtype="str"), _rejects([(path.name, None, None, why)])
    rows = sheet.rows.reindex(columns=names).astype("str")
    rows = rows.apply(lambda cells: cells.map(lambda text: unguarded(text).strip() or None, na_action="ignore"))
    return rows.astype("str"), sheet.rejects


def unnamed(reviewers: pd.Series) -> tuple[pd.Series, str]:
    """Which rows have no reviewer, or the name of a machine reading, and what to do, as ``schema.set_aside`` takes it."""
    wrong = reviewers.isna() | reviewers.str.casefold().isin(BY_MACHINE)
    return wrong, "no reviewer, or a name kept for the machine readings and the rules. Write the person's."


def last_words(rows: pd.DataFrame, path: Path, *, on: list[str], say: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of several rows of one reviewer on one thing the newer, then the later.

    Parameters
    ----------
    rows
        ``reviewer, date``, the columns ``on`` that name the thing, and those that ``say`` what is decided; the index is the line less 2.
    path
        The file, for the rejects.

    Returns
    -------
    rows, rejects
        One row for each reviewer and thing, with ``who``, the reviewer in small letters. And table ``rejects``: rows that say something
        else than the one that counts, without a date that would show which is the newer.

    Examples
    --------
    >>> rows = pd.DataFrame({"trn": "NCT1", "reviewer": ["Ana", "ana", "Ben"], "code": ["oral", "topical", "oral"]})
    >>> kept, rejects = last_words(rows.assign(date=None), Path("codes.csv"), on=["trn"], say=["code"])
    >>> kept[["who", "code"]].values.tolist(), rejects.line.tolist()
    ([['ana', 'topical'], ['ben', 'oral']], [2])
    """
    rows = rows.assign(who=rows.reviewer.str.casefold()).sort_values("date", kind="stable", na_position="first")
    own = [*on, "who"]
    last = rows.drop_duplicates(own, keep="last")
    counts = rows[own].merge(last.assign(line=last.index + 2), on=own, how="left").set_axis(rows.index)
    newer = rows.date < counts.date  # False where a date is missing
    same = [rows[name].fillna("") == counts[name].fillna("") for name in say]
    says = " of the same reviewer says something else of it, and counts. Keep one of the two, or date both."
    why = "line " + counts.line.astype("str") + says
    otherwise = ~newer & ~pd.concat(same, axis=1).all(axis=1)
    return last.sort_index(), set_aside(rows.sort_index(), path, [(otherwise, why)])[1]


def agreed(rows: pd.DataFrame, path: Path, *, on: list[str], say: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What people agree on, or what the reviewer ``adjudicated`` settled; and table ``rejects``: the rows on which people differ.

    Parameters are those of ``last_words``, which gives the ``rows``.

    Examples
    --------
    >>> rows = pd.DataFrame({"trn": ["NCT1", "NCT1", "NCT2", "NCT2", "NCT2"], "code": ["a", "b", "a", "b", "b"]})
    >>> rows["who"] = ["ana", "ben", "ana", "ben", "adjudicated"]
    >>> counted, rejects = agreed(rows, Path("codes.csv"), on=["trn"], say="code")
    >>> counted.values.tolist(), rejects.line.tolist()
    ([['NCT2', 'b', 'adjudicated']], [2, 3])
    """
    settling = rows.who == ADJUDICATOR
    settled = settling.groupby([rows[name] for name in on]).transform("any").astype(bool)  # of no row it is none
    counted = rows[settling | ~settled]
    differ = counted.groupby(on)[say].transform("nunique") > 1
    return set_aside(counted, path, [(differ, f"{PEOPLE_DIFFER} A row of the reviewer '{ADJUDICATOR}' settles it.")])


def _rejects(rows: list[tuple]) -> pd.DataFrame:
    return checked(pd.DataFrame(rows, columns=columns("rejects")), "rejects")
