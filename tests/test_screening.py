"""Screening: rules propose, people decide, nobody's decision is pending, and the flow adds up."""

import pandas as pd
import pytest
from conftest import RAW, ROOT, put, records_of
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets import HTML

from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol
from evlib.base.schema import checked, columns, read_csv, write_csv, write_table
from evlib.book import layout
from evlib.screen import exchange, imports, judging, prisma_csv, prisma_figures, prisma_flow, screening
from evlib.screen.deduplication import duplicates
from evlib.screen.eligibility import rule_decisions
from evlib.screen.screening_view import screening_view

HEAD = "trn,reviewer,stage,decision,criterion,duplicate_of,reason\n"


def record(**facts):
    return records_of([{"trn": "NCT00000001", **facts}], columns("records"))


def decisions_in(folder, text, review, *, known):
    """The decisions in a review without rounds, whose one file has this text."""
    put(folder, "curation/screening.csv", text)
    protocol = {name: value for name, value in review.items() if name != "screening_rounds"}
    return screening.readers_decisions(folder, known=known, protocol=protocol)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("NCT00000009,R3,title,exclude,E4,,x", "no such record"),
        ("NCT00000001,R9,title,exclude,E4,,x", "unknown reviewer"),
        ("NCT00000001,R3,title,perhaps,,,x", "unknown decision"),
        ("NCT00000001,R3,title,exclude,,,x", "needs a criterion"),
        ("NCT00000001,R3,title,exclude,I1,,x", "needs a criterion"),
    ],
)
def test_a_bad_decision_is_set_aside_and_the_good_ones_stay(tmp_path, review, row, said):
    text = f"{HEAD}NCT00000002,R3,eligibility,include,,,ok\n{row}\n"
    decisions, _, rejects = decisions_in(tmp_path, text, review, known={"NCT00000001", "NCT00000002"})
    assert decisions.trn.tolist() == ["NCT00000002"]
    assert rejects.line.tolist() == [3]
    assert said in rejects.reason[0]


def test_a_second_decision_of_the_same_reader_is_set_aside(tmp_path, review):
    text = HEAD + "NCT00000001,R3,title,exclude,E4,,a\nNCT00000001,R3,eligibility,include,,,b\n"
    decisions, _, rejects = decisions_in(tmp_path, text, review, known={"NCT00000001"})
    assert decisions.decision.tolist() == ["exclude"]
    assert rejects.line.tolist() == [3]


def test_a_file_without_a_column_names_it(tmp_path, review):
    with pytest.raises(InputError, match="'reviewer' is missing"):
        decisions_in(tmp_path, "trn,decision\nNCT00000001,include\n", review, known={"NCT00000001"})


def test_what_a_later_round_says_of_a_record_replaces_what_an_earlier_one_says(tmp_path, review):
    put(
        tmp_path,
        "one.csv",
        f"{HEAD}NCT00000001,R1,title,exclude,E4,,a\nNCT00000001,R3,title,exclude,E4,,a\nNCT00000002,R3,title,exclude,E4,,a\n",
    )
    put(tmp_path, "two.csv", f"{HEAD}NCT00000001,R3,eligibility,include,,,b\nNCT00000001,R4,eligibility,unclear,,,c\n")
    rounds = {name: {"file": f"{name}.csv", "snapshot": "2026-11-28"} for name in ("one", "two")}
    decisions, _, _ = screening.readers_decisions(
        tmp_path, known={"NCT00000001", "NCT00000002"}, protocol=review | {"screening_rounds": rounds}
    )
    assert set(zip(decisions.trn, decisions.reviewer, decisions["round"])) == {
        ("NCT00000001", "adjudicated", "two"), ("NCT00000001", "R4", "two"), ("NCT00000002", "adjudicated", "one")
    }  # fmt: skip
    settled = screening.settled(decisions, protocol=review)
    assert settled.decision.to_dict() == {"NCT00000001": "include", "NCT00000002": "exclude"}, "R4 decides nothing"


def outcome_of(review, said: str, duplicate_of: str = ""):
    decisions = pd.DataFrame(
        [{"trn": "NCT00000001", "stage": "eligibility", "reviewer": "adjudicated", "read_by": "machine", "decision": said.split()[0],
          "criterion": [*said.split(), None][1], "reason": "r"}] if said else []
    )  # fmt: skip
    records = record(brief_title="MSC exosomes")
    rules = rule_decisions(records, protocol=review)
    pairs = pd.DataFrame({"trn": ["NCT00000001"], "duplicate_of": [duplicate_of]}) if duplicate_of else None
    repeats = duplicates(
        records, pairs if pairs is not None else pd.DataFrame({"trn": [], "duplicate_of": []}), protocol=review
    )
    return screening.screened(records, repeats, pd.concat([decisions, rules]), protocol=review).iloc[0]


def test_a_person_wins_and_silence_is_pending(review):
    assert outcome_of(review, "exclude E4").outcome == "excluded at eligibility"
    assert outcome_of(review, "include").outcome == "included"
    assert outcome_of(review, "unclear").outcome == "unclear"
    silent = outcome_of(review, "")
    assert (silent.outcome, silent.proposal) == ("pending", "include")


def test_a_duplicate_of_a_record_outside_the_search_is_pending(review):
    orphan = outcome_of(review, "exclude E1", duplicate_of="NCT99999999")
    assert orphan.outcome == "pending"
    assert "outside this search" in orphan.reason


outcomes = st.lists(
    st.sampled_from(
        [("duplicate", "E1"), ("pending", None), ("excluded at title", "E4"), ("unclear", None), ("included", None)]
        + [("excluded at eligibility", code) for code in ("E2", "E3", "E4", "E5")]
    ),
    max_size=60,
)


@given(outcomes)
def test_the_flow_adds_up(review, drawn):
    rows = [
        {"trn": f"NCT{i:08d}", "registry": "ClinicalTrials.gov", "outcome": o, "criterion": c}
        for i, (o, c) in enumerate(drawn)
    ]
    table = checked(pd.DataFrame(rows, columns=columns("screened")), "screened")
    n = prisma_flow.flow_of(table, protocol=review).groupby("step").n.sum()
    assert n.get("identified", 0) == n.identified_total == len(drawn)
    assert n.identified_total == n.duplicates + n.pending + n.screened
    assert n.screened == n.excluded_title + n.assessed
    assert n.assessed == n[[s for s in n.index if s.startswith("excluded_E")]].sum() + n.unclear + n.included


def test_kappa_is_that_of_a_worked_example():
    """The textbook table 20, 5, 10, 15 has kappa 0.4 (observed 0.7, expected 0.5)."""
    pairs = [("include", "include")] * 20 + [("include", "exclude")] * 5
    pairs += [("exclude", "include")] * 10 + [("exclude", "exclude")] * 15
    rows = [{"trn": str(i), "reviewer": r, "decision": d} for i, p in enumerate(pairs) for r, d in zip(("R1", "R2"), p)]
    result = screening.agreement(pd.DataFrame(rows))
    assert result["kappa"] == pytest.approx(0.4)
    assert result["low"] < 0.4 < result["high"]
    assert (result["n"], result["agreed"]) == (50, 35)


def test_kappa_without_any_variation_is_not_a_number():
    rows = [{"trn": "1", "reviewer": r, "decision": "exclude"} for r in ("R1", "R2")]
    assert pd.isna(screening.agreement(pd.DataFrame(rows))["kappa"])


def test_the_fourth_reader_is_measured_and_decides_nothing(shipped, review):
    """Against the shipped file of the second round, counted here by itself."""
    known = set(shipped.trn)
    decisions, _, rejects = screening.readers_decisions(RAW, known=known, protocol=review)
    assert rejects.empty
    rows = read_csv(RAW / review["screening_rounds"]["second"]["file"])
    said = rows.pivot(index="trn", columns="reviewer", values="decision")
    table = screening.agreement_of_readers(decisions).set_index(["round", "reviewer", "other"])
    assert list(table.index) == [
        ("first", "R1", "R2"), ("second", "R1", "R2"), ("second", "R4", "R1"), ("second", "R4", "R2"), ("second", "R4", "adjudicated")
    ]  # fmt: skip
    for other, column in (("R1", "R1"), ("R2", "R2"), ("adjudicated", "R3")):
        both = said.dropna(subset=["R4", column])
        row = table.loc[("second", "R4", other)]
        assert (row.n, row.agreed) == (len(both), (both[column] == both.R4).sum())
        assert row.low < row.kappa < row.high
    settled = table.loc[("second", "R4", "adjudicated")]
    assert (settled.n, settled.agreed) == (97, 93)

    differ = screening.disagreements(decisions).set_index("trn")
    alone = differ[(differ.adjudicated != differ.R4) & differ.R4.notna()]
    assert set(alone.index) == {"NCT06492798", "NCT06543667", "NCT06605508", "NCT07145502"}
    reasons = rows.set_index(["trn", "reviewer"]).reason
    for trn, row in alone.iterrows():
        reader = "R3" if row.R1 != row.R2 else "R4"  # who tells what was weighed
        assert (row["round"], row.reason) == ("second", reasons[trn, reader])
    two = said[said.R1.notna() & said.R2.notna() & (said.R1 != said.R2)]
    assert set(differ.index[differ["round"] == "second"]) == set(two.index) | set(alone.index)
    without = decisions[decisions.reviewer != "R4"]
    assert screening.settled(without, protocol=review).equals(screening.settled(decisions, protocol=review))
    assert "R4" not in screening.disagreements(without)


def test_a_criterion_with_phrases_takes_one_line_of_the_protocol(shipped, tmp_path):
    """The criterion proposes, a person excludes by it, and every place that lists criteria has it."""
    records = shipped
    text = (ROOT / "protocol.yml").read_text(encoding="utf-8")
    line = "  E10: {kind: exclude, step: eligibility, text: For looks alone, phrases: [wrinkle*, skin rejuvenation, alopecia]}"
    put(tmp_path, "protocol.yml", text.replace("\n  E5:", f"\n{line}\n  E5:"))
    protocol = load_protocol(tmp_path / "protocol.yml")
    readings, pairs, _ = screening.readers_decisions(RAW, known=set(records.trn), protocol=protocol)
    readings = readings[readings["round"] == "first"]  # as if nobody had judged the later records
    repeats = duplicates(records, pairs, protocol=protocol)
    decisions = pd.concat([readings, rule_decisions(records, protocol=protocol)])
    outcomes = screening.screened(records, repeats, decisions, protocol=protocol)
    queue = screening.to_screen(outcomes, records, decisions, protocol=protocol)
    write_table(queue, tmp_path / "to_screen.csv", "to_screen")

    proposed = queue[queue.proposed_criterion == "E10"]
    assert set(proposed.proposal) == {"exclude"}
    assert proposed.proposed_reason.str.contains("'(?:wrinkle|skin rejuvenation|alopecia)", case=False).all()
    page = layout._queue_words(tmp_path, protocol)
    assert "exclude (E10)" in page["queue"] and "For looks alone" in page["exclusion_codes"]
    view = screening_view(proposed, reviewer="Ana", folder=tmp_path / "s", protocol=protocol)
    assert "E10 For looks alone" in "".join(part.value for part in view.children if isinstance(part, HTML))
    assert prisma_flow.flow_of(outcomes, protocol=protocol).set_index("step").n["excluded_E10"] == 0

    exchange.export(exchange.references(proposed), tmp_path / "sent.csv", to="asreview")
    read_csv(tmp_path / "sent.csv").assign(tags="E10", asreview_label="0").to_csv(tmp_path / "back.csv", index=False)
    back, *_ = imports.imported(tmp_path / "back.csv", known=set(queue.trn), protocol=protocol, reviewer="Ana")
    judging.save_decisions(tmp_path / "s", back, reviewer="Ana", protocol=protocol)
    people, _ = judging.own_decisions(tmp_path / "s", known=set(queue.trn), protocol=protocol)
    decisions = pd.concat([decisions, people])
    outcomes = screening.screened(records, repeats, decisions, protocol=protocol)
    flow = prisma_flow.flow_of(outcomes, protocol=protocol)
    assert flow.set_index("step").n["excluded_E10"] == len(proposed) > 0
    assert "(E10) For looks alone" in prisma_figures.flow_figure(flow).alt
    write_csv(prisma_csv.to_prisma2020(flow), tmp_path / "prisma2020.csv")
    assert prisma_csv.from_prisma2020(tmp_path / "prisma2020.csv", protocol).equals(flow)
