"""References as they come: however a file writes them, each is a record or a reject with its line."""

import pytest
from conftest import DAY, ingest, put
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.reading.ris import holds_references, references

A, B = "NCT00000001", "NCT00000002"
REFERENCE = "TY  - JOUR\nAN  - CN-00000001\nTI  - Vésicules\nN1  - NCT00000001\nER  - \n"
OTHER = REFERENCE.replace("00000001", "00000002")


def read(tmp_path, data, name="x.ris"):
    records, rejects, summary = ingest([put(tmp_path, name, data)], retrieved=DAY, registries=[])
    assert summary.format.tolist() == ["Cochrane CENTRAL"]
    assert summary.rows.tolist() == [len(records) + len(rejects)]
    return records, rejects


@pytest.mark.parametrize(
    ("data", "trns", "lines"),
    [
        (f"Provider: a library\nContent: text/plain\n\n{REFERENCE}", [A], []),
        (f"{REFERENCE}\nLink to the text:\nhttps://example.org/NCT00000009\n\n{OTHER}", [A, B], []),
        (REFERENCE.replace("TY  - JOUR\n", "", 1).replace("TI", "TY  - JOUR\nTI") + OTHER, [A, B], []),
        ((REFERENCE + OTHER).replace("\n", "\r"), [A, B], []),
        ((REFERENCE + OTHER).replace("  - ", " - "), [A, B], []),
        (REFERENCE.replace("N1  - ", "AB  - x\nER - positive, \n").replace("  - ", " - "), [A], []),
        (REFERENCE.lower().replace("nct", "NCT").replace("cn-", "CN-"), [A], []),
        (REFERENCE.replace("ER  - \n", "\n") + OTHER, [A, B], []),
        (REFERENCE.replace("ER  - \n", ""), [A], []),
        (REFERENCE.replace("N1  - ", "N1  - none\nN1  - see also\n  "), [A], []),
        (REFERENCE.encode("cp1252"), [A], []),
        (b"\xef\xbb\xbf" + REFERENCE.encode(), [A], []),
        (REFERENCE.replace(A, "") + OTHER, [B], [1]),
        (f"Search: x\n\n{REFERENCE}\n{OTHER[:-7]}", [A], [9]),
    ],
)
def test_references_in_any_form_of_ris(tmp_path, data, trns, lines):
    records, rejects = read(tmp_path, data)
    assert records.trn.tolist() == trns
    assert rejects.line.tolist() == lines
    assert set(records.brief_title) == {"Vésicules" if "TI" in str(data) else "vésicules"}


def test_a_reference_without_an_end_whose_type_comes_late_takes_nothing_of_the_next(tmp_path):
    late = "DB  - a\nTI  - One\nTY  - JOUR\nN1  - NCT00000001\n\nDB  - b\nTI  - Two\nTY  - JOUR\nN1  - NCT00000002\n"
    assert read(tmp_path, late)[0].brief_title.tolist() == ["One", "Two"]


TEXT = f"""Search Name: vesicles

Record #1 of 3
ID: CN-00000001
AU: Doe J
TI: Vésicules
KY: Exosomes
KY: Humans
AB: Registered as
{A}
US: https://example.org/CN-00000001

Record #2 of 3
ID: CN-00000002
TI: No number
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_references_in_the_librarys_text_are_read_and_missing_ones_told(tmp_path, ends):
    records, rejects = read(tmp_path, TEXT.replace("\n", ends), "citation-export.txt")
    row = records.iloc[0]
    assert (row.trn, row.brief_title, row.keywords) == (A, "Vésicules", "Exosomes | Humans")
    assert (row.publications, row.source_urls) == ("Cochrane CENTRAL CN-00000001", "https://example.org/CN-00000001")
    assert rejects.line.tolist() == [13, 13]
    assert "no registration number" in rejects.reason[0] and "2 of 3" in rejects.reason[1]


def test_of_several_numbers_none_is_lost(tmp_path):
    records, rejects = read(tmp_path, REFERENCE.replace(A, f"{A}; extension {B}; ISRCTN12345678"))
    assert (records.trn[0], records.secondary_trns[0]) == (A, f"{B} | ISRCTN12345678")
    assert B in records.note[0] and rejects.empty
    records, _ = read(tmp_path, REFERENCE.replace(A, f"{A}, ISRCTN12345678"))
    assert records.note.isna().all()


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30).map(lambda text: f"x {text}")


@given(
    st.lists(st.tuples(texts, texts, st.booleans(), st.booleans()), min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["  - ", " - "]),
)
def test_every_reference_is_found_whole_whatever_stands_around_it(drawn, ends, between):
    lines, first = [], []
    for place, (junk, title, ended, early) in enumerate(drawn):
        lines += [junk, ""] if not place or drawn[place - 1][2] else [""]
        first.append(len(lines) + 1)
        tags = [("TI", title), ("N1", str(place))] if early else [("N1", str(place)), ("TI", title)]
        last = place == len(drawn) - 1
        lines += [f"{tag}{between}{text}" for tag, text in [("TY", "JOUR"), *tags]]
        lines += [f"ER{between}"] if ended or last else []
    text = ends.join(lines)
    assert holds_references(text)
    found = list(references(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
    assert [number for number, _ in found] == first
    assert [reference["notes"][0].split()[0] for _, reference in found] == [str(place) for place in range(len(drawn))]
    assert all(reference["title"][0].startswith(title.strip()) for (_, reference), (_, title, *_) in zip(found, drawn))
