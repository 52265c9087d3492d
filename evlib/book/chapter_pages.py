"""A chapter as the book shows it: its answer before how it came about, its figures by file, those for later on a page of their own.

A notebook runs from top to bottom, so that its answer comes where it is computed. The page takes what the cell with the tag
``answer`` showed and begins with it; nothing is computed anew. Markdown with the tag ``notebook-only`` (the heading of that cell)
is left out of the page.
"""

import html
import re

import nbformat
from docutils.nodes import make_id
from nbformat import NotebookNode

ANSWER, NOTEBOOK_ONLY, MORE_FIGURES = "answer", "notebook-only", "more-figures"
_OVERVIEW = "**Overview**"
_LAST_SECTIONS = {"What to remember", "Try it"}
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_EMBEDDED = re.compile(
    r'(<figure class="finding"><img alt="[^"]*" src=")data:image/svg\+xml;base64,[^"]*("><figcaption>Download: <a href="figures/([\w-]+)\.csv")',
    re.DOTALL,
)


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


def with_figure_files(notebook: NotebookNode) -> NotebookNode:
    """A chapter whose pictures are those of the folder ``figures`` beside its page, so that the page is small.

    A notebook holds each picture within itself, a page need not. A picture that is part of the page, since it has links or texts at its markers, stays so.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {}).get("text/html")
            if shown:
                output.data["text/html"] = _EMBEDDED.sub(r"\1figures/\3.svg\2", shown)
    return notebook


def _how_it_was_done(about: str, cells: list[NotebookNode]) -> str:
    """The box: what comes in and goes out, and a link to each section of the chapter."""
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = [name for name in dict.fromkeys(_HEADING.findall(prose)) if name not in _LAST_SECTIONS]
    links = " · ".join(f'<a href="#{make_id(name)}">{html.escape(name)}</a>' for name in headings)
    return (
        f"```{{admonition}} How this was done\n:class: tip\n{about}\n\nStep by step: {links}.\n\n"
        "The code of a step is folded: *Show code cell source* opens it, and the button below the title opens all of it.\n```"
    )


def _has(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _markdown(cell: NotebookNode) -> str:
    """What a cell of code showed as Markdown; empty for none."""
    return "\n\n".join(
        output.data["text/markdown"] for output in cell.get("outputs", []) if "text/markdown" in output.get("data", {})
    )
