"""The table of all trials: what a cell, a menu and the file of shown rows hold; the browser's part on the page as it is built."""

import html
import json
import re
import shutil
import tempfile
from pathlib import Path
from xml.dom import minidom

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from conftest import RAW, ROOT

from evlib.base import figure
from evlib.base.schema import read_csv, read_table, split_multi
from evlib.base.tables import table as shown_table
from evlib.book import browsing as browsing_module
from evlib.book.browsing import browsing
from evlib.book.page_policy import inline_scripts, with_policy
from evlib.book.record_history import trace, traced_tables
from evlib.book.trials.trial_links import pages_of_trials, with_trial_links
from evlib.book.trials.trial_pages import page_name, trial_page, trials_to_browse

DATE = "2024-02-17"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def described(run_of):
    return read_table(run_of(DATE) / "described.csv", "described")


@pytest.fixture(scope="module")
def stories(run_of, described, review):
    held = traced_tables(run_of(DATE), raw_dir=RAW)
    return [trace(trn, held, run=DATE, protocol=review) for trn in described.trn]


@pytest.fixture(scope="module")
def table(described, stories, review):
    return trials_to_browse(described, stories, protocol=review)


def rows_of(table):
    """Each row of the table as the file of shown rows has it, by column."""
    columns = json.loads(html.unescape(re.search(r'data-columns="([^"]*)"', table)[1]))
    rows = [json.loads(html.unescape(row)) for row in re.findall(r'data-row="([^"]*)"', table)]
    return pd.DataFrame(rows, columns=columns)


def test_a_trial_whose_record_counts_particles_is_told_by_these_as_where_they_are_counted(
    table, described, stories, review, run_of
):
    doses = read_table(run_of(DATE) / "doses.csv", "doses").dropna(subset="particles_low")
    known = rows_of(table).set_index("Number")["Particles are"] == "particles, stated"
    assert set(known.index[known]) == set(doses.trn) != set()
    place = described.trn.tolist().index(doses.trn.iloc[0])
    story = stories[place]  # the same dose in another unit, too, of which a factor makes particles
    also = story | {
        "in_particles": [*story["in_particles"], story["in_particles"][0] | {"basis": "derived", "low": 1.0}]
    }
    made = rows_of(trials_to_browse(described.iloc[[place]], [also], protocol=review)).iloc[0]
    assert made["Particles are"] == "particles, stated" and float(made["Particles, least"]) > 1


def test_every_trial_is_a_row_with_its_dose_and_results(table, described, stories):
    rows = rows_of(table).set_index("Number")
    assert rows.index.tolist() == described.trn.tolist()
    for story in stories:
        row = rows.loc[story["trn"]]
        assert (row.Results == "none on file") == (
            not story["reports"] and story["record"].get("results_posted") is not True
        )
        assert all(report["study"] in row.Results for report in story["reports"])
        known = [dose for dose in story["in_particles"] if "low" in dose]
        assert bool(row["Particles, least"]) == bool(known)
        if known:
            assert float(row["Particles, least"]) == min(dose["low"] for dose in known)
    assert rows.loc["NCT04276987", "Particles are"] == "particles, stated"
    assert ">2×10⁸ particles (stated)<" in table


def test_a_status_stands_with_the_day_that_its_source_states_and_that_of_our_copy(table, described, stories):
    rows, unknown = rows_of(table).set_index("Number"), 0
    for story in stories:
        record, page = story["record"], trial_page(story, None)
        if "status" in record:
            told = re.search(r'class="answer">([^<]*)', page)[1]
            assert f"our copy was read on {record['status_read']}" in told
            assert (f" {record['status_day']}" if "status_day" in record else "day is not told") in told
            unknown += "status_day" not in record
            assert rows.loc[story["trn"], "Day of the status"] == record.get("status_day", "")
    assert unknown
    pages = {story["trn"]: html.unescape(trial_page(story, None)) for story in stories}
    # Not the older table's "Recruiting"; and not the day on which a table, or an older copy, was read.
    last = "last updated in the registry on 2020-04-30; our copy was read on 2022-10-09"
    assert f">Unknown status ({last})." in pages["NCT04366063"]
    assert ">Recruiting (of 2024-01-28, from a table of a publication; our copy" in pages["NCT05787288"]
    assert ">Pending (of 2020-03-02, from WHO ICTRP's copy" in pages["ChiCTR2000030261"]


def test_a_menu_counts_each_choice_and_offers_what_is_missing(table, described):
    for area, n in described.route.value_counts().head(2).items():
        assert re.search(rf'<option value="{area.capitalize()}">{area.capitalize()} \({n}\)</option>', table)
    n = int(described.route.isna().sum())
    assert n and f'<option value="not reported">not reported ({n})</option>' in table


def test_a_review_without_doses_or_reports_lacks_their_columns(described, stories, review):
    bare = [story | {"in_particles": [], "doses": []} for story in stories]
    table = trials_to_browse(described, bare, protocol=review, without=["doses", "results"])
    assert 'data-name="dose"' not in table and "Particles" not in table
    assert set(rows_of(table).Results) <= {"none on file", "posted in the registry"}
    empty = trials_to_browse(described.iloc[:0], [], protocol=review)
    assert "<tbody></tbody>" in empty and "<select" not in empty


def test_hostile_text_stays_text_and_formulas_are_guarded():
    evil = '"><script>alert(1)</script>'
    column = pd.Series([evil, "=1+1"])
    made = browsing(
        pd.DataFrame({"A": column.map(html.escape)}),
        name="x",
        what=evil,
        menus={"A": column, evil: column},
        words=column,
        order={"A": column},
        download=pd.DataFrame({"A": column, evil: column}),
    )
    assert made.count("<script>") == made.count("</script>") == 1 and "<script>alert" not in made
    assert rows_of(made).A.tolist() == [evil, "'=1+1"]


@pytest.fixture
def opened(table, tmp_path):
    """The table in a page with the book's policy, opened from a folder."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    style = (ROOT / "book/_static/evtrials.css").read_text(encoding="utf-8")
    page = f"<html lang='en'><head><meta charset='utf-8'><style>{style}</style></head><article><h1>Trials</h1>{table}</article></html>"
    (tmp_path / "trials.html").write_text(with_policy(page, own=inline_scripts(table)), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, wrong = browser.new_context().new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto((tmp_path / "trials.html").as_uri())
        yield page
        browser.close()
    assert not wrong


def shown(page):
    return page.locator("tbody tr:not([hidden])").evaluate_all(
        "rows => rows.map(row => row.querySelector('a').innerText)"
    )


def test_the_search_knows_what_people_type(opened, described):
    by_trn = described.set_index("trn")

    def found(words):
        opened.get_by_label("Search").fill(words)
        return shown(opened)

    assert set(found("inhaled")) >= set(described.trn[described.route == "nebulised"])
    assert set(found("USA")) >= set(described.trn[described.countries.fillna("").str.contains("United States")])
    assert "NCT04493242" in found("acute respiratory distress syndrome") and "NCT04493242" in found("ards usa")
    assert set(by_trn.loc[found("inhaled China"), "countries"]) == {"China"}
    assert found("no such words at all") == []
    assert opened.get_by_role("status").inner_text().startswith(f"0 of {len(described)} trials")


def test_filters_are_kept_in_the_address_and_menus_count_what_they_leave(opened, described):
    opened.get_by_label("Route").select_option("Nebulised")
    opened.get_by_label("Number of people, from").fill("30")
    nebulised = described[described.route == "nebulised"]
    kept = nebulised[nebulised.enrolment >= 30]
    assert set(shown(opened)) == set(kept.trn) != set()
    missing = int(nebulised.enrolment.isna().sum())
    assert (f"leaves out {missing} that" in opened.get_by_role("status").inner_text()) == bool(missing)
    labels = opened.get_by_label("Route").evaluate("menu => [...menu.options].map(option => option.text)")
    assert f"Intravenous ({int((described[described.route == 'intravenous'].enrolment >= 30).sum())})" in labels
    opened.get_by_role("button", name="People").press("Enter")
    opened.get_by_role("button", name="People").press("Enter")
    assert opened.locator("th[aria-sort=descending]").inner_text().startswith("People")
    opened.wait_for_url("**sort=-people")
    rows, address = shown(opened), opened.url
    people = described.set_index("trn").enrolment.loc[rows]
    assert people.is_monotonic_decreasing
    with opened.expect_download() as download:
        opened.get_by_role("button", name="Download").click()
    assert pd.read_csv(download.value.path()).Number.tolist() == rows
    again = opened.context.new_page()
    again.goto(address)
    assert shown(again) == rows
    again.get_by_role("button", name="Clear all").click()
    assert len(shown(again)) == len(described)
    again.wait_for_url("**/trials.html")


def notebook_of(text):
    output = nbformat.v4.new_output("display_data", data={"text/html": text})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])


def linked(text, pages):
    return with_trial_links(notebook_of(text), pages).cells[0].outputs[0]["data"]["text/html"]


def test_numbers_and_reports_in_tables_lead_to_the_pages_of_trials(stories):
    pages = pages_of_trials(stories, page_name=page_name)
    assert pages["Zhu 2022"] == pages["NCT04276987"] == ("NCT04276987", "trials/NCT04276987.html")
    made = shown_table(
        pd.DataFrame({"trn": ["NCT04276987", "NCT99999999"], "study": ["Zhu 2022", "Zhu 2022, and others"]}),
        caption="x",
        urls=pd.Series(["https://clinicaltrials.gov/study/NCT04276987", None]),
    ).data
    text = linked(made, pages)
    assert text.count('href="trials/') == 2
    assert '<a href="trials/NCT04276987.html">NCT04276987</a> (<a href="https://clinicaltrials.gov/' in text
    assert '<a href="trials/NCT04276987.html">Zhu 2022</a>' in text
    report = '<td><a href="https://doi.org/10.1/x">Zhu 2022</a></td>'
    assert linked(report, pages) == report[:-5] + ' (<a href="trials/NCT04276987.html">NCT04276987</a>)</td>'
    assert linked("<p>NCT04276987</p>", pages) == "<p>NCT04276987</p>"


def test_points_of_a_figure_lead_to_trials_once_for_the_keyboard(stories, described):
    pages = pages_of_trials(stories, page_name=page_name)
    drawing, axes = plt.subplots(layout="constrained")
    axes.plot([1, 2, 3, 4], [1, 2, 3, 4], "o", gid="p")
    hints = {"p": ["Zhu 2022, arm: 1", "NCT04276987: <2", "Zhu 20222: 3", "no trial"]}
    data = pd.DataFrame({"a": [1]})
    with tempfile.TemporaryDirectory() as folder:
        shown = figure.show(figure.Figure(drawing, "f", "T", "A", data, hints), folder).data
    assert 'role="img"' in shown and "<a " not in shown.partition("<figcaption>")[0]
    svg = linked(shown, pages).partition("<figcaption>")[0]
    links = re.findall(r'<a xlink:href="trials/NCT04276987.html" ([^>]*)>', svg)
    assert len(links) == svg.count("<a ") == 2
    assert "aria-label" in links[0] and links[1] == 'tabindex="-1" aria-hidden="true"'
    assert 'role="group"' in svg and 'role="img"' not in svg and "&lt;2" in svg
    minidom.parseString(re.search(r"<svg.*</svg>", svg, re.DOTALL)[0])


@pytest.mark.parametrize(
    ("date_is", "status", "runs"),
    [("actual", "Completed", False), ("anticipated", "Recruiting", True), ("anticipated", None, True)],
)
def test_an_end_that_has_passed_is_no_fact_where_it_was_only_planned(stories, date_is, status, runs):
    story = next(story for story in stories if not story.get("reports") and not story["record"].get("results_posted"))
    record = {name: value for name, value in story["record"].items() if name != "status"}
    record |= {"status": status} if status else {}
    late = {"due": "over a year ago", "completion_date": "2021-01", "date_is": date_is}
    page = trial_page(story | {"record": record, "follow_up": late}, None)
    assert "gives passed more than a year ago (2021-01)" in page and ("may still run" in page) == runs


def test_a_trial_that_nobody_has_read_says_so_and_can_be_filtered_out(described, stories, review):
    included = described.trn[described.screening == "included"]
    waiting = described.assign(screening=described.screening.mask(described.trn == included.iloc[0], "pending"))
    n_waiting = int((waiting.screening == "pending").sum())
    made = trials_to_browse(waiting, stories, protocol=review)
    assert made.count('<strong class="unread">not yet read, not counted</strong>') == n_waiting
    assert f'<option value="included">included ({len(included) - 1})</option>' in made


def test_no_word_of_the_search_means_two_things():
    groups = [
        split_multi(line.casefold())
        for line in read_csv(Path(browsing_module.__file__).with_name("synonyms.csv")).words
    ]
    words = [word for group in groups for word in group]
    assert len(words) == len(set(words)) and min(map(len, groups)) > 1
    shorter = {word.rstrip("*") for word in words if word.endswith("*")}
    assert not [word for word in shorter if len(word) < 4 and word not in {"dfu"}]  # "sev*" would find "severe"
