"""What the book's search finds: words that mean the same, the page that answers first, and excerpts also from a folder."""

import html
import json
import re
from pathlib import Path
from typing import Any

from evlib.base.files import all_below, write_text

SCRIPT = Path(__file__).with_name("search.js")  # Sphinx puts it beside its own search
TEXTS = "search_texts.js"  # in a finished book: the texts that excerpts are taken from
# Words of one row mean the same to who searches.
SAME = (
    ("nebulised", "nebulized", "inhaled", "inhalation", "aerosol"),
    ("exosome", "vesicle", "EV"),
    ("harm", "adverse", "safety", "side", "tolerated"),
    ("bias", "RoB"),
    ("intravenous", "IV", "infusion"),
    ("dose", "dosage"),
    ("randomised", "randomized", "RCT"),
    ("ARDS", "lung", "respiratory"),
    ("certainty", "GRADE"),
    ("licence", "license"),
)
# A page, the beginning of the heading under which it answers (empty: at its top), and the words that are asked for there.
ANSWERS = (
    ("07_certainty", "Which harms", ("harm", "side effect", "adverse event", "safety", "tolerability")),
    ("07_certainty", "Can the reports be believed", ("risk of bias", "RoB", "ROBINS-I")),
    ("07_certainty", "What was found", ("certainty", "GRADE", "summary of findings", "efficacy", "mortality")),
    (
        "07_certainty",
        "What was given",
        (
            "CD63",
            "CD9",
            "CD81",
            "marker",
            "characterisation",
            "purity",
            "MISEV",
            "isolation",
            "ultracentrifugation",
            "ultrafiltration",
            "chromatography",
            "TFF",
        ),
    ),
    ("07_certainty", "Which results are missing", ("publication bias", "unpublished", "missing results")),
    ("04_dose_effect", "At a glance", ("dose", "effective dose", "particles")),
    (
        "04_dose_effect",
        "Which trials under way",
        ("under way", "ongoing", "recruiting", "compare doses", "dose finding"),
    ),
    ("03_describe", "Where", ("country",)),
    ("02_screen", "", ("PRISMA", "kappa", "screening")),
    ("turn_the_assumptions", "", ("assumption", "sensitivity", "dial")),
    ("is_my_trial_new", "", ("novelty", "planned trial", "similar trials")),
    (
        "data_and_limits",
        "What was not looked",
        ("retraction", "retracted", "expression of concern", "approved", "licensed"),
    ),
    ("methods", "", ("heterogeneity", "meta-analysis", "pooling")),
    ("checklists", "", ("PROSPERO", "conflict of interest", "competing interests", "funding")),
    ("how_to_cite", "", ("licence", "copyright")),
    ("through_time", "", ("timeline", "evidence map", "slider")),
)
_LONGEST, _LONGEST_OF_TRIAL = 20_000, 1_500  # characters of a page's text; a trial's page is half of its tables
_HIDDEN = re.compile(r"<(script|style|svg|pre|template)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


def add_words(indexer: Any) -> None:
    """Let Sphinx's index find a page by words that mean the same as its own, and by those that it answers first.

    Parameters
    ----------
    indexer
        Sphinx's ``IndexBuilder`` with all pages in it.
    """
    stem = indexer.lang.stem
    for page, heading, words in ANSWERS:
        if page not in indexer._titles:
            continue
        place = next(
            (place or "" for title, place in indexer._all_titles[page] if heading and title.startswith(heading)), ""
        )
        entries = {*indexer._index_entries.pop(page, ()), *((word, place, "main") for word in words)}
        indexer._index_entries[page] = sorted(
            entries
        )  # the page put last, so that the order is that of ANSWERS in every build
        for word in words:
            if " " not in word:  # so that it is also found beside others
                indexer._title_mapping.setdefault(stem(word.lower()), set()).add(page)
    for mapping in (indexer._mapping, indexer._title_mapping):
        for words in SAME:
            stems = {stem(word.lower()) for word in words}
            found = set().union(*(mapping.get(one, set()) for one in stems))
            if found:
                mapping.update({one: set(found) for one in stems})


def write_texts(made: Path) -> None:
    """Write the texts of a finished book's pages into a script, for excerpts where a page cannot fetch another: in a folder."""
    texts = {}
    for path in all_below(made):
        name = path.relative_to(made).as_posix()
        if path.suffix == ".html" and not name.startswith("_static/"):
            longest = _LONGEST_OF_TRIAL if name.startswith("trials/") else _LONGEST
            texts[name] = text_of(path.read_text(encoding="utf-8"))[:longest]
    data = json.dumps({name: text for name, text in sorted(texts.items()) if text}, ensure_ascii=False)
    write_text(made / TEXTS, f"setSearchTexts({data});\n")


def text_of(page: str) -> str:
    """The words of a page's article, without its code and pictures; empty where it has none."""
    start, end = page.find("<article"), page.rfind("</article>")
    if not 0 <= start <= end:
        return ""
    words = re.sub(r"<[^<>]*>", " ", _HIDDEN.sub(" ", page[start:end]))
    return " ".join(html.unescape(words).split())
