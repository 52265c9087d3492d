"""Numbers and words for the pages of a book: what nobody has included or looked at yet is said as such."""

import pandas as pd
import pytest

from evlib.base.schema import checked, columns
from evlib.describe.coded_fields import describe_numbers
from evlib.screen.screening import likely_pairs

PROTOCOL = {
    "codes": {
        "disease_area": {"skin": {"label": "Skin"}},
        "route": {"topical": {"label": "Topical"}},
        "route_group": {"local": {"label": "Local"}},
    },
    "flags": {},
}


@pytest.mark.parametrize(("screening", "included"), [("pending", "none yet"), ("included", "Skin 1, not reported 0")])
def test_a_first_page_says_that_none_is_included_yet(screening, included):
    row = {"trn": "NCT00000001", "screening": screening, "registry": "r", "title": "t", "disease_area": "skin"}
    described = pd.DataFrame([row | {"coded_by": "rules"}]).reindex(columns=columns("described"))
    numbers = describe_numbers(checked(described, "described"), PROTOCOL)
    assert (numbers["by_disease"], numbers["proposed_by_disease"]) == (included, "Skin 1, not reported 0")


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "0 pairs that may be one trial await a look"),
        (1, "1 pair that may be one trial awaits a look"),
        (17, "17 pairs that may be one trial await a look"),
    ],
)
def test_likely_pairs_are_told(n, words):
    assert likely_pairs(pd.DataFrame({"trn": ["NCT00000001"] * n})) == words
