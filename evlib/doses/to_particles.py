"""Doses as particles per administration and per course: stated, derived, assumed, or not convertible, each with why.

No number is made up here: every factor is a row of a table, made from ``data/raw/curation/conversions.csv`` and from records
that state both a volume and the particles in it. A notebook may change the table, and everything that follows changes.
"""

import math
import re
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.base.errors import InputError
from evlib.base.identifiers import registration_numbers
from evlib.base.schema import MULTI, corrected_csv, read_csv, split_multi
from evlib.base.words import several
from evlib.doses.parse import in_unit
from evlib.doses.stated_doses import BY_REVIEW

PRODUCTS = ("ExoFlo", "Zofin")  # products by name, whose concentration some source states
# How many particles a dose holds, by what that rests on: the one place that says what these words mean.
BASES = {
    "stated": "the trial's own record or report counts the particles",
    "derived": "a volume times the concentration that sources state of that very product, or a mass whose particles the trial's "
    "own record states",
    "assumed": "it rests on what others say: a mass times a factor that stands in another trial's record or in the literature, "
    "or a number that a review tells of the trial and its record, as it was read, does not",
    "not convertible": "no source in use says how many particles the amount holds",
}
FACTORS = ("from_unit", "product", "of_trn", "low", "high", "open", "weight", "read_at_source", "msc", "source", "note")

_COUNTED = r"(?:EVs?|EV particles|exosomes|particles|nanoparticles)"
_FACTOR_UNITS = [
    (re.compile(rf"{_COUNTED}\s*(?:/|per)\s*(?P<n>[\d.]+)?\s*m[lL]\b(?!, with)"), "mL product"),
    (re.compile(rf"{_COUNTED}/µg protein\b"), "ug protein"),
    (re.compile(rf"{_COUNTED}/mL, with (?P<mg>[\d.]+) mg protein/mL"), "ug protein"),
    (re.compile(rf"{_COUNTED} per (?P<least>[\d.]+)-(?P<most>[\d.]+) µg exosomes"), "ug exosomes"),
]


def read_conversions(path: str | Path) -> pd.DataFrame:
    """The table of conversions (``conversions.csv``), its numbers and its flag parsed.

    ``of_trn``: the trial whose own record it is, by ``own_conversion`` in ``dose_decisions.csv`` beside it. A value that is no positive number, or a flag that is neither True nor False, is an ``InputError``.
    """
    rows = corrected_csv(path, needs=["quantity", "value", "low", "high", "unit", "context", "read_at_source", "note"])
    names = ["value", "low", "high"]
    numbers = rows[names].apply(pd.to_numeric, errors="coerce")
    bad = ((numbers.isna() & rows[names].notna()) | (numbers <= 0)).any(axis=1)
    bad |= ~rows.read_at_source.isin(["True", "False"])
    if bad.any():
        line = int(bad.to_numpy().argmax()) + 2
        raise InputError(f"{path}, line {line}: a value is no positive number, or read_at_source is not True or False.")
    decided = read_csv(Path(path).with_name("dose_decisions.csv"), needs=["trn", "own_conversion"], optional=True)
    own = decided.dropna(subset="own_conversion").set_index("own_conversion").trn
    return rows.assign(**numbers, read_at_source=rows.read_at_source == "True", of_trn=rows.quantity.map(own))


def conversion_factors(
    conversions: pd.DataFrame, stated: pd.DataFrame | None = None, *, exosome_mass_is_protein: bool = False
) -> pd.DataFrame:
    """Particles per unit of other kinds of dose, each with its source.

    Parameters
    ----------
    conversions
        As ``read_conversions`` returns it. Its rows without a number, and yields of a harvest, are no factors.
    stated
        Doses with ``trn, low, high, unit, volume_ml, as_stated``, coded by readers or read by the parser: one that counts the
        particles in a volume of a product of ``PRODUCTS`` is a factor of that product.
    exosome_mass_is_protein
        Whether factors per µg protein shall count for a mass "of exosomes", of which sources do not say what was weighed.

    Returns
    -------
    pandas.DataFrame
        One row per reading: ``from_unit`` ("mL product", "ug protein", "ug exosomes"), ``product`` (missing: any), ``of_trn``
        (the trial whose record states it of its own doses, which no other factor then converts; missing: none),
        ``low`` and ``high`` in particles per unit, ``open`` (the source gives one bound only, used for both), ``weight``
        (how often a reading is drawn, relative to others; 0: never, as those of sources on other than MSC-EVs, except a
        product's own), ``read_at_source``, ``msc``, ``source`` and ``note``. Equal readings of one product are one row.
    """
    rows = [factor for row in conversions.to_dict("records") if (factor := _factor(row))]
    if stated is not None:
        rows += [factor for row in stated.to_dict("records") if (factor := _factor_of_dose(row))]
    if exosome_mass_is_protein:
        rows += [row | {"from_unit": "ug exosomes"} for row in rows if row["from_unit"] == "ug protein"]
    factors = pd.DataFrame(rows, columns=list(FACTORS))
    factors[["low", "high"]] = factors[["low", "high"]].map(lambda number: float(f"{number:.12g}"))
    once = factors.groupby(
        ["from_unit", "product", "of_trn", "low", "high", "open"], dropna=False, as_index=False, sort=True
    )
    table = once.agg({"weight": "max", "read_at_source": "any", "msc": "any", "source": _once_each, "note": _once_each})
    return table[list(FACTORS)]


def conversions_not_used(conversions: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``conversions.csv`` that give no factor, each with why: ``line, quantity, value, low, high, unit, why``.

    Examples
    --------
    >>> rows = {"quantity": ["yield of a harvest", "mass"], "value": [1e10, None], "unit": ["particles per cell", "ng"]}
    >>> conversions = pd.DataFrame(rows, columns=["quantity", "value", "low", "high", "unit", "context", "note"])
    >>> print(*conversions_not_used(conversions).why, sep="; ")
    its unit, 'particles per cell', is not particles per volume of product or per mass; it states no number
    """
    rows = conversions[["quantity", "value", "low", "high", "unit"]].assign(line=range(2, len(conversions) + 2))
    unit = conversions.unit.fillna("")
    counted = unit.map(lambda text: any(pattern.fullmatch(text) for pattern, _ in _FACTOR_UNITS))
    empty = conversions[["value", "low", "high"]].isna().all(axis=1)
    why = ("its unit, '" + unit + "', is not particles per volume of product or per mass").mask(
        counted, "it is a concentration of none of the products whose volume is a dose here"
    )
    unused = pd.Series([_factor(row) is None for row in conversions.to_dict("records")], index=rows.index)
    rows["why"] = why.mask(unit == "", "it has no unit").mask(empty, "it states no number")
    return rows.loc[unused, ["line", "quantity", "value", "low", "high", "unit", "why"]].reset_index(drop=True)


def named_product(text: str) -> str | None:
    """The first product of ``PRODUCTS`` that a text names."""
    return next((name for name in PRODUCTS if name.lower() in text.lower()), None)


def products_of(records: pd.DataFrame) -> pd.Series:
    """The product of ``PRODUCTS`` that a record names, by trial; trials that name none, or two, are absent.

    Examples
    --------
    >>> records = pd.DataFrame({"trn": ["NCT1", "NCT2"], "brief_title": ["ExoFlo after COVID-19", "Exosomes of MSCs"]})
    >>> others = dict.fromkeys(["official_title", "interventions", "arms", "dose_text"])
    >>> products_of(records.assign(**others)).to_dict()
    {'NCT1': 'ExoFlo'}
    """
    others = records[["official_title", "interventions", "arms", "dose_text"]]
    text = records.brief_title.astype("str").str.cat(others, sep=" ", na_rep="")
    named = pd.DataFrame({name: text.str.contains(rf"\b{name}\b", case=False) for name in PRODUCTS})
    one = named.sum(axis=1) == 1
    return pd.Series(named[one].idxmax(axis=1).array, index=records.trn[one].array, name="product", dtype="str")


def conversion_plan(
    doses: pd.DataFrame,
    factors: pd.DataFrame,
    *,
    products: pd.Series,
    body_weight_kg: tuple[float, float] | None = None,
    area_cm2: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """How each dose becomes particles, or why it does not.

    Parameters
    ----------
    doses
        Table ``doses`` or what ``evlib.doses.parse_agreement.with_readers_doses`` returns: ``trn, arm, low, high, unit, per,
        n_administrations``, and ``stated_unit``, ``told_by`` and ``caveat`` if there.
    factors
        As ``conversion_factors`` returns it; a notebook may change its ``weight``, ``low`` and ``high``.
    products
        The product of a trial by its number (``products_of``).
    body_weight_kg, area_cm2
        Least and greatest weight or area, for doses per kg or cm2. None: such doses are not convertible.

    Returns
    -------
    pandas.DataFrame
        One row per dose, in the order of ``doses``: ``trn, arm, basis`` (of ``BASES``), ``why``, ``amount_low,
        amount_high`` in ``unit``, ``product`` (missing: a factor for any), ``factor_low, factor_high`` in particles per
        unit, ``scale`` ("kg", "cm2" or missing) with ``scale_low, scale_high``, ``per_course``, ``n_administrations``,
        ``conversion`` (the sources used), ``read_at_source`` (False: a source was cited without being read again; missing:
        none was used), ``conversion_note`` (their caveats), ``n_sources``, ``of_trn`` (the trial, where its own record states
        the factor), and ``interval``: what an interval around the dose would rest on. Only factors of two sources or more make one; a range that one source states is bounds.
    """
    scales = {"kg": body_weight_kg, "cm2": area_cm2}
    for name, bounds in scales.items():
        if bounds and not 0 < bounds[0] <= bounds[1]:
            raise InputError(f"the bounds {bounds} in {name} do not fit. Give a least and a greatest, both above zero.")
    used = factors[factors.weight > 0]
    by_unit = dict(list(used.groupby("from_unit")))
    rows = [_planned(dose, by_unit, products.get(dose["trn"]), scales) for dose in doses.to_dict("records")]
    rows = [_as_told(plan, dose) for plan, dose in zip(rows, doses.to_dict("records"), strict=True)]
    frame = pd.DataFrame(rows, columns=_PLAN)
    kinds = dict.fromkeys(("product", "scale", "conversion_note", "interval", "of_trn"), "str")
    kinds |= dict.fromkeys(("amount_low", "amount_high"), "float64") | {"per_course": "bool"}
    return frame.astype({"n_administrations": "Int64", "read_at_source": "boolean", "n_sources": "Int64", **kinds})


def particle_draws(
    plan: pd.DataFrame, factors: pd.DataFrame, *, rng: np.random.Generator, draws: int = 10_000
) -> tuple[np.ndarray, np.ndarray]:
    """Particles per administration and per course: two arrays with a row per draw and a column per dose of the plan.

    Not-a-number: not convertible, one bound only, or the number of administrations is not stated. Amounts and factors are
    drawn evenly on the log scale between their bounds, a range that stands in several arms of a trial once for all of them,
    readings of a factor by their weight. A factor (and a weight or
    area) is drawn once for all doses that use it, since it is one assumption, not one per dose. A number that was stated
    without bounds stays as it is.
    """
    shared = {}
    used = factors[factors.weight > 0].assign(product=factors["product"].fillna(""))
    by_record = used.dropna(subset="of_trn")
    groups = [
        *used.groupby(["from_unit", "product"], sort=True),
        *by_record.groupby(["from_unit", "of_trn"], sort=True),
    ]
    for key, readings in groups:
        # Each reading as often as its weight says, in random order: the shares carry no error of chance.
        steps = (np.arange(draws) + 0.5) / draws
        upper = np.cumsum(readings.weight / readings.weight.sum()).to_numpy()
        picked = rng.permutation(np.searchsorted(upper, steps).clip(max=len(readings) - 1))
        low, high = readings.low.to_numpy()[picked], readings.high.to_numpy()[picked]
        shared[key] = low * (high / low) ** rng.random(draws)
    for scale, rows in plan.dropna(subset="scale").groupby("scale", sort=True):
        shared[scale] = _log_uniform(rows.scale_low.iloc[0], rows.scale_high.iloc[0], rng, draws)
    each, course = np.full((draws, len(plan)), np.nan), np.full((draws, len(plan)), np.nan)
    amounts = {}
    for column, row in enumerate(plan.to_dict("records")):
        stated = row.get("range_of", row["trn"]), row["amount_low"], row["amount_high"], row["unit"]
        if stated not in amounts:  # one range of a trial is one unknown amount, in however many of its arms it stands
            amounts[stated] = _log_uniform(row["amount_low"], row["amount_high"], rng, draws)
        amount = amounts[stated].copy()
        if row["basis"] == "not convertible":
            continue
        if row["unit"] != "particles":
            of = row["of_trn"] if not pd.isna(row["of_trn"]) else row["product"]
            amount *= shared[row["unit"], "" if pd.isna(of) else of]
        if not pd.isna(row["scale"]):
            amount *= shared[row["scale"]]
        n = np.nan if pd.isna(row["n_administrations"]) else int(row["n_administrations"])
        each[:, column], course[:, column] = (amount / n, amount) if row["per_course"] else (amount, amount * n)
    return each, course


def harmonised(
    plan: pd.DataFrame, factors: pd.DataFrame, *, rng: np.random.Generator, draws: int = 10_000
) -> pd.DataFrame:
    """Every dose as particles per administration and per course, where it can be converted.

    Parameters
    ----------
    plan, factors
        As ``conversion_plan`` and ``conversion_factors`` return them.
    rng, draws
        The source of chance, for example ``numpy.random.default_rng(1)``, and how many draws to make (``particle_draws``).

    Returns
    -------
    pandas.DataFrame
        One row per dose: ``trn, arm, basis, why``; ``low`` and ``high``, the utmost bounds in particles per
        administration; ``median, q025, q975`` of the draws (the last two only where the factors are of two sources or
        more); the same per course with ``course_`` before; ``conversion``, ``read_at_source``, ``conversion_note`` and
        ``interval`` as in the plan.
    """
    each, course = particle_draws(plan, factors, rng=rng, draws=draws)
    whole = {bound: amount_in_particles(plan, bound) for bound in ("low", "high")}
    n = plan.n_administrations.astype("float64")
    columns = {}
    times_each, times_course = (1 / n).where(plan.per_course, 1.0), n.mask(plan.per_course, 1.0)
    for prefix, drawn, times in (("", each, times_each), ("course_", course, times_course)):
        columns |= {f"{prefix}{bound}": whole[bound] * times for bound in whole}
        middle = np.percentile(drawn, [50, 2.5, 97.5], axis=0)
        middle[1:, ~has_interval(plan)] = np.nan
        columns |= {f"{prefix}{name}": values for name, values in zip(("median", "q025", "q975"), middle, strict=True)}
    facts = plan[["trn", "arm", "basis", "why"]]
    names = ["conversion", "read_at_source", "conversion_note", "interval"]
    return pd.concat([facts, pd.DataFrame(columns), plan[names]], axis=1)


def has_interval(plan: pd.DataFrame) -> np.ndarray:
    """Which doses of a plan rest on factors of two sources or more, so that their draws tell more than bounds do."""
    return plan.interval.fillna("").str.startswith("draws").to_numpy()


def amount_in_particles(plan: pd.DataFrame, bound: str) -> pd.Series:
    """The "low" or "high" bound of what was stated, in particles; missing where it is not convertible."""
    factors = [plan[f"{name}_{bound}"].astype("float64").fillna(1.0) for name in ("factor", "scale")]
    return (plan[f"amount_{bound}"] * factors[0] * factors[1]).where(plan.basis != "not convertible")


def product_readings(doses: pd.DataFrame, factors: pd.DataFrame, *, product: str = "ExoFlo") -> pd.DataFrame:
    """What each reading of a product's concentration makes of the doses that are stated as its volume.

    Parameters
    ----------
    doses
        Doses of the product's trials; those whose unit is "mL product", whose words name a volume of the product, or that state
        a ``volume_ml``, are shown.
    factors
        As ``conversion_factors`` returns it; readings of weight 0 are shown as well.

    Returns
    -------
    pandas.DataFrame
        One row per dose and reading: ``trn, arm, volume_ml, stated_particles`` (missing: the trial states none),
        ``per_ml``, ``particles`` (a single number: the geometric middle where bounds differ), ``times_lowest`` (in
        comparison with the lowest reading), ``source, read_at_source, weight``.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1"], "arm": "high dose", "low": 15.0, "high": 15.0, "unit": "mL product"})
    >>> factors = pd.DataFrame({"low": [1e9, 8e10], "high": [1e9, 8e10], "source": ["a report", "a record"]})
    >>> factors = factors.assign(product="ExoFlo", from_unit="mL product", read_at_source=True, weight=1.0)
    >>> readings = product_readings(doses.assign(volume_ml=None, as_stated=None), factors)
    >>> readings[["trn", "volume_ml", "per_ml", "particles", "times_lowest", "source"]]
        trn volume_ml        per_ml        particles  times_lowest    source
    0  NCT1      15.0  1.000000e+09    15000000000.0           1.0  a report
    1  NCT1      15.0  8.000000e+10  1200000000000.0          80.0  a record
    """
    readings = factors[(factors["product"] == product) & (factors.from_unit == "mL product")]
    if readings.empty:
        known = ", ".join(sorted(set(factors["product"].dropna())))
        raise InputError(f"no source states a concentration of '{product}'. Products with one: {known}.")
    readings = readings.assign(per_ml=np.sqrt(readings.low * readings.high)).sort_values("per_ml")
    readings = readings.assign(times_lowest=readings.per_ml / readings.per_ml.iloc[0])
    in_words = doses.as_stated.fillna("").map(lambda words: _volume_in_words(words, product)).astype("float64")
    volume = in_words.fillna(doses.volume_ml).fillna(doses.high.where(doses.unit == "mL product"))
    counted = np.sqrt(doses.low * doses.high).where(doses.unit == "particles")
    shown = doses[["trn", "arm"]].assign(volume_ml=volume, stated_particles=counted).dropna(subset="volume_ml")
    names = ["per_ml", "times_lowest", "source", "read_at_source", "weight"]
    rows = shown.drop_duplicates().merge(readings[names], how="cross")
    rows.insert(5, "particles", rows.volume_ml * rows.per_ml)
    return rows


def same_digits(values: Iterable[float]) -> list[float]:
    """How many times apart those numbers are that differ in a power of ten alone, as a slip in an exponent makes them.

    Examples
    --------
    >>> same_digits([1.2e9, 1.2e11, 3e10])
    [100.0]
    """
    pairs = combinations(sorted(set(values)), 2)
    powers = [math.log10(high / low) for low, high in pairs]
    return [10.0 ** round(power) for power in powers if math.isclose(power % 1, 0, abs_tol=1e-9)]


_PLAN = [
    *("trn", "arm", "basis", "why", "amount_low", "amount_high", "unit", "product", "factor_low", "factor_high"),
    *("scale", "scale_low", "scale_high", "per_course", "n_administrations", "conversion", "read_at_source"),
    *("conversion_note", "n_sources", "interval", "of_trn"),
]


def _factor(row: dict) -> dict | None:
    """A row of conversions.csv as a factor, or None where it holds no number of particles per something."""
    unit = "" if pd.isna(row["unit"]) else row["unit"]
    matches = ((pattern.fullmatch(unit), name) for pattern, name in _FACTOR_UNITS)
    match, from_unit = next(((match, name) for match, name in matches if match), (None, None))
    subject = f"{row['quantity']} {row['context']}"
    own = from_unit == "mL product"
    product = next((name for name in PRODUCTS if name in subject), None) if own else None
    if not match or (own and product is None):
        return None
    numbers = match.groupdict()
    value, low, high = row["value"], row["low"], row["high"]
    if "least" in numbers:
        low, high = value / float(numbers["most"]), value / float(numbers["least"])
    elif pd.isna(low) and pd.isna(high):
        low = high = value
    bounds = [bound for bound in (low, high) if not pd.isna(bound)]
    if not bounds:
        return None
    per = float(numbers.get("n") or 1)
    if "mg" in numbers:
        per *= in_unit(float(numbers["mg"]), "mg protein", "ug protein")
    decided = row.get("of_trn")
    named = [] if own else registration_numbers(str(row["context"])) if pd.isna(decided) else [decided]
    msc = "NOT MSC" not in f"{subject} {row['note']}"
    return {
        **{"from_unit": from_unit, "product": product, "of_trn": named[0] if len(named) == 1 else None},
        **{"low": bounds[0] / per, "high": bounds[-1] / per},
        **{"open": len(bounds) == 1, "weight": 1.0 if own or msc else 0.0},
        **{"read_at_source": row["read_at_source"], "msc": msc},
        "source": f"doi:{row['doi']}" if pd.isna(row["source_url"]) else row["source_url"],
        "note": f"{row['quantity']}" + ("" if pd.isna(row["note"]) else f": {row['note']}"),
    }


def _factor_of_dose(row: dict) -> dict | None:
    """A dose that counts the particles in a volume of a product, as that product's concentration.

    The volume is the one that the words give of the product ("ExoFlo 15 mL in saline 85 mL"), else ``volume_ml``.
    """
    words = str(row["as_stated"])
    product = named_product(words)
    bounds = (row["low"], row["high"], row["volume_ml"])
    if row["unit"] != "particles" or product is None or any(pd.isna(bound) for bound in bounds):
        return None
    low, high, volume = bounds
    volume = _volume_in_words(words, product) or volume
    return {
        **{"from_unit": "mL product", "product": product, "of_trn": None, "low": low / volume, "high": high / volume},
        **{"open": False, "weight": 1.0, "read_at_source": True, "msc": True},
        **{"source": row["trn"], "note": f"{row['trn']}: {row['as_stated']}"},
    }


def _volume_in_words(words: str, product: str) -> float | None:
    """The millilitres of a product that words name, where they name one volume of it ("ExoFlo 15 mL in saline 85 mL")."""
    found = re.findall(
        rf"\b{product}\s+(\d+(?:\.\d+)?)\s*mL\b|(\d+(?:\.\d+)?)\s*mL\s+(?:of\s+)?{product}\b", words, re.IGNORECASE
    )
    volumes = {float(before or after) for before, after in found}
    return volumes.pop() if len(volumes) == 1 else None


def _once_each(texts: pd.Series) -> str:
    return MULTI.join(dict.fromkeys(texts))


def _planned(dose: dict, by_unit: dict[str, pd.DataFrame], product: str | None, scales: dict) -> dict:
    """One row of the plan."""
    stated = dose.get("stated_unit")
    unit, _, over = (dose["unit"] if pd.isna(stated) else stated).partition("/")
    plan = {
        **dict.fromkeys(_PLAN),
        **{"trn": dose["trn"], "arm": dose["arm"], "n_administrations": dose["n_administrations"]},
        **{"amount_low": dose["low"], "amount_high": dose["high"], "unit": unit, "per_course": dose["per"] == "course"},
    }
    if unit in ("mg", "mg exosomes"):
        amounts = {name: in_unit(plan[name], unit, "ug exosomes") for name in ("amount_low", "amount_high")}
        unit = "ug exosomes"
        plan |= {**amounts, "unit": unit}
    readings = by_unit.get(unit)
    if unit == "mL product" and readings is not None:
        readings = readings[readings["product"] == product]
    by_record = readings is not None and bool((readings.of_trn == dose["trn"]).any())
    if by_record:
        readings = readings[readings.of_trn == dose["trn"]]
    known = unit == "particles" or (readings is not None and not readings.empty)
    unread = "no amount is stated that can be read" if pd.isna(dose["low"]) and pd.isna(dose["high"]) else None
    if why := _hindrance(dose["per"], unit, over, scales, known=known, product=product) or unread:
        return plan | {"basis": "not convertible", "why": why}
    if over:
        plan |= {"scale": over, "scale_low": scales[over][0], "scale_high": scales[over][1]}
    if unit == "particles":
        why = f"times an assumed number of {over}" if over else None
        interval = "the number as stated" if dose["low"] == dose["high"] else "the range as stated: bounds alone"
        interval = f"bounds of {over}, as assumed" if over else interval
        return plan | {"basis": "assumed" if over else "stated", "why": why, "interval": interval}
    own = unit == "mL product"
    why = f"volume times the concentration stated of {product}" if own else f"{unit} times particles per {unit}"
    if not readings.read_at_source[readings.weight > 0].all():
        why += ", of which some were cited and not read at their source"
    return plan | {
        "basis": "derived" if (own or by_record) and not over else "assumed",
        "why": why + (", as the trial's own record states them" if by_record else ""),
        "product": product if own else None,
        "of_trn": dose["trn"] if by_record else None,
        **{"factor_low": readings.low.min(), "factor_high": readings.high.max()},
        **{"conversion": _once_each(readings.source), "read_at_source": bool(readings.read_at_source.all())},
        **{"conversion_note": _once_each(readings.note), **_interval(readings)},
    }


def _as_told(plan: dict, dose: dict) -> dict:
    """The plan of a dose with what must be read with its number; one that only a review tells is assumed, whatever its unit."""
    if plan["basis"] == "not convertible":
        return plan
    notes, basis = [dose.get("caveat")], plan["basis"]
    if dose.get("told_by") == BY_REVIEW:
        basis, notes = "assumed", ["a table of a review tells it; no copy of the record that was read shows it", *notes]
    return plan | {
        "basis": basis,
        "why": ". ".join(str(note) for note in [plan["why"], *notes] if not pd.isna(note)) or None,
    }


def _interval(readings: pd.DataFrame) -> dict:
    """How many sources state a factor, and what an interval by their readings is worth."""
    n_sources = len({source for cell in readings.source for source in split_multi(cell)})
    n_readings = several(len(readings), "reading")
    if n_sources > 1 and len(readings) > 1:
        return {"n_sources": n_sources, "interval": f"draws over {n_readings} of {several(n_sources, 'source')}"}
    single = len(readings) == 1 and (readings.low == readings.high).all()
    words = "one number" if single else "bounds alone"
    return {"n_sources": n_sources, "interval": f"{n_readings} of {several(n_sources, 'source')}: {words}"}


def _hindrance(per: str, unit: str, over: str, scales: dict, *, known: bool, product: str | None) -> str | None:
    """Why a dose is not convertible, if so; ``known``: a source in use says how many particles its unit has, if of ``product``."""
    if unit == "unspecified":
        return "the unit is not stated"
    if unit in ("other", "cells", "units", "vials"):
        return "the unit is none that says how many vesicles there are"
    if not known and unit == "mL product" and product is None:
        return f"no product is named of which a source in use states the concentration ({', '.join(PRODUCTS)})"
    if not known:
        what = f"the concentration of {product}" if unit == "mL product" else f"particles per {unit}"
        return f"no source in use states {what}"
    if per == "mL":
        return "a concentration, and the record states no volume"
    if per not in ("administration", "course"):
        return f"stated per {per}, and not how many of them there are"
    if over and not scales.get(over):
        return f"stated per {over}, and not of how many"
    return None


def _log_uniform(low: float, high: float, rng: np.random.Generator, draws: int) -> np.ndarray:
    return low * (high / low) ** rng.random(draws)
