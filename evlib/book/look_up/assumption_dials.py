"""The dose answer under every combination of its assumptions, to be looked up with a menu for each of them."""

import ast
import html
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.schema import read_csv
from evlib.base.tables import table
from evlib.base.words import joined, several, thousands
from evlib.doses.dose_verdicts import answer_in_words
from evlib.doses.dose_windows import CAVEAT, ROUTES
from evlib.doses.evidence import DIALS
from evlib.doses.stated_doses import power, share_text, span_of

# Of each dial what its menu is called, and its values in words; others are numbers.
_DIALS: dict[str, tuple[str, dict[str, str]]] = {
    "effective_if": (
        "A dose counts as effective if",
        {
            "paper": "the paper reads it so",
            "reported": "any result was better than another arm, or improved since before",
            "compared": "any result was better than another arm",
            "primary": "a primary outcome was better than another arm",
        },
    ),
    "per": ("Particles are counted for", {"administration": "one administration", "course": "the whole course"}),
    "compare": (
        "Compared between the routes",
        {"minimum": "the lowest effective dose of each", "any": "any effective doses"},
    ),
    "pairs_only": ("Trials", {"False": "all", "True": "only those with an effective and a less effective dose"}),
    "exoflo_per_ml": ("Particles in a millilitre of ExoFlo", {"": "every reading of the sources, each as likely"}),
    "exosome_mass_is_protein": ("A mass of exosomes", {"False": "is of exosomes", "True": "is of protein"}),
    "cited_factors": (
        "Factors that were cited and not read at their source",
        {"True": "count beside those that were read", "False": "do not count"},
    ),
    "nebulised_share": ("Share of a nebulised dose that counts", {"1 to 1": "all that the device held"}),
    "body_weight_kg": ("Body weight in kg, for doses per kilogram", {"": "none: these doses are not converted"}),
    "not_msc": ("Vesicles", {"False": "of MSCs alone", "True": "of other cells, too"}),
    "lung_only": ("Diseases", {"True": "of the lung, and healthy lungs", "False": "all"}),
}
# A copy, because the chapter writes its tables into the folder that it reads.
_COMMAND = """cp -r data/processed/{day} turned
.venv/bin/python -m papermill notebooks/04_dose_effect.ipynb turned/04_dose_effect.ipynb -p search_date {day} -p out_dir turned"""
_BOUNDS = tuple(f"{route}_{end}" for route in ROUTES for end in ("low", "high"))
_NUMBERS = (*(f"n_{route}" for route in ROUTES), *_BOUNDS, "share")


def combinations(results: Path) -> pd.DataFrame:
    """Table ``specifications`` of a run: dials as text (empty: none), counts, bounds and shares as numbers, ``as_set`` as a truth value."""
    cross = read_csv(results / "specifications.csv")
    dials = dials_of(cross)
    cross[dials] = cross[dials].fillna("")
    cross[list(_NUMBERS)] = cross[list(_NUMBERS)].apply(pd.to_numeric)
    return cross.assign(as_set=cross.as_set == "True")


def dials_of(cross: pd.DataFrame) -> list[str]:
    """The dials that a full cross combines."""
    return [name for name in DIALS if name in cross]


def result_of(row: pd.Series, claims: list[str]) -> dict[str, Any]:
    """What follows from one combination, in words: the answer, what it rests on, and the verdict on each claim."""
    without = [route for route in ROUTES if not row[f"n_{route}"]]
    share = (
        f"In a share of {share_text(row.share)} of the readings of the amounts the effective dose is lower nebulised than intravenously."
        if pd.notna(row.share)
        else f"The routes cannot be compared: no report read as effective gives an amount in particles for the {joined(without)} {'route' if len(without) == 1 else 'routes'}."
    )
    routes = {
        route: f"{span_of(row[f'{route}_low'], row[f'{route}_high'])} particles, {several(row[f'n_{route}'], 'report')}"
        if row[f"n_{route}"]
        else "no effective dose in particles"
        for route in ROUTES
    }
    answer = answer_in_words(row["narrow"], row["below intravenous"]).replace("**", "")
    return {"answer": answer, "share": share, **routes, "verdicts": [row[claim] for claim in claims]}


def content(results: Path, protocol: dict) -> tuple[str, dict[str, Any]]:
    """The content of the page and its data, from a run's full cross of the dials.

    Without a script the page shows the combination that the book has, and each dial turned alone.
    """
    cross, verdicts = combinations(results), read_csv(results / "dose_verdicts.csv")
    claims = [claim for claim in verdicts.claim if claim in cross]
    quotes = verdicts.set_index("claim").quote
    dials, chosen = dials_of(cross), cross[cross.as_set].iloc[0]
    levels = {name: list(dict.fromkeys(cross[name])) for name in dials}
    made, of = [], [-1] * _size(levels)
    seen: dict[str, int] = {}
    for _, row in cross.iterrows():
        result = result_of(row, claims)
        key = repr(result)
        if key not in seen:
            seen[key] = len(made)
            made.append(result)
        of[_place({name: row[name] for name in dials}, levels)] = seen[key]
    counts = [cross[claim].value_counts().to_dict() for claim in claims]
    answers = pd.Series([made[index]["answer"] for index in of if index >= 0]).value_counts().to_dict()
    data = {
        "dials": [
            {"name": name, "values": levels[name], "arguments": _arguments(cross, name, levels[name])} for name in dials
        ],
        "as_set": {name: chosen[name] for name in dials},
        "results": made,
        "of": of,
        "n": len(cross),
        "answers": answers,
        "verdicts": counts,
        "command": _COMMAND.format(day=results.name),
    }
    parts = [
        _menus(levels, chosen),
        _answer(result_of(chosen, claims), data, [quotes[claim] for claim in claims]),
        f"<h2>What the numbers are not</h2><p>{html.escape(_caveat(cross))}</p>",
        "<h2>One assumption turned at a time, as a table</h2>",
        _turned_alone(cross, levels, claims),
    ]
    return f'<div class="look-up" id="dials">{"".join(parts)}</div>', data


def _size(levels: dict[str, list[str]]) -> int:
    size = 1
    for values in levels.values():
        size *= len(values)
    return size


def _place(chosen: dict[str, str], levels: dict[str, list[str]]) -> int:
    """The place of a combination when all are counted through, the last dial turning fastest."""
    place = 0
    for name, values in levels.items():
        place = place * len(values) + values.index(chosen[name])
    return place


def value_in_words(name: str, value: str) -> str:
    """A value of a dial as a reader sees it."""
    known = _DIALS[name][1].get(value)
    if known:
        return known
    return power(float(value)) if name == "exoflo_per_ml" else value


def _default(name: str) -> str:
    """The default of a dial as table ``specifications`` writes it."""
    value = DIALS[name][0]
    if isinstance(value, tuple):
        return f"{value[0]:g} to {value[1]:g}"
    return "" if value is None else str(value)


def _arguments(cross: pd.DataFrame, name: str, values: list[str]) -> list[str]:
    """For each value of a dial what to add to the command; nothing for its default."""
    arguments = []
    for value in values:
        parameters = cross.parameters[cross[name] == value].iloc[0]
        written = dict(part.split(" = ", 1) for part in parameters.split("; ") if " = " in part)
        literal = ast.literal_eval(written[name]) if name in written else None
        if name not in written:
            arguments.append("")
        elif isinstance(literal, tuple):
            arguments.append(f' -y "{name}: [{", ".join(map(str, literal))}]"')
        else:
            arguments.append(f" -p {name} {literal}")
    return arguments


def _menus(levels: dict[str, list[str]], chosen: pd.Series) -> str:
    fields = []
    for name, values in levels.items():
        options = "".join(
            f'<option value="{html.escape(value)}"{" selected" if value == chosen[name] else ""}>{html.escape(value_in_words(name, value))}'
            f"{' (default)' if value == _default(name) else ''}</option>"
            for value in values
        )
        label = html.escape(_DIALS[name][0])
        fields.append(f'<label for="dial-{name}">{label}</label><select id="dial-{name}">{options}</select>')
    return (
        f'<form class="controls" hidden><div class="dials">{"".join(f"<p>{field}</p>" for field in fields)}</div>'
        '<p class="buttons"><button type="reset">As in this book</button></p></form>'
    )


def _answer(result: dict[str, Any], data: dict[str, Any], quotes: list[str]) -> str:
    """The result of the combination that the book has, its parts marked so that the script finds them."""
    same = thousands(data["answers"][result["answer"]])
    rows = "".join(
        f'<tr><td>“{html.escape(quote)}”</td><td data-verdict="{i}">{html.escape(verdict)}</td>'
        f'<td><span data-same="{i}">{thousands(counts[verdict])}</span> of {thousands(data["n"])}</td></tr>'
        for i, (quote, verdict, counts) in enumerate(zip(quotes, result["verdicts"], data["verdicts"], strict=True))
    )
    routes = "".join(
        f'<tr><th scope="row">Effective dose, {route}</th><td data-result="{route}">{html.escape(result[route])}</td></tr>'
        for route in ROUTES
    )
    return (
        '<h2>What follows</h2><p id="dials-state">These are the assumptions of this book.</p>'
        f'<div role="status" aria-live="polite"><p class="answer" data-result="answer">{html.escape(result["answer"])}</p>'
        f'<p data-result="share">{html.escape(result["share"])}</p>'
        f'<p>The same answer in <span id="answer-same">{same}</span> of {thousands(data["n"])} combinations of the assumptions.</p></div>'
        f'<div class="scroll whole" tabindex="0" role="region" aria-label="Effective doses"><table class="facts"><tbody>{routes}</tbody></table></div>'
        '<div class="scroll whole" tabindex="0" role="region" aria-label="Verdicts"><table><thead><tr><th scope="col">The paper says</th>'
        '<th scope="col">Verdict</th><th scope="col">The same verdict in</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        '<div id="dials-move" hidden><p></p><ul></ul></div>'
        f'<p>To compute it again, in the project\'s folder after <code>make run</code>:</p><pre id="dials-command">{html.escape(data["command"])}</pre>'
    )


def _caveat(cross: pd.DataFrame) -> str:
    """What the shares are of, and why some combinations have none."""
    n, without = thousands(len(cross)), cross[cross.share.isna()]
    reasons = joined([f"{route} in {thousands((cross[f'n_{route}'] == 0).sum())}" for route in ROUTES])
    always = [
        f"“{_DIALS[name][0]}: {value_in_words(name, value)}”"
        for name in dials_of(cross)
        for value in dict.fromkeys(cross[name])
        if cross.share[cross[name] == value].isna().all()
    ]
    text = f"Each share is {CAVEAT}. In {thousands(len(without))} of {n} combinations there is none"
    if len(without):
        text += f", since no report that is read as effective gives an amount in particles ({reasons})"
    text += "."
    if always and len(without) < len(cross):
        text += f" This is always so with {joined(always)}: few reports give such a result together with an amount."
    others = [name for name in _DIALS if name not in cross]
    if others:
        text += f" Not among the menus, since they move no dose of either route: {joined([_DIALS[name][0].lower() for name in others])}."
    return (
        text
        + " How many combinations agree says how much the answer hangs on these assumptions, not how certain it is."
    )


def _turned_alone(cross: pd.DataFrame, levels: dict[str, list[str]], claims: list[str]) -> str:
    """The combination that the book has, and each dial turned alone from there."""
    chosen = cross[cross.as_set].iloc[0]
    rows = [("as in this book", "", chosen)]
    for name, values in levels.items():
        others = [other for other in levels if other != name]
        alone = cross[(cross[others] == chosen[others]).all(axis=1)].set_index(name)
        rows += [
            (_DIALS[name][0], value_in_words(name, value), alone.loc[value])
            for value in values
            if value != chosen[name]
        ]
    shown = pd.DataFrame(
        [(dial, value, share_text(row.share), *(row[claim] for claim in claims)) for dial, value, row in rows],
        columns=["assumption", "turned to", "share lower nebulised", *claims],
    )
    caption = f"{several(len(shown) - 1, 'assumption turned alone', 'assumptions turned alone')}, of {thousands(len(cross))} combinations"
    return table(shown, caption=caption).data
