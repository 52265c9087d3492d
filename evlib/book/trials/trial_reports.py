"""What the reports on a trial say, for its page: who was compared, what was given, found and harmed, and how far it can be trusted."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from evlib.base.schema import split_multi
from evlib.base.words import several
from evlib.certainty.comparisons import BY_REPORT
from evlib.certainty.product_reporting import ITEMS
from evlib.certainty.risk_of_bias import TOOL_NAMES
from evlib.doses.evidence import RANDOMISED_BY_RECORD
from evlib.doses.stated_doses import span_of

_ROLES = {"ev": "vesicles", "control": "control", "cells": "cells", "other product": "another product"}
_TOLD = {"yes": "stated", "no": "not stated", "not-seen": "not seen in what was read"}
_DIRECTIONS = {
    ("between arms", "better"): "better",
    ("between arms", "worse"): "worse",
    ("between arms", "no difference"): "no significant difference",
    ("between arms", "not comparative"): "compared, result not told",
    ("before-after", "improved"): "improved from before to after, which compares with no other arm",
    ("before-after", "worsened"): "worsened from before to after, which compares with no other arm",
    ("before-after", "unchanged"): "unchanged from before to after, which compares with no other arm",
    ("before-after", "not comparative"): "before and after, result not told",
    ("none", "not comparative"): "no comparison made",
}
_SIDES = {"better": "this arm", "worse": "the other arm", "equal": "neither arm"}
_COUNT_MEASURES = ("risk difference", "proportion")  # said by the ratio beside them, and by the counts
_ODD = ("does not follow", "follows by no usual test")  # verdicts on a printed statistic
_STUDY = (
    *("study_id", "study", "year", "report_type", "allocation", "masking", "read_from", "evidence_note"),
    *("doi_or_url", "trn", "trn_link", "disease"),
)
_ARM = ("arm_id", "arm", "role", "n", "dose_as_reported", "doses_per_course", "interval", "note")
Rows = Mapping[str, list[dict[str, Any]]]


def reports(trns: Iterable[str], tables: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """Everything on file of each report that is tied to one of these numbers.

    Parameters
    ----------
    tables
        As ``evlib.book.record_history.traced_tables`` gives them; those of later chapters may be empty.

    Returns
    -------
    list of dict
        The report's own facts with ``people``, ``comparator``, ``arms`` (each with its ``particles``), ``outcomes`` (each with
        its ``effects``), ``harms``, ``odd_statistics``, ``risk_of_bias`` and ``product``. Missing facts are left out.
    """
    studies = [study for trn in trns for study in tables["studies"].get(trn, [])]
    return [_report(study, tables) for study in studies]


def _report(study: dict[str, Any], tables: Mapping[str, Rows]) -> dict[str, Any]:
    key = study["study_id"]
    arms = tables["arms"].get(key, [])
    characteristics = next(iter(tables["report_characteristics"].get(key, [])), {})
    of_arms = [
        _only(arm, _ARM) | {"particles": next(iter(tables["tested_doses"].get(arm["arm_id"], [])), {})} for arm in arms
    ]
    outcomes = [
        {**row, "arm": arm["arm"], "effects": _effects(row, tables), **_versus(row, tables)}
        for arm in arms
        for row in tables["outcomes"].get(arm["arm_id"], [])
    ]
    odd = [row for row in tables["printed_statistics"].get(key, []) if row["verdict"] in _ODD]
    return {
        **_only(study, _STUDY),
        **_only(characteristics, ("people", "people_basis", "comparator", "record_allocation", "record_masking")),
        "arms": of_arms,
        "outcomes": outcomes,
        "harms": tables["harms_beside_controls"].get(key, []),
        "odd_statistics": odd,
        "risk_of_bias": tables["risk_of_bias"].get(key, []),
        "product": tables["product_items"].get(key, []),
    }


def _effects(outcome: dict[str, Any], tables: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """The estimates of an outcome of an arm against another, computed or as printed."""
    return [
        row
        for row in tables["effects"].get(outcome["arm_id"], [])
        if (row.get("outcome"), row.get("timepoint")) == (outcome["name"], outcome.get("timepoint"))
        and "versus" in row
        and row["measure"] not in _COUNT_MEASURES
        and "estimate" in row
    ]


def _versus(outcome: dict[str, Any], tables: Mapping[str, Rows]) -> dict[str, str]:
    """With what an outcome of an arm was compared: the arm, or its kind where which one is not shown; whether that was planned
    beforehand; the printed percentages that belong to it; and where it points, by what."""
    for row in tables["compared_outcomes"].get(outcome["arm_id"], []):
        if row["outcome"] == outcome["name"]:
            told = {
                "versus": row.get("versus") or row["comparator"],
                "post_hoc": row.get("post_hoc"),
                "shares": row.get("shares"),
                "p_from": row.get("p_from"),
                "points_to": row.get("points_to"),
                "points_by": row.get("points_by"),
            }
            return {name: text for name, text in told.items() if text}
    return {}


def in_short(report: dict[str, Any]) -> str:
    """A report in a line: "Zhu 2022 (article): single-arm, 7 people"."""
    people = several(int(report["people"]), "person", "people") if "people" in report else "number of people not stated"
    kind = report.get("report_type", "report")
    return f"{report['study']} ({kind}): {_stated(report, 'allocation')}, {people}"


def _stated(report: dict[str, Any], name: str) -> str:
    """What a report says of its allocation or masking; where it does not, in what was read, what its trial's record says."""
    silent = f"{name} not stated in what was read"
    record = f" (its trial's record: {report[f'record_{name}']})" if f"record_{name}" in report else ""
    return str(report.get(name, silent + record))


def section(report: dict[str, Any]) -> str:
    """A report as a section of a trial's page: Markdown with HTML tables, all text escaped."""
    study = str(report["study"])
    parts = [f"### {without_markup(study)}", _design(report)]
    if "evidence_note" in report:
        parts.append(f'<p class="caveat"><strong>What decides:</strong> {_t(report["evidence_note"])}</p>')
    parts.append(_arms(report["arms"], study))
    if report["outcomes"]:
        parts.append(_outcomes(report))
    parts += [_odd(report["odd_statistics"]), _harms(report["harms"], study)]
    parts += [_risk_of_bias(report["risk_of_bias"], study), _product(report["product"], study), _notes(report["arms"])]
    return "\n\n".join(part for part in parts if part)


def without_markup(text: str) -> str:
    """Text for a Markdown heading, with its signs escaped."""
    return re.sub(r"([^\w\s])", r"\\\1", " ".join(text.split()))


def fold(summary: str, content: str) -> str:
    """What opens at a click; an empty line in a text would end the HTML, so it gets none."""
    whole = re.sub(r"\n\s*\n", "\n", content)
    return f'<details class="fold"><summary>{summary}</summary>{whole}</details>'


def particles(dose: Mapping[str, Any]) -> str:
    """A dose in particles and how they were come by, or why it has none; as HTML."""
    if "low" in dose and "basis" in dose:
        why = f": {dose['why']}" if "why" in dose else ""
        return _t(f"{span_of(dose['low'], dose['high'])} ({dose['basis']}{why})")
    return _t(f"not convertible: {dose['why']}" if "why" in dose else "–")


def rows_of(heads: Iterable[str], rows: Iterable[Iterable[str]], *, label: str) -> str:
    """A table of cells that are HTML already, in a frame that scrolls where it is wide."""
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    label = html.escape(label, quote=True)
    return (
        f'<div class="scroll whole" tabindex="0" role="region" aria-label="{label}"><table aria-label="{label}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _design(report: dict[str, Any]) -> str:
    kind = str(report.get("report_type", "report"))
    year = f" of {report['year']}" if "year" in report else ""
    how = f"{_stated(report, 'allocation')}, {_stated(report, 'masking')}"
    people = several(int(report["people"]), "person", "people") if "people" in report else "number of people not stated"
    basis = f" ({report['people_basis']})" if "people_basis" in report else ""
    read = f"; read from: {report['read_from']}" if "read_from" in report else ""
    against = (
        f"compared with: {'; '.join(split_multi(report['comparator']))}"
        if "comparator" in report
        else "no comparator on file"
    )
    text = f"{kind[:1].upper()}{kind[1:]}{year}: {how}; {people}{basis}; {against}"
    link, tied = _source(report.get("doi_or_url")), report.get("trn_link")
    tie = " " + _t(f"Tied to {report['trn']}: {tied}.") if tied else ""
    return f"<p>{_t(text)}{_t(read)} (machine-read).{tie}{' ' + link if link else ''}</p>"


def _source(address: object) -> str:
    text = str(address or "")
    if re.fullmatch(r"10\.\d{4,}/\S+", text):
        text = f"https://doi.org/{text}"
    if not text.startswith(("https://", "http://")):
        return _t(text)
    return f'<a href="{html.escape(text, quote=True)}" rel="noopener noreferrer">The report</a>.'


def _arms(arms: list[dict[str, Any]], study: str) -> str:
    def times(arm: dict[str, Any]) -> str:
        count = several(int(float(arm["doses_per_course"])), "dose") if "doses_per_course" in arm else ""
        return ", ".join(filter(None, (count, str(arm.get("interval", ""))))) or "–"

    rows = [
        (
            _t(arm["arm"]),
            _t(_ROLES.get(arm.get("role", ""), arm.get("role", "–"))),
            _t(arm.get("n", "–")),
            _t(arm.get("dose_as_reported", "–")),
            _t(times(arm)),
            particles(arm["particles"]) if arm["particles"] else "–",
        )
        for arm in arms
    ]
    heads = ("Arm", "Given", "People", "Dose as stated", "Course", "Particles at a time")
    return rows_of(heads, rows, label=f"Arms of {study}") if rows else "<p>No arm is on file.</p>"


def _outcomes(report: dict[str, Any]) -> str:
    """Outcome by outcome, with its value in each arm, the estimates, and what the report says."""
    several_arms = len(report["arms"]) > 1
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in report["outcomes"]:
        grouped.setdefault((row["name"], str(row.get("timepoint", ""))), []).append(row)
    rows = []
    for (name, time), own in grouped.items():
        first = " (primary)" if any(row.get("primary") == "True" for row in own) else ""
        first += "".join(
            dict.fromkeys(f" ({row['post_hoc']}, not planned beforehand)" for row in own if "post_hoc" in row)
        )
        prefix = [f"{row['arm']}: " if several_arms else "" for row in own]
        values = [arm + value for arm, row in zip(prefix, own, strict=True) if (value := _value(row))]
        effects = [text for row in own for text in _estimates(row)]
        compared = [pair for pair in zip(prefix, own, strict=True) if pair[1].get("comparison") != "none"]
        directions = [arm + _direction(row) for arm, row in compared] or [_direction(own[0])]
        rows.append(
            (_t(", ".join(filter(None, (f"{name}{first}", time)))), *map(_lines, (values, effects, directions)))
        )
    heads = ("Outcome", "Value", "Effect, with 95 % interval", "Direction")
    return rows_of(heads, rows, label=f"Outcomes of {report['study']}")


def _value(row: dict[str, Any]) -> str:
    of = f" of {_plain(row['n_total'])}" if "n_total" in row else ""
    count = f"{_plain(row['n_events'])}{of}" if "n_events" in row else ""
    mean = f"mean {row['mean']}{' (SD ' + str(row['sd']) + ')' if 'sd' in row else ''}" if "mean" in row else ""
    return "; ".join(filter(None, (str(row.get("value", "")), count, mean)))


def _estimates(row: dict[str, Any]) -> list[str]:
    """The effect as printed, and as computed from what is printed where it could be."""
    ends = f" ({row['ci_low']} to {row['ci_high']})" if "ci_low" in row and "ci_high" in row else ""
    p = f"p {row['p']}" if str(row.get("p", "")).startswith(("<", ">")) else f"p = {row['p']}" if "p" in row else ""
    printed = ", ".join(filter(None, (f"{row.get('effect', '')}{ends}".strip(), p)))
    where = f" by {row['p_from']}, not seen in the report" if "p_from" in row else ""
    texts = [f"printed{where}: {printed}"] if printed else []
    texts += [row["shares"]] if "shares" in row else []
    for effect in row["effects"]:
        if effect["basis"] == "as reported":
            continue  # as printed
        if effect["measure"] == "difference of percentages":
            measure, size = "difference", f"{100 * effect['estimate']:.3g} percentage points"
        else:
            measure, size = effect["measure"], f"{effect['estimate']:.2g}"
        interval = f" ({effect['low']:.3g} to {effect['high']:.3g})" if "low" in effect and "high" in effect else ""
        sides = f"{row['arm']} v {effect['versus']}"
        texts.append(f"computed: {measure} {size}{interval or ', no interval'}, {sides} ({effect['basis']})")
    return texts


def _direction(row: dict[str, Any]) -> str:
    comparison, direction = row.get("comparison"), row.get("direction", "not comparative")
    if "versus" in row and direction in ("better", "worse", "no difference"):
        said = f"{_DIRECTIONS['between arms', direction]}{' from' if direction == 'no difference' else ' than'} {row['versus']}, by the report"
        by = row.get("points_by", BY_REPORT)
        return said if by == BY_REPORT else f"{said}; by the {by}, it points to {_SIDES[row['points_to']]}"
    if comparison is None:
        return f"{direction}; with what it was compared is not shown" if direction != "not comparative" else "not told"
    return _DIRECTIONS.get((comparison, direction), f"{comparison}: {direction}")


def _odd(statistics: list[dict[str, Any]]) -> str:
    if not statistics:
        return ""
    items = "".join(
        f"<li>{_t(' v '.join(row[side] for side in ('arm', 'versus') if side in row))}, {_t(row['outcome'])}: "
        f"{_t(row['check'])} {_t(row.get('printed', '–'))} is printed, "
        f"{_t(row.get('recomputed', '–'))} is what follows from the rest.</li>"
        for row in statistics
    )
    return f"<p><strong>Printed statistics that do not fit each other</strong> (recomputed by a program):</p>\n<ul>{items}</ul>"


def _harms(harms: list[dict[str, Any]], study: str) -> str:
    if not harms:
        return "<p><strong>Harms:</strong> no statement is on file, which does not mean that there were none.</p>"
    rows = [
        (
            _t(f"{row['harm']}{', serious' if row.get('serious') == 'True' and 'serious' not in row['harm'] else ''}"),
            _t(row["arm"]),
            _t(_events(row, "n_events", "n", "upper_if_none")),
            _t(
                f"{row['control']}: {_events(row, 'control_events', 'control_n', 'control_upper_if_none')}"
                if "control" in row
                else "–"
            ),
            _t(row["beside"]),
        )
        for row in harms
    ]
    return rows_of(
        ("Harm", "Arm", "In this arm", "Control", "Compared"), rows, label=f"Harms of {study} beside controls"
    )


def _events(row: dict[str, Any], events: str, people: str, upper: str) -> str:
    """How many had an event; where none was seen, how frequent it may still be (one-sided 95 % bound)."""
    if events not in row:
        return "not told"
    of = f" of {_plain(row[people])}" if people in row else " (of how many is not stated)"
    bound = f"; up to {row[upper]:.0%} is compatible with none seen (one-sided 95 % bound)" if upper in row else ""
    return f"{_plain(row[events])}{of}{bound}"


def _risk_of_bias(judged: list[dict[str, Any]], study: str) -> str:
    if not judged:
        return ""
    overall = next((_level(row.get("judgement")) for row in judged if row["domain"] == "overall"), "not judged")
    differ = [row for row in judged if row.get("R1") != row.get("R2")]
    rows = [
        (
            _t(row["domain"].replace("-", " ")),
            _t(_level(row.get("judgement"))),
            _t(row.get("reason", "–")),
            _t(row.get("judged_by", "–")),
            _t(f"R1 {row.get('R1', '–')}; R2 {row.get('R2', '–')}" if row in differ else "agree"),
        )
        for row in judged
    ]
    table = rows_of(
        ("Domain", "Judgement", "Reason", "Judged by", "Two readings"), rows, label=f"Risk of bias of {study}"
    )
    summary = (
        f"Risk of bias ({_t(TOOL_NAMES.get(judged[0]['tool'], judged[0]['tool']))}): {_t(overall)} overall; "
        f"two machine readings differ in {len(differ)} of {len(judged)}{_t(record_called_randomised(judged[0]))}"
    )
    return fold(summary, table)


def record_called_randomised(row: Mapping[str, Any]) -> str:
    """That a report judged with ROBINS-I is of a trial that its record calls randomised, to follow the judgement; else nothing."""
    said = row.get("record_allocation")
    apart = row["tool"] == "ROBINS-I" and RANDOMISED_BY_RECORD.get(said)
    return f"; its trial's record states: {said}" if apart else ""


def _level(judgement: object) -> str:
    return str(judgement).replace("-", " ") if judgement else "not judged"


def _product(items: list[dict[str, Any]], study: str) -> str:
    if not items:
        return ""
    stated = [row for row in items if row["stated"] == "yes"]
    rows = [
        (
            _t(ITEMS.get(row["item"], row["item"])),
            _t(_TOLD.get(row["stated"], row["stated"])),
            _t(row.get("words", "–")),
            _t(
                "agree"
                if row.get("R1") == row.get("R2")
                else f"R1 {row.get('R1', '–')}; R2 {row.get('R2', '–')}: {row.get('how_settled', '')}"
            ),
        )
        for row in items
    ]
    table = rows_of(("Item", "Told", "Words", "Two readings"), rows, label=f"What {study} tells of the product")
    return fold(f"What is told of the product: {len(stated)} of {len(items)} items stated (machine readings)", table)


def _notes(arms: list[dict[str, Any]]) -> str:
    notes = [arm for arm in arms if "note" in arm]
    listed = "".join(f"<li>{_t(arm['arm'])}: {_t(arm['note'])}</li>" for arm in notes)
    return fold("Notes of the reading on the arms", f"<ul>{listed}</ul>") if notes else ""


def _lines(texts: list[str]) -> str:
    return "<br>".join(map(_t, dict.fromkeys(texts))) or "–"


def _plain(number: object) -> str:
    return f"{float(str(number)):g}"


def _t(text: object) -> str:
    return html.escape(" ".join(str(text).split()))


def _only(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}
