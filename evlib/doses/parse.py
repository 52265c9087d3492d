"""Doses read from the words of registries: amounts with their units, per what, how many times and how often.

What is not understood is left out, never guessed: lost superscripts ("2 x 109"), a number with another noun ("10 million
mitochondria"), a comma that may stand between two numbers or be a decimal point ("2,5"), "10 E10" (10^10, or 10 times that).
"""

import re
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import pint

from evlib.base.errors import InputError
from evlib.base.schema import MULTI
from evlib.doses.parse_schedule import Schedule, in_all, schedules
from evlib.doses.stated_doses import UNIT_KINDS

FIELDS = ("low", "high", "unit", "unit_kind", "per", "volume_ml", "n_administrations", "interval")
COLUMNS = (*FIELDS, "stated_unit", "arm", "remark", "as_stated")

# Each kind of unit is a dimension of its own, so that none can become another; a plain mass is one of exosomes.
_BASE_UNITS = (
    *("particles", "cells_equivalent", "cells", "g_protein", "mol_phospholipid", "L_product", "L", "unspecified"),
    *("units", "vials", "kg", "cm2", "g_ointment"),
)
_DEFINITIONS = (
    *("pico- = 1e-12 = p-", "nano- = 1e-9 = n-", "micro- = 1e-6 = u-", "milli- = 1e-3 = m-"),
    *(f"{unit} = [{unit}]" for unit in _BASE_UNITS),
    "g_exosomes = [g_exosomes] = _ = g",
)
_HOUSE_UNITS = ("ug protein", "ug exosomes", "mg/kg", "mL product", "pmol phospholipid/kg")
_MULTIPLES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SIGNS = str.maketrans("×✕✖⨯∗·⋅⁎µμ–—−‒‑～〜∼∽’ \u2009\u202f", "xxxx****uu-----~~~~'   ")
_NO_WIDTH = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!~<>=|^-])")  # as Markdown writes a sign that is to be shown as it is
_DOT_OR_CYRILLIC = re.compile(r"(?<=\d)\s*[•∙・●хХ]\s*(?=10\s*\^)")  # times, between a number and its power
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_MASKED = "¦"  # stands for what has been read already

_DECIMAL = r"(?:\d{1,3}(?:[,']\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(
    rf"(?i)(?<![\w.^])(?<![A-Za-z]-)(?:10\s*\^\s*\(?(?P<power>[+-]?\d{{1,2}})\)?|(?P<digits>{_DECIMAL})"
    rf"(?:\s*[x*]\s*10\s*\^\s*\(?(?P<times>[+-]?\d{{1,2}})\)?|\s*[x*]\s*10\s?e\+?(?P<times_e>\d{{1,2}})"
    rf"|\s?e(?P<e>[+-]?\d{{1,2}})(?!\w))?)(?:\s*(?P<word>{'|'.join(_MULTIPLES)})s?\b)?"
)
_UNREADABLE = re.compile(r"\s*[x*^]\s*\d|[.,]?\d|\s+\d|\s*%")
_RANGE = r"\s*(?:-|~|\bto\b)\s*"
_PLUS_MINUS = r"\s*(?:±|\+/-)\s*"
_LIST = r"\s*(?:,\s*(?:or|and)\b|,|/|:|\bor\b|\band\b)\s*"
_JOINT = re.compile(rf"(?i)(?P<pm>{_PLUS_MINUS})|(?P<range>{_RANGE})|(?P<list>{_LIST})")
# Before a number: what makes it a part of something that is not read. A lone power of ten follows no number and no odd sign.
_OF_MORE = re.compile(
    r"(?i)(?:(?:^|[\s\d)])[x*]|\d\s*[x*]|=>|->|\b(?:half|third|quarter)\s+(?:of|a|an)|\bto\s+the(?:\s+power(?:\s+of)?)?)\s*$"
)
_POWER_OF_MORE = re.compile(
    rf"(?i)(?:\d[\s)\]]*[^\w\s{_MASKED}]*|\d\s+(?:or|to|and)|\b(?:by|times)|[^\w\s(\[,;:~<>≤≥={_MASKED}.'\"-])\s*$"
)
_FRACTION = re.compile(r"(?:1/[2-4]|2/3|3/4)(?![\d.])")
_SHARED_POWER = re.compile(r"\s*\(?\s*[x*]\s*10\s*\^\s*(\d{1,2})\s*\)?")

_KIN = (
    r"(?:human|allogen\w+|autologous|umbilical|cord|placent\w+|adipose|bone|marrow|wharton'?s?|jelly|amniotic|"
    r"mesenchymal|stem|stromal|cell|tissue|derived|small|nano\w*|extracellular|exosom\w+|s?evs?|purified|total|"
    r"[\w-]*mscs?(?:-\w+)*|[\w-]*-derived)"
)
_VESICLES = r"(?:nano[\s-]*(?:vesicles?|particles?)|(?:micro)?vesicles?|particles?|exosomes?|s?evs?|exos?)"
_EV = rf"(?:(?:{_KIN}[\s-]+){{0,8}}(?:[\w-]*msc[\w]*-)?{_VESICLES}\b)"
_ITS = r"(?:protein|phospholipids?)"
_AFTER = (
    rf"(?=\s*(?:$|[{_MASKED};,.()|/+~&-]|(?:in|per|at|for|on|into|to|iv|im|intra[\w-]*|via|by|given|dripped|each|and|or|"
    r"doses?|is|will|with|over|then|once|twice|daily|every|administered|dissolved|diluted|containing|respectively)\b))"
)
_PRODUCT = (
    rf"(?:\s*(?:of\s+)?(?:the\s+)?(?:{_EV}|exo[\w-]*|imp\b|(?:\w+\s+)?secretome|condition\w+\s+(?:culture\s+)?medi\w+|cm\b"
    rf"|(?:{_EV}\s+)?(?:suspension|solution|product|injection)\b))"
)
_DILUENT = (
    r"(?:of\s+)?(?:(?:normal|physiological|isotonic|sterile|0\.9\s*%)\s+)*(?:saline|sodium|pbs|phosphate|"
    r"plasma-?\s?lyte|serum|ringer\w*|dextrose|glucose|water|buffer|ns)\b"
)
_VOLUME_ENDS = rf"\b(?:{_PRODUCT}|{_AFTER}|(?=\s*{_DILUENT}))"
_MASS = r"(?P<prefix>pico|nano|micro|milli|p|n|u|mc|m)(?:g|grams?|grammes?)\b"
_BARE_MASS = re.compile(
    r"(?i)(?<=\d)\s*(?:[pnum]|mc)g\b(?=(?:\s*(?:-|~|,|±|\bto\b|\bor\b|\band\b))+\s*[\d.]+\s*(?:[pnum]|mc)g\s+(?:of\s+)?"
    r"(?:(?:ev|exosom\w+|total)\s+)*(?P<noun>protein)\b)"
)
_UNIT_WORDS = [
    (re.compile(rf"(?i)\s*-?\s*{pattern}"), name)
    for pattern, name in (
        (rf"{_MASS}\s*(?:of\s+)?(?:total\s+)?(?:{_KIN}\s+){{0,5}}?protein\b", "g protein"),
        (rf"{_MASS}(?:(?:\s*(?:of\s+)?(?:{_EV}|exo[\w-]*)\b)(?!\s*{_ITS})|{_AFTER})", "g exosomes"),
        (r"(?P<prefix>pico|nano|micro|milli|p|n|u|m)(?:mol|moles?)\s+(?:of\s+)?phospholipids?\b", "mol phospholipid"),
        (rf"(?P<prefix>micro|milli|u|m|)(?:l|liters?|litres?){_VOLUME_ENDS}", "L product"),
        (rf"(?:cc|cm3|cm\^3|mls){_VOLUME_ENDS}", "mL product"),
        (r"(?:[\w-]*cells?|[\w-]*mscs?)[\s-]+equivalents?\b", "cells equivalent"),
        (rf"(?:of\s+)?{_EV}(?!\s*-?\s*{_ITS})", "particles"),
        (
            rf"(?:of\s+)?(?:{_KIN}[\s-]+){{0,8}}?(?:cells?|[\w-]*mscs?)\b(?!\s*-?\s*(?:derived|products?|exo|s?evs?\b))",
            "cells",
        ),
        (r"units?\b(?!\s+\w*dose)", "units"),
        (r"vials?\b", "vials"),
        (r"unspecified\b", "unspecified"),
    )
]
_PREFIXES = {"pico": "p", "nano": "n", "micro": "u", "milli": "m", "mc": "u"}
_ADMINISTRATION = (
    r"administrations?|dos(?:e|age)s?|times?|treatments?|infusions?|injections?(?!\s*(?:site|point))|sessions?|rounds?"
    r"|applications?|inhalations?|visits?"
)
_PER = re.compile(
    rf"(?i)\s*(?P<sign>/|\bper\b|\beach\b)\s*(?P<n>\d+(?:\.\d+)?)?\s*(?:(?P<kg>kg\b|kilograms?\b)(?:\s*(?:of\s+)?(?:body[\s-]*"
    rf"weight|bw)\b)?|(?P<cm2>cm\s?\^?2\b|square\s+cent\w+)|(?P<volume>[um]?l|cc|millilit\w+|microlit\w+)\b"
    rf"|(?P<ointment>g\s+(?:of\s+)?(?:ointment|cream|gel)\b)|(?P<administration>(?:{_ADMINISTRATION})\b)"
    rf"|(?:injection\s+)?(?P<else>sites?|points?|drops?|nostrils?|eyes?|knees?|joints?|units?|vials?|days?|weeks?"
    rf"|patients?|subjects?|participants?|persons?|sides?|ears?|lesions?|legs?|limbs?|cycles?|courses?)\b)"
)
_PEOPLE = ("subject", "participant", "person")
_ASIDE = re.compile(r"(?i)\s*\([^()\d]{1,30}\)(?=\s*(?:/|per\b))")
_FROM_CELLS = re.compile(
    rf"(?i)(?:{_VESICLES}|\bexosom\w+|supernatant|medium|media|secretome)\b[^.;|]{{0,60}}\b(?:from|by|of|to)\s+"
    r"(?:about\s+|approximately\s+|the\s+)?$|\bmedium\s+of\s+$"
)
_OF_VESICLES = re.compile(rf"(?i)\s*-?\s*(?:of|worth\s+of)\s+{_EV}")
_DILUENT_AFTER = re.compile(
    rf"(?i)\s*\(?{_DILUENT}"
    rf"(?![^;|)]*\b(?:containing|with)\b(?!\s*(?:about\s+)?[\d.]+\s*(?:[mu]?l|cc)\b)[^;|]*{_VESICLES})|[^;,|]*\b(?:free\s+of|without)\b"
)
_DILUENT_BEFORE = re.compile(
    r"(?i)\b(?:saline|pbs|placebo|(?:diluted|dissolved|suspended)\s+(?:in|with|to))\s+(?:about\s+)?$"
)
_ORDINAL = r"(?:\d{1,2}|[A-H]|I{1,3}|IV|VI{0,3})"
_LABEL = re.compile(
    rf"(?i)\b(?:group|cohort|dosage|level|phase|arm|type|part|stage|step|grade|table|panel|visit|day|week|month)s?\s+{_ORDINAL}"
    rf"(?:\s*(?:/|,|-|and)\s*{_ORDINAL})*(?=\s*[:;,.()]|\s*$)|\bpH\s*(?:of\s*|=\s*)?\d+(?:\.\d+)?"
)
_AMOUNT_OF = r"(?:\s+(?:dose|amount|volume))?(?:\s+(?:of|is))?"
_LARGEST, _SMALLEST = rf"max(?:imum|imal|\.)?{_AMOUNT_OF}", rf"min(?:imum|imal|\.)?{_AMOUNT_OF}"
_OR_EQUAL = r"(?:\s+or\s+equal\s+to)?"
_OPENS = re.compile(r"\s*[:(]")
_BOUNDED = re.compile(
    rf"(?i)(?P<upper>\b(?:up\s+to(?:\s+(?:a\s+)?{_LARGEST})?|at\s+most|(?:no|not)\s+(?:more|greater|higher)\s+than"
    rf"|not\s+(?:to\s+)?(?:exceed(?:ing)?|above|over)|{_LARGEST}|(?:less|fewer|lower|smaller)\s+than{_OR_EQUAL}|below"
    rf"|under)\s+$|[<≤]\s*$)|(?P<lower>\b(?:at\s+least|(?:no|not)\s+(?:less|fewer|lower)\s+than"
    rf"|not\s+(?:below|under)|{_SMALLEST}|(?:more|greater|higher|larger)\s+than{_OR_EQUAL}|above|over|exceeding)\s+$"
    rf"|[>≥]\s*$)"
)
_STOPS = r"(?=\s*(?:$|[;,.)|]))"
_BOUNDED_AFTER = re.compile(
    rf"(?i)\s*[,(]?\s*(?:(?P<lower>(?:or|and)\s+(?:more|above|higher|greater|over|up)\b(?!\s+(?:than|to|often|freq))"
    rf"|(?:at\s+least|min(?:imum)?|\+){_STOPS})"
    rf"|(?P<upper>or\s+(?:less|below|lower|fewer|under)\b(?!\s+(?:than|often|freq))|(?:at\s+most|max(?:imum)?){_STOPS}))"
)
_TOTAL = re.compile(
    r"(?i)\b(?:(?:total|cumulative|overall)(?:\s+(?:dose|amount))?|course\s+dose)(?:\s+(?:of|is))?\s*:?\s*$"
)
_KIND_OF_DOSE = re.compile(
    r"(?i)(?:the\s+)?(?:total|cumulative|overall|course|single|max\w*|min\w*)(?:\s+(?:dose|amount|volume))?"
)
_HOLDING = re.compile(
    rf"(?i)[\s,{_MASKED}]*(?:[a-z]+\s+){{0,2}}?(?:at|with|containing|=|,|\()?[\s,({_MASKED}]*(?:about|approximately)?\s*"
)
_IN_TOTAL = re.compile(
    r"(?i)\s*,?\s*(?:(?:in\s+total|per\s+course|total)\b"
    r"|(?:over|within)\s+(?:a\s+period\s+of\s+)?\w+\s+(?:days|weeks|months)\b)"
)
_WITH_A_NUMBER = re.compile(rf"(?<![\w-])(?:[a-z]+\s)?\d[^;{_MASKED}]{{0,60}}", re.IGNORECASE)
_DIVIDED = re.compile(r"(?i)(?:divided|split|distributed|spread)\b")
_QUOTED = re.compile(r"(?i)\bread\s+as\s+$|'\s*$")
_UNIT_NAMED = re.compile(r"(?i)\bunits?\s*(?:of|:|is)?\s*$")


class _Number(NamedTuple):
    digits: str
    exponent: int | None  # None: neither power of ten nor a word such as million
    tenfold: bool = False  # "x 10e11"

    @property
    def value(self) -> float:
        return float(f"{self.digits}e{self.exponent or 0}")


class _Amount(NamedTuple):
    start: int
    end: int
    low: float | None
    high: float | None
    unit: str
    per: str
    volume: float | None
    remark: str | None = None


def parsed(text: str) -> list[dict]:
    """The doses that a text states, as far as its words say so.

    Parameters
    ----------
    text
        Words of a registry; several arms are joined by ``evlib.base.schema.MULTI``.

    Returns
    -------
    list of dict
        One per dose, with the names of ``COLUMNS``: ``low`` and ``high`` in ``unit`` per administration, or per what
        ``per`` names (``mL``: a concentration, ``course``: in all); ``unit`` and ``unit_kind`` as in
        ``evlib.doses.stated_doses.UNIT_KINDS``; ``stated_unit``, which says more where ``unit`` is "other"; ``volume_ml``
        in which a dose is given; ``n_administrations`` and ``interval``; ``arm``, the words before a colon; ``remark``,
        what was multiplied or assumed. None: not stated.

    Notes
    -----
    Cells are ``cells equivalent`` only where the phrase speaks of vesicles from so many cells ("exosomes from 10^6
    cells", "10^6 cells/kg of exosomes"); else they are a dose of cells, of kind "other". A mass without a noun is one of
    exosomes, as in the readers' coding, never of protein. A volume alone is ``mL product``, unless it is a diluent.
    A number with a power of ten or a word such as million, and no unit, is ``unspecified``. "m x 10eN" is m times 10^N.
    """
    return [row for part in text.split(MULTI) for row in _of_part(part)]


def not_understood(text: str) -> list[str]:
    """The parts of a text that hold a number and that ``parsed`` left out, as it read their signs.

    Examples
    --------
    >>> not_understood("5 ug exosomes; then 6 by 10^8 particles")
    ['then 6 by 10^8 particles']
    """
    left = []
    for part in text.split(MULTI):
        for clause in _clauses(_label(_with_plain_signs(re.sub(r"\s+", " ", part)))[1]):
            plain = _without_labels(_mask(clause, [(item.start, item.end) for item in schedules(clause)]))
            rest = _mask(plain, [(amount.start, amount.end) for amount in _quantities(plain)])
            left += [match.group().strip(" .(") for match in _WITH_A_NUMBER.finditer(rest)]
    return list(dict.fromkeys(left))


def in_unit(value: float, unit: str, to: str) -> float:
    """A number in another unit of the same kind ("mg exosomes" in "ug exosomes").

    Raises
    ------
    InputError
        Where the kinds differ, which no factor bridges, or where a unit is unknown.
    """
    registry = _unit_registry()
    try:
        return registry.Quantity(value, _as_pint(unit)).to(_as_pint(to)).magnitude
    except pint.DimensionalityError as error:
        reason = f"'{unit}' and '{to}' are different kinds of unit."
        raise InputError(f"{reason} Use a conversion with a source (evlib.doses.to_particles).") from error
    except pint.UndefinedUnitError as error:
        raise InputError(f"'{unit}' or '{to}' is no unit of doses. Known: {', '.join(UNIT_KINDS)}.") from error


@cache
def _unit_registry() -> pint.UnitRegistry:
    """The units of doses and nothing else: a dimension for each kind, prefixes from pico to milli."""
    registry = pint.UnitRegistry(None)
    registry.load_definitions(_DEFINITIONS)
    return registry


def _as_pint(unit: str) -> str:
    return unit.replace(" ", "_")


def _of_part(part: str) -> list[dict]:
    """The doses of one arm, or of a whole field without arms."""
    part = re.sub(r"\s+", " ", part)
    arm, plain = _label(_with_plain_signs(part))
    read = []
    for clause in _clauses(plain):
        when = schedules(clause)
        read.append((clause, when, _amounts(_mask(clause, [(item.start, item.end) for item in when]))))
    shared_text = "; ".join(clause for clause, _, amounts in read if not amounts)
    shared = schedules(shared_text)
    rows = []
    for words, (clause, when, amounts) in zip(_clauses(part), read, strict=True):
        for index, amount in enumerate(amounts):
            own = _when(amount, amounts[index + 1 :], amounts[0], when)
            n, interval = in_all(own, clause) if own else in_all(shared, shared_text)
            if amount.per == "administration" and any(item.n and _DIVIDED.match(item.words) for item in own):
                amount = amount._replace(per="course")  # "divided into 4 doses"
            rows.append(_row(amount, n, interval, _arm_of(amount, clause, arm), words.strip()))
    return rows


def _arm_of(amount: _Amount, clause: str, arm: str | None) -> str | None:
    """The name of an amount's arm: that of the whole field, or the group or cohort that its words name last before it."""
    named = [match.group() for match in _LABEL.finditer(clause, 0, amount.start) if _OPENS.match(clause, match.end())]
    return named[-1] if named and (arm is None or _LABEL.match(f"{arm}:")) else arm


def _row(amount: _Amount, n: int | None, interval: str | None, arm: str | None, text: str) -> dict:
    unit, low, high = amount.unit, amount.low, amount.high
    if unit not in UNIT_KINDS:
        stated, of = _unit_registry().Unit(_as_pint(unit)), _unit_registry().Unit
        house = next((name for name in _HOUSE_UNITS if stated.is_compatible_with(of(_as_pint(name)))), unit)
        low, high = (bound if bound is None else in_unit(bound, unit, house) for bound in (low, high))
        unit = house
    volume = high if unit == "mL product" and low == high else amount.volume
    known = unit if unit in UNIT_KINDS else "other"
    values = (low, high, known, UNIT_KINDS[known], amount.per, volume, n, interval, unit, arm, amount.remark, text)
    return dict(zip(COLUMNS, values, strict=True))


def _with_plain_signs(text: str) -> str:
    """The text with plain signs: powers as ^, one sign each for times, range and micro, numbers without gaps."""
    text = _ESCAPED.sub(r"\1", text.translate(_NO_WIDTH)).translate(_SIGNS)
    text = re.sub(r">\s?=|≧|⩾", "≥", re.sub(r"<\s?=|≦|⩽", "≤", text))
    text = re.sub(r"(?<=\d)[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: "^" + match.group().translate(_RAISED), text)
    text = _DOT_OR_CYRILLIC.sub(" x ", text.translate(_RAISED).replace("**", "^"))
    while (more := _BARE_MASS.sub(r"\g<0> \g<noun>", text)) != text:
        text = more
    text = re.sub(r"(?<![\d.,])(\d{1,3})((?: 000)+)(?![\d.])", lambda m: m[1] + m[2].replace(" ", ""), text)
    return re.sub(r"(?<![\d.,])0,(\d+)(?![\d,])", r"0.\1", text)


def _label(text: str) -> tuple[str | None, str]:
    """The name of an arm before a colon, and the rest."""
    match = re.match(r"\s*([^:;()]{1,60}?)\s*:\s+", text)
    if not match or not re.search("[A-Za-z]", match[1]) or _KIND_OF_DOSE.fullmatch(match[1]) or _amounts(match[1]):
        return None, text
    return match[1], text[match.end() :]


def _clauses(text: str) -> list[str]:
    """The text parted at semicolons that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for position, sign in enumerate(text):
        depth = max(0, depth + (sign == "(") - (sign == ")"))
        if sign == ";" and not depth:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _mask(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + _MASKED * (end - start) + text[end:]
    return text


def _when(amount: _Amount, later: list[_Amount], first: _Amount, when: list[Schedule]) -> list[Schedule]:
    """The schedules of a dose: those before the first dose, and those up to the next dose or, failing that, the end."""
    before = [item for item in when if item.end <= first.start]
    until = later[0].start if later else float("inf")
    own = [item for item in when if amount.start <= item.start < until]
    if not own and later:
        own = [item for item in when if item.start >= later[-1].start]
    return before + own


def _amounts(text: str) -> list[_Amount]:
    """The amounts of a clause, volumes put to the doses that they hold."""
    text = _without_labels(text)
    return _with_volumes(_quantities(text), text)


def _without_labels(text: str) -> str:
    return _mask(text, [match.span() for match in _LABEL.finditer(text)])


def _quantities(text: str) -> list[_Amount]:
    amounts, position = [], 0
    while match := _NUMBER.search(text, position):
        quantity, position = _quantity(text, match)
        amounts += quantity
    return amounts


def _quantity(text: str, match: re.Match) -> tuple[list[_Amount], int]:
    """The amounts that begin with a number, and where to read on."""
    start = match.start()
    before = text[max(0, start - 120) : start]
    apart = not (_OF_MORE.search(before) or (match["power"] and _POWER_OF_MORE.search(before)))
    series = _series(text, match) if apart else None
    if series is None:
        return [], start + len(re.match(r"[\d.,^x*eE\s~/:±+'-]+", text[start:])[0])
    bounds, scaled, end, remark = series
    named = _unit(text, end)
    if named is None:
        parted = _over(text, end) if scaled else None
        alone = scaled and re.match(rf"\s*(?:iv\b)?{_AFTER}", text[end:], re.IGNORECASE)
        divided = parted and (parted[0] or parted[1] != "administration")
        if not (divided or alone) or _QUOTED.search(text[:start]):
            return [], end
        named = "unspecified", end
    unit, end = named
    if aside := _ASIDE.match(text, end):
        end = aside.end()
    parted = _over(text, end)
    if parted is None:
        return [], end
    over, per, volume, end = parted
    if unit == "cells":
        if _FROM_CELLS.search(text[:start]) or _OF_VESICLES.match(text, end):
            unit = "cells equivalent"
        elif _UNIT_NAMED.search(text[:start]):
            return [], end
    if len(bounds) == 1 and bounds[0][0] == bounds[0][1]:
        bounds, end = _second_bound(text, end, bounds, unit, over)
    if _TOTAL.search(text[:start]) or _IN_TOTAL.match(text, end):
        per = "course"
    limit = _BOUNDED.search(before) or _BOUNDED_AFTER.match(text, end)
    if unit.endswith(("particles", "cells")) and not over and bounds[0][1] < 1:
        return [], end
    if limit:
        bounds = [(None, high) if limit["upper"] else (low, None) for low, high in bounds]
    name = "/".join([unit, *over])
    return [_Amount(start, end, low, high, name, per, volume, remark) for low, high in bounds], end


def _second_bound(
    text: str, end: int, bounds: list[tuple[float, float]], unit: str, over: list[str]
) -> tuple[list[tuple[float, float]], int]:
    """The bounds of "5 ug to 20 ug", where both carry the unit."""
    joint = _JOINT.match(text, end)
    match = _NUMBER.match(text, joint.end()) if joint and joint["range"] else None
    series = _series(text, match) if match else None
    named = _unit(text, series[2]) if series else None
    parted = _over(text, named[1]) if named else None
    if not parted or len(series[0]) > 1 or (named[0], parted[0]) != (unit, over) or series[0][0][1] < bounds[0][0]:
        return bounds, end
    return [(bounds[0][0], series[0][0][1])], parted[3]


def _series(text: str, match: re.Match) -> tuple[list[tuple[float, float]], bool, int, str | None] | None:
    """The bounds of one number, a range or a list, whether they carry a power of ten, where they end, and a remark."""
    start, numbers, joints = match.start(), [], []
    if _FRACTION.match(text, start):
        return None
    while True:
        number = _number_of(match)
        if number is None or (_UNREADABLE.match(text, match.end()) and not _SHARED_POWER.match(text, match.end())):
            return None
        numbers.append(number)
        end = match.end()
        joint = _JOINT.match(text, end)
        following = _NUMBER.match(text, joint.end()) if joint else None
        if following is None:
            break
        scaled = _number_of(following)
        if number.exponent is not None and (scaled is None or scaled.exponent is None):
            break
        if number.exponent is None and following["power"]:  # "6, 10^8"
            return None
        joints.append((joint.lastgroup, joint.group()))
        match = following
    if (power := _SHARED_POWER.match(text, end)) and numbers[-1].exponent is None:
        numbers[-1] = numbers[-1]._replace(exponent=int(power[1]))
        end = power.end()
    if len(numbers) == 2 and joints[0][1].strip() == ",":  # "2,5", or "dose 1, 5 ug"
        return None
    shared = numbers[-1].exponent
    numbers = [number._replace(exponent=shared) if number.exponent is None else number for number in numbers]
    remark = "x 10eN is taken as times 10^N" if any(number.tenfold for number in numbers) else None
    values = [number.value for number in numbers]
    kinds = [kind for kind, _ in joints]
    between = re.search(r"\bbetween\s+$", text[:start], re.IGNORECASE)
    if between and kinds == ["list"]:
        kinds = ["range"]
    if kinds == ["pm"]:
        bounds = [(values[0] - values[1], values[0] + values[1])]
        remark = f"{values[0]:g} ± {values[1]:g}"
    elif kinds == ["range"]:
        if values[0] > values[1]:
            if not between and numbers[0].exponent != numbers[1].exponent:
                return None
            remark, values = "the bounds stand the other way round", values[::-1]
        bounds = [tuple(values)]
    elif "pm" in kinds:
        return None
    else:
        bounds = _items(values, kinds)
    readable = all(value > 0 for pair in bounds for value in pair)
    return (bounds, shared is not None, end, remark) if readable else None


def _items(values: list[float], kinds: list[str]) -> list[tuple[float, float]]:
    """The bounds of a list that may hold ranges; a chain of ranges ("2 - 4 - 8") is a list."""
    chained = any(one == other == "range" for one, other in pairwise(kinds))
    items = [(value, value) for value in values[:1]]
    for value, kind in zip(values[1:], kinds, strict=True):
        if kind == "range" and not chained:
            items[-1] = (items[-1][0], value)
        else:
            items.append((value, value))
    return items


def _number_of(match: re.Match) -> _Number | None:
    """A number as matched, or None for "10 E10", which has two readings."""
    digits = "1" if match["power"] else re.sub("[,']", "", match["digits"])
    exponents = [int(match[name]) for name in ("power", "times", "times_e", "e") if match[name]]
    exponents += [_MULTIPLES[match["word"].lower()]] if match["word"] else []
    if match["e"] and digits == "10":
        return None
    return _Number(digits, sum(exponents) if exponents else None, bool(match["times_e"]))


def _unit(text: str, position: int) -> tuple[str, int] | None:
    for pattern, name in _UNIT_WORDS:
        if match := pattern.match(text, position):
            prefix = match.groupdict().get("prefix", "").lower()
            return _PREFIXES.get(prefix, prefix) + name, match.end()
    return None


def _over(text: str, position: int) -> tuple[list[str], str, float | None, int] | None:
    """What an amount is divided by: parts of its unit, ``per``, a volume in mL, and the end; None: not understood."""
    over, per, volume = [], "administration", None
    while match := _PER.match(text, position):
        if match["volume"]:
            name = match["volume"].lower()
            unit = "L" if name == "l" else "uL" if name.startswith(("u", "micro")) else "mL"
            if match["n"]:
                volume = in_unit(float(match["n"]), unit, "mL")
            elif unit == "mL":
                per = "mL"
            else:
                return None
        elif match["n"] and float(match["n"]) != 1:
            return None
        elif match["kg"] or match["cm2"] or match["ointment"]:
            over.append("kg" if match["kg"] else "cm2" if match["cm2"] else "g ointment")
        elif match["else"]:
            per = match["else"].lower().rstrip("s")
            per = "patient" if per in _PEOPLE else per
        position = match.end()
    if re.match(r"\s*/|\s*\bper\b", text[position:], re.IGNORECASE):
        return None
    return over, per, volume, position


def _with_volumes(amounts: list[_Amount], text: str) -> list[_Amount]:
    """Volumes put to the doses beside them; a volume that stands alone is a dose, unless it is a diluent."""
    volumes = [amount for amount in amounts if amount.unit.endswith("L product")]
    doses = [amount for amount in amounts if amount not in volumes]
    diluents = [
        one for one in volumes if _DILUENT_AFTER.match(text, one.end) or _DILUENT_BEFORE.search(text[: one.start])
    ]
    products = [volume for volume in volumes if volume not in diluents]
    if all(dose.unit.split("/")[0] == "cells" or "L product/" in dose.unit for dose in doses):
        held = [volume for volume in products if any(_leads_to(dose, volume, text) for dose in doses)]
        products = [volume for volume in products if volume not in held]
        return sorted([*(_in_volume(dose, volumes, [], text) for dose in doses), *products])
    return [_in_volume(dose, volumes, products, text) for dose in doses]


def _leads_to(dose: _Amount, volume: _Amount, text: str) -> bool:
    """Whether the words say that the dose is in the volume that follows."""
    between = text[dose.end : volume.start] if dose.end <= volume.start else ""
    if re.fullmatch(r"\s*,\s*", between) and re.match(rf"\s*(?:[,{_MASKED}]|$)", text[volume.end :]):
        return True
    return re.fullmatch(r"[^;,|]{0,40}?\bin\s+(?:about\s+)?", between) is not None


def _in_volume(dose: _Amount, volumes: list[_Amount], products: list[_Amount], text: str) -> _Amount:
    """The dose with the volume beside it; a concentration is multiplied by the volume given."""
    if dose.volume is not None or "L product/" in dose.unit:
        return dose
    before = [one for one in products if one.end <= dose.start and _HOLDING.fullmatch(text, one.end, dose.start)]
    after = [volume for volume in volumes if _leads_to(dose, volume, text)]
    alone = products if dose.per == "mL" and len(products) == 1 else []
    own = next(iter([*before[-1:], *after[:1], *alone]), None)
    if own is None or None in (own.low, own.high):
        return dose
    low, high = (in_unit(bound, own.unit, "mL product") for bound in (own.low, own.high))
    volume = low if low == high else None
    if dose.per != "mL" or None in (dose.low, dose.high):
        return dose._replace(volume=volume)
    shared = _PER.match(text, re.compile(r"\s*\)?").match(text, dose.end).end())
    per = own.per if not (shared and shared["else"]) else shared["else"].lower().removesuffix("s")
    remark = f"{low:g}{'' if volume else f' to {high:g}'} mL of so much per mL"
    return dose._replace(low=dose.low * low, high=dose.high * high, per=per, volume=volume, remark=remark)
