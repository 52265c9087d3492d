"""The verdicts move when a dial, a result or a count does."""

import functools

import pandas as pd
import pytest
from conftest import ROOT

from evlib.doses import effect_sizes, stated_doses
from evlib.doses.dose_verdicts import (
    OPEN,
    STANDS,
    UNSUPPORTED,
    WEAKER,
    dose_claim_verdicts,
    power_table,
    verdicts_by_dials,
)
from evlib.doses.dose_windows import every_tested, setting_of
from evlib.doses.evidence import dials, evidence_tables

RAW = ROOT / "data/raw"
PAPER = ROOT.parent / "shared" / "paper" / "fmed-12-1625787.txt"


@pytest.fixture(scope="module")
def stated(shipped):
    return stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))[0]


@pytest.fixture(scope="module")
def tables(shipped, stated, trials):
    return evidence_tables(RAW, shipped, stated, trials)


def judged(tables, setting, stated, cross=None):
    """The verdicts; without a full cross, steadiness is of the setting alone."""
    effects = effect_sizes.effects(tables["studies"], tables["arms"], tables["outcomes"])
    safety = effect_sizes.safety(tables["studies"], tables["arms"], tables["adverse_events"])
    alone = setting.dials | verdicts_by_dials(setting) | {"as_set": True, "share": setting.shares["minimum"]}
    alone = pd.DataFrame([alone]).assign(exoflo_per_ml=float("nan"))
    return dose_claim_verdicts(tables, setting, alone if cross is None else cross, effects, safety, stated).set_index(
        "claim"
    )


def changed_and_judged(tables, stated, **turned):
    return judged(tables, setting_of(tables, dials(draws=500, **turned)), stated)


@pytest.fixture(scope="module")
def under(tables, stated):
    """For the tables as shipped and some dials: the setting, and the verdicts. Both are computed once and only read."""

    @functools.cache
    def setting_and_verdicts(**turned):
        setting = setting_of(tables, dials(draws=500, **turned))
        return setting, judged(tables, setting, stated)

    return setting_and_verdicts


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not part of the project")
def test_every_quote_is_in_the_paper(under):
    text = " ".join(PAPER.read_text(encoding="utf-8").replace("$", "").replace("108", "10⁸").split())
    verdicts = under()[1]
    assert [
        name for name, row in verdicts.iterrows() if not all(part.strip() in text for part in row.quote.split("[…]"))
    ] == []


def test_a_claim_on_units_stands_for_units_alone(under):
    claim = under()[1].loc["units"]
    assert claim.verdict == STANDS
    assert "dose units" in claim.quote and not any(word in claim.quote for word in ("characterization", "outcome"))
    assert "units alone" in claim.evidence


def test_one_parameter_moves_the_verdicts(under):
    as_read, compared = under()[1], under(effective_if="compared")[1]
    assert as_read.verdict["below intravenous"] == WEAKER and compared.verdict["below intravenous"] == OPEN
    assert as_read.verdict["about 10⁸ nebulised"] == WEAKER and compared.verdict["about 10⁸ nebulised"] == OPEN
    any_dose = under(compare="any")[1]
    assert any_dose.verdict["below intravenous"] == UNSUPPORTED  # by the readings of one product's concentration
    assert under(compare="any", exoflo_per_ml=8e10)[1].verdict["below intravenous"] == WEAKER
    assert (any_dose.verdict != as_read.verdict).sum() == 1


def changed(tables, table, rows, **values):
    frame = tables[table].copy()
    frame.loc[rows(frame), list(values)] = list(values.values())
    return tables | {table: frame}


def test_a_changed_result_changes_its_verdict_alone(tables, stated, under):
    before = under()[1].verdict
    longer = changed(
        tables, "outcomes", lambda f: (f.arm_id.str.contains("exoflo-15-ml")) & f["mean"].notna(), mean="61.3"
    )
    after = changed_and_judged(longer, stated).verdict
    assert before["trend"] == WEAKER and after["trend"] == STANDS
    assert (before != after).sum() == 1
    setting = under()[0]  # whose doses and readings no adverse event changes
    harmed = changed(tables, "adverse_events", lambda f: f.arm_id == "shi-2021/8x-level", n_events="1")
    assert before["tolerated"] == WEAKER and judged(harmed, setting, stated).verdict["tolerated"] == UNSUPPORTED
    nothing_printed = changed(tables, "table2", lambda f: f.trn == "NCT04313647", adverse_events="none")
    assert judged(nothing_printed, setting, stated).verdict["tolerated"] == STANDS


def test_a_higher_dose_that_does_less_gives_the_window_its_edge(tables, stated, under):
    arms = tables["arms"]
    row = arms[arms.arm_id == "lightner-2023/exoflo-10-ml-exoflo-10"].assign(
        arm_id="lightner-2023/example-20-ml",
        arm="ExoFlo 20 mL",
        dose_low="20",
        dose_high="20",
        dose_as_reported="20 mL",
    )
    outcomes = tables["outcomes"]
    no_difference = outcomes[outcomes.direction == "no difference"].iloc[[0, 0]]
    no_difference = no_difference.assign(arm_id=["lightner-2023/exoflo-10-ml-exoflo-10", "lightner-2023/example-20-ml"])
    example = {
        "arms": pd.concat([arms, row], ignore_index=True),
        "outcomes": pd.concat([outcomes, no_difference], ignore_index=True),
    }
    example = tables | example
    assert under(effective_if="compared")[1].verdict["less on both sides"] == UNSUPPORTED
    verdicts = changed_and_judged(example, stated, effective_if="compared")
    assert verdicts.verdict["less on both sides"] == STANDS
    assert verdicts.verdict["narrow"] == WEAKER  # one route alone


def test_only_a_randomised_comparison_at_the_amount_itself_lets_its_claim_stand(under, tables, stated):
    claim = "about 10⁸ nebulised"
    for turned in (
        {"not_msc": True},
        {"not_msc": True, "effective_if": "compared"},
        {"not_msc": True, "lung_only": False},
    ):
        verdicts = under(**turned)[1]
        assert verdicts.verdict[claim] != STANDS
        assert "not of MSCs" in verdicts.evidence[claim] if "effective_if" in turned else True
    zhu = {"arm_id": "zhu-2022/", "direction": "better", "comparison": "between arms", "primary": "True"}
    arms = tables["arms"]
    dose = arms[(arms.study_id == "zhu-2022") & (arms.role == "ev")].iloc[0]
    outcome = tables["outcomes"].iloc[[0]].assign(**zhu | {"arm_id": dose.arm_id})
    better = {"outcomes": pd.concat([tables["outcomes"], outcome], ignore_index=True)}
    flags = tables["flags"].copy()
    flags.loc[flags.study_id == "zhu-2022", ["comparative", "randomised"]] = [True, False]
    assert changed_and_judged(tables | better | {"flags": flags}, stated).verdict[claim] == WEAKER
    flags.loc[flags.study_id == "zhu-2022", "randomised"] = True
    verdicts = changed_and_judged(tables | better | {"flags": flags}, stated)
    assert verdicts.verdict[claim] == STANDS and "Zhu 2022 (2×10⁸)" in verdicts.evidence[claim]


def test_an_allocation_that_nothing_tells_is_not_called_not_randomised(tables, stated):
    arms, outcomes = tables["arms"], tables["outcomes"]
    dose = arms[(arms.study_id == "zhu-2022") & (arms.role == "ev")].iloc[0]
    facts = {"arm_id": dose.arm_id, "direction": "better", "comparison": "between arms"}
    better = {"outcomes": pd.concat([outcomes, outcomes.iloc[[0]].assign(**facts)], ignore_index=True)}
    flags = tables["flags"].copy()
    for randomised, words in ((pd.NA, "allocation not known"), (False, "not randomised")):
        flags.loc[flags.study_id == "zhu-2022", ["comparative", "randomised"]] = [True, randomised]
        evidence = changed_and_judged(tables | better | {"flags": flags}, stated).evidence["about 10⁸ nebulised"]
        other = {"allocation not known", "not randomised"} - {words}
        assert f"{words}: Zhu 2022 (2×10⁸)" in evidence and f"{other.pop()}: none" in evidence


def test_changes_since_before_let_no_window_stand(tables, stated):
    arms, outcomes = tables["arms"], tables["outcomes"]
    doses = arms[arms.arm_id.str.startswith("shi-2021/") & (arms.role == "ev")].arm_id.tolist()
    before = outcomes[outcomes.comparison == "before-after"].iloc[[0] * 3]
    changes = before.assign(arm_id=[doses[0], doses[2], doses[4]], direction=["unchanged", "improved", "unchanged"])
    example = tables | {"outcomes": pd.concat([outcomes, changes], ignore_index=True)}
    verdicts = changed_and_judged(example, stated, effective_if="reported")
    for claim in ("less on both sides", "narrow"):
        assert verdicts.verdict[claim] == WEAKER
    assert "Shi 2021 (2×10⁸, not randomised)" in verdicts.evidence["less on both sides"]


def test_a_dose_that_was_better_by_a_post_hoc_comparison_alone_is_said_to_be(tables, stated, under):
    setting, verdicts = under()
    by_route = setting.compared_windows.set_index("route_group").loc["intravenous"]
    assert (by_route.n_randomised, by_route.n_planned) == (1, 0)
    assert "1 of them post hoc alone" in verdicts.evidence["below intravenous"]
    tested = every_tested(tables, dials(draws=10, effective_if="compared")).set_index("arm_id")
    assert "(post-hoc subgroup)" in tested.because["lightner-2023/exoflo-15-ml-exoflo-15"]
    planned = tables | {"outcomes": tables["outcomes"].assign(post_hoc=None)}
    assert "post hoc" not in changed_and_judged(planned, stated).evidence["below intravenous"]


def test_a_doubt_on_counts_worked_out_says_that_a_printed_p_follows_from_them(tables):
    def told(outcomes):
        return power_table(effect_sizes.effects(tables["studies"], tables["arms"], outcomes)).untreated[0]

    outcomes = tables["outcomes"]
    said = told(outcomes)
    assert "24 of 34 v 18 of 34: p = 0.1343 follows from these counts by chi-square" in said and "Kaplan-Meier" in said
    assert "follows" not in told(outcomes.assign(p=outcomes.p.replace("0.1343", "0.0021")))
