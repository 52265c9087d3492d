"""What the tests share: the shipped data read once, and copies of the project that a test may write into."""

import ast
import contextlib
import csv
import gc
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import nbformat
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import settings

from evlib.base.files import all_below
from evlib.base.protocol import load_protocol
from evlib.base.rawdata import copy_shipped
from evlib.base.schema import read_csv, read_table
from evlib.ingest import registration_dates, sources
from evlib.ingest.registries import ingest_into, stream
from evlib.run import warm_kernels
from evlib.run.pipeline import run, spare_grammars
from evlib.screen import deduplication, eligibility, screening

spare_grammars()
settings.register_profile("untimed", deadline=None, max_examples=40)  # a busy machine fails no test
settings.load_profile("untimed")
ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "raw"
SNAPSHOT = "2026-11-28"  # the newest that is shipped
DAY = "2026-11-23"  # of retrieval, in tests of readers


def pytest_collection_finish() -> None:
    gc.freeze()  # what is loaded stays: the collector of garbage need not look at it again, nor need forks


@pytest.fixture(scope="session", autouse=True)
def kernels_at_hand() -> Iterator[None]:
    """One process with the imports of the notebooks for all runs in this process, not one for each run."""
    start, made = warm_kernels.warm_kernels, []

    def shared_kernels(modules: list[str]) -> contextlib.AbstractContextManager[warm_kernels.Warm]:
        if not made:
            made.append(stack.enter_context(start(modules)))
        return contextlib.nullcontext(made[0])

    with contextlib.ExitStack() as stack, patch.object(warm_kernels, "warm_kernels", shared_kernels):
        yield


@pytest.fixture(scope="session")
def review() -> dict:
    return load_protocol(ROOT / "protocol.yml")


@pytest.fixture(scope="session")
def shipped(review: dict) -> pd.DataFrame:
    """All shipped records, with registration dates."""
    read = sources.read_in_rounds(RAW, protocol=review)
    shipped = [RAW / "registries" / facts["snapshot"] for facts in review["screening_rounds"].values()]
    files = [file for file in sources.raw_sources(RAW, snapshot=SNAPSHOT) if file.path.name == "records.jsonl"]
    assert {path / "records.jsonl" for path in shipped} <= {file.path for file in files}
    records, rejects, *_ = sources.records_of(files, protocol=review, always=read, days=sources.status_days(RAW))
    assert rejects.empty
    decisions, _, _ = screening.readers_decisions(RAW, known=read, protocol=review)
    numbers = sources.numbers_of_rounds(RAW, protocol=review)
    rounds = registration_dates.bounds_by_rounds(decisions, numbers, protocol=review)
    known = read_csv(RAW / "curation/nct_first_submitted.csv")
    return registration_dates.with_registration_dates(records, known, rounds=rounds, protocol=review)


@pytest.fixture(scope="session")
def trials(review: dict, shipped: pd.DataFrame) -> pd.DataFrame:
    """The trials of all shipped records, as if all were in the search: table ``trials``."""
    readings, pairs, _ = screening.readers_decisions(RAW, known=set(shipped.trn), protocol=review)
    repeats = deduplication.duplicates(shipped, pairs, protocol=review)
    decisions = pd.concat([readings, eligibility.rule_decisions(shipped, protocol=review)])
    outcomes = screening.screened(shipped, repeats, decisions, protocol=review)
    return screening.trials(outcomes, shipped, repeats, protocol=review)


def project_copy(folder: Path, *results: Path) -> Path:
    """A copy of the project as shipped, without what is made or people added, and with some runs, for a test to write into."""
    copy_shipped(RAW, folder / "data/raw")
    for name in ("notebooks", "evlib", "book", "locks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    for name in ("protocol.yml", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy2(ROOT / name, folder / name)
    for made in results:
        shutil.copytree(made, folder / "data/processed" / made.name)
    return folder


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Callable[[Path], object]], Path]]:
    """Makes a folder in which tests read but never write: one for all workers, made by the first that asks for it.

    At the end of the session it is an error where a test wrote into one, or took something out of it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "made_once"
    shared.mkdir(exist_ok=True)

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / name
        with FileLock(f"{folder}.lock"):
            if not (shared / f"{name}.json").exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a failed try left
                folder.mkdir()
                make(folder)
                (shared / f"{name}.json").write_text(json.dumps(_state(folder)))
        return folder

    yield made
    for path in sorted(shared.glob("*.json")):
        now, then = _state(path.with_suffix("")), json.loads(path.read_text())
        altered = [name for name in now | then if now.get(name) != then.get(name)]
        assert not altered, f"a test wrote into {path.stem}, which all tests share: {altered[:5]}"


def _state(folder: Path) -> dict[str, list[int]]:
    """Size and time of every file in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): [path.stat().st_size, path.stat().st_mtime_ns] for path in files}


@pytest.fixture(scope="session")
def run_of(made_once) -> Callable[[str], Path]:
    """The results of a run for a search date, without a comparison, to read or to copy."""

    def made(date: str) -> Path:
        folder = made_once(
            f"run-{date}", lambda folder: run(project_copy(folder), search_date=date, say=lambda text: None)
        )
        return folder / "data/processed" / date

    return made


@pytest.fixture(scope="session")
def with_queue(made_once) -> Path:
    """A project with the first two chapters' tables of the default date, in which nobody has read the second round's records."""

    def make(folder: Path) -> None:
        without_second_round(project_copy(folder))
        without_figures(folder)
        for later in sorted((folder / "notebooks").glob("0[3-9]_*.ipynb")):
            later.unlink()
        run(folder, search_date=SNAPSHOT, say=lambda text: None)

    return made_once("with-queue", make)


def without_second_round(project: Path) -> Path:
    """Take the second round of screening out of a copy's protocol: its records then wait in the queue."""
    path = project / "protocol.yml"
    text, n = re.subn(r"^  second:\n(?:    .*\n)+", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert n == 1
    path.write_text(text, encoding="utf-8")
    return project


def without_figures(project: Path, *but: str) -> None:
    """Have the chapters of a copy draw no figure but in cells that hold one of these words: drawing is most of their time."""
    for chapter in (project / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(chapter, as_version=4)
        for cell in notebook.cells:
            if "figure.show(" in cell.source and not any(words in cell.source for words in but):
                code = ast.parse(cell.source)
                code.body = [part for part in code.body if not ast.unparse(part).startswith("figure.show(")]
                cell.source = ast.unparse(code)
        nbformat.write(notebook, chapter)


def evlib(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """The command line in a folder, without a process of its own, which takes a second or two to start."""
    from evlib.__main__ import main

    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        patch.object(sys, "argv", ["evlib", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def typed(project: Path, command: str, *, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """A command in a terminal in which the project's environment is active."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project),  # as if the environment were this copy's
    }
    return subprocess.run(command, shell=True, cwd=cwd or project, env=environment, capture_output=True, text=True)


def contents(folder: Path, *but: str) -> dict[str, bytes]:
    """The files of a folder, without its notebooks."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in all_below(folder)}
    return {name: text for name, text in files.items() if name not in but and not name.endswith(".ipynb")}


def records_of(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    """A small ``records`` table from a few facts; everything else is missing."""
    from evlib.base.schema import checked

    basics = {"trn_kind": "number", "registry": "ClinicalTrials.gov", "snapshot": SNAPSHOT}
    return checked(pd.DataFrame([basics | row for row in rows]).reindex(columns=columns), "records")


def study(trn="NCT00000001", **identification):
    """A study of our own in the published form of the API v2."""
    return {
        "protocolSection": {
            "identificationModule": {"nctId": trn, "briefTitle": "A trial", **identification},
            "statusModule": {"overallStatus": "NOT_YET_RECRUITING", "studyFirstPostDateStruct": {"date": "2024-02-01"}},
            "designModule": {
                "studyType": "INTERVENTIONAL",
                "phases": ["PHASE1", "PHASE2"],
                "enrollmentInfo": {"count": 9},
            },
        },
        "hasResults": False,
    }


def export(*rows, header=("TrialID", "Public title", "Source Register", "Phase", "Target size", "Date registration")):
    """A small export of our own in the published columns of WHO ICTRP."""
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def ingest(paths, *, retrieved, registries):
    """The records and rejects of files, and the summary, by what the command ``ingest`` uses."""
    with tempfile.TemporaryDirectory() as folder:
        summary, _ = ingest_into(Path(folder), paths, retrieved=retrieved, registries=registries)
        records, rejects = (read_table(Path(folder, f"{name}.csv"), name) for name in ("records", "rejects"))
    return records, rejects, summary


def told_of(paths, *, registries=()):
    """All that the readers tell of files: ``records, rejects, remarks``, of each one table."""
    parts = list(stream(paths, retrieved=DAY, registries=list(registries)))
    names = ("records", "rejects", "remarks")
    return SimpleNamespace(**{n: pd.concat([getattr(part, n) for part in parts], ignore_index=True) for n in names})


def classic_response(*trns, **design):
    """A response of our own in the published form of ClinicalTrials.gov's classic API."""
    studies = [
        {
            "Rank": rank,
            "Study": {
                "ProtocolSection": {
                    "IdentificationModule": {
                        "NCTId": trn,
                        "OrgStudyIdInfo": {"OrgStudyId": "X-1"},
                        "SecondaryIdInfoList": {"SecondaryIdInfo": [{"SecondaryId": "2018-499999-99"}]},
                        "BriefTitle": "A trial",
                    },
                    "StatusModule": {
                        "OverallStatus": "Not yet recruiting",
                        "StartDateStruct": {"StartDate": "March 2020"},
                        "StudyFirstSubmitDate": "April 1, 2020",
                        "StudyFirstPostDateStruct": {"StudyFirstPostDate": "April 3, 2020"},
                    },
                    "SponsorCollaboratorsModule": {"LeadSponsor": {"LeadSponsorName": "A hospital"}},
                    "ConditionsModule": {"ConditionList": {"Condition": ["ARDS", "COVID-19"]}},
                    "DesignModule": {
                        "StudyType": "Interventional",
                        "PhaseList": {"Phase": ["Phase 1", "Phase 2"]},
                        "DesignInfo": {"DesignAllocation": "Randomized"},
                        "EnrollmentInfo": {"EnrollmentCount": "30", "EnrollmentType": "Anticipated"},
                        **design,
                    },
                    "ArmsInterventionsModule": {
                        "ArmGroupList": {"ArmGroup": [{"ArmGroupLabel": "A", "ArmGroupDescription": "MSC exosomes"}]},
                        "InterventionList": {
                            "Intervention": [{"InterventionType": "Biological", "InterventionName": "Exosomes"}]
                        },
                    },
                    "ContactsLocationsModule": {
                        "LocationList": {"Location": [{"LocationCountry": "Korea, Republic of"}]}
                    },
                }
            },
        }
        for rank, trn in enumerate(trns, start=1)
    ]
    return {"FullStudiesResponse": {"APIVrs": "1.01.05", "NStudiesFound": len(trns), "FullStudies": studies}}


def put(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path
