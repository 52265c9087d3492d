"""Count included trials by the values of a field, for figures, and put the counts into words.

Labels are given as ``{field: {code: label}}``, as ``tables.code_labels`` returns them field by field.
"""

from collections.abc import Mapping

import pandas as pd

from evlib.base.figure import UNREAD
from evlib.base.point_layout import plain
from evlib.base.schema import split_multi
from evlib.base.words import joined, several

MISSING = "Not reported"
_IN_CODE_ORDER = ("phase_group",)  # other fields: the most frequent value first

Labels = Mapping[str, Mapping[str, str]]


def included(described: pd.DataFrame) -> pd.DataFrame:
    """The included trials, numbered from 0."""
    return described[described.screening == "included"].reset_index(drop=True)


def values_of(
    trials: pd.DataFrame, field: str, labels: Labels, *, most: int | None = None
) -> tuple[pd.Series, list[str]]:
    """The values of each trial as a reader sees them, a list each, and all values in the order to show them.

    "Not reported" is the last one, there or not. Of more than ``most``, the rarest become one, before it.
    """
    known = {code: as_label(label) for code, label in labels.get(field, {}).items()}

    def labels_of(cell: object) -> list[str]:
        return list(dict.fromkeys(known.get(code, as_label(code)) for code in split_multi(cell))) or [MISSING]

    values = trials[field].astype(object).map(labels_of)
    counts = values.explode().value_counts()
    by_frequency = sorted(counts.index.drop(MISSING, errors="ignore"), key=lambda value: (-counts[value], value))
    order = by_frequency
    if field in _IN_CODE_ORDER:
        places = list(known.values())
        order = sorted(by_frequency, key=lambda value: places.index(value) if value in places else len(places))
    if most and len(order) > most - 1:
        kept = {*by_frequency[: most - 2], MISSING}
        rest = f"{len(order) - len(kept) + 1} others"
        values = values.map(lambda own: list(dict.fromkeys(value if value in kept else rest for value in own)))
        order = [value for value in order if value in kept] + [rest]
    return values, [*order, MISSING]


def count_each(values: pd.Series, order: list[str]) -> pd.Series:
    """How many trials have each value; one with two values counts under each."""
    return values.explode().value_counts().reindex(order, fill_value=0)


def crossed(rows: pd.Series, columns: pd.Series, row_order: list[str], column_order: list[str]) -> pd.DataFrame:
    """How many trials have each pair of values; one with two values counts under each."""
    pairs = pd.DataFrame({"row": rows, "column": columns}).explode("row").explode("column")
    return pd.crosstab(pairs.row, pairs.column).reindex(index=row_order, columns=column_order, fill_value=0)


def stated_pairs(cells: pd.DataFrame) -> pd.Series:
    """The counts of a crosstab by row and column, without those of what is not reported."""
    return cells.drop(index=MISSING).drop(columns=MISSING).stack()


def as_label(text: str) -> str:
    """A value as a label: one line, not long, and never empty."""
    one_line = plain(text)
    return (one_line if len(one_line) <= 40 else one_line[:39] + "…") or "?"


def capital(text: str) -> str:
    """A text with a capital at its beginning, whatever follows."""
    return text[:1].upper() + text[1:]


def included_trials(trials: pd.DataFrame) -> str:
    """How many trials a table has: "3 included trials"."""
    return several(len(trials), "included trial")


def counted(described: pd.DataFrame) -> str:
    """What a figure counts, and what it does not."""
    pending = int((described.screening == "pending").sum())
    n = int((described.screening == "included").sum())
    return f"included trials (n = {n}" + (f"; {pending} {UNREAD}, not counted)" if pending else ")")


def twice(trials: pd.DataFrame, *fields: str) -> str:
    """A sentence on trials that count twice, where there are any."""
    has_two = any(len(split_multi(cell)) > 1 for field in fields for cell in trials[field])
    return " A trial with two values counts once under each." if has_two else ""


def leading(counts: pd.Series) -> str:
    """The most frequent values ("A and B"); empty where none occurs."""
    return first_names(list(counts.index[(counts == counts.max()) & (counts > 0)]))


def placed_by_sponsors(trials: pd.DataFrame) -> str:
    """What must be read with the country that leads, for the end of a title: how many of its trials are there by their sponsor alone, and
    which other country leads as records state it. Empty where none is inferred, or nobody tells which are.

    Examples
    --------
    >>> trials = pd.DataFrame({"countries": ["Iran", "Iran", "China"], "country_basis": ["sponsor", "sponsor", "record"]})
    >>> placed_by_sponsors(trials)
    '; 2 of 2 for Iran are inferred from the sponsor; as records state it, China leads (1)'
    """
    if "country_basis" not in trials or not (inferred := trials.country_basis == "sponsor").any():
        return ""
    every, stated = (of.countries.map(split_multi).explode().value_counts() for of in (trials, trials[~inferred]))
    first = every[every == every.max()]
    shares = [f"{n - stated.get(name, 0)} of {n} for {as_label(name)}" for name, n in sorted(first.items())]
    own = f"as records state it, {leading(stated)} leads ({stated.max()})" if len(stated) else "no record states one"
    own = "" if len(stated) and leading(stated) == leading(every) else f"; {own}"
    return f"; {first_names(shares)} are inferred from the sponsor{own}"


def top_pair(pairs: pd.Series, word: str) -> str:
    """The most frequent pair of a row and a column ("A with B"), or two as frequent; empty where there are more, or none.

    Examples
    --------
    >>> top_pair(pd.Series({("China", "2025"): 3, ("China", "2026"): 3, ("Iran", "2026"): 1}), " in ")
    'China in 2025 or 2026'
    """
    first = pairs[(pairs == pairs.max()) & (pairs > 0)]
    if len(first) > 2:
        return ""
    ones, others = (list(dict.fromkeys(names)) for names in zip(*first.index)) if len(first) else ([], [])
    if len(ones) == 2 == len(others):  # two pairs that share nothing
        return " or ".join(word.join(pair) for pair in first.index)
    return word.join(" or ".join(names) for names in (ones, others) if names)


def highest(counts: pd.Series) -> str:
    """The highest of some counts in a title, with "each" where several share it.

    Examples
    --------
    >>> highest(pd.Series([3, 1])), highest(pd.Series([2, 2]))
    ('3', '2 each')
    """
    return f"{counts.max()}{' each' if (counts == counts.max()).sum() > 1 else ''}"


def first_names(names: list[str]) -> str:
    """Names in a sentence; of more than three, two and the number of the others."""
    return joined([*names[:2], f"{len(names) - 2} more"] if len(names) > 3 else names)


def number(value: float) -> str:
    """A whole number, or one with a half, as a reader writes it."""
    return f"{value:,.1f}".removesuffix(".0")


def listed(counts: pd.Series) -> str:
    """All values with their counts: "Skin 5, Eye 2"."""
    return ", ".join(f"{label} {n}" for label, n in counts.items()) or "none"
