"""The counts of a PRISMA 2020 flow: made from the outcomes of screening, checked, and put into words."""

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from evlib.base.point_layout import plain as _plain
from evlib.base.schema import checked, columns
from evlib.base.tables import ALL_RECORDS, anchor

RECORDS_PAGE = "../02_screen.html"  # as seen from the folder of figures
INCLUDED_RECORDS = f"{RECORDS_PAGE}#{anchor('included')}"
SUBTRACTED = ("duplicates", "pending", "excluded_title")
FLOW_COLUMNS = columns("flow")
STEPS = ("identified_total", "duplicates", "pending", "screened", "excluded_title", "assessed", "unclear", "included")
IDENTIFIED = "Records identified: "


def adds_up(flow: pd.DataFrame) -> list[str]:
    """What does not add up in table ``flow``, one sentence each; empty where all does."""
    n = counts(flow)
    reasons = int(n[reason_steps(flow)].sum())
    sums = [
        ("identified by registry", "Records identified", n["identified"], n.identified_total),
        (
            "duplicates, awaiting a decision and screened",
            "Records identified",
            n.duplicates + n.pending + n.screened,
            n.identified_total,
        ),
        ("excluded by title and assessed", "Records screened", n.excluded_title + n.assessed, n.screened),
        (
            "excluded by criterion, unclear and included",
            "Records assessed",
            reasons + n.unclear + n.included,
            n.assessed,
        ),
    ]
    return [
        f"{whole} are {thousands(total)}, but {parts} add up to {thousands(added)}."
        for parts, whole, added, total in sums
        if added != total
    ]


def record_links(flow: pd.DataFrame) -> dict[str, str]:
    """For each step of table ``flow`` the place in the second chapter that lists its records, for figures' ``links``."""
    outcomes = {
        "duplicates": "duplicate",
        "pending": "pending",
        "excluded_title": "excluded at title",
        "excluded": "excluded at eligibility",
        "unclear": "unclear",
        "included": "included",
    }
    outcomes |= dict.fromkeys(reason_steps(flow), "excluded at eligibility")
    places = {step: f"{RECORDS_PAGE}#{anchor(outcome)}" for step, outcome in outcomes.items()}
    whole = ("identified", "identified_total", "screened", "assessed")
    return places | dict.fromkeys(whole, f"{RECORDS_PAGE}#{ALL_RECORDS}")


def counts(flow: pd.DataFrame) -> pd.Series:
    """The counts by step, with ``identified`` summed over the registries."""
    n = flow.groupby("step").n.sum()
    missing = [step for step in STEPS if step not in n.index]
    if missing:
        raise ValueError(f"the flow lacks the steps {', '.join(missing)}.")
    if "identified" not in n.index:
        n["identified"] = 0
    return n


def reason_steps(flow: pd.DataFrame) -> list[str]:
    return [step for step in flow.step if step.startswith("excluded_") and step != "excluded_title"]


def label_of(flow: pd.DataFrame, step: str) -> str:
    return flow.set_index("step").label[step]


def registry_of(label: str) -> str:
    return label.removeprefix(IDENTIFIED)


def reason_of(label: str) -> str:
    """ "E2 Registration withdrawn" of "Excluded (E2) Registration withdrawn"."""
    return re.sub(r"^Excluded \((\w+)\)", r"\1", label)


def flow_in_words(flow: pd.DataFrame) -> str:
    return _plain("; ".join(f"{row.label}: {thousands(row.n)}" for row in flow.itertuples()))


def thousands(n: int) -> str:
    return f"{int(n):,}"


def several(n: int, one: str, many: str) -> str:
    return f"{thousands(n)} {one if n == 1 else many}"


def left_over(n: pd.Series) -> int:
    return int(n.identified_total - n[["duplicates", "pending", "excluded_title"]].sum())


def link_of(links: Mapping[str, str] | None, steps: Iterable[str | None]) -> str | None:
    """The first address that there is for one of the steps."""
    ways = [way for step in steps for way in ((step, "identified_total") if step == "identified" else (step,))]
    return next((links[step] for step in ways if links and step in links), None)


def flow_of(outcomes: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
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
    return checked(pd.DataFrame(rows, columns=["step", "label", "n"]).astype({"n": "Int64"}), "flow")
