"""WHO ICTRP: the CSV that the search portal exports. It carries the records of all primary registries."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evlib.base.dates import day_after, day_or_month
from evlib.base.identifiers import normalised, registry_of, trn_kind
from evlib.ingest.registries.common import (
    cells,
    csv_export,
    dates,
    phases,
    plain_text,
    secondary_numbers,
    several,
    yes_no,
)

NAME = "WHO ICTRP CSV"
STATES_DAY_IN = "Export date"
NEEDED = ("TrialID", "Public title", "Source Register")

recognises, _csv_items = csv_export(*NEEDED)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of an export, one at a time, each with its number, *Export date* as ``export_days_read`` leaves it."""
    return export_days_read(lambda: _csv_items(path))


def export_days_read(rows: Callable[[], Iterator[tuple[int, Any]]]) -> Iterator[tuple[int, Any]]:
    """The rows of one file, *Export date* in each as YYYY-MM-DD, or empty where it cannot be right.

    The portal's *Export date* may have day and month swapped: all rows of a real export of 6 July 2020 say "2020-06-07
    17:53:51", while registrations of 5 July stand in it. An export cannot hold a later day than its own (but for one day,
    which a registry east of the portal is ahead), so the file itself decides, in one order for all of its rows: as written
    where no registration or refreshment in the file is later, else with day and month swapped where none is later than
    that, else the date is dropped. Other dates of the file are unambiguous (*Date registration3* is YYYYMMDD) or have an order of
    their own (``day_or_month``), and are left alone.

    Parameters
    ----------
    rows
        Gives the rows from the beginning; it is called a second time where a row has an *Export date*.
    """
    days: dict[str, str] | None = None
    for number, row in rows():
        if isinstance(row, dict) and row.get("Export date"):
            days = _export_days(rows()) if days is None else days
            row = row | {"Export date": days.get(_day_written(row), "")}
        yield number, row


def _export_days(rows: Iterator[tuple[int, Any]]) -> dict[str, str]:
    """What each text under *Export date* means, by the one order of day and month in which no row is later."""
    latest: dict[str, str] = {}
    for _, row in rows:
        if isinstance(row, dict) and re.fullmatch(r"20\d\d-\d\d-\d\d", written := _day_written(row), re.ASCII):
            in_row = dates(row, DATES)
            latest[written] = max(latest.get(written, ""), in_row["registered_text"] or "", in_row["last_update"] or "")
    for order in (r"\1-\2-\3", r"\1-\3-\2"):
        days = {written: re.sub(r"(\d+)-(\d\d)-(\d\d)", order, written) for written in latest}
        if all(day_or_month(day) and latest[written] <= day_after(day) for written, day in days.items()):
            return days
    return {}


def _day_written(row: dict[str, str]) -> str:
    return (row.get("Export date") or "").strip()[:10]


def target_size(text: str | None) -> int | None:
    """A target size: a plain number, or the sum of named groups ("treated:30;control:30;"); None for anything else."""
    text = (plain_text(text) or "").rstrip("; ")
    if text.isascii() and text.isdigit():
        return int(text)
    groups = [re.fullmatch(r".*:\s*(\d{1,7})", group.strip(), re.ASCII) for group in text.split(";")]
    return sum(int(group[1]) for group in groups) if groups and all(groups) else None


def _semicolons(cell: str | None) -> str | None:
    return several(re.split(r";|<br\s*/?>", cell or "", flags=re.IGNORECASE))


COLUMNS = {
    "brief_title": "Public title",
    "official_title": "Scientific title",
    "acronym": "Acronym",
    "status": "Recruitment Status",
    "study_type": "Study type",
    "phases": ("Phase", phases),
    "enrolment": ("Target size", target_size),
    "conditions": ("Condition", _semicolons),
    "interventions": ("Intervention", _semicolons),
    "sponsor": "Primary sponsor",
    "countries": ("Countries", _semicolons),
    "results_posted": ("results yes no", yes_no),
    "source_urls": "web address",
}
DATES = {
    "registered_text": ["Date registration3", "Date registration"],
    "start_date": ["Date enrollement"],
    "last_update": ["Last Refreshed on"],
}


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """One row of the export, by column name, as a row of table ``records``; ValueError where it cannot be one.

    Its *Export date* is as ``export_days_read`` leaves it.
    """
    trn = normalised(row["TrialID"])
    if not trn:
        raise ValueError("no registration number under 'TrialID'.")
    registry = registry_of(trn) or plain_text(row["Source Register"])
    if registry is None:
        raise ValueError(f"'{trn}' is no registration number that is known, and no registry is named.")
    texts = (row.get(field) for field in ("Secondary ID", "Secondary IDs"))
    return {
        "trn": trn,
        "trn_kind": trn_kind(trn),
        "registry": registry,
        **cells(row, COLUMNS),
        **design_parts(row.get("Study design")),
        **dates(row, DATES),
        "secondary_trns": secondary_numbers(texts, besides=trn),
        "snapshot": min(snapshot, _day_written(row) or snapshot),
    }


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
    yes and no, and ChiCTR gives the model alone. What stands only in free words stays missing.
    """
    design = plain_text(text) or ""
    matches = {name: pattern.search(design) for name, pattern in _DESIGN_PARTS.items()}
    parts = {name: match and (match[1].rstrip(" ,;.") or None) for name, match in matches.items()}
    parts["allocation"] = _YES_NO.get((parts["allocation"] or "").lower(), parts["allocation"])
    for name, pattern in _DESIGN_ASKED.items():
        if parts[name] is None and (match := pattern.search(design)):
            parts[name] = match[1]
    if design.lower() in _BARE_MODELS:
        parts["intervention_model"] = design
    return parts
