"""WHO ICTRP: the CSV that the search portal exports. It carries the records of all primary registries."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from evlib.base.dates import day_after, day_or_month, has_two_readings, month_stands_first, order_shown
from evlib.base.identifiers import normalised, registry_of, trn_kind
from evlib.ingest.registries.common import (
    PART_OF,
    cells,
    count,
    csv_export,
    dates,
    dates_in_one_order,
    orders_of_dates,
    phases,
    plain_text,
    secondary_numbers,
    several,
    words_of,
    yes_no,
)
from evlib.ingest.registries.unpack import FileRemark

NAME = "WHO ICTRP CSV"
STATES_DAY_IN = "Export date"
NEEDED = ("TrialID", "Public title", "Source Register")

Rows = Callable[[], Iterator[tuple[int, Any]]]

recognises, _csv_items = csv_export(*NEEDED)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of an export, one at a time, each with its number, its days as ``days_read`` leaves them."""
    return days_read(lambda: _csv_items(path))


def days_read(rows: Rows) -> Iterator[tuple[int, Any]]:
    """The rows of one file, each with its dates in one order of day and month (the portal writes the day first), and *Export date*.

    An export cannot hold a later day than its own (but for one day, which a registry east of the portal is ahead), so the file itself
    tells how *Export date* is to be read, in one order for all of its rows: real exports say ``4/15/2020 4:11:24 PM``,
    ``06/09/2024 16:01:13``, and, of 6 July 2020, "2020-06-07 17:53:51", while registrations of 5 July stand in them. Where both orders
    remain, it is as written YYYY-MM-DD, and else the earlier of the two days, so that an old export never stands above a newer
    one; where none is possible, the day is dropped. A ``FileRemark`` says so.

    Parameters
    ----------
    rows
        Gives the rows from the beginning; it is called again where the order of dates or an *Export date* asks for it.
    """
    orders = orders_of_dates(rows, DATES, month_first=False)

    def in_order() -> Iterator[tuple[int, Any]]:
        return dates_in_one_order(rows, DATES, orders)

    days: dict[str, str] | None = None
    number, why = 0, ""
    for number, row in in_order():
        if isinstance(row, dict) and (written := (row.get(STATES_DAY_IN) or "").strip()):
            if days is None:
                days, why = _export_days(in_order())
            row = row | {STATES_DAY_IN: days.get(written, "")}
        yield number, row
    if why:
        yield number, FileRemark("day of export", STATES_DAY_IN, f"{STATES_DAY_IN}: {why}")


def _export_days(rows: Iterator[tuple[int, Any]]) -> tuple[dict[str, str], str]:
    """What each text under *Export date* means, by the one order of day and month in which no row is later; and what is in doubt."""
    latest: dict[str, str] = {}
    for _, row in rows:
        if isinstance(row, dict) and (written := (row.get(STATES_DAY_IN) or "").strip()):
            days = (day for day in dates(row, _NOT_AFTER_EXPORT).values() if isinstance(day, str))
            latest[written] = max(latest.get(written, ""), *days, "")
    possible = []
    for month_first in _orders_of_export(latest):
        days = {written: _read_as(written, month_first) for written in latest}
        if all(day and latest[written] <= day_after(day) for written, day in days.items()):
            possible.append(days)
    if not possible:
        return {}, f"'{next(iter(latest))}' is no day, or lies before days in the file; it was left out"
    if len(possible) == 1 or possible[0] == possible[1]:
        return possible[0], ""
    earlier = min(possible, key=lambda days: max(days.values()))
    return earlier, f"'{next(iter(latest))}' may have the day or the month first; the earlier day was taken"


def _orders_of_export(texts: Iterable[str]) -> tuple[bool | None, ...]:
    """Whether the month comes first under *Export date*, as far as the texts tell; else both, one after the other."""
    numeric = [text for text in texts if has_two_readings(text) or order_shown(text) is not None]
    if not numeric:
        return (None, True)  # as written; then swapped
    if (told := month_stands_first(numeric)) is not None:
        return (told,)
    return (False, True)


def _read_as(written: str, month_first: bool | None) -> str | None:
    """The day that a text means in an order; with None as it is written."""
    if match := re.match(r"(20\d\d)-(\d\d)-(\d\d)", written, re.ASCII):
        written = "-".join(match.group(1, 3, 2) if month_first else match.groups())
    day = day_or_month(written, month_first=bool(month_first))
    return day if day and len(day) == len("2021-04-15") else None


def target_size(text: str | None) -> int | None:
    """A target size: one number (see ``count``), or the sum of named groups ("treated:30;control:30;"), of which one may be their total.

    Raises ValueError for anything else.
    """
    try:
        return count(text)
    except ValueError:
        pass
    parts = [part for part in (plain_text(text) or "").split(";") if part.strip()]
    groups = [re.fullmatch(r"(.*?):\s*(\d{1,7}(?:\.0+)?)", part.strip(), re.ASCII) for part in parts]
    if not all(groups):
        raise ValueError("not a count, nor counts of named groups")
    sizes = [int(float(group[2])) for group in groups if group]
    totals = [size for group, size in zip(groups, sizes) if group and _TOTAL.search(group[1])]
    rest = sum(sizes) - sum(totals)
    if not totals or (len(totals) == 1 and rest in (0, totals[0])):
        return totals[0] if totals else rest
    raise ValueError("the groups do not add up to the total")


_TOTAL = re.compile(r"\b(?:total|overall|all|sum|gesamt)\b", re.IGNORECASE)


def _semicolons(cell: str | None) -> str | None:
    return several(_SEMICOLON.split(cell or ""))


_SEMICOLON = re.compile(r";|<br\s*/?>", re.IGNORECASE)


COLUMNS = {
    "brief_title": "Public title",
    "official_title": "Scientific title",
    "acronym": "Acronym",
    "status": "Recruitment Status",
    "study_type": "Study type",
    "phases": ("Phase", phases),
    "enrolment": ("Target size", target_size),
    "conditions": ("Condition", _semicolons),
    "interventions": ("Intervention", _semicolons),
    "sponsor": "Primary sponsor",
    "countries": ("Countries", _semicolons),
    "results_posted": ("results yes no", yes_no),
    "source_urls": "web address",
}
DATES = {
    "registered_text": ["Date registration3", "Date registration"],
    "start_date": ["Date enrollement"],
    "last_update": ["Last Refreshed on"],
}
_NOT_AFTER_EXPORT = {name: DATES[name] for name in ("registered_text", "last_update")}


def record(row: dict[str, str], *, snapshot: str) -> dict[str, Any]:
    """One row of the export, by column name, as a row of table ``records``; ValueError where it cannot be one.

    Its days are as ``days_read`` leaves them. Rows of the EU register, which lists a trial once for each country, are parts of one record.
    """
    trn = normalised(row["TrialID"])
    if not trn:
        raise ValueError("no registration number under 'TrialID'.")
    registry = registry_of(trn) or plain_text(row["Source Register"])
    if registry is None:
        raise ValueError(f"'{trn}' is no registration number that is known, and no registry is named.")
    texts = (row.get(field) for field in ("Secondary ID", "Secondary IDs"))
    return {
        "trn": trn,
        "trn_kind": trn_kind(trn),
        "registry": registry,
        **cells(row, COLUMNS),
        **design_parts(row.get("Study design")),
        **dates(row, DATES),
        "secondary_trns": secondary_numbers(texts, besides=trn),
        "snapshot": min(snapshot, row.get(STATES_DAY_IN) or snapshot),
        PART_OF: registry == "EUCTR" and row["TrialID"].strip() != trn,  # a country stands behind the number
    }


def number_and_words(row: dict[str, str]) -> tuple[str, str]:
    """Its number, and the words that a query reads of a row, as they stand there; ValueError where it has no known number or may be a part."""
    trn = normalised(row["TrialID"])
    if not trn or registry_of(trn) in (None, "EUCTR"):
        raise ValueError("to be read")
    return trn, words_of(row, COLUMNS)


# The names by which registries begin a part of the study design.
_DESIGN = {
    "allocation": r"Allocation|Randomi[sz]ation|Randomi[sz]ed",
    "intervention_model": r"Intervention model|Assignment",
    "masking": r"Blinding ?/ ?Masking|Blinding and masking|Masking|Blinding",
    "primary_purpose": r"Primary purpose|Study design purpose|Purpose",
}
_DESIGN_OTHERS = (
    r"Control\w*|Placebo|Type[\w ]*|Group|Open|Single blind|Double blind|Parallel group|Cross over|Other[\w ]*"
)
_DESIGN_NEXT = rf"(?=[.;,]*\s*(?:(?:{'|'.join(_DESIGN.values())}|{_DESIGN_OTHERS}|\w+ description)\s*:)|[.;]|$)"
_DESIGN_PARTS = {
    name: re.compile(rf"\b(?:{words})\s*:\s*(\S.*?){_DESIGN_NEXT}", re.IGNORECASE) for name, words in _DESIGN.items()
}
# The EU register asks for each in turn, with yes and no.
_DESIGN_ASKED = {
    "intervention_model": re.compile(r"\b(Parallel group|Cross over)\s*:\s*yes", re.IGNORECASE),
    "masking": re.compile(r"\b(Open|Single blind|Double blind)\s*:\s*yes", re.IGNORECASE),
}
_YES_NO = {"yes": "Randomized", "no": "Non-randomized"}
_BARE_MODELS = {"parallel", "single arm", "sequential", "factorial", "cross-over", "crossover"}


@lru_cache(maxsize=1 << 10)
def design_parts(text: str | None) -> dict[str, str | None]:
    """Allocation, intervention model, masking and primary purpose, as far as a study design names them.

    Registries write "Allocation: Randomized. Masking: None." or "Randomization: …, Blinding: …", the EU register asks with
    yes and no, and ChiCTR gives the model alone. What stands only in free words stays missing.
    """
    design = plain_text(text) or ""
    matches = {name: pattern.search(design) for name, pattern in _DESIGN_PARTS.items()}
    parts = {name: match and (match[1].rstrip(" ,;.") or None) for name, match in matches.items()}
    parts["allocation"] = _YES_NO.get((parts["allocation"] or "").lower(), parts["allocation"])
    for name, pattern in _DESIGN_ASKED.items():
        if parts[name] is None and (match := pattern.search(design)):
            parts[name] = match[1]
    if design.lower() in _BARE_MODELS:
        parts["intervention_model"] = design
    return parts
