"""Dates read in one way; registration dates: observed ones stay, estimated ones lie between their neighbours, unknown ones stay unknown."""

import json

import pandas as pd
import pytest
from conftest import RAW, SNAPSHOT, put, records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.dates import day_or_month, unambiguous_day
from evlib.base.errors import InputError
from evlib.base.schema import columns, read_csv
from evlib.ingest import registration_dates, sources
from evlib.screen import screening

NO_DATES = pd.DataFrame({"trn": [], "first_submitted": []}, dtype="str")
NO_ROUNDS = pd.DataFrame({"low": [], "high": []}, dtype="datetime64[ns]")


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


def test_of_more_known_dates_than_can_be_hidden_in_turn_some_are_evenly_spread(shipped, monkeypatch):
    known = read_csv(RAW / "curation/nct_first_submitted.csv")
    errors = registration_dates.leave_one_out(shipped, known, registry="ClinicalTrials.gov")
    monkeypatch.setattr(registration_dates, "_HIDDEN", -(-len(errors) // 2))
    fewer = registration_dates.leave_one_out(shipped, known, registry="ClinicalTrials.gov")
    assert fewer.equals(errors.iloc[::2].reset_index(drop=True))
    monkeypatch.setattr(registration_dates, "_HIDDEN", len(errors))
    assert registration_dates.leave_one_out(shipped, known, registry="ClinicalTrials.gov").equals(errors)


def test_a_record_is_in_after_or_undated(shipped):
    for date in ("2015-12-31", "2020-12-31", SNAPSHOT):
        place = registration_dates.in_search(shipped, date)
        assert set(place) <= {"in", "after", "undated"}
        assert (shipped.registered[place == "in"].dropna() <= date).all()
        assert (shipped.registered[place == "after"].dropna() > date).all()
    assert (registration_dates.in_search(shipped, SNAPSHOT) == "in").all()


def test_of_the_snapshot_that_a_round_covers_the_records_in_the_search_are_those_judged(shipped, review):
    (first,) = [facts for facts in review["screening_rounds"].values() if "registered_by" in facts]
    judged = set(read_csv(RAW / first["file"]).trn)
    lines = (RAW / "registries" / first["snapshot"] / "records.jsonl").read_text(encoding="utf-8").splitlines()
    covered = shipped[shipped.trn.isin([json.loads(line)["trial_id"] for line in lines])]
    assert len(covered) >= 0.95 * len(lines)  # pages have no number of their own there
    place = registration_dates.in_search(covered, first["registered_by"])
    assert set(covered.trn[place == "in"]) == judged & set(covered.trn)
    assert (place[~covered.trn.isin(judged)] == "after").all()


def test_a_round_the_oldest_copy_and_the_last_update_bound_the_day(review):
    day = "2024-02-17"
    rounds_of = {"one": {"file": "x.csv", "snapshot": "2026-11-22", "registered_by": day, "covers": "x"}}
    rounds_of["two"] = {"file": "y.csv", "snapshot": "2026-11-28", "covers": "y"}
    protocol = review | {"screening_rounds": rounds_of}
    judged = pd.DataFrame({"trn": ["KCT0000001", "KCT0000003"], "round": ["one", "two"]})
    numbers = {"one": {"KCT0000001", "KCT0000002", "KCT0000003"}, "two": {"KCT0000004"}}
    rounds = registration_dates.bounds_by_rounds(judged, numbers, protocol=protocol)
    assert rounds.index.tolist() == ["KCT0000001", "KCT0000002", "KCT0000003"]  # the second round covers no day
    kept = [("2022-01-21" if i == 4 else "2023-06-30" if i == 5 else "2026-11-22") for i in range(1, 6)]
    rows = [{"trn": f"KCT000000{i}", "registry": "CRiS", "first_retrieved": old} for i, old in enumerate(kept, start=1)]
    rows += [
        {"trn": f"NCT90000{n}", "first_submitted": day} for n, day in (("100", "2021-01-01"), ("200", "2021-03-31"))
    ]
    rows += [{"trn": "NCT90000150", "last_update": "2021-01-31"}, {"trn": "NCT90000160", "last_update": "early 2021"}]
    rows += [{"trn": "KCT0000006", "registry": "CRiS", "last_update": "2021-04-01"}]
    dated = registration_dates.with_registration_dates(
        records_of(rows, columns("records")), NO_DATES, rounds=rounds, protocol=protocol
    ).set_index("trn")
    low, high, day_of = (
        dated[name].dt.strftime("%Y-%m-%d") for name in ("registered_low", "registered_high", "registered")
    )
    assert (
        day_of["NCT90000150"] == high["NCT90000150"] == "2021-01-31" < day_of["NCT90000160"]
    )  # by its number, of February
    assert pd.isna(day_of["KCT0000006"]) and high["KCT0000006"] == "2021-04-01"
    dated, low, high = (own.loc["KCT0000001":"KCT0000005"] for own in (dated, low, high))
    assert high.to_dict() == {
        "KCT0000001": day, "KCT0000002": "2026-11-22", "KCT0000003": "2026-11-22", "KCT0000004": "2022-01-21", "KCT0000005": "2023-06-30"
    }  # fmt: skip
    assert low.dropna().to_dict() == {"KCT0000002": "2024-02-18", "KCT0000003": "2024-02-18"}
    assert registration_dates.in_search(dated, day).tolist() == ["in", "after", "after", "in", "in"]
    without = {name: facts for name, facts in review.items() if name != "screening_rounds"}
    assert registration_dates.bounds_by_rounds(judged, {}, protocol=without).empty


def test_a_stray_date_does_not_spoil_the_estimates_of_the_others(review):
    serials = [4_000_000 + 10 * i for i in range(21)]
    days = pd.date_range("2020-01-01", periods=21, freq="20D")
    rows = [
        {"trn": f"NCT0{serial}", "first_submitted": f"{day:%Y-%m-%d}"}
        for serial, day in zip(serials, days, strict=True)
    ]
    stray = [row | ({"first_submitted": "2016-05-05"} if i == 10 else {}) for i, row in enumerate(rows)]
    wanted = {"trn": "NCT04000103"}  # between the stray one and its neighbour
    plain, spoilt = (
        registration_dates.with_registration_dates(
            records_of([*known, wanted], columns("records")), NO_DATES, rounds=NO_ROUNDS, protocol=review
        ).set_index("trn")
        for known in (rows, stray)
    )
    assert abs((spoilt.registered - plain.registered)["NCT04000103"].days) <= 1
    assert spoilt.registered["NCT04000100"] == pd.Timestamp("2016-05-05")  # its own date stays as it is shown
    anchors = registration_dates.known_serials(spoilt.reset_index(), NO_DATES, registry="ClinicalTrials.gov")
    assert set(anchors.trn) - set(registration_dates.in_order(anchors).trn) == {"NCT04000100"}


def test_dates_that_became_known_lie_in_the_intervals_that_were_given(shipped, review):
    read = sources.read_in_rounds(RAW, protocol=review)
    decisions, _, _ = screening.readers_decisions(RAW, known=read, protocol=review)
    rounds = registration_dates.bounds_by_rounds(
        decisions, sources.numbers_of_rounds(RAW, protocol=review), protocol=review
    )
    first = review["screening_rounds"]["first"]["snapshot"]
    then, *_ = sources.records_of(sources.named_sources(RAW / "registries" / first), protocol=review, always=read)
    known = read_csv(RAW / "curation/nct_first_submitted.csv")
    then = registration_dates.with_registration_dates(then, known, rounds=rounds, protocol=review)
    table = registration_dates.estimates_now_known(then, shipped)
    assert len(table) > 40 and set(table.trn) <= set(then.trn[then.registered_basis == "estimated"])
    assert ((table.observed >= table.low.fillna(table.observed)) & (table.observed <= table.high)).mean() >= 0.9
    assert table.inside.mean() >= 0.9
    # Without the error of left-out dates the intervals would be far too narrow.
    narrow = registration_dates.estimates_now_known(
        then.assign(registered_low=then.registered, registered_high=then.registered), shipped
    )
    assert narrow.inside.mean() < 0.2


def test_a_record_counts_from_the_day_on_which_it_was_of_vesicles(tmp_path, shipped):
    late = "NCT05152394"
    (low, high), words = (
        registration_dates.counts_from(RAW / registration_dates.COUNTS_FROM, known={late})[0].loc[
            late, ["counts_from_low", "counts_from_high"]
        ],
        read_csv(RAW / registration_dates.COUNTS_FROM).set_index("trn").why[late],
    )
    later, _ = registration_dates.counts_from(RAW / registration_dates.COUNTS_FROM, known=set(shipped.trn))
    own = shipped[shipped.trn.isin([late, "NCT04276987"])].set_index("trn", drop=False)
    assert (own.registered < low).all()
    day = pd.Timedelta(days=1)
    for date, where in ((low - day, "after"), (low, "undated"), (high - day, "undated"), (high, "in")):
        place = registration_dates.in_search(own, f"{date:%Y-%m-%d}", later=later)
        assert place.to_dict() == {late: where, "NCT04276987": "in"}, date
        reasons = registration_dates.place_reasons(own, place, later)
        assert reasons.isna()["NCT04276987"] and (reasons.isna()[late] if where == "in" else words in reasons[late])
        assert registration_dates.in_search(own, f"{date:%Y-%m-%d}")[late] == "in"  # by its number alone
    bad = "NCT04276987,2022-01-01,2021-01-01,x\nNCT04276987,soon,2021-01-01,x\nNCT99999999,2021-01-01,2021-01-02,x\n"
    path = put(
        tmp_path, "counts.csv", f"trn,counts_from_low,counts_from_high,why\nNCT05152394,2021-01-01,2021-01-01,x\n{bad}"
    )
    good, rejects = registration_dates.counts_from(path, known=set(shipped.trn))
    assert good.index.tolist() == [late] and rejects.line.tolist() == [3, 4, 5]
    none, rejects = registration_dates.counts_from(tmp_path / "absent.csv", known=set())
    assert none.empty and rejects.empty
    place = registration_dates.in_search(own, "2024-02-17", later=none)
    assert (place == "in").all() and registration_dates.place_reasons(own, place, none).isna().all()


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
