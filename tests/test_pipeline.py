"""The run: counts follow the search date, nothing unchanged runs again, and a failure leaves the last good result."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pandas as pd
import pytest
from conftest import ROOT, SNAPSHOT, export, project_copy, put, study, without_figures, without_second_round

from evlib import __main__ as command_line
from evlib.base.dates import checked_date
from evlib.base.errors import InputError
from evlib.base.paths import mark_search, project_root
from evlib.base.rawdata import OWN_DECISIONS, seal
from evlib.base.schema import read_table
from evlib.base.words import load_numbers
from evlib.doses.stated_doses import BY_RECORD
from evlib.run import pipeline
from evlib.run.pipeline import (
    UPDATE,
    _own_folder,
    notebooks,
    run,
    run_with_comparison,
    screening_notebook,
    source_kernelspec,
)
from evlib.screen.judging import save_decisions

LATER = "2026-12-03"  # than the newest that is shipped: a day on which tests type their commands
DATES = ("2020-12-31", "2024-02-17", SNAPSHOT)


@pytest.fixture(scope="module")
def results(run_of):
    return {date: run_of(date) for date in DATES}


@pytest.fixture
def project(tmp_path):
    """A copy of the project of the test's own, without a run."""
    return project_copy(tmp_path / "project")


@pytest.fixture
def with_run(run_of, tmp_path):
    """Such a copy with the runs for some search dates: the project, and the last of its folders of results."""

    def copied(*dates):
        project = project_copy(tmp_path / "project", *map(run_of, dates))
        return project, project / "data/processed" / dates[-1]

    return copied


def test_the_counts_follow_the_search_date(results):
    records = {date: read_table(folder / "records.csv", "records") for date, folder in results.items()}
    trials = {date: read_table(folder / "trials.csv", "trials") for date, folder in results.items()}
    sizes = [len(records[date]) for date in DATES]
    assert sizes == sorted(set(sizes))
    shown = [len(trials[date]) for date in DATES]
    assert shown == sorted(set(shown))
    for date in DATES:
        assert (records[date].registered.dropna() <= date).all()
        assert set(trials[date].trn) <= set(records[date].trn)
    included = {date: set(t.trn[t.screening == "included"]) for date, t in trials.items()}
    assert included[DATES[0]] < included[DATES[1]] < included[DATES[2]]


@pytest.mark.parametrize("date", DATES)
def test_every_place_gives_the_same_count(results, date):
    folder = results[date]
    n = load_numbers(folder)
    flow = read_table(folder / "flow.csv", "flow").set_index("step").n
    screened = read_table(folder / "screened.csv", "screened")
    trials = read_table(folder / "trials.csv", "trials")
    described = read_table(folder / "described.csv", "described")
    doses = read_table(folder / "doses.csv", "doses")
    assert (
        int(n["n_records"])
        == flow.identified_total
        == len(screened)
        == len(read_table(folder / "records.csv", "records"))
    )
    assert int(n["n_included"]) == flow.included == (trials.screening == "included").sum()
    assert int(n["n_pending"]) == flow.pending == (screened.outcome == "pending").sum()
    if date == SNAPSHOT:
        assert flow.pending == 0  # every record of the current edition is decided
    assert described.trn.tolist() == trials.trn.tolist()
    assert int(n["n_dose_trials"]) == doses.trn[doses.told_by == BY_RECORD].nunique()
    assert set(doses.trn) <= set(trials.trn[trials.screening == "included"])
    assert trials.record_url.str.startswith("https://").all()
    text = "".join(
        str(output.get("data", {}).get("text/markdown", ""))
        for cell in nbformat.read(folder / "02_screen.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
    )
    assert f"**{n['n_included']}** trials go on" in text


def test_an_unchanged_run_does_nothing_and_an_edited_notebook_runs_from_there(with_run):
    project, folder = with_run(DATES[1])
    said = []
    run(project, search_date=DATES[1], say=said.append)
    assert len(said) == 1
    assert "nothing to do" in said[0]
    last = notebooks(project)[-1]
    last.write_text(last.read_text(encoding="utf-8").replace("## What to remember", "## To remember"), encoding="utf-8")
    said.clear()
    run(project, search_date=DATES[1], say=said.append)
    assert [("running" in text, "kept" in text) for text in said[:6]] == [(False, True)] * 5 + [(True, False)]
    assert "## To remember" in (folder / last.name).read_text(encoding="utf-8")


def test_an_output_that_was_altered_is_made_again(with_run):
    project, folder = with_run(DATES[1])
    before = (folder / "audit.csv").read_bytes()
    (folder / "audit.csv").write_text("tampered")
    run(project, search_date=DATES[1], say=lambda text: None)
    assert (folder / "audit.csv").read_bytes() == before


def test_run_json_says_what_was_run(results, review):
    record = json.loads((results[DATES[0]] / "run.json").read_text())
    assert record["parameters"] == {"search_date": DATES[0], "snapshot": SNAPSHOT}
    read = {f"data/raw/{facts['file']}" for facts in review["screening_rounds"].values()}
    assert {"protocol.yml", *read} <= record["inputs"].keys()
    assert all(len(value) == 64 for value in record["inputs"].values())
    assert record["packages"]["pandas"]
    ran = [path.name for path in notebooks(ROOT) if path.name != UPDATE]  # without an earlier search
    assert [step["name"] for step in record["notebooks"]] == ran


def test_an_early_date_without_any_trial_still_runs(run_of):
    folder = run_of("2010-07-27")
    assert read_table(folder / "trials.csv", "trials").empty
    assert load_numbers(folder)["n_included"] == "0"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_failing_cell_is_named_and_the_last_good_result_stays(with_run):
    project, folder = with_run(DATES[0])
    target, before = notebooks(project)[2], contents(folder)
    broken = nbformat.read(target, as_version=4)
    broken.cells.insert(3, nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(broken, target)
    with pytest.raises(InputError, match=r"03_describe\.ipynb, cell 4: ZeroDivisionError"):
        run(project, search_date=DATES[0], say=lambda text: None)
    assert contents(folder) == before
    assert not list((project / "data/processed").glob(".*.new*"))


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("2024-13-45", "is not a date"),
        ("1999-12-31", r"01_ingest\.ipynb, cell \d+: No record was registered by 1999-12-31"),
        ("2030-01-01", "The search date 2030-01-01 is still to come"),
        ("2026-11-29", f"lies after the newest records, of {SNAPSHOT}"),
    ],
)
def test_a_date_that_cannot_be_answered_leaves_nothing_behind(project, monkeypatch, date, said):
    monkeypatch.setattr("evlib.run.pipeline.today", lambda: LATER)
    with pytest.raises(InputError, match=said):
        run(project, search_date=date, say=lambda text: None)
    assert not (project / "data/processed" / date).exists()


def test_a_date_that_cannot_be_answered_is_refused_before_the_earlier_search_is_run(project, monkeypatch):
    monkeypatch.setattr("evlib.run.pipeline.today", lambda: LATER)
    monkeypatch.setattr("evlib.run.pipeline.run", None)
    for date, said in (("2030-01-01", "still to come"), ("2026-11-29", "newest records")):
        with pytest.raises(InputError, match=said):
            run_with_comparison(project, search_date=date)


def test_a_kernel_that_dies_is_told_once(tmp_path):
    cell = nbformat.v4.new_code_cell("import os; os._exit(1)")
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": source_kernelspec()})
    nbformat.write(notebook, tmp_path / "01_dies.ipynb")
    (tmp_path / "out").mkdir()
    program = (  # a process of its own: here pytest takes what a logger says
        "from pathlib import Path; from evlib.run import pipeline, warm_kernels\n"
        "with warm_kernels.warm_kernels([]) as warm:\n"
        "    pipeline._execute(warm.kernels, Path('01_dies.ipynb'), Path('out'), parameters={})\n"
    )
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=path, capture_output=True, text=True)
    assert "InputError: 01_dies.ipynb" in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("Kernel died")]


def test_an_earlier_snapshot_brings_the_default_search_date_down_to_its_day_and_refuses_a_later_one(
    project, monkeypatch
):
    runs, said = [], []

    def noted(root, target, steps, inputs, parameters, *others):
        runs.append((target.name, *parameters.values()))
        return target

    monkeypatch.setattr(pipeline, "_run_locked", noted)
    monkeypatch.setattr(pipeline, "_steps", lambda *_: [])
    run(project, snapshot="2026-11-22", say=said.append)
    assert runs == [("2026-11-22-as-of-2026-11-22", "2026-11-22", "2026-11-22")]
    assert any("2026-11-22" in text and SNAPSHOT in text for text in said)
    run_with_comparison(project, snapshot="2026-11-22", say=said.append)
    assert [name for name, *_ in runs[1:]] == ["2024-02-17", "2026-11-22-as-of-2026-11-22"]
    with pytest.raises(InputError, match="snapshot that was asked for, of 2026-11-22") as refused:
        run(project, search_date=SNAPSHOT, snapshot="2026-11-22", say=said.append)
    assert "make fetch" not in str(refused.value) and "up to 2026-11-22" in str(refused.value)


def test_an_update_since_an_earlier_snapshot_compares_with_the_search_of_that_day(project, monkeypatch):
    asked = []
    shutil.copy2(ROOT / "data/updates.csv", project / "data/updates.csv")  # of a search to the newest shipped records
    put(project, "data/raw/registries/2026-12-01/page-0001.json.gz", gzip.compress(b'{"studies": [], "totalCount": 0}'))
    monkeypatch.chdir(project)

    def stopped(between, **options):
        asked.append(options)
        raise InputError("enough")

    monkeypatch.setattr(command_line, "_run_and_build", stopped)
    for words in ({}, {"since_snapshot": "2026-11-22"}, {"snapshot": SNAPSHOT}):
        with pytest.raises(InputError, match="enough"):
            command_line.update(
                **{"since": None, "search_date": None, "since_snapshot": None, "snapshot": None} | words
            )
    assert [(each["since"], each["since_snapshot"], each["search_date"]) for each in asked] == [
        (SNAPSHOT, SNAPSHOT, "2026-12-01"),
        ("2026-11-22", "2026-11-22", "2026-12-01"),
        (None, None, SNAPSHOT),
    ]


def test_an_altered_raw_file_stops_the_run(tmp_path):
    copy = project_copy(tmp_path)
    (copy / "data/raw/curation/doses.csv").write_text("trn\n")
    with pytest.raises(InputError, match=r"doses\.csv is not the file that was shipped"):
        run(copy, say=lambda text: None)
    assert not (copy / "data/processed").exists()


def test_a_killed_run_leaves_the_last_good_result_and_the_next_run_completes(with_run):
    project, folder = with_run(DATES[0])
    before = contents(folder)
    first = notebooks(project)[0]
    original = first.read_text(encoding="utf-8")
    first.write_text(original.replace("What to remember", "To remember"), encoding="utf-8")
    command = [sys.executable, "-m", "evlib", "run", "--search-date", DATES[0]]
    process = subprocess.Popen(
        command, cwd=project, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    staging = folder.parent / f".{folder.name}.new-01_ingest"  # where the first notebook writes
    deadline = time.monotonic() + 60
    while not (staging / "rejects.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (staging / "rejects.csv").exists()
    assert contents(folder) == before
    first.write_text(original, encoding="utf-8")
    run(project, search_date=DATES[0], say=lambda text: None)
    assert not list(folder.parent.glob(".*.new*"))


def test_a_kill_between_the_two_steps_of_the_swap_is_undone(with_run):
    project, folder = with_run(DATES[0])
    before = contents(folder)
    folder.rename(folder.with_name(f".{folder.name}.old"))
    said = []
    run(project, search_date=DATES[0], say=said.append)
    assert "nothing to do" in said[0]
    assert contents(folder) == before


def test_a_second_run_on_the_same_folder_is_refused(project):
    from filelock import FileLock

    (project / "data/processed/.locks").mkdir(parents=True)
    with (
        FileLock(project / "data/processed/.locks" / f"{DATES[0]}.lock"),
        pytest.raises(InputError, match="another run"),
    ):
        run(project, search_date=DATES[0], say=lambda text: None)


def test_a_date_is_a_day_of_the_calendar():
    assert checked_date("2024-02-29") == "2024-02-29"
    for text in ("2023-02-29", "20240217", "2024-2-17", ""):
        with pytest.raises(InputError):
            checked_date(text)


def test_the_project_is_found_from_a_folder_inside_it(project, tmp_path):
    assert project_root(project / "notebooks") == project.resolve()
    with pytest.raises(InputError, match=r"no protocol\.yml"):
        project_root(tmp_path)


def test_a_project_without_notebooks_says_so(tmp_path, monkeypatch):
    copy = project_copy(tmp_path)
    shutil.rmtree(copy / "notebooks")
    monkeypatch.setattr(
        "evlib.base.paths.__file__", str(copy / "evlib/base/paths.py")
    )  # its own code, not another copy's
    with pytest.raises(InputError, match="no numbered notebook"):
        run(copy, say=lambda text: None)


def test_a_folder_that_is_not_a_runs_own_is_never_replaced(project, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/thesis.txt").write_text("years of work")
    for folder in (tmp_path / "own", project, project.parent, tmp_path / "own/thesis.txt"):
        with pytest.raises(InputError, match="not a run's result"):
            run(project, out=folder, say=lambda text: None)
    assert (tmp_path / "own/thesis.txt").read_text() == "years of work"
    mark_search(tmp_path / "by-hand", search_date="2020-12-31", snapshot="2026-11-28")  # as the notebooks by hand do
    assert _own_folder(tmp_path / "by-hand", project) == tmp_path / "by-hand"


def test_rows_set_aside_are_announced(tmp_path):
    copy = project_copy(tmp_path)
    with (copy / "data/raw/curation/doses.csv").open("a") as file:
        file.write("NCT99999999,,1,1,particles,administration,,,,x\n")
    seal(copy / "data/raw")
    for later in notebooks(copy)[1:]:
        later.unlink()
    said = []
    run(copy, say=said.append)
    assert any("1 row(s) could not be used" in text for text in said)


def test_a_protocol_that_names_an_absent_snapshot_is_refused(tmp_path):
    copy = project_copy(tmp_path)
    protocol = copy / "protocol.yml"
    protocol.write_text(
        protocol.read_text(encoding="utf-8").replace("snapshot: 2026-11-22", "snapshot: 2026-11-23"), encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"screening_rounds\.first\.snapshot"):
        run(copy, say=lambda text: None)


def test_one_export_by_itself_makes_a_whole_report(with_run, tmp_path):
    """With rows of our own in the published columns: two judged trials, one that the query finds, one that it does not.

    The export states an earlier day than the file has and than the search date.
    """
    header = ("TrialID", "Public title", "Source Register", "Date registration", "Countries", "Phase", "Export date")
    rows = [
        ("NCT04276987", "Inhaled exosomes", "ClinicalTrials.gov", "2020-02-19", "China", "Phase 1"),
        ("NCT02138331", "Microvesicles in diabetes", "ClinicalTrials.gov", "2014-05-14", "Egypt", "Phase 2"),
        ("DRKS00099999", "Exosomes of mesenchymal stem cells in burns", "DRKS", "2023-01-05", "Germany", "1"),
        ("CTRI/2020/04/024775", "Arbidol", "CTRI", "2020-04-12", "India", "3"),
        ("X-1", "Exosomes of mesenchymal stem cells", "A registry of its own", "2020-04-12", "India", "3"),
        ("", "no number", "ChiCTR", "2020-04-12", "China", "3"),
    ]
    path = put(tmp_path, "mine.csv", export(*((*row, "2023-06-30 09:00:00") for row in rows), header=header))
    project, other = with_run("2024-02-17")
    before = contents(other)
    said = []
    folder = run(project, search_date="2024-02-17", records=path, say=said.append)
    assert folder.name == "2024-02-17-mine"
    assert any("mine.csv states records of 2023-06-30" in text for text in said)
    account = pd.read_csv(folder / "sources.csv").iloc[0]
    assert (account.rows, account.rejects, account.not_found, account.records) == (6, 2, 1, 3)
    rejects = read_table(folder / "rejects.csv", "rejects")
    assert rejects.reason.str.contains("unknown registry 'A registry of its own'").sum() == 1
    assert set(rejects.file) == {"mine.csv"}  # hand work on records that are not in the export is out of scope
    screened = read_table(folder / "screened.csv", "screened").set_index("trn").outcome
    assert screened.to_dict() == {"NCT04276987": "included", "NCT02138331": "included", "DRKS00099999": "pending"}
    described = read_table(folder / "described.csv", "described").set_index("trn")
    assert described.record_url["DRKS00099999"].startswith("https://drks.de/")
    assert contents(other) == before
    assert load_numbers(folder)["snapshot"] == account.retrieved == "2023-06-30"
    assert "nothing is known of later days" in (folder / "05_audit.ipynb").read_text(encoding="utf-8")
    by_date = pd.read_csv(folder / "by_date.csv")
    assert by_date.search_date.iloc[-1] == "2023-06-30" and by_date.n_included.iloc[-1] == 2


def test_an_export_beside_the_snapshot_adds_and_updates(results, tmp_path):
    copy = project_copy(tmp_path)
    header = ("TrialID", "Public title", "Source Register", "Date registration3", "Recruitment Status")
    rows = [
        ("NCT04276987", "A newer title", "ClinicalTrials.gov", "20200219", "Not Recruiting"),
        ("DRKS00099999", "Exosomes of mesenchymal stem cells in burns", "DRKS", "20261129", "Recruiting"),
    ]
    put(copy / "data/raw/exports", "2026-11-30/mine.csv", export(*rows, header=header))
    page = {"studies": [study("NCT09999999", briefTitle="Found by its summary alone")], "totalCount": 1}
    searched = "data/raw/registries/2026-11-29/page-0001.json.gz"
    put(copy, searched, gzip.compress(json.dumps(page).encode()))
    for later in notebooks(copy)[1:]:  # the first reads all sources
        later.unlink()
    folder = run(copy, search_date="2026-11-29", say=lambda text: None)
    before = read_table(results[SNAPSHOT] / "records.csv", "records").set_index("trn")
    after = read_table(folder / "records.csv", "records").set_index("trn")
    assert set(after.index) - set(before.index) == {"DRKS00099999", "NCT09999999"}
    old, new = before.loc["NCT04276987"], after.loc["NCT04276987"]
    assert (new.brief_title, new.status, new.snapshot) == ("A newer title", "Not Recruiting", "2026-11-30")
    assert new.dose_text == old.dose_text  # what the newer source does not show stays
    same = after.index.intersection(before.index).drop("NCT04276987")
    dated = [name for name in after.columns if name.startswith("registered")]  # a new neighbour moves an estimate
    assert after.loc[same].drop(columns=dated).equals(before.loc[same].drop(columns=dated))
    older, account = (
        pd.read_csv(made / "sources.csv").groupby("file").older_copies.sum() for made in (results[SNAPSHOT], folder)
    )
    shipped = {"records.jsonl": older["records.jsonl"] + 1}  # and of the updated record the newest that is shipped
    assert account.to_dict() == {"mine.csv": 0, "page-0001.json.gz": 0} | shipped
    assert searched in json.loads((folder / "run.json").read_text())["inputs"]
    with pytest.raises(InputError, match="no records retrieved on 2026-11-20"):
        run(copy, search_date="2026-11-20", snapshot="2026-11-20", say=lambda text: None)
    held = run(copy, search_date=SNAPSHOT, snapshot=SNAPSHOT, say=lambda text: None)
    assert read_table(held / "records.csv", "records").equals(before.reset_index())


def test_an_update_adds_up_with_decisions_of_people_and_one_on_a_record_that_left(results, project, with_queue, review):
    """Two of the queue are included and one trial of before is excluded by a person; one decision is on no record."""
    without_second_round(project)
    folder = project / "data/raw" / OWN_DECISIONS
    everything = read_table(with_queue / "data/processed" / DATES[2] / "to_screen.csv", "to_screen")
    queue = everything[everything.registered > DATES[1]].reset_index()  # not in the earlier search
    gone = read_table(results[DATES[1]] / "trials.csv", "trials").query("screening == 'included'").trn.iloc[0]
    decisions = pd.DataFrame(
        [(queue.trn[0], "include", None), (queue.trn[1], "include", None), (gone, "exclude", "E4"), ("NCT99999999", "include", None)],
        columns=["trn", "decision", "criterion"],
    )  # fmt: skip
    path = save_decisions(folder, decisions, reviewer="Ana", protocol=review)
    (project / "notebooks/05_audit.ipynb").unlink()  # from which a comparison takes nothing
    without_figures(project)
    said = []
    after = run_with_comparison(project, search_date=DATES[2], since=DATES[1], since_snapshot=SNAPSHOT, say=said.append)
    assert any("1 row(s) could not be used" in text for text in said)
    rejects = read_table(after / "rejects.csv", "rejects")
    assert rejects.trn.tolist() == ["NCT99999999"]
    assert "The decision stays in its file" in rejects.reason[0]
    assert "NCT99999999" in path.read_text()
    changes = pd.read_csv(after / "trial_changes.csv")
    assert set(zip(changes.change, changes.trn)) == {("new", queue.trn[0]), ("new", queue.trn[1])}
    n, earlier = load_numbers(after), load_numbers(project / "data/processed" / DATES[1])
    assert int(n["n_included"]) == int(earlier["n_included"]) + 2
    left = read_table(after / "screened.csv", "screened").set_index("trn").outcome
    assert left[gone] == "excluded at eligibility"
    assert int(n["n_pending"]) == len(everything) - 2
    told = (after / "whats_new.md").read_text(encoding="utf-8")
    assert f"**{n['n_pending']} records are not yet read**" in told
    assert f"{earlier['n_included']} + 2 new - 0 removed" in told
    assert "**3 records** of this search" in n["people_judged"]


def test_two_snapshots_show_what_changed_in_a_record(results, tmp_path):
    copy = project_copy(tmp_path)
    (copy / "notebooks/05_audit.ipynb").unlink()  # compares nothing
    page = {"studies": [study("NCT04276987", briefTitle="Inhaled exosomes of MSCs")], "totalCount": 1}
    page["studies"][0]["hasResults"] = True
    put(copy, "data/raw/registries/2026-12-01/page-0001.json.gz", gzip.compress(json.dumps(page).encode()))
    with pytest.raises(InputError, match="cannot be compared"):
        run_with_comparison(copy, since="2024-02-17", search_date="2024-02-17", since_snapshot="2026-12-01", say=print)
    earlier = copy / f"data/processed/2024-02-17-as-of-{SNAPSHOT}"
    shutil.copytree(results["2024-02-17"], earlier)  # the newer page alone sets this copy apart, and it is left aside
    said = []
    search = {"search_date": "2024-02-17", "since": "2024-02-17", "since_snapshot": SNAPSHOT}
    after = run_with_comparison(copy, **search, say=said.append)
    assert said[1].startswith(f"{earlier.name}: unchanged")
    changed = pd.read_csv(after / "record_changes.csv")
    assert set(changed.trn) == {"NCT04276987"}
    assert {"status", "phase", "enrolment"} <= set(changed.field)
    assert pd.read_csv(after / "trial_changes.csv").empty
    assert json.loads((earlier / "run.json").read_text())["parameters"]["snapshot"] == SNAPSHOT


@pytest.mark.parametrize(
    ("asked", "earlier"),
    [
        ({}, ("2024-02-17", None)),  # the current edition with the replication edition, of all that is known now
        ({"search_date": "2024-02-18"}, ("2024-02-17", None)),
        ({"search_date": "2024-02-17"}, ("2023-02-17", None)),
        ({"search_date": "2012-02-29"}, ("2011-02-28", None)),
        ({"since": "2022-02-01"}, ("2022-02-01", "2022-10-09")),  # the first snapshot that could answer it
        ({"since": "2026-11-23"}, ("2026-11-23", SNAPSHOT)),
        ({"since": SNAPSHOT, "since_snapshot": "2026-11-22"}, (SNAPSHOT, "2026-11-22")),
        ({"since": SNAPSHOT}, None),
        ({"since": LATER}, None),
        ({"search_date": "2020-12-31", "since": "2020-12-31"}, ("2020-12-31", "2022-01-21")),
    ],
)
def test_the_search_to_compare_with(project, monkeypatch, asked, earlier):
    ran = []
    monkeypatch.setattr("evlib.run.pipeline.run", lambda root, **search: ran.append(search) or root)
    if earlier is None:
        with pytest.raises(InputError, match="cannot be compared"):
            run_with_comparison(project, **asked)
        return
    run_with_comparison(project, **asked)
    before, after = ran
    assert (before["search_date"], before["snapshot"]) == earlier and before["as_before"]
    assert (after["search_date"], after["before"]) == (asked.get("search_date", SNAPSHOT), project)


def test_the_notebook_for_one_reviewer_opens_the_view_and_leaves_the_chapter_alone(with_queue, tmp_path):
    import papermill

    project = shutil.copytree(with_queue, tmp_path / "project")
    folder = project / "data/processed" / SNAPSHOT
    path = screening_notebook(project, folder, "Ana Ö")
    before = (project / "notebooks/02_screen.ipynb").read_bytes()
    done = papermill.execute_notebook(str(path), None, cwd=str(path.parent), progress_bar=False, log_output=False)
    shown = [output.data for cell in done.cells for output in cell.get("outputs", []) if "data" in output]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert (project / "notebooks/02_screen.ipynb").read_bytes() == before
