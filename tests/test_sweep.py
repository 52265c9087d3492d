"""Sweeps: a row is what a run of its date wrote, and the table does not depend on who computed it."""

import json
import os
import signal
import subprocess
import sys
from time import sleep

import duckdb
import pandas as pd
import pytest
from conftest import RAW, ROOT, SNAPSHOT, export, put
from hypothesis import given
from hypothesis import strategies as st

from evlib.audit import checks
from evlib.audit.by_search_date import (
    CANNOT,
    CLAIM,
    NEVER,
    REGISTRY,
    date_beside_paper,
    days_between,
    first_supported,
    flow_of_paper,
    inputs_of_run,
    months_of,
    row_at,
    rows_at,
    shared_inputs,
    table_of,
    tables_of_paper,
)
from evlib.audit.figures import field_by_date
from evlib.base.errors import InputError
from evlib.base.rawdata import copy_shipped
from evlib.base.schema import read_csv, read_table
from evlib.base.words import load_numbers
from evlib.ingest import sources
from evlib.run import sweep as sweep_module
from evlib.run.sweep import reviews_of, sweep

SPAN = {"first": "2015-12-31", "last": "2023-06-30", "every": "year"}
N = 9  # dates in it


@pytest.fixture(scope="module")
def inputs():
    return shared_inputs(ROOT / "protocol.yml", raw_dir=RAW)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A review's folder: its protocol and its raw data."""
    folder = tmp_path_factory.mktemp("review")
    copy_shipped(RAW, folder / "data/raw")
    (folder / "protocol.yml").write_bytes((ROOT / "protocol.yml").read_bytes())
    return folder


def swept(root, out, **asked):
    """The bytes of the table of a sweep, what it said, and the rows that it computed."""
    said, done = [], []
    folder = sweep(root, out=out, say=said.append, on_row=lambda name, day: done.append(day), **SPAN | asked)
    return [(folder / f"sweep.{kind}").read_bytes() for kind in ("csv", "parquet")], said, done


@pytest.fixture(scope="module")
def here(root, tmp_path_factory):
    """What this process writes."""
    out = tmp_path_factory.mktemp("here")
    bytes_of, _, done = swept(root, out)
    assert done == days_between(SPAN["first"], SPAN["last"], every="year")
    return bytes_of, out


@pytest.mark.parametrize("date", ["2024-02-17", SNAPSHOT])
def test_a_row_is_what_the_chapters_wrote_for_its_date(run_of, inputs, review, date):
    results = run_of(date)
    row = row_at(inputs, date)
    numbers = load_numbers(results)
    same = [name for name in row if name in numbers]
    assert {"n_records", "n_included", "n_pending", "n_countries", "n_dose_trials"} <= set(same)
    assert {name: str(row[name]) for name in same} == {name: numbers[name] for name in same}
    flow = read_csv(results / "flow.csv")
    steps = flow.drop_duplicates("step", keep=False).set_index("step").n
    assert {f"n_{step}": str(row[f"n_{step}"]) for step in steps.index if f"n_{step}" in row} == {
        f"n_{step}": n for step, n in steps.items() if f"n_{step}" in row
    }
    identified = {
        label.removeprefix("Records identified: "): n for label, n in zip(flow.label, flow.n) if ": " in label
    }
    assert {name: str(row[f"{REGISTRY}{name}"]) for name in identified} == identified
    ledger = read_csv(results / "audit.csv").set_index("id").verdict
    of_paper = row_at(inputs, date_beside_paper(date, review))  # the audit is of the paper's date in every edition
    assert {name: of_paper[f"{CLAIM}{name}"] for name in inputs.claims.id} == ledger[inputs.claims.id].to_dict()
    own = inputs_of_run(results, raw_dir=RAW, protocol=review)
    records, decisions = (read_table(results / f"{name}.csv", name) for name in ("records", "decisions"))
    beside = flow_of_paper(records, decisions, own.pairs, raw_dir=RAW, search_date=date, protocol=review)
    assert beside.equals(tables_of_paper(results, raw_dir=RAW, search_date=date, protocol=review).flow)
    earlier = "2021-07-01"
    assert row_at(own, date) == row and row_at(own, earlier) == row_at(inputs, earlier)


def test_rows_of_days_between_which_no_record_came_in_are_those_of_each_day(inputs):
    days = days_between("2018-01-31", "2018-12-31", every="month")
    pd.testing.assert_frame_equal(rows_at(inputs, days), table_of([row_at(inputs, day) for day in days]))


def test_before_the_first_record_there_is_nothing_to_tell_and_after_the_newest_all_is_missing(inputs):
    before, after = row_at(inputs, "1999-12-31"), row_at(inputs, "2030-01-01")
    assert (before["n_records"], before["n_included"], before["countries_leader"]) == (0, 0, None)
    assert before["note"] and SNAPSHOT in after["note"]
    assert {value for name, value in after.items() if name not in ("search_date", "note")} == {None}
    assert list(before) == list(after) == list(row_at(inputs, "2020-01-01"))


@given(st.dates(pd.Timestamp("2000-01-01").date(), pd.Timestamp("2040-12-31").date()), st.integers(0, 2000), st.data())
def test_the_dates_of_a_sweep_end_on_its_last_day_and_rise(start, length, data):
    every = data.draw(st.sampled_from(["month", "quarter", "year", "week", "30"]))
    end = start + pd.Timedelta(days=length)
    days = days_between(f"{start}", f"{end:%Y-%m-%d}", every=every)
    assert days == sorted(set(days)) and days[-1] == f"{end:%Y-%m-%d}" and days[0] >= f"{start}"
    if every == "month":
        ends = pd.date_range(start, end, freq="ME").strftime("%Y-%m-%d").tolist()
        assert days[: len(ends)] == ends


def test_a_claim_is_first_supported_where_it_agrees_and_held_if_it_always_does():
    yes, no = checks.VERDICTS["recomputation"]
    verdicts = {"a": [no, yes, yes], "b": [yes, no, yes], "c": [no, no, no], "d": [checks.NOT_CHECKABLE] * 3}
    table = pd.DataFrame({f"{CLAIM}{name}": values for name, values in verdicts.items()})
    table = table.assign(search_date=["2020-01-31", "2020-02-29", "2020-03-31"], n_included=[1, 4, 9])
    claims = pd.DataFrame({"id": list(verdicts), "section": "3", "quote": "words"})
    supported = first_supported(table, claims).set_index("claim")
    assert supported["first"].tolist() == ["2020-02-29", "2020-01-31", NEVER, CANNOT]
    assert supported["held ever after"].tolist()[:2] == ["yes", "no: not on 1 of 2 later days"]
    assert supported["trials then"].tolist()[:2] == [4, 1]
    assert supported["on the last day"].tolist()[:3] == ["yes", "yes", "no"]


def test_days_after_the_newest_records_say_nothing_and_change_nothing(inputs):
    days = ["2019-12-31", "2020-12-31"]
    known, both = rows_at(inputs, days), rows_at(inputs, [*days, "2030-01-31", "2030-02-28"])
    pd.testing.assert_frame_equal(first_supported(both, inputs.claims), first_supported(known, inputs.claims))
    drawn, expected = field_by_date(both), field_by_date(known)
    assert (drawn.title, drawn.alt) == (expected.title, expected.alt)
    nothing_known = rows_at(inputs, ["2030-01-31"])
    assert set(first_supported(nothing_known, inputs.claims)["first"]) == {CANNOT}
    assert field_by_date(nothing_known).title == "The records are older than every search date"


def test_the_newest_day_is_what_the_exports_in_use_state_not_that_of_their_files(tmp_path, review):
    header = ("TrialID", "Public title", "Source Register", "Date registration", "Export date")
    rows = [("NCT04276987", "Exosomes of mesenchymal stem cells", "ClinicalTrials.gov", "2020-02-19")]
    put(tmp_path, "one.csv", export(*((*row, "2020-06-30") for row in rows), header=header))
    put(
        tmp_path,
        "other.csv",
        export(("NCT00000001", "Aspirin", "ClinicalTrials.gov", "2020-02-19", "2020-07-15"), header=header),
    )
    account = sources.records_of(sources.named_sources(tmp_path), protocol=review, always=set())[2]
    assert sources.newest_day(account) == "2020-06-30"
    described = pd.DataFrame({"screening": ["included"], "registered": pd.to_datetime(["2020-04-15"])})
    assert months_of(described, "2024-02-17", newest="2020-06-30") == ["2020-04-30", "2020-05-31", "2020-06-30"]
    assert months_of(described, "2020-05-10", newest="2020-06-30") == ["2020-04-30", "2020-05-10"]
    assert months_of(described, "2024-02-17", newest="2020-03-01") == ["2020-03-01"]


def test_an_interrupted_sweep_resumes_and_writes_the_same(root, here, tmp_path):
    def interrupt(name, day):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(root, out=tmp_path, say=lambda text: None, on_row=interrupt, **SPAN | {"last": "2024-01-31"})
    done = swept(root, tmp_path, last="2024-01-31")[2]
    assert done == ["2024-01-31"]  # the first that is new was stored before the interruption
    for store in (root / "data/processed/.sweep-rows").iterdir():
        kept = sorted(store.glob("*.json"))
        kept[3].unlink()
        kept[5].write_text(kept[5].read_text()[:40])  # torn
        lost = [kept[3].stem, kept[5].stem]
    bytes_of, _, done = swept(root, tmp_path)
    assert done == lost and bytes_of == here[0]
    protocol = root / "protocol.yml"
    text = protocol.read_bytes()
    protocol.write_bytes(text + b"# another\n")
    done = swept(root, tmp_path)[2]
    protocol.write_bytes(text)
    assert len(done) == N  # other inputs: nothing is taken over


def started(*arguments):
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)


def test_the_rows_of_a_worker_that_is_killed_are_computed_by_another(root, here, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install -e '.[cluster]'")
    place, alike = tmp_path / "scheduler.json", ["--scheduler-file", str(tmp_path / "scheduler.json")]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    cluster = [started("distributed.cli.dask_scheduler", *alike, *local, "--port", "0")]
    scratch = ["--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path)]
    cluster += [started("distributed.cli.dask_worker", *alike, *local, *scratch) for _ in range(2)]
    for rows in (root / "data/processed/.sweep-rows").rglob("*.json"):
        rows.unlink()
    done = []

    def on_row(name, day):
        done.append(day)
        if len(done) == 1:
            os.kill(cluster[1].pid, signal.SIGKILL)

    try:
        address = None
        while address is None:
            sleep(0.1)
            if place.is_file() and place.stat().st_size:
                address = json.loads(place.read_text())["address"]
        assert address.startswith("tcp://127.0.0.1:")
        with monkeypatch.context() as patch, pytest.raises(InputError, match="the same version of evlib"):
            patch.setattr(sweep_module, "code_key", lambda: "of an older version")
            sweep(root, out=tmp_path / "out", scheduler=address, say=lambda text: None, **SPAN)
        out = sweep(root, out=tmp_path / "out", scheduler=address, say=lambda text: None, on_row=on_row, **SPAN)
        assert cluster[1].wait() == -signal.SIGKILL and cluster[2].poll() is None
    finally:
        for process in cluster:
            process.kill()
            process.wait()
    assert len(done) == N
    assert [(out / f"sweep.{kind}").read_bytes() for kind in ("csv", "parquet")] == here[0]


def test_csv_and_parquet_hold_the_same_table(here):
    rows = duckdb.sql(f"select * from '{here[1] / 'sweep.parquet'}'")
    table = read_csv(here[1] / "sweep.csv")
    assert rows.columns == list(table) and len(rows) == len(table) == N
    assert str(dict(zip(rows.columns, rows.types, strict=True))["search_date"]) == "DATE"
    assert [str(n) for (n,) in rows.project("n_included").fetchall()] == table.n_included.tolist()


def test_several_protocols_are_told_apart_and_what_one_lacks_is_missing(root, tmp_path):
    topic = ROOT / "reviews/msc-cells-covid19/protocol.yml"
    asked = {"first": "2020-06-30", "last": "2020-12-31", "every": "quarter"}
    swept(root, tmp_path, protocols=[root / "protocol.yml", topic], **asked)
    table = read_csv(tmp_path / "sweep.csv").set_index("protocol")
    assert table.index.tolist() == ["protocol.yml"] * 3 + ["msc-cells-covid19/protocol.yml"] * 3
    own, others = table.loc["protocol.yml"], table.loc["msc-cells-covid19/protocol.yml"]
    claims = [name for name in table if name.startswith(CLAIM)]
    assert own[claims].notna().all(axis=None) and others[[*claims, "n_dose_trials"]].isna().all(axis=None)
    assert others.n_records.notna().all() and not set(others.n_records) & set(own.n_records)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"last": "2014-01-01"}, "before it begins"),
        ({"every": "fortnight"}, "month, quarter, year"),
        ({"first": "2018-02-30"}, "not a date"),
        ({"last": "2030-01-01"}, "after the newest records"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_way_on(root, tmp_path, asked, said):
    with pytest.raises(InputError, match=said):
        swept(root, tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_a_scheduler_needs_dask_and_must_answer(root, tmp_path, monkeypatch):
    asked = {"scheduler": "tcp://127.0.0.1:9", "last": "2023-07-01"}
    with monkeypatch.context() as patch, pytest.raises(InputError, match=r"pip install -e '\.\[cluster\]'"):
        patch.setitem(sys.modules, "distributed", None)
        swept(root, tmp_path / "out", **asked)
    pytest.importorskip("distributed", reason="Dask is not installed: pip install -e '.[cluster]'")
    monkeypatch.setattr(sweep_module, "_ANSWER", "1s")
    with pytest.raises(InputError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        swept(root, tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_a_protocol_needs_its_data_and_a_name_of_its_own(root, tmp_path):
    (tmp_path / "protocol.yml").write_bytes((ROOT / "protocol.yml").read_bytes())
    for protocols, said in (
        ([tmp_path / "protocol.yml"], "no data/raw"),
        ([tmp_path / "none.yml"], "is not there"),
        ([root / "protocol.yml"] * 2, "two protocols"),
    ):
        with pytest.raises(InputError, match=said):
            reviews_of(root, protocols)
