"""The criteria as rules: what the protocol's phrases alone propose for a record."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from evlib.base.protocol import phrase_pattern
from evlib.base.reading.comparisons import is_comparison
from evlib.base.schema import checked, split_multi

_TITLES = ("brief_title", "official_title")
_NAMED = (*_TITLES, "interventions")  # where a record names its product
_PRODUCT = (*_NAMED, "ev_term_text", "arms")
_ORIGIN = ("msc_source_text", *_PRODUCT)
_CONDITION = (*_TITLES, "conditions")
_COMPARED = ("interventions", "arms")  # fields whose values may be an arm of comparison
_OF_CRITERIA = (*_CONDITION, *_COMPARED)  # where phrases of a criterion that names no fields are looked for
_WITH_AND_WITHOUT = re.compile(r"\bwith\s*(?:and|or|/)\s*without\b", re.IGNORECASE)
_NON = re.compile(r"\bnon[\s‐-―-]?$", re.IGNORECASE)
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # kana, Han and Hangul
_AFTER = re.compile(r"(?:[\s‐-―-]|\b(?:is|are|was|were|be|been|will)\b\s)*")
_TO_SOME = re.compile(
    r"\s+(?:to|in|for|until|if|before|after|when|as|with)\b", re.IGNORECASE
)  # "not given to controls"
_REACH = 4  # words between an intervention and the word for its origin


class _Exclusion(NamedTuple):
    """A criterion that excludes by phrases: what it looks for, by field, in the records of some registries or, empty, of all."""

    code: str
    text: str
    registries: list[str]
    patterns: dict[str, re.Pattern[str]]


def rule_decisions(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What the protocol's phrases alone propose for each record; a proposal never counts as a decision.

    A record is proposed for exclusion by the first criterion of which a phrase stands in the fields that the criterion
    looks into. Any other is proposed for inclusion where it names the intervention; its origin, if the protocol lists
    phrases for one; and, likewise, the condition. These are looked for in titles, interventions, arms, and source and term
    as the record words them; the condition in titles and conditions. A word that is negated ("without exosomes",
    "exosome-free"), or stands in an arm of comparison, does not count. Another origin counts where it is that of the
    intervention ("platelet exosomes"), not of something beside it ("exosomes versus platelet-rich plasma"). A record is
    excluded for want of a word only where it has one of the protocol's ``language_words``: in a language that the rules do
    not know, nothing follows from what is not found.

    Returns
    -------
    pandas.DataFrame
        Table ``decisions`` with reviewer ``rule``: one row per record, the reason naming the words that triggered it.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> titles = ["MSC exosomes for pneumonia", "Platelet exosomes for wounds", "Stem cell exosomes for wounds"]
    >>> records = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3"], "trn_kind": "number", "brief_title": titles})
    >>> table = rule_decisions(records, protocol=load_protocol("protocol.yml"))
    >>> for row in table.itertuples():
    ...     print(row.decision, row.criterion, row.reason, sep=" | ")
    include | nan | 'exosomes' in brief_title; 'MSC' in brief_title
    exclude | E4 | other origin: 'Platelet' in brief_title
    unclear | nan | 'exosomes' in brief_title; cells not named as mesenchymal: 'Stem cell' in brief_title
    """
    patterns, exclusions = _patterns(protocol), _exclusions(protocol)
    rows = [_rule_decision(row, patterns, exclusions, protocol["screening"]) for row in records.to_dict("records")]
    table = pd.DataFrame(rows, columns=["trn", "decision", "criterion", "reason"])
    return checked(table.assign(stage="eligibility", reviewer="rule", read_by="rules"), "decisions")


def triggers(record: dict, *, protocol: dict) -> pd.DataFrame:
    """Every word of a record that the rules look for and that counts, for a person to see.

    Parameters
    ----------
    record
        A row of table ``records`` or of the queue; fields that it lacks are skipped.

    Returns
    -------
    pandas.DataFrame
        ``field, words, meaning``: meanings of ``speaks_for`` speak for inclusion, the others against it.
    """
    patterns, meanings = _patterns(protocol), _meanings(protocol)
    fields = dict.fromkeys(_ORIGIN, tuple(name for name in meanings if name != "condition"))
    fields |= {name: (*fields.get(name, ()), "condition") for name in _CONDITION}
    rows = [
        (field, match.group(), meanings[name])
        for field, names in fields.items()
        for name in names
        for match, text in _matches(record, field, patterns[name], patterns)
        if name != "other_origin" or field == "msc_source_text" or _is_origin(match, text, patterns)
    ]
    rows += [
        (field, words, f"{exclusion.code} {exclusion.text}")
        for exclusion, field, words in _excluding(record, _exclusions(protocol), patterns)
    ]
    words = pd.DataFrame(rows, columns=["field", "words", "meaning"]).drop_duplicates(ignore_index=True)
    for name, vague in (("origin", "origin_unnamed"), ("intervention", "perhaps")):
        if (words.meaning == meanings[name]).any():  # then words that only may mean it do not matter
            words = words[words.meaning != meanings[vague]]
    return words.reset_index(drop=True)


def speaks_for(protocol: dict) -> tuple[str, ...]:
    """The meanings of words that speak for inclusion, as ``triggers`` names them."""
    asked = [name for name in ("intervention", "origin", "condition") if protocol["screening"][name]]
    return tuple(_meanings(protocol)[name] for name in asked)


def _names(screening: dict) -> dict[str, str]:
    """How reasons name the intervention, its origin and the condition."""
    names = {"origin": "its origin", "origin_unnamed": "origin not named", "condition": "the condition"}
    names |= screening["words"]
    return {"intervention_in_full": names["intervention"], "origin_in_short": names["origin"]} | names


def _meanings(protocol: dict) -> dict[str, str]:
    """What the screening view says of a word that the rules look for, by its list in the protocol."""
    names = _names(protocol["screening"])
    product = names["intervention"]
    return {
        **{name: names[name] for name in ("intervention", "origin", "origin_unnamed", "condition")},
        "perhaps": f"perhaps {product}",
        "other_origin": "other origin",
        "not_intervention": f"not {product}",
        "derivatives": f"derived from {product}",
        "measured_only": f"{product} measured, not given",
    }


def _rule_decision(
    record: dict, patterns: dict, exclusions: list[_Exclusion], screening: dict
) -> dict[str, str | None]:
    criterion, names = screening["criterion"], _names(screening)

    def first(name: str, *fields: str, of_product: bool = False) -> str | None:
        for field in fields:
            for match, text in _matches(record, field, patterns[name], patterns):
                if not of_product or _is_origin(match, text, patterns):
                    return f"'{match.group()}' in {field}"
        return None

    def answer(decision: str, reason: str, code: str | None = None) -> dict[str, str | None]:
        return {"trn": record["trn"], "decision": decision, "criterion": code, "reason": reason}

    for exclusion, field, phrase in _excluding(record, exclusions, patterns):
        return answer("exclude", f"'{phrase}' in {field}", exclusion.code)
    if record["trn_kind"] == "placeholder" and "not_registered" in criterion:
        return answer("exclude", "no registration number", criterion["not_registered"])

    other, product = criterion["other_intervention"], names["intervention"]
    given, origin = first("intervention", *_PRODUCT), first("origin", *_ORIGIN)
    texts = [record[name] for name in (*_PRODUCT, "conditions") if isinstance(record.get(name), str)]
    # In a language whose words are listed: it has one of that language's, or of the intervention's, be it negated.
    known = any(patterns[name].search(text) for text in texts for name in ("language_words", "intervention"))
    unknown = "perhaps in a language that the rules do not know" if texts else "the record shows no words"
    condition = first("condition", *_CONDITION)
    perhaps = None if given else first("perhaps", *_PRODUCT)
    if not given and not perhaps:
        nothing = f"no word for {names['intervention_in_full']} in title, intervention or arms"
        stated = first("not_intervention", *_PRODUCT) or (nothing if known else None)
        return answer("exclude", stated, other) if stated else answer("unclear", f"{nothing}; {unknown}")
    if screening["condition"] and not condition:
        nothing = f"no word for {names['condition']} in title or condition"
        if not known:
            return answer("unclear", f"{nothing}; {unknown}")
        return answer("exclude", nothing, criterion["other_condition"])
    if perhaps:
        return answer("unclear", f"perhaps {product}: {perhaps}")
    if not first("intervention", *_NAMED):
        if other_product := first("not_intervention", *_NAMED) or first("other_origin", *_NAMED):
            return answer("exclude", f"{other_product}; no {product} in title or intervention", other)
        if (cells := first("origin", *_NAMED)) and not first("intervention", "arms"):
            return answer("exclude", f"{names['origin_in_short']}: {cells}; {product} named only beside them", other)
    origin_settled = origin is not None or not screening["origin"]
    if (measured := first("measured_only", *_TITLES)) and not _given(record, patterns, certain=origin_settled):
        return answer("exclude", f"{product} measured, not given: {measured}", other)
    if derivative := first("derivatives", *_NAMED):
        return answer("unclear", f"perhaps only derived from {product}: {derivative}")
    if origin_settled and record["trn_kind"] == "unknown form":
        return answer("unclear", f"its registration number '{record['trn']}' is of an unknown form")
    if origin_settled:
        return answer("include", "; ".join(filter(None, (given, origin, condition))))
    if other_origin := first("other_origin", *_PRODUCT, of_product=True) or first("other_origin", "msc_source_text"):
        return answer("exclude", f"other origin: {other_origin}", other)
    if unnamed := first("origin_unnamed", *_ORIGIN):
        return answer("unclear", f"{given}; {names['origin_unnamed']}: {unnamed}")
    return answer("unclear", f"{given}; source of the {product} not named")


def _patterns(protocol: dict) -> dict[str, re.Pattern[str]]:
    lists = {name: phrases for name, phrases in protocol["screening"].items() if isinstance(phrases, list)}
    return {name: phrase_pattern(phrases) for name, phrases in lists.items()}


def _exclusions(protocol: dict) -> list[_Exclusion]:
    """The criteria that exclude by phrases, in the protocol's order."""
    exclusions = []
    for code, facts in protocol["criteria"].items():
        if not (phrases := facts.get("phrases")):
            continue
        by_name = phrases if isinstance(phrases, dict) else dict.fromkeys(_OF_CRITERIA, phrases)
        patterns = {
            field: phrase_pattern(listed)
            for name, listed in by_name.items()
            for field in (_TITLES if name == "titles" else (name,))
        }
        exclusions.append(_Exclusion(code, facts["text"], facts.get("registries", []), patterns))
    return exclusions


def _excluding(record: dict, exclusions: list[_Exclusion], patterns: dict) -> Iterator[tuple[_Exclusion, str, str]]:
    """Each phrase of a criterion that a record has, with the criterion and the field; the first one decides."""
    for exclusion in exclusions:
        if exclusion.registries and record.get("registry") not in exclusion.registries:
            continue
        for field, pattern in exclusion.patterns.items():
            for match, _ in _matches(record, field, pattern, patterns):
                yield exclusion, field, match.group()


def _matches(record: dict, field: str, wanted: re.Pattern[str], patterns: dict) -> Iterator[tuple[re.Match[str], str]]:
    """Where a field has a wanted word that is neither negated nor in an arm of comparison, each with its text."""
    for text in split_multi(record.get(field)):
        if field in _COMPARED and is_comparison(text, patterns):
            continue
        for match in wanted.finditer(text):
            if not _negated(match, text, patterns):
                yield match, text


def _given(record: dict, patterns: dict, *, certain: bool) -> bool:
    """Whether a record whose title speaks of measuring has the intervention given all the same: it names it among its
    interventions, or the title treats, and the origin is ``certain``."""
    interventions = _matches(record, "interventions", patterns["intervention"], patterns)
    if any(not patterns["measured_only"].search(text) for _, text in interventions):
        return True
    return certain and any(any(_matches(record, name, patterns["treatment_words"], patterns)) for name in _TITLES)


def _negated(match: re.Match[str], text: str, patterns: dict) -> bool:
    """Whether the last two words before a place, within its clause, negate it, or the word right after it does."""
    clause = re.split(r"[.;:,(，。；：（]", text[: match.start()])[-1]
    before = _WITH_AND_WITHOUT.sub("with", clause).split()[-_REACH:]
    # Where words are not set apart, only what stands right before it can negate.
    unspaced = bool(before) and _UNSPACED.search(before[-1]) is not None
    tail = "".join(before[-2:])[-3:] if unspaced else " ".join(before)
    near = 0 if unspaced else len(" ".join(before[:-2]))
    negated_before = any(found.end() > near for found in patterns["negations"].finditer(tail))
    after = _AFTER.match(text, match.end())
    said_after = patterns["negations_after"].match(text, after.end()) if after else None
    negated_after = said_after is not None and _TO_SOME.match(text, said_after.end()) is None
    return negated_before or _NON.search(clause) is not None or negated_after


def _is_origin(match: re.Match[str], text: str, patterns: dict) -> bool:
    """Whether the word for an origin belongs to one for the intervention: "platelet exosomes", "exosomes from platelets"."""
    for product in patterns["intervention"].finditer(text):
        if match.end() <= product.start():
            between, linked = text[match.end() : product.start()], True
        elif product.end() <= match.start():
            between = text[product.end() : match.start()]
            linked = (re.fullmatch(r"\W?", between) and " " not in between) or patterns["origin_links"].search(between)
        else:
            return True
        apart = patterns["joining"].search(between) or re.search(r"[.;,|+，。；]", between)
        if linked and not apart and len(between.split()) <= _REACH:
            return True
    return False
