"""The day on which an export was retrieved is the same in every copy of the project."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from conftest import RAW, export, project_copy, put

from evlib.base.errors import InputError
from evlib.base.files import today
from evlib.base.rawdata import copy_shipped
from evlib.base.schema import read_csv
from evlib.ingest.retrieval import day_and_basis, day_of, note_days, snapshots, source_files
from evlib.ingest.sources import named_sources, raw_sources
from evlib.run.pipeline import notebooks, run

HEADER = ("TrialID", "Public title", "Source Register", "Export date")
ROW = ("NCT00000001", "A trial", "ClinicalTrials.gov")
UNSAID = export((*ROW, ""), header=HEADER)


def exported(raw, name, content=UNSAID, *, changed="2024-05-01"):
    path = put(raw / "exports", name, content)
    os.utime(path, (pd.Timestamp(changed).timestamp(),) * 2)
    return path


def noted(raw):
    return (raw / "exports/retrieved.csv").read_bytes()


def test_a_day_is_noted_once_and_then_holds_in_every_copy(tmp_path):
    raw = tmp_path / "raw"
    path = exported(raw, "in/mine.csv")
    assert day_and_basis(path) == ("2024-05-01", "change") and not (raw / "exports/retrieved.csv").exists()
    note_days(raw)
    rows = read_csv(raw / "exports/retrieved.csv")
    assert rows[["file", "retrieved"]].values.tolist() == [["in/mine.csv", "2024-05-01"]]
    first = noted(raw)
    clone = tmp_path / "clone"
    shutil.copytree(raw, clone)
    exported(clone, "in/mine.csv", changed="2025-01-01")
    note_days(clone)
    assert noted(clone) == first and snapshots(raw) == snapshots(clone) == ["2024-05-01"]
    assert named_sources(clone / "exports") == raw_sources(clone, snapshot="2024-05-01")  # neither README nor table
    (clone / "exports/in/mine.csv").rename(clone / "exports/another name.csv")
    assert snapshots(clone) == ["2024-05-01"]


def test_a_run_notes_the_day_and_another_copy_has_the_same_results(tmp_path):
    project, said = project_copy(tmp_path / "one"), []
    for later in notebooks(project)[1:]:
        later.unlink()
    exported(project / "data/raw", "mine.csv")
    folder = run(project, search_date="2024-02-17", say=said.append)
    assert b"mine.csv" in noted(project / "data/raw")
    retrieved = pd.read_csv(folder / "sources.csv").set_index("file").retrieved
    assert retrieved["mine.csv"] == "2024-05-01"
    shutil.copytree(project, tmp_path / "two")
    exported(tmp_path / "two/data/raw", "mine.csv", changed="2026-01-01")
    run(tmp_path / "two", search_date="2024-02-17", say=said.append)
    assert "nothing to do" in said[-1]
    assert not any("MIND" in text for text in said)
    with pytest.raises(InputError, match="newest records, of 2024-05-01"):
        run(project, search_date="2024-06-01", records=exported(tmp_path, "by itself.csv"), say=said.append)
    assert "MIND: by itself.csv: counts with the day of the file's last change" in said[-1]
    with pytest.raises(InputError, match="newest records, of 2024-05-01"):
        run(project, search_date="2024-06-01", records=project / "data/raw/exports", say=said.append)
    assert len([text for text in said if "MIND" in text]) == 1


def test_changed_bytes_add_a_row_and_leave_the_others(tmp_path):
    exported(tmp_path, "mine.csv")
    note_days(tmp_path)
    first = noted(tmp_path)
    exported(tmp_path, "mine.csv", UNSAID + "\n", changed="2024-06-01")
    note_days(tmp_path)
    assert noted(tmp_path).startswith(first) and noted(tmp_path).count(b"\n") == first.count(b"\n") + 1
    assert snapshots(tmp_path) == ["2024-06-01"]


@pytest.mark.parametrize(
    ("name", "stated", "expected"),
    [
        ("2024-03-01/mine.csv", "2024-02-28 10:00:00", ("2024-02-28", "rows")),
        ("2024-03-01/mine.csv", "2024-03-28 10:00:00", ("2024-03-28", "rows")),
        ("2024-03-01-2/mine.csv", "", ("2024-03-01", "name")),
        ("ictrp_2024-03-01.csv", "", ("2024-03-01", "name")),
        ("2024-03-01/until 2022-12-31.csv", "", ("2024-03-01", "name")),
        ("2024-03-01 to 2024-04-01.csv", "", ("2024-05-01", "change")),
        ("120240-03-010.csv", "2999-01-01", ("2024-05-01", "change")),
    ],
)
def test_what_the_rows_or_the_name_state_wins(tmp_path, name, stated, expected):
    path = exported(tmp_path, name, export((*ROW, stated), header=HEADER))
    assert day_and_basis(path) == expected
    note_days(tmp_path)
    assert (tmp_path / "exports/retrieved.csv").exists() == (expected[1] == "change")
    source = raw_sources(tmp_path, snapshot="9999")[0]
    assert source.day == expected[0]


def test_the_newest_day_of_some_rows_counts_for_the_file_and_a_clock_that_was_wrong_does_not(tmp_path):
    rows = [
        ("NCT00000001", "A", "x", ""),
        ("NCT00000002", "B", "x", "2024-02-01"),
        ("NCT00000003", "C", "x", "2024-01-31"),
    ]
    assert day_of(exported(tmp_path, "a.csv", export(*rows, header=HEADER))) == "2024-02-01"
    table = "trn,trn kind,registry,snapshot\nNCT1,number,x,2024-02-03\nNCT2,number,x,2024-02-02\n"
    assert day_of(exported(tmp_path, "records.csv", table)) == "2024-02-03"
    assert day_of(exported(tmp_path, "b.csv", changed="2096-01-01")) == today()
    note_days(tmp_path)
    assert day_and_basis(tmp_path / "exports/b.csv") == (today(), "noted")


def test_runs_at_once_lose_no_row(tmp_path):
    for number in range(8):
        exported(tmp_path, f"{number}.csv", UNSAID + "\n" * number)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(note_days, [tmp_path] * 8))
    rows = read_csv(tmp_path / "exports/retrieved.csv")
    assert len(rows) == rows.sha256.nunique() == 8


def test_of_two_rows_for_one_file_the_earlier_day_counts_and_a_slip_is_named(tmp_path):
    path = exported(tmp_path, "mine.csv")
    note_days(tmp_path)
    table = tmp_path / "exports/retrieved.csv"
    row = table.read_text().splitlines()[1]
    with table.open("a") as file:
        file.write(row.replace("2024-05-01", "30/04/2024") + "\n")  # merged, and saved by a spreadsheet
    assert day_and_basis(path) == ("2024-04-30", "noted")
    with table.open("a") as file:
        file.write(row.replace("2024-05-01", "05/04/2024") + "\n")
    with pytest.raises(InputError, match=r"retrieved\.csv, line 4: .*05/04/2024"):
        snapshots(tmp_path)


@pytest.mark.parametrize("name", ["notes.dat", "2027-03-01/notes.dat"])
def test_a_file_that_no_reader_recognises_is_named_by_a_run_and_has_no_day(tmp_path, name):
    exported(tmp_path, name, b"call the sponsor")
    path = exported(tmp_path, "mine.csv")
    note_days(tmp_path)
    assert read_csv(tmp_path / "exports/retrieved.csv").file.tolist() == ["mine.csv"]
    assert snapshots(tmp_path) == ["2024-05-01"]  # no search reaches further by it
    assert {source.path.name for source in raw_sources(tmp_path, snapshot="2024-05-01")} == {"mine.csv", "notes.dat"}
    path.unlink()
    assert snapshots(tmp_path)


def test_a_table_that_cannot_be_written_is_named_with_the_remedy(tmp_path, monkeypatch):
    exported(tmp_path, "mine.csv")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(InputError, match=r"retrieved\.csv cannot be written.*mine\.csv.*2026-06-30/"):
        note_days(tmp_path)
    assert not (tmp_path / "exports/retrieved.csv").exists()


def test_the_days_of_retrieval_are_those_of_snapshots_searches_and_exports(tmp_path):
    copy = copy_shipped(RAW, tmp_path / "raw")
    shipped = sorted(path.name for path in (copy / "registries").iterdir())
    assert snapshots(copy) == shipped
    put(copy / "registries", "2027-02-01/page-0001.json.gz", b"")
    put(copy / "exports", "2027-03-01/export.csv", UNSAID)
    put(copy / "exports", ".DS_Store", b"")
    exported(copy, "another.csv", changed="2020-03-17")
    assert snapshots(copy) == ["2020-03-17", *shipped, "2027-02-01", "2027-03-01"]
    assert [path.name for path in source_files(copy, until="2022-01-31")] == ["records.jsonl", "another.csv"]
    put(copy / "registries", "2026-13-01/records.jsonl", b"")
    with pytest.raises(InputError, match="2026-13-01 is named for no day"):
        snapshots(copy)
    shutil.rmtree(copy / "registries")
    assert snapshots(copy) == ["2020-03-17", "2027-03-01"]
    shutil.rmtree(copy / "exports")
    with pytest.raises(InputError, match="no records below"):
        snapshots(copy)
