"""The history of a review: a row for each update in ``data/updates.csv``, told in the book and as an Atom feed."""

import hashlib
import html
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import feedgenerator
import pandas as pd

from evlib.base.schema import checked, columns, read_csv, read_table, unguarded, write_csv
from evlib.base.words import several
from evlib.book.trials.trial_pages import page_name

FILE = "data/updates.csv"  # below the review's folder; kept in git
FEED = "updates.xml"  # beside the book's first page
# Of the claims on doses those that answer the question, in words.
_VERDICTS = {"narrow": "a narrow range", "below intravenous": "lower nebulised than intravenously"}


def updates(root: str | Path) -> pd.DataFrame:
    """The updates of a review, the oldest first: table ``updates``; without a file, none."""
    rows = read_csv(Path(root) / FILE, needs=columns("updates"), optional=True)
    return checked(rows.map(unguarded, na_action="ignore"), "updates", source=FILE)


def add_update(root: str | Path, results: str | Path, *, day: str) -> bool:
    """Add a row on a run to the history; whether it did: a search that gives what the last row holds adds nothing.

    Beside the row before it, ``whats_new`` names the trials that came in and those that left, and says by what. Of the first
    row, it is the sentence of the run on the earlier search that it was compared with.

    Parameters
    ----------
    results
        The folder of the run, of which tables, ``run.json`` and ``whats_new.md`` are read.
    day
        The day of the update, YYYY-MM-DD.
    """
    root, results = Path(root), Path(results)
    before, row = updates(root), _row(results, day)
    if len(before):
        last = before.iloc[-1]
        if not is_news(row, last):
            return False
        was, now = _trials(last.trials), _trials(row["trials"])
        row |= {"new": len(now - was), "removed": len(was - now), "results_added": row["results"] - int(last.results)}
        row["whats_new"] = _since_row(last, row, _reasons(was ^ now, last, results))
    write_csv(checked(pd.concat([before, pd.DataFrame([row])], ignore_index=True), "updates"), root / FILE)
    return True


def is_news(row: Mapping[str, object], last: pd.Series) -> bool:
    """Whether a row tells of another search than the last one, or of another result: inputs that changed nothing are no news."""
    told = ("search_date", "snapshot", "records", "read", "included", "results", "verdicts")
    return any(row[name] != last[name] for name in told) or _trials(row["trials"]) != _trials(last.trials)


def _trials(cell: object) -> set[str]:
    return set(cell.split()) if isinstance(cell, str) else set()


def _since_row(last: pd.Series, row: Mapping[str, object], reasons: dict[str, str]) -> str:
    """What a row brought beside the last one, with each trial that came in or left."""
    was, now = _trials(last.trials), _trials(row["trials"])
    waiting = int(row["records"]) - int(row["read"])
    parts = [
        f"Since the update of {last.day} the included trials went from {last.included} to {row['included']} "
        f"({last.included} + {row['new']} new - {row['removed']} removed); reports on file: {row['results_added']:+d}."
    ]
    for heading, trns in (("New", now - was), ("No longer included", was - now)):
        if trns:
            parts.append(f"{heading}: {'; '.join(f'{trn} ({reasons[trn]})' for trn in sorted(trns))}.")
    parts += [f"{several(waiting, 'record is', 'records are')} not yet read."] if waiting else []
    return " ".join(parts)


def _reasons(trns: set[str], last: pd.Series, results: Path) -> dict[str, str]:
    """By what each trial came in or left since the last row: a record, or a decision and whose."""
    screened = read_table(results / "screened.csv", "screened").set_index("trn")
    records = read_csv(results / "records.csv", needs=["trn", "registered", "first_retrieved"]).set_index("trn")
    return {trn: _reason(trn, last, screened, records) for trn in trns}


def _reason(trn: str, last: pd.Series, screened: pd.DataFrame, records: pd.DataFrame) -> str:
    if trn not in screened.index:
        return "its record is not in this search"
    row = screened.loc[trn]
    by = _plain(row.decided_by)
    if row.outcome == "duplicate":
        return f"counted as another: {_plain(row.reason)}"
    if row.outcome != "included":
        code = f" by {_plain(row.criterion)}" if isinstance(row.criterion, str) else ""
        outcome = "not yet read" if row.outcome == "pending" else row.outcome
        return f"now {outcome}{code}" + (f", decided by {by}" if by else f", needs {_plain(row.needs)}")
    registered, first = records.loc[trn, ["registered", "first_retrieved"]].fillna("")
    if registered > last.search_date or first > last.snapshot:
        return f"its record is new, decided by {by}"
    return f"its record was there before, now decided by {by}"


def _plain(text: object) -> str:
    """Words of a table without what could be markup."""
    return "" if pd.isna(text) else re.sub(r"[^\w ,.:/()-]+", " ", str(text)).strip()


def _row(results: Path, day: str) -> dict[str, object]:
    run = json.loads((results / "run.json").read_text(encoding="utf-8"))
    data = {
        name: checksum for name, checksum in run["inputs"].items() if name.startswith("data/") or name == "protocol.yml"
    }
    screened = read_table(results / "screened.csv", "screened")
    verdicts, reports = results / "dose_verdicts.csv", results / "studies.csv"
    told = read_csv(verdicts).set_index("claim").verdict if verdicts.is_file() else pd.Series(dtype="str")
    whats_new = results / "whats_new.md"
    return {
        "day": day,
        "search_date": run["parameters"]["search_date"],
        "snapshot": run["parameters"]["snapshot"],
        "records": len(screened),
        "read": int((screened.outcome != "pending").sum()),
        "included": int((screened.outcome == "included").sum()),
        "results": len(read_csv(reports)) if reports.is_file() else 0,
        "verdicts": "; ".join(f"{words}: {told[claim]}" for claim, words in _VERDICTS.items() if claim in told)
        or "none",
        "inputs": hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest(),
        "whats_new": whats_new.read_text(encoding="utf-8").split("\n\n")[1] if whats_new.is_file() else None,
        "trials": " ".join(sorted(screened.trn[screened.outcome == "included"])),
    }


def history_words(root: str | Path, results: str | Path) -> dict[str, str]:
    """What the pages of a run's book take from the history: ``history`` (all updates, the newest first) and ``since_last_update``.

    An update that searched later than the run is told to be no part of this edition.
    """
    rows = updates(root)
    if rows.empty:
        return {"history": "No update is on record yet.", "since_last_update": "No update is on record yet."}
    within = _within(rows, results)
    parts = [
        f"({_anchor(place)})=\n## {row.day}\n\nSearch to {row.search_date}, records as of {row.snapshot}: {several(row.records, 'record')}, {row.read} of them "
        f"read; **{several(row.included, 'included trial')}**; {several(row.results, 'report')} on file. {_sentence(row)}"
        f"{'' if within[place] else ' ' + _NOT_HERE}\n\n"
        f"Verdicts on doses: {row.verdicts}.{_compared_then(row)}\n\n"
        f"Checksum of the inputs: `{row.inputs[:12]}`"
        for place, row in reversed(list(enumerate(rows.itertuples())))
    ]
    newest, told = rows.iloc[-1], "No update of this search is on record."
    if within.any():
        last = rows[within].iloc[-1]
        told = f"The last update is of {last.day}. {_sentence(last)}"
    if not within.iloc[-1]:
        told += f" A later search, to {newest.search_date}, was made on {newest.day}: it is not in this edition."
    return {"history": "\n\n".join(parts), "since_last_update": told}


_NOT_HERE = "**This search is later than that of this edition of the book, which does not hold its trials.**"


def _within(rows: pd.DataFrame, results: str | Path) -> pd.Series:
    """Of each update whether a run's search goes as far as it did."""
    run = json.loads((Path(results) / "run.json").read_text(encoding="utf-8"))["parameters"]
    return (rows.search_date <= run["search_date"]) & (rows.snapshot <= run["snapshot"])


def _anchor(place: int) -> str:
    return f"history-{place + 1}"


def _sentence(row: object) -> str:
    """What an update brought beside the one before it."""
    if pd.isna(row.new):
        return "It is the first on record."
    if isinstance(row.whats_new, str):
        return row.whats_new
    return (
        f"Since the update before: {several(row.new, 'new trial')}, {row.removed} removed, "
        f"{several(row.results_added, 'report')} added."
    )


def _compared_then(row: object) -> str:
    """Of the first update what it brought beside an earlier search, which was counted on that day and may be counted otherwise since."""
    if not (pd.isna(row.new) and isinstance(row.whats_new, str)):
        return ""
    return f" As counted on {row.day}, by the records, decisions and rules of that day: {row.whats_new}"


def write_feed(root: str | Path, results: str | Path, folder: str | Path, *, title: str) -> None:
    """Write the Atom feed of updates and of the trials that each brought, into the folder of the book's downloads.

    Links are relative, so that they lead to the book beside which the feed lies: to a trial's page, or, where this book has
    none for it, to the update that brought it.
    """
    rows = updates(root)
    described = read_table(Path(results) / "described.csv", "described").set_index("trn")
    feed = feedgenerator.Atom1Feed(
        title=title,
        link="index.html",
        description="Updates and new trials",
        feed_guid=_identifier(title),
        feed_url=FEED,
    )
    if rows.empty:  # else the feed would be dated by the clock, and no book would be the same twice
        run = json.loads((Path(results) / "run.json").read_text(encoding="utf-8"))
        day = datetime.fromisoformat(run["parameters"]["search_date"]).replace(tzinfo=UTC)
        feed.latest_post_date = lambda: day
    was: set[str] = set()
    for place, row in enumerate(rows.itertuples()):
        when = datetime.fromisoformat(row.day).replace(tzinfo=UTC)
        text = f"{several(row.included, 'included trial')} by {row.search_date}. {_sentence(row)} Verdicts on doses: {row.verdicts}."
        feed.add_item(
            title=f"Update of {row.day}", link=f"history.html#{_anchor(place)}", description=html.escape(text), pubdate=when, updateddate=when,
            unique_id=_identifier(f"{title} update {row.day} {row.inputs}"),
        )  # fmt: skip
        now = _trials(row.trials)
        for trn in sorted(now - was) if place else []:
            name = described.title.get(trn)
            page = f"trials/{page_name(trn)}.html" if trn in described.index else f"history.html#{_anchor(place)}"
            feed.add_item(
                title=f"New trial {trn}", link=page, pubdate=when, updateddate=when,
                description=html.escape(name if isinstance(name, str) else "no title shown"), unique_id=_identifier(f"{title} trial {trn}"),
            )  # fmt: skip
        was = now
    (Path(folder) / FEED).write_text(feed.writeString("utf-8"), encoding="utf-8")


def _identifier(text: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, text).urn
