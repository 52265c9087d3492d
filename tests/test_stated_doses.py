"""Doses: numbers and units as stated, particles only where particles were counted."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from conftest import RAW

from evlib.base.schema import read_csv
from evlib.doses import stated_doses
from evlib.doses.stated_figures import particles_by_route

HEAD = "trn,arm,low,high,unit,per,volume_ml,n_administrations,interval,as_stated\n"


def stated(tmp_path, *rows, known=("NCT00000001",)):
    path = tmp_path / "doses.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return stated_doses.stated_doses(path, known=set(known))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("NCT00000009,,1,1,particles,administration,,,,x", "no such record"),
        ("NCT00000001,,1,1,teaspoons,administration,,,,x", "unknown unit 'teaspoons'"),
        ("NCT00000001,,many,1,particles,administration,,,,x", "not a positive number"),
        ("NCT00000001,,-1,1,particles,administration,,,,x", "not a positive number"),
        ("NCT00000001,,5,1,particles,administration,,,,x", "low dose exceeds"),
    ],
)
def test_a_bad_dose_is_set_aside_and_the_good_one_stays(tmp_path, row, said):
    doses, rejects = stated(tmp_path, "NCT00000001,,2e8,2e8,particles,administration,3,5,daily,2.0*10^8/3 ml", row)
    assert len(doses) == 1
    assert rejects.line.tolist() == [3]
    assert said in rejects.reason[0]


def test_no_other_unit_ever_becomes_particles(tmp_path):
    rows = [f"NCT00000001,,1,2,{unit},administration,,,,x" for unit in stated_doses.UNIT_KINDS]
    doses, _ = stated(tmp_path, *rows)
    counted = doses.dropna(subset=["particles_low"])
    assert counted.unit.tolist() == ["particles"]
    assert counted.particles_high.tolist() == [2.0]


def test_a_bound_that_is_not_stated_stays_missing(tmp_path):
    doses, rejects = stated(tmp_path, "NCT00000001,,,4,other,administration,500,,,up to 4 units")
    assert rejects.empty
    assert doses.low.isna().all()
    assert doses.high.tolist() == [4.0]


def test_trials_that_count_particles_are_told_apart_by_what_the_particles_are_of(tmp_path):
    known = [f"NCT0000000{i}" for i in range(1, 6)]
    doses, _ = stated(
        tmp_path,
        f"{known[0]},,1e8,2e8,particles,administration,,,,x",
        f"{known[0]},,,,particles,administration,,,,garbled",  # the trial's other dose can be read
        f"{known[1]},,1e9,1e9,particles,injection site,,,,x",
        f"{known[2]},,1e7,1e7,particles/cm2,administration,,,,x",
        f"{known[3]},,,,particles,administration,,,,garbled",
        f"{known[4]},,5,5,ug protein,administration,,,,x",
        known=known,
    )
    assert stated_doses.in_particles(doses).set_index("trn").particles_of.to_dict() == {
        known[0]: "an administration",
        known[1]: "an area, a site or a volume",
        known[2]: "an area, a site or a volume",
        known[3]: "no number that can be read",
    }
    assert stated_doses.dose_numbers(doses)["n_particle_trials"] == 1
    assert stated_doses.doses_in_a_sentence(doses, 9) == (
        "**5 of 9 included trials** show a dose, 4 with a number that can be read; 4 count particles: 1 per administration, "
        "2 per area, site or volume alone and 1 without a number that can be read."
    )
    assert stated_doses.doses_in_a_sentence(doses[:0], 1).startswith("**0 of 1 included trial** show a dose, 0 ")


def test_doses_of_a_merged_record_count_for_the_one_that_is_kept_with_its_route(tmp_path):
    merged = "ChiCTR2000030261"
    doses, _ = stated(
        tmp_path, f"{merged},,1,2,particles,course,,,,x", f"{merged},,3,4,particles,course,,,,y", known=[merged]
    )
    trial = {"trn": "NCT00000001", "merged_trns": merged, "route": "nebulised", "route_group": "nebulised"}
    routed = stated_doses.with_routes(doses, pd.DataFrame([trial]))
    assert routed[["trn", "low", "route_group"]].values.tolist() == [
        ["NCT00000001", 1, "nebulised"],
        ["NCT00000001", 3, "nebulised"],
    ]
    assert stated_doses.with_routes(doses, pd.DataFrame([trial | {"merged_trns": None}])).empty


def test_every_shipped_dose_is_usable(shipped):
    doses, rejects = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    assert rejects.empty
    files = [read_csv(RAW / f"curation/{name}.csv") for name in ("doses", "doses_added")]
    assert len(doses) == sum(map(len, files))
    own = doses[doses.trn == "NCT03857841"]  # its arms, of which the first reading held one
    concentration = doses[doses.trn == "NCT07398612"]  # per mL of a spray whose volume is not shown
    assert concentration.low.tolist() == [2e9, 4e9, 8e9] and concentration.particles_low.isna().all()
    assert own.low.tolist() == [20, 60, 200] and own.index.tolist() == list(range(own.index[0], own.index[0] + 3))


def test_a_dose_that_a_review_alone_tells_is_not_stated_and_a_caveat_goes_with_its_number(shipped):
    doses, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    told = doses[doses.told_by == stated_doses.BY_REVIEW]
    assert "NCT05787288" in set(told.trn) and told.particles_low.isna().all()
    assert not set(told.index) & set(stated_doses.of_records(doses).index)
    n, without = (stated_doses.dose_numbers(part)["n_particle_trials"] for part in (doses, doses.drop(told.index)))
    assert n == without
    vials = doses[doses.trn == "IRCT20230801058996N5"]
    assert vials.caveat.str.contains("each vial").all()
    drawn = particles_by_route(vials, labels={})
    plt.close(drawn.drawing)
    for shown in (drawn.note, drawn.alt, drawn.data.caveat.iloc[0], *drawn.hints["dose-0"]):
        assert "each vial" in shown


def test_a_decision_on_a_dose_that_is_not_there_is_set_aside_with_its_line(tmp_path):
    head = "trn,as_stated,told_by,caveat,own_conversion,words,read_from,decided_by,date\n"
    lines = ["NCT00000001,x,the record,mind,,w,here,Ana,", "NCT00000001,y,the record,,,w,here,Ana,"]
    lines += ["NCT00000001,z,a rumour,,,w,here,Ana,", "NCT00000001,z,the record,,,,here,Ana,"]
    (tmp_path / "dose_decisions.csv").write_text(head + "\n".join(lines) + "\n")
    rows = (f"NCT00000001,,1,2,particles,administration,,,,{words}" for words in "xz")
    doses, rejects = stated(tmp_path, *rows, known=["NCT00000001"])
    assert doses.caveat.fillna("").tolist() == ["mind", ""]
    assert rejects.line.tolist() == [3, 4, 5] and set(rejects.file) == {"dose_decisions.csv"}


def test_the_address_of_a_report_is_its_doi_else_the_first_page_it_was_read_from():
    links = {"doi_or_url": ["10.1000/a", "https://example.org/b", None], "source_urls": ["", "", "https://c.org d"]}
    addresses = stated_doses.report_url(pd.DataFrame(links, dtype="str"))
    assert addresses.tolist() == ["https://doi.org/10.1000/a", "https://example.org/b", "https://c.org"]
    studies = pd.DataFrame(links, dtype="str")[:1].assign(source_urls=pd.Series([None], dtype="str"))
    assert stated_doses.report_url(studies).tolist() == addresses[:1].tolist()


def test_table2_beside_sources_leaves_unknown_numbers_unknown(shipped):
    doses, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    tables = {name: read_csv(RAW / f"curation/{name}.csv") for name in ("studies", "arms")}
    beside = stated_doses.beside_table2(read_csv(RAW / "paper/table2.csv"), shipped, doses, **tables).set_index("trn")
    assert beside.published_n["NCT04493242"] == 3 * 34  # three arms of 34, curation/arms.csv
    assert pd.isna(beside.published_n["NCT03857841"])  # an arm without a number
    assert pd.isna(beside.record_n["IRCT20200217046526N2"])
