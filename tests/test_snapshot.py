"""The snapshot reader: every line is a record or a reject with a reason, and the good ones are kept."""

import json

import pytest
from conftest import ingest, told_of

from evlib.base.errors import InputError

GOOD = {"registry": "ClinicalTrials.gov", "trial_id": "NCT04276987", "status": "Completed", "enrollment": 24}
KNOWN = ["ClinicalTrials.gov", "ChiCTR"]


def written(folder, *lines):
    path = folder / "records.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"registry": "ChiCTR", "trial_id"', "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        (GOOD | {"trial_id": None}, "no registration number"),
        (GOOD | {"trial_id": "  "}, "no registration number"),
        (GOOD | {"trial_id": "NCT00000001", "registry": "MyRegistry"}, "unknown registry 'MyRegistry'"),
        (GOOD | {"status": "Withdrawn"}, "differs in: status"),
        (GOOD, "with the same facts"),
    ],
)
def test_a_bad_line_is_set_aside_with_its_reason(tmp_path, line, reason):
    other = GOOD | {"trial_id": "NCT04313647"}
    records, rejects, _ = ingest([written(tmp_path, GOOD, line, other)], retrieved="2026-11-22", registries=KNOWN)
    assert list(records.trn) == ["NCT04276987", "NCT04313647"]
    assert list(records.status) == ["Completed", "Completed"]
    assert list(rejects.line) == [2]
    assert reason in rejects.reason[0]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("enrollment", -3, "enrolment"), ("enrollment", "many", "enrolment"), ("registered", "2024-13-45", "registered_text"),
     ("results_posted", "perhaps", "results_posted"), ("arms", ["x"], "arms")],
)  # fmt: skip
def test_a_field_that_is_not_understood_is_remarked_and_the_record_stays(tmp_path, field, value, named):
    told = told_of([written(tmp_path, GOOD | {field: value})], registries=KNOWN)
    assert told.rejects.empty
    assert told.records.status.tolist() == ["Completed"]
    assert told.records[named].isna().all() and told.records.unread.tolist() == [named]
    assert told.remarks[["line", "trn", "field"]].values.tolist() == [[1, "NCT04276987", named]]


def test_numbers_are_normalised_and_secondary_numbers_found(tmp_path):
    line = GOOD | {"trial_id": " nct04276987 ", "secondary_ids": ["ChiCTR2000030261", "2015KY-05"]}
    records, _, _ = ingest([written(tmp_path, line)], retrieved="2026-11-22", registries=KNOWN)
    assert records.trn[0] == "NCT04276987"
    assert records.secondary_trns[0] == "ChiCTR2000030261"


def test_a_file_without_any_record_is_an_error(tmp_path):
    no_record = GOOD | {"trial_id": None}
    for line in ("nonsense", "", no_record):
        with pytest.raises(InputError, match="no usable record"):
            ingest([written(tmp_path, line)], retrieved="2026-11-22", registries=KNOWN)
    with pytest.raises(InputError, match="cannot be read"):
        ingest([tmp_path / "absent.jsonl"], retrieved="2026-11-22", registries=KNOWN)
