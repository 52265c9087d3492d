"""A page for each question (a disease and a route), the menus that lead there, and its tables to download. All text is escaped."""

import csv
import html
import re
from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.files import write_text, writing
from evlib.base.reading.statuses import EXPANDED_ACCESS, days_in_short
from evlib.base.schema import DAYS_OF_STATUS, append_csv, split_multi
from evlib.base.tables import code_labels
from evlib.base.words import joined, load_numbers, not_of_mscs, several, trials_in_words
from evlib.book.look_up.conditions import SCRIPT, words_of_conditions
from evlib.book.look_up.pages import data_block
from evlib.book.look_up.questions import (
    ALL,
    COUNTED,
    FIELDS,
    HELPS,
    UNKNOWN,
    Rows,
    Tables,
    answer,
    asked_of_delivery,
    belongs,
    code_label,
    foremost,
    in_short,
    in_words,
    missing,
    most_open_first,
    none_can_tell,
    of_question,
    page_of,
    question_tables,
    questions,
    rows_of,
    span,
    told_of_making,
    trial_in_words,
    without_route,
    without_route_in_short,
)
from evlib.book.search_index import SAME
from evlib.book.trials.trial_pages import page_name
from evlib.certainty.summary_of_findings import PEOPLE_COMPARED
from evlib.doses.under_way import OPEN_STATUS

FOLDER = "answers"  # of the pages and their tables, in the book
_EVERYTHING = "all-diseases-all-routes"
_MISSING = "not reported"
_SENTENCES = ("by_disease", "certainty", "dose", "harms")  # of an answer, in this order
_MANY = 20  # trials; with more, a page prints the headings of their lists alone
_PRINTED = 3_000  # characters of what was found; with more, an answer would not print on two sheets
_OPEN = 15  # trials under way, or doses, that are listed unfolded
_SHORT = 6  # rows; a longer table is folded
# Of each table beside a page its columns.
_COLUMNS = {
    "trials": (
        *(
            "trn",
            "title",
            *FIELDS,
            "phase_group",
            "status",
            "status_group",
            *DAYS_OF_STATUS,
            "end",
            "registered",
            "registered_basis",
        ),
        *("enrolment", "countries", "conditions", "compares_doses", "due", "result", "record_url"),
    ),
    "doses": ("trn", "study", "arm", "as_stated", "basis", "why", "low", "high", "median"),
    "findings": (
        *("disease_group", "route_group", "domain", "comparator", "studies", "n_people", "found", "certainty"),
        *("because", "caveats"),
    ),
    "harms": (
        *("study", "arm", "role", "harm", "serious", "n_events", "n", "low", "high", "upper_if_none", "control"),
        *("control_events", "control_n", "difference_low", "difference_high", "beside", "msc_derived", "evidence_note"),
        "source_url",
    ),
}
_MACHINE = (
    "Records and reports were read by machine, the reports mostly from their abstracts. Certainty is computed by rules that stand for a "
    "panel's judgement. This is a summary of what is on file, no advice for a patient."
)
# Without it the table of links below leads to the same pages. It reads all that it shows from these links.
_MENUS = """(() => {
  const ask = document.getElementById("ask"), said = document.getElementById("ask-answer");
  const links = [...document.querySelectorAll("#answers a[data-disease]")];
  const [disease, route] = ask.querySelectorAll("select");
  const found = (d, r) => links.find((link) => link.dataset.disease === d && link.dataset.route === r);
  const led = (link) => {
    const paragraph = document.createElement("p"), copy = document.createElement("a");
    copy.href = link.getAttribute("href");
    copy.textContent = link.getAttribute("aria-label");
    paragraph.append(copy, ". " + link.dataset.answer);
    return paragraph;
  };
  const show = () => {
    const link = found(disease.value, route.value);
    said.replaceChildren();
    if (link) return said.append(led(link));
    said.append("No trial and no report is on file for this. Nearest:");
    for (const near of [found(disease.value, "all"), found("all", route.value)]) if (near) said.append(led(near));
  };
  const {words, of} = JSON.parse(document.getElementById("find_answer-data").textContent);
  const typed = ask.querySelector("input"), told = document.getElementById("named-answer");
  const anchor = (href, text) => Object.assign(document.createElement("a"), {href, textContent: text});
  typed.oninput = () => {
    const isNamed = isNamedBy(typed.value);
    const hits = new Map();
    for (const one of of.filter(([,,,, names]) => names.some((name) => isNamed(words[name])))) hits.set(one[0], [...(hits.get(one[0]) || []), one]);
    told.replaceChildren();
    if (!hits.size && plainWords(typed.value).length) told.textContent = "No included trial and no report names it, nor a synonym that we know.";
    for (const [page, found] of [...hits].sort(([, a], [, b]) => b.length - a.length)) {
      const link = links.find((link) => link.getAttribute("href") === `answers/${page}.html`);
      const paragraph = document.createElement("p");
      paragraph.append(anchor(link.getAttribute("href"), link.getAttribute("aria-label").split(":")[0]), ", on this condition: ");
      found.forEach(([, name, href, report], i) => paragraph.append(i ? ", " : "", report ? "report " : "", anchor(href, name)));
      told.append(paragraph);
    }
  };
  disease.onchange = route.onchange = show;
  ask.hidden = false;
  show();
})();
"""


def write_answers(results: Path, raw_dir: Path, source: Path, *, protocol: dict) -> dict[str, str]:
    """Write the pages of all questions into ``source/answers``, their tables into ``source/_extra/answers``, the menus, and the
    answers that the book has in print.

    Returns
    -------
    dict
        ``most_asked``: the questions with most trials and reports, as a list in Markdown with links.
    """
    tables = question_tables(results, raw_dir, protocol=protocol)
    asked = questions(tables, protocol=protocol)
    rows, tables_beside, told, boxes = rows_of(tables), downloads(tables), {}, {}
    edition = _edition(**{name: load_numbers(results)[name] for name in ("search_date", "snapshot")})
    for question in asked.to_dict("records"):
        own = of_question(rows, question)
        said = answer(own, noun=_noun(protocol))
        told[question["page"]] = " ".join(
            filter(None, (said["effect"], without_route_in_short(rows, question), in_short(own["trials"])))
        )
        files = tables_beside(question)
        page = question_page(question, own, said, rows, protocol=protocol, files=list(files), edition=edition)
        write_text(source / FOLDER / f"{question['page']}.md", page)
        boxes[question["page"]] = next(line for line in page.splitlines() if line.startswith('<div class="answer">'))
        for name, lines in files.items():
            with writing(source / "_extra" / FOLDER / name) as file:
                csv.writer(file, lineterminator="\n").writerows(lines)
    asked = asked.assign(answer=asked.page.map(told))
    comparing = [row for row in rows["trials"] if row.get("compares_doses") is not None]
    write_text(source / "find_answer_table.html", menus(asked, named_conditions(rows), comparing, protocol=protocol))
    write_text(source / "find_answer_print.html", printed_answers(asked, boxes, edition=edition))
    return {"most_asked": most_asked(asked)}


def _edition(*, search_date: str, snapshot: str) -> str:
    """Which records a page counts, and of which day what it says of them is."""
    return (
        f"Counted are records registered by {search_date}, as our copies, read by {snapshot}, show them; an end before {snapshot} is "
        "said to have passed."
    )


def _noun(protocol: dict) -> str:
    return protocol["screening"]["words"]["intervention"]


def most_asked(asked: pd.DataFrame) -> str:
    """The questions on one disease and one route with most trials and reports, as a list in Markdown with links."""
    lines = [
        f'- <a href="{FOLDER}/{row.page}.html">{_text(row.label)}</a> ({_counts(row)}): {_text(row.answer)}'
        for row in _with_most(asked).itertuples()
    ]
    return "\n".join(lines) or "None has a trial yet: a trial counts once its record was judged to belong in."


def _with_most(asked: pd.DataFrame, *, most: int = 3) -> pd.DataFrame:
    pairs = asked[~asked[list(FIELDS)].isin([ALL, UNKNOWN, "other"]).any(axis=1)]
    pairs = pairs if len(pairs) else asked[(asked.disease_area != ALL) ^ (asked.route_group != ALL)]
    order = (pairs.n_trials + pairs.n_reports).sort_values(ascending=False, kind="stable").index
    return pairs.loc[order].head(most)


def printed_answers(asked: pd.DataFrame, boxes: dict[str, str], *, edition: str) -> str:
    """The answers of ``most_asked`` for the book in print, without links, which lead to pages that are not in it; ``boxes`` by page,
    ``edition`` as ``question_page`` takes it."""
    parts = []
    for row in _with_most(asked).itertuples():
        box = re.sub(r'<p class="places">.*?</p>|</?a\b[^>]*>| id="[^"]*"', "", boxes[row.page])
        box = box.replace(" See there.", "").replace(" below.", " on its page.")
        box = box.replace('<div class="answer">', "<div>")
        parts.append(f"<p><strong>{_text(row.label)}</strong> ({_counts(row)})</p>{box}")
    return f'<div class="onlyprint">{"".join(parts)}<p>{html.escape(edition)} {html.escape(_MACHINE)}</p></div>\n'


def named_conditions(rows: Rows) -> dict[str, Any]:
    """The conditions that trials and reports name, for a reader who types one.

    Returns
    -------
    dict
        ``words``: by condition, the words to look through; ``of``: of each trial and report its page of an answer, its own name and address,
        whether it is a report, and the conditions that it names.
    """
    named = [
        [
            page_of(row["disease_area"], row["route_group"]),
            row["trn"],
            f"trials/{page_name(row['trn'])}.html",
            0,
            split_multi(row["conditions"]),
        ]
        for row in rows["trials"]
    ]
    for row in rows.get("reports", []):
        page = page_of(row["disease_area"], row["route_group"])
        named.append(
            [
                page,
                row["study"],
                f"{FOLDER}/{page}.html#{_place(row['study_id'])}",
                1,
                [row["disease"]] if row["disease"] else [],
            ]
        )
    return {"words": words_of_conditions(name for *_, names in named for name in names), "of": named}


def menus(asked: pd.DataFrame, named: dict[str, Any], comparing: list[dict[str, Any]], *, protocol: dict) -> str:
    """A field for a condition, two menus, of diseases and of routes, and below them a table of links to all pages, which does without a script."""
    codes = {field: list(dict.fromkeys(asked[field])) for field in FIELDS}
    cells = {(row.disease_area, row.route_group): row for row in asked.itertuples()}
    choices = "".join(
        f"<label>{name} <select>"
        + "".join(
            f'<option value="{_text(code)}">{_text(code_label(field, code, protocol))}</option>'
            for code in codes[field]
        )
        + "</select></label> "
        for field, name in zip(FIELDS, ("Disease", "Route"), strict=True)
    )
    heads = "".join(
        f'<th scope="col">{_text(code_label("route_group", code, protocol))}</th>' for code in codes["route_group"]
    )
    rows = "".join(
        f'<tr><th scope="row">{_text(code_label("disease_area", area, protocol))}</th>'
        + "".join(f"<td>{_cell(cells.get((area, route)))}</td>" for route in codes["route_group"])
        + "</tr>"
        for area in codes["disease_area"]
    )
    still = sum(row["status_group"] in OPEN_STATUS for row in comparing)
    doses = (
        '<p><a href="04_dose_effect.html#which-trials-under-way-could-settle-it">Which trials compare doses</a>: '
        f"{len(comparing)} included ones, {still} of them open by their record or without a status.</p>"
    )
    often = Counter(name for *_, names in named["of"] for name in names).most_common(1)
    example = often[0][0] if often else ""
    condition = (
        f'<p><label>A condition, in your own words <input type="search" autocomplete="off" placeholder="{_text(example)}"></label></p>'
        '<div id="named-answer" aria-live="polite"></div>'
    )
    return (
        f'<div id="ask" class="ask" hidden>{condition}<p>{choices}</p><div id="ask-answer" aria-live="polite"></div></div>\n'
        f"{doses if comparing else ''}"
        f'<p class="caption" id="answers-caption">All {len(asked)} answers: trials, and reports on any product, of each disease and route</p>'
        '<div class="scroll whole answers" id="answers" tabindex="0" role="region" aria-labelledby="answers-caption">'
        f'<table aria-labelledby="answers-caption"><thead><tr><th scope="col">Disease</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n'
        f"{data_block('find_answer', named)}\n<script>\n{SCRIPT.read_text(encoding='utf-8')}{_MENUS}</script>\n"
    )


def _cell(row: Any) -> str:
    if row is None:
        return "–"
    counts = _counts(row)
    return (
        f'<a href="{FOLDER}/{row.page}.html" data-disease="{_text(row.disease_area)}" data-route="{_text(row.route_group)}" '
        f'data-answer="{_text(row.answer)}" aria-label="{_text(row.label)}: {counts}">{counts}</a>'
    )


def _counts(row: Any) -> str:
    reports = f", {several(row.n_reports, 'report')}" if row.n_reports else ""
    return f"{trials_in_words(row.n_trials, row.n_expanded)}{reports}"


def downloads(tables: Tables) -> Callable[[dict[str, Any]], dict[str, list[list[str]]]]:
    """What gives the tables beside the page of a question: for each file name the lines of ``question_tables``, each as its
    cells, the header first. The tables are guarded against formulas as a whole, which is far faster than one file at a time."""
    beside = {name: tables[name] for name in ("trials", "findings", "harms") if name in tables}
    doses = [tables[name] for name in ("doses", "tested") if name in tables]
    if doses:
        named = [rows.rename(columns={"dose_as_reported": "as_stated"}) for rows in doses]
        beside["doses"] = pd.concat(named, ignore_index=True)
    places = {name: list(zip(*(frame[field] for field in FIELDS), strict=True)) for name, frame in beside.items()}
    shown = {
        name: _lines(frame[[column for column in _COLUMNS[name] if column in frame]]) for name, frame in beside.items()
    }

    def of(question: dict[str, Any]) -> dict[str, list[list[str]]]:
        files = {}
        for name, pairs in places.items():
            head, *lines = shown[name]
            rows = zip(pairs, lines, strict=True)
            chosen = [line for pair, line in rows if belongs(dict(zip(FIELDS, pair, strict=True)), question)]
            if chosen:
                files[f"{question['page']}-{name}.csv"] = [head, *chosen]
        return files

    return of


def _lines(frame: pd.DataFrame) -> list[list[str]]:
    """The cells of a table as ``write_csv`` writes them, line by line."""
    file = StringIO(newline="")
    append_csv(frame, file)
    file.seek(0)
    return list(csv.reader(file))


def question_page(
    question: dict[str, Any],
    own: Rows,
    said: dict[str, Any],
    rows: Rows,
    *,
    protocol: dict,
    files: list[str],
    edition: str,
) -> str:
    """The page of a question in Markdown with HTML.

    Parameters
    ----------
    question
        A row of ``questions``.
    own, rows
        The rows that belong to it (``of_question``), and those of all questions.
    said
        As ``answer`` gives it.
    files
        The names of the tables beside it.
    edition
        A sentence on the search date and on the day to which records were read.
    """
    lacking = missing(own, rows, question, protocol=protocol)
    unknown = page_of(question["disease_area"], UNKNOWN)
    hidden = {
        unknown: _first(without_route(rows, question), f"{unknown}.html")
    }  # below the line that leads there first
    elsewhere = "".join(
        f"<p>{_text(text)}{_elsewhere(page)}</p>{hidden.pop(page, '')}" for text, _, page in lacking if page
    )
    parts = [
        "---\norphan: true\n---",
        _index(question, own, protocol),
        f"# {_heading(question['label'])}: effect, dose, harms",
        _answer_box(said, _foremost(question, own, rows) + elsewhere),
        f"<p>{html.escape(edition)}</p>",
        f"<p>{html.escape(_MACHINE)} {_why_links(rows)}</p>" if own.get("reports") else "",
    ]
    if own.get("reports"):
        parts += ["## What was found", _found(own, printed=_fits_in_print(own))]
    if "doses" in own:
        parts += ["## What was given", _given(own), _making(question, own)]
    if own.get("reports") and "harms" in own:
        parts += ["## Harms" if question["page"] == _EVERYTHING else "## Harms beside controls", _harms(own)]
    parts += ["## What is registered", _registered(own["trials"], protocol)]
    if own["trials"]:
        parts += ["## What is under way", _under_way(own["trials"], protocol), _closed(own["trials"], protocol)]
    lines = "".join(
        f"<li>{_text(text)}{': ' + _trial_links(trns) if trns else ''}</li>" for text, trns, page in lacking if not page
    )
    parts += ["## What is missing", f"<ul>{lines}</ul>"]
    beside = ", ".join(f'<a href="{name}" download>{name}</a>' for name in files)
    parts += [f'<p>The tables of this page: {beside}. <a href="../find_answer.html">Another question</a>.</p>']
    parts = [part for part in parts if part]
    heads = [part.removeprefix("## ") for part in parts if part.startswith("## ")]
    places = joined([f'<a href="#{head.lower().replace(" ", "-")}">{head}</a>' for head in heads])
    parts.insert(parts.index(f"## {heads[0]}"), f'<p class="places">On this page: {places}.</p>')
    return "\n\n".join(parts) + "\n"


def _index(question: dict[str, Any], own: Rows, protocol: dict) -> str:
    """Entries of the index, which the search of the book ranks first: the disease as trials and reports name it, with its route."""
    if question["page"] == _EVERYTHING:
        return "```{index} ! harm, ! harms, ! adverse event, ! dose, ! phase 3, ! phase III\n```"
    area, route = (question[field] for field in FIELDS)
    if {area, route} & {UNKNOWN, "other"}:
        return ""
    if area == ALL:
        name = code_label("route_group", route, protocol).lower()
        words = {name, *(word for group in SAME if name in group for word in group)}
        return f"```{{index}} {', '.join(f'! {word} dose' for word in sorted(words))}\n```"
    phrases = protocol["codes"]["disease_area"].get(area, {}).get("phrases", [])
    cells = [row["conditions"] for row in own["trials"]] + [row["disease"] for row in own.get("reports", [])]
    texts = " | ".join(filter(None, cells))
    forms = [re.escape(phrase.removesuffix("*")) + (r"\w*" if phrase.endswith("*") else "") for phrase in phrases]
    found = [re.findall(rf"\b{form}\b", texts, re.IGNORECASE) for form in forms]
    named = [
        phrase if not phrase.endswith("*") else words[0].lower()
        for phrase, words in zip(phrases, found, strict=True)
        if words
    ]
    by_route = "" if route == ALL else f" {code_label('route_group', route, protocol).lower()}"
    acronyms = [row["acronym"] for row in own["trials"] if row["acronym"]]
    entries = (
        [f"{phrase}{by_route}{more}" for phrase in named for more in ("", " dose")]
        + acronyms
        + asked_of_delivery(question)
    )
    plain = [f"! {entry}" for entry in dict.fromkeys(entries) if re.fullmatch(r"[\w -]+", entry)]
    return f"```{{index}} {', '.join(plain)}\n```" if plain else ""


def _answer_box(said: dict[str, Any], elsewhere: str) -> str:
    more = f"<p>{_text(said['more'])}</p>" if said["more"] else ""
    sentences = "".join(f'<p id="answer-{name}">{_with_its_name(said[name])}</p>' for name in _SENTENCES if said[name])
    names = [name for name in _SENTENCES if said[name]] + (
        ["under_way"] if 'id="answer-under_way"' in elsewhere else []
    )
    jumps = joined([f'<a href="#answer-{name}">{name.replace("_", " ")}</a>' for name in names])
    jumps = f'<p class="places">In this answer: {jumps}.</p>' if jumps else ""
    effect = f"<p><strong>{_text(said['effect'])}</strong></p>"
    return f'<div class="answer">{jumps}{effect}{_first(said["first"])}{more}{sentences}{elsewhere}</div>'


def _first(rows: list[dict[str, Any]], page: str = "") -> str:
    """What reports found first, each with its certainty and caveat and a link to its place on ``page`` (empty: this one)."""
    lines = []
    for row in rows:
        caveat = f" <em>Caveat: {_text(row['caveat'])}</em>" if isinstance(row["caveat"], str) else ""
        given = f" Given: {_text(row['given'])}." if row["given"] else ""
        report = f'<a href="{page}#{_place(row["study_id"])}">{_text(row["study"])}</a>'
        certainty = f" Certainty: <strong>{_text(row['certainty'])}</strong>." if row["certainty"] else ""
        lines.append(f"<li>{report} ({_text(row['about'])}).{certainty} {_text(row['finding'])}.{given}{caveat}</li>")
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _foremost(question: dict[str, Any], own: Rows, rows: Rows) -> str:
    """The trials under way that tell most, by their records; also that of the disease by another route, where it comes before."""
    told = [(f"On {what}", row) for what, row in foremost(own["trials"])]
    disease = foremost(of_question(rows, question | {"route_group": ALL})["trials"])
    if ALL not in (question["disease_area"], question["route_group"]):
        told += [
            ("By another route, or by one that is not reported", row)
            for what, row in disease
            if what == HELPS and row not in own["trials"]
        ]
    none = none_can_tell(own["trials"])
    if not told and not none:
        return ""
    lines = f"<li>{none}</li>" if none else ""
    lines += "".join(
        f"<li>{what}: {_trial_links([row['trn']])}, {_text(trial_in_words(row))}.</li>" for what, row in told
    )
    order = "early phase 1 last, allotted by chance, a status, the later phase, more people, no end passed"
    return (
        '<p id="answer-under_way"><strong>Under way, and likely to tell most</strong> '
        f"(by their records, in this order: {order}):</p><ul>{lines}</ul>"
    )


def _with_its_name(sentence: str) -> str:
    """A sentence with what it is on, before the first colon, in bold."""
    name, colon, rest = sentence.partition(":")
    return f"<strong>{_text(name)}{colon}</strong> {_text(rest)}"


def _elsewhere(page: str) -> str:
    return f' <a href="{page}.html">See there</a>.' if page else ""


def _why_links(rows: Rows) -> str:
    of_product = ("07_certainty.html#product-reporting", "how vesicles were isolated and characterised")
    links = [
        ("07_certainty.html#certainty-rules", "the rules of certainty"),
        ("07_certainty.html", "certainty and harms"),
        of_product,
    ]
    links = links if "findings" in rows else []
    links += [("04_dose_effect.html", "doses")] if "tested" in rows else []
    named = joined([f'<a href="../{page}">{words}</a>' for page, words in links])
    return f"How it is done: {named}." if named else ""


def _fits_in_print(own: Rows) -> bool:
    names = ("found", "because")
    return sum(len(row[name] or "") for row in own.get("findings", []) for name in names) <= _PRINTED


def _found(own: Rows, *, printed: bool) -> str:
    """What was found, in a table that prints though it be folded, unless it would fill more than two sheets."""
    findings, reports = own.get("findings", []), own["reports"]
    compared = {row["study_id"] for row in own.get("compared", [])}
    parts = [] if findings else ["<p>No report here compares an outcome with another arm.</p>"]
    if findings:
        places = {row["study"]: _place(row["study_id"]) for row in reports if row["study_id"] in compared}
        groups, placed = [], set()
        for studies, rows in _grouped_by(findings, "studies"):
            ids = [place for study, place in places.items() if study in studies and place not in placed]
            placed |= set(ids)
            cells = [
                [
                    f"{_text(row['domain'])}, v {_text(row['comparator'])}",
                    _text(row["found"]),
                    _text(row["n_people"]),
                    f"<strong>{_text(row['certainty'])}</strong>: {_text(row['because'])}",
                ]
                for row in rows
            ]
            groups.append((_text(rows[0]["caveats"]), cells, ids))
        heads = ("outcome, compared with", "found", "people compared", "certainty, and why")
        counted = sum(row["absolute"] for row in own["compared"])
        caption = (
            f"{several(len(findings), 'question')} that reports answer by comparing; machine readings, 95 % intervals; primary outcomes are called so; {PEOPLE_COMPARED}; "
            f"{counted} of {several(len(own['compared']), 'outcome')} {'has' if counted == 1 else 'have'} counts in both arms and an event in the other, "
            "with risks per 1,000: the ratio of the counts and its interval, applied to the risk in the other arm"
        )
        parts.append(_grouped(groups, heads, caption, kind=" found" if printed else ""))
    silent = [row for row in reports if row["study_id"] not in compared]
    if silent:
        cells = [
            [
                f'<span id="{_place(row["study_id"])}">{_link(row["url"], row["study"])}</span>',
                (_trial_links([row["trn"]]) if row["trn"] else "none that is included")
                + (f"; may be of {_trial_links(split_multi(row['may_be_of']))}" if row["may_be_of"] else ""),
                _text(row["disease"]),
                _text(row["people"]),
                {True: "yes", False: "no"}.get(row["msc_derived"], "not told"),
                _text(row["evidence_note"])
                + (f" Not counted here: it compares {_text(row['left_out'])}." if row.get("left_out") else ""),
            ]
            for row in silent
        ]
        heads = ("report", "trial", "disease", "people", "vesicles of MSCs", "caveat")
        parts.append(
            _table(
                cells,
                heads,
                f"{several(len(silent), 'report')} of which no compared outcome of vesicles is on file, so that no effect can be told",
            )
        )
    return "\n\n".join(parts)


def _grouped_by(rows: list[dict[str, Any]], key: str) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return list(groups.items())


def _given(own: Rows) -> str:
    cells = [[_trial_links([trn]), *_dose_cells(rows, "as_stated")] for trn, rows in _grouped_by(own["doses"], "trn")]
    n_trials = len(cells)
    for study, rows in _grouped_by(own.get("tested", []), "study"):
        cells_of = {True: "", False: " (not of MSCs)"}.get(rows[0]["msc_derived"], " (cells not told)")
        cells.append([f"report: {_text(study)}{cells_of}", *_dose_cells(rows, "dose_as_reported")])
    if not cells:
        return "<p>No dose is on file.</p>"
    caption = f"Doses per administration: {several(n_trials, 'record')}, {several(len(cells) - n_trials, 'report')}"
    return _table(
        cells,
        ("trial or report", "as stated", "in particles", "how that is known"),
        caption,
        opened=len(cells) <= _OPEN,
    )


def _making(question: dict[str, Any], own: Rows) -> str:
    lines = [f"<li>{_text(text)}</li>" for told, text in told_of_making(own, question) if told]
    if not lines:
        return ""
    more = '<a href="../07_certainty.html#product-reporting">All reports</a>.'
    return (
        '<details class="rows on-screen" open><summary>Product and delivery, machine readings of '
        f"{several(len(own['reports']), 'report')}{not_of_mscs(bool(row['msc_derived']) for row in own['reports'])}</summary>"
        f"<ul>{''.join(lines)}</ul><p>{more}</p></details>"
    )


def _dose_cells(rows: list[dict[str, Any]], stated: str) -> list[str]:
    texts = "; ".join(dict.fromkeys(row[stated] for row in rows if row[stated]))
    amounts, known = [], []
    for basis, of in _grouped_by([row for row in rows if row["basis"]], "basis"):
        amounts.append(span(of))
        reasons = "; ".join(dict.fromkeys(row["why"] for row in of if row["why"] and basis != COUNTED))
        known.append(f"{basis}: {reasons}" if reasons else basis)
    return [_text(text or None) for text in (texts, "; ".join(filter("–".__ne__, amounts)), "; ".join(known))]


def _harms(own: Rows) -> str:
    if not own["harms"]:
        return "<p>No statement on harms is on file of any report here.</p>"
    groups = []
    for study, rows in _grouped_by(own["harms"], "study"):
        cells = [
            [
                _text(row["arm"]) + (f" ({_text(row['no_vesicles'])})" if row["no_vesicles"] else ""),
                _text(row["harm"]) + (" (serious)" if row["serious"] else ""),
                _of_people(row["n_events"], row["n"]),
                _bound(row),
                _control(row),
            ]
            for row in rows
        ]
        groups.append((f"<strong>{_text(study)}</strong>: {_text(rows[0]['evidence_note'])}", cells, []))
    heads = ("arm", "harm", "people with it", "exact 95 % bound or interval", "beside controls")
    return _grouped(
        groups,
        heads,
        f"{several(len(own['harms']), 'count')} of harms, read by machine; none seen is not none: one-sided bound where none was seen, two-sided interval else",
    )


def _of_people(events: int | None, people: int | None) -> str:
    if events is None:
        return "no count printed"
    return f"{events} of {people}" if people is not None else f"{events} (of how many is not printed)"


def _bound(row: dict[str, Any]) -> str:
    """One-sided where no event was seen, two-sided else; each says which it is."""
    if row["upper_if_none"] is not None:
        return f"up to {100 * row['upper_if_none']:.1f} %, one-sided"
    return "–" if row["high"] is None else f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %, two-sided"


def _control(row: dict[str, Any]) -> str:
    if row["control_events"] is None:
        return _text(row["beside"])
    return f"{_of_people(row['control_events'], row['control_n'])} ({_text(row['control'])})"


def _registered(trials: list[dict[str, Any]], protocol: dict) -> str:
    if not trials:
        return "<p>No included trial is registered on this; reports alone are on file.</p>"
    phases = code_labels(protocol, "phase_group")
    people = [row["enrolment"] for row in trials if row["enrolment"] is not None]
    years = [row["registered"].year for row in trials if row["registered"] is not None]
    words: dict[str, str] = {}
    conditions = [words.setdefault(name.casefold(), name) for row in trials for name in split_multi(row["conditions"])]
    where = [name for row in trials for name in split_multi(row["countries"]) or [_MISSING]]
    lines = [
        f"<strong>{in_words(trials)}</strong>"
        + (f", registered {f'{min(years)} to ' if min(years) < max(years) else 'in '}{max(years)}" if years else "")
        + f"; {several(sum(people), 'person', 'people')}, planned or enrolled, in the {len(people)} that state a number",
        f"Phase: {_tally(phases.get(row['phase_group'], row['phase_group'] or _MISSING) for row in trials)}",
        f"Status, the registries' newest word that we have: {_tally(row['status_group'] for row in trials)}",
        f"Where: {_tally(where, most=8)}",
        *([f"Conditions, in the records' words: {_tally(conditions, most=8)}"] if conditions else []),
    ]
    return "<ul>" + "".join(f"<li>{line}.</li>" for line in lines) + "</ul>"


def _tally(values: Iterable[str], *, most: int = 20) -> str:
    counts = Counter(values).most_common()
    more = f" and {len(counts) - most} others" if len(counts) > most else ""
    return ", ".join(f"{_text(name)} {n}" for name, n in counts[:most]) + more


def _under_way(trials: list[dict[str, Any]], protocol: dict) -> str:
    rows = most_open_first([row for row in trials if row["status_group"] in OPEN_STATUS])
    if not rows:
        return "<p>No trial is known to be under way.</p>"
    late = [row for row in rows if row["late"]]
    parts = []
    most = _SHORT if len(rows) <= _OPEN and len(trials) <= _MANY else 0
    for own, opened, words in (
        (rows[: len(rows) - len(late)], True, f"of which no end is known to be past by {rows[0]['read_to']}"),
        (late, False, "that may still run by the record of the day shown, though the end that it gives has passed"),
    ):
        unseen = sum(row["status"] is None for row in own)
        words += f"; {unseen} of them {'shows' if unseen == 1 else 'show'} no status" if unseen else ""
        compare = sum(row.get("compares_doses") is not None for row in own)
        first = "one that compares doses stands" if compare == 1 else f"{compare} that compare doses stand"
        words += f"; the {first} first" if compare else "; none is known to compare doses"
        parts += (
            [
                _trial_table(
                    own,
                    protocol,
                    f"{several(len(own), 'trial')} {words}",
                    most=most * opened,
                    opened=opened and len(own) <= _OPEN,
                )
            ]
            if own
            else []
        )
    return "\n\n".join(parts)


def _closed(trials: list[dict[str, Any]], protocol: dict) -> str:
    rows = most_open_first([row for row in trials if row["status_group"] not in OPEN_STATUS])
    outside = [row for row in rows if row["status_group"] == EXPANDED_ACCESS]
    ended = [row for row in rows if row["status_group"] != EXPANDED_ACCESS]
    groups = (
        (ended, f"{several(len(ended), 'other trial')}: ended, stopped or unknown"),
        (outside, f"{several(len(outside), 'record')} of expanded access: the product is given outside of a trial"),
    )
    return "\n\n".join(
        _trial_table(own, protocol, caption, most=0, opened=len(own) <= _SHORT) for own, caption in groups if own
    )


def _trial_table(
    rows: list[dict[str, Any]], protocol: dict, caption: str, *, most: int = _SHORT, opened: bool = False
) -> str:
    phases = code_labels(protocol, "phase_group")
    more = {"compares_doses": "compares doses", "result": "result"}
    more = {name: head for name, head in more.items() if any(row.get(name) is not None for row in rows)}
    heads = [
        "trial",
        "title",
        "registered",
        "phase",
        "status",
        "status as of (copy read)",
        "end, planned or actual",
        "people",
        "where",
        *more.values(),
    ]
    cells = [
        [
            _trial_links([row["trn"]]),
            _text(row["title"]),
            _text(_registered_month(row)),
            _text(phases.get(row["phase_group"], row["phase_group"])),
            _text(row["status"]),
            _text(row["status"] and days_in_short(*(row[name] for name in DAYS_OF_STATUS))),
            _text(row["end"]),
            _text(row["enrolment"]),
            _text(", ".join(split_multi(row["countries"])) or None),
            *(_text(row[name]) for name in more),
        ]
        for row in rows
    ]
    return _table(cells, heads, caption, most=most, opened=opened)


def _registered_month(row: dict[str, Any]) -> str | None:
    """The month of registration, said to be about that where its day is an estimate."""
    about = "about " if row["registered_basis"] == "estimated" else ""
    return None if row["registered"] is None else f"{about}{row['registered']:%Y-%m}"


def _table(
    cells: list[list[str]], heads: Iterable[str], caption: str, *, most: int = _SHORT, opened: bool = False
) -> str:
    """A table that is folded where it has more rows than ``most``; ``opened``: folded in print alone."""
    return _framed(f"<tbody>{_rows(cells)}</tbody>", heads, caption, folded=len(cells) > most, opened=opened)


def _grouped(
    groups: list[tuple[str, list[list[str]], list[str]]], heads: Iterable[str], caption: str, kind: str = ""
) -> str:
    """A table whose rows stand in groups, each below a line that holds for all of them."""
    heads = list(heads)
    body = "".join(
        f'<tbody><tr><th scope="rowgroup" colspan="{len(heads)}">{_anchors(places)}{head}</th></tr>{_rows(cells)}</tbody>'
        for head, cells, places in groups
    )
    return _framed(body, heads, caption, folded=sum(len(cells) for _, cells, _ in groups) > _SHORT, kind=kind)


def _rows(cells: list[list[str]]) -> str:
    long = (
        (f'<td class="long">{text}</td>' if len(text) > 60 else f"<td>{text}</td>" for text in row) for row in cells
    )
    return "".join(f"<tr>{''.join(row)}</tr>" for row in long)


def _anchors(places: list[str]) -> str:
    return "".join(f'<span id="{_text(place)}"></span>' for place in places)


def _framed(
    body: str, heads: Iterable[str], caption: str, *, folded: bool, kind: str = "", opened: bool = False
) -> str:
    head = "".join(f'<th scope="col">{_text(text)}</th>' for text in heads)
    name = html.escape(caption, quote=True)
    frame = (
        f'<div class="scroll whole" tabindex="0" role="region" aria-label="{name}"><table aria-label="{name}">'
        f"<thead><tr>{head}</tr></thead>{body}</table></div>"
    )
    if folded:
        kind, state = (" on-screen", " open") if opened else (kind, "")
        return f'<details class="rows{kind}"{state}><summary>{html.escape(caption)}</summary>{frame}</details>'
    return f'<p class="caption" aria-hidden="true">{html.escape(caption)}</p>{frame}'


def _place(study_id: str) -> str:
    return f"report-{page_name(study_id)}"


def _trial_links(trns: list[str]) -> str:
    return ", ".join(f'<a href="../trials/{page_name(trn)}.html">{_text(trn)}</a>' for trn in trns)


def _link(url: object, text: str) -> str:
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return f'<a href="{html.escape(url, quote=True)}" rel="noopener noreferrer">{_text(text)}</a>'
    return _text(text)


def _text(cell: object) -> str:
    """Text for HTML in one line; a dash where it is missing."""
    return "–" if cell is None else html.escape(" ".join(str(cell).split()), quote=True)


def _heading(text: str) -> str:
    """Text for a Markdown heading, with its signs escaped."""
    return re.sub(r"([^\w\s,])", r"\\\1", text)
