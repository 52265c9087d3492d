"""Tables: what is written comes back, and what does not fit is named."""

import io

import pandas as pd
import pytest
from conftest import RAW
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.schema import (
    append_csv,
    checked,
    corrected_csv,
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
        assert (rows.n, rows.filled) == (len(part), part.count().to_dict())


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


def test_a_correction_changes_its_cell_alone_and_one_that_fits_no_cell_or_has_no_words_is_named(tmp_path):
    path, beside = tmp_path / "arms.csv", tmp_path / "corrections.csv"
    path.write_text("arm_id,arm,n\na1,EVs,\na2,EVs,8\n")
    head, line = (
        "file,key,column,was,value,words,read_from,decided_by,date\n",
        "arms.csv,a1,n,,9,nine treated,note,Ana,\n",
    )
    beside.write_text(head + line + line.replace("arms.csv", "studies.csv"))
    assert corrected_csv(path).fillna("").values.tolist() == [["a1", "EVs", "9"], ["a2", "EVs", "8"]]
    for wrong in (line.replace(",n,,9", ",n,7,9"), line.replace("nine treated", ""), line.replace(",n,", ",m,")):
        beside.write_text(head + line + wrong)
        with pytest.raises(InputError, match=r"corrections\.csv, line 3:"):
            corrected_csv(path)


DECIDED = ("corrections", "coding_decisions", "comparisons_told", "disease_groups_of_trials")
DECIDED += ("told_of_trials", "possible_reports")


def test_every_shipped_correction_fits_its_table_and_every_decision_stands_on_words_of_the_raw_data():
    names = read_csv(RAW / "curation/corrections.csv").file.unique()
    assert len(names) and all(len(corrected_csv(RAW / f"curation/{name}")) for name in names)
    sources = [path for path in RAW.glob("curation/*.csv") if path.stem not in DECIDED]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*sources, *RAW.glob("registries/*/records.jsonl")])
    for name in DECIDED:
        rows = read_csv(RAW / f"curation/{name}.csv", needs=["words", "read_from", "decided_by", "date"])
        assert rows[["words", "read_from", "decided_by", "date"]].notna().all(axis=None)
        assert [words for cell in rows.words for words in split_multi(cell) if words not in text] == []


def test_a_missing_table_is_told_with_the_remedy_that_can_work(tmp_path):
    for name, remedy, not_this in (
        ("data/raw/curation/doses.csv", "git checkout", "in order"),
        ("data/processed/2022-12-31/dose_verdicts.csv", "notebooks in order", "git"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / "data/raw/datapackage.json").write_text("{}")
        with pytest.raises(InputError) as error:
            read_csv(tmp_path / name)
        assert name in str(error.value) and remedy in str(error.value) and not_this not in str(error.value)
