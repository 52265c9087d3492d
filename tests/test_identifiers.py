"""Registration numbers: found as people write them, never inside a longer number."""

import re
import unicodedata

import pytest
from conftest import ROOT
from hypothesis import assume, given
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
    st.from_regex(r"RBR-[2-9b-df-hj-np-tv-z]{6,8}", fullmatch=True),
    st.from_regex(r"PHRR[0-9]{6}-[0-9]{6}", fullmatch=True),
    st.from_regex(r"SNCTP[0-9]{9}", fullmatch=True),
    st.from_regex(r"C000000[0-9]{3}", fullmatch=True),
    st.from_regex(r"NL[0-9]{2,4}", fullmatch=True),
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
        ("ChiCTRTRC08000001", ["ChiCTR-TRC-08000001"]),
        ("RBR-3RDHGM", ["RBR-3rdhgm"]),
        ("NL8609, NTR 1234", ["NL8609", "NTR1234"]),
        ("JPRN-JapicCTI-205238", ["JapicCTI-205238"]),
        ("PACTR 202004801273802; TCTR20200405001", ["PACTR202004801273802", "TCTR20200405001"]),
        ("UMIN-CTR000045897, JPRN-UMIN-CTR UMIN000045898", ["UMIN000045897", "UMIN000045898"]),
        ("JPRN-C000000237", ["C000000237"]),
        ("NCT\u201104276987, ChiCTR‐TRC–08000001", ["NCT04276987", "ChiCTR-TRC-08000001"]),
        ("NCT\u200b04276987", ["NCT04276987"]),
        ("EUCTR2015-001234-12-Outside-EU/EEA, EUCTR2016-001234-12-3rd", ["EUCTR2015-001234-12", "EUCTR2016-001234-12"]),
        ("ACTRN12620000612910p", ["ACTRN12620000612910"]),
        ("IRB 2021-000123-45; ethics committee (ref. no. 2021-000124-46)", []),
        ("Ethics 7/2020; EudraCT 2020-001113-21", ["EUCTR2020-001113-21"]),
        ("RBR-approved, RBR phase2a", []),
        ("in a group (NL10)", []),
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


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NCT04276987 (main study), recruiting", "NCT04276987"),
        ("ClinicalTrials.gov Identifier: NCT04276987", "NCT04276987"),
        ("https://clinicaltrials.gov/study/NCT04276987?term=exosomes&rank=1", "NCT04276987"),
        ("https://www.clinicaltrialsregister.eu/ctr-search/trial/2020-001113-21/GB", "EUCTR2020-001113-21"),
        ("https://trialsearch.who.int/Trial2.aspx?TrialID=CTRI%2F2020%2F04%2F024775", "CTRI/2020/04/024775"),
        ("https://irct.ir/trial/55380", "IRCT:trial/55380"),
        ("JPRN-NL57", "JPRN-NL57"),
        ("extension of NCT04276987", "extension of NCT04276987"),
        ("NCT04276987 or NCT04276988", "NCT04276987 or NCT04276988"),
    ],
)
def test_an_identifier_is_its_number_whatever_stands_after_it(written, meant):
    assert normalised(written) == meant
    assert normalised(meant) == meant


@given(numbers, st.text(alphabet="abcdefghijkl .,;()", max_size=30))
def test_words_after_a_number_do_not_change_it(number, words):
    assume(re.fullmatch(r"NL\d{1,3}", number) is None)  # so short a number counts by itself alone
    assert normalised(f"{number} {words}") == number


@given(st.text())
def test_an_identifier_is_never_made_up(text):
    found = normalised(text)
    assert normalised(found) == found
    assert trn_kind(found) in ("number", "page", "unknown form", "placeholder")
    digits = "".join(filter(str.isdigit, unicodedata.normalize("NFKC", text)))
    assert "".join(filter(str.isdigit, found)) in digits


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("IRCT:trial/55380", "page"),
        ("JPRN:no-number/x2", "placeholder"),
        ("not registered", "placeholder"),
        ("RBR-approved", "placeholder"),
        ("PRE-20201215-003", "unknown form"),
        ("IRB 2021-000123-45", "unknown form"),
        ("NCT04276987 or NCT04276988", "unknown form"),
    ],
)
def test_pages_placeholders_and_unknown_forms_are_told_apart(identifier, kind):
    assert trn_kind(identifier) == kind
