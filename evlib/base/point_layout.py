"""Drawings laid out in points (72 to an inch), counted from the top: texts are measured before anything is placed."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font, Kerning, LoadFlags
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import text_to_path

WIDTH = 360.0  # points: the 5 inches that all figures have
# The width of a second drawing, for phones: its letters of 8 and 10 points are 11 pixels high where 360 pixels are free.
NARROW, NARROW_FLOW = 246.0, 312.0
SIZE, SMALL = 10.0, 8.0  # points
_UNITS = 100.0  # points: the size at which letters are measured
INK, BLUE, ORANGE, GREY, RULE = "#222222", "#0072B2", "#E69F00", "#7F7F7F", "#CCCCCC"
_NARROWER = {"D": 0.72}  # Matplotlib draws a diamond as a square on its tip


def canvas(title: str, span: float = WIDTH) -> tuple[plt.Axes, float]:
    """Axes whose unit is the point, as wide as given, counted from the top, with the title; and where the title ends."""
    drawing = plt.figure(figsize=(span / 72, 1), dpi=150)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, span)
    axes.axis("off")
    top = 2.0
    size = 11.0 if span == WIDTH else SIZE
    lines = wrapped(title, span - 4, size=size, bold=True)
    for width in range(60, int(span) - 4, 20):  # no word alone on the last line
        narrower = wrapped(title, width, size=size, bold=True)
        if len(narrower) == len(lines):
            lines = narrower
            break
    for text in lines:
        put_text(axes, (1, top + 7), text, size=size, bold=True, ha="left")
        top += 14
    return axes, top + 8


def right_edge(axes: plt.Axes) -> float:
    """Where a canvas ends at the right, in points."""
    return axes.get_xlim()[1]


def finished(axes: plt.Axes, bottom: float) -> plt.Figure:
    """The drawing, cut off below ``bottom``."""
    axes.set_ylim(bottom + 2, 0)
    axes.figure.set_size_inches(right_edge(axes) / 72, (bottom + 2) / 72)
    return axes.figure


def wrapped(text: str, width: float, *, size: float = SIZE, bold: bool = False) -> list[str]:
    """The lines of a text that are no wider than ``width`` points; a word that is wider is broken."""

    def fits(line: str) -> bool:
        return width_of(line, size=size, bold=bold) <= width

    lines = [""]
    # A number stays with its "n =".
    for word in re.sub(r"\(n = ", "(n\u00a0=\u00a0", plain(text)).split(" "):
        if lines[-1] and fits(f"{lines[-1]} {word}"):
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for character in word:
            if lines[-1] and not fits(lines[-1] + character):
                lines.append("")
            lines[-1] += character
    return [line for line in lines if line]


def fitted(text: str, width: float, *, lines: int, size: float = SIZE, bold: bool = False) -> list[str]:
    """The lines of a text, cut where there are too many."""
    all_lines = wrapped(text, width, size=size, bold=bold)
    if len(all_lines) <= lines:
        return all_lines
    last = all_lines[lines - 1]
    while last and width_of(last + "…", size=size, bold=bold) > width:
        last = last[:-1]
    return [*all_lines[: lines - 1], last + "…"]


def width_of(text: str, *, size: float = SIZE, bold: bool = False) -> float:
    """The width of one line of text, in points.

    The widths of letters and the kerning between them are added up: having Matplotlib lay out every line that might fit takes
    longer than drawing it. A ligature counts as its single letters, which is a little more.
    """
    widths = sum(_advance(letter, bold) for letter in text)
    return (widths + sum(_kerning(left, right, bold) for left, right in pairwise(text))) * size


def _face(bold: bool) -> FontProperties:
    return FontProperties(family="DejaVu Sans", size=1, weight="bold" if bold else "normal")


@lru_cache(maxsize=2)
def _font(bold: bool) -> FT2Font:
    """A font of our own: the one that Matplotlib draws with is set to other sizes."""
    font = FT2Font(findfont(_face(bold)))
    font.set_size(_UNITS, 72)
    return font


@lru_cache(maxsize=10_000)
def _advance(letter: str, bold: bool) -> float:
    font = _font(bold)
    glyph = font.get_char_index(ord(letter))
    if not glyph:  # drawn by a font of last resort
        return text_to_path.get_text_width_height_descent(letter, _face(bold), ismath=False)[0]
    return font.load_glyph(glyph, flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / _UNITS


@lru_cache(maxsize=10_000)
def _kerning(left: str, right: str, bold: bool) -> float:
    font = _font(bold)
    glyphs = (font.get_char_index(ord(letter)) for letter in (left, right))
    return font.get_kerning(*glyphs, Kerning.UNFITTED) / 64 / _UNITS


def put_patch(axes: plt.Axes, patch: Patch) -> None:
    """Add a shape to a canvas, whose limits are not its shapes' (``add_patch`` computes these for each)."""
    patch.set_clip_on(False)  # it lies inside: to cut it off would only make the file larger
    axes.add_artist(patch)


def put_text(
    axes: plt.Axes,
    place: tuple[float, float],
    text: str,
    *,
    size: float = SIZE,
    bold: bool = False,
    ha: str = "center",
    url: str | None = None,
    rotation: float = 0,
    colour: str = INK,
) -> None:
    """One line of text at a place; its baseline is at the same distance from it, whatever the letters reach."""
    x, y = place[0], place[1] + (0 if rotation else 0.36 * size)
    font = {"family": "DejaVu Sans", "size": size, "weight": "bold" if bold else "normal"}
    style = {"ha": ha, "va": "center" if rotation else "baseline", "color": colour, "rotation": rotation, "url": url}
    axes.text(x, y, text, font, parse_math=False, **style)


def heading(axes: plt.Axes, top: float, text: str, *, size: float = SIZE, middle: float = 7.0) -> float:
    """A bold line at the left, its middle so many points below ``top``; returns where it ends."""
    put_text(axes, (1, top + middle), text, size=size, bold=True, ha="left")
    return top + 15


def put_rectangle(
    axes: plt.Axes, x: float, y: float, width: float, height: float, face: object, hatch: str | None = None
) -> None:
    """A filled rectangle with a thin white edge, its corner of least x and y at a place."""
    put_patch(axes, Rectangle((x, y), width, height, facecolor=face, edgecolor="white", hatch=hatch, lw=0.6))


def put_marker(
    axes: plt.Axes, x: float, y: float, marker: str, face: object, *, width: float, lw: float = 0.7, zorder: float = 1
) -> None:
    """A sign with a thin dark edge around a place, as wide as given, in points."""
    size = (width * _NARROWER.get(marker, 1)) ** 2
    axes.scatter(x, y, s=size, marker=marker, facecolor=face, edgecolor=INK, lw=lw, zorder=zorder)


def put_rule(axes: plt.Axes, x: tuple[float, float], y: tuple[float, float], *, zorder: float = 0) -> None:
    """A thin grey line."""
    axes.plot(x, y, color=RULE, lw=0.6, zorder=zorder)


class Key(NamedTuple):
    """An entry of a legend: a box, or a marker where there is one."""

    label: str
    face: str
    hatch: str | None = None
    marker: str | None = None
    width: float = 7.0


def put_legend(axes: plt.Axes, top: float, keys: Iterable[Key]) -> float:
    """Keys side by side, as many as fit into a line; returns where they end."""
    x = 4.0
    for key in keys:
        lines = fitted(key.label, right_edge(axes) - 30, lines=2, size=SMALL)
        width = 18 + max(width_of(line, size=SMALL) for line in lines)
        if x > 4 and x + width > right_edge(axes):
            x, top = 4.0, top + 13
        if key.marker:
            put_marker(axes, x + 6, top + 7, key.marker, key.face, width=key.width)
        else:
            put_rectangle(axes, x, top + 2.5, 13, 9, key.face, key.hatch)
        for i, line in enumerate(lines):
            put_text(axes, (x + 17, top + 7 + 10.5 * i), line, size=SMALL, ha="left")
        x, top = x + width + 12, top + 10.5 * (len(lines) - 1)
    return top + (15 if keys else 0)


def put_note(axes: plt.Axes, top: float, text: str) -> float:
    """Small grey lines below a drawing; returns where they end."""
    for line in wrapped(text, right_edge(axes) - 10, size=SMALL):
        put_text(axes, (1, top + 9), line, size=SMALL, ha="left", colour="#555555")
        top += 10.5
    return top + 6


def plain(text: str) -> str:
    """One line without characters that XML cannot hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
