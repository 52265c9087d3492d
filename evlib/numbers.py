"""Numbers for the book's prose: each chapter computes and saves its own, the pages take them by name."""

import json
from pathlib import Path

import pandas as pd

from evlib.dose import WITHOUT_UNIT
from evlib.extract import value_counts
from evlib.files import write_text


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


def screen_numbers(
    flow: pd.DataFrame, theirs: pd.Series, agreement: dict[str, float], protocol: dict
) -> dict[str, object]:
    """Of the second chapter: table ``flow``, the paper's numbers by step, readers' ``agreement``, the protocol's dates."""
    ours = flow.set_index("step").n
    return {
        "n_included": ours.included,
        "n_pending": ours.pending,
        "n_unclear": ours.unclear,
        "n_paper_included": theirs.included,
        "paper_search_date": protocol["default_search_date"],
        "screened_by": protocol["hand_screening"]["registered_by"],
        "kappa": f"{agreement['kappa']:.2f}",
    }


def describe_numbers(included: pd.DataFrame) -> dict[str, object]:
    """Of the third chapter: the included rows of table ``described``."""
    dated = included.dropna(subset="registered")
    groups = included.route_group.value_counts()
    return {
        "n_dated": len(dated),
        "n_since_2020": (dated.registered.dt.year >= 2020).sum(),
        "n_countries": len(value_counts(included.dropna(subset="countries"), "countries")),
        "n_lung": (included.disease_area == "respiratory").sum(),
        "n_covid": included.covid19.sum(),
        "n_intravenous": groups.get("intravenous", 0),
        "n_nebulised": groups.get("nebulised", 0),
        "n_local": groups.get("local", 0),
        "n_route_other": groups.get("combined", 0) + groups.get("other", 0),
        "n_route_not_reported": included.route_group.isna().sum(),
    }


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
