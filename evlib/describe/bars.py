"""What bar charts of trials count and say: by year of registration, and by any one coded field. The chapter draws them."""

import pandas as pd

from evlib.base.figure import NOT_REPORTED, UNREAD, Figure, none_included
from evlib.base.theme import MISSING, PALETTE, STACKED
from evlib.base.words import joined, several
from evlib.describe import tally
from evlib.describe.coded_fields import value_counts
from evlib.describe.tally import as_label, highest


def trials_by_year(described: pd.DataFrame) -> Figure:
    """Trials by year of registration: included ones, and proposals not yet read.

    Examples
    --------
    >>> described = pd.DataFrame({"registered": pd.to_datetime(["2019-05-02", "2021-03-04", "2021-09-01"])})
    >>> counted = trials_by_year(described.assign(screening=["included", "included", "pending"]))
    >>> counted.data
    screening  year  included  pending
    0          2019         1        0
    1          2020         0        0
    2          2021         1        1
    >>> counted.title
    '1 of 2 trials with a date was registered in 2020 or later; 1 proposal not yet read, in orange'
    """
    dated = described.dropna(subset="registered").assign(year=lambda frame: frame.registered.dt.year)
    data = dated.groupby(["year", "screening"]).size().unstack(fill_value=0)
    data = data.reindex(columns=["included", "pending"], fill_value=0)
    years = range(data.index.min(), data.index.max() + 1) if len(data) else []
    data = data.reindex(years, fill_value=0)
    counts = data.included
    before, since = int(counts[counts.index < 2020].sum()), int(counts[counts.index >= 2020].sum())
    undated = int((described.registered.isna() & (described.screening == "included")).sum())
    title = f"{since} of {several(before + since, 'trial')} with a date {'was' if since == 1 else 'were'} registered in 2020 or later"
    title = title if before + since else "No included trial has a date"
    title += f"; the date of {several(undated, 'trial')} is not known" if undated else ""
    if before + since + undated == 0:
        late = int(data.pending[data.index >= 2020].sum())
        when = f"{late} of these registered in 2020 or later, {data.pending.sum() - late} before"
        title = none_included(described, proposed=f": {when}")
    title += _beside(int(data.pending.sum())) if counts.sum() else ""
    title = title if len(dated) else "No trial of this search has a registration date"
    return _counted(data, "trials_by_year", title, _unit(dated).replace("Trials", "Trials with a date"))


def trials_by(described: pd.DataFrame, field: str, *, noun: str, labels: dict[str, str] | None = None) -> Figure:
    """Trials by one coded field, the most frequent first and "not reported" last.

    Parameters
    ----------
    described
        Table ``described``.
    field, noun
        A coded column, and how the title calls it: "country", "cell source".
    labels
        What a reader sees for each code.

    Examples
    --------
    >>> described = pd.DataFrame({"countries": ["CN | JP", "CN", None], "screening": "included"})
    >>> counted = trials_by(described, "countries", noun="country", labels={"CN": "China", "JP": "Japan"})
    >>> counted.data
    screening     countries  included  pending
    0                 China         2        0
    1                 Japan         1        0
    2          Not reported         1        0
    >>> counted.title
    'Country: most often China (2 of 3 trials); not reported for 1'
    """
    name = f"trials_by_{field}"
    data = value_counts(described, field, by="screening").pivot(index=field, columns="screening", values="n")
    data = data.reindex(columns=["included", "pending"]).fillna(0).astype(int)
    order = data.reset_index().sort_values(["included", "pending", field], ascending=[False, False, True])[field]
    data = data.loc[
        [*(code for code in order if code != NOT_REPORTED), *([NOT_REPORTED] if NOT_REPORTED in data.index else [])]
    ]
    data = data.rename(
        index={code: as_label(label) for code, label in (labels or {}).items()} | {NOT_REPORTED: MISSING}
    )
    title = _leader_title(data.included, noun, int((described.screening == "included").sum()))
    if not data.included.sum():
        proposed = _leader_title(data.pending, noun, int((described.screening == "pending").sum()), of="proposed")
        title = none_included(described, proposed=f". {proposed}")
    title += tally.placed_by_sponsors(tally.included(described)) if field == "countries" else ""
    title += _beside(int((described.screening == "pending").sum())) if data.included.sum() else ""
    return _counted(data, name, title, _unit(described))


def stacked(data: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """The data of such a figure for ``seaborn.histplot``: a row ``n`` for each bar's part, and how parts are told apart.

    A part in which nothing is counted is left out, unless it is the first.

    Examples
    --------
    >>> data = pd.DataFrame({"phase": ["1", "2"], "included": [3, 5], "proposed": [0, 1], "unread": 0})
    >>> rows, parts = stacked(data)
    >>> rows.n.tolist(), parts["hue_order"]
    ([3, 5, 0, 1], ['proposed', 'included'])
    """
    rows = data.melt(id_vars=data.columns[0], var_name="trials", value_name="n")
    rows = rows[(rows.groupby("trials").n.transform("sum") > 0) | (rows.trials == data.columns[1])]
    parts = list(rows.trials.unique())
    colours = dict(zip(parts, PALETTE))
    return rows, STACKED | {"hue": "trials", "hue_order": parts[::-1], "palette": colours, "legend": len(parts) > 1}


def _counted(data: pd.DataFrame, name: str, title: str, unit: str) -> Figure:
    data = data if len(data) else data.reindex([MISSING], fill_value=0).rename_axis(data.index.name)
    listed = ", ".join(f"{label} {total}" for label, total in data.sum(axis=1).items()) or "none"
    alt = f"Bar chart. {title}. {unit}: {listed}."
    return Figure(None, name, title, alt, data.reset_index(), note=f"{unit}.")


def _beside(proposed: int) -> str:
    """What a title adds where bars also show proposals, so that it does not speak of included trials alone."""
    return f"; {several(proposed, 'proposal')} {UNREAD}, in orange" if proposed else ""


def _leader_title(counts: pd.Series, noun: str, n_trials: int, *, of: str = "included") -> str:
    """The finding of a bar chart: which code leads among the included trials, in how many of them, and how many state none."""
    stated = counts.drop(index=MISSING, errors="ignore")
    missing = int(counts.get(MISSING, 0))
    if not stated.sum():
        return f"No {of} trial reports its {noun}"
    leaders, n = joined(list(stated.index[stated == stated.max()])), highest(stated)
    title = f"{noun.capitalize()}: most often {leaders} ({n} of {several(n_trials, 'trial')})"
    return f"{title}; not reported for {missing}" if missing else title


def _unit(described: pd.DataFrame) -> str:
    pending = int((described.screening == "pending").sum())
    return f"Trials ({len(described) - pending} included" + (f", {pending} {UNREAD})" if pending else ")")
