"""A table of records as ``python -m evlib ingest`` and ``search`` write it; dates that were estimated are estimated anew."""

from typing import Any

from evlib.base.schema import ESTIMATED, kinds, unguarded
from evlib.ingest.registries.common import csv_export

NAME = "table of records"
STATES_DAY_IN = "snapshot"

recognises, items = csv_export("trn", "trn kind", "registry", "snapshot")


def record(row: dict[str, str], *, snapshot: str | None = None) -> dict[str, Any]:
    """A row of the file as a row of table ``records``, its own day of retrieval kept; ValueError where it cannot be one."""
    out: dict[str, Any] = {}
    for name, kind in kinds("records").items():
        text = unguarded(row.get(name.replace("_", " ")) or "")
        if kind == "key" and not text:
            raise ValueError(f"no {name}.")
        if kind == "count" and text:
            out[name] = int(text)
        elif kind == "flag" and text:
            out[name] = {"True": True, "False": False}[text]
        elif name not in ESTIMATED:
            out[name] = text or None
    return out
