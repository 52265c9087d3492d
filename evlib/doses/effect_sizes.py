"""Effects and adverse events as numbers with intervals: what the reported counts, means and ratios allow, and no more.

Every test and interval is that of statsmodels or scipy, with its source beside it; only the pairing of arms is our own. A
row of a source that allows no number is kept with the reason (``unusable``). The score intervals of statsmodels 0.15 are not
used as they are: that of a difference misses the published one (Newcombe 1998: 0.0528 to 0.3382 for 56/70 v 48/80) and fails
in small trials, so that differences have Newcombe's hybrid score interval; that of a ratio takes a wrong root where everyone
in an arm had the event, so that ``risk_ratio`` inverts statsmodels' score test itself.
"""

import math
import re
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats
from statsmodels.stats.contingency_tables import Table
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    samplesize_proportions_2indep_onetail,
    score_test_proportions_2indep,
)

from evlib.base.errors import InputError
from evlib.base.schema import join_multi
from evlib.base.words import joined
from evlib.doses.stated_doses import report_url

ALPHA, POWER = 0.05, 0.8  # of the trials whose size is reckoned, two-sided
NEITHER = "neither: interval includes no effect"
MAY_MEAN = (
    "a printed share that its count does not give back may be of other people, or of time to event (Kaplan-Meier)"
)
FROM_PERCENTAGES = "estimated from percentages, perhaps Kaplan-Meier"
EFFECTS = (
    *("study_id", "study", "trn", "arm_id", "arm", "ev_arm", "versus_id", "versus", "outcome", "timepoint", "measure"),
    *("estimate", "low", "high", "bayes_low", "bayes_high", "p", "prob_less_frequent", "favours", "method", "basis"),
    *(
        "why",
        "events",
        "n",
        "versus_events",
        "versus_n",
        "as_stated",
        "p_reported",
        "direction",
        "better_when",
        "primary",
    ),
    *("msc_derived", "disease_group", "route", "arm_note", "source_url", "line", "versus_line"),
)
# What a reader needs of a difference, and of a share within one arm.
DIFFERENCES = (
    *("study", "arm", "versus", "estimate", "low", "high", "p", "prob_less_frequent"),
    *("measure", "outcome", "basis", "why"),
)
SHARES = (
    *("study", "outcome", "events", "n", "estimate", "low", "high", "bayes_low", "bayes_high"),
    *("as_stated", "arm", "basis"),
)
UNUSABLE = (
    *("study_id", "study", "arm_id", "arm", "ev_arm", "msc_derived", "outcome", "timepoint", "primary", "comparison"),
    *("value", "p_reported", "reason", "line"),
)
SAFETY = (
    *("study_id", "study", "trn", "arm_id", "arm", "name", "n_events", "n_total", "proportion", "low", "high"),
    *("upper_if_none", "bayes_low", "bayes_high", "serious", "related", "msc_derived", "disease_group", "route"),
    *("source_url", "reason", "line"),
)
TRENDS = (
    *("study_id", "study", "outcome", "kind", "dose_unit", "doses", "events", "n", "p", "p_exact", "basis", "why"),
    *("msc_derived", "source_url"),
)

# Columns of the recomputed p values, with the names of their tests.
TESTS = {
    "p_fisher": "Fisher's exact",
    "p_mid": "mid-p",
    "p_chi_square": "chi-square",
    "p_yates": "chi-square with Yates' correction",
    "p_z_difference": "z of the difference",
    "p_z_log_ratio": "z of the log ratio",
}
ROUNDING = 1e-9  # numbers on the edge of rounding count as either side
Counts = tuple[int, int, int, int]  # events and people of an arm, then of its comparator

_WITHOUT_VESICLES = ("cells", "other product")  # roles of arms
OF_PEOPLE = re.compile(r"mortality|survival|death|\bdied\b", re.I)
_VERSUS = re.compile(r",?\s+(?:(?:vs\.?|v)\s+(?:control|placebo|matched controls)\b.*|versus\s.*)$", re.I)
_P = re.compile(
    r"(?:p\s*)?(?P<sign><=|>=|[<>=≤≥]?)\s*(?P<value>\d?\.\d{1,12})(?:\s*(?:e|[x×]\s*10\^?)(?P<power>-\d{1,2}))?", re.I
)
_PERCENT = re.compile(r"(?P<number>\d+(?:\.(?P<decimals>\d+))?)%")
_JEFFREYS = 0.5  # each parameter of his beta prior
_MOST_TABLES = 1_000_000
_FAR = math.log(1e7)  # beyond any ratio that an interval of counts can reach
_NODES, _WEIGHTS = (part / 2 for part in np.polynomial.legendre.leggauss(500))
_NODES = _NODES + 0.5  # quadrature on (0, 1) instead of (-1, 1)


class Proportion(NamedTuple):
    """A share between 0 and 1 with its 95 % exact interval and its 95 % posterior interval."""

    estimate: float
    low: float
    high: float
    bayes_low: float
    bayes_high: float


class Comparison(NamedTuple):
    """An arm against a comparator: estimate, 95 % interval, two-sided p, and the posterior where there is one."""

    estimate: float
    low: float
    high: float
    p: float
    bayes_low: float = math.nan
    bayes_high: float = math.nan
    prob_less_frequent: float = math.nan


class Trend(NamedTuple):
    """Two-sided p of a trend over doses: asymptotic (missing if all or none had the event) and exact conditional."""

    p: float
    p_exact: float


class Pooled(NamedTuple):
    """A pooled log effect with its standard error, 95 % interval, variance between trials, and I² between 0 and 1."""

    estimate: float
    standard_error: float
    low: float
    high: float
    tau2: float
    i2: float


@cache
def proportion(events: int, n: int) -> Proportion:
    """The share of ``n`` people with an event.

    The interval is exact (Clopper and Pearson, Biometrika 1934;26:404); the posterior is beta-binomial, with equal tails,
    under Jeffreys' prior, Beta(0.5, 0.5). Impossible counts are an ``InputError``.
    """
    _check_counts(events, n)
    low, high = proportion_confint(events, n, method="beta")
    posterior = stats.beta(_JEFFREYS + events, _JEFFREYS + n - events).interval(0.95)
    return Proportion(events / n, float(low), float(high), *map(float, posterior))


def upper_bound_of_none(n: int, level: float = 0.95) -> float:
    """The highest risk, one-sided at ``level``, that fits ``n`` people without an event: the exact bound, near 3/n.

    Hanley and Lippman-Hand, JAMA 1983;249:1743.
    """
    _check_counts(0, n)
    return float(proportion_confint(0, n, alpha=2 * (1 - level), method="beta")[1])


@cache
def risk_ratio(events: int, n: int, versus_events: int, versus_n: int) -> Comparison:
    """The risk in an arm over that in its comparator.

    The interval is the score interval (Koopman, Biometrics 1984;40:513), which exists with zero cells, too: 0 of 8 v 8 of
    24 is 0 with an upper bound. Without an event in the comparator the upper bound is infinite; without any, the estimate is
    missing and the interval is 0 to infinity. p is Fisher's exact one. The posterior has independent Jeffreys priors, its
    interval equal tails, by quadrature; ``prob_less_frequent`` is the probability that the risk is lower in the arm.
    Impossible counts are an ``InputError``.
    """
    counts = events, n, versus_events, versus_n
    low, high = _ratio_interval(*counts)
    with np.errstate(all="ignore"):
        estimate = float(np.float64(events * versus_n) / (n * versus_events))
    return _compared(counts, (estimate, low, high), of_ratio=True)


@cache
def risk_difference(events: int, n: int, versus_events: int, versus_n: int) -> Comparison:
    """The risk in an arm less that in its comparator, between -1 and 1.

    The interval is the hybrid score interval (Newcombe, Statistics in Medicine 1998;17:873, method 10); p and posterior as
    of ``risk_ratio``. Impossible counts are an ``InputError``.
    """
    _check_counts(events, n)
    _check_counts(versus_events, versus_n)
    low, high = confint_proportions_2indep(events, n, versus_events, versus_n, method="newcomb", compare="diff")
    shown = (events / n - versus_events / versus_n, float(low), float(high))
    return _compared((events, n, versus_events, versus_n), shown, of_ratio=False)


def mean_difference(mean: float, sd: float, n: int, versus_mean: float, versus_sd: float, versus_n: int) -> Comparison:
    """The mean of an arm less that of its comparator, in their unit, with Welch's interval and p (Biometrika 1947;34:28).

    A standard deviation not above zero, and fewer than two people in an arm, are an ``InputError``.
    """
    if min(sd, versus_sd) <= 0 or min(n, versus_n) < 2:
        raise InputError(
            f"SD {sd} of {n} v SD {versus_sd} of {versus_n}: give SDs above 0, and 2 people or more an arm."
        )
    p = stats.ttest_ind_from_stats(mean, sd, n, versus_mean, versus_sd, versus_n, equal_var=False).pvalue
    parts = sd**2 / n, versus_sd**2 / versus_n
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (versus_n - 1))
    low, high = stats.t.interval(0.95, freedom, loc=mean - versus_mean, scale=math.sqrt(sum(parts)))
    return Comparison(mean - versus_mean, float(low), float(high), float(p))


def trend(doses: Sequence[float], events: Sequence[int], n: Sequence[int]) -> Trend:
    """Whether a risk rises or falls with the dose: two-sided p of the linear trend, the doses as they are as scores.

    Asymptotic: Cochran and Armitage (Armitage, Biometrics 1955;11:375), as statsmodels' test of ordinal association.
    Exact: the probability, among all tables with as many events, of those whose sum of dose times events is at least as far
    from its expectation as the observed one. Not computed (missing) above a million tables. Impossible counts, and fewer
    than two different doses, are an ``InputError``.
    """
    for count, people in zip(events, n, strict=True):
        _check_counts(count, people)
    if len(set(doses)) < 2 or len(doses) != len(events):
        raise InputError(f"a trend over the doses {list(doses)} needs two different doses or more, one per group.")
    scores, counts, sizes = (np.asarray(values, dtype=float) for values in (doses, events, n))
    if counts.sum() in (0, sizes.sum()):
        return Trend(math.nan, 1.0)
    table = Table(np.column_stack([counts, sizes - counts]), shift_zeros=False)
    p = table.test_ordinal_association(row_scores=scores, col_scores=np.array([1.0, 0.0])).pvalue
    return Trend(float(p), _exact_trend(scores, counts.astype(int), sizes.astype(int)))


def interval_from_p(ratio: float, p: float) -> tuple[float, float]:
    """The 95 % interval of a reported ratio from its p (Altman and Bland, BMJ 2011;343:d2090).

    The p is taken as two-sided and of a normal test of the logarithm; the authors advise against it in trials of fewer than
    60 people or so. A ratio not above 0, a ratio of 1, and a p not between 0 and 1 are an ``InputError``.
    """
    if not (ratio > 0 and ratio != 1 and 0 < p < 1):
        raise InputError(f"ratio {ratio} with p {p}: give a ratio above 0 other than 1, and a p between 0 and 1.")
    z = -0.862 + math.sqrt(0.743 - 2.404 * math.log(p))
    half = 1.96 * abs(math.log(ratio) / z)
    return ratio * math.exp(-half), ratio * math.exp(half)


class PrintedP(NamedTuple):
    """The p values that a printed one stands for: from ``low`` to ``high``; ``sign`` is "=", "<", "<=", ">" or ">="."""

    sign: str
    low: float
    high: float

    def holds(self, p: float) -> bool:
        """Whether a p value is one of those; not-a-number is none."""
        if self.sign == "<":
            return p < self.high
        if self.sign == ">":
            return p > self.low
        return self.low - ROUNDING <= p <= self.high + ROUNDING


def printed_p(text: str | None) -> PrintedP | None:
    """What a printed p value stands for, its digits respected; None where it is no single p value.

    Examples
    --------
    >>> printed_p("0.015").holds(0.0153), printed_p("<0.001").holds(0.001), printed_p("<0.05 / <0.001")
    (True, False, None)
    """
    match = _P.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    sign = {"": "=", "≤": "<=", "≥": ">="}.get(match["sign"], match["sign"])
    scale = 10.0 ** int(match["power"] or 0)
    value, half = float(match["value"]) * scale, 0.5 * 10.0 ** -len(match["value"].split(".")[1]) * scale
    if value > 1:
        return None
    ranges = {"=": (max(0.0, value - half), min(1.0, value + half)), "<": (0.0, value), ">": (value, 1.0)}
    return PrintedP(sign, *ranges[sign[0]])


def p_values(events: int, n: int, versus_events: int, versus_n: int) -> dict[str, float]:
    """The two-sided p of each usual test of two shares, by the columns of ``TESTS``; missing where a test does not exist.

    Mid-p: Fisher's less half the probability of the observed table (Lydersen et al., Statistics in Medicine 2009;28:1159).
    The z of the difference has the variances of each arm (with the pooled one it is the chi-square). The z of the log ratio is
    Katz's, with half a person added to each cell where one is empty. Impossible counts are an ``InputError``.
    """
    for count, people in ((events, n), (versus_events, versus_n)):
        if not 0 <= count <= people or people < 1:
            raise InputError(f"{count} of {people} people cannot be. Give people above 0, and events within them.")
    table = np.array([[events, n - events], [versus_events, versus_n - versus_events]])
    exact, total = float(stats.fisher_exact(table).pvalue), events + versus_events
    observed = float(stats.hypergeom(n + versus_n, total, n).pmf(events)) if total else 1.0
    found = dict.fromkeys(TESTS, math.nan) | {"p_fisher": min(exact, 1.0), "p_mid": exact - observed / 2}
    if 0 < total < n + versus_n:
        for name, correction in (("p_chi_square", False), ("p_yates", True)):
            found[name] = float(stats.chi2_contingency(table, correction=correction).pvalue)
        shares = events / n, versus_events / versus_n
        error = math.sqrt(sum(share * (1 - share) / people for share, people in zip(shares, (n, versus_n))))
        found["p_z_difference"] = two_sided((shares[0] - shares[1]) / error) if error else math.nan
        logarithm, error = log_ratio((events, n, versus_events, versus_n))
        found["p_z_log_ratio"] = two_sided(logarithm / error) if error else math.nan
    return found


def p_given_back(printed: str | None, events: int, n: int, versus_events: int, versus_n: int) -> str:
    """That a printed p follows from the counts of two arms, with the tests by which it does; empty where by none of ``TESTS``.

    Examples
    --------
    >>> p_given_back("0.1343", 24, 34, 18, 34)
    'p = 0.1343 follows from these counts by chi-square'
    >>> p_given_back("0.5", 24, 34, 18, 34)
    ''
    """
    told = printed_p(printed)
    found = p_values(events, n, versus_events, versus_n)
    by = [words for name, words in TESTS.items() if told and told.holds(found[name])]
    return (
        f"p {told.sign} {str(printed).lstrip('p<>=≤≥ ')} follows from these counts by {joined(by)}"
        if told and by
        else ""
    )


def log_ratio(counts: Counts, *, add: bool = False) -> tuple[float, float]:
    """The logarithm of the risk ratio with its standard error; half a person is added to each cell where one is empty."""
    events, n, versus_events, versus_n = counts
    if add or 0 in (events, n - events, versus_events, versus_n - versus_events):
        events, n, versus_events, versus_n = events + 0.5, n + 1, versus_events + 0.5, versus_n + 1
    error = math.sqrt(max(0.0, 1 / events - 1 / n + 1 / versus_events - 1 / versus_n))
    return math.log(events / n / (versus_events / versus_n)), error


def two_sided(z: float) -> float:
    return float(2 * stats.norm.sf(abs(z)))


def n_for_power(p1: float, p2: float, power: float = POWER) -> int:
    """People needed in each arm for a two-sided test at 5 % to find a difference of two risks, rounded up.

    The normal approximation, with the pooled variance under no difference (Fleiss, Statistical Methods for Rates and
    Proportions, 2003, chapter 4). Two equal risks, a risk that is none, and a power not between 5 % (which the test has where
    nothing differs) and 1 are an ``InputError``: no number of people answers them, not even 0.

    Examples
    --------
    >>> n_for_power(0.5, 0.75)
    58
    """
    if not (0 <= p1 <= 1 and 0 <= p2 <= 1 and p1 != p2 and 0.05 < power < 1):
        raise InputError(
            f"risks {p1} and {p2} with a power of {power}: give two risks that differ, and a power between 0.05 and 1."
        )
    return math.ceil(samplesize_proportions_2indep_onetail(p1 - p2, p2, power, alpha=ALPHA, alternative="two-sided"))


def smallest_rank_p(n: int, m: int) -> float:
    """The smallest two-sided p that an exact rank-sum test can give with ``n`` and ``m`` trials: 2/C(n+m, n), at most 1.

    Wilcoxon, Biometrics Bulletin 1945;1:80: the most extreme of all equally likely orders, on either side.

    Examples
    --------
    >>> round(smallest_rank_p(2, 2), 3), round(smallest_rank_p(4, 4), 3)
    (0.333, 0.029)
    """
    return min(1.0, 2 / math.comb(n + m, n))


def pooled(log_effects: Sequence[float], standard_errors: Sequence[float], *, groups: pd.DataFrame) -> Pooled:
    """Random-effects mean of log effects (DerSimonian and Laird, Controlled Clinical Trials 1986;7:177).

    Parameters
    ----------
    log_effects, standard_errors
        Natural logarithms of ratios, one per trial, and their standard errors.
    groups
        One row per trial, with ``route_group, disease_group, outcome``.

    Raises
    ------
    InputError
        With fewer than two trials, or where the trials differ in, or do not state, route, disease or outcome: a mean over
        different questions answers none of them.
    """
    if not len(log_effects) == len(standard_errors) == len(groups) >= 2:
        raise InputError(f"{len(log_effects)} effects cannot be pooled. Give two or more, each with its row of groups.")
    for name in ("route_group", "disease_group", "outcome"):
        if groups[name].isna().any() or groups[name].nunique() > 1:
            values = ", ".join(sorted(groups[name].fillna("not stated").unique()))
            raise InputError(
                f"not pooled, since the trials do not share one {name} ({values}): a mean over different questions "
                "answers none of them. Pool within one group, or show the trials one by one."
            )
    result = combine_effects(np.asarray(log_effects), np.asarray(standard_errors) ** 2, method_re="dl")
    row = result.summary_frame().loc["random effect"]
    shown = (float(row[name]) for name in ("eff", "sd_eff", "ci_low", "ci_upp"))
    return Pooled(*shown, float(result.tau2), float(max(0, result.i2)))


def effects(studies: pd.DataFrame, arms: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Every proportion and comparison that can be computed from the reported outcomes.

    Parameters
    ----------
    studies, arms, outcomes
        Tables of ``data/raw/curation``, as ``evlib.base.schema.read_csv`` gives them: all text. Where outcomes have ``shares_of``
        (as ``evlib.doses.evidence.evidence_tables`` has them), the p of that outcome is held against the shares that it names.

    Returns
    -------
    pandas.DataFrame
        One row per measure of an outcome, with the columns ``EFFECTS``. ``measure`` is "risk ratio", "risk difference",
        "mean difference", "proportion", "risk ratio as reported" or "difference of percentages", each of the outcome as the source names it: survival
        stays survival. ``basis`` is "counts", "estimated counts" (the number of people follows from a count and its percentage), "mean and SD", "as reported",
        "reconstructed from p", or "estimated from percentages, perhaps Kaplan-Meier": no interval and no p is given of these;
        ``why`` says what is odd or estimated. ``prob_less_frequent`` is the posterior probability that the outcome is less
        frequent in the arm than in its comparator. ``favours`` says whom the 95 % interval favours: fewer is better where
        ``better_when`` is "lower", more where it is "higher"; where it is empty, nothing is favoured.
        ``ev_arm`` is false for cells without vesicles and for other products. ``line`` and ``versus_line`` are the lines of ``outcomes.csv`` that the row comes from.

    Notes
    -----
    An arm is compared with each control arm of its study that reports the same outcome (names equal without parentheses and
    "vs placebo" and the like, timepoints equal or one missing); if none does, with the lowest of the study's single doses
    in the same unit. Controls that were matched afterwards serve only the arm that they were matched with.

    Examples
    --------
    >>> from evlib.base.schema import checked, columns
    >>> studies = checked(pd.DataFrame({"study_id": ["a"], "source_urls": "a page"}), "studies")
    >>> arms = pd.DataFrame({"arm_id": ["a1", "a0"], "arm": ["EVs", "placebo"]}, columns=columns("arms"))
    >>> arms = arms.assign(study_id="a", is_control=["False", "True"])
    >>> outcomes = pd.DataFrame({"arm_id": ["a1", "a0"], "n_events": ["2", "9"]}, columns=columns("outcomes"))
    >>> outcomes = outcomes.assign(name="deaths", n_total="20", better_when="lower")
    >>> table = effects(studies, arms, outcomes)
    >>> table[["arm", "versus", "measure", "estimate", "low", "high", "favours"]].round(2)
           arm   versus          measure  estimate   low  high favours
    0      EVs      NaN       proportion      0.10  0.01  0.32     NaN
    1      EVs  placebo       risk ratio      0.22  0.06  0.77     arm
    2      EVs  placebo  risk difference     -0.35 -0.57 -0.07     arm
    3  placebo      NaN       proportion      0.45  0.23  0.68     NaN
    """
    good, _ = _rows_with_arms(studies, arms, outcomes, "outcomes.csv")
    own = {(row["arm_id"], row["shares_of"]): row["p"] for row in good if row.get("shares_of")}
    rows = []
    for row in good:
        row["p_of_shares"] = own.get((row["arm_id"], row["name"]))
        if row["counts"]:
            rows.append(_proportion_row(row))
        for versus in _comparators(row, good):
            rows += _compared_rows(row, versus)
        rows += _reported_rows(row, good)
    kinds = dict.fromkeys(("events", "n", "versus_events", "versus_n", "line", "versus_line"), "Int64")
    texts = (
        "versus_id",
        "versus",
        "timepoint",
        "favours",
        "why",
        "p_reported",
        "direction",
        "better_when",
        "route",
        "trn",
    )
    numbers = ("bayes_low", "bayes_high", "prob_less_frequent")
    kinds |= dict.fromkeys((*texts, "arm_note"), "str") | dict.fromkeys(numbers, "float64")
    return pd.DataFrame(rows, columns=list(EFFECTS)).astype(kinds)


def one_per_comparison(table: pd.DataFrame) -> pd.DataFrame:
    """The effects without the ratio that a source prints where the ratio of its counts is there, too.

    Examples
    --------
    >>> table = pd.DataFrame({"arm_id": "a1", "versus_id": "a0", "outcome": ["deaths", "deaths", "pain"]})
    >>> table["measure"] = ["risk ratio", "risk ratio as reported", "risk ratio as reported"]
    >>> one_per_comparison(table)
      arm_id versus_id outcome                 measure
    0     a1        a0  deaths              risk ratio
    2     a1        a0    pain  risk ratio as reported
    """
    counted = table[table.measure == "risk ratio"][["arm_id", "versus_id", "outcome"]].drop_duplicates()
    keys = table[["arm_id", "versus_id", "outcome"]].merge(counted, how="left", indicator=True)._merge
    return table[(table.measure != "risk ratio as reported") | (keys == "left_only").to_numpy()]


def unusable(studies: pd.DataFrame, arms: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``outcomes`` that give no effect, with the reason: columns ``UNUSABLE``.

    Rows that cannot be right (an unknown arm, more events than people, a negative number) are among them; their reasons name
    file, line and what to do. Every row is either here or in ``line`` or ``versus_line`` of ``effects``.

    Examples
    --------
    >>> from evlib.base.schema import checked, columns
    >>> studies = checked(pd.DataFrame({"study_id": ["a"], "source_urls": "a page"}), "studies")
    >>> arms = pd.DataFrame([{"arm_id": "a1", "study_id": "a", "arm": "EVs"}], columns=columns("arms"))
    >>> outcomes = pd.DataFrame({"arm_id": "a1", "name": ["deaths", "pain"], "n_events": ["2", None]})
    >>> outcomes = outcomes.reindex(columns=columns("outcomes"))
    >>> unusable(studies, arms, outcomes)[["line", "outcome", "reason"]]
       line outcome                              reason
    0     2  deaths  a count without a number of people
    1     3    pain             nothing but a direction
    """
    good, bad = _rows_with_arms(studies, arms, outcomes, "outcomes.csv")
    computed = effects(studies, arms, outcomes)
    used = {*computed.line, *computed.versus_line.dropna()}
    rows = bad + [row | {"reason": _why_unusable(row)} for row in good if row["line"] not in used]
    frame = pd.DataFrame(rows, columns=["name", "p", *UNUSABLE]).assign(outcome=lambda rows: rows.name)
    return frame.assign(p_reported=frame.p)[list(UNUSABLE)].sort_values("line", ignore_index=True)


def safety(studies: pd.DataFrame, arms: pd.DataFrame, adverse_events: pd.DataFrame) -> pd.DataFrame:
    """The risk of each reported adverse event, arm by arm, from tables as of ``effects``.

    Returns
    -------
    pandas.DataFrame
        One row per row of ``adverse_events``, columns ``SAFETY``: shares between 0 and 1 as of ``proportion``, and
        ``upper_if_none``, the one-sided 95 % bound where no event was seen. ``reason`` says why a row has no share.

    Examples
    --------
    >>> from evlib.base.schema import checked, columns
    >>> studies = checked(pd.DataFrame({"study_id": ["a"], "source_urls": "a page"}), "studies")
    >>> arms = pd.DataFrame([{"arm_id": "a1", "study_id": "a", "arm": "EVs"}], columns=columns("arms"))
    >>> events = pd.DataFrame({"arm_id": "a1", "name": ["fever", "death"], "n_events": ["3", "0"], "n_total": "20"})
    >>> events = events.reindex(columns=columns("adverse_events"))
    >>> table = safety(studies, arms, events)
    >>> table[["name", "n_events", "n_total", "proportion", "low", "high", "upper_if_none"]].round(2)
        name  n_events  n_total  proportion   low  high  upper_if_none
    0  fever         3       20        0.15  0.03  0.38            NaN
    1  death         0       20        0.00  0.00  0.17           0.14
    """
    good, bad = _rows_with_arms(studies, arms, adverse_events, "adverse_events.csv")
    rows = [row | _risk(row) for row in good] + bad
    frame = pd.DataFrame(rows, columns=list(SAFETY)).sort_values("line", ignore_index=True)
    shares = dict.fromkeys(("proportion", "low", "high", "upper_if_none", "bayes_low", "bayes_high"), "float64")
    flags = {name: frame[name].map({"True": True, "False": False}).astype("boolean") for name in ("serious", "related")}
    return frame.assign(**flags).astype(shares | dict.fromkeys(("n_events", "n_total", "line"), "Int64"))


def trends(
    studies: pd.DataFrame, arms: pd.DataFrame, outcomes: pd.DataFrame, adverse_events: pd.DataFrame
) -> pd.DataFrame:
    """Trends over the doses of studies that tested two or more doses in one unit and report counts of each.

    A control arm counts as dose 0, except controls that were matched afterwards. Tables as of ``effects`` and ``safety``.

    Returns
    -------
    pandas.DataFrame
        One row per outcome or adverse event (``kind``), columns ``TRENDS``: doses in ``dose_unit``, and events and people
        per dose, each joined in one text in the order of doses; p values as of ``trend``.

    Examples
    --------
    >>> from evlib.base.schema import checked, columns
    >>> studies = checked(pd.DataFrame({"study_id": ["a"], "source_urls": "a page"}), "studies")
    >>> arms = pd.DataFrame({"arm_id": ["a0", "a1", "a2"], "dose_low": [None, "5", "10"]}, columns=columns("arms"))
    >>> arms = arms.assign(study_id="a", is_control=["True", "False", "False"], dose_high=arms.dose_low, dose_unit="µg")
    >>> outcomes = pd.DataFrame({"arm_id": arms.arm_id, "n_events": ["9", "5", "1"]}, columns=columns("outcomes"))
    >>> outcomes = outcomes.assign(name="deaths", n_total="20")
    >>> table = trends(studies, arms, outcomes, pd.DataFrame(columns=columns("adverse_events")))
    >>> table[["outcome", "dose_unit", "doses", "events", "n", "p", "p_exact"]].round(3)
      outcome dose_unit       doses     events             n      p  p_exact
    0  deaths        µg  0 | 5 | 10  9 | 5 | 1  20 | 20 | 20  0.004    0.005
    """
    rows = []
    for table, name in ((outcomes, "outcome"), (adverse_events, "adverse_event")):
        groups: dict[tuple, list[dict]] = {}
        for row in _rows_with_arms(studies, arms, table, f"{name}s.csv")[0]:
            if row["counts"] and not (row["from_percentage"] or row["matched"]) and (row["control"] or row["dose"]):
                groups.setdefault((row["study_id"], row["key"], row.get("timepoint")), []).append(row)
        rows += [_trend_row(group, name.replace("_", " ")) for group in groups.values() if _is_dose_ranging(group)]
    return pd.DataFrame(rows, columns=list(TRENDS))


def _check_counts(events: int, n: int) -> None:
    if not 0 <= events <= n or n < 1:
        raise InputError(f"{events} of {n} people cannot be: give a number of people above 0, and of events within it.")


def _ratio_interval(events: int, n: int, versus_events: int, versus_n: int) -> tuple[float, float]:
    _check_counts(events, n)
    _check_counts(versus_events, versus_n)
    if events == versus_events == 0:
        return 0.0, math.inf
    if (events, versus_events) == (n, versus_n):  # the test has no variance at 1; its bounds are Wilson's of each arm
        low, versus_low = (float(proportion_confint(all_, all_, method="wilson")[0]) for all_ in (n, versus_n))
        return low, 1 / versus_low

    def excess(log_ratio: float) -> float:
        counts, ratio = (events, n, versus_events, versus_n), math.exp(log_ratio)
        return score_test_proportions_2indep(*counts, value=ratio, compare="ratio", correction=False).pvalue - 0.05

    estimate = math.log(events / n / (versus_events / versus_n)) if events and versus_events else None
    above, below = (_FAR, -_FAR) if estimate is None else (estimate, estimate)
    low = math.exp(optimize.brentq(excess, -_FAR, above)) if events else 0.0
    high = math.exp(optimize.brentq(excess, below, _FAR)) if versus_events else math.inf
    return low, high


def _compared(counts: tuple[int, int, int, int], shown: tuple[float, float, float], *, of_ratio: bool) -> Comparison:
    events, n, versus_events, versus_n = counts
    arm, versus = (events, n - events), (versus_events, versus_n - versus_events)
    p = stats.fisher_exact([arm, versus]).pvalue
    risks = special.betaincinv(_JEFFREYS + versus[0], _JEFFREYS + versus[1], _NODES)
    within, no_effect = ((0, 1e9), 1.0) if of_ratio else ((-1, 1), 0.0)

    def below(value: float, share: float = 0.0) -> float:
        limits = np.clip(value * risks if of_ratio else value + risks, 0, 1)
        return float(_WEIGHTS @ special.betainc(_JEFFREYS + arm[0], _JEFFREYS + arm[1], limits)) - share

    quantiles = (optimize.brentq(below, *within, args=(share,), xtol=1e-10) for share in (0.025, 0.975))
    return Comparison(*shown, float(p), *quantiles, below(no_effect))


def _exact_trend(scores: np.ndarray, counts: np.ndarray, sizes: np.ndarray) -> float:
    total = counts.sum()
    limits = np.minimum(sizes, total) + 1
    if np.prod(limits[:-1], dtype=float) > _MOST_TABLES:
        return math.nan
    tables = np.indices(limits[:-1]).reshape(len(limits) - 1, -1).T
    last = total - tables.sum(axis=1)
    tables = np.column_stack([tables, last])[(last >= 0) & (last <= sizes[-1])]
    chance = stats.multivariate_hypergeom.pmf(tables, m=sizes, n=total)
    expected = total * (scores @ sizes) / sizes.sum()
    far = np.abs(tables @ scores - expected)
    return float(min(1.0, chance[far >= abs(counts @ scores - expected) * (1 - 1e-9)].sum()))


def _rows_with_arms(
    studies: pd.DataFrame, arms: pd.DataFrame, table: pd.DataFrame, file: str
) -> tuple[list[dict], list[dict]]:
    """The rows of a table with the facts of their arms and studies: those that can be right, and those that cannot."""
    known = arms.drop(columns="source_cell").assign(ev_arm=~arms.role.isin(_WITHOUT_VESICLES))
    known = known.rename(columns={"note": "arm_note", "n": "arm_n"})
    known = known.merge(studies.assign(source_url=report_url(studies)), on="study_id")
    rows = table.assign(line=range(2, len(table) + 2)).merge(known, on="arm_id", how="left")
    good, bad = [], []
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        fault = _fault(row)
        row |= {"msc_derived": row["msc_derived"] == "True", "primary": row.get("primary") == "True"}
        row |= {"key": _outcome_key(row["name"]), "control": row["is_control"] == "True"}
        row["matched"] = bool(re.search(r"\bmatched\b", row["arm"] or ""))
        if fault:
            bad.append(row | {"n_events": None, "n_total": None, "reason": f"{file}, line {row['line']}: {fault}"})
            continue
        for name in ("n_events", "n_total", "arm_n"):
            row[name] = None if row[name] is None else int(float(row[name]))
        low, high = _as_number(row["dose_low"]), _as_number(row["dose_high"])
        row["dose"] = low if low == high else None
        row["counts"], row["estimated"] = _counts(row)
        row["from_percentage"] = False
        good.append(row)
    estimable = [row for row in good if _is_whole_arm_percentage(row)]
    for row in estimable:
        if not row["counts"] and any(other["control"] and _same_outcome(row, other) for other in estimable):
            row["counts"], row["estimated"] = _estimated_counts(row)
            row["from_percentage"] = True
    return good, bad


def _fault(row: dict) -> str | None:
    """What cannot be right in a row, and what to do."""
    empty = "Correct it, or leave it empty."
    if row["study_id"] is None:
        return f"the arm '{row['arm_id']}', or its study, is not known. Correct arm_id, or add the arm and study."
    for name in ("n_events", "n_total", "arm_n"):
        number = _as_number(row[name])
        if row[name] is not None and not (number >= 0 and number == round(number)):
            return f"{name} {row[name]!r} is no whole number from 0 up. {empty}"
    for name in ("mean", "sd", "ci_low", "ci_high"):
        if row.get(name) is not None and not math.isfinite(_as_number(row[name])):
            return f"{name} {row[name]!r} is no number. {empty}"
    if _as_number(row.get("ci_low")) < 0 and row["effect"] is not None:
        return f"the bound {row['ci_low']} of a ratio is negative. {empty}"
    if _as_number(row.get("sd")) < 0:
        return f"the SD {row['sd']} is negative. {empty}"
    if _as_number(row["n_events"]) > _as_number(row["n_total"]):
        return f"{row['n_events']} events of {row['n_total']} people. Correct n_events or n_total."
    return f"n_total is 0. {empty}" if _as_number(row["n_total"]) == 0 else None


def _as_number(text: str | None) -> float:
    """A text as a number; not-a-number, for which every comparison is false, where it is missing or is none."""
    return math.nan if text is None else float(pd.to_numeric(text, errors="coerce"))


def _outcome_key(name: str) -> str:
    """An outcome's name for comparison: without parentheses and what it is compared with."""
    return " ".join(_VERSUS.sub("", re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", "", name).strip()).casefold().split())


def _counts(row: dict) -> tuple[tuple[int, int] | None, str | None]:
    """Events and people of a row; and, where the people follow from a percentage, a sentence that says so."""
    events, n = row["n_events"], row["n_total"]
    if events is not None and n is not None:
        return (events, n), None
    percentage = _PERCENT.match(row.get("value") or "")
    if not (percentage and events):
        return None, None
    decimals = len(percentage["decimals"] or "")
    about = int(events * 100 / float(percentage["number"]))
    near = range(max(events, about - 2), about + 4)
    fits = [people for people in near if f"{100 * events / people:.{decimals}f}" == percentage["number"]]
    if len(fits) != 1:
        return None, None
    return (events, fits[0]), f"The number of people is not stated: {events} at {percentage[0]} are of {fits[0]}."


def _is_whole_arm_percentage(row: dict) -> bool:
    percentage = _PERCENT.fullmatch(row.get("value") or "")
    return bool(percentage and row["arm_n"] and OF_PEOPLE.search(row["name"]) and "subgroup" not in row["name"])


def _estimated_counts(row: dict) -> tuple[tuple[int, int], str]:
    """Events and people from a percentage of the whole arm, and a sentence that says so."""
    share, n = float(row["value"].rstrip("%")), row["arm_n"]
    events = round(share * n / 100)
    misfit = share_not_given_back(events, n, row["value"])
    said = f"{row['arm']}: {row['value']} of {n} people is {share * n / 100:.1f}; {events} taken."
    return (events, n), f"{said} {misfit}; {MAY_MEAN}." if misfit else said


def share_not_given_back(events: int, n: int, printed: str) -> str:
    """By how much a count worked out from a printed percentage misses it (``MAY_MEAN`` says why that may be); empty where it does not.

    Examples
    --------
    >>> share_not_given_back(18, 34, "51.6%")
    '18 of 34 is 52.9 %, 1.3 points more than printed'
    >>> share_not_given_back(17, 34, "50.0%")
    ''
    """
    off = 100 * events / n - float(printed.rstrip("% "))
    if f"{abs(off):.1f}" == "0.0":
        return ""
    return f"{events} of {n} is {100 * events / n:.1f} %, {abs(off):.1f} points {'more' if off > 0 else 'less'} than printed"


def _same_outcome(row: dict, other: dict) -> bool:
    times = {row["timepoint"], other["timepoint"]} - {None}
    return row["study_id"] == other["study_id"] and row["key"] == other["key"] and len(times) < 2


def _comparators(row: dict, rows: list[dict]) -> list[dict]:
    """The rows that a row is compared with; see the notes of ``effects``."""
    if row["control"]:
        return []
    alike = [
        other
        for other in rows
        if other["arm_id"] != row["arm_id"]
        and _same_outcome(row, other)
        and other["matched"] == row["matched"]
        and ((row["counts"] and other["counts"]) or (_has_mean(row) and _has_mean(other)))
    ]
    if controls := [other for other in alike if other["control"]]:
        return controls
    doses = [other for other in alike if other["dose"] and other["dose_unit"] == row["dose_unit"]]
    lowest = min(doses, key=lambda other: other["dose"], default=None)
    return [lowest] if lowest and row["dose"] and lowest["dose"] < row["dose"] else []


def _has_mean(row: dict) -> bool:
    return _as_number(row["sd"]) > 0 and row["mean"] is not None and (row["n_total"] or row["arm_n"] or 0) >= 2


def _effect_row(row: dict, versus: dict | None, measure: str, result: Proportion | Comparison, **facts: object) -> dict:
    """A row of ``effects``: what is known of the arm, its outcome and comparator, and the result."""
    names = ("study_id", "study", "trn", "arm_id", "arm", "ev_arm", "timepoint", "direction", "primary", "msc_derived")
    effect = {name: row[name] for name in (*names, "disease_group", "route", "arm_note", "source_url", "line")}
    effect |= {"outcome": row["name"], "as_stated": row["value"], "p_reported": row["p"]}
    effect["better_when"] = row.get("better_when")
    if versus:
        effect |= {"versus_id": versus["arm_id"], "versus": versus["arm"], "versus_line": versus.get("line")}
    if isinstance(result, Comparison):
        no_effect, side = (1 if "ratio" in measure else 0), ("arm", "comparator")
        within, polarity = result.low <= no_effect <= result.high, row.get("better_when")
        if within:
            effect["favours"] = NEITHER
        elif polarity and not math.isnan(result.low):
            effect["favours"] = side[(result.low > no_effect) == (polarity == "lower")]
    return effect | {"measure": measure, **result._asdict(), **facts}


def _proportion_row(row: dict) -> dict:
    events, n = row["counts"]
    basis = FROM_PERCENTAGES if row["from_percentage"] else "estimated counts" if row["estimated"] else "counts"
    facts = {"basis": basis, "why": row["estimated"]}
    facts |= {"method": "Clopper-Pearson exact interval; Jeffreys prior", "events": events, "n": n}
    return _effect_row(row, None, "proportion", proportion(events, n), **facts)


def _compared_rows(row: dict, versus: dict) -> list[dict]:
    if not (row["counts"] and versus["counts"]):
        return [_mean_row(row, versus)]
    if row["from_percentage"] or versus["from_percentage"]:
        return [_percentages_row(row, versus)]
    counts = *row["counts"], *versus["counts"]
    estimated = [side["estimated"] for side in (row, versus) if side["estimated"]]
    facts = dict(zip(("events", "n", "versus_events", "versus_n"), counts, strict=True))
    facts["basis"] = "estimated counts" if estimated else "counts"
    unbounded = "No event in the comparator: the ratio has no upper bound."
    zero = None if counts[2] else unbounded if counts[0] else "No event in either arm: there is no ratio."
    contradiction = _contradiction(row, versus)
    return [
        _effect_row(
            *(row, versus, measure, result),
            method=f"{interval} score interval; Fisher exact p; Jeffreys priors",
            why=_sentences([*estimated, *why]),
            **facts,
        )
        for measure, result, interval, why in (
            ("risk ratio", risk_ratio(*counts), "Koopman", [zero, contradiction]),
            ("risk difference", risk_difference(*counts), "Newcombe hybrid", [contradiction]),
        )
    ]


def _percentages_row(row: dict, versus: dict) -> dict:
    """The difference of two printed percentages, as it is: the counts behind them are a guess and carry no test."""
    shares = [float(_PERCENT.match(side["value"])["number"]) / 100 for side in (row, versus)]
    counts = dict(zip(("events", "n", "versus_events", "versus_n"), (*row["counts"], *versus["counts"]), strict=True))
    p = row["p"] or row["p_of_shares"]
    follows = p_given_back(p, *counts.values())
    why = _sentences([*(side["estimated"] for side in (row, versus)), f"Yet {follows}." if follows else None])
    result = Comparison(shares[0] - shares[1], math.nan, math.nan, math.nan)
    facts = {"method": "difference of the printed percentages", "basis": FROM_PERCENTAGES, "why": why, "p_reported": p}
    return _effect_row(row, versus, "difference of percentages", result, **facts, **counts)


def _mean_row(row: dict, versus: dict) -> dict:
    each = ((float(side["mean"]), float(side["sd"]), side["n_total"] or side["arm_n"]) for side in (row, versus))
    sides = list(chain.from_iterable(each))
    of_arms = row["n_total"] is None or versus["n_total"] is None
    by_chance = row.get("allocation") == "randomised" and not (row["matched"] or versus["matched"])
    people = "those randomised" if by_chance else "those of the two arms"
    why = f"{sides[2]} v {sides[5]} people are {people}; how many were analysed is not stated."
    facts = {"basis": "mean and SD", "why": why if of_arms else None, "n": sides[2], "versus_n": sides[5]}
    facts["method"] = "Welch t interval and p"
    return _effect_row(row, versus, "mean difference", mean_difference(*sides), **facts)


def _reported_rows(row: dict, rows: list[dict]) -> list[dict]:
    """The ratio that a source prints, with its own interval, or one from its p; none where it prints neither."""
    ratio = _reported_ratio(row)
    if ratio is None:
        return []
    controls = {other["arm_id"]: other for other in rows if other["control"] and other["study_id"] == row["study_id"]}
    versus = next(iter(_comparators(row, rows)), None)
    if versus is None and len(controls) == 1:
        versus = {name: next(iter(controls.values()))[name] for name in ("arm_id", "arm")}
    low, high, p = (_as_number(row[name]) for name in ("ci_low", "ci_high", "p"))
    basis, method, why = "as reported", "as reported", None
    if not low <= high:
        if not (0 < p < 1 and ratio not in (0, 1)):
            return []
        low, high = interval_from_p(ratio, p)
        basis, method = "reconstructed from p", "Altman and Bland 2011, from ratio and p"
        why = f"The source prints no interval: it is reckoned from p = {row['p']}."
    why = _sentences([why, _contradiction(row, versus) if versus and versus.get("counts") else None])
    result = Comparison(ratio, low, high, p)
    return [_effect_row(row, versus, "risk ratio as reported", result, basis=basis, method=method, why=why)]


def _reported_ratio(row: dict) -> float | None:
    printed = re.fullmatch(r"RR (\d+(?:\.\d+)?)", row["effect"] or "")
    return float(printed[1]) if printed else None


def _contradiction(row: dict, versus: dict) -> str | None:
    """A sentence where a reported ratio is not that of the counts, as printed; missing where there is none."""
    ratio = _reported_ratio(row)
    if ratio is None or not row["counts"]:
        return None
    (events, n), (versus_events, versus_n) = row["counts"], versus["counts"]
    given = {"": risk_ratio(events, n, versus_events, versus_n).estimate}
    if 0 in (events, versus_events):
        added = (events + 0.5) / (n + 1) / ((versus_events + 0.5) / (versus_n + 1))
        given[" with half a person added to each cell"] = added
    if any(abs(computed - ratio) <= 0.005 for computed in given.values()):
        return None
    told = " or ".join(f"{computed:.2f}{how}" for how, computed in given.items())
    return f"The source prints a ratio of {ratio:g}, but {events} of {n} v {versus_events} of {versus_n} give {told}."


def _sentences(parts: list[str | None]) -> str | None:
    return " ".join(part for part in parts if part) or None


def _why_unusable(row: dict) -> str:
    if row["n_events"] is not None:
        return "a count without a number of people"
    if row["mean"] is not None:
        return "a mean without a comparator that states mean, SD and number of people"
    if row["effect"] is not None:
        return "a ratio without an interval or a p"
    if row["value"] is None:
        return "a p value only" if row["p"] is not None else "nothing but a direction"
    if _PERCENT.match(row["value"]):
        return f"a percentage without a {'number of people' if row['n_total'] is None else 'count'}"
    if re.match(r"-?\d", row["value"]):
        return "a single value without a standard deviation"
    return "words and a p value only" if row["p"] is not None else "words only"


def _risk(row: dict) -> dict:
    if row["counts"] is None:
        return {"reason": "the number of people is not stated" if row["n_events"] is not None else "no count is stated"}
    events, n = row["counts"]
    share = proportion(events, n)._asdict()
    return {"proportion": share.pop("estimate"), **share, "upper_if_none": None if events else upper_bound_of_none(n)}


def _is_dose_ranging(group: list[dict]) -> bool:
    given = {(row["dose_unit"], row["dose"]) for row in group if not row["control"]}
    return len(given) > 1 and len({unit for unit, _ in given}) == 1


def _trend_row(group: list[dict], kind: str) -> dict:
    group = sorted(group, key=lambda row: 0.0 if row["control"] else row["dose"])
    doses = [0.0 if row["control"] else row["dose"] for row in group]
    events, n = zip(*(row["counts"] for row in group), strict=True)
    estimated = [row["estimated"] for row in group]
    none = None if 0 < sum(events) < sum(n) else "All or none had the event: no trend can be seen."
    last = group[-1]
    return {name: last[name] for name in ("study_id", "study", "msc_derived", "source_url", "dose_unit")} | {
        **{"outcome": last["name"], "kind": kind, "doses": join_multi(f"{dose:g}" for dose in doses)},
        **{"events": join_multi(events), "n": join_multi(n), **trend(doses, events, n)._asdict()},
        **{"basis": "estimated counts" if any(estimated) else "counts", "why": _sentences([*estimated, none])},
    }
