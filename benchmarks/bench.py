"""How fast, and in how much memory, are records read, searched and de-duplicated? `make bench` measures it.

    python benchmarks/bench.py [--samples FOLDER] [--peers PYTHON] [COUNT...]

For each count (10,000, 100,000 and 1,000,000 by default) studies are generated once; then, each in a process of its own,
ours (read, search, de-duplicate), our search alone (what it finds is read, the rest is asked as it stands; all cores), our full ingest (all
columns read, checked and written; all cores), DuckDB's scan of the same file with two threads (the floor: it picks the titles and searches
them for one word), the same by Polars (in the environment of PYTHON, where it is installed), grep's count of lines with that word, and the few lines of pandas that one
would write (json_normalize of all lines, then a search of the titles). Each is done five times (--times) and its median counts, but ours in
full and pandas', which are done once beyond 100,000. Memory is limited to 4 GB in each process. ``peak_mb`` is the peak of the process itself;
``all_mb`` what it and those that it started held together, looked at five times a second (memory that they share counts twice).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 4 * 2**30  # bytes
COUNTS = [10_000, 100_000, 1_000_000]
MANY, LONG = 100_000, ("evlib", "evlib, full ingest", "pandas.json_normalize")


def ours(path: Path) -> dict[str, float]:
    """Read every record, pick those that the protocol's query finds, and find duplicates and proposals among all."""
    import pandas as pd

    from evlib.base.protocol import load_protocol
    from evlib.base.query import matches
    from evlib.ingest.registries import stream
    from evlib.screen.deduplication import duplicates, needed_columns
    from evlib.screen.duplicate_scores import proposals

    protocol = load_protocol(ROOT / "protocol.yml")
    seconds = {"read": 0.0, "search": 0.0}
    found = 0
    parts = stream([path], retrieved="2026-11-25", registries=[])
    kept = []
    while True:
        started = time.perf_counter()
        part = next(parts, None)
        seconds["read"] += time.perf_counter() - started
        if part is None:
            break
        started = time.perf_counter()
        found += int(matches(part.records, protocol["search"]).sum())
        seconds["search"] += time.perf_counter() - started
        kept.append(needed_columns([part.records]))
    started = time.perf_counter()
    records = pd.concat(kept, ignore_index=True)
    kept.clear()
    repeats = duplicates(records, pd.DataFrame({"trn": [], "duplicate_of": []}), protocol=protocol)
    likely = proposals(records[~records.trn.isin(repeats.trn)])
    seconds["de-duplicate"] = time.perf_counter() - started
    return seconds | {"found": found, "duplicates": len(repeats), "proposals": len(likely)}


def search_alone(path: Path) -> dict[str, float]:
    """Read the records that the protocol's query finds."""
    from evlib.base.protocol import load_protocol
    from evlib.base.query import matches, needed
    from evlib.ingest.registries import stream
    from evlib.ingest.registries.common import Asked

    query = load_protocol(ROOT / "protocol.yml")["search"]
    parts = stream(
        [path],
        retrieved="2026-11-25",
        registries=[],
        asked=Asked(patterns=needed(query)),
        processes=os.cpu_count() or 1,
    )
    return {"found": sum(int(matches(part.records, query).sum()) for part in parts)}


def full_ingest(path: Path) -> dict[str, float]:
    """Read, check and write all columns of every record."""
    from evlib.ingest.registries import ingest_into

    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        how = {"retrieved": "2026-11-25", "registries": [], "processes": os.cpu_count() or 1}
        summary, _ = ingest_into(Path(out), [path], **how)
    return {"written": int(summary.records.sum())}


def duckdb_scan(path: Path) -> dict[str, float]:
    """DuckDB reads the file and searches its titles."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "3GB"})
    title = "protocolSection.identificationModule.briefTitle"
    row = connection.execute(
        f"SELECT count({title}), count(*) FILTER (WHERE {title} ILIKE '%exosome%') "
        "FROM read_json(?, format = 'newline_delimited', maximum_object_size = 100000000)",
        [str(path)],
    ).fetchone()
    return {"found": row[1]}


def polars_scan(path: Path) -> dict[str, float]:
    """Polars reads the file lazily and searches its titles."""
    import polars

    section = polars.col("protocolSection").struct.field("identificationModule").struct.field("briefTitle")
    titles = polars.scan_ndjson(path, infer_schema_length=1000).select(section)
    return {"found": titles.filter(polars.col("briefTitle").str.contains("(?i)exosome")).collect().height}


def grep_count(path: Path) -> dict[str, float]:
    """grep counts the lines that have the word anywhere."""
    done = subprocess.run(["grep", "-c", "-i", "exosome", str(path)], capture_output=True, text=True)
    return {"found": int(done.stdout)}


def plain_pandas(path: Path) -> dict[str, float]:
    """What one would write: every line into a list, the list into a table, the table searched."""
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        table = pd.json_normalize([json.loads(line) for line in file])
    titles = table["protocolSection.identificationModule.briefTitle"]
    return {"found": int(titles.str.contains("exosome", case=False).sum())}


PARTS: dict[str, Callable[[Path], dict[str, float]]] = {
    "evlib": ours,
    "evlib, search alone": search_alone,
    "evlib, full ingest": full_ingest,
    "DuckDB scan": duckdb_scan,
    "Polars scan_ndjson": polars_scan,
    "grep -c": grep_count,
    "pandas.json_normalize": plain_pandas,
}


def one_part(name: str, path: Path) -> None:
    """Run one part in this process and print what it measured as JSON."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    started = time.perf_counter()
    facts = PARTS[name](path)
    facts["seconds"] = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    facts["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    print(json.dumps(facts))


def measure(counts: list[int], samples: str | None = None, times: int = 5, peers: str = sys.executable) -> list[dict]:
    """Generate studies and run each part on them, for each count, as often as ``times`` says; the run of the median time counts.

    Returns
    -------
    list of dict
        ``name, records, part, seconds, floor`` (of evlib: DuckDB's seconds), ``peak_mb``, ``size_mb`` and the part's own facts;
        ``seconds`` is None and ``failed`` says why where a part did not end.
    """
    rows = []
    (ROOT / "data" / "processed").mkdir(parents=True, exist_ok=True)
    for count in counts:
        with tempfile.TemporaryDirectory(dir=ROOT / "data" / "processed") as folder:
            path = Path(folder) / "studies.json"
            generator = [sys.executable, str(ROOT / "benchmarks" / "generate.py"), str(count), str(path)]
            subprocess.run(generator + ([samples] if samples else []), check=True)
            measured = {
                name: _median(
                    [_run_part(name, path, peers) for _ in range(1 if count > MANY and name in LONG else times)]
                )
                for name in PARTS
            }
            size = path.stat().st_size / 2**20
        floor = measured["DuckDB scan"]["seconds"]
        for name, facts in measured.items():
            about = {"name": f"{count:,} records, {name}", "records": count, "part": name, "size_mb": size}
            rows.append(about | {"floor": floor if name.startswith("evlib") else None} | facts)
    return rows


def _median(runs: list[dict]) -> dict:
    """The run of the median time; a failed one where there is one."""
    failed = [run for run in runs if run["seconds"] is None]
    return failed[0] if failed else sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]


def _run_part(name: str, path: Path, peers: str) -> dict:
    python = peers if name.startswith("Polars") else sys.executable
    command = [python, __file__, "--part", name, "--file", str(path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process, held = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes), 0.0
    while True:
        try:
            told, wrong = process.communicate(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            held = max(held, _held_by(process.pid))
    if process.returncode == 0:
        facts = json.loads(told)
        return facts | ({"all_mb": max(held, facts["peak_mb"])} if held else {})
    if "ModuleNotFoundError" in wrong:
        return {"seconds": None, "peak_mb": None, "failed": "not installed"}
    full = "MemoryError" in wrong or "Out of Memory" in wrong
    return {"seconds": None, "peak_mb": None, "failed": "out of memory" if full else wrong[-200:]}


def _held_by(session: int) -> float:
    """The memory of a session's processes in MB, where the system tells it."""
    pages = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # one that has just ended
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            pages += int(fields[21]) * (int(fields[3]) == session)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS)
    parser.add_argument("--samples", help="folder of real samples to vary; without it, a sample of our own is varied")
    parser.add_argument("--times", type=int, default=5, help="how often each part is done; the median counts")
    parser.add_argument("--peers", default=sys.executable, help="Python of an environment with Polars")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        one_part(options.part, options.file)
        return
    print(f"{'records':>9}  {'part':<22} {'seconds':>8} {'records/s':>10} {'peak MB':>8}")
    for count in options.counts or COUNTS:
        for row in measure([count], options.samples, options.times, options.peers):
            speed, peak = (
                (f"{count / row['seconds']:.0f}", f"{row['peak_mb']:.0f}") if row["seconds"] else (row["failed"], "–")
            )
            print(f"{count:>9}  {row['part']:<22} {row['seconds'] or 0:>8.2f} {speed:>10} {peak:>8}", flush=True)


if __name__ == "__main__":
    main()
