"""What all figures share: saved with title, alt text and data, shown with links to them, and drawn in one style."""

import base64
import hashlib
import html
import io
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from xml.dom import minidom

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from evlib.base.files import write_bytes, write_text
from evlib.base.paths import SEARCH_FILE
from evlib.base.point_layout import BLUE, GREY, ORANGE, canvas, finished, width_of
from evlib.base.schema import write_csv
from evlib.base.theme import NOTE_LINE, TITLE_LINE, dress, put_note, put_title

NOT_REPORTED = "not reported"
UNREAD = "not yet read"  # what a reader sees of trials that the rules propose and nobody has decided on
INCLUDED, PENDING, NO_VALUE = BLUE, ORANGE, GREY
WIDTH_INCHES = 5.0
_NARROWEST_INCHES = 3.8
_AXIS_LINE = 46  # letters of the name of an axis that a drawing of full width has room for
PHONE, LETTERS = 360.0, 11.0  # pixels: what a phone has for a drawing, and how high letters are there at least
NARROW_FILE = ".narrow.svg"  # how the file of a drawing for phones ends
STYLE = {"svg.hashsalt": "evtrials", "svg.fonttype": "none", "figure.dpi": 150, "hatch.linewidth": 0.8}
STYLE |= {"font.family": "DejaVu Sans", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
STYLE |= {"axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left"}
STYLE |= {
    "text.hinting": "no_hinting"
}  # letters as in the SVG; hinted ones take longer and are no clearer at this size
UPON = "upon-"  # how the gid of a line begins that is drawn upon markers with hints
# Verdana, which most computers and phones have, is as wide as DejaVu Sans, in which lines are measured.
FONTS = "DejaVu Sans, Bitstream Vera Sans, Verdana, Geneva, sans-serif"
_TEXT = re.compile(r'<text style="([^"]*)"([^>]*)>([^<]*)</text>')
# What Matplotlib counts up, and nothing refers to.
_OWN_NAME = re.compile(r' id="(?:figure|axes|patch|text|line2d|legend|[xy]tick|matplotlib\.axis|\w+Collection)_\d+"')
_TURN_BY_NOTHING = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
_BOLD = 600  # of a font, from which weight on it is bold
_HEAD, _PNG_END = 200, b"IEND\xaeB`\x82"  # bytes of a PNG before its pixels, and its last ones
_PNG = {"pil_kwargs": {"compress_level": 3}}  # a third of the time that level 6 takes, for files a tenth larger


class Figure(NamedTuple):
    """A drawing, its file name without ending, the finding, a description for those who cannot see it, its data.

    Without a drawing it is what was counted, for a chapter to draw: ``show(counted, out, drawing=drawing)``. ``note`` stands
    below a drawing that is not laid out in points; ``dress`` of ``evlib.base.theme`` gives it that and its title.

    ``hints`` are texts that appear where a mouse rests on a marker: for the lines of the drawing with these ``gid``, one text
    for each marker in its order. They repeat what the data or a table beside the figure says. ``narrow`` draws it once more, for
    phones (see ``with_narrow``).
    """

    drawing: Drawing | None
    name: str
    title: str
    alt: str
    data: pd.DataFrame
    hints: Mapping[str, Sequence[str]] = MappingProxyType({})
    narrow: "Callable[[], Figure] | None" = None
    note: str = ""


def with_narrow(span: float) -> Callable[[Callable[..., Figure]], Callable[..., Figure]]:
    """For functions that return a figure ``span`` points wide: what they return is drawn again, narrower, when it is shown."""

    def decorated(draw: Callable[..., Figure]) -> Callable[..., Figure]:
        @wraps(draw)
        def drawn(*args: object, **settings: object) -> Figure:
            return draw(*args, **settings)._replace(narrow=partial(draw, *args, **settings, span=span))

        return drawn

    return decorated


def show(figure: Figure, out_dir: str | Path, *, drawing: Drawing | None = None, page: str = "") -> HTML:
    """Save a figure in ``out_dir/figures`` and return it for display, with links to its files.

    Written are its drawing (SVG, PNG), its data (CSV), its title and its alt text (TXT), and a narrower drawing (SVG), for the
    book's pages. The PNG is copied where a folder of results beside ``out_dir`` holds it of the same SVG.

    Parameters
    ----------
    drawing
        Of what was counted without one.
    page
        The page of the book that shows the figure (``02_screen.html``), where its boxes are links: the drawing becomes part
        of the page, links to places on it lead there (``#place``), others to the pages beside it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> counts = pd.DataFrame({"phase": ["1", "2"], "n": [5, 3]})
    >>> counted = Figure(None, "phases", "Most trials are of phase 1", "Bar chart: phase 1 has 5, 2 has 3.", counts)
    >>> drawing, axes = plt.subplots(layout="constrained")
    >>> _ = axes.bar(counts.phase, counts.n)
    >>> with TemporaryDirectory() as out:
    ...     shown = show(counted, out, drawing=drawing)
    ...     sorted(path.name for path in Path(out, "figures").iterdir())
    ['phases.csv', 'phases.narrow.svg', 'phases.png', 'phases.svg', 'phases.title.txt', 'phases.txt']
    """
    folder = Path(out_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{figure.name}{NARROW_FILE}").unlink(missing_ok=True)  # of an earlier run
    figure = figure._replace(drawing=drawing or figure.drawing)
    with matplotlib.rc_context(STYLE):
        if not _in_points(figure.drawing):  # one of points is complete
            dress(figure.drawing, figure.title, figure.note)
        narrow = figure.narrow() if figure.narrow else None
        svg, box = _as_svg(figure)
        write_bytes(folder / f"{figure.name}.png", _as_png(figure, svg, box, folder))
        if narrow or _narrowed(figure):
            narrow_svg, _ = _as_svg(narrow or figure)
            if not width_on_phones(narrow_svg):
                write_text(folder / f"{figure.name}{NARROW_FILE}", narrow_svg)
    for drawn in (figure, narrow) if narrow else (figure,):
        plt.close(drawn.drawing)
    write_text(folder / f"{figure.name}.svg", svg)
    write_csv(figure.data, folder / f"{figure.name}.csv")
    write_text(folder / f"{figure.name}.txt", figure.alt + "\n")
    write_text(folder / f"{figure.name}.title.txt", figure.title + "\n")
    if page or figure.hints:  # within an image no text appears
        picture = _inlined(svg, figure, page)
        if narrow:  # not shown but by the book's style, on phones
            again = figure._replace(name=f"{figure.name}-narrow")
            picture += _inlined(narrow_svg, again, page).replace('style="', 'class="narrow" style="display: none; ', 1)
    else:
        image = base64.b64encode(svg.encode()).decode()
        picture = f'<img alt="{html.escape(figure.alt, quote=True)}" src="data:image/svg+xml;base64,{image}">'
    links = ", ".join(
        f'<a href="figures/{figure.name}.{ending}" download>{text}</a>'
        for ending, text in (("csv", "its data (CSV)"), ("svg", "SVG"), ("png", "PNG"))
    )
    return HTML(f'<figure class="finding">{picture}<figcaption>Download: {links}</figcaption></figure>')


def _as_svg(figure: Figure) -> tuple[str, Bbox]:
    """The drawing as text, and the box around all that it shows."""
    vector, box = io.StringIO(), _drawn(figure.drawing)
    figure.drawing.savefig(vector, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches=box)
    svg = with_plain_text(vector.getvalue())
    return (_with_hints(svg, figure.hints) if figure.hints else svg), box


def _as_png(figure: Figure, svg: str, box: Bbox, folder: Path) -> bytes:
    """The drawing as PNG; not drawn but copied where results of another search beside these hold it of the same SVG.

    Each names in its first bytes what it was made from: SVG, resolution and version of Matplotlib.
    """
    look = {"dpi": STYLE["figure.dpi"], "bbox_inches": box, **_PNG}
    source = hashlib.sha256(f"{matplotlib.__version__} {look} {svg}".encode()).hexdigest()
    for search in folder.resolve().parent.parent.glob(f"*/{SEARCH_FILE}"):
        with suppress(OSError):
            there = (search.parent / folder.name / f"{figure.name}.png").read_bytes()
            if source.encode() in there[:_HEAD] and there.endswith(_PNG_END):
                return there
    file = io.BytesIO()
    figure.drawing.savefig(file, format="png", metadata={"Software": None, "Source": source}, **look)
    return file.getvalue()


def width_on_phones(svg: str) -> int:
    """How wide, in pixels, a drawing's smallest letters need it to be on a phone; 0 where it can be as narrow as the phone."""
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    smallest = min(map(float, re.findall(r'<text font-size="([\d.]+)"', svg)), default=LETTERS)
    wide = round(width * LETTERS / smallest)
    return wide if wide > PHONE else 0


def _narrowed(figure: Figure) -> bool:
    """Make a drawing of Matplotlib's as narrow as makes its smallest letters 11 pixels high on a phone, its title and note with it.

    False, and nothing is done, where it is laid out in points or would become too narrow for its labels.
    """
    drawing = figure.drawing
    if _in_points(drawing):
        return False
    sizes = [text.get_fontsize() for text in drawing.findobj(Text) if text.get_visible() and text.get_text().strip()]
    width = min(sizes) * PHONE / LETTERS / 72 - 2 * matplotlib.rcParams["savefig.pad_inches"]
    if not _NARROWEST_INCHES <= width < drawing.get_figwidth():
        return False
    drawing.set_size_inches(width, drawing.get_figheight())
    part = width / WIDTH_INCHES
    put_title(drawing, " ".join(drawing.get_suptitle().split()), letters=int(TITLE_LINE * part))
    if figure.note:
        put_note(drawing, figure.note, letters=int(NOTE_LINE * part))
    for axes in drawing.axes:
        axes.set_xlabel(textwrap.fill(axes.get_xlabel(), int(_AXIS_LINE * part)))
    drawing.set_layout_engine("constrained")
    return True


def _in_points(drawing: Drawing) -> bool:
    """Whether a drawing is one of ``evlib.base.point_layout``, laid out from the start."""
    return [axes.get_position().bounds for axes in drawing.axes] == [(0, 0, 1, 1)]


def _drawn(drawing: Drawing) -> Bbox:
    """Fix the layout of a drawing; returns the box around all that it shows, in inches.

    With ``bbox_inches="tight"`` each of SVG and PNG would lay it out again. A drawing of ``evlib.base.point_layout`` is laid
    out from the start, and nothing reaches beyond it.
    """
    if drawing.get_layout_engine() is None and _in_points(drawing):
        box = Bbox([(0, 0), drawing.get_size_inches()])
    else:
        drawing.get_layout_engine().execute(drawing)
        drawing.set_layout_engine(None)  # with "none", each format would be laid out once more
        box = drawing.get_tightbbox()
    return box.padded(matplotlib.rcParams["savefig.pad_inches"])


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


def _with_hints(svg: str, hints: Mapping[str, Sequence[str]]) -> str:
    """The drawing with a title on each marker of some of its lines; what is drawn upon a marker does not hide it."""
    document = minidom.parseString(svg)
    for group in document.getElementsByTagName("g"):
        if group.getAttribute("id") in hints:
            for marker, text in zip(group.getElementsByTagName("use"), hints[group.getAttribute("id")], strict=True):
                title = document.createElement("title")
                title.appendChild(document.createTextNode(text))
                marker.appendChild(title)
        elif group.getAttribute("id").startswith(UPON):
            group.setAttribute("pointer-events", "none")
    return document.toxml()


def _inlined(svg: str, figure: Figure, page: str) -> str:
    """The drawing as an element of a page, with its alt text; its ids and styles do not reach other elements.

    A box may hold several links to one place, one for its frame and one for each line of text: the keyboard and screen
    readers meet them as one.
    """
    root = minidom.parseString(svg).documentElement
    for part in (*root.getElementsByTagName("metadata"), *root.getElementsByTagName("style")):
        part.parentNode.removeChild(part)
    elements = [root, *root.getElementsByTagName("*")]
    ids = {element.getAttribute("id") for element in elements} - {""}
    first: dict[str, minidom.Element] = {}
    for element in elements:
        if element.tagName == "a":
            _anchored(element, first, page)
        for name, value in list(element.attributes.items()):
            own = re.sub(
                r"(?<=^#)[^#]+$|(?<=url\(#)[^)]+",
                lambda match: f"{figure.name}-{match[0]}" if match[0] in ids else match[0],
                value,
            )
            element.setAttribute(name, f"{figure.name}-{value}" if name == "id" else own)
        for comment in [node for node in element.childNodes if node.nodeType == minidom.Node.COMMENT_NODE]:
            element.removeChild(comment)
    for name in ("width", "height"):
        root.removeAttribute(name)
    root.setAttribute("role", "group" if first else "img")
    root.setAttribute("aria-label", figure.alt)
    root.setAttribute("stroke-linejoin", "round")  # what the removed style said, of this drawing only
    root.setAttribute("stroke-linecap", "butt")
    root.setAttribute("style", "width: 100%; height: auto; max-width: 44rem; background: #fff; color: #222")
    return root.toxml()


def _anchored(link: minidom.Element, first: dict[str, minidom.Element], page: str) -> None:
    """Make a link relative to the page that shows it; the first link to a place is named by the texts of all of them."""
    target = link.getAttribute("xlink:href").removeprefix("../").removeprefix(page)
    link.setAttribute("xlink:href", target)
    link.setAttribute("role", "link")
    if not target.startswith("https://") and link.hasAttribute("target"):
        link.removeAttribute("target")  # Matplotlib opens links in a new window
    text = " ".join(line.firstChild.data for line in link.getElementsByTagName("text") if line.firstChild)
    if target in first:
        link.setAttribute("tabindex", "-1")
        link.setAttribute("aria-hidden", "true")
        text = f"{first[target].getAttribute('aria-label')} {text}".strip()
    first.setdefault(target, link).setAttribute("aria-label", text)


def none_included(described: pd.DataFrame, *, proposed: str = "") -> str:
    """The title of a figure without an included trial: how many the rules propose, which are then all that its bars count.

    Parameters
    ----------
    described
        Table ``described``, without an included trial.
    proposed
        What follows the number of proposed trials, punctuation included; without it, that the figure leaves them out.
    """
    n = int((described.screening == "pending").sum())
    if not n:
        return "No trial is included, and none is proposed"
    return f"None included yet, {n} proposed{proposed or ', which this figure does not count'}"


def nothing(name: str, title: str) -> Figure:
    """A figure that is only its title."""
    axes, bottom = canvas(title)
    return Figure(finished(axes, bottom), name, title, f"Empty figure. {title}.", pd.DataFrame({"n": []}))
