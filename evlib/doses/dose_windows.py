"""The question of the paper's section 4: how wide is the range of effective doses per route, and which route needs less?

The method is that of Kabat et al. 2020 (doi 10.1002/sctm.19-0202), which the paper follows: trials with at least one
effective or one less effective dose, and the minimum effective dose per route.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evlib.doses.evidence import (
    DIALS,
    OF_READINGS,
    dial_factors,
    dials,
    in_question,
    readings_of,
    tested_doses,
    with_doses_of_records,
)

ROUTES = ("nebulised", "intravenous")
NARROW = 1.0  # in powers of ten: a window is narrow where its highest dose is at most ten times its lowest
_AMOUNTS = ["amount_low", "amount_high"]
_RULE_LABELS = {
    "paper": "the paper reads it so",
    "reported": "anything was better, or improved since before",
    "compared": "better than a comparison group",
    "primary": "better in a primary outcome",
}


class Setting(NamedTuple):
    """The dials; the tested doses of the question with their draws; their ``windows``, also if "effective" meant "better
    than a comparison group"."""

    dials: dict[str, Any]
    doses: pd.DataFrame
    draws: np.ndarray
    windows: pd.DataFrame
    compared_windows: pd.DataFrame


def every_tested(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> pd.DataFrame:
    """Every tested dose with its reading under some dials, of all diseases and origins, as ``readings_of`` returns it.

    ``tables`` and ``settings`` are as ``evlib.doses.evidence.evidence_tables`` and ``dials`` return them.
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
        dose), of which ``n_counted`` in particles; ``minimum_low, minimum_high``: bounds of the minimum effective dose;
        ``effective_low, effective_high``: utmost bounds of all effective doses, which are ``n_amounts`` different amounts;
        ``width_low, width, width_high``: log10 of the highest over the lowest effective dose, 2.5, 50 and 97.5 % of the
        draws (0: one amount was tried, which bounds nothing; missing: none); ``n_less_below, n_less_above``: less effective
        doses below and above an effective one of the same report; ``n_randomised``: reports with an effective dose in
        particles that was better than another arm in a comparison known to be randomised.
    """
    rows = []
    for route in ROUTES:
        of_route = doses[doses.route_group == route]
        effective = of_route[of_route.reading == "effective"]
        counted = effective.dropna(subset="low")
        drawn = draws[:, counted.index]
        width = np.log10(drawn.max(axis=1) / drawn.min(axis=1)) if len(counted) else np.array([np.nan])
        low, middle, high = np.percentile(width, [2.5, 50, 97.5])
        randomised = counted[counted.randomised.fillna(False) & counted.better_than_another]
        rows.append(
            {
                "route_group": route,
                **{"n_reports": of_route.study_id.nunique(), "n_effective_reports": effective.study_id.nunique()},
                "n_counted": counted.study_id.nunique(),
                **{"minimum_low": counted.low.min(), "minimum_high": counted.high.min()},
                **{"effective_low": counted.low.min(), "effective_high": counted.high.max()},
                "n_amounts": len(counted[["low", "high"]].drop_duplicates()),
                **{"width_low": low, "width": middle, "width_high": high},
                **{f"n_less_{side}": len(less) for side, less in less_effective_beyond(of_route).items()},
                "n_randomised": randomised.study_id.nunique(),
            }
        )
    return pd.DataFrame(rows)


def share_lower(doses: pd.DataFrame, draws: np.ndarray) -> dict[str, float]:
    """In which share of the readings of the amounts a nebulised effective dose is below an intravenous one, given the dials.

    Returns
    -------
    dict
        ``any``: of one effective dose of each route, each report equally likely; ``minimum``: of the minimum effective
        doses. Not-a-number where a route has no effective dose in particles. Only the uncertainty of amounts counts: not
        whether a dose is effective, nor that the few reports differ in disease, product and patients.
    """
    usable = ((doses.reading == "effective") & doses.low.notna()).to_numpy()
    places = [np.flatnonzero(usable & (doses.route_group == route).to_numpy()) for route in ROUTES]
    if not all(of_route.size for of_route in places):
        return {"any": np.nan, "minimum": np.nan}
    shares = []
    for of_route in places:
        reports = doses.study_id.iloc[of_route]
        weights = 1 / reports.map(reports.value_counts()).to_numpy()
        shares.append(weights / weights.sum())
    nebulised, intravenous = (draws[:, of_route] for of_route in places)
    below = (nebulised[:, :, np.newaxis] < intravenous[:, np.newaxis, :]).mean(axis=0)
    least = (nebulised.min(axis=1) < intravenous.min(axis=1)).mean()
    return {"any": float(shares[0] @ below @ shares[1]), "minimum": float(least)}


def settings_to_try(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """One dial turned at a time: a label for each setting, and all its dials. The first is the one in force."""
    every = dials(**{name: settings[name] for name in ("draws", "seed")})
    factors = dial_factors(tables["conversions"], tables["stated"], every)
    readings = (f"{per_ml:.3g}" for per_ml in factors.low[factors["product"] == "ExoFlo"])
    inhaled = tables["conversions"][tables["conversions"].quantity.str.startswith("inhaled mass of nebuliser charge")]
    share = (round(inhaled.low.min() / 100, 2), round(inhaled.high.max() / 100, 2)) if len(inhaled) else (0.5, 1.0)
    turned = {
        **{f"effective if {words}": {"effective_if": rule} for rule, words in _RULE_LABELS.items()},
        "particles of the whole course": {"per": "course"},
        "particles per administration": {"per": "administration"},
        "any effective dose of a route": {"compare": "any"},
        "the lowest effective dose of a route": {"compare": "minimum"},
        "pairs of doses within a trial only": {"pairs_only": True},
        **{f"ExoFlo: {per_ml} per mL": {"exoflo_per_ml": float(per_ml)} for per_ml in readings},
        f"{share[0]:.2f} to {share[1]:.2f} of a nebulised dose is inhaled, as of saline": {"nebulised_share": share},
        "vesicles of other cells, too; anything better or improved": {"not_msc": True, "effective_if": "reported"},
        "all diseases; anything better or improved": {"lung_only": False, "effective_if": "reported"},
        "all diseases; anything better or improved; µg and weight assumed": {
            **{"lung_only": False, "effective_if": "reported"},
            **{"exosome_mass_is_protein": True, "body_weight_kg": (50.0, 100.0)},
        },
    }
    tried = {label: settings | one for label, one in turned.items() if any(settings[k] != v for k, v in one.items())}
    return {"as set": settings} | tried


def every_setting(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> dict[str, Setting]:
    """What there is to judge under each of ``settings_to_try``, by its label; the first is the one in force."""
    tested, by_label = {}, {}
    for label, tried in settings_to_try(tables, settings).items():
        of_amounts = repr({name: value for name, value in tried.items() if name not in OF_READINGS})
        if of_amounts not in tested:  # drawing is slow, and most dials do not change what is drawn
            tested[of_amounts] = _tested(tables, tried)
        asked = doses_in_question(tables, tried, tested=tested[of_amounts])
        compared = doses_in_question(tables, tried | {"effective_if": "compared"}, tested=tested[of_amounts])
        by_label[label] = Setting(tried, *asked, windows(*asked), windows(*compared))
    return by_label


def under_assumptions(tried: dict[str, Setting]) -> pd.DataFrame:
    """The windows and the share of the readings under each setting of ``every_setting``, a row per route.

    Returns
    -------
    pandas.DataFrame
        ``assumption``, the columns of ``windows``, ``share_any`` and ``share_minimum`` (the same for both routes).
    """
    parts = []
    for label, setting in tried.items():
        shares = {f"share_{of}": share for of, share in share_lower(setting.doses, setting.draws).items()}
        parts.append(setting.windows.assign(**shares))
        parts[-1].insert(0, "assumption", label)
    return pd.concat(parts, ignore_index=True)


def dial_table(settings: dict[str, Any]) -> pd.DataFrame:
    """Each dial with its value, its default and what it means."""
    rows = [(name, str(settings[name]), str(default), words) for name, (default, _, words) in DIALS.items()]
    return pd.DataFrame(rows, columns=["dial", "value", "default", "meaning"])


def _tested(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every tested dose with its draws, not yet read."""
    factors = dial_factors(tables["conversions"], tables["stated"], settings)
    arms = with_doses_of_records(tables["arms"], tables["studies"], tables["stated"])
    return tested_doses(tables["flags"], arms, factors, settings, not_randomised=tables["not_randomised"].arm_id)


def less_effective_beyond(doses: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The less effective doses ``below`` and ``above`` an effective dose of the same report, by the stated amounts."""
    stated = doses.dropna(subset=_AMOUNTS)
    found = {side: set() for side in ("below", "above")}
    effective = stated[stated.reading == "effective"]
    for less in stated[stated.reading == "less effective"].itertuples():
        others = effective[effective.study_id == less.study_id]
        if (less.amount_high < others.amount_low).any():
            found["below"].add(less.arm_id)
        if (less.amount_low > others.amount_high).any():
            found["above"].add(less.arm_id)
    return {side: doses[doses.arm_id.isin(arms)] for side, arms in found.items()}
