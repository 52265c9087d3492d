"""What was found, question by question, and how certain it is: the reasons of GRADE for rating down, computed where they can be.

A question is a group of diseases, a route group, a kind of outcome and a kind of comparator. Certainty starts at high and is
rated down; the rules below stand for judgements that a panel would make, and each reason is shown, so that it can be disputed.
Risk of bias and start follow Schünemann and others, J Clin Epidemiol 2019;111:105 (a non-randomised report that was judged by
ROBINS-I starts at high as well), imprecision Guyatt and others, J Clin Epidemiol 2011;64:1283, and Zeng and others, ibid.
2022;150:216.
"""

import math
from collections.abc import Iterable

import pandas as pd

from evlib.base.schema import checked, columns
from evlib.base.words import joined, not_of_mscs, several
from evlib.certainty.comparisons import OTHER_DOSE, SAYS
from evlib.certainty.risk_of_bias import TOOL_NAMES, word_of

LEVELS = ("very low", "low", "moderate", "high")
QUESTION = ["disease_group", "route_group", "domain", "comparator"]
# How many levels the overall judgement of a report takes away, by RoB 2 and by ROBINS-I.
_BY_RISK = {"low": 0, "some-concerns": 1, "high": 2, "moderate": 1, "serious": 2, "critical": 3, "no-information": 1}
_SERIOUS, _VERY_SERIOUS = 1, 2  # levels that any other reason takes, in GRADE's words
_NOT_RANDOMISED = (
    _VERY_SERIOUS  # at least, where people were not allotted by chance within a report judged as randomised
)
_POST_HOC = "post hoc, not planned beforehand (such a finding raises a question and settles none)"
_ENOUGH = 400  # people, a rule of thumb of GRADE for the optimal information size
_FAR_FROM_ENOUGH = int(0.3 * _ENOUGH)  # below it, imprecision takes two levels
_APPRECIABLE = (0.75, 1.25)  # ratios beyond which an effect matters
PEOPLE_COMPARED = (
    "people compared: of both arms, once where these are sides of the same people; of each report its largest comparison, or the "
    "sum of those that share no arm"
)
_PER = 1000  # people, of whom absolute risks are told


def summary_of_findings(compared: pd.DataFrame, risk: pd.Series, missing: pd.DataFrame) -> pd.DataFrame:
    """One row per question: what the reports found, and how certain that is.

    Parameters
    ----------
    compared
        As ``evlib.certainty.comparisons.compared_outcomes`` returns it. Arms without vesicles are left out.
    risk
        The overall judgement of each report with its tool ("RoB2: high"), by ``study_id``.
    missing
        Included trials that ended and have no result on file (``missing_results.without_result``): ``trn, disease_area, route_group,
        disease_group``. A trial counts for the questions on its group of diseases and route; one whose group was not read counts for
        all of its disease area, which its reason says.

    Returns
    -------
    pandas.DataFrame
        Table ``summary_of_findings``, the group of diseases with most comparisons first: ``reports`` counts them, ``reports_of_mscs`` those known to be on vesicles of MSCs, ``studies`` names them,
        ``n_people`` are as ``PEOPLE_COMPARED`` says, missing where a report does not tell; ``found`` holds each outcome; ``certainty`` is one of ``LEVELS``; ``because`` holds each reason with the levels
        that it takes; ``caveats`` what decides on each report.

    Examples
    --------
    >>> row = {"study_id": "a", "study": "Report A", "arm_id": "a1", "role": "ev", "outcome": "death", "primary": True}
    >>> row |= {"disease_group": "lung", "route_group": "intravenous", "domain": "death", "comparator": "placebo"}
    >>> row |= {"n": 40, "randomised": True, "msc_derived": True, "direction": "better", "points_to": "better", "points_by": "report"}
    >>> compared, none = checked(pd.DataFrame([row]), "compared_outcomes"), {"disease_area": [], "route_group": [], "disease_group": []}
    >>> found = summary_of_findings(compared, pd.Series({"a": "RoB2: some-concerns"}), pd.DataFrame(none, dtype="str"))
    >>> found.loc[0, ["found", "certainty", "because"]].to_list()
    ['death (primary outcome): better, as the report says', 'very low', 'risk of bias RoB 2: some concerns (−1); 40 people alone (−2)']
    """
    vesicles = compared[compared.role == "ev"]
    most_first = -vesicles.disease_group.map(vesicles.disease_group.value_counts())
    vesicles = vesicles.assign(most_first=most_first).sort_values(["most_first", "disease_group"], kind="stable")
    rows = []
    for key, own in vesicles.groupby(QUESTION, dropna=False, sort=False):
        reasons = [*_reasons(own, risk), _missing_results(own, missing)]
        down = sum(levels for levels, _ in reasons)
        reports = own.drop_duplicates("study_id")
        rows.append(
            {
                **dict(zip(QUESTION, key, strict=True)),
                "reports": len(reports),
                "reports_of_mscs": int(reports.msc_derived.fillna(False).sum()),
                "studies": joined(list(reports.study)),
                "n_people": _people(own),
                "found": _found(own),
                "certainty": LEVELS[max(0, len(LEVELS) - 1 - down)],
                "because": "; ".join(f"{words} (−{levels})" for levels, words in reasons if levels),
                "caveats": " ".join(f"{row.study}: {row.evidence_note}" for row in reports.itertuples()),
            }
        )
    return checked(pd.DataFrame(rows, columns=columns("summary_of_findings")), "summary_of_findings")


def without_comparison(tables: dict[str, pd.DataFrame], compared: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """The reports in which no outcome of vesicles is compared with another arm, so that nothing can be said of an effect.

    Returns
    -------
    pandas.DataFrame
        One row per group of diseases and route group: ``disease_group, route_group, reports, studies``.

    Examples
    --------
    >>> studies = pd.DataFrame({"study_id": ["a", "b"], "study": ["Report A", "Report B"], "disease_group": "lung"})
    >>> codes = pd.DataFrame({"study_id": ["a", "b"], "route_group": "intravenous"})
    >>> compared = pd.DataFrame({"study_id": ["a"], "role": ["ev"]})
    >>> without_comparison({"studies": studies}, compared, codes)
      disease_group  route_group  reports   studies
    0          lung  intravenous        1  Report B
    """
    studies = tables["studies"].merge(codes, on="study_id", how="left", validate="1:1")
    alone = studies[~studies.study_id.isin(compared.study_id[compared.role == "ev"])]
    grouped = alone.groupby(["disease_group", "route_group"], dropna=False, sort=False).study
    return grouped.agg(reports="size", studies=lambda names: joined(list(names))).reset_index()


def certainty_in_words(findings: pd.DataFrame, alone: pd.DataFrame, compared: pd.DataFrame, *, n_reports: int) -> str:
    """Two sentences on how certain the answers are, from ``summary_of_findings``, ``without_comparison`` and ``compared_outcomes``.

    Examples
    --------
    >>> findings = pd.DataFrame({"certainty": ["very low", "low"], "reports": [2, 1], "reports_of_mscs": [1, 1]})
    >>> alone = pd.DataFrame({"reports": [3]})
    >>> compared = pd.DataFrame({"study_id": ["a", "b"], "role": "ev", "msc_derived": True, "comparator": "placebo"})
    >>> print(certainty_in_words(findings, alone, compared, n_reports=5))  # doctest: +NORMALIZE_WHITESPACE
    **Certainty is very low in 1 of 2 questions (1 of these 2 on vesicles of MSCs, 1 not known to be)** that a report
    answers by comparing vesicles with another arm; it is low at best. 3 of 5 reports compare no outcome of vesicles
    with another arm; of the other 2, 2 compare vesicles of MSCs with an arm that is not another dose.
    """
    of_msc = (compared.role == "ev") & compared.msc_derived.fillna(False).astype(bool)
    n_alone, n_msc = int(alone.reports.sum()), compared.study_id[of_msc & (compared.comparator != OTHER_DOSE)].nunique()
    verb = "compares" if n_alone == 1 else "compare"
    silent = (
        f"{n_alone} of {several(n_reports, 'report')} {verb} no outcome of vesicles with another arm; of the other "
        f"{n_reports - n_alone}, {several(n_msc, 'compares', 'compare')} vesicles of MSCs with an arm that is not another dose"
    )
    if findings.empty:
        return f"No certainty can be given: {silent}."
    lowest, best = (findings.certainty == LEVELS[0]).sum(), max(findings.certainty, key=LEVELS.index)
    above = "" if best == LEVELS[0] else f"; it is {best} at best"
    return (
        f"**Certainty is {LEVELS[0]} in {lowest} of {several(len(findings), 'question')}{on_other_products(findings)}** that a report answers by comparing "
        f"vesicles with another arm{above}. {silent[0].upper()}{silent[1:]}."
    )


def on_other_products(findings: pd.DataFrame) -> str:
    """In brackets after a count of questions, how many rest, at least in part, on products not known to be vesicles of MSCs.

    Examples
    --------
    >>> on_other_products(pd.DataFrame({"reports": [1, 2], "reports_of_mscs": [0, 2]}))
    ' (1 of these 2 on vesicles of MSCs, 1 not known to be)'
    """
    return not_of_mscs(findings.reports_of_mscs == findings.reports)


def absolute_effects(compared: pd.DataFrame) -> pd.DataFrame:
    """The outcomes of table ``compared_outcomes`` with counts in both arms and an event in the other, as risks among 1,000 people.

    Returns
    -------
    pandas.DataFrame
        ``study, msc_derived, outcome, post_hoc, versus, events, arm_n, versus_events, versus_n``, the risk ratio (``estimate, low,
        high``), of ``per_1000`` the risk in the other arm of that report (``versus_risk``) and the ``difference`` from it with its 95 %
        interval, ``basis, why``, and the report's caveat (``evidence_note``).

    Examples
    --------
    >>> row = {"study": "Report A", "role": "ev", "events": 2, "arm_n": 40, "versus_events": 8, "versus_n": 40}
    >>> row |= {"measure": "risk ratio", "estimate": 0.25, "low": 0.06, "high": 1.02}
    >>> shown = absolute_effects(pd.DataFrame([row], columns=columns("compared_outcomes")))
    >>> shown[["versus_risk", "difference", "difference_low", "difference_high"]].values.tolist()
    [[200, -150, -188, 4]]
    """
    names = ["study", "msc_derived", "outcome", "post_hoc", "versus", "events", "arm_n", "versus_events", "versus_n"]
    risks = ["versus_risk", "difference", "difference_low", "difference_high"]
    vesicles = compared[compared.role == "ev"]
    told = {row.Index: told for row in vesicles.itertuples() if (told := per_1000(row))}
    absolute = pd.DataFrame.from_dict(told, orient="index", columns=risks, dtype="Int64")
    counted = vesicles[[*names, "estimate", "low", "high", "basis", "why", "evidence_note"]].join(absolute, how="inner")
    return counted[[*names, "estimate", "low", "high", *risks, "basis", "why", "evidence_note"]].reset_index(drop=True)


def per_1000(row) -> tuple[int, int, int, int] | None:
    """Among 1,000 people: the risk in the other arm, and the difference from it with both ends of its 95 % interval.

    The risk ratio of the counts and its interval are applied to the risk in the other arm, which is held fixed (Guyatt and others, J Clin
    Epidemiol 2013;66:158), so that no more people are spared than had the event; the upper end stops where everyone has it. ``row`` is of
    table ``compared_outcomes`` (as ``itertuples`` gives it). None where an arm is not counted, or where the other had no event.

    Examples
    --------
    >>> row = {"measure": "risk ratio", "estimate": 0.5, "low": 0.0, "high": 3.0, "versus_events": 10, "versus_n": 25}
    >>> rows = pd.DataFrame([row, row | {"versus_events": 0}])
    >>> [per_1000(row) for row in rows.itertuples()]
    [(400, -200, -400, 600), None]
    """
    if row.measure != "risk ratio" or not row.versus_events:
        return None
    risk = row.versus_events / row.versus_n
    ratios = (row.estimate, row.low, min(row.high, 1 / risk))
    return round(_PER * risk), *(round(_PER * risk * (ratio - 1)) for ratio in ratios)


def rules_of_certainty() -> pd.DataFrame:
    """The rules by which ``summary_of_findings`` rates down: ``reason, when, levels``.

    Examples
    --------
    >>> rules = rules_of_certainty()
    >>> rules[rules.reason == "imprecision"].when.to_list()  # doctest: +NORMALIZE_WHITESPACE
    ['the 95 % interval of a ratio reaches below 0.75 and above 1.25', 'fewer than 120 people, or how many are compared is not stated',
     '120 to 399 people']
    """
    by_level = {level: [word_of(word) for word in _BY_RISK if _BY_RISK[word] == level] for level in _BY_RISK.values()}
    by_level[_SERIOUS].append("not judged")
    rows = [("risk of bias", f"worst report: {', '.join(words)}", level) for level, words in sorted(by_level.items())]
    rows += [
        ("allocation", "people not allotted by chance; together with risk of bias at least", _NOT_RANDOMISED),
        ("selective reporting", "all that was compared is post hoc", _SERIOUS),
        (
            "inconsistency",
            "several reports, whose outcomes do not all point the same way (a result that is not told aside)",
            _SERIOUS,
        ),
        ("indirectness", "vesicles not, or perhaps not, of MSCs", _SERIOUS),
        ("indirectness", "something given as well that the other arm did not get", _SERIOUS),
        (
            "imprecision",
            f"the 95 % interval of a ratio reaches below {_APPRECIABLE[0]} and above {_APPRECIABLE[1]}",
            _VERY_SERIOUS,
        ),
        ("imprecision", f"fewer than {_FAR_FROM_ENOUGH} people, or how many are compared is not stated", _VERY_SERIOUS),
        ("imprecision", f"{_FAR_FROM_ENOUGH} to {_ENOUGH - 1} people", _SERIOUS),
        ("missing results", "a trial of the same group of diseases and route ended without a result", _SERIOUS),
    ]
    return pd.DataFrame(rows, columns=["reason", "when", "levels"])


def _found(own: pd.DataFrame) -> str:
    """The findings of a question, primary outcomes first, and last those that were not planned beforehand, with that warning."""
    planned, post_hoc = own[own.post_hoc.isna()], own[own.post_hoc.notna()]
    words = findings_in_words(planned.sort_values("primary", ascending=False, kind="stable"))
    later = findings_in_words(post_hoc)
    return "; ".join(words + ([f"{_POST_HOC}: {'; '.join(later)}"] if later else []))


def findings_in_words(rows: pd.DataFrame) -> list[str]:
    """Each row of table ``compared_outcomes`` as ``finding_in_words``, with the arms where a report has an outcome of several pairs of them.

    Examples
    --------
    >>> rows = pd.DataFrame({"arm": ["gel", "spray"], "versus": "saline"}, columns=columns("compared_outcomes"))
    >>> rows = rows.assign(study_id="a", outcome="healed", comparator="placebo", primary=False, direction="better")
    >>> findings_in_words(rows)
    ['healed, gel v saline: better, as the report says', 'healed, spray v saline: better, as the report says']
    """
    several_pairs = rows.duplicated(["study_id", "outcome", "comparator"], keep=False)
    pairs = rows.outcome + ", " + rows.arm + (" v " + rows.versus).fillna("")
    return [finding_in_words(row) for row in rows.assign(outcome=rows.outcome.mask(several_pairs, pairs)).itertuples()]


def finding_in_words(row) -> str:
    """What one row of table ``compared_outcomes`` (as ``itertuples`` gives it) found: counts and interval, or what the report says.

    An outcome that is stated to be primary is called so, and one of a post-hoc subgroup or comparison; the printed p stands where no
    interval does, with where it was read if not in the report, and what is odd in an estimate, and printed percentages with the counts
    worked out from them. A ratio of no event in an arm is not printed, its score interval (``evlib.doses.effect_sizes.risk_ratio``) is.
    Where both arms are counted, the risks are told per 1,000, too (``per_1000``); where they are not, of how many people a part of the
    report is, or that this is not printed.
    """
    kinds = ["primary outcome" if row.primary else None if pd.isna(row.post_hoc) else row.post_hoc]
    if pd.isna(row.events) and not pd.isna(row.post_hoc):
        kinds += ["n not printed" if pd.isna(row.n) else several(int(row.n), "person", "people")]
    kind = ", ".join(filter(None, kinds))
    outcome = f"{row.outcome} ({kind})" if kind else row.outcome
    elsewhere = "" if pd.isna(row.p_from) else f"by {row.p_from}"
    odd = "; ".join(filter(None, ("" if pd.isna(row.why) else row.why.rstrip("."), elsewhere)))
    odd = f" ({odd})" if odd else ""
    ratio = f"risk ratio {row.estimate:.2f} ({row.low:.2f} to {_high(row.high)})" if pd.notna(row.estimate) else ""
    if row.measure == "mean difference":
        return f"{outcome}: {ratio.replace('risk ratio', 'mean difference')}{odd}"
    counts = f"{row.events} of {row.arm_n} v {row.versus_events} of {row.versus_n}, " if pd.notna(row.events) else ""
    if ratio and counts and 0 in (row.events, row.versus_events):
        counts = f"{several(row.events, 'event')} v {row.versus_events} ({counts.removesuffix(', ')}), "
        low = "0" if row.low == 0 else f"{row.low:.2f}"
        ratio = f"95 % interval of the risk ratio {low} to {_high(row.high)} (score method)"
    if ratio and not math.isnan(row.low):
        return f"{outcome}: {counts}{ratio}{_absolute(row)}{odd}"
    says = SAYS.get(row.direction, "not told")
    equals = "" if str(row.p_reported).startswith(("<", ">")) else "= "
    p = (
        ""
        if pd.isna(row.p_reported)
        else f" (p {equals}{row.p_reported}{', ' + elsewhere if elsewhere else ' printed'})"
    )
    shares = "" if pd.isna(row.shares) else f"; {row.shares}"
    return f"{outcome}: {says}, as the report says{p}{shares}"


def _absolute(row) -> str:
    """The risk in the other arm, and how many fewer or more people had it in this one, with the interval."""
    if row.measure != "risk ratio":
        return ""
    told = per_1000(row)
    if told is None:
        return f"; nothing per {_PER:,}, since no event was seen in the other arm"
    risk, *ends = told
    many, low, high = (f"{abs(end)} {'fewer' if end < 0 else 'more'}" if end else "as many" for end in ends)
    return f"; per {_PER:,}: {risk} in the other arm, {many} ({low} to {high}) in this one"


def _in_words(judgement: str) -> str:
    tool, word = judgement.split(": ")
    return f"{TOOL_NAMES[tool]}: {word_of(word)}"


def _reasons(own: pd.DataFrame, risk: pd.Series) -> Iterable[tuple[int, str]]:
    """The reasons for rating down that lie in the reports of a question, each with its number of levels."""
    judged = {study: risk.get(study) for study in own.study_id.unique()}
    chance = own.randomised.fillna(True).astype(bool)  # what is not told is not "no"
    apart = {study for study in set(own.study_id) - set(own.study_id[chance]) if str(judged[study]).startswith("RoB2")}
    levels = {study: _BY_RISK[of.split(": ")[1]] if isinstance(of, str) else _SERIOUS for study, of in judged.items()}
    levels = {study: level for study, level in levels.items() if study not in apart}
    worst = max(levels, key=levels.get, default=None)
    if worst is not None:
        later = " (judged of a planned outcome, not of what is post hoc)" if own.post_hoc.notna().all() else ""
        yield (
            levels[worst],
            f"risk of bias {_in_words(judged[worst])}{later}" if judged[worst] else "risk of bias not judged",
        )
    if own.post_hoc.notna().all():
        yield _SERIOUS, "post hoc alone, a risk of selective reporting"
    more = _NOT_RANDOMISED - levels.get(worst, 0)
    if not chance.all() and more > 0:
        lacking = (
            ", and no reading by ROBINS-I is on file (the report was judged by RoB 2, for what was randomised in it)"
        )
        yield more, f"not allotted by chance{lacking if apart else ''}"
    if own.study_id.nunique() > 1 and len(set(own.points_to) - {"not told"}) > 1:
        yield _SERIOUS, "reports differ"
    other = own[~own.msc_derived.fillna(False)]
    if len(other):
        yield _SERIOUS, "vesicles perhaps not of MSCs" if other.msc_derived.isna().all() else "vesicles not of MSCs"
    if own.also_given.notna().any():
        yield _SERIOUS, f"{joined(sorted(own.also_given.dropna().unique()))} given as well"
    yield _imprecision(own)


def _imprecision(own: pd.DataFrame) -> tuple[int, str]:
    """The most levels that an interval or the number of people takes; both are told where both take some."""
    ratios, n = own[own.measure.fillna("").str.contains("ratio")], _people(own)
    found = []
    if ((ratios.low < _APPRECIABLE[0]) & (ratios.high > _APPRECIABLE[1])).any():
        found += [(_VERY_SERIOUS, "an interval holds benefit and harm")]
    if pd.isna(n):
        found += [(_VERY_SERIOUS, "how many people are compared is not stated")]
    elif n < _FAR_FROM_ENOUGH:
        found += [(_VERY_SERIOUS, f"{several(n, 'person', 'people')} alone")]
    elif n < _ENOUGH:
        found += [(_SERIOUS, f"{several(n, 'person', 'people')}, not {_ENOUGH}")]
    return max((levels for levels, _ in found), default=0), ", and ".join(words for _, words in found)


def _missing_results(own: pd.DataFrame, missing: pd.DataFrame) -> tuple[int, str]:
    """Results are suspected to be missing where trials of the same group of diseases and route group ended without any."""
    alike = missing.merge(own[["disease_area", "route_group"]].drop_duplicates().dropna())
    same = missing.merge(own[["disease_group", "route_group"]].drop_duplicates().dropna())
    unread = alike[alike.disease_group.isna()]
    words = [f"no result of {several(len(same), 'trial')} of this disease group and route that ended"] * bool(len(same))
    if len(unread):
        area = joined(sorted(unread.disease_area.unique()))
        words += [
            f"no result of {several(len(unread), 'trial')} that ended, on {area} as a whole (disease group not read)"
        ]
    return _SERIOUS * bool(words), " and ".join(words)


def _people(own: pd.DataFrame) -> int | None:
    """The people of all reports, as ``PEOPLE_COMPARED`` says; missing where one does not tell."""
    counts = [n for _, rows in own.groupby("study_id") for n in _of_pairs_apart(rows)]
    return pd.NA if any(map(pd.isna, counts)) else int(sum(counts))


def _of_pairs_apart(rows: pd.DataFrame) -> list[int]:
    """The largest number of people among the comparisons that share an arm; a comparison with an arm that is not named may share any."""
    if rows.versus_id.isna().any():
        return [rows.n.max()]
    apart: list[tuple[set[str], list]] = []
    for row in rows.itertuples():
        shared = [group for group in apart if {row.arm_id, row.versus_id} & group[0]]
        arms = {row.arm_id, row.versus_id}.union(*(group[0] for group in shared))
        counts = [row.n, *(n for group in shared for n in group[1])]
        apart = [group for group in apart if group not in shared] + [(arms, counts)]
    return [pd.Series(counts, dtype="Int64").max() for _, counts in apart]


def _high(value: float) -> str:
    return "no upper bound" if math.isinf(value) else f"{value:.2f}"
