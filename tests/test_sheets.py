"""Files of decisions as spreadsheets save them: each row counts or is named with its line, and no row costs another."""

import csv
import io

import pytest
from conftest import put
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.base.reading.sheets import read_sheet
from evlib.screen import judging
from evlib.screen.deduplication import judged_pairs

A, B, C = "NCT00000001", "NCT00000002", "NCT00000003"
HEAD = "trn,decision,criterion,reason\n"


@pytest.fixture
def told(tmp_path, review):
    def of(data):
        put(tmp_path, "s/ana.csv", data)
        decisions, rejects = judging.own_decisions(tmp_path / "s", known={A, B, C}, protocol=review)
        good = [tuple(row) for row in decisions[["trn", "decision"]].to_numpy()]
        return good, rejects[rejects.line.notna()].reset_index(drop=True), decisions

    return of


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (f"sep=,\r\n{HEAD}{A},include,,\n{B},include,,\n", []),
        (f"sep=;\n{HEAD}{A},include,,\n{B},include,,\n".replace(",", ";"), []),
        (f"Screening of Ana\nMay, June\n\n{HEAD}\n{A},include,,\n,,,\n{B},include,,\n", []),
        (f"{HEAD}{A},include,,,,\n{B},include,,,,\n", []),
        (f"{HEAD}{A},include,,,,\n{B},include,,,see page 3,\n", [3]),
        (f"{HEAD}{A},include\n{B},include,,no, really\n", [3]),
        (f"{HEAD.strip()},,\n{A},include,,,,\n{B},include,,,,\n", []),
        (f"{HEAD}{A},include,,\n{B},include,,\n".replace("\n", "\r"), []),
        (f"{HEAD}{A},include,,a\rb\n{B},include,,\n", []),
        (f"{HEAD}{A},include,,a\nb\n{B},include,,\n{C},,,\n".replace("\n", "\r\n").replace("a\r\n", "a\n"), []),
        (f" TRN ;Decision;Criterion (code, if any)\n{A};Included;\n{B.lower()} ;INCLUDE\xa0;n/a\n", []),
        (f'trn,decision,"criterion\n(code)"\n{A},include,\n{B},include,-\n', []),
        (f',{HEAD}0,{A},include,,\n1,{B},include,,"x,\ny"\n', []),
        (f"trn\tdecision\n{A}\tinclude\n{B}\tinclude\n".encode("utf-16"), []),
        (f"trn\tdecision\n{A}\tinclude\n{B}\tinclude\n".encode("utf-16-le"), []),
        (f"decision,reason,trn,decision\ninclude,,{A},include\n,,{B},include\n", []),
        (f"decision,reason,trn,decision\ninclude,,{A},include\ninclude,,{B},exclude\n", [3]),
        (f'{HEAD}{A},include,,5" needle\n{B},include,,"said" so\n', []),
        (f'{HEAD}{A},include,,"never closed\n{B},include,,\n', [2]),
        (f'{HEAD}{A},include,,"never closed\n{B},include,,also"\n', [2]),
        (f'{HEAD}{A},include,,"never closed\n{B},include,,"x y"\n{C},,,\n', [2]),
        (f'{HEAD}https://clinicaltrials.gov/study/{A},include,,\n"=HYPERLINK(""https://x"",""{B}"")",include,,\n', [3]),
        (f"{HEAD}{A},include,,\n{B},,E4,\n", [3]),
    ],
)
def test_a_row_counts_or_is_named_with_its_line(told, data, lines):
    good, rejects, _ = told(data)
    judged = [(A, "include"), (B, "include")]
    assert good == ([pair for place, pair in enumerate(judged, start=2) if place not in lines] if lines else judged)
    assert rejects.line.tolist() == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "mac_roman"])
def test_a_reason_is_legible_however_a_spreadsheet_saves_it(told, encoding):
    reason = "Critères à vérifier; l’étude est terminée, sans vésicules"
    _, rejects, decisions = told(f'{HEAD}{A},include,,"{reason}"\n'.encode(encoding))
    assert decisions.reason.tolist() == [reason] and rejects.empty


@pytest.mark.parametrize(
    ("written", "read"),
    [("E4 not the main ingredient", "E4"), ("e4", "E4"), ("E4: no CD63", "E4"), ("E2, E4", None), ("CD63", None)],
)
def test_a_criterion_with_words_is_read_and_two_are_none(told, written, read):
    _, rejects, decisions = told(f'trn,decision,criterion\n{A},excluded,"{written}"\n')
    assert decisions.criterion.tolist() == ([read] if read else [])
    assert [written.upper() in reason for reason in rejects.reason] == ([] if read else [True])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["05/11/2026", "26/11/2026"], ["2026-11-05", "2026-11-26"]),
        (["11/05/2026", "11/26/2026"], ["2026-11-05", "2026-11-26"]),
        (["26/11/2026", "11/26/2026"], ["2026-11-26", "2026-11-26"]),
        (["05/11/2026", "06/11/2026"], []),
        (["05/11/2026", "2026-11-06 10:00"], ["2026-11-06"]),
        (["46352", "6-Nov-26"], ["2026-11-26", "2026-11-06"]),
    ],
)
def test_day_and_month_stand_in_one_order_in_a_file(told, written, read):
    _, rejects, decisions = told("trn,decision,date\n" + f"{A},include,{written[0]}\n{B},include,{written[1]}\n")
    assert decisions.date.tolist() == read
    assert len(rejects) == 2 - len(read)


def test_what_could_not_be_written_back_is_not_saved_over(tmp_path, review):
    for text in (f'{HEAD}{A},include,,"never closed\n', f"Notes of Ana\n{HEAD}{A},include,,\n"):
        path = put(tmp_path, "ana.csv", text)
        with pytest.raises(InputError, match="Nothing was saved"):
            judging.save_decision(tmp_path, B, "include", reviewer="ana", protocol=review)
        assert path.read_text() == text
    put(tmp_path, "ana.csv", f"sep=;\n\nTRN;Decision;Colour\n{A};include;red\n")
    judging.save_decision(tmp_path, B, "include", reviewer="ana", protocol=review)
    held = read_sheet(tmp_path / "ana.csv", names=judging.COLUMNS).rows
    assert held[["trn", "decision", "Colour"]].fillna("").to_numpy().tolist() == [
        [A, "include", "red"],
        [B, "include", ""],
    ]


def test_pairs_that_a_person_judged_are_read_as_tolerantly(tmp_path):
    head = "sep=,\nTRN,Other_trn,Decision,Reviewer,Reason\n"
    path = put(tmp_path, "same_trial.csv", f'{head}{A},{B},Same,P,,,\n{A},{C},same,P,"open,,\n{B},{C},different,P,,,\n')
    pairs, rejects = judged_pairs(path, known={A, B, C})
    assert pairs[["trn", "other_trn", "decision"]].to_numpy().tolist() == [[A, B, "same"], [B, C, "different"]]
    assert rejects.line.tolist() == [4]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00\ufeff"), max_size=12)


@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_table_comes_back_from_any_file_that_a_program_writes(tmp_path_factory, drawn, separator, end, encoding):
    drawn = [tuple(cell.replace("\n", " ") if end == "\r" else cell for cell in row) for row in drawn]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    writer.writerows([("trn", "decision", "a", "b"), *[(A, "include", *row) for row in drawn]])
    path = put(tmp_path_factory.mktemp("sheets"), "x.csv", text.getvalue().encode(encoding))
    sheet = read_sheet(path, names=judging.COLUMNS)
    assert sheet.rejects.empty
    expected = [["" if not cell.strip() else cell for cell in row] for row in drawn]
    assert sheet.rows[["a", "b"]].fillna("").to_numpy().tolist() == expected


@given(st.lists(st.text('",\n ab', max_size=12), max_size=4), st.integers(0, 4))
def test_no_row_is_lost_whatever_stands_around_it(tmp_path_factory, review, drawn, place):
    """Lines as a careless hand leaves them do no harm to the good row between them."""
    folder = tmp_path_factory.mktemp("sheets")
    lines = [*drawn[:place], f"{A},include,,fine", *drawn[place:]]
    put(folder, "ana.csv", HEAD + "\n".join(lines) + "\n")
    decisions, _ = judging.own_decisions(folder, known={A}, protocol=review)
    assert decisions.trn.tolist() == [A]
