"""Screening: which decision on a record counts, what becomes of the record, and how far readers agree."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.base.identifiers import normalised
from evlib.base.query import places
from evlib.base.schema import NO_SUCH_RECORD, checked, columns, join_multi, read_csv, set_aside, split_multi
from evlib.base.words import several
from evlib.screen.judging import ADJUDICATOR, DECISIONS

OUTCOMES = ("included", "pending", "unclear", "excluded at eligibility", "excluded at title", "duplicate")
_REVIEWERS = {"R1": "R1", "R2": "R2", "R3": "adjudicated", "R4": "R4"}
_ONE_ROUND = {"": {"file": "curation/screening.csv"}}  # of a review whose protocol names no rounds


def readers_decisions(
    raw: str | Path, *, known: set[str], protocol: dict
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The decisions of the machine readers in all rounds of screening that the protocol names.

    Parameters
    ----------
    raw
        The folder of raw data. A round's file has ``trn, reviewer (R1 to R4), stage, decision, criterion, duplicate_of,
        reason``. R1 and R2 read independently, R3 settled, R4 measures and decides nothing. Without a file nobody has decided.
    known
        Registration numbers of the records.

    Returns
    -------
    decisions, duplicate_pairs, rejects
        Table ``decisions`` (R3 becomes ``adjudicated``), with the ``round``; settled duplicates as ``trn, duplicate_of``;
        and table ``rejects``: rows on an unknown record, of an unknown reviewer, decision or criterion, or given twice. What a
        later round says of a record replaces what an earlier one says.

    Examples
    --------
    >>> protocol = {"criteria": {"E4": {"kind": "exclude"}}}
    >>> decisions, _, rejects = readers_decisions("data/raw", known={"ACTRN12619001378112"}, protocol=protocol)
    >>> decisions[["trn", "reviewer", "decision", "criterion"]]
                       trn     reviewer decision criterion
    0  ACTRN12619001378112           R1  exclude        E4
    1  ACTRN12619001378112           R2  exclude        E4
    2  ACTRN12619001378112  adjudicated  exclude        E4
    >>> rejects.reason.unique().tolist()  # of the other records
    ['no such record in the sources. Correct the number, or remove the row.']
    """
    rounds = protocol.get("screening_rounds", _ONE_ROUND).items()
    parts = [
        _round_decisions(Path(raw) / facts["file"], name, known=known, protocol=protocol) for name, facts in rounds
    ]
    decisions, pairs, rejects = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    last = decisions.groupby("trn")["round"].transform("last")
    kept = decisions[(decisions["round"] == last) | last.isna()]
    return checked(kept, "decisions"), pairs.drop_duplicates(ignore_index=True), checked(rejects, "rejects")


def _round_decisions(
    path: Path, name: str, *, known: set[str], protocol: dict
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    needs = ["trn", "reviewer", "stage", "decision", "criterion", "duplicate_of", "reason"]
    rows = read_csv(path, needs=needs, optional=True)
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    exclusions = [code for code, facts in protocol["criteria"].items() if facts["kind"] == "exclude"]
    without_reason = (rows.decision == "exclude") & ~rows.criterion.isin(exclusions)
    twice = rows.duplicated(["trn", "reviewer"])
    problems = [
        (~rows.trn.isin(known), NO_SUCH_RECORD),
        (~rows.reviewer.isin(_REVIEWERS), f"unknown reviewer. Use {', '.join(_REVIEWERS)}."),
        (~rows.decision.isin(DECISIONS), f"unknown decision. Use {', '.join(DECISIONS)}."),
        (without_reason, f"an exclusion needs a criterion. Use {', '.join(exclusions)}."),
        (twice, "second decision of this reviewer on this record; the first is kept."),
    ]
    good, rejects = set_aside(rows, path, problems)
    decisions = good.assign(reviewer=good.reviewer.map(_REVIEWERS), read_by="machine")
    decisions["round"] = name or None
    decisions = decisions[["trn", "stage", "reviewer", "read_by", "decision", "criterion", "reason", "round"]]
    pairs = good.loc[(good.reviewer == "R3") & good.duplicate_of.notna(), ["trn", "duplicate_of"]]
    return checked(decisions, "decisions"), pairs.reset_index(drop=True), rejects


def settled(decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """The decision that counts on each record that somebody judged: people before machine readings.

    Of people, the adjudication counts; else the decision on which all agree, once as many have judged as ``reviewers`` in
    the protocol says. Where no person has judged, the adjudication of the machine readings counts.

    Returns
    -------
    pandas.DataFrame
        By ``trn``: ``decision`` (missing where it is not settled), ``stage, criterion, reason, decided_by, needs``.

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": ["NCT1", "NCT1", "NCT2"], "decision": ["include", "exclude", "include"]})
    >>> decisions["reviewer"] = ["adjudicated", "anna", "adjudicated"]
    >>> decisions["read_by"] = ["machine", "person", "machine"]
    >>> decisions = decisions.assign(stage="eligibility", criterion=[None, "E4", None], reason=None)
    >>> settled(decisions, protocol={"reviewers": 1}).reset_index()[["trn", "decision", "decided_by"]]
        trn decision        decided_by
    0  NCT1  exclude              anna
    1  NCT2  include  machine readings
    >>> settled(decisions, protocol={"reviewers": 2}).reset_index()[["trn", "decision", "needs"]]
        trn decision            needs
    0  NCT1      NaN  second decision
    1  NCT2  include              NaN
    """
    people = decisions[decisions.read_by == "person"]
    machine = decisions[(decisions.read_by == "machine") & ~decisions.trn.isin(people.trn)]
    rows = [_of_people(trn, judged, protocol["reviewers"]) for trn, judged in people.groupby("trn")]
    readings = machine[machine.reviewer != ADJUDICATOR].drop_duplicates(["trn", "decision"])
    reasons = dict(zip(zip(readings.trn, readings.decision), readings.reason))
    for row in machine[machine.reviewer == ADJUDICATOR].to_dict("records"):
        # Where the readers agree, the adjudication says only that; a reader's own words say why.
        reason = reasons.get((row["trn"], row["decision"]), row["reason"])
        rows.append(row | {"reason": reason, "decided_by": "machine readings"})
    names = ["trn", "decision", "stage", "criterion", "reason", "decided_by", "needs"]
    return pd.DataFrame(rows, columns=names, dtype="object").set_index("trn")


def _of_people(trn: str, judged: pd.DataFrame, needed: int) -> dict[str, str | None]:
    settling = judged[judged.reviewer == ADJUDICATOR]
    counted = settling if len(settling) else judged
    words = "; ".join(f"{row.reviewer}: {row.decision}" for row in judged.itertuples())
    if counted.decision.nunique() > 1:
        return {"trn": trn, "reason": f"reviewers differ ({words})", "needs": "adjudication"}
    if not len(settling) and len(counted) < needed:
        return {"trn": trn, "reason": f"judged by one of {needed} reviewers", "needs": "second decision"}
    first = counted[["decision", "stage", "criterion", "reason"]].bfill().iloc[0]
    reason = words if pd.isna(first.reason) else first.reason
    return {"trn": trn, **first, "reason": reason, "decided_by": ", ".join(counted.reviewer)}


def screened(records: pd.DataFrame, repeats: pd.DataFrame, decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What became of each record of the search.

    Returns
    -------
    pandas.DataFrame
        Table ``screened``: ``outcome`` is ``duplicate``, ``excluded at title``, ``excluded at eligibility``,
        ``unclear``, ``included`` or ``pending``. Pending: nobody has judged the record, or its reviewers are too few or
        differ (``needs`` says what is missing), or it was judged a duplicate of a record outside this search. Then
        ``proposal`` is what the rules propose.

    Examples
    --------
    >>> records = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"], "registry": "ClinicalTrials.gov"})
    >>> records = records.assign(brief_title="Exosomes", official_title=None)
    >>> decisions = pd.DataFrame({"trn": ["NCT1"], "decision": "include", "reviewer": "anna", "read_by": "person"})
    >>> decisions = decisions.assign(stage="eligibility", criterion=None, reason="MSC exosomes")
    >>> protocol = {"reviewers": 1, "screening": {"criterion": {"duplicate": "E1"}}}
    >>> repeats = pd.DataFrame({"trn": ["NCT2"], "kept_trn": ["NCT1"]})
    >>> screened(records, repeats, decisions, protocol=protocol)[["trn", "outcome", "needs", "reason"]]
        trn    outcome           needs              reason
    0  NCT1   included             NaN        MSC exosomes
    1  NCT2  duplicate             NaN  same trial as NCT1
    2  NCT3    pending  first decision                 NaN
    """
    return with_duplicates(screened_alone(records, decisions, protocol=protocol), repeats, protocol=protocol)


def screened_alone(records: pd.DataFrame, decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What would become of each record if it repeated no other: table ``screened`` without duplicates, alike at every search date."""
    rules = _rule_proposals(decisions)[["decision", "reason"]].add_prefix("proposed_")
    judged = settled(decisions, protocol=protocol)
    table = records[["trn", "registry"]].assign(title=records.brief_title.fillna(records.official_title))
    table = table.join(judged, on="trn").join(rules, on="trn")
    apart = table.criterion == protocol["screening"]["criterion"]["duplicate"]
    decided = table.decision.notna() & ~apart
    outcome = table.decision.map({"include": "included", "unclear": "unclear"})
    reason = table.reason.mask(apart, "judged a duplicate of a record outside this search")
    table = table.assign(
        outcome=outcome.fillna("excluded at " + table.stage.astype("str")).where(decided, "pending"),
        criterion=table.criterion.where(decided),
        needs=table.needs.fillna("first decision").mask(decided),
        proposal=table.proposed_decision.mask(decided),
        reason=reason.where(table.trn.isin(judged.index), table.proposed_reason),
        decided_by=table.decided_by.where(decided),
    )
    return checked(table[columns("screened")], "screened")


def with_duplicates(alone: pd.DataFrame, repeats: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Table ``screened``: ``alone`` (from ``screened_alone``) with the records of table ``duplicates`` marked as such."""
    kept = alone.trn.map(dict(zip(repeats.trn, repeats.kept_trn, strict=True))).astype("str")
    facts = {"outcome": "duplicate", "criterion": protocol["screening"]["criterion"]["duplicate"]}
    facts |= {"decided_by": "numbers and readers", "reason": "same trial as " + kept, "proposal": pd.NA, "needs": pd.NA}
    texts = {name: alone[name].mask(kept.notna(), text) for name, text in facts.items()}
    return checked(alone.assign(**texts), "screened")


def to_screen(
    outcomes: pd.DataFrame,
    records: pd.DataFrame,
    decisions: pd.DataFrame,
    summaries: pd.DataFrame | None = None,
    *,
    protocol: dict,
) -> pd.DataFrame:
    """The queue: every pending record with what a reviewer needs to judge it, the rules' proposal, and empty columns to
    fill in. It holds no decision of other people, only that they differ where a record needs adjudication.

    Parameters
    ----------
    outcomes, records, decisions, summaries
        Tables ``screened``, ``records``, ``decisions`` and, where there is one, ``summaries``.

    Returns
    -------
    pandas.DataFrame
        Table ``to_screen``: the proposed inclusions first, then the unclear, then the proposed exclusions.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> from evlib.base.schema import read_table
    >>> names, run = ("screened", "records", "decisions"), "data/processed/2024-02-17"
    >>> tables = [read_table(f"{run}/{name}.csv", name) for name in names]
    >>> queue = to_screen(*tables, protocol=load_protocol("protocol.yml"))
    >>> set(queue.trn) == set(tables[0].trn[tables[0].outcome == "pending"])
    True
    >>> bool(queue[["decision", "criterion", "reviewer"]].notna().any(axis=None))  # for a person to fill in
    False
    """
    pending = outcomes[outcomes.outcome == "pending"].set_index("trn")
    facts = records.set_index("trn").loc[pending.index]
    rules = _rule_proposals(decisions)[["criterion", "reason"]].add_prefix("proposed_")
    shown = [name for name in columns("to_screen") if name in facts.columns]
    table = facts[shown].join(pending[["needs", "title", "proposal"]]).join(rules)
    table = table.assign(record_url=record_urls(facts, protocol=protocol)).reset_index()
    if summaries is not None:
        table = with_summaries(table, summaries, protocol=protocol)
    order = table.proposal.map({"include": 0, "unclear": 1, "exclude": 2})
    return checked(table.loc[order.sort_values(kind="stable").index], "to_screen")


def with_summaries(records: pd.DataFrame, summaries: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Records with their ``summary`` and, as ``search_words``, the terms of the protocol's search that stand in it, or else
    in the criteria of eligibility (then with a word on that)."""
    said = summaries[summaries.trn.isin(records.trn)]
    texts = zip(said.summary, said.eligibility)
    said = said.assign(search_words=[_search_words(*pair, query=protocol["search"]) for pair in texts])
    return records.merge(said[["trn", "summary", "search_words"]], on="trn", how="left")


def _search_words(summary: object, eligibility: object, *, query: str) -> str | None:
    found: dict[str, str] = {}
    for text, where in ((summary, ""), (eligibility, " (in the criteria of eligibility)")):
        for _, _, term in places(text, query) if isinstance(text, str) else ():
            found.setdefault(term, term + where)
    return join_multi(found.values())


def _rule_proposals(decisions: pd.DataFrame) -> pd.DataFrame:
    """What the rules propose, by record."""
    return decisions[decisions.read_by == "rules"].drop_duplicates("trn").set_index("trn")


def trials(outcomes: pd.DataFrame, records: pd.DataFrame, repeats: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """One row per trial: those included by readers, and those pending that the rules propose to include.

    Returns
    -------
    pandas.DataFrame
        Table ``trials``; ``screening`` is ``included`` or ``pending`` (a proposal, not a decision).

    Examples
    --------
    >>> outcomes = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"], "outcome": ["included", "pending", "unclear"]})
    >>> outcomes = outcomes.assign(registry="ClinicalTrials.gov", title="Exosomes", proposal=[None, "include", None])
    >>> records = outcomes.assign(trn_kind="number", source_urls=None, registered=None, registered_basis=None)
    >>> protocol = {"registries": {"ClinicalTrials.gov": {"record_url": "https://clinicaltrials.gov/study/{trn}"}}}
    >>> repeats = pd.DataFrame({"trn": ["ChiCTR9"], "kept_trn": ["NCT1"]})
    >>> trials(outcomes, records, repeats, protocol=protocol)[["trn", "screening", "merged_trns", "record_url"]]
        trn screening merged_trns                             record_url
    0  NCT1  included     ChiCTR9  https://clinicaltrials.gov/study/NCT1
    1  NCT2   pending         NaN  https://clinicaltrials.gov/study/NCT2
    """
    chosen = trials_of(outcomes)
    facts = records.set_index("trn").loc[chosen.trn]
    merged = repeats.groupby("kept_trn").trn.agg(" | ".join)
    table = chosen[["trn", "registry", "title"]].assign(
        screening=chosen.outcome,
        merged_trns=chosen.trn.map(dict(merged)).astype("str"),
        record_url=pd.array(record_urls(facts, protocol=protocol), dtype="str"),
        registered=facts.registered.array,
        registered_basis=facts.registered_basis.array,
    )
    return checked(table[columns("trials")], "trials")


def trials_of(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The rows of table ``screened`` that are trials: included, or pending and proposed by the rules."""
    proposed = (outcomes.outcome == "pending") & (outcomes.proposal == "include")
    return outcomes[(outcomes.outcome == "included") | proposed]


def record_urls(facts: pd.DataFrame, *, protocol: dict) -> list[str | None]:
    """The address of each record: the registry's own page, or the first address that the record was read from.

    Parameters
    ----------
    facts
        Rows of table ``records`` with ``trn`` as their index.
    """
    own_page = {name: registry["record_url"] for name, registry in protocol["registries"].items()}
    return [
        own_page[row.registry].format(trn=row.Index)
        if row.trn_kind == "number"
        else next(iter(split_multi(row.source_urls)), None)
        for row in facts[["trn_kind", "registry", "source_urls"]].itertuples()
    ]


def agreement(decisions: pd.DataFrame, one: str = "R1", other: str = "R2") -> dict[str, float]:
    """Cohen's kappa of two reviewers over include / exclude / unclear, with its 95 % interval (statsmodels).

    Returns
    -------
    dict
        ``n`` records judged by both, ``agreed``, ``kappa``, ``low``, ``high``; the last three are NaN where fewer than
        two decisions occur.

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"] * 2, "reviewer": ["R1"] * 3 + ["R2"] * 3})
    >>> decisions["decision"] = ["include", "exclude", "include", "include", "exclude", "exclude"]
    >>> found = agreement(decisions)
    >>> found["n"], found["agreed"], round(float(found["kappa"]), 2)
    (3, 2, 0.4)
    """
    both = decisions[decisions.reviewer.isin([one, other])].pivot(index="trn", columns="reviewer", values="decision")
    both = both.reindex(columns=[one, other]).dropna()
    return agreement_of_words(both[one], both[other])


def agreement_of_words(one: pd.Series, other: pd.Series) -> dict[str, float]:
    """Cohen's kappa of two readings of the same things, unweighted, with its 95 % interval (statsmodels).

    Parameters
    ----------
    one, other
        What each reading says of each thing, none missing.

    Returns
    -------
    dict
        ``n, agreed, kappa, low, high``; the last three are NaN where fewer than two words occur.

    Examples
    --------
    >>> agreement_of_words(pd.Series(["yes", "no", "yes"]), pd.Series(["yes", "no", "no"]))["agreed"]
    2
    """
    words = sorted({*one, *other})
    counted = {"n": len(one), "agreed": int((one == other).sum())}
    if len(words) < 2:
        return counted | dict.fromkeys(("kappa", "low", "high"), float("nan"))
    table = pd.crosstab(one, other).reindex(index=words, columns=words, fill_value=0)
    with np.errstate(invalid="ignore"):  # a reader who always says the same leaves the interval undefined
        from statsmodels.stats.inter_rater import cohens_kappa  # here, as it takes a second to load

        result = cohens_kappa(table.to_numpy())
    return counted | {"kappa": result.kappa, "low": result.kappa_low, "high": result.kappa_upp}


def agreement_of_readers(decisions: pd.DataFrame) -> pd.DataFrame:
    """How far the machine readers agree, by round: R1 with R2, and R4 with each of them and with what was settled.

    Returns
    -------
    pandas.DataFrame
        ``round, reviewer, other, n, agreed, kappa, low, high``; without the pairs that judged nothing in common.

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"] * 2, "reviewer": ["R1"] * 3 + ["R2"] * 3})
    >>> decisions["decision"] = ["include", "exclude", "include", "include", "exclude", "exclude"]
    >>> agreement_of_readers(decisions.assign(read_by="machine", round="first")).round(2)
       round reviewer other  n  agreed  kappa   low  high
    0  first       R1    R2  3       2    0.4 -0.37  1.17
    """
    machine = decisions[decisions.read_by == "machine"]
    pairs = [("R1", "R2"), ("R4", "R1"), ("R4", "R2"), ("R4", ADJUDICATOR)]
    rows = [
        {"round": name, "reviewer": one, "other": other, **agreement(own, one, other)}
        for name, own in machine.groupby("round", sort=False, dropna=False)
        for one, other in pairs
    ]
    table = pd.DataFrame(rows, columns=["round", "reviewer", "other", "n", "agreed", "kappa", "low", "high"])
    return table[table.n > 0].reset_index(drop=True)


def pairwise_agreement(decisions: pd.DataFrame) -> pd.DataFrame:
    """Every two people who judged records in common: ``reviewer, other, n, agreed, kappa, low, high``.

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"] * 2, "reviewer": ["anna"] * 3 + ["ben"] * 3})
    >>> decisions["decision"] = ["include", "exclude", "include", "include", "exclude", "exclude"]
    >>> pairwise_agreement(decisions.assign(read_by="person")).round(2)
      reviewer other  n  agreed  kappa   low  high
    0     anna   ben  3       2    0.4 -0.37  1.17
    """
    people = decisions[(decisions.read_by == "person") & (decisions.reviewer != ADJUDICATOR)]
    pairs = itertools.combinations(sorted(people.reviewer.unique()), 2)
    rows = [{"reviewer": one, "other": other, **agreement(people, one, other)} for one, other in pairs]
    table = pd.DataFrame(rows, columns=["reviewer", "other", "n", "agreed", "kappa", "low", "high"])
    return table[table.n > 0].reset_index(drop=True)


def people_in_words(people: pd.DataFrame, outside: pd.DataFrame) -> str:
    """How much people judged, in words: ``people`` are their decisions in this search, ``outside`` those on other records.

    Examples
    --------
    >>> people = pd.DataFrame({"trn": ["NCT1", "NCT1", "NCT2"], "reviewer": ["anna", "ben", "anna"]})
    >>> print(people_in_words(people, people[:0]))  # doctest: +NORMALIZE_WHITESPACE
    People judged **2 records** of this search, 1 of them one person alone, and where they did their decision
    counts.
    """
    if people.empty and outside.empty:
        return "No person has judged a record yet."
    judges = people[people.reviewer != ADJUDICATOR].groupby("trn").reviewer.nunique()
    waiting = f" Decisions on records outside this search stay in their files: {len(outside)}."
    return (
        f"People judged **{several(people.trn.nunique(), 'record')}** of this search, {(judges == 1).sum()} of them one person "
        f"alone, and where they did their decision counts.{waiting if len(outside) else ''}"
    )


def overruled(decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Records on which people settled otherwise than the machine readings: ``trn, machine, people, decided_by, reason``.

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": "NCT1", "reviewer": ["adjudicated", "anna"], "read_by": ["machine", "person"]})
    >>> decisions = decisions.assign(decision=["include", "exclude"], criterion=[None, "E4"], stage="eligibility")
    >>> overruled(decisions.assign(reason=["exosomes", "plasma"]), protocol={"reviewers": 1})
        trn  machine   people decided_by  reason
    0  NCT1  include  exclude       anna  plasma
    """
    machine = settled(decisions[decisions.read_by == "machine"], protocol=protocol).decision.rename("machine")
    people = settled(decisions[decisions.read_by == "person"], protocol=protocol).rename(columns={"decision": "people"})
    both = people.join(machine, how="inner").dropna(subset=["people", "machine"])
    differ = both[both.people != both.machine]
    return differ.reset_index()[["trn", "machine", "people", "decided_by", "reason"]]


def disagreements(decisions: pd.DataFrame) -> pd.DataFrame:
    """The records on which R1 and R2 differ, or R4 and what was settled: ``trn, round, R1, R2, adjudicated, R4, reason`` (of what
    was settled where R1 and R2 differ, else R4's).

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": "NCT1", "reviewer": ["R1", "R2", "adjudicated"], "read_by": "machine"})
    >>> decisions = decisions.assign(decision=["include", "exclude", "include"], round="first")
    >>> disagreements(decisions.assign(reason=["vesicles", "only cells", "R1 is right"]))
        trn  round       R1       R2 adjudicated       reason
    0  NCT1  first  include  exclude     include  R1 is right
    """
    machine = decisions[decisions.read_by == "machine"]
    names = ["R1", "R2", ADJUDICATOR, "R4"]
    wide = machine.pivot(index="trn", columns="reviewer", values="decision").reindex(columns=names)
    two = wide.R1.notna() & wide.R2.notna() & (wide.R1 != wide.R2)
    fourth = wide.R4.notna() & wide[ADJUDICATOR].notna() & (wide[ADJUDICATOR] != wide.R4)
    reasons = machine.pivot(index="trn", columns="reviewer", values="reason").reindex(columns=names)
    differ = wide[two | fourth]
    why = reasons[ADJUDICATOR].where(two, reasons.R4).reindex(differ.index)
    rounds = machine.drop_duplicates("trn").set_index("trn")["round"].reindex(differ.index)
    table = differ.assign(reason=why, **{"round": rounds}).reset_index().rename_axis(columns=None)
    return table[["trn", "round", *names, "reason"]].dropna(axis=1, how="all")


def rule_performance(
    decisions: pd.DataFrame, *, without: set[str], protocol: dict
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How the rules' "include" compares with the settled decision, for records that somebody judged.

    Parameters
    ----------
    without
        Registration numbers to leave out (duplicates: no rule decides them).

    Returns
    -------
    measures, misses
        ``measure, hits, n, value, low, high`` for precision and recall (Wilson 95 % intervals); and the records in
        which they differ: ``trn, settled, rule, reason``.

    Examples
    --------
    >>> decisions = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"] * 2, "reviewer": ["adjudicated"] * 3 + ["rule"] * 3})
    >>> decisions["decision"] = ["include", "exclude", "include", "include", "include", "exclude"]
    >>> decisions["read_by"] = decisions.reviewer.map({"adjudicated": "machine", "rule": "rules"})
    >>> decisions = decisions.assign(stage="eligibility", criterion=None, reason=None)
    >>> measures, misses = rule_performance(decisions, without=set(), protocol={"reviewers": 1})
    >>> measures[["measure", "hits", "n", "value"]]
         measure  hits  n  value
    0  precision     1  2    0.5
    1     recall     1  2    0.5
    >>> misses[["trn", "settled", "rule"]]
        trn  settled     rule
    0  NCT2  exclude  include
    1  NCT3  include  exclude
    """
    from statsmodels.stats.proportion import proportion_confint  # here, as it takes a second to load

    rules = _rule_proposals(decisions)
    wide = pd.DataFrame({"settled": settled(decisions, protocol=protocol).decision})
    wide = wide.assign(rule=rules.decision, reason=rules.reason).dropna(subset=["settled", "rule"])
    wide = wide[~wide.index.isin(without)].sort_index()
    yes, proposed = wide.settled == "include", wide.rule == "include"
    hits = int((yes & proposed).sum())
    n = pd.Series([int(proposed.sum()), int(yes.sum())])
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 of 0
        low, high = proportion_confint(hits, n, method="wilson")
    measures = {"measure": ["precision", "recall"], "hits": hits, "n": n, "value": hits / n, "low": low, "high": high}
    return pd.DataFrame(measures), wide[yes != proposed].reset_index()


def screen_numbers(flow: pd.DataFrame, trials: pd.DataFrame, people: pd.DataFrame) -> dict[str, object]:
    """Numbers that the book's pages take from the second chapter; ``people`` are the decisions of people.

    Examples
    --------
    >>> flow = pd.DataFrame({"step": ["included", "pending", "unclear", "duplicates"], "n": [60, 2, 5, 4]})
    >>> trials, people = pd.DataFrame({"screening": ["included", "pending"]}), pd.DataFrame({"trn": ["NCT1"]})
    >>> numbers = screen_numbers(flow, trials, people)
    >>> int(numbers["n_included"]), int(numbers["n_proposed"]), numbers["decided"]
    (60, 1, 'People have judged 1 record; 2 records are not yet read.')
    """
    n = flow.set_index("step").n
    wait = several(n.pending, "record is not yet read", "records are not yet read")
    by_people = f"People have judged {several(people.trn.nunique(), 'record')}; {wait}."
    return {
        **{f"n_{step}": n[step] for step in ("included", "pending", "unclear", "duplicates")},
        "n_proposed": (trials.screening == "pending").sum(),
        "decided": f"Nobody has decided yet: {wait}." if people.empty else by_people,
    }


def likely_pairs(proposals: pd.DataFrame) -> str:
    """How many pairs of records may be one trial and wait for a person (table ``proposals``), in words.

    Examples
    --------
    >>> likely_pairs(pd.DataFrame({"trn": ["NCT1"], "other_trn": ["ChiCTR2"]}))
    '1 pair that may be one trial awaits a look'
    """
    pair, pairs = "pair that may be one trial awaits a look", "pairs that may be one trial await a look"
    return several(len(proposals), pair, pairs)


def paper_numbers(theirs: pd.Series, agreement: dict[str, float], protocol: dict) -> dict[str, object]:
    """Numbers of the second chapter where a paper is redone: ``theirs`` by step, and the readers' ``agreement``.

    Examples
    --------
    >>> dates = {"default_search_date": "2026-11-28", "replication_date": "2024-02-17"}
    >>> paper_numbers(pd.Series({"included": 66}, dtype="object"), {"kappa": 0.914}, protocol=dates)
    {'n_paper_included': 66, 'paper_search_date': '2024-02-17', 'kappa': '0.91'}
    """
    kappa, search_date = f"{agreement['kappa']:.2f}", protocol.get("replication_date", protocol["default_search_date"])
    return {"n_paper_included": theirs.included, "paper_search_date": search_date, "kappa": kappa}
