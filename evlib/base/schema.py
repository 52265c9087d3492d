"""Every table's columns, and the only ways to read and write one.

A table is a ``pandas.DataFrame`` that passes its schema here. Several values in one cell (two countries, three
source addresses) are one text joined by ``MULTI``; empty cells are missing values. Dates are days without a time.
"""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from evlib.base.errors import InputError
from evlib.base.files import writing
from evlib.base.rawdata import PACKAGE
from evlib.base.reading.encodings import encoding_of, utf16_without_mark

if TYPE_CHECKING:
    import pandas as pd  # else where it is needed, so that a search of a large file starts without it

MULTI = " | "
_ROWS = 10_000  # that are made into text at a time
_FORMULA_STARTS = frozenset("=+-@\t\r")  # what a spreadsheet takes for a formula
_CORRECTIONS = "corrections.csv"  # beside the files that it corrects
_FORMULA = re.compile(r"\0[=+\-@\t\r]")  # such a text among others, each after a NUL
NO_SUCH_RECORD = "no such record in the sources. Correct the number, or remove the row."

# Columns of the records that evlib.ingest.registration_dates fills, not a registry.
ESTIMATED = ("registered", "registered_low", "registered_high", "registered_basis", "registered_method")
# And those that evlib.ingest.sources fills: of which day the status is, what that day is, and when the copy that shows it was read.
DAYS_OF_STATUS = ("status_day", "status_day_is", "status_read")

_TYPES = {"text": "str", "key": "str", "count": "Int64", "number": "float64", "flag": "boolean"}
_TYPES |= {"date": "datetime64[ns]"}
_NUMERIC = ("count", "number", "flag")

# Of each table the columns in order, with their kinds; text where none is named. ``described`` is made of others.
_TABLES = {
    "records": """
        trn:key trn_kind:key registry:key secondary_trns brief_title official_title acronym status study_type
        phases allocation intervention_model masking primary_purpose enrolment:count enrolment_type conditions
        keywords interventions arms msc_source_text ev_term_text route_text dose_text sponsor countries
        registered_text first_submitted registered:date registered_low:date registered_high:date
        registered_basis registered_method start_date completion_date last_update results_posted:flag
        publications source_urls note snapshot:key first_retrieved status_day status_day_is status_read unread
    """,
    "summaries": "trn:key summary eligibility",
    "rejects": "file:key line:count trn reason:key",
    "remarks": "file:key line:count trn field:key text reason:key",
    "duplicates": "trn:key kept_trn:key basis:key evidence why_kept:key",
    "proposals": """
        trn:key other_trn:key points:number title_likeness:number sponsor_likeness:number days_apart:count
        evidence
    """,
    "decisions": "trn:key stage:key reviewer:key read_by:key decision:key criterion reason date round",
    "to_screen": """
        trn:key needs:key title official_title conditions interventions arms msc_source_text ev_term_text
        summary search_words registry:key status registered:date note record_url
        proposal proposed_criterion proposed_reason decision criterion reason reviewer date
    """,
    "screened": "trn:key registry:key title outcome:key criterion decided_by needs proposal reason",
    "flow": "step:key label:key n:count",
    "trials": """
        trn:key screening:key merged_trns registry:key title record_url registered:date registered_basis
    """,
    "coded": """
        trn:key disease_area covid19:flag msc_source ev_term engineered:flag route route_group design
        phase_group study_type countries country_basis coded_by:key
    """,
    "coding_basis": "trn:key field:key value coded_by:key found_in words record_says",
    "doses": """
        trn:key arm route route_group low:number high:number unit unit_kind:key per volume_ml:number
        n_administrations:count interval particles_low:number particles_high:number as_stated told_by caveat
    """,
    "updates": """
        day:key search_date:key snapshot:key records:count read:count included:count new:count removed:count results:count
        results_added:count verdicts:key inputs:key whats_new trials
    """,
    "studies": """
        study_id:key study trn trn_link doi_or_url msc_derived:flag disease disease_group source_urls allocation masking
        report_type read_from year:count evidence_note
    """,
    "arms": """
        arm_id:key study_id:key arm is_control:flag n:count route source_cell ev_isolation ev_characterisation dose_low
        dose_high dose_unit dose_as_reported doses_per_course:number interval course_days:number note role:key
    """,
    "outcomes": """
        arm_id:key name timepoint value n_events:count n_total:count mean:number sd:number effect ci_low:number ci_high:number
        p direction:key primary:flag comparison better_when
    """,
    "adverse_events": "arm_id:key name n_events:count n_total:count serious:flag related:flag",
    "risk_of_bias": "study_id:key tool:key domain:key reader:key judgement:key support read_from",
    "risk_of_bias_by_people": "study_id:key tool:key domain:key judgement:key reviewer:key reason:key date",
    "risk_of_bias_settled": """
        study_id:key study tool:key domain:key judgement reason judged_by:key date how_settled R1 R2 reason_R1 reason_R2
        allocation record_allocation read_from
    """,
    "report_characteristics": """
        study_id:key study year:count trn disease allocation record_allocation masking record_masking people:count comparator route
        msc_derived:flag read_from report_type evidence_note people_basis
    """,
    "product_reporting": "study_id:key item:key reader:key stated:key words read_from",
    "compared_outcomes": """
        study_id:key study trn arm_id:key arm versus_id versus comparator domain outcome:key primary:flag disease_group
        disease_area route_group randomised:flag msc_derived:flag role same_people:flag also_given n:count measure
        estimate:number low:number high:number basis why events:count versus_events:count arm_n:count versus_n:count direction
        points_to:key points_by:key p_reported p_from post_hoc shares evidence_note source_url
    """,
    "summary_of_findings": """
        disease_group route_group domain comparator reports:count reports_of_mscs:count studies:key n_people:count found:key
        certainty:key because caveats
    """,
    "harms_beside_controls": """
        study_id:key study arm role:key harm:key serious:flag n_events:count n:count share:number low:number high:number
        upper_if_none:number control control_events:count control_n:count control_upper_if_none:number difference:number
        difference_low:number difference_high:number beside:key msc_derived:flag route_group disease_group evidence_note
        source_url
    """,
    "missing_results": """
        trn:key registry:key title record_url status sponsor status_of last_update start_date completion_date completion_low:date
        completion_high:date date_is ended:flag updated_since:flag due:key result:key reports report_types publications enrolment:count
        people_are
    """,
    "printed_statistics": """
        study_id:key study arm_id:key arm versus outcome:key timepoint check:key printed counts counts_basis p_fisher:number
        p_mid:number p_chi_square:number p_yates:number p_z_difference:number p_z_log_ratio:number recomputed follows_by
        verdict:key why source_url line:count
    """,
    "product_settled": "study_id:key study item:key stated words how_settled R1 R2 words_R1 words_R2",
    "dose_response": """
        setting:key parameter:key unit prior_low:number prior_median:number prior_high:number low:number median:number
        high:number spread:number overlap:number bits:number above_zero:number study outcome basis source_url
    """,
}
_DESCRIBED_TOO = "status enrolment:count enrolment_type results_posted:flag source_urls"


def _kinds(text: str) -> dict[str, str]:
    return {name: kind or "text" for name, _, kind in (word.partition(":") for word in text.split())}


_COLUMNS = {table: _kinds(text) for table, text in _TABLES.items()}
_CODED = {name: kind for name, kind in _COLUMNS["coded"].items() if name != "trn"}
_COLUMNS["described"] = _COLUMNS["trials"] | _CODED | _kinds(_DESCRIBED_TOO)
CODED_FIELDS = [name for name in _CODED if name not in ("country_basis", "coded_by")]
_WITH_ADDED_FIELDS = ("coded", "described")  # a protocol may add coded fields: columns of text after the others


def kinds(table: str, *, added: Iterable[str] = ()) -> dict[str, str]:
    """The columns of a table with their kinds: text, key (never missing), count, number, flag or date.

    ``added`` names the coded fields that a protocol adds (its ``added_fields``), for the tables that hold them.
    """
    return _COLUMNS[table] | (dict.fromkeys(added, "text") if table in _WITH_ADDED_FIELDS else {})


def columns(table: str, *, added: Iterable[str] = ()) -> list[str]:
    """The column names of a table, in order; ``added`` as in ``kinds``."""
    return list(kinds(table, added=added))


def added_fields(frame: pd.DataFrame, table: str) -> list[str]:
    """The coded fields that a table ``coded`` or ``described`` holds because a protocol adds them."""
    return [name for name in frame.columns if name not in _COLUMNS[table]]


def checked(frame: pd.DataFrame, table: str, *, source: str = "") -> pd.DataFrame:
    """The frame with the table's columns and types, in the table's order.

    Missing optional columns are added empty. ``source`` names the file in messages. The tables ``coded`` and ``described``
    may have further columns of text, named as coded fields are: small letters, digits and ``_``.

    Raises
    ------
    InputError
        Naming the table, column, row and value that do not fit.
    """
    import pandas as pd

    spec = kinds(
        table, added=[name for name in added_fields(frame, table) if re.fullmatch(r"[a-z][a-z0-9_]*", str(name))]
    )
    unknown = [name for name in frame.columns if name not in spec]
    absent = [name for name, kind in spec.items() if kind == "key" and name not in frame.columns]
    where = f"{source}: " if source else ""
    if unknown or absent:
        what = f"unknown columns {unknown}" if unknown else f"missing columns {absent}"
        raise InputError(f"{where}the table '{table}' has {what}. Its columns are: {', '.join(spec)}.")
    frame = frame.reindex(columns=list(spec)).reset_index(drop=True)
    # A column of the right type, of numbers that become it, or without any value needs no look by pandera, which takes half a
    # millisecond for each, and long to be imported.
    sure = {
        name: pd.Series(None, index=frame.index, dtype=_TYPES[kind])
        for name, kind in spec.items()
        if (kind != "key" or frame.empty) and frame[name].dtype != _TYPES[kind] and frame[name].isna().all()
    }
    for name in [name for name, kind in spec.items() if kind in _NUMERIC and name not in sure]:
        if frame[name].dtype.kind in "bif":
            with suppress(TypeError, ValueError):  # which pandera then tells
                sure[name] = frame[name].astype(_TYPES[spec[name]])
    rest = {
        name: kind
        for name, kind in spec.items()
        if name not in sure and (frame[name].dtype != _TYPES[kind] or (kind == "key" and frame[name].isna().any()))
    }
    if not rest:
        return frame.assign(**sure)
    import pandera.pandas as pa

    schema = {name: pa.Column(_TYPES[kind], nullable=kind != "key") for name, kind in rest.items()}
    try:
        fitted = pa.DataFrameSchema(schema, coerce=True, strict=True).validate(frame[list(rest)], lazy=True)
        return frame.assign(**sure, **fitted)
    except pa.errors.SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        row = "" if pd.isna(first["index"]) else f", row {int(first['index']) + 1}"
        raise InputError(
            f"{where}the table '{table}', column '{first['column']}'{row}: {first['failure_case']!r} does not fit "
            f"({first['check']})."
        ) from error


def read_table(path: str | Path, table: str, *, without: Iterable[str] = ()) -> pd.DataFrame:
    """A table of ours from a CSV file, checked; ``without`` names columns of the file that the table lacks.

    Raises
    ------
    InputError
        Where the file is missing (naming the notebook order), unreadable, or does not fit the schema.

    Examples
    --------
    >>> flow = read_table("data/processed/2024-02-17/flow.csv", "flow")
    >>> flow.dtypes.astype(str).to_dict()
    {'step': 'str', 'label': 'str', 'n': 'Int64'}
    >>> flow.step.iloc[-1], flow.label.iloc[-1]
    ('included', 'Trials included')
    """
    path = Path(path)
    if not path.exists():
        raise InputError(_missing(path))
    types = {name: "str" if kind == "date" else _TYPES[kind] for name, kind in _COLUMNS[table].items()}
    frame = read_csv(path, dtype=defaultdict(lambda: "str", types)).drop(columns=list(without))
    texts = [name for name in frame.columns if _COLUMNS[table].get(name, "text") in ("text", "key")]
    frame[texts] = frame[texts].apply(lambda column: column.map(unguarded, na_action="ignore"))
    return checked(frame, table, source=str(path))


def read_csv(
    path: str | Path,
    *,
    needs: Iterable[str] = (),
    dtype: dict[str, str] | str = "str",
    optional: bool = False,
    by_hand: bool = False,
) -> pd.DataFrame:
    """A CSV file as text, empty cells missing and nothing else read as missing ("NA" stays "NA").

    Cells are separated by commas, semicolons or tabs, whichever the header has most of, as spreadsheets save them. An ``optional``
    file that is not there is a table of the columns that it ``needs``, without rows. A file that was filled in ``by_hand``
    may also be UTF-16 or in the encoding of Excel on Windows (cp1252).

    Raises
    ------
    InputError
        Where the file is missing, empty, not UTF-8, not CSV, or lacks a column that it ``needs``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "from_a_spreadsheet.csv"
    ...     _ = path.write_text("trn;country;n\\nNCT00000001;NA;007\\nNCT00000002;;12\\n")
    ...     print(read_csv(path, needs=["trn"]))
               trn country    n
    0  NCT00000001      NA  007
    1  NCT00000002     NaN   12
    """
    import pandas as pd

    if optional and not Path(path).exists():
        return pd.DataFrame({name: pd.Series(dtype="str") for name in needs})
    try:
        encoding = encoding_by_hand(Path(path).read_bytes()) if by_hand else "utf-8-sig"
        with Path(path).open(encoding=encoding) as file:
            separator = max(",;\t", key=file.readline().count)
        frame = pd.read_csv(path, sep=separator, dtype=dtype, keep_default_na=False, na_values=[""], encoding=encoding)
    except FileNotFoundError as error:
        raise InputError(_missing(Path(path))) from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path}: not a readable CSV table ({error}). Save it as UTF-8, comma separated.") from error
    absent = [name for name in needs if name not in frame]
    if absent:
        raise InputError(f"{path}: the column '{absent[0]}' is missing. The file needs: {', '.join(needs)}.")
    return frame


def _missing(path: Path) -> str:
    """That a table is missing, and what brings it back: raw data has a data package beside it or above it."""
    if any((folder / PACKAGE).is_file() for folder in path.absolute().parents):
        return f"{path} is missing. Restore it, for example with: git checkout -- {path}"
    return f"{path} is missing. It is written by an earlier notebook: run the notebooks in order."


def corrected_csv(path: str | Path, **how) -> pd.DataFrame:
    """A shipped table with the cells that were decided anew since: those of ``corrections.csv`` beside it.

    The file itself stays as it was shipped. Each correction has ``file, key`` (a value of the first column), ``column, was, value``,
    the ``words`` that it rests on, where they stand, who decided and when.

    Parameters
    ----------
    how
        As ``read_csv`` takes it.

    Raises
    ------
    InputError
        Naming the line of a correction that has no words, or fits no cell of the table: what it corrects was changed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path, beside = Path(folder, "arms.csv"), Path(folder, "corrections.csv")
    ...     _ = path.write_text("arm_id,n\\na1,12\\na2,8\\n")
    ...     line = "arms.csv,a2,n,8,9,nine were treated,the abstract,Ana,2026-11-29"
    ...     _ = beside.write_text(f"file,key,column,was,value,words,read_from,decided_by,date\\n{line}\\n")
    ...     corrected_csv(path).n.tolist()
    ['12', '9']
    """
    import pandas as pd

    rows, path = read_csv(path, **how), Path(path)
    needs = ["file", "key", "column", "was", "value", "words", "read_from", "decided_by"]
    corrections = read_csv(path.with_name(_CORRECTIONS), needs=needs, optional=True)
    for line, change in corrections[corrections.file == path.name].iterrows():
        cells = rows.get(change.column, pd.Series("", index=rows.index))
        same = cells.isna() if pd.isna(change.was) else cells == change.was
        own = same & (rows.iloc[:, 0] == change.key)
        if not own.any() or change[["words", "decided_by"]].isna().any():
            raise InputError(
                f"{path.with_name(_CORRECTIONS)}, line {line + 2}: it has no words or no name of who decided, or no row '{change.key}' of "
                f"{path.name} has '{change.was}' in the column '{change.column}'. Correct the line."
            )
        rows.loc[own, change.column] = change.value
    return rows


def encoding_by_hand(data: bytes) -> str:
    """How a text that a person saved is encoded: UTF-8, UTF-16, or what its bytes speak for, if that reads as text in Latin
    letters (that of Excel on Windows or a Mac, say); else UTF-8, which then fails."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if utf16 := utf16_without_mark(data):
        return utf16
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        with suppress(UnicodeDecodeError):
            name = encoding_of(data)
            # In other letters, or in a wrong encoding, signs beyond ASCII stand in rows that no Latin text has.
            if not re.search(r"\x00|[^\x00-\x7f]{4}", data.decode(name)):
                return name
    return "utf-8-sig"


def write_table(frame: pd.DataFrame, path: str | Path, table: str) -> pd.DataFrame:
    """Check a table and write it as CSV; returns the checked table.

    Text that a spreadsheet would run as a formula gets a leading apostrophe, which ``read_table`` removes again.
    The file appears whole or not at all.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> flow = pd.DataFrame({"step": ["included"], "label": ["=Trials"], "n": ["3"]})
    >>> with TemporaryDirectory() as folder:
    ...     written = write_table(flow, Path(folder) / "flow.csv", "flow")
    ...     (Path(folder) / "flow.csv").read_text(), str(written.n.dtype)
    ("step,label,n\\nincluded,'=Trials,3\\n", 'Int64')
    """
    frame = checked(frame, table)
    write_csv(frame, path)
    return frame


def write_csv(frame: pd.DataFrame, path: str | Path, *, lasting: bool = False) -> pd.DataFrame:
    """Write any frame as CSV, formula-guarded and atomically, with days as YYYY-MM-DD; returns it as it is.

    ``lasting`` as in ``evlib.base.files.writing``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"title": ["=1+1", "Exosomes"], "day": pd.to_datetime(["2024-02-17", None])})
    >>> with TemporaryDirectory() as folder:
    ...     _ = write_csv(frame, Path(folder) / "titles.csv")
    ...     (Path(folder) / "titles.csv").read_text().splitlines()
    ['title,day', "'=1+1,2024-02-17", 'Exosomes,']
    """
    with writing(path, lasting=lasting) as file:
        append_csv(frame, file)
    return frame


def append_csv(frame: pd.DataFrame, file: TextIO) -> None:
    """Write a frame's rows to an open file, formula-guarded, with the header where the file is still empty."""
    if not file.tell():
        frame.head(0).to_csv(file, index=False, lineterminator="\n")
    file.writelines(_csv_rows(frame))


class CsvRows(NamedTuple):
    """Rows of a table as they stand in a CSV file, in UTF-8; how many they are, and how many of them fill each column."""

    text: bytes
    n: int
    filled: dict[str, int]


def csv_rows_of(frame: pd.DataFrame) -> CsvRows:
    """What ``append_csv`` writes of a frame below the header.

    Examples
    --------
    >>> import pandas as pd
    >>> csv_rows_of(pd.DataFrame({"title": ["=1+1", "A"], "day": ["2024-02-17", None]})).text
    b"'=1+1,2024-02-17\\nA,\\n"
    """
    rows = [row.encode() for row in _csv_rows(frame)]
    return CsvRows(b"".join(rows), len(rows), frame.notna().sum().to_dict())


def csv_rows_of_columns(columns: dict[str, list], table: str) -> CsvRows | None:
    """What ``csv_rows_of`` gives of a table with these columns (None where a value is missing), without making it; None where ``checked`` would
    change or deny something.

    Examples
    --------
    >>> csv_rows_of_columns({"step": ["found"], "label": ["=Trials, 1"], "n": [3]}, "flow").text
    b'found,"\\'=Trials, 1",3\\n'
    """
    spec, filled, cells = kinds(table), {}, []
    n = len(next(iter(columns.values()), ()))
    none = [None] * n
    for name, kind in spec.items():
        column = columns.get(name, none)
        missing = n if column is none else column.count(None)
        filled[name] = n - missing
        if missing == n and kind != "key":
            cells.append([""] * n)
            continue
        if set(map(type, column)) - {_AS_THEY_ARE.get(kind), type(None) if kind != "key" else str}:
            return None
        if missing:
            column = ["" if cell is None else cell for cell in column]
        cells.append(list(map(str, column)) if kind in _NUMERIC else _csv_texts(column, "\0".join(column)))
    if columns.keys() - spec.keys():
        return None
    text = "".join([",".join(row) + "\n" for row in zip(*cells)])
    return CsvRows(text.encode(), n, filled)


_AS_THEY_ARE = {"text": str, "key": str, "count": int, "flag": bool}


def _csv_rows(frame: pd.DataFrame) -> Iterator[str]:
    for start in range(0, len(frame), _ROWS):
        cells = [_csv_cells(column) for _, column in frame.iloc[start : start + _ROWS].items()]
        if len(cells) == 1:
            cells = [[cell or '""' for cell in cells[0]]]  # or the line were blank
        yield from [",".join(row) + "\n" for row in zip(*cells)]


def _csv_cells(column: pd.Series) -> list[str]:
    """The cells of a column as they stand in a CSV file. Text is written here, as the csv module takes six times as long for it."""
    if column.dtype.kind not in "Oib":
        if column.isna().all():
            return [""] * len(column)
        written = column.to_csv(index=False, header=False, lineterminator="\n", date_format="%Y-%m-%d")
        return ["" if cell == '""' else cell for cell in written.split("\n")[:-1]]
    cells = column.to_numpy(dtype=object).tolist()
    if column.dtype != "str":
        cells = ["" if gone else _guarded(cell) for cell, gone in zip(cells, column.isna())]
    try:
        together = "\0".join(cells)  # most columns need no look at each of their cells
    except TypeError:  # some are missing
        cells = [cell if isinstance(cell, str) else "" for cell in cells]
        together = "\0".join(cells)
    return _csv_texts(cells, together) if column.dtype == "str" else _quoted(cells, together)


def _csv_texts(cells: list[str], together: str) -> list[str]:
    return _quoted(list(map(_guarded, cells)) if _FORMULA.search("\0" + together) else cells, together)


def _quoted(cells: list[str], together: str) -> list[str]:
    if _needs_quotes(together):
        return ['"' + cell.replace('"', '""') + '"' if _needs_quotes(cell) else cell for cell in cells]
    return cells


def _needs_quotes(text: str) -> bool:
    return "," in text or '"' in text or "\n" in text or "\r" in text


def set_aside(
    rows: pd.DataFrame, path: str | Path, problems: Iterable[tuple[pd.Series, str | pd.Series]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows of a file of readers or people into good ones and rejects.

    Parameters
    ----------
    rows
        The file as ``read_csv`` returns it, with a column ``trn``.
    path
        The file, for the rejects.
    problems
        Pairs of a mask of bad rows and what is wrong with them and what to do (one text, or one per row). A row gets
        the first reason that applies.

    Returns
    -------
    good, rejects
        The rows without a problem; and table ``rejects``, with the line of the file that each row stands on.
    """
    import pandas as pd

    reason = pd.Series(None, index=rows.index, dtype="str")
    for wrong, text in problems:
        reason = reason.mask(reason.isna() & wrong, text)
    rejects = pd.DataFrame({"file": Path(path).name, "line": rows.index + 2, "trn": rows.trn, "reason": reason})
    return rows[reason.isna()], checked(rejects.dropna(subset="reason"), "rejects")


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an apostrophe before every text that a spreadsheet would take for a formula."""
    import pandas as pd

    frame = frame.copy(deep=False)
    for name in frame.columns:
        if pd.api.types.is_string_dtype(frame[name].dtype) or frame[name].dtype == object:
            formula = [isinstance(cell, str) and cell[:1] in _FORMULA_STARTS for cell in frame[name].to_numpy(object)]
            if any(formula):
                frame[name] = frame[name].mask(formula, "'" + frame[name].astype("str"))
    return frame


def _guarded(cell: object) -> str:
    return "'" + cell if isinstance(cell, str) and cell[:1] in _FORMULA_STARTS else str(cell)


def unguarded(cell: str) -> str:
    """A text as it was before ``guarded``."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULA_STARTS else cell


def join_multi(values: Iterable[str] | None) -> str | None:
    """Several values as one cell, with ``?`` for half a character, which no file can hold; None where there are none."""
    texts = [str(value).replace("|", "/").strip() for value in values or () if value is not None]
    cell = MULTI.join([text for text in texts if text])
    return (cell if cell.isascii() else cell.encode(errors="replace").decode()) or None


def split_multi(cell: object) -> list[str]:
    """The values of one cell; an empty list where it is missing."""
    return cell.split(MULTI) if isinstance(cell, str) and cell else []
