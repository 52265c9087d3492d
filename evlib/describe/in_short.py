"""The third chapter's answer: what the included trials are like, in three sentences."""

import pandas as pd

from evlib.base.tables import code_labels
from evlib.base.words import joined, several
from evlib.describe import tally
from evlib.describe.figures import status_groups

_FACTS = {"disease_area": "disease", "route": "route", "msc_source": "cell source", "phase_group": "phase"}
_FACTS |= {"design": "design", "countries": "country", "enrolment": "number of participants"}
_ITEMS = (
    "dose",
    "allocation",
    "masking",
)  # of ``reporting.stated_items``: what no column of the described trials holds


def trials_in_short(described: pd.DataFrame, *, protocol: dict, stated: pd.DataFrame | None = None) -> list[str]:
    """What is studied, in what phase and how large, and what records leave out; one sentence where no trial is included.

    ``described`` is the table of that name; ``stated`` what ``evlib.describe.reporting.stated_items`` gives for its included
    trials, by which dose, allocation and masking are counted among what records leave out as well.

    Examples
    --------
    >>> described = pd.DataFrame({"disease_area": ["oral", "oral", "renal"], "phase_group": ["1", "1", None]})
    >>> described = described.assign(route=None, route_group=None, enrolment=[20, 30, 40], status="Recruiting")
    >>> described = described.assign(registered=pd.Timestamp("2021-03-04"), screening="included", results_posted=False)
    >>> labels = {"oral": {"label": "Oral disease"}, "renal": {"label": "Kidney disease"}}
    >>> answer = trials_in_short(described, protocol={"codes": {"disease_area": labels}})
    >>> print(*answer[:2])  # doctest: +NORMALIZE_WHITESPACE
    **3 trials** are included, 3 of the 3 with a date registered in 2020 or later. Most often the disease is
    oral disease (2 of 3 that state it).
    The phase is most often 1 (2 of 2 that state it) and the median enrolment is 30 (n = 3, actual or planned);
    none is known to be completed.
    """
    trials = tally.included(described)
    if trials.empty:
        return ["No trial is included yet, so that none can be described."]
    facts = {field: noun for field, noun in _FACTS.items() if field in trials}
    absent = trials[list(facts)].isna().sum()
    if stated is not None:
        absent = pd.concat([absent, (~stated[list(_ITEMS)]).sum()])
        facts |= {name: name for name in _ITEMS}
    missing = absent.sort_values(ascending=False, kind="stable").head(3)
    grouped = int((trials.route.isna() & trials.route_group.notna()).sum()) if "route" in missing else 0
    more = {"route": f"; of {grouped} the group is known" if grouped else ""}
    gaps = joined([f"{facts[field]} ({n}{more.get(field, '')})" for field, n in missing.items() if n])
    return [
        _what_is_studied(trials, protocol),
        _phase_and_size(trials, protocol),
        f"Most often a record, as our copies show it, does not state: {gaps}; those trials are counted as not reported."
        if gaps
        else "Each of these facts is shown for every trial.",
    ]


def _what_is_studied(trials: pd.DataFrame, protocol: dict) -> str:
    parts = [
        f"{words} {_leader(trials, field, protocol)}"
        for field, words in (
            ("disease_area", "the disease is"),
            ("route", "the route"),
            ("route_group", "the group of routes"),
            ("msc_source", "the cells are from"),
        )
        if field in trials and trials[field].notna().any()
    ]
    since = int((trials.registered.dt.year >= 2020).sum())
    return (
        f"**{several(len(trials), 'trial')}** {'is' if len(trials) == 1 else 'are'} included, {since} of the "
        f"{trials.registered.notna().sum()} with a date registered in 2020 or later"
        + (f". Most often {', '.join(parts)}." if parts else ".")
    )


def _leader(trials: pd.DataFrame, field: str, protocol: dict) -> str:
    """The most frequent values of a field in words, with how many of those that state it."""
    values, order = tally.values_of(trials, field, {field: code_labels(protocol, field)})
    counts = tally.count_each(values, order[:-1])
    names = tally.first_names([name.lower() for name in counts.index[counts == counts.max()]])
    each = " each" if (counts == counts.max()).sum() > 1 else ""
    return f"{names} ({counts.max()}{each} of {trials[field].notna().sum()} that state it)"


def _phase_and_size(trials: pd.DataFrame, protocol: dict) -> str:
    numbers = trials.enrolment.astype("float64").dropna()
    size = f"the median enrolment is {tally.number(numbers.median())} (n = {len(numbers)}, actual or planned)"
    completed = trials[status_groups(trials.status) == "Completed"]
    shown = int(completed.results_posted.fillna(False).astype(bool).sum())
    parts = (
        [f"the phase is most often {_leader(trials, 'phase_group', protocol)}"]
        if trials.phase_group.notna().any()
        else []
    )
    parts += [size] if len(numbers) else ["none states how many participants it enrols"]
    results = (
        f"of {several(len(completed), 'completed trial')}, {shown} {'shows' if shown == 1 else 'show'} results in the registry"
        if len(completed)
        else "none is known to be completed"
    )
    return tally.capital(f"{' and '.join(parts)}; {results}.")
