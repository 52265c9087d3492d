"""Screening: the decisions of readers, and the PRISMA flow that follows from them."""

from pathlib import Path

import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from evlib.identifiers import normalised
from evlib.schema import NO_SUCH_RECORD, checked, read_csv, set_aside

DECISIONS = ("include", "exclude", "unclear")
_REVIEWERS = {"R1": "R1", "R2": "R2", "R3": "adjudicated"}


def hand_decisions(
    path: str | Path, *, known: set[str], protocol: dict
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The decisions of readers.

    Parameters
    ----------
    path
        ``screening.csv``: ``trn, reviewer (R1, R2, R3), stage, decision, criterion, duplicate_of, reason``.
    known
        Registration numbers of the snapshot.

    Returns
    -------
    decisions, duplicate_pairs, rejects
        Table ``decisions`` (R3 becomes ``adjudicated``); adjudicated duplicates as ``trn, duplicate_of``; and table
        ``rejects``: rows for an unknown record, of an unknown reviewer, decision or criterion, or given twice.
    """
    rows = read_csv(path, needs=["trn", "reviewer", "stage", "decision", "criterion", "duplicate_of", "reason"])
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    exclusions = [code for code, facts in protocol["criteria"].items() if facts["kind"] == "exclude"]
    without_reason = (rows.decision == "exclude") & ~rows.criterion.isin(exclusions)
    good, rejects = set_aside(
        rows,
        path,
        [
            (~rows.trn.isin(known), NO_SUCH_RECORD),
            (~rows.reviewer.isin(_REVIEWERS), f"unknown reviewer. Use {', '.join(_REVIEWERS)}."),
            (~rows.decision.isin(DECISIONS), f"unknown decision. Use {', '.join(DECISIONS)}."),
            (without_reason, f"an exclusion needs a criterion. Use {', '.join(exclusions)}."),
            (
                rows.duplicated(["trn", "reviewer"]),
                "second decision of this reviewer on this record; the first is kept.",
            ),
        ],
    )
    decisions = good.assign(reviewer=good.reviewer.map(_REVIEWERS))[
        ["trn", "stage", "reviewer", "decision", "criterion", "reason"]
    ]
    pairs = good.loc[(good.reviewer == "R3") & good.duplicate_of.notna(), ["trn", "duplicate_of"]]
    return checked(decisions, "decisions"), pairs.reset_index(drop=True), rejects


def screened(records: pd.DataFrame, repeats: pd.DataFrame, decisions: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What became of each record of the search.

    Returns
    -------
    pandas.DataFrame
        Table ``screened``: ``outcome`` is ``duplicate``, ``excluded at title``, ``excluded at eligibility``,
        ``unclear``, ``included`` or ``pending``. Pending: nobody has judged the record, or it was judged a duplicate
        of a record that is not in this search. Then ``proposal`` is what the rules would decide.
    """
    adjudicated = decisions[decisions.reviewer == "adjudicated"].set_index("trn")
    rules = decisions[decisions.reviewer == "rule"].set_index("trn")
    readers = decisions[decisions.reviewer.isin(["R1", "R2"])]
    kept = repeats.set_index("trn").kept_trn
    duplicate_code = protocol["screening"]["criterion"]["duplicate"]
    rows = []
    for record in records.to_dict("records"):
        trn = record["trn"]
        row = {"trn": trn, "registry": record["registry"], "title": record["brief_title"]}
        if not isinstance(row["title"], str):
            row["title"] = record["official_title"]
        judged = adjudicated.loc[trn] if trn in adjudicated.index else None
        if trn in kept.index:
            row |= {"outcome": "duplicate", "criterion": duplicate_code, "decided_by": "numbers and readers"}
            row["reason"] = f"same trial as {kept[trn]}"
        elif judged is None or judged.criterion == duplicate_code:
            orphan = judged is not None
            row |= {"outcome": "pending", "proposal": rules.decision[trn], "decided_by": None}
            row["reason"] = "judged a duplicate of a record outside this search" if orphan else rules.reason[trn]
        else:
            out = {"include": "included", "exclude": f"excluded at {judged.stage}", "unclear": "unclear"}[
                judged.decision
            ]
            row |= {"outcome": out, "criterion": judged.criterion, "decided_by": "readers"}
            # Where the readers agree, the settling says only that; a reader's own words say why.
            own = readers[(readers.trn == trn) & (readers.decision == judged.decision)].reason
            row["reason"] = own.iloc[0] if len(own) else judged.reason
        rows.append(row)
    return checked(pd.DataFrame(rows), "screened")


def prisma_flow(outcomes: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """The counts of a PRISMA 2020 flow diagram (doi 10.1136/bmj.n71), made from table ``screened``.

    Returns
    -------
    pandas.DataFrame
        Table ``flow``: ``step, label, n``. Identified = duplicates + awaiting + screened; screened = excluded at title +
        assessed; assessed = excluded by each criterion + unclear + included.
    """
    count = outcomes.outcome.value_counts()
    n = {name: int(count.get(name, 0)) for name in ("duplicate", "pending", "excluded at title", "unclear", "included")}
    excluded = outcomes[outcomes.outcome == "excluded at eligibility"].criterion.value_counts()
    assessed = int(excluded.sum()) + n["unclear"] + n["included"]
    rows = [("identified", f"Records identified: {name}", k) for name, k in outcomes.registry.value_counts().items()]
    rows += [("identified_total", "Records identified", len(outcomes))]
    rows += [("duplicates", "Duplicate records removed", n["duplicate"])]
    rows += [("pending", "Records awaiting a decision", n["pending"])]
    rows += [("screened", "Records screened by title", n["excluded at title"] + assessed)]
    rows += [("excluded_title", "Records excluded by title", n["excluded at title"])]
    rows += [("assessed", "Records assessed for eligibility", assessed)]
    rows += [
        (f"excluded_{code}", f"Excluded ({code}) {facts['text']}", int(excluded.get(code, 0)))
        for code, facts in protocol["criteria"].items()
        if facts["kind"] == "exclude" and (facts["step"] == "eligibility" or excluded.get(code, 0))
    ]
    rows += [("unclear", "Unclear from the record", n["unclear"]), ("included", "Trials included", n["included"])]
    return checked(pd.DataFrame(rows, columns=["step", "label", "n"]), "flow")


def trials(outcomes: pd.DataFrame, records: pd.DataFrame, repeats: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """One row per trial: those included by readers, and those pending that the rules propose to include.

    Returns
    -------
    pandas.DataFrame
        Table ``trials``; ``screening`` is ``included`` or ``pending`` (a proposal, not a decision).
    """
    wanted = outcomes[
        (outcomes.outcome == "included") | ((outcomes.outcome == "pending") & (outcomes.proposal == "include"))
    ]
    facts = records.set_index("trn").loc[wanted.trn]
    merged = repeats.groupby("kept_trn").trn.agg(" | ".join)
    table = pd.DataFrame(
        {
            "trn": wanted.trn.to_numpy(),
            "screening": wanted.outcome.to_numpy(),
            "merged_trns": wanted.trn.map(merged).to_numpy(),
            "registry": wanted.registry.to_numpy(),
            "title": wanted.title.to_numpy(),
            "record_url": [_record_url(trn, facts, protocol) for trn in wanted.trn],
            "registered": facts.registered.to_numpy(),
            "registered_basis": facts.registered_basis.to_numpy(),
        }
    )
    return checked(table, "trials")


def _record_url(trn: str, facts: pd.DataFrame, protocol: dict) -> str | None:
    record = facts.loc[trn]
    if record.trn_kind == "number":
        return protocol["registries"][record.registry]["record_url"].format(trn=trn)
    return record.source_urls.split(" | ")[0] if isinstance(record.source_urls, str) else None


def agreement(decisions: pd.DataFrame) -> dict[str, float]:
    """Cohen's kappa of R1 and R2 over include / exclude / unclear, with its 95 % interval (statsmodels).

    Returns
    -------
    dict
        ``n`` records judged by both, ``agreed``, ``kappa``, ``low``, ``high``; the last three are NaN where fewer than
        two decisions occur.
    """
    both = decisions[decisions.reviewer.isin(["R1", "R2"])].pivot(index="trn", columns="reviewer", values="decision")
    both = both.reindex(columns=["R1", "R2"]).dropna()
    table = pd.crosstab(both.R1, both.R2).reindex(index=DECISIONS, columns=DECISIONS, fill_value=0)
    used = table.loc[(table.sum(axis=1) + table.sum()) > 0, (table.sum(axis=1) + table.sum()) > 0]
    agreed = int((both.R1 == both.R2).sum())
    if len(used) < 2:
        return {"n": len(both), "agreed": agreed, "kappa": float("nan"), "low": float("nan"), "high": float("nan")}
    result = cohens_kappa(used.to_numpy())
    return {"n": len(both), "agreed": agreed, "kappa": result.kappa, "low": result.kappa_low, "high": result.kappa_upp}


def disagreements(decisions: pd.DataFrame) -> pd.DataFrame:
    """The records on which R1 and R2 differ: ``trn, R1, R2, adjudicated, reason`` (of the adjudication)."""
    wide = decisions.pivot(index="trn", columns="reviewer", values="decision").reindex(
        columns=["R1", "R2", "adjudicated"]
    )
    reasons = decisions[decisions.reviewer == "adjudicated"].set_index("trn").reason
    differ = wide[wide.R1.notna() & wide.R2.notna() & (wide.R1 != wide.R2)]
    return differ.assign(reason=reasons.reindex(differ.index)).reset_index().rename_axis(columns=None)


def rule_performance(decisions: pd.DataFrame, *, without: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How the rules' "include" compares with the adjudicated one, for records judged by readers.

    Parameters
    ----------
    without
        Registration numbers to leave out (duplicates: no rule decides them).

    Returns
    -------
    measures, misses
        ``measure, hits, n, value, low, high`` for precision and recall (Wilson 95 % intervals); and the records in
        which they differ: ``trn, adjudicated, rule, reason``.
    """
    wide = decisions[~decisions.trn.isin(without)].pivot(index="trn", columns="reviewer", values="decision")
    wide = wide.reindex(columns=["adjudicated", "rule"]).dropna()
    yes, proposed = wide.adjudicated == "include", wide.rule == "include"
    hits = int((yes & proposed).sum())
    rows = [_proportion("precision", hits, int(proposed.sum())), _proportion("recall", hits, int(yes.sum()))]
    reasons = decisions[decisions.reviewer == "rule"].set_index("trn").reason
    misses = wide[yes != proposed].assign(reason=lambda frame: reasons.reindex(frame.index))
    return pd.DataFrame(rows), misses.reset_index().rename_axis(columns=None)


def _proportion(measure: str, hits: int, n: int) -> dict[str, float | str]:
    low, high = proportion_confint(hits, n, method="wilson") if n else (float("nan"), float("nan"))
    return {
        "measure": measure,
        "hits": hits,
        "n": n,
        "value": hits / n if n else float("nan"),
        "low": low,
        "high": high,
    }
