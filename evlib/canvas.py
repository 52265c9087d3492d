"""Drawings whose unit is the point, counted from the top: texts are measured before anything is placed."""

import re
from functools import lru_cache

import matplotlib.pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

WIDTH = 360.0  # points: the 5 inches that all figures have
SIZE = 10.0
INK, BLUE, ORANGE, GREY = "#222222", "#0072B2", "#E69F00", "#7F7F7F"


def canvas(title: str) -> tuple[plt.Axes, float]:
    """Axes whose unit is the point, counted from the top, with the title; and where the title ends."""
    drawing = plt.figure(figsize=(WIDTH / 72, 1), dpi=150)
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.axis("off")
    top = 2.0
    lines = wrapped(title, WIDTH - 4, size=11, bold=True)
    for width in range(60, int(WIDTH) - 4, 20):  # no word alone on the last line
        narrower = wrapped(title, width, size=11, bold=True)
        if len(narrower) == len(lines):
            lines = narrower
            break
    for text in lines:
        put_text(axes, (1, top + 7), text, size=11, bold=True, ha="left")
        top += 14
    return axes, top + 8


def finished(axes: plt.Axes, bottom: float) -> plt.Figure:
    axes.set_ylim(bottom + 2, 0)
    axes.figure.set_size_inches(WIDTH / 72, (bottom + 2) / 72)
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


@lru_cache(maxsize=10_000)
def width_of(text: str, *, size: float = SIZE, bold: bool = False) -> float:
    """The width of one line of text, in points."""
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


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
    # Baselines stand at equal distances, whatever the letters reach.
    artist = axes.text(
        place[0],
        place[1] + (0 if rotation else 0.36 * size),
        text,
        ha=ha,
        va="center" if rotation else "baseline",
        fontsize=size,
        fontweight="bold" if bold else "normal",
        fontfamily="DejaVu Sans",
        color=colour,
        rotation=rotation,
        parse_math=False,
    )
    artist.set_url(url)


def put_note(axes: plt.Axes, top: float, text: str) -> float:
    """Small grey lines below a drawing; returns where they end."""
    for line in wrapped(text, WIDTH - 10, size=8):
        put_text(axes, (1, top + 9), line, size=8, ha="left", colour="#555555")
        top += 10.5
    return top + 6


def plain(text: str) -> str:
    """One line without characters that XML cannot hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
