"""What registries, spreadsheets and other programs make of an export: read right, or set aside by name; nothing vanishes."""

import itertools
import json
import re

import openpyxl
import pandas as pd
import pytest
from conftest import ROOT, classic_response, evlib, export, put, records_of, study, told_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evlib.base.dates import day_or_month, month_stands_first
from evlib.base.reading.encodings import encoding_of
from evlib.base.schema import columns, read_csv
from evlib.ingest import registration_dates, sources
from evlib.ingest.registries.common import count, plain_text
from evlib.ingest.registries.ictrp import target_size

CASES = ROOT.parent / "shared" / "cases"
HEADER = ("TrialID", "Public title", "Source Register", "Target size", "Date registration", "Phase", "Countries")
SITE = ("NCT Number", "Study Title", "Enrollment", "First Posted", "Start Date", "Phases", "Locations")
BREAKS = ("\r\n", "\n", "\r")


def rows(*titles, **facts):
    made = {"size": "30", "day": "2021-04-01", "phase": "Phase 1", "countries": "China"} | facts
    return [(f"NCT{n:08d}", title, "ClinicalTrials.gov", *made.values()) for n, title in enumerate(titles, start=1)]


def saved(table, *, end="\r\n", within=None, quote='"', escaped='""'):
    """A table as a program saves it that puts cells with a comma into quotation marks, and no other."""
    text = [
        end.join(
            ",".join(
                quote + cell.replace('"', escaped) + quote
                if "," in cell
                else re.sub("\r\n|\r|\n", within or "\n", cell)
                for cell in row
            )
            for row in table
        ),
        end,
    ]
    return "".join(text).encode()


@pytest.mark.parametrize(("end", "within"), itertools.product(BREAKS, BREAKS))
def test_a_row_ends_as_the_file_ends_its_rows(tmp_path, end, within):
    table = [HEADER, *rows("plain", "one\ntwo\n\nthree", "a, b", "one\ntwo", "plain", "last\n")]
    told = told_of([put(tmp_path, "e.csv", saved(table, end=end, within=within))])
    assert told.rejects.empty
    assert told.records.brief_title.tolist() == ["plain", "one two three", "a, b", "one two", "plain", "last"]
    assert told.records.countries.tolist() == ["China"] * 6


@pytest.mark.parametrize(
    ("broken", "kept"),
    [
        ('NCT00000002,6" tube,x,30,2021-04-01,Phase 1,China', '6" tube'),
        ('NCT00000002,"Fast" exosomes,x,30,2021-04-01,Phase 1,China', '"Fast" exosomes'),
        ('NCT00000002,"never closed,x,30,2021-04-01,Phase 1,China', '"never closed'),
        ('"NCT00000002","so \\"called\\", yes","x","30","2021-04-01","Phase 1","China"', 'so "called", yes'),
        ("NCT00000002,b,x,30,2021-04-01,Phase 1,China,,,", "b"),
        ("NCT00000002,b,x,30,2021-04-01,Phase 1,China,more", None),
        ("NCT00000002,cut off,x", None),
        ("NCT00000002,cut off,x,3\nor shifted,1", None),
        ('NCT00000002,"cut off', None),
    ],
)
def test_a_broken_row_costs_no_other_row(tmp_path, broken, kept):
    good = saved([HEADER, *rows("a")]).decode()
    after = saved(rows("x", "x", '"c", twice', "d")[2:]).decode()
    told = told_of([put(tmp_path, "e.csv", f"{good}{broken}\r\n{after}")])
    assert told.records.trn.tolist() == [f"NCT0000000{n}" for n in (1, 2, 3, 4) if kept or n != 2]
    assert told.records.brief_title.tolist()[-2:] == ['"c", twice', "d"]
    if kept:
        assert told.records.brief_title[1] == kept
    else:
        assert told.rejects[["line", "trn"]].values.tolist() == [[3, "NCT00000002"]]


@given(st.lists(st.text(alphabet='ab,;"\n\r\\ é', max_size=12), min_size=3, max_size=8), st.data())
def test_every_row_is_a_record_or_a_reject_and_the_others_stand(tmp_path_factory, titles, data):
    """One row of a table is cut off somewhere; the table is otherwise good CSV."""
    lines = export(*rows(*titles), header=HEADER).removesuffix("\r\n")
    ends = [found.start() for found in re.finditer("\r\n(?=NCT)", lines)] + [len(lines)]
    number = data.draw(st.integers(0, len(titles) - 1))
    place = ends[number] + len("\r\nNCT00000001,")
    place = data.draw(st.integers(place, ends[number + 1]))
    cut = lines[:place] + lines[ends[number + 1] :]
    told = told_of([put(tmp_path_factory.mktemp("cut"), "e.csv", cut)])
    numbers = {f"NCT{n:08d}" for n in range(1, len(titles) + 1)}
    found = [*told.records.trn, *told.rejects.trn.dropna()]
    assert numbers == set(found) and len(found) == len(numbers)
    others = told.records[told.records.trn != f"NCT{number + 1:08d}"]
    assert len(others) == len(titles) - 1
    expected = [plain_text(title) for n, title in enumerate(titles) if n != number]
    assert others.brief_title.fillna("").tolist() == [title or "" for title in expected]


@pytest.mark.parametrize(
    "above", ["\r\n\r\n", "sep=,\r\n", "Search of 15/04/2021\r\n\r\n", "a title, with a comma\r\nsep=,\r\n\r\n"]
)
def test_what_stands_above_the_header_costs_nothing(tmp_path, above):
    told = told_of([put(tmp_path, "e.csv", above.encode("utf-8-sig") + saved([HEADER, *rows("a", "b")]))])
    assert told.records.brief_title.tolist() == ["a", "b"] and told.rejects.empty
    semicolons = (above + saved([HEADER, *rows("a")]).decode().replace(",", ";")).replace("sep=,", "sep=;")
    assert told_of([put(tmp_path, "f.csv", semicolons)]).records.brief_title.tolist() == ["a"]


TITLES = {
    "GB18030": "间充质干细胞外泌体治疗肺损伤",
    "CP932": "間葉系幹細胞由来エクソソーム",
    "CP949": "중간엽줄기세포 엑소좀",
    "Windows-1251": "Экзосомы мезенхимальных стволовых клеток",
    "Windows-1252": "Exosomes – “MSC” für Lunge, traités à l’hôpital",
    "MacRoman": "Exosomes – “MSC” für Lunge, traités à l’hôpital",
    "UTF-16-LE": "Exosomes – “MSC” für Lunge",
    "UTF-16-BE": "Exosomes – “MSC” für Lunge",
}


@pytest.mark.parametrize(("encoding", "title"), TITLES.items())
def test_an_encoding_is_told_and_said(tmp_path, encoding, title):
    table = export(*rows("plain", title), header=HEADER)
    told = told_of([put(tmp_path, "e.csv", table.encode(encoding))])
    assert told.records.brief_title.tolist() == ["plain", title]
    assert told.remarks[["field", "text"]].values.tolist() == [["encoding", encoding]]
    assert told.remarks.line.isna().all()


def test_text_that_is_plain_needs_no_word_and_a_mixture_is_named(tmp_path):
    plain = put(tmp_path, "plain.csv", export(*rows("Müller", "Ⅱ"), header=HEADER).encode("utf-8-sig"))
    assert told_of([plain]).remarks.empty
    mixed = export(*rows("Müller"), header=HEADER).encode() + "NCT00000002,Møller,x,,,,\r\n".encode("cp1252")
    told = told_of([put(tmp_path, "mixed.csv", mixed)])
    assert told.records.brief_title.tolist() == ["Müller", "Møller"]
    assert "mixed" in told.remarks.text[0]


@given(st.binary(max_size=200).filter(lambda data: not data.isascii()))
def test_any_bytes_have_an_encoding(data):
    assert data.decode(encoding_of(data), errors="replace") is not None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("13.09.2021", "2021-09-13"), ("9/13/2021", "2021-09-13"), ("13-SEP-2021", "2021-09-13"), ("13 Sep 2021", "2021-09-13"),
        ("24-Nov-26", "2026-11-24"), ("Nov-26", "2026-11"), ("20210913.0", "2021-09-13"), ("44301", "2021-04-15"),
        ("2021-09-13T23:30:00.000+02:00", "2021-09-13"), ("9/13/2021 4:11:24 PM", "2021-09-13"), ("Sept. 13, 2021", "2021-09-13"),
        ("2021年9月13日", "2021-09-13"), ("13‑09‑2021", "2021-09-13"), ("04/2020", "2020-04"),
        ("03/04/2020", None), ("03/04/20", None), ("26-Nov", None), ("2021", None), ("20210931", None), ("31/02/2021", None),
        ("2564-01-01", None), ("1399-01-17", None), ("2021-04-15 or later", None), ("13/14/2021", None), ("030421", None),
    ],
)  # fmt: skip
def test_a_date_by_itself_is_read_in_one_way_or_not_at_all(text, day):
    assert day_or_month(text, month_first=None) == day


@given(st.dates(pd.Timestamp("1950-01-01").date(), pd.Timestamp("2090-12-31").date()), st.booleans())
def test_a_day_in_every_style_is_that_day(day, month_first):
    styles = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%Y/%m/%d"]
    styles.append("%m/%d/%Y" if month_first else "%d/%m/%Y")
    assert {day_or_month(f"{day:{style}}", month_first=month_first) for style in styles} == {day.isoformat()}
    shown = month_stands_first([f"{day:{styles[-1]}}"])
    assert shown is None or shown == month_first


@pytest.mark.parametrize(
    ("days", "read"),
    [
        (["03/04/2020", "13/04/2020"], ["2020-04-03", "2020-04-13"]),
        (["03/04/2020", "04/13/2020"], ["2020-03-04", "2020-04-13"]),
        (["03/04/2020", "05/05/2020"], ["2020-04-03", "2020-05-05"]),  # nothing tells: the portal's own order
        (["03/04/2020", "04/13/2020", "13/04/2020"], [None, "2020-04-13", "2020-04-13"]),  # both orders: doubtful
        (["03/04/2020", "2020-04-13", "13 Apr 2020"], ["2020-04-03", "2020-04-13", "2020-04-13"]),
    ],
)
def test_day_and_month_have_one_order_in_a_column(tmp_path, days, read):
    table = [row for day in days for row in rows("a", day=day)]
    table = [(f"NCT{n:08d}", *row[1:]) for n, row in enumerate(table)]
    told = told_of([put(tmp_path, "e.csv", export(*table, header=HEADER))])
    assert [None if pd.isna(day) else day for day in told.records.registered_text] == read
    doubtful = told.remarks[told.remarks.line.notna()]
    assert doubtful.text.tolist() == [day for day, known in zip(days, read) if known is None]
    assert (told.remarks.field == "order of dates").any()


def test_the_site_writes_the_month_first_and_another_column_may_tell_otherwise(tmp_path):
    one = ["NCT00000001", "A", "30", "4/3/2020", "04/2020", "", ""]
    path = put(tmp_path, "a.csv", export(one, header=SITE))
    assert told_of([path]).records[["registered_text", "start_date"]].values.tolist() == [["2020-04-03", "2020-04"]]
    other = ["NCT00000002", "A", "30", "", "25/12/2019", "", ""]
    path = put(tmp_path, "b.csv", export(one, other, header=SITE))
    assert told_of([path]).records.registered_text.tolist()[0] == "2020-03-04"


@pytest.mark.parametrize("epoch", [1900, 1904])
def test_a_workbook_counts_days_from_its_own_first(tmp_path, epoch):
    book = openpyxl.Workbook()
    if epoch == 1904:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(("TrialID", "Public title", "Source Register", "Target size", "Date registration"))
    book.active.append(("NCT00000001", "A", "x", 44301, 44301 if epoch == 1900 else 44301 - 1462))
    book.save(tmp_path / "e.xlsx")
    told = told_of([tmp_path / "e.xlsx"])
    assert told.records[["enrolment", "registered_text"]].values.tolist() == [[44301, "2021-04-15"]]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("30.0", 30), ("1,200", 1200), ("1 200", 1200), ("30 patients", 30), ("n = 24", 24), ("30 (estimated)", 30), ("１２", 12),
        ("Total:30;a:15;b:15", 30), ("a:10;b:20;", 30), ("0", 0), ("", None), (None, None), (45.0, 45),
    ],
)  # fmt: skip
def test_numbers_of_people_as_they_are_written(text, size):
    assert target_size(text) == size if isinstance(text, str | None) else count(text) == size


@pytest.mark.parametrize(
    "text",
    ["about 30", "20-30", "~40", "-1", "30.5", "1.2E+3", "1.200", "a:10;b:ten", "a:30;b:", "Total:50;a:15;b:15", "9" * 12,
     "30 (15 per arm)", "30 mg"],
)  # fmt: skip
def test_what_may_be_another_number_is_none(text):
    with pytest.raises(ValueError):
        target_size(text)


READ_FROM = {
    "size": "enrolment",
    "day": "registered_text",
    "phase": "phases",
    "countries": "countries",
}
texts = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.text(alphabet="0123456789/.-: ;|,APM", max_size=20),
    st.sampled_from(
        [
            "45.0",
            "1,200",
            "9/13/2021",
            "IIa",
            ";",
            "|",
            "<br>",
            "Korea, Republic of",
            "NA",
            "0",
            "\x1f",
            "(Phase I): no",
        ]
    ),
)


@settings(max_examples=150)
@given(st.sampled_from(list(READ_FROM)), texts, st.sampled_from(["ictrp", "site"]))
@example("day", "2099-01-01", "ictrp")
@example("size", "9" * 30, "site")
def test_any_text_is_read_or_blank_or_remarked(tmp_path_factory, cell, text, source):
    facts = {"size": "30", "day": "2021-04-01", "phase": "Phase 1", "countries": "China"} | {cell: text}
    if source == "ictrp":
        table = export(*rows("A", **facts), header=HEADER)
    else:
        site = ["NCT00000001", "A", facts["size"], facts["day"], "2021-05-01", facts["phase"], facts["countries"]]
        table = export(site, header=SITE)
    told = told_of([put(tmp_path_factory.mktemp("any"), "e.csv", table)])
    assert told.rejects.empty and len(told.records) == 1
    value, unread = told.records[READ_FROM[cell]][0], told.records.unread[0]
    remarked = told.remarks[told.remarks.line.notna()].field.tolist()
    blank = plain_text(text) is None
    assert blank or pd.notna(value) != (unread == READ_FROM[cell])
    assert remarked == ([] if pd.isna(unread) else [unread])


def places_within(value, path=()):
    """Every place of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places_within(inner, (*path, key))


FULL = json.loads((ROOT / "tests/samples/ctgov.json").read_text(encoding="utf-8"))
FULL = FULL["studies"][0] if "studies" in FULL else FULL
OWN = ("protocolSection", "identificationModule", "nctId")


@pytest.mark.parametrize("value", [None, 5, "x", [], [None], {}, [[]], True])
@pytest.mark.parametrize(
    "made", [FULL, classic_response("NCT00000001")["FullStudiesResponse"]["FullStudies"][0]["Study"]]
)
def test_no_value_at_any_place_of_a_study_costs_more_than_its_field(tmp_path, value, made):
    own = next(path for path in places_within(made) if str(path[-1:]).lower() == "('nctid',)")
    spoilt = []
    for number, path in enumerate(path for path in places_within(made) if path and path != own[: len(path)]):
        copy = json.loads(json.dumps(made))
        *before, last = path
        inner = copy
        for key in before:
            inner = inner[key]
        inner[last] = value
        inner = copy
        for key in own[:-1]:
            inner = inner[key]
        inner[own[-1]] = f"NCT{number + 1:08d}"
        spoilt.append(copy)
    told = told_of([put(tmp_path, "s.json", "\n".join(map(json.dumps, spoilt)))])
    assert told.rejects.empty and len(told.records) == len(spoilt)


@pytest.mark.parametrize(
    "packed",
    [
        lambda a, b: {"NCT00000001": a, "NCT00000002": b},
        lambda a, b: [{"studies": [a]}, {"studies": [b], "nextPageToken": "x"}],
        lambda a, b: [[a], [b]],
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_studies_by_number_and_pages_in_a_list(tmp_path, packed, indent):
    text = json.dumps(packed(study(), study("NCT00000002")), indent=indent)
    told = told_of([put(tmp_path, "s.json", text)])
    assert told.records.trn.tolist() == ["NCT00000001", "NCT00000002"] and told.rejects.empty


@pytest.mark.parametrize("unpacked", [lambda whole: whole, lambda whole: whole["FullStudiesResponse"]["FullStudies"],
                                      lambda whole: {"FullStudy": whole["FullStudiesResponse"]["FullStudies"][0]}])  # fmt: skip
def test_studies_of_the_classic_api(tmp_path, unpacked):
    """Written from the published form."""
    whole = unpacked(classic_response("NCT00000001", "NCT00000002"))
    told = told_of([put(tmp_path, "c.json", json.dumps(whole, indent=1))])
    assert told.rejects.empty and told.remarks.empty and len(told.records) == (1 if "FullStudy" in whole else 2)
    row = told.records.iloc[0]
    assert (row.trn, row.status, row.phases, row.enrolment) == (
        "NCT00000001",
        "Not yet recruiting",
        "Phase 1 | Phase 2",
        30,
    )
    assert (row.registered_text, row.first_submitted, row.start_date) == ("2020-04-03", "2020-04-01", "2020-03")
    assert (row.conditions, row.arms, row.secondary_trns) == (
        "ARDS | COVID-19",
        "A: MSC exosomes",
        "EUCTR2018-499999-99",
    )


def test_the_former_sites_download_is_not_taken_for_the_present_one(tmp_path):
    """In the columns of the site until 2024, comma or tab separated."""
    header = [
        "Rank",
        "NCT Number",
        "Title",
        "Status",
        "Study Results",
        "Conditions",
        "Interventions",
        "Sponsor/Collaborators",
    ]
    header += ["Phases", "Enrollment", "Study Type", "Study Designs", "First Posted", "Start Date", "Locations", "URL"]
    row = ["1", "NCT00000001", "MSC exosomes", "Recruiting", "No Results Available", "ARDS|COVID-19", "Drug: A"]
    row += [
        "A Hospital|B Inc",
        "Phase 1|Phase 2",
        "30",
        "Interventional",
        "Allocation: Randomized|Masking: None (Open Label)",
    ]
    row += [
        "April 3, 2020",
        "May 2020",
        "H, Seoul, Korea, Republic of|H, Tehran, Iran, Islamic Republic of|H, Paris, France",
        "",
    ]
    for name, text in (("a.csv", export(row, header=header)), ("a.tsv", "\n".join(map("\t".join, (header, row))))):
        told = told_of([put(tmp_path, name, text)])
        assert told.rejects.empty and told.remarks.empty
        one = told.records.iloc[0]
        assert (one.brief_title, one.status, one.sponsor, one.enrolment) == (
            "MSC exosomes",
            "Recruiting",
            "A Hospital",
            30,
        )
        assert (one.phases, one.allocation, one.registered_text) == ("Phase 1 | Phase 2", "Randomized", "2020-04-03")
        assert one.countries == "South Korea | Iran | France" and not one.results_posted


def test_two_phases_in_one_word_are_two(tmp_path):
    row = ["NCT00000001", "A", "30", "2021-04-01", "", "Phase 1/Phase 2", ""]
    assert told_of([put(tmp_path, "e.csv", export(row, header=SITE))]).records.phases.tolist() == ["Phase 1 | Phase 2"]


def test_markdown_is_shown_as_the_site_shows_it(tmp_path):
    made = study(briefTitle=r"5 \~ 10 \> 1")
    arms = {"armGroups": [{"label": "A", "description": r"2.0\*10^8, \>= 1 C:\dir"}]}
    made["protocolSection"] |= {"armsInterventionsModule": arms, "descriptionModule": {"briefSummary": r"1\. first"}}
    told = told_of([put(tmp_path, "s.json", json.dumps(made))])
    assert told.records[["brief_title", "arms"]].values.tolist() == [["5 ~ 10 > 1", r"A: 2.0*10^8, >= 1 C:\dir"]]


def test_one_trial_of_the_eu_in_several_countries_is_one_record(tmp_path):
    number = "EUCTR2020-001113-21"
    table = [
        (f"{number}-GB", "A", "EU", "30", "2020-05-03", "", "United Kingdom"),
        ("NCT00000001", "B", "x", "30", "2020-05-03", "", "China"),
        (f"{number}-DE", "A", "EU", "30", "2020-04-02", "", "Germany;United Kingdom"),
        (f"{number}-FR", "A", "EU", "about 30", "2020-06-02", "", "France"),
    ]
    told = told_of([put(tmp_path, "e.csv", export(*table, header=HEADER))])
    assert told.records.trn.tolist() == ["NCT00000001", number]
    merged = told.records.iloc[1]
    assert (merged.registered_text, merged.countries) == ("2020-04-02", "United Kingdom | Germany | France")
    assert merged.enrolment == 30 and pd.isna(merged.unread)
    assert told.rejects.line.tolist() == [4, 5] and (told.rejects.trn == number).all()


def test_a_stated_date_is_never_estimated(review):
    known = [{"trn": f"NCT0000{n}000", "registered_text": f"2020-0{n}-01"} for n in range(1, 6)]
    unread = {"trn": "NCT00003500", "unread": "phases | registered_text"}
    table = records_of([*known, unread, {"trn": "NCT00003600"}], columns("records"))
    none = pd.DataFrame({"trn": [], "first_submitted": []}, dtype="str")
    rounds = pd.DataFrame({"low": [], "high": []}, dtype="datetime64[ns]")
    dated = registration_dates.with_registration_dates(table, none, rounds=rounds, protocol=review).set_index("trn")
    assert dated.registered_basis["NCT00003600"] == "estimated"
    assert pd.isna(dated.registered_basis["NCT00003500"]) and pd.isna(dated.registered["NCT00003500"])
    assert "not read" in dated.registered_method["NCT00003500"]


def test_another_source_may_tell_what_one_left_unread(tmp_path, review):
    for day, table in (
        ("2024-01-01", rows("MSC exosomes", size="about 30")),
        ("2023-01-01", rows("MSC exosomes", day="?")),
    ):
        put(tmp_path, f"{day}/e.csv", export(*table, header=HEADER))
    found = sources.named_sources(tmp_path)
    records, _, account, _, remarks = sources.records_of(found, protocol=review, always={"NCT00000001"})
    assert (records.enrolment[0], records.registered_text[0]) == (30, "2021-04-01") and pd.isna(records.unread[0])
    assert account.remarks.tolist() == [1, 1] and sorted(remarks.field) == ["enrolment", "registered_text"]
    (tmp_path / "2023-01-01/e.csv").unlink()
    records, *_ = sources.records_of(sources.named_sources(tmp_path), protocol=review, always={"NCT00000001"})
    assert records.unread.tolist() == ["enrolment"]


def test_ingest_says_of_each_file_what_was_not_read_and_how_it_was_read(tmp_path):
    table = [*rows("Müller", size="about 30", day="3/4/2020"), *rows("", "b", day="13/4/2020")[1:]]
    path = put(tmp_path, "e.csv", export(*table, header=HEADER).encode("cp1252"))
    done = evlib("ingest", str(path), "--retrieved", "2026-11-23", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    for said in ("2 rows = 2 records + 0 rejects", "enrolment 1", "Windows-1252", "Date registration: day first"):
        assert said in done.stdout
    assert read_csv(tmp_path / "out/remarks.csv").field.tolist() == ["enrolment", "encoding", "order of dates"]
    assert read_csv(tmp_path / "out/records.csv").unread.fillna("").tolist() == ["enrolment", ""]


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project on this machine")
@pytest.mark.parametrize("path", sorted(CASES.glob("[abc]*.*[nv]")), ids=lambda path: path.name)
def test_the_shared_cases_lose_no_row(path):
    told = told_of([path])
    numbers = re.findall(rb"ChiCTR21\d{8}|NCT09\d{6}|jRCTs\d+", path.read_bytes().replace(b"\0", b""))
    assert told.rejects.empty and set(told.records.trn) == {number.decode() for number in numbers}
    assert not told.records.brief_title.str.contains("[ÃÂ�]").any()
