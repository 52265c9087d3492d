"""Numbers for the book's prose: each chapter computes and saves its own, the pages take them by name."""

import json
from pathlib import Path

import pandas as pd

from evlib.dose import WITHOUT_UNIT
from evlib.files import write_text
from evlib.schema import split_multi


def save_numbers(out_dir: str | Path, chapter: str, **numbers: object) -> None:
    """Write ``numbers/<chapter>.json`` below the search's folder; values are written as a reader should see them."""
    text = json.dumps({name: str(value) for name, value in numbers.items()}, indent=1, ensure_ascii=False)
    write_text(Path(out_dir) / "numbers" / f"{chapter}.json", text + "\n")


def load_numbers(out_dir: str | Path) -> dict[str, str]:
    """All chapters' numbers by name; a name that two chapters use is an error."""
    numbers: dict[str, str] = {}
    for path in sorted((Path(out_dir) / "numbers").glob("*.json")):
        chapter = json.loads(path.read_text(encoding="utf-8"))
        twice = sorted(numbers.keys() & chapter.keys())
        if twice:
            raise ValueError(f"{path}: the number '{twice[0]}' was saved by an earlier chapter too")
        numbers |= chapter
    return numbers


def ingest_numbers(
    records: pd.DataFrame, place: pd.Series, rejects: pd.DataFrame, account: pd.DataFrame
) -> dict[str, object]:
    """Of the first chapter: ``records`` of the search, each record's ``place``, ``rejects``, and the ``account`` of the
    files that the records came from."""
    return {
        "n_all_records": len(place),
        **_source_words(account),
        "n_records": len(records),
        "n_after": (place == "after").sum(),
        "n_undated": (place == "undated").sum(),
        "n_rejects": len(rejects),
        "n_estimated_dates": (records.registered_basis == "estimated").sum(),
        "n_unknown_dates": records.registered_basis.isna().sum(),
        "n_with_enrolment": records.enrolment.notna().sum(),
        "n_with_country": records.countries.notna().sum(),
    }


def _source_words(account: pd.DataFrame) -> dict[str, object]:
    """What the records of a run are, in words, from the account of its files."""
    used = account[account.records > 0]
    shipped = used.format == "snapshot"
    parts = [
        f"{row.records} records from {row.format} {'' if row.format == 'snapshot' else row.file + ' '}of {row.retrieved}"
        for row in used.itertuples()
    ]
    partly = "partly transcriptions, partly exports of registries"
    return {
        "sources": ", ".join(parts).replace("from snapshot", "from the snapshot"),
        "records_are": "transcriptions, not exports" if shipped.all() else partly if shipped.any() else "one export's",
        "n_not_found": account.not_found.sum(),
        "n_judged_before": account.judged_before.sum(),
        "central_is": "known by references only" if (used.format == "Cochrane CENTRAL").any() else "absent",
    }


def screen_numbers(flow: pd.DataFrame, trials: pd.DataFrame, people: pd.DataFrame, protocol: dict) -> dict[str, object]:
    """Of the second chapter: tables ``flow`` and ``trials``, and the decisions of ``people``."""
    ours = flow.set_index("step").n
    return {
        "n_included": ours.included,
        "n_pending": ours.pending,
        "n_unclear": ours.unclear,
        "n_duplicates": ours.duplicates,
        "n_proposed": (trials.screening == "pending").sum(),
        "decided": _decided_in_words(people, int(ours.pending)),
        "screened_by": protocol.get("hand_screening", {}).get("registered_by", "no day"),
    }


def likely_pairs(proposals: pd.DataFrame) -> str:
    """How many pairs of records may be one trial and wait for a person (table ``proposals``), in words."""
    n = len(proposals)
    return f"{n} {'pair that may be one trial awaits' if n == 1 else 'pairs that may be one trial await'} a look"


def paper_numbers(theirs: pd.Series, agreement: dict[str, float], protocol: dict) -> dict[str, object]:
    """Of the second chapter, where a paper is redone: its numbers by step, and the readers' ``agreement``."""
    return {
        "n_paper_included": theirs.included,
        "paper_search_date": protocol["default_search_date"],
        "kappa": f"{agreement['kappa']:.2f}",
    }


def _decided_in_words(people: pd.DataFrame, pending: int) -> str:
    """Who decided, for a review whose only decisions are people's."""
    wait = f"{pending} {'record awaits' if pending == 1 else 'records await'} a decision"
    if people.empty:
        return f"Nobody has decided yet: {wait}."
    return f"People have judged {people.trn.nunique()} records; {wait}."


def describe_numbers(described: pd.DataFrame, protocol: dict) -> dict[str, object]:
    """Of the third chapter: table ``described``. Codes and groups are counted as the protocol has them."""
    included = described[described.screening == "included"]
    words = {
        "coded_by": _coders_in_words(described),
        "by_route": _most_frequent(included, "route", protocol),
        "by_disease": _most_frequent(included, "disease_area", protocol),
        "proposed_by_route": _most_frequent(described, "route", protocol),
        "proposed_by_disease": _most_frequent(described, "disease_area", protocol),
    }
    return describe_counts(included, protocol) | words


def describe_counts(included: pd.DataFrame, protocol: dict) -> dict[str, object]:
    """Those of the third chapter's numbers that are counts, of the included trials in table ``described``."""
    years = included.registered.dropna().dt.year
    groups = included.route_group.value_counts()
    numbers = {
        "n_dated": len(years),
        "n_since_2020": (years >= 2020).sum(),
        "n_countries": len({name for cell in included.countries for name in split_multi(cell)}),
        "n_route_not_reported": included.route_group.isna().sum(),
    }
    if "respiratory" in protocol["codes"]["disease_area"]:
        numbers["n_lung"] = (included.disease_area == "respiratory").sum()
    if "covid19" in protocol["flags"]:
        numbers["n_covid"] = included.covid19.sum()
    named = [name for name in protocol["codes"]["route_group"] if name not in ("combined", "other")]
    numbers |= {f"n_{name}": groups.get(name, 0) for name in named}
    return numbers | {"n_route_other": groups.get("combined", 0) + groups.get("other", 0)}


def _coders_in_words(described: pd.DataFrame) -> str:
    by_hand = int((described.coded_by == "hand").sum())
    if not by_hand:
        return f"All {len(described)} were coded by the rules alone"
    return f"{by_hand} were coded by hand and {len(described) - by_hand} by the rules alone"


def _most_frequent(trials: pd.DataFrame, field: str, protocol: dict, *, most: int = 4) -> str:
    """The most frequent codes of a field with their counts, and how many trials have none: "Skin 5, Eye 2, not reported 3".

    Where there is no trial at all: "none yet".
    """
    if trials.empty:
        return "none yet"
    labels = {code: facts["label"] for code, facts in protocol["codes"][field].items()}
    counts = trials[field].value_counts().head(most)
    parts = [f"{labels.get(code, code)} {n}" for code, n in counts.items()]
    rest = int(trials[field].notna().sum() - counts.sum())
    parts += [f"others {rest}"] if rest else []
    parts += [f"not reported {trials[field].isna().sum()}"]
    return ", ".join(parts)


def dose_numbers(doses: pd.DataFrame) -> dict[str, object]:
    """Of the fourth chapter: table ``doses`` of the included trials."""
    counted = doses.dropna(subset=["particles_low", "particles_high"]).drop_duplicates("trn")
    groups = counted.route_group.value_counts()
    nebulised, intravenous = groups.get("nebulised", 0), groups.get("intravenous", 0)
    return {
        "n_dose_trials": doses.trn.nunique(),
        "n_unit_kinds": doses.unit_kind[~doses.unit_kind.isin(WITHOUT_UNIT)].nunique(),
        "n_particle_trials": len(counted),
        "n_particle_nebulised": nebulised,
        "n_particle_intravenous": intravenous,
        "n_particle_other": len(counted) - nebulised - intravenous,
    }


def audit_numbers(table: pd.DataFrame) -> dict[str, object]:
    """Of the fifth chapter: the verdicts of the audit."""
    found = table.verdict.value_counts()
    return {
        "n_claims": len(table),
        "n_claims_internal": found.get("consistent", 0) + found.get("inconsistent", 0),
        "n_claims_inconsistent": found.get("inconsistent", 0),
        "n_claims_sourced": found.get("consistent with source", 0) + found.get("source disagrees", 0),
        "n_claims_source_disagrees": found.get("source disagrees", 0),
        "n_claims_not_checkable": found.get("not checkable", 0),
    }
