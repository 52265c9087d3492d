"""What remains of each claim on doses: the evidence, a verdict, how steady it is, and what would change it."""

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from evlib.base.words import joined, several
from evlib.doses.dose_windows import NARROW, ROUTES, Setting, less_effective_beyond
from evlib.doses.effect_sizes import (
    ALPHA,
    FROM_PERCENTAGES,
    MAY_MEAN,
    POWER,
    n_for_power,
    p_given_back,
    risk_difference,
    share_not_given_back,
    smallest_rank_p,
    upper_bound_of_none,
)
from evlib.doses.evidence import DIALS
from evlib.doses.stated_doses import WITHOUT_UNIT, of_records, power, share_text, span_of
from evlib.doses.to_particles import same_digits

STANDS, WEAKER, UNSUPPORTED, OPEN = "stands", "weaker than stated", "not supported", "cannot be judged"
VERDICTS = (STANDS, WEAKER, UNSUPPORTED, OPEN)  # the worse, the later
COLUMNS = ("claim", "section", "quote", "evidence", "verdict", "steadiness", "would_change", "dials")
_LIKELY = 0.95  # a statement of order stands where it holds in this share of the readings of the amounts
_NEAR = math.sqrt(10)  # "around 10^8": within half an order of magnitude
_POINTS = 0.15  # the difference in survival for which a size of trial is given

# Of each claim the section and the words in which the paper makes it, and what would change the verdict.
_CLAIMS = {
    "about 10⁸ nebulised": (
        "Abstract",
        "nebulization therapy achieved therapeutic effects at doses around 10⁸ particles",
        "a comparison of about 10⁸ nebulised particles with none, in one disease, whose results are posted",
    ),
    "below intravenous": (
        "Abstract",
        "significantly lower than those required for intravenous routes",
        "doses of both routes in particles, counted alike, in trials of one disease; one concentration of ExoFlo",
    ),
    "narrow": (
        "4",
        "This indicates a relatively narrow optimal effective dose range",
        "trials with a dose below and a dose above the effective one, both seen to do less",
    ),
    "less on both sides": (
        "4",
        "doses lower or higher than the minimum effective dose (MED) were not ideal",
        "a trial in which a higher dose does less, or more harm, than a lower one",
    ),
    "trend": (
        "4",
        "A dose-effect trend was observed for ventilator-free days",
        "the days off the ventilator with their spread in all three groups, and the trial's own analysis of them",
    ),
    "mortality": (
        "Table 2",
        "Mortality (RR = 0.385, p = 0.034)",
        "the result of the primary comparison of all who were randomised, with its interval",
    ),
    "comparable": (
        "4",
        "efficacy comparable to cell therapy",
        "a trial large enough to exclude a difference that would matter, with the amount of vesicles stated",
    ),
    "stopped": (
        "4",
        "the trial was terminated due to fatal serious adverse events in the lowest dose group",
        "the registry's reason for stopping and its adverse events by group, read at the registry itself",
    ),
    "tolerated": (
        "4",
        "was well tolerated in the short term without adverse reactions",
        "the registry's counts of all adverse events by group, and more people",
    ),
    "units": (
        "Abstract",
        "large variations in […] dose units […] were observed",
        "doses stated in particles and in a mass, with how they were counted",
    ),
}
# How the answer begins where this is the worse verdict of two, and what it says of each of the two claims.
_LEADS = {
    STANDS: "Yes, as far as these reports go",
    WEAKER: "Perhaps",
    UNSUPPORTED: "Not shown",
    OPEN: "It cannot be said",
}
_ON_NARROW = {
    STANDS: "The reports on file support that effective doses lie in a narrow range",
    WEAKER: "Effective doses may lie in a narrow range; this is less certain than the paper states it",
    UNSUPPORTED: "The reports on file do not support that effective doses lie in a narrow range",
    OPEN: "Whether effective doses lie in a narrow range cannot be judged",
}
# Whether in the same report a dose below the effective ones did less, and whether one above did.
_BEYOND = {
    (False, False): "no report shows a dose below or above these that did less",
    (True, False): "a dose below these did less in the same report, none above is known to",
    (False, True): "a dose above these did less in the same report, none below is known to",
    (True, True): "a dose below and a dose above these did less in the same report",
}
_ON_ORDER = {
    STANDS: "Effective doses are lower nebulised than intravenously",
    WEAKER: "Effective doses may be lower nebulised than intravenously; this is less certain than the paper states it",
    UNSUPPORTED: "That effective doses are lower nebulised than intravenously is not supported either",
    OPEN: "Whether effective doses are lower nebulised than intravenously cannot be judged",
}


def dose_claim_verdicts(
    tables: dict[str, pd.DataFrame],
    setting: Setting,
    cross: pd.DataFrame,
    effects: pd.DataFrame,
    safety: pd.DataFrame,
    stated: pd.DataFrame,
) -> pd.DataFrame:
    """One row per claim of the paper on doses.

    Parameters
    ----------
    tables, effects, safety
        As ``evidence.evidence_tables``, ``effect_sizes.effects`` and ``.safety`` return them.
    setting, cross
        What there is to judge under the dials as set (``dose_windows.setting_of``), and every combination of the dials
        (``specifications.full_cross``).
    stated
        Table ``doses`` of the included trials.

    Returns
    -------
    pandas.DataFrame
        ``claim, section, quote, evidence, verdict`` (one of ``VERDICTS``), ``steadiness``: in how many settings of the dials
        that ever move the verdict it is the same, ``would_change``, and ``dials``: whether any dial bears on it.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> from evlib.doses import dose_windows, effect_sizes, evidence
    >>> none = (pd.DataFrame(columns=columns(name)) for name in ("records", "doses", "trials"))  # the reports alone
    >>> tables = evidence.evidence_tables("data/raw", *none)
    >>> setting = dose_windows.setting_of(tables, evidence.dials(draws=10))
    >>> cross = pd.DataFrame([{"per": "course", "exoflo_per_ml": None, "share": 0.9, **verdicts_by_dials(setting)}])
    >>> effects, safety = (pd.DataFrame(columns=list(of)) for of in (effect_sizes.EFFECTS, effect_sizes.SAFETY))
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "unit_kind": ["particles", "mass"]})
    >>> verdicts = dose_claim_verdicts(tables, setting, cross.assign(as_set=True), effects, safety, doses)
    >>> verdicts[["claim", "verdict", "steadiness"]].query("claim in ['trend', 'units']")
       claim           verdict           steadiness
    4  trend  cannot be judged  no dial bears on it
    9  units            stands  no dial bears on it
    """
    verdicts, evidence = verdicts_by_dials(setting), _evidence_by_dials(setting, cross)
    judged = {claim: (evidence[claim], verdict) for claim, verdict in verdicts.items()}
    judged |= {
        "trend": _trend(tables["outcomes"], effects),
        "mortality": _mortality(effects),
        "comparable": _comparable(effects),
        "stopped": _stopped(tables["arms"], safety),
        "tolerated": _tolerated(tables["table2"], safety),
        "units": _kinds_of_unit(stated),
    }
    rows = []
    for name, (section, quote, would_change) in _CLAIMS.items():
        steady = steadiness(name, verdicts[name], cross) if name in verdicts else "no dial bears on it"
        rows.append((name, section, quote, *judged[name], steady, would_change, name in verdicts))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def steadiness(claim: str, verdict: str, cross: pd.DataFrame) -> str:
    """In how many combinations of the dials that ever move the verdict on a claim it is this one, and what else it becomes.

    A dial that moves it nowhere would only multiply the number of settings, and is not counted.
    """
    moving = moving_dials(cross, claim)
    if not moving:
        return f"the same in all {len(cross):,} settings: no dial moves it"
    counts = cross.drop_duplicates(moving)[claim].value_counts()
    others = ", ".join(f"{other} in {n:,}" for other, n in counts.drop(verdict, errors="ignore").items())
    same = f"the same in {counts.get(verdict, 0):,} of {counts.sum():,} settings of the dials that move it ({', '.join(moving)})"
    return f"{same}; {others}"


def moving_dials(cross: pd.DataFrame, column: str) -> list[str]:
    """The dials of a full cross that change a column of it in at least one setting of all the others."""
    names = [name for name in DIALS if name in cross]
    fixed = {name: cross.assign(**{name: 0}).groupby(names, dropna=False)[column] for name in names}
    return [name for name in names if fixed[name].nunique().gt(1).any()]


def turned_alone(cross: pd.DataFrame, dial: str) -> pd.DataFrame:
    """The settings of a full cross in which one dial is turned, and all others are as set.

    Examples
    --------
    >>> cross = pd.DataFrame({"per": ["administration", "course"] * 2, "compare": ["minimum"] * 2 + ["any"] * 2})
    >>> cross = cross.assign(as_set=[True, False, False, False], share=[0.9, 0.8, 0.7, 0.6])
    >>> turned_alone(cross, "per")
                  per  compare  as_set  share
    0  administration  minimum    True    0.9
    1          course  minimum   False    0.8
    """
    others = cross[[name for name in DIALS if name in cross and name != dial]].astype("str").fillna("")
    return cross[(others == others[cross.as_set].iloc[0]).all(axis=1)]


_COUNTS_AS_EFFECTIVE = {
    "paper": "by the paper's reading of the reports",
    "reported": "by anything that was better than in another arm or improved since before",
    "compared": "by being better than another arm",
    "primary": "by being better than another arm in a primary outcome",
}


def at_a_glance(verdicts: pd.DataFrame, setting: Setting, cross: pd.DataFrame, effects: pd.DataFrame) -> list[str]:
    """The answer in three sentences, from what ``dose_claim_verdicts`` returns and from what it takes.

    Examples
    --------
    >>> verdicts = pd.DataFrame({"claim": ["narrow", "below intravenous"], "verdict": [UNSUPPORTED, WEAKER]})
    >>> routes = pd.DataFrame({"route_group": ["nebulised", "intravenous"], "n_counted": [1, 0], "n_randomised": 0})
    >>> routes = routes.assign(effective_low=[2e8, np.nan], effective_high=[1e9, np.nan])
    >>> doses = pd.DataFrame(columns=["route_group", "reading", "each_median", "outcomes_on_file", "study_id"])
    >>> setting = Setting({"effective_if": "paper"}, doses, None, routes, routes, {})
    >>> cross = pd.DataFrame({"share": [np.nan], "as_set": True})
    >>> effects = pd.DataFrame(columns=["basis", "measure", "msc_derived", "ev_arm", "study_id", "versus_id"])
    >>> print(at_a_glance(verdicts, setting, cross, effects)[0])  # doctest: +NORMALIZE_WHITESPACE
    **Not shown.** The reports on file do not support that effective doses lie in a narrow range.
    Effective doses may be lower nebulised than intravenously; this is less certain than the paper states it.
    """
    verdict = verdicts.set_index("claim").verdict
    routes = "; ".join(
        f"{row.route_group} {span_of(row.effective_low, row.effective_high)} ({several(row.n_counted, 'report')}"
        f"{_without_outcome(setting.doses, row.route_group)})"
        if row.n_counted
        else f"{row.route_group} none"
        for row in setting.windows.itertuples()
    )
    known = cross.share.dropna()
    low, high = (share_text(share) for share in (known.min(), known.max()))
    as_set = cross[cross.as_set].iloc[0]
    spread = (
        f"{_how_exact(setting.doses)}Of all readings of the amounts, the nebulised effective dose is the lower one in a "
        f"share of {low if low == high else f'{low} to {high}'}, depending on the assumptions. As these are set, it is "
        f"{share_text(as_set.share_minimum)} where the lowest effective dose of each route is compared, and {share_text(as_set.share_any)} where any "
        f"two are.{_any_by_concentration(cross)}{_otherwise_compared(cross)} Under {len(cross) - len(known):,} of {len(cross):,} combinations of the assumptions nothing can be compared, since one "
        "route at least has no effective dose in particles. None of these shares says whether a dose works."
        if len(known)
        else f"In none of {several(len(cross), 'combination')} of the assumptions can the routes be compared."
    )
    return [
        answer_in_words(verdict["narrow"], verdict["below intravenous"]),
        f"Few reports give a dose in particles that counts as effective {_COUNTS_AS_EFFECTIVE[setting.dials['effective_if']]}: "
        f"{routes}. In a randomised comparison such a dose was better than another arm in {_named_counts(setting.compared_windows)}. "
        f"{spread}",
        "What would settle it: randomised comparisons of several doses within one route and disease"
        f"{_people_needed(effects)}. Until then the doses on file are doses that were tried, not doses that are known to work best.",
    ]


def _how_exact(doses: pd.DataFrame) -> str:
    """How many of the effective doses in particles are single numbers, as a sentence; nothing where there is none."""
    effective = doses[doses.reading == "effective"].dropna(subset=["low", "high"])
    effective = effective.drop_duplicates(["study_id", "low", "high"])
    n, single = len(effective), int((effective.low == effective.high).sum())
    bounds = (
        f"{n - single} of their {several(n, 'amount')} {'is' if n - single == 1 else 'are'} known within bounds only. "
    )
    return bounds if n else ""


def _any_by_concentration(cross: pd.DataFrame) -> str:
    """Between which shares that of any two doses lies by the reading of ExoFlo's concentration alone, as a sentence."""
    readings = turned_alone(cross, "exoflo_per_ml").dropna(subset=["exoflo_per_ml", "share_any"])
    if readings.share_any.nunique() < 2:
        return ""
    low, high = (share_text(share) for share in (readings.share_any.min(), readings.share_any.max()))
    slips = joined([f"{times:,.0f}" for times in same_digits(readings.exoflo_per_ml)])
    slip = (
        f"; two of them have the same digits and differ by a factor of {slips}, so that one may be a slip"
        if slips
        else ""
    )
    return (
        f" For any two it is {low} to {high}, depending on which source's number of particles in ExoFlo counts{slip}."
    )


def _otherwise_compared(cross: pd.DataFrame) -> str:
    """The verdict on the order of the routes where it becomes another by which effective doses are compared alone."""
    rows = turned_alone(cross, "compare")
    as_set = rows.loc[rows.as_set, "below intravenous"].iloc[0]
    said = {"minimum": "the lowest effective doses", "any": "any two effective doses"}
    [was] = rows.loc[rows.as_set, "compare"]
    others = rows[rows["below intravenous"] != as_set]
    return "".join(
        f" That the nebulised dose is lower is *{as_set}* where {said[was]} are compared, and *{row['below intravenous']}* where {said[row['compare']]} are."
        for row in others.to_dict("records")
    )


def _without_outcome(doses: pd.DataFrame, route_group: str) -> str:
    """Of how many reports of a route, whose doses in particles count as effective, no outcome is on file; nothing where of none."""
    counted = doses[(doses.route_group == route_group) & (doses.reading == "effective") & doses.each_median.notna()]
    n = counted[counted.outcomes_on_file == 0].study_id.nunique()
    return f", {n} of them without an outcome on file" if n else ""


def answer_in_words(narrow: str, below: str) -> str:
    """The first sentence of the answer, from the verdicts on a narrow range and on a lower one nebulised than intravenously."""
    lead = _LEADS[max(narrow, below, key=VERDICTS.index)]
    order = _ON_ORDER[below].removesuffix(" either" if narrow != UNSUPPORTED else "")
    return f"**{lead}.** {_ON_NARROW[narrow]}. {order}."


def power_table(effects: pd.DataFrame, *, points: Iterable[float] = (0.10, _POINTS, 0.20)) -> pd.DataFrame:
    """How many people a trial would need, where as many survive untreated as in a comparison group on file.

    Returns
    -------
    pandas.DataFrame
        One row per comparison group with counts estimated from percentages and per difference: ``untreated``, its report and share;
        ``more survive`` (a share); ``people a group``, for a power of 80 % at 5 %, two-sided.

    Examples
    --------
    >>> effects = pd.DataFrame({"study_id": ["a"], "study": "A 2024", "arm_id": "a-ev", "versus_id": "a-placebo"})
    >>> effects = effects.assign(versus="placebo", versus_events=20, versus_n=40, outcome="survival", as_stated="50%")
    >>> effects = effects.assign(measure="difference of percentages", msc_derived=True, ev_arm=True)
    >>> effects = effects.assign(basis=FROM_PERCENTAGES)
    >>> power_table(effects)[["more survive", "people a group"]]
       more survive  people a group
    0          0.10             388
    1          0.15             170
    2          0.20              93
    """
    rows = []
    for group in _untreated(effects).itertuples():
        untreated = group.versus_events / group.versus_n
        name = f"{group.study}, {group.versus}: {_worked_out(effects, group)}"
        rows += [(name, more, n_for_power(untreated + more, untreated)) for more in points if untreated + more < 1]
    return pd.DataFrame(rows, columns=["untreated", "more survive", "people a group"])


def _untreated(effects: pd.DataFrame) -> pd.DataFrame:
    """The comparison groups with counts of survivors, estimated from percentages."""
    groups = effects[(effects.basis == FROM_PERCENTAGES) & (effects.measure == "difference of percentages")]
    return groups[groups.msc_derived & groups.ev_arm].drop_duplicates(["study_id", "versus_id"])


def _worked_out(effects: pd.DataFrame, group: Any, of: str = "") -> str:
    """The count of a comparison group with the printed survival that it was worked out from, and by how much it misses that."""
    own = effects[(effects.arm_id == group.versus_id) & (effects.outcome == group.outcome)].as_stated.dropna()
    printed = own.iloc[0] if len(own) else None
    misfit = share_not_given_back(group.versus_events, group.versus_n, printed) if printed else ""
    said = f"{group.versus_events} of {group.versus_n}{of}, a count worked out from a printed {printed or 'percentage'}"
    if not misfit:
        return said
    pairs = effects[(effects.versus_id == group.versus_id) & (effects.basis == FROM_PERCENTAGES)].dropna(
        subset="p_reported"
    )
    sides = ("p_reported", "events", "n", "versus_events", "versus_n")
    follows = [
        f"{pair.events} of {pair.n} v {pair.versus_events} of {pair.versus_n}: {fits}"
        for pair in pairs.itertuples()
        if (fits := p_given_back(*(getattr(pair, side) for side in sides)))
    ]
    return f"{said}; {misfit}, and {MAY_MEAN}{''.join(f'; yet {fits}' for fits in follows)}"


# Of the claims on which dials bear: what there is to judge, the verdict, and the evidence in words.


def verdicts_by_dials(setting: Setting) -> dict[str, str]:
    """The verdict on each claim on which dials bear, under one setting of them."""
    return {
        "about 10⁸ nebulised": _magnitude_verdict(setting.doses),
        "below intravenous": _order_verdict(setting),
        "narrow": _narrow_verdict(setting.windows, setting.compared_windows),
        "less on both sides": _edges_verdict(setting.windows, setting.compared_windows),
    }


def _evidence_by_dials(setting: Setting, cross: pd.DataFrame) -> dict[str, str]:
    return {
        "about 10⁸ nebulised": _magnitude(setting.doses),
        "below intravenous": _order(setting) + _by_concentration(cross),
        "narrow": _narrow(setting),
        "less on both sides": _edges(setting.doses),
    }


def _nebulised_near(doses: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Which doses are effective, nebulised and in particles, and which of them around 10⁸ per administration, whatever the
    dial says: so the paper's claim is meant."""
    each = doses.each_median.to_numpy()
    effective = (doses.route_group.to_numpy() == "nebulised") & (doses.reading.to_numpy() == "effective")
    counted = effective & ~np.isnan(each)
    return counted, counted & (each >= 1e8 / _NEAR) & (each <= 1e8 * _NEAR)


def _magnitude_verdict(doses: pd.DataFrame) -> str:
    counted, near = _nebulised_near(doses)
    if not counted.any():
        return OPEN
    return UNSUPPORTED if not near.any() else STANDS if (near & _better_randomised(doses)).any() else WEAKER


def _magnitude(doses: pd.DataFrame) -> str:
    effective = doses[(doses.route_group == "nebulised") & (doses.reading == "effective")]
    counted, near = (doses[chosen] for chosen in _nebulised_near(doses))
    elsewhere = counted.drop(near.index)
    people = several(near.n.sum(), "person", "people")
    return (
        f"{several(effective.study_id.nunique(), 'report')} read as effective, {counted.study_id.nunique()} with an amount in "
        f"particles, around 10⁸ {_named(near)}{f' ({people})' if len(near) else ''}; "
        f"of {counted[counted.outcomes_on_file == 0].study_id.nunique()} no result is on file; better than another arm, "
        f"in a randomised comparison, at such an amount: {_comparisons(near[_better_randomised(near)])}; at another: "
        f"{_comparisons(elsewhere[_better_randomised(elsewhere)])}; {_other_comparisons(counted)}"
    )


def _better_randomised(doses: pd.DataFrame) -> np.ndarray:
    """Which doses were better than another arm to which people were randomised."""
    return doses.better_than_another.to_numpy() & doses.randomised.fillna(False).to_numpy(dtype=bool)


def _other_comparisons(doses: pd.DataFrame) -> str:
    """The comparisons that were not randomised, and those of which nothing tells how people came into the arms, by name."""
    better = doses[doses.better_than_another]
    by_design = {
        "not randomised": better[~better.randomised.fillna(True)],
        "allocation not known": better[better.randomised.isna()],
    }
    return "; ".join(f"{words}: {_comparisons(rows)}" for words, rows in by_design.items())


def _comparisons(doses: pd.DataFrame) -> str:
    """The comparisons by name, with the amount that was given; "none" where there is none."""
    return joined(list(doses.study + " (" + doses.each_median.map(power) + _origin(doses) + ")")) or "none"


def _named(doses: pd.DataFrame) -> str:
    """Doses by name, with their bounds in particles (else as reported) and the design of their report; "none" where there is none."""
    amounts = [
        span_of(dose.low, dose.high) if dose.low > 0 else str(dose.dose_as_reported) for dose in doses.itertuples()
    ]
    design = doses.randomised.map({True: "randomised", False: "not randomised"}).fillna("allocation not known")
    names = (
        doses.study + " (" + pd.Series(amounts, index=doses.index, dtype="str") + ", " + design + _origin(doses) + ")"
    )
    return joined(list(dict.fromkeys(names))) or "none"


def _origin(doses: pd.DataFrame) -> pd.Series:
    return doses.msc_derived.map({True: "", False: ", not of MSCs"})


def _order_verdict(setting: Setting) -> str:
    if math.isnan(setting.shares["any"]):
        return OPEN
    if setting.shares[setting.dials["compare"]] < _LIKELY:
        return UNSUPPORTED
    few = smallest_rank_p(*map(int, setting.windows.n_counted)) >= 1 - _LIKELY
    return WEAKER if few or not setting.compared_windows.n_randomised.min() else STANDS


def _order(setting: Setting) -> str:
    shares, n = setting.shares, [int(count) for count in setting.windows.n_counted]
    if math.isnan(shares["any"]):
        return f"no effective dose in particles for one route at least ({n[0]} and {n[1]} reports)"
    return (
        f"the nebulised dose is the lower one in a share of {share_text(shares['minimum'])} of the readings of the amounts where the "
        f"lowest effective doses are compared, {share_text(shares['any'])} where any two are: {_of_routes(setting.doses)}, with doses that were "
        f"better than another arm in a randomised comparison in {_named_counts(setting.compared_windows)}; so few reports can at best reach "
        f"p = {smallest_rank_p(*n):.2f} in a rank test"
    )


def _by_concentration(cross: pd.DataFrame) -> str:
    """The share of the readings under each reading of ExoFlo's concentration, all other dials as set."""
    readings = (
        turned_alone(cross, "exoflo_per_ml").dropna(subset=["exoflo_per_ml", "share"]).sort_values("exoflo_per_ml")
    )
    listed = [f"{share_text(row.share)} with {power(row.exoflo_per_ml)}" for row in readings.itertuples()]
    return f"; by the particles in a millilitre of ExoFlo: {joined(listed)}" if listed else ""


def _named_counts(compared: pd.DataFrame) -> str:
    named = joined([f"{several(row.n_randomised, 'report')} ({row.route_group})" for row in compared.itertuples()])
    if not compared.n_randomised.any():
        return named
    late = compared.n_randomised.sum() - compared.n_planned.sum()
    post_hoc = f"; {late} of them post hoc alone, not planned beforehand" if late else ""
    return f"{named}, {compared.n_primary.sum() or 'none'} of them on an outcome that is stated to be primary{post_hoc}"


def _of_routes(doses: pd.DataFrame) -> str:
    """The effective doses in particles of each route, by name."""
    effective = doses[doses.reading == "effective"].dropna(subset="low")
    return "; ".join(f"{route}: {_named(effective[effective.route_group == route])}" for route in ROUTES)


def _narrow_verdict(windows: pd.DataFrame, compared: pd.DataFrame) -> str:
    """A window that only the paper's reading, or changes since before, make narrow does not let the claim stand."""
    if not windows.n_counted.any():
        return OPEN
    narrow, by_comparison = (
        _has_edges(table).all(axis=1) & (table.width_high.to_numpy() <= NARROW) for table in (windows, compared)
    )
    return STANDS if (narrow & by_comparison).all() else WEAKER if narrow.any() else UNSUPPORTED


def _narrow(setting: Setting) -> str:
    words = (
        f"{row.route_group}: {_width(row)}, {_BEYOND[below, above]}"
        for row, (below, above) in zip(setting.windows.itertuples(), _has_edges(setting.windows).tolist(), strict=True)
    )
    return f"{'; '.join(words)} ({_of_routes(setting.doses)})"


def _has_edges(windows: pd.DataFrame) -> np.ndarray:
    """Whether the window of each route (rows) has its lower and its upper edge (columns)."""
    return np.column_stack([windows.n_less_below, windows.n_less_above]) > 0


def _edges_verdict(windows: pd.DataFrame, compared: pd.DataFrame) -> str:
    """As for ``_narrow_verdict``, two edges stand only where comparisons with other arms show both."""
    if not windows.n_counted.any():
        return OPEN
    sides, by_comparison = (_has_edges(table).any(axis=0) for table in (windows, compared))
    return STANDS if (sides & by_comparison).all() else WEAKER if sides.any() else UNSUPPORTED


def _edges(doses: pd.DataFrame) -> str:
    of_routes = doses[doses.route_group.isin(ROUTES)]
    beyond = less_effective_beyond(of_routes).items()
    named = (f"{side} it {_named(of_routes[less])}" for side, less in beyond)
    return f"doses read as doing less than an effective one of the same report: {'; '.join(named)}"


# Each other claim's evidence in words, and its verdict.


def _trend(outcomes: pd.DataFrame, effects: pd.DataFrame) -> tuple[str, str]:
    means = effects[(effects.measure == "mean difference") & (effects.study_id == "lightner-2023")]
    if means.empty:
        return "no difference of means can be computed", OPEN
    days = means.iloc[0]
    words = (
        f"{days.arm} against {days.versus}: {days.estimate:.1f} days more ({days.low:.1f} to {days.high:.1f}, "
        f"p = {days.p:.2f}; {days.n} and {days.versus_n} people as randomised; such days are skewed, so that the interval "
        "is rough)"
    )
    printed = outcomes[outcomes.arm_id.str.startswith("lightner-2023") & outcomes.name.str.contains("free days vs")]
    words += "".join(f"; against placebo the paper prints p = {p}" for p in printed.p.dropna())
    return words, STANDS if days.low > 0 else WEAKER if days.estimate > 0 else UNSUPPORTED


def _mortality(effects: pd.DataFrame) -> tuple[str, str]:
    of_trial = effects[effects.study_id == "lightner-2023"]
    reported = of_trial[of_trial.measure == "risk ratio as reported"]
    if reported.empty:
        return "no ratio is on file", OPEN
    ratio = reported.iloc[0]
    words = (
        f"{ratio.outcome}: {ratio.estimate:.3g} ({ratio.low:.2f} to {ratio.high:.2f}, from its p); the primary comparison "
        "of all randomised is reported as no difference"
    )
    all_people = of_trial[of_trial.measure == "difference of percentages"]
    highest = all_people[all_people.arm_id.str.contains("15") & all_people.versus.str.contains("lacebo")]
    if len(highest):
        survival = highest.iloc[0]
        words += (
            f"; of all, the printed percentages of survival differ by {100 * survival.estimate:+.1f} points, and counts with "
            "which to test that are not printed"
        )
    return words, STANDS if ratio.primary else WEAKER


def _comparable(effects: pd.DataFrame) -> tuple[str, str]:
    deaths = effects[(effects.study_id == "zarrabi-2023") & (effects.measure == "proportion")]
    deaths = deaths[deaths.outcome.str.startswith("mortality")].drop_duplicates("arm_id")
    arms = [deaths[deaths.arm_id.str.endswith(name)] for name in ("msc-then-msc-ev", "msc-alone-two-injections")]
    if any(arm.empty for arm in arms):
        return "no comparison can be computed", OPEN
    both, cells = (arm.iloc[0] for arm in arms)
    difference = risk_difference(int(both.events), int(both.n), int(cells.events), int(cells.n))
    words = (
        f"deaths {both.events} of {both.n} with cells and vesicles, {cells.events} of {cells.n} with cells alone "
        f"(difference {difference.estimate:+.2f}, {difference.low:+.2f} to {difference.high:+.2f}): both a large benefit "
        "and none fit; the amount of vesicles is not shown"
    )
    return words, OPEN


def _stopped(arms: pd.DataFrame, safety: pd.DataFrame) -> tuple[str, str]:
    counted = safety[safety.study_id.str.startswith("unex-42")].dropna(subset=["n_events", "n_total"])
    notes = arms[arms.study_id.str.startswith("unex-42")].note.dropna().str.cat(sep=" ")
    reason = re.search(r"stopped .*?by business decision, not for safety or efficacy", notes)
    if counted.empty and not reason:
        return "neither a count nor a reason is on file", OPEN
    parts = [
        f"{int(row.n_events)} of {int(row.n_total)} as the paper counts ({row.low:.0%} to {row.high:.0%})"
        for row in counted.itertuples()
    ]
    parts += [f'the copy of the registry: "{reason[0]}"'] if reason else []
    return "; ".join(parts), UNSUPPORTED if reason else OPEN


def _tolerated(table2: pd.DataFrame, safety: pd.DataFrame) -> tuple[str, str]:
    counted = safety[safety.study_id == "shi-2021"].dropna(subset=["n_events", "n_total"])
    if counted.empty:
        return "no count of adverse events is on file", OPEN
    events, n = int(counted.n_events.sum()), int(counted.n_total.sum())
    words = f"{events} of {n} volunteers with a serious adverse event over all doses"
    if events:
        return words, UNSUPPORTED
    words += f" (one-sided 95 % bound: up to {upper_bound_of_none(n):.0%} would fit as well)"
    printed = table2[(table2.trn == counted.trn.iloc[0]) & (table2.adverse_events != "none")]
    words += "".join(f'; the paper\'s Table 2 prints "{row.outcomes}"' for row in printed.itertuples())
    return words, WEAKER if len(printed) else STANDS


def _kinds_of_unit(stated: pd.DataFrame) -> tuple[str, str]:
    stated = of_records(stated)
    kinds = stated[~stated.unit_kind.isin(WITHOUT_UNIT)].groupby("unit_kind").trn.nunique().sort_values(ascending=False)
    if kinds.empty:
        return "no trial shows a dose", UNSUPPORTED
    words = (
        f"{several(stated.trn.nunique(), 'trial shows', 'trials show')} a dose in {several(len(kinds), 'kind')} of unit, most often "
        f"{kinds.index[0]}; tested are the units alone, not the characterisation and the outcome measures of the same sentence"
    )
    return words, STANDS if len(kinds) > 1 else UNSUPPORTED


def _people_needed(effects: pd.DataFrame) -> str:
    table = power_table(effects, points=[_POINTS])
    if table.empty:
        return ""
    group = _untreated(effects).iloc[0]
    untreated = 100 * group.versus_events / group.versus_n
    return (
        f" (about {table['people a group'][0]} people in each group, for a power of {100 * POWER:.0f} % in a two-sided test at {100 * ALPHA:.0f} %, "
        f"if {untreated:.0f} of 100 survive without vesicles and {untreated + 100 * _POINTS:.0f} with them: a difference of {100 * _POINTS:.0f} in 100 that is assumed, not observed; the {untreated:.0f} of 100 are "
        f"{_worked_out(effects, group, f' in {group.study}')})"
    )


def _width(window: Any) -> str:
    if not window.n_counted:
        return "no effective dose in particles"
    if window.n_amounts == 1:
        return "one amount alone counts as effective"
    return f"the highest effective dose is {10**window.width_low:,.0f} to {10**window.width_high:,.0f} times the lowest"
