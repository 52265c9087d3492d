"""A direction-of-effect plot: report by report, where each compared outcome points; nothing is pooled and nothing is counted as a vote.

After Boon and Thomson, Research Synthesis Methods 2021;12:29: an arrow shows a direction, its size the people, and no arrow says
whether a difference is more than chance. The direction is that of the point estimate, else of the percentages that are printed of
both arms, else what the report says; "no significant difference" without numbers hides a direction, which is shown as such.
"""

import pandas as pd

from evlib.base.figure import Figure, nothing
from evlib.base.point_layout import (
    BLUE,
    GREY,
    ORANGE,
    SMALL,
    WIDTH,
    Key,
    canvas,
    finished,
    fitted,
    heading,
    put_legend,
    put_marker,
    put_note,
    put_text,
)
from evlib.base.words import not_of_mscs, several
from evlib.certainty.comparisons import BY_REPORT

_MARKERS = {"better": ("^", BLUE), "worse": ("v", ORANGE), "equal": ("D", GREY)}
_MARKERS |= {"no significant difference": ("o", GREY), "not told": ("s", GREY)}
_MEANING = {
    "better": "points to the vesicles, or the higher dose",
    "worse": "points to the other arm",
    "equal": "the same in both arms, by the estimate",
    "no significant difference": "no significant difference, by the report: direction not told",
    "not told": "compared, result not told",
}
_SIZES = {50: 9.0, 20: 7.0, 0: 5.0}  # points wide from so many people on
_LINE, _FIRST, _STEP = 13.0, 168.0, 15.0  # points
_PER_LINE = 10
_NOT_SIGNIFICANT = "no significant difference by the report"
_WITHOUT_VESICLES = ("placebo", "usual care")  # of the comparators in comparisons.csv


def direction_of_effect(compared: pd.DataFrame) -> Figure:
    """Reports with their compared outcomes, by kind of outcome and comparator.

    Parameters
    ----------
    compared
        As ``evlib.certainty.comparisons.compared_outcomes`` returns it. Arms without vesicles are left out.

    Returns
    -------
    Figure
        Its data are the comparisons drawn. Full signs stand for people who were allotted by chance, hollow ones for others.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> rows = pd.DataFrame({"domain": ["death", "pain", "pain"], "points_to": ["better", "better", "worse"]})
    >>> rows = rows.assign(study_id="a", study="Report A", role="ev", comparator="placebo", msc_derived=True, n=40, post_hoc=None)
    >>> rows = rows.assign(points_by=["estimate", "report", "report"], direction=["no difference", "better", "worse"])
    >>> figure = direction_of_effect(rows.assign(randomised=True, evidence_note=None))
    >>> print(figure.title)  # doctest: +NORMALIZE_WHITESPACE
    Of 3 outcomes of 1 randomised report (40 people) against placebo or usual care, 1 points away from the vesicles and 2
    to them: 1 by numbers (1 with no significant difference by the report), the rest by the report's words
    >>> plt.close(figure.drawing)
    """
    name = "direction_of_effect"
    drawn = compared[compared.role == "ev"].fillna({"domain": "kind of outcome not read"})
    if drawn.empty:
        return nothing(name, "No report compares an outcome of vesicles with another arm")
    title = _title(drawn)
    axes, top = canvas(title)
    keys = [Key(_MEANING[word], colour, marker=marker) for word, (marker, colour) in _MARKERS.items()]
    keys += [Key("hollow: not allotted by chance, or not told", "white", marker="^")]
    top = put_legend(axes, top, keys) + 2
    put_text(axes, (_FIRST - 6, top + 6), "Each sign: one outcome", size=SMALL, bold=True, ha="left")
    put_text(axes, (WIDTH - 2, top + 6), "People", size=SMALL, bold=True, ha="right")
    top += 14
    listed = []
    order = drawn.assign(by_chance=drawn.randomised.fillna(False)).sort_values(
        "by_chance", ascending=False, kind="stable"
    )
    for study, of_study in order.groupby("study", sort=False):
        origin = "" if of_study.msc_derived.fillna(False).all() else ", not of MSCs, or not shown"
        top = heading(axes, top, fitted(f"{study}{origin}", WIDTH - 6, lines=1, size=9, bold=True)[0], size=9)
        for (comparator, domain), own in of_study.groupby(["comparator", "domain"], sort=False, dropna=False):
            top = _line(axes, top, f"{domain}, v {comparator}", own)
            told = ", ".join(f"{n} {words}" for words, n in _in_words(own).value_counts().items())
            listed.append(f"{study}, {domain} against {comparator}: {told}")
        top += 3
    note = (
        f"Larger signs: from {' and '.join(str(n) for n in sorted(_SIZES)[1:])} people on; –: not stated. A direction is that of the "
        "point estimate, else of the percentages that are printed of both arms, else what the report says, read by machine; whether a "
        f"difference is more than chance is not in it. {_most_of_one(drawn)}Outcomes of one report are not independent, and reports choose which to tell."
    )
    bottom = put_note(axes, top, note)
    n = f"{several(len(drawn), 'outcome')} of {several(drawn.study_id.nunique(), 'report')}"
    alt = f"Direction-of-effect plot (n = {n}). {title}. {'; '.join(listed)}."
    return Figure(finished(axes, bottom), name, title, alt, drawn.drop(columns=["role"]).reset_index(drop=True))


def _line(axes, top: float, label: str, own: pd.DataFrame) -> float:
    """The signs of one kind of outcome, in as many lines as they need; returns where they end."""
    text = fitted(label, _FIRST - 16, lines=2, size=SMALL)
    signs = list(own.itertuples())
    lines = [signs[start : start + _PER_LINE] for start in range(0, len(signs), _PER_LINE)]
    for place, part in enumerate(text):
        put_text(axes, (7, top + 6 + place * 10), part, size=SMALL, ha="left")
    for place, line in enumerate(lines):
        for column, row in enumerate(line):
            marker, colour = _MARKERS[row.points_to]
            face = colour if pd.notna(row.randomised) and row.randomised else "white"
            width = next(size for least, size in _SIZES.items() if (0 if pd.isna(row.n) else row.n) >= least)
            put_marker(axes, _FIRST + column * _STEP, top + 6 + place * _LINE, marker, face, width=width)
    n = own.n.max()
    put_text(axes, (WIDTH - 2, top + 6), "–" if pd.isna(n) else str(int(n)), size=SMALL, ha="right")
    return top + max(_LINE * len(lines), 10 * len(text) + 3)


def _in_words(own: pd.DataFrame) -> pd.Series:
    """Where each outcome points, and that its report calls no difference significant where a number points all the same."""
    both = (own.points_by != BY_REPORT) & (own.direction == "no difference")
    return own.points_to + both.map({True: f" ({_NOT_SIGNIFICANT})", False: ""})


def _of_title(drawn: pd.DataFrame) -> pd.DataFrame:
    return drawn[drawn.comparator.isin(_WITHOUT_VESICLES) & drawn.randomised.fillna(False)]


def _title(drawn: pd.DataFrame) -> str:
    own = _of_title(drawn)
    counts = own.points_to.value_counts().reindex(list(_MARKERS), fill_value=0)
    better = own[own.points_to == "better"]
    numbers = better[better.points_by != BY_REPORT]
    unsure, alone = (numbers.direction == "no difference").sum(), better.study.value_counts().max()
    told = f": {len(numbers)} by numbers{f' ({unsure} with {_NOT_SIGNIFICANT})' if unsure else ''}, the rest by the report's words"
    told += f"; {alone} are of one report" if better.study.nunique() > 1 else ""
    return (
        f"Of {several(len(own), 'outcome')}{not_of_mscs(own.msc_derived.fillna(False))} of {several(own.study.nunique(), 'randomised report')}"
        f"{_people(own)} against placebo or usual care, {counts['worse']} {'points' if counts['worse'] == 1 else 'point'} away from the vesicles and "
        f"{len(better)} to them{told if len(better) else ''}"
    )


def _people(own: pd.DataFrame) -> str:
    """In brackets, how many people the reports compare, of each report those of its largest comparison, and how many do not tell."""
    most = own.groupby("study").n.max()
    silent = most.isna().sum()
    people = [several(int(most.sum()), "person", "people")] if silent < len(most) else []
    people += [f"number not known of {silent}"] if silent else []
    return f" ({', '.join(people)})" if people else ""


def _most_of_one(drawn: pd.DataFrame) -> str:
    """What the title's signs for vesicles rest on: the report that most are of, with its caveat, and how many were not planned."""
    better = _of_title(drawn).query("points_to == 'better'")
    if better.study.nunique() < 2:
        return ""
    study, n = next(better.study.value_counts().items())
    caveat, unplanned = better.evidence_note[better.study == study].iloc[0], better.post_hoc.notna().sum()
    own = study if pd.isna(caveat) else f"{study} ({caveat.rstrip('.')})"
    later = f", and {unplanned} were not planned beforehand" if unplanned else ""
    return f"Of the {len(better)} that point to the vesicles against placebo or usual care, {n} are of {own}{later}. "
