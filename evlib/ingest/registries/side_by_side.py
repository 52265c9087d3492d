"""A large file with a record on each line, read by several processes: the same rows, in the same order, for any number of them.

Each block of lines is made into tables by a worker. What goes across blocks is settled here, in the order of the file: a block with a
number that was given before is read once more in this process, which knows the earlier record; so is one whose worker was ended.
"""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import warnings
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib import import_module
from marshal import dumps, loads
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from evlib.base.schema import csv_rows_of
from evlib.ingest.registries.common import Seen, Tables, batches
from evlib.ingest.registries.unpack import BrokenFileError, lines, numbered

LARGE = 64 << 20  # bytes of a file; workers need some time to start, in which one process reads about as much
PART = 8 << 20  # bytes of lines that are looked through in one go; some hundredths of a second's work
MOST_PARTS = 2000  # of ``made_in_order``: their numbers fit into a pipe
BLOCK = 16 << 20  # bytes of lines; a few blocks for each process fit into any memory, and each is a second's work


class _Job(NamedTuple):
    """Some lines of a file, how they are read as items, and the items as rows; see ``common``."""

    rows: list[bytes]
    of_lines: Callable[[Iterable[bytes]], Iterator[Any]]
    record: Callable[[Any], dict[str, Any]]
    file: Path
    as_csv: bool


def is_worth_it(reader: ModuleType, path: Path) -> bool:
    """Whether a file is large enough to gain, and has a record of the reader on each line."""
    return hasattr(reader, "of_lines") and path.stat().st_size >= LARGE and reader.is_on_lines(path)


def batches_of(
    reader: ModuleType,
    path: Path,
    record: Callable[[Any], dict[str, Any]],
    *,
    seen: Seen,
    processes: int,
    as_csv: bool = False,
) -> Iterator[Tables]:
    """What ``common.batches`` gives of the file's items, made by this many workers; the batches are cut elsewhere.

    With ``as_csv`` the workers also make the records into text, which a process passes on far faster than a table.
    """
    # Workers are forks of a process that has imported what they need, and not of this one, whose libraries may have threads.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["evlib.ingest.registries", "pandas", "ftfy"])
    forkserver.ensure_running()  # it starts while this process reads the first block
    pool = ProcessPoolExecutor(processes, context, initializer=_live_with_parent)
    n_before = 0
    try:
        blocks = (block for _, block in numbered(path, lambda pieces, _: _blocks(lines(pieces))))
        jobs = (
            _Job(block, reader.of_lines, record, path, as_csv) if isinstance(block, list) else block for block in blocks
        )
        for job, done in _in_order(pool, jobs, ahead=processes + 1):
            if not isinstance(job, _Job):  # of the file as a whole
                yield from batches([(n_before + 1, job)], record, file=path, seen=seen)
                continue
            if done and seen.keys().isdisjoint(done[2]):
                n_items, parts, numbers, prints = done
                size = len(prints) // max(1, len(numbers))
                own = (array("I", prints[at * size : (at + 1) * size]) for at in range(len(numbers)))
                seen.update(zip(numbers, zip(itertools.repeat(path.name), own)))
            else:
                n_items, parts = _read(job, seen)
            for part in parts:
                for table in (part.rejects, part.remarks):
                    table["line"] += n_before
                yield part
            n_before += n_items
    finally:
        pool.shutdown(cancel_futures=True)


def _blocks(rows: Iterator[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    try:
        for row in rows:
            block.append(row)
            size += len(row)
            if size >= BLOCK:
                yield block
                block, size = [], 0
    except BrokenFileError:
        yield block
        raise
    yield block


def _in_order(pool: ProcessPoolExecutor, jobs: Iterator[Any], *, ahead: int) -> Iterator[tuple[Any, Any]]:
    """The jobs, each with what a worker made of it (None for the first, and where it was ended), with few at a time in memory."""
    for job in itertools.islice(jobs, 1):
        yield job, None
    waiting: deque[tuple[Any, Future | None]] = deque()
    for job in jobs:
        waiting.append((job, _given(pool, job)))
        if len(waiting) > ahead:
            yield _awaited(*waiting.popleft())
    while waiting:
        yield _awaited(*waiting.popleft())


def _given(pool: ProcessPoolExecutor, job: Any) -> Future | None:
    try:
        return pool.submit(_read_apart, job) if isinstance(job, _Job) else None
    except BrokenProcessPool:
        return None


def _awaited(job: Any, future: Future | None) -> tuple[Any, Any]:
    try:
        return job, future and future.result()
    except BrokenProcessPool:
        return job, None


def _read_apart(job: _Job) -> tuple[int, list[Tables], list[str], bytes]:
    """What ``_read`` gives, the numbers in the block, and what tells their records apart, joined as that is passed on faster."""
    seen: Seen = {}
    n_items, parts = _read(job, seen)
    return n_items, parts, list(seen), b"".join(prints for _, prints in seen.values())


def _read(job: _Job, seen: Seen) -> tuple[int, list[Tables]]:
    """How many items a block holds, and its tables, with lines counted from its beginning."""
    n_items = 0

    def items() -> Iterator[tuple[int, Any]]:
        nonlocal n_items
        for n_items, item in enumerate(job.of_lines(job.rows), start=1):
            if item is not None:
                yield n_items, item

    parts = list(batches(items(), job.record, file=job.file, seen=seen))
    if job.as_csv:
        parts = [part._replace(records=part.records.head(0), written=csv_rows_of(part.records)) for part in parts]
    return n_items, parts


def _live_with_parent() -> None:
    """In a worker: let the parent answer Ctrl-C, and end when it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def made_in_order(script: str, about: tuple, n: int, here: Callable[[int], Any], *, processes: int) -> Iterator[Any]:
    """What is made of the parts 0, 1, … of something, in this order: by ``here``, and by others that run a script and make the same.

    All take the number of the next part from one pipe, so that the quicker make more. Where one of them ends too soon, what it leaves is
    made here.

    Parameters
    ----------
    script
        The file of a module. It reads what the parts are ``about`` from its standard input, and numbers of eight bytes each from the pipe that
        its argument names; for each it writes the number with what it made, both as ``marshal`` does, and their size before, in eight bytes.
    n
        The number of parts, ``MOST_PARTS`` at most.
    """
    numbers, given = os.pipe()
    os.write(given, b"".join(number.to_bytes(8) for number in range(n)))
    os.close(given)
    others = [_started(script, about, numbers) for _ in range(processes - 1)]
    import_module("pandas")  # which the tables need in the end; the others work meanwhile
    try:
        yield from _made(others, n, here, numbers)
    finally:
        for other in others:
            with other:
                other.kill()
        os.close(numbers)


def _started(script: str, about: tuple, numbers: int) -> subprocess.Popen:
    command, paths = [sys.executable, "-P", script, str(numbers)], os.pathsep.join(sys.path)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "pass_fds": [numbers]}
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, **pipes)
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(dumps(about))
    return process


def _made(others: list[subprocess.Popen], n: int, here: Callable[[int], Any], numbers: int) -> Iterator[Any]:
    made: dict[int, Any] = {}
    working = {other.stdout.fileno(): other for other in others}
    are_left = True
    for number in range(n):
        while number not in made:
            ready = wait(working, timeout=0 if are_left else None) if working else []
            for place in ready:
                if told := _all_of(place, int.from_bytes(_all_of(place, 8))):
                    made.update([loads(told)])
                elif working.pop(place).wait():
                    warnings.warn(
                        "A process that helped ended before its work was done. What it left is done by this one.",
                        stacklevel=2,
                    )
            if are_left and not ready:
                if are_left := bool(taken := os.read(numbers, 8)):
                    own = int.from_bytes(taken)
                    made[own] = here(own)
            elif not working:
                made[number] = here(number)
        yield made.pop(number)


def _all_of(place: int, size: int) -> bytes:
    """So many bytes from a pipe; none where it ends before."""
    pieces = []
    while size and (piece := os.read(place, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"" if size else b"".join(pieces)
