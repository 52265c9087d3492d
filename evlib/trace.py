"""The whole path of one record: where it came from, who judged it and why, how it was coded, where the book shows it."""

from pathlib import Path
from typing import Any

import pandas as pd

from evlib.errors import InputError
from evlib.identifiers import normalised
from evlib.schema import NO_SUCH_RECORD, checked, columns, read_csv, read_table, split_multi
from evlib.tables import anchor

_UNSEEN = {
    "undated": "cannot be placed before or after the search date",
    "after": "was registered after the search date",
}


_TABLES = ("records", "duplicates", "decisions", "screened", "coding_basis", "doses", "rejects")
_CURATED = {
    "coding_readings": ("trn", "field", "reviewer", "value"),
    "studies": ("study_id", "study", "trn", "trn_link", "doi_or_url"),
    "arms": ("arm_id", "study_id"),
    "outcomes": ("arm_id",),
}


def traced_tables(results: str | Path, *, raw_dir: str | Path) -> dict[str, pd.DataFrame]:
    """The tables of a run and of the curation that ``trace`` looks at, by name; read once, for any number of records.

    Raises
    ------
    InputError
        Where there is no whole run in the folder.
    """
    results = Path(results)
    if not (results / "places.csv").is_file():
        raise InputError(f"{results} holds no run. Make one first: make run SEARCH_DATE={results.name[:10]}")
    return {
        **{name: _table(results / f"{name}.csv", name) for name in _TABLES},
        "proposals": read_table(results / "duplicate_proposals.csv", "proposals"),
        "places": read_csv(results / "places.csv"),
        **{
            name: read_csv(Path(raw_dir) / f"curation/{name}.csv", needs=needs, optional=True)
            for name, needs in _CURATED.items()
        },
    }


def _table(path: Path, name: str) -> pd.DataFrame:
    """A table of the run; without rows, where the review has not the chapter that makes it."""
    return read_table(path, name) if path.is_file() else checked(pd.DataFrame(columns=columns(name)), name)


def trace(trn: str, held: dict[str, pd.DataFrame], *, run: str, protocol: dict) -> dict[str, Any]:
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
    own = places[places.trn == number]
    naming = places[[number in split_multi(cell) for cell in places.secondary_trns]]
    found = own if len(own) else naming
    if found.empty:
        rejected = _rows(held["rejects"], number)
        why = f" A row that names it was set aside: {rejected[0]['reason']}" if rejected else ""
        raise InputError(
            f"{number}: {NO_SUCH_RECORD.split('.')[0]} of the run {run}.{why} Its sources.csv tells what was read."
        )
    record, kept = found.iloc[0].trn, found.iloc[0].place
    story: dict[str, Any] = {"asked": trn, "trn": record, "run": run, "place": kept}
    if record != number:
        story["note"] = f"{record} names {number} as a secondary number"
    story["record"] = _facts(found.iloc[0].drop("place"))
    story["set_aside"] = _rows(held["rejects"], record)
    if kept != "in":
        return story | {"outcome": {"outcome": "not in this search", "reason": f"it {_UNSEEN[kept]}"}}

    records, pairs, likely = held["records"], held["duplicates"], held["proposals"]
    story["record"] = _facts(records[records.trn == record].iloc[0])
    story["duplicates"] = [
        _facts(row) for _, row in pairs[(pairs.trn == record) | (pairs.kept_trn == record)].iterrows()
    ]
    likely = likely[(likely.trn == record) | (likely.other_trn == record)]
    story["proposed_duplicates"] = [
        _facts(row[["trn", "other_trn", "points", "evidence"]]) for _, row in likely.iterrows()
    ]
    story["decisions"] = _rows(held["decisions"], record)
    screened = held["screened"].set_index("trn").loc[record]
    story["outcome"] = _facts(screened.drop(["registry", "title"]))
    counted = pairs.set_index("trn").kept_trn.get(record, record)
    story["coding"] = _coding(counted, held, protocol)
    story["doses"] = _rows(held["doses"], counted)
    story["results"] = _published(counted, held)
    story["book"] = _pages(record, counted, screened, story)
    return story


def told(story: dict[str, Any]) -> str:
    """The path of a record as text for a terminal, one step a paragraph."""
    lines = [
        f"{story['trn']}: {story['record'].get('brief_title') or story['record'].get('official_title', 'no title')}"
    ]
    lines += [f"  {story['note']}"] if "note" in story else []
    lines += ["", f"1. Where it came from (run {story['run']})"]
    wanted = ("registry", "snapshot", "registered", "registered_basis", "registered_method", "status", "enrolment")
    lines += [f"   {name}: {story['record'][name]}" for name in wanted if name in story["record"]]
    lines += [f"   read from {url}" for url in split_multi(story["record"].get("source_urls"))]
    lines += [f"   SET ASIDE, {row['file']}: {row['reason']}" for row in story["set_aside"]]
    if "decisions" in story:
        lines += ["", "2. Other records of the same trial"]
        lines += [f"   {row['trn']} repeats {row['kept_trn']} ({row['basis']})" for row in story["duplicates"]]
        lines += [
            f"   perhaps {row['trn']} and {row['other_trn']} ({row['evidence']})"
            for row in story["proposed_duplicates"]
        ]
        lines += ["   none known"] if not story["duplicates"] + story["proposed_duplicates"] else []
        lines += ["", "3. Who judged it"]
        lines += [
            f"   {row['reviewer']} ({row['read_by']}): {row['decision']} {row.get('criterion', '')}"
            f" - {row.get('reason', 'no reason given')}"
            for row in story["decisions"]
        ]
    outcome = story["outcome"]
    lines += ["", "4. What became of it", f"   {outcome['outcome']} {outcome.get('criterion', '')}".rstrip()]
    lines += [
        f"   {name}: {outcome[name]}" for name in ("reason", "decided_by", "needs", "proposal") if name in outcome
    ]
    if story.get("coding"):
        lines += ["", f"5. How it was coded (by {story['coding'][0]['coded_by']})"]
        lines += [f"   {row['field']}: {row['value']}{_rests_on(row)}" for row in story["coding"]]
    if "doses" in story:
        lines += ["", "6. Doses and results on file"]
        lines += [f"   dose: {row.get('as_stated', row['unit_kind'])}" for row in story["doses"]]
        lines += [f"   report: {row['study']} ({row['report']}), arms: {row['arms']}, outcomes: {row['outcomes']}"
                  for row in story["results"]]  # fmt: skip
        lines += ["   none"] if not story["doses"] + story["results"] else []
        lines += ["", "7. Where in the book"]
        lines += [f"   {page['page']}: {page['what']}" for page in story["book"]]
    return "\n".join(lines)


def _rests_on(row: dict[str, Any]) -> str:
    """On what a code rests, in brackets; nothing where there is nothing to say."""
    parts = [f"{row['found_in']}: {row['words']}" if "words" in row else row.get("found_in"), row.get("read_as")]
    return f" ({'; '.join(filter(None, parts))})" if any(parts) else ""


def _coding(trn: str, held: dict[str, pd.DataFrame], protocol: dict) -> list[dict[str, Any]]:
    """Each coded field with its value as a reader sees it, on what it rests, and how the two readings coded it."""
    basis, readings = held["coding_basis"], held["coding_readings"]
    rows = []
    for row in basis[basis.trn == trn].itertuples():
        labels = protocol["codes"].get(row.field, {})
        said = readings[(readings.trn == trn) & (readings.field == row.field)].dropna(subset="value")
        fact = {
            "field": row.field,
            "value": "not reported" if pd.isna(row.value) else labels.get(row.value, {}).get("label", _said(row.value)),
            "coded_by": row.coded_by,
            "found_in": row.found_in,
            "words": row.words,
            "read_as": "; ".join(f"{reader.reviewer} {reader.value}" for reader in said.itertuples()) or None,
        }
        rows.append({name: value for name, value in fact.items() if not pd.isna(value)})
    return rows


def _said(value: str) -> str:
    return {"True": "yes", "False": "no"}.get(value, value)


def _published(trn: str, held: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """The reports on a trial, with how many arms and outcomes are on file."""
    studies, arms, outcomes = held["studies"], held["arms"], held["outcomes"]
    rows = []
    for study in studies[studies.trn == trn].itertuples():
        own = arms[arms.study_id == study.study_id]
        report = {"study": study.study, "report": study.doi_or_url, "link": study.trn_link, "arms": len(own)}
        rows.append(report | {"outcomes": int(outcomes.arm_id.isin(own.arm_id).sum())})
    return rows


def _pages(trn: str, counted: str, screened: pd.Series, story: dict[str, Any]) -> list[dict[str, str]]:
    pages = [
        {"page": f"02_screen.html#{anchor(screened.outcome)}", "what": f"listed among the records: {screened.outcome}"}
    ]
    if screened.outcome == "pending":
        pages.append({"page": "to_screen.html", "what": "in the queue of records that await a decision"})
    if story["coding"]:
        of = "" if counted == trn else f" (as {counted})"
        pages.append({"page": "03_describe.html", "what": f"counted in the figures and listed with its codes{of}"})
    if story["doses"] or story["results"]:
        pages.append({"page": "04_dose_effect.html", "what": "its doses and reports"})
    return pages


def _rows(frame: pd.DataFrame, trn: str) -> list[dict[str, Any]]:
    return [_facts(row) for _, row in frame[frame.trn == trn].iterrows()]


def _facts(row: pd.Series) -> dict[str, Any]:
    """The cells that hold something, as plain values."""
    plain = {name: cell for name, cell in row.items() if not pd.isna(cell)}
    return {
        name: f"{c:%Y-%m-%d}" if isinstance(c, pd.Timestamp) else getattr(c, "item", lambda c=c: c)()
        for name, c in plain.items()
    }
