"""Letters in drawings are text, as wide as measured; a page of the book shows figures by file."""

import base64
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest

from evlib.base.figure import FONTS, PHONE, Figure, show, width_on_phones
from evlib.base.point_layout import canvas, finished, put_text, width_of
from evlib.book.chapter_pages import with_figure_files

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
LINES = ["Lung & airways <b>", "two  spaces", "2×10⁸ é"]


def saved(figure, folder):
    shown = show(figure, folder).data
    return ElementTree.parse(folder / f"figures/{figure.name}.svg").getroot(), shown


def plain_figure():
    axes, top = canvas('A "title"')
    for i, line in enumerate(LINES):
        put_text(axes, (5, top + 12 * i), line, size=9, bold=i == 0, rotation=90 if i == 2 else 0, ha="left")
    return Figure(finished(axes, top + 60), "plain", 'A "title"', "Some lines.", pd.DataFrame({"n": [1]}))


def test_each_line_is_text_and_states_the_width_that_it_was_laid_out_with(tmp_path):
    root, _ = saved(plain_figure(), tmp_path)
    assert root.get("font-family") == FONTS
    lines = {line.text: line for line in root.iter(f"{SVG}text")}
    for i, text in enumerate(LINES):
        assert float(lines[text].get("textLength")) == pytest.approx(width_of(text, size=9, bold=i == 0), abs=0.06)
    assert "rotate(-90)" in lines[LINES[2]].get("transform")


def test_markers_and_cut_areas_keep_what_they_refer_to(tmp_path):
    drawing, axes = plt.subplots(layout="constrained")
    axes.plot([1, 10, 100], [1, 2, 3], marker="o")
    axes.set(xscale="log", ylabel="n")
    root, _ = saved(Figure(drawing, "marked", "t", "a", pd.DataFrame({"n": [1]})), tmp_path)
    names = {element.get("id") for element in root.iter()} - {None}
    places = {element.get(XLINK, "#").removeprefix("#") for element in root.iter(f"{SVG}use")}
    places |= set(re.findall(r"url\(#([^)]+)\)", ElementTree.tostring(root, "unicode")))
    assert places and places <= names


def test_a_page_shows_the_file_and_a_notebook_holds_the_picture(tmp_path):
    _, shown = saved(plain_figure(), tmp_path)
    assert base64.b64decode(re.search(r'base64,([^"]+)', shown)[1]) == (tmp_path / "figures/plain.svg").read_bytes()
    outputs = [nbformat.v4.new_output("display_data", data={"text/html": shown * 2, "text/plain": "x"})]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    page = with_figure_files(notebook, tmp_path / "figures").cells[0].outputs[0].data["text/html"]
    assert page.count('<img alt="Some lines." src="figures/plain.svg">') == 2
    assert "base64" not in page and page.count('href="figures/plain.csv"') == 2


def test_on_a_phone_letters_are_legible(tmp_path):
    """Drawn again, narrower, where that is enough; else as wide as the letters need, in a frame that moves sideways."""
    names = [f"{i} names" for i in range(5)]
    data = pd.DataFrame({"n": range(5), "field": names})
    drawing, axes = plt.subplots(figsize=(5, 2), layout="constrained")
    axes.barh("field", "n", data=data)
    narrowed = Figure(drawing, "narrowed", "A title of some length, " * 4, "Bars.", data)
    pages = {figure.name: shown_on_a_page(figure, tmp_path) for figure in (narrowed, plain_figure())}
    source = '<source media="(max-width: 600px)" srcset="figures/narrowed.narrow.svg">'
    assert source in pages["narrowed"] and "sideways" not in pages["narrowed"]
    narrow = (tmp_path / "figures/narrowed.narrow.svg").read_text(encoding="utf-8")
    assert not width_on_phones(narrow) and all(name in narrow for name in names)
    assert width_on_phones((tmp_path / "figures/narrowed.svg").read_text(encoding="utf-8")) > PHONE
    assert "--wide: 458px" in pages["plain"] and 'class="sideways-hint"' in pages["plain"]


def test_keys_too_wide_for_a_phone_stand_in_one_column_there(tmp_path):
    keys = [f"{place} quarter, estimated" for place in ("first", "second", "third")]
    drawing, axes = plt.subplots(figsize=(5, 4), layout="constrained")
    for n, key in enumerate(keys):
        axes.bar([n], [n + 1], label=key)
    axes.legend()
    show(Figure(drawing, "keys", "A title", "Bars.", pd.DataFrame({"n": [1, 2, 3]}), note="Trials. " * 20), tmp_path)
    places = []
    for name in ("keys.svg", "keys.narrow.svg"):
        svg = (tmp_path / "figures" / name).read_text(encoding="utf-8")
        places.append(len({re.search(rf' x="([^"]+)"[^>]*>{key}<', svg)[1] for key in keys}))
    assert places == [2, 1] and not width_on_phones(svg)


def shown_on_a_page(figure, folder):
    outputs = [nbformat.v4.new_output("display_data", data={"text/html": show(figure, folder).data})]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    return with_figure_files(notebook, folder / "figures").cells[0].outputs[0].data["text/html"]
