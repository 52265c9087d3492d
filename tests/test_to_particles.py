"""Doses as particles: every factor from a source, every interval from its bounds, and nothing converted silently."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.doses import stated_doses, to_particles
from evlib.doses.parse_agreement import record_doses, with_readers_doses

CONVERSIONS = RAW / "curation/conversions.csv"
NONE = pd.Series(dtype="str")


def doses_of(*rows):
    basics = {"trn": "NCT00000001", "arm": None, "per": "administration", "n_administrations": None, "volume_ml": None}
    return pd.DataFrame(
        [basics | {"as_stated": ""} | dict(zip(("low", "high", "unit"), row[:3])) | row[3] for row in rows]
    )


def particles(doses, factors, *, products=NONE, seed=1, **scales):
    plan = to_particles.conversion_plan(doses, factors, products=products, **scales)
    return to_particles.harmonised(plan, factors, rng=np.random.default_rng(seed), draws=2000)


@pytest.fixture(scope="module")
def factors():
    return to_particles.conversion_factors(to_particles.read_conversions(CONVERSIONS))


@pytest.fixture(scope="module")
def shipped_doses(shipped):
    """Doses of the shipped records, factors with those that records state, and the trials' products."""
    coded, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    doses = with_readers_doses(coded, record_doses(shipped))
    factors = to_particles.conversion_factors(to_particles.read_conversions(CONVERSIONS), doses)
    return doses, factors, to_particles.products_of(shipped)


def test_exoflo_has_four_readings_that_differ_a_thousandfold(shipped_doses):
    doses, factors, products = shipped_doses
    readings = to_particles.product_readings(doses[doses.trn == "NCT05514639"], factors)
    assert readings.per_ml.tolist() == pytest.approx([7e7, 1e10, 7e10, 8e10])
    assert readings.particles.tolist() == pytest.approx([3.5e7, 5e9, 3.5e10, 4e10])  # of half a millilitre
    assert "NCT05116761" in readings.source[0]
    for reading in readings.itertuples():
        chosen = factors[(factors["product"] != "ExoFlo") | (factors.low == reading.per_ml)].assign(weight=1.0)
        table = particles(doses[doses.trn == "NCT05514639"], chosen, products=products)
        assert table[["low", "median", "high"]].values[0] == pytest.approx(reading.particles)
    with pytest.raises(InputError, match="no source states a concentration of 'Elixir'"):
        to_particles.product_readings(doses, factors, product="Elixir")


def test_no_record_names_no_product(shipped):
    assert to_particles.products_of(shipped[:0]).empty
    silent = shipped.assign(**dict.fromkeys(["brief_title", "official_title", "interventions", "arms", "dose_text"]))
    assert to_particles.products_of(silent).empty


def test_a_concentration_is_of_the_volume_of_the_product_not_of_the_infusion():
    basics = {"low": 1.2e12, "high": 1.2e12, "unit": "particles", "trn": "NCT00000001"}
    for words, volume, per_ml in (
        ("ExoFlo 15 mL in normal saline 85 mL, approximately 1.2 trillion EVs", 100, 8e10),
        ("85 mL of saline and 15 mL of ExoFlo, 1.2 trillion EVs", 100, 8e10),
        ("1.2 trillion EVs of ExoFlo", 12, 1e11),
    ):
        stated = pd.DataFrame([basics | {"as_stated": words, "volume_ml": volume}])
        factors = to_particles.conversion_factors(to_particles.read_conversions(CONVERSIONS), stated)
        assert factors.low[factors.source == "NCT00000001"].tolist() == [per_ml], words
        readings = to_particles.product_readings(stated.assign(arm=None), factors)
        assert set(readings.volume_ml) == {1.2e12 / per_ml}
    two = pd.DataFrame([basics | {"as_stated": "ExoFlo 10 mL, then ExoFlo 15 mL", "volume_ml": 10, "arm": None}])
    assert set(to_particles.product_readings(two, factors).volume_ml) == {10}  # the words name two


def test_a_dose_without_an_amount_is_not_convertible(factors):
    table = particles(
        doses_of((np.nan, np.nan, "particles", {"per": "course"}), (np.nan, 4e8, "particles", {})), factors
    )
    assert table.basis.tolist() == ["not convertible", "stated"]
    assert table.why[0] == "no amount is stated that can be read"


def test_every_factor_comes_from_the_file_and_says_whether_it_was_read_again(factors):
    protein = factors[factors.from_unit == "ug protein"]
    assert protein.low.tolist() == pytest.approx([1.5e10 / 200, 2e11 / 1400, 1.5e9, 2e9, 3e10])
    assert protein.high[protein.low == 1.5e10 / 200].tolist() == pytest.approx([2e10 / 200])
    assert protein.weight.tolist() == [1, 0, 1, 1, 1]  # not of MSC, hence listed but not used
    assert protein.read_at_source.tolist() == [True, True, False, False, False]
    assert protein.open.tolist() == [False, False, True, False, True]
    weighed = factors[factors.from_unit == "ug exosomes"]
    assert weighed[["low", "high"]].values.tolist() == [pytest.approx([1e11 / 300, 1e11 / 250])]
    assert set(factors.from_unit) == {"ug protein", "ug exosomes", "mL product"}


def test_each_basis_and_each_reason(factors):
    table = particles(
        doses_of(
            (1e8, 2e8, "particles", {"n_administrations": 5}),
            (200, 200, "ug protein", {}),
            (1, 1, "mg exosomes", {}),
            (3, 3, "mL product", {}),
            (1e9, 1e9, "unspecified", {}),
            (1e6, 1e6, "cells equivalent/kg", {}),
            (20, 20, "pmol phospholipid/kg", {}),
            (1e7, 1e7, "particles/cm2", {}),
            (10, 10, "ug exosomes", {"per": "drop"}),
            (4e8, 4e8, "particles", {"per": "course", "n_administrations": 4}),
        ),
        factors,
    )
    assert table.basis.tolist() == ["stated", "assumed", "assumed", *["not convertible"] * 6, "stated"]
    assert table.why[3:9].str.split(" ").str[:4].str.join(" ").tolist() == [
        *("no product is named", "the unit is not", "no source in use", "no source in use"),
        *("stated per cm2, and", "stated per drop, and"),
    ]
    assert table[["low", "high", "course_low", "course_high"]].values[0].tolist() == [1e8, 2e8, 5e8, 1e9]
    assert table.low[1] == pytest.approx(1.5e10)
    assert table.high[1] == pytest.approx(200 * 3e10)
    assert (table.read_at_source[1], table.read_at_source[2]) == (False, True)
    assert table.high[2] == pytest.approx(1000 * 1e11 / 250)
    assert table[["low", "high", "median"]][3:9].isna().all(axis=None)
    assert table[["low", "course_low"]].values[9].tolist() == [1e8, 4e8]


def test_assumptions_are_dials(factors):
    per_area = doses_of((1e7, 1e7, "particles/cm2", {}), (0.2, 0.2, "mg/kg", {}))
    table = particles(per_area, factors, area_cm2=(10, 600), body_weight_kg=(50, 100))
    assert table.basis.tolist() == ["assumed", "assumed"]
    assert table[["low", "high"]].values[0].tolist() == pytest.approx([1e8, 6e9])
    assert table.high[1] == pytest.approx(200 * 100 * 1e11 / 250)
    unused = particles(per_area, factors.assign(weight=0.0), body_weight_kg=(50, 100))
    assert unused.why[1] == "no source in use states particles per ug exosomes"
    wider = to_particles.conversion_factors(to_particles.read_conversions(CONVERSIONS), exosome_mass_is_protein=True)
    assert (wider.from_unit == "ug exosomes").sum() == 6
    with pytest.raises(InputError, match="both above zero"):
        particles(per_area, factors, area_cm2=(5, 1))


@given(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)).map(sorted), st.integers(0, 2**32 - 1))
def test_draws_stay_within_the_bounds_and_follow_the_seed(factors, bounds, seed):
    doses = doses_of((*bounds, "ug protein", {"n_administrations": 3}), (*bounds, "ug protein", {}))
    plan = to_particles.conversion_plan(doses, factors, products=NONE)
    each, course = to_particles.particle_draws(plan, factors, rng=np.random.default_rng(seed), draws=50)
    again, _ = to_particles.particle_draws(plan, factors, rng=np.random.default_rng(seed), draws=50)
    assert (each == again).all()
    low, high = bounds[0] * 7.5e7, bounds[1] * 3e10
    assert ((each >= low * (1 - 1e-9)) & (each <= high * (1 + 1e-9))).all()
    assert course[:, 0] == pytest.approx(each[:, 0] * 3)
    assert np.isnan(course[:, 1]).all()


def test_a_factor_is_one_assumption_for_all_doses(factors):
    doses = doses_of((1, 1, "ug protein", {}), (2, 2, "ug protein", {}))
    plan = to_particles.conversion_plan(doses, factors, products=NONE)
    each, _ = to_particles.particle_draws(plan, factors, rng=np.random.default_rng(3), draws=100)
    assert each[:, 1] == pytest.approx(each[:, 0] * 2)


def test_every_shipped_dose_gets_one_row_and_only_stated_ones_are_stated(shipped_doses):
    doses, factors, products = shipped_doses
    table = particles(doses, factors, products=products)
    assert table.trn.tolist() == doses.trn.tolist()
    stated = table.basis == "stated"
    assert (doses.unit[stated] == "particles").all()
    whole = doses.per == "course"
    assert (table.low.where(~whole, table.course_low)[stated] == doses.low[stated]).all()
    assert table.why[table.basis == "not convertible"].notna().all()
    assert table.loc[table.basis == "not convertible", ["low", "median", "course_low"]].isna().all(axis=None)
    derived = table[table.basis == "derived"]
    by_record = derived.why.str.contains("own record")
    assert set(products[derived.trn[~by_record]]) == {"ExoFlo"} and set(derived.trn[by_record]) == {
        "IRCT20130812014333N223",
        "IRCT20230801058996N5",  # by dose_decisions.csv
    }


def test_a_table_of_conversions_that_does_not_fit_is_named(tmp_path):
    text = CONVERSIONS.read_text(encoding="utf-8").replace("700000000000.0", "plenty", 1)
    (tmp_path / "conversions.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="line 2: a value is no positive number"):
        to_particles.read_conversions(tmp_path / "conversions.csv")


def test_numbers_that_differ_in_an_exponent_alone():
    assert to_particles.same_digits([7e7, 1e10, 7e10, 8e10]) == [1000.0]
    assert to_particles.same_digits([7e7, 8e10]) == [] == to_particles.same_digits([])


def test_a_mass_whose_particles_the_trials_own_record_states_is_converted_by_that_alone(factors):
    own = {"trn": "IRCT20130812014333N223"}
    table = particles(doses_of((200, 200, "ug protein", own), (200, 200, "ug protein", {})), factors)
    assert table[["low", "high"]].values.tolist() == [pytest.approx([1.5e10, 2e10]), pytest.approx([1.5e10, 6e12])]
    assert table.basis.tolist() == ["derived", "assumed"] and table.low[0] < table["median"][0] < table.high[0]
    assert "own record" in table.why[0] and "own record" not in table.why[1]


def test_every_row_of_the_conversions_is_used_or_listed_with_why():
    rows = to_particles.read_conversions(CONVERSIONS)
    unused = to_particles.conversions_not_used(rows)
    used = [line for line in range(2, len(rows) + 2) if len(to_particles.conversion_factors(rows.iloc[[line - 2]]))]
    assert used and sorted([*used, *unused.line]) == list(range(2, len(rows) + 2))
    assert unused.why.notna().all()
