"""The figures of the chapter on doses and effects, drawn in points on ``evlib.base.point_layout``; amounts stand on log axes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from evlib.base.figure import Figure, nothing, with_narrow
from evlib.base.point_layout import (
    BLUE,
    GREY,
    INK,
    NARROW,
    ORANGE,
    WIDTH,
    canvas,
    finished,
    fitted,
    heading,
    put_note,
    put_patch,
    put_rule,
    put_text,
    right_edge,
    width_of,
)
from evlib.base.words import several
from evlib.doses.dose_verdicts import OPEN, STANDS, UNSUPPORTED, VERDICTS, WEAKER
from evlib.doses.evidence import READINGS
from evlib.doses.stated_doses import power, share_text, span_of

_SIZE, _LINE, _SMALL, _SMALL_LINE = 9.0, 12.0, 8.0, 10.5  # points
_RULE, _DARK_ORANGE, _SHADE, _SOFT = "#CCCCCC", "#B87A00", "#DCEBF5", "#555555"

_Mark = tuple[str, str, str, float]  # its shape, what fills it, its edge and its width
_BarStyle = tuple[str, str, str | None]  # what fills it, its edge and its hatch
_READING_MARKS = {
    "effective": ("o", BLUE, BLUE, 7.0),
    "less effective": ("v", "white", _DARK_ORANGE, 7.5),
    "no effect shown": ("s", GREY, GREY, 6.0),
    "tolerated": ("D", "white", GREY, 4.5),
    "harm": ("X", _DARK_ORANGE, _DARK_ORANGE, 7.0),
    "not compared": ("d", GREY, GREY, 4.5),
    "not in the paper": ("p", "white", GREY, 5.0),
}
_VOLUME_MARKS = {15: ("o", BLUE, BLUE, 7.5), 10: ("s", "white", _DARK_ORANGE, 6.0)}  # mL; the title is of the first
_ROUTE_HEADS = {"nebulised": "Nebulised", "intravenous": "Intravenous", "other": "Other routes, or route not stated"}
_RULE_PHRASES = {
    "paper": "as the paper reads them",
    "reported": "by anything better than another arm or improved since before",
    "compared": "by a comparison group",
    "primary": "by a primary outcome",
}
_VERDICT_COLOURS = {STANDS: "#003B5C", WEAKER: "#56B4E9", UNSUPPORTED: ORANGE, OPEN: "#CCCCCC"}
_DIAL_WORDS = {
    "effective_if": "Effective (effective_if)",
    "not_msc": "Vesicles of other cells, too (not_msc)",
    "lung_only": "Diseases of the lung only (lung_only)",
    "pairs_only": "Pairs of doses within a trial only (pairs_only)",
    "exoflo_per_ml": "Particles in 1 mL of ExoFlo (exoflo_per_ml)",
    "per": "Particles (per)",
    "nebulised_share": "Share of a nebulised dose (nebulised_share)",
    "compare": "Effective doses compared (compare)",
    "exosome_mass_is_protein": "Exosome mass is protein (exosome_mass_is_protein)",
    "cited_factors": "Factors not read at their source, too (cited_factors)",
    "body_weight_kg": "Weight in kg (body_weight_kg)",
}
_LEVEL_WORDS = {
    "paper": "as the paper reads it",
    "reported": "better, or improved",
    "compared": "better than another arm",
    "primary": "in a primary outcome",
    "administration": "per administration",
    "course": "per course",
    "minimum": "lowest of each route",
    "any": "any of each route",
}
# The kinds of outcomes of a forest plot, as ``better_when`` has them, each with an axis of its own.
_KINDS = {"lower": "Outcomes of which fewer or less is better", "higher": "Outcomes of which more is better"}
_KINDS |= {None: "Outcomes whose better side is not coded"}
_COLUMN = 48.0  # points: the width of a number of particles
_RATIO_LIMITS = (0.05, 20.0)  # what the axis of ratios shows at most


class _Log(NamedTuple):
    """A log axis: from where to where on the drawing, in points, and of which values."""

    begin: float
    end: float
    low: float
    high: float

    def at(self, value: float) -> float:
        share = np.log(value / self.low) / np.log(self.high / self.low)
        return float(self.begin + share * (self.end - self.begin))


@with_narrow(NARROW)
def tested_by_route(
    doses: pd.DataFrame, *, per: str = "administration", effective_if: str = "paper", span: float = WIDTH
) -> Figure:
    """Each dose that was tested, in particles, by route, with what its results say of it.

    Parameters
    ----------
    doses
        As ``evlib.doses.dose_windows.doses_in_question`` returns them. Arms of one report with the same amount and reading
        share a line.
    per, effective_if
        The dials of these names, for the words of the axis and of the title.
    span
        How wide the drawing is, in points; in a narrow one, words stand above what they name, not beside it.

    Returns
    -------
    Figure
        Its data are the doses, with ``line``: which line of the drawing shows them (missing: no amount in particles).

    Examples
    --------
    >>> doses = pd.DataFrame({"study_id": "a", "study": "A 2024", "arm": ["low", "high", "highest"], "n": 10})
    >>> doses = doses.assign(route_group="nebulised", reading=["less effective", "effective", "not compared"])
    >>> doses = doses.assign(low=[1e8, 1e9, None], median=[1e8, 2e9, None], high=[1e8, 4e9, None], q025=None, q975=None)
    >>> drawn = tested_by_route(doses.assign(basis="stated", why=None))
    >>> print(drawn.title)
    Effective doses as the paper reads them, in particles: nebulised 1×10⁹ to 4×10⁹ (1 report, stated), intravenous none
    >>> drawn.data[["arm", "reading", "low", "high", "line"]]
           arm         reading           low          high  line
    0      low  less effective  1.000000e+08  1.000000e+08     0
    1     high       effective  1.000000e+09  4.000000e+09     1
    2  highest    not compared           NaN           NaN  <NA>
    >>> plt.close(drawn.drawing)
    """
    name = "tested_by_route"
    if doses.empty:
        return nothing(name, "No dose was tested in any report of this question")
    rows = doses.assign(route=doses.route_group.where(doses.route_group.isin(list(_ROUTE_HEADS)), "other"))
    shown = rows[_positive(rows.low) & _positive(rows.high)]
    lines = _shared_lines(shown)
    numbers = {arm: i for i, line in enumerate(lines) for arm in line.index}
    data = doses.assign(line=pd.Series(numbers, index=doses.index, dtype="Int64"))
    title = _tested_title(rows, shown, effective_if)
    n_missing = len(rows) - len(shown)
    missing = f"Not shown: {several(n_missing, 'dose')} without an amount in particles."
    axes, top = canvas(title, span)
    if not lines:
        alt = f"Empty figure (n = {several(len(rows), 'dose')}). {title}. {missing}"
        return Figure(finished(axes, put_note(axes, top, missing)), name, title, alt, data)
    scale = _decades(shown.low, shown.high, begin=134 if span == WIDTH else 8, end=span - 76)
    top = _keys(axes, top, {reading: _READING_MARKS[reading] for reading in READINGS if reading in set(shown.reading)})
    _right_heads(axes, top, {span - 2: "n", span - 30: "Amount"})
    top += 14
    start, heads, hints = top, [], {}
    for route, name_of_route in _ROUTE_HEADS.items():
        own = [line for line in lines if line.route.iloc[0] == route]
        if not own:
            continue
        n_reports = several(pd.concat(own).study_id.nunique(), "report")
        heads.append((top, top + 15))
        top = heading(axes, top, f"{name_of_route} ({n_reports})", size=_SIZE)
        before = None
        for line in own:
            gid = f"dose-{len(hints)}"
            words, top = _dose_line(axes, top, line, scale, named=line.study_id.iloc[0] != before, gid=gid)
            heads.append(words)
            before = line.study_id.iloc[0]
            hints[gid] = [
                f"{line.study.iloc[0]}, {_arm_names(line)}: {span_of(line.low.min(), line.high.max())} particles, "
                f"{line.basis.iloc[0]}; {line.reading.iloc[0]}"
            ]
        top += 3
    top = _axis(axes, start, top, scale, f"Particles per {per} (log scale)", skip=heads)
    note = "Marks: the median; lines: utmost bounds; thick: 95 % of the draws; dashed: derived or assumed. "
    note += "n: participants (–: not known)." if shown.n.isna().any() else "n: participants."
    bottom = put_note(axes, top, f"{note} {missing}")
    listed = "; ".join(
        f"{line.study.iloc[0]}, {_arm_names(line)}, {line.route.iloc[0]}: {span_of(line.low.min(), line.high.max())}, "
        f"{line.reading.iloc[0]}, {line.basis.iloc[0]}, n = {_participants(line)}"
        for line in lines
    )
    n_arms = f"{several(len(shown), 'arm')} of {several(shown.study_id.nunique(), 'report')}"
    alt = f"Range plot on a log axis, a line for each dose (n = {n_arms}). {title}. {listed}. {missing}"
    return Figure(finished(axes, bottom), name, title, alt, data, hints)


@with_narrow(NARROW)
def forest(
    effects: pd.DataFrame, *, without: pd.DataFrame | None = None, msc_derived: bool = True, span: float = WIDTH
) -> Figure:
    """Ratios of effect with their intervals, an axis for each kind of outcome; nothing is pooled.

    Outcomes of which fewer are better have another axis than those of which more are better, so that each has its side that
    favours the first arm. Which they are is coded (``better_when``); what is not coded has an axis without sides.

    Parameters
    ----------
    effects
        As ``evlib.doses.effect_sizes.effects`` returns it. Arms without vesicles (``ev_arm`` is false), measures that are no
        ratios and rows without a finite estimate are counted below the drawing. ``n_people``, if it is there, is the number of people
        that an outcome compares where its arms do not tell theirs.
    without
        Outcomes that give no effect, as ``evlib.doses.effect_sizes.unusable`` returns them: the title counts the primary ones that are
        compared with another arm.
    msc_derived
        Whether vesicles of MSCs are drawn, or all others (as figure ``forest_other_vesicles``).
    span
        As in ``tested_by_route``.

    Returns
    -------
    Figure
        Its data are the effects of these vesicles, with ``drawn``: whether the drawing shows them.

    Examples
    --------
    >>> from evlib.doses.effect_sizes import EFFECTS
    >>> effects = pd.DataFrame({"estimate": [0.5, 0.9], "low": [0.3, 0.4], "high": [0.8, 2.0], "study": ["A", "B"]})
    >>> effects = effects.assign(measure="risk ratio", outcome="deaths", better_when="lower", basis="counts")
    >>> effects = effects.assign(arm="EVs", versus="placebo", ev_arm=True, msc_derived=True, primary=[True, False])
    >>> drawn = forest(effects.reindex(columns=list(EFFECTS)))
    >>> drawn.title
    '1 of 2 ratios for vesicles of MSCs is compatible with no difference; of primary outcomes 0 of 1'
    >>> without = pd.DataFrame({"primary": [True], "comparison": "between arms", "ev_arm": True, "msc_derived": True})
    >>> forest(drawn.data.drop(columns="drawn"), without=without).title.partition("; ")[2]
    'of primary outcomes 0 of 1 (1 more compared, without an estimate)'
    >>> plt.close(drawn.drawing)
    """
    name, whose = ("forest", "vesicles of MSCs") if msc_derived else ("forest_other_vesicles", "other vesicles")
    effects = effects[(effects.msc_derived.astype("str") == "True") == msc_derived]
    if effects.empty:
        return nothing(name, f"No effect of {whose} is on file")
    ratio = effects.measure.fillna("").str.contains("ratio")
    known = np.isfinite(effects.estimate.astype("float64")) & (effects.estimate >= 0)
    vesicles = effects.ev_arm.astype("str") != "False"
    data = effects.assign(drawn=ratio & known & vesicles)
    named, main = data.study.fillna("Report without a name"), data.primary.astype("str") == "True"
    hollow = data.basis.fillna("").str.contains("estimated|reconstructed")  # no source states such an effect
    shown = data.assign(study=named, main=main, hollow=hollow, msc=msc_derived)[data.drawn]
    title = _forest_title(shown, whose, _primary_without(without, msc_derived))
    missing = _not_drawn(effects, ratio, known, vesicles)
    axes, top = canvas(title, span)
    if shown.empty:
        bottom = put_note(axes, top, missing)
        alt = f"Empty figure (n = {several(len(effects), 'effect')}). {title}. {missing}"
        return Figure(finished(axes, bottom), name, title, alt, data)
    keys = {"from counts, or as reported": ("s", BLUE, BLUE, 6.5)} if not shown.hollow.all() else {}
    keys |= {"estimated or reconstructed": ("s", "white", _DARK_ORANGE, 6.5)} if shown.hollow.any() else {}
    top = _keys(axes, top, keys)
    kinds = shown.better_when.astype("object").where(shown.better_when.isin(list(_KINDS)), None)
    for kind, words in _KINDS.items():
        own = shown[kinds.isna() if kind is None else kinds == kind]
        if len(own):
            top = _forest_panel(axes, top, own, kind, words)
    note = f"{_intervals_in_numbers(shown)} Below the ratio: how many of all had the outcome, in each arm. "
    note += (
        "In all: both arms, where a source tells no more. "
        if "n_people" in shown and shown.n_people.notna().any()
        else ""
    )
    note += "Bold outcome: a primary one. " if shown.main.any() else ""
    note += "Arrows lead off the axis, a mark with an arrow lies beyond it. " if _leaves_axis(shown) else ""
    bottom = put_note(axes, top, f"{note}{missing}")
    listed = "; ".join(
        f"{row['study']}, {_outcome(row)}, {_sides(row)}: {_estimate_text(row)} ({row['basis']}, {_events(row)})"
        for _, row in shown.iterrows()
    )
    n_rows = f"{several(len(shown), 'ratio')} of {several(shown.study.nunique(), 'report')}"
    alt = f"Forest plot without pooling, on log axes (n = {n_rows}). {title}. {listed}. {missing}".strip()
    return Figure(finished(axes, bottom), name, title, alt, data)


@with_narrow(NARROW)
def specification_curve(cross: pd.DataFrame, *, span: float = WIDTH) -> Figure:
    """Every combination of the dials: the share of the readings and the verdicts above, the dials that make them below.

    ``cross`` is as ``evlib.doses.specifications.full_cross`` returns it. The figure's data are its rows in the order of the
    drawing (``column``): by the share, then those where it cannot be computed. ``span`` is how wide the drawing is, in points.

    Examples
    --------
    >>> cross = pd.DataFrame({"per": ["administration", "course"], "share": [0.97, 0.8], "as_set": [True, False]})
    >>> cross = cross.assign(**{"below intravenous": [WEAKER, UNSUPPORTED]})
    >>> drawn = specification_curve(cross)
    >>> print(drawn.title)  # doctest: +NORMALIZE_WHITESPACE
    The share of readings of the amounts in which the effective dose is lower nebulised than intravenously runs from
    0.80 to 0.97 in 2 of 2 combinations of the assumptions; the claim that it is lower: weaker than stated in 1,
    not supported in 1
    >>> drawn.data[["column", "per", "share"]]
       column             per  share
    0       1          course   0.80
    1       2  administration   0.97
    >>> plt.close(drawn.drawing)
    """
    name = "specification_curve"
    if cross.empty:
        return nothing(name, "No combination of the assumptions was computed")
    crossed = [dial for dial in _DIAL_WORDS if dial in cross]
    claims = [claim for claim in cross if cross[claim].isin(VERDICTS).all()]
    order = cross.fillna({"exoflo_per_ml": 0.0, "body_weight_kg": ""}).sort_values(["share", *claims, *crossed]).index
    data = cross.loc[order].reset_index(drop=True)
    data.insert(0, "column", range(1, len(data) + 1))
    known = int(data.share.notna().sum())
    title = _curve_title(data, known)
    axes, top = canvas(title, span)
    place = _Columns(132 if span == WIDTH else 108, span - 4, known, len(data))
    seen = {verdict: colour for verdict, colour in _VERDICT_COLOURS.items() if (data[claims] == verdict).any(axis=None)}
    top = _keys(axes, top, {verdict: (colour, INK, None) for verdict, colour in seen.items()})
    for words, x, ha in (
        (f"{known:,} with a share", place.at(0), "left"),
        (f"{len(data) - known:,} without", place.end, "right"),
    ):
        put_text(axes, (x, top + 6), words, size=_SMALL, bold=True, ha=ha)
    start = top + 16
    top = _share_panel(axes, start, data[:known], place)
    top = heading(axes, top, "Verdict on the claim", size=_SMALL)
    for claim in claims:
        put_text(axes, (7, top + 5), claim, size=_SMALL, ha="left")
        for verdict, colour in seen.items():
            _blocks(axes, place.runs(data[claim] == verdict), (top + 1, top + 9), colour)
        top += _SMALL_LINE
    for dial in crossed:
        top = heading(axes, top + 3, _DIAL_WORDS[dial], size=_SMALL) - 3
        values = data[dial].astype("object").where(data[dial].notna(), None)
        for level in values.drop_duplicates().sort_values(key=lambda column: column.map(_level_order)):
            [text] = fitted(_level_text(dial, level), place.begin - 10, lines=1, size=_SMALL)
            put_text(axes, (7, top + 5), text, size=_SMALL, ha="left")
            chosen = values.isna() if level is None else values == level
            _blocks(axes, place.runs(chosen), (top + 2, top + 8), INK)
            put_rule(axes, (place.at(0), place.end), (top + _SMALL_LINE - 0.5,) * 2)
            top += _SMALL_LINE
    at_set = place.at(int(np.flatnonzero(data.as_set)[0]) + 0.5)
    axes.plot([at_set] * 2, [start, top], color=_DARK_ORANGE, lw=1, ls=(0, (2, 1.5)), zorder=3)
    note = (
        "Each column is one combination of the dials; those without a share (no effective dose in particles for one route at "
        "least) are drawn narrower. Dashed: the dials as set. A share is of the readings of the amounts alone: no probability, "
        "and nothing on whether a dose works."
    )
    bottom = put_note(axes, top, note)
    listed = "; ".join(_levels_in_words(data, dial) for dial in crossed)
    alt = f"Specification curve (n = {several(len(data), 'combination')}). {title}. Share by dial: {listed}."
    return Figure(finished(axes, bottom), name, title, alt, data)


@with_narrow(NARROW)
def product_readings_figure(
    readings: pd.DataFrame,
    *,
    band: tuple[float, float] | None = None,
    effective_if: str = "paper",
    n_better: int = 0,
    product: str = "ExoFlo",
    span: float = WIDTH,
) -> Figure:
    """What a dose of a product is in particles by each source of its concentration, beside the nebulised doses that count as effective.

    Parameters
    ----------
    readings
        As ``evlib.doses.to_particles.product_readings`` returns it, for doses of this product.
    band
        The lowest and the highest nebulised effective dose, in particles; None or not-a-number: no band.
    effective_if, n_better
        The dial by which doses count as effective, and in how many reports a nebulised dose was better than another arm in a
        randomised comparison, for the words.
    span
        As in ``tested_by_route``.

    Returns
    -------
    Figure
        Its data: one row per volume and reading, with the number of trials that use the volume (``n_trials``).

    Examples
    --------
    >>> readings = pd.DataFrame({"trn": "NCT1", "volume_ml": 15, "per_ml": [1e9, 8e10], "particles": [1.5e10, 1.2e12]})
    >>> readings = readings.assign(times_lowest=[1, 80], source=["NCT1", "NCT2"], read_at_source=True, weight=1.0)
    >>> drawn = product_readings_figure(readings, band=(2e8, 2e10))
    >>> print(drawn.title)  # doctest: +NORMALIZE_WHITESPACE
    One 15 mL dose of ExoFlo is 1.5×10¹⁰ or 1.2×10¹² particles, depending on the source; 1 lies within the nebulised
    doses that are effective as the paper reads them, 1 above
    >>> plt.close(drawn.drawing)
    """
    name = "product_readings"
    own = readings[readings.volume_ml.isin(list(_VOLUME_MARKS))]
    if own.empty:
        asked = " or ".join(f"{volume} mL" for volume in _VOLUME_MARKS)
        return nothing(name, f"No trial states a dose of {product} as {asked}")
    facts = ["volume_ml", "per_ml", "particles", "times_lowest", "source", "read_at_source", "weight"]
    n_trials = own.groupby("volume_ml").trn.nunique()
    data = own[facts].drop_duplicates().sort_values(["volume_ml", "per_ml"], ascending=[False, True])
    data = data.assign(n_trials=data.volume_ml.map(n_trials), source_url=data.source.map(_source_url))
    marks = {volume: mark for volume, mark in _VOLUME_MARKS.items() if volume in set(data.volume_ml)}
    volumes = list(marks)
    band = band if band and all(value > 0 for value in band) else None
    title = _product_title(data[data.volume_ml == volumes[0]], product, band, effective_if)
    axes, top = canvas(title, span)
    top = _keys(axes, top, {f"{v:g} mL ({several(n_trials[v], 'trial')})": mark for v, mark in marks.items()})
    width = _COLUMN * len(volumes)
    everything = pd.concat([data.particles, pd.Series(band or [], dtype="float64")])
    beside = span == WIDTH
    scale = _decades(everything, everything, begin=146 if beside else 8, end=span - width - 12)
    _right_heads(axes, top, {span - 2 - _COLUMN * i: f"{volume:g} mL" for i, volume in enumerate(reversed(volumes))})
    put_text(axes, (1, top + 6), "Source of the concentration", size=_SMALL, bold=True, ha="left")
    top += 16
    start, texts = top, []
    for (per_ml, source), reading in data.groupby(["per_ml", "source"], sort=False):
        used = reading.weight.gt(0).all()
        text = f"{power(per_ml)} per mL" + ("" if used else " (not used)")
        lines = fitted(_short_sources(source), 138 if beside else span - 8, lines=3, size=_SMALL)
        height = _LINE + _SMALL_LINE * len(lines) + 7
        put_text(axes, (1, top + 8), text, size=_SIZE, ha="left")
        _small_lines(axes, 1, top + 8 + _LINE, lines, colour=_SOFT)
        if not beside:
            texts.append((top, top + height))
            top, height = top + height, 20.0
        for i, volume in enumerate(reversed(volumes)):
            y = top + height / 2 + 8 * ((len(volumes) - 1) / 2 - i)  # beside one another they would overlap
            for value in reading.particles[reading.volume_ml == volume]:
                _mark(axes, scale.at(value), y, marks[volume])
                put_text(axes, (span - 2 - _COLUMN * i, top + height / 2), power(value), size=_SMALL, ha="right")
        top += height
    if band:
        left, right = scale.at(band[0]), scale.at(band[1])
        shade = {"facecolor": _SHADE, "edgecolor": BLUE, "lw": 0.8, "ls": ":", "zorder": 0}
        for begin, end in _free_stretches(start, top, texts):
            put_patch(axes, Rectangle((left, begin), max(right - left, 2), end - begin, **shade))
    bottom = _axis(axes, start, top, scale, "Particles per dose (log scale)", skip=texts)
    counted = f"Shaded: nebulised doses that count as effective {_RULE_PHRASES.get(effective_if, effective_if)}"
    better = (
        f"Reports in which such a dose was better than another arm in a randomised comparison: {n_better or 'none'}."
    )
    note = f"{counted}, {span_of(*band)} particles. {better} " if band else ""
    n_sources = several(len(data[["per_ml", "source"]].drop_duplicates()), "source")
    bottom = put_note(axes, bottom, f"{note}n = {n_sources}.")
    listed = "; ".join(
        f"{row.volume_ml:g} mL by {_short_sources(row.source)}: {power(row.particles)}" for row in data.itertuples()
    )
    used_by = ", ".join(f"{v:g} mL n = {several(n_trials[v], 'trial')}" for v in volumes)
    alt = f"Dot plot on a log axis ({used_by}). {title}. {listed}. {note}".strip()
    return Figure(finished(axes, bottom), name, title, alt, data.reset_index(drop=True))


# --- titles


def _tested_title(rows: pd.DataFrame, shown: pd.DataFrame, effective_if: str) -> str:
    parts = []
    for route in ("nebulised", "intravenous"):
        effective = shown[(shown.route == route) & (shown.reading == "effective")]
        if effective.empty:
            without = rows[(rows.route == route) & (rows.reading == "effective")].study_id.nunique()
            parts.append(f"{route} none in particles ({without} without an amount)" if without else f"{route} none")
            continue
        bases = " and ".join(basis for basis in ("stated", "derived", "assumed") if basis in set(effective.basis))
        products = effective.why.str.extract("concentration stated of (.+)")[0]
        bases += f" from volumes of {products.iloc[0]}" if bases == "derived" and products.nunique() == 1 else ""
        reports = several(effective.study_id.nunique(), "report")
        parts.append(f"{route} {span_of(effective.low.min(), effective.high.max())} ({reports}, {bases})")
    return f"Effective doses {_RULE_PHRASES.get(effective_if, effective_if)}, in particles: {', '.join(parts)}"


def _forest_title(shown: pd.DataFrame, whose: str, without: int) -> str:
    if shown.empty:
        return f"No ratio of effect has an estimate for {whose}"
    bounded = shown.dropna(subset=["low", "high"])
    if bounded.empty:
        return f"No ratio for {whose} has an interval"
    none, main = _including(bounded), bounded[bounded.main]
    title = f"{none} of {several(len(bounded), 'ratio')} for {whose} {'is' if none == 1 else 'are'} compatible with no difference"
    if without and main.empty:
        return f"{title}; {several(without, 'primary outcome')} compared without an estimate"
    more = f" ({without} more compared, without an estimate)" if without else ""
    return title + (f"; of primary outcomes {_including(main)} of {len(main)}{more}" if len(main) else "")


def _primary_without(without: pd.DataFrame | None, msc_derived: bool) -> int:
    """How many primary outcomes are compared with another arm and have no estimate."""
    if without is None:
        return 0
    flags = without[["primary", "ev_arm", "msc_derived"]].astype("str") == "True"
    own = flags.primary & flags.ev_arm & (flags.msc_derived == msc_derived) & (without.comparison == "between arms")
    return int(own.sum())


def _intervals_in_numbers(shown: pd.DataFrame) -> str:
    bounded = shown.dropna(subset=["low", "high"])
    beside = bounded[(bounded.low > 1) | (bounded.high < 1)]
    without = len(shown) - len(bounded)
    parts = [f"Intervals that include 1: {_including(bounded)} of {len(bounded)}"]
    parts += [f"of the others {beside.hollow.sum()} of {len(beside)} estimated or reconstructed"] if len(beside) else []
    parts += [f"{several(without, 'ratio')} without an interval"] if without else []
    return "; ".join(parts) + "."


def _including(bounded: pd.DataFrame) -> int:
    """How many intervals include 1."""
    return int(((bounded.low <= 1) & (bounded.high >= 1)).sum())


def _not_drawn(effects: pd.DataFrame, ratio: pd.Series, known: pd.Series, vesicles: pd.Series) -> str:
    measures = sorted(set(effects.measure[~ratio].fillna("measure not named")))
    counts = {
        f"of other measures ({', '.join(measures)})": ~ratio,
        "without a finite estimate": ratio & ~known,
        "of arms without vesicles": ratio & known & ~vesicles,
    }
    others = [f"{rows.sum()} {words}" for words, rows in counts.items() if rows.any()]
    return f"Not drawn: {'; '.join(others)}." if others else ""


def _leaves_axis(shown: pd.DataFrame) -> bool:
    values = shown[["low", "high", "estimate"]].astype("float64")
    return bool(((values < _RATIO_LIMITS[0]) | (values > _RATIO_LIMITS[1])).any(axis=None))


def _curve_title(data: pd.DataFrame, known: int) -> str:
    n = several(len(data), "combination")
    if not known:
        return f"In none of {n} of the assumptions can the doses of the routes be compared"
    shares = data.share.dropna()
    low, high = share_text(shares.min()), share_text(shares.max())
    runs = f"is {low}" if low == high else f"runs from {low} to {high}"
    counts = data["below intravenous"].value_counts()
    verdicts = ", ".join(f"{verdict} in {counts[verdict]:,}" for verdict in VERDICTS if verdict in counts)
    return (
        f"The share of readings of the amounts in which the effective dose is lower nebulised than intravenously {runs} in "
        f"{known:,} of {n} of the assumptions; the claim that it is lower: {verdicts}"
    )


def _product_title(own: pd.DataFrame, product: str, band: tuple[float, float] | None, effective_if: str) -> str:
    volume = f"{own.volume_ml.iloc[0]:g} mL"
    amounts = sorted(set(own.particles))
    if len(amounts) == 1:
        return f"One {volume} dose of {product} is {power(amounts[0])} particles by every source"
    joined = " or ".join(map(power, amounts)) if len(amounts) == 2 else span_of(amounts[0], amounts[-1])
    title = f"One {volume} dose of {product} is {joined} particles, depending on the source"
    title += f" ({len(amounts)} readings)" if len(amounts) > 2 else ""
    if band:
        inside = sum(band[0] <= amount <= band[1] for amount in amounts)
        above = sum(amount > band[1] for amount in amounts)
        verb = "lies" if inside == 1 else "lie"
        rule = _RULE_PHRASES.get(effective_if, effective_if)
        title += f"; {inside} {verb} within the nebulised doses that are effective {rule}, {above} above"
    return title


# --- words


def _level_text(dial: str, level: Any) -> str:
    """A value of a dial in words."""
    if level is None:
        return {"exoflo_per_ml": "every reading"}.get(dial, "not converted")
    if isinstance(level, (bool, np.bool_)):
        return "yes" if level else "no"
    if dial == "exoflo_per_ml":
        return power(level)
    return _LEVEL_WORDS.get(level, str(level))


def _level_order(level: Any) -> tuple[bool, float, str]:
    """None first, then numbers, then words in the order of the dials."""
    number = isinstance(level, (int, float, np.bool_))
    words = list(_LEVEL_WORDS)
    return level is not None, float(level) if number else words.index(level) if level in words else 99.0, str(level)


def _levels_in_words(data: pd.DataFrame, dial: str) -> str:
    """The range of shares for each value of a dial."""
    parts = []
    for level, own in data.groupby(data[dial].astype("object").where(data[dial].notna(), "–"), sort=False):
        known = own.share.dropna()
        span = f"{share_text(known.min())} to {share_text(known.max())}" if len(known) else "none"
        parts.append(f"{_level_text(dial, None if level == '–' else level)} {span} (in {len(known):,} of {len(own):,})")
    return f"{_DIAL_WORDS[dial]}: {', '.join(parts)}"


def _ratio(value: float) -> str:
    """A ratio to two digits: more would be false precision in a small trial."""
    if pd.isna(value):
        return "?"
    if not np.isfinite(value):
        return "∞"
    if 0.95 < value < 1.05 and value != 1:  # shows on which side of 1 it lies
        return f"{value:.3f}" if f"{value:.2f}" == "1.00" else f"{value:.2f}"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"


def _estimate_text(row: Mapping) -> str:
    text = _ratio(row["estimate"])
    if pd.notna(row["low"]) or pd.notna(row["high"]):
        return f"{text} ({_ratio(row['low'])} to {_ratio(row['high'])})"
    return f"{text} (p = {row['p']:.2g})" if pd.notna(row["p"]) else f"{text} (no interval)"


def _outcome(row: Mapping) -> str:
    parts = [str(row[name]) for name in ("outcome", "timepoint") if pd.notna(row[name]) and str(row[name]).strip()]
    return ", ".join(dict.fromkeys(parts)) or "outcome not named"


def _sides(row: Mapping) -> str:
    arm, versus = (row[name] if pd.notna(row[name]) else "?" for name in ("arm", "versus"))
    return f"{arm} v. {versus}"


def _events(row: Mapping) -> str:
    """How many of all had the event, in both groups, as far as is known."""

    def side(events: float, n: float) -> str:
        return "?" if pd.isna(n) else f"n = {n:g}" if pd.isna(events) else f"{events:g} of {n:g}"

    both = [side(row[f"{group}events"], row[f"{group}n"]) for group in ("", "versus_")]
    if both != ["?", "?"]:
        return " v. ".join(both)
    whole = row.get("n_people")
    return "n not printed" if pd.isna(whole) else f"n = {float(whole):g} in all"


def _short_sources(source: str) -> str:
    """Sources in short: numbers and DOIs whole, addresses as their site."""
    parts = [re.sub(r"^https?://(www\.)?([^/]+).*", r"\2", part.strip()) for part in source.split("|")]
    return ", ".join(dict.fromkeys(parts))


def _source_url(source: str) -> str | None:
    """The address of a source: the first page, the DOI or the record."""
    forms = {r"https?://\S+": "", r"(?<=doi:)\S+": "https://doi.org/", r"NCT\d{8}": "https://clinicaltrials.gov/study/"}
    matches = ((site, re.search(form, source)) for form, site in forms.items())
    return next((site + match[0] for site, match in matches if match), None)


def _arm_names(line: pd.DataFrame) -> str:
    names = [str(arm) for arm in line.arm.dropna()]
    return ", ".join(names) + (f" ({len(line)} arms)" if len(line) > 1 else "")


def _participants(line: pd.DataFrame) -> str:
    return "–" if line.n.isna().any() else str(int(line.n.sum()))


def _positive(column: pd.Series) -> pd.Series:
    return column.astype("float64").between(0, np.inf, inclusive="neither")


# --- rows


def _shared_lines(shown: pd.DataFrame) -> list[pd.DataFrame]:
    """The arms that share a line (one report, amount, basis and reading), the report with the lowest dose first."""
    place, least = shown.route.map(list(_ROUTE_HEADS).index), shown.groupby(["route", "study_id"]).low.transform("min")
    order = shown.assign(place=place, least=least).sort_values(["place", "least", "study_id", "low", "high"])
    same = ["route", "study_id", "low", "high", "reading", "basis"]
    return [line for _, line in shown.loc[order.index].groupby(same, sort=False, dropna=False)]


def _dose_line(
    axes: plt.Axes, top: float, line: pd.DataFrame, scale: _Log, *, named: bool, gid: str
) -> tuple[tuple[float, float], float]:
    """One line of doses; ``named``: whether the report's name stands above it; ``gid``: of its mark.

    Returns from where to where words stand in the way of the axis, and where the line ends.
    """
    first, edge = line.iloc[0], right_edge(axes)
    beside = edge == WIDTH
    study = fitted(first.study, 124 if beside else edge - 8, lines=2, size=_SIZE) if named else []
    arms = fitted(_arm_names(line) or "arm not named", 118 if beside else edge - 16, lines=2, size=_SMALL)
    height = _LINE * len(study) + _SMALL_LINE * len(arms) + 5
    for i, text in enumerate(study):
        put_text(axes, (1, top + 7 + _LINE * i), text, size=_SIZE, ha="left")
    _small_lines(axes, 7, top + 7 + _LINE * len(study), arms, colour=_SOFT)
    y = top + _LINE * len(study) + (_SMALL_LINE * len(arms) + 4) / 2 if beside else top + height + 5
    mark = _READING_MARKS.get(first.reading, _READING_MARKS["not compared"])
    low, high = scale.at(first.low), scale.at(first.high)
    stated = first.basis == "stated"
    if high > low:
        axes.plot([low, high], [y, y], color=mark[2], lw=1.4, ls="-" if stated else (0, (3, 2)))
        axes.plot([low, low, np.nan, high, high], [y - 3, y + 3, np.nan, y - 3, y + 3], color=mark[2], lw=1.2)
        inner = line.q025.median(), line.q975.median()
        if inner[0] > first.low * 1.001 or inner[1] < first.high * 0.999:
            thick = {"lw": 4, "ls": "-" if stated else (0, (1.2, 0.5)), "solid_capstyle": "butt"}
            axes.plot([scale.at(value) for value in inner], [y, y], color=mark[2], **thick)
    middle = line["median"].median()
    _mark(axes, scale.at(middle if middle > 0 else np.sqrt(first.low * first.high)), y, mark, gid=gid)
    put_text(axes, (edge - 30, y), first.basis, size=_SMALL, ha="right")
    put_text(axes, (edge - 2, y), _participants(line), size=_SIZE, ha="right")
    return (top, top if beside else top + height), top + height + (0 if beside else 13)


def _study_heading(axes: plt.Axes, top: float, own: pd.DataFrame) -> float:
    """The study in bold, the flag of its vesicles, and beside it route and disease where there is room."""
    first = own.iloc[0]
    flag = "" if first.msc else " (not of MSCs)"
    room = right_edge(axes) - 14 - width_of(flag, size=_SIZE, bold=True)  # text is drawn a little wider than measured
    text = fitted(first.study, room, lines=1, size=_SIZE, bold=True)[0] + flag
    put_text(axes, (1, top + 7), text, size=_SIZE, bold=True, ha="left")
    same = [name for name in ("route", "disease_group") if own[name].eq(first[name]).all()]
    about = ", ".join("intravenous" if first[name] == "iv" else str(first[name]) for name in same)
    room = right_edge(axes) - 14 - width_of(text, size=_SIZE, bold=True)
    if about and width_of(about, size=_SMALL) < room - 6:
        put_text(axes, (right_edge(axes) - 2, top + 7), about, size=_SMALL, ha="right", colour=_SOFT)
    return top + 15


def _forest_panel(axes: plt.Axes, top: float, shown: pd.DataFrame, kind: str | None, words: str) -> float:
    """The outcomes of one kind on an axis of their own; returns where it ends."""
    scale = _ratio_scale(shown, right_edge(axes))
    edge = right_edge(axes)
    put_text(axes, (1, top + 7), words, size=_SIZE, ha="left")
    top += 13 if width_of(words, size=_SIZE) > edge - 120 else 0
    _right_heads(axes, top, {edge - 2: "Ratio (95 % interval)"})
    top += 15
    put_rule(axes, (1, edge - 2), (top, top))
    top += 2
    start, blocks = top, []
    for _, own in shown.groupby("study", sort=False):
        begin, top = top, _study_heading(axes, top, own)
        for sides, rows in own.groupby(own.apply(_sides, axis=1), sort=False):
            lines = fitted(sides, edge - 16, lines=2, size=_SMALL)
            _small_lines(axes, 7, top + 5, lines, colour=_SOFT)
            top += _SMALL_LINE * len(lines)
            blocks.append((begin, top))
            for _, row in rows.iterrows():
                words, top = _effect_line(axes, top, row, scale)
                blocks.append(words)
            begin = top
        top += 3
    bottom = _axis(axes, start, top, scale, "", skip=blocks) - 12
    for begin, end in _free_stretches(start, top, blocks):
        axes.plot([scale.at(1)] * 2, [begin, end], color=INK, lw=1, zorder=0.6)
    if kind:
        first, second = "\N{LEFTWARDS ARROW} favours the first arm", "favours the second arm \N{RIGHTWARDS ARROW}"
        if kind == "higher":
            first, second = "\N{LEFTWARDS ARROW} favours the second arm", "favours the first arm \N{RIGHTWARDS ARROW}"
        one = scale.at(1)
        if max(width_of(first, size=_SMALL) - one, width_of(second, size=_SMALL) + one - edge) < -6:
            put_text(axes, (one - 4, bottom + 4), first, size=_SMALL, ha="right")
        else:  # one below the other
            put_text(axes, (1, bottom + 4), first, size=_SMALL, ha="left")
            bottom += 12
            one = min(one, edge - 8 - width_of(second, size=_SMALL))
        put_text(axes, (one + 4, bottom + 4), second, size=_SMALL, ha="left")
        bottom += 12
    return bottom + 4


def _effect_line(axes: plt.Axes, top: float, row: pd.Series, scale: _Log) -> tuple[tuple[float, float], float]:
    """One outcome; returns from where to where its words stand in the way of the axis, and where it ends."""
    edge = right_edge(axes)
    beside = edge == WIDTH
    outcome = fitted(_outcome(row), 142 if beside else edge - 18, lines=3, size=_SMALL, bold=row.main)
    _small_lines(axes, 7, top + 7, outcome, bold=row.main)
    words = (top, top if beside else top + _SMALL_LINE * len(outcome) + 2)
    top, height = words[1], _SMALL_LINE * (max(len(outcome), 2) if beside else 2) + 4
    y = top + height / 2
    colour = _DARK_ORANGE if row.hollow else BLUE
    ends = [_interval_end(axes, value, y, scale, colour) for value in (row.low, row.high)]
    if pd.notna(row.low) and pd.notna(row.high):
        axes.plot(ends, [y, y], color=colour, lw=1.6, ls=(0, (3, 2)) if row.hollow else "-", zorder=2)
    outside = not scale.low <= row.estimate <= scale.high
    place = scale.begin if row.estimate < scale.low else scale.end if outside else scale.at(row.estimate)
    if outside:
        _interval_end(axes, row.estimate, y, scale, colour)
    _mark(axes, place, y, ("s", "white" if row.hollow or outside else colour, colour, 6.5))
    right = {"ha": "right", "size": _SMALL}
    put_text(axes, (edge - 2, y - 5), fitted(_estimate_text(row), 100, lines=1, size=_SMALL)[0], **right)
    put_text(axes, (edge - 2, y + 5.5), fitted(_events(row), 100, lines=1, size=_SMALL)[0], colour=_SOFT, **right)
    return words, top + height


def _interval_end(axes: plt.Axes, value: float, y: float, scale: _Log, colour: str) -> float:
    """Where an end of an interval is drawn; an arrow where it leaves the axis."""
    if pd.isna(value):
        return float("nan")
    if scale.low <= value <= scale.high:
        return scale.at(value)
    side, place = (-1, scale.begin) if value < scale.low else (1, scale.end)
    tip = place + side * 8
    axes.plot([place, tip], [y, y], color=colour, lw=1.6, zorder=2)
    axes.plot([tip - side * 4, tip, tip - side * 4], [y - 3, y, y + 3], color=colour, lw=1.4, zorder=2)
    return place


# --- parts of a drawing


class _Columns(NamedTuple):
    """Where columns stand, in points: the first ``known`` of them wide, after a gap the others narrower."""

    begin: float
    end: float
    known: int
    n: int

    def at(self, column: float) -> float:
        narrow = self.n - self.known
        room = self.end - self.begin
        wide = room if not narrow else 0.0 if not self.known else 0.74 * room
        if column <= self.known and self.known:
            return self.begin + wide * column / self.known
        start = self.begin + (wide + 6 if wide else 0)
        return start + (self.end - start) * (column - self.known) / narrow

    def runs(self, chosen: pd.Series) -> list[tuple[float, float]]:
        """The stretches of chosen columns, each with where it begins and how wide it is."""
        found = []
        for first, last in ((0, self.known), (self.known, self.n)):
            own = np.diff(np.concatenate([[0], chosen.to_numpy(dtype=int)[first:last], [0]]))
            for start, stop in zip(np.flatnonzero(own == 1) + first, np.flatnonzero(own == -1) + first, strict=True):
                left = self.at(start + 1e-9) if start == self.known else self.at(start)
                found.append((left, self.at(stop) - left))
        return found


def _blocks(axes: plt.Axes, runs: list[tuple[float, float]], ends: tuple[float, float], colour: str) -> None:
    """Filled rectangles side by side, between two heights, as one shape."""
    if not runs:
        return
    (first, last), codes = ends, [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    corners = [
        corner
        for left, width in runs
        for corner in (
            *((left, first), (left + width, first), (left + width, last)),
            *((left, last), (left, first)),
        )
    ]
    put_patch(axes, PathPatch(Path(corners, codes * len(runs)), facecolor=colour, lw=0))


def _share_panel(axes: plt.Axes, top: float, data: pd.DataFrame, place: _Columns) -> float:
    """The curve itself: the share of each column, coloured by the verdict on the order of routes."""
    if data.empty:
        return top
    height, least = 84.0, max(0.0, np.floor(data.share.min() * 10 - 0.5) / 10)
    right = place.at(place.known)

    def at(share: float) -> float:
        return top + height * (1 - share) / (1 - least)

    put_text(axes, (1, top + 4), "Share of readings in", size=_SMALL, ha="left")
    put_text(axes, (1, top + 4 + _SMALL_LINE), "which nebulised", size=_SMALL, ha="left")
    put_text(axes, (1, top + 4 + 2 * _SMALL_LINE), "is lower", size=_SMALL, ha="left")
    for share in (least, 0.95, 1.0):
        put_rule(axes, (place.at(0), right), (at(share),) * 2)
    for share, y in ((least, at(least)), (0.95, max(at(0.95), at(1) + 9)), (1.0, at(1))):
        put_text(axes, (place.at(0) - 4, y), f"{share:g}", size=_SMALL, ha="right")
    columns = data[["share", "below intravenous"]]
    run = (columns != columns.shift()).any(axis=1).cumsum()
    for _, own in data.groupby(run):
        ends = [place.at(own.index[0]), place.at(own.index[-1] + 1)]
        colour = _VERDICT_COLOURS[own["below intravenous"].iloc[0]]
        axes.plot(ends, [at(own.share.iloc[0])] * 2, color=colour, lw=4, solid_capstyle="butt", zorder=2)
    return top + height + 8


def _mark(axes: plt.Axes, x: float, y: float, mark: _Mark, *, gid: str | None = None) -> None:
    shape, face, edge, size = mark
    axes.scatter(x, y, s=size**2, marker=shape, facecolor=face, edgecolor=edge, lw=1.3, zorder=3, gid=gid)


def _amount_bar(axes: plt.Axes, ends: tuple[float, float], y: float, style: _BarStyle) -> None:
    face, edge, hatch = style
    left, right = ends
    if right - left < 4:  # one amount
        left, right = (left + right) / 2 - 2, (left + right) / 2 + 2
    look = {"facecolor": face, "edgecolor": edge, "hatch": hatch, "lw": 1.1, "zorder": 2}
    put_patch(axes, Rectangle((left, y - 4), right - left, 8, **look))


def _keys(axes: plt.Axes, top: float, keys: Mapping[str, _Mark | _BarStyle]) -> float:
    """What marks or bars mean, side by side, as many as fit into a line; returns where they end."""
    x = 1.0
    for label, look in keys.items():
        width = 15 + width_of(label, size=_SMALL)
        if x > 1 and x + width > right_edge(axes) - 2:
            x, top = 1.0, top + 13
        if len(look) == 3:
            _amount_bar(axes, (x, x + 12), top + 7, look)
        else:
            _mark(axes, x + 6, top + 7, look)
        put_text(axes, (x + 15, top + 7), label, size=_SMALL, ha="left")
        x += width + 12
    return top + 17


def _right_heads(axes: plt.Axes, top: float, heads: Mapping[float, str]) -> None:
    for x, text in heads.items():
        put_text(axes, (x, top + 6), text, size=_SMALL, bold=True, ha="right")


def _small_lines(axes: plt.Axes, x: float, y: float, lines: list[str], **style: Any) -> None:
    """Lines of small print, the first at ``y``."""
    for i, line in enumerate(lines):
        put_text(axes, (x, y + _SMALL_LINE * i), line, size=_SMALL, ha="left", **style)


def _decades(lows: pd.Series, highs: pd.Series, *, begin: float, end: float) -> _Log:
    """An axis of whole decades around all values."""
    if not len(lows):
        return _Log(begin, end, 1e8, 1e12)
    first, last = np.floor(np.log10(lows.min()) - 0.05), np.ceil(np.log10(highs.max()) + 0.05)
    return _Log(begin, end, float(10.0**first), float(10.0**last))


def _ratio_scale(shown: pd.DataFrame, edge: float) -> _Log:
    values = pd.concat([shown.low, shown.high, shown.estimate]).astype("float64")
    values = values[np.isfinite(values) & (values > 0)]
    least, most = (values.min(), values.max()) if len(values) else (1.0, 1.0)
    low, high = max(_RATIO_LIMITS[0], min(0.5, least * 0.9)), min(_RATIO_LIMITS[1], max(2.0, most * 1.1))
    return _Log(160 if edge == WIDTH else 14, edge - 104, low, high)


def _free_stretches(begin: float, end: float, skip: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The stretches between two heights that texts leave free."""
    for first, last in sorted(skip):
        if first > begin:
            yield begin, first
        begin = max(begin, last)
    if end > begin:
        yield begin, end


def _axis(
    axes: plt.Axes, start: float, end: float, scale: _Log, label: str, *, skip: Iterable[tuple[float, float]] = ()
) -> float:
    """Grid lines, numbers and the name of an axis below the rows; returns where they end."""
    if scale.low < 1 < scale.high:
        values = [k * 10.0**e for e in range(-2, 2) for k in (1, 2, 5)]
        ticks = {value: f"{value:g}" for value in values if scale.low <= value <= scale.high}
    else:
        decades = np.arange(round(np.log10(scale.low)), round(np.log10(scale.high)) + 1)
        ticks = {float(10.0**k): power(10.0**k).removeprefix("1×") for k in decades}
    axes.plot([scale.begin, scale.end], [end, end], color=INK, lw=0.8)
    taken: list[tuple[float, float]] = []
    for value in sorted(ticks, key=lambda value: (value != 1, value)):  # the 1 of ratios is always numbered
        x, half = scale.at(value), width_of(ticks[value], size=_SMALL) / 2
        for first, last in _free_stretches(start, end, skip):
            axes.plot([x, x], [first, last], color=_RULE, lw=0.5, zorder=0.5)
        axes.plot([x, x], [end, end + 3], color=INK, lw=0.8)
        if all(x + half + 3 < left or x - half - 3 > right for left, right in taken):
            put_text(axes, (x, end + 10), ticks[value], size=_SMALL)
            taken.append((x - half, x + half))
    middle, half = (scale.begin + scale.end) / 2, width_of(label, size=_SMALL) / 2
    if not label:
        return end + 32
    put_text(axes, (min(middle, right_edge(axes) - 2 - half), end + 22), label, size=_SMALL)
    return end + 32
