"""The rules: what they say of a record and by which words; what is negated, compared or beside the point does not count."""

import pandas as pd
import pytest
from conftest import RAW, ROOT, records_of
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.protocol import load_protocol
from evlib.base.schema import columns
from evlib.screen import screening
from evlib.screen.eligibility import rule_decisions, triggers


def record(**facts):
    return records_of([{"trn": "NCT00000001", **facts}], columns("records"))


@pytest.mark.parametrize(
    ("facts", "decision", "criterion"),
    [
        ({"brief_title": "MSC-derived exosomes in ARDS"}, "include", None),
        ({"brief_title": "Exosomes", "msc_source_text": "adipose derived stem cells"}, "include", None),
        ({"brief_title": "MSC exosomes", "status": "Withdrawn"}, "exclude", "E2"),
        (
            {"brief_title": "MSC exosomes", "registry": "ChiCTR", "note": "Prospective registration: No"},
            "exclude",
            "E3",
        ),
        ({"brief_title": "Mesenchymal stem cells for ARDS"}, "exclude", "E4"),
        ({"brief_title": "Conditioned medium of MSC", "ev_term_text": "exosomes"}, "exclude", "E4"),
        ({"brief_title": "LYOSecretome of MSC in osteoarthritis"}, "exclude", "E4"),
        ({"brief_title": "Amniotic fluid for lungs", "ev_term_text": "EV-based"}, "exclude", "E4"),
        ({"brief_title": "Stem cell exosomes for wounds"}, "unclear", None),
        ({"brief_title": "Exosomes for anxiety"}, "unclear", None),
        ({"trn": "X:no-number/1", "trn_kind": "placeholder", "brief_title": "MSC exosomes"}, "exclude", "E5"),
        ({"trn": "PRE-2020-3", "trn_kind": "unknown form", "brief_title": "MSC exosomes"}, "unclear", None),
    ],
)
def test_what_the_rules_say_and_why(review, facts, decision, criterion):
    row = rule_decisions(record(**facts), protocol=review).iloc[0]
    assert row.decision == decision
    assert row.criterion == criterion or (criterion is None and pd.isna(row.criterion))
    assert row.reason


@pytest.mark.parametrize(
    ("decision", "facts"),
    [
        # Negated words.
        ("exclude", {"brief_title": "MSC without exosomes"}),
        ("exclude", {"brief_title": "MSC lysate free of any vesicles", "interventions": "no exosomes | MSC"}),
        ("exclude", {"brief_title": "MSC in sepsis", "interventions": "exosome-free MSC | EV-depleted MSC"}),
        ("unclear", {"brief_title": "Exosomes of stem cells, not MSC"}),
        ("unclear", {"brief_title": "Non-MSC stem cell exosomes"}),
        ("include", {"brief_title": "Non-invasive MSC exosomes in patients without diabetes"}),
        ("include", {"brief_title": "Laser with and without exosomes", "msc_source_text": "MSC"}),
        # Arms and interventions of comparison.
        ("exclude", {"brief_title": "MSC in sepsis", "arms": "MSC: cells | Control: exosomes of plasma"}),
        (
            "exclude",
            {"brief_title": "MSC in sepsis", "interventions": "Biological: MSC | Other: Placebo: MSC-exosomes"},
        ),
        ("include", {"brief_title": "MSC in sepsis", "arms": "MSC-Exo: exosomes | Placebo: saline"}),
        ("include", {"brief_title": "Sepsis", "interventions": "standard care plus MSC-EVs | standard care"}),
        # Another origin counts if it is that of the vesicles.
        ("exclude", {"brief_title": "Platelet exosomes for wounds"}),
        ("exclude", {"brief_title": "Exosomes from the patients' own platelets"}),
        ("exclude", {"brief_title": "EXO-CD24 in ARDS"}),
        ("unclear", {"brief_title": "Exosomes versus platelet-rich plasma"}),
        ("unclear", {"brief_title": "Scars", "interventions": "nanofat with platelets | nanofat with exosome"}),
        ("include", {"brief_title": "MSC exosomes with platelet-rich plasma"}),
        ("exclude", {"brief_title": "iPSC-derived exosomes for wounds"}),
        ("exclude", {"brief_title": "Exosomes", "msc_source_text": "induced pluripotent stem cells, not MSC"}),
        ("include", {"brief_title": "Exosomes of iMSC", "msc_source_text": "iPSC-derived MSC"}),
        # Cells alone, vesicles named only beside them.
        ("exclude", {"brief_title": "MSC for stroke", "ev_term_text": "exosomes (in the aim)"}),
        ("include", {"brief_title": "AB-1 for stroke", "ev_term_text": "exosomes", "msc_source_text": "MSC"}),
        # Measured, or given to those who are diagnosed.
        ("exclude", {"brief_title": "Serum exosomes as biomarkers"}),
        ("exclude", {"brief_title": "Exosome proteomics in dry eye", "interventions": "acupuncture"}),
        ("include", {"brief_title": "MSC exosomes in newly diagnosed diabetes"}),
        ("include", {"brief_title": "Safety of MSC exosomes with biomarkers of response"}),
        ("include", {"brief_title": "Biomarkers of response to EXO-1", "interventions": "MSC exosomes"}),
        # The shorthand of the field.
        ("include", {"brief_title": "hUCMSC-sEVs for colitis"}),
        ("include", {"brief_title": "ADSC-Exo in alopecia"}),
        # Other languages.
        ("include", {"official_title": "人脐带间充质干细胞来源外泌体治疗肺炎"}),
        ("include", {"official_title": "MSC外泌体治疗肺炎"}),
        ("exclude", {"official_title": "不含外泌体的间充质干细胞治疗肺炎"}),
        ("exclude", {"official_title": "血小板外泌体治疗溃疡"}),
        ("include", {"official_title": "間葉系幹細胞由来エクソソームの点鼻"}),
        ("include", {"official_title": "Exosomas de células madre mesenquimales en artrosis"}),
        ("unclear", {"official_title": "Vesículas extracelulares de células madre en artrosis"}),
    ],
)
def test_words_count_by_where_they_stand(review, decision, facts):
    row = rule_decisions(record(**facts), protocol=review).iloc[0]
    assert row.decision == decision, row.reason


def test_the_words_shown_are_the_words_that_count(review):
    facts = {
        "brief_title": "MSC exosomes versus platelet lysate",
        "conditions": "stem cells",
        "arms": "Placebo: exosome-free medium",
    }
    shown = triggers(facts, protocol=review)
    assert set(shown.itertuples(index=False, name=None)) == {
        ("brief_title", "exosomes", "vesicles"),
        ("brief_title", "MSC", "mesenchymal cells"),
        ("brief_title", "lysate", "not vesicles"),
    }
    named = triggers({"brief_title": "Mesenchymal stem cell exosomes"}, protocol=review)
    assert named.words.tolist() == ["exosomes", "Mesenchymal"]
    unnamed = triggers({"brief_title": "Stem cell exosomes"}, protocol=review)
    assert unnamed.meaning.tolist() == ["vesicles", "cells not named as mesenchymal"]


words = st.lists(
    st.sampled_from(
        ["MSC", "exosomes", "without", "platelet", "versus", "free", "外泌体", "control", ":", "|", ".", "(", "of"]
    )
    | st.text(max_size=5),
    max_size=12,
).map(" ".join)


@given(words, words, words)
def test_any_text_is_judged_and_what_triggers_stands_in_its_field(review, title, interventions, arms):
    facts = {"brief_title": title or None, "interventions": interventions or None, "arms": arms or None}
    assert rule_decisions(record(**facts), protocol=review).reason.str.len().min() > 0
    for row in triggers(facts, protocol=review).itertuples():
        assert row.words in facts[row.field]


def test_the_rules_find_most_of_what_the_readers_included(review, shipped):
    decisions, _, _ = screening.readers_decisions(RAW, known=set(shipped.trn), protocol=review)
    rules = rule_decisions(shipped, protocol=review)
    repeats = set(decisions.trn[decisions.criterion == "E1"])  # no rule looks for duplicates
    measures, misses = screening.rule_performance(pd.concat([decisions, rules]), without=repeats, protocol=review)
    value = measures.set_index("measure").value
    assert value.recall >= 0.95
    assert value.precision >= 0.9
    assert len(misses) == (measures.n - measures.hits).sum()


def test_a_title_that_says_so_is_of_a_withdrawn_trial_where_the_protocol_lists_its_words():
    protocol = load_protocol(ROOT / "reviews/msc-cells-covid19/protocol.yml")
    withdrawn = record(
        brief_title="Cancelled by the investigator Mesenchymal stem cells for COVID-19", status="Recruiting"
    )
    row = rule_decisions(withdrawn, protocol=protocol).iloc[0]
    assert (row.decision, row.criterion) == ("exclude", "E2")
    assert "E2 Registration withdrawn" in set(triggers(withdrawn.iloc[0].to_dict(), protocol=protocol).meaning)
    delayed = record(brief_title="Mesenchymal stem cells for COVID-19 where surgery was cancelled due to it")
    assert rule_decisions(delayed, protocol=protocol).iloc[0].decision == "include"


E6 = {"kind": "exclude", "step": "eligibility", "text": "For looks alone", "phrases": ["wrinkle*", "facial ageing"]}


@pytest.mark.parametrize(
    ("criterion", "facts", "decision"),
    [
        (E6, {"conditions": "Facial-ageing"}, "exclude"),
        (E6, {"interventions": "MSC-EVs against wrinkles"}, "exclude"),
        (E6, {"conditions": "no wrinkles"}, "include"),
        (E6, {"arms": "Placebo: wrinkle cream"}, "include"),
        (E6, {"note": "wrinkles"}, "include"),
        (E6 | {"phrases": {"note": ["wrinkle*"]}}, {"note": "Wrinkles"}, "exclude"),
        (E6 | {"phrases": {"note": ["wrinkle*"]}}, {"conditions": "wrinkles"}, "include"),
        (E6 | {"phrases": {"titles": ["wrinkle*"]}}, {"official_title": "wrinkles"}, "exclude"),
        (E6 | {"registries": ["ChiCTR"]}, {"conditions": "wrinkles"}, "include"),
        (E6 | {"registries": ["ChiCTR"]}, {"conditions": "wrinkles", "registry": "ChiCTR"}, "exclude"),
        (E6 | {"phrases": []}, {"conditions": "wrinkles"}, "include"),
    ],
)
def test_a_criterion_with_phrases_excludes_where_one_stands_in_its_fields(review, criterion, facts, decision):
    protocol = review | {"criteria": review["criteria"] | {"E6": criterion}}
    one = record(brief_title="MSC exosomes", **facts)
    row = rule_decisions(one, protocol=protocol).iloc[0]
    assert row.decision == decision, row.reason
    shown = triggers(one.iloc[0].to_dict(), protocol=protocol)
    assert ("E6 For looks alone" in set(shown.meaning)) == (decision == "exclude") == (row.criterion == "E6")


def test_of_several_criteria_the_first_in_the_protocol_counts(review):
    protocol = review | {"criteria": review["criteria"] | {"E6": E6}}
    row = rule_decisions(record(brief_title="Wrinkles", status="Withdrawn"), protocol=protocol).iloc[0]
    assert (row.criterion, row.reason) == ("E2", "'Withdrawn' in status")
    row = rule_decisions(record(brief_title="Laser for wrinkles"), protocol=protocol).iloc[0]
    assert (row.criterion, row.reason) == ("E6", "'wrinkles' in brief_title")
