"""Effects: statistics as published or as computed another way, arms paired as the sources allow, no row lost."""

import itertools
import math
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from evlib.base.errors import InputError
from evlib.base.schema import read_csv
from evlib.doses import effect_sizes

# Vaccine and control of the 13 BCG trials (Colditz et al., JAMA 1994;271:698), cases and people without, as in metafor.
BCG = [
    *((4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761)),
    *((180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600)),
    *((186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825)),
]


@st.composite
def two_arms(draw):
    n, m = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


@pytest.fixture(scope="module")
def tables():
    return {name: read_csv(RAW / f"curation/{name}.csv") for name in ("studies", "arms", "outcomes", "adverse_events")}


@pytest.fixture(scope="module")
def computed(tables):
    return effect_sizes.effects(tables["studies"], tables["arms"], tables["outcomes"])


def recomputed(tables, change):
    """Effects and unusable rows after ``change`` has changed a copy of the outcomes."""
    outcomes = tables["outcomes"].copy()
    change(outcomes)
    given_tables = tables["studies"], tables["arms"], outcomes
    return effect_sizes.effects(*given_tables), effect_sizes.unusable(*given_tables)


def row_of(table, arm, outcome, measure):
    rows = table[table.arm_id.str.endswith(arm) & table.outcome.str.startswith(outcome) & (table.measure == measure)]
    return rows.squeeze()


def likelihood(events, n, risk):
    return stats.binom.logpmf(events, n, risk)


def score_bounds(events, n, versus_events, versus_n):
    """Koopman's interval by inverting the score test, the constrained maximum found numerically."""

    def excess(log_ratio):
        ratio = math.exp(log_ratio)
        best = optimize.minimize_scalar(
            lambda risk: -likelihood(events, n, ratio * risk) - likelihood(versus_events, versus_n, risk),
            bounds=(0, min(1, 1 / ratio)),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
        variance = ratio * best * (1 - ratio * best) / n + ratio**2 * best * (1 - best) / versus_n
        return (events / n - ratio * versus_events / versus_n) ** 2 / variance - stats.chi2.isf(0.05, 1)

    at = math.log((events or 1e-6) * versus_n / n / (versus_events or 1e-6))
    low = math.exp(optimize.brentq(excess, -12, at)) if events else 0.0
    return low, math.exp(optimize.brentq(excess, at, 12)) if versus_events else math.inf


def test_a_share_has_its_exact_interval_and_its_posterior():
    none = effect_sizes.proportion(0, 24)
    assert (none.low, none.high) == (0, pytest.approx(1 - 0.025 ** (1 / 24)))  # 14.2 %
    assert effect_sizes.upper_bound_of_none(24) == pytest.approx(1 - 0.05 ** (1 / 24))  # 11.7 %
    # Newcombe, Statistics in Medicine 1998;17:857, Table I, method 5: 81/263 and 15/148
    assert effect_sizes.proportion(81, 263)[1:3] == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert effect_sizes.proportion(15, 148)[1:3] == pytest.approx((0.0578, 0.1617), abs=5e-5)
    draws = np.random.default_rng(1).beta(3.5, 8.5, 400_000)
    assert effect_sizes.proportion(3, 11)[3:] == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=2e-3)


def test_two_risks_are_compared_as_published():
    # Newcombe, Statistics in Medicine 1998;17:873, Table II, method 10
    published = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (5, 56, 0, 29): (-0.0381, 0.1926),
        (0, 10, 0, 20): (-0.1611, 0.2775),
    }
    for counts, bounds in published.items():
        assert effect_sizes.risk_difference(*counts)[1:3] == pytest.approx(bounds, abs=6e-5)
    # Koopman, Biometrics 1984;40:513, example
    assert effect_sizes.risk_ratio(36, 40, 16, 80)[:3] == pytest.approx((4.5, 2.94, 7.15), abs=5e-3)
    # Fisher's tea: Agresti, Categorical Data Analysis, section 3.5.2
    assert effect_sizes.risk_ratio(3, 4, 1, 4).p == pytest.approx(0.486, abs=5e-4)


@pytest.mark.parametrize(
    "counts", [(3, 11, 8, 24), (0, 8, 8, 24), (8, 24, 0, 8), (2, 5, 5, 5), (5, 5, 2, 5), (0, 8, 24, 24), (8, 8, 24, 24)]
)
def test_a_ratio_has_its_score_interval_where_a_cell_is_zero(counts):
    assert effect_sizes.risk_ratio(*counts)[1:3] == pytest.approx(score_bounds(*counts), rel=2e-4)


def test_the_posterior_of_a_comparison_is_that_of_draws():
    rng = np.random.default_rng(2)
    arm, versus = rng.beta(0.5, 8.5, 400_000), rng.beta(8.5, 16.5, 400_000)
    ratio, difference = effect_sizes.risk_ratio(0, 8, 8, 24), effect_sizes.risk_difference(0, 8, 8, 24)
    assert ratio.prob_less_frequent == pytest.approx((arm < versus).mean(), abs=1e-3)
    assert ratio.prob_less_frequent == pytest.approx(difference.prob_less_frequent)
    assert ratio[4:6] == pytest.approx(np.quantile(arm / versus, [0.025, 0.975]), abs=5e-3)
    assert difference[4:6] == pytest.approx(np.quantile(arm - versus, [0.025, 0.975]), abs=2e-3)


@settings(max_examples=30, deadline=None)
@given(two_arms())
def test_a_ratio_lies_in_its_interval_and_turns_over_with_the_arms(counts):
    forth, back = effect_sizes.risk_ratio(*counts), effect_sizes.risk_ratio(*counts[2:], *counts[:2])
    assert forth.p == pytest.approx(back.p)
    assert forth.prob_less_frequent == pytest.approx(1 - back.prob_less_frequent, abs=1e-5)
    assume(counts[0] or counts[2])
    assert forth.low * (1 - 1e-6) <= forth.estimate <= forth.high * (1 + 1e-6)
    inverted = [1 / bound if bound else math.inf for bound in (back.high, back.low)]
    assert (forth.low, forth.high) == pytest.approx(inverted, rel=1e-5, abs=1e-9)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.5, 0.999))
def test_the_bound_of_none_falls_with_the_people(n, more, level):
    assert effect_sizes.upper_bound_of_none(n + more, level) < effect_sizes.upper_bound_of_none(n, level)


def test_impossible_counts_are_refused():
    for events, n in ((3, 2), (-1, 5), (0, 0)):
        with pytest.raises(InputError, match=f"{events} of {n} people cannot be"):
            effect_sizes.risk_difference(1, 2, events, n)
    with pytest.raises(InputError, match="above 0"):
        effect_sizes.mean_difference(1, 0, 9, 1, 1, 9)


def test_a_difference_of_means_is_welchs():
    rng = np.random.default_rng(3)
    arm, versus = rng.normal(3, 2, 12), rng.normal(1, 5, 30)
    sides = [number for side in (arm, versus) for number in (side.mean(), side.std(ddof=1), len(side))]
    from_data = stats.ttest_ind(arm, versus, equal_var=False)
    result = effect_sizes.mean_difference(*sides)
    assert result[1:4] == pytest.approx((*from_data.confidence_interval(), from_data.pvalue))


def test_a_trend_is_the_published_one_and_exact_by_permutation():
    # alcohol and malformation, Agresti, Categorical Data Analysis, section 3.4.5: M² = 6.57, p = 0.01
    alcohol = effect_sizes.trend([0, 0.5, 1.5, 4, 7], [48, 38, 5, 1, 1], [17114, 14502, 793, 127, 38])
    assert alcohol.p == pytest.approx(stats.chi2.sf(6.57, 1), abs=1e-4)
    assert math.isnan(alcohol.p_exact)
    doses, events, n = [1, 2, 4], [0, 1, 3], [3, 3, 4]
    people = np.repeat(doses, n)
    observed = abs(np.dot(doses, events) - sum(events) * people.mean())
    sums = [abs(people[list(who)].sum() - 4 * people.mean()) for who in itertools.combinations(range(10), 4)]
    assert effect_sizes.trend(doses, events, n).p_exact == pytest.approx(np.mean(np.array(sums) >= observed - 1e-9))
    none = effect_sizes.trend([1, 2], [0, 0], [5, 5])
    assert math.isnan(none.p) and none.p_exact == 1
    with pytest.raises(InputError, match="two different doses"):
        effect_sizes.trend([1, 1], [0, 1], [5, 5])


def test_an_interval_follows_from_a_ratio_and_its_p():
    # Altman and Bland's own example: relative risk 0.30, P = 0.034
    assert effect_sizes.interval_from_p(0.30, 0.034) == pytest.approx((0.10, 0.91), abs=6e-3)
    low, high = effect_sizes.interval_from_p(2.5, 0.2)
    z = math.log(2.5) / (math.log(high / low) / 2 / 1.96)
    assert 2 * stats.norm.sf(z) == pytest.approx(0.2, abs=2e-3)
    for ratio, p in ((1, 0.5), (0, 0.5), (2, 0)):
        with pytest.raises(InputError, match="give a ratio above 0"):
            effect_sizes.interval_from_p(ratio, p)


def test_power_is_that_of_r_and_ranks_are_counted():
    # examples of R's power.prop.test: 76.7 an arm for a power of 90 %, 50 an arm for one of 0.740
    assert effect_sizes.n_for_power(0.5, 0.75, 0.9) == 77
    assert effect_sizes.n_for_power(0.5, 0.75, 0.74) == 50
    for p1, p2, power in (
        (0.5, 0.5, 0.8),
        (0, 0, 0.8),
        (math.nan, 0.5, 0.8),
        (1.2, 0.5, 0.8),
        (0.5, 0.75, 0),
        (0.5, 0.75, 1),
    ):
        with pytest.raises(InputError, match="two risks that differ"):
            effect_sizes.n_for_power(p1, p2, power)
    for n, m in ((3, 3), (4, 7)):
        extreme = stats.mannwhitneyu(range(n), range(n, n + m), method="exact").pvalue
        assert effect_sizes.smallest_rank_p(n, m) == pytest.approx(extreme)
    assert effect_sizes.smallest_rank_p(1, 1) == 1


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.051, 0.999))
def test_a_power_takes_people_or_is_refused(p1, p2, power):
    assume(abs(p1 - p2) > 1e-3)
    n = effect_sizes.n_for_power(p1, p2, power)
    assert n >= 1 and abs(n - effect_sizes.n_for_power(p2, p1, power)) <= 1


def bcg():
    log_effects = [math.log(a / (a + b) / (c / (c + d))) for a, b, c, d in BCG]
    errors = [math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)) for a, b, c, d in BCG]
    groups = pd.DataFrame(
        {"route_group": "local", "disease_group": "tuberculosis", "outcome": "cases"}, index=range(13)
    )
    return log_effects, errors, groups


def test_trials_of_one_question_are_pooled_and_of_several_are_not():
    log_effects, errors, groups = bcg()
    # metafor, rma(yi, vi, data = escalc of dat.bcg, method = "DL")
    pooled = effect_sizes.pooled(log_effects, errors, groups=groups)
    assert pooled[:3] == pytest.approx((-0.7141, 0.1787, -1.0644), abs=6e-5)
    assert (pooled.tau2, pooled.i2) == pytest.approx((0.3088, 0.9212), abs=6e-5)
    for name in groups:
        with pytest.raises(InputError, match=f"one {name} .*other.*answers none of them"):
            effect_sizes.pooled(log_effects, errors, groups=groups.assign(**{name: [*groups[name][1:], "other"]}))
    with pytest.raises(InputError, match="not stated"):
        effect_sizes.pooled(log_effects, errors, groups=groups.assign(route_group=[None, *groups.route_group[1:]]))
    with pytest.raises(InputError, match="two or more"):
        effect_sizes.pooled(log_effects[:1], errors[:1], groups=groups[:1])


@pytest.mark.skipif(not shutil.which("Rscript"), reason="Rscript is not installed: metafor cannot be asked")
def test_pooling_is_that_of_metafor():
    log_effects, errors, groups = bcg()
    numbers = [",".join(map(repr, values)) for values in (log_effects, errors)]
    code = (
        f"library(metafor); r <- rma(yi=c({numbers[0]}), sei=c({numbers[1]}), method='DL'); cat(r$beta, r$se, r$tau2)"
    )
    run = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True)
    if run.returncode and "metafor" in run.stderr:
        pytest.skip("the R package metafor is not installed")
    pooled = effect_sizes.pooled(log_effects, errors, groups=groups)
    expected = pooled.estimate, pooled.standard_error, pooled.tau2
    assert [float(number) for number in run.stdout.split()] == pytest.approx(expected, rel=1e-5)


def test_every_outcome_is_used_or_has_a_reason(tables, computed):
    left = effect_sizes.unusable(tables["studies"], tables["arms"], tables["outcomes"])
    used = {*computed.line, *computed.versus_line.dropna()}
    assert used.isdisjoint(left.line)
    assert used | set(left.line) == set(range(2, len(tables["outcomes"]) + 2))
    assert left.reason.notna().all() and len(left) == left.line.nunique()
    reasons = left.set_index("line").reason
    assert reasons[2 + tables["outcomes"].index[tables["outcomes"].value == "2 patients"][0]].startswith(
        "a count without"
    )
    counted = tables["outcomes"].index[tables["outcomes"][["n_events", "n_total"]].notna().all(axis=1)] + 2
    assert set(counted) == set(computed[(computed.measure == "proportion") & (computed.basis == "counts")].line)
    of_ten = tables["outcomes"].index[tables["outcomes"].name == "ALSFRS-R score did not decline"][0]
    assert reasons[2 + of_ten] == "a percentage without a count"  # "30%", of 10 people


def test_counts_of_the_effects_are_those_of_the_sources(tables, computed):
    counts = computed[(computed.basis == "counts") & (computed.measure == "proportion")]
    source = tables["outcomes"].iloc[counts.line.to_numpy(dtype=int) - 2]
    assert (counts.events.to_numpy() == source.n_events.astype(int).to_numpy()).all()
    assert (counts.n.to_numpy() == source.n_total.astype(int).to_numpy()).all()
    ratios = computed[computed.measure == "risk ratio"]
    assert ratios.estimate.to_numpy() == pytest.approx(
        [
            (a / n) / (c / m) if c else math.inf
            for a, n, c, m in ratios[["events", "n", "versus_events", "versus_n"]].to_numpy()
        ]
    )


def test_arms_are_paired_with_those_that_they_can_be_compared_with(computed):
    pairs = computed[computed.measure == "risk ratio"].groupby("study_id")
    ends = {
        study: set(zip(rows.arm_id.str.split("/").str[1], rows.versus_id.str.split("/").str[1]))
        for study, rows in pairs
    }
    assert ends == {
        "zarrabi-2023": {
            ("msc-alone-two-injections", "control-recommended-treatment"),
            ("msc-then-msc-ev", "control-recommended-treatment"),
        },
        "exo-cd24-phase-iib-2024": {
            ("group-b-10-10", "group-a-10-9"),
            ("both-doses-propensity-matched-post-hoc-set", "matched-observational-controls-post-hoc"),
        },
        "zamanian-2024": {("hpmsc-sevs-standard-treatment", "standard-treatment-placebo")},
        "mensc-secretome-covid-2022": {("menstrual-blood-stromal-cell-secretome-5-ml-x5", "placebo")},
    }
    means = computed[(computed.measure == "mean difference") & (computed.study_id == "lightner-2023")].squeeze()
    assert (means.arm, means.versus) == ("ExoFlo 15 mL (ExoFlo-15)", "ExoFlo 10 mL (ExoFlo-10)")
    assert means.estimate == pytest.approx(9.3)
    assert "those randomised" in means.why
    cohort = computed[
        (computed.measure == "mean difference") & (computed.study_id == "fibroblast-exosomes-resurfacing-2025")
    ]
    assert len(cohort) and cohort.why.str.contains("how many were analysed").all()
    assert not cohort.why.str.contains("randomised").any()  # a retrospective cohort
    others = computed[computed.arm_id.str.contains("msc-alone|/zofin|plant-derived|whole-secretome|cell-secretome")]
    assert not others.ev_arm.any() and computed.drop(others.index).ev_arm.all()


def test_whom_an_effect_favours_goes_by_the_polarity_of_its_measure(tables, computed):
    compared = computed[computed.versus_id.notna()]
    worse_side = {"better": "comparator", "worse": "arm"}
    assert (compared.favours != compared.direction.map(worse_side)).all()  # no row against the source's own words
    heal = row_of(computed, "resurfacing-plus-exosomes", "days to re-epithelialisation", "mean difference")
    assert set(heal.favours) == {"arm"} and (heal.high < 0).all()  # fewer days, though its name says nothing of harm

    def without_polarity(outcomes):
        outcomes["better_when"] = None

    plain, _ = recomputed(tables, without_polarity)
    assert set(plain.favours.dropna()) == {effect_sizes.NEITHER}  # whatever its name says, nothing is favoured


def test_what_is_estimated_or_contradicts_itself_is_said(tables, computed):
    survival = row_of(computed, "exoflo-15", "60-day overall", "difference of percentages")
    assert (survival.basis, survival.events, survival.versus_events) == (effect_sizes.FROM_PERCENTAGES, 24, 18)
    assert math.isnan(survival.low) and math.isnan(survival.p) and pd.isna(survival.favours)
    assert "18 of 34 is 52.9 %, 1.3 points more than printed" in survival.why and "Kaplan-Meier" in survival.why
    rounded = computed[computed.why.str.contains("than printed", na=False)]
    placebo = rounded[rounded.study_id == "mensc-secretome-covid-2022"].squeeze()  # 28 % of 15
    assert (placebo.outcome, placebo.measure, placebo.events) == ("survival", "proportion", 4)
    rounded = rounded[rounded.study_id != placebo.study_id]
    assert rounded.outcome.str.startswith("60-day overall survival").all()
    assert rounded.measure.value_counts().to_dict() == {"proportion": 3, "difference of percentages": 2}
    subgroup = row_of(computed, "exoflo-15", "60-day mortality, subgroup", "risk ratio as reported")
    assert (subgroup.low, subgroup.high, subgroup.basis, subgroup.favours) == (0.159, 0.931, "as reported", "arm")

    def without_interval(outcomes):
        outcomes.loc[subgroup.line - 2, ["ci_low", "ci_high"]] = None

    again, _ = recomputed(tables, without_interval)
    again = row_of(again, "exoflo-15", "60-day mortality, subgroup", "risk ratio as reported")
    assert (again.basis, again.favours) == ("reconstructed from p", "arm")
    assert (again.low, again.high) == effect_sizes.interval_from_p(0.385, 0.034)
    assert (again.low, again.high) == pytest.approx((0.159, 0.931), rel=0.02)  # near what the source prints
    zarrabi = row_of(computed, "msc-alone-two-injections", "mortality", "risk ratio as reported")
    assert (zarrabi.estimate, zarrabi.low, zarrabi.high, zarrabi.basis) == (0.49, 0.14, 1.11, "as reported")
    assert "ratio of 0.49, but 3 of 11 v 8 of 24 give 0.82" in zarrabi.why
    marker = row_of(computed, "group-a-10-9", "50% fall", "proportion")
    assert (marker.events, marker.n, marker.basis) == (35, 43, "estimated counts")


def test_a_changed_count_changes_its_row_and_whom_it_favours(tables, computed):
    line = row_of(computed, "msc-then-msc-ev", "mortality", "risk ratio").line

    def most_died(outcomes):
        outcomes.loc[line - 2, "n_events"] = "8"

    changed, _ = recomputed(tables, most_died)
    before, after = (row_of(table, "msc-then-msc-ev", "mortality", "risk ratio") for table in (computed, changed))
    assert (before.estimate, before.favours) == (0, effect_sizes.NEITHER)
    assert (after.estimate, after.favours) == (pytest.approx(3), "comparator")
    both = [table[table.line != line].reset_index(drop=True) for table in (computed, changed)]
    pd.testing.assert_frame_equal(*both)
    matched = row_of(computed, "post-hoc-set", "50% fall", "risk ratio")
    assert matched.favours == "arm" and matched.low > 1


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("n_events", "9", "outcomes.csv, line {line}: 9 events of 8 people"),
        ("n_events", "-1", "outcomes.csv, line {line}: n_events '-1' is no whole number"),
        ("n_total", "0", "outcomes.csv, line {line}: n_total is 0"),
        ("sd", "-2", "outcomes.csv, line {line}: the SD -2 is negative"),
        ("ci_low", "-0.5", "outcomes.csv, line {line}: the bound -0.5 of a ratio is negative"),
        ("mean", "about 3", "outcomes.csv, line {line}: mean 'about 3' is no number"),
        ("arm_id", "nobody", "outcomes.csv, line {line}: the arm 'nobody', or its study, is not known"),
    ],
)
def test_a_bad_row_is_returned_and_the_others_stay(tables, computed, column, value, reason):
    line = row_of(computed, "msc-then-msc-ev", "mortality", "risk ratio").line

    def spoil(outcomes):
        outcomes.loc[line - 2, column] = value

    changed, left = recomputed(tables, spoil)
    assert left[left.line == line].reason.str.match(reason.format(line=line)).all() and line in set(left.line)
    pd.testing.assert_frame_equal(
        changed.reset_index(drop=True), computed[computed.line != line].reset_index(drop=True), check_dtype=False
    )


def test_adverse_events_keep_every_row_and_bound_what_was_not_seen(tables):
    events = tables["adverse_events"]
    table = effect_sizes.safety(tables["studies"], tables["arms"], events)
    assert table.line.tolist() == list(range(2, len(events) + 2))
    assert (table.proportion.isna() == table.reason.notna()).all()
    seen = table[table.proportion.notna()]
    assert (seen.upper_if_none.notna() == (seen.n_events == 0)).all()
    sengupta = table[table.study_id == "sengupta-2020"].squeeze()
    assert (sengupta.high, sengupta.upper_if_none) == pytest.approx((0.142, 0.117), abs=5e-4)
    spoilt = events.assign(n_events=["5", *events.n_events[1:]], n_total=["4", *events.n_total[1:]])
    again = effect_sizes.safety(tables["studies"], tables["arms"], spoilt)
    assert again.reason[0].startswith("adverse_events.csv, line 2: 5 events of 4 people")
    pd.testing.assert_frame_equal(again[1:], table[1:])


def test_trends_are_those_of_studies_with_several_doses(tables):
    names = ("studies", "arms", "outcomes", "adverse_events")
    table = effect_sizes.trends(*(tables[name] for name in names))
    assert set(table.study_id) == {"exo-cd24-phase-iib-2024", "shi-2021", "shapira-2022"}
    shi = table[table.study_id == "shi-2021"].squeeze()
    assert (shi.events, shi.n, shi.p_exact) == ("0 | 0 | 0 | 0 | 0", "3 | 3 | 6 | 6 | 6", 1)
    assert math.isnan(shi.p) and "no trend can be seen" in shi.why
    assert set(table[table.study_id == "exo-cd24-phase-iib-2024"].doses) == {"1e+09 | 1e+10"}
    two = table[(table.study_id == "exo-cd24-phase-iib-2024") & table.outcome.str.startswith("SpO2 >=94")].squeeze()
    assert two.p_exact == pytest.approx(stats.fisher_exact([[25, 18], [30, 13]]).pvalue)
