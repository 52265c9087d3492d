"""A new review: a folder of its own with a protocol to fill in, beside the first review."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from evlib.base.errors import NOT_WHOLE, InputError
from evlib.base.files import files_of, today, write_text
from evlib.base.paths import repository
from evlib.base.protocol import load_protocol
from evlib.base.rawdata import PACKAGE, exports_of, seal
from evlib.base.words import several
from evlib.ingest.retrieval import BASES, day_and_basis

TEMPLATE = Path(__file__).with_name("review_template")
_SEARCH_DATE = {
    True: "# Records registered after this day do not count: the day of the export. Any run can name another: SEARCH_DATE=",
    False: "# FILL IN: records registered after this day do not count; not later than the export. Any run can name another: "
    "SEARCH_DATE=",
}
# Fields of its records that show the day of an export which says none; the newest day counts.
_STATED = {
    "last_update": "the last update among its records",
    "registered_text": "the last registration among its records",
    "first_submitted": "the last submission among its records",
}
_TO_REPLACE = re.compile(r"\bthe (?:intervention|condition)\b|\bname of the ")  # what the template says of any topic


def new_review(
    root: Path,
    name: str,
    *,
    records: Path | None = None,
    retrieved: str | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Make ``reviews/<name>`` with a protocol to fill in, a short book and places for exports and decisions; returns the folder.

    Parameters
    ----------
    name
        Of the folder: lower-case letters, digits and hyphens.
    records
        A registry's export, or a folder of exports, to copy into the review; their checksums go into its data package.
    retrieved
        The day of the exports whose rows state none, YYYY-MM-DD; where None, that of each by ``evlib.ingest.retrieval``,
        and before the day of a file's last change the newest that its records show. It names their folder, and the earliest
        is the search date.

    Raises
    ------
    InputError
        Where the name does not fit, the folder is there already, or an export is missing or in no known format.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise InputError(f"'{name}' is no name for a review. Use a-z, digits and hyphens, for example statins-sepsis.")
    home = repository(root)
    target = home / "reviews" / name
    if target.exists():
        raise InputError(f"{target} is there already. Choose another name, or remove the folder.")
    exports = exports_of(records) if records else []
    if records and not exports:
        raise InputError(f"{records} is not there or is empty. Name a registry's export, or a folder of exports.")
    days = {export: _day_and_source(export, retrieved, say) for export in exports}
    words = {
        "NAME": name,
        "TITLE": f"Clinical trials: {name.replace('-', ' ')}",
        "SEARCHED": _SEARCH_DATE[bool(days)],
        "DATE": min((day for day, _ in days.values()), default=today()),
    }
    staging = target.with_name(f".{name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    for source in files_of(TEMPLATE):
        text = source.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        write_text(staging / source.relative_to(TEMPLATE), text)
    raw, resources = staging / "data" / "raw", []
    for number, (export, (day, source)) in enumerate(days.items(), 1):
        place = raw / "exports" / day / export.name
        if place.exists():  # one of the same name, from another folder
            place = place.with_name(f"{number}-{export.name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(export, place)
        resources.append({"name": f"export-{number}", "path": place.relative_to(raw).as_posix(), "hash": ""})
        say(f"{export.name} counts as of {day}, {source}.")
    package = {"name": f"{name}-raw", "title": words["TITLE"], "resources": resources}
    write_text(raw / PACKAGE, json.dumps(package, indent=1, ensure_ascii=False) + "\n")
    seal(raw)
    staging.rename(target)
    return target


def _read(export: Path, say: Callable[[str], None]) -> tuple[str, str] | None:
    """The newest day that the records of an export show, and what kind of day it is; None where they show none.

    Says what of the file could not be read. InputError where no reader recognises it or it holds no usable record.
    """
    from evlib.ingest.registries import format_of, losses, stream

    format_of(export)
    registries = list(load_protocol(repository(Path(__file__)) / "protocol.yml")["registries"])
    now, newest, n, lost, aside = today(), dict.fromkeys(_STATED, ""), 0, [], []
    for part in stream([export], retrieved=now, registries=registries, processes=os.cpu_count() or 1):
        n, lost = n + len(part.records), lost + losses(part.rejects)
        one_by_one = part.rejects.line.notna() & ~part.rejects.reason.str.startswith(NOT_WHOLE)
        aside += list(part.rejects[one_by_one][["line", "reason"]].itertuples(index=False))
        for field in _STATED:
            days = [day for day in part.records[field].dropna() if len(day) == len(now) and day <= now]
            newest[field] = max([newest[field], *days])
    if not n:
        raise InputError(f"{export}: no usable record in it. {'; '.join(lost)}")
    for reason in lost:
        say(f"MIND: {reason}")
    if aside:
        say(
            f"MIND: {export.name}: {several(len(aside), 'row')} set aside, which a run lists in rejects.csv; "
            f"the first, line {aside[0].line}: {aside[0].reason}"
        )
    if lost:
        say(f"MIND: {export.name} is not whole, so that its day below may be that of the records that are left of it.")
    field = max(newest, key=newest.__getitem__)
    return (newest[field], _STATED[field]) if newest[field] else None


def _day_and_source(export: Path, retrieved: str | None, say: Callable[[str], None]) -> tuple[str, str]:
    shown = _read(export, say)
    day, basis = day_and_basis(export)
    if basis == "rows":
        return day, BASES[basis]
    if retrieved:
        return retrieved, "as you say"
    return (shown if basis == "change" else None) or (day, BASES[basis])


def left_as_in_template(protocol: dict) -> list[str]:
    """The places of a protocol that still hold the words of the template: ``question``, ``screening.words.condition``."""
    template = re.sub(r"@[A-Z]+@", "#", (TEMPLATE / "protocol.yml").read_text(encoding="utf-8"))

    def same(one: Any, other: Any, place: str) -> Iterator[str]:
        if isinstance(one, dict) and isinstance(other, dict):
            for key in one.keys() & other.keys():
                yield from same(one[key], other[key], f"{place}.{key}")
        elif one == other and _TO_REPLACE.search(str(one)):
            yield place.removeprefix(".")

    return sorted(same(protocol, yaml.safe_load(template), ""))
