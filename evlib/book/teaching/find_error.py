"""Twelve statements of the paper that fit, or do not fit, with what they can be held against, from the run's ledger of claims."""

from pathlib import Path
from typing import Any

import pandas as pd

from evlib.audit.checks import VERDICTS
from evlib.audit.claims import read_claims
from evlib.base.schema import read_csv, read_table

# What is chosen: the check, whether the claim fits, and the file to look in.
_WANTED = [
    ("sum of", True, "passages.csv"),
    ("difference of", False, "passages.csv"),
    ("share of", True, "passages.csv"),
    ("share of", False, "passages.csv"),
    ("equals", True, "passages.csv"),
    ("equals", False, "passages.csv"),
    ("table2", True, "table2.csv"),
    ("table2", False, "table2.csv"),
    ("record", True, "records.csv"),
    ("record", False, "records.csv"),
    ("participants", True, "arms.csv"),
    ("participants", False, "arms.csv"),
]
_FITS = {pair[0]: True for pair in VERDICTS.values()} | {pair[1]: False for pair in VERDICTS.values()}
_RECORD = ("trn", "registry", "title", "status", "enrolment", "conditions", "phases", "msc_source", "record_url")


def twelve_claims(results: str | Path, raw_dir: str | Path, *, protocol: dict) -> pd.DataFrame | None:
    """The claims for the class, in the paper's order, with their checks and the ledger's verdicts.

    Of each kind of check one claim that fits and one that does not: the first in the paper's order whose words and whose finding
    no other of the twelve has. Formulas are passed over, since they are printed in a way of their own.

    Returns
    -------
    pandas.DataFrame or None
        ``number, id, section, quote, value, check, options, look_in, column, trn, fits`` and the ledger's ``ours, why, source``. None
        where the review answers no paper, or its ledger has not all of these.
    """
    results, file = Path(results), Path(raw_dir) / "paper/claims.yml"
    if not file.is_file() or not (results / "audit.csv").is_file():
        return None
    claims = read_claims(file, protocol=protocol)[["id", "options"]]
    ledger = read_csv(results / "audit.csv").merge(claims, on="id", validate="one_to_one")
    ledger = ledger[ledger.verdict.isin(list(_FITS)) & ~ledger.quote.str.contains(r"[$\\]")]
    ledger = ledger.assign(fits=ledger.verdict.map(_FITS), place=range(len(ledger)))
    taken: list[pd.Series] = []
    for check, fits, look_in in _WANTED:
        free = ledger[(ledger.check == check) & (ledger.fits == fits)]
        for name in ("quote", "finding"):
            free = free[~free[name].isin([claim[name] for claim in taken])]
        if free.empty:
            return None
        taken.append(free.iloc[0].copy())
        taken[-1]["look_in"] = look_in
    table = pd.DataFrame(taken).sort_values("place").reset_index(drop=True)
    studies = read_table(results / "studies.csv", "studies").set_index("study_id").trn
    table["trn"] = [_trial(options, studies) for options in table.options]
    table["column"] = [_column(options, look_in) for options, look_in in zip(table.options, table.look_in)]
    table.insert(0, "number", range(1, len(table) + 1))
    return table.drop(columns=["place", "finding", "kind"])


def files(claims: pd.DataFrame, results: str | Path, raw_dir: str | Path) -> dict[str, pd.DataFrame]:
    """What students get: the claims without verdicts, and the tables to hold them against, by file name."""
    results, raw = Path(results), Path(raw_dir)
    printed = read_csv(results / "audit.csv").set_index("id")[["section", "quote", "value"]]
    trials = claims.trn.dropna()
    described = read_table(results / "described.csv", "described")
    records = read_table(results / "records.csv", "records").drop(columns=["registry", "status", "enrolment"])
    asked = [options["field"] for options in claims.options[claims.check == "record"]]
    records = described.merge(records, on="trn").reindex(columns=list(dict.fromkeys([*_RECORD, *asked])))
    studies = read_table(results / "studies.csv", "studies")[["study_id", "study", "trn"]]
    arms = read_table(results / "arms.csv", "arms").merge(studies, on="study_id")[
        ["trn", "study", "arm", "is_control", "n"]
    ]
    table2 = read_csv(raw / "paper/table2.csv")
    return {
        "claims.csv": claims[["number", "section", "quote", "value", "look_in", "column", "trn"]],
        "passages.csv": _passages(claims, printed),
        "table2.csv": table2[table2.trn.isin(trials)],
        "records.csv": records[records.trn.isin(trials)],
        "arms.csv": arms[arms.trn.isin(trials)],
    }


def teachers_key(claims: pd.DataFrame) -> pd.DataFrame:
    """The verdict of the ledger on each claim, with its reason and source."""
    return claims[["number", "id", "fits", "verdict", "ours", "why", "source"]].rename(columns={"source": "source_url"})


def _trial(options: Any, studies: pd.Series) -> str | None:
    if not isinstance(options, dict):
        return None
    study = options.get("study") or options.get("arm", "").partition("/")[0]  # an arm's id begins with its report's
    return options.get("trn") or studies.get(study)


def _column(options: Any, look_in: str) -> str:
    """The column of the file in which a claim's counterpart stands."""
    named = options if isinstance(options, dict) else {}
    return named.get("field") or named.get("column") or {"arms.csv": "n"}.get(look_in, "value")


def _passages(claims: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """The other passages that a claim is held against: ``number, role, section, quote, value``."""
    rows = []
    for claim in claims[claims.look_in == "passages.csv"].itertuples():
        for role, name in _named(claim.check, claim.options):
            rows.append({"number": claim.number, "role": role, **printed.loc[name]})
    return pd.DataFrame(rows)


def _named(check: str, options: Any) -> list[tuple[str, str]]:
    """The claims that a check names, each with its part in it."""
    if check == "sum of":
        return [("add", name) for name in options]
    if check == "difference of":
        return [("take away" if place else "add", name) for place, name in enumerate(options)]
    if check == "share of":
        roles = {"part": "part", "whole": "whole", "less": "less than the whole"}
        return [(roles[key], name) for key, name in options.items()]
    return [("the same elsewhere", options)]
