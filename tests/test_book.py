"""The book: built without a warning, every page reachable, every figure seen, no other host called."""

import json
import os
import re
import shutil
from contextlib import nullcontext

import nbformat
import pytest
import yaml
from conftest import ROOT, SNAPSHOT, contents, evlib, project_copy, put, typed

from evlib.base.errors import InputError
from evlib.base.files import sha256
from evlib.base.schema import read_csv, read_table, write_csv, write_table
from evlib.base.words import filled, load_numbers, save_numbers
from evlib.book.build import STAMP, assemble, build_book, build_pdf, build_site, made_by, waiting_compiler
from evlib.book.checklists import places, read_checklists
from evlib.book.dataset import repository_address
from evlib.book.layout import _add_launch_buttons, readable
from evlib.book.search_index import ANSWERS
from evlib.book.trials.trial_pages import page_name
from evlib.run.beside import beside
from evlib.run.pipeline import UPDATE, default_results, notebooks, run_with_comparison

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def project(made_once, run_of):
    """A project with a search compared with an earlier one, so that the book has every chapter."""

    def make(folder):
        project_copy(folder, run_of("2020-12-31"), run_of("2024-02-17"))
        search = {"search_date": "2024-02-17", "since": "2020-12-31", "since_snapshot": SNAPSHOT}
        run_with_comparison(folder, **search, say=lambda text: None)

    return made_once("compared", make)


@pytest.fixture(scope="module")
def results(project):
    return project / "data/processed/2024-02-17"


HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\"> `{raw}` $x$ |"


@pytest.fixture(scope="module")
def html(made_once, results, with_queue):
    """The book of a copy, one page of which holds a formula, and in which two trials and a quotation are hostile.

    Its queue, which holds two records as shipped, is that of a project in which nobody has read the later records.
    """

    def make(folder):
        copy = project_copy(folder, results)
        altered = copy / "data/processed" / results.name
        shutil.copy2(with_queue / "data/processed" / SNAPSHOT / "to_screen.csv", altered)
        for name, column in (("described", "title"), ("records", "brief_title"), ("to_screen", "title")):
            table = read_table(altered / f"{name}.csv", name)
            table.loc[table.trn.isin(["NCT04276987", table.trn[0]]), column] = HOSTILE
            write_table(table, altered / f"{name}.csv", name)
        audit = read_csv(altered / "audit.csv")
        audit.loc[audit.section == "1", "quote"] = HOSTILE
        write_csv(audit, altered / "audit.csv")
        protocol = copy / "protocol.yml"  # what jupyter-book builds by hand is the book of the default date
        text = protocol.read_text(encoding="utf-8")
        text, n = re.subn(r"(?m)^default_search_date: .*$", f"default_search_date: {results.name}", text)
        assert n == 1
        protocol.write_text(text, encoding="utf-8")
        run = json.loads((altered / "run.json").read_text(encoding="utf-8"))
        run["inputs"]["protocol.yml"] = sha256(protocol)
        for done in run["notebooks"]:
            done["outputs"] = {name: sha256(altered / name) for name in done["outputs"]}
        (altered / "run.json").write_text(json.dumps(run), encoding="utf-8")
        with (copy / "book/how_to_cite.md").open("a", encoding="utf-8") as page:
            page.write("\nA formula: $10^{8}$.\n")
        with waiting_compiler() as compiler:
            build_book(copy, copy / "data/processed" / results.name, compiler=compiler, say=lambda text: None)

    return made_once("book", make) / "book/_build/html"


def test_a_page_takes_its_numbers_by_name_and_an_unknown_name_is_an_error():
    assert filled("**{{ n }}** of {{ m }}, {x}", {"n": "1", "m": "2"}, page="p.md") == "**1** of 2, {x}"
    with pytest.raises(InputError, match=r"book/p\.md names 'k'"):
        filled("{{ k }}", {"n": "1"}, page="p.md")


def test_two_chapters_may_not_save_the_same_name(tmp_path):
    save_numbers(tmp_path, "01", n=1)
    save_numbers(tmp_path, "02", m=2)
    assert load_numbers(tmp_path) == {"n": "1", "m": "2"}
    save_numbers(tmp_path, "03", n=3)
    with pytest.raises(ValueError, match="'n' was saved by an earlier chapter"):
        load_numbers(tmp_path)


def test_the_reader_sees_the_parameters_of_this_run_with_their_comments():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            'search_date = "2024-02-17"  # last day\nout_dir = "../x"', metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell(
            '# Parameters\nsearch_date = "2020-12-31"\n', metadata={"tags": ["injected-parameters"]}
        ),
    ]
    cells = readable(notebook).cells
    assert [cell.source for cell in cells] == ['search_date = "2020-12-31"  # last day\nout_dir = "../x"']


def test_an_unchanged_book_is_not_built_again_and_a_failed_build_leaves_it(html, tmp_path):
    project = shutil.copytree(html.parents[2], tmp_path / "project")
    results, html = project / "data/processed/2024-02-17", project / "book/_build/html"
    said = []
    build_book(project, results, say=said.append)
    assert said == ["book: unchanged, nothing to do."]
    page, before = project / "book" / "how_to_cite.md", (html / "index.html").read_bytes()
    page.write_text(page.read_text(encoding="utf-8") + "\n[](no_such_page.md)\n", encoding="utf-8")
    with pytest.raises(InputError, match="no_such_page"):
        build_book(project, results, say=said.append)
    assert (html / "index.html").read_bytes() == before


def test_work_that_failed_beside_is_done_again_here_and_its_error_is_told(tmp_path):
    def work():
        (tmp_path / f"done by {os.getpid()}").touch()
        if fails:
            raise InputError("no room for the data set")

    for fails, times in ((False, 1), (True, 3)):
        with pytest.raises(InputError, match="no room") if fails else nullcontext(), beside(work) as wait:
            wait()
        done = [path.name for path in tmp_path.iterdir()]
        assert (len(done), f"done by {os.getpid()}" in done) == (times, fails)


def test_the_book_depends_on_every_module_that_makes_it_and_on_their_data():
    depends = {path.relative_to(ROOT / "evlib").as_posix() for path in made_by()}
    own = {
        path.relative_to(ROOT / "evlib").as_posix()
        for path in (ROOT / "evlib/book").rglob("*.*")
        if "__pycache__" not in path.parts
    }
    assert own | {"base/tables.py", "base/paths.py", "run/chapters.py", "audit/checks.py"} <= depends


def test_no_page_of_the_source_keeps_a_placeholder(html):
    pages = list((html.parent / "source").glob("*.md"))
    assert len(pages) > 10
    for page in pages:
        assert "{{" not in page.read_text(encoding="utf-8")


def test_every_place_that_a_checklist_names_is_in_the_book(html):
    addresses = places(read_checklists(html / "checklists.csv"))
    assert len(addresses) > 40
    for address in addresses:
        page, _, place = address.partition("#")
        assert (f'id="{place}"' if place else "<h1>") in (html / page).read_text(encoding="utf-8"), address
    assert "not in this book" not in (html / "checklists.html").read_text(encoding="utf-8")


def test_a_book_without_an_earlier_search_leaves_that_chapter_out(project, results, tmp_path):
    alone = shutil.copytree(results, tmp_path / "alone")
    for name in (UPDATE, "numbers/06_update.json"):
        (alone / name).unlink()
    assemble(project, alone, tmp_path / "source")
    assert "06_update" not in (tmp_path / "source/_toc.yml").read_text(encoding="utf-8")
    assert "without an earlier search" in (tmp_path / "source/index.md").read_text(encoding="utf-8")


def test_the_queue_is_a_page_that_lists_every_pending_record(html, with_queue, results):
    page = (html / "to_screen.html").read_text(encoding="utf-8")
    waiting = with_queue / "data/processed" / SNAPSHOT
    for run_folder in (waiting, results):
        screened = read_table(run_folder / "screened.csv", "screened")
        queue = read_table(run_folder / "to_screen.csv", "to_screen")
        assert set(queue.trn) == set(screened.trn[screened.outcome == "pending"])
    queue = read_table(waiting / "to_screen.csv", "to_screen")
    assert len(queue) > 100 and all(trn in page for trn in queue.trn)


@pytest.mark.parametrize("width", [1000, 1300])
def test_no_column_of_the_queue_is_cut(html, browser, width):
    page, _ = opened(browser, width=width)
    page.goto((html / "to_screen.html").as_uri())
    frame = page.locator(".queue .scroll")
    assert frame.evaluate("frame => frame.clientWidth >= frame.scrollWidth")
    seen_whole = "frame.clientHeight === frame.scrollHeight"
    assert frame.evaluate(f"frame => frame.clientHeight > 0.7 * innerHeight || {seen_whole}")


def test_the_numbers_of_the_first_page_are_those_of_the_tables(html, results):
    n = load_numbers(results)
    text = " ".join(re.sub(r"<[^>]+>", "", (html / "index.html").read_text(encoding="utf-8")).split())
    assert f"{n['n_included']} trials are included by {n['search_date']}" in text
    assert f"{n['n_records']} registry records were read for the {n['n_included']} included trials" in text


@pytest.fixture(scope="module")
def browser(html):
    """One browser for all pages; each test opens a context of its own. Started once the book is there, because notebooks
    cannot be run in a process in which the browser's event loop runs."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


def opened(browser, *, width=1300, scheme="light"):
    """A page that notes what goes wrong on it: errors, and requests to other hosts."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url))
    return page, wrong


# Tables, their rows and code are alike, and the contents stand beside each page; axe-core looks at each cell and each word.
_FEWER = """first => {
  for (const body of document.querySelectorAll("tbody")) [...body.rows].slice(3).forEach(row => row.remove())
  ;[...document.querySelectorAll("article .scroll")].slice(5).forEach(table => table.remove())
  ;[...document.querySelectorAll("div.cell_input")].slice(1).forEach(code => code.remove())
  if (!first) document.querySelector(".bd-sidebar-primary").remove()
}"""


# A page of each kind: what colours and width change is the same on others of its kind.
_EACH_KIND = {"01_ingest.html", "04_dose_effect.html", "trials.html", "to_screen.html", "ledger.html", "a trial"}
_EACH_KIND |= {"find_answer.html", "an answer"}


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (390, "dark")])
def test_a_reader_walks_the_whole_book(html, project, browser, width, scheme):
    """No error, no other host, nothing wider than the screen, every picture seen, nothing serious that axe-core finds."""
    from axe_playwright_python.sync_playwright import Axe

    # What a page is made of is looked at once; what colours and width change, in both.
    rules = {} if scheme == "light" else {"runOnly": ["color-contrast", "scrollable-region-focusable"]}
    page, wrong = opened(browser, width=width, scheme=scheme)
    page.goto((html / "index.html").as_uri())
    contents = page.locator(".bd-sidebar-primary nav a").evaluate_all("links => links.map(link => link.href)")
    visited = {link.rsplit("/", 1)[1].split("#")[0]: link for link in contents if link.startswith("file:")}
    chapters = {f"{path.stem}.html" for path in notebooks(project)}
    pages = {"trials.html", "to_screen.html", "data_and_limits.html", "how_to_cite.html", "references.html"}
    assert (
        chapters | pages | {"ledger.html", "methods.html", "glossary.html", "changelog.html", "history.html"}
        <= visited.keys()
    )
    visited |= {"a trial": (html / "trials/NCT04276987.html").as_uri()}
    visited |= {"an answer": (html / "answers/respiratory-nebulised.html").as_uri()}
    assert visited.keys() >= _EACH_KIND
    for name, link in visited.items():
        page.goto(link)
        assert page.locator("article h1").count() == 1, name
        pictures = page.locator("article img, main img")
        loaded = pictures.evaluate_all("images => images.map(i => [i.complete && i.naturalWidth > 0, i.alt])")
        assert all(whole and alt for whole, alt in loaded), name
        if name in chapters:
            assert page.locator("figure.finding img, figure.finding svg").count() >= 1, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if scheme == "dark" and name not in _EACH_KIND:
            continue
        page.evaluate(_FEWER, name == "01_ingest.html")
        # Without its preloading of style sheets, which a browser refuses to pages opened from a folder.
        options = {"preload": False, "resultTypes": ["violations"], **rules}
        found = Axe().run(page, options=options).response["violations"]
        serious = [
            (rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")
        ]
        assert not serious, name
    page.goto((html / "how_to_cite.html").as_uri())
    page.locator("mjx-container").wait_for()
    assert not wrong


def test_the_boxes_of_the_flow_lead_to_their_records_and_the_search_is_there(html, browser):
    page, wrong = opened(browser)
    page.goto((html / "02_screen.html").as_uri())
    boxes = page.locator("figure.finding svg a").evaluate_all("links => links.map(a => a.href.baseVal)")
    assert len(set(boxes)) >= 6
    for place in boxes:
        assert page.locator(f'[id="{place.removeprefix("#")}"]').count() == 1, place
    search = page.locator(
        "input[type=search]:visible, button.search-button-field:visible, button.search-button:visible"
    )
    assert search.count() == 1
    assert not wrong


def test_the_table_of_all_trials_filters_and_leads_to_a_trial(html, browser):
    page, wrong = opened(browser)
    page.goto((html / "trials.html").as_uri())
    frame = page.locator("#trials .scroll")
    assert frame.evaluate("frame => frame.clientWidth >= frame.scrollWidth")  # no column is cut
    page.locator("#trials").get_by_label("Route").select_option("Nebulised")
    shown = page.locator("#trials tbody tr:not([hidden])")
    assert 1 <= shown.count() < 25
    assert all("Nebulised" in text for text in shown.all_inner_texts())
    shown.first.locator("a").first.click()
    page.locator("h2", has_text="How it was coded").wait_for()
    assert not wrong


def test_the_ledger_of_claims_filters_by_the_whole_verdict(html, results, browser):
    ledger = read_csv(results / "audit.csv")
    page, wrong = opened(browser)
    page.goto((html / "ledger.html").as_uri())
    for verdict in ("source disagrees", "consistent"):  # which "inconsistent" and "consistent with source" hold, too
        page.get_by_label("Verdict").select_option(verdict)
        assert page.locator("#claims tbody tr:not([hidden])").count() == (ledger.verdict == verdict).sum()
    assert not wrong


def test_hostile_text_of_a_registry_shows_as_text(html, browser):
    page, wrong = opened(browser)
    answer = "answers/respiratory-nebulised.html"
    for name in ("trials.html", "trials/NCT04276987.html", answer, "to_screen.html", "ledger.html"):
        page.goto((html / name).as_uri())
        page.get_by_text("<script>document.title").first.wait_for()
        assert page.title() != "taken"
    assert not wrong


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("side effect", "07_certainty.html#which-harms-were-seen-beside-controls"),
        ("risk of bias", "07_certainty.html#can-the-reports-be-believed"),
        ("CD63", "07_certainty.html#what-was-given-exactly"),
        ("mortality", "07_certainty.html#what-was-found-and-how-certain-is-it"),
        ("ARDS nebulised dose", "answers/respiratory-nebulised.html"),
        ("harm", "answers/all-diseases-all-routes.html"),
        ("inhaled dose", "answers/all-diseases-nebulised.html"),
        ("phase 3", "answers/all-diseases-all-routes.html"),
        ("compare doses", "04_dose_effect.html#which-trials-under-way-could-settle-it"),
        ("GvHD", "answers/immunological-all-routes.html"),
        ("nebuliser", "answers/respiratory-nebulised.html"),
        ("licensed", "data_and_limits.html#what-was-not-looked-at"),
    ],
)
def test_the_search_of_a_book_in_a_folder_leads_to_the_page_that_answers_with_an_excerpt(html, browser, query, page):
    opened_page, wrong = opened(browser)
    opened_page.goto(f"{(html / 'search.html').as_uri()}?q={query}")
    first = opened_page.locator("#search-results ul.search > li").first
    first.locator("p.context").wait_for()
    assert first.locator("a").first.get_attribute("href").removesuffix("#index-0") == page
    assert len(first.locator("p.context").inner_text()) > 100
    assert not wrong


def test_a_search_without_result_says_so_plainly(html, browser):
    page, wrong = opened(browser)
    page.goto(f"{(html / 'search.html').as_uri()}?q=xyzzy")
    page.get_by_text("The book has nothing on these words").wait_for()
    assert not wrong


def test_each_heading_that_the_search_leads_to_is_there(html):
    titles = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", (html / "searchindex.js").read_text("utf-8"))[1])[
        "alltitles"
    ]
    for _, heading, _ in ANSWERS:
        assert any(title.startswith(heading) for title in titles), heading


def test_the_menus_of_the_book_lead_to_an_answer(html, browser):
    page, wrong = opened(browser)
    page.goto((html / "find_answer.html").as_uri())
    page.get_by_role("combobox", name="Disease").select_option("respiratory")
    page.get_by_role("combobox", name="Route").select_option("nebulised")
    page.locator("#ask-answer a").click()
    page.wait_for_url("**/answers/respiratory-nebulised.html")
    assert page.title().startswith("Lung and airways, nebulised") and not wrong


def test_every_page_has_its_policy_and_names_no_other_host_to_load_from(html):
    pages = {path.relative_to(html).as_posix(): path for path in html.rglob("*.html") if "_static" not in path.parts}
    assert {"index.html", "search.html", "genindex.html", "trials/NCT04276987.html"} <= pages.keys()
    for name, path in pages.items():
        text = path.read_text(encoding="utf-8")
        assert text.count('http-equiv="Content-Security-Policy"') == 1, name
        assert not re.search(r'<(?:script|img|iframe|source)\b[^>]*\ssrc="(?:https?:)?//', text), name
        assert not re.search(r'<link\b[^>]*rel="(?:stylesheet|preload|preconnect)"[^>]*href="(?:https?:)?//', text), (
            name
        )


@pytest.mark.parametrize("name", ["how_to_cite.html", "trials.html", "search.html"])
def test_what_is_put_into_a_page_afterwards_does_not_run(html, browser, name, tmp_path):
    """Neither a script, nor an attribute, nor a picture of another host; the page around them works."""
    put = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
    put += "<a href=\"javascript:document.title = 'taken'\" id=put>x</a><img src=https://example.org/x.png>"
    folder = shutil.copytree(html, tmp_path / "html", copy_function=os.link)  # other tests read that one
    altered = folder / f"altered_{name}"
    altered.write_text((html / name).read_text(encoding="utf-8").replace("</body>", f"{put}</body>"), "utf-8")
    page, wrong = opened(browser)
    page.goto(altered.as_uri())
    page.evaluate("document.getElementById('put').click()")
    awaited = {"inline script", "inline event handler", "https://example.org/x.png"}
    for _ in range(1200):  # two minutes at most
        refused = [text for text in wrong if "Content Security Policy" in text]
        missing = {what for what in awaited if not any(what in text for text in refused)}
        if not missing:
            break
        page.wait_for_timeout(100)
    assert not missing, wrong
    assert page.title() != "taken"


def test_no_column_of_a_table_is_cut_in_print(html, browser):
    page, _ = opened(browser, width=720)  # of a sheet of paper
    page.emulate_media(media="print")
    for name in ("01_ingest", "04_dose_effect", "05_audit"):
        page.goto((html / f"{name}.html").as_uri())
        ends = page.locator(".scroll table").evaluate_all("tables => tables.map(t => t.getBoundingClientRect().right)")
        assert ends
        assert max(ends) <= 720, name
        hidden = "e => getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth"
        assert not page.locator("article div").evaluate_all(f"all => all.filter({hidden}).length"), name


def test_an_answer_prints_on_two_sheets_at_most(html, browser):
    page, _ = opened(browser)
    largest = sorted((html / "answers").glob("*.html"), key=lambda path: path.stat().st_size)[-4:]
    assert "all-diseases-all-routes" in {path.stem for path in largest}
    for path in largest:
        page.goto(path.as_uri())
        assert len(re.findall(rb"/Type\s*/Page[^s]", page.pdf())) <= 2, path.stem


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_whole_book_prints_also_without_any_trial(run_of, tmp_path):
    data = build_pdf(project_copy(tmp_path), run_of("2010-07-27"), say=lambda text: None).read_bytes()
    assert data.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page[^s]", data)) > 20


def test_chapters_offer_to_be_launched_where_the_address_of_the_repository_is_known(
    project, results, tmp_path, monkeypatch
):
    for variable in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(variable, raising=False)
    path = shutil.copy2(ROOT / "book/_config.yml", tmp_path / "_config.yml")
    _add_launch_buttons(path, repository_address(ROOT / "CITATION.cff"))
    assert "launch_buttons" not in yaml.safe_load(path.read_text(encoding="utf-8"))
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://example.org")
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    assemble(project, results, tmp_path / "source")
    config = yaml.safe_load((tmp_path / "source/_config.yml").read_text(encoding="utf-8"))
    assert "launch_buttons" in config and config["repository"]["url"] == "https://example.org/a/b"


def _leads_there(place, text, places):
    menu, _, choice = place.partition("=")  # of a table that can be filtered
    return place in places or (choice and f'<select name="{menu}"' in text and f'<option value="{choice}"' in text)


def test_every_link_within_the_book_leads_to_a_place_that_is_there(html):
    texts = {path: path.read_text(encoding="utf-8") for path in html.rglob("*.html") if "_static" not in path.parts}
    places = {path: set(re.findall(r'\s(?:id|name)="([^"]+)"', text)) for path, text in texts.items()}
    broken = set()
    for path, text in texts.items():
        for link in re.findall(r'<a\s[^>]*?href="([^"]*)"', text):
            address, _, place = link.partition("#")
            if re.match(r"[a-z]+:", address) or link in ("", "#"):
                continue
            target = (path.parent / address).resolve() if address else path
            if not target.exists() or (
                place and target in places and not _leads_there(place, texts[target], places[target])
            ):
                broken.add((path.name, link))
    assert not broken


def test_every_included_trial_links_to_its_record(html, results):
    trials = read_table(results / "trials.csv", "trials")
    for row in trials.itertuples():
        page = html / f"trials/{page_name(row.trn)}.html"
        assert f'href="{row.record_url}"'.replace("&", "&amp;") in page.read_text(encoding="utf-8"), row.trn


def test_jupyter_book_by_hand_builds_the_book_that_make_builds(html, tmp_path):
    project = shutil.copytree(html.parents[2], tmp_path / "project")
    made = project / "book/_build/html"
    before = contents(made, STAMP)
    (made / "index.html").unlink()
    (made / "stray.html").write_text("of another book")
    done = typed(project, f"jupyter-book build {project / 'book'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert contents(made, STAMP) == before
    said = []
    build_book(project, project / "data/processed/2024-02-17", say=said.append)
    assert said == ["book: unchanged, nothing to do."]


@pytest.fixture
def site_of(tmp_path, monkeypatch):
    """Builds the site of two editions, whose books are a few pages of ours: the pages are given by edition."""

    def compiled(pages):
        def build_one(root, results, *, say):
            if pages[results.name] is None:
                raise InputError(f"no book of {results.name}")
            shutil.rmtree(tmp_path / "book/_build/html", ignore_errors=True)
            for name in pages[results.name]:
                text = "of no article" if name == "search.html" else f'<article class="a">{results.name}</article>'
                put(tmp_path, f"book/_build/html/{name}", f"<html><body>{text}</body></html>")

        monkeypatch.setattr("evlib.book.build.build_book", build_one)
        places = {"editions/2024-02-17": tmp_path / "2024-02-17", "": tmp_path / "2026-11-28"}
        return build_site(tmp_path, places, say=lambda text: None).parent

    return compiled


COMMON = ["index.html", "a.html", "search.html", "trials/x.html", "_static/frame.html"]


def test_the_site_holds_both_editions_and_each_page_leads_to_its_counterpart(site_of):
    site = site_of({"2024-02-17": [*COMMON, "trials/old.html"], "2026-11-28": [*COMMON, "trials/new.html"]})
    for home, day, other in (
        (site / "editions/2024-02-17", "2024-02-17", site),
        (site, "2026-11-28", site / "editions/2024-02-17"),
    ):
        for page in [path for path in home.rglob("*.html") if other == site or "editions" not in path.parts]:
            text, name = page.read_text(encoding="utf-8"), page.relative_to(home).as_posix()
            links = re.findall(r'<article class="a"><p class="edition">Edition of (\S+)\. .*?<a href="([^"]+)">', text)
            if name in ("search.html", "_static/frame.html"):
                assert not links
                continue
            (found,) = links
            there = name if (other / name).is_file() else "index.html"
            assert found[0] == day and (page.parent / found[1]).resolve() == (other / there).resolve(), name
            assert text.count(day) >= 1 and text.count("edition of ") == 1
    assert (site.parent / "html/trials/new.html").is_file()  # the book that was built last is the current one


def test_a_site_is_replaced_as_a_whole_or_not_at_all(site_of):
    pages = {"2024-02-17": COMMON, "2026-11-28": COMMON}
    site = site_of(pages)
    before = contents(site)
    for day in pages:
        with pytest.raises(InputError, match=f"no book of {day}"):
            site_of(pages | {day: None})
        assert contents(site) == before
    site.rename(site.with_name(".site.old"))  # as a kill between the two steps of a swap leaves it
    put(site.parent, ".site-abcdefgh/site/index.html", "of a killed build")
    with pytest.raises(InputError):
        site_of(pages | {"2024-02-17": None})
    assert contents(site) == before
    put(site, "stray.html", "of another site")
    site_of(pages)
    assert contents(site) == before  # no link twice, nothing left over
    assert not [path.name for path in site.parent.glob(".site*")]


@pytest.mark.parametrize("replicates", [True, False])
def test_make_site_builds_the_replication_edition_and_then_the_current_one(project, tmp_path, monkeypatch, replicates):
    text = (project / "protocol.yml").read_text(encoding="utf-8")
    put(tmp_path, "protocol.yml", text if replicates else re.sub("(?m)^replication_date.*\n", "", text))
    put(tmp_path, "notebooks/01_ingest.ipynb", "{}")
    built, site = [], tmp_path / "book/_build/site/index.html"
    monkeypatch.setattr("evlib.run.pipeline.run_with_comparison", lambda root, *, search_date, say: root / search_date)
    monkeypatch.setattr("evlib.book.build.build_site", lambda root, editions, *, say: built.append(editions) or site)
    done = evlib("site", cwd=tmp_path)
    assert done.returncode == 0 and "The site to publish: book/_build/site\n" in done.stdout, done.stderr
    days = {place: folder.name for place, folder in built[0].items()}
    both = {"editions/2024-02-17": "2024-02-17", "": "2026-11-28"}
    assert list(days.items()) == [(place, day) for place, day in both.items() if replicates or not place]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"(?m)^site: .*\n\t@\$\(PY\) -m evlib site$", makefile)
    assert "`make site`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_jupyter_book_says_in_a_sentence_what_to_run_first_and_leaves_the_book(html, tmp_path):
    """By hand after one trouble; after the others by what the command asks for the results."""
    project = shutil.copytree(html.parents[2], tmp_path / "project")
    results, made = project / "data/processed/2024-02-17", project / "book/_build/html"
    before = contents(made)
    assert default_results(project) == results
    protocol = (project / "protocol.yml").read_bytes()
    (project / "protocol.yml").write_bytes(protocol + b"\n# more\n")
    with pytest.raises(InputError, match=r"protocol\.yml changed .* make run"):
        default_results(project)
    (project / "protocol.yml").write_bytes(protocol)
    with (results / "flow.csv").open("a") as file:
        file.write("\n# more\n")
    done = typed(project, "jupyter-book build book/")
    assert done.returncode and contents(made) == before
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "flow.csv changed" in last and "make run" in last
    shutil.rmtree(results)
    with pytest.raises(InputError, match=r"no results of a run .* make run"):
        default_results(project)


def test_each_number_of_the_first_page_leads_to_its_table_or_records():
    text = (ROOT / "book/index.md").read_text(encoding="utf-8")
    points = text.partition("## In numbers")[2].partition("\n## ")[0].split("\n- ")[1:]
    assert len(points) > 4
    assert [point for point in points if "](" not in point] == []
    labels = {
        label for path in notebooks(ROOT) for label in re.findall(r"\(([\w-]+)\)=\\n", path.read_text(encoding="utf-8"))
    }
    named = re.findall(r"\]\(([\w-]+)\)", text)
    assert set(named) <= labels and "particles-per-administration" in named
