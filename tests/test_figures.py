"""Figures: files and alt text are written, the finding is computed, and an empty search draws no false picture."""

import base64
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import seaborn as sns
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from evlib.base import theme
from evlib.base.figure import show
from evlib.base.point_layout import GREY, width_of
from evlib.base.schema import columns
from evlib.describe import bars
from evlib.doses import stated_doses


def described(*rows):
    frame = pd.DataFrame(rows, columns=["trn", "screening", "route", "registered"])
    frame["registered"] = pd.to_datetime(frame.registered)
    return frame.reindex(columns=columns("described"))


def some_drawing():
    """A bar chart with a row of what is not reported, a legend, and a label that is no formula."""
    drawing, axes = plt.subplots(layout="constrained")
    rows = pd.DataFrame({"route": ["$x^2", "Not reported"], "n": [2, 1], "kind": ["sure", "not sure"]})
    sns.barplot(rows, x="n", y="route", hue="kind", ax=axes)
    return drawing


def test_a_drawing_is_dressed_with_title_note_and_grey():
    drawing = some_drawing()
    theme.dress(drawing, "All of them", "Trials (n = 3).")
    [axes] = drawing.axes
    assert drawing.get_suptitle() == "All of them" and axes.get_legend() is None
    assert drawing.legends[0].get_title().get_text() == "Trials (n = 3)."
    bars_at = {
        round(bar.get_y() + bar.get_height() / 2): to_hex(bar.get_facecolor())
        for part in axes.containers
        for bar in part
    }
    assert bars_at[1] == GREY.lower() != bars_at[0]
    assert not any(label.get_parse_math() for label in axes.get_yticklabels())
    theme.dress(drawing, "Another")
    assert drawing.get_suptitle() == "All of them"


def test_the_title_counts_included_trials_only():
    table = described(
        ("1", "included", "nebulised", "2020-01-01"),
        ("2", "included", "nebulised", "2021-01-01"),
        ("3", "included", None, None),
        ("4", "pending", "topical", "2019-01-01"),
    )
    figure = bars.trials_by(table, "route", noun="route", labels={"nebulised": "Nebulised", "topical": "Topical"})
    assert (
        figure.title
        == "Route: most often Nebulised (2 of 3 trials); not reported for 1; 1 proposal not yet read, in orange"
    )
    assert figure.data.set_index("route").loc["Topical"].tolist() == [0, 1]
    assert figure.data.route.tolist()[-1] == "Not reported"
    assert "3 included, 1 not yet read" in figure.alt
    years = bars.trials_by_year(table)
    assert (
        years.title == "2 of 2 trials with a date were registered in 2020 or later; the date of 1 trial is not known; "
        "1 proposal not yet read, in orange"
    )


def test_a_shown_figure_has_its_files_alt_text_and_picture(tmp_path):
    table = described(("1", "included", '<b>"x"</b>', "2020-01-01"))
    shown = show(bars.trials_by(table, "route", noun="route"), tmp_path, drawing=some_drawing()).data
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".svg", ".png", ".csv", ".txt"}
    assert "<b>" not in shown.replace("<figure", "")
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1])
    assert picture.startswith(b"<?xml")
    assert picture == (tmp_path / "figures/trials_by_route.svg").read_bytes()


def test_the_same_figure_is_the_same_file(tmp_path):
    table = described(("1", "included", "nebulised", "2020-01-01"))
    counted = bars.trials_by(table, "route", noun="route")
    first, second = (show(counted, tmp_path / name, drawing=some_drawing()).data for name in ("a", "b"))
    assert first == second


def test_a_png_is_copied_from_a_search_beside_where_all_of_its_drawing_is_the_same(tmp_path):
    counted = bars.trials_by(described(("1", "included", "nebulised", "2020-01-01")), "route", noun="route")
    place = f"figures/{counted.name}.png"
    show(counted, tmp_path / "a", drawing=some_drawing())
    drawn = (tmp_path / "a" / place).read_bytes()
    known = drawn.replace(b"IDAT", b"IDAX", 1)
    (tmp_path / "a" / place).write_bytes(known)

    def shown_in(name, figure=counted):
        show(figure, tmp_path / name, drawing=some_drawing())
        return (tmp_path / name / place).read_bytes()

    assert shown_in("b") == drawn  # no search is known to be beside it
    (tmp_path / "a" / "search.json").write_text("{}")
    assert shown_in("b") == known
    assert shown_in("b", counted._replace(title="Another")) not in (drawn, known)
    (tmp_path / "a" / place).write_bytes(known[:-100])
    assert shown_in("b") == drawn


def test_no_included_trial_is_said_not_drawn():
    assert "No " in bars.trials_by(described(), "route", noun="route").title
    assert "No " in bars.trials_by_year(described()).title
    undated = described(("1", "pending", None, None))
    assert bars.trials_by_year(undated).title == "No trial of this search has a registration date"
    assert bars.trials_by(undated, "route", noun="route").title.endswith("No proposed trial reports its route")


def test_bars_of_proposals_alone_carry_what_they_show():
    table = described(
        ("1", "pending", "nebulised", "2020-01-01"),
        ("2", "pending", "nebulised", "2019-01-01"),
        ("3", "pending", None, "2021-01-01"),
    )
    by_route = bars.trials_by(table, "route", noun="route", labels={"nebulised": "Nebulised"})
    assert by_route.title == (
        "None included yet, 3 proposed. Route: most often Nebulised (2 of 3 trials); not reported for 1"
    )
    assert bars.trials_by_year(table).title == (
        "None included yet, 3 proposed: 2 of these registered in 2020 or later, 1 before"
    )


@pytest.mark.parametrize(("value", "text"), [(2e8, "2×10⁸"), (1.2e12, "1.2×10¹²"), (5e9, "5×10⁹")])
def test_powers_of_ten_read_as_such(value, text):
    assert stated_doses.power(value) == text


@pytest.mark.parametrize("text", ["To Avoid: LICENSES, WAVES", "Lung and airways (22)", "office, affluent", "ChiCTR2000030261", "外泌体 é"])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Glyph")  # which the font lacks
@pytest.mark.parametrize("bold", [False, True])
def test_a_line_is_as_wide_as_matplotlib_draws_it(text, bold):
    font = FontProperties(family="DejaVu Sans", size=9, weight="bold" if bold else "normal")
    drawn = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    assert drawn - 0.5 < width_of(text, size=9, bold=bold) < 1.03 * drawn + 0.5  # the sides of letters, and ligatures
