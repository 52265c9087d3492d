"""A review at any search date, as one row: what a reviewer would have seen then, with today's text of the records.

What is the same at every date (records and their days of registration, decisions, codes, doses, claims) is read once into
``Inputs``; ``row_at`` is a pure function of them and a date.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evlib.audit import checks
from evlib.audit.claims import read_claims
from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol
from evlib.base.rawdata import OWN_DECISIONS, shared
from evlib.base.schema import MULTI, columns, read_csv, read_table, split_multi
from evlib.describe import coded_fields, codes_by_people
from evlib.describe.coded_fields import describe_counts
from evlib.doses import stated_doses
from evlib.doses.stated_doses import dose_numbers
from evlib.ingest import registration_dates, sources
from evlib.ingest.retrieval import snapshots
from evlib.screen import deduplication, eligibility, judging, prisma_flow, screening

LEADERS = (
    "countries",
    "countries_by_record",
    "phase_group",
    "disease_area",
    "msc_source",
    "route",
)  # fields whose leading value is shown
CLAIM, REGISTRY = "claim:", "records:"  # prefixes of the columns of claims and of registries
NEVER, CANNOT = "never", "cannot be judged"
_STEPS = ("duplicates", "screened", "excluded_title", "assessed", "unclear", "pending", "included")
_KNOWN_DATES, _DOSES = "curation/nct_first_submitted.csv", "curation/doses.csv"
_SUPPORT = ["claim", "section", "quote", "first", "trials then", "held ever after", "on the last day"]
_FACTS = ("status", "enrolment", "enrolment_type", "results_posted", "source_urls")
_OF_RECORDS = (*deduplication.NEEDED, "registered_basis", "registered_low", "registered_high", *_FACTS)
_OF_TRIALS = ["trn", "disease_area", "route_group", "registered_basis"]
_STEP = {"month": "ME", "quarter": "QE", "year": "YE", "week": "7D"}  # as pandas calls them

# Table ``duplicates`` by the linked records of a search, which few dates change.
_Repeats = dict[tuple[str, ...], pd.DataFrame]


class Inputs(NamedTuple):
    """What the rows of all dates are made from; it does not depend on the date."""

    protocol: dict
    newest: str  # day of the newest records
    records: pd.DataFrame  # the columns `_OF_RECORDS` of table `records`, from all sources
    outcomes: pd.DataFrame  # table `screened`, as if no record were a duplicate
    pairs: pd.DataFrame  # records of one trial: trn, duplicate_of, reason
    later: pd.DataFrame  # the records that count from a later day than their registration
    may_repeat: frozenset[str]  # the records that these pairs, or secondary numbers, link to any other
    described: pd.DataFrame  # table `described` of all possible trials, as if no record were a duplicate
    doses: pd.DataFrame | None  # table `doses` of these; None where the review codes none
    claims: pd.DataFrame | None  # the paper's headline claims; None where the review answers no paper
    paper: dict[str, pd.DataFrame]  # as `checks.paper_evidence` gives it
    columns: tuple[str, ...] = ()  # of a row


def shared_inputs(protocol_file: str | Path, *, raw_dir: str | Path) -> Inputs:
    """The inputs of a review, read from its raw data as the first three chapters read them.

    Raises
    ------
    InputError
        Where the protocol or a raw file cannot be used.
    """
    raw, review = Path(raw_dir), load_protocol(protocol_file)
    read = sources.read_in_rounds(raw, protocol=review)
    files = sources.raw_sources(raw, snapshot=snapshots(raw)[-1])
    records, _, account, *_ = sources.records_of(files, protocol=review, always=read, days=sources.status_days(raw))
    readings, pairs, _ = screening.readers_decisions(raw, known=set(records.trn) | read, protocol=review)
    numbers = sources.numbers_of_rounds(raw, protocol=review)
    rounds = registration_dates.bounds_by_rounds(readings, numbers, protocol=review)
    records = registration_dates.with_registration_dates(
        records, read_csv(shared(raw, _KNOWN_DATES)), rounds=rounds, protocol=review
    )
    people, _ = judging.own_decisions(raw / OWN_DECISIONS, known=set(records.trn), protocol=review)
    decisions = pd.concat([readings, people, eligibility.rule_decisions(records, protocol=review)])
    return _inputs(review, sources.newest_day(account), records, records, decisions, pairs, raw)


def inputs_of_run(out_dir: str | Path, *, raw_dir: str | Path, protocol: dict) -> Inputs:
    """What the tables of dates up to a run's own are made of: its ``sources``, ``places``, ``records`` and ``decisions``.

    It is faster than ``shared_inputs``, since no record is read or judged anew.

    Examples
    --------
    >>> protocol = load_protocol("protocol.yml")
    >>> inputs = inputs_of_run("data/processed/2024-02-17", raw_dir="data/raw", protocol=protocol)
    >>> inputs.records.trn.is_unique, "duplicate" in set(inputs.outcomes.outcome)
    (True, False)
    """
    out, raw = Path(out_dir), Path(raw_dir)
    everything = read_table(out / "places.csv", "records", without=["place", "place_reason"])
    records, decisions = (read_table(out / f"{name}.csv", name) for name in ("records", "decisions"))
    _, pairs, _ = screening.readers_decisions(raw, known=set(records.trn), protocol=protocol)
    newest = sources.newest_day(read_csv(out / "sources.csv").astype({"records": int}))
    return _inputs(protocol, newest, everything, records, decisions, pairs, raw)


def _inputs(
    review: dict,
    newest: str,
    everything: pd.DataFrame,
    records: pd.DataFrame,
    decisions: pd.DataFrame,
    pairs: pd.DataFrame,
    raw: Path,
) -> Inputs:
    known = set(everything.trn)
    outcomes = screening.screened_alone(records, decisions[decisions.trn.isin(records.trn)], protocol=review)
    judged, _ = deduplication.judged_pairs(raw / deduplication.PAIRS_FILE, known=known)
    no_duplicates = pd.DataFrame(columns=columns("duplicates"), dtype="str")
    trials = screening.trials(outcomes, everything, no_duplicates, protocol=review)
    read, _ = coded_fields.readers_coding(raw / "curation/coding.csv", known=known, protocol=review)
    rules, words = coded_fields.rule_coding_with_words(records[records.trn.isin(trials.trn)], protocol=review)
    people, _ = codes_by_people.read_codes(raw, known=known, protocol=review)
    decisions, _ = coded_fields.coding_decisions(raw, known=known, protocol=review)
    coding, _ = coded_fields.coded(trials, read, rules, words, decisions=decisions, people=people, protocol=review)
    described = coded_fields.described(trials, coding, everything)
    doses = None
    if (raw / _DOSES).is_file():
        doses = stated_doses.with_routes(stated_doses.stated_doses(raw / _DOSES, known=known)[0], described)
    claims, paper = None, {}
    if (raw / "paper/claims.yml").is_file():
        claims = checks.headline(read_claims(raw / "paper/claims.yml", protocol=review))
        paper = checks.paper_evidence(raw)
    pairs = deduplication.pairs_to_merge(pairs, judged)
    kept = everything[list(dict.fromkeys(_OF_RECORDS))]
    may_repeat = deduplication.tied(kept, pairs)
    later, _ = registration_dates.counts_from(raw / registration_dates.COUNTS_FROM, known=known)
    inputs = Inputs(review, newest, kept, outcomes, pairs, later, may_repeat, described, doses, claims, paper)
    return inputs._replace(columns=_columns(inputs))


class Tables(NamedTuple):
    """The tables of a search date, made of ``Inputs``."""

    records: pd.DataFrame
    outcomes: pd.DataFrame  # table `screened`
    flow: pd.DataFrame
    described: pd.DataFrame
    doses: pd.DataFrame | None  # of included trials


def tables_at(inputs: Inputs, search_date: str) -> Tables:
    """The tables that a search to this date would have given, with today's text of the records, decisions and codes.

    Examples
    --------
    >>> protocol = load_protocol("protocol.yml")
    >>> inputs = inputs_of_run("data/processed/2024-02-17", raw_dir="data/raw", protocol=protocol)
    >>> one, other = tables_at(inputs, "2021-12-31"), tables_at(inputs, "2022-12-31")
    >>> set(one.records.trn) < set(other.records.trn)  # without those registered in between
    True
    >>> len(one.records) == int(one.flow.set_index("step").n["identified_total"])
    True
    """
    return _tables_of(inputs, _place(inputs, search_date), {})


def _place(inputs: Inputs, search_date: str) -> pd.Series:
    return registration_dates.in_search(inputs.records, search_date, later=inputs.later)


def _tables_of(inputs: Inputs, place: pd.Series, known: _Repeats) -> Tables:
    """The tables of a search date, by the place of each record as ``in_search`` gives it; adds to the duplicates that are ``known``."""
    records = inputs.records[place == "in"]
    outcomes = inputs.outcomes[inputs.outcomes.trn.isin(records.trn)]
    tied = records[records.trn.isin(inputs.may_repeat)]
    if (found := tuple(tied.trn)) not in known:
        known[found] = deduplication.duplicates(tied, inputs.pairs, protocol=inputs.protocol)
    outcomes = screening.with_duplicates(outcomes, known[found], protocol=inputs.protocol)
    flow = prisma_flow.flow_of(outcomes, protocol=inputs.protocol)
    described = inputs.described[inputs.described.trn.isin(screening.trials_of(outcomes).trn)]
    included = described.trn[described.screening == "included"]
    doses = None if inputs.doses is None else inputs.doses[inputs.doses.trn.isin(included)]
    return Tables(records, outcomes, flow, described, doses)


def tables_of_paper(out_dir: str | Path, *, raw_dir: str | Path, search_date: str, protocol: dict) -> Tables:
    """The tables that compare with the paper's: those of its own search date, or of the run's where that is earlier.

    Examples
    --------
    >>> out, protocol = "data/processed/2024-02-17", load_protocol("protocol.yml")
    >>> then = tables_of_paper(out, raw_dir="data/raw", search_date="2024-02-17", protocol=protocol)
    >>> then.described.registered.max() <= pd.Timestamp(protocol["replication_date"])
    True
    """
    return tables_at(
        inputs_of_run(out_dir, raw_dir=raw_dir, protocol=protocol), date_beside_paper(search_date, protocol)
    )


def flow_of_paper(
    records: pd.DataFrame,
    decisions: pd.DataFrame,
    pairs: pd.DataFrame,
    *,
    raw_dir: str | Path,
    search_date: str,
    protocol: dict,
) -> pd.DataFrame:
    """The flow of ``tables_of_paper`` alone, from what the second chapter knows: no trial is described for it.

    Parameters
    ----------
    records, decisions
        The run's tables of these names.
    pairs
        As ``deduplication.pairs_to_merge`` returns them.

    Examples
    --------
    >>> out, protocol = "data/processed/2024-02-17", load_protocol("protocol.yml")
    >>> records, decisions = (read_table(f"{out}/{name}.csv", name) for name in ("records", "decisions"))
    >>> pairs, know = screening.readers_decisions(Path("data/raw"), known=set(records.trn), protocol=protocol)[1], {"raw_dir": "data/raw"}
    >>> know |= {"search_date": "2024-02-17", "protocol": protocol}
    >>> flow = flow_of_paper(records, decisions, pairs, **know)
    >>> flow.equals(read_table(f"{out}/flow.csv", "flow"))
    True
    """
    later, _ = registration_dates.counts_from(Path(raw_dir) / registration_dates.COUNTS_FROM, known=set(records.trn))
    day = date_beside_paper(search_date, protocol)
    early = records[registration_dates.in_search(records, day, later=later) == "in"]
    repeats = deduplication.duplicates(early, pairs, protocol=protocol)
    outcomes = screening.screened(early, repeats, decisions[decisions.trn.isin(early.trn)], protocol=protocol)
    return prisma_flow.flow_of(outcomes, protocol=protocol)


def date_beside_paper(search_date: str, protocol: dict) -> str:
    """The search date of the tables that stand beside the paper's: its own, or an earlier one that was asked for.

    Examples
    --------
    >>> protocol = {"replication_date": "2024-02-17"}
    >>> date_beside_paper("2026-11-28", protocol), date_beside_paper("2022-12-31", protocol)
    ('2024-02-17', '2022-12-31')
    """
    return min(search_date, protocol.get("replication_date", search_date))


def row_at(inputs: Inputs, search_date: str) -> dict[str, Any]:
    """What a reviewer would have seen at a search date.

    Returns
    -------
    dict
        ``search_date``; ``note``, why values are missing (missing itself where they are not); counts of the flow, of
        registries, and of the book's first page; for each field of ``LEADERS``, and each that the protocol adds, its most
        frequent value among included trials (several in a tie), their number and their share of all included trials; and a
        verdict on each headline claim. Where no record was registered by the date, counts are 0 and the rest is missing;
        after the day of the newest records, all is missing.
    """
    return _row_and_trials(inputs, search_date, _place(inputs, search_date), {})[0]


def rows_at(inputs: Inputs, days: Iterable[str]) -> pd.DataFrame:
    """One row for each day, as ``table_of`` types them; a day without new records repeats the row before."""
    return rows_and_trials_at(inputs, days)[0]


def rows_and_trials_at(inputs: Inputs, days: Iterable[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row for each day, as ``rows_at`` gives it, and from which to which of these days each trial is included.

    Returns
    -------
    table : pandas.DataFrame
        As ``rows_at`` gives it.
    trials : pandas.DataFrame
        ``trn, first_day, last_day`` (missing: also on the last of the days of which anything is known), ``disease_area, route_group,
        registered_basis``. A trial whose kept record changes, as a better one is registered later, has a row for each of them.

    Examples
    --------
    >>> protocol = load_protocol("protocol.yml")
    >>> inputs = inputs_of_run("data/processed/2024-02-17", raw_dir="data/raw", protocol=protocol)
    >>> table, trials = rows_and_trials_at(inputs, ["2021-12-31", "2022-12-31"])
    >>> table.search_date.tolist(), "n_included" in table, "claim:country-first" in table
    (['2021-12-31', '2022-12-31'], True, True)
    >>> int(table.n_included[0]) == int((trials.first_day == "2021-12-31").sum())
    True
    """
    rows, row, included, places_before, day_before = [], {}, None, None, None
    spells: list[dict[str, Any]] = []
    current: dict[str, dict[str, Any]] = {}
    known: _Repeats = {}
    for day in days:
        place = _place(inputs, day)
        places = place.to_numpy(dtype=object).tolist()
        if places == places_before and day <= inputs.newest:
            row = row | {"search_date": day}
        else:
            row, included = _row_and_trials(inputs, day, place, known)
        rows.append(row)
        places_before = places
        if included is None:
            continue
        numbers = set(included.trn)
        for trn in current.keys() - numbers:
            current.pop(trn)["last_day"] = day_before
        for facts in included.loc[~included.trn.isin(current.keys()), _OF_TRIALS].to_dict("records"):
            current[facts["trn"]] = facts | {"first_day": day, "last_day": None}
            spells.append(current[facts["trn"]])
        day_before = day
    columns = [_OF_TRIALS[0], "first_day", "last_day", *_OF_TRIALS[1:]]
    return table_of(rows), pd.DataFrame(spells, columns=columns, dtype="str")


def _row_and_trials(
    inputs: Inputs, search_date: str, place: pd.Series, known: _Repeats
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """The row of a search date and the trials included by it, of table ``described``; None where nothing is known of the date."""
    row = dict.fromkeys(inputs.columns) | {"search_date": search_date}
    if search_date > inputs.newest:
        return row | {"note": f"after the newest records, of {inputs.newest}"}, None
    records, outcomes, flow, described, doses = _tables_of(inputs, place, known)
    included = described[described.screening == "included"]
    by_record = included.countries.mask(included.country_basis == "sponsor")
    steps = flow.drop_duplicates("step").set_index("step").n
    row |= {"n_records": len(records), "n_undated": (place == "undated").sum()}
    row |= {f"{REGISTRY}{name}": (records.registry == name).sum() for name in _registries(inputs)}
    row |= {f"n_{step}": steps[step] for step in _STEPS}
    row |= {"n_proposed": ((outcomes.outcome == "pending") & (outcomes.proposal == "include")).sum()}
    if records.empty:
        return _with_python_numbers(row | {"note": "no record was registered by this day"}), included
    row |= _numbers(inputs, included, doses)
    for field in (*LEADERS, *inputs.protocol["added_fields"]):
        row |= _leader(included.assign(countries_by_record=by_record), field)
    if inputs.claims is not None:
        evidence = checks.Evidence(flow=flow, records=records, described=described, doses=doses, **inputs.paper)
        verdicts = checks.claim_verdicts(inputs.claims, evidence)
        row |= {f"{CLAIM}{name}": verdict for name, verdict in zip(verdicts.id, verdicts.verdict, strict=True)}
    return _with_python_numbers(row), included


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table, each column with a type by its name, also where all its values are missing."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pd.DataFrame([{name: row.get(name) for name in names} for row in rows], columns=names, dtype=object)
    return table.astype({name: _type_of(name) for name in names})


def months_of(described: pd.DataFrame, search_date: str, *, newest: str, also: Iterable[str] = ()) -> list[str]:
    """The ends of the months from the registration of the first included trial to the last day, which is one of them.

    The last day is the search date; or the day of the newest records, since nothing is known of later ones. Days to be shown
    ``also`` are added where they lie between.

    Examples
    --------
    >>> days = pd.to_datetime(["2023-11-20", "2020-01-01"])
    >>> described = pd.DataFrame({"screening": ["included", "pending"], "registered": days})
    >>> months_of(described, "2024-02-17", newest="2026-11-28", also=["2024-01-10"])
    ['2023-11-30', '2023-12-31', '2024-01-10', '2024-01-31', '2024-02-17']
    """
    last = min(search_date, newest)
    first = described.registered[described.screening == "included"].min()
    months = days_between(last if pd.isna(first) else min(f"{first:%Y-%m-%d}", last), last, every="month")
    return sorted({*months, *(day for day in also if months[0] <= day <= last)})


def days_between(first: str, last: str, *, every: str) -> list[str]:
    """Search dates from a first to a last day, which is always one of them.

    Parameters
    ----------
    first, last
        Days, YYYY-MM-DD.
    every
        ``month``, ``quarter`` or ``year``: their last days; ``week``, or a number of days: counted from ``first``.

    Raises
    ------
    InputError
        Where a date or the step cannot be used, or the last day comes before the first.
    """
    start, end = registration_dates.parsed_date(first), registration_dates.parsed_date(last)
    if end < start:
        raise InputError(f"The sweep would end on {last}, before it begins on {first}. Name a later last day.")
    step = _STEP.get(every)
    if every.isascii() and every.isdigit() and int(every) > 0:
        step = f"{min(int(every), (end - start).days + 1)}D"
    if step is None:
        use = "Use month, quarter, year, week, or a number of days, for example 30."
        raise InputError(f"'{every}' is not a step of a sweep. {use}")
    return list(dict.fromkeys([*pd.date_range(start, end, freq=step).strftime("%Y-%m-%d"), last]))


def first_supported(table: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """When each headline claim would first have been supportable, and whether it held from then on.

    Parameters
    ----------
    table
        As ``rows_at`` gives it, in the order of days. Days of which nothing is known (without counts) are left out.
    claims
        The headline claims.

    Returns
    -------
    pandas.DataFrame
        ``claim, section, quote``; ``first``: the first of the days on which the recomputation agrees ("never"; "cannot be
        judged", where there is no verdict on any day); ``trials then``: the trials included by that day; ``held ever after``
        (yes, or on how many of the later days not); ``on the last day``: whether it agrees.

    Examples
    --------
    >>> claims = pd.DataFrame({"id": ["first"], "section": ["3.2"], "quote": ["China ranks first"]})
    >>> table = pd.DataFrame({"search_date": ["2020-12-31", "2021-12-31", "2022-12-31"], "n_included": [4, 9, 12]})
    >>> table["claim:first"] = ["differs", "reproduced", "differs"]
    >>> first_supported(table, claims).iloc[0]
    claim                                     first
    section                                     3.2
    quote                         China ranks first
    first                                2021-12-31
    trials then                                   9
    held ever after    no: not on 1 of 1 later days
    on the last day                              no
    Name: 0, dtype: object
    """
    table, rows = table.dropna(subset="n_included"), []
    for claim in claims.itertuples():
        verdict = table[f"{CLAIM}{claim.id}"]
        agrees = (verdict == checks.VERDICTS["recomputation"][0]).fillna(False).to_numpy(dtype=bool)
        judged = (verdict.notna() & (verdict != checks.NOT_CHECKABLE)).any()
        first, then, held = NEVER if judged else CANNOT, pd.NA, None
        if agrees.any():
            place = int(agrees.argmax())
            first, then = table.search_date.iloc[place], table.n_included.iloc[place]
            lost, later = int((~agrees[place:]).sum()), len(agrees) - place - 1
            held = f"no: not on {lost} of {later} later days" if lost else "yes"
        last = ("yes" if agrees[-1] else "no") if judged else None
        rows.append((claim.id, claim.section, claim.quote, first, then, held, last))
    return pd.DataFrame(rows, columns=_SUPPORT).astype({"trials then": "Int64"})


def without_dates(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of ``dose_claim_verdicts`` in the form of ``first_supported``; their reports carry no date.

    Examples
    --------
    >>> facts = {"claim": "about 10⁸ nebulised", "section": "Abstract", "quote": "around 10⁸ particles"}
    >>> without_dates(pd.DataFrame({**facts, "verdict": ["weaker than stated"]})).iloc[0]
    claim               about 10⁸ nebulised
    section                        Abstract
    quote              around 10⁸ particles
    first                  cannot be judged
    trials then                        <NA>
    held ever after                    None
    on the last day      weaker than stated
    Name: 0, dtype: object
    """
    facts = verdicts[["claim", "section", "quote"]].assign(**{"first": CANNOT, "trials then": pd.NA})
    facts = facts.assign(**{"held ever after": None, "on the last day": verdicts.verdict})
    return facts[_SUPPORT].astype({"trials then": "Int64"})


def _columns(inputs: Inputs) -> tuple[str, ...]:
    """The columns of a row, in order; they are the same at every date."""
    numbers = _numbers(inputs, inputs.described.iloc[:0], None if inputs.doses is None else inputs.doses.iloc[:0])
    steps = [f"n_{step}" for step in _STEPS]
    fields = (*LEADERS, *inputs.protocol["added_fields"])
    leaders = [f"{field}_{end}" for field in fields for end in ("leader", "leader_n", "leader_share")]
    claims = [] if inputs.claims is None else [f"{CLAIM}{name}" for name in inputs.claims.id]
    registries = [f"{REGISTRY}{name}" for name in _registries(inputs)]
    counts = ("search_date", "note", "n_records", *registries, "n_undated", *steps, "n_proposed")
    return (*counts, *numbers, *leaders, *claims)


def _numbers(inputs: Inputs, included: pd.DataFrame, doses: pd.DataFrame | None) -> dict[str, Any]:
    """The counts of the third and fourth chapter."""
    return describe_counts(included, inputs.protocol) | (dose_numbers(doses) if doses is not None else {})


def _registries(inputs: Inputs) -> list[str]:
    return sorted(inputs.records.registry.unique())


def _leader(included: pd.DataFrame, field: str) -> dict[str, Any]:
    counts = Counter(code for cell in included[field] for code in split_multi(cell))
    n = max(counts.values(), default=0)
    names = MULTI.join(sorted(code for code, times in counts.items() if times == n))
    share = round(n / len(included), 4) if len(included) else None
    return {f"{field}_leader": names or None, f"{field}_leader_n": n, f"{field}_leader_share": share}


def _type_of(name: str) -> str:
    if name.endswith("_share"):
        return "Float64"
    return "Int64" if name.startswith(("n_", REGISTRY)) or name.endswith("_leader_n") else "str"


def _with_python_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """The row without NumPy's types, so that it is the same before and after it is stored as JSON."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
