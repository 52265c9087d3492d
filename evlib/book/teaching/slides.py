"""Slides for teaching: one page of HTML, made of Markdown, that works from a folder, without a network, and prints."""

import base64
import html
import re
from collections.abc import Mapping
from pathlib import Path

from evlib.base.words import filled

# A slide fills the window and the next one snaps in: space, the arrows and Page Down turn the pages. A figure is as
# high as the window, beside its heading. What to say is printed alone.
_STYLE = """
:root { color-scheme: light dark; }
html { scroll-snap-type: y mandatory; scroll-padding: 0; font: 1.6rem/1.4 system-ui, sans-serif; }
body { margin: 0; counter-reset: slide; }
section { box-sizing: border-box; min-height: 100vh; padding: 6vh 8vw 9vh; scroll-snap-align: start; position: relative;
  display: flex; flex-direction: column; justify-content: center; counter-increment: slide; }
section::after { content: counter(slide); position: absolute; right: 3vw; bottom: 3vh; font-size: 1rem; }
section > * { max-width: 60rem; }
h1, h2 { line-height: 1.15; margin: 0 0 1.5rem; }
ul, ol { margin: 0; padding-left: 1.5rem; } li { margin-bottom: 0.6rem; }
img { max-width: 100%; background: #fff; }
section:has(img) { padding-block: 3vh; flex-direction: row; align-items: center; gap: 4vw; }
p:has(img) { margin: 0; } p img { display: block; height: 93vh; }
li li { font-size: 0.85rem; margin-bottom: 0.2rem; }
blockquote { display: none; }
@media (max-width: 50rem) { html { font-size: 1.1rem; scroll-snap-type: none; } section:has(img) { display: block; } p img { height: auto; } }
@media print {
  @page { size: A4 landscape; margin: 1.5cm; }
  html { font-size: 1.1rem; }
  section { min-height: 0; padding: 0; break-after: page; display: block; }
  section::after { position: static; }
  section:has(img) { display: block; } p img { height: 9cm; }
  blockquote { display: block; margin: 1.5rem 0 0; padding-left: 1rem; border-left: 3px solid; font-size: 0.9rem; }
}
"""
# The arrows to the right and left turn the pages, too, as presenters expect; a browser itself has no such use for them here.
_TURN = """
addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const slides = [...document.querySelectorAll("section")];
  const here = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2);
  slides[here + step]?.scrollIntoView();
});
"""


def slides(path: str | Path, words: Mapping[str, str], *, figures: str | Path) -> str:
    """A page of slides from Markdown, with the run's words in place of ``{{ names }}``, and its figures from a folder in it.

    A line ``---`` begins the next slide; a quotation is what to say, and shows in print alone.
    """
    from markdown_it import MarkdownIt

    path = Path(path)
    text = filled(path.read_text(encoding="utf-8"), words, page=path.name)
    parts = [MarkdownIt("commonmark").render(part) for part in text.split("\n---\n")]
    title = html.escape(text.splitlines()[0].removeprefix("# "))
    body = "\n".join(
        f'<section aria-label="Slide {n} of {len(parts)}">\n{part}</section>' for n, part in enumerate(parts, 1)
    )
    body = re.sub(r'src="([\w-]+\.svg)"', lambda image: f'src="{_within(Path(figures) / image[1])}"', body)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{body}\n</main>\n<script>{_TURN}</script>\n</body>\n</html>\n"
    )


def _within(figure: Path) -> str:
    """A figure as an address that holds it, so that the page can be saved and taken along."""
    return f"data:image/svg+xml;base64,{base64.b64encode(figure.read_bytes()).decode()}"
