"""The lessons of a book: the index of cells, a file for each cell and each chapter, and all tables as one file."""

import html
import json
import re
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from evlib.base.files import write_bytes, write_text, zipped
from evlib.base.paths import searched
from evlib.book.lessons.chapters import ALWAYS_IMPORTED, SOLUTION, Cell, Chapter, cells_alone, is_lifted, needs_of
from evlib.book.lessons.data import Table, as_csv, dictionary, escaped, published_at, reading, table_of
from evlib.book.lessons.notebook import (
    FORMULA,
    YOUR_CODE,
    import_lines,
    lesson,
    notebook_of,
    without_solutions,
    write_lesson,
)
from evlib.book.lessons.pictures import image, rows_of, table_picture

if TYPE_CHECKING:
    from nbformat import NotebookNode

ALL_DATA, PICTURES = "all_data", "pictures"
WITH_SOLUTIONS = "-with-solutions"
_IMPORTS = [
    "import json",
    "from pathlib import Path",
    "import pandas as pd",
    "import numpy as np",
    "import seaborn as sns",
    *(line for _, line in ALWAYS_IMPORTED.values()),
]


def write_lessons(results: Path, chapters: dict[str, Chapter], folder: Path, *, protocol: dict) -> None:
    """Write a lesson of every cell that can be lifted, and of every chapter with such cells, each as a zip with its data beside
    it, without and with solutions; pictures of the tables that cells show; and all tables that cells use as one zip."""
    for name, chapter in chapters.items():
        for part in (name, *(cell.id for cell in chapter.cells if not cell.solution)) if chapter.cells else ():
            made = lesson(results, [part], protocol=protocol, chapters=chapters, solutions=True)
            write_lesson(made, folder / f"{part}{WITH_SOLUTIONS}.zip")
            write_lesson(without_solutions(made), folder / f"{part}.zip")
        for cell in chapter.cells:
            if "<table" in cell.markup and not cell.solution:
                write_text(folder / PICTURES / f"{cell.id}.svg", table_picture(rows_of(cell.markup)))
    write_bytes(folder / f"{ALL_DATA}.zip", zipped(all_data(results, chapters, protocol=protocol)))


def all_data(results: Path, chapters: dict[str, Chapter], *, protocol: dict) -> dict[str, bytes]:
    """Every table that a cell of the chapters can use as a CSV file, what the columns mean, the protocol, and for each chapter a
    notebook that reads them under the names that the chapter's cells use; by the names of the files."""
    import nbformat

    search_date = searched(results)["search_date"]
    published = published_at(search_date, protocol)
    files = {f"{ALL_DATA}/protocol.json": json.dumps(protocol, ensure_ascii=False, indent=1).encode()}
    held: dict[str, Table] = {}
    for name, chapter in chapters.items():
        plain = [needs for needs in map(itemgetter(1), cells_alone(chapter)) if needs]
        reads = []
        for own in dict.fromkeys(table for needs in plain for table in needs.tables):
            file = chapter.tables[own]
            if file not in held:
                held[file] = table_of(results, file, file)
            reads.append(reading(held[file]._replace(name=own), published=published))
        given = f'search_date = "{search_date}"\nreview = json.loads(Path("protocol.json").read_text(encoding="utf-8"))'
        imports = import_lines([*_IMPORTS, *(line for needs in plain for line in needs.imports)])
        told = (
            f"# Begin with the cells of a chapter\n\n*{chapter.title}* Run the next cell. Then a cell of the chapter's page that "
            "calls nothing of `evlib` (what it calls there is underlined) runs here as its copy button gives it, after the earlier cells "
            "whose names it uses."
        )
        cells = [
            nbformat.v4.new_markdown_cell(told),
            nbformat.v4.new_code_cell("\n\n".join([imports, given, "\n".join(reads)])),
        ]
        notebook = notebook_of([*cells, nbformat.v4.new_code_cell(YOUR_CODE)])
        files[f"{ALL_DATA}/{name}.ipynb"] = (nbformat.writes(notebook) + "\n").encode()
    files |= {f"{ALL_DATA}/{file}.csv": as_csv(table.frame).encode() for file, table in held.items()}
    about = f"# The tables of the chapters\n\n{FORMULA}\n\n{dictionary(held.values(), protocol)}\n"
    return files | {f"{ALL_DATA}/README.md": about.encode()}


def cell_index(chapters: dict[str, Chapter], *, repository: str = "") -> str:
    """The cells that can be lifted, chapter by chapter, as Markdown with links for a page of the book.

    Where ``repository`` gives an address at GitHub, each chapter can be opened on Binder and Colab from there.
    """
    sections = []
    for name, chapter in chapters.items():
        rows = []
        for cell in chapter.cells:
            if cell.solution:
                continue
            needs = needs_of(cell, chapter)
            tables = ", ".join(f"`{chapter.tables[table]}`" for table in needs.tables)
            after = ", ".join(f"`{provider.id}`" for provider in needs.providers)
            picture = _picture(cell)
            facts = (
                f'<a href="{name}.html#{_anchor(cell.id)}">{cell.id}</a>',
                escaped(cell.about["teaches"]),
                escaped(cell.about["shows"])
                + (f": *{cell.output}*" if cell.output else "")
                + (f'<br><a href="{name}.html#{_anchor(cell.id)}">{picture}</a>' if picture else ""),
                f"{_files(cell.id, 'lesson')}: {cell.about['minutes']} minutes"
                + (f", with {tables}" if tables else "")
                + (f"; after {after}" if after else ""),
            )
            rows.append(f"| {' | '.join(facts)} |")
        if rows:
            minutes = sum(cell.about["minutes"] for cell in chapter.cells)
            sections.append(
                f"## {chapter.title}\n\nAll cells of this chapter and its *Try it*, about {minutes} minutes: {_files(name, name)}{_launch(name, repository)}\n\n"
                "| cell | it teaches | it shows, *in this run* | take it |\n| --- | --- | --- | --- |\n"
                + "\n".join(rows)
            )
    return "\n\n".join(sections)


def _launch(name: str, repository: str) -> str:
    """Links that open a chapter with the project around it, for those who want more than its lessons."""
    _, _, place = repository.partition("https://github.com/")
    if not place:
        return ""
    binder = f"https://mybinder.org/v2/gh/{place}/main?urlpath=lab/tree/notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{place}/blob/main/notebooks/{name}.ipynb"
    return f'; the whole chapter <a href="{binder}">on Binder</a>, <a href="{colab}">on Colab</a>'


def _picture(cell: Cell) -> str:
    """A small picture of the table or figure that a cell showed; empty where it showed a sentence."""
    if figure := re.search(r'(?:alt|aria-label)="([^"]*).*?<a href="figures/([\w-]+)\.csv"', cell.markup, re.DOTALL):
        return image(f"figures/{figure[2]}.svg", html.unescape(figure[1]).partition(". ")[0])
    if "<table" in cell.markup:
        return image(f"lessons/{PICTURES}/{cell.id}.svg", f"The first rows of the table of cell {cell.id}")
    return ""


def _files(part: str, shown: str) -> str:
    return (
        f'<a href="lessons/{part}.zip" download>{shown}</a>, '
        f'<a href="lessons/{part}{WITH_SOLUTIONS}.zip" download>with solutions</a>'
    )


def for_the_book(notebook: "NotebookNode", chapter: Chapter) -> "NotebookNode":
    """A chapter with an anchor before each cell that can be lifted, for the links of the index of cells; a cell that needs nothing but
    our tables and figures to be shown stands without them, so that what its copy button gives runs anywhere."""
    import nbformat

    plain = {cell.id: cell.code for cell, needs, _ in cells_alone(chapter) if needs}
    cells = []
    for cell in notebook.cells:
        if is_lifted(cell) and SOLUTION not in cell.metadata.tags:
            anchor = _anchor(cell["id"])
            cells.append(nbformat.v4.new_markdown_cell(f'<span id="{anchor}"></span>', id=anchor))
        if cell.cell_type == "code":
            cell.source = plain.get(cell["id"], cell.source)
        cells.append(cell)
    notebook.cells = cells
    return notebook


def _anchor(cell_id: str) -> str:
    return f"cell-{cell_id}"
