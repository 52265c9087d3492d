"""Files and folders written whole or not at all, listed without gaps, with their checksums and the day in their names."""

import fcntl
import fnmatch
import glob
import hashlib
import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

_PART = ".part"  # how the name of a file ends that is being written


@contextmanager
def writing(path: str | Path, *, binary: bool = False, lasting: bool = False) -> Iterator[IO]:
    """A file to write to that appears under its name when all is written, and not at all after an error.

    With ``lasting``, for what cannot be made again, it is on the disk itself before it appears: no power cut loses it.

    Raises
    ------
    OSError
        Naming the file, also where the disk is full only when its content is written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = None
    try:
        _remove_abandoned(path)
        handle, temporary = _temporary(path)
        with os.fdopen(handle, "wb") if binary else os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            if lasting:
                os.fsync(handle)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and (error.filename is None or _is_part_of(error.filename, path)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        if temporary:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    if lasting:
        _onto_disk(path.parent)


def _temporary(path: Path) -> tuple[int, Path]:
    """A new file beside ``path``; its lock tells it, while it is written, from the leftover of a killed process."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if Path(name).exists():
            return handle, Path(name)
        os.close(handle)  # removed as abandoned before it was locked


def _is_part_of(name: str | int, path: Path) -> bool:
    return str(name).startswith(str(path.with_name(f".{path.name}."))) and str(name).endswith(_PART)


def _remove_abandoned(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'?' * 8}{_PART}"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink(missing_ok=True)


def _onto_disk(folder: Path) -> None:
    """Have the system write a folder's list of files to the disk, where it can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Add this file's name to a system error without one (a disk that gets full)."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder) / "note.md", "# What is new\\n")
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('note.md', '# What is new\\n')]
    """
    with writing(path) as file:
        file.write(text)


def write_bytes(path: str | Path, data: bytes, *, lasting: bool = False) -> None:
    """Write a file of bytes so that it appears whole or not at all; ``lasting`` as in ``writing``."""
    with writing(path, binary=True, lasting=lasting) as file:
        file.write(data)


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive of files by their names. The same files give the same bytes: each is dated 1980."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_day(path: str | Path) -> str | None:
    """The day that the name of a file's folder is, else the one day that the file's own name has in it; None where none is there.

    A number may follow the folder's day (``2026-06-30-2``).

    Examples
    --------
    >>> named_day("2026-06-30-2/trials.csv"), named_day("in/ictrp_2026-06-30.csv"), named_day("in/2026-06-30 to 2026-07-31.csv")
    ('2026-06-30', '2026-06-30', None)
    """
    path = Path(path)
    folder = re.sub(r"(?<=\d{4}-\d\d-\d\d)-\d+$", "", path.absolute().parent.name)
    in_name = set(re.findall(r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)", path.name))
    for text in [folder, *in_name] if len(in_name) == 1 else [folder]:
        with suppress(ValueError):
            return date.fromisoformat(text).isoformat()
    return None


def today() -> str:
    """This day, YYYY-MM-DD (UTC)."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def files_of(path: str | Path) -> list[Path]:
    """The file, or all files of the folder and the folders in it; no hidden ones, and none where nothing is there."""
    path = Path(path)
    if path.is_dir():
        return [p for p in all_below(path) if not p.name.startswith(".")]
    return [path] if path.is_file() else []


def all_below(folder: str | Path) -> list[Path]:
    """All files of a folder and of the folders in it, sorted.

    Raises
    ------
    OSError
        Where one of the folders cannot be read, which ``Path.rglob`` would pass over as if it were empty.
    """
    paths = (Path(place) / name for place, _, names in os.walk(folder, onerror=_raised) for name in names)
    return sorted(path for path in paths if path.is_file())


def matching(folder: str | Path, pattern: str) -> list[Path]:
    """What a folder holds under names of a pattern, sorted; nothing where there is no such folder.

    Raises
    ------
    OSError
        Where the folder cannot be read, which ``Path.glob`` would pass over as if it were empty.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 (a missing folder must raise here, not later)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(Path(folder) / name for name in fnmatch.filter(names, pattern))


def _raised(error: OSError) -> None:
    raise error


def swap_in(new: Path, target: Path) -> None:
    """Put the folder ``new`` in the place of the folder ``target``.

    For a moment neither stands there: after a kill at that moment, ``recover`` puts the old one back.
    """
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> None:
    """Finish or undo an interrupted ``swap_in``: the last good folder stands at ``target`` again, and nothing beside it."""
    old = target.with_name(f".{target.name}.old")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        os.rename(old, target)
