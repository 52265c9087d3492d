"""Duplicates: by secondary numbers and judgements, transitively, and only within the search."""

import tracemalloc

import pandas as pd
import pytest
from conftest import RAW, records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.identifiers import registry_of
from evlib.base.schema import columns, read_csv
from evlib.ingest.registries.common import tables
from evlib.screen.deduplication import NOTED_FILE, duplicates, links_not_merged, needed_columns, pairs_to_merge, tied
from evlib.screen.duplicate_scores import proposals

NO_PAIRS = pd.DataFrame(columns=["trn", "other_trn", "decision", "reviewer", "reason"], dtype="str")
NONE = pd.DataFrame({"trn": [], "duplicate_of": []})
A, B, C = (f"NCT0000000{i}" for i in (1, 2, 3))
K, EU = "KCT0000002", "EUCTR2020-002326-90"


def small(*rows):
    return records_of([dict(zip(("trn", "registry", "secondary_trns"), row)) for row in rows], columns("records"))


def test_a_chain_of_numbers_is_one_trial_and_the_ranked_registry_is_kept(review):
    records = small(
        ("IRCT20200217046526N2", "IRCT", None),
        ("NCT00000001", "ClinicalTrials.gov", "ChiCTR2000030261"),
        ("ChiCTR2000030261", "ChiCTR", "IRCT20200217046526N2"),
        ("NCT00000009", "ClinicalTrials.gov", None),
    )
    found = duplicates(records, NONE, protocol=review).set_index("trn")
    assert set(found.index) == {"IRCT20200217046526N2", "ChiCTR2000030261"}
    assert set(found.kept_trn) == {"NCT00000001"}
    assert found.basis["ChiCTR2000030261"] == "secondary number"
    assert found.basis["IRCT20200217046526N2"] == "by way of a third record"


def test_two_records_that_name_the_same_absent_number_are_one_trial(review):
    records = small(("NCT00000001", "ClinicalTrials.gov", "ISRCTN33578935"), ("KCT0000002", "CRiS", "ISRCTN33578935"))
    assert duplicates(records, NONE, protocol=review).trn.tolist() == ["KCT0000002"]


@pytest.mark.parametrize(
    ("rows", "merged", "asked"),
    [
        # A main study and its extension; records of one person (N1, N2).
        ([(A, "ClinicalTrials.gov", None), (B, "ClinicalTrials.gov", A)], {}, {(A, B)}),
        ([("IRCT20200217046526N1", "IRCT", None), ("IRCT20200217046526N2", "IRCT", "IRCT20200217046526N1")], {},
         {("IRCT20200217046526N1", "IRCT20200217046526N2")}),
        # Two of one registry that share a third number, seen or not.
        ([(A, "ClinicalTrials.gov", EU), (B, "ClinicalTrials.gov", EU)], {}, {(A, B)}),
        ([(A, "ClinicalTrials.gov", EU), (B, "ClinicalTrials.gov", EU), (EU, "EUCTR", None)], {}, {(EU, A), (EU, B)}),
        ([(A, "ClinicalTrials.gov", EU), (B, "ClinicalTrials.gov", EU), (EU, "EUCTR", A)], {EU: A}, {(A, B)}),
        # A number of the record's own registry that is not here merges nothing either.
        ([(A, "ClinicalTrials.gov", "NCT09999999"), (K, "CRiS", "NCT09999999")], {}, {(K, A)}),
        # Registries that go by one name.
        ([("UMIN000045897", "JPRN", None), ("jRCTb042250113", "JPRN", "UMIN000045897")],
         {"UMIN000045897": "jRCTb042250113"}, set()),
    ],
)  # fmt: skip
def test_numbers_within_one_registry_are_proposals_and_merge_nothing(review, rows, merged, asked):
    records = small(*rows)
    found = duplicates(records, NONE, protocol=review)
    pairs = {frozenset(pair) for pair in zip(found.trn, found.kept_trn)}
    assert pairs == {frozenset(pair) for pair in merged.items()}
    links = links_not_merged(records, found)
    assert set(zip(links.trn, links.other_trn)) == {tuple(sorted(pair)) for pair in asked}
    kept = records[~records.trn.isin(found.trn)]
    proposed = proposals(kept, linked=links)
    assert {tuple(sorted(pair)) for pair in zip(proposed.trn, proposed.other_trn)} == set(
        zip(links.trn, links.other_trn)
    )
    assert all(
        any(number in words for number in pair) for *pair, words in zip(links.trn, links.other_trn, links.evidence)
    )


def test_a_judgement_merges_within_a_registry_and_a_page_is_its_own_number(review):
    records = small((A, "ClinicalTrials.gov", None), (B, "ClinicalTrials.gov", A), (C, "ClinicalTrials.gov", B))
    judged = pd.DataFrame({"trn": [B], "duplicate_of": [A]})
    found = duplicates(records, judged, protocol=review)
    assert found[["trn", "kept_trn", "basis"]].values.tolist() == [[B, A, "secondary number and judgement"]]
    links = links_not_merged(records, found)
    assert links[["trn", "other_trn"]].values.tolist() == [[A, C]]
    page = small(("IRCT:trial/55380", "IRCT", "IRCT20190101042197N2"), ("IRCT20190101042197N2", "IRCT", None))
    page["trn_kind"] = ["page", "number"]
    assert len(duplicates(page, NONE, protocol=review)) == 1


def test_a_person_who_judges_a_pair_apart_wins_over_a_number_and_a_reader(review):
    records = small((A, "ClinicalTrials.gov", None), (K, "CRiS", A), (EU, "EUCTR", None))
    readers = pd.DataFrame({"trn": [EU], "duplicate_of": [A]})
    assert set(duplicates(records, pairs_to_merge(readers, NO_PAIRS), protocol=review).trn) == {K, EU}
    apart = pd.DataFrame(
        {"trn": [A, EU], "other_trn": [K, A], "decision": "different", "reviewer": "anna", "reason": None}
    )
    assert duplicates(records, pairs_to_merge(readers, apart), protocol=review).empty


def test_a_pair_that_a_note_names_is_proposed_and_not_merged(review, shipped):
    noted = read_csv(RAW / NOTED_FILE)
    found = duplicates(shipped, NONE, protocol=review)
    kept = shipped[~shipped.trn.isin(found.trn)]
    proposed = proposals(kept, linked=links_not_merged(shipped, found, noted=noted))
    evidence = dict(zip(map(frozenset, zip(proposed.trn, proposed.other_trn)), proposed.evidence))
    assert len(noted) and set(map(frozenset, zip(noted.trn, noted.other_trn))) <= set(evidence)
    assert "may be the same study" in evidence[frozenset(["ChiCTR2600119088", "NCT07398612"])]
    few = shipped[shipped.trn != "NCT07398612"]
    assert "ChiCTR2600119088" not in set(links_not_merged(few, found, noted=noted).trn)


def test_a_judged_pair_counts_only_where_both_records_are_in_the_search(review):
    judged = pd.DataFrame({"trn": ["NCT00000002", "NCT00000003"], "duplicate_of": ["NCT00000001", "NCT99999999"]})
    names = [(f"NCT0000000{i}", "ClinicalTrials.gov", None) for i in (1, 2, 3)]
    found = duplicates(small(*names), judged, protocol=review)
    assert found.trn.tolist() == ["NCT00000002"]
    assert found.basis.tolist() == ["judgement"]


def test_no_links_no_duplicates(review):
    assert duplicates(small(("NCT00000001", "ClinicalTrials.gov", None)), NONE, protocol=review).empty


_NUMBERS = [*(f"NCT0000000{i}" for i in range(3)), *(f"ChiCTR200000000{i}" for i in range(3)), EU]


@given(
    st.dictionaries(st.sampled_from(_NUMBERS), st.sets(st.sampled_from(_NUMBERS), max_size=2), min_size=1),
    st.lists(st.tuples(st.sampled_from(_NUMBERS), st.sampled_from(_NUMBERS)), max_size=2),
    st.sets(st.sampled_from(_NUMBERS)),
)
def test_of_whatever_a_search_finds_only_tied_records_can_be_duplicates(review, named, said, found):
    records = small(*((trn, registry_of(trn), " | ".join(sorted(own)) or None) for trn, own in named.items()))
    judged = pd.DataFrame(said, columns=["trn", "duplicate_of"])
    searched = records[records.trn.isin(found)]
    few = searched[searched.trn.isin(tied(records, judged))]
    assert duplicates(few, judged, protocol=review).equals(duplicates(searched, judged, protocol=review))


@given(st.dictionaries(st.sampled_from(_NUMBERS), st.sets(st.sampled_from(_NUMBERS), max_size=3), min_size=1))
def test_numbers_never_merge_two_records_of_one_registry(review, named):
    records = small(*((trn, registry_of(trn), " | ".join(sorted(own)) or None) for trn, own in named.items()))
    found = duplicates(records, NONE, protocol=review)
    trial = records.trn.map(dict(zip(found.trn, found.kept_trn))).fillna(records.trn)
    assert not pd.DataFrame({"trial": trial, "registry": records.registry}).duplicated().any()
    links = links_not_merged(records, found)
    together = {frozenset(pair) for pair in zip(links.trn, links.other_trn)}
    of = dict(zip(records.trn, trial))
    for trn, own in named.items():  # every link between two records is merged or asked
        for other in own & set(named):
            assert of[trn] == of[other] or frozenset((of[trn], of[other])) in together


def test_what_is_kept_of_a_registry_holds_none_of_its_other_texts():
    tracemalloc.start()
    row = {"trn_kind": "number", "registry": "CTRI", "snapshot": "2024-02-17", "brief_title": "A trial"}
    rows = [row | {"trn": f"CTRI{at}", "arms": f"{at:09}" * 10_000} for at in range(100)]
    records = tables(rows, [], "export.csv").records
    kept = needed_columns([records])
    before, _ = tracemalloc.get_traced_memory()
    del rows, records
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 100 and before - after > 8_000_000
