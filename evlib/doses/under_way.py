"""Trials that are under way and were registered to compare doses: those that could settle the question."""

import pandas as pd

from evlib.base.dates import end_has_passed, end_in_words
from evlib.base.protocol import phrase_pattern
from evlib.base.reading.statuses import ENDED_EARLY, status_groups

# Groups of a status (evlib.base.reading.statuses.status_groups) of which a result can still come.
OPEN_STATUS = ("Recruiting", "Not yet recruiting", "Active, not recruiting", "Not reported")
_READS = ("brief_title", "official_title", "arms", "interventions")


def dose_comparisons(
    included: pd.DataFrame,
    records: pd.DataFrame,
    doses: pd.DataFrame,
    versions: pd.DataFrame,
    *,
    basis: pd.DataFrame | None = None,
    protocol: dict,
    day: str,
) -> pd.DataFrame:
    """The included trials that compare doses, as far as we can tell, and on what that rests.

    A trial is listed where two doses or more in one unit are on file, where its design has one of the codes under
    ``dose_comparison`` in the protocol, or where a phrase there stands in its titles, arms or interventions. The last is
    a rule's proposal from words, and said to be one.

    Parameters
    ----------
    included, records, doses
        Tables ``described`` (included trials), ``records`` and ``doses``.
    basis
        Table ``coding_basis``, which tells who says what design a trial has: its record, or a reading.
    versions, day
        As ``evlib.certainty.missing_results.results_by_trial`` takes them.

    Returns
    -------
    pandas.DataFrame
        ``trn, title, disease_area, route, route_group, status, status_of`` (the day of the copy that shows it; of the newest copy where none
        does), ``end`` (``end_in_words``), ``enrolment, doses`` (how many different ones are on file, in the unit with
        most), ``because``; the trials with most doses first.

    Examples
    --------
    >>> included = pd.DataFrame({"trn": ["NCT1", "NCT2"], "design": "parallel", "status": "Recruiting"})
    >>> included = included.assign(title="A trial", disease_area="oral", route="topical", route_group="local", enrolment=20)
    >>> doses = pd.DataFrame({"trn": "NCT1", "unit": "particles", "low": [2e8, 4e8], "high": [2e8, 4e8]})
    >>> records = pd.DataFrame({"trn": ["NCT1", "NCT2"], "arms": [None, "Exosomes, low dose"]})
    >>> records = records.reindex(columns=["trn", *_READS, "snapshot", "completion_date"])
    >>> versions = pd.DataFrame(columns=["trn", "field", "shown", "snapshot"])
    >>> dials = {"protocol": {"dose_comparison": {"phrases": ["low dose"]}}, "day": "2024-02-17"}
    >>> dose_comparisons(included, records, doses, versions, **dials)[["trn", "doses", "because"]]
        trn  doses                         because
    0  NCT1      2                 2 doses on file
    1  NCT2      0  by its words alone: "low dose"
    """
    rules = protocol.get("dose_comparison", {})
    per_unit = doses.drop_duplicates(["trn", "unit", "low", "high"]).groupby(["trn", "unit"]).size()
    on_file = included.trn.map(per_unit.groupby("trn").max()).fillna(0).astype("int64")
    pattern = phrase_pattern(rules.get("phrases", []))
    facts = records.set_index("trn").loc[included.trn]
    texts = (" | ".join(cells) for cells in facts[list(_READS)].fillna("").itertuples(index=False))
    words = [match.group() if (match := pattern.search(text)) else None for text in texts]
    older = versions[(versions.field == "status") & (versions.shown.astype(str) == "True")].set_index("trn").snapshot
    days = facts.snapshot.to_dict() | older.to_dict()
    said_by = {} if basis is None else basis[basis.field == "design"].set_index("trn").to_dict("index")
    who = {
        trn: " (its record)" if own["found_in"] == "intervention_model" else f" ({own['coded_by']})"
        for trn, own in said_by.items()
    }
    rows = []
    for row, n, said in zip(included.itertuples(), on_file, words, strict=True):
        because = [f"{n} doses on file"] if n > 1 else []
        because += [f"design: {row.design}{who.get(row.trn, '')}"] if row.design in rules.get("designs", []) else []
        because += [f'by its words alone: "{said}"'] if said and not because else []
        if because:
            end = end_in_words(facts.completion_date[row.trn], day)
            facts_shown = (
                row.trn,
                row.title,
                row.disease_area,
                row.route,
                row.route_group,
                row.status,
                days[row.trn],
                end,
                row.enrolment,
            )
            rows.append((*facts_shown, n, "; ".join(because)))
    names = ["trn", "title", "disease_area", "route", "route_group", "status", "status_of", "end", "enrolment", "doses"]
    names += ["because"]
    table = pd.DataFrame(rows, columns=names).astype({"enrolment": "Int64"})
    return table.sort_values(["doses", "trn"], ascending=[False, True], ignore_index=True)


def by_status_in_words(trials: pd.DataFrame) -> str:
    """How many trials are open, show no status, may still run beyond their end, have ended, or have a status that does not tell.

    ``trials`` has ``status`` and ``end``, as ``dose_comparisons`` returns them. Each trial counts once; kinds without one are left out.

    Examples
    --------
    >>> trials = pd.DataFrame({"status": ["Recruiting", "Recruiting", None, "Completed", "Unknown status", "Unknown status"]})
    >>> by_status_in_words(trials.assign(end=["2030", "2020 (passed)", None, "2021 (passed)", None, None]))  # doctest: +NORMALIZE_WHITESPACE
    '1 is open by its record; 1 shows no status; 1 has ended or was stopped; 2 have a status that does not tell whether they have
    ended; 1 may still run, though the end that the record gives has passed'
    """
    group = status_groups(trials.status)
    running = group.isin(OPEN_STATUS)
    late, silent = running & trials.end.map(end_has_passed).astype(bool), trials.status.isna()
    ended = group.isin(["Completed", ENDED_EARLY])
    counts = (
        (running & ~late & ~silent, "is open by its record", "are open by their record"),
        (~late & silent, "shows no status", "show no status"),
        (ended, "has ended or was stopped", "have ended or were stopped"),
        (
            ~running & ~ended,
            "has a status that does not tell whether it has ended",
            "have a status that does not tell whether they have ended",
        ),
        (late, *["may still run, though the end that the record gives has passed"] * 2),
    )
    return "; ".join(f"{n} {one if n == 1 else many}" for rows, one, many in counts if (n := int(rows.sum())))
