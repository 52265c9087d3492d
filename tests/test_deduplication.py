"""Duplicates: by secondary numbers and judgements, transitively, and only within the search."""

import pandas as pd
from conftest import records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.schema import columns
from evlib.screen.deduplication import duplicates, tied

NONE = pd.DataFrame({"trn": [], "duplicate_of": []})


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


def test_a_judged_pair_counts_only_where_both_records_are_in_the_search(review):
    judged = pd.DataFrame({"trn": ["NCT00000002", "NCT00000003"], "duplicate_of": ["NCT00000001", "NCT99999999"]})
    names = [(f"NCT0000000{i}", "ClinicalTrials.gov", None) for i in (1, 2, 3)]
    found = duplicates(small(*names), judged, protocol=review)
    assert found.trn.tolist() == ["NCT00000002"]
    assert found.basis.tolist() == ["judgement"]


def test_no_links_no_duplicates(review):
    assert duplicates(small(("NCT00000001", "ClinicalTrials.gov", None)), NONE, protocol=review).empty


_NUMBERS = [f"NCT0000000{i}" for i in range(7)]


@given(
    st.dictionaries(st.sampled_from(_NUMBERS), st.sets(st.sampled_from(_NUMBERS), max_size=2), min_size=1),
    st.lists(st.tuples(st.sampled_from(_NUMBERS), st.sampled_from(_NUMBERS)), max_size=2),
    st.sets(st.sampled_from(_NUMBERS)),
)
def test_of_whatever_a_search_finds_only_tied_records_can_be_duplicates(review, named, said, found):
    records = small(*((trn, "ClinicalTrials.gov", " | ".join(sorted(own)) or None) for trn, own in named.items()))
    judged = pd.DataFrame(said, columns=["trn", "duplicate_of"])
    searched = records[records.trn.isin(found)]
    few = searched[searched.trn.isin(tied(records, judged))]
    assert duplicates(few, judged, protocol=review).equals(duplicates(searched, judged, protocol=review))
