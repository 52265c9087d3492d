"""Which chapters a review has, and how they read in it: cells and passages whose data it lacks are dropped.

The chapters are the repository's notebooks. A cell with the tag ``needs:PLACE``, and a passage of Markdown between
``<!-- needs:PLACE -->`` and ``<!-- end -->``, are kept only in a review that has what they are about: a place in its
``protocol.yml`` (``needs:codes.msc_source``) or a file below its ``data/raw`` (``needs:curation/coding.csv``).
"""

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from evlib.base.errors import InputError
from evlib.base.files import write_text
from evlib.base.paths import repository
from evlib.base.protocol import load_protocol, value_at

if TYPE_CHECKING:
    from nbformat import NotebookNode

DEFAULT = ("01_ingest", "02_screen", "03_describe")
_TAG = "needs:"
_PASSAGE = re.compile(r"<!-- needs:(\S+) -->(.*?)<!-- end -->", re.DOTALL)
_NEXT = re.compile(r"\*\*Next:\*\* .*\((\w+)\.ipynb\)", re.DOTALL)


def written_chapters(root: Path) -> list[Path]:
    """Write a review's version of its chapters into ``data/processed/.chapters``; returns them in order.

    Raises
    ------
    InputError
        Where the protocol names a chapter that the repository does not have.
    """
    import nbformat

    protocol, folder = load_protocol(root / "protocol.yml"), root / "data" / "processed" / ".chapters"
    sources = chapter_sources(root, protocol)
    review = {"protocol": protocol, "raw_dir": root / "data" / "raw", "name": root.name}
    for source in sources:
        notebook = for_review(nbformat.read(source, as_version=4), chapters=[s.stem for s in sources], **review)
        path, text = folder / source.name, nbformat.writes(notebook) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    return [folder / source.name for source in sources]


def chapter_sources(root: Path, protocol: dict) -> list[Path]:
    """The repository's notebooks that the protocol of a review names as its chapters, in order.

    Raises
    ------
    InputError
        Where the protocol names a chapter that the repository does not have.
    """
    folder = repository(root) / "notebooks"
    sources = [folder / f"{name}.ipynb" for name in sorted(protocol.get("chapters", DEFAULT))]
    if absent := next((source.stem for source in sources if not source.is_file()), None):
        names = ", ".join(path.stem for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")))
        raise InputError(f"protocol.yml, chapters: there is no chapter '{absent}'. There are: {names}.")
    return sources


def for_review(
    notebook: "NotebookNode", *, protocol: dict, raw_dir: Path, chapters: Iterable[str], name: str
) -> "NotebookNode":
    """A review's version of a chapter: without outputs, and without the cells and passages whose data the review lacks.

    Parameters
    ----------
    notebook
        The repository's.
    protocol, raw_dir
        Of the review.
    chapters
        Names of the review's chapters; a link to a next chapter that is not among them leads to the table of all trials.
    name
        Of the review's folder, for the ``make`` commands and the paths in the text.
    """

    def has(need: str) -> bool:
        return (raw_dir / need).is_file() if "/" in need else bool(value_at(protocol, need))

    def is_complete(cell: "NotebookNode") -> bool:
        return all(has(tag.removeprefix(_TAG)) for tag in cell.metadata.get("tags", []) if tag.startswith(_TAG))

    notebook = copy.deepcopy(notebook)
    notebook.cells = list(filter(is_complete, notebook.cells))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = re.sub(r"empty: (?=data/)", f"empty: reviews/{name}/", cell.source)  # what parameters mean
            continue
        text = _PASSAGE.sub(lambda passage: passage[2] if has(passage[1]) else "", cell.source)
        following = _NEXT.fullmatch(text)
        if following and following[1] not in chapters:
            text = "**Next:** [all trials, one by one](trials.md)"
        text = re.sub(r"`make (\w+)", rf"`make \1 REVIEW={name}", text)
        cell.source = re.sub(r"`(data/|protocol\.yml)", rf"`reviews/{name}/\1", text)
    return notebook
