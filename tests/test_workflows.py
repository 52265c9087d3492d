"""The workflows: clean by two linters, thin calls of make, and their few lines of shell do what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, put
from packaging.specifiers import SpecifierSet

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))}
STEPS = [
    pytest.param(step, id=f"{name}-{job}-{number}")
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
    for number, step in enumerate(content["steps"])
]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
DAY = "2026-12-02"
LINTERS = {
    "zizmor": ["--offline", "--pedantic", "--no-progress"],
    "check-jsonschema": ["--builtin-schema", "vendor.github-workflows"],
}
# A stand-in for GitHub's command line: writes down how it was called, and knows the pull request that was opened.
GH = """#!/bin/sh
echo "$*" >> "$GH_LOG"
case "$1 $2" in
  "pr list") test ! -f "$GH_LOG.open" || echo 7 ;;
  "pr create") touch "$GH_LOG.open" ;;
esac
"""


def linted(linter: str, *files: Path) -> subprocess.CompletedProcess:
    program = Path(sysconfig.get_path("scripts")) / linter
    return subprocess.run([program, *LINTERS[linter], *files], capture_output=True, text=True)


def run_steps(job: str, *, folder: Path, artifacts: dict[str, dict[str, str]], **environment: str) -> str:
    """Run a job of update.yml: its shell but for make, and the arrival of artifacts. What it says."""
    said = []
    for step in WORKFLOWS["update.yml"]["jobs"][job]["steps"]:
        if "download-artifact" in step.get("uses", ""):
            for name, text in artifacts[step["with"]["name"]].items():
                put(folder, f"{step['with']['path']}/{name}".replace("${{ needs.search.outputs.day }}", DAY), text)
        if "run" in step and "make " not in step["run"]:
            done = shell(step["run"], folder=folder, **environment)
            assert done.returncode == 0, (step["name"], done.stderr)
            said.append(done.stdout)
    return "".join(said)


def shell(script: str, *, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    given = os.environ | {"LC_ALL": "C.UTF-8"} | environment
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True)


def git(*arguments: str, folder: Path) -> str:
    who = ["-c", "user.name=a test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A repository to push to, with one commit on main."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    bare, first = tmp_path / "origin.git", tmp_path / "first"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(bare), folder=tmp_path)
    git("clone", "--quiet", str(bare), str(first), folder=tmp_path)
    put(first, ".gitignore", "data/processed/\n")
    put(first, "data/raw/registries/2026-11-22/request.json", '{"pages": [{"sha256": "a"}]}')
    git("add", ".", folder=first)
    git("commit", "--quiet", "--message=first", folder=first)
    git("push", "--quiet", "origin", "HEAD:main", folder=first)
    return bare


def clone(origin: Path, name: str) -> Path:
    git("clone", "--quiet", str(origin), name, folder=origin.parent)
    return origin.parent / name


@pytest.mark.parametrize("linter", LINTERS)
def test_the_linters_find_nothing(linter):
    assert WORKFLOWS.keys() == {"audit.yml", "publish.yml", "test.yml", "update.yml"}
    done = linted(linter, *(FOLDER / name for name in WORKFLOWS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_dependabot_watches_actions_and_packages_and_holds_to_its_published_schema(tmp_path):
    path = ROOT / ".github" / "dependabot.yml"
    program = [Path(sysconfig.get_path("scripts")) / "check-jsonschema", "--builtin-schema", "vendor.dependabot"]
    done = subprocess.run([*program, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert linted("zizmor", path).returncode == 0
    kinds = {entry["package-ecosystem"] for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["updates"]}
    assert kinds == {"github-actions", "pip"}
    broken = put(tmp_path, "dependabot.yml", path.read_text(encoding="utf-8").replace("monthly", "now and then"))
    assert subprocess.run([*program, broken], capture_output=True).returncode != 0


def test_locks_are_audited_once_a_week_and_when_one_changes():
    when = WORKFLOWS["audit.yml"][True]
    assert re.fullmatch(r"\d+ \d+ \* \* \d", when["schedule"][0]["cron"])
    assert when["pull_request"]["paths"] == ["locks/*.lock"]


@pytest.mark.parametrize(
    ("linter", "old", "new", "told"),
    [
        ("zizmor", '${ASKED:-today}"', '${{ inputs.search_date }}"', "template-injection"),
        ("zizmor", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6", "unpinned-uses"),
        ("zizmor", "        with:\n          persist-credentials: false\n", "", "artipacked"),
        ("zizmor", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("check-jsonschema", "runs-on: ", "runs-at: ", "runs-at"),
    ],
)
def test_a_broken_workflow_is_reported(tmp_path, linter, old, new, told):
    text = (FOLDER / "update.yml").read_text(encoding="utf-8")
    assert old in text
    broken = put(tmp_path, ".github/workflows/update.yml", text.replace(old, new))
    done = linted(linter, broken)
    assert done.returncode != 0
    assert told in done.stdout + done.stderr


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_a_pinned_action_or_a_target_of_make_or_a_few_lines_of_shell(step):
    if "uses" in step:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        return
    script = step["run"]
    assert subprocess.run(["bash", "-n", "-c", script]).returncode == 0
    assert len(script.splitlines()) <= 7
    assert not re.search(r"\b(python|pip|uv|evlib|pytest|ruff)\b", script)
    if "make " in script:
        target = re.fullmatch(r'make ([a-z]+)(?: (?:SEARCH_DATE|TO)="\$SEARCH_DATE")?', script)
        assert target, script
        assert target[1] in TARGETS


def test_each_pinned_action_names_its_version_and_always_the_same():
    text = "".join((FOLDER / name).read_text(encoding="utf-8") for name in WORKFLOWS)
    pins = set(re.findall(r"uses: (\S+)@(\S+) # (v\d+\.\d+\.\d+)$", text, re.MULTILINE))
    assert len(pins) == len({action for action, _, _ in pins})
    assert len(re.findall("uses: ", text)) == len(re.findall(r"uses: \S+@\S+ # v", text))


def test_each_python_of_the_project_is_tested_and_the_oldest_with_the_whole_suite():
    job = WORKFLOWS["test.yml"]["jobs"]["test"]
    pythons = job["strategy"]["matrix"]["python"]
    promised = SpecifierSet(
        tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    )
    assert pythons == [f"3.{minor}" for minor in range(30) if promised.contains(f"3.{minor}")]
    whole, quick = (
        {step["run"] for step in job["steps"] if step.get("if") == f"matrix.python {sign} '{pythons[0]}'"}
        for sign in ("==", "!=")
    )
    assert whole == {"make test", "make breakage", "make lint"} and quick == {"make book", "make quick"}
    names = re.search(r"^QUICK = (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    assert all((ROOT / f"tests/test_{name}.py").is_file() for name in names)


def test_the_search_is_made_once_a_month_or_by_hand():
    when = WORKFLOWS["update.yml"][True]  # YAML reads the word "on" as true
    assert when.keys() == {"schedule", "workflow_dispatch"}
    (schedule,) = when["schedule"]
    assert re.fullmatch(r"\d+ \d+ \d+ \* \*", schedule["cron"])
    minute, hour, day = map(int, schedule["cron"].split()[:3])
    assert minute < 60 and hour < 24 and 1 <= day <= 28


def test_only_the_jobs_that_need_it_may_write_and_those_run_nothing_of_ours():
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"] <= 60
            if "write" in job["permissions"].values():
                assert not any("make " in step.get("run", "") for step in job["steps"])
    assert WORKFLOWS["publish.yml"]["jobs"]["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs GNU date, which GitHub's machines have")
@pytest.mark.parametrize(("asked", "day"), [("2026-06-30", "2026-06-30"), ("$(shell id)", None), ("2026-02-30", None)])
def test_only_a_day_of_the_calendar_reaches_make(tmp_path, asked, day):
    (script,) = [s["run"] for s in WORKFLOWS["update.yml"]["jobs"]["search"]["steps"] if s.get("id") == "asked"]
    output = tmp_path / "output"
    done = shell(script, folder=tmp_path, ASKED=asked, GITHUB_OUTPUT=str(output))
    assert (done.returncode == 0) == (day is not None)
    assert (output.read_text() if output.is_file() else None) == (day and f"search_date={day}\n")


@pytest.mark.skipif(not shutil.which("jq"), reason="needs jq, which GitHub's machines have")
@pytest.mark.parametrize(("pages", "new"), [("b", True), ("a", False), (None, False)])
def test_a_search_that_gives_what_an_earlier_one_gave_is_not_proposed(origin, pages, new):
    folder, output, summary = clone(origin, "work"), origin.parent / "output", origin.parent / "summary"
    if pages:
        put(folder, f"data/raw/registries/{DAY}/request.json", json.dumps({"pages": [{"sha256": pages}]}))
    put(folder, "data/processed/whats_new.md", "Three new.")
    output.touch()
    made = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    said = run_steps("search", folder=folder, artifacts={}, **made)
    assert (f"day={DAY}\n" in output.read_text()) == new
    assert ("No new data" in said) == ("No new data" in summary.read_text()) == (not new)


def test_a_second_search_of_a_day_renews_the_pull_request_and_keeps_a_reviewers_commit(origin):
    log, folder, branch = origin.parent / "gh.log", f"data/raw/registries/{DAY}", f"update/{DAY}"
    program = put(origin.parent, "bin/gh", GH)
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "GH_LOG": str(log),
        "DAY": DAY,
        "BRANCH": branch,
        "FOLDER": folder,
        "RUN": "https://example.org/run/1",
        "GITHUB_REF_NAME": "main",
        "GITHUB_REPOSITORY": "owner/evtrials",
    }

    def propose(name: str, search: dict[str, str], text: str) -> Path:
        artifacts = {"search": search, "to-screen": {"whats_new.md": text}, "history": {"updates.csv": f"day\n{DAY}\n"}}
        run_steps("propose", folder=clone(origin, name), artifacts=artifacts, **environment)
        return origin.parent / name

    propose("one", {"request.json": "1", "page-0002.json.gz": "2"}, "Three new.")
    assert f"pr create --base main --head {branch}" in log.read_text()
    reviewer = clone(origin, "reviewer")
    git("switch", "--quiet", branch, folder=reviewer)
    put(reviewer, "data/raw/curation/screening.csv", "trn\n")
    git("add", ".", folder=reviewer)
    git("commit", "--quiet", "--message=decided", folder=reviewer)
    git("push", "--quiet", "origin", branch, folder=reviewer)

    log.unlink()
    work = propose("two", {"request.json": "3"}, "é" * 70_000)
    assert "pr create" not in log.read_text()
    assert "api --silent --method PATCH repos/owner/evtrials/pulls/7" in log.read_text()
    body = (work / "data/processed/body.md").read_text(encoding="utf-8")
    assert len(body) < 65_536
    assert "https://example.org/run/1" in body
    names = git("ls-tree", "-r", "--name-only", branch, folder=origin).split("\n")
    assert "data/raw/curation/screening.csv" in names
    assert [name for name in names if name.startswith(folder)] == [f"{folder}/request.json"]
    assert "data/updates.csv" in names

    commits = git("rev-list", "--count", branch, folder=origin)
    propose("three", {"request.json": "3"}, "The same.")
    assert git("rev-list", "--count", branch, folder=origin) == commits
