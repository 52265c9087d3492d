"""One module per source format; ``stream`` reads any mix of them.

A module of this folder that has a ``NAME`` is a reader; ``common`` says what it consists of. No file is recognised by two of
them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from evlib.base.errors import NOT_WHOLE, InputError
from evlib.base.files import writing
from evlib.base.rawdata import exports_of
from evlib.base.schema import DAYS_OF_STATUS, ESTIMATED, CsvRows, append_csv, columns, csv_rows_of, write_csv
from evlib.ingest.registries.common import ORDER, Asked, Items, Seen, asked_first, batches, garbage_left, tables
from evlib.ingest.registries.side_by_side import batches_of, is_worth_it
from evlib.ingest.registries.unpack import ENCODING, heads

if TYPE_CHECKING:
    import pandas as pd  # else where it is needed, so that a search of a large file starts without it

_MODULES = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
READERS: dict[str, ModuleType] = {module.NAME: module for module in _MODULES if hasattr(module, "NAME")}


class Batch(NamedTuple):
    """Some records of one file, what of it was set aside, and what of the records was not read."""

    file: str
    format: str
    records: pd.DataFrame
    rejects: pd.DataFrame
    remarks: pd.DataFrame
    passed: int = 0  # records that are not asked for and were not read
    written: CsvRows | None = None  # see ``Tables``


def ingest_into(
    out: Path,
    paths: Iterable[str | Path],
    *,
    retrieved: str | Callable[[Path], str],
    registries: list[str],
    processes: int = 1,
) -> tuple[pd.DataFrame, list[str]]:
    """Write the records of any mix of files and folders to a folder, some thousand at a time.

    Parameters are those of ``stream``. The folder gets ``records.csv``, ``rejects.csv``, ``remarks.csv``, ``summary.csv`` and
    ``filled.csv`` (what ``filled_columns`` counts), each whole or not at all.

    Returns
    -------
    summary, losses
        Per file ``file, format, rows, records, rejects, remarks``, with rows = records + rejects; ``not_read``, the number of remarks
        on each field; ``encoding`` and ``order_of_dates`` where they are not plain. And the ``losses`` of all rejects.

    Raises
    ------
    InputError
        Where no file gives a record. Nothing is written then.
    """
    import pandas as pd

    counts, filled, lost, remarks = [], [], [], []
    first = pd.DataFrame({"file": [], "reason": []})  # the first reject
    with (
        garbage_left(),
        writing(out / "records.csv", binary=True) as records_file,
        writing(out / "rejects.csv") as rejects_file,
        writing(out / "remarks.csv") as remarks_file,
    ):
        records_file.write((",".join(columns("records")) + "\n").encode())
        for part in stream(paths, retrieved=retrieved, registries=registries, processes=processes, as_csv=True):
            records = part.written or csv_rows_of(part.records)
            records_file.write(records.text)
            append_csv(part.rejects, rejects_file)
            append_csv(part.remarks, remarks_file)
            counts.append((part.file, part.format, records.n, len(part.rejects)))
            lost += losses(part.rejects)
            filled.append(pd.Series(records.filled, name=part.format))
            remarks.append(part.remarks[["file", "line", "field", "text"]])
            first = part.rejects.head(1) if first.empty else first
        summary = pd.DataFrame(counts, columns=["file", "format", "records", "rejects"])
        summary = summary.groupby(["file", "format"], sort=False, as_index=False).sum()
        summary.insert(2, "rows", summary.records + summary.rejects)
        if not summary.records.sum():
            nothing = "no file to read. Name at least one registry export, or a folder that holds some."
            of_first = "".join(first.file + ": " + first.reason)
            raise InputError(
                f"no usable record in {len(summary)} file(s). First reason: {of_first}" if of_first else nothing
            )
    summary = summary.merge(remarks_by_file(pd.concat(remarks)), on="file", how="left").fillna({"remarks": 0})
    summary = summary.astype({"remarks": int})
    write_csv(summary, out / "summary.csv")
    write_csv(filled_columns(filled), out / "filled.csv")
    return summary, lost


def remarks_by_file(remarks: pd.DataFrame) -> pd.DataFrame:
    """What remarks say of each file: ``file, remarks, not_read, encoding, order_of_dates``.

    ``remarks`` counts those on fields of records and ``not_read`` says how many each field has; ``encoding`` and ``order_of_dates``
    (column by column) are empty where they are plain.
    """
    import pandas as pd

    of_fields = remarks[remarks.line.notna()]
    by_field = of_fields.groupby(["file", "field"]).size().reset_index(name="n")
    said = (by_field.field + " " + by_field.n.astype(str)).groupby(by_field.file).agg(", ".join)
    of_files = remarks[remarks.line.isna()]
    table = pd.DataFrame({"remarks": of_fields.groupby("file").size(), "not_read": said})
    for name, field in (("encoding", ENCODING), ("order_of_dates", ORDER)):
        own = of_files[of_files.field == field]
        table = table.join(
            own.text.groupby(own.file).agg(lambda texts: ", ".join(dict.fromkeys(texts))).rename(name), how="outer"
        )
    return table.rename_axis("file").reset_index()


def filled_columns(counts: Iterable[pd.Series]) -> pd.DataFrame:
    """How many records fill each column, by format: ``format, column, filled, records``.

    Parameters
    ----------
    counts
        For each batch, the number of records that fill each column, named by the format.
    """
    import pandas as pd

    table = pd.DataFrame(counts).groupby(level=0, sort=False).sum().rename_axis("format")
    table = table[table.trn > 0].assign(records=lambda table: table.trn).set_index("records", append=True)
    not_of_a_source = [*ESTIMATED, "first_retrieved", *DAYS_OF_STATUS, "unread"]
    long = table.drop(columns=not_of_a_source).melt(ignore_index=False, var_name="column", value_name="filled")
    return long.reset_index()[["format", "column", "filled", "records"]]


def stream(
    paths: Iterable[str | Path],
    *,
    retrieved: str | Callable[[Path], str],
    registries: list[str],
    asked: Asked | None = None,
    processes: int = 1,
    as_csv: bool = False,
) -> Iterator[Batch]:
    """The records of any mix of files and folders, some thousand at a time; each file is recognised by its content.

    Parameters
    ----------
    paths
        Files, or folders whose files are all read. Where two files hold the same number, the earlier file's record is
        kept.
    retrieved
        The date kept with each record (YYYY-MM-DD), or a function that gives it for a file.
    registries
        The registries that the protocol knows (for files in our own snapshot format).
    asked
        What is asked for; the rest need not be read, where a format allows it (see ``common``). None: everything is read.
    processes
        How many read a large file, or look through it for what is asked, where its format allows it (see ``side_by_side``); the rows are
        the same for any number.
    as_csv
        Whether several processes may give the records as ``written`` in place of a table.

    Yields
    ------
    Batch
        One at least for each file; rows of the file = records + rejects + passed of its batches. An unusable file is one reject. Of each field
        of a record that was not understood, and of a file that is not plain (its encoding, the order of its dates), there is a remark.
    """
    seen: Seen = {}
    for path in [file for named in paths for file in exports_of(named) or [Path(named)]]:
        name = "unknown"
        try:
            name = format_of(path)
            day = retrieved(path) if callable(retrieved) else retrieved
            reader = READERS[name]
            record = partial(reader.record, snapshot=day)
            if getattr(reader, "CHECKS_REGISTRIES", False):
                record = partial(record, registries=registries)
            rows = 0
            if processes > 1 and not asked and is_worth_it(reader, path):
                parts = batches_of(reader, path, snapshot=day, seen=seen, processes=processes, as_csv=as_csv)
            else:
                how = {"as_csv": as_csv}
                if asked is None and hasattr(reader, "columns_of"):
                    how["columns_of"] = partial(reader.columns_of, snapshot=day)
                parts = batches(_items(reader, path, asked, processes), record, file=path, seen=seen, **how)
            for part in parts:
                rows += (part.written.n if part.written else len(part.records)) + len(part.rejects) + part.passed
                yield Batch(path.name, name, *part)
            if not rows:
                yield _unusable(path, name, "no record in it; a header at most. Export it again.")
        except InputError as error:
            yield _unusable(path, name, str(error).removeprefix(f"{path}: "))


def _items(reader: ModuleType, path: Path, asked: Asked | None, processes: int = 1) -> Items:
    if asked is None:
        return reader.items(path)
    items = reader.items(path, asked, processes) if getattr(reader, "ASKS_FIRST", False) else reader.items(path)
    return asked_first(items, reader.number_and_words, asked) if hasattr(reader, "number_and_words") else items


def long_texts(paths: Iterable[Path], asked: Asked | None = None) -> Iterator[dict[str, Any]]:
    """Rows of table ``summaries`` from those files whose format has such texts; what cannot be read, ``stream`` tells.

    Those of records that are not ``asked`` for (see ``stream``) may be left out.
    """
    for path in paths:
        with suppress(InputError):
            reader = READERS[format_of(path)]
            for _, item in _items(reader, path, asked) if hasattr(reader, "texts") else ():
                with suppress(ValueError, TypeError, KeyError, AttributeError):
                    yield reader.texts(item)


def lines_of(path: Path, numbers: Collection[str], *, registries: list[str]) -> list[tuple[int, str]]:
    """The places of a file (line, row or running number, as its rejects have them) with records of these registration numbers.

    Each comes with its number. What cannot be read, ``stream`` tells.
    """
    found = []
    with suppress(InputError):
        reader = READERS[format_of(path)]
        known = {"registries": registries} if getattr(reader, "CHECKS_REGISTRIES", False) else {}
        for line, item in _items(reader, path, Asked(numbers)):
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                if (trn := reader.record(item, snapshot="", **known)["trn"]) in numbers:
                    found.append((line, trn))
    return found


def _unusable(path: Path, name: str, reason: str) -> Batch:
    return Batch(path.name, name, *tables([], [{"file": path.name, "reason": reason}], path))


def losses(rejects: pd.DataFrame) -> list[str]:
    """What a person must know at once: the files that are unusable or end early, each with the reason.

    Examples
    --------
    >>> import pandas as pd
    >>> rejects = pd.DataFrame({"file": ["a.csv", "b.csv"], "line": [3, None], "trn": ["A", None]})
    >>> losses(rejects.assign(reason=["a second row for this number.", "the file is empty."]))
    ['b.csv: the file is empty.']
    """
    whole_file = rejects.line.isna() & rejects.trn.isna()
    worst = rejects[whole_file | rejects.reason.str.startswith(NOT_WHOLE)]
    return list(worst.file + ": " + worst.reason)


def format_of(path: Path) -> str:
    """The one format of all parts of a file; InputError where no reader recognises it, it cannot be unpacked, or it holds
    several kinds."""
    kinds: set[str] = set()
    for start in heads(path):
        name = next((name for name, reader in READERS.items() if reader.recognises(start)), "unknown")
        if name != "unknown" and getattr(READERS[name], "FIRST_PART_DECIDES", False):
            return name
        kinds.add(name)
        if len(kinds) > 1:
            several = ", ".join(sorted(kinds))
            raise InputError(f"{path}: holds files of several kinds ({several}). Unpack it and name the files.")
    if not kinds:
        raise InputError(f"{path}: the file is empty or could not be unpacked. Export or download it again.")
    if kinds != {"unknown"}:
        return kinds.pop()
    raise InputError(f"{path}: in no format that is known ({', '.join(READERS)}). Use the registry's own export.")
