"""When was a record registered? Observed where it shows a date, else estimated from its number, else bounded or unknown."""

import re

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from evlib.base.errors import InputError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FARTHEST = 3650  # days beyond the outermost known date that an extrapolation may reach
_EPOCH = pd.Timestamp("1970-01-01")


def with_registration_dates(
    records: pd.DataFrame, known_dates: pd.DataFrame, *, judged: set[str], covered: set[str], protocol: dict
) -> pd.DataFrame:
    """The records with ``registered``, its bounds and how it was found.

    Parameters
    ----------
    records
        Table ``records`` as a reader returns it.
    known_dates
        Columns ``trn, first_submitted``: dated ClinicalTrials.gov numbers beyond the records (days as text).
    judged, covered
        Registration numbers with a hand decision, and those of the snapshot that ``protocol["hand_screening"]`` names: of
        these, a judged record was registered by the date of the hand screening, and any other after it. Without such a
        screening, both say nothing.
    protocol
        The review's protocol. No record is younger than its ``snapshot``.

    Returns
    -------
    pandas.DataFrame
        Table ``records``: ``registered`` (a day; missing where nothing points to one), ``registered_low`` and
        ``registered_high`` (the days between which it lies), ``registered_basis`` (observed, estimated or missing)
        and ``registered_method`` in words.
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

    months = pd.PeriodIndex(out.registered_text[month_shown], freq="M")
    first, last = months.start_time.normalize(), months.end_time.normalize()
    shown = {"registered": first + pd.Timedelta(days=14), "registered_low": first, "registered_high": last}
    for name, value in (shown | {"registered_method": "month shown, its middle taken"}).items():
        out.loc[month_shown, name] = value

    for registry in [name for name, facts in protocol["registries"].items() if facts["series"]]:
        undated = serial_numbers(out[(out.registry == registry) & out.registered.isna()])
        estimate = dates_by_serial(undated, known_serials(out, known_dates, registry=registry))
        out.loc[estimate.index, ["registered", "registered_low", "registered_high"]] = estimate
        out.loc[estimate.index, "registered_method"] = f"estimated from the order of {registry} numbers"

    undetermined = ~day_shown & ~submitted_shown
    low, high = _outer_bounds(out, judged=judged, covered=covered, protocol=protocol)
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


def dates_by_serial(serials: pd.Series, anchors: pd.DataFrame) -> pd.DataFrame:
    """Dates of running numbers from their dated neighbours.

    Numbers are given out in sequence, so dates rise with them: the anchors' dates are first made monotone (isotonic
    regression), then interpolated linearly. Beyond the outermost anchor the slope of the nearest pair is continued, for
    ten years at most.

    Returns
    -------
    pandas.DataFrame
        Columns ``registered, registered_low, registered_high`` on the index of ``serials``; low and high are the
        dates of the neighbouring anchors (missing on an open side). Empty where fewer than two anchors differ.
    """
    names = ["registered", "registered_low", "registered_high"]
    if anchors.date.nunique() < 2 or serials.empty:
        return pd.DataFrame(columns=names, index=serials.index[:0], dtype="datetime64[ns]")
    x = anchors.serial.to_numpy(dtype=float)
    y = isotonic_regression((anchors.date - _EPOCH).dt.days.to_numpy(dtype=float)).x
    wanted = serials.to_numpy(dtype=float)
    days = np.interp(wanted, x, y)
    first, last = np.flatnonzero(y > y[0])[0], np.flatnonzero(y < y[-1])[-1]
    before, after = wanted < x[0], wanted > x[-1]
    days[before] = y[0] + (wanted[before] - x[0]) * (y[first] - y[0]) / (x[first] - x[0])
    days[after] = y[-1] + (wanted[after] - x[-1]) * (y[-1] - y[last]) / (x[-1] - x[last])
    days = np.clip(days, y[0] - _FARTHEST, y[-1] + _FARTHEST)
    place = np.searchsorted(x, wanted)
    low = np.where(before, np.nan, y[np.clip(place - 1, 0, None)])
    high = np.where(after, np.nan, y[np.clip(place, None, len(y) - 1)])
    columns = {name: _EPOCH + pd.to_timedelta(np.floor(v), unit="D") for name, v in zip(names, (days, low, high))}
    return pd.DataFrame(columns, index=serials.index).astype("datetime64[ns]")


def leave_one_out(records: pd.DataFrame, known_dates: pd.DataFrame, *, registry: str) -> pd.DataFrame:
    """How far the estimate errs: each dated record of the registry estimated as if its date were not known.

    Returns
    -------
    pandas.DataFrame
        One row per dated record: ``trn, observed, estimated, error_days`` (estimated minus observed).
    """
    anchors = known_serials(records, known_dates, registry=registry)
    own = anchors[anchors.trn.isin(records.trn)]
    guesses = [dates_by_serial(own.serial.loc[[i]], anchors.drop(index=i)).registered for i in own.index]
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
    """
    error = left_out.error_days.astype("float64").abs().groupby(left_out.registry)
    summary = pd.DataFrame({"median": error.median(), "90th percentile": error.quantile(0.9), "max": error.max()})
    summary.insert(0, "n", error.size())
    return summary.reindex(registries).fillna({"n": 0}).astype({"n": int}).rename_axis("registry").reset_index()


def in_search(records: pd.DataFrame, search_date: str) -> pd.Series:
    """For each record: ``in`` (registered by the search date), ``after`` it, or ``undated`` (could be either)."""
    date = parsed_date(search_date)
    by = records.registered.fillna(records.registered_high) <= date
    later = records.registered.fillna(records.registered_low) > date
    return pd.Series(np.select([by, later], ["in", "after"], default="undated"), index=records.index, name="in_search")


def placed_in_words(records: pd.DataFrame, place: pd.Series, search_date: str, *, protocol: dict) -> str:
    """How many records the search date lets in, as Markdown; ``place`` is what ``in_search`` gives."""
    estimated = records.registered_basis == "estimated"
    day = parsed_date(search_date)
    straddling = int((estimated & (records.registered_low <= day) & (records.registered_high > day)).sum())
    n = place.value_counts().reindex(["in", "after", "undated"], fill_value=0)
    counts = f"By {search_date}, **{n['in']}** of {len(records)} records were registered; "
    counts += f"{n.after} came later and {n.undated} cannot be placed. "
    near = f"{straddling} estimated dates lie so near that the record could fall on either side."
    if "hand_screening" not in protocol:
        return counts + near
    by_hand = (place == "in") & (records.registered_basis != "observed")
    by_hand &= records.registered_high == parsed_date(protocol["hand_screening"]["registered_by"])
    return (
        f"{counts}{by_hand.sum()} without an observed date are in because the hand screening took them in, and {near}"
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
    """InputError for a search date that the snapshot cannot answer: one after it, or before the first record."""
    date = parsed_date(search_date)
    if date > pd.Timestamp(snapshot):
        remedy = f"Use a date up to {snapshot}, or get newer records first."
        raise InputError(f"The search date {search_date} lies after the newest snapshot, {snapshot}. {remedy}")
    if not (in_search(records, search_date) == "in").any():
        first = records.loc[records.registered.idxmin()]
        known = f"the first, {first.trn}, is of {first.registered:%Y-%m-%d}"
        raise InputError(f"No record was registered by {search_date}: {known}. Use a later search date.")


def _outer_bounds(
    records: pd.DataFrame, *, judged: set[str], covered: set[str], protocol: dict
) -> tuple[pd.Series, pd.Series]:
    """Days before and after which a record cannot have been registered, from its number and the screening round."""
    profile = pd.to_datetime(records.trn.str.extract(r"^IRCT(20\d{6})\d+N")[0], format="%Y%m%d", errors="coerce")
    year = "20" + records.trn.str.extract(r"^ChiCTR(\d{2})\d{8}$")[0]
    low = profile.fillna(pd.to_datetime(year + "-01-01")).astype("datetime64[ns]")
    retrieved = pd.to_datetime(records.snapshot).astype("datetime64[ns]")
    high = np.fmin(pd.to_datetime(year + "-12-31").astype("datetime64[ns]"), retrieved)
    if "hand_screening" not in protocol:
        return low, high
    round_date = parsed_date(protocol["hand_screening"]["registered_by"])
    within, by_hand = records.trn.isin(list(covered)), records.trn.isin(list(judged))
    last, next_day = (pd.Series(round_date + pd.Timedelta(days=n), index=low.index) for n in (0, 1))
    high = high.mask(within & by_hand, np.fmin(high, last))
    low = low.mask(within & ~by_hand, np.fmax(low, next_day))
    return low, high
