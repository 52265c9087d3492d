"""A chapter as the book shows it: its answer before how it came about, its figures by file, those for later on a page of their own.

A notebook runs from top to bottom, so that its answer comes where it is computed. The page takes what the cell with the tag
``answer`` showed and begins with it; nothing is computed anew. Markdown with the tag ``notebook-only`` (the heading of that cell)
is left out of the page.
"""

import html
import re
from pathlib import Path

import nbformat
from docutils.nodes import make_id
from nbformat import NotebookNode

from evlib.base.figure import NARROW_FILE, width_on_phones

ANSWER, NOTEBOOK_ONLY, MORE_FIGURES = "answer", "notebook-only", "more-figures"
_OVERVIEW = "**Overview**"
_LAST_SECTIONS = {"What to remember", "Try it"}
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_FIGURE = re.compile(r'<figure class="finding">(.*?)<figcaption>Download: <a href="figures/([\w-]+)\.csv"', re.DOTALL)
_EMBEDDED = re.compile(r'(?<= src=")data:image/svg\+xml;base64,[^"]*')


def answer_first(notebook: NotebookNode) -> NotebookNode:
    """An executed chapter that begins with its answer and a box on how it was done, which leads to the sections below.

    A chapter without an answer (its cell showed no Markdown) stays as it is.
    """
    found = next((cell for cell in notebook.cells if _has(cell, ANSWER) and _markdown(cell)), None)
    if found is None:
        return notebook
    answer, found.outputs = _markdown(found), []
    title, _, opening = notebook.cells[0].source.partition("\n")
    about, _, overview = opening.partition(_OVERVIEW)
    kept = [cell for cell in notebook.cells[1:] if not _has(cell, NOTEBOOK_ONLY)]
    parts = [title, answer, _how_it_was_done(about.strip(), kept)]
    if overview.strip():
        parts.append(f":::{{dropdown}} To learn or to teach with this chapter\n{overview.strip()}\n:::")
    first = notebook.cells[0].copy()
    first.source = "\n\n".join(parts)
    notebook.cells = [first, *kept]
    return notebook


def figures_apart(notebook: NotebookNode, *, title: str, about: str) -> NotebookNode | None:
    """Take the cells with the tag ``more-figures`` out of a chapter; returns them as a page, or None where there are none."""
    apart = [cell for cell in notebook.cells if _has(cell, MORE_FIGURES)]
    if not apart:
        return None
    notebook.cells = [cell for cell in notebook.cells if not _has(cell, MORE_FIGURES)]
    for cell in apart:
        if cell.cell_type == "markdown":  # what was a part of a section of that name
            cell.source = cell.source.removeprefix(f"## {title}\n\n").replace("### ", "## ")
    head = nbformat.v4.new_markdown_cell(f"# {title}\n\n{about}", id="more-figures-00")
    return nbformat.v4.new_notebook(metadata=notebook.metadata, cells=[head, *apart])


def with_figure_files(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A chapter whose pictures are those of the folder ``figures`` beside its page, so that the page is small.

    A notebook holds each picture within itself, a page need not. A picture that is part of the page, since it has links or texts
    at its markers, stays so. On a phone the page shows the narrow drawing, where there is one; without, the picture is as wide as
    its letters need and moves sideways.

    Parameters
    ----------
    folder
        Where the run has its figures.
    """

    def shown(figure: re.Match[str]) -> str:
        picture, hint = for_phones(_EMBEDDED.sub(f"figures/{figure[2]}.svg", figure[1]), figure[2], folder)
        return figure[0].replace(figure[1], picture, 1).replace("<figcaption>", f"<figcaption>{hint}", 1)

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = _FIGURE.sub(shown, output.data["text/html"])
    return notebook


def for_phones(picture: str, name: str, folder: Path) -> tuple[str, str]:
    """A picture of a figure (``img`` or ``svg``) as a page shows it, legible on a phone, too; and what its caption says of that."""
    narrow = f"{name}{NARROW_FILE}"
    if picture.startswith("<img") and (folder / narrow).is_file():
        source = f'<source media="(max-width: 600px)" srcset="figures/{narrow}">'
        return f"<picture>{source}{picture}</picture>", ""
    wide = width_on_phones((folder / f"{name}.svg").read_text(encoding="utf-8"))
    if 'class="narrow"' in picture or not wide:
        return picture, ""
    hint = '<span class="sideways-hint">Swipe or scroll the figure sideways to see all of it.</span> '
    return f'<div class="sideways" style="--wide: {wide}px">{picture}</div>', hint


def _how_it_was_done(about: str, cells: list[NotebookNode]) -> str:
    """The box: what comes in and goes out, and a link to each section of the chapter."""
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = [name for name in dict.fromkeys(_HEADING.findall(prose)) if name not in _LAST_SECTIONS]
    links = " · ".join(f'<a href="#{make_id(name)}">{html.escape(name)}</a>' for name in headings)
    return (
        f"```{{admonition}} How this was done\n:class: tip\n{about}\n\nStep by step: {links}.\n\n"
        "The code of a step is folded: *Show code cell source* opens it, and the button below the title opens all of it. "
        "A dotted name in it leads to what it does.\n```"
    )


def _has(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _markdown(cell: NotebookNode) -> str:
    """What a cell of code showed as Markdown; empty for none."""
    return "\n\n".join(
        output.data["text/markdown"] for output in cell.get("outputs", []) if "text/markdown" in output.get("data", {})
    )
