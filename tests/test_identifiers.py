"""Registration numbers: found as people write them, never inside a longer number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evlib.identifiers import normalised, registration_numbers, trn_kind

numbers = st.one_of(
    st.from_regex(r"NCT\d{8}", fullmatch=True),
    st.from_regex(r"ChiCTR\d{10}", fullmatch=True),
    st.from_regex(r"IRCT\d{14}N\d{1,2}", fullmatch=True),
    st.from_regex(r"ACTRN\d{14}", fullmatch=True),
    st.from_regex(r"ISRCTN\d{8}", fullmatch=True),
    st.from_regex(r"UMIN\d{9}", fullmatch=True),
    st.from_regex(r"KCT\d{7}", fullmatch=True),
    st.from_regex(r"20\d\d-5\d{5}-\d\d", fullmatch=True),
).filter(str.isascii)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NCT 04276987", ["NCT04276987"]),
        ("nct04276987, see NCT04276987", ["NCT04276987"]),
        ("registered (#NCT04276987).", ["NCT04276987"]),
        ("ＮＣＴ０４２７６９８７", ["NCT04276987"]),  # full-width
        ("chictr2000030261", ["ChiCTR2000030261"]),
        ("IRCT20200217046526 N2", ["IRCT20200217046526N2"]),
        ("JPRN-UMIN000045897", ["UMIN000045897"]),
        ("JPRN-jRCTb042250113", ["jRCTb042250113"]),
        ("EU CT 2022-500293-34-00", ["2022-500293-34"]),
        ("NCT042769871", []),
        ("XNCT04276987", []),
        ("2015KY-05", []),
    ],
)
def test_numbers_as_people_write_them(written, meant):
    assert registration_numbers(written) == meant


@given(numbers)
def test_normalising_is_idempotent_and_keeps_a_good_number(number):
    assert normalised(number) == number
    assert normalised(normalised(f" {number.lower()} ")) == normalised(number.lower())
    assert trn_kind(number) == "number"


@given(numbers, st.sampled_from("0123456789abcXYZ"))
def test_never_inside_a_longer_run(number, more):
    assert number not in registration_numbers(f"a{number}")
    assert number not in registration_numbers(f"{number}{more}")


def test_page_addresses_and_placeholders_are_told_apart():
    assert trn_kind("IRCT:trial/55380") == "page"
    assert trn_kind("JPRN:no-number/x") == "placeholder"
