"""Which registered trials are nearest to a planned one, to be looked up by condition, disease, route, source of the cells and dose."""

import html
from pathlib import Path
from typing import Any

import pandas as pd

from evlib.base.schema import read_csv, read_table, split_multi
from evlib.base.tables import WITHOUT_CODE, code_labels
from evlib.base.words import several
from evlib.book.look_up.conditions import words_of_conditions
from evlib.book.trials.trial_pages import page_name
from evlib.doses.stated_doses import span_of
from evlib.doses.to_particles import BASES

_FIELDS = {"disease_area": "Disease area", "route": "Route", "msc_source": "Source of the cells"}
_STATED = "stated"


def trials_to_compare(results: Path, protocol: dict) -> pd.DataFrame:
    """The included trials with what a planned one is compared by.

    Returns
    -------
    pandas.DataFrame
        ``trn, title, registered`` (a day as text, marked where it is estimated), ``status``, ``conditions`` (in the record's words), the fields of the page that the review codes, ``low, high``: the least
        and the greatest number of particles of one administration, and ``basis``: of ``to_particles.BASES`` the first
        that a dose of the trial has (missing, as the bounds are, where none has particles).
    """
    described = read_table(results / "described.csv", "described")
    included = described[described.screening == "included"]
    fields = [name for name in _FIELDS if name in protocol["codes"]]
    trials = included[["trn", "title", "registered", "status", *fields]].copy()
    trials["conditions"] = None
    if (results / "records.csv").is_file():
        records = read_table(results / "records.csv", "records").drop_duplicates("trn").set_index("trn")
        trials["conditions"] = trials.trn.map(records.conditions)
    days = included.registered.dt.strftime("%Y-%m-%d")
    trials["registered"] = days.where(included.registered_basis != "estimated", days + " (estimated)")
    trials[["low", "high"]], trials["basis"] = float("nan"), None
    path = results / "doses_in_particles.csv"
    if not path.is_file():
        return trials
    doses = read_csv(path).dropna(subset=["low", "high"])
    doses[["low", "high"]] = doses[["low", "high"]].apply(pd.to_numeric)
    best = doses.groupby(["trn", "basis"]).agg(low=("low", "min"), high=("high", "max")).reset_index()
    best = best.sort_values("basis", key=lambda basis: basis.map([*BASES].index)).drop_duplicates("trn")
    return trials.drop(columns=["low", "high", "basis"]).merge(best, on="trn", how="left")


def content(results: Path, protocol: dict) -> tuple[str, dict[str, Any]]:
    """The content of the page and its data; without a script the page lists the trials by the fields."""
    trials = trials_to_compare(results, protocol)
    fields = [name for name in _FIELDS if name in trials]
    labels = {name: code_labels(protocol, name) for name in fields}
    named = [name for cell in trials.conditions for name in split_multi(cell)]
    data = {
        "day": results.name,
        "conditions": words_of_conditions(named),
        "fields": [{"name": name, "label": _FIELDS[name], "labels": labels[name]} for name in fields],
        "trials": [_fact(trial, fields) for trial in trials.to_dict("records")],
    }
    has_doses = bool(trials.basis.notna().any())
    parts = [
        _controls(trials, labels, has_doses),
        _empty_result(has_doses),
        _all_trials(trials, labels, has_doses),
    ]
    return f'<div class="look-up" id="planned">{"".join(parts)}</div>', data


def _fact(trial: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """A trial as the script takes it; what is missing is left out."""
    fact = {name: trial[name] for name in ("trn", "title", "registered", "status", *fields)}
    fact |= {"page": f"trials/{page_name(trial['trn'])}.html"}
    fact |= {"condition": split_multi(trial["conditions"])} if split_multi(trial["conditions"]) else {}
    if pd.notna(trial["low"]):
        fact |= {"low": trial["low"], "high": trial["high"], "basis": trial["basis"], "dose": _dose(trial)}
    return {name: value for name, value in fact.items() if isinstance(value, list) or pd.notna(value)}


def _dose(trial: dict[str, Any]) -> str:
    if pd.isna(trial["low"]):
        return "–"
    return span_of(trial["low"], trial["high"]) + (f" ({trial['basis']})" if trial["basis"] != _STATED else "")


def _controls(trials: pd.DataFrame, labels: dict[str, dict[str, str]], has_doses: bool) -> str:
    fields = [_condition_field(trials)]
    for name, known in labels.items():
        counts = trials[name].value_counts()
        options = "".join(
            f'<option value="{html.escape(code)}">{html.escape(label)} ({counts.get(code, 0)})</option>'
            for code, label in known.items()
            if code != WITHOUT_CODE
        )
        fields.append(
            f'<p><label for="planned-{name}">{_FIELDS[name]}</label><select id="planned-{name}"><option value="">not said</option>'
            f"{options}</select></p>"
        )
    if has_doses:
        fields.append(
            '<p><label for="planned-dose">Particles of one administration</label><input id="planned-dose" type="text" autocomplete="off" '
            'spellcheck="false" placeholder="2e8" aria-describedby="planned-dose-read"><span id="planned-dose-read"></span></p>'
        )
    return (
        f'<form class="controls" hidden><div class="dials">{"".join(fields)}</div>'
        '<p class="buttons"><button type="reset">Start again</button></p></form>'
    )


def _condition_field(trials: pd.DataFrame) -> str:
    """A field to type a condition into, or to choose one of the records' own words; the more frequent stand first."""
    names = pd.Series([name for cell in trials.conditions for name in split_multi(cell)], dtype=object)
    words = names.groupby(names.str.casefold()).first()
    counts = names.str.casefold().value_counts(sort=False)
    ordered = words[counts.sort_values(ascending=False, kind="stable").index]
    options = "".join(f'<option value="{html.escape(name)}"></option>' for name in ordered)
    example = html.escape(ordered.iloc[0]) if len(ordered) else ""
    return (
        '<p><label for="planned-condition">Condition</label><input id="planned-condition" type="text" list="planned-conditions" '
        f'autocomplete="off" placeholder="{example}" aria-describedby="planned-condition-read">'
        f'<datalist id="planned-conditions">{options}</datalist><span id="planned-condition-read"></span></p>'
    )


def _empty_result(has_doses: bool) -> str:
    dose = '<th scope="col">Particles of one administration</th>' if has_doses else ""
    return (
        '<div class="result" hidden><p role="status" aria-live="polite" id="planned-says"></p>'
        '<h2>What it would add</h2><ul id="planned-adds"></ul>'
        '<h2>The nearest trials</h2><p id="planned-order"></p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="The nearest trials"><table><thead><tr><th scope="col">Trial</th>'
        f'<th scope="col">Title</th><th scope="col">Conditions, in the record\'s words</th><th scope="col">The same</th><th scope="col">Differs</th>{dose}'
        '<th scope="col">Registered</th><th scope="col">Status</th></tr></thead><tbody id="planned-nearest"></tbody></table></div></div>'
    )


def _all_trials(trials: pd.DataFrame, labels: dict[str, dict[str, str]], has_doses: bool) -> str:
    """The trials by the fields, most frequent diseases first."""
    ordered = trials.sort_values([*labels, "registered"], na_position="last")
    heads = [
        "Trial",
        "Title",
        "Conditions, in the record's words",
        *(_FIELDS[name] for name in labels),
        *(["Particles"] if has_doses else []),
        "Registered",
    ]
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    rows = []
    for trial in ordered.to_dict("records"):
        cells = [_text(trial["title"]), _text("; ".join(split_multi(trial["conditions"])) or None)]
        cells += [*(_text(labels[name].get(trial[name], trial[name])) for name in labels)]
        cells += [
            *([_dose(trial)] if has_doses else []),
            "not known" if pd.isna(trial["registered"]) else _text(trial["registered"]),
        ]
        link = f'<a href="trials/{page_name(trial["trn"])}.html">{html.escape(trial["trn"])}</a>'
        rows.append(f"<tr><td>{link}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    caption = f"{several(len(trials), 'included trial')} by these fields"
    return (
        f'<h2>All of them, as a table</h2><p class="caption" aria-hidden="true">{caption}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table aria-label="{caption}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _text(cell: object) -> str:
    return "not reported" if pd.isna(cell) else html.escape(str(cell))
