"""The queue for other screening tools, and their decisions back: ASReview, Rayyan and Covidence, by CSV and RIS.

Every reference carries the registration number where the tool keeps it (accession number, key, start of the abstract), so
that a decision finds its record again.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import rispy

from evlib.base.errors import InputError
from evlib.base.files import write_text
from evlib.base.identifiers import normalised, registration_numbers
from evlib.base.schema import NO_SUCH_RECORD, checked, read_csv, split_multi, unguarded, write_csv
from evlib.screen.judging import exclusion_criteria

# The forms that each tool reads. Covidence takes no CSV (but exports one).
FORMS = {"asreview": (".csv", ".ris"), "rayyan": (".csv", ".ris"), "covidence": (".ris",)}
_RAYYAN = (
    "key title authors journal issn volume issue pages day month year publisher pmc_id pubmed_id url abstract notes"
)
_NOTES = {"include": "ASReview_relevant", "exclude": "ASReview_irrelevant"}  # how ASReview marks a RIS reference
_LABELS = {"1": "include", "0": "exclude", "1.0": "include", "0.0": "exclude"}
_LABEL_COLUMNS = ("asreview_label", "included", "label", "final_included", "label_included")
_VOTES = {"included": "include", "excluded": "exclude", "maybe": "unclear"}
_NUMBER = "Registration number:"


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
                "title": _on_one_line(title or f"(no title shown) {facts['trn']}"),
                "authors": _on_one_line(facts.get("sponsor") or facts["registry"]),
                "year": f"{facts['registered']:%Y}" if "registered" in facts else None,
                "url": facts.get("record_url") or next(iter(split_multi(facts.get("source_urls"))), None),
                "keywords": "; ".join(map(_on_one_line, split_multi(facts.get("conditions")))) or None,
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


def imported(
    path: str | Path,
    *,
    known: set[str],
    protocol: dict,
    reviewer: str | None = None,
    decision: str | None = None,
    criterion: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The decisions in a file that ASReview, Rayyan or Covidence exported; InputError where it is neither CSV nor RIS.

    Parameters
    ----------
    path
        Its CSV or RIS file.
    known
        Registration numbers of the sources.
    reviewer
        Who judged, where the file does not name them (Rayyan does).
    decision
        The decision on every reference of the file that has none of its own (Covidence exports one file per decision).
    criterion
        The code of exclusions that name none. A code in a tag, note or reason of the reference ("E4") comes first.

    Returns
    -------
    decisions, rejects
        ``trn, decision, criterion, reason, reviewer``, ready for ``judging.save_decisions``, references without a decision
        left out; and table ``rejects``.
    """
    path = Path(path)
    codes = exclusion_criteria(protocol)
    good, bad = [], []
    for line, fields in _references_in(path):
        trn = _registration_number(fields, known)
        for judge, verdict, why in _decisions_on(fields, reviewer, decision):
            code = next((code for code in re.findall(r"\bE\d+\b", why or "") if code in codes), criterion)
            problem = None
            if trn is None or trn not in known:
                problem = NO_SUCH_RECORD if trn else "no registration number in its accession number, key or abstract."
            elif judge is None:
                problem = "the file does not say who judged. Name the reviewer: --reviewer NAME."
            elif verdict == "exclude" and code not in codes:
                problem = f"an exclusion needs a criterion. Name one for all: --criterion {', '.join(codes)}."
            if problem:
                bad.append({"file": path.name, "line": line, "trn": trn, "reason": problem})
            else:
                row = {"trn": trn, "decision": verdict, "criterion": code if verdict == "exclude" else None}
                good.append(row | {"reason": why, "reviewer": judge})
    names = ["trn", "decision", "criterion", "reason", "reviewer"]
    decisions = pd.DataFrame(good, columns=names, dtype="object").drop_duplicates(["trn", "reviewer"], keep="last")
    rejects = pd.DataFrame(bad, columns=["file", "line", "trn", "reason"])
    return decisions.reset_index(drop=True), checked(rejects, "rejects")


def _abstract(facts: dict[str, Any]) -> str:
    labels = {
        **{"official_title": "Official title", "conditions": "Conditions", "interventions": "Interventions"},
        **{"arms": "Arms", "summary": "Summary", "search_words": "Words of the search"},
        **{"msc_source_text": "Cells", "ev_term_text": "Product", "status": "Status", "note": "Note"},
    }
    parts = [
        f"{label}: {_on_one_line(facts[name]).removesuffix('.')}." for name, label in labels.items() if name in facts
    ]
    return " ".join([f"{_NUMBER} {facts['trn']}.", *parts])


def _on_one_line(text: object) -> str:
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


def _references_in(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    """The references of a file, each with its line (of RIS: its place), its fields as text under lower-case names."""
    if path.suffix.lower() in (".ris", ".txt"):
        try:
            entries = rispy.loads(path.read_text(encoding="utf-8-sig"), skip_unknown_tags=True)
        except (OSError, UnicodeDecodeError, rispy.parser.ParseError, ValueError) as error:
            raise InputError(f"{path}: not a readable RIS file ({error}).") from error
        if not entries:
            raise InputError(f"{path}: no reference in it. Export it again as RIS or CSV.")
        for place, entry in enumerate(entries, start=1):
            yield place, {k: "\n".join(map(str, v)) if isinstance(v, list) else str(v) for k, v in entry.items()}
        return
    table = read_csv(path).rename(columns=lambda name: name.strip().lower()).fillna("")
    for line, row in enumerate(table.to_dict("records"), start=2):
        yield line, {name: unguarded(cell) for name, cell in row.items()}


def _registration_number(fields: dict[str, str], known: set[str]) -> str | None:
    """The registration number: where we put it, else the first that the abstract or title names."""
    given = [fields.get(name) for name in ("trn", "accession_number", "accession number", "key", "id")]
    stated = re.search(rf"{_NUMBER}\s+(\S+?)\.?(?:\s|$)", fields.get("abstract", ""))
    for number in (normalised(text) for text in (*given, stated and stated[1]) if text):
        if number in known:
            return number
    text = " ".join(filter(None, [*given, *map(fields.get, ("abstract", "title", "primary_title"))]))
    return next(iter(registration_numbers(text)), None)


def _decisions_on(
    fields: dict[str, str], reviewer: str | None, decision: str | None
) -> list[tuple[str | None, str, str | None]]:
    """Who decided what on a reference, and why; empty where nobody did."""
    notes = fields.get("notes", "")
    rayyan = re.search(r"RAYYAN-INCLUSION:\s*\{(.*?)\}", notes)
    reasons = re.search(r"RAYYAN-EXCLUSION-REASONS:\s*([^|\n]*)", notes)
    stated = re.search(r"Exclusion reason:\s*([^;\n]*)", notes)
    parts = [match[1] for match in (reasons or stated,) if match] + [fields.get("tags", "")]
    why = "; ".join(filter(None, map(_on_one_line, parts))) or None
    if rayyan:
        votes = re.findall(r'"([^"]+)"\s*=>\s*"(\w+)"', rayyan[1])
        return [(judge, _VOTES[vote.lower()], why) for judge, vote in votes if vote.lower() in _VOTES]
    # ASReview's own column holds the decisions made there; the others, those that the file came with.
    label = next((fields[name].strip() for name in _LABEL_COLUMNS if name in fields), "")
    if label in _LABELS:
        return [(reviewer, _LABELS[label], why)]
    marked = next((verdict for verdict, mark in _NOTES.items() if mark in notes), None)
    own = marked or (None if "ASReview_not_seen" in notes or label else decision)
    return [(reviewer, own, why)] if own else []
