"""The PRISMA 2020 flow diagrams: of a search, of an update, and ours beside the paper's."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import FancyBboxPatch

from evlib.base.figure import Figure, with_narrow
from evlib.base.point_layout import (
    INK,
    NARROW_FLOW,
    WIDTH,
    canvas,
    finished,
    plain,
    put_patch,
    put_text,
    right_edge,
    wrapped,
)
from evlib.base.schema import checked, columns
from evlib.base.words import several, thousands
from evlib.screen.prisma_flow import IDENTIFIED, SUBTRACTED, counts, flow_in_words, left_over, link_of, reasons

# All measures are in points.
_LINE, _PAD, _ITEM = 13.0, 5.0, 2.5
_BAR = (1.0, 15.0)  # left edge and width of the bars that name the stages
_LEFT, _RIGHT = (26.0, 164.0), (204.0, 155.0)  # the two columns of boxes
_GAP = 17.0
_ARROW = "#555555"
_STAGE, _HEADING, _BEFORE, _PREVIOUS = "#B9D3EE", "#FFD257", "#DCDCDC", "#F2F2F2"
_RESULT, _CONFLICT, _PALE_CONFLICT = "#EAF3FB", "#D55E00", "#FDEFE6"
_LONGEST_STAGE, _SHORTEST_STAGE = 92.0, 58.0  # what the bars need for their names
_PAPER_COLUMNS = {"paper": (128.0, 112.0), "ours": (247.0, 112.0)}
_UPDATE_LABELS = {
    "before": "Trials included in the previous version of the review",
    "removed": "No longer included",
    "after": "Total trials included in the review",
}
_Links = Mapping[str, str] | None
_Place = tuple[float, float, float, float]  # left edge, top, width and height


class _Line(NamedTuple):
    """A text in a box, the step of the flow that it counts, and whether it is bold."""

    text: str
    step: str | None = None
    bold: bool = False


def _counted(label: str, n: int, step: str, *, bold: bool = False) -> _Line:
    return _Line(f"{label} (n = {thousands(n)})", step, bold)


@with_narrow(NARROW_FLOW)
def flow_figure(flow: pd.DataFrame, *, links: _Links = None, span: float = WIDTH) -> Figure:
    """The flow diagram of a new review of registry records.

    Parameters
    ----------
    flow
        Table ``flow``.
    links
        The address that a click on a step opens, by step, as seen from the folder of figures
        (``../02_screen.html#records-duplicate``). Registries lead to ``identified``, else to ``identified_total``; the
        heading over the reasons to ``excluded``, else to the first of them.
    span
        How wide the drawing is, in points.

    Examples
    --------
    >>> from evlib.screen.prisma_flow import flow_table
    >>> n = {"identified_total": 9, "duplicates": 1, "screened": 8, "excluded_title": 3, "assessed": 5, "included": 5}
    >>> figure = flow_figure(flow_table(n, [("ChiCTR", 9)], protocol={"criteria": {}}))
    >>> figure.title
    '5 trials remain of 9 records; 0 not yet read'
    >>> plt.close(figure.drawing)
    """
    n = counts(flow)
    title = (
        f"{several(n.included, 'trial remains', 'trials remain')} of {several(n.identified_total, 'record')}; "
        f"{n.pending} not yet read"
    )
    axes, top = canvas(title, span)
    top = _heading(axes, top, "Identification of studies via registries", _HEADING)
    top = _identified_and_screened(axes, top, flow, links)
    included = _counted(flow.set_index("step").label["included"], n.included, "included", bold=True)
    bottom, _ = _included(axes, top, [included], links)
    alt = f"PRISMA 2020 flow diagram. {flow_in_words(flow)}."
    return Figure(finished(axes, bottom), "prisma", title, alt, checked(flow, "flow"))


@with_narrow(NARROW_FLOW)
def update_figure(
    flow_of_new: pd.DataFrame, *, before: int, removed: int, after: int, links: _Links = None, span: float = WIDTH
) -> Figure:
    """The flow diagram of an updated review (the PRISMA 2020 template for updates, registers only).

    Parameters
    ----------
    flow_of_new
        Table ``flow``, of the records that are new since the previous version.
    before, removed, after
        Trials of the previous version; those of them that are no longer included; trials of this version. ValueError
        where before + new - removed is not after, or more are removed than there were.
    links, span
        As in ``flow_figure``; the further boxes are ``before``, ``removed`` and ``after``.

    Examples
    --------
    >>> from evlib.screen.prisma_flow import flow_table
    >>> n = {"identified_total": 9, "duplicates": 1, "screened": 8, "excluded_title": 3, "assessed": 5, "included": 5}
    >>> new = flow_table(n, [("ChiCTR", 9)], protocol={"criteria": {}})
    >>> figure = update_figure(new, before=60, removed=1, after=64)
    >>> figure.title
    '64 trials now: 60 before, 5 new, 1 no longer included'
    >>> plt.close(figure.drawing)
    """
    n = counts(flow_of_new)
    new = int(n.included)
    if not 0 <= removed <= before:
        raise ValueError(f"{removed} trials cannot be removed from {before}.")
    if (expected := before + new - removed) != after:
        raise ValueError(f"{before} trials before + {new} new - {removed} removed = {expected}, not {after}.")
    title = (
        f"{several(after, 'trial')} now: {thousands(before)} before, {thousands(new)} new, "
        f"{thousands(removed)} no longer included"
    )
    axes, top = canvas(title, span)
    top = _heading(axes, top, "Previous studies", _BEFORE)
    previous = [_counted(_UPDATE_LABELS["before"], before, "before")]
    gone = [_counted(_UPDATE_LABELS["removed"], removed, "removed")]
    *ends, previous_middle = _pair(axes, top, previous, gone, links, fill=_PREVIOUS)
    top = _heading(axes, max(ends) + _GAP, "Identification of new studies via registries", _HEADING)
    top = _identified_and_screened(axes, top, flow_of_new, links)
    added = _counted("New trials included", new, "included", bold=True)
    now = _counted(_UPDATE_LABELS["after"], after, "after", bold=True)
    bottom, middle = _included(axes, top, [added, now], links)
    lane = (_BAR[0] + _BAR[1] + _left(axes)[0]) / 2
    axes.plot(
        [_left(axes)[0], lane, lane], [previous_middle, previous_middle, middle], color=_ARROW, lw=1, clip_on=False
    )
    _arrow(axes, (lane, middle), (_left(axes)[0], middle))
    further = [(step, _UPDATE_LABELS[step], n) for step, n in zip(_UPDATE_LABELS, (before, removed, after))]
    data = pd.concat([flow_of_new, pd.DataFrame(further, columns=columns("flow"))])
    alt = f"PRISMA 2020 flow diagram of an updated review. {flow_in_words(data)}."
    return Figure(finished(axes, bottom), "prisma_update", title, alt, checked(data, "flow"))


@with_narrow(NARROW_FLOW)
def paper_figure(beside: pd.DataFrame, flow: pd.DataFrame, *, links: _Links = None, span: float = WIDTH) -> Figure:
    """The paper's flow beside ours: how many records the steps leave, and how many are assessed.

    Parameters
    ----------
    beside
        ``step, label, paper, ours, quote``, as ``evlib.audit.claims.flow_beside_paper`` returns it.
    flow
        Table ``flow``, for the steps that the paper does not have.
    links
        As in ``flow_figure``, for our column.
    span
        How wide the drawing is, in points.

    Examples
    --------
    >>> from evlib.screen.prisma_flow import flow_table
    >>> n = {"identified_total": 9, "duplicates": 1, "screened": 8, "excluded_title": 3, "assessed": 5, "included": 5}
    >>> flow = flow_table(n, [("ChiCTR", 9)], protocol={"criteria": {}})
    >>> steps = ["identified_total", "duplicates", "excluded_title", "assessed", "included"]
    >>> figure = paper_figure(pd.DataFrame({"step": steps, "paper": [10, 2, 3, 4, 4]}), flow)
    >>> figure.title
    "The paper's steps leave 5, it evaluates 4; ours add up"
    >>> plt.close(figure.drawing)
    """
    steps = ["identified_total", "duplicates", "pending", "excluded_title", "assessed", "included"]
    paper, ours = beside.set_index("step").paper.reindex(steps), counts(flow)[steps]
    by_step = pd.DataFrame({"label": flow.set_index("step").label[steps], "paper": paper, "ours": ours})
    left = {who: left_over(by_step[who]) for who in ("paper", "ours")}
    by_step.loc["left"] = {"label": "These steps leave", **left}
    by_step = by_step.astype({"paper": "Int64", "ours": "Int64"}).loc[[*steps[:4], "left", *steps[4:]]]
    data = by_step.rename_axis("step").reset_index()
    differs = {who: bool(by_step[who].assessed != left[who]) for who in left}
    title = _paper_title(by_step, differs)
    axes, top = canvas(title, span)
    bottom = _beside(axes, top, data, differs, links)
    numbers = "; ".join(
        f"{row.label}: {'not stated' if pd.isna(row.paper) else thousands(row.paper)} and {thousands(row.ours)}"
        for row in data.itertuples()
    )
    alt = f"Two flows side by side, the paper's and ours. {title}. Paper and ours: {plain(numbers)}."
    return Figure(finished(axes, bottom), "prisma_beside_paper", title, alt, data)


def _paper_title(by_step: pd.DataFrame, differs: dict[str, bool]) -> str:
    theirs, ours = by_step.paper, by_step.ours
    finding = f"The paper's steps add up to the {thousands(theirs.assessed)} it evaluates"
    if differs["paper"]:
        finding = f"The paper's steps leave {thousands(theirs.left)}, it evaluates {thousands(theirs.assessed)}"
    gap = f"; ours leave {thousands(ours.left)}, not {thousands(ours.assessed)}"
    return finding + (gap if differs["ours"] else "; ours add up")


def _left(axes: plt.Axes) -> tuple[float, float]:
    return _in_width(axes, _LEFT)


def _right(axes: plt.Axes) -> tuple[float, float]:
    return _in_width(axes, _RIGHT)


def _in_width(axes: plt.Axes, place: tuple[float, float]) -> tuple[float, float]:
    """A left edge and a width, given for the width of most figures, on a canvas of another."""
    scale = right_edge(axes) / WIDTH
    return place[0] * scale, place[1] * scale


def _frame(axes: plt.Axes, place: _Place, fill: str, style: str = "round,pad=0,rounding_size=5", **look: Any) -> None:
    x, y, width, height = place
    look = {"edgecolor": fill, "lw": 0.9} | look
    put_patch(axes, FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=fill, clip_on=False, **look))


def _laid(lines: list[_Line], width: float) -> list[tuple[float, _Line]]:
    """The lines as they fit into a box, each with how far below the first one it stands."""
    laid, down = [], 0.0
    for line in lines:
        for text in wrapped(line.text, width - 2 * _PAD, bold=line.bold):
            laid.append((down, line._replace(text=text)))
            down += _LINE
        down += _ITEM
    return laid


def _height(lines: list[_Line], width: float) -> float:
    return _LINE * len(_laid(lines, width)) + _ITEM * (len(lines) - 1) + 2 * _PAD


def _box(
    axes: plt.Axes, place: _Place, lines: list[_Line], links: _Links, *, fill: str = "white", edge: str = INK
) -> None:
    """A box with its lines: one centred, several from the left. It leads where its first step with a link does."""
    x, y, width, height = place
    url = link_of(links, (line.step for line in lines))
    _frame(axes, place, fill, "square,pad=0", edgecolor=edge, lw=0.9 if edge == INK else 2.4, url=url)
    ha, start = ("center", x + width / 2) if len(lines) == 1 else ("left", x + _PAD)
    first = y + (height - _height(lines, width)) / 2 + _PAD + _LINE / 2
    for down, line in _laid(lines, width):
        way = link_of(links, [line.step]) or url
        put_text(axes, (start, first + down), line.text, bold=line.bold, ha=ha, url=way)


def _pair(
    axes: plt.Axes, top: float, left: list[_Line], right: list[_Line], links: _Links, fill: str = "white"
) -> tuple[float, float, float]:
    """A box, and beside it that of the records that leave there; returns the lower edges of both and the arrow's height."""
    heights = [_height(left, _left(axes)[1]), _height(right, _right(axes)[1])]
    if max(heights) < min(heights) + 3 * _LINE:
        heights = [max(heights)] * 2
    middle = top + min(heights) / 2
    _box(axes, (_left(axes)[0], top, _left(axes)[1], heights[0]), left, links, fill=fill)
    _box(axes, (_right(axes)[0], top, _right(axes)[1], heights[1]), right, links, fill=fill)
    _arrow(axes, (sum(_left(axes)), middle), (_right(axes)[0], middle))
    return top + heights[0], top + heights[1], middle


def _arrow(axes: plt.Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": _ARROW, "lw": 1, "mutation_scale": 8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


def _heading(axes: plt.Axes, top: float, text: str, fill: str) -> float:
    """A band over both columns; returns where the boxes below begin."""
    width = sum(_right(axes)) - _left(axes)[0]
    lines = wrapped(text, width - 2 * _PAD, bold=True)
    height = _LINE * len(lines) + 8
    _frame(axes, (_left(axes)[0], top, width, height), fill)
    for i, line in enumerate(lines):
        put_text(axes, (_left(axes)[0] + width / 2, top + 4 + _LINE * (i + 0.5)), line, bold=True)
    return top + height + 9


def _bar(axes: plt.Axes, top: float, bottom: float, name: str) -> None:
    """The bar beside a stage, with its name from bottom to top."""
    x, width = _BAR
    _frame(axes, (x, top, width, bottom - top), _STAGE)
    put_text(axes, (x + width / 2, (top + bottom) / 2), name, bold=True, rotation=90)


def _identified_and_screened(axes: plt.Axes, top: float, flow: pd.DataFrame, links: _Links) -> float:
    """The stages up to the arrow towards the included trials; returns where that arrow ends."""

    def line(step: str, *, bold: bool = False) -> _Line:
        return _counted(labels[step], n[step], step, bold=bold)

    n, labels, trunk = counts(flow), flow.set_index("step").label, _left(axes)[0] + _left(axes)[1] / 2
    registries = [
        _counted(row.label.removeprefix(IDENTIFIED), row.n, "identified")
        for row in flow[flow.step == "identified"].itertuples()
    ]
    removed = [_Line("Removed before screening:", bold=True), line("duplicates"), line("pending")]
    identified = [line("identified_total", bold=True), *registries]
    identified_end, removed_end, _ = _pair(axes, top, identified, removed, links)
    bottom = max(identified_end, removed_end, top + _LONGEST_STAGE)
    _bar(axes, top, bottom, "Identification")

    screened_top = bottom + _GAP
    _arrow(axes, (trunk, identified_end), (trunk, screened_top))
    screened_end, left_end, _ = _pair(axes, screened_top, [line("screened")], [line("excluded_title")], links)
    top = max(screened_end, left_end) + _GAP
    _arrow(axes, (trunk, screened_end), (trunk, top))
    by_reason, total = [_counted(*reason) for reason in reasons(flow)], sum(n for _, n, _ in reasons(flow))
    excluded = [_counted("Records excluded", total, "excluded", bold=True), *by_reason]
    assessed_end, excluded_end, _ = _pair(axes, top, [line("assessed")], excluded, links)
    unclear, top = [line("unclear")], max(assessed_end, excluded_end) + _GAP / 2
    bottom = top + _height(unclear, _right(axes)[1])
    _box(axes, (_right(axes)[0], top, _right(axes)[1], bottom - top), unclear, links)
    _arrow(axes, (trunk, (top + bottom) / 2), (_right(axes)[0], (top + bottom) / 2))
    _bar(axes, screened_top, bottom, "Screening")
    _arrow(axes, (trunk, assessed_end), (trunk, bottom + _GAP))
    return bottom + _GAP


def _included(axes: plt.Axes, top: float, lines: list[_Line], links: _Links) -> tuple[float, float]:
    """Boxes below each other, each leading to the next; returns where they end, and the middle of the last one."""
    trunk, bottom = _left(axes)[0] + _left(axes)[1] / 2, top - _GAP
    for line in lines:
        if bottom > top:
            _arrow(axes, (trunk, bottom), (trunk, bottom + _GAP))
        upper, height = bottom + _GAP, max(_height([line], _left(axes)[1]), _SHORTEST_STAGE / len(lines))
        _box(axes, (_left(axes)[0], upper, _left(axes)[1], height), [line], links, fill=_RESULT)
        bottom = upper + height
    _bar(axes, top, bottom, "Included")
    return bottom, bottom - height / 2


def _beside(axes: plt.Axes, top: float, data: pd.DataFrame, differs: dict[str, bool], links: _Links) -> float:
    """Two columns of numbers with the names of the steps to their left; returns where they end."""
    places = {who: _in_width(axes, place) for who, place in _PAPER_COLUMNS.items()}
    for who, text in (("paper", "The paper"), ("ours", "This review")):
        x, width = places[who]
        _frame(axes, (x, top, width, _LINE + 8), _HEADING if who == "ours" else _BEFORE, edgecolor="none")
        put_text(axes, (x + width / 2, top + 4 + _LINE / 2), text, bold=True)
    top += _LINE + 17
    by_step, ends = data.set_index("step"), dict.fromkeys(places, top)
    for row in data.itertuples():
        boxed = row.step not in SUBTRACTED
        cells = {who: _cell(by_step, row.step, who, differs[who]) for who in places}
        label = wrapped(row.label, places["paper"][0] - 8, bold=boxed)
        heights = [_height([cell], places[who][1]) for who, cell in cells.items()]
        height = max(_LINE * len(label), *heights)
        for i, text in enumerate(label):
            place = (1, top + height / 2 + _LINE * (i - (len(label) - 1) / 2))
            put_text(axes, place, text, bold=boxed, ha="left")
        for who, cell in cells.items():
            x, width = places[who]
            own = links if who == "ours" else None
            stem = x + 18
            if not boxed:
                put_text(axes, (stem + 8, top + height / 2), cell.text, ha="left", url=link_of(own, [cell.step]))
                continue
            conflict = differs[who] and row.step == "assessed"
            fill = _PALE_CONFLICT if conflict else _RESULT if row.step == "included" else "white"
            _box(axes, (x, top, width, height), [cell], own, fill=fill, edge=_CONFLICT if conflict else INK)
            if ends[who] < top:
                _arrow(axes, (stem, ends[who]), (stem, top))
            ends[who] = top + height
        top += height + (_GAP if boxed and row.step != "identified_total" else 4)
    return max(ends.values())


def _cell(by_step: pd.DataFrame, step: str, who: str, differs: bool) -> _Line:
    n = by_step[who]
    if pd.isna(n[step]):
        return _Line("not stated", step)
    if step in SUBTRACTED or step == "left":
        return _Line(f"{'=' if step == 'left' else '−'} {thousands(n[step])}", step)
    unequal = f" ≠ {thousands(n.left)}" if step == "assessed" and differs else ""
    return _Line(thousands(n[step]) + unequal, step, bold=True)
