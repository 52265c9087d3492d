"""Pages on which a reader looks something up: their data inside the page, their script beside it, so that they work from a folder.

All is computed as the book is made; the scripts (``*.js`` beside this module) only look up and show.
"""

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evlib.base.files import write_text
from evlib.book.look_up import assumption_dials, conditions, planned_trial, through_time

# Name of a page: the tables that it is made from, and what makes its content.
PAGES: dict[str, tuple[tuple[str, ...], Callable[[Path, dict], tuple[str, dict[str, Any]]]]] = {
    "through_time": (("by_date.csv", "included_by_date.csv"), through_time.content),
    "turn_the_assumptions": (("specifications.csv", "dose_verdicts.csv"), assumption_dials.content),
    "is_my_trial_new": (("described.csv",), planned_trial.content),
}


def drop_look_up_pages(results: Path, source: Path) -> None:
    """Leave the look-up pages whose tables the run lacks out of a book that is being laid out."""
    for name, (tables, _) in PAGES.items():
        page = source / f"{name}.md"
        if page.is_file() and not all((results / table).is_file() for table in tables):
            page.unlink()
            toc = (source / "_toc.yml").read_text(encoding="utf-8").splitlines(keepends=True)
            write_text(source / "_toc.yml", "".join(line for line in toc if line.strip() != f"- file: {name}"))


def write_look_up_pages(results: Path, source: Path, protocol: dict) -> None:
    """Write the content and scripts of the look-up pages of a book that is being laid out.

    A page ``name.md`` takes its content from ``name_content.html``.
    """
    for name, (_, content) in PAGES.items():
        if not (source / f"{name}.md").is_file():
            continue
        body, data = content(results, protocol)
        write_text(source / f"{name}_content.html", f"{body}\n{data_block(name, data)}\n{script_link(name)}\n")
        scripts = [conditions.SCRIPT] if content is planned_trial.content else []
        scripts.append(Path(__file__).with_name(f"{name}.js"))
        script = "".join(file.read_text(encoding="utf-8") for file in scripts)
        write_text(source / "_extra" / f"{name}.js", script)


def data_block(name: str, data: object) -> str:
    """Data for a page's script, as JSON that no text of a record can end; browsers do not run it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{html.escape(name)}-data">{text}</script>'


def script_link(name: str) -> str:
    """The script of a page, a file beside it; no module, which browsers do not load from a folder."""
    return f'<script src="{html.escape(name)}.js" defer></script>'
