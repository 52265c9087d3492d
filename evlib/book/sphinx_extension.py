"""Our part in the making of the book, as a Sphinx extension that ``book/_config.yml`` names.

``jupyter-book build book/`` by hand reads pages that still hold ``{{ names }}`` of numbers and lack the executed chapters.
So the extension lays out the book's source from the results of the default search, has Sphinx read that instead, and
swaps the finished book into ``book/_build/html``. ``make book`` gives Sphinx a source that is laid out already.
"""

import os
import shutil
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.search.en import SearchEnglish
from sphinx.util.index_entries import split_index_msg

from evlib.base.errors import InputError
from evlib.base.files import swap_in
from evlib.base.paths import project_root
from evlib.book import search_index
from evlib.book.build import LAID_OUT, assemble, building_alone, finish, key_of_book, write_downloads
from evlib.run.pipeline import default_results

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.search import IndexBuilder


def setup(app: "Sphinx") -> dict[str, bool]:
    """What Sphinx calls when it loads the extension."""
    if not (Path(app.srcdir) / LAID_OUT).is_file():
        try:
            _lay_out(app)
        except InputError as error:
            raise SystemExit(f"evlib: {error}") from None  # the one sentence, without jupyter-book's own traceback
    app.connect("env-updated", _write_on_all_cores)
    app.connect("config-inited", _with_our_scores)
    app.connect("html-collect-pages", _with_our_words)
    app.add_search_language(_English)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class _English(SearchEnglish):
    """Sphinx's own, which finds the stem of a word anew on each page."""

    def init(self, options: dict[str, str]) -> None:
        super().init(options)
        self.stem = cache(super().stem)


def _lay_out(app: "Sphinx") -> None:
    """Have Sphinx read the source laid out from the default search's results, and write beside the last good book."""
    root, target = project_root(app.srcdir), Path(app.outdir)
    results = default_results(root)
    source, made = target.with_name(".by-hand-source"), target.with_name(f".by-hand-{target.name}")
    path_type, build = type(app.srcdir), ExitStack()
    build.enter_context(building_alone(target.parent))
    key = key_of_book(root, results)
    assemble(root, results, source)
    write_downloads(root, results, source / "_extra")
    shutil.rmtree(made, ignore_errors=True)
    app.srcdir = app.confdir = path_type(source)
    app.outdir = path_type(made)
    app.config.overrides["external_toc_path"] = (source / "_toc.yml").as_posix()

    def put_in_place(app: "Sphinx", exception: Exception | None) -> None:
        if exception is None:
            if target.name == "html":
                finish(made, source, key, results)
            swap_in(made, target)
            app.outdir = path_type(target)  # Sphinx names it in its last line
        shutil.rmtree(made, ignore_errors=True)
        build.close()

    app.connect("build-finished", put_in_place, priority=900)  # after all that other extensions write


def _with_our_scores(_app: "Sphinx", config: "Config") -> None:
    config.html_search_scorer = str(search_index.SCRIPT)


def _with_our_words(app: "Sphinx") -> list:
    """Sphinx asks here for more pages, of which there are none, when all are in its index, which it has not written yet."""
    indexer = getattr(app.builder, "indexer", None)
    if indexer is not None:
        _restore_entries(indexer, app.env.domains["index"].entries)
        search_index.add_words(indexer)
    return []


def _restore_entries(indexer: "IndexBuilder", entries: dict[str, list[tuple]]) -> None:
    """Give the search the index entries of all pages; Sphinx itself forgets those of pages that it does not write anew."""
    indexer._index_entries.clear()
    for page in sorted(entries.keys() & indexer._titles.keys()):
        told = {
            (word, place, main) for kind, text, place, main, _ in entries[page] for word in split_index_msg(kind, text)
        }
        if told:
            indexer._index_entries[page] = sorted(told)


def _write_on_all_cores(app: "Sphinx", _environment: object) -> None:
    # One of these processes is Sphinx itself, which hands the pages on. The pages are read by one process: two of the extensions
    # that jupyter-book brings do not say whether several may, and for the few pages that change several would take longer.
    app.parallel = (os.cpu_count() or 1) + 1
