"""One module per source format; each has ``read(path, ...) -> (records, rejects)``. ``ingest`` reads any mix of them."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.registries import ctgov, ctgov_csv, ictrp, snapshot, trial_xml
from evlib.registries.common import unpacked
from evlib.schema import checked

_HEAD = 1 << 16


def ingest(paths: Iterable[str | Path], *, retrieved: str, registries: list[str]) -> tuple[pd.DataFrame, ...]:
    """The records of any mix of files and folders, each recognised by its content.

    Parameters
    ----------
    paths
        Files, or folders whose files are all read. Where two files hold the same number, the earlier file's record is
        kept.
    retrieved
        The date kept with each record (YYYY-MM-DD).
    registries
        The registries that the protocol knows (for files in our own snapshot format).

    Returns
    -------
    records, rejects, summary
        Tables ``records`` and ``rejects``; and per file ``file, format, rows, records, rejects`` with rows = records +
        rejects. A file that cannot be used is one row of the rejects.

    Raises
    ------
    InputError
        Where no file gives a record.
    """
    tables, rejected, lines = [], [], []
    seen: set[str] = set()
    for path in _files(paths):
        name = "unknown"
        try:
            name = _format(path)
            records, rejects = _READERS[name](path, retrieved, registries)
        except InputError as error:
            records = checked(pd.DataFrame(columns=["trn", "trn_kind", "registry", "snapshot"]), "records")
            rejects = _reject(path, error)
        again = records.trn.isin(seen)
        repeats = pd.DataFrame({"file": path.name, "line": pd.NA, "trn": records.trn[again]})
        repeats["reason"] = "the number was read from an earlier file, whose record is kept."
        rejects = checked(pd.concat([rejects, checked(repeats, "rejects")]), "rejects")
        records = records[~again]
        seen |= set(records.trn)
        tables.append(records)
        rejected.append(rejects)
        counts = {"rows": len(records) + len(rejects), "records": len(records), "rejects": len(rejects)}
        lines.append({"file": path.name, "format": name, **counts})
    if not seen:
        if not rejected:
            raise InputError("no file to read. Name at least one registry export, or a folder that holds some.")
        first = pd.concat(rejected).iloc[0]
        raise InputError(f"no usable record in {len(lines)} file(s). First reason: {first.file}: {first.reason}")
    return (
        checked(pd.concat(tables), "records"),
        checked(pd.concat(rejected), "rejects"),
        pd.DataFrame(lines),
    )


_READERS = {
    "ClinicalTrials.gov API v2": lambda path, retrieved, registries: ctgov.read(path, snapshot=retrieved),
    "ClinicalTrials.gov CSV": lambda path, retrieved, registries: ctgov_csv.read(path, snapshot=retrieved),
    "WHO ICTRP CSV": lambda path, retrieved, registries: ictrp.read(path, snapshot=retrieved),
    "XML of trials": lambda path, retrieved, registries: trial_xml.read(path, snapshot=retrieved),
    "snapshot": lambda path, retrieved, registries: snapshot.read(path, registries=registries, snapshot=retrieved),
}


def _format(path: Path) -> str:
    _, data, _ = next(unpacked(path), ("", b"", None))
    head = data[:_HEAD]
    if not head.strip():
        raise InputError(f"{path}: the file is empty or could not be unpacked. Export or download it again.")
    if ctgov.recognises(head):
        return "ClinicalTrials.gov API v2"
    if ctgov_csv.recognises(head):
        return "ClinicalTrials.gov CSV"
    if ictrp.recognises(head):
        return "WHO ICTRP CSV"
    if trial_xml.recognises(head):
        return "XML of trials"
    if snapshot.recognises(head):
        return "snapshot"
    raise InputError(f"{path}: in no format that is known ({', '.join(_READERS)}). Use the registry's own export.")


def _files(paths: Iterable[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return files


def _reject(path: Path, error: InputError) -> pd.DataFrame:
    reason = str(error).removeprefix(f"{path}: ")
    return checked(pd.DataFrame([{"file": path.name, "line": None, "trn": None, "reason": reason}]), "rejects")
