"""Find the records that are one trial, by their registration numbers and by hand decisions."""

import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evlib.schema import checked, split_multi


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
        Columns ``trn, duplicate_of``: adjudicated duplicates. Pairs with a record outside the search have no effect.

    Returns
    -------
    pandas.DataFrame
        Table ``duplicates``: one row per record that is not kept: ``trn, kept_trn, basis, evidence``.
    """
    own = set(records.trn)
    links = [(trn, other) for trn, cell in zip(records.trn, records.secondary_trns) for other in split_multi(cell)]
    said = [(a, b) for a, b in zip(hand.trn, hand.duplicate_of) if a in own and b in own]
    nodes = {trn: i for i, trn in enumerate(sorted(own.union(*links, *said)))}
    pairs = [(nodes[a], nodes[b]) for a, b in links + said]
    rows, columns = zip(*pairs) if pairs else ((), ())
    graph = coo_array(([1] * len(pairs), (rows, columns)), shape=(len(nodes), len(nodes)))
    labels = connected_components(graph, directed=False)[1] if nodes else []

    ranked = records.assign(
        trial=[labels[nodes[trn]] for trn in records.trn],
        rank=records.registry.map({name: facts["rank"] for name, facts in protocol["registries"].items()}),
    ).sort_values(["trial", "rank", "registered", "trn"])
    kept = ranked.drop_duplicates("trial").set_index("trial").trn
    ranked["kept_trn"] = ranked.trial.map(kept)
    repeats = ranked[ranked.trn != ranked.kept_trn].sort_values("trn")
    named, judged = _undirected(links), _undirected(said)
    bases = [_basis((a, b) in named, (a, b) in judged) for a, b in zip(repeats.trn, repeats.kept_trn)]
    table = pd.DataFrame(
        {"trn": repeats.trn, "kept_trn": repeats.kept_trn, "basis": bases, "evidence": repeats.secondary_trns}
    )
    return checked(table, "duplicates")


def _undirected(pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {pair for a, b in pairs for pair in ((a, b), (b, a))}


def _basis(named: bool, judged: bool) -> str:
    if named and judged:
        return "secondary number and hand decision"
    return "secondary number" if named else "hand decision" if judged else "by way of a third record"
