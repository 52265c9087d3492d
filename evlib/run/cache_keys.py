"""What a notebook depends on: its own text, the modules that it uses, the tables that it reads, and everything raw."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from evlib.base.errors import InputError
from evlib.base.files import sha256


class Step(NamedTuple):
    """A notebook of a run.

    Attributes
    ----------
    source
        The notebook's file.
    reads
        The tables of earlier notebooks that it reads (its metadata, ``evlib.reads``); a pattern (``numbers/*.json``) stands
        for all that fit it. Where a notebook does not say, it is ``*``: all that earlier notebooks write.
    key
        Changes when the notebook, its code, a parameter or raw data changes; ``key_of`` adds what it reads.
    """

    source: Path
    reads: tuple[str, ...]
    key: str


def step(source: Path, package: Path, common: object) -> Step:
    """A notebook with all that it depends on, apart from the contents of the tables that it reads.

    Parameters
    ----------
    package
        The folder of ``evlib``, of whose modules those count that the notebook imports, and those that they import.
    common
        What every notebook depends on, as JSON can write it: parameters, raw data, protocol, packages.

    Raises
    ------
    InputError
        Where the file is no notebook, or what it says that it reads is no list of names.
    """
    text = source.read_text(encoding="utf-8")
    try:
        notebook = json.loads(text)
        cells, metadata = notebook["cells"], notebook["metadata"]
    except (ValueError, KeyError) as error:
        place = f"{source.parent.name}/{source.name}"
        raise InputError(f"{source} is not a notebook ({error}). Restore it: git checkout -- {place}") from None
    reads = metadata.get("evlib", {}).get("reads", ["*"])
    if not isinstance(reads, list) or not all(isinstance(name, str) for name in reads):
        raise InputError(
            f"{source}: evlib.reads in its metadata is {reads!r}, not a list of tables. Write it as "
            '["records.csv"], or take it out, and the notebook waits for all earlier ones.'
        )
    code = {path.relative_to(package).as_posix(): sha256(path) for path in modules_used(cells, package)}
    key = json.dumps([common, hashlib.sha256(text.encode()).hexdigest(), code], sort_keys=True)
    return Step(source, tuple(reads), hashlib.sha256(key.encode()).hexdigest())


def key_of(planned: Step, given: dict[str, str]) -> str:
    """The key of a notebook, given the SHA-256 of each table that it reads."""
    return hashlib.sha256((planned.key + json.dumps(given, sort_keys=True)).encode()).hexdigest()


def is_pattern(name: str) -> bool:
    """Whether what a notebook reads is named by a pattern, which is known only when all earlier notebooks have ended."""
    return "*" in name


def read_of(planned: Step, made: Iterable[str]) -> list[str]:
    """Those of the files that earlier notebooks made which a notebook reads."""
    return [name for name in made if any(fnmatchcase(name, read) for read in planned.reads)]


def imports_of(sources: list[Path]) -> list[str]:
    """The modules that the notebooks import by name, in the order in which they do."""
    names = [
        name
        for source in sources
        for tree in _code(json.loads(source.read_text(encoding="utf-8"))["cells"])
        for name in _imported(tree)
    ]
    return list(dict.fromkeys(names))


def modules_used(cells: list[dict], package: Path) -> list[Path]:
    """The files of ``evlib`` that cells import, and those that these import in turn, wherever in them the import stands."""
    return _with_their_imports([name for tree in _code(cells) for name in _imported(tree)], package)


def modules_behind(files: Iterable[Path], package: Path) -> list[Path]:
    """The files of ``evlib`` that some of its files import, and those that these import in turn."""
    return _with_their_imports(
        [name for path in files for name in _imported_by(path, path.stat().st_mtime_ns)], package
    )


def _with_their_imports(names: list[str], package: Path) -> list[Path]:
    found: set[Path] = set()
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            for path in _files(name, package) - found:
                found.add(path)
                names += _imported_by(path, path.stat().st_mtime_ns)
    return sorted(found)


def _code(cells: list[dict]) -> list[ast.Module]:
    """The code of cells; one that plain Python cannot read (a magic command) imports nothing that is known."""
    trees = []
    for cell in cells:
        if cell["cell_type"] == "code":
            try:
                trees.append(ast.parse("".join(cell["source"])))
            except SyntaxError:
                continue
    return trees


@cache
def _imported_by(path: Path, _changed: int) -> tuple[str, ...]:
    text = path.read_text(encoding="utf-8")
    names = _imported(ast.parse(text))
    if "pkgutil.iter_modules(__path__)" in text:  # a package that takes whatever lies in its folder
        packages = [folder.name for folder in path.parents if (folder / "__init__.py").is_file()]
        names += [".".join([*reversed(packages), module.stem]) for module in path.parent.glob("*.py")]
    return tuple(names)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """All statements within, however deep; to look into expressions, too, would take five times as long."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(block, part, ()):
            yield statement
            yield from _statements(statement)


def _imported(tree: ast.Module) -> list[str]:
    """The modules that code imports; of ``from a import b`` both ``a`` and ``a.b``, as b may be either."""
    names = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _files(name: str, package: Path) -> set[Path]:
    """The files of a module of the package: its own, and those of the packages that it lies in."""
    first, *parts = name.split(".")
    if first != package.name:
        return set()
    places = [package.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    files = [path for place in places for path in (place / "__init__.py", place.with_suffix(".py"))]
    return {path for path in files if path.is_file() and path != package.with_suffix(".py")}
