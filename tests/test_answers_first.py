"""A chapter's page begins with its answer; the figures for later have a page of their own; nothing is lost on the way."""

import nbformat
import pandas as pd
import pytest
from conftest import ROOT

from evlib.base.schema import columns
from evlib.base.words import numbered
from evlib.book.chapter_pages import ANSWER, MORE_FIGURES, NOTEBOOK_ONLY, answer_first, figures_apart
from evlib.describe.in_short import trials_in_short

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OPENING = "# Which?\n\nRecords come in.\n\n**Overview**\n\n| | |\n| --- | --- |\n| Time | 1 minute |"


def markdown(text, *tags):
    return nbformat.v4.new_markdown_cell(text, metadata={"tags": list(tags)})


def code(shown, *tags):
    outputs = [nbformat.v4.new_output("display_data", data={"text/markdown": shown})] if shown else []
    return nbformat.v4.new_code_cell("work()", metadata={"tags": list(tags)}, outputs=outputs)


def chapter(answer="1. Nine of ten."):
    cells = [
        *(markdown(OPENING), markdown("## How many & <why>?\n\nText.\n\n## Try it"), code("other")),
        *(markdown("## More figures\n\n### Where?", MORE_FIGURES), code("a map", MORE_FIGURES)),
        *(markdown("## In short", NOTEBOOK_ONLY), code(answer, ANSWER)),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def test_a_page_begins_with_the_answer_that_was_computed_and_leads_to_the_steps():
    page = answer_first(chapter())
    first = page.cells[0].source
    parts = [
        first.index(text) for text in ("# Which?", "1. Nine of ten.", "How this was done", "Records come in.", "| Time")
    ]
    assert parts == sorted(parts)
    assert '<a href="#how-many-why">How many &amp; &lt;why&gt;?</a>' in first
    assert "#try-it" not in first
    assert "**Overview**" not in first
    assert not any("In short" in cell.source for cell in page.cells)
    shown = [output.data["text/markdown"] for cell in page.cells for output in cell.get("outputs", [])]
    assert shown == ["other", "a map"]
    nbformat.validate(page)


def test_a_chapter_without_an_answer_stays_as_it_is():
    assert answer_first(chapter(answer="")).cells[0].source == OPENING


def test_figures_for_later_have_a_page_of_their_own():
    notebook = chapter()
    page = figures_apart(notebook, title="More figures", about="Fact by fact.")
    assert [cell.source for cell in page.cells] == ["# More figures\n\nFact by fact.", "## Where?", "work()"]
    assert len(notebook.cells) == 5
    assert figures_apart(notebook, title="More figures", about="") is None
    nbformat.validate(page)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_chapter_has_one_answer_and_folds_what_is_no_lesson(path):
    cells = nbformat.read(path, as_version=4).cells
    tags = [cell.metadata.get("tags", []) for cell in cells]
    assert sum(ANSWER in own for own in tags) == 1
    heading = next(i for i, own in enumerate(tags) if NOTEBOOK_ONLY in own)
    answer = next(i for i, own in enumerate(tags) if ANSWER in own)
    assert cells[heading].source.startswith("## ") and len(cells[heading].source.splitlines()) == 1 and heading < answer
    for cell, own in zip(cells, tags, strict=True):
        plumbing = cell.source.startswith(("import ", "from ")) or "parameters" in own
        assert not (cell.cell_type == "code" and plumbing) or "hide-input" in own, cell["id"]
        assert not ("lesson" in own and "hide-input" in own), cell["id"]


def test_the_trials_in_short_are_counted_and_an_empty_review_says_so(review):
    rows = [
        {
            "trn": "1",
            "screening": "included",
            "disease_area": "skin",
            "route": "topical",
            "route_group": "local",
            "enrolment": 10,
            "status": "Completed",
        },
        {"trn": "2", "screening": "included", "disease_area": "skin", "enrolment": 30, "results_posted": True}
        | {"route_group": "local"},
        {"trn": "3", "screening": "pending", "disease_area": "eye", "enrolment": 999},
    ]
    table = pd.DataFrame(rows).reindex(columns=columns("described"))
    table["registered"] = pd.to_datetime(table.registered)
    text = numbered(trials_in_short(table, protocol=review))
    for words in (
        "**2 trials**",
        "skin (2 of 2 that state it)",
        "topical (1 of 1 ",
        "local (2 of 2 ",
        "enrolment is 20 (n = 2",
        "1 completed trial, 0",
    ):
        assert words in text, words
    assert "eye" not in text.lower()
    stated = pd.DataFrame({"dose": [False, False], "allocation": [True, True], "masking": [True, False]})
    whole = table.assign(**dict.fromkeys(("msc_source", "phase_group", "design", "countries"), "x"), route="topical")
    assert "does not state: dose (2) and masking (1);" in trials_in_short(whole, protocol=review, stated=stated)[2]
    assert numbered(trials_in_short(table[2:], protocol=review)).startswith("1. No trial is included")
