"""Lay out the source of a run's book: the prose pages with its numbers, its chapters, a page for each trial, downloads."""

import ast
import html
import json
import re
import shutil
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pandas as pd
import yaml

from evlib.base.files import write_text
from evlib.base.paths import command_ending, place_of, repository
from evlib.base.protocol import load_protocol
from evlib.base.schema import read_csv, read_table, write_csv
from evlib.base.tables import table
from evlib.base.words import filled, load_numbers, several
from evlib.book.chapter_pages import answer_first, figures_apart, for_phones, with_figure_files
from evlib.book.checklists import checklist_words, read_checklists
from evlib.book.dataset import citation_words, copy_table, repository_address, write_dataset
from evlib.book.glossary import glossary_page, linked, read_glossary
from evlib.book.history import history_words, write_feed
from evlib.book.inferred import inferred, inferred_to_browse, kinds_in_words
from evlib.book.lessons.chapters import Chapter, chapters_of
from evlib.book.lessons.pages import cell_index, for_the_book, write_lessons
from evlib.book.look_up.inside import write_inside
from evlib.book.look_up.pages import drop_look_up_pages, write_look_up_pages
from evlib.book.look_up.question_pages import write_answers
from evlib.book.page_policy import refuse_scripts
from evlib.book.record_history import trace, traced_tables
from evlib.book.teaching.materials import write_class_materials
from evlib.book.trials.trial_links import pages_of_trials, with_trial_links
from evlib.book.trials.trial_pages import claims_to_browse, page_name, trial_page, trials_to_browse
from evlib.run.beside import beside
from evlib.run.pipeline import with_values
from evlib.screen.judging import exclusion_criteria

# What 06_update writes; a run without an earlier search has none of them.
_UPDATE_TABLES = {
    "headlines.csv": "a number of the first page, in the earlier and this search",
    "trial_changes.csv": "a trial that is new since the earlier search, or no longer included",
    "prisma2020_update.csv": "a box of the flow of the update, as the R package PRISMA2020 reads it",
    "record_changes.csv": "a field of a record that changed since the earlier search",
    "screened_before.csv": "a record of the earlier search, with what became of it there",
}
_MORE_FIGURES = "more_figures.ipynb"
_WITHOUT_TERMS = {"glossary.md", "changelog.md"}  # pages on which a word is not linked to its meaning
# Targets of make that take REVIEW=, and folders that each review has: pages name them as they are for the first review.
_REVIEW_TARGETS = re.compile(r"\bmake (?:book|check|fetch|lesson|open|pdf|run|screen|sweep|trace|update)\b(?! REVIEW=)")
_REVIEW_FOLDERS = re.compile(r"(?<![\w/])(?=data/(?:raw|processed)\b)")


def lay_out(root: Path, results: Path, source: Path) -> None:
    """Write the source of the book of a review's run as jupyter-book reads it, in place of what is in the folder.

    What no page is made of is left to ``write_downloads``.

    Raises
    ------
    InputError
        Where a page names a number that no chapter saved, or an output of a chapter could run a script.
    """
    shutil.rmtree(source, ignore_errors=True)
    protocol = load_protocol(root / "protocol.yml")
    _lay_out_pages(root, source, protocol)
    _drop_absent_chapters(source / "_toc.yml", results)
    drop_look_up_pages(results, source)
    address = repository_address(repository(root) / "CITATION.cff")
    _add_launch_buttons(source / "_config.yml", address)
    words = {"whats_new": "This book was made without an earlier search to compare with."} | load_numbers(results)
    words |= history_words(root, results)
    compared = (results / "06_update.ipynb").is_file()
    words["each_new_trial"] = " ([each, and why it is included](06_update.ipynb))" if compared else ""
    words["where_the_project_is"] = (
        f"a copy of [its repository]({address})."
        if address
        else "a copy of its repository. **This copy of the site names no public address of it**: who has the site alone cannot type these "
        "commands."
    )
    words["chapter_of_update"] = (
        "[](06_update.ipynb)" if compared else "the chapter of later editions that compares two searches"
    )
    words["update_tables"] = "\n".join(
        f'| <a href="{name}" download>{name}</a> | {row} |'
        for name, row in _UPDATE_TABLES.items()
        if (results / name).is_file()
    )
    words |= _queue_words(results, protocol)
    for path in results.glob("figures/*.txt"):
        figure, _, title = path.stem.partition(".")
        words[f"{'title' if title else 'alt'}_{figure}"] = text = path.read_text(encoding="utf-8").strip()
        if not title:
            image = f'<img alt="{html.escape(" ".join(text.split()), quote=True)}" src="figures/{figure}.svg">'
            picture, hint = for_phones(image, figure, results / "figures")
            words[f"figure_{figure}"] = f'<figure class="finding">{picture}<figcaption>{hint}</figcaption></figure>'
    meanings = read_glossary(source / "glossary.csv")
    words["glossary"] = glossary_page(meanings)
    checklists = read_checklists(source / "checklists.csv")
    pages = {path.stem for path in [*source.glob("*.md"), *results.glob("[0-9][0-9]_*.ipynb")]}
    words |= checklist_words(checklists, pages=pages)
    if len(checklists):
        write_csv(checklists, source / "_extra" / "checklists.csv")
    change_log = (repository(root) / "CHANGELOG.md").read_text(encoding="utf-8")
    words["changelog"] = change_log.partition("\n")[2].strip()  # without its own heading
    words |= {"title": protocol["title"], "question": protocol["question"].strip()}
    words["dataset"] = _dataset_name(root)
    words["transcription_error"] = _section(root / "data" / "raw" / "README.md", "How well it was transcribed")
    if (source / "how_to_cite.md").is_file():
        dates = {name: words[name] for name in ("search_date", "snapshot")}
        words |= citation_words(repository(root) / "CITATION.cff", change_log=change_log, **dates)
    words["most_asked"] = ""
    inferences = inferred(results, root / "data" / "raw")
    words["inferred_kinds"] = kinds_in_words(inferences)
    chapters = chapters_of(results)
    words["cell_index"] = cell_index(chapters, repository=address)
    others = partial(_write_trials_and_chapters, root, results, source, protocol, inferences, chapters, meanings)
    with beside(others) as wait_for_others:
        if (source / "find_answer.md").is_file():
            words |= write_answers(results, root / "data" / "raw", source, protocol=protocol)
        if (source / "plans.md").is_file():
            lessons, raw = source / "_extra" / "lessons", root / "data" / "raw"
            words["class_materials"] = write_class_materials(
                results, lessons, words=words, raw_dir=raw, protocol=protocol
            )
        for page in sorted(source.glob("*.md")):
            text = filled(page.read_text(encoding="utf-8"), words, page=page.name)
            write_text(page, text if page.name in _WITHOUT_TERMS else linked(text, meanings, set()))
        wait_for_others()
    shutil.copytree(results / "figures", source / "figures")
    _copy_mathjax(source / "_extra" / "mathjax")  # whose checksum stands on pages
    write_feed(root, results, source / "_extra", title=protocol["title"])
    shutil.copy2(results / "run.json", source / "_extra" / "run.json")


def _write_trials_and_chapters(
    root: Path,
    results: Path,
    source: Path,
    protocol: dict,
    inferences: pd.DataFrame,
    chapters: dict[str, Chapter],
    meanings: pd.DataFrame,
) -> None:
    """Write what no word of the prose pages depends on: the pages of trials and chapters, and the tables to browse and look up."""
    write_look_up_pages(results, source, protocol)
    pages_of = _write_trials(root, results, source, protocol)
    if (source / "inferred.md").is_file():
        write_csv(inferences, source / "_extra" / "inferred.csv")
        write_text(source / "inferred_table.html", inferred_to_browse(inferences, pages_of))
    if (results / "audit.csv").is_file():
        write_text(source / "ledger_table.html", claims_to_browse(read_csv(results / "audit.csv")))
    with_code: dict[str, nbformat.NotebookNode] = {}
    for path in sorted(results.glob("[0-9][0-9]_*.ipynb")):
        executed = nbformat.read(path, as_version=4)
        with_code[path.stem] = nbformat.v4.new_notebook(cells=list(executed.cells))
        refuse_scripts(executed, path.name)
        figured = with_figure_files(readable(executed), results / "figures")
        notebook = with_trial_links(for_the_book(figured, chapters[path.stem]), pages_of)
        figures = _more_figures(notebook, source, path.stem)
        if figures:
            with_code[_MORE_FIGURES.partition(".")[0]] = with_code[path.stem]
        for page, name in ((answer_first(notebook), path.name), *([(figures, _MORE_FIGURES)] if figures else [])):
            seen: set[str] = set()
            for cell in page.cells:
                if cell.cell_type == "markdown":
                    cell.source = linked(cell.source, meanings, seen)
            write_text(source / name, nbformat.writes(page) + "\n")
    write_inside(source, with_code)


def write_downloads(root: Path, results: Path, folder: Path) -> None:
    """Write what readers of a run's book can download, and no page is made of, into a folder."""
    protocol = load_protocol(root / "protocol.yml")
    write_dataset(results, folder / f"{_dataset_name(root)}.zip", root=root, protocol=protocol)
    shutil.copytree(results / "figures", folder / "figures", dirs_exist_ok=True)
    if _lists(root / "book", "teaching"):
        write_lessons(results, chapters_of(results), folder / "lessons", protocol=protocol)
    for path in results.glob("*.csv"):
        if path.name != "summaries.csv":  # for the queue alone
            copy_table(path, folder / path.name, protocol=protocol)


def _more_figures(notebook: nbformat.NotebookNode, source: Path, chapter: str) -> nbformat.NotebookNode | None:
    """The page of more figures, taken out of the chapter that draws them, where the book's table of contents has such a page."""
    if not _lists(source, _MORE_FIGURES.partition(".")[0]):
        return None
    about = f"What [the chapter on the trials]({chapter}.ipynb) counts, fact by fact and two facts at a time."
    return figures_apart(notebook, title="More figures", about=about)


def _lists(book: Path, page: str) -> bool:
    """Whether the table of contents of a book has a page."""
    return f"file: {page}\n" in (book / "_toc.yml").read_text(encoding="utf-8") + "\n"


def _section(path: Path, heading: str) -> str:
    """What a file in Markdown says under a heading; that nothing is on file, where it has none."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^## {re.escape(heading)}\n+(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else "Nothing is on file of it."


def _dataset_name(root: Path) -> str:
    """The name of the file with the whole data set: the project's, or that of another review."""
    return "evtrials" if repository(root) == root.resolve() else root.resolve().name


def _lay_out_pages(root: Path, source: Path, protocol: dict) -> None:
    """The pages of a book and what they need, before any word is filled in.

    Another review than the first has a few pages of its own in ``book``; the other pages that its table of contents names,
    the style and the references are the repository's.
    """
    home = repository(root)
    shutil.copytree(root / "book", source, ignore=shutil.ignore_patterns("_build"))
    if home == root.resolve():
        return
    shutil.copytree(home / "book" / "_static", source / "_static", dirs_exist_ok=True)
    toc = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
    pages = re.findall(r"'file': '(\w+)'", str(toc))
    for name in ("_config.yml", "references.bib"):
        if not (source / name).is_file():
            shutil.copy2(home / "book" / name, source / name)
    for name in (f"{page}.md" for page in pages):
        if not (source / name).is_file() and (home / "book" / name).is_file():
            page = (home / "book" / name).read_text(encoding="utf-8")
            write_text(source / name, _for_another_review(page, root, pages))
    config = (source / "_config.yml").read_text(encoding="utf-8").splitlines()
    facts = {"title": protocol["title"], "author": "", "copyright": "registry facts: cite the registries; code MIT"}
    lines = {name: f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()}
    write_text(source / "_config.yml", "\n".join(lines.get(line.partition(":")[0], line) for line in config) + "\n")


def _for_another_review(page: str, root: Path, pages: list[str]) -> str:
    """A page of the repository's book for that of another review: its commands and folders are that review's, and links to
    pages that its book lacks become plain text."""
    name = command_ending(root).rpartition("=")[2]
    page = _REVIEW_TARGETS.sub(rf"\g<0> REVIEW={name}", page)
    page = page.replace(".venv/bin/python -m evlib", f"EVTRIALS_REVIEW={name} .venv/bin/python -m evlib")
    page = _REVIEW_FOLDERS.sub(f"{place_of(root)}/", page)
    return re.sub(r"\[([^\]]+)\]\((\w+)\.md\)", lambda link: link[0] if link[2] in pages else link[1], page)


def _drop_absent_chapters(toc: Path, results: Path) -> None:
    """Leave out of the table of contents the chapters that the run did not make (06_update without an earlier search)."""
    kept = []
    for line in toc.read_text(encoding="utf-8").splitlines(keepends=True):
        chapter = re.fullmatch(r"\s*- file: ([0-9]{2}_\w+)\s*", line)
        if not chapter or (results / f"{chapter[1]}.ipynb").is_file():
            kept.append(line)
    write_text(toc, "".join(kept))


def _add_launch_buttons(config: Path, address: str) -> None:
    """Let each chapter offer to open on Binder and Colab, where the repository's address is known."""
    if not address:
        return
    text = config.read_text(encoding="utf-8")
    text += f"\nrepository:\n  url: {address}\n  path_to_book: notebooks\n  branch: main\n"
    text += "\nlaunch_buttons:\n  binderhub_url: https://mybinder.org\n  colab_url: https://colab.research.google.com\n"
    write_text(config, text)


def _queue_words(results: Path, protocol: dict) -> dict[str, str]:
    """The queue and the codes to exclude by, as tables for the page that shows them."""
    queue = read_table(results / "to_screen.csv", "to_screen")
    proposed = queue.proposal.str.cat(" (" + queue.proposed_criterion + ")", na_rep="")
    shown = queue[["trn", "proposed_reason", "title", "registered", "needs"]]
    shown.insert(1, "proposal", proposed.where(queue.proposal.notna()))
    queue_table = table(
        shown,
        caption=several(len(queue), "record that is not yet read", "records that are not yet read"),
        urls=queue.record_url,
    )
    said = queue.dropna(subset=["summary", "search_words"], how="all")
    caption = f"{several(len(said), 'of these records shows', 'of these records show')} a summary, here with the words of the search that stand in it"
    summaries = table(said[["trn", "search_words", "summary"]], caption=caption, urls=said.record_url).data
    codes = pd.DataFrame(exclusion_criteria(protocol).items(), columns=["code", "excluded because"])
    return {
        "queue": f'<div class="queue">{queue_table.data}</div>' + (summaries if len(said) else ""),
        "exclusion_codes": table(codes, caption="Criteria of exclusion").data,
    }


def _write_trials(root: Path, results: Path, source: Path, protocol: dict) -> dict[str, tuple[str, str]]:
    """The table of all trials, and a page for each; returns where each trial and report is."""
    described = read_table(results / "described.csv", "described")
    rows = traced_tables(results, raw_dir=root / "data" / "raw")
    stories = [trace(trn, rows, run=results.name, protocol=protocol) for trn in described.trn]
    changed = results / "record_changes.csv"
    changes = read_csv(changed) if changed.is_file() else None
    files = {"doses": results / "doses.csv", "results": root / "data/raw/curation/studies.csv"}
    without = [name for name, path in files.items() if not path.is_file()]
    write_text(source / "trials_table.html", trials_to_browse(described, stories, protocol=protocol, without=without))
    for story, url in zip(stories, described.record_url, strict=True):
        page = trial_page(story | {"record_url": url}, changes, without=without)
        write_text(source / "trials" / f"{page_name(story['trn'])}.md", page)
    return pages_of_trials(stories, page_name=page_name)


def readable(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An executed notebook as a reader should see it: one parameters cell, with the values that this run used.

    papermill adds a cell of its own with the values; here they take the place of the defaults, comments kept.
    """
    injected = [cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    notebook.cells = [cell for cell in notebook.cells if cell not in injected]
    values = dict(re.findall(r"^(\w+) = (.+)$", "\n".join(cell.source for cell in injected), re.MULTILINE))
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, {name: ast.literal_eval(value) for name, value in values.items()})
    return notebook


def _copy_mathjax(target: Path) -> None:
    """MathJax and its fonts from the installed package; the rest of it (speech, menus in 20 languages) is left out."""
    carrier = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static" / "mathjax"
    shutil.copytree(carrier / "output" / "chtml" / "fonts", target / "output" / "chtml" / "fonts")
    shutil.copy2(carrier / "tex-mml-chtml.js", target / "tex-mml-chtml.js")
