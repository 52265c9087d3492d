"""Arms and interventions of comparison, told by their labels."""

import re

from evlib.base.protocol import phrase_pattern
from evlib.base.schema import join_multi, split_multi

_LISTS = ("intervention", "intervention_types", "comparator_arms", "joining")


def patterns_of_labels(screening: dict) -> dict[str, re.Pattern[str]]:
    """What tells a comparison, from the part ``screening`` of the protocol."""
    return {name: phrase_pattern(screening[name]) for name in _LISTS}


def is_comparison(text: str, patterns: dict[str, re.Pattern[str]]) -> bool:
    """Whether the value of an arm or intervention is a comparison by its label, the part before the colon.

    "Control: plasma exosomes" and "Drug: Placebo" are; "MSC-EVs against placebo" and "standard care plus MSC-EVs" are not.
    ``patterns`` are those of ``patterns_of_labels``.
    """
    label = patterns["intervention_types"].sub("", text, count=1).lstrip(": ").split(":")[0]
    match = patterns["comparator_arms"].search(label)
    if match is None or patterns["joining"].search(label):
        return False
    return patterns["intervention"].search(label[: match.start()]) is None


def without_comparisons(cell: object, patterns: dict[str, re.Pattern[str]]) -> str | None:
    """A cell ``interventions`` or ``arms`` without the values that are comparisons; None where nothing remains."""
    return join_multi(text for text in split_multi(cell) if not is_comparison(text, patterns))
