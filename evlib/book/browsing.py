"""Tables for the book with a search that knows synonyms, menus with counts, ranges, sorting and a download of what is shown.

The table is plain HTML, so that it can be read, searched and printed without any script. The script beside it, in the page
itself, adds the rest; it calls no other host and works from a folder.
"""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from evlib.base.schema import MULTI, guarded, read_csv, split_multi

_SCRIPT = Path(__file__).with_name("browsing.js")
_SYNONYMS = Path(__file__).with_name("synonyms.csv")
UNREPORTED = '<span class="unreported">not reported</span>'


def browsing(
    frame: pd.DataFrame,
    *,
    name: str,
    what: str,
    menus: Mapping[str, pd.Series],
    ranges: Mapping[str, pd.Series] | None = None,
    words: pd.Series | None = None,
    order: Mapping[str, pd.Series] | None = None,
    download: pd.DataFrame | None = None,
) -> str:
    """A table to browse, with its script, for a page of the book.

    Parameters
    ----------
    frame
        Its cells are HTML.
    name
        The table's id on the page, and the name of the file with the rows that are shown.
    what
        What the rows are: "trials".
    menus
        By their names, for each row the value or values (joined by ``MULTI``) to choose by, in plain text; a missing value can be
        chosen as "not reported". A menu with less than two values is left out.
    ranges
        By their names, for each row a number. A range of which no row has a number is left out.
    words
        For each row, further text that the search looks through.
    order
        For columns that are not sorted by their text, the numbers or texts to sort by.
    download
        What the file with the rows that are shown holds of each row, in plain text.
    """
    fit = {label: values.map(_listed) for label, values in menus.items()}
    fit = {label: values for label, values in fit.items() if len(_choices(values)) > 1}
    bounds = {label: values for label, values in (ranges or {}).items() if values.notna().any()}
    facts = {_key(label): values.map(MULTI.join) for label, values in fit.items()}
    facts |= {_key(label): values.map("{:g}".format, na_action="ignore") for label, values in bounds.items()}
    facts |= {"words": words} if words is not None else {}
    if download is not None:
        plain = guarded(download.astype(object).where(download.notna(), "").astype(str))
        facts["row"] = pd.Series([json.dumps(row, ensure_ascii=False) for row in plain.to_numpy().tolist()])
    columns = json.dumps([] if download is None else list(download), ensure_ascii=False)
    heads = "".join(
        f'<th scope="col" data-name="{_key(column)}"><button type="button">{html.escape(column)}</button></th>'
        for column in frame
    )
    rows = []
    for place, cells in enumerate(frame.itertuples(index=False)):
        own = {key: values.iloc[place] for key, values in facts.items()}
        data = "".join(f' data-{key}="{_quoted(value)}"' for key, value in own.items() if not pd.isna(value))
        keys = [(order or {}).get(column) for column in frame]
        sorts = [
            "" if by is None or pd.isna(by.iloc[place]) else f' data-order="{_quoted(by.iloc[place])}"' for by in keys
        ]
        tds = "".join(f"<td{by}>{cell}</td>" for by, cell in zip(sorts, cells, strict=True))
        rows.append(f"<tr{data}>{tds}</tr>")
    same = json.dumps(synonyms(), ensure_ascii=False)
    label = f"Table of {html.escape(what, quote=True)}"
    return (
        f'<div class="browsing" id="{name}" data-what="{html.escape(what, quote=True)}" data-synonyms="{_quoted(same)}" data-columns="{_quoted(columns)}">\n'
        f"{_filters(fit, bounds, download=download is not None)}\n"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table aria-label="{label}">'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>" + "\n".join(rows) + "</tbody></table></div>\n</div>\n"
        f"<script>{_SCRIPT.read_text(encoding='utf-8')}</script>\n"
    )


def synonyms() -> list[list[str]]:
    """The words that mean the same, in groups (``synonyms.csv``); a star at the end of one stands for any ending."""
    return [split_multi(line) for line in read_csv(_SYNONYMS).words]


def _filters(menus: Mapping[str, pd.Series], ranges: Mapping[str, pd.Series], *, download: bool) -> str:
    """The search field, menus and ranges; hidden until the script is there that makes them work."""
    parts = ['<label class="search">Search <input type="search" name="search" autocomplete="off"></label>']
    for label, values in menus.items():
        counts = values.explode().value_counts()
        options = "".join(
            f'<option value="{html.escape(value, quote=True)}">{html.escape(value)} ({counts[value]})</option>'
            for value in _choices(values)
        )
        name = html.escape(label, quote=True)
        parts.append(
            f'<label>{name} <select name="{_key(label)}" data-label="{name}"><option value="">any</option>{options}</select></label>'
        )
    for label, values in ranges.items():
        low, high = (f"{value:g}" for value in (values.min(), values.max()))
        fields = " ".join(
            f'<input type="number" aria-label="{html.escape(label, quote=True)}, {word}" placeholder="{value}" step="1">'
            for word, value in (("from", low), ("to", high))
        )
        parts.append(f'<fieldset name="{_key(label)}"><legend>{html.escape(label)}</legend>{fields}</fieldset>')
    buttons = '<button type="button" class="clear">Clear all</button>'
    if download:
        buttons += '<button type="button" class="download">Download these rows (CSV)</button>'
    return f'<form class="filters" hidden>{"".join(parts)}<div class="buttons">{buttons}</div></form>\n<p role="status"></p>'


def _listed(cell: object) -> list[str]:
    """The values of a cell as a menu names them."""
    return split_multi(str(cell)) if not pd.isna(cell) and str(cell) else ["not reported"]


def _choices(values: pd.Series) -> list[str]:
    """What a menu offers: the values from the most to the least frequent, "not reported" last."""
    counts = values.explode().value_counts()
    return sorted(counts.index, key=lambda value: (value == "not reported", -counts[value], value))


def _key(label: str) -> str:
    """A heading as the name of an attribute, and as the addresses of filtered pages have it."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def _quoted(value: object) -> str:
    return html.escape(str(value), quote=True)
