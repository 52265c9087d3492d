"""A table of records as ``python -m evlib ingest`` and ``search`` write it; dates that were estimated are estimated anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evlib.base.schema import DAYS_OF_STATUS, ESTIMATED, kinds, unguarded
from evlib.ingest.registries.common import (
    Unread,
    cells,
    count,
    csv_export,
    dates,
    dates_in_one_order,
    orders_of_dates,
    yes_no,
)

NAME = "table of records"
STATES_DAY_IN = "snapshot"

recognises, _rows = csv_export("trn", "trn kind", "registry", "snapshot")


def _text(cell: str | None) -> str | None:
    return unguarded(cell or "") or None


_DAYS = (
    "registered_text",
    "first_submitted",
    "start_date",
    "completion_date",
    "last_update",
    "snapshot",
    "first_retrieved",
)
_READ = {"count": count, "flag": yes_no}
DATES = {name: [name.replace("_", " ")] for name in _DAYS}
COLUMNS = {
    name: (name.replace("_", " "), _READ.get(kind, _text))
    for name, kind in kinds("records").items()
    if name not in (*ESTIMATED, *DAYS_OF_STATUS, *DATES)
}


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of a file, one at a time, each with its number, the dates that a spreadsheet rewrote in one order of day and month."""

    def rows() -> Iterator[tuple[int, Any]]:
        return _rows(path)

    return dates_in_one_order(rows, DATES, orders_of_dates(rows, DATES))


def record(row: dict[str, str], *, snapshot: str | None = None) -> dict[str, Any]:
    """A row of the file as a row of table ``records``, its own day of retrieval kept; ValueError where it cannot be one."""
    out = cells(row, COLUMNS) | dates(row, DATES)
    for name, kind in kinds("records").items():
        if kind == "key" and (out[name] is None or isinstance(out[name], Unread)):
            raise ValueError(f"no {name}.")
    return out
