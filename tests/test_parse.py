"""Doses in words: what registries write is read, what is not understood is left out, and kinds never mix."""

import json

import pandas as pd
import pytest
from conftest import RAW, records_of
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from evlib.__main__ import app
from evlib.base.errors import InputError
from evlib.base.schema import columns, read_csv
from evlib.doses import stated_doses
from evlib.doses.parse import in_unit, not_understood, parsed
from evlib.doses.parse_agreement import parser_agreement, parser_differences, record_doses, with_readers_doses


def short(text):
    """The doses of a text as (low, high, unit)."""
    return [(row["low"], row["high"], row["stated_unit"]) for row in parsed(text)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2.0*10^8 nano vesicles/3 ml", {"low": 2e8, "high": 2e8, "unit": "particles", "volume_ml": 3}),
        ("5 μg/ml", {"low": 5, "unit": "ug exosomes", "per": "mL", "volume_ml": None}),
        ("5 µg EV protein/kg", {"low": 5, "unit": "other", "stated_unit": "ug protein/kg"}),
        ("10 mL ExoFlo", {"low": 10, "unit": "mL product", "volume_ml": 10}),
        ("20 pmol phospholipid/kg", {"low": 20, "unit": "pmol phospholipid/kg"}),
        ("0.5-2 x 10¹⁰ particles twice a day, 10 days", {"low": 5e9, "high": 2e10, "n_administrations": 20}),
        ("3~5×10^11 particles/dose", {"low": 3e11, "high": 5e11, "per": "administration"}),
        ("800 billion EVs", {"low": 8e11, "unit": "particles"}),
        ("3.1 ± 1.3 x 10^11 particles", {"low": 1.8e11, "high": 4.4e11}),
        ("1.5E9 – 3E9 sEVs per injection site", {"low": 1.5e9, "high": 3e9, "per": "site"}),
        ("10,000,000 exosomes", {"low": 1e7}),
        ("5 to 20 mg protein", {"low": 5000, "high": 20000, "unit": "ug protein"}),
        ("5 ug to 20 ug protein", {"low": 5, "high": 20, "unit": "ug protein"}),
        ("5 ml at 1*10^9 particles/ml, twice daily, 5 days", {"low": 5e9, "volume_ml": 5, "n_administrations": 10}),
        ("0.5-2x10^10 nanoparticles (exosomes)/3 ml", {"low": 5e9, "high": 2e10, "volume_ml": 3}),
        ("20 ug in 10 ul PBS", {"low": 20, "volume_ml": 0.01}),
        ("total dose of 4x10^9 particles", {"low": 4e9, "per": "course"}),
        ("up to 4 units", {"low": None, "high": 4, "unit": "other", "stated_unit": "units"}),
        ("2.0\\*10^8 nano vesicles", {"low": 2e8}),
        ("5 \\~ 10 × 10^9 particles", {"low": 5e9, "high": 1e10}),
        ("6 • 10^8 particles", {"low": 6e8, "high": 6e8}),
        ("6 х 10⁸ particles", {"low": 6e8}),  # a Cyrillic letter
        ("6 x\u200b10^8 particles", {"low": 6e8}),
        (">= 1×10^9 particles", {"low": 1e9, "high": None}),
        ("course dose: 5x10^9 particles", {"low": 5e9, "per": "course", "arm": None}),
        ("5x10^9 particles over 5 days", {"low": 5e9, "per": "course"}),
        ("8x10^9 particles divided into 4 doses", {"low": 8e9, "per": "course", "n_administrations": 4}),
        ("5x10^9 particles in total, 5 administrations", {"low": 5e9, "per": "course", "n_administrations": 5}),
        ("100 mL saline with 20 mL exosomes", {"low": 20, "unit": "mL product", "volume_ml": 20}),
        ("100 mL saline containing exosomes", {"low": 100, "unit": "mL product"}),
        ("5x10^9 particles per participant", {"low": 5e9, "per": "patient"}),
        ("5 ug exosomes per side", {"low": 5, "per": "side"}),
        ("5 ug exosomes/eye", {"low": 5, "per": "eye"}),
        ("pH 7.4, 2x10^9 particles", {"low": 2e9, "high": 2e9}),
        ("visit 1, 2x10^9 particles", {"low": 2e9, "high": 2e9}),
        ("2×10^10 in 2 ml, days 0, 4 and 8", {"low": 2e10, "unit": "unspecified", "n_administrations": 3}),
    ],
)
def test_a_phrase_of_a_registry_is_read(text, said):
    (row,) = parsed(text)
    assert {name: row[name] for name in said} == pytest.approx(said)


@pytest.mark.parametrize(
    ("text", "doses"),
    [
        ("1×10^8, 3×10^8 or 9×10^8 particles per time", [1e8, 3e8, 9e8]),
        ("2.0, 4.0 or 16.0*10^8 nano vesicles/3 ml", [2e8, 4e8, 16e8]),
        ("2×10^9 – 4×10^9 – 8×10^9 EVs", [2e9, 4e9, 8e9]),
        ("Cohort 1: 5 mL exosomes | Cohort 2: 10 mL exosomes", [5, 10]),
        ("ExoFlo 10 mL (800 billion EV) or 15 mL (1.2 trillion EV) in saline", [8e11, 1.2e12]),
    ],
)
def test_several_doses_are_several(text, doses):
    assert [row["low"] for row in parsed(text)] == doses
    assert [row["high"] for row in parsed(text)] == doses


@pytest.mark.parametrize(
    "text",
    [
        "6 by 10^8 particles",
        "6 times 10^8 particles",
        "6 ? 10^8 particles",
        "6, 10^8 particles",
        "n x 10^8 particles",
        "3 x 2x10^9 particles",
        "5 ug × 3 exosomes",
        "half of 5 ug exosomes",
        "1/2 vial",
        "=> 5 ug exosomes",  # an arrow, or a bound
        "2x10^-9 particles",
        "2 x 109 particles",  # a lost superscript
        "10 E10 particles",  # 10^10, or ten times as many
        "2 by 10 to the 9 particles",
        "2 by ten to the power of 9 particles",
        "n = 6, 2x10^9 particles",  # a dose beside another number, or two doses of one power
        "dose 1, 5 ug exosomes",
        "2,5 mL exosomes",  # two and five, or two and a half
        "10 million mitochondria",
        "100 mg vitamin C",
        "90 mL normal saline",
        "3 ml solution free of nanoparticles",
        "2 ml/min",
        "3% conditioned medium",
        "COVID-19, group 2, day 5, NCT04493242",
        "",
    ],
)
def test_what_is_not_understood_is_left_out(text):
    assert parsed(text) == []


def test_what_is_left_out_is_listed():
    text = "A: 5 ug exosomes in 2 mL saline, daily for 7 days; then 6 by 10^8 particles | B: 2 x 109 particles"
    assert not_understood(text) == ["then 6 by 10^8 particles", "2 x 109 particles"]
    assert not_understood("exosomes of cells") == []


scaled = st.tuples(st.integers(2, 99), st.integers(2, 12))
signs = st.text(st.characters(categories=["P", "S", "Z", "Cf"], exclude_characters=";|"), max_size=3)


@given(scaled, signs | st.sampled_from(["by", "times", "multiplied by", "х", "X", "or", "to", "x x"]))
def test_a_power_is_never_a_dose_without_the_number_before_it(pair, sign):
    number, power = pair
    read = {value for row in parsed(f"{number} {sign} 10^{power} particles") for value in (row["low"], row["high"])}
    assert read <= {float(f"{number}e{power}"), None}


@pytest.mark.parametrize(
    ("before", "after", "bound"),
    [
        *(
            (words, "", "low")
            for words in ("not less than", "no fewer than", "at least", "above", "more than", "≥", "minimum of")
        ),
        *(
            (words, "", "high")
            for words in ("not more than", "at most", "below", "up to a maximum of", "up to", "≤", "<=", "under")
        ),
        *(("", words, "low") for words in (" or more", " and above", " at least", "+")),
        *(("", words, "high") for words in (" or less", " at most", " max")),
    ],
)
@given(scaled)
def test_words_set_the_bound_that_they_name(before, after, bound, pair):
    (row,) = parsed(f"{before} {pair[0]}x10^{pair[1]} particles{after}")
    other = "high" if bound == "low" else "low"
    assert (row[bound], row[other]) == (float(f"{pair[0]}e{pair[1]}"), None)


def test_each_cohort_of_a_list_has_its_own_name():
    for text in (
        "cohort 1: 2 ug exosomes; cohort 2: 5 ug exosomes",
        "cohort 1 (2 ug exosomes), cohort 2 (5 ug exosomes)",
    ):
        assert [(row["arm"], row["low"]) for row in parsed(text)] == [("cohort 1", 2), ("cohort 2", 5)]
    lettered = parsed("cohort A: 2 ug exosomes, cohort B: 5 ug exosomes")
    assert [(row["arm"], row["low"]) for row in lettered] == [("cohort A", 2), ("cohort B", 5)]
    assert [row["arm"] for row in parsed("High: group 2, 5 ug exosomes")] == ["High"]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1x10^6 cells/kg", "other"),
        ("10 million UC-MSCs, intravenous", "other"),
        ("mesenchymal stem cells derived exosomes; 2x10^6 cells", "other"),
        ("1 million cells/kg of exosomes", "cells equivalent/kg"),
        ("EVs from supernatant of 1.2-1.5 x10^6 MSC/kg", "cells equivalent/kg"),
        ("exosomes derived from 2x10^8 MSCs", "cells equivalent"),
        ("2x10^8 MSC-derived exosomes", "particles"),
    ],
)
def test_cells_are_an_equivalent_only_of_vesicles_from_so_many_cells(text, unit):
    (row,) = parsed(text)
    assert (row["unit"], row["unit_kind"]) == (unit, stated_doses.UNIT_KINDS[unit])


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("4 times a day for 14 days", 56),
        ("150 mg once a day, 14 times", 14),
        ("TID, 20 days", 60),
        ("every day in a week", 7),
        ("on day 1 and day 3", 2),
        ("days 1-5", 5),
        ("once daily 7 days, then once weekly 3 weeks", 10),
        ("single dose", 1),
        ("IV; aerosol; daily for a week, then once", 8),
        ("every other day, 10 administrations", 10),
        ("5 days a week for 2 weeks", 10),
        ("3 days per week, for 4 weeks", 12),
        ("once daily, 5 days a week for 2 weeks", 10),
        ("twice a day, 5 days a week for 2 weeks", None),
        ("9 days a week for 2 weeks", None),
        ("divided over 10 injection points", None),
        ("divided into 10 injections", None),
        ("at 10 injection sites", None),
        ("not more than 5 doses", None),
        ("3 times or more", None),
        ("every 14 days during two months", None),
        ("one or three administrations", None),
        ("up to 6 administrations", None),
        ("Week 2, Week 6 and (cut off)", None),
        ("weekly", None),
    ],
)
def test_administrations_are_counted_only_where_the_words_say_so(text, n):
    assert parsed(f"5 ug exosomes, {text}")[0]["n_administrations"] == n


numbers = st.builds("{}.{} x 10^{}".format, st.integers(1, 999), st.integers(0, 99), st.integers(0, 12))


def value_of(number):
    return float(number.replace(" x 10^", "e"))


units = st.sampled_from(
    [*(unit for unit in stated_doses.UNIT_KINDS if unit != "other"), "cells/kg", "particles/kg", "vials"]
)
schedules = st.sampled_from([None, "twice daily", "every other day", "weekly", "single dose", "day 0 and day 4"])


@given(
    st.tuples(numbers, numbers).map(lambda pair: sorted(pair, key=value_of)),
    units,
    st.sampled_from(["administration", "course", "site", "nostril", "mL"]),
    st.one_of(st.none(), numbers),
    st.one_of(st.none(), st.integers(2, 60)),
    schedules,
    st.sampled_from(["both", "low", "high", "one"]),
)
def test_a_dose_that_is_written_down_reads_as_the_same_dose(bounds, unit, per, volume, n, interval, stated):
    low, high = map(value_of, bounds)
    amount, low, high = {
        "both": (f"{bounds[0]}-{bounds[1]}", low, high),
        "low": (f"at least {bounds[0]}", low, None),
        "high": (f"up to {bounds[1]}", None, high),
        "one": (bounds[0], low, low),
    }[stated]
    written = f"{amount} {unit}" + {"administration": "", "mL": "/mL", "course": " in total"}.get(per, f" per {per}")
    said = {"single dose": 1, "day 0 and day 4": 2}.get(interval)
    known = unit if unit in stated_doses.UNIT_KINDS else "other"
    product = unit == "mL product"
    written += f" in {volume} mL" if volume and per != "mL" and not product else ""
    written += f", {said or n} administrations" if said or n else ""
    row = {
        "low": low,
        "high": high,
        "unit": known,
        "unit_kind": stated_doses.UNIT_KINDS[known],
        "per": per,
        "volume_ml": high if product and low == high else None,
        "n_administrations": said or n,
        "interval": interval,
        "stated_unit": unit,
    }
    if volume and per != "mL" and not product:
        row["volume_ml"] = value_of(volume)
    (read,) = parsed(written + (f", {interval}" if interval else ""))
    assert {name: read[name] for name in row} == row


@given(
    st.floats(0.01, 1e4), st.sampled_from([("mg protein", "ug protein"), ("L", "mL"), ("mg exosomes", "ug exosomes")])
)
def test_changing_the_unit_and_reading_commute(value, units):
    large, small = units
    ((low, _, unit),) = short(f"{value!r} {large}")
    ((same, _, other),) = short(f"{value * 1000!r} {small}")
    assert in_unit(low, unit, other) == pytest.approx(same)


@given(st.floats(1, 999), st.integers(0, 11))
def test_a_scale_and_its_word_commute(value, power):
    (million,) = short(f"{value!r} million particles")
    (powered,) = short(f"{value!r} x 10^6 particles")
    (scaled,) = short(f"{value!r} x 10^{power} particles")
    assert million == powered
    assert scaled[0] * 10**6 == pytest.approx(powered[0] * 10**power)


def test_no_kind_of_unit_becomes_another():
    usable = [unit for unit in stated_doses.UNIT_KINDS if unit != "other"]
    for unit in usable:
        for to in usable:
            if {unit, to} <= {"ug exosomes", "mg exosomes"} or unit == to:
                assert in_unit(in_unit(3.0, unit, to), to, unit) == pytest.approx(3.0)
            else:
                with pytest.raises(InputError, match="different kinds of unit"):
                    in_unit(3.0, unit, to)
    with pytest.raises(InputError, match="no unit of doses"):
        in_unit(1, "teaspoons", "particles")


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    not_understood(text)
    for row in parsed(text):
        assert row["low"] is not None or row["high"] is not None


def test_the_parser_agrees_with_the_readers_on_the_shipped_records(shipped):
    doses, rejects = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    assert rejects.empty
    agreement = parser_agreement(doses, shipped).set_index("field")
    coded = pd.concat(read_csv(RAW / f"curation/{name}.csv") for name in ("doses", "doses_added"))
    assert agreement.n.to_dict() == coded[["low", "high", "n_administrations"]].count().to_dict() | {
        "unit_kind": coded.unit.count()
    }
    assert (agreement.same >= [81, 80, 83, 50]).all()  # of 88, 89, 90 and 64
    assert (agreement.same + agreement.differ + agreement.not_read == agreement.n).all()
    different = parser_differences(doses, shipped)
    assert (different.verdict == "differ").sum() == agreement.differ.sum()


def test_the_readers_win_and_an_arm_is_read_once():
    records = records_of(
        [
            {"trn": "NCT00000001", "dose_text": "2x10^8 EVs, once", "arms": "A: 2x10^8 EVs | Placebo: 3 mL"},
            {"trn": "NCT00000002", "dose_text": "5 ug exosomes"},
        ],
        columns("records"),
    )
    read = record_doses(records)
    assert read.trn.tolist() == ["NCT00000001", "NCT00000002"]
    assert (read.arm[0], read.n_administrations[0]) == ("A", 1)
    both = with_readers_doses(read[read.trn == "NCT00000001"].assign(low=1.0), read)
    assert both.coded_by.tolist() == ["readers", "parser"]
    assert both.low.tolist() == [1.0, 5.0]


def test_the_command_prints_what_it_understood():
    done = CliRunner().invoke(app, ["dose", "0.5-2 x 10¹⁰ particles twice a day, 10 days"])
    (row,) = json.loads(done.stdout)
    assert (row["low"], row["high"], row["unit"], row["n_administrations"]) == (5e9, 2e10, "particles", 20)
    assert row["as_stated"] == "0.5-2 x 10¹⁰ particles twice a day, 10 days"
    left = CliRunner().invoke(app, ["dose", "6 by 10^8 particles"])
    assert json.loads(left.stdout) == []
    assert "6 by 10^8 particles" in left.stderr
