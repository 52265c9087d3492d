"""The tools' own commands, typed as their manuals say, give what ``make`` gives, or say in a sentence what is in the way."""

from pathlib import Path

import pytest
from conftest import ROOT, contents, project_copy, put, typed

from evlib.audit.compare import CHAPTERS, run_missing_chapters
from evlib.base.errors import InputError
from evlib.base.paths import folders_of, mark_search
from evlib.ingest.retrieval import checksum_of_inputs

DATE, OTHER = "2020-12-31", "2022-12-31"


def test_papermill_works_on_the_tables_of_its_search_date_wherever_it_is_typed(run_of, tmp_path):
    project, elsewhere = project_copy(tmp_path / "project", run_of(DATE)), tmp_path / "elsewhere"
    results = project / "data/processed" / DATE
    before = contents(results)
    for name in ("records.csv", "sources.csv", "figures/records_by_year.svg", "flow.csv", "trials.csv"):
        (results / name).unlink()
    elsewhere.mkdir()
    chapter = project / "notebooks/01_ingest.ipynb"
    done = typed(project, f"papermill {chapter} out.ipynb -p search_date {DATE}", cwd=elsewhere)
    assert done.returncode == 0, done.stderr[-3000:]
    done = typed(project, f"papermill notebooks/02_screen.ipynb out.ipynb -p search_date {DATE}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert contents(results) == before
    assert [path.name for path in results.parent.iterdir()] == [DATE]


def test_tables_of_another_search_date_are_refused_in_a_sentence(run_of, tmp_path):
    project = project_copy(tmp_path / "project", run_of(DATE))
    results = project / "data/processed" / DATE
    before = contents(results)
    for chapter in ("01_ingest", "05_audit"):
        options = f"-p search_date {OTHER} -p out_dir data/processed/{DATE}"
        done = typed(project, f"papermill notebooks/{chapter}.ipynb out.ipynb {options}")
        assert done.returncode
        last = done.stderr.strip().splitlines()[-1]
        assert DATE in last and OTHER in last and "out_dir" in last
        assert "Traceback (most recent call last)\nCell" not in done.stderr
    assert contents(results) == before


def test_a_chapter_names_the_table_that_an_earlier_one_has_not_written(tmp_path):
    project = project_copy(tmp_path / "project")
    done = typed(project, f"papermill notebooks/03_describe.ipynb out.ipynb -p search_date {OTHER}")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and f"data/processed/{OTHER}/records.csv" in last and "in order" in last


def test_the_last_chapter_runs_the_chapters_that_it_lacks_and_no_others(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr("papermill.execute_notebook", lambda source, _, **options: ran.append((source, options)))
    now = {"raw_dir": ROOT / "data/raw", "protocol": ROOT / "protocol.yml"}
    run_missing_chapters({tmp_path: OTHER}, **now)
    assert [Path(source).stem for source, _ in ran] == list(CHAPTERS)
    assert all(Path(source).is_file() for source, _ in ran)
    assert ran[0][1]["parameters"] == {"search_date": OTHER, "out_dir": str(tmp_path)} | {
        name: str(path) for name, path in now.items()
    }
    for chapter in CHAPTERS:
        put(tmp_path, f"numbers/{chapter}.json", "{}")
    ran.clear()
    run_missing_chapters({tmp_path: OTHER}, **now)
    assert not ran


def test_tables_made_of_other_decisions_are_made_anew_and_count_for_no_chapter(monkeypatch, run_of, tmp_path):
    project, ran = project_copy(tmp_path / "project", run_of(DATE)), []
    monkeypatch.setattr("papermill.execute_notebook", lambda source, _, **options: ran.append(Path(source).stem))
    raw, results = project / "data/raw", project / "data/processed" / DATE
    searches, now = {results: DATE}, {"raw_dir": raw, "protocol": project / "protocol.yml"}
    run_missing_chapters(searches, own=[results], **now)
    assert not ran
    put(raw, "curation/screening/anna.csv", "trn,decision,criterion\nNCT02138331,exclude,E3\n")
    run_missing_chapters(searches, **now)  # a folder that somebody named is taken as it is
    assert not ran
    run_missing_chapters(searches, own=[results], **now)
    assert ran == list(CHAPTERS)
    inputs = checksum_of_inputs(raw, project / "protocol.yml")
    mark_search(results, search_date=DATE, snapshot="2026-11-28", inputs=inputs)  # as the first chapter does
    assert not list((results / "numbers").iterdir())  # the later ones are still to be run


def test_a_later_search_is_never_taken_for_the_earlier_one(tmp_path):
    project = project_copy(tmp_path / "project")
    options = f"-p search_date {DATE} -p earlier_date {OTHER}"
    done = typed(project, f"papermill notebooks/06_update.ipynb out.ipynb {options}")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode and DATE in last and OTHER in last and "earlier" in last
    assert not (project / "data/processed").exists()


@pytest.mark.parametrize("date", ["31.12.2022", "2999-12-31"])
def test_a_date_that_no_search_can_have_is_refused_before_anything_is_written(tmp_path, date):
    with pytest.raises(InputError, match=date):
        folders_of(date, "", str(tmp_path / "out"), "")
    assert not list(tmp_path.iterdir())


def test_a_date_after_the_newest_records_is_refused_before_anything_is_written(tmp_path):
    project = project_copy(tmp_path / "project")
    options = "-p search_date 2024-12-31 -p snapshot 2022-10-09"
    done = typed(project, f"papermill notebooks/01_ingest.ipynb out.ipynb {options}")
    assert done.returncode and "2022-10-09" in done.stderr.strip().splitlines()[-1]
    assert not (project / "data/processed").exists()


def test_the_readme_shows_each_of_the_four():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("papermill notebooks/", "jupyter lab", "pytest --nbval ", "jupyter-book build book/"):
        assert command in readme, command
