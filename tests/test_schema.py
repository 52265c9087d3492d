"""Tables: what is written comes back, and what does not fit is named."""

import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.schema import (
    append_csv,
    checked,
    csv_rows_of,
    join_multi,
    read_csv,
    read_table,
    split_multi,
    write_table,
)

cells = st.text(alphabet=st.characters(exclude_categories=["C"]), min_size=1).map(str.strip).filter(bool)


@given(st.lists(cells, min_size=1, max_size=5))
def test_any_text_survives_writing_and_reading(tmp_path_factory, texts):
    frame = pd.DataFrame({"file": texts, "line": range(len(texts)), "trn": None, "reason": "r"})
    path = tmp_path_factory.mktemp("t") / "rejects.csv"
    written = write_table(frame, path, "rejects")
    pd.testing.assert_frame_equal(read_table(path, "rejects"), written)


_CELLS = st.none() | st.text(alphabet='ab,"\n é|', max_size=6)
_ROWS = st.tuples(
    _CELLS, st.none() | st.integers(-3, 3), st.none() | st.floats(), st.none() | st.booleans(), st.none() | st.dates()
)


@given(st.lists(_ROWS, min_size=1, max_size=5), st.sampled_from(["str", "object"]))
def test_a_table_is_written_as_pandas_writes_it(rows, text):
    frame = pd.DataFrame(rows, columns=["a, b", "count", "number", "flag", "day"])
    frame = frame.astype({"a, b": text, "count": "Int64", "number": "float64", "flag": "boolean"})
    frame["day"] = pd.to_datetime(frame.day, errors="coerce")
    for part in (frame, frame[["a, b"]], frame.assign(mixed=frame["count"].astype("object"))):
        written = io.StringIO(newline="")
        append_csv(part, written)
        assert written.getvalue() == part.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")
        rows = csv_rows_of(part)
        assert written.getvalue() == part.head(0).to_csv(index=False, lineterminator="\n") + rows.text.decode()
        assert (rows.n, rows.filled.to_dict()) == (len(part), part.count().to_dict())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_a_formula_is_guarded_in_the_file_and_whole_in_the_table(tmp_path, text):
    frame = pd.DataFrame({"file": [text], "line": [1], "trn": [None], "reason": ["r"]})
    write_table(frame, tmp_path / "t.csv", "rejects")
    assert f"'{text}" in (tmp_path / "t.csv").read_text()
    assert f"'{text}".encode() in csv_rows_of(frame.astype("object")).text
    assert read_table(tmp_path / "t.csv", "rejects").file[0] == text


def test_a_wrong_value_is_named_by_column_and_row():
    frame = pd.DataFrame({"file": ["f"], "line": ["many"], "trn": [None], "reason": ["r"]})
    with pytest.raises(InputError, match=r"'rejects', column 'line'.*row 1.*'many'"):
        checked(frame, "rejects")
    with pytest.raises(InputError, match="unknown columns"):
        checked(frame.assign(extra=1), "rejects")
    with pytest.raises(InputError, match="missing columns"):
        checked(frame[["line"]], "rejects")


def test_a_missing_table_says_to_run_the_notebooks_in_order(tmp_path):
    with pytest.raises(InputError, match="in order"):
        read_table(tmp_path / "records.csv", "records")


def test_na_is_text_and_only_empty_is_missing(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\nNA,\n")
    frame = read_csv(tmp_path / "t.csv")
    assert frame.a[0] == "NA"
    assert pd.isna(frame.b[0])


def test_files_that_are_no_csv_are_named(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "binary.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    for name in ("empty.csv", "binary.csv", "absent.csv"):
        with pytest.raises(InputError, match=name):
            read_csv(tmp_path / name)


@given(st.lists(cells.filter(lambda text: "|" not in text)))
def test_several_values_in_a_cell_come_back(values):
    assert split_multi(join_multi(values)) == values


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_read_as_spreadsheets_save_it(tmp_path, separator):
    path = tmp_path / "saved.csv"
    text = "trn,reason\r\nNCT00000001,Müller\r\nNCT00000002,\r\n".replace(",", separator)
    path.write_bytes(text.encode("utf-8-sig"))
    frame = read_csv(path, needs=["trn", "reason"])
    assert frame.trn.tolist() == ["NCT00000001", "NCT00000002"]
    assert frame.reason.fillna("").tolist() == ["Müller", ""]
