"""What changed since the paper: included trials registered by its search date beside those registered later."""

import pandas as pd

from evlib.base.schema import split_multi
from evlib.base.tables import code_labels
from evlib.base.words import joined, several
from evlib.ingest.registration_dates import sides_in_words

FIELDS = {"disease_area": "Disease area", "msc_source": "Cell source", "route": "Route", "countries": "Country"}
_FEW = 3  # a code that fewer trials had before is not said to have stopped


def changes_by_code(before: pd.DataFrame, now: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """How many included trials have each code before and since, field by field.

    Parameters
    ----------
    before, now
        Tables ``described`` of the paper's search date and of this search.

    Returns
    -------
    pandas.DataFrame
        ``field, code, label, before, since, share_before, share_since``: numbers of included trials, and their shares in percent of
        those that report the field. A trial with two values (two countries) counts under each. The largest rise in share first.

    Examples
    --------
    >>> before = pd.DataFrame({"trn": ["A", "B"], "screening": "included", "countries": ["China", "China | Iran"]})
    >>> later = pd.DataFrame({"trn": ["C", "D"], "screening": "included", "countries": ["Iran", "Iran"]})
    >>> changes = changes_by_code(before, pd.concat([before, later]), protocol={"codes": {}})
    >>> changes.drop(columns="field")
        code  label  before  since  share_before  share_since
    0   Iran   Iran       1      2          50.0        100.0
    1  China  China       2      0         100.0          0.0
    """
    one, other = (table[table.screening == "included"] for table in (before, now))
    new, rows = other[~other.trn.isin(one.trn)], []
    for field in [name for name in FIELDS if name == "countries" or name in protocol["codes"]]:
        labels = {} if field == "countries" else code_labels(protocol, field)
        was, since = (
            pd.Series([value for cell in table[field] for value in split_multi(cell)], dtype="str").value_counts()
            for table in (one, new)
        )
        told = [max(int(table[field].notna().sum()), 1) for table in (one, new)]
        part = pd.DataFrame({"before": was, "since": since}).fillna(0).astype(int).rename_axis("code").reset_index()
        shares = {
            f"share_{name}": (100 * part[name] / n).round(1) for name, n in zip(("before", "since"), told, strict=True)
        }
        part = part.assign(field=field, label=[labels.get(code, code) for code in part.code], **shares)
        rows.append(part.iloc[(part.share_before - part.share_since).argsort(kind="stable")])
    return pd.concat(rows)[["field", "code", "label", "before", "since", "share_before", "share_since"]].reset_index(
        drop=True
    )


def in_sentences(changes: pd.DataFrame, before: pd.DataFrame, now: pd.DataFrame) -> list[str]:
    """What rose and what stopped, a sentence for each field, from ``changes_by_code`` and its two tables.

    Examples
    --------
    >>> before = pd.DataFrame({"trn": ["A", "B", "C"], "screening": "included", "countries": "China"})
    >>> later = pd.DataFrame({"trn": ["D", "E", "F"], "screening": "included", "countries": "Iran"})
    >>> now = pd.concat([before, later])
    >>> in_sentences(changes_by_code(before, now, protocol={"codes": {}}), before, now)
    ['Country: more often Iran (3 of 3 later trials that report it, 0 of 3 earlier ones); no longer China (3 earlier).']
    """
    one, other = (table[table.screening == "included"] for table in (before, now))
    new = other[~other.trn.isin(one.trn)]
    if new.empty:
        return ["No included trial was registered later."]
    sentences = []
    for field, own in changes.groupby("field", sort=False):
        told = {name: int(table[field].notna().sum()) for name, table in (("before", one), ("since", new))}
        rose = own[(own.since >= _FEW) & (own.share_since > own.share_before)].head(2)
        stopped = own[(own.before >= _FEW) & (own.since == 0)]
        parts = [
            f"{row.label} ({row.since} of {told['since']} later trials that report it, {row.before} of {told['before']} earlier ones)"
            if row.Index == rose.index[0]
            else f"{row.label} ({row.since} of {told['since']}, {row.before} of {told['before']})"
            for row in rose.itertuples()
        ]
        text = f"{FIELDS[str(field)]}: " + (f"more often {joined(parts)}" if parts else "no clear rise")
        gone = [f"{row.label} ({row.before} earlier)" for row in stopped.itertuples()]
        sentences.append(
            text
            + (f"; no longer {joined(gone)}." if gone else ".")
            + (_of_sponsors(one, new) if field == "countries" else "")
        )
    return sentences


def _of_sponsors(before: pd.DataFrame, later: pd.DataFrame) -> str:
    """Of how many earlier and later trials the country is that of the sponsor, as a sentence; nothing where of none."""
    n, old = (
        int((table.country_basis == "sponsor").sum()) if "country_basis" in table else 0 for table in (later, before)
    )
    return (
        f" Of {n} of these later and {old} of these earlier trials the country is that of the sponsor."
        if n or old
        else ""
    )


def pace_in_words(now: pd.DataFrame, search_date: str) -> str:
    """How fast included trials come: registered in the twelve months to the search date, and in the twelve before."""
    included = now[now.screening == "included"]
    end = pd.Timestamp(search_date)
    year = [end - pd.DateOffset(years=n) for n in (1, 2)]
    last = int(((included.registered > year[0]) & (included.registered <= end)).sum())
    before = int(((included.registered > year[1]) & (included.registered <= year[0])).sum())
    undated = int(included.registered.isna().sum())
    return (
        f"{several(last, 'was', 'were')} registered in the twelve months to {search_date} and {before} in the "
        f"twelve months before" + (f"; of {several(undated, 'trial')} the day is not known" if undated else "")
    )


def named_by_paper(table2: pd.DataFrame, before: pd.DataFrame, now: pd.DataFrame) -> str:
    """How many of the trials that the paper names by number, in its Table 2, are included by its search date, and which are not.

    ``before`` and ``now`` are as in ``changes_by_code``; a number that ``now`` merged into another stands for that one.

    Examples
    --------
    >>> now = pd.DataFrame({"trn": ["NCT1", "NCT2"], "merged_trns": [None, "ChiCTR1"], "screening": "included"})
    >>> named_by_paper(pd.DataFrame({"trn": ["NCT1", "ChiCTR1", "NCT3"]}), now[["trn", "screening"]], now)
    'By number the paper names 3 of its trials, in its Table 2; 2 of these are among ours (ChiCTR1 as NCT2), not NCT3.'
    """
    included = set(before.trn[before.screening == "included"])
    merged_into = {trn: row.trn for row in now.itertuples() for trn in split_multi(row.merged_trns)}
    kept = {trn: trn for trn in included} | {trn: one for trn, one in merged_into.items() if one in included}
    ours, absent = table2.trn[table2.trn.isin(kept)], table2.trn[~table2.trn.isin(kept)]
    merged = [f"{trn} as {kept[trn]}" for trn in ours if kept[trn] != trn]
    return (
        f"By number the paper names {len(table2)} of its trials, in its Table 2; "
        f"{len(ours)} of these are among ours{f' ({joined(merged)})' if merged else ''}"
        f"{f', not {joined(list(absent))}' if len(absent) else ''}."
    )


def numbers(
    said: list[str], before: pd.DataFrame, now: pd.DataFrame, search_date: str, *, records: pd.DataFrame, protocol: dict
) -> dict[str, object]:
    """Numbers and sentences that the first page takes: of ``in_sentences`` and of its two tables; ``records`` is the table of
    that name, whose days of registration tell how sure the two counts are.

    Examples
    --------
    >>> before = pd.DataFrame({"trn": ["A"], "screening": "included", "registered": pd.to_datetime(["2023-05-01"])})
    >>> later = pd.DataFrame({"trn": ["B"], "screening": "included", "registered": pd.to_datetime(["2024-09-01"])})
    >>> now, date = pd.concat([before, later]), "2024-12-31"
    >>> days = now.assign(registered_low=now.registered, registered_high=now.registered, registered_basis="observed")
    >>> rules = {"replication_date": "2024-02-17"}
    >>> told = numbers(["Country: no clear rise."], before, now, date, records=days, protocol=rules)
    >>> told["n_by_paper"], told["n_since_paper"], told["since_paper"]
    (1, 1, '- Country: no clear rise.')
    >>> told["pace"]
    '1 was registered in the twelve months to 2024-12-31 and 1 in the twelve months before'
    """
    one, other = (set(table.trn[table.screening == "included"]) for table in (before, now))
    told = {"pace": pace_in_words(now, search_date), "since_paper": "\n".join(f"- {sentence}" for sentence in said)}
    told["sides"] = sides_in_words(
        records[records.trn.isin(other)], str(protocol["replication_date"]), protocol=protocol
    )
    return {"n_by_paper": len(one), "n_since_paper": len(other - set(before.trn)), **told}
