"""Our own snapshots: ``records.jsonl``, one registry record as a JSON object per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evlib.base.dates import day_or_month
from evlib.base.identifiers import normalised, trn_kind
from evlib.base.schema import join_multi
from evlib.ingest.registries.common import cells, count, secondary_numbers
from evlib.ingest.registries.unpack import lines, numbered, text_of

NAME = "snapshot"
CHECKS_REGISTRIES = True  # ``record`` asks for the registries that the protocol knows
_SAME_NAME = [
    "brief_title",
    "official_title",
    "acronym",
    "status",
    "study_type",
    "allocation",
    "intervention_model",
    "masking",
    "primary_purpose",
    "msc_source_text",
    "ev_term_text",
    "route_text",
    "dose_text",
    "sponsor",
    "start_date",
    "completion_date",
    "last_update",
    "note",
]
_LISTS = ["phases", "conditions", "keywords", "interventions", "countries", "publications", "source_urls"]


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
    return {
        "trn": trn,
        "trn_kind": trn_kind(trn),
        "registry": raw["registry"],
        **cells(raw, COLUMNS),
        "secondary_trns": secondary_numbers(_texts(raw.get("secondary_ids")), besides=trn),
        "snapshot": snapshot,
    }


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else [str(values or "")]


def _listed(values: Any) -> str | None:
    return join_multi(values if isinstance(values, list) or values is None else [values])


def _arms(arms: list[dict[str, Any]] | None) -> str | None:
    return join_multi(": ".join(str(arm[key]) for key in ("label", "text") if arm.get(key)) for arm in arms or [])


def _date(value: Any) -> str | None:
    if value is not None and day_or_month(value) != value:
        raise ValueError("not a date (YYYY-MM-DD or YYYY-MM)")
    return value


def _flag(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


COLUMNS = {
    **dict(zip(_SAME_NAME, _SAME_NAME)),
    **{name: (name, _listed) for name in _LISTS},
    "enrolment": ("enrollment", count),
    "enrolment_type": "enrollment_type",
    "arms": ("arms", _arms),
    "registered_text": ("registered", _date),
    "first_submitted": ("first_submitted", _date),
    "results_posted": ("results_posted", _flag),
}
