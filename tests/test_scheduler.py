"""A rerun: only what changed runs, a notebook starts when its tables are there, and kernels come and go."""

import importlib
import json
import os
import re
import sys
import threading
import time
from contextlib import nullcontext

import nbformat
import pytest
from conftest import put

from evlib.base.errors import InputError
from evlib.book.build import _compiled_again, _frame
from evlib.run.cache_keys import keyed_notebook, modules_used
from evlib.run.scheduler import reusable, run_side_by_side
from evlib.run.warm_kernels import warm_kernels


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


class Bench:
    """Notebooks whose work is a function of the test."""

    def __init__(self, folder):
        self.folder, self.target, self.last = folder, folder / "run", []
        (folder / "evlib").mkdir()
        self.work, self.reads = {}, {}

    def notebook(self, name, reads, work):
        metadata = {} if reads is None else {"evlib": {"reads": reads}}
        code = [nbformat.v4.new_code_cell(f"# {name}")]
        nbformat.write(nbformat.v4.new_notebook(metadata=metadata, cells=code), self.folder / f"{name}.ipynb")
        self.work[name] = work

    def run(self, common="raw"):
        """Run them; gives the names of those that ran."""
        steps = [
            keyed_notebook(self.folder / f"{name}.ipynb", self.folder / "evlib", common) for name in sorted(self.work)
        ]
        kept = reusable(steps, self.last, self.target)
        staging = self.folder / f"staging-{time.monotonic_ns()}"
        done = run_side_by_side(
            steps, kept, self.target, staging, self.last,
            lambda: nullcontext(None), lambda _, source, folder: self.work[source.stem](folder), say=lambda text: None,
        )  # fmt: skip
        self.target, self.last = staging, done
        return [each["name"].removesuffix(".ipynb") for each in done if each["ran"]]


def writes(name, text):
    return lambda folder: (folder / name).write_text(text)


def copies(source, target):
    return lambda folder: (folder / target).write_text((folder / source).read_text())


def test_what_reads_the_same_as_before_is_kept(bench):
    bench.notebook("01", [], writes("a.csv", "1"))
    bench.notebook("02", ["a.csv"], copies("a.csv", "b.csv"))
    bench.notebook("03", None, copies("b.csv", "c.csv"))
    assert bench.run() == ["01", "02", "03"]
    assert bench.run() == []
    bench.notebook("01", [], writes("a.csv", "1"))  # its text is new, its table is not: cells have random ids
    assert bench.run() == ["01"]
    bench.notebook("01", [], writes("a.csv", "2"))
    assert bench.run() == ["01", "02", "03"]
    assert (bench.target / "c.csv").read_text() == "2"
    assert bench.run("other raw data") == ["01", "02", "03"]
    (bench.target / "b.csv").write_text("altered")
    assert bench.run() == ["01", "02", "03"]  # the raw data of before


def test_an_altered_table_is_made_again_and_no_other(bench):
    bench.notebook("01", [], writes("a.csv", "1"))
    bench.notebook("02", ["a.csv"], copies("a.csv", "b.csv"))
    bench.run()
    (bench.target / "b.csv").write_text("altered")
    assert bench.run() == ["02"]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one processor runs one notebook at a time")
def test_a_notebook_starts_when_its_table_is_written_and_sees_no_other(bench):
    started = threading.Event()

    def first(folder):
        (folder / "z.csv").write_text("not named by the second")
        (folder / "a.csv").write_text("1")
        assert started.wait(20), "the second waits for the end of the first"

    def second(folder):
        started.set()
        assert [path.name for path in folder.iterdir()] == ["a.csv"]

    bench.notebook("01", [], first)
    bench.notebook("02", ["a.csv"], second)
    assert bench.run() == ["01", "02"]


def test_a_table_that_was_read_half_written_is_read_again(bench):
    def slowly(folder):
        with (folder / "a.csv").open("w") as file:
            file.write("1")
            file.flush()
            time.sleep(0.3)
            file.write("2")

    bench.notebook("01", [], slowly)
    bench.notebook("02", ["a.csv"], copies("a.csv", "b.csv"))
    bench.notebook("03", ["b.csv"], copies("b.csv", "c.csv"))
    bench.run()
    assert (bench.target / "c.csv").read_text() == "12"
    assert bench.run() == []


def test_a_notebook_that_names_nothing_or_a_pattern_waits_for_all_that_it_covers(bench):
    bench.notebook("01", [], lambda folder: (time.sleep(0.2), writes("n1.json", "1")(folder)))
    bench.notebook("02", [], lambda folder: (writes("n2.json", "2")(folder), writes("x.csv", "")(folder)))
    seen = {}
    for name, reads in (("03", ["n*.json"]), ("04", None)):
        bench.notebook(name, reads, lambda folder, name=name: seen.update({name: {p.name for p in folder.iterdir()}}))
    bench.run()
    assert seen == {"03": {"n1.json", "n2.json"}, "04": {"n1.json", "n2.json", "x.csv"}}


@pytest.mark.parametrize(
    ("reads", "work", "said"),
    [
        (["none.csv"], None, r"02\.ipynb reads none\.csv, which no earlier notebook wrote"),
        (["a.csv"], writes("a.csv", "2"), r"02\.ipynb writes over a\.csv"),
        ([], writes("a.csv", "2"), r"02\.ipynb and 01\.ipynb both write a\.csv"),
    ],
)
def test_tables_have_one_writer_and_what_is_read_was_written(bench, reads, work, said):
    bench.notebook("01", [], writes("a.csv", "1"))
    bench.notebook("02", reads, work)
    with pytest.raises(InputError, match=said):
        bench.run()


@pytest.mark.parametrize("reads", ["a.csv", [1], {"a.csv": 1}])
def test_what_a_notebook_reads_is_a_list_of_names(bench, reads):
    bench.notebook("01", reads, None)
    with pytest.raises(InputError, match=r"01\.ipynb: evlib\.reads in its metadata is .*, not a list of tables"):
        bench.run()


def test_a_file_that_is_no_notebook_is_named_with_how_to_restore_it(tmp_path):
    path = put(tmp_path, "notebooks/04_dose.ipynb", "{")
    with pytest.raises(InputError, match=r"not a notebook .* git checkout -- notebooks/04_dose\.ipynb"):
        keyed_notebook(path, tmp_path, [])


def test_a_failure_stops_what_waits(bench):
    def fails(folder):
        raise InputError("the first failed")

    bench.notebook("01", [], fails)
    bench.notebook("02", ["a.csv"], None)
    with pytest.raises(InputError, match="the first failed"):
        bench.run()


def test_the_key_of_a_notebook_holds_the_modules_that_it_uses_and_no_others(tmp_path):
    package = tmp_path / "evlib"
    for name, text in {
        "__init__": "",
        "used": "def f():\n    from evlib import deep",
        "deep": "import json",
        "other": "import evlib.used",
        "sub/__init__": "",
        "sub/part": "from evlib.used import f",
    }.items():
        path = package / f"{name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n"]},
        {"cell_type": "code", "source": "import evlib.sub.part"},
    ]
    used = {path.relative_to(package).as_posix() for path in modules_used(cells, package)}
    assert used == {"__init__.py", "sub/__init__.py", "sub/part.py", "used.py", "deep.py"}
    notebook = tmp_path / "01.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}}))
    before = keyed_notebook(notebook, package, []).key
    (package / "other.py").write_text("changed")
    assert keyed_notebook(notebook, package, []).key == before
    (package / "deep.py").write_text("changed = True")
    assert keyed_notebook(notebook, package, []).key != before


def test_a_warm_kernel_has_the_imports_works_in_its_folder_and_ends(tmp_path):
    import papermill

    source = tmp_path / "01.ipynb"
    code = "import os, sys\nprint('colorsys' in sys.modules, os.getcwd(), os.getpid(), os.environ['MPLBACKEND'])"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), source)
    with warm_kernels(["this.is.left.for.later"]) as warm:
        executed = papermill.execute_notebook(
            str(source), None, kernel_name="python3", progress_bar=False,
            kernel_manager_class=warm.kernels(["colorsys", "no.such.module"]),
            resources={"metadata": {"path": str(tmp_path)}},
        )  # fmt: skip
    had, place, number, backend = executed.cells[0].outputs[0].text.split()
    assert (had, place, backend) == ("True", str(tmp_path), "module://matplotlib_inline.backend_inline")
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)


def test_a_kernel_starts_where_the_process_with_the_imports_was_stopped(tmp_path):
    import papermill

    source = tmp_path / "01.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(6 * 7)")]), source)
    with warm_kernels([]) as warm:
        manager = warm.kernels([])
        server = manager.start.args[0]
        server.kill()
        server.wait()
        executed = papermill.execute_notebook(
            str(source), None, kernel_name="python3", kernel_manager_class=manager, progress_bar=False
        )
    assert executed.cells[0].outputs[0].text == "42\n"


NOTED = """import os, time
from evlib.base.errors import InputError

def noted(folder):
    (folder / f"by {os.getpid()}").touch()
    if (folder / "no room").exists():
        raise InputError("no room")
    while (folder / "no end").exists():
        time.sleep(0.05)
"""


def test_a_fork_with_the_imports_works_and_what_it_could_not_do_is_done_here_and_its_error_told(tmp_path, monkeypatch):
    (tmp_path / "noting.py").write_text(NOTED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    noted = importlib.import_module("noting").noted

    def by():
        return {int(path.name.removeprefix("by ")) for path in tmp_path.glob("by *")}

    with warm_kernels([]) as warm:
        with warm.working(noted, tmp_path) as wait:
            wait()
        first = by()
        assert len(first) == 1 and os.getpid() not in first
        (tmp_path / "no room").touch()
        with pytest.raises(InputError, match="no room"), warm.working(noted, tmp_path) as wait:
            wait()
        before = by()
        assert len(before) == 3 and os.getpid() in before
        (tmp_path / "no room").rename(tmp_path / "no end")
        with pytest.raises(ZeroDivisionError), warm.working(noted, tmp_path):
            while by() == before:
                time.sleep(0.02)
            1 / 0  # noqa: B018  (something else fails)
        with pytest.raises(ProcessLookupError):
            os.kill(*(by() - before), 0)
        (tmp_path / "no end").unlink()
        with warm.working(noted, tmp_path) as wait:
            wait()
        assert len(by()) == 5  # what was told of the one that was ended is not taken for this one's answer


def pages_of(folder):
    """The pages of a compiled book, without the checksums that the theme adds to the names of style sheets."""
    return {
        path.relative_to(folder).as_posix(): re.sub(r"\?v=\w+", "", path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.html")
    } | {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.csv")}


def test_what_all_pages_rest_on_makes_all_of_them_anew(tmp_path):
    for name in ("_config.yml", "_toc.yml", "page.md", "_static/style.css", "references.bib"):
        put(tmp_path, name, "# Before\n")
    frames = [_frame(tmp_path)]
    for name in ("_config.yml", "_toc.yml", "page.md", "_static/style.css", "references.bib"):
        put(tmp_path, name, "# After\n")
        frames.append(_frame(tmp_path))
    put(tmp_path, "page.md", "# After\n\nText.\n")  # of one page alone
    assert len(set(frames)) == len(frames) and _frame(tmp_path) == frames[-1]


def test_a_book_compiled_from_where_it_stands_is_the_book_compiled_anew(tmp_path):
    def lay_out(name, **pages):
        folder = tmp_path / name
        put(
            folder,
            "_config.yml",
            "title: A book\nonly_build_toc_files: false\nsphinx: {config: {html_extra_path: [_extra]}}\n",
        )
        put(folder, "_toc.yml", "format: jb-book\nroot: index\nchapters: [{file: other}]\n")
        for page, text in pages.items():
            put(folder, page.replace("__", "/"), text)
        return folder

    same = {"other.md": "# Other\n\nstays [first](index.md)\n"}
    first = {
        "index.md": "# First\n\nold\n",
        "trials__a.md": "---\norphan: true\n---\n\n# A\n",
        "_extra__old.csv": "1",
    } | same
    later = {
        "index.md": "# First\n\nnew\n",
        "trials__b.md": "---\norphan: true\n---\n\n# B\n",
        "_extra__new.csv": "2",
    } | same
    source, work = tmp_path / "source", tmp_path / "work"
    made = _compiled_again(lay_out("one", **first), source, work, None)
    assert (made / "trials/a.html").is_file()
    written = (made / "other.html").stat().st_mtime_ns
    made = _compiled_again(lay_out("two", **later), source, work, None)
    assert (made / "other.html").stat().st_mtime_ns == written  # neither read nor written
    again = pages_of(made)
    (work / "frame.txt").unlink()  # as after a build that was killed: all is compiled anew
    for page in made.rglob("*.html"):
        page.write_text("half")
    made = _compiled_again(lay_out("three", **later), source, work, None)
    assert (made / "other.html").stat().st_mtime_ns > written
    assert pages_of(made) == again
