"""Figures of the fourth chapter: findings that follow from small synthetic tables, and no text over another or cut."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_describe_figures import said, uncrowded

from evlib.doses import figures as chapter


def doses(*changes):
    """Synthetic tested doses, changed row by row."""
    base = {
        **{"study_id": "s1", "study": "Synthetic 2001", "arm": "low", "n": 5, "route_group": "nebulised"},
        **{"basis": "stated", "why": None, "low": 2e8, "high": 2e8, "reading": "effective"},
        "source_url": "https://example.org/1",
    }
    volumes = {"study_id": "s2", "study": "Synthetic 2002", "route_group": "intravenous", "basis": "derived"}
    volumes |= {"why": "volume times the concentration stated of Madeup", "low": 1e9, "high": 1.2e12}
    rows = [
        base,
        base | {"arm": "high", "low": 1e10, "high": 2e10, "reading": "not compared"},
        base | {"arm": "high again", "low": 1e10, "high": 2e10, "reading": "not compared"},
        base | volumes,
        base | volumes | {"arm": "less", "low": 7e8, "high": 8e11, "reading": "less effective"},
        base | {"arm": "salve", "route_group": None, "basis": "assumed", "reading": "no effect shown", "n": None},
        base | {"arm": "unknown", "low": None, "high": None, "basis": "not convertible"},
    ]
    rows = [row | change for row, change in zip(rows, [*changes, *[{}] * len(rows)], strict=False)]
    frame = pd.DataFrame(rows).astype({"n": "Int64", "low": "float64", "high": "float64"})
    middle = np.sqrt(frame.low * frame.high)
    return frame.assign(median=middle, q025=np.sqrt(frame.low * middle), q975=np.sqrt(frame.high * middle))


def effects(*changes):
    """Synthetic effects, changed row by row."""
    base = {
        **{
            "study": "Synthetic 2001",
            "arm": "vesicles",
            "versus": "placebo",
            "outcome": "death",
            "timepoint": "day 60",
        },
        **{"measure": "risk ratio", "estimate": 0.63, "low": 0.31, "high": 1.24, "p": None, "basis": "counts"},
        **{"events": 10, "n": 34, "versus_events": 16, "versus_n": 34, "msc_derived": True, "primary": True},
        **{"disease_group": "lung (COVID-19/ARDS)", "route": "iv", "source_url": "https://example.org/1"},
        "ev_arm": True,
        "better_when": "lower",
    }
    more = {"study": "Synthetic 2002", "primary": False, "route": "nebulised"}
    rows = [
        base,
        base | {"outcome": "any serious adverse event", "estimate": 0.2, "low": 0.08, "high": 0.5, "primary": False},
        base | more | {"msc_derived": False, "estimate": 0.0, "low": 0.0, "high": 1.4, "events": 0, "timepoint": None},
        base | more | {"study": "Synthetic 2003", "basis": "estimated counts", "low": 0.001, "high": 150.0},
        base | more | {"study": "Synthetic 2003", "measure": "risk ratio as reported", "basis": "as reported"}
        | {"low": None, "high": None, "p": 0.04, "events": None, "n": None, "versus_n": None},
        base | more | {"study": "Synthetic 2003", "basis": "reconstructed from p", "estimate": 40.0, "high": 90.0},
        base | {"measure": "mean difference", "estimate": -3.0, "low": -5.0, "high": 1.0, "basis": "mean and SD"},
        base | {"estimate": None, "low": None, "high": None},
    ]  # fmt: skip
    rows = [row | change for row, change in zip(rows, [*changes, *[{}] * len(rows)], strict=False)]
    numbers = ["estimate", "low", "high", "p", "events", "n", "versus_events", "versus_n"]
    frame = pd.DataFrame(rows)
    return frame.assign(**{name: frame[name].astype("float64") for name in numbers})


def combinations(rules=("paper", "primary")):
    """Synthetic combinations of three dials; under "primary" nothing can be computed."""
    rows = [
        {"effective_if": rule, "per": per, "exoflo_per_ml": per_ml}
        for rule in rules
        for per in ("administration", "course")
        for per_ml in (np.nan, 7e7)
    ]
    frame = pd.DataFrame(rows).assign(as_set=[i == 0 for i in range(len(rows))], share=1.0)
    frame.loc[frame.per.eq("course") & frame.exoflo_per_ml.eq(7e7), "share"] = 0.4
    frame["share"] = frame.share.mask(frame.effective_if == "primary")
    verdict = frame.share.map(lambda share: "weaker than stated" if share > 0.95 else "not supported")
    frame["below intravenous"] = verdict.mask(frame.share.isna(), "cannot be judged")
    return frame.assign(narrow="not supported", parameters="x")


def readings(per_ml=(7e7, 8e10)):
    """Synthetic readings of a concentration for three doses of two trials."""
    sources = ["NCT00000001", "doi:10.1000/made.up", "https://example.org/x/y | NCT00000002"]
    rows = [
        {"trn": trn, "arm": None, "volume_ml": ml, "stated_particles": None, "per_ml": value, "particles": ml * value}
        | {"times_lowest": value / per_ml[0], "source": sources[i % 3], "read_at_source": True, "weight": float(i != 2)}
        for trn, ml in (("NCT00000001", 15.0), ("NCT00000001", 10.0), ("NCT00000003", 15.0), ("NCT00000003", 3.0))
        for i, value in enumerate(per_ml)
    ]
    return pd.DataFrame(rows)


def drawn(many=1):
    """Each figure of its synthetic table, or of one many times as long."""

    def longer(frame, *names):
        parts = [frame.assign(**{name: frame[name] + " and more" * (9 * i) for name in names}) for i in range(many)]
        return pd.concat(parts, ignore_index=True)

    made = [
        chapter.tested_by_route(longer(doses(), "study_id", "study", "arm")),
        chapter.forest(longer(effects(), "study", "outcome", "arm")),
        chapter.forest(longer(effects(), "study", "outcome", "arm"), msc_derived=False),
        chapter.specification_curve(combinations() if many == 1 else combinations(["paper", "reported", "compared"])),
        chapter.product_readings_figure(longer(readings((7e7, 1e10, 8e10)), "source"), band=(2e8, 2e10)),
    ]
    plt.close("all")
    return {figure.name: figure for figure in made}


EMPTY = {
    "tested_by_route": lambda: chapter.tested_by_route(doses().iloc[:0]),
    "forest": lambda: chapter.forest(effects().iloc[:0]),
    "specification_curve": lambda: chapter.specification_curve(combinations().iloc[:0]),
    "product_readings": lambda: chapter.product_readings_figure(readings().iloc[:0], band=(1e8, 1e9)),
}


@pytest.fixture(scope="module")
def small():
    return drawn()


@pytest.mark.parametrize("many", [1, 8])
def test_no_text_is_over_another_or_cut(many):
    made = drawn(many)
    assert {name: wrong for name, figure in made.items() if (wrong := uncrowded(figure))} == {}
    assert {name: wrong for name, figure in made.items() if (wrong := uncrowded(figure.narrow()))} == {}
    plt.close("all")
    assert all(figure.drawing.get_figwidth() == 5 for figure in made.values())


@pytest.mark.parametrize("name", EMPTY)
def test_where_nothing_is_known_it_is_said(name):
    figure = EMPTY[name]()
    assert figure.name == name and figure.title in figure.alt and figure.data.empty and not uncrowded(figure)


def test_the_alt_text_says_the_finding_and_the_number(small):
    for figure in small.values():
        assert figure.title in figure.alt and "n = " in figure.alt and "nan" not in figure.alt


def test_tested_doses_are_lines_by_route(small):
    figure = small["tested_by_route"]
    pd.testing.assert_frame_equal(figure.data.drop(columns="line"), doses())
    assert figure.data.line.tolist() == [0, 1, 1, 3, 2, 4, pd.NA]  # equal amounts of one report share a line
    assert figure.title == (
        "Effective doses as the paper reads them, in particles: nebulised 2×10⁸ (1 report, stated), "
        "intravenous 1×10⁹ to 1.2×10¹² (1 report, derived from volumes of Madeup)"
    )
    assert "Not shown: 1 dose without an amount in particles" in said(figure)
    assert "high, high again (2 arms), nebulised: 1×10¹⁰ to 2×10¹⁰, not compared, stated, n = 10" in figure.alt
    assert {"derived", "assumed", "stated", "10", "–"} <= {text.get_text() for text in figure.drawing.axes[0].texts}


def test_the_title_of_tested_doses_follows_them():
    one = chapter.tested_by_route(doses({"high": 4e8}), per="course", effective_if="reported")
    assert (
        "by anything better than another arm or improved since before, in particles: nebulised 2×10⁸ to 4×10⁸"
        in one.title
    )
    assert "Particles per course" in said(one)
    none = chapter.tested_by_route(doses(*[{"low": None, "high": None, "basis": "not convertible"}] * 7))
    assert "nebulised none in particles (1 without an amount), intravenous none in particles (1" in none.title
    assert none.data.line.isna().all() and "7 doses without an amount" in none.alt and not uncrowded(none)
    less = chapter.tested_by_route(doses(*[{"reading": "less effective"}] * 7))
    assert less.title.endswith("nebulised none, intravenous none")


def test_a_forest_counts_intervals_and_what_it_leaves_out(small):
    figure, other = small["forest"], small["forest_other_vesicles"]
    msc = effects().msc_derived
    pd.testing.assert_frame_equal(figure.data.drop(columns="drawn"), effects()[msc])
    pd.testing.assert_frame_equal(other.data.drop(columns="drawn"), effects()[~msc])
    assert figure.data.drawn.tolist() == [True] * 5 + [False] * 2
    assert figure.title == (
        "3 of 4 ratios for vesicles of MSCs are compatible with no difference; of primary outcomes 1 of 1"
    )
    assert "include 1: 3 of 4; of the others 0 of 1 estimated or reconstructed; 1 ratio without an interval" in said(
        figure
    )
    assert "Not drawn: 1 of other measures (mean difference); 1 without a finite estimate." in figure.alt
    texts = {text.get_text() for text in figure.drawing.axes[0].texts}
    wanted = {"0.63 (0.31 to 1.2)", "vesicles v. placebo", "0.63 (p = 0.04)", "10 of 34 v. 16 of 34", "n not printed"}
    assert wanted <= texts
    told = chapter.forest(effects().assign(n_people="50"))  # of a subgroup whose sides are not told
    assert "n = 50 in all" in {text.get_text() for text in told.drawing.axes[0].texts}
    assert "Bold outcome" in said(figure) and "Bold outcome" not in said(other)
    others = {text.get_text() for text in other.drawing.axes[0].texts}
    assert {"Synthetic 2002 (not of MSCs)", "0 (0 to 1.4)"} <= others and "Synthetic 2001" not in others
    assert "0 of 34 v. 16 of 34" in other.alt
    assert other.title == "1 of 1 ratio for other vesicles is compatible with no difference"


def test_the_title_of_a_forest_counts_primary_outcomes_that_are_compared_without_an_estimate():
    base = {"primary": True, "comparison": "between arms", "ev_arm": True, "msc_derived": True}
    others = [{"primary": False}, {"comparison": "none"}, {"ev_arm": False}, {"msc_derived": False}]
    without = pd.DataFrame([base, *(base | change for change in others)])
    title = chapter.forest(effects(), without=without).title
    assert title.endswith("of primary outcomes 1 of 1 (1 more compared, without an estimate)")
    secondary = chapter.forest(effects().assign(primary=False), without=without).title
    assert secondary.endswith("; 1 primary outcome compared without an estimate")


def test_each_kind_of_outcome_has_an_axis_with_its_own_sides():
    kinds = ["lower", "higher", None, None, "higher", "higher", "higher", "higher"]
    figure = chapter.forest(effects().assign(better_when=kinds))
    texts = [text.get_text() for text in figure.drawing.axes[0].texts]
    heads = ["Outcomes of which fewer or less is better", "Outcomes of which more is better"]
    places = [texts.index(text) for text in [*heads, "Outcomes whose better side is not coded"]]
    assert places == sorted(places)
    sides = [text for text in texts if "favours" in text]
    first, second = (
        ("← favours the first arm", "favours the second arm →"),
        ("← favours the second arm", "favours the first arm →"),
    )
    assert sides == [*first, *second]  # none where it is not coded
    assert not uncrowded(figure)


def test_the_title_of_a_forest_follows_its_rows():
    after = chapter.forest(effects({"high": 0.997, "basis": "estimated counts"}))
    assert after.title == (
        "2 of 4 ratios for vesicles of MSCs are compatible with no difference; of primary outcomes 0 of 1"
    )
    assert "of the others 1 of 2 estimated or reconstructed" in said(after)
    assert "0.63 (0.31 to 0.997)" in said(after)
    nothing = chapter.forest(effects().query("measure == 'mean difference'"))
    assert nothing.title.startswith("No ratio of effect has an estimate")
    assert "1 of other measures (mean difference)" in nothing.alt
    assert not uncrowded(nothing)


def test_cells_without_vesicles_are_no_effect_of_vesicles():
    frame = effects()
    figure = chapter.forest(frame.assign(ev_arm=[False] + [True] * (len(frame) - 1)))
    assert "include 1: 2 of 3" in said(figure) and "1 of arms without vesicles" in figure.alt
    assert figure.data.drawn.tolist() == [False] + [True] * 4 + [False] * 2


def test_a_specification_curve_is_sorted_and_counts_what_cannot_be_computed(small):
    figure, table = small["specification_curve"], combinations()
    assert figure.title == (
        "The share of readings of the amounts in which the effective dose is lower nebulised than intravenously runs from 0.40 "
        "to 1.00 in 4 of 8 combinations of the assumptions; the claim that it is lower: weaker than stated in 3, not supported "
        "in 1, cannot be judged in 4"
    )
    data = figure.data
    assert data.column.tolist() == list(range(1, 9)) and data.share.dropna().is_monotonic_increasing
    assert data.share.isna().tolist() == [False] * 4 + [True] * 4
    assert sorted(data.share.dropna()) == sorted(table.share.dropna()) and data.as_set.sum() == 1
    texts = {text.get_text() for text in figure.drawing.axes[0].texts}
    assert {
        "4 with a share",
        "4 without",
        "per course",
        "7×10⁷",
        "every reading",
        "narrow",
        "cannot be judged",
    } <= texts
    assert "stands" not in texts  # no column has it
    assert "as the paper reads it 0.40 to 1.00 (in 4 of 4)" in figure.alt and "drawn narrower" in said(figure)


def test_the_title_of_a_curve_follows_it():
    none = chapter.specification_curve(combinations().assign(share=np.nan, **{"below intravenous": "cannot be judged"}))
    assert none.title == "In none of 8 combinations of the assumptions can the doses of the routes be compared"
    one = chapter.specification_curve(combinations().iloc[:2].assign(share=0.9999))
    assert "intravenously is >0.99 in 2 of 2 combinations" in one.title
    assert not uncrowded(none) and not uncrowded(one)


def test_readings_of_a_product():
    figure = chapter.product_readings_figure(readings(), band=(2e8, 2e10), product="Madeup")
    assert figure.title == (
        "One 15 mL dose of Madeup is 1.05×10⁹ or 1.2×10¹² particles, depending on the source; "
        "1 lies within the nebulised doses that are effective as the paper reads them, 1 above"
    )
    assert "in a randomised comparison: none." in figure.alt
    assert figure.data.volume_ml.tolist() == [15, 15, 10, 10]
    assert figure.data.particles.tolist() == pytest.approx([1.05e9, 1.2e12, 7e8, 8e11])
    assert figure.data.n_trials.tolist() == [2, 2, 1, 1]
    assert figure.data.source_url[0] == "https://clinicaltrials.gov/study/NCT00000001"
    assert figure.data.source_url[1] == "https://doi.org/10.1000/made.up"
    three = chapter.product_readings_figure(readings((7e7, 1e10, 8e10)), band=(np.nan, np.nan))
    assert three.title.endswith("1.05×10⁹ to 1.2×10¹² particles, depending on the source (3 readings)")
    assert {"8×10¹⁰ per mL (not used)", "example.org, NCT00000002"} <= {
        t.get_text() for t in three.drawing.axes[0].texts
    }
    one = chapter.product_readings_figure(readings((7e7,)).query("volume_ml == 10"), band=(2e8, 2e10))
    assert one.title == "One 10 mL dose of ExoFlo is 7×10⁸ particles by every source"
    none = chapter.product_readings_figure(readings().query("volume_ml == 3"))
    assert none.title == "No trial states a dose of ExoFlo as 15 mL or 10 mL"


values = st.one_of(st.none(), st.floats(0, 1e6), st.just(float("inf")))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                **dict.fromkeys(["estimate", "low", "high", "p", "n"], values),
                "study": st.sampled_from(["Synthetic 2009", None]),
                "outcome": st.sampled_from(["$x^2$", "é" * 90, "death", None]),
                "arm": st.sampled_from([None, "1", "a b " * 50]),
                "basis": st.sampled_from(["counts", None, "estimated counts"]),
                "msc_derived": st.sampled_from([True, False, "True", None]),
                "better_when": st.sampled_from(["lower", "higher", None]),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_effects_can_be_drawn(changes):
    figures = [chapter.forest(effects(*changes), msc_derived=own) for own in (True, False)]
    assert not any(map(uncrowded, figures)) and sum(len(figure.data) for figure in figures) == 8
    plt.close("all")
