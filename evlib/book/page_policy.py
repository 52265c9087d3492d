"""Only the book's own scripts run in it: chapters with outputs that could run others are refused, and each page has a policy."""

import base64
import hashlib
import html
import re
from collections.abc import Collection
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from evlib.base.errors import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MARKUP = {"text/html", "image/svg+xml", "text/markdown", "text/latex"}
_OWN_LINKS = {"text/markdown", "text/latex"}  # they write links in ways of their own
_SHOWN = _MARKUP | {"text/plain", "image/png", "image/jpeg"}
_ACTIVE = {"script", "iframe", "frame", "object", "embed", "base", "meta", "link", "form", "animate", "set"}
_RAW = {"textarea", "template", "noscript", "noembed", "noframes", "xmp", "plaintext"}  # browsers read them differently
_ADDRESSES = {"href", "xlink:href", "src", "action", "formaction", "data", "poster", "background"}
_SAFE_SCHEMES = ("http:", "https:", "mailto:", "data:image/")

_META = re.compile(r'\s*<meta http-equiv="Content-Security-Policy"[^>]*>')
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[a-z][^<>]*>", re.IGNORECASE)
_HANDLER = re.compile(r"""\son[a-z]+\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


def refuse_scripts(notebook: "NotebookNode", name: str) -> None:
    """Refuse an executed notebook with an output that could run a script when the notebook or its page is opened.

    Raises
    ------
    InputError
        Naming the notebook, the cell and what in its output could run a script.
    """
    if "widgets" in notebook.metadata:
        raise InputError(f"{name} holds the state of widgets, which are scripts. Run it without them.")
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            for kind, content in output.get("data", {}).items():
                danger = f"an output of the kind {kind}" if kind not in _SHOWN else None
                if kind in _MARKUP:
                    danger = first_danger(content)
                if kind in _OWN_LINKS and re.search(r"[(<{]\s*(?:java|vb)script\s*:", content, re.IGNORECASE):
                    danger = "a link to a script"
                if danger:
                    raise InputError(
                        f"{name}, cell {number}: its output holds {danger}, which could run a script. Text of records must be "
                        "escaped (html.escape, evlib.base.tables); figures and tables need no scripts."
                    )


def first_danger(markup: str) -> str | None:
    """The first part of a piece of HTML, SVG or Markdown that could run a script, in words; None where there is none."""
    parser = _DangerFinder()
    parser.feed(markup)
    if not parser.danger and re.search(r"<[a-z/!?]", parser.rawdata, re.IGNORECASE):
        return "a tag that is not closed"
    return parser.danger


class _DangerFinder(HTMLParser):
    """Notes the first part that could run a script, or that a browser might read differently from this parser."""

    danger: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE | _RAW:
            self._note(f"a <{tag}>")
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]+", "", value or "").lower()
            if name.startswith("on") or name == "srcdoc" or "</" in address:
                self._note(f"the attribute {name}")
            elif (
                name in _ADDRESSES
                and re.match(r"[a-z][a-z0-9+.-]*:", address)
                and not address.startswith(_SAFE_SCHEMES)
            ):
                self._note(f"a link to {address[:40]}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and "<" in data:
            self._note(f"markup in a <{self.cdata_elem}>")

    def handle_comment(self, data: str) -> None:
        if "<" in data or ">" in data:
            self._note("a comment with markup")

    handle_decl = handle_pi = unknown_decl = handle_comment

    def _note(self, danger: str) -> None:
        self.danger = self.danger or danger


def inline_scripts(markup: str) -> list[str]:
    """The scripts written out in a piece of HTML, as a browser hashes them."""
    scripts = _SCRIPT.findall(markup.replace("\r\n", "\n").replace("\r", "\n"))
    return [script for attributes, script in scripts if not re.search(r"\bsrc\s*=", attributes)]


def with_policy(page: str, *, own: Collection[str] = ()) -> str:
    """A page of the book with its Content-Security-Policy as a ``meta`` element, replacing an earlier one.

    No other host is called. Scripts written out in the page are allowed one by one, by their SHA-256: the theme's, which are
    outside of the article, and in the article those that are among ``own``. No other script there runs.

    Parameters
    ----------
    own
        Scripts that we put into articles ourselves (the tables with filters).
    """
    if (
        "Content-Security-Policy" in page
    ):  # searching every page for the whole element would take longer than all the rest
        page = _META.sub("", page)
    start, end = page.find("<article"), page.rfind("</article>")
    start, end = (start, end) if 0 <= start <= end else (len(page), len(page))
    before, article, after = page[:start], page[start:end], page[end:]
    ours = [script for script in inline_scripts(article) if script in own]
    handlers = [
        html.unescape(double or single)
        for tag in _TAG.findall(_SCRIPT.sub("", before) + _SCRIPT.sub("", after))
        if "on" in tag.lower()
        for double, single in _HANDLER.findall(tag)
    ]
    allowed = {*inline_scripts(before), *inline_scripts(after), *ours, *handlers}
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in allowed)
    scripts = ["'self'", *sorted(f"'sha256-{value}'" for value in hashes)]
    if handlers:  # the theme's buttons; only what is hashed may stand in them
        scripts.append("'unsafe-hashes'")
    rules = [
        "default-src 'self'",
        f"script-src {' '.join(scripts)}",
        # MathJax and the icons write style sheets as they run; tables and figures hold style attributes.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'; base-uri 'none'; form-action 'self'",
    ]
    meta = f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}" />'
    # After the encoding, which must stand within the first 1,024 bytes.
    return re.sub(r"<head>(\s*<meta charset=[^>]*>)?", lambda head: f"{head[0]}\n    {meta}", page, count=1)
