"""Drawings whose letters are text: smaller than their outlines, found by a search on the page, and read aloud."""

import html
import re

from evlib.base.point_layout import width_of

# Verdana, which most computers and phones have, is as wide as DejaVu Sans, in which lines are measured.
FONTS = "DejaVu Sans, Bitstream Vera Sans, Verdana, Geneva, sans-serif"
_TEXT = re.compile(r'<text style="([^"]*)"([^>]*)>([^<]*)</text>')
_OWN_NAME = re.compile(r' id="[A-Za-z0-9.]+_\d+"')  # that Matplotlib counts up, and nothing refers to
_TURN_BY_NOTHING = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
_BOLD = 600  # of a font, from which weight on it is bold


def with_plain_text(svg: str) -> str:
    """A drawing of Matplotlib (``svg.fonttype`` "none") whose lines of text are as wide in every font as they were measured.

    Each line states its length, and a reader's own font is drawn a little wider or narrower to fill it. The file is made
    smaller without a change to what it shows.

    Examples
    --------
    >>> line = "<text style=\\"font-size: 9px; font-family: 'DejaVu Sans'; fill: #222222\\" x=\\"1\\" y=\\"2\\">n</text>"
    >>> with_plain_text(line)
    '<text font-size="9" fill="#222222" textLength="5.7" lengthAdjust="spacingAndGlyphs" x="1" y="2">n</text>'
    """
    svg = _TEXT.sub(_line, _TURN_BY_NOTHING.sub("", svg))
    svg = re.sub(r'(?<= d=")[^"]*', _shorter_path, svg)
    svg = _OWN_NAME.sub("", svg).replace("'DejaVu Sans'", html.escape(FONTS))
    return svg.replace("<svg ", f'<svg font-family="{FONTS}" ', 1)


def _line(match: re.Match[str]) -> str:
    style = dict(part.split(": ", 1) for part in match[1].split("; "))
    style.pop("font-family")
    size = float(style["font-size"].removesuffix("px"))
    style["font-size"] = f"{size:g}"
    bold = int(style.get("font-weight", "400")) >= _BOLD
    length = width_of(html.unescape(match[3]).strip(), size=size, bold=bold)
    known = {"textLength": f"{length:.1f}", "lengthAdjust": "spacingAndGlyphs"} if length > 0 else {}
    attributes = "".join(f' {name}="{value}"' for name, value in (style | known).items())
    return f"<text{attributes}{match[2]}>{match[3]}</text>"


def _shorter_path(match: re.Match[str]) -> str:
    """A path to hundredths of a point (Matplotlib writes millionths), without needless spaces."""
    path = re.sub(r"(\d\.\d\d)\d+", r"\1", match[0])
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", path)
