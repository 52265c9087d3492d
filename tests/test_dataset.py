"""The data set: every column explained, valid by the tools of its formats, and the same in CSV and Parquet."""

import json
import zipfile
from fnmatch import fnmatchcase

import duckdb
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from frictionless import Package
from rocrate.rocrate import ROCrate

from evlib.base.files import write_text
from evlib.base.schema import columns, read_csv, read_table, write_table
from evlib.base.words import save_numbers
from evlib.book.dataset import (
    FURTHER,
    LEFT_OUT,
    TABLES,
    UNEXPLAINED,
    citation_words,
    codebook,
    further_codebook,
    further_tables,
    write_dataset,
)


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


def test_how_to_cite_follows_the_citation_file(tmp_path):
    facts = {"title": "A title", "version": "9.8", "date-released": "2026-01-02", "authors": [{"name": "Some people"}]}
    facts["authors"].append({"family-names": "Doe", "given-names": "J."})
    said = {}
    for doi in (None, "10.1000/made.up"):
        write_text(tmp_path / "c.cff", yaml.safe_dump(facts | ({"doi": doi} if doi else {})))
        said[doi] = citation_words(tmp_path / "c.cff", search_date="2024-02-17", snapshot="2026-11-28")
    without, with_doi = said.values()
    assert "no DOI yet" in without["citation_doi"] and "doi" not in (without["citation"] + without["citation_bibtex"])
    assert not with_doi["citation_doi"] and all(
        "10.1000/made.up" in with_doi[f"citation{x}"] for x in ("", "_bibtex", "_ris")
    )
    log = {name: f"\n## {name}\n\n- A change.\n" for name in ("Not yet released", "9.8 (2026-01-02)")}
    cited = {
        name: citation_words(tmp_path / "c.cff", search_date="2024-02-17", snapshot="2026-11-28", change_log=text)
        for name, text in log.items()
    }
    assert "9.8 and later changes" in cited["Not yet released"]["citation"]
    assert "Not yet released" in cited["Not yet released"]["citation_released"]
    assert "later" not in cited["9.8 (2026-01-02)"]["citation"]
    assert (
        "year = {2026}" in without["citation_bibtex"] and "PY  - 2026" in without["citation_ris"]
    )  # not of the search date
    for text in (without[f"citation{x}"] for x in ("", "_bibtex", "_ris")):
        assert all(fact in text for fact in ("A title", "9.8", "2024-02-17", "2026-11-28", "Some people", "Doe, J."))


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


def test_every_table_of_a_run_is_in_it_or_left_out_for_a_reason_and_every_column_is_explained(unpacked, run_of):
    results = run_of("2024-02-17")
    made = {path.stem for path in results.glob("*.csv")}
    held = {path.stem for path in (unpacked / "csv").glob("*.csv")}
    assert made - held == made & LEFT_OUT.keys()
    assert all(LEFT_OUT.values()) and not held & LEFT_OUT.keys()
    assert held == {path.stem for path in (unpacked / "parquet").glob("*.parquet")}
    assert not TABLES.keys() & further_tables().keys()
    book = read_csv(unpacked / "codebook.csv")
    assert book[(book.description == UNEXPLAINED) | book.description.isna()].empty
    for table in sorted(held):
        assert book.column[book.table == table].tolist() == read_csv(unpacked / f"csv/{table}.csv").columns.tolist()


def test_no_explanation_waits_for_a_table_or_column_that_no_run_has(unpacked):
    """Of the tables that chapters derive; what an update adds is not in this run."""
    said = read_csv(FURTHER).dropna(subset="column")
    said = said[~said.table.isin(["headlines", "trial_changes", "record_changes", "prisma2020_update"])]
    for table, own in said.groupby("table"):
        columns = read_csv(unpacked / f"csv/{table}.csv").columns
        assert not [form for form in own.column if not any(fnmatchcase(name, form) for name in columns)], table


def test_a_column_that_is_new_or_of_another_type_is_kept_as_text():
    frame = pd.DataFrame({"n_included": ["3", "many"], "search_date": ["2024-01-31", None], "brand_new": ["a", "b"]})
    book = further_codebook("by_date", frame).set_index("column")
    assert book.type.to_dict() == {"n_included": "string", "search_date": "date", "brand_new": "string"}
    assert book.description["brand_new"] == UNEXPLAINED != book.description["n_included"]


def test_parquet_holds_the_numbers_of_derived_tables(unpacked):
    ours = read_csv(unpacked / "csv/effects.csv")
    theirs = duckdb.read_parquet(str(unpacked / "parquet/effects.parquet")).df()
    assert theirs.estimate.tolist() == pytest.approx(ours.estimate.astype(float).tolist(), nan_ok=True)
    assert theirs.columns.tolist() == ours.columns.tolist() and len(theirs) == len(ours)


@pytest.mark.parametrize("table", TABLES)
def test_parquet_holds_what_csv_holds(unpacked, table):
    ours = read_table(unpacked / f"csv/{table}.csv", table)
    ours = ours[read_csv(unpacked / f"csv/{table}.csv").columns]  # summaries are left out
    theirs = duckdb.read_parquet(str(unpacked / f"parquet/{table}.parquet")).df()
    assert theirs.columns.tolist() == ours.columns.tolist()
    assert len(theirs) == len(ours)
    for name in ours:
        pd.testing.assert_series_equal(theirs[name].astype(ours[name].dtype), ours[name])
