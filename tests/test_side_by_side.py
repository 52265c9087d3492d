"""Several processes read a large file as one does."""

import gzip
import json
import os
import subprocess
import sys
from marshal import loads

import pandas as pd
import pytest
from conftest import DAY, ROOT, study

from evlib.base.query import needed
from evlib.ingest.registries import ctgov, ctgov_words, ingest_into, side_by_side, stream
from evlib.ingest.registries.common import Asked
from evlib.ingest.registries.ctgov_words import looked_at_part, looker

TABLES = ("records.csv", "rejects.csv", "remarks.csv", "summary.csv", "filled.csv")


def number(at):
    return f"NCT{at:08}"


def studies(numbers, **identification):
    return [json.dumps(study(number(at), **identification)).encode() for at in numbers]


def mixed_lines():
    """Good studies, blank lines, several studies on a line, numbers given before, and what cannot be read, over many blocks."""
    lines = [*studies(range(1)), b"", b" ", *studies(range(1, 40))]
    lines += [
        b'{"protocolSection": ',
        b"[]",
        b"null",
        b'{"protocolSection": {"identificationModule": {"nctId": "none"}}}',
    ]
    lines += [
        b"[" + b", ".join(studies(range(40, 43))) + b"]",
        b'{"studies": [' + b", ".join(studies([43, 41])) + b"]}",
    ]
    lines += studies([44, 44], briefTitle="=1+1, twice")
    strange = study(number(45))
    strange["protocolSection"]["statusModule"]["startDateStruct"] = {"date": "soon"}
    strange["protocolSection"]["designModule"]["enrollmentInfo"] = {"count": -1}
    lines += [json.dumps(strange).encode(), b"", *studies(range(46, 90)), json.dumps(strange).encode()]
    lines += studies([2, 60, 60, 91], briefTitle="Another")  # 91 is new in a block with numbers given before
    lines += studies([92], briefTitle="Universität")
    lines += [studies([93])[0].replace(b"A trial", "Universität".encode("cp1252")), *studies([91, 94, 0])]
    return lines


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(side_by_side, "LARGE", 1)
    monkeypatch.setattr(side_by_side, "_MOST", 6000)
    monkeypatch.setattr(side_by_side, "_LEAST", 3000)


def test_the_tables_are_the_same_for_any_number_of_processes(tmp_path, small_blocks):
    plain, more, cut, after = (tmp_path / name for name in ("plain.json", "more.json", "cut.json.gz", "after.json"))
    plain.write_bytes(b"\n".join(mixed_lines()))
    twice = studies([501, 3, 530, 45], briefTitle="Else")  # in the part itself, in another file, in another part
    more.write_bytes(
        b"\n".join([*studies(range(500, 505)), *twice, *studies(range(505, 540)), *twice, b"{", *studies([600])])
    )
    packed = gzip.compress(b"\n".join([*studies(range(80, 500), officialTitle="Long " * 100), b""]))
    cut.write_bytes(packed[: len(packed) // 2])
    after.write_bytes(b"[" + b",".join(studies([3, 5000], briefTitle="Other")) + b"]")
    told = {}
    for processes in (1, 2, 3):
        out = tmp_path / str(processes)
        ingest_into(out, [plain, more, cut, after], retrieved=DAY, registries=[], processes=processes)
        told[processes] = [(out / name).read_bytes() for name in TABLES]
    assert told[2] == told[1]
    assert told[3] == told[1]
    rejects = pd.read_csv(tmp_path / "3" / "rejects.csv")
    assert set(rejects.file) == {"plain.json", "more.json", "cut.json.gz", "after.json"}
    assert rejects.reason.str.contains("differs in: brief_title").sum() > 3


def test_several_processes_find_what_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(ctgov, "LARGE", 1)
    monkeypatch.setattr(ctgov, "PART", 3000)
    path = tmp_path / "studies.json"
    path.write_bytes(b"\n".join([*studies(range(200), briefTitle="Plants"), *mixed_lines(), *studies([7, 300])]))
    asked, told = Asked(["NCT00000009", "another"], ["trial"]), []
    for processes in (1, 2, 3):
        parts = list(stream([path], retrieved=DAY, registries=[], asked=asked, processes=processes))
        told.append([[table.to_csv() for table in part[2:5]] + [part.passed] for part in parts])
    assert told[1] == told[0] and told[2] == told[0]
    assert 0 < told[0][0][-1] < 250


def told_by_a_process_of_its_own(script, about, n):
    numbers, given = os.pipe()
    os.write(given, b"".join(number.to_bytes(8) for number in range(n)))
    os.close(given)
    with side_by_side._started(script, about, numbers) as process:
        told = [loads(process.stdout.read(int.from_bytes(process.stdout.read(8)))) for _ in range(n)]
    os.close(numbers)
    return told


def test_a_process_of_its_own_tells_what_is_told_here(tmp_path):
    path = tmp_path / "studies.json"
    rows = [*studies(range(9)), *studies([10, 11, 3], briefTitle="Plants"), b"{", *studies(range(20, 30))]
    path.write_bytes(b"\n".join(rows) + b"\n" + rows[0].replace(b"A trial", b"Universit\xe4t") * 9)
    n = path.stat().st_size // 3000
    look = looker({3}, needed("plants"), bytes.decode)
    with path.open("rb") as file:
        looked = [looked_at_part(file, 3000, look, number) for number in range(n)]
    told = told_by_a_process_of_its_own(ctgov_words.__file__, (str(path), 3000, {3}, needed("plants")), n)
    assert told == [(number, one and tuple(one)) for number, one in enumerate(looked)]
    for as_csv in (False, True):
        about = ctgov.__name__, str(path), 3000, DAY, as_csv
        read = [side_by_side.part_readers(*about)[0](number) for number in range(n)]
        assert told_by_a_process_of_its_own(side_by_side.__file__, about, n) == list(enumerate(read))
        assert sum(len(part[2]) for part in read[:-1]) > 11
    assert looked[-1] is None and read[-1] is None


def test_a_search_starts_without_what_takes_long_to_load():
    code = f"""if True:
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("alone", {ctgov_words.__file__!r})
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        assert "evlib.ingest" not in sys.modules
        import evlib.ingest.registries
        assert "pandas" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# It takes a number, says so, and is killed.
KILLED = """
import os, pathlib, signal, sys
os.read(int(sys.argv[1]), 8)
pathlib.Path(sys.stdin.buffer.read().decode(errors="ignore").partition("|")[2]).touch()
signal.raise_signal(signal.SIGKILL)
"""


def test_what_a_killed_helper_leaves_is_done_all_the_same_and_told(tmp_path):
    (tmp_path / "killed.py").write_text(KILLED, encoding="utf-8")
    said = tmp_path / "said"

    def here(number):
        while not said.exists():  # until the other has its own number
            pass
        return number * 2

    made = side_by_side.made_in_order(str(tmp_path / "killed.py"), (f"|{said}",), 9, here, processes=2)
    with pytest.warns(UserWarning, match="ended before"):
        assert list(made) == [number * 2 for number in range(9)]
