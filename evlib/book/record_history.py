"""The history of one record: where it came from, who judged it and why, how it was coded, where the book shows it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.files import matching
from evlib.base.identifiers import normalised
from evlib.base.paths import command_ending
from evlib.base.rawdata import OWN_DECISIONS, decision_files
from evlib.base.reading.sheets import read_sheet
from evlib.base.schema import DAYS_OF_STATUS, NO_SUCH_RECORD, corrected_csv, read_csv, read_table, split_multi
from evlib.base.tables import anchor
from evlib.base.words import joined
from evlib.book.trials.told_of_trials import possible_reports, told_of_trials
from evlib.book.trials.trial_reports import reports
from evlib.certainty import product_reporting, risk_of_bias
from evlib.doses.reports import BY_PEOPLE, read_reports
from evlib.ingest.registries import lines_of
from evlib.ingest.retrieval import source_files

_NOT_IN_SEARCH = {
    "undated": "cannot be placed before or after the search date",
    "after": "was registered after the search date",
}
_TABLES = ("records", "duplicates", "decisions", "screened", "coding_basis", "doses", "rejects", "remarks")
# Tables of later chapters by the column that their rows are looked up by; a review may lack them.
_LATER = {
    "doses_in_particles": "trn",
    "missing_results": "trn",
    "report_characteristics": "study_id",
    "tested_doses": "arm_id",
    "effects": "arm_id",
    "compared_outcomes": "arm_id",
    "harms_beside_controls": "study_id",
    "printed_statistics": "study_id",
}
# Files of data/raw/curation with rows of a record, by the part of its history.
_HELD = {
    "duplicates": ("may_be_same.csv", "same_trial.csv"),
    "coding": ("coding*.csv", "disease_groups_of_trials.csv"),
    "doses": ("doses*.csv", "dose_decisions.csv", "studies.csv"),
}
_COUNTED = {
    ".jsonl": "line",
    ".csv": "row",
    ".tsv": "row",
    ".xlsx": "row",
}  # what the readers number in files of records
_MORE_COLUMNS = ("decision", "reviewer", "field", "as_stated", "study_id", "other_trn")  # by which a header is told
_REPORTED = (
    "year",
    "report_type",
    "allocation",
    "masking",
    "read_from",
    "evidence_note",
)  # of a report, as it was read
# Files of data/raw/curation with the columns that are needed; by the first, rows are looked up.
_CURATED = {
    "coding_readings": ("trn", "field", "reviewer", "value"),
    "studies": ("trn", "study_id", "study", "trn_link", "doi_or_url"),
    "arms": ("study_id", "arm_id"),
    "outcomes": ("arm_id",),
}
Rows = dict[str, list[dict[str, Any]]]  # of one table by registration number, without empty cells


def traced_tables(results: str | Path, *, raw_dir: str | Path) -> dict[str, Rows]:
    """The tables of a run and of the curation that ``trace`` needs, read once for any number of records.

    Returns
    -------
    dict
        For each table its rows by registration number; those of arms, of the risk of bias and of the product by study, those
        of outcomes by arm.

    Raises
    ------
    InputError
        Where the folder holds no complete run.
    """
    results = Path(results)
    if not (results / "places.csv").is_file():
        raise InputError(
            f"{results} holds no run. Make one first: make run{command_ending(results)} SEARCH_DATE={results.name[:10]}"
        )
    tables = {}
    for name in _TABLES:
        path = results / f"{name}.csv"
        if path.is_file():  # a review may lack the chapter that makes it
            tables[name] = _rows_by(read_table(path, name), "trn", "kept_trn")
    for name, key in _LATER.items():
        tables[name] = _rows_by(_as_numbers(read_csv(results / f"{name}.csv", needs=[key], optional=True)), key)
    tables["proposals"] = _rows_by(read_table(results / "duplicate_proposals.csv", "proposals"), "trn", "other_trn")
    tables["places"] = _rows_by(read_csv(results / "places.csv"), "trn")
    versions = read_csv(
        results / "versions.csv", needs=["trn", "field", "snapshot", "value", "shown", "source_urls"], optional=True
    )
    tables["versions"] = _rows_by(versions, "trn")
    for name, needs in _CURATED.items():
        path = Path(raw_dir) / f"curation/{name}.csv"
        tables[name] = _rows_by(corrected_csv(path, needs=needs, optional=True), needs[0])
    judged_in = {path.name for path in _files_of_decisions(Path(raw_dir))}
    tables["told"] = _rows_by(told_of_trials(raw_dir), "trn")
    studies = corrected_csv(Path(raw_dir) / "curation/studies.csv", needs=_CURATED["studies"], optional=True)
    named, studies = possible_reports(raw_dir), studies.set_index("study_id")
    named = named.assign(report=named.study_id.map(studies.study).fillna(named.report))
    tables["possible_reports"] = _rows_by(named.assign(url=named.study_id.map(studies.doi_or_url)), "trn")
    for row in (row for rows in tables.get("rejects", {}).values() for row in rows):
        row["of_decisions"] = row["file"] in judged_in
    read, _ = read_reports(raw_dir)
    run = read_csv(results / "risk_of_bias_settled.csv", needs=["study_id"], optional=True)
    by_record = run.reindex(columns=["study_id", "record_allocation"]).drop_duplicates("study_id")
    by_record = by_record.set_index("study_id").record_allocation
    judged = risk_of_bias.settled(read["risk_of_bias"], read["studies"], read[BY_PEOPLE], by_record)
    items = product_reporting.settled_items(read["product_reporting"], read["studies"])
    tables["risk_of_bias"] = _rows_by(judged, "study_id")
    tables["product"] = _rows_by(product_reporting.scores(items), "study_id")
    tables["product_items"] = _rows_by(items, "study_id")
    return tables


def _as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """A table read as text, with its columns of numbers as numbers."""
    for name in frame:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        if (numbers.notna() == frame[name].notna()).all() and numbers.notna().any():
            frame[name] = numbers
    return frame


def _files_of_decisions(raw_dir: Path) -> list[Path]:
    return [*decision_files(raw_dir / OWN_DECISIONS)[0], *matching(raw_dir / "curation", "screening*.csv")]


def _rows_by(frame: pd.DataFrame, *keys: str) -> Rows:
    """The rows of a table by each value that they have in the columns ``keys``, in the table's order; ready for JSON."""
    rows: Rows = {}
    for cells in zip(*(frame[name] for name in frame), strict=True):
        row = {name: _as_json(cell) for name, cell in zip(frame, cells, strict=True) if not pd.isna(cell)}
        for value in dict.fromkeys(row[key] for key in keys if key in row):
            rows.setdefault(value, []).append(row)
    return rows


def _as_json(cell: object) -> object:
    return f"{cell:%Y-%m-%d}" if isinstance(cell, pd.Timestamp) else getattr(cell, "item", lambda: cell)()


def trace(trn: str, tables: dict[str, Rows], *, run: str, protocol: dict) -> dict[str, Any]:
    """Everything that a run and the raw data hold on one record.

    Parameters
    ----------
    trn
        A registration number as people write it, also one that a record names as its secondary number.
    tables
        As ``traced_tables`` gives them.

    Returns
    -------
    dict
        ``asked, trn, place`` (in, after or undated: whether it is in the search), ``record, duplicates, decisions,
        outcome, versions, coding, doses, results, risk_of_bias, product, outcomes, told, possible_reports, set_aside, not_understood, book``; missing facts are left out of each. Ready
        for JSON.

    Raises
    ------
    InputError
        Where no source of the run holds the number.
    """
    number, places = normalised(trn), tables["places"]

    def rows_on(name: str, key: str) -> list[dict[str, Any]]:
        return tables.get(name, {}).get(key, [])

    naming = (row for rows in places.values() for row in rows if number in split_multi(row.get("secondary_trns")))
    in_sources = places[number][0] if number in places else next(naming, None)
    if in_sources is None:
        rejected = rows_on("rejects", number)
        why = f" A row that names it was set aside: {rejected[0]['reason']}" if rejected else ""
        raise InputError(
            f"{number}: {NO_SUCH_RECORD.split('.')[0]} of the run {run}.{why} See its sources.csv for what was read."
        )
    record, place = in_sources["trn"], in_sources["place"]
    story: dict[str, Any] = {"asked": trn, "trn": record, "run": run, "place": place}
    if record != number:
        story["note"] = f"{record} names {number} as a secondary number"
    story["record"] = _without(in_sources, "place", "place_reason")
    story["versions"] = [_without(row, "trn") for row in rows_on("versions", record)]
    story["set_aside"] = rows_on("rejects", record)
    story["not_understood"] = [_without(row, "trn") for row in rows_on("remarks", record)]
    if place != "in":
        reason = in_sources.get("place_reason", f"it {_NOT_IN_SEARCH[place]}")
        return story | {"outcome": {"outcome": "not in this search", "reason": reason}}

    story["record"] = rows_on("records", record)[0]
    story["duplicates"] = rows_on("duplicates", record)
    shown = ("trn", "other_trn", "points", "evidence")
    story["proposed_duplicates"] = [
        {name: row[name] for name in shown if name in row} for row in rows_on("proposals", record)
    ]
    story["decisions"] = rows_on("decisions", record)
    story["outcome"] = _without(rows_on("screened", record)[0], "trn", "registry", "title")
    kept = next((row["kept_trn"] for row in story["duplicates"] if row["trn"] == record), record)
    others = [row["trn"] for row in story["duplicates"] if row["kept_trn"] == record]
    story["merged"] = [
        {"record": rows_on("records", other)[0], "versions": rows_on("versions", other)}
        for other in others
        if rows_on("records", other)
    ]
    story["coding"] = _coding(kept, tables, protocol)
    story["doses"] = rows_on("doses", kept)
    story["in_particles"] = rows_on("doses_in_particles", kept)
    numbers = [kept, *(row["trn"] for row in rows_on("duplicates", kept) if row["trn"] != kept)]
    story["results"] = [report for number in numbers for report in _reports(number, tables)]
    story["reports"] = reports(numbers, tables)
    story["told"], story["possible_reports"] = rows_on("told", kept), rows_on("possible_reports", kept)
    story["follow_up"] = next(iter(rows_on("missing_results", kept)), {})
    studies = [study["study_id"] for number in numbers for study in tables["studies"].get(number, [])]
    judgement = ("study", "tool", "domain", "judgement", "reason", "judged_by")
    story["risk_of_bias"] = [_only(row, judgement) for study in studies for row in rows_on("risk_of_bias", study)]
    told = ("study", "score", "stated", "not_stated", "unseen")
    story["product"] = [_only(row, told) for study in studies for row in rows_on("product", study)]
    story["outcomes"] = [outcome for number in numbers for outcome in _outcomes(number, tables)]
    story["book"] = _pages(record, kept, story)
    return story


def held_in(story: dict[str, Any], raw_dir: str | Path, *, snapshot: str, protocol: dict) -> dict[str, list[str]]:
    """The files below ``raw_dir`` with their lines that each step of a record's history was read from.

    Those of ``record`` are the files of records that were retrieved by ``snapshot``; the others hold a row for the record, or for one that
    counts as the same trial: ``curation/doses.csv, line 10``. Of an export it is the row as a spreadsheet counts it, the header being row 1.
    """
    raw_dir, record = Path(raw_dir), story["trn"]
    same = [row[name] for row in story.get("duplicates", []) for name in ("trn", "kept_trn")]
    numbers = list(dict.fromkeys([record, *same]))
    files = {"record": source_files(raw_dir, until=snapshot)}
    files |= {
        step: [path for name in names for path in matching(raw_dir / "curation", name)] for step, names in _HELD.items()
    }
    files["decisions"] = _files_of_decisions(raw_dir)
    held: dict[str, list[str]] = {}
    for step, paths in files.items():
        for path in paths:
            if step == "record":
                lines = lines_of(path, numbers, registries=list(protocol["registries"]))
            else:
                lines = _rows_on(path, numbers)
            word = _COUNTED.get(path.suffix, "record") if step == "record" else "line"
            for trn in numbers:
                if own := [line for line, of in lines if of == trn]:
                    place = f"{path.relative_to(raw_dir).as_posix()}, {_with_numbers(word, own)}"
                    held.setdefault(step, []).append(place if trn == record else f"{place}, of {trn}")
    return held


def _rows_on(path: Path, numbers: list[str]) -> list[tuple[int, str]]:
    """The lines of a CSV file with a row whose ``trn`` is one of these numbers, each with the number."""
    with suppress(InputError):  # a file that is no table; a run says so
        rows = read_sheet(path, names=["trn", *_MORE_COLUMNS], needs=["trn"]).rows
        return [(place + 2, trn) for place, trn in rows.trn.dropna().map(normalised).items() if trn in numbers]
    return []


def older_values(story: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of a record whose value is older than the record's newest source: each with its row of ``versions``."""
    newest = story["record"].get("snapshot", "")
    return {row["field"]: row for row in story["versions"] if row["shown"] == "True" and row["snapshot"] < newest}


def story_as_text(story: dict[str, Any]) -> str:
    """What ``trace`` gives, as text for a terminal with a paragraph for each step."""
    record, outcome = story["record"], story["outcome"]
    facts = (
        "registry",
        "snapshot",
        "registered",
        "registered_basis",
        "registered_method",
        "status",
        *DAYS_OF_STATUS,
        "enrolment",
    )
    own, older = split_multi(record.get("source_urls")), older_values(story)
    of_fields = {field: split_multi(row.get("source_urls")) for field, row in older.items()}
    every = list(dict.fromkeys([*own, *(url for urls in of_fields.values() for url in urls)]))
    sources = {url: number for number, url in enumerate(every, start=1)}
    not_used = [
        (
            row["of_decisions"],
            f"SET ASIDE, {row['file']}{', line ' + str(row['line']) if 'line' in row else ''}: {row['reason']}",
        )
        for row in story["set_aside"]
    ]
    held = {step: [f"in data/raw: {place}" for place in places] for step, places in story.get("held_in", {}).items()}
    steps = {f"Where it came from (run {story['run']})": [
        *(f"{name}: {record[name]}" for name in facts if name in record),
        *(f"source {number}: {url}" for url, number in sources.items()),
        *([f"read from {_numbered(own, sources)}, but for:"] if older else []),
        *(
            f"{field}: {row['value']}, copy read on {row['snapshot']}, from {_numbered(of_fields[field], sources)}"
            for field, row in older.items()
        ),
        *held.get("record", []),
        *(text for of_decisions, text in not_used if not of_decisions),
        *(
            f"STATED, NOT UNDERSTOOD, {row['file']}{', line ' + str(row['line']) if 'line' in row else ''}: {row['field']}"
            f" {row['text']!r} ({row['reason']})"
            for row in story["not_understood"]
        ),
    ]}  # fmt: skip
    judged = [text for of_decisions, text in not_used if of_decisions]
    if "decisions" in story:
        steps["Other records of the same trial"] = [
            *(f"{row['trn']} repeats {row['kept_trn']} ({row['basis']})" for row in story["duplicates"]),
            *(
                f"perhaps {row['trn']} and {row['other_trn']} ({row['evidence']})"
                for row in story["proposed_duplicates"]
            ),
            *held.get("duplicates", []),
        ] or ["none known"]
    if "decisions" in story or judged:
        steps["Who judged it"] = [
            *(
                f"{row['reviewer']} ({row['read_by']}): {row['decision']} {row.get('criterion', '')}"
                f" - {row.get('reason', 'no reason given')}"
                for row in story.get("decisions", [])
            ),
            *held.get("decisions", []),
            *judged,
        ]
    steps["What became of it"] = [
        f"{outcome['outcome']} {outcome.get('criterion', '')}".rstrip(),
        *(f"{name}: {outcome[name]}" for name in ("reason", "decided_by", "needs", "proposal") if name in outcome),
    ]
    if story.get("coding"):
        steps[f"How it was coded ({story['coding'][0]['coded_by']})"] = [
            *(f"{row['field']}: {row['value']}{_basis_in_brackets(row)}" for row in story["coding"]),
            *held.get("coding", []),
        ]
    if "doses" in story:
        steps["Doses and results on file"] = [
            *(f"dose: {row.get('as_stated', row['unit_kind'])}" for row in story["doses"]),
            *(
                f"report: {row['study']} ({row['report']}), arms: {row['arms']}, outcomes: {row['outcomes']}"
                for row in story["results"]
            ),
            *held.get("doses", []),
        ] or ["none"]
        steps["Where in the book"] = [f"{page['page']}: {page['what']}" for page in story["book"]]
    lines = [f"{story['trn']}: {record.get('brief_title') or record.get('official_title', 'no title')}"]
    lines += [f"  {story['note']}"] if "note" in story else []
    for number, (step, details) in enumerate(steps.items(), start=1):
        lines += ["", f"{number}. {step}", *(f"   {detail}" for detail in details)]
    return "\n".join(lines)


def _numbered(urls: list[str], sources: dict[str, int]) -> str:
    """The sources of these addresses by their numbers: ``sources 1 to 3 and 7``."""
    return _with_numbers("source", [sources[url] for url in urls]) if urls else "no address"


def _with_numbers(word: str, numbers: list[int]) -> str:
    """A word with numbers: ``line 3``, ``lines 1 to 3 and 7``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else joined([str(number) for number in run]) for run in runs]
    return f"{word}{'s' if len(numbers) > 1 else ''} {joined(parts)}"


def _basis_in_brackets(row: dict[str, Any]) -> str:
    """What a code rests on, in brackets; empty where the run does not say."""
    parts = [f"{row['found_in']}: {row['words']}" if "words" in row else row.get("found_in"), row.get("read_as")]
    parts += [f"the record says {row['record_says']}"] if "record_says" in row else []
    return f" ({'; '.join(filter(None, parts))})" if any(parts) else ""


def _coding(trn: str, tables: dict[str, Rows], protocol: dict) -> list[dict[str, Any]]:
    """Each coded field with its value as a reader sees it, what it rests on, and how the two readings coded it."""
    readings: dict[str, list[str]] = {}
    for reading in tables["coding_readings"].get(trn, []):
        if "value" in reading:
            readings.setdefault(reading["field"], []).append(f"{reading['reviewer']} {reading['value']}")
    rows = []
    for row in tables.get("coding_basis", {}).get(trn, []):
        field, value = row["field"], row.get("value")
        label = protocol["codes"].get(field, {}).get(value, {}).get("label")
        fact = {
            "field": field,
            "value": "not reported" if value is None else label or {"True": "yes", "False": "no"}.get(value, value),
            "coded_by": row.get("coded_by"),
            "found_in": row.get("found_in"),
            "words": row.get("words"),
            "read_as": "; ".join(readings.get(field, [])) or None,
            "record_says": row.get("record_says"),
        }
        rows.append({name: text for name, text in fact.items() if text is not None})
    return rows


def _reports(trn: str, tables: dict[str, Rows]) -> list[dict[str, Any]]:
    """The reports on a trial, each with the numbers of its arms and outcomes on file."""
    rows = []
    for study in tables["studies"].get(trn, []):
        arms = [arm["arm_id"] for arm in tables["arms"].get(study["study_id"], [])]
        report = {"study": study["study"], "report": study.get("doi_or_url"), "link": study.get("trn_link")}
        report |= {name: study.get(name) for name in _REPORTED}
        n_outcomes = sum(len(tables["outcomes"].get(arm, [])) for arm in arms)
        report |= {"arms": len(arms), "outcomes": n_outcomes, "risk_of_bias": None, "product": None}
        for row in tables["risk_of_bias"].get(study["study_id"], []):
            if row["domain"] == "overall" and "judgement" in row:
                report["risk_of_bias"] = f"{row['tool']}: {row['judgement']}"
        for row in tables["product"].get(study["study_id"], []):
            report["product"] = row["score"]
        rows.append({name: value for name, value in report.items() if value is not None})
    return rows


def _outcomes(trn: str, tables: dict[str, Rows]) -> list[dict[str, Any]]:
    """Every outcome on file of the reports on a trial, with the arm and its role."""
    return [
        {"study": study["study"], "arm": arm["arm"], "role": arm.get("role"), **_without(outcome, "arm_id")}
        for study in tables["studies"].get(trn, [])
        for arm in tables["arms"].get(study["study_id"], [])
        for outcome in tables["outcomes"].get(arm["arm_id"], [])
    ]


def _pages(trn: str, kept: str, story: dict[str, Any]) -> list[dict[str, str]]:
    """Where the book shows a record, or the one that is kept of its trial."""
    outcome = story["outcome"]["outcome"]
    pages = [{"page": f"02_screen.html#{anchor(outcome)}", "what": f"listed among the records: {outcome}"}]
    if outcome == "pending":
        pages.append({"page": "to_screen.html", "what": "in the queue of records that are not yet read"})
    if story["coding"]:
        as_kept = "" if kept == trn else f" (as {kept})"
        pages.append({"page": "03_describe.html", "what": f"counted in the figures and listed with its codes{as_kept}"})
    if story["doses"] or story["results"]:
        pages.append({"page": "04_dose_effect.html", "what": "its doses and reports"})
    if story["results"]:
        pages.append({"page": "07_certainty.html", "what": "how certain its reports are, and which harms they tell of"})
    return pages


def _only(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: cell for name, cell in row.items() if name not in names}
