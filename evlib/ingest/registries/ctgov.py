"""ClinicalTrials.gov: studies as its API v2 gives them (one study, a page, a list, one per line; plain, gzip or zip)."""

import itertools
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import ijson

from evlib.base.schema import join_multi
from evlib.ingest.registries.common import cells, dates, identity, phase_names, plain_text, secondary_numbers, several
from evlib.ingest.registries.unpack import lines, not_whole, numbered, recoded, text_of

NAME = "ClinicalTrials.gov API v2"
# What a live search asks for: all that is read here, and the results; no contact data.
_PROTOCOL = "identification status sponsorCollaborators conditions design armsInterventions outcomes references"
_RESULTS = "participantFlow baselineCharacteristics outcomeMeasures adverseEvents"
PIECES = [
    *(f"protocolSection.{name}Module" for name in _PROTOCOL.split()),
    "protocolSection.contactsLocationsModule.locations.country",
    "protocolSection.descriptionModule.briefSummary",
    "protocolSection.eligibilityModule.eligibilityCriteria",
    *(f"resultsSection.{name}Module" for name in _RESULTS.split()),
    "hasResults",
]
_START = 1 << 16
# A list of studies, or a page: an object whose field "studies" comes after plain ones at most.
_PAGE = re.compile(rb'(\[|\{\s*(?:"\w+"\s*:\s*(?:"[^"]*"|\d+|null)\s*,\s*)*"studies"\s*:)')


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like studies of the API."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b"protocolSection" in head


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The studies of a file, one at a time, each with its running number (its line, where each stands on one)."""
    return numbered(path, _studies)


def _studies(pieces: Iterator[bytes], _: str) -> Iterator[Any]:
    """The studies of one part, an exception in place of one that cannot be read, None for a blank line."""
    start = b""
    while len(start) < _START and (piece := next(pieces, None)) is not None:
        start = (start + piece).lstrip()
    everything = itertools.chain([start], pieces)
    if listed := _PAGE.match(start):
        yield from _streamed(everything, "item" if listed[1] == b"[" else "studies.item")
        return
    rows = lines(everything)
    first = list(itertools.islice(filter(bytes.strip, rows), 2))
    rows = itertools.chain(first, rows)
    if any(isinstance(_parsed(row), dict) for row in first):
        for row in rows:
            value = _parsed(row) if row.strip() else None
            listed = isinstance(value, dict) and isinstance(value.get("studies"), list)
            yield from value["studies"] if listed else [value]
    else:
        yield from _streamed((row + b"\n" for row in rows), "")


def _streamed(pieces: Iterator[bytes], prefix: str) -> Iterator[Any]:
    """The values at a place of a JSON text, up to where it breaks off."""
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


@lru_cache(maxsize=1 << 12)
def constant_words(constant: str | None) -> str | None:
    """An API constant as words: ``NOT_YET_RECRUITING`` becomes "Not yet recruiting"."""
    return plain_text(constant.replace("_", " ").capitalize()) if constant else None


@lru_cache(maxsize=1 << 12)
def phase_of_constant(constant: str) -> str:
    """An API constant of a phase as words: ``PHASE2`` becomes "Phase 2", ``NA`` "Not Applicable"."""
    if constant == "NA":
        return "Not Applicable"
    if constant == "EARLY_PHASE1":
        return "Early Phase 1"
    return (phase_names(constant.replace("PHASE", "Phase ")) or [constant])[0]


def _enrolment(count: Any) -> int | None:
    if count is not None and (not isinstance(count, int) or count < 0):
        raise ValueError(f"enrollmentInfo.count is {count!r}, not a count.")
    return count


def _interventions(given: list[dict] | None) -> str | None:
    return several(_joined(constant_words(one.get("type")), one.get("name")) for one in given or [])


def _arms(given: list[dict] | None) -> str | None:
    return several(_joined(one.get("label"), one.get("description")) for one in given or [])


def _publications(given: list[dict] | None) -> str | None:
    ours = [one for one in given or [] if one.get("pmid") and one.get("type") in ("RESULT", "DERIVED")]
    return join_multi(f"PMID {one['pmid']}" for one in ours)


def _joined(*parts: Any) -> str:
    return ": ".join(str(part) for part in parts if part)


COLUMNS = {
    "brief_title": "identificationModule.briefTitle",
    "official_title": "identificationModule.officialTitle",
    "acronym": "identificationModule.acronym",
    "status": ("statusModule.overallStatus", constant_words),
    "study_type": ("designModule.studyType", constant_words),
    "phases": ("designModule.phases", lambda phases: join_multi(map(phase_of_constant, phases or []))),
    "allocation": ("designModule.designInfo.allocation", constant_words),
    "intervention_model": ("designModule.designInfo.interventionModel", constant_words),
    "masking": ("designModule.designInfo.maskingInfo.masking", constant_words),
    "primary_purpose": ("designModule.designInfo.primaryPurpose", constant_words),
    "enrolment": ("designModule.enrollmentInfo.count", _enrolment),
    "enrolment_type": ("designModule.enrollmentInfo.type", constant_words),
    "conditions": ("conditionsModule.conditions", several),
    "keywords": ("conditionsModule.keywords", several),
    "interventions": ("armsInterventionsModule.interventions", _interventions),
    "arms": ("armsInterventionsModule.armGroups", _arms),
    "sponsor": "sponsorCollaboratorsModule.leadSponsor.name",
    "countries": (
        "contactsLocationsModule.locations",
        lambda given: several(one.get("country") for one in given or []),
    ),
    "publications": ("referencesModule.references", _publications),
}
DATES = {
    "registered_text": ["statusModule.studyFirstPostDateStruct.date"],
    "first_submitted": ["statusModule.studyFirstSubmitDate"],
    "start_date": ["statusModule.startDateStruct.date"],
    "completion_date": ["statusModule.completionDateStruct.date"],
    "last_update": ["statusModule.lastUpdatePostDateStruct.date"],
}

TEXTS = {"summary": "descriptionModule.briefSummary", "eligibility": "eligibilityModule.eligibilityCriteria"}


def record(study: Any, *, snapshot: str) -> dict[str, Any]:
    """A study as a row of table ``records``; ValueError or KeyError where it cannot be one."""
    if not isinstance(study, dict) or "protocolSection" not in study:
        raise ValueError("not a study of the API v2 (no protocolSection)")
    section = study["protocolSection"]
    identification = section["identificationModule"]
    own = identity(identification.get("nctId"), registry="ClinicalTrials.gov", column="nctId")
    others = [item.get("id") for item in identification.get("secondaryIdInfos", [])]
    others.append(identification.get("orgStudyIdInfo", {}).get("id"))
    row = _Places(section)
    return {
        **own,
        **cells(row, COLUMNS),
        **dates(row, DATES),
        "secondary_trns": secondary_numbers(others, besides=own["trn"]),
        "results_posted": study.get("hasResults"),
        "source_urls": f"https://clinicaltrials.gov/study/{own['trn']}",
        "snapshot": snapshot,
    }


def texts(study: Any) -> dict[str, str | None]:
    """What a study says at length, as a row of table ``summaries``; the errors are those of ``record``."""
    section = study["protocolSection"]
    own = identity(section["identificationModule"].get("nctId"), registry="ClinicalTrials.gov", column="nctId")
    return {"trn": own["trn"], **cells(_Places(section), TEXTS)}


class _Places:
    """A part of a study whose values are asked for by their place: ``identificationModule.briefTitle``."""

    def __init__(self, section: dict[str, Any]) -> None:
        self._section = section

    def get(self, place: str) -> Any:
        value: Any = self._section
        for key in place.split("."):
            value = value.get(key)
            if value is None:
                return None
        return value
