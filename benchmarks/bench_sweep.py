"""A sweep of every month on one and on two workers, beside its floor: the rows in one process, without Dask.

python benchmarks/bench_sweep.py
"""

import json
import tempfile
from pathlib import Path
from time import perf_counter

from evlib.audit.by_search_date import days_between, row_at, shared_inputs
from evlib.base.files import write_text
from evlib.base.paths import project_root
from evlib.base.rawdata import copy_shipped
from evlib.run.sweep import reviews_of, sweep

FIRST, LAST = "2014-12-31", "2026-11-22"
RESULTS = Path(__file__).with_name("results") / "sweep.json"


def measure(*, workers: tuple[int, ...] = (1, 2)) -> dict[str, object]:
    """Seconds of the floor and of each sweep, which starts from nothing; and whether all wrote the same bytes.

    Returns
    -------
    dict
        ``dates``; ``floor_s``: the sum of the rows in this process, the inputs read before; ``inputs_s``; and per number of
        workers ``seconds`` (workers started, inputs read, table written), ``to_floor`` (a ratio) and ``speed_up`` over
        the first; ``same_bytes``.
    """
    root = project_root()
    days = days_between(FIRST, LAST, every="month")
    (review,) = reviews_of(root, [])
    started = perf_counter()
    inputs = shared_inputs(review.protocol, raw_dir=review.raw)
    read = perf_counter()
    for day in days:
        row_at(inputs, day)
    floor = perf_counter() - read
    measured, tables = {}, set()
    for n in workers:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            copy_shipped(review.raw, copy / "data/raw")
            (copy / "protocol.yml").write_bytes(review.protocol.read_bytes())
            began = perf_counter()
            out = sweep(copy, first=FIRST, last=LAST, workers=n, say=lambda text: None)
            seconds = perf_counter() - began
            tables.add(tuple((out / f"sweep.{kind}").read_bytes() for kind in ("csv", "parquet")))
        first = next(iter(measured.values()), {"seconds": seconds})["seconds"]
        measured[str(n)] = {
            "seconds": round(seconds, 1),
            "to_floor": round(seconds / floor, 2),
            "speed_up": round(first / seconds, 2),
        }
    return {
        "dates": len(days),
        "floor_s": round(floor, 1),
        "inputs_s": round(read - started, 1),
        "workers": measured,
        "same_bytes": len(tables) == 1,
    }


def markdown(found: dict) -> str:
    """The measures as a table."""
    lines = [
        f"{found['dates']} dates; floor {found['floor_s']} s (rows in one process), inputs {found['inputs_s']} s; "
        f"{'the same' if found['same_bytes'] else 'NOT the same'} bytes.",
        "",
        "| workers | seconds | to the floor | speed-up |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {n} | {row['seconds']} | {row['to_floor']} | {row['speed_up']} |" for n, row in found["workers"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    figures = measure()
    print(markdown(figures))
    write_text(RESULTS, json.dumps(figures, indent=1) + "\n")
