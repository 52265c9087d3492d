"""In the book, a trial's number or report in a chapter's table, and a point that stands for one in a figure, lead to its page.

Chapters themselves have no such links: opened as notebooks there is no page that they could lead to.
"""

import html
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

_CELL = re.compile(r"(<td[^>]*>)(?:(<a [^>]*>)([^<]+)</a>|([^<]+))(?=</td>)")
_POINT = re.compile(r"<use [^>]*><title>([^<]*)</title></use>")
_SVG = re.compile(r"<svg\b[^>]*>.*?</svg>", re.DOTALL)


def pages_of_trials(stories: Iterable[Mapping[str, Any]], *, page_name: Any) -> dict[str, tuple[str, str]]:
    """For each number of a trial and each report on one, the trial's number and the address of its page.

    A report that is tied to two trials is left out; so are the numbers that were merged into others, which the tables of
    records show as what they are.
    """
    found: dict[str, tuple[str, str] | None] = {}
    for story in stories:
        place = (story["trn"], f"trials/{page_name(story['trn'])}.html")
        found[story["trn"]] = place
        for name in {str(report["study"]) for report in story["reports"]}:
            found[name] = None if name in found else place
    return {name: place for name, place in found.items() if place}


def with_trial_links(notebook: "NotebookNode", pages: Mapping[str, tuple[str, str]]) -> "NotebookNode":
    """A chapter for the book whose tables and figures lead to the pages of trials."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data["text/html"] = _SVG.sub(lambda svg: _points(svg[0], pages), _cells(data["text/html"], pages))
    return notebook


def _cells(text: str, pages: Mapping[str, tuple[str, str]]) -> str:
    """The table cells that hold nothing but a trial's number or a report, as links; one that leads elsewhere keeps that, too."""

    def linked(match: re.Match[str]) -> str:
        start, outer, linked_name, plain_name = match.groups()
        name = linked_name or plain_name
        if (found := pages.get(html.unescape(name).strip())) is None:
            return match[0]
        trn, page = found
        if outer is None:
            return f'{start}<a href="{page}">{name}</a>'
        if trn == name:  # leads to the record
            return f'{start}<a href="{page}">{name}</a> ({outer}record</a>)'
        return f'{start}{outer}{name}</a> (<a href="{page}">{html.escape(trn)}</a>)'

    return _CELL.sub(linked, text)


def _points(svg: str, pages: Mapping[str, tuple[str, str]]) -> str:
    """The points of a drawing whose hint names a trial, or begins with a report, as links to its page.

    Keyboard and screen readers meet one link to each page; the mouse finds all.
    """
    seen: set[str] = set()

    def linked(match: re.Match[str]) -> str:
        words = html.unescape(match[1])
        named = (pages[word] for word in re.findall(r"[\w:/-]+", words) if word in pages)
        begun = (place for name, place in pages.items() if re.match(rf"{re.escape(name)}(?!\w)", words))
        place = next(named, None) or next(begun, None)
        if place is None:
            return match[0]
        trn, page = place
        label = html.escape(f"{trn}, its page", quote=True)
        reached = 'tabindex="-1" aria-hidden="true"' if page in seen else f'role="link" aria-label="{label}"'
        seen.add(page)
        return f'<a xlink:href="{page}" {reached}>{match[0]}</a>'

    drawn = _POINT.sub(linked, svg)
    if not seen:
        return svg
    drawn = drawn.replace(
        'role="img"', 'role="group"', 1
    )  # an image's parts are not met by keyboard and screen readers
    if "xmlns:xlink" not in drawn.partition(">")[0]:
        drawn = drawn.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1)
    return drawn
