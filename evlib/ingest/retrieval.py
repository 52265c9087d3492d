"""The day on which each file of records was retrieved: the same in every copy of the project, for every command and notebook.

Of an export it is the newest day that its rows state; else the day in the name of its folder or of the file; else the day that
``retrieved.csv`` beside the exports gives for a file of its checksum. The day of a file's last change is another in each copy of
the project, so that it counts only until a run notes it there, and for a file elsewhere, of which nothing is noted. A file that no
reader recognises tells of no day: none is noted, and it takes no search further. It goes with the oldest source, so that every run
names it.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from evlib.base.dates import day_after, unambiguous_day
from evlib.base.errors import InputError
from evlib.base.files import matching, named_day, sha256, today
from evlib.base.paths import place_of
from evlib.base.rawdata import DAYS_FILE, EXPORTS, OWN_DECISIONS, SNAPSHOT_FILES, decision_files, exports_of

if TYPE_CHECKING:
    import pandas as pd

BASES = {"rows": "the newest day of export that its rows state", "name": "the name of its folder or of the file",
         "noted": f"{DAYS_FILE} in {EXPORTS}", "change": "the day of its last change: it states none"}  # fmt: skip


def day_of(path: str | Path) -> str:
    """The day on which an export was retrieved, YYYY-MM-DD; see this module's first lines."""
    return day_and_basis(path)[0]


def day_and_basis(path: str | Path) -> tuple[str, str]:
    """The day on which an export was retrieved, YYYY-MM-DD, and what it rests on, one of ``BASES``.

    Raises
    ------
    InputError
        Where ``retrieved.csv`` is needed and cannot be used.
    """
    path = Path(path)
    if day := _facts_of(path)[1]:
        return day, "rows"
    if day := named_day(path):
        return day, "name"
    for folder in path.absolute().parents:
        if folder.name == EXPORTS and (day := _noted_days(folder).get(sha256(path))):
            return day, "noted"
    return day_of_change(path), "change"


def day_of_change(path: str | Path) -> str:
    """The day of a file's last change; today, where a clock that was wrong left a day that is still to come."""
    return min(f"{datetime.fromtimestamp(Path(path).stat().st_mtime, UTC):%Y-%m-%d}", today())


def note_days(raw_dir: str | Path) -> None:
    """Note in ``retrieved.csv`` the day of each export below ``raw_dir`` that is known by its last change alone.

    Only runs do so, before they read records. The rows that are there stay as they are.

    Raises
    ------
    InputError
        Where the file cannot be read, or not written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as raw:
    ...     for name in ("2026-06-30/dated.csv", "search.csv"):
    ...         (Path(raw) / EXPORTS / name).parent.mkdir(parents=True, exist_ok=True)
    ...         _ = (Path(raw) / EXPORTS / name).write_text("NCT Number\\nNCT90000100\\n")
    ...     note_days(raw)
    ...     rows = (Path(raw) / EXPORTS / DAYS_FILE).read_text().splitlines()
    >>> rows[0], [row.split(",")[0] for row in rows[1:]]
    ('file,sha256,retrieved', ['search.csv'])
    """
    folder = Path(raw_dir) / EXPORTS
    if not (days := _by_change(folder)):
        return
    import pandas as pd
    from filelock import FileLock, Timeout

    from evlib.base.schema import write_csv

    path = folder / DAYS_FILE
    try:
        with FileLock(path.with_name(f".{path.stem}.lock"), timeout=10):
            days = _by_change(folder)  # another run may have noted some meanwhile
            rows = [(file.relative_to(folder).as_posix(), sha256(file), day) for file, day in days.items()]
            new = pd.DataFrame(rows, columns=_COLUMNS).drop_duplicates("sha256")
            write_csv(pd.concat([_noted(path), new]) if path.exists() else new, path, lasting=True)
    except Timeout:
        raise InputError(f"{path} is being written by another run. Wait for it to end, then run again.") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}), and with it the days of {', '.join(file.name for file in days)}. Make it "
            f"writable, or put each export into a folder that is named for its day: {place_of(folder)}/2026-06-30/"
        ) from error


def source_days(raw_dir: str | Path) -> dict[Path, str]:
    """The files of records below ``raw_dir``, each with its day: snapshots and live searches, and a person's exports.

    Raises
    ------
    InputError
        Where there is none, or a folder of ``registries`` is named for no day.
    """
    raw_dir = Path(raw_dir)
    folders = matching(raw_dir / "registries", "????-??-??*")
    searched = sorted(path for name in SNAPSHOT_FILES for folder in folders for path in matching(folder, name))
    exports = exports_of(raw_dir / EXPORTS)
    read = [path for path in exports if _facts_of(path)[0]]
    if not searched + exports:
        raise InputError(
            f"there are no records below {raw_dir}. Put a registry's export into {raw_dir / EXPORTS}, or fetch some; the "
            f"snapshot of a repository comes back with: git checkout -- {place_of(raw_dir)}"
        )
    days = {path: _day_of_search(path) for path in searched} | {path: day_of(path) for path in read}
    oldest = min(days.values(), default=None)
    return days | {path: oldest or day_of(path) for path in exports if path not in days}


def source_files(raw_dir: str | Path, *, until: str = "9999") -> list[Path]:
    """The files of records below ``raw_dir`` that were retrieved by a day."""
    return [path for path, day in source_days(raw_dir).items() if day <= until]


def snapshots(raw_dir: str | Path) -> list[str]:
    """The days on which the records below ``raw_dir`` were retrieved."""
    return sorted(set(source_days(raw_dir).values()))


def checksum_of_inputs(raw_dir: str | Path, protocol: str | Path, records: Iterable[Path] | None = None) -> str:
    """One checksum (SHA-256) of what the tables of a search are made of: protocol, records, curation, people's decisions.

    Parameters
    ----------
    records
        The files of records; where None, all below ``raw_dir``.

    Examples
    --------
    >>> now = checksum_of_inputs("data/raw", "protocol.yml")
    >>> len(now), now == checksum_of_inputs("data/raw", "protocol.yml", source_files("data/raw", until="2022-12-31"))
    (64, False)
    """
    raw_dir = Path(raw_dir).resolve()
    files = [path.resolve() for path in (source_files(raw_dir) if records is None else records)]
    files += matching(raw_dir / "curation", "*.csv")
    files += [path for some in decision_files(raw_dir / OWN_DECISIONS) for path in some]
    files += matching(raw_dir / EXPORTS, DAYS_FILE)
    names = ((path.relative_to(raw_dir) if path.is_relative_to(raw_dir) else path.name, path) for path in files)
    sums = {str(name): sha256(path) for name, path in names} | {"protocol.yml": sha256(Path(protocol))}
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


_COLUMNS = ["file", "sha256", "retrieved"]


def _by_change(folder: Path) -> dict[Path, str]:
    found = {path: day_and_basis(path) for path in exports_of(folder) if _facts_of(path)[0]}
    return {path: day for path, (day, basis) in found.items() if basis == "change"}


def _day_of_search(path: Path) -> str:
    if day := named_day(path):
        return day
    raise InputError(f"{path.parent} is named for no day. Name it for the day of its records, for example 2026-06-30.")


def _noted(path: Path) -> "pd.DataFrame":
    from evlib.base.schema import read_csv

    return read_csv(path, needs=_COLUMNS, by_hand=True)


def _noted_days(folder: Path) -> dict[str, str]:
    """Checksum → day, as ``retrieved.csv`` in a folder of exports says; nothing where there is no such file."""
    path, days = folder / DAYS_FILE, {}
    if not path.is_file():
        return days
    for line, row in enumerate(_noted(path).fillna("").itertuples(), start=2):
        day = unambiguous_day(row.retrieved)
        if not day:
            raise InputError(
                f"{path}, line {line}: retrieved is '{row.retrieved}', which is no day. Write the day on which {row.file} was "
                f"retrieved as 2026-06-30, or bring the file back: git checkout -- {place_of(path)}"
            )
        days[row.sha256] = min(day, days.get(row.sha256, day))  # two copies of the project may both have noted it
    return days


def _facts_of(path: Path) -> tuple[bool, str | None]:
    """Whether a reader recognises a file, and the newest day of export that its rows state."""
    return _facts_at(path, path.stat().st_size, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _facts_at(path: Path, _size: int, _changed: int) -> tuple[bool, str | None]:
    from evlib.ingest.registries import READERS, format_of  # load pandas, which a run without exports does not need

    recognised, newest, latest = False, "", day_after(today())  # a registry east of here may be a day ahead
    try:
        reader = READERS[format_of(path)]
        recognised = True
        if column := getattr(reader, "STATES_DAY_IN", None):
            for _, row in reader.items(path):
                day = (row.get(column) or "")[:10] if isinstance(row, dict) else ""
                if newest < day <= latest and _is_day(day):
                    newest = day
    except InputError:  # a file that is cut off states a day in what is left; the reader names the fault
        pass
    return recognised, newest or None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
