"""A sweep of every month, from nothing and with all rows stored, beside its floor: the rows alone.

python benchmarks/bench_sweep.py
"""

import json
import tempfile
from pathlib import Path
from time import perf_counter

from evlib.audit.by_search_date import days_between, row_at, shared_inputs
from evlib.base.paths import project_root
from evlib.base.rawdata import copy_shipped
from evlib.run.sweep import reviews_of, sweep

FIRST, LAST = "2014-12-31", "2026-11-22"


def measure() -> dict[str, object]:
    """Seconds of a sweep from nothing and of the same one again, and of the floor.

    Returns
    -------
    dict
        ``dates``; ``floor_s``: the rows alone, the inputs read before; ``inputs_s``: reading the inputs; ``seconds``: by
        what was measured, all of a sweep; ``same_bytes``: whether both sweeps wrote the same.
    """
    days = days_between(FIRST, LAST, every="month")
    (review,) = reviews_of(project_root(), [])
    started = perf_counter()
    inputs = shared_inputs(review.protocol, raw_dir=review.raw)
    read = perf_counter()
    for day in days:
        row_at(inputs, day)
    floor = perf_counter() - read
    seconds, tables = {}, set()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_shipped(review.raw, copy / "data/raw")
        (copy / "protocol.yml").write_bytes(review.protocol.read_bytes())
        for name in ("from nothing", "all rows stored"):
            began = perf_counter()
            out = sweep(copy, first=FIRST, last=LAST, say=lambda text: None)
            seconds[name] = round(perf_counter() - began, 1)
            tables.add(tuple((out / f"sweep.{kind}").read_bytes() for kind in ("csv", "parquet")))
    return {
        "dates": len(days),
        "floor_s": round(floor, 1),
        "inputs_s": round(read - started, 1),
        "seconds": seconds,
        "same_bytes": len(tables) == 1,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
