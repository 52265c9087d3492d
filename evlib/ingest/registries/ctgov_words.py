"""Which lines of a file of studies a query may find, asked of their text as it stands there, before it is read as JSON.

As a process of its own (see ``side_by_side.made_in_order``) this module looks through parts of a file; it imports little, to start at once.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterable
from marshal import load
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from evlib.base.query import rough_and_exact
from evlib.base.reading.csv_rows import blocks_of_lines, text_of
from evlib.base.reading.parts import line_start, serve

# How a line with a study begins, as the registry writes it. A line that begins otherwise is always read.
_BEGINS = re.compile(rb'\{"protocolSection": ?\{"identificationModule": ?\{"nctId": ?"NCT([0-9]{8})"')
BLOCK = 1 << 18  # bytes that are looked at in one go: twice as much still lies in the memory of a core
_FEW = 1 << 15  # and of these the next fewer, where there is something in them
_CLOSED = b"}"[0]
_POWERS = 10 ** np.arange(7, -1, -1, dtype=np.uint32)


class Looked(NamedTuple):
    """Of some lines those that are to be read, and the numbers (as unsigned integers of four bytes) of the studies on all others."""

    keys: bytes
    lines: list[tuple[int, bytes]]  # each with how many numbers come before it


Look = Callable[[bytes], Looked]


def begins_a_study(line: bytes) -> bool:
    """Whether a line begins as one with a study does."""
    return bool(_BEGINS.match(line))


def looker(keys: Collection[int], patterns: Iterable[str] | None, decoded: Callable[[bytes], str] = text_of) -> Look:
    """A function that tells of some whole lines which are to be read: those with these numbers or these texts (see ``common.Asked``).

    It raises what ``decoded`` does where a line is no UTF-8.
    """
    wanted = frozenset(keys)
    rough, exact = (_is_no_utf8, lambda _: False) if patterns is None else rough_and_exact(patterns)

    def passed(block: bytes) -> bytes:
        if rough(block):
            return b""
        numbers = _numbers(block)
        return b"" if wanted and not wanted.isdisjoint(numbers.tolist()) else numbers.tobytes()

    def one_by_one(block: bytes) -> Looked:
        numbers, lines = [], []
        whole = [line.rstrip(b"\r\n") for line in block.removesuffix(b"\n").split(b"\n")]
        texts = [decoded(line).encode() for line in whole] if _is_no_utf8(block) else whole
        for line, text in zip(whole, texts):
            found = _BEGINS.match(line)
            if not found or not line.endswith(b"}") or int(found[1]) in wanted or exact(text):
                lines.append((len(numbers), line))
            else:
                numbers.append(int(found[1]))
        return Looked(np.array(numbers, np.uint32).tobytes(), lines)

    def look(block: bytes) -> Looked:
        if keys := passed(block):
            return Looked(keys, [])
        parts = blocks_of_lines([block], _FEW)
        return _joined(Looked(keys, []) if (keys := passed(part)) else one_by_one(part) for part in parts)

    return look


def _joined(parts: Iterable[Looked]) -> Looked:
    keys, lines, n_keys = [], [], 0
    for part in parts:
        keys.append(part.keys)
        lines += [(n_keys + at, line) for at, line in part.lines]
        n_keys += len(part.keys) // 4
    return Looked(b"".join(keys), lines)


def _numbers(block: bytes) -> np.ndarray:
    """The numbers in a block of lines that each hold a whole study and all begin alike; else none."""
    none = np.empty(0, np.uint32)
    ends, end = [], -1
    while (end := block.find(b"\n", end + 1)) >= 0:
        ends.append(end)
    first = _BEGINS.match(block)
    if not first or not ends or ends[-1] + 1 != len(block):
        return none
    starts = np.array([0, *ends[:-1]])
    starts[1:] += 1
    size = first.end()
    if starts[-1] + size > len(block) or (np.frombuffer(block, np.uint8)[np.array(ends) - 1] != _CLOSED).any():
        return none
    heads = np.ndarray((len(block) - size + 1, size), np.uint8, block, strides=(1, 1))[starts]
    digits = heads[:, slice(*first.span(1))] - np.uint8(b"0"[0])
    alike = heads == heads[0]
    alike[:, slice(*first.span(1))] = digits <= 9
    return digits @ _POWERS if alike.all() else none


def looked_at_part(file: BinaryIO, size: int, look: Look, number: int) -> Looked | None:
    """What is told of the lines of a file that begin in one of its parts of a size; None where they are to be read with those before
    them, for letters that are no UTF-8 (where ``look`` raises that), NUL, or a line longer than the part."""
    looked, stop = [], (number + 1) * size
    # Once such a piece is free, the C library keeps what is smaller for the next block, and does not give it back each time.
    bytes(1 << 24)
    file.seek(place := line_start(file, number * size, size))
    while place < stop:
        block = file.read(max(0, min(BLOCK, stop - 1 - place))) + (last := file.readline(size))
        if b"\0" in block or (len(last) == size and not last.endswith(b"\n")):
            return None
        if not block:
            break
        place += len(block)
        try:
            looked.append(look(block))
        except UnicodeDecodeError:
            return None
    return _joined(looked)


def _is_no_utf8(block: bytes) -> bool:
    try:
        return not (block.isascii() or block.decode())
    except UnicodeDecodeError:
        return True


def main() -> None:
    """In a process of its own: take the numbers of parts from a pipe, and write for each what is told of its lines."""
    path, size, keys, patterns = load(sys.stdin.buffer)
    look = looker(keys, patterns, bytes.decode)
    with Path(path).open("rb") as file:
        serve(lambda number: (looked := looked_at_part(file, size, look, number)) and tuple(looked))


if __name__ == "__main__":
    main()
