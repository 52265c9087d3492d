"""Trials that ended without a result on file: dates that are sure, dates that were only planned, and reports by the number kept."""

from datetime import date, timedelta

import pandas as pd
import pytest
from conftest import RAW
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.dates import end_in_words, possible_days
from evlib.base.errors import InputError
from evlib.base.schema import kinds, read_csv, read_table
from evlib.certainty import missing_results

DAY = "2026-11-28"


def tables(rows, reports=(), merged=None):
    """Included trials and their records from rows ``trn, status, completion_date, last_update``, and reports by number."""
    facts = pd.DataFrame(rows, columns=["trn", "status", "completion_date", "last_update"])
    facts = facts.assign(registry="ClinicalTrials.gov", snapshot=DAY, enrolment=20, enrolment_type="ACTUAL")
    blank = dict.fromkeys(["title", "record_url", "sponsor", "start_date", "publications", "secondary_trns"])
    included = facts.assign(**blank, merged_trns=facts.trn.map(merged or {}), results_posted=facts.trn == "POSTED")
    studies = pd.DataFrame({"study": "A report", "trn": list(reports), "report_type": "article"})
    versions = pd.DataFrame({"trn": [], "field": [], "snapshot": [], "shown": []})
    return included, included, studies, versions


def by_trial(*args, **facts):
    return missing_results.results_by_trial(*tables(*args, **facts), day=DAY).set_index("trn")


def test_a_trial_is_over_only_if_the_last_day_that_its_date_may_mean_is():
    dates = {"day": "2025-11-27", "edge": "2025-11-28", "month": "2025-11", "month before": "2025-10", "year": "2025"}
    dates |= {"year before": "2024", "none": None, "words": "next spring"}
    found = by_trial([(trn, "Completed", date, None) for trn, date in dates.items()]).due.to_dict()
    assert found == {
        **{"day": "over a year ago", "month before": "over a year ago", "year before": "over a year ago"},
        **{"month": "cannot be told", "year": "cannot be told", "edge": "not over a year ago"},
        **{"none": "no date", "words": "date not readable"},
    }


def test_a_trial_ended_by_its_status_and_its_date_is_actual_where_the_record_is_not_older_than_it():
    rows = [
        ("COMPLETED", "COMPLETED", "2020-05", "2020-06-01"),
        ("STOPPED", "Terminated", "2020-05-01", None),
        ("PLANNED", "Terminated", "2024-12-01", "2024-02-09"),
        ("FORGOTTEN", "Recruiting", "2020-05-01", "2020-03-01"),
        ("HALTED", "Suspended", "2020-05-01", "2020-03-01"),
        ("WITHDRAWN", "Withdrawn", "2020-05-01", None),
    ]
    found = by_trial(rows)
    assert found.date_is.to_dict() == {
        **{"COMPLETED": "actual", "STOPPED": "actual", "PLANNED": "anticipated", "FORGOTTEN": "anticipated"},
        "HALTED": "anticipated",
    }
    assert found.updated_since[["COMPLETED", "FORGOTTEN"]].tolist() == [True, False]
    assert pd.isna(found.updated_since["STOPPED"])
    ended = missing_results.without_result(found.reset_index(), ended=True)
    assert ended.trn.tolist() == [
        "STOPPED",
        "COMPLETED",
        "PLANNED",
    ]  # one that was stopped does not run on to its planned end
    assert {"FORGOTTEN", "HALTED"} == set(missing_results.without_result(found.reset_index()).trn) - set(ended.trn)
    assert "3 of 3**" in missing_results.answer(found, day=DAY) and "of 2 of 2." in missing_results.answer(
        found, day=DAY
    )


def test_a_report_that_names_a_merged_number_counts_for_the_trial_that_is_kept():
    rows = [(trn, "Completed", "2020-01-01", None) for trn in ("KEPT", "POSTED", "SILENT")]
    found = by_trial(rows, reports=["MERGED", None], merged={"KEPT": "OTHER | MERGED"})
    assert found.result.to_dict() == {"KEPT": "report on file", "POSTED": "posted", "SILENT": "none on file"}
    assert missing_results.without_result(found.reset_index()).trn.tolist() == ["SILENT"]


def test_people_of_another_kind_and_missing_ones_are_not_added_up():
    included, records, studies, versions = tables([(trn, "Completed", "2020-01-01", None) for trn in "ABCD"])
    included = included.assign(enrolment=[20, 30, 5, None], enrolment_type=["Actual", "Estimated", None, "Actual"])
    found = missing_results.results_by_trial(included, records, studies, versions, day=DAY)
    words = missing_results.people(found)
    for part in ("20 actual (1 trial)", "30 anticipated (1 trial)", "5 not said which (1 trial)", "1 trial without"):
        assert part in words, words


def test_shipped_reports_are_found_by_the_number_kept_and_every_trial_has_its_row(run_of):
    results = run_of("2024-02-17")
    described, records = (read_table(results / f"{name}.csv", name) for name in ("described", "records"))
    included, studies = described[described.screening == "included"], read_csv(RAW / "curation/studies.csv")
    versions = read_csv(results / "versions.csv")
    found = missing_results.results_by_trial(included, records, studies, versions, day="2024-02-17")
    assert sorted(found.trn) == sorted(included.trn)
    assert found[found.reports.fillna("").str.contains("Zarrabi")].trn.tolist() == ["NCT04366063"]
    drawn = missing_results.years_since_completion(found, day="2024-02-17")
    missing, over = missing_results.without_result(found), found[found.due == missing_results.OVER]
    for kind in (True, False):
        counts = f"{(missing.ended == kind).sum()} of {(over.ended == kind).sum()}"
        assert counts in drawn.title
    assert missing_results.counted_by(found, "sponsor").no_result.sum() == len(missing)


def test_an_edition_without_a_day_and_one_without_dated_trials():
    with pytest.raises(InputError, match="2026-11"):
        missing_results.results_by_trial(*tables([]), day="2026-11")
    empty = missing_results.results_by_trial(*tables([("A", None, None, None)]), day=DAY)
    assert "none is known" in missing_results.answer(empty, day=DAY)
    assert missing_results.years_since_completion(empty, day=DAY).title.startswith("No included trial of 1")
    assert list(empty.columns) == list(kinds("missing_results"))


@given(st.dates(min_value=date(1901, 1, 1), max_value=date(2099, 12, 30)))
def test_a_partial_date_spans_all_its_days_and_no_others(day):
    for form in ("%Y-%m-%d", "%Y-%m", "%Y", "%B %Y"):
        first, last = possible_days(day.strftime(form))
        before, after = (date.fromisoformat(end) + timedelta(days=step) for end, step in ((first, -1), (last, 1)))
        assert first <= day.isoformat() <= last
        assert day.strftime(form) not in (before.strftime(form), after.strftime(form))


@pytest.mark.parametrize(
    ("text", "said"),
    [("2024-02", "2024-02 (passed)"), ("2024-03-01", "2024-03-01"), ("2024", "2024"), ("soon", "soon"), (None, None)],
)
def test_an_end_has_passed_only_where_its_last_day_has(text, said):
    assert end_in_words(text, "2024-03-01") == said
