"""What a chapter's cell does by hand, in pandas and numpy alone, is what the package gives for the same tables."""

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from conftest import RAW, ROOT
from IPython.display import Markdown
from statsmodels.stats.proportion import confint_proportions_2indep

from evlib.audit import claims, compare
from evlib.base import figure, query, tables
from evlib.base.schema import read_csv, read_table
from evlib.describe import coded_fields
from evlib.doses import dose_verdicts, dose_windows, evidence, specifications, stated_doses
from evlib.screen import deduplication, screening

CELLS = {
    cell["id"]: cell.source
    for path in (ROOT / "notebooks").glob("*.ipynb")
    for cell in nbformat.read(path, as_version=4).cells
    if cell.cell_type == "code"
}


def made_by(cell, **given):
    """What a cell of a chapter makes of some tables, by the names in it."""
    space = {
        "pd": pd,
        "np": np,
        "sns": sns,
        "plt": plt,
        "tables": tables,
        "figure": figure,
        "Markdown": Markdown,
        **given,
    }
    exec(CELLS[cell], space)
    return space


@pytest.fixture(scope="module")
def results(run_of):
    return run_of("2024-02-17")


@pytest.fixture(scope="module")
def records(results):
    return read_table(results / "records.csv", "records")


@pytest.fixture(scope="module")
def decisions(results):
    return read_table(results / "decisions.csv", "decisions")


@pytest.fixture(scope="module")
def duplicates(results):
    return read_table(results / "duplicates.csv", "duplicates")


@pytest.fixture(scope="module")
def known(results, records):
    stated, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(records.trn))
    return evidence.evidence_tables(RAW, records, stated, read_table(results / "described.csv", "described"))


def test_the_search_by_three_expressions(results, review):
    everything = read_table(results / "places.csv", "records", without=["place", "place_reason"])
    made = made_by("ingest-14b", everything=everything)
    assert made["strict"].tolist() == query.matches(everything, review["query"]).tolist()
    assert made["either"].tolist() == query.matches(everything, review["other_queries"]["former"]["text"]).tolist()
    assert 0 < made["strict"].sum() < made["either"].sum() < len(everything)


def test_duplicates_by_number(records, review):
    linked = made_by("screen-06b", records=records)["linked"]
    by_number = deduplication.duplicates(records, pd.DataFrame(columns=["trn", "duplicate_of"]), protocol=review)
    assert len(by_number)
    assert {*map(frozenset, zip(linked.trn, linked.other))} == {*map(frozenset, zip(by_number.trn, by_number.kept_trn))}


def test_kappa_of_two_readers(decisions):
    made = made_by("screen-21b", decisions=decisions)
    assert made["kappa"] == pytest.approx(screening.agreement(decisions)["kappa"])


def test_rules_against_readings(results, decisions, duplicates, review):
    outcomes = read_table(results / "screened.csv", "screened")
    made = made_by("screen-37b", decisions=decisions, outcomes=outcomes)
    _, pairs, _ = screening.readers_decisions(RAW, known=set(outcomes.trn), protocol=review)
    apart = {*duplicates.trn, *pairs.trn}  # as in the chapter
    measures, _ = screening.rule_performance(decisions, without=apart, protocol=review)
    assert [made["precision"], made["recall"]] == pytest.approx(measures.value.tolist())
    assert 0 < made["precision"] < 1


def test_a_flow_that_adds_up_and_one_that_does_not(results, review):
    outcomes = read_table(results / "screened.csv", "screened")
    flow = read_table(results / "flow.csv", "flow").set_index("step").n
    assert made_by("screen-26b", outcomes=outcomes)["total"] == flow["identified_total"] == len(outcomes)
    said = claims.read_claims(RAW / "paper/claims.yml", protocol=review)
    made = made_by("screen-34", beside=claims.flow_beside_paper(said, flow.reset_index().assign(label="")))
    ledger = read_csv(results / "audit.csv").set_index("id")
    assert str(made["left"]) == ledger.ours["flow-steps-add-up"]
    assert made["ours"].pending > 0 and made["we_leave"] == made["ours"].assessed
    assert ledger.verdict["flow-steps-add-up"] == "inconsistent" and made["left"] != made["theirs"].assessed


def test_coding_by_a_dictionary_of_phrases(records, review):
    made = made_by("describe-04c", records=records)
    rules = coded_fields.rule_coding(records, protocol=review).set_index("trn").design
    assert made["coded"].to_dict() == rules[made["coded"].index].to_dict()
    assert made["coded"].nunique() > 2


def test_the_share_of_the_readings_of_one_concentration(known):
    settings = evidence.dials()
    setting = dose_windows.setting_of(known, settings)
    factors = evidence.dial_factors(known["conversions"], known["stated"], settings)
    tested = dose_windows.every_tested(known, settings)
    made = made_by("dose-18a3", tested=tested, factors=factors)
    assert set(made["read"].per_ml) == set(factors.low[factors["product"] == "ExoFlo"])
    assert made["below"].mean() == pytest.approx(setting.shares["any"])
    assert made["below"].nunique() == 2


def test_one_dial_at_a_time(known):
    cross = specifications.full_cross(known, evidence.dials())
    by_hand = made_by("dose-19l2", cross=cross)["one_turned"]
    dials = [name for name in evidence.DIALS if name in cross]
    for dial in dials:
        by_package = dose_verdicts.turned_alone(cross, dial)
        assert set(by_hand.index[by_hand.dial == dial]) == set(by_package.index[~by_package.as_set])
    assert by_hand.dial.nunique() == len(dials)


def test_printed_percentages(results):
    ledger = read_csv(results / "audit.csv")
    checked = made_by("audit-07b", ledger=ledger)["checked"]
    own = ledger.loc[checked.index]
    assert checked.fits.map({True: "consistent", False: "inconsistent"}).tolist() == own.verdict.tolist()
    assert checked.recomputed.tolist() == own.ours.astype(float).tolist()
    assert checked.fits.nunique() == 2


def test_what_changed_between_two_dates(run_of, results):
    before, after = compare.search_of(run_of("2020-12-31")), compare.search_of(results)
    moved = made_by("update-06b", screened_before=before.screened, screened=after.screened)["moved"]
    n = compare.accounts(before, after, compare.trial_changes(before, after))
    assert (moved.loc["included"].sum(), moved["included"].sum()) == (n["before"], n["after"])
    assert moved["included"].sum() - moved.loc["included", "included"] == n["new"] > 0
    assert moved.loc["included"].sum() - moved.loc["included", "included"] == n["removed"]


def test_risk_ratios_with_the_usual_interval(results):
    compared = read_table(results / "compared_outcomes.csv", "compared_outcomes")
    made = made_by("cert-13b", compared=compared)
    assert made["ratio"].tolist() == pytest.approx(made["counted"].estimate.tolist())
    for i, row in made["counted"].astype({"events": int, "versus_events": int}).iterrows():
        counts = (row.events, row.arm_n, row.versus_events, row.versus_n)
        usual = confint_proportions_2indep(*map(int, counts), compare="ratio", method="log", correction=False)
        assert made["wald"].loc[i].tolist() == pytest.approx(usual, rel=1e-3)


def test_the_bound_where_no_event_was_seen(results, tmp_path):
    beside = read_table(results / "harms_beside_controls.csv", "harms_beside_controls")
    made = made_by("cert-31", beside=beside, out=tmp_path)
    none = made["counted"].n_events == 0
    assert made["bound_of_none"][none].tolist() == pytest.approx(made["counted"].upper_if_none[none].tolist())
    assert none.any()


def test_the_levels_of_a_certainty(results):
    findings = read_table(results / "summary_of_findings.csv", "summary_of_findings")
    assert made_by("cert-15", findings=findings)["by_hand"]["all reasons"].tolist() == findings.certainty.tolist()
