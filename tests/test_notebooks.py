"""The notebooks: their stored outputs are those of a run now (nbval), and they read like chapters."""

import re
import shutil

import nbformat
import pytest
from conftest import ROOT, project_copy, typed

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_stored_outputs_are_those_of_a_run(run_of, tmp_path):
    """As it is typed by hand on a fresh clone; to save a minute, the later of the two searches that 06_update compares is there."""
    project = project_copy(tmp_path, run_of("2026-11-22"))
    sanitiser = shutil.copy2(ROOT / "tests/nbval_sanitize.cfg", project)
    done = typed(project, f"pytest -q -p no:cacheprovider --nbval --nbval-sanitize-with {sanitiser} notebooks/")
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(r"\d+ passed", done.stdout)


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


def test_the_sanitiser_hides_no_result():
    rules = (ROOT / "tests/nbval_sanitize.cfg").read_text(encoding="utf-8")
    patterns = re.findall(r"^regex: (.+)$", rules, re.MULTILINE)
    assert patterns
    for result in ("62 trials", "NCT04276987", "0.97", "2×10⁸", "2024-02-17", "41 of 66", "https://x.org/a/b"):
        for pattern in patterns:
            assert not re.search(pattern, result), (pattern, result)
