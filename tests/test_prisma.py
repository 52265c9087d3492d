"""PRISMA: flows add up, diagrams hold their text and lead to records, and the PRISMA2020 package's CSV reads back."""

import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import FancyBboxPatch

from evlib.base.errors import InputError
from evlib.base.figure import show
from evlib.base.point_layout import plain
from evlib.base.schema import checked, write_csv
from evlib.screen import prisma_csv, prisma_figures, prisma_flow

XLINK = "{http://www.w3.org/1999/xlink}href"
REASONS = ("E2", "E3", "E4", "E5")
COUNTS = {"identified_total": 165, "duplicates": 3, "pending": 2, "screened": 160, "excluded_title": 67}
COUNTS |= {"assessed": 93, "E2": 6, "E3": 2, "E4": 12, "E5": 1, "unclear": 10, "included": 62}
SMALL = {"ClinicalTrials.gov": 117, "IRCT": 48}
NASTY = {"<script>alert(1)</script> & 'co\"": 1, "$x^2$": 2, "--><b>": 3, "a\x00b\ufffe": 4, "javascript:alert(1)": 5}
PAPER = {"identified_total": 187, "duplicates": 39, "excluded_title": 38, "assessed": 90, "included": 66}


def make(review, registries=SMALL, **counts):
    """Table ``flow`` with these records by registry and these counts."""
    n = COUNTS | counts
    labels = {
        "identified_total": "Records identified",
        "duplicates": "Duplicate records removed",
        "pending": "Records not yet read",
        "screened": "Records screened by title",
        "excluded_title": "Records excluded by title",
        "assessed": "Records assessed for eligibility",
        **{code: f"Excluded ({code}) {review['criteria'][code]['text']}" for code in REASONS},
        "unclear": "Unclear from the record",
        "included": "Trials included",
    }
    rows = [("identified", f"Records identified: {name}", k) for name, k in registries.items()]
    rows += [(f"excluded_{step}" if step in REASONS else step, label, n[step]) for step, label in labels.items()]
    return checked(pd.DataFrame(rows, columns=["step", "label", "n"]), "flow")


def links_of(flow, *more):
    return {step: f"../02_screen.html#box-{step}" for step in [*flow.step.unique(), *more]}


def beside(**paper):
    rows = [(step, step, n, COUNTS[step], "as printed") for step, n in (PAPER | paper).items()]
    return pd.DataFrame(rows, columns=["step", "label", "paper", "ours", "quote"])


def drawn(review, kind, registries=SMALL, **counts):
    flow = make(review, registries, **counts)
    links = links_of(flow, "before", "removed", "after")
    if kind == "new":
        return prisma_figures.flow_figure(flow, links=links)
    if kind == "update":
        after = 10 + int(flow.n[flow.step == "included"].iloc[0]) - 1
        return prisma_figures.update_figure(flow, before=10, removed=1, after=after, links=links)
    paper = {step: n * 10**5 for step, n in PAPER.items()} if counts else {}
    return prisma_figures.paper_figure(beside(**paper), flow, links=links)


def inlined(figure, folder):
    """The drawing as it stands in the page, before that for phones."""
    shown = show(figure, folder, page="02_screen.html").data
    drawing, narrow = re.fullmatch(
        r'<figure class="finding">(<svg .*</svg>)(<svg .*</svg>)<figcaption>.*</figcaption></figure>', shown, re.S
    ).groups()
    assert 'class="narrow" style="display: none' in narrow
    assert set(re.findall(r'xlink:href="(?!#prisma)[^"]+"', narrow)) == set(
        re.findall(r'xlink:href="(?!#prisma)[^"]+"', drawing)
    )
    return drawing


KINDS = ("new", "update", "paper")
LARGE = {"registries": {f"Registry {i} of {'a country with a long name' * (i % 2)}": 1234567 for i in range(25)}}
LARGE |= {step: 1234567 for step in COUNTS}


def test_a_flow_that_adds_up_has_no_complaint_and_another_says_where(review):
    assert prisma_flow.adds_up(make(review)) == []
    assert prisma_flow.adds_up(make(review, {"IRCT": 164})) == [
        "Records identified are 165, but identified by registry add up to 164."
    ]
    said = prisma_flow.adds_up(make(review, assessed=94))
    assert [sentence.split(",")[0] for sentence in said] == ["Records screened are 160", "Records assessed are 94"]


@pytest.mark.parametrize("narrow", [False, True], ids=["", "narrow"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "size",
    [{}, LARGE, {"registries": {}}, {"registries": {"w" * 200: 1}}],
    ids=["as shipped", "25 registries", "no registry", "long word"],
)
def test_every_text_is_inside_the_picture_and_its_box(review, kind, size, narrow):
    figure = drawn(review, kind, **size)
    drawing = (figure.narrow() if narrow else figure).drawing
    renderer = drawing.canvas.get_renderer()
    drawing.draw(renderer)
    [axes] = drawing.axes
    boxes = [p.get_window_extent(renderer) for p in axes.patches if isinstance(p, FancyBboxPatch)]
    texts = [t.get_window_extent(renderer) for t in axes.texts if t.get_text()]
    width, height = drawing.bbox.width, drawing.bbox.height
    for extent in [*boxes, *texts]:
        assert extent.x0 >= 0 and extent.y0 >= 0 and extent.x1 <= width and extent.y1 <= height
    for text in texts:
        for box in boxes:
            inside = box.x0 <= text.x0 and text.x1 <= box.x1 and box.y0 <= text.y0 and text.y1 <= box.y1
            assert inside or not box.overlaps(text)
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
    assert min(t.get_fontsize() for t in axes.texts) >= 9
    plt.close(drawing)


@pytest.mark.parametrize("kind", KINDS)
def test_each_box_leads_to_its_records_once_for_the_keyboard(tmp_path, review, kind):
    shown = inlined(drawn(review, kind), tmp_path)
    saved = ElementTree.parse(next((tmp_path / "figures").glob("*.svg")))
    there = {link.get(XLINK) for link in saved.iter("{http://www.w3.org/2000/svg}a")}
    assert all(re.fullmatch(r"\.\./02_screen\.html#box-\w+", address) for address in there)
    links = [link for link in ElementTree.fromstring(shown).iter() if link.tag.endswith("}a")]
    assert {link.get(XLINK) for link in links} == {address.removeprefix("../02_screen.html") for address in there}
    reached = {link.get(XLINK): link.get("aria-label") for link in links if link.get("tabindex") is None}
    assert len(reached) == sum(link.get("tabindex") is None for link in links) == len(there)
    steps = {"identified_total", "duplicates", "pending", "excluded_title", "assessed", "included"}
    steps |= {"before", "removed", "after"} if kind == "update" else set()
    steps |= {"identified", "screened", "unclear", *(f"excluded_{c}" for c in REASONS)} if kind != "paper" else set()
    assert set(reached) == {f"#box-{step}" for step in steps}
    assert all(reached.values()) and not any(link.get("target") for link in links)
    if kind != "paper":
        assert re.search(r"Duplicate records removed \(n\s=\s3\)$", reached["#box-duplicates"])


def test_links_to_another_page_lead_to_the_page_beside(tmp_path, review):
    shown = show(drawn(review, "update"), tmp_path, page="06_update.html").data
    places = set(re.findall(r'xlink:href="([^"#]*#box-[^"]+)"', shown))
    assert places and all(place.startswith("02_screen.html#box-") for place in places)


def test_two_figures_on_a_page_share_no_id_and_no_style(tmp_path, review):
    ids = []
    for kind in KINDS:
        figure = drawn(review, kind)
        shown = inlined(figure, tmp_path)
        root = ElementTree.fromstring(shown)
        ids += [element.get("id") for element in root.iter() if element.get("id")]
        own = [a.get(XLINK) for a in root.iter() if (a.get(XLINK) or "").startswith(f"#{figure.name}-")]
        assert {address[1:] for address in own} <= set(ids)
        assert "<style" not in shown and "<?xml" not in shown and "DOCTYPE" not in shown
    assert len(ids) == len(set(ids))


def test_an_inlined_picture_without_links_is_an_image_with_its_description(tmp_path, review):
    figure = prisma_figures.flow_figure(make(review, NASTY))
    svg = ElementTree.fromstring(inlined(figure, tmp_path))
    assert (svg.get("role"), svg.get("aria-label")) == ("img", figure.alt)
    assert svg.get("viewBox") and not svg.get("width")


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_from_registries_stay_text(tmp_path, review):
    flow = make(review, NASTY)
    shown = inlined(prisma_figures.flow_figure(flow, links=links_of(flow)), tmp_path)
    assert "<script" not in shown and "<b>" not in shown and "<!--" not in shown
    names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(shown).iter()}
    assert names <= {"svg", "g", "a", "defs", "path", "use", "clipPath", "rect", "text"}
    assert "<script" not in (tmp_path / "figures/prisma.svg").read_text().lower()
    ElementTree.parse(tmp_path / "figures/prisma.svg")


@pytest.mark.parametrize(
    ("before", "removed", "after"), [(62, 1, 122), (62, 0, 123), (0, 1, 61), (62, -1, 125), (-1, 0, 61)]
)
def test_an_update_must_add_up(review, before, removed, after):
    with pytest.raises(ValueError, match=r"not \d+\.|cannot be removed"):
        prisma_figures.update_figure(make(review), before=before, removed=removed, after=after)


def test_the_papers_gap_is_computed(review):
    figure = prisma_figures.paper_figure(beside(), make(review))
    assert figure.title == "The paper's steps leave 110, it evaluates 90; ours add up"
    assert "90 ≠ 110" in [text.get_text() for text in figure.drawing.axes[0].texts]
    mended = prisma_figures.paper_figure(beside(assessed=110), make(review, pending=3))
    assert mended.title == "The paper's steps add up to the 110 it evaluates; ours leave 92, not 93"
    plt.close("all")


names = st.text(st.characters(codec="utf-8", exclude_characters=",;'\"\\|"), min_size=1, max_size=20)
names = names.map(plain).filter(bool)
numbers = st.integers(0, 9_999_999)


@settings(max_examples=30)
@given(st.dictionaries(names, numbers, min_size=1, max_size=6), st.fixed_dictionaries({s: numbers for s in COUNTS}))
def test_a_flow_comes_back_from_the_packages_file(tmp_path_factory, review, registries, counts):
    flow = make(review, registries, **counts)
    path = tmp_path_factory.mktemp("prisma") / "prisma2020.csv"
    write_csv(prisma_csv.to_prisma2020(flow), path)
    pd.testing.assert_frame_equal(prisma_csv.from_prisma2020(path, review), flow)


@given(st.dictionaries(st.text(max_size=8), numbers, min_size=1, max_size=4))
def test_any_name_leaves_the_counts_whole(tmp_path_factory, review, registries):
    path = tmp_path_factory.mktemp("prisma") / "prisma2020.csv"
    write_csv(prisma_csv.to_prisma2020(make(review, registries)), path)
    back = prisma_csv.from_prisma2020(path, review)
    assert back.n.tolist() == make(review, registries).n.tolist()


def test_the_file_is_what_the_package_reads(review):
    rows = prisma_csv.to_prisma2020(make(review), previous=60, total=122)
    assert list(rows.columns) == ["data", "node", "box", "description", "boxtext", "tooltips", "url", "n"]
    assert not rows.isna().any().any()
    assert sorted(rows.node[rows.node != "NA"]) == sorted(f"node{i}" for i in range(1, 23))
    assert (rows.tooltips != "NA").equals(rows.node != "NA")
    n = rows.set_index("data").n
    assert n[["register_results", "excluded_other", "dbr_sought_reports", "dbr_notretrieved_reports"]].tolist() == [
        "165",
        "2",
        "93",
        "0",
    ]
    assert n[["previous_studies", "total_studies", "website_results"]].tolist() == ["60", "122", "NA"]
    assert all(re.fullmatch(r"[^,;]+, \d+", part) for part in n.dbr_excluded.split("; "))
    assert n.dbr_excluded.endswith("Unclear from the record, 10")
    with pytest.raises(ValueError, match="both"):
        prisma_csv.to_prisma2020(make(review), total=3)


def as_r_writes(rows):
    """With row names and every text in quotes, as ``write.csv`` does, and NA bare."""
    head = ",".join(f'"{name}"' for name in ["", *rows.columns])
    cells = [[str(i + 1), *row] for i, row in enumerate(rows.to_numpy())]
    return "\n".join([head, *(",".join(c if c == "NA" else f'"{c}"' for c in row) for row in cells)]) + "\n"


def test_a_file_that_r_wrote_by_the_packages_template_is_read(tmp_path, review):
    rows = prisma_csv.to_prisma2020(make(review)).set_index("data", drop=False)
    rows = rows.drop(index=["register_specific_results", "database_specific_results"])  # older templates have none
    rows.loc["register_results", "n"], rows.loc["records_screened", "n"] = "1,165", "1e+05"
    rows.loc["database_results", "n"], rows.loc["excluded_other", "n"] = "40", "NA"
    rows.loc["other_excluded", "n"] = "Reason1, xxx; Reason2, xxx; Reason3, xxx"
    rows.loc["dbr_excluded", "n"] = "E4 other product, 12; Unclear, 10"
    path = tmp_path / "r.csv"
    path.write_text(as_r_writes(rows))
    flow = prisma_csv.from_prisma2020(path, review)
    assert flow.label[:2].tolist() == ["Records identified: Databases", "Records identified: Registers"]
    n = flow.set_index("step").n
    assert n[["identified_total", "screened", "pending", "excluded_E2", "excluded_E4", "unclear"]].tolist() == [
        1205,
        100000,
        0,
        0,
        12,
        10,
    ]


@pytest.mark.parametrize(
    ("previous", "total", "said"),
    [("10", "72", []), ("NA", "62", []), ("NA", "NA", []), ("0", "0", []), ("10", "NA", []), ("10", "0", ["are 0, but 10 before"]),
     ("10", "60", ["Trials in all are 60, but 10 before and 62 new add up to 72"]), ("NA", "60", ["0 before and 62 new"]),
     ("1e+01", "1,000", ["are 1,000, but 10 before"])],
)  # fmt: skip
def test_the_total_of_an_update_adds_up_or_is_named(tmp_path, review, previous, total, said):
    rows = prisma_csv.to_prisma2020(make(review)).set_index("data", drop=False)
    rows.loc["previous_studies", "n"], rows.loc["total_studies", "n"] = previous, total
    write_csv(rows, tmp_path / "prisma.csv")
    problems = prisma_flow.adds_up(prisma_csv.from_prisma2020(tmp_path / "prisma.csv", review))
    assert len(problems) == len(said) and all(words in problem for words, problem in zip(said, problems))


@pytest.mark.parametrize("left", ["0", "xxx", "NA"])
def test_the_template_as_it_comes_is_no_flow(tmp_path, review, left):
    rows = prisma_csv.to_prisma2020(make(review)).set_index("data", drop=False).assign(n=left)
    rows.loc[["dbr_excluded", "other_excluded"], "n"] = "Reason1, xxx; Reason2, xxx; Reason3, xxx"
    write_csv(rows, tmp_path / "template.csv")
    with pytest.raises(InputError, match="not filled in"):
        prisma_csv.from_prisma2020(tmp_path / "template.csv", review)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("duplicates", "xxx", r"\('duplicates'\), column 'n': 'xxx' is not a count, as in the template"),
        ("duplicates", "three", r"row 14 \('duplicates'\), column 'n': 'three' is not a count"),
        ("records_screened", "-1", "'-1' is not a count"),
        ("records_screened", "1.5", "'1.5' is not a count"),
        ("new_studies", "1e999999", "'1e999999' is not a count"),
        ("new_studies", "NA", r"\('new_studies'\), column 'n': the number is missing"),
        ("dbr_excluded", "E4 no number", "'' is not a count"),
        ("dbr_excluded", "Wrong population, 5", r"'Wrong population' \(5\) is no criterion"),
        ("website_results", "7", "our flow has no step for"),
        ("dbr_sought_reports", "95", "95 are sought, but 'dbr_assessed' is 93"),
        ("data", "records_excluded", "'records_excluded' occurs twice"),
        ("data", "other", "the row with 'records_screened' in the column 'data' is missing"),
    ],
)
def test_a_bad_file_is_refused_with_row_and_column(tmp_path, review, key, value, said):
    rows = prisma_csv.to_prisma2020(make(review))
    if key == "data":
        rows.loc[rows.data == "records_screened", "data"] = value
    rows.loc[rows.data == key, "n"] = value
    write_csv(rows, tmp_path / "bad.csv")
    with pytest.raises(InputError, match=said) as error:
        prisma_csv.from_prisma2020(tmp_path / "bad.csv", review)
    assert "bad.csv" in str(error.value)


def test_a_file_without_the_column_names_it(tmp_path, review):
    write_csv(prisma_csv.to_prisma2020(make(review)).drop(columns="n"), tmp_path / "bad.csv")
    with pytest.raises(InputError, match="'n' is missing"):
        prisma_csv.from_prisma2020(tmp_path / "bad.csv", review)
