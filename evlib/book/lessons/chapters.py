"""The cells of a run's chapters, read for lessons: what each takes, which tables of the run those are, and what it lacks."""

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evlib.base.errors import InputError
from evlib.base.paths import command_ending
from evlib.book.dataset import LEFT_OUT, TABLES
from evlib.book.lessons.data import escaped

if TYPE_CHECKING:
    from nbformat import NotebookNode

TAG, SOLUTION = "lesson", "hide-cell"
ABOUT = '"lesson": {"teaches": "…", "shows": "…", "mind": "…", "minutes": 10, "exercise": "…", "solution": "…"}'
_PACKAGES = {"pandas", "numpy", "seaborn", "matplotlib", "IPython"}
GIVEN = {"search_date", "review"}  # what the cells of every chapter have beside tables: the parameter, and the protocol
ALWAYS_IMPORTED = {
    "pd": ("pandas", "import pandas as pd"),
    "plt": ("matplotlib", "import matplotlib.pyplot as plt"),
    "Markdown": ("IPython", "from IPython.display import Markdown"),
    "display": ("IPython", "from IPython.display import display"),
}


class Cell(NamedTuple):
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
    markup: str  # of it: a table or a figure as HTML


class Chapter(NamedTuple):
    """A chapter of a run: its cells to lift and the others, what it imports, its tables, and the questions that its solutions answer."""

    name: str
    title: str
    cells: list[Cell]
    others: list[Cell]
    imports: dict[str, tuple[str, str]]  # by name: the package, and the line that imports it
    tables: dict[str, str]  # by name: the table of the run
    exercises: dict[str, str]


class Needs(NamedTuple):
    """What a cell needs, also through the earlier cells that it builds on."""

    tables: list[str]
    imports: list[str]
    providers: list[Cell]


def chapters_of(results: str | Path) -> dict[str, Chapter]:
    """The chapters of a run, read for lessons, by name.

    Raises
    ------
    InputError
        Where the folder holds no run, or a cell to lift is not plain Python or does not say what a lesson tells of it.
    """
    import nbformat

    results = Path(results)
    paths = sorted(results.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise InputError(f"{results} holds no run. Make it first: make run{command_ending(results)}")
    on_file = {path.stem for path in results.glob("*.csv")} - set(LEFT_OUT)
    return {path.stem: _chapter(path.stem, nbformat.read(path, as_version=4), on_file) for path in paths}


def _chapter(name: str, notebook: "NotebookNode", on_file: set[str]) -> Chapter:
    cells, others, imports, exercises = [], [], dict(ALWAYS_IMPORTED), {}
    tables = {}
    before = questions = ""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            before = cell.source
            questions = cell.source if "## Try it" in cell.source else questions
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            if not is_lifted(cell):
                continue
            raise InputError(f"{name}, cell {cell['id']}: not plain Python ({error.msg}).") from None
        imports |= dict(_imported(tree))
        tables |= {own: table for own, table in _tables_named(tree) if table in on_file}
        (cells if is_lifted(cell) else others).append(_read_cell(name, cell, before, position))
        if SOLUTION in cell.metadata.get("tags", []):
            number = re.search(r"Solution to (\d+)", cell.source)
            question = number and re.search(rf"^{number[1]}\. (.+(?:\n {{2,}}.+)*)", questions, re.MULTILINE)
            exercises[cell["id"]] = re.sub(r"\s+", " ", question[1]) if question else ""
        before = ""
    tables = {table: table for table in TABLES if table in on_file and table not in imports} | tables
    heading = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    return Chapter(name, heading, cells, others, imports, tables, exercises)


def is_lifted(cell: "NotebookNode") -> bool:
    """Whether a cell of a chapter has the tag of those that can be lifted into a lesson."""
    return cell.cell_type == "code" and TAG in cell.metadata.get("tags", [])


def _read_cell(chapter: str, cell: "NotebookNode", before: str, position: int) -> Cell:
    about, solution = dict(cell.metadata.get("lesson", {})), SOLUTION in cell.metadata.get("tags", [])
    told = ("mind", "minutes") if solution else ("teaches", "shows", "mind", "minutes")
    absent = [key for key in told if not about.get(key)]
    if absent and is_lifted(cell):
        raise InputError(
            f"{chapter}, cell {cell['id']}: it has the tag '{TAG}', but its metadata lack '{absent[0]}', and a lesson tells what a "
            f"cell teaches and shows, what to keep in mind of its numbers, and how many minutes it takes. Add: {ABOUT}."
        )
    code = without_helpers(cell.source)
    tree, answer = ast.parse(code), ast.parse(about.get("solution", ""))
    takes, makes = _takes_and_makes(tree)
    takes += [name for name in _takes_and_makes(answer)[0] if name not in makes]
    takes += [name for name, (package, _) in _imported(tree) if not _is_there(package)]
    words = _column_words(tree) | _column_words(answer) | set(re.findall(r"`(\w+)`", about.get("exercise", "")))
    takes = list(dict.fromkeys(takes))
    return Cell(
        cell["id"], chapter, code, takes, makes, words, about, before, solution, position, _output(cell), _markup(cell)
    )


def _output(cell: "NotebookNode") -> str:
    """What a cell showed in the run, in a line: a sentence, or the caption of a table."""
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            return escaped(data["text/markdown"].replace("*", "").replace("\n", " "))
        if caption := re.search(r'<p class="caption"[^>]*>(.*?)</p>', data.get("text/html", "")):
            return caption[1].replace("|", "\\|")
    return ""


def _markup(cell: "NotebookNode") -> str:
    """The table or figure that a cell showed in the run as HTML; empty for none."""
    return next((text for output in cell.outputs if (text := output.get("data", {}).get("text/html", ""))), "")


def without_helpers(source: str) -> str:
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
        makes |= stored | set(dict(_imported(statement))) | {getattr(statement, "name", "")} - {""}
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


def _tables_named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each name that code gives a table of the run as it reads or writes one, ``out / "screened.csv"``, with that table."""
    for statement in tree.body:
        call = getattr(statement, "value", None)
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in {
            "read_table",
            "read_csv",
            "write_table",
            "write_csv",
        }:
            continue
        table = next(
            (found[1] for part in call.args if (found := re.fullmatch(r"out / '(\w+)\.csv'", ast.unparse(part)))), None
        )
        if table and isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, table
        elif table and (own := re.fullmatch(r"(\w+)(\.assign\(.*)?", ast.unparse(call.args[0]))):
            yield own[1], table


def _is_there(package: str) -> bool:
    return package in _PACKAGES or package in sys.stdlib_module_names


def _column_words(tree: ast.Module) -> set[str]:
    """Every word of the code that could name a column; ``table.*`` of a table whose ``columns`` it asks for."""
    nodes = list(ast.walk(tree))
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {
        f"{ast.unparse(node.value)}.*" for node in nodes if isinstance(node, ast.Attribute) and node.attr == "columns"
    }
    words |= {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    return words | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def needs_of(cell: Cell, chapter: Chapter, *, after: dict[str, Needs] | None = None) -> Needs:
    """The tables, imports and earlier cells that a cell needs, also through those cells.

    The earlier cells are those that can be lifted; or those of ``after``, by their ids with what they need in turn, where
    what is ``GIVEN`` is there, too.

    Raises
    ------
    InputError
        Where it needs what a lesson does not have, saying what.
    """
    tables, imports, providers, missing = [], [], [], []
    cells = (
        (*chapter.cells, *chapter.others) if after is not None else (own for own in chapter.cells if not own.solution)
    )
    earlier = sorted((own for own in cells if own.position < cell.position), key=lambda own: own.position)
    for name in cell.takes:
        if after is not None and name in GIVEN:
            continue
        package, line = chapter.imports.get(name, ("", ""))
        provider = next((own for own in reversed(earlier) if name in own.makes), None)
        if after is not None and provider and (package or provider.id not in after):
            provider = None
        if provider:
            more = after[provider.id] if after is not None else needs_of(provider, chapter)
            tables += more.tables
            imports += more.imports
            providers += [*more.providers, provider]
        elif name in chapter.tables:
            tables.append(name)
        elif _is_there(package):
            imports.append(line)
        else:
            missing.append(name)
    if missing:
        helpers = [name for name in missing if chapter.imports.get(name, ("",))[0] == "evlib"]
        reason = _why_missing((helpers or missing)[0], cell, chapter)
        raise InputError(f"{chapter.name}, cell {cell.id}, cannot be lifted: {reason}")
    unique = {provider.id: provider for provider in providers}
    return Needs(list(dict.fromkeys(tables)), list(dict.fromkeys(imports)), list(unique.values()))


def cells_alone(chapter: Chapter) -> Iterator[tuple[Cell, Needs | None, str]]:
    """The cells of a chapter that compute something, each with what it needs to run with the tables of the run and the packages of a
    lesson alone, or with why it cannot."""
    alone: dict[str, Needs] = {}
    for cell in sorted((*chapter.cells, *chapter.others), key=lambda cell: cell.position):
        try:
            alone[cell.id] = needs_of(cell, chapter, after=alone)
            why = ""
        except InputError as error:
            why = str(error)
        if set(cell.takes) - cell.makes:  # more than imports, or constants
            yield cell, alone.get(cell.id), why


def _why_missing(name: str, cell: Cell, chapter: Chapter) -> str:
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
        tables = ", ".join(sorted(chapter.tables))
        return f"it needs '{name}', which cell {maker.id} makes. Begin the cell from a table of the run: {tables}."
    return f"nothing in its chapter makes '{name}'."


def chosen_cells(names: list[str], chapters: dict[str, Chapter]) -> list[Cell]:
    """The cells with these ids, or of chapters with these names, in order.

    Raises
    ------
    InputError
        Where a name is none of these, or a cell needs what a lesson does not have.
    """
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
                        needs_of(cell, chapter)
            able = [chapter.name for chapter in chapters.values() if chapter.cells]
            raise InputError(
                f"'{name}' is no cell that can be lifted, and no chapter with such cells. Name a chapter "
                f"({', '.join(able)}) or cells: {', '.join(by_id)}. To lift another cell, give it the tag '{TAG}' and say "
                "in its metadata what it teaches and shows (CONTRIBUTING.md); then run the chapters again."
            )
    if not cells:
        raise InputError('no cell is named. Type, for example: make lesson CELLS="03_describe" or CELLS="dose-06b"')
    return cells
