"""What remains of each claim on doses: the evidence, a verdict, how steady it is, and what would change it."""

import math
import re
from collections.abc import Iterable

import pandas as pd

from evlib.doses.dose_windows import NARROW, ROUTES, Setting, probability_lower
from evlib.doses.effect_sizes import n_for_power, risk_difference, smallest_rank_p, upper_bound_of_none
from evlib.doses.evidence import DIALS
from evlib.doses.stated_doses import WITHOUT_UNIT, span_of

STANDS, WEAKER, UNSUPPORTED, OPEN = "stands", "weaker than stated", "not supported", "cannot be judged"
VERDICTS = (STANDS, WEAKER, UNSUPPORTED, OPEN)
LIKELY = 0.95  # a statement of order stands where it is at least this probable
COLUMNS = ("claim", "section", "quote", "evidence", "verdict", "confidence", "would_change", "dials")

_NEAR = math.sqrt(10)  # "around 10^8": within half an order of magnitude
_CLAIMS = {
    "about 10⁸ nebulised": (
        "Abstract",
        "nebulization therapy achieved therapeutic effects at doses around 10⁸ particles",
    ),
    "below intravenous": ("Abstract", "significantly lower than those required for intravenous routes"),
    "narrow": ("4", "This indicates a relatively narrow optimal effective dose range"),
    "less on both sides": ("4", "doses lower or higher than the minimum effective dose (MED) were not ideal"),
    "trend": ("4", "A dose-effect trend was observed for ventilator-free days"),
    "mortality": ("Table 2", "Mortality (RR = 0.385, p = 0.034)"),
    "comparable": ("4", "efficacy comparable to cell therapy"),
    "stopped": ("4", "the trial was terminated due to fatal serious adverse events in the lowest dose group"),
    "tolerated": ("4", "was well tolerated in the short term without adverse reactions"),
    "units": ("Abstract", "large variations in EVs characterization, dose units, and outcome measures were observed"),
}
# Which dials bear on a claim: only settings that turn one of them count towards its confidence.
_BEARING = {
    "about 10⁸ nebulised": ("effective_if", "pairs_only", "nebulised_share", "not_msc", "lung_only"),
    "below intravenous": tuple(name for name in DIALS if name not in ("draws", "seed")),
    "narrow": ("effective_if", "per", "pairs_only", "not_msc", "lung_only", "exoflo_per_ml"),
    "less on both sides": ("effective_if", "pairs_only", "not_msc", "lung_only"),
}
_POINTS = 0.15  # the difference in survival for which a size of trial is given
_PHRASES = {
    STANDS: "stands",
    WEAKER: "is less certain than the paper states it",
    UNSUPPORTED: "is not supported",
    OPEN: "cannot be judged",
}


def verdicts(
    tables: dict[str, pd.DataFrame],
    tried: dict[str, Setting],
    effects: pd.DataFrame,
    safety: pd.DataFrame,
    stated: pd.DataFrame,
) -> pd.DataFrame:
    """One row per claim of the paper on doses.

    Parameters
    ----------
    tables, tried
        As ``evlib.doses.evidence.evidence_tables`` and ``evlib.doses.dose_windows.every_setting`` give them.
    effects, safety
        As ``evlib.doses.effect_sizes.effects`` and ``evlib.doses.effect_sizes.safety`` give them.
    stated
        Table ``doses`` of the included trials.

    Returns
    -------
    pandas.DataFrame
        ``claim, section, quote, evidence, verdict`` (of ``VERDICTS``), ``confidence``: how many of the settings that
        turn a dial which bears on the claim give the same verdict, ``would_change``, and ``dials``: whether any dial bears on it.
    """
    found = [_of_dials(one) for one in tried.values()]
    fixed = _fixed(tables, effects, safety, stated)
    rows = []
    for claim, (section, quote) in _CLAIMS.items():
        of_dials = claim in _BEARING
        words, verdict, change = found[0][claim] if of_dials else fixed[claim]
        confidence = _confidence(claim, tried, found) if of_dials else "no dial bears on it"
        rows.append((claim, section, quote, words, verdict, confidence, change, of_dials))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdicts_under_assumptions(tried: dict[str, Setting]) -> pd.DataFrame:
    """The verdicts on which dials bear, under each setting: ``assumption`` and a column per claim."""
    rows = [
        {"assumption": label, **{claim: found[1] for claim, found in _of_dials(one).items()}}
        for label, one in tried.items()
    ]
    return pd.DataFrame(rows)


def at_a_glance(table: pd.DataFrame, moved: pd.DataFrame, effects: pd.DataFrame) -> list[str]:
    """The answer in three sentences.

    Parameters
    ----------
    table, moved
        As ``verdicts`` and ``evlib.doses.dose_windows.under_assumptions`` give them.
    effects
        As ``evlib.doses.effect_sizes.effects`` gives it.
    """
    verdict = table.set_index("claim").verdict
    lead = {
        STANDS: "Yes, as far as these reports go",
        WEAKER: "Perhaps",
        UNSUPPORTED: "No such range is shown",
        OPEN: "It cannot be said",
    }
    answer = (
        f"{lead[max(verdict[['narrow', 'below intravenous']], key=VERDICTS.index)]}: that the range of effective doses is narrow "
        f"{_PHRASES[verdict['narrow']]}, and that it is lower nebulised than intravenously {_PHRASES[verdict['below intravenous']]}"
    )
    first = moved.assumption.iloc[0]
    own = moved[moved.assumption == first].set_index("route_group")
    routes = "; ".join(f"{route}: {_range(own.loc[route])}" for route in ROUTES)
    chance = moved.drop_duplicates("assumption")
    known = chance.dropna(subset="probability_any")
    spread = (
        f"over {len(known)} settings of the assumptions, the probability that a nebulised effective dose is below an "
        f"intravenous one runs from {_spread(known.probability_any)} (of the least effective dose of each route: "
        f"{_spread(known.probability_minimum)}), and in {len(chance) - len(known)} more it cannot be computed"
        if len(known)
        else f"in none of {len(chance)} settings of the assumptions can the routes be compared"
    )
    needed = _needed(effects)
    return [
        f"{answer}.",
        f"Effective doses in particles, under the assumptions as set, come from few reports ({routes}); {spread}.",
        f"To settle it takes randomised comparisons of several doses within one route and disease{needed}; until then the "
        "doses on file are doses that were tried, not doses that are known to work best.",
    ]


def power_table(effects: pd.DataFrame, *, points: Iterable[float] = (0.10, _POINTS, 0.20)) -> pd.DataFrame:
    """How many people a trial would need, where as many survive untreated as in a comparison group on file.

    Returns
    -------
    pandas.DataFrame
        One row per comparison group of estimated counts and difference: ``untreated``: its report and share,
        ``more survive`` (a share) and ``people a group``, for a power of 80 % at 5 %, two-sided.
    """
    rows = effects[(effects.basis == "estimated counts") & (effects.measure == "risk difference")]
    rows = rows[rows.msc_derived & rows.ev_arm].drop_duplicates(["study_id", "versus_id"])
    return pd.DataFrame(
        [
            {
                "untreated": f"{row.study}, {row.versus}: {row.versus_events} of {row.versus_n}",
                "more survive": more,
                "people a group": n_for_power(
                    row.versus_events / row.versus_n + more, row.versus_events / row.versus_n
                ),
            }
            for row in rows.itertuples()
            for more in points
            if row.versus_events / row.versus_n + more < 1
        ],
        columns=["untreated", "more survive", "people a group"],
    )


def glance_numbers(answer: list[str]) -> dict[str, str]:
    """The sentences of ``at_a_glance`` by name, for the pages of the book."""
    return {f"dose_answer_{place}": sentence for place, sentence in enumerate(answer, start=1)}


def _of_dials(setting: Setting) -> dict[str, tuple[str, str, str]]:
    """Evidence, verdict and what would change it, of the claims on which dials bear."""
    found = setting.found.set_index("route_group")
    compared = setting.compared.set_index("route_group")
    return {
        "about 10⁸ nebulised": _magnitude(setting, compared),
        "below intravenous": _order(setting, found, compared),
        "narrow": _narrow(found),
        "less on both sides": _edges(found),
    }


def _magnitude(setting: Setting, strict: pd.DataFrame) -> tuple[str, str, str]:
    """Of the particles of one administration, whatever the dial says: so the paper's claim is meant."""
    doses = setting.doses.assign(median=setting.doses.each_median)
    own = doses[(doses.route_group == "nebulised") & (doses.reading == "effective")]
    counted = own.dropna(subset="median")
    near = counted[counted["median"].between(1e8 / _NEAR, 1e8 * _NEAR)]
    proven = int(strict.loc["nebulised", "n_counted"])
    words = (
        f"{own.study_id.nunique()} reports read as effective, {counted.study_id.nunique()} with an amount in particles, "
        f"{near.study_id.nunique()} of them around 10⁸ ({_people(near)}); "
        f"of {counted[counted.outcomes_on_file == 0].study_id.nunique()} no result is on file; "
        f"{proven} with a dose that was better than a comparison group"
    )
    verdict = OPEN if counted.empty else UNSUPPORTED if near.empty else STANDS if proven else WEAKER
    return (
        words,
        verdict,
        "a comparison of about 10⁸ nebulised particles with none, in one disease, whose results are posted",
    )


def _order(setting: Setting, found: pd.DataFrame, strict: pd.DataFrame) -> tuple[str, str, str]:
    chance = probability_lower(setting.doses, setting.draws)
    n = [int(found.loc[route, "n_counted"]) for route in ROUTES]
    change = "doses of both routes in particles, counted alike, in trials of one disease; one concentration of ExoFlo"
    if math.isnan(chance["any"]):
        return f"no effective dose in particles for one route at least ({n[0]} and {n[1]} reports)", OPEN, change
    words = (
        f"P = {_share(chance['minimum'])} of the least effective doses, {_share(chance['any'])} of any, from {n[0]} nebulised "
        f"and {n[1]} intravenous reports; so few can at best reach p = {smallest_rank_p(*n):.2f} in a rank test"
    )
    proven = min(int(strict.loc[route, "n_counted"]) for route in ROUTES)
    if chance[setting.dials["compare"]] < LIKELY:
        return words, UNSUPPORTED, change
    return words, STANDS if proven and smallest_rank_p(*n) < 1 - LIKELY else WEAKER, change


def _narrow(found: pd.DataFrame) -> tuple[str, str, str]:
    parts, bounded = [], []
    for route in ROUTES:
        row = found.loc[route]
        edges = int(row.n_less_below > 0) + int(row.n_less_above > 0)
        parts.append(f"{route}: {_width(row)}, {edges} of 2 edges by the reading as set")
        bounded.append(edges == 2 and row.width_high <= NARROW)
    verdict = STANDS if all(bounded) else WEAKER if any(bounded) else UNSUPPORTED
    if not found.n_counted.any():
        verdict = OPEN
    return (
        "; ".join(parts),
        verdict,
        "trials with a dose below and a dose above the effective one, both seen to do less",
    )


def _edges(found: pd.DataFrame) -> tuple[str, str, str]:
    below, above = int(found.n_less_below.sum()), int(found.n_less_above.sum())
    words = (
        f"doses that did less in the same report, by the reading as set: {below} below an effective one, {above} above"
    )
    verdict = (
        OPEN if not found.n_counted.any() else STANDS if below and above else WEAKER if below or above else UNSUPPORTED
    )
    return words, verdict, "a trial in which a higher dose does less, or more harm, than a lower one"


def _fixed(
    tables: dict[str, pd.DataFrame], effects: pd.DataFrame, safety: pd.DataFrame, stated: pd.DataFrame
) -> dict[str, tuple[str, str, str]]:
    """The claims on which no dial bears."""
    return {
        "trend": _trend(tables["outcomes"], effects),
        "mortality": _mortality(effects),
        "comparable": _comparable(effects),
        "stopped": _stopped(tables["arms"], safety),
        "tolerated": _tolerated(tables["table2"], safety),
        "units": _units(stated),
    }


def _trend(outcomes: pd.DataFrame, effects: pd.DataFrame) -> tuple[str, str, str]:
    change = "the days off the ventilator with their spread in all three groups, and the trial's own analysis of them"
    rows = effects[(effects.measure == "mean difference") & (effects.study_id == "lightner-2023")]
    if rows.empty:
        return "no difference of means can be computed", OPEN, change
    row = rows.iloc[0]
    words = (
        f"{row.arm} against {row.versus}: {row.estimate:.1f} days more ({row.low:.1f} to {row.high:.1f}, p = {row.p:.2f}; "
        f"{row.n} and {row.versus_n} people as randomised; such days are skewed, so that the interval is rough)"
    )
    other = outcomes[
        outcomes.arm_id.str.startswith("lightner-2023") & outcomes.name.str.contains("free days vs")
    ].dropna(subset="p")
    words += "".join(f"; against placebo the paper prints p = {p}" for p in other.p)
    return words, STANDS if row.low > 0 else WEAKER if row.estimate > 0 else UNSUPPORTED, change


def _mortality(effects: pd.DataFrame) -> tuple[str, str, str]:
    own = effects[effects.study_id == "lightner-2023"]
    reported = own[own.measure == "risk ratio as reported"]
    change = "the result of the primary comparison of all who were randomised, with its interval"
    if reported.empty:
        return "no ratio is on file", OPEN, change
    row = reported.iloc[0]
    words = (
        f"{row.outcome}: {row.estimate:.3g} ({row.low:.2f} to {row.high:.2f}, from its p); the primary comparison of all "
        "randomised is reported as no difference"
    )
    whole = own[(own.measure == "risk difference") & (own.basis == "estimated counts")]
    most = whole[whole.arm_id.str.contains("15") & whole.versus.str.contains("lacebo")]
    if len(most):
        one = most.iloc[0]
        words += f"; of all, by estimated counts, survival differs by {one.low:+.2f} to {one.high:+.2f}"
    return words, WEAKER if not row.primary else STANDS, change


def _comparable(effects: pd.DataFrame) -> tuple[str, str, str]:
    change = "a trial large enough to exclude a difference that would matter, with the amount of vesicles stated"
    rows = effects[(effects.study_id == "zarrabi-2023") & (effects.measure == "proportion")]
    rows = rows[rows.outcome.str.startswith("mortality")].drop_duplicates("arm_id").set_index("arm_id")
    arms = [rows[rows.index.str.endswith(name)] for name in ("msc-then-msc-ev", "msc-alone-two-injections")]
    if any(arm.empty for arm in arms):
        return "no comparison can be computed", OPEN, change
    both, cells = (arm.iloc[0] for arm in arms)
    found = risk_difference(int(both.events), int(both.n), int(cells.events), int(cells.n))
    words = (
        f"deaths {both.events} of {both.n} with cells and vesicles, {cells.events} of {cells.n} with cells alone (difference "
        f"{found.estimate:+.2f}, {found.low:+.2f} to {found.high:+.2f}): both a large benefit and none fit; the amount of "
        "vesicles is not shown"
    )
    return words, OPEN, change


def _stopped(arms: pd.DataFrame, safety: pd.DataFrame) -> tuple[str, str, str]:
    change = "the registry's reason for stopping and its adverse events by group, read at the registry itself"
    rows = safety[safety.study_id.str.startswith("unex-42")].dropna(subset=["n_events", "n_total"])
    notes = arms[arms.study_id.str.startswith("unex-42")].note.dropna().str.cat(sep=" ")
    reason = re.search(r"stopped .*?by business decision, not for safety or efficacy", notes)
    if rows.empty and not reason:
        return "neither a count nor a reason is on file", OPEN, change
    words = [
        f"{int(row.n_events)} of {int(row.n_total)} as the paper counts ({row.low:.0%} to {row.high:.0%})"
        for row in rows.itertuples()
    ]
    words += [f'the copy of the registry: "{reason[0]}"'] if reason else []
    return "; ".join(words), UNSUPPORTED if reason else OPEN, change


def _tolerated(table2: pd.DataFrame, safety: pd.DataFrame) -> tuple[str, str, str]:
    rows = safety[safety.study_id == "shi-2021"].dropna(subset=["n_events", "n_total"])
    change = "the registry's counts of all adverse events by group, and more people"
    if rows.empty:
        return "no count of adverse events is on file", OPEN, change
    events, n = int(rows.n_events.sum()), int(rows.n_total.sum())
    words = f"{events} of {n} volunteers with a serious adverse event over all doses"
    if events:
        return words, UNSUPPORTED, change
    words += f" (up to {upper_bound_of_none(n):.0%} would fit as well)"
    printed = table2[(table2.trn == rows.trn.iloc[0]) & (table2.adverse_events != "none")]
    words += "".join(f'; the paper\'s Table 2 prints "{row.outcomes}"' for row in printed.itertuples())
    return words, WEAKER if len(printed) else STANDS, change


def _units(stated: pd.DataFrame) -> tuple[str, str, str]:
    kinds = stated[~stated.unit_kind.isin(WITHOUT_UNIT)].groupby("unit_kind").trn.nunique().sort_values(ascending=False)
    words = f"{stated.trn.nunique()} trials show a dose in {len(kinds)} kinds of unit, most often {kinds.index[0]}" if len(
        kinds
    ) else "no trial shows a dose"  # fmt: skip
    return (
        words,
        STANDS if len(kinds) > 1 else UNSUPPORTED,
        "doses stated in particles and in a mass, with how they were counted",
    )


def _confidence(claim: str, tried: dict[str, Setting], found: list[dict]) -> str:
    first, *others = tried.values()
    bearing = [
        judged[claim][1] == found[0][claim][1]
        for one, judged in zip(others, found[1:], strict=True)
        if any(one.dials[name] != first.dials[name] for name in _BEARING[claim])
    ]
    share = sum(bearing) / len(bearing) if bearing else 1.0
    word = "high" if share >= LIKELY else "moderate" if share >= 0.75 else "low"
    return f"{word}: the same in {sum(bearing)} of {len(bearing)} settings that bear on it"


def _needed(effects: pd.DataFrame) -> str:
    rows = power_table(effects, points=[_POINTS])
    if rows.empty:
        return ""
    n, more = rows["people a group"].iloc[0], round(100 * _POINTS)
    return f" (about {n} people a group to see {more} more of 100 survive a disease as severe as that of {rows.untreated.iloc[0].partition(',')[0]})"


def _range(row: pd.Series) -> str:
    if not row.n_counted:
        return "none"
    return f"{span_of(row.effective_low, row.effective_high)}, {row.n_counted} report{'s' if row.n_counted > 1 else ''}"


def _width(row: pd.Series) -> str:
    if not row.n_counted:
        return "no effective dose in particles"
    if row.n_amounts == 1:
        return "one amount alone counts as effective"
    return f"a factor of {10**row.width_low:,.0f} to {10**row.width_high:,.0f} between effective doses"


def _people(rows: pd.DataFrame) -> str:
    n = rows.n.sum()
    return f"{n} people" if n != 1 else "1 person"


def _spread(chances: pd.Series) -> str:
    return f"{_share(chances.min())} to {_share(chances.max())}"


def _share(value: float) -> str:
    return f"{value:.2f}"
