"""The command line: one clear sentence and status 1 where a person must act."""

import gzip
import re
import subprocess
import sys

import pandas as pd
import pytest
from conftest import RAW, ROOT, evlib, project_copy, put

from evlib.audit.by_people import decided_by_people
from evlib.base.protocol import load_protocol
from evlib.base.rawdata import OWN_DECISIONS


def process(*arguments, cwd=ROOT):
    return subprocess.run([sys.executable, "-m", "evlib", *arguments], cwd=cwd, capture_output=True, text=True)


def test_check_says_that_all_is_well():
    done = process("check")
    assert done.returncode == 0
    assert "as shipped" in done.stdout


@pytest.mark.parametrize("verb", ["run", "book"])
def test_a_bad_date_is_one_sentence_without_a_traceback(tmp_path, verb):
    done = process(verb, "--search-date", "2024-13-45", cwd=project_copy(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("evlib: '2024-13-45' is not a date.")
    assert "Traceback" not in done.stderr


def test_a_variable_that_make_does_not_know_is_refused():
    done = subprocess.run(["make", "-n", "book", "SEARCHDATE=2022-12-31"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode and "SEARCHDATE" in done.stderr and "SEARCH_DATE" in done.stderr
    done = subprocess.run(["make", "-n", "book", "SEARCH_DATE=2022-12-31"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0


def test_check_names_the_first_file_that_differs(tmp_path):
    copy = project_copy(tmp_path)
    (copy / "data/raw/paper/table1.csv").write_text("x")
    done = evlib("check", cwd=copy)
    assert done.returncode == 1
    assert "table1.csv is not the file that was shipped" in done.stderr


def test_check_names_what_is_wrong_with_the_decisions_of_people_and_fails(tmp_path):
    copy = project_copy(tmp_path)
    own = put(
        copy, f"data/raw/{OWN_DECISIONS}/ana.csv", "trn,decision,criterion\nNCT1,include,\nNCT04276987,exclude,E9\n"
    )
    done = evlib("check", cwd=copy)
    assert done.returncode == 1 and "is valid" not in done.stdout
    assert (
        f"{OWN_DECISIONS}/ana.csv, line 3, NCT04276987: unknown criterion 'E9'" in done.stderr
        and "line 2" not in done.stderr
    )
    own.write_text("trn,decision,criterion\nNCT1,include,\n")
    pairs = put(copy, "data/raw/curation/same_trial.csv", PAIR + "NCT1,NCT2,same,ana,x\nNCT1,NCT2,different,ben,x\n")
    done = evlib("check", cwd=copy)
    assert done.returncode == 0 and "2 decision(s)" not in done.stdout and "1 decision(s) of people" in done.stdout
    assert "same_trial.csv, line 3, NCT1: people differ" in done.stderr  # to be settled, and no fault of anybody's
    pairs.rename(pairs.with_name("Same_trial.2.csv"))
    done = evlib("check", cwd=copy)
    assert done.returncode == 1 and "Same_trial.2.csv: nothing reads it" in done.stderr


PAIR = "trn,other_trn,decision,reviewer,reason\n"
SLIPS = {
    "curation/same_trial.csv": PAIR + "NCT1,NCT2,perhaps,ana,x\n",
    "curation/coding_by_people.csv": "trn,field,code,reviewer,reason\nNCT1,route,by hand,ana,x\n",
}


@pytest.mark.parametrize("place", decided_by_people(RAW, known=None, protocol=load_protocol(ROOT / "protocol.yml")))
def test_check_looks_into_every_file_in_which_people_decide(tmp_path, place):
    copy = project_copy(tmp_path)
    name = place if place.endswith(".csv") else f"{place}/same_trials.csv"
    put(copy, f"data/raw/{name}", SLIPS.get(place, "what,ever\n1,2\n"))
    done = evlib("check", cwd=copy)
    assert done.returncode == 1 and f"data/raw/{name}{', line 2' if place in SLIPS else ''}" in done.stderr


def test_a_column_that_is_missing_is_told_with_the_near_one_that_stands_there(tmp_path):
    copy = project_copy(tmp_path)
    put(copy, f"data/raw/{OWN_DECISIONS}/ana.csv", "trn,decison\nNCT1,include\n")
    assert "'decision' is missing: there is one called 'decison'" in evlib("check", cwd=copy).stderr


@pytest.mark.parametrize("target", ["screen", "lab"])
def test_jupyterlab_takes_options_as_on_a_machine_with_root_alone(target):
    command = ["make", "-n", target, "REVIEWER=ana", "JUPYTER=--allow-root --no-browser"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert re.search(r"jupyterlab .*--allow-root --no-browser", told)


def test_outside_a_project_it_says_so(tmp_path):
    done = process("run", cwd=tmp_path)
    assert done.returncode == 1
    assert "no protocol.yml" in done.stderr


def test_help_names_every_verb():
    done = process("--help")
    assert done.returncode == 0
    for verb in (
        "check",
        "run",
        "book",
        "update",
        "judge",
        "trace",
        "lesson",
        "ingest",
        "search",
        "screen",
        "dose",
        "duplicates",
        "fetch",
        "refresh",
        "seal",
    ):
        assert verb in done.stdout


def test_ingest_writes_its_tables_and_names_what_it_cannot_use(tmp_path):
    (tmp_path / "bad.txt").write_text("hello")
    done = evlib("ingest", str(tmp_path / "bad.txt"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "no usable record" in done.stderr
    assert not list(tmp_path.glob("out/*"))
    good = ROOT / "data/raw/registries/2026-11-22/records.jsonl"
    done = evlib("ingest", str(good), str(tmp_path / "bad.txt"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("records.csv", "rejects.csv", "remarks.csv", "summary.csv", "filled.csv")
    }
    assert "bad.txt (unknown): 1 rows = 0 records + 1 rejects" in done.stdout


def test_what_is_read_is_not_written_over_and_what_is_lost_is_said(tmp_path):
    snapshot = (ROOT / "data/raw/registries/2026-11-22/records.jsonl").read_bytes()
    export = tmp_path / "export.csv"
    assert evlib("search", str(ROOT / "data/raw/registries"), "--out", str(export)).returncode == 0
    before = export.read_bytes()
    refused = evlib("search", str(export), "--query", "plant", "--out", str(export))
    assert refused.returncode == 1
    assert "one of the files to be read" in refused.stderr
    assert export.read_bytes() == before
    absent = evlib("duplicates", str(export), str(tmp_path / "absent.csv"), "--out", str(tmp_path / "d"))
    assert absent.returncode == 1
    assert "absent.csv is not there" in absent.stderr
    (tmp_path / "cut.gz").write_bytes(gzip.compress(snapshot)[:-3000])
    cut = evlib("ingest", str(tmp_path / "cut.gz"), "--out", str(tmp_path / "o"))
    assert cut.returncode == 0
    assert "MIND: cut.gz: not whole" in cut.stderr
    taken = evlib("ingest", str(export), "--out", str(tmp_path / "cut.gz"))
    assert taken.returncode == 1
    assert "Traceback" not in taken.stderr
    future = evlib("ingest", str(export), "--out", str(tmp_path / "o"), "--retrieved", "2999-01-01")
    assert "still to come" in future.stderr


def test_search_finds_the_same_in_the_snapshot_and_in_the_table_made_of_it(tmp_path):
    snapshot = ROOT / "data/raw/registries/2026-11-22/records.jsonl"
    assert evlib("ingest", str(snapshot), "--out", str(tmp_path)).returncode == 0
    found = evlib("search", str(snapshot), "--query", "exosomes NOT plant", "--out", str(tmp_path / "found.csv"))
    again = evlib("search", str(tmp_path / "records.csv"), "--query", "exosomes NOT plant")
    assert found.stdout == again.stdout
    *counted, last = evlib("search", str(snapshot), "--query", "exosomes NOT plant", "--terms").stdout.splitlines()
    assert [line.split()[1] for line in counted] == ["exosomes", "plant"]
    assert last == found.stdout.strip() and int(counted[0].split()[0]) >= int(last.split()[0])
    rows = pd.read_csv(tmp_path / "found.csv")
    assert f"{len(rows)} of 262 records are found." in found.stdout
    assert 0 < len(rows) < 262
    refused = evlib("search", str(snapshot), "--query", "exosomes AND")
    assert refused.returncode == 1
    assert "the query cannot be read" in refused.stderr


def test_duplicates_of_exports_are_found_and_proposed(tmp_path):
    snapshot = ROOT / "data/raw/registries/2026-11-22/records.jsonl"
    done = evlib("duplicates", str(snapshot), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    repeats = pd.read_csv(tmp_path / "duplicates.csv")
    assert f"{len(repeats)} of 262 records repeat another" in done.stdout
    assert {"IRCT20211212053361N1", "2022-500293-34"} <= set(repeats.trn)
    proposals = pd.read_csv(tmp_path / "duplicate_proposals.csv")
    assert ["ChiCTR2100050939", "NCT05043181"] in proposals[["trn", "other_trn"]].values.tolist()


def test_exports_are_judged_by_the_rules_alone(tmp_path):
    snapshot = ROOT / "data/raw/registries/2026-11-22/records.jsonl"
    done = evlib("screen", str(snapshot), "--out", str(tmp_path / "decisions.csv"))
    assert done.returncode == 0, done.stderr
    decisions = pd.read_csv(tmp_path / "decisions.csv")
    assert decisions.columns.tolist() == ["trn", "decision", "criterion", "reason"]
    assert len(decisions) == 262
    assert set(decisions.decision) == {"include", "exclude", "unclear"}
    assert decisions.criterion[decisions.decision == "exclude"].notna().all()
    assert f"{(decisions.decision == 'include').sum()} include" in done.stdout


def test_prisma_reads_our_own_flow_again_and_says_where_another_does_not_add_up(tmp_path):
    from evlib.base.schema import checked, write_csv
    from evlib.screen.prisma_csv import to_prisma2020

    steps = {"identified": 9, "identified_total": 9, "duplicates": 1, "pending": 2, "screened": 6, "excluded_title": 1}
    steps |= {"assessed": 5, "excluded_E4": 1, "unclear": 1, "included": 3}
    flow = pd.DataFrame({"step": list(steps), "label": list(steps), "n": list(steps.values())})
    flow.loc[0, "label"] = "Records identified: IRCT"
    flow.loc[7, "label"] = "Excluded (E4) not the main ingredient"
    path = tmp_path / "flow.csv"
    write_csv(to_prisma2020(checked(flow, "flow")), path)
    done = evlib("prisma", str(path))
    assert done.returncode == 0, done.stderr
    assert "The flow adds up." in done.stdout
    flow.loc[9, "n"] = 4
    write_csv(to_prisma2020(checked(flow, "flow")), path)
    done = evlib("prisma", str(path))
    assert done.returncode == 1
    assert "Records assessed are 5" in done.stderr


def test_code_writes_the_columns_of_the_readers_coding_for_any_export(tmp_path):
    out = tmp_path / "coded.csv"
    done = evlib("code", str(ROOT / "data/raw/registries/2026-11-22/records.jsonl"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    coded = pd.read_csv(out)
    added = [*load_protocol(ROOT / "protocol.yml")["added_fields"]]
    assert list(coded.columns) == [*pd.read_csv(ROOT / "data/raw/curation/coding.csv"), *added]
    assert f"{len(coded)} records are coded" in done.stdout
    assert coded.set_index("trn").route["NCT04276987"] == "nebulised"


@pytest.mark.parametrize("verb", ["code", "screen"])
def test_a_row_that_is_cut_off_is_not_passed_over_in_silence(tmp_path, verb):
    whole = (ROOT / "data/raw/registries/2026-11-22/records.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "cut.jsonl").write_text(f"{whole[0]}\n{whole[1][:80]}", encoding="utf-8")
    done = evlib(verb, str(tmp_path / "cut.jsonl"), "--out", str(tmp_path / "out.csv"))
    assert done.returncode == 0
    assert "MIND: 1 row(s) were set aside" in done.stderr
