"""Trials and claims to browse: tables with filters, and a page for each trial. All text is escaped."""

import html
import json
import re
from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from evlib.audit.checks import by_section
from evlib.base.schema import split_multi
from evlib.base.tables import code_labels, in_words
from evlib.book.record_history import older_values

_CODED = {
    "phase_group": "Phase",
    "disease_area": "Disease area",
    "msc_source": "Cell source",
    "route": "Route",
    "design": "Design",
}
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
# Selects instead of text fields, so that "consistent" does not find "inconsistent" too. It is called at each draw and replaces
# the fields at the first: itables ignores an initComplete where there are filters.
_SELECTS = """function () {
    this.api().columns(COLUMNS).every(function () {
        const column = this, field = column.header().querySelector("input");
        if (!field) return;
        const select = document.createElement("select");
        select.setAttribute("aria-label", field.placeholder);
        select.add(new Option(field.placeholder, ""));
        column.data().unique().sort().each((value) => select.add(new Option(value)));
        select.onchange = () => column.search(select.value, {exact: select.value !== ""}).draw();
        field.replaceWith(select);
    });
}"""


def page_name(trn: str) -> str:
    """The name of a trial's page: its number without signs that do not belong in file names and addresses."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", trn)


def trials_to_browse(
    described: pd.DataFrame, *, protocol: dict, older: Mapping[str, Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """Table ``described`` as a reader sees it; cells without a value read "not reported".

    ``older`` holds for a trial what ``older_values`` gives: a status or number of participants that is older than the record's
    newest source is shown with its day.

    Returns
    -------
    pandas.DataFrame
        ``Number, Title``, the coded facts, ``Countries, Registered, Status, Enrolment, Counted, Record``; the number is a
        link to the trial's page, the record to its registry. Every cell is HTML, its text escaped.
    """
    coded = _CODED | {field: in_words(field).capitalize() for field in protocol["added_fields"]}
    facts = {
        "Number": [_link(f"trials/{page_name(trn)}.html", trn) for trn in described.trn],
        "Title": described.title.map(_text),
        **{
            label: described[field].map(code_labels(protocol, field)).map(_text)
            for field, label in coded.items()
            if field in protocol["codes"]
        },
        "Countries": [", ".join(map(html.escape, split_multi(cell))) or _UNREPORTED for cell in described.countries],
        "Registered": described.registered.dt.strftime("%Y-%m-%d").map(_text),
        **{
            label: [
                _text(value if pd.isna(value) else _as_of(value, (older or {}).get(trn, {}).get(field)))
                for trn, value in zip(described.trn, described[field], strict=True)
            ]
            for field, label in (("status", "Status"), ("enrolment", "Enrolment"))
        },
        "Counted": described.screening.map({"included": "included", "pending": "not yet read, not counted"}),
        "Record": [_link(url, "registry") for url in described.record_url],
    }
    return pd.DataFrame(facts, index=described.index)


def claims_to_browse(ledger: pd.DataFrame) -> pd.DataFrame:
    """The ledger of claims (``audit.csv``) as a reader sees it, with sections in the paper's order.

    Returns
    -------
    pandas.DataFrame
        ``Section, Quote, The paper says, Ours, Kind, Verdict, Why, Finding, Source``; the source is a link, named by its host. Every
        cell is HTML, its text escaped.
    """
    sections = list(by_section(ledger).index)
    ledger = ledger.sort_values("section", key=lambda column: column.map(sections.index), kind="stable")
    texts = ledger[list(_CLAIM)].rename(columns=_CLAIM).map(lambda cell: "–" if pd.isna(cell) else html.escape(cell))
    return texts.assign(Source=["–" if pd.isna(url) else _link(url, urlsplit(url).netloc) for url in ledger.source])


def interactive(frame: pd.DataFrame, *, name: str, page_length: int, choices: tuple[str, ...] = ()) -> str:
    """A table with a search, a filter under each heading and sorting, for a page of the book.

    The scripts are in the page itself (itables and DataTables, bundled), so that it works from a folder and calls no other
    host.

    Parameters
    ----------
    frame
        Its cells are HTML.
    name
        The table's id on the page.
    page_length
        How many rows are shown at first.
    choices
        Columns with few values, whose filter is a list to choose from.
    """
    from itables import JavascriptFunction, to_html_datatable
    from itables.javascript import generate_init_offline_itables_html

    scripts = generate_init_offline_itables_html(str(files("itables") / "html" / "dt_bundle.js"))
    selects = _SELECTS.replace("COLUMNS", str([frame.columns.get_loc(column) for column in choices]))
    table = to_html_datatable(
        frame,
        connected=False,
        allow_html=True,
        showIndex=False,
        column_filters="header",
        classes="display compact",
        style="width:100%",
        maxBytes=0,
        layout={"topStart": "pageLength", "topEnd": "search", "bottomStart": "info", "bottomEnd": "paging"},
        lengthMenu=[10, 25, 50, 200],
        pageLength=page_length,
        table_id=name,
        drawCallback=JavascriptFunction(selects),
    )
    # itables hands the function over as a text to be evaluated, which the pages' policy forbids (evlib.book.page_policy).
    table = re.sub(r'"keys_to_be_evaluated": .*\n\s*', "", table).replace(json.dumps(selects), selects)
    return f'{re.sub(r"<div.*</noscript>.*</div>", "", scripts, flags=re.DOTALL)}\n<div class="browse">{table}</div>'


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
_UNREPORTED = '<span class="unreported">not reported</span>'


def _text(cell: object) -> str:
    return _UNREPORTED if pd.isna(cell) else html.escape(str(cell))


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
