"""The protocol: a slip in the file is named by its line."""

import re

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol, phrase_pattern

TEXT = (ROOT / "protocol.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: Clinical", "titel: Clinical", "unknown key 'titel'"),
        ("rank: 1,", "rank: one,", "ClinicalTrials.gov.rank"),
        ("kind: exclude, step: duplicate", "kind: exclude, step: twice", "criteria.E1.step"),
        ("not_registered: E5", "not_registered: E9", "unknown criterion 'E9'"),
        ("group: nebulised", "group: nebulized", "unknown group 'nebulized'"),
        ("flags:", "codes:", "given before"),
        ("default_search_date: 2026-11-28", "default_search_date: soon", "'soon' is not a day"),
        ("default_search_date: 2026-11-28", "default_search_date: 2024-02-30", "'2024-02-30' is not a day"),
        ("replication_date: 2024-02-17", "replication_date: 2024-02-30", "'2024-02-30' is not a day"),
        ("registered_by: 2024-02-17", 'registered_by: "2024-99-99"', "is not a day"),
        ("intervention: [exosome*,", 'intervention: ["", exosome*,', "a phrase needs a letter"),
        ("intervention: [exosome*,", 'intervention: [exosome*, "*",', "blanks, hyphens and * alone would be found"),
        ("intervention: [exosome*,", 'intervention: [" - ", exosome*,', "a phrase needs a letter"),
        ("registries: [ChiCTR]", "registries: [ChiCTRR]", "unknown registry 'ChiCTRR'"),
        ("phrases: {status: [withdrawn]}", "phrases: {status: ['*']}", "a phrase needs a letter"),
        (
            "phrases: {status: [withdrawn]}",
            "phrases: {state: [withdrawn]}",
            "unknown key 'state'. Known here: allocation",
        ),
        ("phrases: {status: [withdrawn]}", "phrases: withdrawn", "criteria.E2.phrases: must be array or object"),
        ("registration}\n  I2:", "registration, phrases: [a]}\n  I2:", "phrases are for criteria that exclude"),
        (
            "(duplicate registration)}",
            "(duplicate registration), phrases: [a]}",
            "duplicates are found by their numbers",
        ),
        ("  negations: [", "  withdrawn_status: [withdrawn]\n  negations: [", "under their criterion"),
    ],
)
def test_a_slip_is_named_with_its_line(tmp_path, old, new, said):
    assert TEXT.count(old) >= 1
    path = tmp_path / "protocol.yml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_protocol(path)
    assert said in str(error.value)
    if "given before" not in said:
        line = TEXT[: TEXT.index(old)].count("\n") + 1
        assert f"line {line}:" in str(error.value)


def test_what_is_no_yaml_is_said(tmp_path):
    path = tmp_path / "protocol.yml"
    path.write_text("title: [", encoding="utf-8")
    with pytest.raises(InputError, match="not valid YAML"):
        load_protocol(path)
    path.write_bytes(b"title: a\nquestion: \xe4\n")
    with pytest.raises(InputError, match="line 2: not UTF-8"):
        load_protocol(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="empty"):
        load_protocol(path)


words = st.text(alphabet="abcdefgh", min_size=1, max_size=6)


@given(st.lists(words, min_size=1, max_size=3), words)
def test_a_phrase_is_found_as_whole_words_only(phrase, other):
    pattern = phrase_pattern([" ".join(phrase)])
    assert pattern.search(f"{other} {'-'.join(phrase).upper()}, {other}")
    assert not re.fullmatch(pattern, other + "x".join(phrase) + "x")
    assert not pattern.search(f"z{' '.join(phrase)}")


def test_a_star_takes_any_ending_and_no_phrase_finds_nothing():
    assert phrase_pattern(["exosome*"]).search("Exosomes").group() == "Exosomes"
    assert not phrase_pattern(["exosome"]).search("exosomes")
    assert not phrase_pattern([]).search("anything")


@pytest.mark.parametrize(
    ("query", "reason"), [("(MSCs AND exosomes", "cannot be read"), ("MSCs and EVs", "in capitals")]
)
def test_a_query_that_cannot_be_read_is_named_with_its_line(tmp_path, query, reason):
    text = (ROOT / "protocol.yml").read_text(encoding="utf-8")
    start, end = text.index("search: >-"), text.index("# Wang 2025, section 2.2. `step`")
    path = tmp_path / "protocol.yml"
    path.write_text(f"{text[:start]}search: {query}\n\n{text[end:]}", encoding="utf-8")
    line = text[:start].count("\n") + 1
    with pytest.raises(InputError, match=rf"protocol\.yml, line {line}: search: the query.*{reason}"):
        load_protocol(path)
    other = f"other_queries:\n  mine:\n    label: Mine\n    text: {query}\n"
    path.write_text(f"{text[:start]}search: exosomes\n{other}\n{text[end:]}", encoding="utf-8")
    with pytest.raises(InputError, match=rf"line {line + 4}: other_queries\.mine\.text: the query.*{reason}"):
        load_protocol(path)
