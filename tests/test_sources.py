"""One record of several snapshots: the newest that fills a field counts, what belongs together stays together."""

import json

import pytest
from conftest import RAW, put

from evlib.base.schema import split_multi
from evlib.ingest import sources

OLD, MIDDLE, NEW = "2022-01-21", "2022-10-09", "2026-11-28"
TRN = "NCT04276987"


@pytest.fixture
def merged(tmp_path, review):
    """The record and the versions that copies of one record make, by day."""

    def of(**copies):
        for day, facts in zip((OLD, MIDDLE, NEW), copies.values(), strict=True):
            line = {"registry": "ClinicalTrials.gov", "trial_id": TRN, "source_urls": [f"https://example.org/{day}"]}
            put(tmp_path, f"registries/{day}/records.jsonl", json.dumps(line | facts))
        files = sources.raw_sources(tmp_path, snapshot=NEW)
        assert [file.day for file in files] == [NEW, MIDDLE, OLD]
        records, rejects, account, versions, _ = sources.records_of(files, protocol=review, always=set())
        assert rejects.empty and account.older_copies.tolist() == [0, 1, 1] and account.records.tolist() == [1, 0, 0]
        return records.set_index("trn").loc[TRN], versions.set_index(["field", "snapshot"])

    return of


def test_each_field_is_the_newest_that_is_filled_and_the_days_are_kept(merged):
    record, versions = merged(
        old={"sponsor": "Old", "brief_title": "Exosomes", "conditions": ["Burns"]},
        middle={"sponsor": "Middle", "brief_title": "EXOSOMES "},
        new={"sponsor": "New"},
    )
    assert (record.sponsor, record.brief_title, record.conditions) == ("New", "EXOSOMES", "Burns")
    assert (record.snapshot, record.first_retrieved, record.source_urls) == (NEW, OLD, f"https://example.org/{NEW}")
    assert versions.loc["sponsor"].value.to_dict() == {OLD: "Old", MIDDLE: "Middle", NEW: "New"}
    assert versions.loc["sponsor"].shown.to_dict() == {OLD: False, MIDDLE: False, NEW: True}
    # What only an older copy says has its day and its address.
    assert versions.loc[("conditions", OLD), ["shown", "source_urls"]].tolist() == [True, f"https://example.org/{OLD}"]
    assert versions.loc["brief_title"].shown.to_dict() == {MIDDLE: True, OLD: False}


def test_a_number_of_people_has_the_type_and_a_status_the_update_of_its_own_source(merged):
    record, _ = merged(
        old={"enrollment": 60, "enrollment_type": "Estimated", "status": "Recruiting", "last_update": "2021-05-01"},
        middle={"enrollment": 24, "status": "Completed"},
        new={"enrollment_type": "Actual", "last_update": "2026-01-01"},
    )
    assert (record.enrolment, record.status) == (24, "Completed")
    assert record[["enrolment_type", "last_update"]].isna().all()  # the source of the number does not tell


def test_other_numbers_are_those_that_any_source_names(merged):
    record, versions = merged(
        old={"secondary_ids": ["IRCT20200217046526N2", "ChiCTR2000030261"]},
        middle={},
        new={"secondary_ids": ["ChiCTR2000030261", "ISRCTN33578935"]},
    )
    assert set(split_multi(record.secondary_trns)) == {"ISRCTN33578935", "ChiCTR2000030261", "IRCT20200217046526N2"}
    assert versions.empty


def test_sources_that_say_the_same_have_no_versions(merged):
    same = {"sponsor": "A Hospital", "enrollment": 24, "status": "Completed"}
    _, versions = merged(old=same, middle=same, new=same | {"sponsor": "a  hospital"})
    assert versions.empty


def test_the_shipped_snapshots_merge_as_their_lines_say(shipped):
    """Independently of the reader: from the lines of the snapshots themselves."""
    lines = {}
    for path in sorted((RAW / "registries").glob("????-??-??/records.jsonl")):
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if line["trial_id"]:
                lines.setdefault(line["trial_id"].strip(), []).append((path.parent.name, line))
    records = shipped[shipped.trn_kind == "number"].set_index("trn")
    several = {trn: copies for trn, copies in lines.items() if trn in records.index and len(copies) > 1}
    assert len(several) > 100
    for trn, copies in several.items():
        record, days = records.loc[trn], [day for day, _ in copies]
        assert (record.first_retrieved, record.snapshot) == (days[0], days[-1])
        counted = [line for _, line in copies if line["enrollment"] is not None]
        if counted:
            assert record.enrolment == counted[-1]["enrollment"]
            assert (record.enrolment_type == record.enrolment_type) == bool(counted[-1]["enrollment_type"]), trn
        said = [line for _, line in copies if line["status"]]
        if said:
            assert (record.last_update == record.last_update) == bool(said[-1]["last_update"]), trn
