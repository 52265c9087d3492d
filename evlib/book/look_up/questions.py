"""The questions that a reader asks, a disease and a route each: which tables answer them, and the answer in a few sentences.

Every number comes from the tables of a run. What a review lacks (reports, doses, certainty) is left out.
"""

import re
from collections import Counter
from pathlib import Path
from textwrap import shorten
from typing import Any

import pandas as pd

from evlib.base.dates import end_has_passed, end_in_words
from evlib.base.reading.statuses import EXPANDED_ACCESS, LAST_UPDATE, status_groups
from evlib.base.schema import DAYS_OF_STATUS, read_csv, read_table, split_multi
from evlib.base.tables import code_labels
from evlib.base.words import joined, load_numbers, not_of_mscs, several, trials_in_words
from evlib.book.trials.told_of_trials import LINKS, possible_reports, told_of_trials
from evlib.certainty.comparisons import OTHER_DOSE
from evlib.certainty.harms import in_table_2_alone
from evlib.certainty.missing_results import NONE_ON_FILE, OVER
from evlib.certainty.summary_of_findings import LEVELS, QUESTION, findings_in_words, per_1000
from evlib.doses.evidence import RANDOMISED_BY_RECORD
from evlib.doses.stated_doses import BY_RECORD, report_url, span_of
from evlib.doses.under_way import OPEN_STATUS, by_status_in_words
from evlib.ingest.sources import status_days

ALL = "all"  # in place of a code: whatever the disease, or whatever the route
UNKNOWN = "not-reported"  # in place of a code: where none is known
FIELDS = ("disease_area", "route_group")
_OUTSIDE = "expanded-access"  # the study type of a record by which a product is given outside of a trial
COUNTED, CONVERTED = "stated", ("derived", "assumed")  # bases of an amount in particles
_SURE = {
    "very low": "is very uncertain",
    "low": "is uncertain",
    "moderate": "is of moderate certainty",
    "high": "is of high certainty",
}
# What is compared in a report that compares no vesicles, by the roles of its arms.
_NO_VESICLES = {"other product": "another product than vesicles", "cells": "cells alone"}
_HEALTHY = "healthy"  # of the groups of diseases
_GROUPS_SHOWN = 6  # groups of diseases in the answer, the others together
# What curation/delivery_told.csv may tell: the questions on which it is asked for, how, and the words that are searched for.
_DELIVERY = {
    "device": ("route_group", "nebulised", "Which device nebulised the vesicles", ("device", "nebuliser", "nebulizer")),
    "ventilation": (
        *("disease_area", "respiratory", "Whether people were ventilated when they were treated"),
        ("ventilated", "ventilation", "intubated"),
    ),
}
_OF_PRODUCT = {"isolation": "How the vesicles were isolated", "characterisation": "How they were characterised"}
_NO_ORDER = ("other", "not-applicable")  # codes of phases that are neither early nor late
_TABLE = "a table of a publication"  # where a status is from that no copy of the record shows
_EARLY, _SINGLE_ARM = "early-1", "single-arm"  # codes of a phase and of a design
HELPS, WHICH_DOSE = "whether it helps", "which dose"  # what a trial under way may tell
_LONGEST_TITLE = 130  # characters
_SHOWN_OF_DOSES = 2  # trials under way that compare doses
_SHOWN_FIRST = 3  # reports in the answer itself; the others stand in the table below it

Tables = dict[str, pd.DataFrame]
Rows = dict[str, list[dict[str, Any]]]  # of each table, cells without a value being None


def question_tables(results: Path, raw_dir: Path, *, protocol: dict) -> Tables:
    """The tables of a run that answer questions, each row with the codes of its disease area and route group.

    Parameters
    ----------
    results
        The folder of the run.
    raw_dir
        The folder of raw data, of which ``curation/report_codes.csv`` is read (the codes of reports).

    Returns
    -------
    dict
        ``trials`` (included ones), and as far as the review has them: ``doses`` of records, ``reports``, ``tested`` (doses of
        reports), ``compared`` (outcomes of the intervention beside another arm), ``findings``, ``harms``, ``printed`` (harms
        that the paper's Table 2 prints and no report on file counts), ``product`` (how vesicles were isolated and characterised,
        by report), ``delivery`` (``curation/delivery_told.csv``), ``possible`` (reports that may be of an included trial). A code that is not
        known is ``UNKNOWN``; a field for which the review has no code list is ``ALL`` throughout.
    """
    described = read_table(results / "described.csv", "described")
    trials = described[described.screening == "included"].reset_index(drop=True)
    records = read_table(results / "records.csv", "records").drop_duplicates("trn").set_index("trn")
    trials = trials.assign(
        status_group=status_groups(trials.status).mask(trials.study_type == _OUTSIDE, EXPANDED_ACCESS),
        conditions=trials.trn.map(records.conditions),
    )
    trials["acronym"] = trials.trn.map(records.acronym)
    told = told_of_trials(raw_dir).set_index("trn")
    allotted = told[told["item"] == "allocation"]
    in_field = trials.trn.map(records.allocation).map(RANDOMISED_BY_RECORD)
    trials["randomised"] = in_field.fillna(trials.trn.map(allotted.told == "randomised"))
    trials["randomised_by"] = trials.trn.map(allotted.words).where(in_field.isna())
    trials["all_given"] = trials.trn.isin(told.index[told["item"] == "arms"]) | (trials.design == _SINGLE_ARM)
    phases = [code for code in protocol["codes"].get("phase_group", {}) if code not in _NO_ORDER]
    labels = code_labels(protocol, "phase_group")
    labels |= {code: f"phase: {label.lower()}" for code, label in labels.items() if code in _NO_ORDER}
    trials["phase"] = trials.phase_group.map(labels)
    trials["phase_place"] = trials.phase_group.map({code: place for place, code in enumerate(phases)})
    # Not the search date: a status, too, is of a copy of that day or before.
    day = trials["read_to"] = load_numbers(results).get("snapshot", "")
    trials["end"] = [end_in_words(text, day) for text in trials.trn.map(records.completion_date)]
    trials["late"] = trials.status_group.isin(OPEN_STATUS) & trials.end.map(end_has_passed)
    for name in DAYS_OF_STATUS:
        trials[name] = trials.trn.map(records[name])
    said = status_days(raw_dir).rename(columns={"snapshot": "status_read", "words": "status_words"})
    said = said.drop_duplicates(["trn", "status_read", "status"])[["trn", "status_read", "status", "status_words"]]
    trials = trials.merge(said, on=["trn", "status_read", "status"], how="left")
    tables = {"trials": trials}
    if (results / "missing_results.csv").is_file():
        ended = read_table(results / "missing_results.csv", "missing_results").set_index("trn")
        for name in ("due", "result", "ended"):
            trials[name] = trials.trn.map(ended[name])
    if (results / "dose_comparisons.csv").is_file():
        trials["compares_doses"] = trials.trn.map(read_csv(results / "dose_comparisons.csv").set_index("trn").because)
    if (results / "doses.csv").is_file():
        tables["doses"] = _doses(results, trials)
    if (results / "studies.csv").is_file():
        tables |= _of_reports(results, raw_dir, described)
        tables["possible"] = _possible(possible_reports(raw_dir), tables)
        named = tables["possible"].dropna(subset="study_id").groupby("study_id").trn.agg(" | ".join)
        tables["reports"]["may_be_of"] = tables["reports"].study_id.map(named)
        if (raw_dir / "curation/delivery_told.csv").is_file():
            tables["delivery"] = _delivery(raw_dir / "curation/delivery_told.csv", tables)
    return {name: _with_codes(frame, protocol) for name, frame in tables.items()}


def _doses(results: Path, trials: pd.DataFrame) -> pd.DataFrame:
    path, stated = results / "doses_in_particles.csv", read_table(results / "doses.csv", "doses")
    names = ["trn", "as_stated", "told_by", "basis", "why", "low", "high", "median"]
    doses = _with_numbers((read_csv(path) if path.is_file() else stated).reindex(columns=names))
    key = ["trn", "as_stated"]
    caveat = doses[key].merge(stated.dropna(subset="caveat").drop_duplicates(key), on=key, how="left").caveat
    told = [". ".join(words for words in pair if isinstance(words, str)) or None for pair in zip(doses.why, caveat)]
    doses["why"] = doses.why.where(doses["low"].notna(), pd.Series(told, doses.index))  # the others have theirs
    return doses[doses.trn.isin(trials.trn)].merge(trials[["trn", *FIELDS]], on="trn")


def _of_reports(results: Path, raw_dir: Path, described: pd.DataFrame) -> Tables:
    """The tables on reports; each report has the codes that its readers gave it."""
    studies = read_table(results / "studies.csv", "studies")
    codes = read_csv(raw_dir / "curation/report_codes.csv", needs=["study_id", *FIELDS], optional=True)
    coded = codes.drop_duplicates("study_id").set_index("study_id")
    people = read_csv(results / "report_characteristics.csv", needs=["study_id", "people"], optional=True)
    people = people.drop_duplicates("study_id").set_index("study_id").people
    reports = studies.assign(
        url=report_url(studies),
        people=pd.to_numeric(studies.study_id.map(people)).astype("Int64"),
        **{name: studies.study_id.map(coded[name]) for name in FIELDS},
    )
    arms, events = (
        read_csv(results / f"{name}.csv", needs=["arm_id"], optional=True) for name in ("arms", "adverse_events")
    )
    told = arms.study_id[arms.arm_id.isin(events.arm_id)] if "study_id" in arms else arms.arm_id
    reports["harms_told"] = reports.study_id.isin(told)
    kept = {number: row.trn for row in described.itertuples() for number in [row.trn, *split_multi(row.merged_trns)]}
    tables = {"reports": reports.assign(trn=reports.trn.map(kept))}
    table2 = read_csv(raw_dir / "paper/table2.csv", needs=["trn", "outcomes", "adverse_events"], optional=True)
    if "study_id" in arms and "n_events" in events:
        printed = in_table_2_alone({"table2": table2, "studies": studies, "arms": arms, "adverse_events": events})
        tables["printed"] = printed.merge(reports[["trn", "study", *FIELDS]], on="trn")
    for name in ("tested_doses", "harms_beside_controls", "compared_outcomes"):
        if not (results / f"{name}.csv").is_file():
            continue
        rows = _table(results, name)
        if name == "compared_outcomes":
            other = rows[~rows.study_id.isin(rows.study_id[rows.role == "ev"])].groupby("study_id").role.first()
            tables["reports"]["left_out"] = tables["reports"].study_id.map(other.map(_NO_VESICLES))
            rows = rows[rows.role == "ev"]
            absolute = [per_1000(row) is not None for row in rows.itertuples()]
            rows = rows.assign(finding=findings_in_words(rows), absolute=absolute)
        elif name == "harms_beside_controls":
            rows = rows.assign(no_vesicles=rows.role.map(_NO_VESICLES))
        tables[name] = rows.assign(**{field: rows.study_id.map(coded[field]) for field in FIELDS})
    if (results / "product_settled.csv").is_file():
        product = read_csv(results / "product_settled.csv")
        product = product[product.item.isin(_OF_PRODUCT)]
        tables["product"] = product.assign(**{field: product.study_id.map(coded[field]) for field in FIELDS})
    if "compared_outcomes" in tables and (results / "summary_of_findings.csv").is_file():
        asked = tables["compared_outcomes"][[*QUESTION, "disease_area"]].drop_duplicates()
        tables["findings"] = read_table(results / "summary_of_findings.csv", "summary_of_findings").merge(
            asked, on=QUESTION, how="left"
        )
    names = {"tested_doses": "tested", "harms_beside_controls": "harms", "compared_outcomes": "compared"}
    return {names.get(name, name): rows for name, rows in tables.items()}


def _delivery(path: Path, tables: Tables) -> pd.DataFrame:
    """What is told of delivery, each row with the codes of the trial or report that tells it; rows of others are left out."""
    rows = read_csv(path, needs=["trn", "study_id", "item", "told", "words"])
    trials, reports = (tables[name].set_index(key) for name, key in (("trials", "trn"), ("reports", "study_id")))
    rows["by"] = rows.study_id.map(reports.study).fillna(rows.trn)
    for field in FIELDS:
        rows[field] = rows.trn.map(trials[field]).fillna(rows.study_id.map(reports[field]))
    return rows[rows.trn.isin(trials.index) | rows.study_id.isin(reports.index)]


def _possible(named: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The reports that may be of an included trial, with the codes of the trial and, in ``report_*``, those of the report."""
    trials, reports = (tables[name].set_index(key) for name, key in (("trials", "trn"), ("reports", "study_id")))
    rows = named[named.trn.isin(trials.index)]
    rows = rows.assign(report=rows.study_id.map(reports.study).fillna(rows.report))
    for field in FIELDS:
        of_report = rows.study_id.map(reports[field].fillna(UNKNOWN))
        rows = rows.assign(**{field: rows.trn.map(trials[field]), f"report_{field}": of_report})
    return rows


def _table(results: Path, name: str) -> pd.DataFrame:
    if name != "tested_doses":
        return read_table(results / f"{name}.csv", name)
    flags = {"True": True, "False": False}
    rows = _with_numbers(read_csv(results / f"{name}.csv"))
    return rows.assign(msc_derived=rows.msc_derived.map(flags).astype("boolean"))


def _with_numbers(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{name: pd.to_numeric(rows[name]) for name in ("low", "high", "median")})


def _with_codes(frame: pd.DataFrame, protocol: dict) -> pd.DataFrame:
    known = {field: frame[field].fillna(UNKNOWN) if field in protocol["codes"] else ALL for field in FIELDS}
    return frame.assign(**known).reset_index(drop=True)


def questions(tables: Tables, *, protocol: dict) -> pd.DataFrame:
    """Every question that a trial or a report is on: one row for each pair of disease area and route group, for each of
    the two alone, and one for all.

    Returns
    -------
    pandas.DataFrame
        ``disease_area, route_group`` (codes, ``ALL`` or ``UNKNOWN``), ``page`` (the name of its page, made of the codes),
        ``label`` (in words), ``n_trials, n_expanded`` (records of expanded access, which are no trials), ``n_reports``; in the order of the protocol's codes, what is not reported last.
    """
    names = [name for name in ("trials", "reports") if name in tables]
    outside = tables["trials"].get("study_type", pd.Series(dtype="str")) == _OUTSIDE
    tables = (
        tables | {"trials": tables["trials"][~outside], "expanded": tables["trials"][outside]}
        if outside.any()
        else tables
    )
    names += ["expanded"] if outside.any() else []
    held = {name: Counter(zip(*(tables[name][field] for field in FIELDS), strict=True)) for name in names}
    pairs = {pair for counts in held.values() for pair in counts}
    orders = {field: [ALL, *protocol["codes"].get(field, {})] for field in FIELDS}
    asked = {(ALL, ALL)}
    for area, route in pairs:
        asked |= {(area, route), (area, ALL), (ALL, route)}

    def place(codes: tuple[str, str]) -> tuple:
        known = (
            orders[field].index(code) if code in orders[field] else len(orders[field])
            for field, code in zip(FIELDS, codes)
        )
        return (*known, codes)

    rows = []
    for codes in sorted(asked, key=place):
        own = dict(zip(FIELDS, codes, strict=True))
        counts = {
            f"n_{name}": sum(n for pair, n in held.get(name, {}).items() if belongs(dict(zip(FIELDS, pair)), own))
            for name in ("trials", "expanded", "reports")
        }
        rows.append(own | {"page": page_of(*codes), "label": label(own, protocol)} | counts)
    return pd.DataFrame(rows)


def in_words(trials: list[dict[str, Any]]) -> str:
    """How many trials these are, records of expanded access counted apart."""
    outside = sum(row.get("study_type") == _OUTSIDE for row in trials)
    return trials_in_words(len(trials) - outside, outside)


def _of_all(trials: list[dict[str, Any]]) -> str:
    """How many these are after "3 of": records, where one of them is of expanded access."""
    apart = any(row.get("study_type") == _OUTSIDE for row in trials)
    return several(len(trials), "record" if apart else "trial")


def rows_of(tables: Tables) -> Rows:
    """The tables as rows, which many small pages are made from faster than from frames."""
    rows = {}
    for name, frame in tables.items():
        cells = zip(*(frame[column] for column in frame), strict=True)
        rows[name] = [
            {key: None if pd.isna(cell) else cell for key, cell in zip(frame, row, strict=True)} for row in cells
        ]
    return rows


def of_question(rows: Rows, question: dict[str, Any]) -> Rows:
    """The rows that belong to a question (its ``disease_area`` and ``route_group``)."""
    return {name: [row for row in of if belongs(row, question)] for name, of in rows.items()}


def belongs(row: dict[str, Any], question: dict[str, Any]) -> bool:
    """Whether a row with the codes of a disease area and a route group is on a question."""
    return all(question[field] in (ALL, row[field]) for field in FIELDS)


def label(question: dict[str, Any], protocol: dict) -> str:
    """A question in words: "Lung and airways, nebulised"."""
    area, route = (code_label(field, question[field], protocol) for field in FIELDS)
    return f"{area}, {route[0].lower()}{route[1:]}"


def code_label(field: str, code: str, protocol: dict) -> str:
    """What a reader sees for a code of a question."""
    noun = {"disease_area": "disease", "route_group": "route"}[field]
    own = {ALL: f"All {noun}s", UNKNOWN: f"{noun.capitalize()} not reported"}
    return own.get(code) or code_labels(protocol, field).get(code, code)


def page_of(area: str, route: str) -> str:
    """The name of the page of a question, which stays as long as its codes do: "respiratory-nebulised"."""
    parts = (f"all-{noun}" if code == ALL else code for code, noun in ((area, "diseases"), (route, "routes")))
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-").lower() for part in parts)


def answer(own: Rows, *, noun: str) -> dict[str, Any]:
    """The answer to a question in plain text.

    Parameters
    ----------
    own
        The rows that belong to the question, as ``of_question`` gives them.
    noun
        What is given: "vesicles".

    Returns
    -------
    dict
        ``effect`` (a sentence), ``first`` (of each report that comes first: ``study_id, study, about, finding, given, certainty, caveat``), and
        sentences, empty where there is nothing to say: ``more``, ``by_disease``, ``certainty``, ``dose``, ``harms``.
    """
    return _effect(own, noun=noun) | {
        "by_disease": _by_disease(own, noun=noun),
        "certainty": _certainty(own),
        "dose": _dose(own),
        "harms": _harms(own),
    }


def compared_with_another_arm(own: Rows) -> list[dict[str, Any]]:
    """The outcomes that compare vesicles of MSCs with another arm that is not another dose."""
    return [row for row in own.get("compared", []) if row["msc_derived"] and row["comparator"] != OTHER_DOSE]


def _effect(own: Rows, *, noun: str) -> dict[str, Any]:
    if "reports" not in own:
        text = "This review has read no reports of results: what follows is what is registered."
        return {"effect": text, "first": [], "more": ""}
    n_reports, rows = len(own["reports"]), compared_with_another_arm(own)
    if not rows:
        return {"effect": _nothing_compared(own, noun=noun), "first": [], "more": ""}

    ordered = _one_of_each(rows)
    n, more = len(ordered), len(ordered) - _SHOWN_FIRST
    known = {_certainty_of(row, own) for row in rows} - {None}
    best_known = max(known, key=LEVELS.index, default=None)
    of_mscs = sum(bool(row["msc_derived"]) for row in own["reports"])
    others = n_reports - of_mscs
    text = f"{n} of {several(of_mscs, 'report')} on {noun} of MSCs {'compares' if n == 1 else 'compare'} them with something other than a second dose of them."
    text += (
        f" {several(others, 'more report is', 'more reports are')} not known to be on such {noun}." if others else ""
    )
    text = f"The evidence on whether it helps {_SURE[best_known]}: {text}" if best_known else text
    return {
        "effect": text,
        "first": [_told_first(row, own) for row in ordered[:_SHOWN_FIRST]],
        "more": f"One outcome of each; {several(more, 'more report')} below." if more > 0 else "",
    }


def _one_of_each(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each report what a reader asks for first: the primary outcome, death, what has an estimate; the randomised, then the larger first."""

    def place(row: dict[str, Any]) -> tuple:
        return (not row["primary"], row["domain"] != "death", row["estimate"] is None)

    best: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=place):
        best.setdefault(row["study_id"], row)
    return sorted(best.values(), key=lambda row: (not row["randomised"], -(row["n"] or 0)))


def _told_first(row: dict[str, Any], own: Rows) -> dict[str, Any]:
    primary = "" if row["primary"] else " (not stated to be its primary outcome)"
    return {"study_id": row["study_id"], "study": row["study"], "about": _about(row, own)} | {
        "finding": row["finding"] + primary,
        "given": _dose_of(row, own),
        "caveat": row["evidence_note"],
        "certainty": _certainty_of(row, own),
    }


def _others(rows: list[dict[str, Any]]) -> str:
    return not_of_mscs(bool(row["msc_derived"]) for row in rows)


def _dose_of(row: dict[str, Any], own: Rows) -> str | None:
    return next((dose["dose_as_reported"] for dose in own.get("tested", []) if dose["arm_id"] == row["arm_id"]), None)


def _certainty_of(row: dict[str, Any], own: Rows) -> str | None:
    alike = (found for found in own.get("findings", []) if all(found[name] == row[name] for name in QUESTION))
    return next((found["certainty"] for found in alike), None)


def _nothing_compared(own: Rows, *, noun: str) -> str:
    text = f"No report compares {noun} of MSCs with another arm, so that whether it helps is not known."
    compared = own.get("compared", [])
    if not own["reports"]:
        return f"{text} No report of results is on file."
    of_doses = {row["study"] for row in compared if row["msc_derived"]}
    others = {row["study"] for row in compared} - of_doses
    silent = [row for row in own["reports"] if row["study_id"] not in {found["study_id"] for found in compared}]
    if of_doses:
        text += f" Doses alone are compared by {joined(sorted(of_doses))}."
    if others:
        text += f" {joined(sorted(others))} {'compares' if len(others) == 1 else 'compare'} {noun} of other cells, or of cells that are not told."
    if silent:
        text += f" {several(len(silent), 'report')}{_others(silent)} {'has' if len(silent) == 1 else 'have'} no compared outcome on file: how people would have fared without is not known."
    left_out = [f"{row['study']} compares {row['left_out']}" for row in own["reports"] if row.get("left_out")]
    return f"{text} Not counted as a comparison: {'; '.join(left_out)}." if left_out else text


def _about(row: dict[str, Any], own: Rows) -> str:
    people = "number of people not stated" if row["n"] is None else several(row["n"], "person", "people")
    whole = next((report["people"] for report in own["reports"] if report["study_id"] == row["study_id"]), None)
    if row["n"] is None and whole is not None:
        people = f"{several(whole, 'person', 'people')} in the report; how many of them this compares is not stated"
    if row["n"] is not None and whole is not None and whole > row["n"]:
        arms = joined([name for name in (row["arm"], row["versus"]) if name])
        people = f"{row['n']} of its {several(whole, 'person', 'people')}: those of {arms}"
    given = f", {row['also_given']} given as well" if row["also_given"] else ""
    chance = {True: "", False: "; not randomised"}.get(row["randomised"], "; not known to be randomised")
    return f"{row['disease_group'] or 'disease not told'}; {people}, v {row['comparator'] or 'an arm that is not named'}{given}{chance}"


def _by_disease(own: Rows, *, noun: str) -> str:
    """How many reports of each narrower group of diseases compare anything: what is found in one says little of another."""
    groups = Counter(row["disease_group"] or "disease not told" for row in own.get("reports", []))
    if len(groups) < 2 or "compared" not in own:
        return ""
    yes = {row["study_id"] for row in compared_with_another_arm(own)}
    comparing = Counter(row["disease_group"] or "disease not told" for row in own["reports"] if row["study_id"] in yes)
    named = groups.most_common(_GROUPS_SHOWN)
    parts = [f"{name} {comparing[name]} of {n}" for name, n in named]
    rest = groups.keys() - {name for name, _ in named}
    if rest:
        parts.append(
            f"{len(rest)} others {sum(comparing[name] for name in rest)} of {sum(groups[name] for name in rest)}"
        )
    every = f"{several(len(own['reports']), 'report')}{_others(own['reports'])}"
    return f"Reports that compare {noun} of MSCs with another arm, by disease: {', '.join(parts)}; of all {every}."


def _certainty(own: Rows) -> str:
    findings = own.get("findings")
    if not findings:
        return ""
    of_mscs = [row for row in findings if row["reports_of_mscs"] == row["reports"]]
    others = [row for row in findings if row["reports_of_mscs"] != row["reports"]]
    reasons = Counter(
        re.sub(r" \(−\d\)$", "", reason)
        for row in of_mscs or others
        for reason in (row["because"] or "").split("; ")
        if reason
    )
    common = joined([reason for reason, _ in reasons.most_common(4)])
    common = f", mostly for {common}" if common else ""
    text = (
        f"{_levels(of_mscs)} on vesicles of MSCs{common}."
        if of_mscs
        else "no question is answered by reports on vesicles of MSCs alone."
    )
    if others:
        text += f" Of questions that rest on reports of which one at least is not known to be on such vesicles: {_levels(others)}{'' if of_mscs else common}."
    return f"Certainty, computed after GRADE: {text}"


def _levels(findings: list[dict[str, Any]]) -> str:
    levels, n = Counter(row["certainty"] for row in findings), several(len(findings), "question")
    return joined([f"{level} in {count} of {n}" for level, count in levels.most_common()])


def _dose(own: Rows) -> str:
    if "doses" not in own or not own["trials"]:
        return ""
    doses = own["doses"]
    told = _number([row for row in doses if row["told_by"] == BY_RECORD], "trn")
    text = f"Dose: {told} of {_of_all(own['trials'])} {'states' if told == 1 else 'state'} one."
    if others := sorted({row["trn"] for row in doses} - {row["trn"] for row in doses if row["told_by"] == BY_RECORD}):
        text += f" Of {len(others)} more a review's table alone tells one ({joined(others)})."
    for words, bases in (("as stated", (COUNTED,)), ("converted on assumptions", CONVERTED)):
        if rows := [row for row in doses if row["basis"] in bases]:
            text += f" Particles per administration, {words}: {span(rows)} ({several(_number(rows, 'trn'), 'trial')})."
    tested = [row for row in own.get("tested", []) if row["msc_derived"] and row["basis"] == COUNTED]
    if tested:
        n_reports = several(_number(tested, "study_id"), "report")
        text += f" Reports on vesicles of MSCs that state particles gave {span(tested)} ({n_reports})."
    if "compared" in own:
        between = [row["study"] for row in own["compared"] if row["msc_derived"] and row["comparator"] == OTHER_DOSE]
        names = joined(sorted(set(between)))
        several_given = joined(sorted(_studies_with_several_doses(own) - set(between)))
        text += (
            f" Doses are compared by {names}."
            if names
            else " No report prints a comparison between doses of vesicles of MSCs."
        )
        text += (
            f" Arms of several doses, without a printed comparison between them: {several_given}."
            if several_given
            else ""
        )
    if any("compares_doses" in row for row in own["trials"]):
        comparing = [row for row in own["trials"] if row["compares_doses"]]
        if comparing:
            verb = "is" if len(comparing) == 1 else "are"
            kinds = by_status_in_words(pd.DataFrame(comparing)[["status", "end"]])
            text += f" {several(len(comparing), 'trial')} {verb} registered to compare doses: {kinds}."
    return f"{text} A dose that was given is not a dose that is known to work." if doses else text


def _studies_with_several_doses(own: Rows) -> set[str]:
    amounts: dict[str, set[tuple]] = {}
    for row in own.get("tested", []):
        if row["msc_derived"] and row["amount_high"] is not None:
            amounts.setdefault(row["study"], set()).add((row["amount_low"], row["amount_high"], row["basis"]))
    return {study for study, given in amounts.items() if len(given) > 1}


def _number(rows: list[dict[str, Any]], key: str) -> int:
    return len({row[key] for row in rows})


def span(rows: list[dict[str, Any]]) -> str:
    """The least and the greatest particles of doses, in words; a dash where nothing converts."""
    ends = [row[end] for row in rows for end in ("low", "high") if row[end] is not None]
    return span_of(min(ends), max(ends)) if ends else "–"


def _harms(own: Rows) -> str:
    reports, harms = own.get("reports"), own.get("harms")
    if not reports or harms is None:
        return ""
    silent = sum(not row["harms_told"] for row in reports)
    told = f"nothing on harms is on file of {silent} of {several(len(reports), 'report')}{_others(reports)}"
    deaths = _number([row for row in own.get("compared", []) if row["domain"] == "death"], "study_id")
    died = (
        f" Deaths that {several(deaths, 'report')} {'compares' if deaths == 1 else 'compare'} stand among what was found."
        if deaths
        else ""
    )
    died += printed_alone(own)
    if not harms:
        return f"Harms: {told}.{died}"
    counted = [row for row in harms if row["n_events"] is not None and row["n"] is not None]
    counted.sort(key=lambda row: row["serious"] is not None and not row["serious"])  # serious ones and deaths first
    beside = sum(row["control_events"] is not None and row["control_n"] is not None for row in counted)
    none = [row for row in counted if row["n_events"] == 0]
    text = (
        f"Harms: of {several(len(counted), 'count')} with a number of people{_others(counted)} {len(none) or 'none'} saw no event, {beside or 'none'} "
        f"stand beside such a count of a control arm; {told}.{died}"
    )
    seen = [f"{row['harm']} in {row['n_events']} of {row['n']} ({row['study']})" for row in counted if row["n_events"]]
    if seen:
        text += f" Seen: {'; '.join(seen[:_SHOWN_FIRST])}{'; and more below' if len(seen) > _SHOWN_FIRST else ''}."
    untold = [row for row in harms if row["n_events"] is None or row["n"] is None]
    untold.sort(key=lambda row: row["n_events"] == 0)
    if untold:
        said = [f", {row['n_events']}" if row["n_events"] is not None else "" for row in untold]
        named = list(dict.fromkeys(f"{row['harm']}{n} ({row['study']})" for row, n in zip(untold, said, strict=True)))
        text += f" Without a number of people: {'; '.join(named[:_SHOWN_FIRST])}{'; and more below' if len(named) > _SHOWN_FIRST else ''}."
    text += "".join(
        f" On {row['study']}: {row['evidence_note']}" for row in counted if row["serious"] and row["n_events"]
    )
    bounded = [row for row in none if row["msc_derived"] and row["upper_if_none"] is not None]
    if bounded:
        largest = max(bounded, key=lambda row: row["n"])
        text += (
            f" The largest arm on vesicles of MSCs without an event ({largest['harm']}: {largest['n']} people, {largest['study']}) still leaves room for "
            f"{100 * largest['upper_if_none']:.1f} % (one-sided 95 % bound)."
        )
    return f"{text} The caveat of each report stands in the table below."


def printed_alone(own: Rows) -> str:
    """The harms that the paper alone prints, in a sentence after a space; empty: none."""
    words = [f"“{row['outcomes']}” ({row['study']}, {row['trn']})" for row in own.get("printed", [])]
    return f" The paper's Table 2 prints what no count on file holds: {'; '.join(words)}." if words else ""


def missing(own: Rows, rows: Rows, question: dict[str, Any], *, protocol: dict) -> list[tuple[str, list[str], str]]:
    """What is not known on a question: sentences in plain text, each with the trials that it is about, if they are named, and
    the page that holds more, if there is one.

    ``rows`` are those of all questions, for the trials that may belong to this one though their route is not known.
    """
    trials, n = own["trials"], _of_all(own["trials"])
    lines: list[tuple[str, list[str], str]] = []
    if any("due" in row for row in trials):
        over = [row for row in trials if row["due"] == OVER]
        lacking = [row for row in over if row["result"] == NONE_ON_FILE]
        ended = sum(bool(row["ended"]) for row in lacking)
        open_ones = len(lacking) - ended
        may_run = f"{open_ones} may still run: the planned end has passed, and no status says that a trial ended"
        kinds = [f"{ended} ended by the status"] * bool(ended) + [may_run] * bool(open_ones)
        text = f"{len(lacking)} of {several(len(over), 'trial')} that should be over for more than a year by {trials[0]['read_to']} have no result on file"
        lines.append((f"{text} ({'; '.join(kinds)})" if lacking else text, [row["trn"] for row in lacking], ""))
    if question["route_group"] == ALL and "route_group" in protocol["codes"]:
        lines.append(
            (
                f"Neither a route nor its group is shown by {sum(row['route_group'] == UNKNOWN for row in trials)} of {n}.",
                [],
                "",
            )
        )
    elif question["route_group"] not in (ALL, UNKNOWN):
        unknown = question | {"route_group": UNKNOWN}
        hidden = of_question(rows, unknown)
        counts = [several(len(hidden[name]), f"more {name[:-1]}") for name in ("trials", "reports") if hidden.get(name)]
        if counts:
            area = "" if question["disease_area"] == ALL else " of this disease area"
            text = f"{joined(counts)}{area} tell no route: any may belong here."
            if n_comparing := len(without_route(rows, question)):
                text += f" {several(n_comparing, 'report')} of them {'compares' if n_comparing == 1 else 'compare'} a primary outcome or deaths, and {'follows' if n_comparing == 1 else 'follow'} here."
            lines.append((text, [], page_of(*(unknown[field] for field in FIELDS))))
    lines += _on_other_pages(own, rows, question, protocol)
    if "doses" in own:
        lines.append((f"No dose is on file of {len(trials) - _number(own['doses'], 'trn')} of {n}.", [], ""))
    shown = {"phase_group": "phase", "status": "status", "enrolment": "number of people", "countries": "country"}
    absent = {word: sum(row[name] is None for row in trials) for name, word in shown.items()}
    if trials:
        gaps = joined([f"{k} {'shows' if k == 1 else 'show'} no {word}" for word, k in absent.items()])
        lines.append((f"Of {n}, as our copies show them, {gaps}.", [], ""))
    lines += [(text, [], "") for told, text in told_of_making(own, question) if not told]
    if may_belong := _may_belong_together(rows, question):
        lines.append(
            (
                f"Reports that are tied to no trial, though a note on a record names them: {'; '.join(may_belong)}.",
                [],
                "",
            )
        )
    if reports := own.get("reports"):
        unnamed = sum(row["trn"] is None for row in reports)
        lines.append((f"Reports that name no included trial: {unnamed} of {len(reports)}{_others(reports)}.", [], ""))
    return lines


def without_route(rows: Rows, question: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the reports on a question's disease that tell no route, what each compares first of its primary outcomes and deaths.

    Returns
    -------
    list of dict
        As ``first`` of ``answer``; empty where the question is not of one route.
    """
    if question["route_group"] in (ALL, UNKNOWN):
        return []
    hidden = of_question(rows, question | {"route_group": UNKNOWN})
    told = [row for row in compared_with_another_arm(hidden) if row["primary"] or row["domain"] == "death"]
    return [_told_first(row, hidden) for row in _one_of_each(told)]


def without_route_in_short(rows: Rows, question: dict[str, Any]) -> str:
    """Which reports that tell no route compare a primary outcome or deaths, with their certainty, in a sentence; empty: none."""
    told = without_route(rows, question)
    named = joined([f"{row['study']} (certainty: {row['certainty'] or 'not rated'})" for row in told])
    verb = "compares" if len(told) == 1 else "compare"
    return f"{named} {verb} a primary outcome or deaths without telling a route, and may belong here." if told else ""


def _may_belong_together(rows: Rows, question: dict[str, Any]) -> list[str]:
    """The reports that may be of a trial, of which either stands on the question; the trial's page has the words that say so."""
    named = []
    for row in rows.get("possible", []):
        report = {field: row[f"report_{field}"] for field in FIELDS}
        if belongs(row, question) or (row["study_id"] and belongs(report, question)):
            named.append(f"{row['report']} {LINKS[row['link']].replace('this trial', row['trn'])}")
    return named


def told_of_making(own: Rows, question: dict[str, Any]) -> list[tuple[bool, str]]:
    """What is told of how vesicles were made and delivered: sentences with n of m, and of each whether anything is told at all."""
    n_reports, lines = len(own.get("reports", [])), []
    if not n_reports:
        return []
    of_reports = f"{several(n_reports, 'report')}, as far as they were read"
    for item, name in _OF_PRODUCT.items():
        if "product" in own:
            rows = [row for row in own["product"] if row["item"] == item and row["stated"] == "yes"]
            whom = f": {_named(rows, 'study', 'words')}" if rows else ""
            lines.append(
                (bool(rows), f"{name} is told by {len(rows)} of {of_reports}, and by no field of a record{whom}.")
            )
    for item, (field, code, name, _) in _DELIVERY.items():
        if "delivery" in own and question[field] == code:
            rows = [row for row in own["delivery"] if row["item"] == item]
            whom = f": {_named(rows, 'by', 'told')}" if rows else ""
            n_trials = sum(row["trn"] is not None for row in rows)
            trials = f"{n_trials} of {in_words(own['trials'])}"
            lines.append((bool(rows), f"{name} is told by {trials} and {len(rows) - n_trials} of {of_reports}{whom}."))
    return lines


def _named(rows: list[dict[str, Any]], name: str, told: str) -> str:
    return "; ".join(f"{row[name]} ({row[told]})" for row in rows)


def asked_of_delivery(question: dict[str, Any]) -> list[str]:
    """The words that are searched for where a question's page says what is told of delivery."""
    return [word for field, code, _, words in _DELIVERY.values() if question[field] == code for word in words]


def _on_other_pages(
    own: Rows, rows: Rows, question: dict[str, Any], protocol: dict
) -> list[tuple[str, list[str], str]]:
    """What bears on a question and stands on another page, as lines of ``missing``: reports whose trial is coded otherwise, the same
    route in other diseases, and healthy people who were given it by a route of the question."""
    lines: list[tuple[str, list[str], str]] = []
    trials, reports = {row["trn"]: row for row in rows["trials"]}, rows.get("reports", [])
    for report in reports:
        trial = trials.get(report["trn"])
        if trial and belongs(trial, question) != belongs(report, question):
            here = belongs(trial, question)
            other = report if here else trial
            stands = ("here", f"under “{label(other, protocol)}”")[:: 1 if here else -1]
            text = f"{report['study']} reports {report['trn']}, which stands {stands[0]} by its record; the report stands {stands[1]}, by what was read of it."
            lines.append((text, [], page_of(*(other[field] for field in FIELDS))))
    area, route = (question[field] for field in FIELDS)
    if area == ALL or "route_group" not in protocol["codes"]:
        return lines
    if route not in (ALL, UNKNOWN, "other"):
        elsewhere = of_question(rows, {"disease_area": ALL, "route_group": route})
        counts = {name: len(elsewhere.get(name, [])) - len(own.get(name, [])) for name in ("trials", "reports")}
        told = joined([several(n, name[:-1]) for name, n in counts.items() if n])
        if told:
            text = f"In other disease areas, {code_label('route_group', route, protocol).lower()}: {told}."
            lines.append((text, [], page_of(ALL, route)))
    routes = {row["route_group"] for name in ("trials", "reports") for row in own.get(name, [])} - {UNKNOWN}
    for report in reports:
        healthy = (report["disease_group"] or "").startswith(_HEALTHY) and report["disease_area"] != area
        if healthy and report["route_group"] in routes:
            people = "people not stated" if report["people"] is None else several(report["people"], "person", "people")
            by = code_label("route_group", report["route_group"], protocol).lower()
            printed = [row for row in rows.get("printed", []) if row["study"] == report["study"]]
            text = f"In healthy people, {by}: {report['study']} ({people}).{printed_alone({'printed': printed})}"
            lines.append((text, [], page_of(*(report[field] for field in FIELDS))))
    return lines


def foremost(trials: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The trials under way that tell most, each with what it tells most of: ``HELPS`` or ``WHICH_DOSE``.

    By what records show, in this order: no early phase 1, allotted by chance, with a status, the later phase, more people, no end that has passed, the
    newer. Whether it helps is told by no trial with a single arm or with vesicles in all of its arms. Of doses those alone that compare
    them, first of these the ones of which no end has passed.
    """

    def place(row: dict[str, Any]) -> tuple:
        phase = -1 if row["phase_place"] is None else row["phase_place"]
        day = row["registered"].toordinal() if row["registered"] is not None else 0
        return (
            row["phase_group"] == _EARLY,
            row["randomised"] is not True,
            row["status"] is None,
            -phase,
            -(row["enrolment"] or 0),
            row["late"],
            -day,
        )

    still = sorted((row for row in trials if row["status_group"] in OPEN_STATUS), key=place)
    comparing = sorted((row for row in still if row.get("compares_doses") is not None), key=lambda row: row["late"])
    effect = [(HELPS, row) for row in still if not row["all_given"]][:1]
    return effect + [(WHICH_DOSE, row) for row in comparing[:_SHOWN_OF_DOSES]]


def none_can_tell(trials: list[dict[str, Any]]) -> str:
    """That no trial under way can tell whether it helps, in a sentence; empty where one may, or where none is under way."""
    still = [row for row in trials if row["status_group"] in OPEN_STATUS]
    if not still or not all(row["all_given"] for row in still):
        return ""
    words = "the one there is has" if len(still) == 1 else f"each of the {len(still)} has"
    return f"No trial under way can tell whether it helps: {words} a single arm, or vesicles in all of its arms."


def trial_in_words(row: dict[str, Any]) -> str:
    """A trial's short title, its phase, size and end, and its status with the day that this is of; what is not shown is named."""
    conditions = "; ".join(split_multi(row["conditions"])) or "not shown"
    title = row["title"] and shorten(row["title"], _LONGEST_TITLE, placeholder=" …")
    name = title or "no title shown"
    if title != row["title"] or not title:
        name += f"; condition: {conditions}"
    if title and row["acronym"] and row["acronym"].casefold() not in title.casefold():
        name = f"{row['acronym']}: {name}"
    facts = {
        "phase": row["phase"],
        "allocation": _allocation(row),
        "number of people": row["enrolment"] and several(row["enrolment"], "person", "people"),
        "end": row["end"] and f"end by its record {row['end']}",
        "status": row["status"] and f"{_status(row)} (copy read on {row['status_read']})",
    }
    told = [fact for fact in facts.values() if fact]
    told += (
        [f"compares doses: {row['compares_doses'].replace('; ', ', ')}"]
        if row.get("compares_doses") is not None
        else []
    )
    told += filter(None, [_without_result(row), *_from_elsewhere(row)])
    unknown = [name for name, fact in facts.items() if not fact]
    return f"{name} ({'; '.join(told + ([f'not shown: {joined(unknown)}'] if unknown else []))})"


def _allocation(row: dict[str, Any]) -> str | None:
    word = {True: "randomised", False: "not randomised"}.get(row["randomised"])
    return f"{word} (machine reading of “{row['randomised_by']}”)" if word and row["randomised_by"] else word


def _without_result(row: dict[str, Any]) -> str:
    lacks = row.get("due") == OVER and row.get("result") == NONE_ON_FILE
    return "no result on file, more than a year after that end" if lacks else ""


def _from_elsewhere(row: dict[str, Any]) -> list[str]:
    """What else of a record is from a publication's table, as the note on it says, where its status is."""
    return [f"note on its record: “{row['status_words']}”"] if row["status_day_is"] == _TABLE else []


def _status(row: dict[str, Any]) -> str | None:
    """A status with the day that it is of, and from where it is, unless it is of the registry's last update."""
    day = row["status_day"] or "a day that is not told"
    place = f", from {row['status_day_is']}" if row["status_day_is"] not in (None, LAST_UPDATE) else ""
    return row["status"] and f"{row['status']} as of {day}{place}"


def in_short(trials: list[dict[str, Any]]) -> str:
    """The trial under way that tells most on whether it helps, in one short sentence with what must be read with it; empty where none is under way."""
    for _, row in [told for told in foremost(trials) if told[0] == HELPS]:
        facts = (
            row["acronym"],
            row["phase"],
            row["randomised"] and _allocation(row),
            row["enrolment"] and several(row["enrolment"], "person", "people"),
            _status(row) or "no status shown",
            row["end"] and f"end by its record {row['end']}",
            _without_result(row),
            *_from_elsewhere(row),
        )
        return f"Under way, and likely to tell most: {row['trn']} ({'; '.join(filter(None, facts))})."
    return none_can_tell(trials)


def most_open_first(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trials with those first that compare doses and of which a result can still come, then the other open ones, then those whose end has passed."""
    order = {name: place for place, name in enumerate(OPEN_STATUS)}

    def place(row: dict[str, Any]) -> tuple:
        day = row["registered"].toordinal() if row["registered"] is not None else 0
        return (
            row["status_group"] not in order,
            row["late"],
            row.get("compares_doses") is None,
            order.get(row["status_group"], len(order)),
            -day,
        )

    return sorted(trials, key=place)
