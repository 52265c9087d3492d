"""The licences of others' work: the packages of the lock, and the scripts and fonts that a built book carries.

``make licences`` writes it (maintainers, after ``make lock``); it needs pip-licenses and no network.
"""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.utils import canonicalize_name

from evlib.base.files import write_text

FILE = "LICENSES-THIRD-PARTY.md"
# The machine for which packages are listed: the lock names others for other systems and Pythons.
MACHINE = {
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
}
# Packages whose metadata names no licence; from the licence file in the package.
_BY_FILE = {"axe-playwright-python": "MIT; axe-core in it: MPL-2.0"}
# Copyleft binds who passes a package on. We pass none on: whoever installs the project downloads each from its index.
COPYLEFT = {
    "country-converter": "imported by evlib; GPL-3.0 governs copies that are passed on together with it",
    "docutils": "one file for editors is under the GPL; the rest is in the public domain or BSD",
    "luqum": "one may choose Apache-2.0",
    "text-unidecode": "one may choose the Artistic License",
}
_HEAD = """# Licences of others' work

Written by `make licences`; a test holds it against the lock. Our own: [LICENSE](LICENSE) (code), [LICENSE-DATA](LICENSE-DATA)
(text and data).

## What a built book carries

"""
_PACKAGES = """
## Packages of the lock

Nothing of these is in this repository: `make` installs them from `locks/requirements.lock`. They are named as a Linux machine
with Python 3.11 installs them, with the licence that their metadata states.

"""


def locked_packages(lock: str, machine: dict[str, str] = MACHINE) -> dict[str, str]:
    """The packages that a lock installs on a machine: normalised name → version."""
    environment = default_environment() | {"implementation_name": "cpython", "os_name": "posix"} | machine
    environment |= {
        "platform_system": machine["sys_platform"].capitalize(),
        "platform_python_implementation": "CPython",
    }
    entries = re.findall(r"^([\w.-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?", lock, re.MULTILINE)
    return {
        canonicalize_name(name): version
        for name, version, marker in entries
        if not marker or Marker(marker.strip()).evaluate(environment)
    }


def carried(mathjax: str, theme: Path, clipboard: str) -> list[tuple[str, str, str, str]]:
    """What a built book carries: part, version as its own file states it, licence, the package that it comes with."""

    def version(pattern: str, text: str) -> str:
        return match[1] if (match := re.search(pattern, text)) else "not stated"

    bootstrap, icons = (
        (theme / f"{name}.js.LICENSE.txt").read_text(encoding="utf-8") for name in ("bootstrap", "fontawesome")
    )
    return [
        (
            "MathJax, with its TeX fonts",
            version(r'VERSION ?= ?"(3[\d.]+)"', mathjax),
            "Apache-2.0",
            "sphinx-mathjax-offline",
        ),
        ("Bootstrap", version(r"Bootstrap v([\d.]+)", bootstrap), "MIT", "pydata-sphinx-theme"),
        (
            "Font Awesome Free",
            version(r"Free ([\d.]+)", icons),
            "code MIT, fonts OFL-1.1, icons CC-BY-4.0",
            "pydata-sphinx-theme",
        ),
        ("clipboard.js", version(r"clipboard\.js v([\d.]+)", clipboard), "MIT", "sphinx-copybutton"),
    ]


def carried_here() -> list[tuple[str, str, str, str]]:
    """What a book that is built in this environment carries (see ``carried``)."""
    mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static/mathjax"
    theme = Path(find_spec("pydata_sphinx_theme").submodule_search_locations[0]) / "theme/pydata_sphinx_theme"
    clipboard = Path(find_spec("sphinx_copybutton").submodule_search_locations[0]) / "_static/clipboard.min.js"
    return carried(
        (mathjax / "tex-mml-chtml.js").read_text(encoding="utf-8"),
        theme / "static/scripts",
        clipboard.read_text(encoding="utf-8"),
    )


def write_licences(root: Path) -> Path:
    """Write the list of licences of the packages of the lock that are installed here; returns its path."""
    listed = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--format=json", "--with-system"],
        capture_output=True,
        text=True,
        check=True,
    )
    installed = {canonicalize_name(row["Name"]): row for row in json.loads(listed.stdout)}
    rows = []
    for name, version in sorted(
        locked_packages((root / "locks/requirements.lock").read_text(encoding="utf-8")).items()
    ):
        licence = installed.get(name, {}).get("License", "UNKNOWN")
        rows.append((name, version, _BY_FILE.get(name, licence), COPYLEFT.get(name, "")))
    text = _HEAD + _table(("part", "version", "licence", "comes with"), carried_here())
    text += _PACKAGES + _table(("package", "version", "licence", "note"), rows)
    write_text(root / FILE, text)
    return root / FILE


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    write_licences(Path.cwd())
