"""The history of a review: a row for each update in ``data/updates.csv``, told in the book and as an Atom feed."""

import hashlib
import html
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import feedgenerator
import pandas as pd

from evlib.base.schema import checked, columns, read_csv, read_table, unguarded, write_csv
from evlib.base.words import several
from evlib.book.trial_pages import page_name

FILE = "data/updates.csv"  # below the review's folder; kept in git
FEED = "updates.xml"  # beside the book's first page
# Of the claims on doses those that answer the question, in words.
_VERDICTS = {"narrow": "a narrow range", "below intravenous": "lower nebulised than intravenously"}


def updates(root: str | Path) -> pd.DataFrame:
    """The updates of a review, the oldest first: table ``updates``; without a file, none."""
    rows = read_csv(Path(root) / FILE, needs=columns("updates"), optional=True)
    return checked(rows.map(unguarded, na_action="ignore"), "updates", source=FILE)


def add_update(root: str | Path, results: str | Path, *, day: str) -> bool:
    """Add a row on a run to the history; whether it did: the same data and decisions add nothing twice.

    Parameters
    ----------
    results
        The folder of the run, of which tables, ``run.json`` and ``whats_new.md`` are read.
    day
        The day of the update, YYYY-MM-DD.
    """
    root, results = Path(root), Path(results)
    before, row = updates(root), _row(results, day)
    if len(before) and (before.inputs.iloc[-1], before.search_date.iloc[-1]) == (row["inputs"], row["search_date"]):
        return False
    last = before.iloc[-1] if len(before) else None
    was = set(last.trials.split()) if last is not None and isinstance(last.trials, str) else set()
    row |= {
        "new": len(set(row["trials"].split()) - was) if last is not None else None,
        "removed": len(was - set(row["trials"].split())) if last is not None else None,
        "results_added": row["results"] - int(last.results) if last is not None else None,
    }
    write_csv(checked(pd.concat([before, pd.DataFrame([row])], ignore_index=True), "updates"), root / FILE)
    return True


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


def history_words(root: str | Path) -> dict[str, str]:
    """What the book's pages take from the history: ``history`` (all updates, the newest first) and ``since_last_update``."""
    rows = updates(root)
    if rows.empty:
        return {"history": "No update is on record yet.", "since_last_update": "No update is on record yet."}
    parts = [
        f"## {row.day}\n\nSearch to {row.search_date}, records as of {row.snapshot}: {several(row.records, 'record')}, {row.read} of them "
        f"read; **{several(row.included, 'included trial')}**; {several(row.results, 'report')} on file. {_sentence(row)}\n\n"
        f"Verdicts on doses: {row.verdicts}. {row.whats_new if isinstance(row.whats_new, str) else ''}\n\n"
        f"Checksum of the inputs: `{row.inputs[:12]}`"
        for row in rows[::-1].itertuples()
    ]
    last = rows.iloc[-1]
    return {"history": "\n\n".join(parts), "since_last_update": f"The last update is of {last.day}. {_sentence(last)}"}


def _sentence(row: object) -> str:
    """What an update brought beside the one before it."""
    if pd.isna(row.new):
        return "It is the first on record."
    return (
        f"Since the update before: {several(row.new, 'new trial')}, {row.removed} removed, "
        f"{several(row.results_added, 'report')} added."
    )


def write_feed(root: str | Path, results: str | Path, folder: str | Path, *, title: str) -> None:
    """Write the Atom feed of updates and of the trials that each brought, into the folder of the book's downloads.

    Links are relative, so that they lead to the book beside which the feed lies.
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
            title=f"Update of {row.day}", link="history.html", description=html.escape(text), pubdate=when, updateddate=when,
            unique_id=_identifier(f"{title} update {row.day} {row.inputs}"),
        )  # fmt: skip
        now = set(row.trials.split()) if isinstance(row.trials, str) else set()
        for trn in sorted(now - was) if place else []:
            name = described.title.get(trn)
            feed.add_item(
                title=f"New trial {trn}", link=f"trials/{page_name(trn)}.html", pubdate=when, updateddate=when,
                description=html.escape(name if isinstance(name, str) else "no title shown"), unique_id=_identifier(f"{title} trial {trn}"),
            )  # fmt: skip
        was = now
    (Path(folder) / FEED).write_text(feed.writeString("utf-8"), encoding="utf-8")


def _identifier(text: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, text).urn
