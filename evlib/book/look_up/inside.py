"""See inside: pages with the functions of ``evlib`` that chapters call, and links that lead there from a chapter's code."""

import ast
import html
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import evlib
from evlib.base.files import write_text

if TYPE_CHECKING:
    from nbformat import NotebookNode

PLACES = "inside.json"  # in a laid-out source: for each page with code, where the names in it lead
_ROOT = Path(evlib.__file__).parent
_CELL = re.compile(r'(<div class="cell_input[^"]*">.*?<pre[^>]*>)(.*?)(</pre>)', re.DOTALL)
_NAME = re.compile(
    r'(?<!<span class="o">\.</span>)<span class="n">(\w+)</span>(?:<span class="o">\.</span><span class="n">(\w+)</span>)?'
)
_ABOUT = """Functions that chapters call, as they stand in the version of the code that made this book. Each begins with what it does,
what it takes and what it returns. What it calls in turn is in the same folder of the project."""


def write_inside(source: Path, chapters: Mapping[str, "NotebookNode"]) -> None:
    """Write a page for each folder of ``evlib`` of which chapters call functions, and where each name in a chapter leads.

    Parameters
    ----------
    source
        The book's source.
    chapters
        For each page with code cells, by its name without ending, the chapter whose code these are of, imports included.
    """
    places: dict[str, dict[str, str]] = {}
    shown: dict[str, dict[str, tuple[Path, str]]] = defaultdict(dict)
    callers: dict[str, list[str]] = defaultdict(list)
    for page, notebook in chapters.items():
        places[page] = {}
        for name, (module, function) in called(notebook).items():
            folder, _, short = module.partition(".")
            found = _definitions(module).get(function)
            if found:
                places[page][name] = f"inside/{folder}.html#{short}.{function}"
                shown[folder][f"{short}.{function}"] = _file(module).relative_to(_ROOT.parent), found
                callers[f"{folder}.{short}.{function}"].append(page)
    for folder, functions in shown.items():
        parts = [f"---\norphan: true\nnosearch: true\n---\n\n# Inside evlib.{folder}", _ABOUT]
        for name, (file, code) in sorted(functions.items()):
            pages = ", ".join(f"[](../{page}.ipynb)" for page in callers[f"{folder}.{name}"])
            fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", code)), default=0))
            parts.append(f'<span id="{name}"></span>\n\n## {name}\n\nIn `{file.as_posix()}`; called in: {pages}.')
            parts.append(f"{fence}python\n{code}\n{fence}")
        write_text(source / "inside" / f"{folder}.md", "\n\n".join(parts) + "\n")
    write_text(source / PLACES, json.dumps(places) + "\n")


def called(notebook: "NotebookNode") -> dict[str, tuple[str, str]]:
    """The names in a chapter's code that stand for functions of ``evlib``, each with its module below ``evlib`` and its own name.

    Examples
    --------
    >>> import nbformat
    >>> code = "from evlib.doses import figures\\nfrom evlib.base.words import joined as j\\nfigures.forest(j(['a']))"
    >>> called(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]))
    {'j': ('base.words', 'joined'), 'figures.forest': ('doses.figures', 'forest')}
    """
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    tree = ast.parse(re.sub(r"^([%!])", r"#\1", code, flags=re.MULTILINE))
    modules: dict[str, str] = {}
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "evlib":
            inside = node.module.partition(".")[2]
            for name in node.names:
                below = f"{inside}.{name.name}".strip(".")
                if _file(below):
                    modules[name.asname or name.name] = below
                elif "." in inside:
                    found[name.asname or name.name] = (inside, name.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found[f"{node.value.id}.{node.attr}"] = (modules[node.value.id], node.attr)
    return found


def with_links_inside(page: str, names: Mapping[str, str]) -> str:
    """A page of the book in whose code cells the names of functions lead to their source."""

    def linked(match: re.Match[str]) -> str:
        name = ".".join(filter(None, match.groups()))
        if name not in names:
            return match[0]
        place = html.escape(names[name], quote=True)
        return f'<a class="inside" href="{place}" title="See inside {html.escape(name)}">{match[0]}</a>'

    return _CELL.sub(lambda cell: cell[1] + _NAME.sub(linked, cell[2]) + cell[3], page)


def _file(module: str) -> Path | None:
    """The file of a module below ``evlib``; None where there is no such module."""
    path = _ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def _definitions(module: str) -> dict[str, str]:
    """The source of each function and class of a module below ``evlib``."""
    text = _file(module).read_text(encoding="utf-8")
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found
