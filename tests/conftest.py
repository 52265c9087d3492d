"""What the tests share: the shipped data read once, and copies of the project that a test may write into."""

import csv
import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from evlib import dates, screen
from evlib.protocol import load_protocol
from evlib.rawdata import copy_shipped
from evlib.registries import snapshot as registry_snapshot
from evlib.schema import read_csv

settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")
ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "raw"
SNAPSHOT = "2026-11-22"
DAY = "2026-11-23"  # of retrieval, in tests of readers


@pytest.fixture(scope="session")
def review() -> dict:
    return load_protocol(ROOT / "protocol.yml")


@pytest.fixture(scope="session")
def shipped(review: dict) -> pd.DataFrame:
    """All records of the shipped snapshot, with registration dates."""
    path = RAW / "registries" / SNAPSHOT / "records.jsonl"
    records, rejects = registry_snapshot.read(path, registries=list(review["registries"]), snapshot=SNAPSHOT)
    assert rejects.empty
    decisions, _, _ = screen.hand_decisions(RAW / "curation/screening.csv", known=set(records.trn), protocol=review)
    known = read_csv(RAW / "curation/nct_first_submitted.csv")
    return dates.with_registration_dates(
        records, known, judged=set(decisions.trn), covered=set(records.trn), protocol=review
    )


def project_copy(folder: Path) -> Path:
    """A copy of the project as shipped, without what is made or people added, for tests that run notebooks."""
    copy_shipped(RAW, folder / "data/raw")
    for name in ("notebooks", "evlib", "book"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    for name in ("protocol.yml", "requirements.lock", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy of the project with runs for three search dates (made by the tests of the pipeline)."""
    return project_copy(tmp_path_factory.mktemp("project"))


def records_of(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    """A small ``records`` table from a few facts; everything else is missing."""
    from evlib.schema import checked

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


def put(folder, name, data):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path
