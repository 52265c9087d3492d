"""The folders of evlib: few modules in each, and imports between them that point one way."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT, put

PACKAGE = ROOT / "evlib"
FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def linted(folder):
    """Look at the imports of the package in a folder, by the contracts of its pyproject.toml."""
    pytest.importorskip("importlinter", reason="import-linter is not installed: make setup")
    command = [sys.executable, "-P", "-c", LINT, "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)


def test_imports_between_folders_point_one_way():
    done = linted(ROOT)
    assert done.returncode == 0 and "1 kept, 0 broken" in done.stdout, done.stdout + done.stderr


def test_imports_the_other_way_are_found_inside_functions_too(tmp_path):
    wrong = {"base/errors": "doses.parse", "screen/judging": "ingest.sources", "audit/claims": "run.sweep"}
    for path in [*PACKAGE.rglob("*.py"), ROOT / "pyproject.toml"]:
        put(tmp_path, path.relative_to(ROOT).as_posix(), path.read_bytes())
    for module, imported in wrong.items():
        with (tmp_path / "evlib" / f"{module}.py").open("a", encoding="utf-8") as file:
            file.write(f"\n\ndef late():\n    import evlib.{imported}\n")
    done = linted(tmp_path)
    assert done.returncode == 1
    for module, imported in wrong.items():
        assert f"evlib.{module.replace('/', '.')} -> evlib.{imported}" in done.stdout, done.stdout


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_a_folder_has_few_enough_modules_to_look_through(folder):
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert len(modules) <= (8 if folder == PACKAGE else 14), sorted(modules)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_needs_no_module_of_the_run_or_the_book(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert not re.search(r"evlib\.(run|book)\b|from evlib import .*\b(run|book)\b", code)
