"""The notebooks of a lesson, made of a page of Markdown: one for students, one with solutions for who teaches it."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import yaml

from evlib.base.protocol import YAML_LOADER
from evlib.base.schema import read_csv
from evlib.base.words import filled
from evlib.book.dataset import CODEBOOK, FURTHER
from evlib.book.lessons.data import codes_in_words, escaped
from evlib.book.lessons.notebook import FORMULA
from evlib.run.pipeline import source_kernelspec

if TYPE_CHECKING:
    from nbformat import NotebookNode

YOUR_CODE = "# your code here"
_FENCE = re.compile(r"^```(python|solution|teacher)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEAD = re.compile(r"---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)


class Lesson(NamedTuple):
    """A lesson as its page gives it."""

    name: str
    title: str
    goal: str
    minutes: int
    needs: str
    mind: str  # the warning that belongs to its numbers
    files: dict[str, str]  # what each file beside it is
    tables: dict[
        str, str
    ]  # by file: the table of the run whose codebook its columns have, where it is no table of trials
    columns: dict[str, str]  # meanings of columns that no codebook has
    text: str


def read_lesson(path: str | Path, words: Mapping[str, str]) -> Lesson:
    """A lesson from its page, with the run's words in place of ``{{ names }}``.

    The page begins with its facts in YAML. Code in a ``python`` block is for all; in a ``solution`` block, for the teacher,
    where students have an empty cell; a ``teacher`` block is Markdown for the teacher alone.
    """
    path = Path(path)
    page = filled(path.read_text(encoding="utf-8"), words, page=f"lesson {path.name}")
    head = _HEAD.match(page)
    facts = yaml.load(head[1], Loader=YAML_LOADER)
    own = {name: facts.pop(name, {}) for name in ("tables", "columns")}
    return Lesson(path.stem, text=page[head.end() :].strip(), **own, **facts)


def code_of(lesson: Lesson) -> list[str]:
    """The code of a lesson, cell by cell, with solutions."""
    return [content for kind, content in _FENCE.findall(lesson.text) if kind != "teacher"]


def student_and_teacher(
    lesson: Lesson,
    files: Mapping[str, pd.DataFrame],
    key: Mapping[str, pd.DataFrame],
    words: Mapping[str, str],
    *,
    protocol: dict,
) -> tuple[str, str]:
    """The text of the notebook for students and of the one with solutions.

    ``files`` are the tables that lie beside them, by file name; those of ``key`` lie beside the second alone.
    """
    import nbformat

    editions = ((files, False), ({**key, **files}, True))
    made = [_notebook(lesson, _dictionary(lesson, held, protocol), words, solved=solved) for held, solved in editions]
    for notebook in made:
        nbformat.validate(notebook)
    return nbformat.writes(made[0]) + "\n", nbformat.writes(made[1]) + "\n"


def _notebook(lesson: Lesson, dictionary: str, words: Mapping[str, str], *, solved: bool) -> "NotebookNode":
    import nbformat

    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [markdown(_opening(lesson, words, solved=solved)), markdown(dictionary)]
    parts = _FENCE.split(lesson.text)  # text, kind, content, text, kind, content, …, text
    cells += [markdown(text.strip()) for text in parts[:1] if text.strip()]
    for kind, content, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if kind == "python" or (kind == "solution" and solved):
            cells.append(code(content.strip(), metadata={"tags": ["solution"]} if kind == "solution" else {}))
        elif kind == "solution":
            cells.append(code(YOUR_CODE))
        elif solved:
            cells.append(markdown(f"**For the teacher.** {content.strip()}"))
        if text.strip():
            cells.append(markdown(text.strip()))
    cells.append(markdown(_closing(words)))
    for number, cell in enumerate(cells):
        cell["id"] = f"class-{number:02}"  # the same from the same run
    about = {"goal": lesson.goal, "minutes": lesson.minutes, "needs": lesson.needs, "mind": lesson.mind}
    metadata = {"kernelspec": source_kernelspec(), "language_info": {"name": "python"}, "lesson": about}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def readme(lesson: Lesson, names: Iterable[str], words: Mapping[str, str]) -> str:
    """What the files of a lesson are, as plain text: how to begin, the warning, source and licence."""
    told = {
        f"{lesson.name}.ipynb": "the lesson",
        f"{lesson.name}_solutions.ipynb": "the lesson with solutions and notes",
    }
    paragraphs = [
        f"{lesson.title} ({lesson.minutes} minutes). Goal: {lesson.goal}. It needs: {lesson.needs}.",
        "Unpack all files into one folder and open the notebook (.ipynb) in Jupyter. What each column of a table means stands at the "
        f"beginning of the notebook. {FORMULA}",
        *(f"{name}: {(told | lesson.files)[name]}." for name in names),
        f"Mind: {lesson.mind}",
        re.sub(r"\[(.+?)\]\((.+?)\)", r"\1 (\2)", _closing(words).partition("\n\n")[2]),
    ]
    return "\n\n".join(textwrap.fill(re.sub(r"[*`]", "", part), 100) for part in paragraphs) + "\n"


def _opening(lesson: Lesson, words: Mapping[str, str], *, solved: bool) -> str:
    return (
        f"# {lesson.title}{' (with solutions)' if solved else ''}\n\n"
        f"**Goal:** {lesson.goal}\n\n**Minutes:** {lesson.minutes}\n\n**It needs:** {lesson.needs}\n\n"
        f"> **Mind:** {lesson.mind}\n\n"
        f"The data are those of *{words['title']}* (evtrials), search up to {words['search_date']}, with records as their "
        f"sources showed them by {words['snapshot']}. They lie beside this notebook as CSV files; pandas, seaborn and Jupyter "
        "are all that it needs."
    )


def _dictionary(lesson: Lesson, files: Mapping[str, pd.DataFrame], protocol: dict) -> str:
    """What each column of the files and each code in it means, as a table that is folded in."""
    book, further = read_csv(CODEBOOK), read_csv(FURTHER)
    rows = []
    for file, frame in files.items():
        of_file = further[further.table == lesson.tables.get(file)] if file in lesson.tables else book
        known = of_file.set_index("column").description.to_dict() | lesson.columns
        for column in frame:
            meaning = escaped(known[column]) + codes_in_words(frame[column], protocol)
            rows.append(f"| `{file}` | `{column}` | {meaning} |")
    table = "\n".join(["| file | column | meaning |", "| --- | --- | --- |", *rows])
    return f"<details><summary><b>The files and what their columns mean</b></summary>\n\n{table}\n\n</details>"


def _closing(words: Mapping[str, str]) -> str:
    return (
        "## Where this comes from\n\n"
        f"evtrials: *{words['title']}*, search date {words['search_date']}, records of {words['snapshot']}. Text and data: "
        "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/); code: MIT. Use and change it as you like; name the source "
        "and say what you changed. Each fact of a trial is its registry's: the number (`trn`) names the record."
    )
