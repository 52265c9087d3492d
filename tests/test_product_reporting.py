"""What is told of the product: silence is not absence, and each report's items stand by name."""

import pandas as pd
import pytest
from conftest import RAW

from evlib.base import figure
from evlib.certainty import product_reporting
from evlib.doses import reports

STUDIES = pd.DataFrame({"study_id": ["a", "b"], "study": ["A 2020", "B 2021"]})


def readings(*rows):
    """Readings by report and item: R1, R2 and what was settled."""
    table = [
        {"study_id": study, "item": item, "reader": reader, "stated": said, "words": f"{reader} on {item}"}
        for study, item, *three in rows
        for reader, said in zip(("R1", "R2", "settled"), three, strict=True)
    ]
    return pd.DataFrame(table)


def test_what_was_settled_has_the_words_of_the_reading_that_was_followed():
    table = readings(("a", "storage", "not-seen", "yes", "yes"), ("a", "isolation", "no", "no", "no"))
    items = product_reporting.settled_items(table, STUDIES).set_index("item")
    assert items.index.tolist() == ["isolation", "storage"]
    assert items.words.tolist() == ["R1 on isolation", "R2 on storage"]


def test_a_report_has_its_items_by_name_and_not_seen_is_not_a_no():
    table = readings(
        ("a", "storage", "yes", "yes", "yes"),
        ("a", "isolation", "no", "no", "no"),
        ("a", "potency", "not-seen", "not-seen", "not-seen"),
        ("b", "storage", "not-seen", "no", "not-seen"),
    )
    items = product_reporting.settled_items(table, STUDIES)
    scores = product_reporting.scores(items).set_index("study_id")
    assert scores.index.tolist() == ["a", "b"]
    assert scores.loc["a", ["stated", "not_stated", "unseen"]].tolist() == [
        "storage",
        "isolation",
        "potency or any functional test",
    ]
    assert scores.score["a"].startswith("1 of 3 stated") and "1 not seen" in scores.score["a"]
    assert scores.loc["b", ["yes", "no", "not_seen"]].tolist() == [0, 0, 1] and pd.isna(scores.stated["b"])
    by_item = product_reporting.by_item(items).set_index("item")
    assert by_item.loc["storage", ["yes", "no", "not-seen", "n", "agreed"]].tolist() == [1, 0, 1, 2, 1]
    assert by_item.n["dose_metric"] == 0


def test_the_shipped_readings_are_those_that_were_handed_over(tmp_path):
    tables, _ = reports.read_reports(RAW)
    items = product_reporting.settled_items(tables["product_reporting"], tables["studies"])
    assert (items.study_id.nunique(), len(items), (items.R1 == items.R2).sum()) == (58, 580, 552)
    by_item = product_reporting.by_item(items).set_index("item")
    assert (by_item[["yes", "no", "not-seen"]].sum(axis=1) == 58).all() and by_item.agreed.sum() == 552
    assert set(items.item) == set(product_reporting.ITEMS)
    said = reports.product_items(tables["product_reporting"])
    for row in product_reporting.scores(items).itertuples():
        assert said[row.study_id].split(",")[0] == row.score.split(",")[0]
    drawn = product_reporting.items_by_report(items)
    assert "58 reports" in drawn.title and "never protein amount" in drawn.title
    assert drawn.data.drop(columns="item").sum(axis=1).eq(58).all()
    figure.show(drawn, tmp_path)
    assert product_reporting.items_by_report(items.iloc[:0]).title.startswith("No report")


def test_records_are_counted_by_trial_and_what_has_no_column_is_not_counted():
    described = pd.DataFrame({"trn": ["x", "y", "z"], "screening": ["included", "included", "pending"]})
    described = described.assign(ev_term=["exosome", None, "EV"], msc_source=[None, None, "other"], route=None)
    records = pd.DataFrame({"trn": ["x", "y", "z"], "dose_text": ["one dose", None, "two"]})
    doses = {"trn": ["x", "x", "z"], "low": [1e9, 2e9, 5], "high": None, "n_administrations": [5, None, 1]}
    doses = pd.DataFrame(doses).assign(unit_kind=["particles", "particles", "mass"], route_group=None)
    doses = doses.assign(particles_low=doses.low, particles_high=doses.high)
    table = product_reporting.records_tell(described, records, doses).set_index("item")
    assert table.of.eq(2).all()
    assert table.trials["Dose in particles"] == 1 and table.trials["Dose in particles per administration"] == 0
    assert table.trials["Dose as a mass"] == 0
    assert table.trials["Tissue of the cells"] == 0 and table.trials["Number of administrations"] == 1
    assert (
        pd.isna(table.trials["Potency or any functional test"])
        and "no column" in table.basis["Potency or any functional test"]
    )


@pytest.mark.parametrize("item", list(product_reporting.ITEMS))
def test_every_item_has_a_name_of_its_own_without_a_comma(item):
    names = list(product_reporting.ITEMS.values())
    assert names.count(product_reporting.ITEMS[item]) == 1 and "," not in product_reporting.ITEMS[item]


def test_methods_of_isolation_are_counted_with_those_that_do_not_say():
    stated = {"a": "yes", "b": "yes", "c": "yes", "d": "no", "e": "not-seen"}
    items = pd.DataFrame(
        [{"study_id": i, "study": i.upper(), "item": "isolation", "stated": s} for i, s in stated.items()]
    )
    items = items.assign(words="by a kit")
    arms = pd.DataFrame({"study_id": ["a", "a", "b", "e"], "ev_isolation": ["spinning"] * 3 + [None]})
    table = product_reporting.isolation_methods(items, arms)
    assert table[["isolation", "reports"]].values.tolist() == [
        ["spinning", 2],
        ["by a kit", 1],
        [product_reporting.ANSWERS["not-seen"], 1],
        [product_reporting.ANSWERS["no"], 1],
    ]
    assert table.of.eq(5).all() and table.studies[0] == "A; B" and pd.isna(table.studies[2])
