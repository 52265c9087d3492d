"""ClinicalTrials.gov: studies as its API v2 gives them (one, a page, a list of either, one per line, by number; plain, gzip or zip)."""

import itertools
import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import ijson
from pydantic_core import from_json

from evlib.base.reading.parts import from_byte, line_start
from evlib.base.schema import join_multi
from evlib.ingest.registries import ctgov_words
from evlib.ingest.registries.common import (
    Asked,
    Columns,
    Row,
    Unread,
    cells,
    column_of,
    column_of_dates,
    count,
    dates,
    identity,
    if_plain,
    key_of,
    listed,
    phase_names,
    plain_text,
    secondary_numbers,
    several,
    words_of,
)
from evlib.ingest.registries.ctgov_words import BLOCK, Looked, begins_a_study, looked_at_part, looker
from evlib.ingest.registries.side_by_side import LARGE, MOST_PARTS, PART, made_in_order
from evlib.ingest.registries.unpack import (
    BrokenFileError,
    Passed,
    begun,
    blocks_of_lines,
    lines,
    not_whole,
    numbered,
    opened,
    recoded,
    text_of,
)

NAME = "ClinicalTrials.gov API v2"
ASKS_FIRST = True
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
# A list, a page (an object whose field "studies" comes after plain ones at most), or an object of studies by number.
_LIST, _BY_NUMBER = re.compile(rb"\["), re.compile(rb'\{\s*"NCT\d{8}"\s*:')
_PAGE = re.compile(rb'\{\s*(?:"\w+"\s*:\s*(?:"[^"]*"|\d+|null)\s*,\s*)*"studies"\s*:')
_FORMS = {_LIST: "item", _PAGE: "studies.item"}


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like studies of the API."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and b"protocolSection" in head


def items(path: str | Path, asked: Asked | None = None, processes: int = 1) -> Iterator[tuple[int, Any]]:
    """The studies of a file, one at a time, each with its running number (its line, where each stands on one).

    Where each stands on a line whose text holds nothing that is ``asked`` for, it comes as ``Passed``, without being read as JSON; in a large
    file several ``processes`` look for it.
    """
    if asked and asked.patterns != [] and is_on_lines(path):
        return numbered(path, lambda pieces, _: _asked_first(Path(path), pieces, asked, processes))
    return numbered(path, lambda pieces, _: studies_in(pieces, _FORMS, _each))


def _asked_first(path: Path, pieces: Iterable[bytes], asked: Asked, processes: int) -> Iterator[Any]:
    for numbers, lines_of_interest in _looked_through(path, pieces, asked, processes):
        keys, done = array("I", numbers).tolist(), 0
        for before, line in lines_of_interest:
            if done < before:
                yield Passed(keys[done:before])
            yield from of_lines([line])
            done = before
        if done < len(keys):
            yield Passed(keys[done:])


def _looked_through(path: Path, pieces: Iterable[bytes], asked: Asked, processes: int) -> Iterator[Looked]:
    numbers = {key for key in map(key_of, asked.numbers) if isinstance(key, int)}
    start, size = 0, path.stat().st_size
    part = max(PART, size // MOST_PARTS + 1)
    about = str(path.resolve()), part, numbers, asked.patterns
    processes = min(processes, size // LARGE)
    with path.open("rb") as file:
        if processes > 1 and begins_a_study(file.peek()):
            here = partial(looked_at_part, file, part, looker(numbers, asked.patterns, bytes.decode))
            parts = made_in_order(ctgov_words.__file__, about, -(-size // part), here, processes=processes)
            for number, looked in enumerate(parts):
                if looked is None:
                    start = line_start(file, number * part, part)
                    break
                yield Looked(*looked)
            else:
                return
    yield from map(looker(numbers, asked.patterns), blocks_of_lines(from_byte(pieces, start), BLOCK))


def is_on_lines(path: str | Path) -> bool:
    """Whether the first line of a file that is no zip file is a whole study."""
    with Path(path).open("rb") as file:
        if file.read(2) == b"PK":
            return False
    first = b""
    with suppress(BrokenFileError):
        first = next(lines(next(opened(path))[1]), b"")
    return begins_a_study(first) and isinstance(_parsed(first), dict)


def of_lines(rows: Iterable[bytes]) -> Iterator[Any]:
    """The studies on some lines of such a file, an exception in place of one that cannot be read, None for a blank line."""
    for row in rows:
        yield from _each(_parsed(row) if row.strip() else None)


def _parsed(row: bytes) -> Any:
    with suppress(ValueError):  # what it cannot read, the slower json may, or tells why not
        return from_json(row, cache_strings="keys")
    try:
        return json.loads(text_of(row))
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" starting at")
        return ValueError(
            f"not valid JSON at character {error.pos + 1}: {what}. The other lines are read; download the file again for this one."
        )
    except (ValueError, RecursionError) as error:
        return error


def _each(value: Any) -> Iterator[Any]:
    """The studies of a page, of a list or of an object that holds them by number; a study itself, and anything else, as it is."""
    if isinstance(value, dict) and "protocolSection" not in value:
        if isinstance(value.get("studies"), list):
            value = value["studies"]
        elif value and all(re.fullmatch(r"NCT\d{8}", key) for key in value):
            value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _each(one)
    else:
        yield value


def studies_in(
    pieces: Iterator[bytes],
    forms: dict[re.Pattern[bytes], str],
    each: Callable[[Any], Iterator[Any]],
) -> Iterator[Any]:
    """The studies of one part, an exception in place of one that cannot be read, None for a blank line.

    Parameters
    ----------
    pieces
        JSON as UTF-8.
    forms
        How a whole text may begin, and the place below which its values then come (as ijson names places).
    each
        The studies that one value holds.
    """
    start, everything = begun(pieces)
    start = start.lstrip()
    values: Iterator[Any] = iter(())
    if place := next((place for form, place in forms.items() if form.match(start)), None):
        values = _streamed(everything, place)
    elif _BY_NUMBER.match(start):
        values = _streamed(everything, "", by_key=True)
    else:
        rows = lines(everything)
        first = []
        while sum(map(bool, map(bytes.strip, first))) < 2 and (row := next(rows, None)) is not None:
            first.append(row)
        rows = itertools.chain(first, rows)
        if any(isinstance(_parsed(row), dict) for row in first):
            values = (_parsed(row) if row.strip() else None for row in rows)
        else:
            values = _streamed((row + b"\n" for row in rows), "")
    for value in values:
        yield from each(value)


def _streamed(pieces: Iterator[bytes], place: str, *, by_key: bool = False) -> Iterator[Any]:
    """The values at a place of a JSON text (or those of an object there), up to where it breaks off."""
    text, number = ijson.from_iter(recoded(pieces, mark=b'"')), 0
    parse = ijson.kvitems if by_key else ijson.items
    try:
        for number, value in enumerate(parse(text, place, use_float=True, multiple_values=True), start=1):  # noqa: B007
            yield value[1] if by_key else value
    except ijson.JSONError as error:
        cause = " ".join(str(error).split()).split(" (right here)")[0][
            :200
        ]  # whose arrow points into lines that are gone
        read = f"the {number} before it were read" if number else "none was read"
        where = f"{cause}, in record {number + 1}; {read}. Download or export the file again."
        yield not_whole("not valid JSON from here on", where)


@lru_cache(maxsize=1 << 12)
def constant_words(constant: str | None) -> str | None:
    """An API constant as words: ``NOT_YET_RECRUITING`` becomes "Not yet recruiting"."""
    return plain_text(constant.replace("_", " ").capitalize()) if constant else None


@lru_cache(maxsize=1 << 12)
def phases_of_constant(constant: str) -> list[str]:
    """An API constant of a phase, or the words of the former site, as phases: ``PHASE2`` becomes "Phase 2", ``NA`` "Not Applicable"."""
    if constant.upper() in ("NA", "N/A", "NOT APPLICABLE"):
        return ["Not Applicable"]
    if constant == "EARLY_PHASE1":
        return ["Early Phase 1"]
    return phase_names(constant.replace("PHASE", "Phase "))


def phases_of(constants: list[str] | None) -> str | None:
    """The phases of several constants as one cell."""
    return _phases_of(tuple(listed(constants)))


@lru_cache(maxsize=1 << 12)
def _phases_of(constants: tuple[str, ...]) -> str | None:
    return join_multi(dict.fromkeys(phase for constant in constants for phase in phases_of_constant(constant)))


def unescaped(value: Any) -> Any:
    """A text of the registry as its site shows it: the API gives Markdown, in which ``\\*`` and ``\\>`` stand for * and >.

    Examples
    --------
    >>> unescaped("2.0\\\\*10^8, \\\\>= 5 \\\\~ 10")
    '2.0*10^8, >= 5 ~ 10'
    """
    return _ESCAPED.sub(r"\1", value) if isinstance(value, str) and "\\" in value else value


_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def site_text(value: Any) -> str | None:
    """A text of the registry as one line of plain text, as its site shows it."""
    text = plain_text(value)
    return plain_text(unescaped(value)) if text and "\\" in text else text


def site_texts(values: list[Any] | None) -> str | None:
    """Several texts of the registry as one cell of such plain texts, each once."""
    cell = several(listed(values))
    return several(map(unescaped, listed(values))) if cell and "\\" in cell else cell


def _each_intervention(given: list[dict] | None) -> list[str]:
    return [_named(constant_words(one.get("type")), one.get("name")) for one in listed(given)]


def _each_arm(given: list[dict] | None) -> list[str]:
    return [_named(one.get("label"), one.get("description")) for one in listed(given)]


def _interventions(given: list[dict] | None) -> str | None:
    return site_texts(_each_intervention(given))


def _arms(given: list[dict] | None) -> str | None:
    return site_texts(_each_arm(given))


def _publications(given: list[dict] | None) -> str | None:
    ours = [one for one in listed(given) if one.get("pmid") and one.get("type") in ("RESULT", "DERIVED")]
    return join_multi(f"PMID {one['pmid']}" for one in ours)


def _named(kind: Any, name: Any) -> str:
    return f"{kind}: {name}" if kind and name else str(kind or name or "")


def _each_country(given: list[dict] | None) -> list[str]:
    return [one.get("country") for one in listed(given)]


def _countries(given: list[dict] | None) -> str | None:
    return several(_each_country(given))


def _flag(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


COLUMNS = {
    "brief_title": ("identificationModule.briefTitle", site_text),
    "official_title": ("identificationModule.officialTitle", site_text),
    "acronym": "identificationModule.acronym",
    "status": ("statusModule.overallStatus", constant_words),
    "study_type": ("designModule.studyType", constant_words),
    "phases": ("designModule.phases", phases_of),
    "allocation": ("designModule.designInfo.allocation", constant_words),
    "intervention_model": ("designModule.designInfo.interventionModel", constant_words),
    "masking": ("designModule.designInfo.maskingInfo.masking", constant_words),
    "primary_purpose": ("designModule.designInfo.primaryPurpose", constant_words),
    "enrolment": ("designModule.enrollmentInfo.count", count),
    "enrolment_type": ("designModule.enrollmentInfo.type", constant_words),
    "conditions": ("conditionsModule.conditions", site_texts),
    "keywords": ("conditionsModule.keywords", site_texts),
    "interventions": ("armsInterventionsModule.interventions", _interventions),
    "arms": ("armsInterventionsModule.armGroups", _arms),
    "sponsor": "sponsorCollaboratorsModule.leadSponsor.name",
    "countries": ("contactsLocationsModule.locations", _countries),
    "publications": ("referencesModule.references", _publications),
}
_SEVERAL = {site_texts: listed, _interventions: _each_intervention, _arms: _each_arm, _countries: _each_country}
_OF_STUDY = {"results_posted": ("hasResults", _flag)}
DATES = {
    "registered_text": ["statusModule.studyFirstPostDateStruct.date"],
    "first_submitted": ["statusModule.studyFirstSubmitDate"],
    "start_date": ["statusModule.startDateStruct.date"],
    "completion_date": ["statusModule.completionDateStruct.date"],
    "last_update": ["statusModule.lastUpdatePostDateStruct.date"],
}

TEXTS = {
    "summary": ("descriptionModule.briefSummary", site_text),
    "eligibility": ("eligibilityModule.eligibilityCriteria", site_text),
}


def record(study: Any, *, snapshot: str) -> dict[str, Any]:
    """A study as a row of table ``records``; ValueError or KeyError where it cannot be one."""
    if not isinstance(study, dict) or "protocolSection" not in study:
        raise ValueError("not a study of the API v2 (no protocolSection)")
    row = Places(study["protocolSection"])
    own = identity(row.get("identificationModule.nctId"), registry="ClinicalTrials.gov", column="nctId")
    return {
        **own,
        **cells(row, COLUMNS),
        **cells(study, _OF_STUDY),
        **dates(row, DATES),
        "secondary_trns": other_numbers(row, _SECONDARY, _ORGANISATION, besides=own["trn"]),
        "source_urls": f"https://clinicaltrials.gov/study/{own['trn']}",
        "snapshot": snapshot,
    }


def columns_of(studies: list[Any], *, snapshot: str) -> Columns:
    """What ``record`` gives of each of some studies, as columns; an error of ``record`` where one of them is to be read by itself."""
    row: Columns = {}
    _gather([study["protocolSection"] for study in studies], _READ, row)
    numbers = row[_NUMBER]
    if not all(map(_NCT.fullmatch, numbers)):
        raise ValueError("a study whose number is no plain one")
    place, field = _SECONDARY
    others = [[*(one.get(field) for one in listed(given)), own] for given, own in zip(row[place], row[_ORGANISATION])]
    return {
        "trn": numbers,
        "trn_kind": ["number"] * len(numbers),
        "registry": ["ClinicalTrials.gov"] * len(numbers),
        **{name: _column(row[place], read) for name, (place, read) in _READ_AS.items()},
        **{name: column_of([study.get(place) for study in studies], read) for name, (place, read) in _OF_STUDY.items()},
        **{name: column_of_dates(row[place]) for name, [place] in DATES.items()},
        "secondary_trns": [secondary_numbers(texts, besides=number) for texts, number in zip(others, numbers)],
        "source_urls": [f"https://clinicaltrials.gov/study/{number}" for number in numbers],
        "snapshot": [snapshot] * len(numbers),
    }


def _column(values: list[Any], read: Callable[[Any], Any]) -> list[Any]:
    if read in (plain_text, site_text):
        return column_of(values, read, values)
    if texts := _SEVERAL.get(read):
        return column_of(values, read, [value if value is None else if_plain(texts(value)) for value in values])
    return column_of(values, read)


def number_and_words(study: Any) -> tuple[str, str]:
    """Its number, and the words that a query reads of a study, as they stand there; the errors are those of ``record``."""
    row = Places(study["protocolSection"])
    own = identity(row.get("identificationModule.nctId"), registry="ClinicalTrials.gov", column="nctId")
    return own["trn"], words_of(row, COLUMNS)


def texts(study: Any) -> dict[str, str | None]:
    """What a study says at length, as a row of table ``summaries``; the errors are those of ``record``."""
    row = Places(study["protocolSection"])
    own = identity(row.get("identificationModule.nctId"), registry="ClinicalTrials.gov", column="nctId")
    return {"trn": own["trn"], **cells(row, TEXTS)}


_SECONDARY = ("identificationModule.secondaryIdInfos", "id")
_ORGANISATION = "identificationModule.orgStudyIdInfo.id"


def other_numbers(row: Row, secondary: tuple[str, str], own: str, *, besides: str) -> str | Unread | None:
    """The other registration numbers of a study: those of a list (its place, and the field of each), and the organisation's own."""
    place, field = secondary
    try:
        return secondary_numbers([*(one.get(field) for one in listed(row.get(place))), row.get(own)], besides=besides)
    except (ValueError, AttributeError) as error:
        return Unread("", f"{place}: {error}")


class _Tree(NamedTuple):
    """What is read of an object: the places that its keys are, and what is read of the objects below others."""

    places: dict[str, str]
    below: dict[str, "_Tree"]


def tree_of(places: Iterable[str]) -> _Tree:
    """Places, each a path of keys joined by ``.``, as one tree."""
    tree = _Tree({}, {})
    for place in places:
        *above, last = place.split(".")
        node = tree
        for key in above:
            node = node.below.setdefault(key, _Tree({}, {}))
        node.places[last] = place
    return tree


def _gather(objects: list[dict], tree: _Tree, found: Columns) -> None:
    """What some objects hold at the places of a tree, as columns; AttributeError where one of those on the way is no object."""
    for key, place in tree.places.items():
        found[place] = [one.get(key) for one in objects]
    for key, below in tree.below.items():
        _gather([_NOTHING if (value := one.get(key)) is None else value for one in objects], below, found)


_NOTHING: dict = {}


class Places:
    """A part of a study whose values are asked for by their place: ``identificationModule.briefTitle``."""

    def __init__(self, section: dict[str, Any]) -> None:
        self._section = section

    def get(self, place: str) -> Any:
        """The value at a place, None where there is none; ValueError where what should hold it is no object."""
        value: Any = self._section
        try:
            for key in _keys(place):
                value = value.get(key)
                if value is None:
                    return None
        except AttributeError:
            raise ValueError(f"what should hold '{key}' of {place} is no object") from None
        return value


@cache
def _keys(place: str) -> list[str]:
    return place.split(".")


_NUMBER, _NCT = "identificationModule.nctId", re.compile("NCT[0-9]{8}")
_READ_AS = {name: (as_is, plain_text) if isinstance(as_is, str) else as_is for name, as_is in COLUMNS.items()}
_READ = tree_of(
    [
        _NUMBER,
        *(place for place, _ in _READ_AS.values()),
        *(place for [place] in DATES.values()),
        _SECONDARY[0],
        _ORGANISATION,
    ]
)
