"""A picture of a lesson: the first figure that its own code draws."""

import contextlib
import io
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.figure import STYLE, with_plain_text
from evlib.book.teaching.notebooks import Lesson, code_of


def first_figure(lesson: Lesson, folder: str | Path) -> tuple[str, str] | None:
    """The first figure that the code of a lesson, solutions included, draws beside the files in a folder: as an SVG, and what it is.

    None where it draws none, or where its code does not run on the tables of this run, which is no reason to have no book.
    """
    import matplotlib.pyplot as plt

    others, space, vector = set(plt.get_fignums()), dict[str, Any](), io.StringIO()
    quiet = contextlib.redirect_stdout(io.StringIO())
    with quiet, contextlib.chdir(folder), plt.rc_context(), pd.option_context("display.max_colwidth", None):
        plt.rcdefaults()  # as a class sees it, without the look of our figures
        plt.rcParams.update({name: value for name, value in STYLE.items() if name.startswith("svg")})
        plt.figure()  # into which seaborn draws, and not into one that was open before
        try:
            for code in code_of(lesson):
                exec(code, space)
                made = [plt.figure(number) for number in sorted(set(plt.get_fignums()) - others)]
                if drawing := next((figure for figure in made if figure.axes), None):
                    metadata = {"Date": None, "Creator": None}
                    drawing.savefig(vector, format="svg", metadata=metadata, bbox_inches="tight")
                    return with_plain_text(vector.getvalue()), f"A figure of the lesson: {drawing.axes[0].get_title()}"
        except Exception:
            return None
        finally:
            for number in set(plt.get_fignums()) - others:
                plt.close(number)
    return None
