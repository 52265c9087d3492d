"""ClinicalTrials.gov: studies as its API v2 gives them (one study, a page, a list, one per line; plain, gzip or zip)."""

import itertools
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import ijson
import pandas as pd

from evlib.base.identifiers import registration_numbers, registry_of
from evlib.base.schema import join_multi
from evlib.ingest.registries.common import collected, day_or_month, phase_names, plain_text
from evlib.ingest.registries.unpack import BrokenFileError, lines, not_whole, opened, recoded, text_of

# What a live search asks for: all that is read here, and the results; no contact data, summary or eligibility text.
PIECES = [
    *(
        f"protocolSection.{name}Module"
        for name in ("identification", "status", "sponsorCollaborators", "conditions", "design", "armsInterventions")
    ),
    *("protocolSection.outcomesModule", "protocolSection.referencesModule"),
    "protocolSection.contactsLocationsModule.locations.country",
    *(
        f"resultsSection.{name}Module"
        for name in ("participantFlow", "baselineCharacteristics", "outcomeMeasures", "adverseEvents")
    ),
    "hasResults",
]
_START = 1 << 16
# A list of studies, or a page: an object whose field "studies" comes after plain ones at most.
_PAGE = re.compile(rb'(\[|\{\s*(?:"\w+"\s*:\s*(?:"[^"]*"|\d+|null)\s*,\s*)*"studies"\s*:)')


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like studies of the API."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b"protocolSection" in head


def read(path: str | Path, *, snapshot: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of a file of studies, and what in it is none.

    Parameters
    ----------
    path
        A file of the API v2: a study, a page (``{"studies": […]}``), a list, or one of these per line; also as gzip, or
        as zip of such files.
    snapshot
        The date of retrieval, kept with each record.

    Returns
    -------
    records, rejects
        Tables ``records`` and ``rejects``; studies = records + rejects. No summary, eligibility text or contact data is
        taken.
    """
    return collected(items(path), lambda study: record(study, snapshot=snapshot), file=path)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The studies of a file, one at a time, each with its running number (its line, where each stands on one)."""
    number = 0
    for name, pieces in opened(path):
        try:
            for study in _studies(pieces):
                number += 1
                if study is not None:
                    yield number, study
        except BrokenFileError as error:
            number += 1
            yield number, not_whole(name, error)


def _studies(pieces: Iterator[bytes]) -> Iterator[Any]:
    """The studies of one part, an exception in place of one that cannot be read, None for a blank line."""
    start = b""
    for piece in pieces:
        start = (start + piece).lstrip()
        if len(start) >= _START:
            break
    everything = itertools.chain([start], pieces)
    if listed := _PAGE.match(start):
        yield from _streamed(everything, "item" if listed[1] == b"[" else "studies.item")
        return
    rows = lines(everything)
    first = list(itertools.islice((row for row in rows if row.strip()), 2))
    rows = itertools.chain(first, rows)
    if any(isinstance(_parsed(row), dict) for row in first):
        for row in rows:
            yield from _expanded(_parsed(row)) if row.strip() else [None]
    else:
        yield from _streamed((row + b"\n" for row in rows), "")


def _streamed(pieces: Iterator[bytes], prefix: str) -> Iterator[Any]:
    """The values that stand at a place of a JSON text, as far as it is whole."""
    text = ijson.from_iter(recoded(pieces, mark=b'"'))
    try:
        yield from ijson.items(text, prefix, use_float=True, multiple_values=True)
    except ijson.JSONError as error:
        yield not_whole("not valid JSON from here on", " ".join(str(error).split())[:200])


def _parsed(row: bytes) -> Any:
    try:
        return json.loads(text_of(row))
    except (ValueError, RecursionError) as error:
        return error


def _expanded(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and isinstance(value.get("studies"), list):
        yield from value["studies"]
    else:
        yield value


def record(study: Any, *, snapshot: str) -> dict[str, Any]:
    """A study as a row of table ``records``; ValueError or KeyError where it is none."""
    if not isinstance(study, dict) or "protocolSection" not in study:
        raise ValueError("not a study of the API v2 (no protocolSection)")
    section = study["protocolSection"]
    identification = section["identificationModule"]
    numbers = registration_numbers(str(identification.get("nctId") or ""))
    if len(numbers) != 1 or registry_of(numbers[0]) != "ClinicalTrials.gov":
        raise ValueError(f"no ClinicalTrials.gov number: nctId is {identification.get('nctId')!r}")
    trn = numbers[0]
    status, design = section.get("statusModule", {}), section.get("designModule", {})
    info, arms = design.get("designInfo", {}), section.get("armsInterventionsModule", {})
    others = [item.get("id") or "" for item in identification.get("secondaryIdInfos", [])]
    others.append(identification.get("orgStudyIdInfo", {}).get("id") or "")
    locations = section.get("contactsLocationsModule", {}).get("locations", [])
    enrolment = design.get("enrollmentInfo", {}).get("count")
    if enrolment is not None and (not isinstance(enrolment, int) or enrolment < 0):
        raise ValueError(f"enrollmentInfo.count is {enrolment!r}, not a count.")
    return {
        "trn": trn,
        "trn_kind": "number",
        "registry": "ClinicalTrials.gov",
        "secondary_trns": join_multi(
            dict.fromkeys(n for text in others for n in registration_numbers(text) if n != trn)
        ),
        "brief_title": plain_text(identification.get("briefTitle")),
        "official_title": plain_text(identification.get("officialTitle")),
        "acronym": plain_text(identification.get("acronym")),
        "status": constant_words(status.get("overallStatus")),
        "study_type": constant_words(design.get("studyType")),
        "phases": join_multi(phase_of_constant(name) for name in design.get("phases", [])),
        "allocation": constant_words(info.get("allocation")),
        "intervention_model": constant_words(info.get("interventionModel")),
        "masking": constant_words(info.get("maskingInfo", {}).get("masking")),
        "primary_purpose": constant_words(info.get("primaryPurpose")),
        "enrolment": enrolment,
        "enrolment_type": constant_words(design.get("enrollmentInfo", {}).get("type")),
        "conditions": join_multi(map(plain_text, section.get("conditionsModule", {}).get("conditions", []))),
        "keywords": join_multi(map(plain_text, section.get("conditionsModule", {}).get("keywords", []))),
        "interventions": join_multi(
            plain_text(": ".join(filter(None, (constant_words(item.get("type")), item.get("name")))))
            for item in arms.get("interventions", [])
        ),
        "arms": join_multi(
            plain_text(": ".join(str(arm[key]) for key in ("label", "description") if arm.get(key)))
            for arm in arms.get("armGroups", [])
        ),
        "sponsor": plain_text(section.get("sponsorCollaboratorsModule", {}).get("leadSponsor", {}).get("name")),
        "countries": join_multi(dict.fromkeys(place["country"] for place in locations if place.get("country"))),
        "registered_text": day_or_month(status.get("studyFirstPostDateStruct", {}).get("date")),
        "first_submitted": day_or_month(status.get("studyFirstSubmitDate")),
        "start_date": day_or_month(status.get("startDateStruct", {}).get("date")),
        "completion_date": day_or_month(status.get("completionDateStruct", {}).get("date")),
        "last_update": day_or_month(status.get("lastUpdatePostDateStruct", {}).get("date")),
        "results_posted": study.get("hasResults"),
        "publications": join_multi(
            f"PMID {reference['pmid']}"
            for reference in section.get("referencesModule", {}).get("references", [])
            if reference.get("pmid") and reference.get("type") in ("RESULT", "DERIVED")
        ),
        "source_urls": f"https://clinicaltrials.gov/study/{trn}",
        "snapshot": snapshot,
    }


@lru_cache(maxsize=1 << 12)
def constant_words(constant: str | None) -> str | None:
    """An API constant as words: ``NOT_YET_RECRUITING`` becomes "Not yet recruiting"."""
    return plain_text(constant.replace("_", " ").capitalize()) if constant else None


@lru_cache(maxsize=1 << 12)
def phase_of_constant(constant: str) -> str:
    """An API constant of a phase as words: ``PHASE2`` becomes "Phase 2", ``NA`` "Not Applicable"."""
    if constant == "NA":
        return "Not Applicable"
    return (
        "Early Phase 1"
        if constant == "EARLY_PHASE1"
        else (phase_names(constant.replace("PHASE", "Phase ")) or [constant])[0]
    )
