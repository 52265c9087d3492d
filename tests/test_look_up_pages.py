"""The pages on which a reader looks something up: their data are those of the tables, and their scripts show them, from a folder."""

import ast
import json
import re
import shlex
import shutil
from urllib.parse import urlencode

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SNAPSHOT, put

from evlib.base.schema import read_csv, read_table, write_csv, write_table
from evlib.base.words import load_numbers
from evlib.book.look_up import assumption_dials, planned_trial, through_time
from evlib.book.look_up.pages import PAGES, data_block, drop_look_up_pages, write_look_up_pages
from evlib.book.page_policy import with_policy

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
PAPER = "2024-02-17"


@pytest.fixture(scope="module")
def later(run_of):
    return run_of(SNAPSHOT)


def cells_at(data, day):
    """The counts of the map on a day, as the page's script looks them up."""
    place = data["days"].index(day)
    counts = {}
    for row, column, steps in data["cells"]:
        past = [n for start, n in steps if start <= place]
        if past and past[-1]:
            counts[row, column] = past[-1]
    return counts


@pytest.mark.parametrize("date", [PAPER, SNAPSHOT])
def test_the_numbers_of_a_search_date_are_those_of_the_run_of_that_date(run_of, later, review, date):
    _, data = through_time.content(later, review)
    place, results = data["days"].index(date), run_of(date)
    numbers = load_numbers(results)
    same = [name for name in data["numbers"] if name in numbers]
    assert {"n_records", "n_included", "n_dose_trials"} <= set(same)
    assert {name: str(data["numbers"][name][place]) for name in same} == {name: numbers[name] for name in same}
    described = read_table(results / "described.csv", "described").query("screening == 'included'")
    assert data["numbers"]["n_estimated"][place] == (described.registered_basis == "estimated").sum()
    assert data["numbers"]["n_unknown"][place] == described.registered_basis.isna().sum()
    expected = described[["disease_area", "route_group"]].fillna(through_time.NOT_REPORTED).value_counts()
    assert sorted(cells_at(data, date).values()) == sorted(expected)
    shown = through_time.map_by_day(read_csv(later / "included_by_date.csv"), pd.Series([date]))
    assert shown.set_index(["disease_area", "route_group"]).n.to_dict() == expected.to_dict()


def test_every_day_has_each_included_trial_once(later, review):
    _, data = through_time.content(later, review)
    assert data["days"][0] < PAPER and {PAPER, SNAPSHOT} <= set(data["days"])
    for place, day in enumerate(data["days"]):
        assert sum(cells_at(data, day).values()) == data["numbers"]["n_included"][place], day


def test_the_combination_of_the_book_has_the_answer_and_verdicts_of_the_run(later, review):
    page, data = assumption_dials.content(later, review)
    verdicts = read_csv(later / "dose_verdicts.csv")
    verdicts = verdicts[verdicts.dials == "True"].verdict.tolist()
    place = assumption_dials._place(data["as_set"], {dial["name"]: dial["values"] for dial in data["dials"]})
    result = data["results"][data["of"][place]]
    assert result["answer"] == load_numbers(later)["dose_answer_1"].replace("**", "")
    assert result["verdicts"] == verdicts
    assert result["answer"] in page


def test_each_combination_is_its_row_and_its_command_sets_its_parameters(later, review):
    _, data = assumption_dials.content(later, review)
    cross = read_csv(later / "specifications.csv").fillna("")
    values = {dial["name"]: dial["values"] for dial in data["dials"]}
    assert len(cross) == data["n"] == len(data["of"]) > 1000
    for row in cross.to_dict("records"):
        result = data["results"][data["of"][assumption_dials._place(row, values)]]
        assert result["verdicts"][:2] == [row["about 10⁸ nebulised"], row["below intravenous"]]
        assert ("cannot be compared" in result["share"]) == (row["share"] == "")
        words = shlex.split("".join(d["arguments"][d["values"].index(row[d["name"]])] for d in data["dials"]))
        given = {}
        while words:
            option, argument = words.pop(0), words.pop(0)
            given |= yaml.safe_load(argument if option == "-y" else f"{argument}: {words.pop(0)}")
        lines = [part.split(" = ") for part in row["parameters"].split("; ") if " = " in part]
        wanted = {name: ast.literal_eval(value) for name, value in lines}
        assert {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()} == wanted


def test_a_planned_trial_is_compared_with_every_included_one_and_no_other(later, review):
    _, data = planned_trial.content(later, review)
    described = read_table(later / "described.csv", "described").query("screening == 'included'")
    assert {(t["trn"], t.get("disease_area"), t.get("route")) for t in data["trials"]} == {
        (row.trn, *(None if pd.isna(v) else v for v in (row.disease_area, row.route))) for row in described.itertuples()
    }
    doses = read_csv(later / "doses_in_particles.csv").query("basis == 'stated'")
    stated = {trial["trn"]: trial["high"] for trial in data["trials"] if trial.get("basis") == "stated"}
    assert stated == doses.assign(high=pd.to_numeric(doses.high)).groupby("trn").high.max().to_dict()


def test_no_text_ends_the_data_of_a_page():
    block = data_block("x", {"title": HOSTILE + "<!--"})
    inside = re.fullmatch(r"<script[^>]*>(.*)</script>", block)[1]
    assert "<" not in inside and json.loads(inside)["title"] == HOSTILE + "<!--"


def test_a_page_whose_tables_a_run_lacks_is_left_out(tmp_path, later, review):
    results, source = shutil.copytree(later, tmp_path / "results"), tmp_path / "source"
    (results / "specifications.csv").unlink()
    shutil.copytree(ROOT / "book", source, ignore=shutil.ignore_patterns("_build"))
    (source / "through_time.md").unlink()  # of a review that does not have it
    drop_look_up_pages(results, source)
    write_look_up_pages(results, source, review)
    assert not (source / "turn_the_assumptions.md").exists() and not list(source.glob("through_time_*"))
    toc = (source / "_toc.yml").read_text(encoding="utf-8")
    assert "turn_the_assumptions" not in toc and "is_my_trial_new" in toc


def test_a_search_before_the_first_record_still_has_its_pages(tmp_path, later, review):
    none = read_csv(later / "by_date.csv").iloc[:1].astype(object)
    none.loc[:, [name for name in none if name not in ("search_date", "n_records", "n_included", "n_undated")]] = None
    write_csv(none.assign(n_included="0"), tmp_path / "by_date.csv")
    write_csv(read_csv(later / "included_by_date.csv").iloc[:0], tmp_path / "included_by_date.csv")
    described = read_table(later / "described.csv", "described").iloc[:0]
    write_table(described, tmp_path / "described.csv", "described")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "book", source, ignore=shutil.ignore_patterns("_build"))
    drop_look_up_pages(tmp_path, source)
    write_look_up_pages(tmp_path, source, review)
    assert (source / "through_time_content.html").is_file() and (source / "is_my_trial_new_content.html").is_file()
    assert through_time.content(tmp_path, review)[1]["numbers"]["n_dose_trials"] == [None]


@pytest.fixture(scope="module")
def pages(later, review, tmp_path_factory):
    """The pages of a run in which the title of a trial is hostile, each in a plain frame with the book's policy."""
    folder = tmp_path_factory.mktemp("pages")
    results = shutil.copytree(later, folder / "results")
    described = read_table(results / "described.csv", "described")
    described.loc[described.trn == "NCT04276987", "title"] = HOSTILE
    write_table(described, results / "described.csv", "described")
    source = shutil.copytree(ROOT / "book", folder / "source", ignore=shutil.ignore_patterns("_build"))
    write_look_up_pages(results, source, review)
    for name in PAGES:
        content = (source / f"{name}_content.html").read_text(encoding="utf-8")
        frame = f'<html lang="en"><head><meta charset="utf-8" /></head><body><article>{content}</article></body></html>'
        put(source / "_extra", f"{name}.html", with_policy(frame))
    return source / "_extra"


@pytest.fixture(scope="module")
def browser(pages):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, pages):
    """Opens a page from its folder; at the end nothing may have gone wrong on it."""
    wrong, context = [], browser.new_context()

    def open_page(name, **state):
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith("file:") else wrong.append(r.url))
        page.goto((pages / f"{name}.html").as_uri() + (f"#{urlencode(state)}" if state else ""))
        return page

    yield open_page
    context.close()
    assert not wrong


def test_the_slider_moves_by_keyboard_and_the_address_keeps_its_day(opened, later):
    by_date = read_csv(later / "by_date.csv").set_index("search_date").n_included
    page = opened("through_time")
    slider, included = page.get_by_label("Search to"), page.locator("[data-number=n_included]")
    assert included.inner_text() == by_date.iloc[-1]
    slider.press("ArrowLeft")
    day = by_date.index[-2]
    assert included.inner_text() == page.locator("[data-all]").inner_text() == by_date[day]
    assert page.url.endswith(f"#day={day}") and slider.get_attribute("aria-valuetext") == day
    assert day in page.locator("#search-says").inner_text()
    assert opened("through_time", day=PAPER).locator("[data-all]").inner_text() == by_date[PAPER]


def test_turned_menus_show_the_row_of_their_combination(opened, later):
    cross = assumption_dials.combinations(later)
    turned = cross[(cross.per == "course") & (cross["compare"] == "any")].drop(columns="as_set")
    others = [name for name in assumption_dials.dials_of(cross) if name not in ("per", "compare")]
    row = turned[(turned[others] == cross[cross.as_set].iloc[0][others]).all(axis=1)].iloc[0]
    page = opened("turn_the_assumptions")
    page.get_by_label("Particles are counted for").select_option("course")
    page.get_by_label("Compared between the routes").select_option("any")
    result = assumption_dials.result_of(row, ["below intravenous"])
    assert page.locator("[data-result=answer]").inner_text() == result["answer"]
    assert page.locator("[data-verdict='1']").inner_text() == result["verdicts"][0]
    assert page.locator("#dials-command").inner_text().endswith("-p per course -p compare any")
    assert page.url.endswith("#per=course&compare=any")
    again = opened("turn_the_assumptions", per="course", compare="any", not_msc="<script>")
    assert again.locator("[data-result=answer]").inner_text() == result["answer"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [("2e8", "2×10⁸"), ("2 x 10^8", "2×10⁸"), ("1.5×10¹⁰", "1.5×10¹⁰"), ("10^9", "1×10⁹"), ("200,000,000", "2×10⁸")],
)
def test_a_dose_is_read_as_people_write_it(opened, typed, read):
    page = opened("is_my_trial_new")
    page.get_by_label("Particles of one administration").fill(typed)
    assert page.locator("#planned-dose-read").inner_text() == f"read as {read}"


def test_the_nearest_trials_are_those_with_most_fields_the_same(opened, later):
    trials = read_table(later / "described.csv", "described").query("screening == 'included'")
    planned = {"disease_area": "respiratory", "route": "nebulised", "msc_source": "adipose"}
    page = opened("is_my_trial_new", **planned, particles="9e15")
    shared = sum((trials[name] == code).fillna(False).astype(int) for name, code in planned.items())
    assert f"{(shared == 3).sum()} trials share all 3" in page.get_by_role("status").inner_text()
    listed = page.locator("#planned-nearest tr td:first-child").all_inner_texts()
    ordered = [int(shared[trials.trn == trn].iloc[0]) for trn in listed]
    assert ordered == sorted(ordered, reverse=True) and ordered.count(3) == (shared == 3).sum()
    assert "times the largest" in page.locator("#planned-adds").inner_text()
    assert page.get_by_text("</script><script>document.title").count() >= 1 and page.title() != "taken"
    page.get_by_label("Particles of one administration").fill("many")
    assert "Not understood" in page.locator("#planned-dose-read").inner_text()


def test_a_condition_finer_than_its_area_is_typed_and_each_nearest_trial_names_its_own(opened, later):
    records = read_table(later / "records.csv", "records").set_index("trn").conditions
    trials = read_table(later / "described.csv", "described").query("screening == 'included'").set_index("trn")
    named = records[trials.index].str.contains("ARDS|acute respiratory distress", case=False)
    page = opened("is_my_trial_new", condition="ARDS", disease_area="respiratory")
    assert f"{named.sum()} trials share all 2" in page.get_by_role("status").inner_text()
    rows = page.locator("#planned-nearest tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(c => c.innerText))"
    )
    assert {row[0] for row in rows[: named.sum()]} == set(named[named].index)
    for number, _, conditions, same, differs, *_ in rows:
        assert conditions == records[number].replace(" | ", "; ")
        assert (differs == "none of these fields") == ("condition" in same) == named[number]
    page.get_by_label("Condition").fill("respiratory distress, acute")  # other words, in another order
    assert f"{named.sum()} trials share all 2" in page.get_by_role("status").inner_text()
    page.get_by_label("Condition").fill("no such disease")
    assert "New here: no included trial has condition “no such disease”" in page.locator("#planned-adds").inner_text()
