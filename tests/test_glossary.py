"""The glossary: a word is linked once, in prose only, and the text stays what it was."""

import html
import re

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from evlib.book.glossary import glossary_page, linked, read_glossary


@pytest.fixture(scope="module")
def words():
    return read_glossary(ROOT / "book/glossary.csv")


def test_a_word_is_linked_where_it_comes_first_and_once(words):
    seen = set()
    text = linked("Extracellular: EVs and EVs.\nMore EVs; an exosome.", words, seen)
    assert text.count('href="glossary.html#term-ev"') == 1
    assert 'title="A vesicle that was made inside' in text
    assert {"EV", "exosome"} <= seen
    assert linked("EVs again", words, seen) == "EVs again"


@pytest.mark.parametrize(
    "text",
    [
        "# EVs in a heading",
        "| EVs | in a table |",
        "`EVs` in code",
        "[EVs](03_describe.ipynb) in a link",
        "```\nEVs in a block\n```",
        "{cite:p}`EVs`",
        '<a href="x">EVs</a>',
        "https://example.org/EVs",
        "$EVs^{2}$",
        "MSC-EVs is another word",
    ],
)
def test_what_is_not_prose_is_left_alone(words, text):
    assert "glossary.html" not in linked(text, words[words.term == "EV"], set())


@given(st.lists(st.sampled_from(["EVs", "kappa", "`", "a", "|", "#", "[x](y)", "\n", "MSC", "<b>"]), max_size=15))
def test_without_its_links_the_text_is_what_it_was(words, parts):
    text = " ".join(parts)
    shown = linked(text, words, set())
    assert re.sub(r'<a class="term"[^>]*>(.*?)</a>', r"\1", shown) == text


def test_the_page_explains_every_word_and_has_the_place_that_links_lead_to(words):
    page = glossary_page(words)
    assert words.place.is_unique
    for row in words.itertuples():
        assert f'id="{row.place}"' in page
        assert html.escape(row.definition) in page
