"""A review of another topic: its own protocol and export over the same code and chapters, and no word of the first topic."""

import html
import json
import re
import runpy
import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT, evlib, export, ingest, put, study

from evlib.base.errors import InputError
from evlib.base.paths import project_root
from evlib.base.protocol import load_protocol
from evlib.base.schema import read_table
from evlib.book.build import build_book
from evlib.book.layout import _for_another_review
from evlib.ingest import sources
from evlib.run import chapters
from evlib.run.new_review import TEMPLATE, left_as_in_template, new_review
from evlib.run.pipeline import notebooks, run
from evlib.screen import eligibility, judging
from evlib.screen.screening_view import screening_view

EXAMPLE = ROOT / "reviews" / "msc-cells-covid19"
SAMPLE = ROOT.parent / "shared" / "samples" / "ictrp" / "covid19-2020-07-07.csv"
FIRST_TOPIC = re.compile(
    r"exosom|vesicle|\bEVs?\b|\bWang\b|the paper|MISEV|ExoFlo|hand screening|screening round|two machine", re.IGNORECASE
)


def quiet(text: str) -> None:
    pass


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example, in a folder of its own: no notebook, code or page of the repository lies beside it."""
    folder = tmp_path_factory.mktemp("reviews") / EXAMPLE.name
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("processed", "_build", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def results(example: Path) -> Path:
    return run(example, say=quiet)


def test_the_example_is_what_the_snapshot_holds():
    script = runpy.run_path(str(EXAMPLE / "make_export.py"))
    assert script["EXPORT"].read_text(encoding="utf-8") == script["export"]()


def test_another_topic_runs_and_says_what_it_lacks(example, results):
    screened, trials = (read_table(results / f"{name}.csv", name) for name in ("screened", "trials"))
    assert set(screened.outcome) == {"pending"} and set(trials.screening) == {"pending"}
    assert set(screened.proposal) == {"include", "exclude", "unclear"}
    assert set(read_table(results / "described.csv", "described").coded_by) == {"rules"}
    assert not (results / "flow_beside_paper.csv").exists()
    assert not (results / "coding_agreement.csv").exists()
    assert [path.name for path in sorted(results.glob("*.ipynb"))] == [f"{name}.ipynb" for name in chapters.DEFAULT]


def test_the_book_has_no_word_of_the_first_topic(example, results):
    page = build_book(example, results, say=quiet)
    shown = {path.name: _words(path) for path in page.parent.glob("*.html")}
    n = len(read_table(results / "to_screen.csv", "to_screen"))
    assert f"Nobody has decided yet: {n} records are not yet read" in shown["index.html"]
    held = _said_by_records(results)
    assert any(
        FIRST_TOPIC.search(text) for text in held
    )  # so that leaving them out below is what makes the pages clean
    for name, text in shown.items():
        for record in held:
            text = text.replace(record, " ")
        text = re.sub(r"'[^']{1,40}' in \w+", " ", text)  # a word of a record in the rules' reason
        found = FIRST_TOPIC.search(text)
        assert not found, (name, text[max(0, found.start() - 100) : found.end() + 100])
    queue = (page.parent / "to_screen.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert "interventions" in queue and "ev_term_text" not in queue
    assert f'href="{example.name}.zip"' in (page.parent / "trials.html").read_text(encoding="utf-8")
    with zipfile.ZipFile(page.parent / f"{example.name}.zip") as archive:
        assert b"ev_term" not in archive.read(f"{example.name}/csv/described.csv")
        assert b"ev_term" not in archive.read(f"{example.name}/codebook.csv")
        assert b"ev_term" not in archive.read(f"{example.name}/datapackage.json")
        files = {name.partition("/")[2] for name in archive.namelist()}
    assert {"protocol.yml", "requirements.lock", "LICENSE", "LICENSE-DATA"} <= files
    assert "CITATION.cff" not in files  # that of the project names another review
    trial = next((page.parent / "trials").glob("*.html")).read_text(encoding="utf-8")
    assert "How it was coded" in trial and not re.search("<h2>(Doses|Reports|What changed)", trial)
    assert not (page.parent / "ledger.html").exists() and not (page.parent / "lessons").exists()


def test_pages_and_messages_name_the_review_in_commands_and_paths(example, results, monkeypatch):
    page = build_book(example, results, say=quiet)
    for path in page.parent.glob("*.html"):
        text = _words(path)
        assert not re.findall(
            r"\bmake (?:book|check|fetch|run|screen|trace|update)\b(?! REVIEW=msc-cells-covid19)", text
        )
        assert not re.findall(r"(?<!reviews/msc-cells-covid19/)\bdata/(?:raw|processed)", text), path.name
    told = _words(page.with_name("to_screen.html"))
    assert "reviews/msc-cells-covid19/data/raw/curation/screening/anna.csv" in told
    assert "make screen REVIEW=msc-cells-covid19 REVIEWER=your-name" in told

    monkeypatch.setattr("evlib.run.pipeline.today", lambda: "2999-01-01")
    with pytest.raises(InputError) as error:
        run(example, search_date="2998-01-01", say=quiet)
    assert "make fetch REVIEW=msc-cells-covid19 SEARCH_DATE=2998-01-01" in str(error.value)
    assert "reviews/msc-cells-covid19/data/raw/exports" in str(error.value)
    sheet = put(example, "data/raw/curation/screening/eve.csv", "trn,decision,criterion\nNCT00000001,exclude,E1\n")
    protocol = load_protocol(example / "protocol.yml")
    _, rejects = judging.own_decisions(sheet.parent, known={"NCT00000001"}, protocol=protocol)
    sheet.unlink()
    assert "reviews/msc-cells-covid19/data/raw/curation/same_trial.csv" in rejects.reason[0]
    queue = read_table(results / "to_screen.csv", "to_screen")
    view = screening_view(queue, reviewer="", folder=sheet.parent, protocol=protocol)
    assert "make screen REVIEW=msc-cells-covid19 REVIEWER=name" in view.data


def test_a_shared_page_has_the_commands_and_folders_of_the_review_and_no_link_to_a_page_it_lacks():
    page = "`make screen REVIEWER=anna`, `data/raw/x.csv`, [here](trials.md), [there](rerun.md), `make sure`"
    made = "`make screen REVIEW=msc-cells-covid19 REVIEWER=anna`, `reviews/msc-cells-covid19/data/raw/x.csv`, "
    assert _for_another_review(page, EXAMPLE, ["trials"]) == made + "[here](trials.md), there, `make sure`"


def _words(page: Path) -> str:
    text = re.sub(r"<(script|style).*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def _said_by_records(results: Path) -> list[str]:
    """What the records say, the longest text first."""
    records = read_table(results / "records.csv", "records")
    fields = ["brief_title", "official_title", "conditions", "interventions", "acronym", "source_urls"]
    cells = {text for field in fields for text in records[field].dropna()}
    return sorted({re.sub(r"\s+", " ", text).strip() for text in cells}, key=len, reverse=True)


def test_cells_and_passages_stand_where_what_they_speak_of_is_there(tmp_path):
    protocol = load_protocol(EXAMPLE / "protocol.yml")
    cells = [
        nbformat.v4.new_markdown_cell("One.<!-- needs:source --> The paper.<!-- end --> Two.<!-- needs:codes.route --> Three.<!-- end -->"),
        nbformat.v4.new_code_cell("1", metadata={"tags": ["needs:curation/coding.csv"]}),
        nbformat.v4.new_markdown_cell("**Next:** [more](04_dose_effect.ipynb)"),
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=cells)
    asked = {"protocol": protocol, "raw_dir": tmp_path, "chapters": chapters.DEFAULT, "name": "x"}
    made = chapters.for_review(notebook, **asked)
    assert [cell.source for cell in made.cells] == ["One. Two. Three.", "**Next:** [all trials, one by one](trials.md)"]
    put(tmp_path, "curation/coding.csv", "trn\n")
    assert len(chapters.for_review(notebook, **asked).cells) == 3


def test_every_need_of_a_chapter_is_met_by_the_first_review():
    protocol, raw = load_protocol(ROOT / "protocol.yml"), ROOT / "data" / "raw"
    for path in notebooks(ROOT):
        notebook = nbformat.read(path, as_version=4)
        names = [other.stem for other in notebooks(ROOT)]
        same = chapters.for_review(notebook, protocol=protocol, raw_dir=raw, chapters=names, name="first")
        assert len(same.cells) == len(notebook.cells), path.name
        text = "\n".join(cell.source for cell in notebook.cells)
        assert text.count("<!-- needs:") == text.count("<!-- end -->") == len(chapters._PASSAGE.findall(text))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository as far as a new review needs one."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "home/notebooks")
    return put(tmp_path, "home/protocol.yml", (ROOT / "protocol.yml").read_text(encoding="utf-8")).parent


def test_new_review_makes_a_folder_to_fill_in(tmp_path, home, monkeypatch):
    sent = put(
        tmp_path,
        "sent/export.csv",
        export(("NCT00000001", "Name of the intervention", "ClinicalTrials.gov", "", "", "")),
    )
    folder = new_review(home, "my-topic", records=sent)
    text = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())
    assert not re.search(r"@[A-Z]+@", text)
    assert [path.name for path in folder.glob("data/raw/exports/*/*.csv")] == ["export.csv"]
    protocol = load_protocol(folder / "protocol.yml")
    assert not FIRST_TOPIC.search((folder / "protocol.yml").read_text(encoding="utf-8"))
    assert yaml.safe_load((TEMPLATE / "book/_toc.yml").read_text())["root"] == "index"
    assert protocol["chapters"] == list(chapters.DEFAULT)
    assert "REVIEW=my-topic REVIEWER" in (folder / "data/raw/curation/screening/README.md").read_text(encoding="utf-8")
    monkeypatch.setenv("EVTRIALS_REVIEW", "my-topic")
    assert project_root(home) == folder
    monkeypatch.setenv("EVTRIALS_REVIEW", "other")
    with pytest.raises(InputError, match="There: my-topic"):
        project_root(home)
    for name, said in (("my-topic", "there already"), ("My topic", "no name"), ("../x", "no name")):
        with pytest.raises(InputError, match=said):
            new_review(home, name)


_ROW = ("NCT00000001", "A trial", "ClinicalTrials.gov", "", "", "2020-01-27")
_MORE = ("Last Refreshed on", "Export date")


@pytest.mark.parametrize(
    ("cells", "retrieved", "day", "said"),
    [
        (("2020-02-03", "2020-06-07 17:53:51"), None, "2020-06-07", "day of export"),
        (("2020-02-03", ""), None, "2020-02-03", "last update"),
        (("", ""), None, "2020-01-27", "last registration"),
        (("2019-12-03", ""), None, "2020-01-27", "last registration"),  # else this record would be outside
        (("2020-02-03", ""), "2020-07-07", "2020-07-07", "as you say"),
    ],
)
def test_the_day_of_an_export_names_its_folder_and_is_the_search_date(tmp_path, home, cells, retrieved, day, said):
    header = ("TrialID", "Public title", "Source Register", "Phase", "Target size", "Date registration", *_MORE)
    sent = put(tmp_path, "sent/export.csv", export((*_ROW, *cells), header=header))
    told = []
    folder = new_review(home, "my-topic", records=sent, retrieved=retrieved, say=told.append)
    assert [path.parent.name for path in folder.glob("data/raw/exports/*/*.csv")] == [day]
    assert load_protocol(folder / "protocol.yml")["default_search_date"] == day
    assert day in told[0] and said in told[0]


def test_a_folder_named_for_a_day_gives_that_of_its_export(tmp_path, home):
    sent = put(tmp_path, "2020-08-01/export.csv", export(_ROW))
    folder = new_review(home, "my-topic", records=sent, say=quiet)
    assert [path.parent.name for path in folder.glob("data/raw/exports/*/*.csv")] == ["2020-08-01"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("code.py", "import os\n", "ClinicalTrials.gov API v2"), ("empty.csv", export(), "no usable record")],
)  # fmt: skip
def test_what_is_no_export_is_refused_and_nothing_is_made(tmp_path, home, name, content, said):
    sent = put(tmp_path, f"sent/{name}", content)
    with pytest.raises(InputError, match=re.escape(said)):
        new_review(home, "my-topic", records=sent, say=quiet)
    assert not (home / "reviews").exists()


def checked(folder: Path, *changes: tuple[str, str]):
    """The command ``check`` on a review whose protocol was changed for this once."""
    path = folder / "protocol.yml"
    text = path.read_text(encoding="utf-8")
    changed = text
    for old, new in changes:
        assert old in changed
        changed = changed.replace(old, new)
    try:
        path.write_text(changed, encoding="utf-8")
        return evlib("check", cwd=folder)
    finally:
        path.write_text(text, encoding="utf-8")


def test_check_names_what_is_still_to_fill_in(tmp_path, home):
    folder = new_review(home, "my-topic", records=put(tmp_path, "sent/export.csv", export(_ROW)), say=quiet)
    lines = (folder / "protocol.yml").read_text(encoding="utf-8").splitlines()
    done = checked(folder)
    assert done.returncode == 0
    marked = [number for number, line in enumerate(lines, start=1) if line.lstrip().startswith("# FILL IN:")]
    assert len(marked) > 8
    assert [int(number) for number in re.findall(r"FILL IN, line (\d+): \w", done.stdout)] == marked
    assert "is found by the query" in done.stdout and "protocol.yml is valid" not in done.stdout


def test_an_export_that_breaks_off_is_told_at_once_and_by_every_check(tmp_path, home):
    whole = json.dumps({"studies": [study(f"NCT0000000{n}", briefTitle="Pollen") for n in range(1, 6)]}, indent=1)
    torn = whole[: whole.index("NCT00000004")]
    told = []
    folder = new_review(home, "my-topic", records=put(tmp_path, "sent/page.json", torn), say=told.append)
    told = "\n".join(line for line in told if line.startswith("MIND"))
    assert "page.json" in told and "record 4" in told and "the 3 before it" in told and "again" in told
    path = folder / "protocol.yml"
    query = '"name of the intervention" AND "name of the condition"'
    for search in (query, "pollen"):
        done = checked(folder, (query, search))
        assert "page.json" in done.stdout and "record 4" in done.stdout and "protocol.yml is valid" not in done.stdout
    assert query in path.read_text(encoding="utf-8")


def test_the_rows_of_an_export_that_are_set_aside_are_counted_and_the_first_is_told(tmp_path, home):
    lines = [json.dumps(study(f"NCT0000000{n}", briefTitle="Pollen")) for n in range(1, 5)]
    cut = "\n".join([lines[0], lines[1][:-20], lines[2], lines[3][:-20]])
    told = []
    new_review(home, "my-topic", records=put(tmp_path, "sent/studies.jsonl", cut), say=told.append)
    (said,) = [line for line in told if line.startswith("MIND")]
    assert "studies.jsonl" in said and "2 rows" in said and "line 2:" in said and "again" in said


def test_words_of_the_template_are_to_be_replaced_though_their_marks_were_taken_away(tmp_path, home):
    folder = new_review(home, "my-topic", records=put(tmp_path, "sent/export.csv", export(_ROW)), say=quiet)
    done = checked(folder, ("# FILL IN", "#"), ('"name of the intervention" AND "name of the condition"', "trial"))
    named = re.findall(r"protocol\.yml, ([\w.]+): still the template", done.stdout)
    assert {"question", "criteria.I1.text", "screening.words.intervention", "screening.condition"} <= set(named)
    assert "search" not in named and "protocol.yml is valid" not in done.stdout
    assert not left_as_in_template(load_protocol(EXAMPLE / "protocol.yml"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "default_search_date: 2026-11-22",
            "default_search_date: 2002-07-07",
            "No record was registered by 2002-07-07",
        ),
        ("default_search_date: 2026-11-22", "default_search_date: 2999-07-07", "is still to come"),
        ("03_describe]", "03_descibe]", "no chapter '03_descibe'. There are: 01_ingest"),
        ("search: >-", 'search: "aardvark"\nquery: >-', "is found by the query"),
        (", other_condition: E4", "", "screening asks for a condition"),
    ],
)
def test_check_refuses_what_a_run_would_refuse(example, old, new, said):
    done = checked(example, (old, new))
    assert done.returncode == 1
    assert said in done.stderr


def test_a_condition_that_is_not_asked_for_leaves_no_criterion(example):
    text = (example / "protocol.yml").read_text(encoding="utf-8")
    condition = re.search(r"^  condition: \[.*$", text, re.MULTILINE)[0]
    assert "Take 'other_condition: E4' away" in checked(example, (condition, "  condition: []")).stderr
    assert checked(example, (condition, "  condition: []"), (", other_condition: E4", "")).returncode == 0


def test_a_search_that_finds_nothing_speaks_of_no_row_that_was_read(tmp_path):
    twice = export(_ROW, (*_ROW[:1], "Another", *_ROW[2:]))
    found = sources.named_sources(put(tmp_path, "export.csv", twice))
    protocol = load_protocol(EXAMPLE / "protocol.yml")
    with pytest.raises(InputError) as error:
        sources.records_of(found, protocol=protocol, always=set())
    assert "is found by the query" in str(error.value) and "given before" not in str(error.value)
    with pytest.raises(InputError, match="could not be read: no registration number"):
        sources.records_of(
            sources.named_sources(put(tmp_path, "bad.csv", export(("", *_ROW[1:])))), protocol=protocol, always=set()
        )


def test_a_chapter_that_is_not_there_is_named(example):
    path = example / "protocol.yml"
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text.replace("03_describe]", "09_none]"), encoding="utf-8")
        with pytest.raises(InputError, match="no chapter '09_none'"):
            notebooks(example)
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_real_export_runs_and_a_persons_decisions_count(example):
    """Over 1,334 rows of WHO ICTRP: what names cells and COVID-19 is proposed, what is made from cells is not."""
    if not SAMPLE.is_file():
        pytest.skip("needs ../shared/samples/ictrp, which is not shipped")
    protocol = load_protocol(EXAMPLE / "protocol.yml")
    records, _, _ = ingest([SAMPLE], retrieved="2020-07-07", registries=[])
    rules = eligibility.rule_decisions(records, protocol=protocol)
    chosen = list(rules.trn[rules.decision == "include"])
    title = records.set_index("trn").brief_title[chosen].dropna()
    assert title.str.contains("cell|MSC|间充质", case=False).mean() > 0.9
    assert not title.str.contains("exosome", case=False).any()

    head = "trn,decision,criterion,reason\n"
    put(example, "data/raw/curation/screening/ana.csv", head + "".join(f"{trn},include,,\n" for trn in chosen[:5]))
    found = run(example, search_date="2020-07-07", records=SAMPLE, say=quiet)
    flow = read_table(found / "flow.csv", "flow").set_index("step").n
    assert flow.included == 5 and flow.pending > 40
    assert set(read_table(found / "described.csv", "described").screening) == {"included", "pending"}
