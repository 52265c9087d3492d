"""How long does a rerun take, and how long would it take if there were nothing to do but to start? `make bench` measures it.

    python benchmarks/bench_reruns.py [--times 5] [--suite]

All in a copy of the project as shipped. Each figure stands beside its floor, measured in the same run:

- nothing changed: `python -m evlib book` again; floor: the start of Python with the import of `evlib.__main__`;
- a new search date: all notebooks and the book, for a date that was not run before; floor: the start of each notebook's kernel
  with the notebook's imports, and a book of the same chapters with nothing in them;
- the whole test suite, where asked for; floor: the notebooks of one run.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
# All after the protocol's default date, whose results a new date is compared with: so one search is run for each of them.
DATES = ["2024-06-30", "2024-12-31", "2025-06-30", "2025-12-31", "2026-06-30"]
# Sphinx copies files while other processes write pages, and tells of these when they are done.
_PHASES = {"reading sources": "reading", "copying": "writing", "writing output": "writing", "waiting for": "writing"}


def measure(*, times: int = 5, suite: bool = False, say: Callable[[str], None] = print) -> dict[str, list[dict]]:
    """Time the reruns and their floors, and say of what a run's time is made.

    Parameters
    ----------
    times
        How often each is done (at most as often as there are ``DATES``); the median counts.
    suite
        Whether to run the whole test suite too, once.

    Returns
    -------
    dict
        ``reruns``: rows ``name, seconds, floor, all`` (each single time); ``profile``: rows ``name, seconds`` by part.
    """
    with tempfile.TemporaryDirectory(prefix="evtrials-") as folder:
        project = _copy(Path(folder) / "project")
        say("reruns: the first run and book")
        _evlib(project)
        say("reruns: nothing changed")
        same = [_evlib(project) for _ in range(times)]
        starts = [_timed([sys.executable, "-c", "import evlib.__main__"], project) for _ in range(times)]
        say("reruns: new search dates")
        new = [_evlib(project, "--search-date", day) for day in DATES[:times]]
        results = project / "data" / "processed" / DATES[:times][-1]
        say("reruns: floors")
        kernels = [sum(_imports(project).values()) for _ in range(times)]
        empty = [_empty_book(project, Path(folder) / f"empty-{number}") for number in range(times)]
        rows = [
            _row("nothing changed", same, starts),
            _row("a new search date: notebooks and book", new, [a + b for a, b in zip(kernels, empty, strict=True)]),
        ]
        say("reruns: the profile")
        profile = _profile(project, results, Path(folder)) | {"book of empty chapters": median(empty)}
        if suite:
            say("reruns: the test suite")
            run = json.loads((results / "run.json").read_text(encoding="utf-8"))
            seconds = _timed([sys.executable, "-m", "pytest", "-n", "logical", "--dist", "worksteal"], ROOT)
            rows.append(_row("the test suite", [seconds], [sum(step["seconds"] for step in run["notebooks"])]))
    return {"reruns": rows, "profile": [{"name": name, "seconds": value} for name, value in profile.items()]}


def _row(name: str, seconds: list[float], floors: list[float]) -> dict:
    return {
        "name": name,
        "seconds": median(seconds),
        "floor": median(floors),
        "all": [round(one, 3) for one in seconds],
    }


def _copy(folder: Path) -> Path:
    from evlib.base.rawdata import copy_shipped

    copy_shipped(ROOT / "data" / "raw", folder / "data" / "raw")
    for name in ("notebooks", "evlib", "book", "locks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    for name in ("protocol.yml", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


def _timed(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(folder)}
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - started


def _evlib(project: Path, *options: str) -> float:
    return _timed([sys.executable, "-m", "evlib", "book", *options], project)


def _notebook_seconds(source: str, folder: Path) -> float:
    """Run a notebook of one cell."""
    import nbformat
    import papermill

    from evlib.run.pipeline import source_kernelspec

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source)], metadata={"kernelspec": source_kernelspec()}
    )
    started = time.perf_counter()
    papermill.execute_notebook(
        notebook, None, cwd=str(folder), progress_bar=False, extra_arguments=["--log-level=CRITICAL"]
    )
    return time.perf_counter() - started


def _imports(project: Path) -> dict[str, float]:
    """Seconds for each notebook's kernel to start and import what the notebook imports."""
    from evlib.run.pipeline import notebooks

    seconds = {}
    for path in notebooks(project):
        cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
        lines = [line for cell in cells for line in _import_lines("".join(cell["source"]))]
        seconds[path.stem] = _notebook_seconds("\n".join(lines), path.parent)
    return seconds


def _import_lines(source: str) -> list[str]:
    if source.lstrip().startswith(("%", "!")):
        return []
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return [ast.unparse(node) for node in nodes]


def _empty_book(project: Path, folder: Path) -> float:
    """Seconds to build a book of the same chapters with nothing in them."""
    import yaml

    source = folder / "source"
    shutil.copytree(project / "book", source, ignore=shutil.ignore_patterns("_build", "*.md"))
    (source / "_extra").mkdir()
    config = yaml.safe_load((source / "_config.yml").read_text(encoding="utf-8"))
    # Ours would lay out the project's own book.
    config["sphinx"]["config"]["extensions"].remove("evlib.book.sphinx_extension")
    (source / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    contents = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    for name in [contents["root"], *chapters]:
        (source / f"{name}.md").write_text(f"# {name}\n", encoding="utf-8")
    return sum(_built(source, folder / "work").values())


def _built(source: Path, work: Path) -> dict[str, float]:
    """Seconds of jupyter-book by phase, as it tells of them."""
    program = [sys.executable, "-u", "-c", "from jupyter_book.cli.main import main; main()"]
    process = subprocess.Popen(
        [*program, "build", str(source), "--path-output", str(work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seconds, phase, since = {}, "starting", time.perf_counter()
    for line in process.stdout:
        phase_now = next((name for words, name in _PHASES.items() if words in line), phase)
        if phase_now != phase:
            now = time.perf_counter()
            seconds[phase] = seconds.get(phase, 0.0) + now - since
            phase, since = phase_now, now
    if process.wait():
        raise SystemExit(f"jupyter-book could not build {source}")
    seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - since
    return seconds


def _profile(project: Path, results: Path, folder: Path) -> dict[str, float]:
    """Of what the time of a run is made: kernel start, imports, work and drawing of each notebook, and the book's phases."""
    from evlib.book.build import assemble

    seconds = {"kernel start": median(_notebook_seconds("pass", project) for _ in range(3))}
    for path in sorted(results.glob("[0-9][0-9]_*.ipynb")):
        seconds |= {f"{path.stem}: {kind}": 0.0 for kind in ("imports", "work", "cells with figures")}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                kind = "imports" if _import_lines("".join(cell["source"])) else "work"
                kind = "cells with figures" if "<figure" in json.dumps(cell["outputs"]) else kind
                seconds[f"{path.stem}: {kind}"] += cell["metadata"].get("papermill", {}).get("duration") or 0.0
    begun = time.perf_counter()
    assemble(project, results, folder / "source")
    seconds["book: laying out"] = time.perf_counter() - begun
    phases = _built(folder / "source", folder / "work")
    return seconds | {f"book: {name}": value for name, value in phases.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--suite", action="store_true")
    asked = parser.parse_args()
    results = measure(times=asked.times, suite=asked.suite, say=lambda text: print(text, file=sys.stderr))
    print(json.dumps(results, indent=1))
