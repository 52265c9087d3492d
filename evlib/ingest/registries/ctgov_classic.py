"""ClinicalTrials.gov: studies as its classic API gave them until 2024 (``FullStudiesResponse``), which public archives hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evlib.base.schema import join_multi
from evlib.ingest.registries.common import cells, count, dates, identity, listed, several
from evlib.ingest.registries.ctgov import (
    Places,
    constant_words,
    other_numbers,
    phases_of,
    site_text,
    studies_in,
    unescaped,
)
from evlib.ingest.registries.unpack import numbered

NAME = "ClinicalTrials.gov classic API"
_FORMS = {
    re.compile(rb'\{\s*"FullStudiesResponse"'): "FullStudiesResponse.FullStudies.item",
    re.compile(rb"\["): "item",
}
_WRAPPED = ("FullStudiesResponse", "FullStudies", "FullStudy", "Study")


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like studies of the classic API."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b'"ProtocolSection"' in head


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The studies of a file, one at a time, each with its running number."""
    return numbered(path, lambda pieces, _: studies_in(pieces, _FORMS, _each))


def _each(value: Any) -> Iterator[Any]:
    """The studies within a response, a list, or what a study is wrapped in; anything else as it is."""
    if isinstance(value, dict) and (inner := next((value[name] for name in _WRAPPED if value.get(name)), None)):
        value = inner
        yield from _each(value)
    elif isinstance(value, list):
        for one in value:
            yield from _each(one)
    else:
        yield value


def _several(values: list[Any] | None) -> str | None:
    return several(map(unescaped, listed(values)))


def _pairs(first: str, second: str) -> Any:
    """What makes one cell of a list of objects: of each two of its fields, as "Drug: A"."""

    def joined(given: list[dict] | None) -> str | None:
        parts = ([one.get(first), one.get(second)] for one in listed(given))
        return _several([": ".join(str(part) for part in pair if part) for pair in parts])

    return joined


def _publications(given: list[dict] | None) -> str | None:
    ours = [one for one in listed(given) if str(one.get("ReferenceType")).lower() in ("result", "derived")]
    return join_multi(f"PMID {one['ReferencePMID']}" for one in ours if one.get("ReferencePMID"))


def _countries(given: list[dict] | None) -> str | None:
    return several(one.get("LocationCountry") for one in listed(given))


COLUMNS = {
    "brief_title": ("IdentificationModule.BriefTitle", site_text),
    "official_title": ("IdentificationModule.OfficialTitle", site_text),
    "acronym": "IdentificationModule.Acronym",
    "status": ("StatusModule.OverallStatus", constant_words),
    "study_type": ("DesignModule.StudyType", constant_words),
    "phases": ("DesignModule.PhaseList.Phase", phases_of),
    "allocation": ("DesignModule.DesignInfo.DesignAllocation", constant_words),
    "intervention_model": ("DesignModule.DesignInfo.DesignInterventionModel", constant_words),
    "masking": ("DesignModule.DesignInfo.DesignMaskingInfo.DesignMasking", constant_words),
    "primary_purpose": ("DesignModule.DesignInfo.DesignPrimaryPurpose", constant_words),
    "enrolment": ("DesignModule.EnrollmentInfo.EnrollmentCount", count),
    "enrolment_type": ("DesignModule.EnrollmentInfo.EnrollmentType", constant_words),
    "conditions": ("ConditionsModule.ConditionList.Condition", _several),
    "keywords": ("ConditionsModule.KeywordList.Keyword", _several),
    "interventions": (
        "ArmsInterventionsModule.InterventionList.Intervention",
        _pairs("InterventionType", "InterventionName"),
    ),
    "arms": ("ArmsInterventionsModule.ArmGroupList.ArmGroup", _pairs("ArmGroupLabel", "ArmGroupDescription")),
    "sponsor": "SponsorCollaboratorsModule.LeadSponsor.LeadSponsorName",
    "countries": ("ContactsLocationsModule.LocationList.Location", _countries),
    "publications": ("ReferencesModule.ReferenceList.Reference", _publications),
}
DATES = {
    "registered_text": ["StatusModule.StudyFirstPostDateStruct.StudyFirstPostDate"],
    "first_submitted": ["StatusModule.StudyFirstSubmitDate"],
    "start_date": ["StatusModule.StartDateStruct.StartDate"],
    "completion_date": ["StatusModule.CompletionDateStruct.CompletionDate"],
    "last_update": ["StatusModule.LastUpdatePostDateStruct.LastUpdatePostDate"],
}
TEXTS = {
    "summary": ("DescriptionModule.BriefSummary", site_text),
    "eligibility": ("EligibilityModule.EligibilityCriteria", site_text),
}


_SECONDARY = ("IdentificationModule.SecondaryIdInfoList.SecondaryIdInfo", "SecondaryId")
_ORGANISATION = "IdentificationModule.OrgStudyIdInfo.OrgStudyId"


def record(study: Any, *, snapshot: str) -> dict[str, Any]:
    """A study as a row of table ``records``; ValueError where it cannot be one."""
    row, own = _identified(study)
    return {
        **own,
        **cells(row, COLUMNS),
        **dates(row, DATES),
        "results_posted": "ResultsSection" in study,
        "secondary_trns": other_numbers(row, _SECONDARY, _ORGANISATION, besides=own["trn"]),
        "source_urls": f"https://clinicaltrials.gov/study/{own['trn']}",
        "snapshot": snapshot,
    }


def texts(study: Any) -> dict[str, str | None]:
    """What a study says at length, as a row of table ``summaries``; the errors are those of ``record``."""
    row, own = _identified(study)
    return {"trn": own["trn"], **cells(row, TEXTS)}


def _identified(study: Any) -> tuple[Places, dict[str, str]]:
    if not isinstance(study, dict) or "ProtocolSection" not in study:
        raise ValueError("not a study of the classic API (no ProtocolSection)")
    row = Places(study["ProtocolSection"])
    return row, identity(row.get("IdentificationModule.NCTId"), registry="ClinicalTrials.gov", column="NCTId")
