"""The data set: every column explained, valid by the tools of its formats, and the same in CSV and Parquet."""

import json
import zipfile

import duckdb
import pandas as pd
import pytest
from conftest import ROOT
from frictionless import Package
from rocrate.rocrate import ROCrate

from evlib.base.schema import columns, read_table
from evlib.book.dataset import TABLES, codebook, write_dataset


@pytest.fixture(scope="module")
def unpacked(run_of, review, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    with zipfile.ZipFile(
        write_dataset(run_of("2024-02-17"), folder / "evtrials.zip", root=ROOT, protocol=review)
    ) as archive:
        archive.extractall(folder)
    return folder / "evtrials"


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
    theirs = duckdb.read_parquet(str(unpacked / f"parquet/{table}.parquet")).df()
    assert theirs.columns.tolist() == ours.columns.tolist()
    assert len(theirs) == len(ours)
    for name in ours:
        pd.testing.assert_series_equal(theirs[name].astype(ours[name].dtype), ours[name])
