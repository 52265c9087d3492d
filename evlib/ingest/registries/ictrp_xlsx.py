"""WHO ICTRP: the XLSX that the search portal exports, with the columns of its CSV."""

import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from evlib.base.errors import InputError
from evlib.ingest.registries.ictrp import DATES, NEEDED, STATES_DAY_IN, days_read, number_and_words, record  # noqa: F401 (also this reader's)
from evlib.ingest.registries.unpack import check_ratio, not_whole

NAME = "WHO ICTRP XLSX"
FIRST_PART_DECIDES = True  # a workbook is a zip file of parts of several kinds
_DAYS = {STATES_DAY_IN, *(name for names in DATES.values() for name in names)}
_SERIALS = (20_000, 70_000)  # numbers that are days: from 1954 to 2091
_HEADER_WITHIN = 20  # rows in which the header is looked for
_LARGEST = 512 * 2**20  # bytes; a workbook's shared texts are held in memory


def recognises(head: bytes) -> bool:
    """Whether the bytes are those of a workbook's first part (its list of sheets)."""
    return head.startswith(b"<") and b"spreadsheetml" in head


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The rows of all sheets below their headers, one at a time, each with its number; one exception for a sheet without a header."""
    return days_read(lambda: _rows(Path(path)))


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    import openpyxl  # here, as few runs read a workbook

    number = 0
    unread: list[str] = []
    try:
        check_ratio(path, largest=_LARGEST)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            header: list[str] = []
            above = 0
            for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                cells = [_text(value) for value in values]
                if header:
                    cells = [
                        _day(value, book.epoch) or cell if name in _DAYS else cell
                        for name, cell, value in zip(header, cells, values)
                    ]
                if header and any(cells):
                    cells += [""] * (len(header) - len(cells))
                    yield number, {name: cell for name, cell in zip(header, cells) if name}
                elif not header and number <= _HEADER_WITHIN and set(NEEDED) <= set(names := _names(cells)):
                    header = names
                else:
                    above += any(cells)
            if not header and (above or len(book.worksheets) == 1):
                unread.append(f"sheet '{sheet.title}' ({above} rows)")
        book.close()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: the workbook is cut off or broken ({error}). Export it again.") from error
    except Exception as error:  # openpyxl raises what the XML below it happens to raise
        yield number + 1, not_whole("the workbook is not readable from here on", f"{type(error).__name__}: {error}")
    for sheet in unread:
        yield 1, ValueError(f"{sheet}: no row with the columns {', '.join(NEEDED)}; not the export it looks like")


def _names(cells: list[str]) -> list[str]:
    return [" ".join(cell.replace("_", " ").split()) for cell in cells]


def _day(value: Any, epoch: datetime) -> str | None:
    """The day that a workbook counts as a number, from its own first day on; None for anything else."""
    if isinstance(value, int | float) and _SERIALS[0] <= value < _SERIALS[1]:
        return f"{epoch + timedelta(days=int(value)):%Y-%m-%d}"
    return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
