"""Figures of the third chapter: findings and counts on tables of known content, and no text over another or cut."""

import itertools
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import seaborn as sns
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.ticker import ScalarFormatter

from evlib.base import tables, theme
from evlib.base.figure import show
from evlib.base.schema import checked, columns, kinds, read_table
from evlib.describe import bars, figures, maps, reporting
from evlib.describe.geography import OUTLINES, outlines

LABELS = {
    "phase_group": {"early-1": "Early phase 1", "1": "Phase 1", "2": "Phase 2", "not-applicable": "Not applicable"},
    "msc_source": {"adipose": "Adipose tissue", "bone-marrow": "Bone marrow"},
    "disease_area": {"respiratory": "Lung and airways"},
}
ROWS = [
    {
        "countries": "Iran",
        "registered": "2019-05-01",
        "registered_basis": "observed",
        "phase_group": "1",
        "msc_source": "adipose",
        "status": "COMPLETED",
        "results_posted": True,
        "enrolment": 10,
        "enrolment_type": "Actual",
        "disease_area": "respiratory",
        "covid19": False,
        "route": "nebulised",
        "route_group": "nebulised",
        "study_type": "interventional",
    },
    {
        "countries": "Iran | China",
        "registered": "2020-04-01",
        "registered_basis": "estimated",
        "phase_group": "early-1",
        "msc_source": "adipose",
        "status": "Completed",
        "enrolment": 1000,
        "enrolment_type": "Estimated",
        "disease_area": "respiratory",
        "covid19": True,
        "route": "intravenous",
        "route_group": "intravenous",
        "study_type": "interventional",
    },
    {
        "phase_group": "1",
        "msc_source": "adipose",
        "status": "Recruiting",
        "disease_area": "respiratory",
        "covid19": True,
        "route": "nebulised",
        "route_group": "nebulised",
    },
    {"screening": "pending", "countries": "Peru", "phase_group": "2", "status": "Completed", "enrolment": 5},
]


def table(name, rows):
    """A table of these rows; what they do not say is missing."""
    basics = {
        "screening": "included",
        "title": "A trial",
        "coded_by": "machine-read",
        "registry": "r",
        "trn_kind": "number",
    }
    basics |= {"snapshot": "s", "unit_kind": "particles"}
    rows = [{"trn": f"NCT{i:08d}"} | basics | row for i, row in enumerate(rows)]
    frame = pd.DataFrame(rows, columns=None if rows else columns(name)).reindex(columns=columns(name))
    frame = frame.assign(**{c: pd.to_datetime(frame[c]) for c, kind in kinds(name).items() if kind == "date"})
    return checked(frame, name)


CHAPTER = nbformat.read(ROOT / "notebooks/03_describe.ipynb", as_version=4).cells
DRAWN_BY = ("f15b", "08", "f02", "f04", "f08", "f09", "f11", "f17", "f20", "f22", "13")


def counted(described, records, doses):
    """What the figures count, by name."""
    nouns = ("cell source", "phase")
    made = [
        figures.countries_over_time(described),
        figures.crossed_fields(described, "msc_source", "phase_group", nouns=nouns, labels=LABELS),
        figures.lung_trials(described, labels=LABELS),
        figures.registrations(described),
        figures.status_and_results(described),
        figures.enrolment_by_phase(described, labels=LABELS),
        reporting.completeness_by_year(described, records, doses),
        maps.evidence_map(described, labels=LABELS),
    ]
    plt.close("all")
    return {figure.name: figure for figure in made}


def drawn(described, records=None, doses=None, labels=LABELS):
    """All figures of the chapter, by name: its own cells draw them."""
    records = table("records", []) if records is None else records
    doses = table("doses", []) if doses is None else doses
    made = [maps.evidence_map(described, labels=labels)]

    def keep(counted, out, drawing):
        theme.dress(drawing, counted.title, counted.note)
        made.append(counted._replace(drawing=drawing))

    space = {"pd": pd, "plt": plt, "sns": sns, "theme": theme, "figures": figures, "bars": bars, "reporting": reporting}
    space |= {"tables": tables, "described": described, "records": records, "labels": labels, "raw": ROOT}
    space |= {"figure": SimpleNamespace(show=keep), "out": ROOT, "review": {"added_fields": []}}
    space |= {"write_csv": lambda *_: None, "display": lambda _: None}
    space |= {"stated_doses": SimpleNamespace(stated_doses=lambda *_, **__: (doses, None))}
    space["stated_doses"].with_routes, space["stated_doses"].of_records = lambda doses, _: doses, lambda doses: doses
    for name in DRAWN_BY:
        exec(next(cell.source for cell in CHAPTER if cell["id"] == f"describe-{name}"), space)
    assert len({figure.name for figure in made}) == len(made) == len(DRAWN_BY) + 2
    plt.close("all")
    return {figure.name: figure for figure in made}


@pytest.fixture(scope="module")
def small():
    records = [{"masking": "None (Open Label)", "sponsor": "A"}, {}, {}, {"masking": "Double"}]
    doses = [{"as_stated": "1e9", "n_administrations": 1}, {"unit_kind": "other", "as_stated": "a spoon"}]
    return drawn(table("described", ROWS), table("records", records), table("doses", doses))


def large():
    """Many trials with many long values, each code, country and status another, and dollars in them."""
    words = [f"${i} value_{i}^2 of a long and wordy name$" for i in range(25)]
    rows = [
        {
            "countries": f"{word} | {words[i - 1]}",
            "registered": f"{1995 + i + n % 3}-0{1 + n % 9}-01",
            "registered_basis": "estimated" if n % 2 else "observed",
            "enrolment": 10 ** (n % 8),
            "disease_area": "respiratory" if n % 2 else word,
            "covid19": n % 4 == 1,
            **dict.fromkeys(["phase_group", "msc_source", "route", "route_group", "design", "study_type"], word),
            "status": word,
        }
        for n in range(6)
        for i, word in enumerate(words)
    ]
    return table("described", rows + [{}] * 30 + [{"screening": "pending"}] * 200)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("countries_over_time", "Country with the most trials: Iran"),
        ("msc_source_by_phase_group", "Cell source and phase: most often Adipose tissue with Phase 1 (2)"),
        ("lung_trials", "Lung and airways: 2 of 3 trials are on COVID-19; route most often nebulised; cell source most often Adipose tissue"),
        ("registrations_per_month", "1 of 2 trials with a date was registered during the COVID-19 emergency, 1 of these on COVID-19"),
        ("status_and_results", "Most frequent status: Completed (2 of 3 trials); of the completed ones 1 of 2 shows results, as far as records tell"),
        ("enrolment_by_phase", "Half of the trials enrol 505 participants or fewer, actual or planned"),
        ("completeness_by_year", "Records state allocation least often, newer ones no more often than older ones"),
        ("evidence_map", "Tried most often: Lung and airways by nebulised (2); 0 of 2 pairs of disease and route are without a trial"),
    ],
)  # fmt: skip
def test_the_title_is_the_finding_of_included_trials(small, name, title):
    assert small[name].title == title
    assert title in small[name].alt


def test_the_data_are_the_counts(small):
    by_country = small["countries_over_time"].data.set_index("country")
    assert by_country.columns.tolist() == ["2019", "2020", "No date"]
    assert by_country.loc["Iran"].tolist() == [1, 1, 0]
    assert by_country.index.tolist() == ["Iran", "China", "Not reported"]
    assert "A trial with two values counts once under each" in said(small["countries_over_time"])
    cells = small["msc_source_by_phase_group"].data.set_index("msc_source")
    assert cells.columns.tolist() == ["Early phase 1", "Phase 1", "Not reported"]  # by code, whatever the counts
    assert cells.loc["Adipose tissue"].tolist() == [1, 2, 0]
    assert small["registrations_per_month"].data.kind.tolist() == ["other", "COVID-19, date estimated"]
    shares = small["completeness_by_year"].data.set_index(["field", "registered"])
    assert (
        shares.loc[("Dose", "before 2020")].tolist()
        == shares.loc[("Dose", "2020\N{EN DASH}2021")].tolist()
        == [1, 1, 100]
    )
    assert small["enrolment_by_phase"].data.number.tolist() == ["actual", "planned"]
    assert sorted(small["evidence_map"].data.trn) == [f"NCT{i:08d}" for i in range(3)]
    # The pending trial is not on the lung.
    assert all(
        "1 not yet read" in said(f) for name, f in small.items() if name not in ("lung_trials", "trials_by_year")
    )


def said(figure):
    """The texts of a drawing, its lines joined."""
    return " ".join(" ".join(text.get_text() for text in figure.drawing.findobj(Text)).split())


def test_the_score_names_what_each_trial_shows():
    doses = table("doses", [{"unit_kind": "other", "as_stated": "a spoon"}])
    records = table("records", [{"trn": "NCT00000001", "masking": "None"}])
    scores = reporting.reporting_score(table("described", ROWS), records, doses).set_index("trn")
    assert scores.loc["NCT00000000", ["dose", "dose_measures_evs", "masking"]].tolist() == [True, False, False]
    assert scores.loc["NCT00000001", ["dose", "masking"]].tolist() == [False, True]
    assert scores.score.tolist() == [7, 7, 3]
    assert (scores.of == len(reporting.ITEMS)).all() and "NCT00000003" not in scores.index


@pytest.mark.parametrize(
    ("words", "title", "shown"),
    [
        # WHO ICTRP's words: whether such a trial is completed, they do not tell.
        (["Recruiting", "Recruiting", "Not Recruiting"], "Recruiting (2 of 3 trials)", ["Recruiting 2", "Not recruiting (no more is told) 1"]),
        (["Authorised"], "Authorised (no more is told) (1 of 1 trial)", ["Not yet recruiting 0"]),
        (["Recruiting", None], "Recruiting (1 of 2 trials)", ["Not reported 1"]),
        (["Active, not recruiting"], "Active, not recruiting (1 of 1 trial); none is completed", ["Active, not recruiting 1"]),
    ],
)  # fmt: skip
def test_that_none_is_completed_is_said_only_where_the_sources_tell(words, title, shown):
    figure = figures.status_and_results(table("described", [{"status": word} for word in words]))
    plt.close("all")
    assert figure.title == f"Most frequent status: {title}"
    assert all(text in figure.alt for text in shown)
    assert figure.data.columns.tolist() == ["value", "status"] and "ompleted trials" not in figure.alt


STATUS = {
    "Recruiting": "Recruiting | Open public recruiting | ENROLLING_BY_INVITATION | open to recruitment",
    "Not yet recruiting": "NOT_YET_RECRUITING | Pending | Preinitiation | Not yet started",
    "Active, not recruiting": "ACTIVE_NOT_RECRUITING | Active, not recruiting | Ongoing",
    "Completed": "COMPLETED | Complete | Ended | Main results already published",
    "Terminated, suspended or withdrawn": "Terminated | Suspended | Withdrawn | Stopped early | Halted | Prematurely Ended",
    "Unknown": "Unknown status | UNKNOWN",
    "Not recruiting (no more is told)": "Not Recruiting | No longer recruiting | Recruitment complete | Recruitment completed",
    "Authorised (no more is told)": "Authorised",
    "Expanded access": "Available | NO_LONGER_AVAILABLE | Temporarily not available | Approved for marketing",
    "Other word": "On the moon",
    "Not reported": None,
}  # fmt: skip


@pytest.mark.parametrize("group", STATUS)
def test_each_word_of_a_registry_for_the_state_of_a_trial_has_its_group(group):
    words = pd.Series((STATUS[group] or "").split(" | ")).replace("", None)
    assert set(figures.status_groups(words)) == {group}


def test_every_status_that_the_shipped_records_show_is_a_known_one(shipped):
    groups = figures.status_groups(shipped.status)
    assert "Other word" not in set(groups)
    # What is given outside of a trial is no trial that has ended.
    assert set(groups[shipped.study_type == "Expanded Access"]) == {"Expanded access"}
    assert not figures.same_status("Available", "No longer available")


def test_a_first_report_says_that_nothing_is_included_yet():
    for name, figure in drawn(table("described", [{"screening": "pending", "countries": "Peru"}] * 2)).items():
        assert figure.title.startswith(("None included yet, 2 proposed", "No trial of this search has a reg")), name


@pytest.mark.parametrize("rows", [[], [{"screening": "pending"}], [{}], [{}, {"status": "on the moon"}]])
def test_where_nothing_is_known_it_is_said(rows):
    for figure in drawn(table("described", rows)).values():
        assert figure.title and figure.alt and not uncrowded(figure)
        assert "nan" not in figure.alt


def uncrowded(figure):
    """What is wrong with the texts of a drawing: over one another, cut, or too small."""
    drawing = figure.drawing
    renderer = FigureCanvasAgg(drawing).get_renderer()
    drawing.draw(renderer)
    [axes] = drawing.axes
    names = (
        axes.get_yticklabels()
        if axes.axison and not isinstance(axes.yaxis.get_major_formatter(), ScalarFormatter)
        else []
    )
    texts = [text for text in [*axes.texts, *names] if text.get_text()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    wrong = [
        (a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.padded(-1).overlaps(other.padded(-1))
    ]
    width, height = drawing.bbox.width, drawing.bbox.height
    wrong += [(t, "is cut") for t, b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > width + 1 or b.y1 > height]
    return wrong + [(text.get_text(), "is small") for text in texts if text.get_fontsize() < 8]


def test_no_text_is_over_another_or_cut_on_a_small_table(small):
    assert {name: wrong for name, figure in small.items() if (wrong := uncrowded(figure))} == {}


def test_no_text_is_over_another_or_cut_on_a_large_table():
    made = {"evidence_map": maps.evidence_map(large(), labels=LABELS)}
    plt.close("all")
    assert {name: wrong for name, figure in made.items() if (wrong := uncrowded(figure))} == {}
    assert all(figure.drawing.get_figwidth() == 5 for figure in made.values())
    assert not any(text.get_parse_math() for figure in made.values() for text in figure.drawing.axes[0].texts)


def test_a_large_table_is_drawn_with_dollars_in_its_words():
    for figure in drawn(large()).values():
        FigureCanvasAgg(figure.drawing).draw()


def test_no_bubble_is_over_another():
    rows = [ROWS[i % 3] | {"enrolment": 3**i} for i in range(15)]
    figure = maps.evidence_map(table("described", rows), labels=LABELS)
    plt.close("all")
    shown = [c for c in figure.drawing.axes[0].collections if c.get_offsets()[0][0] > 100]
    spots = [(c.get_offsets()[0], c.get_sizes()[0] ** 0.5 / 2) for c in shown if c.zorder == 3]
    assert len(spots) == 15
    for (a, r), (b, s) in itertools.combinations(spots, 2):
        assert ((a - b) ** 2).sum() ** 0.5 >= (r + s) * 0.99


def test_the_same_table_is_the_same_picture(tmp_path):
    first, second = (
        show(maps.evidence_map(table("described", ROWS), labels=LABELS), tmp_path / name).data for name in "ab"
    )
    assert first == second


words = st.sampled_from(
    [None, "1", "early-1", "adipose", "respiratory", "a | b", "$x^2$", "\x00", "é" * 70, "Recruiting"]
)
days = st.one_of(
    st.none(), st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")).map(lambda d: d.date())
)
flags = st.sampled_from([None, True, False])
any_row = st.fixed_dictionaries(
    {
        "screening": st.sampled_from(["included", "pending"]),
        "enrolment": st.one_of(st.none(), st.integers(0, 10**12)),
        "registered": days,
        "covid19": flags,
        "results_posted": flags,
        "registered_basis": st.sampled_from([None, "observed", "estimated"]),
        **dict.fromkeys(["countries", "phase_group", "msc_source", "disease_area", "route", "route_group"], words),
        **dict.fromkeys(["status", "design", "study_type", "enrolment_type"], words),
    }
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(any_row, max_size=8))
def test_the_counts_of_any_table_add_up(rows):
    described = table("described", rows)
    made = counted(described, table("records", []), table("doses", []))
    included = described[described.screening == "included"]
    if included.empty:
        return
    assert made["status_and_results"].data.status.sum() == len(included)
    assert len(made["evidence_map"].data) == len(included)
    assert made["registrations_per_month"].data.n.sum() == included.registered.notna().sum()
    of = made["completeness_by_year"].data.drop_duplicates("registered").of
    assert of.sum() == len(included)


def test_a_title_with_the_country_that_leads_says_how_many_are_inferred_and_which_leads_by_records(run_of):
    described = read_table(run_of("2024-02-17") / "described.csv", "described")
    iran = described.assign(countries="Iran", country_basis="sponsor")
    iran.loc[iran.index[iran.screening == "included"][:3], ["countries", "country_basis"]] = ["China", "record"]
    n = int((iran.screening == "included").sum()) - 3
    drawn = maps.where(iran, outlines(ROOT / "data/raw" / OUTLINES))
    plt.close(drawn.drawing)
    for shown in (drawn, figures.countries_over_time(iran), bars.trials_by(iran, "countries", noun="country")):
        assert f"{n} of {n} for Iran" in shown.title and "China leads (3)" in shown.title and shown.title in shown.alt
    assert "sponsor" not in figures.countries_over_time(iran.assign(country_basis="record")).title
