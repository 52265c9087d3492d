"""The map: outlines are read whole, a country stands where it is, and every trial with a country is counted."""

import pandas as pd
import pytest
from conftest import RAW

from evlib.base.errors import InputError
from evlib.base.schema import checked, columns
from evlib.describe import geography, maps
from evlib.describe.coded_fields import country_codes


@pytest.fixture(scope="module")
def countries():
    return geography.outlines(RAW / geography.OUTLINES)


def test_a_country_stands_where_it_is(countries):
    codes = country_codes(["Iran", "China", "Brazil", "Nowhere"])
    assert codes == {"Iran": 364, "China": 156, "Brazil": 76}
    longitude, latitude = geography.middle(countries.ring[countries.code == codes["Iran"]])
    assert 44 < longitude < 64
    assert 25 < latitude < 40


def test_a_ring_that_crosses_the_date_line_is_not_torn(countries):
    for ring in countries.ring:
        assert abs(pd.Series(ring[:, 0]).diff().dropna()).max() < 180


def test_the_map_counts_every_country_and_names_those_too_small_to_be_drawn(countries):
    rows = [
        {
            "trn": f"T{i}",
            "screening": screening,
            "registry": "ChiCTR",
            "title": "x",
            "countries": where,
            "coded_by": "machine-read",
        }
        for i, (screening, where) in enumerate(
            [("included", "Iran | Singapore"), ("included", "Iran"), ("included", None), ("pending", "China")]
        )
    ]
    described = checked(pd.DataFrame(rows).reindex(columns=columns("described")), "described")
    figure = maps.where(described, countries)
    assert dict(zip(figure.data.country, figure.data.n)) == {"Iran": 2, "Singapore": 1}
    assert "2 countries, most often Iran; 1 does not tell" in figure.title
    assert any("Singapore (1)" in text.get_text() for text in figure.drawing.axes[0].texts)
    empty = maps.where(described[described.screening == "pending"], countries)
    assert empty.title.startswith("None included yet, 1 proposed")


def test_a_file_that_is_no_outlines_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match=r"x\.json"):
        geography.outlines(tmp_path / "x.json")
