"""The audit: each kind of check follows the values it is given, and every claim of the shipped file gets a verdict."""

import pandas as pd
import pytest
from conftest import RAW, ROOT

from evlib.audit import checks, figures
from evlib.audit.claims import read_claims
from evlib.base.errors import InputError
from evlib.base.figure import show
from evlib.base.schema import columns, read_csv

PAPER = ROOT.parent / "shared" / "paper" / "fmed-12-1625787.txt"


def frame(table, *rows):
    return pd.DataFrame(list(rows)).reindex(columns=columns(table))


@pytest.fixture
def evidence():
    """A run of three included trials and one pending, and the paper's tables and results as shipped."""
    described = frame(
        "described",
        {
            "trn": "NCT1",
            "screening": "included",
            "countries": "China | Iran",
            "route_group": "nebulised",
            "route": "nebulised",
        },
        {"trn": "NCT2", "screening": "included", "countries": "China", "route_group": "nebulised", "route": "combined"},
        {"trn": "NCT3", "screening": "included", "countries": "Iran", "msc_source": "adipose", "route_group": "local"},
        {"trn": "NCT4", "screening": "pending", "countries": "China", "route_group": "local", "route": "topical"},
    )
    described["registered"] = pd.to_datetime(["2019-03-01", "2021-01-01", None, "2015-01-01"])
    records = frame(
        "records",
        {"trn": "NCT1", "registry": "ChiCTR", "status": "Completed", "enrolment": 30, "snapshot": "2026-11-22"},
        {"trn": "NCT2", "registry": "ChiCTR", "snapshot": "2026-11-22"},
    )
    doses = frame(
        "doses",
        {
            "trn": "NCT1",
            "arm": "a",
            "low": 2e8,
            "high": 8e8,
            "unit": "particles",
            "volume_ml": 4,
            "particles_high": 8e8,
        },
    )
    curated = {
        name: read_csv(RAW / f"curation/{name}.csv") for name in ("studies", "arms", "outcomes", "adverse_events")
    }
    return checks.Evidence(
        flow=pd.DataFrame({"step": ["identified", "identified", "included"], "label": "", "n": [2, 2, 3]}),
        records=records,
        described=described,
        doses=doses,
        table1=read_csv(RAW / "paper/table1.csv"),
        table2=read_csv(RAW / "paper/table2.csv"),
        **curated,
    )


def judged(evidence, value, check, options, quote="q", **others):
    """The verdict on one claim beside others, which are given by their values."""
    rows = [{"id": "a", "section": "1", "quote": quote, "value": value, "check": check, "options": options}]
    rows += [
        {
            "id": name,
            "section": "1",
            "quote": f"{name} words",
            "value": said,
            "check": "not_checkable",
            "options": "why",
        }
        for name, said in others.items()
    ]
    claims = pd.DataFrame(rows, dtype=object).assign(field=None, code=None)
    if check == "field":
        claims.loc[0, ["field", "code"]] = list(options)
    return checks.claim_verdicts(claims, evidence).iloc[0]


SHI, ZARRABI, LIGHTNER = (
    "shi-2021/1x-level",
    "zarrabi-2023/msc-alone-two-injections",
    "lightner-2023/exoflo-15-ml-exoflo-15",
)
UNEX = "unex-42-united-therapeutics-registry-results/unex-42-20-pmol-phospholipid-kg"
# check, options, a value that agrees, one that does not, the values of other claims
KINDS = [
    ("equals", "b", 5, 6, {"b": 5}),
    ("sum_of", ["b", "c"], 7, 8, {"b": 5, "c": 2}),
    ("difference_of", ["b", "c"], 3, 4, {"b": 5, "c": 2}),
    ("same_magnitude", ["b", "c"], 2e8, 1e10, {"b": 1e8, "c": 5e8}),
    ("share_of", {"part": "b", "whole": "c"}, 33.3, 33.4, {"b": 1, "c": 3}),
    ("share_of", {"part": "b", "whole": "c", "less": "d"}, 50, 33.3, {"b": 1, "c": 3, "d": 1}),
    ("within", {"parts": ["b", "c"], "whole": "d"}, 4, 5, {"b": 3, "c": 2, "d": 4}),
    ("table1", {"database": "ClinicalTrials.gov", "column": "results"}, 61, 62, {}),
    ("table2", {"trn": "NCT04493242", "column": "population"}, 50, 102, {}),
    ("table2", {"trn": "NCT04313647", "column": "adverse_events"}, "bradycardia", "none", {}),
    ("table2_count", {"column": "route", "cell": "nebulisation"}, 3, 2, {}),
    ("rows_of", "table2", 6, 7, {}),
    ("possible_share", {"arm": LIGHTNER}, 50, 51.6, {}),
    ("flow", "included", 3, 4, {}),
    ("field", ("countries", "China"), 2, 3, {}),
    ("count_where", {"countries": ["China", "Iran"], "route_group": "nebulised"}, 2, 3, {}),
    ("any_where", {"msc_source": "adipose"}, True, False, {}),
    ("most_frequent", {"field": "route_group"}, ["nebulised"], ["local"], {}),
    ("most_frequent", {"field": "route_group", "among": {"msc_source": "adipose"}}, ["local"], ["nebulised"], {}),
    ("number_of_values", "route", 1, 2, {}),
    ("registered_before", 2020, 1, 2, {}),
    ("first_registered", "%Y-%m", "2019-03", "2019-04", {}),
    ("records_from", "ChiCTR", 2, 1, {}),
    ("record", {"trn": "NCT1", "field": "enrolment"}, 30, "not available", {}),
    ("record", {"trn": "NCT1", "field": "status"}, "completed", "ongoing", {}),
    ("record", {"trn": "NCT3", "field": "msc_source"}, "adipose", "bone-marrow", {}),
    ("participants", {"study": "shi-2021"}, 24, 23, {}),
    ("participants", {"arm": SHI}, 3, 4, {}),
    ("arms_of", "lightner-2023", 3, 2, {}),
    ("arm", {"arm": SHI, "column": "dose_low"}, 2e8, 2e10, {}),
    ("outcome", {"arm": ZARRABI, "outcome": "mortality vs control", "column": "n_events"}, 3, 0, {}),
    ("adverse", {"arm": SHI, "event": "serious adverse events"}, 0, 1, {}),
    ("doses_of", {"trn": "NCT1"}, [2e8, 8e8], [2e8, 9e8], {}),
    ("concentration", {"trn": "NCT1", "arm": "a"}, 2e8, 1e10, {}),
    ("note", {"arm": UNEX, "words": "business decision"}, "business decision", "adverse events", {}),
]


@pytest.mark.parametrize(("check", "options", "right", "wrong", "others"), KINDS, ids=[kind[0] for kind in KINDS])
def test_another_value_gets_another_verdict(evidence, check, options, right, wrong, others):
    agrees, differs = (judged(evidence, value, check, options, **others) for value in (right, wrong))
    assert (agrees.verdict, differs.verdict) == checks.VERDICTS[agrees.kind]
    assert all(row.why.endswith(".") for row in (agrees, differs))


def test_each_check_is_tested():
    assert set(checks.CHECKS) - {kind[0] for kind in KINDS} == {"number_listed", "reported_for", "not_checkable"}


def test_what_the_paper_lists_is_counted(evidence):
    assert (
        judged(evidence, 3, "number_listed", True, quote="Umbilical cord, Wharton's jelly, and bone").verdict
        == "consistent"
    )
    assert judged(evidence, 3, "number_listed", True, quote="Umbilical cord and bone").verdict == "inconsistent"


def test_an_outcome_belongs_to_the_arm_that_the_source_reports_it_for(evidence):
    for arm, verdict in ((ZARRABI, "consistent with source"), ("zarrabi-2023/msc-then-msc-ev", "source disagrees")):
        row = judged(evidence, "fell", "reported_for", {"arm": arm, "outcome": "IL-6 decrease"})
        assert row.verdict == verdict
        assert row.source == "https://doi.org/10.1186/s13287-023-03402-8"


def test_a_percentage_comes_with_what_would_fit(evidence):
    row = judged(evidence, 29.55, "share_of", {"part": "b", "whole": "c"}, quote="(14, 29.55%)", b=14, c=44)
    assert row.ours == "31.82"
    assert row.why == ("14 of 44 is 31.82 %. For 29.55 %, no whole up to 131 would fit 14, and of 44 13 would fit.")
    printed = judged(evidence, 50.0, "share_of", {"part": "b", "whole": "c"}, quote="(50.00%)", b=1, c=2)
    assert printed.why == "1 of 2 is 50.00 %."


def test_parts_may_exceed_the_whole_where_trials_count_twice(evidence):
    row = judged(evidence, 26, "within", {"parts": ["b", "c"], "whole": "d"}, b=15, c=12, d=26)
    assert row.verdict == "consistent"
    assert "1 more than 26" in row.why
    row = judged(evidence, 26, "within", {"parts": ["b"], "whole": "d"}, b=27, d=26)
    assert row.verdict == "inconsistent"


@pytest.mark.parametrize(
    ("check", "options"),
    [
        ("record", {"trn": "NCT9", "field": "status"}),
        ("record", {"trn": "NCT2", "field": "enrolment"}),
        ("outcome", {"arm": SHI, "outcome": "death", "column": "p"}),
        ("outcome", {"arm": "lightner-2023/placebo-saline", "outcome": "60-day overall survival", "column": "value"}),
        ("adverse", {"arm": UNEX, "event": "necrotising colitis"}),
        ("participants", {"arm": UNEX}),
        ("possible_share", {"arm": UNEX}),
        ("doses_of", {"trn": "NCT9"}),
        ("concentration", {"trn": "NCT1", "arm": "b"}),
        ("reported_for", {"arm": SHI, "outcome": "death"}),
        ("note", {"arm": SHI, "words": "business decision"}),
        ("flow", "unknown"),
        ("not_checkable", "nobody knows."),
    ],
)
def test_what_is_not_on_file_or_comes_from_the_paper_is_not_checkable(evidence, check, options):
    row = judged(evidence, 1, check, options)
    assert row.verdict == checks.NOT_CHECKABLE
    assert row.ours == ""
    assert row.why[0].isupper()


def test_a_paper_that_says_so_agrees_with_a_source_that_is_silent(evidence):
    row = judged(evidence, "not available", "record", {"trn": "NCT2", "field": "enrolment"})
    assert row.verdict == "consistent with source"


@pytest.mark.parametrize(
    ("check", "options", "message"),
    [
        ("arm", {"arm": "nowhere", "column": "n"}, "arms.csv has no arm_id 'nowhere'"),
        ("arm", {"arm": SHI, "column": "size"}, "no column 'size'"),
        ("participants", {"study": "nowhere"}, "no study_id"),
        ("record", {"trn": "NCT1", "field": "size"}, "column 'size'"),
        ("count_where", {"size": "1"}, "described.csv has no column 'size'"),
        ("table1", {"database": "PubMed", "column": "results"}, "table1.csv has no database 'PubMed'"),
        ("table2_count", {"column": "size", "cell": "1"}, "no column 'size'"),
        ("rows_of", "table3", "no table of the paper"),
        ("sum_of", ["b"], "the value of 'b' is not a number"),
    ],
)
def test_a_check_that_names_what_is_not_there_is_refused_and_the_claim_is_named(evidence, check, options, message):
    with pytest.raises(InputError, match=message) as caught:
        judged(evidence, 1, check, options, b="many")
    assert "the claim 'a'" in str(caught.value)


def test_every_claim_of_the_shipped_file_gets_a_verdict(evidence, review):
    claims = read_claims(RAW / "paper/claims.yml", protocol=review)
    table = checks.claim_verdicts(claims, evidence)
    assert len(table) == len(claims) > 80
    assert table.columns.tolist() == checks.COLUMNS
    assert set(table.verdict) <= set(checks.ORDER)
    assert table.why.str.len().gt(0).all()
    assert int(checks.by_section(table).to_numpy().sum()) == len(table)
    by_id = table.set_index("id")
    assert by_id.why["flow-steps-add-up"] == "187 − 39 − 38 = 110; the paper says 90."
    # A sum beyond the whole is no fault where a trial may count under several parts: said, and not held against the paper.
    assert (by_id.ours["countries-add-up"], by_id.verdict["countries-add-up"]) == ("69", "consistent")
    assert "possible where trials count under several" in by_id.why["countries-add-up"]
    assert by_id.ours["early-phases-share"] == "92.42"
    assert by_id.verdict["lightner-table-n"] == "source disagrees"


def test_a_run_without_trials_and_records_is_audited_too(evidence, review):
    empty = {name: getattr(evidence, name).head(0) for name in ("flow", "records", "described", "doses")}
    table = checks.claim_verdicts(read_claims(RAW / "paper/claims.yml", protocol=review), evidence._replace(**empty))
    assert "reproduced" not in set(table.verdict)


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not part of the project")
def test_every_quote_is_in_the_paper(review):
    text = " ".join(PAPER.read_text(encoding="utf-8").split())
    claims = read_claims(RAW / "paper/claims.yml", protocol=review)
    assert [row.id for row in claims.itertuples() if " ".join(row.quote.split()) not in text] == []


def test_the_figure_counts_claims_by_section_and_verdict(evidence, tmp_path):
    table = pd.DataFrame(
        {
            "section": ["Table 1", "4", "Abstract", "3.1", "3.1"],
            "verdict": ["consistent", "inconsistent", "differs", "source disagrees", "not checkable"],
        }
    )
    figure = figures.audit_figure(table)
    assert figure.data.section.tolist() == ["Abstract", "Table 1", "3.1", "4"]
    assert figure.title == (
        "Of 5 claims of the paper, 1 of 2 checked within the paper do not fit; sources disagree with 1 of 1, "
        "our counts differ from 1 of 1"
    )
    assert "3.1 source disagrees 1, not checkable 1" in figure.alt
    show(figure, tmp_path)
    assert (tmp_path / "figures/audit.svg").exists()
    nothing = figures.audit_figure(table.head(0))
    assert nothing.title == "No claim of the paper was audited"
    show(nothing, tmp_path)
