"""The files that name our packages agree, and nothing in the project points where it should not."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(name: str) -> dict[str, list[str]]:
    text = (ROOT / name).read_text(encoding="utf-8")
    versions: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, re.MULTILINE):
        versions.setdefault(canonicalize_name(package), []).append(version)
    return versions


def declared() -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]


def test_the_lock_pins_every_declared_package_with_hashes():
    lock = locked("locks/requirements.lock")
    for requirement in declared():
        for version in lock[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(version)
    text = (ROOT / "locks/requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert locked("locks/setup.lock")["uv"] == lock["uv"]
    assert locked("locks/asreview.lock")["asreview"]


def test_conda_names_the_same_packages_with_compatible_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    entries = environment["dependencies"]
    inner = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    plain = [entry for entry in entries if isinstance(entry, str)] + [entry for entry in inner if entry != "-e ."]
    pins = {}
    for entry in plain:
        name, pin = re.fullmatch(r"([\w.-]+?) ?([=<>].*)?", entry).groups()
        pins[canonicalize_name(name)] = pin
    assert SpecifierSet(pins.pop("python")) == SpecifierSet(PROJECT["requires-python"])
    assert {"make", "pip"} <= pins.keys()
    lock = locked("locks/requirements.lock")
    assert pins.keys() - {"make", "pip"} == {canonicalize_name(requirement.name) for requirement in declared()}
    for name in pins.keys() - {"make", "pip"}:
        pin = re.sub(r"^=(\d[\d.]*)$", r"==\1.*", pins[name])
        for version in lock[name]:
            assert SpecifierSet(pin).contains(version), (name, pins[name], version)


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for requirement in declared():
        assert re.search(rf'^  "{re.escape(requirement.name)}\b.*", +# \w', text, re.MULTILINE), requirement.name


def test_the_citation_file_holds_to_its_published_schema():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]
    done = subprocess.run([*command, str(ROOT / "CITATION.cff")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_citation_file_holds_what_citation_tools_need():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == PROJECT["version"]
    for key in ("message", "title", "authors", "license"):
        assert citation[key]


def test_no_file_names_a_package_host_or_a_path_of_one_machine():
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    hosts = re.compile(r"py" r"pi\.org|python" r"hosted|(?<![\w.])/(?:root|home)/\w")
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".ipynb", ".yml", ".toml", ".lock", ".cff", ".cfg", ""}:
            assert not hosts.search(path.read_text(encoding="utf-8")), name
