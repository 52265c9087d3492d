"""Pairs of records that may be one trial, proposed to a person by likeness of titles, sponsors, dates and sizes."""

import itertools
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from evlib.base.query import tokens
from evlib.base.schema import checked

_BLOCK = 30  # records that may share a rare word for the word to bring them together
_RAREST = 6  # words of a title that bring records together
_AT_ONCE = 100_000  # pairs that are compared at a time
_WORKERS = 2
THRESHOLD = 4.5
_OF_LINK = 4.5  # points of two records that a number links

WEIGHTS = pd.DataFrame(
    [
        ("titles alike from 50 of 100 on, in proportion", "0 to 5"),
        ("same acronym of four letters or more", "+3"),
        ("sponsors alike (85 of 100 or more)", "+1.5"),
        ("sponsors unlike (below 45)", "-1"),
        ("started in the same month", "+1.5"),
        ("starts, or where these are missing registrations, more than a year apart", "-1.5"),
        ("same enrolment", "+1"),
        ("enrolments that differ by more than a factor of two", "-1"),
        ("conditions alike (80 of 100 or more)", "+1"),
        ("both in one registry, which seldom takes a trial twice", "-1.5"),
        ("linked by a number that one or both of them name, and not merged: proposed with any points", "+4.5"),
    ],
    columns=["fact", "points"],
)


def proposals(
    records: pd.DataFrame, *, settled: Iterable[tuple[str, str]] = (), linked: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Pairs of records that may be one trial, the likeliest first.

    Only records that share a rare word of their titles, an acronym, a sponsor and month, or a size and month are compared,
    so that the work grows with the number of records and not with its square. A pair is proposed from ``THRESHOLD`` points
    on; the points are ``WEIGHTS``, set by hand on planted duplicates.

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
        trn other_trn  points                                           evidence
    0  NCT1   ChiCTR2    5.78  titles 93 of 100 alike; started in the same month
    """
    facts = _facts(records)
    left, right = _candidates(facts)
    starts = range(0, max(len(left), 1), _AT_ONCE)
    alike = [_scored(facts, left[i : i + _AT_ONCE], right[i : i + _AT_ONCE]) for i in starts]
    pairs = pd.concat([_linked(facts, linked), *alike]).drop_duplicates(["trn", "other_trn"])
    known = {frozenset(pair) for pair in settled}
    pairs = pairs[np.array([frozenset(pair) not in known for pair in zip(pairs.trn, pairs.other_trn)], dtype=bool)]
    return checked(pairs.sort_values(["points", "trn", "other_trn"], ascending=[False, True, True]), "proposals")


def _linked(facts: pd.DataFrame, linked: pd.DataFrame | None) -> pd.DataFrame:
    """The pairs that numbers link, each in the order of the records, scored as others are and with the link's points."""
    place = {trn: i for i, trn in enumerate(facts.trn)}
    rows = [] if linked is None else linked[["trn", "other_trn", "evidence"]].itertuples(index=False)
    found = [
        (*sorted((place[one], place[other])), words) for one, other, words in rows if one in place and other in place
    ]
    left, right = (np.array([row[end] for row in found], dtype=np.int64) for end in (0, 1))
    pairs = _scored(facts, left, right, threshold=-np.inf)
    words = pd.Series([row[2] for row in found], dtype="str")
    return pairs.assign(points=pairs.points + _OF_LINK, evidence=words.str.cat(pairs.evidence, sep="; "))


def _facts(records: pd.DataFrame) -> pd.DataFrame:
    def words(name: str) -> list[str]:
        return [" ".join(tokens(text)) for text in records[name].fillna("")]

    def days(name: str) -> np.ndarray:
        dates = pd.to_datetime(records[name], format="ISO8601", errors="coerce").to_numpy(dtype="datetime64[D]")
        return np.where(np.isnat(dates), np.nan, dates.astype("float64"))

    facts = records[["trn", "registry"]].reset_index(drop=True)
    return facts.assign(
        brief=words("brief_title"),
        official=words("official_title"),
        sponsor=words("sponsor"),
        conditions=words("conditions"),
        acronym=[word if len(word) >= 4 else "" for word in words("acronym")],
        start=days("start_date"),
        registered=days("registered_text"),
        month=records.start_date.str.slice(0, 7).fillna("").to_numpy(),
        enrolment=records.enrolment.astype("float64").to_numpy(),
    )


def _candidates(facts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The places of both records of each pair to compare, the first before the second."""
    frequency = Counter(word for words in _title_words(facts) for word in words)
    keys, places = array("q"), array("q")
    for place, words in enumerate(_title_words(facts)):
        shared = [word for word in words if 2 <= frequency[word] <= _BLOCK]
        rarest = sorted(shared, key=lambda word: (frequency[word], word))[:_RAREST]
        keys.extend(map(hash, rarest))
        places.extend([place] * len(rarest))
    for names in (["acronym"], ["sponsor", "month"], ["enrolment", "month"]):
        for place, key in enumerate(zip(*(facts[name] for name in names))):
            if all(part and part == part for part in key):  # neither empty nor missing
                keys.append(hash((*names, *key)))
                places.append(place)
    pairs = np.unique(_pairs_of_blocks(np.array(keys, dtype=np.int64), np.array(places, dtype=np.int64), len(facts)))
    return pairs // max(len(facts), 1), pairs % max(len(facts), 1)


def _title_words(facts: pd.DataFrame) -> Iterator[set[str]]:
    return (set(f"{brief} {official}".split()) for brief, official in zip(facts.brief, facts.official))


def _pairs_of_blocks(keys: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """All pairs of places that share a key of at most ``_BLOCK`` records, as first * count + second."""
    order = np.lexsort((places, keys))
    keys, places = keys[order], places[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.int64)
    sizes = np.diff(np.r_[starts, len(keys)])
    pairs = [np.zeros(0, dtype=np.int64)]
    for size in range(2, _BLOCK + 1):
        blocks = places[starts[sizes == size][:, None] + np.arange(size)]
        pairs += [blocks[:, i] * count + blocks[:, j] for i, j in itertools.combinations(range(size), 2)]
    return np.concatenate(pairs)


def _scored(facts: pd.DataFrame, left: np.ndarray, right: np.ndarray, *, threshold: float = THRESHOLD) -> pd.DataFrame:
    """The pairs that reach the threshold, with their points and the evidence."""
    one, other = facts.iloc[left].reset_index(drop=True), facts.iloc[right].reset_index(drop=True)
    title = np.maximum.reduce([_alike(one[a], other[b]) for a in ("brief", "official") for b in ("brief", "official")])
    sponsor, conditions = _alike(one.sponsor, other.sponsor), _alike(one.conditions, other.conditions)
    starts = np.abs(one.start - other.start)
    apart = starts.fillna(np.abs(one.registered - other.registered))
    sizes = np.maximum(one.enrolment, other.enrolment) / np.minimum(one.enrolment, other.enrolment)
    tests = {
        "same acronym": (3.0, (one.acronym == other.acronym) & (one.acronym != "")),
        "sponsors alike": (1.5, sponsor >= 85),
        "sponsors unlike": (-1.0, (sponsor < 45) & (one.sponsor != "") & (other.sponsor != "")),
        "started in the same month": (1.5, (one.month == other.month) & (one.month != "")),
        "more than a year apart": (-1.5, apart > 366),
        "same enrolment": (1.0, one.enrolment == other.enrolment),
        "enrolments differ by more than a factor of two": (-1.0, sizes > 2),
        "conditions alike": (1.0, conditions >= 80),
        "in one registry": (-1.5, one.registry == other.registry),
    }
    points = np.clip((title - 50) / 10, 0, 5) + sum(weight * np.asarray(holds) for weight, holds in tests.values())
    table = pd.DataFrame(
        {
            "trn": one.trn,
            "other_trn": other.trn,
            "points": np.round(points, 2),
            "title_likeness": np.round(title, 1),
            "sponsor_likeness": np.where((one.sponsor != "") & (other.sponsor != ""), np.round(sponsor, 1), np.nan),
            "days_apart": starts,
        }
    )
    reached = np.flatnonzero(points >= threshold)
    holding = [(name, weight > 0, np.asarray(holds)) for name, (weight, holds) in tests.items()]
    evidence = [_evidence(title[i], holding, i) for i in reached]
    return table.iloc[reached].assign(evidence=pd.Series(evidence, index=reached, dtype="str"))


def _evidence(title: float, holding: list[tuple[str, bool, np.ndarray]], place: int) -> str:
    speak_for = [f"titles {title:.0f} of 100 alike", *(name for name, good, holds in holding if good and holds[place])]
    against = [name for name, good, holds in holding if not good and holds[place]]
    return "; ".join(speak_for) + (f"; against: {', '.join(against)}" if against else "")


def _alike(one: pd.Series, other: pd.Series) -> np.ndarray:
    """How alike texts are, 0 to 100, whatever the order of their words: mean of all words and of those in common; 0 where one is empty."""
    if one.empty:
        return np.zeros(0)
    whole = process.cpdist(one.tolist(), other.tolist(), scorer=fuzz.token_sort_ratio, workers=_WORKERS)
    shared = process.cpdist(one.tolist(), other.tolist(), scorer=fuzz.token_set_ratio, workers=_WORKERS)
    both = ((one != "") & (other != "")).to_numpy()
    return np.where(both, (whole.astype("float64") + shared) / 2, 0.0)
