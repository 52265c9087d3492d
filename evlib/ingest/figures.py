"""The figures of the chapter on records: how many, from which registry, from which year, and how complete they are."""

import pandas as pd

from evlib.base.figure import INCLUDED, PENDING, Figure, bars, stacked_years


def records_by_year(records: pd.DataFrame) -> Figure:
    """Registrations by year, observed and estimated dates apart; undated records are counted in the title."""
    dated = records.dropna(subset="registered").assign(year=lambda frame: frame.registered.dt.year)
    years = range(dated.year.min(), dated.year.max() + 1)
    data = pd.crosstab(dated.year, dated.registered_basis)
    data = data.reindex(index=years, columns=["observed", "estimated"], fill_value=0)
    totals = data.sum(axis=1)
    undated = int(records.registered.isna().sum())
    title = (
        f"{totals.idxmax()} has the most records ({totals.max()} of {len(dated)} with a date); "
        f"{int(data.estimated.sum())} dates are estimated, {undated} records have none"
    )
    colours = {"observed": INCLUDED, "estimated": PENDING}
    return stacked_years(data, "records_by_year", title, "Registry records", colours)


def records_by_registry(records: pd.DataFrame) -> Figure:
    """Records of the search by registry."""
    counts = records.registry.value_counts().to_frame("n")
    title = f"{counts.index[0]} holds {counts.n.iloc[0]} of the {len(records)} records found"
    return bars(counts, "records_by_registry", title, "Registry records", {"n": INCLUDED})


def completeness(shares: pd.DataFrame) -> Figure:
    """How many records fill each field (``field, n, of``)."""
    ordered = shares.sort_values("n", ascending=False).set_index("field")[["n"]]
    n = shares.set_index("field").n
    of = shares.of.iloc[0]
    title = f"Of {of} records, {n.dose_text} show a dose, {n.countries} a country and {n.route_text} a route"
    figure = bars(ordered, "completeness", title, f"Records that show the field (of {of})", {"n": INCLUDED})
    return figure._replace(data=shares)
