"""How many administrations a text states, and how often, in the words of registries."""

import re
from itertools import pairwise
from typing import NamedTuple

_WORDS = {
    **{"a": 1, "one": 1, "single": 1, "once": 1, "two": 2, "twice": 2, "three": 3, "thrice": 3, "four": 4},
    **{"five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fourteen": 14},
}
_DAYS = {"day": 1, "week": 7, "month": None}
_TIMES_A_DAY = {"qd": 1, "bid": 2, "tid": 3, "qid": 4}

_N = rf"(?:\d+|{'|'.join(_WORDS)})"
_SPAN = r"(?P<length>day|week|month)s?"
_LASTING = (
    rf"(?:[\s,]*(?:(?:for|during|in|over|within|x)\s+)?(?P<duration>{_N})\s+(?:consecutive\s+)?{_SPAN}\b"
    r"(?!\s+(?:a|per|every|each)\s+(?:week|month)|\s+weekly))?"
)
_OFTEN_A_DAY = re.compile(
    rf"(?i)\b(?:(?:twice|thrice|{_N}\s+times)\s+(?:a|per|every|each)?\s*da(?:y|ily)\b|[btq]id|every\s+\d+\s*h)"
)
_NO_NOUN = r"(?!\s+(?:conditioned|culture|practice|life|activit))"
_RATE = re.compile(
    rf"(?i)\b(?:(?:(?:(?P<often>once|twice|thrice)|(?P<times>{_N})\s+(?:times|(?P<days>days)))\s+)?"
    rf"(?P<each>(?:a|per|every|each)\s+(?P<other>other\s+|{_N}\s+)?(?P<unit>day|week|month)s?\b|daily|weekly|monthly)"
    rf"|(?P<latin>qd|bid|tid|qid)\b){_NO_NOUN}{_LASTING}"
)
_DAY = r"(?:days?|weeks?|months?)"
_NO_AMOUNT = r"(?![\d.]|\s*(?:[x*^%]|e\d|[mu]l\b|[mun]?g\b|cc\b|(?:times|doses|infusions|injections)\b))"
_EVENTS = re.compile(
    rf"(?i)(?<!cycle )\b{_DAY}\s+\d+{_NO_AMOUNT}(?:\s*(?:,\s*and|,|and|&|-|to)\s*(?:{_DAY}\s+)?\d+{_NO_AMOUNT})*"
    rf"(?P<open>\s*,?\s*and\s+(?=\(|later|then|onwards))?"
)
_NOUNS = (
    r"(?:times?|administrations?|infusions?|injections?|instillations?|dos(?:es?|ing)|sessions?|treatments?|rounds?"
    r"|applications?|inhalations?)"
)
_MANNER = (
    r"(?:consecutive|weekly|biweekly|daily|monthly|total|separate|iv|intra[a-z-]*|aerosol|topical|local|nebuli[sz]ed"
    r"|subcutaneous)"
)
_COUNT = re.compile(
    rf"(?i)(?P<bound>\b(?:up\s+to|at\s+most|at\s+least|or|m(?:ax|in)imum(?:\s+of)?|(?:(?:no|not)\s+)?(?:more|less|fewer)"
    rf"\s+than)\s+)?(?P<split>\b(?:(?:divided|split|distributed|spread)\s+(?:\w+ly\s+)?(?:over|into|in|among|between|across"
    rf"|to)|in|into|as|by|via)\s+)?(?<![\w.^*-])"
    rf"(?:(?P<n>{_N})\s+(?:(?:or|to|-)\s*(?P<or>{_N})\s+)?(?:{_MANNER}\s+){{0,3}}(?P<noun>{_NOUNS})\b"
    rf"(?!\s+(?:levels?|groups?|cohorts?|from|a\s|per\s|every|each|daily|sites?|points?|spots?|places?|locations?)"
    rf"|\s*10\s*\^)(?P<more>\s+or\s+(?:more|less|fewer)\b)?|(?P<once>once|twice|thrice)\b)"
)
_ALTERNATIVES = re.compile(
    rf"(?i)\b(?:once|twice|thrice|{_N})(?:\s*,\s*(?:once|twice|thrice|{_N}))*\s*,?\s+or\s+(?:once|twice|thrice|{_N})\s+{_NOUNS}\b"
)
_APART = re.compile(
    rf"(?i)\b{_N}(?:\s*-\s*{_N})?[\s-]*(?:h|hours?|days?|weeks?|months?)[\s-]+(?:apart|intervals?)\b"
    rf"|\b(?:at\s+an?\s+)?intervals?\s+of\s+{_N}\s+(?:hours?|days?|weeks?|months?)(?:,?\s*during\s+{_N}\s+{_DAY})?\b"
)


class Schedule(NamedTuple):
    """A stretch of text on when a dose is given: where it stands, how many times in all (None: not stated), its words."""

    start: int
    end: int
    n: int | None
    words: str
    bare: bool  # a count and nothing else, which says no interval


def schedules(text: str) -> list[Schedule]:
    """The schedules in a text with plain ASCII signs, in their order, without overlaps.

    ``n`` is counted only where it follows from the words: "twice a day, 10 days" is 20, "days 0, 4 and 8" is 3, "every
    14 days during two months" and "one or three administrations" are no number.
    """
    stretches: list[Schedule] = []
    for pattern, number in (
        (_ALTERNATIVES, lambda match: None),
        (_RATE, _of_rate),
        (_APART, lambda match: None),
        (_EVENTS, _of_events),
        (_COUNT, _of_count),
    ):
        for match in pattern.finditer(text):
            if not any(match.start() < other.end and other.start < match.end() for other in stretches):
                bare = pattern is _COUNT and not re.search("single|once", match.group(), re.IGNORECASE)
                words = re.sub(r"[\s,]*(?:\band)?[\s,]*$", "", match.group())
                stretches.append(Schedule(match.start(), match.end(), number(match), words, bare))
    return sorted(stretches)


def in_all(parts: list[Schedule], text: str) -> tuple[int | None, str | None]:
    """Number of administrations and interval of the schedules of one dose; None where they disagree or do not say."""
    numbers = [part.n for part in parts if part.n is not None]
    if any(re.search(r"\bdays\s+(?:a|per|every|each|weekly)\b", part.words) for part in parts):
        often = any(_OFTEN_A_DAY.search(part.words) for part in parts)  # on so many days, and several times on each
        numbers = [] if often else numbers
    words = "; ".join(dict.fromkeys(part.words for part in parts if not part.bare)) or None
    gaps = [text[one.end : other.start] for one, other in pairwise(parts)]
    if any(re.search(r"\bthen\b", gap, re.IGNORECASE) for gap in gaps):
        plain = all(re.fullmatch(r"\W*then\W*", gap, re.IGNORECASE) for gap in gaps) and len(numbers) == len(parts)
        return (sum(numbers) if plain else None), words
    return (numbers[0] if len(set(numbers)) == 1 else None), words


def _as_count(word: str) -> int:
    return _WORDS[word.lower()] if word.lower() in _WORDS else int(word)


def _of_rate(match: re.Match) -> int | None:
    if not match["duration"]:
        return None
    days = _DAYS[match["length"].lower()]
    span = _as_count(match["duration"]) * days if days else None
    if match["latin"]:
        return span and _TIMES_A_DAY[match["latin"].lower()] * span
    times = _as_count(match["often"] or match["times"] or "one")
    if match["days"] and times > (_DAYS[(match["unit"] or "week").lower()] or times):
        return None
    each = match["each"].lower()
    unit = match["unit"].lower() if match["unit"] else {"daily": "day", "weekly": "week", "monthly": "month"}[each]
    step = (match["other"] or "one").strip().lower()
    if unit == match["length"].lower():
        period, total = 1, _as_count(match["duration"])
    else:
        period, total = _DAYS[unit], span
    if not period or not total:
        return None
    period *= 2 if step == "other" else _as_count(step)
    return times * total // period if total % period == 0 else None


def _of_events(match: re.Match) -> int | None:
    if match["open"]:
        return None
    days = [int(day) for day in re.findall(r"\d+", match.group())]
    ranges = re.findall(r"-|to", match.group())
    if not ranges:
        return len(set(days))
    daily = match.group().lower().startswith("day") and not re.search("week|month", match.group(), re.IGNORECASE)
    return days[1] - days[0] + 1 if daily and len(days) == 2 and days[0] < days[1] else None


def _of_count(match: re.Match) -> int | None:
    if match["bound"] or match["or"] or match["more"]:
        return None
    if match["split"] and re.match("injection|instillation|application", match["noun"] or "", re.IGNORECASE):
        return None  # one dose, given at several places
    return _as_count(match["once"] or match["n"])
