"""The cache key of a notebook: a checksum of its text, the modules that it uses, the tables it reads, and all raw data."""

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from evlib.base.errors import InputError
from evlib.base.files import all_below, sha256

_IMPORT = re.compile(r"^[ \t]*((?:import|from)\b[^\n(]*(?:\([^)]*\))?)", re.MULTILINE)


class KeyedNotebook(NamedTuple):
    """A notebook of a run, with its key.

    It reads tables of earlier notebooks by name (its metadata, ``evlib.reads``); a pattern (``numbers/*.json``) stands for
    all that match it. By default ``*``: all that earlier notebooks write.
    """

    source: Path
    reads: tuple[str, ...]
    key: str  # changes with the notebook, its code, a parameter or raw data; ``key_of`` adds the tables that it reads


def keyed_notebook(source: Path, package: Path, common: object) -> KeyedNotebook:
    """A notebook with the key of all that it depends on, apart from the contents of the tables that it reads.

    Parameters
    ----------
    package
        The folder of ``evlib``; the modules that the notebook imports count, and those that these import.
    common
        What every notebook depends on, in types of JSON: parameters, raw data, protocol, packages.

    Raises
    ------
    InputError
        Where the file is no notebook, or its ``evlib.reads`` is no list of names.
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
    return KeyedNotebook(source, tuple(reads), hashlib.sha256(key.encode()).hexdigest())


def key_of(notebook: KeyedNotebook, given: dict[str, str]) -> str:
    """The key of a notebook, given the SHA-256 of each table that it reads."""
    return hashlib.sha256((notebook.key + json.dumps(given, sort_keys=True)).encode()).hexdigest()


def is_pattern(name: str) -> bool:
    """Whether a name is a pattern; what matches it is known only when all earlier notebooks have ended."""
    return "*" in name


def read_of(notebook: KeyedNotebook, made: Iterable[str]) -> list[str]:
    """Those of the files ``made`` by earlier notebooks that a notebook reads."""
    return [name for name in made if any(fnmatchcase(name, read) for read in notebook.reads)]


def imports_of(sources: list[Path]) -> list[str]:
    """The modules that the notebooks import by name, in the order of their imports."""
    cells = [cell for source in sources for cell in json.loads(source.read_text(encoding="utf-8"))["cells"]]
    return list(dict.fromkeys(_imported_by_cells(cells)))


def modules_used(cells: list[dict], package: Path) -> list[Path]:
    """The files of ``evlib`` that cells import, and those that these import in turn, inside functions too."""
    return _with_their_imports(_imported_by_cells(cells), package)


def modules_behind(files: Iterable[Path], package: Path) -> list[Path]:
    """The files of ``evlib`` that some of its files import, and those that these import in turn."""
    return _with_their_imports([name for path in files for name in _imported_by(path)], package)


def _with_their_imports(names: list[str], package: Path) -> list[Path]:
    files: set[Path] = set()
    seen: set[str] = set()
    there = _modules_in(package)
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            for path in _files(name, there) - files:
                files.add(path)
                names += _imported_by(path)
    return sorted(files)


def _imported_by_cells(cells: list[dict]) -> list[str]:
    return [name for cell in cells if cell["cell_type"] == "code" for name in _imported("".join(cell["source"]))]


def _imported_by(path: Path) -> tuple[str, ...]:
    return _imported_by_version(path, path.stat().st_mtime_ns)


@cache
def _imported_by_version(path: Path, _changed: int) -> tuple[str, ...]:
    text = path.read_text(encoding="utf-8")
    names = list(_imported(text))
    if "pkgutil.iter_modules(__path__)" in text:  # a package that takes whatever lies in its folder
        packages = [folder.name for folder in path.parents if (folder / "__init__.py").is_file()]
        names += [".".join([*reversed(packages), module.stem]) for module in path.parent.glob("*.py")]
    return tuple(names)


@cache
def _imported(text: str) -> tuple[str, ...]:
    """The modules that code imports, inside functions too; for ``from a import b`` both ``a`` and ``a.b``, since b may be a module.

    The statements are found by how their lines begin: to parse all of the code takes ten times as long (half a second).
    """
    names: list[str] = []
    for statement in _IMPORT.findall(text):
        with suppress(SyntaxError):  # a line of prose
            node = ast.parse(statement).body[0]
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _modules_in(package: Path) -> dict[str, Path]:
    """The files of a package by the name of their module; an ``__init__.py`` by that of its folder."""
    files = {}
    for path in all_below(package) if package.is_dir() else ():
        if path.suffix == ".py":
            place = path.parent if path.name == "__init__.py" else path.with_suffix("")
            files[".".join(place.relative_to(package.parent).parts)] = path
    return files


def _files(name: str, there: dict[str, Path]) -> set[Path]:
    """The files that make a module: its own, and the ``__init__.py`` of the folders above it."""
    parts = name.split(".")
    names = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return {there[module] for module in names if module in there}
