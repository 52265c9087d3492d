"""The notebooks: their stored outputs are those of a run now (nbval), and they read like chapters."""

import json
import re
import shutil

import nbformat
import pytest
from conftest import ROOT, project_copy, typed

from evlib.base.dates import earlier_search_date
from evlib.run.pipeline import UPDATE

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


SANITISER = ROOT / "tests/nbval_sanitize.cfg"


def shown(path):
    """Code and outputs of each cell, as the sanitiser leaves them, without what is drawn (fonts differ between machines)."""
    text = SANITISER.read_text(encoding="utf-8")
    rules = zip(*(re.findall(rf"^{word}: (.+)$", text, re.MULTILINE) for word in ("regex", "replace")), strict=True)
    cells = nbformat.read(path, as_version=4).cells
    cells = [cell for cell in cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    rules = [*rules, (r"base64,[A-Za-z0-9+/=]+", "picture"), (r"(?s)<svg.*?</svg>", "picture")]

    def plain(value):
        if isinstance(value, str):
            for pattern, instead in rules:
                value = re.sub(pattern, instead, value)
            return value
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items() if name != "execution_count"}
        return [plain(part) for part in value] if isinstance(value, list) else value

    return [json.dumps(plain([cell.source, cell.get("outputs", [])])) for cell in cells]


def test_stored_outputs_are_those_of_a_run(run_of, review):
    """06_update, which that run has not, is looked at below."""
    results = run_of(review["default_search_date"])
    for path in NOTEBOOKS[:5]:
        stored, now = shown(path), shown(results / path.name)
        assert [cell for cell, other in zip(stored, now, strict=True) if cell != other] == [], path.name


def test_the_chapters_are_of_the_current_edition_and_the_last_compares_it_with_the_replication_date(review):
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        given = {}
        exec(next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])), given)
        assert given["search_date"] == review["default_search_date"], path.name
        earlier = given.get("earlier_date") or earlier_search_date(given["search_date"], review)
        assert earlier == review["replication_date"], path.name
        assert ("earlier_date" in given) == (path.name == UPDATE)


def test_stored_outputs_hold_as_it_is_typed_by_hand(run_of, review, tmp_path):
    """By nbval, for a chapter of the report and the one that compares; to save minutes, the results of earlier chapters are there."""
    project = project_copy(tmp_path, run_of(review["replication_date"]), run_of(review["default_search_date"]))
    sanitiser = shutil.copy2(SANITISER, project)
    chapters = "notebooks/02_screen.ipynb notebooks/06_update.ipynb"
    done = typed(project, f"pytest -q -p no:cacheprovider --nbval --nbval-sanitize-with {sanitiser} {chapters}")
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


def test_a_stored_output_that_no_run_gives_is_told(run_of, review, tmp_path):
    notebook = nbformat.read(NOTEBOOKS[1], as_version=4)
    next(cell for cell in notebook.cells if cell.get("outputs")).outputs[0] = nbformat.v4.new_output(
        "stream", text="9 trials"
    )
    nbformat.write(notebook, tmp_path / "altered.ipynb")
    altered, now = shown(tmp_path / "altered.ipynb"), shown(run_of(review["default_search_date"]) / NOTEBOOKS[1].name)
    assert sum(cell != other for cell, other in zip(altered, now, strict=True)) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_like_a_chapter(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tags = [tag for cell in code for tag in cell.metadata.get("tags", [])]
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.cells[0].source.splitlines()[0].endswith("?")
    for heading in ("**Overview**", "## What to remember", "## Try it", "**Next:**"):
        assert heading in prose
    assert tags.count("parameters") == 1
    assert tags.count("hide-cell") == 2  # the solutions
    parameters = next(cell for cell in code if "parameters" in cell.metadata.get("tags", []))
    assert 1 <= len(parameters.source.splitlines()) <= 15
    for cell in code:
        assert sum(bool(line.strip()) for line in cell.source.splitlines()) <= 15
        assert all(output.output_type != "error" for output in cell.outputs)
        assert cell.execution_count is not None
        said = [
            output.get("data", {}).get(kind, "") for output in cell.outputs for kind in ("text/html", "text/markdown")
        ]
        assert not any("dtype: " in text for text in said), "a table is printed into a sentence"


def test_the_sanitiser_hides_no_result():
    rules = SANITISER.read_text(encoding="utf-8")
    patterns = re.findall(r"^regex: (.+)$", rules, re.MULTILINE)
    assert patterns
    for result in ("62 trials", "NCT04276987", "0.97", "2×10⁸", "2024-02-17", "41 of 66", "https://x.org/a/b"):
        for pattern in patterns:
            assert not re.search(pattern, result), (pattern, result)
