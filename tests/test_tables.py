"""Tables for display: registry text shows as text, and only web addresses become links."""

import pandas as pd
import pytest

from evlib.base.schema import kinds
from evlib.base.tables import by_source, first_url, idle_columns, kept_numbers, of_kept_records, table

KEYS = [name for name, kind in kinds("records").items() if kind == "key"]


def test_registry_text_is_escaped_everywhere():
    evil = "<script>alert(1)</script>"
    shown = table(pd.DataFrame({evil: [evil]}), caption=evil, urls=pd.Series([f'https://x/"{evil}'])).data
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 4


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " https://x", None, float("nan")])
def test_only_web_addresses_become_links(url):
    assert "<a " not in table(pd.DataFrame({"a": ["x"]}), caption="c", urls=pd.Series([url], dtype=object)).data


def test_missing_is_a_dash_and_empty_says_none():
    assert "<td>–</td>" in table(pd.DataFrame({"a": [None]}), caption="c").data
    assert "none" in table(pd.DataFrame({"a": []}), caption="c").data


def test_the_first_of_several_addresses():
    assert first_url(pd.Series(["https://a | https://b", None])).tolist() == ["https://a", None]


def test_a_column_is_left_out_where_the_review_does_not_code_it_and_no_row_tells_it():
    rows = pd.DataFrame(
        {"trn": ["a"], "ev_term": [None], "ev_term_text": [None], "msc_source_text": ["x"], "route": [None]}
    )
    protocol = {"codes": {"route": {}, "route_group": {}}, "flags": {}}
    assert idle_columns(rows, protocol) == ["ev_term", "ev_term_text"]
    assert idle_columns(rows, {"codes": {"route": {}, "ev_term": {}}, "flags": {}}) == []


def test_rows_of_merged_numbers_count_for_the_kept_one_where_it_has_none():
    trials = pd.DataFrame({"trn": ["A", "B", "C"], "merged_trns": ["A2", None, "C2 | C3"]})
    assert kept_numbers(trials) == {"A2": "A", "C2": "C", "C3": "C"}
    rows = [("A", 1), ("A2", 2), ("B", 3), ("C3", 4), ("C3", 5), ("C2", 6), ("Z", 7)]
    kept = of_kept_records(pd.DataFrame(rows, columns=["trn", "dose"]), trials)
    # A has its own; of the two that were merged into C the first counts, with all its rows; Z is of no trial.
    assert kept.values.tolist() == [["A", 1], ["B", 3], ["Z", 7], ["C", 4], ["C", 5]]
    assert of_kept_records(kept, trials).equals(kept)


def test_a_source_of_fewer_than_thirty_records_shows_their_number_else_a_share():
    rows = [("small", "acronym", "True", 7, 29), ("large", "acronym", "True", 7, 30), ("large", "arms", "False", 0, 30)]
    rows += [(source, name, "True", 1, 1) for source in ("small", "large") for name in (*KEYS, "source_urls")]
    shown = by_source(pd.DataFrame(rows, columns=["source", "column", "read", "filled", "records"]))
    assert shown.values.tolist() == [["acronym", "7 of 29", "23 %"]]


def test_a_cell_is_long_by_the_text_that_is_seen():
    rows = pd.DataFrame({"trn": ["NCT00000001", "N" * 41], "title": ["&" * 40, "short"]})
    shown = table(rows, caption="Two", urls=pd.Series(["https://example.org/" + "a" * 60, None])).data
    assert [tag.split(">")[0] for tag in shown.split("<td")[1:]] == ["", "", ' class="long"', ""]
