"""Proposals of duplicates: planted ones are found, settled ones left out, and the work stays within blocks."""

from collections import Counter
from datetime import datetime
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from conftest import put, records_of
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from evlib.base.query import tokens
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


@pytest.mark.parametrize(
    ("one", "other", "are_alike"),
    [
        ("The General Hospital, Tehran", "General hospital of Tehran", True),
        ("Cadila Pharnmaceuticals", "Cadila Pharmaceuticals", True),
        ("First hospital of Tehran university", "Third hospital of Tehran university", False),
        ("Kermanshah University of Medical Sciences", "Yazd University of Medical Sciences", False),
        ("University hospital no. 15091", "University hospital no. 15038", False),
    ],
)
def test_names_that_a_word_or_number_tells_apart_are_not_alike(one, other, are_alike):
    rows = (BURNS | {"sponsor": one}, BURNS | {"sponsor": other, "registry": "ChiCTR"})
    (evidence,) = duplicate_scores.proposals(small(*rows)).evidence
    assert ("sponsors alike" in evidence) == are_alike


def test_a_page_beside_a_number_of_its_registry_is_no_second_registration():
    sister = BURNS | {"brief_title": "Exosomes of cord cells in burns", "sponsor": None, "start_date": None}
    assert proposed(BURNS, sister) == []
    assert proposed(BURNS, sister | {"trn_kind": "page"}) == [frozenset({A, B})]


def test_conditions_that_most_records_state_tell_nothing():
    rows = (BURNS | {"brief_title": None}, BURNS | {"brief_title": None, "registry": "ChiCTR"})
    others = [{"conditions": "Burns", "brief_title": f"Trial {i}"} for i in range(duplicate_scores._COMMON)]
    assert "conditions alike" in duplicate_scores.proposals(small(*rows)).evidence[0]
    assert proposed(*rows, *others) == []


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
    assert pairs[["trn", "decision"]].values.tolist() == [[B, "different"]]  # the later of two of one person
    assert rejects.line.tolist() == [2, 4, 5, 6] and "line 3 of the same reviewer" in rejects.reason[0]
    path.write_text(path.read_text().replace(f"{B},{A},different", f"{B},{A},same"))
    pairs, rejects = deduplication.judged_pairs(path, known={A, B, "NCT00000002"})
    assert pairs[["trn", "decision"]].values.tolist() == [[B, "same"]] and rejects.line.tolist() == [4, 5, 6]
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


@pytest.mark.parametrize(
    ("said", "settled", "lines"),
    [
        (["anna,same", "berta,same"], "same", []),
        (["anna,same", "berta,different"], None, [2, 3]),
        (["anna,same", "berta,different", "adjudicated,different"], "different", []),
        (["Adjudicated,same", "anna,different", "berta,different"], "same", []),
        (["anna,same", "berta,"], "same", []),  # berta has not decided yet
        (["R2,same", ",same"], None, [2, 3]),
    ],
)
def test_people_who_differ_on_a_pair_settle_nothing_until_somebody_does(tmp_path, said, settled, lines):
    rows = [f"{A},{B}" if place % 2 else f"{B},{A}" for place in range(len(said))]
    text = "".join(f"{pair},{words}\n" for pair, words in zip(rows, said, strict=True))
    path = put(tmp_path, "same_trial.csv", "trn,other_trn,reviewer,decision,reason\n" + text.replace("\n", ",\n"))
    pairs, rejects = deduplication.judged_pairs(path, known={A, B})
    assert pairs.decision.tolist() == ([settled] if settled else []) and rejects.line.tolist() == lines


DATES = ("start_date", "registered_text")


def plainly(records):
    """The proposals as the chapter explains them: every pair of a block, all that can be told of it, one by one."""
    rows = records.astype("object").where(records.notna(), None).to_dict("records")
    for row in rows:
        row |= {name: " ".join(sorted(tokens(row[name] or ""))) for name in ("sponsor", "conditions", "acronym")}
    for row in rows:
        row["titles"] = [" ".join(tokens(row[name] or "")) for name in ("brief_title", "official_title")]
        row["words"] = set(" ".join(row["titles"]).split())
        row["acronym"] = row["acronym"] if len(row["acronym"]) >= 4 else ""
        row["month"] = (row["start_date"] or "")[:7] if len(row["start_date"] or "") >= 7 else ""
        row["common"] = sum(other["conditions"] == row["conditions"] for other in rows) > max(
            duplicate_scores._COMMON, len(rows) / 10
        )
        row |= {f"{name}_text": row[name] or "" for name in DATES}
        row |= {name: row[name] and datetime.fromisoformat(f"{row[name]}-01-01"[:10]) for name in DATES}
    often = Counter(word for row in rows for word in row["words"])
    blocks = {}
    for place, row in enumerate(rows):
        rare = sorted((often[word], word) for word in row["words"] if 2 <= often[word] <= duplicate_scores._BLOCK)
        keys = [word for _, word in rare[: duplicate_scores._RAREST]]
        keys += [("acronym", row["acronym"])] * bool(row["acronym"])
        keys += [("sponsor", row["sponsor"], row["month"])] * bool(row["sponsor"] and row["month"])
        keys += [("enrolment", row["enrolment"], row["month"])] * bool(row["enrolment"] and row["month"])
        keys += [("both", row["sponsor"], row["enrolment"])] * bool(row["sponsor"] and row["enrolment"])
        for key in keys:
            blocks.setdefault(key, []).append(place)
    few = (block for block in blocks.values() if len(block) <= duplicate_scores._BLOCK)
    pairs = sorted({pair for block in few for pair in combinations(block, 2)})
    scored = [scored_plainly(rows[one], rows[other]) for one, other in pairs]
    return sorted(row for row in scored if row[2] >= duplicate_scores.THRESHOLD)


def scored_plainly(one, other):
    def alike(a, b):
        both = np.float32([fuzz.token_sort_ratio(a, b), fuzz.token_set_ratio(a, b)])
        return float(both.astype(float).mean()) if a and b else 0

    def days(name):
        return abs((one[name] - other[name]).days) if one[name] and other[name] else None

    def same(name):
        return bool(one[name]) and one[name] == other[name]

    def known(name, letters):
        return all(len(row[f"{name}_text"]) >= letters for row in (one, other))

    def telling(name, other_name):
        words = set(name.split()) - set(other_name.split())
        return " ".join(sorted(word for word in words if len(word) >= 4 or any(map(str.isdigit, word))))

    title = max(alike(a, b) for a in one["titles"] for b in other["titles"])
    titled = any(one["titles"]) and any(other["titles"])
    sponsor, named = alike(one["sponsor"], other["sponsor"]), bool(one["sponsor"] and other["sponsor"])
    sizes = [one["enrolment"], other["enrolment"]]
    starts, registrations = days("start_date"), days("registered_text")
    apart = starts if starts is not None else registrations
    conditions, stated = alike(one["conditions"], other["conditions"]), bool(one["conditions"] and other["conditions"])
    own = telling(one["sponsor"], other["sponsor"]), telling(other["sponsor"], one["sponsor"])
    told_apart = all(own) and fuzz.ratio(*own) < 75
    told = {
        "titles unlike": (-1, titled and title < 40),
        "same acronym": (3, same("acronym")),
        "sponsors alike": (1.5, sponsor >= 85 and not told_apart),
        "sponsors unlike": (-0.75, named and sponsor < 45),
        "started within a month": (1.5, bool(one["month"] and other["month"]) and starts <= 31),
        "started on the same day": (1, starts == 0 and known("start_date", 10)),
        "registered within a month": (1.25, starts is None and registrations is not None and registrations <= 31),
        "more than a year apart": (-1.5, apart is not None and apart > 366),
        "same enrolment": (1, None not in sizes and sizes[0] == sizes[1]),
        "enrolments differ by more than a factor of two": (-1, None not in sizes and max(sizes) > 2 * min(sizes)),
        "conditions alike": (1, conditions >= 80 and not one["common"] and not other["common"]),
        "conditions unlike": (-0.5, stated and conditions < 45),
        "in one registry": (-3, same("registry") and "page" not in (one["trn_kind"], other["trn_kind"])),
    }
    points = min(max((title - 50) / 10, 0), 5) + sum(weight for weight, holds in told.values() if holds)
    good = [name for name, (weight, holds) in told.items() if holds and weight > 0]
    bad = [name for name, (weight, holds) in told.items() if holds and weight < 0]
    words = "; ".join([f"titles {title:.0f} of 100 alike", *good]) + (f"; against: {', '.join(bad)}" if bad else "")
    return one["trn"], other["trn"], points, title, sponsor if named else None, days("start_date"), words


TITLES = [
    None,
    "Exosomes of cord-cells in deep burns",
    "In deep burns: exosomes of cord ＣＥＬＬＳ",
    "Exosomes of cord cells in burns of the knee_2, a pilot trial",
    "Élan β",
    "Vesicles of the cord in burns",
    "Vesicles and a pilot trial: knee, élan",
    "ab",
]
FACTS = {
    "registry": ["ClinicalTrials.gov", "ChiCTR", "DRKS"],
    "trn_kind": ["number", "number", "page"],
    "brief_title": TITLES,
    "official_title": TITLES,
    "acronym": [None, None, "EXO", "EXOB", "exo-b 2"],
    "sponsor": [
        None,
        "Company of Seoul",
        "General hospital of Tehran",
        "Tehran general hospital",
        "Tehran general",
        "First general hospital of Tehran",
        "Third general hospital of Tehran",
    ],
    "conditions": [None, "Deep burns of skin", "deep burns: skin", "Stroke"],
    "start_date": [None, "2023-01", "2023-01-20", "2023", "2021-06-01"],
    "registered_text": [None, "2023-01-02", "2020-01-02"],
    "enrolment": [None, 0, 30, 30, 61],
}
ROWS = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in FACTS.items()})


@settings(max_examples=30, deadline=None)
@given(st.lists(ROWS, max_size=14))
def test_the_fast_way_proposes_what_the_plain_way_does(rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicate_scores, "_BLOCK", 5)
        patch.setattr(duplicate_scores, "_RAREST", 2)
        patch.setattr(duplicate_scores, "_COMMON", 2)
        patch.setattr(duplicate_scores, "_AT_ONCE", 40)
        found = duplicate_scores.proposals(small(*rows))
        expected = plainly(small(*rows))
    found = found.astype("object").where(found.notna(), None).sort_values(["trn", "other_trn"])
    found = list(found.itertuples(index=False, name=None))
    assert len(found) == len(expected)
    for row, plain in zip(found, expected):
        assert row == pytest.approx(plain, abs=0.0501)  # rounded to one decimal place
