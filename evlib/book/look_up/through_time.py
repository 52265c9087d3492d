"""The review at each search date, to be looked up with a slider: its first page's numbers, and the map of diseases and routes."""

import html
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.schema import read_csv, split_multi
from evlib.base.tables import code_labels, in_words, table
from evlib.base.words import several

NOT_REPORTED = "not reported"
# Columns of table `by_date` that the page shows, with their words; a review may lack some.
_COUNTS = {
    "n_records": "Records registered by this day",
    "n_undated": "More records that cannot be placed before or after this day, and are left out",
    "n_included": "Trials included",
    "n_estimated": "of these with an estimated day of registration",
    "n_unknown": "of these with a day of registration known only within bounds",
    "n_pending": "Records not yet read",
    "n_since_2020": "Trials registered in 2020 or later, as far as dated",
    "n_countries": "Countries",
    "n_covid": "Trials on COVID-19",
    "n_dose_trials": "Trials that show a dose",
    "n_particle_trials": "Trials with particles per administration",
    "n_particle_nebulised": "of these nebulised",
    "n_particle_intravenous": "of these intravenous",
}
_LEADERS = ("countries", "countries_by_record", "phase_group", "msc_source")
_BY_YEAR = {
    "n_records": "records",
    "n_undated": "not placed, left out",
    "n_included": "included",
    "n_estimated": "of these day estimated",
    "n_unknown": "of these day only bounded",
    "n_nebulised": "nebulised",
    "n_intravenous": "intravenous",
    "n_local": "local",
    "n_route_other": "other or several routes",
    "n_route_not_reported": "no group of routes reported",
    "n_lung": "lung and airways",
    "n_dose_trials": "with a dose",
    "n_particle_trials": "particles per administration",
}


def numbers_by_day(by_date: pd.DataFrame, included: pd.DataFrame) -> pd.DataFrame:
    """The days of which something is known, with the counts of the page.

    Parameters
    ----------
    by_date, included
        As ``evlib.audit.by_search_date.rows_and_trials_at`` gives them, read as text.

    Returns
    -------
    pandas.DataFrame
        Table ``by_date``, its counts as numbers, with ``n_estimated`` and ``n_unknown``: the included trials whose day of registration
        is estimated, and those of which only bounds are known.
    """
    days = by_date.dropna(subset="n_included").reset_index(drop=True)
    counts = [name for name in days if name.startswith("n_")]
    days[counts] = days[counts].apply(pd.to_numeric).astype("Int64")
    basis = included.registered_basis.fillna("unknown")
    for name, value in (("n_estimated", "estimated"), ("n_unknown", "unknown")):
        days[name] = [int((basis[there] == value).sum()) for there in _there(included, days.search_date)]
    return days


def map_by_day(included: pd.DataFrame, days: pd.Series) -> pd.DataFrame:
    """How many trials of each disease area and group of routes are included by each day.

    Returns
    -------
    pandas.DataFrame
        ``search_date, disease_area, route_group, n``, without zeros; a field without a value is ``not reported``.
    """
    fields = ["disease_area", "route_group"]
    cells = included[fields].fillna(NOT_REPORTED)
    counts = [
        cells[there].value_counts().rename("n").reset_index().assign(search_date=day)
        for day, there in zip(days, _there(included, days), strict=True)
    ]
    columns = ["search_date", *fields, "n"]
    return pd.concat(counts)[columns] if counts else pd.DataFrame(columns=columns)


def content(results: Path, protocol: dict) -> tuple[str, dict[str, Any]]:
    """The content of the page and its data, from a run's tables ``by_date`` and ``included_by_date``.

    Without a script, the page shows the last day, and each year as a table.
    """
    included = read_csv(results / "included_by_date.csv")
    days = numbers_by_day(read_csv(results / "by_date.csv"), included)
    if days.empty:
        return "<p>The records are older than every search date.</p>", {"days": []}
    grid = map_by_day(included, days.search_date)
    rows, columns = (_axis(grid, protocol, field) for field in ("disease_area", "route_group"))
    data = {
        "days": days.search_date.tolist(),
        "marked": _marked(days.search_date, protocol),
        "numbers": {name: [None if pd.isna(n) else int(n) for n in days[name]] for name in _COUNTS if name in days},
        "leaders": {field: [_leader(row, field, protocol) for _, row in days.iterrows()] for field in _leaders(days)},
        "cells": _changes(grid, days.search_date, list(rows), list(columns)),
    }
    years = days[~days.search_date.str[:4].duplicated(keep="last") | days.search_date.isin(data["marked"])]
    shown = {name: label for name, label in _BY_YEAR.items() if name in years}
    by_year = years[["search_date", *shown]].rename(columns={"search_date": "search to", **shown})
    caption = f"The review at {several(len(by_year), 'search date')}, with today's text of the records"
    parts = [
        _controls(data),
        _numbers(data),
        _map(rows, columns, data),
        "<h2>Year by year, as a table</h2>",
        table(by_year, caption=caption).data,
    ]
    return f'<div class="look-up" id="through-time">{"".join(parts)}</div>', data


def _there(included: pd.DataFrame, days: pd.Series) -> list[pd.Series]:
    """For each day, which trials are included by it."""
    last = included.last_day.fillna("9999-12-31")
    return [(included.first_day <= day) & (day <= last) for day in days]


def _axis(grid: pd.DataFrame, protocol: dict, field: str) -> dict[str, str]:
    """The codes of an axis of the map that ever occur, with their labels: diseases by their greatest count, routes in the protocol's
    order, what is not reported last."""
    labels = code_labels(protocol, field) | {NOT_REPORTED: "Not reported"}
    if field == "route_group":
        codes = [code for code in labels if code in set(grid[field])]
    else:
        codes = list(
            grid.groupby([field, "search_date"]).n.sum().groupby(field).max().sort_values(ascending=False).index
        )
    codes = sorted(codes, key=lambda code: code == NOT_REPORTED)
    return {code: labels.get(code, code) for code in codes}


def _marked(days: pd.Series, protocol: dict) -> dict[str, str]:
    """Days that a button leads to: the search date of the paper, and the last."""
    marked = {protocol["replication_date"]: "search date of the paper"} if "replication_date" in protocol else {}
    return {day: words for day, words in marked.items() if day in set(days)} | {days.iloc[-1]: "last day of this book"}


def _leaders(days: pd.DataFrame) -> list[str]:
    return [field for field in _LEADERS if f"{field}_leader" in days]


def _leader(row: pd.Series, field: str, protocol: dict) -> str:
    if pd.isna(row[f"{field}_leader"]):
        return "–"
    labels = code_labels(protocol, field)
    names = " and ".join(labels.get(code, code) for code in split_multi(row[f"{field}_leader"]))
    return f"{names} ({row[f'{field}_leader_n']} of {row.n_included})"


def _changes(grid: pd.DataFrame, days: pd.Series, rows: list[str], columns: list[str]) -> list[list[Any]]:
    """Each cell of the map that is ever filled: its row, its column, and from which day on it has which count."""
    place, cells = {day: index for index, day in enumerate(days)}, []
    for (row, column), counts in grid.groupby(["disease_area", "route_group"]):
        by_day = pd.Series(counts.n.to_numpy(), counts.search_date.map(place)).reindex(range(len(days)), fill_value=0)
        changed = by_day[by_day.diff().fillna(by_day) != 0]
        steps = [[int(day), int(n)] for day, n in changed.items()]
        cells.append([rows.index(row), columns.index(column), steps])
    return cells


def _controls(data: dict[str, Any]) -> str:
    buttons = "".join(
        f'<button type="button" data-day="{html.escape(day)}">{html.escape(day)}, {html.escape(words)}</button>'
        for day, words in data["marked"].items()
    )
    last = len(data["days"]) - 1
    return (
        '<div class="controls" hidden><p><label for="search-date">Search to</label> '
        f'<output for="search-date" id="search-day" aria-live="off">{data["days"][-1]}</output></p>'
        f'<input type="range" id="search-date" min="0" max="{last}" step="1" value="{last}">'
        f'<p class="buttons"><button type="button" data-step="-1">Earlier</button><button type="button" data-step="1">Later</button>'
        f'{buttons}</p><p role="status" aria-live="polite" id="search-says"></p></div>'
    )


def _numbers(data: dict[str, Any]) -> str:
    """The numbers on the chosen day and on the last, which the page shows first."""
    last = data["days"][-1]
    counts = {name: "–" if values[-1] is None else values[-1] for name, values in data["numbers"].items()}
    facts = [(name, _COUNTS[name], n) for name, n in counts.items()]
    facts += [(field, f"Leading: {_plain(field)}", values[-1]) for field, values in data["leaders"].items()]
    rows = "".join(
        f'<tr><th scope="row">{html.escape(label)}</th><td data-number="{name}">{html.escape(str(value))}</td>'
        f"<td>{html.escape(str(value))}</td></tr>"
        for name, label, value in facts
    )
    return (
        '<h2>Headline numbers</h2><div class="scroll whole" tabindex="0" role="region" aria-label="Headline numbers">'
        '<table class="facts"><thead><tr><td></td><th scope="col">search to <span class="chosen-day">'
        f'{last}</span></th><th scope="col">search to {last}</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _plain(field: str) -> str:
    words = {"phase_group": "phase", "msc_source": "source of the cells"}
    words |= {
        "countries": "country, stated or inferred from the sponsor",
        "countries_by_record": "country, as records state it",
    }
    return words.get(field, in_words(field))


def _map(rows: dict[str, str], columns: dict[str, str], data: dict[str, Any]) -> str:
    """The map of diseases and routes on the last day, its cells marked so that the script finds them."""
    counts = {(row, column): steps[-1][1] for row, column, steps in data["cells"]}
    most = max((n for *_, steps in data["cells"] for _, n in steps), default=1)
    data["most"] = most
    head = "".join(f'<th scope="col">{html.escape(label)}</th>' for label in columns.values())
    body = ""
    for i, label in enumerate(rows.values()):
        cells = [counts.get((i, j), 0) for j in range(len(columns))]
        filled = "".join(
            f'<td data-cell="{i}-{j}" style="--share: {n / most:.2f}">{n or "·"}</td>' for j, n in enumerate(cells)
        )
        body += f'<tr><th scope="row">{html.escape(label)}</th>{filled}<td data-row="{i}">{sum(cells)}</td></tr>'
    totals = [sum(counts.get((i, j), 0) for i in range(len(rows))) for j in range(len(columns))]
    foot = "".join(f'<td data-column="{j}">{n}</td>' for j, n in enumerate(totals))
    return (
        '<h2>Map of the evidence: trials by disease and route</h2><p>Each trial counts once; search to <span class="chosen-day">'
        f'{data["days"][-1]}</span>. The darker, the more trials; <span aria-hidden="true">·</span> is none.</p>'
        '<div class="scroll whole" tabindex="0" role="region" aria-label="Trials by disease and route">'
        f'<table class="evidence-map"><thead><tr><th scope="col">Disease area</th>{head}<th scope="col">All</th></tr></thead>'
        f'<tbody>{body}</tbody><tfoot><tr><th scope="row">All</th>{foot}<td data-all>{sum(totals)}</td></tr></tfoot></table></div>'
    )
