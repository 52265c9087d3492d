"""What the figures of the chapter on records say: how many, from which registry, from which year, and how complete they are.

The chapter draws them: each is a ``Figure`` without a drawing.
"""

import pandas as pd

from evlib.base.figure import Figure
from evlib.base.words import several


def records_by_year(records: pd.DataFrame) -> Figure:
    """Registrations by year, observed and estimated dates apart; undated records are counted in the title.

    Examples
    --------
    >>> days = pd.to_datetime(["2021-05-01", "2021-09-30", "2022-01-10", None])
    >>> records = pd.DataFrame({"registered": days, "registered_basis": ["observed", "estimated", "observed", None]})
    >>> counted = records_by_year(records)
    >>> counted.title
    '2021 has the most records (2 of 3 with a date); 1 date is estimated, 1 record has none'
    >>> print(counted.data)
    registered_basis  year  observed  estimated
    0                 2021         1          1
    1                 2022         1          0
    """
    dated = records.dropna(subset="registered").assign(year=lambda frame: frame.registered.dt.year)
    data = pd.crosstab(dated.year, dated.registered_basis).reindex(columns=["observed", "estimated"], fill_value=0)
    totals = data.sum(axis=1)
    undated = int(records.registered.isna().sum())
    title = (
        f"{totals.idxmax()} has the most records ({totals.max()} of {len(dated)} with a date); "
        f"{several(data.estimated.sum(), 'date is', 'dates are')} estimated, {several(undated, 'record has', 'records have')} none"
    )
    return _counted("records_by_year", title, "Records by the year of registration", data)


def records_by_registry(records: pd.DataFrame) -> Figure:
    """Records of the search by registry.

    Examples
    --------
    >>> records_by_registry(pd.DataFrame({"registry": ["ChiCTR", "IRCT", "ChiCTR"]})).title
    'ChiCTR holds 2 of the 3 records found'
    """
    counts = records.registry.value_counts().to_frame("n")
    title = f"{counts.index[0]} holds {counts.n.iloc[0]} of the {several(len(records), 'record')} found"
    return _counted("records_by_registry", title, "Records by registry", counts)


def completeness(shares: pd.DataFrame) -> Figure:
    """How many records fill each field (``field, n, of``), the fullest first.

    Examples
    --------
    >>> shares = pd.DataFrame({"field": ["route_text", "dose_text", "countries"], "n": [2, 1, 3], "of": 4})
    >>> counted = completeness(shares)
    >>> counted.title
    'Of 4 records, 1 shows a dose, 3 a country and 2 a route'
    >>> counted.data.field.tolist()
    ['countries', 'route_text', 'dose_text']
    """
    ordered = shares.sort_values("n", ascending=False).set_index("field")
    of, n = shares.of.iloc[0], ordered.n
    title = f"Of {several(of, 'record')}, {several(n.dose_text, 'shows', 'show')} a dose, {n.countries} a country and {n.route_text} a route"
    return _counted("completeness", title, f"Records that show the field (n = {of})", ordered[["n"]])


def _counted(name: str, title: str, what: str, data: pd.DataFrame) -> Figure:
    listed = ", ".join(f"{label} {n}" for label, n in data.sum(axis=1).items())
    return Figure(None, name, title, f"Bar chart. {title}. {what}: {listed}.", data.reset_index(), note=f"{what}.")
