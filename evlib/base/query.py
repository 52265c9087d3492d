"""The Boolean query of a search: checked, written for ClinicalTrials.gov's API, or applied to records offline.

Words and "quoted phrases", joined by AND, OR and NOT, with parentheses; words side by side are joined by AND. A word
finds its forms (exosome, exosomes, exosomal); a word that ends in ``*`` finds every word that begins with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from luqum.exceptions import ParseError
from luqum.parser import parser
from luqum.tree import AndOperation, Group, Item, Not, OrOperation, Phrase, Prohibit, UnknownOperation, Word

from evlib.base.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

# What the offline search reads of a record: fields that registries' exports give. Their own search reads summaries too.
FIELDS = ["brief_title", "official_title", "acronym", "conditions", "keywords", "interventions", "arms"]

_STRAIGHT = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))  # as word processors write quotation marks
# Letters in lower case, digits as they are, all else a blank: many times as fast as a pattern.
_ASCII_WORDS = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
_Test = Callable[[str, str], bool]


def parsed(query: str) -> Item:
    """The query as a tree.

    Raises
    ------
    InputError
        Where it is not such a query: an open parenthesis or quotation mark, nothing beside an AND, a field or range.
    """
    query = query.translate(_STRAIGHT)
    if query.count('"') % 2:
        raise InputError(f"the query has a quotation mark that is not closed. Query: {query}")
    try:
        tree = parser.parse(query)
    except ParseError as error:
        raise InputError(f"the query cannot be read ({error}). Query: {query}") from None
    for node in _nodes(tree):
        if not isinstance(node, AndOperation | OrOperation | UnknownOperation | Not | Prohibit | Group | Word | Phrase):
            problem = f"the query has '{node}', which is no word, phrase, AND, OR, NOT or parenthesis."
            raise InputError(f"{problem} Query: {query}")
        if isinstance(node, Word) and node.value in ("and", "or", "not"):
            problem = f"the query has the word '{node.value}': write AND, OR and NOT in capitals."
            raise InputError(f"{problem} Query: {query}")
        if isinstance(node, Word | Phrase) and (not tokens(node.value) or "*" in node.value.strip('"')[:-1]):
            raise InputError(f"the query's term {node} has no letter, or a '*' before its end. Query: {query}")
    return tree


def api_expression(query: str) -> str:
    """The query as ClinicalTrials.gov's search expression (parameter ``query.term`` of the API v2).

    Raises
    ------
    InputError
        Where it is not a query, or a word ends in ``*``, which that search does not know.
    """
    tree = parsed(query)
    cut = [str(node) for node in _terms(tree) if _is_prefix(node)]
    if cut:
        raise InputError(f"ClinicalTrials.gov's search does not know the '*' of {cut[0]}. Write the words out with OR.")
    return _expression(tree)


def matches(records: pd.DataFrame, query: str) -> pd.Series:
    """For each record whether the query finds it, by its own words and without a network.

    Parameters
    ----------
    records
        Table ``records``; the columns ``FIELDS`` are read. A phrase does not reach from one field into the next.
    query
        See this module's first lines.

    Returns
    -------
    pandas.Series
        True or False on the index of ``records``.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"brief_title": ["Exosomal product of a stem cell", "Exosomes of stem and root cells"]})
    >>> matches(records, 'exosome AND "stem cells"').tolist()  # any form of a word; the words of a phrase side by side
    [True, False]
    """
    import pandas as pd  # here, so that a query can be checked without loading it

    tree = parsed(query)
    is_hit, with_words = _test(tree), any(_is_prefix(node) for node in _terms(tree))
    fields = [name for name in FIELDS if name in records]
    texts = map("\n".join, zip(*(records[name].fillna("") for name in fields)))
    hits = [is_hit(*_searchable(text, with_words=with_words)) for text in texts]
    return pd.Series(hits, index=records.index, dtype=bool, name="hit")


def needed(query: str, *, any_term: bool = False) -> list[str]:
    """What any text holds in which a query can find something: regular expressions, each with a place in it.

    They are for ``may_match``; for JSON as it stands in a file, too, and for engines that know no look-around (RE2).

    Parameters
    ----------
    query
        See this module's first lines.
    any_term
        Whether they are to have a place also where any one word or phrase of the query by itself can be found.

    Returns
    -------
    list of str
        Without capital letters; empty where any text may match.

    Examples
    --------
    >>> [may_match(text, needed("exosomes AND (EV OR vesicle)")) for text in ("Exosomal EVs", "Exosomes: every event")]
    [True, False]
    """
    tree = parsed(query)
    parts = _needed_parts(tree)
    if parts and any_term:
        parts = [sorted({one for node in _terms(tree) for one in max(_needed_parts(node), key=_rarity)})]
    return [f"{_BEFORE}(?:{'|'.join(part)})" for part in parts if all(part)]


def may_match(text: str, patterns: Iterable[str]) -> bool:
    """A quick test of a record's words as they stand in its source: it is False only where ``matches`` cannot find the record.

    Parameters
    ----------
    text
        The texts of ``FIELDS``, with a line break between them, before they are cleaned in any way: with entities, tags, Markdown's
        backslashes, wrongly decoded letters.
    patterns
        What is ``needed`` of it.

    Examples
    --------
    >>> [may_match(text, needed('exosomes AND NOT "plant cells"')) for text in ("Exosomal miRNA", "Vesicles", "Exos&omicron;mes")]
    [True, False, True]
    """
    lower = text.lower()
    return all(re.search(pattern, lower) for pattern in patterns) or bool(re.search(letters_may_come(), text))


def rough_and_exact(patterns: Iterable[str]) -> tuple[Callable[[bytes], bool], Callable[[bytes], bool]]:
    """``may_match`` for lines of JSON as they stand in a file, in valid UTF-8, many times as fast: a rough test of many lines at once, and
    one of a single line.

    Examples
    --------
    >>> rough, exact = rough_and_exact(needed("exosome"))
    >>> rough(b"Vesicles\\nCells"), rough(b"Vesicles\\nNexosome"), exact(b"Nexosome"), exact(b"Exosomal miRNA")
    (False, True, False, True)
    """
    import numpy as np

    # Without what stands before a word a pattern begins with plain letters, and those are found fastest.
    begun, whole = [_finder(pattern.removeprefix(_BEFORE)) for pattern in patterns], [*map(_finder, patterns)]
    escapes = _finder(_ESCAPES)

    def rough(lines: bytes) -> bool:
        if not lines.isascii() or escapes(lines):
            return True
        # Capital letters become small ones, small ones and digits stay; of JSON nothing else becomes one of them.
        lower = np.bitwise_or(np.frombuffer(lines, np.uint8), 0x20).tobytes()
        return all(find(lower) for find in begun)

    def exact(line: bytes) -> bool:
        lower = line.lower()
        found = all(find(lower) for find in begun) and all(find(lower) for find in whole)
        return found or (escapes if line.isascii() else _finder(letters_may_come()))(line)

    return rough, exact


def terms(query: str) -> list[str]:
    """The words and phrases of a query, each once, in order.

    Examples
    --------
    >>> terms('exosome AND ("stem cell" OR MSC*) AND NOT exosome')
    ['exosome', '"stem cell"', 'MSC*']
    """
    return list(dict.fromkeys(str(node).strip() for node in _terms(parsed(query))))


def places(text: str, query: str) -> list[tuple[int, int, str]]:
    """Where the words and phrases of a query stand in a text: start, end and term, in the text's order, without those after NOT."""
    words = [(token, *match.span()) for match in re.finditer(r"[^\W_]+", text) for token in tokens(match.group())]
    found = set()
    for node in _wanted(parsed(query)):
        term, name = tokens(node.value), node.value.strip('"')
        for first in range(len(words) - len(term) + 1):
            here = words[first : first + len(term)]
            said = [token for token, _, _ in here]
            if " ".join(said).startswith(" ".join(term)) if _is_prefix(node) else _stems(said) == _stems(term):
                found.add((here[0][1], here[-1][2], name))
    return sorted(found, key=lambda place: (place[0], -place[1]))


def by_term(records: pd.DataFrame, query: str) -> pd.DataFrame:
    """What each word or phrase of a query finds by itself: columns ``term, records``."""
    import pandas as pd

    names = terms(query)
    return pd.DataFrame({"term": names, "records": [int(matches(records, name).sum()) for name in names]})


def compared(records: pd.DataFrame, queries: dict[str, str], included: set[str]) -> pd.DataFrame:
    """What each query costs and finds: how many records there are to read, and how many of those that a review included.

    Parameters
    ----------
    records
        As in ``matches``, with their ``trn``.
    queries
        Label → query.
    included
        Numbers of included records; those that are not in ``records`` do not count.

    Returns
    -------
    pandas.DataFrame
        ``query, finds, of records, finds included, of included, % of included``, the query that finds least first.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"trn": ["A", "B", "C"], "brief_title": ["Exosomes", "MSC exosomes", "MSC vesicles"]})
    >>> print(compared(records, {"one word": "exosome", "two": "MSC AND exosome"}, {"B", "C"}).to_string())
          query  finds  of records  finds included  of included  % of included
    0       two      1           3               1            2           50.0
    1  one word      2           3               1            2           50.0
    """
    import pandas as pd

    wanted = records.trn.isin(included)
    rows = []
    for label, query in queries.items():
        found = matches(records, query)
        rows.append((label, found.sum(), len(found), (found & wanted).sum(), wanted.sum()))
    table = pd.DataFrame(rows, columns=["query", "finds", "of records", "finds included", "of included"])
    table["% of included"] = 100 * table["finds included"] / table["of included"].where(table["of included"] > 0)
    return table.round(1).sort_values("finds", kind="stable", ignore_index=True)


def lacking(records: pd.DataFrame, query: str) -> pd.Series:
    """For each record what the query asks for and the record does not have: those parts joined by AND of which no term is there.

    Of a part the first three terms are named. A record that shows no word at all says so; one that is found lacks nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> records = pd.DataFrame({"brief_title": ["MSC exosomes", "MSC vesicles", "Plant vesicles", None]})
    >>> lacking(records, "(MSC OR stem) AND (exosome OR EV)").tolist()
    ['', 'any of: exosome, EV', 'any of: MSC, stem; any of: exosome, EV', 'all: the record shows no words']
    """
    import pandas as pd

    tree = parsed(query)
    parts = tree.children if isinstance(tree, AndOperation | UnknownOperation) else [tree]
    missed = pd.Series("", index=records.index, dtype="str", name="lacks")
    for part in parts:
        first = [str(node).strip().strip('"') for node in _terms(part)]
        words = ", ".join(first[:3]) + (", …" if len(first) > 3 else "")
        missed = missed.where(matches(records, str(part)), missed.str.cat([f"any of: {words}"] * len(missed), sep="; "))
    missed = missed.str.removeprefix("; ")
    silent = records[[name for name in FIELDS if name in records]].isna().all(axis="columns")
    return missed.mask(silent & (missed != ""), "all: the record shows no words")


def _nodes(tree: Item) -> Iterable[Item]:
    yield tree
    for child in tree.children:
        yield from _nodes(child)


def _terms(tree: Item) -> Iterable[Item]:
    return (node for node in _nodes(tree) if isinstance(node, Word | Phrase))


def _wanted(tree: Item) -> Iterable[Item]:
    """The terms that a text may have, not those that it must not."""
    if isinstance(tree, Word | Phrase):
        return [tree]
    return [] if isinstance(tree, Not | Prohibit) else [node for child in tree.children for node in _wanted(child)]


def _is_prefix(node: Item) -> bool:
    return node.value.strip('"').endswith("*")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation; full-width characters count as plain ones."""
    if text.isascii():
        return text.translate(_ASCII_WORDS).split()
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    if re.fullmatch(r"[^aeiouy]{2,}s", word):  # the stemmer leaves the plural of an abbreviation (MSCs) as it is
        return word.removesuffix("s")
    return _english().stemWord(word)


def _stems(words: Iterable[str]) -> list[str]:
    return [_stem(word) for word in words]


@lru_cache
def _english() -> Any:
    from snowballstemmer import stemmer  # here, as it loads the rules of all its languages

    return stemmer("english")


def _searchable(text: str, *, with_words: bool) -> tuple[str, str]:
    """A text's words (if wanted) and their stems, each between blanks; a line break stays: no phrase crosses it."""
    lines = [tokens(line) for line in text.split("\n") if line]
    words = " \n ".join(["", *(" ".join(line) for line in lines), ""]) if with_words else ""
    return words, " \n ".join(["", *(" ".join(map(_stem, line)) for line in lines), ""])


def _test(tree: Item) -> _Test:
    """The query as a function of a text's words and stems."""
    if isinstance(tree, Group):
        return _test(tree.expr)
    if isinstance(tree, Not | Prohibit):
        inner = _test(tree.a)
        return lambda words, stems: not inner(words, stems)
    if isinstance(tree, AndOperation | UnknownOperation | OrOperation):
        parts, combined = [_test(child) for child in tree.children], any if isinstance(tree, OrOperation) else all
        return lambda words, stems: combined(part(words, stems) for part in parts)
    term = tokens(tree.value)
    if _is_prefix(tree):
        begun = f" {' '.join(term)}"
        return lambda words, stems: begun in words
    form = f" {' '.join(map(_stem, term))} "
    return lambda words, stems: form in stems


@lru_cache
def _finder(pattern: str) -> Callable[[bytes], bool]:
    """Whether a text of valid UTF-8 has a place of a pattern."""
    from pydantic_core import SchemaValidator, core_schema  # here, as few searches look into files

    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")).isinstance_python


# What stands before a word: the text's beginning, what is no letter and no digit, or in JSON the letter of an escape.
_BEFORE = r"(?:^|[^a-z0-9]|\\[bfnrt])"


def _needed_parts(tree: Item) -> list[list[str]]:
    """Lists of which any text that matches holds one pattern each, at the beginning of a word."""
    if isinstance(tree, Group):
        return _needed_parts(tree.expr)
    if isinstance(tree, Not | Prohibit):
        return []
    if isinstance(tree, AndOperation | UnknownOperation):
        return [part for child in tree.children for part in _needed_parts(child)]
    if isinstance(tree, OrOperation):
        best = [max(_needed_parts(child), key=_rarity, default=None) for child in tree.children]
        return [] if None in best else [sorted({one for part in best for one in part})]
    return [[_pattern(word, begun=_is_prefix(tree))] for word in tokens(tree.value)]


def _rarity(part: list[str]) -> int:
    return min(len(one.partition("(")[0]) for one in part)


def _pattern(word: str, *, begun: bool) -> str:
    """A pattern that each form of a word fits, by plain letters and digits alone; empty for a word with others."""
    stem = word if begun else _stem(word)
    start = word if begun else _common_start(stem)
    if not stem.isascii():
        return ""
    return start if begun or len(stem) > _SHORT else f"{start}(?:{stem[-1]}|{_ENDINGS})*(?:[^a-z0-9]|$)"


# Of these alone are the endings made that the stemmer takes from so short a stem; after a longer one there may be any.
_SHORT, _ENDINGS = 3, "e|s|ed|ing|ly|li|i|y|l|ful|ness|less"


def _common_start(stem: str) -> str:
    """With what each word of this stem begins: the stemmer writes therapi for therapy, hope for hoping, die for dying."""
    return stem[:-2] if stem.endswith("ie") else stem[:-1] if stem.endswith(("e", "i", "y", "l")) else stem


_ESCAPES = r"&\\*[#A-Za-z]|\\u"  # of HTML and of JSON


@lru_cache
def letters_may_come() -> str:
    """A regular expression that has a place in a text in which plain letters may stand once it is cleaned that do not stand in it now: by an
    entity, an escape of JSON, wrongly decoded letters (several beyond ASCII in a row), or one that may stand for plain ones, as ﬁ and ² do.
    """
    others = "".join(chr(code) for code in range(0xA0, 0x2300) if not _may_be_plain(chr(code)))
    return rf"{_ESCAPES}|[^\x00-\x7f][^\x00-\x7f]|[^\x00-\x7f{others}]"


def _may_be_plain(letter: str) -> bool:
    """Whether a letter beyond ASCII may come to stand for plain ones; those that Windows-1252 and others have between may stand for any."""
    plain = unicodedata.normalize("NFKC", letter + letter.upper()).casefold()
    return letter < "\xa0" or any(one.isascii() and one.isalnum() for one in plain)


def _expression(tree: Item) -> str:
    if isinstance(tree, Group):
        return f"({_expression(tree.expr)})"
    if isinstance(tree, Not | Prohibit):
        return f"NOT {_expression(tree.a)}"
    if isinstance(tree, AndOperation | UnknownOperation | OrOperation):
        return (" OR " if isinstance(tree, OrOperation) else " AND ").join(map(_expression, tree.children))
    text = tree.value.strip('"')
    return f'"{text}"' if isinstance(tree, Phrase) or len(tokens(tree.value)) > 1 else text
