"""The report of the benchmarks, from a made-up history: test data, no measurement."""

import json
import subprocess
import sys

import pandas as pd
import pytest
from bench_duplicates import _without_repeats
from conftest import ROOT
from report import read_history, slides, slopes, write_report
from run_all import sweep_rows

MACHINE = {"cpu": "made-up processor", "cores": 2, "ram_gb": 8.0, "python": "3.11.9", "os": "Linux 6"}


def entry(part, *rows, machine=MACHINE, day="2000-01-01"):
    return {"date": day, "commit": "test data", "machine": machine, "part": part, "rows": list(rows)}


def rerun(seconds, floor=2.0):
    return {"name": "nothing changed", "seconds": seconds, "floor": floor}


@pytest.mark.parametrize(
    ("before", "now", "share"),
    [
        (rerun(4.0), rerun(5.0), 0.25),
        (rerun(4.0), rerun(4.7), None),
        (rerun(4.0), rerun(8.0, floor=4.0), None),  # the whole machine was slower: the ratio is the same
        (rerun(4.0, floor=None), rerun(5.0, floor=None), 0.25),
        (rerun(4.0), rerun(3.0, floor=1.0), None),  # less time, though the floor is lower still
        (rerun(0.01), rerun(0.05), None),
        (rerun(None), rerun(5.0), None),
    ],
)
def test_a_figure_that_got_worse_by_more_than_a_fifth_is_named(tmp_path, before, now, share):
    history = [
        entry("reruns", before),
        entry("reruns", rerun(1.0), machine=MACHINE | {"cores": 64}),
        entry("reruns", now, machine=MACHINE | {"os": "Linux 7", "python": "3.11.10"}),
    ]
    assert slides(history) == ({} if share is None else {("reruns", "nothing changed"): pytest.approx(share)})
    text = write_report(history, tmp_path).read_text(encoding="utf-8")
    assert ("worse by 25%" in text) == (share is not None)
    assert ("None: nothing takes longer" in text) == (share is None)


def test_the_report_shows_machine_ratios_and_curves_of_the_last_results(tmp_path):
    sizes = [
        {
            "name": f"{n} records, evlib",
            "part": "evlib",
            "records": n,
            "seconds": n / 100,
            "floor": n / 1000,
            "peak_mb": 100.0,
        }
        for n in (1000, 10_000)
    ]
    failed = {
        "name": "10000 records, other",
        "part": "other",
        "records": 10_000,
        "seconds": None,
        "failed": "out of memory",
    }
    seconds = {"from nothing": 60.0, "all rows stored": 3.0}
    sweep = sweep_rows({"dates": 10, "floor_s": 30.0, "seconds": seconds, "same_bytes": True})
    history = [
        entry("reruns", rerun(9.0)),
        entry("reruns", rerun(5.0)),
        entry("ingest", *sizes, failed),
        entry("sweep", *sweep),
    ]
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in history), encoding="utf-8")
    text = write_report(read_history(path), tmp_path).read_text(encoding="utf-8")
    assert "made-up processor, 2 cores" in text
    assert "| nothing changed | 5 | 2 | 2.5 | -44% |" in text
    assert "(out of memory) | – | – |" in text
    assert "| 10 dates, from nothing | 60 | 30 | 2 | – | 10 |" in text
    curves = {path.stem for path in (tmp_path / "curves").glob("*.svg")}
    assert curves == {"records_seconds", "records_memory", "reruns"}
    assert all(f"curves/{name}.svg" in text for name in curves)


def test_growth_is_told_between_the_fewest_and_the_most_records():
    rows = [{"part": "evlib", "records": n, "seconds": s} for n, s in ((100, 1.0), (1_000, 50.0), (10_000, 100.0))]
    rows += [{"part": "other", "records": 100, "seconds": 1.0}, {"part": "other", "records": 1_000, "seconds": None}]
    assert slopes(rows) == {"evlib": pytest.approx(1)}


def test_the_driver_adds_a_result_to_the_history_and_writes_the_report(tmp_path):
    history = tmp_path / "history.jsonl"
    command = [sys.executable, "benchmarks/run_all.py", "--only", "ingest", "--times", "1", "--history", history, "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = read_history(history)
    assert line["machine"].keys() == MACHINE.keys()
    seconds = {row["part"]: row["seconds"] for row in line["rows"]}
    assert all(
        seconds[part]
        for part in ("evlib", "evlib, search alone", "evlib, full ingest", "DuckDB scan", "pandas.json_normalize")
    )
    assert [row["written"] for row in line["rows"] if "written" in row] == [20]
    assert "20 records, evlib" in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_no_copy_is_planted_of_a_study_that_the_generator_repeats_by_moving_its_words():
    records = pd.DataFrame({"brief_title": ["of burns AX-1", "AX-1 burns of", "of burns BX-2"]})
    assert _without_repeats(records).brief_title.to_list() == ["of burns BX-2"]
