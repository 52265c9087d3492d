"""The current edition and the replication edition: what stands beside the paper is the same in both, and says so."""

import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import records_of

from evlib.audit import compare, since_paper
from evlib.base.schema import checked, columns, read_csv
from evlib.base.tables import same_date_as_paper
from evlib.book.build import _links_to_editions
from evlib.doses.under_way import dose_comparisons


@pytest.fixture(scope="module")
def editions(run_of, review):
    return {day: run_of(day) for day in (review["replication_date"], review["default_search_date"])}


@pytest.mark.parametrize("name", ["flow_beside_paper", "counts_beside_paper", "audit"])
def test_what_stands_beside_the_paper_is_of_its_date_in_both_editions(editions, name):
    one, other = (read_csv(folder / f"{name}.csv") for folder in editions.values())
    assert len(one)
    pd.testing.assert_frame_equal(one, other)


def test_the_sentence_on_dates_says_to_what_the_counts_are_cut(review):
    theirs = review["replication_date"]
    for day, said in ((theirs, "Both searches"), ("2026-11-28", "Beside the paper"), ("2020-12-31", "do not compare")):
        text = same_date_as_paper(day, review).data
        assert said in text and theirs in text


def test_the_editions_differ_by_the_trials_that_are_named(editions):
    before, after = (compare.search_of(folder) for folder in editions.values())
    changes = compare.trial_changes(before, after)
    n = compare.accounts(before, after, changes)
    assert n["before"] + n["new"] - n["removed"] == n["after"] and n["new"] > 50
    told = after.screened.set_index("trn").reason[changes.trn[changes.change == "new"]]
    assert all(reason in why for reason, why in zip(told, changes.why[changes.change == "new"], strict=True))


def trials(rows):
    facts = {"screening": "included", "coded_by": "rules", "registry": "r"}
    return checked(pd.DataFrame([facts | row for row in rows]), "described")


def test_what_rose_and_what_stopped_is_counted_beside_those_that_report_it(review):
    old = [{"trn": f"A{i}", "route": "intravenous", "registered": "2020-01-01"} for i in range(4)]
    new = [{"trn": f"B{i}", "route": "nebulised", "registered": "2026-05-01"} for i in range(3)]
    new += [
        {"trn": "B9", "route": None, "registered": "2025-05-01"},
        {"trn": "P", "route": "topical", "screening": "pending"},
    ]
    before, now = trials(old), trials([*old, *new])
    now["registered"] = pd.to_datetime(now.registered)
    changes = since_paper.changes_by_code(before, now, protocol=review)
    by_code = changes[changes.field == "route"].set_index("code")
    assert by_code.loc["nebulised", ["before", "since", "share_since"]].tolist() == [0, 3, 100.0]
    assert by_code.loc["intravenous", ["before", "since"]].tolist() == [4, 0] and "topical" not in by_code.index
    said = next(text for text in since_paper.in_sentences(changes, before, now) if text.startswith("Route"))
    assert "Nebulised (3 of 3 later" in said and "no longer Intravenous (4 earlier)" in said
    assert since_paper.in_sentences(changes, before, before) == ["No included trial was registered later."]
    pace = since_paper.pace_in_words(now, "2026-11-28")
    assert re.match(r"3 were registered in the twelve months to 2026-11-28 and 1 in", pace)


def test_a_trial_that_compares_doses_says_on_what_that_rests(review):
    included = trials(
        [
            {"trn": f"NCT0000000{i}", "title": "t"} | facts
            for i, facts in enumerate([{}, {"design": "sequential", "status": "Recruiting"}, {}, {}])
        ]
    )
    words = [
        {"completion_date": "2021-12"},
        {},
        {"official_title": "A study of different doses"},
        {"brief_title": "One dose"},
    ]
    records = records_of([{"trn": trn} | facts for trn, facts in zip(included.trn, words)], columns("records"))
    doses = pd.DataFrame(
        {
            "trn": ["NCT00000000"] * 3,
            "unit": ["ug protein"] * 2 + ["particles"],
            "low": [1.0, 2.0, 3.0],
            "high": [1.0, 2.0, 3.0],
        }
    )
    versions = pd.DataFrame({"trn": ["NCT00000001"], "field": "status", "snapshot": "2022-01-21", "shown": True})
    dials = {"protocol": review, "day": "2022-01-01"}
    table = dose_comparisons(included, records, doses, versions, **dials).set_index("trn")
    assert table.because.to_dict() == {
        "NCT00000000": "2 doses on file",
        "NCT00000001": "design: sequential",
        "NCT00000002": 'by its words alone: "different doses"',
    }
    basis = pd.DataFrame(
        {"trn": ["NCT00000001"], "field": "design", "coded_by": "rules", "found_in": "intervention_model"}
    )
    told = dose_comparisons(included, records, doses, versions, basis=basis, **dials).set_index("trn").because
    assert told["NCT00000001"] == "design: sequential (its record)"
    assert table.status_of["NCT00000001"] == "2022-01-21"
    assert table.end.dropna().to_dict() == {"NCT00000000": "2021-12 (passed)"}
    assert dose_comparisons(included[:0], records[:0], doses[:0], versions[:0], **dials).empty


def test_each_page_leads_to_its_counterpart_or_to_the_first_page():
    editions = {"editions/2024-02-17": Path("2024-02-17"), "": Path("2026-11-28")}
    pages = {"": [Path("a.html"), Path("trials/b.html")], "editions/2024-02-17": [Path("a.html"), Path("index.html")]}
    here = {name: _links_to_editions(Path(name), "", editions, pages) for name in ("a.html", "trials/b.html")}
    assert 'href="editions/2024-02-17/a.html"' in here["a.html"]
    assert 'href="../editions/2024-02-17/index.html"' in here["trials/b.html"]
    assert 'href="../../a.html"' in _links_to_editions(Path("a.html"), "editions/2024-02-17", editions, pages)
