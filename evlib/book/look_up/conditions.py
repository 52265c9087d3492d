"""Conditions as records name them, each with the words by which a reader finds it: its own and their synonyms."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from evlib.book.browsing import synonyms

SCRIPT = Path(__file__).with_name("conditions.js")  # stands before the script of a page that asks for a condition


def words_of_conditions(conditions: Iterable[str]) -> dict[str, str]:
    """For each condition the plain words to look through: its own, and those that mean the same by ``synonyms.csv``.

    Parameters
    ----------
    conditions
        Conditions in the records' words.

    Returns
    -------
    dict
        By condition, without letters' marks, capitals and apostrophes; ``isNamedBy`` in ``conditions.js`` looks through them.

    Examples
    --------
    >>> words = words_of_conditions(["ARDS", "Knee osteoarthritis", "Crohn's disease"])
    >>> "acute respiratory distress syndrome" in words["ARDS"], " oa " in words["Knee osteoarthritis"]
    (True, True)
    >>> words["Crohn's disease"]
    'crohns disease'
    """
    groups = [[_plain(word) for word in group] for group in synonyms()]
    forms = [re.compile("|".join(map(_form, group))) for group in groups]
    found = {}
    for condition in dict.fromkeys(conditions):
        own = _plain(condition)
        same = [" ".join(group).replace("*", "") for group, form in zip(groups, forms, strict=True) if form.search(own)]
        found[condition] = " ".join([own, *same])
    return found


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    kept = "".join(sign for sign in apart if not unicodedata.combining(sign) and sign not in "'’")
    return " ".join(kept.lower().split())


def _form(word: str) -> str:
    ending = r"\w*" if word.endswith("*") else ""
    return rf"(?<!\w){re.escape(word.removesuffix('*'))}{ending}(?!\w)"
