"""Other screening tools: our export holds every record, and what a tool exports comes back as decisions."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import rispy
from conftest import ROOT, SNAPSHOT, evlib

from evlib.base.errors import InputError
from evlib.base.rawdata import OWN_DECISIONS
from evlib.base.schema import checked, columns, read_csv
from evlib.screen.exchange import FORMS, export, references
from evlib.screen.imports import imported

ASREVIEW = os.environ.get("ASREVIEW")


@pytest.fixture(scope="module")
def queue(shipped):
    """The shipped records as a queue, with titles that a file could stumble over."""
    rows = shipped.assign(
        title=shipped.brief_title.fillna(shipped.official_title),
        needs="first decision",
        record_url="https://example.org/1",
        proposal="include",
    )
    rows.loc[0, "title"] = '=cmd|"a",\n\nER  - \nTY  - GEN; 外泌体'
    return checked(rows.reindex(columns=columns("to_screen")), "to_screen")


@pytest.fixture(scope="module")
def known(queue):
    return set(queue.trn)


@pytest.fixture
def take(known, review):
    return lambda path, **options: imported(path, known=known, protocol=review, **options)


@pytest.mark.parametrize(("tool", "ending"), [(tool, ending) for tool, endings in FORMS.items() for ending in endings])
def test_every_record_is_in_the_file_with_its_number_and_nothing_is_decided(queue, tmp_path, take, tool, ending):
    path = tmp_path / f"out{ending}"
    export(references(queue), path, to=tool)
    found = rispy.loads(path.read_text()) if ending == ".ris" else read_csv(path).to_dict("records")
    assert len(found) == len(queue)
    assert all(row["title"] and row["abstract"].startswith("Registration number: ") for row in found)
    decisions, rejects, *_ = take(path, reviewer="Ana")
    assert decisions.empty
    assert rejects.empty
    decisions, *_ = take(path, reviewer="Ana", decision="include")
    assert decisions.trn.tolist() == queue.trn.tolist()


def test_a_tool_that_is_unknown_or_cannot_read_the_form_is_refused(queue, tmp_path):
    with pytest.raises(InputError, match=r"covidence reads \.ris"):
        export(references(queue), tmp_path / "x.csv", to="covidence")
    with pytest.raises(InputError, match="not a known tool"):
        export(references(queue), tmp_path / "x.csv", to="zotero")


LABELS = (1, 0, None)  # by turns


@pytest.fixture(scope="module")
def round_trip(queue, tmp_path_factory):
    """Our export in each form, through ASReview: what it was, what ASReview saw, and what ASReview wrote."""
    if not ASREVIEW:
        pytest.skip("ASReview is not set up (make test does)")
    folder, endings = tmp_path_factory.mktemp("asreview"), FORMS["asreview"]
    outcomes = pd.DataFrame({"trn": queue.trn, "outcome": "pending"})
    outcomes.loc[:9, "outcome"] = ["included", "excluded at title", "unclear", "excluded at eligibility", "pending"] * 2
    frame = references(queue, outcomes)
    files = [(folder / f"ours{ending}", folder / f"theirs{ending}") for ending in endings]
    for source, _ in files:
        export(frame, source, to="asreview")
    command = [ASREVIEW, str(ROOT / "tests/asreview_round_trip.py"), json.dumps(LABELS), *map(str, sum(files, ()))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = map(json.loads, done.stdout.splitlines()[-len(endings) :])
    return {ending: (frame, said, target) for ending, said, (_, target) in zip(endings, seen, files)}


@pytest.mark.parametrize("ending", FORMS["asreview"])
def test_asreview_loads_every_record_and_label_and_its_decisions_come_back(queue, round_trip, take, ending):
    frame, seen, target = round_trip[ending]
    assert [row[1] for row in seen] == frame.abstract.tolist()
    assert [row[0] for row in seen[1:]] == frame.title[1:].tolist()
    assert [row[2] for row in seen] == [{"include": 1, "exclude": 0}.get(said) for said in frame.decision]
    decisions, rejects, *_ = take(target, reviewer="Ana", criterion="E4")
    said = dict(zip(decisions.trn, decisions.decision))
    for place, trn in enumerate(queue.trn):
        assert said.get(trn) == {1: "include", 0: "exclude", None: None}[LABELS[place % 3]], trn
    assert rejects.empty


def test_rayyan_names_its_reviewers_and_their_reasons(queue, tmp_path, take):
    one, two, three = queue.trn[1], queue.trn[2], queue.trn[3]
    path = tmp_path / "articles.csv"
    path.write_text(
        "key,title,abstract,notes\n"
        f'rayyan-1,A,Registration number: {one}. Status: x,"RAYYAN-INCLUSION: {{""Ana""=>""Included"", ""Ben""=>""Maybe""}}"\n'
        f'rayyan-2,B,Registration number: {two}.,"RAYYAN-INCLUSION: {{""Ana""=>""Excluded""}} | '
        'RAYYAN-EXCLUSION-REASONS: wrong drug,E3: late"\n'
        f'rayyan-3,C,Registration number: {three}.,"RAYYAN-INCLUSION: {{""Ana""=>""Excluded""}}"\n'
        f'rayyan-4,D,Registration number: {three}.,RAYYAN-LABELS: x\n',
        encoding="utf-8",
    )  # fmt: skip
    decisions, rejects, *_ = take(path)
    assert decisions[["trn", "decision", "criterion", "reviewer"]].to_numpy().tolist() == [
        [one, "include", None, "Ana"],
        [one, "unclear", None, "Ben"],
        [two, "exclude", "E3", "Ana"],
    ]
    assert decisions.reason[2] == "wrong drug,E3: late"
    assert rejects.line.tolist() == [4]
    assert "needs a criterion" in rejects.reason[0]


def test_covidence_exports_one_file_per_decision(queue, tmp_path, take):
    path = tmp_path / "excluded.csv"
    path.write_text(
        "Title,Authors,Abstract,Accession Number,Covidence #,Notes,Tags\n"
        f"A,X,,{queue.trn[1]},#1,Exclusion reason: Wrong intervention; ,E4\n"
        "B,X,,NCT99999999,#2,,E4\nC,X,no number at all,,#3,,E4\n",
        encoding="utf-8",
    )
    decisions, rejects, *_ = take(path, reviewer="Ana", decision="exclude")
    assert decisions.to_numpy().tolist() == [
        [queue.trn[1], "exclude", "E4", "Wrong intervention; E4", "Ana"],
    ]
    assert rejects.line.tolist() == [3, 4]
    assert "no such record" in rejects.reason[0]
    assert "no registration number" in rejects.reason[1]
    assert take(path, decision="exclude")[1].reason.str.contains("who judged").sum() == 1


@pytest.mark.parametrize(("name", "text"), [("x.ris", "hello"), ("x.csv", ""), ("x.ris", "")])
def test_a_file_that_is_no_export_is_named(tmp_path, take, name, text):
    path = Path(tmp_path / name)
    path.write_text(text)
    with pytest.raises(InputError, match=name):
        take(path)


def test_the_queue_goes_out_and_comes_back_by_the_command_line(with_queue, tmp_path):
    project = shutil.copytree(with_queue, tmp_path / "project")

    def told(*arguments):
        return evlib(*arguments, "--search-date", SNAPSHOT, cwd=project)

    path = tmp_path / "queue.csv"
    done = told("export", str(path), "--to", "asreview")
    assert done.returncode == 0, done.stderr
    frame = read_csv(path)
    queue = read_csv(project / f"data/processed/{SNAPSHOT}/to_screen.csv")
    assert frame.trn.tolist() == queue.trn.tolist() and len(queue) > 1
    assert f"{len(frame)} records for asreview" in done.stdout
    frame.assign(asreview_label=["1", "0", *[""] * (len(frame) - 2)]).to_csv(path, index=False)
    done = told("import", str(path), "--reviewer", "Zoë", "--criterion", "E4")
    own = project / "data/raw" / OWN_DECISIONS / "zoë.csv"
    assert done.returncode == 0, done.stderr
    rows = read_csv(own)
    assert rows[["trn", "decision"]].to_numpy().tolist() == [[frame.trn[0], "include"], [frame.trn[1], "exclude"]]
    assert (
        f"queue.csv: {len(frame)} references, 2 decisions taken, {len(frame) - 2} left out, 0 not taken" in done.stdout
    )
    own.unlink()
    done = told("import", str(path), "--reviewer", "Zoë")
    assert "NOT TAKEN, queue.csv, 3" in done.stderr
    assert told("import", str(path), "--reviewer", "R1", "--criterion", "E4").returncode == 1
