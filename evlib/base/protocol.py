"""Read and validate ``protocol.yml``: the review as data."""

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NoReturn

import fastjsonschema
import yaml

from evlib.base.errors import InputError
from evlib.base.query import api_expression

# The loader in C, which reads the same ten times as fast, where PyYAML was built with it.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SCHEMA_FILE = Path(__file__).with_name("protocol.schema.json")
_MOVED = "Its phrases now stand under their criterion, by field, for example: phrases: {status: [withdrawn]}."


def load_protocol(path: str | Path, *, with_added: bool = True) -> dict[str, Any]:
    """The review's protocol as a dictionary, checked.

    Parameters
    ----------
    path
        A ``protocol.yml``: title, question, registries, query, dates, criteria, screening phrases and code lists.
        Dates come back as ISO 8601 strings, and under ``added_fields`` the columns of the records that each field is read
        from which ``codes`` has beyond those that ``evlib`` knows: ``{"sponsor_type": ["sponsor"]}``.
    with_added
        Whether to tell these fields apart and check them, for which pandas is loaded.

    Raises
    ------
    InputError
        Naming the file and the line: not YAML, a key given twice, an unknown or missing key, a value of the wrong
        shape, or a code that is used but not defined.

    Examples
    --------
    >>> review = load_protocol("protocol.yml")
    >>> review["source"]["citation"], review["replication_date"]
    ('Wang et al. (2025), Frontiers in Medicine 12:1625787', '2024-02-17')
    >>> review["codes"]["route"]["intravenous"]["group"], review["added_fields"]
    ('intravenous', {'masking_level': ['masking']})
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot read the protocol ({error.strerror}). Restore it from git.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text. Save the file as UTF-8.") from None
    try:
        tree = yaml.compose(text, Loader=YAML_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else path
        problem = getattr(error, "problem", None) or error
        raise InputError(f"{where}: not valid YAML ({problem}). Look at this line and the one before it.") from None
    if tree is None:
        raise InputError(f"{path}: the protocol is empty. Restore it from git.")
    lines = _key_lines(tree, path)
    protocol = yaml.load(text, Loader=_TextDates)
    try:
        _schema_check()(protocol)
    except fastjsonschema.JsonSchemaValueException as error:
        raise InputError(_schema_message(error, lines, path)) from None
    _check_codes(protocol, lines, path)
    return protocol | ({"added_fields": _added_fields(protocol, lines, path)} if with_added else {})


@cache
def _schema_check() -> Callable[[dict[str, Any]], Any]:
    return fastjsonschema.compile(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")), formats={"date": _is_day})


def _added_fields(protocol: dict[str, Any], lines: dict[str, int], path: Path) -> dict[str, list[str]]:
    """The columns that each field is read from which the protocol adds; takes them out of its code list."""
    known = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))["properties"]["codes"]["properties"]
    added = {}
    for field in [name for name in protocol["codes"] if name not in known]:
        from evlib.base.schema import columns, kinds  # takes a second to load, and few protocols need it

        place, codes = f"data.codes.{field}", protocol["codes"][field]
        where = f"{path}, line {lines[place]}: codes.{field}"
        if "reads" not in codes:
            raise InputError(
                f"{where} is none of the fields that need no 'reads' ({', '.join(known)}). Correct its name; or, for "
                "a field of your own, say in which columns of the records its words stand, for example: reads: [sponsor]."
            )
        added[field] = codes.pop("reads")
        if not codes:
            raise InputError(f"{where} has no codes. Give it some, each with 'label' and 'phrases'.")
        if field in {*columns("records"), *columns("described")} or not re.fullmatch(r"[a-z][a-z0-9_]*", field):
            raise InputError(
                f"{where}: a column of that name exists, or it is no name for one. Choose another, of small letters, digits and _."
            )
        texts = [name for name, kind in kinds("records").items() if kind == "text"]
        if unknown := [name for name in added[field] if name not in texts]:
            raise InputError(
                f"{path}, line {lines[f'{place}.reads']}: codes.{field}.reads: the records have no text '{unknown[0]}'. "
                f"They have: {', '.join(texts)}."
            )
    return added


def to_fill_in(path: str | Path) -> list[str]:
    """The lines of a protocol that are still marked FILL IN, each with its task: ``line 8: the title of the book``."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    marks = ((number, re.match(r"\s*# FILL IN: ([^.]+)", line)) for number, line in enumerate(lines, start=1))
    return [f"line {number}: {mark[1].strip()}" for number, mark in marks if mark]


def value_at(protocol: dict[str, Any], place: str) -> Any:
    """What the protocol holds at a place written with dots (``codes.route``); None where there is nothing."""
    value: Any = protocol
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


_NO_BLANKS = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Han and Hangul: words are not set apart by blanks


def phrase_pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of the phrases as whole words, in any case.

    A phrase, or a word in it, ending in ``*`` also finds longer words that begin with it; blanks match any white space or
    hyphen. Chinese, Japanese and Korean phrases are found within longer text, and other words beside such text. Longer
    phrases are tried first, so that the reported words are the most specific ones. No phrases, no match.
    """
    return _phrase_pattern(frozenset(phrases))


@lru_cache(maxsize=256)
def _phrase_pattern(phrases: frozenset[str]) -> re.Pattern[str]:
    # Sets of letters name both cases: where case is to be folded, a set takes ten times as long to compile.
    letter = rf"(?-i:[^\W{_NO_BLANKS}])"
    spaced, unspaced = [], []
    for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)):
        words = [
            re.escape(word.removesuffix("*")) + (rf"{letter}*" if word.endswith("*") else "")
            for word in re.split(r"[\s-]+", phrase)
        ]
        apart = spaced if re.match(letter, phrase) else unspaced
        apart.append(r"[\s‐-―-]+".join(words))
    parts = [rf"(?<!{letter})(?:{'|'.join(spaced)})(?!{letter})"] if spaced else []
    return re.compile("|".join(parts + unspaced) or r"(?!)", re.IGNORECASE)


class _TextDates(YAML_LOADER):
    """YAML's safe loader, with dates left as the text that they are written as."""


_TextDates.add_constructor("tag:yaml.org,2002:timestamp", YAML_LOADER.construct_yaml_str)


def _key_lines(tree: yaml.Node, path: Path) -> dict[str, int]:
    """The line of every key and list item, by its place as the schema library writes it: ``data.codes.route[0]``.

    A key given twice is an error; YAML itself would silently keep the last.
    """
    lines = {"data": 1}

    def walk(node: yaml.Node, place: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name, line = f"{place}.{key.value}", key.start_mark.line + 1
                if name in lines:
                    raise InputError(
                        f"{path}, line {line}: the key '{key.value}' was given before, on line {lines[name]}. Keep one."
                    )
                lines[name] = line
                walk(value, name)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[f"{place}[{index}]"] = value.start_mark.line + 1
                walk(value, f"{place}[{index}]")

    walk(tree, "data")
    return lines


def _is_day(text: str) -> bool:
    with suppress(ValueError):
        return bool(date.fromisoformat(text))
    return False


def _schema_message(error: fastjsonschema.JsonSchemaValueException, lines: dict[str, int], path: Path) -> str:
    known, unknown = sorted(error.definition.get("properties", {})), []
    if error.rule in ("additionalProperties", "required") and known:
        added = {name for name, value in error.value.items() if isinstance(value, dict) and "reads" in value}
        unknown = sorted(set(error.value) - set(known) - added)
    if unknown:
        line = lines.get(f"{error.name}.{unknown[0]}", 1)
        remedy = _MOVED if unknown[0].startswith(("withdrawn", "supplementary")) else f"Known here: {', '.join(known)}."
        return f"{path}, line {line}: unknown key '{unknown[0]}'. {remedy}"
    name = error.name.removeprefix("data").removeprefix(".") or "the protocol"
    problem = error.message.removeprefix(error.name).strip()
    if error.rule in ("pattern", "format"):
        problem = error.definition.get("description", problem).replace("{}", error.value)
    return f"{path}, line {lines.get(error.name, 1)}: {name}: {problem}."


def _check_codes(protocol: dict[str, Any], lines: dict[str, int], path: Path) -> None:
    """Refuse what the schema cannot: codes that are not defined, queries that cannot be read."""

    def refuse(place: str, problem: str) -> NoReturn:
        raise InputError(f"{path}, line {lines[f'data.{place}']}: {problem}") from None

    groups, diseases = protocol["codes"]["route_group"], protocol["codes"]["disease_area"]
    for code, route in protocol["codes"]["route"].items():
        named = {"group": route["group"]} | {f"elsewhere.{d}": group for d, group in route.get("elsewhere", {}).items()}
        for key, group in named.items():
            place, disease = f"codes.route.{code}.{key}", key.partition(".")[2]
            if group not in groups:
                refuse(place, f"route '{code}' has the unknown group '{group}'. Known: {', '.join(sorted(groups))}.")
            if disease and disease not in diseases:
                known = ", ".join(sorted(diseases))
                refuse(place, f"route '{code}' names the unknown disease area '{disease}'. Known: {known}.")
    for field, codes in protocol["codes"].items():
        for code, facts in codes.items():
            if isinstance(facts, dict) and facts.get("part_of", code) not in codes:
                known = ", ".join(codes)
                refuse(
                    f"codes.{field}.{code}.part_of",
                    f"'{code}' is part of the unknown code '{facts['part_of']}'. Known: {known}.",
                )
    queries = {key: protocol[key] for key in ("query", "search") if key in protocol}
    others = protocol.get("other_queries", {}).items()
    for place, query in (queries | {f"other_queries.{name}.text": facts["text"] for name, facts in others}).items():
        try:
            api_expression(query)
        except InputError as error:
            refuse(place, f"{place}: {error}")
    _check_criteria(protocol, refuse)


def _check_criteria(protocol: dict[str, Any], refuse: Callable[[str, str], NoReturn]) -> None:
    criteria, rules = protocol["criteria"], protocol["screening"]["criterion"]
    for code, facts in criteria.items():
        if "phrases" in facts and (facts["kind"] != "exclude" or code == rules["duplicate"]):
            instead = "the words that a record needs stand under screening"
            if code == rules["duplicate"]:
                instead = "duplicates are found by their numbers"
            refuse(f"criteria.{code}.phrases", f"phrases are for criteria that exclude; {instead}. Take them away.")
        for index, name in enumerate(facts.get("registries", [])):
            if name not in protocol["registries"]:
                problem = f"unknown registry '{name}'. Known: {', '.join(protocol['registries'])}."
                refuse(f"criteria.{code}.registries[{index}]", problem)
    other = rules.get("other_condition")
    if protocol["screening"]["condition"] and not other:
        problem = "screening asks for a condition, so that criterion needs 'other_condition': the code of a record on another one."
        refuse("screening.criterion", problem)
    if other and not protocol["screening"]["condition"]:
        problem = "screening asks for no condition, so that no record is excluded for another one. "
        problem += f"Take 'other_condition: {other}' away, and {other} from criteria; or list words under condition."
        refuse("screening.criterion.other_condition", problem)
    for rule, code in rules.items():
        if code not in criteria:
            problem = f"'{rule}' names the unknown criterion '{code}'. Known: {', '.join(criteria)}."
            refuse(f"screening.criterion.{rule}", problem)
