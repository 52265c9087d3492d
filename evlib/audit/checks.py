"""The audit of the paper: every claim put to its one check, with a verdict and a sentence why.

A check is a function of a claim, its options and the ``Evidence``; which check a claim gets is data
(``data/raw/paper/claims.yml``, keys of ``claims.CHECKS``).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import read_csv, read_table, split_multi

COLUMNS = ["id", "section", "quote", "value", "kind", "check", "ours", "verdict", "why", "source"]
NOT_CHECKABLE = "not checkable"
HEADLINE = ("most_frequent", "any_where")  # checks of statements of order or presence
# Of each kind: the verdict where paper and check agree, and where they do not.
VERDICTS = {
    "internal": ("consistent", "inconsistent"),
    "recomputation": ("reproduced", "differs"),
    "source": ("consistent with source", "source disagrees"),
}
ORDER = [verdict for pair in VERDICTS.values() for verdict in pair] + [NOT_CHECKABLE]
_SETS_DIFFER = "The two sets of trials differ, and CENTRAL is absent from ours."
_UNSTATED = ("not available", "not specified", "not reported")
_SEVERAL = ("mixed", "combined")  # codes that are no tissue and no route of their own
_FROM_THE_PAPER = "Wang 2025"  # how the curated tables mark what they took from the paper itself
_NAMES = {
    "msc_source": "cell source",
    "countries": "country",
    "n_events": "number of events",
    "dose_low": "dose",
    "dose_high": "dose",
    "conditions": "condition",
    "covid19": "COVID-19",
}


class Evidence(NamedTuple):
    """What the claims are held against: tables of a run, the paper's printed tables, and curated results."""

    flow: pd.DataFrame
    records: pd.DataFrame
    described: pd.DataFrame
    doses: pd.DataFrame
    table1: pd.DataFrame
    table2: pd.DataFrame
    studies: pd.DataFrame
    arms: pd.DataFrame
    outcomes: pd.DataFrame
    adverse_events: pd.DataFrame


class _Claim(NamedTuple):
    """A claim, and what the paper says in all of its claims."""

    id: str
    quote: str
    value: object
    said: Mapping[str, object]
    words: Mapping[str, str]


class _Finding(NamedTuple):
    """What a check gives: our value, whether it agrees with the paper (None: cannot be checked), a sentence."""

    ours: object
    agrees: bool | None
    why: str


_Check = Callable[[_Claim, object, Evidence], _Finding]


def evidence(out_dir: str | Path, raw_dir: str | Path) -> Evidence:
    """The tables of a run (``flow``, ``records``, ``described``, ``doses``) and those of ``data/raw``."""
    out = Path(out_dir)
    run = {name: read_table(out / f"{name}.csv", name) for name in ("flow", "records", "described", "doses")}
    return Evidence(**run, **paper_evidence(raw_dir))


def paper_evidence(raw_dir: str | Path) -> dict[str, pd.DataFrame]:
    """What no search date changes: the paper's printed tables, and what publications and posted results say."""
    raw = Path(raw_dir)
    paper = {name: read_csv(raw / f"paper/{name}.csv") for name in ("table1", "table2")}
    curated = {
        name: read_csv(raw / f"curation/{name}.csv") for name in ("studies", "arms", "outcomes", "adverse_events")
    }
    return paper | curated


def headline(claims: pd.DataFrame) -> pd.DataFrame:
    """The paper's claims about the field that our trials can bear out whatever their number: what is most frequent, and
    whether there is any such trial. A count depends on how many trials a review holds, these do not in the same way."""
    return claims[claims.check.isin(HEADLINE)].reset_index(drop=True)


def verdicts(claims: pd.DataFrame, found: Evidence) -> pd.DataFrame:
    """One verdict for each claim.

    Parameters
    ----------
    claims
        As ``claims.read_claims`` returns them.
    found
        What they are held against.

    Returns
    -------
    pandas.DataFrame
        ``id, section, quote, value`` of the claim; ``kind`` (internal, recomputation, source, none) and ``check``; ``ours``,
        the value that the check gives; ``verdict``; ``why``, a sentence; ``source``, the address of the record or report
        that the claim is held against. All values are text.

    Raises
    ------
    InputError
        Where a claim names an arm, a study, a trial or a column that the tables do not have. The message names the claim.
    """
    said, words = dict(zip(claims.id, claims.value)), dict(zip(claims.id, claims.quote))
    rows = []
    for row in claims.itertuples():
        options = {"field": row.field, "code": row.code} if row.check == "field" else row.options
        finding = _CHECKS[row.check](_Claim(row.id, row.quote, row.value, said, words), options, found)
        kind = _KINDS[row.check]
        verdict = NOT_CHECKABLE if finding.agrees is None else VERDICTS[kind][0 if finding.agrees else 1]
        ours = _shown(finding.ours)
        check = row.check.replace("_", " ")
        texts = (row.id, row.section, row.quote, _shown(row.value), kind, check, ours, verdict, finding.why)
        rows.append((*texts, _address(row.check, options, found)))
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def by_section(table: pd.DataFrame) -> pd.DataFrame:
    """How many claims have which verdict: one row per section in the paper's order, one column per verdict."""
    sections = sorted(table.section.unique(), key=_place)
    return pd.crosstab(table.section, table.verdict).reindex(index=sections, columns=ORDER, fill_value=0)


def _place(section: str) -> tuple:
    """Where a section stands in the paper: the abstract, then by number; Tables 1 and 2 stand before section 3."""
    number = re.match(r"Table (\d)", section)
    if number:
        return (2.9, number[1])
    return (0, "") if not section[:1].isdigit() else (float(section[:1]), section)


def _equals(claim: _Claim, other: str, found: Evidence) -> _Finding:
    theirs = claim.said[other]
    agrees = theirs == claim.value
    says = "also says" if agrees else f"says {_shown(claim.value)} here and"
    return _Finding(theirs, agrees, f"The paper {says} {_shown(theirs)} in “{claim.words[other]}”.")


def _sum_of(claim: _Claim, parts: list, found: Evidence) -> _Finding:
    values = [_of(claim, part) for part in parts]
    total = sum(values)
    return _Finding(total, total == claim.value, _differ(f"{_joined(values, '+')} = {_shown(total)}", total, claim))


def _difference_of(claim: _Claim, parts: list, found: Evidence) -> _Finding:
    first, *others = (_of(claim, part) for part in parts)
    left = first - sum(others)
    words = f"{_joined([first, *others], '−')} = {_shown(left)}"
    return _Finding(left, left == claim.value, _differ(words, left, claim))


def _same_magnitude(claim: _Claim, others: list, found: Evidence) -> _Finding:
    values = sorted({_of(claim, other) for other in others})
    factors = [max(value, claim.value) / min(value, claim.value) for value in values]
    words = ", ".join(f"{_shown(value)} (a factor of {factor:.3g})" for value, factor in zip(values, factors))
    return _Finding(values, max(factors) < 10, f"Beside {_shown(claim.value)} the paper states elsewhere: {words}.")


def _share_of(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    part, whole = _of(claim, options["part"]), _of(claim, options["whole"])
    of = f"{_shown(whole)}"
    if "less" in options:
        less = _of(claim, options["less"])
        of, whole = f"{_shown(whole - less)} ({_shown(whole)} − {_shown(less)})", whole - less
    places = _places(claim)
    share = 100 * part / whole if whole else np.nan
    agrees = _rounds(share, claim.value, places)
    why = f"{_shown(part)} of {of} is {share:.{places}f} %."
    return _Finding(round(share, places), agrees, why if agrees else f"{why} {_fitting(part, whole, claim, places)}")


def _fitting(part: float, whole: float, claim: _Claim, places: int) -> str:
    """What would give the printed percentage: other wholes for the same count, other counts of the same whole."""
    printed = f"{claim.value:.{places}f} %"
    wholes = [n for n in range(1, 3 * int(whole)) if _rounds(100 * part / n, claim.value, places)]
    parts = [n for n in range(int(whole) + 1) if _rounds(100 * n / whole, claim.value, places)]
    of_part = f"{_joined(wholes, 'or')} would" if wholes else f"no whole up to {3 * int(whole) - 1} would"
    of_whole = f"{_joined(parts, 'or')} would" if parts else "no count would"
    return f"For {printed}, {of_part} fit {_shown(part)}, and of {_shown(whole)} {of_whole} fit."


def _within(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    parts, whole = [_of(claim, part) for part in options["parts"]], _of(claim, options["whole"])
    total, over = sum(parts), sum(parts) - whole
    agrees = max(parts) <= whole and whole == claim.value
    words = f"{_joined(parts, '+')} = {_shown(total)}" if len(parts) > 1 else _shown(total)
    why = f"{words}, {_shown(abs(over))} {'more' if over > 0 else 'fewer'} than {_shown(whole)}"
    return _Finding(
        total, agrees, why + (": possible where trials count under several parts." if agrees and over > 0 else ".")
    )


def _number_listed(claim: _Claim, options: bool, found: Evidence) -> _Finding:
    n = len(re.split(r",\s*(?:and\s+)?|\s+and\s+", claim.quote))
    return _Finding(n, n == claim.value, _differ(f"The passage lists {n}", n, claim))


def _in_table1(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row = _row(found.table1, {"database": options["database"]}, claim, "table1.csv")
    return _beside(claim, _cell(row, options["column"], claim, "table1.csv"), "Table 1 prints")


def _in_table2(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row = _row(found.table2, {"trn": options["trn"]}, claim, "table2.csv")
    cell = _cell(row, options["column"], claim, "table2.csv")
    return _beside(claim, cell, f"Table 2 prints for {options['trn']}")


def _table2_count(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    if options["column"] not in found.table2:
        raise _refused(claim, f"table2.csv has no column '{options['column']}'")
    n = int((found.table2[options["column"]] == options["cell"]).sum())
    words = f"Table 2 prints {options['column']} '{options['cell']}' for {n} of {len(found.table2)} trials"
    return _Finding(n, n == claim.value, _differ(words, n, claim))


def _rows_of(claim: _Claim, name: str, found: Evidence) -> _Finding:
    if name not in ("table1", "table2"):
        raise _refused(claim, f"'{name}' is no table of the paper; known: table1, table2")
    n = len(getattr(found, name))
    return _Finding(n, n == claim.value, _differ(f"Table {name[-1]} has {n} rows", n, claim))


def _flow(claim: _Claim, step: str, found: Evidence) -> _Finding:
    n = found.flow.drop_duplicates("step").set_index("step").n
    if step not in n:
        return _Finding(None, None, "Our flow has no such step.")
    return _recomputed(claim, int(n[step]), "records or trials at this step")


def _field(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    return _count_where(claim, {options["field"]: options["code"]}, found)


def _count_where(claim: _Claim, where: dict, found: Evidence) -> _Finding:
    n = int(_wanted(found, where, claim).sum())
    return _recomputed(claim, n, f"included trials with {_conditions(where)}")


def _any_where(claim: _Claim, where: dict, found: Evidence) -> _Finding:
    n = int(_wanted(found, where, claim).sum())
    why = f"Of our included trials, {n} {'has' if n == 1 else 'have'} {_conditions(where)}. {_SETS_DIFFER}"
    return _Finding(n, (n > 0) == claim.value, why)


def _most_frequent(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    counts = Counter(_codes(found, options["field"], options.get("among", {}), claim))
    del counts["not reported"]
    named = [counts[code] for code in claim.value]
    others = [n for code, n in counts.items() if code not in claim.value]
    top = sorted(counts, key=lambda code: (-counts[code], code))[: len(claim.value)]
    agrees = min(named) >= max([1, *others])
    listed = ", ".join(f"{code} {n}" for code, n in counts.most_common(len(claim.value) + 2)) or "none"
    among = f" with {_conditions(options['among'])}" if "among" in options else ""
    why = f"The most frequent values of {_words(options['field'])} among our included trials{among}: {listed}."
    return _Finding(top, agrees, f"{why} {_SETS_DIFFER}")


def _number_of_values(claim: _Claim, field: str, found: Evidence) -> _Finding:
    values = set(_codes(found, field, {}, claim)) - {"not reported", *_SEVERAL}
    return _recomputed(claim, len(values), f"values of {_words(field)} among included trials")


def _registered_before(claim: _Claim, year: int, found: Evidence) -> _Finding:
    days = found.described.registered[_wanted(found, {}, claim)]
    words = f"included trials registered before {year}; {days.isna().sum()} have no date"
    return _recomputed(claim, int((days.dt.year < year).sum()), words)


def _first_registered(claim: _Claim, form: str, found: Evidence) -> _Finding:
    days = found.described.registered[_wanted(found, {}, claim)].dropna()
    if days.empty:
        return _Finding(None, None, "No included trial of ours has a date of registration.")
    ours = f"{days.min():{form}}"
    why = f"The first of our included trials was registered on {days.min():%Y-%m-%d}; the paper gives {claim.value}."
    return _Finding(ours, ours == claim.value, f"{why} {_SETS_DIFFER}")


def _records_from(claim: _Claim, registry: str, found: Evidence) -> _Finding:
    n = int((found.records.registry == registry).sum())
    return _recomputed(claim, n, f"records of {registry} in our search, whose reading of the query is ours")


def _recomputed(claim: _Claim, n: int, words: str) -> _Finding:
    return _Finding(n, n == claim.value, f"We count {n}, the paper {_shown(claim.value)} ({words}). {_SETS_DIFFER}")


def _record(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    trn, field = options["trn"], options["field"]
    table = found.records if field in found.records else found.described
    if field not in table:
        raise _refused(claim, f"neither records.csv nor described.csv has a column '{field}'")
    rows = table[table.trn == trn]
    if rows.empty:
        return _Finding(None, None, f"The record {trn} is not in this search.")
    row = rows.iloc[0]
    words = f"The registry record, as copied by {row.snapshot}, states" if "snapshot" in row else "The trial is coded"
    return _sourced(claim, row[field], f"{words} as {_words(field)}")


def _participants(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    key = "study_id" if "study" in options else "arm_id"
    arms = _rows(found.arms, {key: options.get("study", options.get("arm"))}, claim, "arms.csv")
    numbers = pd.to_numeric(arms.n, errors="coerce")
    total = numbers.sum(skipna=False)
    if pd.isna(total):
        return _Finding(None, None, "The sources on file do not state the number, other than the paper itself.")
    parts = _joined(numbers.astype(int), "+")
    words = f"The publication or posted results give {parts}" + (f" = {total:.0f}" if len(arms) > 1 else "")
    return _Finding(int(total), total == claim.value, _differ(words, total, claim))


def _arms_of(claim: _Claim, study: str, found: Evidence) -> _Finding:
    arms = _rows(found.arms, {"study_id": study}, claim, "arms.csv")
    return _Finding(
        len(arms), len(arms) == claim.value, _differ(f"The source has {_joined(arms.arm, 'and')}", len(arms), claim)
    )


def _arm(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row = _row(found.arms, {"arm_id": options["arm"]}, claim, "arms.csv")
    cell = _cell(row, options["column"], claim, "arms.csv")
    return _sourced(claim, cell, f"The source states as {_words(options['column'])} of the arm '{row.arm}'")


def _outcome(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row, gap = _result(claim, options["arm"], options["outcome"], found.outcomes, found)
    if gap:
        return gap
    cell = _cell(row, options["column"], claim, "outcomes.csv")
    return _sourced(claim, cell, f"The source states as {_words(options['column'])} of '{row['name']}'")


def _adverse(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row, gap = _result(claim, options["arm"], options["event"], found.adverse_events, found)
    if gap:
        return gap
    of = f" of {row.n_total}" if isinstance(row.n_total, str) else ""
    return _sourced(claim, row.n_events, f"The source counts for '{row['name']}'{of}")


def _result(claim: _Claim, arm: str, name: str, table: pd.DataFrame, found: Evidence) -> tuple[pd.Series, _Finding]:
    """The first result of an arm whose name begins so; or, where there is none of its own, what to say instead."""
    _row(found.arms, {"arm_id": arm}, claim, "arms.csv")
    rows = table[(table.arm_id == arm) & table.name.str.startswith(name)]
    if rows.empty:
        return pd.Series(), _Finding(None, None, "The excerpts of the source on file do not show it.")
    row = rows.iloc[0]
    if row.astype(str).str.contains(_FROM_THE_PAPER, regex=False).any():
        return row, _Finding(None, None, "What is on file was taken from the paper itself, in whole or in part.")
    return row, None


def _reported_for(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    own = _row(found.arms, {"arm_id": options["arm"]}, claim, "arms.csv")
    arms = found.arms[found.arms.study_id == own.study_id].set_index("arm_id").arm
    rows = found.outcomes[
        found.outcomes.arm_id.isin(arms.index) & found.outcomes.name.str.startswith(options["outcome"])
    ]
    if rows.empty:
        return _Finding(None, None, "The excerpts of the source on file do not show it.")
    names = list(rows.arm_id.map(arms).unique())
    why = f"The source reports '{rows.iloc[0]['name']}' for {_joined(names, 'and')}; the paper for {own.arm}."
    return _Finding(names, own.arm in names, why)


def _note(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row = _row(found.arms, {"arm_id": options["arm"]}, claim, "arms.csv")
    if options["words"] not in str(row.note):
        return _Finding(None, None, "The source on file does not speak of it.")
    why = f"The source speaks of a {options['words']}; the paper of {_shown(claim.value)}."
    return _Finding(options["words"], options["words"] == claim.value, why)


def _possible_share(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    row = _row(found.arms, {"arm_id": options["arm"]}, claim, "arms.csv")
    n = pd.to_numeric(row.n, errors="coerce")
    if pd.isna(n):
        return _Finding(None, None, "The source on file does not state the number of participants.")
    n, places = int(n), _places(claim)
    share = {k: 100 * k / n for k in range(n + 1)}
    fits = [k for k in share if _rounds(share[k], claim.value, places)]
    if fits:
        return _Finding(share[fits[0]], True, f"{fits[0]} of the {n} participants of the arm are {claim.value} %.")
    near = sorted(sorted(share, key=lambda k: abs(share[k] - claim.value))[:2])
    smaller = [m for m in range(1, n) if any(_rounds(100 * k / m, claim.value, places) for k in range(m + 1))]
    words = " and ".join(f"{k} ({share[k]:.{places}f} %)" for k in near)
    why = (
        f"No count of the arm's {n} participants is {claim.value} %; the nearest are {words}. "
        f"It would fit {_joined(smaller, 'or') if smaller else 'no smaller number of'} participants. An estimate that allows "
        "for incomplete follow-up need not be such a share."
    )
    return _Finding(f"{share[near[0]]:.{places}f} or {share[near[-1]]:.{places}f}", False, why)


def _doses_of(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    rows = found.doses[found.doses.trn == options["trn"]]
    if rows.empty:
        return _Finding(None, None, f"No dose of {options['trn']} is on file in this run.")
    stated = sorted({*rows.low.dropna(), *rows.high.dropna()})
    units = _joined(rows.unit.dropna().unique(), "and")
    why = f"The registry record states {_joined(stated, 'and')} ({units}); the paper {_shown(claim.value)}."
    return _Finding(stated, set(claim.value) <= set(stated), why)


def _concentration(claim: _Claim, options: dict, found: Evidence) -> _Finding:
    rows = found.doses[(found.doses.trn == options["trn"]) & (found.doses.arm == options["arm"])]
    per_ml = (rows.particles_high / rows.volume_ml).dropna()
    if per_ml.empty:
        return _Finding(None, None, f"No concentration of {options['trn']} is on file in this run.")
    ours = float(per_ml.iloc[0])
    factor = max(ours, claim.value) / min(ours, claim.value)
    words = f"{rows.iloc[0].as_stated}: {_shown(ours)} per mL, beside {_shown(claim.value)} (a factor of {factor:.3g})"
    return _Finding(ours, factor < 2, f"The registry record states {words}.")


def _not_checkable(claim: _Claim, why: str, found: Evidence) -> _Finding:
    return _Finding(None, None, why[0].upper() + why[1:])


_INTERNAL: dict[str, _Check] = {
    "equals": _equals,
    "sum_of": _sum_of,
    "difference_of": _difference_of,
    "same_magnitude": _same_magnitude,
    "share_of": _share_of,
    "within": _within,
    "number_listed": _number_listed,
    "table1": _in_table1,
    "table2": _in_table2,
    "table2_count": _table2_count,
    "rows_of": _rows_of,
    "possible_share": _possible_share,
}
_RECOMPUTATION: dict[str, _Check] = {
    "flow": _flow,
    "field": _field,
    "count_where": _count_where,
    "any_where": _any_where,
    "most_frequent": _most_frequent,
    "number_of_values": _number_of_values,
    "registered_before": _registered_before,
    "first_registered": _first_registered,
    "records_from": _records_from,
}
_SOURCE: dict[str, _Check] = {
    "record": _record,
    "participants": _participants,
    "arms_of": _arms_of,
    "arm": _arm,
    "outcome": _outcome,
    "adverse": _adverse,
    "reported_for": _reported_for,
    "note": _note,
    "doses_of": _doses_of,
    "concentration": _concentration,
}
_CHECKS: dict[str, _Check] = {**_INTERNAL, **_RECOMPUTATION, **_SOURCE, "not_checkable": _not_checkable}
_KINDS = {
    **dict.fromkeys(_INTERNAL, "internal"),
    **dict.fromkeys(_RECOMPUTATION, "recomputation"),
    **dict.fromkeys(_SOURCE, "source"),
    "not_checkable": "none",
}


def _refused(claim: _Claim, problem: str) -> InputError:
    return InputError(f"claims.yml: the claim '{claim.id}' cannot be checked: {problem}.")


def _rows(table: pd.DataFrame, where: dict, claim: _Claim, name: str) -> pd.DataFrame:
    ((column, wanted),) = where.items()
    rows = table[table[column] == wanted]
    if rows.empty:
        raise _refused(claim, f"{name} has no {column} '{wanted}'")
    return rows


def _row(table: pd.DataFrame, where: dict, claim: _Claim, name: str) -> pd.Series:
    return _rows(table, where, claim, name).iloc[0]


def _address(check: str, options: object, found: Evidence) -> str | None:
    """Where the record, publication or posted result of a check can be read."""
    named = {"study": options} if check == "arms_of" else options if check in (*_SOURCE, "possible_share") else {}
    if not named:
        return None
    if "trn" in named:
        urls = found.described.record_url[found.described.trn == named["trn"]].dropna()
        return urls.iloc[0] if len(urls) else None
    ids = [named["study"]] if "study" in named else found.arms.study_id[found.arms.arm_id == named.get("arm")]
    urls = found.studies.doi_or_url[found.studies.study_id.isin(ids)].dropna()
    if urls.empty:
        return None
    return urls.iloc[0] if urls.iloc[0].startswith("http") else f"https://doi.org/{urls.iloc[0]}"


def _cell(row: pd.Series, column: str, claim: _Claim, name: str) -> object:
    if column not in row:
        raise _refused(claim, f"{name} has no column '{column}'")
    return row[column]


def _of(claim: _Claim, other: str) -> float:
    """The number that the paper gives in another claim."""
    try:
        return float(claim.said[other])
    except (TypeError, ValueError) as error:
        raise _refused(claim, f"the value of '{other}' is not a number") from error


def _wanted(found: Evidence, where: dict, claim: _Claim) -> np.ndarray:
    """Which of the trials are included and have one of the wanted codes in each field."""
    wanted = (found.described.screening == "included").to_numpy(dtype=bool)
    for field, codes in where.items():
        codes = set(codes if isinstance(codes, list) else [codes])
        wanted = wanted & np.array([not codes.isdisjoint(cell) for cell in _cells(found, field, claim)], dtype=bool)
    return wanted


def _codes(found: Evidence, field: str, where: dict, claim: _Claim) -> list[str]:
    """The codes in a field of the wanted trials, a trial's several each by itself."""
    wanted = _wanted(found, where, claim)
    return [code for cell, kept in zip(_cells(found, field, claim), wanted, strict=True) if kept for code in cell]


def _cells(found: Evidence, field: str, claim: _Claim) -> list[list[str]]:
    """The codes in a field, trial by trial."""
    if field not in found.described:
        raise _refused(claim, f"described.csv has no column '{field}'")
    return [["not reported"] if pd.isna(cell) else split_multi(str(cell)) for cell in found.described[field]]


def _conditions(where: dict) -> str:
    return " and ".join(
        f"{_words(field)} {_joined(codes if isinstance(codes, list) else [codes], 'or')}"
        for field, codes in where.items()
    )


def _words(field: str) -> str:
    return _NAMES.get(field, field.replace("_", " "))


def _beside(claim: _Claim, cell: object, words: str) -> _Finding:
    """A claim beside a cell that another place states: equal numbers, or a text that holds the other."""
    agrees = _matches(claim.value, cell)
    number = pd.to_numeric(cell, errors="coerce") if isinstance(cell, str) else cell
    cell = cell if pd.isna(number) else number
    stated = "nothing" if pd.isna(cell) else f"'{_shown(cell)}'"
    return _Finding(cell, agrees, _differ(f"{words} {stated}", cell if agrees else None, claim, agrees=agrees))


def _sourced(claim: _Claim, cell: object, words: str) -> _Finding:
    """As ``_beside``, of a source: what it does not state cannot be checked, or agrees with a paper that says so."""
    unstated = claim.value in _UNSTATED
    if pd.isna(cell):
        return _Finding(None, True if unstated else None, "The source on file does not state it.")
    if unstated:
        return _Finding(cell, False, f"{words} '{_shown(cell)}'; the paper prints '{claim.value}'.")
    return _beside(claim, cell, words)


def _matches(value: object, cell: object) -> bool:
    if pd.isna(cell):
        return False
    if isinstance(value, (int, float)):
        numbers = re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", str(cell))
        return len(numbers) > 0 and float(numbers[0]) == float(value)
    return str(value).casefold() in str(cell).casefold()


def _differ(words: str, ours: object, claim: _Claim, *, agrees: bool | None = None) -> str:
    """The sentence of a check, with the paper's value where it is another one."""
    same = ours == claim.value if agrees is None else agrees
    return f"{words}." if same else f"{words}; the paper says {_shown(claim.value)}."


def _places(claim: _Claim) -> int:
    """The decimals with which the quote prints the percentage."""
    for number, decimals in re.findall(r"(\d+(?:\.(\d+))?)\s*%", claim.quote):
        if float(number) == claim.value:
            return len(decimals)
    return len(str(claim.value).partition(".")[2].rstrip("0"))


def _rounds(share: float, printed: float, places: int) -> bool:
    return bool(abs(share - printed) <= 0.5 * 10**-places + 1e-9)


def _shown(value: object) -> str:
    """A value as text; numbers of particles in powers of ten, a number that is whole without decimals."""
    if isinstance(value, list):
        return ", ".join(_shown(part) for part in value)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    if isinstance(value, (int, float, np.integer, np.floating)):
        return f"{value:.3g}".replace("e+0", "e") if abs(value) >= 1e7 else f"{value:.6g}"
    return str(value)


def _joined(parts: object, word: str) -> str:
    texts = [_shown(part) for part in parts]
    if word in "+−":
        return f" {word} ".join(texts)
    return f" {word} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def audit_numbers(table: pd.DataFrame) -> dict[str, object]:
    """Of the fifth chapter: the verdicts of the audit."""
    found = table.verdict.value_counts()
    return {
        "n_claims": len(table),
        "n_claims_internal": found.get("consistent", 0) + found.get("inconsistent", 0),
        "n_claims_inconsistent": found.get("inconsistent", 0),
        "n_claims_sourced": found.get("consistent with source", 0) + found.get("source disagrees", 0),
        "n_claims_source_disagrees": found.get("source disagrees", 0),
        "n_claims_not_checkable": found.get("not checkable", 0),
    }
