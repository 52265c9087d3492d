"""A sweep: the rows of many search dates and protocols, side by side on Dask, each kept as soon as it is there.

The network is the loopback alone unless a scheduler is named, no dashboard is opened, and Dask writes below the project's
``data/processed`` only.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from evlib.audit.by_search_date import Inputs, days_between, row_at, shared_inputs, table_of
from evlib.base.errors import InputError
from evlib.base.files import day_of, files_of, sha256, write_bytes, write_text
from evlib.base.rawdata import SHARED, shared, snapshots
from evlib.base.schema import write_csv

if TYPE_CHECKING:
    from distributed import Client

FOLDER = "sweep"  # below data/processed
_ROWS = ".sweep-rows"  # likewise: what was computed, by what it was made from
_DASK = ".dask"
_TRIES = 5  # times that all workers may be lost without a row in between
_WAIT = "60s"  # for the first worker
_ANSWER = "10s"  # for a scheduler


class Review(NamedTuple):
    """A protocol, its raw data and its name in the table."""

    name: str
    protocol: Path
    raw: Path


def reviews_of(root: Path, protocols: list[Path]) -> list[Review]:
    """The protocols of a sweep, each with the raw data of its folder or of the nearest above it; the root's where none.

    Raises
    ------
    InputError
        Where a file is not there, has no raw data, or is named twice.
    """
    found = []
    for given in protocols or [root / "protocol.yml"]:
        path = given.resolve()
        if not path.is_file():
            raise InputError(f"{given} is not there. Name a protocol.yml.")
        raw = next((folder / "data/raw" for folder in path.parents if (folder / "data/raw").is_dir()), None)
        if raw is None:
            raise InputError(f"{given}: there is no data/raw beside it. A protocol stands in the folder of its review.")
        inside = path.is_relative_to(root.resolve())
        name = path.relative_to(root.resolve()) if inside else Path(path.parent.name) / path.name
        found.append(Review(name.as_posix(), path, raw))
    names = [review.name for review in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two protocols are called {twice}. Name each once, in folders of different names.")
    return found


def sweep(
    root: Path,
    *,
    first: str | None = None,
    last: str | None = None,
    every: str = "month",
    protocols: list[Path] | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    notebooks: bool = False,
    out: Path | None = None,
    say: Callable[[str], None] = print,
    on_row: Callable[[str, str], None] = lambda name, day: None,
) -> Path:
    """Write one table with a row for each search date and protocol; returns its folder.

    A row that was computed before from the same inputs by the same code is not computed again, so that a sweep which was
    stopped goes on where it was. The table does not depend on the number of workers, their order, or on restarts.

    Parameters
    ----------
    root
        The project's folder.
    first, last, every
        As ``evlib.audit.by_search_date.days_between`` takes them; from the first day on which any record was registered to the day of the
        newest records, where None.
    protocols
        Files; the root's protocol where None. Each has its data in ``data/raw`` of its folder.
    scheduler
        Address of a Dask scheduler whose workers have this version of the project; where None, worker processes are
        started here.
    workers
        How many are started here; one per processor where None. 0: none, all is done in this process, without Dask.
    notebooks
        Whether the chapters are executed for each date as well, into ``data/processed/<date>`` of each protocol's folder. The
        workers of a scheduler elsewhere must see that folder.
    out
        Folder of the results; ``data/processed/sweep`` where None.
    say
        Told of each step.
    on_row
        Told of each row that was computed: its protocol and its date.

    Returns
    -------
    pathlib.Path
        The folder with ``sweep.csv``, ``sweep.parquet`` and ``sweep.json``, which says what they were made from.

    Raises
    ------
    InputError
        Where a date, a protocol or its data cannot be used; where the scheduler cannot be reached, has no worker, or its
        workers have other code; or where another sweep is under way.
    """
    from filelock import FileLock, Timeout

    reviews = reviews_of(root, protocols or [])
    if workers is not None and workers < 0:
        raise InputError(f"{workers} workers cannot be started. Name a number from 0 (this process alone) up.")
    if notebooks:
        for review in reviews:
            if review.protocol.name != "protocol.yml":
                raise InputError(f"{review.name}: chapters are run for a protocol.yml alone. Leave out --notebooks.")
    processed = root / "data" / "processed"
    processed.mkdir(parents=True, exist_ok=True)
    out = (out or processed / FOLDER).resolve()
    (processed / ".locks").mkdir(exist_ok=True)
    lock = hashlib.sha256(str(out).encode()).hexdigest()[:16]
    try:
        with FileLock(processed / ".locks" / f"sweep-{lock}.lock", timeout=1):
            return _swept(
                reviews, processed, out, (first, last, every), scheduler, workers, notebooks, say=say, on_row=on_row
            )
    except Timeout:
        raise InputError(
            f"another sweep is writing {out}. Wait for it to end, or name another folder: --out."
        ) from None


def _swept(
    reviews: list[Review],
    processed: Path,
    out: Path,
    dates: tuple[str | None, str | None, str],
    scheduler: str | None,
    workers: int | None,
    notebooks: bool,
    *,
    say: Callable[[str], None],
    on_row: Callable[[str, str], None],
) -> Path:
    first, last, every = dates
    newest = max(snapshots(review.raw)[-1] for review in reviews)
    if first is not None:
        days = _days(first, last or newest, every, newest)
    made_from = {review.name: _made_from(review) for review in reviews}
    stores = {name: processed / _ROWS / _digest(facts) for name, facts in made_from.items()}
    inputs = {review.name: shared_inputs(review.protocol, raw_dir=review.raw) for review in reviews}
    if first is None:
        known = [day for one in inputs.values() for day in one.records.registered.dropna()]
        if not known:
            raise InputError("No record has a date of registration. Name the first day: --from.")
        days = _days(f"{min(known):%Y-%m-%d}", last or newest, every, newest)
    rows = {(name, day): row for name in inputs for day in days if (row := _kept(stores[name], day)) is not None}
    left = [(name, day) for name in inputs for day in days if (name, day) not in rows]
    say(f"sweep: {len(days)} dates, {len(inputs)} protocol(s): {len(rows)} rows are there, {len(left)} to compute.")

    def keep(name: str, day: str, row: dict[str, Any]) -> None:
        write_text(stores[name] / f"{day}.json", json.dumps(row, ensure_ascii=False) + "\n")
        rows[name, day] = json.loads(json.dumps(row))
        on_row(name, day)

    if left or notebooks:
        with _client(scheduler, workers, len(left) or len(days), processed) as client:
            if left:
                _compute(client, inputs, left, keep, say)
            if notebooks:
                _run_notebooks(client, reviews, rows, say)
    table = table_of([{"protocol": name, **rows[name, day]} for name in inputs for day in days])
    _write(table, out, {"dates": days, "made_from": made_from})
    say(f"sweep: {len(table)} rows are in {out / 'sweep.csv'} and {out / 'sweep.parquet'}.")
    return out


def _days(first: str, last: str, every: str, newest: str) -> list[str]:
    days = days_between(first, last, every=every)
    if days[-1] > newest:
        raise InputError(
            f"The sweep would end on {days[-1]}, after the newest records, of {newest}. Use a last day up to {newest}, or "
            "get newer records first (make fetch, or an export in the folder exports of its raw data)."
        )
    return days


# What a row is made from


def _made_from(review: Review) -> dict[str, Any]:
    """All that the rows of a protocol depend on."""
    raw = {
        path.relative_to(review.raw).as_posix(): (sha256(path), day_of(path) if "exports" in path.parts else "")
        for path in files_of(review.raw)
    }
    raw |= {name: sha256(shared(review.raw, name)) for name in SHARED}
    versions = {name: version(name) for name in ("pandas", "numpy", "scipy")}
    return {
        "protocol": sha256(review.protocol),
        "raw": raw,
        "snapshots": snapshots(review.raw),
        "code": code_key(),
        "python": platform.python_version(),
        **versions,
    }


@lru_cache(maxsize=1)
def code_key() -> str:
    """A checksum of this package's code."""
    folder = Path(__file__).parents[1]
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".json", ".csv")]
    return _digest({path.relative_to(folder).as_posix(): sha256(path) for path in files})


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _kept(store: Path, day: str) -> dict[str, Any] | None:
    """A row that was stored, if it is whole."""
    try:
        row = json.loads((store / f"{day}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("search_date") == day else None


def _write(table: pd.DataFrame, out: Path, made_from: dict[str, Any]) -> None:
    import duckdb

    write_csv(table, out / "sweep.csv")
    shown = ", ".join(f'CAST("{name}" AS DATE) AS "{name}"' if name == "search_date" else f'"{name}"' for name in table)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as connection:
        made = Path(folder) / "sweep.parquet"
        connection.from_df(table).project(shown).write_parquet(str(made))
        write_bytes(out / "sweep.parquet", made.read_bytes())
    write_text(out / "sweep.json", json.dumps(made_from, indent=1, ensure_ascii=False) + "\n")


# On Dask


def _row(inputs: Inputs, day: str, code: str) -> dict[str, Any]:
    if code != code_key():
        raise InputError("other code")
    return row_at(inputs, day)


def _chapters(root: str, day: str) -> list[str]:
    """Execute the chapters for a date; returns what was told meanwhile."""
    from evlib.run.pipeline import run

    told: list[str] = []
    run(Path(root), search_date=day, as_before=True, say=told.append)
    return told


class _Here:
    """What stands in for Dask's client where all is done in this process."""


@contextmanager
def _client(scheduler: str | None, workers: int | None, tasks: int, processed: Path) -> Iterator["Client | _Here"]:
    if workers == 0 and scheduler is None:
        yield _Here()
        return
    scratch = processed / _DASK
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DASK_CONFIG", str(scratch))  # else Dask looks for, and may make, one in the home folder
    import dask
    from distributed import Client, LocalCluster

    settings = {"temporary-directory": str(scratch), "distributed.worker.memory.terminate": False}
    with dask.config.set(settings):
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=min(workers or os.cpu_count() or 1, tasks),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                worker_dashboard_address=None,
                local_directory=str(scratch),
                silence_logs="CRITICAL",
            )
        else:
            cluster = nullcontext(scheduler)
        with cluster as place:
            try:
                client = Client(place, timeout=_ANSWER)
            except (OSError, TimeoutError, ValueError) as error:
                raise InputError(
                    f"there is no Dask scheduler at {scheduler} ({error}). Write it as tcp://host:port."
                ) from None
            with client:
                yield client
    if scheduler is None:
        shutil.rmtree(scratch, ignore_errors=True)


def _compute(
    client: "Client | _Here",
    inputs: dict[str, Inputs],
    left: list[tuple[str, str]],
    keep: Callable[[str, str, dict[str, Any]], None],
    say: Callable[[str], None],
) -> None:
    """Compute rows on the workers, each task again where the worker that did it was lost."""
    if isinstance(client, _Here):
        for name, day in _told(left, say):
            keep(name, day, row_at(inputs[name], day))
        return
    for task, row in _told(_done(client, inputs, left), say, total=len(left)):
        keep(*task, row)


def _done(
    client: "Client", inputs: dict[str, Inputs], left: list[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    from concurrent.futures import CancelledError

    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    waiting, tries, code = dict.fromkeys(left), 0, code_key()
    while waiting:
        held = _sent(client, {name: inputs[name] for name in {name for name, _ in waiting}})
        futures = {
            client.submit(_row, held[name], day, code, pure=False, retries=2): (name, day) for name, day in waiting
        }
        before = len(waiting)
        for future in as_completed(futures):
            try:
                row = future.result()
            except (CancelledError, KilledWorker):
                continue  # its worker, and perhaps what it was sent, is lost: asked for again below
            except (ImportError, AttributeError, TypeError) as error:
                raise InputError(_OTHER_CODE.format(error)) from error
            except InputError as error:
                raise InputError(_OTHER_CODE.format(error)) from error
            del waiting[futures[future]]
            yield futures[future], row
        tries = tries + 1 if len(waiting) == before else 0
        if waiting and tries >= _TRIES:
            raise InputError(
                f"the workers were lost {tries} times, with {len(waiting)} rows to go. Look at the workers' own words (memory?); "
                "the rows that are done are kept: repeat the command to go on."
            )


_OTHER_CODE = (
    "a worker cannot compute the rows ({}). Workers of a scheduler need this project's environment and the same version of "
    "evlib; install it there, or leave out --scheduler."
)


def _sent(client: "Client", inputs: dict[str, Inputs]) -> dict[str, Any]:
    """The inputs of each protocol, sent to every worker once."""
    try:
        client.wait_for_workers(1, timeout=_WAIT)
        return {name: client.scatter([one], broadcast=True, hash=False)[0] for name, one in inputs.items()}
    except TimeoutError:
        raise InputError(f"the scheduler has had no worker for {_WAIT}. Start one: dask worker ADDRESS") from None
    except OSError as error:
        raise InputError(
            f"the scheduler is gone ({error}). The rows that are done are kept: repeat the command to go on."
        ) from None


def _run_notebooks(
    client: "Client | _Here", reviews: list[Review], rows: dict[tuple[str, str], dict], say: Callable[[str], None]
) -> None:
    """The chapters of each date on which any record was registered, on the workers."""
    roots = {review.name: str(review.protocol.parent) for review in reviews}
    tasks = [(name, day) for (name, day), row in sorted(rows.items()) if row["n_records"]]
    say(f"sweep: running the chapters of {len(tasks)} dates; those that are unchanged are kept.")
    if isinstance(client, _Here):
        for name, day in _told(tasks, say):
            _chapters(roots[name], day)
        return
    from distributed import as_completed

    futures = {client.submit(_chapters, roots[name], day, pure=False): (name, day) for name, day in tasks}
    for future in _told(as_completed(futures), say, total=len(tasks)):
        future.result()


def _told(items: Any, say: Callable[[str], None], *, total: int | None = None) -> Iterator[Any]:
    """The items, with progress: a bar on a terminal, else a line at each tenth."""
    total = len(items) if total is None else total
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc="sweep", unit="row", leave=False)
        return
    for n, item in enumerate(items, start=1):
        yield item
        if n * 10 // total > (n - 1) * 10 // total:
            say(f"sweep: {n} of {total}")
