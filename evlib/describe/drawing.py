"""The labels of rows and the heads of columns of a map, in points on ``evlib.base.point_layout``."""

from collections.abc import Iterable

import matplotlib.pyplot as plt

from evlib.base import point_layout as pt
from evlib.describe.tally import MISSING

SIZE = 9.0  # points
LIGHT, SOFT = "#9ECAE9", "#555555"
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
