"""ClinicalTrials.gov: the CSV of the site's download button, with all columns or some, and that of the site until 2024; neither has arms."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from evlib.base.reading.countries import short_name
from evlib.ingest.registries.common import (
    cells,
    count,
    csv_export,
    dates,
    dates_in_one_order,
    identity,
    orders_of_dates,
    secondary_numbers,
    several,
    words_of,
    yes_no,
)
from evlib.ingest.registries.ctgov import constant_words, phases_of, site_text, site_texts

NAME = "ClinicalTrials.gov CSV"


# The columns of the former site, by the names that they have today.
_FORMER = {"Study Title": "Title", "Study Status": "Status", "Study Design": "Study Designs"}
_SECOND_HALF = re.compile(r"(?:.*\bof(?: the)?|the|occupied|province of china|u\.s\.|british)", re.IGNORECASE)


def _parts(cell: str | None) -> list[str]:
    return (cell or "").split("|")


def _several(cell: str | None) -> str | None:
    return site_texts(_parts(cell))


def _countries(cell: str | None) -> str | None:
    return several(map(_country, _parts(cell)))


@lru_cache(maxsize=1 << 14)
def _country(place: str) -> str:
    """The country at the end of a place; the registry writes some with a comma: "Seoul, Korea, Republic of"."""
    *before, last = (part.strip() for part in place.split(","))
    return short_name(f"{before[-1]}, {last}") if before and _SECOND_HALF.fullmatch(last) else last


COLUMNS = {
    "brief_title": ("Study Title", site_text),
    "acronym": "Acronym",
    "status": ("Study Status", constant_words),
    "study_type": ("Study Type", constant_words),
    "phases": ("Phases", lambda cell: phases_of(_parts(cell))),
    "enrolment": ("Enrollment", count),
    "conditions": ("Conditions", _several),
    "interventions": ("Interventions", _several),
    "sponsor": "Sponsor",
    "countries": ("Locations", _countries),
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

recognises, _rows = csv_export("NCT Number")


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of a download, one at a time, each with its number, the dates in one order of day and month; the site's month comes first."""

    def rows() -> Iterator[tuple[int, Any]]:
        return _rows(path)

    return dates_in_one_order(rows, DATES, orders_of_dates(rows, DATES, month_first=True))


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """A row of the download as a row of table ``records``; ValueError where it cannot be one."""
    row = _as_today(row)
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


def number_and_words(row: dict[str, str]) -> tuple[str, str]:
    """Its number, and the words that a query reads of a row, as they stand there; the errors are those of ``record``."""
    own = identity(row["NCT Number"], registry="ClinicalTrials.gov", column="'NCT Number'")
    return own["trn"], words_of(_as_today(row), COLUMNS)


def texts(row: dict[str, str]) -> dict[str, str | None]:
    """The summary of a row, as a row of table ``summaries``; the download has no criteria of eligibility."""
    own = identity(row["NCT Number"], registry="ClinicalTrials.gov", column="'NCT Number'")
    return {"trn": own["trn"], **cells(row, {"summary": ("Brief Summary", site_text)})}


def _as_today(row: dict[str, str]) -> dict[str, str]:
    """A row of the former site's download with the names of today; of sponsor and collaborators the first is the sponsor."""
    if "Study Title" in row or "Title" not in row:
        return row
    today = {name: row.get(former, "") for name, former in _FORMER.items()}
    return row | today | {"Sponsor": _parts(row.get("Sponsor/Collaborators"))[0]}
