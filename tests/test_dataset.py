"""The data set: every column explained, valid by the tools of its formats, and the same in CSV and Parquet."""

import json
import zipfile

import duckdb
import pandas as pd
import pytest
from conftest import ROOT
from frictionless import Package
from rocrate.rocrate import ROCrate

from evlib.base.files import write_text
from evlib.base.schema import columns, read_csv, read_table, write_table
from evlib.base.words import save_numbers
from evlib.book.dataset import TABLES, codebook, write_dataset


@pytest.fixture(scope="module")
def unpacked(run_of, review, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    with zipfile.ZipFile(
        write_dataset(run_of("2024-02-17"), folder / "evtrials.zip", root=ROOT, protocol=review)
    ) as archive:
        archive.extractall(folder)
    return folder / "evtrials"


def test_it_passes_no_summary_on(tmp_path, review):
    row = {"trn": "NCT00000001", "needs": "first decision", "registry": "ClinicalTrials.gov"}
    queue = pd.DataFrame([row | {"title": "=1", "summary": "Said at length", "search_words": "EVs"}])
    write_table(queue, tmp_path / "run/to_screen.csv", "to_screen")
    write_text(tmp_path / "run/summaries.csv", "trn,summary,eligibility\nNCT00000001,Said at length,\n")
    facts = {"parameters": {"search_date": "2024-02-17"}, "finished": "2026-11-28"}
    write_text(tmp_path / "run/run.json", json.dumps(facts))
    save_numbers(tmp_path / "run", "01_ingest", snapshot="2026-11-28")
    made = write_dataset(tmp_path / "run", tmp_path / "made.zip", root=tmp_path, protocol=review)
    with zipfile.ZipFile(made) as archive:
        names = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert not [
        name for name, held in names.items() if "summar" in name or b"at length" in held or b"search_words" in held
    ]
    assert b"'=1" in names["csv/to_screen.csv"]


def test_its_readme_tells_the_day_of_the_sources_that_the_first_page_tells(unpacked, run_of):
    day = json.loads((run_of("2024-02-17") / "numbers/01_ingest.json").read_text())["snapshot"]
    assert f"as their sources showed them by {day}." in (unpacked / "README.md").read_text()


def test_every_column_of_every_table_is_explained():
    book = codebook()
    assert {table: rows.column.tolist() for table, rows in book.groupby("table")} == {t: columns(t) for t in TABLES}
    assert book.description.str.len().min() > 1


def test_the_data_package_holds_by_its_own_tool(unpacked):
    report = Package(str(unpacked / "datapackage.json")).validate()
    assert report.valid, report.flatten(["name", "rowNumber", "fieldName", "message"])[:5]


def test_the_crate_is_read_by_its_own_library_and_lists_every_file(unpacked):
    crate = ROCrate(str(unpacked))
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert files - {"ro-crate-metadata.json"} == {entity.id for entity in crate.data_entities}
    assert "2024-02-17" in crate.name
    assert {"chapters/02_screen.ipynb", "protocol.yml", "requirements.lock", "LICENSE"} <= files
    assert json.loads((unpacked / "ro-crate-metadata.json").read_text())["@graph"]


@pytest.mark.parametrize("table", TABLES)
def test_parquet_holds_what_csv_holds(unpacked, table):
    ours = read_table(unpacked / f"csv/{table}.csv", table)
    ours = ours[read_csv(unpacked / f"csv/{table}.csv").columns]  # summaries are left out
    theirs = duckdb.read_parquet(str(unpacked / f"parquet/{table}.parquet")).df()
    assert theirs.columns.tolist() == ours.columns.tolist()
    assert len(theirs) == len(ours)
    for name in ours:
        pd.testing.assert_series_equal(theirs[name].astype(ours[name].dtype), ours[name])
