"""The whole path of one record: where it came from, who judged it and why, how it was coded, where the book shows it."""

from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.identifiers import normalised
from evlib.base.paths import command_ending
from evlib.base.schema import NO_SUCH_RECORD, checked, columns, read_csv, read_table, split_multi
from evlib.base.tables import anchor

_UNSEEN = {
    "undated": "cannot be placed before or after the search date",
    "after": "was registered after the search date",
}


# Each table with the columns by whose values its rows are looked up.
_TABLES = {
    "records": ["trn"],
    "duplicates": ["trn", "kept_trn"],
    "decisions": ["trn"],
    "screened": ["trn"],
    "coding_basis": ["trn"],
    "doses": ["trn"],
    "rejects": ["trn"],
}
_CURATED = {
    "coding_readings": ("trn", "field", "reviewer", "value"),
    "studies": ("trn", "study_id", "study", "trn_link", "doi_or_url"),
    "arms": ("study_id", "arm_id"),
    "outcomes": ("arm_id",),
}
# Of one table: the rows by registration number, each with the cells that hold something.
Rows = dict[str, list[dict[str, Any]]]


def traced_tables(results: str | Path, *, raw_dir: str | Path) -> dict[str, Rows]:
    """The tables of a run and of the curation that ``trace`` looks at, by name; read once, for any number of records.

    Returns
    -------
    dict
        For each table its rows by registration number; those of arms by study, those of outcomes by arm.

    Raises
    ------
    InputError
        Where there is no whole run in the folder.
    """
    results = Path(results)
    if not (results / "places.csv").is_file():
        raise InputError(
            f"{results} holds no run. Make one first: make run{command_ending(results)} SEARCH_DATE={results.name[:10]}"
        )
    held = {name: _by(_table(results / f"{name}.csv", name), keys) for name, keys in _TABLES.items()}
    held["proposals"] = _by(read_table(results / "duplicate_proposals.csv", "proposals"), ["trn", "other_trn"])
    held["places"] = _by(read_csv(results / "places.csv"), ["trn"])
    for name, needs in _CURATED.items():
        path = Path(raw_dir) / f"curation/{name}.csv"
        held[name] = _by(read_csv(path, needs=needs, optional=True), [needs[0]])
    return held


def _table(path: Path, name: str) -> pd.DataFrame:
    """A table of the run; without rows, where the review has not the chapter that makes it."""
    return read_table(path, name) if path.is_file() else checked(pd.DataFrame(columns=columns(name)), name)


def _by(frame: pd.DataFrame, keys: list[str]) -> Rows:
    """The rows of a table under each value that they have in ``keys``, in the table's order."""
    held: Rows = {}
    for cells in zip(*(frame[name] for name in frame), strict=True):
        row = {name: _plain(cell) for name, cell in zip(frame, cells, strict=True) if not pd.isna(cell)}
        for value in dict.fromkeys(row[key] for key in keys if key in row):
            held.setdefault(value, []).append(row)
    return held


def _plain(cell: object) -> object:
    return f"{cell:%Y-%m-%d}" if isinstance(cell, pd.Timestamp) else getattr(cell, "item", lambda: cell)()


def trace(trn: str, held: dict[str, Rows], *, run: str, protocol: dict) -> dict[str, Any]:
    """Everything that a run and the raw data hold on one record.

    Parameters
    ----------
    trn
        A registration number as people write it, also one that a record names as its secondary number.
    held
        The tables of ``traced_tables``.
    run
        The name of the run, for messages.
    protocol
        The review's protocol, as in that run.

    Returns
    -------
    dict
        ``asked, trn, place`` (in, after or undated: whether it is in the search), ``record, duplicates, decisions,
        outcome, coding, doses, results, set_aside, book``; missing facts are left out of each. Ready for JSON.

    Raises
    ------
    InputError
        Where no source of the run holds the number.
    """
    number, places = normalised(trn), held["places"]
    naming = (row for rows in places.values() for row in rows if number in split_multi(row.get("secondary_trns")))
    found = places[number][0] if number in places else next(naming, None)
    if found is None:
        rejected = held["rejects"].get(number)
        why = f" A row that names it was set aside: {rejected[0]['reason']}" if rejected else ""
        raise InputError(
            f"{number}: {NO_SUCH_RECORD.split('.')[0]} of the run {run}.{why} Its sources.csv tells what was read."
        )
    record, kept = found["trn"], found["place"]
    story: dict[str, Any] = {"asked": trn, "trn": record, "run": run, "place": kept}
    if record != number:
        story["note"] = f"{record} names {number} as a secondary number"
    story["record"] = _without(found, "place")
    story["set_aside"] = held["rejects"].get(record, [])
    if kept != "in":
        return story | {"outcome": {"outcome": "not in this search", "reason": f"it {_UNSEEN[kept]}"}}

    story["record"] = held["records"][record][0]
    story["duplicates"] = held["duplicates"].get(record, [])
    shown = ("trn", "other_trn", "points", "evidence")
    story["proposed_duplicates"] = [
        {name: row[name] for name in shown if name in row} for row in held["proposals"].get(record, [])
    ]
    story["decisions"] = held["decisions"].get(record, [])
    story["outcome"] = _without(held["screened"][record][0], "trn", "registry", "title")
    repeated = (row["kept_trn"] for row in story["duplicates"] if row["trn"] == record)
    counted = next(repeated, record)
    story["coding"] = _coding(counted, held, protocol)
    story["doses"] = held["doses"].get(counted, [])
    story["results"] = _published(counted, held)
    story["book"] = _pages(record, counted, story)
    return story


def told(story: dict[str, Any]) -> str:
    """The path of a record as text for a terminal, one step a paragraph."""
    record, outcome = story["record"], story["outcome"]
    wanted = ("registry", "snapshot", "registered", "registered_basis", "registered_method", "status", "enrolment")
    steps = {f"Where it came from (run {story['run']})": [
        *(f"{name}: {record[name]}" for name in wanted if name in record),
        *(f"read from {url}" for url in split_multi(record.get("source_urls"))),
        *(f"SET ASIDE, {row['file']}: {row['reason']}" for row in story["set_aside"]),
    ]}  # fmt: skip
    if "decisions" in story:
        steps["Other records of the same trial"] = [
            *(f"{row['trn']} repeats {row['kept_trn']} ({row['basis']})" for row in story["duplicates"]),
            *(
                f"perhaps {row['trn']} and {row['other_trn']} ({row['evidence']})"
                for row in story["proposed_duplicates"]
            ),
        ] or ["none known"]
        steps["Who judged it"] = [
            f"{row['reviewer']} ({row['read_by']}): {row['decision']} {row.get('criterion', '')}"
            f" - {row.get('reason', 'no reason given')}"
            for row in story["decisions"]
        ]
    steps["What became of it"] = [
        f"{outcome['outcome']} {outcome.get('criterion', '')}".rstrip(),
        *(f"{name}: {outcome[name]}" for name in ("reason", "decided_by", "needs", "proposal") if name in outcome),
    ]
    if story.get("coding"):
        steps[f"How it was coded (by {story['coding'][0]['coded_by']})"] = [
            f"{row['field']}: {row['value']}{_rests_on(row)}" for row in story["coding"]
        ]
    if "doses" in story:
        steps["Doses and results on file"] = [
            *(f"dose: {row.get('as_stated', row['unit_kind'])}" for row in story["doses"]),
            *(
                f"report: {row['study']} ({row['report']}), arms: {row['arms']}, outcomes: {row['outcomes']}"
                for row in story["results"]
            ),
        ] or ["none"]
        steps["Where in the book"] = [f"{page['page']}: {page['what']}" for page in story["book"]]
    lines = [f"{story['trn']}: {record.get('brief_title') or record.get('official_title', 'no title')}"]
    lines += [f"  {story['note']}"] if "note" in story else []
    for number, (step, facts) in enumerate(steps.items(), start=1):
        lines += ["", f"{number}. {step}", *(f"   {fact}" for fact in facts)]
    return "\n".join(lines)


def _rests_on(row: dict[str, Any]) -> str:
    """On what a code rests, in brackets; nothing where there is nothing to say."""
    parts = [f"{row['found_in']}: {row['words']}" if "words" in row else row.get("found_in"), row.get("read_as")]
    return f" ({'; '.join(filter(None, parts))})" if any(parts) else ""


def _coding(trn: str, held: dict[str, Rows], protocol: dict) -> list[dict[str, Any]]:
    """Each coded field with its value as a reader sees it, on what it rests, and how the two readings coded it."""
    said: dict[str, list[str]] = {}
    for reader in held["coding_readings"].get(trn, []):
        if "value" in reader:
            said.setdefault(reader["field"], []).append(f"{reader['reviewer']} {reader['value']}")
    rows = []
    for row in held["coding_basis"].get(trn, []):
        field, value = row["field"], row.get("value")
        label = protocol["codes"].get(field, {}).get(value, {}).get("label")
        fact = {
            "field": field,
            "value": "not reported" if value is None else label or _said(value),
            "coded_by": row.get("coded_by"),
            "found_in": row.get("found_in"),
            "words": row.get("words"),
            "read_as": "; ".join(said.get(field, [])) or None,
        }
        rows.append({name: text for name, text in fact.items() if text is not None})
    return rows


def _said(value: str) -> str:
    return {"True": "yes", "False": "no"}.get(value, value)


def _published(trn: str, held: dict[str, Rows]) -> list[dict[str, Any]]:
    """The reports on a trial, with how many arms and outcomes are on file."""
    rows = []
    for study in held["studies"].get(trn, []):
        arms = [arm["arm_id"] for arm in held["arms"].get(study["study_id"], [])]
        report = {
            "study": study["study"],
            "report": study["doi_or_url"],
            "link": study.get("trn_link"),
            "arms": len(arms),
        }
        rows.append(report | {"outcomes": sum(len(held["outcomes"].get(arm, [])) for arm in arms)})
    return rows


def _pages(trn: str, counted: str, story: dict[str, Any]) -> list[dict[str, str]]:
    outcome = story["outcome"]["outcome"]
    pages = [{"page": f"02_screen.html#{anchor(outcome)}", "what": f"listed among the records: {outcome}"}]
    if outcome == "pending":
        pages.append({"page": "to_screen.html", "what": "in the queue of records that await a decision"})
    if story["coding"]:
        of = "" if counted == trn else f" (as {counted})"
        pages.append({"page": "03_describe.html", "what": f"counted in the figures and listed with its codes{of}"})
    if story["doses"] or story["results"]:
        pages.append({"page": "04_dose_effect.html", "what": "its doses and reports"})
    return pages


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: cell for name, cell in row.items() if name not in names}
