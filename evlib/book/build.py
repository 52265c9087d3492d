"""Build the book from a run: the executed notebooks, the prose pages, and the numbers that the pages name."""

import ast
import filecmp
import gc
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import wraps
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evlib.base.errors import InputError
from evlib.base.files import all_below, matching, naming, recover, sha256, swap_in, write_bytes, write_text
from evlib.base.paths import command_ending, place_of, repository
from evlib.book.page_policy import add_policies, inline_scripts, refuse_scripts
from evlib.run.cache_keys import modules_behind
from evlib.run.pipeline import spare_grammars, with_values

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What 06_update writes; a run without an earlier search has none of them.
_UPDATE_TABLES = {
    "headlines.csv": "a number of the first page, in the earlier and this search",
    "trial_changes.csv": "a trial that is new since the earlier search, or no longer included",
    "prisma2020_update.csv": "a box of the flow of the update, as the R package PRISMA2020 reads it",
    "record_changes.csv": "a field of a record that changed since the earlier search",
}
_WITHOUT_TERMS = {"glossary.md", "changelog.md"}  # pages on which a word is not linked to its meaning
# Targets of make that take REVIEW=, and folders that each review has: pages name them as they are for the first review.
_REVIEW_TARGETS = re.compile(r"\bmake (?:book|check|fetch|lesson|open|pdf|run|screen|sweep|trace|update)\b(?! REVIEW=)")
_REVIEW_FOLDERS = re.compile(r"(?<![\w/])(?=data/(?:raw|processed)\b)")
STAMP = "built_from.json"
LAID_OUT = "laid_out.txt"  # in a source of the book that is laid out: of which results
# What jupyter-book loads only when it builds.
_COMPILER = (
    *("jupyter_book.sphinx", "sphinx.application", "sphinx.builders.html", "myst_nb.sphinx_ext", "sphinx_book_theme"),
    *("sphinx_comments", "sphinx_copybutton", "sphinx_design", "sphinx_external_toc", "sphinx_jupyterbook_latex"),
    *("sphinx_multitoc_numbering", "sphinx_togglebutton", "sphinxcontrib.bibtex", "sphinx.writers.html5"),
    *("docutils.parsers.rst.states", "ipython_pygments_lexers", "myst_nb.core.read"),
)
_DONE, _NOT_DONE = "evlib: laid out", "evlib: not laid out"


def _one_at_a_time(build: Callable[..., Path]) -> Callable[..., Path]:
    """A function that builds in ``book/_build``, refused while another process builds there."""

    @wraps(build)
    def alone(root: Path, results: Path, **options: Any) -> Path:
        from filelock import FileLock, Timeout

        folder = root / "book" / "_build"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=1), naming(folder):
                return build(root, results, **options)
        except Timeout:
            raise InputError(
                f"another book is being built in {folder}. Wait for it to end, then build again."
            ) from None

    return alone


@_one_at_a_time
def build_book(
    root: Path,
    results: Path,
    *,
    compiler: subprocess.Popen | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Compile the book of one run into ``book/_build/html``; returns its first page.

    Nothing is done where the book there was built from the same results and pages. A failed build leaves the last
    good book as it was.

    Parameters
    ----------
    compiler
        What ``compiler_at_hand`` gave, where it was started beforehand.

    Raises
    ------
    InputError
        With the builder's own words, where the book does not build without a warning.
    """
    build = root / "book" / "_build"
    html, key = build / "html", _key(root, results)
    recover(html)
    for left in matching(build, ".new-*"):  # of a killed build
        shutil.rmtree(left, ignore_errors=True)
    if _is_whole(html, key):
        say("book: unchanged, nothing to do.")
        return html / "index.html"
    say("book: building")
    source, work = build / "source", build / "work"
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix=".new-") as folder:
        fresh, made = Path(folder) / "source", Path(folder) / "html"
        _laid_out(root, results, fresh, compiler)
        compiled = _compiled_again(fresh, source, work, compiler)
        shutil.copytree(compiled, made)
        finish(made, source, root, results)
        swap_in(made, html)
    return html / "index.html"


def finish(made: Path, source: Path, root: Path, results: Path) -> None:
    """What is done to the pages of a book when Sphinx has written them, and the stamp that tells what it was made from."""
    references = made / "references.html"
    # The bibliography extension says "list" of what has no list items, which misleads screen readers.
    write_text(references, references.read_text(encoding="utf-8").replace('<div role="list" class', "<div class"))
    _add_policies(made, source)
    stamp = {"key": _key(root, results), "results": results.name, "files": _checksums(made)}
    write_text(made / STAMP, json.dumps(stamp) + "\n")


def _is_whole(html: Path, key: str) -> bool:
    """Whether a book was made from the same results and pages, and every file of it is still as it was written."""
    try:
        stamp = json.loads((html / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return stamp.get("key") == key and stamp.get("files") == _checksums(html)


def _checksums(folder: Path) -> dict[str, str]:
    files = (path for path in all_below(folder) if path.name != STAMP)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def _compiled_again(fresh: Path, source: Path, work: Path, compiler: subprocess.Popen | None) -> Path:
    """Compile a new source of the book where only the pages that changed are read and written anew; returns the folder.

    All pages are made anew where the list of pages or their titles changed, since each page shows it, where the
    configuration did, and after a build that did not end.
    """
    state, frame = work / "frame.txt", _frame(fresh)
    if not state.is_file() or state.read_text(encoding="utf-8") != frame:
        shutil.rmtree(work, ignore_errors=True)
    state.unlink(missing_ok=True)  # until the build has ended well
    gone = _mirror(fresh, source)
    made = work / "_build" / "html"
    for name in gone:
        for path in (made / name, made / Path(name).relative_to(Path(name).parts[0]), made / "_sources" / name):
            path.unlink(missing_ok=True)
        (made / name).with_suffix(".html").unlink(missing_ok=True)
    _compile(source, work, "html", compiler)
    write_text(state, frame)
    return made


def _frame(source: Path) -> str:
    """What every page shows or depends on: configuration, list and titles of pages, styles, literature, and packages."""
    parts = [(source / name).read_text(encoding="utf-8") for name in ("_config.yml", "_toc.yml")]
    for page in sorted([*source.glob("*.md"), *source.glob("*.ipynb")]):
        title = re.search(r'^\s*"?# .*$', page.read_text(encoding="utf-8"), re.MULTILINE)
        parts.append(f"{page.name} {title[0] if title else ''}")
    styles = [*matching(source / "_static", "*"), *matching(source, "*.bib")]
    parts += [f"{path.name} {sha256(path)}" for path in styles if path.is_file()]
    parts += [f"{name} {version(name)}" for name in ("jupyter-book", "sphinx", "sphinx-book-theme", "myst-nb")]
    return "\n".join(parts)


def _mirror(fresh: Path, kept: Path) -> list[str]:
    """Make a folder the same as a new one, and leave alone the files that are the same; gives those that went away."""
    names = {path.relative_to(fresh).as_posix() for path in all_below(fresh)}
    held = [path.relative_to(kept).as_posix() for path in (all_below(kept) if kept.is_dir() else [])]
    gone = [name for name in held if name not in names]
    for name in gone:
        (kept / name).unlink()
    for name in sorted(names):
        if not (kept / name).is_file() or not filecmp.cmp(fresh / name, kept / name, shallow=False):
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(fresh / name, kept / name)
    return gone


@_one_at_a_time
def build_pdf(root: Path, results: Path, *, say: Callable[[str], None] = print) -> Path:
    """Print the book of one run, all chapters in one, into ``book/_build/evtrials-<run>.pdf``; returns the file.

    The pages of single trials are left out. Chromium prints it.

    Raises
    ------
    InputError
        Where there is no Chromium, it fails, or the book does not build.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise InputError(
            "the book is printed through Chromium, which was not found. Install it (Debian: apt install chromium), or print "
            "single pages from your browser."
        )
    build = root / "book" / "_build"
    source, work = build / "source-pdf", build / "work-pdf"
    say("book: building, all in one")
    assemble(root, results, source)
    shutil.rmtree(work, ignore_errors=True)
    page = _compile(source, work, "singlehtml") / "index.html"
    target = build / f"evtrials-{results.name}.pdf"
    say("book: printing")
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "book.pdf"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={folder}"]
        command = [browser, *options, f"--print-to-pdf={printed}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not printed.is_file():
            raise InputError(f"Chromium did not print the book: {done.stderr.strip()[-500:]}")
        write_bytes(target, printed.read_bytes())
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(source, ignore_errors=True)
    return target


@contextmanager
def compiler_at_hand() -> Iterator[subprocess.Popen]:
    """A process that loads jupyter-book and all that lays out a book, which takes seconds, and then does what
    ``build_book`` asks of it. Meanwhile it lets others go first."""
    with subprocess.Popen(
        [sys.executable, "-P", "-c", "from evlib.book.build import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONIOENCODING": "utf-8"},
    ) as process:
        try:
            yield process
        finally:
            if not process.stdin.closed:
                process.stdin.close()  # it ends, with nothing to do


def serve() -> None:
    """Do what lines of JSON on standard input ask: the root, a run's results and a folder in which to lay out the book's
    source; then, as the last one, the arguments of jupyter-book."""
    if hasattr(os, "nice"):
        os.nice(5)
    spare_grammars()
    sys.modules.setdefault("hypothesis", None)  # pandera would load it, and this process makes up no data
    for module in (
        *_COMPILER,
        *(f"evlib.book.{name}" for name in ("dataset", "glossary", "lessons", "record_history", "trial_pages")),
    ):
        with suppress(ImportError):  # what is missing, jupyter-book says itself
            import_module(module)
    from jupyter_book.cli.main import main

    gc.freeze()  # what is loaded stays: the collector of garbage need not look at it again
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, list):
            sys.argv[1:] = asked
            main()
        try:
            assemble(*(Path(asked[name]) for name in ("root", "results", "source")))
        except Exception:
            print(_NOT_DONE, flush=True)
        else:
            print(_DONE, flush=True)


def _laid_out(root: Path, results: Path, source: Path, compiler: subprocess.Popen | None) -> None:
    """Lay out the book's source, by the process at hand where there is one; what it cannot do, this one says why."""
    if compiler is not None:
        asked = {"root": str(root.resolve()), "results": str(results.resolve()), "source": str(source.resolve())}
        with suppress(OSError):
            compiler.stdin.write(json.dumps(asked) + "\n")
            compiler.stdin.flush()
        for line in compiler.stdout:
            if line.strip() == _DONE:
                return
            if line.strip() == _NOT_DONE:
                break
    assemble(root, results, source)


def _compile(source: Path, work: Path, builder: str, compiler: subprocess.Popen | None = None) -> Path:
    """Compile the book's source with a builder of jupyter-book; returns the folder that it made."""
    options = ["--path-output", str(work), "--builder", builder, "-W", "--keep-going", "-q"]
    alive = compiler is not None and compiler.poll() is None
    with nullcontext(compiler) if alive else compiler_at_hand() as process:
        said, _ = process.communicate(json.dumps(["build", str(source), *options]) + "\n")
    made = work / "_build" / builder
    if process.returncode or not (made / "index.html").is_file():
        raise InputError(f"the book was not built; the last good one is untouched.\n{_complaints(said)}")
    return made


def _add_policies(made: Path, source: Path) -> None:
    """Give each page the policy by which only the theme's scripts and those of our tables run."""
    tables = [path.read_text(encoding="utf-8") for path in source.glob("*_table.html")]
    own = {script for table in tables for script in inline_scripts(table)}
    add_policies((page for page in made.rglob("*.html") if "_static" not in page.parts), own=own)


def assemble(root: Path, results: Path, source: Path) -> None:
    """Lay out the book's source: prose pages, configuration with the run's numbers, notebooks, figures and tables."""
    # Imported here, because an unchanged book needs none of them and they take seconds to load.
    spare_grammars()
    import nbformat

    from evlib.base.protocol import load_protocol
    from evlib.base.words import load_numbers
    from evlib.book.dataset import copy_table
    from evlib.book.glossary import glossary_page, linked, read_glossary
    from evlib.book.lessons import cell_index, chapters_of, with_anchors, write_lessons

    shutil.rmtree(source, ignore_errors=True)
    protocol = load_protocol(root / "protocol.yml")
    _lay_out_pages(root, source, protocol)
    _drop_absent_chapters(source / "_toc.yml", results)
    _add_launch_buttons(source / "_config.yml")
    words = {"whats_new": "This book was made without an earlier search to compare with."} | load_numbers(results)
    words["update_tables"] = "\n".join(
        f'| <a href="{name}" download>{name}</a> | {row} |'
        for name, row in _UPDATE_TABLES.items()
        if (results / name).is_file()
    )
    words |= _queue_words(results, protocol)
    for path in results.glob("figures/*.txt"):
        figure, _, title = path.stem.partition(".")
        words[f"{'title' if title else 'alt'}_{figure}"] = path.read_text(encoding="utf-8").strip()
    meanings = read_glossary(source / "glossary.csv")
    words["glossary"] = glossary_page(meanings)
    words["changelog"] = _changelog(repository(root) / "CHANGELOG.md")
    words |= {"title": protocol["title"], "question": protocol["question"].strip()}
    words["dataset"] = _dataset_name(root)
    chapters = chapters_of(results)
    words["cell_index"] = cell_index(chapters)
    for page in sorted(source.glob("*.md")):
        text = filled(page.read_text(encoding="utf-8"), words, page=page.name)
        write_text(page, text if page.name in _WITHOUT_TERMS else linked(text, meanings, set()))
    _write_trials(root, results, source, protocol)
    if (results / "audit.csv").is_file():
        _write_ledger(results, source)
    for path in sorted(results.glob("[0-9][0-9]_*.ipynb")):
        executed = nbformat.read(path, as_version=4)
        refuse_scripts(executed, path.name)
        notebook, seen = with_anchors(readable(executed)), set()
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = linked(cell.source, meanings, seen)
        write_text(source / path.name, nbformat.writes(notebook) + "\n")
    shutil.copytree(results / "figures", source / "figures")
    downloads = source / "_extra"
    shutil.copytree(results / "figures", downloads / "figures")
    if (source / "teaching.md").is_file():
        write_lessons(results, chapters, downloads / "lessons")
    _copy_mathjax(downloads / "mathjax")
    shutil.copy2(results / "run.json", downloads / "run.json")
    for path in results.glob("*.csv"):
        copy_table(path, downloads / path.name, protocol=protocol)
    write_text(source / LAID_OUT, results.name + "\n")


def _dataset_name(root: Path) -> str:
    """The name of the file with the whole data set: that of the review beside the first, or of the project."""
    return "evtrials" if repository(root) == root.resolve() else root.resolve().name


def _lay_out_pages(root: Path, source: Path, protocol: dict) -> None:
    """The pages of a book and what they need, before any word is filled in.

    A review beside the first has a few pages of its own in ``book``; the pages that its table of contents names beyond
    these, the style and the references are the repository's.
    """
    import yaml

    home = repository(root)
    shutil.copytree(root / "book", source, ignore=shutil.ignore_patterns("_build"))
    if home == root.resolve():
        return
    shutil.copytree(home / "book" / "_static", source / "_static", dirs_exist_ok=True)
    toc = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    pages = re.findall(r"'file': '(\w+)'", str(toc))
    for name in ("_config.yml", "references.bib"):
        if not (source / name).is_file():
            shutil.copy2(home / "book" / name, source / name)
    for name in (f"{page}.md" for page in pages):
        if not (source / name).is_file() and (home / "book" / name).is_file():
            page = (home / "book" / name).read_text(encoding="utf-8")
            write_text(source / name, _for_another_review(page, root, pages))
    config = (source / "_config.yml").read_text(encoding="utf-8").splitlines()
    facts = {"title": protocol["title"], "author": "", "copyright": "registry facts: cite the registries; code MIT"}
    lines = {name: f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()}
    write_text(source / "_config.yml", "\n".join(lines.get(line.partition(":")[0], line) for line in config) + "\n")


def _for_another_review(page: str, root: Path, pages: list[str]) -> str:
    """A page of the repository's book for that of another review: its commands and folders are that review's, and links to
    pages that its book lacks become plain text."""
    name = command_ending(root).rpartition("=")[2]
    page = _REVIEW_TARGETS.sub(rf"\g<0> REVIEW={name}", page)
    page = page.replace(".venv/bin/python -m evlib", f"EVTRIALS_REVIEW={name} .venv/bin/python -m evlib")
    page = _REVIEW_FOLDERS.sub(f"{place_of(root)}/", page)
    return re.sub(r"\[([^\]]+)\]\((\w+)\.md\)", lambda link: link[0] if link[2] in pages else link[1], page)


def _add_launch_buttons(config: Path) -> None:
    """Let each chapter offer to open on Binder and Colab, where the repository's address is known.

    GitHub's workflows give it (``GITHUB_SERVER_URL``, ``GITHUB_REPOSITORY``); on other machines there are no buttons.
    """
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if not server or not name:
        return
    text = config.read_text(encoding="utf-8")
    text += f"\nrepository:\n  url: {server}/{name}\n  path_to_book: notebooks\n  branch: main\n"
    text += "\nlaunch_buttons:\n  binderhub_url: https://mybinder.org\n  colab_url: https://colab.research.google.com\n"
    write_text(config, text)


def _changelog(path: Path) -> str:
    """The change log without its own heading."""
    return path.read_text(encoding="utf-8").partition("\n")[2].strip()


def _drop_absent_chapters(toc: Path, results: Path) -> None:
    """Leave out of the table of contents the chapters that the run did not make (06_update without an earlier search)."""
    lines = toc.read_text(encoding="utf-8").splitlines(keepends=True)
    chapter = re.compile(r"\s*- file: ([0-9]{2}_\w+)\s*")
    kept = [
        line for line in lines if not (found := chapter.fullmatch(line)) or (results / f"{found[1]}.ipynb").is_file()
    ]
    write_text(toc, "".join(kept))


def _queue_words(results: Path, protocol: dict) -> dict[str, str]:
    """The queue and the codes to exclude by, as tables for the page that shows them."""
    import pandas as pd

    from evlib.base.schema import read_table
    from evlib.base.tables import table
    from evlib.screen.judging import exclusion_criteria

    queue = read_table(results / "to_screen.csv", "to_screen")
    proposed = queue.proposal.str.cat(" (" + queue.proposed_criterion + ")", na_rep="")
    shown = queue[["trn", "proposed_reason", "title", "registered", "needs"]]
    shown.insert(1, "proposal", proposed.where(queue.proposal.notna()))
    listed = table(shown, caption=f"{len(queue)} records that await a decision", urls=queue.record_url)
    codes = pd.DataFrame(exclusion_criteria(protocol).items(), columns=["code", "excluded because"])
    return {
        "queue": f'<div class="queue">{listed.data}</div>',
        "exclusion_codes": table(codes, caption="Criteria of exclusion").data,
    }


def _write_trials(root: Path, results: Path, source: Path, protocol: dict) -> None:
    """The table of all trials, a page for each, and the whole data set to download."""
    from evlib.base.schema import read_csv, read_table
    from evlib.book.dataset import write_dataset
    from evlib.book.record_history import trace, traced_tables
    from evlib.book.trial_pages import interactive, page_name, trial_page, trials_to_browse

    described = read_table(results / "described.csv", "described")
    trials = trials_to_browse(described, protocol=protocol)
    write_text(source / "trials_table.html", interactive(trials, name="trials", page_length=25))
    held = traced_tables(results, raw_dir=root / "data" / "raw")
    changed = results / "record_changes.csv"
    changes = read_csv(changed) if changed.is_file() else None
    has = {"doses": results / "doses.csv", "results": root / "data/raw/curation/studies.csv"}
    without = [name for name, path in has.items() if not path.is_file()]
    for row in described.itertuples():
        story = trace(row.trn, held, run=results.name, protocol=protocol) | {"record_url": row.record_url}
        write_text(source / "trials" / f"{page_name(row.trn)}.md", trial_page(story, changes, without=without))
    write_dataset(results, source / "_extra" / f"{_dataset_name(root)}.zip", root=root, protocol=protocol)


def _write_ledger(results: Path, source: Path) -> None:
    """The table of all claims of the paper, with their verdicts."""
    from evlib.base.schema import read_csv
    from evlib.book.trial_pages import claims_to_browse, interactive

    claims = claims_to_browse(read_csv(results / "audit.csv"))
    table = interactive(claims, name="claims", page_length=50, choices=("Kind", "Verdict"))
    write_text(source / "ledger_table.html", table)


def filled(text: str, words: dict[str, str], *, page: str) -> str:
    """A page with every ``{{ name }}`` replaced by the run's number or words of that name.

    Raises
    ------
    InputError
        Naming the page and the name that no chapter saved.
    """

    def word(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise InputError(
                f"book/{page} names '{match[1]}', which no chapter saved. Known: {', '.join(sorted(words))}."
            )
        return words[match[1]]

    return re.sub(r"\{\{ (\w+) \}\}", word, text)


def readable(notebook: "NotebookNode") -> "NotebookNode":
    """An executed notebook as a reader should see it: one parameters cell, with the values that this run used.

    papermill adds a cell of its own with the values; here they take the place of the defaults, comments kept.
    """
    injected = [cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    notebook.cells = [cell for cell in notebook.cells if cell not in injected]
    values = dict(re.findall(r"^(\w+) = (.+)$", "\n".join(cell.source for cell in injected), re.MULTILINE))
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, {name: ast.literal_eval(value) for name, value in values.items()})
    return notebook


def _copy_mathjax(target: Path) -> None:
    """MathJax and its fonts from the installed package; the rest of it (speech, menus in 20 languages) is left out."""
    carrier = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static" / "mathjax"
    shutil.copytree(carrier / "output" / "chtml" / "fonts", target / "output" / "chtml" / "fonts")
    shutil.copy2(carrier / "tex-mml-chtml.js", target / "tex-mml-chtml.js")


def _key(root: Path, results: Path) -> str:
    books = dict.fromkeys([root.resolve() / "book", repository(root) / "book"])
    pages = [
        path for book in books for path in sorted(book.rglob("*")) if path.is_file() and "_build" not in path.parts
    ]
    run = json.loads((results / "run.json").read_text(encoding="utf-8"))
    files = [*pages, repository(root) / "CHANGELOG.md", *made_by()]
    inputs = [run["keys"], [(path.name, sha256(path)) for path in files]]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def made_by() -> list[Path]:
    """The files of ``evlib`` that the book is made by: what this module and the Sphinx extension import, and their data."""
    folder = Path(__file__).parent
    own = [folder / "build.py", folder / "sphinx_extension.py"]
    return [*own, *modules_behind(own, folder.parent), *folder.glob("*.csv")]


def _complaints(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = [line for line in plain.splitlines() if re.search(r"warning|error|critical", line, re.IGNORECASE)]
    return "\n".join(lines[:20] or plain.splitlines()[-20:])
