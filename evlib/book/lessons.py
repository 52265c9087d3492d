"""Lessons: some of the chapters' cells as a notebook that runs by itself, with its data in it, for pandas and seaborn.

A cell that can be lifted into a lesson has the tag ``lesson``; its metadata say what it ``teaches``, what it ``shows`` and an
``exercise``. What it needs is read from its code, so that the index of cells cannot differ from what a cell does.
"""

import ast
import builtins
import html
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evlib.base.errors import InputError
from evlib.base.files import write_text
from evlib.base.paths import command_ending, searched
from evlib.base.schema import added_fields, kinds, read_table
from evlib.run.pipeline import source_kernelspec

if TYPE_CHECKING:
    from nbformat import NotebookNode

MAX_ROWS = 400  # of a table, so that a lesson stays small
TAG, SOLUTION = "lesson", "hide-cell"
_PACKAGES = {"pandas", "numpy", "seaborn", "matplotlib", "IPython"}
_ALWAYS_IMPORTED = {
    "pd": ("pandas", "import pandas as pd"),
    "plt": ("matplotlib", "import matplotlib.pyplot as plt"),
    "Markdown": ("IPython", "from IPython.display import Markdown"),
    "display": ("IPython", "from IPython.display import display"),
}
# Tables of a run by the names that the chapters give them: file and schema.
_TABLES = {
    name: (name, name) for name in ("records", "decisions", "trials", "described", "doses", "flow", "duplicates")
}
_TABLES |= {"outcomes": ("screened", "screened"), "everything": ("places", "records")}
_TABLES |= {"findings": ("summary_of_findings",) * 2, "beside": ("harms_beside_controls",) * 2}


class _Cell(NamedTuple):
    """A cell of code of a chapter."""

    id: str
    chapter: str
    code: str  # without our helpers
    takes: list[str]  # names that earlier cells or imports make
    makes: set[str]
    words: set[str]  # that could name a column
    about: dict  # its metadata on lessons
    before: str  # the Markdown before it
    solution: bool
    position: int
    output: str  # in the run, as a line of Markdown


class Chapter(NamedTuple):
    """A chapter of a run: its cells to lift and the others, what it imports, and the questions that its solutions answer."""

    name: str
    title: str
    cells: list[_Cell]
    others: list[_Cell]
    imports: dict[str, tuple[str, str]]  # by name: the package, and the line that imports it
    exercises: dict[str, str]


def lesson(
    results: str | Path, cells: Iterable[str], *, title: str = "", chapters: dict[str, Chapter] | None = None
) -> "NotebookNode":
    """A notebook of some cells that runs by itself, with pandas and seaborn alone.

    Parameters
    ----------
    results
        The folder of a run, whose notebooks and tables are used.
    cells
        Ids of cells (``dose-06b``) in the wanted order; the name of a chapter (``03_describe``) stands for all its cells that
        can be lifted. Cells of the same chapter that make what these need are added before them.
    title
        The heading; where empty, the question of the chapter.
    chapters
        Those of the run, where ``chapters_of`` has read them already.

    Returns
    -------
    nbformat.NotebookNode
        Without outputs. In place of each solution are its question and an empty cell.

    Raises
    ------
    InputError
        Where a name is unknown, or a cell needs more than pandas, numpy, seaborn, matplotlib and IPython; it says what.
    """
    import nbformat

    results, chapters = Path(results), chapters or chapters_of(results)
    parts: dict[str, _Cell] = {}
    for cell in _chosen_cells([text.strip() for text in cells], chapters):
        for part in (*_needs(cell, chapters[cell.chapter]).providers, cell):
            parts.setdefault(part.id, part)
    needs = {cell.id: _needs(cell, chapters[cell.chapter]) for cell in parts.values()}
    lifted = [cell for cell in parts.values() if not cell.solution]
    solutions = [cell for cell in parts.values() if cell.solution]
    sources = list(dict.fromkeys(cell.chapter for cell in parts.values()))
    parameters = searched(results)

    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    tables, notes = [], []
    for name in dict.fromkeys(table for need in needs.values() for table in need.tables):
        users = [cell for cell in parts.values() if name in needs[cell.id].tables]
        source, note = _table_as_code(results, name, users)
        tables.append(code(source, metadata={"jupyter": {"source_hidden": True}}))
        notes.append(note)
    imports = ["import io", "import pandas as pd", *(line for cell in lifted for line in needs[cell.id].imports)]
    heading = title or (chapters[sources[0]].title if len(sources) == 1 else "A lesson on records of clinical trials")
    body = [
        markdown(_opening(heading, lifted, [chapters[name].title for name in sources], parameters)),
        code(_import_lines(imports)),
        markdown("## The data\n\n" + "\n".join(f"- {note}" for note in notes)),
        *tables,
    ]
    for number, cell in enumerate(lifted, start=1):
        teaches = cell.about["teaches"]
        text = f"## {number}. {teaches[0].upper()}{teaches[1:]}\n\n{_plain_markdown(cell.before)}"
        body += [markdown(text.strip()), code(cell.code)]
        if cell.about.get("exercise"):
            body += [markdown(f"**Exercise.** {cell.about['exercise']}"), code("")]
    if solutions:
        body.append(markdown("## Try it"))
        for cell in solutions:
            body += [markdown(chapters[cell.chapter].exercises[cell.id]), code("")]
    body.append(markdown(_closing(parameters)))
    for number, cell in enumerate(body):
        cell["id"] = f"lesson-{number:02}"  # the same from the same run
    metadata = {"kernelspec": source_kernelspec(), "language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=body, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def write_lesson(notebook: "NotebookNode", path: str | Path) -> None:
    """Write a lesson to a file.

    Raises
    ------
    InputError
        Where another file is there: somebody may have worked in it.
    """
    import nbformat

    path, text = Path(path), nbformat.writes(notebook) + "\n"
    if path.exists() and (path.is_dir() or path.read_bytes() != text.encode()):
        raise InputError(
            f"{path} is there: somebody may have worked in it. Remove it, or name another file with --out."
        )
    write_text(path, text)


def write_lessons(results: str | Path, chapters: dict[str, Chapter], folder: str | Path) -> None:
    """Write a lesson of every chapter that has cells to lift, each to a file of the chapter's name."""
    for name, chapter in chapters.items():
        if chapter.cells:
            write_lesson(lesson(results, [name], chapters=chapters), Path(folder) / f"{name}.ipynb")


def cell_index(chapters: dict[str, Chapter]) -> str:
    """The cells that can be lifted, chapter by chapter, as Markdown with links for a page of the book."""
    sections = []
    for name, chapter in chapters.items():
        rows = []
        for cell in chapter.cells:
            if cell.solution:
                continue
            needs = _needs(cell, chapter)
            tables = ", ".join(f"`{table}`" for table in needs.tables)
            after = ", ".join(f"`{provider.id}`" for provider in needs.providers)
            facts = (
                f'<a href="{name}.html#{_anchor(cell.id)}">{cell.id}</a>',
                _for_table(cell.about["teaches"]),
                tables + (f"; after {after}" if after else ""),
                _for_table(cell.about["shows"]) + (f": *{cell.output}*" if cell.output else ""),
            )
            rows.append(f"| {' | '.join(facts)} |")
        if rows:
            sections.append(
                f"## {chapter.title}\n\n"
                f'A notebook of these cells: <a href="lessons/{name}.ipynb" download>{name}.ipynb</a>\n\n'
                "| cell | it teaches | it needs | it shows, *in this run* |\n| --- | --- | --- | --- |\n"
                + "\n".join(rows)
            )
    return "\n\n".join(sections)


def with_anchors(notebook: "NotebookNode") -> "NotebookNode":
    """A chapter with an anchor before each cell that can be lifted, for the links of the index of cells."""
    import nbformat

    cells = []
    for cell in notebook.cells:
        if _is_lifted(cell) and SOLUTION not in cell.metadata.tags:
            anchor = _anchor(cell["id"])
            cells.append(nbformat.v4.new_markdown_cell(f'<span id="{anchor}"></span>', id=anchor))
        cells.append(cell)
    notebook.cells = cells
    return notebook


def _output(cell: "NotebookNode") -> str:
    """What a cell showed in the run, in a line: a sentence, or the caption of a table."""
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            return _for_table(data["text/markdown"].replace("*", "").replace("\n", " "))
        if caption := re.search(r'<p class="caption"[^>]*>(.*?)</p>', data.get("text/html", "")):
            return caption[1].replace("|", "\\|")
    return ""


def _anchor(cell_id: str) -> str:
    return f"cell-{cell_id}"


def _is_lifted(cell: "NotebookNode") -> bool:
    return cell.cell_type == "code" and TAG in cell.metadata.get("tags", [])


def _for_table(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|")


def chapters_of(results: str | Path) -> dict[str, Chapter]:
    """The chapters of a run, read for lessons, by name.

    Raises
    ------
    InputError
        Where the folder holds no run, or a cell to lift is not plain Python or does not say what it teaches.
    """
    import nbformat

    paths = sorted(Path(results).glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise InputError(f"{results} holds no run. Make it first: make run{command_ending(results)}")
    return {path.stem: _chapter(path.stem, nbformat.read(path, as_version=4)) for path in paths}


def _chapter(name: str, notebook: "NotebookNode") -> Chapter:
    cells, others, imports, exercises = [], [], dict(_ALWAYS_IMPORTED), {}
    before = questions = ""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            before = cell.source
            questions = cell.source if "## Try it" in cell.source else questions
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            if not _is_lifted(cell):
                continue
            raise InputError(f"{name}, cell {cell['id']}: not plain Python ({error.msg}).") from None
        imports |= dict(_imported(tree))
        (cells if _is_lifted(cell) else others).append(_read_cell(name, cell, before, position))
        if SOLUTION in cell.metadata.get("tags", []):
            number = re.search(r"Solution to (\d+)", cell.source)
            question = number and re.search(rf"^{number[1]}\. (.+(?:\n {{2,}}.+)*)", questions, re.MULTILINE)
            exercises[cell["id"]] = re.sub(r"\s+", " ", question[1]) if question else ""
        before = ""
    heading = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    return Chapter(name, heading, cells, others, imports, exercises)


def _read_cell(chapter: str, cell: "NotebookNode", before: str, position: int) -> _Cell:
    about, solution = dict(cell.metadata.get("lesson", {})), SOLUTION in cell.metadata.get("tags", [])
    absent = [key for key in ("teaches", "shows") if not about.get(key)]
    if absent and _is_lifted(cell) and not solution:
        raise InputError(
            f"{chapter}, cell {cell['id']}: it has the tag '{TAG}', but its metadata do not say what it {absent[0]}. "
            f'Add: "lesson": {{"teaches": "…", "shows": "…", "exercise": "…"}}.'
        )
    code = _without_helpers(cell.source)
    tree = ast.parse(code)
    takes, makes = _takes_and_makes(tree)
    words = _column_words(tree) | set(re.findall(r"`(\w+)`", about.get("exercise", "")))
    return _Cell(cell["id"], chapter, code, takes, makes, words, about, before, solution, position, _output(cell))


def _without_helpers(source: str) -> str:
    """The code with our tables and figures shown by IPython and Matplotlib instead.

    ``tables.table(frame, caption=text)`` as a statement becomes ``display(Markdown(text), frame)``, and
    ``figure.show(figure.Figure(drawing, name, title, alt, data), out)`` becomes ``plt.show()`` and ``alt`` in words.
    """
    code = source
    for statement in ast.parse(source).body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call):
            continue
        segment, callee = ast.get_source_segment(source, call), ast.unparse(call.func)
        caption = [word.value for word in call.keywords if word.arg == "caption"]
        if callee == "tables.table" and caption:
            text, frame = (ast.get_source_segment(source, part) for part in (caption[0], call.args[0]))
            code = code.replace(segment, f"display(Markdown({text}), {frame})")
        elif callee == "figure.show" and ast.unparse(call.args[0]).startswith("figure.Figure("):
            alt = ast.get_source_segment(source, call.args[0].args[3])
            code = code.replace(segment, f"plt.show()\ndisplay(Markdown({alt}))")
    return code


def _takes_and_makes(tree: ast.Module) -> tuple[list[str], set[str]]:
    """The names that code takes from earlier code, in order, and those that it makes."""
    takes, makes = [], set()
    for statement in tree.body:
        inner = {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
        for node in ast.walk(statement):
            if isinstance(node, ast.comprehension):
                inner |= {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)} - inner
        if hasattr(statement, "body"):
            inner |= stored
        loaded = [node.id for node in names if isinstance(node.ctx, ast.Load)]
        takes += [name for name in loaded if name not in makes | inner and not hasattr(builtins, name)]
        makes |= stored | set(dict(_imported(statement)))
    return list(dict.fromkeys(takes)), makes


def _imported(tree: ast.AST) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each name that import statements make, with its package and a line that imports just this name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                origin = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
                module = node.module if isinstance(node, ast.ImportFrom) else alias.name
                name = alias.asname or alias.name.split(".")[0]
                yield name, (module.split(".")[0], f"{origin}{ast.unparse(alias)}")


def _column_words(tree: ast.Module) -> set[str]:
    """Every word of the code that could name a column."""
    nodes = list(ast.walk(tree))
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    return words | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


class _Needs(NamedTuple):
    tables: list[str]
    imports: list[str]
    providers: list[_Cell]


def _needs(cell: _Cell, chapter: Chapter) -> _Needs:
    """The tables, imports and earlier cells that a cell needs, also through those cells."""
    tables, imports, providers, missing = [], [], [], []
    earlier = [other for other in chapter.cells if other.position < cell.position and not other.solution]
    for name in cell.takes:
        provider = next((other for other in reversed(earlier) if name in other.makes), None)
        package, line = chapter.imports.get(name, ("", ""))
        if provider:
            more = _needs(provider, chapter)
            tables += more.tables
            imports += more.imports
            providers += [*more.providers, provider]
        elif name in _TABLES:
            tables.append(name)
        elif package in _PACKAGES or package in sys.stdlib_module_names:
            imports.append(line)
        else:
            missing.append(name)
    if missing:
        helpers = [name for name in missing if chapter.imports.get(name, ("",))[0] == "evlib"]
        reason = _why_missing((helpers or missing)[0], cell, chapter)
        raise InputError(f"{chapter.name}, cell {cell.id}, cannot be lifted: {reason}")
    unique = {provider.id: provider for provider in providers}
    return _Needs(list(dict.fromkeys(tables)), list(dict.fromkeys(imports)), list(unique.values()))


def _why_missing(name: str, cell: _Cell, chapter: Chapter) -> str:
    """Why a lesson cannot have a name that a cell needs, and what to do about it."""
    package, line = chapter.imports.get(name, ("", ""))
    if package == "evlib":
        used = re.search(rf"\b{name}\.\w+", cell.code)
        origin = re.sub(r"from (\S+) import (\w+).*", r"\1.", line)
        return f"it calls {origin}{used[0] if used else name}. Write it with pandas or seaborn alone, or leave the cell out."
    if package:
        return f"it needs the package {package}; a lesson has only {', '.join(sorted(_PACKAGES, key=str.lower))}."
    maker = next((other for other in reversed(chapter.others) if name in other.makes), None)
    if maker:
        tables = ", ".join(sorted(_TABLES))
        return f"it needs '{name}', which cell {maker.id} makes. Begin the cell from a table of the run: {tables}."
    return f"nothing in its chapter makes '{name}'."


def _chosen_cells(names: list[str], chapters: dict[str, Chapter]) -> list[_Cell]:
    """The cells with these ids, or of chapters with these names, in order."""
    by_id = {cell.id: cell for chapter in chapters.values() for cell in chapter.cells}
    cells = []
    for name in filter(None, names):
        chapter = chapters.get(name.removesuffix(".ipynb"))
        if chapter and chapter.cells:
            cells += chapter.cells
        elif name in by_id:
            cells.append(by_id[name])
        else:
            for chapter in chapters.values():  # a cell without the tag: say first what else it would need
                for cell in chapter.others:
                    if cell.id == name:
                        _needs(cell, chapter)
            able = [chapter.name for chapter in chapters.values() if chapter.cells]
            raise InputError(
                f"'{name}' is no cell that can be lifted, and no chapter with such cells. Name a chapter "
                f"({', '.join(able)}) or cells: {', '.join(by_id)}. To lift another cell, give it the tag '{TAG}' and say "
                "in its metadata what it teaches and shows (CONTRIBUTING.md); then run the chapters again."
            )
    if not cells:
        raise InputError('no cell is named. Type, for example: make lesson CELLS="03_describe" or CELLS="dose-06b"')
    return cells


def _table_as_code(results: Path, name: str, cells: list[_Cell]) -> tuple[str, str]:
    """Code that makes a table with the columns and rows that cells use; and a line of Markdown on what it holds.

    The data are string literals as ``repr`` writes them, line by line, so that no text of a registry can end one.
    """
    file, schema = _TABLES[name]
    words = {word for cell in cells for word in cell.words}
    frame = read_table(results / f"{file}.csv", schema, without=["place", "place_reason"] if file == "places" else [])
    kinds_of = kinds(schema, added=added_fields(frame, schema))
    used = [column for column in kinds_of if column == "trn" or column in words]
    rows = [cell.about.get("rows", {}).get(name) for cell in cells]
    if all(rows):
        frame = frame.query(" or ".join(f"({row})" for row in dict.fromkeys(rows)))
    n = len(frame)
    frame = frame[used].iloc[:MAX_ROWS]
    text = frame.to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")
    lines = "\n".join(f"    {line!r}" for line in text.splitlines(keepends=True))
    as_read = {"text": "str", "key": "str", "date": "str", "count": "Int64", "flag": "boolean", "number": "float64"}
    types = {column: as_read[kinds_of[column]] for column in used}
    source = (
        f"text = (\n{lines}\n)\n{name} = pd.read_csv(\n    io.StringIO(text),\n    dtype={types!r},\n"
        '    keep_default_na=False,\n    na_values=[""],\n)'
    )
    for column in used:
        if kinds_of[column] == "date":
            source += f'\n{name}["{column}"] = pd.to_datetime({name}["{column}"])'
    note = f"`{name}`: {len(frame)} rows with {', '.join(f'`{column}`' for column in used)} (the book's `{file}.csv`)"
    if n > MAX_ROWS:
        note += f". They are the **first {MAX_ROWS} of {n}** rows, so that counts differ from those of the book"
    return source, note


def _import_lines(lines: Iterable[str]) -> str:
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
    return "\n".join([*sorted(standard), "", *others])


def _plain_markdown(text: str) -> str:
    """Markdown of a chapter for any notebook: no roles, labels or links to other pages of the book; headings as bold text."""
    text = re.sub(r"^\([\w-]+\)=\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"<!-- .*? -->", "", text)  # the marks of passages that not every review has
    text = re.sub(r"\{cite:p\}`([^`]+)`", r"[\1]", text)
    text = re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", text)
    return re.sub(r"^#+ (.+)$", r"**\1**", text, flags=re.MULTILINE)


def _opening(heading: str, cells: list[_Cell], chapters: list[str], parameters: dict[str, str]) -> str:
    goals = "\n".join(f"- {goal[0].upper()}{goal[1:]}" for goal in (cell.about["teaches"] for cell in cells))
    taken = "; ".join(f"*{title}*" for title in chapters)
    return (
        f"# {heading}\n\n"
        "This notebook stands alone: pandas and seaborn are all that it needs, and its data are in it. It is taken from "
        f"*Trials of MSC-derived extracellular vesicles*, an open review of clinical trials (evtrials): {taken} It counts "
        f"records registered by {parameters['search_date']}, as their sources showed them by {parameters['snapshot']}.\n\n"
        f"**You will learn**\n\n{goals or '- by the exercises below'}\n\n"
        "Run the cells in order. After each comes an exercise, with an empty cell for your answer."
    )


def _closing(parameters: dict[str, str]) -> str:
    return (
        "## Where this comes from\n\n"
        "evtrials: *Trials of MSC-derived extracellular vesicles*, search date "
        f"{parameters['search_date']}, records of {parameters['snapshot']}. Text and data: "
        "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); code: MIT. Use and change it as you like; name the source "
        "and say what you changed. Each fact of a trial is its registry's: the number (`trn`) names the record."
    )
