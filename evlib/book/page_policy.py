"""Nothing runs in the book but its own scripts: chapters whose outputs could are refused, and each page has a policy."""

import base64
import hashlib
import html
import re
from collections.abc import Collection, Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from evlib.base.errors import InputError
from evlib.base.files import write_text

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MARKUP = {"text/html", "image/svg+xml", "text/markdown", "text/latex"}
_LINKING = {"text/markdown", "text/latex"}  # have ways of their own to write a link
_SHOWN = _MARKUP | {"text/plain", "image/png", "image/jpeg"}
_ACTIVE = {"script", "iframe", "frame", "object", "embed", "base", "meta", "link", "form", "animate", "set"}
_RAW = {"textarea", "template", "noscript", "noembed", "noframes", "xmp", "plaintext"}  # read otherwise by browsers
_ADDRESSES = {"href", "xlink:href", "src", "action", "formaction", "data", "poster", "background"}
_FOLLOWED = ("http:", "https:", "mailto:", "data:image/")

_META = re.compile(r'\s*<meta http-equiv="Content-Security-Policy"[^>]*>')
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[a-z][^<>]*>", re.IGNORECASE)
_HANDLER = re.compile(r"""\son[a-z]+\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


def refuse_scripts(notebook: "NotebookNode", name: str) -> None:
    """Refuse an executed notebook with an output that could run a script where the notebook or its page is opened.

    Raises
    ------
    InputError
        Naming the notebook, the cell and what was found in its output.
    """
    if "widgets" in notebook.metadata:
        raise InputError(f"{name} keeps the state of widgets, which are scripts. Run it without them.")
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            for kind, content in output.get("data", {}).items():
                found = f"an output of the kind {kind}" if kind not in _SHOWN else None
                if kind in _MARKUP:
                    found = found_script(content)
                if kind in _LINKING and re.search(r"[(<{]\s*(?:java|vb)script\s*:", content, re.IGNORECASE):
                    found = "a link to a script"
                if found:
                    raise InputError(
                        f"{name}, cell {number}: its output holds {found}, which could run a script. Text of records must be "
                        "escaped (html.escape, evlib.base.tables); figures and tables need no scripts."
                    )


def found_script(markup: str) -> str | None:
    """The first thing in a piece of HTML, SVG or Markdown that could run a script, in words; None where there is none."""
    finder = _Finder()
    finder.feed(markup)
    if not finder.found and re.search(r"<[a-z/!?]", finder.rawdata, re.IGNORECASE):
        return "a tag that is not closed"
    return finder.found


class _Finder(HTMLParser):
    """Notes the first thing that could run a script, or that a browser might read otherwise than this parser does."""

    found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE | _RAW:
            self._note(f"a <{tag}>")
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]+", "", value or "").lower()
            if name.startswith("on") or name == "srcdoc" or "</" in address:
                self._note(f"the attribute {name}")
            elif name in _ADDRESSES and re.match(r"[a-z][a-z0-9+.-]*:", address) and not address.startswith(_FOLLOWED):
                self._note(f"a link to {address[:40]}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and "<" in data:
            self._note(f"markup in a <{self.cdata_elem}>")

    def handle_comment(self, data: str) -> None:
        if "<" in data or ">" in data:
            self._note("a comment with markup")

    handle_decl = handle_pi = unknown_decl = handle_comment

    def _note(self, found: str) -> None:
        self.found = self.found or found


def add_policies(pages: Iterable[Path], *, own: Collection[str] = ()) -> None:
    """Write its policy into each of the pages (see ``with_policy``)."""
    for page in pages:
        write_text(page, with_policy(page.read_text(encoding="utf-8"), own=own))


def inline_scripts(markup: str) -> list[str]:
    """The scripts that stand in a piece of HTML, as a browser hashes them."""
    found = _SCRIPT.findall(markup.replace("\r\n", "\n").replace("\r", "\n"))
    return [script for attributes, script in found if not re.search(r"\bsrc\s*=", attributes)]


def with_policy(page: str, *, own: Collection[str] = ()) -> str:
    """A page of the book with its Content-Security-Policy as a ``meta`` element, in the place of an earlier one.

    No other host is called. Scripts that stand in the page are allowed one by one, by their SHA-256: those of the theme, which
    are outside of the article, and in the article those that are among ``own``. Any other script there does not run.

    Parameters
    ----------
    page
        The whole HTML of a page.
    own
        Scripts that we put into articles ourselves (the tables with filters).
    """
    if "Content-Security-Policy" in page:  # to look for the whole element in every page takes longer than all the rest
        page = _META.sub("", page)
    before, article, after = _parts(page)
    ours = [script for script in inline_scripts(article) if script in own]
    handlers = [
        html.unescape(double or single)
        for tag in _TAG.findall(_SCRIPT.sub("", before) + _SCRIPT.sub("", after))
        if "on" in tag.lower()
        for double, single in _HANDLER.findall(tag)
    ]
    scripts = [
        "'self'",
        *sorted({_hash(text) for text in inline_scripts(before) + inline_scripts(after) + ours + handlers}),
    ]
    if handlers:  # the theme's buttons; what is hashed alone may stand in them
        scripts.append("'unsafe-hashes'")
    if ours:  # DataTables is a module, which a page that is opened from a folder can import in no other way
        scripts.append("blob:")
    rules = [
        "default-src 'self'",
        f"script-src {' '.join(scripts)}",
        # MathJax, the icons and DataTables write style sheets as they run; tables and figures hold style attributes.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ]
    meta = f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}" />'
    # Below the encoding, which must stand within the first 1,024 bytes.
    return re.sub(r"<head>(\s*<meta charset=[^>]*>)?", lambda head: f"{head[0]}\n    {meta}", page, count=1)


def _parts(page: str) -> tuple[str, str, str]:
    """What stands before the article, the article, and what stands after."""
    start, end = page.find("<article"), page.rfind("</article>")
    return (page, "", "") if start < 0 or end < start else (page[:start], page[start:end], page[end:])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
