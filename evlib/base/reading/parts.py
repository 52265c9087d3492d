"""Parts of a large file, of which several processes each make something."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from marshal import dumps
from typing import Any, BinaryIO


def line_start(file: BinaryIO, start: int, most: int) -> int:
    """Where the first line begins that does so at this byte or after it; a line of which this many bytes are passed is not followed."""
    if start:
        file.seek(start - 1)
        file.readline(most)
        return file.tell()
    return 0


def lines_of_part(file: BinaryIO, size: int, number: int) -> list[bytes] | None:
    """The lines of a file that begin in one of its parts of a size, without their ends; None where they are to be read with those before
    them, for letters that are no UTF-8, NUL, or a line longer than the part."""
    start, stop = (line_start(file, at * size, size) for at in (number, number + 1))
    file.seek(start)
    block = file.read(stop - start)
    if not block:
        return []
    if b"\0" in block or not (block.endswith(b"\n") or not file.read(1)):
        return None
    try:
        if not block.isascii():
            block.decode()
    except UnicodeDecodeError:
        return None
    return [line.rstrip(b"\r\n") for line in block.removesuffix(b"\n").split(b"\n")]


def from_byte(pieces: Iterable[bytes], start: int) -> Iterator[bytes]:
    """The pieces of a text from a byte on."""
    for piece in pieces:
        if start < len(piece):
            yield piece[start:]
        start = max(0, start - len(piece))


def serve(make: Callable[[int], Any]) -> None:
    """In a process of its own: take numbers of parts from the pipe that the argument names, and write each with what is made of it.

    Both are written as ``marshal`` does, and their size before, in eight bytes. While they are taken, the next part is made.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the parent answers
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # it ends with its parent
    writer = None
    while taken := os.read(int(sys.argv[1]), 8):
        number = int.from_bytes(taken)
        told = dumps((number, make(number)))
        if writer:
            writer.join()
        writer = threading.Thread(target=_written, args=(len(told).to_bytes(8) + told,))
        writer.start()


def _written(told: bytes) -> None:
    sys.stdout.buffer.write(told)
    sys.stdout.buffer.flush()
