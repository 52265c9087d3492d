"""Registration numbers: found as people write them, never inside a longer number."""

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.identifiers import normalised, registration_numbers, registry_of, trn_kind
from evlib.base.schema import read_csv

numbers = st.one_of(
    st.from_regex(r"NCT[0-9]{8}", fullmatch=True),
    st.from_regex(r"ChiCTR[0-9]{10}", fullmatch=True),
    st.from_regex(r"IRCT[0-9]{14}N[0-9]{1,2}", fullmatch=True),
    st.from_regex(r"ACTRN[0-9]{14}", fullmatch=True),
    st.from_regex(r"ISRCTN[0-9]{8}", fullmatch=True),
    st.from_regex(r"UMIN[0-9]{9}", fullmatch=True),
    st.from_regex(r"KCT[0-9]{7}", fullmatch=True),
    st.from_regex(r"20[0-9][0-9]-5[0-9]{5}-[0-9][0-9]", fullmatch=True),
    st.from_regex(r"EUCTR20[0-9][0-9]-00[0-9]{4}-[0-9][0-9]", fullmatch=True),
    st.from_regex(r"CTRI/20[0-9][0-9]/[0-9][0-9]/[0-9]{6}", fullmatch=True),
    st.from_regex(r"DRKS[0-9]{8}", fullmatch=True),
    st.from_regex(r"RBR-[0-9a-z]{6,8}", fullmatch=True),
    st.from_regex(r"jRCT[sbac]?[0-9]{10}", fullmatch=True),
    st.from_regex(r"PACTR[0-9]{15}", fullmatch=True),
    st.from_regex(r"TCTR[0-9]{11}", fullmatch=True),
    st.from_regex(r"RPCEC[0-9]{8}", fullmatch=True),
    st.from_regex(r"SLCTR/20[0-9][0-9]/[0-9]{3}", fullmatch=True),
    st.from_regex(r"PER-[0-9]{3}-[0-9][0-9]", fullmatch=True),
    st.from_regex(r"LBCTR[0-9]{10}", fullmatch=True),
    st.from_regex(r"ITMCTR[0-9]{10}", fullmatch=True),
    st.from_regex(r"JapicCTI-[0-9]{6}", fullmatch=True),
)


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
        ("EudraCT 2020-001113-21", ["EUCTR2020-001113-21"]),
        ("EUCTR2020-001113-21-GB", ["EUCTR2020-001113-21"]),
        ("CTRI-2020-04-024775", ["CTRI/2020/04/024775"]),
        ("ISRCTN # 83971151", ["ISRCTN83971151"]),
        ("chictr-trc-08000001", ["ChiCTR-TRC-08000001"]),
        ("RBR-3RDHGM", ["RBR-3rdhgm"]),
        ("NL8609, NTR 1234", ["NL8609", "NTR1234"]),
        ("JPRN-JapicCTI-205238", ["JapicCTI-205238"]),
        ("PACTR 202004801273802; TCTR20200405001", ["PACTR202004801273802", "TCTR20200405001"]),
        ("tel. 2020-0011-21, NL73123.041.20", []),
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


def test_every_number_of_a_real_export_is_recognised_as_its_registrys():
    path = ROOT.parent / "shared" / "samples" / "ictrp" / "covid19-2020-07-07.csv"
    if not path.is_file():
        pytest.skip("the sample of a WHO ICTRP export is not beside the project on this machine")
    export = read_csv(path)
    unknown = [trn for trn in export.TrialID if registry_of(normalised(trn)) is None]
    assert not unknown, unknown[:5]
    assert (export.TrialID.map(normalised).map(normalised) == export.TrialID.map(normalised)).all()


def test_page_addresses_and_placeholders_are_told_apart():
    assert trn_kind("IRCT:trial/55380") == "page"
    assert trn_kind("JPRN:no-number/x") == "placeholder"
