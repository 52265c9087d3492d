"""What is inferred: one list of what the tables and the files of decisions call so, and nothing that a person decided."""

import shutil

import pandas as pd
import pytest
from conftest import RAW

from evlib.base.schema import read_csv
from evlib.book.inferred import COLUMNS, KINDS, inferred, inferred_to_browse, kinds_in_words


@pytest.fixture(scope="module")
def results(run_of):
    return run_of("2024-02-17")


def _worked_out(path):
    return read_csv(path).query("basis in ['derived', 'assumed']")


def test_each_kind_has_the_rows_that_its_file_calls_so(results):
    rows = inferred(results, RAW)
    assert tuple(rows) == COLUMNS and rows.notna().all(axis=None) and set(rows.kind) <= set(KINDS)
    counts = rows.kind.value_counts()
    described = read_csv(results / "described.csv").query("screening == 'included'")
    assert counts["country"] == (described.country_basis == "sponsor").sum()
    assert counts["day of registration"] == (described.registered_basis != "observed").sum()
    assert counts["particles of a dose"] == len(_worked_out(results / "doses_in_particles.csv"))
    assert counts["particles of a report's dose"] == len(_worked_out(results / "tested_doses.csv"))
    assert rows[rows.kind == "particles of a dose"].basis.str.startswith("derived").any()
    assert counts["cell of a report decided anew"] == len(read_csv(RAW / "curation/corrections.csv"))
    possible = read_csv(RAW / "curation/possible_reports.csv").query("link == 'possible'")
    included = possible[possible.trn.isin(described.trn)]
    assert set(rows.trial_or_report[rows.kind == "report that may be of a trial"]) == set(included.trn) != set()
    assert f"| {counts['country']} |" in kinds_in_words(rows)


def test_what_a_person_decided_is_not_inferred_and_text_of_sources_stays_text(results, tmp_path):
    raw = shutil.copytree(RAW / "curation", tmp_path / "curation")
    decisions = read_csv(raw / "dose_decisions.csv")
    (raw / "dose_decisions.csv").chmod(0o644)
    decisions.assign(decided_by="Ana").to_csv(raw / "dose_decisions.csv", index=False)
    kinds = {"how a dose is to be read", "dose told by a review alone"}
    assert kinds <= set(inferred(results, RAW).kind) and not kinds & set(inferred(results, tmp_path).kind)
    row = pd.DataFrame([dict.fromkeys(COLUMNS, "<script>alert(1)</script>")])
    table = inferred_to_browse(row, {})
    assert "<td><script>" not in table and table.count("<script>") == 1  # the one that filters


def test_a_review_without_reports_and_doses_has_the_list_as_well(tmp_path):
    assert inferred(tmp_path, tmp_path).empty
