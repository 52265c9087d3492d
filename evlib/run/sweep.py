"""A sweep: the rows of many search dates and protocols in one table, each row stored as soon as it is computed.

The rows are computed one after the other in this process, or side by side on a Dask cluster that exists. Then the cluster's
scheduler is the only address that is contacted.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from evlib.audit.by_search_date import Inputs, days_between, row_at, shared_inputs, table_of
from evlib.base.errors import InputError
from evlib.base.files import all_below, files_of, sha256, write_bytes, write_text
from evlib.base.rawdata import SHARED, shared
from evlib.base.schema import write_csv
from evlib.ingest.retrieval import note_days, snapshots

if TYPE_CHECKING:
    from distributed import Client

FOLDER = "sweep"  # below data/processed
_ROWS = ".sweep-rows"  # likewise: computed rows, each in the folder of what it was made from
_DASK = ".dask"  # likewise: where Dask writes its configuration
_TRIES = 5  # times that all workers may be lost without a row in between
_WAIT = "60s"  # for the first worker
_ANSWER = "10s"  # for a scheduler

Task = tuple[str, str]  # name of the protocol, search date
Row = dict[str, Any]


class Review(NamedTuple):
    """A protocol, its raw data and its name in the table."""

    name: str
    protocol: Path
    raw: Path


def reviews_of(root: Path, protocols: list[Path]) -> list[Review]:
    """The protocols of a sweep (the root's where none is named), each with the raw data of its folder or the nearest above.

    Raises
    ------
    InputError
        Where a file is missing, has no raw data, or is named twice.
    """
    reviews = []
    for given in protocols or [root / "protocol.yml"]:
        path = given.resolve()
        if not path.is_file():
            raise InputError(f"{given} is not there. Name a protocol.yml.")
        raw = next((folder / "data/raw" for folder in path.parents if (folder / "data/raw").is_dir()), None)
        if raw is None:
            raise InputError(f"{given}: there is no data/raw beside it. A protocol stands in the folder of its review.")
        inside = path.is_relative_to(root.resolve())
        name = path.relative_to(root.resolve()) if inside else Path(path.parent.name) / path.name
        reviews.append(Review(name.as_posix(), path, raw))
    names = [review.name for review in reviews]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"two protocols are called {twice}. Name each once, in folders of different names.")
    return reviews


def sweep(
    root: Path,
    *,
    first: str | None = None,
    last: str | None = None,
    every: str = "month",
    protocols: list[Path] | None = None,
    scheduler: str | None = None,
    notebooks: bool = False,
    out: Path | None = None,
    say: Callable[[str], None] = print,
    on_row: Callable[[str, str], None] = lambda name, day: None,
) -> Path:
    """Write one table with a row for each search date and protocol (``sweep.csv``, ``.parquet``); returns its folder.

    ``sweep.json`` beside it says what it was made from.
    An interrupted sweep resumes: a row that was computed before, from the same inputs by the same code, is not computed
    again. The table is the same to the byte wherever its rows were computed, and after any number of interruptions.

    Parameters
    ----------
    root
        The project's folder.
    first, last, every
        As ``evlib.audit.by_search_date.days_between`` takes them. Where None, from the day on which the first record was
        registered to the day of the newest records.
    protocols
        Files; the root's protocol where None. Each has its data in ``data/raw`` of its folder.
    scheduler
        Address of a Dask scheduler (``tcp://host:port``) whose workers have this version of the project; needs the extra
        ``cluster``. Where None, all is computed in this process.
    notebooks
        Whether to execute the chapters for each date, too, into ``data/processed/<date>`` of each protocol's folder. The
        workers of a cluster must see that folder.
    out
        Folder of the results; ``data/processed/sweep`` where None.
    say
        Called with a line on each step.
    on_row
        Called with the protocol and the date of each row that was computed and stored.

    Raises
    ------
    InputError
        Where a date, a protocol or its data cannot be used; where Dask is not installed, the scheduler cannot be reached or
        has no worker, or its workers have other code; or where another sweep is under way.

    Examples
    --------
    >>> sweep(Path("."), first="2014-12-31", every="quarter")  # doctest: +SKIP
    """
    from filelock import FileLock, Timeout

    reviews = reviews_of(root, protocols or [])
    if others := [review.name for review in reviews if notebooks and review.protocol.name != "protocol.yml"]:
        raise InputError(f"{others[0]}: chapters are run for a protocol.yml alone. Leave out --notebooks.")
    processed = root / "data/processed"
    locks, out = processed / ".locks", (out or processed / FOLDER).resolve()
    locks.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(locks / f"sweep-{hashlib.sha256(str(out).encode()).hexdigest()[:16]}.lock").acquire(timeout=1)
    except Timeout:
        problem = f"another sweep is writing {out}. Wait for it to end, or name another folder: --out."
        raise InputError(problem) from None
    with lock:
        for review in reviews:
            note_days(review.raw)
        made_from = {review.name: _made_from(review) for review in reviews}
        stores = {name: processed / _ROWS / _digest(facts) for name, facts in made_from.items()}
        inputs = {review.name: shared_inputs(review.protocol, raw_dir=review.raw) for review in reviews}
        days = _days(inputs.values(), first, last, every)
        tasks = [(name, day) for name in inputs for day in days]
        rows = {(name, day): row for name, day in tasks if (row := _stored(stores[name], day)) is not None}
        left = [task for task in tasks if task not in rows]
        asked = f"{len(days)} dates, {len(inputs)} protocol(s)"
        say(f"sweep: {asked}: {len(rows)} rows are stored already, {len(left)} to compute.")
        with _client(scheduler, processed) if scheduler and (left or notebooks) else nullcontext() as client:
            here = ((task, row_at(inputs[task[0]], task[1])) for task in left)
            computed = _rows_on_cluster(client, inputs, left) if client else here
            for (name, day), row in _with_progress(computed, len(left), say):
                write_text(stores[name] / f"{day}.json", json.dumps(row, ensure_ascii=False) + "\n")
                rows[name, day] = json.loads(json.dumps(row))
                on_row(name, day)
            if notebooks:
                _run_notebooks(client, reviews, rows, say)
        table = table_of([{"protocol": name, **rows[name, day]} for name, day in tasks])
        _write(table, out, {"dates": days, "made_from": made_from})
        say(f"sweep: {len(table)} rows are in {out / 'sweep.csv'} and {out / 'sweep.parquet'}.")
    return out


def _days(inputs: Iterable[Inputs], first: str | None, last: str | None, every: str) -> list[str]:
    newest = max(one.newest for one in inputs)
    if first is None:
        registered = [day for one in inputs for day in one.records.registered.dropna()]
        if not registered:
            raise InputError("No record has a date of registration. Name the first day: --from.")
        first = f"{min(registered):%Y-%m-%d}"
    days = days_between(first, last or newest, every=every)
    if days[-1] > newest:
        raise InputError(
            f"The sweep would end on {days[-1]}, after the newest records, of {newest}. Use a last day up to {newest}, or "
            "get newer records first (make fetch, or an export in the folder exports of its raw data)."
        )
    return days


def _made_from(review: Review) -> dict[str, Any]:
    """All that the rows of a protocol depend on."""
    raw = {path.relative_to(review.raw).as_posix(): sha256(path) for path in files_of(review.raw)}
    raw |= {name: sha256(shared(review.raw, name)) for name in SHARED}
    facts = {"protocol": sha256(review.protocol), "raw": raw, "snapshots": snapshots(review.raw), "code": code_key()}
    versions = {name: version(name) for name in ("pandas", "numpy", "scipy")}
    return facts | {"python": platform.python_version()} | versions


@lru_cache(maxsize=1)
def code_key() -> str:
    """A checksum of this package's code."""
    folder = Path(__file__).parents[1]
    files = [path for path in all_below(folder) if path.suffix in (".py", ".json", ".csv")]
    return _digest({path.relative_to(folder).as_posix(): sha256(path) for path in files})


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _stored(store: Path, day: str) -> Row | None:
    """The stored row of a day; None where there is none, or it is damaged."""
    try:
        row = json.loads((store / f"{day}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("search_date") == day else None


def _write(table: pd.DataFrame, out: Path, made_from: dict[str, Any]) -> None:
    import duckdb

    write_csv(table, out / "sweep.csv")
    columns = [f'CAST("{name}" AS DATE) AS "{name}"' if name == "search_date" else f'"{name}"' for name in table]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as connection:
        parquet = Path(folder) / "sweep.parquet"
        connection.from_df(table).project(", ".join(columns)).write_parquet(str(parquet))
        write_bytes(out / "sweep.parquet", parquet.read_bytes())
    write_text(out / "sweep.json", json.dumps(made_from, indent=1, ensure_ascii=False) + "\n")


def _run_notebooks(
    client: "Client | None", reviews: list[Review], rows: dict[Task, Row], say: Callable[[str], None]
) -> None:
    """Execute the chapters for each date by which any record was registered."""
    roots = {review.name: str(review.protocol.parent) for review in reviews}
    tasks = [(roots[name], day) for (name, day), row in sorted(rows.items()) if row["n_records"]]
    say(f"sweep: running the chapters of {len(tasks)} dates; those that are unchanged are kept.")
    if client is None:
        ended: Iterable[Any] = (_run_chapters(*task) for task in tasks)
    else:
        from distributed import as_completed

        futures = [client.submit(_run_chapters, *task, pure=False) for task in tasks]
        ended = (future.result() for future in as_completed(futures))
    for _ in _with_progress(ended, len(tasks), say):
        pass


def _run_chapters(root: str, day: str) -> None:
    from evlib.run.pipeline import run

    run(Path(root), search_date=day, as_before=True, say=lambda text: None)


def _with_progress(items: Iterable[Any], total: int, say: Callable[[str], None]) -> Iterator[Any]:
    """The items, with progress: a bar on a terminal, else a line at each tenth."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc="sweep", unit="row", leave=False)
        return
    for n, item in enumerate(items, start=1):
        yield item
        if n * 10 // total > (n - 1) * 10 // total:
            say(f"sweep: {n} of {total}")


# On a Dask cluster


@contextmanager
def _client(scheduler: str, processed: Path) -> Iterator["Client"]:
    scratch = processed / _DASK
    os.environ.setdefault("DASK_CONFIG", str(scratch))  # else Dask looks for, and may make, one in the home folder
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler needs the package distributed, which is not installed here. Install it: "
            f"{sys.executable} -m pip install -e '.[cluster]'. Or leave out --scheduler."
        ) from None
    try:
        client = Client(scheduler, timeout=_ANSWER)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"there is no Dask scheduler at {scheduler} ({error}). Write it as tcp://host:port.") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with client:
        yield client


def _rows_on_cluster(client: "Client", inputs: dict[str, Inputs], tasks: list[Task]) -> Iterator[tuple[Task, Row]]:
    """Rows in the order in which workers finish them; those of a worker that was lost are computed by another."""
    from concurrent.futures import CancelledError

    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    waiting, tries, code = dict.fromkeys(tasks), 0, code_key()
    while waiting:
        sent = _sent(client, {name: inputs[name] for name in {name for name, _ in waiting}})
        submit, before = partial(client.submit, _row_by_same_code, pure=False, retries=2), len(waiting)
        futures = {submit(sent[name], day, code): (name, day) for name, day in waiting}
        for future in as_completed(futures):
            try:
                row = future.result()
            except (CancelledError, KilledWorker):
                continue  # its worker, and perhaps what it was sent, is lost: asked for again below
            except (ImportError, AttributeError, TypeError, InputError) as error:
                raise InputError(
                    f"a worker cannot compute the rows ({error}). Workers of a scheduler need this project's environment "
                    "and the same version of evlib; install it there, or leave out --scheduler."
                ) from error
            del waiting[futures[future]]
            yield futures[future], row
        tries = tries + 1 if len(waiting) == before else 0
        if waiting and tries >= _TRIES:
            raise InputError(
                f"the workers were lost {tries} times, with {len(waiting)} rows to go. See the workers' own logs (out of "
                "memory?); the rows that are done are stored: repeat the command to resume."
            )


def _row_by_same_code(inputs: Inputs, day: str, code: str) -> Row:
    if code != code_key():
        raise InputError("other code")
    return row_at(inputs, day)


def _sent(client: "Client", inputs: dict[str, Inputs]) -> dict[str, Any]:
    """The inputs of each protocol, sent to every worker once."""
    try:
        client.wait_for_workers(1, timeout=_WAIT)
        return {name: client.scatter([one], broadcast=True, hash=False)[0] for name, one in inputs.items()}
    except TimeoutError:
        raise InputError(f"the scheduler has had no worker for {_WAIT}. Start one: dask worker ADDRESS") from None
    except OSError as error:
        raise InputError(
            f"the scheduler is gone ({error}). The rows that are done are stored: repeat the command to resume."
        ) from None
