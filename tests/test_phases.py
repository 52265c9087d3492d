"""Phases: coded however they are written, and never lost where they are stated."""

import pandas as pd
import pytest
import yaml
from conftest import ROOT, records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.protocol import load_protocol
from evlib.base.schema import columns
from evlib.base.tables import WITHOUT_CODE, code_labels
from evlib.describe import bars, coded_fields
from evlib.describe.phases import phase_code


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("IIa", "2"),
        ("Phase 2b", "2"),
        ("1b/2a", "1-2"),
        ("I+II", "1-2"),
        ("Phase 1 | Phase 2", "1-2"),
        ("Phase II/III", "2-3"),
        ("02-Mar", "2-3"),
        ("Feb-01", "1-2"),
        ("III/IV", "other"),
        ("Phase 4", "4"),
        ("PHASE1", "1"),
        ("Phase 2 (dose finding)", "2"),
        ("Early Phase I", "early-1"),
        ("0 (exploratory trials)", "early-1"),
        ("N/A", "not-applicable"),
        ("New Treatment Measure Clinical Study", None),
        ("Phase 2 or so of 5", None),
        ("Phase 12", None),
        (None, None),
    ],
)
def test_a_phase_is_coded_however_it_is_written(review, stated, code):
    assert phase_code(stated, review["codes"]["phase_group"]) == code


def coded(review, **facts):
    records = records_of([{"trn": "NCT00000001", **facts}], columns("records"))
    return (records, *coded_fields.rule_coding_with_words(records, protocol=review))


words = st.text(max_size=20) | st.lists(
    st.sampled_from(["Phase", "IIa", "2b", "1/2", "-", "+", "early", "I", "IV", "(a)", "Mar", "02"])
).map(" ".join)


@given(words)
def test_a_stated_phase_is_never_counted_as_not_reported(review, text):
    _, coding, found = coded(review, phases=text)
    says_something = any(map(str.isalnum, text.replace("|", "")))
    if coding.phase_group.isna()[0]:
        assert not says_something or not coded_fields._states(text)
    elif coding.phase_group[0] == WITHOUT_CODE:
        assert coded_fields.stated_without_code(coding, found).stated.tolist() == [text]


@pytest.mark.parametrize(
    ("facts", "field", "value"),
    [
        ({"phases": "New Treatment Measure Clinical Study"}, "phase_group", WITHOUT_CODE),
        ({"phases": "Not selected"}, "phase_group", None),
        ({"conditions": "Tinnitus"}, "disease_area", WITHOUT_CODE),
        ({"conditions": "Tinnitus", "brief_title": "Burns"}, "disease_area", "dermatological"),
        ({"route_text": "by a sponge"}, "route", WITHOUT_CODE),
        ({"route_text": "by a sponge"}, "route_group", WITHOUT_CODE),
        ({"route_text": "not stated"}, "route", None),
        ({"msc_source_text": "foreskin"}, "msc_source", WITHOUT_CODE),
        ({"msc_source_text": "human mesenchymal stem cells (tissue not stated)"}, "msc_source", None),
        ({"study_type": "Basic science"}, "study_type", WITHOUT_CODE),
        ({"study_type": "Basic science", "phases": "Phase 1"}, "study_type", "interventional"),
        ({"intervention_model": "Dose by dose"}, "design", WITHOUT_CODE),
    ],
)
def test_what_is_stated_without_a_code_is_listed_and_is_not_missing(review, facts, field, value):
    _, coding, found = coded(review, **facts)
    assert coding[field][0] == value or (value is None and pd.isna(coding[field][0]))
    listed = coded_fields.stated_without_code(coding, found)
    if field != "route_group":
        assert (field in set(listed.field)) == (value == WITHOUT_CODE)


def test_figures_and_counts_name_it_apart_from_what_is_not_reported(review):
    records = records_of(
        [{"trn": f"NCT0000000{i}", "phases": text} for i, text in enumerate(("Pilot", None))], columns("records")
    )
    coding, found = coded_fields.rule_coding_with_words(records, protocol=review)
    described = coding.assign(screening="included", registered=pd.NaT)
    assert coded_fields.value_counts(described, "phase_group").phase_group.tolist() == ["not reported", WITHOUT_CODE]
    figure = bars.trials_by(described, "phase_group", noun="phase", labels=code_labels(review, "phase_group"))
    assert {"Stated, no code", "Not reported"} <= set(figure.data.iloc[:, 0])
    by = coding.set_index("trn").assign(**dict.fromkeys(coded_fields.coded_fields(review), "rules"))
    basis = coded_fields.coding_basis(coding, found, by, protocol=review).set_index(["trn", "field"])
    assert basis.loc[("NCT00000000", "phase_group"), ["found_in", "words"]].tolist() == ["phases", "Pilot"]
    silent = coded_fields.coding_agreement(coding.assign(phase_group="1"), coding).set_index("field").rules_silent
    assert silent["phase_group"] == 2  # the rules gave none a code


def test_a_new_review_has_a_code_for_phase_4_and_for_other_phases():
    template = (ROOT / "evlib/run/review_template/protocol.yml").read_text(encoding="utf-8")
    lists = [load_protocol(ROOT / path)["codes"] for path in ("protocol.yml", "reviews/msc-cells-covid19/protocol.yml")]
    lists.append(yaml.safe_load(template[template.index("\ncodes:") :])["codes"])
    for codes in (codes["phase_group"] for codes in lists):
        assert (phase_code("Phase 4", codes), phase_code("III/IV", codes)) == ("4", "other")
