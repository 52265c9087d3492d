"""Planted duplicates, to measure how many of them the proposals find and how many of the proposals are wrong."""

import random
from collections.abc import Callable

import pandas as pd

from evlib.base.schema import checked

# Word by word, in place of a real translation; names, numbers and abbreviations stay, as they do in life.
_GLOSSARY = """
a=un an=un the=el of=de in=en and=y with=con for=para to=a from=de on=sobre or=o by=por derived=derivado
study=estudio trial=ensayo clinical=clínico safety=seguridad efficacy=eficacia evaluation=evaluación
effect=efecto effects=efectos treatment=tratamiento treating=tratar therapy=terapia patients=pacientes
cell=célula cells=células stem=madre mesenchymal=mesenquimal exosome=exosoma exosomes=exosomas
vesicles=vesículas extracellular=extracelulares human=humano umbilical=umbilical cord=cordón bone=hueso
marrow=médula adipose=adiposo tissue=tejido severe=grave acute=agudo chronic=crónico disease=enfermedad
syndrome=síndrome injection=inyección infusion=infusión inhalation=inhalación pneumonia=neumonía lung=pulmón
injury=lesión wound=herida healing=curación skin=piel knee=rodilla osteoarthritis=artrosis stroke=ictus
diabetes=diabetes randomized=aleatorizado controlled=controlado open=abierto label=etiqueta pilot=piloto
phase=fase dose=dosis placebo=placebo hospital=hospital novel=nuevo using=usando
"""
_SPANISH = dict(pair.split("=") for pair in _GLOSSARY.split())
_KINDS = ("cross-registered", "retitled", "translated")
_KEPT = ["registry", "brief_title", "official_title", "acronym", "sponsor", "countries", "conditions", "enrolment"]
_DATES = ["start_date", "registered_text"]


def planted(records: pd.DataFrame, *, n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The records with ``n`` duplicates of each kind added, and which record each of them repeats.

    Parameters
    ----------
    records
        Table ``records``. Records with a title are drawn, no record twice.
    n
        Duplicates of each kind, fewer where there are too few records: *cross-registered* (another registry and
        number, one word in ten gone), *retitled* (a third of the words gone, the others moved, no scientific title),
        *translated* (word for word by a small glossary, no scientific title). In each, one fact in seven is missing, one
        date in three is off by up to a month, one enrolment in five differs, and one sponsor in four is written as its
        first words only.
    seed
        Of the draw: the same seed plants the same duplicates.

    Returns
    -------
    records, truth
        Table ``records``, numbers of planted ones beginning with ``DRKS9``; and ``trn, duplicate_of, kind``.
    """
    chance = random.Random(seed)
    drawn = records[records.brief_title.notna()].to_dict("records")
    chance.shuffle(drawn)
    n = min(n, len(drawn) // len(_KINDS))
    copies, truth = [], []
    for index, original in enumerate(drawn[: n * len(_KINDS)]):
        kind = _KINDS[index % len(_KINDS)]
        copy = {name: original[name] for name in (*_KEPT, *_DATES)}
        copy["brief_title"] = _changed_title(original["brief_title"], kind, chance)
        if kind != "cross-registered":
            copy["official_title"] = None
        for name in ("sponsor", "enrolment", "conditions", "acronym", *_DATES):
            if chance.random() < 1 / 7:
                copy[name] = None
        for name in _DATES:
            if chance.random() < 1 / 3 and isinstance(copy[name], str) and len(copy[name]) == len("2020-01-01"):
                copy[name] = f"{pd.Timestamp(copy[name]) + pd.Timedelta(days=chance.randint(-30, 30)):%Y-%m-%d}"
        if chance.random() < 1 / 4 and isinstance(copy["sponsor"], str):
            copy["sponsor"] = " ".join(copy["sponsor"].split()[:2])
        if chance.random() < 1 / 5 and not pd.isna(copy["enrolment"]):
            copy["enrolment"] = int(copy["enrolment"] * chance.choice([0.5, 0.8, 1.2, 2])) + 1
        trn = f"DRKS9{index:07d}"
        copy |= {"trn": trn, "trn_kind": "number", "registry": "DRKS", "snapshot": original["snapshot"]}
        copies.append(copy)
        truth.append({"trn": trn, "duplicate_of": original["trn"], "kind": kind})
    added = checked(pd.DataFrame(copies, columns=None if copies else records.columns), "records")
    both = pd.concat([records, added], ignore_index=True)
    return checked(both, "records"), pd.DataFrame(truth, columns=["trn", "duplicate_of", "kind"])


def measured(truth: pd.DataFrame, proposals: pd.DataFrame) -> pd.DataFrame:
    """How the proposals do on planted duplicates: per kind and in all ``kind, planted, found, proposed, recall, precision``.

    Parameters
    ----------
    truth
        As ``planted`` returns it.
    proposals
        Table ``proposals``. Precision counts the proposals of a planted record and one that it does not repeat as wrong;
        proposals between records that were there before are not judged.
    """
    planted_pairs = [frozenset(pair) for pair in zip(truth.trn, truth.duplicate_of)]
    copies = set(truth.trn)
    judged = {pair for pair in map(frozenset, zip(proposals.trn, proposals.other_trn)) if pair & copies}
    outcome = truth.assign(found=[pair in judged for pair in planted_pairs])
    rows = [{"kind": kind, "planted": len(part), "found": part.found.sum()} for kind, part in outcome.groupby("kind")]
    rows.append({"kind": "all", "planted": len(outcome), "found": outcome.found.sum(), "proposed": len(judged)})
    table = pd.DataFrame(rows).astype({"found": int, "proposed": "Int64"})
    table["recall"] = table.found / table.planted
    right = judged.intersection(planted_pairs)
    table.loc[table.kind == "all", "precision"] = len(right) / len(judged) if judged else float("nan")
    return table


def repeated(
    records: pd.DataFrame, propose: Callable[[pd.DataFrame], pd.DataFrame], *, n: int, draws: int
) -> pd.DataFrame:
    """Recall and precision over several draws, each with its own planted duplicates.

    Parameters
    ----------
    records, n
        As for ``planted``.
    propose
        Makes table ``proposals`` of records.
    draws
        How many times duplicates are planted; seeds 1 to ``draws``.

    Returns
    -------
    pandas.DataFrame
        Per kind and in all: ``kind, planted`` (in each draw)``, recall, recall_low, recall_high, precision, precision_low,
        precision_high``: mean and range over the draws; precision, which no kind has by itself, in the last row alone.

    Examples
    --------
    >>> from evlib.base.schema import read_table
    >>> from evlib.screen.duplicate_scores import proposals
    >>> records = read_table("data/processed/2024-02-17/records.csv", "records")
    >>> measures = repeated(records, proposals, n=4, draws=2)
    >>> measures[["kind", "planted"]]
                   kind  planted
    0  cross-registered        4
    1          retitled        4
    2        translated        4
    3               all       12
    >>> bool((measures.recall_low <= measures.recall).all()), bool(measures.recall.iloc[-1] > 0.5)
    (True, True)
    """
    tables = []
    for seed in range(1, draws + 1):
        with_planted, truth = planted(records, n=n, seed=seed)
        tables.append(measured(truth, propose(with_planted)))
    ends = {"": "mean", "_low": "min", "_high": "max"}
    spreads = {f"{name}{end}": (name, how) for name in ("recall", "precision") for end, how in ends.items()}
    summary = pd.concat(tables).groupby("kind", sort=False).agg(planted=("planted", "first"), **spreads)
    return summary.round(3).reset_index()


def _changed_title(title: str, kind: str, chance: random.Random) -> str:
    words = title.split()
    if kind == "translated":
        return " ".join(_SPANISH.get(word.lower(), word) for word in words)
    share = 0.9 if kind == "cross-registered" else 2 / 3
    kept = [word for word in words if chance.random() < share] or words
    half = len(kept) // 2 if kind == "retitled" else 0
    return " ".join(kept[half:] + kept[:half])
