"""Rows of CSV files as programs and people save them: every row comes whole, or as one exception; none is lost without a word.

A row ends as the file's rows end. Where its cells do not add up to the header's, it is mended if there is one way to: a line break
or a quotation mark within a cell, a backslash before a quotation mark, empty cells beyond the header. The lines of a row that
cannot be mended are one exception, and reading goes on with the next row.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice

from evlib.base.identifiers import registration_numbers

LONGEST = 128 * 2**20  # bytes that one line, or one text between two marks, may have
SEPARATORS = ",;\t"
_HEADER_WITHIN = 20  # lines in which the header is looked for
_LONGEST_NUMBER = 40  # characters of a cell that holds a registration number and hardly more
_MOST_LINES = 500  # lines that one row may stand on
_BREAK = re.compile(r"\r\n|\r|\n")
_BYTES_BREAK = re.compile(rb"\r\n|\r|\n")

Row = list[str] | Exception


class BrokenRowError(ValueError):
    """A row that cannot be told apart; ``text`` is what stands there."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason)
        self.text = text


class CutOffError(BrokenRowError):
    """The file ends within a row."""


def text_of(line: bytes) -> str:
    """A line as text: UTF-8, or Windows-1252 where it is not UTF-8 (some exports mix the two)."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def lines(pieces: Iterable[bytes], end: bytes = b"\n") -> Iterator[bytes]:
    """The lines of a text, without their ends. A line longer than ``LONGEST`` comes cut off."""
    begun: list[bytes] = []
    length = 0
    held = b""  # the first half of an end that two pieces share
    for piece in pieces:
        if held:
            piece, held = held + piece, b""
        if len(end) > 1 and piece.endswith(end[:1]):
            piece, held = piece[:-1], end[:1]
        first, *rest = piece.split(end)
        if length <= LONGEST:
            begun.append(first)
        length += len(first)
        for following in rest:
            yield _unended(begun)
            begun, length = [following], len(following)
    if length or held:
        yield _unended([*begun, held])


def blocks_of_lines(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """A text in blocks of some whole lines of about this many bytes, each with its end. A line longer than ``LONGEST`` comes cut off."""
    begun: list[bytes] = []
    length = 0
    for piece in pieces:
        start = 0 if length <= LONGEST else max(piece.find(b"\n"), 0)
        while end := piece.find(b"\n", start + size) + 1 or piece.rfind(b"\n", start) + 1:
            yield b"".join([*begun, piece[start:end]])
            begun, length, start = [], 0, end
        if length <= LONGEST:
            begun.append(piece[start:])
        length += len(piece) - start
    if length:
        yield b"".join(begun)


def _unended(parts: list[bytes]) -> bytes:
    return b"".join(parts).rstrip(b"\r\n")


def line_end(start: bytes, needs: Iterable[str] = ()) -> bytes:
    """How the rows of a file end, by its first bytes: as its header does, which has the names that it ``needs``.

    Cells may hold breaks of another kind. CR LF counts where more rows than the header end with it.

    Examples
    --------
    >>> line_end(b"a,b\\r\\n1,2\\r\\n"), line_end(b"a,b\\r1,x\\ny\\r"), line_end(b"a,b\\n1,x\\ry\\n")
    (b'\\r\\n', b'\\r', b'\\n')
    """
    breaks = list(islice(_BYTES_BREAK.finditer(start), _HEADER_WITHIN))
    begins = [0, *(found.end() for found in breaks)]
    ends = [found[0] for place, found in zip(begins, breaks) if _has(needs, start[place : found.start()])]
    end = next(iter(ends), b"\n")
    both = start.count(b"\r\n")
    return b"\n" if end == b"\r\n" and not (both > 1 and 20 * both > start.count(b"\n") - both) else end


def _has(needs: Iterable[str], line: bytes) -> bool:
    names = names_in(text_of(line))[0]
    return any(names) and set(needs) <= set(names)


def header_of(start: bytes, needs: Iterable[str] = ()) -> tuple[list[str], str]:
    """The column names of a CSV file, by its first bytes, and what separates them: a comma, semicolon or tab.

    They are in the first of twenty lines that has all names that it ``needs``; where none has, in the first that is not blank.
    ``_`` in a name counts as a blank.
    """
    candidates = _first_lines(start)
    return next((one for one in candidates if set(needs) <= set(one[0])), candidates[0] if candidates else ([], ","))


@lru_cache(maxsize=4)
def _first_lines(start: bytes) -> list[tuple[list[str], str]]:
    readings = (names_in(text_of(line)) for line in islice(_BYTES_BREAK.split(start), _HEADER_WITHIN))
    return [(names, separator) for names, separator in readings if any(names)]


def names_in(line: str) -> tuple[list[str], str]:
    """The column names in a line, and what separates them."""
    readings = []
    for separator in SEPARATORS:
        cells = _strict(line, separator) or []
        readings.append(([" ".join(cell.replace("_", " ").split()) for cell in cells], separator))
    return max(readings, key=lambda reading: len(reading[0]))


def below_header(
    rows: Iterator[bytes], is_header: Callable[[list[str]], bool]
) -> tuple[list[str], str, int, Iterator[bytes]] | None:
    """The header's names, the separator, how many lines stand above it, and the lines below; None where no line of the first is one.

    Above it there may be blank lines, titles, and a spreadsheet's ``sep=;``.
    """
    for number, line in enumerate(islice(rows, _HEADER_WITHIN)):
        names, separator = names_in(text_of(line))
        if is_header(names):
            return names, separator, number, rows
    return None


def csv_rows(segments: Iterator[bytes], separator: str, width: int) -> Iterator[tuple[int, Row]]:
    """The rows below a header of ``width`` cells, each with the lines that it stands on; blank ones are left out.

    Parameters
    ----------
    segments
        The lines, as ``lines`` gives them. A line may hold breaks of another kind than the file's.
    separator, width
        What separates cells, and how many the header has.
    """
    csv.field_size_limit(LONGEST)  # of the whole process; the default is shorter than some criteria texts
    source = map(text_of, segments)
    ahead: deque[str] = deque()  # lines to be read again
    while True:
        taken: list[str] = []
        reader = csv.reader(_fed(ahead, source, taken), delimiter=separator, strict=True)
        try:
            for cells in reader:
                if len(cells) != width and (cells := _trimmed(cells, width)) is None:
                    break
                if any(cells):
                    yield len(taken), cells
                taken.clear()
            else:
                return
        except (csv.Error, _TooLongError):
            pass
        ahead.extendleft(reversed(taken))
        yield from _mended(ahead, source, separator, width)


class _TooLongError(Exception):
    """More lines than a row has were read without its end."""


def _fed(ahead: deque[str], source: Iterator[str], taken: list[str]) -> Iterator[str]:
    """The lines for the reader, noted in ``taken`` as they are until the row ends."""
    while True:
        line = ahead.popleft() if ahead else next(source, None)
        if line is None:
            return
        taken.append(line)
        if len(taken) > _MOST_LINES:
            raise _TooLongError
        yield (line if '"' in line or line.isprintable() else _BREAK.sub(" ", line)) + "\n"


def _mended(ahead: deque[str], source: Iterator[str], separator: str, width: int) -> Iterator[tuple[int, Row]]:
    """The row that begins with the first line of ``ahead``, which is not as it should be; its lines are taken away."""

    def next_line() -> str | None:
        if len(looked) == len(ahead) and (line := next(source, None)) is not None:
            ahead.append(line)
        return ahead[len(looked)] if len(looked) < len(ahead) else None

    first = ahead[0]
    looked = [first]
    cells, is_open = _lenient(first, separator)
    if not is_open and (row := _one_line(first, cells, separator, width)):
        ahead.popleft()
        yield 1, row
        return
    if len(cells) > width and _BREAK.search(first):
        ahead.popleft()
        ahead.extendleft(reversed(_BREAK.split(first)))
        yield from _mended(ahead, source, separator, width)
        return
    text, row = first, None
    while row is None and (is_open or len(cells) < width) and len(looked) <= _MOST_LINES:
        line = next_line()
        if line is None or _begins_a_row(line, separator, width):
            break
        looked.append(line)
        text += " " + line
        cells, is_open = _lenient(text, separator)
        row = None if is_open else _trimmed(cells, width)
    if row is None:
        row, text = _one_line(first, _lenient(first, separator)[0], separator, width), first
        looked = [first] if row is not None else looked
    at_end = len(looked) == len(ahead) and next_line() is None
    for _ in looked:
        ahead.popleft()
    if row is not None:
        yield len(looked), row
    elif any(looked):
        yield len(looked), _broken(first, "\n".join(looked), separator, width, at_end=at_end)


def _one_line(line: str, cells: list[str], separator: str, width: int) -> list[str] | None:
    plain = _BREAK.sub(" ", line)
    strict = _strict(plain, separator)
    return (strict and _trimmed(strict, width)) or _trimmed(cells, width)


def _broken(first: str, text: str, separator: str, width: int, *, at_end: bool) -> BrokenRowError:
    cells, is_open = _lenient(first, separator)
    if is_open and at_end:
        why = "the file ends within a row: cut off, or a quotation mark is never closed. Export it again"
        return CutOffError(why, text)
    return BrokenRowError(
        f"{len(cells)} cells where the header has {width}; the row is cut off, shifted, or not readable as CSV", text
    )


def _begins_a_row(line: str, separator: str, width: int) -> bool:
    """Whether a line is a row by itself, or begins with a registration number as no line within a row does."""
    cells, is_open = _lenient(line, separator)
    if not any(cells):
        return False
    numbers = registration_numbers(cells[0]) if len(cells[0]) < _LONGEST_NUMBER else []
    return (not is_open and _trimmed(cells, width) is not None) or (len(numbers) == 1 and len(cells) > 1)


def _trimmed(cells: list[str], width: int) -> list[str] | None:
    """The cells without empty ones beyond the header; None where they do not fit it. A blank line fits."""
    if len(cells) == width or not any(cells):
        return cells
    return cells[:width] if len(cells) > width and not any(cell.strip() for cell in cells[width:]) else None


def _strict(line: str, separator: str) -> list[str] | None:
    """The cells of one line by the rules of CSV; None where it breaks them."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return None


def _lenient(line: str, separator: str) -> tuple[list[str], bool]:
    """The cells of one line in which quotation marks may stand as in any text, and whether one cell's last mark is missing.

    A cell is in quotation marks where it begins with one and the next that ends a cell is not preceded by others.
    """
    cells: list[str] = []
    parts = _BREAK.sub(" ", line).split(separator)
    place = 0
    missing = False
    while place < len(parts):
        last, whole = place, parts[place]
        if whole[:1] == '"':
            while (end := _end_of_quoted(whole)) < 0 and last + 1 < len(parts):
                last += 1
                whole += separator + parts[last]
            if end == len(whole) - 1:
                cells.append(_unquoted(whole))
                place = last + 1
                continue
            missing |= end < 0
            whole = parts[place]
        cells.append(whole)
        place += 1
    return cells, missing


def _end_of_quoted(text: str) -> int:
    """The place of the mark that ends a text in quotation marks; -1 where none does."""
    hidden = text[0] + re.sub(r'\\"|""', "..", text[1:])
    return hidden.find('"', 1)


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('\\"', '"').replace('""', '"')
