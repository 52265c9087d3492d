"""Proposals of duplicates: planted ones are found, settled ones left out, and the work stays within blocks."""

import pandas as pd
import pytest
from conftest import put, records_of

from evlib.base.schema import columns
from evlib.screen import deduplication, duplicate_benchmark, duplicate_scores

BURNS = {
    "brief_title": "Exosomes of cord cells in deep burns",
    "sponsor": "A hospital",
    "start_date": "2023-01",
    "enrolment": 30,
    "conditions": "Burns",
}


def small(*rows):
    return records_of([{"trn": f"NCT{i:08d}"} | row for i, row in enumerate(rows)], columns("records"))


def proposed(*rows, settled=()):
    found = duplicate_scores.proposals(small(*rows), settled=settled)
    return [frozenset(pair) for pair in zip(found.trn, found.other_trn)]


A, B = "NCT00000000", "NCT00000001"


@pytest.mark.parametrize(
    ("other", "is_proposed"),
    [
        (BURNS | {"registry": "ChiCTR"}, True),
        (BURNS | {"registry": "ChiCTR", "brief_title": "In deep burns: cord cell exosomes", "enrolment": None}, True),
        (BURNS | {"registry": "ChiCTR", "brief_title": "Exosomas de células de cordón"}, True),
        (BURNS | {"registry": "ChiCTR", "brief_title": None}, True),
        (BURNS | {"registry": "ChiCTR", "brief_title": None, "enrolment": None}, False),
        (
            BURNS | {"sponsor": "Another company", "start_date": "2019-05", "enrolment": 900, "conditions": "Stroke"},
            False,
        ),
        ({"brief_title": "Lozenges for coughs", "registry": "ChiCTR"}, False),
    ],
)
def test_what_is_like_enough_to_be_asked(other, is_proposed):
    assert proposed(BURNS, other) == ([frozenset({A, B})] if is_proposed else [])


def test_a_settled_pair_is_not_proposed_in_either_order():
    twice = (BURNS, BURNS | {"registry": "ChiCTR"})
    assert proposed(*twice)
    assert proposed(*twice, settled=[(A, B)]) == proposed(*twice, settled=[(B, A)]) == []


def test_nothing_at_all_is_no_error():
    assert proposed(BURNS) == proposed() == []
    assert proposed({}, {"brief_title": ""}) == []


def test_words_that_all_share_bring_no_pairs():
    rows = [{"brief_title": f"Exosomes of mesenchymal stem cells {'x' * i}{i}"} for i in range(100)]
    facts = duplicate_scores._facts(small(*rows))
    assert not sum(len(left) for left, _ in duplicate_scores._candidates(facts))


def test_planted_duplicates_are_found_among_the_shipped_records(shipped):
    with_planted, truth = duplicate_benchmark.planted(shipped, n=20, seed=7)
    assert len(with_planted) == len(shipped) + 60
    assert truth.kind.value_counts().tolist() == [20, 20, 20]
    measures = duplicate_benchmark.measured(truth, duplicate_scores.proposals(with_planted)).set_index("kind")
    assert measures.recall["cross-registered"] > 0.9
    assert measures.recall["all"] > 0.8
    assert measures.precision["all"] > 0.8
    nothing = duplicate_benchmark.measured(truth, duplicate_scores.proposals(small()))
    assert nothing.recall.eq(0).all()


def test_the_settled_pairs_would_have_been_proposed(shipped, review):
    none = pd.DataFrame({"trn": [], "duplicate_of": []})
    known = deduplication.duplicates(shipped, none, protocol=review)
    found = duplicate_scores.proposals(shipped)
    pairs = {frozenset(pair) for pair in zip(found.trn, found.other_trn)}
    assert {frozenset(pair) for pair in zip(known.trn, known.kept_trn)} - pairs == {
        frozenset({"IRCT20200217046526N2", "NCT04366063"})  # the first shows no title, sponsor, start or enrolment
    }


def test_a_persons_pairs_are_read_and_the_bad_rows_named(tmp_path, review):
    path = put(
        tmp_path,
        "same_trial.csv",
        "trn,other_trn,decision,reviewer,reason\n"
        f"{A.lower()},{B},same,P,Same protocol\n"
        f"{B},{A},different,P,\n{A},{A},same,P,\n{A},NCT00000009,same,P,\n{A},NCT00000002,maybe,P,\n",
    )
    pairs, rejects = deduplication.judged_pairs(path, known={A, B, "NCT00000002"})
    assert pairs.trn.tolist() == [A]
    assert rejects.line.tolist() == [3, 4, 5, 6]
    same = pairs.rename(columns={"other_trn": "duplicate_of"})
    repeats = deduplication.duplicates(small(BURNS, BURNS), same, protocol=review)
    assert repeats[["trn", "kept_trn", "why_kept"]].values.tolist() == [[B, A, "first by number"]]
    both = pd.DataFrame({"decision": ["exclude", "include"], "criterion": ["E4", None]}, index=[A, B])
    apart = deduplication.judged_apart(repeats, both, protocol=review)
    assert apart.values.tolist() == [[B, "include", A, "exclude"]]
    assert deduplication.judged_apart(repeats, both.head(1), protocol=review).empty
    as_duplicate = both.assign(decision="exclude", criterion=["E4", "E1"])
    assert deduplication.judged_apart(repeats, as_duplicate, protocol=review).empty
    decision = deduplication.duplicate_decisions(repeats, protocol=review).iloc[0]
    assert (decision.decision, decision.criterion) == ("exclude", "E1")
    assert decision.reason == f"same trial as {A} (judgement), which is kept: first by number"
    none, no_rejects = deduplication.judged_pairs(tmp_path / "absent.csv", known=set())
    assert none.empty
    assert no_rejects.empty
