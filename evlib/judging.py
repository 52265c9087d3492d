"""Screening decisions that people make: one file per reviewer, saved whole, read with its bad rows named."""

import re
from datetime import date
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import matching, today
from evlib.identifiers import normalised
from evlib.schema import checked, read_csv, set_aside, unguarded, write_csv

COLUMNS = ["trn", "decision", "criterion", "reason", "reviewer", "date"]
DECISIONS = ("include", "exclude", "unclear")
ADJUDICATOR = "adjudicated"  # the name under which a disagreement is settled
_LATER = "later"
_RESERVED = {"r1", "r2", "r3", "rule", "rules", "numbers and pairs"}
_LEFT_THE_SEARCH = (
    "no record of this number is in the sources of this run. The decision stays in its file and counts again once the "
    "record is found. Correct the number where it is misspelt."
)


def exclusion_criteria(protocol: dict) -> dict[str, str]:
    """The criteria by which a person excludes, code → text; duplicates are judged as pairs (``evlib.dedupe``)."""
    duplicate = protocol["screening"]["criterion"]["duplicate"]
    return {
        code: facts["text"]
        for code, facts in protocol["criteria"].items()
        if facts["kind"] == "exclude" and code != duplicate
    }


def reviewer_file(folder: str | Path, reviewer: str) -> Path:
    """The file of a reviewer's decisions.

    Raises
    ------
    InputError
        Where the name is empty, is one of the machine readings', or holds what a file name should not.
    """
    name = reviewer.strip()
    if not re.fullmatch(r"\w[\w .-]{0,39}", name) or name.casefold() in _RESERVED:
        raise InputError(
            f"'{reviewer}' cannot be a reviewer's name. Use up to 40 letters, digits, blanks, dots or hyphens, and none "
            f"of: {', '.join(sorted(_RESERVED))}."
        )
    return Path(folder) / f"{re.sub(r'[ .]+', '-', name.casefold()).strip('-')}.csv"


def own_decisions(folder: str | Path, *, known: set[str], protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What people decided: all files of the folder (which need not exist).

    A row without a decision, or with ``later``, is not yet judged and is passed over; so a filled-in queue
    (``to_screen.csv``) can be put into the folder as it is. Of two rows of one reviewer on one record the newer counts.

    Parameters
    ----------
    folder
        Holds CSV files with ``trn, decision (include, exclude or unclear), criterion, reason, reviewer, date``; without
        a reviewer in a row, the file's name counts. Other columns are passed over.
    known
        Registration numbers of all records of the sources, also those outside the search.

    Returns
    -------
    decisions, rejects
        Table ``decisions`` (``read_by`` is ``person``); and table ``rejects``, each row with what to do.
    """
    good, bad = [], []
    for path in matching(folder, "[!.]*.csv"):
        try:
            rows = _rows(path)
        except InputError as error:
            reason = str(error).removeprefix(f"{path}: ")
            bad.append(pd.DataFrame([{"file": path.name, "line": None, "trn": None, "reason": reason}]))
            continue
        kept, rejects = set_aside(rows, path, _problems(rows, known, protocol))
        good.append(kept[kept.decision.isin(DECISIONS)])
        bad.append(rejects)
    columns = [*COLUMNS, "stage", "read_by"]
    decisions = pd.concat(good) if good else pd.DataFrame(columns=columns)
    decisions = decisions.assign(stage="eligibility", read_by="person")
    newest = decisions.sort_values("date", kind="stable", na_position="first").drop_duplicates(
        ["trn", "reviewer"], keep="last"
    )
    rejects = pd.concat(bad) if bad else pd.DataFrame(columns=["file", "line", "trn", "reason"])
    return checked(newest.sort_values(["trn", "reviewer"])[columns], "decisions"), checked(rejects, "rejects")


def save_decision(
    folder: str | Path,
    trn: str,
    decision: str,
    *,
    reviewer: str,
    protocol: dict,
    criterion: str | None = None,
    reason: str | None = None,
) -> Path:
    """Save one decision of a reviewer, in place of an earlier one on the same record; returns the file.

    See ``save_decisions``.
    """
    row = {"trn": trn, "decision": decision, "criterion": criterion, "reason": reason, "date": today()}
    return save_decisions(folder, pd.DataFrame([row]), reviewer=reviewer, protocol=protocol)


def save_decisions(folder: str | Path, decisions: pd.DataFrame, *, reviewer: str, protocol: dict) -> Path:
    """Save decisions of a reviewer, each in place of an earlier one on the same record; returns the file.

    The file is read, changed and written under a lock, so that two who save at once both keep what they saved, and it
    appears whole or not at all. Rows and columns that are not ours to change stay as they are.

    Parameters
    ----------
    folder
        Of the decisions of people; it is made where it is not there.
    decisions
        ``trn, decision`` and, where there are any, ``criterion, reason, date``.

    Raises
    ------
    InputError
        Where a decision cannot be one (nothing is saved then), the file cannot be read as a table, or another session
        keeps it locked.
    """
    from filelock import FileLock, Timeout

    path = reviewer_file(folder, reviewer)
    new = decisions.reindex(columns=COLUMNS).astype("str")
    new = new.assign(reviewer=reviewer.strip(), date=new.date.fillna(today()))
    problems = _problems(new, set(new.trn.dropna()), protocol)
    _, rejects = set_aside(new, path, problems)
    if len(rejects):
        raise InputError(f"{rejects.trn[0]}: {rejects.reason[0]} Nothing was saved.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.stem}.lock"), timeout=10):
            held = _with_our_columns(read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS))
            who = held.reviewer.fillna(path.stem).str.strip().str.casefold()
            numbers = held.trn.map(normalised, na_action="ignore")
            mine = numbers.isin(new.trn) & who.isin({reviewer.strip().casefold(), path.stem})
            write_csv(pd.concat([held[~mine], new]), path, lasting=True)
    except Timeout:
        raise InputError(f"{path} is being saved by another session. Try again; nothing was lost.") from None
    return path


def undo_decision(folder: str | Path, trn: str, *, reviewer: str, protocol: dict) -> None:
    """Mark a record as not yet judged by a reviewer; the row stays, with the decision ``later``."""
    row = pd.DataFrame([{"trn": trn, "decision": _LATER}])
    save_decisions(folder, row, reviewer=reviewer, protocol=protocol)


def _rows(path: Path) -> pd.DataFrame:
    rows = _with_our_columns(read_csv(path, needs=["trn", "decision"]))
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    rows["decision"] = rows.decision.str.strip().str.lower()
    rows["criterion"] = rows.criterion.str.strip().str.upper()
    rows["reviewer"] = rows.reviewer.str.strip().fillna(path.stem)
    rows["date"] = rows.date.map(_day, na_action="ignore")
    return rows


def _with_our_columns(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.reindex(columns=[*rows.columns, *(name for name in COLUMNS if name not in rows)]).astype("str")
    return rows.apply(lambda column: column.map(unguarded, na_action="ignore")).astype("str")


def _problems(rows: pd.DataFrame, known: set[str], protocol: dict) -> list[tuple[pd.Series, str]]:
    """What may be wrong with rows of decisions, and what to do about it."""
    codes = exclusion_criteria(protocol)
    duplicate = protocol["screening"]["criterion"]["duplicate"]
    judged = rows.decision.notna() & (rows.decision != _LATER)
    no_code = ~rows.criterion.isin(list(codes))
    return [
        (judged & rows.trn.isna(), "no registration number. Fill in the column trn."),
        (judged & ~rows.decision.isin(DECISIONS), f"unknown decision. Write {', '.join(DECISIONS)} or leave it empty."),
        (
            judged & rows.reviewer.str.casefold().isin(_RESERVED),
            "this name is kept for the machine readings and the rules. Use the reviewer's own.",
        ),
        (
            (rows.decision == "exclude") & (rows.criterion == duplicate),
            f"{duplicate} is judged as a pair of records: write it into data/raw/curation/same_trial.csv.",
        ),
        ((rows.decision == "exclude") & no_code, f"an exclusion needs a criterion. Use {', '.join(codes)}."),
        (
            (rows.decision == "include") & rows.criterion.isin(list(codes)),
            "an inclusion with a criterion of exclusion. Clear one of the two.",
        ),
        (judged & ~rows.trn.isin(known), _LEFT_THE_SEARCH),
    ]


def _day(text: str) -> str | None:
    """The text if it is a day written YYYY-MM-DD; spreadsheets write others, which cannot be told apart safely."""
    try:
        return date.fromisoformat(text.strip()[:10]).isoformat()
    except ValueError:
        return None
