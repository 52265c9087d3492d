"""Tables for a reader: links to records, and registry text that can only ever show as text."""

import html

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from evlib.base.schema import DAYS_OF_STATUS, kinds, split_multi

WITHOUT_CODE = (
    "stated, no code"  # in place of a code, where the record states something that the protocol has no code for
)


def of_kept_records(frame: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table with ``trn``, those of a merged record under the number of the one that is kept of its trial
    where that has none of its own; of two merged records with rows, the first. ``trials`` has ``trn`` and ``merged_trns``."""
    kept = kept_numbers(trials)
    own, merged = frame[~frame.trn.isin(kept)], frame[frame.trn.isin(kept)]
    numbers = merged.trn.drop_duplicates()
    first = numbers[~numbers.map(kept).isin(own.trn) & ~numbers.map(kept).duplicated()]
    merged = merged[merged.trn.isin(first)]
    return pd.concat([own, merged.assign(trn=merged.trn.map(kept))], ignore_index=True)


def kept_numbers(trials: pd.DataFrame) -> dict[str, str]:
    """For each number that was merged into another the number that is kept, from ``trn`` and ``merged_trns`` of the trials."""
    return {merged: row.trn for row in trials.itertuples() for merged in split_multi(row.merged_trns)}


def shares_filled(records: pd.DataFrame, protocol: dict) -> pd.DataFrame:
    """How many records show anything in each field that a registry gives: columns ``field, n, of``.

    Fields of facts that the review does not code are left out: their completeness is of no interest.

    Examples
    --------
    >>> records = pd.DataFrame(columns=kinds("records"), index=range(3)).assign(sponsor=["A firm", None, "B"])
    >>> shares = shares_filled(records, {"codes": {"msc_source": {}, "ev_term": {}}})
    >>> shares[shares.field.isin(["sponsor", "countries"])].to_dict("records")
    [{'field': 'sponsor', 'n': 2, 'of': 3}, {'field': 'countries', 'n': 0, 'of': 3}]
    """
    ours = {"trn", "trn_kind", "registry", "snapshot", "first_retrieved", "note", "source_urls", *DAYS_OF_STATUS}
    ours |= set(fields_without_codes(protocol))
    fields = [name for name in kinds("records") if name not in ours and name.split("_")[0] != "registered"]
    return pd.DataFrame({"field": fields, "n": [int(records[f].notna().sum()) for f in fields], "of": len(records)})


def by_source(filled: pd.DataFrame) -> pd.DataFrame:
    """Which columns each source fills, for display: one row per column of the records, one column per source.

    Parameters
    ----------
    filled
        ``source, basis, column, read, filled, records`` of ``data/raw/formats/filled.csv``.

    Returns
    -------
    pandas.DataFrame
        The share of records (of a sample of fewer than thirty, their number) as text; missing where the source's form has
        no such field, or our reader does not take it. Columns that every source must fill, or none does, are left out.

    Examples
    --------
    >>> needed = ["trn", "trn_kind", "registry", "snapshot", "source_urls"]
    >>> one = pd.DataFrame({"column": [*needed, "phases", "acronym"], "read": "True", "filled": 9, "records": 12})
    >>> other = one.assign(records=36, read=(one.column != "acronym").astype(str))  # its form has no acronym
    >>> by_source(pd.concat([one.assign(source="DRKS"), other.assign(source="ICTRP")]))
        column     DRKS ICTRP
    0   phases  9 of 12  25 %
    1  acronym  9 of 12   NaN
    """
    counts = filled.astype({"filled": int, "records": int})
    few = counts.filled.astype(str) + " of " + counts.records.astype(str)
    share = (100 * counts.filled / counts.records).map("{:.0f} %".format)
    shown = few.where(counts.records < 30, share).where(counts.read == "True")
    wide = counts.assign(shown=shown).pivot(index="column", columns="source", values="shown")
    wide = wide.reindex(index=counts.column.unique(), columns=counts.source.unique()).dropna(how="all")
    needed = [name for name, kind in kinds("records").items() if kind == "key"]
    return wide.drop(index=[*needed, "source_urls"]).rename_axis(None, axis="columns").reset_index()


_LONG = 40  # letters of a cell, from which on it is given more room
ALL_RECORDS = "records-by-outcome"  # the heading under which the second chapter lists all records


def anchor(outcome: str) -> str:
    """The name of the place where the second chapter lists the records of an outcome.

    Examples
    --------
    >>> anchor("excluded at title")
    'records-excluded-at-title'
    """
    return "records-" + outcome.replace(" ", "-")


def table(frame: pd.DataFrame, *, caption: str, urls: pd.Series | None = None, name: str = "") -> HTML:
    """A table for display, within a frame that scrolls where it is wide or long.

    Parameters
    ----------
    frame
        What to show; missing cells become "–", an empty table says "none". All text is escaped.
    caption
        What the table holds.
    urls
        One address per row, for the first column to link to; only ``https://`` and ``http://`` addresses become links.
    name
        A name for the place, so that links can lead to the table.

    Examples
    --------
    >>> rows = pd.DataFrame({"title": ["Cells & <b>vesicles</b>", None]})
    >>> shown = table(rows, caption="Two records").data
    >>> print(shown[shown.index("<tbody>") : shown.index("</table>")])
    <tbody><tr><td>Cells &amp; &lt;b&gt;vesicles&lt;/b&gt;</td></tr><tr><td>–</td></tr></tbody>
    >>> urls = pd.Series(["https://example.org/1", None])
    >>> '<a href="https://example.org/1"' in table(rows, caption="Two records", urls=urls).data
    True
    """
    head = "".join(f'<th scope="col">{html.escape(str(name).replace("_", " "))}</th>' for name in frame.columns)
    rows = []
    for cells, url in zip(frame.itertuples(index=False), [None] * len(frame) if urls is None else urls):
        seen = [_cell_text(cell) for cell in cells]
        texts = [html.escape(text) for text in seen]
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            texts[0] = f'<a href="{html.escape(url, quote=True)}" rel="noopener noreferrer">{texts[0]}</a>'
        looks = (' class="long"' if len(text) > _LONG else "" for text in seen)
        rows.append(f"<tr>{''.join(f'<td{look}>{text}</td>' for look, text in zip(looks, texts))}</tr>")
    body = "".join(rows) or f'<tr><td colspan="{len(frame.columns)}">none</td></tr>'
    label, place = html.escape(caption, quote=True), f' id="{html.escape(name, quote=True)}"' if name else ""
    return HTML(
        f'<p class="caption" aria-hidden="true"{place}>{html.escape(caption)}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table aria-label="{label}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def same_date_as_paper(search_date: str, protocol: dict) -> Markdown:
    """A sentence that says to which date the counts are cut that stand beside the paper's.

    Examples
    --------
    >>> protocol = {"default_search_date": "2026-11-28", "replication_date": "2024-02-17"}
    >>> same_date_as_paper("2024-02-17", protocol).data
    'Both searches end on 2024-02-17.'
    >>> same_date_as_paper("2022-12-31", protocol).data
    '**Mind the dates:** the paper searched to 2024-02-17, this run to 2022-12-31. The counts do not compare.'
    """
    theirs = protocol.get("replication_date", protocol["default_search_date"])
    if search_date == theirs:
        return Markdown(f"Both searches end on {theirs}.")
    if search_date > theirs:
        return Markdown(
            f"**Beside the paper stand the records registered by {theirs}**, its search date, with what their sources show "
            f"today; everything else in this book is of {search_date}."
        )
    return Markdown(
        f"**Mind the dates:** the paper searched to {theirs}, this run to {search_date}. The counts do not compare."
    )


def fields_without_codes(protocol: dict) -> list[str]:
    """Fields of a record for facts that the review does not code, whose completeness is of no interest."""
    return [f"{name}_text" for name in ("msc_source", "ev_term") if name not in protocol["codes"]]


def uncoded_columns(protocol: dict) -> list[str]:
    """Columns of tables for facts that the review does not code."""
    held = {*protocol["codes"], *protocol["flags"], "countries", "country_basis"}
    absent = [name for name, kind in kinds("coded").items() if kind != "key" and name not in held]
    return [*absent, *fields_without_codes(protocol)]


def idle_columns(frame: pd.DataFrame, protocol: dict) -> list[str]:
    """Empty columns of a table for facts that the review does not code, which a reader need not see."""
    return [name for name in uncoded_columns(protocol) if name in frame and frame[name].isna().all()]


def code_labels(protocol: dict, field: str) -> dict[str, str]:
    """What a reader sees for each code of a field, and for a stated value without one; empty for fields without a code list.

    Examples
    --------
    >>> protocol = {"codes": {"route": {"intravenous": {"label": "Intravenous"}}}}
    >>> code_labels(protocol, "route"), code_labels(protocol, "countries")
    ({'intravenous': 'Intravenous', 'stated, no code': 'Stated, no code'}, {})
    """
    labels = {code: facts["label"] for code, facts in protocol["codes"].get(field, {}).items()}
    return labels and labels | {WITHOUT_CODE: "Stated, no code"}


def in_words(field: str) -> str:
    """A coded field as a reader sees it: "sponsor type".

    Examples
    --------
    >>> in_words("sponsor_type")
    'sponsor type'
    """
    return field.replace("_", " ")


def first_url(cells: pd.Series) -> pd.Series:
    """The first of the addresses in each cell.

    Examples
    --------
    >>> first_url(pd.Series(["https://example.org/1 | https://example.org/2", None])).tolist()
    ['https://example.org/1', None]
    """
    return pd.Series([(split_multi(cell) or [None])[0] for cell in cells], index=cells.index, dtype=object)


def _cell_text(cell: object) -> str:
    if pd.isna(cell):
        return "–"
    if isinstance(cell, (bool, np.bool_)):
        return "yes" if cell else "no"
    if isinstance(cell, pd.Timestamp):
        return f"{cell:%Y-%m-%d}"
    return f"{cell:,.12g}" if isinstance(cell, float) else str(cell)
