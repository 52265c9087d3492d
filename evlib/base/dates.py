"""Dates as registries, people and spreadsheets write them: the one parser."""

import calendar
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import lru_cache

from evlib.base.errors import InputError

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NAME = r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # fmt: skip
_YEAR, _GAP, _NTH = r"(?P<year>\d{4})", r"[ .,/-]+", r"(?:st|nd|rd|th)?"
_FORMS = [
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"{_YEAR}(?P<sign>[-/.])(?P<month>\d\d?)(?P=sign)(?P<day>\d\d?)",  # 2021-09-13
        rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)",  # 20210913
        rf"(?P<day>\d\d?){_NTH}{_GAP}{_NAME}{_GAP}{_YEAR}",  # 13 Sep 2021, 13-SEP-2021
        rf"{_NAME}{_GAP}(?P<day>\d\d?){_NTH}{_GAP}{_YEAR}",  # September 13, 2021
        rf"{_YEAR}{_GAP}{_NAME}{_GAP}(?P<day>\d\d?)",  # 2021-Sep-13
        rf"(?P<day>\d\d?)-{_NAME}-(?P<short>\d\d)",  # 13-Sep-21, as spreadsheets show a day
        r"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4})",  # 13.09.2021
        rf"{_YEAR}[-/](?P<month>\d\d?)",  # 2021-09
        rf"(?P<month>\d\d?)/{_YEAR}",  # 09/2021
        rf"{_NAME}{_GAP}{_YEAR}",  # September 2021
        rf"{_YEAR}{_GAP}{_NAME}",  # 2021 September
        rf"{_NAME}-(?P<short>\d\d)",  # Sep-21, as spreadsheets show a month
    )
]
_NUMERIC = re.compile(r"(\d\d?)([/-])(\d\d?)\2(\d{4}|\d\d)", re.ASCII)  # 03/04/2020: day or month first?
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?", re.ASCII)  # days that a spreadsheet counts: from 1954 to 2091
_TIME = re.compile(
    r"(?:T|[ ,]+)\d\d?[:.]\d\d(?:[:.]\d\d(?:[.,]\d+)?)?(?: ?[ap]\.?m\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?))?|T\d{4,6}Z?",
    re.IGNORECASE | re.ASCII,
)
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[., ]+", re.IGNORECASE | re.ASCII)
_EARLIEST, _LATEST = 1900, 2100  # years beyond them are of another calendar: the Iranian year 1399, the Thai year 2564


@lru_cache(maxsize=1 << 16)
def day_or_month(text: str | None, *, month_first: bool | None = False) -> str | None:
    """A date as YYYY-MM-DD or, where only the month is given, YYYY-MM; None where it is empty or in no known style.

    A time of day is left out. A year before 1900 or after 2100 is of another calendar (the Iranian year 1399, say) and counts as
    no known style. Of two digits, 30 to 99 are years of the last century, as spreadsheets have it; a bare number of five digits is a day as
    spreadsheets count them.

    Parameters
    ----------
    text
        The date as written.
    month_first
        Whether 03/04/2020 is a day in March. With None it is in no known style, unless one reading alone is in the calendar
        (03/14/2020). See ``month_stands_first``.

    Examples
    --------
    >>> day_or_month("25/01/2020"), day_or_month("March 2020"), day_or_month("24-Nov-26"), day_or_month("soon")
    ('2020-01-25', '2020-03', '2026-11-24', None)
    >>> day_or_month("03/04/2020", month_first=None), day_or_month("03/04/2020", month_first=True)
    (None, '2020-03-04')
    """
    text = _tidied(text)
    if numeric := _NUMERIC.fullmatch(text):
        first, _, second, year = numeric.groups()
        readings = {True: _written(year, first, second), False: _written(year, second, first)}
        if month_first is not None:
            return readings[month_first]
        known = {reading for reading in readings.values() if reading}
        return known.pop() if len(known) == 1 else None
    for form in _FORMS:
        if match := form.fullmatch(text):
            parts = match.groupdict()
            name = parts.get("name")
            month = str(_MONTHS.index(name[:3].lower()) + 1) if name else parts["month"]
            return _written(parts.get("year") or parts["short"], month, parts.get("day"))
    if _SERIAL.fullmatch(text):
        return (date(1899, 12, 30) + timedelta(days=int(float(text)))).isoformat()
    return None


def possible_days(text: str | None) -> tuple[str, str] | None:
    """The first and the last day that a date may mean, both as YYYY-MM-DD: of a month or a year all its days.

    None where there is no date, or where it is in no style that we know.

    Examples
    --------
    >>> possible_days("2024-02"), possible_days("2023"), possible_days("soon")
    (('2024-02-01', '2024-02-29'), ('2023-01-01', '2023-12-31'), None)
    """
    text = text.strip() if isinstance(text, str) else ""
    if re.fullmatch(r"(19|20)\d\d", text):
        return f"{text}-01-01", f"{text}-12-31"
    day = day_or_month(text)
    if day is None or len(day) == len("2024-02-29"):
        return None if day is None else (day, day)
    year, month = map(int, day.split("-"))
    return f"{day}-01", f"{day}-{calendar.monthrange(year, month)[1]}"


def end_in_words(text: str | None, day: str) -> str | None:
    """The end that a record gives, with "(passed)" where even the last day that it may mean is before ``day`` (YYYY-MM-DD).

    Examples
    --------
    >>> end_in_words("2024-02", "2024-03-01"), end_in_words("2024", "2024-03-01")
    ('2024-02 (passed)', '2024')
    """
    days = possible_days(text)
    return f"{text} (passed)" if days and days[1] < day else text if isinstance(text, str) else None


def end_has_passed(end: object) -> bool:
    """Whether ``end_in_words`` says so of an end.

    Examples
    --------
    >>> end_has_passed("2024-02 (passed)"), end_has_passed("2024"), end_has_passed(None)
    (True, False, False)
    """
    return isinstance(end, str) and end.endswith("(passed)")


def month_stands_first(texts: Iterable[str | None], *, usual: bool | None = None) -> bool | None:
    """Whether the month comes first in dates such as 03/04/2020: one answer for all texts of a column.

    A day beyond the 12th tells. Where none is there, or some tell this and others that, the answer is ``usual``, or None.

    Examples
    --------
    >>> month_stands_first(["03/04/2020", "9/13/2021"]), month_stands_first(["03/04/2020"])
    (True, None)
    >>> month_stands_first(["9/13/2021", "13/9/2021"], usual=False) is None
    True
    """
    orders = {order for text in texts if (order := order_shown(text)) is not None}
    if not orders:
        return usual
    return orders.pop() if len(orders) == 1 else None


@lru_cache(maxsize=1 << 16)
def order_shown(text: str | None) -> bool | None:
    """Whether the month comes first in one date, where its day is beyond the 12th; None where it does not tell."""
    numeric = _NUMERIC.fullmatch(_tidied(text))
    if not numeric or (int(numeric[1]) > 12) == (int(numeric[3]) > 12):
        return None
    return int(numeric[3]) > 12


@lru_cache(maxsize=1 << 16)
def has_two_readings(text: str | None) -> bool:
    """Whether a date can be read with the day first and with the month first, and means another day then."""
    readings = {day_or_month(text, month_first=order) for order in (False, True)}
    return len(readings) == 2 and None not in readings


def unambiguous_day(text: str) -> str | None:
    """A day as YYYY-MM-DD where it can be read in one way only: 26/11/2026, but not 05/11/2026; else None."""
    day = day_or_month(text, month_first=None)
    if day is None:  # both readings may be the same day: 05/05/2026
        readings = {day_or_month(text, month_first=order) for order in (False, True)}
        day = readings.pop() if len(readings) == 1 else None
    return day if day and len(day) == len("2026-11-26") else None


@lru_cache
def day_after(day: str) -> str:
    """The day that follows one, both as YYYY-MM-DD."""
    return (datetime.fromisoformat(day) + timedelta(days=1)).strftime("%Y-%m-%d")


def _tidied(text: str | None) -> str:
    """A date as written, without what says no day: blanks, a weekday, a time, the ``.0`` of a number."""
    text = (text or "").strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).strip()
        text = re.sub(r"[‐‑‒–—−]", "-", re.sub(r"(\d+)年(\d+)月(?:(\d+)日)?", _of_characters, text))
    if time := _TIME.search(text):
        text = text[: time.start()] if time.end() == len(text) else text
    if text[:1].isalpha():
        text = _WEEKDAY.sub("", text, count=1)
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def _of_characters(match: re.Match[str]) -> str:
    return "-".join(filter(None, match.groups()))


def _written(year: str, month: str, day: str | None) -> str | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 30 else 1900
    if not _EARLIEST <= number <= _LATEST:
        return None
    try:
        whole = date(number, int(month), int(day or 1))
    except ValueError:
        return None
    return whole.isoformat() if day else f"{whole:%Y-%m}"


def checked_date(text: str, *, of: str = "search date") -> str:
    """The text if it is a day of the calendar written YYYY-MM-DD.

    Raises
    ------
    InputError
        Where it is none.

    Examples
    --------
    >>> checked_date("2024-02-29")
    '2024-02-29'
    >>> checked_date("31.12.2022")
    Traceback (most recent call last):
    evlib.base.errors.InputError: '31.12.2022' is not a date. Write the search date as YYYY-MM-DD, for example 2024-02-17.
    """
    with suppress(ValueError):
        if date.fromisoformat(text).isoformat() == text:
            return text
    raise InputError(f"'{text}' is not a date. Write the {of} as YYYY-MM-DD, for example 2024-02-17.")


def earlier_search_date(search_date: str, protocol: dict) -> str:
    """The date of the search that a search is compared with where none is named.

    It is the protocol's replication date or, at that date and before, one year earlier.

    Examples
    --------
    >>> protocol = {"replication_date": "2024-02-17"}
    >>> earlier_search_date("2026-11-28", protocol), earlier_search_date("2020-02-29", protocol)
    ('2024-02-17', '2019-02-28')
    """
    replication_date = protocol.get("replication_date") or protocol["default_search_date"]
    if search_date > replication_date:
        return replication_date
    return f"{int(search_date[:4]) - 1}{search_date[4:]}".replace("-02-29", "-02-28")


def check_earlier(earlier: tuple[str, str], later: tuple[str, str]) -> None:
    """Refuse to compare a search with one that is not earlier; of each the search date and the snapshot.

    Examples
    --------
    >>> check_earlier(("2024-02-17", "2022-10-09"), ("2024-02-17", "2026-11-28"))  # an earlier snapshot
    >>> check_earlier(("2024-02-17", ""), ("2022-12-31", ""))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    evlib.base.errors.InputError: The search of 2024-02-17 cannot be compared with that of 2022-12-31: name an earlier date, ...
    """
    if earlier >= later:
        raise InputError(
            f"The search of {earlier[0]} cannot be compared with that of {later[0]}: name an earlier date, or the same "
            "date with an earlier snapshot."
        )
