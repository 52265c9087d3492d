"""Our own snapshots: ``records.jsonl``, one registry record as a JSON object per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evlib.base.dates import day_or_month
from evlib.base.identifiers import normalised, trn_kind
from evlib.base.schema import join_multi
from evlib.ingest.registries.common import plain_text, secondary_numbers
from evlib.ingest.registries.unpack import lines, numbered, text_of

NAME = "snapshot"
CHECKS_REGISTRIES = True  # ``record`` asks for the registries that the protocol knows
_SAME_NAME = """
    brief_title official_title acronym status study_type allocation intervention_model masking primary_purpose msc_source_text
    ev_term_text route_text dose_text sponsor start_date completion_date last_update note
"""
_LISTS = "phases conditions keywords interventions countries publications source_urls"


def recognises(head: bytes) -> bool:
    """Whether the first bytes of a plain file look like a snapshot of ours."""
    first = head.lstrip().split(b"\n", 1)[0]
    return first.startswith(b"{") and b'"trial_id"' in first and b'"registry"' in first


def items(path: str | Path) -> Iterator[tuple[int, Any]]:
    """The lines of a snapshot, one at a time, each with its number."""
    return numbered(path, lambda pieces, _: map(text_of, lines(pieces)))


def record(line: str, *, registries: list[str], snapshot: str) -> dict[str, Any]:
    """A line of the snapshot as a row of table ``records``; ValueError or TypeError where it cannot be one."""
    try:
        raw = json.loads(line)
    except RecursionError:
        raise ValueError("not valid JSON (nested too deep)") from None
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")
    trn = normalised(raw.get("trial_id") or "")
    if not trn:
        raise ValueError("no registration number. Add it under 'trial_id'.")
    if raw.get("registry") not in registries:
        raise ValueError(f"unknown registry {raw.get('registry')!r}. Known to protocol.yml: {', '.join(registries)}.")
    enrolment = raw.get("enrollment")
    if enrolment is not None and (not isinstance(enrolment, int) or enrolment < 0):
        raise ValueError(f"enrollment is {enrolment!r}, not a count.")
    return {
        "trn": trn,
        "trn_kind": trn_kind(trn),
        "registry": raw["registry"],
        "secondary_trns": secondary_numbers(raw.get("secondary_ids") or [], besides=trn),
        **{name: plain_text(raw.get(name)) for name in _SAME_NAME.split()},
        **{name: join_multi(raw.get(name)) for name in _LISTS.split()},
        "enrolment": enrolment,
        "enrolment_type": plain_text(raw.get("enrollment_type")),
        "arms": join_multi(_arm(arm) for arm in raw.get("arms") or []),
        "registered_text": _date_text(raw.get("registered"), "registered"),
        "first_submitted": _date_text(raw.get("first_submitted"), "first_submitted"),
        "results_posted": raw.get("results_posted"),
        "snapshot": snapshot,
    }


def _arm(arm: dict[str, Any]) -> str:
    return ": ".join(str(arm[key]) for key in ("label", "text") if arm.get(key))


def _date_text(value: str | None, field: str) -> str | None:
    if value is not None and day_or_month(value) != value:
        raise ValueError(f"{field} is {value!r}, not a date (YYYY-MM-DD or YYYY-MM).")
    return value
