"""Reports on file: a row that does not fit is set aside with its line, and only what was settled is told."""

import shutil

import pandas as pd
import pytest
from conftest import RAW

from evlib.base.schema import read_csv
from evlib.doses import reports


def test_every_shipped_row_is_read(tmp_path):
    tables, rejects = reports.read_reports(RAW)
    assert rejects.empty
    assert tuple(tables) == reports.REPORT_TABLES
    assert tables.pop(reports.BY_PEOPLE).empty  # none is shipped
    for name, table in tables.items():
        assert len(table) == len(read_csv(RAW / f"curation/{name}.csv")) > 0
    none, rejects = reports.read_reports(tmp_path)
    assert rejects.empty and all(table.empty for table in none.values())


@pytest.mark.parametrize(
    ("name", "column", "value", "said"),
    [
        (
            "studies",
            "allocation",
            "by turns",
            "allocation 'by turns' is none of: randomised, non-randomised, single-arm",
        ),
        ("studies", "msc_derived", "perhaps", "msc_derived is neither True nor False"),
        ("arms", "role", "vesicles", "role 'vesicles' is none of"),
        ("arms", "n", "7.5", "n is not a whole number"),
        ("arms", "study_id", "nobody-2020", "its study_id is none of curation/studies.csv"),
        ("outcomes", "direction", "good", "direction 'good' is none of: better, worse"),
        ("outcomes", "mean", "about 3", "mean is not a number"),
        ("outcomes", "arm_id", "nobody/arm", "its arm_id is none of curation/arms.csv"),
        ("adverse_events", "n_events", "some", "n_events is not a whole number"),
        ("risk_of_bias", "judgement", "awful", "judgement 'awful' is none of"),
        ("product_reporting", "stated", "maybe", "stated 'maybe' is none of: yes, no, not-seen"),
    ],
)
def test_a_row_that_does_not_fit_is_set_aside_with_its_line_and_the_others_stay(tmp_path, name, column, value, said):
    shutil.copytree(RAW / "curation", tmp_path / "curation")
    path = tmp_path / f"curation/{name}.csv"
    rows = read_csv(path)
    rows.loc[len(rows) - 1, column] = value  # the last, on which no row of another file rests
    rows.to_csv(path, index=False)
    tables, rejects = reports.read_reports(tmp_path)
    own = rejects[rejects.file == path.name]
    assert len(own) == 1 and own.line.iloc[0] == len(rows) + 1
    assert said in own.reason.iloc[0]
    assert len(tables[name]) == len(rows) - 1


def test_the_items_of_the_product_are_those_settled():
    said = [("a", "settled", word) for word in ("yes", "yes", "no", "not-seen")] + [("a", "R1", "yes")]
    said += [("b", "settled", word) for word in ("yes", "no")] + [("c", "R2", "yes")]
    table = pd.DataFrame(said, columns=["study_id", "reader", "stated"])
    assert reports.product_items(table).to_dict() == {"a": "2 of 4 stated, 1 not seen", "b": "1 of 2 stated"}
