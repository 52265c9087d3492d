"""A lesson: some cells of the chapters as a notebook that runs by itself, with its data beside it."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.files import write_bytes, zipped
from evlib.base.paths import searched
from evlib.book.lessons.chapters import Cell, Chapter, chapters_of, chosen_cells, needs_of
from evlib.book.lessons.data import Table, as_csv, dictionary, published_at, reading, table_of
from evlib.run.pipeline import source_kernelspec

if TYPE_CHECKING:
    from nbformat import NotebookNode

MAX_ROWS = 400  # of a table in a notebook that holds its data, so that it stays small
YOUR_CODE, ANSWER = "# your code here", "solution"
_SIMPLE = {"count", "head", "max", "mean", "min", "rename", "round", "sort_values", "sum"}
FORMULA = "In these files, a text that a spreadsheet would run as a formula has a leading apostrophe."


class Lesson(NamedTuple):
    """A notebook without outputs, and the files that belong beside it by their names: its tables, and what they mean."""

    notebook: "NotebookNode"
    files: dict[str, str]


def lesson(
    results: str | Path,
    cells: Iterable[str],
    *,
    protocol: dict,
    title: str = "",
    chapters: dict[str, Chapter] | None = None,
    solutions: bool = False,
    inline: bool = False,
) -> Lesson:
    """A notebook of some cells that runs by itself, with pandas and seaborn alone.

    Parameters
    ----------
    results
        The folder of a run, whose notebooks and tables are used.
    cells
        Ids of cells (``dose-06b``) in the wanted order; the name of a chapter (``03_describe``) stands for all its cells that
        can be lifted. Cells of the same chapter that make what these need are added before them.
    protocol
        The review's, for what the codes mean.
    title
        The heading; where empty, the question of the chapter.
    chapters
        Those of the run, where ``chapters_of`` has read them already.
    solutions
        Whether it is the teacher's edition, in which a solution follows each empty cell.
    inline
        Whether the data are in the notebook itself, at most ``MAX_ROWS`` rows of each table, and no files belong beside it.

    Raises
    ------
    InputError
        Where a name is unknown, or a cell needs more than pandas, numpy, seaborn, matplotlib and IPython; it says what.
    """
    import nbformat

    results, chapters = Path(results), chapters or chapters_of(results)
    parts: dict[str, Cell] = {}
    for cell in chosen_cells([text.strip() for text in cells], chapters):
        for part in (*needs_of(cell, chapters[cell.chapter]).providers, cell):
            parts.setdefault(part.id, part)
    needs = {cell.id: needs_of(cell, chapters[cell.chapter]) for cell in parts.values()}
    lifted = [cell for cell in parts.values() if not cell.solution]
    tries = [cell for cell in parts.values() if cell.solution]
    sources = list(dict.fromkeys(cell.chapter for cell in parts.values()))
    parameters = {"title": protocol.get("title", "a review of clinical trials")} | searched(results)
    published = published_at(parameters["search_date"], protocol)

    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    users: dict[tuple[str, str], list[Cell]] = {}
    for cell in parts.values():
        for name in needs[cell.id].tables:
            users.setdefault((name, chapters[cell.chapter].tables[name]), []).append(cell)
    _refuse_two_meanings(users)
    tables = []
    for (name, file), own in users.items():
        words = {word for cell in own for word in cell.words}
        tables.append(table_of(results, name, file, used=None if f"{name}.*" in words else words))
    cut = ""
    if inline:
        shorter = [_cut(table, own) for table, own in zip(tables, users.values(), strict=True)]
        tables, cut = [table for table, _ in shorter], "".join(note for _, note in shorter)
    reads = [_inline(table) if inline else reading(table, published=published) for table in tables]
    imports = [line for cell in parts.values() for line in needs[cell.id].imports]
    imports += ["import pandas as pd", *(["import io"] if inline else [])]
    heading = title or (chapters[sources[0]].title if len(sources) == 1 else "A lesson on records of clinical trials")
    meanings = dictionary(tables, protocol)
    titles = [chapters[name].title for name in sources]
    body = [
        markdown(_opening(heading, [*parts.values()], tables, titles, parameters, inline)),
        code(import_lines(imports)),
    ]
    if tables:
        body.append(markdown(f"## The data\n\n{cut}{meanings}"))
        body.append(code("\n".join(reads), metadata={"jupyter": {"source_hidden": True}} if inline else {}))
    for number, cell in enumerate(lifted, start=1):
        teaches = cell.about["teaches"]
        text = f"## {number}. {teaches[0].upper()}{teaches[1:]}\n\n{_plain_markdown(cell.before)}".strip()
        body += [markdown(f"{text}\n\n{_mind(cell)}"), code(cell.code)]
        if cell.about.get("exercise"):
            body += [markdown(f"**Exercise.** {cell.about['exercise']}"), code(YOUR_CODE)]
            if cell.about.get("solution"):
                body.append(code(f"# A solution\n{cell.about['solution']}", metadata={"tags": [ANSWER]}))
    if tries:
        body.append(markdown("## Try it"))
        for cell in tries:
            body += [markdown(f"{chapters[cell.chapter].exercises[cell.id]}\n\n{_mind(cell)}"), code(YOUR_CODE)]
            body.append(code(cell.code, metadata={"tags": [ANSWER]}))
    body.append(markdown(_closing(parameters)))
    files = {} if inline else {f"{table.file}.csv": as_csv(table.frame) for table in tables}
    if files:
        files["README.md"] = f"# {heading}\n\nThe tables beside the notebook. {FORMULA}\n\n{meanings}\n"
    made = Lesson(notebook_of(body), files)
    return made if solutions else without_solutions(made)


def without_solutions(made: Lesson) -> Lesson:
    """The students' edition of a lesson."""
    cells = [cell.copy() for cell in made.notebook.cells if ANSWER not in cell.metadata.get("tags", [])]
    return made._replace(notebook=notebook_of(cells))


def notebook_of(cells: "list[NotebookNode]") -> "NotebookNode":
    """A notebook of these cells, with the same ids from the same cells."""
    import nbformat

    for number, cell in enumerate(cells):
        cell["id"] = f"lesson-{number:02}"
    metadata = {"kernelspec": source_kernelspec(), "language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def write_lesson(made: Lesson, path: str | Path) -> None:
    """Write a lesson: into a folder, as a zip (``.zip``), or, where no file belongs beside it, as a notebook (``.ipynb``).

    Raises
    ------
    InputError
        Where another file is there: somebody may have worked in it.
    """
    import nbformat

    path = Path(path)
    texts = {f"{path.stem}.ipynb": nbformat.writes(made.notebook) + "\n"} | made.files
    contents = {path / name: text.encode() for name, text in texts.items()}
    if path.suffix == ".zip":
        contents = {path: zipped({f"{path.stem}/{name}": text.encode() for name, text in texts.items()})}
    elif path.suffix == ".ipynb" and not made.files:
        contents = {path: texts[path.name].encode()}
    for file, content in contents.items():
        if file.exists() and (file.is_dir() or file.read_bytes() != content):
            raise InputError(
                f"{file} is there: somebody may have worked in it. Remove it, or name another place with --out."
            )
    for file, content in contents.items():
        write_bytes(file, content)


def _refuse_two_meanings(users: dict[tuple[str, str], list[Cell]]) -> None:
    """Cells of two chapters may mean two tables by one name; one lesson cannot hold both."""
    held: dict[str, Cell] = {}
    for (name, file), own in users.items():
        if name in held:
            raise InputError(
                f"cells {held[name].id} and {own[0].id} call two tables '{name}' (the second means {file}.csv). Make two lessons."
            )
        held[name] = own[0]


def _cut(table: Table, cells: list[Cell]) -> tuple[Table, str]:
    """The rows of a table that a notebook can hold, and a sentence where they are not all."""
    frame = table.frame
    rows = [cell.about.get("rows", {}).get(table.name) for cell in cells]
    if all(rows):
        frame = frame.query(" or ".join(f"({row})" for row in dict.fromkeys(rows)))
    n = len(frame)
    note = (
        f"`{table.name}` holds the **first {MAX_ROWS} of {n}** rows, so that counts differ from those of the book.\n\n"
    )
    return table._replace(frame=frame.iloc[:MAX_ROWS]), note if n > MAX_ROWS else ""


def _inline(table: Table) -> str:
    """Code that makes a table from string literals as ``repr`` writes them, so that no text of a registry can end one."""
    text = table.frame.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")
    lines = "\n".join(f"    {line!r}" for line in text.splitlines(keepends=True))
    return f"text = (\n{lines}\n)\n" + reading(table, place="io.StringIO(text)")


def import_lines(lines: Iterable[str]) -> str:
    """Import statements, each once: the standard library's first, names from one module together."""
    plain, named = set(), {}
    for line in lines:
        if parts := re.fullmatch(r"from (\S+) import (.+)", line):
            named.setdefault(parts[1], set()).add(parts[2])
        else:
            plain.add(line)
    statements = [*plain, *(f"from {module} import {', '.join(sorted(names))}" for module, names in named.items())]
    standard = [line for line in statements if line.split()[1].split(".")[0] in sys.stdlib_module_names]
    others = sorted(set(statements) - set(standard), key=lambda line: (line.startswith("from"), line))
    return "\n".join([*sorted(standard), "", *others]).strip()


def _mind(cell: Cell) -> str:
    return f"> **Mind.** {cell.about['mind']}"


def _plain_markdown(text: str) -> str:
    """Markdown of a chapter for any notebook: no roles, labels or links to other pages of the book; headings as bold text."""
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"<!-- .*? -->", "", text)  # the marks of passages that not every review has
    text = re.sub(r"\{cite:p\}`([^`]+)`", r"[\1]", text)
    text = re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", text)
    return re.sub(r"^#+ (.+)$", r"**\1**", text, flags=re.MULTILINE)


def _opening(
    heading: str, cells: list[Cell], tables: list[Table], chapters: list[str], parameters: dict[str, str], inline: bool
) -> str:
    goals = (cell.about["teaches"] for cell in cells if not cell.solution)
    learns = "\n".join(f"- {goal[0].upper()}{goal[1:]}" for goal in goals)
    taken = "; ".join(f"*{title}*" for title in chapters)
    files = ", ".join(f"`{table.file}.csv`" for table in tables)
    data = "its data are in it" if inline or not tables else f"its data are the CSV files beside this notebook: {files}"
    return (
        f"# {heading}\n\n"
        f"This notebook is taken from *{parameters['title']}*, an open review (evtrials): "
        f"{taken} It counts records registered by {parameters['search_date']}, as their sources showed them by "
        f"{parameters['snapshot']}.\n\n"
        f"**You will learn**\n\n{learns or '- by the exercises below'}\n\n"
        f"**Time:** about {sum(cell.about['minutes'] for cell in cells)} minutes, with the exercises.\n\n"
        f"**You need** Python with pandas (2 or 3) and seaborn; {data}. {_of_pandas(cells)}\n\n"
        "Run the cells in order. Above each stands what to keep in mind of its numbers; after it comes an exercise, with a cell for "
        "your answer."
    )


def _of_pandas(cells: list[Cell]) -> str:
    """What of pandas the code of these cells calls, beside the simplest: what a student should know, or look up."""
    known = {name for place in (pd, pd.DataFrame, pd.Series, pd.Series.str) for name in dir(place)} - _SIMPLE
    called = {name for cell in cells if not cell.solution for name in re.findall(r"\.(\w+)\(", cell.code)} & known
    told = f": `{'`, `'.join(sorted(called))}`" if called else ""
    return (
        f"You should be able to read code that works with tables in pandas; look up what you do not know of it{told}."
    )


def _closing(parameters: dict[str, str]) -> str:
    return (
        "## Where this comes from\n\n"
        f"evtrials: *{parameters['title']}*, search date {parameters['search_date']}, records of {parameters['snapshot']}. Text and data: "
        "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); code: MIT. Use and change it as you like; name the source "
        "and say what you changed. Each fact of a trial is its registry's: the number (`trn`) names the record."
    )
