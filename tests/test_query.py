"""The query: what it finds offline, what the registry is asked, and what is refused."""

import pytest
from conftest import RAW, records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.query import FIELDS, api_expression, by_term, compared, lacking, matches, parsed, places, terms
from evlib.base.schema import columns
from evlib.screen import screening
from evlib.screen.judging import ADJUDICATOR

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


def test_every_query_of_the_protocol_can_be_asked_of_the_registry(review):
    texts = [review["query"], review["search"], *(facts["text"] for facts in review["other_queries"].values())]
    assert all(len(api_expression(text)) < 1000 for text in texts)  # it stands in an address


@given(st.recursive(st.sampled_from(["exos", '"stem cell"', "EVs"]), lambda q: st.builds("({} {} {})".format, q, st.sampled_from(["AND", "OR", "AND NOT"]), q), max_leaves=6))  # fmt: skip
def test_the_expression_is_a_query_that_means_the_same(query):
    rows = [{"brief_title": title} for title in (*TITLES, "stem cell EVs", "exos of a stem cell")]
    assert found(api_expression(query), *rows) == found(query, *rows)


@pytest.fixture
def included(shipped, review):
    decisions = screening.readers_decisions(RAW, known=set(shipped.trn), protocol=review)[0]
    return set(decisions.trn[(decisions.reviewer == ADJUDICATOR) & (decisions.decision == "include")])


def test_the_search_finds_more_that_was_included_than_the_former_and_less_to_read_than_vesicles_alone(
    shipped, review, included
):
    others = {name: facts["text"] for name, facts in review["other_queries"].items()}
    queries = {"printed": review["query"], "search": review["search"]} | others
    table = compared(shipped, queries, included).set_index("query")
    assert table.index.tolist() == ["printed", "former", "search", "vesicles_alone"]
    for column in ("finds", "finds included"):
        assert table[column].is_monotonic_increasing and table[column].is_unique
    assert set(table["of records"]) == {len(shipped)} and set(table["of included"]) == {len(included)}
    assert (table["finds included"] / table.finds)["search"] > (table["finds included"] / table.finds)["vesicles_alone"]
    hits = {name: matches(shipped, text) for name, text in queries.items()}
    assert hits["search"].sum() == table.finds["search"]
    assert not (hits["printed"] & ~hits["former"]).any() and not (hits["former"] & ~hits["search"]).any()
    assert not (hits["search"] & ~hits["vesicles_alone"]).any()
    assert set(terms(others["vesicles_alone"])) <= set(terms(review["search"]))
    missed = shipped[shipped.trn.isin(included) & ~hits["search"]]
    assert (
        lacking(missed, review["search"]).ne("").all()
        and lacking(shipped[hits["search"]], review["search"]).eq("").all()
    )


def test_what_each_term_finds(shipped, review):
    table = by_term(shipped, review["search"]).set_index("term").records
    assert table.index.tolist() == terms(review["search"])
    assert table["exosome"] > table['"extracellular vesicle"'] > 0


def test_what_a_record_lacks_is_named_by_the_first_words_of_the_part():
    rows = [{"brief_title": title} for title in ("MSC exosomes", "Exosomes", "Aspirin", None)]
    table = records_of([{"trn": f"NCT{i:08d}"} | row for i, row in enumerate(rows)], columns("records"))
    cells = "any of: stem cell, MSC, stromal, …"
    asked = '("stem cell" OR MSC OR stromal OR UMSC) AND exosome'
    assert lacking(table, asked).tolist() == ["", cells, f"{cells}; any of: exosome", "all: the record shows no words"]
    assert compared(table, {"all": "exosome"}, set())["% of included"].isna().all()
