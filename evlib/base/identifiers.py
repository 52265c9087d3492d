"""Registration numbers: find them in text, write each in one way, and say which registry issued it."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

_NO_WORD = r"(?=\d|[0-9b-df-hj-np-tv-z]+(?![0-9a-z]))"  # "RBR-approved" is none; ReBEC writes no vowels
_COUNTRY = r"(?:-Outside-EU(?:/EEA)?|-3rd|-[A-Z]{2,3})?"  # what the EU register adds for each country

# One row per numbering scheme: registry, what stands in each of its numbers (in lower case, so that most texts need not be searched),
# the number as people write it, and as we write it.
# ClinicalTrials.gov and the primary registries of the WHO network; forms as the registries' own records show them.
# "~" stands for what may come between a prefix and its digits: blanks, "#", ":", ".", "-", "/" or nothing.
_SCHEMES: list[tuple[str, str, str, str]] = [
    ("ClinicalTrials.gov", "nct", r"NCT~(\d{8})", "NCT{0}"),
    ("ANZCTR", "actrn", r"ACTRN~(\d{14})p?", "ACTRN{0}"),  # "p": provisional
    ("ReBEC", "rbr", rf"RBR~({_NO_WORD}[0-9a-z]{{6,8}})", "RBR-{0:lower}"),
    ("ChiCTR", "chictr", r"ChiCTR~(\d{10})", "ChiCTR{0}"),
    ("ChiCTR", "chictr", r"ChiCTR~([A-Z]{2,5})~(\d{8})", "ChiCTR-{0:upper}-{1}"),
    ("ITMCTR", "itmctr", r"ITMCTR~(\d{10})", "ITMCTR{0}"),
    ("CRiS", "kct", r"KCT~(\d{7})", "KCT{0}"),
    ("CTRI", "ctri", r"CTRI~(20\d\d)~(\d\d)~(\d{6})", "CTRI/{0}/{1}/{2}"),
    ("RPCEC", "rpcec", r"RPCEC~(\d{8})", "RPCEC{0}"),
    ("CTIS", "-5", r"(?:CTIS~)?(20\d\d-5\d{5}-\d\d)(?:-\d\d)?", "{0}"),
    ("EUCTR", "-", rf"(?:EUCTR~|EudraCT~)?((?:19|20)\d\d-[0-4]\d{{5}}-\d\d){_COUNTRY}", "EUCTR{0}"),
    ("DRKS", "drks", r"DRKS~(\d{8})", "DRKS{0}"),
    ("IRCT", "irct", r"IRCT~(\d{11,14})~N~(\d{1,4})", "IRCT{0}N{1}"),
    ("ISRCTN", "isrctn", r"ISRCTN~(\d{8})", "ISRCTN{0}"),
    ("JPRN", "umin", r"(?:JPRN~)?(?:UMIN~CTR~)?UMIN~(\d{9})", "UMIN{0}"),
    ("JPRN", "umin", r"(?:JPRN~)?UMIN~CTR~(\d{9})", "UMIN{0}"),
    ("JPRN", "c000000", r"(?:JPRN~)?(?:UMIN~(?:CTR~)?)?C(000000\d{3})", "C{0}"),  # the first of UMIN
    ("JPRN", "jrct", r"(?:JPRN~)?jRCT~([sbac]{0,2}\d{9,10})", "jRCT{0:lower}"),
    ("JPRN", "japiccti", r"(?:JPRN~)?JapicCTI~(\d{6})", "JapicCTI-{0}"),
    ("JPRN", "jma", r"(?:JPRN~)?JMA~IIA~(\d{5})", "JMA-IIA{0}"),
    ("LBCTR", "lbctr", r"LBCTR~(\d{10})", "LBCTR{0}"),
    ("TCTR", "tctr", r"TCTR~(\d{11})", "TCTR{0}"),
    ("NTR", "ntr", r"NTR~(\d{3,4})", "NTR{0}"),
    ("NTR", "nl", r"NL(\d{4}|(?<=\ANL)\d{1,3}\Z)", "NL{0}"),  # a short one is told from other things only by itself
    ("NTR", "omon", r"NL~OMON~(\d{4,6})", "NL-OMON{0}"),
    ("PACTR", "pactr", r"PACTR~(\d{15,16})", "PACTR{0}"),
    ("PHRR", "phrr", r"PHRR~(\d{6})~(\d{6})", "PHRR{0}-{1}"),
    ("REPEC", "per", r"PER~(\d{3})~(\d\d)", "PER-{0}-{1}"),
    ("SLCTR", "slctr", r"SLCTR~(20\d\d)~(\d{3})", "SLCTR/{0}/{1}"),
    ("SNCTP", "snctp", r"SNCTP~(\d{9})", "SNCTP{0}"),
]

_COMMONEST = re.compile(r"NCT[0-9]{8}")  # as it stands in most fields; no other form is found in one
# Something of this stands in each text with a number.
_ANY = re.compile("|".join(dict.fromkeys(row[1] for row in _SCHEMES if row[1][0] != "-")) + r"|\d{4}-\d{6}-\d\d")
_BETWEEN = r"[\s#:./-]*"
_ALONE = "(?<![A-Za-z0-9])%s(?![A-Za-z0-9])"
_PATTERNS = [
    (registry, needed, re.compile(_ALONE % pattern.replace("~", _BETWEEN), re.IGNORECASE | re.ASCII), form)
    for registry, needed, pattern, form in _SCHEMES
]
# What an ethics committee or a telephone numbers, in the form of the EU's numbers.
_OF_OTHERS = re.compile(
    r"(?:\b(?:IRB|IEC|ERB|REC|HREC|tel|phone|fax|grant)|ethic\w*|committee|board|approval)"
    r"(?:[\s#:.,/()-]|\b(?:no|nr|number|code|id|ref\w*|file|protocol|approval)\b)*$",
    re.IGNORECASE,
)
_PAGE = re.compile(r"[A-Za-z]+:trial/\d+")
_PAGE_ADDRESS = re.compile(r"https?://(?:\w+\.)?irct\.(?:ir|behdasht\.gov\.ir)/trial/(\d+)/?", re.IGNORECASE)
_HYPHENS = str.maketrans(dict.fromkeys("‐‑‒–—―−﹘﹣－", "-") | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff"))
# What people write before a number that is the record's own.
_NAMED = re.compile(
    r".{0,8}|https?://\S*"
    r"|(?:[\s#:.,/()-]|\b(?:clinicaltrials\.gov|www|EU|CT|EudraCT|WHO|registry|registration|trial|study|identifier|id|number|"
    r"no|nr|TRN)\b)*",
    re.IGNORECASE,
)


def registration_numbers(text: str) -> list[str]:
    """The registration numbers in a text, normalised, each once, in the order of their first mention.

    Full-width characters count as plain ones, and any hyphen as one. A number inside a longer run of letters or digits is
    not found, nor what an ethics committee numbers in the form of the EU's numbers ("IRB 2021-000123-45").
    """
    if _COMMONEST.fullmatch(text):
        return [text]
    return list(dict.fromkeys(number for _, number, _ in sorted(_numbers(_plain(text)))))


def normalised(identifier: str) -> str:
    """An identifier in the one way we write it: a registration number normalised, anything else trimmed.

    Words after a number, or its address in a registry, do not matter ("NCT04276987 (main study)"). A text with two numbers,
    or with other words before the number ("extension of NCT04276987"), stays as it is.
    """
    text = _plain(identifier).strip()
    if page := _PAGE_ADDRESS.fullmatch(text):
        return f"IRCT:trial/{page[1]}"
    readable = unquote(text) if text.startswith("http") else text
    found = sorted(_numbers(readable))
    alone = len({number for _, number, _ in found}) == 1 and _NAMED.fullmatch(readable, 0, found[0][0])
    return found[0][1] if alone else text


def registry_of(trn: str) -> str | None:
    """The registry that issues numbers of this form; None for anything that is not one registration number."""
    return "ClinicalTrials.gov" if _COMMONEST.fullmatch(trn) else _registry_of(trn)


@lru_cache(maxsize=1 << 10)
def _registry_of(trn: str) -> str | None:
    return next((registry for _, number, registry in _numbers(_plain(trn)) if number == trn), None)


def trn_kind(trn: str) -> str:
    """What an identifier is: ``number``, ``page`` (a registry's page, its number not seen), ``placeholder`` (no number at all)
    or ``unknown form``: something with digits that may well be a number, of a form that is not known here."""
    if registry_of(trn):
        return "number"
    if _PAGE.fullmatch(trn):
        return "page"
    return "unknown form" if re.search(r"\d", trn) and ":no-number/" not in trn else "placeholder"


def _plain(text: str) -> str:
    """The text with plain characters for full-width ones, one kind of hyphen, and nothing that has no width."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_HYPHENS)


def _numbers(text: str) -> Iterator[tuple[int, str, str]]:
    """Place, normalised number and registry of every number in a plain text."""
    if _COMMONEST.fullmatch(text):
        yield 0, text, "ClinicalTrials.gov"
        return
    lower = text.lower()
    if not _ANY.search(lower):
        return
    for registry, _, pattern, form in [scheme for scheme in _PATTERNS if scheme[1] in lower]:
        for match in pattern.finditer(text):
            if not (match[0][0].isdigit() and _OF_OTHERS.search(text, max(0, match.start() - 60), match.start())):
                yield match.start(), _written(form, match.groups()), registry


def _written(form: str, groups: tuple[str, ...]) -> str:
    """The form with its groups filled in, ``{0:lower}`` and ``{0:upper}`` in that case."""

    if ":" not in form:
        return form.format(*groups)

    def part(match: re.Match[str]) -> str:
        value = groups[int(match[1])]
        return {"lower": value.lower(), "upper": value.upper()}.get(match[2], value)

    return re.sub(r"\{(\d)(?::(\w+))?\}", part, form)
