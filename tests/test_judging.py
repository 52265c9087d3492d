"""Decisions that people make: saved whole, read with bad rows named, weighed, and never lost."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pandas as pd
import pytest
from conftest import ROOT, SNAPSHOT, put, records_of
from hypothesis import given, settings
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.rawdata import OWN_DECISIONS
from evlib.base.schema import columns, read_csv, read_table, write_csv, write_table
from evlib.book.layout import _queue_words
from evlib.book.teaching.screening_choice import N, chosen
from evlib.run import pipeline
from evlib.screen import judging, screening
from evlib.screen.eligibility import rule_decisions
from evlib.screen.exchange import FORMS, export, references
from evlib.screen.imports import imported

A, B, C = "NCT00000001", "NCT00000002", "IRCT:trial/74438"
KNOWN = {A, B, C}


def write(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def test_a_saved_decision_is_read_again_and_a_second_thought_replaces_it(tmp_path, review):
    judging.save_decision(
        tmp_path / "s", A, "exclude", reviewer="Ana María", protocol=review, criterion="E4", reason="=x"
    )
    judging.save_decision(tmp_path / "s", C, "unclear", reviewer="Ana María", protocol=review)
    path = judging.save_decision(tmp_path / "s", A, "include", reviewer="ana maría", protocol=review)
    assert path.name == "ana-maría.csv"
    decisions, rejects = judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)
    assert rejects.empty
    assert decisions[["trn", "decision"]].values.tolist() == [[C, "unclear"], [A, "include"]]
    judging.save_decision(tmp_path / "s", C, "later", reviewer="Ana María", protocol=review)
    assert judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)[0].trn.tolist() == [A]


@settings(max_examples=20)  # each writes and reads files
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(KNOWN)),
            st.sampled_from(["include", "exclude", "unclear"]),
            st.one_of(st.none(), st.text(min_size=1, max_size=20).filter(lambda text: text.strip() == text)),
        ),
        max_size=6,
    )
)
def test_what_is_saved_comes_back(tmp_path_factory, review, drawn):
    folder, last = tmp_path_factory.mktemp("s"), {}
    for trn, decision, reason in drawn:
        reason = (reason and reason.replace("\x00", "").replace("\r", " ")) or None
        code = "E4" if decision == "exclude" else None
        judging.save_decision(folder, trn, decision, reviewer="Ben", protocol=review, criterion=code, reason=reason)
        last[trn] = (decision, reason)
    decisions, rejects = judging.own_decisions(folder, known=KNOWN, protocol=review)
    assert rejects.empty
    found = {row.trn: (row.decision, None if pd.isna(row.reason) else row.reason) for row in decisions.itertuples()}
    assert found == last


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("NCT00000009,include,,,ana,", "no record of this number is in the sources of this run"),
        (f"{A},perhaps,,,ana,", "unknown decision 'perhaps'"),
        (f"{A},exclude,,,ana,", "an exclusion needs a criterion. Use E2, E3, E4, E5"),
        (f"{A},exclude,E1,,ana,", "same_trial.csv"),
        (f"{A},include,E4,,ana,", "an inclusion with a criterion"),
        (f"{A},include,,,R1,", "kept for the machine readings"),
        (",include,,,ana,", "no registration number"),
    ],
)
def test_a_bad_row_of_a_spreadsheet_is_named_and_the_good_ones_count(tmp_path, review, row, said):
    head = "trn,decision,criterion,reason,reviewer,date\n"
    write(tmp_path / "s", "ana.csv", f"{head}{B},Exclude , e4,no vesicles,ana,25/11/2026\n{row}\n{C},,,,,\n")
    decisions, rejects = judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)
    assert decisions[["trn", "decision", "criterion", "reviewer"]].values.tolist() == [[B, "exclude", "E4", "ana"]]
    assert rejects[["file", "line"]].values.tolist() == [["ana.csv", 3]]
    assert said in rejects.reason[0]


def test_a_file_that_is_no_table_is_named_and_the_others_count(tmp_path, review):
    write(tmp_path / "s", "ana.csv", "number;what\n1;2\n")
    write(tmp_path / "s", "ben.csv", f"trn;decision;criterion\n{A.lower()};include;\n")
    (tmp_path / "s" / "sheet.csv").write_bytes(b"\xff\xfe\x00")
    decisions, rejects = judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)
    assert decisions[["trn", "reviewer"]].values.tolist() == [[A, "ben"]]
    assert rejects.file.tolist() == ["ana.csv", "sheet.csv"]
    assert "'trn' is missing" in rejects.reason[0]


def test_of_two_rows_of_one_reviewer_the_newer_counts(tmp_path, review):
    write(tmp_path / "s", "ana.csv", f"trn,decision,date\n{A},include,2026-11-02\n{A},unclear,2026-11-01\n")
    assert judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)[0].decision.tolist() == ["include"]


def test_saving_keeps_what_a_spreadsheet_added(tmp_path, review):
    write(tmp_path, "ana.csv", f"trn;decision;criterion;colour\n{A};maybe;;red\n{B};include;;=1+1\n")
    judging.save_decision(tmp_path, C, "include", reviewer="ana", protocol=review)
    held = read_csv(tmp_path / "ana.csv")
    assert held.trn.tolist() == [A, B, C]
    assert held.colour.tolist()[:2] == ["red", "'=1+1"]  # guarded once, and not again
    judging.save_decision(tmp_path, A, "include", reviewer="ana", protocol=review)
    held = read_csv(tmp_path / "ana.csv")
    assert held.trn.tolist() == [B, C, A]
    assert held.colour.tolist()[0] == "'=1+1"


@pytest.mark.parametrize("name", ["", "  ", "R1", "rule", "../ana", "a/b", "x" * 50])
def test_a_name_that_cannot_be_a_reviewers_is_refused(tmp_path, review, name):
    with pytest.raises(InputError, match="cannot be a reviewer's name"):
        judging.save_decision(tmp_path, A, "include", reviewer=name, protocol=review)
    assert not list(tmp_path.iterdir())


def test_a_decision_that_cannot_be_one_saves_nothing(tmp_path, review):
    judging.save_decision(tmp_path, A, "include", reviewer="ana", protocol=review)
    before = (tmp_path / "ana.csv").read_bytes()
    with pytest.raises(InputError, match="an exclusion needs a criterion"):
        judging.save_decision(tmp_path, B, "exclude", reviewer="ana", protocol=review)
    assert (tmp_path / "ana.csv").read_bytes() == before


SAVE_MANY = """
import sys
from evlib.screen import judging
from evlib.base.protocol import load_protocol
review = load_protocol(sys.argv[1])
for i in range(int(sys.argv[5])):
    trn = f"NCT{int(sys.argv[4]) + i:08d}"
    judging.save_decision(sys.argv[2], trn, "include", reviewer=sys.argv[3], protocol=review)
"""


def saving(folder, reviewer, start, count):
    command = [
        sys.executable,
        "-c",
        SAVE_MANY,
        str(ROOT / "protocol.yml"),
        str(folder),
        reviewer,
        str(start),
        str(count),
    ]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True)


def test_two_who_save_at_once_lose_nothing(tmp_path, review):
    """Two windows of one reviewer, and a second reviewer, all at the same time."""
    processes = [saving(tmp_path, who, start, 15) for who, start in (("ana", 1), ("ana", 101), ("ben", 1))]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    known = {f"NCT{start + i:08d}" for start in (1, 101) for i in range(15)}
    decisions, rejects = judging.own_decisions(tmp_path, known=known, protocol=review)
    assert rejects.empty
    assert decisions.reviewer.value_counts().to_dict() == {"ana": 30, "ben": 15}


def test_a_kill_while_saving_leaves_a_whole_file(tmp_path, review):
    process = saving(tmp_path, "ana", 1, 10_000)
    deadline = time.monotonic() + 60
    while not (tmp_path / "ana.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    rows = read_csv(tmp_path / "ana.csv")
    assert len(rows) >= 1
    assert rows.trn.tolist() == [f"NCT{1 + i:08d}" for i in range(len(rows))]
    judging.save_decision(tmp_path, C, "include", reviewer="ana", protocol=review)  # the lock did not stay
    decisions, rejects = judging.own_decisions(tmp_path, known={*rows.trn, C}, protocol=review)
    assert rejects.empty
    assert len(decisions) == len(rows) + 1


def small(review, tmp_path, *judged):
    """Two records, the first judged to be excluded by the machine readings, and what people say."""
    records = records_of(
        [{"trn": A, "brief_title": "MSC exosomes"}, {"trn": B, "brief_title": "Exosomes"}], columns("records")
    )
    machine = pd.DataFrame(
        [
            {
                "trn": A,
                "stage": "title",
                "reviewer": "adjudicated",
                "read_by": "machine",
                "decision": "exclude",
                "criterion": "E4",
            }
        ]
    )
    for trn, reviewer, decision in judged:
        code = "E4" if decision == "exclude" else None
        judging.save_decision(tmp_path, trn, decision, reviewer=reviewer, protocol=review, criterion=code)
    people, _ = judging.own_decisions(tmp_path, known=KNOWN, protocol=review)
    decisions = pd.concat([machine, people, rule_decisions(records, protocol=review)])
    none = pd.DataFrame({"trn": [], "kept_trn": []}, dtype="str")
    outcomes = screening.screened(records, none, decisions, protocol=review)
    return records, decisions, outcomes


def outcome(table, trn):
    return table.set_index("trn").loc[trn]


def test_a_person_wins_over_the_machine_readings(review, tmp_path):
    assert outcome(small(review, tmp_path)[2], A).outcome == "excluded at title"
    won = outcome(small(review, tmp_path, (A, "ana", "include"))[2], A)
    assert (won.outcome, won.decided_by) == ("included", "ana")


def test_two_who_differ_await_adjudication_and_it_settles(review, tmp_path):
    differ = outcome(small(review, tmp_path, (B, "ana", "include"), (B, "ben", "exclude"))[2], B)
    assert (differ.outcome, differ.needs) == ("pending", "adjudication")
    assert "ana: include; ben: exclude" in differ.reason
    done = outcome(small(review, tmp_path, (B, "adjudicated", "exclude"))[2], B)
    assert (done.outcome, done.criterion, done.decided_by) == ("excluded at eligibility", "E4", "adjudicated")


def test_where_two_are_asked_for_one_does_not_decide(review, tmp_path):
    two = review | {"reviewers": 2}
    alone = outcome(small(two, tmp_path, (B, "ana", "include"))[2], B)
    assert (alone.outcome, alone.needs) == ("pending", "second decision")
    both = outcome(small(two, tmp_path, (B, "ben", "include"))[2], B)
    assert (both.outcome, both.decided_by) == ("included", "ana, ben")


def test_the_queue_holds_what_is_pending_without_what_others_said_and_comes_back_filled_in(review, tmp_path):
    records, decisions, outcomes = small(review | {"reviewers": 2}, tmp_path, (B, "ana", "include"))
    queue = screening.to_screen(outcomes, records, decisions, protocol=review)
    assert queue.trn.tolist() == [B]
    assert not queue.astype("str").apply(lambda column: column.str.contains("ana|include:")).to_numpy().any()
    assert queue[["decision", "criterion", "reviewer", "date"]].isna().to_numpy().all()
    folder = tmp_path / "filled"
    folder.mkdir()
    write_table(queue.assign(decision="include", reviewer="Ben"), folder / "sheet.csv", "to_screen")
    back, rejects = judging.own_decisions(folder, known=KNOWN, protocol=review)
    assert rejects.empty
    assert back[["trn", "decision", "reviewer"]].values.tolist() == [[B, "include", "Ben"]]
    assert read_table(folder / "sheet.csv", "to_screen").needs.tolist() == ["second decision"]


def test_the_queue_and_other_tools_show_a_summary_with_the_words_of_the_search(review, tmp_path):
    records, decisions, outcomes = small(review | {"reviewers": 2}, tmp_path, (B, "ana", "include"))
    review = review | {"search": '(MSCs OR "Stem Cells") AND EVs'}
    texts = {
        "trn": [A, B],
        "summary": ["No.", '=EVs of a <b>stem cell</b>, see NCT00000009."'],
        "eligibility": "MSCs, EVs",
    }
    queue = screening.to_screen(outcomes, records, decisions, pd.DataFrame(texts), protocol=review)
    write_table(queue, tmp_path / "to_screen.csv", "to_screen")
    assert "'=EVs" in (tmp_path / "to_screen.csv").read_text()
    back = read_table(tmp_path / "to_screen.csv", "to_screen")
    assert back[["summary", "search_words"]].to_numpy().tolist() == [
        [texts["summary"][1], "EVs | Stem Cells | MSCs (in the criteria of eligibility)"]
    ]
    page = _queue_words(tmp_path, review)["queue"]
    assert "of a &lt;b&gt;stem cell&lt;/b&gt;" in page and "EVs | Stem Cells" in page
    frame = references(back)
    assert (
        "Summary: =EVs of a <b>stem cell</b>" in frame.abstract[0] and "Words of the search: EVs" in frame.abstract[0]
    )
    for tool, endings in FORMS.items():
        for ending in endings:
            export(frame, tmp_path / f"out{ending}", to=tool)
            took, *_ = imported(
                tmp_path / f"out{ending}", known=KNOWN, protocol=review, reviewer="C", decision="include"
            )
            assert took.trn.tolist() == [B], tool
    none = screening.to_screen(outcomes, records, decisions, protocol=review)
    assert none.summary.isna().all()
    write_table(none, tmp_path / "to_screen.csv", "to_screen")
    assert "summary" not in _queue_words(tmp_path, review)["queue"]


def test_people_who_judged_the_same_records_have_a_kappa(review, tmp_path):
    for trn in (A, B, C):
        judging.save_decision(tmp_path, trn, "include", reviewer="ana", protocol=review)
        decision = "unclear" if trn == C else "include"
        judging.save_decision(tmp_path, trn, decision, reviewer="ben", protocol=review)
    judging.save_decision(tmp_path, A, "include", reviewer="chen", protocol=review)
    people, _ = judging.own_decisions(tmp_path, known=KNOWN, protocol=review)
    table = screening.pairwise_agreement(people)
    assert table[["reviewer", "other", "n", "agreed"]].values.tolist() == [
        ["ana", "ben", 3, 2], ["ana", "chen", 1, 1], ["ben", "chen", 1, 1],
    ]  # fmt: skip


def test_several_files_of_a_reviewer_count_and_the_later_one_wins(tmp_path, review):
    """A second sitting in a spreadsheet has the records of the first no more."""
    write(tmp_path / "s", "anna.csv", f"trn,decision,reviewer\n{A},include,Anna\n{B},include,\n")
    write(tmp_path / "s", "anna.10.csv", f"trn,decision\n{B},unclear\n")
    write(tmp_path / "s", "anna.2.csv", f"trn,decision\n{B},include\n{C},include\n")
    write(tmp_path / "s", "Adjudicated.2026-11-26.csv", f"trn,decision\n{C},include\n")
    write(tmp_path / "s", "j.smith.csv", f"trn,decision\n{C},include\n")
    decisions, rejects = judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)
    found = {(row.trn, row.reviewer): row.decision for row in decisions.itertuples()}
    assert found == {
        (A, "Anna"): "include", (B, "Anna"): "unclear", (C, "Anna"): "include", (C, "adjudicated"): "include",
    }  # fmt: skip
    assert set(rejects.file) == {"j.smith.csv"} and "cannot be told from the file's name" in rejects.reason[0]
    judging.save_decision(
        tmp_path / "s", C, "later", reviewer="Anna", protocol=review
    )  # decided in another file than its own
    assert (C, "Anna") not in set(
        judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)[0][["trn", "reviewer"]].itertuples(index=False, name=None)
    )  # fmt: skip


def test_decisions_that_were_read_and_are_gone_are_found(tmp_path, review):
    write(tmp_path, "anna.csv", f"trn,decision\n{A},include\n{B},include\n{C},include\n")
    before, _ = judging.own_decisions(tmp_path, known=KNOWN, protocol=review)
    assert judging.gone_since(before, tmp_path).empty
    write(tmp_path, "anna.csv", f"trn,decision\n{C},later\n")
    assert judging.gone_since(before, tmp_path).trn.tolist() == [A, B]
    write(tmp_path, "ANNA.2.CSV", f"trn,decision\n{A},include\n{B},include\n")
    assert judging.gone_since(before, tmp_path).empty


def test_a_file_that_is_not_csv_or_lies_deeper_is_set_aside_and_one_of_windows_is_read(tmp_path, review):
    write(tmp_path / "s", "README.md", "x")
    write(tmp_path / "s", ".hidden.xlsx", "x")
    write(tmp_path / "s", "~$ben.xlsx", "x")
    write(tmp_path / "s", "ben.xlsx", "x")
    write(tmp_path / "s/old", "dora.csv", f"trn,decision\n{B},include\n")
    text = f"trn;decision;reason\n{A};include;natürlich – „bien sûr“\n"
    (tmp_path / "s" / "anna.csv").write_bytes(text.encode("cp1252"))
    (tmp_path / "s" / "chen.csv").write_bytes(f"trn,decision,reason\n{B},include,不含外泌体\n".encode("gbk"))
    decisions, rejects = judging.own_decisions(tmp_path / "s", known=KNOWN, protocol=review)
    assert decisions[["trn", "reviewer", "reason"]].values.tolist() == [[A, "anna", "natürlich – „bien sûr“"]]
    reasons = dict(zip(rejects.file, rejects.reason))
    assert set(reasons) == {"ben.xlsx", "chen.csv", "dora.csv"}
    assert all(reason.startswith("none of its decisions counted: ") for reason in reasons.values())
    assert "Save it as CSV" in reasons["ben.xlsx"] and "UTF-8" in reasons["chen.csv"]
    assert "lies deeper, in old. Move it up" in reasons["dora.csv"]


def test_a_file_of_which_nothing_counts_says_so_and_why(tmp_path, review):
    write(tmp_path, "anna.csv", f"trn,decision,criterion\n{A},exclude,E9\n{B},,\n")
    _, rejects = judging.own_decisions(tmp_path, known=KNOWN, protocol=review)
    said = "unknown criterion 'E9'. Use E2, E3, E4, E5."
    assert rejects.reason.tolist() == [f"none of its decisions counted: {said} (line 2)", said]
    assert rejects.line.isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("written", "read"),
    [("26.11.2026", "2026-11-26"), ("11/26/2026", "2026-11-26"), ("2026-11-26T10:00", "2026-11-26"),
     ("05/11/2026", None), ("yesterday", None), ("31.02.2026", None)],
)  # fmt: skip
def test_a_date_is_read_in_one_way_or_its_row_is_set_aside(tmp_path, review, written, read):
    write(tmp_path, "anna.csv", f"trn,decision,date\n{A},include,{written}\n{B},include,\n")
    decisions, rejects = judging.own_decisions(tmp_path, known=KNOWN, protocol=review)
    assert decisions.set_index("trn").date.get(A) == read
    assert [f"the date '{written}'" in reason for reason in rejects.reason] == ([] if read else [True])


def test_whatever_people_decide_on_whatever_kind_of_record_the_review_runs_and_their_decision_counts(
    with_queue, tmp_path, review
):
    """Records that machines settled in each way, that repeat another, and that wait; each decision, by anna or adjudicated."""
    copy = shutil.copytree(with_queue, tmp_path / "copy")
    before = read_table(copy / f"data/processed/{SNAPSHOT}/screened.csv", "screened")
    said = list(itertools.product(("anna", "adjudicated"), ("include", "exclude", "maybe")))
    drawn = before.groupby("outcome").head(len(said)).assign(row=lambda rows: rows.groupby("outcome").cumcount())
    assert set(drawn.outcome) == set(screening.OUTCOMES)
    for reviewer in ("anna", "adjudicated"):
        rows = [(trn, said[row][1]) for trn, row in zip(drawn.trn, drawn.row) if said[row][0] == reviewer]
        text = "".join(f"{trn},{decision},{'E4' if decision == 'exclude' else ''}\n" for trn, decision in rows)
        put(copy, f"data/raw/{OWN_DECISIONS}/{reviewer}.csv", "trn,decision,criterion\n" + text)
    out = pipeline.run(copy, search_date=SNAPSHOT, say=lambda text: None)
    assert read_table(out / "rejects.csv", "rejects").file.isin(["anna.csv", "adjudicated.csv"]).sum() == 0
    after = read_table(out / "screened.csv", "screened").set_index("trn").outcome
    becomes = {"include": "included", "exclude": "excluded at eligibility", "maybe": "unclear"}
    for row in drawn.itertuples():
        assert after[row.trn] == ("duplicate" if row.outcome == "duplicate" else becomes[said[row.row][1]]), row
    # The measures of the rules that a chapter works out by hand are those of the function.
    decisions = read_table(out / "decisions.csv", "decisions")
    apart = set(read_table(out / "duplicates.csv", "duplicates").trn)
    precision, recall = screening.rule_performance(decisions, without=apart, protocol=review)[0].value
    cells = {cell.id: cell for cell in nbformat.read(out / "02_screen.ipynb", as_version=4).cells}
    by_hand = cells["screen-37b"].outputs[0].data["text/markdown"]
    assert f"{precision:.1%} were" in by_hand and f"find {recall:.1%}" in by_hand
    assert len(chosen(out, protocol=review)) == N  # the class on screening reads the machines' adjudications alone


def test_a_run_names_decisions_that_are_gone_and_counts_exports_and_decisions_apart(tmp_path):
    put(tmp_path, "protocol.yml", "")
    folder = put(tmp_path, "data/raw/curation/screening/anna.csv", f"trn,decision\n{A},include\n").parent
    target = tmp_path / "data/processed/2026-11-22"
    rows = [(A, "person", "Anna"), (B, "person", "Anna"), (C, "rules", "rule"), (C, "person", "ben")]
    text = "".join(f"{trn},{read_by},{reviewer}\n" for trn, read_by, reviewer in rows)
    put(target, "decisions.csv", f"trn,read_by,reviewer\n{text}")
    told = pipeline._decisions_gone(tmp_path, target)
    assert [line.split(" are in no file")[0] for line in told] == [
        f"Anna had 2 decision(s) in the last run; 1 of them ({B})",
        f"ben had 1 decision(s) in the last run; 1 of them ({C})",
    ]
    assert "reviews/" in told[0] and str(folder.name) in told[0]
    put(folder, "ben.csv", f"trn,decision\n{C},later\n")
    put(folder, "anna.2.csv", f"trn,decision\n{B},include\n")
    assert pipeline._decisions_gone(tmp_path, target) == []

    put(target, "sources.csv", "file\nexport.csv\n")
    rejects = [
        ("export.csv", "2", A, "x"),
        ("anna.csv", "", "", "why"),
        ("anna.csv", "2", A, "y"),
        ("ben.csv", "3", "", "z"),
    ]
    put(target, "rejects.csv", "file,line,trn,reason\n" + "".join(",".join(row) + "\n" for row in rejects))
    said = []
    pipeline._tell_rejects(target, said.append, partly=False)
    assert said[0] == "MIND: anna.csv: why"
    assert "3 row(s) could not be used (1 of exports, 2 of decisions and readings)" in said[1]
    assert f"anna.csv, line 2, {A}: y. " in said[1] and "ben.csv" not in said[1]  # a sentence, then where all are
    assert "2 more" in said[1] and str(target / "rejects.csv") in said[1]


def test_a_decision_on_a_record_of_a_later_snapshot_is_no_fault_in_an_earlier_one(tmp_path, review):
    put(tmp_path / "own", "ana.2.csv", f"trn,decision\n{A},include\n")
    _, rejects = judging.own_decisions(tmp_path / "own", known={B}, protocol=review)
    write_csv(rejects, tmp_path / "rejects.csv")
    alarm, calm = [], []
    pipeline._tell_rejects(tmp_path, alarm.append, partly=False)
    pipeline._tell_rejects(tmp_path, calm.append, partly=True)
    assert any("ana.2.csv" in text and "MIND" in text for text in alarm)
    assert len(calm) == 1 and "1 decision(s)" in calm[0] and "MIND" not in calm[0]
    put(tmp_path / "own", "ana.2.csv", f"trn,decision\n{A},perhaps\n")
    _, rejects = judging.own_decisions(tmp_path / "own", known={B}, protocol=review)
    write_csv(rejects, tmp_path / "rejects.csv")
    faults = []
    pipeline._tell_rejects(tmp_path, faults.append, partly=True)
    assert faults[0].startswith("MIND: ana.2.csv") and "unknown decision 'perhaps'" in faults[1]
