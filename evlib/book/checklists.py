"""Reporting checklists of the field: which of their items the book reports, and where; which not, and why."""

import html
import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import read_csv

COLUMNS = ["checklist", "item", "topic", "where", "not_done"]
REPORTED, IN_PART, NOT_DONE = "yes", "in part", "no"  # how a cell says it
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]*)\)")
_PLACE = re.compile(r"(\w+)\.html(?:#[\w-]+)?")  # a page of the book, or a place on it


def read_checklists(path: str | Path) -> pd.DataFrame:
    """A row for each item, or part of one: ``checklist, item, topic, where, not_done``; no rows without a file (another review's).

    ``where`` links to the pages that report it, ``not_done`` says what is not done and why; an item with both is done in part.

    Raises
    ------
    InputError
        Naming the item that has neither, is there twice, or links to anything but a page of the book.
    """
    items = read_csv(path, needs=COLUMNS, optional=True)[COLUMNS]
    twice = items.duplicated(["checklist", "item"])
    for row, again in zip(items.itertuples(), twice, strict=True):
        if again:
            trouble = "is there twice. Leave one out, or number its parts (13a, 13b)"
        elif pd.isna(row.where) and pd.isna(row.not_done):
            trouble = "needs a place in the column 'where', or a reason in 'not_done'"
        elif pd.notna(row.where) and not _LINK.search(row.where):
            trouble = "needs a link in 'where', such as [the criteria](02_screen.html#the-criteria-of-the-review)"
        elif wrong := [place for place in _places_of(row) if not _PLACE.fullmatch(place)]:
            trouble = f"links to '{wrong[0]}', which is no page of the book. Write page.html or page.html#place"
        else:
            continue
        raise InputError(f"{path}, {row.checklist}, item {row.item}: it {trouble}.")
    return items


def places(items: pd.DataFrame) -> list[str]:
    """Every page, and place on a page, to which the checklists link: ``page.html`` or ``page.html#place``, each once."""
    return list(dict.fromkeys(place for row in items.itertuples() for place in _places_of(row)))


def state(items: pd.DataFrame) -> pd.Series:
    """Whether each row is reported: yes, in part or no.

    Examples
    --------
    >>> state(pd.DataFrame({"where": ["[a](a.html)", None], "not_done": ["why", "why"]})).tolist()
    ['in part', 'no']
    """
    only_where = pd.Series(REPORTED, index=items.index).where(items.not_done.isna(), IN_PART)
    return only_where.where(items["where"].notna(), NOT_DONE)


def state_of_items(items: pd.DataFrame) -> pd.Series:
    """The state of each numbered item of one checklist, its parts (13a, 13b) together; those that differ are *in part*."""
    number = items.item.str.extract(r"^(L?\d+)", expand=False).fillna(items.item)
    return (
        state(items).groupby(number, sort=False).agg(lambda parts: parts.iloc[0] if parts.nunique() == 1 else IN_PART)
    )


def of_book(items: pd.DataFrame, pages: Collection[str]) -> pd.DataFrame:
    """The checklists for a book that has these pages alone: an item that only others report is not done there."""
    told = items["where"].map(
        lambda text: any(place.partition(".")[0] in pages for _, place in _LINK.findall(text)), "ignore"
    )
    lost = told.eq(False)
    why = "told in a chapter that is not in this book" + ("; " + items.not_done).fillna("")
    return items.assign(where=items["where"].mask(lost), not_done=items.not_done.mask(lost, why))


def checklist_words(items: pd.DataFrame, *, pages: Collection[str]) -> dict[str, str]:
    """For each checklist its count in a sentence, with its table (HTML), by the name under which the page asks for it.

    Parameters
    ----------
    items
        From ``read_checklists``.
    pages
        The pages of this book, without ending; a link to another becomes words that say that the book lacks it.
    """
    lists = of_book(items, pages).groupby("checklist", sort=False)
    names = {name: "checklist_" + re.sub(r"\W+", "_", name).lower() for name in lists.groups}
    return {names[name]: f"{_count(part)}\n\n{_table(part, name, pages)}" for name, part in lists}


def _places_of(row: tuple) -> list[str]:
    cells = (text for text in (row.where, row.not_done) if isinstance(text, str))
    return [place for text in cells for _, place in _LINK.findall(text)]


def _count(items: pd.DataFrame) -> str:
    states = state_of_items(items)
    n = states.value_counts().reindex([REPORTED, IN_PART, NOT_DONE], fill_value=0)
    return f"**Of {len(states)} items: {n[REPORTED]} reported, {n[IN_PART]} in part, {n[NOT_DONE]} not done.**"


def _table(items: pd.DataFrame, name: str, pages: Collection[str]) -> str:
    head = "".join(
        f'<th scope="col">{text}</th>'
        for text in ("item", "what it asks for", "reported", "where in the book", "not done, and why")
    )
    rows = "".join(
        f"<tr><td>{html.escape(row.item)}</td><td>{_shown(row.topic, pages)}</td><td>{done}</td>"
        f'<td class="long">{_shown(row.where, pages)}</td><td class="long">{_shown(row.not_done, pages)}</td></tr>'
        for row, done in zip(items.itertuples(), state(items), strict=True)
    )
    label = html.escape(f"{name}: where each item is reported", quote=True)
    return (
        f'<div class="scroll whole" tabindex="0" role="region" aria-label="{label}"><table aria-label="{label}">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _shown(text: str | float, pages: Collection[str]) -> str:
    """The few marks of Markdown that a cell may hold, as HTML: links, `code` and *emphasis*; all else is escaped."""
    if not isinstance(text, str):
        return "–"

    def link(found: re.Match[str]) -> str:
        there = found[2].partition(".html")[0] in pages
        return f'<a href="{found[2]}">{found[1]}</a>' if there else f"{found[1]} (not in this book)"

    text = _LINK.sub(link, html.escape(text))
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
