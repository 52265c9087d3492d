"""What figures of the included trials count and say: over time, by two fields at once, by status, and by size.

The third chapter draws them; those without a drawing are ``Figure`` with ``drawing`` None. Where no trial is included, they
count none and say so.
"""

import pandas as pd
from matplotlib.dates import date2num

from evlib.base.figure import Figure, none_included
from evlib.base.reading.statuses import (
    ENDED_EARLY,
    EXPANDED_ACCESS,
    OTHER,
    STATUS_WORDS,
    VAGUE_WORDS,
    plain_status,
    status_groups,
)
from evlib.base.words import several
from evlib.describe import tally

_MOST_COLUMNS = 11  # more would be too narrow for their numbers
EMERGENCY = (pd.Timestamp("2020-01-30"), pd.Timestamp("2023-05-05"))
_ENROLMENT_IS = {"actual": "actual", "estimated": "planned", "anticipated": "planned", "planned": "planned"}

_RESULTS = ("Results posted", "No results posted", "Results not reported")


def countries_over_time(described: pd.DataFrame) -> Figure:
    """Included trials by country and year of registration (the paper's Figures 3 and 4).

    Nine countries have a row of their own, the others share one; years before the last eleven share a column.

    Examples
    --------
    >>> described = pd.DataFrame({"countries": ["China", "China | Japan", "Iran"], "screening": "included"})
    >>> described["registered"] = pd.to_datetime(["2021-03-04", "2022-05-06", None])
    >>> counted = countries_over_time(described)
    >>> counted.data
    Year of registration       country  2021  2022  No date
    0                            China     1     1        0
    1                             Iran     0     0        1
    2                            Japan     0     1        0
    3                     Not reported     0     0        0
    >>> counted.title
    'Country with the most trials: China'
    """
    trials = tally.included(described)
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
    title += tally.placed_by_sponsors(trials)
    title = title if len(trials) else none_included(described)
    note = f"Cells: {tally.counted(described)}.{tally.twice(trials, 'countries')}"
    alt = f"Heatmap of countries by year. {title}. {tally.listed(n)}. By year: {tally.listed(data.sum())}."
    data = data.rename_axis("country").rename_axis(columns="Year of registration")
    return Figure(None, "countries_over_time", title, alt, data.reset_index(), note=note)


def _year_columns(years: pd.Series) -> list[str]:
    """One column for each of the last eleven years, before them one for all earlier ones; the last is for no date."""
    if years.isna().all():
        return ["No date"]
    first, last = int(years.min()), int(years.max())
    begin = max(first, last - 10)
    return [*([f"to {begin - 1}"] if begin > first else []), *map(str, range(begin, last + 1)), "No date"]


def crossed_fields(
    described: pd.DataFrame, rows: str, columns: str, *, nouns: tuple[str, str], labels: tally.Labels
) -> Figure:
    """Included trials by two coded fields, for a heatmap with its numbers (the paper's Figures 6, 7 and 9).

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

    Examples
    --------
    >>> described = pd.DataFrame({"msc_source": ["adipose", "adipose", None], "phase_group": ["1", "1", "2"]})
    >>> nouns, labels = ("cell source", "phase"), {"phase_group": {"1": "Phase 1", "2": "Phase 2"}}
    >>> described = described.assign(screening="included")
    >>> counted = crossed_fields(described, "msc_source", "phase_group", nouns=nouns, labels=labels)
    >>> counted.data
    Phase    msc_source  Phase 1  Phase 2  Not reported
    0           adipose        2        0             0
    1      Not reported        0        1             0
    >>> counted.title
    'Cell source and phase: most often adipose with Phase 1 (2); 2 of 3 trials state both'
    """
    trials = tally.included(described)
    row_values, row_order = tally.values_of(trials, rows, labels)
    column_values, column_order = tally.values_of(trials, columns, labels, most=_MOST_COLUMNS)
    data = tally.crossed(row_values, column_values, row_order, column_order)
    both = int((trials[rows].notna() & trials[columns].notna()).sum())
    row_noun, column_noun = map(tally.capital, nouns)
    pairs = tally.stated_pairs(data)
    pair = tally.top_pair(pairs, " with ")
    title = f"{row_noun} and {nouns[1]}: " + (
        f"most often {pair} ({tally.highest(pairs)})" if pair else "no pair stands out"
    )
    if both == 0:
        title = f"{row_noun} and {nouns[1]}: no included trial states both"
    elif both < len(trials):
        title += f"; {both} of {len(trials)} trials {'states' if both == 1 else 'state'} both"
    title = title if len(trials) else none_included(described)
    n = tally.count_each(row_values, row_order), tally.count_each(column_values, column_order)
    note = f"Cells: {tally.counted(described)}.{tally.twice(trials, rows, columns)}"
    alt = f"Heatmap. {title}. {row_noun}: {tally.listed(n[0])}. {column_noun}: {tally.listed(n[1])}."
    data = data.rename_axis(rows).rename_axis(columns=column_noun)
    return Figure(None, f"{rows}_by_{columns}", title, alt, data.reset_index(), note=note)


def lung_trials(described: pd.DataFrame, *, labels: tally.Labels) -> Figure:
    """Included trials on lung and airways by route and cell source, those on COVID-19 apart (the paper's Figure 8).

    Examples
    --------
    >>> described = pd.DataFrame({"route": ["nebulised", "nebulised", "topical"], "msc_source": "adipose"})
    >>> described = described.assign(disease_area=["respiratory", "respiratory", "oral"], covid19=[True, False, False])
    >>> counted = lung_trials(described.assign(screening="included"), labels={})
    >>> counted.data
    Disease                      value  COVID-19  Other
    0                 Route: nebulised         1      1
    1              Route: Not reported         0      0
    2             Cell source: adipose         1      1
    3        Cell source: Not reported         0      0
    >>> counted.title
    'Respiratory: 1 of 2 trials is on COVID-19; route most often nebulised; cell source most often adipose'
    """
    area = labels.get("disease_area", {}).get("respiratory", "respiratory").lower()
    trials, on_lung = tally.included(described), described[described.disease_area == "respiratory"]
    lung = tally.included(on_lung)
    covid = lung.covid19.fillna(False).astype(bool)
    groups, kinds = covid.map({True: ["COVID-19"], False: ["Other"]}), ["COVID-19", "Other"]
    title = f"{tally.capital(area)}: {covid.sum()} of {several(len(lung), 'trial')} {'is' if covid.sum() == 1 else 'are'} on COVID-19"
    tables = {}
    for field, noun in (("route", "Route"), ("msc_source", "Cell source")):
        values, order = tally.values_of(lung, field, labels)
        tables[noun] = tally.crossed(values, groups, order, kinds)
        leaders = tally.leading(tables[noun].sum(axis=1).drop(tally.MISSING))
        title += f"; {noun.lower()} most often {leaders}" if leaders else f"; no {noun.lower()} reported"
    if lung.empty:
        title = (
            f"{tally.capital(area)}: none of {tally.included_trials(trials)}"
            if len(trials)
            else none_included(described)
        )
    note = f"Cells: {tally.counted(on_lung)} on {area}.{tally.twice(lung, 'route', 'msc_source')}"
    data = pd.concat([table.rename(lambda value, noun=noun: f"{noun}: {value}") for noun, table in tables.items()])
    counts = ". ".join(f"{noun}: {tally.listed(table.sum(axis=1))}" for noun, table in tables.items())
    alt = f"Heatmap with COVID-19 beside other diseases. {title}. {counts}."
    data = data.rename_axis("value").rename_axis(columns="Disease").reset_index()
    return Figure(None, "lung_trials", title, alt, data, note=note)


def registrations(described: pd.DataFrame) -> Figure:
    """Included trials by day of registration, those on COVID-19 and estimated dates apart.

    The data have one row per dated trial: ``trn, registered, kind, n`` ("COVID-19", "COVID-19, date estimated", "other", "other,
    date estimated"). The ``EMERGENCY`` reaches from its declaration to its end by the World Health Organization.

    Examples
    --------
    >>> described = pd.DataFrame({"trn": ["NCT1", "NCT2"], "registered": pd.to_datetime(["2020-04-01", "2024-05-06"])})
    >>> described = described.assign(registered_basis=["record", "estimated"], covid19=[True, False])
    >>> counted = registrations(described.assign(screening="included"))
    >>> counted.data
        trn registered                   kind  n
    0  NCT1 2020-04-01               COVID-19  1
    1  NCT2 2024-05-06  other, date estimated  1
    >>> counted.title
    '1 of 2 trials with a date was registered during the COVID-19 emergency, 1 of these on COVID-19'
    """
    trials = tally.included(described)
    dated = trials.dropna(subset="registered")
    estimated, during = dated.registered_basis == "estimated", dated.registered.between(*EMERGENCY)
    covid = dated.covid19.fillna(False).astype(bool)
    kind = covid.map({True: "COVID-19", False: "other"}) + estimated.map({True: ", date estimated", False: ""})
    both, then = int((covid & during).sum()), int(during.sum())
    title = f"{then} of {several(len(dated), 'trial')} with a date {'was' if then == 1 else 'were'} registered during the COVID-19 emergency"
    title += f", {both} of these on COVID-19" if then else ""
    if dated.empty:
        none = f"None of {tally.included_trials(trials)} has a date of registration"
        title = none if len(trials) else none_included(described)
    dates = f"{several(estimated.sum(), 'date is', 'dates are')} estimated, {len(trials) - len(dated)} not known."
    dates += f" During the emergency: {during.sum()} of {len(dated)} with a date, {both} of them on COVID-19."
    by_year = dated.registered.dt.year.value_counts().sort_index()
    alt = f"Bar chart of dates. {title}. {dates} By year: {tally.listed(by_year)}."
    kind = pd.Categorical(kind, [f"{of}{how}" for of in ("COVID-19", "other") for how in ("", ", date estimated")])
    data = dated[["trn", "registered"]].assign(kind=kind, n=1).sort_values("registered", ignore_index=True)
    if dated.empty:  # an axis with nothing on it
        data = pd.DataFrame(
            {"trn": [""], "registered": EMERGENCY[0], "kind": pd.Categorical(["other"], kind.categories), "n": 0}
        )
    note = f"{tally.capital(tally.counted(described))}; {dates}"
    return Figure(None, "registrations_per_month", title, alt, data, note=note)


def quarters(days: pd.Series) -> list[float]:
    """The edges of the quarters of a year from the first to the last of some days and of the emergency, as Matplotlib counts days.

    Examples
    --------
    >>> from matplotlib.dates import num2date
    >>> edges = quarters(pd.Series([pd.Timestamp("2019-11-20")]))
    >>> [f"{num2date(edge):%Y-%m-%d}" for edge in (*edges[:2], edges[-1])]
    ['2019-10-01', '2020-01-01', '2023-07-01']
    """
    first, *_, last = sorted([*days, *EMERGENCY])
    return date2num(pd.date_range(first.to_period("Q").start_time, last + pd.Timedelta(days=92), freq="QS")).tolist()


def same_status(one: str, other: str) -> bool:
    """Whether two words of registries say the same of a trial: words of one group, or, where a group joins several ends of a
    trial or the words are not known to us, the same word."""
    words = pd.Series([one, other])
    groups, plain = status_groups(words), words.map(plain_status)
    return plain[0] == plain[1] or (groups[0] == groups[1] and groups[0] not in (ENDED_EARLY, EXPANDED_ACCESS, OTHER))


def status_and_results(described: pd.DataFrame) -> Figure:
    """Included trials by status, the registries' words grouped, and how many completed ones show posted results.

    The data are ``value, status, results of completed trials``. The title says that none is completed only where the status of every trial shows it. Without a completed trial there are
    no bars of results.

    Examples
    --------
    >>> described = pd.DataFrame({"status": ["COMPLETED", "Completed", "Recruiting"], "screening": "included"})
    >>> counted = status_and_results(described.assign(results_posted=[True, False, False]))
    >>> counted.data.head(4)
                        value  status  results of completed trials
    0              Recruiting       1                            0
    1      Not yet recruiting       0                            0
    2  Active, not recruiting       0                            0
    3               Completed       2                            0
    >>> counted.title
    'Most frequent status: Completed (2 of 3 trials); of the completed ones 1 of 2 shows results'
    """
    trials = tally.included(described)
    groups = status_groups(trials.status)
    other = trials.status[groups == OTHER].value_counts()
    sometimes = [name for name in (*VAGUE_WORDS, OTHER) if (groups == name).any()]
    order = [*STATUS_WORDS, *sometimes, tally.MISSING]
    counts = groups.value_counts().reindex(order, fill_value=0)
    completed = trials[groups == "Completed"]
    posted = completed.results_posted.map(dict(zip((True, False), _RESULTS))).astype(object).fillna(_RESULTS[2])
    results = posted.value_counts().reindex(list(_RESULTS), fill_value=0)
    leaders = tally.leading(counts.drop(tally.MISSING))
    most = f"{tally.highest(counts.drop(tally.MISSING))} of {several(len(trials), 'trial')}"
    title = f"Most frequent status: {leaders} ({most})" if leaders else "No included trial reports its status"
    if len(completed):
        title += f"; of the completed ones {results.iloc[0]} of {len(completed)} {'shows' if results.iloc[0] == 1 else 'show'} results"
        title += "" if results.iloc[2] == 0 else ", as far as records tell"
    elif not groups.isin([*VAGUE_WORDS, "Unknown", OTHER, tally.MISSING]).any():
        title += "; none is completed"
    title = title if len(trials) else none_included(described)
    charts = {"status": counts} | ({"results of completed trials": results} if len(completed) else {})
    elsewhere = int(trials.results_posted.fillna(False).astype(bool).sum() - results.iloc[0])
    note = f" Other words: {tally.listed(other)}." if len(other) else ""
    note += f" {elsewhere} not completed {'has' if elsewhere == 1 else 'have'} results, too." if elsewhere else ""
    data = (
        pd.DataFrame(charts).fillna(0).astype(int).reindex([*counts.index, *(results.index if len(completed) else ())])
    )
    of_completed = f" Results of completed trials: {tally.listed(results)}." if len(completed) else ""
    alt = f"Bar chart. {title}. {tally.listed(counts)}.{of_completed}{note}"
    data = data.rename_axis("value").reset_index()
    return Figure(None, "status_and_results", title, alt, data, note=f"Bars: {tally.counted(described)}.{note}")


def enrolment_by_phase(described: pd.DataFrame, *, labels: tally.Labels) -> Figure:
    """Participants of each included trial, by phase, with actual and planned numbers apart.

    The data have one row per trial and phase: ``trn, phase, enrolment, number`` ("actual", "planned", "not said which"); the phases
    are categories in the order of their codes, each with how many of its trials state a number, and their median.

    Examples
    --------
    >>> described = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"], "enrolment": [20, 40, None], "phase_group": "1"})
    >>> described["enrolment_type"] = ["ACTUAL", "ESTIMATED", None]
    >>> counted = enrolment_by_phase(described.assign(screening="included"), labels={"phase_group": {"1": "Phase 1"}})
    >>> counted.data[["trn", "enrolment", "number"]]
        trn  enrolment   number
    0  NCT1       20.0   actual
    1  NCT2       40.0  planned
    >>> print(counted.data.phase.cat.categories[0])
    Phase 1
    n = 2 of 3, median 30
    """
    trials = tally.included(described)
    phases, order = tally.values_of(trials, "phase_group", labels)
    drawn = trials[trials.enrolment.fillna(0) > 0]
    numbers = drawn.enrolment.astype(float)
    words = drawn.enrolment_type.fillna("").str.casefold().str.strip()
    kinds = words.map(_ENROLMENT_IS).astype(object).fillna("not said which")
    title = f"Half of the trials enrol {tally.number(numbers.median())} participants or fewer, actual or planned"
    if drawn.empty:
        none = f"None of {tally.included_trials(trials)} states how many participants it enrols"
        title = none if len(trials) else none_included(described)
    data = drawn[["trn"]].assign(phase=phases[drawn.index], enrolment=drawn.enrolment, number=kinds).explode("phase")
    of, own = tally.count_each(phases, order), data.groupby("phase").enrolment
    n, median = own.size().reindex(order, fill_value=0), own.median().astype(float).reindex(order)
    texts = {
        phase: f"n = {n[phase]} of {of[phase]}" + (f", median {tally.number(median[phase])}" if n[phase] else "")
        for phase in order
    }
    named = {phase: f"{phase}\n{text}" for phase, text in texts.items()}
    data["phase"] = pd.Categorical(data.phase.map(named), list(named.values()))
    zero = int((trials.enrolment == 0).sum())
    note = f"{tally.capital(tally.counted(described))}; {several(trials.enrolment.isna().sum(), 'states', 'state')} no number"
    note += f", {zero} state 0 and are not drawn." if zero else "."
    by_phase = "; ".join(f"{phase}: {text}" for phase, text in texts.items())
    alt = f"Every trial a point on a log axis, by phase. {title}. {by_phase}."
    note += tally.twice(trials, "phase_group")
    return Figure(None, "enrolment_by_phase", title, alt, data.reset_index(drop=True), note=note)
