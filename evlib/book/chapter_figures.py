"""Chapters show their figures by file: a notebook holds each within itself, a page of the book need not."""

import re

from nbformat import NotebookNode

_EMBEDDED = re.compile(
    r'(<figure class="finding"><img alt="[^"]*" src=")data:image/svg\+xml;base64,[^"]*("><figcaption>Download: <a href="figures/([\w-]+)\.csv")',
    re.DOTALL,
)


def with_figure_files(notebook: NotebookNode) -> NotebookNode:
    """A chapter whose pictures are those of the folder ``figures`` beside its page, so that the page is small.

    A picture that is part of the page, since it has links or texts at its markers, stays so.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {}).get("text/html")
            if shown:
                output.data["text/html"] = _EMBEDDED.sub(r"\1figures/\3.svg\2", shown)
    return notebook
