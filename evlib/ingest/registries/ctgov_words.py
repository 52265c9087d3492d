"""Which lines of a file of studies a query may find, asked of their text as it stands there, before it is read as JSON."""

import re
from collections.abc import Iterable, Iterator

from evlib.base.query import rough_and_exact
from evlib.ingest.registries.common import Asked, key_of
from evlib.ingest.registries.unpack import Passed, blocks_of_lines, text_of

# How a line with a study begins, as the registry writes it. A line that begins otherwise is always read.
_BEGINS = re.compile(rb'\{"protocolSection": ?\{"identificationModule": ?\{"nctId": ?"NCT([0-9]{8})"')


def begins_a_study(line: bytes) -> bool:
    """Whether a line begins as one with a study does."""
    return bool(_BEGINS.match(line))


def lines_asked(pieces: Iterable[bytes], asked: Asked) -> Iterator[bytes | Passed]:
    """The lines of a text; ``Passed`` for those with a study in which nothing stands that is asked for."""
    wanted = frozenset(map(key_of, asked.numbers))
    rough = exact = lambda _: False
    if asked.patterns is not None:
        rough, exact = rough_and_exact(asked.patterns)
    for block in blocks_of_lines(pieces):
        keys = _keys(block)
        if keys and wanted.isdisjoint(keys) and not rough(block):
            yield Passed(keys)
            continue
        for line in block.removesuffix(b"\n").split(b"\n"):
            line = line.rstrip(b"\r\n")
            found = _BEGINS.match(line)
            if not found or not line.endswith(b"}") or int(found[1]) in wanted or exact(text_of(line).encode()):
                yield line
            else:
                yield Passed([int(found[1])])


def _keys(block: bytes) -> list[int]:
    """The numbers in a block of lines that each hold a whole study and all begin alike; else none."""
    if not (first := _BEGINS.match(block)):
        return []
    heads = []
    start, size, closed = 0, first.end(), b"}"[0]
    while (end := block.find(b"\n", start)) > 0 and block[end - 1] == closed:
        heads.append(block[start : start + size])
        start = end + 1
    alike = re.escape(block[: first.start(1)]) + b'([0-9]{8})"'
    keys = [*map(int, re.findall(alike, b"".join(heads)))]
    return keys if start == len(block) and len(keys) == len(heads) else []
