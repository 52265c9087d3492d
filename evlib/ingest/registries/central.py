"""Cochrane CENTRAL (and the Register of Studies): references as RIS, text or CSV, for the trials that they name.

A reference has a title, keywords and where it was published; dates, phases, sponsor and countries of the trial stay missing.
The number is looked for in all of its fields; of several numbers the first is the record's, and the others stay with it.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evlib.base.identifiers import registration_numbers, registry_of
from evlib.base.reading.ris import Reference, holds_references, references
from evlib.base.schema import join_multi
from evlib.ingest.registries.common import csv_export, plain_text
from evlib.ingest.registries.unpack import BrokenFileError, header_of, heads, lines, not_whole, opened, text_of

NAME = "Cochrane CENTRAL"
_ACCESSION = re.compile(r"\bCN-\d{8}\b")
# The library's text: "Record #1 of 12", then its fields, "TI: ...".
_HEADING = re.compile(r"\s*Record #(\d+) of (\d+)\s*")
_HEADING_WITHIN = re.compile(r"(?:^|[\r\n])[^\S\r\n]*Record #\d+ of \d+[^\S\r\n]*[\r\n]+ID: ")
_FIELD = re.compile(r"([A-Z][A-Z0-9]): ?(.*)")
_NAMES = {"TI": "title", "KY": "keywords", "US": "urls"}

_, _rows_of_table = csv_export("Title")


def recognises(start: bytes) -> bool:
    """Whether the first bytes of a plain file look like RIS or the library's text, or like a table with its accession numbers."""
    columns, text = header_of(start)[0], text_of(start)
    is_table = "Title" in columns and "NCT Number" not in columns and _ACCESSION.search(text) is not None
    return is_table or _is_text(text)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The references of a file, one at a time, each with the number of its first line (CSV: of its row)."""
    if not _is_text(text_of(next(heads(path), b""))):
        yield from _rows_of_table(path)
        return
    for name, pieces in opened(path):
        number = 0

        def texts(pieces: Iterable[bytes] = pieces) -> Iterator[str]:
            nonlocal number
            for line in lines(pieces):
                for text in text_of(line).split("\r"):  # the one mark of a line's end in some files
                    number += 1
                    yield text

        try:
            yield from _told_apart(texts())
        except BrokenFileError as error:
            yield number + 1, not_whole(name, error)


def record(reference: dict[str, Any], *, snapshot: str) -> dict[str, Any]:
    """A reference as a row of table ``records``; ValueError where it names no trial.

    ``note`` says so where it names several trials of one registry: then which one it is about is not known.
    """
    fields = {name: _texts(value) for name, value in reference.items()}
    whole = "\n".join(text for texts in fields.values() for text in texts)
    numbers = registration_numbers(whole)
    if not numbers:
        raise ValueError("no registration number in its fields.")
    owners = [registry_of(number) for number in numbers]
    named = f"the reference names several trials: {', '.join(numbers)}"
    accession = _ACCESSION.search(whole)
    return {
        "trn": numbers[0],
        "trn_kind": "number",
        "registry": owners[0],
        "secondary_trns": join_multi(numbers[1:]),
        "brief_title": plain_text(_first(fields, "title", "primary_title", "Title")),
        "keywords": join_multi(map(plain_text, fields.get("keywords") or fields.get("Keywords") or [])),
        "publications": f"Cochrane CENTRAL {accession[0]}" if accession else None,
        "source_urls": plain_text((_first(fields, "urls", "URL") or "").split(";")[0]),
        "snapshot": snapshot,
        **({"note": named} if len(set(owners)) < len(owners) else {}),
    }


def _is_text(text: str) -> bool:
    return not text.lstrip().startswith(("<", "{", "[")) and (
        holds_references(text) or _HEADING_WITHIN.search(text) is not None
    )


def _told_apart(texts: Iterator[str]) -> Iterator[tuple[int, Reference | ValueError]]:
    """The references in lines of RIS or, where a heading comes before any TY, of the library's text."""
    before: list[str] = []
    for text in texts:
        before.append(text)
        if _HEADING.fullmatch(text):
            yield from _of_library(text, enumerate(texts, start=len(before) + 1), first=len(before))
            return
        if holds_references(text):
            break
    yield from references(itertools.chain(before, texts))


def _of_library(
    heading: str, texts: Iterator[tuple[int, str]], *, first: int
) -> Iterator[tuple[int, Reference | ValueError]]:
    """The references of the library's text from its first heading on; where fewer follow than it says, a ValueError for the
    rest."""
    fields: Reference = {}
    name = ""
    for number, text in texts:
        if _HEADING.fullmatch(text):
            yield first, fields
            heading, first, fields, name = text, number, {}, ""
        elif field := _FIELD.match(text):
            name = _NAMES.get(field[1], field[1])
            fields.setdefault(name, []).append(field[2])
        elif name:
            fields[name][-1] += f" {text.strip()}"
    yield first, fields
    place, of = map(int, re.findall(r"\d+", heading))
    if place < of:
        yield first, not_whole("the file ends early", f"its last reference is {place} of {of}. Export it again.")


def _texts(value: Any) -> list[str]:
    """The texts of a field, which may hold one text, a list or a dictionary of texts."""
    if isinstance(value, dict):
        value = list(value.values())
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else [str(value)]


def _first(fields: dict[str, list[str]], *names: str) -> str | None:
    return next((fields[name][0] for name in names if fields.get(name)), None)
