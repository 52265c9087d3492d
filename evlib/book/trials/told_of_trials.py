"""What was decided of trials beside their codes: what a record states outside of the field for it, and reports that may be of a trial."""

from pathlib import Path

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import MULTI, read_csv

TOLD = {"allocation": ("randomised", "non-randomised"), "arms": ("vesicles in all",)}  # by item
LINKS = {
    "possible": "may be of this trial (nothing that was seen ties the two)",
    "stated": "names this trial (its results are not entered here)",
}
_BASIS = ["words", "read_from", "decided_by", "date"]


def told_of_trials(raw_dir: str | Path) -> pd.DataFrame:
    """What decides whether a trial can tell if the vesicles help, of ``curation/told_of_trials.csv``, which a review may lack.

    Returns
    -------
    pandas.DataFrame
        ``trn, item, told, words, read_from, decided_by, date``: the ``allocation`` that a record states outside of the field for it
        (randomised or non-randomised), and trials in whose ``arms`` all are given vesicles, so that none goes without.

    Raises
    ------
    InputError
        Naming the line of a row with another item or value, without words, or without a name of who decided.

    Examples
    --------
    >>> told = told_of_trials("data/raw")
    >>> told.loc[told.trn == "NCT06431152", ["item", "told", "words"]].values.tolist()
    [['arms', 'vesicles in all', 'Low-Dose […] Medial-Dose […] High-Dose']]
    """
    path = Path(raw_dir) / "curation/told_of_trials.csv"
    rows = read_csv(path, needs=["trn", "item", "told", *_BASIS], optional=True)
    return _with_basis(rows, path, [told in TOLD.get(item, ()) for item, told in zip(rows["item"], rows.told)])


def possible_reports(raw_dir: str | Path) -> pd.DataFrame:
    """Reports that the note on a record names and that are not tied to it, of ``curation/possible_reports.csv``, which a review may lack.

    Returns
    -------
    pandas.DataFrame
        ``trn, study_id`` (missing: the report is not on file), ``report`` (its name then), ``link`` (one of ``LINKS``), ``words, read_from,
        decided_by, date``.

    Raises
    ------
    InputError
        Naming the line of a row with another link, without words, or without a name of who decided.

    Examples
    --------
    >>> named = possible_reports("data/raw")
    >>> named.loc[named.trn == "NCT05514639", ["study_id", "link"]].values.tolist()
    [['wilson-2024', 'possible']]
    """
    path = Path(raw_dir) / "curation/possible_reports.csv"
    rows = read_csv(path, needs=["trn", "study_id", "report", "link", *_BASIS], optional=True)
    return _with_basis(rows, path, list(rows.link.isin(LINKS) & (rows.study_id.notna() | rows.report.notna())))


def _with_basis(rows: pd.DataFrame, path: Path, known: list[bool]) -> pd.DataFrame:
    wrong = rows.index[~pd.Series(known, rows.index, dtype=bool) | rows[["words", "decided_by"]].isna().any(axis=1)]
    if len(wrong):
        raise InputError(
            f"{path}, line {wrong[0] + 2}: what it tells is none of the values that the file may hold, or it has no words or no name of "
            "who decided. Correct the line."
        )
    return rows.assign(words=rows.words.str.replace(MULTI, " […] ", regex=False))
