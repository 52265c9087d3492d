"""The audit of the paper: every claim put to its one check, with a verdict and a sentence why.

A check is a function of a claim, its options and the ``Evidence``; ``CHECKS`` lists all. Which one a claim is put to is data
(``data/raw/paper/claims.yml``).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import corrected_csv, read_csv, split_multi
from evlib.base.tables import WITHOUT_CODE
from evlib.base.words import joined
from evlib.doses.dose_windows import NARROW
from evlib.doses.effect_sizes import mean_difference
from evlib.doses.stated_doses import power

COLUMNS = ["id", "finding", "section", "quote", "value", "kind", "check", "ours", "verdict", "why", "source"]
NOT_CHECKABLE = "not checkable"
HEADLINE = ("most_frequent", "any_where")  # checks of statements of order or presence
# For each kind of check: the verdict where paper and check agree, and where they do not.
VERDICTS = {
    "internal": ("consistent", "inconsistent"),
    "recomputation": ("reproduced", "differs"),
    "source": ("consistent with source", "source disagrees"),
}
ORDER = [verdict for pair in VERDICTS.values() for verdict in pair] + [NOT_CHECKABLE]
_SETS_DIFFER = "The two sets of trials differ, and CENTRAL is absent from ours."
_UNSTATED = ("not available", "not specified", "not reported", "not detailed")
_SEVERAL = ("mixed", "combined", WITHOUT_CODE)  # codes that are no tissue and no route of their own
_WORSE = ("less effective", "harm")  # readings of the paper's words on a dose that did worse than another
_NO_PHASE = ("not-applicable", "not reported", WITHOUT_CODE)
_CONVENTIONAL = 0.05  # the level at which the paper calls results significant
_FROM_THE_PAPER = "Wang 2025"  # marks, in the curated tables, what was taken from the paper itself
_NAMES = {"msc_source": "cell source", "countries": "country", "conditions": "condition", "covid19": "COVID-19"}
_NAMES |= {"n_events": "number of events"} | dict.fromkeys(("dose_low", "dose_high", "dose_as_reported"), "dose")


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
    references: pd.DataFrame
    section4: pd.DataFrame


class _Claim(NamedTuple):
    """A claim, with the values and quotes of all claims by their ids."""

    id: str
    quote: str
    value: object
    values: Mapping[str, object]
    quotes: Mapping[str, str]


class _Finding(NamedTuple):
    """The result of a check: our value, whether it agrees with the paper (None: cannot be checked), a sentence why."""

    ours: object
    agrees: bool | None
    why: str


class Check(NamedTuple):
    """One way to check a claim, and how its options are written in ``claims.yml``."""

    kind: str  # a key of ``VERDICTS``, or ``none``
    function: Callable[[_Claim, object, Evidence], _Finding]
    form: type  # of the options: a scalar, a list, or a mapping
    needs: tuple[str, ...] = ()  # keys of the mapping
    may: tuple[str, ...] = ()  # further keys, which it need not have
    ids: tuple[str, ...] = ()  # keys whose values are ids of other claims; not empty where a scalar or a list holds ids


def paper_evidence(raw_dir: str | Path) -> dict[str, pd.DataFrame]:
    """The evidence that is the same for every search date: the paper's printed tables, curated publications and results.

    Examples
    --------
    >>> evidence = paper_evidence("data/raw")
    >>> sorted(evidence)
    ['adverse_events', 'arms', 'outcomes', 'references', 'section4', 'studies', 'table1', 'table2']
    >>> "trn" in evidence["table2"]
    True
    """
    raw = Path(raw_dir)
    paper = {name: read_csv(raw / f"paper/{name}.csv") for name in ("table1", "table2")}
    columns = {"references": ["number", "title"], "section4": ["arm_id", "reading", "quote"]}
    paper |= {name: read_csv(raw / f"paper/{name}.csv", needs=needs, optional=True) for name, needs in columns.items()}
    curated = ("studies", "arms", "outcomes", "adverse_events")
    return paper | {name: corrected_csv(raw / f"curation/{name}.csv") for name in curated}


def headline(claims: pd.DataFrame) -> pd.DataFrame:
    """The claims on what is most frequent or present at all, which depend less on the number of trials than counts do.

    Examples
    --------
    >>> claims = pd.DataFrame({"id": ["flow-included", "country-first"], "check": ["flow", "most_frequent"]})
    >>> headline(claims).id.tolist()
    ['country-first']
    """
    return claims[claims.check.isin(HEADLINE)].reset_index(drop=True)


def claim_verdicts(claims: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """One verdict for each of the claims that ``read_claims`` returns, held against the evidence.

    Returns
    -------
    pandas.DataFrame
        ``id, finding, section, quote, value`` of the claim; ``kind`` (internal, recomputation, source, none) and ``check``; ``ours``,
        the value that the check gives; ``verdict``; ``why``, a sentence, with the claim's caveat; ``source``, the address
        of the record or report that the claim is held against. All values are text.

    Raises
    ------
    InputError
        Where a claim names an arm, a study, a trial or a column that the tables do not have; names the claim.

    Examples
    --------
    >>> claims = pd.DataFrame({"id": ["all", "lung", "share"], "quote": ["8 trials", "3 trials", "3 trials (40%)"]})
    >>> claims = claims.assign(value=[8, 3, 40], section="3.2", finding=claims.id, caveat=None)
    >>> claims["check"] = ["not_checkable", "not_checkable", "share_of"]
    >>> claims["options"] = ["no list is on file.", "no list is on file.", {"part": "lung", "whole": "all"}]
    >>> evidence = None  # the third is held against the other two
    >>> verdicts = claim_verdicts(claims, evidence)
    >>> verdicts[["id", "kind", "value", "ours", "verdict"]]
          id      kind value ours        verdict
    0    all      none     8       not checkable
    1   lung      none     3       not checkable
    2  share  internal    40   38   inconsistent
    >>> verdicts.why[2]
    '3 of 8 is 38 %. No denominator below three times 8 gives 40 % for 3; of 8, no count would.'
    """
    values, quotes = dict(zip(claims.id, claims.value)), dict(zip(claims.id, claims.quote))
    rows = []
    for row in claims.itertuples():
        options = {row.field: row.code} if row.check == "field" else row.options
        kind, check_claim, *_ = CHECKS[row.check]
        finding = check_claim(_Claim(row.id, row.quote, row.value, values, quotes), options, evidence)
        verdict = NOT_CHECKABLE if finding.agrees is None else VERDICTS[kind][0 if finding.agrees else 1]
        stated = (row.id, row.finding, row.section, row.quote, _as_text(row.value), kind, row.check.replace("_", " "))
        why = finding.why if pd.isna(row.caveat) else f"{finding.why} {row.caveat}"
        source = _source_url(row.check, options, evidence)
        rows.append((*stated, _as_text(finding.ours), verdict, why, source))
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def by_section(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers of claims: one row for each section in the paper's order, one column for each verdict."""
    sections = sorted(table.section.unique(), key=_place_in_paper)
    return pd.crosstab(table.section, table.verdict).reindex(index=sections, columns=ORDER, fill_value=0)


def findings_by_verdict(table: pd.DataFrame) -> pd.Series:
    """Numbers of distinct findings, by verdict in the order of ``ORDER``.

    Claims that one correction of the text would settle are one finding. Among the claims of one kind it fits only where all
    that can be checked do; one that was checked in two kinds counts in both. Not checkable is one of whose claims none can
    be checked.
    """
    names = {verdict: set(table.finding[table.verdict == verdict]) for verdict in ORDER}
    for right, wrong in VERDICTS.values():
        names[right] -= names[wrong]
    names[NOT_CHECKABLE] -= set().union(*(names[verdict] for verdict in ORDER if verdict != NOT_CHECKABLE))
    return pd.Series({verdict: len(found) for verdict, found in names.items()})


def _place_in_paper(section: str) -> tuple:
    """A sort key of sections: the abstract first, then by number, with Tables 1 and 2 before section 3."""
    number = re.match(r"Table (\d)", section)
    if number:
        return (2.9, number[1])
    return (0, "") if not section[:1].isdigit() else (float(section[:1]), section)


def _equals(claim: _Claim, other: str, evidence: Evidence) -> _Finding:
    theirs = claim.values[other]
    agrees = theirs == claim.value
    says = "also says" if agrees else f"says {_as_text(claim.value)} here and"
    return _Finding(theirs, agrees, f"The paper {says} {_as_text(theirs)} in “{claim.quotes[other]}”.")


def _total(claim: _Claim, parts: list, evidence: Evidence, *, sign: str) -> _Finding:
    """The first number plus, or minus, the others."""
    first, *others = (_number_in(claim, part) for part in parts)
    total = first + sum(others) if sign == "+" else first - sum(others)
    return _compared(claim, total, f"{_joined([first, *others], sign)} = {_as_text(total)}")


def _same_magnitude(claim: _Claim, others: list, evidence: Evidence) -> _Finding:
    values = sorted({_number_in(claim, other) for other in others})
    factors = [max(value, claim.value) / min(value, claim.value) for value in values]
    words = ", ".join(f"{_as_text(value)} (a factor of {factor:.3g})" for value, factor in zip(values, factors))
    return _Finding(values, max(factors) < 10, f"Beside {_as_text(claim.value)} the paper states elsewhere: {words}.")


def _share_of(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    part, whole = _number_in(claim, options["part"]), _number_in(claim, options["whole"])
    of = _as_text(whole)
    if "less" in options:
        less = _number_in(claim, options["less"])
        of, whole = f"{_as_text(whole - less)} ({_as_text(whole)} − {_as_text(less)})", whole - less
    places = _decimals(claim)
    share = 100 * part / whole if whole else np.nan
    agrees = _rounds_to(share, claim.value, places)
    why = f"{_as_text(part)} of {of} is {share:.{places}f} %."
    if not (agrees or whole):
        return _Finding(None, False, f"There is no share of {of}.")
    return _Finding(round(share, places), agrees, why if agrees else f"{why} {_fitting(part, whole, claim, places)}")


def _fitting(part: float, whole: float, claim: _Claim, places: int) -> str:
    """Which wholes (for the same count) and which counts (of the same whole) would give the printed percentage."""
    printed, count = f"{claim.value:.{places}f} %", _as_text(part)
    wholes = [n for n in range(1, 3 * int(whole)) if _rounds_to(100 * part / n, claim.value, places)]
    parts = [n for n in range(int(whole) + 1) if _rounds_to(100 * n / whole, claim.value, places)]
    of_part = (
        f"{printed} is {count} of {_joined(wholes, 'or')}"
        if wholes
        else f"No denominator below three times {_as_text(whole)} gives {printed} for {count}"
    )
    of_whole = f"{_joined(parts, 'or')} would give it" if parts else "no count would"
    return f"{of_part}; of {_as_text(whole)}, {of_whole}."


def _within(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Whether parts fit into a whole: several that do not fill it, or more than fill it, decide nothing by their sum."""
    parts, whole = [_number_in(claim, part) for part in options["parts"]], _number_in(claim, options["whole"])
    total, over = sum(parts), sum(parts) - whole
    words = f"{_joined(parts, '+')} = {_as_text(total)}" if len(parts) > 1 else _as_text(total)
    words += f", {_as_text(abs(over))} {'more' if over > 0 else 'fewer'} than {_as_text(whole)}" if over else ""
    if max(parts) > whole or whole != claim.value:
        return _Finding(total, False, f"{words}.")
    if len(parts) == 1 or not over:
        return _Finding(total, True, f"{words}.")
    unsaid = "whether trials count under several parts" if over > 0 else "where the others belong"
    return _Finding(total, None, f"{words}; the paper does not say {unsaid}, so that the sum decides nothing.")


def _largest_of(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Whether no other printed number is above the smallest of those that the paper calls the largest."""
    named, others = ({name: _number_in(claim, name) for name in options[key]} for key in ("named", "others"))
    words = ", ".join(f"“{claim.quotes[name]}”" for name in [*named, *others])
    return _Finding(max(others.values()), min(named.values()) >= max(others.values()), f"The paper prints {words}.")


def _years_between(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    first, last = (claim.values[options[key]] for key in ("first", "last"))
    years = (pd.Timestamp(str(last)) - pd.Timestamp(str(first))).days / 365.25
    return _finding(
        claim, round(years, 1), round(years) == claim.value, f"From {first} to {last} are {years:.1f} years"
    )


def _ratio_of_deaths(claim: _Claim, survived: list, evidence: Evidence) -> _Finding:
    """The ratio of the deaths that two printed percentages of survivors leave, as far as their rounding allows."""
    treated, control = (100 - _number_in(claim, name) for name in survived)
    half = 0.5 * 10.0 ** -max(len(str(claim.values[name]).partition(".")[2]) for name in survived)
    if control <= half:
        raise _refused(claim, "nobody died in the second group, so that there is no ratio")
    low, high = (treated - half) / (control + half), (treated + half) / (control - half)
    ratio, places = treated / control, _places(claim.value)
    agrees = _rounds_to(min(max(claim.value, low), high), claim.value, places)
    words = f"By the printed percentages of survivors {treated:.3g} % and {control:.3g} % died, a ratio of {ratio:.{places}f}"
    return _finding(claim, round(ratio, places), agrees, words)


def _narrow_range(claim: _Claim, doses: list, evidence: Evidence) -> _Finding:
    values = [_number_in(claim, name) for name in doses]
    low, high = min(values), max(values)
    why = f"The doses in the paper with which effects are reported, {_as_text(low)} to {_as_text(high)}, span a factor of "
    return _Finding(high / low, high / low <= 10**NARROW, f"{why}{high / low:.3g}.")


def _means_differ(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Whether two printed means with their standard deviations differ, in groups of equal size."""
    (mean, versus), (sd, versus_sd) = (_number_in(claim, name) for name in options["means"]), options["sds"]
    people, groups = (_number_in(claim, options[key]) for key in ("people", "groups"))
    n = int(people // groups)
    found = mean_difference(mean, sd, n, versus, versus_sd, n)
    why = (
        f"Of the printed means and standard deviations, with {_as_text(people)} people in {_as_text(groups)} groups of {n}, "
        f"the difference is {found.estimate:.1f} ({found.low:.1f} to {found.high:.1f}, p = {found.p:.2f})."
    )
    return _Finding(f"p = {found.p:.2f}", found.p < _CONVENTIONAL, why)


def _cited(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Whether the title of each cited reference names the subject of the sentence that cites it."""
    numbers = [str(number) for number in options["references"]]
    titles = {n: _rows(evidence.references, "number", n, claim, "references.csv").iloc[0].title for n in numbers}
    strange = [n for n in numbers if not any(word.casefold() in titles[n].casefold() for word in options["words"])]
    listed = "; ".join(f"{n} is titled “{titles[n]}”" for n in strange or numbers)
    why = f"Reference {listed}. Judged by titles: none of the words {_joined(options['words'], 'or')} stands there."
    if not strange:
        return _Finding(", ".join(numbers), True, f"Reference {listed}.")
    return _Finding(", ".join(n for n in numbers if n not in strange) or "none", False, why)


def _less_on_both_sides(claim: _Claim, options: bool, evidence: Evidence) -> _Finding:
    """Whether, by the paper's own words on each dose, one above and one below an effective dose of a trial did worse."""
    doses = evidence.section4.merge(evidence.arms, on="arm_id")
    doses = doses.assign(amount=pd.to_numeric(doses.dose_low, errors="coerce"))
    sides = {"below": 0, "above": 0}
    for _, trial in doses.groupby("study_id"):
        worked, worse = (trial.amount[trial.reading.isin(kind)] for kind in (("effective",), _WORSE))
        sides["below"] += int(len(worked) > 0 and bool((worse < worked.min()).any()))
        sides["above"] += int(len(worked) > 0 and bool((worse > worked.max()).any()))
    why = f"By what the paper says of each dose, in {sides['below']} of {doses.study_id.nunique()} reports one below an effective "
    why += f"dose did worse, in {sides['above']} one above it."
    return _Finding(f"{sides['below']} below, {sides['above']} above", min(sides.values()) > 0, why)


def _number_listed(claim: _Claim, options: bool, evidence: Evidence) -> _Finding:
    n = len(re.split(r",\s*(?:and\s+)?|\s+and\s+", claim.quote))
    return _compared(claim, n, f"The passage lists {n}")


def _in_table(claim: _Claim, options: dict, evidence: Evidence, *, name: str, key: str, words: str) -> _Finding:
    row = _rows(getattr(evidence, name), key, options[key], claim, f"{name}.csv").iloc[0]
    return _beside(claim, _cell(row, options["column"], claim, f"{name}.csv"), words.format(**options))


def _table2_count(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    if options["column"] not in evidence.table2:
        raise _refused(claim, f"table2.csv has no column '{options['column']}'")
    n = int((evidence.table2[options["column"]] == options["cell"]).sum())
    words = f"Table 2 prints {options['column']} '{options['cell']}' for {n} of {len(evidence.table2)} trials"
    return _compared(claim, n, words)


def _table2_stated(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """In how many rows of Table 2, or whether for one trial, a column states anything."""
    rows, of = evidence.table2, ""
    if "trn" in options:
        rows, of = _rows(rows, "trn", options["trn"], claim, "table2.csv"), f" for {options['trn']}"
    if options["column"] not in rows:
        raise _refused(claim, f"table2.csv has no column '{options['column']}'")
    cells = rows[options["column"]]
    n, words = int((~cells.isin(_UNSTATED)).sum()), _joined([f"'{cell}'" for cell in cells.unique()], "and")
    why = f"Table 2 states the {_field_words(options['column'])}{of} in {n} of {len(rows)} rows; it prints {words}."
    return _Finding(n, n >= options["at_least"], why)


def _table2_words(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Whether enough cells of a column of Table 2 (one, where nothing else is asked) hold one of the words."""
    if options["column"] not in evidence.table2:
        raise _refused(claim, f"table2.csv has no column '{options['column']}'")
    cells = evidence.table2[options["column"]].str.casefold()
    n = sum(any(word.casefold() in cell for word in options["words"]) for cell in cells)
    words = f"Of {len(cells)} rows of Table 2, {n} {'has' if n == 1 else 'have'} {_joined(options['words'], 'or')} as "
    return _Finding(n, n >= options.get("at_least", 1), f"{words}{_field_words(options['column'])}.")


def _rows_of(claim: _Claim, name: str, evidence: Evidence) -> _Finding:
    if name not in ("table1", "table2"):
        raise _refused(claim, f"'{name}' is no table of the paper; known: table1, table2")
    n = len(getattr(evidence, name))
    return _compared(claim, n, f"Table {name[-1]} has {n} rows")


def _flow(claim: _Claim, step: str, evidence: Evidence) -> _Finding:
    n = evidence.flow.drop_duplicates("step").set_index("step").n
    if step not in n:
        return _Finding(None, None, "Our flow has no such step.")
    why = f"We have {n[step]} at this step, which decides nothing: a step's number is that of the sources searched. {_SETS_DIFFER}"
    return _Finding(int(n[step]), None, why)


def _count_where(claim: _Claim, where: dict, evidence: Evidence) -> _Finding:
    n = int(_are_counted(evidence, where, claim).sum())
    return _recomputed(claim, n, f"included trials with {_conditions(where)}")


def _any_where(claim: _Claim, where: dict, evidence: Evidence) -> _Finding:
    n = int(_are_counted(evidence, where, claim).sum())
    why = f"Of our included trials, {n} {'has' if n == 1 else 'have'} {_conditions(where)}. {_SETS_DIFFER}"
    return _Finding(n, (n > 0) == claim.value, why)


def _most_frequent(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    counts = Counter(_codes(evidence, options["field"], options.get("among", {}), claim))
    del counts["not reported"], counts[WITHOUT_CODE]
    named = [counts[code] for code in claim.value]
    others = [n for code, n in counts.items() if code not in claim.value]
    top = sorted(counts, key=lambda code: (-counts[code], code))[: len(claim.value)]
    agrees = min(named) >= max([1, *others])
    listed = ", ".join(f"{code} {n}" for code, n in counts.most_common(len(claim.value) + 2)) or "none"
    among = f" with {_conditions(options['among'])}" if "among" in options else ""
    why = f"The most frequent values of {_field_words(options['field'])} among our included trials{among}: {listed}."
    return _Finding(top, agrees, f"{why} {_SETS_DIFFER}")


def _number_of_values(claim: _Claim, field: str, evidence: Evidence) -> _Finding:
    values = set(_codes(evidence, field, {}, claim)) - {"not reported", *_SEVERAL}
    return _recomputed(claim, len(values), f"values of {_field_words(field)} among included trials")


def _registered_before(claim: _Claim, year: int, evidence: Evidence) -> _Finding:
    days = evidence.described.registered[_are_counted(evidence, {}, claim)]
    words = f"included trials registered before {year}; {days.isna().sum()} have no date"
    return _recomputed(claim, int((days.dt.year < year).sum()), words)


def _first_registered(claim: _Claim, form: str, evidence: Evidence) -> _Finding:
    trials = evidence.described[_are_counted(evidence, {}, claim)].dropna(subset="registered")
    if trials.empty:
        return _Finding(None, None, "No included trial of ours has a date of registration.")
    first = trials.loc[trials.registered.idxmin()]
    ours = f"{first.registered:{form}}"
    starts = evidence.records.start_date[evidence.records.trn == first.trn].dropna()
    started = f" and gives {starts.iloc[0]} as its start" if len(starts) else ""
    why = f"The first of our included trials, {first.trn}, was registered on {first.registered:%Y-%m-%d}{started}; the paper "
    why += f"gives {claim.value}."
    return _Finding(ours, ours == claim.value, f"{why} {_SETS_DIFFER}")


def _records_from(claim: _Claim, registry: str, evidence: Evidence) -> _Finding:
    n = int((evidence.records.registry == registry).sum())
    return _recomputed(claim, n, f"records of {registry} in our search, whose reading of the query is ours")


def _recomputed(claim: _Claim, n: int, words: str) -> _Finding:
    return _Finding(n, n == claim.value, f"We count {n}, the paper {_as_text(claim.value)} ({words}). {_SETS_DIFFER}")


def _with_results(claim: _Claim, year: int, evidence: Evidence) -> _Finding:
    """Included trials with results by a year: a report on file of vesicles from MSCs, or results posted at the registry."""
    included = evidence.described.trn[_are_counted(evidence, {}, claim)]
    reported = evidence.studies[pd.to_numeric(evidence.studies.year, errors="coerce").le(year)]
    reported = reported[reported.msc_derived == "True"].trn
    posted = evidence.records.trn[evidence.records.results_posted.fillna(False).astype(bool)]
    found = sorted(set(included) & {*reported, *posted})
    words = f"included trials with a report on file of {year} or before, or with posted results: {', '.join(found) or 'none'}"
    return _recomputed(claim, len(found), words)


def _widest(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Which values of a field occur with the most values of another."""
    spread = {}
    for code in set(_codes(evidence, options["of"], {}, claim)) - {"not reported", "other", *_SEVERAL}:
        spread[code] = len(set(_codes(evidence, options["field"], {options["of"]: code}, claim)) - {*_NO_PHASE})
    if not spread:
        return _Finding(None, None, "No included trial of ours states it.")
    top = sorted(spread, key=lambda code: (-spread[code], code))
    others = [n for code, n in spread.items() if code not in claim.value]
    agrees = min(spread.get(code, 0) for code in claim.value) >= max([1, *others])
    listed = ", ".join(f"{code} {spread[code]}" for code in top)
    why = f"Values of {_field_words(options['field'])} among our included trials: {listed}. {_SETS_DIFFER}"
    return _Finding(top[: len(claim.value)], agrees, why)


def _record(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    trn, field = options["trn"], options["field"]
    table = evidence.records if field in evidence.records else evidence.described
    if field not in table:
        raise _refused(claim, f"neither records.csv nor described.csv has a column '{field}'")
    rows = table[table.trn == trn]
    if rows.empty:
        return _Finding(None, None, f"The record {trn} is not in this search.")
    row = rows.iloc[0]
    words = f"The registry record, as copied by {row.snapshot}, states" if "snapshot" in row else "The trial is coded"
    return _sourced(claim, row[field], f"{words} as {_field_words(field)}")


def _participants(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    key = "study_id" if "study" in options else "arm_id"
    arms = _rows(evidence.arms, key, options.get("study", options.get("arm")), claim, "arms.csv")
    numbers = pd.to_numeric(arms.n, errors="coerce")
    total = numbers.sum(skipna=False)
    if pd.isna(total):
        return _Finding(None, None, "The sources on file do not state the number, other than the paper itself.")
    parts = _joined(numbers.astype(int), "+") + (f" = {total:.0f}" if len(arms) > 1 else "")
    return _compared(claim, int(total), f"The publication or posted results give {parts}")


def _arms_of(claim: _Claim, study: str, evidence: Evidence) -> _Finding:
    arms = _rows(evidence.arms, "study_id", study, claim, "arms.csv")
    return _compared(claim, len(arms), f"The source has {_joined(arms.arm, 'and')}")


def _arm(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    row = _arm_row(claim, options["arm"], evidence)
    cell = _cell(row, options["column"], claim, "arms.csv")
    return _sourced(claim, cell, f"The source states as {_field_words(options['column'])} of the arm '{row.arm}'")


def _result(claim: _Claim, options: dict, evidence: Evidence, *, kind: str) -> _Finding:
    """The first outcome or adverse event of an arm whose name begins as the options say, or the events of all arms."""
    key = "study_id" if "study" in options else "arm_id"
    arms = _rows(evidence.arms, key, options.get("study", options.get("arm")), claim, "arms.csv").arm_id
    table = evidence.adverse_events if kind == "event" else evidence.outcomes
    rows = table[table.arm_id.isin(arms) & table.name.str.startswith(options[kind])].drop_duplicates("arm_id")
    if rows.empty or len(rows) < len(arms):
        return _Finding(None, None, "The excerpts of the source on file do not show it.")
    row = rows.iloc[0]
    if rows.astype(str).apply(lambda column: column.str.contains(_FROM_THE_PAPER, regex=False)).any(axis=None):
        return _Finding(None, None, "What is on file was taken from the paper itself, in whole or in part.")
    if kind == "event":
        counts, people = (
            pd.to_numeric(rows[name], errors="coerce").sum(skipna=False) for name in ("n_events", "n_total")
        )
        of = "" if pd.isna(people) else f", of {people:.0f} people{' in all arms' if len(rows) > 1 else ''},"
        return _sourced(claim, counts, f"The source counts for '{row['name']}'{of}")
    cell = _cell(row, options["column"], claim, "outcomes.csv")
    found = _sourced(claim, cell, f"The source states as {_field_words(options['column'])} of '{row['name']}'")
    if not isinstance(row.p, str) or options["column"] == "p":
        return found
    ratio = f"{row.effect} ({row.ci_low} to {row.ci_high}), " if isinstance(row.effect, str) else ""
    p = row.p.replace("<", "< ") if row.p.startswith("<") else f"= {row.p}"
    return found._replace(why=f"{found.why} The comparison there: {ratio}p {p}.")


def _reported_for(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    own = _arm_row(claim, options["arm"], evidence)
    arms = evidence.arms[evidence.arms.study_id == own.study_id].set_index("arm_id").arm
    rows = evidence.outcomes[evidence.outcomes.arm_id.isin(arms.index)]
    rows = rows[rows.name.str.startswith(options["outcome"])]
    if rows.empty:
        return _Finding(None, None, "The excerpts of the source on file do not show it.")
    names = list(rows.arm_id.map(arms).unique())
    why = f"The source reports '{rows.iloc[0]['name']}' for {_joined(names, 'and')}; the paper for {own.arm}."
    return _Finding(names, own.arm in names, why)


def _note(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    row = _arm_row(claim, options["arm"], evidence)
    if options["words"] not in str(row.note):
        return _Finding(None, None, "The source on file does not speak of it.")
    why = f"The source speaks of a {options['words']}; the paper of {_as_text(claim.value)}."
    return _Finding(options["words"], options["words"] == claim.value, why)


def _possible_share(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """Whether a percentage is a share of an arm's people; where it is not, it may be an estimate, and nothing is decided."""
    row = _arm_row(claim, options["arm"], evidence)
    n = pd.to_numeric(row.n, errors="coerce")
    if pd.isna(n):
        return _Finding(None, None, "The source on file does not state the number of participants.")
    n, places = int(n), _decimals(claim)
    share = {k: 100 * k / n for k in range(n + 1)}
    fits = [k for k in share if _rounds_to(share[k], claim.value, places)]
    if fits:
        return _Finding(share[fits[0]], True, f"{fits[0]} of the {n} participants of the arm are {claim.value} %.")
    near = sorted(sorted(share, key=lambda k: abs(share[k] - claim.value))[:2])
    smaller = [m for m in range(1, n) if any(_rounds_to(100 * k / m, claim.value, places) for k in range(m + 1))]
    words = " and ".join(f"{k} ({share[k]:.{places}f} %)" for k in near)
    why = (
        f"No count of the arm's {n} participants is {claim.value} %; the nearest are {words}. Of fewer, "
        f"{_joined(smaller, 'or') if smaller else 'no number'} would give it. The paper does not say how it was estimated: with "
        "incomplete follow-up (Kaplan and Meier) it need not be a share."
    )
    return _Finding(None, None, why)


def _stated_by(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    """A claim beside the words of a named publication: its text, or all its numbers, stand there."""
    numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", options["words"])}
    values = claim.value if isinstance(claim.value, list) else [claim.value]
    agrees = all(
        value in numbers if isinstance(value, (int, float)) else value.casefold() in options["words"].casefold()
        for value in values
    )
    return _Finding(options["words"], agrees, f"The source says “{options['words']}”.")


def _doses_of(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    rows = evidence.doses[evidence.doses.trn == options["trn"]]
    if rows.empty:
        return _Finding(None, None, f"No dose of {options['trn']} is on file in this run.")
    stated = sorted({*rows.low.dropna(), *rows.high.dropna()})
    units = _joined(rows.unit.dropna().unique(), "and")
    why = f"The registry record states {_joined(stated, 'and')} ({units}); the paper {_as_text(claim.value)}."
    return _Finding(stated, set(claim.value) <= set(stated), why)


def _concentration(claim: _Claim, options: dict, evidence: Evidence) -> _Finding:
    rows = evidence.doses[(evidence.doses.trn == options["trn"]) & (evidence.doses.arm == options["arm"])]
    per_ml = (rows.particles_high / rows.volume_ml).dropna()
    if per_ml.empty:
        return _Finding(None, None, f"No concentration of {options['trn']} is on file in this run.")
    ours = float(per_ml.iloc[0])
    factor = max(ours, claim.value) / min(ours, claim.value)
    words = f"{rows.iloc[0].as_stated}: {_as_text(ours)} per mL, beside {_as_text(claim.value)}"
    return _Finding(ours, factor < 2, f"The registry record states {words} (a factor of {factor:.3g}).")


def _not_checkable(claim: _Claim, why: str, evidence: Evidence) -> _Finding:
    return _Finding(None, None, why[0].upper() + why[1:])


_TABLE1 = partial(_in_table, name="table1", key="database", words="Table 1 prints")
_TABLE2 = partial(_in_table, name="table2", key="trn", words="Table 2 prints for {trn}")
# Each claim of claims.yml has one of these keys; `field` stands with `code`.
CHECKS = {
    "equals": Check("internal", _equals, str, ids=("claim",)),
    "sum_of": Check("internal", partial(_total, sign="+"), list, ids=("claims",)),
    "difference_of": Check("internal", partial(_total, sign="−"), list, ids=("claims",)),
    "same_magnitude": Check("internal", _same_magnitude, list, ids=("claims",)),
    "share_of": Check("internal", _share_of, dict, ("part", "whole"), ("less",), ids=("part", "whole", "less")),
    "within": Check("internal", _within, dict, ("parts", "whole"), ids=("parts", "whole")),
    "largest_of": Check("internal", _largest_of, dict, ("named", "others"), ids=("named", "others")),
    "years_between": Check("internal", _years_between, dict, ("first", "last"), ids=("first", "last")),
    "ratio_of_deaths": Check("internal", _ratio_of_deaths, list, ids=("claims",)),
    "narrow_range": Check("internal", _narrow_range, list, ids=("claims",)),
    "means_differ": Check(
        "internal", _means_differ, dict, ("means", "sds", "people", "groups"), ids=("means", "people", "groups")
    ),
    "cited": Check("internal", _cited, dict, ("references", "words")),
    "less_on_both_sides": Check("internal", _less_on_both_sides, bool),
    "number_listed": Check("internal", _number_listed, bool),
    "table1": Check("internal", _TABLE1, dict, ("database", "column")),
    "table2": Check("internal", _TABLE2, dict, ("trn", "column")),
    "table2_count": Check("internal", _table2_count, dict, ("column", "cell")),
    "table2_stated": Check("internal", _table2_stated, dict, ("column", "at_least"), ("trn",)),
    "table2_words": Check("internal", _table2_words, dict, ("column", "words"), ("at_least",)),
    "rows_of": Check("internal", _rows_of, str),
    "flow": Check("recomputation", _flow, str),
    "field": Check("recomputation", _count_where, str),
    "count_where": Check("recomputation", _count_where, dict),
    "any_where": Check("recomputation", _any_where, dict),
    "most_frequent": Check("recomputation", _most_frequent, dict, ("field",), ("among",)),
    "number_of_values": Check("recomputation", _number_of_values, str),
    "registered_before": Check("recomputation", _registered_before, int),
    "first_registered": Check("recomputation", _first_registered, str),
    "records_from": Check("recomputation", _records_from, str),
    "with_results": Check("recomputation", _with_results, int),
    "widest": Check("recomputation", _widest, dict, ("field", "of")),
    "record": Check("source", _record, dict, ("trn", "field")),
    "participants": Check("source", _participants, dict, may=("study", "arm")),
    "arms_of": Check("source", _arms_of, str),
    "arm": Check("source", _arm, dict, ("arm", "column")),
    "outcome": Check("source", partial(_result, kind="outcome"), dict, ("arm", "outcome", "column")),
    "adverse": Check("source", partial(_result, kind="event"), dict, ("event",), ("arm", "study")),
    "possible_share": Check("source", _possible_share, dict, ("arm",)),
    "reported_for": Check("source", _reported_for, dict, ("arm", "outcome")),
    "note": Check("source", _note, dict, ("arm", "words")),
    "doses_of": Check("source", _doses_of, dict, ("trn",)),
    "concentration": Check("source", _concentration, dict, ("trn", "arm")),
    "stated_by": Check("source", _stated_by, dict, ("source", "words")),
    "not_checkable": Check("none", _not_checkable, str),
}


def _refused(claim: _Claim, problem: str) -> InputError:
    return InputError(f"claims.yml: the claim '{claim.id}' cannot be checked: {problem}.")


def _rows(table: pd.DataFrame, column: str, value: str, claim: _Claim, name: str) -> pd.DataFrame:
    rows = table[table[column] == value]
    if rows.empty:
        raise _refused(claim, f"{name} has no {column} '{value}'")
    return rows


def _arm_row(claim: _Claim, arm: str, evidence: Evidence) -> pd.Series:
    return _rows(evidence.arms, "arm_id", arm, claim, "arms.csv").iloc[0]


def _source_url(check: str, options: object, evidence: Evidence) -> str | None:
    """The address of the record, publication or posted result that a check uses."""
    if CHECKS[check].kind != "source":
        return None
    named = {"study": options} if check == "arms_of" else options
    if "source" in named:
        return named["source"]
    if "trn" in named:
        urls = evidence.described.record_url[evidence.described.trn == named["trn"]].dropna()
        return urls.iloc[0] if len(urls) else None
    ids = [named["study"]] if "study" in named else evidence.arms.study_id[evidence.arms.arm_id == named.get("arm")]
    urls = evidence.studies.doi_or_url[evidence.studies.study_id.isin(ids)].dropna()
    if urls.empty:
        return None
    return urls.iloc[0] if urls.iloc[0].startswith("http") else f"https://doi.org/{urls.iloc[0]}"


def _cell(row: pd.Series, column: str, claim: _Claim, name: str) -> object:
    if column not in row:
        raise _refused(claim, f"{name} has no column '{column}'")
    return row[column]


def _number_in(claim: _Claim, other: str) -> float:
    """The number that the paper gives in another claim."""
    try:
        return float(claim.values[other])
    except (TypeError, ValueError) as error:
        raise _refused(claim, f"the value of '{other}' is not a number") from error


def _are_counted(evidence: Evidence, where: dict, claim: _Claim) -> np.ndarray:
    """Which of the trials are included and have one of the given codes in each field."""
    counted = (evidence.described.screening == "included").to_numpy(dtype=bool)
    for field, codes in where.items():
        codes = set(codes if isinstance(codes, list) else [codes])
        matches = [not codes.isdisjoint(cell) for cell in _cells(evidence, field, claim)]
        counted = counted & np.array(matches, dtype=bool)
    return counted


def _codes(evidence: Evidence, field: str, where: dict, claim: _Claim) -> list[str]:
    """The codes in a field of the trials that count, one entry for each code of each trial."""
    cells = zip(_cells(evidence, field, claim), _are_counted(evidence, where, claim), strict=True)
    return [code for cell, is_counted in cells if is_counted for code in cell]


def _cells(evidence: Evidence, field: str, claim: _Claim) -> list[list[str]]:
    """The codes in a field, a list for each trial."""
    if field not in evidence.described:
        raise _refused(claim, f"described.csv has no column '{field}'")
    return [["not reported"] if pd.isna(cell) else split_multi(str(cell)) for cell in evidence.described[field]]


def _conditions(where: dict) -> str:
    lists = {field: codes if isinstance(codes, list) else [codes] for field, codes in where.items()}
    return " and ".join(f"{_field_words(field)} {_joined(codes, 'or')}" for field, codes in lists.items())


def _field_words(field: str) -> str:
    return _NAMES.get(field, field.replace("_", " "))


def _beside(claim: _Claim, cell: object, words: str) -> _Finding:
    """A claim beside a cell of a table: they agree where the numbers are equal, or the cell's text contains the claim's."""
    agrees = _matches(claim.value, cell)
    number = pd.to_numeric(cell, errors="coerce") if isinstance(cell, str) else cell
    cell = cell if pd.isna(number) else number
    stated = "nothing" if pd.isna(cell) else f"'{_as_text(cell)}'"
    return _finding(claim, cell, agrees, f"{words} {stated}")


def _sourced(claim: _Claim, cell: object, words: str) -> _Finding:
    """As ``_beside``, for a source, which may be silent: not checkable, or in agreement with a paper that says so."""
    unstated = claim.value in _UNSTATED
    if pd.isna(cell):
        return _Finding(None, True if unstated else None, "The source on file does not state it.")
    if unstated:
        return _Finding(cell, False, f"{words} '{_as_text(cell)}'; the paper prints '{claim.value}'.")
    return _beside(claim, cell, words)


def _matches(value: object, cell: object) -> bool:
    if pd.isna(cell):
        return False
    if isinstance(value, (int, float)):
        numbers = re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", str(cell))
        return len(numbers) > 0 and float(numbers[0]) == float(value)
    return str(value).casefold() in str(cell).casefold()


def _compared(claim: _Claim, n: float, words: str) -> _Finding:
    """A number beside the claim's."""
    return _finding(claim, n, n == claim.value, words)


def _finding(claim: _Claim, ours: object, agrees: bool, words: str) -> _Finding:
    """A finding whose sentence gives the paper's value where it does not agree."""
    return _Finding(ours, agrees, f"{words}." if agrees else f"{words}; the paper says {_as_text(claim.value)}.")


def _decimals(claim: _Claim) -> int:
    """With how many decimals the quote prints the percentage."""
    for number, decimals in re.findall(r"(\d+(?:\.(\d+))?)\s*%", claim.quote):
        if float(number) == claim.value:
            return len(decimals)
    return _places(claim.value)


def _places(value: float) -> int:
    return len(str(value).partition(".")[2].rstrip("0"))


def _rounds_to(share: float, printed: float, places: int) -> bool:
    return bool(abs(share - printed) <= 0.5 * 10**-places + 1e-9)


def _as_text(value: object) -> str:
    """A value as text; large numbers in powers of ten, whole numbers without decimals."""
    if isinstance(value, list):
        return ", ".join(_as_text(part) for part in value)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    if isinstance(value, (int, float, np.integer, np.floating)):
        return power(value) if abs(value) >= 1e7 else f"{value:.6g}"
    return str(value)


def _joined(parts: object, word: str) -> str:
    texts = [_as_text(part) for part in parts]
    if word in "+−":
        return f" {word} ".join(texts)
    return joined(texts, word)


def audit_numbers(table: pd.DataFrame) -> dict[str, object]:
    """The numbers of the fifth chapter, from the table of verdicts: each of claims, and of distinct findings.

    Examples
    --------
    >>> verdicts = ["inconsistent", "inconsistent", "consistent", "not checkable"]
    >>> table = pd.DataFrame({"verdict": verdicts, "finding": ["sum", "sum", "share", "figure"]})
    >>> counts = audit_numbers(table)
    >>> {name: int(n) for name, n in counts.items() if name.endswith(("_internal", "_inconsistent"))}
    {'n_claims_internal': 3, 'n_claims_inconsistent': 2, 'n_findings_internal': 2, 'n_findings_inconsistent': 1}
    """
    counted = {"claims": table.verdict.value_counts(), "findings": findings_by_verdict(table)}
    numbers = {"n_claims": len(table), "n_findings": table.finding.nunique()}
    for what, counts in counted.items():
        for kind, name, wrong in (("internal", "internal", "inconsistent"), ("source", "sourced", "source_disagrees")):
            right, differ = (counts.get(verdict, 0) for verdict in VERDICTS[kind])
            numbers |= {f"n_{what}_{name}": right + differ, f"n_{what}_{wrong}": differ}
        numbers |= {f"n_{what}_not_checkable": counts.get(NOT_CHECKABLE, 0)}
    return numbers
