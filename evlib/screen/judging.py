"""People's screening decisions: each reviewer has files, saved whole; when they are read, bad rows are named."""

import re
from functools import partial
from pathlib import Path

import pandas as pd

from evlib.base.dates import day_or_month, month_stands_first, unambiguous_day
from evlib.base.errors import NOT_IN_SOURCES, InputError
from evlib.base.files import today
from evlib.base.identifiers import normalised
from evlib.base.paths import place_of
from evlib.base.rawdata import decision_files
from evlib.base.reading.by_people import ADJUDICATOR, BY_MACHINE, last_words
from evlib.base.reading.sheets import plain, read_sheet
from evlib.base.schema import checked, set_aside, unguarded, write_csv

COLUMNS = ["trn", "decision", "criterion", "reason", "reviewer", "date"]
DECISIONS = ("include", "exclude", "unclear")
# How spreadsheets and other tools say a decision, and that a cell holds nothing.
_SPELLINGS = {"included": "include", "excluded": "exclude", "maybe": "unclear"}
_NOTHING = {"NA", "N/A", "N.A.", "-", "–", "—", ".", "NONE", "NULL"}
_FIRST_CODE = re.compile(r"([A-Z]+)(\d+)\b(?!.*\b\1\d+\b).*", re.DOTALL)  # "E4 not the main ingredient"
_DAY = r"\d{4}-\d\d-\d\d"
# A reviewer's name, then what a further file, a second ending or a browser's second download adds to it.
_FURTHER = re.compile(r"([^.(]+?)((?:\.\d[\w-]*|\.csv|\s*\(\d+\))*)", re.IGNORECASE)
_NOBODYS = (
    "whose decision it is cannot be told from the file's name. Name the file anna.csv, a further one anna.2.csv or "
    "anna.2026-11-26.csv, without other dots; or fill in the column reviewer."
)
_LEFT_THE_SEARCH = (
    f"{NOT_IN_SOURCES} The decision stays in its file and counts again once the record is found. Correct the number where "
    "it is misspelt."
)


def exclusion_criteria(protocol: dict) -> dict[str, str]:
    """The criteria by which a person excludes, code → text; duplicates are judged as pairs (``evlib.screen.deduplication``)."""
    duplicate, criteria = protocol["screening"]["criterion"]["duplicate"], protocol["criteria"].items()
    return {code: facts["text"] for code, facts in criteria if facts["kind"] == "exclude" and code != duplicate}


def reviewer_file(folder: str | Path, reviewer: str) -> Path:
    """The file of a reviewer's decisions; InputError where the name is empty, a machine reading's, or suits no file name."""
    name = reviewer.strip()
    if not re.fullmatch(r"\w[\w .-]{0,39}", name) or name.casefold() in BY_MACHINE:
        remedy = f"Use up to 40 letters, digits, blanks, dots or hyphens, and none of: {', '.join(sorted(BY_MACHINE))}."
        raise InputError(f"'{reviewer}' cannot be a reviewer's name. {remedy}")
    return Path(folder) / f"{reviewer_key(name)}.csv"


def reviewer_key(reviewer: str) -> str:
    """What tells reviewers apart, however they are written: the name of their file."""
    return re.sub(r"[ .]+", "-", reviewer.strip().casefold()).strip("-")


def _reviewer_of(path: Path) -> tuple[str | None, tuple[int, ...]]:
    """Whose decisions a file holds by its name, and where it stands among the files of this reviewer.

    ``anna.csv`` comes before ``anna.2.csv`` and ``anna.2026-11-26.csv``. Any other text after a dot may belong to the name:
    then the file is nobody's.
    """
    parts = _FURTHER.fullmatch(path.stem)
    return (parts[1].strip(), tuple(map(int, re.findall(r"\d+", parts[2])))) if parts else (None, ())


def own_decisions(folder: str | Path, *, known: set[str] | None, protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The decisions of people: all files of the folder (which need not exist).

    A row without a decision, or with ``later``, is not yet judged and is skipped; so a filled-in queue (``to_screen.csv``)
    can be put into the folder as it is. Files are read as ``sheets.read_sheet`` does. Dates are days first or months first, by
    all dates of a file. Of two rows of one reviewer on one record the newer counts; of rows without a date
    that of the later file (``anna.2.csv`` after ``anna.csv``), then the later row.

    Parameters
    ----------
    folder
        Holds CSV files with ``trn, decision (include, exclude or unclear), criterion, reason, reviewer, date``; without
        a reviewer in a row, the file's name counts, up to a dot and a number or day. Other columns are ignored.
    known
        Registration numbers of all records of the sources, also those outside the search; None: they are not looked at.

    Returns
    -------
    decisions, rejects
        Table ``decisions`` (``read_by`` is ``person``); and table ``rejects``, each row with its remedy: those that cannot be
        told apart, those that cannot be used, and those that another row of the same reviewer in the file contradicts. A file of which
        nothing could be used has a row of its own, without a line.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from evlib.base.protocol import load_protocol
    >>> rows = pd.DataFrame({"trn": ["NCT00000001", "NCT00000002"], "decision": ["Included", "exclude"]})
    >>> with TemporaryDirectory() as folder:
    ...     rows.to_csv(Path(folder, "anna.csv"), index=False)
    ...     decisions, rejects = own_decisions(folder, known=set(rows.trn), protocol=load_protocol("protocol.yml"))
    >>> decisions[["trn", "reviewer", "decision"]]
               trn reviewer decision
    0  NCT00000001     anna  include
    >>> rejects.reason.to_list()
    ['an exclusion needs a criterion. Use E2, E3, E4, E5.']
    """
    tables, others = decision_files(folder)
    good, bad = [], [_whole_file(path, _why_not_read(path, Path(folder))) for path in others]
    for path in sorted(tables, key=lambda path: (_reviewer_of(path)[1], path.name)):
        try:
            rows, broken = _rows(path)
        except InputError as error:
            bad.append(_whole_file(path, str(error).removeprefix(f"{path}: ")))
            continue
        kept, unusable = set_aside(rows, path, _problems(rows, known, protocol, Path(folder)))
        kept = kept[kept.decision.notna()]
        own = kept.assign(reviewer=kept.reviewer.map(reviewer_key))
        _, twice = last_words(own, path, on=["trn"], say=["decision", "criterion"])
        rejects = pd.concat([broken, unusable, twice]).sort_values("line", ignore_index=True)
        good.append(kept)
        if len(rejects) and not kept.decision.isin(DECISIONS).any():
            rejects = pd.concat([_whole_file(path, f"{rejects.reason[0]} (line {rejects.line[0]})"), rejects])
        bad.append(rejects)
    decisions = pd.concat(good) if good else pd.DataFrame(columns=COLUMNS)
    decisions = decisions.assign(stage="eligibility", read_by="person", reviewer=_one_spelling(decisions.reviewer))
    by_date = decisions.sort_values("date", kind="stable", na_position="first")
    newest = by_date.drop_duplicates(["trn", "reviewer"], keep="last").query("decision in @DECISIONS")
    rejects = pd.concat(bad) if bad else pd.DataFrame(columns=["file", "line", "trn", "reason"])
    newest = newest.sort_values(["trn", "reviewer"])[[*COLUMNS, "stage", "read_by"]]
    return checked(newest, "decisions"), checked(rejects, "rejects")


def gone_since(before: pd.DataFrame, folder: str | Path) -> pd.DataFrame:
    """The rows of ``before`` (``trn, reviewer``: decisions of people in the last run) that are in no file of the folder any
    more, not even as ``later``."""
    held: set[tuple[str, str]] = set()
    for path in decision_files(folder)[0]:
        try:
            rows = _rows(path)[0].dropna(subset=["trn", "decision", "reviewer"])
        except InputError:
            continue
        held |= set(zip(rows.reviewer.map(reviewer_key), rows.trn, strict=True))
    return before[[(reviewer_key(row.reviewer), row.trn) not in held for row in before.itertuples()]]


def _why_not_read(path: Path, folder: Path) -> str:
    if path.parent == folder:
        return "it is not a CSV file. Save it as CSV (UTF-8) in the same folder, and take this one away."
    within = path.relative_to(folder).parent.as_posix()
    return f"it lies deeper, in {within}. Move it up into {place_of(folder)}, or, if it shall not count, out of there."


def _whole_file(path: Path, reason: str) -> pd.DataFrame:
    row = {"file": path.name, "line": None, "trn": None, "reason": f"none of its decisions counted: {reason}"}
    return checked(pd.DataFrame([row]), "rejects")


def _one_spelling(reviewers: pd.Series) -> pd.Series:
    """One spelling for each reviewer, where their files write the name in several ways (``anna`` by the name of a file)."""
    keys = reviewers.map(reviewer_key)
    written = reviewers.groupby(keys).transform("min")  # capitals come first
    return written.mask(keys == ADJUDICATOR, ADJUDICATOR)


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
    """Save one decision of a reviewer as ``save_decisions`` does; returns the file. ``later`` takes a decision back."""
    row = {"trn": trn, "decision": decision, "criterion": criterion, "reason": reason}
    return save_decisions(folder, pd.DataFrame([row]), reviewer=reviewer, protocol=protocol)


def save_decisions(folder: str | Path, decisions: pd.DataFrame, *, reviewer: str, protocol: dict) -> Path:
    """Save decisions of a reviewer, each in place of an earlier one on the same record; returns the file.

    The file is read, changed and written under a lock, so that nothing is lost when two sessions save at once, and it
    appears whole or not at all. All other rows and columns stay as they are.

    Parameters
    ----------
    folder
        Of the decisions of people; it is made where it is missing.
    decisions
        ``trn, decision`` and, where there are any, ``criterion, reason, date``.

    Raises
    ------
    InputError
        Where a decision is not valid (nothing is saved then), the file holds what could not be written back (a row that cannot
        be told apart, text above the header), or another session keeps it locked.
    """
    from filelock import FileLock, Timeout

    path = reviewer_file(folder, reviewer)
    new = decisions.reindex(columns=COLUMNS).astype("str")
    new = new.assign(reviewer=reviewer.strip(), date=new.date.fillna(today()))
    _, rejects = set_aside(new, path, _problems(new, set(new.trn.dropna()), protocol, Path(folder)))
    if len(rejects):
        raise InputError(f"{rejects.trn[0]}: {rejects.reason[0]} Nothing was saved.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.stem}.lock"), timeout=10):
            held = _with_our_columns(_whole(path) if path.exists() else pd.DataFrame(columns=COLUMNS))
            own = held.reviewer.fillna(path.stem).map(reviewer_key) == path.stem
            replaced = own & held.trn.map(normalised, na_action="ignore").isin(new.trn)
            write_csv(pd.concat([held[~replaced], new]), path, lasting=True)
    except Timeout:
        raise InputError(f"{path} is being saved by another session. Try again; nothing was lost.") from None
    return path


def _whole(path: Path) -> pd.DataFrame:
    """The rows of a file that can be written back without loss; InputError says what stands in the way."""
    sheet = read_sheet(path, names=COLUMNS, needs=["trn", "decision"])
    for broken in sheet.rejects.itertuples():
        raise InputError(f"{path}, line {broken.line}: {broken.reason} Nothing was saved.")
    if sheet.above:
        raise InputError(f"{path}: '{sheet.above[0][:40]}' stands above the table. Take it out. Nothing was saved.")
    return sheet.rows


def _rows(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a file of decisions, and those that cannot be told apart (table ``rejects``)."""
    sheet = read_sheet(path, names=COLUMNS, needs=["trn", "decision"])
    rows = _with_our_columns(sheet.rows)
    tidy = rows[["trn", "decision", "criterion", "date"]].apply(lambda column: column.map(plain, na_action="ignore"))
    rows = rows.assign(
        trn=tidy.trn.map(normalised, na_action="ignore"),
        decision=tidy.decision.str.lower().replace(_SPELLINGS),
        criterion=tidy.criterion.map(criterion_in, na_action="ignore"),
        reviewer=rows.reviewer.str.strip().fillna(_reviewer_of(path)[0]),
        date=_days(tidy.date),
    )
    return rows.astype({name: "str" for name in COLUMNS}), sheet.rejects


def criterion_in(text: str) -> str | None:
    """The code in a cell, in capitals: by itself, or with words after it; None where the cell says that there is none.

    Examples
    --------
    >>> criterion_in("e4: not the main ingredient"), criterion_in("n/a"), criterion_in("E2, E4")
    ('E4', None, 'E2, E4')
    """
    text = plain(text).upper()
    code = _FIRST_CODE.fullmatch(text)
    return code[1] + code[2] if code else None if text in _NOTHING else text


def _days(texts: pd.Series) -> pd.Series:
    """The dates of a file as YYYY-MM-DD, day and month in the one order that suits all of them; those that cannot be read, and
    where no order is shown those with two readings, as they are."""
    month_first = month_stands_first(texts.dropna())
    read = unambiguous_day if month_first is None else partial(day_or_month, month_first=month_first)
    days = texts.map(read, na_action="ignore").astype("str")
    return days.where(days.str.fullmatch(_DAY, na=False), texts)


def _with_our_columns(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.reindex(columns=[*rows.columns, *(name for name in COLUMNS if name not in rows)]).astype("str")
    return rows.apply(lambda column: column.map(unguarded, na_action="ignore")).astype("str")


def _problems(
    rows: pd.DataFrame, known: set[str] | None, protocol: dict, folder: Path
) -> list[tuple[pd.Series, str | pd.Series]]:
    """What may be wrong with rows of decisions, each with its remedy."""
    codes, duplicate = exclusion_criteria(protocol), protocol["screening"]["criterion"]["duplicate"]
    judged, is_day = rows.decision.notna() & (rows.decision != "later"), rows.date.str.fullmatch(_DAY, na=False)
    excluded, included = rows.decision == "exclude", rows.decision == "include"
    reserved = rows.reviewer.str.casefold().isin(BY_MACHINE)
    use, write = f"Use {', '.join(codes)}.", f"Write {', '.join(DECISIONS)} or leave it empty."
    unclear_date = "is none, or could be read in two ways. Write it as 2026-11-26, or leave it empty."
    pairs = place_of(folder.parent / "same_trial.csv")
    return [
        (judged & rows.trn.isna(), "no registration number. Fill in the column trn."),
        (judged & rows.trn.str.startswith("=", na=False), "a formula is no registration number. Write the number."),
        (rows.decision.isna() & rows.criterion.notna(), "a criterion without a decision. Fill in both, or none."),
        (judged & ~rows.decision.isin(DECISIONS), "unknown decision '" + rows.decision + f"'. {write}"),
        (judged & rows.reviewer.isna(), _NOBODYS),
        (judged & reserved, "this name is kept for the machine readings and the rules. Use the reviewer's own."),
        (
            excluded & (rows.criterion == duplicate),
            f"{duplicate} is judged as a pair of records: write it into {pairs}.",
        ),
        (excluded & rows.criterion.isna(), f"an exclusion needs a criterion. {use}"),
        (excluded & ~rows.criterion.isin(list(codes)), "unknown criterion '" + rows.criterion + f"'. {use}"),
        (included & rows.criterion.isin(list(codes)), "an inclusion with a criterion. Clear one of the two."),
        (judged & rows.date.notna() & ~is_day, "the date '" + rows.date + f"' {unclear_date}"),
        (judged & ~rows.trn.isin(rows.trn if known is None else known), _LEFT_THE_SEARCH),
    ]
