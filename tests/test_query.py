"""The query: what it finds offline, what the registry is asked, and what is refused."""

import pytest
from conftest import SNAPSHOT, records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.query import FIELDS, api_expression, by_term, matches, parsed, places, terms
from evlib.base.schema import columns

TITLES = ["MSC-Exos for ARDS", "Exosomal miRNA in mesenchymal  stem-cell therapy", "Extracellular vesicles", "Plant EV"]


def found(query, *rows):
    table = records_of([{"trn": f"NCT{i:08d}"} | row for i, row in enumerate(rows)], columns("records"))
    return matches(table, query).tolist()


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("exosomes", [0, 1, 0, 0]),
        ("exos OR exosome", [1, 1, 0, 0]),
        ("MSCs", [1, 0, 0, 0]),
        ('"Mesenchymal Stem Cells"', [0, 1, 0, 0]),
        ("cells stem mesenchymal", [0, 1, 0, 0]),
        ('"cell stem"', [0, 0, 0, 0]),
        ("EVs OR (vesicle AND extracellular)", [0, 0, 1, 1]),
        ("NOT plant AND (EVs OR vesicle)", [0, 0, 1, 0]),
        ("exo*", [1, 1, 0, 0]),
        ('"mesenchymal stem c*"', [0, 1, 0, 0]),
        ("evs -plant", [0, 0, 0, 0]),
        ("ＥＶｓ", [0, 0, 0, 1]),
        ("“extracellular vesicles”", [0, 0, 1, 0]),
    ],
)
def test_what_a_query_finds(query, hits):
    assert found(query, *({"brief_title": title} for title in TITLES)) == [bool(hit) for hit in hits]


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("exosome", ["Exosomal"]),
        ('exo* OR "stem cells"', ["Exosomal", "stem-cell"]),
        ('"mesenchymal stem c*" therapies', ["mesenchymal  stem-cell", "therapy"]),
        ("exosome NOT (therapy OR plant) -stem", ["Exosomal"]),
        ("cell AND miR", ["cell"]),
    ],
)
def test_where_the_words_of_a_query_stand_in_a_text(query, marked):
    assert [TITLES[1][start:end] for start, end, _ in places(TITLES[1], query)] == marked


def test_a_phrase_stays_within_one_field_and_every_field_is_read():
    assert found('"stem cell"', {"brief_title": "stem", "official_title": "cell"}) == [False]
    assert found("exosome", *({field: "Exosomes"} for field in FIELDS)) == [True] * len(FIELDS)
    assert found("exosome", {"note": "exosome", "countries": "exosome"}) == [False]


@pytest.mark.parametrize(
    "query",
    ["a AND", "(a", '"x', "a:b", "[a TO b]", "a~2", "a^2", "/a/", "", "...", "a*b", "+a", "a and b", "not a", '"a" b"'],
)
def test_what_is_no_query_is_refused(query):
    with pytest.raises(InputError, match="quer"):
        parsed(query)


def test_the_expression_for_the_registry():
    assert api_expression("a b") == "a AND b"
    assert api_expression('(a OR "b c") AND NOT MSC-EVs') == '(a OR "b c") AND NOT "MSC-EVs"'
    with pytest.raises(InputError, match="does not know"):
        api_expression("exo*")


@given(st.recursive(st.sampled_from(["exos", '"stem cell"', "EVs"]), lambda q: st.builds("({} {} {})".format, q, st.sampled_from(["AND", "OR", "AND NOT"]), q), max_leaves=6))  # fmt: skip
def test_the_expression_is_a_query_that_means_the_same(query):
    rows = [{"brief_title": title} for title in (*TITLES, "stem cell EVs", "exos of a stem cell")]
    assert found(api_expression(query), *rows) == found(query, *rows)


def test_the_papers_reading_finds_part_of_what_either_term_finds(shipped, review):
    printed, either = matches(shipped, review["query"]), matches(shipped, review["search"])
    assert 0 < printed.sum() < either.sum()
    assert not (printed & ~either).any()
    assert shipped.snapshot.max() == SNAPSHOT
    table = by_term(shipped, review["search"]).set_index("term").records
    assert table.index.tolist() == terms(review["search"])
    assert table['"Exosomes"'] > table['"Extracellular Vesicles"'] > 0
