"""The screening view, driven as its front end would: by buttons and keys; each decision is on disk before the next record."""

import re

import pandas as pd
import pytest
from ipywidgets import HTML, Button, Text, VBox

from evlib.base.errors import InputError
from evlib.base.schema import checked, columns, read_csv
from evlib.screen import judging
from evlib.screen.screening_view import record_card, screening_view

TRNS = ["NCT00000001", "NCT00000002", "NCT00000003"]


@pytest.fixture
def queue():
    rows = [
        {
            "trn": trn, "needs": "first decision", "title": f"MSC exosomes <b>{i}</b>", "registry": "ChiCTR",
            "proposal": "exclude" if i else "include", "proposed_criterion": "E3" if i else None,
            "proposed_reason": "'exosomes' in brief_title", "record_url": "https://example.org/x",
            "interventions": "Placebo: exosome-free medium | MSC-EVs",
        }
        for i, trn in enumerate(TRNS)
    ]  # fmt: skip
    return checked(pd.DataFrame(rows).reindex(columns=columns("to_screen")), "to_screen")


def opened(queue, folder, review, reviewer="Ana"):
    """The view and its parts: buttons by name, the field for keys, the field for a reason, and what it shows as text."""
    view = screening_view(queue, reviewer=reviewer, folder=folder, protocol=review)
    parts, todo = [], [view]
    while todo:
        part = todo.pop(0)
        parts.append(part)
        todo += getattr(part, "children", ())
    buttons = {b.description.split(" (")[0].lower(): b for b in parts if isinstance(b, Button)}
    texts = {t.description: t for t in parts if isinstance(t, Text)}
    return buttons, texts, lambda: " ".join(h.value for h in parts if isinstance(h, HTML))


def saved(folder, reviewer="ana"):
    rows = read_csv(folder / f"{reviewer}.csv")
    return dict(zip(rows.trn, rows.decision))


def test_buttons_save_one_decision_after_the_other(queue, tmp_path, review):
    buttons, texts, shown = opened(queue, tmp_path, review)
    assert "<b>0</b> of 3 judged by Ana" in shown()
    buttons["include"].click()
    assert saved(tmp_path) == {TRNS[0]: "include"}
    texts["Reason"].value = "registered afterwards"
    buttons["exclude"].click()
    row = read_csv(tmp_path / "ana.csv").set_index("trn").loc[TRNS[1]]
    assert (row.criterion, row.reason, row.reviewer) == ("E3", "registered afterwards", "Ana")
    assert row.date
    buttons["later"].click()
    assert "<b>2</b> of 3" in shown()
    buttons["unclear"].click()
    assert "All records of the queue are judged" in shown()
    assert saved(tmp_path) == dict(zip(TRNS, ("include", "exclude", "unclear")))


def test_keys_do_the_same_a_digit_chooses_the_criterion_and_back_goes_back(queue, tmp_path, review):
    _, texts, _ = opened(queue, tmp_path, review)
    keys = texts["Keys"]
    for typed in ("i", "i4", "i4e", "i4eb", "i4ebu"):
        keys.value = typed
    assert saved(tmp_path) == {TRNS[0]: "include", TRNS[1]: "unclear"}
    keys.value = "i4ebu5e"
    assert read_csv(tmp_path / "ana.csv").set_index("trn").criterion[TRNS[2]] == "E5"


def test_later_takes_a_decision_back_and_a_new_session_goes_on(queue, tmp_path, review):
    buttons, _, _ = opened(queue, tmp_path, review)
    buttons["include"].click()
    buttons["back"].click()
    buttons["later"].click()
    assert saved(tmp_path) == {TRNS[0]: "later"}
    assert judging.own_decisions(tmp_path, known=set(TRNS), protocol=review)[0].empty
    buttons, _, shown = opened(queue, tmp_path, review)
    assert "<b>0</b> of 3" in shown()
    buttons["unclear"].click()
    _, _, shown = opened(queue, tmp_path, review)
    assert "<b>1</b> of 3" in shown()


def test_what_one_decided_in_a_spreadsheet_is_judged_already(queue, tmp_path, review):
    (tmp_path / "ana-maría.2.csv").write_text(f"trn,decision\n{TRNS[0]},include\n", encoding="utf-8")
    _, _, shown = opened(queue, tmp_path, review, reviewer="Ana María")
    assert "<b>1</b> of 3" in shown()


def test_a_decision_that_cannot_be_saved_keeps_the_record_in_view(queue, tmp_path, review):
    buttons, _, shown = opened(queue, tmp_path, review)
    (tmp_path / "ana.csv").write_bytes(b"\xff\xfe not a table")
    before = (tmp_path / "ana.csv").read_bytes()
    buttons["include"].click()
    assert "Not saved." in shown()
    assert "<b>0</b> of 3" in shown()
    assert (tmp_path / "ana.csv").read_bytes() == before
    (tmp_path / "ana.csv").unlink()
    buttons["include"].click()
    assert saved(tmp_path) == {TRNS[0]: "include"}


def test_a_reviewer_does_not_see_the_others_but_the_one_who_settles_does(queue, tmp_path, review):
    judging.save_decision(tmp_path, TRNS[0], "include", reviewer="Ben", protocol=review)
    judging.save_decision(tmp_path, TRNS[0], "unclear", reviewer="Cem", protocol=review)
    _, _, shown = opened(queue, tmp_path, review)
    assert "Ben" not in shown()
    buttons, _, shown = opened(queue, tmp_path, review, reviewer="adjudicated")
    assert "Ben: include; Cem: unclear" in shown()
    assert "of 1 judged" in shown()
    buttons["include"].click()
    assert saved(tmp_path, "adjudicated") == {TRNS[0]: "include"}


def test_registry_text_is_escaped_and_only_the_words_that_count_are_marked(queue, review):
    card = record_card(queue.iloc[0].to_dict(), protocol=review, said=[], before=None)
    assert "&lt;b&gt;0&lt;/b&gt;" in card
    marked = [part.split(">", 1)[1].split("</mark>")[0] for part in card.split("<mark")[1:]]
    assert marked == ["MSC", "exosomes", "MSC", "EVs"]


def test_in_a_summary_the_words_of_the_search_are_marked_and_all_else_is_text(queue, tmp_path, review):
    told = {"summary": "<i>EVs</i> | of MSCs; EVsion", "search_words": "EVs | MSCs"}
    card = record_card(queue.iloc[0].to_dict() | told, protocol=review, said=[], before=None)
    row = re.search(r">Summary</th>.*?</tr>", card)[0]
    assert "&lt;i&gt;" in row and "<i>" not in row
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", row) == ["EVs", "MSCs"]
    assert "Summary" not in record_card(queue.iloc[0].to_dict(), protocol=review, said=[], before=None)
    assert "In summaries" not in opened(queue, tmp_path, review)[2]()
    assert "In summaries" in opened(queue.assign(**told), tmp_path, review)[2]()


def test_without_a_name_it_says_how_to_begin_and_a_machines_name_is_refused(queue, tmp_path, review):
    assert "make screen REVIEWER=name" in screening_view(queue, reviewer="", folder=tmp_path, protocol=review).data
    with pytest.raises(InputError, match="cannot be a reviewer's name"):
        screening_view(queue, reviewer="R1", folder=tmp_path, protocol=review)
    assert isinstance(screening_view(queue, reviewer="Ana", folder=tmp_path, protocol=review), VBox)
