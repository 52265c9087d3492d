"""Lessons: every tagged cell can be lifted, keeps its warning, runs without the project, and shows what the chapter shows."""

import io
import itertools
import json
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pandas as pd
import papermill
import pytest
from conftest import ROOT, evlib, project_copy, records_of

from evlib.base.errors import InputError
from evlib.base.paths import mark_search
from evlib.base.schema import columns, unguarded, write_table
from evlib.base.tables import table
from evlib.base.words import load_numbers
from evlib.book.dataset import UNEXPLAINED
from evlib.book.lessons.chapters import SOLUTION, TAG, cells_alone, chapters_of
from evlib.book.lessons.notebook import MAX_ROWS, YOUR_CODE, lesson, write_lesson
from evlib.book.lessons.pages import ALL_DATA, all_data, cell_index, for_the_book, write_lessons
from evlib.book.lessons.pictures import rows_of, table_picture

SPOKEN = {"capture_output": True, "text": True}
CHAPTERS = ("01_ingest", "02_screen", "03_describe", "04_dose_effect", "05_audit", "06_update", "07_certainty")

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

def run(source, space):
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)
        if value is not None:
            shown.append(plain(value))

 """
A_NOTEBOOK = r"""
space = {}
for cell in json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        run("".join(cell["source"]), space)
tables = {name: value for name, value in space.items() if type(value).__name__ == "DataFrame"}
pathlib.Path("made.pickle").write_bytes(pickle.dumps((shown, tables)))
"""
# Each cell with those that it names, after the first cell of the notebook of its chapter, and nothing of the other cells.
CELLS_ALONE = r"""
import copy
failed = {}
for chapter, cells in json.loads(sys.argv[1]).items():
    first = next(cell for cell in json.loads(pathlib.Path(f"{chapter}.ipynb").read_text())["cells"] if cell["cell_type"] == "code")
    read = {}
    run("".join(first["source"]), read)
    for name, sources in cells.items():
        space = {key: value.copy() if hasattr(value, "columns") else value for key, value in read.items()}
        try:
            for source in sources:
                run(source, space)
        except Exception as error:
            failed[name] = repr(error)
        plt.close("all")
pathlib.Path("made.pickle").write_bytes(pickle.dumps(failed))
"""


def in_bare(code, argument, folder):
    """What code leaves when it runs in a folder where no more than a lesson may use can be imported."""
    options = [sys.executable, "-I", "-W", "error::FutureWarning", "-c", BARE + code, argument]
    done = subprocess.run(options, cwd=folder, **SPOKEN)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return pickle.loads((folder / "made.pickle").read_bytes())


def run_bare(made, folder):
    """What the cells of a lesson show, and the tables that they make, in a bare environment and a folder of their own."""
    write_lesson(made, folder / "lesson")
    return in_bare(A_NOTEBOOK, "lesson.ipynb", folder / "lesson")


@pytest.fixture(scope="module")
def results(run_of, made_once):
    """A run with a comparison."""

    def compare(folder):
        made = shutil.copytree(run_of("2024-02-17"), folder / "2024-02-17")
        folders = {"before_dir": str(run_of("2020-12-31")), "out_dir": str(made)}
        parameters = {"search_date": made.name, "earlier_date": "2020-12-31", **folders}
        papermill.execute_notebook(
            str(ROOT / "notebooks/06_update.ipynb"), str(made / "06_update.ipynb"), parameters, progress_bar=False
        )

    return made_once("compared-2024-02-17", compare) / "2024-02-17"


def tagged(results, name):
    notebook = nbformat.read(results / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]


ABOUT = {"teaches": "this", "shows": "that", "mind": "They are few.", "minutes": 5}


def small(folder, source, *, titles=("A", "B", "C"), tags=(TAG,), about=ABOUT):
    """A run of one chapter with one cell, over a few records of ours."""
    rows = [
        {"trn": f"NCT{n:08}", "brief_title": title, "phases": None if n else "Phase 1"}
        for n, title in enumerate(titles)
    ]
    write_table(records_of(rows, columns("records")), folder / "records.csv", "records")
    mark_search(folder, search_date="2024-02-17", snapshot="2026-11-28")
    first = "import rapidfuzz\nfrom evlib.describe import coded_fields\nkept = 1\nwrite_csv(odd, out / 'odd.csv')"
    cells = [
        nbformat.v4.new_markdown_cell("# Which?", id="a-00"),
        nbformat.v4.new_code_cell(first, id="a-01"),
        nbformat.v4.new_code_cell(source, id="a-02", metadata={"tags": list(tags), "lesson": about}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "01_ingest.ipynb")
    return folder


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_lesson_of_a_chapter_runs_with_its_solutions_and_shows_what_the_chapter_shows(
    results, review, tmp_path, name
):
    cells = [cell for cell in tagged(results, name) if SOLUTION not in cell.metadata.tags]
    assert cells
    made = lesson(results, [name], protocol=review, solutions=True)
    shown, _ = run_bare(made, tmp_path)
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
def test_every_exercise_has_a_solution_that_only_the_teachers_edition_holds(results, review, name):
    asked = lesson(results, [name], protocol=review)
    solved = lesson(results, [name], protocol=review, solutions=True)
    answers = [cell for cell in solved.notebook.cells if "solution" in cell.metadata.get("tags", [])]
    cells = [cell for cell in solved.notebook.cells if cell not in answers]
    assert [cell.source for cell in cells] == [cell.source for cell in asked.notebook.cells]
    assert len(answers) == sum(cell.source == YOUR_CODE for cell in cells) == len(tagged(results, name))
    text = nbformat.writes(asked.notebook)
    for answer in answers:
        assert max(answer.source.splitlines(), key=len) not in text
    assert asked.files == solved.files


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_tagged_cell_is_a_lesson_of_its_own_that_keeps_its_warning_and_says_what_its_columns_are(
    results, review, name
):
    for cell in tagged(results, name):
        made = lesson(results, [cell["id"]], protocol=review)
        text = nbformat.writes(made.notebook)
        code = "\n".join(part.source for part in made.notebook.cells if part.cell_type == "code")
        assert "evlib" not in code
        assert "Solution" not in text
        assert 'execution_count": null' in text
        assert not any(part.get("outputs") for part in made.notebook.cells)
        assert "```{" not in text and "{cite" not in text and ".ipynb)" not in text and "<!--" not in text
        assert not re.search(r"(?i)\bas above\b|\bthe same share\b|\bchapter \d", text)  # what a student does not have
        above = next(i for i, part in enumerate(made.notebook.cells) if cell.metadata.lesson.mind in part.source)
        assert made.notebook.cells[above].source.splitlines()[-1].startswith("> **Mind.** ")
        if SOLUTION in cell.metadata.tags:
            assert made.notebook.cells[above + 1].source == YOUR_CODE
            assert re.search(r"[?).]\n\n> ", made.notebook.cells[above].source)
        tables = {file: pd.read_csv(io.StringIO(data)) for file, data in made.files.items() if file.endswith(".csv")}
        assert tables and all(f'"{file}",' in code for file in tables)
        dictionary = next(part.source for part in made.notebook.cells if part.source.startswith("## The data"))
        assert dictionary.partition("\n")[2].strip() in made.files["README.md"]
        for column in itertools.chain(*tables.values()):
            meanings = [line for line in dictionary.splitlines() if line.startswith(f"| `{column}` | ")]
            assert meanings and all(len(line.split(" | ")[2]) > 3 and UNEXPLAINED not in line for line in meanings)


def test_the_codes_that_a_column_holds_stand_in_words_beside_it(results, review):
    meanings = lesson(results, ["describe-32"], protocol=review).files["README.md"]
    assert "`eye-drop` Eye drops" in next(line for line in meanings.splitlines() if line.startswith("| `route` |"))
    assert "Codes:" not in next(line for line in meanings.splitlines() if line.startswith("| `screening` |"))


def test_a_lesson_brings_the_cells_that_its_cells_build_on_and_keeps_the_order_asked_for(results, review):
    made = lesson(results, ["dose-06b", "describe-29", "dose-06b"], protocol=review, title="Mixed").notebook
    headings = [cell.source.splitlines()[0] for cell in made.cells if cell.source.startswith("## ")]
    assert made.cells[0].source.startswith("# Mixed\n")
    assert re.search(r"\*\*Time:\*\* about \d+ minutes", made.cells[0].source)
    assert [heading[:5] for heading in headings[1:-1]] == ["## 1.", "## 2.", "## 3."]
    assert "included = described[" in "\n".join(cell.source for cell in made.cells)
    assert "CC BY 4.0" in made.cells[-1].source and "MIT" in made.cells[-1].source
    assert made == lesson(results, ["dose-06b", "describe-29"], protocol=review, title="Mixed").notebook


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


@pytest.mark.parametrize("inline", [False, True])
def test_registry_text_stays_data(tmp_path, inline):
    folder = small(tmp_path, "titles = records.brief_title.tolist()\nlen(titles)", titles=HOSTILE)
    shown, made = run_bare(lesson(folder, ["a-02"], protocol={}, inline=inline), tmp_path)
    assert shown == [len(HOSTILE)]
    assert made["records"].brief_title.map(unguarded).tolist() == HOSTILE
    assert inline == ("=1+1" in made["records"].brief_title.tolist())  # a spreadsheet may open the files


@pytest.mark.parametrize("inline", [False, True])
def test_a_cell_may_need_no_table(tmp_path, inline):
    folder = small(tmp_path, "bound = 1 - 0.05 ** (1 / 3)\nround(bound, 2)")
    made = lesson(folder, ["a-02"], protocol={"title": "Trials of something else"}, inline=inline)
    assert [part.source for part in made.notebook.cells if part.cell_type == "code"][1:] == [
        "bound = 1 - 0.05 ** (1 / 3)\nround(bound, 2)"
    ]
    assert not made.files and "its data are in it" in made.notebook.cells[0].source
    assert all(
        "*Trials of something else*" in made.notebook.cells[place].source for place in (0, -1)
    )  # the review that it is of


def test_missing_cells_stay_missing_and_unused_columns_stay_out(tmp_path):
    folder = small(tmp_path, "records.phases.isna().sum()", about=ABOUT | {"exercise": "`masking`"})
    shown, made = run_bare(lesson(folder, ["01_ingest"], protocol={}), tmp_path)
    assert shown == [2]
    assert list(made["records"]) == ["trn", "phases", "masking"]


def test_a_long_table_is_cut_only_where_it_is_in_the_notebook_which_says_so(tmp_path):
    folder = small(tmp_path, "len(records)")
    rows = [{"trn": f"NCT{n:08}"} for n in range(MAX_ROWS + 5)]
    write_table(records_of(rows, columns("records")), folder / "records.csv", "records")
    made = lesson(folder, ["a-02"], protocol={}, inline=True)
    assert f"**first {MAX_ROWS} of {MAX_ROWS + 5}**" in made.notebook.cells[2].source and not made.files
    assert run_bare(made, tmp_path)[0] == [MAX_ROWS]
    assert lesson(folder, ["a-02"], protocol={}).files["records.csv"].count("\n") == 1 + MAX_ROWS + 5


def test_a_column_that_no_codebook_describes_is_refused_with_where_to_describe_it(tmp_path):
    folder = small(tmp_path, "odd.n_odd.sum()")
    (folder / "odd.csv").write_text("n_odd\n1\n")
    with pytest.raises(InputError, match=r"odd\.csv.*'n_odd'.*further_tables\.csv"):
        lesson(folder, ["a-02"], protocol={})


@pytest.mark.parametrize("absent", ABOUT)
def test_a_cell_that_lacks_what_a_lesson_tells_is_refused_with_what_to_add(tmp_path, absent):
    about = {key: value for key, value in ABOUT.items() if key != absent}
    with pytest.raises(InputError, match=rf"a-02: .*lack '{absent}'.*Add: .*\"{absent}\": "):
        lesson(small(tmp_path, "records.phases", about=about), ["a-02"], protocol={})


def test_the_address_of_the_published_table_stands_beside_the_file_where_it_is_known(tmp_path, monkeypatch):
    folder, review = small(tmp_path, "len(records)"), {"replication_date": "2024-02-17"}
    code = [cell.source for cell in lesson(folder, ["a-02"], protocol=review).notebook.cells]
    assert '    "records.csv",\n' in code[3]
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "Some/reviews")
    code = [cell.source for cell in lesson(folder, ["a-02"], protocol=review).notebook.cells]
    assert "https://some.github.io/reviews/editions/2024-02-17/records.csv\n" in code[3]


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
        lesson(small(tmp_path, source), ["a-02"], protocol={})


def test_an_unknown_or_untagged_cell_is_refused_with_what_to_do(tmp_path, results, review):
    with pytest.raises(InputError, match=r"evlib\.describe\.coded_fields\.readers_coding"):
        lesson(results, ["describe-04"], protocol=review)
    with pytest.raises(InputError, match=r"'nope' is no cell .* dose-06b"):
        lesson(results, ["nope"], protocol=review)
    with pytest.raises(InputError, match="no cell is named"):
        lesson(results, [" "], protocol=review)
    with pytest.raises(InputError, match="give it the tag 'lesson'"):
        lesson(small(tmp_path, "records.phases", tags=()), ["a-02"], protocol={})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="make run"):
        lesson(tmp_path / "empty", ["a-02"], protocol={})


def test_the_index_names_every_cell_and_its_links_lead_to_the_chapter_and_to_files(results, review, tmp_path):
    chapters = chapters_of(results)
    index = cell_index(chapters)
    for name in CHAPTERS:
        notebook = for_the_book(nbformat.read(results / f"{name}.ipynb", as_version=4), chapters[name])
        nbformat.validate(notebook)
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for cell in tagged(results, name):
            if SOLUTION not in cell.metadata.tags:
                assert f'<a href="{name}.html#cell-{cell["id"]}">' in index
                assert f'<span id="cell-{cell["id"]}">' in prose
                assert cell.metadata["lesson"]["exercise"]
    n = load_numbers(results)["n_records"]
    assert f"{n} records came in: the flow adds up.*" in index  # the output to expect is that of this run
    assert "`records`, `described`; after `describe-11`" in index
    write_lessons(results, chapters, tmp_path / "lessons", protocol=review)
    linked = set(re.findall(r'href="(lessons/[^"]+)"', index))
    written = {f"lessons/{path.name}" for path in (tmp_path / "lessons").glob("*.zip")}
    assert linked == written - {f"lessons/{ALL_DATA}.zip"} and len(linked) > 2 * len(CHAPTERS)
    with zipfile.ZipFile(tmp_path / "lessons/dose-06b.zip") as archive:
        assert {Path(name).name for name in archive.namelist()} == {"dose-06b.ipynb", "doses.csv", "README.md"}


def test_the_index_pictures_what_each_cell_shows_in_this_run(results, review, tmp_path):
    chapters = chapters_of(results)
    index = cell_index(chapters)
    write_lessons(results, chapters, tmp_path / "lessons", protocol=review)
    (tmp_path / "figures").symlink_to(results / "figures")
    pictures = re.findall(r'<img class="shows" src="([^"]+)" alt="([^"]{20,})">', index)
    shown = {path: ElementTree.fromstring((tmp_path / path).read_text(encoding="utf-8")) for path, _ in pictures}
    cells = [cell for name in CHAPTERS for cell in tagged(results, name) if SOLUTION not in cell.metadata.tags]
    assert len(shown) == index.count("<img") == sum("text/html" in cell.outputs[0].data for cell in cells) > 10
    kappa = "".join(shown["lessons/pictures/screen-21b.svg"].itertext())
    assert all(word in kappa for word in ("include", "exclude", "unclear"))
    assert all((tmp_path / path).stat().st_size < 200_000 for path in shown)


def test_a_picture_of_a_table_says_what_it_leaves_out_and_holds_any_text():
    rows = [[f"column {n}" for n in range(6)], *([text] * 6 for text in HOSTILE)]
    words = [part.text for part in ElementTree.fromstring(table_picture(rows)).iter() if part.text]
    assert words[-1] == f"… {len(HOSTILE) - 6} more rows, 2 more columns"
    assert "a note on all" in table_picture([["trn", "day"], ["a note on all"]])
    assert len(words) == 7 * 4 + 1 and all(len(word) <= 22 for word in words[:-1])
    assert rows_of(table(pd.DataFrame({"a": ["<b>", "x & y"]}), caption="c").data) == [["a"], ["<b>"], ["x & y"]]


def test_chapters_can_be_opened_elsewhere_where_the_address_of_the_repository_is_known(results):
    chapters = chapters_of(results)
    index = cell_index(chapters, repository="https://github.com/some/reviews")
    for name in CHAPTERS:
        assert f'"https://mybinder.org/v2/gh/some/reviews/main?urlpath=lab/tree/notebooks/{name}.ipynb"' in index
        assert f'"https://colab.research.google.com/github/some/reviews/blob/main/notebooks/{name}.ipynb"' in index
    assert "http" not in cell_index(chapters, repository="https://example.org/some/reviews")


BY_HAND = {
    "dose-10f": r"Particles of (\d+) doses .* in (\d+)$",
    "dose-19k2": r" for (\d+) of (\d+) routes$",
    "cert-15": r" in (\d+) of (\d+)$",
    "cert-114a": r" in (\d+) of (\d+) reports$",
}


def test_what_a_cell_computes_by_hand_is_what_the_book_has(results):
    captions = {cell.id: cell.output for chapter in chapters_of(results).values() for cell in chapter.cells}
    for cell, pattern in BY_HAND.items():
        same, n = re.search(pattern, captions[cell]).groups()
        assert same == n != "0"


def test_the_figure_of_harms_counts_the_wide_bounds_of_those_that_saw_none(results):
    drawn = pd.read_csv(results / "figures/harms_upper_bounds.csv")
    none = drawn.n_events == 0
    wide = (none & (drawn.upper > 10)).sum()
    assert wide < (drawn.upper > 10).sum()  # others, with events, have wide bounds, too
    told = (results / "figures/harms_upper_bounds.txt").read_text(encoding="utf-8")
    assert f"{none.sum()} of {len(drawn)} " in told and f" {wide} of these {none.sum()} " in told


# How many cells ran when this was written. A chapter may show how by more cells, and may not by fewer.
RUN_ALONE = 44


def test_so_many_cells_run_anywhere_as_the_book_shows_them_with_all_the_data_beside(results, review, tmp_path):
    """Of the cells that compute something (not imports, nor parameters). A cell that calls evlib, be it to read or to show, is none."""
    chapters = chapters_of(results)
    for name, content in all_data(results, chapters, protocol=review).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    sources, why = {}, {}
    for name, chapter in chapters.items():
        shown = for_the_book(nbformat.read(results / f"{name}.ipynb", as_version=4), chapter)
        page = {cell["id"]: cell.source for cell in shown.cells}
        cells = {cell.id: (needs, reason) for cell, needs, reason in cells_alone(chapter)}
        why |= {cell: reason for cell, (needs, reason) in cells.items() if not needs}
        alone = {
            cell: [*(provider.id for provider in needs.providers), cell] for cell, (needs, _) in cells.items() if needs
        }
        sources[name] = {cell: [page[part] for part in parts] for cell, parts in alone.items()}
    assert not re.search(r"\bchapter \d|as above", (tmp_path / ALL_DATA / "README.md").read_text(encoding="utf-8"))
    failed = in_bare(CELLS_ALONE, json.dumps(sources), tmp_path / ALL_DATA)
    assert not failed  # what the code of a cell needs tells whether it runs
    ran = [cell for cells in sources.values() for cell in cells]
    assert len(ran) >= RUN_ALONE, "\n".join(why.values())
    assert all(re.search(r"cannot be lifted: (it calls evlib|it needs|nothing)", reason) for reason in why.values())


def test_the_command_writes_a_lesson_and_not_over_somebodys_work(results, tmp_path):
    project = project_copy(tmp_path / "project", results)

    def told(*arguments):
        return evlib("lesson", *arguments, "--search-date", results.name, cwd=project)

    path = tmp_path / "mine"
    for _ in range(2):
        done = told("dose-06b", "--out", str(path), "--title", "Units")
        assert done.returncode == 0, done.stderr
    assert nbformat.read(path / "mine.ipynb", as_version=4).cells[0].source.startswith("# Units\n")
    (path / "doses.csv").write_text("my doses")
    done = told("dose-06b", "--out", str(path))
    assert done.returncode == 1
    assert "somebody may have worked in it" in done.stderr
    assert (path / "doses.csv").read_text() == "my doses"
    for out, options in (("a.ipynb", ()), ("a.zip", ["--inline"]), ("a", ["--inline"])):
        assert "Give it a" in told("dose-06b", *options, "--out", str(tmp_path / out)).stderr
    assert told("dose-06b", "--inline", "--out", str(tmp_path / "a.ipynb")).returncode == 0
    assert (
        "make run SEARCH_DATE=2011-01-01"
        in evlib("lesson", "dose-06b", "--search-date", "2011-01-01", cwd=project).stderr
    )
    assert told("03_describe", "--solutions").returncode == 0
    [made] = (project / "data/processed/lessons").iterdir()
    assert made.name == f"{results.name}-03_describe-with-solutions"
    assert {f"{made.name}.ipynb", "described.csv", "README.md"} <= {file.name for file in made.iterdir()}
