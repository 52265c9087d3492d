"""What each report is: nothing is guessed, people are counted once, and every exception has its words."""

import pandas as pd
import pytest
from conftest import RAW, put

from evlib.base.errors import InputError
from evlib.base.schema import checked, read_csv
from evlib.certainty import characteristics
from evlib.doses import reports

STUDIES = checked(
    pd.DataFrame({"study_id": ["a", "b", "c"], "study": ["A", "B", "C"], "year": [2020, None, 2021]}), "studies"
)


def arms(*rows):
    """Arms by report, role and n."""
    table = [
        {"arm_id": f"{study}/{i}", "study_id": study, "arm": f"{role} {i}", "role": role, "n": n, "route": f"route {i}"}
        for i, (study, role, n) in enumerate(rows)
    ]
    return checked(pd.DataFrame(table), "arms")


def test_people_are_the_sum_of_the_arms_unless_one_is_missing_or_the_source_says_otherwise(tmp_path):
    put(
        tmp_path,
        characteristics.PEOPLE_FILE,
        "study_id,people,why,words\nb,5,the same people in several arms,five people\n",
    )
    told = characteristics.people_told(tmp_path, STUDIES)
    given = arms(
        ("a", "ev", 3), ("a", "control", None), ("b", "ev", 5), ("b", "control", 5), ("c", "ev", 2), ("c", "ev", 3)
    )
    table = characteristics.characteristics(STUDIES, given, told).set_index("study_id")
    assert table.people.fillna(-1).to_dict() == {"c": 5, "a": -1, "b": 5}
    assert "1 of 2" in table.people_basis["a"] and table.people_basis["b"].endswith("five people")
    assert table.comparator.fillna("").to_dict() == {"c": "", "a": "control 1", "b": "control 3"}
    assert table.index.tolist() == ["c", "a", "b"]  # the newest first
    assert table.route["c"] == "route 4 | route 5" and table.route["a"] == "route 0"


@pytest.mark.parametrize("name", ["allocation", "masking"])
def test_what_a_trials_record_says_stands_where_its_report_does_not_tell_and_is_not_taken_for_the_reports(name):
    studies = pd.DataFrame({"study_id": ["a", "b", "c"], "study": list("ABC"), name: [None, "open", None]})
    given = arms(*((study, "ev", 1) for study in "abc"))
    of_record = {name: pd.Series({"a": "Quadruple", "b": "Double"})}
    none = pd.DataFrame(columns=["study_id", "people", "why", "words"])
    table = characteristics.characteristics(studies.assign(year=2020), given, none, **of_record).set_index("study_id")
    assert table[f"record_{name}"].fillna("").to_dict() == {"a": "Quadruple", "b": "", "c": ""}
    shown = characteristics.for_readers(table.reset_index()).set_index("report")[name]
    assert "the record" not in shown["C"] and "record: Quadruple" in shown["A"] and shown["B"] == "open"


def test_what_is_not_told_is_said_to_be_not_stated_and_nothing_is_guessed():
    table = characteristics.characteristics(STUDIES, arms(("a", "ev", 3)), pd.DataFrame({"study_id": []}))
    shown = characteristics.for_readers(table).set_index("report")
    assert shown.loc["A", ["allocation", "masking", "from MSCs"]].eq(characteristics.NOT_STATED).all()
    assert shown.loc["A", "comparator"] == characteristics.NO_CONTROL and shown.loc["A", "people"] == "3"
    assert shown.loc["B", "people"] == "not known (no arm on file)"


@pytest.mark.parametrize(("row", "said"), [("z,3,w,x", "line 2"), ("a,many,w,x", "whole"), ("a,2.5,w,x", "whole")])
def test_a_line_on_people_that_cannot_be_used_is_named(tmp_path, row, said):
    put(tmp_path, characteristics.PEOPLE_FILE, f"study_id,people,why,words\n{row}\n")
    with pytest.raises(InputError, match=said):
        characteristics.people_told(tmp_path, STUDIES)


def test_every_shipped_exception_stands_in_the_words_of_its_source():
    tables, _ = reports.read_reports(RAW)
    own = read_csv(RAW / characteristics.PEOPLE_FILE).set_index("study_id")
    said = {
        "arms.csv, note": tables["arms"].groupby("study_id").note.agg(lambda notes: " ".join(notes.dropna())),
        "studies.csv, evidence_note": tables["studies"].set_index("study_id").evidence_note,
    }
    for row in own.itertuples():
        for words in row.words.split(" | "):
            assert words in said[row.read_from][row.Index]
        assert pd.isna(row.people) or any(word in row.words for word in (row.people, "7 (50%)", "eleven"))


def test_the_shipped_reports_are_as_counted():
    tables, _ = reports.read_reports(RAW)
    told = characteristics.people_told(RAW, tables["studies"])
    table = characteristics.characteristics(tables["studies"], tables["arms"], told)
    counted = table.allocation.fillna("not told").value_counts().to_dict()
    assert counted == {"single-arm": 32, "randomised": 17, "not told": 7, "non-randomised": 2}
    within = table.set_index("study_id").people
    assert within["cho-2020"] == 21 and within["lightner-2023"] == 102 and pd.isna(within["habibi-2025"])
    assert "17 called randomised" in characteristics.in_a_sentence(table)
