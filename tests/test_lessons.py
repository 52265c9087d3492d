"""Lessons: every tagged cell can be lifted, runs without the project, and shows what the chapter shows."""

import itertools
import pickle
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from conftest import evlib, project_copy, records_of

from evlib.base.errors import InputError
from evlib.base.paths import mark_search
from evlib.base.schema import columns, write_table
from evlib.base.tables import table
from evlib.base.words import load_numbers
from evlib.book.lessons import MAX_ROWS, SOLUTION, TAG, cell_index, chapters_of, lesson, with_anchors, write_lesson

SPOKEN = {"capture_output": True, "text": True}
CHAPTERS = ("01_ingest", "02_screen", "03_describe", "04_dose_effect", "07_certainty")

# Runs the code of a notebook where nothing can be imported but pandas, seaborn, IPython and what they need themselves.
BARE = r"""
import sys, pathlib
from importlib.metadata import packages_distributions, requires, PackageNotFoundError
import ast, json, pickle, re

def closure(names):
    known, todo = set(), list(names)
    while todo:
        name = re.sub("[-_.]+", "-", todo.pop()).lower()
        if name not in known:
            known.add(name)
            try:
                needed = [line for line in requires(name) or [] if "extra ==" not in line]
            except PackageNotFoundError:
                continue
            todo += [re.match(r"[\w.-]+", line)[0] for line in needed]
    return known

allowed = closure(["pandas", "seaborn", "ipython"])
bare = {top for top, dists in packages_distributions().items()
        if {re.sub("[-_.]+", "-", dist).lower() for dist in dists} & allowed}
others = set(packages_distributions()) - bare

class Bare:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in others | {"evlib"} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Bare(finder) for finder in sys.meta_path]
for name in ("evlib", "pandera", "scipy", "yaml"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} is not blocked")
import matplotlib
matplotlib.use("agg")
import IPython.display, matplotlib.pyplot as plt
shown = []
plain = lambda thing: thing.data if isinstance(thing, IPython.display.DisplayObject) else thing
IPython.display.display = lambda *things: shown.extend(plain(thing) for thing in things)
plt.show = lambda: shown.append(f"figures: {len(plt.get_fignums())}")
space = {}
for cell in json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] != "code":
        continue
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)
        if value is not None:
            shown.append(plain(value))
tables = {name: value for name, value in space.items() if type(value).__name__ == "DataFrame"}
pathlib.Path(sys.argv[2]).write_bytes(pickle.dumps((shown, tables)))
"""


def run_bare(made, folder):
    """What the cells of a lesson show, and the tables that they make, in a bare environment and an empty folder."""
    write_lesson(made, folder / "lesson.ipynb")
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error::FutureWarning", "-c", BARE, "lesson.ipynb", "shown.pickle"],
        cwd=folder,
        **SPOKEN,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return pickle.loads((folder / "shown.pickle").read_bytes())


@pytest.fixture(scope="module")
def results(run_of):
    return run_of("2024-02-17")


def tagged(results, name):
    notebook = nbformat.read(results / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]


def small(folder, source, *, titles=("A", "B", "C"), tags=(TAG,), about=None):
    """A run of one chapter with one cell, over a few records of ours."""
    rows = [
        {"trn": f"NCT{n:08}", "brief_title": title, "phases": None if n else "Phase 1"}
        for n, title in enumerate(titles)
    ]
    write_table(records_of(rows, columns("records")), folder / "records.csv", "records")
    mark_search(folder, search_date="2024-02-17", snapshot="2026-11-28")
    about = {"teaches": "this", "shows": "that"} if about is None else about
    cells = [
        nbformat.v4.new_markdown_cell("# Which?", id="a-00"),
        nbformat.v4.new_code_cell("import rapidfuzz\nfrom evlib.describe import coded_fields\nkept = 1", id="a-01"),
        nbformat.v4.new_code_cell(source, id="a-02", metadata={"tags": list(tags), "lesson": about}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "01_ingest.ipynb")
    return folder


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_lesson_of_a_chapter_runs_alone_and_shows_what_the_chapter_shows(results, tmp_path, name):
    cells = [cell for cell in tagged(results, name) if SOLUTION not in cell.metadata.tags]
    assert len(cells) >= 2
    shown, _ = run_bare(lesson(results, [name]), tmp_path)
    told = [thing for thing in shown if isinstance(thing, str)]
    captioned = [
        table(thing, caption=caption).data
        for caption, thing in itertools.pairwise(shown)
        if isinstance(thing, pd.DataFrame) and isinstance(caption, str)
    ]
    for cell in cells:
        [output] = cell.outputs
        if "text/markdown" in output.data:
            assert output.data["text/markdown"] in told
        elif "<figure" in output.data["text/html"]:
            assert "figures: 1" in told
        else:
            assert output.data["text/html"] in captioned


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_tagged_cell_is_a_lesson_of_its_own_without_solutions(results, name):
    for cell in tagged(results, name):
        made = lesson(results, [cell["id"]])
        text = nbformat.writes(made)
        code = "\n".join(part.source for part in made.cells if part.cell_type == "code")
        assert "evlib" not in code
        assert "Solution" not in text
        assert 'execution_count": null' in text
        assert not any(part.get("outputs") for part in made.cells)
        assert "```{" not in text and "{cite" not in text and ".ipynb)" not in text and "<!--" not in text
        if SOLUTION in cell.metadata.tags:
            assert made.cells[-2].source == ""  # the empty cell for the answer
            assert made.cells[-3].source.endswith(("?", "?)", ".)"))
            assert max(cell.source.splitlines(), key=len) not in text


def test_a_lesson_brings_the_cells_that_its_cells_build_on_and_keeps_the_order_asked_for(results):
    made = lesson(results, ["dose-06b", "describe-29", "dose-06b"], title="Mixed")
    headings = [cell.source.splitlines()[0] for cell in made.cells if cell.source.startswith("## ")]
    assert made.cells[0].source.startswith("# Mixed\n")
    assert [heading[:5] for heading in headings[1:-1]] == ["## 1.", "## 2.", "## 3."]
    assert "included = described[" in "\n".join(cell.source for cell in made.cells)
    assert "CC BY 4.0" in made.cells[-1].source and "MIT" in made.cells[-1].source
    assert made == lesson(results, ["dose-06b", "describe-29"], title="Mixed")


HOSTILE = [
    '"""\'\'\'); raise SystemExit("out")',
    "\\",
    "a\\\"\\'b\\n",
    "</script><script>alert(1)</script>",
    "=1+1",
    "two\nlines\r\nand\rmore",
    "\u2028\u202e\x85{title}",
    'a,"b",""',
    "' #",
    "NA",
    "🙂 中文",
]


def test_registry_text_stays_data(tmp_path):
    folder = small(tmp_path, "titles = records.brief_title.tolist()\nlen(titles)", titles=HOSTILE)
    shown, made = run_bare(lesson(folder, ["a-02"]), tmp_path)
    assert shown == [len(HOSTILE)]
    assert made["records"].brief_title.tolist() == HOSTILE


def test_missing_cells_stay_missing_and_unused_columns_stay_out(tmp_path):
    folder = small(
        tmp_path, "records.phases.isna().sum()", about={"teaches": "a", "shows": "b", "exercise": "`masking`"}
    )
    shown, made = run_bare(lesson(folder, ["01_ingest"]), tmp_path)
    assert shown == [2]
    assert list(made["records"]) == ["trn", "phases", "masking"]


def test_a_long_table_is_cut_and_the_lesson_says_so(tmp_path):
    folder = small(tmp_path, "len(records)")
    rows = [{"trn": f"NCT{n:08}"} for n in range(MAX_ROWS + 5)]
    write_table(records_of(rows, columns("records")), folder / "records.csv", "records")
    made = lesson(folder, ["a-02"])
    assert f"**first {MAX_ROWS} of {MAX_ROWS + 5}**" in made.cells[2].source
    assert run_bare(made, tmp_path)[0] == [MAX_ROWS]


@pytest.mark.parametrize(
    "source, reason",
    [
        ("coded_fields.coded(records)", r"a-02, cannot be lifted: it calls evlib\.describe\.coded_fields\.coded"),
        ("rapidfuzz.fuzz.ratio('a', 'b')", "needs the package rapidfuzz; a lesson has"),
        ("kept + 1", "needs 'kept', which cell a-01 makes"),
        ("nowhere + 1", "nothing in its chapter makes 'nowhere'"),
        ("%matplotlib inline", "not plain Python"),
    ],
)
def test_what_needs_more_is_refused_with_the_reason(tmp_path, source, reason):
    with pytest.raises(InputError, match=reason):
        lesson(small(tmp_path, source), ["a-02"])


def test_an_unknown_or_untagged_cell_is_refused_with_what_to_do(tmp_path, results):
    with pytest.raises(InputError, match=r"evlib\.describe\.coded_fields\.coding_agreement"):
        lesson(results, ["describe-06"])
    with pytest.raises(InputError, match=r"'nope' is no cell .* dose-06b"):
        lesson(results, ["nope"])
    with pytest.raises(InputError, match="no cell is named"):
        lesson(results, [" "])
    with pytest.raises(InputError, match="give it the tag 'lesson'"):
        lesson(small(tmp_path, "records.phases", tags=()), ["a-02"])
    with pytest.raises(InputError, match="do not say what it teaches"):
        lesson(small(tmp_path, "records.phases", about={"shows": "x"}), ["a-02"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="make run"):
        lesson(tmp_path / "empty", ["a-02"])


def test_the_index_names_every_cell_and_its_links_lead_to_the_chapter(results):
    index = cell_index(chapters_of(results))
    for name in CHAPTERS:
        notebook = with_anchors(nbformat.read(results / f"{name}.ipynb", as_version=4))
        nbformat.validate(notebook)
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for cell in tagged(results, name):
            if SOLUTION not in cell.metadata.tags:
                assert f'<a href="{name}.html#cell-{cell["id"]}">' in index
                assert f'<span id="cell-{cell["id"]}">' in prose
                assert cell.metadata["lesson"]["exercise"]
        assert f'href="lessons/{name}.ipynb"' in index
    n = load_numbers(results)["n_records"]
    assert f"{n} records came in: the flow adds up.*" in index  # the output to expect is that of this run
    assert "`records`, `described`; after `describe-11`" in index


def test_the_command_writes_a_lesson_and_not_over_somebodys_work(results, tmp_path):
    project = project_copy(tmp_path / "project", results)

    def told(*arguments):
        return evlib("lesson", *arguments, "--search-date", results.name, cwd=project)

    path = tmp_path / "mine.ipynb"
    for _ in range(2):
        done = told("dose-06b", "--out", str(path), "--title", "Units")
        assert done.returncode == 0, done.stderr
    assert nbformat.read(path, as_version=4).cells[0].source.startswith("# Units\n")
    path.write_text("my answers")
    done = told("dose-06b", "--out", str(path))
    assert done.returncode == 1
    assert "somebody may have worked in it" in done.stderr
    assert path.read_text() == "my answers"
    assert "ends in .ipynb" in told("dose-06b", "--out", str(tmp_path / "a.py")).stderr
    assert (
        "make run SEARCH_DATE=2011-01-01"
        in evlib("lesson", "dose-06b", "--search-date", "2011-01-01", cwd=project).stderr
    )
    assert told("03_describe").returncode == 0
    assert (project / "data/processed/lessons" / f"{results.name}-03_describe.ipynb").is_file()
