"""What every reader needs: parting records from rejects, opening packed files, plain text, days, phases."""

import csv
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import ftfy
import pandas as pd

from evlib.errors import InputError
from evlib.identifiers import registration_numbers
from evlib.schema import checked

MAX_MEMBER = 512 * 1024 * 1024  # bytes that one packed file may unpack to

_DAY_STYLES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y%m%d", "%B %d, %Y", "%d %B %Y", "%d/%m/%Y")
_MONTH_STYLES = ("%Y-%m", "%B %Y")


def collected(
    items: Iterable[tuple[int, Any]], record: Callable[[Any], dict[str, Any]], *, file: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records that ``record`` makes of the items, and the items of which it cannot.

    Parameters
    ----------
    items
        Pairs of a line (or running) number and what stands there. An exception in place of an item is a reject.
    record
        Makes one row of table ``records`` or raises ValueError, TypeError, KeyError or AttributeError.
    file
        Where the items come from, for the rejects.

    Returns
    -------
    records, rejects
        Tables ``records`` and ``rejects``; items = records + rejects. Of a number that comes twice the first record is
        kept; the later one is a reject that names the fields in which they differ.

    Raises
    ------
    InputError
        Where no item makes a record.
    """
    file = Path(file)
    good: dict[str, dict[str, Any]] = {}
    bad: list[dict[str, Any]] = []
    for line, item in items:
        try:
            if isinstance(item, Exception):
                raise ValueError(str(item))
            row = record(item)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            bad.append({"file": file.name, "line": line, "trn": _claimed_number(item), "reason": _reason(error)})
            continue
        first = good.setdefault(row["trn"], row)
        if first is not row:
            differing = [key for key in row if row[key] != first[key]]
            conflict = f"and differs in: {', '.join(differing)}" if differing else "with the same facts"
            reason = f"registration number given before {conflict}. The first record is kept; correct or remove one."
            bad.append({"file": file.name, "line": line, "trn": row["trn"], "reason": reason})
    if not good:
        first_reason = bad[0]["reason"] if bad else "the file is empty."
        raise InputError(f"{file}: no usable record in {len(bad)} rows. First reason: {first_reason}")
    rejects = pd.DataFrame(bad, columns=["file", "line", "trn", "reason"])
    return checked(pd.DataFrame(list(good.values())), "records", source=str(file)), checked(rejects, "rejects")


def unpacked(path: str | Path) -> Iterator[tuple[str, bytes, str | None]]:
    """What a file holds: name, bytes, and what went wrong while unpacking (None where nothing did).

    gzip and zip are recognised by their content. Nothing is written anywhere. Of a truncated file, what could be
    unpacked comes with the complaint, so that its good records are kept.

    Raises
    ------
    InputError
        Where the file cannot be read.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    if data[:2] == b"\x1f\x8b":
        yield path.name, *_gunzipped(data)
    elif data[:4] == b"PK\x03\x04":
        yield from _members(path, data)
    else:
        yield path.name, data, None


def csv_rows(path: str | Path, *, needs: set[str]) -> Iterator[tuple[int, Any]]:
    """The rows of a CSV file (also in gzip or zip) by column name, each with its number; the header is row 1.

    A row with too few or too many cells, a member without a needed column, and what cannot be read on come as an
    exception, for ``collected`` to set aside.
    """
    number = 1
    for name, data, complaint in unpacked(path):
        text = data.replace(b"\0", b"").decode("utf-8-sig", errors="replace")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = next(reader, [])
            missing = sorted(needs - set(header))
            if missing:
                yield number, ValueError(f"{name}: the column '{missing[0]}' is missing; not the export it looks like")
                continue
            for cells in reader:
                number += 1
                if len(cells) == len(header):
                    yield number, dict(zip(header, cells))
                else:
                    complaint_of_row = (
                        f"{len(cells)} cells where the header has {len(header)}; the row is cut off or shifted"
                    )
                    yield number, ValueError(complaint_of_row)
        except csv.Error as error:
            number += 1
            yield number, ValueError(f"{name}: not readable as CSV from here on ({error})")
        if complaint:
            number += 1
            yield number, ValueError(f"{name}: {complaint}")


def plain_text(value: Any) -> str | None:
    """A value as one line of plain text, its encoding repaired and HTML left out; None where nothing remains."""
    if value is None:
        return None
    text = ftfy.fix_encoding(str(value).replace("_x000D_", " "))
    text = html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", " ", text))
    return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", text).split()) or None


def day_or_month(text: str | None) -> str | None:
    """A date as YYYY-MM-DD or, where only the month is given, YYYY-MM; None where it is empty or in no known style.

    Day/month/year with slashes is read in this order, as WHO ICTRP writes it.
    """
    text = (text or "").strip()
    for styles, form in ((_DAY_STYLES, "%Y-%m-%d"), (_MONTH_STYLES, "%Y-%m")):
        for style in styles:
            try:
                return datetime.strptime(text, style).strftime(form)  # noqa: DTZ007 (a calendar day has no time zone)
            except ValueError:
                continue
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


def _gunzipped(data: bytes) -> tuple[bytes, str | None]:
    """What a gzip file unpacks to, as far as it is whole, and the complaint where it is not."""
    whole, unpacker, ended = bytearray(), zlib.decompressobj(wbits=31), False
    for start in range(0, len(data), 1 << 16):
        piece = data[start : start + (1 << 16)]
        try:
            while piece:
                whole += unpacker.decompress(piece, MAX_MEMBER - len(whole) + 1)
                if len(whole) > MAX_MEMBER:
                    return bytes(whole[:MAX_MEMBER]), f"unpacks to more than {MAX_MEMBER} bytes; the rest was not read"
                ended, piece = unpacker.eof, unpacker.unconsumed_tail or unpacker.unused_data
                if ended:  # another member may follow
                    unpacker = zlib.decompressobj(wbits=31)
        except zlib.error as error:
            return bytes(whole), f"the gzip file is broken ({error}). Download it again."
    return bytes(whole), None if ended else "the gzip file is cut off. Download it again."


def _members(path: Path, data: bytes) -> Iterator[tuple[str, bytes, str | None]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: the zip file is broken or cut off ({error}). Download it again.") from error
    for member in archive.infolist():
        if member.is_dir():
            continue
        if member.file_size > MAX_MEMBER:
            yield member.filename, b"", f"unpacks to more than {MAX_MEMBER} bytes and was not read"
            continue
        try:
            yield member.filename, archive.read(member), None
        except (zipfile.BadZipFile, EOFError, OSError, zlib.error, RuntimeError, NotImplementedError) as error:
            yield member.filename, b"", f"cannot be unpacked ({error})"


def _claimed_number(item: Any) -> str | None:
    text = item if isinstance(item, str) else json.dumps(item, default=str) if isinstance(item, dict | list) else ""
    numbers = registration_numbers(text[:2000])
    return numbers[0] if numbers else None


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON ({error})"
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
