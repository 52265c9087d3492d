"""What each report is: who was compared with whom, how, in how many people, and how much of it was read."""

from pathlib import Path

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.schema import checked, join_multi, read_csv
from evlib.base.words import joined, several

NOT_STATED = "not stated in what was read"
NO_CONTROL = "no control arm on file"
PEOPLE_FILE = "curation/people_of_reports.csv"  # below the raw data
_ALLOCATION = {
    "randomised": "called randomised",
    "non-randomised": "not randomised",
    "single-arm": "without a comparator",
}
_SHOWN = {
    "study": "report",
    "year": "year",
    "trn": "number",
    "disease": "disease",
    "allocation": "allocation",
    "masking": "masking",
    "people": "people",
    "comparator": "comparator",
    "route": "route",
    "msc_derived": "from MSCs",
    "read_from": "read from",
    "report_type": "kind",
    "evidence_note": "caveat",
}


def people_told(raw: str | Path, studies: pd.DataFrame) -> pd.DataFrame:
    """The reports whose people are not the sum of their arms, with the words that say so: ``study_id, people, why, words``.

    Parameters
    ----------
    raw
        The folder of raw data, of which ``curation/people_of_reports.csv`` is read; it need not exist.
    studies
        Table ``studies``.

    Raises
    ------
    InputError
        Naming the line of a report that is not on file or stands there twice, or of people that are no whole number.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> row = {"study_id": ["a"], "people": [12], "why": ["arms without n"], "words": ["12 in three dose groups"]}
    >>> with TemporaryDirectory() as raw:
    ...     Path(raw, "curation").mkdir()
    ...     pd.DataFrame(row).to_csv(Path(raw, PEOPLE_FILE), index=False)
    ...     people_told(raw, pd.DataFrame({"study_id": ["a", "b"]}))
      study_id  people             why                    words
    0        a      12  arms without n  12 in three dose groups
    """
    path = Path(raw) / PEOPLE_FILE
    rows = read_csv(path, needs=["study_id", "people", "why", "words"], optional=True)
    number = pd.to_numeric(rows.people, errors="coerce")
    problems = {
        "its study_id is none of curation/studies.csv": ~rows.study_id.isin(studies.study_id),
        "its study_id stands in an earlier line as well": rows.study_id.duplicated(),
        "people is not a whole number": rows.people.notna() & (number.isna() | (number % 1 != 0)),
    }
    for problem, wrong in problems.items():
        if wrong.any():
            line = int(wrong.to_numpy().argmax()) + 2
            raise InputError(f"{path}, line {line} ('{rows.study_id[line - 2]}'): {problem}. Correct the line.")
    return rows.assign(people=number.astype("Int64"))


def characteristics(
    studies: pd.DataFrame,
    arms: pd.DataFrame,
    told: pd.DataFrame,
    masking: pd.Series | None = None,
    allocation: pd.Series | None = None,
) -> pd.DataFrame:
    """One row per report, as it was read; what it does not tell is missing, never guessed.

    Parameters
    ----------
    studies, arms
        Tables ``studies`` and ``arms``.
    told
        As ``people_told`` returns it.
    masking, allocation
        What the record of a report's trial states, by ``study_id``: ``record_masking`` and ``record_allocation``, where the report
        does not tell.

    Returns
    -------
    pandas.DataFrame
        Table ``report_characteristics``, the newest report first. ``people`` is the sum of the arms, or what ``told`` says, or
        missing where an arm has no n; ``people_basis`` says which. ``comparator`` names the arms whose role is control, then those
        that got cells or another product beside vesicles; ``route`` is that of the arms that are not controls.

    Examples
    --------
    >>> studies = pd.DataFrame({"study_id": ["a", "b"], "study": ["Report A", "Report B"], "year": [2020, 2021]})
    >>> arms = pd.DataFrame({"study_id": ["a", "a", "b"], "role": ["ev", "control", "ev"], "n": [10, 12, None]})
    >>> arms = arms.assign(arm=["vesicles", "saline", "vesicles"], route="intravenous")
    >>> nothing_told = pd.DataFrame(columns=["study_id", "people", "why", "words"])
    >>> characteristics(studies, arms, nothing_told)[["study", "people", "people_basis", "comparator"]]
          study  people                people_basis comparator
    0  Report B    <NA>  n not shown for 1 of 1 arm        NaN
    1  Report A      22             sum of the arms     saline
    """
    own = told.drop_duplicates("study_id").set_index("study_id")
    by_record = {
        name: {} if stated is None else stated.dropna().to_dict()
        for name, stated in (("allocation", allocation), ("masking", masking))
    }
    rows = []
    for study in studies.to_dict("records"):
        key = study["study_id"]
        of = arms[arms.study_id == key]
        people, basis = _people(of, own.loc[key] if key in own.index else None)
        rows.append(
            study
            | {"people": people, "people_basis": basis, "comparator": _comparator(of)}
            | {"route": join_multi(of.route[of.role != "control"].dropna().unique())}
            | {f"record_{name}": own.get(key) for name, own in by_record.items() if pd.isna(study.get(name))}
        )
    names = ["study_id", *_SHOWN, "record_allocation", "record_masking", "people_basis"]
    table = pd.DataFrame(rows, columns=names).sort_values(
        ["year", "study"], ascending=[False, True], na_position="last"
    )
    return checked(table, "report_characteristics")


def _people(arms: pd.DataFrame, told: pd.Series | None) -> tuple[int | None, str]:
    if told is not None:
        return (None if pd.isna(told.people) else int(told.people)), f"{told.why}: {told.words}"
    if arms.empty:
        return None, "no arm on file"
    if missing := int(arms.n.isna().sum()):
        return None, f"n not shown for {missing} of {several(len(arms), 'arm')}"
    return int(arms.n.sum()), "sum of the arms"


def _comparator(arms: pd.DataFrame) -> str | None:
    given = arms[arms.role == "ev"]
    beside = arms[arms.role.isin(["cells", "other product"]) & (len(given) > 0)]
    return join_multi([*arms.arm[arms.role == "control"], *beside.arm])


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Table ``report_characteristics`` for display: what a report does not tell is said to be not stated.

    The number of people stands with its basis where it is not the sum of the arms.

    Examples
    --------
    >>> row = {"study_id": ["b"], "study": ["Report B"], "people_basis": ["n not shown for 1 of 2 arms"]}
    >>> row |= {"record_masking": ["Quadruple"], "record_allocation": ["Randomized"]}
    >>> shown = for_readers(checked(pd.DataFrame(row), "report_characteristics"))
    >>> shown.masking[0]
    "not stated in what was read (its trial's record: Quadruple)"
    >>> shown.allocation[0]
    "not stated in what was read (its trial's record: Randomized)"
    >>> shown.loc[0, ["report", "people", "comparator", "route"]].to_list()
    ['Report B', 'not known (n not shown for 1 of 2 arms)', 'no control arm on file', 'not stated in what was read']
    """
    people = table.people.astype("object").where(table.people.notna(), "not known").astype(str)
    simple = table.people_basis == "sum of the arms"
    shown = table.assign(
        people=people.where(simple, people + " (" + table.people_basis + ")"),
        **{
            name: table[name].fillna(NOT_STATED + " (its trial's record: " + table[f"record_{name}"] + ")")
            for name in ("allocation", "masking")
        },
        msc_derived=table.msc_derived.map({True: "yes", False: "no"}),
        comparator=table.comparator.fillna(NO_CONTROL),
    )
    shown = shown[list(_SHOWN)].astype({"year": "object"})
    told = [name for name in _SHOWN if name not in ("trn", "year")]
    shown[told] = shown[told].fillna(NOT_STATED)
    return shown.rename(columns=_SHOWN)


def in_a_sentence(table: pd.DataFrame) -> str:
    """What the reports of table ``report_characteristics`` are, in two sentences.

    Examples
    --------
    >>> table = pd.DataFrame({"allocation": ["randomised", None], "masking": ["open", None], "people": [22, 30]})
    >>> print(in_a_sentence(table.assign(read_from="abstract", record_allocation=None, record_masking=None)))  # doctest: +NORMALIZE_WHITESPACE
    **2 reports**: 1 called randomised and 1 silent on how people were allotted; masking is not stated in what was
    read of 1. The number of people is known for 2: median 26, from 22 to 30. Read from an abstract or an excerpt
    alone: 2 of 2.
    """
    n = len(table)
    if not n:
        return "No report is on file."
    counts = table.allocation.value_counts()
    kinds = [f"{counts[word]} {text}" for word, text in _ALLOCATION.items() if word in counts]
    unknown = int(table.allocation.isna().sum())
    kinds += [f"{unknown} silent on how people were allotted{_by_record(table, 'allocation')}"] if unknown else []
    people = table.people.dropna()
    size = ""
    if len(people):
        size = (
            f" The number of people is known for {len(people)}: median {people.median():.0f}, from {people.min()} to "
            f"{people.max()}."
        )
    return (
        f"**{several(n, 'report')}**: {joined(kinds)}; masking is not stated in what was read of {table.masking.isna().sum()}{_by_record(table, 'masking')}."
        f"{size} Read from an abstract or an excerpt alone: {read_from_in_words(table)}."
    )


def _by_record(table: pd.DataFrame, name: str) -> str:
    told = int((table[name].isna() & table[f"record_{name}"].notna()).sum())
    return f" (the record of {told} of their trials states it)" if told else ""


def read_from_in_words(studies: pd.DataFrame) -> str:
    """How many reports were read from less than their whole.

    Examples
    --------
    >>> read_from_in_words(pd.DataFrame({"read_from": ["abstract", "excerpt", "registry results"]}))
    '2 of 3'
    """
    return f"{studies.read_from.isin(['abstract', 'excerpt']).sum()} of {len(studies)}"
