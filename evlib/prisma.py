"""The PRISMA 2020 flow (doi 10.1136/bmj.n71): its diagrams, whether it adds up, and the PRISMA2020 package's CSV."""

import decimal
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import FancyBboxPatch

from evlib.canvas import INK as _INK
from evlib.canvas import canvas as _canvas
from evlib.canvas import finished as _finished
from evlib.canvas import plain as _plain
from evlib.canvas import put_patch as _patch
from evlib.canvas import put_text as _text
from evlib.canvas import wrapped as _wrapped
from evlib.errors import InputError
from evlib.figures import Figure
from evlib.schema import checked, columns, read_csv, unguarded
from evlib.screen import prisma_flow
from evlib.tables import ALL_RECORDS, anchor

_RECORDS_PAGE = "../02_screen.html"  # as seen from the folder of figures
INCLUDED_RECORDS = f"{_RECORDS_PAGE}#{anchor('included')}"

# All measures are in points.
_LINE, _PAD, _ITEM = 13.0, 5.0, 2.5
_BAR = (1.0, 15.0)  # left edge and width of the bars that name the stages
_LEFT, _RIGHT = (26.0, 164.0), (204.0, 155.0)  # the two columns of boxes
_GAP = 17.0
_ARROW = "#555555"
_STAGE, _HEADING, _BEFORE, _PREVIOUS = "#B9D3EE", "#FFD257", "#DCDCDC", "#F2F2F2"
_RESULT, _CONFLICT, _PALE_CONFLICT = "#EAF3FB", "#D55E00", "#FDEFE6"
_LONGEST_STAGE, _SHORTEST_STAGE = 92.0, 58.0  # what the bars need for their names
_PAPER_LABELS, _PAPER_COLUMNS = 126.0, {"paper": (128.0, 112.0), "ours": (247.0, 112.0)}
_SUBTRACTED = ("duplicates", "pending", "excluded_title")
_TOO_MANY = 10**15
_FLOW = columns("flow")
_STEPS = ("identified_total", "duplicates", "pending", "screened", "excluded_title", "assessed", "unclear", "included")
_IDENTIFIED = "Records identified: "
_UPDATE_LABELS = {
    "before": "Trials included in the previous version of the review",
    "removed": "No longer included",
    "after": "Total trials included in the review",
}

_PRISMA2020 = ["data", "node", "box", "description", "boxtext", "tooltips", "url", "n"]
# The rows of the package's template: data, node, box, description and boxtext. Keys, order and nodes are the package's.
_TEMPLATE = (
    (None, "node4", "prevstud", "Previous studies", "Previous studies"),
    ("previous_studies", "node5", "box1", "Trials included in the previous version of the review", "Trials included in previous version of review"),
    ("previous_reports", None, "box1", "Reports of trials: registry records have none", "Reports are not counted"),
    (None, "node6", "newstud", "Identification of studies via registers", "Identification of new studies via registers"),
    ("database_results", "node7", "box2", "Records identified from registers; no databases were searched", "Databases"),
    ("database_specific_results", None, "box2", "Records identified by database", "Specific databases"),
    ("register_results", None, "box2", "Records identified from registers", "Registers"),
    ("register_specific_results", None, "box2", "Records identified by register", "Specific registers"),
    (None, "node16", "othstud", "Identification of studies via other methods: not done", "Identification via other methods"),
    ("website_results", "node17", "box11", "Records identified from other sources: not searched", "Websites"),
    ("organisation_results", None, "box11", "Records identified from organisations: not searched", "Organisations"),
    ("citations_results", None, "box11", "Records identified by citation searching: not done", "Citation searching"),
    ("duplicates", "node8", "box3", "Duplicate records and records that await a decision", "Duplicate records"),
    ("excluded_automatic", None, "box3", "Records excluded by rules alone: none", "Records excluded by automation tools"),
    ("excluded_other", None, "box3", "Records that nobody has decided on", "Records awaiting a decision"),
    ("records_screened", "node9", "box4", "Records screened by title", "Records screened by title"),
    ("records_excluded", "node10", "box5", "Records excluded by title", "Records excluded by title"),
    ("dbr_sought_reports", "node11", "box6", "Records looked up: a registry record has no report to retrieve", "Registry records looked up"),
    ("dbr_notretrieved_reports", "node12", "box7", "Records that could not be looked up", "Registry records not found"),
    ("other_sought_reports", "node18", "box12", "Reports sought (other methods): none", "Reports sought for retrieval"),
    ("other_notretrieved_reports", "node19", "box13", "Reports not retrieved (other methods): none", "Reports not retrieved"),
    ("dbr_assessed", "node13", "box8", "Records assessed for eligibility", "Records assessed for eligibility"),
    ("dbr_excluded", "node14", "box9", "Records not included by reason and records that are unclear", "Records not included"),
    ("other_assessed", "node20", "box14", "Reports assessed (other methods): none", "Reports assessed for eligibility"),
    ("other_excluded", "node21", "box15", "Reports excluded (other methods): none", "Reports excluded"),
    ("new_studies", "node15", "box10", "Trials included in the review", "Trials included in review"),
    ("new_reports", None, "box10", "Reports of included trials: not counted", "Reports are not counted"),
    ("total_studies", "node22", "box16", "Total trials included in the review", "Total trials included in review"),
    ("total_reports", None, "box16", "Reports of all included trials: not counted", "Reports are not counted"),
    ("identification", "node1", "identification", "Stage: identification", "Identification"),
    ("screening", "node2", "screening", "Stage: screening", "Screening"),
    ("included", "node3", "included", "Stage: included", "Included"),
)  # fmt: skip
_BOX_STEPS = {
    "box1": ("before",),
    "box2": ("identified_total", "identified"),
    "box3": ("duplicates", "pending"),
    "box4": ("screened",),
    "box5": ("excluded_title",),
    "box8": ("assessed",),
    "box10": ("included",),
    "box16": ("after",),
}
_PLAIN_STEPS = {
    "duplicates": "duplicates",
    "excluded_other": "pending",
    "records_screened": "screened",
    "records_excluded": "excluded_title",
    "dbr_assessed": "assessed",
    "new_studies": "included",
}
_WITHOUT_STEP = (
    "website_results",
    "organisation_results",
    "citations_results",
    "excluded_automatic",
    "dbr_notretrieved_reports",
    "other_sought_reports",
    "other_notretrieved_reports",
    "other_assessed",
    "other_excluded",
)
_UNFILLED = "xxx"  # what the package's template holds in place of a number


class _Line(NamedTuple):
    """A text in a box, the step of the flow that it counts, and how it is set."""

    text: str
    step: str | None = None
    bold: bool = False


def adds_up(flow: pd.DataFrame) -> list[str]:
    """What does not add up in table ``flow``, one sentence each; empty where all does."""
    n = _counts(flow)
    reasons = int(n[_reason_steps(flow)].sum())
    sums = [
        ("identified by registry", "Records identified", n["identified"], n.identified_total),
        (
            "duplicates, awaiting a decision and screened",
            "Records identified",
            n.duplicates + n.pending + n.screened,
            n.identified_total,
        ),
        ("excluded by title and assessed", "Records screened", n.excluded_title + n.assessed, n.screened),
        (
            "excluded by criterion, unclear and included",
            "Records assessed",
            reasons + n.unclear + n.included,
            n.assessed,
        ),
    ]
    return [
        f"{whole} are {_count(total)}, but {parts} add up to {_count(added)}."
        for parts, whole, added, total in sums
        if added != total
    ]


def record_links(flow: pd.DataFrame) -> dict[str, str]:
    """For each step of table ``flow`` the place in the second chapter that lists its records, for figures' ``links``."""
    outcomes = {
        "duplicates": "duplicate",
        "pending": "pending",
        "excluded_title": "excluded at title",
        "excluded": "excluded at eligibility",
        "unclear": "unclear",
        "included": "included",
    }
    outcomes |= dict.fromkeys(_reason_steps(flow), "excluded at eligibility")
    places = {step: f"{_RECORDS_PAGE}#{anchor(outcome)}" for step, outcome in outcomes.items()}
    whole = ("identified", "identified_total", "screened", "assessed")
    return places | dict.fromkeys(whole, f"{_RECORDS_PAGE}#{ALL_RECORDS}")


def flow_figure(flow: pd.DataFrame, *, links: Mapping[str, str] | None = None, title_prefix: str = "") -> Figure:
    """The flow diagram of a new review of registry records.

    Parameters
    ----------
    flow
        Table ``flow``.
    links
        Where a step leads to when it is clicked, by step: an address as seen from the folder of figures
        (``../02_screen.html#records-duplicate``). Registries lead to ``identified``, else to ``identified_total``; the
        heading over the reasons to ``excluded``, else to the first of them.
    title_prefix
        What to put before the finding.
    """
    n = _counts(flow)
    title = (
        f"{title_prefix}{_several(n.included, 'trial remains', 'trials remain')} of "
        f"{_several(n.identified_total, 'record', 'records')}; {_several(n.pending, 'awaits', 'await')} a decision"
    )
    axes, top = _canvas(title)
    top = _heading(axes, top, "Identification of studies via registries", _HEADING)
    top = _identified_and_screened(axes, top, flow, links)
    included = _Line(f"{_label(flow, 'included')} (n = {_count(n.included)})", "included", bold=True)
    bottom, _ = _included(axes, top, [included], links)
    return Figure(
        _finished(axes, bottom), "prisma", title, f"PRISMA 2020 flow diagram. {_in_words(flow)}.", checked(flow, "flow")
    )


def update_figure(
    flow_of_new: pd.DataFrame,
    *,
    before: int,
    removed: int,
    after: int,
    links: Mapping[str, str] | None = None,
    title_prefix: str = "",
) -> Figure:
    """The flow diagram of an updated review (the PRISMA 2020 template for updates, registers only).

    Parameters
    ----------
    flow_of_new
        Table ``flow``, of the records that are new since the previous version.
    before, removed, after
        Studies of the previous version; those of them that are no longer included; studies of this version.
    links
        As in ``flow_figure``; the further boxes are ``before``, ``removed`` and ``after``.

    Raises
    ------
    ValueError
        Where before + new - removed is not after, or more are removed than there were.
    """
    n = _counts(flow_of_new)
    new = int(n.included)
    if not 0 <= removed <= before:
        raise ValueError(f"{removed} studies cannot be removed from {before}.")
    if before + new - removed != after:
        raise ValueError(
            f"{before} studies before + {new} new - {removed} removed = {before + new - removed}, not {after}."
        )
    title = (
        f"{title_prefix}{_several(after, 'trial', 'trials')} now: {_count(before)} before, {_count(new)} new, "
        f"{_count(removed)} no longer included"
    )
    axes, top = _canvas(title)
    top = _heading(axes, top, "Previous studies", _BEFORE)
    previous = [_Line(f"{_UPDATE_LABELS['before']} (n = {_count(before)})", "before")]
    gone = [_Line(f"{_UPDATE_LABELS['removed']} (n = {_count(removed)})", "removed")]
    *ends, previous_middle = _pair(axes, top, previous, gone, links, fill=_PREVIOUS)
    top = _heading(axes, max(ends) + _GAP, "Identification of new studies via registries", _HEADING)
    top = _identified_and_screened(axes, top, flow_of_new, links)
    added = _Line(f"New trials included (n = {_count(new)})", "included", bold=True)
    total = _Line(f"{_UPDATE_LABELS['after']} (n = {_count(after)})", "after", bold=True)
    bottom, middle = _included(axes, top, [added, total], links)
    lane = (_BAR[0] + _BAR[1] + _LEFT[0]) / 2
    axes.plot([_LEFT[0], lane, lane], [previous_middle, previous_middle, middle], color=_ARROW, lw=1, clip_on=False)
    _arrow(axes, (lane, middle), (_LEFT[0], middle))
    further = {"before": before, "removed": removed, "after": after}
    data = pd.concat(
        [flow_of_new, pd.DataFrame([(s, _UPDATE_LABELS[s], k) for s, k in further.items()], columns=_FLOW)]
    )
    alt = f"PRISMA 2020 flow diagram of an updated review. {_in_words(data)}."
    return Figure(_finished(axes, bottom), "prisma_update", title, alt, checked(data, "flow"))


def paper_figure(
    beside: pd.DataFrame, flow: pd.DataFrame, *, links: Mapping[str, str] | None = None, title_prefix: str = ""
) -> Figure:
    """The paper's flow beside ours: what the steps leave, and what is said to be assessed.

    Parameters
    ----------
    beside
        ``step, label, paper, ours, quote``, as ``claims.flow_beside_paper`` returns it.
    flow
        Table ``flow``: the steps that the paper does not have.
    links
        As in ``flow_figure``, for our column.
    """
    n = _counts(flow)
    steps = ["identified_total", "duplicates", "pending", "excluded_title", "assessed", "included"]
    paper = beside.set_index("step").paper.reindex(steps)
    data = pd.DataFrame({"step": steps, "label": [_label(flow, step) for step in steps]})
    data = data.assign(paper=paper.to_numpy(), ours=[n[step] for step in steps]).astype(
        {"paper": "Int64", "ours": "Int64"}
    )
    left = {who: _left_over(data.set_index("step")[who]) for who in ("paper", "ours")}
    row = pd.DataFrame([("left", "These steps leave", left["paper"], left["ours"])], columns=data.columns)
    data = pd.concat([data.iloc[:4], row, data.iloc[4:]], ignore_index=True).astype({"paper": "Int64", "ours": "Int64"})
    by_step = data.set_index("step")
    differs = {who: bool(by_step[who].assessed != left[who]) for who in left}
    title = title_prefix + _paper_title(by_step, differs)
    axes, top = _canvas(title)
    bottom = _beside(axes, top, data, differs, links or {})
    said = "; ".join(
        f"{row.label}: {'not stated' if pd.isna(row.paper) else _count(row.paper)} and {_count(row.ours)}"
        for row in data.itertuples()
    )
    alt = f"Two flows side by side, the paper's and ours. {title}. Paper and ours: {_plain(said)}."
    return Figure(_finished(axes, bottom), "prisma_beside_paper", title, alt, data)


def to_prisma2020(
    flow: pd.DataFrame,
    *,
    previous: int | None = None,
    total: int | None = None,
    links: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The flow as the CSV that the R package PRISMA2020 draws from (``PRISMA_data(read.csv(file))``).

    Registry records have no reports to retrieve: as many are sought as are assessed. Commas, semicolons and straight
    quotes, which the package cannot hold within a name, become other characters.

    Parameters
    ----------
    flow
        Table ``flow``.
    previous, total
        Studies of the previous and of this version of an updated review; both or none.
    links
        Addresses of steps, as in ``flow_figure``.

    Returns
    -------
    pandas.DataFrame
        Text columns ``data, node, box, description, boxtext, tooltips, url, n``; missing is the text NA, as R reads it.
    """
    if (previous is None) != (total is None):
        raise ValueError("an update needs both the previous and the total number of studies.")
    n, labels = _counts(flow), flow.set_index("step").label
    registries = [(_registry(row.label), row.n) for row in flow[flow.step == "identified"].itertuples()]
    reasons = [(_reason(labels[step]), n[step]) for step in _reason_steps(flow)]
    counts = {
        "previous_studies": previous,
        "total_studies": total,
        "register_results": n.identified_total,
        "register_specific_results": _parts(registries),
        "duplicates": n.duplicates,
        "excluded_automatic": 0,
        "excluded_other": n.pending,
        "records_screened": n.screened,
        "records_excluded": n.excluded_title,
        "dbr_sought_reports": n.assessed,
        "dbr_notretrieved_reports": 0,
        "dbr_assessed": n.assessed,
        "dbr_excluded": _parts([*reasons, (labels["unclear"], n.unclear)]),
        "new_studies": n.included,
    }
    texts = {"newstud": "Identification of studies via registers"} if previous is None else {}
    rows = []
    for key, node, box, description, boxtext in _TEMPLATE:
        number = counts.get(key)
        steps = [*_reason_steps(flow), "unclear"] if box == "box9" else _BOX_STEPS.get(box, ())
        url = _link(links, steps) or "NA"
        tooltip = description if node else "NA"  # the package numbers tooltips by the rows that have one
        heading = key in (None, box)
        shown = "0" if heading else "NA" if number is None else str(number)
        rows.append((key or "NA", node or "NA", box, description, texts.get(box, boxtext), tooltip, url, shown))
    return pd.DataFrame(rows, columns=_PRISMA2020, dtype="str")


def from_prisma2020(path: str | Path, protocol: dict) -> pd.DataFrame:
    """The counts in a CSV of the R package PRISMA2020, as our steps.

    Numbers may have commas between thousands or R's exponents; NA counts as none where PRISMA lets a box be empty.
    Studies of a previous version and the total are not part of the flow and are left out.

    Returns
    -------
    pandas.DataFrame
        Table ``flow``; whether it adds up is for ``adds_up`` to say.

    Raises
    ------
    InputError
        Where the file is no such CSV, or a row is missing, doubled, not a count, or counts what our flow has no step for.
    """
    rows = read_csv(path, needs=["data", "n"]).reset_index()
    cells: dict[str, _Cell] = {}
    for row in rows.itertuples():
        key = row.data if isinstance(row.data, str) and row.data != "NA" else None
        if key and key in cells:
            raise InputError(f"{path}, row {row.index + 2}: '{key}' stands there twice. Keep one of the rows.")
        if key:
            text = unguarded(row.n).strip() if isinstance(row.n, str) else "NA"
            cells[key] = _Cell(f"{path}, row {row.index + 2} ('{key}'), column 'n'", text)
    for key in ("records_screened", "records_excluded", "dbr_assessed", "new_studies"):
        if key not in cells:
            raise InputError(f"{path}: the row with '{key}' in the column 'data' is missing. Add it.")
        if cells[key].text == "NA":
            raise InputError(f"{cells[key].place}: the number is missing.")
    for key, cell in cells.items():
        if key in _WITHOUT_STEP and any(k for _, k in _pieces(cell)):
            raise InputError(f"{cell.place}: {cell.text!r} counts what our flow has no step for. Write NA or 0.")
    sought = cells.get("dbr_sought_reports", _NO_CELL)
    if sought.text != "NA" and _whole(sought) != _whole(cells["dbr_assessed"]):
        raise InputError(
            f"{sought.place}: {sought.text} are sought, but 'dbr_assessed' is {cells['dbr_assessed'].text}."
        )
    counts = {step: _whole(cells.get(key, _NO_CELL)) for key, step in _PLAIN_STEPS.items()}
    sources, counts["identified_total"] = _sources(cells, path)
    by_code, counts["unclear"] = _excluded(cells.get("dbr_excluded", _NO_CELL), protocol)
    return _flow_of(counts, sources, by_code, protocol)


def _counts(flow: pd.DataFrame) -> pd.Series:
    """The counts by step, with ``identified`` summed over the registries."""
    n = flow.groupby("step").n.sum()
    missing = [step for step in _STEPS if step not in n.index]
    if missing:
        raise ValueError(f"the flow lacks the steps {', '.join(missing)}.")
    if "identified" not in n.index:
        n["identified"] = 0
    return n


def _reason_steps(flow: pd.DataFrame) -> list[str]:
    return [step for step in flow.step if step.startswith("excluded_") and step != "excluded_title"]


def _label(flow: pd.DataFrame, step: str) -> str:
    return flow.set_index("step").label[step]


def _registry(label: str) -> str:
    return label.removeprefix(_IDENTIFIED)


def _reason(label: str) -> str:
    """ "E2 Registration withdrawn" of "Excluded (E2) Registration withdrawn"."""
    return re.sub(r"^Excluded \((\w+)\)", r"\1", label)


def _in_words(flow: pd.DataFrame) -> str:
    return _plain("; ".join(f"{row.label}: {_count(row.n)}" for row in flow.itertuples()))


def _count(n: int) -> str:
    return f"{int(n):,}"


def _several(n: int, one: str, many: str) -> str:
    return f"{_count(n)} {one if n == 1 else many}"


def _left_over(n: pd.Series) -> int:
    return int(n.identified_total - n[["duplicates", "pending", "excluded_title"]].sum())


def _paper_title(by_step: pd.DataFrame, differs: dict[str, bool]) -> str:
    theirs, ours = by_step.paper, by_step.ours
    if differs["paper"]:
        finding = f"The paper's steps leave {_count(theirs.left)}, it evaluates {_count(theirs.assessed)}"
    else:
        finding = f"The paper's steps add up to the {_count(theirs.assessed)} it evaluates"
    return finding + (
        f"; ours leave {_count(ours.left)}, not {_count(ours.assessed)}" if differs["ours"] else "; ours add up"
    )


def _link(links: Mapping[str, str] | None, steps: Iterable[str | None]) -> str | None:
    """The first address that there is for one of the steps."""
    ways = [way for step in steps for way in ((step, "identified_total") if step == "identified" else (step,))]
    return next((links[step] for step in ways if links and step in links), None)


def _frame(
    axes: plt.Axes,
    place: tuple[float, float, float, float],
    *,
    fill: str,
    edge: str = _INK,
    lw: float = 0.9,
    rounded: float = 0,
    url: str | None = None,
) -> None:
    """A box by its left edge, top, width and height."""
    x, y, width, height = place
    style = f"round,pad=0,rounding_size={rounded}" if rounded else "square,pad=0"
    box = FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=fill, edgecolor=edge, lw=lw, clip_on=False)
    box.set_url(url)
    _patch(axes, box)


def _laid(lines: list[_Line], width: float) -> list[tuple[float, _Line]]:
    """The lines as they fit into a box, each with how far below the first one it stands."""
    laid, down = [], 0.0
    for line in lines:
        for text in _wrapped(line.text, width - 2 * _PAD, bold=line.bold):
            laid.append((down, line._replace(text=text)))
            down += _LINE
        down += _ITEM
    return laid


def _height(lines: list[_Line], width: float) -> float:
    return _LINE * len(_laid(lines, width)) + _ITEM * (len(lines) - 1) + 2 * _PAD


def _box(
    axes: plt.Axes,
    place: tuple[float, float, float, float],
    lines: list[_Line],
    links: Mapping[str, str] | None,
    *,
    fill: str = "white",
    edge: str = _INK,
) -> None:
    """A box with its lines: one centred, several from the left. It leads where its first step with a link does."""
    x, y, width, height = place
    url = _link(links, (line.step for line in lines))
    _frame(axes, place, fill=fill, edge=edge, lw=0.9 if edge == _INK else 2.4, url=url)
    ha, start = ("center", x + width / 2) if len(lines) == 1 else ("left", x + _PAD)
    first = y + (height - _height(lines, width)) / 2 + _PAD + _LINE / 2
    for down, line in _laid(lines, width):
        way = _link(links, [line.step]) or url
        _text(axes, (start, first + down), line.text, bold=line.bold, ha=ha, url=way)


def _pair(
    axes: plt.Axes,
    top: float,
    left: list[_Line],
    right: list[_Line],
    links: Mapping[str, str] | None,
    *,
    fill: str = "white",
) -> tuple[float, float, float]:
    """A box, and beside it the box of what leaves there; returns the lower edges of both, and where the arrow is."""
    heights = [_height(left, _LEFT[1]), _height(right, _RIGHT[1])]
    if max(heights) < min(heights) + 3 * _LINE:
        heights = [max(heights)] * 2
    middle = top + min(heights) / 2
    _box(axes, (_LEFT[0], top, _LEFT[1], heights[0]), left, links, fill=fill)
    _box(axes, (_RIGHT[0], top, _RIGHT[1], heights[1]), right, links, fill=fill)
    _arrow(axes, (sum(_LEFT), middle), (_RIGHT[0], middle))
    return top + heights[0], top + heights[1], middle


def _arrow(axes: plt.Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": _ARROW, "lw": 1, "mutation_scale": 8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)


def _heading(axes: plt.Axes, top: float, text: str, fill: str) -> float:
    """A band over both columns; returns where the boxes below begin."""
    width = sum(_RIGHT) - _LEFT[0]
    lines = _wrapped(text, width - 2 * _PAD, bold=True)
    height = _LINE * len(lines) + 8
    _frame(axes, (_LEFT[0], top, width, height), fill=fill, edge=fill, rounded=5)
    for i, line in enumerate(lines):
        _text(axes, (_LEFT[0] + width / 2, top + 4 + _LINE * (i + 0.5)), line, bold=True)
    return top + height + 9


def _bar(axes: plt.Axes, top: float, bottom: float, name: str) -> None:
    """The bar beside a stage, with its name from bottom to top."""
    x, width = _BAR
    _frame(axes, (x, top, width, bottom - top), fill=_STAGE, edge=_STAGE, rounded=5)
    _text(axes, (x + width / 2, (top + bottom) / 2), name, bold=True, rotation=90)


def _identified_and_screened(axes: plt.Axes, top: float, flow: pd.DataFrame, links: Mapping[str, str] | None) -> float:
    """The stages up to the arrow that leads to what is included; returns where that ends."""

    def line(step: str, *, bold: bool = False) -> _Line:
        return _Line(f"{labels[step]} (n = {_count(n[step])})", step, bold)

    n, labels, trunk = _counts(flow), flow.set_index("step").label, _LEFT[0] + _LEFT[1] / 2
    registries = [
        _Line(f"{_registry(row.label)} (n = {_count(row.n)})", "identified")
        for row in flow[flow.step == "identified"].itertuples()
    ]
    removed = [_Line("Removed before screening:", bold=True), line("duplicates"), line("pending")]
    identified_end, removed_end, _ = _pair(
        axes, top, [line("identified_total", bold=True), *registries], removed, links
    )
    bottom = max(identified_end, removed_end, top + _LONGEST_STAGE)
    _bar(axes, top, bottom, "Identification")

    screened_top = bottom + _GAP
    _arrow(axes, (trunk, identified_end), (trunk, screened_top))
    screened_end, left_end, _ = _pair(axes, screened_top, [line("screened")], [line("excluded_title")], links)
    top = max(screened_end, left_end) + _GAP
    _arrow(axes, (trunk, screened_end), (trunk, top))
    reasons = [_Line(f"{_reason(labels[step])} (n = {_count(n[step])})", step) for step in _reason_steps(flow)]
    total = int(n[_reason_steps(flow)].sum())
    excluded = [_Line(f"Records excluded (n = {_count(total)})", "excluded", bold=True), *reasons]
    assessed_end, excluded_end, _ = _pair(axes, top, [line("assessed")], excluded, links)
    unclear, top = [line("unclear")], max(assessed_end, excluded_end) + _GAP / 2
    bottom = top + _height(unclear, _RIGHT[1])
    _box(axes, (_RIGHT[0], top, _RIGHT[1], bottom - top), unclear, links)
    _arrow(axes, (trunk, (top + bottom) / 2), (_RIGHT[0], (top + bottom) / 2))
    _bar(axes, screened_top, bottom, "Screening")
    _arrow(axes, (trunk, assessed_end), (trunk, bottom + _GAP))
    return bottom + _GAP


def _included(axes: plt.Axes, top: float, lines: list[_Line], links: Mapping[str, str] | None) -> tuple[float, float]:
    """Boxes below each other, each leading to the next; returns where they end, and the middle of the last one."""
    begin, trunk = top, _LEFT[0] + _LEFT[1] / 2
    for i, line in enumerate(lines):
        height = max(_height([line], _LEFT[1]), _SHORTEST_STAGE / len(lines))
        _box(axes, (_LEFT[0], top, _LEFT[1], height), [line], links, fill=_RESULT)
        if i < len(lines) - 1:
            _arrow(axes, (trunk, top + height), (trunk, top + height + _GAP))
            top += height + _GAP
    _bar(axes, begin, top + height, "Included")
    return top + height, top + height / 2


def _beside(
    axes: plt.Axes,
    top: float,
    data: pd.DataFrame,
    differs: dict[str, bool],
    links: Mapping[str, str],
) -> float:
    """Two columns of numbers with the names of the steps to their left; returns where they end."""
    for who, text in (("paper", "The paper"), ("ours", "This review")):
        x, width = _PAPER_COLUMNS[who]
        _frame(axes, (x, top, width, _LINE + 8), fill=_HEADING if who == "ours" else _BEFORE, edge="none", rounded=5)
        _text(axes, (x + width / 2, top + 4 + _LINE / 2), text, bold=True)
    top += _LINE + 17
    by_step, ends = data.set_index("step"), dict.fromkeys(_PAPER_COLUMNS, top)
    for row in data.itertuples():
        boxed = row.step not in _SUBTRACTED
        cells = {who: _cell(by_step, row.step, who, differs[who]) for who in _PAPER_COLUMNS}
        label = _wrapped(row.label, _PAPER_LABELS - 6, bold=boxed)
        heights = [_height([cell], _PAPER_COLUMNS[who][1]) for who, cell in cells.items()]
        height = max(_LINE * len(label), *heights)
        for i, text in enumerate(label):
            place = (1, top + height / 2 + _LINE * (i - (len(label) - 1) / 2))
            _text(axes, place, text, bold=boxed, ha="left")
        for who, cell in cells.items():
            x, width = _PAPER_COLUMNS[who]
            own = links if who == "ours" else {}
            stem = x + 18
            if not boxed:
                _text(axes, (stem + 8, top + height / 2), cell.text, ha="left", url=_link(own, [cell.step]))
                continue
            conflict = differs[who] and row.step == "assessed"
            fill = _PALE_CONFLICT if conflict else _RESULT if row.step == "included" else "white"
            _box(axes, (x, top, width, height), [cell], own, fill=fill, edge=_CONFLICT if conflict else _INK)
            if ends[who] < top:
                _arrow(axes, (stem, ends[who]), (stem, top))
            ends[who] = top + height
        top += height + (_GAP if boxed and row.step != "identified_total" else 4)
    return max(ends.values())


def _cell(by_step: pd.DataFrame, step: str, who: str, differs: bool) -> _Line:
    n = by_step[who]
    if pd.isna(n[step]):
        return _Line("not stated", step)
    if step in _SUBTRACTED:
        return _Line(f"− {_count(n[step])}", step)
    if step == "left":
        return _Line(f"= {_count(n[step])}", step)
    if step == "assessed" and differs:
        return _Line(f"{_count(n[step])} ≠ {_count(n.left)}", step, bold=True)
    return _Line(_count(n[step]), step, bold=True)


class _Cell(NamedTuple):
    """The number of a row of a PRISMA2020 file, as written, and where it stands."""

    place: str
    text: str


_NO_CELL = _Cell("", "NA")


def _parts(counts: Iterable[tuple[str, int]]) -> str:
    return "; ".join(f"{_part_name(name)}, {int(n)}" for name, n in counts) or "NA"


def _part_name(name: str) -> str:
    """A name that neither the package's lists (; and ,) nor its drawing (quotes, backslashes) take apart."""
    return _plain(name.translate(str.maketrans(",;'\"\\", "  ’”/"))) or "unnamed"


def _whole(cell: _Cell) -> int:
    """The count of a cell; none where it is NA."""
    return 0 if cell.text == "NA" else _number(cell.text, cell.place)


def _number(text: str, place: str) -> int:
    try:
        number = decimal.Decimal(text.replace(",", ""))
    except decimal.InvalidOperation:
        number = decimal.Decimal("NaN")
    if not number.is_finite() or not 0 <= number < _TOO_MANY or number != int(number):
        raise InputError(f"{place}: {text.strip()!r} is not a count. Write a whole number, or NA.")
    return int(number)


def _pieces(cell: _Cell) -> list[tuple[str, int]]:
    """The names and counts of "name, n; name, n"; a number alone has no name. Unfilled ones are left out."""
    if cell.text == "NA":
        return []
    if re.fullmatch(r"[\d,]+", cell.text):
        return [("", _whole(cell))]
    parted = [piece.partition(",") for piece in cell.text.split(";") if piece.strip()]
    return [(name.strip(), _number(n.strip(), cell.place)) for name, _, n in parted if n.strip() != _UNFILLED]


def _sources(cells: Mapping[str, _Cell], path: str | Path) -> tuple[list[tuple[str, int]], int]:
    """The sources by name with their records, and the records of all."""
    named, total = [], 0
    if not {"register_results", "database_results"} & set(cells):
        raise InputError(f"{path}: the row with 'register_results' in the column 'data' is missing. Add it.")
    for kind in ("database", "register"):
        whole = cells.get(f"{kind}_results", _NO_CELL)
        own = _pieces(cells.get(f"{kind}_specific_results", _NO_CELL))
        records = sum(n for _, n in own) if whole.text == "NA" else _whole(whole)
        named += own or ([(f"{kind.capitalize()}s", records)] if records else [])
        total += records
    return named, total


def _excluded(cell: _Cell, protocol: dict) -> tuple[dict[str, int], int]:
    """How many records were excluded by each criterion, and how many are unclear."""
    codes = [code for code, facts in protocol["criteria"].items() if facts["kind"] == "exclude"]
    by_code, unclear = dict.fromkeys(codes, 0), 0
    for name, n in _pieces(cell):
        code = next(iter(re.findall(r"\w+", name)), "")
        if code.casefold() == "unclear":
            unclear += n
        elif code in by_code:
            by_code[code] += n
        elif n:
            raise InputError(
                f"{cell.place}: the reason {name!r} ({n}) is no criterion of the protocol. Begin each reason with one of "
                f"{', '.join(codes)} or Unclear."
            )
    return by_code, unclear


def _flow_of(
    counts: dict[str, int], sources: list[tuple[str, int]], by_code: dict[str, int], protocol: dict
) -> pd.DataFrame:
    """Table ``flow`` from its counts; steps, labels and order are those of a search that found nothing."""
    nothing = prisma_flow(checked(pd.DataFrame(columns=columns("screened")), "screened"), protocol=protocol)
    labels = nothing.set_index("step").label
    rows = [("identified", f"{_IDENTIFIED}{name}", n) for name, n in sources]
    rows += [(step, labels[step], counts[step]) for step in _STEPS[:-2]]
    rows += [
        (f"excluded_{code}", f"Excluded ({code}) {protocol['criteria'][code]['text']}", n)
        for code, n in by_code.items()
        if n or f"excluded_{code}" in labels
    ]
    rows += [(step, labels[step], counts[step]) for step in _STEPS[-2:]]
    return checked(pd.DataFrame(rows, columns=_FLOW), "flow")
