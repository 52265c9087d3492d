"""Trials that ended more than a year ago without a result that we know of: how many, how large, whose, and on which registries.

*No result on file* says that there is no report among ours and that the record, as our copies show it, has no result posted.
It does not say that the trial is unpublished: a search of the literature, or the registry's page of today, may show one.
"""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from evlib.base.dates import possible_days
from evlib.base.errors import InputError
from evlib.base.figure import INCLUDED, PENDING, STYLE, WIDTH_INCHES, Figure, nothing
from evlib.base.schema import checked, join_multi, read_csv, split_multi
from evlib.base.tables import kept_numbers
from evlib.base.words import joined, several
from evlib.describe.figures import status_groups

ACTUAL, ANTICIPATED = "actual", "anticipated"
# Whether a trial was over a year before the day to which records were read, by the days that its completion may have been on.
OVER, NOT_OVER, CANNOT_TELL = "over a year ago", "not over a year ago", "cannot be told"
NO_DATE, UNREADABLE = "no date", "date not readable"
DUE = (OVER, CANNOT_TELL, NOT_OVER, UNREADABLE, NO_DATE)
ON_FILE, POSTED, NONE_ON_FILE = "report on file", "posted", "none on file"

# Of the group "Terminated, suspended or withdrawn" the words that say that a trial is over, and that it never began.
_ENDED_EARLY, _NEVER_BEGAN = {"terminated", "stopped early", "prematurely ended"}, {"withdrawn"}
_PEOPLE_ARE = {"actual": "actual", "estimated": "anticipated", "anticipated": "anticipated", "planned": "anticipated"}
_NOT_SAID = "not said which"


def results_by_trial(
    included: pd.DataFrame, records: pd.DataFrame, studies: pd.DataFrame, versions: pd.DataFrame, *, day: str
) -> pd.DataFrame:
    """Each included trial with the day it ended, as far as its record tells, and whether any result is on file.

    Parameters
    ----------
    included, records
        Table ``described`` (included trials), and table ``records``.
    studies
        ``study, trn, report_type`` of the reports on file. A report that names a number merged into another counts for the
        trial that is kept, one that names another number of the record counts for the record.
    versions
        What older copies of the records say (``evlib.ingest.sources.versions_of``).
    day
        The day to which records were read, YYYY-MM-DD: a status is of a copy of that day or before, whatever the search date, and so an
        end is past or not on that day.

    Returns
    -------
    pandas.DataFrame
        Table ``missing_results``, one row per trial. ``due`` is one of ``DUE``: a trial was over a year ago only where the *last*
        day that its completion may mean lies more than a year before ``day``, and it cannot be told where only the
        first does. Our copies do not pass on the registry's type of the date; ``date_is`` is our reading of it: *actual* where the status says that the trial is over and the date
        is not later than the record's last update, else *anticipated*. ``ended``: the status says that the trial is over (completed or
        terminated; a suspended one may go on), whichever its date is. ``updated_since``: the record was updated after the
        last day that the date may mean. ``status_of``: the day of the copy that shows the status. ``result``: "report on file" (``reports``,
        ``report_types``), "posted" or "none on file". ``publications`` are those that the record names, read or not.
        ``people_are``: what the number of people is, "actual", "anticipated" or "not said which".

    Raises
    ------
    InputError
        Where ``day`` is no day.

    Examples
    --------
    >>> from evlib.base.schema import read_csv, read_table
    >>> run, names = "data/processed/2024-02-17", ("described", "records", "studies")
    >>> described, records, studies = (read_table(f"{run}/{name}.csv", name) for name in names)
    >>> included, versions = described[described.screening == "included"], read_csv(f"{run}/versions.csv")
    >>> by_trial = results_by_trial(included, records, studies, versions, day="2024-02-17")
    >>> set(by_trial.result) <= {"report on file", "posted", "none on file"}
    True
    >>> bool((by_trial.completion_high[by_trial.due == "over a year ago"] < "2023-02-17").all())
    True
    """
    read_to = possible_days(day)
    if read_to is None or read_to[0] != read_to[1]:
        raise InputError(f"the day to which records were read, '{day}', is no day. Give it as YYYY-MM-DD.")
    year_before = (pd.Timestamp(day) - pd.DateOffset(years=1)).strftime("%Y-%m-%d")
    facts = records.drop_duplicates("trn").set_index("trn").reindex(included.trn)
    days = [possible_days(date) for date in facts.completion_date]
    first, last = ([span[end] if span else None for span in days] for end in (0, 1))
    words = included.status.str.casefold().str.strip()
    over = (status_groups(included.status) == "Completed") | words.isin(_ENDED_EARLY)
    updated = [(possible_days(text) or (None,))[0] for text in facts.last_update]
    later = [bool(day and shown and day > shown) for day, shown in zip(first, updated)]
    actual = over.to_numpy() & ~pd.Series(later, dtype=bool).to_numpy()
    by_trial = _reports_by_trial(studies, included, facts)
    shown = versions[(versions.field == "status") & (versions.shown.astype(str) == "True")].set_index("trn").snapshot
    status_of = (facts.snapshot.to_dict() | shown.to_dict()).get
    posted = included.results_posted.fillna(False).astype(bool).to_numpy()
    rows = pd.DataFrame(
        {
            **{name: included[name].to_numpy() for name in ("trn", "registry", "title", "record_url", "status")},
            "sponsor": facts.sponsor.to_numpy(),
            "status_of": [status_of(row.trn) if isinstance(row.status, str) else None for row in included.itertuples()],
            **{name: facts[name].to_numpy() for name in ("last_update", "start_date", "completion_date")},
            **{"completion_low": first, "completion_high": last},
            "date_is": [(ACTUAL if known else ANTICIPATED) if day else None for known, day in zip(actual, last)],
            "ended": over.to_numpy(),
            "updated_since": [bool(seen > day) if day and seen else None for day, seen in zip(last, updated)],
            "due": [_due(*ends, text, year_before) for *ends, text in zip(first, last, facts.completion_date)],
            "result": [_result(trn, given, by_trial) for trn, given in zip(included.trn, posted)],
            "reports": [join_multi(by_trial["study"].get(trn)) for trn in included.trn],
            "report_types": [join_multi(by_trial["report_type"].get(trn)) for trn in included.trn],
            "publications": facts.publications.to_numpy(),
            "enrolment": included.enrolment.to_numpy(),
            "people_are": _people_are(included).to_numpy(),
        }
    )
    rows = rows[~words.isin(_NEVER_BEGAN).to_numpy()]  # who never began owes no result
    return checked(rows.sort_values(["completion_high", "trn"], na_position="last"), "missing_results")


def without_result(by_trial: pd.DataFrame, *, ended: bool = False) -> pd.DataFrame:
    """The rows of ``results_by_trial`` of trials that were over more than a year ago with no result on file or posted.

    With ``ended`` only those whose status says that they are over: a trial whose planned end has passed may still run, or may never
    have begun.

    Examples
    --------
    >>> trials = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"], "result": ["posted", "none on file", "none on file"]})
    >>> trials = trials.assign(due="over a year ago", ended=[True, True, False])
    >>> without_result(trials).trn.tolist(), without_result(trials, ended=True).trn.tolist()
    (['NCT2', 'NCT3'], ['NCT2'])
    """
    lacking = (by_trial.due == OVER) & (by_trial.result == NONE_ON_FILE)
    return by_trial[lacking & by_trial.ended.astype(bool) if ended else lacking].reset_index(drop=True)


def disease_groups(trials: pd.DataFrame, raw: str | Path) -> pd.Series:
    """The group of diseases of each trial, as reports have it, where one was read; else missing.

    Parameters
    ----------
    trials
        ``trn``.
    raw
        The folder of raw data, of which ``curation/disease_groups_of_trials.csv`` is read; it need not exist.

    Raises
    ------
    InputError
        Naming the line of a trial that stands there twice, or whose group has no words that it rests on.

    Examples
    --------
    >>> disease_groups(pd.DataFrame({"trn": ["NCT04602104", "NCT0"]}), "data/raw").tolist()
    ['lung (COVID-19/ARDS)', nan]
    """
    path = Path(raw) / "curation/disease_groups_of_trials.csv"
    rows = read_csv(path, needs=["trn", "disease_group", "words", "decided_by"], optional=True)
    wrong = rows.trn.duplicated() | rows.isna().any(axis=1)
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + 2
        raise InputError(f"{path}, line {line}: the trial stands there twice, or a cell is empty. Correct the line.")
    return trials.trn.map(rows.set_index("trn").disease_group)


def counted_by(by_trial: pd.DataFrame, column: str) -> pd.DataFrame:
    """Trials over more than a year ago by sponsor, registry or any other column; those with most results missing first.

    Returns
    -------
    pandas.DataFrame
        The column, ``over_a_year_ago``, ``no_result`` (of these), ``date_actual`` and ``date_anticipated`` (of those without),
        ``people`` (of those without, as far as stated) and ``people_not_stated`` (how many do not state any).

    Examples
    --------
    >>> trials = pd.DataFrame({"sponsor": ["A", "A", None], "result": ["none on file", "posted", "none on file"]})
    >>> trials = trials.assign(due="over a year ago", date_is="actual", enrolment=[20, 30, None])
    >>> counted_by(trials, "sponsor").drop(columns=["date_actual", "date_anticipated"])
         sponsor  over_a_year_ago  no_result  people  people_not_stated
    0          A                2          1      20                  0
    1  not shown                1          1       0                  1
    """
    over = by_trial[by_trial.due == OVER]
    groups = over.assign(**{column: over[column].fillna("not shown")})
    missing = groups.result == NONE_ON_FILE
    counts = groups.assign(
        over_a_year_ago=1,
        no_result=missing,
        date_actual=missing & (groups.date_is == ACTUAL),
        date_anticipated=missing & (groups.date_is == ANTICIPATED),
        people=groups.enrolment.where(missing).fillna(0),
        people_not_stated=missing & groups.enrolment.isna(),
    )
    names = ["over_a_year_ago", "no_result", "date_actual", "date_anticipated", "people", "people_not_stated"]
    table = counts.groupby(column)[names].sum().astype("int64").reset_index()
    return table.sort_values(
        ["no_result", "over_a_year_ago", column], ascending=[False, False, True], ignore_index=True
    )


def people(trials: pd.DataFrame) -> str:
    """How many people trials count, actual numbers and anticipated ones apart, and how many state none, in words.

    Examples
    --------
    >>> people(pd.DataFrame({"enrolment": [20, 30, None], "people_are": ["actual", "anticipated", None]}))
    '20 actual (1 trial), 30 anticipated (1 trial) and 1 trial without a number'
    """
    known = trials.dropna(subset="enrolment")
    parts = [
        f"{int(rows.enrolment.sum()):,} {kind} ({several(len(rows), 'trial')})"
        for kind in (ACTUAL, ANTICIPATED, _NOT_SAID)
        if len(rows := known[known.people_are == kind])
    ]
    missing = len(trials) - len(known)
    parts += [f"{several(missing, 'trial')} without a number"] if missing else []
    return joined(parts) or "no trial"


def answer(by_trial: pd.DataFrame, *, day: str) -> str:
    """A sentence that says of how many trials the results are missing, those that ended by their status and the others apart; ``day`` as
    ``results_by_trial`` takes it.

    Examples
    --------
    >>> trials = pd.DataFrame({"ended": [True, True, False, False], "result": "none on file"})
    >>> trials["due"] = ["over a year ago", "over a year ago", "over a year ago", "no date"]
    >>> print(answer(trials, day="2026-11-28"))  # doctest: +NORMALIZE_WHITESPACE
    **Of trials that ended, by their status, and whose last day is more than a year before 2026-11-28, no result is on file of 2 of
    2**, and of others whose anticipated end is as long past, of 1 of 1. Of 1 of 4 included trials it cannot be asked, or not yet.
    """
    over = by_trial[by_trial.due == OVER]
    if over.empty:
        return f"Of {several(len(by_trial), 'included trial')}, none is known to have been over for more than a year by {day}."
    ended, passed = _without_of_over(over)
    return (
        f"**Of trials that ended, by their status, and whose last day is more than a year before {day}, no result is on file of {ended}**, and of others whose anticipated end "
        f"is as long past, of {passed}. Of {len(by_trial) - len(over)} of {several(len(by_trial), 'included trial')} it "
        "cannot be asked, or not yet."
    )


def _without_of_over(over: pd.DataFrame) -> list[str]:
    """How many trials are without a result, "2 of 5": of those that ended by their status, and of the others."""
    missing = over[over.result == NONE_ON_FILE]
    return [f"{(missing.ended == kind).sum()} of {(over.ended == kind).sum()}" for kind in (True, False)]


def not_asked(by_trial: pd.DataFrame) -> str:
    """Why trials are not counted as over, and how far the records of those that may still run were kept up, in a sentence.

    Examples
    --------
    >>> trials = pd.DataFrame({"due": ["over a year ago", "over a year ago", "no date"], "result": "none on file"})
    >>> trials = trials.assign(ended=False, updated_since=[False, None, None])
    >>> print(not_asked(trials))  # doctest: +NORMALIZE_WHITESPACE
    Not counted: 1 (no date). Of 2 trials without a result whose anticipated end has passed, the record was not
    updated after that date in 1, was in 0, and shows no update in 1.
    """
    counts = by_trial.due[by_trial.due != OVER].value_counts()
    listed = joined([f"{n} ({why})" for why, n in counts.items()]) or "none"
    open_ones = without_result(by_trial)
    since = open_ones.updated_since[open_ones.ended == False]  # noqa: E712
    return (
        f"Not counted: {listed}. Of {several(len(since), 'trial')} without a result whose anticipated end has passed, the record was not "
        f"updated after that date in {int((since == False).sum())}, was in {int((since == True).sum())}, and shows no update in {since.isna().sum()}."  # noqa: E712
    )


def years_since_completion(by_trial: pd.DataFrame, *, day: str) -> Figure:
    """Each dated trial by the years since its completion, those that ended by their status apart, with or without a result.

    Parameters
    ----------
    by_trial
        As ``results_by_trial`` returns it. A partial date stands at the last day that it may mean.
    day
        As ``results_by_trial`` takes it.

    Examples
    --------
    >>> trials = pd.DataFrame({"completion_high": ["2020-06-30", "2022-01-31"], "result": ["none on file", "posted"]})
    >>> trials[["trn", "registry", "status", "completion_date", "enrolment"]] = None
    >>> trials = trials.assign(due="over a year ago", date_is="actual", ended=True)
    >>> figure = years_since_completion(trials, day="2024-02-17")
    >>> figure.data[["years", "shown"]]
       years                     shown
    0   3.63              none on file
    1   2.05  result on file or posted
    >>> plt.close(figure.drawing)
    """
    name, dated = "missing_results", by_trial.dropna(subset="completion_high")
    years = (pd.Timestamp(day) - pd.to_datetime(dated.completion_high)).dt.days / 365.25
    data = dated[
        ["trn", "registry", "status", "completion_date", "date_is", "ended", "due", "result", "enrolment"]
    ].assign(
        years=years.round(2),
        shown=(dated.result != NONE_ON_FILE).map({True: "result on file or posted", False: NONE_ON_FILE}),
    )
    data = data[data.years > 0]
    if data.empty:
        return nothing(name, f"No included trial of {len(by_trial)} has a completion date before {day}")
    ended, passed = _without_of_over(data[data.due == OVER])
    title = (
        f"Of trials that ended and whose last day is more than a year before {day}, no result is on file of {ended}; of others "
        f"whose anticipated end is as long past, of {passed}"
    )
    lines = {kind: f"{words}\n(n = {(data.ended == kind).sum()})" for kind, words in (
        (True, "Ended, by its status"), (False, "End anticipated,\nnow past"))}  # fmt: skip
    looks = {NONE_ON_FILE: (PENDING, "X"), "result on file or posted": (INCLUDED, "o")}
    with matplotlib.rc_context(STYLE):
        drawing, axes = plt.subplots(figsize=(WIDTH_INCHES, 3.6), layout="constrained")
        rows = data.assign(line=data.ended.map(lines), place=_spread(data))
        for shown, (colour, marker) in looks.items():
            own = rows[rows.shown == shown]
            look = {
                "color": colour,
                "marker": marker,
                "s": 48,
                "edgecolor": "white",
                "linewidth": 0.5,
                "clip_on": False,
            }
            sns.scatterplot(x=own.years, y=own.place, label=f"{shown} (n = {len(own)})", legend=False, ax=axes, **look)
        axes.axvline(1, color="#555555", lw=1, ls="--")
        axes.annotate("one year", (1, 1.5), xytext=(3, 0), textcoords="offset points", fontsize=8, va="center")
        axes.set(xlim=(0, None), ylim=(1.6, -0.6), yticks=[0, 1], yticklabels=list(lines.values()), ylabel="")
        axes.set_xlabel(f"Years from completion to {day} (n = {len(data)} trials)")
        axes.figure.legend(frameon=False, fontsize=9, ncols=2, loc="outside lower left")
    alt = f"Dot plot, a mark for each trial by years since completion. {title}. One mark lies {data.years.max():.1f} years back."
    return Figure(drawing, name, title, alt, data)


def _spread(data: pd.DataFrame) -> pd.Series:
    """Heights for the marks: by whether a trial ended, and side by side where completions are close together."""
    order = data.sort_values(["ended", "years", "trn"])
    lane = order.groupby("ended").cumcount() % 7
    return order.ended.map({True: 0.0, False: 1.0}) + (lane - 3) * 0.11


def _due(first: str | None, last: str | None, text: object, year_before: str) -> str:
    if not last:
        return UNREADABLE if isinstance(text, str) and text.strip() else NO_DATE
    return OVER if last < year_before else CANNOT_TELL if first < year_before else NOT_OVER


def _result(trn: str, posted: bool, by_trial: dict[str, dict[str, list[str]]]) -> str:
    return ON_FILE if trn in by_trial["study"] else POSTED if posted else NONE_ON_FILE


def _reports_by_trial(
    studies: pd.DataFrame, included: pd.DataFrame, facts: pd.DataFrame
) -> dict[str, dict[str, list[str]]]:
    """Names and types of the reports on file, by the number of the trial that is kept."""
    other = {number: trn for trn, cell in facts.secondary_trns.items() for number in split_multi(cell)}
    own = dict(zip(included.trn, included.trn))
    named = studies.assign(trn=studies.trn.map(other | kept_numbers(included) | own)).dropna(subset="trn")
    return {
        column: named.fillna({column: "not said"})
        .groupby("trn")[column]
        .agg(lambda cells: list(dict.fromkeys(cells)))
        .to_dict()
        for column in ("study", "report_type")
    }


def _people_are(included: pd.DataFrame) -> pd.Series:
    words = included.enrolment_type.str.casefold().str.strip()
    kinds = words.map(_PEOPLE_ARE).astype(object).fillna(_NOT_SAID)
    return kinds.where(included.enrolment.notna(), None)
