"""ClinicalTrials.gov: the CSV that the site's download button gives, with all columns or some; it has no arms."""

import re
from typing import Any

from evlib.base.schema import join_multi
from evlib.ingest.registries.common import cells, csv_export, dates, identity, secondary_numbers, several, yes_no
from evlib.ingest.registries.ctgov import constant_words, phase_of_constant

NAME = "ClinicalTrials.gov CSV"


def _parts(cell: str | None) -> list[str]:
    return (cell or "").split("|")


def _count(cell: str | None) -> int | None:
    text = (cell or "").strip()
    if text and not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError(f"Enrollment is {text!r}, not a count.")
    return int(text) if text else None


COLUMNS = {
    "brief_title": "Study Title",
    "acronym": "Acronym",
    "status": ("Study Status", constant_words),
    "study_type": ("Study Type", constant_words),
    "phases": ("Phases", lambda cell: join_multi(map(phase_of_constant, filter(None, _parts(cell))))),
    "enrolment": ("Enrollment", _count),
    "conditions": ("Conditions", lambda cell: several(_parts(cell))),
    "interventions": ("Interventions", lambda cell: several(_parts(cell))),
    "sponsor": "Sponsor",
    "countries": ("Locations", lambda cell: several(place.rsplit(",", 1)[-1] for place in _parts(cell))),
    "results_posted": ("Study Results", yes_no),
}
DESIGN = {
    "allocation": ("Allocation", constant_words),
    "intervention_model": ("Intervention Model", constant_words),
    "masking": ("Masking", constant_words),
    "primary_purpose": ("Primary Purpose", constant_words),
}
DATES = {
    "registered_text": ["First Posted"],
    "start_date": ["Start Date"],
    "completion_date": ["Completion Date"],
    "last_update": ["Last Update Posted"],
}

recognises, items = csv_export("NCT Number")


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """A row of the download as a row of table ``records``; ValueError where it cannot be one."""
    own = identity(row["NCT Number"], registry="ClinicalTrials.gov", column="'NCT Number'")
    design = dict(part.split(": ", 1) for part in _parts(row.get("Study Design")) if ": " in part)
    return {
        **own,
        **cells(row, COLUMNS),
        **cells(design, DESIGN),
        **dates(row, DATES),
        "secondary_trns": secondary_numbers([row.get("Other IDs")], besides=own["trn"]),
        "source_urls": f"https://clinicaltrials.gov/study/{own['trn']}",
        "snapshot": snapshot,
    }


def texts(row: dict[str, str]) -> dict[str, str | None]:
    """The summary of a row, as a row of table ``summaries``; the download has no criteria of eligibility."""
    own = identity(row["NCT Number"], registry="ClinicalTrials.gov", column="'NCT Number'")
    return {"trn": own["trn"], **cells(row, {"summary": "Brief Summary"})}
