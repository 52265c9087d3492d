"""The queue for other screening tools: ASReview, Rayyan and Covidence, by CSV and RIS (``imports`` takes decisions back).

Every reference carries the registration number where the tool keeps it (accession number, key, start of the abstract), so
that a decision finds its record again.
"""

import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
import rispy

from evlib.base.errors import InputError
from evlib.base.files import write_text
from evlib.base.schema import split_multi, write_csv

# The forms that each tool reads. Covidence takes no CSV (but exports one).
FORMS = {"asreview": (".csv", ".ris"), "rayyan": (".csv", ".ris"), "covidence": (".ris",)}
_RAYYAN = (
    "key title authors journal issn volume issue pages day month year publisher pmc_id pubmed_id url abstract notes"
)
_NOTES = {"include": "ASReview_relevant", "exclude": "ASReview_irrelevant"}  # how ASReview marks a RIS reference
NUMBER = "Registration number:"


def references(records: pd.DataFrame, outcomes: pd.DataFrame | None = None) -> pd.DataFrame:
    """Records as references for another tool.

    Parameters
    ----------
    records
        Rows of table ``to_screen``, or ``records`` (``screening.with_summaries`` adds their summaries).
    outcomes
        Table ``screened``, to send the decisions along; without it the tool starts blind.

    Returns
    -------
    pandas.DataFrame
        ``trn, title, authors (the sponsor), year, url, keywords, abstract, decision``; in place of an abstract stand the
        record's facts. Decisions are include, exclude or missing (unclear, pending).
    """
    outcome = {} if outcomes is None else dict(zip(outcomes.trn, outcomes.outcome.str.split().str[0]))
    rows = []
    for record in records.to_dict("records"):
        facts = {name: cell for name, cell in record.items() if not pd.isna(cell)}
        title = facts.get("title") or facts.get("brief_title") or facts.get("official_title")
        rows.append(
            {
                "trn": facts["trn"],
                "title": on_one_line(title or f"(no title shown) {facts['trn']}"),
                "authors": on_one_line(facts.get("sponsor") or facts["registry"]),
                "year": f"{facts['registered']:%Y}" if "registered" in facts else None,
                "url": facts.get("record_url") or next(iter(split_multi(facts.get("source_urls"))), None),
                "keywords": "; ".join(map(on_one_line, split_multi(facts.get("conditions")))) or None,
                "abstract": _abstract(facts),
                "decision": {"included": "include", "excluded": "exclude"}.get(outcome.get(facts["trn"])),
            }
        )
    names = "trn title authors year url keywords abstract decision"
    return pd.DataFrame(rows, columns=names.split(), dtype="object")


def export(frame: pd.DataFrame, path: str | Path, *, to: str) -> None:
    """Write references (``references``) in a form that a tool reads; the file's ending chooses it. InputError where the tool
    is unknown, or does not read files of this ending."""
    path = Path(path)
    if to not in FORMS:
        raise InputError(f"'{to}' is not a known tool. Use {', '.join(FORMS)}.")
    if path.suffix.lower() not in FORMS[to]:
        raise InputError(f"{path}: {to} reads {' or '.join(FORMS[to])}. Name such a file.")
    if path.suffix.lower() == ".ris":
        text = io.StringIO()
        rispy.dump([_ris(row) for row in frame.to_dict("records")], text)
        write_text(path, text.getvalue())
    elif to == "asreview":
        included = frame.decision.map({"include": 1, "exclude": 0}).astype("Int64")
        write_csv(frame.drop(columns="decision").assign(included=included), path)
    else:
        shown = frame.assign(key=frame.trn, notes=frame.decision.radd("decided: "))
        write_csv(shown.reindex(columns=_RAYYAN.split()), path)


def _abstract(facts: dict[str, Any]) -> str:
    labels = {
        **{"official_title": "Official title", "conditions": "Conditions", "interventions": "Interventions"},
        **{"arms": "Arms", "summary": "Summary", "search_words": "Words of the search"},
        **{"msc_source_text": "Cells", "ev_term_text": "Product", "status": "Status", "note": "Note"},
    }
    parts = [
        f"{label}: {on_one_line(facts[name]).removesuffix('.')}." for name, label in labels.items() if name in facts
    ]
    return " ".join([f"{NUMBER} {facts['trn']}.", *parts])


def on_one_line(text: object) -> str:
    """The text on one line: a line of its own could end a RIS reference."""
    return re.sub(r"\s+", " ", str(text)).strip()


def _ris(row: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "type_of_reference": "GEN",
        "id": row["trn"],
        "accession_number": row["trn"],
        "title": row["title"],
        "authors": [row["authors"]],
        "year": row["year"],
        "abstract": row["abstract"],
        "keywords": row["keywords"].split("; ") if row["keywords"] else None,
        "urls": [row["url"]] if row["url"] else None,
        "notes": [_NOTES[row["decision"]]] if row["decision"] in _NOTES else None,
    }
    return {name: value for name, value in fields.items() if value is not None}
