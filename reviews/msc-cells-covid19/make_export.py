"""Write the example's export: shipped records that speak of COVID-19, in the columns of a WHO ICTRP export.

Run in the repository: .venv/bin/python reviews/msc-cells-covid19/make_export.py
Nothing is added: what a record of the snapshot does not show is an empty cell.
"""

import csv
import io
import json
from pathlib import Path

from evlib.base.files import write_text
from evlib.base.identifiers import normalised, registry_of, trn_kind
from evlib.base.protocol import load_protocol, phrase_pattern

HERE = Path(__file__).resolve().parent
DAY = "2026-11-22"
SNAPSHOT = HERE.parents[1] / "data/raw/registries" / DAY / "records.jsonl"
EXPORT = HERE / "data/raw/exports" / DAY / "ictrp-columns.csv"
_FIELDS = ("brief_title", "official_title", "conditions", "interventions", "keywords")
_DESIGN = {"Allocation": "allocation", "Intervention model": "intervention_model", "Masking": "masking"}


def export() -> str:
    """The export as text."""
    speaks = phrase_pattern(load_protocol(HERE / "protocol.yml")["screening"]["condition"])
    records = [json.loads(line) for line in SNAPSHOT.read_text(encoding="utf-8").splitlines()]
    rows = [
        _row(record)
        for record in records
        if trn_kind(normalised(record["trial_id"]) or "") == "number"
        and any(speaks.search(_joined(record[field])) for field in _FIELDS)
    ]
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(sorted(rows, key=lambda row: row["TrialID"]))
    return text.getvalue()


def _row(record: dict) -> dict[str, str]:
    parts = [f"{name}: {record[field]}." for name, field in _DESIGN.items() if record[field]]
    shown = {
        "TrialID": normalised(record["trial_id"]),
        "Public title": record["brief_title"],
        "Scientific title": record["official_title"],
        "Acronym": record["acronym"],
        "Primary sponsor": record["sponsor"],
        "Date registration": record["registered"],
        "Export date": DAY,
        "Source Register": registry_of(normalised(record["trial_id"])),
        "web address": record["source_urls"][0] if record["source_urls"] else None,
        "Recruitment Status": record["status"],
        "Date enrollement": record["start_date"],
        "Target size": record["enrollment"],
        "Study type": record["study_type"],
        "Study design": " ".join(parts),
        "Phase": "/".join(record["phases"] or []),
        "Countries": record["countries"],
        "Condition": record["conditions"],
        "Intervention": record["interventions"],
        "Secondary IDs": record["secondary_ids"],
    }
    return {name: _joined(value) for name, value in shown.items()}


def _joined(value: object) -> str:
    """A cell as the portal writes it: several values parted by semicolons, nothing where nothing is shown."""
    return ";".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


if __name__ == "__main__":
    write_text(EXPORT, export())
