"""What is inferred, and stated by no source: one list, from the tables of a run and the files of decisions that say so."""

import html
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from evlib.base.schema import corrected_csv, read_csv
from evlib.base.tables import in_words
from evlib.book.browsing import browsing
from evlib.doses.stated_doses import BY_REVIEW, span_of

# Kind of inference: where it is used, as a link and its name, and the file that holds it.
KINDS = {
    "day of registration": ("01_ingest.ipynb", "chapter 1 and every count by date", "described.csv"),
    "country": ("03_describe.ipynb", "chapter 3", "described.csv"),
    "code without the protocol's words": ("03_describe.ipynb", "chapter 3 and the answers", "coding_basis.csv"),
    "code decided anew": ("03_describe.ipynb", "chapter 3 and the answers", "curation/coding_decisions.csv"),
    "day of a status": ("under-way", "trials under way", "curation/status_days.csv"),
    "since when a record counts": ("01_ingest.ipynb", "chapter 1", "curation/counts_from.csv"),
    "how a dose is to be read": ("04_dose_effect.ipynb", "chapter 4", "curation/dose_decisions.csv"),
    "dose told by a review alone": ("04_dose_effect.ipynb", "chapter 4", "curation/dose_decisions.csv"),
    "particles of a dose": ("04_dose_effect.ipynb", "chapter 4 and the answers", "doses_in_particles.csv"),
    "particles of a report's dose": ("04_dose_effect.ipynb", "chapter 4", "tested_doses.csv"),
    "particles in a mass, cited and not read at the source": (
        "04_dose_effect.ipynb",
        "chapter 4",
        "curation/conversions.csv",
    ),
    "that a trial compares doses": ("under-way", "trials under way", "dose_comparisons.csv"),
    "allocation or arms, not told by the field": (
        "under-way",
        "trials under way and the answers",
        "curation/told_of_trials.csv",
    ),
    "group of diseases of a trial": ("07_certainty.ipynb", "chapter 7", "curation/disease_groups_of_trials.csv"),
    "records that may be one trial": ("02_screen.ipynb", "chapter 2", "curation/may_be_same.csv"),
    "report that may be of a trial": ("find_answer.md", "the answers", "curation/possible_reports.csv"),
    "trial of a report": ("07_certainty.ipynb", "chapters 4 and 7", "curation/studies.csv"),
    "number of people of a report": ("07_certainty.ipynb", "chapter 7 and the answers", "report_characteristics.csv"),
    "whether a report is randomised": ("07_certainty.ipynb", "chapters 4 and 7", "report_characteristics.csv"),
    "comparison that was not randomised": (
        "07_certainty.ipynb",
        "chapters 4 and 7",
        "curation/comparisons_not_randomised.csv",
    ),
    "comparison not planned beforehand, or its percentages": (
        "07_certainty.ipynb",
        "chapter 7",
        "curation/comparisons_told.csv",
    ),
    "counts behind an effect": ("04_dose_effect.ipynb", "chapter 4 and the answers", "effects.csv"),
    "counts behind a printed statistic": ("07_certainty.ipynb", "chapter 7", "printed_statistics.csv"),
    "cell of a report decided anew": ("07_certainty.ipynb", "chapters 4 and 7", "curation/corrections.csv"),
}
COLUMNS = ("trial_or_report", "kind", "what", "basis", "used", "file")
_OF_ALL_RECORDS = [  # files whose rows may be of records that a run does not include
    *("curation/status_days.csv", "curation/counts_from.csv", "curation/told_of_trials.csv"),
    *("curation/disease_groups_of_trials.csv", "curation/may_be_same.csv", "curation/possible_reports.csv"),
]
_ESTIMATED = "estimated|reconstructed"  # in the basis of an effect
_WORKED_OUT = ["derived", "assumed"]  # the basis of a dose in particles that its source does not state


def inferred(results: Path, raw_dir: Path) -> pd.DataFrame:
    """What a run infers of included trials and of reports, and no source states, with what it rests on.

    A decision of a person is none; that all records and reports were read by machine makes no row either.

    Parameters
    ----------
    results
        The folder of a run; a table that it lacks gives no rows.
    raw_dir
        The folder of raw data, of which ``curation/`` is read.

    Returns
    -------
    pandas.DataFrame
        ``trial_or_report``, ``kind`` (of ``KINDS``), ``what`` was inferred, its ``basis``, where it is ``used``, and the
        ``file`` that holds it; in the order of ``KINDS``.

    Examples
    --------
    >>> rows = inferred(Path("data/processed/2024-02-17"), Path("data/raw"))
    >>> rows[rows.trial_or_report == "NCT05787288"].kind.to_list()[-2:]
    ['dose told by a review alone', 'particles of a dose']
    """
    curation = Path(raw_dir) / "curation"

    def made(name: str, *needs: str) -> pd.DataFrame:
        return read_csv(results / f"{name}.csv", needs=needs, optional=True)

    def decided(name: str, *needs: str) -> pd.DataFrame:
        rows = read_csv(curation / f"{name}.csv", needs=[*needs, "words"], optional=True)
        return rows[rows.get("decided_by", pd.Series("machine", rows.index)).str.startswith("machine", na=False)]

    records = made("records", "trn", "registered_method").drop_duplicates("trn").set_index("trn")
    trials = made("described", "trn", "screening", "registered", "registered_basis", "countries", "country_basis")
    trials = trials[trials.screening == "included"]
    studies = corrected_csv(curation / "studies.csv", needs=["study_id", "study", "trn_link", "trn"], optional=True)
    names = studies.set_index("study_id").study.to_dict()
    arms = read_csv(curation / "arms.csv", needs=["arm_id", "study_id", "arm"], optional=True).set_index("arm_id")
    named = names | {arm: f"{names.get(row.study_id, row.study_id)}, {row.arm}" for arm, row in arms.iterrows()}
    reports = made("report_characteristics", "study", "allocation", "record_allocation", "people", "people_basis")
    doses = made("doses", "trn", "as_stated", "told_by", "caveat")
    dose_words = decided("dose_decisions", "trn", "as_stated").set_index(["trn", "as_stated"]).words
    doses["words"] = [dose_words.get(key) for key in zip(doses.trn, doses.as_stated, strict=True)]
    doses = doses.dropna(subset="words")
    review = doses.told_by == BY_REVIEW

    undated = trials[trials.registered_basis != "observed"]
    sponsors = trials[trials.country_basis == "sponsor"]
    codes = made("coding_basis", "trn", "field", "value", "coded_by", "found_in")
    codes = codes[
        codes.value.notna() & codes.found_in.isna() & (codes.value != "False") & ~codes.coded_by.str.startswith("rules")
    ]
    anew = decided("coding_decisions", "trn", "field", "code")
    days = decided("status_days", "trn", "status", "day", "day_is")
    since = read_csv(
        curation / "counts_from.csv", needs=["trn", "counts_from_low", "counts_from_high", "why"], optional=True
    )
    particles = made("doses_in_particles", "trn", "as_stated", "basis", "why", "low", "high")
    particles = particles[particles.basis.isin(_WORKED_OUT)].astype({"low": float, "high": float})
    tested = made("tested_doses", "study", "arm", "dose_as_reported", "basis", "why", "low", "high")
    tested = tested[tested.basis.isin(_WORKED_OUT)].astype({"low": float, "high": float})
    spans, of_tested = (
        pd.Series([span_of(*bounds) for bounds in zip(part.low, part.high, strict=True)], part.index, dtype="str")
        for part in (particles, tested)
    )
    factors = read_csv(
        curation / "conversions.csv", needs=["quantity", "read_at_source", "context", "note"], optional=True
    )
    factors = factors[factors.read_at_source == "False"]
    comparing = made("dose_comparisons", "trn", "because")
    comparing = comparing[comparing.because.str.startswith("by its words", na=False)]
    linked = studies[~studies.trn_link.fillna("stated").isin(["stated"])]
    people = reports[reports.people.notna() & (reports.people_basis != "sum of the arms")]
    by_record = reports[reports.allocation.isna() & reports.record_allocation.notna()]
    apart, told = decided("comparisons_not_randomised", "arm_id"), decided("comparisons_told", "arm_id", "outcome")
    effects = made("effects", "study", "outcome", "basis", "why").drop_duplicates(["study", "outcome", "basis", "why"])
    effects = effects[effects.basis.str.contains(_ESTIMATED, na=False)]
    printed = made("printed_statistics", "study", "outcome", "counts_basis")
    printed = printed[printed.counts_basis.notna() & (printed.counts_basis != "printed")]
    cells = decided("corrections", "file", "key", "column", "value")
    of_trial, same = decided("told_of_trials", "trn", "item", "told"), decided("may_be_same", "trn", "other_trn")
    groups = decided("disease_groups_of_trials", "trn", "disease_group")
    possible = decided("possible_reports", "trn", "study_id", "report", "link")
    possible = possible[possible.link == "possible"]  # any other is stated by the report itself

    rows = {
        "day of registration": (
            undated.trn,
            undated.registered.fillna("not known but for bounds"),
            undated.trn.map(records.registered_method).fillna("bounds alone"),
        ),
        "country": (sponsors.trn, sponsors.countries, "the sponsor's country"),
        "code without the protocol's words": (
            codes.trn,
            codes.field.map(in_words) + ": " + codes.value,
            codes.coded_by,
        ),
        "code decided anew": (anew.trn, anew.field.map(in_words) + ": " + anew.code, anew.words),
        "day of a status": (days.trn, days.status + ": " + days.day.fillna("no day"), days.words),
        "since when a record counts": (since.trn, since.counts_from_low + " to " + since.counts_from_high, since.why),
        "how a dose is to be read": (
            doses.trn[~review],
            doses.caveat[~review].fillna("told by the record itself"),
            doses.words[~review],
        ),
        "dose told by a review alone": (
            doses.trn[review],
            (doses.as_stated + ". " + doses.caveat).fillna(doses.as_stated)[review],
            doses.words[review],
        ),
        "particles of a dose": (
            particles.trn,
            particles.as_stated + ": " + spans,
            particles.basis + ": " + particles.why,
        ),
        "particles of a report's dose": (
            tested.study,
            tested.arm + ", " + tested.dose_as_reported + ": " + of_tested,
            tested.basis + ": " + tested.why,
        ),
        "particles in a mass, cited and not read at the source": (factors.quantity, factors.context, factors.note),
        "that a trial compares doses": (comparing.trn, "it compares doses", comparing.because),
        "allocation or arms, not told by the field": (
            of_trial.trn,
            of_trial["item"] + ": " + of_trial.told,
            of_trial.words,
        ),
        "group of diseases of a trial": (groups.trn, groups.disease_group, groups.words),
        "records that may be one trial": (same.trn, "may be the same as " + same.other_trn, same.words),
        "report that may be of a trial": (
            possible.trn,
            "perhaps its report: " + possible.study_id.map(names).fillna(possible.report),
            possible.words,
        ),
        "trial of a report": (linked.study, linked.trn, linked.trn_link),
        "number of people of a report": (people.study, people.people, people.people_basis),
        "whether a report is randomised": (by_record.study, by_record.record_allocation, "the record of its trial"),
        "comparison that was not randomised": (apart.arm_id.map(named), "not randomised", apart.words),
        "comparison not planned beforehand, or its percentages": (told.arm_id.map(named), told.outcome, told.words),
        "counts behind an effect": (effects.study, effects.outcome, effects.basis + ". " + effects.why.fillna("")),
        "counts behind a printed statistic": (printed.study, printed.outcome, printed.counts_basis),
        "cell of a report decided anew": (
            cells.key.map(named).fillna(cells.key),
            cells.column.map(in_words) + ": " + cells.value.fillna("not told"),
            cells.words,
        ),
    }
    parts = [
        pd.DataFrame(
            {
                "trial_or_report": of,
                "kind": kind,
                "what": what,
                "basis": basis,
                "used": KINDS[kind][1],
                "file": KINDS[kind][2],
            }
        )
        for kind, (of, what, basis) in rows.items()
    ]
    found = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    of_trials = found.file.isin(_OF_ALL_RECORDS)
    return found[~of_trials | found.trial_or_report.isin(trials.trn)].reset_index(drop=True)[list(COLUMNS)]


def kinds_in_words(rows: pd.DataFrame) -> str:
    """How many rows there are of each kind, as a table in Markdown with where they are used."""
    counts = rows.kind.value_counts()
    lines = [
        f"| {kind} | {counts[kind]} | [{used}]({page}) | `{file}` |"
        for kind, (page, used, file) in KINDS.items()
        if kind in counts
    ]
    return "\n".join(["| what is inferred | rows | where it is used | file |", "| --- | --- | --- | --- |", *lines])


def inferred_to_browse(rows: pd.DataFrame, pages: Mapping[str, tuple[str, str]]) -> str:
    """The rows as a table to browse; ``pages`` are the addresses of trials and reports, as ``pages_of_trials`` gives them."""
    shown = rows[["trial_or_report", "kind", "what", "basis"]].map(
        lambda cell: "–" if pd.isna(cell) else html.escape(str(cell))
    )
    shown["trial_or_report"] = [
        f'<a href="{pages[of][1]}">{cell}</a>' if of in pages else cell
        for of, cell in zip(rows.trial_or_report, shown.trial_or_report, strict=True)
    ]
    shown = shown.rename(
        columns={"trial_or_report": "Trial or report", "kind": "Kind", "what": "What", "basis": "Basis"}
    )
    return browsing(
        shown, name="inferred", what="inferences", menus={"Kind": rows.kind, "File": rows.file}, download=rows
    )
