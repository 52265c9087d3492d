"""Two searches compared: the account closes whatever changed, and each change is told with its reason."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlib.audit import compare
from evlib.base.errors import InputError
from evlib.base.schema import checked, columns
from evlib.screen.prisma_flow import flow_of

OUTCOMES = ["included", "pending", "duplicate", "excluded at title", "excluded at eligibility", "unclear"]


def search(outcomes: dict[str, str], facts: dict[str, dict] | None = None, merged: dict[str, str] | None = None):
    rows = [
        {
            "trn": trn, "registry": "ChiCTR", "title": f"Trial {trn}", "outcome": outcome, "reason": "r",
            "criterion": "E4" if outcome.startswith("excluded") else None, "decided_by": "ana", "proposal": "include",
        }
        for trn, outcome in outcomes.items()
    ]  # fmt: skip
    screened = checked(pd.DataFrame(rows, columns=columns("screened")), "screened")
    basics = {"trn_kind": "number", "registry": "ChiCTR", "snapshot": "2026-11-22"}
    records = [{"trn": trn, **basics, **(facts or {}).get(trn, {})} for trn in outcomes]
    records = checked(pd.DataFrame(records, columns=columns("records")), "records")
    kept = [
        {"trn": trn, "screening": "included", "registry": "ChiCTR", "merged_trns": (merged or {}).get(trn)}
        for trn, outcome in outcomes.items()
        if outcome == "included"
    ]
    trials = checked(pd.DataFrame(kept, columns=columns("trials")), "trials")
    return compare.Search(records, screened, trials, dict.fromkeys(compare.HEADLINES, "1"))


drawn = st.dictionaries(st.sampled_from([f"T{i}" for i in range(12)]), st.sampled_from(OUTCOMES), max_size=12)


@given(drawn, drawn)
def test_before_plus_new_minus_removed_is_after_in_the_table_and_in_the_flow(review, old, new):
    before, after = search(old), search(new)
    changes = compare.trial_changes(before, after)
    n = compare.accounts(before, after, changes)
    assert n["before"] + n["new"] - n["removed"] == n["after"] == list(new.values()).count("included")
    assert changes.why.str.len().gt(0).all()
    flow = flow_of(compare.flow_rows_of_new(before, after), protocol=review).set_index("step").n
    assert flow.included == n["new"]


def test_an_account_that_does_not_close_is_an_error():
    before, after = search({"A": "included"}), search({"A": "included", "B": "included"})
    with pytest.raises(ValueError, match="is not 2"):
        compare.accounts(before, after, compare.trial_changes(before, after).iloc[:0])


def test_each_change_says_why():
    before = search({"A": "included", "B": "pending", "C": "included", "D": "included", "E": "included"})
    after = search(
        {"A": "excluded at eligibility", "B": "included", "N": "included", "M": "included", "D": "duplicate"},
        merged={"M": "X | D"},
    )
    why = compare.trial_changes(before, after).set_index("trn").why
    assert why.to_dict() == {
        "B": "was pending; now decided by ana: r",
        "N": "its record is new in this search; decided by ana: r",
        "M": "was counted as D",
        "A": "now excluded at eligibility by E4: r",
        "D": "now duplicate: r",
        "C": "its record is no longer in this search",
        "E": "its record is no longer in this search",
    }


def test_what_changed_in_a_record_is_told_and_what_one_snapshot_lacks_is_no_change(review):
    old = {"A": {"status": "Recruiting", "enrolment": 9, "results_posted": False}, "B": {"status": "Recruiting"}}
    new = {
        "A": {"status": "COMPLETED", "enrolment": 12, "results_posted": True, "phases": "Phase 2"},
        "B": {"status": "recruiting"},
    }
    both = {"A": "included", "B": "included", "C": "excluded at title"}
    changed = compare.record_changes(
        search(both, old), search(both, new | {"C": {"status": "Unknown"}}), protocol=review
    )
    assert changed[["trn", "field", "before", "after"]].values.tolist() == [
        ["A", "status", "Recruiting", "COMPLETED"], ["A", "enrolment", "9", "12"], ["A", "results posted", "False", "True"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "old", "new", "changed"),
    [
        ("phases", "0", "Phase 0", False),
        ("phases", "Phase 1 | Phase 2", "phase 1/2", False),
        ("phases", "Phase 1", "Phase 2", True),
        ("phases", "a word of its own", "another", True),
        ("status", "Active, not recruiting", "ACTIVE_NOT_RECRUITING", False),
        ("status", "Pending", "Not yet recruiting", False),
        ("status", "Suspended", "Withdrawn", True),  # one group of the figure, but not one state
        ("status", "a word of its own", "another", True),
        ("status", "Recruiting", "Completed", True),
    ],
)
def test_what_only_other_words_say_has_not_changed(review, field, old, new, changed):
    before, after = (search({"A": "included"}, {"A": {field: text}}) for text in (old, new))
    assert len(compare.record_changes(before, after, protocol=review)) == changed


def test_records_of_which_there_is_no_newer_copy_cannot_show_a_change_and_it_is_said(review):
    before, after = search({"A": "included", "B": "included"}), search({"A": "included", "N": "included"})
    assert compare.read_anew(before, after) == 0
    said = compare.changes_in_words(0, 0)
    assert "0" not in said and "cannot" not in compare.changes_in_words(0, 5)
    changes = compare.trial_changes(before, after)
    n, days = compare.accounts(before, after, changes), {"before_date": "2024-02-17", "search_date": "2026-11-28"}
    assert f"## Changed records: {said}" in compare.message(n, after, changes, changes.iloc[:0], **days, anew=0)
    after.records.loc[after.records.trn == "A", "snapshot"] = "2026-12-01"
    assert compare.read_anew(before, after) == 1


def test_a_decision_without_a_reason_names_its_reviewer_once():
    before, after = search({}), search({"A": "included"})
    after.screened.loc[:, "reason"] = "ana: include"
    assert compare.trial_changes(before, after).why[0] == "its record is new in this search; decided by ana: include"


def test_the_message_keeps_registry_text_as_text(review):
    before, after = search({}), search({"A": "included", "B": "pending"})
    after.screened.loc[:, "title"] = "`@all` <script> ![x](https://x.org)\n# loud"
    changes = compare.trial_changes(before, after)
    n = compare.accounts(before, after, changes)
    text = compare.message(
        n,
        after,
        changes,
        compare.record_changes(before, after, protocol=review),
        before_date="2024-02-17",
        search_date="2026-11-28",
        anew=0,
    )
    assert (
        "- `A` `@all <script> ![x](https://x.org) # loud`: `its record is new in this search; decided by ana: r`"
        in text
    )
    assert "**1 record is not yet read**" in text and "## Records not yet read: 1" in text


def test_an_update_that_left_nothing_unread_says_so():
    before, after = search({"B": "pending"}), search({"A": "included", "B": "excluded at title"})
    changes = compare.trial_changes(before, after)
    n = compare.accounts(before, after, changes)
    text = compare.message(
        n, after, changes, changes.iloc[:0], before_date="2024-02-17", search_date="2026-11-28", anew=1
    )
    assert "## Changed records: 0" in text
    assert "No record waits to be read." in text and "not yet read**" not in text
    assert "## Records not yet read: 0" in text


def test_every_headline_is_told_before_and_after():
    before, after = search({}), search({})
    after.numbers["n_included"] = "3"
    table = compare.headlines(before, after).set_index("number")
    assert len(table) == len(compare.HEADLINES)
    assert table.loc["trials included"].tolist() == [1, 3, "+2"]
    assert table.change.eq("=").sum() == len(table) - 1


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no results to compare with"):
        compare.search_of(tmp_path)
