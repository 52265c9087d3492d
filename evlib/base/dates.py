"""Dates as registries and people write them: the one parser, with one list of styles."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

_DAY_STYLES = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%B %d, %Y", "%d %B %Y", "%d.%m.%Y")
_SLASHES = {False: "%d/%m/%Y", True: "%m/%d/%Y"}  # by whether the month comes first
_MONTH_STYLES = ("%Y-%m", "%B %Y")
_TIME = re.compile(r"[T ]\d{1,2}:\d\d.*$")


@lru_cache(maxsize=1 << 16)
def day_or_month(text: str | None, *, month_first: bool = False) -> str | None:
    """A date as YYYY-MM-DD or, where only the month is given, YYYY-MM; None where it is empty or in no known style.

    A time of day is left out. A year before 1900 is of another calendar (the Iranian year 1399, say) and counts as no known
    style.

    Parameters
    ----------
    text
        The date as written.
    month_first
        Whether 03/04/2020 is a day in March. WHO ICTRP, for one, writes the day first.

    Examples
    --------
    >>> day_or_month("25/01/2020"), day_or_month("March 2020"), day_or_month("soon")
    ('2020-01-25', '2020-03', None)
    """
    text = _TIME.sub("", (text or "").strip())
    for styles, form in (((*_DAY_STYLES, _SLASHES[month_first]), "%Y-%m-%d"), (_MONTH_STYLES, "%Y-%m")):
        for style in styles:
            try:
                day = datetime.strptime(text, style)  # noqa: DTZ007 (a calendar day has no time zone)
            except ValueError:
                continue
            return day.strftime(form) if day.year >= 1900 else None
    return None


def unambiguous_day(text: str) -> str | None:
    """A day as YYYY-MM-DD where it can be read in one way only: 26/11/2026, but not 05/11/2026; else None."""
    readings = {day_or_month(text, month_first=order) for order in (False, True)}
    days = {reading for reading in readings if reading and len(reading) == len("2026-11-26")}
    return days.pop() if len(days) == 1 else None


@lru_cache
def day_after(day: str) -> str:
    """The day that follows one, both as YYYY-MM-DD."""
    return (datetime.fromisoformat(day) + timedelta(days=1)).strftime("%Y-%m-%d")
