"""Open what registries give (plain, gzip or zip; in any encoding) piece by piece, and split it into rows."""

import codecs
import gzip
import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from evlib.base.errors import NOT_WHOLE, InputError
from evlib.base.reading.csv_rows import LONGEST, BrokenRowError, CutOffError, below_header, header_of, line_end, lines
from evlib.base.reading.csv_rows import blocks_of_lines as blocks_of_lines
from evlib.base.reading.csv_rows import csv_rows as rows_in
from evlib.base.reading.csv_rows import text_of as text_of  # for readers, beside ``lines`` and ``header_of``
from evlib.base.reading.encodings import Utf8Pieces

ENCODING = "encoding"  # the field of a remark on a file that is no plain UTF-8
_PIECE = 1 << 20
_HEAD = 1 << 16
# A text of records packs about 10 : 1, a bomb 1000 : 1.
_MOST_PACKED, _UNCHECKED = 200, 64 * 2**20


class FileRemark(NamedTuple):
    """What a person should know of a file as a whole, among its items: how it was read where that is not plain."""

    field: str
    text: str
    reason: str


class Passed(NamedTuple):
    """In place of records that follow one another, are not asked for, and were therefore not read: their numbers, as ``common.key_of`` has them."""

    keys: Sequence[int | str]


class BrokenFileError(ValueError):
    """From here on the file, or the member of an archive, cannot be read; what came before was good."""


def not_whole(name: str, error: object) -> ValueError:
    """The reject that stands for the rest of a file, or of a part of it."""
    return ValueError(f"{NOT_WHOLE}: {name}: {error}")


def opened(path: str | Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """What a file holds: the name of each part, and its bytes in pieces.

    gzip and zip are recognised by their content; nothing is written anywhere. The bytes come as UTF-8, whatever the encoding of
    the file (see ``evlib.base.reading.encodings``). The pieces of one part are to be read before the next part is asked
    for; they raise BrokenFileError where the part breaks off, is encrypted, or unpacks to far more than a text would.
    InputError where the file cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PK\x03\x04":
            parts = _members(path)
        else:
            parts = iter([(path.name, _gunzipped(path) if start[:2] == b"\x1f\x8b" else _plain(path))])
        for name, pieces in parts:
            yield name, Utf8Pieces(pieces)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error


def numbered(path: str | Path, items_of: Callable[[Iterator[bytes], str], Iterator[Any]]) -> Iterator[tuple[int, Any]]:
    """What ``items_of`` finds in the parts of a file (their pieces and name), each with its running number.

    None is counted and left out: a header, a blank line. Items that are ``Passed`` have the number of the first of them. Where a part
    breaks off, an exception stands for the rest of it. Of a part in another encoding than UTF-8 a ``FileRemark`` says so, at its end.
    """
    number = 0
    for name, pieces in opened(path):
        try:
            for item in items_of(pieces, name):
                if item is not None:
                    yield number + 1, item
                number += len(item.keys) if isinstance(item, Passed) else 1
        except BrokenFileError as error:
            number += 1
            yield number, not_whole(name, error)
        if encoding := getattr(pieces, "encoding", None):
            said = f"{name} is no plain UTF-8 and was read as {encoding}; where letters look wrong, save it as UTF-8"
            yield number, FileRemark(ENCODING, encoding, said)


def heads(path: str | Path) -> Iterator[bytes]:
    """The first 64 KiB of each part that is not blank, as far as they can be read."""
    for _, pieces in opened(path):
        start = b""
        with suppress(BrokenFileError):
            while len(start) < _HEAD and (piece := next(pieces, None)) is not None:
                start = (start + piece).lstrip()
        if start:
            yield start[:_HEAD]


def check_ratio(path: str | Path, *, largest: int) -> None:
    """Refuse a zip file with a member that unpacks to more bytes than a file of records would, or than ``largest``;
    InputError names it. zipfile.BadZipFile where the file is none."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            most = max(_UNCHECKED, _MOST_PACKED * member.compress_size)
            if member.file_size > min(most, largest):
                raise InputError(f"{path}: {member.filename} unpacks to {member.file_size} bytes and was not read.")


def recoded(pieces: Iterable[bytes], encoding: str = "utf-8", *, mark: bytes) -> Iterator[bytes]:
    """The pieces as valid UTF-8; raises BrokenFileError where ``LONGEST`` bytes pass without a mark (such as a quote).

    Raises LookupError for an encoding that is not known.
    """
    b"".decode(encoding)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    unmarked = 0
    for piece in pieces:
        place = piece.rfind(mark)
        unmarked = unmarked + len(piece) if place < 0 else len(piece) - place
        if unmarked > LONGEST:
            raise BrokenFileError(f"one field is longer than {LONGEST} bytes; the file was not read beyond it")
        yield decoder.decode(piece).encode()


def csv_rows(
    path: str | Path, *, needs: Iterable[str], repeated: Iterable[str] = ()
) -> Iterator[tuple[int, dict[str, str] | Exception | FileRemark]]:
    """The rows of a CSV file by column name, each with its number; the header is row 1 where nothing stands above it.

    A row that cannot be told apart (see ``evlib.base.reading.csv_rows``), a column that stands twice with different cells (but for those
    that are ``repeated`` in the form itself), a part without a needed column, and where a part breaks off: each is an exception
    in place of a row.
    """

    def rows_of(pieces: Iterator[bytes], name: str) -> Iterator[dict[str, str] | Exception | None]:
        start, pieces = begun(pieces)
        end = line_end(start, needs)
        found = below_header(lines(pieces, end), lambda names: set(needs) <= set(names))
        if found is None:
            names = header_of(start)[0]
            missing = next((column for column in needs if column not in names), "")
            yield ValueError(f"{name}: the column '{missing}' is missing; not the export it looks like")
            return
        header, separator, above, rows = found
        yield from itertools.repeat(None, above + 1)
        for _, cells in rows_in(rows, separator, len(header)):
            if isinstance(cells, CutOffError):
                cells = BrokenRowError(str(not_whole(name, cells)), cells.text)
            yield _row(header, cells, repeated) if isinstance(cells, list) else cells

    return numbered(path, rows_of)


def begun(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first 64 KiB of a part, or all of it, and the part from its beginning; where it breaks off, what came before is given first."""
    start = b""
    try:
        while len(start) < _HEAD and (piece := next(pieces, None)) is not None:
            start += piece
    except BrokenFileError as error:
        pieces = _raising(error)
    return start, itertools.chain([start], pieces)


def _row(header: list[str], cells: list[str], repeated: Iterable[str]) -> dict[str, str] | Exception:
    row = dict(zip(header, cells))
    for name, cell in zip(header, cells) if len(row) < len(header) else ():
        if cell != row[name] and name and name not in repeated:
            return ValueError(f"the column '{name}' stands twice in the header, with different cells in this row")
    return row


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _gunzipped(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        try:
            yield from _measured(iter(lambda: file.read1(_PIECE), b""), packed=path.stat().st_size)
        except EOFError:
            raise BrokenFileError("the gzip file is cut off. Download it again.") from None
        except (OSError, zlib.error) as error:
            raise BrokenFileError(f"the gzip file is broken ({error}). Download it again.") from error


def _members(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError):  # all of what a damaged directory raises
        yield from _members_without_directory(path)
        return
    with archive:
        # A workbook is a zip too; the member that tells it comes first.
        for member in sorted(archive.infolist(), key=lambda member: member.filename != "xl/workbook.xml"):
            if not member.is_dir() and not member.filename.startswith("__MACOSX/"):
                yield member.filename, _member(archive, member)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(member) as file:
            yield from _measured(iter(lambda: file.read1(_PIECE), b""), packed=member.compress_size)
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise BrokenFileError(f"cannot be unpacked ({error})") from error


def _members_without_directory(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The members of a zip file that lacks its end, where their directory stands."""
    from stream_unzip import UnzipError, stream_unzip  # here, as few files are broken and it loads much

    broken: list[Exception] = []
    try:
        for name, _, pieces in stream_unzip(_plain(path), chunk_size=_PIECE):
            member = _streamed_member(pieces, broken, packed=path.stat().st_size)
            yield name.decode("utf-8", errors="replace"), member
            for _ in member:
                pass
    except UnzipError as error:
        if not broken:
            yield path.name, _streamed_member(_raising(error), broken, packed=0)


def _streamed_member(pieces: Iterator[bytes], broken: list[Exception], *, packed: int) -> Iterator[bytes]:
    from stream_unzip import UnzipError

    try:
        yield from _measured(pieces, packed=packed)
    except UnzipError as error:
        broken.append(error)
        reason = f"the zip file is broken or cut off here ({type(error).__name__}). Download it again."
        raise BrokenFileError(reason) from error


def _raising(error: Exception) -> Iterator[bytes]:
    raise error
    yield


def _measured(pieces: Iterator[bytes], *, packed: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max(_UNCHECKED, _MOST_PACKED * packed):
            raise BrokenFileError(f"unpacks to more than {_MOST_PACKED} times its size; the rest was not read")
        yield piece
