"""Trials and claims to browse: tables with filters, and a page for each trial. All text is escaped."""

import html
import re
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from evlib.audit.checks import by_section
from evlib.base.reading.statuses import ENDED_EARLY, days_in_words, status_groups
from evlib.base.schema import DAYS_OF_STATUS, join_multi, split_multi
from evlib.base.tables import code_labels, in_words
from evlib.base.words import joined, several
from evlib.book.browsing import UNREPORTED, browsing
from evlib.book.record_history import older_values
from evlib.book.trials.told_of_trials import LINKS
from evlib.book.trials.trial_reports import (
    fold,
    in_short,
    particles,
    record_called_randomised,
    rows_of,
    section,
    without_markup,
)
from evlib.certainty.missing_results import ACTUAL
from evlib.describe.coded_fields import STATING
from evlib.describe.tally import MISSING
from evlib.doses.stated_doses import span_of
from evlib.doses.to_particles import BASES

_CODED = {
    "disease_area": "Disease area",
    "route": "Route",
    "msc_source": "Cell source",
    "phase_group": "Phase",
    "design": "Design",
}
_IN_MENUS_ALONE = (
    "Design",
    "Masking level",
)  # of the coded facts; a column of it would leave too little width for the others
NOT_COUNTED = "not yet read, not counted"
_SEARCHED = ("official_title", "acronym", "conditions", "interventions", "route_text", "sponsor", "secondary_trns")
_RECORD = {
    "official_title": "Official title",
    "status": "Status",
    "registered": "Registered",
    "registered_basis": "Date is",
    "sponsor": "Sponsor",
    "countries": "Countries, as the record shows",
    "conditions": "Conditions",
    "interventions": "Interventions",
    "arms": "Arms",
    "study_type": "Study type",
    "phases": "Phases",
    "allocation": "Allocation",
    "intervention_model": "Intervention model",
    "masking": "Masking",
    "primary_purpose": "Primary purpose",
    "enrolment": "Enrolment",
    "enrolment_type": "Enrolment is",
    "msc_source_text": "Cells, in its words",
    "ev_term_text": "Product, in its words",
    "route_text": "Route, in its words",
    "dose_text": "Dose, in its words",
    "start_date": "Start",
    "completion_date": "Completion",
    "last_update": "Last update",
    "results_posted": "Results posted",
    "secondary_trns": "Other numbers",
    "note": "Note of who transcribed the copy",
    "snapshot": "Newest source of",
}
# Fields whose change over time a reader follows; titles and descriptions are worded anew by each transcription.
_FOLLOWED = (
    "status",
    "enrolment",
    "enrolment_type",
    "phases",
    "start_date",
    "completion_date",
    "allocation",
    "masking",
)
_DATES = {"start_date": "start", "completion_date": "completion"}
_DECISIONS = ("reviewer", "read_by", "decision", "criterion", "reason")
_CODING = ("field", "value", "coded_by", "found_in", "words", "read_as", "record_says")
_OF_SEVERAL = (
    "value",
    "found_in",
    "words",
    "record_says",
    "before",
    "after",
)  # may hold several values: "Phase 1 and Phase 2"
_DUPLICATES = ("trn", "kept_trn", "basis", "evidence")
_REMARKS = ("field", "text", "reason", "file", "line")
_NOT_UNDERSTOOD = "What a source states here could not be read. Where the record above lacks the field, this is why: it was not left out."
_CLAIM = {
    "section": "Section",
    "quote": "Quote",
    "value": "The paper says",
    "ours": "Ours",
    "kind": "Kind",
    "verdict": "Verdict",
    "why": "Why",
    "finding": "Finding",
}
_MOST_WORDS = 12  # of a dose as stated, in the table of all trials; its page has the rest


def page_name(trn: str) -> str:
    """The name of a trial's page: its number without signs that do not belong in file names and addresses."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", trn)


def trials_to_browse(
    described: pd.DataFrame, stories: Sequence[dict[str, Any]], *, protocol: dict, without: Collection[str] = ()
) -> str:
    """All trials as a table to browse (``evlib.book.browsing``): what each tests, in whom, at what dose, and with what on file.

    A status is shown with its day and that of our copy, a number of participants that is older than the record's newest source with its day.

    Parameters
    ----------
    described
        Table ``described``.
    stories
        The history of each of its records, in its order (``evlib.book.record_history.trace``).
    without
        Which of ``doses`` and ``results`` the whole review lacks: their columns are left out.
    """
    described = described.reset_index(drop=True)
    coded = _CODED | {field: in_words(field).capitalize() for field in protocol["added_fields"]}
    codes = {
        label: described[field].map(code_labels(protocol, field))
        for field, label in coded.items()
        if field in protocol["codes"]
    }
    countries = described.countries.map(lambda cell: join_multi(split_multi(cell)) or pd.NA)
    statuses, year = _if_stated(status_groups(described.status)), described.registered.dt.year.astype("Int64")
    older = [older_values(story) for story in stories]
    facts = {
        "Trial": [
            _trial(row.trn, row.title, pending=row.screening == "pending") for row in described.itertuples(index=False)
        ],
        **{label: values.map(_text) for label, values in codes.items() if label not in _IN_MENUS_ALONE},
        "Country": [", ".join(map(html.escape, split_multi(cell))) or UNREPORTED for cell in described.countries],
        "Registered": [_in_time(day, basis) for day, basis in zip(described.registered, described.registered_basis)],
        "Status": [
            _text(value) + _small(_status_days(story["record"]))
            for value, story in zip(described.status, stories, strict=True)
        ],
        "People": [
            _text(value) + _day(old.get("enrolment")) for value, old in zip(described.enrolment, older, strict=True)
        ],
    }
    menus = dict(codes) | {"Country": countries, "Status": statuses}
    order = {
        "Trial": described.trn,
        "Registered": described.registered.dt.strftime("%Y%m%d"),
        "People": described.enrolment,
    }
    if "doses" not in without:
        doses = pd.DataFrame([_dose_in_short(story) for story in stories], columns=["cell", "kind", "least", "most"])
        facts["Dose"], menus["Dose"], order["Dose"] = doses.cell, doses.kind, doses.least
    results = [_results_in_short(story, reports="results" not in without) for story in stories]
    facts["Results"] = [", ".join(map(_text, found)) or "none on file" for found, _ in results]
    menus["Results"] = pd.Series([kind for _, kind in results], index=described.index)
    pending = described.screening.map({"included": "included", "pending": NOT_COUNTED})
    if pending.nunique() > 1:
        menus["Counted"] = pending
    file = {"Number": described.trn, "Title": described.title, **codes, "Countries": countries}
    file |= {"Registered": described.registered.dt.strftime("%Y-%m-%d"), "Date is": described.registered_basis}
    file |= {"Status": described.status, "Status in groups": statuses}
    heads = {"status_day": "Day of the status", "status_day_is": "Day is", "status_read": "Copy read on"}
    file |= {head: [story["record"].get(name) for story in stories] for name, head in heads.items()}
    file |= {"People": described.enrolment}
    if "doses" not in without:
        file |= {"Particles, least": doses.least, "Particles, most": doses.most, "Particles are": doses.kind}
        file["Dose as stated"] = [join_multi(dose.get("as_stated") for dose in story["doses"]) for story in stories]
    file |= {"Results": [", ".join(found) or "none on file" for found, _ in results], "Record": described.record_url}
    searched = pd.Series([_search_words(story) for story in stories], index=described.index)
    return browsing(
        pd.DataFrame({label: list(values) for label, values in facts.items()}),
        name="trials",
        what="trials",
        menus=menus,
        ranges={"Year of registration": year, "Number of people": described.enrolment},
        words=searched,
        order=order,
        download=pd.DataFrame(file),
    )


def claims_to_browse(ledger: pd.DataFrame) -> str:
    """The ledger of claims (``audit.csv``) as a table to browse, with sections in the paper's order; all text is escaped."""
    sections = list(by_section(ledger).index)
    ledger = ledger.sort_values("section", key=lambda column: column.map(sections.index), kind="stable")
    texts = ledger[list(_CLAIM)].rename(columns=_CLAIM).map(lambda cell: "–" if pd.isna(cell) else html.escape(cell))
    shown = texts.assign(Source=["–" if pd.isna(url) else _link(url, urlsplit(url).netloc) for url in ledger.source])
    menus = {_CLAIM[name]: ledger[name] for name in ("section", "kind", "verdict")}
    return browsing(shown, name="claims", what="claims", menus=menus, download=ledger[[*_CLAIM, "source"]])


def _trial(trn: str, title: object, *, pending: bool) -> str:
    """The number of a trial as a link to its page, its title, and whether nobody has read it yet."""
    note = f'<br><strong class="unread">{NOT_COUNTED}</strong>' if pending else ""
    return f"{_link(f'trials/{page_name(trn)}.html', trn)}<br>{_text(title)}{note}"


def _day(older: dict[str, Any] | None) -> str:
    """The day of a fact that is older than the record's newest source, in small print."""
    return _small(f"copy read on {older['snapshot']}" if older else "")


def _small(words: str) -> str:
    return f"<br><small>{html.escape(words)}</small>" if words else ""


def _status_days(record: dict[str, Any]) -> str:
    """Of which day the status of a record is, and when our copy was read; nothing where no status is shown."""
    return days_in_words(*(record.get(name) for name in DAYS_OF_STATUS)) if "status" in record else ""


def _in_time(day: pd.Timestamp, basis: object) -> str:
    """The month of registration, with a sign where the day is an estimate."""
    return UNREPORTED if pd.isna(day) else f"{'about ' if basis == 'estimated' else ''}{day:%b&nbsp;%Y}"


def _if_stated(groups: pd.Series) -> pd.Series:
    return groups.mask(groups == MISSING)


def _dose_in_short(story: dict[str, Any]) -> tuple[str, str | None, float | None, float | None]:
    """The dose of a trial for its row: as HTML, its kind for the menu, and the least and most particles.

    Several arms are a range, or each as it is stated. What the number rests on is a word of ``BASES``: a trial whose record counts particles
    is told by these alone, as everywhere; of another, the least firm one.
    """
    doses = story.get("in_particles") or story["doses"]
    if not doses:
        return UNREPORTED, None, None, None
    known = [dose for dose in doses if "low" in dose and "basis" in dose]
    if not known:
        texts = dict.fromkeys(" ".join(str(dose.get("as_stated", "")).split()[:_MOST_WORDS]) for dose in doses)
        words = "; ".join(filter(None, texts))
        return _text(words or pd.NA), "stated, not in particles", None, None
    known = [dose for dose in known if dose["basis"] == "stated"] or known
    least, most = min(dose["low"] for dose in known), max(dose["high"] for dose in known)
    basis = max((dose["basis"] for dose in known), key=list(BASES).index)
    caveat = ", with a caveat" if any("caveat" in dose for dose in story["doses"]) else ""
    return f"{span_of(least, most)} particles ({basis}{caveat})", f"particles, {basis}", least, most


def _results_in_short(story: dict[str, Any], *, reports: bool) -> tuple[list[str], str]:
    found = [str(report["study"]) for report in story["results"]] if reports else []
    posted = story["record"].get("results_posted") is True
    kind = "report on file" if found else "posted in the registry" if posted else "none on file"
    return [*found, *(["posted in the registry"] if posted else [])], kind


def _search_words(story: dict[str, Any]) -> str:
    """What the search looks through beside the cells: what the record says of the trial, without line breaks."""
    named = [str(story["record"][name]) for name in _SEARCHED if name in story["record"]]
    return " ".join(" ".join(named).split())


def trial_page(story: dict[str, Any], changes: pd.DataFrame | None, *, without: Collection[str] = ()) -> str:
    """The page of a trial in Markdown with HTML tables. First what a reader asks: what it tests, its status, whether it has
    results; then what its reports say, its doses, the versions of its record, and how it was read.

    Parameters
    ----------
    story
        The record's history, of ``evlib.book.record_history.trace``.
    changes
        What changed in records since an earlier search: ``trn, field, before, after`` (of ``evlib.audit.compare``); None where
        the run has no earlier search.
    without
        Which of ``doses`` and ``results`` the whole review lacks: their sections are left out.
    """
    record, older, url = story["record"], older_values(story), story.get("record_url")
    title = record.get("brief_title") or record.get("official_title") or "No title shown"
    links = [*([_link(url, "Its record in the registry")] if url else []), '<a href="../trials.html">All trials</a>']
    told = [] if "results" in without else story["reports"]
    parts = [
        "---\norphan: true\n---",
        f"# {without_markup(story['trn'])}",
        f"<p><strong>{html.escape(str(title))}</strong></p>",
        f'<p class="answer">{_answer(story, told)}</p>',
        *([] if "results" in without else map(_may_be_of_it, story["possible_reports"])),
        f"<p>{'. '.join(links)}.</p>",
        _facts_in_short(story, told, older, without=without),
        *(["## Results", *map(section, told)] if told else []),
        *(["## Doses in the record", _doses(story)] if "doses" not in without and story["doses"] else []),
        *_versions(story, changes),
        "## The record",
        fold("Everything that the record says, in its words", _facts(_said(record, older), label="The record")),
        *(
            [
                "## Stated, but not understood",
                _with_note(_NOT_UNDERSTOOD, _grid(story["not_understood"], _REMARKS, label="Not understood")),
            ]
            if story["not_understood"]
            else []
        ),
        "## How it was coded",
        f"<p>{_agreement(story['coding'])}</p>",
        fold(
            "Each coded fact, and on what it rests",
            _grid(story["coding"], _CODING, label="Coded facts", none="Not coded."),
        ),
        "## Who judged it",
        f"<p>{_outcome_sentence(story['outcome'])}</p>",
        fold("Each judgement", _grid(story["decisions"], _DECISIONS, label="Judgements", none="No decision yet.")),
        *(
            [
                "## Other records of the same trial",
                _grid(story["duplicates"], _DUPLICATES, label="Other records"),
                *map(_merged, story["merged"]),
            ]
            if story["duplicates"]
            else []
        ),
        "## Sources",
        fold("The addresses that the record was read from", _sources(record, older)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _answer(story: dict[str, Any], told: list[dict[str, Any]]) -> str:
    """What a reader asks first: is it over, has it results, and what decides how to read them."""
    record = story["record"]
    parts = [f"{record['status']} ({_status_days(record)})." if "status" in record else "Its status is not shown."]
    if told:
        parts.append(f"{several(len(told), 'report is', 'reports are')} on file: {'; '.join(map(in_short, told))}.")
        parts += [str(report["evidence_note"]) for report in told if "evidence_note" in report]
    elif story["record"].get("results_posted") is True:
        parts.append("Results are posted in the registry; no report is on file here.")
    else:
        parts.append("No result is on file.")
        if story.get("follow_up", {}).get("due") == "over a year ago":
            day = story["follow_up"].get("completion_date", "a day that it does not show")
            parts.append(f"The end that its record gives passed more than a year ago ({day}){_still_runs(story)}.")
    if story["outcome"]["outcome"] == "pending":
        parts.insert(0, "Not yet read, not counted.")
    return html.escape(" ".join(parts))


def _may_be_of_it(named: dict[str, Any]) -> str:
    """A report that the note on the record names and that is not tied to it."""
    url = str(named.get("url", ""))
    report = _link(f"https://doi.org/{url}" if url.startswith("10.") else url, named["report"])
    basis = f"“{named['words']}” ({named['read_from']}; {named['decided_by']})"
    return f"<p>Not counted as its result: {report} {LINKS[named['link']]}. {html.escape(basis)}</p>"


def _still_runs(story: dict[str, Any]) -> str:
    """What follows for a trial whose end has passed, where that day is not known to be the actual one."""
    if story["follow_up"].get("date_is") == ACTUAL:
        return ""
    [group] = status_groups(pd.Series([story["record"].get("status")]))
    if group in ("Completed", ENDED_EARLY):
        return ": a planned day, since the record is older than that"
    return "; its status does not say that it has ended, so it may still run"


def _facts_in_short(
    story: dict[str, Any], told: list[dict[str, Any]], older: dict[str, Any], *, without: Collection[str]
) -> str:
    record, codes = story["record"], {row["field"]: row for row in story["coding"]}

    def coded(field: str, *words: str) -> str:
        """A code with the record's words for it, also where they say otherwise."""
        row = codes.get(field, {})
        said = "; ".join(dict.fromkeys(", ".join(split_multi(record[name])) for name in words if name in record))
        code, by = row.get("value"), str(row.get("coded_by", ""))
        if code == "not reported" and "words" in row:
            words = f"on the words “{row['words']}” ({row['found_in']})"
            return html.escape(f"{code} ({by}, {words}; in the field for it the record says: {said or 'nothing'})")
        if "(" in by and "person" not in by:  # of a record that was merged into this one
            said = "; ".join(filter(None, (f"{', '.join(split_multi(row.get('words')))} ({by})".strip(), said)))
        if "record_says" in row:
            day = older.get(STATING.get(field), record).get("snapshot")
            code = f"{code} ({row['coded_by']}; the record of {day} says {joined(split_multi(row['record_says']))})"
        return html.escape(": ".join(filter(None, (code, said)))) or UNREPORTED

    def shown(*names: str) -> str:
        """Facts of the record, older ones with their day."""
        texts = [str(_as_of(record[name], older.get(name))) for name in names if name in record]
        return html.escape("; ".join(", ".join(split_multi(text)) for text in texts)) or UNREPORTED

    kind = {"actual": "actual", "estimated": "planned", "anticipated": "planned", "planned": "planned"}
    people = shown("enrolment")
    if (word := kind.get(str(record.get("enrolment_type", "")).casefold())) and "enrolment" in record:
        people += f", {word}"
    basis = " (estimated)" if record.get("registered_basis") == "estimated" else ""
    dates = [f"registered {record['registered']}{basis}"] if "registered" in record else []
    dates += [f"{label} {_as_of(record[name], older.get(name))}" for name, label in _DATES.items() if name in record]
    facts = {
        "Disease": coded("disease_area", "conditions"),
        "Cells": coded("msc_source", "msc_source_text"),
        "Product": coded("ev_term", "ev_term_text"),
        "Route": coded("route", "route_text"),
    }
    if "doses" not in without:
        facts["Dose"] = _dose_in_short(story)[0]
        if not story["doses"] and "dose_text" in record:
            facts["Dose"] = html.escape(f"in its words: {record['dose_text']}")
    facts |= {
        "Phase, design": f"{coded('phase_group')}; {coded('design')}; {shown('allocation', 'masking')}{_told(story)}",
        "People": people,
        "Dates": html.escape("; ".join(dates)) or UNREPORTED,
        "Where": coded("countries"),
        "Sponsor": shown("sponsor"),
    }
    if told:
        facts["Risk of bias"] = "<br>".join(html.escape(text) for text in map(_overall, told))
    rows = "".join(
        f'<tr><th scope="row">{html.escape(label)}</th><td>{value}</td></tr>' for label, value in facts.items()
    )
    return _framed(rows, label="The trial in short")


def _told(story: dict[str, Any]) -> str:
    """What was decided of the trial's allocation and arms, with the words that it rests on."""
    return "".join(
        html.escape(f"; {row['item']}: {row['told']} (“{row['words']}”, {row['decided_by']})") for row in story["told"]
    )


def _overall(report: dict[str, Any]) -> str:
    """The overall risk of bias of a report, and who judged it."""
    for row in report["risk_of_bias"]:
        if row["domain"] == "overall" and "judgement" in row:
            return f"{report['study']}: {row['judgement'].replace('-', ' ')} ({row['tool']}; {row['judged_by']}{record_called_randomised(row)})"
    return f"{report['study']}: not judged"


def _doses(story: dict[str, Any]) -> str:
    """Each dose as stated, and in particles where it can be converted, with what that rests on and what the words for it mean."""
    stated, converted = story["doses"], story.get("in_particles", [])
    beside = converted if len(converted) == len(stated) else [{} for _ in stated]
    rows = [
        (
            html.escape(str(dose.get("arm", "–"))),
            html.escape(str(dose.get("as_stated", "–"))),
            html.escape(dose["unit_kind"]),
            html.escape(str(dose.get("n_administrations", "–"))),
            particles(other) if other else "–",
            span_of(other["course_low"], other["course_high"]) if "course_low" in other else "–",
        )
        for dose, other in zip(stated, beside, strict=True)
    ]
    heads = ("Arm", "As stated", "Kind of unit", "Times", "Particles at a time", "Over the course")
    table = rows_of(heads, rows, label="Doses in the record")
    notes = dict.fromkeys(
        f"{other['conversion']}{': ' + other['conversion_note'] if 'conversion_note' in other else ''}"
        for other in converted
        if "conversion" in other
    )
    meant = [f"{word}: {BASES[word]}" for word in BASES if any(other.get("basis") == word for other in converted)]
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in [*meant, *notes])
    return table + (fold("On what the particles rest", f"<ul>{listed}</ul>") if converted else "")


def _versions(story: dict[str, Any], changes: pd.DataFrame | None) -> list[str]:
    """What changed since the earlier search, and what copies of the record of different days say differently."""
    changed = [] if changes is None else changes[changes.trn == story["trn"]].to_dict("records")
    differ = _that_differ(story["versions"])
    followed = [row for row in story["versions"] if row["field"] in _FOLLOWED and row["field"] in differ]
    parts = []
    if changed:
        parts += ["<p>Since the earlier search:</p>", _grid(changed, ("field", "before", "after"), label="Changes")]
    if followed:
        parts += [
            "<p>Copies of different days:</p>",
            _grid(followed, ("field", "snapshot", "value", "shown"), label="Copies"),
        ]
    return ["## Versions of the record", *parts] if parts else []


def _agreement(coding: list[dict[str, Any]]) -> str:
    """How many coded facts two readings agree on, and where they differ."""
    if not coding:
        return "Not coded."
    fields: dict[str, list[str]] = {}
    for row in coding:
        fields.setdefault(str(row.get("coded_by", "not told by whom")), []).append(in_words(row["field"]))
    first, *others = fields
    by = joined([first, *(f"{name} ({joined(fields[name])})" for name in others)])
    read = [row for row in coding if ";" in row.get("read_as", "")]
    apart = [row for row in read if len({said.strip().partition(" ")[2] for said in row["read_as"].split(";")}) > 1]
    text = f"{several(len(coding), 'fact')}, {by}."
    if read:
        text += f" Two machine readings agree on {len(read) - len(apart)} of {len(read)}."
    if apart:
        text += f" They differ on {joined([in_words(row['field']) + ' (' + row['read_as'] + ')' for row in apart])}."
    return html.escape(text)


def _said(record: dict[str, Any], older: dict[str, Any]) -> list[tuple[str, object]]:
    said = {name: _as_of(record[name], older.get(name)) for name in _RECORD if name in record}
    said |= {"note": _note(record, older)} if "note" in record else {}
    said |= {"status": f"{record['status']} ({_status_days(record)})"} if "status" in record else {}
    return [(_RECORD[name], value) for name, value in said.items()]


def _note(record: dict[str, Any], older: dict[str, Any]) -> str:
    """The note on a record with the day of the copy that it tells of: what it calls missing may stand in another copy."""
    return f"{record['note']} (of the copy read on {older.get('note', record)['snapshot']}; other copies may tell more)"


def _merged(story: dict[str, Any]) -> str:
    """What a record says that was merged into the one of the page, its note unfolded."""
    record, older = story["record"], older_values(story)
    trn = html.escape(record["trn"])
    note = f"<p>Note on {trn}: {html.escape(_note(record, older))}</p>\n\n" if "note" in record else ""
    return note + fold(
        f"Everything that {trn} says, in its words", _facts(_said(record, older), label=f"The record {trn}")
    )


def _sources(record: dict[str, Any], older: dict[str, Any]) -> str:
    addresses = _addresses(record, older)
    return f"<ul>{''.join(f'<li>{_source(url, fields)}</li>' for url, fields in addresses.items())}</ul>"


def _as_of(value: object, older: dict[str, Any] | None) -> object:
    """A fact, with the day on which its copy was read where that is older than the record's newest one."""
    return f"{value} (copy read on {older['snapshot']})" if older else value


def _that_differ(versions: list[dict[str, Any]]) -> set[str]:
    """The fields of which two sources of the record say different things."""
    values: dict[str, set[str]] = {}
    for row in versions:
        values.setdefault(row["field"], set()).add(row["value"].casefold())
    return {field for field, said in values.items() if len(said) > 1}


def _addresses(record: dict[str, Any], older: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The addresses that a record was read from, those of older sources with the fields that come from there."""
    addresses: dict[str, list[str]] = {url: [] for url in split_multi(record.get("source_urls"))}
    for field, row in older.items():
        for url in split_multi(row.get("source_urls")):
            if not (url in addresses and not addresses[url]):
                addresses.setdefault(url, []).append(f"{field.replace('_', ' ')}, read on {row['snapshot']}")
    return addresses


def _source(url: str, fields: list[str]) -> str:
    return _link(url, url) + (f": {html.escape(', '.join(fields))}" if fields else "")


def _text(cell: object) -> str:
    return UNREPORTED if pd.isna(cell) else html.escape(str(cell))


def _link(url: object, text: str) -> str:
    """A link, where the address is safe to follow; otherwise the text."""
    if isinstance(url, str) and (url.startswith(("https://", "http://")) or re.fullmatch(r"trials/[\w-]+\.html", url)):
        return f'<a href="{html.escape(url, quote=True)}" rel="noopener noreferrer">{html.escape(text)}</a>'
    return html.escape(text)


def _outcome_sentence(outcome: dict[str, Any]) -> str:
    code = f" ({outcome['criterion']})" if "criterion" in outcome else ""
    by = f", decided by {outcome['decided_by']}" if "decided_by" in outcome else ""
    reason = f": {outcome['reason']}" if "reason" in outcome else ""
    return html.escape(f"{outcome['outcome'].capitalize()}{code}{by}{reason}.")


def _framed(rows: str, *, label: str) -> str:
    """Rows of facts, each with its name, as a table of the width of the page."""
    frame = f'<div class="scroll whole" tabindex="0" role="region" aria-label="{label}">'
    return f'{frame}<table class="facts" aria-label="{label}">{rows}</table></div>'


def _facts(pairs: list[tuple[str, object]], *, label: str) -> str:
    rows = "".join(
        f'<tr><th scope="row">{html.escape(label)}</th><td>{_values(value)}</td></tr>' for label, value in pairs
    )
    return _framed(rows, label=label)


def _values(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "<br>".join(html.escape(text) for text in split_multi(value)) or html.escape(str(value))


def _with_note(note: str, grid: str) -> str:
    return f"<p>{html.escape(note)}</p>\n\n{grid}"


def _grid(rows: list[dict[str, Any]], names: tuple[str, ...], *, label: str, none: str = "") -> str:
    if not rows:
        return f"<p>{none}</p>"
    head = "".join(f'<th scope="col">{html.escape(name.replace("_", " "))}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(name, row[name]) if name in row else '–'}</td>" for name in names) + "</tr>"
        for row in rows
    )
    frame = f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
    return f'{frame}<table aria-label="{label}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(name: str, value: object) -> str:
    text = {"True": "yes", "False": "no"}.get(str(value), str(value))
    text = joined(split_multi(text)) if name in _OF_SEVERAL else text
    return html.escape(text.replace("_", " ") if name in ("field", "found_in") else text)
