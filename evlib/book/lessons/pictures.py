"""Small pictures of what a cell or a lesson shows, for the pages that list them: the first rows of a table, drawn as an SVG."""

import html
import re
from collections.abc import Sequence
from itertools import zip_longest

import pandas as pd

from evlib.base.words import several

_ROWS, _COLUMNS, _LETTERS = 6, 4, 22  # that a picture has room for
_LINE, _LETTER, _GAP = 15, 5.6, 10.0  # points: a line, a letter of nine points, between columns


def rows_of(markup: str) -> list[list[str]]:
    """The texts of the cells of the first table in a piece of HTML, row by row, its heads first."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", markup.partition("</table>")[0], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[html.unescape(re.sub(r"<[^>]+>", "", text)) for text in row] for row in cells]


def rows_of_frame(frame: pd.DataFrame) -> list[list[str]]:
    """The same of a data frame."""
    values = frame.astype("object").where(frame.notna(), "")
    return [[str(name) for name in frame], *([str(value) for value in row] for row in values.itertuples(index=False))]


def table_picture(rows: Sequence[Sequence[str]]) -> str:
    """The first rows and columns of a table as an SVG: heads in bold, long texts cut, and a line that says what is left out."""
    shown = [[_cut(text) for text in row[:_COLUMNS]] for row in rows[: _ROWS + 1]]
    widths = [
        max(map(len, column)) * _LETTER + _GAP for column in zip_longest(*shown, fillvalue="")
    ]  # a note may fill a row
    more = {"more row": len(rows) - len(shown), "more column": len(rows[0]) - _COLUMNS}
    left_out = [several(n, name) for name, n in more.items() if n > 0]
    parts = []
    for line, row in enumerate(shown, start=1):
        weight = ' font-weight="bold"' if line == 1 else ""
        for column, text in enumerate(row):
            x = 4 + sum(widths[:column])
            parts.append(f'<text x="{x:.0f}" y="{line * _LINE - 3}"{weight}>{html.escape(text)}</text>')
    if left_out:
        parts.append(f'<text x="4" y="{(len(shown) + 1) * _LINE - 3}" fill="#555">… {", ".join(left_out)}</text>')
    width, height = max(sum(widths) + 4, 130), (len(shown) + bool(left_out)) * _LINE + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" font-size="9"><rect width="100%" height="100%" fill="#fff"/>'
        f'<path d="M0 {_LINE + 1}H{width:.0f}" stroke="#888" stroke-width="0.7"/>{"".join(parts)}</svg>\n'
    )


def image(path: str, alt: str) -> str:
    """The element that shows a picture in a list."""
    return f'<img class="shows" src="{path}" alt="{html.escape(alt, quote=True)}">'


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1].rstrip()}…"
