"""The lessons for the classroom of a run: notebooks for students and teachers, each with its data, and slides."""

import io
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from evlib.base.files import write_text
from evlib.base.paths import searched
from evlib.base.schema import append_csv, read_csv, read_table
from evlib.book.lessons.pages import PICTURES
from evlib.book.lessons.pictures import image, rows_of_frame, table_picture
from evlib.book.look_up.assumption_dials import combinations, dials_of, value_in_words
from evlib.book.teaching import find_error, screening_choice
from evlib.book.teaching.notebooks import read_lesson, readme, student_and_teacher
from evlib.book.teaching.pictures import first_figure
from evlib.book.teaching.slides import slides
from evlib.doses.evidence import DIALS

_PAGES = Path(__file__).parent
_ANSWERS = ["n_nebulised", "n_intravenous", "share", "below intravenous", "narrow"]
_AS_A_WHOLE = "not fixed"  # of a dial without a value
_CODES = ["countries", "country_basis", "disease_area", "route_group", "phase_group", "msc_source"]
_YEARS = 2  # between the two dates of the lesson on an update


class _Data(NamedTuple):
    """The tables of a lesson by file name: those of students, those of the teacher alone; words of its page; pages to print."""

    files: dict[str, pd.DataFrame]
    key: dict[str, pd.DataFrame]
    words: dict[str, str]
    pages: dict[str, str] | None = None  # to print


def write_class_materials(
    results: str | Path, folder: str | Path, *, words: dict[str, str], raw_dir: str | Path, protocol: dict
) -> str:
    """Write the lessons that a run has the tables for, and the slides, into a folder; returns a list of them as Markdown.

    Of each lesson there are a folder with the notebook and its data, the same as a zip file, and a zip file for the teacher
    with the notebook with solutions and the key. ``words`` are those of the book's pages: the run's numbers, its dates and title. The
    links of the list are those of a page beside ``lessons``.
    """
    results, folder = Path(results), Path(folder)
    made = {
        "screening_in_class": _screening(results, protocol),
        "find_the_error": _find_the_error(results, Path(raw_dir), protocol),
        "dispute_an_assumption": _dispute(results),
        "update_a_review": _update(results),
    }
    rows = [_write(name, data, folder, words | data.words, protocol) for name, data in made.items() if data is not None]
    if not rows:
        return "This run has too few records for them."
    write_text(
        folder / "slides.html",
        slides(_PAGES / "slides.md", words | _words_of_slides(words, protocol), figures=results / "figures"),
    )
    heads = ["| lesson, and what students learn | a look at it | minutes | files |", "| --- | --- | --- | --- |"]
    deck = 'The slides of these plans: <a href="lessons/slides.html">slides.html</a>, also <a href="lessons/slides.html" download>to download</a>'
    return "\n".join(
        [
            *heads,
            *rows,
            "",
            f"{deck} (space or the arrows turn the page; printed, they show what to say).",
        ]
    )


def _words_of_slides(words: dict[str, str], protocol: dict) -> dict[str, str]:
    """What a slide has room for: the criteria of exclusion, and the first sentence of an answer, which ends before a capital."""
    codes = screening_choice.criteria(protocol)
    codes = codes[codes.kind == "exclude"]
    first = {f"{name}_first": re.split(r"(?<=\.) (?=[A-Z0-9])", words[name])[0] for name in ("certainty", "harms_seen")}
    return first | {"exclusion_codes": "\n".join("  - **" + codes.code + "** " + codes.text)}


def _write(name: str, data: _Data, folder: Path, words: dict[str, str], protocol: dict) -> str:
    """Write one lesson; returns its row in the list."""
    lesson = read_lesson(_PAGES / f"{name}.md", words)
    student, teacher = student_and_teacher(lesson, data.files, data.key, words, protocol=protocol)
    tables = {file: _csv(frame) for file, frame in data.files.items()} | (data.pages or {})
    key = {file: _csv(frame) for file, frame in data.key.items()}
    notebook, solved = f"{name}.ipynb", f"{name}_solutions.ipynb"
    open_to_all = {notebook: student} | tables | {"README.txt": readme(lesson, [notebook, *tables], words)}
    for_teachers = {solved: teacher} | key | tables | {"README.txt": readme(lesson, [solved, *key, *tables], words)}
    for file, text in open_to_all.items():
        write_text(folder / name / file, text)
    _zip(folder / f"{name}.zip", open_to_all)
    _zip(folder / f"{name}_teacher.zip", for_teachers)
    links = [
        f'<a href="lessons/{name}/{name}.ipynb" download>notebook</a>',
        f'<a href="lessons/{name}.zip" download>notebook and data</a>',
        f'<a href="lessons/{name}_teacher.zip" download>for the teacher</a>',
    ]
    first = next(iter(data.files))
    picture = table_picture(rows_of_frame(data.files[first])), f"The first rows of {first}"
    drawing, alt = first_figure(lesson, folder / name) or picture
    write_text(folder / f"{PICTURES}/{name}.svg", drawing)
    shown = image(f"lessons/{PICTURES}/{name}.svg", alt)
    return f"| **{lesson.title}**: {lesson.goal} | {shown} | {lesson.minutes} | {', '.join(links)} |"


def _csv(frame: pd.DataFrame) -> str:
    """A table as text, guarded against formulas."""
    text = io.StringIO()
    append_csv(frame, text)
    return text.getvalue()


def _zip(path: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in files.items():
            entry = zipfile.ZipInfo(f"{path.stem}/{file}")  # dated 1980, so that the same files give the same bytes
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)


def _screening(results: Path, protocol: dict) -> _Data | None:
    records = screening_choice.chosen(results, protocol=protocol)
    if records is None:
        return None
    files = {
        "screening_sheet.csv": screening_choice.sheet(records, protocol=protocol),
        "criteria.csv": screening_choice.criteria(protocol),
        "machine_readers.csv": screening_choice.machine_readers(records),
    }
    page = screening_choice.printed(files["screening_sheet.csv"], files["criteria.csv"])
    key = {"screening_key.csv": screening_choice.teachers_key(records)}
    return _Data(files, key, {}, {"screening_sheet.html": page})


def _find_the_error(results: Path, raw: Path, protocol: dict) -> _Data | None:
    claims = find_error.twelve_claims(results, raw, protocol=protocol)
    if claims is None:
        return None
    key, source = {"claims_key.csv": find_error.teachers_key(claims)}, protocol.get("source")
    words = {"paper": f"{source['citation']}, https://doi.org/{source['doi']}" if source else "open access or not"}
    return _Data(find_error.files(claims, results, raw), key, words)


def _dispute(results: Path) -> _Data | None:
    """Every setting of the dials with its answer, and what each dial is."""
    if not (results / "specifications.csv").is_file():
        return None
    cross = combinations(results)
    dials = dials_of(cross)
    rows: list[dict[str, Any]] = [
        {
            "dial": name,
            "setting": value or _AS_A_WHOLE,
            "setting_in_words": value_in_words(name, value),
            "as_set": bool(cross.loc[cross[name] == value, "as_set"].any()),
            "about": DIALS[name][2],
        }
        for name in dials
        for value in dict.fromkeys(cross[name])
    ]
    settings = cross[[*dials, "as_set", *_ANSWERS]].replace({name: {"": _AS_A_WHOLE} for name in dials})
    return _Data({"settings.csv": settings, "dials.csv": pd.DataFrame(rows)}, {}, {})


def _update(results: Path) -> _Data | None:
    """The records with their dates and what became of them, and what the project counts at each date."""
    later = searched(results)["search_date"]
    if not (results / "by_date.csv").is_file():
        return None
    by_date = read_csv(results / "by_date.csv")[["search_date", "n_records", "n_included", "n_unclear"]]
    end = (pd.Timestamp(later) - pd.DateOffset(years=_YEARS)).strftime("%Y-%m-%d")
    earlier = by_date.search_date[(by_date.search_date <= end) & (by_date.n_included.astype(int) > 0)]
    if earlier.empty:
        return None
    names = ["trn", "registry", "brief_title", "registered", "registered_low", "registered_high"]
    records = read_table(results / "records.csv", "records")
    records = records.assign(brief_title=records.brief_title.fillna(records.official_title))[names]
    outcomes = read_table(results / "screened.csv", "screened")[["trn", "outcome", "criterion"]]
    codes = read_table(results / "described.csv", "described")[["trn", *_CODES]]
    dated = records.merge(outcomes, on="trn").merge(codes, on="trn", how="left")
    return _Data({"records.csv": dated, "by_date.csv": by_date}, {}, {"earlier_date": earlier.max()})
