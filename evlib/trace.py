"""The whole path of one record: where it came from, who judged it and why, how it was coded, where the book shows it."""

from pathlib import Path
from typing import Any

import pandas as pd

from evlib.errors import InputError
from evlib.identifiers import normalised
from evlib.schema import NO_SUCH_RECORD, columns, read_csv, read_table, split_multi
from evlib.tables import anchor

_UNSEEN = {
    "undated": "cannot be placed before or after the search date",
    "after": "was registered after the search date",
}


def trace(trn: str, results: str | Path, *, raw_dir: str | Path, protocol: dict) -> dict[str, Any]:
    """Everything that a run and the raw data hold on one record.

    Parameters
    ----------
    trn
        A registration number as people write it, also one that a record names as its secondary number.
    results
        The folder of a run.
    raw_dir, protocol
        The raw data and the review's protocol, as in that run.

    Returns
    -------
    dict
        ``asked, trn, place`` (in, after or undated: whether it is in the search), ``record, duplicates, decisions,
        outcome, coding, doses, results, set_aside, book``; missing facts are left out of each. Ready for JSON.

    Raises
    ------
    InputError
        Where there is no run, or no source of it holds the number.
    """
    results, raw_dir, number = Path(results), Path(raw_dir), normalised(trn)
    if not (results / "places.csv").is_file():
        raise InputError(f"{results} holds no run. Make one first: make run SEARCH_DATE={results.name[:10]}")
    places = read_csv(results / "places.csv")
    own = places[places.trn == number]
    naming = places[[number in split_multi(cell) for cell in places.secondary_trns]]
    found = own if len(own) else naming
    rejects = read_table(results / "rejects.csv", "rejects")
    if found.empty:
        rejected = _rows(rejects, number)
        why = f" A row that names it was set aside: {rejected[0]['reason']}" if rejected else ""
        raise InputError(
            f"{number}: {NO_SUCH_RECORD.split('.')[0]} of the run {results.name}.{why} See {results / 'sources.csv'} for what "
            "was read."
        )
    record, kept = found.iloc[0].trn, found.iloc[0].place
    story: dict[str, Any] = {"asked": trn, "trn": record, "run": results.name, "place": kept}
    if record != number:
        story["note"] = f"{record} names {number} as a secondary number"
    story["record"] = _facts(found.iloc[0].drop("place"))
    story["set_aside"] = _rows(rejects, record)
    if kept != "in":
        return story | {"outcome": {"outcome": "not in this search", "reason": f"it {_UNSEEN[kept]}"}}

    story["record"] = _facts(read_table(results / "records.csv", "records").set_index("trn", drop=False).loc[record])
    pairs = read_table(results / "duplicates.csv", "duplicates")
    story["duplicates"] = [
        _facts(row) for _, row in pairs[(pairs.trn == record) | (pairs.kept_trn == record)].iterrows()
    ]
    likely = read_table(results / "duplicate_proposals.csv", "proposals")
    likely = likely[(likely.trn == record) | (likely.other_trn == record)]
    story["proposed_duplicates"] = [
        _facts(row[["trn", "other_trn", "points", "evidence"]]) for _, row in likely.iterrows()
    ]
    story["decisions"] = _rows(read_table(results / "decisions.csv", "decisions"), record)
    screened = read_table(results / "screened.csv", "screened").set_index("trn").loc[record]
    story["outcome"] = _facts(screened.drop(["registry", "title"]))
    counted = pairs.set_index("trn").kept_trn.get(record, record)
    story["coding"] = _coding(counted, results, raw_dir, protocol)
    story["doses"] = _rows(read_table(results / "doses.csv", "doses"), counted)
    story["results"] = _published(counted, raw_dir)
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
        lines += ["", "5. How it was coded"]
        lines += [f"   {field}: {text}" for field, text in story["coding"].items()]
    if "doses" in story:
        lines += ["", "6. Doses and results on file"]
        lines += [f"   dose: {row.get('as_stated', row['unit_kind'])}" for row in story["doses"]]
        lines += [f"   report: {row['study']} ({row['report']}), arms: {row['arms']}, outcomes: {row['outcomes']}"
                  for row in story["results"]]  # fmt: skip
        lines += ["   none"] if not story["doses"] + story["results"] else []
        lines += ["", "7. Where in the book"]
        lines += [f"   {page['page']}: {page['what']}" for page in story["book"]]
    return "\n".join(lines)


def _coding(trn: str, results: Path, raw_dir: Path, protocol: dict) -> dict[str, str]:
    """Each coded field as a reader sees it, with its basis: hand or rules, and both machine readings where they differ."""
    described = read_table(results / "described.csv", "described").set_index("trn")
    if trn not in described.index:
        return {}
    row = described.loc[trn]
    readings = read_csv(raw_dir / "curation/coding_readings.csv")
    readings = readings[readings.trn == trn]
    coding = {"coded by": row.coded_by}
    for field in [name for name in columns("coded") if name not in ("trn", "coded_by", "country_basis")]:
        labels = protocol["codes"].get(field, {})
        value = "not reported" if pd.isna(row[field]) else labels.get(row[field], {}).get("label", _said(row[field]))
        said = readings[readings.field == field].dropna(subset="value")
        words = ", ".join(f"{reader.reviewer} {reader.value}" for reader in said.itertuples())
        basis = (
            f" (from the {row.country_basis})" if field == "countries" and isinstance(row.country_basis, str) else ""
        )
        coding[field] = f"{value}{basis}" + (f"; read as {words}" if words else "")
    return coding


def _said(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value))


def _published(trn: str, raw_dir: Path) -> list[dict[str, Any]]:
    """The reports on a trial, with how many arms and outcomes are on file."""
    studies, arms, outcomes = (read_csv(raw_dir / f"curation/{name}.csv") for name in ("studies", "arms", "outcomes"))
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
