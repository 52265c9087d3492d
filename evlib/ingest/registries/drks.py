"""DRKS, the German Clinical Trials Register: the CSV of its search, as the site gave it until its renewal.

The form: separated by semicolons, texts in quotation marks, ``[---]*`` for nothing, several values in numbered columns, the
column ``url`` twice (the trial's own site, and its page in the register, below ``drks_web/navigate.do``). Two such exports
are published in the history of github.com/quest-bih/IntoValue2 (at 47350f7, ``data/DRKS/DRKS_stopped.csv`` and
``DRKS_suspended.csv``), whose code reads one of 3 June 2020 by the same columns; the R package cthist (``drks_de_download``)
describes the zip file in which they come. No CSV of the renewed site was at hand; WHO ICTRP carries its records, too.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evlib.ingest.registries.common import (
    cells,
    csv_export,
    dates,
    dates_in_one_order,
    identity,
    orders_of_dates,
    phases,
    secondary_numbers,
    several,
)
from evlib.ingest.registries.ictrp import target_size

NAME = "DRKS CSV"
COLUMNS = {
    "brief_title": "title",
    "acronym": "acronym",
    "status": "recruitmentStatus",
    "study_type": "type",
    "phases": ("phase", phases),
    "allocation": "allocation",
    "intervention_model": "assignment",
    "masking": "masking",
    "primary_purpose": "purpose",
    "enrolment": ("targetSize", target_size),
}
DATES = {
    "registered_text": ["firstDrksPublishDate"],
    "start_date": ["startDate"],
    "completion_date": ["studyEnd"],
    "last_update": ["last-update"],
}
_NOTHING = "[---]*"

recognises, _rows = csv_export("drksId", "firstDrksPublishDate", repeated=["url"])


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of an export, one at a time, each with its number, the dates that a spreadsheet rewrote in one order of day and month."""

    def rows() -> Iterator[tuple[int, Any]]:
        return _rows(path)

    return dates_in_one_order(rows, DATES, orders_of_dates(rows, DATES))


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """A row of the export as a row of table ``records``; ValueError where it cannot be one."""
    row = {name: "" if cell.strip() == _NOTHING else cell for name, cell in row.items()}
    own = identity(row["drksId"], registry="DRKS", column="'drksId'")
    arms = zip(_numbered(row, "intervention.category"), _numbered(row, "intervention.value"))
    addresses = zip(_numbered(row, "address.type"), _numbered(row, "address.affiliation"))
    return {
        **own,
        **cells(row, COLUMNS),
        **dates(row, DATES),
        "secondary_trns": secondary_numbers(_numbered(row, "secId.id"), besides=own["trn"]),
        "conditions": several(_numbered(row, "indication.value")),
        "interventions": several(": ".join(filter(None, arm)) for arm in arms),
        "countries": several(_numbered(row, "recruitmentCountries.value")),
        "sponsor": several(name for role, name in addresses if role == "Primary Sponsor"),
        "source_urls": f"https://drks.de/search/en/trial/{own['trn']}",
        "snapshot": snapshot,
    }


def _numbered(row: dict[str, str], name: str) -> list[str]:
    """The cells of ``name0``, ``name1`` and so on."""
    return [cell for column, cell in row.items() if re.fullmatch(rf"{re.escape(name)}\d+", column)]
