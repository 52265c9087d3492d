"""Whatever a file holds: a clear reject, the good records kept, nothing raised but our own error."""

import contextlib
import gzip
import io
import json
import tracemalloc
import zipfile
from functools import cache, partial

import openpyxl
import pytest
from conftest import DAY, RAW, ROOT, SNAPSHOT, classic_response, export, ingest, put, study
from hypothesis import given, settings
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.ingest.registries import READERS, format_of, long_texts, losses
from evlib.ingest.registries.common import MAX_TEXT, batches
from evlib.ingest.registries.unpack import heads

LONG = "x" * (MAX_TEXT + 1)
THREE = [study(), study("NCT00000002"), study("NCT00000003")]
COLUMNS = ("TrialID", "Public title", "Source Register")
XML = "<trials><trial><TrialID>NCT00000001</TrialID></trial>%s<trial><TrialID>NCT00000003</TrialID></trial></trials>"


def rows(*titles):
    return [(f"NCT{number:08d}", title, "ClinicalTrials.gov") for number, title in enumerate(titles, start=1)]


def zipped(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(names, start=1):
            archive.writestr(name, json.dumps(study(f"NCT{number:08d}")))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("data", "kept", "reason"),
    [
        (json.dumps({"studies": THREE})[:-100], (1, 2), "not valid JSON from here on"),
        (json.dumps({"studies": THREE}, indent=1)[:-100], (1, 2), "not valid JSON from here on"),
        ("\n".join(['{"protocolSection": {', *map(json.dumps, THREE[1:])]), (2, 3), "not valid JSON"),
        ("\n".join([*map(json.dumps, THREE[:2]), '{"protocolSection": {']), (1, 2), "not valid JSON"),
        ('{"protocolSection": ' + "[" * 100_000 + "\n" + json.dumps(THREE[0]), (1,), ""),
        (XML[:-30] % "", (1,), "not readable as XML"),
        (XML % "<trial><TrialID>&x;</TrialID></trial>", (1,), "not readable as XML"),
        (export(*rows("a"), ("NCT00000002", "b"), *rows("", "", "c")[2:], header=COLUMNS), (1, 3), "2 cells where"),
        (export(*rows("a"), header=COLUMNS) + 'NCT00000002,"b', (1,), "not whole: bad: the file ends within a row"),
        (export(("NCT00000001", "a", "b", "c"), header=(*COLUMNS, "Public title")), (), "stands twice"),
        (zipped("a.json", "b.json", "c.json")[:-350], (1, 2), "cut off"),
        (gzip.compress(b'{"protocolSection": "' + b"a" * 80_000_000), (), "200 times"),
        ("TrialID,Public title,Source Register\n", (), "a header at most"),
    ],
)
def test_a_bad_part_is_one_reject_and_the_good_records_stay(tmp_path, data, kept, reason):
    bad, good = put(tmp_path, "bad", data), put(tmp_path, "good", json.dumps(study("NCT00000009")))
    records, rejects, summary = ingest([bad, good], retrieved=DAY, registries=[])
    assert records.trn.tolist() == [f"NCT{number:08d}" for number in (*kept, 9)]
    assert rejects.file.tolist() == ["bad"]
    assert reason in rejects.reason[0]
    assert [row["trn"] for row in long_texts([bad, good])][-1] == "NCT00000009"
    assert (summary.rows == summary.records + summary.rejects).all()


@pytest.mark.parametrize(
    "data",
    [
        export(*rows("Müller"), header=COLUMNS).encode("utf-8-sig"),
        export(*rows("Müller"), header=COLUMNS).encode("utf-16"),
        export(*rows("Müller"), header=COLUMNS).encode("cp1252"),
        export(*rows("Mü\0ller"), header=COLUMNS).encode(),
        export(*rows("Müller"), header=COLUMNS).replace(",", ";").encode(),
        export(*rows("Müller"), header=COLUMNS).replace(",", "\t").encode(),
        (XML.split("%")[0] + "<x/></trials>")
        .replace("</TrialID>", "</TrialID><Public_title>Müller</Public_title>")
        .encode(),
        (
            '<?xml version="1.0" encoding="iso-8859-1"?><trials><trial><TrialID>NCT00000001</TrialID><Public_title>Müller'
            "</Public_title></trial></trials>"
        ).encode("latin-1"),
        json.dumps(study(briefTitle="Müller"), ensure_ascii=False, indent=2).encode("utf-16"),
    ],
)
def test_encodings_and_separators_are_told_by_content(tmp_path, data):
    records, rejects, _ = ingest([put(tmp_path, "wrong.extension.pdf", data)], retrieved=DAY, registries=[])
    assert records.brief_title.tolist() == ["Müller"]
    assert rejects.empty


def test_a_zip_with_paths_that_lead_elsewhere_writes_nothing(tmp_path):
    packed = zipped("../../evil.json", "/etc/evil.json", "C:\\evil.json")
    (tmp_path / "in").mkdir()
    records, _, _ = ingest([put(tmp_path / "in", "a.zip", packed)], retrieved=DAY, registries=[])
    assert len(records) == 3
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip"]


def test_a_zip_of_several_kinds_is_refused_whole(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", json.dumps(study()))
        archive.writestr("b.csv", export(*rows("a"), header=COLUMNS))
    paths = [put(tmp_path, "mixed.zip", packed.getvalue()), put(tmp_path, "good", json.dumps(study("NCT00000009")))]
    records, rejects, _ = ingest(paths, retrieved=DAY, registries=[])
    assert records.trn.tolist() == ["NCT00000009"]
    assert "files of several kinds" in rejects.reason[0]
    assert losses(rejects) == [f"mixed.zip: {rejects.reason[0]}"]


def test_the_rest_of_a_file_is_never_lost_without_a_word(tmp_path):
    whole = gzip.compress(export(*rows(*"abc" * 2000), header=COLUMNS).encode())
    cut, bad_row = put(tmp_path, "cut.gz", whole[:-900]), put(tmp_path, "b.csv", export(("", "x", "y"), header=COLUMNS))
    _, rejects, _ = ingest([cut, bad_row], retrieved=DAY, registries=[])
    assert len(rejects) == 2
    assert len(losses(rejects)) == 1
    assert losses(rejects)[0].startswith("cut.gz: not whole: ")


@pytest.mark.parametrize(
    "whole",
    [
        "\n".join(json.dumps(study(f"NCT0000000{number}")) for number in range(1, 6)),
        json.dumps({"studies": [study(f"NCT0000000{number}") for number in range(1, 6)]}),
        export(*((f"NCT0000000{number}", "A title", "ClinicalTrials.gov") for number in range(1, 6)), header=COLUMNS),
    ],
    ids=["lines", "page", "CSV"],
)
def test_a_small_file_that_is_cut_off_gives_what_came_before(tmp_path, whole):
    path = put(tmp_path, "cut.gz", gzip.compress(whole.encode(), compresslevel=0)[: 20 + len(whole) * 7 // 10])
    records, rejects, _ = ingest([path], retrieved=DAY, registries=[])
    assert records.trn.tolist()[:2] == ["NCT00000001", "NCT00000002"] and len(records) < 5
    assert losses(rejects)[0].startswith("cut.gz: not whole: ")


def test_many_records_are_not_held_at_once(tmp_path):
    """What is held while reading grows with the chunk, not with the file."""
    from evlib.ingest.registries import common, stream

    def peak(count):
        studies = (json.dumps(study(f"NCT{number:08d}", officialTitle="A title" * 300)) for number in range(count))
        path = put(tmp_path, "many.json", "\n".join(studies))
        tracemalloc.start()
        total = sum(len(batch.records) for batch in stream([path], retrieved=DAY, registries=[]))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == count
        return held, path.stat().st_size

    common_chunk, common.CHUNK = common.CHUNK, 100
    try:
        (small, _), (large, size) = peak(300), peak(2000)
    finally:
        common.CHUNK = common_chunk
    assert large - small < size / 2


def workbook():
    book = openpyxl.Workbook()
    for row in (("Results of the search",), COLUMNS, *rows("a", "=1+1", "c")):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@cache
def examples():
    """A small file of each format: our sample, or for the forms that have none there, one made here."""
    line = (RAW / "registries" / SNAPSHOT / "records.jsonl").read_bytes().split(b"\n")[0]
    made = {
        "WHO ICTRP CSV": export(*rows("a"), header=COLUMNS).encode(),
        "WHO ICTRP XLSX": workbook(),
        "snapshot": line,
        "ClinicalTrials.gov classic API": json.dumps(classic_response("NCT00000001")).encode(),
        "table of records": b"trn,trn_kind,registry,snapshot,enrolment,results_posted\nNCT00000001,number,x,2020-01-01,9,True\n",
    }
    samples = [path for path in (ROOT / "tests/samples").iterdir() if path.name != "README.md"]
    return made | {format_of(path): path.read_bytes() for path in samples}


def test_every_reader_has_an_example_and_no_other_reader_recognises_it(tmp_path):
    assert examples().keys() == READERS.keys(), "a new reader needs a small file of its form in tests/samples"
    classic = export(["1", "NCT00000001", "CN-00000001"], header=("Rank", "NCT Number", "Title")).encode()
    for name, content in [*examples().items(), ("ClinicalTrials.gov CSV", classic)]:
        start = next(heads(put(tmp_path, "f", content)))
        assert [reader.NAME for reader in READERS.values() if reader.recognises(start)] == [name]


@settings(max_examples=30)  # each writes and reads a file
@given(st.binary(max_size=300), st.sampled_from(list(READERS)), st.integers(0, 5000))
def test_no_bytes_raise_anything_but_our_own_error(tmp_path_factory, data, name, place):
    reader, whole = READERS[name], examples()[name]
    facts = {"registries": []} if name == "snapshot" else {}
    place %= len(whole)
    for content in (data, whole[:place] + data, whole[:place] + data + whole[place + len(data) :]):
        path = put(tmp_path_factory.mktemp("fuzz"), "f", content)
        with contextlib.suppress(InputError):
            record = partial(reader.record, snapshot=DAY, **facts)
            assert list(batches(reader.items(path), record, file=path, seen={}))
        with contextlib.suppress(InputError):
            assert len(ingest([path], retrieved=DAY, registries=[])[0])
