"""The look of what chapters draw with seaborn: colours, a title and a note over the whole figure, grey for what is not reported."""

import re
import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import QuadMesh
from matplotlib.container import BarContainer
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure as Drawing
from matplotlib.legend import Legend
from matplotlib.ticker import AutoLocator, FixedFormatter

from evlib.base.point_layout import BLUE, GREY, ORANGE

PALETTE = [BLUE, ORANGE]  # of Okabe and Ito: colour-blind readers tell them apart
PAIRS = [BLUE, "#9ECAE9", ORANGE, "#F5DDA6"]  # what is sure, and in a lighter shade what is estimated
KINDS = {"actual": BLUE, "planned": ORANGE, "not said which": "#999999"}  # of numbers of participants
BASIS = {"observed": BLUE, "estimated": ORANGE}  # of a date
STACKED = {"multiple": "stack", "shrink": 0.8, "alpha": 1, "edgecolor": "white"}  # bars
CELLS = {"annot": True, "fmt": ".0f", "cbar": False, "linewidths": 1, "vmin": 0}  # of a heatmap
DOTS = {"size": 4, "warn_thresh": 1}
MISSING = "Not reported"
_UNSTATED = re.compile(r"(?:^|: |^Results )(?:no date|not reported)", re.IGNORECASE)
_SOFT = "#555555"  # of text that tells what is missing, and of notes
TITLE_LINE, NOTE_LINE = 54, 68  # letters of a title and of a note that a drawing of full width has room for
_LONG = 26  # letters of a label, which then has a second line


def is_unstated(label: str) -> bool:
    """Whether a label is of what is not reported: "Not reported", "No date", "Route: Not reported"."""
    return bool(_UNSTATED.search(label))


def unstated(cells: pd.DataFrame) -> pd.DataFrame:
    """Which cells of a crosstab belong to a row or a column of what is not reported: True or False for each.

    Examples
    --------
    >>> unstated(pd.DataFrame({"Phase 1": [2], "Not reported": [1]}, index=["Eye"])).to_numpy().tolist()
    [[False, True]]
    """
    rows, columns = (np.array([is_unstated(name) for name in names], bool) for names in (cells.index, cells.columns))
    return pd.DataFrame(rows[:, None] | columns[None, :], index=cells.index, columns=cells.columns)


def number(n: float) -> str:
    """What stands at the end of a bar: nothing where there is none.

    Examples
    --------
    >>> number(1204), number(0)
    ('1,204', '')
    """
    return f"{n:,.0f}" if n else ""


def put_title(drawing: Drawing, title: str, *, letters: int = TITLE_LINE) -> None:
    """A title over the whole drawing, from its left edge, in lines of so many letters."""
    look = {"ha": "left", "fontsize": 11, "fontweight": "bold", "parse_math": False}
    drawing.suptitle(textwrap.fill(title, letters), x=0.01, **look)


def dress(drawing: Drawing, title: str, note: str = "") -> None:
    """Give a drawing its title, unless it has one; what is not reported becomes grey, and no text is a formula.

    With a note, it is a drawing of what was counted: the note and the legend stand below it, and its axes have whole numbers.
    """
    for axes in drawing.axes:
        axes.spines[["top", "right"]].set_visible(False)
        _dress_labels(axes)
        named = {round(place): label.get_text() for place, label in zip(axes.get_yticks(), axes.get_yticklabels())}
        for bar in (bar for part in axes.containers if isinstance(part, BarContainer) for bar in part):
            if is_unstated(named.get(round(bar.get_y() + bar.get_height() / 2), "")):
                bar.set_facecolor(GREY)
    if not drawing.get_suptitle():
        put_title(drawing, title)
    if not note:
        return
    for axis in (axis for axes in drawing.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_locator(), AutoLocator):
            axis.get_major_locator().set_params(integer=True)
        elif isinstance(axis.get_major_locator(), AutoDateLocator):
            axis.set_major_locator(few := AutoDateLocator(minticks=3, maxticks=7))
            axis.set_major_formatter(ConciseDateFormatter(few, show_offset=False))
    if legend := drawing.axes[0].get_legend():
        _put_below(drawing, legend, columns=2)
    put_note(drawing, note)


def _put_below(drawing: Drawing, legend: Legend, *, columns: int) -> None:
    """A legend anew, below the whole drawing."""
    keys = (legend.legend_handles, [text.get_text() for text in legend.get_texts()])
    look = {"frameon": False, "fontsize": 9, "ncols": columns, "title_fontsize": 9, "alignment": "left"}
    drawing.legend(*keys, loc="outside lower left", title=" ", **look)
    legend.remove()


def put_note(drawing: Drawing, note: str, *, letters: int = NOTE_LINE) -> None:
    """A note below a drawing, above the legend where it has one, in lines of so many letters.

    The keys of a legend that is wider than the drawing stand in one column.
    """
    look = {"color": _SOFT, "parse_math": False}
    if drawing.legends:
        drawing.legends[0].get_title().set_text("")
        if drawing.legends[0].get_tightbbox().width > drawing.bbox.width:
            _put_below(drawing, drawing.legends[0], columns=1)
            drawing.set_figheight(drawing.get_figheight() + len(drawing.legends[0].get_texts()) / 12)  # inches
        drawing.legends[0].get_title().set(text=textwrap.fill(note, letters), **look)
    else:
        drawing.supxlabel(textwrap.fill(note, letters), x=0.01, ha="left", fontsize=9, **look)


def _dress_labels(axes: Axes) -> None:
    if any(isinstance(part, QuadMesh) for part in axes.collections):  # a heatmap
        axes.xaxis.set(ticks_position="top", label_position="top")
        axes.tick_params("x", rotation=90, length=0)
        axes.tick_params("y", rotation=0, length=0)
        axes.set_ylabel("")
    for axis in (axes.xaxis, axes.yaxis):
        if isinstance(axis.get_major_formatter(), StrCategoryFormatter | FixedFormatter):
            names = [label.get_text() for label in axis.get_ticklabels()]
            axis.set_ticks(
                axis.get_ticklocs(), ["\n".join(textwrap.fill(s, _LONG) for s in n.split("\n")) for n in names]
            )
        for label in axis.get_ticklabels():
            label.set_parse_math("mathdefault" in label.get_text())
            if is_unstated(label.get_text()):
                label.set_color(_SOFT)
