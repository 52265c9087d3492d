"""Dates read in one way; registration dates: observed ones stay, estimated ones lie between their neighbours, unknown ones stay unknown."""

import pandas as pd
import pytest
from conftest import RAW, SNAPSHOT
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.dates import day_or_month, unambiguous_day
from evlib.base.errors import InputError
from evlib.base.schema import read_csv
from evlib.ingest import registration_dates


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2020-01-27 00:00:00", "2020-01-27"),
        ("2015-01-12T16:14:16.542+01:00", "2015-01-12"),
        ("20200127", "2020-01-27"),
        ("January 25, 2020", "2020-01-25"),
        ("25/01/2020", "2020-01-25"),
        ("01/25/2020", None),
        ("2020/06/10", "2020-06-10"),
        ("1399-01-17", None),
        ("March 2020", "2020-03"),
        ("2020-03", "2020-03"),
        ("2020-13-01", None),
        ("", None),
        (None, None),
    ],
)
def test_days_in_the_styles_that_registries_write(text, day):
    assert day_or_month(text) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [("01/25/2020", "2020-01-25"), ("25.01.2020", "2020-01-25"), ("01/01/2020", "2020-01-01"), ("05/11/2020", None),
     ("2020-03", None)],
)  # fmt: skip
def test_a_day_that_can_be_read_in_one_way_only(text, day):
    assert unambiguous_day(text) == day


def test_observed_dates_are_never_touched(shipped):
    shown = shipped[shipped.registered_text.str.len() == 10]
    assert (shown.registered_basis == "observed").all()
    assert (shown.registered.dt.strftime("%Y-%m-%d") == shown.registered_text).all()


def test_estimates_and_unknowns_keep_within_their_bounds(shipped):
    dated = shipped.dropna(subset=["registered"])
    assert (dated.registered_low.isna() | (dated.registered_low <= dated.registered)).all()
    assert (dated.registered_high.isna() | (dated.registered <= dated.registered_high)).all()
    unknown = shipped[shipped.registered_basis.isna()]
    assert unknown.registered.isna().all()
    assert (unknown.registered_method == "not known; bounds only").all()


def test_a_year_in_the_number_bounds_the_date(shipped):
    row = shipped.set_index("trn").loc["ChiCTR2000031188"]
    assert row.registered_basis == "estimated"
    assert row.registered_low.year == row.registered_high.year == 2020


points = st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 8_000)), min_size=2, max_size=30)


@given(points, st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_larger_number_is_never_dated_earlier(known, a, b):
    days = sorted(day for _, day in known)
    serials = sorted({serial for serial, _ in known})
    anchors = pd.DataFrame(zip(serials, days), columns=["serial", "day"])
    anchors = anchors.assign(date=pd.Timestamp("2000-01-01") + pd.to_timedelta(anchors.day, unit="D"))
    estimate = registration_dates.dates_by_serial(pd.Series(sorted([a, b])), anchors)
    if anchors.date.nunique() < 2:
        assert estimate.empty
    else:
        assert estimate.registered.is_monotonic_increasing


def test_a_known_number_keeps_its_date_and_one_between_lies_between():
    anchors = pd.DataFrame({"serial": [100, 200], "date": pd.to_datetime(["2020-01-01", "2020-04-10"])})
    estimate = registration_dates.dates_by_serial(pd.Series([100, 150, 200, 250, 50]), anchors)
    days = estimate.registered.dt.strftime("%Y-%m-%d").tolist()
    assert days == ["2020-01-01", "2020-02-20", "2020-04-10", "2020-05-30", "2019-11-12"]
    assert estimate.registered_high.isna().tolist() == [False, False, False, True, False]


def test_no_estimate_lies_more_than_ten_years_beyond_the_known_dates():
    anchors = pd.DataFrame({"serial": [100_000, 100_001], "date": pd.to_datetime(["2010-01-01", "2010-02-01"])})
    estimate = registration_dates.dates_by_serial(pd.Series([1, 200_000]), anchors)
    assert estimate.registered.dt.strftime("%Y-%m-%d").tolist() == ["2000-01-04", "2020-01-30"]


def test_the_error_is_that_of_numbers_whose_own_date_was_hidden(shipped):
    known = read_csv(RAW / "curation/nct_first_submitted.csv")
    errors = registration_dates.leave_one_out(shipped, known, registry="ClinicalTrials.gov")
    assert set(errors.trn) <= set(shipped.trn[shipped.registered_basis == "observed"])
    assert errors.error_days.abs().median() < 30
    assert (errors.error_days != 0).mean() > 0.5  # a hidden date is not simply looked up


def test_a_record_is_in_after_or_undated(shipped):
    for date in ("2015-12-31", "2020-12-31", SNAPSHOT):
        place = registration_dates.in_search(shipped, date)
        assert set(place) <= {"in", "after", "undated"}
        assert (shipped.registered[place == "in"].dropna() <= date).all()
        assert (shipped.registered[place == "after"].dropna() > date).all()
    assert (registration_dates.in_search(shipped, SNAPSHOT) == "in").all()


def test_the_records_of_the_screening_round_are_those_judged(shipped):
    judged = set(read_csv(RAW / "curation/screening.csv").trn)
    assert set(shipped.trn[registration_dates.in_search(shipped, "2024-02-17") == "in"]) == judged


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("2024-13-45", "not a date"),
        ("17.2.2024", "not a date"),
        ("2027-01-01", "after the newest snapshot"),
        ("1999-12-31", "No record was registered by"),
    ],
)
def test_a_search_date_that_cannot_be_answered_is_refused(shipped, date, said):
    with pytest.raises(InputError, match=said):
        registration_dates.check_search_date(shipped, date, snapshot=SNAPSHOT)
