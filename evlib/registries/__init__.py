"""One module per source format; each has ``read(path, ...) -> (records, rejects)``. ``ingest`` reads any mix of them."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pandas as pd

from evlib.errors import InputError
from evlib.registries import central, ctgov, ctgov_csv, ictrp, ictrp_xlsx, snapshot, trial_xml
from evlib.registries.common import Seen, batches
from evlib.registries.unpack import head
from evlib.schema import checked

READERS: dict[str, ModuleType] = {
    "ClinicalTrials.gov API v2": ctgov,
    "ClinicalTrials.gov CSV": ctgov_csv,
    "WHO ICTRP CSV": ictrp,
    "WHO ICTRP XLSX": ictrp_xlsx,
    "XML of trials": trial_xml,
    "Cochrane CENTRAL": central,
    "snapshot": snapshot,
}
FORMATS = list(READERS)


class Batch(NamedTuple):
    """Some records of one file, and what of it was set aside."""

    file: str
    format: str
    records: pd.DataFrame
    rejects: pd.DataFrame


def ingest(
    paths: Iterable[str | Path], *, retrieved: str, registries: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The records of any mix of files and folders, as whole tables.

    Parameters are those of ``stream``.

    Returns
    -------
    records, rejects, summary
        Tables ``records`` and ``rejects``; and ``summary`` as ``summary_of`` makes it.

    Raises
    ------
    InputError
        Where no file gives a record.
    """
    parts = list(stream(paths, retrieved=retrieved, registries=registries))
    summary = summary_of(parts)
    if not summary.records.sum():
        raise InputError(no_record(summary, [part.rejects for part in parts]))
    records = pd.concat([part.records for part in parts])
    rejects = pd.concat([part.rejects for part in parts])
    return checked(records, "records"), checked(rejects, "rejects"), summary


def stream(
    paths: Iterable[str | Path], *, retrieved: str | Callable[[Path], str], registries: list[str]
) -> Iterator[Batch]:
    """The records of any mix of files and folders, some thousand at a time; each file is recognised by its content.

    Parameters
    ----------
    paths
        Files, or folders whose files are all read. Where two files hold the same number, the earlier file's record is
        kept.
    retrieved
        The date kept with each record (YYYY-MM-DD), or a function that tells it of a file.
    registries
        The registries that the protocol knows (for files in our own snapshot format).

    Yields
    ------
    Batch
        One at least for each file; rows of the file = records + rejects of its batches. A file that cannot be used is
        one row of the rejects.
    """
    seen: Seen = {}
    for path in _files(paths):
        name = "unknown"
        try:
            name = _format(path)
            day = retrieved(path) if callable(retrieved) else retrieved
            reader = READERS[name]
            facts = {"snapshot": day, "registries": registries} if reader is snapshot else {"snapshot": day}
            rows = 0
            for records, rejects in batches(reader.items(path), partial(reader.record, **facts), file=path, seen=seen):
                rows += len(records) + len(rejects)
                yield Batch(path.name, name, records, rejects)
            if not rows:
                yield _unusable(path, name, "no record in it; a header at most. Export it again.")
        except InputError as error:
            yield _unusable(path, name, str(error).removeprefix(f"{path}: "))


def summary_of(parts: Iterable[Batch]) -> pd.DataFrame:
    """Per file ``file, format, rows, records, rejects``; rows = records + rejects."""
    counts = [(part.file, part.format, len(part.records), len(part.rejects)) for part in parts]
    table = pd.DataFrame(counts, columns=["file", "format", "records", "rejects"])
    table = table.groupby(["file", "format"], sort=False, as_index=False).sum()
    table.insert(2, "rows", table.records + table.rejects)
    return table


def no_record(summary: pd.DataFrame, rejects: Iterable[pd.DataFrame]) -> str:
    """What to say where nothing that was named gives a record."""
    first = next((table.iloc[0] for table in rejects if len(table)), None)
    if first is None:
        return "no file to read. Name at least one registry export, or a folder that holds some."
    return f"no usable record in {len(summary)} file(s). First reason: {first.file}: {first.reason}"


def _unusable(path: Path, name: str, reason: str) -> Batch:
    rejects = pd.DataFrame([{"file": path.name, "line": None, "trn": None, "reason": reason}])
    records = pd.DataFrame(columns=["trn", "trn_kind", "registry", "snapshot"])
    return Batch(path.name, name, checked(records, "records"), checked(rejects, "rejects"))


def _format(path: Path) -> str:
    start = head(path)
    if not start:
        raise InputError(f"{path}: the file is empty or could not be unpacked. Export or download it again.")
    for name, reader in READERS.items():
        if reader.recognises(start):
            return name
    raise InputError(f"{path}: in no format that is known ({', '.join(READERS)}). Use the registry's own export.")


def _files(paths: Iterable[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return files
