"""Every combination of the dials, with what follows from each: a specification curve.

After Simonsohn, Simmons and Nelson 2020 (Nature Human Behaviour 4:1208, doi 10.1038/s41562-020-0912-z): all settings that
somebody could defend are computed, sorted by their result, and shown with the assumptions that make them.
"""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from evlib.doses.dose_verdicts import verdicts_by_dials
from evlib.doses.dose_windows import (
    CAVEAT,
    ROUTES,
    Setting,
    amounts_under,
    concentrations,
    share_lower,
    share_of_saline,
    windows,
)
from evlib.doses.evidence import DIALS, Amounts, in_question, readings_of, tested_doses
from evlib.doses.to_particles import amount_in_particles

_OF_MASSES = ("exosome_mass_is_protein", "cited_factors", "body_weight_kg")
_OF_FACTORS = ("exoflo_per_ml", *_OF_MASSES)
_OF_DOSES = (
    *("study_id", "arm_id", "route_group", "low", "high", "amount_low", "amount_high", "each_median", "randomised"),
)
_OF_AMOUNTS = ("per", "nebulised_share")
_OF_QUESTION = ("pairs_only", "not_msc", "lung_only")
_RULE, _COMPARE = "effective_if", "compare"
_WEIGHT_KG = (50.0, 100.0)


def levels_of(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> dict[str, list[Any]]:
    """The values of each dial that are combined: all that it takes, or those of the sources; and the one that is set.

    Examples
    --------
    >>> from evlib.doses.evidence import dials
    >>> conversions = pd.DataFrame({"quantity": [], "low": [], "high": []}, dtype="str")
    >>> levels = levels_of({"conversions": conversions, "stated": pd.DataFrame()}, dials(body_weight_kg=(60, 80)))
    >>> levels["per"], levels["body_weight_kg"]
    (['administration', 'course'], [None, (50.0, 100.0), (60.0, 80.0)])
    """
    of_sources = {
        "exoflo_per_ml": (None, *concentrations(tables, settings)),
        "nebulised_share": (DIALS["nebulised_share"][0], share_of_saline(tables)),
        "body_weight_kg": (None, _WEIGHT_KG),
    }
    levels = {}
    for name, (default, allowed, _) in DIALS.items():
        values = allowed or of_sources.get(name)
        if values:
            levels[name] = list(dict.fromkeys([*values, default, _plain(settings[name])]))
    return levels


def full_cross(tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> pd.DataFrame:
    """The share of the readings and the verdicts under every combination of the dials.

    A dial on what a mass or a volume holds that moves no dose of either route in any combination would only repeat every
    setting; it is left out. ``draws`` and ``seed`` are those of ``settings``.

    Parameters
    ----------
    tables, settings
        As ``evlib.doses.evidence.evidence_tables`` and ``dials`` return them.

    Returns
    -------
    pandas.DataFrame
        One row per combination: the dials that are combined (``nebulised_share`` and ``body_weight_kg`` as text; a missing
        ``exoflo_per_ml``: every reading, a missing weight: not converted); ``as_set``; ``n_nebulised, n_intravenous``:
        reports with an effective dose in particles; ``nebulised_low`` to ``intravenous_high``: the utmost bounds of these
        doses; ``share_any, share_minimum`` of ``dose_windows.share_lower`` and
        ``share``, the one that ``compare`` asks for (missing: cannot be computed); the verdict on each claim on which dials
        bear; ``parameters``: what to write into the chapter's cell of parameters to compute this row alone; ``caveat``.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> from evlib.doses.evidence import dials, evidence_tables
    >>> none = (pd.DataFrame(columns=columns(name)) for name in ("records", "doses", "trials"))  # the reports alone
    >>> tables = evidence_tables("data/raw", *none)
    >>> cross = full_cross(tables | {"conversions": tables["conversions"][:0]}, dials(draws=2))
    >>> cross[["per", "compare", "as_set", "parameters"]].head(3)
                  per  compare  as_set              parameters
    0  administration  minimum    True  as they are by default
    1  administration      any   False         compare = 'any'
    2  administration  minimum   False       lung_only = False
    """
    levels = levels_of(tables, settings)
    drawn = _amounts_that_differ(tables, settings, levels)
    chosen = _plain_settings(settings)
    by_rule = _readings(tables, settings, drawn[0][1], levels)  # which no amount in particles changes
    rows = []
    for turned, amounts in drawn:
        under = settings | turned
        for turned_too in _combinations(levels, _OF_AMOUNTS):
            under = under | turned_too
            rows += _judged(under, tested_doses(amounts, under), by_rule, levels)
    table = pd.DataFrame(rows)
    crossed = [name for name in DIALS if name in table and table[name].map(repr).nunique() > 1]
    table["as_set"] = [all(row[name] == chosen[name] for name in crossed) for row in rows]
    table["parameters"] = [_as_parameters(row, list(levels)) for row in rows]
    for name in ("nebulised_share", "body_weight_kg"):
        if name in crossed:
            table[name] = table[name].map(lambda bounds: None if bounds is None else f"{bounds[0]:g} to {bounds[1]:g}")
    table["exoflo_per_ml"] = table.exoflo_per_ml.astype("float64")
    others = [name for name in table if name not in DIALS and name not in ("parameters", "as_set")]
    return table[[*crossed, "as_set", *others, "parameters"]].assign(caveat=CAVEAT)


def dials_left_out(cross: pd.DataFrame, levels: dict[str, list[Any]]) -> list[str]:
    """The dials that ``full_cross`` did not combine, since they move no dose of either route.

    Examples
    --------
    >>> cross = pd.DataFrame({"per": ["administration", "course"], "share": [0.8, 0.9]})
    >>> dials_left_out(cross, {"per": ["administration", "course"], "body_weight_kg": [None, (50.0, 100.0)]})
    ['body_weight_kg']
    """
    return [name for name in levels if name not in cross]


def _amounts_that_differ(
    tables: dict[str, pd.DataFrame], settings: dict[str, Any], levels: dict[str, list[Any]]
) -> list[tuple[dict[str, Any], Amounts]]:
    """The amounts under each combination of the dials on what a mass or a volume holds, without dials that move no dose."""
    as_set = {name: _plain(settings[name]) for name in _OF_FACTORS}
    few = settings | {"draws": 1}
    masses = _combinations(levels, _OF_MASSES)
    bounds = [_bounds(amounts_under(tables, few | turned)) for turned in masses]
    moving = [
        name
        for name in _OF_MASSES
        if any(bounds[i] != bounds[masses.index(turned | {name: as_set[name]})] for i, turned in enumerate(masses))
    ]
    every = _combinations(levels | {name: [as_set[name]] for name in _OF_MASSES if name not in moving}, _OF_FACTORS)
    return [(turned, amounts_under(tables, settings | turned)) for turned in every]


def _combinations(levels: dict[str, list[Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [dict(zip(names, values, strict=True)) for values in product(*(levels[name] for name in names))]


def _bounds(amounts: Amounts) -> list[tuple[float, float]]:
    """The bounds of the doses of both routes, for comparing them; -1: not convertible."""
    of_routes = amounts.routes.isin(ROUTES)
    low, high = (amount_in_particles(amounts.plan, bound)[of_routes].fillna(-1) for bound in ("low", "high"))
    return list(zip(low, high, strict=True))


def _readings(
    tables: dict[str, pd.DataFrame], settings: dict[str, Any], amounts: Amounts, levels: dict[str, list[Any]]
) -> dict[tuple, tuple[np.ndarray, pd.DataFrame, tuple]]:
    """For each rule and each combination of the dials of the question: which doses are asked about, the readings of all,
    and a key that is the same where the same doses are read alike."""
    doses, _ = tested_doses(amounts, settings)
    found = {}
    for rule in levels[_RULE]:
        read = readings_of(doses, tables["outcomes"], tables["paper"], settings | {_RULE: rule})
        facts = read[["reading", "better_than_another"]]
        for question in _combinations(levels, _OF_QUESTION):
            asked = in_question(read, settings | question)
            places = np.flatnonzero(asked & read.route_group.isin(ROUTES))
            found[rule, *question.values()] = places, facts, (*places, *facts.reading.iloc[places])
    return found


def _judged(
    settings: dict[str, Any],
    tested: tuple[pd.DataFrame, np.ndarray],
    by_rule: dict[tuple, tuple[np.ndarray, pd.DataFrame, tuple]],
    levels: dict[str, list[Any]],
) -> list[dict[str, Any]]:
    """A row for each rule, question and comparison, of doses whose amounts are the same."""
    doses, draws = tested
    once, asked, doses = {}, {}, doses[list(_OF_DOSES)]
    for key, (places, facts, same) in by_rule.items():
        if same not in once:  # many combinations ask about the same doses, read alike
            own = doses.iloc[places].assign(**{name: facts[name].iloc[places] for name in facts}).reset_index(drop=True)
            drawn = draws[:, places]
            once[same] = own, drawn, (table := windows(own, drawn)), share_lower(own, drawn), _numbers(table)
        asked[key] = once[same]
    rows, verdicts = [], {}
    for (rule, *question), (own, drawn, table, shares, numbers) in asked.items():
        compared = asked["compared", *question][2]
        for compare in levels[_COMPARE]:
            dials = settings | dict(zip(_OF_QUESTION, question, strict=True)) | {_RULE: rule, _COMPARE: compare}
            if (same := (id(table), id(compared), compare)) not in verdicts:
                verdicts[same] = verdicts_by_dials(Setting(dials, own, drawn, table, compared, shares))
            rows.append(
                {name: dials[name] for name in levels}
                | numbers
                | {f"share_{of}": share for of, share in shares.items()}
                | {"share": shares[compare], **verdicts[same]}
            )
    return rows


def _numbers(table: pd.DataFrame) -> dict[str, Any]:
    """What a row of ``full_cross`` says of the ``windows`` of both routes."""
    columns = (table[name].tolist() for name in ("route_group", "n_counted", "effective_low", "effective_high"))
    routes = list(zip(*columns, strict=True))
    counts = {f"n_{route}": n for route, n, _, _ in routes}
    return counts | {f"{route}_{end}": value for route, _, *ends in routes for end, value in zip(("low", "high"), ends)}


def _as_parameters(row: dict[str, Any], names: list[str]) -> str:
    """The lines of the cell of parameters that compute a row; dials at their default are left out."""
    turned = [f"{name} = {row[name]!r}" for name in names if row[name] != DIALS[name][0]]
    return "; ".join(turned) or "as they are by default"


def _plain_settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in settings.items()}


def _plain(value: Any) -> Any:
    """A pair of bounds as a tuple, whichever way it was typed."""
    return tuple(map(float, value)) if isinstance(value, (list, tuple)) else value
