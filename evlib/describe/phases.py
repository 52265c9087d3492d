"""The code of the phase that a record states, however it is written: IIa, 2b, 1b/2a, I+II, III/IV, or a spreadsheet's 02-Mar."""

import re

from evlib.base.schema import split_multi

_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4"}
_MONTHS = {"jan": "1", "feb": "2", "mar": "3", "apr": "4"}
_ONE = r"(?:early[\s_-]*)?(?:phases?[\s_-]*)?(?:iv|i{1,3}|[0-4])[\s-]?[abc]?"
_NAMED = re.compile(rf"{_ONE}(?:(?:[\s,/|+&_-]|\band\b|\bto\b|\bor\b)+{_ONE})*(?:\s*(?:clinical\s+)?(?:trial|study))?")
_EACH = re.compile(
    r"(?P<early>early[\s_-]*)?(?:phases?[\s_-]*|(?<![a-z0-9]))(?P<number>iv|i{1,3}|[0-4])[\s-]?[abc]?(?![a-z0-9])"
)
_MADE_A_DAY = re.compile(
    r"0?(?P<one>[0-4])[-/. ](?P<month>jan|feb|mar|apr)|(?P<first>jan|feb|mar|apr)[-/. ]0?(?P<other>[0-4])"
)


def phase_code(stated: object, codes: dict[str, dict]) -> str | None:
    """The code of a stated phase: that of its phrase, else that of the phases it names; ``other`` for what names phases that
    together have no code, where the list has such a code; None where it names no phase.

    Parameters
    ----------
    stated
        The cell ``phases`` of a record; missing: none is stated.
    codes
        The protocol's list: code → ``phrases``.

    Examples
    --------
    >>> codes = {"2": {"phrases": ["phase 2"]}, "2-3": {"phrases": ["phase 2/phase 3"]}}
    >>> [phase_code(text, codes) for text in ("Phase IIa", "02-Mar", "2b/3", "unclear")]
    ['2', '2-3', '2-3', None]
    """
    by_phrase = {phrase.casefold(): code for code, facts in codes.items() for phrase in facts["phrases"]}
    parts = [part.casefold() for part in split_multi(stated)]
    if (code := by_phrase.get("/".join(parts))) or not parts:
        return code
    named = [_phases_named(part) for part in parts]
    if not all(named):
        return None
    phases = sorted({phase for own in named for phase in own}, key=lambda phase: (phase[-1], phase))
    return by_phrase.get("/".join(phases)) or ("other" if "other" in codes else None)


def _phases_named(text: str) -> list[str]:
    """The phases that a text names and nothing else: ``phase 1``, ``early phase 1``; none where it says anything more."""
    text = re.sub(r"\s*\([^()0-9]*\)\s*$", "", text.strip().rstrip("."))
    if day := _MADE_A_DAY.fullmatch(text):
        number, month = (day["one"], day["month"]) if day["one"] else (day["other"], day["first"])
        return [f"phase {number}", f"phase {_MONTHS[month]}"]
    if not _NAMED.fullmatch(text):
        return []
    return [
        f"{'early ' if match['early'] else ''}phase {_ROMAN.get(match['number'], match['number'])}"
        for match in _EACH.finditer(text)
    ]
