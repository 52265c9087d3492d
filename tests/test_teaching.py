"""Lessons for the classroom: made from a run, they run without the project, and their solutions find what the project finds."""

import html
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from conftest import RAW, ROOT

from evlib.base.paths import searched
from evlib.base.schema import read_csv, read_table, write_table
from evlib.base.words import filled, load_numbers
from evlib.book.teaching.materials import write_class_materials
from evlib.book.teaching.notebooks import YOUR_CODE, read_lesson
from evlib.book.teaching.screening_choice import BLANK, READERS, N, chosen, sheet
from evlib.screen.screening import agreement_of_words

LESSONS = ("screening_in_class", "find_the_error", "dispute_an_assumption", "update_a_review")
PAGES = ROOT / "evlib/book/teaching"
# Runs a notebook's code in a process of its own without the project and the packages that a class need not have.
BARE = """
import pickle, json, sys, pathlib, types
sys.modules |= dict.fromkeys(("evlib", "scipy", "statsmodels", "pandera", "yaml"))
import matplotlib
matplotlib.use("agg")
import numpy, pandas
space = {}
for cell in json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), space)
kept = {name: value for name, value in space.items()
        if isinstance(value, (int, float, str, list, pandas.DataFrame, pandas.Series, numpy.generic))}
pathlib.Path("space.pickle").write_bytes(pickle.dumps(kept))
"""


@pytest.fixture(scope="module")
def results(run_of):
    return run_of("2024-02-17")


@pytest.fixture(scope="module")
def words(results, review):
    figures = {f"alt_{path.stem}": path.read_text(encoding="utf-8") for path in results.glob("figures/*.txt")}
    return load_numbers(results) | searched(results) | {"title": review["title"], "paper": "the paper"} | figures


@pytest.fixture(scope="module")
def lessons(results, review, words, tmp_path_factory):
    """The folder of the lessons of a run, with its zip files unpacked beside."""
    folder = tmp_path_factory.mktemp("lessons")
    another = plt.figure()  # one that somebody left open is not drawn into
    (folder / "list.md").write_text(
        write_class_materials(results, folder, words=words, raw_dir=RAW, protocol=review), encoding="utf-8"
    )
    plt.close(another)
    assert not another.axes
    for path in folder.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / "unpacked")
    return folder


def run_bare(notebook):
    """What the names of a notebook hold after its code has run in its own folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error::FutureWarning", "-c", BARE, notebook.name],
        cwd=notebook.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads((notebook.parent / "space.pickle").read_bytes())


def solved(lessons, name):
    return run_bare(lessons / f"unpacked/{name}_teacher/{name}_solutions.ipynb")


@pytest.mark.parametrize("name", LESSONS)
def test_the_notebook_of_students_runs_as_it_is_and_holds_no_solution(lessons, name):
    path = lessons / f"unpacked/{name}/{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    solutions = re.findall(
        r"^```solution\n(.*?)^```$", (PAGES / f"{name}.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert codes.count(YOUR_CODE) == len(solutions) >= 5
    text = nbformat.writes(notebook)
    assert "For the teacher" not in text and not any(solution.strip() in codes for solution in solutions)
    assert {"goal", "minutes", "needs", "mind"} <= notebook.metadata.lesson.keys()
    assert notebook.metadata.lesson.mind in notebook.cells[0].source
    assert path.read_text("utf-8") == (lessons / name / path.name).read_text("utf-8")
    assert not any("key" in file.name or "solutions" in file.name for file in (lessons / name).iterdir())
    run_bare(path)


@pytest.mark.parametrize("name", LESSONS)
def test_every_column_of_a_lesson_is_explained_in_it(lessons, name):
    for folder in (lessons / name, lessons / f"unpacked/{name}_teacher"):
        [notebook] = folder.glob("*.ipynb")
        told = nbformat.read(notebook, as_version=4).cells[1].source
        for file in folder.glob("*.csv"):
            for column in pd.read_csv(file):
                assert re.search(rf"\| `{file.name}` \| `{re.escape(column)}` \| \w", told), (file.name, column)


@pytest.mark.parametrize(
    "name, column, told",
    [
        ("update_a_review", "msc_source", "Codes: .*`bone-marrow` Bone marrow"),
        ("dispute_an_assumption", "share", "nebulised"),  # a word that other tables use for something else
        ("dispute_an_assumption", "n_nebulised", "reports"),
    ],
)
def test_a_column_is_explained_as_it_is_meant_there_with_its_codes(lessons, name, column, told):
    dictionary = nbformat.read(lessons / name / f"{name}.ipynb", as_version=4).cells[1].source
    [row] = [line for line in dictionary.splitlines() if f"| `{column}` |" in line]
    assert re.search(told, row)


def test_a_lesson_is_pictured_by_a_figure_that_it_draws_or_else_by_its_first_table(lessons):
    pictured = dict(
        re.findall(r'src="lessons/pictures/(\w+)\.svg" alt="([^"]+)"', (lessons / "list.md").read_text("utf-8"))
    )
    assert set(pictured) == set(LESSONS)
    for name, alt in pictured.items():
        text = (lessons / f"pictures/{name}.svg").read_text("utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg") and len(text) < 100_000
        draws = "axes = sns." in (PAGES / f"{name}.md").read_text("utf-8")
        assert draws == alt.startswith("A figure of the lesson: ") and draws != alt.startswith("The first rows of ")


@pytest.mark.parametrize("name", LESSONS)
def test_a_text_beside_a_lesson_says_what_each_file_is_and_keeps_the_warning(lessons, name):
    mind = nbformat.read(lessons / name / f"{name}.ipynb", as_version=4).metadata.lesson.mind
    for path in (lessons / f"{name}.zip", lessons / f"{name}_teacher.zip"):
        with zipfile.ZipFile(path) as archive:
            files = {Path(file).name: archive.read(file).decode() for file in archive.namelist()}
        told = files.pop("README.txt")
        for file in files:
            assert re.search(rf"^{re.escape(file)}: \w", told, re.MULTILINE)
        plain = re.sub(r"\s+", " ", re.sub(r"[*`]", "", mind))
        assert plain in re.sub(r"\s+", " ", told) and "CC BY 4.0" in told and "MIT" in told


def test_the_twenty_records_hold_the_rules_of_their_choice(results, review, tmp_path):
    records = chosen(results, protocol=review)
    assert len(records) == N == len(set(records.index))
    assert records.index.tolist() == chosen(results, protocol=review).index.tolist()
    one, other = (records[name] for name in READERS)
    by_why = records.groupby("why", sort=False)
    for why, rows in by_why:
        same = (one == other).loc[rows.index]
        if "differed" in why:
            assert not same.any()
        elif "part" in why and "pair" not in why:
            assert (same & (rows.rule != rows.adjudicated)).all()
        elif "something else" in why:
            assert (rows.adjudicated_criterion == "E4").all()
            assert rows.brief_title.str.cat(rows.official_title.fillna("")).str.contains("(?i)exo|vesic").all()
        elif found := re.search(r"exclusion by (E\d)", why):
            assert rows.adjudicated_criterion.tolist() == [found[1]]
        elif "inclusion" in why:
            assert (rows[[*READERS, "rule", "adjudicated"]] == "include").all(axis=None)
        elif "pair" in why:
            pairs = read_table(results / "duplicates.csv", "duplicates")
            assert set(rows.index) in [{pair.trn, pair.kept_trn} for pair in pairs.itertuples()]
        else:
            assert (rows.adjudicated == "unclear").all()
    assert {why.split(":")[0][-2:] for why in by_why.groups if "exclusion" in why} == {"E2", "E3", "E4"}
    assert len(by_why) == 9
    first = records.why[: N // 2]  # a class by themselves
    assert set(first) == set(records.why) and first.str.contains("pair").sum() == 2
    late = sheet(records, protocol=review).set_index("trn").loc[records.adjudicated_criterion == "E3"]
    assert len(late) and late.registration_stated.notna().all()  # judged by words that the class can read
    silent = shutil.copytree(results, tmp_path / results.name)
    table = read_table(silent / "records.csv", "records")
    write_table(table.assign(note=table.note.mask(table.trn.isin(late.index))), silent / "records.csv", "records")
    assert not set(late.index) & set(chosen(silent, protocol=review).index)


def test_the_sheet_is_blank_guarded_and_says_nothing_of_the_readers(lessons, results):
    folder = lessons / "screening_in_class"
    written = pd.read_csv(folder / "screening_sheet.csv", dtype="str")
    assert written[list(BLANK)].isna().all(axis=None)
    assert not {"why", "reader_1", "note"} & set(written)
    page = (folder / "screening_sheet.html").read_text(encoding="utf-8")
    assert all(html.escape(text) in page for text in (*written.trn, *written.brief_title)) and "<script" not in page
    assert page.index(f">{N // 2}. ") < page.index("Where ten records") < page.index(f">{N // 2 + 1}. ")
    cells = written.astype("object").stack().astype(str)
    assert not cells.str.match(r"[=+\-@\t]").any()
    key = pd.read_csv(lessons / "unpacked/screening_in_class_teacher/screening_key.csv")
    assert key.trn.tolist() == written.trn.tolist() and key.why.notna().all()


def test_the_class_finds_the_kappa_that_the_project_finds(lessons, tmp_path):
    space = solved(lessons, "screening_in_class")
    readers = pd.read_csv(lessons / "screening_in_class/machine_readers.csv")
    assert space["kappa"] == pytest.approx(agreement_of_words(readers.reader_1, readers.reader_2)["kappa"])
    assert space["final"].value_counts().sum() == N
    # With files that a class has filled in, however a spreadsheet saved them, theirs count, and they may part from the machines.
    folder = shutil.copytree(lessons / "unpacked/screening_in_class_teacher", tmp_path / "class")
    blank = pd.read_csv(folder / "screening_sheet.csv", dtype="str")
    first = blank.assign(decision_1="Include ").sort_values("brief_title")
    first.loc[0, "settled"] = "unclear"
    first.to_csv(folder / "judge_1.csv", index=False, sep=";", encoding="utf-8-sig")
    second = blank.assign(decision_2=["exclude", *["include"] * (N - 1)], criterion_2=["e4", *[None] * (N - 1)])
    second.to_csv(folder / "judge_2.csv", index=False, encoding="cp1252", errors="replace")
    space = run_bare(folder / "screening_in_class_solutions.ipynb")
    assert space["judged"].final.tolist() == ["unclear", *["include"] * (N - 1)]
    assert space["judged"].criterion_2.iloc[0] == "E4"


def test_half_of_the_statements_fit_and_the_solutions_find_which_sums_do(lessons, words):
    space = solved(lessons, "find_the_error")
    key = pd.read_csv(lessons / "unpacked/find_the_error_teacher/claims_key.csv").set_index("number")
    assert len(key) == 12 and key.fits.sum() == 6
    assert "fits" not in pd.read_csv(lessons / "find_the_error/claims.csv")
    assert not re.search(
        "half|six", read_lesson(PAGES / "find_the_error.md", words).mind
    )  # how many is for the class to find
    sums, counted = space["sums"], space["counted"]
    fits = (pd.to_numeric(sums.value) - sums.computed).abs() < 0.005
    assert len(fits) >= 4 and (fits == key.fits[sums.index]).all()
    by_report = (pd.to_numeric(counted.value) == counted.people_by_report).tolist()
    assert sorted(by_report) == [False, True]


def test_the_settings_lead_to_the_answer_of_the_book(lessons, results):
    space = solved(lessons, "dispute_an_assumption")
    settings, cross = space["settings"], read_csv(results / "specifications.csv")
    assert len(settings) == len(cross) and settings.as_set.sum() == 1
    assert settings.share.notna().sum() == cross.share.notna().sum()
    assert settings.share.sum() == pytest.approx(pd.to_numeric(cross.share).sum())
    assert set(space["alone"].turned) == set(space["names"])
    assert len(space["mine"]) and space["mine"].sum() == 1


def test_the_earlier_count_of_the_project_lies_within_the_bounds_of_the_class(lessons):
    space = solved(lessons, "update_a_review")
    assert space["certain"] <= int(space["told"]) <= space["possible"]
    assert 0 < len(space["before"]) < len(space["all_now"])


def test_a_review_without_these_tables_has_no_lessons_and_no_error(results, review, words, tmp_path):
    poor = shutil.copytree(results, tmp_path / results.name)
    for name in ("specifications", "by_date", "audit"):
        (poor / f"{name}.csv").unlink()
    decisions = read_csv(poor / "decisions.csv")
    decisions[decisions.reviewer != READERS[1]].to_csv(poor / "decisions.csv", index=False)
    told = write_class_materials(poor, tmp_path / "lessons", words=words, raw_dir=RAW, protocol=review)
    assert told == "This run has too few records for them."
    assert not (tmp_path / "lessons").exists()


def test_a_lesson_whose_page_names_an_unknown_number_is_refused():
    with pytest.raises(Exception, match="find_the_error"):
        read_lesson(PAGES / "find_the_error.md", {})


def test_the_slides_need_nothing_from_elsewhere(lessons):
    text = (lessons / "slides.html").read_text(encoding="utf-8")
    assert text.count("<script") == text.count("<script>") == 1 and "http" not in text and "{{" not in text
    assert text.count("<section") >= 10 and text.count("<blockquote>") >= 10
    assert re.findall(r'<img src="([^,"]*)', text) == [
        "data:image/svg+xml;base64"
    ]  # also where it is saved and taken along


@pytest.mark.parametrize("name", ["quiz", "plans"])
def test_pages_for_teachers_hold_no_number_of_a_run_and_fill_from_any(results, words, name):
    page = (ROOT / f"book/{name}.md").read_text(encoding="utf-8")
    text = filled(page, words | {"class_materials": "", "chapter_of_update": ""}, page=name)
    assert "{{" not in text
    run_numbers = {value for value in load_numbers(results).values() if re.fullmatch(r"\d{2,}", value)}
    prose = re.sub(r"\{\{ \w+ \}\}", "", page)
    if name == "quiz":
        assert page.count('<details class="answer">') == page.count("</details>") >= 14
        assert not run_numbers & set(re.findall(r"(?<![\w.])\d{2,}(?![\w.%])", prose))
