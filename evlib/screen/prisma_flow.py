"""The counts of a PRISMA 2020 flow: made from the outcomes of screening, checked, and put into words."""

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from evlib.base.point_layout import plain
from evlib.base.schema import checked, columns
from evlib.base.tables import ALL_RECORDS, anchor
from evlib.base.words import thousands
from evlib.screen.screening import OUTCOMES

RECORDS_PAGE = "../02_screen.html"  # as seen from the folder of figures
INCLUDED_RECORDS = f"{RECORDS_PAGE}#{anchor('included')}"
SUBTRACTED = ("duplicates", "pending", "excluded_title")
_UP_TO_ASSESSED = {
    "identified_total": "Records identified", "duplicates": "Duplicate records removed",
    "pending": "Records not yet read", "screened": "Records screened by title",
    "excluded_title": "Records excluded by title", "assessed": "Records assessed for eligibility",
}  # fmt: skip
# After those excluded by criterion:
_OF_ASSESSED = {"unclear": "Unclear from the record", "included": "Trials included"}
IDENTIFIED = "Records identified: "
# After those, where the flow is that of an update:
UPDATE_STEPS = {"before": "Trials included before the update", "after": "Trials included in all"}


def adds_up(flow: pd.DataFrame) -> list[str]:
    """The sums that do not hold in table ``flow``, one sentence each."""
    n = counts(flow)
    removed, excluded = n.duplicates + n.pending, n[reason_steps(flow)].sum()
    sums = [
        ("identified", n.identified_total, "identified by registry", n.identified),
        ("identified", n.identified_total, "duplicates, not yet read and screened", removed + n.screened),
        ("screened", n.screened, "excluded by title and assessed", n.excluded_title + n.assessed),
        ("assessed", n.assessed, "excluded by criterion, unclear and included", excluded + n.unclear + n.included),
    ]
    said = [
        f"Records {whole} are {thousands(total)}, but {parts} add up to {thousands(added)}."
        for whole, total, parts, added in sums
        if added != total
    ]
    if "after" in n.index and n.before + n.included != n.after:
        added = (
            f"{thousands(n.before)} before and {thousands(n.included)} new add up to {thousands(n.before + n.included)}"
        )
        removed = (
            " (trials that an update removed have no place in this form)" if n.after < n.before + n.included else ""
        )
        said.append(f"Trials in all are {thousands(n.after)}, but {added}{removed}.")
    return said


def record_links(flow: pd.DataFrame) -> dict[str, str]:
    """Where the second chapter lists the records of each step of table ``flow``: ``links`` of the figures.

    Examples
    --------
    >>> links = record_links(pd.DataFrame({"step": ["included", "excluded_E4"]}))
    >>> links["included"], links["excluded_E4"]
    ('../02_screen.html#records-included', '../02_screen.html#records-excluded-at-eligibility')
    """
    outcomes = {"duplicates": "duplicate", "excluded_title": "excluded at title"}
    outcomes |= {outcome: outcome for outcome in ("pending", "unclear", "included")}
    outcomes |= dict.fromkeys(("excluded", *reason_steps(flow)), "excluded at eligibility")
    places = {step: f"{RECORDS_PAGE}#{anchor(outcome)}" for step, outcome in outcomes.items()}
    whole = ("identified", "identified_total", "screened", "assessed")
    return places | dict.fromkeys(whole, f"{RECORDS_PAGE}#{ALL_RECORDS}")


def counts(flow: pd.DataFrame) -> pd.Series:
    """The counts by step, ``identified`` summed over the registries; ValueError where a step is missing."""
    n = flow.groupby("step").n.sum()
    if missing := [step for step in (*_UP_TO_ASSESSED, *_OF_ASSESSED) if step not in n.index]:
        raise ValueError(f"the flow lacks the steps {', '.join(missing)}.")
    if "identified" not in n.index:
        n["identified"] = 0
    return n


def reason_steps(flow: pd.DataFrame) -> list[str]:
    return [step for step in flow.step if step.startswith("excluded_") and step != "excluded_title"]


def reasons(flow: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Why records were excluded ("E2 Registration withdrawn"), how many, and the step of the flow."""
    rows = flow[flow.step.isin(reason_steps(flow))]
    return [(re.sub(r"^Excluded \((\w+)\)", r"\1", row.label), row.n, row.step) for row in rows.itertuples()]


def flow_in_words(flow: pd.DataFrame) -> str:
    return plain("; ".join(f"{row.label}: {thousands(row.n)}" for row in flow.itertuples()))


def left_over(n: pd.Series) -> int:
    return int(n.identified_total - n[["duplicates", "pending", "excluded_title"]].sum())


def link_of(links: Mapping[str, str] | None, steps: Iterable[str | None]) -> str | None:
    """The first address that there is for one of the steps."""
    tried = [way for step in steps for way in ((step, "identified_total") if step == "identified" else (step,))]
    return next((links[step] for step in tried if links and step in links), None)


def flow_of(outcomes: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """The counts of a PRISMA 2020 flow diagram (doi 10.1136/bmj.n71), made from table ``screened``.

    Returns
    -------
    pandas.DataFrame
        Table ``flow``: ``step, label, n``. Identified = duplicates + not yet read + screened; screened = excluded at title +
        assessed; assessed = excluded by each criterion + unclear + included.

    Examples
    --------
    >>> outcomes = pd.DataFrame({"outcome": ["included", "excluded at eligibility", "duplicate"], "registry": "ChiCTR"})
    >>> outcomes["criterion"] = [None, "E4", "E1"]
    >>> criteria = {"E4": {"kind": "exclude", "step": "eligibility", "text": "Another product"}}
    >>> flow_of(outcomes, protocol={"criteria": criteria})[["label", "n"]]
                                  label  n
    0        Records identified: ChiCTR  3
    1                Records identified  3
    2         Duplicate records removed  1
    3              Records not yet read  0
    4         Records screened by title  2
    5         Records excluded by title  0
    6  Records assessed for eligibility  2
    7     Excluded (E4) Another product  1
    8           Unclear from the record  0
    9                   Trials included  1
    """
    by_outcome = outcomes.outcome.value_counts().reindex(OUTCOMES, fill_value=0)
    by_code = outcomes[outcomes.outcome == "excluded at eligibility"].criterion.value_counts()
    assessed = by_code.sum() + by_outcome.unclear + by_outcome.included
    n = {
        "identified_total": len(outcomes),
        "duplicates": by_outcome.duplicate,
        "pending": by_outcome.pending,
        "screened": by_outcome["excluded at title"] + assessed,
        "excluded_title": by_outcome["excluded at title"],
        "assessed": assessed,
        **by_code.add_prefix("excluded_"),
        **by_outcome[["unclear", "included"]],
    }
    return flow_table(n, outcomes.registry.value_counts().items(), protocol=protocol)


def flow_table(n: Mapping[str, int], sources: Iterable[tuple[str, int]], *, protocol: dict) -> pd.DataFrame:
    """Table ``flow`` of these counts by step, 0 where there is none, and of the records by source."""
    reasons = {
        f"excluded_{code}": f"Excluded ({code}) {facts['text']}"
        for code, facts in protocol["criteria"].items()
        if facts["kind"] == "exclude" and (facts["step"] == "eligibility" or n.get(f"excluded_{code}"))
    }
    rows = [("identified", f"{IDENTIFIED}{name}", records) for name, records in sources]
    rows += [(step, label, n.get(step, 0)) for step, label in (_UP_TO_ASSESSED | reasons | _OF_ASSESSED).items()]
    return checked(pd.DataFrame(rows, columns=columns("flow")).astype({"n": "Int64"}), "flow")
