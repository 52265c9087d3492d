"""What every reader needs: parting records from rejects, plain text, days, phases."""

import html
import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import ftfy
import pandas as pd

from evlib.base.errors import InputError
from evlib.base.identifiers import registration_numbers
from evlib.base.schema import checked, columns

CHUNK = 10_000  # items that are held at a time
MAX_TEXT = 1_000_000  # characters of one field; the longest that registries have are far below

_DAY_STYLES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y%m%d", "%B %d, %Y", "%d %B %Y", "%d/%m/%Y", "%Y/%m/%d")
_MONTH_STYLES = ("%Y-%m", "%B %Y")
_NOT_LATER = ("registered_text", "first_submitted", "last_update")  # days that lie before the retrieval
_COMPARED = [name for name in columns("records") if name != "snapshot"]
_MISSING = hash(None)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Items = Iterable[tuple[int, Any]]
Seen = dict[str, tuple[str, array]]


def collected(
    items: Items, record: Callable[[Any], dict[str, Any]], *, file: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records that ``record`` makes of the items, and the items of which it cannot, each as one table.

    Parameters and tables are those of ``batches``; items = records + rejects.

    Raises
    ------
    InputError
        Where no item makes a record.
    """
    parts = list(batches(items, record, file=file, seen={}))
    records, rejects = (pd.concat(tables, ignore_index=True) for tables in zip(*parts))
    if records.empty:
        first_reason = rejects.reason[0] if len(rejects) else "the file is empty."
        raise InputError(f"{file}: no usable record in {len(rejects)} rows. First reason: {first_reason}")
    return records, rejects


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
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
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
            yield _tables(good, bad, file)
            good, bad = [], []
    yield _tables(good, bad, file)


def _tables(
    good: list[dict[str, Any]], bad: list[dict[str, Any]], file: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    records = pd.DataFrame(good, columns=None if good else ["trn", "trn_kind", "registry", "snapshot"])
    rejects = pd.DataFrame(bad, columns=["file", "line", "trn", "reason"])
    return checked(records, "records", source=str(file)), checked(rejects, "rejects")


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


@lru_cache(maxsize=1 << 16)
def day_or_month(text: str | None) -> str | None:
    """A date as YYYY-MM-DD or, where only the month is given, YYYY-MM; None where it is empty or in no known style.

    Day/month/year with slashes is read in this order, as WHO ICTRP writes it. A year before 1900 is of another
    calendar (the Iranian year 1399, say) and counts as no known style.
    """
    text = (text or "").strip()
    for styles, form in ((_DAY_STYLES, "%Y-%m-%d"), (_MONTH_STYLES, "%Y-%m")):
        for style in styles:
            try:
                day = datetime.strptime(text, style)  # noqa: DTZ007 (a calendar day has no time zone)
            except ValueError:
                continue
            return day.strftime(form) if day.year >= 1900 else None
    return None


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
    early = re.fullmatch(r"early[ _-]?phase ?(?:1|I)", text, re.IGNORECASE)
    if early:
        return ["Early Phase 1"]
    found = re.findall(r"\b(?:phase[ _-]*)?(IV|III|II|I|[0-4])\b", text, re.IGNORECASE)
    looks_like_phases = re.fullmatch(r"(?:(?:phase|and|to|[\s/,|+_-]|IV|III|II|I|[0-4])+)", text, re.IGNORECASE)
    if found and looks_like_phases:
        return [f"Phase {_ROMAN.get(numeral.upper(), numeral)}" for numeral in found]
    return [text] if text else []


_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4"}


def _check_days(row: dict[str, Any]) -> None:
    latest = day_after(row["snapshot"])
    for field in _NOT_LATER:
        day = row.get(field)
        if day is not None and day > latest:
            raise ValueError(f"{field} is {day}, after the day of retrieval ({row['snapshot']}).")


@lru_cache
def day_after(day: str) -> str:
    """The day that follows one: a registry east of here may be a day ahead."""
    return (datetime.fromisoformat(day) + timedelta(days=1)).strftime("%Y-%m-%d")


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
    numbers = registration_numbers(text[:2000])
    return numbers[0] if numbers else None


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON ({error})"
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error) or "nothing is known of why"
