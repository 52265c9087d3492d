"""Tested doses under dials: what is read as effective, on which scale, and what follows for the question."""

import math
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from evlib.base.errors import InputError
from evlib.doses import stated_doses
from evlib.doses.dose_windows import (
    doses_in_question,
    every_tested,
    share_lower,
    windows,
)
from evlib.doses.evidence import (
    by_kind_of_factor,
    dials,
    evidence_tables,
    in_question,
    registry_particles,
    study_flags,
    unused_doses,
)

RAW = ROOT / "data/raw"


@pytest.fixture(scope="module")
def tables(shipped, trials):
    stated, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    return evidence_tables(RAW, shipped, stated, trials)


def test_a_report_on_a_merged_number_counts_for_the_trial_that_is_kept(tables, shipped, trials):
    studies = tables["studies"].set_index("study_id")
    merged, kept = "IRCT20200217046526N2", "NCT04366063"
    assert trials.set_index("trn").merged_trns[kept] == merged
    assert (studies.trn["zarrabi-2023"], studies.named_trn["zarrabi-2023"]) == (kept, merged)
    assert tables["flags"].set_index("study_id").trn["zarrabi-2023"] == kept
    others = studies.drop(index="zarrabi-2023")
    assert others.trn.equals(others.named_trn)
    # The paper's Table 2 prints the merged number: its row keeps the report and the outcomes.
    beside = stated_doses.beside_table2(tables["table2"], shipped, tables["stated"], tables["studies"], tables["arms"])
    assert beside.set_index("trn").study[merged] == "Zarrabi 2023"
    outcomes = stated_doses.published_outcomes(
        tables["table2"].trn, tables["studies"], tables["arms"], tables["outcomes"]
    )
    n_outcomes = tables["outcomes"].arm_id.str.startswith("zarrabi-2023/").sum()
    assert (outcomes.trn == merged).sum() == n_outcomes > 0


def test_whether_a_report_is_randomised_is_its_own_word_then_the_records(tables):
    allocations = {"a": "randomised", "b": "non-randomised", "c": "single-arm", "d": None, "e": None, "f": None}
    said_by_record = {"NCT1": "Non-Randomized", "NCT2": "Randomized", "NCT3": None}
    studies = pd.DataFrame({"study_id": list(allocations), "allocation": list(allocations.values())}).assign(
        trn=["NCT1", "NCT2", "NCT2", "NCT2", "NCT1", "NCT3"],
        **dict.fromkeys(("study", "disease", "disease_group", "doi_or_url", "source_urls"), "x"),
        msc_derived="True",
    )
    arms = pd.DataFrame({"study_id": ["a", "a", "b", "b", "c"], "is_control": ["True", *["False"] * 4]}).assign(
        dose_low=[None, "1", "1", "2", "1"]
    )
    records = pd.DataFrame(said_by_record.items(), columns=["trn", "allocation"])
    flags = study_flags(studies, arms, records).set_index("study_id")
    assert flags.randomised.to_dict() | {"f": None} == {
        "a": True,
        "b": False,
        "c": False,
        "d": True,
        "e": False,
        "f": None,
    }
    assert pd.isna(flags.randomised["f"])
    assert flags.comparative.to_dict() == {"a": True, "b": True, **dict.fromkeys("cdef", False)}
    shipped_flags = tables["flags"].set_index("study_id").randomised
    told = tables["studies"].dropna(subset="allocation").set_index("study_id").allocation
    assert ((told == "randomised") == shipped_flags[told.index].astype(bool)).all()


def test_tested_doses_are_those_of_arms_with_vesicles(tables):
    arms = tables["arms"].set_index("arm_id").role
    assert set(every_tested(tables, dials()).arm_id) == set(arms.index[arms == "ev"])


def test_without_an_arm_with_vesicles_nothing_is_tested_and_no_window_is_known(tables):
    others = tables | {"arms": tables["arms"].assign(role="cells")}
    for none in (others, tables | {"arms": tables["arms"][:0]}, others | {"conversions": tables["conversions"][:0]}):
        assert every_tested(none, dials(draws=10)).empty
        found = windows(*doses_in_question(none, dials(draws=10)))
        assert not found[["n_reports", "n_counted"]].any(axis=None) and found.effective_low.isna().all()


def rows_of(doses, study):
    return doses[doses.study_id == study]


def test_what_counts_as_effective_is_a_dial(tables):
    effective = {}
    for rule in ("paper", "reported", "compared", "primary"):
        doses, _ = doses_in_question(tables, dials(effective_if=rule))
        effective[rule] = set(doses.arm_id[doses.reading == "effective"].str.split("/").str[0])
    assert effective["paper"] >= {"zhu-2022", "lightner-2023", "sengupta-2020"}
    assert effective["primary"] < effective["compared"] < effective["reported"]
    assert "zhu-2022" in effective["reported"] - effective["compared"]  # its outcomes are compared with before alone
    because = every_tested(tables, dials(effective_if="reported")).set_index("study_id").because
    assert because["zhu-2022"].startswith("improved since before: ") and "better than" not in because["zhu-2022"]


def test_a_dose_whose_results_we_could_not_read_says_so(tables):
    doses, _ = doses_in_question(tables, dials())
    counts = doses.groupby("study_id").outcomes_on_file.sum()
    assert counts["covid-19exo-samara-2020-registry-results"] == 0  # effective by the paper's words alone
    assert counts["zhu-2022"] == (tables["outcomes"].arm_id.str.startswith("zhu-2022/")).sum() > 0


def test_only_another_amount_of_one_report_can_be_less_effective(tables):
    doses = every_tested(tables, dials(effective_if="compared"))
    lightner = rows_of(doses, "lightner-2023").set_index("amount_low").reading
    assert lightner.to_dict() == {10: "not compared", 15: "effective"}  # no result of 10 mL is a comparison
    pooled = rows_of(doses, "exo-cd24-phase-iib-2024")  # the set of both doses overlaps each of them
    assert not (pooled.reading == "less effective").any()


def test_a_result_that_turns_changes_the_window(tables):
    settings = dials(effective_if="compared")
    before = windows(*doses_in_question(tables, settings)).set_index("route_group")
    turned = tables["outcomes"].assign(direction=tables["outcomes"].direction.replace("better", "no difference"))
    after = windows(*doses_in_question(tables | {"outcomes": turned}, settings)).set_index("route_group")
    assert before.n_counted["intravenous"] == 1 and after.n_counted["intravenous"] == 0
    assert math.isnan(after.width["intravenous"])


def test_dose_of_a_volume_follows_the_concentration(tables):
    for per_ml in (7e7, 8e10, 3e9):  # the last is no source's
        doses, draws = doses_in_question(tables, dials(exoflo_per_ml=per_ml))
        place = doses.index[doses.study_id == "sengupta-2020"][0]
        assert doses.low[place] == doses.high[place] == pytest.approx(15 * per_ml)
        np.testing.assert_allclose(draws[:, place], 15 * per_ml)


def test_a_dose_that_the_record_of_the_trial_states_wins_over_any_concentration(tables):
    for per_ml in (None, 1e9):
        doses = rows_of(every_tested(tables, dials(exoflo_per_ml=per_ml)), "lightner-2023").set_index("amount_low")
        assert doses.low.to_dict() == doses.high.to_dict() == {10: 8e11, 15: 1.2e12}
    silent = tables["stated"][tables["stated"].trn != "NCT04493242"]
    doses = rows_of(every_tested(tables | {"stated": silent}, dials(exoflo_per_ml=1e9)), "lightner-2023")
    assert doses.low.tolist() == [1e10, 1.5e10]


def test_one_range_of_a_trial_is_drawn_once_for_all_its_arms(tables):
    doses, draws = doses_in_question(tables, dials())
    of_range = [
        rows.index for _, rows in doses[doses.low < doses.high].groupby(["study_id", "amount_low", "amount_high"])
    ]
    shared = [place for place in of_range if len(place) > 1]
    assert shared and all((draws[:, place[0]] == draws[:, place].T).all() for place in shared)


def test_an_arm_compared_with_matched_people_is_not_randomised_though_its_report_is(tables):
    doses = rows_of(every_tested(tables, dials(not_msc=True)), "exo-cd24-phase-iib-2024").set_index("arm_id")
    matched = doses.index.str.contains("matched")
    assert matched.sum() == 1 and not doses.randomised[matched].any() and doses.randomised[~matched].all()
    assert doses.better_than_another[matched].all()


def test_per_course_and_share_multiply(tables):
    one, _ = doses_in_question(tables, dials())
    course, _ = doses_in_question(tables, dials(per="course", nebulised_share=(0.25, 0.5)))
    zhu = rows_of(one, "zhu-2022").index[0]
    assert one.low[zhu] == one.high[zhu]
    assert course.low[zhu] == pytest.approx(one.low[zhu] * 5 * 0.25)
    assert course.high[zhu] == pytest.approx(one.low[zhu] * 5 * 0.5)
    assert course.low[zhu] < course["median"][zhu] < course.high[zhu]
    assert pd.isna(course.q025[zhu]) and "share" in course.interval[zhu]  # an assumed share makes bounds, no interval


def frame(route, study, low, high, reading):
    return {
        **{"route_group": route, "study_id": study, "arm_id": f"{study}/{low}", "low": low, "high": high},
        **{"amount_low": low, "amount_high": high, "reading": reading, "randomised": pd.NA, "comparative": False},
        "better_than_another": False,
    }


def test_window_and_share_against_arithmetic():
    rows = [
        frame("nebulised", "a", 1e8, 1e8, "effective"),
        frame("nebulised", "a", 1e9, 1e9, "less effective"),
        frame("nebulised", "b", 1e10, 1e10, "effective"),
        frame("intravenous", "c", 1e9, 1e9, "effective"),
        frame("intravenous", "c", 1e8, 1e8, "less effective"),
    ]
    doses = pd.DataFrame(rows).astype({"randomised": "boolean"})
    draws = np.tile(doses.low.to_numpy(), (4000, 1))
    by_route = windows(doses, draws).set_index("route_group")
    assert by_route.width.to_dict() == pytest.approx({"nebulised": 2, "intravenous": 0})
    assert by_route.n_less_above.to_dict() == {"nebulised": 1, "intravenous": 0}
    assert by_route.n_less_below.to_dict() == {"nebulised": 0, "intravenous": 1}
    shares = share_lower(doses, draws)
    assert shares["any"] == pytest.approx(0.5)  # the report at 1e8 is below, the one at 1e10 above
    assert shares["minimum"] == 1
    alone = doses[doses.route_group == "nebulised"]
    assert math.isnan(share_lower(alone, draws[:, :3])["any"])


def test_a_factor_read_at_its_source_moves_a_protein_dose_and_one_source_makes_no_interval(tables):
    stated = pd.DataFrame(
        [{"trn": "NCT00000001", "arm": None, "low": 200.0, "high": 200.0, "unit": "ug protein"}]
    ).assign(per="administration", n_administrations=None, as_stated="200 µg of protein", route_group=None)
    by_factors = by_kind_of_factor(stated, tables, dials()).set_index("factors")
    assert by_factors["median"]["not read at their source"] == pytest.approx(1.25e12, rel=0.05)
    assert by_factors["median"]["both"] == pytest.approx(3.5e11, rel=0.05)
    assert by_factors.loc["read at their source", ["low", "high"]].tolist() == pytest.approx([1.5e10, 2e10])
    assert by_factors.interval.str.startswith("draws").to_dict() == {
        **dict.fromkeys(("read at their source", "not read at their source"), False),
        "both": True,
    }
    said = by_factors.conversion_note.str.contains("threshold; cited from general knowledge")
    assert said.to_dict() == {"read at their source": False, "not read at their source": True, "both": True}
    for cited, kind in ((True, "both"), (False, "read at their source")):
        dose = registry_particles(stated, tables, dials(cited_factors=cited)).iloc[0]
        assert dose["median"] == by_factors["median"][kind]
        assert (
            pd.notna(dose.q025) == cited
            and ("not re-read" in dose.conversion_note) == ("not read at their source" in dose.why) == cited
        )


def test_pairs_only_keeps_trials_with_both(tables):
    doses = every_tested(tables, dials())
    kept = doses[in_question(doses, dials(pairs_only=True))]
    assert set(kept.study_id) == {"lightner-2023"}


def test_every_tested_dose_is_used_or_listed_with_why(tables):
    doses = every_tested(tables, dials())
    unused = unused_doses(doses, dials())
    used = in_question(doses, dials()) & doses.low.notna()
    assert len(unused) + used.sum() == len(doses)
    assert unused.why.notna().all() and unused.source_url.str.startswith("http").all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"efective_if": "paper"}, "no dial 'efective_if'"),
        ({"effective_if": "any"}, "takes: paper, reported, compared, primary"),
        ({"nebulised_share": (0.5, 0.2)}, "nebulised_share"),
        ({"exoflo_per_ml": -1}, "above zero"),
    ],
)
def test_a_dial_that_does_not_fit_says_so(given, words):
    with pytest.raises(InputError, match=words):
        dials(**given)


@pytest.mark.parametrize("low, high", [("ten", "10"), ("15", "10"), ("-1", "10"), ("10", "")])
def test_an_amount_that_is_none_is_set_aside_with_its_words_and_the_others_stay(tables, low, high):
    arms = tables["arms"].copy()
    bad = arms.arm_id == "lightner-2023/exoflo-10-ml-exoflo-10"
    arms.loc[bad, ["dose_low", "dose_high", "n", "doses_per_course"]] = [low, high or None, "many", "2.5"]
    before = every_tested(tables, dials())
    after = every_tested(tables | {"arms": arms}, dials())
    row = after[after.arm_id == "lightner-2023/exoflo-10-ml-exoflo-10"].iloc[0]
    assert f"dose_low '{low}' and dose_high '{high}'" in row.why and pd.isna(row.low) and pd.isna(row.n)
    others = before.arm_id != row.arm_id
    pd.testing.assert_series_equal(after.low[others], before.low[others])


def test_an_arm_not_on_file_that_is_said_not_to_be_randomised_is_named_by_its_line(shipped, trials, tmp_path):
    shutil.copytree(RAW / "curation", tmp_path / "curation")
    shutil.copytree(RAW / "paper", tmp_path / "paper")
    path = tmp_path / "curation/comparisons_not_randomised.csv"
    lines = path.read_text().rstrip().splitlines()
    path.write_text("\n".join([*lines, "zhu-2022/no-such-arm,words,arms.csv"]) + "\n")
    stated, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    named = rf"{path.name}, line {len(lines) + 1}: 'zhu-2022/no-such-arm' .*arms\.csv"
    with pytest.raises(InputError, match=named):
        evidence_tables(tmp_path, shipped, stated, trials)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("zhu-2022/no-such-arm,effective,words", "line 15 .*none of curation/arms.csv"),
        ("shi-2021/1x-level,tolerated,words", "line 15 .*an earlier line"),
        ("kwon-2020/control-gel-side-fractional-co2-laser,efective,words", "line 15 .*effective, less effective"),
    ],
)
def test_a_reading_of_the_paper_that_does_not_fit_is_named_by_its_line(shipped, trials, tmp_path, line, words):
    shutil.copytree(RAW / "curation", tmp_path / "curation")
    shutil.copytree(RAW / "paper", tmp_path / "paper")
    path = tmp_path / "paper/section4.csv"
    path.write_text(f"{path.read_text().rstrip()}\n{line}\n")
    stated, _ = stated_doses.stated_doses(RAW / "curation/doses.csv", known=set(shipped.trn))
    with pytest.raises(InputError, match=words):
        evidence_tables(tmp_path, shipped, stated, trials)
