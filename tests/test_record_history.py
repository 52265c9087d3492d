"""The path of a record: every step is told, and leads to the places of the book that show it."""

import html
import json
import re
import shutil

import pytest
from conftest import RAW, export, put

from evlib.base.errors import InputError
from evlib.base.rawdata import OWN_DECISIONS
from evlib.base.schema import read_csv, read_table
from evlib.base.tables import anchor
from evlib.book.record_history import held_in, older_values, story_as_text, trace, traced_tables
from evlib.book.trials import trial_reports
from evlib.book.trials.trial_pages import trial_page
from evlib.certainty.product_reporting import ITEMS
from evlib.doses.reports import DOMAINS

DATE = "2024-02-17"


@pytest.fixture(scope="module")
def results(run_of):
    return run_of(DATE)


@pytest.fixture(scope="module")
def traced(results, review):
    held = traced_tables(results, raw_dir=RAW)
    return lambda trn: trace(trn, held, run=DATE, protocol=review)


def test_an_included_trial_is_told_from_its_sources_to_the_book(traced):
    story = traced("nct 04276987")
    assert story["place"] == "in"
    assert story["outcome"]["outcome"] == "included"
    assert {row["reviewer"] for row in story["decisions"]} == {"R1", "R2", "adjudicated", "rule"}
    route = next(row for row in story["coding"] if row["field"] == "route")
    assert (route["value"], route["coded_by"], route["found_in"]) == ("Nebulised", "machine-read", "route_text")
    assert route["words"].casefold() in story["record"]["route_text"].casefold()
    assert story["doses"]
    assert story["results"]
    pages = {page["page"] for page in story["book"]}
    assert pages == {
        f"02_screen.html#{anchor('included')}",
        "03_describe.html",
        "04_dose_effect.html",
        "07_certainty.html",
    }
    text = story_as_text(story)
    for step in range(1, 8):
        assert f"\n{step}. " in text
    assert json.loads(json.dumps(story)) == story


def test_each_step_names_the_lines_of_raw_data_that_it_was_read_from(traced, review):
    story = traced("NCT04276987")
    held = held_in(story, RAW, snapshot="2026-11-22", protocol=review)

    def lines(name: str, words: str) -> list[int]:
        text = (RAW / name).read_text(encoding="utf-8")
        return [number for number, line in enumerate(text.splitlines(), start=1) if words in line]

    name = "registries/2026-11-22/records.jsonl"
    (line,) = lines(name, '"trial_id": "NCT04276987"')
    assert f"{name}, line {line}" in held["record"] and len(held["record"]) == 3
    (line,) = lines("curation/doses.csv", "NCT04276987,")
    assert f"curation/doses.csv, line {line}" in held["doses"]
    judged = lines("curation/screening.csv", "NCT04276987,")
    assert held["decisions"] == [f"curation/screening.csv, lines {judged[0]} to {judged[-1]}"] and len(judged) == 3
    told = story_as_text(story | {"held_in": held})
    assert all(place in told for places in held.values() for place in places)


def test_a_record_of_an_export_is_traced_to_its_file_and_line_and_a_decision_to_the_persons_file(tmp_path, review):
    rest = ("ClinicalTrials.gov", "", "", "2020-01-27")
    twice = export(("NCT00000001", "One\nof two lines", *rest), ("NCT00000002", "Two", *rest))
    put(tmp_path, "exports/2026-01-31/mine.csv", twice)
    put(tmp_path, "curation/screening/anna.csv", "trn;decision\nNCT00000001;include\nNCT00000002;include\n")
    held = held_in({"trn": "NCT00000002"}, tmp_path, snapshot="2026-11-28", protocol=review)
    assert held == {
        "record": ["exports/2026-01-31/mine.csv, row 3"],
        "decisions": ["curation/screening/anna.csv, line 3"],
    }
    assert held_in({"trn": "NCT00000002"}, tmp_path, snapshot="2025-01-01", protocol=review).keys() == {"decisions"}


def test_each_address_is_told_once_and_each_field_by_the_numbers_of_its_sources(traced):
    story = traced("NCT04276987")
    text = story_as_text(story)
    older = older_values(story)
    urls = {url for row in [story["record"], *older.values()] for url in row["source_urls"].split(" | ")}
    assert older and all(text.count(f": {url}\n") == 1 for url in urls)
    number = next(
        line for line in text.split("\n") if line.endswith(f": {story['record']['source_urls'].split(' | ')[0]}")
    )
    assert number.strip().startswith("source 1:")
    assert all(f"copy read on {row['snapshot']}, from source" in text for row in older.values())


def test_a_decision_that_was_set_aside_stands_where_the_decisions_are_told(results, review, tmp_path):
    run, raw = tmp_path / DATE, tmp_path / "raw"
    shutil.copytree(results, run)
    shutil.copytree(RAW / "curation", raw / "curation")
    put(raw, f"{OWN_DECISIONS}/ana.csv", "trn,decision,criterion\nNCT04276987,exclude,E9\n")
    reasons = {"ana.csv": "unknown criterion", "doses.csv": "unknown unit"}
    rows = "".join(f"{file},2,NCT04276987,{reason}\n" for file, reason in reasons.items())
    put(run, "rejects.csv", f"file,line,trn,reason\n{rows}")
    text = story_as_text(trace("NCT04276987", traced_tables(run, raw_dir=raw), run=DATE, protocol=review))
    came, _, rest = text.partition("Other records of the same trial")
    judged = rest.partition("Who judged it")[2].partition("What became of it")[0]
    assert "SET ASIDE, ana.csv, line 2: unknown criterion" in judged and "doses.csv" not in judged
    assert "SET ASIDE, doses.csv, line 2: unknown unit" in came and "ana.csv" not in came


def test_what_was_stated_and_not_understood_stands_with_the_record_and_on_its_page(results, tmp_path, review):
    run = tmp_path / DATE
    shutil.copytree(results, run)
    put(run, "remarks.csv", "file,line,trn,field,text,reason\ne.csv,7,NCT04276987,enrolment,<b>about 30,no count\n")
    story = trace("NCT04276987", traced_tables(run, raw_dir=RAW), run=DATE, protocol=review)
    assert "e.csv, line 7: enrolment '<b>about 30' (no count)" in story_as_text(story)
    page = trial_page(story, None)
    assert "&lt;b&gt;about 30" in page and "<b>about" not in page
    assert "not understood" not in trial_page(story | {"not_understood": []}, None)


def test_the_page_of_a_trial_dates_what_only_an_older_copy_says_and_says_who_read(traced, results):
    versions = read_csv(results / "versions.csv")
    records = read_table(results / "records.csv", "records").set_index("trn")
    shown = versions[(versions.shown == "True") & versions.trn.isin(records.index)]
    older = shown[shown.snapshot < shown.trn.map(records.snapshot)]
    addresses = records.source_urls.str.split(" | ", regex=False).map(set)
    row = next(
        row
        for row in older[older.field == "enrolment"].itertuples()
        if addresses[row.trn].isdisjoint(row.source_urls.split(" | "))
    )
    page = trial_page(traced(row.trn), None)
    assert f"<td>{row.value} (copy read on {row.snapshot})</td>" in page
    assert f"enrolment, read on {row.snapshot}" in page  # beside its address, below "Sources"
    assert f"<td>{records.snapshot[row.trn]}</td>" in page
    newest = records.index[~records.index.isin(older.trn)][0]
    assert "(copy read on " not in trial_page(traced(newest), None)
    trials = read_table(results / "trials.csv", "trials")
    pages = {trn: trial_page(traced(trn), None) for trn in trials.trn}
    assert "<td>machine-read</td>" in pages["NCT04276987"]
    assert not [trn for trn, text in pages.items() if re.search(r"\bhand(?:-| )cod|\bby hand\b", text, re.IGNORECASE)]
    for trn, page in pages.items():
        assert ("## Results" in page) == ("Risk of bias (" in page) == bool(traced(trn)["reports"]), trn


def test_the_page_of_a_trial_begins_with_what_decides_and_tells_all_that_is_on_file(traced):
    story = traced("NCT04366063")  # its report names the number that was merged into it
    [report] = story["reports"]
    page = trial_page(story, None)
    answer = page[page.index('class="answer"') : page.index("## Results")]
    assert html.escape(report["evidence_note"]) in answer and "Zarrabi 2023 (article): randomised, 43 people" in answer
    assert answer.index("Unknown status") < answer.index("1 report is on file")
    assert all(report[name] for name in ("arms", "outcomes", "product", "risk_of_bias"))
    assert not report["harms"] and "no statement is on file, which does not mean" in page
    for arm in report["arms"]:
        assert html.escape(arm.get("dose_as_reported", arm["arm"])) in page
    assert all(html.escape(row["reason"]) in page for row in report["risk_of_bias"])
    assert [row["domain"] for row in report["risk_of_bias"]] == list(DOMAINS["RoB2"])
    assert [row["item"] for row in report["product"]] == list(ITEMS)
    assert (
        "no significant difference from Control (recommended treatment), by the report; by the estimate, it points to this arm"
        in page
    )
    assert "improved from before to after, which compares with no other arm" in page
    assert page.count("is printed, ") == len(report["odd_statistics"]) > 0
    effects = [effect for row in report["outcomes"] for effect in row["effects"] if effect["basis"] == "counts"]
    assert effects
    for effect in effects:
        assert f"{effect['measure']} {effect['estimate']:.2g} ({effect['low']:.3g} to {effect['high']:.3g})" in page


def test_the_directions_of_all_outcomes_on_file_have_words(traced, results):
    """A direction that the page does not know would stand there as a bare code."""
    outcomes = read_table(results / "outcomes.csv", "outcomes")
    pairs = set(zip(outcomes.comparison.dropna(), outcomes.direction[outcomes.comparison.notna()], strict=True))
    assert pairs and pairs <= trial_reports._DIRECTIONS.keys()
    page = trial_page(traced("NCT04276987"), None)
    assert "improved from before to after" in page and "the report has no control arm" in page
    assert "2×10⁸ (stated)" in page


def test_a_page_says_what_is_missing_and_where_readings_differ(traced, results):
    trials = read_table(results / "trials.csv", "trials")
    silent = next(story for story in map(traced, trials.trn) if not story["reports"] and not story["doses"])
    page = trial_page(silent, None)
    assert "No result is on file." in page and "## Results" not in page and "## Doses" not in page
    story = silent | {"coding": [row | {"read_as": "R1 a; R2 b"} for row in silent["coding"][:2]]}
    first, second = (row["field"].replace("_", " ") for row in story["coding"])
    said = trial_page(story, None)
    assert f"agree on 0 of 2. They differ on {first} (R1 a; R2 b) and {second}" in said
    assert "Doses" not in trial_page(silent | {"doses": [{"unit_kind": "mg"}]}, None, without=["doses", "results"])


def test_a_note_stands_with_the_day_of_its_copy_and_a_report_that_may_be_of_the_trial_is_no_result(traced):
    story = traced("NCT05354141")  # its newest copy has no note
    day = older_values(story)["note"]["snapshot"]
    assert day < story["record"]["snapshot"]
    assert f"(of the copy read on {day}; other copies may tell more)" in trial_page(story, None)
    page = trial_page(traced("NCT05514639"), None)
    answer, named = page[page.index('class="answer"') : page.index("The trial in short")].split("</p>")[:2]
    assert "No result is on file." in answer
    assert "Wilson 2024</a> may be of this trial" in named and "no NCT number shown" in named
    assert "arms: vesicles in all (“15ml of ExoFlo" in trial_page(traced("NCT05130983"), None)


def test_a_page_says_where_the_record_contradicts_a_code_and_whose_each_code_is(traced):
    story = traced("NCT05413148")
    said = r"Other \(machine-read; the record of \d{4}-\d\d-\d\d says subtenon\)"
    assert re.search(said, trial_page(story, None)), trial_page(story, None)
    assert "the record says subtenon" in story_as_text(story)
    page = trial_page(traced("NCT03857841"), None)
    assert "Phase 1; Sequential" in page and "its trial&#x27;s record: Quadruple" in page
    doses = re.search(r'scope="row">Dose</th><td>(.*?)</td>', page)[1]
    assert [amount in doses for amount in ("20 pmol", "60 pmol", "200 pmol")] == [True] * 3


def test_a_page_shows_what_a_merged_record_says_and_on_whose_words_a_code_was_decided_anew(traced):
    page = trial_page(traced("NCT04366063"), None)
    assert "rules (design, countries and masking level)" in page and "<td>Iran</td>" in page
    route = re.search(r'scope="row">Route</th><td>(.*?)</td>', page)[1]
    assert route.startswith("not reported (machine reading") and "intravenously plus two doses of EVs" in route
    assert "More than one tissue: umbilical, Placental (rules (IRCT20200217046526N2)); MSCs" in page
    assert "Note on IRCT20200217046526N2: No registry copy found" in page
    tied = re.search(r"Tied to IRCT20200217046526N2: [^.]*", page)[0]
    assert "another source" in tied and "names no registry number" in tied
    assert "<li>MSC then MSC-EV v Control (recommended treatment), mortality vs control: p from counts 0.07" in page


def test_every_record_of_the_sources_can_be_traced(traced, results):
    places = read_csv(results / "places.csv")
    outcomes = read_table(results / "screened.csv", "screened").set_index("trn").outcome
    for row in places.itertuples():
        story = traced(row.trn)
        assert (story["trn"], story["place"]) == (row.trn, row.place)
        assert story["outcome"]["outcome"] == outcomes.get(row.trn, "not in this search")
        text = story_as_text(story)
        assert text.startswith(row.trn)
        steps = [int(line.split(".")[0]) for line in text.split("\n") if re.match(r"\d+\. ", line)]
        assert steps == list(range(1, len(steps) + 1))


def test_a_duplicate_leads_to_the_record_that_is_kept(traced, results):
    pair = read_table(results / "duplicates.csv", "duplicates").iloc[0]
    story = traced(pair.trn)
    assert story["outcome"]["outcome"] == "duplicate"
    assert story["duplicates"][0]["kept_trn"] == pair.kept_trn
    assert pair.kept_trn in story_as_text(story)


def test_a_number_that_no_source_holds_is_an_error_and_one_that_is_named_leads_on(traced, results, tmp_path):
    with pytest.raises(InputError, match="NCT99999999: no such record"):
        traced("NCT99999999")
    places = read_csv(results / "places.csv")
    known = set(places.trn)
    named = next(
        (row.trn, other)
        for row in places.dropna(subset="secondary_trns").itertuples()
        for other in row.secondary_trns.split(" | ")
        if other not in known
    )
    story = traced(named[1])
    assert story["trn"] == named[0]
    assert "secondary number" in story["note"]
    with pytest.raises(InputError, match="holds no run"):
        traced_tables(tmp_path / "2001-01-01", raw_dir=RAW)
