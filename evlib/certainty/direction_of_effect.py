"""A direction-of-effect plot: report by report, where each compared outcome points; nothing is pooled and nothing is counted as a vote.

After Boon and Thomson, Research Synthesis Methods 2021;12:29: an arrow shows a direction, its size the people, and no arrow says
whether a difference is more than chance. A report that prints "no difference" without numbers hides its direction, which is
shown as such.
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
from evlib.base.words import several

_MARKERS = {"better": ("^", BLUE), "worse": ("v", ORANGE), "no difference": ("D", GREY), "not told": ("s", GREY)}
_MEANING = {
    "better": "points to the vesicles, or the higher dose",
    "worse": "points to the other arm",
    "no difference": "no difference, or none stated",
    "not told": "compared, result not told",
}
_SIZES = {50: 9.0, 20: 7.0, 0: 5.0}  # points wide from so many people on
_LINE, _FIRST, _STEP = 13.0, 168.0, 15.0  # points
_PER_LINE = 10
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
    >>> figure = direction_of_effect(rows.assign(randomised=True))
    >>> print(figure.title)  # doctest: +NORMALIZE_WHITESPACE
    Of 3 outcomes that randomised reports compare with placebo or usual care, 2 point to the vesicles and 1 away, among
    at most 40 people compared, where their number is known
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
            told = ", ".join(f"{n} {word}" for word, n in own.points_to.value_counts().items())
            listed.append(f"{study}, {domain} against {comparator}: {told}")
        top += 3
    note = (
        f"Larger signs: from {' and '.join(str(n) for n in sorted(_SIZES)[1:])} people on; –: not stated. Directions are those of "
        "estimates or, where there is none, the words of the report, read by machine; whether a difference is more than chance is not "
        "in them. Outcomes of one report are not independent, and reports choose which to tell."
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


def _title(drawn: pd.DataFrame) -> str:
    own = drawn[drawn.comparator.isin(_WITHOUT_VESICLES) & drawn.randomised.fillna(False)]
    counts = own.points_to.value_counts().reindex(list(_MARKERS), fill_value=0)
    unplanned = own.post_hoc[own.points_to == "better"].notna().sum()
    later = f" ({unplanned} of them not planned beforehand)" if unplanned else ""
    most = "" if own.n.isna().all() else f", among at most {own.n.max()} people compared, where their number is known"
    return (
        f"Of {several(len(own), 'outcome')} that randomised reports compare with placebo or usual care, "
        f"{several(counts['better'], 'points', 'point')} to the vesicles{later} and {counts['worse']} away{most}"
    )
