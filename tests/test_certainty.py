"""Comparisons, certainty, harms and the direction of effects: of small reports of our own, and of those on file."""

import pandas as pd
import pytest
from conftest import ROOT, put

from evlib.base.schema import corrected_csv, read_csv
from evlib.certainty.characteristics import people_told
from evlib.certainty.comparisons import compared_outcomes, read_comparisons
from evlib.certainty.direction_of_effect import direction_of_effect
from evlib.certainty.harms import (
    harms_beside_controls,
    harms_in_words,
    printed_by_the_paper,
    serious_events,
    without_harms,
)
from evlib.certainty.summary_of_findings import rules_of_certainty, summary_of_findings, without_comparison
from evlib.doses.effect_sizes import effects, safety

RAW = ROOT / "data/raw"
NO_RESULTS_MISSING = pd.DataFrame(columns=["trn", "disease_area", "route_group", "disease_group"])
_ARM = {"route": "iv", "source_cell": None, "dose_low": None, "dose_high": None, "dose_unit": None, "note": None}
_OUTCOME = dict.fromkeys(("timepoint", "value", "mean", "sd", "effect", "ci_low", "ci_high", "p"))


def tables_of(outcomes, *, allocation="randomised", msc="True", n="50", not_randomised=(), events=()):
    """One report with a vesicle arm, a placebo arm and the given outcomes: (arm, name, events, people, better when)."""
    study = {"study_id": "s", "study": "Small 2025", "trn": None, "doi_or_url": "10.1000/s", "msc_derived": msc}
    study |= {"disease": "ARDS", "disease_group": "lung", "source_urls": None, "allocation": allocation}
    study |= {"evidence_note": "Its caveat.", "read_from": "abstract"}
    roles = {"ev": "False", "control": "True"}
    arms = [
        {"arm_id": f"s/{role}", "study_id": "s", "arm": role, "role": role, "is_control": flag, "n": n, **_ARM}
        for role, flag in roles.items()
    ]
    rows = [
        _OUTCOME
        | {"arm_id": f"s/{arm}", "name": name, "n_events": count, "n_total": people, "better_when": better}
        | {"primary": "True", "comparison": "between arms" if arm == "ev" else "none", "direction": "no difference"}
        for arm, name, count, people, better in outcomes
    ]
    harms = [
        {
            "arm_id": f"s/{arm}",
            "name": "serious events",
            "n_events": count,
            "n_total": people,
            "serious": "True",
            "related": None,
        }
        for arm, count, people in events
    ]
    return {
        "studies": pd.DataFrame([study]),
        "arms": pd.DataFrame(arms),
        "outcomes": pd.DataFrame(rows),
        "adverse_events": pd.DataFrame(harms, columns=["arm_id", "name", "n_events", "n_total", "serious", "related"]),
        "records": pd.DataFrame(columns=["trn", "allocation"]),
        "not_randomised": pd.DataFrame({"arm_id": list(not_randomised)}, dtype="str"),
    }


CODES = pd.DataFrame([{"study_id": "s", "disease_area": "respiratory", "route_group": "intravenous"}])
DEATHS = [("ev", "death", "5", "50", "lower"), ("control", "death", "30", "50", "lower")]


def lines(tables, **given):
    names = tables["outcomes"][tables["outcomes"].comparison == "between arms"]
    facts = {"versus_id": "s/control", "comparator": "placebo", "domain": "death"}
    facts |= {"same_people": False, "also_given": None, "n_people": pd.NA} | given
    frame = names[["arm_id", "name"]].rename(columns={"name": "outcome"}).assign(**facts)
    return frame.astype({"same_people": "boolean", "n_people": "Int64", "also_given": "str"})


def compared_of(tables, **given):
    computed = effects(tables["studies"], tables["arms"], tables["outcomes"])
    return compared_outcomes(tables, lines(tables, **given), computed, CODES)


def rated(tables, risk="RoB2: low", missing=NO_RESULTS_MISSING, **given):
    judged = pd.Series({"s": risk})
    return summary_of_findings(compared_of(tables, **given), judged, missing).iloc[0]


def lacking(disease_group):
    """One trial that ended without a result on file, of this group of diseases."""
    return pd.DataFrame([("T", "respiratory", "intravenous", disease_group)], columns=NO_RESULTS_MISSING.columns)


def test_an_estimate_points_by_the_polarity_of_its_outcome():
    fewer_deaths = compared_of(tables_of(DEATHS)).iloc[0]
    assert (fewer_deaths.points_to, fewer_deaths.n) == ("better", 100)
    more_wanted = [(arm, name, n, people, "higher") for arm, name, n, people, _ in DEATHS]
    assert compared_of(tables_of(more_wanted)).points_to.item() == "worse"
    unknown = [(arm, name, n, people, None) for arm, name, n, people, _ in DEATHS]
    assert (
        compared_of(tables_of(unknown)).points_to.item() == "no significant difference"
    )  # the report's word, no guess


def test_events_stand_beside_the_people_of_whom_they_were_counted():
    counted = compared_of(tables_of(DEATHS, n="72")).iloc[0]
    assert (counted.events, counted.arm_n, counted.versus_events, counted.versus_n, counted.n) == (5, 50, 30, 50, 100)


def test_sides_of_the_same_people_are_counted_once():
    assert compared_of(tables_of(DEATHS), same_people=True).n.item() == 50


def test_certainty_is_rated_down_for_each_reason_and_names_it():
    large = [("ev", "death", "100", "500", "lower"), ("control", "death", "200", "500", "lower")]
    best = rated(tables_of(large, n="500"))
    assert best.certainty == "high" and not best.because
    assert "100 of 500 v 200 of 500, risk ratio 0.50" in best.found
    assert "per 1,000: 400 in the other arm, 200 fewer (237 fewer to 155 fewer) in this one" in best.found
    assert "Its caveat." in best.caveats
    for changed, word in (
        ({"risk": "RoB2: some-concerns"}, "some concerns"),
        ({"also_given": "cells"}, "cells"),
        ({"missing": lacking("lung")}, "1 trial of this disease group"),
        ({"missing": lacking(None)}, "on respiratory as a whole (disease group not read)"),
    ):
        worse = rated(tables_of(large, n="500"), **changed)
        assert worse.certainty == "moderate" and word in worse.because
    assert rated(tables_of(large, n="500"), missing=lacking("nose")).certainty == "high"  # another disease
    fewer = [("ev", "death", "15", "150", "lower"), ("control", "death", "90", "150", "lower")]
    for tables, word in (
        (tables_of(large, n="500", msc="False"), "not of MSCs"),
        (tables_of(large, n="500", msc=None), "perhaps"),
        (tables_of(fewer, n="160"), "300 people"),
    ):
        worse = rated(tables)
        assert worse.certainty == "moderate" and word in worse.because


def test_people_not_allotted_by_chance_take_two_levels_from_a_randomised_report():
    large = [("ev", "death", "100", "500", "lower"), ("control", "death", "200", "500", "lower")]
    worse = rated(tables_of(large, n="500", not_randomised=["s/ev"]))
    assert worse.certainty == "low" and "by chance" in worse.because
    unknown = rated(tables_of(large, n="500", allocation=None), risk="ROBINS-I: low")
    assert unknown.certainty == "high"  # what is not told is not "not randomised"; the judgement of bias speaks of it


def test_an_interval_that_holds_benefit_and_harm_takes_two_levels():
    few = [("ev", "death", "2", "500", "lower"), ("control", "death", "3", "500", "lower")]
    worse = rated(tables_of(few, n="500"))
    assert worse.certainty == "low" and worse.because == "an interval holds benefit and harm (−2)"
    smaller = [(arm, name, count, "50", better) for arm, name, count, _, better in few]
    both = rated(tables_of(smaller))  # each is told, and they take no more levels together
    assert both.certainty == "low" and both.because == "an interval holds benefit and harm, and 100 people alone (−2)"


def test_the_rules_that_are_shown_are_those_that_rate():
    rules = rules_of_certainty()
    for n, levels in ((59, 2), (60, 1), (199, 1), (200, 0)):  # in each arm, with a narrow interval
        counts = [(arm, "death", str(n - least), str(n), "lower") for arm, least in (("ev", 1), ("control", 1))]
        because = rated(tables_of(counts, n=str(n))).because or ""
        assert because.count(f"(−{levels})") == bool(levels) and because.count("−") == bool(levels)
    of_people = rules[rules.when.str.contains("people") & (rules.reason == "imprecision")].set_index("levels").when
    assert "fewer than 120 people" in of_people[2] and of_people[1] == "120 to 399 people"
    for word, levels in (("low", 0), ("moderate", 1), ("serious", 2), ("critical", 3)):
        assert rules[(rules.reason == "risk of bias") & rules.when.str.contains(word)].levels.to_list() == [levels]


def test_without_an_event_the_interval_is_told_and_no_ratio():
    none = rated(tables_of([("ev", "death", "0", "8", "lower"), ("control", "death", "8", "24", "lower")]))
    assert "0 events v 8 (0 of 8 v 8 of 24), 95 % interval of the risk ratio 0 to 1.07 (score method)" in none.found
    assert "333 in the other arm, 333 fewer (333 fewer to 22 more)" in none.found  # no more are spared than died
    reverse = rated(tables_of([("ev", "death", "1", "72", "lower"), ("control", "death", "0", "70", "lower")]))
    assert "nothing per 1,000, since no event was seen in the other arm" in reverse.found
    assert "1 event v 0 (1 of 72 v 0 of 70), 95 % interval of the risk ratio 0.26 to no upper bound" in reverse.found


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("s/none,death,,placebo,death,False,,", "line 2"),
        ("s/ev,death,s/none,placebo,death,False,,", "versus_id"),
        ("s/ev,death,s/control,placebo,death,False,,many", "n_people"),
    ],
)
def test_a_bad_line_of_comparisons_is_set_aside_and_the_outcome_stays(tmp_path, line, named):
    head = "arm_id,outcome,versus_id,comparator,domain,same_people,also_given,n_people\n"
    put(tmp_path, "curation/comparisons.csv", head + line + "\n")
    tables = tables_of(DEATHS)
    good, rejects = read_comparisons(tmp_path, tables["outcomes"], tables["arms"])
    assert good.empty
    [told] = rejects.itertuples()
    assert named in f"line {told.line} {told.reason}"
    kept = compared_outcomes(tables, good, effects(tables["studies"], tables["arms"], tables["outcomes"]), CODES)
    assert len(kept) == 1 and kept.domain.isna().all()


def test_each_harm_stands_beside_that_of_the_control_arm_or_says_why_not():
    def beside(*events):
        tables = tables_of(DEATHS, events=events)
        return harms_beside_controls(
            tables, safety(tables["studies"], tables["arms"], tables["adverse_events"]), lines(tables), CODES
        )

    both = beside(("ev", "0", "20"), ("control", "2", "20")).iloc[0]
    assert (both.control_events, both.control_n, both.beside) == (2, 20, "counted in both arms")
    assert both.upper_if_none == pytest.approx(1 - 0.05 ** (1 / 20)) and both.difference < 0 < both.difference_high
    alone = beside(("ev", "0", "20")).iloc[0]
    assert alone.beside == "not told of the control arm" and pd.isna(alone.control_n)
    uncounted = beside(("ev", "0", None), ("control", "0", None)).iloc[0]
    assert uncounted.beside == "the number of people is not stated" and pd.isna(uncounted.difference)
    assert serious_events(beside(("ev", "0", None))).n_people.tolist() == [0, 0]
    said = harms_in_words(beside(("ev", "1", "20")), pd.DataFrame(), n_reports=1)
    assert "1 of 20 people" in said and "lung: 20); seen was serious events, Small 2025: Its caveat." in said


def test_deaths_beside_no_other_arm_are_harms_but_not_in_the_sum_of_serious_events():
    tables = tables_of([("ev", "died", "4", "24", "lower")])
    tables["outcomes"]["comparison"] = "none"
    line = {"arm_id": "s/ev", "outcome": "died", "versus_id": None, "comparator": "no control", "domain": "death"}
    none = safety(tables["studies"], tables["arms"], tables["adverse_events"])
    rows = harms_beside_controls(tables, none, pd.DataFrame([line]), CODES)
    assert rows[["harm", "n_events", "n"]].values.tolist() == [["died", 4, 24]] and pd.isna(rows.serious[0])
    assert serious_events(rows).n_people.tolist() == [0, 0]
    assert "4 of 24, died, Small 2025" in harms_in_words(rows, pd.DataFrame(), n_reports=1)


@pytest.mark.parametrize(
    ("people", "same", "n"), [(pd.NA, pd.NA, pd.NA), (60, pd.NA, 60), (60, False, 100), (120, pd.NA, 100)]
)
def test_arms_that_count_eyes_or_the_same_people_twice_are_no_number_of_people(people, same, n):
    tables = tables_of(DEATHS)
    computed = effects(tables["studies"], tables["arms"], tables["outcomes"])
    told = pd.DataFrame({"study_id": ["s"], "people": pd.array([people], "Int64")})
    compared = compared_outcomes(tables, lines(tables, same_people=same), computed, CODES, told)
    assert compared.n.to_list() == [n] if pd.notna(n) else compared.n.isna().all()


def test_every_harm_on_file_of_an_arm_that_is_no_control_stands_in_the_table_and_other_products_in_no_sum():
    tables = shipped()
    comparisons, _ = read_comparisons(RAW, tables["outcomes"], tables["arms"])
    told = safety(tables["studies"], tables["arms"], tables["adverse_events"])
    rows = harms_beside_controls(tables, told, comparisons, read_csv(RAW / "curation/report_codes.csv"))
    arms = tables["arms"].set_index("arm_id")
    events = tables["adverse_events"].arm_id[tables["adverse_events"].arm_id.map(arms.role) != "control"]
    assert set(events.map(arms.study_id)) <= set(rows.study_id)
    others = rows[rows.role != "ev"]
    assert {"Bellio 2021", "Mitrani 2021"} <= set(others.study) and not others.msc_derived.any()
    without = serious_events(rows[rows.role == "ev"])
    assert serious_events(rows).equals(without) and others.serious.any()


def test_people_compared_are_those_of_the_two_sides_in_every_shipped_row():
    tables = shipped()
    comparisons, _ = read_comparisons(RAW, tables["outcomes"], tables["arms"])
    computed = effects(tables["studies"], tables["arms"], tables["outcomes"])
    people = people_told(RAW, tables["studies"])
    compared = compared_outcomes(tables, comparisons, computed, read_csv(RAW / "curation/report_codes.csv"), people)
    sides = compared.dropna(subset=["arm_n", "versus_n"])
    no_people = people.study_id[people.people.isna()]  # their arms count eyes or feet
    assert sides.n[sides.study_id.isin(no_people)].isna().all()
    sides = sides[~sides.study_id.isin(no_people)]
    apart = sides[sides.same_people.eq(False)]
    assert len(apart) and (apart.n == apart.arm_n + apart.versus_n).all()
    once = sides.drop(apart.index)
    assert len(once) and (once.n == once.arm_n).all() and (once.n == once.versus_n).all()
    analysed = sides[sides.study_id.str.startswith("placental-msc-ev-knee")]
    assert analysed.n.eq(29).all() and len(analysed)
    found = summary_of_findings(compared, pd.Series(dtype="str"), NO_RESULTS_MISSING)
    apart = compared[compared.study_id == "fibroblast-exosomes-resurfacing-2025"]  # two pairs of arms
    [row] = found[found.studies.isin(apart.study)].itertuples()
    assert len(apart) == 2 and row.n_people == apart.n.sum()
    assert all(f"{one.outcome}, {one.arm} v {one.versus}: " in row.found for one in apart.itertuples())
    zarrabi = found[found.studies.str.startswith("Zarrabi")]
    assert zarrabi.n_people.item() == 32 and ", " not in zarrabi.found.item().partition(":")[0]


def shipped():
    names = ("studies", "arms", "outcomes", "adverse_events")
    tables = {name: corrected_csv(RAW / f"curation/{name}.csv") for name in names}
    tables["not_randomised"] = read_csv(RAW / "curation/comparisons_not_randomised.csv")
    tables["records"] = pd.DataFrame(columns=["trn", "allocation"])
    return tables


def test_a_row_says_what_is_primary_what_is_post_hoc_and_which_printed_shares_belong_to_it():
    tables = shipped()
    comparisons, _ = read_comparisons(RAW, tables["outcomes"], tables["arms"])
    computed = effects(tables["studies"], tables["arms"], tables["outcomes"])
    compared = compared_outcomes(tables, comparisons, computed, read_csv(RAW / "curation/report_codes.csv"))
    risk = pd.Series({"lightner-2023": "RoB2: some-concerns", "exo-cd24-phase-iib-2024": "RoB2: some-concerns"})
    found = summary_of_findings(compared, risk, NO_RESULTS_MISSING).set_index(["studies", "domain", "comparator"])
    death = found.found["Lightner 2023", "death", "placebo"]
    primary, _, later = death.partition("post hoc, not planned beforehand")
    assert "(primary outcome): no significant difference" in primary and "0.1343" in primary
    assert "risk ratio" not in primary and later.count(" people): risk ratio") == 2
    assert "(post-hoc subgroup, 50 people)" in later and "(post-hoc subgroup, 24 people)" in later
    assert "69.6% v 51.6% printed" in primary and "24 of 34 v 18 of 34, a difference of +17.6 points (" in primary
    assert "18 of 34 is 52.9 %, 1.3 points more" in primary and "Kaplan-Meier" in primary
    post_hoc = found.because["Lightner 2023", "hospital course", "placebo"]
    assert "not of what is post hoc" in post_hoc and "selective reporting (−1)" in post_hoc
    assert "selective reporting" not in found.because["Lightner 2023", "death", "placebo"]  # a planned outcome is in it
    apart = found.because["EXO-CD24 phase IIb 2024", "death", "matched controls"]
    assert "risk of bias RoB 2" not in apart and "no reading by ROBINS-I is on file" in apart and "(−2)" in apart
    assert "risk of bias RoB 2: some concerns (−1)" in found.because["EXO-CD24 phase IIb 2024", "death", "another dose"]


def test_no_outcome_is_named_after_another_comparator_than_its_own():
    tables = shipped()
    comparisons, _ = read_comparisons(RAW, tables["outcomes"], tables["arms"])
    another = {"placebo": "routine|usual|standard", "usual care": "placebo|saline", "active control": "placebo|usual"}
    for comparator, words in another.items():
        own = comparisons.outcome[comparisons.comparator == comparator]
        assert len(own) and own[own.str.contains(words)].empty


def test_every_outcome_between_arms_on_file_is_classed_and_every_report_coded():
    tables = shipped()
    comparisons, rejects = read_comparisons(RAW, tables["outcomes"], tables["arms"])
    codes = read_csv(RAW / "curation/report_codes.csv")
    between = tables["outcomes"][tables["outcomes"].comparison == "between arms"]
    assert rejects.empty and (comparisons.comparator != "no control").sum() == len(between) > 0
    assert set(codes.study_id) == set(tables["studies"].study_id)
    computed = effects(tables["studies"], tables["arms"], tables["outcomes"])
    compared = compared_outcomes(tables, comparisons, computed, codes)
    assert set(compared.study_id) == set(tables["arms"].set_index("arm_id").study_id[between.arm_id])
    assert not compared.duplicated(["study_id", "outcome", "arm_id", "versus_id"]).any()
    alone = without_comparison(tables, compared, codes)
    assert alone.reports.sum() + compared[compared.role == "ev"].study_id.nunique() == len(tables["studies"])
    found = summary_of_findings(compared, pd.Series(dtype="str"), NO_RESULTS_MISSING)
    assert "not judged" in found.because.iloc[0]
    figure = direction_of_effect(compared)
    assert str((compared.role == "ev").sum()) in figure.alt
    assert len(without_harms(tables)) < len(tables["studies"])


def test_percentages_of_both_arms_give_a_direction_and_no_estimate():
    tables = shipped()
    comparisons, _ = read_comparisons(RAW, tables["outcomes"], tables["arms"])
    compared = compared_outcomes(
        tables,
        comparisons,
        effects(tables["studies"], tables["arms"], tables["outcomes"]),
        read_csv(RAW / "curation/report_codes.csv"),
    )
    assert "difference of percentages" not in set(compared.measure.dropna())
    [death] = compared[compared.points_by == "printed percentages"].itertuples()  # more survived, so fewer died
    assert (death.outcome, death.points_to) == ("60-day all-cause mortality vs placebo (ITT)", "better")
    assert death.direction == "no difference" and pd.isna(death.estimate)


def test_a_harm_that_the_paper_prints_and_no_report_of_ours_shows_is_named():
    tables = {
        "table2": pd.DataFrame(
            {
                "trn": ["T1", "T2", "T3"],
                "outcomes": ["slow pulse 2/24", "colitis", "x"],
                "adverse_events": ["mild", "serious", "none"],
            }
        ),
        "studies": pd.DataFrame({"study_id": ["a", "b"], "trn": ["T1", "T2"]}),
        "arms": pd.DataFrame({"study_id": ["a", "b"], "arm_id": ["a/1", "b/1"]}),
        "adverse_events": pd.DataFrame({"arm_id": ["a/1", "b/1"], "n_events": ["0", "1"]}),
        "paper": pd.DataFrame({"arm_id": ["a/1"], "reading": ["tolerated"], "quote": ["no harm"]}),
    }
    said = printed_by_the_paper(tables)
    assert "T1, “slow pulse 2/24”" in said and "T2" not in said and "T3" not in said
    assert not printed_by_the_paper(tables | {"table2": tables["table2"][1:]})
    fatal = pd.DataFrame({"arm_id": ["b/1"], "reading": ["harm"], "quote": ["stopped for fatal events"]})
    assert "T2, “stopped for fatal events”" in printed_by_the_paper(tables | {"paper": fatal})
