"""A query asked before a study is read in full: it passes over what it cannot find, and nothing else."""

import gzip
import html
import json
import re
import unicodedata
from array import array
from contextlib import contextmanager
from marshal import dumps, loads
from unittest import mock

import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evlib.base.files import files_of
from evlib.base.query import (
    FIELDS,
    _common_start,
    _pattern,
    _stem,
    matches,
    may_match,
    needed,
    rough_and_exact,
    terms,
    tokens,
)
from evlib.ingest.registries import ctgov, ctgov_words, long_texts, stream, unpack
from evlib.ingest.registries.common import Asked, Unread, asked_first, batches
from evlib.ingest.registries.ctgov_words import looked_at_part, looker
from evlib.ingest.registries.unpack import Passed
from evlib.ingest.sources import Source, records_of, summaries_of

WORDS = ["exosome", "Exosomes", "therapy", "therapies", "MSCs", "MSC", "stem", "cell", "hoping", "hope", "dying", "die",
         "lysée", "ACE2", "fine", "kelvin", "insulin", "naïve", "straße", "x", "h2o", "capability", "capable"]  # fmt: skip
ENDINGS = ["", "s", "es", "ed", "ing", "y", "ies", "al", "ation", "ational", "ize", "ization", "bly", "bility", "ence", "ency", "li", "ly",
           "ied", "ical", "icity", "ful", "fulness", "ogy", "ogist", "e", "ee", "eed", "ll", "ative", "ness", "ying", "ie"]  # fmt: skip


def wide(text):
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def misread(encoding):
    return lambda text: text.encode().decode(encoding, errors="replace")


def escaped(text):
    return "".join(f"\\{one}" if one in "&#;-<>_*" else one for one in text)


DISGUISES = [
    str,
    str.upper,
    str.title,
    html.escape,
    wide,
    escaped,
    lambda text: "".join(f"&#{ord(one)};" for one in text),
    lambda text: f"{text[:1]}&#x{ord(text[1:2] or 'a'):x}{text[2:]}",
    lambda text: text.replace("e", "&eacute", 1),
    lambda text: f"{text[:2]}&#1;{text[2:]}",
    lambda text: text.replace("fi", "ﬁ").replace("2", "²").replace("k", "K").replace("s", "ſ"),
    lambda text: text.replace("i", "ı", 1).replace("I", "İ"),
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: f"<b>{text[:3]}</b>{text[3:]}",
    lambda text: f"{text[:3]}\u00ad{text[3:]}",
    lambda text: f"{text[:3]}_x000D_{text[3:]}",
    misread("latin-1"),
    misread("cp1252"),
    misread("mac-roman"),
]
word = st.sampled_from(WORDS)
disguised = st.builds(
    lambda text, ways: [text := way(text) for way in ways][-1],
    word,
    st.lists(st.sampled_from(DISGUISES), min_size=1, max_size=3),
)
text = st.builds(lambda parts, between: between.join(parts), st.lists(disguised | st.text(max_size=3), max_size=6), st.sampled_from([" ", "-", "\n", "/", "", " & ", "| ", "™ "]))  # fmt: skip
value = st.none() | text | st.integers(0, 10**6) | st.floats(allow_nan=False) | st.lists(text, max_size=2)
texts = st.none() | st.lists(st.none() | text, max_size=2) | text
part = st.sampled_from(["DRUG", "COMBINATION_PRODUCT", "ınsulin"]) | value


@st.composite
def studies(draw):
    section = {"identificationModule": {"nctId": f"NCT{draw(st.integers(0, 4)):08d}"}}
    module = section["identificationModule"]
    module |= draw(
        st.fixed_dictionaries({}, optional={name: value for name in ("briefTitle", "officialTitle", "acronym")})
    )
    section["conditionsModule"] = draw(
        st.none() | st.fixed_dictionaries({}, optional={"conditions": texts, "keywords": texts})
    )
    named = st.fixed_dictionaries({}, optional={"type": part, "name": value})
    arm = st.fixed_dictionaries({}, optional={"label": value, "description": value})
    lists = {
        "interventions": st.none() | st.lists(named, max_size=2),
        "armGroups": st.none() | st.lists(arm, max_size=2),
    }
    section["armsInterventionsModule"] = draw(st.none() | st.fixed_dictionaries({}, optional=lists))
    return {"protocolSection": section, "hasResults": False}


@st.composite
def lines(draw):
    """A study as a line of JSON, its letters as they are, as escapes, or cut off."""
    line = json.dumps(draw(studies()), ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        line = line.replace("/", "\\/").replace("o", "\\u006f")
    if draw(st.integers(0, 9)) == 0:
        line = line[: draw(st.integers(1, len(line)))]
    return line.encode("utf-8", errors="surrogatepass")


term = st.builds(lambda one, end: one + end, word, st.sampled_from(["", "", "*"])) | st.builds(
    '"{} {}"'.format, word, word
)
query = st.recursive(
    term,
    lambda inner: (
        st.builds("({} AND {})".format, inner, inner)
        | st.builds("({} OR {})".format, inner, inner)
        | st.builds("({} AND NOT {})".format, inner, inner)
        | st.builds("(NOT {})".format, inner)
    ),
    max_leaves=5,
)


def is_utf8(line):
    try:
        return bool(line.decode())
    except UnicodeDecodeError:
        return False


def found_though_passed(rows, asked, passed_over):
    """Those of a query and its terms that find a study which is passed over; a line that was cut off holds none."""
    studies = [ctgov._parsed(row) for row in rows if passed_over(row)]
    whole = [study for study in studies if not isinstance(study, Exception)]
    records = [ctgov.record(study, snapshot="2026-11-25") for study in whole]
    table = pd.DataFrame(records, columns=["trn", *FIELDS]).map(lambda cell: None if isinstance(cell, Unread) else cell)
    return [one for one in (asked, *terms(asked)) if matches(table, one).any()]


def by_its_words(asked):
    def passed_over(row):
        try:
            items = [(1, json.loads(row))]
        except ValueError:
            return False
        ((_, item),) = asked_first(items, ctgov.number_and_words, Asked(patterns=needed(asked, any_term=True)))
        return isinstance(item, Passed)

    return passed_over


@pytest.mark.parametrize("asked", WORDS)
def test_a_word_is_found_in_every_disguise(asked, tmp_path):
    titles = [
        second(first(word))
        for word in WORDS
        for first in DISGUISES
        for second in (str, str.upper, escaped, misread("latin-1"))
    ]
    titles += [before + word for word in WORDS for before in ("\n", "a-", "(")]
    rows = [
        json.dumps(json.loads(a_line("NCT00000001", title)), ensure_ascii=False).encode() + b"\n" for title in titles
    ]
    for query in (asked, f"{asked[:3]}*"):
        assert found_though_passed(rows, query, by_its_words(query)) == []
        assert found_though_passed(rows, query, by_its_line(tmp_path / "studies.json", rows, query)) == []


def one_by_one(items):
    for place, item in items:
        runs = [Passed([key]) for key in item.keys] if isinstance(item, Passed) else [item]
        yield from enumerate(runs, start=place)


@contextmanager
def in_blocks(size):
    """Lines are looked at in blocks of about this many bytes, and of these in fewer."""
    with mock.patch.object(ctgov, "BLOCK", size), mock.patch.multiple(ctgov_words, BLOCK=size, _FEW=size // 3 + 1):
        yield


def in_parts(path, asked, size):
    """The items of a file that is looked through in parts of a size, which pass from one process to another in turn."""

    def made_in_order(script, about, n, here, processes):
        others = looker(*about[2:], bytes.decode)
        for number in range(n):
            with path.open("rb") as file:
                yield here(number) if number % 2 else by_another(looked_at_part(file, about[1], others, number))

    def by_another(looked):
        return loads(dumps(looked and tuple(looked)))

    with mock.patch.multiple(ctgov, LARGE=1, PART=size, made_in_order=made_in_order):
        return list(one_by_one(ctgov.items(path, asked, processes=2)))


def by_its_line(path, rows, asked, size=5000):
    path.write_bytes(b"".join(rows))
    asked = Asked(patterns=needed(asked, any_term=True))
    items = list(one_by_one(ctgov.items(path, asked)))
    assert repr(in_parts(path, asked, size)) == repr(items)
    assert [number for number, _ in items] == list(range(1, len(rows) + 1))
    unread = {row for row, (_, item) in zip(rows, items) if isinstance(item, Passed)}
    return unread.__contains__


@given(st.lists(lines(), min_size=1, max_size=6), query)
@example(
    [b'{"protocolSection":{"identificationModule":{"nctId":"NCT00000001","briefTitle":"\\u0065xo&#115;ome"}}}'],
    "exosome",
)
def test_no_study_is_passed_over_that_the_query_or_a_term_of_it_finds(rows, asked):
    assert found_though_passed(rows, asked, by_its_words(asked)) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lines(), min_size=1, max_size=30), query, st.sampled_from([1, 1000, 1 << 16]))
@example([b'{"protocolSection": {"identificationModule": {"nctId": "NCT00000000"}'], "exosome", 1)
def test_the_text_of_a_line_tells_no_less_than_its_words(tmp_path, rows, asked, size):
    rows = [a_line("NCT00000009", "The first line is whole").encode(), *(row + b"\n" for row in rows)]
    with in_blocks(size):
        assert found_though_passed(rows, asked, by_its_line(tmp_path / "studies.json", rows, asked, size)) == []


@given(st.lists(lines().filter(is_utf8), min_size=1, max_size=6), query)
def test_lines_are_tested_as_their_text_is_and_many_at_once_no_less(rows, asked):
    patterns = needed(asked, any_term=True)
    rough, exact = rough_and_exact(patterns)
    may = [may_match(row.decode(), patterns) for row in rows]
    assert [*map(exact, rows)] == may
    assert rough(b"\n".join(rows)) or not any(may)


@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=5), max_size=6))
def test_of_numbers_passed_in_a_row_the_first_counts_and_each_other_is_a_reject(runs):
    def read(runs):
        places = [1 + sum(map(len, runs[:at])) for at in range(len(runs))]
        seen = {21: ("earlier.json", []), 20: ("earlier.json", [])}
        (part,) = batches([*zip(places, map(Passed, runs))], ctgov.record, file="studies.json", seen=seen)
        return part.passed, part.rejects.to_dict("records"), seen

    assert read(runs) == read([[key] for run in runs for key in run])
    passed, rejects, seen = read(runs)
    assert passed == len(seen) - 2 and passed + len(rejects) == sum(map(len, runs))


def test_each_word_begins_with_what_is_looked_for_of_its_stem():
    samples = " ".join(
        path.read_text(encoding="utf-8", errors="replace") for path in files_of(ROOT / "tests" / "samples")
    )
    roots = {one[:size] for one in tokens(samples) for size in (3, 6)}
    assert len(roots) > 500
    assert not [
        one for root in roots for end in ENDINGS if not (one := root + end).startswith(_common_start(_stem(one)))
    ]


@pytest.mark.parametrize("short", ["ev", "sev", "exo", "msc", "vl", "die", "rat", "aid", "be"])
def test_the_pattern_of_a_short_word_fits_all_its_forms_and_few_others(short):
    fits = re.compile(_pattern(short, begun=False)).fullmatch
    stem = _stem(short)
    forms = [
        word
        for one in ENDINGS
        for two in ENDINGS
        for word in (short + one + two, short + short[-1] + one + two)
        if _stem(word) == stem
    ]
    assert short in forms and [word for word in forms if not fits(word)] == []
    assert not fits(f"{short}ent") and not fits(f"{short}aluation")


def a_line(trn, title, **more):
    return json.dumps({"protocolSection": {"identificationModule": {"nctId": trn, "briefTitle": title}} | more}) + "\n"


STRANGE = {
    "letters that are no UTF-8": json.dumps(
        json.loads(a_line("NCT00000070", "Universität")), ensure_ascii=False
    ).encode("cp1252"),
    "a break of Windows": a_line("NCT00000070", "Plants").encode().replace(b"\n", b"\r"),
    "two studies": b"[" + b", ".join([a_line("NCT00000070", "Plants").encode().strip()] * 2) + b"]",
    "blank lines": b"\n \n\r\n",
    "no study": b"null",
    "NUL within a word": a_line("NCT00000070", "Ves_icles").encode().replace(b"_", b"\0"),
}


@pytest.mark.parametrize("size", [1, 300, 1 << 16])
@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("packed", [bytes, gzip.compress, lambda text: gzip.compress(text)[:-20]])
def test_what_is_passed_over_stands_where_it_is_read_in_full(tmp_path, monkeypatch, strange, packed, size):
    monkeypatch.setattr(unpack, "_PIECE", 1000)
    rows = [a_line(f"NCT{at:08d}", "Vesicles" if at % 9 == 8 else "Plants").encode() for at in range(50)]
    rows[20:20] = [STRANGE[strange], b"\n"]
    path = tmp_path / "studies.json"
    path.write_bytes(packed(b"".join(rows).removesuffix(b"\n")))
    full = list(ctgov.items(path))
    asked = Asked(["NCT00000003"], needed("vesicle"))
    with in_blocks(size):
        items = list(one_by_one(ctgov.items(path, asked)))
        for part in (2 * size, len(rows[0])):  # a line begins where such a part does
            assert repr(in_parts(path, asked, part)) == repr(items)
    assert [place for place, _ in items] == [place for place, _ in full]
    passed = [(item.keys[0], study) for (_, item), (_, study) in zip(items, full) if isinstance(item, Passed)]
    read = [(str(item), str(study)) for (_, item), (_, study) in zip(items, full) if not isinstance(item, Passed)]
    assert all(item == study for item, study in read)
    assert all(ctgov.number_and_words(study)[0] == f"NCT{key:08d}" for key, study in passed)
    assert len(passed) > 15 and 3 not in dict(passed)


ODD = {
    "cut off": a_line("NCT00000070", "Plants")[:-9],
    "short": '{"a": 1}',
    "begun otherwise": a_line("NCT00000070", "Plants").replace("nctId", "trnId"),
    "of another registry": a_line("NCT0000007X", "Plants"),
}


@pytest.mark.parametrize("place", [4, 9])
@pytest.mark.parametrize("odd", ODD)
def test_lines_are_passed_over_together_only_where_each_holds_a_study(odd, place):
    rows = [a_line(f"NCT{at:08d}", "Plants").encode() for at in range(9)]
    if odd == "begun otherwise":
        rows[2] = rows[2].replace(b": ", b":")  # a study all the same
    rows.insert(place, ODD[odd].strip().encode() + b"\n")
    looked = looker(set(), needed("vesicle"))(b"".join(rows))
    assert array("I", looked.keys).tolist() == list(range(9))
    assert looked.lines == [(place, rows[place].strip())]


@pytest.fixture(params=[bytes, gzip.compress], ids=["plain", "gzip"])
def asked(tmp_path, review, request):
    """A file, and what is found in it by a query for vesicles."""
    path = tmp_path / "studies.json"
    summary = {"descriptionModule": {"briefSummary": "Of vesicles, at length"}}
    content = (
        a_line("NCT00000001", "Vesicles", **summary)
        + a_line("NCT00000002", "Plants", **summary)
        + a_line("NCT00000003", "Judged before")
        + a_line("NCT00000002", "Vesicles again")
        + a_line("NCT00000001", "Plants again")
        + a_line("NCT00000004", "Cut off")[:-9]
        + "\nnot JSON\n\n"
        + a_line("a number", "Plants")
    )
    path.write_bytes(request.param(content.encode()))
    sources = [Source(path, "2026-11-25", False)]
    return sources, records_of(sources, protocol=review | {"search": "vesicle"}, always={"NCT00000003"})


def test_of_a_search_every_line_is_a_record_a_reject_or_not_found(asked):
    _, (records, rejects, account, _, _) = asked
    assert records.trn.tolist() == ["NCT00000001", "NCT00000003"]
    assert rejects.line.tolist() == [4, 5, 6, 7, 9]
    assert rejects.trn.tolist()[:2] == ["NCT00000002", "NCT00000001"]
    assert account[["rows", "rejects", "not_found", "judged_before", "records"]].values.tolist() == [[8, 5, 1, 1, 2]]


def test_the_long_texts_of_records_that_are_not_known_are_not_read(asked):
    sources, (records, *_) = asked
    known = set(records.trn)
    assert summaries_of(sources, known=known).trn.tolist() == ["NCT00000001"]
    read_of = [row["trn"] for row in long_texts([sources[0].path], Asked(known))]
    assert "NCT00000002" not in read_of


@pytest.mark.parametrize("path", files_of(ROOT / "tests" / "samples"), ids=lambda path: path.name)
@pytest.mark.parametrize("asked", ["exosome", "cell AND NOT exosome", '"stem cell"', "phase OR randomi* OR infarction"])
def test_the_same_is_found_in_an_export_whether_it_is_asked_first_or_read_in_full(path, asked, review):
    def found(first):
        parts = list(stream([path], retrieved="2026-11-25", registries=list(review["registries"]), asked=first))
        records = pd.concat([part.records for part in parts])
        rows = sum(len(part.records) + len(part.rejects) + part.passed for part in parts)
        return records.trn[matches(records, asked)].tolist(), rows, len(records)

    (plain, rows, _), (first, rows_first, read) = found(None), found(Asked(patterns=needed(asked)))
    assert first == plain and rows_first == rows and read >= len(first)
