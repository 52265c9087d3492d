"""WHO ICTRP: the CSV that the search portal exports. It carries the records of all primary registries."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.identifiers import normalised, registration_numbers, registry_of, trn_kind
from evlib.registries.common import collected, day_or_month, phase_names, plain_text
from evlib.registries.unpack import csv_rows, header_of
from evlib.schema import join_multi

NEEDED = ("TrialID", "Public title", "Source Register")


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like an ICTRP export."""
    return set(NEEDED) <= set(header_of(head)[0])


def read(path: str | Path, *, snapshot: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of an ICTRP export, and the rows that are none.

    Parameters
    ----------
    path
        The portal's CSV, also as gzip or zip.
    snapshot
        The date of the export, kept with each record where the row's own *Export date* does not tell an earlier one.

    Returns
    -------
    records, rejects
        Tables ``records`` and ``rejects``; rows = records + rejects. The registry is told by the number, else by the
        column *Source Register*. Dates, phases and sizes come in many styles; what is in none that is known stays
        missing. No criteria, outcome or contact columns are taken.
    """
    return collected(items(path), lambda row: record(row, snapshot=snapshot), file=path)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of an export, one at a time, each with its number."""
    return csv_rows(path, needs=NEEDED)


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """One row of the export, by column name, as a row of table ``records``; ValueError where it is none."""
    trn = normalised(row["TrialID"])
    if not trn:
        raise ValueError("no registration number under 'TrialID'.")
    registry = registry_of(trn) or plain_text(row["Source Register"])
    if registry is None:
        raise ValueError(f"'{trn}' is no registration number that is known, and no registry is named.")
    other = (
        number for field in ("Secondary ID", "Secondary IDs") for number in registration_numbers(row.get(field) or "")
    )
    facts = {
        "trn": trn,
        "trn_kind": trn_kind(trn),
        "registry": registry,
        "secondary_trns": join_multi(dict.fromkeys(number for number in other if number != trn)),
        "brief_title": plain_text(row["Public title"]),
        "official_title": plain_text(row.get("Scientific title")),
        "acronym": plain_text(row.get("Acronym")),
        "status": plain_text(row.get("Recruitment Status")),
        "study_type": plain_text(row.get("Study type")),
        "phases": join_multi(phase_names(row.get("Phase"))),
        **design_parts(row.get("Study design")),
        "enrolment": target_size(row.get("Target size")),
        "conditions": _several(row.get("Condition")),
        "interventions": _several(row.get("Intervention")),
        "sponsor": plain_text(row.get("Primary sponsor")),
        "countries": _several(row.get("Countries")),
        "registered_text": day_or_month(row.get("Date registration3")) or day_or_month(row.get("Date registration")),
        "start_date": day_or_month(row.get("Date enrollement")),
        "last_update": day_or_month(row.get("Last Refreshed on")),
        "results_posted": {"yes": True, "no": False}.get((row.get("results yes no") or "").strip().lower()),
        "source_urls": plain_text(row.get("web address")),
        "snapshot": snapshot,
    }
    return facts | {"snapshot": _exported(row.get("Export date"), facts, snapshot)}


def _exported(text: str | None, facts: dict[str, Any], snapshot: str) -> str:
    """The day on which the portal wrote the row, where it says so and is later than all that the row tells."""
    told = (text or "").strip()[:10]
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", told, re.ASCII) or day_or_month(told) is None:
        return snapshot
    return min(snapshot, max(told, *(facts[name] or "" for name in ("registered_text", "last_update"))))


def target_size(text: str | None) -> int | None:
    """A target size: a plain number, or the sum of named groups ("treated:30;control:30;"); None for anything else."""
    text = (plain_text(text) or "").rstrip("; ")
    if text.isascii() and text.isdigit():
        return int(text)
    groups = [re.fullmatch(r".*:\s*(\d{1,7})", group.strip(), re.ASCII) for group in text.split(";")]
    return sum(int(group[1]) for group in groups) if groups and all(groups) else None


# The names by which registries begin a part of the study design.
_DESIGN = {
    "allocation": r"Allocation|Randomi[sz]ation|Randomi[sz]ed",
    "intervention_model": r"Intervention model|Assignment",
    "masking": r"Blinding ?/ ?Masking|Blinding and masking|Masking|Blinding",
    "primary_purpose": r"Primary purpose|Study design purpose|Purpose",
}
_DESIGN_OTHERS = (
    r"Control\w*|Placebo|Type[\w ]*|Group|Open|Single blind|Double blind|Parallel group|Cross over|Other[\w ]*"
)
_DESIGN_NEXT = rf"(?=[.;,]*\s*(?:(?:{'|'.join(_DESIGN.values())}|{_DESIGN_OTHERS}|\w+ description)\s*:)|[.;]|$)"
_DESIGN_PARTS = {
    name: re.compile(rf"\b(?:{words})\s*:\s*(\S.*?){_DESIGN_NEXT}", re.IGNORECASE) for name, words in _DESIGN.items()
}
# The EU register asks for each in turn, with yes and no.
_DESIGN_ASKED = {
    "intervention_model": re.compile(r"\b(Parallel group|Cross over)\s*:\s*yes", re.IGNORECASE),
    "masking": re.compile(r"\b(Open|Single blind|Double blind)\s*:\s*yes", re.IGNORECASE),
}
_YES_NO = {"yes": "Randomized", "no": "Non-randomized"}
_BARE_MODELS = {"parallel", "single arm", "sequential", "factorial", "cross-over", "crossover"}


def design_parts(text: str | None) -> dict[str, str | None]:
    """Allocation, intervention model, masking and primary purpose, as far as a study design names them.

    Registries write "Allocation: Randomized. Masking: None." or "Randomization: …, Blinding: …", the EU register asks with
    yes and no, and ChiCTR gives the model alone. What is told in free words only stays missing.
    """
    design = plain_text(text) or ""
    parts: dict[str, str | None] = {name: None for name in _DESIGN}
    for name, pattern in _DESIGN_PARTS.items():
        if match := pattern.search(design):
            parts[name] = match[1].rstrip(" ,;.") or None
    parts["allocation"] = _YES_NO.get((parts["allocation"] or "").lower(), parts["allocation"])
    for name, pattern in _DESIGN_ASKED.items():
        if parts[name] is None and (match := pattern.search(design)):
            parts[name] = match[1]
    if design.lower() in _BARE_MODELS:
        parts["intervention_model"] = design
    return parts


def _several(cell: str | None) -> str | None:
    parts = re.split(r";|<br\s*/?>", cell or "", flags=re.IGNORECASE)
    return join_multi(dict.fromkeys(filter(None, map(plain_text, parts))))
