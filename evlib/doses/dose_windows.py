"""The question of the paper's section 4: how wide is the range of effective doses per route, and which route needs less?

The way is that of Kabat et al. 2020 (doi 10.1002/sctm.19-0202), which the paper follows: trials with at least one
effective or one less effective dose, and the minimum effective dose per route.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evlib.doses.evidence import DIALS, OF_READINGS, dial_factors, dials, in_question, readings_of, tested_doses
from evlib.doses.to_particles import by_reading

ROUTES = ("nebulised", "intravenous")
_AMOUNTS = ["amount_low", "amount_high"]
NARROW = 1.0  # a window counts as narrow where its highest dose is no more than ten times its lowest


class Setting(NamedTuple):
    """The dials, the tested doses and their draws under them, their ``windows``, and those if only compared doses count as
    effective."""

    dials: dict[str, Any]
    doses: pd.DataFrame
    draws: np.ndarray
    found: pd.DataFrame
    compared: pd.DataFrame


def every_tested(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every tested dose with its reading under some dials, of all diseases and origins, and its draws.

    Parameters
    ----------
    tables, settings
        As ``evlib.doses.evidence.evidence_tables`` and ``dials`` give them.

    Returns
    -------
    doses, draws
        As ``tested_doses`` and ``readings_of`` give them.
    """
    doses, draws = _tested(tables, settings)
    return readings_of(doses, tables["outcomes"], tables["paper"], settings), draws


def evidence(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """As ``every_tested``, with the doses alone to which the question is put (``in_question``)."""
    return _asked(*_tested(tables, settings), tables, settings)


def windows(doses: pd.DataFrame, draws: np.ndarray) -> pd.DataFrame:
    """Per route the range of effective doses, and whether anything bounds it.

    Returns
    -------
    pandas.DataFrame
        One row per route of ``ROUTES``: ``route_group``; ``n_reports`` and ``n_effective_reports`` (with an effective dose),
        of which ``n_counted`` in particles; ``minimum_low, minimum_high``: bounds of the minimum effective dose;
        ``effective_low, effective_high``: utmost bounds of all effective doses; ``n_amounts``: how many different amounts they
        are; ``width_low, width, width_high``: log10 of the highest over the lowest effective dose, 2.5, 50 and 97.5 % of the
        draws (0: one amount was tried, which bounds nothing; missing: none); ``n_less_below, n_less_above``: less effective doses below and above an effective one of the same report;
        ``n_randomised``: reports with an effective dose in particles that are known to be randomised and comparative.
    """
    rows = []
    for route in ROUTES:
        own = doses[doses.route_group == route]
        effective = own[own.reading == "effective"]
        counted = effective.dropna(subset="low")
        drawn = draws[:, counted.index]
        width = np.log10(drawn.max(axis=1) / drawn.min(axis=1)) if len(counted) else np.array([np.nan])
        low, middle, high = np.percentile(width, [2.5, 50, 97.5])
        rows.append(
            {
                "route_group": route,
                "n_reports": own.study_id.nunique(),
                "n_effective_reports": effective.study_id.nunique(),
                "n_counted": counted.study_id.nunique(),
                "minimum_low": counted.low.min(),
                "minimum_high": counted.high.min(),
                "effective_low": counted.low.min(),
                "effective_high": counted.high.max(),
                "n_amounts": len(counted[["low", "high"]].drop_duplicates()),
                **{"width_low": low, "width": middle, "width_high": high},
                **_edges(own),
                "n_randomised": counted[counted.randomised.fillna(False) & counted.comparative].study_id.nunique(),
            }
        )
    return pd.DataFrame(rows)


def probability_lower(doses: pd.DataFrame, draws: np.ndarray) -> dict[str, float]:
    """How probable it is that a nebulised effective dose is below an intravenous one, given the dials.

    Returns
    -------
    dict
        ``any``: of one effective dose of each route, reports drawn with equal chance; ``minimum``: of the minimum effective
        doses. Not-a-number where a route has no effective dose in particles. Only the uncertainty of amounts is in it: not
        whether a dose is effective, nor that the few reports differ in disease, product and patients.
    """
    usable = ((doses.reading == "effective") & doses.low.notna()).to_numpy()
    places = {route: np.flatnonzero(usable & (doses.route_group == route).to_numpy()) for route in ROUTES}
    if not all(found.size for found in places.values()):
        return {"any": np.nan, "minimum": np.nan}
    chances = {}
    for route, found in places.items():
        per_report = doses.study_id.iloc[found]
        weights = 1 / per_report.map(per_report.value_counts()).to_numpy()
        chances[route] = weights / weights.sum()
    nebulised, intravenous = (draws[:, places[route]] for route in ROUTES)
    below = (nebulised[:, :, np.newaxis] < intravenous[:, np.newaxis, :]).mean(axis=0)
    return {
        "any": float(chances[ROUTES[0]] @ below @ chances[ROUTES[1]]),
        "minimum": float((nebulised.min(axis=1) < intravenous.min(axis=1)).mean()),
    }


def settings_to_try(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """One dial turned at a time: a label for each setting, and all its dials. The first is the one in force."""
    every = dials(**{name: settings[name] for name in ("draws", "seed")})
    per_ml = by_reading(dial_factors(tables["conversions"], tables["stated"], every))
    inhaled = tables["conversions"][tables["conversions"].quantity.str.startswith("inhaled mass of nebuliser charge")]
    share = (round(inhaled.low.min() / 100, 2), round(inhaled.high.max() / 100, 2)) if len(inhaled) else (0.5, 1.0)
    turned = {
        **{f"effective if {_RULES[rule]}": {"effective_if": rule} for rule in _RULES},
        "particles of the whole course": {"per": "course"},
        "particles per administration": {"per": "administration"},
        "any effective dose of a route": {"compare": "any"},
        "the least effective dose of a route": {"compare": "minimum"},
        "pairs of doses within a trial only": {"pairs_only": True},
        **{f"ExoFlo: {label}": {"exoflo_per_ml": _single(label)} for label in per_ml},
        f"{share[0]:.2f} to {share[1]:.2f} of a nebulised dose is inhaled, as of saline": {"nebulised_share": share},
        "vesicles of other cells, too; anything better": {"not_msc": True, "effective_if": "reported"},
        "all diseases; anything better": {"lung_only": False, "effective_if": "reported"},
        "all diseases; anything better; µg and weight assumed": {
            **{"lung_only": False, "effective_if": "reported"},
            **{"exosome_mass_is_protein": True, "body_weight_kg": (50.0, 100.0)},
        },
    }
    tried = {label: settings | one for label, one in turned.items() if any(settings[k] != v for k, v in one.items())}
    return {"as set": settings} | tried


def every_setting(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> dict[str, Setting]:
    """What there is to judge under each of ``settings_to_try``, by its label; the first is the one in force."""
    tested, found = {}, {}
    for label, tried in settings_to_try(tables, settings).items():
        same = repr({name: value for name, value in tried.items() if name not in OF_READINGS})
        if same not in tested:  # the draws are the dear part, and most dials do not change them
            tested[same] = _tested(tables, tried)
        asked = _asked(*tested[same], tables, tried)
        compared = _asked(*tested[same], tables, tried | {"effective_if": "compared"})
        found[label] = Setting(tried, *asked, windows(*asked), windows(*compared))
    return found


def under_assumptions(tried: dict[str, Setting]) -> pd.DataFrame:
    """The windows and the probability under each setting of ``every_setting``: two rows (one per route) for each.

    Returns
    -------
    pandas.DataFrame
        ``assumption``, the columns of ``windows``, ``probability_any`` and ``probability_minimum`` (the same in both rows).
    """
    parts = []
    for label, one in tried.items():
        chance = probability_lower(one.doses, one.draws)
        parts.append(
            one.found.assign(assumption=label, probability_any=chance["any"], probability_minimum=chance["minimum"])
        )
    table = pd.concat(parts, ignore_index=True)
    return table[["assumption", *(name for name in table if name != "assumption")]]


def dial_table(settings: dict[str, Any]) -> pd.DataFrame:
    """Each dial with its value, its default and what it means."""
    rows = [(name, str(settings[name]), str(default), words) for name, (default, _, words) in DIALS.items()]
    return pd.DataFrame(rows, columns=["dial", "value", "default", "meaning"])


_RULES = {
    "paper": "the paper reads it so",
    "reported": "anything was reported as better",
    "compared": "better than a comparison group",
    "primary": "better in a primary outcome",
}


def _tested(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every tested dose with its draws, not yet read."""
    factors = dial_factors(tables["conversions"], tables["stated"], settings)
    return tested_doses(tables["flags"], tables["arms"], factors, settings)


def _asked(
    doses: pd.DataFrame, draws: np.ndarray, tables: dict[str, pd.DataFrame], settings: dict[str, Any]
) -> tuple[pd.DataFrame, np.ndarray]:
    """The tested doses of the question with their readings, and their draws."""
    read = readings_of(doses, tables["outcomes"], tables["paper"], settings)
    kept = in_question(read, settings).to_numpy()
    return read[kept].reset_index(drop=True), draws[:, kept]


def _single(label: str) -> float:
    return float(label.split()[0])


def _edges(own: pd.DataFrame) -> dict[str, int]:
    """How many less effective doses lie below and above an effective dose of the same report, by the stated amounts."""
    counted = own[["study_id", "arm_id", "reading", *_AMOUNTS]].dropna(subset=_AMOUNTS).to_dict("records")
    effective, less = (
        [row for row in counted if row["reading"] == reading] for reading in ("effective", "less effective")
    )
    pairs = [(one, other) for one in effective for other in less if one["study_id"] == other["study_id"]]
    return {
        "n_less_below": len({other["arm_id"] for one, other in pairs if other["amount_high"] < one["amount_low"]}),
        "n_less_above": len({other["arm_id"] for one, other in pairs if other["amount_low"] > one["amount_high"]}),
    }
