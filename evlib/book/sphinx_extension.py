"""A Sphinx extension: the pages of the book are written by as many processes as there are cores.

They are read by one process. Two of the extensions that jupyter-book brings do not say whether several may read, which Sphinx
warns of, and for the few pages that change from one search to the next several would take longer.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: "Sphinx") -> dict[str, bool]:
    """What Sphinx calls to take the extension in."""
    app.connect("env-updated", _write_side_by_side)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_side_by_side(app: "Sphinx", _environment: object) -> None:
    # One of these processes is Sphinx itself, which hands the pages on.
    app.parallel = (os.cpu_count() or 1) + 1
