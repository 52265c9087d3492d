"""The criteria as rules: what the protocol's phrases alone say of a record."""

import re
from collections.abc import Iterator

import pandas as pd

from evlib.base.protocol import phrase_pattern
from evlib.base.schema import checked, split_multi

_TITLES = ("brief_title", "official_title")
_NAMED = (*_TITLES, "interventions")  # where a record names its product
_PRODUCT = (*_NAMED, "ev_term_text", "arms")
_ORIGIN = ("msc_source_text", *_PRODUCT)
_CONDITION = (*_TITLES, "conditions")
_COMPARED = ("interventions", "arms")  # fields whose values may be an arm of comparison
_WITH_AND_WITHOUT = re.compile(r"\bwith\s*(?:and|or|/)\s*without\b", re.IGNORECASE)
_NON = re.compile(r"\bnon[\s‐-―-]?$", re.IGNORECASE)
_REACH = 4  # words between an intervention and the word for its origin
_OF_PRODUCT = (
    *("intervention", "perhaps", "origin", "origin_unnamed", "other_origin", "not_intervention", "derivatives"),
    "measured_only",
)


def rule_decisions(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What the protocol's phrases alone say of each record.

    A record is proposed for inclusion where it names the intervention; its origin, if the protocol lists phrases for one;
    and, likewise, the condition. The fields read are titles, interventions, arms, source and term as the record words them,
    for the condition titles and conditions, and status and note. A word that is negated ("without exosomes",
    "exosome-free"), or stands in an arm of comparison, does not count. Another origin counts where it is that of the
    intervention ("platelet exosomes"), not of something beside it ("exosomes versus platelet-rich plasma"). The rules
    propose; they are never counted as a decision.

    Returns
    -------
    pandas.DataFrame
        Table ``decisions`` with reviewer ``rule``: one row per record, the reason naming the words that triggered it.
    """
    patterns = _patterns(protocol)
    rows = [_rule_decision(record, patterns, protocol["screening"]) for record in records.to_dict("records")]
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
        ``field, words, meaning``: meanings of ``speaks_for`` speak for inclusion, the others against it.
    """
    patterns, meanings = _patterns(protocol), _meanings(protocol)
    fields = dict.fromkeys(_ORIGIN, _OF_PRODUCT)
    fields |= {name: (*fields.get(name, ()), "condition") for name in _CONDITION}
    fields |= {name: (*fields[name], "withdrawn_title") for name in _TITLES}
    fields |= {"status": ("withdrawn_status",), "note": ("supplementary_words",)}
    rows = [
        (field, match.group(), meanings[name])
        for field, names in fields.items()
        for name in names
        for match, text in _found(record, patterns, name, field)
        if name != "other_origin" or field == "msc_source_text" or _is_origin(match, text, patterns)
    ]
    found = pd.DataFrame(rows, columns=["field", "words", "meaning"]).drop_duplicates(ignore_index=True)
    for name, vague in (("origin", "origin_unnamed"), ("intervention", "perhaps")):
        if (found.meaning == meanings[name]).any():  # then words that only may mean it do not matter
            found = found[found.meaning != meanings[vague]]
    return found.reset_index(drop=True)


def speaks_for(protocol: dict) -> tuple[str, ...]:
    """The meanings of words that speak for inclusion, as ``triggers`` names them."""
    asked = [name for name in ("intervention", "origin", "condition") if protocol["screening"][name]]
    return tuple(_meanings(protocol)[name] for name in asked)


def _words(screening: dict) -> dict[str, str]:
    """How reasons name the intervention, its origin and the condition."""
    words = {"origin": "its origin", "origin_unnamed": "origin not named", "condition": "the condition"}
    words |= screening["words"]
    in_full = {"intervention_in_full": words["intervention"], "origin_in_short": words["origin"]}
    return in_full | words


def _meanings(protocol: dict) -> dict[str, str]:
    """What a person is told of a word that the rules look for, by its list in the protocol."""
    words = _words(protocol["screening"])
    return {
        **{name: words[name] for name in ("intervention", "origin", "origin_unnamed", "condition")},
        "perhaps": f"perhaps {words['intervention']}",
        "other_origin": "other origin",
        "not_intervention": f"not {words['intervention']}",
        "derivatives": f"derived from {words['intervention']}",
        "measured_only": f"{words['intervention']} measured, not given",
        "withdrawn_status": "withdrawn",
        "withdrawn_title": "withdrawn",
        "supplementary_words": "registered late",
    }


def _rule_decision(record: dict, patterns: dict, screening: dict) -> dict[str, str | None]:
    criterion, words = screening["criterion"], _words(screening)

    def first(name: str, *fields: str, of_product: bool = False) -> str | None:
        for field in fields:
            for match, text in _found(record, patterns, name, field):
                if not of_product or _is_origin(match, text, patterns):
                    return f"'{match.group()}' in {field}"
        return None

    def answer(decision: str, reason: str, code: str | None = None) -> dict[str, str | None]:
        return {"trn": record["trn"], "decision": decision, "criterion": code, "reason": reason}

    other, product = criterion["other_intervention"], words["intervention"]
    found = first("withdrawn_status", "status") or first("withdrawn_title", *_TITLES)
    if found and "withdrawn" in criterion:
        return answer("exclude", found, criterion["withdrawn"])
    found = first("supplementary_words", *_TITLES, "note")
    if found and "supplementary" in criterion and patterns["supplementary_registries"].search(record["registry"]):
        return answer("exclude", found, criterion["supplementary"])
    if record["trn_kind"] == "placeholder" and "not_registered" in criterion:
        return answer("exclude", "no registration number", criterion["not_registered"])

    given, origin = first("intervention", *_PRODUCT), first("origin", *_ORIGIN)
    condition = first("condition", *_CONDITION)
    named = first("intervention", *_NAMED)
    perhaps = None if given else first("perhaps", *_PRODUCT)
    if not given and not perhaps:
        found = first("not_intervention", *_PRODUCT)
        none = f"no word for {words['intervention_in_full']} in title, intervention or arms"
        return answer("exclude", found or none, other)
    if screening["condition"] and not condition:
        none = f"no word for {words['condition']} in title or condition"
        return answer("exclude", none, criterion["other_condition"])
    if perhaps:
        return answer("unclear", f"perhaps {product}: {perhaps}")
    if not named:
        if found := first("not_intervention", *_NAMED):
            return answer("exclude", f"{found}; no {product} in title or intervention", other)
        if found := first("other_origin", *_NAMED):
            return answer("exclude", f"{found}; no {product} in title or intervention", other)
        if (found := first("origin", *_NAMED)) and not first("intervention", "arms"):
            return answer("exclude", f"{words['origin_in_short']}: {found}; {product} named only beside them", other)
    asks_origin = bool(screening["origin"])
    if (found := first("measured_only", *_TITLES)) and not _given(
        record, patterns, certain=origin is not None or not asks_origin
    ):
        return answer("exclude", f"{product} measured, not given: {found}", other)
    if found := first("derivatives", *_NAMED):
        return answer("unclear", f"perhaps only derived from {product}: {found}")
    if origin or not asks_origin:
        return answer("include", "; ".join(filter(None, (given, origin, condition))))
    found = first("other_origin", *_PRODUCT, of_product=True) or first("other_origin", "msc_source_text")
    if found:
        return answer("exclude", f"other origin: {found}", other)
    if found := first("origin_unnamed", *_ORIGIN):
        return answer("unclear", f"{given}; {words['origin_unnamed']}: {found}")
    return answer("unclear", f"{given}; source of the {product} not named")


def _patterns(protocol: dict) -> dict[str, re.Pattern[str]]:
    lists = {name: words for name, words in protocol["screening"].items() if isinstance(words, list)}
    return {name: phrase_pattern(words) for name, words in lists.items()}


def _found(record: dict, patterns: dict, name: str, field: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each place, with its text, where a field has a word of a list that is neither negated nor in a comparison."""
    for text in split_multi(record.get(field)):
        if field in _COMPARED and _is_comparison(text, patterns):
            continue
        for match in patterns[name].finditer(text):
            if not _negated(match, text, patterns):
                yield match, text


def _given(record: dict, patterns: dict, *, certain: bool) -> bool:
    """Whether a record whose title speaks of measuring has the intervention given all the same: it names it among its
    interventions, or the title treats, and the origin is ``certain``."""
    interventions = [
        text
        for _, text in _found(record, patterns, "intervention", "interventions")
        if not patterns["measured_only"].search(text)
    ]
    treats = any(True for field in _TITLES for _ in _found(record, patterns, "treatment_words", field))
    return bool(interventions) or (certain and treats)


def _is_comparison(text: str, patterns: dict) -> bool:
    """Whether the value of an arm or intervention is a comparison by its label, the part before the colon.

    "Control: plasma exosomes" and "Drug: Placebo" are; "MSC-EVs against placebo" and "standard care plus MSC-EVs" are not.
    """
    label = patterns["intervention_types"].sub("", text, count=1).lstrip(": ").split(":")[0]
    match = patterns["comparator_arms"].search(label)
    if match is None or patterns["joining"].search(label):
        return False
    return patterns["intervention"].search(label[: match.start()]) is None


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
