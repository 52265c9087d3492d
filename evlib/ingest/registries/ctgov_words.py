"""Which lines of a file of studies a query may find, asked of their text as it stands there, before it is read as JSON."""

import re
from collections.abc import Iterator
from pathlib import Path

from evlib.base.query import letters_may_come
from evlib.ingest.registries.common import Asked, Passed

# How a line with a study begins, as the registry writes it. A line that begins otherwise is always read.
_BEGINS = r'^\{"protocolSection": ?\{"identificationModule": ?\{"nctId": ?"(NCT\d{8})"'
_LONGEST = 16 << 20  # bytes of a line


class NotScannedError(ValueError):
    """From here on the lines must be read one by one."""


def begins_a_study(line: bytes) -> bool:
    """Whether a line begins as one with a study does."""
    return bool(re.match(_BEGINS.encode(), line))


def scanned(path: Path, asked: Asked) -> Iterator[str | Passed | None]:
    """The lines of a plain or gzip file with a study on each; ``Passed`` where a line's text holds nothing asked for, None for a blank one.

    Raises
    ------
    NotScannedError
        At a line that is no UTF-8, longer than 16 MiB, or ends unlike the others; the lines before it are good.
    """
    import duckdb

    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    given = {
        "path": str(path),
        "packed": "gzip" if zipped else "none",
        "numbers": list(asked.numbers),
        "begins": _BEGINS,
    }
    no_place = []
    for at, pattern in enumerate(asked.patterns or ()):
        given[f"pattern{at}"] = f"(?i){pattern}"
        no_place.append(f"WHEN NOT regexp_matches(line, $pattern{at}) THEN false")
    by_words = ""
    if no_place:
        given["letters"] = f"(?i){letters_may_come()}"
        by_words = rf"""
            WHEN CASE {" ".join(no_place)} ELSE true END THEN line
            WHEN strlen(line) > length(line) OR contains(line, '&') OR contains(line, '\u')
                THEN CASE WHEN regexp_matches(line, $letters) THEN line END"""
    query = f"""
        SELECT number, CASE
            WHEN number = '' OR NOT ends_with(line, '}}') THEN line
            WHEN number IN (SELECT unnest($numbers::VARCHAR[])) THEN line {by_words}
            END
        FROM (
            SELECT line, regexp_extract(line, $begins, 1) AS number
            FROM read_csv($path, columns = {{'line': 'VARCHAR'}}, auto_detect = false, header = false, compression = $packed,
                delim = '\x01', quote = '', escape = '', max_line_size = {_LONGEST}, buffer_size = {2 * _LONGEST})
        )"""
    try:
        with duckdb.connect(config={"memory_limit": "1GB", "autoinstall_known_extensions": "false"}) as connection:
            connection.execute(query, given)
            while rows := connection.fetchmany(2_000):
                for number, line in rows:
                    yield line if line is not None or number is None else Passed(number)
    except duckdb.Error as error:
        raise NotScannedError(str(error)) from error
