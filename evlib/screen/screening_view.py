"""The screening view for JupyterLab: one record at a time, its trigger words marked, a key for each decision."""

import html
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from IPython.display import Markdown
from ipywidgets import HTML, Button, Dropdown, HBox, IntProgress, Layout, Text, VBox, Widget

from evlib.base.errors import InputError
from evlib.base.paths import command_ending
from evlib.base.query import places
from evlib.base.schema import split_multi
from evlib.base.words import several
from evlib.screen import judging
from evlib.screen.eligibility import speaks_for, triggers

KEYS = {"i": "include", "e": "exclude", "u": "unclear", "l": "later", "b": "back"}
# Okabe and Ito's palette, light; underlines tell them apart without colour.
_FOR = "background:#cfe8f7;border-bottom:2px solid #0072B2"
_AGAINST = "background:#fbe3c0;border-bottom:2px dashed #B35900"
_SEARCHED = "background:#eeeeee;border-bottom:2px dotted #555555"
_SHOWN = {
    "official_title": "Official title", "conditions": "Conditions", "interventions": "Interventions", "arms": "Arms",
    "summary": "Summary", "search_words": "Words of the search",
    "msc_source_text": "Cells, as the record words them", "ev_term_text": "Product, as the record words it",
    "registry": "Registry", "status": "Status", "registered": "Registered", "note": "Note of the transcription",
}  # fmt: skip


def screening_view(queue: pd.DataFrame, *, reviewer: str, folder: str | Path, protocol: dict) -> Widget | Markdown:
    """Widgets with which one person judges the records of the queue; each decision is saved at once.

    Parameters
    ----------
    queue
        Table ``to_screen``.
    reviewer
        Name of the person; ``adjudicated`` shows the records on which people differ, with their decisions. Without a name,
        a sentence says how to begin.
    folder
        Of the decisions of people (``data/raw/curation/screening``). Those of others are neither shown nor changed.

    Raises
    ------
    InputError
        Where the name cannot be a reviewer's.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from evlib.base.protocol import load_protocol
    >>> from evlib.base.schema import read_table
    >>> queue = read_table("data/processed/2024-02-17/to_screen.csv", "to_screen")
    >>> with TemporaryDirectory() as folder:
    ...     view = screening_view(queue, reviewer="anna", folder=folder, protocol=load_protocol("protocol.yml"))
    >>> [button.description for button in view.children[1].children]
    ['Include (i)', 'Exclude (e)', 'Unclear (u)', 'Later (l)', 'Back (b)']
    """
    if not reviewer:
        return Markdown(
            f"{several(len(queue), 'record is', 'records are')} not yet read. To judge them here, run this notebook in JupyterLab with your name as "
            f"`reviewer`: `make screen{command_ending(folder)} REVIEWER=name` opens it so."
        )
    judging.reviewer_file(folder, reviewer)
    people, _ = judging.own_decisions(folder, known=set(queue.trn), protocol=protocol)
    adjudicating = reviewer.strip().casefold() == judging.ADJUDICATOR
    others = people[people.reviewer != judging.ADJUDICATOR]
    if adjudicating:
        queue = queue[queue.trn.map(others.groupby("trn").decision.nunique()) > 1]
    own = people.reviewer.map(judging.reviewer_key) == judging.reviewer_key(reviewer)
    mine = people[own].set_index("trn").decision.to_dict()
    records = {record["trn"]: record for record in queue.to_dict("records")}
    waiting, done = [trn for trn in records if trn not in mine], [trn for trn in records if trn in mine]
    total = len(records)

    bar = IntProgress(min=0, max=max(total, 1), layout=Layout(width="14rem"))
    progress, card, message = HTML(), HTML(), HTML()
    codes = judging.exclusion_criteria(protocol)
    wide, beside = Layout(width="34rem", max_width="98%"), {"description_width": "5.5rem"}
    options = [(f"{code}: {text}", code) for code, text in codes.items()]
    criterion = Dropdown(options=options, description="Excluded by", style=beside, layout=wide)
    reason = Text(description="Reason", placeholder="in your words; may stay empty", style=beside, layout=wide)
    keys = Text(description="Keys", placeholder="click here, then type", style=beside, layout=Layout(width="16rem"))
    texts = {name: f"{name.capitalize()} ({key})" for key, name in KEYS.items()}
    buttons = {name: Button(description=text, layout=Layout(width="8rem")) for name, text in texts.items()}
    buttons["include"].button_style, buttons["exclude"].button_style = "info", "warning"

    def show() -> None:
        judged = sum(trn in mine for trn in records)
        bar.value = judged
        progress.value = f"<b>{judged}</b> of {total} judged by {html.escape(reviewer)}, {total - judged} left"
        buttons["back"].disabled = not done
        for name in ("include", "exclude", "unclear", "later"):
            buttons[name].disabled = not waiting
        if not waiting:
            command = f"<code>make book{command_ending(folder)}</code>"
            card.value = f"<p>All records of the queue are judged. They count from the next {command} on.</p>"
            return
        record = records[waiting[0]]
        proposed = record["proposed_criterion"]
        criterion.value = proposed if proposed in codes else protocol["screening"]["criterion"]["other_intervention"]
        reason.value = ""
        said = [f"{row.reviewer}: {row.decision}" for row in others[others.trn == waiting[0]].itertuples()]
        said = said if adjudicating else []
        card.value = record_card(record, protocol=protocol, said=said, before=mine.get(waiting[0]))

    def save(trn: str, name: str) -> None:
        """Save a decision, or that there is none yet; a record that was not saved stays in view."""
        if name == "later":
            if trn in mine:
                judging.save_decision(folder, trn, "later", reviewer=reviewer, protocol=protocol)
                del mine[trn]
            waiting.append(waiting.pop(0))
            return
        code = criterion.value if name == "exclude" else None
        facts = {"criterion": code, "reason": reason.value.strip() or None}
        path = judging.save_decision(folder, trn, name, reviewer=reviewer, protocol=protocol, **facts)
        mine[trn] = name
        done.append(waiting.pop(0))
        message.value = f"Saved in {html.escape(path.name)}: {html.escape(trn)} {name} {code or ''}"

    def decide(name: str) -> None:
        message.value = ""
        if name == "back" and done:
            waiting.insert(0, done.pop())
        elif name != "back" and waiting:
            try:
                save(waiting[0], name)
            except (InputError, OSError) as error:
                message.value = f'<p style="color:#B00020"><b>Not saved.</b> {html.escape(str(error))}</p>'
                return
        show()

    def typed(change: dict) -> None:
        # The field is never emptied from here: a letter typed meanwhile would be sent with the old ones, and count twice.
        added = change["new"].removeprefix(change["old"]) if change["new"].startswith(change["old"]) else ""
        for key in added.lower():
            if key in KEYS:
                decide(KEYS[key])
            elif code := next((code for code in codes if code.endswith(key)), None):
                criterion.value = code

    for name, button in buttons.items():
        button.on_click(lambda _, name=name: decide(name))
    keys.observe(typed, names="value")
    show()
    listed = ", ".join(f"<b>{key}</b> {name}" for key, name in KEYS.items())
    marks = (
        f"{_marked(' and '.join(speaks_for(protocol)), _FOR)} speak for, {_marked('other words', _AGAINST)} against."
    )
    if queue.summary.notna().any():
        marks += f" In summaries, {_marked('words of the search', _SEARCHED)}."
    help_text = HTML(f"<small>Keys: {listed}; a digit chooses the criterion. {marks}</small>")
    # The controls stand above the record, so that they keep their place however long it is.
    wrap = Layout(flex_flow="row wrap")
    controls = [HBox(list(buttons.values()), layout=wrap), HBox([keys, criterion], layout=wrap), reason]
    return VBox([HBox([bar, progress]), *controls, message, card, help_text])


def record_card(record: dict, *, protocol: dict, said: list[str], before: str | None) -> str:
    """One record of the queue as HTML: every text escaped, the words that count for the rules marked."""
    words = triggers({**record, "brief_title": record["title"]}, protocol=protocol)
    words = words.assign(style=words.meaning.isin(speaks_for(protocol)).map({True: _FOR, False: _AGAINST}))
    by_field = dict(list(words.groupby("field")))
    number, url = html.escape(record["trn"]), record["record_url"]
    if isinstance(url, str) and url.startswith("https://"):
        link = f'href="{html.escape(url, quote=True)}" target="_blank" rel="noopener noreferrer"'
        number = f'<a {link} style="color:#0072B2;text-decoration:underline">{number}</a>'
    shown = {field: _values(record[field], by_field.get(field)) for field in _SHOWN if not pd.isna(record[field])}
    if "summary" in shown:
        found = places(record["summary"], protocol["search"])
        shown["summary"] = _with_marks(record["summary"], [(*place, _SEARCHED, term) for *place, term in found])
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding-right:1rem;white-space:nowrap">{_SHOWN[field]}</th>'
        f'<td style="text-align:left">{cell}</td></tr>'
        for field, cell in shown.items()
    )
    code = f" ({record['proposed_criterion']})" if isinstance(record["proposed_criterion"], str) else ""
    why = html.escape(str(record["proposed_reason"]))
    proposal = f"<p>The rules propose: <b>{record['proposal']}</b>{code}, {why}.</p>"
    differ = f"<p>Said before: {html.escape('; '.join(said))}.</p>" if said else ""
    own = f"<p>Your decision so far: <b>{before}</b>.</p>" if before else ""
    title = _values(record["title"], by_field.get("brief_title"))
    return f'<h3 style="margin:0.4rem 0">{number} {title}</h3><table>{rows}</table>{proposal}{differ}{own}'


def _values(cell: object, words: pd.DataFrame | None) -> str:
    if isinstance(cell, pd.Timestamp):
        return f"{cell:%Y-%m-%d}"
    return "<br>".join(_highlighted(text, words) for text in split_multi(cell)) or html.escape(str(cell))


def _highlighted(text: str, words: pd.DataFrame | None) -> str:
    """The text, escaped, with these words (``words, style, meaning``) marked."""
    if words is None:
        return html.escape(text)
    meaning = dict(zip(words.words.str.casefold(), zip(words["style"], words.meaning)))
    pattern = re.compile("|".join(re.escape(word) for word in sorted(meaning, key=len, reverse=True)), re.IGNORECASE)
    return _with_marks(text, [(*match.span(), *meaning[match.group().casefold()]) for match in pattern.finditer(text)])


def _with_marks(text: str, marks: Iterable[tuple[int, int, str, str]]) -> str:
    """The text, escaped, with these places (start, end, style, meaning) marked; of some that overlap, the first."""
    parts, end = [], 0
    for start, stop, style, kind in marks:
        if start >= end:
            parts += [html.escape(text[end:start]), _marked(text[start:stop], style, kind)]
            end = stop
    return "".join([*parts, html.escape(text[end:])])


def _marked(text: str, style: str, kind: str = "") -> str:
    return f'<mark style="{style};color:#000" title="{html.escape(kind, quote=True)}">{html.escape(text)}</mark>'
