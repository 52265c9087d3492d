"""Find the records that are one trial, by their registration numbers and by what readers and people judged."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evlib.base.identifiers import normalised, registry_of
from evlib.base.reading.by_people import PEOPLE_DIFFER, agreed, last_words, rows_by_people, unnamed
from evlib.base.schema import NO_SUCH_RECORD, checked, columns, set_aside, split_multi
from evlib.base.words import several

# What duplicates and their proposals need of a record: all that is kept in memory of a whole registry.
NEEDED = [
    "trn", "trn_kind", "registry", "secondary_trns", "brief_title", "official_title", "acronym", "sponsor", "conditions",
    "enrolment", "start_date", "registered_text", "registered", "snapshot",
]  # fmt: skip
_SHARED = ["sponsor", "conditions", "start_date", "registered_text"]
PAIRS_FILE = "curation/same_trial.csv"  # a person's own, below the raw data; not shipped
NOTED_FILE = "curation/may_be_same.csv"  # pairs that the note on a record says may be one trial
_Link = tuple[str, str]  # a record, and a number that it names or a record judged to be the same trial
_PAIR_COLUMNS = ["trn", "other_trn", "decision", "reviewer", "reason"]


def judged_pairs(path: str | Path, *, known: set[str] | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What people judged of pairs of records.

    Parameters
    ----------
    path
        ``same_trial.csv``: ``trn, other_trn, decision (same or different), reviewer, reason`` and perhaps ``date``; need not exist. A
        row without a decision is not yet judged and is skipped.
    known
        Registration numbers of all records; None: they are not looked at.

    Returns
    -------
    pairs, rejects
        One row for each pair on which people agree, or which the reviewer ``adjudicated`` settled. And table ``rejects``: rows that cannot
        be told apart, on an unknown record, without a known decision or a reviewer, those of one reviewer that contradict each
        other, and those on which people differ.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> rows = pd.DataFrame({"trn": "NCT00000001", "other_trn": ["NCT00000002", "NCT09"], "decision": "same"})
    >>> with TemporaryDirectory() as folder:
    ...     rows.assign(reviewer="anna", reason="one sponsor").to_csv(Path(folder, "same_trial.csv"), index=False)
    ...     pairs, rejects = judged_pairs(Path(folder, "same_trial.csv"), known={"NCT00000001", "NCT00000002"})
    >>> pairs.other_trn.to_list(), rejects.reason.to_list()
    (['NCT00000002'], ['other_trn: no such record in the sources. Correct the number, or remove the row.'])
    """
    path = Path(path)
    rows, broken = rows_by_people(path, needs=_PAIR_COLUMNS)
    rows = rows[rows.decision.notna()].assign(decision=lambda own: own.decision.str.lower())
    for name in ("trn", "other_trn"):
        rows[name] = rows[name].map(normalised, na_action="ignore")
    both = [" | ".join(sorted(map(str, numbers))) for numbers in zip(rows.trn, rows.other_trn)]
    rows["pair"] = pd.Series(both, index=rows.index, dtype="str")
    of_records = known if known is not None else {*rows.trn.dropna(), *rows.other_trn.dropna()}
    problems = [
        (~rows.trn.isin(of_records), NO_SUCH_RECORD),
        (~rows.other_trn.isin(of_records), "other_trn: " + NO_SUCH_RECORD),
        (rows.trn == rows.other_trn, "the same number twice. Name two records."),
        (~rows.decision.isin(["same", "different"]), "unknown decision. Write 'same' or 'different'."),
        unnamed(rows.reviewer),
    ]
    good, unusable = set_aside(rows, path, problems)
    good, twice = last_words(good, path, on=["pair"], say=["decision"])
    good, apart = agreed(good, path, on=["pair"], say="decision")
    rejects = pd.concat([broken, unusable, twice, apart]).sort_values("line", ignore_index=True)
    return good.drop_duplicates("pair")[_PAIR_COLUMNS].reset_index(drop=True), rejects


def pairs_to_merge(pairs_of_readers: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """The pairs that readers (``evlib.screen.screening.readers_decisions``) and people (``judged_pairs``) judged, as ``duplicates``
    takes them: ``trn, duplicate_of, decision, reason``. Where a person judged a pair, that counts.

    Examples
    --------
    >>> readers = pd.DataFrame({"trn": ["NCT2", "NCT5"], "duplicate_of": ["NCT1", "NCT6"]})
    >>> judged = pd.DataFrame({"trn": ["NCT4", "NCT6"], "other_trn": ["NCT3", "NCT5"], "reviewer": "anna"})
    >>> judged = judged.assign(decision=["same", "different"], reason="the sponsors")
    >>> pairs_to_merge(readers, judged).reset_index(drop=True)
        trn duplicate_of   decision              reason
    0  NCT2         NCT1       same                 NaN
    1  NCT4         NCT3       same  anna: the sponsors
    2  NCT6         NCT5  different  anna: the sponsors
    """
    own = judged.rename(columns={"other_trn": "duplicate_of"})
    own = own.assign(reason=own.reviewer + ": " + own.reason.fillna("no reason given"))
    by_people = set(map(frozenset, zip(own.trn, own.duplicate_of)))
    read = [frozenset(pair) not in by_people for pair in zip(pairs_of_readers.trn, pairs_of_readers.duplicate_of)]
    names = ["trn", "duplicate_of", "decision", "reason"]
    return pd.concat([pairs_of_readers[read].assign(decision="same"), own[names]])[names]


def pairs_in_words(judged: pd.DataFrame, rejects: pd.DataFrame) -> str:
    """How many pairs people settled, and on how many rows they differ, in words; the tables are those of ``judged_pairs``.

    Examples
    --------
    >>> pairs_in_words(pd.DataFrame({"decision": ["same"]}), pd.DataFrame({"reason": [f"{PEOPLE_DIFFER} Settle it."] * 2}))
    'People settled 1 pair. They differ on others (2 rows): these wait for a row of the reviewer *adjudicated*.'
    """
    differ = int(rejects.reason.str.startswith(PEOPLE_DIFFER).sum())
    waiting = f" They differ on others ({several(differ, 'row')}): these wait for a row of the reviewer *adjudicated*."
    if differ or len(judged):
        return f"People settled {several(len(judged), 'pair')}.{waiting if differ else ''}"
    return "No person has settled a pair yet."


def needed_columns(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The columns of tables ``records`` that duplicates need, as one frame; the stated day of registration counts as its date.

    Of texts that many records share one is kept, as a whole registry would not fit otherwise.
    """
    kept = []
    for part in parts:
        stated = pd.to_datetime(part.registered_text, format="ISO8601", errors="coerce")
        once = {name: part[name].map(sys.intern, na_action="ignore") for name in _SHARED}
        once["official_title"] = part.official_title.mask(part.official_title == part.brief_title, part.brief_title)
        kept.append(part[NEEDED].copy().assign(registered=stated.astype("datetime64[ns]"), **once))
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=NEEDED)


def duplicates(records: pd.DataFrame, judged: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Which records repeat another one, and which record stands for the trial.

    Two records of different registries are one trial where one names the other's number as a secondary number, or where both
    name the same number; any two are where readers or a person judged so; all of this transitively. Within one registry a
    number may be that of another trial (the main study of an extension), so that such links merge nothing, nor do those
    that would merge two records of one registry by way of others, except for two records that name each other:
    ``links_not_merged`` gives them as proposals. Of each trial the record is kept whose registry has the lowest
    ``rank`` in the protocol, then the one registered first.

    Parameters
    ----------
    records
        Table ``records``: those of the search.
    judged
        Columns ``trn, duplicate_of`` and, if there is one, ``reason``: judged pairs, the same trial unless the ``decision`` is
        ``different``: then a number that one of the two names does not make them one. Pairs with a record outside the search
        have no effect.

    Returns
    -------
    pandas.DataFrame
        Table ``duplicates``: one row per record that is not kept: ``trn, kept_trn, basis, evidence, why_kept``.

    Examples
    --------
    >>> records = pd.DataFrame({"trn": ["NCT00000001", "ChiCTR0000000001"], "secondary_trns": [None, "NCT00000001"]})
    >>> records = records.assign(trn_kind="number", registry=["ClinicalTrials.gov", "ChiCTR"], registered=None)
    >>> ranks = {"registries": {"ClinicalTrials.gov": {"rank": 1}, "ChiCTR": {"rank": 2}}}
    >>> repeats = duplicates(records, pd.DataFrame(columns=["trn", "duplicate_of"]), protocol=ranks)
    >>> repeats.loc[0].to_list()  # doctest: +NORMALIZE_WHITESPACE
    ['ChiCTR0000000001', 'NCT00000001', 'secondary number', 'ChiCTR0000000001 names NCT00000001',
    'ClinicalTrials.gov ranks before ChiCTR']
    """
    own = set(records.trn.tolist())
    told = judged.reindex(columns=["trn", "duplicate_of", "reason", "decision"])
    apart = {frozenset(pair) for *pair, _, decision in told.itertuples(index=False) if decision == "different"}
    reasons = {frozenset(pair): reason for *pair, reason, _ in told.dropna(subset="reason").itertuples(index=False)}
    pairs = zip(judged.trn, judged.duplicate_of)
    same = [pair for pair in pairs if own.issuperset(pair) and frozenset(pair) not in apart]
    links = _links_that_merge(records, same, apart)
    labels = _components(links + same)

    trial = pd.Series(
        [labels.get(trn, -i) for i, trn in enumerate(records.trn.tolist(), 1)], index=records.index, dtype="int64"
    )
    several = trial.duplicated(keep=False)
    if not several.any():
        return checked(pd.DataFrame(columns=columns("duplicates"), dtype="str"), "duplicates")
    rank = records.registry.map({name: facts["rank"] for name, facts in protocol["registries"].items()})
    ranked = records.assign(trial=trial, rank=rank)[several].sort_values(["trial", "rank", "registered", "trn"])
    kept = ranked.drop_duplicates("trial").set_index("trial")[["trn", "registry", "rank", "registered"]]
    ranked = ranked.join(kept.add_prefix("kept_"), on="trial")
    repeats = ranked[ranked.trn != ranked.kept_trn].sort_values("trn")
    named = set(_links(records))
    by_number, by_judgement = set(map(frozenset, named)), set(map(frozenset, same))
    pairs = list(zip(repeats.trn, repeats.kept_trn))
    table = pd.DataFrame(
        {
            "trn": repeats.trn,
            "kept_trn": repeats.kept_trn,
            "basis": [_basis(frozenset(pair) in by_number, frozenset(pair) in by_judgement) for pair in pairs],
            "evidence": [_evidence(*pair, named=named, reasons=reasons) for pair in pairs],
            "why_kept": [_why_kept(row) for row in repeats.itertuples()],
        }
    )
    return checked(table, "duplicates")


def links_not_merged(
    records: pd.DataFrame, repeats: pd.DataFrame, *, noted: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The records that numbers or notes link and that ``duplicates`` did not merge, for a person to judge.

    Parameters
    ----------
    records, repeats
        As ``duplicates`` takes and returns them.
    noted
        ``NOTED_FILE``: ``trn, other_trn, words``, pairs that the note on a record says may be one trial. Those with a record
        outside the search have no effect.

    Returns
    -------
    pandas.DataFrame
        ``trn, other_trn, evidence``: one row per pair of kept records. Of many records that name the same number, each is
        paired with the first.

    Examples
    --------
    >>> records = pd.DataFrame({"trn": ["NCT00000001", "NCT00000002"], "secondary_trns": [None, "NCT00000001"]})
    >>> links_not_merged(records, pd.DataFrame(columns=["trn", "kept_trn"]))
               trn    other_trn                       evidence
    0  NCT00000001  NCT00000002  NCT00000002 names NCT00000001
    """
    kept = dict(zip(repeats.trn, repeats.kept_trn))
    own = set(records.trn.tolist())
    by_number: dict[str, list[str]] = {}
    pairs: dict[_Link, str] = {}
    for trn, number in _links(records):
        if number in own:
            pairs.setdefault((trn, number), f"{trn} names {number}")
        else:
            by_number.setdefault(number, []).append(trn)
    for number, (first, *others) in by_number.items():
        for other in others:
            pairs.setdefault((first, other), f"{first} and {other} name {number}")
    for one, other, words in () if noted is None else noted[["trn", "other_trn", "words"]].itertuples(index=False):
        if {one, other} <= own:
            pairs.setdefault((one, other), f"a note says: {words}")
    evidence: dict[_Link, list[str]] = {}
    for pair, words in pairs.items():
        one, other = sorted(kept.get(trn, trn) for trn in pair)
        if one != other:
            evidence.setdefault((one, other), []).append(words)
    rows = [(*pair, "; ".join(words)) for pair, words in sorted(evidence.items())]
    return pd.DataFrame(rows, columns=["trn", "other_trn", "evidence"], dtype="str")


def tied(records: pd.DataFrame, judged: pd.DataFrame) -> frozenset[str]:
    """The registration numbers that a secondary number or a judgement ties to any other: whichever records a search
    finds, only these can be duplicates. ``records`` and ``judged`` are as for ``duplicates``."""
    named = {trn: split_multi(cell) for trn, cell in zip(records.trn, records.secondary_trns) if pd.notna(cell)}
    return frozenset(named).union(*named.values(), judged.trn, judged.duplicate_of)


def duplicate_decisions(repeats: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Table ``duplicates`` as rows of table ``decisions``: which record is kept of a trial, and why.

    Examples
    --------
    >>> repeats = pd.DataFrame({"trn": ["NCT2"], "kept_trn": "NCT1", "basis": "judgement"})
    >>> repeats["why_kept"] = "registered first"
    >>> made = duplicate_decisions(repeats, protocol={"screening": {"criterion": {"duplicate": "E1"}}})
    >>> made.loc[0, ["trn", "decision", "criterion", "reason"]].to_list()
    ['NCT2', 'exclude', 'E1', 'same trial as NCT1 (judgement), which is kept: registered first']
    """
    reason = "same trial as " + repeats.kept_trn + " (" + repeats.basis + "), which is kept: " + repeats.why_kept
    facts = {"stage": "duplicate", "reviewer": "numbers and pairs", "read_by": "numbers", "decision": "exclude"}
    code = protocol["screening"]["criterion"]["duplicate"]
    return checked(pd.DataFrame({"trn": repeats.trn, **facts, "criterion": code, "reason": reason}), "decisions")


def judged_apart(repeats: pd.DataFrame, settled_decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Merged records on which the settled decisions differ: ``trn, decision, kept_trn, kept_decision``.

    ``settled_decisions`` is what ``evlib.screen.screening.settled`` returns. An exclusion as a duplicate is no decision on
    the trial and is left out.

    Examples
    --------
    >>> repeats = pd.DataFrame({"trn": ["NCT2"], "kept_trn": ["NCT1"]})
    >>> decided = pd.DataFrame({"decision": ["include", "exclude"], "criterion": [None, "E4"]}, index=["NCT1", "NCT2"])
    >>> judged_apart(repeats, decided, protocol={"screening": {"criterion": {"duplicate": "E1"}}})
        trn decision kept_trn kept_decision
    0  NCT2  exclude     NCT1       include
    """
    duplicate_code = protocol["screening"]["criterion"]["duplicate"]
    decision = settled_decisions[settled_decisions.criterion != duplicate_code].decision.dropna()
    both = repeats.assign(decision=repeats.trn.map(decision), kept_decision=repeats.kept_trn.map(decision))
    both = both[["trn", "decision", "kept_trn", "kept_decision"]].dropna()
    return both[both.decision != both.kept_decision]


def _links(records: pd.DataFrame) -> list[_Link]:
    """Each record with each other number that it names."""
    named = records[records.secondary_trns.notna()]
    cells = zip(named.trn.tolist(), named.secondary_trns.tolist())
    each = ((trn, other) for trn, cell in cells for other in split_multi(cell))
    return [(trn, other) for trn, other in each if trn != other]


def _links_that_merge(records: pd.DataFrame, judged: list[_Link], apart: set[frozenset[str]]) -> list[_Link]:
    """The links by number that make two records one trial, without those that would merge two of one registry, and without
    those of pairs judged to be apart."""
    links = [link for link in _links(records) if frozenset(link) not in apart]
    registry = dict(zip(records.trn.tolist(), records.registry.tolist()))
    issuer = {trn: _issuer(trn, registry.get(trn) or registry_of(trn)) for link in links + judged for trn in link}
    pages = set(records.trn[records.trn_kind == "page"])
    own_number = [link for link in links if link[0] in pages and issuer[link[0]] == issuer[link[1]]]
    across = [link for link in links if issuer[link[0]] != issuer[link[1]]]
    one_by_judgement = _components(judged + own_number)
    # What names each other holds where the rest would merge two records of one registry; and where even that would, nothing.
    all_across = set(across)
    both_ways = {frozenset(link) for link in across if link[::-1] in all_across}
    for holds in (both_ways, set()):
        trial = _components(across + own_number + judged)
        members: dict[tuple[int, str], set[object]] = {}
        for trn, label in trial.items():
            if trn in registry:
                members.setdefault((label, issuer[trn]), set()).add(one_by_judgement.get(trn, trn))
        clashing = {label for (label, _), several in members.items() if len(several) > 1}
        across = [link for link in across if trial[link[0]] not in clashing or frozenset(link) in holds]
    return across + own_number


def _issuer(trn: str, registry: str | None) -> str:
    """Who issued a number: its registry; for the registries that go by one name with others, that of the number's letters."""
    letters = re.match(r"NL-OMON|[A-Za-z]*", trn)[0].casefold()
    if registry == "JPRN":
        return "umin" if letters == "c" else letters
    return letters if registry == "NTR" else registry or trn


def _components(links: list[_Link]) -> dict[str, int]:
    """A label for each number, the same for those that links join, directly or by way of others."""
    nodes = {trn: place for place, trn in enumerate(sorted({trn for link in links for trn in link}))}
    if not nodes:
        return {}
    ends = ([nodes[link[end]] for link in links] for end in (0, 1))
    graph = coo_array(([1] * len(links), tuple(ends)), shape=(len(nodes), len(nodes)))
    return dict(zip(nodes, connected_components(graph, directed=False)[1].tolist()))


def _evidence(trn: str, kept: str, *, named: set[tuple[str, str]], reasons: dict[frozenset[str], str]) -> str | None:
    parts = [f"{a} names {b}" for a, b in ((trn, kept), (kept, trn)) if (a, b) in named]
    return "; ".join(filter(None, [*parts, reasons.get(frozenset((trn, kept)))])) or None


def _why_kept(row: tuple) -> str:
    if row.kept_rank != row.rank:
        return f"{row.kept_registry} ranks before {row.registry}"
    if row.kept_registered != row.registered and not pd.isna(row.kept_registered):
        return "registered first"
    return "first by number"


def _basis(named: bool, judged: bool) -> str:
    if named and judged:
        return "secondary number and judgement"
    return "secondary number" if named else "judgement" if judged else "by way of a third record"
