"""Files: write whole or not at all, and tell whether two are the same."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO


@contextmanager
def writing(path: str | Path, *, binary: bool = False) -> Iterator[IO]:
    """A file to write to that appears under its name when all is written, and not at all after an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") if binary else os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all."""
    with writing(path) as file:
        file.write(text)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file of bytes so that it appears whole or not at all."""
    with writing(path, binary=True) as file:
        file.write(data)


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def day_of(path: str | Path) -> str:
    """The day of a download, YYYY-MM-DD: its folder's name where that is a day, else the day of its last change (UTC).

    A number may follow the day (``2026-06-30-2``).
    """
    path = Path(path)
    try:
        return date.fromisoformat(re.sub(r"(?<=\d{4}-\d\d-\d\d)-\d+$", "", path.parent.name)).isoformat()
    except ValueError:
        return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d}"


def today() -> str:
    """This day, YYYY-MM-DD (UTC)."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def files_of(path: str | Path) -> list[Path]:
    """The file, or all files of the folder and the folders in it; no hidden ones, and none where nothing is there."""
    path = Path(path)
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return [path] if path.is_file() else []


def swap_in(new: Path, target: Path) -> None:
    """Put the folder ``new`` in the place of the folder ``target``.

    There is a moment at which neither stands there: ``recover`` puts the old one back where a kill hits it.
    """
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> None:
    """Finish or undo a ``swap_in`` that was cut short: the last good folder stands at ``target`` again."""
    old = target.with_name(f".{target.name}.old")
    if old.exists() and not target.exists():
        os.rename(old, target)
