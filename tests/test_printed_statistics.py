"""Printed statistics: digits respected, tests as published, and no count inferred from a percentage taken for a printed one."""

import math

import pandas as pd
import pytest
from conftest import RAW
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evlib.base.errors import InputError
from evlib.base.schema import columns, read_csv
from evlib.certainty import printed_statistics
from evlib.certainty.printed_statistics import interval_from_p, p_from_interval
from evlib.doses.effect_sizes import TESTS, p_values, printed_p


@pytest.fixture(scope="module")
def tables():
    return [read_csv(RAW / f"curation/{name}.csv") for name in ("studies", "arms", "outcomes")]


@pytest.fixture(scope="module")
def checked(tables):
    return printed_statistics.printed_statistics(*tables)


def of(checked, study, outcome="", check=printed_statistics.P_FROM_COUNTS):
    rows = checked[checked.study_id.str.startswith(study) & checked.outcome.str.contains(outcome)]
    return rows[rows.check == check].squeeze()


@given(st.integers(0, 9999), st.integers(1, 4), st.sampled_from(["", "p = ", "P=", " "]))
def test_a_printed_p_holds_what_rounds_to_it_and_nothing_else(digits, decimals, before):
    text = f"{digits / 10**4:.{decimals}f}"
    printed, value, half = printed_p(before + text), float(text), 0.5 / 10**decimals
    assert printed.holds(value)
    for p in (value - 0.98 * half, value + 0.98 * half):
        assert printed.holds(p) == (0 <= p <= 1)
    assert not printed.holds(value + 1.02 * half) and not printed.holds(value - 1.02 * half)
    assert not printed.holds(math.nan)


@given(st.sampled_from(["<", ">", "<=", ">=", "≤", "≥"]), st.sampled_from(["0.05", ".001", "0.999"]), st.floats(0, 1))
def test_an_inequality_holds_what_it_says(sign, value, p):
    strict = {"<": p < float(value), ">": p > float(value)}
    if abs(p - float(value)) > 1e-6 or sign in strict:
        assert printed_p(f"p {sign} {value}").holds(p) == strict.get(
            sign, p < float(value) if sign in "<=≤" else p > float(value)
        )


@given(st.text(max_size=12))
def test_any_text_is_a_p_between_0_and_1_or_none(text):
    printed = printed_p(text)
    assert printed is None or 0 <= printed.low <= printed.high <= 1


@pytest.mark.parametrize("text", ["<0.05 / <0.001", "NS", "1.5", "0.05 to 0.1", "5", "", None, "P .0001, t = 5.54"])
def test_what_is_no_single_p_is_none(text):
    assert printed_p(text) is None


def test_a_p_in_powers_of_ten_has_its_digits_too():
    assert printed_p("4.2 × 10^-4").holds(0.000424) and not printed_p("4.2e-4").holds(0.00043)


def test_the_usual_tests_are_those_of_the_tea_tasting():
    # Fisher's tea: 3 of 4 v 1 of 4. Agresti, Categorical Data Analysis, 2002, table 3.8: exact 0.486 two-sided, the table 16/70.
    found = p_values(3, 4, 1, 4)
    assert found["p_fisher"] == pytest.approx(34 / 70)
    assert found["p_mid"] == pytest.approx(34 / 70 - 8 / 70)
    assert found["p_chi_square"] == pytest.approx(stats.chi2.sf(2, 1))
    assert found["p_yates"] == pytest.approx(stats.chi2.sf(0.5, 1))
    assert found["p_z_difference"] == pytest.approx(2 * stats.norm.sf(0.5 / math.sqrt(2 * 3 / 64)))
    assert found["p_z_log_ratio"] == pytest.approx(
        2 * stats.norm.sf(math.log(3) / math.sqrt(1 / 3 - 1 / 4 + 1 - 1 / 4))
    )
    none = p_values(0, 5, 0, 7)
    assert none["p_fisher"] == 1 and math.isnan(none["p_chi_square"])
    with pytest.raises(InputError, match="8 of 7"):
        p_values(1, 5, 8, 7)


@given(st.floats(0.1, 0.9), st.floats(0.15, 1.2))
def test_p_and_interval_of_a_ratio_give_each_other(ratio, error):
    low, high = (math.exp(math.log(ratio) + side * 1.959964 * error) for side in (-1, 1))
    p = 2 * stats.norm.sf(abs(math.log(ratio)) / error)
    shown = [f"{value:.3f}" for value in (ratio, low, high)]
    if min(map(float, shown)) > 0:
        least, most = p_from_interval(*shown)
        assert least - 1e-6 <= p <= most + 1e-6
    if f"{p:.4f}" not in ("0.0000", "1.0000") and shown[0] != "1.000":
        for (least, most), bound in zip(interval_from_p(shown[0], printed_p(f"{p:.4f}")), (low, high)):
            assert least - 1e-6 <= bound <= most + 1e-6


def test_a_p_that_no_test_gives_and_one_that_a_single_test_gives(checked):
    secretome, death = of(checked, "mensc", "survival"), of(checked, "zamanian", "deaths")
    assert (secretome.counts_basis, secretome.verdict) == ("inferred from percentages", "follows by no usual test")
    assert "nearest" in secretome.why and "0.0" in secretome.why and secretome[list(TESTS)].min() > 0.05
    assert (death.counts, death.counts_basis, death.follows_by) == ("4/21 v 13/24", "printed", "chi-square")
    assert (round(death.p_chi_square, 3), round(death.p_fisher, 3)) == (0.015, 0.030)


def test_counts_from_percentages_never_pass_for_printed_ones(checked, tables):
    outcomes = tables[2].assign(line=range(2, len(tables[2]) + 2)).set_index("line")
    printed = checked[checked.counts_basis == "printed"]
    assert len(printed) and outcomes.loc[printed.line.tolist(), ["n_events", "n_total"]].notna().all(axis=None)
    subgroup = of(checked, "lightner", "age 18-65")
    assert (subgroup.counts, subgroup.counts_basis) == ("5/26 v 12/24", "inferred from percentages")
    assert of(checked, "exo-cd24", "NIAID-OS improvement").counts_basis == "people inferred from a percentage"
    # A score that fell by a percentage is no share of people.
    assert of(checked, "kwon", check=printed_statistics.NO_CHECK).verdict == "cannot be recomputed"


def test_a_ratio_is_held_against_its_counts_and_its_interval(checked):
    for check, verdict in (("ratio from counts", "does not follow"), ("p from ratio and interval", "does not follow")):
        cells = checked[(checked.arm_id == "zarrabi-2023/msc-alone-two-injections") & (checked.check == check)]
        assert cells.verdict.tolist() == [verdict]
    assert of(checked, "lightner", "Berlin", "interval from counts").verdict == "follows"


def test_every_printed_result_is_there_once(checked, tables):
    _, arms, outcomes = tables
    assert list(checked.columns) == columns("printed_statistics")
    with_p = outcomes[outcomes.p.notna()].merge(arms[["arm_id", "study_id"]], on="arm_id")
    once = with_p.drop_duplicates(["study_id", "name", "timepoint", "p"])
    assert printed_statistics.printed_results(checked) == len(once) < len(with_p)
    assert checked[checked.verdict == "cannot be recomputed"].why.notna().all()


def test_results_that_cannot_be_used_are_kept_with_the_reason(tables):
    studies, arms, outcomes = tables
    broken = outcomes.assign(ci_low=outcomes.ci_low.mask(outcomes.ci_low == "0.159", "none"))
    row = printed_statistics.printed_statistics(studies, arms, broken)
    row = row[row.line == 9]
    assert "p from ratio and interval" not in set(row.check) and len(row)
    nothing = printed_statistics.printed_statistics(studies, arms, outcomes.assign(p=pd.NA, effect=pd.NA))
    assert nothing.empty and "None of 0" in printed_statistics.answer(nothing)
    assert printed_statistics.p_beside_printed(nothing).title.startswith("No printed p value")


def test_title_and_sentence_count_what_the_table_holds(checked):
    wrong = checked[checked.verdict == printed_statistics.BY_NO_TEST]
    total = (checked.check == printed_statistics.P_FROM_COUNTS).sum()
    inferred = checked[checked.counts_basis.fillna("printed") != "printed"].line.nunique()
    said = printed_statistics.answer(checked)
    assert f"{len(wrong)} of the {total} p values" in said and f"{inferred} of them with counts inferred" in said
    assert printed_statistics.p_beside_printed(checked).title.startswith(f"{len(wrong)} of {total} ")
