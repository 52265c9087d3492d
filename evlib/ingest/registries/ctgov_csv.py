"""ClinicalTrials.gov: the CSV that the site's download button gives (all columns, or some)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.identifiers import registration_numbers, registry_of
from evlib.base.schema import join_multi
from evlib.ingest.registries.common import collected, day_or_month, plain_text
from evlib.ingest.registries.ctgov import constant_words, phase_of_constant
from evlib.ingest.registries.unpack import csv_rows, header_of


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like the site's download."""
    return "NCT Number" in header_of(head)[0]


def read(path: str | Path, *, snapshot: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of a download of the site, and the rows that are none.

    Parameters
    ----------
    path
        The CSV, also as gzip or zip. Columns that were not ticked for the download stay missing.
    snapshot
        The date of the download, kept with each record.

    Returns
    -------
    records, rejects
        Tables ``records`` and ``rejects``; rows = records + rejects. The download has no arms and no official title.
    """
    return collected(items(path), lambda row: record(row, snapshot=snapshot), file=path)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of a download, one at a time, each with its number."""
    return csv_rows(path, needs=["NCT Number"])


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """A row of the download, by column name, as a row of table ``records``; ValueError where it is none."""
    numbers = registration_numbers(row["NCT Number"])
    if len(numbers) != 1 or registry_of(numbers[0]) != "ClinicalTrials.gov":
        raise ValueError(f"no ClinicalTrials.gov number: 'NCT Number' is {row['NCT Number']!r}")
    trn = numbers[0]
    design = dict(part.split(": ", 1) for part in (row.get("Study Design") or "").split("|") if ": " in part)
    enrolment = (row.get("Enrollment") or "").strip()
    if enrolment and not re.fullmatch(r"\d{1,9}", enrolment, re.ASCII):
        raise ValueError(f"Enrollment is {enrolment!r}, not a count.")
    places = [place.rsplit(",", 1)[-1] for place in (row.get("Locations") or "").split("|")]
    other = [number for number in registration_numbers(row.get("Other IDs") or "") if number != trn]
    return {
        "trn": trn,
        "trn_kind": "number",
        "registry": "ClinicalTrials.gov",
        "secondary_trns": join_multi(other),
        "brief_title": plain_text(row.get("Study Title")),
        "acronym": plain_text(row.get("Acronym")),
        "status": constant_words(row.get("Study Status")),
        "study_type": constant_words(row.get("Study Type")),
        "phases": join_multi(phase_of_constant(name) for name in (row.get("Phases") or "").split("|") if name),
        "allocation": constant_words(design.get("Allocation")),
        "intervention_model": constant_words(design.get("Intervention Model")),
        "masking": constant_words(design.get("Masking")),
        "primary_purpose": constant_words(design.get("Primary Purpose")),
        "enrolment": int(enrolment) if enrolment else None,
        "conditions": join_multi(map(plain_text, (row.get("Conditions") or "").split("|"))),
        "interventions": join_multi(map(plain_text, (row.get("Interventions") or "").split("|"))),
        "sponsor": plain_text(row.get("Sponsor")),
        "countries": join_multi(dict.fromkeys(filter(None, map(plain_text, places)))),
        "registered_text": day_or_month(row.get("First Posted")),
        "start_date": day_or_month(row.get("Start Date")),
        "completion_date": day_or_month(row.get("Completion Date")),
        "last_update": day_or_month(row.get("Last Update Posted")),
        "results_posted": {"yes": True, "no": False}.get((row.get("Study Results") or "").strip().lower()),
        "source_urls": f"https://clinicaltrials.gov/study/{trn}",
        "snapshot": snapshot,
    }
