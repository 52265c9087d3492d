"""The question of the paper's section 4: how wide is the range of effective doses per route, and which route needs less?

The method is that of Kabat et al. 2020 (doi 10.1002/sctm.19-0202), which the paper follows: trials with at least one
effective or one less effective dose, and the lowest effective dose per route.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evlib.doses.evidence import (
    DIALS,
    Amounts,
    dial_factors,
    dials,
    in_question,
    readings_of,
    tested_amounts,
    tested_doses,
    with_doses_of_records,
)

ROUTES = ("nebulised", "intravenous")
NARROW = 1.0  # in powers of ten: a window is narrow where its highest dose is at most ten times its lowest
# What travels with a share, into every table.
CAVEAT = "a share of the readings of the amounts under these dials: no probability, and nothing on whether a dose works"
_AMOUNTS = ["amount_low", "amount_high"]


class Setting(NamedTuple):
    """The dials; the tested doses of the question with their draws; their ``windows``, also if "effective" meant "better
    than a comparison group" (in ``setting_of`` with ``n_primary`` and ``n_planned``, the reports that were so on a primary outcome, and by a comparison that
    is not post hoc); and ``share_lower`` of them."""

    dials: dict[str, Any]
    doses: pd.DataFrame
    draws: np.ndarray
    windows: pd.DataFrame
    compared_windows: pd.DataFrame
    shares: dict[str, float]


def every_tested(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> pd.DataFrame:
    """Every tested dose with its reading under some dials, of all diseases and origins, as ``readings_of`` returns it.

    ``tables`` and ``settings`` are as ``evlib.doses.evidence.evidence_tables`` and ``dials`` return them.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> from evlib.doses.evidence import evidence_tables
    >>> none = (pd.DataFrame(columns=columns(name)) for name in ("records", "doses", "trials"))  # the reports alone
    >>> tables = evidence_tables("data/raw", *none)
    >>> tested = every_tested(tables, dials(draws=10))
    >>> len(tested) == sum(tables["arms"].role == "ev")
    True
    >>> tested[tested.study_id == "lightner-2023"].set_index("arm").reading.to_dict()
    {'ExoFlo 10 mL (ExoFlo-10)': 'less effective', 'ExoFlo 15 mL (ExoFlo-15)': 'effective'}
    """
    return readings_of(_tested(tables, settings)[0], tables["outcomes"], tables["paper"], settings)


def doses_in_question(
    tables: dict[str, pd.DataFrame], settings: dict[str, Any], *, tested: tuple[pd.DataFrame, np.ndarray] | None = None
) -> tuple[pd.DataFrame, np.ndarray]:
    """As ``every_tested``, but only the doses that the question is about (``evidence.in_question``), and their draws.

    ``tested``: the doses and draws of ``evidence.tested_doses``, if they are known already.
    """
    doses, draws = tested or _tested(tables, settings)
    doses = readings_of(doses, tables["outcomes"], tables["paper"], settings)
    kept = in_question(doses, settings).to_numpy()
    return doses[kept].reset_index(drop=True), draws[:, kept]


def windows(doses: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
    """Per route the range of effective doses, and whether a worse dose lies beyond it.

    Returns
    -------
    pandas.DataFrame
        One row per route of ``ROUTES``: ``route_group``; ``n_reports`` and ``n_effective_reports`` (with an effective
        dose), of which ``n_counted`` in particles; ``minimum_low, minimum_high``: bounds of the lowest effective dose;
        ``effective_low, effective_high``: utmost bounds of all effective doses, which are ``n_amounts`` different amounts;
        ``width_low, width, width_high``: log10 of the highest over the lowest effective dose, least, median and greatest of the
        draws (0: one amount was tried, which bounds nothing; missing: none); ``n_less_below, n_less_above``: less effective
        doses below and above an effective one of the same report; ``n_randomised``: reports with an effective dose in
        particles that was better than another arm in a comparison known to be randomised.
    """
    names = ("study_id", "route_group", "reading", "low", "high", "better_than_another")
    study, routes, reading, lows, highs, better = (doses[name].to_numpy() for name in names)
    randomised = doses.randomised.fillna(False).to_numpy(dtype=bool) & better.astype(bool)
    beyond = less_effective_beyond(doses)
    rows = []
    for route in ROUTES:
        of_route = routes == route
        effective = of_route & (reading == "effective")
        counted = effective & ~np.isnan(lows)
        drawn, low, high = draws[:, counted], lows[counted], highs[counted]
        width = np.log10(drawn.max(axis=1) / drawn.min(axis=1)) if counted.any() else np.array([np.nan])
        narrowest, middle, widest = np.percentile(width, [0, 50, 100])
        least, most = (low.min(), high.max()) if counted.any() else (np.nan, np.nan)
        rows.append(
            {
                "route_group": route,
                **{"n_reports": len(set(study[of_route])), "n_effective_reports": len(set(study[effective]))},
                "n_counted": len(set(study[counted])),
                **{"minimum_low": least, "minimum_high": high.min() if counted.any() else np.nan},
                **{"effective_low": least, "effective_high": most},
                "n_amounts": len(set(zip(low, high, strict=True))),
                **{"width_low": narrowest, "width": middle, "width_high": widest},
                **{f"n_less_{side}": int((less & of_route).sum()) for side, less in beyond.items()},
                "n_randomised": len(set(study[counted & randomised])),
            }
        )
    return pd.DataFrame(rows)


def share_lower(doses: pd.DataFrame, draws: np.ndarray) -> dict[str, float]:
    """In which share of the readings of the amounts a nebulised effective dose is below an intravenous one, given the dials.

    Returns
    -------
    dict
        ``any``: of one effective dose of each route, each report equally likely; ``minimum``: of the lowest effective
        doses. Not-a-number where a route has no effective dose in particles. Only the uncertainty of amounts counts: not
        whether a dose is effective, nor that the few reports differ in disease, product and patients.
    """
    usable = ((doses.reading == "effective") & doses.low.notna()).to_numpy()
    study, routes = doses.study_id.to_numpy(), doses.route_group.to_numpy()
    places = [np.flatnonzero(usable & (routes == route)) for route in ROUTES]
    if not all(of_route.size for of_route in places):
        return {"any": np.nan, "minimum": np.nan}
    shares = []
    for of_route in places:
        _, report, n_doses = np.unique(study[of_route].astype(str), return_inverse=True, return_counts=True)
        shares.append(1 / n_doses[report] / len(n_doses))
    nebulised, intravenous = (draws[:, of_route] for of_route in places)
    below = np.array([[(one < other).mean() for other in intravenous.T] for one in nebulised.T])
    least = (nebulised.min(axis=1) < intravenous.min(axis=1)).mean()
    return {"any": float(shares[0] @ below @ shares[1]), "minimum": float(least)}


def concentrations(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> list[float]:
    """The particles in a millilitre of ExoFlo, by each source's reading, ascending."""
    every = dials(**{name: settings[name] for name in ("draws", "seed")})
    factors = dial_factors(tables["conversions"], tables["stated"], every)
    return sorted({float(f"{per_ml:.3g}") for per_ml in factors.low[factors["product"] == "ExoFlo"]})


def share_of_saline(tables: dict[str, pd.DataFrame]) -> tuple[float, float]:
    """The least and the greatest share of nebulised saline that was inhaled, by the sources on file."""
    inhaled = tables["conversions"][tables["conversions"].quantity.str.startswith("inhaled mass of nebuliser charge")]
    bounds = (inhaled.low.min() / 100, inhaled.high.max() / 100) if len(inhaled) else (0.5, 1.0)
    return round(float(bounds[0]), 2), round(float(bounds[1]), 2)


def setting_of(
    tables: dict[str, pd.DataFrame], settings: dict[str, Any], *, tested: tuple[pd.DataFrame, np.ndarray] | None = None
) -> Setting:
    """What there is to judge under some dials; ``tested`` as for ``doses_in_question``.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> from evlib.doses.evidence import evidence_tables
    >>> none = (pd.DataFrame(columns=columns(name)) for name in ("records", "doses", "trials"))  # the reports alone
    >>> setting = setting_of(evidence_tables("data/raw", *none), dials(draws=10))
    >>> setting.draws.shape == (10, len(setting.doses))
    True
    >>> setting.windows.route_group.tolist(), sorted(setting.shares)
    (['nebulised', 'intravenous'], ['any', 'minimum'])
    """
    tested = tested or _tested(tables, settings)
    asked = doses_in_question(tables, settings, tested=tested)
    outcomes = tables["outcomes"]
    planned = tables | {"outcomes": outcomes[outcomes.post_hoc.isna()]}
    compared, primary, beforehand = (
        windows(*doses_in_question(of, settings | {"effective_if": rule}, tested=tested))
        for of, rule in ((tables, "compared"), (tables, "primary"), (planned, "compared"))
    )
    compared["n_primary"], compared["n_planned"] = primary.n_randomised, beforehand.n_randomised
    return Setting(settings, *asked, windows(*asked), compared, share_lower(*asked))


def dial_table(settings: dict[str, Any]) -> pd.DataFrame:
    """Each dial with its value, its default and what it means.

    Examples
    --------
    >>> dial_table(dials(per="course"))[["dial", "value", "default"]].query("value != default")
      dial   value         default
    1  per  course  administration
    """
    rows = [(name, str(settings[name]), str(default), words) for name, (default, _, words) in DIALS.items()]
    return pd.DataFrame(rows, columns=["dial", "value", "default", "meaning"])


def amounts_under(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> Amounts:
    """The tested doses with their draws, as ``tested_amounts`` returns them, under the dials that say what an amount holds."""
    factors = dial_factors(tables["conversions"], tables["stated"], settings)
    arms = with_doses_of_records(tables["arms"], tables["studies"], tables["stated"])
    return tested_amounts(tables["flags"], arms, factors, settings, not_randomised=tables["not_randomised"].arm_id)


def _tested(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every tested dose with its draws, not yet read."""
    return tested_doses(amounts_under(tables, settings), settings)


def less_effective_beyond(doses: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which less effective doses lie ``below`` and ``above`` an effective one of the same report and route, as stated."""
    names = ("study_id", "route_group", "reading", *_AMOUNTS)
    study, routes, reading, low, high = (doses[name].to_numpy() for name in names)
    beyond = {side: np.zeros(len(doses), dtype=bool) for side in ("below", "above")}
    for i in np.flatnonzero(reading == "less effective"):
        others = (reading == "effective") & (study == study[i]) & (routes == routes[i])
        beyond["below"][i] = (high[i] < low[others]).any()  # an amount that is not stated compares with none
        beyond["above"][i] = (low[i] > high[others]).any()
    return beyond
