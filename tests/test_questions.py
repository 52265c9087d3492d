"""Question pages: every disease and route with a trial has one, its numbers are those of the tables, and text stays text."""

import html
import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT

from evlib.base.dates import possible_days
from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol
from evlib.base.schema import read_csv, read_table
from evlib.base.words import load_numbers
from evlib.book.look_up.question_pages import downloads, most_asked, question_page, write_answers
from evlib.book.look_up.questions import (
    ALL,
    FIELDS,
    UNKNOWN,
    answer,
    belongs,
    compared_with_another_arm,
    foremost,
    in_short,
    missing,
    none_can_tell,
    of_question,
    page_of,
    question_tables,
    questions,
    rows_of,
    without_route,
)
from evlib.book.page_policy import first_danger
from evlib.book.trials.told_of_trials import possible_reports, told_of_trials
from evlib.book.trials.trial_pages import page_name
from evlib.doses.under_way import OPEN_STATUS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROTOCOL = load_protocol(ROOT / "protocol.yml")
RAW = ROOT / "data/raw"
HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">\n\n`{raw}` |"


@pytest.fixture(scope="module")
def results(run_of):
    return run_of("2024-02-17")


@pytest.fixture(scope="module")
def tables(results):
    return question_tables(results, RAW, protocol=PROTOCOL)


@pytest.fixture(scope="module")
def asked(tables):
    return questions(tables, protocol=PROTOCOL)


@pytest.fixture(scope="module")
def source(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    write_answers(results, RAW, folder, protocol=PROTOCOL)
    return folder


def page(question, tables, protocol=PROTOCOL):
    rows = rows_of(tables)
    own = of_question(rows, question)
    said = answer(own, noun="vesicles")
    files = list(downloads(tables)(question))
    return question_page(question, own, said, rows, protocol=protocol, files=files, edition="As of a day.")


def test_each_included_trial_is_on_the_pages_of_its_disease_and_route_and_on_no_other(results, source):
    described = read_table(results / "described.csv", "described")
    included = described[described.screening == "included"].fillna({field: UNKNOWN for field in FIELDS})
    held = {path.name: set(read_csv(path).trn) for path in (source / "_extra/answers").glob("*-trials.csv")}
    assert len(included) > 50
    for trial in included.itertuples():
        area, route = trial.disease_area, trial.route_group
        its = {page_of(a, r) for a in (area, ALL) for r in (route, ALL)}
        assert {name.removesuffix("-trials.csv") for name, trns in held.items() if trial.trn in trns} == its
        for name in its:
            assert f"trials/{page_name(trial.trn)}.html" in (source / "answers" / f"{name}.md").read_text(
                encoding="utf-8"
            )


def test_what_was_found_is_on_its_page_as_in_the_table_with_certainty_reasons_and_caveats(results, source):
    findings = read_table(results / "summary_of_findings.csv", "summary_of_findings")
    areas = read_table(results / "compared_outcomes.csv", "compared_outcomes").drop_duplicates("disease_group")
    area_of = dict(zip(areas.disease_group, areas.disease_area, strict=True))
    assert len(findings) > 20
    for row in findings.itertuples():
        route = UNKNOWN if pd.isna(row.route_group) else row.route_group
        text = (source / "answers" / f"{page_of(area_of[row.disease_group], route)}.md").read_text(encoding="utf-8")
        people = "–" if pd.isna(row.n_people) else row.n_people
        cells = f"{html.escape(row.found)}</td>"
        assert cells in text
        assert f">{people}</td>" in text.split(cells)[1]
        for words in (f"<strong>{row.certainty}</strong>: {row.because}", *row.caveats.split("  ")):
            assert " ".join(words.split()) in html.unescape(text)


def test_a_page_says_plainly_that_nothing_is_compared_where_nothing_is(tables, asked):
    rows, silent = rows_of(tables), 0
    for question in asked.to_dict("records"):
        own = of_question(rows, question)
        effect = answer(own, noun="vesicles")["effect"]
        comparing = [row for row in own["compared"] if row["msc_derived"] and row["comparator"] != "another dose"]
        assert effect.startswith("No report compares") == (not comparing)
        if comparing:
            n = len({row["study_id"] for row in comparing})
            of_mscs = sum(bool(row["msc_derived"]) for row in own["reports"])
            assert re.search(rf"\b{n} of {of_mscs} reports? on vesicles of MSCs\b", effect)
            others = question["n_reports"] - of_mscs
            assert (f" {others} more report" in effect) == (others > 0)
        silent += not comparing
    assert 0 < silent < len(asked)


def test_an_effect_of_vesicles_of_other_cells_is_never_the_answer(tables, asked):
    nebulised = asked[asked.page == "respiratory-nebulised"].iloc[0].to_dict()
    rows = of_question(rows_of(tables), nebulised)
    others = [row for row in rows["compared"] if not row["msc_derived"]]
    assert others  # else nothing is tested
    assert not {row["study_id"] for row in others} & {row["study_id"] for row in answer(rows, noun="vesicles")["first"]}
    rows["compared"] = others
    said = answer(rows, noun="vesicles")
    assert said["effect"].startswith("No report compares") and others[0]["study"] in said["effect"]


def test_trials_that_compare_doses_and_can_still_report_stand_first_under_way(tables, asked):
    everything = asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict()
    text = page(everything, tables).split("## What is under way")[1].split("other trial")[0]
    numbers = re.findall(r"trials/([\w-]+)\.html", text)
    of = {page_name(row.trn): (row.late, pd.isna(row.compares_doses)) for row in tables["trials"].itertuples()}
    flags = [of[number] for number in numbers]
    assert flags == sorted(flags) and {(False, True), (True, False), (True, True)} <= set(flags)
    row = next(row for row in text.split("<tr>") if "/NCT04798716.html" in row)
    # Its record, read later on, still says that it is to begin.
    assert "2021-12-01 (passed)" in row and ">2022-03-11 (2026-11-22)<" in row


def test_an_end_is_past_by_the_day_to_which_records_were_read_which_each_page_says_with_the_search_date(
    results, tables, source
):
    said = load_numbers(results)
    searched, read_to = (said[name] for name in ("search_date", "snapshot"))
    trials = tables["trials"]
    ends = trials.trn.map(read_table(results / "records.csv", "records").set_index("trn").completion_date).map(
        possible_days
    )
    still = trials[trials.status_group.isin(OPEN_STATUS) & ends.notna()]
    last = ends[still.index].str[1]
    assert (last < read_to).tolist() == still.late.tolist()
    between = still[(last >= searched) & (last < read_to)]  # past, though the search date lies before
    assert len(between) and between.end.str.endswith("(passed)").all()
    for path in (source / "answers").glob("*.md"):
        assert f"registered by {searched}" in path.read_text(encoding="utf-8")
    assert f"registered by {searched}" in (source / "find_answer_print.html").read_text(encoding="utf-8")


def test_trials_with_a_dose_with_a_review_s_alone_and_with_none_are_all_trials(tables, asked):
    rows, by_review = rows_of(tables), 0
    for question in asked.to_dict("records"):
        own = of_question(rows, question)
        said, lacking = answer(own, noun="vesicles")["dose"], missing(own, rows, question, protocol=PROTOCOL)
        if not own["trials"]:
            continue
        state = int(re.match(r"Dose: (\d+) of", said)[1])
        alone = re.search(r"Of (\d+) more a review's table", said)
        [none] = [int(match[1]) for text, *_ in lacking if (match := re.match(r"No dose is on file of (\d+) of", text))]
        by_review += bool(alone)
        assert state + (int(alone[1]) if alone else 0) + none == len(own["trials"])
    assert by_review


def test_a_dose_in_the_words_of_a_review_that_the_record_states_too_says_so(tables):
    decided = read_csv(RAW / "curation/dose_decisions.csv")
    of_record = decided[(decided.told_by == "the record") & decided.as_stated.str.contains("review table")]
    shown = tables["doses"].set_index(["trn", "as_stated"]).why
    assert len(of_record) and all(row.words in shown[row.trn, row.as_stated] for row in of_record.itertuples())


def test_certainty_stands_before_what_was_found(tables, asked):
    text = page(asked[asked.page == "respiratory-all-routes"].iloc[0].to_dict(), tables)
    bullet = text.split("<li>")[1]
    assert bullet.index("Certainty:") < bullet.index("no significant difference")


def test_what_stands_on_another_page_is_named_with_a_link(tables, asked):
    def lines(name):
        return page(asked[asked.page == name].iloc[0].to_dict(), tables)

    reports, trials = tables["reports"], tables["trials"].set_index("trn")
    ours = reports[reports.trn.isin(trials.index)]
    apart = ours[ours.route_group != ours.trn.map(trials.route_group)]
    assert "jahedi-zargar-2022" in set(apart.study_id)
    for report in apart.itertuples():
        there, here = (page_of(row.disease_area, row.route_group) for row in (report, trials.loc[report.trn]))
        for name, other in ((here, there), (there, here)):
            said = f"{html.escape(report.study, quote=True)} reports {report.trn}, "
            assert re.search(rf'{re.escape(said)}[^<]*<a href="{other}\.html">', lines(name))
    healthy = reports[reports.disease_group == "healthy"].iloc[0]
    for name in ("respiratory-nebulised", "respiratory-all-routes"):
        assert f"In healthy people, nebulised: {healthy.study} ({healthy.people} people)." in lines(name)


def test_people_of_a_report_are_told_in_one_sentence_where_those_of_its_comparison_are_not(tables, asked):
    text = page(asked[asked.page == "respiratory-nebulised"].iloc[0].to_dict(), tables)
    assert "24 people in the report; how many of them this compares is not stated, v placebo" in text
    assert "routine treatment only (measure" not in text and "people not stated" not in text
    text = page(asked[asked.page == "respiratory-intravenous"].iloc[0].to_dict(), tables)
    assert "the event and the number of people rest on the 1/2 of the paper" in text


def test_deaths_and_comparisons_that_are_not_counted_are_on_the_page_of_their_report(tables, asked):
    text = page(asked[asked.page == "respiratory-intravenous"].iloc[0].to_dict(), tables)
    everything = page(asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict(), tables)
    dead = tables["harms"][tables["harms"].serious.isna() & (tables["harms"].n_events > 0)]
    assert len(dead)
    for row in dead.itertuples():
        assert f"<td>{row.harm}</td><td>{row.n_events} of {row.n}</td>" in text
        assert row.beside.endswith("no control arm")
        assert f"{row.harm} in {row.n_events} of {row.n} ({row.study})" in everything
    left = tables["reports"].dropna(subset="left_out")
    assert len(left) and set(left.left_out) == {"another product than vesicles"}
    assert everything.count("Not counted here: it compares another product than vesicles.") == len(left)


def test_the_first_finding_says_whether_its_outcome_is_stated_to_be_primary(tables, asked):
    own = of_question(rows_of(tables), asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict())
    primary = {row["study_id"] for row in own["compared"] if row["primary"]}
    for row in answer(own, noun="vesicles")["first"]:
        assert ("(primary outcome)" in row["finding"]) == (row["study_id"] in primary)
        assert ("not stated to be its primary outcome" in row["finding"]) == (row["study_id"] not in primary)


def test_the_first_page_the_chapters_and_the_answers_agree_where_they_count_the_same(results, tables, asked):
    n, everything = load_numbers(results), asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict()
    own = of_question(rows_of(tables), everything)
    said = answer(own, noun="vesicles")
    records = read_csv(results / "product_in_records.csv").set_index("item").trials
    assert records["Dose on file"] == n["n_dose_trials"] and said["dose"].startswith(f"Dose: {n['n_dose_trials']} of ")
    assert f"**{n['n_dose_trials']} of {n['n_included']} " in n["doses_shown"]
    assert f" {records['Dose as a number that can be read']} with a number" in n["doses_shown"]
    assert records["Dose in particles per administration"] == n["n_particle_trials"]
    assert (
        f" {records['Dose in particles']} count particles: {n['n_particle_trials']} per administration"
        in n["doses_shown"]
    )
    assert re.search(rf"as stated: [^(]*\({n['n_particle_trials']} trials\)", said["dose"])
    comparing = len({row["study_id"] for row in compared_with_another_arm(own)})
    assert f", {comparing} compare vesicles of MSCs" in n["certainty"] and f" {comparing} of " in said["effect"]
    outside = sum(tables["trials"].study_type == "expanded-access")  # counted apart
    text = page(everything, tables)
    assert f"<strong>{int(n['n_included']) - outside} trials and {outside} records of expanded access</strong>" in text
    assert f"is shown by {n['n_route_not_reported']} of {n['n_included']} records" in text
    assert f" {outside} of them are no trials" in n["expanded_access"]
    assert "NCT05215288, in its field for the type of study “Interventional”" in n["expanded_access"]


def test_text_of_registries_and_reports_stays_text(tables, asked):
    hostile = {
        name: frame.assign(
            **{
                column: HOSTILE
                for column in ("title", "study", "evidence_note", "caveats", "as_stated", "harm", "conditions", "why")
                if column in frame
            }
        )
        for name, frame in tables.items()
    }
    for question in asked[asked.n_reports > 0].to_dict("records"):
        text = page(question, hostile)
        assert "<script" not in text and first_danger(text) is None
        assert "\n`{raw}`" not in text  # a blank line would end the HTML and begin Markdown


def test_expanded_access_is_a_group_of_its_own_and_the_groups_add_up(tables, asked):
    trials = tables["trials"]
    outside = trials[trials.status_group == "Expanded access"]
    assert {"NCT04657458", "NCT05215288"} == set(outside.trn) == set(trials.trn[trials.study_type == "expanded-access"])
    text = page(asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict(), tables)
    ended, access = (
        re.search(rf"(\d+) {words}", text) for words in ("other trials?: ended", "records? of expanded access")
    )
    assert int(access[1]) == len(outside) and "NCT04657458" in text[access.start() :]
    assert "NCT04657458" not in text[ended.start() : access.start()]
    open_ones = trials.status_group.isin(OPEN_STATUS).sum()
    assert int(ended[1]) + len(outside) + open_ones == len(trials)


def test_a_month_of_registration_that_is_an_estimate_is_said_to_be_about_that(tables, asked):
    dated = tables["trials"].dropna(subset="registered")
    everything = page(asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict(), tables)
    estimates = dated.registered_basis == "estimated"
    assert 0 < estimates.sum() < len(dated)
    assert everything.count("<td>about 20") == estimates.sum()


def test_counts_of_reports_say_how_many_are_on_other_products(results, tables, asked):
    reports = tables["reports"]
    others = int((~reports.msc_derived.fillna(False)).sum())
    text = page(asked[asked.page == page_of(ALL, ALL)].iloc[0].to_dict(), tables)
    n = len(reports)
    said = f"{n} reports ({n - others} of these {n} on vesicles of MSCs, {others} not known to be)"
    assert others and text.count(said) >= 2
    rest = (tables["findings"].reports_of_mscs < tables["findings"].reports).sum()
    every = len(tables["findings"])
    certainty = text.split('id="answer-certainty"')[1].split("</p>")[0]
    assert f"in {every - rest} of {every - rest} questions on vesicles of MSCs" in certainty
    assert re.search(rf"not known to be on such vesicles: .* of {rest} questions", certainty)
    for name in ("certainty", "harms_seen"):  # the same on the first page
        assert said in load_numbers(results)[name]


def test_each_bound_of_a_harm_says_which_it_is_and_what_is_not_printed_is_named(tables, asked):
    nebulised = ("respiratory-nebulised", "other-nebulised", "all-diseases-nebulised")
    names = ("all-diseases-intravenous", "respiratory-intravenous", *nebulised)
    pages = {name: page(asked[asked.page == name].iloc[0].to_dict(), tables) for name in names}
    rows = tables["harms"].set_index("route_group")
    none, seen = (rows[kept].loc["intravenous"] for kept in (rows.upper_if_none.notna(), rows.n_events > 0))
    text = pages["all-diseases-intravenous"]
    assert text.count(" %, one-sided<") == len(none) and text.count(" %, two-sided<") == len(seen)
    assert "0 (of how many is not printed)" in pages["respiratory-intravenous"]
    assert "12.5% at one centre (Green 2023)" in pages["respiratory-nebulised"]
    assert all("transient sinus bradycardia 2/24" in pages[name] for name in nebulised)


def test_a_formula_is_guarded_in_the_table_beside_a_page(results, tmp_path):
    copy = shutil.copytree(results, tmp_path / "results")
    described = read_csv(copy / "described.csv").assign(title="=1+1")
    described.to_csv(copy / "described.csv", index=False)
    write_answers(copy, RAW, tmp_path / "source", protocol=PROTOCOL)
    made = tmp_path / "source/_extra/answers/all-diseases-all-routes-trials.csv"
    assert set(read_csv(made).title) == {"'=1+1"}


def test_a_review_without_reports_doses_or_codes_of_routes_has_pages_of_what_is_registered(tables):
    protocol = PROTOCOL | {"codes": {name: codes for name, codes in PROTOCOL["codes"].items() if name != "route_group"}}
    names = ["due", "result", "ended", "compares_doses"]
    trials = {"trials": tables["trials"].drop(columns=names).assign(route_group=ALL)}
    asked = questions(trials, protocol=protocol)
    assert set(asked.route_group) == {ALL}
    text = page(asked.iloc[0].to_dict(), trials, protocol)
    assert "has read no reports" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What is registered",
        "What is under way",
        "What is missing",
    ]
    none = {"trials": trials["trials"].iloc[:0]}
    assert questions(none, protocol=protocol).page.tolist() == [page_of(ALL, ALL)]
    assert "No included trial" in page(questions(none, protocol=protocol).iloc[0].to_dict(), none, protocol)


def test_where_no_question_has_a_trial_the_list_says_so(asked):
    assert "trial" in most_asked(asked[:0].assign(answer=""))


def test_the_most_asked_are_those_with_most_trials_and_reports(asked):
    listed = re.findall(r'href="answers/([\w-]+)\.html"', most_asked(asked.assign(answer="")))
    pairs = asked[~asked[list(FIELDS)].isin([ALL, UNKNOWN, "other"]).any(axis=1)].set_index("page")
    counts = (pairs.n_trials + pairs.n_reports).sort_values()
    assert len(listed) == 3
    assert min(counts[listed]) >= counts.drop(listed).max()


def test_the_trial_under_way_that_tells_most_is_named_in_the_answer_with_its_status_and_the_day_of_it(tables, asked):
    trials = tables["trials"].set_index("trn")
    latest = trials[trials.status_group.isin(OPEN_STATUS) & (trials.randomised == True)]  # noqa: E712
    assert latest.phase_place.idxmax() == "NCT05354141"
    days = trials.loc["NCT05354141"]
    for name in ("all-diseases-all-routes", "respiratory-intravenous", "respiratory-nebulised"):
        text = page(asked[asked.page == name].iloc[0].to_dict(), tables)
        box = next(line for line in text.splitlines() if line.startswith('<div class="answer">'))
        told = box.split(">NCT05354141</a>")[1].split("</li>")[0]
        facts = ("EXTINGUISH ARDS", "Phase 3", "randomised", "970 people", days.end, days.status_day, days.status_read)
        assert all(fact in told for fact in facts), told
        assert ("By another route" in box) == (name == "respiratory-nebulised")


def test_trials_under_way_come_by_chance_then_status_then_phase_and_a_missing_fact_never_first():
    def trial(trn, *, randomised=True, status="Recruiting", phase=3, people=10, compares=None, late=False):
        facts = {"trn": trn, "randomised": randomised, "status": status, "phase_place": phase, "enrolment": people}
        facts |= {"phase_group": "early-1" if phase == 0 else str(phase), "all_given": False}
        return facts | {"late": late, "registered": None, "compares_doses": compares, "status_group": "Recruiting"}

    first = trial("first")
    others = [trial("a", randomised=None, phase=6), trial("b", status=None), trial("c", phase=None, people=900)]
    others += [trial("d", people=None), trial("e", late=True), trial("f") | {"status_group": "Completed"}]
    others += [trial("g", phase=9) | {"all_given": True}, trial("h", phase=0, people=900)]
    assert foremost([*others, first]) == [("whether it helps", first)]
    early = trial("early", phase=0)
    assert foremost([early, trial("later", randomised=None)])[0][1]["trn"] == "later"
    assert foremost([early]) == [("whether it helps", early)] and not none_can_tell([early])
    of_doses = early | {"all_given": True}
    assert not foremost([of_doses]) and "can tell whether it helps" in none_can_tell([of_doses])
    assert in_short([of_doses]) == none_can_tell([of_doses])
    dosed = [trial("late", compares="2 doses", late=True), trial("open", compares="2 doses", randomised=False)]
    assert [row["trn"] for what, row in foremost(dosed) if what == "which dose"] == ["open", "late"]
    assert not foremost([trial("f") | {"status_group": "Completed"}])


def test_isolation_device_and_ventilation_are_told_with_n_of_m_or_said_to_be_missing(tables, asked, results):
    settled = read_csv(results / "product_settled.csv").query("item == 'isolation' and stated == 'yes'")
    rows, told_somewhere = rows_of(tables), 0
    for question in asked.to_dict("records"):
        own, text = of_question(rows, question), html.unescape(page(question, tables))
        if not own["reports"]:
            continue
        n = len({row["study_id"] for row in own["reports"]} & set(settled.study_id))
        line = f"How the vesicles were isolated is told by {n} of {len(own['reports'])} report"
        given, missing = text.split("## What is missing")
        assert (line in given) == (n > 0) and (line in missing) == (n == 0)
        told_somewhere += n > 0
        assert ("Which device nebulised" in text) == (question["route_group"] == "nebulised")
        assert ("Whether people were ventilated" in text) == (question["disease_area"] == "respiratory")
    assert told_somewhere
    assert "and 1 of 8 reports" in page(asked[asked.page == "respiratory-nebulised"].iloc[0].to_dict(), tables)
    assert "NCT04313647 (mesh nebuliser)" in page(
        asked[asked.page == "all-diseases-nebulised"].iloc[0].to_dict(), tables
    )


def test_the_answers_in_print_are_the_most_asked_without_links_to_pages_that_are_not_there(source, asked):
    text = (source / "find_answer_print.html").read_text(encoding="utf-8")
    listed = re.findall(r'href="answers/([\w-]+)\.html"', most_asked(asked.assign(answer="")))
    labels = asked.set_index("page").label
    assert len(listed) == 3 and all(html.escape(labels[name]) in text for name in listed)
    assert (
        text.count("The evidence on whether") == 3 and "<a " not in text and 'id="' not in text and " below" not in text
    )


def test_every_page_has_a_link_with_its_counts_and_the_menus_lead_there(source, asked, tmp_path):
    menus = (source / "find_answer_table.html").read_text(encoding="utf-8")
    links = dict(re.findall(r'href="answers/([\w-]+)\.html" [^>]*>([^<]+)</a>', menus))
    assert links.keys() == set(asked.page) == {path.stem for path in (source / "answers").glob("*.md")}
    for row in asked.itertuples():
        assert links[row.page].startswith(f"{row.n_trials} trial")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{menus}", encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page()
        shown.goto((tmp_path / "page.html").as_uri())
        disease, route = (shown.get_by_role("combobox", name=name) for name in ("Disease", "Route"))
        disease.select_option("respiratory")
        route.select_option("nebulised")
        assert shown.locator("#ask-answer a").get_attribute("href") == "answers/respiratory-nebulised.html"
        empty = next(
            (area, route)
            for area in asked.disease_area.unique()
            for route in asked.route_group.unique()
            if page_of(area, route) not in links
        )
        disease.select_option(empty[0])
        route.select_option(empty[1])
        near = shown.locator("#ask-answer a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert near == [f"answers/{page_of(empty[0], ALL)}.html", f"answers/{page_of(ALL, empty[1])}.html"]
        condition, told = shown.get_by_role("searchbox"), shown.locator("#named-answer")
        condition.fill("graft versus host disease")  # of which the record says GvHD as well, the report alone
        found = told.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert found[0].startswith("answers/immunological-")
        assert any(link.startswith(f"{found[0]}#report-kordelas") for link in found)
        condition.fill("no such disease")
        assert "nor a synonym" in told.inner_text() and not told.locator("a").count()
        condition.fill("(")
        assert not told.inner_text()
        browser.close()


def test_a_row_belongs_to_its_own_question_and_to_the_wider_ones():
    row = {"disease_area": "renal", "route_group": "local"}
    assert belongs(row, row) and belongs(row, {"disease_area": ALL, "route_group": "local"})
    assert not belongs(row, {"disease_area": "renal", "route_group": UNKNOWN})


def test_a_page_of_one_route_names_what_reports_without_a_route_compare_with_certainty_and_link(tables, asked):
    told = 0
    for question in asked.to_dict("records"):
        rows = rows_of(tables)
        hidden = of_question(rows, question | {"route_group": UNKNOWN})
        first = [row for row in compared_with_another_arm(hidden) if row["primary"] or row["domain"] == "death"]
        found = without_route(rows, question)
        of_one_route = question["route_group"] not in (ALL, UNKNOWN)
        assert {row["study_id"] for row in found} == ({row["study_id"] for row in first} if of_one_route else set())
        text, there = page(question, tables), page_of(question["disease_area"], UNKNOWN)
        for row in found:
            item = text.split(f'<li><a href="{there}.html#report-{page_name(row["study_id"])}">')[1].split("</li>")[0]
            assert (
                html.escape(row["finding"]) in item and row["certainty"] in item and html.escape(row["caveat"]) in item
            )
        told += len(found)
    assert told  # else nothing is tested


def test_a_report_that_may_be_of_a_trial_is_named_on_the_pages_of_both_and_never_counted_as_its_result(tables, asked):
    named = tables["possible"].dropna(subset="study_id")
    assert len(named) and tables["reports"].set_index("study_id").trn[named.study_id].isna().all()
    for row in named.to_dict("records"):
        for area, route in ((row[a], row[b]) for a, b in (FIELDS, [f"report_{field}" for field in FIELDS])):
            text = page(asked[asked.page == page_of(area, route)].iloc[0].to_dict(), tables)
            assert f"{row['report']} may be of {row['trn']}" in text.partition("## What is missing")[2]
    silent = named[~named.study_id.isin(tables["compared"].study_id)].iloc[0]
    text = page(
        asked[asked.page == page_of(silent.report_disease_area, silent.report_route_group)].iloc[0].to_dict(), tables
    )
    assert f'none that is included; may be of <a href="../trials/{silent.trn}.html">' in text


def test_what_was_decided_of_a_trial_needs_its_words_and_a_value_that_the_file_may_hold(tables, results, tmp_path):
    trials = tables["trials"].set_index("trn")
    assert trials.all_given["NCT05130983"] and not trials.all_given["NCT05354141"]
    assert trials.all_given[trials.design == "single-arm"].all()
    (tmp_path / "curation").mkdir()
    for name, read in (("told_of_trials", told_of_trials), ("possible_reports", possible_reports)):
        assert read(tmp_path).empty  # a review may lack the file
        rows = read(RAW)
        for column, value in (("words", None), ("decided_by", None), ("told" if "told" in rows else "link", "perhaps")):
            rows.head(2).assign(**{column: ["as it was", value]}).to_csv(tmp_path / f"curation/{name}.csv", index=False)
            with pytest.raises(InputError, match=rf"{name}\.csv, line [23]"):
                read(tmp_path)
        (tmp_path / f"curation/{name}.csv").unlink()
    silent, stated = trials.index[trials.randomised.isna()][0], trials.index[trials.randomised == False][0]  # noqa: E712
    rows = told_of_trials(RAW).head(1).assign(item="allocation", told="randomised", words="a coin was tossed")
    raw = shutil.copytree(RAW / "curation", tmp_path / "raw/curation").parent
    pd.concat([rows.assign(trn=trn) for trn in (silent, stated)]).to_csv(raw / "curation/told_of_trials.csv")
    decided = question_tables(results, raw, protocol=PROTOCOL)["trials"].set_index("trn")
    assert decided.randomised[silent] and decided.randomised_by[silent] == "a coin was tossed"
    assert not decided.randomised[stated] and pd.isna(decided.randomised_by[stated])  # its own field counts


def test_an_answer_counts_each_trial_that_compares_doses_under_one_status(tables, asked):
    rows, told = rows_of(tables), 0
    for question in asked.to_dict("records"):
        doses = answer(of_question(rows, question), noun="vesicles")["dose"]
        if said := re.search(r"(\d+) trials? (?:is|are) registered to compare doses: ([^.]+)\.", doses):
            assert sum(int(part.split()[0]) for part in said[2].split("; ")) == int(said[1])
            told += 1
    assert told  # else nothing is tested
