"""Readers of registry exports: rows in = records + rejects, bad rows named, good ones kept, nothing else raised."""

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import date

import formats
import openpyxl
import pandas as pd
import pytest
from conftest import DAY, ROOT, export, ingest, project_copy, put, study, told_of
from hypothesis import example, given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.schema import read_csv, read_table, write_table
from evlib.ingest import sources
from evlib.ingest.registries import ictrp, ingest_into, stream
from evlib.ingest.registries.common import phase_names, plain_text, several
from evlib.run.cache_keys import modules_used

SAMPLES = ROOT.parent / "shared" / "samples"


@pytest.mark.parametrize("name", ["one.json", "page.json", "list.json", "lines.txt", "page.json.gz", "studies.zip"])
def test_a_study_is_the_same_in_every_packing(tmp_path, name):
    both = [study(), study("NCT00000002")]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for item in both:
            file.writestr(f"../{item['protocolSection']['identificationModule']['nctId']}.json", json.dumps(item))
    packed = {
        "one.json": json.dumps(study()),
        "page.json": json.dumps({"studies": both, "nextPageToken": "x"}),
        "list.json": json.dumps(both),
        "lines.txt": "\n".join(map(json.dumps, both)),
        "page.json.gz": gzip.compress(json.dumps({"studies": both}).encode()),
        "studies.zip": archive.getvalue(),
    }
    records, rejects, summary = ingest([put(tmp_path, name, packed[name])], retrieved=DAY, registries=[])
    assert rejects.empty
    assert summary.format.tolist() == ["ClinicalTrials.gov API v2"]
    row = records.iloc[0]
    assert (row.trn, row.status, row.phases, row.enrolment) == (
        "NCT00000001",
        "Not yet recruiting",
        "Phase 1 | Phase 2",
        9,
    )
    assert row.registered_text == "2024-02-01"
    assert len(records) == (1 if name == "one.json" else 2)
    assert sorted(path.name for path in tmp_path.parent.iterdir() if path.suffix == ".json") == []  # nothing unpacked


def test_a_truncated_gzip_keeps_its_good_lines_and_says_so(tmp_path):
    lines = "\n".join(json.dumps(study(f"NCT{i:08d}", officialTitle=f"{i * 7919}" * 40)) for i in range(400))
    path = put(tmp_path, "cut.gz", gzip.compress(lines.encode())[:-2000])
    records, rejects, _ = ingest([path], retrieved=DAY, registries=[])
    assert 0 < len(records) < 400
    assert rejects.reason.str.contains("cut off").sum() == 1


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"x": 1}, "no protocolSection"),
        (study(trn="NCT1"), "no ClinicalTrials.gov number"),
        (study(trn=None), "no ClinicalTrials.gov number"),
        ({"protocolSection": {}}, "no ClinicalTrials.gov number"),
        ({"protocolSection": None}, "is no object"),
        ([1], "no protocolSection"),
        (study(briefTitle="Another"), "differs in: brief_title"),
    ],
)
def test_a_broken_study_is_set_aside_and_the_good_ones_stay(tmp_path, broken, reason):
    path = put(tmp_path, "page.json", json.dumps({"studies": [study(), broken, study("NCT00000002")]}))
    records, rejects, _ = ingest([path], retrieved=DAY, registries=[])
    assert len(records) == 2
    assert rejects.line.tolist() == [2]
    assert reason in rejects.reason[0]


def test_summaries_are_those_of_the_newest_source_that_has_one_and_of_known_records(tmp_path):
    def page(name, *studies):
        path = put(tmp_path, name, gzip.compress(json.dumps({"studies": studies}).encode()))
        return sources.Source(path, path.parent.name, True)

    def told(trn, summary, **eligibility):
        made = study(trn)
        modules = {"descriptionModule": {"briefSummary": summary}, "eligibilityModule": eligibility}
        return made | {"protocolSection": made["protocolSection"] | modules}

    one, two, three, four = (f"NCT0000000{number}" for number in range(1, 5))
    new = page("2026-11-23/page-0001.json.gz", {"x": 1}, told(one, "New <b>EVs</b>\nhere"), told(three, "Unknown"))
    old = page(
        "2026-01-01/page-0001.json.gz", told(one, "Old", eligibilityCriteria="Adults"), told(two, "Old"), study(four)
    )
    rows = export([two, "T", "From the download"], header=["NCT Number", "Study Title", "Brief Summary"])
    download = sources.Source(put(tmp_path, "d.csv", rows), "2026-11-22", False)
    ictrp = sources.Source(put(tmp_path, "i.csv", export(["X", "T", "DRKS", "", "", ""])), "2026-11-22", False)
    found = sources.summaries_of([new, download, ictrp, old], known={one, two, four})
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        [one, "New EVs here", "Adults"],
        [two, "From the download", None],
    ]
    assert sources.summaries_of([ictrp], known={one}).empty


def test_rows_of_the_sites_download(tmp_path):
    """In the published columns of the download; no real sample was at hand."""
    header = ["NCT Number", "Study Title", "Study Status", "Study Results", "Phases", "Enrollment", "Study Design"]
    header += ["Other IDs", "First Posted", "Locations"]
    design = "Allocation: RANDOMIZED|Intervention Model: PARALLEL|Masking: DOUBLE (PARTICIPANT, INVESTIGATOR)"
    rest = ["x|ISRCTN33578935", "2020-02", "H, Tehran, Iran|H, Cairo, Egypt"]
    rows = [
        ["NCT00000001", "A, B", "NOT_YET_RECRUITING", "NO", "PHASE1|PHASE2", "24", design, *rest],
        ["NCT00000002", "C", "COMPLETED", "YES", "", "-4", "", "", "", ""],
        ["none", "D", "", "", "", "", "", "", "", ""],
    ]
    records, rejects, summary = ingest(
        [put(tmp_path, "d.csv", export(*rows, header=header))], retrieved=DAY, registries=[]
    )
    assert summary.format.tolist() == ["ClinicalTrials.gov CSV"]
    row = records.iloc[0]
    assert (row.trn, row.status, row.phases, row.enrolment) == (
        "NCT00000001",
        "Not yet recruiting",
        "Phase 1 | Phase 2",
        24,
    )
    assert (row.allocation, row.secondary_trns, row.countries) == ("Randomized", "ISRCTN33578935", "Iran | Egypt")
    assert row.registered_text == "2020-02"
    assert not row.results_posted
    assert records.unread.fillna("").tolist() == ["", "enrolment"]
    assert rejects.line.tolist() == [4]


WHO_FORM = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE trials [<!ELEMENT trials (trial)*>]>
<trials><trial><main><trial_id>IRCT20200217046526N2</trial_id><reg_name>IRCT</reg_name>
<date_registration>2020-04-05</date_registration><public_title>MSC &amp; EV</public_title><target_size>43</target_size>
<phase>2-3</phase><hc_freetext>COVID-19</hc_freetext><i_freetext>a;b</i_freetext></main>
<countries><country2>Iran (Islamic Republic of)</country2></countries>
<secondary_ids><secondary_id><sec_id>NCT04366063</sec_id></secondary_id></secondary_ids></trial>%s</trials>"""
ICTRP_XML = """<Trials_downloaded_from_ICTRP><Trial><TrialID>ChiCTR2000030261</TrialID><Public_title>T</Public_title>
<Source_Register>ChiCTR</Source_Register><Date_registration3>20200226</Date_registration3></Trial></Trials_downloaded_from_ICTRP>"""


def test_xml_of_trials_in_both_forms(tmp_path):
    """Written from the published forms; no real sample was at hand."""
    paths = [put(tmp_path, "irct.xml", WHO_FORM % ""), put(tmp_path, "ictrp.xml", ICTRP_XML)]
    records, rejects, summary = ingest(paths, retrieved=DAY, registries=[])
    assert rejects.empty
    assert set(summary.format) == {"XML of trials"}
    row = records.set_index("trn").loc["IRCT20200217046526N2"]
    assert (row.registry, row.brief_title, row.enrolment, row.phases) == ("IRCT", "MSC & EV", 43, "Phase 2 | Phase 3")
    assert (row.secondary_trns, row.countries) == ("NCT04366063", "Iran (Islamic Republic of)")
    assert records.registered_text.tolist() == ["2020-04-05", "2020-02-26"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (WHO_FORM % "<trial><main><trial_id></trial_id></main></trial>", 1),
        (WHO_FORM % "<trial><main>", 1),
        ((WHO_FORM % "")[:-9], 1),
        ('<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><trials><trial>&b;</trial></trials>', 0),
        ('<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/hostname">]><trials><trial>&x;</trial></trials>', 0),
    ],
)
def test_broken_or_hostile_xml_is_set_aside_and_good_trials_stay(tmp_path, text, kept):
    good, bad = put(tmp_path, "good.json", json.dumps(study())), put(tmp_path, "x.xml", text)
    records, rejects, _ = ingest([good, bad], retrieved=DAY, registries=[])
    assert len(records) == 1 + kept
    assert rejects.file.tolist() == ["x.xml"]


def test_rows_of_an_ictrp_export(tmp_path):
    text = export(
        [
            "CTRI/2020/04/024775",
            "<script>x</script>A &amp; B_x000D_<br>",
            "CTRI",
            "Phase 2/ Phase 3",
            "60",
            "12/04/2020",
        ],
        ["ChiCTR2000030261", "=1+1", "ChiCTR", "2020-03-02 00:00:00", "treated:30;control:30;", "2020-02-26"],
        ["", "no number", "ChiCTR", "", "", ""],
        ["X-1", "unknown number", "", "", "", ""],
        ["NCT00000001", "Manuel Castell√†", "ClinicalTrials.gov", "(Phase I): no\n(Phase II): yes", "about 30", "soon"],
    )
    path = put(tmp_path, "e.csv", "\ufeff" + text + "NCT00000002,cut")
    records, rejects, _ = ingest([path], retrieved=DAY, registries=[])
    assert records.trn.tolist() == ["CTRI/2020/04/024775", "ChiCTR2000030261", "NCT00000001"]
    assert records.brief_title.tolist() == ["x A & B", "=1+1", "Manuel Castellà"]
    assert records.phases.tolist() == ["Phase 2 | Phase 3", "Phase 2 | Phase 3", "Phase 2"]
    assert records.enrolment.fillna(-1).tolist() == [60, 60, -1]
    assert records.registered_text.fillna("").tolist() == ["2020-04-12", "2020-02-26", ""]
    assert rejects.line.tolist() == [4, 5, 7]
    assert "'=1+1" in (
        write_table(records, tmp_path / "r.csv", "records") is not None and (tmp_path / "r.csv").read_text()
    )


@pytest.mark.parametrize(
    "data", [b"", b"   ", b"a,b\n1,2\n", b"\x1f\x8b\x08garbage", b"PK\x03\x04garbage", b"\x00" * 100, b"TrialID,x\n"]
)
def test_a_file_of_no_known_format_is_one_reject_and_the_others_are_read(tmp_path, data):
    bad, good = put(tmp_path, "bad", data), put(tmp_path, "good.json", json.dumps(study()))
    records, rejects, summary = ingest([bad, good, tmp_path / "absent"], retrieved=DAY, registries=[])
    assert records.trn.tolist() == ["NCT00000001"]
    assert rejects.file.tolist() == ["bad", "absent"]
    assert (summary.rows == summary.records + summary.rejects).all()
    with pytest.raises(InputError, match="no usable record"):
        ingest([bad], retrieved=DAY, registries=[])


def test_a_workbook_has_the_rows_of_the_csv(tmp_path):
    header = ("TrialID", "Public title", "Source Register", "Target size", "Date registration")
    rows = [
        ("ChiCTR2000030261", "A <b>title</b>", "ChiCTR", 30, date(2020, 2, 26)),
        ("NCT00000001", None, "ClinicalTrials.gov", "about 30", "26/02/2020"),
        (None, "no number", "ChiCTR", None, None),
    ]
    book = openpyxl.Workbook()
    for row in (("Search results",), header, *rows):
        book.active.append(row)
    book.save(tmp_path / "export.xlsx")
    records, rejects, summary = ingest([tmp_path / "export.xlsx"], retrieved=DAY, registries=[])
    assert summary.format.tolist() == ["WHO ICTRP XLSX"]
    assert records.trn.tolist() == ["ChiCTR2000030261", "NCT00000001"]
    assert records.brief_title.fillna("").tolist() == ["A title", ""]
    assert records.enrolment.fillna(-1).tolist() == [30, -1]
    assert records.registered_text.tolist() == ["2020-02-26", "2020-02-26"]
    assert rejects.line.tolist() == [5]


def test_every_sheet_of_a_workbook_is_read_or_told(tmp_path):
    header = ("TrialID", "Public title", "Source Register")
    book = openpyxl.Workbook()
    for row in (header, ("NCT00000001", "One", "ClinicalTrials.gov")):
        book.active.append(row)
    for title, rows in {
        "more": [("Page 2",), header, ("NCT00000002", "Two", "ClinicalTrials.gov"), ("", "Three", "")],
        "legend": [("columns of the export",), ("TrialID",)],
        "blank": [],
    }.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "export.xlsx")
    records, rejects, summary = ingest([tmp_path / "export.xlsx"], retrieved=DAY, registries=[])
    assert records.trn.tolist() == ["NCT00000001", "NCT00000002"]
    assert summary.rows.tolist() == [4] and rejects.line.tolist() == [4, 1]
    assert "sheet 'legend' (2 rows)" in rejects.reason[1]


RIS = """TY  - JOUR
AN  - CN-02103284
TI  - Inhaled exosomes of MSCs
KW  - Exosomes
KW  - Humans
C3  - CTgov NCT04276987
UR  - https://example.org/central/CN-02103284
ER  -

TY  - JOUR
AN  - CN-00000002
TI  - A paper without a number
ER  -

TY  - JOUR
TI  - Two trials, ISRCTN33578935 and ISRCTN12345678
ER  -

TY  - JOUR
TI  - Also registered as nct 04313647
N1  - ChiCTR2000030261
ER  -

TY  - JOUR
TI  - NCT00000005, cut off
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_references_of_central_as_ris(tmp_path, ends):
    """Written from the published form; no real export was at hand."""
    path = put(tmp_path, "central.txt", RIS.replace("\n", ends))
    records, rejects, summary = ingest([path], retrieved=DAY, registries=[])
    assert summary.format.tolist() == ["Cochrane CENTRAL"]
    assert summary.rows.tolist() == [5]
    first, several, second = records.itertuples()
    assert (first.trn, first.registry, first.brief_title) == (
        "NCT04276987",
        "ClinicalTrials.gov",
        "Inhaled exosomes of MSCs",
    )
    assert (several.trn, several.secondary_trns) == ("ISRCTN33578935", "ISRCTN12345678")
    assert "names several trials" in several.note and pd.isna(second.note)
    assert (first.keywords, first.publications) == ("Exosomes | Humans", "Cochrane CENTRAL CN-02103284")
    assert {second.trn, second.secondary_trns} == {"NCT04313647", "ChiCTR2000030261"}
    assert rejects.line.tolist() == [10, 24]


def test_references_of_central_as_csv(tmp_path):
    """With the columns that the reader needs of a library's table; no real export was at hand."""
    rows = [("CN-02103284", "Inhaled exosomes", "CTgov NCT04276987"), ("CN-00000002", "None", "")]
    path = put(tmp_path, "c.csv", export(*rows, header=("Accession Number", "Title", "Source")))
    records, rejects, summary = ingest([path], retrieved=DAY, registries=[])
    assert summary.format.tolist() == ["Cochrane CENTRAL"]
    assert records.trn.tolist() == ["NCT04276987"]
    assert records.brief_title.tolist() == ["Inhaled exosomes"]
    assert rejects.line.tolist() == [3]


def test_rows_of_an_export_of_drks(tmp_path):
    """In the published form; ``url`` stands twice in its header."""
    path = ROOT / "tests/samples/drks.csv"
    text = path.read_text(encoding="utf-8")
    bad = put(tmp_path, "bad.csv", text.replace("DRKS99999901", "none").replace('"24"', '"about 20"'))
    records, rejects, summary = ingest([path, bad], retrieved=DAY, registries=[])
    assert summary.format.tolist() == ["DRKS CSV"] * 2
    row = records.iloc[0]
    assert (row.trn, row.registry, row.status) == ("DRKS99999901", "DRKS", "Recruiting ongoing")
    assert (row.phases, row.enrolment, row.countries) == ("Phase 1 | Phase 2", 24, "Germany | Austria")
    assert (row.registered_text, row.start_date, row.last_update) == ("2019-04-26", "2019-05-02", "2019-06-03")
    assert row.secondary_trns == "NCT99999905 | EUCTR2018-499999-99"
    assert row.interventions == "Arm 1: Exosomes of mesenchymal stem cells; once a week | Arm 2: Placebo"
    assert row.sponsor == "A university hospital made up for a test Department of burns"
    assert records[["completion_date", "note"]].isna().all(axis=None)  # "[---]*" is nothing, not an unreadable date
    assert rejects.reason.tolist() == ["no DRKS number: 'drksId' is 'none'"]


def test_a_date_that_cannot_be_read_is_named(tmp_path):
    """The record stays, since the rest of it is good; a row of a snapshot of ours is set aside (test_snapshot)."""
    paths = [
        put(tmp_path, "a.csv", export(["NCT00000001", "T", "x", "", "", "soon"])),
        put(tmp_path, "b.csv", export(["NCT00000002", "30/02/2020"], header=("NCT Number", "Start Date"))),
        put(tmp_path, "c.json", json.dumps(study("NCT00000003")).replace("2024-02-01", "1 Feb")),
        put(tmp_path, "d.csv", (ROOT / "tests/samples/drks.csv").read_text().replace("2019/04/26", "26.4.")),
    ]
    told = told_of(paths)
    assert told.rejects.empty
    assert told.remarks[["file", "trn", "field", "text"]].values.tolist() == [
        ["a.csv", "NCT00000001", "registered_text", "soon"],
        ["b.csv", "NCT00000002", "start_date", "30/02/2020"],
        ["c.json", "NCT00000003", "registered_text", "1 Feb"],
        ["d.csv", "DRKS99999901", "registered_text", "26.4."],
    ]
    assert told.records.unread.tolist() == told.remarks.field.tolist()
    assert told.records[["registered_text", "start_date"]].notna().sum().sum() == 1


NEW_READER = '''"""The register of Atlantis: the table that its site gives."""

from evlib.ingest.registries.common import cells, csv_export, dates

NAME = "Atlantis CSV"
COLUMNS = {"trn": "Number", "brief_title": "Name of the trial", "status": "State"}
recognises, items = csv_export("Number", "Name of the trial")


def record(row, *, snapshot):
    own = {"trn_kind": "placeholder", "registry": "Atlantis", "snapshot": snapshot}
    return own | cells(row, COLUMNS) | dates(row, {"registered_text": ["Since"]})
'''


def test_a_reader_is_found_by_being_in_the_folder(tmp_path):
    """The recipe of CONTRIBUTING on a copy of the project: one module, one export, nothing else edited."""
    copy = project_copy(tmp_path)
    put(copy, "evlib/ingest/registries/atlantis.py", NEW_READER)
    path = put(
        copy, "atlantis.csv", "Number,Name of the trial,State,Since\nA-1,Exosomes,open,1 May 2020\nA-2,Vesicles,,\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "evlib", "ingest", str(path), "--out", "out"],
        cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_csv(copy / "out/summary.csv").iloc[:, :6].values.tolist() == [
        ["atlantis.csv", "Atlantis CSV", "2", "2", "0", "0"]
    ]
    records = read_table(copy / "out/records.csv", "records")
    assert records[["trn", "brief_title", "registered_text"]].fillna("").values.tolist() == [
        ["A-1", "Exosomes", "2020-05-01"],
        ["A-2", "Vesicles", ""],
    ]
    imports = {"cell_type": "code", "source": "from evlib.ingest.registries import stream"}
    assert copy / "evlib/ingest/registries/atlantis.py" in modules_used([imports], copy / "evlib")


def test_a_number_in_two_files_is_kept_from_the_first(tmp_path):
    first = put(tmp_path, "a.json", json.dumps(study()))
    second = put(tmp_path, "b.csv", export(["NCT00000001", "T", "ClinicalTrials.gov", "", "", ""]))
    records, rejects, _ = ingest([first, second], retrieved=DAY, registries=[])
    assert records.brief_title.tolist() == ["A trial"]
    assert rejects.file.tolist() == ["b.csv"]


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("Phase 1/Phase 2", ["Phase 1", "Phase 2"]),
        ("2-3", ["Phase 2", "Phase 3"]),
        ("II", ["Phase 2"]),
        ("Early Phase 1", ["Early Phase 1"]),
        ("Retrospective study", ["Retrospective study"]),
        ("Not Applicable", ["Not Applicable"]),
        ("", []),
        (None, []),
    ],
)
def test_phases_in_the_words_that_registries_write(text, phases):
    assert phase_names(text) == phases


@pytest.mark.parametrize(
    ("told", "latest", "days"),
    [
        (["2020-06-07 17:53:51", "2020-06-07"], ["2020-02-03", "2020-06-05"], ["2020-06-07", "2020-06-07"]),
        # As a real export writes it: a refreshment after the day as written, so that month and day are swapped, in all rows.
        (["2020-06-07 17:53:51", "2020-06-07"], ["2020-02-03", "2020-07-06"], ["2020-07-06", "2020-07-06"]),
        (["2020-06-07", "2020-06-07"], ["2020-06-08", ""], ["2020-06-07", "2020-06-07"]),  # a registry a day ahead
        (["2020-06-07", "2020-06-07"], ["2020-07-20", ""], [DAY, DAY]),  # later than either reading: not to be believed
        (["2020-06-17", "2020-06-17"], ["2020-07-06", ""], [DAY, DAY]),  # there is no month 17
        (
            ["7/5/2020", "7/5/2020"],
            ["", ""],
            ["2020-05-07"] * 2,
        ),  # of two readings the earlier; an old export is not new
        (
            ["06/09/2024 16:01:13"] * 2,
            ["2024-08-01", ""],
            ["2024-09-06"] * 2,
        ),  # the other reading is before a day in the file
        (["4/15/2020 4:11:24 PM", "4/3/2020 4:11:24 PM"], ["", ""], ["2020-04-15", "2020-04-03"]),
        (["44301", "15 April 2021"], ["", ""], ["2021-04-15"] * 2),
        (["2020-05-07", "2099-01-01"], ["", ""], ["2020-05-07", DAY]),  # after the retrieval
    ],
)
def test_one_order_of_day_and_month_for_the_day_of_an_ictrp_export(tmp_path, told, latest, days):
    header = ("TrialID", "Public title", "Source Register", "Export date", "Last Refreshed on")
    rows = [("NCT00000001", "A", "x", told[0], latest[0]), ("NCT00000002", "B", "x", told[1], latest[1])]
    path = put(tmp_path, "e.csv", export(*rows, header=header))
    records, rejects, _ = ingest([path], retrieved=DAY, registries=[])
    assert rejects.empty
    assert records.snapshot.tolist() == days


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "Allocation: Randomized. Intervention model: Parallel Assignment. Primary purpose: Treatment. "
            "Masking: Double (Participant, Investigator). ",
            ("Randomized", "Parallel Assignment", "Double (Participant, Investigator)", "Treatment"),
        ),
        (
            "Randomization: Randomized, Blinding: Not blinded, Placebo: Used, Assignment: Parallel, Purpose: Treatment, "
            "Randomization description: by lot.",
            ("Randomized", "Parallel", "Not blinded", "Treatment"),
        ),
        (
            "Controlled: yes\nRandomised: yes\nOpen: no\nSingle blind: no\nDouble blind: yes\nParallel group: no\nCross over: "
            "yes\nOther: no\n",
            ("Randomized", "Cross over", "Double blind", None),
        ),
        (
            "Purpose: Treatment; Allocation: Randomised trial;Assignment: Single;",
            ("Randomised trial", "Single", None, "Treatment"),
        ),
        ("Parallel", (None, "Parallel", None, None)),
        ("A randomised, open trial", (None, None, None, None)),
        ("Masking: ", (None, None, None, None)),
        (None, (None, None, None, None)),
    ],
)
def test_the_parts_of_a_design_that_registries_name(text, parts):
    assert tuple(ictrp.design_parts(text).values()) == parts


@given(st.text())
@example("half of a character: \ud800")
def test_plain_text_is_one_line_and_stable(text):
    once = plain_text(text)
    assert (once or "").encode("utf-8").decode("utf-8") == (once or "")
    assert once is None or ("\n" not in once and once == once.strip() and once)


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        (["a", "b c", "a"], "a | b c"),
        (["a|b", "c"], "a/b | c"),
        ([" a", "b  c", "d "], "a | b c | d"),
        (["a\nb", "c\x7fd", "a b"], "a b | c d"),
        (["<b>a</b>", "a", "x &lt; y", "a_x000D_b"], "a | x < y | a b"),
        (["cafÃ©", "a\u00a0b", "é\na"], "café | a b | é a"),
        ([" a"], "a"),
        (["a "], "a"),
        (["a", None, 1, ["b"]], "a | 1 | ['b']"),
        (["", " "], None),
        (None, None),
    ],
)
def test_several_values_are_each_plain_text_and_stand_once(values, cell):
    assert several(values) == cell
    assert several(values and iter(values)) == cell


def test_half_a_character_stops_no_file(tmp_path):
    half = study(acronym="A\ud800B")
    half["protocolSection"]["designModule"]["phases"] = ["PHASE1", "Phase\ud800 9"]
    half["protocolSection"]["referencesModule"] = {"references": [{"pmid": "1\ud800", "type": "RESULT"}]}
    path = put(tmp_path, "lines.txt", "\n".join(map(json.dumps, [half, study("NCT00000002")])))
    [row, _] = ingest([path], retrieved=DAY, registries=[])[0].itertuples()
    assert (row.acronym, row.phases, row.publications) == ("A B", "Phase 1 | Phase? 9", "PMID 1?")


def test_the_real_samples_add_up(tmp_path):
    if not SAMPLES.is_dir():
        pytest.skip("the samples of real exports are not beside the project on this machine")
    paths = [SAMPLES / "ctgov_v2", SAMPLES / "ictrp"]
    records, rejects, summary = ingest(paths, retrieved=DAY, registries=[])
    by_file = summary.set_index("file")
    assert by_file.rows["covid19-2020-07-07.csv"] == 1334
    assert (by_file.rows == by_file.records + by_file.rejects).all()
    assert len(records) == summary.records.sum()
    assert rejects.reason.str.contains("given before").all()
    assert records.set_index("trn").sponsor["NCT04361526"] == "Manuel Castellà"
    assert records.registered_text.notna().all()
    write_table(records, tmp_path / "records.csv", "records")
    assert read_table(tmp_path / "records.csv", "records").equals(records)
    again, none, _ = ingest([tmp_path / "records.csv"], retrieved=DAY, registries=[])
    assert none.empty
    assert again.equals(records)


def test_what_each_source_fills_is_what_the_book_says():
    """Measured on real exports, too, where they are beside the project."""
    held = read_csv(ROOT / "data/raw/formats/filled.csv", dtype={"filled": "int64", "records": "int64"})
    real = SAMPLES if SAMPLES.is_dir() else None
    assert formats.measured(real).equals(held)
    assert held.groupby("source").column.nunique().eq(held.column.nunique()).all()


def test_what_is_written_to_a_folder_is_what_is_read(tmp_path):
    rows = [[f"NCT{i:08d}", "=1+1" if i == 3 else f"T {i}", "ClinicalTrials.gov", "", "9", ""] for i in range(9)]
    paths = [put(tmp_path, "a.csv", export(*rows, rows[0])), put(tmp_path, "b.json", json.dumps(study()))]
    parts = list(stream(paths, retrieved=DAY, registries=[]))
    summary, lost = ingest_into(tmp_path / "out", paths, retrieved=DAY, registries=[])
    assert summary.iloc[:, :6].values.tolist() == [
        ["a.csv", "WHO ICTRP CSV", 10, 9, 1, 0],
        ["b.json", "ClinicalTrials.gov API v2", 1, 0, 1, 0],
    ]
    assert lost == []
    for name in ("records", "rejects"):
        written = read_table(tmp_path / f"out/{name}.csv", name)
        assert written.equals(pd.concat([getattr(part, name) for part in parts], ignore_index=True))
    filled = read_csv(tmp_path / "out/filled.csv").set_index(["format", "column"]).filled
    assert filled["WHO ICTRP CSV", "enrolment"] == "9"
    assert filled["WHO ICTRP CSV", "sponsor"] == "0"
    assert "ClinicalTrials.gov API v2" not in filled.index  # its one record is repeated
