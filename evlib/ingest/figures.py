"""The figures of the chapter on records: how many, from which registry, from which year, and how complete they are."""

import pandas as pd

from evlib.base.figure import INCLUDED, PENDING, Figure, bars, stacked_years


def records_by_year(records: pd.DataFrame) -> Figure:
    """Registrations by year, observed and estimated dates apart; undated records are counted in the title."""
    dated = records.dropna(subset="registered").assign(year=lambda frame: frame.registered.dt.year)
    data = dated.groupby(["year", "registered_basis"]).size().unstack(fill_value=0)
    data = data.reindex(columns=["observed", "estimated"], fill_value=0)
    data = data.reindex(range(data.index.min(), data.index.max() + 1), fill_value=0)
    totals = data.sum(axis=1)
    undated = int(records.registered.isna().sum())
    title = (
        f"{totals.idxmax()} has the most records ({totals.max()} of {len(dated)} with a date); "
        f"{int(data.estimated.sum())} dates are estimated, {undated} records have none"
    )
    return stacked_years(
        data, "records_by_year", title, "Registry records", {"observed": INCLUDED, "estimated": PENDING}
    )


def records_by_registry(records: pd.DataFrame) -> Figure:
    """Records of the search by registry."""
    counts = records.registry.value_counts().rename("n").reset_index()
    first = counts.iloc[0]
    title = f"{first.registry} holds {first.n} of the {len(records)} records found"
    return bars(counts.set_index("registry")[["n"]], "records_by_registry", title, "Registry records", {"n": INCLUDED})


def completeness(shares: pd.DataFrame) -> Figure:
    """How many records fill each field (``field, n, of``)."""
    ordered = shares.sort_values("n", ascending=False).set_index("field")[["n"]]
    n = shares.set_index("field").n
    title = (
        f"Of {shares.of.iloc[0]} records, {n.dose_text} show a dose, {n.countries} a country and {n.route_text} a route"
    )
    figure = bars(
        ordered, "completeness", title, f"Records that show the field (of {shares.of.iloc[0]})", {"n": INCLUDED}
    )
    return figure._replace(data=shares)
