"""One record of several snapshots: the newest that fills a field counts, what belongs together stays together."""

import json

import pytest
from conftest import RAW, put

from evlib.base.dates import possible_days
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


UPDATED = {"status": "Unknown status", "last_update": "2020-04-30"}


@pytest.mark.parametrize(
    "older, newer, status, read",
    [
        (UPDATED, {"status": "Recruiting"}, "Unknown status", MIDDLE),  # a table of unknown day is no newer word
        (UPDATED, {"status": "Recruiting", "last_update": "2023-01-01"}, "Recruiting", NEW),
        (UPDATED | {"last_update": "2022-05-02"}, UPDATED | {"last_update": "2021-07-12"}, "Unknown status", MIDDLE),
        (UPDATED | {"status": "Recruiting"}, UPDATED, "Unknown status", NEW),  # one update, read later
        (UPDATED | {"status": "Recruiting"}, {"status": "Completed"}, "Completed", NEW),  # the later stage
        (UPDATED | {"status": "Completed"}, {"status": "Not yet recruiting"}, "Completed", MIDDLE),
        ({"status": "Completed"}, {"status": "Recruiting"}, "Recruiting", NEW),  # no day: the one read last
    ],
)
def test_the_status_is_the_newest_word_of_the_registry_and_both_its_days_are_kept(merged, older, newer, status, read):
    record, versions = merged(old={}, middle=older, new=newer)
    day = (older if read == MIDDLE else newer).get("last_update")
    assert (record.status, record.status_read) == (status, read)
    assert record[["last_update", "status_day"]].where(record.notna(), None).tolist() == [day, day]
    if ("status", read) in versions.index:
        assert versions.loc[("status", read), "shown"] and versions.loc["status"].shown.sum() == 1


def test_a_status_whose_day_is_not_the_update_has_the_day_that_its_note_tells(tmp_path, review):
    line = {"registry": "ClinicalTrials.gov", "trial_id": TRN, "status": "Recruiting", "last_update": "2025-01-01"}
    put(tmp_path, f"registries/{NEW}/records.jsonl", json.dumps(line))
    put(tmp_path, f"registries/{OLD}/records.jsonl", json.dumps(line | UPDATED))
    head = "trn,snapshot,status,day,day_is,words"
    put(tmp_path, "curation/status_days.csv", f"{head}\n{TRN},{NEW},Recruiting,2021-03,a table,table of March 2021\n")
    files = sources.raw_sources(tmp_path, snapshot=NEW)
    days = sources.status_days(tmp_path)
    for own, status, day in ((files, "Unknown status", "2020-04-30"), (files[:1], "Recruiting", "2021-03")):
        record = sources.records_of(own, protocol=review, always=set(), days=days)[0].loc[0]
        assert (record.status, record.status_day) == (status, day)
    assert record.status_day_is == "a table"


def test_each_shipped_day_of_a_status_stands_in_the_note_of_its_record():
    days = sources.status_days(RAW)
    assert len(days) and not days.duplicated(["trn", "snapshot"]).any()
    for row in days.itertuples():
        lines = (RAW / f"registries/{row.snapshot}/records.jsonl").read_text(encoding="utf-8").splitlines()
        (line,) = (line for line in map(json.loads, lines) if line["trial_id"] == row.trn)
        assert line["status"] == row.status and row.words in line["note"], row.trn
        assert row.day != row.day or possible_days(row.day), row.trn


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
    elsewhere = set(sources.status_days(RAW)[["trn", "snapshot"]].itertuples(index=False, name=None))
    assert len(several) > 100
    for trn, copies in several.items():
        record, days = records.loc[trn], [day for day, _ in copies]
        assert (record.first_retrieved, record.snapshot) == (days[0], days[-1])
        counted = [line for _, line in copies if line["enrollment"] is not None]
        if counted:
            assert record.enrolment == counted[-1]["enrollment"]
            assert (record.enrolment_type == record.enrolment_type) == bool(counted[-1]["enrollment_type"]), trn
        said = [(day, line["status"], line["last_update"]) for day, line in copies if line["status"]]
        dated = [copy for copy in said if copy[2] and (trn, copy[0]) not in elsewhere]
        if said:
            told = record.where(record.notna(), None)
            assert (told.status_read, told.status, told.last_update) in said, trn
            # The newest update counts, but for a word without a day that no dated copy has.
            later = told.status not in {status for _, status, _ in dated}
            assert later or told.last_update == max(updated for *_, updated in dated), trn
