"""Tables for display: registry text shows as text, and only web addresses become links."""

import pandas as pd
import pytest

from evlib.tables import first_url, table


def test_registry_text_is_escaped_everywhere():
    evil = "<script>alert(1)</script>"
    shown = table(pd.DataFrame({evil: [evil]}), caption=evil, urls=pd.Series([f'https://x/"{evil}'])).data
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 4


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " https://x", None, float("nan")])
def test_only_web_addresses_become_links(url):
    assert "<a " not in table(pd.DataFrame({"a": ["x"]}), caption="c", urls=pd.Series([url], dtype=object)).data


def test_missing_is_a_dash_and_empty_says_none():
    assert "<td>–</td>" in table(pd.DataFrame({"a": [None]}), caption="c").data
    assert "none" in table(pd.DataFrame({"a": []}), caption="c").data


def test_the_first_of_several_addresses():
    assert first_url(pd.Series(["https://a | https://b", None])).tolist() == ["https://a", None]
