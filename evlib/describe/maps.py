"""Maps of the included trials: countries on a map of the world, and each trial as a bubble by disease and route."""

from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.patches import Circle, Rectangle

from evlib.base import point_layout as pt
from evlib.base.figure import Figure, none_included, nothing
from evlib.base.words import several
from evlib.describe import drawing, tally
from evlib.describe.coded_fields import country_codes
from evlib.describe.geography import middle

_NORTH, _SOUTH = 84.0, -56.0  # degrees of latitude that the map shows
_MOST_ROUTES = 11  # more columns would be too narrow
_PHASE_MARKERS = "osD^vPXhp*"
_NO_PHASE = "#B5B5B5"
_UNKNOWN = 8.0  # points: the width of a bubble whose enrolment is not stated


def where(described: pd.DataFrame, countries: pd.DataFrame) -> Figure:
    """A map of the countries of included trials: a circle for each, its area the number of trials.

    Parameters
    ----------
    described
        Table ``described``.
    countries
        Outlines, as ``evlib.describe.geography.outlines`` returns them. A country too small to have one is named below the map.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from evlib.describe.geography import OUTLINES, outlines
    >>> described = pd.DataFrame({"countries": ["China", "China | Singapore", None], "screening": "included"})
    >>> drawn = where(described, outlines(f"data/raw/{OUTLINES}"))
    >>> drawn.data
         country  n
    0      China  2
    1  Singapore  1
    >>> drawn.title
    'Included trials are in 2 countries, most often China; 1 does not tell'
    >>> plt.close(drawn.drawing)
    """
    name, trials = "where", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    values, order = tally.values_of(trials, "countries", {})
    n = tally.count_each(values, order[:-1])
    if n.empty:
        return nothing(name, f"No included trial of {len(trials)} reports its country")
    codes = country_codes(list(n.index))
    rings = {code: rows.ring for code, rows in countries.groupby("code")}
    drawn = [country for country in n.index if codes.get(country) in rings]
    leaders = tally.leading(n)
    missing = int(trials.countries.isna().sum())
    title = f"Included trials are in {len(n)} {'country' if len(n) == 1 else 'countries'}, most often {leaders}"
    title += f"; {missing} {'does' if missing == 1 else 'do'} not tell" if missing else ""
    title += tally.placed_by_sponsors(trials)
    axes, top = pt.canvas(title)
    scale = pt.WIDTH / 360
    with_trials = {codes[country] for country in drawn}
    frame = Rectangle((0, top), pt.WIDTH, (_NORTH - _SOUTH) * scale, transform=axes.transData)
    for row in countries.itertuples():
        colour = drawing.LIGHT if row.code in with_trials else "#E6E6E6"
        for turn in (-360, 0, 360):  # what crosses the date line shows at both ends of the map
            points = [(row.ring[:, 0] + turn + 180) * scale, top + (_NORTH - row.ring[:, 1]) * scale]
            points = np.round(np.column_stack(points), 1)  # a tenth of a point: finer is only a larger file
            x, y = points[np.r_[True, np.any(np.diff(points, axis=0), axis=1)]].T
            if x.max() > 0 and x.min() < pt.WIDTH:
                for patch in axes.fill(x, y, colour, ec="white", lw=0.3):
                    patch.set_clip_path(frame)
    centres = np.array([middle(rings[codes[country]]) for country in drawn]).reshape(-1, 2)
    places = np.column_stack([(centres[:, 0] + 180) * scale, top + (_NORTH - centres[:, 1]) * scale])
    radii = np.maximum(5.5, 12 * np.sqrt(n[drawn].to_numpy() / n.max()))
    for country, place, radius in zip(drawn, _apart(places, radii), radii):
        pt.put_patch(axes, Circle(tuple(place), radius, facecolor=pt.BLUE, edgecolor="white", lw=0.8))
        pt.put_text(axes, tuple(place), str(n[country]), size=pt.SMALL, bold=True, colour="white")
    small = [f"{country} ({n[country]})" for country in n.index if country not in drawn]
    note = f"Numbers: {tally.counted(described)}. {tally.twice(trials, 'countries')}"
    note += f" Too small to be drawn: {', '.join(small)}." if small else ""
    bottom = pt.put_note(axes, top + (_NORTH - _SOUTH) * scale + 4, note)
    alt = f"World map with a circle for each country. {title}. {tally.listed(n)}."
    return Figure(pt.finished(axes, bottom), name, title, alt, n.rename_axis("country").rename("n").reset_index())


def _apart(places: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Circles moved by as little as keeps them from lying on one another, the larger of two staying."""
    places = places.astype(float).copy()
    for _ in range(200):
        moved = False
        for one, other in combinations(np.argsort(-radii, kind="stable"), 2):
            gap = places[other] - places[one]
            distance, least = float(np.hypot(*gap)), radii[one] + radii[other] + 0.5
            if distance < least:
                direction = gap / distance if distance else np.array([1.0, 0.0])
                places[other] = places[one] + direction * least
                moved = True
        if not moved:
            break
    return places


def evidence_map(described: pd.DataFrame, *, labels: tally.Labels) -> Figure:
    """Every included trial as a bubble, by disease (rows) and route (columns); its size is the enrolment, its shape the phase.

    A bubble's diameter grows with the logarithm of enrolment: 4 points at one participant, and 4 more with each
    factor of ten, up to 16. Bubbles stand beside each other, in lines as in a text, the largest first.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> described = pd.DataFrame({"trn": ["NCT1", "NCT2"], "disease_area": ["Skin", "Eye"], "route_group": "Local"})
    >>> described = described.assign(phase_group="Phase 1", enrolment=[20, None], screening="included")
    >>> drawn = evidence_map(described, labels={})
    >>> drawn.data
        trn disease_area route_group    phase  enrolment
    0  NCT1         Skin       Local  Phase 1       20.0
    1  NCT2          Eye       Local  Phase 1        NaN
    >>> drawn.title
    'Tried most often: Eye or Skin by Local (1 each); 0 of 2 pairs of disease and route are without a trial'
    >>> plt.close(drawn.drawing)
    """
    name, trials = "evidence_map", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    diseases, disease_order = tally.values_of(trials, "disease_area", labels)
    routes, route_order = tally.values_of(trials, "route_group", labels, most=_MOST_ROUTES)
    phases, phase_order = tally.values_of(trials, "phase_group", labels, most=len(_PHASE_MARKERS))
    pairs = tally.stated_pairs(tally.crossed(diseases, routes, disease_order, route_order))
    title = f"No included trial of {len(trials)} states both disease and route"
    if len(pairs) and pairs.max():
        most, empty = tally.top_pair(pairs, " by "), int((pairs == 0).sum())
        title = f"Tried most often: {most} ({tally.highest(pairs)}); " if most else "No disease and route stand out; "
        title += f"{empty} of {several(len(pairs), 'pair')} of disease and route {'is' if empty == 1 else 'are'} without a trial"
    looks = _phase_looks(phase_order, labels)
    axes, top = pt.canvas(title)
    rows = [f"{label} ({n})" for label, n in tally.count_each(diseases, disease_order).items()]
    heads = [f"{label} ({n})" for label, n in tally.count_each(routes, route_order).items()]
    left = drawing.label_width(rows)
    width = (pt.WIDTH - left - 2) / len(route_order)
    top = start = drawing.put_heads(axes, top, heads, left=left, width=width, nouns=("Disease", "Route"))
    sizes = trials.enrolment.astype(float).map(_diameter, na_action="ignore").fillna(_UNKNOWN)
    for disease, text in zip(disease_order, rows):
        inside = diseases.map(lambda values, disease=disease: disease in values)
        columns = (routes.map(lambda values, route=route: route in values) for route in route_order)
        packed = [_packed(sizes[inside & along], width - 3) for along in columns]
        height = max(18.0, drawing.label_height(text, left), *(deep + 4 for _, deep in packed))
        drawing.put_label(axes, left, top + height / 2, text)
        pt.put_rule(axes, (left, pt.WIDTH - 2), (top, top))
        for j, (places, deep) in enumerate(packed):
            for i, (x, y) in places.items():
                marker, face = looks[phases[i][0]]
                face = "white" if pd.isna(trials.enrolment[i]) else face
                place = (left + j * width + 1.5 + x, top + (height - deep) / 2 + y)
                pt.put_marker(axes, *place, marker, face, width=sizes[i] - 1, lw=0.8, zorder=3)
        top += height
    for j in range(len(route_order) + 1):
        pt.put_rule(axes, (left + j * width,) * 2, (start, top))
    pt.put_rule(axes, (left, pt.WIDTH - 2), (top, top))
    top = pt.put_legend(axes, top + 6, [pt.Key(phase, face, None, marker) for phase, (marker, face) in looks.items()])
    examples = [pt.Key(f"{n:,} participants", _NO_PHASE, None, "o", _diameter(n) - 1) for n in (10, 100, 1000)]
    top = pt.put_legend(axes, top, [*examples, pt.Key("not stated", "white", None, "o", _UNKNOWN - 1)])
    missing = int(trials.enrolment.isna().sum())
    note = f"Each marker one of the {tally.counted(described)}; the larger, the more participants (log scale); "
    note += f"white: not stated ({missing}). Without a trial: {(pairs == 0).sum()} of {len(pairs)} pairs. {tally.twice(trials, 'disease_area', 'route_group')}"
    bottom = pt.put_note(axes, top, note)
    filled = pairs[pairs > 0].sort_values(ascending=False, kind="stable")
    filled = filled.set_axis([" by ".join(pair) for pair in filled.index])
    alt = f"Map of markers. {title}. {tally.listed(filled)}. Enrolment is not stated for {missing}."
    shown = {"disease_area": diseases, "route_group": routes, "phase": phases}
    data = trials[["trn"]].assign(**{field: values.map("; ".join) for field, values in shown.items()})
    return Figure(pt.finished(axes, bottom), name, title, alt, data.assign(enrolment=trials.enrolment))


def _phase_looks(order: list[str], labels: tally.Labels) -> dict[str, tuple[str, object]]:
    """A marker and a shade for each phase, later ones darker; what is no phase is grey."""
    no_phase = {tally.MISSING, tally.as_label(labels.get("phase_group", {}).get("not-applicable", "not-applicable"))}
    stated = [phase for phase in order if phase not in no_phase]
    shades = dict(zip(stated, map(tuple, matplotlib.colormaps["viridis"](np.linspace(0.92, 0.05, len(stated))))))
    return {phase: (marker, shades.get(phase, _NO_PHASE)) for phase, marker in zip(order, _PHASE_MARKERS)}


def _diameter(enrolment: float) -> float:
    """The width of a bubble, in points."""
    return min(16.0, 4 + 4 * float(np.log10(max(enrolment, 1))))


def _packed(sizes: pd.Series, width: float) -> tuple[dict[object, tuple[float, float]], float]:
    """Centres of bubbles within a width, in lines from the largest to the smallest, and how deep they reach."""
    lines: list[list[object]] = []
    ordered = sizes.sort_values(ascending=False, kind="stable")
    for i, size in ordered.items():
        if not lines or ordered[lines[-1]].sum() + size > width:
            lines.append([])
        lines[-1].append(i)
    places, deep = {}, 0.0
    for line in lines:
        tall, x = ordered[line].max(), (width - ordered[line].sum()) / 2
        for i in line:
            places[i] = (x + ordered[i] / 2, deep + tall / 2)
            x += ordered[i]
        deep += tall
    return places, deep
