"""The harms of each arm beside those of the control arm of the same report, and what was not reported."""

import pandas as pd

from evlib.base.schema import checked, columns
from evlib.base.words import joined, several
from evlib.certainty.comparisons import NO_CONTROL
from evlib.doses import effect_sizes
from evlib.doses.effect_sizes import proportion, risk_difference, upper_bound_of_none
from evlib.doses.stated_doses import report_url

SERIOUS = ("vesicles", "reports", "arms", "n_events", "n_people", "share", "low", "high", "upper_if_none")
_NO_ARM = "the report has no control arm"
_NOT_TOLD = "not told of the control arm"
_NO_COUNT = "the number of people is not stated"
_COUNTED = "counted in both arms"


def harms_beside_controls(
    tables: dict[str, pd.DataFrame], safety: pd.DataFrame, comparisons: pd.DataFrame, codes: pd.DataFrame
) -> pd.DataFrame:
    """Each harm of an arm that is no control, with the same harm of a control arm of the same report where that is told.

    Deaths that a report counts as an outcome, beside no other arm, are among them (whether they are called serious is not told);
    those that are compared are outcomes, not harms.

    Parameters
    ----------
    tables
        As ``evlib.doses.evidence.evidence_tables`` gives them.
    safety
        As ``evlib.doses.effect_sizes.safety`` returns it.
    comparisons
        As ``evlib.certainty.comparisons.read_comparisons`` returns it: an arm stands beside the control arm that its outcomes
        are compared with, else beside the first of its report. Its lines ``no control`` name the deaths.
    codes
        Of each report ``study_id, route_group``.

    Returns
    -------
    pandas.DataFrame
        Table ``harms_beside_controls``, one row per harm, with the arm's ``role`` ("ev", or what was given instead of vesicles; of the
        latter ``msc_derived``, whether these are vesicles of MSCs, is false): shares between 0 and 1 with two-sided exact 95 % intervals, and
        ``upper_if_none``, the one-sided 95 % bound where no event was seen; the difference to the control arm with Newcombe's
        interval. ``beside`` says why no control stands there. Sides of the same people are compared as if they were two
        groups, which makes their interval too wide rather than too narrow.

    Examples
    --------
    >>> from evlib.doses.effect_sizes import SAFETY
    >>> arms = pd.DataFrame({"arm_id": ["a1", "a2"], "study_id": "a", "role": ["ev", "control"]})
    >>> tables = {"arms": arms, "studies": pd.DataFrame({"study_id": ["a"], "evidence_note": None})}
    >>> safety = arms.assign(name="fever", n_events=[3, 1], n_total=20, proportion=[0.15, 0.05]).reindex(columns=SAFETY)
    >>> tables |= {"outcomes": pd.DataFrame(columns=["arm_id", "name", "value", "n_events", "n_total", "proportion"])}
    >>> versus = pd.DataFrame({"arm_id": ["a1"], "outcome": "cure", "versus_id": "a2", "comparator": "placebo"})
    >>> codes = pd.DataFrame({"study_id": ["a"], "route_group": "intravenous"})
    >>> beside = harms_beside_controls(tables, safety, versus, codes)
    >>> beside[["harm", "n_events", "n", "control_events", "control_n", "beside"]]
        harm  n_events   n  control_events  control_n                beside
    0  fever         3  20               1         20  counted in both arms
    """
    arms = tables["arms"].set_index("arm_id")
    alone = comparisons[comparisons.comparator == NO_CONTROL].rename(columns={"outcome": "name"})
    deaths = tables["outcomes"].merge(alone[["arm_id", "name"]]).assign(serious=None, related=None)
    deaths["name"] += (": " + deaths.value).where(deaths.n_events.isna(), "").fillna("")
    if len(deaths):
        counted = effect_sizes.safety(tables["studies"], tables["arms"], deaths)
        safety = pd.concat([safety, counted], ignore_index=True)
    safety = safety.assign(role=safety.arm_id.map(arms.role))
    controls = safety[safety.role == "control"]
    partners = comparisons.dropna(subset="versus_id").groupby("arm_id").versus_id.agg(set)
    has_control = set(arms.study_id[arms.role == "control"])
    rows = [
        _beside(row, controls, partners.get(row["arm_id"], set()), row["study_id"] in has_control)
        for row in safety[safety.role != "control"].astype(object).where(safety.notna(), None).to_dict("records")
    ]
    own = [name for name in columns("harms_beside_controls") if name not in ("route_group", "evidence_note")]
    frame = pd.DataFrame(rows, columns=own)
    frame["msc_derived"] = frame.msc_derived.mask(frame.role != "ev", False)
    frame = frame.merge(codes[["study_id", "route_group"]], on="study_id", how="left", validate="m:1")
    frame = frame.merge(tables["studies"][["study_id", "evidence_note"]], on="study_id", validate="m:1")
    return checked(frame, "harms_beside_controls")


def serious_events(beside: pd.DataFrame) -> pd.DataFrame:
    """The people with a serious event over all arms with vesicles that count them, by whether the vesicles are of MSCs.

    A sum, no meta-analysis: reports differ in what they call serious, in how long they looked and in how much was read. Each
    arm counts once, with its largest count. Returns one row for vesicles of MSCs and one for all, columns ``SERIOUS``.

    Examples
    --------
    >>> beside = pd.DataFrame({"study_id": ["a", "a", "b"], "n_events": [1, 2, 0], "n": [20, 20, 10]})
    >>> beside = beside.assign(arm="vesicles", role="ev", serious=True, msc_derived=[True, True, False])
    >>> serious_events(beside).drop(columns="upper_if_none").round(3)
           vesicles  reports  arms  n_events  n_people  share    low   high
    0       of MSCs        1     1         2        20  0.100  0.012  0.317
    1  of any cells        2     2         2        30  0.067  0.008  0.221
    """
    counted = _counts_of_serious(beside)
    rows = []
    for vesicles, own in (("of MSCs", counted[counted.msc_derived.astype(bool)]), ("of any cells", counted)):
        events, people = int(own.n_events.sum()), int(own.n.sum())
        facts = {"vesicles": vesicles, "reports": own.study_id.nunique(), "arms": len(own)}
        facts |= {"n_events": events, "n_people": people}
        if people:
            share = proportion(events, people)
            facts |= {"share": share.estimate, "low": share.low, "high": share.high}
            facts |= {"upper_if_none": None if events else upper_bound_of_none(people)}
        rows.append(facts)
    return pd.DataFrame(rows, columns=list(SERIOUS))


def _counts_of_serious(beside: pd.DataFrame) -> pd.DataFrame:
    counted = beside[beside.serious.fillna(False).astype(bool) & (beside.role == "ev")].dropna(subset=["n_events", "n"])
    return counted.sort_values("n_events", ascending=False, kind="stable").drop_duplicates(["study_id", "arm"])


def _people_by_disease(beside: pd.DataFrame) -> str:
    """Who the people are that ``serious_events`` counts for vesicles of MSCs: how many of each disease."""
    counted = _counts_of_serious(beside)
    counted = counted[counted.msc_derived.astype(bool)]
    people = (
        counted.groupby(counted.disease_group.fillna("disease not told"))
        .n.sum()
        .sort_values(ascending=False, kind="stable")
    )
    return ", ".join(f"{name}: {n:.0f}" for name, n in people.items())


def harms_in_words(beside: pd.DataFrame, silent: pd.DataFrame, *, n_reports: int) -> str:
    """A sentence on the harms that were seen, from ``harms_beside_controls`` and ``without_harms``.

    Examples
    --------
    >>> beside = pd.DataFrame({"study_id": ["a", "b"], "n_events": [2, 0], "n": [20, 10], "serious": True, "study": "Report A"})
    >>> beside = beside.assign(arm="vesicles", role="ev", msc_derived=True, beside=None, disease_group=["lung", "skin"])
    >>> beside = beside.assign(harm="sepsis", evidence_note="Called unrelated.")
    >>> silent = pd.DataFrame({"study": ["Report C"]})
    >>> print(harms_in_words(beside, silent, n_reports=3))  # doctest: +NORMALIZE_WHITESPACE
    **Few harms were counted, and few people**: 1 of 2 counts saw no event, 0 stand beside a count of a control arm.
    Of vesicles of MSCs, 2 of 30 people had a serious event (6.7 %, 95 % interval 0.8 to 22.1 %), summed over 2 arms
    that differ (lung: 20, skin: 10); seen was sepsis, Report A: Called unrelated. Deaths that a report counts as an
    outcome are not in this sum: those that are compared stand among the effects. For 1 of 3 reports no statement on
    harms is on file.
    """
    counted = beside.dropna(subset=["n_events", "n"])
    none, both = (counted.n_events == 0).sum(), (beside.beside == _COUNTED).sum()
    serious = serious_events(beside).set_index("vesicles").loc["of MSCs"]
    share = (
        ""
        if pd.isna(serious.share)
        else f" ({100 * serious.share:.1f} %, 95 % interval {100 * serious.low:.1f} to {100 * serious.high:.1f} %)"
    )
    people = _people_by_disease(beside)
    seen = _counts_of_serious(beside)
    seen = seen[seen.msc_derived.astype(bool) & (seen.n_events > 0)]
    notes = (": " + seen.evidence_note).fillna("")
    events = joined([f"{row.harm}, {row.study}{note}" for row, note in zip(seen.itertuples(), notes)])
    deaths = beside[beside.serious.isna() & (beside.n_events > 0)]
    died = joined([f"{row.n_events} of {row.n}, {row.harm}, {row.study}" for row in deaths.itertuples()])
    return (
        f"**Few harms were counted, and few people**: {none} of {len(counted)} counts saw no event, {both} stand beside a count of a "
        f"control arm. Of vesicles of MSCs, {serious.n_events} of {several(serious.n_people, 'person', 'people')} had a serious "
        f"event{share}, summed over {several(serious.arms, 'arm')} that differ{f' ({people})' if people else ''}"
        f"{f'; seen was {events}' if events else ''}{'' if events.endswith('.') else '.'} Deaths that a report counts as an outcome are not in this sum: "
        f"{f'beside no control {died}; ' if died else ''}those that are compared stand among the effects. For {len(silent)} of {several(n_reports, 'report')} no statement on harms is on file."
    )


def in_table_2_alone(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The harms that the paper's Table 2 prints of trials of which no event is on file here: ``trn, outcomes`` (its words).

    ``tables`` are as for ``printed_by_the_paper``, whose example shows such a harm; of them ``table2, arms, studies`` and
    ``adverse_events`` are read.
    """
    printed = tables["table2"][tables["table2"].adverse_events != "none"]
    arms = tables["arms"].merge(tables["studies"][["study_id", "trn"]], on="study_id")
    counted = tables["adverse_events"].merge(arms[["arm_id", "trn"]], on="arm_id")
    seen = counted.trn[pd.to_numeric(counted.n_events, errors="coerce") > 0]
    return printed.loc[~printed.trn.isin(seen), ["trn", "outcomes"]].reset_index(drop=True)


def printed_by_the_paper(tables: dict[str, pd.DataFrame]) -> str:
    """The harms that the paper prints and our counts do not hold, in sentences; empty: none. Of its Table 2 those of
    ``in_table_2_alone``, of its section 4 what it reads as harm.

    ``tables`` are those of ``evlib.doses.evidence.evidence_tables``.

    Examples
    --------
    >>> tables = {"table2": pd.DataFrame({"trn": ["NCT1"], "adverse_events": "mild", "outcomes": "fever in 2"})}
    >>> tables |= {"arms": pd.DataFrame({"arm_id": ["a1"], "study_id": "a"})}
    >>> tables |= {"studies": pd.DataFrame({"study_id": ["a"], "trn": "NCT1"})}
    >>> tables |= {"adverse_events": pd.DataFrame({"arm_id": ["a1"], "n_events": "0"})}
    >>> tables |= {"paper": pd.DataFrame(columns=["arm_id", "reading", "quote"])}
    >>> print(printed_by_the_paper(tables))  # doctest: +NORMALIZE_WHITESPACE
    The paper's Table 2 prints harms that are not among these counts: NCT1, “fever in 2”. What we read of the
    reports does not show them, nor in which arm they were; they are not counted here.
    """
    arms = tables["arms"].merge(tables["studies"][["study_id", "trn"]], on="study_id")
    differ = [f"{row.trn}, “{row.outcomes}”" for row in in_table_2_alone(tables).itertuples()]
    said = [
        f"The paper's Table 2 prints harms that are not among these counts: {'; '.join(differ)}. What we read of the reports does not show "
        "them, nor in which arm they were; they are not counted here."
    ]
    read = tables["paper"][tables["paper"].reading == "harm"].merge(arms, on="arm_id")
    called = [f"{row.trn}, “{row.quote}”" for row in read.itertuples()]
    of_text = f"Its section 4 says more than a count: {'; '.join(called)}. The sum below holds only what is counted, of that trial as of any."
    return " ".join(said * bool(differ) + [of_text] * bool(called))


def rates_of_literature(conversions: pd.DataFrame) -> pd.DataFrame:
    """The pooled rates of adverse events that a review prints, as transcribed: rows of table ``conversions``.

    Examples
    --------
    >>> rows = pd.DataFrame({"quantity": ["SAE, pooled incidence", "particles per mL"], "low": [0.0, 1e9]})
    >>> rates_of_literature(rows)
                    quantity  low
    0  SAE, pooled incidence  0.0
    """
    return conversions[conversions.quantity.str.contains("pooled incidence")]


def without_harms(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The reports of which no statement on harms is on file: ``study, disease, read_from, report``.

    Examples
    --------
    >>> studies = pd.DataFrame({"study_id": ["a", "b"], "study": ["Report A", "Report B"], "read_from": "abstract"})
    >>> studies = studies.assign(doi_or_url=["10.1/a", "10.1/b"], source_urls=None, disease="pneumonia")
    >>> arms, events = pd.DataFrame({"arm_id": ["a1", "b1"], "study_id": ["a", "b"]}), pd.DataFrame({"arm_id": ["a1"]})
    >>> without_harms({"studies": studies, "arms": arms, "adverse_events": events})
          study    disease read_from                  report
    0  Report B  pneumonia  abstract  https://doi.org/10.1/b
    """
    arms, events = tables["arms"], tables["adverse_events"]
    told = set(arms.study_id[arms.arm_id.isin(events.arm_id)])
    silent = tables["studies"][~tables["studies"].study_id.isin(told)]
    return silent.assign(report=report_url(silent))[["study", "disease", "read_from", "report"]].reset_index(drop=True)


def _beside(row: dict, controls: pd.DataFrame, partners: set[str], has_control: bool) -> dict:
    harm = {name: row[name] for name in ("study_id", "study", "arm", "role", "serious", "n_events", "low", "high")}
    harm |= {
        "harm": row["name"],
        "n": row["n_total"],
        "share": row["proportion"],
        "upper_if_none": row["upper_if_none"],
    }
    harm |= {name: row[name] for name in ("msc_derived", "disease_group", "source_url")}
    alike = controls[(controls.study_id == row["study_id"]) & (controls["name"] == row["name"])]
    if alike.empty:
        return harm | {"beside": _NOT_TOLD if has_control else _NO_ARM}
    other = alike.loc[alike.arm_id.isin(partners).sort_values(ascending=False, kind="stable").index[0]]
    harm |= {"control": other.arm, "control_events": other.n_events, "control_n": other.n_total}
    harm |= {"control_upper_if_none": other.upper_if_none}
    if row["n_total"] is None or pd.isna(other.n_total):
        return harm | {"beside": _NO_COUNT}
    result = risk_difference(row["n_events"], row["n_total"], int(other.n_events), int(other.n_total))
    harm |= {"difference": result.estimate, "difference_low": result.low, "difference_high": result.high}
    return harm | {"beside": _COUNTED}
