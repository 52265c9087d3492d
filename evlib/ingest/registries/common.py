"""What readers share: records and rejects told apart, a row's cells under our names, plain text, phases.

A reader is a module of this folder that has a ``NAME``:

- ``recognises(head)``: whether the first bytes of a file (of each of its parts) are of this format;
- ``items(path)``: what the file holds, one at a time, each with its line, an exception in place of one that cannot be read;
- ``record(item, *, snapshot)``: the item as a row of table ``records`` (its columns are in ``evlib.base.schema``), or
  ValueError with the reason;
- ``texts(item)``, where the format has them: its summary and criteria of eligibility, as a row of table ``summaries``.

Where its rows state the day of their export, ``STATES_DAY_IN`` names their column.

For a CSV file ``csv_export`` gives the first two, and ``cells``, ``dates`` and ``identity`` the parts of the third. For
other files ``unpack.numbered`` gives the second.
"""

import html
import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ftfy
import pandas as pd

from evlib.base.dates import day_after, day_or_month
from evlib.base.identifiers import registration_numbers, registry_of
from evlib.base.schema import checked, columns, join_multi
from evlib.ingest.registries.unpack import csv_rows, header_of

CHUNK = 10_000  # items that are held at a time
MAX_TEXT = 1_000_000  # characters of one field; the longest that registries have are far below

_NOT_LATER = ("registered_text", "first_submitted", "last_update")  # days that lie before the retrieval
_COMPARED = [name for name in columns("records") if name != "snapshot"]
_MISSING = hash(None)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # and halves of a character, which no file can hold

Items = Iterable[tuple[int, Any]]
Seen = dict[str, tuple[str, array]]
Row = Mapping[str, Any]


def batches(
    items: Items, record: Callable[[Any], dict[str, Any]], *, file: str | Path, seen: Seen
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Records and rejects of ``CHUNK`` items at a time, so that a file of any size can be read; one at least.

    Parameters
    ----------
    items
        Pairs of a line (or running) number and what stands there. An exception in place of an item is a reject.
    record
        Makes one row of table ``records`` or raises ValueError, TypeError, KeyError or AttributeError.
    file
        Where the items come from, for the rejects.
    seen
        The registration numbers that were read, here and from earlier files; it is added to. Of a number that comes
        twice the first record is kept; the later one is a reject that names the fields in which they differ.
    """
    name = Path(file).name
    good, bad = [], []
    for line, item in items:
        try:
            if isinstance(item, Exception):
                raise ValueError(str(item))
            row = record(item)
            _check_days(row)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            bad.append({"file": name, "line": line, "trn": _claimed_number(item), "reason": _reason(error)})
        else:
            prints = array("q", [hash(row.get(field)) for field in _COMPARED])
            where, earlier = seen.setdefault(row["trn"], (name, prints))
            if earlier is prints:
                good.append(row)
            else:
                reason = _repeated(where, name, earlier, prints)
                bad.append({"file": name, "line": line, "trn": row["trn"], "reason": reason})
        if len(good) + len(bad) >= CHUNK:
            yield tables(good, bad, file)
            good, bad = [], []
    yield tables(good, bad, file)


def tables(good: list[dict], bad: list[dict], file: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables ``records`` and ``rejects`` of these rows of a file; of either there may be none."""
    records = pd.DataFrame(good, columns=None if good else ["trn", "trn_kind", "registry", "snapshot"])
    rejects = pd.DataFrame(bad, columns=["file", "line", "trn", "reason"])
    return checked(records, "records", source=str(file)), checked(rejects, "rejects")


def csv_export(
    *needed: str, repeated: Iterable[str] = ()
) -> tuple[Callable[[bytes], bool], Callable[[str | Path], Items]]:
    """``recognises`` and ``items`` of a reader of CSV files, recognised by the columns that they have.

    Parameters
    ----------
    needed
        Columns that every file of the form has, and no other form has together.
    repeated
        Columns that the form itself has twice, and that the reader does not use.
    """
    rows = partial(csv_rows, needs=needed, repeated=repeated)
    return lambda head: set(needed) <= set(header_of(head)[0]), rows


def identity(text: str, *, registry: str, column: str) -> dict[str, str]:
    """``trn, trn_kind, registry`` of a record whose registry issued its number; ValueError where the text, which stands
    under ``column``, does not hold one number of that registry."""
    numbers = registration_numbers(str(text or ""))
    if len(numbers) != 1 or registry_of(numbers[0]) != registry:
        raise ValueError(f"no {registry} number: {column} is {text!r}")
    return {"trn": numbers[0], "trn_kind": "number", "registry": registry}


def cells(row: Row, columns: Mapping[str, str | tuple[str, Callable[[Any], Any]]]) -> dict[str, Any]:
    """The row's cells under our names: each as plain text, or as the function beside its column's name makes it.

    Examples
    --------
    >>> cells({"Title": "A <b>trial</b>", "Size": "12"}, {"brief_title": "Title", "enrolment": ("Size", int)})
    {'brief_title': 'A trial', 'enrolment': 12}
    """
    return {
        ours: plain_text(row.get(theirs)) if isinstance(theirs, str) else theirs[1](row.get(theirs[0]))
        for ours, theirs in columns.items()
    }


def dates(row: Row, columns: Mapping[str, Sequence[str]]) -> dict[str, str | None]:
    """The row's dates under our names: of several columns, the first that holds a date.

    Where a column holds something that cannot be read as a date, ``note`` says so and names it.
    """
    read: dict[str, str | None] = {}
    unread = []
    for ours, theirs in columns.items():
        texts = {name: text for name in theirs if (text := (row.get(name) or "").strip())}
        read[ours] = next(filter(None, map(day_or_month, texts.values())), None)
        if read[ours] is None:
            unread += [f"{name} '{plain_text(text[:40])}'" for name, text in texts.items()]
    return read | ({"note": f"not read as a date: {', '.join(unread)}"} if unread else {})


def secondary_numbers(texts: Iterable[str | None], *, besides: str) -> str | None:
    """The registration numbers in the texts, each once, without the record's own."""
    numbers = (number for text in texts for number in registration_numbers(text or ""))
    return join_multi(dict.fromkeys(number for number in numbers if number != besides))


def several(values: Iterable[Any] | None) -> str | None:
    """Several values as one cell of plain texts, each once."""
    return join_multi(dict.fromkeys(filter(None, map(plain_text, values or ()))))


def yes_no(text: str | None) -> bool | None:
    """Whether a cell says yes; None where it says neither yes nor no."""
    return {"yes": True, "no": False}.get((text or "").strip().lower())


def phases(text: str | None) -> str | None:
    """The phases that a registry's words name, as one cell; see ``phase_names``."""
    return join_multi(phase_names(text))


def plain_text(value: Any) -> str | None:
    """A value as one line of plain text, its encoding repaired and HTML left out; None where nothing remains.

    Raises ValueError for a text longer than ``MAX_TEXT``.
    """
    if value is None:
        return None
    text = str(value)
    if len(text) > MAX_TEXT:
        raise ValueError(f"a field of {len(text)} characters ('{text[:20]}…'); no registry has one that long")
    text = text.replace("_x000D_", " ")
    if not text.isascii():
        text = ftfy.fix_encoding(text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    return " ".join((text if text.isprintable() else _CONTROL.sub(" ", text)).split()) or None


def phase_names(text: str | None) -> list[str]:
    """The phases that a registry's words name: "Phase 1", "Phase 2", …; other words are kept as they are.

    Sentences with yes and no ("Therapeutic exploratory (Phase II): yes") count where they say yes. A day in place of a
    phase is what a spreadsheet made of "1-2" or "2-3" (2 March for "2-3"), and is read back.
    """
    text = (text or "").strip()
    if damaged := re.fullmatch(r"20\d\d-0([1-4])-0([0-4])(?: 00:00:00)?", text):
        return [f"Phase {damaged[2]}", f"Phase {damaged[1]}"]
    asked = re.findall(r"\(Phase (IV|III|II|I)\)\s*:\s*(yes|no)", text, re.IGNORECASE)
    if asked:
        return [f"Phase {_ROMAN[numeral.upper()]}" for numeral, said in asked if said.lower() == "yes"]
    if re.fullmatch(r"early[ _-]?phase ?(?:1|I)", text, re.IGNORECASE):
        return ["Early Phase 1"]
    numerals = re.findall(r"\b(?:phase[ _-]*)?(IV|III|II|I|[0-4])\b", text, re.IGNORECASE)
    looks_like_phases = re.fullmatch(r"(?:(?:phase|and|to|[\s/,|+_-]|IV|III|II|I|[0-4])+)", text, re.IGNORECASE)
    if numerals and looks_like_phases:
        return [f"Phase {_ROMAN.get(numeral.upper(), numeral)}" for numeral in numerals]
    return [text] if text else []


_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4"}


def _check_days(row: dict[str, Any]) -> None:
    latest = day_after(row["snapshot"])
    for field in _NOT_LATER:
        day = row.get(field)
        if day is not None and day > latest:
            raise ValueError(f"{field} is {day}, after the day of retrieval ({row['snapshot']}).")


def _repeated(where: str, name: str, earlier: array, later: array) -> str:
    pairs = zip(_COMPARED, earlier, later)
    differing = [field for field, one, other in pairs if one != other and _MISSING not in (one, other)]
    conflict = f"and differs in: {', '.join(differing)}" if differing else "with the same facts"
    place = "" if where == name else f" in {where}"
    return f"registration number given before{place} {conflict}. The first record is kept."


def _claimed_number(item: Any) -> str | None:
    try:
        text = item if isinstance(item, str) else json.dumps(item, default=str) if isinstance(item, dict | list) else ""
    except (ValueError, TypeError, RecursionError):
        return None
    return next(iter(registration_numbers(text[:2000])), None)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON ({error})"
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error) or "nothing is known of why"
