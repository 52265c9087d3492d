"""Figures of the included trials: over time, by two fields at once, by status, and by size."""

from itertools import count

import numpy as np
import pandas as pd

from evlib.base import point_layout as pt
from evlib.base.figure import Figure, none_included, nothing, with_narrow
from evlib.base.words import share_in_words
from evlib.describe import drawing, tally

_HATCH = "////"
_SHADE = "#F3E3CF"
_MOST_COLUMNS = 11  # more would be too narrow for their numbers
_EMERGENCY = (pd.Timestamp("2020-01-30"), pd.Timestamp("2023-05-05"))
_EMERGENCY_WORDS = "WHO COVID-19 emergency, 30 Jan 2020 to 5 May 2023"
_ENROLMENT_IS = {"actual": "actual", "estimated": "planned", "anticipated": "planned", "planned": "planned"}

_ENDED_EARLY = "Terminated, suspended or withdrawn"
# What registries call the state of a trial, in lower case.
_STATUS_WORDS = {
    "Recruiting": "recruiting; open public recruiting; enrolling by invitation; open to recruitment",
    "Not yet recruiting": "not yet recruiting; pending; preinitiation; not yet started",
    "Active, not recruiting": "active, not recruiting; active not recruiting; ongoing",
    "Completed": "completed; complete; ended; main results already published",
    _ENDED_EARLY: "terminated; suspended; withdrawn; stopped early; halted; prematurely ended",
    "Unknown": "unknown status; unknown",
}
# Words that say neither how far a trial is nor whether it has ended. WHO ICTRP knows no finer ones: its "Not recruiting" is
# said of trials that run, are completed, or were stopped. Shown only where a trial has one.
_NOT = "not recruiting; no longer recruiting; recruitment complete; recruitment completed"
_VAGUE_WORDS = {"Not recruiting (no more is told)": _NOT, "Authorised (no more is told)": "authorised"}
_STATUS = {word: group for group, words in (_STATUS_WORDS | _VAGUE_WORDS).items() for word in words.split("; ")}
_OTHER_STATUS = "Other word"


def countries_over_time(described: pd.DataFrame) -> Figure:
    """Included trials by country and year of registration (the paper's Figures 3 and 4).

    Nine countries have a row of their own, the others share one; years before the last eleven share a column.
    """
    name, trials = "countries_over_time", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    countries, order = tally.values_of(trials, "countries", {}, most=11)
    years = trials.registered.dt.year
    columns = years.map("{:.0f}".format).astype(object).where(years.notna(), "No date")
    names = _year_columns(years)
    columns = columns.where(columns.isin(names), names[0])
    by_year = columns.map(lambda year: [year])
    data = tally.crossed(countries, by_year, order, names)
    n = tally.count_each(countries, order)
    each, all_countries = tally.values_of(trials, "countries", {})
    leaders = tally.leading(tally.count_each(each, all_countries[:-1]))
    title = f"Country with the most trials: {leaders}"
    if not leaders:
        title = f"No included trial of {len(trials)} reports its country"
    pairs = tally.crossed(each, by_year, all_countries[:-1], names[:-1]).stack()
    if most := tally.top_pair(pairs, " in "):
        title += f"; most in one year: {most}"
    axes, top = pt.canvas(title)
    top = drawing.put_grid(axes, top, data, nouns=("Country", "Year of registration"), n=(n, columns.value_counts()))
    bottom = pt.put_note(axes, top, f"Cells: {tally.counted(described)}. {tally.twice(trials, 'countries')}")
    alt = f"Heatmap of countries by year. {title}. {tally.listed(n)}. By year: {tally.listed(data.sum())}."
    return Figure(pt.finished(axes, bottom), name, title, alt, data.rename_axis("country").reset_index())


def _year_columns(years: pd.Series) -> list[str]:
    """One column for each of the last eleven years, before them one for all earlier ones; the last is for no date."""
    if years.isna().all():
        return ["No date"]
    first, last = int(years.min()), int(years.max())
    begin = max(first, last - 10)
    return [*([f"to {begin - 1}"] if begin > first else []), *map(str, range(begin, last + 1)), "No date"]


def crosstab_figure(
    described: pd.DataFrame, rows: str, columns: str, *, nouns: tuple[str, str], labels: tally.Labels
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
    name, trials = f"{rows}_by_{columns}", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    row_values, row_order = tally.values_of(trials, rows, labels)
    column_values, column_order = tally.values_of(trials, columns, labels, most=_MOST_COLUMNS)
    data = tally.crossed(row_values, column_values, row_order, column_order)
    both = int((trials[rows].notna() & trials[columns].notna()).sum())
    row_noun, column_noun = map(tally.capital, nouns)
    pair = tally.top_pair(tally.stated_pairs(data), " with ")
    title = f"{row_noun} and {nouns[1]}: " + (f"most often {pair}" if pair else "no pair stands out")
    if both == 0:
        title = f"{row_noun} and {nouns[1]}: no included trial states both"
    elif both < len(trials):
        title += f"; {share_in_words(both, len(trials))} of the trials state both"
    n = tally.count_each(row_values, row_order), tally.count_each(column_values, column_order)
    axes, top = pt.canvas(title)
    top = drawing.put_grid(axes, top, data, nouns=(row_noun, column_noun), n=n)
    bottom = pt.put_note(axes, top, f"Cells: {tally.counted(described)}. {tally.twice(trials, rows, columns)}")
    alt = f"Heatmap. {title}. {row_noun}: {tally.listed(n[0])}. {column_noun}: {tally.listed(n[1])}."
    return Figure(pt.finished(axes, bottom), name, title, alt, data.rename_axis(rows).reset_index())


@with_narrow(pt.NARROW)
def lung_trials(described: pd.DataFrame, *, labels: tally.Labels, span: float = pt.WIDTH) -> Figure:
    """Included trials on lung and airways by route and cell source, those on COVID-19 apart (the paper's Figure 8)."""
    name, trials = "lung_trials", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    area = labels.get("disease_area", {}).get("respiratory", "respiratory").lower()
    lung = trials[trials.disease_area == "respiratory"]
    if lung.empty:
        return nothing(name, f"{tally.capital(area)}: none of {tally.included_trials(trials)}")
    covid = lung.covid19.fillna(False).astype(bool)
    groups, kinds = covid.map({True: ["COVID-19"], False: ["Other"]}), ["COVID-19", "Other"]
    share = share_in_words(int(covid.sum()), len(lung))
    title = f"{tally.capital(area)}: {share} of the trials {'is' if share == 'none' else 'are'} on COVID-19"
    tables = {}
    for field, noun in (("route", "Route"), ("msc_source", "Cell source")):
        values, order = tally.values_of(lung, field, labels)
        tables[noun] = tally.crossed(values, groups, order, kinds)
        leaders = tally.leading(tables[noun].sum(axis=1).drop(tally.MISSING))
        title += f"; {noun.lower()} most often {leaders}" if leaders else f"; no {noun.lower()} reported"
    axes, top = pt.canvas(title, span)
    left = drawing.label_width(f"{label} (000)" for table in tables.values() for label in table.index)
    for noun, table in tables.items():
        n = (table.sum(axis=1), tally.count_each(groups, kinds))
        top = drawing.put_grid(axes, top, table, nouns=(noun, "Disease"), n=n, left=left) + 8
    pending = described[(described.screening == "pending") & (described.disease_area == "respiratory")]
    on_lung = tally.counted(pd.concat([lung, pending]))
    bottom = pt.put_note(axes, top, f"Cells: {on_lung} on {area}. {tally.twice(lung, 'route', 'msc_source')}")
    data = pd.concat([table.rename_axis("value").reset_index().assign(field=noun) for noun, table in tables.items()])
    counts = ". ".join(f"{noun}: {tally.listed(table.sum(axis=1))}" for noun, table in tables.items())
    alt = f"Two heatmaps, each with COVID-19 beside other diseases. {title}. {counts}."
    return Figure(pt.finished(axes, bottom), name, title, alt, data[["field", "value", *kinds]].reset_index(drop=True))


@with_narrow(pt.NARROW)
def registrations_per_month(described: pd.DataFrame, *, span: float = pt.WIDTH) -> Figure:
    """Included trials by month of registration, or by quarter or year where months are too fine to read.

    The shade is the time from the declaration of the COVID-19 emergency to its end by the World Health Organization
    (30 January 2020 to 5 May 2023). Trials on COVID-19 have a colour of their own; estimated dates are hatched.
    """
    name, trials = "registrations_per_month", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    dated = trials.dropna(subset="registered")
    if dated.empty:
        return nothing(name, f"None of {tally.included_trials(trials)} has a date of registration")
    first, last = dated.registered.min(), dated.registered.max()
    months = len(pd.period_range(first, last, freq="M"))
    unit, noun = ("M", "month") if months <= 40 else ("Q", "quarter") if months <= 210 else ("Y", "year")
    periods, every = dated.registered.dt.to_period(unit), pd.period_range(first, last, freq=unit)
    covid = dated.covid19.fillna(False).astype(bool)
    estimated = dated.registered_basis == "estimated"
    styles = {
        "COVID-19": (covid & ~estimated, pt.BLUE, None),
        "COVID-19, date estimated": (covid & estimated, pt.BLUE, _HATCH),
        "other": (~covid & ~estimated, drawing.LIGHT, None),
        "other, date estimated": (~covid & estimated, drawing.LIGHT, _HATCH),
    }
    data = pd.DataFrame({key: periods[chosen].value_counts() for key, (chosen, _, _) in styles.items()})
    data = data.reindex(every).fillna(0).astype(int)
    during = dated.registered.between(*_EMERGENCY)
    both = int((covid & during).sum())
    share = share_in_words(int(during.sum()), len(dated))
    title = f"{share.capitalize()} of the trials {'was' if share == 'none' else 'were'} registered during the COVID-19 emergency"
    title += f", {share_in_words(both, int(during.sum()))} of these on COVID-19" if during.any() else ""
    axes, top = pt.canvas(title, span)
    ticks = {i: str(period.year) for i, period in enumerate(every) if i == 0 or period.year != every[i - 1].year}
    begin, end = (_position(day, every) for day in _EMERGENCY)
    faces = {key: style[1:] for key, style in styles.items()}
    names = (f"Included trials per {noun}", "Date of registration")
    top = drawing.put_columns(axes, top, data, faces, ticks=ticks, names=names, shade=(begin, end, _SHADE))
    keys = [pt.Key(key, face, hatch) for key, (chosen, face, hatch) in styles.items() if chosen.any()]
    if begin < len(every) - 0.5 and end > -0.5:
        keys.append(pt.Key(_EMERGENCY_WORDS, _SHADE))
    top = pt.put_legend(axes, top, keys)
    dates = f"{estimated.sum()} dates are estimated, {len(trials) - len(dated)} not known."
    dates += f" During the emergency: {during.sum()} of {len(dated)} with a date, {both} of them on COVID-19."
    bottom = pt.put_note(axes, top, f"{tally.capital(tally.counted(described))}; {dates}")
    filled = data.sum(axis=1)
    alt = f"Bar chart by {noun}. {title}. {dates} {tally.listed(filled[filled > 0])}."
    return Figure(pt.finished(axes, bottom), name, title, alt, data.rename_axis(noun).reset_index().astype({noun: str}))


def _position(day: pd.Timestamp, span: pd.PeriodIndex) -> float:
    """Where a day stands among periods that are numbered from 0 at their middle."""
    period, one_day = day.to_period(span.freq), pd.Timedelta(days=1)
    length = (period.end_time - period.start_time) / one_day
    return (period - span[0]).n + (day - period.start_time) / one_day / length - 0.5


def same_status(one: str, other: str) -> bool:
    """Whether two words of registries say the same of a trial: words of one group, or, where a group joins several ends of a
    trial or the words are not known to us, the same word."""
    words = pd.Series([one, other])
    groups, plain = status_groups(words), words.map(_plain_status)
    return plain[0] == plain[1] or (groups[0] == groups[1] and groups[0] not in (_ENDED_EARLY, _OTHER_STATUS))


def _plain_status(word: str) -> str:
    return " ".join(word.casefold().replace("_", " ").split())


def status_groups(status: pd.Series) -> pd.Series:
    """The group of each trial's status: ``Recruiting`` … ``Unknown``, ``Other word`` for one that we do not know.

    Examples
    --------
    >>> status_groups(pd.Series(["ENROLLING_BY_INVITATION", "Stopped early", "asleep", None])).tolist()
    ['Recruiting', 'Terminated, suspended or withdrawn', 'Other word', 'Not reported']
    """
    words = status.map(_plain_status, na_action="ignore")
    groups = words.map(lambda word: _STATUS.get(word, _OTHER_STATUS), na_action="ignore")
    return groups.astype(object).fillna(tally.MISSING)


@with_narrow(pt.NARROW)
def status_and_results(described: pd.DataFrame, *, span: float = pt.WIDTH) -> Figure:
    """Included trials by status, the registries' words grouped, and how many completed ones show posted results.

    The title says that none is completed only where the status of every trial shows it. Without a completed trial there are
    no bars of results.
    """
    name, trials = "status_and_results", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    groups = status_groups(trials.status)
    other = trials.status[groups == _OTHER_STATUS].value_counts()
    sometimes = [name for name in (*_VAGUE_WORDS, _OTHER_STATUS) if (groups == name).any()]
    order = [*_STATUS_WORDS, *sometimes, tally.MISSING]
    counts = groups.value_counts().reindex(order, fill_value=0)
    completed = trials[groups == "Completed"]
    posted = completed.results_posted.map({True: "Posted", False: "None posted"}).astype(object).fillna(tally.MISSING)
    results = posted.value_counts().reindex(["Posted", "None posted", tally.MISSING], fill_value=0)
    leaders = tally.leading(counts.drop(tally.MISSING))
    title = f"Most frequent status: {leaders}" if leaders else "No included trial reports its status"
    if len(completed):
        title += f"; of the completed trials {share_in_words(results['Posted'], len(completed))} show results"
        title += "" if results["None posted"] == len(completed) - results["Posted"] else ", as far as records tell"
    elif not groups.isin([*_VAGUE_WORDS, "Unknown", _OTHER_STATUS, tally.MISSING]).any():
        title += "; none is completed"
    charts = {("status", "Status, as last seen"): counts}
    if len(completed):
        charts["results of completed trials", f"Results of the {len(completed)} completed"] = results
    axes, top = pt.canvas(title, span)
    left = drawing.label_width([*order, *results.index])
    for (_, head), chart in charts.items():
        top = pt.heading(axes, top, head, size=drawing.SIZE, middle=6)
        top = drawing.put_bars(axes, top, chart, of=chart.sum(), left=left) + 6
    elsewhere = int(trials.results_posted.fillna(False).astype(bool).sum() - results["Posted"])
    note = f" Other words: {tally.listed(other)}." if len(other) else ""
    note += f" {elsewhere} not completed {'has' if elsewhere == 1 else 'have'} results, too." if elsewhere else ""
    bottom = pt.put_note(axes, top, f"Bars: {tally.counted(described)}.{note}")
    tables = [chart.rename_axis("value").reset_index(name="n").assign(question=key[0]) for key, chart in charts.items()]
    data = pd.concat(tables, ignore_index=True)[["question", "value", "n"]]
    of_completed = f" Results of completed trials: {tally.listed(results)}." if len(completed) else ""
    alt = f"{'Two bar charts' if len(completed) else 'Bar chart'}. {title}. {tally.listed(counts)}.{of_completed}{note}"
    return Figure(pt.finished(axes, bottom), name, title, alt, data)


@with_narrow(pt.NARROW)
def enrolment_by_phase(described: pd.DataFrame, *, labels: tally.Labels, span: float = pt.WIDTH) -> Figure:
    """Participants of each included trial on a log axis, by phase, with different marks for actual and planned numbers."""
    name, trials = "enrolment_by_phase", tally.included(described)
    if trials.empty:
        return nothing(name, none_included(described))
    stated = trials.dropna(subset="enrolment")
    drawn = stated[stated.enrolment > 0]
    if drawn.empty:
        return nothing(name, f"None of {tally.included_trials(trials)} states how many participants it enrols")
    phases, order = tally.values_of(trials, "phase_group", labels)
    numbers = drawn.enrolment.astype(float)
    words = drawn.enrolment_type.fillna("").str.casefold().str.strip()
    kinds = words.map(_ENROLMENT_IS).astype(object).fillna("not said which")
    title = f"Half of the trials enrol {tally.number(numbers.median())} participants or fewer, actual or planned"
    styles = {"actual": ("o", pt.BLUE), "planned": ("^", pt.ORANGE), "not said which": ("D", "white")}
    axes, top = pt.canvas(title, span)
    inside = {phase: phases.map(lambda values, phase=phase: phase in values) for phase in order}
    own = {phase: numbers[inside[phase][numbers.index]].sort_values(kind="stable") for phase in order}
    texts = {
        phase: f"n = {len(own[phase])} of {inside[phase].sum()}"
        + (f", median {tally.number(own[phase].median())}" if len(own[phase]) else "")
        for phase in order
    }
    left = max(drawing.label_width(order), max(pt.width_of(text, size=pt.SMALL) for text in texts.values()) + 8)
    low = np.floor(np.log10(numbers.min()))
    high = max(np.ceil(np.log10(numbers.max())), low + 1)
    scale = (span - left - 24) / (high - low)
    start = top
    for phase in order:
        places = left + 8 + (np.log10(own[phase]) - low) * scale
        lanes = _lanes(places.tolist(), 6.5)
        lowest, highest = min(lanes, default=0), max(lanes, default=0)
        height = max(28.0, 6.5 * (1 + highest - lowest) + 6)
        pt.put_rule(axes, (left, span - 2), (top, top), zorder=2)
        drawing.put_label(axes, left, top + height / 2 - 6, phase, lines=1)
        pt.put_text(
            axes, (left - 6, top + height / 2 + 6), texts[phase], size=pt.SMALL, ha="right", colour=drawing.SOFT
        )
        middle = top + height / 2 - 6.5 * (highest + lowest) / 2
        if len(own[phase]):
            median = left + 8 + (np.log10(own[phase].median()) - low) * scale
            axes.plot([median, median], [top + 2, top + height - 2], color=pt.INK, lw=2, alpha=0.35, zorder=1)
        for i, place, lane in zip(own[phase].index, places, lanes):
            marker, face = styles[kinds[i]]
            face = pt.GREY if phase == tally.MISSING and face != "white" else face
            pt.put_marker(axes, place, middle + 6.5 * lane, marker, face, width=5.5, zorder=3)
        top += height
    end = left - 12
    for decade in range(int(low), int(high) + 1):
        x, text = left + 8 + (decade - low) * scale, f"{10**decade:,}"
        half = pt.width_of(text, size=pt.SMALL) / 2
        pt.put_rule(axes, (x, x), (start, top))
        if x - half > end and x + half <= span:
            pt.put_text(axes, (x, top + 8), text, size=pt.SMALL)
            end = x + half + 5
    words = "Participants (log scale); bar: median"
    middle = min((left + span) / 2, span - 2 - pt.width_of(words, size=pt.SMALL) / 2)
    pt.put_text(axes, (middle, top + 20), words, size=pt.SMALL)
    keys = [pt.Key(kind, face, None, marker) for kind, (marker, face) in styles.items() if (kinds == kind).any()]
    top = pt.put_legend(axes, top + 30, keys)
    zero = len(stated) - len(drawn)
    note = f"{tally.capital(tally.counted(described))}; {len(trials) - len(stated)} state no number"
    note += f", {zero} state 0 and are not drawn." if zero else "."
    bottom = pt.put_note(axes, top, note + tally.twice(trials, "phase_group"))
    by_phase = "; ".join(f"{phase}: {text}" for phase, text in texts.items())
    alt = f"Every trial a point on a log axis, by phase. {title}. {by_phase}."
    data = drawn[["trn"]].assign(phase=phases[drawn.index].map("; ".join), enrolment=drawn.enrolment, number=kinds)
    return Figure(pt.finished(axes, bottom), name, title, alt, data.reset_index(drop=True))


def _lanes(places: list[float], apart: float) -> list[int]:
    """For each place from left to right the lane nearest to the middle (0, 1, -1, 2 …) in which it is free."""
    ends: dict[int, float] = {}
    lanes = []
    for place in places:
        lane = next(n for k in count() for n in {k: None, -k: None} if place - ends.get(n, -np.inf) >= apart)
        ends[lane] = place
        lanes.append(lane)
    return lanes
