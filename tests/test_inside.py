"""From a call in a chapter's code to the source of the function, in the book."""

import doctest
import inspect
import json
import re
from importlib import import_module

import nbformat
import pytest
from conftest import ROOT

from evlib.book.look_up import inside

CHAPTERS = {path.stem: nbformat.read(path, as_version=4) for path in sorted(ROOT.glob("notebooks/0*.ipynb"))}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    inside.write_inside(folder, CHAPTERS)
    return folder


def test_what_a_chapter_calls_is_on_a_page_with_its_source(source):
    places = json.loads((source / inside.PLACES).read_text(encoding="utf-8"))
    assert set(places) == set(CHAPTERS) and all(places.values())
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (source / "inside").glob("*.md")}
    for page, anchor in {place.partition("#")[::2] for own in places.values() for place in own.values()}:
        text = pages[page.removeprefix("inside/").removesuffix(".html")]
        part = text.partition(f'<span id="{anchor}"></span>')[2]
        assert re.search(
            rf"^(def|class) {anchor.rpartition('.')[2]}\b", part.partition("<span id=")[0], re.MULTILINE
        ), anchor
    assert '"""' in pages["describe"] and "[](../03_describe.ipynb)" in pages["describe"]


@pytest.mark.parametrize(
    "kind", ["cell_input", "cell_input above-output-prompt"]
)  # the second where the output is folded in, too
def test_only_names_in_code_that_stand_for_a_function_are_links(kind):
    names = {"figures.forest": "inside/doses.html#figures.forest", "joined": "inside/base.html#words.joined"}
    dot = '<span class="o">.</span>'
    code = f'<span class="n">figures</span>{dot}<span class="n">forest</span><span class="p">(</span><span class="n">joined</span>'
    other = f'<span class="n">frame</span>{dot}<span class="n">joined</span> <span class="n">figures</span>{dot}<span class="n">x</span>'
    start = f'<div class="{kind} docutils container">\n<div class="highlight"><pre>'
    page = f"{code}{start}{code} {other}</pre></div>"
    made = inside.with_links_inside(page, names)
    assert re.findall(r'href="([^"]+)"', made) == list(names.values())
    assert re.sub(r"</?a\b[^>]*>", "", made) == page and made.startswith(code)


def test_examples_in_docstrings_are_true(run_of, monkeypatch):
    monkeypatch.chdir(run_of("2024-02-17").parents[2])  # an example may read data/raw and what that run made
    monkeypatch.setenv("COLUMNS", "80")  # the width to which pandas prints
    modules = [
        path.relative_to(ROOT).with_suffix("")
        for path in sorted((ROOT / "evlib").rglob("*.py"))
        if ">>>" in path.read_text("utf-8")
    ]
    names = [".".join(path.parts).removesuffix(".__init__") for path in modules]
    ran = {name: doctest.testmod(import_module(name)) for name in names}
    assert {name for name, result in ran.items() if result.failed} == set()
    assert sum(result.attempted for result in ran.values()) > len(ran) > 20


def test_each_function_that_a_chapter_calls_shows_an_example():
    places = {place for notebook in CHAPTERS.values() for place in inside.called(notebook).values()}
    named = {".".join(place): getattr(import_module(f"evlib.{place[0]}"), place[1]) for place in places}
    functions = {name: made for name, made in named.items() if inspect.isroutine(inspect.unwrap(made))}
    assert len(functions) > 200
    assert [name for name, function in functions.items() if ">>>" not in (function.__doc__ or "")] == []
