"""The lessons of a book: the index of cells, a file for each cell and each chapter, and all tables as one file."""

import json
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from evlib.base.files import write_bytes, zipped
from evlib.base.paths import searched
from evlib.book.lessons.chapters import ALWAYS_IMPORTED, SOLUTION, Chapter, cells_alone, is_lifted, needs_of
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

if TYPE_CHECKING:
    from nbformat import NotebookNode

ALL_DATA = "all_data"
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
    it, without and with solutions; and all tables that cells use as one zip."""
    for name, chapter in chapters.items():
        for part in (name, *(cell.id for cell in chapter.cells if not cell.solution)) if chapter.cells else ():
            made = lesson(results, [part], protocol=protocol, chapters=chapters, solutions=True)
            write_lesson(made, folder / f"{part}{WITH_SOLUTIONS}.zip")
            write_lesson(without_solutions(made), folder / f"{part}.zip")
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
            "does not name `evlib` runs here as its copy button gives it, after the earlier cells whose names it uses."
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


def cell_index(chapters: dict[str, Chapter]) -> str:
    """The cells that can be lifted, chapter by chapter, as Markdown with links for a page of the book."""
    sections = []
    for name, chapter in chapters.items():
        rows = []
        for cell in chapter.cells:
            if cell.solution:
                continue
            needs = needs_of(cell, chapter)
            tables = ", ".join(f"`{chapter.tables[table]}`" for table in needs.tables)
            after = ", ".join(f"`{provider.id}`" for provider in needs.providers)
            facts = (
                f'<a href="{name}.html#{_anchor(cell.id)}">{cell.id}</a>',
                escaped(cell.about["teaches"]),
                escaped(cell.about["shows"]) + (f": *{cell.output}*" if cell.output else ""),
                f"{_files(cell.id, 'lesson')}: {cell.about['minutes']} minutes"
                + (f", with {tables}" if tables else "")
                + (f"; after {after}" if after else ""),
            )
            rows.append(f"| {' | '.join(facts)} |")
        if rows:
            minutes = sum(cell.about["minutes"] for cell in chapter.cells)
            sections.append(
                f"## {chapter.title}\n\nAll cells of this chapter and its *Try it*, about {minutes} minutes: {_files(name, name)}\n\n"
                "| cell | it teaches | it shows, *in this run* | take it |\n| --- | --- | --- | --- |\n"
                + "\n".join(rows)
            )
    return "\n\n".join(sections)


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
