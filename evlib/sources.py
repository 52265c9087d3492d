"""Which raw files make the records of a run, and the one table that they make together."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evlib.errors import InputError
from evlib.files import day_of, files_of
from evlib.query import matches
from evlib.rawdata import source_files
from evlib.registries import stream
from evlib.schema import checked


class Source(NamedTuple):
    """One file of records."""

    path: Path
    day: str
    searched: bool  # whether it is a search's result already, so that the query need not pick from it


def raw_sources(raw: str | Path, *, snapshot: str) -> list[Source]:
    """The files of records below ``raw``, as they stood on the day ``snapshot``, newest first.

    Snapshots and live searches (``registries/<day>/``) are results of a search; exports (``exports/``) are picked from.
    """
    files = source_files(raw, until=snapshot)
    found = [Source(path, day_of(path), path.is_relative_to(Path(raw) / "registries")) for path in files]
    return sorted(found, key=lambda source: (source.day, source.searched), reverse=True)


def named_sources(path: str | Path) -> list[Source]:
    """A file of records, or the files of a folder, as sources to pick from, newest first.

    Raises
    ------
    InputError
        Where there is no file.
    """
    files = files_of(path)
    if not files:
        raise InputError(f"{path} is not there, or is an empty folder. Name a registry's export, or a folder of them.")
    return sorted([Source(file, day_of(file), False) for file in files], key=lambda source: source.day, reverse=True)


def records_of(
    sources: Iterable[Source], *, protocol: dict, always: set[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The one table of records that the sources make, each trial number once.

    From an export the protocol's ``search`` picks the records (see ``evlib.query``). Where several sources hold a number,
    each field is taken from the newest that fills it.

    Parameters
    ----------
    sources
        Newest first.
    protocol
        The review's protocol: ``search`` and ``registries``.
    always
        Registration numbers that are picked in any case: those that a person has judged.

    Returns
    -------
    records, rejects, account
        Table ``records``, ``snapshot`` telling the newest day of retrieval; table ``rejects``, records of a registry that
        the protocol does not know included; and for each file ``file, format, retrieved, rows, rejects, not_found,
        older_copies, records``: rows are rejects, not found by the query, copies of a record that a newer file has, or
        records.

    Raises
    ------
    InputError
        Where no record is left.
    """
    tables, rejected, account = [], [], []
    seen: set[str] = set()
    for source in sources:
        counts = {"rows": 0, "rejects": 0, "not_found": 0, "older_copies": 0, "records": 0}
        own: list[pd.DataFrame] = []
        name = "unknown"
        for part in stream([source.path], retrieved=source.day, registries=list(protocol["registries"])):
            name = part.format
            stranger = ~part.records.registry.isin(list(protocol["registries"]))
            found = part.records.trn.isin(always) | source.searched
            found |= matches(part.records, protocol["search"]) if not source.searched else False
            strangers, picked = part.records[stranger & found], part.records[~stranger & found]
            rejects = [part.rejects, _of_strangers(strangers, source.path)]
            rejected += rejects
            own.append(picked)
            counts["rows"] += len(part.records) + len(part.rejects)
            counts["rejects"] += sum(map(len, rejects))
            counts["not_found"] += int((~found).sum())
            counts["older_copies"] += int(picked.trn.isin(seen).sum())
            counts["records"] += int((~picked.trn.isin(seen)).sum())
        tables += own
        seen.update(*(table.trn for table in own))
        account.append({"file": source.path.name, "format": name, "retrieved": source.day} | counts)
    if not seen:
        files = ", ".join(source.path.name for source in sources)
        reasons = "; ".join(reason for table in rejected for reason in table.reason.head(1))
        raise InputError(
            f"No record in {files or 'no file'} is found by the query 'search' of protocol.yml"
            + (f", and some rows could not be read ({reasons[:300]})." if reasons else ".")
        )
    records = pd.concat(tables).groupby("trn", sort=False, as_index=False).first()
    return checked(records, "records"), checked(pd.concat(rejected), "rejects"), pd.DataFrame(account)


def numbers_in(folder: str | Path, *, protocol: dict) -> set[str]:
    """The registration numbers of the records in a snapshot's folder."""
    parts = stream([folder], retrieved=Path(folder).name, registries=list(protocol["registries"]))
    return {trn for part in parts for trn in part.records.trn}


def _of_strangers(records: pd.DataFrame, path: Path) -> pd.DataFrame:
    reasons = [f"unknown registry '{name}'. Add it under 'registries' in protocol.yml." for name in records.registry]
    rejects = pd.DataFrame({"file": path.name, "line": pd.NA, "trn": records.trn.to_numpy(), "reason": reasons})
    return checked(rejects, "rejects")
