"""Find the records that are one trial, by their registration numbers and by hand decisions."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evlib.base.identifiers import normalised
from evlib.base.schema import NO_SUCH_RECORD, checked, columns, read_csv, set_aside, split_multi

# What duplicates and their proposals need of a record: all that is held of a whole registry.
NEEDED = [
    *(
        "trn",
        "trn_kind",
        "registry",
        "secondary_trns",
        "brief_title",
        "official_title",
        "acronym",
        "sponsor",
        "conditions",
    ),
    *("enrolment", "start_date", "registered_text", "registered", "snapshot"),
]
PAIRS_FILE = "curation/same_trial.csv"  # a person's own, below the raw data; not shipped
_PAIR_COLUMNS = ["trn", "other_trn", "decision", "reviewer", "reason"]


def judged_pairs(path: str | Path, *, known: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A person's judgements on proposed pairs.

    Parameters
    ----------
    path
        ``same_trial.csv``: ``trn, other_trn, decision (same or different), reviewer, reason``; need not exist.
    known
        Registration numbers of all records.

    Returns
    -------
    pairs, rejects
        The good rows; and table ``rejects``: rows for an unknown record, without a known decision, or on a pair that was
        judged before.
    """
    if not Path(path).exists():
        return pd.DataFrame(columns=_PAIR_COLUMNS, dtype="str"), checked(
            pd.DataFrame(columns=["file", "line", "trn", "reason"]), "rejects"
        )
    rows = read_csv(path, needs=_PAIR_COLUMNS, by_hand=True)
    rows["decision"] = rows.decision.str.strip().str.lower()
    for name in ("trn", "other_trn"):
        rows[name] = rows[name].map(normalised, na_action="ignore")
    pair = [tuple(sorted(map(str, both))) for both in zip(rows.trn, rows.other_trn)]
    problems = [
        (~rows.trn.isin(known), NO_SUCH_RECORD),
        (~rows.other_trn.isin(known), "other_trn: " + NO_SUCH_RECORD),
        (rows.trn == rows.other_trn, "the same number twice. Name two records."),
        (~rows.decision.isin(["same", "different"]), "unknown decision. Write 'same' or 'different'."),
        (pd.Series(pair, index=rows.index).duplicated(), "second judgement on this pair; the first is kept."),
    ]
    good, rejects = set_aside(rows, path, problems)
    return good[_PAIR_COLUMNS].reset_index(drop=True), rejects


def pairs_to_merge(found_by_readers: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """What readers and people found to be one trial, as ``duplicates`` takes it: ``trn, duplicate_of, reason``.

    Parameters
    ----------
    found_by_readers
        ``trn, duplicate_of``, as ``evlib.screen.screening.hand_decisions`` gives them.
    judged
        As ``judged_pairs`` gives them.
    """
    same = judged[judged.decision == "same"].rename(columns={"other_trn": "duplicate_of"})
    same = same.assign(reason=same.reviewer.fillna("a person") + ": " + same.reason.fillna("no reason given"))
    return pd.concat([found_by_readers, same[["trn", "duplicate_of", "reason"]]])


def needed_columns(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """What duplicates need of tables ``records``, as one frame; the shown day of registration counts as its date."""
    kept = [part[NEEDED].assign(registered=_shown_day(part.registered_text)) for part in parts]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=NEEDED)


def _shown_day(texts: pd.Series) -> pd.Series:
    return pd.to_datetime(texts, format="ISO8601", errors="coerce").astype("datetime64[ns]")


def duplicates(records: pd.DataFrame, hand: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Which records repeat another one, and which record stands for the trial.

    Two records are one trial where one names the other's number as a secondary number, where both name the same
    number, or where the adjudicated hand decision says so; all of this transitively. Of each trial the record of
    the registry with the lowest ``rank`` in the protocol is kept, then the earliest registered.

    Parameters
    ----------
    records
        Table ``records``: those of the search.
    hand
        Columns ``trn, duplicate_of`` and, if there is one, ``reason``: adjudicated duplicates. Pairs with a record outside the search have no effect.

    Returns
    -------
    pandas.DataFrame
        Table ``duplicates``: one row per record that is not kept: ``trn, kept_trn, basis, evidence, why_kept``.
    """
    own = set(records.trn)
    links = [(trn, other) for trn, cell in zip(records.trn, records.secondary_trns) for other in split_multi(cell)]
    said = [(a, b) for a, b in zip(hand.trn, hand.duplicate_of) if a in own and b in own]
    words = hand.get("reason", pd.Series(None, index=hand.index, dtype="object"))
    said_by = {
        frozenset(pair): text for *pair, text in zip(hand.trn, hand.duplicate_of, words) if isinstance(text, str)
    }
    nodes = {trn: i for i, trn in enumerate(sorted(own.union(*links, *said)))}
    pairs = [(nodes[a], nodes[b]) for a, b in links + said]
    ends = zip(*pairs) if pairs else ((), ())
    graph = coo_array(([1] * len(pairs), tuple(ends)), shape=(len(nodes), len(nodes)))
    labels = connected_components(graph, directed=False)[1] if nodes else []

    trial = pd.Series([labels[nodes[trn]] for trn in records.trn], index=records.index, dtype="int64")
    several = trial.duplicated(keep=False)
    if not several.any():
        return checked(pd.DataFrame(columns=columns("duplicates"), dtype="str"), "duplicates")
    ranked = records[several]
    ranked = ranked.assign(
        trial=trial[several],
        rank=ranked.registry.map({name: facts["rank"] for name, facts in protocol["registries"].items()}),
    ).sort_values(["trial", "rank", "registered", "trn"])
    kept = ranked.drop_duplicates("trial").set_index("trial").trn
    ranked["kept_trn"] = ranked.trial.map(kept)
    of_kept = ranked.drop_duplicates("trial").set_index("trial")[["registry", "rank", "registered"]]
    ranked = ranked.join(of_kept.add_prefix("kept_"), on="trial")
    repeats = ranked[ranked.trn != ranked.kept_trn].sort_values("trn")
    named, judged = _undirected(links), _undirected(said)
    bases = [_basis((a, b) in named, (a, b) in judged) for a, b in zip(repeats.trn, repeats.kept_trn)]
    table = pd.DataFrame(
        {
            "trn": repeats.trn,
            "kept_trn": repeats.kept_trn,
            "basis": bases,
            "evidence": [_evidence(a, b, set(links), said_by) for a, b in zip(repeats.trn, repeats.kept_trn)],
            "why_kept": [_why_kept(row) for row in repeats.itertuples()],
        }
    )
    return checked(table, "duplicates")


def tied(records: pd.DataFrame, hand: pd.DataFrame) -> frozenset[str]:
    """The registration numbers that a secondary number or a hand decision ties to any other: no other record can be a
    duplicate, whichever of the records a search finds.

    Parameters
    ----------
    records, hand
        As for ``duplicates``.
    """
    named = {trn: split_multi(cell) for trn, cell in zip(records.trn, records.secondary_trns) if pd.notna(cell)}
    return frozenset(named).union(*named.values(), hand.trn, hand.duplicate_of)


def duplicate_decisions(repeats: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Table ``duplicates`` as rows of table ``decisions``: which record is kept of a trial, and why."""
    reason = "same trial as " + repeats.kept_trn + " (" + repeats.basis + "), which is kept: " + repeats.why_kept
    facts = {"stage": "duplicate", "reviewer": "numbers and pairs", "read_by": "numbers", "decision": "exclude"}
    code = protocol["screening"]["criterion"]["duplicate"]
    return checked(pd.DataFrame({"trn": repeats.trn, **facts, "criterion": code, "reason": reason}), "decisions")


def judged_apart(repeats: pd.DataFrame, settled_decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """Merged records on which the settled decisions differ: ``trn, decision, kept_trn, kept_decision``.

    ``settled_decisions`` is what ``evlib.screen.screening.settled`` gives, by ``trn``. An exclusion as a duplicate is no decision on the trial and is left out.
    """
    duplicate_code = protocol["screening"]["criterion"]["duplicate"]
    settled = settled_decisions[settled_decisions.criterion != duplicate_code]
    said = settled.decision.dropna()
    both = repeats[["trn", "kept_trn"]].assign(decision=repeats.trn.map(said), kept_decision=repeats.kept_trn.map(said))
    both = both.dropna()
    return both.loc[both.decision != both.kept_decision, ["trn", "decision", "kept_trn", "kept_decision"]]


def _evidence(
    trn: str, kept: str, links: set[tuple[str, str]], said_by: dict[frozenset[str], str | None]
) -> str | None:
    says = [f"{a} names {b}" for a, b in ((trn, kept), (kept, trn)) if (a, b) in links]
    says += filter(None, [said_by.get(frozenset((trn, kept)))])
    return "; ".join(says) or None


def _why_kept(row: tuple) -> str:
    if row.kept_rank != row.rank:
        return f"{row.kept_registry} ranks before {row.registry}"
    if row.kept_registered != row.registered and not pd.isna(row.kept_registered):
        return "registered first"
    return "first by number"


def _undirected(pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {pair for a, b in pairs for pair in ((a, b), (b, a))}


def _basis(named: bool, judged: bool) -> str:
    if named and judged:
        return "secondary number and hand decision"
    return "secondary number" if named else "hand decision" if judged else "by way of a third record"
