"""Pairs of records that may be one trial, proposed to a person by likeness of titles, sponsors, dates and sizes."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from evlib.base.query import tokens
from evlib.base.schema import checked

_BLOCK = 30  # records that may share a rare word for the word to bring them together
_RAREST = 6  # words of a title that bring records together
_COMMON = 10  # records that state the same conditions; more, where these are also a tenth of all, tell nothing by them
_AT_ONCE = 100_000  # pairs that are compared at a time, which bounds the memory
THRESHOLD = 4.75
_OF_LINK = 4.5  # points of two records that a number or a note links

WEIGHTS = pd.DataFrame(
    [
        ("titles alike from 50 of 100 on, in proportion", "0 to 5"),
        ("titles unlike (below 40)", "-1"),
        ("same acronym of four letters or more", "+3"),
        ("sponsors alike (85 of 100 or more), and no word or number that tells one name from the other", "+1.5"),
        ("sponsors unlike (below 45)", "-0.75"),
        ("starts within a month (31 days)", "+1.5"),
        ("started on the same day", "+1"),
        ("a start is missing, and registrations within a month", "+1.25"),
        ("starts, or where these are missing registrations, more than a year apart", "-1.5"),
        ("same enrolment", "+1"),
        ("enrolments that differ by more than a factor of two", "-1"),
        ("conditions alike (80 of 100 or more), unless more than ten records and a tenth of all state them", "+1"),
        ("conditions unlike (below 45)", "-0.5"),
        ("both in one registry, which seldom takes a trial twice", "-3"),
        (
            "linked by a number that one or both name, or by the note on one, and not merged: proposed with any points",
            "+4.5",
        ),
    ],
    columns=["fact", "points"],
)
# What can be told of a pair beside the likeness of its titles, which is worth ``_OF_TITLES`` at most; in the order of the evidence.
_POINTS = {
    "titles unlike": -1.0,
    "same acronym": 3.0,
    "sponsors alike": 1.5,
    "sponsors unlike": -0.75,
    "started within a month": 1.5,
    "started on the same day": 1.0,
    "registered within a month": 1.25,
    "more than a year apart": -1.5,
    "same enrolment": 1.0,
    "enrolments differ by more than a factor of two": -1.0,
    "conditions alike": 1.0,
    "conditions unlike": -0.5,
    "in one registry": -3.0,
}
_OF_TITLES = 5.0


class _Facts(NamedTuple):
    """What is compared: one row per record, with texts as places in ``texts`` (0: none), where each has its words sorted."""

    rows: pd.DataFrame
    texts: dict[str, np.ndarray]


def proposals(
    records: pd.DataFrame, *, settled: Iterable[tuple[str, str]] = (), linked: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Pairs of records that may be one trial, the likeliest first.

    Only records that share a rare word of their titles, an acronym, or two of sponsor, month and size are compared,
    so that the work grows with the number of records and not with its square. A pair is proposed from ``THRESHOLD`` points
    on; the points are ``WEIGHTS``, set by hand on planted duplicates and on pairs of real records of two registries.

    Parameters
    ----------
    records
        Table ``records``.
    settled
        Pairs of numbers, in either order, that are not proposed: known to be one trial, or judged to be two.
    linked
        As ``evlib.screen.deduplication.links_not_merged`` gives them: proposed whatever their points.

    Returns
    -------
    pandas.DataFrame
        Table ``proposals``: ``trn, other_trn, points, title_likeness, sponsor_likeness`` (0 to 100), ``days_apart`` of the
        starts, ``evidence`` in words.

    Examples
    --------
    >>> titles = ["Exosomes for severe pneumonia", "Exosomes in severe pneumonia", "Vesicles for knee osteoarthritis"]
    >>> records = pd.DataFrame({"trn": ["NCT1", "ChiCTR2", "NCT3"], "brief_title": titles, "start_date": "2020-03"})
    >>> records = records.assign(registry=["ClinicalTrials.gov", "ChiCTR", "ClinicalTrials.gov"], trn_kind="number")
    >>> table = proposals(checked(records.assign(snapshot="2026-11-28"), "records"))
    >>> table[["trn", "other_trn", "points", "evidence"]]
        trn other_trn  points                                        evidence
    0  NCT1   ChiCTR2    5.78  titles 93 of 100 alike; started within a month
    """
    facts = _facts(records)
    alike = (_scored(facts, left, right) for left, right in _candidates(facts))
    pairs = pd.concat([_linked(facts, linked), *alike]).drop_duplicates(["trn", "other_trn"])
    known = {frozenset(pair) for pair in settled}
    pairs = pairs[np.array([frozenset(pair) not in known for pair in zip(pairs.trn, pairs.other_trn)], dtype=bool)]
    return checked(pairs.sort_values(["points", "trn", "other_trn"], ascending=[False, True, True]), "proposals")


def _linked(facts: _Facts, linked: pd.DataFrame | None) -> pd.DataFrame:
    """The pairs that numbers or notes link, each in the order of the records, scored as others are and with the link's points."""
    place = {trn: i for i, trn in enumerate(facts.rows.trn)}
    rows = [] if linked is None else linked[["trn", "other_trn", "evidence"]].itertuples(index=False)
    found = [
        (*sorted((place[one], place[other])), words) for one, other, words in rows if one in place and other in place
    ]
    left, right = (np.array([row[end] for row in found], dtype=np.int64) for end in (0, 1))
    pairs = _scored(facts, left, right, threshold=-np.inf)
    words = pd.Series([row[2] for row in found], dtype="str")
    return pairs.assign(points=pairs.points + _OF_LINK, evidence=words.str.cat(pairs.evidence, sep="; "))


def _facts(records: pd.DataFrame) -> _Facts:
    texts: dict[str, np.ndarray] = {}

    def places(name: str, *columns: str, shortest: int = 1) -> np.ndarray:
        """Each text's place among all different ones of the columns, which are kept; one row per column."""
        cells = np.concatenate([records[column].fillna("").to_numpy(dtype=object) for column in columns])
        of_cell, different = pd.factorize(cells)  # each text is taken apart once
        words = [" ".join(tokens(text)) for text in different]
        of_text, plain = pd.factorize(
            np.array(["", *(text if len(text) >= shortest else "" for text in words)], dtype=object)
        )
        texts[name] = np.array([" ".join(sorted(text.split())) for text in plain], dtype=object)
        return of_text[1:][of_cell].astype(np.int32).reshape(len(columns), -1)

    def days(name: str) -> np.ndarray:
        dates = pd.to_datetime(records[name], format="ISO8601", errors="coerce").to_numpy(dtype="datetime64[D]")
        return np.where(np.isnat(dates), np.nan, dates.astype("float64"))

    brief, official = places("title", "brief_title", "official_title")
    starts = records.start_date.fillna("").to_numpy(dtype=object)
    months = np.array([text[:7] if len(text) >= len("2020-01") else "" for text in starts], dtype=object)
    conditions = places("conditions", "conditions")[0]
    common = np.bincount(conditions)[conditions] > max(_COMMON, len(records) / 10)
    rows = records[["trn"]].reset_index(drop=True)
    rows = rows.assign(
        brief=brief,
        official=official,
        sponsor=places("sponsor", "sponsor")[0],
        conditions=conditions,
        common=common,
        acronym=places("acronym", "acronym", shortest=4)[0],
        registry=np.where(
            records.trn_kind == "page", -1, pd.factorize(records.registry)[0]
        ),  # a page is no registration
        month=pd.factorize(np.append("", months).astype(object))[0][1:],
        start=days("start_date"),
        day=np.array([len(text) >= len("2020-01-01") for text in starts], dtype=bool),
        registered=days("registered_text"),
        enrolment=records.enrolment.astype("float64").to_numpy(),
    )
    return _Facts(rows, texts)


def _candidates(facts: _Facts) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of both records of each pair to compare, the first before the second; some ``_AT_ONCE`` at a time."""
    keys, places = _blocks(facts)
    order = np.lexsort((places, keys))
    keys, places = keys[order], places[order]
    n = len(facts.rows)
    ends = np.searchsorted(keys, keys, side="right")
    sizes = ends - np.searchsorted(keys, keys)
    partners = np.where(sizes <= _BLOCK, ends - np.arange(len(keys)) - 1, 0)  # those after it in its block
    part = (np.cumsum(np.bincount(places, partners, n)) // _AT_ONCE)[places]
    order = np.argsort(part, kind="stable")
    for entries in np.split(order, np.flatnonzero(np.diff(part[order])) + 1):
        each = partners[entries]
        nth = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
        pairs = pd.unique(np.repeat(places[entries], each) * n + places[np.repeat(entries, each) + 1 + nth])
        yield pairs // max(n, 1), pairs % max(n, 1)


def _blocks(facts: _Facts) -> tuple[np.ndarray, np.ndarray]:
    """Keys that bring records together, and the places of the records that have them."""
    rows = facts.rows
    sizes = pd.factorize(rows.enrolment.replace(0, np.nan))[0] + 1
    found, next_key = [_rare_words(facts)], rows.size * _RAREST  # above any word's
    pairs = (rows.acronym, rows.acronym), (rows.sponsor, rows.month), (sizes, rows.month), (rows.sponsor, sizes)
    for one, other in pairs:
        one, other = np.asarray(one, dtype=np.int64), np.asarray(other, dtype=np.int64)
        known = np.flatnonzero((one > 0) & (other > 0))
        found.append((next_key + one[known] * (other.max(initial=0) + 1) + other[known], known))
        next_key = found[-1][0].max(initial=next_key) + 1
    keys, places = (np.concatenate([part[end] for part in found]) for end in (0, 1))
    return keys, places


def _rare_words(facts: _Facts) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rarest words of each record's titles that others share, and the record's place."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    words, lengths = array("i"), array("i")
    titles = facts.texts["title"]
    for brief, official in zip(facts.rows.brief.tolist(), facts.rows.official.tolist()):
        own = set(titles[brief].split())
        if official != brief:
            own.update(titles[official].split())
        words.extend(map(numbers.__getitem__, own))
        lengths.append(len(own))
    word = np.array(words, dtype=np.int32)
    frequency = np.bincount(word, minlength=len(numbers))
    spelt = list(numbers)
    shared = np.flatnonzero((frequency >= 2) & (frequency <= _BLOCK)).tolist()
    rank = np.full(len(numbers), -1, dtype=np.int64)
    rank[sorted(shared, key=lambda number: (frequency[number], spelt[number]))] = np.arange(len(shared))
    key, place = rank[word], np.repeat(np.arange(len(lengths)), lengths)
    key, place = key[key >= 0], place[key >= 0]
    order = np.lexsort((key, place))
    key, place = key[order], place[order]
    rarest = np.arange(len(place)) - np.searchsorted(place, place) < _RAREST
    return key[rarest], place[rarest]


def _scored(facts: _Facts, left: np.ndarray, right: np.ndarray, *, threshold: float = THRESHOLD) -> pd.DataFrame:
    """The pairs that reach the threshold, with their points and the evidence.

    What numbers tell comes first, the likeness of texts, which takes the time, last, and only of pairs that can still get there.
    """
    pairs = pd.DataFrame({"left": left, "right": right} | _told_by_numbers(facts.rows, left, right))
    of_conditions = _POINTS["conditions alike"] + _OF_TITLES
    pairs = pairs[_points(pairs) + _POINTS["sponsors alike"] + of_conditions >= threshold]
    one, other = _both(facts.rows, "sponsor", pairs)
    least = np.where(_points(pairs) + of_conditions >= threshold, 0, 85)
    sponsor, named = _alike(facts.texts["sponsor"], one, other, least), (one > 0) & (other > 0)
    pairs = pairs.assign(sponsor=np.where(named, sponsor, np.nan))
    pairs = pairs.assign(**{"sponsors alike": sponsor >= 85, "sponsors unlike": (sponsor < 45) & named})
    pairs = pairs[_points(pairs) + of_conditions >= threshold]
    least = np.where(_points(pairs) + _OF_TITLES >= threshold, 0, 80)
    one, other = _both(facts.rows, "conditions", pairs)
    conditions, named = _alike(facts.texts["conditions"], one, other, least), (one > 0) & (other > 0)
    telling = ~np.logical_or(*_both(facts.rows, "common", pairs))
    pairs = pairs.assign(
        **{"conditions alike": (conditions >= 80) & telling, "conditions unlike": (conditions < 45) & named}
    )
    pairs = pairs[_points(pairs) + _OF_TITLES >= threshold]
    points = _points(pairs)
    pairs = pairs.assign(
        title=_titles_alike(facts, pairs, np.where(points >= threshold, 0, 50 + 10 * (threshold - points)))
    )
    titled = np.logical_and(*np.maximum(_both(facts.rows, "brief", pairs), _both(facts.rows, "official", pairs)))
    pairs = pairs.assign(**{"titles unlike": (pairs.title < 40) & titled})
    of_titles = np.clip((pairs.title - 50) / 10, 0, _OF_TITLES)
    pairs = pairs[_points(pairs) + of_titles >= threshold]
    alike = pairs["sponsors alike"].to_numpy(copy=True)
    alike[alike] = ~_told_apart(facts.texts["sponsor"], *_both(facts.rows, "sponsor", pairs[alike]))
    pairs = pairs.assign(**{"sponsors alike": alike})
    pairs = pairs.assign(points=_points(pairs) + of_titles[pairs.index])
    pairs = pairs[pairs.points >= threshold]
    start, other_start = _both(facts.rows, "start", pairs)
    trn = facts.rows.trn
    return pd.DataFrame(
        {
            "trn": trn.iloc[pairs.left].array,
            "other_trn": trn.iloc[pairs.right].array,
            "points": pairs.points.round(2).array,
            "title_likeness": pairs.title.round(1).array,
            "sponsor_likeness": pairs.sponsor.round(1).array,
            "days_apart": np.abs(start - other_start),
            "evidence": pd.Series(list(map(_evidence, pairs[["title", *_POINTS]].to_dict("records"))), dtype="str"),
        }
    )


def _told_by_numbers(rows: pd.DataFrame, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    names = ("acronym", "month", "start", "day", "registered", "enrolment", "registry")
    columns = (rows[name].to_numpy() for name in names)
    acronym, month, start, day, registered, size, registry = ((column[left], column[right]) for column in columns)
    of_starts, of_registrations = np.abs(start[0] - start[1]), np.abs(registered[0] - registered[1])
    unknown = np.isnan(of_starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.maximum(*size) / np.minimum(*size)
    return {
        "same acronym": (acronym[0] == acronym[1]) & (acronym[0] > 0),
        "started within a month": (of_starts <= 31) & (month[0] > 0) & (month[1] > 0),
        "started on the same day": (of_starts == 0) & day[0] & day[1],
        "registered within a month": unknown & (of_registrations <= 31),
        "more than a year apart": np.where(unknown, of_registrations, of_starts) > 366,
        "same enrolment": size[0] == size[1],
        "enrolments differ by more than a factor of two": times > 2,
        "in one registry": (registry[0] == registry[1]) & (registry[0] >= 0),
    }


def _points(pairs: pd.DataFrame) -> np.ndarray:
    return sum(weight * pairs[name].to_numpy() for name, weight in _POINTS.items() if name in pairs)


def _both(rows: pd.DataFrame, name: str, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    column = rows[name].to_numpy()
    return column[pairs.left], column[pairs.right]


def _evidence(facts: dict[str, float]) -> str:
    speak_for = [
        f"titles {facts['title']:.0f} of 100 alike",
        *(name for name in _POINTS if _POINTS[name] > 0 and facts[name]),
    ]
    against = [name for name in _POINTS if _POINTS[name] < 0 and facts[name]]
    words = "; ".join(speak_for) + (f"; against: {', '.join(against)}" if against else "")
    return sys.intern(words)  # a million pairs share some thousand such texts


def _titles_alike(facts: _Facts, pairs: pd.DataFrame, least: np.ndarray) -> np.ndarray:
    """How alike the titles of each pair are, public or scientific, whichever are most alike; at least this much counts."""
    combinations = [(one, other) for one in ("brief", "official") for other in ("brief", "official")]
    one = np.concatenate([_both(facts.rows, name, pairs)[0] for name, _ in combinations])
    other = np.concatenate([_both(facts.rows, name, pairs)[1] for _, name in combinations])
    return _alike(facts.texts["title"], one, other, np.tile(least, 4)).reshape(4, -1).max(axis=0)


def _alike(texts: np.ndarray, one: np.ndarray, other: np.ndarray, least: np.ndarray) -> np.ndarray:
    """How alike texts are, 0 to 100, whatever the order of their words: mean of all words and of those in common; 0 where
    one is empty, and where they cannot be as much alike as ``least``.
    """
    pairs, place = np.unique(one * np.int64(len(texts)) + other, return_inverse=True)  # many pairs have the same texts
    left, right = pairs // len(texts), pairs % len(texts)
    whole = _compared(texts, left, right, fuzz.ratio)  # of sorted words
    needed = np.full(len(pairs), np.inf)
    np.minimum.at(needed, place, least - 1e-6)
    near = np.flatnonzero((left > 0) & (right > 0) & ((whole + 100) / 2 >= needed))
    alike = np.zeros(len(pairs))
    alike[near] = (whole[near] + _compared(texts, left[near], right[near], fuzz.token_set_ratio)) / 2
    return alike[place]


def _told_apart(texts: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether each of two names has words (of four letters or more) or numbers that the other lacks, and these are unlike: the
    first and the third hospital of a city, or the universities of two."""
    apart = one != other
    pairs, place = np.unique(one[apart] * np.int64(len(texts)) + other[apart], return_inverse=True)
    left, right = ([_telling(text) for text in texts[end]] for end in np.divmod(pairs, len(texts)))
    own = [(" ".join(sorted(a - b)), " ".join(sorted(b - a))) for a, b in zip(left, right)]
    of_pair = np.array([bool(a and b) for a, b in own], dtype=bool)
    if of_pair.any():
        both = zip(*(words for words in own if all(words)))
        of_pair[of_pair] = process.cpdist(*map(list, both), scorer=fuzz.ratio, workers=-1) < 75
    apart[apart] = of_pair[place]
    return apart


def _telling(text: str) -> frozenset[str]:
    return frozenset(word for word in text.split() if len(word) > 3 or any(map(str.isdigit, word)))


def _compared(texts: np.ndarray, left: np.ndarray, right: np.ndarray, scorer: Callable[..., float]) -> np.ndarray:
    """All cores compare the texts of each pair."""
    if not len(left):
        return np.zeros(0)
    return process.cpdist(texts[left].tolist(), texts[right].tolist(), scorer=scorer, workers=-1).astype("float64")
