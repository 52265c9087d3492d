"""The raw data: as shipped, described, and the first file that is not is named."""

import json
import re
import subprocess

import pytest
from conftest import RAW, ROOT, SNAPSHOT
from frictionless import Package

from evlib.base.errors import InputError
from evlib.base.rawdata import OWN_DECISIONS, check_raw, copy_shipped, seal
from evlib.doses.reports import BY_PEOPLE


@pytest.fixture
def copy(tmp_path):
    return copy_shipped(RAW, tmp_path / "raw")


def test_the_shipped_data_is_as_shipped_and_fully_listed():
    listed = set(check_raw(RAW))
    done = subprocess.run(["git", "ls-files", "."], cwd=RAW, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    added = re.compile(
        rf"(registries/(?!{SNAPSHOT}/)\d{{4}}-\d{{2}}-\d{{2}}|exports|{OWN_DECISIONS})/|curation/(same_trial|{BY_PEOPLE})\.csv$"
    )
    unlisted = {name for name in set(done.stdout.split("\n")) - listed - {""} if not added.match(name)}
    assert unlisted == {"README.md", "datapackage.json"}


def test_the_data_package_holds_by_its_own_tool():
    report = Package(str(RAW / "datapackage.json")).validate()
    assert report.valid, report.flatten(["name", "rowNumber", "fieldName", "message"])[:5]


@pytest.mark.parametrize("name", ["curation/doses.csv", "registries/2026-11-22/records.jsonl"])
def test_an_altered_or_missing_file_is_named(copy, name):
    with (copy / name).open("a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=f"{name} is not the file that was shipped"):
        check_raw(copy)
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing. Restore it"):
        check_raw(copy)


def test_a_file_of_ones_own_beside_the_shipped_ones_is_left_alone(copy):
    (copy / "curation" / "screening_mine.csv").write_text("trn\n")
    assert len(check_raw(copy)) == len(check_raw(RAW))


def test_a_broken_package_is_named(copy):
    (copy / "datapackage.json").write_text("{")
    with pytest.raises(InputError, match=r"datapackage\.json cannot be read as JSON"):
        check_raw(copy)
    (copy / "datapackage.json").write_text('{"resources": [{"path": "x"}]}')
    with pytest.raises(InputError, match="a path and a hash"):
        check_raw(copy)
    (copy / "datapackage.json").unlink()
    with pytest.raises(InputError, match=r"datapackage\.json cannot be read"):
        check_raw(copy)


def test_sealing_takes_the_present_files(copy):
    before = json.loads((copy / "datapackage.json").read_text())
    seal(copy)
    assert json.loads((copy / "datapackage.json").read_text()) == before
    (copy / "paper/table1.csv").write_text("database\n")
    seal(copy)
    assert check_raw(copy)


def test_the_copy_of_the_handed_data_is_byte_for_byte():
    handed = ROOT.parent / "shared" / "data"
    if not handed.is_dir():
        pytest.skip("the data as it was handed over is not beside the project on this machine")
    newest = max(path.name for path in (handed / "registries").iterdir())
    if not (RAW / "registries" / newest).is_dir():
        pytest.skip(f"the data beside the project is the release of {newest}, which is not taken over yet")
    for path in handed.rglob("*"):
        if path.is_file() and path.name != "README.md":
            assert (RAW / path.relative_to(handed)).read_bytes() == path.read_bytes(), path.name
