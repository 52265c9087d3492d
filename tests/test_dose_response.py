"""The Emax model: the same posterior as by another method, nothing learnt from nobody, much from many, and the right trial taken."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW

from evlib.base.errors import InputError
from evlib.base.schema import columns, read_csv
from evlib.certainty import dose_response
from evlib.doses.effect_sizes import effects


@pytest.fixture(scope="module")
def tables():
    names = ("studies", "arms", "outcomes", "comparisons_not_randomised")
    return {name: read_csv(RAW / f"curation/{name}.csv") for name in names}


@pytest.fixture(scope="module")
def computed(tables):
    return effects(tables["studies"], tables["arms"], tables["outcomes"])


@pytest.fixture(scope="module")
def groups(tables, computed):
    return dose_response.dose_groups(
        computed,
        tables["arms"],
        randomised=randomised(tables),
        not_randomised=tables["comparisons_not_randomised"].arm_id,
    )


def randomised(tables):
    return tables["studies"].study_id[tables["studies"].allocation == "randomised"]


def trial(groups, doses, events, n):
    """A trial with these groups and, otherwise, the facts of the shipped one."""
    rows = groups.iloc[[0] * len(doses)].reset_index(drop=True)
    return rows.assign(dose=doses, events=events, n=n)


def of(table, parameter, setting="as set"):
    return table[(table.parameter == parameter) & (table.setting == setting)].squeeze()


def test_the_one_trial_is_found_with_its_basis_and_matched_controls_are_not(tables, computed, groups):
    assert groups.study.unique().tolist() == ["Lightner 2023"]
    assert groups.dose.tolist() == [0, 10, 15] and groups.basis.str.contains("estimated from percentages").all()
    by_chance = randomised(tables)
    without_care = dose_response.dose_groups(computed, tables["arms"], randomised=by_chance)
    assert "EXO-CD24 phase IIb 2024" in without_care.study.tolist() and without_care.comparison.nunique() > 1
    others = by_chance[~by_chance.isin(["lightner-2023", "exo-cd24-phase-iib-2024"])]
    assert dose_response.dose_groups(computed, tables["arms"], randomised=others).empty


def test_the_grid_gives_what_weighted_draws_from_the_prior_give(groups):
    rng, sd = np.random.default_rng(7), dose_response.SETTINGS["as set"]
    middle = np.log([10, 15]).mean()
    draws = rng.normal((0, 0, middle), tuple(sd), (400_000, 3))
    log_likelihood = 0
    for row in groups.itertuples():
        log_odds = draws[:, 0] + draws[:, 1] * row.dose / (np.exp(draws[:, 2]) + row.dose)
        log_likelihood = log_likelihood + row.events * log_odds - row.n * np.log1p(np.exp(log_odds))
    weights = np.exp(log_likelihood - log_likelihood.max())
    table = dose_response.prior_beside_posterior(groups)
    for place, name in enumerate(dose_response.PARAMETERS):
        order = np.argsort(draws[:, place])
        total = np.cumsum(weights[order]) / weights.sum()
        values = draws[order, place][np.searchsorted(total, (0.025, 0.5, 0.975))]
        row = of(table, name)
        shown = row[["low", "median", "high"]].to_numpy(dtype=float)
        np.testing.assert_allclose(np.log(shown) if name == "ED50" else shown, values, atol=0.04)
    assert of(table, "Emax").above_zero == pytest.approx(weights[draws[:, 1] > 0].sum() / weights.sum(), abs=0.01)


def test_from_nobody_nothing_is_learnt(groups):
    table = dose_response.prior_beside_posterior(trial(groups, [0, 10, 15], [0, 0, 0], [0, 0, 0]))
    np.testing.assert_allclose(table.spread, 1, atol=1e-3)
    np.testing.assert_allclose(table.overlap, 1, atol=1e-3)
    np.testing.assert_allclose(table.bits, 0, atol=1e-3)
    np.testing.assert_allclose(table[["low", "median", "high"]], table[["prior_low", "prior_median", "prior_high"]], rtol=0.01, atol=0.01)  # fmt: skip
    assert of(table, "Emax").above_zero == pytest.approx(0.5)


def test_many_people_at_many_doses_are_learnt_from_and_the_words_say_so(groups):
    doses, n = np.array([0, 1, 3, 10, 30, 100]), 20_000
    truth = -0.5 + 1.5 * doses / (8 + doses)
    many = trial(groups, doses, np.round(n / (1 + np.exp(-truth))).astype(int), n)
    table = dose_response.prior_beside_posterior(many)
    for name, value in zip(dose_response.PARAMETERS, (-0.5, 1.5, 8)):
        row = of(table, name)
        assert row.low < value < row.high and row.spread < 0.15 and row.bits > 2
    few, lots = dose_response.answer(dose_response.prior_beside_posterior(groups)), dose_response.answer(table)
    assert "as unknown as it was" in few and "narrows" in lots
    assert "narrows" in dose_response.prior_and_posterior(many).title


def test_the_order_of_groups_changes_nothing_and_another_prior_does(groups):
    table = dose_response.prior_beside_posterior(groups)
    pd.testing.assert_frame_equal(table, dose_response.prior_beside_posterior(groups.iloc[::-1]))
    assert list(table.columns) == columns("dose_response")
    assert table.setting.nunique() == 3
    assert of(table, "Emax").high > of(table, "Emax", "sceptical of an effect").high


def test_the_band_narrows_and_holds_its_median(groups):
    doses = [0, 10, 15, 30]
    before, after = (
        dose_response.curve_band(found, doses)
        for found in (dose_response.prior_grid(groups), dose_response.emax_posterior(groups))
    )
    assert ((after.high - after.low) < (before.high - before.low)).all()
    assert ((before.low < before["median"]) & (before["median"] < before.high)).all()
    assert before["median"].tolist() == pytest.approx([0.5] * 4, abs=0.01)


def test_the_figure_says_that_its_counts_are_estimated(groups):
    drawn = dose_response.prior_and_posterior(groups)
    assert "estimated from percentages" in drawn.alt and "next to nothing" in drawn.title
    assert any("estimated from percentages" in text.get_text() for text in drawn.drawing.legends[0].get_texts())
    printed = dose_response.prior_and_posterior(groups.assign(basis="counts"))
    assert "estimated" not in printed.alt
    assert dose_response.prior_and_posterior(groups.iloc[:0]).title.startswith("No trial")


def test_counts_are_held_against_the_printed_p(groups, tables):
    assert "as the report prints 0.1343" in dose_response.counts_beside_printed_p(groups, tables["outcomes"])
    other = groups.assign(events=groups.events.mask(groups.dose == 15, 20))
    assert "while the report prints 0.1343" in dose_response.counts_beside_printed_p(other, tables["outcomes"])
    assert dose_response.counts_beside_printed_p(groups, tables["outcomes"].assign(p=pd.NA)) == ""


@pytest.mark.parametrize("doses, events", [([0, 10], [1, 1]), ([5, 10, 15], [1, 1, 1]), ([0, 10, 15], [1, 40, 1])])
def test_groups_that_carry_no_curve_are_named(groups, doses, events):
    with pytest.raises(InputError, match=rf"{doses[-1]}\.0"):
        dose_response.emax_posterior(trial(groups, doses, events, 34))
