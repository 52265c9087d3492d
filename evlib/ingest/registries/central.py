"""Cochrane CENTRAL (and the Register of Studies): references as RIS or CSV, for the trials that they name.

A reference has a title, keywords and where it was published; dates, phases, sponsor and countries of the trial stay missing.
The number is looked for in all of its fields; of numbers of several registries the first is the record's.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rispy

from evlib.base.identifiers import registration_numbers, registry_of
from evlib.base.schema import join_multi
from evlib.ingest.registries.common import csv_export, plain_text
from evlib.ingest.registries.unpack import BrokenFileError, header_of, heads, lines, not_whole, opened, text_of

NAME = "Cochrane CENTRAL"
_RIS = re.compile(rb"TY\s*-")
_ACCESSION = re.compile(r"\bCN-\d{8}\b")
_LONGEST = 20_000  # lines of one reference

_, _rows_of_table = csv_export("Title")


def recognises(start: bytes) -> bool:
    """Whether the first bytes of a plain file look like RIS, or like a table with CENTRAL's accession numbers."""
    columns = header_of(start)[0]
    is_table = "Title" in columns and "NCT Number" not in columns and _ACCESSION.search(text_of(start)) is not None
    return is_table or _RIS.match(start) is not None


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The references of a file, one at a time, each with the number of its first line (CSV: of its row)."""
    if not _RIS.match(next(heads(path), b"")):
        yield from _rows_of_table(path)
        return
    for name, pieces in opened(path):
        number = 0
        begun: list[str] = []
        try:
            for number, text in enumerate(map(text_of, lines(pieces)), start=1):
                if text.strip():
                    begun.append(text)
                if re.match(r"ER\s*-", text):
                    yield number - len(begun) + 1, _reference(begun)
                    begun = []
                elif len(begun) > _LONGEST:
                    yield number, ValueError(f"no end (ER) after {_LONGEST} lines; not RIS")
                    begun = []
            if begun:
                yield number - len(begun) + 1, ValueError("the reference is cut off (no ER at its end)")
        except BrokenFileError as error:
            yield number + 1, not_whole(name, error)


def record(reference: dict[str, Any], *, snapshot: str) -> dict[str, Any]:
    """A reference as a row of table ``records``; ValueError where it names no trial, or several of one registry."""
    fields = {name: _texts(value) for name, value in reference.items()}
    whole = "\n".join(text for texts in fields.values() for text in texts)
    numbers = registration_numbers(whole)
    if not numbers:
        raise ValueError("no registration number in its fields.")
    owners = [registry_of(number) for number in numbers]
    if len(set(owners)) < len(owners):
        raise ValueError(f"names several trials of one registry: {', '.join(numbers)}.")
    accession = _ACCESSION.search(whole)
    return {
        "trn": numbers[0],
        "trn_kind": "number",
        "registry": owners[0],
        "secondary_trns": join_multi(numbers[1:]),
        "brief_title": plain_text(_first(fields, "title", "primary_title", "Title")),
        "keywords": join_multi(map(plain_text, fields.get("keywords") or fields.get("Keywords") or [])),
        "publications": f"Cochrane CENTRAL {accession[0]}" if accession else None,
        "source_urls": plain_text(_first(fields, "url", "urls", "URL")),
        "snapshot": snapshot,
    }


def _reference(texts: list[str]) -> dict[str, Any] | Exception:
    try:
        return rispy.loads("\n".join(texts))[0]
    except (ValueError, KeyError, IndexError, OSError) as error:
        return ValueError(f"not readable as RIS ({error})")


def _texts(value: Any) -> list[str]:
    """The texts of a field, which may hold one text, a list or a dictionary of texts."""
    if isinstance(value, dict):
        value = list(value.values())
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else [str(value)]


def _first(fields: dict[str, list[str]], *names: str) -> str | None:
    return next((fields[name][0] for name in names if fields.get(name)), None)
