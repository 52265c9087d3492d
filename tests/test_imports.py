"""Decisions back from other tools: each reference gives one, or is counted and named with its line."""

import openpyxl
import pytest
from conftest import put

from evlib.base.errors import InputError
from evlib.screen.imports import imported, left_out_in_words, names_in, not_taken_in_words

A, B, C = "NCT00000001", "NCT00000002", "NCT00000003"
OUTSIDE = "NCT00000009"


@pytest.fixture
def take(tmp_path, review):
    def of(data, name="x.csv", **options):
        path = put(tmp_path, name, data)
        found = imported(path, known={A, B, C}, protocol=review, **{"reviewer": "Ana", "criterion": "E4"} | options)
        assert found.n == len({*found.decisions.index, *found.rejects.line, *found.left_out.line}) or len(
            found.decisions
        )
        return found

    return of


def said(found):
    return dict(zip(found.decisions.trn, found.decisions.decision))


@pytest.mark.parametrize(
    ("label", "verdict"),
    [("1", "include"), ("0.0", "exclude"), ("True", "include"), ("FALSE", "exclude"), ("relevant", "include"),
     ("irrelevant", "exclude"), ("Maybe", "unclear"), ("-1", None), ("", None), ("nan", None)],
)  # fmt: skip
@pytest.mark.parametrize("column", ["asreview_label", "included", "decision", "Label_Included"])
def test_a_label_is_a_decision_in_any_of_its_spellings(take, column, label, verdict):
    found = take(f"trn,title,{column}\n{A},x,{label}\n{B},y,perhaps\n")
    assert said(found) == ({A: verdict} if verdict else {})
    assert found.left_out.trn.tolist() == ([] if verdict else [A])
    assert found.rejects.line.tolist() == [3] and "'perhaps' is not understood" in found.rejects.reason[0]


def test_the_tools_own_label_counts_before_the_one_that_its_file_came_with(take):
    assert said(take(f"trn,title,included,asreview_label\n{A},x,1,0\n{B},y,1,\n")) == {A: "exclude"}


def ris(*notes, number=A):
    lines = "".join(f"N1  - {note}\n" for note in notes)
    return f"TY  - GEN\nAN  - {number}\nTI  - x\n{lines}ER  - \n"


@pytest.mark.parametrize(
    ("notes", "verdict", "told"),
    [
        (["ASReview_relevant"], "include", ""),
        (["ASReview_irrelevant", "ASReview_validate_relevant"], "exclude", ""),
        (["ASReview_prior", "mine ASReview_relevant"], "include", ""),
        (["ASReview_not_seen"], None, "no decision"),
        (["ASReview_validate_relevant"], None, "ASReview_validate_relevant"),
        (["ASReview_relevant", "ASReview_irrelevant"], None, "irrelevant and relevant"),
        ([], None, "no decision"),
    ],
)
def test_marks_in_ris_are_decisions_only_where_they_were_made(take, notes, verdict, told):
    found = take(f"Provider: x\n\n{ris(*notes)}{ris('ASReview_relevant', number=B)}".replace("\n", "\r"), "x.ris")
    assert said(found) == ({A: verdict} if verdict else {}) | {B: "include"}
    named = [*found.rejects.reason, *found.left_out.reason]
    assert len(named) == (0 if verdict else 1) and all(told in reason for reason in named)
    assert {*found.rejects.line, *found.left_out.line} == (set() if verdict else {3})


def test_what_was_not_seen_is_not_taken_for_what_the_command_says(take):
    found = take(
        ris("ASReview_not_seen") + ris("ASReview_validate_relevant", number=B) + ris(number=C),
        "x.ris",
        decision="include",
    )
    assert said(found) == {C: "include"}
    assert left_out_in_words(found.left_out)[0].endswith("(line 1).")


RAYYAN = 'RAYYAN-INCLUSION: {"ana@example.org"=>"Included", "Ben O\'Neil" => "Excluded", "C"=>"Later?"} '
RAYYAN += "| RAYYAN-EXCLUSION-REASONS: E3: told by zoe@example.org"


def test_reviewers_whom_rayyan_calls_by_an_address_are_mapped_and_no_address_is_kept(take):
    found = take(ris(RAYYAN), "x.ris")
    assert found.decisions.empty
    reasons = " ".join(not_taken_in_words(found.rejects))
    assert "'ana@…'" in reasons and "Ben O'Neil" in reasons and "'Later?' is not understood" in reasons
    found = take(ris(RAYYAN), "x.ris", reviewer_names=names_in(["ANA@example.org=ana", "Ben O'Neil = ben"]))
    assert found.decisions[["decision", "criterion", "reviewer"]].to_numpy().tolist() == [
        ["include", None, "ana"],
        ["exclude", "E3", "ben"],
    ]
    assert found.decisions.reason[1] == "E3: told by (an address)"
    assert "example.org" not in f"{reasons} {found.decisions.to_csv()} {found.rejects.to_csv()}"
    for wrong in ("ana", "=ana", "ana@example.org=", "ana@example.org=a,b=b"):
        with pytest.raises(InputError, match="equals sign") as error:
            names_in([wrong])
        assert "example.org" not in str(error.value)


def test_a_reviewer_who_says_two_things_of_a_record_is_asked(take):
    found = take(f"trn,title,included\n{A},x,1\n{A},x,0\n{B},y,1\n{B},y,1\n")
    assert said(found) == {B: "include"} and found.n == 4
    assert found.rejects.line.tolist() == [2, 3] and "include (line 2), exclude E4 (line 3)" in found.rejects.reason[0]
    assert left_out_in_words(found.left_out) == [
        "x.csv: 1 reference left out, the same decision as in line 4 (line 5)."
    ]


def test_an_exclusion_by_two_criteria_is_not_guessed(take):
    found = take(f"trn,title,included,tags\n{A},x,0,E3 E5\n{B},y,0,E3\n{C},z,0,E9\n")
    assert dict(zip(found.decisions.trn, found.decisions.criterion)) == {B: "E3", C: "E4"}
    assert found.rejects.line.tolist() == [2] and "E3, E5" in found.rejects.reason[0]
    found = take(f"trn,title,decision,criterion\n{A},x,exclude,e5\n{B},y,exclude,E9\n{C},z,Excluded,\n")
    assert dict(zip(found.decisions.trn, found.decisions.criterion)) == {A: "E5", C: "E4"}
    assert found.rejects.line.tolist() == [3]


@pytest.mark.parametrize(
    ("abstract", "trn", "rejected"),
    [
        (f"Main trial {A}", A, False),
        (f"Main trial {A}, ISRCTN12345678", A, False),
        (f"Main trial {A}; extension {B}", A, True),
        (f"Main trial {A}; extension {OUTSIDE}", A, True),
        (f"Main trial {OUTSIDE}", OUTSIDE, True),
        (f"Registration number: {B}. See {A}, {C}", B, False),
    ],
)
def test_a_reference_that_names_two_trials_decides_on_neither(take, abstract, trn, rejected):
    found = take(f'title,abstract,included\nx,"{abstract}",1\n')
    table = found.rejects if rejected else found.decisions
    assert table.trn.tolist() == [trn] and len(found.rejects) == rejected


COVIDENCE = "Title,Authors,Abstract,Accession Number,Covidence #,Study,Notes,Tags\n"


def test_what_covidence_gives_a_reason_to_exclude_is_no_inclusion(take):
    row = f"x,y,,{A},#1,Doe 2020,Exclusion reason: Wrong intervention; ,E3\n"
    for decision in (None, "exclude"):
        found = take(COVIDENCE + row, decision=decision)
        assert found.decisions[["decision", "criterion", "reason"]].to_numpy().tolist() == [
            ["exclude", "E3", "Wrong intervention; E3"]
        ]
    found = take(COVIDENCE + row + f"x,y,,{B},#2,,,\n", decision="include")
    assert said(found) == {B: "include"} and found.rejects.line.tolist() == [2]


@pytest.mark.parametrize(
    "data",
    [
        f"sep=;\r\nTRN;Title;Included\r\n{A};Vésicules;1\r\n".encode("cp1252"),
        f"trn\ttitle\tincluded\n{A}\tx\t1\n".encode("utf-16"),
        f"trn,title,included\n{A},x,1,,\n,,,,\n",
        f'{COVIDENCE.strip()},Included\nx,y,"a\n\n{A},b",{A},#1,,"z ""q""",,1\n',
        f'{COVIDENCE.strip()},Included\nx,y,"a, {A}",{A},#1,,5" z,,1\n',
    ],
)
def test_a_table_is_read_as_it_was_saved(take, data):
    assert said(take(data)) == {A: "include"}
    assert said(take(data, "x.tsv")) == {A: "include"}


def test_ris_of_windows_is_read_and_another_encoding_is_named(take):
    assert said(take(ris("ASReview_relevant").replace("x", "Vésicules").encode("cp1252"), "x.ris")) == {A: "include"}
    with pytest.raises(InputError, match="UTF-8"):
        take(ris("ASReview_relevant", "不含外泌体的间充质干细胞").encode("gbk"), "x.ris")


def test_all_sheets_of_a_workbook_are_read_or_named(take, tmp_path):
    book = openpyxl.Workbook()
    first, second, third = book.active, book.create_sheet("more"), book.create_sheet("legend")
    first.title = "screened"
    for row in (["Queue of May"], ["trn", "title", "asreview_label"], [A, "x", 1], [None, None, None], [B, "y", 0.0]):
        first.append(row)
    for row in (["trn", "title", "asreview_label"], [C, "z", True], [C, "z", "?"]):
        second.append(row)
    third.append(["1 means relevant"])
    book.create_sheet("empty")
    book.save(tmp_path / "made.xlsx")
    found = take((tmp_path / "made.xlsx").read_bytes(), "x.xlsx")
    assert said(found) == {A: "include", B: "exclude", C: "include"}
    told = not_taken_in_words(found.rejects)
    assert len(told) == 2
    assert told[0].startswith("x.xlsx, sheet legend: none of its 1 rows was read")
    assert told[1].startswith(f"x.xlsx, sheet more, 3: {C} the decision '?'")
    with pytest.raises(InputError, match="not a readable workbook"):
        take(b"PK\x03\x04", "x.xlsx")
