"""What is installed is pinned by hashes, and every licence is known and allows our use."""

import re
import subprocess
import sys

import licences
import pytest
from conftest import ROOT
from packaging.utils import canonicalize_name

LOCKS = sorted((ROOT / "locks").glob("*.lock"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PERMISSIVE = (
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|0BSD|Zlib|CC0|Public Domain|MPL|Mozilla Public|HPND"
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_entry_of_a_lock_has_one_version_and_its_hashes(lock):
    text = lock.read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE) if re.match(r"[^\s#]", entry)]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+==[^\s;]+(?: ; .+)? \\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", entry), entry[
            :80
        ]


def test_the_three_locks_are_there_and_make_installs_them_by_their_hashes_alone():
    assert [path.stem for path in LOCKS] == ["asreview", "requirements", "setup"]
    commands = re.findall(r"^.*\bpip (?:install|sync)\b.*$", MAKEFILE, re.MULTILINE)
    assert sum("locks/" in command for command in commands) >= 5
    for command in commands:
        assert (
            "--require-hashes" in command if ".lock" in command else "--no-deps --no-build-isolation -e ." in command
        ), command


def test_the_audit_reads_every_lock_without_resolving_anew(tmp_path):
    recipe = MAKEFILE.partition("\naudit:")[2].partition("\n\n")[0]
    assert all(f"locks/{path.name}" in recipe for path in LOCKS)
    assert "--require-hashes --disable-pip" in recipe
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--dry-run",
        "--require-hashes",
        "--disable-pip",
        "--cache-dir",
        tmp_path,
    ]
    done = subprocess.run([*command, "-r", ROOT / "locks/setup.lock"], capture_output=True, text=True)
    assert done.returncode == 0 and "would have audited 1 packages" in done.stderr, done.stderr


def table(heading: str) -> list[list[str]]:
    text = (ROOT / licences.FILE).read_text(encoding="utf-8").partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)[2:]
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def test_the_list_of_licences_names_the_packages_of_the_lock():
    lock = licences.locked_packages((ROOT / "locks/requirements.lock").read_text(encoding="utf-8"))
    assert {name: version for name, version, *_ in table("Packages of the lock")} == lock


def test_every_licence_is_known_and_one_that_binds_says_how():
    for name, _, licence, note in table("Packages of the lock"):
        free = re.search(PERMISSIVE, licence) and "GNU" not in licence and "GPL" not in licence
        assert free or note == licences.COPYLEFT.get(canonicalize_name(name)), (name, licence)


def test_the_list_names_the_scripts_and_fonts_of_a_built_book():
    shipped = licences.carried_here()
    assert [list(row) for row in shipped] == table("What a built book carries")
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for _, version, *_ in shipped)


def test_a_lock_is_read_for_the_machine_that_is_asked_for():
    lock = "a_b==1 \\\n    --hash=x\nc==2 ; sys_platform == 'win32' \\\nd==3 ; python_full_version < '3.12' \\\n"
    assert licences.locked_packages(lock) == {"a-b": "1", "d": "3"}
