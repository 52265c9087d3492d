"""Odd surroundings: where the project lies, who owns the home folder, which language, clock and time zone a machine has."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from conftest import ROOT
from harness import difference, state
from verbs import LATER, small_project

from evlib.base import files
from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol
from evlib.base.schema import read_csv
from evlib.run import pipeline
from evlib.screen import judging

WITHOUT_ROOTS_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def evlib(
    folder: Path, *arguments: str, before: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess:
    """The command line in a folder, with some variables of the environment set (none where the value is empty)."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [*before, sys.executable, "-m", "evlib", *arguments],
        cwd=folder,
        env={name: value for name, value in variables.items() if value},
        capture_output=True,
        check=False,
    )


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "data/processed" / LATER).glob("*.csv")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The small project, run with true kernels."""
    folder = tmp_path_factory.mktemp("plain")
    small_project(folder)
    done = evlib(folder, "run")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        {"TZ": "America/Los_Angeles", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    ],
    ids=lambda environment: environment["TZ"],
)
def test_a_run_gives_the_same_anywhere(plain, tmp_path, environment):
    """In any time zone, in a locale that is not UTF-8, in a folder with an awkward name, after which nothing is printed wrong."""
    folder = tmp_path / "Überprüfung 'von' \"EVs\" #1 100% 複製"
    folder.mkdir()
    small_project(folder)
    done = evlib(folder, "run", **environment)
    assert done.returncode == 0, done.stderr
    assert tables(folder) == tables(plain)
    refused = evlib(folder, "run", "--search-date", "２０２４–02–17 複", **environment)
    assert refused.returncode == 1
    assert b"is not a date" in refused.stderr
    assert b"Traceback" not in refused.stderr
    (folder / "data/raw/registries/2026-11-22/records.jsonl").unlink()
    missing = evlib(folder, "check", **environment)
    assert b"records.jsonl is missing" in missing.stderr
    assert b"Traceback" not in missing.stderr


@pytest.mark.skipif(shutil.which("setpriv") is None and os.geteuid() == 0, reason="root may write anywhere")
def test_a_run_needs_no_home_and_writes_nothing_into_raw_data(plain, tmp_path):
    """The home folder, the raw data and the notebooks cannot be written to; data/processed can."""
    before = tuple(WITHOUT_ROOTS_POWERS) if os.geteuid() == 0 else ()
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    small_project(folder)
    closed = [
        home,
        *(path for name in ("data/raw", "notebooks") for path in (folder / name, *(folder / name).rglob("*"))),
    ]
    nowhere = {"HOME": str(home)} | dict.fromkeys(
        ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "MPLCONFIGDIR", "IPYTHONDIR"), ""
    )
    for path in closed:
        path.chmod(0o555)
    try:
        done = evlib(folder, "run", before=before, **nowhere)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert tables(folder) == tables(plain)
        (folder / "data/processed").chmod(0o555)
        refused = evlib(folder, "run", "--search-date", "2021-12-31", before=before, **nowhere)
        assert refused.returncode == 1
        assert b"data/processed" in refused.stderr
        assert b"Permission denied" in refused.stderr
        assert b"Traceback" not in refused.stderr
    finally:
        for path in (folder / "data/processed", *closed):
            path.chmod(0o755)


def kernels_of(folder: Path) -> list[int]:
    """The processes, other than this one, that work in the folder or below it."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            at = place.readlink()
        except OSError:
            continue
        if at.is_relative_to(folder) and int(place.parent.name) != os.getpid():
            found.append(int(place.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks /proc for the processes")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_run_that_is_ended_takes_its_kernels_with_it(plain, tmp_path, how):
    folder = tmp_path / "project"
    shutil.copytree(plain, folder)
    good = state(folder / "data/processed" / LATER)
    whole = (folder / "notebooks/02_screen.ipynb").read_bytes()
    path = folder / "notebooks/02_screen.ipynb"
    path.write_bytes(
        whole.replace(b"from pathlib", b"import time\\nopen('begun', 'w')\\ntime.sleep(120)\\nfrom pathlib")
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "evlib", "run"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=partial(
            signal.signal, signal.SIGINT, signal.SIG_DFL
        ),  # else ignored, where a shell runs the tests by "&"
    )
    deadline = time.monotonic() + 60
    while not list((folder / "data/processed").glob(".*/begun")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(kernels_of(folder)) >= 2
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    deadline = time.monotonic() + 15
    while kernels_of(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kernels_of(folder) == []
    assert state(folder / "data/processed" / LATER) == good
    if how != signal.SIGKILL:
        assert process.returncode == 128 + how
        assert said.decode().strip().splitlines()[-1].startswith(f"evlib: stopped ({how.name})")
        assert not list((folder / "data/processed").glob(".*.new*"))
    path.write_bytes(whole)
    again = evlib(folder, "run")
    assert again.returncode == 0
    assert not difference(state(folder / "data/processed"), state(plain / "data/processed"))


def test_two_runs_at_once_on_folders_of_one_name_do_not_meet(plain, tmp_path):
    """The lock is on the folder itself, not on its name."""
    from filelock import FileLock

    first, second = tmp_path / "a" / LATER, tmp_path / "b" / LATER
    assert pipeline.lock_of(first) != pipeline.lock_of(second)
    assert pipeline.lock_of(first) == pipeline.lock_of(tmp_path / "b" / ".." / "a" / LATER)
    first.parent.mkdir()
    with FileLock(pipeline.lock_of(first)):
        busy = evlib(plain, "run", "--out", str(first))
        other = evlib(plain, "run", "--out", str(second))
    assert busy.returncode == 1
    assert b"another run is writing" in busy.stderr
    assert other.returncode == 0, other.stderr


def test_a_clock_that_was_wrong_does_not_matter(plain, tmp_path):
    """A result from the future counts as long as it is the same; a file from the future is no file of another day."""
    folder = tmp_path / "project"
    shutil.copytree(plain, folder)
    record = folder / "data/processed" / LATER / "run.json"
    content = json.loads(record.read_text(encoding="utf-8")) | {"finished": "2099-01-01T00:00:00+00:00"}
    record.write_text(json.dumps(content), encoding="utf-8")
    for path in folder.rglob("*"):
        os.utime(path, (4e9, 4e9))
    said = []
    pipeline.run(folder, say=said.append)
    assert "nothing to do" in said[0]
    with pytest.raises(InputError, match="still to come"):
        pipeline.run(folder, search_date="2099-01-01", say=said.append)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_decisions_saved_by_a_spreadsheet_on_windows_are_read_and_kept(tmp_path, separator, start):
    """Semicolons, a byte order mark, Windows line ends, one inside a cell, and no line end at the end."""
    rows = [
        ("trn", "decision", "criterion", "reason"),
        ("nct00000001", "Exclude", "e4", "Überlegt"),
        ("NCT00000002", "include", "", '"two\r\nlines"'),
    ]
    text = start + "\r\n".join(separator.join(row) for row in rows)
    files.write_bytes(tmp_path / "ana.csv", text.encode())
    review = load_protocol(ROOT / "protocol.yml")
    known = {f"NCT0000000{number}" for number in (1, 2, 3)}
    decisions, rejects = judging.own_decisions(tmp_path, known=known, protocol=review)
    assert rejects.empty
    assert decisions[["trn", "decision", "criterion"]].fillna("").values.tolist() == [
        ["NCT00000001", "exclude", "E4"],
        ["NCT00000002", "include", ""],
    ]
    judging.save_decision(tmp_path, "NCT00000003", "include", reviewer="ana", protocol=review)
    held = read_csv(tmp_path / "ana.csv")
    assert held.trn.tolist() == ["nct00000001", "NCT00000002", "NCT00000003"]
    assert held.reason.tolist()[:2] == ["Überlegt", "two\nlines"]


def test_make_works_in_a_folder_with_an_awkward_name(tmp_path):
    """What make runs is written with quotes; a path with blanks is no two paths."""
    folder = tmp_path / "a 'project' #1 100% é"
    folder.mkdir()
    small_project(folder)
    shutil.copy2(ROOT / "Makefile", folder / "Makefile")
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    files.write_text(folder / ".venv/.ready", "")
    done = subprocess.run(
        ["make", "check"], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "as shipped" in done.stdout
    opened = subprocess.run(["make", "open"], cwd=folder, capture_output=True, text=True)
    assert "no book yet" in opened.stderr
