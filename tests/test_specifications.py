"""Every combination of the dials: any row can be computed alone, and what is said of all of them is counted from them."""

import random
import re
from itertools import product

import pandas as pd
import pytest
from conftest import ROOT

from evlib.doses import effect_sizes, stated_doses
from evlib.doses.dose_verdicts import (
    at_a_glance,
    dose_claim_verdicts,
    moving_dials,
    steadiness,
    turned_alone,
    verdicts_by_dials,
)
from evlib.doses.dose_windows import setting_of
from evlib.doses.evidence import dials, evidence_tables
from evlib.doses.specifications import dials_left_out, full_cross, levels_of
from evlib.doses.stated_doses import share_text

RAW = ROOT / "data/raw"
CLAIMS = ["about 10⁸ nebulised", "below intravenous", "narrow", "less on both sides"]
SET = dials(draws=200)


@pytest.fixture(scope="module")
def stated(shipped):
    return stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))[0]


@pytest.fixture(scope="module")
def tables(shipped, stated, trials):
    return evidence_tables(RAW, shipped, stated, trials)


@pytest.fixture(scope="module")
def cross(tables):
    return full_cross(tables, SET)


def typed(parameters):
    """The dials that a cell of parameters with these lines sets."""
    given = {}
    if "=" in parameters:
        exec(parameters, {}, given)
    return given


def test_every_combination_is_there_once_and_the_one_as_set_is_marked(tables, cross):
    levels = levels_of(tables, SET)
    left_out = dials_left_out(cross, levels)
    n = 1
    for name in set(levels) - set(left_out):
        n *= len(levels[name])
    assert n == len(cross) == cross.parameters.nunique() >= 1280
    assert cross.as_set.sum() == 1 and typed(cross.parameters[cross.as_set].iloc[0]) == {}
    assert cross.caveat.str.contains("whether a dose works").all()


def test_any_row_is_what_the_chapter_gives_with_its_parameters(tables, cross):
    known, unknown = cross[cross.share.notna()], cross[cross.share.isna()]
    least = known.share.idxmin()
    rng = random.Random(2025)
    for place in [least, *rng.sample(list(known.index), 4), *rng.sample(list(unknown.index), 2)]:
        row = cross.loc[place]
        setting = setting_of(tables, dials(draws=200, **typed(row.parameters)))
        shares = setting.shares | {"share": setting.shares[setting.dials["compare"]]}
        expected = pd.Series(shares, dtype="float64").to_dict()
        assert row[["share_any", "share_minimum", "share"]].tolist() == pytest.approx(
            [expected["any"], expected["minimum"], expected["share"]], nan_ok=True
        ), row.parameters
        assert row[CLAIMS].to_dict() == verdicts_by_dials(setting), row.parameters
        counts = setting.windows.set_index("route_group").n_counted
        assert [row.n_nebulised, row.n_intravenous] == [counts.nebulised, counts.intravenous]


def test_a_dial_that_is_left_out_moves_nothing_and_one_that_is_set_to_another_value_joins(tables, cross):
    as_set = setting_of(tables, SET)
    for name in dials_left_out(cross, levels := levels_of(tables, SET)):
        for level in levels[name]:
            other = setting_of(tables, SET | {name: level})
            pd.testing.assert_frame_equal(other.doses[["low", "high"]], as_set.doses[["low", "high"]])
    own = levels_of(tables, dials(exoflo_per_ml=3e9, nebulised_share=[0.1, 0.2]))
    assert 3e9 in own["exoflo_per_ml"] and (0.1, 0.2) in own["nebulised_share"]
    assert "draws" not in own and "seed" not in own


def test_steadiness_counts_distinct_settings_of_the_dials_that_move_the_verdict():
    levels = {"effective_if": ["paper", "reported"], "compare": ["minimum", "any"], "pairs_only": [False, True]}
    rows = [dict(zip(levels, values, strict=True)) for values in product(*levels.values())]
    table = pd.DataFrame(rows)
    table["claim"] = ["other" if row["effective_if"] == "reported" and row["pairs_only"] else "same" for row in rows]
    assert moving_dials(table, "claim") == ["effective_if", "pairs_only"]  # "compare" would double every count
    assert steadiness("claim", "same", table).startswith("the same in 3 of 4 settings")
    assert "other in 1" in steadiness("claim", "same", table)
    assert steadiness("claim", "same", table.assign(claim="same")).startswith("the same in all 8")
    assert moving_dials(table[["pairs_only", "claim"]][:2], "claim") == []
    assert moving_dials(table[["pairs_only", "claim"]][-2:], "claim") == ["pairs_only"]


def test_a_dial_moves_a_verdict_also_where_another_is_missing():
    table = pd.DataFrame({"per": ["administration", "course"] * 2, "exoflo_per_ml": [None, None, 1e9, 1e9]})
    assert moving_dials(table.assign(claim=["same", "other", "same", "same"]), "claim") == ["per", "exoflo_per_ml"]


def test_the_verdicts_and_the_answer_are_of_the_whole_cross(tables, stated, cross):
    effects = effect_sizes.effects(tables["studies"], tables["arms"], tables["outcomes"])
    safety = effect_sizes.safety(tables["studies"], tables["arms"], tables["adverse_events"])
    setting = setting_of(tables, SET)
    verdicts = dose_claim_verdicts(tables, setting, cross, effects, safety, stated)
    by_claim = verdicts.set_index("claim")
    for claim in CLAIMS:
        distinct = cross.drop_duplicates(moving_dials(cross, claim))
        same = (distinct[claim] == by_claim.verdict[claim]).sum()
        assert f"the same in {same} of {len(distinct)} settings" in by_claim.steadiness[claim]
        assert all(name in by_claim.steadiness[claim] for name in moving_dials(cross, claim))
    alone = cross[(cross[["per", "effective_if", "compare"]] == ["administration", "paper", "minimum"]).all(axis=1)]
    assert by_claim.evidence["below intravenous"].count(" with ") >= alone.exoflo_per_ml.nunique()
    answer = at_a_glance(verdicts, setting, cross, effects)
    known = cross.share.dropna()
    assert len(answer) == 3 and answer[0].startswith("**Not shown.**")
    assert f"{known.min():.2f} to {known.max():.2f}" in answer[1]
    assert f"{len(cross) - len(known):,} of {len(cross):,} combinations" in answer[1]
    # Which of the two shares is which, the same here as in the chapter's evidence.
    as_set = cross[cross.as_set].iloc[0]
    lowest, of_any = (share_text(as_set[name]) for name in ("share_minimum", "share_any"))
    assert lowest != of_any
    assert re.search(rf"{lowest} where the lowest effective .*{of_any} where any two", answer[1])
    assert re.search(
        rf"{lowest} of the .*lowest effective .*{of_any} where any two", by_claim.evidence["below intravenous"]
    )
    # What moves the second share alone, and the verdict with it, stands beside it.
    assert alone.share_any.nunique() > 1 and f"For any two it is {share_text(alone.share_any.min())} to " in answer[1]
    turned = turned_alone(cross, "compare").set_index("compare")["below intravenous"]
    assert turned["any"] != turned["minimum"] and f"*{turned['any']}* where any two effective doses" in answer[1]
    assert re.search(r"\d of their \d amounts (is|are) known within bounds only", answer[1])
    none = cross.assign(share=float("nan"))
    assert f"In none of {len(none):,} combinations" in at_a_glance(verdicts, setting, none, effects)[1]
    others = verdicts.assign(verdict=verdicts.verdict.mask(verdicts.claim == "below intravenous", "cannot be judged"))
    assert at_a_glance(others, setting, cross, effects)[0].startswith("**It cannot be said.**")
