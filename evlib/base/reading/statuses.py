"""What registries call the state of a trial, in groups; and which of two words is the later one, where a day is not told."""

import pandas as pd

ENDED_EARLY, OTHER, EXPANDED_ACCESS = "Terminated, suspended or withdrawn", "Other word", "Expanded access"
LAST_UPDATE = "last update in the registry"  # what the day of a status is, where nothing else is told
# What registries call the state of a trial, in lower case.
STATUS_WORDS = {
    "Recruiting": "recruiting; open public recruiting; enrolling by invitation; open to recruitment",
    "Not yet recruiting": "not yet recruiting; pending; preinitiation; not yet started",
    "Active, not recruiting": "active, not recruiting; active not recruiting; ongoing",
    "Completed": "completed; complete; ended; main results already published",
    ENDED_EARLY: "terminated; suspended; withdrawn; stopped early; halted; prematurely ended",
    "Unknown": "unknown status; unknown",
}
# Words that say neither how far a trial is nor whether it has ended. WHO ICTRP knows no finer ones: its "Not recruiting" is
# said of trials that run, are completed, or were stopped. Shown only where a trial has one.
_NOT = "not recruiting; no longer recruiting; recruitment complete; recruitment completed"
VAGUE_WORDS = {"Not recruiting (no more is told)": _NOT, "Authorised (no more is told)": "authorised"}
# A product is given outside of a trial: neither under way nor ended as a trial is. Shown only where a record has one.
VAGUE_WORDS[EXPANDED_ACCESS] = "available; no longer available; temporarily not available; approved for marketing"
_GROUPS = {word: group for group, words in (STATUS_WORDS | VAGUE_WORDS).items() for word in words.split("; ")}
# In which order a trial comes to the groups: what has ended does not open again, and ClinicalTrials.gov calls "unknown" what was
# open, should have ended, and has not been updated for two years.
_STAGES = {
    "Not yet recruiting": 0,
    "Recruiting": 1,
    "Active, not recruiting": 2,
    "Unknown": 3,
    "Completed": 4,
    ENDED_EARLY: 4,
}


def plain_status(word: str) -> str:
    """The word of a registry in lower case, with blanks for underscores."""
    return " ".join(word.casefold().replace("_", " ").split())


def status_groups(status: pd.Series) -> pd.Series:
    """The group of each trial's status: ``Recruiting`` … ``Unknown``, ``Other word`` for one that we do not know.

    Examples
    --------
    >>> status_groups(pd.Series(["ENROLLING_BY_INVITATION", "Stopped early", "Available", "asleep", None])).tolist()
    ['Recruiting', 'Terminated, suspended or withdrawn', 'Expanded access', 'Other word', 'Not reported']
    """
    words = status.map(plain_status, na_action="ignore")
    groups = words.map(lambda word: _GROUPS.get(word, OTHER), na_action="ignore")
    return groups.astype(object).fillna("Not reported")


def follows(word: str, earlier: str) -> bool:
    """Whether a trial of which a registry said ``earlier`` comes to ``word`` only afterwards; of words that tell no stage, not.

    Examples
    --------
    >>> follows("Completed", "RECRUITING"), follows("Recruiting", "Unknown status"), follows("Available", "Recruiting")
    (True, False, False)
    """
    later, former = (_STAGES.get(_GROUPS.get(plain_status(text), OTHER)) for text in (word, earlier))
    return later is not None and former is not None and later > former


def days_in_words(day: object, day_is: object, read: object) -> str:
    """Of which day a status is, as its source states it, and when our copy of it was read.

    Takes ``status_day``, ``status_day_is`` and ``status_read`` of table ``records``; missing ones may be None or NaN.

    Examples
    --------
    >>> days_in_words("2020-04-30", LAST_UPDATE, "2022-10-09")
    'last updated in the registry on 2020-04-30; our copy was read on 2022-10-09'
    >>> days_in_words("2024-01-28", "a table of a publication", "2026-11-22")
    'of 2024-01-28, from a table of a publication; our copy was read on 2026-11-22'
    >>> days_in_words(None, None, "2026-11-22")
    'of which day is not told; our copy was read on 2026-11-22'
    """
    place = "" if pd.isna(day_is) else f", from {day_is}"
    told = f"of which day is not told{place}" if pd.isna(day) else f"of {day}{place}"
    told = f"last updated in the registry on {day}" if day_is == LAST_UPDATE else told
    return f"{told}; our copy was read on {read}"


def days_in_short(day: object, day_is: object, read: object) -> str:
    """The same for a cell below a heading that says what the two days are.

    Examples
    --------
    >>> days_in_short("2020-04-30", LAST_UPDATE, "2022-10-09"), days_in_short(None, None, "2026-11-22")
    ('2020-04-30 (2022-10-09)', 'not told (2026-11-22)')
    """
    place = "" if pd.isna(day_is) or day_is == LAST_UPDATE else f", from {day_is}"
    return f"{'not told' if pd.isna(day) else day}{place} ({read})"
