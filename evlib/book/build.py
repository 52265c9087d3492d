"""Build the book of a run: compile its source with jupyter-book, and keep the last good book until the new one is whole."""

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
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from evlib.base.errors import InputError
from evlib.base.files import all_below, matching, naming, recover, sha256, swap_in, write_bytes, write_text
from evlib.base.paths import repository
from evlib.book import search_index
from evlib.book.look_up import inside
from evlib.book.page_policy import inline_scripts, with_policy
from evlib.run import RARELY
from evlib.run.cache_keys import modules_behind
from evlib.run.pipeline import Warmth, spare_grammars, staying_warm

STAMP = "built_from.json"  # in a finished book: what it was made from, and the checksums of its files
LAYOUT = "evlib.book.layout"  # takes a second to load
LAID_OUT = "laid_out.txt"  # in a laid-out source: the name of the run
_PAUSE = 1  # second
# What jupyter-book loads only when it builds, and what takes longest to load.
_COMPILER = (
    "jupyter_book.sphinx",
    "sphinx.builders.html",
    "myst_nb.sphinx_ext",
    "sphinx_book_theme",
    "sphinxcontrib.bibtex",
)


def build_book(
    root: Path,
    results: Path,
    *,
    compiler: subprocess.Popen | None = None,
    warm: Warmth | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Compile the book of one run into ``book/_build/html``; returns its first page.

    Nothing is done where the book there was built from the same results and pages. A failed build leaves the last
    good book as it was.

    Parameters
    ----------
    compiler
        The process of ``waiting_compiler``, where it was started beforehand.
    warm
        As ``staying_warm`` gives it, with the process of the run.

    Raises
    ------
    InputError
        With jupyter-book's own words, where the book does not build without a warning; or another build is running.
    """
    build = root / "book" / "_build"
    html = build / "html"
    with building_alone(build):
        recover(html)
        for leftover in matching(build, ".new-*"):  # of a killed build
            shutil.rmtree(leftover, ignore_errors=True)
        key = key_of_book(root, results)
        if _is_whole(html, key):
            say("book: unchanged, nothing to do.")
            return html / "index.html"
        say("book: building")
        with (
            tempfile.TemporaryDirectory(dir=build, prefix=".new-") as folder,
            nullcontext(warm) if warm else staying_warm(LAYOUT) as started,
            started([]) as process,
        ):
            fresh, made = Path(folder) / "source", Path(folder) / "html"
            with process.working(assemble, root, results, fresh) as wait:
                wait()
            with process.working(write_downloads, root, results, made) as wait_for_downloads:
                compiled = _compiled_again(fresh, build / "source", build / "work", compiler)
                wait_for_downloads()
            shutil.copytree(compiled, made, dirs_exist_ok=True)
            finish(made, build / "source", key, results)
            swap_in(made, html)
    return html / "index.html"


def build_site(root: Path, editions: dict[str, Path], *, say: Callable[[str], None] = print) -> Path:
    """Compile the books of several runs into ``book/_build/site``, to be published as a whole; returns its first page.

    Each page has a link to the same page of the other editions, or to their first page where they lack it.

    Parameters
    ----------
    editions
        For each edition's place below the site (empty: the site itself) the folder of its run. The one built last stays in
        ``book/_build/html``.
    """
    build = root / "book" / "_build"
    with building_alone(build):
        recover(build / "site")
        for leftover in matching(build, ".site-*"):  # of a killed build
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=build, prefix=".site-") as folder:
        site = Path(folder) / "site"
        places = {place: site / place if place else site for place in editions}
        for place, results in editions.items():
            build_book(root, results, say=say)
            shutil.copytree(build / "html", places[place], dirs_exist_ok=True)
        pages = {
            place: [
                path.relative_to(home)
                for path in all_below(home)
                if path.suffix == ".html" and "_static" not in path.parts
            ]
            for place, home in places.items()
        }
        pages[""] = [path for path in pages.get("", []) if path.parts[0] != "editions"]
        for place, home in places.items():
            for page in pages[place]:
                links = _links_to_editions(page, place, editions, pages)
                text = (home / page).read_text(encoding="utf-8")
                before, tag, after = (
                    re.split(r"(<article\b[^>]*>)", text, maxsplit=1) if "<article" in text else (text, "", "")
                )
                write_text(home / page, before + tag + (links if tag else "") + after)
        with building_alone(build):
            swap_in(site, build / "site")
    return build / "site" / "index.html"


def _links_to_editions(page: Path, place: str, editions: dict[str, Path], pages: dict[str, list[Path]]) -> str:
    """A line with links from a page of one edition to the same page of the others."""
    up = "../" * (len(page.parts) - 1 + len(Path(place).parts))
    links = [
        f'<a href="{up}{other + "/" if other else ""}{(page if page in pages[other] else Path("index.html")).as_posix()}">'
        f"{results.name}</a>"
        for other, results in editions.items()
        if other != place
    ]
    return (
        f'<p class="edition">Edition of {editions[place].name}. The same page in the edition of {", ".join(links)}.</p>'
    )


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
            "the book is printed by Chromium, which is not on this machine. Install it (Debian: apt install chromium), or "
            "print single pages from your browser."
        )
    build = root / "book" / "_build"
    source, work, target = build / "source-pdf", build / "work-pdf", build / f"evtrials-{results.name}.pdf"
    with building_alone(build), tempfile.TemporaryDirectory() as folder:
        say("book: building, all in one")
        assemble(root, results, source)
        shutil.rmtree(work, ignore_errors=True)
        page = _compile(source, work, "singlehtml") / "index.html"
        say("book: printing")
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
def building_alone(folder: Path) -> Iterator[None]:
    """Keep other processes from building a book in a folder (``book/_build``).

    Raises
    ------
    InputError
        Where another process is building there.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        raise InputError(f"another book is being built in {folder}. Wait for it to end, then build again.") from None
    try:
        with naming(folder):
            yield
    finally:
        lock.release()


def assemble(root: Path, results: Path, source: Path) -> None:
    """Lay out the source of a run's book in a folder, marked as such: our Sphinx extension then takes it as it is."""
    spare_grammars()
    from evlib.book.layout import lay_out  # not loaded for an unchanged book, as it takes a second

    lay_out(root, results, source)
    write_text(source / LAID_OUT, results.name + "\n")


def write_downloads(root: Path, results: Path, folder: Path) -> None:
    """Write what stands beside the pages of a run's book into a folder."""
    from evlib.book import layout

    layout.write_downloads(root, results, folder)


def finish(made: Path, source: Path, key: str, results: Path) -> None:
    """Complete the pages that Sphinx wrote, each with its policy, and stamp the book with the key of what it was made from."""
    references = made / "references.html"
    # The bibliography extension says "list" of what has no list items, which misleads screen readers.
    write_text(references, references.read_text(encoding="utf-8").replace('<div role="list" class', "<div class"))
    tables = [path.read_text(encoding="utf-8") for path in source.glob("*_table.html")]
    own_scripts = {script for table in tables for script in inline_scripts(table)}
    search_index.write_texts(made)
    names = json.loads((source / inside.PLACES).read_text(encoding="utf-8"))
    for page in all_below(made):
        if page.suffix == ".html" and "_static" not in page.parts:
            text = page.read_text(encoding="utf-8")
            if page.parent == made and page.stem in names:
                text = inside.with_links_inside(text, names[page.stem])
            write_text(page, with_policy(text, own=own_scripts))
    stamp = {"key": key, "results": results.name, "files": _checksums(made)}
    write_text(made / STAMP, json.dumps(stamp) + "\n")


def _is_whole(html: Path, key: str) -> bool:
    """Whether a book was made from what the key stands for, and every file of it is still as it was written."""
    try:
        stamp = json.loads((html / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return stamp.get("key") == key and stamp.get("files") == _checksums(html)


def _checksums(folder: Path) -> dict[str, str]:
    files = (path for path in all_below(folder) if path.name != STAMP)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def key_of_book(root: Path, results: Path) -> str:
    """Changes when the run, a page of the book, or the code that makes the book changes."""
    books = dict.fromkeys([root.resolve() / "book", repository(root) / "book"])
    pages = [path for book in books for path in all_below(book) if "_build" not in path.parts]
    run = json.loads((results / "run.json").read_text(encoding="utf-8"))
    history = [path for path in [root / "data/updates.csv"] if path.is_file()]
    files = [*pages, *history, repository(root) / "CHANGELOG.md", *made_by()]
    return hashlib.sha256(json.dumps([run["keys"], [(path.name, sha256(path)) for path in files]]).encode()).hexdigest()


def made_by() -> list[Path]:
    """The files of ``evlib`` that make the book: this module, the Sphinx extension, all that they import, and their data."""
    folder = Path(__file__).parent
    own = [folder / "build.py", folder / "sphinx_extension.py"]
    return [
        *own,
        *modules_behind(own, folder.parent),
        *folder.glob("*.csv"),
        *folder.rglob("*.js"),
        *folder.rglob("*.md"),
    ]


def _compiled_again(fresh: Path, source: Path, work: Path, compiler: subprocess.Popen | None) -> Path:
    """Compile a new source of the book so that only changed pages are read and written anew; returns the folder.

    All pages are made anew after a build that failed, and where something changed that every page shows.
    """
    state, frame = work / "frame.txt", _frame(fresh)
    if not state.is_file() or state.read_text(encoding="utf-8") != frame:
        shutil.rmtree(work, ignore_errors=True)
    state.unlink(missing_ok=True)  # until the build has ended well
    removed = _mirror(fresh, source)
    made = work / "_build" / "html"
    for name in removed:
        for path in (made / name, made / Path(name).relative_to(Path(name).parts[0]), made / "_sources" / name):
            path.unlink(missing_ok=True)
        (made / name).with_suffix(".html").unlink(missing_ok=True)
    _compile(source, work, "html", compiler)
    write_text(state, frame)
    return made


def _frame(source: Path) -> str:
    """What every page shows or depends on: configuration, list and titles of pages, styles, literature, our part of the search, and
    packages."""
    parts = [(source / name).read_text(encoding="utf-8") for name in ("_config.yml", "_toc.yml")]
    for page in sorted([*source.glob("*.md"), *source.glob("*.ipynb")]):
        title = re.search(r'^\s*"?# .*$', page.read_text(encoding="utf-8"), re.MULTILINE)
        parts.append(f"{page.name} {title[0] if title else ''}")
    styles = [*matching(source / "_static", "*"), *matching(source, "*.bib")]
    search = [Path(search_index.__file__), search_index.SCRIPT]
    parts += [f"{path.name} {sha256(path)}" for path in [*styles, *search] if path.is_file()]
    parts += [f"{name} {version(name)}" for name in ("jupyter-book", "sphinx", "sphinx-book-theme", "myst-nb")]
    return "\n".join(parts)


def _mirror(fresh: Path, kept: Path) -> list[str]:
    """Make a folder the same as a new one without touching equal files; returns the names of the files that it removed."""
    names = {path.relative_to(fresh).as_posix() for path in all_below(fresh)}
    earlier = [path.relative_to(kept).as_posix() for path in (all_below(kept) if kept.is_dir() else [])]
    removed = [name for name in earlier if name not in names]
    for name in removed:
        (kept / name).unlink()
    for name in sorted(names):
        if not (kept / name).is_file() or not filecmp.cmp(fresh / name, kept / name, shallow=False):
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(fresh / name, kept / name)
    return removed


@contextmanager
def waiting_compiler() -> Iterator[subprocess.Popen]:
    """A process that loads jupyter-book, which takes seconds, and then waits for its arguments; other processes go first.

    It begins after a pause, in which a command with nothing to do ends.
    """
    pause = f"import select, sys; select.select([sys.stdin], [], [], {_PAUSE})"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", f"{pause}; from evlib.book.build import compile_when_told as work; work()"],
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
            process.kill()  # where nothing was asked of it; has no effect on one that has ended


def compile_when_told() -> None:
    """Load jupyter-book, then run it with the arguments that one line of standard input gives as a JSON list."""
    os.nice(5)
    spare_grammars()
    for module in _COMPILER:
        with suppress(ImportError):  # jupyter-book itself says what is missing
            import_module(module)
    from jupyter_book.cli.main import main

    gc.freeze()
    gc.set_threshold(*RARELY)
    if arguments := sys.stdin.readline():
        sys.argv[1:] = json.loads(arguments)
        main()


def _compile(source: Path, work: Path, builder: str, compiler: subprocess.Popen | None = None) -> Path:
    """Compile the book's source with a builder of jupyter-book; returns the folder that it made."""
    options = ["--path-output", str(work), "--builder", builder, "-W", "--keep-going", "-q"]
    with nullcontext(compiler) if compiler else waiting_compiler() as process:
        with suppress(BrokenPipeError):  # it has ended; what it said tells why
            process.stdin.write(json.dumps(["build", str(source), *options]) + "\n")
            process.stdin.flush()
        output, _ = process.communicate()
    made = work / "_build" / builder
    if process.returncode or not (made / "index.html").is_file():
        lines = re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines()
        complaints = [line for line in lines if re.search(r"warning|error|critical", line, re.IGNORECASE)]
        reason = "\n".join(complaints[:20] or lines[-20:])
        raise InputError(f"the book was not built; the last good one is untouched.\n{reason}")
    return made
