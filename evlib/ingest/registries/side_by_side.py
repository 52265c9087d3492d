"""A large file with a record on each line, read by several processes: the same rows, in the same order, for any number of them.

Each part of the file is read by one of them. What goes across parts is settled here, in the order of the file: a part with a number that was
given before is read once more in this process, which knows the earlier record.

As a process of its own this module reads parts of a file.
"""

import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from marshal import dumps, load, loads
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType
from typing import Any

from evlib.base.reading.parts import from_byte, line_start, lines_of_part, serve
from evlib.base.schema import CsvRows
from evlib.ingest.registries.common import Seen, Tables, as_text, batches, gathered, tables, together
from evlib.ingest.registries.unpack import lines, numbered

LARGE = 64 << 20  # bytes of a file; another process needs some time to start
PART = 8 << 20  # bytes of lines that are looked through in one go; some hundredths of a second's work
MOST_PARTS = 2000  # of ``made_in_order``: their numbers fit into a pipe
_READ_PARTS = 64  # of a file that is read; a part of the largest is a second's work
_LEAST, _MOST = 2 << 20, 16 << 20  # bytes of such a part


def is_worth_it(reader: ModuleType, path: Path) -> bool:
    """Whether a file is large enough to gain, not packed, and has a record of the reader on each line."""
    if not hasattr(reader, "of_lines") or path.stat().st_size < LARGE:
        return False
    with path.open("rb") as file:
        return file.read(1) == b"{" and reader.is_on_lines(path)


def batches_of(
    reader: ModuleType, path: Path, *, snapshot: str, seen: Seen, processes: int, as_csv: bool = False
) -> Iterator[Tables]:
    """What ``common.batches`` gives of the file's items, made by this many processes; the batches are cut elsewhere."""
    whole = path.stat().st_size
    size = max(_LEAST, min(_MOST, whole // _READ_PARTS), whole // MOST_PARTS + 1)
    about = reader.__name__, str(path.absolute()), size, snapshot, as_csv
    (read, seen_in), n_before = part_readers(*about), 0
    for number, told in enumerate(made_in_order(__file__, about, -(-whole // size), read, processes=processes)):
        if told is None:
            break
        if seen.keys().isdisjoint(told[2]):
            seen.update(dict.fromkeys(told[2], (path.name, partial(seen_in, number))))
        else:
            told = read(number, seen)
        for records, rejects, remarks, passed, written in told[1]:
            for row in (*rejects, *remarks):
                row["line"] += n_before
            yield tables(together(records), rejects, path, remarks, passed, written and CsvRows(*written))
        n_before += told[0]
    else:
        return
    with path.open("rb") as file:
        start = line_start(file, number * size, size)
    rest = numbered(path, lambda pieces, _: reader.of_lines(lines(from_byte(pieces, start))))
    how = {"columns_of": partial(reader.columns_of, snapshot=snapshot), "as_csv": as_csv}
    items = ((n_before + line, item) for line, item in rest)
    yield from batches(items, partial(reader.record, snapshot=snapshot), file=path, seen=seen, **how)


def part_readers(
    name: str, path: str, size: int, snapshot: str, as_csv: bool
) -> tuple[Callable[..., tuple | None], Callable[[int], Seen]]:
    """Two functions that read a part of a file by its number.

    The first may take the records seen before, and gives how many items the part has, what is ``gathered`` of them, with lines counted from the
    part's first, and their numbers; or None, see ``lines_of_part``. The second gives ``seen`` of the part alone.
    """
    reader = import_module(name)
    record, columns_of = (partial(make, snapshot=snapshot) for make in (reader.record, reader.columns_of))

    def read(number: int, seen: Seen | None = None, *, is_noted: bool = False) -> tuple | None:
        with Path(path).open("rb") as file:
            rows = lines_of_part(file, size, number)
        if rows is None:
            return None
        seen, n_items = {} if seen is None else seen, 0

        def items() -> Iterator[tuple[int, Any]]:
            nonlocal n_items
            for n_items, item in enumerate(reader.of_lines(rows), start=1):
                if item is not None:
                    yield n_items, item

        again = None if is_noted else partial(seen_in, number)
        parts = gathered(items(), record, file=path, seen=seen, columns_of=columns_of, again=again)
        made = [tuple(as_text(part) if as_csv else part) for part in parts]
        return n_items, made, list(seen)

    def seen_in(number: int) -> Seen:
        seen: Seen = {}
        read(number, seen, is_noted=True)
        return seen

    return read, seen_in


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


if __name__ == "__main__":
    gc.disable()  # what is made here has no circles
    serve(part_readers(*load(sys.stdin.buffer))[0])
