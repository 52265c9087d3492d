"""All benchmarks: reruns, sweeps, and records by the thousand. `make bench` runs this (about ten minutes).

    python benchmarks/run_all.py [--samples FOLDER] [--times 5] [--suite] [--only PART...] [COUNT...]

Each result is added to benchmarks/history.jsonl with its machine, day and commit, and benchmarks/RESULTS.md is written anew from
it: the last figures beside their floors, curves, and what got worse since the last time on such a machine.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
PARTS = ("reruns", "sweep", "ingest", "duplicates")
COUNTS = [10_000, 100_000]


def machine() -> dict[str, object]:
    """What the figures depend on: processor, cores that this process may use, memory, Python, system."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [
            line.partition(":")[2].strip()
            for line in info.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": cores,
        "ram_gb": round(memory, 1),
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
    }


def commit() -> str:
    """The commit that was measured, with a plus where files were changed since; unknown outside of a checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=FOLDER, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def measured(part: str, options: argparse.Namespace) -> dict[str, list[dict]]:
    """Run one benchmark: rows of results by part."""
    if part == "duplicates":
        return {part: import_module("bench_duplicates").measure([1_000, 10_000], options.samples, options.peers)}
    if part == "reruns":
        return import_module("bench_reruns").measure(times=options.times, suite=options.suite)
    if part == "ingest":
        return {"ingest": import_module("bench").measure(options.counts, options.samples, options.times, options.peers)}
    if find_spec("bench_sweep") is None:
        return {}
    return {"sweep": sweep_rows(import_module("bench_sweep").measure())}


def sweep_rows(measured: dict) -> list[dict]:
    """What ``bench_sweep.measure`` measured, as rows."""
    if not measured["same_bytes"]:
        raise SystemExit("a sweep that was repeated wrote another table")
    return [
        {"name": f"{measured['dates']} dates, {name}", "dates": measured["dates"], "seconds": seconds}
        | ({"floor": measured["floor_s"]} if name == "from nothing" else {})
        for name, seconds in measured["seconds"].items()
    ]


def main() -> None:
    """Measure, add to the history, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS)
    parser.add_argument("--samples", help="folder of real samples to vary; without it, a sample of our own is varied")
    parser.add_argument(
        "--times", type=int, default=5, help="how often each measure is done, at most 5; the median counts"
    )
    parser.add_argument(
        "--peers", default=sys.executable, help="Python that has Polars and the other tools to find duplicates"
    )
    parser.add_argument("--suite", action="store_true", help="time the whole test suite, too")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--history", type=Path, default=FOLDER / "history.jsonl", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from report import read_history, slides, write_report

    from evlib.base.files import today

    about = {"date": today(), "commit": commit(), "machine": machine()}
    for name in options.only:
        print(f"measuring: {name}", flush=True)
        for part, rows in measured(name, options).items():
            with options.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(about | {"part": part, "rows": rows}, ensure_ascii=False) + "\n")
    history = read_history(options.history)
    print(f"The results are in {write_report(history, options.history.parent)}.")
    for (part, name), share in slides(history).items():
        print(f"SLIDE: {part}, {name}: worse by {share:.0%} than the last time on such a machine", file=sys.stderr)


if __name__ == "__main__":
    main()
