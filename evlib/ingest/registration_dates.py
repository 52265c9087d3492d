"""When was a record registered? Observed where it shows a date, else estimated from its number, else bounded or unknown."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from evlib.base.errors import InputError
from evlib.base.identifiers import normalised
from evlib.base.schema import NO_SUCH_RECORD, read_csv, set_aside
from evlib.base.words import several

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FARTHEST = 3650  # days beyond the outermost known date that an extrapolation may reach
_STRAY = 90  # days off the middle of its neighbours from which on a date does not count for the order of numbers
_HIDDEN = 2000  # known dates of a registry that are hidden in turn, at most about: each costs a look at all the others
_WIDE = 0.95  # share of the left-out dates whose error an interval is widened by
COUNTS_FROM = "curation/counts_from.csv"  # below the raw data; a review may have none
_EPOCH = pd.Timestamp("1970-01-01")


def with_registration_dates(
    records: pd.DataFrame, known_dates: pd.DataFrame, *, rounds: pd.DataFrame, protocol: dict
) -> pd.DataFrame:
    """The records with ``registered``, its bounds and how it was found.

    Parameters
    ----------
    records
        Table ``records`` as a reader returns it.
    known_dates
        Columns ``trn, first_submitted``: dated ClinicalTrials.gov numbers beyond the records (days as text).
    rounds
        What rounds of screening say of the day, as ``bounds_by_rounds`` gives it.
    protocol
        The review's protocol. No record is younger than its oldest copy (``first_retrieved``, else ``snapshot``) or than its last update.

    Returns
    -------
    pandas.DataFrame
        Table ``records``: ``registered`` (a day; missing where nothing points to one), ``registered_low`` and
        ``registered_high`` (the days between which it lies; of an estimate the neighbours' days, widened by the error that
        nineteen of twenty left-out dates of the registry stay below), ``registered_basis`` (observed, estimated or missing)
        and ``registered_method`` in words. A date that a source states and that was not understood (``unread``) is not estimated.

    Examples
    --------
    >>> from evlib.base.schema import checked
    >>> days = {"NCT90000100": "2021-01-01", "NCT90000150": None, "NCT90000200": "2021-01-31"}
    >>> facts = {"trn_kind": "number", "registry": "ClinicalTrials.gov", "snapshot": "2024-02-17"}
    >>> records = checked(pd.DataFrame({"trn": days.keys(), "registered_text": days.values(), **facts}), "records")
    >>> known_dates = pd.DataFrame(columns=["trn", "first_submitted"])
    >>> rounds = bounds_by_rounds(records, {}, protocol={})
    >>> protocol = {"registries": {"ClinicalTrials.gov": {"series": True}}}
    >>> dated = with_registration_dates(records, known_dates, rounds=rounds, protocol=protocol)
    >>> print(dated[["trn", "registered", "registered_low", "registered_high", "registered_basis"]].to_string())
               trn registered registered_low registered_high registered_basis
    0  NCT90000100 2021-01-01     2021-01-01      2021-01-01         observed
    1  NCT90000150 2021-01-16     2021-01-01      2021-01-31        estimated
    2  NCT90000200 2021-01-31     2021-01-31      2021-01-31         observed
    """
    out = records.copy()
    day_shown = out.registered_text.str.fullmatch(_DAY.pattern, na=False)
    submitted_shown = ~day_shown & out.first_submitted.str.fullmatch(_DAY.pattern, na=False)
    month_shown = ~day_shown & ~submitted_shown & out.registered_text.notna()

    observed = out.registered_text.where(day_shown, out.first_submitted.where(submitted_shown))
    out["registered"] = pd.to_datetime(observed).astype("datetime64[ns]")
    out["registered_low"] = out["registered_high"] = out["registered"]
    out.loc[day_shown, "registered_method"] = "registration date shown"
    out.loc[submitted_shown, "registered_method"] = "first submission date shown"

    unread = (
        out.unread.fillna("").str.contains(r"\b(?:registered_text|first_submitted)\b")
        & out.registered.isna()
        & ~month_shown
    )
    out.loc[unread, "registered_method"] = "stated, but not read"

    months = pd.PeriodIndex(out.registered_text[month_shown], freq="M")
    first, last = months.start_time.normalize(), months.end_time.normalize()
    shown = {"registered": first + pd.Timedelta(days=14), "registered_low": first, "registered_high": last}
    for name, value in (shown | {"registered_method": "month shown, its middle taken"}).items():
        out.loc[month_shown, name] = value

    for registry in [name for name, facts in protocol["registries"].items() if facts["series"]]:
        undated = serial_numbers(out[(out.registry == registry) & out.registered.isna() & ~unread])
        error = usual_error(leave_one_out(out, known_dates, registry=registry)) if len(undated) else 0
        anchors = in_order(known_serials(out, known_dates, registry=registry))
        estimate = dates_by_serial(undated, anchors, error_days=error)
        out.loc[estimate.index, ["registered", "registered_low", "registered_high"]] = estimate
        out.loc[estimate.index, "registered_method"] = f"estimated from the order of {registry} numbers"

    undetermined = ~day_shown & ~submitted_shown
    low, high = _outer_bounds(out, rounds)
    # Of two days, fmax and fmin give the one that is known where the other is missing.
    out.loc[undetermined, "registered_low"] = np.fmax(out.registered_low, low)[undetermined]
    out.loc[undetermined, "registered_high"] = np.fmin(out.registered_high, high)[undetermined]
    within = np.fmin(np.fmax(out.registered, out.registered_low), out.registered_high)
    out["registered"] = within.where(out.registered.notna())
    bases = [~undetermined, out.registered.notna()]
    out["registered_basis"] = np.select(bases, ["observed", "estimated"], default=None)
    out["registered_method"] = out.registered_method.fillna("not known; bounds only")
    return out


def serial_numbers(records: pd.DataFrame) -> pd.Series:
    """The running number that the registry gave each record, where its number or page address shows one.

    ClinicalTrials.gov: the eight digits. ChiCTR: the digits after the year. IRCT: the number of the record's page.
    """
    of_number = records.trn.str.extract(r"^(?:NCT|ChiCTR\d{2})(\d{8})$")[0]
    pages = records.source_urls.fillna("") + " " + records.trn.where(records.trn_kind == "page", "")
    of_page = pages.str.extract(r"(?:irct\.[a-z.]*ir/|IRCT:)trial/(\d+)")[0].where(records.registry == "IRCT")
    return of_number.fillna(of_page).dropna().astype("int64").rename("serial")


def known_serials(records: pd.DataFrame, known_dates: pd.DataFrame, *, registry: str) -> pd.DataFrame:
    """Dated running numbers of one registry: columns ``trn, serial, date``, sorted by number.

    The date of first submission is taken where it is known, else that of registration; months are left out.
    """
    own = records[records.registry == registry]
    dates = own.first_submitted.where(own.first_submitted.str.fullmatch(_DAY.pattern, na=False), own.registered_text)
    own = own.assign(serial=serial_numbers(own), date=dates)[["trn", "serial", "date"]]
    others = known_dates.rename(columns={"first_submitted": "date"})[["trn", "date"]]
    others = others[others.trn.str.startswith("NCT")] if registry == "ClinicalTrials.gov" else others.iloc[:0]
    others = others.assign(serial=pd.to_numeric(others.trn.str[3:]))
    both = pd.concat([own, others]).dropna()
    both = both[both.date.str.fullmatch(_DAY.pattern)].drop_duplicates("serial").sort_values("serial")
    return both.assign(date=pd.to_datetime(both.date), serial=both.serial.astype("int64")).reset_index(drop=True)


def dates_by_serial(serials: pd.Series, anchors: pd.DataFrame, *, error_days: int = 0) -> pd.DataFrame:
    """Dates of running numbers from their dated neighbours.

    Numbers are given out in sequence, so dates rise with them: the anchors' dates are first made monotone (isotonic
    regression), then interpolated linearly. Beyond the outermost anchor the slope of the nearest pair is continued, for
    ten years at most.

    Returns
    -------
    pandas.DataFrame
        Columns ``registered, registered_low, registered_high`` on the index of ``serials``; low and high are the
        dates of the neighbouring anchors, ``error_days`` farther out (missing on an open side). Empty where fewer than two anchors differ.
    """
    names = ["registered", "registered_low", "registered_high"]
    x, days_known = anchors.serial.to_numpy(dtype=float), (anchors.date - _EPOCH).dt.days.to_numpy(dtype=float)
    if len(set(days_known)) < 2 or serials.empty:
        return pd.DataFrame(columns=names, index=serials.index[:0], dtype="datetime64[ns]")
    y = isotonic_regression(days_known).x
    wanted = serials.to_numpy(dtype=float)
    days = np.interp(wanted, x, y)
    first, last = np.flatnonzero(y > y[0])[0], np.flatnonzero(y < y[-1])[-1]
    before, after = wanted < x[0], wanted > x[-1]
    days[before] = y[0] + (wanted[before] - x[0]) * (y[first] - y[0]) / (x[first] - x[0])
    days[after] = y[-1] + (wanted[after] - x[-1]) * (y[-1] - y[last]) / (x[-1] - x[last])
    days = np.clip(days, y[0] - _FARTHEST, y[-1] + _FARTHEST)
    place = np.searchsorted(x, wanted)
    low = np.where(before, np.nan, y[np.clip(place - 1, 0, None)]) - error_days
    high = np.where(after, np.nan, y[np.clip(place, None, len(y) - 1)]) + error_days
    columns = {name: _EPOCH + pd.to_timedelta(np.floor(v), unit="D") for name, v in zip(names, (days, low, high))}
    return pd.DataFrame(columns, index=serials.index).astype("datetime64[ns]")


def in_order(anchors: pd.DataFrame) -> pd.DataFrame:
    """The dated numbers without those whose date lies far off those of their neighbours: 90 days or more from the median of
    the dates of the number itself and of up to three on either side. Some trials were submitted years before they were posted."""
    days, n = (anchors.date - _EPOCH).dt.days.to_numpy(dtype=float), len(anchors)
    reach = [min(3, i, n - 1 - i) for i in range(n)]
    middle = np.array([np.median(days[i - k : i + k + 1]) for i, k in enumerate(reach)])
    return anchors[np.abs(days - middle) < _STRAY]


def leave_one_out(records: pd.DataFrame, known_dates: pd.DataFrame, *, registry: str) -> pd.DataFrame:
    """How far the estimate errs: each dated record of the registry estimated as if its date were not known.

    Of more than ``_HIDDEN`` dated records it is every second, third, … by number.

    Returns
    -------
    pandas.DataFrame
        One row per record that was estimated: ``trn, observed, estimated, error_days`` (estimated minus observed).

    Examples
    --------
    >>> from evlib.base.schema import checked
    >>> days = {"NCT90000100": "2021-01-01", "NCT90000150": "2021-01-14", "NCT90000200": "2021-01-31"}
    >>> facts = {"trn_kind": "number", "registry": "ClinicalTrials.gov", "snapshot": "2024-02-17"}
    >>> records = checked(pd.DataFrame({"trn": days.keys(), "registered_text": days.values(), **facts}), "records")
    >>> leave_one_out(records, pd.DataFrame(columns=["trn", "first_submitted"]), registry="ClinicalTrials.gov")
               trn   observed  estimated  error_days
    0  NCT90000100 2021-01-01 2020-12-28          -4
    1  NCT90000150 2021-01-14 2021-01-16           2
    2  NCT90000200 2021-01-31 2021-01-27          -4
    """
    anchors = known_serials(records, known_dates, registry=registry)
    own, fit = anchors[anchors.trn.isin(records.trn)], in_order(anchors)
    own = own.iloc[:: -(-len(own) // _HIDDEN) or 1]
    guesses = [dates_by_serial(own.serial.loc[[i]], fit.drop(index=i, errors="ignore")).registered for i in own.index]
    estimated = pd.concat(guesses) if guesses else pd.Series(dtype="datetime64[ns]")
    table = own.assign(observed=own.date, estimated=estimated).dropna()
    table["error_days"] = (table.estimated - table.observed).dt.days
    return table[["trn", "observed", "estimated", "error_days"]].reset_index(drop=True)


def error_summary(left_out: pd.DataFrame, registries: list[str]) -> pd.DataFrame:
    """How far estimates err, in days: per registry ``n, median, 90th percentile, max`` of the absolute error.

    Parameters
    ----------
    left_out
        What ``leave_one_out`` gives, with a column ``registry``.
    registries
        Those that get a row, also where none of their records shows its date (n = 0).

    Examples
    --------
    >>> left_out = pd.DataFrame({"registry": "ChiCTR", "error_days": [-2, 5, 1]})
    >>> error_summary(left_out, ["ChiCTR", "IRCT"])
      registry  n  median  90th percentile  max
    0   ChiCTR  3     2.0              4.4  5.0
    1     IRCT  0     NaN              NaN  NaN
    """
    error = left_out.error_days.astype("float64").abs().groupby(left_out.registry)
    summary = pd.DataFrame({"median": error.median(), "90th percentile": error.quantile(0.9), "max": error.max()})
    summary.insert(0, "n", error.size())
    return summary.reindex(registries).fillna({"n": 0}).astype({"n": int}).rename_axis("registry").reset_index()


def usual_error(left_out: pd.DataFrame) -> int:
    """The error in days that nineteen of twenty left-out dates stay below (``leave_one_out``); 0 where there are none."""
    error = left_out.error_days.abs()
    return int(np.quantile(error, _WIDE, method="higher")) if len(error) else 0


def estimates_now_known(earlier: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Estimated dates of earlier records whose true date is known by now.

    Returns
    -------
    pandas.DataFrame
        ``trn, registry, estimated, low, high, observed, error_days`` (estimated minus observed), ``inside``: whether the
        true date lies in the interval that was given.

    Examples
    --------
    >>> days = ["registered", "registered_low", "registered_high"]
    >>> earlier = pd.DataFrame([pd.to_datetime(["2021-01-15", "2021-01-10", "2021-01-20"])], columns=days)
    >>> earlier = earlier.assign(trn="NCT90000150", registry="ClinicalTrials.gov", registered_basis="estimated")
    >>> now = earlier.assign(registered=pd.Timestamp("2021-01-12"), registered_basis="observed")
    >>> estimates_now_known(earlier, now).T
                                  0
    trn                 NCT90000150
    registry     ClinicalTrials.gov
    estimated   2021-01-15 00:00:00
    low         2021-01-10 00:00:00
    high        2021-01-20 00:00:00
    observed    2021-01-12 00:00:00
    error_days                    3
    inside                     True
    """
    guessed = earlier[earlier.registered_basis == "estimated"].set_index("trn")
    known = records[(records.registered_basis == "observed") & records.trn.isin(guessed.index)]
    facts = guessed.loc[known.trn, ["registry", "registered", "registered_low", "registered_high"]]
    table = facts.set_axis(["registry", "estimated", "low", "high"], axis=1).reset_index()
    table["observed"] = known.registered.to_numpy()
    table["error_days"] = (table.estimated - table.observed).dt.days
    table["inside"] = table.observed.between(table.low.fillna(pd.Timestamp.min), table.high.fillna(pd.Timestamp.max))
    return table


def counts_from(path: str | Path, *, known: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Records whose registration number is older than their vesicles: trials that were registered for something else.

    Returns
    -------
    table, rejects
        By ``trn``: ``counts_from_low``, ``counts_from_high`` (days), ``why``: a search date before the first does not count
        the record, one from the second on does, one between cannot place it. And table ``rejects``: rows on an unknown record, or
        without two days, the low one first. Without the file, no row.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path, head = Path(folder) / "counts_from.csv", "trn,counts_from_low,counts_from_high,why\\n"
    ...     _ = path.write_text(f"{head}NCT90000100,2024-09-20,2026-11-22,cells at first\\nNCT90000200,2024-09-20,,\\n")
    ...     table, rejects = counts_from(path, known={"NCT90000100", "NCT90000200"})
    >>> table.reset_index()
               trn counts_from_low counts_from_high             why
    0  NCT90000100      2024-09-20       2026-11-22  cells at first
    >>> rejects[["line", "trn", "reason"]].to_dict("records")
    [{'line': 3, 'trn': 'NCT90000200', 'reason': 'needs two days, the low one first, as YYYY-MM-DD.'}]
    """
    rows = read_csv(path, needs=["trn", "counts_from_low", "counts_from_high", "why"], optional=True)
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    days = ["counts_from_low", "counts_from_high"]
    rows[days] = rows[days].apply(pd.to_datetime, format="%Y-%m-%d", errors="coerce")
    problems = [
        (~rows.trn.isin(known), NO_SUCH_RECORD),
        (~(rows.counts_from_low <= rows.counts_from_high), "needs two days, the low one first, as YYYY-MM-DD."),
        (rows.duplicated("trn"), "a second row for this record; the first is kept."),
    ]
    good, rejects = set_aside(rows, path, problems)
    return good.set_index("trn")[[*days, "why"]], rejects


def in_search(records: pd.DataFrame, search_date: str, *, later: pd.DataFrame | None = None) -> pd.Series:
    """For each record: ``in`` (registered by the search date), ``after`` it, or ``undated`` (could be either).

    ``later`` are the records that count from a later day than their registration (``counts_from``).

    Examples
    --------
    >>> days = ["registered", "registered_low", "registered_high"]
    >>> rows = [["2023-05-01"] * 3, ["2024-03-01"] * 3, [None, "2024-01-01", "2024-12-31"]]
    >>> records = pd.DataFrame(rows, columns=days).apply(pd.to_datetime)
    >>> in_search(records, "2024-02-17").tolist()
    ['in', 'after', 'undated']
    """
    date = parsed_date(search_date)
    by = records.registered.fillna(records.registered_high) <= date
    after = records.registered.fillna(records.registered_low) > date
    if later is not None and len(later):
        after |= records.trn.map(later.counts_from_low) > date
        by &= ~(records.trn.map(later.counts_from_high) > date)
    return pd.Series(np.select([after, by], ["after", "in"], default="undated"), index=records.index, name="in_search")


def place_reasons(records: pd.DataFrame, place: pd.Series, later: pd.DataFrame) -> pd.Series:
    """Why a record is not in the search though it may be registered by its date; missing for the others.

    Examples
    --------
    >>> records = pd.DataFrame({"trn": ["A", "B", "C", "D"]})
    >>> later = pd.DataFrame({"why": ["its first version speaks of cells"]}, index=["C"])
    >>> place = pd.Series(["in", "undated", "after", "after"])
    >>> print("\\n".join(place_reasons(records, place, later).dropna()))
    no date places it on either side
    its number is older than its vesicles: its first version speaks of cells
    """
    older = "its number is older than its vesicles: " + records.trn.map(later.why).astype("str")
    undated = older.fillna("no date places it on either side").where(place == "undated")
    return undated.fillna(older.where(place == "after")).astype("str").rename("place_reason")


def placed_in_words(records: pd.DataFrame, place: pd.Series, search_date: str, *, protocol: dict) -> str:
    """How many records the search date lets in, as Markdown; ``place`` is what ``in_search`` gives.

    Examples
    --------
    >>> days = {"registered": ["2023-05-01", "2024-02-10"], "registered_low": ["2023-05-01", "2024-02-01"]}
    >>> records = pd.DataFrame({**days, "registered_high": ["2023-05-01", "2024-03-01"]}).apply(pd.to_datetime)
    >>> records = records.assign(registered_basis=["observed", "estimated"])
    >>> place = in_search(records, "2024-02-17")
    >>> print(placed_in_words(records, place, "2024-02-17", protocol={}).replace(". ", ".\\n"))
    By 2024-02-17, **2** of 2 records were registered; 0 came later and 0 cannot be placed.
    1 estimated date lies so near that the record could fall on either side.
    """
    estimated = records.registered_basis == "estimated"
    day = parsed_date(search_date)
    straddling = int((estimated & (records.registered_low <= day) & (records.registered_high > day)).sum())
    n = place.value_counts().reindex(["in", "after", "undated"], fill_value=0)
    verb = "was" if n["in"] == 1 else "were"
    counts = f"By {search_date}, **{n['in']}** of {several(len(records), 'record')} {verb} registered; "
    counts += f"{n.after} came later and {n.undated} cannot be placed. "
    near = f"{several(straddling, 'estimated date lies', 'estimated dates lie')} so near that the record could fall on either side."
    days = [
        facts["registered_by"] for facts in protocol.get("screening_rounds", {}).values() if "registered_by" in facts
    ]
    paper = protocol.get("replication_date")
    if paper and str(paper) != search_date:
        near += f" By {paper}, the paper's search date: {sides_in_words(records, str(paper), protocol=protocol)}."
    if not days:
        return counts + near
    by_round = (place == "in") & (records.registered_basis != "observed")
    by_round &= records.registered_high.isin([parsed_date(day) for day in days])
    return f"{counts}{by_round.sum()} without an observed date are in because a round of screening took them in, and {near}"


def sides_in_words(records: pd.DataFrame, day: str, *, protocol: dict) -> str:
    """Of how many records no day of registration is shown, and what then tells on which side of a day they lie.

    A record of which no day within its bounds lies on the other side may owe this to a round of screening that took the records of
    that day alone (``registered_by`` in the protocol): nobody saw a date.

    Examples
    --------
    >>> days = {"registered": ["2024-02-18", "2024-02-10"], "registered_low": ["2024-02-18", "2024-02-01"]}
    >>> records = pd.DataFrame({**days, "registered_high": ["2024-06-01", "2024-03-01"]}).apply(pd.to_datetime)
    >>> records = records.assign(registered_basis="estimated")
    >>> rounds = {"screening_rounds": {"first": {"registered_by": "2024-02-17"}}}
    >>> print(sides_in_words(records, "2024-02-17", protocol=rounds).replace("; ", ";\\n"))
    of 2 of 2 the day is not shown (2 estimated, 0 within bounds only);
    of 1 of these a round of screening alone tells the side, and 1 could be on either side
    """
    date = parsed_date(day)
    own = records[records.registered_basis != "observed"]
    either = (own.registered_low <= date) & (own.registered_high > date)
    rounds = [str(facts.get("registered_by")) for facts in protocol.get("screening_rounds", {}).values()]
    at_edge = (own.registered_high == date) | (own.registered_low == date + pd.Timedelta(days=1))
    by_round = at_edge & (day in rounds)
    estimated = int((own.registered_basis == "estimated").sum())
    return (
        f"of {len(own)} of {len(records)} the day is not shown ({estimated} estimated, {len(own) - estimated} within bounds only); "
        f"of {by_round.sum()} of these a round of screening alone tells the side, and {either.sum()} could be on either side"
    )


def parsed_date(text: str) -> pd.Timestamp:
    """A day written YYYY-MM-DD; InputError where it is written otherwise or is not in the calendar."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return pd.Timestamp(text)
    except ValueError:
        remedy = "Write the search date as YYYY-MM-DD, for example 2024-02-17."
        raise InputError(f"'{text}' is not a date. {remedy}") from None


def check_search_date(records: pd.DataFrame, search_date: str, *, snapshot: str) -> None:
    """InputError for a search date that the snapshot cannot answer: one after it, or before the first record.

    Examples
    --------
    >>> day = pd.to_datetime(["2020-03-01"])
    >>> days = {"registered": day, "registered_low": day, "registered_high": day}
    >>> records = pd.DataFrame({"trn": ["NCT90000100"], **days})
    >>> check_search_date(records, "2024-02-17", snapshot="2026-11-28")  # it can be answered
    >>> check_search_date(records, "2019-12-31", snapshot="2026-11-28")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    evlib.base.errors.InputError: No record was registered by 2019-12-31: the first, NCT90000100, is of 2020-03-01...
    """
    check_not_later(search_date, snapshot)
    if not (in_search(records, search_date) == "in").any():
        first = records.loc[records.registered.idxmin()]
        known = f"the first, {first.trn}, is of {first.registered:%Y-%m-%d}"
        raise InputError(f"No record was registered by {search_date}: {known}. Use a later search date.")


def check_not_later(search_date: str, snapshot: str) -> None:
    """InputError for a search date that is no day, or lies after the snapshot.

    Examples
    --------
    >>> check_not_later("2027-12-31", "2026-11-28")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    evlib.base.errors.InputError: The search date 2027-12-31 lies after the newest snapshot, 2026-11-28. Use a date up to...
    """
    if parsed_date(search_date) > pd.Timestamp(snapshot):
        remedy = f"Use a date up to {snapshot}, or get newer records first."
        raise InputError(f"The search date {search_date} lies after the newest snapshot, {snapshot}. {remedy}")


def bounds_by_rounds(decisions: pd.DataFrame, numbers: Mapping[str, set[str]], *, protocol: dict) -> pd.DataFrame:
    """What rounds of screening say of the day of registration.

    A round that covers all records of its snapshot registered by a day (``registered_by`` in the protocol) tells of each
    record there: it was registered by that day where a reader judged it in this round, and after it where none did.

    Parameters
    ----------
    decisions
        Table ``decisions`` with the readers' decisions.
    numbers
        For each round the registration numbers of its snapshot.

    Returns
    -------
    pandas.DataFrame
        By ``trn``: ``low``, ``high``; days.

    Examples
    --------
    >>> protocol = {"screening_rounds": {"first": {"registered_by": "2024-02-17"}}}
    >>> decisions = pd.DataFrame({"trn": ["A"], "round": ["first"]})
    >>> bounds_by_rounds(decisions, {"first": {"A", "B"}}, protocol=protocol).reset_index()
      trn        low       high
    0   A        NaT 2024-02-17
    1   B 2024-02-18        NaT
    """
    parts = [pd.DataFrame({"trn": [], "low": [], "high": []}, dtype="object")]
    for name, facts in protocol.get("screening_rounds", {}).items():
        if "registered_by" in facts:
            day = parsed_date(facts["registered_by"])
            own = pd.DataFrame({"trn": sorted(numbers[name])})
            judged = own.trn.isin(decisions.trn[decisions["round"] == name])
            own["low"] = pd.Series(day + pd.Timedelta(days=1), index=own.index).mask(judged)
            parts.append(own.assign(high=pd.Series(day, index=own.index).where(judged)))
    table = pd.concat(parts).set_index("trn").astype("datetime64[ns]")
    return table.groupby(level=0).agg({"low": "max", "high": "min"})


def _outer_bounds(records: pd.DataFrame, rounds: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Days before and after which a record cannot have been registered: from its number, its oldest copy, its last update and the rounds."""
    profile = pd.to_datetime(records.trn.str.extract(r"^IRCT(20\d{6})\d+N")[0], format="%Y%m%d", errors="coerce")
    year = "20" + records.trn.str.extract(r"^ChiCTR(\d{2})\d{8}$")[0]
    low = profile.fillna(pd.to_datetime(year + "-01-01")).astype("datetime64[ns]")
    seen = records.first_retrieved.fillna(records.snapshot) if "first_retrieved" in records else records.snapshot
    high = np.fmin(
        pd.to_datetime(year + "-12-31").astype("datetime64[ns]"), pd.to_datetime(seen).astype("datetime64[ns]")
    )
    updated = records.last_update.where(records.last_update.str.fullmatch(_DAY.pattern, na=False))
    high = np.fmin(high, pd.to_datetime(updated).astype("datetime64[ns]"))  # what was updated was registered
    of_rounds = rounds.reindex(records.trn).set_axis(
        records.index
    )  # a map by an empty table of days is an error of pandas
    return np.fmax(low, of_rounds.low), np.fmin(high, of_rounds.high)
