"""The glossary: a page that explains the words of the field, and links to it where a page first uses one."""

import html
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.schema import read_csv, split_multi

# Where no link may go: code, formulas, links, images, roles, HTML tags and addresses.
_LEFT_ALONE = re.compile(
    r"`[^`]*`|\$[^$]*\$|!?\[[^\]]*\]\([^)]*\)|\{[^}]*\}(?:`[^`]*`)?|<[^>]*>[^<]*</a>|<[^>]*>|https?://\S+"
)
_NOT_PROSE = re.compile(r"\s*(?:#|\||```|:::|<|\(|\{|---|:\w+:)")


def read_glossary(path: str | Path) -> pd.DataFrame:
    """The words with their meaning: ``term, forms, definition, place`` (its anchor on the page); no rows without a file.

    ``forms`` are the spellings to link, separated by "|".

    Raises
    ------
    InputError
        Where the file lacks a column.
    """
    words = read_csv(path, needs=["term", "forms", "definition"], optional=True)
    return words.assign(place="term-" + words.term.str.lower().str.replace(r"\W+", "-", regex=True))


def glossary_page(words: pd.DataFrame) -> str:
    """The words in alphabetical order as a list of definitions (HTML)."""
    ordered = words.loc[words.term.str.casefold().sort_values().index]
    items = "".join(
        f'<dt id="{row.place}">{html.escape(row.term)}</dt><dd>{html.escape(row.definition)}</dd>'
        for row in ordered.itertuples()
    )
    return f'<dl class="glossary">{items}</dl>'


def linked(text: str, words: pd.DataFrame, seen: set[str], *, page: str = "glossary.html") -> str:
    """Markdown in which the first use of each word that is not yet in ``seen`` is a link to its meaning; adds to ``seen``.

    Links go into paragraphs and lists only: not into headings, tables, code, formulas, links, directives or HTML.
    """
    unlinked = [(row, _any_spelling(row.forms)) for row in words.itertuples() if row.term not in seen]
    fenced = False
    lines = []
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith(("```", ":::"))
        prose = not fenced and not _NOT_PROSE.match(line) and not line.startswith("    ")
        lines.append(_linked_line(line, unlinked, seen, page) if prose else line)
    return "\n".join(lines)


@lru_cache(maxsize=1_000)
def _any_spelling(forms: str) -> re.Pattern[str]:
    """A word in any of its spellings, the longest first."""
    spellings = sorted(split_multi(forms.replace("|", " | ")), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, spellings))})(?![\w-])")


def _linked_line(line: str, unlinked: list[tuple[Any, re.Pattern[str]]], seen: set[str], page: str) -> str:
    taken = [match.span() for match in _LEFT_ALONE.finditer(line)]
    for row, pattern in unlinked:
        for match in pattern.finditer(line) if row.term not in seen else ():
            if not any(start < match.end() and match.start() < end for start, end in taken):
                meaning = html.escape(row.definition, quote=True)
                link = f'<a class="term" href="{page}#{row.place}" title="{meaning}">{match[0]}</a>'
                line = line[: match.start()] + link + line[match.end() :]
                taken = [match.span() for match in _LEFT_ALONE.finditer(line)]
                seen.add(row.term)
                break
    return line
