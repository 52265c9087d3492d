"""Tables that people and other tools fill in, as spreadsheets save them: found in their file and read row by row.

A row that cannot be told apart is set aside with its line; it never costs the rows around it.
"""

import csv
import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.identifiers import registration_numbers
from evlib.base.schema import checked, encoding_by_hand

_SEPARATORS = ",;\t|"
_HEADER_WITHIN = 25  # lines in which the header is looked for
_MOST_LINES = 500  # lines that one row may stand on
_LONGEST = 2**27  # characters of a cell
_NO_WIDTH = re.compile(r"[\u200b-\u200d\u2060\ufeff]")
_NOT_CSV = "not readable as CSV: a quotation mark is never closed, or stands within a text. Mend the row in its file."
_BEYOND = "stands beyond the last column that has a name. Put a text that holds separators in quotation marks."

Lines = list[tuple[int, str]]


class Sheet(NamedTuple):
    """A table in a file.

    ``file`` names it, and its sheet. ``rows`` holds text, missing where a cell is blank; its index is the line in the file, less 2. ``rejects`` is a table
    ``rejects``. ``above`` is what stands above the header.
    """

    file: str
    rows: pd.DataFrame
    rejects: pd.DataFrame
    above: list[str]


def text_by_hand(path: str | Path) -> str:
    """The text of a file that a person or a program saved: UTF-8, UTF-16 or that of Excel on Windows (cp1252).

    Raises
    ------
    InputError
        Where it is missing or in another encoding.
    """
    try:
        data = Path(path).read_bytes()
        return data.decode(encoding_by_hand(data)).removeprefix("\ufeff").replace("\0", "")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a readable text ({error}). Save it as UTF-8.") from error


def read_sheet(path: str | Path, *, names: Collection[str], needs: Collection[str] = ()) -> Sheet:
    """The table in a CSV file that a person or a program saved.

    Its header is the line, of the first ones, with most of the ``names``: in any case, with blanks around them or words in
    parentheses behind them. Cells are separated as there: by commas, semicolons, tabs or bars. Above it there may be blank lines,
    titles, and a spreadsheet's ``sep=;``.

    Parameters
    ----------
    path
        The file.
    names
        The columns that are used, in small letters; they are called so in the rows, others as they are.
    needs
        Those of them without which the file is none of ours.

    Returns
    -------
    Sheet
        Its rows without the blank ones. Rejects are rows that are not readable as CSV, that have cells beyond the header, or that
        say different things in a used column which the header has twice.

    Raises
    ------
    InputError
        Where the file is missing, in another encoding, empty, or lacks a column that it needs; one with a similar name is told.
    """
    csv.field_size_limit(_LONGEST)  # of the whole process; the default is shorter than some abstracts
    lines = _lines(text_by_hand(path))
    place, separator = _place_of_header(lines, names)
    cells, used = _row_at(lines, place, separator)
    header = [_name(cell, names) for cell in cells or ()]
    if not any(header):
        raise InputError(f"{path}: not a readable CSV table (it has no header). Save it as UTF-8, comma separated.")
    if absent := [name for name in needs if name not in header]:
        near = difflib.get_close_matches(absent[0], [name for name in header if name not in names], n=1)
        called = f": there is one called '{near[0]}'" if near else ""
        raise InputError(f"{path}: the column '{absent[0]}' is missing{called}. The file needs: {', '.join(needs)}.")
    above = [line for _, line in lines[:place] if line.strip() and not re.fullmatch(r"sep=.\s*", line, re.IGNORECASE)]
    rows = _rows(lines[place + used :], separator, header)
    return _sheet(rows, header, names, file=Path(path).name, above=above)


def read_workbook(path: str | Path, *, names: Collection[str]) -> Iterator[Sheet]:
    """The tables in a workbook (XLSX), one for each of its sheets that is not empty, as ``read_sheet`` gives them.

    A sheet whose header has fewer than two of the ``names`` is one reject. InputError where the file is no workbook.
    """
    import openpyxl  # here, as few runs read a workbook

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        sheets = {sheet.title: [[_cell(value) for value in row] for row in sheet.values] for sheet in book.worksheets}
        book.close()
    except Exception as error:  # openpyxl raises what the XML below it happens to raise
        raise InputError(f"{path}: not a readable workbook ({error}). Save it as CSV (UTF-8).") from error
    for title, cells in sheets.items():
        file = f"{Path(path).name}, sheet {title}"
        place = max(range(min(len(cells), _HEADER_WITHIN)), key=lambda at: _known(cells[at], names), default=0)
        filled = [(number, row) for number, row in enumerate(cells, start=1) if any(row)]
        if filled and _known(cells[place], names) > 1:
            header = [_name(cell, names) for cell in cells[place]]
            yield _sheet(((n, row) for n, row in filled if n > place + 1), header, names, file=file, above=[])
        elif filled:
            reason = f"none of its {len(filled)} rows was read: no header with the columns of a known tool."
            yield Sheet(file, pd.DataFrame(dtype="str"), _rejects(file, [(None, "", reason)]), [])


def plain(text: str) -> str:
    """A text without blanks of any kind around it and signs of no width, full-width letters as plain ones."""
    return _NO_WIDTH.sub("", unicodedata.normalize("NFKC", text)).strip()


def _lines(text: str) -> Lines:
    """The lines of a text with their numbers, ended as the file's rows end; a mark of another kind stays within its line."""
    both = text.count("\r\n")
    end = "\r\n" if 2 * both > text.count("\n") else "\n" if "\n" in text else "\r"
    lines, number = [], 1
    for line in text.split(end):
        lines.append((number, line.removesuffix("\r")))
        number += 1 + line.count("\n")
    return lines


def _place_of_header(lines: Lines, names: Collection[str]) -> tuple[int, str]:
    """Where the header stands and what separates its cells; without a known name, the first line that is not blank."""
    best, found = (-1, 0), (0, ",")
    for place in range(min(len(lines), _HEADER_WITHIN)):
        for separator in _SEPARATORS if lines[place][1].strip() else ():
            cells = _row_at(lines[: place + 5], place, separator)[0] or []
            known = _known(cells, names)
            if (known, len(cells)) > best and (known > best[0] or found[0] == place):
                best, found = (known, len(cells)), (place, separator)
    return found


def _known(cells: Iterable[str], names: Collection[str]) -> int:
    return len({_name(cell, names) for cell in cells} & set(names))


def _name(cell: str, names: Collection[str]) -> str:
    """A column's name: the one of ``names`` that it is, in any case and with or without words in parentheses, else as it is."""
    small = " ".join(plain(cell).casefold().split())
    without = re.sub(r"\s*\(.*\)$", "", small)
    return small if small in names else without if without in names else plain(cell)


def _rows(lines: Lines, separator: str, header: list[str]) -> Iterator[tuple[int, list[str] | str]]:
    """The rows below a header, each with its line; the text in place of one that is not readable."""
    place = 0
    while place < len(lines):
        number, text = lines[place]
        cells, used = _row_at(lines, place, separator, width=len(header))
        if cells and used > 1 and any(_is_row(line, separator, header) for _, line in lines[place + 1 : place + used]):
            cells, used = None, 1  # a mark that is not closed has taken the rows below
        if cells is None:
            yield number, text
        elif any(cell.strip() for cell in cells):
            yield number, cells
        place += used


def _row_at(lines: Lines, place: int, separator: str, *, width: int = 0) -> tuple[list[str] | None, int]:
    """The cells of the row that begins on a line, and how many lines it takes; None where it is not readable."""
    text = ""
    for used, (_, line) in enumerate(lines[place : place + _MOST_LINES], start=1):
        text = f"{text}\n{line}" if text else line
        if used > 1 and '"' not in line:
            continue
        try:
            return next(
                csv.reader([text if '"' in text else _on_one_line(text)], delimiter=separator, strict=True), []
            ), used
        except csv.Error as error:
            if "unexpected end of data" not in str(error):
                break
    # Marks within a text do no harm where the row has its cells all the same.
    with_marks = next(csv.reader([_on_one_line(lines[place][1])], delimiter=separator), [])
    return (with_marks if len(with_marks) == width and not lines[place][1].count('"') % 2 else None), 1


def _is_row(line: str, separator: str, header: list[str]) -> bool:
    """Whether a line by itself is a row of the table: as many cells, and a registration number where it belongs."""
    cells = next(csv.reader([_on_one_line(line)], delimiter=separator), [])
    own = header.index("trn") if "trn" in header else -1
    return len(cells) >= len(header) > own >= 0 and bool(registration_numbers(cells[own])) and len(cells[own]) < 40


def _on_one_line(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text)


def _sheet(
    numbered: Iterable[tuple[int, list[str] | str]],
    header: list[str],
    names: Collection[str],
    *,
    file: str,
    above: list[str],
) -> Sheet:
    last = max(place for place, name in enumerate(header) if name) + 1
    places: dict[str, list[int]] = {}
    for place, name in enumerate(header[:last]):
        own = name if name and (name in names or name not in places) else f"{name or 'unnamed'} {place + 1}"
        places.setdefault(own, []).append(place)
    good: dict[int, dict[str, str | None]] = {}
    bad: list[tuple[int | None, str, str]] = []
    for line, cells in numbered:
        if isinstance(cells, str):
            bad.append((line, cells, _NOT_CSV))
            continue
        beyond = next((cell.strip() for cell in cells[last:] if cell.strip()), None)
        said = {
            name: [cells[at] for at in ats if at < len(cells) and cells[at].strip()] for name, ats in places.items()
        }
        differ = next((name for name, texts in said.items() if len({text.strip() for text in texts}) > 1), None)
        if beyond or differ:
            twice = f"the column '{differ}' stands twice, with different cells: {', '.join(said.get(differ, ()))}."
            bad.append(
                (line, " ".join(cells), f"'{beyond[:40]}' {_BEYOND}" if beyond else f"{twice} Keep one of them.")
            )
        else:
            good[line - 2] = {name: next(iter(texts), None) for name, texts in said.items()}
    rows = pd.DataFrame.from_dict(good, orient="index", columns=list(places)).astype("str")
    return Sheet(file, rows, _rejects(file, bad), above)


def _rejects(file: str, bad: Iterable[tuple[int | None, str, str]]) -> pd.DataFrame:
    rows = [(file, line, next(iter(registration_numbers(text)), None), reason) for line, text, reason in bad]
    return checked(pd.DataFrame(rows, columns=["file", "line", "trn", "reason"]), "rejects")


def _cell(value: Any) -> str:
    """What a cell of a workbook holds, as CSV would have it."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
