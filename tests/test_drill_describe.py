"""What CONTRIBUTING promises: a coded field is an edit of protocol.yml alone, a figure is one function and one cell."""

import json
import os
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import duckdb
import nbformat
import pytest
from conftest import project_copy, without_figures

from evlib.audit import by_search_date
from evlib.base.protocol import load_protocol
from evlib.base.schema import read_csv, read_table
from evlib.base.tables import WITHOUT_CODE
from evlib.book.build import assemble, write_downloads

DATE = "2024-02-17"
FIELD = """
  sponsor_type:
    reads: [sponsor]
    company: {label: Company, phrases: [inc, ltd, llc, co, corporation, biotech*, pharma*]}
    university: {label: University, phrases: [universit*, medical college]}
    hospital: {label: Hospital, phrases: [hospital*, clinic]}
"""
FUNCTION = '''

def trials_by_registry(described: pd.DataFrame) -> Figure:
    """Trials by registry."""
    counts = described.registry.value_counts()
    return _counted(counts.to_frame("included"), "trials_by_registry", f"{counts.index[0]} leads", _unit(described))
'''
CELL = 'bar_chart(bars.trials_by_registry(described), y="registry")'


@pytest.fixture(scope="module")
def drilled(tmp_path_factory):
    """A copy of the project with both edits, run to the third chapter, and the source of its book."""
    project = project_copy(tmp_path_factory.mktemp("drill"))
    for later in sorted((project / "notebooks").glob("0[4-9]_*.ipynb")):
        later.unlink()
    for page in set((project / "book").glob("*.md")) - {project / "book/trials.md"}:
        page.unlink()  # they name numbers of later chapters
    without_figures(
        project, "bars.trials_by(described, field", "completeness_by_year"
    )  # others than those looked at below
    protocol, bars, chapter = (
        project / name for name in ("protocol.yml", "evlib/describe/bars.py", "notebooks/03_describe.ipynb")
    )
    protocol.write_text(
        protocol.read_text(encoding="utf-8").replace("\ncodes:", f"\ncodes:{FIELD}", 1), encoding="utf-8"
    )
    bars.write_text(bars.read_text(encoding="utf-8") + FUNCTION, encoding="utf-8")
    notebook = nbformat.read(chapter, as_version=4)
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(CELL))
    nbformat.write(notebook, chapter)
    done = subprocess.run(
        [sys.executable, "-m", "evlib", "run", "--search-date", DATE],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = project / "data/processed" / DATE
    source = project / "source"
    assemble(project, results, source)
    write_downloads(project, results, source / "_extra")
    return SimpleNamespace(project=project, results=results, book=source)


def test_the_rules_fill_a_new_field_also_for_trials_coded_by_hand(drilled):
    described = read_table(drilled.results / "described.csv", "described")
    records = read_table(drilled.results / "records.csv", "records").set_index("trn")
    by_hand = described[(described.coded_by == "machine-read") & described.sponsor_type.notna()]
    assert set(by_hand.sponsor_type) == {"company", "university", "hospital", WITHOUT_CODE}
    basis = read_table(drilled.results / "coding_basis.csv", "coding_basis")
    basis = basis[(basis.field == "sponsor_type") & basis.value.notna()].set_index("trn")
    assert basis.value.to_dict() == described.dropna(subset="sponsor_type").set_index("trn").sponsor_type.to_dict()
    assert set(basis.coded_by) == {"rules"} and set(basis.found_in) == {"sponsor"}
    assert all(words in records.sponsor[trn] for trn, words in basis.words.items())


def test_the_chapter_draws_and_counts_a_new_field(drilled):
    counts = read_csv(drilled.results / "figures/trials_by_sponsor_type.csv").set_index("sponsor_type")
    described = read_table(drilled.results / "described.csv", "described")
    included = described[described.screening == "included"]
    assert int(counts.included["University"]) == (included.sponsor_type == "university").sum()
    complete = read_csv(drilled.results / "figures/completeness_by_year.csv")
    stated = complete[complete.field == "Sponsor type"].n.astype(int).sum()
    assert stated == included.sponsor_type.notna().sum()
    more = (drilled.book / "more_figures.ipynb").read_text(encoding="utf-8")
    assert "Bar chart. Sponsor type: " in more


def test_the_book_and_the_data_set_show_a_new_field(drilled):
    described = read_table(drilled.results / "described.csv", "described")
    trial = described[(described.coded_by == "machine-read") & (described.sponsor_type == "university")].trn.iloc[0]
    page = (drilled.book / f"trials/{trial}.md").read_text(encoding="utf-8")
    assert "<td>sponsor type</td><td>University</td><td>rules</td><td>sponsor</td>" in page
    assert "Sponsor type" in (drilled.book / "trials_table.html").read_text(encoding="utf-8")
    with zipfile.ZipFile(drilled.book / "_extra/evtrials.zip") as archive:
        archive.extractall(drilled.project / "unpacked")
    data = drilled.project / "unpacked/evtrials"
    for table in (
        read_csv(data / "csv/described.csv"),
        duckdb.read_parquet(str(data / "parquet/described.parquet")).df(),
    ):
        assert table.sponsor_type.value_counts().to_dict() == described.sponsor_type.value_counts().to_dict()
    book = read_csv(data / "codebook.csv").set_index(["table", "column"]).description
    assert book["described", "sponsor_type"] == "code of the sponsor type (protocol.yml)"
    package = json.loads((data / "datapackage.json").read_text(encoding="utf-8"))
    fields = next(table["schema"]["fields"] for table in package["resources"] if table["name"] == "described")
    assert any(field["name"] == "sponsor_type" and field["type"] == "string" for field in fields)


def test_the_review_by_date_shows_a_new_field(drilled):
    raw, protocol = drilled.project / "data/raw", load_protocol(drilled.project / "protocol.yml")
    inputs = by_search_date.inputs_of_run(drilled.results, raw_dir=raw, protocol=protocol)
    row = by_search_date.row_at(inputs, DATE)
    described = read_table(drilled.results / "described.csv", "described")
    n = described[described.screening == "included"].sponsor_type.value_counts()
    assert (row["sponsor_type_leader"], row["sponsor_type_leader_n"]) == (n.index[0], n.iloc[0])


def test_a_figure_is_one_function_and_one_cell(drilled):
    chapter = nbformat.read(drilled.book / "03_describe.ipynb", as_version=4)
    shown = next(cell for cell in chapter.cells if cell.source == CELL).outputs[0].data["text/html"]
    assert 'alt="Bar chart. ClinicalTrials.gov leads.' in shown
    for ending in ("svg", "png", "csv", "txt", "title.txt"):
        assert (drilled.book / f"_extra/figures/trials_by_registry.{ending}").is_file()
