"""A table of records as ``python -m evlib ingest`` and ``search`` write it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.schema import ESTIMATED, kinds, unguarded
from evlib.ingest.registries.common import collected
from evlib.ingest.registries.unpack import csv_rows, header_of

_NEEDED = ("trn", "trn kind", "registry", "snapshot")


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like a table of records."""
    return set(_NEEDED) <= set(header_of(head)[0])


def read(path: str | Path, *, snapshot: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records of a table of records, and the rows that are none.

    Parameters
    ----------
    path
        A ``records.csv``, also as gzip or zip.
    snapshot
        Not used: each row tells the day of its retrieval.

    Returns
    -------
    records, rejects
        Tables ``records`` and ``rejects``; rows = records + rejects. Columns that the table does not have are passed over;
        estimated dates too, since they are estimated anew.
    """
    return collected(items(path), record, file=path)


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of a table, one at a time, each with its number."""
    return csv_rows(path, needs=_NEEDED)


def record(row: dict[str, str], *, snapshot: str | None = None) -> dict[str, Any]:
    """A row of the file as a row of table ``records``; ValueError where it is none."""
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
