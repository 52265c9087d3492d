"""Printed p values, ratios and intervals, recomputed from what the same report prints.

After ``statcheck`` (Nuijten et al., Behavior Research Methods 2016;48:1205), for two arms and an event: each p from the
counts, and of ratios the p from the interval, the interval from the p, and both from the counts. Printed digits are respected:
0.015 stands for 0.0145 to 0.0155. A number that does not follow is no misconduct: another test, covariates, another population or
moment, a one-sided test, missing people or a slip in one copy all give it. What does not follow cannot be used as it is printed.
"""

import math
import re
import textwrap
from collections.abc import Iterable

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from scipy import stats

from evlib.base.errors import InputError
from evlib.base.figure import INCLUDED, PENDING, STYLE, WIDTH_INCHES, Figure, nothing
from evlib.base.schema import checked, join_multi
from evlib.base.words import joined, several
from evlib.doses.effect_sizes import (
    OF_PEOPLE,
    ROUNDING,
    TESTS,
    Counts,
    PrintedP,
    effects,
    log_ratio,
    p_values,
    printed_p,
    two_sided,
)
from evlib.doses.stated_doses import report_url

FOLLOWS, BY_NO_TEST, DIFFERS, NOT_RECOMPUTED = (
    *("follows", "follows by no usual test", "does not follow", "cannot be recomputed"),
)
P_FROM_COUNTS, P_FROM_INTERVAL, INTERVAL_FROM_P = (
    *("p from counts", "p from ratio and interval", "interval from ratio and p"),
)
RATIO_FROM_COUNTS, INTERVAL_FROM_COUNTS, NO_CHECK = "ratio from counts", "interval from counts", "none"
PRINTED, PEOPLE_INFERRED, INFERRED = "printed", "people inferred from a percentage", "inferred from percentages"
_Z = float(stats.norm.ppf(0.975))
_NUMBER = re.compile(r"\d+(?:\.(?P<decimals>\d+))?")
_RATIO = re.compile(r"RR (?P<ratio>\d+(?:\.\d+)?)")
_SHARES = re.compile(
    r"(?P<own>\d+(?:\.\d+)?)% (?:v (?P<other>\d+(?:\.\d+)?)%|\((?:placebo|control) (?P<versus>\d+(?:\.\d+)?)%\))"
    r"(?:; n = (?P<people>\d+) in both arms)?"
)  # fmt: skip

_Range = tuple[float, float]


def p_from_interval(ratio: str, low: str, high: str) -> _Range | None:
    """The least and the greatest p that fit a printed ratio with its 95 % interval, a normal one of the logarithm.

    Altman and Bland, BMJ 2011;343:d2304. None where a printed number may be zero, which has no logarithm.
    """
    spans = [_span(text) for text in (ratio, low, high)]
    if min(span[0] for span in spans) <= 0:
        return None
    middle, below, above = (tuple(map(math.log, span)) for span in spans)
    errors = [max(above[i] - below[1 - i], ROUNDING) / (2 * _Z) for i in (0, 1)]
    most = max(map(abs, middle))
    least = 0.0 if middle[0] <= 0 <= middle[1] else min(map(abs, middle))
    return two_sided(most / errors[0]), two_sided(least / errors[1])


def interval_from_p(ratio: str, p: PrintedP) -> tuple[_Range, _Range] | None:
    """The least and the greatest lower and upper 95 % bound that fit a printed ratio with its p; as ``p_from_interval``.

    None where p is an inequality or may be 0 or 1, or where the ratio may be 0 or 1.
    """
    low, high = _span(ratio)
    if p.sign != "=" or not 0 < p.low <= p.high < 1 or low <= 0 or low <= 1 <= high:
        return None
    z = [float(stats.norm.isf(bound / 2)) for bound in p[1:]]
    halves = [(value, _Z * abs(math.log(value)) / each) for value in (low, high) for each in z]
    bounds = [[value * math.exp(side * half) for value, half in halves] for side in (-1, 1)]
    return (min(bounds[0]), max(bounds[0])), (min(bounds[1]), max(bounds[1]))


def printed_statistics(studies: pd.DataFrame, arms: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Every printed p value and ratio of the outcomes on file, recomputed where the report's numbers allow it.

    Parameters
    ----------
    studies, arms, outcomes
        Tables of ``data/raw/curation``, as ``evlib.base.schema.read_csv`` gives them: all text, with the digits that are printed.

    Returns
    -------
    pandas.DataFrame
        Table ``printed_statistics``, one row per check. A result that stands at both arms of a comparison is checked once. ``counts_basis``:
        "printed", "people inferred from a percentage" (a count and its percentage are printed), or "inferred from percentages"
        (no count is printed). ``follows_by``: the tests or methods that give the printed number to its printed digits.
        ``verdict``: "follows", "follows by no usual test", "does not follow" (of a ratio or an interval) or
        "cannot be recomputed"; ``why`` says why not, and what else is odd.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> studies = pd.DataFrame({"study_id": ["x"], "study": "Report A", "source_urls": "https://example.org"})
    >>> arms = {"arm_id": ["a", "b"], "study_id": "x", "role": ["ev", "control"], "is_control": ["False", "True"]}
    >>> deaths = {"arm_id": ["a", "b"], "name": "death", "n_events": ["1", "9"], "n_total": "20", "p": ["0.008", None]}
    >>> made = {"studies": studies, "arms": pd.DataFrame(arms), "outcomes": pd.DataFrame(deaths)}
    >>> tables = {name: rows.reindex(columns=columns(name)).astype("str") for name, rows in made.items()}
    >>> printed_statistics(**tables)[["check", "counts", "printed", "recomputed", "verdict"]]
               check       counts printed          recomputed  verdict
    0  p from counts  1/20 v 9/20   0.008  0.000989 to 0.0289  follows
    """
    pairs = effects(studies, arms, outcomes)
    pairs = pairs[pairs.measure == "risk ratio"]
    names = ["arm_id", "study_id", "arm", "is_control", "n"]
    known = outcomes.assign(line=range(2, len(outcomes) + 2))
    known = known.merge(arms[names].rename(columns={"n": "arm_n"}), on="arm_id")
    known = known.merge(studies[["study_id", "study"]].assign(source_url=report_url(studies)), on="study_id")
    printed = known[known.p.notna() | known.effect.fillna("").str.fullmatch(_RATIO.pattern)]
    # A result at both arms of a comparison is one: that of the arm which is compared counts.
    order = printed.assign(compared=~printed.line.isin(pairs.line)).sort_values(["compared", "line"])
    once = order[~order.duplicated(["study_id", "name", "timepoint", "p", "effect"])].sort_values("line")
    rows = []
    for row in once.astype(object).where(once.notna(), None).to_dict("records"):
        own = pairs[pairs.line == row["line"]]
        tables = [_of_pair(pair) for pair in own.itertuples()] or [_of_percentages(row, known)]
        rows += [check for table in tables for check in _checks(row, *table)]
    table = pd.DataFrame(rows, columns=["name", *_COLUMNS]).assign(outcome=lambda rows: rows.name)
    return checked(table[_COLUMNS], "printed_statistics")


_COLUMNS = [
    *(
        "study_id",
        "study",
        "arm_id",
        "arm",
        "versus",
        "outcome",
        "timepoint",
        "check",
        "printed",
        "counts",
        "counts_basis",
    ),
    *TESTS,
    *("recomputed", "follows_by", "verdict", "why", "source_url", "line"),
]


def answer(table: pd.DataFrame) -> str:
    """A sentence that says how many printed statistics were recomputed, and which do not follow.

    Examples
    --------
    >>> rows = pd.DataFrame({"verdict": ["follows", "follows by no usual test", "cannot be recomputed"]})
    >>> rows = rows.assign(study="Report A", arm_id="a1", line=[2, 3, 4], check="p from counts", counts_basis="printed")
    >>> print(answer(rows))  # doctest: +NORMALIZE_WHITESPACE
    **1 of the 2 p values that can be recomputed from counts follow by no usual test**, and 0 of the 0 checks of
    ratios and intervals fail: Report A (1). Of 3 printed results 2 can be recomputed at all, 0 of them with counts
    inferred from percentages in whole or in part.
    """
    done = table[table.verdict != NOT_RECOMPUTED]
    p = done[done.check == P_FROM_COUNTS]
    wrong = done[done.verdict != FOLLOWS]
    reports = [f"{study} ({n})" for study, n in wrong.groupby("study").size().items()]
    if done.empty:
        return f"None of {several(len(table), 'printed statistic')} can be recomputed from what the same report prints."
    return (
        f"**{(p.verdict == BY_NO_TEST).sum()} of the {several(len(p), 'p value')} that can be recomputed from counts follow by no usual test**, "
        f"and {(wrong.check != P_FROM_COUNTS).sum()} of the {(done.check != P_FROM_COUNTS).sum()} checks of ratios and intervals fail"
        + (f": {joined(reports)}. " if reports else ". ")
        + f"Of {several(printed_results(table), 'printed result')} {printed_results(done)} can be recomputed at all, "
        f"{printed_results(done[done.counts_basis.isin([PEOPLE_INFERRED, INFERRED])])} of them with counts inferred from percentages in "
        "whole or in part."
    )


def printed_results(table: pd.DataFrame) -> int:
    """How many printed results the rows are of: one may have several checks.

    Examples
    --------
    >>> checks = ["p from counts", "ratio from counts", "p from counts"]
    >>> printed_results(pd.DataFrame({"arm_id": "a", "line": [2, 2, 3], "check": checks}))
    2
    """
    return table[["arm_id", "line"]].drop_duplicates().shape[0]


def p_beside_printed(table: pd.DataFrame) -> Figure:
    """The printed p values beside those that the usual tests give from the counts, on a log axis.

    ``table`` is as ``printed_statistics`` returns it; its checks of p from counts are drawn.

    Examples
    --------
    >>> rows = pd.DataFrame({"printed": ["0.008", "0.08"], "verdict": ["follows", "follows by no usual test"]})
    >>> rows = rows.assign(check="p from counts", study="Report A", outcome="death", counts_basis="printed")
    >>> figure = p_beside_printed(rows.assign(counts="1/20 v 9/20", **p_values(1, 20, 9, 20)))
    >>> figure.title
    '1 of 2 printed p values come from the counts by no usual test'
    >>> plt.close(figure.drawing)
    """
    name = "printed_statistics"
    rows = table[table.check == P_FROM_COUNTS].reset_index(drop=True)
    if rows.empty:
        return nothing(name, "No printed p value can be recomputed from counts")
    wrong = rows.verdict != FOLLOWS
    title = f"{wrong.sum()} of {several(len(rows), 'printed p value')} come from the counts by no usual test"
    starred = rows.counts_basis != PRINTED
    short = [f"{textwrap.shorten(row.outcome, 24, placeholder=' …')}: {row.counts}" for row in rows.itertuples()]
    labels = rows.study.str.partition(" (")[0] + starred.map({True: " *", False: ""}) + "\n" + short
    with matplotlib.rc_context(STYLE):
        drawing, axes = plt.subplots(figsize=(WIDTH_INCHES, 2.0 + 0.36 * len(rows)), layout="constrained")
        tests = rows.melt(ignore_index=False, value_vars=list(TESTS), value_name="p").dropna(subset="p")
        look = {"color": "#7F7F7F", "s": 22, "alpha": 0.8, "ax": axes, "legend": False}
        sns.scatterplot(x=tests.p.clip(lower=1e-5), y=tests.index, label="usual tests, from the counts", **look)
        for failed, colour, words in (
            (False, INCLUDED, "printed, and follows"),
            (True, PENDING, "printed, and does not"),
        ):
            own = rows[wrong == failed]
            ends = [printed_p(text) for text in own.printed]
            for y, end in zip(own.index, ends):
                axes.plot(
                    [max(end.low, 1e-5), max(end.high, 1e-5)],
                    [y, y],
                    color=colour,
                    lw=6,
                    alpha=0.7,
                    solid_capstyle="butt",
                )
                value = {"<": end.high, ">": end.low}.get(end.sign[0], (end.low + end.high) / 2)
                axes.plot(max(value, 1e-5), y, "|", color=colour, ms=13, mew=3)
            axes.plot([], [], "|", color=colour, ms=11, mew=3, label=f"{words} (n = {len(own)})")
        if starred.any():
            axes.plot([], [], " ", label="* counts inferred from percentages, in whole or in part")
        axes.set(xscale="log", xlim=(1e-5, 1.6), ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)), ylabel="")
        axes.set_yticklabels(labels, fontsize=8)
        axes.set_xlabel("Two-sided p (log scale)")
        axes.figure.legend(frameon=False, fontsize=8, ncols=1, loc="outside lower left")
    listed = "; ".join(f"{row.study}, {row.outcome}: {row.printed}, {row.verdict}" for row in rows.itertuples())
    data = rows[["study", "outcome", "counts", "counts_basis", "printed", *TESTS, "verdict"]]
    return Figure(drawing, name, title, f"Dot plot on a log axis. {title}. {listed}.", data)


def _of_pair(pair: object) -> tuple[Counts, str, str, str | None]:
    """The counts of two arms with their basis, the comparator, and what is odd, of a row of ``effects``."""
    counts = int(pair.events), int(pair.n), int(pair.versus_events), int(pair.versus_n)
    basis = PRINTED if pair.basis == "counts" else PEOPLE_INFERRED
    return counts, basis, pair.versus, pair.why if basis != PRINTED and isinstance(pair.why, str) else None


def _of_percentages(row: dict, known: pd.DataFrame) -> tuple[Counts | None, str | None, str | None, str | None]:
    """The counts that two printed percentages of people stand for: the only ones that fit, or the nearest; as ``_of_pair``."""
    controls = known[(known.study_id == row["study_id"]) & (known.is_control == "True")].drop_duplicates("arm_id")
    shares = _SHARES.fullmatch(row["value"] or "")
    if shares is None or len(controls) != 1 or row["is_control"] == "True" or not OF_PEOPLE.search(row["name"]):
        return None, None, None, None
    control = controls.iloc[0]
    own, versus = shares["own"], shares["other"] or shares["versus"]
    if shares["people"]:
        people = int(shares["people"])
        sizes = [(n, people - n) for n in range(1, people)]
    elif row["arm_n"] and isinstance(control.arm_n, str):
        sizes = [(int(float(row["arm_n"])), int(float(control.arm_n)))]
    else:
        return None, None, control.arm, None
    fits = [(a, n, b, m) for n, m in sizes for a in _fitting(own, n) for b in _fitting(versus, m)]
    if len(fits) == 1:
        return fits[0], INFERRED, control.arm, "The only counts that give both percentages."
    if fits:
        return None, None, control.arm, f"{len(fits)} sets of counts give both percentages."
    if len(sizes) > 1:
        return None, None, control.arm, "No counts give both percentages."
    (n, m) = sizes[0]
    nearest = round(float(own) * n / 100), n, round(float(versus) * m / 100), m
    near = ((nearest[0] + i, n, nearest[2] + j, m) for i in (-1, 0, 1) for j in (-1, 0, 1))
    least = min(
        p for a, _, b, _ in near if 0 <= a <= n and 0 <= b <= m for p in p_values(a, n, b, m).values() if p >= 0
    )
    odd = f"The nearest counts: none of {n} and {m} people give both percentages; a person more or fewer in each arm gives no p below {least:.2g}."
    return nearest, INFERRED, control.arm, odd


def _fitting(share: str, n: int) -> list[int]:
    """The counts of ``n`` people that a printed percentage stands for."""
    low, high = (bound * n / 100 for bound in _span(share))
    return [count for count in range(math.ceil(low - ROUNDING), math.floor(high + ROUNDING) + 1) if 0 <= count <= n]


def _checks(row: dict, counts: Counts | None, basis: str | None, versus: str | None, odd: str | None) -> Iterable[dict]:
    """What can be recomputed of one printed result, a row for each check; or one row that says why nothing can."""
    second_hand = f"printed by {row['p_from']}, not seen in the report" if row.get("p_from") else None
    facts = row | {"versus": versus, "why": "; ".join(filter(None, (second_hand, odd))) or None}
    if counts:
        facts |= {"counts": "{}/{} v {}/{}".format(*counts), "counts_basis": basis}
    p, ratio = printed_p(row["p"]), (_RATIO.fullmatch(row["effect"] or "") or {"ratio": None})["ratio"]
    ends = [text for text in (row["ci_low"], row["ci_high"]) if ratio and text and _NUMBER.fullmatch(text)]
    bounds = (ends[0], ends[1]) if len(ends) == 2 else None
    done = []
    if p and counts:
        found = {name: _rounded(value) for name, value in p_values(*counts).items()}
        by = [words for name, words in TESTS.items() if p.holds(found[name])]
        done.append(facts | found | _verdict(P_FROM_COUNTS, row["p"], _p_span(found.values()), by, BY_NO_TEST))
    if p and bounds and (span := p_from_interval(ratio, *bounds)):
        by = ["normal test of the log ratio"] if any(map(p.holds, span)) or _overlap(span, p[1:]) else []
        done.append(facts | _verdict(P_FROM_INTERVAL, row["p"], _to_digits(span), by))
    if p and bounds and (found := interval_from_p(ratio, p)):
        by = ["normal interval of the log ratio"] if _fit(bounds, found) else []
        text = f"{_to_digits(found[0])}; {_to_digits(found[1])}"
        done.append(facts | _verdict(INTERVAL_FROM_P, " to ".join(bounds), text, by))
    if ratio and counts:
        by = {
            "as it is": _plain_ratio(counts),
            "with half a person added to each cell": math.exp(log_ratio(counts, add=True)[0]),
        }
        ways = [way for way, value in by.items() if _overlap((value, value), _span(ratio))]
        done.append(facts | _verdict(RATIO_FROM_COUNTS, ratio, _to_digits([_plain_ratio(counts)]), ways))
    if bounds and counts:
        logarithm, error = log_ratio(counts)
        found = [math.exp(logarithm + side * _Z * error) for side in (-1, 1)]
        by = ["Katz's interval of the log ratio"] if _fit(bounds, [(bound, bound) for bound in found]) else []
        done.append(facts | _verdict(INTERVAL_FROM_COUNTS, " to ".join(bounds), _to_digits(found), by))
    if done:
        return done
    return [
        facts
        | {
            "check": NO_CHECK,
            "printed": row["p"] or row["effect"],
            "verdict": NOT_RECOMPUTED,
            "why": "; ".join(filter(None, (second_hand, odd or _why_not(row, p)))),
        }
    ]


def _verdict(check: str, printed: str, recomputed: str, by: list[str], otherwise: str = DIFFERS) -> dict:
    verdict = FOLLOWS if by else otherwise
    return {
        "check": check,
        "printed": printed,
        "recomputed": recomputed,
        "follows_by": join_multi(by),
        "verdict": verdict,
    }


def _why_not(row: dict, p: PrintedP | None) -> str:
    if row["p"] and p is None:
        return "not one p value, or none that can be read"
    if row["comparison"] != "between arms":
        return "a change within one arm, for which the values of each person are needed"
    if OF_PEOPLE.search(row["name"]) or row["n_events"]:
        return "no counts of both arms, and no ratio with its interval, are printed in what was read"
    return "no counts of both arms and no ratio in what was read: a mean, a score, a time or words"


def _plain_ratio(counts: Counts) -> float:
    events, n, versus_events, versus_n = counts
    return events * versus_n / (n * versus_events) if versus_events else math.inf if events else math.nan


def _span(text: str) -> _Range:
    """From where to where a printed number may have been rounded."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise InputError(f"'{text}' is no printed number. Write digits with a point, such as 0.385.")
    half = 0.5 * 10.0 ** -len(match["decimals"] or "")
    return float(text) - half, float(text) + half


def _overlap(one: Iterable[float], other: Iterable[float]) -> bool:
    (low, high), (versus_low, versus_high) = one, other
    return low <= versus_high + ROUNDING and versus_low - ROUNDING <= high


def _fit(bounds: tuple[str, str], found: Iterable[_Range]) -> bool:
    return all(_overlap(_span(text), span) for text, span in zip(bounds, found))


def _rounded(value: float) -> float:
    """Six digits: what is the same whatever computes it."""
    return float(f"{value:.6g}")


def _p_span(values: Iterable[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    return _to_digits((min(known), max(known)))


def _to_digits(span: Iterable[float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:.3g}" for value in span))
