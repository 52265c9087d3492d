"""The criteria as rules: what the protocol's phrases alone say of a record."""

import re
from collections.abc import Iterator

import pandas as pd

from evlib.protocol import phrase_pattern
from evlib.schema import checked, split_multi

# What a person is told of a word that the rules look for, by its list in the protocol.
_MEANINGS = {
    "vesicles": "vesicles",
    "cells": "mesenchymal cells",
    "unnamed_cells": "cells not named as mesenchymal",
    "other_origin": "other origin",
    "not_vesicles": "not vesicles",
    "measured_only": "vesicles measured, not given",
    "withdrawn_status": "withdrawn",
    "supplementary_words": "registered late",
}
SPEAKS_FOR = ("vesicles", "mesenchymal cells")
_TITLES = ("brief_title", "official_title")
_NAMED = (*_TITLES, "interventions")  # where a record names its product
_PRODUCT = (*_NAMED, "ev_term_text", "arms")
_ORIGIN = ("msc_source_text", *_PRODUCT)
_COMPARED = ("interventions", "arms")  # fields whose values may be an arm of comparison
_WITH_AND_WITHOUT = re.compile(r"\bwith\s*(?:and|or|/)\s*without\b", re.IGNORECASE)
_NON = re.compile(r"\bnon[\s‐-―-]?$", re.IGNORECASE)
_REACH = 4  # words between a vesicle and the word for its origin


def rule_decisions(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What the protocol's phrases alone say of each record (Wang 2025, section 2.2).

    The fields read are titles, interventions, arms, cell source and EV term as the record words them, status and
    note. A word that is negated ("without exosomes", "exosome-free"), or stands in an arm of comparison, does not count.
    An origin other than mesenchymal cells counts where it is that of the vesicles ("platelet exosomes"), not of something
    beside them ("exosomes versus platelet-rich plasma"). The rules propose; they are never counted as a decision.

    Returns
    -------
    pandas.DataFrame
        Table ``decisions`` with reviewer ``rule``: one row per record, the reason naming the words that triggered it.
    """
    patterns = _patterns(protocol)
    rows = [
        _rule_decision(record, patterns, protocol["screening"]["criterion"]) for record in records.to_dict("records")
    ]
    table = pd.DataFrame(rows, columns=["trn", "decision", "criterion", "reason"]).assign(
        stage="eligibility", reviewer="rule", read_by="rules"
    )
    return checked(table, "decisions")


def triggers(record: dict, *, protocol: dict) -> pd.DataFrame:
    """Every word of a record that the rules look for and that counts, for a person to see.

    Parameters
    ----------
    record
        A row of table ``records`` or of the queue; fields that it lacks are passed over.

    Returns
    -------
    pandas.DataFrame
        ``field, words, meaning``: meanings in ``SPEAKS_FOR`` speak for inclusion, the others against it.
    """
    patterns = _patterns(protocol)
    fields = dict.fromkeys(_ORIGIN, tuple(_MEANINGS)[:6])
    fields |= {"status": ("withdrawn_status",), "note": ("supplementary_words",)}
    rows = [
        (field, match.group(), _MEANINGS[name])
        for field, names in fields.items()
        for name in names
        for match, text in _found(record, patterns, name, field)
        if name != "other_origin" or field == "msc_source_text" or _is_origin(match, text, patterns)
    ]
    found = pd.DataFrame(rows, columns=["field", "words", "meaning"]).drop_duplicates(ignore_index=True)
    if (found.meaning == _MEANINGS["cells"]).any():  # then cells that are only called stem cells do not matter
        found = found[found.meaning != _MEANINGS["unnamed_cells"]]
    return found.reset_index(drop=True)


def _rule_decision(record: dict, patterns: dict, criterion: dict[str, str]) -> dict[str, str | None]:
    def first(name: str, *fields: str, of_vesicles: bool = False) -> str | None:
        for field in fields:
            for match, text in _found(record, patterns, name, field):
                if not of_vesicles or _is_origin(match, text, patterns):
                    return f"'{match.group()}' in {field}"
        return None

    def answer(decision: str, reason: str, code: str | None = None) -> dict[str, str | None]:
        return {"trn": record["trn"], "decision": decision, "criterion": code, "reason": reason}

    other = criterion["other_ingredient"]
    if found := first("withdrawn_status", "status"):
        return answer("exclude", found, criterion["withdrawn"])
    found = first("supplementary_words", *_TITLES, "note")
    if found and patterns["supplementary_registries"].search(record["registry"]):
        return answer("exclude", found, criterion["supplementary"])
    if record["trn_kind"] == "placeholder":
        return answer("exclude", "no registration number", criterion["not_registered"])

    vesicles, cells = first("vesicles", *_PRODUCT), first("cells", *_ORIGIN)
    named = first("vesicles", *_NAMED)
    if not vesicles:
        found = first("not_vesicles", *_PRODUCT)
        return answer("exclude", found or "no word for extracellular vesicles in title, intervention or arms", other)
    if not named:
        if found := first("not_vesicles", *_NAMED):
            return answer("exclude", f"{found}; no vesicles in title or intervention", other)
        if found := first("other_origin", *_NAMED):
            return answer("exclude", f"{found}; no vesicles in title or intervention", other)
        if (found := first("cells", *_NAMED)) and not first("vesicles", "arms"):
            return answer("exclude", f"cells: {found}; vesicles named only beside them", other)
    if (found := first("measured_only", *_TITLES)) and not _given(record, patterns, cells):
        return answer("exclude", f"vesicles measured, not given: {found}", other)
    if cells:
        return answer("include", f"{vesicles}; {cells}")
    found = first("other_origin", *_PRODUCT, of_vesicles=True) or first("other_origin", "msc_source_text")
    if found:
        return answer("exclude", f"other origin: {found}", other)
    if found := first("unnamed_cells", *_ORIGIN):
        return answer("unclear", f"{vesicles}; cells not named as mesenchymal: {found}")
    return answer("unclear", f"{vesicles}; source of the vesicles not named")


def _patterns(protocol: dict) -> dict[str, re.Pattern[str]]:
    return {name: phrase_pattern(words) for name, words in protocol["screening"].items() if name != "criterion"}


def _found(record: dict, patterns: dict, name: str, field: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each place, with its text, where a field has a word of a list that is neither negated nor in a comparison."""
    for text in split_multi(record.get(field)):
        if field in _COMPARED and _is_comparison(text, patterns):
            continue
        for match in patterns[name].finditer(text):
            if not _negated(match, text, patterns):
                yield match, text


def _given(record: dict, patterns: dict, cells: str | None) -> bool:
    """Whether a record whose title speaks of measuring has the vesicles given all the same: an intervention names them, or
    the title treats with vesicles of mesenchymal cells."""
    interventions = [
        text
        for _, text in _found(record, patterns, "vesicles", "interventions")
        if not patterns["measured_only"].search(text)
    ]
    treats = any(True for field in _TITLES for _ in _found(record, patterns, "treatment_words", field))
    return bool(interventions) or (cells is not None and treats)


def _is_comparison(text: str, patterns: dict) -> bool:
    """Whether the value of an arm or intervention is a comparison by its label, the part before the colon.

    "Control: plasma exosomes" and "Drug: Placebo" are; "MSC-EVs against placebo" and "standard care plus MSC-EVs" are not.
    """
    label = patterns["intervention_types"].sub("", text, count=1).lstrip(": ").split(":")[0]
    match = patterns["comparator_arms"].search(label)
    if match is None or patterns["joining"].search(label):
        return False
    return patterns["vesicles"].search(label[: match.start()]) is None


def _negated(match: re.Match[str], text: str, patterns: dict) -> bool:
    """Whether the last two words before a place, within its clause, negate it, or the word right after it does."""
    clause = re.split(r"[.;:,(，。；：（]", text[: match.start()])[-1]
    before = _WITH_AND_WITHOUT.sub("with", clause).split()[-2:]
    after = re.match(r"[\s‐-―-]?(\w+)", text[match.end() :])
    # Where words are not set apart, only what stands right before it can negate.
    tail = " ".join(before) if before and before[-1].isascii() else "".join(before)[-3:]
    negated_before = patterns["negations"].search(tail) is not None or _NON.search(clause) is not None
    return negated_before or (after is not None and patterns["negations_after"].fullmatch(after[1]) is not None)


def _is_origin(match: re.Match[str], text: str, patterns: dict) -> bool:
    """Whether the word for an origin belongs to a word for vesicles: "platelet exosomes", "exosomes from platelets"."""
    for vesicle in patterns["vesicles"].finditer(text):
        if match.end() <= vesicle.start():
            between, linked = text[match.end() : vesicle.start()], True
        elif vesicle.end() <= match.start():
            between = text[vesicle.end() : match.start()]
            linked = (re.fullmatch(r"\W?", between) and " " not in between) or patterns["origin_links"].search(between)
        else:
            return True
        apart = patterns["joining"].search(between) or re.search(r"[.;,|+，。；]", between)
        if linked and not apart and len(between.split()) <= _REACH:
            return True
    return False
