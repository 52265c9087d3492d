"""Registration numbers: find them in text, write each in one way, and say which registry issued it."""

import re
import unicodedata
from collections.abc import Iterator

# One row per numbering scheme: registry, the number as people write it, and as we write it.
# ClinicalTrials.gov and the primary registries of the WHO network; forms as the registries' own records show them.
# "~" stands for what may come between a prefix and its digits: blanks, "#", ":", ".", "-", "/" or nothing.
_SCHEMES: list[tuple[str, str, str]] = [
    ("ClinicalTrials.gov", r"NCT~(\d{8})", "NCT{0}"),
    ("ANZCTR", r"ACTRN~(\d{14})", "ACTRN{0}"),
    ("ReBEC", r"RBR~([0-9a-z]{6,8})", "RBR-{0:lower}"),
    ("ChiCTR", r"ChiCTR~(\d{10})", "ChiCTR{0}"),
    ("ChiCTR", r"ChiCTR~([A-Z]{2,5})~(\d{8})", "ChiCTR-{0:upper}-{1}"),
    ("ITMCTR", r"ITMCTR~(\d{10})", "ITMCTR{0}"),
    ("CRiS", r"KCT~(\d{7})", "KCT{0}"),
    ("CTRI", r"CTRI~(20\d\d)~(\d\d)~(\d{6})", "CTRI/{0}/{1}/{2}"),
    ("RPCEC", r"RPCEC~(\d{8})", "RPCEC{0}"),
    ("CTIS", r"(?:CTIS~)?(20\d\d-5\d{5}-\d\d)(?:-\d\d)?", "{0}"),
    ("EUCTR", r"(?:EUCTR~|EudraCT~)?((?:19|20)\d\d-[0-4]\d{5}-\d\d)(?:-[A-Z]{2,3})?", "EUCTR{0}"),
    ("DRKS", r"DRKS~(\d{8})", "DRKS{0}"),
    ("IRCT", r"IRCT~(\d{11,14})~N~(\d{1,4})", "IRCT{0}N{1}"),
    ("ISRCTN", r"ISRCTN~(\d{8})", "ISRCTN{0}"),
    ("JPRN", r"(?:JPRN~)?UMIN~(\d{9})", "UMIN{0}"),
    ("JPRN", r"(?:JPRN~)?jRCT~([sbac]{0,2}\d{9,10})", "jRCT{0:lower}"),
    ("JPRN", r"(?:JPRN~)?JapicCTI~(\d{6})", "JapicCTI-{0}"),
    ("JPRN", r"(?:JPRN~)?JMA~IIA~(\d{5})", "JMA-IIA{0}"),
    ("LBCTR", r"LBCTR~(\d{10})", "LBCTR{0}"),
    ("TCTR", r"TCTR~(\d{11})", "TCTR{0}"),
    ("NTR", r"NTR~(\d{3,4})", "NTR{0}"),
    ("NTR", r"NL(\d{4})", "NL{0}"),
    ("NTR", r"NL~OMON~(\d{4,6})", "NL-OMON{0}"),
    ("PACTR", r"PACTR~(\d{15,16})", "PACTR{0}"),
    ("REPEC", r"PER~(\d{3})~(\d\d)", "PER-{0}-{1}"),
    ("SLCTR", r"SLCTR~(20\d\d)~(\d{3})", "SLCTR/{0}/{1}"),
]

_BETWEEN = r"[\s#:./-]*"
_ALONE = "(?<![A-Za-z0-9])%s(?![A-Za-z0-9])"
_PATTERNS = [
    (registry, re.compile(_ALONE % pattern.replace("~", _BETWEEN), re.IGNORECASE | re.ASCII), form)
    for registry, pattern, form in _SCHEMES
]
# One of these stands in every number; most texts hold none of them and need not be searched 26 times.
_HINT = re.compile(
    r"NCT|CTR[^a-z]|CTRI|ACTRN|RBR|KCT|RPCEC|CTIS|EudraCT|(?:19|20)\d\d-\d{5}|DRKS|RCT|ISRCTN|UMIN|Japic|JMA"
    r"|(?:NTR|NL|PER)[\s#:./-]*\d|NL[\s#:./-]*OMON",
    re.IGNORECASE,
)
_PAGE = re.compile(r"[A-Za-z]+:trial/\d+")


def registration_numbers(text: str) -> list[str]:
    """The registration numbers in a text, normalised, each once, in the order of their first mention.

    Full-width characters count as plain ones. A number inside a longer run of letters or digits is not found.
    """
    return list(dict.fromkeys(number for _, number, _ in sorted(_numbers(text))))


def normalised(identifier: str) -> str:
    """An identifier in the one way we write it: a registration number normalised, anything else trimmed."""
    text = unicodedata.normalize("NFKC", identifier).strip()
    numbers = registration_numbers(text)
    return numbers[0] if len(numbers) == 1 and len(text) <= len(numbers[0]) + 8 else text


def registry_of(trn: str) -> str | None:
    """The registry that issues numbers of this form; None for anything that is not one registration number."""
    return next((registry for _, number, registry in _numbers(trn) if number == trn), None)


def trn_kind(trn: str) -> str:
    """What an identifier is: ``number``, ``page`` (a registry's page, its number not seen) or ``placeholder``."""
    if registry_of(trn):
        return "number"
    return "page" if _PAGE.fullmatch(trn) else "placeholder"


def _numbers(text: str) -> Iterator[tuple[int, str, str]]:
    """Place, normalised number and registry of every number in the text."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if not _HINT.search(plain):
        return
    for registry, pattern, form in _PATTERNS:
        for match in pattern.finditer(plain):
            yield match.start(), _written(form, match.groups()), registry


def _written(form: str, groups: tuple[str, ...]) -> str:
    """The form with its groups filled in, ``{0:lower}`` and ``{0:upper}`` in that case."""

    def part(match: re.Match[str]) -> str:
        value = groups[int(match[1])]
        return {"lower": value.lower(), "upper": value.upper()}.get(match[2], value)

    return re.sub(r"\{(\d)(?::(\w+))?\}", part, form)
