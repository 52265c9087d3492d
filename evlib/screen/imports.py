"""Decisions back from other screening tools: ASReview, Rayyan and Covidence, by RIS, CSV and XLSX.

Every reference of a file gives decisions, or is named with its line and the reason.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.identifiers import normalised, registration_numbers, registry_of
from evlib.base.reading.ris import holds_references, references
from evlib.base.reading.sheets import plain, read_sheet, read_workbook, text_by_hand
from evlib.base.schema import NO_SUCH_RECORD, checked, unguarded
from evlib.base.words import several
from evlib.screen.exchange import NUMBER, on_one_line
from evlib.screen.judging import criterion_in, exclusion_criteria, reviewer_file, reviewer_key

# Of several columns with a decision the first counts: ASReview's own, before the one that its file came with.
_LABEL_COLUMNS = ("decision", "asreview_label", "included", "label", "final_included", "label_included")
# What tools write for a decision, and where there is none.
_SAID = {
    "include": "include included relevant 1 1.0 true yes",
    "exclude": "exclude excluded irrelevant 0 0.0 false no",
    "unclear": "unclear maybe",
    "": "-1 -1.0 nan none null na n/a undecided later not_seen unlabeled unlabelled",
}
_VERDICTS = {"": ""} | {word: verdict for verdict, words in _SAID.items() for word in words.split()}
_NUMBERED = ("trn", "accession_number", "accession number", "key", "id")  # the columns that our number comes back in
_REASONS = ("reason", "tags", "asreview_note")
_COLUMNS = {
    *_LABEL_COLUMNS,
    *_NUMBERED,
    *_REASONS,
    "criterion",
    "reviewer",
    "title",
    "abstract",
    "authors",
    "notes",
    "covidence #",
}
_ADDRESS = re.compile(r"[^\s\"'{}<>,;:]+@[^\s\"'{}<>,;:]+")


class Imported(NamedTuple):
    """What became of the references of a file.

    ``decisions`` holds ``trn, decision, criterion, reason, reviewer``, ready for ``judging.save_decisions``; ``rejects`` is a table
    ``rejects``; ``left_out`` has its columns, for references without a decision and for repeated ones; ``n`` counts references.
    """

    decisions: pd.DataFrame
    rejects: pd.DataFrame
    left_out: pd.DataFrame
    n: int


def imported(
    path: str | Path,
    *,
    known: set[str],
    protocol: dict,
    reviewer: str | None = None,
    reviewer_names: Mapping[str, str] | None = None,
    decision: str | None = None,
    criterion: str | None = None,
) -> Imported:
    """The decisions in a file that ASReview, Rayyan or Covidence exported; InputError where it is no RIS, CSV or XLSX file, or
    holds no reference.

    Nothing is dropped without a word. A reviewer's two different decisions on one record, a reference that names several trials,
    and a label that is not understood are rejects; addresses in reasons are left out.

    Parameters
    ----------
    path
        Its RIS, CSV or XLSX file (all sheets).
    known
        Registration numbers of the sources.
    reviewer
        Who judged, where the file does not name them (Rayyan does).
    reviewer_names
        The names of reviewers whom the file calls otherwise: name in the file, in any case → name. See ``names_in``.
    decision
        The decision on every reference of the file that has none of its own (Covidence exports one file per decision).
    criterion
        The code of exclusions that name none. A code in a tag, note or reason of the reference ("E4") comes first.
    """
    names = {plain(name).casefold(): ours for name, ours in (reviewer_names or {}).items()}
    good, bad, left = [], [], []
    found, broken = _references_in(Path(path))
    for file, line, fields in found:
        trn, unfit = _record_meant(fields, known)
        for vote in _votes_on(fields, reviewer, decision):
            place = {"file": file, "line": line, "trn": trn}
            if not vote.verdict and not vote.problem:
                left.append(place | {"reason": vote.why or "no decision on it"})
                continue
            judge, unnamed = _named(vote.judge, names)
            code, uncoded = (
                _code(vote, fields.get("criterion", ""), criterion, protocol)
                if vote.verdict == "exclude"
                else (None, None)
            )
            if problem := vote.problem or unfit or unnamed or uncoded:
                bad.append(place | {"reason": problem})
            else:
                row = {"decision": vote.verdict, "criterion": code, "reason": vote.why, "reviewer": judge}
                good.append(place | row)
    decisions, twice, repeated = _each_once(good)
    rejects = pd.concat([*broken, pd.DataFrame(bad + twice, columns=["file", "line", "trn", "reason"])])
    left_out = pd.DataFrame(left + repeated, columns=["file", "line", "trn", "reason"])
    return Imported(
        pd.DataFrame(decisions, columns=["trn", "decision", "criterion", "reason", "reviewer"], dtype="object"),
        checked(rejects.sort_values(["file", "line"], kind="stable"), "rejects"),
        checked(left_out, "rejects"),
        len(found) + sum(map(len, broken)),
    )


def names_in(pairs: Iterable[str]) -> dict[str, str]:
    """Reviewers' names by what a file calls them, from texts such as ``NAME IN THE FILE=NAME``; InputError where one is none.

    Examples
    --------
    >>> names_in(["Doe, Ana=ana", "B.=ben"])
    {'Doe, Ana': 'ana', 'B.': 'ben'}
    """
    names = {}
    for pair in pairs:
        before, *after = (part.strip() for part in pair.split("="))
        if len(after) != 1 or not before or not after[0]:
            wrong = f"'{_without_addresses(pair)}' names no reviewer."
            raise InputError(
                f"{wrong} Write NAME IN THE FILE=NAME with one equals sign, and the option once for each reviewer."
            )
        names[before] = after[0]
    return names


def not_taken_in_words(rejects: pd.DataFrame) -> list[str]:
    """The rejects of an import, one sentence each, with the place in the file."""
    return [
        " ".join(filter(None, [f"{row.file}, {row.line}:" if row.line else f"{row.file}:", row.trn, row.reason]))
        for row in rejects.astype("object").where(rejects.notna(), None).itertuples()
    ]


def left_out_in_words(left_out: pd.DataFrame) -> list[str]:
    """How many references of each file gave no decision, and on which lines, one sentence for each reason."""
    told = []
    for (file, reason), rows in left_out.groupby(["file", "reason"], sort=False):
        places = enumerate(sorted(rows.line))
        runs = [[line for _, line in run] for _, run in itertools.groupby(places, lambda pair: pair[1] - pair[0])]
        lines = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
        told.append(f"{file}: {several(len(rows), 'reference', 'references')} left out, {reason} (line {lines}).")
    return told


def _references_in(path: Path) -> tuple[list[tuple[str, int, dict[str, str]]], list[pd.DataFrame]]:
    """The references of a file, each with its file or sheet, its line, and its fields as text under lower-case names; and tables
    ``rejects`` of what cannot be told apart."""
    found: list[tuple[str, int, dict[str, str]]] = []
    rejects: list[pd.DataFrame] = []
    table = path.suffix.lower() in (".csv", ".tsv", ".tab", ".xlsx")
    if not table and holds_references(text := text_by_hand(path)):
        broken = []
        for line, reference in references(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
            if isinstance(reference, ValueError):
                broken.append((path.name, line, None, str(reference)))
            else:
                reference.pop("label", None)  # a label of the library's (LB), not of a screening tool
                found.append((path.name, line, {name: "\n".join(texts) for name, texts in reference.items()}))
        rejects.append(checked(pd.DataFrame(broken, columns=["file", "line", "trn", "reason"]), "rejects"))
    else:
        is_workbook = path.suffix.lower() == ".xlsx"
        for sheet in read_workbook(path, names=_COLUMNS) if is_workbook else [read_sheet(path, names=_COLUMNS)]:
            rejects.append(sheet.rejects)
            names = [name.lower() for name in sheet.rows]
            for index, *row in sheet.rows.fillna("").itertuples():
                found.append((sheet.file, index + 2, dict(zip(names, map(unguarded, row), strict=True))))
    if not found and not any(map(len, rejects)):
        raise InputError(f"{path}: no reference in it. Export it again as RIS or CSV.")
    return found, rejects


def _record_meant(fields: dict[str, str], known: set[str]) -> tuple[str | None, str | None]:
    """The registration number of the record that a reference is about, and what is wrong with it.

    It stands where we put it; else it is the one number that the abstract and title name, else any other field.
    """
    given = [plain(text) for name in _NUMBERED if (text := fields.get(name, "")) and not text.lstrip().startswith("=")]
    stated = re.search(rf"{NUMBER}\s+(\S+?)\.?(?:\s|$)", fields.get("abstract", ""))
    for number in (normalised(text) for text in (*given, stated and stated[1]) if text):
        if number in known:
            return number, None
    shown = " ".join(map(fields.get, [name for name in ("abstract", "title", "primary_title") if name in fields]))
    for text in (" ".join(given), shown, " ".join(fields[name] for name in fields if name not in _NUMBERED)):
        numbers = registration_numbers(text)
        alone = [number for number in numbers if number in known]
        if len(alone) == 1 and len({registry_of(number) for number in numbers}) == len(numbers):
            return alone[0], None
        if len(numbers) > 1:
            named = f"names several trials ({', '.join(numbers)}): which one was judged cannot be told."
            return numbers[0], f"{named} Write its number into the accession number, or decide on it by hand."
        if numbers:
            return numbers[0], NO_SUCH_RECORD
    return None, "no registration number in its accession number, key or abstract."


class _Vote(NamedTuple):
    """One decision on a reference; without a ``verdict`` there is none, and ``why`` says so."""

    judge: str | None
    verdict: str | None
    why: str | None
    problem: str | None = None


def _votes_on(fields: dict[str, str], reviewer: str | None, decision: str | None) -> list[_Vote]:
    """Who decided what on a reference, and why; one at least."""
    notes = fields.get("notes", "").replace('\\"', '"')
    tags = [fields.get(name, "") for name in _REASONS]
    judge = fields.get("reviewer", "").strip() or reviewer
    if rayyan := re.search(r"RAYYAN-INCLUSION:\s*(\{.*?\}|[^|\n]*)", notes, re.DOTALL):
        votes = re.findall(r'"([^"]+)"\s*(?:=>|:)\s*"([^"]*)"', rayyan[1])
        stated = re.findall(r"RAYYAN-EXCLUSION-REASONS:\s*([^|\n]*)", notes)
        if not votes and rayyan[1].strip("{} "):
            return [_vote(judge, rayyan[1], tags)]
        return [_vote(who, said, tags, stated) for who, said in votes] or [_Vote(judge, None, None)]
    stated = re.findall(r"Exclusion reason:\s*([^;\n]*)", notes)
    if label := next((fields[name].strip() for name in _LABEL_COLUMNS if name in fields), ""):
        return [_vote(judge, label, tags, stated)]
    marks = set(re.findall(r"\bASReview_(\w+)", notes))
    labels = marks & {"relevant", "irrelevant", "not_seen"}
    if len(labels) > 1:
        return [_vote(judge, " and ".join(sorted(labels)), tags)]
    if labels:
        return [_vote(judge, labels.pop(), tags, stated)]
    if checked_only := next((mark for mark in sorted(marks) if mark.startswith("validate_")), None):
        return [_Vote(judge, None, f"a label that it came with (ASReview_{checked_only}), no decision on it")]
    if stated and decision not in (None, "exclude"):
        said = f"its note gives a reason for exclusion, but the file is taken for: {decision}."
        return [_Vote(judge, decision, None, f"{said} Take it out of the file, or import the file of exclusions.")]
    return [_vote(judge, "exclude" if stated else decision or "", tags, stated)]


def _vote(judge: str | None, said: str, tags: Iterable[str], reasons: Iterable[str] = ()) -> _Vote:
    """A vote by what a tool writes for it; reasons for exclusion belong to exclusions alone."""
    verdict = _VERDICTS.get(said.strip().casefold())
    if verdict is None:
        words = f"the decision '{_without_addresses(said.strip())[:60]}' is not understood."
        return _Vote(judge, None, None, f"{words} Write include, exclude or unclear.")
    parts = [_without_addresses(on_one_line(part)) for part in ([*reasons, *tags] if verdict == "exclude" else tags)]
    return _Vote(judge, verdict or None, "; ".join(filter(None, parts)) or None if verdict else None)


def _named(judge: str | None, names: Mapping[str, str]) -> tuple[str | None, str | None]:
    """A reviewer's name, and what is wrong with it; an address is told by its beginning alone."""
    if judge is None:
        return None, "the file does not say who judged. Name the reviewer: --reviewer NAME."
    name = names.get(plain(judge).casefold(), plain(judge))
    try:
        reviewer_file("", name)
    except InputError:
        shown = re.sub(r"@.*", "@…", name)
        return None, f"'{shown}' cannot be a reviewer's name. Say whose it is: --reviewer-names '{shown}=NAME'."
    return name, None


def _code(vote: _Vote, stated: str, usual: str | None, protocol: dict) -> tuple[str | None, str | None]:
    """The criterion of an exclusion, and what is wrong with it: ``stated`` in a column for it, or the code that the reasons
    name, or the usual one."""
    codes = exclusion_criteria(protocol)
    words = re.findall(r"\w+", f"{criterion_in(stated) or ''} {vote.why or ''}")
    named = [code for code in dict.fromkeys([criterion_in(stated), *words]) if code in codes]
    if len(named) > 1 and named[0] != criterion_in(stated):
        return None, f"an exclusion by several criteria: {', '.join(named)}. Leave the one that decides."
    if stated.strip() and not named and criterion_in(stated):
        return None, f"unknown criterion '{stated.strip()[:40]}'. Use {', '.join(codes)}."
    code = next(iter(named), usual)
    return (
        code,
        None if code in codes else f"an exclusion needs a criterion. Name one for all: --criterion {', '.join(codes)}.",
    )


def _each_once(good: list[dict[str, Any]]) -> tuple[list[dict], list[dict], list[dict]]:
    """The decisions of each reviewer on each record; those of which a reviewer's differ; and those that say the same again."""
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in good:
        by_pair.setdefault((row["trn"], reviewer_key(row["reviewer"])), []).append(row)
    decisions, differ, repeated = [], [], []
    for rows in by_pair.values():
        said = {(row["decision"], row["criterion"]): row["line"] for row in rows}
        if len(said) == 1:
            decisions.append(rows[0])
            repeated += [row | {"reason": f"the same decision as in line {rows[0]['line']}"} for row in rows[1:]]
        else:
            words = ", ".join(
                f"{decision} {code or ''}".strip() + f" (line {at})" for (decision, code), at in said.items()
            )
            differ += [
                row | {"reason": f"{row['reviewer']} says different things of it: {words}. Keep one."} for row in rows
            ]
    return decisions, differ, repeated


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("(an address)", text)
