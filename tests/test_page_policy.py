"""Nothing but the book's own scripts: outputs that could run one are refused, and each page has its policy."""

import base64
import hashlib
import html
import re

import nbformat
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from evlib.base.errors import InputError
from evlib.book.page_policy import first_danger, refuse_scripts, with_policy
from evlib.run.pipeline import notebooks

PAGE = """<html>
  <head>
    <meta charset="utf-8" />
    <script>let theme = 1;</script>
    <script src="_static/a.js"></script>
  </head>
  <body><button onclick="window.print(&quot;x&quot;)">P</button>
  <article class="bd-article">ARTICLE</article>
  <script>let foot = 2;</script></body>
</html>
"""


def notebook(**data: str) -> nbformat.NotebookNode:
    output = nbformat.v4.new_output("display_data", {kind.replace("__", "/"): text for kind, text in data.items()})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])


def sha(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def policy(page: str) -> dict[str, list[str]]:
    (content,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)" />', page)
    return {rule.split()[0]: rule.split()[1:] for rule in content.split("; ")}


@pytest.mark.parametrize("path", notebooks(ROOT), ids=lambda path: path.stem)
def test_no_stored_output_could_run_a_script(path):
    refuse_scripts(nbformat.read(path, as_version=4), path.name)


@pytest.mark.parametrize(
    "markup",
    [
        "<p>x<SCRIPT src=//example.org/x.js></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        '<a href="java&#115;cript:alert(1)">x</a>',
        '<a href="java\tscript:alert(1)">x</a>',
        '<svg><a xlink:href="data:text/html,x">x</a></svg>',
        '<iframe srcdoc="x"></iframe>',
        '<base href="https://example.org/">',
        '<form action="x"></form>',
        '<p>cut off <img src=x onerror=alert(1) title="',
        "<!--><script>alert(1)</script>-->",
        "<![CDATA[><img src=x onerror=alert(1)>]]>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        '<title><a title="</title><img src=x onerror=alert(1)>"></a></title>',
        "[x](javascript:alert(1))",
        r"$\href{javascript:alert(1)}{x}$",
    ],
)
def test_what_could_run_a_script_is_refused_with_its_cell(markup):
    with pytest.raises(InputError, match=r"03_x\.ipynb, cell 1: its output holds"):
        refuse_scripts(notebook(text__markdown=markup), "03_x.ipynb")


@pytest.mark.parametrize("kind", ["application__javascript", "application__vnd.jupyter.widget-view+json"])
def test_an_output_that_is_a_script_or_a_widget_is_refused(kind):
    with pytest.raises(InputError, match=kind.replace("__", "/").replace("+", r"\+")):
        refuse_scripts(notebook(**{kind: "x"}), "03_x.ipynb")
    stateful = nbformat.v4.new_notebook(metadata={"widgets": {}})
    with pytest.raises(InputError, match="state of widgets"):
        refuse_scripts(stateful, "03_x.ipynb")


@given(st.text(alphabet=st.sampled_from("<>&\"'/=! onscriptjav:x-[]")))
def test_escaped_text_passes_in_a_cell_and_in_an_attribute(text):
    escaped = html.escape(text)
    assert first_danger(f'<td>{escaped}</td><a href="#x" class="{escaped.replace("/", "")}">1 &lt; 2</a>') is None


def test_a_page_runs_the_scripts_of_its_theme_and_of_our_tables_alone():
    foreign, own = "<script>alert(1)</script>", '<script type="module">\nlet table = 3;</script>'
    page = PAGE.replace("ARTICLE", foreign + own + '<i onclick="alert(2)"></i>')
    rules = policy(with_policy(page, own={"\nlet table = 3;"}))
    hashes = {sha(text) for text in ("let theme = 1;", "let foot = 2;", 'window.print("x")', "\nlet table = 3;")}
    assert set(rules["script-src"]) == {"'self'", "'unsafe-hashes'"} | hashes
    assert rules["default-src"] == rules["form-action"] == ["'self'"]
    assert rules["object-src"] == rules["base-uri"] == ["'none'"]
    assert "blob:" not in rules["script-src"]


def test_a_policy_takes_the_place_of_an_earlier_one_below_the_encoding():
    page = with_policy(PAGE)
    assert with_policy(page) == page
    assert page.index("charset") < page.index("http-equiv") < page.index("<script")
