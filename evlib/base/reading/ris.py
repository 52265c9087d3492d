"""References in RIS: told apart line by line, as libraries and reference managers write them and people mend them.

A reference runs to its ER or, where that is missing, to the next TY. What stands before the first one, or between two, belongs to
none. TY need not come first; one blank before the hyphen is as good as two, where TY has one; no text of a reference is dropped.
"""

import re
from collections.abc import Iterable, Iterator

from rispy.config import TAG_KEY_MAPPING

_LONGEST = 20_000  # lines of one reference
_START = re.compile(r"\s*(TY)(\s{1,2})-\s*\w*\s*", re.IGNORECASE)
_START_WITHIN = re.compile(r"(?:^|[\r\n])[^\S\r\n]*TY[^\S\r\n]{1,2}-[^\S\r\n]*\w*[^\S\r\n]*(?:[\r\n]|$)", re.IGNORECASE)
_TWO_BLANKS, _ONE_BLANK = r"\s{2}-\s*(.*)", r"\s-(?:\s+(.*))?"
_USUAL = re.compile(rf"\s*([A-Z][A-Z0-9]){_TWO_BLANKS}")

Reference = dict[str, list[str]]
Lines = list[tuple[int, str]]


def holds_references(text: str) -> bool:
    """Whether a line of the text begins a reference.

    Examples
    --------
    >>> holds_references("Provider: a library\\r\\nTY  - JOUR\\r\\n"), holds_references("TrialID,TY - JOUR")
    (True, False)
    """
    return _START_WITHIN.search(text) is not None


def references(lines: Iterable[str]) -> Iterator[tuple[int, Reference | ValueError]]:
    """The references in lines of RIS, each with the number of its first line.

    Returns
    -------
    Iterator
        Of each reference its texts by field, in order; the fields have the names of rispy (``title``, ``notes``), others
        their tag. A ValueError stands for one that never ends, and for the last one of a file that ends within it (its ER is
        missing, and others have theirs).
    """
    begun: Lines = []
    form, started, ended = _USUAL, False, False
    for number, text in enumerate(lines, start=1):
        tag = text.lstrip()[:2].upper()
        if tag == "TY" and (start := _START.fullmatch(text)):
            if started:
                begun, own = _parted(begun, form)
                yield from _reference(begun, form)
                begun = own
            started, form = True, _form_of(start)
        begun.append((number, text))
        if tag == "ER" and _is_end(text, form):
            yield from _reference(begun, form)
            begun, form, started, ended = [], _USUAL, False, True
        elif len(begun) > _LONGEST:
            yield number, ValueError(f"no end (ER) after {_LONGEST} lines; not RIS")
            begun, form, started = [], _USUAL, False
    for number, reference in _reference(begun, form):
        yield number, ValueError("the reference is cut off (no ER at its end)") if ended else reference


def _form_of(start: re.Match[str]) -> re.Pattern[str]:
    """How the tags of a reference are written: as its TY is."""
    letters = r"[A-Z][A-Z0-9]" if start[1].isupper() else r"[A-Za-z][A-Za-z0-9]"
    return re.compile(rf"\s*({letters}){_ONE_BLANK if len(start[2]) == 1 else _TWO_BLANKS}")


def _is_end(text: str, form: re.Pattern[str]) -> bool:
    tagged = form.fullmatch(text.rstrip())
    # After one blank, "ER - positive" may be a line of an abstract.
    return bool(tagged and tagged[1].upper() == "ER" and (form.pattern.endswith(_TWO_BLANKS) or not tagged[2]))


def _parted(begun: Lines, form: re.Pattern[str]) -> tuple[Lines, Lines]:
    """The lines before a second TY, parted into those of the first reference and those of the second: where the first one's TY
    does not come first, what follows the last blank line is taken for the head of the second."""
    first = next((text for _, text in begun if form.fullmatch(text.rstrip())), "")
    blank = max((place for place, (_, text) in enumerate(begun) if not text.strip()), default=0)
    head_is_apart = not _START.fullmatch(first) and any(_START.fullmatch(text) for _, text in begun[:blank])
    return (begun[:blank], begun[blank:]) if head_is_apart else (begun, [])


def _reference(begun: Lines, form: re.Pattern[str]) -> Iterator[tuple[int, Reference]]:
    """The reference in these lines, if there is one, with the number of its first line."""
    fields: Reference = {}
    first, name = 0, ""
    for number, text in begun:
        tagged = form.fullmatch(text.rstrip())
        if tagged and tagged[1].upper() == "ER" and _is_end(text, form):
            break
        if tagged:
            first, name = first or number, TAG_KEY_MAPPING.get(tagged[1].upper(), tagged[1].upper())
            fields.setdefault(name, []).append((tagged[2] or "").strip())
        elif name and text.strip():
            fields[name][-1] = f"{fields[name][-1]} {text.strip()}".strip()
    if fields:
        yield first, fields
