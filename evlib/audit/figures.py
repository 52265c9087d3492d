"""The figures of the audit: claims by verdict, and what was known by each search date."""

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import Rectangle

from evlib.audit.checks import NOT_CHECKABLE, ORDER, VERDICTS, by_section, findings_by_verdict
from evlib.base.figure import INCLUDED, PENDING, STYLE, WIDTH_INCHES, Figure, nothing
from evlib.base.point_layout import GREY, INK, WIDTH, canvas, finished, put_patch, put_text
from evlib.base.words import several


def field_by_date(table: pd.DataFrame) -> Figure:
    """Records found, trials included and records that await a decision, search date by search date.

    Parameters
    ----------
    table
        As ``evlib.audit.by_search_date.rows_at`` gives it, in the order of days. Days of which nothing is known (without
        counts) are left out.

    Examples
    --------
    >>> days = ["2021-12-31", "2022-12-31", "2023-12-31"]
    >>> counts = {"n_records": [40, 70, 90], "n_included": [8, 15, 20], "n_pending": 0, "n_undated": 1}
    >>> figure = field_by_date(pd.DataFrame({"search_date": days, **counts}))
    >>> print(figure.title.replace(", ", ",\\n"))
    At least half of the 20 trials included on 2023-12-31 could be included by 2022-12-31,
    when 70 of its 90 records were registered
    >>> [text.get_text() for text in figure.drawing.legends[0].get_texts()]
    ['records found', 'trials included']
    >>> plt.close(figure.drawing)
    """
    table = table.dropna(subset="n_records")
    if table.empty:
        return nothing("field_by_date", "The records are older than every search date")
    last = table.iloc[-1]
    half = table[(table.n_included >= last.n_included / 2).to_numpy(dtype=bool)].iloc[0]
    title = (
        f"At least half of the {several(last.n_included, 'trial')} included on {last.search_date} could be included by {half.search_date}, when "
        f"{half.n_records} of its {last.n_records} records were registered"
    )
    styles = {
        "n_records": ("records found", INK, "--"),
        "n_pending": ("not yet read", PENDING, ":"),
        "n_included": ("trials included", INCLUDED, "-"),
    }
    shown = {name: style for name, style in styles.items() if table[name].any()}
    days = pd.to_datetime(table.search_date)
    with matplotlib.rc_context(STYLE):
        drawing, axes = plt.subplots(figsize=(WIDTH_INCHES, 3.4), layout="constrained")
        for name, (words, colour, line) in shown.items():
            axes.step(days, table[name].astype("float64"), line, where="post", color=colour, lw=2, label=words)
            end = (days.iloc[-1], last[name])
            axes.annotate(str(last[name]), end, xytext=(4, 0), textcoords="offset points", va="center")
        axes.set(xlabel=f"Last day of the search ({len(table)} dates)", ylabel="Records or trials (n)", ylim=(0, None))
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.figure.legend(frameon=False, fontsize=9, ncols=3, loc="outside lower left")
    years = table[~days.dt.year.duplicated(keep="last")]
    listed = ", ".join(f"{row.search_date} {row.n_records} and {row.n_included}" for row in years.itertuples())
    alt = f"Step plot by last day of the search. {title}. Records found and trials included: {listed}."
    data = table[["search_date", "n_undated", *styles]]
    return Figure(drawing, "field_by_date", title, alt, data)


_SIZE, _SMALL, _ROW, _LEFT, _LAST = 9.0, 8.0, 14.0, 66.0, 54.0  # points
_BLUES, _ORANGES, _GREYS = ("#DEEBF7", "#9ECAE9"), ("#FCE8C5", "#F6C566"), ("#EEEEEE", "#CFCFCF")
_GROUPS = {"internal": "Within the paper", "recomputation": "Our tables", "source": "Sources"}


def audit_figure(table: pd.DataFrame) -> Figure:
    """The audit at a glance: how many claims of each section have which verdict in the table of ``claim_verdicts``.

    Examples
    --------
    >>> table = pd.DataFrame({"section": ["3.1", "3.2", "3.2"], "finding": ["sum", "share", "first"]})
    >>> table["verdict"] = ["inconsistent", "consistent", "reproduced"]
    >>> figure = audit_figure(table)
    >>> print(figure.title.replace(": ", ":\\n"))
    3 claims of the paper make 3 distinct findings:
    1 of 2 checked within the paper do not fit; sources disagree with 0 of 0, our counts differ from 0 of 1
    >>> figure.data.set_index("section")["consistent"].to_dict()
    {'3.1': 0, '3.2': 1}
    >>> plt.close(figure.drawing)
    """
    counts = by_section(table)
    title = _title(table)
    axes, top = canvas(title)
    places = _heads(axes, top)
    top += 3.2 * _ROW
    most = max(int(counts.to_numpy().max()) if len(counts) else 0, 1)
    for section, row in counts.iterrows():
        name = f"Section {section}" if section[:1].isdigit() else section
        put_text(axes, (_LEFT - 6, top + _ROW / 2), name, size=_SIZE, ha="right")
        for verdict, n in row.items():
            _number(axes, places[verdict], top, n, verdict, most)
        top += _ROW
    axes.plot([0, WIDTH], [top + 3, top + 3], color=INK, lw=0.8)
    top += 6
    for name, totals in ((f"All ({len(table)})", counts.sum()), ("Findings", findings_by_verdict(table))):
        put_text(axes, (_LEFT - 6, top + _ROW / 2), name, size=_SIZE, bold=True, ha="right")
        for verdict, n in totals.items():
            put_text(axes, (sum(places[verdict]) / 2, top + _ROW / 2), str(n), size=_SIZE, bold=True)
        top += _ROW
    rows = {name: ", ".join(f"{verdict} {n}" for verdict, n in row.items() if n) for name, row in counts.iterrows()}
    listed = "; ".join(f"{name} {words}" for name, words in rows.items()) or "No claims"
    alt = (
        f"Table of numbers, a row for each section of the paper, a column for each verdict (n = {len(table)} claims), below them "
        f"distinct findings (n = {table.finding.nunique()}; one that was checked in two ways stands in two columns). "
    )
    alt += f"{title}. {listed}."
    return Figure(finished(axes, top + 2), "audit", title, alt, counts.reset_index())


def _title(table: pd.DataFrame) -> str:
    if table.empty:
        return "No claim of the paper was audited"
    n = findings_by_verdict(table)
    inside, ours, sources = ((n[right] + n[wrong], n[wrong]) for right, wrong in VERDICTS.values())
    return (
        f"{len(table)} claims of the paper make {several(table.finding.nunique(), 'distinct finding')}: {inside[1]} of {inside[0]} "
        f"checked within the paper do not fit; sources disagree with {sources[1]} of {sources[0]}, our counts differ from "
        f"{ours[1]} of {ours[0]}"
    )


def _heads(axes: plt.Axes, top: float) -> dict[str, tuple[float, float]]:
    """Draw the column heads; returns the left and right edge of each verdict's column, in points."""
    width = (WIDTH - _LEFT - _LAST) / 6
    places = {verdict: (_LEFT + i * width, _LEFT + (i + 1) * width) for i, verdict in enumerate(ORDER[:-1])}
    places[NOT_CHECKABLE] = (WIDTH - _LAST, WIDTH)
    for kind, (right, wrong) in VERDICTS.items():
        left, end = places[right][0], places[wrong][1]
        put_text(axes, ((left + end) / 2, top + _ROW / 2), _GROUPS[kind], size=_SMALL, bold=True)
        axes.plot([left + 3, end - 3], [top + _ROW + 1] * 2, color=INK, lw=0.8)
        for verdict, word in ((right, "agree"), (wrong, "do not")):
            put_text(axes, (sum(places[verdict]) / 2, top + 1.7 * _ROW), word, size=_SMALL)
    for line, word in enumerate(NOT_CHECKABLE.split()):
        put_text(axes, (sum(places[NOT_CHECKABLE]) / 2, top + (0.9 + 0.8 * line) * _ROW), word, size=_SMALL)
    put_text(axes, (0, top + 2.6 * _ROW), "Claims (n)", size=_SMALL, ha="left")
    return places


def _number(axes: plt.Axes, place: tuple[float, float], top: float, n: int, verdict: str, most: int) -> None:
    """Draw one cell: darker for more claims, with a hatched edge where paper and check do not agree."""
    middle = sum(place) / 2
    if not n:
        put_text(axes, (middle, top + _ROW / 2), "–", size=_SMALL, colour=GREY)
        return
    wrong = verdict in [pair[1] for pair in VERDICTS.values()]
    tints = _GREYS if verdict == NOT_CHECKABLE else _ORANGES if wrong else _BLUES
    box = {"facecolor": tints[n > most / 3], "edgecolor": "white", "lw": 1}
    put_patch(axes, Rectangle((place[0], top), place[1] - place[0], _ROW, **box))
    if wrong:
        stripe = {"facecolor": "none", "edgecolor": INK, "hatch": "////", "lw": 0}
        put_patch(axes, Rectangle((place[0] + 1, top + 1), 6, _ROW - 2, **stripe))
    put_text(axes, (middle, top + _ROW / 2), str(n), size=_SIZE)
