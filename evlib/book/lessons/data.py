"""The data of lessons: tables of a run as CSV files, the lines that read them, and what their columns and codes mean."""

import html
import io
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import added_fields, guarded, read_csv, read_table, unguarded
from evlib.base.tables import code_labels
from evlib.book.dataset import NOT_PASSED_ON, TABLES, UNEXPLAINED, codebook, further_codebook, further_tables

_MISSING = {"keep_default_na": False, "na_values": [""]}
_WORDS = {"string": "text", "boolean": "True or False", "integer": "whole number"}


class Table(NamedTuple):
    """A table of a run, whole or with some of its columns."""

    name: str  # as the chapters call it
    file: str  # as the book does, without ``.csv``
    frame: pd.DataFrame
    book: pd.DataFrame  # of each column ``type`` and ``description``


def table_of(results: Path, name: str, file: str, *, used: Iterable[str] | None = None) -> Table:
    """A table of a run; with ``used``, its registration numbers and of its columns those that are named there.

    Raises
    ------
    InputError
        Where no codebook describes a column.
    """
    path, without = results / f"{file}.csv", NOT_PASSED_ON.get(file, [])
    frame, book = _whole(path, file, path.stat().st_mtime_ns if path.is_file() else 0)
    used = frame.columns if used is None else {"trn", *used}
    book = book[book.column.isin(used) & ~book.column.isin(without)].set_index("column")
    unknown = book.index[book.description == UNEXPLAINED]
    if len(unknown):
        raise InputError(
            f"{path.name}: a lesson uses the column '{unknown[0]}', and no codebook says what it means. Add a line to "
            f"evlib/book/{'codebook.csv' if file in TABLES else 'further_tables.csv'} (the table is '{file}')."
        )
    return Table(name, file, frame[list(book.index)], book)


@lru_cache(maxsize=64)
def _whole(path: Path, file: str, _changed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A whole table and its codebook: many lessons use the same."""
    if file in TABLES:
        frame = read_table(path, file)
        return frame, codebook([file], added=added_fields(frame, file))
    frame = read_csv(path).apply(lambda column: column.map(unguarded, na_action="ignore"))
    return frame, further_codebook(file, frame)


def as_csv(frame: pd.DataFrame) -> str:
    """A table as the text of a CSV file, with days as YYYY-MM-DD, guarded against formulas."""
    return guarded(frame).to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")


def reading(table: Table, *, place: str = "", published: str = "") -> str:
    """The statement that reads a table with pandas; ``place`` is the code in place of the file's name."""
    shown = pd.read_csv(io.StringIO(as_csv(table.frame)), **_MISSING)
    types, dates = {}, []
    for column, kind in table.book.type.items():
        if kind == "date":
            dates.append(column)
        elif kind in ("integer", "boolean"):
            types[column] = "Int64" if kind == "integer" else "boolean"
        elif kind == "string" and not (pd.api.types.is_string_dtype(shown[column]) and shown[column].notna().any()):
            types[column] = "str"
        elif kind == "number" and table.file in TABLES and not pd.api.types.is_float_dtype(shown[column]):
            types[column] = "float64"
    options = [f"dtype={json.dumps(types)}"] * bool(types) + [f"parse_dates={json.dumps(dates)}"] * bool(dates)
    options += [f"{option}={value if value is False else json.dumps(value)}" for option, value in _MISSING.items()]
    where = f"  # or: {published}/{table.file}.csv" if published else ""
    lines = "".join(f"    {option},\n" for option in options)
    return f"{table.name} = pd.read_csv(\n    {place or json.dumps(f'{table.file}.csv')},{where}\n{lines})"


def published_at(search_date: str, protocol: dict) -> str:
    """The address at which GitHub Pages publishes the edition's files; empty where GitHub's workflows do not tell whose it is."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY", "")
    owner, _, repository = name.partition("/")
    if server != "https://github.com" or not repository:
        return ""
    place = {protocol.get("default_search_date"): "", protocol.get("replication_date"): f"/editions/{search_date}"}
    return f"https://{owner.lower()}.github.io/{repository}{place[search_date]}" if search_date in place else ""


def dictionary(tables: Iterable[Table], protocol: dict) -> str:
    """What the columns of tables, and the codes in them, mean, as Markdown."""
    rows_are = TABLES | further_tables()
    parts = []
    for table in tables:
        rows = "\n".join(
            f"| `{column}` | {_WORDS.get(facts.type, facts.type)} | {escaped(facts.description)}{codes_in_words(table.frame[column], protocol)} |"
            for column, facts in table.book.iterrows()
        )
        what = f"{len(table.frame)} rows; each is {escaped(rows_are.get(table.file, 'a line of the table'))}."
        parts.append(
            f"**`{table.name}`**, from `{table.file}.csv`: {what}\n\n| column | it is a | meaning |\n| --- | --- | --- |\n{rows}"
        )
    return "\n\n".join(parts)


def codes_in_words(values: pd.Series, protocol: dict) -> str:
    """The meaning of each code that stands in a column, where all that stands there are codes of the protocol."""
    criteria = {code: facts["text"] for code, facts in protocol.get("criteria", {}).items()}
    name = str(values.name)
    codes = criteria if name == "criterion" else code_labels({"codes": {}} | protocol, name)
    held = set(values.dropna())
    if not held or not held <= set(codes):
        return ""
    return ". Codes: " + "; ".join(f"`{code}` {escaped(label)}" for code, label in codes.items() if code in held)


def escaped(text: str) -> str:
    """Text for a cell of a table in Markdown."""
    return html.escape(text, quote=False).replace("|", "\\|")
