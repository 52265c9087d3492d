"""XML of trials: WHO ICTRP's export, and the per-trial XML that registries such as ChiCTR and IRCT give in WHO's form."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import pandas as pd
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from evlib.registries.common import collected, unpacked
from evlib.registries.ictrp import record_of_row

# WHO's per-trial form: our reader's column, and the element below <trial> that holds it.
_WHO_FORM = {
    "TrialID": "main/trial_id",
    "Source Register": "main/reg_name",
    "Public title": "main/public_title",
    "Scientific title": "main/scientific_title",
    "Acronym": "main/acronym",
    "Primary sponsor": "main/primary_sponsor",
    "Date registration": "main/date_registration",
    "Date enrollement": "main/date_enrolment",
    "Target size": "main/target_size",
    "Recruitment Status": "main/recruitment_status",
    "Study type": "main/study_type",
    "Study design": "main/study_design",
    "Phase": "main/phase",
    "Condition": "main/hc_freetext",
    "Intervention": "main/i_freetext",
    "web address": "main/url",
}
_WHO_LISTS = {"Countries": "countries/country2", "Secondary ID": "secondary_ids/secondary_id/sec_id"}


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like XML with trials."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith(b"<") and (b"<trial>" in text or b"<trial " in text)


def read(path: str | Path, *, snapshot: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of an XML file of trials, and what in it is none.

    Parameters
    ----------
    path
        WHO ICTRP's XML export, or per-trial XML in WHO's form (``<trials><trial><main>…``); also as gzip or zip.
    snapshot
        The date of the export, kept with each record.

    Returns
    -------
    records, rejects
        Tables ``records`` and ``rejects``; trials (and breaks) = records + rejects. Entities, internal or external, are
        refused, no address is followed, and no criteria, outcome or contact elements are taken.
    """
    return collected(_trials(path), lambda row: record_of_row(row, snapshot=snapshot), file=path)


def _trials(path: str | Path) -> Iterator[tuple[int, Any]]:
    number = 0
    for name, data, complaint in unpacked(path):
        try:
            for _, element in iterparse(io.BytesIO(data), forbid_dtd=False, forbid_entities=True, forbid_external=True):
                if element.tag.lower() == "trial":
                    number += 1
                    yield number, _row(element)
                    element.clear()
        except ParseError as error:
            number += 1
            yield number, ValueError(f"{name}: not readable as XML from here on ({error})")
        except (DefusedXmlException, ValueError, LookupError) as error:
            number += 1
            yield (
                number,
                ValueError(f"{name}: refused, because it defines entities or names an unknown encoding ({error})"),
            )
        if complaint:
            number += 1
            yield number, ValueError(f"{name}: {complaint}")


def _row(trial: Element) -> dict[str, str]:
    """One trial as a row with the columns of ICTRP's CSV, in which the elements are named alike."""
    if trial.find("main") is None:
        row = {child.tag.replace("_", " "): child.text or "" for child in trial}
        return {"TrialID": "", "Public title": "", "Source Register": ""} | row
    row = {column: trial.findtext(place) or "" for column, place in _WHO_FORM.items()}
    lists = {column: ";".join(e.text or "" for e in trial.findall(place)) for column, place in _WHO_LISTS.items()}
    return row | lists
