"""The outcomes that compare an arm with another: with which, of what kind, how many people, and where the estimate points.

What is compared with what is data (``curation/comparisons.csv``), never guessed from a name.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.base.schema import checked, columns, corrected_csv, read_csv, set_aside
from evlib.base.words import joined
from evlib.doses.effect_sizes import FROM_PERCENTAGES, MAY_MEAN, p_given_back, risk_difference, share_not_given_back
from evlib.doses.evidence import study_flags, whole_numbers

POINTS_TO = ("better", "worse", "equal", "no significant difference", "not told")
BY_REPORT = "report"  # what tells where an outcome points, where there is no number
SAYS = {"better": "better", "worse": "worse", "no difference": "no significant difference"}  # direction of outcomes.csv
_SIGNS = {1: "better", -1: "worse", 0: "equal"}
_KEY = ["arm_id", "outcome"]
_TOLD = "comparisons_told.csv"  # beside the comparisons: what was told of some of them since
_TOLD_OF = ["post_hoc", "shares_of", "p_from"]
_MEASURES = ("risk ratio", "risk ratio as reported", "mean difference")  # of each comparison the first that is on file
OTHER_DOSE, NO_CONTROL = (
    "another dose",
    "no control",
)  # as comparators; the second: deaths that stand beside no other arm
_TRUE = {"True": True, "False": False}


def read_comparisons(raw: Path, outcomes: pd.DataFrame, arms: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What each outcome between arms is compared with, as read by machine.

    Parameters
    ----------
    raw
        The folder of raw data, of which ``curation/comparisons.csv`` and ``comparisons_told.csv`` are read; a file that is not there
        has no lines.
    outcomes, arms
        As shipped: ``arm_id, name`` and ``arm_id``.

    Returns
    -------
    comparisons, rejects
        ``arm_id, outcome, versus_id, comparator, domain, same_people, also_given, n_people``, then ``post_hoc`` (the words for a
        comparison that was not planned beforehand, else missing), ``shares_of`` (the outcome whose printed percentages belong
        to this comparison) and ``p_from`` (where its printed p, ratio or interval was read, if not in the report); and table ``rejects``: lines of an outcome or an arm that is not on file, with a number of people that
        is none, and those that stand twice.

    Examples
    --------
    >>> raw = Path("data/raw")
    >>> outcomes, arms = (corrected_csv(raw / f"curation/{name}.csv") for name in ("outcomes", "arms"))
    >>> compared, _ = read_comparisons(raw, outcomes, arms)
    >>> {"placebo", "usual care", "another dose"} <= set(compared.comparator)
    True
    >>> _, rejects = read_comparisons(raw, outcomes, arms[:0])  # as if no arm were on file
    >>> rejects.reason.unique().tolist()
    ['its versus_id is none of curation/arms.csv. Correct the line.']
    """
    path = Path(raw) / "curation/comparisons.csv"
    needs = [*_KEY, "versus_id", "comparator", "domain", "same_people", "also_given", "n_people"]
    rows = corrected_csv(path, needs=needs, optional=True)
    on_file = pd.MultiIndex.from_frame(outcomes[["arm_id", "name"]])
    known = pd.MultiIndex.from_frame(rows[_KEY]).isin(on_file)
    other = rows.versus_id.notna() & ~rows.versus_id.isin(arms.arm_id)
    problems = [
        (
            pd.Series(~known, index=rows.index),
            "no such outcome of this arm in curation/outcomes.csv. Correct the line.",
        ),
        (other, "its versus_id is none of curation/arms.csv. Correct the line."),
        (rows.n_people.notna() & whole_numbers(rows.n_people).isna(), "n_people is not a whole number. Correct it."),
        (rows.duplicated(_KEY), "the outcome has a line already. Remove one."),
    ]
    good, rejects = set_aside(rows.assign(trn=None), path, problems)
    good = good.assign(same_people=good.same_people.map(_TRUE).astype("boolean"), n_people=whole_numbers(good.n_people))
    told = read_csv(path.with_name(_TOLD), needs=[*_KEY, *_TOLD_OF, "words"], optional=True)
    known = pd.MultiIndex.from_frame(told[_KEY]).isin(pd.MultiIndex.from_frame(rows[_KEY]))
    named = told.shares_of.isna() | told.shares_of.isin(outcomes.name)
    problems = [
        (pd.Series(~known, index=told.index), "no such comparison in curation/comparisons.csv. Correct the line."),
        (~named, "its shares_of is no outcome in curation/outcomes.csv. Correct the line."),
        (told.words.isna(), "no words that it rests on. Add them."),
    ]
    told, unused = set_aside(told.assign(trn=None), path.with_name(_TOLD), problems)
    good = good[needs].merge(told[[*_KEY, *_TOLD_OF]], on=_KEY, how="left", validate="1:1")
    return good, pd.concat([rejects, unused], ignore_index=True)


def compared_outcomes(
    tables: dict[str, pd.DataFrame],
    comparisons: pd.DataFrame,
    effects: pd.DataFrame,
    codes: pd.DataFrame,
    people: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Each outcome that compares an arm with another, once, with the estimate where one can be computed.

    Parameters
    ----------
    tables
        As ``evlib.doses.evidence.evidence_tables`` gives them.
    comparisons
        As ``read_comparisons`` returns it.
    effects
        As ``evlib.doses.effect_sizes.effects`` returns it.
    codes
        Of each report ``study_id, disease_area, route_group``.
    people
        The people of reports whose arms do not tell them, as ``evlib.certainty.characteristics.people_told`` returns them.

    Returns
    -------
    pandas.DataFrame
        Table ``compared_outcomes``. ``p_reported`` is as printed; ``basis`` that of the estimate, ``why`` what is odd in it (both as
        in ``effects``); ``post_hoc`` and ``p_from`` as ``read_comparisons`` has them; ``shares`` the printed percentages that belong to an outcome, with the counts worked out from
        them and by how much these miss them. ``domain`` and ``comparator`` are missing where ``comparisons.csv`` has no line.
        ``randomised`` is that of the comparison: missing where neither report nor record tells. ``n`` is the number of people
        that the outcome compares: of both arms, or of one where both are sides of the same people; ``arm_n`` and ``versus_n`` are
        those that an estimate rests on, else those of the arms or of the part of them that is compared, and missing where the sides
        of that part are not told. ``points_to`` is the direction of the point estimate; where there is none, of the difference of the
        percentages that the source prints of both arms; where neither is there, what the source says, whose "no significant
        difference" hides a direction. ``points_by`` tells which: estimate, printed percentages or report. Differences of percentages
        are no estimates: the counts behind them are a guess.

    Notes
    -----
    A comparison of two doses that both arms report counts once, as do two rows of one report that compare the same doses.

    Examples
    --------
    >>> raw, run = Path("data/raw"), "data/processed/2024-02-17"
    >>> tables = {name: corrected_csv(raw / f"curation/{name}.csv") for name in ("studies", "arms", "outcomes")}
    >>> tables |= {"records": read_csv(f"{run}/records.csv"), "not_randomised": tables["arms"][:0]}
    >>> classed, _ = read_comparisons(raw, tables["outcomes"], tables["arms"])
    >>> computed, codes = pd.read_csv(f"{run}/effects.csv"), read_csv(raw / "curation/report_codes.csv")
    >>> compared = compared_outcomes(tables, classed, computed, codes)
    >>> one = compared[compared.arm_id == "lightner-2023/exoflo-15-ml-exoflo-15"].iloc[0]
    >>> one[["outcome", "direction", "points_to", "points_by"]].to_list()
    ['60-day all-cause mortality vs placebo (ITT)', 'no difference', 'better', 'printed percentages']
    >>> bool(compared.duplicated(["arm_id", "versus_id", "outcome"]).any())
    False
    """
    arms, outcomes = tables["arms"].set_index("arm_id"), tables["outcomes"].drop(columns=_TOLD_OF, errors="ignore")
    between = outcomes[outcomes.comparison == "between arms"].rename(columns={"name": "outcome"})
    rows = between.merge(comparisons, on=_KEY, how="left", validate="1:1")
    rows["study_id"] = rows.arm_id.map(arms.study_id)
    rows = rows.merge(_facts_of_reports(tables, codes), on="study_id", how="left", validate="m:1")
    for name, column in (("arm", "arm"), ("role", "role"), ("arm_n", "n")):
        rows[name] = rows.arm_id.map(arms[column])
    rows["versus"] = rows.versus_id.map(arms.arm)
    rows["arm_n"], rows["versus_n"] = whole_numbers(rows.arm_n), whole_numbers(rows.versus_id.map(arms.n))
    not_randomised = rows.arm_id.isin(tables["not_randomised"].arm_id)
    rows["randomised"] = rows.randomised.mask(not_randomised, False)
    rows["primary"] = rows.primary == "True"
    for name in _TOLD_OF:
        rows[name] = rows.get(name)
    rows = _with_estimates(rows.rename(columns={"p": "p_reported"}), effects)
    rows = _with_directions(rows, effects)
    rows["shares"] = [_shares(row, effects) for row in rows.itertuples()]
    of_both = (rows.arm_n + rows.versus_n).mask(rows.same_people.fillna(False), rows.arm_n)
    if people is not None:
        most = rows.study_id.map(people.set_index("study_id").people)
        # Arms of eyes or feet tell no people. Who may be in both arms counts once; controls from elsewhere are not of the report's people.
        too_many = rows.study_id.isin(people.study_id) & (
            most.isna() | ((of_both > most) & rows.same_people.fillna(True)).fillna(False)
        )
        of_both = of_both.mask(too_many, most)
    rows["n"] = rows.n_people.fillna(of_both)
    of_a_part = (rows.n_people < of_both).fillna(False)
    each = rows.n_people.where(rows.same_people.fillna(False))  # both sides of all of them
    for side in ("arm_n", "versus_n"):
        rows[side] = rows[side].mask(of_a_part, each)
    return checked(_once(rows)[columns("compared_outcomes")], "compared_outcomes")


def _facts_of_reports(tables: dict[str, pd.DataFrame], codes: pd.DataFrame) -> pd.DataFrame:
    studies = tables["studies"]
    flags = study_flags(studies, tables["arms"], tables["records"]).drop(columns=["msc_derived", "comparative"])
    flags["msc_derived"] = studies.msc_derived.map(_TRUE).astype("boolean")
    flags["evidence_note"] = studies.evidence_note
    return flags.merge(codes, on="study_id", how="left", validate="1:1")


def _with_estimates(rows: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Of each row the first measure on file against the arm that it is compared with, and of how many people."""
    usable = effects[effects.measure.isin(_MEASURES) & (effects.basis != FROM_PERCENTAGES)].copy()
    usable["order"] = usable.measure.map({measure: place for place, measure in enumerate(_MEASURES)})
    key = ["arm_id", "versus_id", "outcome"]
    usable = usable.sort_values("order", kind="stable").drop_duplicates(key)
    usable = usable.rename(columns={"n": "measured_n", "versus_n": "measured_versus_n"})
    columns = [
        "measure",
        "estimate",
        "low",
        "high",
        "events",
        "versus_events",
        "measured_n",
        "measured_versus_n",
        "basis",
        "why",
    ]
    rows = rows.drop(columns=["n_events"]).merge(usable[[*key, *columns]], on=key, how="left", validate="m:1")
    for own, measured in (("arm_n", "measured_n"), ("versus_n", "measured_versus_n")):  # not of all people of an arm
        rows[own] = whole_numbers(rows[measured]).fillna(rows[own])
    return rows


def _with_directions(rows: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Of each row where it points, and what tells it: an estimate, printed percentages of both arms, or the report's words."""
    key = ["arm_id", "versus_id", "outcome"]
    printed = effects[effects.measure == "difference of percentages"].drop_duplicates(key)
    sides = rows[key].assign(outcome=rows.shares_of.fillna(rows.outcome))
    sides = sides.merge(printed[[*key, "estimate", "better_when"]], on=key, how="left", validate="m:1")
    nothing = rows.measure.eq("mean difference").map({True: 0.0, False: 1.0})
    by_estimate = _direction(rows.estimate - nothing, rows.better_when)
    by_shares = _direction(sides.estimate, sides.better_when).set_axis(rows.index)
    by = pd.Series(BY_REPORT, rows.index).mask(by_shares.notna(), "printed percentages")
    stated = rows.direction.map(SAYS).fillna("not told")
    return rows.assign(
        points_to=by_estimate.fillna(by_shares).fillna(stated), points_by=by.mask(by_estimate.notna(), "estimate")
    )


def _direction(difference: pd.Series, better_when: pd.Series) -> pd.Series:
    """Which arm a difference favours; missing where there is none, or which is better is not told."""
    return (np.sign(difference) * better_when.map({"higher": 1, "lower": -1})).map(_SIGNS)


def _shares(row, effects: pd.DataFrame) -> str | None:
    """The printed percentages that belong to an outcome, of both arms, with the counts worked out from them and their difference."""
    own = effects[(effects.outcome == row.shares_of) & (effects.basis == FROM_PERCENTAGES)]
    own = own[own.measure == "proportion"].drop_duplicates("arm_id").set_index("arm_id")
    if not {row.arm_id, row.versus_id} <= set(own.index):
        return None
    sides = [own.loc[arm] for arm in (row.arm_id, row.versus_id)]
    counts = [f"{side.events:.0f} of {side.n:.0f}" for side in sides]
    misfits = list(
        filter(None, (share_not_given_back(int(side.events), int(side.n), side.as_stated) for side in sides))
    )
    printed = " v ".join(side.as_stated for side in sides)
    numbers = [int(count) for side in sides for count in (side.events, side.n)]
    apart = [100 * getattr(risk_difference(*numbers), name) for name in ("estimate", "low", "high")]
    difference = "a difference of {:+.1f} points ({:+.1f} to {:+.1f})".format(*apart)
    told = f"{row.shares_of}: {printed} printed; worked out from that {' v '.join(counts)}, {difference}"
    by_p = p_given_back(row.p_reported, *numbers)
    return f"{told} ({joined(misfits)}: {MAY_MEAN}{f'; yet {by_p}' if by_p else ''})" if misfits else told


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without those that say the same of the same arms; one with an estimate stays before one without."""
    ends = [" ".join(sorted(pair)) for pair in zip(rows.arm_id, rows.versus_id.fillna(""), strict=True)]
    doses = rows.comparator.eq(OTHER_DOSE) & rows.versus_id.isna()
    rows = rows.assign(ends=pd.Series(ends, index=rows.index).mask(doses, rows.study_id), known=rows.estimate.notna())
    kept = rows.sort_values("known", ascending=False, kind="stable").drop_duplicates(["ends", "outcome"])
    return rows.loc[kept.index.sort_values()].reset_index(drop=True)
