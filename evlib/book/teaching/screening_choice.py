"""Twenty records for screening in class: chosen by rules, so that each teaches something, with the reasons kept apart."""

import hashlib
import html
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evlib.base.protocol import phrase_pattern
from evlib.base.schema import read_table
from evlib.screen.judging import exclusion_criteria
from evlib.screen.screening import record_urls

N = 20
READERS = ("R1", "R2")  # the machine readers who read every record
# What a judge sees of a record, in this order; what a registry says at length is not passed on.
SHOWN = (
    *(
        "registry",
        "brief_title",
        "official_title",
        "status",
        "registered",
        "registered_basis",
        "start_date",
        "secondary_trns",
        "conditions",
    ),
    *("interventions", "arms", "msc_source_text", "ev_term_text"),
)
STATED = "registration_stated"  # the words in which a record tells of its registration
BLANK = ("decision_1", "criterion_1", "reason_1", "decision_2", "criterion_2", "reason_2")
SETTLED = ("settled", "settled_criterion")
_PAIR = "one of a pair of records of one trial"
# What the printed sheet calls what it shows of a record, where the column's name says less.
_CALLED = {
    "brief_title": "title",
    "registered_basis": "this day is",
    "secondary_trns": "other numbers",
    "msc_source_text": "its words for the cells",
    "ev_term_text": "its words for the product",
    STATED: "it says of its registration",
}
_HOW = """Each alone, without talking. Decide <b>include</b>, <b>exclude</b> with the code of a criterion, or <b>unclear</b>, and write down
the words that decide. What is missing here was not shown to us, which is not the same as <i>no</i>. Of two records of one trial exclude one.
Ethical review can hardly be judged from a record: do not look for it. A late registration counts where the record itself calls it so, not
where only its dates tell; a day that is <i>estimated</i> was worked out from neighbouring numbers."""


class _Kind(NamedTuple):
    """A kind of records to choose: what it teaches, how many, and which they are."""

    why: str
    n: int
    holds: pd.Series


def chosen(results: str | Path, *, protocol: dict) -> pd.DataFrame | None:
    """The records for the class, in an order that does not give the reasons away.

    The first half is a class of its own: it has one record of each kind, and both of the pair.

    Every kind of record gets its places, from the rarest lesson to the plainest: a pair that is one trial; records on which the
    two machine readers differed; on which rules and readings part; that name what is asked for and were excluded because they give
    something else; one clear exclusion by each criterion that a sheet can show; one that both readers could not settle; and clear inclusions on the
    places that remain. Within a kind each registry comes once before any comes twice, and records that show more come first.

    Returns
    -------
    pandas.DataFrame or None
        Indexed by ``trn``: the columns of table ``records``; ``why``, for the teacher; what each reader, the rules
        (``rule``) and the settlement (``adjudicated``) said, with criteria (``R1_criterion``, …). None where the run has fewer
        than twenty such records, or not two machine readers.
    """
    judged = _judged(Path(results))
    if judged is None:
        return None
    by_note = judged.adjudicated_criterion.isin(_note_phrases(protocol)) & _stated(judged, protocol).isna()
    judged = judged[~by_note]  # what decided them is not on the sheet
    kinds = [_pair(Path(results), judged), *_kinds(judged, protocol)]
    places = pd.Series(dtype="str")
    for kind in kinds:
        free = judged[kind.holds & ~judged.index.isin(places.index)]
        n = kind.n or N - len(places)
        places = pd.concat([places, pd.Series(kind.why, index=_varied(free).index[:n], dtype="str")])
    if len(places) < N:
        return None
    first = ~places.duplicated() | (places == _PAIR)
    half = [*places.index[first], *places.index[~first]][: N // 2]
    order = sorted(places.index, key=lambda trn: (trn not in half, hashlib.sha256(trn.encode()).hexdigest()))
    return judged.loc[order].assign(why=places.loc[order])


def sheet(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """The sheet for a pair of judges: what the records show, and blank columns for both and for what they settle on."""
    shown = records[list(SHOWN)].assign(record_url=record_urls(records, protocol=protocol))
    shown[STATED] = _stated(records, protocol)
    shown.insert(0, "number", range(1, len(shown) + 1))
    return shown.reset_index(names="trn").assign(**dict.fromkeys((*BLANK, *SETTLED)))


def printed(sheet: pd.DataFrame, criteria: pd.DataFrame) -> str:
    """The sheet to print, as a page without a script: the criteria, and each record with lines to write on."""
    rows = "".join(
        f"<li><b>{html.escape(row.code)}</b> ({row.kind}) {html.escape(row.text)}</li>" for row in criteria.itertuples()
    )
    records = []
    for record in sheet.drop(columns=[*BLANK, *SETTLED]).to_dict("records"):
        facts = "".join(
            f"<dt>{_CALLED.get(name, name.replace('_', ' '))}</dt><dd>{html.escape(value if isinstance(value, str) else f'{value:%Y-%m-%d}')}</dd>"
            for name, value in record.items()
            if name not in ("number", "trn", "record_url") and pd.notna(value)
        )
        lines = "<p>decision ____________ code ______ why ______________________________ settled ____________</p>"
        records.append(
            f"<section><h2>{record['number']}. {html.escape(record['trn'])}</h2><dl>{facts}</dl>{lines}</section>"
        )
    records.insert(len(records) // 2, "<p><b>Where ten records are read: these were they.</b></p>")
    style = "body{font:11pt sans-serif;margin:1cm}section{break-inside:avoid}dt{font-weight:bold;float:left;margin-right:.5em}dd{margin:0}"
    head = f'<meta charset="utf-8"><title>Screening in class</title><style>{style}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>Screening in class</h1><p>{_HOW}</p><ul>{rows}</ul>{"".join(records)}</body></html>\n'


def _stated(records: pd.DataFrame, protocol: dict) -> pd.Series:
    """The phrase of a criterion that stands in a record's note; the rest of the note is a copyist's, and often tells the answer."""
    phrases = [phrase for of_criterion in _note_phrases(protocol).values() for phrase in of_criterion]
    if not phrases:
        return pd.Series(pd.NA, records.index, dtype="str")
    pattern = phrase_pattern(phrases)
    return (
        records.note.fillna("").map(lambda note: found[0] if (found := pattern.search(note)) else pd.NA).astype("str")
    )


def _note_phrases(protocol: dict) -> dict[str, list[str]]:
    """The phrases that are looked for in a record's note, by criterion, of the criteria that have any."""
    by_field = {
        code: row["phrases"] for code, row in protocol["criteria"].items() if isinstance(row.get("phrases"), dict)
    }
    return {code: phrases["note"] for code, phrases in by_field.items() if "note" in phrases}


def machine_readers(records: pd.DataFrame) -> pd.DataFrame:
    """What the machine readers said of each record of the sheet, and what was settled."""
    said = {"number": range(1, len(records) + 1)}
    for name, reader in (("reader_1", READERS[0]), ("reader_2", READERS[1]), ("readers_settled", "adjudicated")):
        said |= {name: records[reader].array, f"{name}_criterion": records[f"{reader}_criterion"].array}
    return pd.DataFrame(said)


def teachers_key(records: pd.DataFrame) -> pd.DataFrame:
    """Why each record was chosen, what the rules proposed, and the reason of the settlement."""
    names = ["why", "rule", "rule_criterion", "adjudicated", "adjudicated_criterion", "reason"]
    key = records[names].rename(columns=lambda name: name.replace("adjudicated", "readers_settled"))
    key.insert(0, "number", range(1, len(key) + 1))
    return key.reset_index(names="trn")


def criteria(protocol: dict) -> pd.DataFrame:
    """The criteria by which a judge includes or excludes: ``code, kind, step, text``."""
    facts = [
        {"code": code, **{name: row[name] for name in ("kind", "step", "text")}}
        for code, row in protocol["criteria"].items()
    ]
    return pd.DataFrame(facts)


def _judged(results: Path) -> pd.DataFrame | None:
    """The records that both machine readers and the rules judged, with what each said."""
    records, decisions, screened = (
        read_table(results / f"{name}.csv", name) for name in ("records", "decisions", "screened")
    )
    columns = [*READERS, "rule", "adjudicated"]
    machine = decisions[decisions.read_by != "person"]  # whose adjudication has the same name
    said = {name: machine[machine.reviewer == name].set_index("trn") for name in columns}
    if any(rows.empty or rows.index.duplicated().any() for rows in said.values()):
        return None
    judged = records.set_index("trn")
    for name, rows in said.items():
        judged[name], judged[f"{name}_criterion"] = rows.decision, rows.criterion
    judged = judged.join(screened.set_index("trn")[["reason", "outcome"]])
    return judged.dropna(subset=[*columns, "brief_title"])


def _kinds(judged: pd.DataFrame, protocol: dict) -> list[_Kind]:
    """The kinds of records but for pairs, each with the number of its places (0: all that remain)."""
    one, other = (judged[name] for name in READERS)
    code = protocol["screening"]["criterion"]
    apart = (judged.outcome != "duplicate") & (judged.adjudicated_criterion.fillna("") != code["duplicate"])
    agreed = (one == other) & (one == judged.adjudicated) & apart
    titles = judged.brief_title.str.cat(judged.official_title.fillna(""), sep=" ")
    named = titles.str.contains(phrase_pattern(protocol["screening"]["intervention"]))
    elsewise = judged.adjudicated_criterion == code["other_intervention"]
    kinds = [
        _Kind("the two machine readers differed", 4, (one != other) & apart),
        _Kind(
            "the rules, which know only words, and the readings part", 3, agreed & (judged.rule != judged.adjudicated)
        ),
        _Kind("it names what is asked for, and gives something else or only measures it", 3, agreed & named & elsewise),
    ]
    kinds += [
        _Kind(f"a clear exclusion by {name}: {text}", 1, agreed & (judged.adjudicated_criterion == name))
        for name, text in exclusion_criteria(protocol).items()
        if name != code.get("not_registered")  # the sheet cannot show it
    ]
    included = agreed & (judged.rule == judged.adjudicated) & (judged.adjudicated == "include")
    return [
        *kinds,
        _Kind("both readers could not tell from the record", 1, agreed & (judged.adjudicated == "unclear")),
        _Kind("a clear inclusion: both readers and the rules include it", 0, included),
    ]


def _pair(results: Path, judged: pd.DataFrame) -> _Kind:
    """Two records of one trial, those that show most; of such pairs the first that is linked by numbers."""
    pairs = read_table(results / "duplicates.csv", "duplicates")
    pairs = pairs[pairs.trn.isin(judged.index) & pairs.kept_trn.isin(judged.index)]
    by_number = pairs.basis.str.contains("number").rename("by_number")
    shown = pairs.apply(lambda pair: _facts(judged.loc[[pair.trn, pair.kept_trn]]).min(), axis=1) if len(pairs) else []
    best = pairs.assign(by_number=by_number, shown=shown).sort_values(
        ["by_number", "shown", "trn"], ascending=[False, False, True]
    )
    both = {trn for pair in best[:1].itertuples() for trn in (pair.trn, pair.kept_trn)}
    return _Kind(_PAIR, 2, judged.index.to_series().isin(both))


def _varied(records: pd.DataFrame) -> pd.DataFrame:
    """Each registry once before any comes twice; records that show more first."""
    in_order = records.assign(shown=_facts(records)).sort_index().sort_values("shown", ascending=False, kind="stable")
    turn = in_order.groupby("registry").cumcount()
    return records.loc[turn.sort_values(kind="stable").index]


def _facts(records: pd.DataFrame) -> pd.Series:
    return records[list(SHOWN)].notna().sum(axis=1)
