"""The search of the book: words that mean the same find the same pages, and excerpts hold no markup."""

import json
from types import SimpleNamespace

from conftest import put

from evlib.book.search_index import TEXTS, add_words, text_of, write_texts
from evlib.book.sphinx_extension import _restore_entries


def index(**pages):
    """An index as Sphinx fills it, without word forms."""
    terms = {}
    for page, text in pages.items():
        for word in text.lower().split():
            terms.setdefault(word, set()).add(page)
    titles = {page: [(page, None), ("Which harms were seen?", "harms-seen")] for page in pages}
    return SimpleNamespace(
        lang=SimpleNamespace(stem=str),
        _titles=dict.fromkeys(pages),
        _all_titles=titles,
        _mapping=terms,
        _title_mapping={},
        _index_entries={},
    )


def test_a_word_finds_the_pages_of_all_words_that_mean_the_same_however_often_it_is_said():
    made = index(a="nebulised exosomes", b="inhaled", c="dose")
    add_words(made)
    once = {word: set(pages) for word, pages in made._mapping.items()}
    add_words(made)  # as a second build does with the index that the first one wrote
    assert made._mapping == once
    assert once["nebulised"] == once["inhaled"] == once["aerosol"] == {"a", "b"}
    assert once["dose"] == once["dosage"] == {"c"} and once["exosomes"] == {"a"}


def test_a_question_leads_to_its_heading_where_the_page_is_in_the_book():
    made = index(**{"07_certainty": "words", "other": "words"})
    add_words(made)
    assert ("harm", "harms-seen", "main") in made._index_entries["07_certainty"]
    assert ("CD63", "", "main") in made._index_entries["07_certainty"]  # no such heading: the page itself
    assert set(made._index_entries) == {"07_certainty"} and made._title_mapping["cd63"] == {"07_certainty"}


def test_a_page_that_is_not_written_anew_keeps_its_index_entries():
    made = index(written="words", kept="words")
    made._index_entries = {"written": [("lung dose", "index-0", "main")]}  # all that Sphinx knows of then
    entry = ("single", "lung dose", "index-0", "main", None)
    _restore_entries(made, {"written": [entry], "kept": [entry], "removed": [entry]})
    assert made._index_entries == {page: [("lung dose", "index-0", "main")] for page in ("kept", "written")}


def test_excerpts_are_words_alone_and_pages_without_an_article_have_none(tmp_path):
    page = "<nav>menu</nav><article><script>let x</script><h1>T &lt;b&gt;</h1><pre>code</pre><p>a</article>foot"
    assert text_of(page) == "T <b> a" and text_of("<p>x") == ""
    put(tmp_path, "a.html", page)
    put(tmp_path, "_static/b.html", page)
    put(tmp_path, "search.html", "<p>x")
    write_texts(tmp_path)
    written = (tmp_path / TEXTS).read_text(encoding="utf-8")
    assert json.loads(written.removeprefix("setSearchTexts(").removesuffix(");\n")) == {"a.html": "T <b> a"}
