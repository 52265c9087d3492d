"""Numbers and lists in sentences; and the numbers that a chapter saves, which the book's pages take by name."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evlib.base.errors import InputError
from evlib.base.files import write_text


def thousands(n: int) -> str:
    """A count as a reader writes it: 1,204."""
    return f"{int(n):,}"


def several(n: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 trial", "1,204 trials"; ``many`` where the plural is not ``one`` with an s.

    Examples
    --------
    >>> several(1, "trial"), several(1204, "trial"), several(2, "trial remains", "trials remain")
    ('1 trial', '1,204 trials', '2 trials remain')
    """
    return f"{thousands(n)} {one if n == 1 else many or f'{one}s'}"


def trials_in_words(n: int, n_expanded: int = 0) -> str:
    """So many trials, and beside them records of expanded access, which give a product outside of a trial.

    Examples
    --------
    >>> trials_in_words(3), trials_in_words(9, 1)
    ('3 trials', '9 trials and 1 record of expanded access')
    """
    apart = f" and {several(n_expanded, 'record')} of expanded access" if n_expanded else ""
    return f"{several(n, 'trial')}{apart}"


def joined(names: Sequence[str], word: str = "and") -> str:
    """Names as a list in a sentence: "A, B and C"; empty for none.

    Examples
    --------
    >>> joined(["skin", "lung", "eye"]), joined(["skin", "lung"], "or")
    ('skin, lung and eye', 'skin or lung')
    """
    return f" {word} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def not_of_mscs(flags: Iterable[bool]) -> str:
    """In brackets after a count of reports or arms, how many of them are on vesicles of MSCs and how many may be on other products;
    nothing where none is.

    ``flags`` says of each whether its product is known to be vesicles of MSCs.

    Examples
    --------
    >>> f"3 reports{not_of_mscs([True, False, True])}", not_of_mscs([True])
    ('3 reports (2 of these 3 on vesicles of MSCs, 1 not known to be)', '')
    """
    known = [bool(flag) for flag in flags]
    n, others = len(known), known.count(False)
    return f" ({n - others or 'none'} of these {n} on vesicles of MSCs, {others} not known to be)" if others else ""


def numbered(sentences: Sequence[str]) -> str:
    """Sentences as a numbered list in Markdown.

    Examples
    --------
    >>> print(numbered(["It is small.", "It is early."]))
    1. It is small.
    2. It is early.
    """
    return "\n".join(f"{place}. {sentence}" for place, sentence in enumerate(sentences, start=1))


def save_numbers(out_dir: str | Path, chapter: str, **numbers: object) -> None:
    """Write ``numbers/<chapter>.json`` below the search's folder; values are written as a reader should see them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as out:
    ...     save_numbers(out, "02_screen", n_included=3, n_pending="none")
    ...     load_numbers(out)  # what the book's pages take them from
    {'n_included': '3', 'n_pending': 'none'}
    """
    text = json.dumps({name: str(value) for name, value in numbers.items()}, indent=1, ensure_ascii=False)
    write_text(Path(out_dir) / "numbers" / f"{chapter}.json", text + "\n")


def load_numbers(out_dir: str | Path) -> dict[str, str]:
    """The numbers that chapters saved in a run's folder, by name and as text; of no chapter, none.

    Raises
    ------
    ValueError
        Where two chapters saved a number of the same name.

    Examples
    --------
    >>> load_numbers("data/processed/2024-02-17")["search_date"]
    '2024-02-17'
    """
    numbers: dict[str, str] = {}
    for path in sorted((Path(out_dir) / "numbers").glob("*.json")):
        chapter = json.loads(path.read_text(encoding="utf-8"))
        twice = sorted(numbers.keys() & chapter.keys())
        if twice:
            raise ValueError(f"{path}: the number '{twice[0]}' was saved by an earlier chapter too")
        numbers |= chapter
    return numbers


def filled(text: str, words: Mapping[str, str], *, page: str) -> str:
    """A page with every ``{{ name }}`` replaced by the run's number or words of that name.

    Raises
    ------
    InputError
        Naming the page and the name that no chapter saved.
    """

    def word(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise InputError(
                f"book/{page} names '{match[1]}', which no chapter saved. Saved: {', '.join(sorted(words))}."
            )
        return words[match[1]]

    return re.sub(r"\{\{ (\w+) \}\}", word, text)
