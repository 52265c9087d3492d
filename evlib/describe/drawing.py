"""The parts that the third chapter's figures are drawn from: grids, bars, columns, legends.

All are drawn in points on ``evlib.base.point_layout``; each takes the height at which it begins and returns the one at which it
ends.
"""

from collections.abc import Iterable, Mapping
from itertools import count

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from evlib.base import point_layout as pt
from evlib.describe.tally import MISSING

SIZE = 9.0  # points
LIGHT, SOFT, _PALE = "#9ECAE9", "#555555", "#F5F5F5"
_LINE, _SMALL_LINE = 12.0, 10.5  # points from one line of text to the next


def label_width(labels: Iterable[str]) -> float:
    """How much room labels to the left of a plot take, a third of the figure at most."""
    return min(122.0, max((pt.width_of(label, size=SIZE) for label in labels), default=0) + 11)


def label_height(text: str, left: float) -> float:
    return _LINE * len(_label_lines(text, left, 3)) + 3


def put_label(axes: plt.Axes, left: float, middle: float, text: str, *, lines: int = 3) -> None:
    """A text to the left of a plot, in lines around a height; that of what is not reported is grey."""
    rows = _label_lines(text, left, lines)
    for i, row in enumerate(rows):
        place = (left - 6, middle + _LINE * (i - (len(rows) - 1) / 2))
        pt.put_text(axes, place, row, size=SIZE, ha="right", colour=_ink_of(text))


def _label_lines(text: str, left: float, lines: int) -> list[str]:
    return pt.fitted(text, left - 10, lines=lines, size=SIZE)  # what is drawn is a little wider than what is measured


def _ink_of(label: str) -> str:
    return SOFT if label.startswith(MISSING) else pt.INK


def put_bars(axes: plt.Axes, top: float, counts: pd.Series, *, of: int, left: float) -> float:
    """Horizontal bars with their numbers, each on a pale one that stands for all trials."""
    span = pt.right_edge(axes) - left - pt.width_of("00000", size=SIZE)
    for label, n in counts.items():
        height = label_height(str(label), left)
        put_label(axes, left, top + height / 2, str(label))
        pt.put_rectangle(axes, left, top + 1.5, span, height - 3, _PALE)
        face, hatch = (pt.GREY, "\\\\\\\\") if label == MISSING else (pt.BLUE, None)
        pt.put_rectangle(axes, left, top + 1.5, span * n / max(of, 1), height - 3, face, hatch)
        pt.put_text(axes, (pt.right_edge(axes) - 2, top + height / 2), str(n), size=SIZE, ha="right")
        top += height
    return top


def put_heads(
    axes: plt.Axes, top: float, labels: list[str], *, left: float, width: float, nouns: tuple[str, str]
) -> float:
    """The heads of columns, upright where their words do not fit side by side."""
    region = width * len(labels)
    for line in pt.fitted(nouns[1], region, lines=2, size=SIZE):
        pt.put_text(axes, (left + region / 2, top + 6), line, size=SIZE, bold=True)
        top += _LINE
    top += 3
    heads = [pt.wrapped(label, width - 4, size=pt.SMALL) for label in labels]
    height = _SMALL_LINE * max(map(len, heads)) + 2
    words = {word for label in labels for word in pt.plain(label).split(" ")}
    upright = any(pt.width_of(word, size=pt.SMALL) > width - 4 for word in words) or max(map(len, heads)) > 4
    if upright:
        lines = max(1, min(2, int((width - 1) // _SMALL_LINE)))
        heads = [pt.fitted(label, 86 if lines == 2 else 120, lines=lines, size=pt.SMALL) for label in labels]
        height = max(pt.width_of(row, size=pt.SMALL) for head in heads for row in head) + 4
    for j, head in enumerate(heads):
        middle = left + width * (j + 0.5)
        for i, row in enumerate(head):
            if upright:
                across = middle + _SMALL_LINE * (i - (len(head) - 1) / 2)
                place = (across, top + height - 2 - pt.width_of(row, size=pt.SMALL) / 2)
            else:
                place = (middle, top + height - 1 - _SMALL_LINE * (len(head) - i - 0.5))
            pt.put_text(axes, place, row, size=pt.SMALL, rotation=90 if upright else 0, colour=_ink_of(labels[j]))
    for line in _label_lines(nouns[0], left, 1):
        pt.put_text(axes, (left - 6, top + height - 7), line, size=SIZE, bold=True, ha="right")
    return top + height + 1


def put_grid(
    axes: plt.Axes,
    top: float,
    cells: pd.DataFrame,
    *,
    nouns: tuple[str, str],
    n: tuple[pd.Series, pd.Series],
    shades: pd.DataFrame | None = None,
    left: float | None = None,
    last: str = MISSING,
) -> float:
    """A heatmap with its numbers.

    Parameters
    ----------
    cells
        What to write in each cell.
    nouns
        What the rows and the columns are.
    n
        How many trials stand behind each row and each column.
    shades
        How dark each cell is, 0 to 1; without them the cells are numbers, and the largest is the darkest.
    left
        The width of the labels of the rows.
    last
        A column of this name is grey, as a row or column of what is not reported is.
    """
    if shades is None:
        shades = cells / max(int(cells.to_numpy().max()), 1)
    rows = [f"{label} ({n[0].get(label, 0)})" for label in cells.index]
    heads = [f"{label} ({n[1].get(label, 0)})" for label in cells.columns]
    left = left or label_width(rows)
    width = min(64.0, (pt.right_edge(axes) - left - 2) / len(cells.columns))
    top = put_heads(axes, top, heads, left=left, width=width, nouns=nouns)
    for i, row in enumerate(cells.index):
        height = max(16.0, label_height(rows[i], left))
        put_label(axes, left, top + height / 2, rows[i])
        for j, column in enumerate(cells.columns):
            grey = MISSING in (row, column) or column in (last, "No date")
            shade = shades.iat[i, j]
            face = matplotlib.colormaps["Greys" if grey else "Blues"](0.12 + 0.73 * shade) if shade else _PALE
            pt.put_rectangle(axes, left + j * width, top, width, height, face)
            dark = np.dot(to_rgb(face), (0.299, 0.587, 0.114)) <= 0.55
            colour = "white" if dark else pt.INK if shade else "#767676"
            text = str(cells.iat[i, j])
            size = SIZE if pt.width_of(text, size=SIZE) < width - 2 else pt.SMALL
            pt.put_text(axes, (left + (j + 0.5) * width, top + height / 2), text, size=size, colour=colour)
        top += height
    return top


def put_columns(
    axes: plt.Axes,
    top: float,
    heights: pd.DataFrame,
    styles: Mapping[str, tuple[str, str | None]],
    *,
    ticks: Mapping[int, str],
    names: tuple[str, str],
    shade: tuple[float, float, str] | None = None,
) -> float:
    """Upright stacked bars on an axis.

    Parameters
    ----------
    heights
        One row per bar, one column per part, from below.
    styles
        Colour and hatching of each part.
    ticks
        What stands below a bar, by its number; those that would touch are left out.
    names
        What the heights and the bars are.
    shade
        From where to where the ground is shaded, in bars (the first bar reaches from -0.5 to 0.5), and its colour.
    """
    pt.put_text(axes, (1, top + 6), names[0], size=pt.SMALL, ha="left")
    top, deep, left = top + 18, 120.0, 26.0
    bottom, width = top + deep, (pt.right_edge(axes) - left - 6) / len(heights)
    totals = heights.sum(axis=1)
    step = next(a * 10**b for b in count() for a in (1, 2, 5) if totals.max() <= 5 * a * 10**b)
    unit = (deep - 12) / max(step * -(-totals.max() // step), 1)
    if shade:
        begin, end = (min(max(x, -0.5), len(heights) - 0.5) for x in shade[:2])
        if end > begin:
            corner = (left + (begin + 0.5) * width, top)
            pt.put_patch(axes, Rectangle(corner, (end - begin) * width, deep, facecolor=shade[2], lw=0, zorder=0))
    for value in range(0, int(totals.max()) + step, step):
        y = bottom - value * unit
        pt.put_rule(axes, (left, pt.right_edge(axes) - 6), (y, y), zorder=0.5)
        pt.put_text(axes, (left - 4, y), str(value), size=pt.SMALL, ha="right")
    numbered = pt.width_of(str(totals.max()), size=pt.SMALL) < width - 2
    for i, (_, row) in enumerate(heights.iterrows()):
        y = bottom
        for part, n in row.items():
            if n:
                y -= n * unit
                pt.put_rectangle(axes, left + i * width + 0.05 * width, y, 0.9 * width, n * unit, *styles[part])
        if row.sum() and numbered:
            pt.put_text(axes, (left + (i + 0.5) * width, y - 6), str(row.sum()), size=pt.SMALL)
    end = 0.0
    for i, text in ticks.items():
        middle, half = left + (i + 0.5) * width, pt.width_of(text, size=pt.SMALL) / 2
        if middle - half >= end and middle + half <= pt.right_edge(axes):
            axes.plot([middle, middle], [bottom, bottom + 3], color=pt.INK, lw=0.6)
            pt.put_text(axes, (middle, bottom + 9), text, size=pt.SMALL)
            end = middle + half + 5
    pt.put_text(axes, ((left + pt.right_edge(axes)) / 2, bottom + 21), names[1], size=pt.SMALL)
    return bottom + 30
