"""The criteria as rules: what the protocol's phrases alone say of a record."""

import re

import pandas as pd

from evlib.protocol import phrase_pattern
from evlib.schema import checked, split_multi


def rule_decisions(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What the protocol's phrases alone say of each record (Wang 2025, section 2.2).

    The fields read are titles, interventions, arms, cell source and EV term as the record words them, status and
    note. A word that is negated ("without exosomes"), or stands in an arm of comparison, does not count. The rules
    propose; they are never counted as a decision.

    Returns
    -------
    pandas.DataFrame
        Table ``decisions`` with reviewer ``rule``: one row per record, the reason naming the words that triggered it.
    """
    patterns = {name: phrase_pattern(words) for name, words in protocol["screening"].items() if name != "criterion"}
    rows = [
        _rule_decision(record, patterns, protocol["screening"]["criterion"]) for record in records.to_dict("records")
    ]
    table = pd.DataFrame(rows, columns=["trn", "decision", "criterion", "reason"]).assign(
        stage="eligibility", reviewer="rule"
    )
    return checked(table, "decisions")


def _rule_decision(record: dict, patterns: dict, criterion: dict[str, str]) -> dict[str, str | None]:
    def first(name: str, *fields: str) -> str | None:
        for field in fields:
            for text in _given(field, record[field], patterns["comparator_arms"]):
                for match in patterns[name].finditer(text):
                    if not _negated(text[: match.start()], patterns["negations"]):
                        return f"'{match.group()}' in {field}"
        return None

    def answer(decision: str, reason: str, code: str | None = None) -> dict[str, str | None]:
        return {"trn": record["trn"], "decision": decision, "criterion": code, "reason": reason}

    product = ("brief_title", "official_title", "interventions", "ev_term_text", "arms")
    titles = ("brief_title", "official_title", "interventions")
    if found := first("withdrawn_status", "status"):
        return answer("exclude", found, criterion["withdrawn"])
    found = first("supplementary_words", "brief_title", "official_title", "note")
    if found and patterns["supplementary_registries"].search(record["registry"]):
        return answer("exclude", found, criterion["supplementary"])
    if record["trn_kind"] == "placeholder":
        return answer("exclude", "no registration number", criterion["not_registered"])
    vesicles, cells = first("vesicles", *product), first("cells", "msc_source_text", *product)
    other = criterion["other_ingredient"]
    if not vesicles:
        found = first("not_vesicles", *product)
        return answer("exclude", found or "no word for extracellular vesicles in title, intervention or arms", other)
    if (found := first("not_vesicles", *titles)) and not first("vesicles", *titles):
        return answer("exclude", f"{found}; no vesicles in title or intervention", other)
    if found := first("measured_only", "brief_title", "official_title"):
        return answer("exclude", f"vesicles measured, not given: {found}", other)
    if cells:
        return answer("include", f"{vesicles}; {cells}")
    if found := first("other_origin", "ev_term_text", *titles):
        return answer("exclude", f"other origin: {found}", other)
    if found := first("unnamed_cells", "msc_source_text", *product):
        return answer("unclear", f"{vesicles}; cells not named as mesenchymal: {found}")
    return answer("unclear", f"{vesicles}; source of the vesicles not named")


def _given(field: str, cell: object, comparators: re.Pattern[str]) -> list[str]:
    """The values of a cell; of the arms only those that are not named as a comparison."""
    values = split_multi(cell)
    if field != "arms":
        return values
    return [value for value in values if not comparators.search(value.split(":")[0])]


def _negated(before: str, negations: re.Pattern[str]) -> bool:
    """Whether the last two words before a place, within its clause, negate what follows."""
    clause = re.split(r"[.;:,(]", before)[-1]
    return negations.search(" ".join(clause.split()[-2:])) is not None
