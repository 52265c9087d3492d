"""The history of a review: a row for each update, once; told in the book and as an Atom feed."""

import json
import shutil
from xml.etree import ElementTree

import pandas as pd
import pytest
from conftest import ROOT, put

from evlib.base.schema import read_table, write_table
from evlib.book.history import FEED, add_update, history_words, is_news, updates, write_feed
from evlib.book.trials.trial_pages import page_name

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def results(run_of, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("run.json", "records.csv", "screened.csv", "described.csv", "dose_verdicts.csv", "studies.csv"):
        shutil.copy2(run_of("2020-12-31") / name, folder / name)
    return folder


def with_outcomes(results, **outcomes):
    """Give records of a run other outcomes, as decisions of a person."""
    screened = read_table(results / "screened.csv", "screened").set_index("trn")
    for trn, outcome in outcomes.items():
        screened.loc[trn, ["outcome", "decided_by"]] = [outcome, "ana"]
        screened.loc[trn, "criterion"] = "E4" if outcome.startswith("excluded") else None
    write_table(screened.reset_index(), results / "screened.csv", "screened")


def searching(results, **parameters):
    run = json.loads((results / "run.json").read_text())
    run["parameters"] |= parameters
    put(results, "run.json", json.dumps(run))


def test_a_row_names_what_came_in_and_what_left_since_the_row_before_and_by_what(results, tmp_path):
    put(results, "whats_new.md", "# What is new\n\nwent from **5** to **5**.\n")  # by today's decisions on both sides
    assert add_update(tmp_path, results, day="2026-12-01")
    first = updates(tmp_path).iloc[0]
    assert first.day == "2026-12-01" and pd.isna(first.new) and "a narrow range: " in first.verdicts
    screened = read_table(results / "screened.csv", "screened")
    included, excluded = (
        screened.trn[screened.outcome == "included"],
        screened.trn[screened.outcome == "excluded at title"],
    )
    assert first.included == len(included) and first.read == len(screened) - (screened.outcome == "pending").sum()
    gone, come = included.iloc[0], excluded.iloc[0]
    with_outcomes(results, **{gone: "excluded at eligibility", come: "included", included.iloc[1]: "pending"})
    assert add_update(tmp_path, results, day="2027-01-02")
    last = updates(tmp_path).iloc[-1]
    assert (last.new, last.removed, last.results_added) == (1, 2, 0)
    words = history_words(tmp_path, results)
    assert words["history"].index("## 2027-01-02") < words["history"].index("## 2026-12-01")
    for told in (words["history"].partition("## 2026-12-01")[0], words["since_last_update"]):
        assert f"went from {len(included)} to {last.included} ({len(included)} + 1 new - 2 removed)" in told
        assert f"{gone} (now excluded at eligibility by E4, decided by ana)" in told
        assert f"{come} (its record was there before, now decided by ana)" in told
        assert f"{included.iloc[1]} (now not yet read" in told
        assert "went from **5** to **5**" not in told
    searching(results, search_date="2020-12-31", snapshot="2099-01-01")
    records = read_table(results / "records.csv", "records")
    records.loc[records.trn == excluded.iloc[1], "first_retrieved"] = "2099-01-01"
    write_table(records, results / "records.csv", "records")
    with_outcomes(results, **{excluded.iloc[1]: "included"})
    assert add_update(tmp_path, results, day="2027-02-02")
    assert f"{excluded.iloc[1]} (its record is new, decided by ana)" in updates(tmp_path).whats_new.iloc[-1]


def test_other_inputs_with_the_same_results_are_no_news(results, tmp_path):
    shipped = updates(ROOT)
    last = shipped.iloc[-1]
    again = last.to_dict() | {"inputs": "others", "day": "2099-01-01", "whats_new": None}
    assert not is_news(again, last)
    assert not is_news(again | {"trials": " ".join(reversed(last.trials.split()))}, last)
    for name, value in {
        "included": last.included + 1,
        "trials": "NCT1",
        "verdicts": "x",
        "search_date": "2099-01-01",
    }.items():
        assert is_news(again | {name: value}, last)
    assert add_update(tmp_path, results, day="2026-12-01")
    file = (tmp_path / "data/updates.csv").read_bytes()
    run = json.loads((results / "run.json").read_text())
    run["inputs"]["data/raw/curation/doses.csv"] = "another"
    put(results, "run.json", json.dumps(run))
    assert not add_update(tmp_path, results, day="2026-12-02")
    assert (tmp_path / "data/updates.csv").read_bytes() == file


def test_a_book_says_of_a_later_search_that_it_is_not_in_it(results, tmp_path):
    assert "first on record" not in history_words(tmp_path, results)["history"]
    add_update(tmp_path, results, day="2026-12-01")
    trial = updates(tmp_path).trials[0].split()[0]
    searching(results, search_date="2099-01-01", snapshot="2099-01-01")
    with_outcomes(results, **{trial: "unclear"})
    add_update(tmp_path, results, day="2099-01-02")
    both = history_words(tmp_path, results)
    assert trial in both["since_last_update"] and "not in this edition" not in both["since_last_update"]
    searching(results, search_date="2020-12-31", snapshot="2026-11-28")
    words = history_words(tmp_path, results)
    assert trial not in words["since_last_update"] and "The last update is of 2026-12-01" in words["since_last_update"]
    assert "to 2099-01-01, was made on 2099-01-02: it is not in this edition" in words["since_last_update"]
    assert "later than that of this edition" in words["history"].partition("## 2026-12-01")[0]
    assert "later than that of this edition" not in words["history"].partition("## 2026-12-01")[2]
    searching(results, search_date="2010-12-31")
    assert "The last update" not in history_words(tmp_path, results)["since_last_update"]


def test_the_feed_leads_to_a_page_that_the_book_has(results, tmp_path):
    add_update(tmp_path, results, day="2026-12-01")
    rows = updates(tmp_path)
    shown = rows.trials[0].split()[0]
    more = rows.assign(trials=rows.trials + " NCT99999999", day="2026-12-02")
    first = rows.assign(trials=rows.trials.str.removeprefix(f"{shown} "), day="2026-11-01")
    write_table(pd.concat([first, rows, more]), tmp_path / "data/updates.csv", "updates")
    write_feed(tmp_path, results, tmp_path, title="A review")
    entries = ElementTree.parse(tmp_path / FEED).iter(f"{ATOM}entry")
    links = {entry.find(f"{ATOM}title").text: entry.find(f"{ATOM}link").get("href") for entry in entries}
    assert links[f"New trial {shown}"] == f"trials/{page_name(shown)}.html"
    assert links["New trial NCT99999999"] == links["Update of 2026-12-02"] == "history.html#history-3"
    assert "(history-3)=\n## 2026-12-02" in history_words(tmp_path, results)["history"]


def test_the_feed_has_an_entry_for_each_update_and_each_new_trial(results, tmp_path):
    add_update(tmp_path, results, day="2026-12-01")
    rows = updates(tmp_path)
    trial = rows.trials[0].split()[0]
    without = rows.assign(
        trials=rows.trials.str.removeprefix(f"{trial} "), included=rows.included - 1, day="2026-11-01"
    )
    write_table(pd.concat([without, rows]), tmp_path / "data/updates.csv", "updates")
    for _ in range(2):  # the same bytes each time
        write_feed(tmp_path, results, tmp_path, title="A <review>")
        text = (tmp_path / FEED).read_text(encoding="utf-8")
    feed = ElementTree.fromstring(text)
    titles = [entry.find(f"{ATOM}title").text for entry in feed.iter(f"{ATOM}entry")]
    assert titles == ["Update of 2026-11-01", "Update of 2026-12-01", f"New trial {trial}"]
    assert feed.find(f"{ATOM}title").text == "A <review>"
    assert len({entry.find(f"{ATOM}id").text for entry in feed.iter(f"{ATOM}entry")}) == 3
