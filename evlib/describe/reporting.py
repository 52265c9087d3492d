"""What the records of included trials state, and what they leave out: by year, and as a score of each trial."""

import pandas as pd

from evlib.base.figure import Figure, none_included
from evlib.base.schema import added_fields
from evlib.base.tables import in_words
from evlib.describe import tally

# The items of the score, and what a reader sees; ``stated_items`` says which trials state them.
ITEMS = {"cell_source": "Cell source", "ev_term": "Exosome or EV named", "route": "Route", "dose": "Dose"}
ITEMS |= {"dose_measures_evs": "Dose in particles or mass", "administrations": "Number of doses given"}
ITEMS |= {"study_type": "Study type", "phase": "Phase", "design": "Design", "allocation": "Allocation"}
ITEMS |= {"masking": "Masking", "enrolment": "Enrolment", "country": "Country", "sponsor": "Sponsor"}
ITEMS |= {"start_date": "Start date"}
_BY_YEAR = ["country", "phase", "route", "cell_source", "enrolment", "allocation", "masking", "dose"]
_PERIODS = ("before 2020", "2020–2021", "2022 or later")
_MEASURES_OF_EVS = ("particles", "particles per area", "mass", "mass per body weight", "phospholipid per body weight")


def stated_items(trials: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame) -> pd.DataFrame:
    """Which of the ``ITEMS`` each trial states: one bool column per item, rows as in ``trials`` (of table ``described``).

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> trials = pd.DataFrame([{"trn": "NCT1", "route": "nebulised"}], columns=columns("described"))
    >>> records = pd.DataFrame([{"trn": "NCT1", "sponsor": "A hospital"}], columns=columns("records"))
    >>> stated = stated_items(trials, records, pd.DataFrame(columns=columns("doses")))
    >>> stated[["route", "sponsor", "dose"]].iloc[0].to_list()
    [True, True, False]
    """
    own = records.drop_duplicates("trn").set_index("trn").reindex(trials.trn).reset_index()
    in_trial = {"cell_source": "msc_source", "phase": "phase_group", "country": "countries"}
    in_trial |= {name: name for name in ("ev_term", "route", "study_type", "design", "enrolment")}
    in_doses = {
        "dose": doses[["as_stated", "low", "high"]].notna().any(axis=1),
        "dose_measures_evs": doses.unit_kind.isin(_MEASURES_OF_EVS),
        "administrations": doses.n_administrations.notna(),
    }
    stated = {name: trials[column].notna() for name, column in in_trial.items()}
    stated |= {name: own[name].notna() for name in ("allocation", "masking", "sponsor", "start_date")}
    stated |= {name: trials.trn.isin(doses.trn[rows]) for name, rows in in_doses.items()}
    return pd.DataFrame({name: stated[name].to_numpy(dtype=bool) for name in ITEMS}, index=trials.index)


def completeness_by_year(described: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame) -> Figure:
    """How many included trials state each of some fields, and those that the protocol adds, by year of registration.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> described = pd.DataFrame({"trn": ["NCT1", "NCT2"], "route": ["topical", None]}, columns=columns("described"))
    >>> described = described.assign(screening="included", registered=pd.to_datetime(["2019-03-04", "2023-05-06"]))
    >>> nothing_more = pd.DataFrame(columns=columns("records")), pd.DataFrame(columns=columns("doses"))
    >>> completeness_by_year(described, *nothing_more).data.query("field == 'Route' and of > 0")
        field     registered  n  of  percent
    0   Route    before 2020  1   1    100.0
    16  Route  2022 or later  0   1      0.0
    """
    trials = tally.included(described)
    stated = stated_items(trials, records, doses)[_BY_YEAR].rename(columns=ITEMS)
    # Of the added fields those that code no item ("masking level" is the item masking, in codes).
    added = [field for field in added_fields(trials, "described") if in_words(field).split()[0] not in _BY_YEAR]
    stated = stated.assign(**{tally.capital(in_words(field)): trials[field].notna() for field in added})
    years = trials.registered.dt.year
    periods = years.map(lambda year: _PERIODS[(year >= 2020) + (year >= 2022)], na_action="ignore")
    periods = periods.astype(object).fillna("no date")
    of = periods.value_counts().reindex([*_PERIODS, "no date"], fill_value=0)
    n = stated.groupby(periods).sum().reindex(of.index, fill_value=0).T.astype(int)
    sums = n.sum(axis=1).sort_values(ascending=False, kind="stable")
    n = n.loc[sums.index]
    least = list(sums.index[sums == sums.min()])
    dated = [period for period in _PERIODS if of[period]]
    title = f"Records state {tally.first_names([name.lower() for name in least])} least often"
    if len(dated) > 1 and len(least) == 1:
        first, last = (n.loc[least[0], period] / of[period] for period in (dated[0], dated[-1]))
        title += (
            f", newer ones {'more' if last > first else 'less' if last < first else 'no more'} often than older ones"
        )
    title = title if len(trials) else none_included(described)
    note = f"Percent of {tally.counted(described)}; by registration: {tally.listed(of[of > 0])}."
    alt = f"Heatmap. {title}. Of {tally.included_trials(trials)}: {tally.listed(sums)}."
    data = n.rename_axis("field").reset_index().melt("field", var_name="registered", value_name="n")
    data = data.assign(
        of=data.registered.map(of), percent=lambda rows: (100 * rows.n / rows.of.where(rows.of > 0)).round(1)
    )
    return Figure(None, "completeness_by_year", title, alt, data, note=note)


def reporting_score(described: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame) -> pd.DataFrame:
    """How many of the ``ITEMS`` each included trial states.

    It scores what the copies of the records show us, not the trial, its quality or its report. Each item counts one, in
    the spirit of the EV-METRIC of the EV-TRACK Consortium (2017), Nature Methods 14:228, doi 10.1038/nmeth.4185, which
    scores how experiments with EVs are reported; the items are our own, because a registry asks for other things.

    Returns
    -------
    pandas.DataFrame
        One row per included trial: ``trn``, ``score`` (items that are stated), ``of`` (their number), and one bool column
        per item.

    Examples
    --------
    >>> from evlib.base.schema import columns
    >>> described = pd.DataFrame([{"trn": "NCT1", "route": "nebulised"}], columns=columns("described"))
    >>> records = pd.DataFrame([{"trn": "NCT1", "sponsor": "A hospital"}], columns=columns("records"))
    >>> doses = pd.DataFrame([{"trn": "NCT1", "low": 2e8, "unit_kind": "particles"}], columns=columns("doses"))
    >>> scores = reporting_score(described.assign(screening="included"), records, doses)
    >>> scores[["trn", "score", "of", "route", "sponsor", "dose", "masking"]]
        trn  score  of  route  sponsor  dose  masking
    0  NCT1      4  15   True     True  True    False
    """
    trials = tally.included(described)
    stated = stated_items(trials, records, doses)
    scores = trials[["trn"]].assign(score=stated.sum(axis=1).astype(int), of=len(ITEMS))
    return pd.concat([scores, stated], axis=1)
