"""Registration numbers: find them in text, write each in one way, and tell whose they are."""

import re
import unicodedata

# One row per numbering scheme: registry, pattern of the number as people write it, how we write it.
# Sources: WHO ICTRP's list of primary registries and each registry's own numbering notes.
_SCHEMES: list[tuple[str, str, str]] = [
    ("ClinicalTrials.gov", r"NCT[\s#:-]*(\d{8})", "NCT{0}"),
    ("ChiCTR", r"ChiCTR[\s:-]*(?:(?:[A-Z]{2,4}|[A-Z]{2,4}-[A-Z]{2,4})-)?(\d{8}|\d{10})", "ChiCTR{0}"),
    ("IRCT", r"IRCT[\s:-]*(\d{11,14})\s*N\s*(\d{1,4})", "IRCT{0}N{1}"),
    ("ANZCTR", r"ACTRN[\s:-]*(\d{14})", "ACTRN{0}"),
    ("ISRCTN", r"ISRCTN[\s:-]*(\d{8})", "ISRCTN{0}"),
    ("JPRN", r"(?:JPRN-)?UMIN[\s:-]*(\d{9})", "UMIN{0}"),
    ("JPRN", r"(?:JPRN-)?jRCT[\s:-]*([sbac]{0,2}\d{9,10})", "jRCT{0}"),
    ("CRiS", r"KCT[\s:-]*(\d{7})", "KCT{0}"),
    ("CTIS", r"(?:CTIS)?((?:20\d\d)-5\d{5}-\d\d)(?:-\d\d)?", "{0}"),
]

_EDGE_LEFT, _EDGE_RIGHT = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_PATTERNS = [(registry, re.compile(_EDGE_LEFT + p + _EDGE_RIGHT, re.I), form) for registry, p, form in _SCHEMES]
_PAGE = re.compile(r"[A-Za-z]+:trial/\d+")


def registration_numbers(text: str) -> list[str]:
    """The registration numbers in a text, normalised, each once, in the order of their first mention.

    Full-width characters count as plain ones. A number inside a longer run of letters or digits is not found.
    """
    plain = unicodedata.normalize("NFKC", text)
    found = [
        (match.start(), form.format(*_cased(registry, match.groups())))
        for registry, pattern, form in _PATTERNS
        for match in pattern.finditer(plain)
    ]
    return list(dict.fromkeys(number for _, number in sorted(found)))


def normalised(identifier: str) -> str:
    """An identifier in the one way we write it: a registration number normalised, anything else trimmed."""
    numbers = registration_numbers(identifier)
    text = unicodedata.normalize("NFKC", identifier).strip()
    return numbers[0] if len(numbers) == 1 and len(text) <= len(numbers[0]) + 8 else text


def trn_kind(trn: str) -> str:
    """What an identifier is: ``number``, ``page`` (a registry's page, its number not seen) or ``placeholder``."""
    if registration_numbers(trn) == [trn]:
        return "number"
    return "page" if _PAGE.fullmatch(trn) else "placeholder"


def _cased(registry: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(group.lower() if registry == "JPRN" else group for group in groups)
