"""What readers share: records and rejects told apart, a row's cells under our names, plain text, phases.

A reader is a module of this folder that has a ``NAME``:

- ``recognises(head)``: whether the first bytes of a file (of each of its parts) are of this format;
- ``items(path)``: what the file holds, one at a time, each with its line, an exception in place of one that cannot be read;
- ``record(item, *, snapshot)``: the item as a row of table ``records`` (its columns are in ``evlib.base.schema``), or
  ValueError with the reason;
- ``texts(item)``, where the format has them: its summary and criteria of eligibility, as a row of table ``summaries``.

A reader with ``number_and_words(item)`` is asked first: an item that is not asked for by them is ``Passed``; where that raises an error of
``record``, it is read. Where a reader ``ASKS_FIRST``, its ``items`` also takes ``Asked`` and how many processes may look for it in a large
file, and may itself give ``Passed``.

Where a reader has ``columns_of(items, *, snapshot)``, it makes the same of some items at once, as columns, or raises an error of ``record``
where one of them is to be read by itself.

Where a file may have a record on each line, ``is_on_lines(path)`` tells it, and ``of_lines(rows)`` gives the items of some lines, None for
a blank one; ``side_by_side`` then reads large files.

Where its rows state the day of their export, ``STATES_DAY_IN`` names their column.

For a CSV file ``csv_export`` gives the first two, and ``cells``, ``dates`` and ``identity`` the parts of the third. For
other files ``unpack.numbered`` gives the second. Where dates such as 03/04/2020 may come, ``dates_in_one_order`` around the items
settles for each column whether the month comes first.

What a field states and nobody understands is ``Unread``, in place of its value: the record stays, and ``remarks`` name the field.
"""

from __future__ import annotations

import gc
import html
import json
import re
import unicodedata
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache, partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from evlib.base.dates import day_after, day_or_month, has_two_readings, month_stands_first, order_shown
from evlib.base.identifiers import registration_numbers, registry_of
from evlib.base.query import FIELDS, may_match
from evlib.base.schema import (
    DAYS_OF_STATUS,
    ESTIMATED,
    MULTI,
    CsvRows,
    checked,
    columns,
    csv_rows_of_columns,
    join_multi,
    split_multi,
)
from evlib.ingest.registries.unpack import FileRemark, Passed, csv_rows, header_of

if TYPE_CHECKING:
    import pandas as pd  # else where it is needed, so that a search of a large file starts without it

CHUNK = 10_000  # items that are held at a time
RUN = 50  # items of which columns are made at once
MAX_TEXT = 1_000_000  # characters of one field; the longest that registries have are far below

_NOT_LATER = ("registered_text", "first_submitted", "last_update")  # days that lie before the retrieval
_NOT_COMPARED = ("trn", "snapshot", "unread", "first_retrieved", *ESTIMATED, *DAYS_OF_STATUS)  # or not of a source
_COMPARED = [name for name in columns("records") if name not in _NOT_COMPARED]
_OF_RECORD = (ValueError, TypeError, KeyError, AttributeError)  # what a reader raises where an item is no record
_REMARK_TEXT = 200  # characters of an unread text that a remark shows
_MISSING = 0
_NOT_READ = b""  # of a record that is ``Passed``
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # and halves of a character, which no file can hold

Items = Iterable[tuple[int, Any]]
# By ``key_of`` a number the file of its record, and what tells its values from others, or a function that gives that for records of a part.
Seen = dict[int | str, tuple[str, "bytes | Callable[[], Seen]"]]
Row = Mapping[str, Any]
Columns = dict[str, list]


class Unread(NamedTuple):
    """In place of a value that a source states and that was not understood: what stands there, and why it was not read."""

    text: str
    reason: str


class Asked(NamedTuple):
    """What is asked for before records are read: these numbers, and texts with a place of each pattern (``query.needed``)."""

    numbers: Collection[str] = ()
    patterns: Sequence[str] | None = None  # None: no text is asked for


def key_of(trn: str) -> int | str:
    """A registration number as it is remembered: one of ClinicalTrials.gov, of which there may be millions, by its digits alone."""
    return int(trn[3:]) if re.fullmatch("NCT[0-9]{8}", trn) else trn


def asked_first(items: Items, number_and_words: Callable[[Any], tuple[str, str]], asked: Asked) -> Items:
    """The items, ``Passed`` in place of those that are not asked for."""
    decided = (Passed, Exception, FileRemark)
    for line, item in items:
        if not isinstance(item, decided):
            with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                number, words = number_and_words(item)
                by_words = asked.patterns is not None and may_match(words, asked.patterns)
                if not by_words and number not in asked.numbers:
                    item = Passed([key_of(number)])
        yield line, item


def words_of(row: Row, columns: Mapping[str, str | tuple[str, Callable[[Any], Any]]]) -> str:
    """The words that a query reads of a row, as they stand in the cells that ``columns`` (see ``cells``) names for them."""
    places = (columns[name] for name in FIELDS if name in columns)
    return "\n".join(_texts([row.get(place if isinstance(place, str) else place[0]) for place in places]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


class Tables(NamedTuple):
    """Rows of one file: tables ``records``, ``rejects`` and ``remarks``, in each of which there may be none; and how many were ``passed``."""

    records: pd.DataFrame
    rejects: pd.DataFrame
    remarks: pd.DataFrame
    passed: int = 0
    written: CsvRows | None = None  # the records, where they were made into text at once; ``records`` is empty then


class Gathered(NamedTuple):
    """The rows that become ``Tables``: those of table ``records`` as the columns of some and of the next, the others one by one."""

    records: list[Columns]
    rejects: list[dict[str, Any]]
    remarks: list[dict[str, Any]]
    passed: int = 0
    written: tuple | None = None  # ``CsvRows`` in place of the records


def batches(
    items: Items, record: Callable[[Any], dict[str, Any]], *, file: str | Path, as_csv: bool = False, **how: Any
) -> Iterator[Tables]:
    """The tables of what is ``gathered``, which takes the same; with ``as_csv`` the records are ``written``, if they can be at once."""
    for part in gathered(items, record, file=file, **how):
        part = as_text(part) if as_csv else part
        yield tables(together(part.records), part.rejects, file, *part[2:4], part.written and CsvRows(*part.written))


def as_text(part: Gathered) -> Gathered:
    """The records as they are written, where that can be done without making a table of them."""
    written = [csv_rows_of_columns(some, "records") for some in part.records]
    if None in written:
        return part
    filled = {name: sum(some.filled[name] for some in written) for name in columns("records")}
    text = b"".join(some.text for some in written)
    return part._replace(records=[], written=(text, sum(some.n for some in written), filled))


def gathered(
    items: Items,
    record: Callable[[Any], dict[str, Any]],
    *,
    file: str | Path,
    seen: Seen,
    columns_of: Callable[[list[Any]], Columns] | None = None,
    again: Callable[[], Seen] | None = None,
) -> Iterator[Gathered]:
    """The rows of ``CHUNK`` items at a time, so that a file of any size can be read; one at least.

    Parameters
    ----------
    items
        Pairs of a line (or running) number and what stands there. An exception in place of an item is a reject, a ``FileRemark`` a
        remark on the file. Of what is ``Passed``, only the numbers are noted.
    record
        Makes one row of table ``records`` or raises ValueError, TypeError, KeyError or AttributeError. A field of the row may be
        ``Unread``; it is then missing, named in ``unread``, and a remark. With ``PART_OF`` in place of a value, a row is one of several
        that make one record (a trial of the EU register, country by country): it comes last, made of all of them, and all but
        the first are rejects.
    file
        Where the items come from, for the rejects.
    seen
        The registration numbers that were read, here and from earlier files; it is added to. Of a number that comes
        twice the first record is kept; the later one is a reject that names the fields in which they differ.
    columns_of
        Makes the same of some items at once, as columns, or raises one of these errors.
    again
        Gives ``seen`` of these items alone; what tells values apart is then made only where a number comes twice.
    """
    name = Path(file).name
    good: list[Columns] = []
    rows: list[dict] = []  # that follow them
    bad: list[dict] = []
    remarks: list[dict] = []
    parts: dict[str, dict[str, Any]] = {}  # the rows of one record, by number
    not_read = (name, _NOT_READ)
    n_good = n_passed = 0
    for line, item in _at_once(items, partial(_new, columns_of, seen, name, again)) if columns_of else items:
        if isinstance(item, FileRemark):
            remarks.append({"file": name} | item._asdict())
            continue
        if isinstance(item, Passed):
            new = dict.fromkeys(item.keys, not_read)
            if len(new) == len(item.keys) and seen.keys().isdisjoint(new):
                seen.update(new)
                n_passed += len(new)
                continue
            for place, key in enumerate(item.keys, start=line):
                if key in seen:
                    trn = f"NCT{key:08d}" if isinstance(key, int) else key
                    reason = _repeated(*seen[key], name, _NOT_READ)
                    bad.append({"file": name, "line": place, "trn": trn, "reason": reason})
                else:
                    seen[key] = not_read
                    n_passed += 1
            continue
        if isinstance(item, _AtOnce):
            good += [*_columns(rows), item.columns]
            n_good += len(item.columns["trn"]) + len(rows)
            rows = []
        else:
            try:
                if isinstance(item, Exception):
                    raise ValueError(str(item))
                row = record(item)
                unread = _unread(row)
                is_part = row.pop(PART_OF, False)
            except _OF_RECORD as error:
                bad.append({"file": name, "line": line, "trn": _claimed_number(item), "reason": _reason(error)})
            else:
                [prints] = _prints(*_columns([row]))
                where, earlier = seen.setdefault(key_of(row["trn"]), (name, prints))
                if earlier is prints or (is_part and row["trn"] in parts):
                    place = {"file": name, "line": line, "trn": row["trn"]}
                    remarks += [place | {"field": field, **what._asdict()} for field, what in unread]
                if earlier is prints and is_part:
                    parts[row["trn"]] = row
                elif earlier is prints:
                    rows.append(row)
                else:
                    earlier = _made(seen, key_of(row["trn"])) if callable(earlier) else earlier
                    reason = _repeated(where, earlier, name, prints)
                    if is_part and row["trn"] in parts:
                        parts[row["trn"]] = _joined(parts[row["trn"]], row)
                        reason = f"{_FURTHER_PART} {reason}"
                    bad.append({"file": name, "line": line, "trn": row["trn"], "reason": reason})
        if n_good + len(rows) + len(bad) >= CHUNK:
            yield Gathered([*good, *_columns(rows)], bad, remarks, n_passed)
            good, rows, bad, remarks, n_good, n_passed = [], [], [], [], 0, 0
    yield Gathered([*good, *_columns([*rows, *parts.values()])], bad, remarks, n_passed)


class _AtOnce(NamedTuple):
    """In place of some items of which all are records that were not seen before."""

    columns: Columns


def _at_once(items: Items, new: Callable[[list[Any]], Columns | None]) -> Items:
    """The items, ``_AtOnce`` in place of a run of them where that is what they are."""
    items, run = iter(items), [()]
    while run:
        with garbage_left():
            run = list(islice(items, RUN))
            if columns := run and new([item for _, item in run]):
                run = [(run[0][0], _AtOnce(columns))]
        yield from run


def _new(
    columns_of: Callable[[list[Any]], Columns],
    seen: Seen,
    name: str,
    again: Callable[[], Seen] | None,
    items: list[Any],
) -> Columns | None:
    """The columns of some items, whose numbers are noted; None where they are to be read one by one."""
    try:
        columns = columns_of(items)
    except _OF_RECORD:
        return None
    prints = repeat((name, again)) if again else zip(repeat(name), _prints(columns))
    new = dict(zip(map(key_of, columns["trn"]), prints))
    latest = max(filter(None, chain.from_iterable(columns[field] for field in _NOT_LATER)), default="")
    if len(new) < len(items) or not seen.keys().isdisjoint(new) or latest > day_after(columns["snapshot"][0]):
        return None
    seen.update(new)
    return columns


def _made(seen: Seen, key: int | str) -> bytes:
    """What tells the values of a record from others, where that was not made before; it is noted for all records of its part."""
    again = seen[key][1]
    seen.update((one, made) for one, made in again().items() if seen.get(one, made)[1] is again)
    return seen[key][1]


@contextmanager
def garbage_left() -> Iterator[None]:
    """Objects that only their own kind still refers to are not looked for meanwhile: it takes long where many are made."""
    was_looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_looked_for:
            gc.enable()


def _columns(rows: list[dict[str, Any]]) -> list[Columns]:
    return (
        [{name: [row.get(name) for row in rows] for name in dict.fromkeys(chain.from_iterable(rows))}] if rows else []
    )


def together(parts: list[Columns]) -> Columns:
    """The columns of some records and of those that follow them as one."""
    names = dict.fromkeys(chain.from_iterable(parts))
    absent = [[None] * len(part["trn"]) for part in parts]
    return {name: list(chain.from_iterable(map(dict.get, parts, repeat(name), absent))) for name in names}


def _prints(columns: Columns) -> list[bytes]:
    """Of each record a number for each of its values, which tells it from others, in each process the same, as ``hash`` would not be."""
    none = [_MISSING] * len(columns["trn"])
    numbers = [
        [_MISSING if value is None else crc32(str(value).encode("utf-8", "replace")) for value in columns[name]]
        if name in columns
        else none
        for name in _COMPARED
    ]
    size = 4 * len(_COMPARED)
    together = array("I", chain.from_iterable(zip(*numbers))).tobytes()
    return [together[at : at + size] for at in range(0, len(together), size)]


PART_OF = "part of a record"
_FURTHER_PART = (
    "one more row of a record that has several: its countries, other numbers and earliest days are in the record, too;"
)
_EARLIEST = ("registered_text", "first_submitted", "start_date")
_ALL_OF = ("countries", "secondary_trns", "source_urls")


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One row of two of the same record: the earliest days, all countries, other numbers and addresses; of the rest what the first says."""
    row = {name: other.get(name) if one.get(name) is None else one[name] for name in one | other}
    for name in _EARLIEST:
        row[name] = min(filter(None, (one.get(name), other.get(name))), default=None)
    for name in _ALL_OF:
        row[name] = join_multi(dict.fromkeys([*split_multi(one.get(name)), *split_multi(other.get(name))]))
    row["last_update"] = max(filter(None, (one.get("last_update"), other.get("last_update"))), default=None)
    row["unread"] = join_multi(name for name in split_multi(row.get("unread")) if row.get(name) is None)
    return row


def _unread(row: dict[str, Any]) -> list[tuple[str, Unread]]:
    """The row's fields that were not understood, which are then missing in it and named in ``unread``."""
    latest = day_after(row["snapshot"])
    for field in _NOT_LATER:
        day = row.get(field)
        if day is not None and not isinstance(day, Unread) and day > latest:
            row[field] = Unread(day, f"lies after the day of retrieval ({row['snapshot']})")
    unread = []
    if Unread in map(type, row.values()):
        unread = [(field, value) for field, value in row.items() if isinstance(value, Unread)]
        row |= {field: None for field, _ in unread}
        row["unread"] = join_multi(field for field, _ in unread)
    return unread


def tables(
    good: list[dict] | Columns,
    bad: list[dict],
    file: str | Path,
    remarks: Iterable[dict] = (),
    passed: int = 0,
    written: CsvRows | None = None,
) -> Tables:
    """The tables of these rows of a file; of each there may be none."""
    import pandas as pd

    records = pd.DataFrame(good, columns=None if good else ["trn", "trn_kind", "registry", "snapshot"])
    rejects = pd.DataFrame(bad, columns=["file", "line", "trn", "reason"])
    said = pd.DataFrame(remarks, columns=columns("remarks"))
    said["text"] = said.text.str.slice(0, _REMARK_TEXT)
    records = checked(records, "records", source=str(file))
    return Tables(records, checked(rejects, "rejects"), checked(said, "remarks"), passed, written)


def csv_export(
    *needed: str, repeated: Iterable[str] = ()
) -> tuple[Callable[[bytes], bool], Callable[[str | Path], Items]]:
    """``recognises`` and ``items`` of a reader of CSV files, recognised by the columns that they have.

    Parameters
    ----------
    needed
        Columns that every file of the form has, and no other form has together.
    repeated
        Columns that the form itself has twice, and that the reader does not use.
    """
    rows = partial(csv_rows, needs=needed, repeated=repeated)
    return lambda head: set(needed) <= set(header_of(head, needed)[0]), rows


def identity(text: str, *, registry: str, column: str) -> dict[str, str]:
    """``trn, trn_kind, registry`` of a record whose registry issued its number; ValueError where the text, which stands
    under ``column``, does not hold one number of that registry."""
    numbers = registration_numbers(str(text or ""))
    if len(numbers) != 1 or registry_of(numbers[0]) != registry:
        raise ValueError(f"no {registry} number: {column} is {text!r}")
    return {"trn": numbers[0], "trn_kind": "number", "registry": registry}


def cells(row: Row, columns: Mapping[str, str | tuple[str, Callable[[Any], Any]]]) -> dict[str, Any]:
    """The row's cells under our names: each as plain text, or as the function beside its column's name makes it; None where there is none.

    A cell that cannot be read (the function raises ValueError, TypeError, KeyError or AttributeError) is ``Unread``.

    Examples
    --------
    >>> cells({"Title": "A <b>trial</b>", "Size": "12"}, {"brief_title": "Title", "enrolment": ("Size", count)})
    {'brief_title': 'A trial', 'enrolment': 12}
    >>> cells({"Size": "many"}, {"enrolment": ("Size", count)})["enrolment"].text
    'many'
    """
    made: dict[str, Any] = {}
    for ours, theirs in columns.items():
        column, read = (theirs, plain_text) if isinstance(theirs, str) else theirs
        try:
            cell = row.get(column)
            made[ours] = None if cell is None else _understood(cell, read)
        except _OF_RECORD as error:
            made[ours] = Unread(_shown(cell), f"{column}: {_reason(error)}")
    return made


def _understood(cell: Any, read: Callable[[Any], Any]) -> Any:
    value = read(cell)
    if value is None and isinstance(cell, str) and plain_text(cell):
        raise ValueError("nothing in it was understood")
    return value


def column_of(values: list[Any], read: Callable[[Any], Any], if_plain: list[str | None] | None = None) -> list[Any]:
    """The cells of one column at once, each as ``cells`` makes it; an error where one of them cannot be read.

    What is surely plain text of the cells ``if_plain`` is taken as it is.

    Examples
    --------
    >>> column_of(titles := ["A trial", "of <b>cells</b>", None], plain_text, titles)
    ['A trial', 'of cells', None]
    """
    if if_plain is not None:
        cells = ["" if cell is None else cell for cell in if_plain]
        doubts = _not_surely_plain(cells)
        return [
            _understood(value, read) if doubt else cell or None for value, cell, doubt in zip(values, cells, doubts)
        ]
    if all(value is None or type(value) is str for value in values):
        known = {value: None if value is None else _understood(value, read) for value in set(values)}
        return [known[value] for value in values]
    return [None if value is None else _understood(value, read) for value in values]


def if_plain(texts: list[str]) -> str:
    """The one cell of several texts, if they are plain; else something that is not."""
    once = dict.fromkeys(texts)
    cell = MULTI.join(once)
    return cell if cell.count("|") == len(once) - 1 else "\t"  # which is not plain


def _not_surely_plain(texts: list[str]) -> list[Any]:
    """For each text whether ``_is_plain`` might deny it, or it has a backslash (what of it may not be plain, and nothing where there is none)."""
    together = "\0" + "\0".join(texts) + "\0"
    for blanks in ("  ", "\0 ", " \0", "_x000D_"):
        together = together.replace(blanks, blanks.replace(" ", "\t").replace("_x", "\t"))
    left = together.encode(errors="surrogatepass").translate(None, _SURELY_PLAIN).split(b"\0")[1:-1]
    return left if len(left) == len(texts) and len(together) <= MAX_TEXT else [True] * len(texts)


def _shown(cell: Any) -> str:
    try:
        text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return f"a {type(cell).__name__}"
    return " ".join(_CONTROL.sub(" ", text[: 2 * _REMARK_TEXT]).split())


_NOT_DECIDED = "may have the day or the month first, and nothing in the file tells which"


def dates(row: Row, columns: Mapping[str, Sequence[str]]) -> dict[str, str | Unread | None]:
    """The row's dates under our names: of several columns, the first that holds a date.

    A date that cannot be read, or of which the day and the month cannot be told apart, is ``Unread``; see ``dates_in_one_order``.
    """
    read: dict[str, str | Unread | None] = {}
    for ours, theirs in columns.items():
        read[ours] = unread = None
        for name in theirs:
            try:
                cell = row.get(name)
            except (ValueError, TypeError) as error:
                unread = unread or Unread("", f"{name}: {_reason(error)}")
                continue
            text = cell.strip() if isinstance(cell, str) else "" if cell is None else _shown(cell)
            if not text:
                continue
            if day := _day_told(text):
                read[ours] = day
                break
            why = _NOT_DECIDED if has_two_readings(text) else "not read as a date"
            unread = unread or Unread(_shown(text), f"{name}: {why}")
        if read[ours] is None:
            read[ours] = unread
    return read


@lru_cache(maxsize=1 << 16)
def _day_told(text: str) -> str | None:
    """The one day or month that a date can be read as."""
    return day_or_month(text, month_first=None) or (None if has_two_readings(text) else day_or_month(text))


def column_of_dates(texts: list[str | None]) -> list[str | None]:
    """The dates of one column, as ``dates`` reads them; an error where there is one that it would not."""
    days = [None if text is None else _day_told(text.strip()) for text in texts]
    if days.count(None) != texts.count(None):
        raise ValueError("not read as a date")
    return days


def orders_of_dates(
    rows: Callable[[], Iterator[tuple[int, Any]]],
    columns: Mapping[str, Sequence[str]],
    *,
    month_first: bool | None = None,
) -> Callable[[], dict[str, bool | None]]:
    """For each column with dates whether the month comes first, once for one file; the rows are read when it is first asked for.

    A day beyond the 12th in any row tells the order of its column; where a column tells none, the other columns do, if they agree;
    else it is the usual order of the source. None for a column that tells both, or where nothing tells.

    Parameters
    ----------
    rows
        Gives the rows from the beginning.
    columns
        The columns with dates, as for ``dates``.
    month_first
        The usual order of the source: whether its months come first; None where none is known.
    """

    @cache
    def orders() -> dict[str, bool | None]:
        shown: dict[str, set[str]] = {name: set() for names in columns.values() for name in names}
        for _, row in rows():
            for name, texts in shown.items() if isinstance(row, dict) else ():
                if (text := row.get(name)) and order_shown(text) is not None:
                    texts.add(text)
        agreed = month_stands_first(text for texts in shown.values() for text in texts)
        usual = month_first if agreed is None else agreed
        return {name: month_stands_first(texts, usual=usual) for name, texts in shown.items()}

    return orders


def dates_in_one_order(
    rows: Callable[[], Iterator[tuple[int, Any]]],
    columns: Mapping[str, Sequence[str]],
    orders: Callable[[], dict[str, bool | None]],
) -> Iterator[tuple[int, Any]]:
    """The rows of one file, dates such as 03/04/2020 in them as YYYY-MM-DD, each column in one order of day and month.

    Where ``orders`` (see ``orders_of_dates``) has none for a column, its dates that can be read in two ways stay as they are, and
    ``dates`` sets them aside. A ``FileRemark`` at the end names the order of each column that has such dates.
    """
    doubtful: set[str] = set()
    number = 0
    for number, row in rows():
        for names in columns.values() if isinstance(row, dict) else ():
            for name in names:
                text = row.get(name)
                if not text:
                    continue
                start = text[:4]
                if ("/" in start or "-" in start or not text.isascii()) and has_two_readings(text):
                    doubtful.add(name)
                    if (order := orders()[name]) is not None:
                        row = row | {name: day_or_month(text, month_first=order)}
                elif len(names) > 1 and not day_or_month(text, month_first=None):
                    continue
                break  # the first column that holds a date
        yield number, row
    for name in sorted(doubtful):
        said = _ORDERS[orders()[name]]
        yield number, FileRemark(ORDER, f"{name}: {said.split(',')[0]}", f"{name}: {said}")


ORDER = "order of dates"  # the field of a remark on a file with dates such as 03/04/2020
_ORDERS = {
    True: "month first, as in 12/31/2020",
    False: "day first, as in 31/12/2020",
    None: "not known, day or month may come first; dates that could be either were not read",
}


def secondary_numbers(texts: Iterable[Any], *, besides: str) -> str | None:
    """The registration numbers in the texts, each once, without the record's own."""
    numbers = [number for text in texts if text for number in registration_numbers(str(text))]
    return join_multi(dict.fromkeys(number for number in numbers if number != besides)) if numbers else None


def several(values: Iterable[Any] | None) -> str | None:
    """Several values as one cell of plain texts, each once."""
    values = values if isinstance(values, list) else list(values or ())
    try:
        once = dict.fromkeys(values)
        cell = MULTI.join(once)
    except TypeError:  # not all of them are texts
        once, cell = {}, ""
    if _is_plain(cell) and cell.count("|") == len(once) - 1:
        return cell
    return join_multi(dict.fromkeys(filter(None, map(plain_text, values))))


def listed(values: Any) -> list[Any]:
    """The values of a list; of a text alone one. ValueError for anything else, None and missing ones left out."""
    if isinstance(values, list):
        return [value for value in values if value is not None] if None in values else values
    if values is not None and not isinstance(values, str):
        raise ValueError("not a list")
    return [values] if values else []


def yes_no(text: str | None) -> bool | None:
    """Whether a cell says yes; None where it is blank. Raises ValueError where it says neither yes nor no."""
    said = (text or "").strip().lower()
    if said and said not in _YES_NO:
        raise ValueError("neither yes nor no")
    return _YES_NO.get(said)


_YES_NO = {"yes": True, "no": False, "true": True, "false": False, "has results": True, "no results available": False}


def count(value: Any) -> int | None:
    """A number of people: 30, "30.0", "1,200", "30 participants", "30 (estimated)", "n = 30"; None where it is blank.

    Raises ValueError for anything else: "about 30", "20-30", a number below 0 or of more than nine digits.

    Examples
    --------
    >>> [count(text) for text in (45.0, "1,200", "1 200", "30 patients", " ")]
    [45, 1200, 1200, 30, None]
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a count")
    return _count_of(str(value))


@lru_cache(maxsize=1 << 14)
def _count_of(text: str) -> int | None:
    plain = " ".join(unicodedata.normalize("NFKC", text).split()).strip("; ")
    if not plain:
        return None
    match = _COUNT.fullmatch(plain)
    if not match:
        raise ValueError("not a count")
    return int(re.sub(r"\D", "", match[1]))


_PEOPLE = (
    "patients|participants|subjects|persons|people|individuals|volunteers|cases|adults|children|healthy volunteers"
)
_COUNT = re.compile(
    rf"(?:n ?= ?)?(\d{{1,9}}|\d{{1,3}}(?:[, ]\d{{3}}){{1,2}})(?:\.0+)?(?: (?:{_PEOPLE}))?(?: ?\([^()\d]*\))?",
    re.IGNORECASE | re.ASCII,
)


@lru_cache(maxsize=1 << 12)
def phases(text: str | None) -> str | None:
    """The phases that a registry's words name, as one cell; see ``phase_names``."""
    return join_multi(phase_names(text))


def plain_text(value: Any) -> str | None:
    """A value as one line of plain text, its encoding repaired and HTML left out; None where nothing remains.

    Raises ValueError for a text longer than ``MAX_TEXT``.
    """
    if value is None or value == "":
        return None
    text = str(value)
    if _is_plain(text):
        return text
    if len(text) > MAX_TEXT:
        raise ValueError(f"a field of {len(text)} characters ('{text[:20]}…'); no registry has one that long")
    text = text.replace("_x000D_", " ")
    if not text.isascii():
        text = _repaired(text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text)
    if "  " not in text and text.isprintable():
        return text.strip() or None
    return " ".join((text if text.isprintable() else _CONTROL.sub(" ", text)).split()) or None


@lru_cache(maxsize=16)  # a brief title is often the official one, too
def _repaired(text: str) -> str:
    from ftfy import fix_encoding  # here, as it takes long to load and many files are plain ASCII
    from ftfy.badness import is_bad

    return fix_encoding(text) if is_bad(text) else text


def _is_plain(text: str) -> bool:
    """Whether a text surely is one line of plain text within ASCII."""
    return (
        text.isascii()
        and text[:1] > " " < text[-1:]
        and len(text) <= MAX_TEXT
        and len(text.encode().translate(None, _NOT_PLAIN)) == len(text)
        and "  " not in text
        and not ("_" in text and "_x000D_" in text)
    )


_NOT_PLAIN = bytes(range(32)) + b"\x7f<&"
_SURELY_PLAIN = bytes(set(range(128)).difference(_NOT_PLAIN, b"\\"))


def phase_names(text: str | None) -> list[str]:
    """The phases that a registry's words name: "Phase 1", "Phase 2", …; other words are kept as they are.

    Sentences with yes and no ("Therapeutic exploratory (Phase II): yes") count where they say yes. A day in place of a
    phase is what a spreadsheet made of "1-2" or "2-3" (2 March for "2-3"), and is read back.
    """
    text = (text or "").strip()
    if damaged := re.fullmatch(r"20\d\d-0([1-4])-0([0-4])(?: 00:00:00)?", text):
        return [f"Phase {damaged[2]}", f"Phase {damaged[1]}"]
    asked = re.findall(r"\(Phase (IV|III|II|I)\)\s*:\s*(yes|no)", text, re.IGNORECASE)
    if asked:
        return [f"Phase {_ROMAN[numeral.upper()]}" for numeral, said in asked if said.lower() == "yes"]
    if re.fullmatch(r"early[ _-]?phase ?(?:1|I)", text, re.IGNORECASE):
        return ["Early Phase 1"]
    numerals = re.findall(r"\b(?:phase[ _-]*)?(IV|III|II|I|[0-4])\b", text, re.IGNORECASE)
    looks_like_phases = re.fullmatch(r"(?:(?:phase|and|to|[\s/,|+_-]|IV|III|II|I|[0-4])+)", text, re.IGNORECASE)
    if numerals and looks_like_phases:
        return [f"Phase {_ROMAN.get(numeral.upper(), numeral)}" for numeral in numerals]
    return [text] if text else []


_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4"}


def _repeated(where: str, earlier: bytes, name: str, later: bytes) -> str:
    pairs = zip(_COMPARED, array("I", earlier), array("I", later))
    differing = [field for field, one, other in pairs if one != other and _MISSING not in (one, other)]
    conflict = f"and differs in: {', '.join(differing)}" if differing else "with the same facts"
    if not (earlier and later):
        conflict = "(not compared, as one of the two is not asked for)"
    place = "" if where == name else f" in {where}"
    return f"registration number given before{place} {conflict}. The first record is kept."


def _claimed_number(item: Any) -> str | None:
    try:
        item = getattr(item, "text", item)  # of a row that cannot be told apart
        text = item if isinstance(item, str) else json.dumps(item, default=str) if isinstance(item, dict | list) else ""
    except (ValueError, TypeError, RecursionError):
        return None
    return next(iter(registration_numbers(text[:2000])), None)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON ({error})"
    return f"the field {error} is missing" if isinstance(error, KeyError) else str(error) or "nothing is known of why"
