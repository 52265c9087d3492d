"""Doses as registries state them: numbers, kinds of unit, and particles where particles were counted."""

from pathlib import Path

import pandas as pd

from evlib.base.identifiers import normalised
from evlib.base.schema import NO_SUCH_RECORD, checked, columns, read_csv, set_aside
from evlib.base.tables import of_kept_records
from evlib.base.words import joined, several

# Units of doses.csv by what they measure. Kinds are never converted into each other.
UNIT_KINDS = {
    "particles": "particles",
    "particles/cm2": "particles per area",
    "ug protein": "mass",
    "ug exosomes": "mass",
    "mg exosomes": "mass",
    "mg/kg": "mass per body weight",
    "pmol phospholipid/kg": "phospholipid per body weight",
    "cells equivalent": "producing cells",
    "cells equivalent/kg": "producing cells per body weight",
    "mL product": "product volume",
    "unspecified": "number without a unit",
    "other": "other",
}
EACH = "administration"  # in column ``per``
# Kinds that do not say what was measured.
WITHOUT_UNIT = ("number without a unit", "other")
PARTICLES_OF = ("an administration", "an area, a site or a volume", "no number that can be read")
_ADDED = "doses_added.csv"  # beside the doses of the first readers: those that were read since, each with who read it
_DECIDED = "dose_decisions.csv"  # beside them: who tells a dose, and what must be read with it
BY_RECORD, BY_REVIEW = "the record", "a table of a review"  # in column ``told_by``
_STATED = ["arm", "low", "high", "unit", "per", "volume_ml", "n_administrations", "interval", "as_stated"]


def stated_doses(path: str | Path, *, known: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The doses that readers coded (``doses.csv``), and those read since (``doses_added.csv`` beside it), numbers parsed.

    Returns
    -------
    doses, rejects
        Table ``doses`` without routes: ``low`` and ``high`` in ``unit``; ``particles_low`` and ``particles_high`` only where
        the record states particles of one administration. A bound that the source does not give stays missing. ``told_by``:
        "the record", or "a table of a review" where no copy of the record that was read shows the dose; ``caveat``: what must
        be read with the number. Both are decided in ``dose_decisions.csv`` beside the doses, by number and words.
        Table ``rejects``: rows with an unknown record or unit, or with a number that cannot be read; decisions that fit no dose.

    Examples
    --------
    >>> import tempfile
    >>> rows = {"low": [2e8, 50, 9], "high": [1e9, None, 5], "unit": ["particles", "ug protein", "particles"]}
    >>> rows = pd.DataFrame({"trn": "NCT1", **rows}, columns=["trn", *_STATED])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows.to_csv(Path(folder) / "doses.csv", index=False)
    ...     doses, rejects = stated_doses(Path(folder) / "doses.csv", known={"NCT1"})
    >>> doses[["low", "unit", "unit_kind", "particles_low", "particles_high"]]
               low        unit  unit_kind  particles_low  particles_high
    0  200000000.0   particles  particles    200000000.0    1.000000e+09
    1         50.0  ug protein       mass            NaN             NaN
    >>> rejects[["file", "line", "reason"]]
            file  line                              reason
    0  doses.csv     4  the low dose exceeds the high one.
    """
    parts = [_stated_in(Path(path).with_name(name), known) for name in (Path(path).name, _ADDED)]
    doses, rejects = (pd.concat(own, ignore_index=True) for own in zip(*parts, strict=True))
    order = {trn: place for place, trn in enumerate(dict.fromkeys(doses.trn))}  # the doses of a trial stand together
    doses = doses.sort_values("trn", key=lambda trns: trns.map(order), kind="stable", ignore_index=True)
    decided, wrong = set_aside(*_decisions(Path(path), doses))
    told = doses[["trn", "as_stated"]].merge(decided, on=["trn", "as_stated"], how="left", validate="m:1")
    doses = doses.assign(told_by=told.told_by.fillna(BY_RECORD), caveat=told.caveat)
    own = doses.told_by == BY_RECORD
    doses[["particles_low", "particles_high"]] = doses[["particles_low", "particles_high"]].where(own)
    return checked(doses, "doses"), pd.concat([rejects, wrong], ignore_index=True)


def _decisions(path: Path, doses: pd.DataFrame) -> tuple[pd.DataFrame, Path, list[tuple[pd.Series, str]]]:
    """The decisions on doses, their file, and what may be wrong with a row of it."""
    needs = ["trn", "as_stated", "told_by", "caveat", "words", "read_from", "decided_by"]
    rows = read_csv(path := path.with_name(_DECIDED), needs=needs, optional=True)
    keys = pd.MultiIndex.from_frame(rows[["trn", "as_stated"]])
    return (
        rows,
        path,
        [
            (
                pd.Series(~keys.isin(pd.MultiIndex.from_frame(doses[["trn", "as_stated"]])), rows.index),
                "no dose has these words.",
            ),
            (pd.Series(keys.duplicated(), rows.index), "an earlier row decides on the same dose."),
            (~rows.told_by.isin([BY_RECORD, BY_REVIEW]), f"told_by is neither '{BY_RECORD}' nor '{BY_REVIEW}'."),
            (
                rows[["words", "read_from", "decided_by"]].isna().any(axis=1),
                "its words, where they stand, or who decided is missing.",
            ),
        ],
    )


def of_records(doses: pd.DataFrame) -> pd.DataFrame:
    """The doses of table ``doses`` that the trial's own record tells; of a table without ``told_by``, all.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "told_by": ["the record", "a table of a review"]})
    >>> of_records(doses).trn.to_list()
    ['NCT1']
    """
    return doses[doses.told_by == BY_RECORD] if "told_by" in doses else doses


def _stated_in(path: Path, known: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = read_csv(path, needs=["trn", *_STATED], optional=True)
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    numeric = ["low", "high", "volume_ml", "n_administrations"]
    numbers = rows[numeric].apply(pd.to_numeric, errors="coerce")
    unreadable = (numbers.isna() & rows[numeric].notna()) | (numbers <= 0)
    good, rejects = set_aside(
        rows.assign(**numbers),
        path,
        [
            (~rows.trn.isin(known), NO_SUCH_RECORD),
            (~rows.unit.isin(UNIT_KINDS), "unknown unit '" + rows.unit.fillna("") + "'."),
            (unreadable.any(axis=1), "a dose, volume or count is not a positive number."),
            (numbers.low > numbers.high, "the low dose exceeds the high one."),
        ],
    )
    good = good.assign(unit_kind=good.unit.map(UNIT_KINDS))
    counted = (good.unit == "particles") & (good.per.fillna(EACH) == EACH)
    good = good.assign(particles_low=good.low.where(counted), particles_high=good.high.where(counted))
    return checked(good.reindex(columns=columns("doses")), "doses"), rejects


def with_routes(doses: pd.DataFrame, described: pd.DataFrame) -> pd.DataFrame:
    """The doses of the trials (of a merged record, where the kept one has none), each with its trial's route: table ``doses``.

    Examples
    --------
    >>> described = pd.DataFrame({"trn": ["NCT1"], "merged_trns": None, "route": "eye-drop", "route_group": "local"})
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "low": [2e8, 50], "unit_kind": ["particles", "mass"]})
    >>> doses = doses.reindex(columns=columns("doses"))
    >>> with_routes(doses, described)[["trn", "route", "route_group", "low", "unit_kind"]]
        trn     route route_group          low  unit_kind
    0  NCT1  eye-drop       local  200000000.0  particles
    """
    routes = described.set_index("trn")[["route", "route_group"]]
    doses = of_kept_records(doses, described)
    own = doses[doses.trn.isin(described.trn)].drop(columns=["route", "route_group"])
    return checked(own.join(routes, on="trn").reindex(columns=columns("doses")), "doses")


def beside_table2(
    table2: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame, studies: pd.DataFrame, arms: pd.DataFrame
) -> pd.DataFrame:
    """The trials of the paper's Table 2 beside their records and publications.

    Parameters
    ----------
    table2
        The paper's Table 2 as data: ``trn, disease, population, source, route, dose, regimen, …``.
    records, doses
        Tables of these names.
    studies, arms
        Published or posted results: ``study_id, trn, study`` and ``study_id, n, dose_as_reported``. A report is found by the
        number that it names (``named_trn``, where there is this column), which the paper may print though it was merged.

    Returns
    -------
    pandas.DataFrame
        One row per trial: ``trn, paper_n, record_n, published_n, paper_dose, record_dose, published_dose, study, report``.
        ``published_n`` adds up the arms, and is missing where an arm does not state its number.

    Examples
    --------
    >>> table2 = pd.DataFrame({"trn": ["NCT1"], "population": "24", "dose": "2×10⁸ particles"})
    >>> records = pd.DataFrame({"trn": ["NCT1"], "enrolment": [30], "dose_text": "2*10^8 particles"})
    >>> studies = pd.DataFrame({"study_id": ["a"], "trn": "NCT1", "study": "A 2021", "doi_or_url": "10.1000/a"})
    >>> arms = pd.DataFrame({"study_id": "a", "n": ["12", "15"], "dose_as_reported": ["2e8 particles", None]})
    >>> doses = pd.DataFrame({"trn": [], "as_stated": []})
    >>> beside_table2(table2, records, doses, studies, arms).T
                                   0
    trn                         NCT1
    paper_n                       24
    record_n                      30
    published_n                   27
    paper_dose       2×10⁸ particles
    record_dose     2*10^8 particles
    published_dose     2e8 particles
    study                     A 2021
    report                 10.1000/a
    """
    facts = records.set_index("trn")
    stated = doses.groupby("trn").as_stated.agg(lambda texts: "; ".join(dict.fromkeys(texts)))
    reports = _by_named_number(studies).dropna(subset="trn").drop_duplicates("trn").set_index("trn")
    by_study = arms.assign(n=pd.to_numeric(arms.n, errors="coerce")).groupby("study_id")
    published_n = by_study.n.apply(lambda n: n.sum(skipna=False))
    published_dose = by_study.dose_as_reported.agg(lambda texts: "; ".join(dict.fromkeys(texts.dropna())))
    ids = table2.trn.map(reports.study_id)
    return pd.DataFrame(
        {
            "trn": table2.trn,
            "paper_n": table2.population,
            "record_n": table2.trn.map(facts.enrolment),
            "published_n": ids.map(published_n).astype("Int64"),
            "paper_dose": table2.dose,
            "record_dose": table2.trn.map(stated).fillna(table2.trn.map(facts.dose_text)),
            "published_dose": ids.map(published_dose),
            "study": table2.trn.map(reports.study),
            "report": table2.trn.map(reports.doi_or_url),
        }
    )


def published_outcomes(
    trns: pd.Series, studies: pd.DataFrame, arms: pd.DataFrame, outcomes: pd.DataFrame
) -> pd.DataFrame:
    """What publications and posted results say of effect, arm by arm, for some trials.

    ``studies``, ``arms`` and ``outcomes`` are tables of ``data/raw/curation`` (a report is found as in ``beside_table2``). One row per outcome of an arm: ``trn, arm,
    is_control, n, dose_as_reported, name, timepoint, value, n_events, n_total, p, direction, primary``, as the source states
    them.

    Examples
    --------
    >>> studies = pd.DataFrame({"study_id": ["a", "b"], "trn": ["NCT1", "NCT2"]})
    >>> arms = pd.DataFrame({"arm_id": ["a1", "b1"], "study_id": ["a", "b"], "arm": ["EVs", "EVs"]})
    >>> arms = arms.reindex(columns=columns("arms"))
    >>> outcomes = pd.DataFrame({"arm_id": ["a1", "b1"], "name": ["deaths", "pain"], "n_events": ["1", None]})
    >>> outcomes = outcomes.reindex(columns=columns("outcomes"))
    >>> published_outcomes(pd.Series(["NCT1"]), studies, arms, outcomes)[["trn", "arm", "name", "n_events"]]
        trn  arm    name n_events
    0  NCT1  EVs  deaths        1
    """
    names = ["name", "timepoint", "value", "n_events", "n_total", "p", "direction", "primary"]
    reports = _by_named_number(studies)[["study_id", "trn"]]
    reports = reports[reports.trn.isin(trns)]
    rows = reports.merge(arms, on="study_id").merge(outcomes[["arm_id", *names]], on="arm_id")
    return rows[["trn", "arm", "is_control", "n", "dose_as_reported", *names]]


def _by_named_number(studies: pd.DataFrame) -> pd.DataFrame:
    """The reports, ``trn`` being the number that each names."""
    return studies.assign(trn=studies.named_trn) if "named_trn" in studies else studies


def report_url(studies: pd.DataFrame) -> pd.Series:
    """The address of each report itself where it has one, else of the first page that it was read from."""
    link, pages = studies.doi_or_url, studies.source_urls.str.extract(r"(\S+)", expand=False)
    return link.where(link.str.startswith("http"), "https://doi.org/" + link).fillna(pages)


def share_text(value: float) -> str:
    """A share to two places; 0.00 and 1.00 only where it is exactly 0 or 1."""
    if pd.isna(value):
        return "–"
    if 0 < value < 0.005:
        return "<0.01"
    return ">0.99" if 0.995 <= value < 1 else f"{value:.2f}"


def span_of(low: float, high: float) -> str:
    """A range of counts of particles: 2×10⁸ to 2×10¹⁰."""
    return power(low) if low == high else f"{power(low)} to {power(high)}"


def power(value: float) -> str:
    """A count of particles as a reader writes it.

    Examples
    --------
    >>> power(2e8), power(1.05e9)
    ('2×10⁸', '1.05×10⁹')
    """
    mantissa, exponent = f"{value:.2e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    return f"{float(mantissa):g}×10{digits}"


def in_particles(doses: pd.DataFrame) -> pd.DataFrame:
    """The trials of table ``doses`` that state particles, one row each, ``particles_of`` saying of what.

    It is "an administration", where the numbers are known; "an area, a site or a volume", of which it is not said how many; or "no
    number that can be read". A trial with several doses counts once, by the first of these; doses that only a review tells do
    not count. It is the source of every count of trials that state particles.
    """
    doses = of_records(doses)
    stated = doses[doses.unit_kind.isin(("particles", "particles per area"))]
    known = stated[["particles_low", "particles_high"]].notna().all(axis=1)
    unread = stated[["low", "high"]].isna().all(axis=1)
    place = pd.Series(1, index=stated.index).mask(unread, 2).mask(known, 0)
    rows = stated.assign(particles_of=place.map(dict(enumerate(PARTICLES_OF))), place=place)
    return rows.sort_values("place", kind="stable").drop_duplicates("trn")[["trn", "route_group", "particles_of"]]


def doses_in_a_sentence(doses: pd.DataFrame, n_trials: int) -> str:
    """How many of the included trials show a dose, a number and particles; ``doses`` is the table of that name."""
    counts = in_particles(doses).particles_of.value_counts()
    said = dict(
        zip(PARTICLES_OF, ("per administration", "per area, site or volume alone", "without a number that can be read"))
    )
    listed = joined([f"{counts[of]} {words}" for of, words in said.items() if of in counts])
    of_review = doses.trn[~doses.trn.isin(of_records(doses).trn)].nunique()
    told = f" Of {several(of_review, 'more trial')} a review's table alone shows a dose." if of_review else ""
    doses = of_records(doses)
    n, numbers = doses.trn.nunique(), with_number(doses).trn.nunique()
    return (
        f"**{n} of {several(n_trials, 'included trial')}** {'shows' if n == 1 else 'show'} a dose, {numbers} with a number that "
        f"can be read; {several(counts.sum(), 'counts', 'count')} particles{f': {listed}' if listed else ''}.{told}"
    )


def with_number(doses: pd.DataFrame) -> pd.DataFrame:
    """The doses of which at least one bound is a number that can be read."""
    return doses[doses.low.notna() | doses.high.notna()]


def dose_numbers(doses: pd.DataFrame, n_trials: int | None = None) -> dict[str, object]:
    """The fourth chapter's numbers, from table ``doses`` of the included trials; particles are those of an administration.

    Doses that only a review tells do not count; the sentence names how many trials have no other.

    With ``n_trials``, how many trials are included, a sentence as well: ``doses_shown``.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "low": [2e8, 50], "high": [2e8, 50], "route_group": "nebulised"})
    >>> doses = doses.assign(unit_kind=["particles", "mass"], particles_low=[2e8, None], particles_high=[2e8, None])
    >>> numbers = dose_numbers(doses, 5)
    >>> print(numbers["doses_shown"])
    **2 of 5 included trials** show a dose, 2 with a number that can be read; 1 counts particles: 1 per administration.
    >>> numbers["n_dose_trials"], numbers["n_unit_kinds"], numbers["n_particle_trials"]
    (2, 2, 1)
    """
    stated = in_particles(doses)
    counted = stated[stated.particles_of == PARTICLES_OF[0]]
    groups = counted.route_group.value_counts()
    nebulised, intravenous = groups.get("nebulised", 0), groups.get("intravenous", 0)
    said = {} if n_trials is None else {"doses_shown": doses_in_a_sentence(doses, n_trials)}
    doses = of_records(doses)
    return said | {
        "n_dose_trials": doses.trn.nunique(),
        "n_unit_kinds": doses.unit_kind[~doses.unit_kind.isin(WITHOUT_UNIT)].nunique(),
        "n_particle_trials": len(counted),
        "n_particle_nebulised": nebulised,
        "n_particle_intravenous": intravenous,
        "n_particle_other": len(counted) - nebulised - intravenous,
    }
