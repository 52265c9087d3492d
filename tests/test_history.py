"""The history of a review: a row for each update, once; told in the book and as an Atom feed."""

import json
import shutil
from xml.etree import ElementTree

import pandas as pd
import pytest
from conftest import put

from evlib.base.schema import read_table, write_table
from evlib.book.history import FEED, add_update, history_words, updates, write_feed

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def results(run_of, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("run.json", "screened.csv", "described.csv", "dose_verdicts.csv", "studies.csv"):
        shutil.copy2(run_of("2020-12-31") / name, folder / name)
    return folder


def test_the_same_data_add_nothing_twice_and_new_ones_a_row_with_what_they_brought(results, tmp_path):
    assert "first on record" not in history_words(tmp_path)["history"]
    assert add_update(tmp_path, results, day="2026-12-01")
    assert not add_update(tmp_path, results, day="2026-12-02")
    first = updates(tmp_path).iloc[0]
    assert first.day == "2026-12-01" and pd.isna(first.new) and "a narrow range: " in first.verdicts
    screened = read_table(results / "screened.csv", "screened")
    included = screened.outcome == "included"
    assert first.included == included.sum() and first.read == len(screened) - (screened.outcome == "pending").sum()
    gone = screened.index[included][0]
    screened.loc[gone, "outcome"] = "unclear"
    write_table(screened, results / "screened.csv", "screened")
    run = json.loads((results / "run.json").read_text())
    run["inputs"]["data/raw/curation/doses.csv"] = "another"
    put(results, "run.json", json.dumps(run))
    assert add_update(tmp_path, results, day="2027-01-02")
    last = updates(tmp_path).iloc[-1]
    assert (last.new, last.removed, last.results_added) == (0, 1, 0)
    words = history_words(tmp_path)
    assert words["history"].index("## 2027-01-02") < words["history"].index("## 2026-12-01")
    assert "1 removed" in words["since_last_update"]


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
