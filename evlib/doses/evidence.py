"""What published and posted results say of each tested dose, arm by arm, on one scale and under stated assumptions.

The assumptions are dials (``DIALS``): each has a default, which a notebook or a reader may change.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import corrected_csv, read_csv
from evlib.base.tables import kept_numbers
from evlib.doses.parse_agreement import record_doses, with_readers_doses
from evlib.doses.stated_doses import report_url
from evlib.doses.to_particles import (
    amount_in_particles,
    conversion_factors,
    conversion_plan,
    harmonised,
    has_interval,
    named_product,
    particle_draws,
    products_of,
    read_conversions,
)

# Name of a dial: its default, the values it may take (None: any of its kind), and what it means.
DIALS: dict[str, tuple[Any, tuple | None, str]] = {
    "effective_if": (
        "paper",
        ("paper", "reported", "compared", "primary"),
        "which doses count as effective: those that the paper reads so; those with any result better than another arm, or "
        "improved since before (which is no evidence that the dose did it); those better than another arm; or those "
        "better than another arm in a primary outcome",
    ),
    "per": ("administration", ("administration", "course"), "particles of one administration or of the whole course"),
    "compare": (
        "minimum",
        ("minimum", "any"),
        "which effective doses are compared: the lowest of each route (Kabat 2020), or any",
    ),
    "pairs_only": (False, (False, True), "only trials with an effective and a less effective dose (Kabat 2020)"),
    "exoflo_per_ml": (None, None, "particles in a millilitre of ExoFlo; None: every reading, each as likely"),
    "exosome_mass_is_protein": (False, (False, True), "whether micrograms of exosomes are micrograms of protein"),
    "cited_factors": (
        True,
        (True, False),
        "whether factors for a mass that were cited and not read at their source count beside those that were",
    ),
    "nebulised_share": ((1.0, 1.0), None, "which share of a nebulised dose counts (1: all that the device held)"),
    "body_weight_kg": (None, None, "least and greatest weight, for doses per kilogram; None: these are not converted"),
    "not_msc": (False, (False, True), "whether vesicles of other cells count as well"),
    "lung_only": (True, (True, False), "whether only diseases of the lung and their volunteers count"),
    "draws": (10_000, None, "how many draws the intervals rest on"),
    "seed": (2025, None, "where the random numbers start"),
}
# What a reader needs of a tested dose.
SHOWN = (
    *("study", "arm", "reading", "because", "outcomes_on_file", "n", "dose_as_reported"),
    *("in_paper", "msc_derived", "randomised", "comparative"),
)
READINGS = ("effective", "less effective", "no effect shown", "tolerated", "harm", "not compared", "not in the paper")

_OF_PAPER = ("effective", "less effective", "tolerated", "harm")
_REPORT_UNITS = {"µg": "ug exosomes", "µg/kg": "ug exosomes/kg"}
_REPORT_UNITS |= dict.fromkeys(("µg exosome per g ointment", "g product"), "other")
_ROUTE_GROUPS = {"nebulised": "nebulised", "iv": "intravenous"}
# What a direction says (data/raw/curation/CODING.md): of another arm, or of the same arm before.
BETWEEN_ARMS = ("better", "worse", "no difference")
_BEFORE_AFTER = ("improved", "worsened", "unchanged")
# Whether a record says that people were randomised, by its words for the allocation.
RANDOMISED_BY_RECORD = {"Randomized": True, "Non-Randomized": False}
_TOLD = ["post_hoc", "shares_of", "p_from"]  # of an outcome, by comparisons_told.csv
_ALLOCATION = {"randomised": True, "non-randomised": False, "single-arm": False}
_LUNG = ("lung", "healthy")


def dials(**given: Any) -> dict[str, Any]:
    """All dials: the defaults, with what is given in their place; an unknown dial or value is an ``InputError``.

    Examples
    --------
    >>> settings = dials(per="course")
    >>> settings["per"], settings["compare"]
    ('course', 'minimum')
    >>> dials(per="week")
    Traceback (most recent call last):
        ...
    evlib.base.errors.InputError: the dial 'per' cannot be 'week'. It takes: administration, course.
    """
    for name, value in given.items():
        if name not in DIALS:
            raise InputError(f"there is no dial '{name}'. The dials are: {', '.join(DIALS)}.")
        allowed = DIALS[name][1]
        if allowed and value not in allowed:
            raise InputError(f"the dial '{name}' cannot be {value!r}. It takes: {', '.join(map(str, allowed))}.")
    settings = {name: default for name, (default, _, _) in DIALS.items()} | given
    (least, most), per_ml = settings["nebulised_share"], settings["exoflo_per_ml"]
    if not 0 < least <= most <= 1:
        raise InputError(f"the dial 'nebulised_share' cannot be {least, most}. Give a least and a greatest share of 1.")
    if per_ml is not None and not per_ml > 0:
        raise InputError(f"the dial 'exoflo_per_ml' cannot be {per_ml}. Give a number of particles above zero.")
    return settings


def dial_factors(conversions: pd.DataFrame, stated: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """The factors of ``evlib.doses.to_particles.conversion_factors`` under the dials, ExoFlo's reading among them.

    A factor that was cited and not read at its source weighs nothing where the dial ``cited_factors`` says so. A concentration that no source states is added as a factor of its own, named as an assumption.

    Examples
    --------
    >>> stated = pd.DataFrame({"trn": ["NCT1", "NCT2"], "low": [1e9, 1e10], "high": [1e9, 1e10], "unit": "particles"})
    >>> stated = stated.assign(volume_ml=1.0, as_stated="particles in 1 mL of ExoFlo")
    >>> factors = dial_factors(pd.DataFrame(), stated, dials(exoflo_per_ml=1e10))
    >>> factors[["product", "from_unit", "low", "weight", "source"]]
      product   from_unit           low  weight source
    0  ExoFlo  mL product  1.000000e+09     0.0   NCT1
    1  ExoFlo  mL product  1.000000e+10     1.0   NCT2
    """
    factors = conversion_factors(conversions, stated, exosome_mass_is_protein=bool(settings["exosome_mass_is_protein"]))
    if not settings["cited_factors"]:
        factors = factors.assign(weight=factors.weight.where(factors.read_at_source, 0.0))
    per_ml = settings["exoflo_per_ml"]
    if per_ml is None:
        return factors
    own = (factors["product"] == "ExoFlo") & (factors.from_unit == "mL product")
    chosen = own & np.isclose(factors.low, per_ml) & np.isclose(factors.high, per_ml)
    factors = factors.assign(weight=factors.weight.mask(own & ~chosen, 0.0))
    if chosen.any():
        return factors
    assumed = {
        **{
            "from_unit": "mL product",
            "product": "ExoFlo",
            "of_trn": None,
            "low": float(per_ml),
            "high": float(per_ml),
            "open": False,
        },
        **{"weight": 1.0, "read_at_source": True, "msc": True, "source": "assumed by the reader"},
        "note": "a concentration that no source states",
    }
    return pd.concat([factors, pd.DataFrame([assumed])], ignore_index=True)


def study_flags(studies: pd.DataFrame, arms: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Per report, whether its vesicles are of MSCs, and whether it is randomised and comparative, as far as is known.

    Parameters
    ----------
    studies, arms, records
        Reports and arms as shipped (of the arms ``study_id, is_control, dose_low``); of the records ``trn, allocation``.

    Returns
    -------
    pandas.DataFrame
        One row per report: ``study_id, study, trn, disease, disease_group, msc_derived, randomised`` (missing: neither the
        report, as it was read, nor the record says), ``comparative`` (with a comparison arm, or two doses
        or more) and ``source_url``.
    """
    allocation = studies.trn.map(records.drop_duplicates("trn").set_index("trn").allocation)
    by_record = allocation.map(RANDOMISED_BY_RECORD).astype("boolean")
    by_report = studies.allocation.map(_ALLOCATION).astype("boolean")
    control = arms[arms.is_control == "True"].groupby("study_id").size()
    tested = arms[arms.is_control != "True"].dropna(subset="dose_low").groupby("study_id").dose_low.nunique()
    return pd.DataFrame(
        {
            **{name: studies[name] for name in ("study_id", "study", "trn", "disease", "disease_group")},
            "msc_derived": studies.msc_derived == "True",
            "randomised": by_report.fillna(by_record),
            "comparative": (studies.study_id.map(control).fillna(0) > 0) | (studies.study_id.map(tested).fillna(0) > 1),
            "source_url": report_url(studies),
        }
    )


class Amounts(NamedTuple):
    """The arms with vesicles: their ``rows`` and ``routes``, their amounts as ``stated`` and the ``plan`` to convert them; their
    draws per administration (``each``) and per ``course``, and one number between 0 and 1 per draw for the share that is inhaled."""

    rows: pd.DataFrame
    routes: pd.Series
    stated: pd.DataFrame
    plan: pd.DataFrame
    each: np.ndarray
    course: np.ndarray
    shares: np.ndarray


def tested_amounts(
    flags: pd.DataFrame,
    arms: pd.DataFrame,
    factors: pd.DataFrame,
    settings: dict[str, Any],
    *,
    not_randomised: Collection[str] = (),
) -> Amounts:
    """Every dose of vesicles that a report tested, drawn; the dials ``per`` and ``nebulised_share`` are not applied yet.

    Parameters
    ----------
    flags, factors, settings
        As ``study_flags``, ``dial_factors`` and ``dials`` return them.
    arms
        ``arm_id, study_id, arm, role, n, route, source_cell, dose_low, dose_high, dose_unit, dose_as_reported,
        doses_per_course``. Only arms whose ``role`` is ``ev`` are taken: no controls, cells or other products.
    not_randomised
        Arms of randomised reports that were compared with people who were not randomised to be compared with them.
    """
    names = ["study_id", "study", "trn", "disease_group", "msc_derived", "randomised", "comparative", "source_url"]
    rows = arms[arms.role == "ev"].merge(flags[names], on="study_id")
    rows["randomised"] &= ~rows.arm_id.isin(not_randomised)
    words = rows.arm.str.cat(rows[["source_cell", "dose_as_reported"]], sep=" ", na_rep="")
    products = pd.Series(map(named_product, words), index=rows.arm_id)
    low, high = (pd.to_numeric(rows[name], errors="coerce") for name in ("dose_low", "dose_high"))
    given = rows.dose_low.notna() | rows.dose_high.notna()
    unreadable = given & ~((low > 0) & (low <= high))
    stated = pd.DataFrame(
        {
            **{"trn": rows.arm_id, "arm": rows.arm, "low": low.mask(unreadable), "high": high.mask(unreadable)},
            "unit": rows.dose_unit.map(lambda unit: _REPORT_UNITS.get(unit, unit)).fillna("unspecified"),
            **{"per": "administration", "n_administrations": whole_numbers(rows.doses_per_course)},
        }
    )
    counted = stated
    if "record_low" in rows:
        own = rows.record_low.notna().to_numpy()
        counted = stated.assign(
            low=stated.low.mask(own, rows.record_low),
            high=stated.high.mask(own, rows.record_high),
            unit=stated.unit.mask(own, "particles"),
        )
    plan = conversion_plan(counted, factors, products=products.dropna(), body_weight_kg=settings["body_weight_kg"])
    unstated = stated.low.isna().to_numpy()
    plan.loc[unstated, ["basis", "why"]] = ["not convertible", "the report, as we read it, states no amount"]
    wrong = "arms.csv: dose_low '" + rows.dose_low.fillna("") + "' and dose_high '" + rows.dose_high.fillna("")
    plan["range_of"] = rows.study_id.array
    plan["why"] = plan.why.mask(unreadable, wrong + "' are no amounts above zero, the low one first. Correct them.")
    rng = np.random.default_rng(settings["seed"])
    each, course = particle_draws(plan, factors, rng=rng, draws=settings["draws"])
    other_route = rows.route.str.contains(" then ", na=False).map({True: "combined", False: "other"})
    routes = rows.route.map(_ROUTE_GROUPS).fillna(other_route).where(rows.route.notna())
    return Amounts(rows, routes.astype("str"), stated, plan, each, course, rng.random(settings["draws"]))


def tested_doses(amounts: Amounts, settings: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Every dose of vesicles that a report tested, in particles as far as anything allows, and its draws.

    Parameters
    ----------
    amounts, settings
        As ``tested_amounts`` and ``dials`` return them.

    Returns
    -------
    doses, draws
        One row per arm: ``study_id, study, trn, arm_id, arm, n, route_group`` ("nebulised", "intravenous", "combined",
        "other" or missing), ``disease_group``, the flags of the report, ``dose_as_reported``, ``amount_low, amount_high``
        in its unit, ``basis, why, interval, conversion_note``; ``low, high`` (utmost bounds), ``q025, median, q975`` (the first
        and the last only where factors are of two sources or more) in particles per administration or course, as the dial
        says; ``each_median``: the median per administration, as loaded; and ``source_url``. The draws have a row per draw and a column per arm; not-a-number where nothing converts.
    """
    rows, routes, stated, plan = amounts.rows, amounts.routes, amounts.stated, amounts.plan
    draws = (amounts.course if settings["per"] == "course" else amounts.each).copy()
    nebulised = (routes == "nebulised").to_numpy()
    least, most = settings["nebulised_share"]
    share = least * (most / least) ** amounts.shares
    draws[:, nebulised] *= share[:, np.newaxis]
    interval = plan.interval + np.where(
        nebulised & (least < most), "; bounds of the share that is inhaled, as assumed", ""
    )
    times = plan.n_administrations.astype("float64") if settings["per"] == "course" else 1.0
    middle = np.percentile(draws, [2.5, 50, 97.5], axis=0)
    middle[::2, ~has_interval(plan)] = np.nan
    doses = pd.DataFrame(
        {
            **{name: rows[name] for name in ("study_id", "study", "trn", "arm_id", "arm")},
            **{"n": whole_numbers(rows.n), "route_group": routes},
            **{name: rows[name] for name in ("disease_group", "msc_derived", "randomised", "comparative")},
            **{"dose_as_reported": rows.dose_as_reported, "amount_low": stated.low, "amount_high": stated.high},
            **{"basis": plan.basis, "why": plan.why, "interval": interval, "conversion_note": plan.conversion_note},
            "low": amount_in_particles(plan, "low") * times * np.where(nebulised, least, 1.0),
            "high": amount_in_particles(plan, "high") * times * np.where(nebulised, most, 1.0),
            **dict(zip(("q025", "median", "q975"), middle, strict=True)),
            "each_median": np.median(amounts.each, axis=0),
            "source_url": rows.source_url,
        }
    )
    return doses, draws


def readings_of(
    doses: pd.DataFrame, outcomes: pd.DataFrame, paper: pd.DataFrame, settings: dict[str, Any]
) -> pd.DataFrame:
    """What the results say of each tested dose, by the rule of the dial ``effective_if``.

    Parameters
    ----------
    doses
        As ``tested_doses`` returns it.
    outcomes
        ``arm_id, name, direction, comparison, primary, post_hoc`` of each outcome that a report shows.
    paper
        How section 4 of Wang 2025 reads an arm: ``arm_id, reading, quote`` (``data/raw/paper/section4.csv``).

    Returns
    -------
    pandas.DataFrame
        The doses with ``in_paper`` (used in the paper's section 4), ``outcomes_on_file`` (how many we could read), ``better_than_another`` (an outcome was better than in another arm),
        ``reading`` (one of ``READINGS``) and ``because``. A dose is less effective where it was compared without an effect
        and another dose of the same report, whose amount does not overlap, is effective.
    """
    arm, rule = doses.arm_id, settings["effective_if"]
    if rule == "paper":
        by_paper = paper.set_index("arm_id")
        reading = arm.map(by_paper.reading).fillna("not in the paper")
        because = arm.map('the paper: "' + by_paper.quote + '"').fillna("not in the paper's section 4")
    else:
        asked = outcomes[outcomes.direction.isin(BETWEEN_ARMS + (_BEFORE_AFTER if rule == "reported" else ()))]
        asked = asked[asked.primary == "True"] if rule == "primary" else asked
        asked = asked if rule == "reported" else asked[asked.arm_id.isin(arm[doses.comparative])]
        any_name = asked.groupby("arm_id").name.agg("; ".join)
        told = (
            asked.direction.map({"better": "better than another arm: ", "improved": "improved since before: "})
            + asked.name
            + (" (" + asked.post_hoc + ")").fillna("")
        )
        better = told.dropna().groupby(asked.arm_id).agg("; ".join)
        effective, compared = arm.isin(better.index), arm.isin(any_name.index)
        less = compared & ~effective & _beside_effective(doses, effective)
        because = arm.map(better).fillna(arm.map("no difference: " + any_name))
        because = because.fillna("no such outcome is on file")
        because = because.mask(less, "another dose of this report is effective, this one not")
        words = ["effective", "less effective", "no effect shown"]
        reading = np.select([effective, less, compared], words, "not compared")
    on_file = arm.map(outcomes.arm_id.value_counts()).fillna(0).astype("int64")
    better = outcomes.arm_id[(outcomes.direction == "better") & (outcomes.comparison == "between arms")]
    facts = {"in_paper": arm.isin(paper.arm_id), "outcomes_on_file": on_file}
    facts |= {"better_than_another": arm.isin(better) & doses.comparative}
    return doses.assign(**facts, reading=reading, because=because)


def in_question(doses: pd.DataFrame, settings: dict[str, Any]) -> pd.Series:
    """Which rows of ``readings_of`` the question is about: by origin, disease and, where set, pairs of doses."""
    kept = doses.msc_derived | bool(settings["not_msc"])
    if settings["lung_only"]:
        kept &= doses.disease_group.str.startswith(_LUNG)
    if settings["pairs_only"]:
        readings = doses.groupby("study_id").reading.agg(set)
        paired = readings.index[readings.map({"effective", "less effective"}.issubset)]
        kept &= doses.study_id.isin(paired)
    return kept


def unused_doses(doses: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """The tested doses that no comparison of amounts can use, each with why: ``study, arm, dose_as_reported, why``.

    Examples
    --------
    >>> doses = pd.DataFrame({"study": ["A", "B", "C"], "arm": "EVs", "dose_as_reported": ["2e8", "50 µg", "1e9"]})
    >>> doses = doses.assign(basis=["stated", "not convertible", "stated"], why=[None, "the unit is not stated", None])
    >>> doses = doses.assign(msc_derived=True, disease_group=["lung", "lung", "skin"], source_url=None)
    >>> unused_doses(doses, dials())[["study", "dose_as_reported", "why"]]
      study dose_as_reported                                                why
    0     B            50 µg                             the unit is not stated
    1     C              1e9  not of this question (origin of the vesicles, ...
    """
    outside = ~in_question(doses, settings | {"pairs_only": False})
    why = doses.why.where(doses.basis == "not convertible")
    why = why.mask(outside & why.isna(), "not of this question (origin of the vesicles, or disease)")
    unused = doses.assign(why=why).dropna(subset="why")
    return unused[["study", "arm", "dose_as_reported", "why", "source_url"]].reset_index(drop=True)


def evidence_tables(
    raw_dir: str | Path, records: pd.DataFrame, stated: pd.DataFrame, trials: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The tables that the question of doses rests on, by name.

    Parameters
    ----------
    raw_dir
        The folder of raw data, of which ``curation/`` and ``paper/`` are read.
    trials
        ``trn, merged_trns``: a report that names a merged number counts for the trial that is kept.
    records, stated
        Table ``records``; doses that readers coded, as ``evlib.doses.stated_doses.stated_doses`` returns them.

    Returns
    -------
    dict
        ``studies, arms, outcomes, adverse_events, paper, table2`` (as shipped; of a study, ``trn`` is the number that is kept
        and ``named_trn`` the one that the report names; of an outcome, ``post_hoc`` has the words for a comparison that was not
        planned beforehand, ``p_from`` where its p was read, if not in the report), ``conversions``, ``records``, ``stated``
        (doses of the readers and, for trials without any, by the parser), ``flags`` (``study_flags``), and ``not_randomised``
        (arms whose comparison was not randomised though their report is, with the words that say so).

    Raises
    ------
    InputError
        Where a file is missing or unreadable, or a row of ``section4.csv`` fits no arm or no reading, with its line.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> records, stated, trials = (pd.DataFrame(columns=columns(name)) for name in ("records", "doses", "trials"))
    >>> records.loc[0, ["trn", "dose_text"]] = "NCT1", "2*10^8 particles"
    >>> tables = evidence_tables("data/raw", records, stated, trials)
    >>> print(*tables)
    studies arms outcomes adverse_events table2 paper not_randomised conversions records stated flags
    >>> tables["stated"][["trn", "low", "unit", "coded_by"]]
        trn          low       unit coded_by
    0  NCT1  200000000.0  particles   parser
    """
    raw = Path(raw_dir)
    names = ("studies", "arms", "outcomes", "adverse_events")
    tables = {name: corrected_csv(raw / f"curation/{name}.csv") for name in names}
    told = read_csv(raw / "curation/comparisons_told.csv", needs=["arm_id", "outcome", *_TOLD], optional=True)
    told = told.rename(columns={"outcome": "name"})[["arm_id", "name", *_TOLD]].drop_duplicates(["arm_id", "name"])
    tables["outcomes"] = tables["outcomes"].merge(told, on=["arm_id", "name"], how="left", validate="m:1")
    named = tables["studies"].trn
    tables["studies"] = tables["studies"].assign(trn=named.replace(kept_numbers(trials)), named_trn=named)
    return {
        **tables,
        "table2": read_csv(raw / "paper/table2.csv"),
        "paper": _paper_readings(raw / "paper/section4.csv", set(tables["arms"].arm_id)),
        "not_randomised": _comparisons_not_randomised(raw / "curation/comparisons_not_randomised.csv", tables["arms"]),
        "conversions": read_conversions(raw / "curation/conversions.csv"),
        "records": records,
        "stated": with_readers_doses(stated, record_doses(records)),
        "flags": study_flags(tables["studies"], tables["arms"], records),
    }


def registry_particles(doses: pd.DataFrame, tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> pd.DataFrame:
    """The doses of registry records (table ``doses``) in particles, under the dials.

    Returns
    -------
    pandas.DataFrame
        One row per dose: ``trn, arm, route_group, as_stated, told_by`` and what ``evlib.doses.to_particles.harmonised`` returns.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "low": [2e8, 50], "high": [4e8, 50]}, columns=columns("doses"))
    >>> doses = doses.assign(unit=["particles", "unspecified"], per="administration")
    >>> records = doses[["trn"]].reindex(columns=columns("records"))
    >>> tables = {"conversions": pd.DataFrame(), "stated": doses, "records": records}
    >>> registry_particles(doses, tables, dials(draws=10))[["trn", "basis", "low", "high", "why"]]
        trn            basis          low         high                     why
    0  NCT1           stated  200000000.0  400000000.0                     NaN
    1  NCT2  not convertible          NaN          NaN  the unit is not stated
    """
    factors = dial_factors(tables["conversions"], tables["stated"], settings)
    products = products_of(tables["records"])
    plan = conversion_plan(doses, factors, products=products, body_weight_kg=settings["body_weight_kg"])
    rng = np.random.default_rng(settings["seed"])
    particles = harmonised(plan, factors, rng=rng, draws=settings["draws"])
    facts = doses.reset_index(drop=True).reindex(columns=["trn", "arm", "route_group", "as_stated", "told_by"])
    return pd.concat([facts, particles.drop(columns=["trn", "arm"])], axis=1)


def by_kind_of_factor(doses: pd.DataFrame, tables: dict[str, pd.DataFrame], settings: dict[str, Any]) -> pd.DataFrame:
    """Doses of records in a unit of which some factor was cited and not read at its source, with and without it, and by it alone.

    Parameters
    ----------
    doses, tables, settings
        As for ``registry_particles``.

    Returns
    -------
    pandas.DataFrame
        Three rows per dose: ``trn, as_stated, factors`` (which count), ``low, median, high, interval`` and
        ``conversion_note`` (what their sources and notes say of them).

    Examples
    --------
    >>> conversions = pd.DataFrame({"value": [1e8, 1e10], "read_at_source": [True, False], "source_url": ["a", "b"]})
    >>> conversions = conversions.assign(quantity="a yield", unit="particles/µg protein", low=None, high=None)
    >>> tables = {"conversions": conversions.assign(context="", note=None), "stated": pd.DataFrame()}
    >>> doses = pd.DataFrame({"trn": ["NCT1"], "arm": None, "low": 50.0, "high": 50.0, "unit": "ug protein"})
    >>> doses = doses.assign(per="administration", n_administrations=1, as_stated="50 µg")
    >>> by_kind_of_factor(doses, tables, dials(draws=10))[["trn", "as_stated", "factors", "low", "high"]]
        trn as_stated                   factors           low          high
    0  NCT1     50 µg      read at their source  5.000000e+09  5.000000e+09
    1  NCT1     50 µg  not read at their source  5.000000e+11  5.000000e+11
    2  NCT1     50 µg                      both  5.000000e+09  5.000000e+11
    """
    factors = dial_factors(tables["conversions"], tables["stated"], settings | {"cited_factors": True})
    units = set(factors.from_unit[~factors.read_at_source & (factors.weight > 0)])
    of_units = doses[doses.unit.isin(units)].reset_index(drop=True)
    kinds = {
        "read at their source": factors.read_at_source,
        "not read at their source": ~factors.read_at_source,
        "both": factors.weight > 0,
    }
    parts = []
    for kind, counted in kinds.items():
        own = factors.assign(weight=factors.weight.where(counted, 0.0))
        plan = conversion_plan(of_units, own, products=pd.Series(dtype="str"))
        rng = np.random.default_rng(settings["seed"])
        particles = harmonised(plan, own, rng=rng, draws=settings["draws"])
        facts = of_units[["trn", "as_stated"]].assign(factors=kind)
        parts.append(pd.concat([facts, particles[["low", "median", "high", "interval", "conversion_note"]]], axis=1))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


def _paper_readings(path: Path, arms: set[str]) -> pd.DataFrame:
    """How the paper's section 4 reads each arm; a row that fits no arm or no reading stops the run, with its line."""
    rows = read_csv(path, needs=["arm_id", "reading", "quote"])
    problems = {
        "its arm_id is none of curation/arms.csv": ~rows.arm_id.isin(arms),
        "its arm_id stands in an earlier line as well": rows.arm_id.duplicated(),
        f"its reading is none of {', '.join(_OF_PAPER)}": ~rows.reading.isin(_OF_PAPER),
    }
    for problem, wrong in problems.items():
        if wrong.any():
            line = int(wrong.to_numpy().argmax()) + 2
            raise InputError(f"{path}, line {line} ('{rows.arm_id[line - 2]}'): {problem}. Correct the line.")
    return rows


def _comparisons_not_randomised(path: Path, arms: pd.DataFrame) -> pd.DataFrame:
    """Arms of randomised reports whose comparison was not, with the words that say so; an arm that is not on file stops the run."""
    rows = read_csv(path, needs=["arm_id", "words"], optional=True)
    if (unknown := ~rows.arm_id.isin(arms.arm_id)).any():
        line = int(unknown.to_numpy().argmax()) + 2
        raise InputError(
            f"{path}, line {line}: '{rows.arm_id[line - 2]}' is none of curation/arms.csv. Correct the line."
        )
    return rows


def with_doses_of_records(arms: pd.DataFrame, studies: pd.DataFrame, stated: pd.DataFrame) -> pd.DataFrame:
    """The arms with ``record_low, record_high``: the particles that the trial's own record states of the volume given, if so.

    Parameters
    ----------
    arms, studies
        As shipped: ``study_id, dose_low, dose_high, dose_unit``; ``study_id, trn``.
    stated
        Doses of the records: ``trn, low, high, unit, volume_ml``.
    """
    own = stated[(stated.unit == "particles") & stated.volume_ml.notna()]
    own = own.drop_duplicates(["trn", "volume_ml"], keep=False).set_index(["trn", "volume_ml"])
    arms = arms.assign(record_low=float("nan"), record_high=float("nan"))
    trns = arms.study_id.map(studies.drop_duplicates("study_id").set_index("study_id").trn)
    volumes = pd.to_numeric(arms.dose_low, errors="coerce")
    single = (arms.dose_unit == "mL product") & (arms.dose_low == arms.dose_high)
    for place in arms.index[single]:
        if (key := (trns[place], volumes[place])) in own.index:
            arms.loc[place, ["record_low", "record_high"]] = own.loc[key, ["low", "high"]].to_numpy()
    return arms


def whole_numbers(texts: pd.Series) -> pd.Series:
    """The whole numbers above zero among texts; anything else is missing."""
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers.where((numbers > 0) & (numbers % 1 == 0)).astype("Int64")


def _beside_effective(doses: pd.DataFrame, effective: pd.Series) -> pd.Series:
    """Which doses have an effective one of another amount in the same report."""
    pairs = doses.reset_index().merge(doses[effective], on="study_id", suffixes=("", "_other"))
    apart = (pairs.amount_high < pairs.amount_low_other) | (pairs.amount_low > pairs.amount_high_other)
    return pd.Series(doses.index.isin(pairs["index"][apart]), index=doses.index)
