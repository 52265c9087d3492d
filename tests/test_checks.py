"""The audit: each kind of check follows the values it is given, and every claim of the shipped file gets a verdict."""

import pandas as pd
import pytest
from conftest import RAW, ROOT

from evlib.audit import checks, figures
from evlib.audit.claims import read_claims
from evlib.base.errors import InputError
from evlib.base.figure import show
from evlib.base.schema import columns, read_csv
from evlib.base.tables import WITHOUT_CODE

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
            "phase_group": "1",
        },
        {"trn": "NCT2", "screening": "included", "countries": "China", "route_group": "nebulised", "route": "combined"},
        {
            "trn": "NCT3",
            "screening": "included",
            "countries": "Iran",
            "msc_source": "adipose",
            "route_group": "local",
            "route": WITHOUT_CODE,
        },  # no route of its own
        {"trn": "NCT4", "screening": "pending", "countries": "China", "route_group": "local", "route": "topical"},
    )
    described["registered"] = pd.to_datetime(["2019-03-01", "2021-01-01", None, "2015-01-01"])
    records = frame(
        "records",
        {
            "trn": "NCT1",
            "registry": "ChiCTR",
            "status": "Completed",
            "enrolment": 30,
            "snapshot": "2026-11-22",
            "start_date": "2019-02",
            "results_posted": True,
        },
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
        references=read_csv(RAW / "paper/references.csv"),
        section4=read_csv(RAW / "paper/section4.csv"),
        **curated,
    )


def judged(evidence, value, check, options, quote="q", caveat=None, **others):
    """The verdict on one claim beside others, which are given by their values."""
    rows = [{"id": "a", "section": "1", "quote": quote, "value": value, "check": check, "options": options}]
    rows[0]["caveat"] = caveat
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
    claims = claims.assign(finding=claims.id)
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
    ("within", {"parts": ["b", "c"], "whole": "d"}, 4, 5, {"b": 3, "c": 1, "d": 4}),
    ("years_between", {"first": "b", "last": "c"}, 10, 11, {"b": "2014-04", "c": "2024-02-17"}),
    ("ratio_of_deaths", ["b", "c"], 0.628, 0.385, {"b": 69.6, "c": 51.6}),
    ("with_results", 2024, 1, 2, {}),
    ("widest", {"field": "phase_group", "of": "route_group"}, ["nebulised"], ["local"], {}),
    ("adverse", {"study": "shi-2021", "event": "serious adverse events"}, 0, 1, {}),
    ("stated_by", {"source": "https://x.org", "words": "20 and 60 pmol/kg"}, [20, 60], [20, 200], {}),
    ("table1", {"database": "ClinicalTrials.gov", "column": "results"}, 61, 62, {}),
    ("table2", {"trn": "NCT04493242", "column": "population"}, 50, 102, {}),
    ("table2", {"trn": "NCT04313647", "column": "adverse_events"}, "bradycardia", "none", {}),
    ("table2_count", {"column": "route", "cell": "nebulisation"}, 3, 2, {}),
    ("rows_of", "table2", 6, 7, {}),
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


# Checks of words rather than of a value: options that agree, options that do not, the values of other claims.
OF_THE_PAPER = {
    "largest_of": (
        {"named": ["b", "c"], "others": ["d"]},
        {"named": ["b", "d"], "others": ["c"]},
        {"b": 3, "c": 2, "d": 1},
    ),
    "narrow_range": (["b", "c"], ["b", "d"], {"b": 2e8, "c": 2e9, "d": 2e10}),
    "means_differ": (
        {"means": ["b", "c"], "sds": [2, 2], "people": "d", "groups": "e"},
        {"means": ["b", "c"], "sds": [26, 26], "people": "d", "groups": "e"},
        {"b": 41, "c": 32, "d": 102, "e": 3},
    ),
    "cited": (
        {"references": [28, 30], "words": ["pulmonary", "Inhal"]},
        {"references": [28, 32], "words": ["pulmonary"]},
        {},
    ),
    "table2_stated": ({"column": "adverse_events", "at_least": 6}, {"column": "characterisation", "at_least": 1}, {}),
    "table2_words": (
        {"column": "dose", "words": ["Particles"], "at_least": 2},
        {"column": "dose", "words": ["particles"], "at_least": 6},
        {},
    ),
}


@pytest.mark.parametrize("check", OF_THE_PAPER)
def test_other_passages_of_the_paper_give_another_verdict(evidence, check):
    right, wrong, others = OF_THE_PAPER[check]
    assert judged(evidence, "so", check, right, **others).verdict == "consistent"
    row = judged(evidence, "so", check, wrong, **others)
    assert row.verdict == "inconsistent"
    assert row.why.endswith(".")


def test_less_effect_is_asked_for_on_both_sides_of_an_effective_dose(evidence):
    row = judged(evidence, "both", "less_on_both_sides", True)
    assert (row.verdict, row.ours) == ("inconsistent", "1 below, 0 above")
    arms = ["exoflo-10-ml-exoflo-10", "exoflo-15-ml-exoflo-15"]
    high = evidence.arms[evidence.arms.arm_id == f"lightner-2023/{arms[1]}"].assign(arm_id="high", dose_low="20")
    evidence = evidence._replace(
        arms=pd.concat([evidence.arms, high]),
        section4=pd.concat([evidence.section4, pd.DataFrame([{"arm_id": "high", "reading": "harm"}])]),
    )
    assert judged(evidence, "both", "less_on_both_sides", True).verdict == "consistent"


@pytest.mark.parametrize(("check", "options", "right", "wrong", "others"), KINDS, ids=[kind[0] for kind in KINDS])
def test_another_value_gets_another_verdict(evidence, check, options, right, wrong, others):
    agrees, differs = (judged(evidence, value, check, options, **others) for value in (right, wrong))
    assert (agrees.verdict, differs.verdict) == checks.VERDICTS[agrees.kind]
    assert all(row.why.endswith(".") for row in (agrees, differs))


def test_each_check_is_tested():
    assert set(checks.CHECKS) - {kind[0] for kind in KINDS} == {
        *("number_listed", "flow", "reported_for", "not_checkable", "possible_share", "less_on_both_sides"),
        *OF_THE_PAPER,
    }


def test_a_step_of_the_search_is_shown_beside_ours_and_decides_nothing(evidence):
    for value in (3, 4):
        row = judged(evidence, value, "flow", "included")
        assert (row.verdict, row.ours, row.kind) == (checks.NOT_CHECKABLE, "3", "recomputation")


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
    assert row.why.startswith("14 of 44 is 31.82 %.") and "no whole" not in row.why
    assert "No denominator below three times 44 gives 29.55 % for 14" in row.why and "of 44, 13 would" in row.why
    other = judged(evidence, 29.55, "share_of", {"part": "b", "whole": "c"}, quote="(13, 29.55%)", b=13, c=45)
    assert "29.55 % is 13 of 44" in other.why
    assert judged(evidence, 5, "share_of", {"part": "b", "whole": "c"}, b=1, c=0).verdict == "inconsistent"
    printed = judged(evidence, 50.0, "share_of", {"part": "b", "whole": "c"}, quote="(50.00%)", b=1, c=2)
    assert printed.why == "1 of 2 is 50.00 %."


@pytest.mark.parametrize(("b", "c", "said"), [(15, 12, "1 more than 26"), (10, 12, "4 fewer than 26")])
def test_parts_that_do_not_fill_the_whole_decide_nothing(evidence, b, c, said):
    row = judged(evidence, 26, "within", {"parts": ["b", "c"], "whole": "d"}, b=b, c=c, d=26)
    assert row.verdict == checks.NOT_CHECKABLE
    assert said in row.why and "does not say" in row.why


def test_a_part_above_the_whole_does_not_fit_and_one_below_it_does(evidence):
    for b, verdict in ((27, "inconsistent"), (25, "consistent")):
        assert judged(evidence, 26, "within", {"parts": ["b"], "whole": "d"}, b=b, d=26).verdict == verdict


def test_a_percentage_that_may_be_an_estimate_is_not_held_against_the_paper(evidence):
    fits = judged(evidence, 50, "possible_share", {"arm": LIGHTNER})
    assert (fits.kind, fits.verdict) == ("source", "consistent with source")
    row = judged(evidence, 51.6, "possible_share", {"arm": LIGHTNER}, quote="51.6%")
    assert row.verdict == checks.NOT_CHECKABLE
    assert all(part in row.why for part in ("34 participants", "17 (50.0 %)", "18 (52.9 %)", "31", "Kaplan"))


def test_events_of_a_study_are_those_of_all_its_arms_or_nothing_is_said(evidence):
    row = judged(evidence, 0, "adverse", {"study": "shi-2021", "event": "serious adverse events"})
    assert "24 people in all arms" in row.why
    some = evidence._replace(adverse_events=evidence.adverse_events[evidence.adverse_events.arm_id != SHI])
    row = judged(some, 0, "adverse", {"study": "shi-2021", "event": "serious adverse events"})
    assert row.verdict == checks.NOT_CHECKABLE


def test_a_result_comes_with_the_interval_and_p_of_its_comparison(evidence):
    options = {"arm": "zarrabi-2023/msc-then-msc-ev", "outcome": "mortality vs control", "column": "n_events"}
    row = judged(evidence, 0, "outcome", options, caveat="A caveat goes with it.")
    assert "RR 0.08 (0.005 to 1.26), p = 0.07" in row.why and row.why.endswith("A caveat goes with it.")


def test_the_first_registration_is_told_from_the_start_of_the_trial(evidence):
    row = judged(evidence, "2019-02", "first_registered", "%Y-%m")
    assert row.verdict == "differs"
    assert all(part in row.why for part in ("NCT1", "2019-03-01", "2019-02 as its start"))


def test_a_finding_counts_once_and_fits_where_all_its_claims_do():
    rows = [
        ("a", "x", "source disagrees"),
        ("b", "x", "source disagrees"),
        ("c", "x", "consistent with source"),
        ("d", "x", "inconsistent"),
        ("e", "y", "consistent"),
        ("f", "y", checks.NOT_CHECKABLE),
        ("g", "z", checks.NOT_CHECKABLE),
    ]
    table = pd.DataFrame(rows, columns=["id", "finding", "verdict"])
    counts = checks.findings_by_verdict(table)
    assert counts[counts > 0].to_dict() == {
        "consistent": 1,
        "inconsistent": 1,
        "source disagrees": 1,
        checks.NOT_CHECKABLE: 1,
    }
    n = checks.audit_numbers(table)
    assert (n["n_claims"], n["n_findings"]) == (7, 3)
    assert (n["n_claims_source_disagrees"], n["n_findings_source_disagrees"], n["n_findings_sourced"]) == (2, 1, 1)
    assert (n["n_claims_not_checkable"], n["n_findings_not_checkable"]) == (2, 1)


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
        ("table2_stated", {"column": "size", "at_least": 1}, "table2.csv has no column 'size'"),
        ("table2_words", {"column": "size", "words": ["x"]}, "table2.csv has no column 'size'"),
        ("cited", {"references": [99], "words": ["x"]}, "references.csv has no number '99'"),
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
    assert by_id.why["flow-steps-add-up"].startswith("187 − 39 − 38 = 110; the paper says 90.")
    # A sum that is not the whole's decides nothing where a trial may count under several parts, or under none.
    for name, total in (("countries-add-up", "69"), ("lung-routes-within", "27"), ("routes-within", "52")):
        assert (by_id.ours[name], by_id.verdict[name]) == (total, checks.NOT_CHECKABLE)
    assert by_id.ours["early-phases-share"] == "92.42"
    assert by_id.verdict["lightner-table-n"] == "source disagrees"
    assert (by_id.ours["lightner-table-ratio"], by_id.ours["reports-described"]) == ("0.628", "7")
    assert by_id.verdict["methods-three"] == by_id.verdict["lightner-15-ml"] == checks.NOT_CHECKABLE
    assert by_id.verdict["unex-table-doses"] == "consistent with source" and "planned" in by_id.why["unex-table-doses"]
    assert "not supported as the trial's result" in by_id.why["lightner-table-mortality-all"]
    # One sentence on four markers, and what Table 2 leaves out, are no four findings.
    assert table.verdict[table.finding == "zarrabi-cytokines"].tolist() == ["source disagrees"] * 4
    assert table.finding.eq("left-out-of-table-2").sum() == 5
    assert checks.findings_by_verdict(table)["source disagrees"] < table.verdict.eq("source disagrees").sum()


def test_a_run_without_trials_and_records_is_audited_too(evidence, review):
    empty = {name: getattr(evidence, name).head(0) for name in ("flow", "records", "described", "doses")}
    table = checks.claim_verdicts(read_claims(RAW / "paper/claims.yml", protocol=review), evidence._replace(**empty))
    assert "reproduced" not in set(table.verdict)


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not part of the project")
def test_every_quote_is_in_the_paper(review):
    text = " ".join(PAPER.read_text(encoding="utf-8").split())
    claims = read_claims(RAW / "paper/claims.yml", protocol=review)
    assert [row.id for row in claims.itertuples() if " ".join(row.quote.split()) not in text] == []


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not part of the project")
def test_every_title_is_in_the_paper_under_its_number():
    text = " ".join(PAPER.read_text(encoding="utf-8").split()).partition(" References ")[2]
    for row in read_csv(RAW / "paper/references.csv").itertuples():
        entry = text.partition(f"- {row.number}. ")[2].partition(f"- {int(row.number) + 1}. ")[0]
        assert row.title in entry, row.number


def test_the_figure_counts_claims_by_section_and_verdict(evidence, tmp_path):
    table = pd.DataFrame(
        {
            "section": ["Table 1", "4", "Abstract", "3.1", "3.1"],
            "verdict": ["consistent", "inconsistent", "differs", "source disagrees", "not checkable"],
            "finding": ["a", "a", "b", "c", "d"],
        }
    )
    figure = figures.audit_figure(table)
    assert figure.data.section.tolist() == ["Abstract", "Table 1", "3.1", "4"]
    assert figure.title == (
        "5 claims of the paper make 4 distinct findings: 1 of 1 checked within the paper do not fit; sources disagree with "
        "1 of 1, our counts differ from 1 of 1"
    )
    assert "n = 5 claims" in figure.alt and "n = 4;" in figure.alt
    assert "3.1 source disagrees 1, not checkable 1" in figure.alt
    show(figure, tmp_path)
    assert (tmp_path / "figures/audit.svg").exists()
    nothing = figures.audit_figure(table.head(0))
    assert nothing.title == "No claim of the paper was audited"
    show(nothing, tmp_path)
