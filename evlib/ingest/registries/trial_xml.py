"""XML of trials: WHO ICTRP's export, and the per-trial XML that registries such as ChiCTR and IRCT give in WHO's form."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, iterparse

from evlib.ingest.registries.ictrp import NEEDED, STATES_DAY_IN, days_read, number_and_words, record  # noqa: F401 (also this reader's)
from evlib.ingest.registries.unpack import BrokenFileError, numbered, recoded

NAME = "XML of trials"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))  # characters that XML does not allow

# WHO's per-trial form: our reader's column, and the element below <trial><main> that holds it.
_WHO_FORM = {
    "TrialID": "trial_id", "Source Register": "reg_name", "Public title": "public_title", "Acronym": "acronym",
    "Scientific title": "scientific_title", "Primary sponsor": "primary_sponsor", "Target size": "target_size",
    "Date registration": "date_registration", "Date enrollement": "date_enrolment", "Phase": "phase",
    "Recruitment Status": "recruitment_status", "Study type": "study_type", "Study design": "study_design",
    "Condition": "hc_freetext", "Intervention": "i_freetext", "web address": "url",
}  # fmt: skip
_WHO_LISTS = {"Countries": "countries/country2", "Secondary ID": "secondary_ids/secondary_id/sec_id"}


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like XML with trials."""
    return head.startswith(b"<") and re.search(rb"<trial[\s>]", head, re.IGNORECASE) is not None


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The trials of a file, one at a time, each with its running number."""
    return days_read(lambda: numbered(path, _rows))


class _File:
    """Pieces as the file that the parser reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = filter(None, pieces)

    def read(self, _: int) -> bytes:
        return next(self._pieces, b"")


def _rows(pieces: Iterator[bytes], _: str) -> Iterator[dict[str, str]]:
    first = next(pieces, b"")
    declared = re.match(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w.-]+)", first.lstrip(), re.IGNORECASE)
    encoding = declared[1].decode() if declared and not declared[1].lower().startswith(b"utf") else "utf-8"
    text = recoded(itertools.chain([first.lstrip()], pieces), encoding, mark=b"<")
    allowed = (piece.translate(None, _CONTROLS) for piece in text)
    parser = DefusedXMLParser(encoding="utf-8", forbid_dtd=False, forbid_entities=True, forbid_external=True)
    root = None
    try:
        for event, element in iterparse(_File(allowed), ["start", "end"], parser):
            root = element if root is None else root
            if event == "end" and element.tag.lower() == "trial":
                yield _row(element)
                root.clear()
    except BrokenFileError:
        raise
    except ParseError as error:
        raise BrokenFileError(f"not readable as XML from here on ({error})") from error
    except (DefusedXmlException, ValueError, LookupError) as error:
        why = "it defines entities or names an unknown encoding"
        raise BrokenFileError(f"refused, because {why} ({error})") from error


def _row(trial: Element) -> dict[str, str]:
    """One trial as a row with the columns of ICTRP's CSV, in which the elements are named alike."""
    if trial.find("main") is None:
        row = {child.tag.replace("_", " "): child.text or "" for child in trial}
        return dict.fromkeys(NEEDED, "") | row
    row = {column: trial.findtext(f"main/{name}") or "" for column, name in _WHO_FORM.items()}
    lists = {column: ";".join(e.text or "" for e in trial.findall(place)) for column, place in _WHO_LISTS.items()}
    return row | lists
