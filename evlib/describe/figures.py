"""The figures of the chapter "What are these trials like?": included trials only, each figure one question.

Labels are given as ``{field: {code: label}}``, as ``tables.code_labels`` returns them field by field. Drawings are made
in points on ``evlib.base.point_layout``, so that every text is measured before it is placed.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, count, pairwise
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, Rectangle

from evlib.base.figure import Figure, none_included, nothing
from evlib.base.point_layout import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    WIDTH,
    canvas,
    finished,
    fitted,
    heading,
    plain,
    put_note,
    put_patch,
    put_text,
    width_of,
    wrapped,
)
from evlib.base.schema import added_fields, split_multi
from evlib.base.tables import in_words
from evlib.base.words import joined, several
from evlib.describe.coded_fields import country_codes
from evlib.describe.geography import middle

_MISSING = "Not reported"
_SIZE, _LINE, _SMALL, _SMALL_LINE = 9.0, 12.0, 8.0, 10.5  # points
_PALE, _RULE, _LIGHT = "#F5F5F5", "#CCCCCC", "#9ECAE9"
_HATCH = "////"
_SHADE = "#F3E3CF"
_IN_CODE_ORDER = ("phase_group",)  # other fields: the most frequent value first
_MOST_COLUMNS = 11  # more would be too narrow for their numbers
_EMERGENCY = (pd.Timestamp("2020-01-30"), pd.Timestamp("2023-05-05"))
_EMERGENCY_WORDS = "WHO COVID-19 emergency, 30 Jan 2020 to 5 May 2023"
_MEASURES_OF_EVS = ("particles", "particles per area", "mass", "mass per body weight", "phospholipid per body weight")
_PHASE_MARKERS = "osD^vPXhp*"
_NORTH, _SOUTH = 84.0, -56.0  # degrees of latitude that the map shows
_UNKNOWN = 8.0  # points: the width of a bubble whose enrolment is not stated
_NARROWER = {"D": 0.72}  # Matplotlib draws a diamond as a square on its tip

# What registries call the state of a trial, in lower case.
_STATUS_WORDS = {
    "Recruiting": ("recruiting", "open public recruiting", "enrolling by invitation", "open to recruitment"),
    "Not yet recruiting": ("not yet recruiting", "pending", "preinitiation", "not yet started"),
    "Active, not recruiting": ("active, not recruiting", "active not recruiting", "ongoing"),
    "Completed": ("completed", "complete", "ended", "main results already published"),
    "Terminated, suspended or withdrawn": (
        "terminated",
        "suspended",
        "withdrawn",
        "stopped early",
        "halted",
        "prematurely ended",
    ),
    "Unknown": ("unknown status", "unknown"),
}
# Words that tell neither how far a trial is nor whether it has ended. WHO ICTRP knows no finer ones: its "Not recruiting" is
# said of trials that run, are completed, or were stopped. Shown only where a trial has one.
_VAGUE_WORDS = {
    "Not recruiting (no more is told)": (
        "not recruiting",
        "no longer recruiting",
        "recruitment complete",
        "recruitment completed",
    ),
    "Authorised (no more is told)": ("authorised",),
}
_STATUS = {word: group for group, words in (_STATUS_WORDS | _VAGUE_WORDS).items() for word in words}
_OTHER_STATUS = "Other word"

_Met = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.Series]
_Labels = Mapping[str, Mapping[str, str]]


class _Key(NamedTuple):
    """An entry of a legend: a box, or a marker where there is one."""

    label: str
    face: str
    hatch: str | None = None
    marker: str | None = None
    size: float = 7.0


class Item(NamedTuple):
    """One item of the reporting score: its name, what a reader sees, and which trials meet it.

    ``met`` takes the trials (``described``), their records in the same order and the doses; it returns one bool each.
    """

    name: str
    label: str
    met: _Met


def _in_trial(column: str) -> _Met:
    return lambda trials, records, doses: trials[column].notna()


def _in_record(column: str) -> _Met:
    return lambda trials, records, doses: records[column].notna()


def _in_doses(where: Callable[[pd.DataFrame], pd.Series]) -> _Met:
    return lambda trials, records, doses: trials.trn.isin(doses.trn[where(doses)])


ITEMS = (
    Item("cell_source", "Cell source", _in_trial("msc_source")),
    Item("ev_term", "Exosome or EV named", _in_trial("ev_term")),
    Item("route", "Route", _in_trial("route")),
    Item("dose", "Dose", _in_doses(lambda doses: doses.as_stated.notna() | doses.low.notna() | doses.high.notna())),
    Item(
        "dose_measures_evs",
        "Dose in particles or mass",
        _in_doses(lambda doses: doses.unit_kind.isin(_MEASURES_OF_EVS)),
    ),
    Item("administrations", "Number of doses given", _in_doses(lambda doses: doses.n_administrations.notna())),
    Item("study_type", "Study type", _in_trial("study_type")),
    Item("phase", "Phase", _in_trial("phase_group")),
    Item("design", "Design", _in_trial("design")),
    Item("allocation", "Allocation", _in_record("allocation")),
    Item("masking", "Masking", _in_record("masking")),
    Item("enrolment", "Enrolment", _in_trial("enrolment")),
    Item("country", "Country", _in_trial("countries")),
    Item("sponsor", "Sponsor", _in_record("sponsor")),
    Item("start_date", "Start date", _in_record("start_date")),
)
_BY_YEAR = ("country", "phase", "route", "cell_source", "enrolment", "allocation", "masking", "dose")


def countries_over_time(described: pd.DataFrame, *, most: int = 9) -> Figure:
    """Included trials by country and year of registration (the paper's Figures 3 and 4).

    Parameters
    ----------
    described
        Table ``described``.
    most
        How many countries have a row of their own; the others share one. Years before the last eleven share a column.
    """
    name, trials = "countries_over_time", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    countries, order = _values(trials, "countries", {}, most=most + 2)
    years = trials.registered.dt.year
    columns = pd.Series("No date", index=trials.index).where(years.isna(), years.map(_year_text))
    names = _year_columns(years)
    columns = columns.where(columns.isin(names), names[0])
    data = _crossed(countries, columns.map(lambda text: [text]), order, names)
    n = countries.explode().value_counts().reindex(order, fill_value=0)
    each, all_countries = _values(trials, "countries", {})
    leaders, first = _leading(each.explode().value_counts().reindex(all_countries[:-1]), of=_several(len(trials)))
    title = f"Most frequent country: {leaders}" if first else f"No included trial of {len(trials)} reports its country"
    by_year = _crossed(each, columns.map(lambda text: [text]), all_countries[:-1], names[:-1]).stack()
    if len(by_year) and by_year.max():
        title += f"; most in one year: {_top_pair(by_year, ', ')}"
    axes, top = canvas(title)
    top = _grid(axes, top, data, nouns=("Country", "Year of registration"), n=(n, columns.value_counts()))
    bottom = put_note(axes, top, f"Cells: {_counted(described)}. {_twice(trials, 'countries')}")
    alt = f"Heatmap of countries by year. {title}. {_listed(n)}. By year: {_listed(data.sum())}."
    return Figure(finished(axes, bottom), name, title, alt, data.rename_axis("country").reset_index())


def where(described: pd.DataFrame, countries: pd.DataFrame) -> Figure:
    """A map of the countries of included trials: a circle for each, its area the number of trials.

    Parameters
    ----------
    described
        Table ``described``.
    countries
        Outlines, as ``evlib.describe.geography.outlines`` returns them. A country too small to have one is named below the map.
    """
    name, trials = "where", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    values, order = _values(trials, "countries", {})
    n = values.explode().value_counts().reindex(order[:-1])
    if n.empty:
        return nothing(name, f"No included trial of {len(trials)} reports its country")
    codes = country_codes(list(n.index))
    rings = {code: rows.ring for code, rows in countries.groupby("code")}
    drawn = [country for country in n.index if codes.get(country) in rings]
    leaders, _ = _leading(n, of=_several(len(trials)))
    missing = int(trials.countries.isna().sum())
    title = f"Included trials are in {len(n)} {'country' if len(n) == 1 else 'countries'}, most often {leaders}"
    title += f"; {missing} {'does' if missing == 1 else 'do'} not tell" if missing else ""
    axes, top = canvas(title)
    scale = WIDTH / 360
    wanted = {codes[country] for country in drawn}
    frame = Rectangle((0, top), WIDTH, (_NORTH - _SOUTH) * scale, transform=axes.transData)
    for row in countries.itertuples():
        colour = _LIGHT if row.code in wanted else "#E6E6E6"
        for turn in (-360, 0, 360):  # what crosses the date line shows at both ends of the map
            points = [(row.ring[:, 0] + turn + 180) * scale, top + (_NORTH - row.ring[:, 1]) * scale]
            points = np.round(np.column_stack(points), 1)  # a tenth of a point: finer is only a larger file
            x, y = points[np.r_[True, np.any(np.diff(points, axis=0), axis=1)]].T
            if x.max() > 0 and x.min() < WIDTH:
                for patch in axes.fill(x, y, colour, ec="white", lw=0.3):
                    patch.set_clip_path(frame)
    centres = np.array([middle(rings[codes[country]]) for country in drawn]).reshape(-1, 2)
    places = np.column_stack([(centres[:, 0] + 180) * scale, top + (_NORTH - centres[:, 1]) * scale])
    radii = np.maximum(5.5, 12 * np.sqrt(n[drawn].to_numpy() / n.max()))
    for country, place, radius in zip(drawn, _apart(places, radii), radii):
        put_patch(axes, Circle(tuple(place), radius, facecolor=BLUE, edgecolor="white", lw=0.8))
        put_text(axes, tuple(place), str(n[country]), size=_SMALL, bold=True, colour="white")
    small = [f"{country} ({n[country]})" for country in n.index if country not in drawn]
    note = f"Numbers: {_counted(described)}. {_twice(trials, 'countries')}"
    note += f" Too small to be drawn: {', '.join(small)}." if small else ""
    bottom = put_note(axes, top + (_NORTH - _SOUTH) * scale + 4, note)
    alt = f"World map with a circle for each country. {title}. {_listed(n)}."
    return Figure(finished(axes, bottom), name, title, alt, n.rename_axis("country").rename("n").reset_index())


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


def crosstab_figure(
    described: pd.DataFrame, rows: str, columns: str, *, nouns: tuple[str, str], labels: _Labels
) -> Figure:
    """Included trials by two coded fields: a heatmap with its numbers (the paper's Figures 6, 7 and 9).

    Parameters
    ----------
    described
        Table ``described``.
    rows, columns
        Two coded columns. Phases stand in the order of their codes, other values by frequency, "Not reported" last.
        Where there are more than eleven columns, the rarest share one.
    nouns
        What the title calls the rows and the columns: ``("cell source", "phase")``.
    labels
        What a reader sees for each code, by field.
    """
    name, trials = f"{rows}_by_{columns}", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    row_values, row_order = _values(trials, rows, labels)
    column_values, column_order = _values(trials, columns, labels, most=_MOST_COLUMNS)
    data = _crossed(row_values, column_values, row_order, column_order)
    both = int((trials[rows].notna() & trials[columns].notna()).sum())
    verb = "states" if both == 1 else "state"
    title = f"{_capital(nouns[0])} by {nouns[1]}: {both} of {_several(len(trials))} {verb} both"
    pairs = data.drop(index=_MISSING).drop(columns=_MISSING).stack()
    if len(pairs) and pairs.max():
        title += f"; most often {_top_pair(pairs, ' with ')}"
    n = tuple(
        values.explode().value_counts().reindex(order, fill_value=0)
        for values, order in ((row_values, row_order), (column_values, column_order))
    )
    axes, top = canvas(title)
    top = _grid(axes, top, data, nouns=(_capital(nouns[0]), _capital(nouns[1])), n=n)
    bottom = put_note(axes, top, f"Cells: {_counted(described)}. {_twice(trials, rows, columns)}")
    alt = f"Heatmap. {title}. {_capital(nouns[0])}: {_listed(n[0])}. {_capital(nouns[1])}: {_listed(n[1])}."
    return Figure(finished(axes, bottom), name, title, alt, data.rename_axis(rows).reset_index())


def lung_trials(described: pd.DataFrame, *, labels: _Labels) -> Figure:
    """Included trials on lung and airways by route and cell source, those on COVID-19 apart (the paper's Figure 8)."""
    name, trials = "lung_trials", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    area = labels.get("disease_area", {}).get("respiratory", "respiratory").lower()
    lung = trials[trials.disease_area == "respiratory"]
    if lung.empty:
        return nothing(name, f"{_capital(area)}: none of {_several(len(trials))}")
    covid = lung.covid19.fillna(False).astype(bool)
    groups, kinds = covid.map({True: ["COVID-19"], False: ["Other"]}), ["COVID-19", "Other"]
    title = f"{_capital(area)}: {len(lung)} of {_several(len(trials))}, {covid.sum()} of them on COVID-19"
    tables = {}
    for field, noun in (("route", "Route"), ("msc_source", "Cell source")):
        values, order = _values(lung, field, labels)
        tables[noun] = _crossed(values, groups, order, kinds)
        leaders, first = _leading(tables[noun].sum(axis=1).drop(_MISSING))
        title += f"; {noun.lower()} most often {leaders}" if first else f"; no {noun.lower()} reported"
    axes, top = canvas(title)
    left = _label_width(f"{label} (000)" for table in tables.values() for label in table.index)
    for noun, table in tables.items():
        n = (table.sum(axis=1), groups.explode().value_counts())
        top = _grid(axes, top, table, nouns=(noun, "Disease"), n=n, left=left) + 8
    pending = described[(described.screening == "pending") & (described.disease_area == "respiratory")]
    bottom = put_note(
        axes, top, f"Cells: {_counted(pd.concat([lung, pending]))} on {area}. {_twice(lung, 'route', 'msc_source')}"
    )
    data = pd.concat([table.rename_axis("value").reset_index().assign(field=noun) for noun, table in tables.items()])
    listed = ". ".join(f"{noun}: {_listed(table.sum(axis=1))}" for noun, table in tables.items())
    return Figure(
        finished(axes, bottom),
        name,
        title,
        f"Two heatmaps, each with COVID-19 beside other diseases. {title}. {listed}.",
        data[["field", "value", *kinds]].reset_index(drop=True),
    )


def registrations_per_month(described: pd.DataFrame) -> Figure:
    """Included trials by month of registration, or by quarter or year where months are too fine to read.

    The shade is the time from the declaration of the COVID-19 emergency to its end by the World Health Organization
    (30 January 2020 to 5 May 2023). Bars tell trials on COVID-19 from others, and estimated dates by hatching.
    """
    name, trials = "registrations_per_month", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    dated = trials.dropna(subset="registered")
    if dated.empty:
        return nothing(name, f"None of {_several(len(trials))} has a date of registration")
    months = dated.registered.dt.to_period("M")
    n_months = _ordinal(months.max()) - _ordinal(months.min()) + 1
    unit, noun = next(
        (u, w) for u, w, most in (("M", "month", 40), ("Q", "quarter", 210), ("Y", "year", 10**9)) if n_months <= most
    )
    periods = dated.registered.dt.to_period(unit)
    span = pd.period_range(periods.min(), periods.max(), freq=unit)
    covid = dated.covid19.fillna(False).astype(bool)
    estimated = dated.registered_basis == "estimated"
    styles = {
        "COVID-19": (covid & ~estimated, BLUE, None),
        "COVID-19, date estimated": (covid & estimated, BLUE, _HATCH),
        "other": (~covid & ~estimated, _LIGHT, None),
        "other, date estimated": (~covid & estimated, _LIGHT, _HATCH),
    }
    data = pd.DataFrame({key: periods[chosen].value_counts() for key, (chosen, _, _) in styles.items()})
    data = data.reindex(span).fillna(0).astype(int)
    during = dated.registered.between(*_EMERGENCY)
    both = int((covid & during).sum())
    title = (
        f"{during.sum()} of {_several(len(dated))} with a date {'was' if during.sum() == 1 else 'were'} registered "
        f"during the COVID-19 emergency; {both} of these {'is' if both == 1 else 'are'} on COVID-19"
    )
    axes, top = canvas(title)
    ticks = {i: str(period.year) for i, period in enumerate(span) if i == 0 or period.year != span[i - 1].year}
    shade = tuple(_position(day, span) for day in _EMERGENCY)
    top = _columns(
        axes,
        top,
        data,
        {key: style[1:] for key, style in styles.items()},
        ticks=ticks,
        names=(f"Included trials per {noun}", "Date of registration"),
        shade=shade,
    )
    keys = [_Key(key, face, hatch) for key, (chosen, face, hatch) in styles.items() if chosen.any()]
    if shade[0] < len(span) - 0.5 and shade[1] > -0.5:
        keys.append(_Key(_EMERGENCY_WORDS, _SHADE))
    top = _legend(axes, top, keys)
    undated = len(trials) - len(dated)
    bottom = put_note(
        axes, top, f"{_capital(_counted(described))}; {estimated.sum()} dates are estimated, {undated} not known."
    )
    filled = data.sum(axis=1)
    alt = (
        f"Bar chart by {noun}. {title}. {estimated.sum()} dates are estimated, {undated} not known. "
        f"{_listed(filled[filled > 0])}."
    )
    data = data.rename_axis(noun).reset_index().astype({noun: str})
    return Figure(finished(axes, bottom), name, title, alt, data)


def status_and_results(described: pd.DataFrame) -> Figure:
    """Included trials by status, the registries' words grouped, and how many completed ones show posted results.

    That none is completed is said only where the status of every trial tells it. Without a completed trial there are no
    bars of results.
    """
    name, trials = "status_and_results", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    words = trials.status.map(lambda word: " ".join(word.casefold().replace("_", " ").split()), na_action="ignore")
    groups = (
        words.map(lambda word: _STATUS.get(word, _OTHER_STATUS), na_action="ignore").astype(object).fillna(_MISSING)
    )
    other = trials.status[groups == _OTHER_STATUS].value_counts()
    order = [*_STATUS_WORDS, *(name for name in (*_VAGUE_WORDS, _OTHER_STATUS) if (groups == name).any()), _MISSING]
    counts = groups.value_counts().reindex(order, fill_value=0)
    completed = trials[groups == "Completed"]
    posted = completed.results_posted.map({True: "Posted", False: "None posted"}).astype(object).fillna(_MISSING)
    results = posted.value_counts().reindex(["Posted", "None posted", _MISSING], fill_value=0)
    leaders, first = _leading(counts.drop(_MISSING), of=_several(len(trials)))
    title = f"Most frequent status: {leaders}" if first else "No included trial reports its status"
    if len(completed):
        title += (
            f"; of {len(completed)} completed, "
            f"{results['Posted']} {'shows' if results['Posted'] == 1 else 'show'} results, "
            f"{results['None posted']} none, and {results[_MISSING]} {'does' if results[_MISSING] == 1 else 'do'} not tell"
        )
    elif not groups.isin([*_VAGUE_WORDS, "Unknown", _OTHER_STATUS, _MISSING]).any():
        title += "; none is completed"
    axes, top = canvas(title)
    left = _label_width([*order, *results.index])
    top = _heading(axes, top, "Status, as last seen")
    top = _bars(axes, top, counts, of=len(trials), left=left) + 6
    if len(completed):
        top = _heading(axes, top, f"Results of the {len(completed)} completed")
        top = _bars(axes, top, results, of=len(completed), left=left) + 6
    elsewhere = int(trials.results_posted.fillna(False).astype(bool).sum() - results["Posted"])
    said = f" Other words: {_listed(other)}." if len(other) else ""
    further = f" {elsewhere} not completed {'has' if elsewhere == 1 else 'have'} results, too." if elsewhere else ""
    bottom = put_note(axes, top, f"Bars: {_counted(described)}.{said}{further}")
    parts = {"status": counts} | ({"results of completed trials": results} if len(completed) else {})
    data = pd.concat(
        [
            pd.DataFrame({"question": question, "value": part.index, "n": part.to_numpy()})
            for question, part in parts.items()
        ]
    )
    charts = "Two bar charts" if len(completed) else "Bar chart"
    of_completed = f" Results of completed trials: {_listed(results)}." if len(completed) else ""
    alt = f"{charts}. {title}. {_listed(counts)}.{of_completed}{said}{further}"
    return Figure(finished(axes, bottom), name, title, alt, data.reset_index(drop=True))


def enrolment_by_phase(described: pd.DataFrame, *, labels: _Labels) -> Figure:
    """Participants of each included trial on a log axis, by phase; actual and planned numbers told apart."""
    name, trials = "enrolment_by_phase", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    stated = trials.dropna(subset="enrolment")
    drawn = stated[stated.enrolment > 0]
    if drawn.empty:
        return nothing(name, f"None of {_several(len(trials))} states how many participants it enrols")
    phases, order = _values(trials, "phase_group", labels)
    numbers = drawn.enrolment.astype(float)
    kinds = drawn.enrolment_type.map(_enrolment_kind)
    title = (
        f"The median of {_several(len(drawn))} with a number is {_number(numbers.median())} participants, "
        f"actual or planned; the most are {_number(numbers.max())}"
    )
    styles = {"actual": ("o", BLUE), "planned": ("^", ORANGE), "not said which": ("D", "white")}
    axes, top = canvas(title)
    texts = {phase: _enrolment_label(phases.map(lambda v, p=phase: p in v), numbers) for phase in order}
    left = max(_label_width(order), max(width_of(text, size=_SMALL) for text in texts.values()) + 8)
    low, high = (
        np.floor(np.log10(numbers.min())),
        max(np.ceil(np.log10(numbers.max())), np.floor(np.log10(numbers.min())) + 1),
    )
    scale = (WIDTH - left - 24) / (high - low)
    start = top
    for phase in order:
        own = numbers[phases[numbers.index].map(lambda v, p=phase: p in v)].sort_values(kind="stable")
        places = left + 8 + (np.log10(own) - low) * scale
        lanes = _lanes(places.tolist(), 6.5)
        height = max(28.0, 6.5 * (1 + max(lanes, default=0) - min(lanes, default=0)) + 6)
        axes.plot([left, WIDTH - 2], [top, top], color=_RULE, lw=0.6)
        _label(axes, left, top + height / 2 - 6, phase, lines=1)
        put_text(axes, (left - 6, top + height / 2 + 6), texts[phase], size=_SMALL, ha="right", colour="#555555")
        middle = top + height / 2 - 6.5 * (max(lanes, default=0) + min(lanes, default=0)) / 2
        if len(own):
            median = left + 8 + (np.log10(own.median()) - low) * scale
            axes.plot([median, median], [top + 2, top + height - 2], color=INK, lw=2, alpha=0.35, zorder=1)
        for i, place, lane in zip(own.index, places, lanes):
            marker, face = styles[kinds[i]]
            face = GREY if phase == _MISSING and face != "white" else face
            axes.scatter(
                place,
                middle + 6.5 * lane,
                s=(5.5 * _NARROWER.get(marker, 1)) ** 2,
                marker=marker,
                facecolor=face,
                edgecolor=INK,
                lw=0.7,
                zorder=3,
            )
        top += height
    end = left - 12
    for decade in range(int(low), int(high) + 1):
        x = left + 8 + (decade - low) * scale
        axes.plot([x, x], [start, top], color=_RULE, lw=0.6, zorder=0)
        text, half = f"{10**decade:,}", width_of(f"{10**decade:,}", size=_SMALL) / 2
        if x - half > end and x + half <= WIDTH:
            put_text(axes, (x, top + 8), text, size=_SMALL)
            end = x + half + 5
    put_text(axes, ((left + WIDTH) / 2, top + 20), "Participants (log scale); bar: median", size=_SMALL)
    top = _legend(
        axes, top + 30, [_Key(kind, face, None, m) for kind, (m, face) in styles.items() if (kinds == kind).any()]
    )
    zero = len(stated) - len(drawn)
    bottom = put_note(
        axes,
        top,
        f"{_capital(_counted(described))}; {len(trials) - len(stated)} state no number"
        + (f", {zero} state 0 and are not drawn." if zero else ".")
        + _twice(trials, "phase_group"),
    )
    alt = (
        f"Every trial a point on a log axis, by phase. {title}. "
        + "; ".join(f"{p}: {t}" for p, t in texts.items())
        + "."
    )
    data = pd.DataFrame(
        {"trn": drawn.trn, "phase": phases[drawn.index].map("; ".join), "enrolment": drawn.enrolment, "number": kinds}
    )
    return Figure(finished(axes, bottom), name, title, alt, data.reset_index(drop=True))


def completeness_by_year(
    described: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame, *, since: tuple[int, ...] = (2020, 2022)
) -> Figure:
    """How many included trials state a field, by year of registration.

    Parameters
    ----------
    described, records, doses
        Tables of those names; the records and doses of other trials are not used.
    since
        The years in which a new group begins.
    """
    name, trials = "completeness_by_year", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    added = tuple(
        Item(name, _capital(in_words(name)), _in_trial(name)) for name in added_fields(described, "described")
    )
    items = (*(item for name in _BY_YEAR for item in ITEMS if item.name == name), *added)
    met = _met(trials, records, doses, items)
    names = [f"before {since[0]}"]
    names += [f"{a}\N{EN DASH}{b - 1}" if b - 1 > a else str(a) for a, b in pairwise(since)] + [f"{since[-1]} or later"]
    groups = trials.registered.dt.year.map(
        lambda year: names[sum(year >= first for first in since)], na_action="ignore"
    )
    groups = groups.astype(object).fillna("no date")
    names.append("no date")
    of = groups.value_counts().reindex(names, fill_value=0)
    k = met.groupby(groups).sum().reindex(names, fill_value=0).T.astype(int)
    k.index = [item.label for item in items]
    k = k.loc[k.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    sums = k.sum(axis=1)
    least = list(sums.index[sums == sums.min()])
    dated = [group for group in names[:-1] if of[group]]
    title = f"Stated least: {_joined(least)}, by {sums.min()} of {_several(len(trials))}"
    if dated and len(least) == 1:
        ends = (
            f"{k.loc[least[0], group]} of {of[group]} {_when(group)}" for group in dict.fromkeys((dated[0], dated[-1]))
        )
        title += f": {' and '.join(ends)}"
    axes, top = canvas(title)
    cells = k.apply(
        lambda column: [f"{value} of {of[column.name]}" if of[column.name] else "\N{EN DASH}" for value in column]
    )
    shares = k / of.where(of > 0)
    top = _grid(
        axes, top, cells, shades=shares.fillna(0), nouns=("Field", "Registered"), n=(k.sum(axis=1), of), last="no date"
    )
    bottom = put_note(axes, top, f"Cells: {_counted(described)} that state the field.")
    alt = f"Heatmap. {title}. Of {_several(len(trials))}: {_listed(k.sum(axis=1))}."
    data = k.rename_axis("field").reset_index().melt("field", var_name="registered", value_name="n")
    return Figure(finished(axes, bottom), name, title, alt, data.assign(of=data.registered.map(of)))


def reporting_score(described: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame) -> pd.DataFrame:
    """How many of the ``ITEMS`` each included trial states.

    It scores what the copies of the records show us, not the trial, its quality or its report. Each item counts one, in
    the spirit of the EV-METRIC of the EV-TRACK Consortium (2017), Nature Methods 14:228, doi 10.1038/nmeth.4185, which
    scores how experiments with EVs are reported; the items are our own, because a registry asks for other things.

    Returns
    -------
    pandas.DataFrame
        One row per included trial: ``trn``, ``score`` (items that are met), ``of`` (their number), and one bool column
        per item.
    """
    trials = _included(described)
    met = _met(trials, records, doses, ITEMS)
    met.insert(0, "trn", trials.trn)
    met.insert(1, "score", met[[item.name for item in ITEMS]].sum(axis=1).astype(int))
    met.insert(2, "of", len(ITEMS))
    return met


def reporting_score_figure(described: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame) -> Figure:
    """The distribution of ``reporting_score`` over included trials, and how many trials meet each item."""
    name, scores = "reporting_score", reporting_score(described, records, doses)
    if scores.empty:
        return nothing(name, none_included(described))
    items = scores[[item.name for item in ITEMS]].sum().astype(int)
    items.index = [item.label for item in ITEMS]
    items = items.sort_values(ascending=False, kind="stable")
    title = (
        f"The median of {_several(len(scores))} is {_number(scores.score.median())} of {len(ITEMS)} items "
        f"(range {scores.score.min()} to {scores.score.max()}); shown least: "
        f"{_joined(list(items.index[items == items.min()]))} ({items.min()})"
    )
    axes, top = canvas(title)
    counts = scores.score.value_counts().reindex(range(len(ITEMS) + 1), fill_value=0).to_frame("trials")
    top = _columns(
        axes,
        top,
        counts,
        {"trials": (BLUE, None)},
        ticks={i: str(i) for i in counts.index},
        names=("Included trials", f"Items that the copies of a record show, of {len(ITEMS)}"),
    )
    top = _heading(axes, top + 4, "Trials that show the item")
    top = _bars(axes, top, items, of=len(scores), left=_label_width(items.index)) + 6
    bottom = put_note(axes, top, f"{_capital(_counted(described))}. It scores what we see of a record, not the trial.")
    seen = counts.trials[counts.trials > 0]
    alt = f"Histogram and bar chart. {title}. Trials by score: {_listed(seen)}. By item: {_listed(items)}."
    return Figure(finished(axes, bottom), name, title, alt, scores)


def evidence_map(described: pd.DataFrame, *, labels: _Labels, columns: str = "route_group") -> Figure:
    """Every included trial a bubble, by disease (rows) and route (columns); size tells enrolment, shape the phase.

    Parameters
    ----------
    described
        Table ``described``.
    labels
        What a reader sees for each code, by field.
    columns
        ``route_group``, or ``route`` for narrower columns.

    Notes
    -----
    A bubble's diameter grows with the logarithm of enrolment: 4 points at one participant, and 4 more with each
    factor of ten, up to 16. Bubbles stand beside each other, in lines as in a text, the largest first.
    """
    name, trials = "evidence_map", _included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    diseases, disease_order = _values(trials, "disease_area", labels)
    routes, route_order = _values(trials, columns, labels, most=_MOST_COLUMNS)
    phases, phase_order = _values(trials, "phase_group", labels, most=len(_PHASE_MARKERS))
    data = _crossed(diseases, routes, disease_order, route_order)
    pairs = data.drop(index=_MISSING).drop(columns=_MISSING).stack()
    if len(pairs) and pairs.max():
        title = (
            f"Most frequent of {_several(len(trials))}: {_top_pair(pairs, ' by ')}; "
            f"{(pairs == 0).sum()} of {len(pairs)} pairs of disease and route have none"
        )
    else:
        title = f"No included trial of {len(trials)} states both disease and route"
    looks = _phase_looks(phase_order, labels)
    axes, top = canvas(title)
    row_texts = [
        f"{label} ({n})" for label, n in diseases.explode().value_counts().reindex(disease_order, fill_value=0).items()
    ]
    column_texts = [
        f"{label} ({n})" for label, n in routes.explode().value_counts().reindex(route_order, fill_value=0).items()
    ]
    left = _label_width(row_texts)
    width = (WIDTH - left - 2) / len(route_order)
    top = start = _headers(axes, top, column_texts, left=left, width=width, nouns=("Disease", "Route"))
    sizes = trials.enrolment.astype(float).map(_diameter, na_action="ignore").fillna(_UNKNOWN)
    for disease, text in zip(disease_order, row_texts):
        inside = diseases.map(lambda values, d=disease: d in values)
        packed = [
            _packed(sizes[inside & routes.map(lambda values, r=route: r in values)], width - 3) for route in route_order
        ]
        height = max(18.0, _label_height(text, left), *(deep + 4 for _, deep in packed))
        _label(axes, left, top + height / 2, text)
        axes.plot([left, WIDTH - 2], [top, top], color=_RULE, lw=0.6, zorder=0)
        for j, (places, deep) in enumerate(packed):
            for i, (x, y) in places.items():
                marker, face = looks[phases[i][0]]
                open_ = pd.isna(trials.enrolment[i])
                axes.scatter(
                    left + j * width + 1.5 + x,
                    top + (height - deep) / 2 + y,
                    s=((sizes[i] - 1) * _NARROWER.get(marker, 1)) ** 2,
                    marker=marker,
                    facecolor="white" if open_ else face,
                    edgecolor=INK,
                    lw=0.8,
                    zorder=3,
                )
        top += height
    for j in range(len(route_order) + 1):
        axes.plot([left + j * width] * 2, [start, top], color=_RULE, lw=0.6, zorder=0)
    axes.plot([left, WIDTH - 2], [top, top], color=_RULE, lw=0.6, zorder=0)
    top = _legend(axes, top + 6, [_Key(phase, face, None, marker) for phase, (marker, face) in looks.items()])
    examples = [_Key(f"{n:,} participants", "#B5B5B5", None, "o", _diameter(n) - 1) for n in (10, 100, 1000)]
    top = _legend(axes, top, [*examples, _Key("not stated", "white", None, "o", _UNKNOWN - 1)])
    missing = int(trials.enrolment.isna().sum())
    bottom = put_note(
        axes,
        top,
        f"Each marker one of the {_counted(described)}; the larger, the more participants (log scale); "
        f"white: not stated ({missing}). {_twice(trials, 'disease_area', columns)}",
    )
    filled = pairs[pairs > 0].sort_values(ascending=False, kind="stable")
    alt = (
        f"Map of markers. {title}. {_listed(filled.set_axis([' by '.join(pair) for pair in filled.index]))}. "
        f"Enrolment is not stated for {missing}."
    )
    listed = pd.DataFrame(
        {
            "trn": trials.trn,
            "disease_area": diseases.map("; ".join),
            columns: routes.map("; ".join),
            "phase": phases.map("; ".join),
            "enrolment": trials.enrolment,
        }
    )
    return Figure(finished(axes, bottom), name, title, alt, listed)


def _included(described: pd.DataFrame) -> pd.DataFrame:
    return described[described.screening == "included"].reset_index(drop=True)


def _met(trials: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame, items: tuple[Item, ...]) -> pd.DataFrame:
    """Which trials meet which items: one bool column per item, rows as in ``trials``."""
    own = records.drop_duplicates("trn").set_index("trn").reindex(trials.trn).reset_index()
    return pd.DataFrame(
        {item.name: item.met(trials, own, doses).to_numpy(dtype=bool) for item in items}, index=trials.index
    )


def _values(
    trials: pd.DataFrame, field: str, labels: _Labels, *, most: int | None = None
) -> tuple[pd.Series, list[str]]:
    """The values of each trial as a reader sees them, a list each, and all values in the order to show them.

    "Not reported" is the last one, there or not. Of more than ``most``, the rarest become one, before it.
    """
    known = {code: _name(label) for code, label in labels.get(field, {}).items()}

    def seen(cell: object) -> list[str]:
        return list(dict.fromkeys(known.get(code, _name(code)) for code in split_multi(cell))) or [_MISSING]

    values = pd.Series([seen(cell) for cell in trials[field]], index=trials.index, dtype=object)
    counts = values.explode().value_counts()
    by_frequency = sorted(
        (value for value in counts.index if value != _MISSING), key=lambda value: (-counts[value], value)
    )
    order = by_frequency
    if field in _IN_CODE_ORDER:
        places = list(known.values())
        order = sorted(by_frequency, key=lambda value: places.index(value) if value in places else len(places))
    if most and len(order) > most - 1:
        kept = set(by_frequency[: most - 2])
        rest = f"{len(order) - len(kept)} others"
        values = values.map(
            lambda own: list(dict.fromkeys(value if value in {*kept, _MISSING} else rest for value in own))
        )
        order = [value for value in order if value in kept] + [rest]
    return values, [*order, _MISSING]


def _crossed(rows: pd.Series, columns: pd.Series, row_order: list[str], column_order: list[str]) -> pd.DataFrame:
    """Trials by two lists of values; one with two values counts under each."""
    pairs = pd.DataFrame({"row": rows, "column": columns}).explode("row").explode("column")
    return pd.crosstab(pairs.row, pairs.column).reindex(index=row_order, columns=column_order, fill_value=0)


def _name(text: str) -> str:
    """A value as a label: one line, not long, and never empty."""
    one_line = plain(text)
    return (one_line if len(one_line) <= 40 else one_line[:39] + "…") or "?"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _several(n: int) -> str:
    return several(n, "included trial")


def _counted(described: pd.DataFrame) -> str:
    """What was counted, and what was not."""
    pending = int((described.screening == "pending").sum())
    n = int((described.screening == "included").sum())
    return f"included trials (n = {n}" + (f"; {pending} pending, not counted)" if pending else ")")


def _twice(trials: pd.DataFrame, *fields: str) -> str:
    has_two = any(len(split_multi(cell)) > 1 for field in fields for cell in trials[field])
    return " A trial with two values counts once under each." if has_two else ""


def _leading(counts: pd.Series, *, of: str = "") -> tuple[str, int]:
    """The most frequent values and how often each occurs, in words ("A and B (4 each)"), and as a number."""
    most = 0 if counts.empty else int(counts.max())
    names = list(counts.index[counts == most])
    return f"{_joined(names)} ({most}{f' of {of}' if of else ''}{' each' if len(names) > 1 else ''})", most


def _top_pair(pairs: pd.Series, word: str) -> str:
    """The most frequent pair of a row and a column ("A with B (4)"), and how many others are as frequent."""
    first = pairs[pairs == pairs.max()]
    others = len(first) - 1
    more = f" and {others} other pair{'s' if others > 1 else ''}" if others else ""
    return f"{word.join(first.index[0])}{more} ({first.iloc[0]}{' each' if more else ''})"


def _joined(names: list[str]) -> str:
    shown = [*names[:2], f"{len(names) - 2} more"] if len(names) > 3 else names
    return joined(shown)


def _number(value: float) -> str:
    """A whole number, or one with a half, as a reader writes it."""
    return f"{value:,.1f}".removesuffix(".0")


def _listed(counts: pd.Series) -> str:
    return ", ".join(f"{label} {n}" for label, n in counts.items()) or "none"


def _year_text(year: float) -> str:
    return f"{year:.0f}"


def _year_columns(years: pd.Series) -> list[str]:
    """One column for each of the last eleven years, before them one for all earlier ones; the last is for no date."""
    if years.isna().all():
        return ["No date"]
    first, last = int(years.min()), int(years.max())
    begin = max(first, last - 10)
    return [*([f"to {begin - 1}"] if begin > first else []), *map(str, range(begin, last + 1)), "No date"]


def _when(group: str) -> str:
    return group if group.startswith("before") else f"in {group}"


def _enrolment_kind(words: object) -> str:
    said = words.casefold().strip() if isinstance(words, str) else ""
    return {"actual": "actual", "estimated": "planned", "anticipated": "planned", "planned": "planned"}.get(
        said, "not said which"
    )


def _enrolment_label(inside: pd.Series, numbers: pd.Series) -> str:
    own = numbers[inside[numbers.index]]
    return f"n = {len(own)} of {inside.sum()}" + (f", median {_number(own.median())}" if len(own) else "")


def _ordinal(period: pd.Period) -> int:
    return 12 * period.year + period.month


def _position(day: pd.Timestamp, span: pd.PeriodIndex) -> float:
    """Where a day stands among periods that are numbered from 0 at their middle."""
    period = day.to_period(span.freq)
    length = (period.end_time - period.start_time) / pd.Timedelta(days=1)
    return (period - span[0]).n + (day - period.start_time) / pd.Timedelta(days=1) / length - 0.5


def _phase_looks(order: list[str], labels: _Labels) -> dict[str, tuple[str, object]]:
    """A marker and a shade for each phase, later ones darker; what is no phase is grey."""
    no_phase = {_MISSING, _name(labels.get("phase_group", {}).get("not-applicable", "not-applicable"))}
    stated = [phase for phase in order if phase not in no_phase]
    shades = matplotlib.colormaps["viridis"](np.linspace(0.92, 0.05, len(stated)))
    ramp = dict(zip(stated, map(tuple, shades)))
    return {phase: (marker, ramp.get(phase, "#B5B5B5")) for phase, marker in zip(order, _PHASE_MARKERS)}


def _diameter(enrolment: float) -> float:
    """The width of a bubble, in points."""
    return min(16.0, 4 + 4 * float(np.log10(max(enrolment, 1))))


def _lanes(places: list[float], apart: float) -> list[int]:
    """For each place from left to right the lane nearest to the middle (0, 1, -1, 2 …) in which it is free."""
    ends: dict[int, float] = {}
    lanes = []
    for place in places:
        lane = next(n for k in count() for n in {k: None, -k: None} if place - ends.get(n, -np.inf) >= apart)
        ends[lane] = place
        lanes.append(lane)
    return lanes


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


def _label_width(labels: Iterable[str]) -> float:
    """How much room labels to the left of a plot take, a third of the figure at most."""
    return min(122.0, max((width_of(label, size=_SIZE) for label in labels), default=0) + 11)


def _label_lines(text: str, left: float, *, lines: int = 3) -> list[str]:
    return fitted(text, left - 10, lines=lines, size=_SIZE)  # what is drawn is a little wider than what is measured


def _label_height(text: str, left: float) -> float:
    return _LINE * len(_label_lines(text, left)) + 3


def _label(axes: plt.Axes, left: float, middle: float, text: str, *, lines: int = 3) -> None:
    """A text to the left of a plot, in lines around a height; that of what is not reported is grey."""
    rows = _label_lines(text, left, lines=lines)
    colour = "#555555" if text.startswith(_MISSING) else INK
    for i, row in enumerate(rows):
        put_text(
            axes, (left - 6, middle + _LINE * (i - (len(rows) - 1) / 2)), row, size=_SIZE, ha="right", colour=colour
        )


def _heading(axes: plt.Axes, top: float, text: str) -> float:
    return heading(axes, top, text, size=_SIZE, middle=6.0)


def _rectangle(
    axes: plt.Axes, x: float, y: float, width: float, height: float, face: object, hatch: str | None = None
) -> None:
    put_patch(axes, Rectangle((x, y), width, height, facecolor=face, edgecolor="white", hatch=hatch, lw=0.6))


def _bars(axes: plt.Axes, top: float, counts: pd.Series, *, of: int, left: float) -> float:
    """Horizontal bars with their numbers, each on a pale one that stands for all trials; returns where they end."""
    room = width_of("00000", size=_SIZE)
    span = WIDTH - left - room
    for label, n in counts.items():
        height = _label_height(str(label), left)
        _label(axes, left, top + height / 2, str(label))
        _rectangle(axes, left, top + 1.5, span, height - 3, _PALE)
        missing = label == _MISSING
        _rectangle(
            axes,
            left,
            top + 1.5,
            span * n / max(of, 1),
            height - 3,
            GREY if missing else BLUE,
            "\\\\\\\\" if missing else None,
        )
        put_text(axes, (WIDTH - 2, top + height / 2), str(n), size=_SIZE, ha="right")
        top += height
    return top


def _headers(
    axes: plt.Axes, top: float, labels: list[str], *, left: float, width: float, nouns: tuple[str, str]
) -> float:
    """The heads of columns, upright where their words do not fit side by side; returns where they end."""
    region = width * len(labels)
    for line in fitted(nouns[1], region, lines=2, size=_SIZE):
        put_text(axes, (left + region / 2, top + 6), line, size=_SIZE, bold=True)
        top += _LINE
    top += 3
    level = [wrapped(label, width - 4, size=_SMALL) for label in labels]
    words = {word for label in labels for word in plain(label).split(" ")}
    upright = any(width_of(word, size=_SMALL) > width - 4 for word in words) or max(map(len, level)) > 4
    if upright:
        n_lines = max(1, min(2, int((width - 1) // _SMALL_LINE)))
        rows = [fitted(label, 86 if n_lines == 2 else 120, lines=n_lines, size=_SMALL) for label in labels]
        height = max(width_of(row, size=_SMALL) for own in rows for row in own) + 4
    else:
        rows, height = level, _SMALL_LINE * max(map(len, level)) + 2
    for j, own in enumerate(rows):
        middle = left + width * (j + 0.5)
        colour = "#555555" if labels[j].startswith(_MISSING) else INK
        for i, row in enumerate(own):
            if upright:
                place = (
                    middle + _SMALL_LINE * (i - (len(own) - 1) / 2),
                    top + height - 2 - width_of(row, size=_SMALL) / 2,
                )
            else:
                place = (middle, top + height - 1 - _SMALL_LINE * (len(own) - i - 0.5))
            put_text(axes, place, row, size=_SMALL, rotation=90 if upright else 0, colour=colour)
    noun = _label_lines(nouns[0], left, lines=1)
    for line in noun:
        put_text(axes, (left - 6, top + height - 7), line, size=_SIZE, bold=True, ha="right")
    return top + height + 1


def _grid(
    axes: plt.Axes,
    top: float,
    cells: pd.DataFrame,
    *,
    nouns: tuple[str, str],
    n: tuple[pd.Series, pd.Series],
    shades: pd.DataFrame | None = None,
    left: float | None = None,
    last: str = _MISSING,
) -> float:
    """A heatmap with its numbers; returns where it ends.

    Parameters
    ----------
    cells
        What to write in each cell.
    nouns
        What the rows and the columns are.
    n
        How many trials stand behind each row and each column.
    shades
        How dark each cell is, 0 to 1; without them the cells' numbers tell, the largest being the darkest.
    left
        The width of the labels of the rows.
    last
        A row or column of this name, or of what is not reported, is grey.
    """
    if shades is None:
        shades = cells / max(int(cells.to_numpy().max()), 1)
    row_texts, column_texts = (
        [f"{label} ({counts.get(label, 0)})" for label in names]
        for names, counts in zip((cells.index, cells.columns), n)
    )
    left = left or _label_width(row_texts)
    width = min(64.0, (WIDTH - left - 2) / len(cells.columns))
    top = _headers(axes, top, column_texts, left=left, width=width, nouns=nouns)
    for i, row in enumerate(cells.index):
        height = max(16.0, _label_height(row_texts[i], left))
        _label(axes, left, top + height / 2, row_texts[i])
        for j, column in enumerate(cells.columns):
            grey = _MISSING in (row, column) or column in (last, "No date")
            share = shades.iat[i, j]
            face = matplotlib.colormaps["Greys" if grey else "Blues"](0.12 + 0.73 * share) if share else _PALE
            _rectangle(axes, left + j * width, top, width, height, face)
            light = np.dot(to_rgb(face), (0.299, 0.587, 0.114)) > 0.55
            colour = "white" if not light else INK if share else "#767676"
            text = str(cells.iat[i, j])
            size = _SIZE if width_of(text, size=_SIZE) < width - 2 else _SMALL
            put_text(axes, (left + (j + 0.5) * width, top + height / 2), text, size=size, colour=colour)
        top += height
    return top


def _columns(
    axes: plt.Axes,
    top: float,
    heights: pd.DataFrame,
    styles: Mapping[str, tuple[str, str | None]],
    *,
    ticks: Mapping[int, str],
    names: tuple[str, str],
    shade: tuple[float, float] | None = None,
) -> float:
    """Upright stacked bars; returns where their axis ends.

    Parameters
    ----------
    heights
        One row per bar, one column per part, from below.
    styles
        Colour and hatching of each part.
    ticks
        What stands below a bar, by its number; those that would touch are left out.
    names
        What the heights and the bars are.
    shade
        From where to where the ground is shaded, in bars; the first bar reaches from -0.5 to 0.5.
    """
    put_text(axes, (1, top + 6), names[0], size=_SMALL, ha="left")
    top, deep, left = top + 18, 120.0, 26.0
    bottom, width = top + deep, (WIDTH - left - 6) / len(heights)
    totals = heights.sum(axis=1)
    step = next(a * 10**b for b in count() for a in (1, 2, 5) if totals.max() <= 5 * a * 10**b)
    unit = (deep - 12) / max(step * -(-totals.max() // step), 1)
    if shade:
        begin, end = (min(max(x, -0.5), len(heights) - 0.5) for x in shade)
        if end > begin:
            put_patch(
                axes,
                Rectangle(
                    (left + (begin + 0.5) * width, top), (end - begin) * width, deep, facecolor=_SHADE, lw=0, zorder=0
                ),
            )
    for value in range(0, int(totals.max()) + step, step):
        y = bottom - value * unit
        axes.plot([left, WIDTH - 6], [y, y], color=_RULE, lw=0.6, zorder=0.5)
        put_text(axes, (left - 4, y), str(value), size=_SMALL, ha="right")
    numbered = width_of(str(totals.max()), size=_SMALL) < width - 2
    for i, (_, row) in enumerate(heights.iterrows()):
        y = bottom
        for part, n in row.items():
            if n:
                face, hatch = styles[part]
                y -= n * unit
                _rectangle(axes, left + i * width + 0.05 * width, y, 0.9 * width, n * unit, face, hatch)
        if row.sum() and numbered:
            put_text(axes, (left + (i + 0.5) * width, y - 6), str(row.sum()), size=_SMALL)
    end = 0.0
    for i, text in ticks.items():
        middle, half = left + (i + 0.5) * width, width_of(text, size=_SMALL) / 2
        if middle - half >= end and middle + half <= WIDTH:
            axes.plot([middle, middle], [bottom, bottom + 3], color=INK, lw=0.6)
            put_text(axes, (middle, bottom + 9), text, size=_SMALL)
            end = middle + half + 5
    put_text(axes, ((left + WIDTH) / 2, bottom + 21), names[1], size=_SMALL)
    return bottom + 30


def _legend(axes: plt.Axes, top: float, keys: list[_Key]) -> float:
    """The keys side by side, as many as fit into a line; returns where they end."""
    x = 4.0
    for key in keys:
        [text] = fitted(key.label, WIDTH - 30, lines=1, size=_SMALL)
        width = 18 + width_of(text, size=_SMALL)
        if x > 4 and x + width > WIDTH:
            x, top = 4.0, top + 13
        if key.marker:
            axes.scatter(
                x + 6,
                top + 7,
                s=(key.size * _NARROWER.get(key.marker, 1)) ** 2,
                marker=key.marker,
                facecolor=key.face,
                edgecolor=INK,
                lw=0.7,
            )
        else:
            _rectangle(axes, x, top + 2.5, 13, 9, key.face, key.hatch)
        put_text(axes, (x + 17, top + 7), text, size=_SMALL, ha="left")
        x += width + 12
    return top + (15 if keys else 0)
