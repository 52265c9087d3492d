"""The reporting checklists: whole lists, each item with a place that is there or a reason, and counts that follow from them."""

import re

import nbformat
import pandas as pd
import pytest
from conftest import ROOT, put
from docutils.nodes import make_id

from evlib.base.errors import InputError
from evlib.book.checklists import checklist_words, places, read_checklists, state_of_items

HEAD = "checklist,item,topic,where,not_done\n"
PARTS = {10: "ab", 13: "abcdef", 16: "ab", 20: "abcd", 23: "abcd", 24: "abc"}  # of the items of PRISMA 2020


@pytest.fixture(scope="module")
def items():
    return read_checklists(ROOT / "book/checklists.csv")


def test_each_checklist_has_all_its_items(items):
    numbers = items.groupby("checklist").item.agg(list)
    assert numbers["PRISMA 2020"] == [f"{n}{part}" for n in range(1, 28) for part in PARTS.get(n, [""])]
    assert numbers["PRISMA-S"] == [str(n) for n in range(1, 17)]
    assert numbers["SWiM"] == ["1a", "1b", *map(str, range(2, 10))]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("X,1,title,,", ["item 1", "where", "not_done"]),
        ("X,1,title,on the first page,", ["item 1", "a link"]),
        ("X,1,title,[first page](https://example.org),", ["item 1", "https://example.org", "page.html"]),
        ("X,1,title,[first page](index.html),[why](index.ipynb)", ["item 1", "index.ipynb"]),
        ("X,1,title,,why\nX,1,title,,why", ["item 1", "twice"]),
    ],
)
def test_an_item_that_says_nothing_usable_is_named(tmp_path, row, named):
    put(tmp_path, "checklists.csv", HEAD + row + "\n")
    with pytest.raises(InputError) as error:
        read_checklists(tmp_path / "checklists.csv")
    assert all(word in str(error.value) for word in ["checklists.csv", *named])


def test_an_item_counts_once_with_its_parts(tmp_path):
    rows = (
        "X,1,t,[a](a.html),\nX,2a,t,[a](a.html),\nX,2b,t,,why\nX,L1a,t,,why\nX,L1b,t,,why\nX,other,t,[a](a.html),why\n"
    )
    put(tmp_path, "checklists.csv", HEAD + rows)
    items = read_checklists(tmp_path / "checklists.csv")
    assert state_of_items(items).to_dict() == {"1": "yes", "2": "in part", "L1": "no", "other": "in part"}
    assert "Of 4 items: 1 reported, 2 in part, 1 not done." in checklist_words(items, pages={"a"})["checklist_x"]


def test_what_only_an_absent_chapter_reports_is_not_done_and_text_is_escaped():
    rows = [("X", "1", "t", "[a](a.html#x)", None), ("X", "2", "<b>", "[a](a.html), [b](b.html)", "*no* `code`")]
    text = checklist_words(pd.DataFrame(rows, columns=HEAD.strip().split(",")), pages={"b"})["checklist_x"]
    assert "Of 2 items: 0 reported, 1 in part, 1 not done." in text
    assert "a.html" not in text and '<a href="b.html">b</a>' in text and "a (not in this book)" in text
    assert "&lt;b&gt;" in text and "<em>no</em> <code>code</code>" in text


def test_a_review_without_checklists_has_no_words_for_them(tmp_path):
    assert checklist_words(read_checklists(tmp_path / "checklists.csv"), pages={"index"}) == {}


def test_the_page_shows_every_checklist(items):
    page = (ROOT / "book/checklists.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{ (\w+) \}\}", page)) == checklist_words(items, pages=set()).keys()


def sources():
    """The pages of the book as Markdown, by name."""
    chapters = {path.stem: nbformat.read(path, as_version=4).cells for path in ROOT.glob("notebooks/*.ipynb")}
    prose = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("book/*.md")}
    return prose | {
        name: "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        for name, cells in chapters.items()
    }


def test_every_place_that_a_checklist_names_is_a_heading_or_a_label_of_the_book(items):
    """``test_book.py`` looks for them in the book that was built."""
    texts = {name: re.sub(r"(?ms)^```.*?^```", "", text) for name, text in sources().items()}
    named = {
        name: {*map(make_id, re.findall(r"(?m)^#+ (.+)$", text)), *re.findall(r"(?m)^\(([\w-]+)\)=$", text)}
        for name, text in texts.items()
    }
    lacking = []
    for address in places(items):
        page, _, place = address.partition(".html#")
        page = page.removesuffix(".html")
        if page not in named or (place and place not in named[page]):
            lacking.append(address)
    assert not lacking
