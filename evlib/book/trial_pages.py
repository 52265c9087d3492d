"""Trials and claims to browse: tables with filters, and a page for each trial. All text is escaped."""

import html
import re
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from evlib.audit.checks import by_section
from evlib.base.schema import join_multi, split_multi
from evlib.base.tables import code_labels, in_words
from evlib.book.browsing import UNREPORTED, browsing
from evlib.book.record_history import older_values
from evlib.describe.figures import status_groups
from evlib.describe.tally import MISSING
from evlib.doses.stated_doses import span_of

_CODED = {
    "disease_area": "Disease area",
    "route": "Route",
    "msc_source": "Cell source",
    "phase_group": "Phase",
    "design": "Design",
}
_IN_MENUS_ALONE = ("Design",)  # of the coded facts; a column of it would leave too little width for the others
NOT_COUNTED = "not yet read, not counted"
# How a number of particles was come by, the firmest first.
_BASIS = {"stated": "stated", "derived": "converted", "assumed": "estimate"}
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
    "note": "Note of the transcription",
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
_HEADS = {"unit_kind": "kind of unit", "n_administrations": "times"}
_HEADS |= {"not_stated": "read in full and not stated", "unseen": "not seen in what was read"}
_RISK_NOTE = "RoB 2 for reports called randomised, ROBINS-I for others; machine readings, mostly of abstracts alone, where no person has judged."
_NOT_UNDERSTOOD = "What a source states here could not be read. Where the record above lacks the field, this is why: it was not left out."
_PRODUCT_NOTE = "Items of the kind that MISEV2023 asks for; machine readings, mostly of abstracts alone."
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

    A status or number of participants that is older than the record's newest source is shown with its day.

    Parameters
    ----------
    described
        Table ``described``.
    stories
        The history of each of its records, in its order (``evlib.book.record_history.trace``).
    without
        Which of ``doses`` and ``results`` the whole review lacks: their columns are left out.
    """
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
        "Status": [_text(value) + _day(old.get("status")) for value, old in zip(described.status, older, strict=True)],
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
    file |= {"Status": described.status, "Status in groups": statuses, "People": described.enrolment}
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
    return f"<br><small>as of {html.escape(older['snapshot'])}</small>" if older else ""


def _in_time(day: pd.Timestamp, basis: object) -> str:
    """The month of registration, with a sign where the day is an estimate."""
    return UNREPORTED if pd.isna(day) else f"{'about ' if basis == 'estimated' else ''}{day:%b&nbsp;%Y}"


def _if_stated(groups: pd.Series) -> pd.Series:
    return groups.mask(groups == MISSING)


def _dose_in_short(story: dict[str, Any]) -> tuple[str, str | None, float | None, float | None]:
    """The dose of a trial for its row: as HTML, its kind for the menu, and the least and most particles.

    Several arms are a range. A number that rests on the literature is called an estimate.
    """
    doses = story.get("in_particles") or story["doses"]
    if not doses:
        return UNREPORTED, None, None, None
    known = [dose for dose in doses if "low" in dose and dose.get("basis") in _BASIS]
    if not known:
        words = " ".join(str(doses[0].get("as_stated", "")).split()[:_MOST_WORDS])
        return _text(words or pd.NA), "stated, not in particles", None, None
    least, most = min(dose["low"] for dose in known), max(dose["high"] for dose in known)
    basis = max((dose["basis"] for dose in known), key=list(_BASIS).index)
    return f"{span_of(least, most)} particles ({_BASIS[basis]})", f"particles, {_BASIS[basis]}", least, most


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
    """The page of a trial in Markdown with HTML tables: record, decisions, coding with its basis, doses, reports with
    their risk of bias and what they tell of the product, sources.

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
    record = story["record"]
    changed = [] if changes is None else changes[changes.trn == story["trn"]].to_dict("records")
    doses = ("arm", "as_stated", "unit_kind", "per", "n_administrations")
    reports = (
        *("study", "report", "year", "report_type", "allocation", "masking", "read_from", "risk_of_bias", "product"),
        *("evidence_note", "link", "arms", "outcomes"),
    )
    judgements = ("study", "tool", "domain", "judgement", "reason", "judged_by")
    told = ("study", "stated", "not_stated", "unseen")
    remarks = ("field", "text", "reason", "file", "line")
    outcomes = ("study", "arm", "role", "name", "timepoint", "value", "p", "direction", "comparison", "better_when")
    changes_heading = "What changed since the earlier search"
    optional = [
        ("doses", "Doses", _grid(story["doses"], doses, "No dose on file.")),
        ("results", "Reports", _grid(story["results"], reports, "No report on file.")),
        (
            "risk_of_bias",
            "Risk of bias",
            _with_note(_RISK_NOTE, _grid(story["risk_of_bias"], judgements, "Not judged.")),
        ),
        (
            "product",
            "What is told of the product",
            _with_note(_PRODUCT_NOTE, _grid(story["product"], told, "Not read.")),
        ),
        ("outcomes", "Outcomes on file", _grid(story["outcomes"], outcomes, "None.")),
        ("changes", changes_heading, _grid(changed, ("field", "before", "after"), "Nothing that is followed.")),
    ]
    left_out = {*without, *(["changes"] if changes is None else [])}
    of_reports = ("risk_of_bias", "product", "outcomes")
    left_out |= {name for name in of_reports if "results" in left_out or not story[name]}
    older = older_values(story)
    followed = [
        row
        for row in story["versions"]
        if row["field"] in _FOLLOWED and row["field"] in _that_differ(story["versions"])
    ]
    title = record.get("brief_title") or record.get("official_title") or "No title shown"
    url = story.get("record_url")
    parts = [
        "---\norphan: true\n---",
        f"# {_without_markup(story['trn'])}",
        f"<p><strong>{html.escape(str(title))}</strong></p>",
        f"<p>{_outcome_sentence(story['outcome'])}{' ' + _link(url, 'Its record in the registry') + '.' if url else ''} "
        '<a href="../trials.html">All trials</a>.</p>',
        "## The record",
        _facts([(label, _as_of(record[name], older.get(name))) for name, label in _RECORD.items() if name in record]),
        *(["## What its copies say at different days", _grid(followed, ("field", "snapshot", "value", "shown"), "")] if followed else []),
        *(["## Stated, but not understood", _with_note(_NOT_UNDERSTOOD, _grid(story["not_understood"], remarks, ""))] if story["not_understood"] else []),
        "## Who judged it",
        _grid(story["decisions"], ("reviewer", "read_by", "decision", "criterion", "reason"), "No decision yet."),
        "## How it was coded",
        _grid(story["coding"], ("field", "value", "coded_by", "found_in", "words", "read_as"), "Not coded."),
        *(f"## {heading}\n\n{grid}" for name, heading, grid in optional if name not in left_out),
        "## Other records of the same trial",
        _grid(story["duplicates"], ("trn", "kept_trn", "basis", "evidence"), "None known."),
        "## Sources",
        "<ul>" + "".join(f"<li>{_source(url, fields)}</li>" for url, fields in _addresses(record, older).items()) + "</ul>",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _as_of(value: object, older: dict[str, Any] | None) -> object:
    """A fact, with the day of its source where that is older than the record's newest one."""
    return f"{value} (as of {older['snapshot']})" if older else value


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
                addresses.setdefault(url, []).append(f"{field.replace('_', ' ')} as of {row['snapshot']}")
    return addresses


def _source(url: str, fields: list[str]) -> str:
    return _link(url, url) + (f": {html.escape(', '.join(fields))}" if fields else "")


_FRAME = '<div class="scroll" tabindex="0" role="region" aria-label="Table">'


def _text(cell: object) -> str:
    return UNREPORTED if pd.isna(cell) else html.escape(str(cell))


def _link(url: object, text: str) -> str:
    """A link, where the address is safe to follow; otherwise the text."""
    if isinstance(url, str) and (url.startswith(("https://", "http://")) or re.fullmatch(r"trials/[\w-]+\.html", url)):
        return f'<a href="{html.escape(url, quote=True)}" rel="noopener noreferrer">{html.escape(text)}</a>'
    return html.escape(text)


def _without_markup(text: str) -> str:
    """Text for a Markdown heading, with its signs escaped."""
    return re.sub(r"([^\w\s])", r"\\\1", text)


def _outcome_sentence(outcome: dict[str, Any]) -> str:
    code = f" ({outcome['criterion']})" if "criterion" in outcome else ""
    by = f", decided by {outcome['decided_by']}" if "decided_by" in outcome else ""
    reason = f": {outcome['reason']}" if "reason" in outcome else ""
    return html.escape(f"{outcome['outcome'].capitalize()}{code}{by}{reason}.")


def _facts(pairs: list[tuple[str, object]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{html.escape(label)}</th><td>{_values(value)}</td></tr>' for label, value in pairs
    )
    return f'{_FRAME.replace("scroll", "scroll whole")}<table class="facts">{rows}</table></div>'


def _values(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "<br>".join(html.escape(text) for text in split_multi(value)) or html.escape(str(value))


def _with_note(note: str, grid: str) -> str:
    return f"<p>{html.escape(note)}</p>\n\n{grid}"


def _grid(rows: list[dict[str, Any]], names: tuple[str, ...], none: str) -> str:
    if not rows:
        return f"<p>{none}</p>"
    heads = (_HEADS.get(name, name.replace("_", " ")) for name in names)
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(name, row[name]) if name in row else '–'}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"{_FRAME}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(name: str, value: object) -> str:
    text = str(value)
    if name == "report" and re.fullmatch(r"10\.\d{4,}/\S+", text):
        return _link(f"https://doi.org/{text}", text)
    return html.escape(text.replace("_", " ") if name in ("field", "found_in") else text)
