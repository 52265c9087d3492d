"""What reports, and the records of trials, tell of the product that was given: items that MISEV2023 asks for.

MISEV2023 is Welsh and others (2024), Journal of Extracellular Vesicles 13:e12404, doi 10.1002/jev2.12404. The ten items are of
its kind, not its own list, and nothing here judges the product.
"""

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from evlib.base.figure import STYLE, WIDTH_INCHES, Figure, nothing
from evlib.base.point_layout import BLUE, ORANGE
from evlib.base.schema import checked
from evlib.base.words import joined, several
from evlib.doses.reports import settled_readings
from evlib.doses.stated_doses import PARTICLES_OF, in_particles, of_records, with_number
from evlib.screen.screening import agreement_of_words

# The items, and what a reader sees.
ITEMS = {
    "cell_source": "Tissue of the cells",
    "isolation": "Isolation",
    "characterisation": "Characterisation",
    "particle_count": "Particle count",
    "protein_amount": "Protein amount",
    "particle_to_protein": "Particles per protein",
    "purity_or_sterility": "Purity or sterility",
    "potency": "Potency or any functional test",
    "storage": "Storage",
    "dose_metric": "Dose with its unit",
}
ANSWERS = {
    "yes": "stated",
    "no": "not stated in an abstract read nearly whole",
    "not-seen": "not seen in what was read",
}
_BARS = {"yes": (BLUE, None, "white"), "no": (ORANGE, "///", "black"), "not-seen": ("#DDDDDD", None, "black")}
# What the columns of a record can tell of the product, and the items that no column asks for.
_MASSES = ("mass", "mass per body weight")
_NO_COLUMN = ("isolation", "characterisation", "particle_to_protein", "purity_or_sterility", "potency", "storage")


def settled_items(reporting: pd.DataFrame, studies: pd.DataFrame) -> pd.DataFrame:
    """Whether each report states each item, as settled, with the words of the reading that was followed.

    Parameters
    ----------
    reporting, studies
        Tables ``product_reporting`` and ``studies``.

    Returns
    -------
    pandas.DataFrame
        Table ``product_settled``, by the names of the reports and the order of ``ITEMS``; ``stated`` is yes, no (not stated
        in an abstract that was read nearly whole) or not-seen (too little was read to tell).

    Examples
    --------
    >>> readings = pd.DataFrame({"reader": ["R1", "R2", "settled"], "stated": ["yes", "not-seen", "yes"]})
    >>> readings = readings.assign(study_id="a", item="storage", words=["kept at -80", "abstract only", "R1 quotes it"])
    >>> studies = pd.DataFrame({"study_id": ["a"], "study": ["Report A"]})
    >>> settled_items(readings, studies)[["study", "item", "stated", "words", "R1", "R2"]]
          study     item stated        words   R1        R2
    0  Report A  storage    yes  kept at -80  yes  not-seen
    """
    cells = settled_readings(reporting, ["study_id", "item"], "stated", "words")
    cells = cells.rename(columns={"settled": "stated", "followed": "words"})
    cells = cells.merge(studies[["study_id", "study"]], on="study_id", how="left")
    place = cells.item.map({item: place for place, item in enumerate(ITEMS)})
    cells = cells.assign(place=place).sort_values(["study", "study_id", "place"]).drop(columns="place")
    return checked(cells, "product_settled")


def by_item(items: pd.DataFrame) -> pd.DataFrame:
    """For each item of table ``product_settled`` how many reports state it, and how far the two machine readings agree.

    Returns
    -------
    pandas.DataFrame
        ``item, yes, no, not-seen, n, agreed, share, kappa``: of ``n`` reports that both read the readings are the same in
        ``agreed``; kappa is Cohen's, unweighted, and missing where both readings say one thing only.

    Examples
    --------
    >>> items = pd.DataFrame({"item": "storage", "stated": ["yes", "no", "not-seen"], "R1": ["yes", "no", "no"]})
    >>> items["R2"] = ["yes", "no", "not-seen"]
    >>> table = by_item(items).set_index("item").loc["storage"]
    >>> table[["yes", "no", "not-seen", "n", "agreed"]].astype(int).to_dict()
    {'yes': 1, 'no': 1, 'not-seen': 1, 'n': 3, 'agreed': 2}
    """
    counts = pd.crosstab(items.item, items.stated).reindex(index=list(ITEMS), columns=list(ANSWERS), fill_value=0)
    both = items.dropna(subset=["R1", "R2"])
    same = {item: agreement_of_words(own.R1, own.R2) for item, own in both.groupby("item")}
    rows = [same.get(item, {"n": 0, "agreed": 0, "kappa": float("nan")}) for item in counts.index]
    agreed = pd.DataFrame(rows, index=counts.index)[["n", "agreed", "kappa"]]
    agreed.insert(2, "share", agreed.agreed / agreed.n)
    return counts.join(agreed).rename_axis(columns=None).reset_index()


def isolation_methods(items: pd.DataFrame, arms: pd.DataFrame) -> pd.DataFrame:
    """By which method reports say that the vesicles were isolated, and how many do not say.

    Parameters
    ----------
    items, arms
        Tables ``product_settled`` and ``arms`` (``study_id, ev_isolation``: the method as read, with the words of the source).

    Returns
    -------
    pandas.DataFrame
        ``isolation, reports, of, studies``: the methods, the most frequent first, then the reports that do not say (``ANSWERS``);
        those of which too little was read are counted and not named.

    Examples
    --------
    >>> items = pd.DataFrame({"study_id": ["a", "b", "c"], "study": ["Report A", "Report B", "Report C"]})
    >>> items = items.assign(item="isolation", stated=["yes", "yes", "not-seen"], words=["spun", "spun", None])
    >>> arms = pd.DataFrame({"study_id": ["a", "b"], "ev_isolation": "ultracentrifugation"})
    >>> isolation_methods(items, arms)
                       isolation  reports  of             studies
    0        ultracentrifugation        2   3  Report A; Report B
    1  not seen in what was read        1   3                 NaN
    """
    own = items[items.item == "isolation"]
    named = (
        arms.dropna(subset="ev_isolation")
        .groupby("study_id")
        .ev_isolation.agg(lambda cells: joined(sorted(set(cells))))
    )
    said = own.stated == "yes"
    method = own.stated.map(ANSWERS).mask(said, own.study_id.map(named).fillna(own.words))
    table = (
        own.assign(isolation=method, said=said)
        .groupby(["isolation", "said"])
        .study.agg(["size", lambda names: "; ".join(names)])
    )
    table = table.set_axis(["reports", "studies"], axis=1).reset_index().assign(of=len(own))
    order = table.sort_values(["said", "reports", "isolation"], ascending=[False, False, True], kind="stable")
    order["studies"] = order.studies.mask(order.isolation == ANSWERS["not-seen"])
    return order[["isolation", "reports", "of", "studies"]].reset_index(drop=True)


def scores(items: pd.DataFrame) -> pd.DataFrame:
    """How many items of table ``product_settled`` each report states: one row per report, those that state most first.

    Returns
    -------
    pandas.DataFrame
        ``study_id, study, yes, no, not_seen, of, score`` (in words), and the items by name: ``stated, not_stated, unseen``.

    Examples
    --------
    >>> items = pd.DataFrame({"item": ["storage", "potency", "isolation"], "stated": ["yes", "no", "not-seen"]})
    >>> table = scores(items.assign(study_id="a", study="Report A"))
    >>> table.loc[0, ["score", "stated", "not_stated", "unseen"]].to_list()  # doctest: +NORMALIZE_WHITESPACE
    ['1 of 3 stated, 1 not stated in an abstract read nearly whole, 1 not seen in what was read', 'storage', 'potency or any
    functional test', 'isolation']
    """
    rows = []
    for study_id, own in items.groupby("study_id", sort=False):
        named = {answer: [ITEMS.get(item, item) for item in own.item[own.stated == answer]] for answer in ANSWERS}
        counts = {answer: len(names) for answer, names in named.items()}
        row = {"study_id": study_id, "study": own.study.iloc[0], "yes": counts["yes"], "no": counts["no"]}
        row |= {"not_seen": counts["not-seen"], "of": len(own), "score": _score(counts, len(own))}
        lists = {answer: ", ".join(names).lower() or None for answer, names in named.items()}
        rows.append(row | {"stated": lists["yes"], "not_stated": lists["no"], "unseen": lists["not-seen"]})
    names = ["study_id", "study", "yes", "no", "not_seen", "of", "score", "stated", "not_stated", "unseen"]
    table = pd.DataFrame(rows, columns=names)
    return table.sort_values(["yes", "study"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _score(counts: dict[str, int], of: int) -> str:
    """The score of a report in words: "3 of 10 stated, 7 not seen in what was read"."""
    parts = [f"{counts['yes']} of {of} stated"]
    parts += [f"{counts['no']} not stated in an abstract read nearly whole"] if counts["no"] else []
    parts += [f"{counts['not-seen']} not seen in what was read"] if counts["not-seen"] else []
    return ", ".join(parts)


def items_by_report(items: pd.DataFrame) -> Figure:
    """Over all reports, how many state each item, how many do not, and of how many too little was read.

    Examples
    --------
    >>> items = pd.DataFrame({"study_id": ["a", "b", "c"], "study": ["Report A", "Report B", "Report C"]})
    >>> items = items.assign(item="storage", stated=["yes", "no", "yes"])
    >>> figure = items_by_report(items)
    >>> figure.data.iloc[0].to_dict()
    {'item': 'Storage', 'yes': 2, 'no': 1, 'not-seen': 0}
    >>> plt.close(figure.drawing)
    """
    n, name = items.study_id.nunique(), "product_items"
    if not n:
        return nothing(name, "No report was read for what it tells of its product")
    data = pd.crosstab(items.item, items.stated).reindex(index=list(ITEMS), columns=list(ANSWERS), fill_value=0)
    data = data.sort_values(["yes", "no"], ascending=False, kind="stable").rename(index=ITEMS).rename_axis("item")
    never = list(data.index[data.yes == 0])
    told, top = scores(items), data.index[0]
    title = (
        f"What was read of {several(n, 'report')} states {told.yes.median():g} of {len(ITEMS)} items on the product in the "
        f"median; most often {top.lower()} ({data.yes.iloc[0]})"
        + (f", never {joined([item.lower() for item in never])}" if never else "")
    )
    share = data["not-seen"].sum() / data.to_numpy().sum()
    note = f"Two machine readings, settled. Not seen: too little of the report was read to tell ({share:.0%} of all cells)."
    with matplotlib.rc_context(STYLE):
        drawing, axes = plt.subplots(figsize=(WIDTH_INCHES, 2.3 + 0.3 * len(data)), layout="constrained")
        left = pd.Series(0, index=data.index)
        for answer, label in ANSWERS.items():
            face, hatch, ink = _BARS[answer]
            bars = axes.barh(
                data.index, data[answer], left=left, label=label, color=face, hatch=hatch, edgecolor="white"
            )
            numbers = [str(k) if k > n / 20 else "" for k in data[answer]]
            box = {"facecolor": face, "edgecolor": "none", "pad": 1}
            axes.bar_label(bars, numbers, label_type="center", color=ink, fontsize=9, bbox=box)
            left = left + data[answer]
        axes.set(xlabel=f"Reports (n = {n})\n{note}".replace(" too little", "\ntoo little"), xlim=(0, n))
        axes.invert_yaxis()
        drawing.legend(frameon=False, fontsize=9, ncols=2, loc="outside lower left")
    listed = "; ".join(
        f"{item}: " + ", ".join(f"{k} {ANSWERS[answer]}" for answer, k in row.items()) for item, row in data.iterrows()
    )
    return Figure(drawing, name, title, f"Stacked bar chart. {title}. {listed}. {note}", data.reset_index())


def records_tell(described: pd.DataFrame, records: pd.DataFrame, doses: pd.DataFrame) -> pd.DataFrame:
    """What the registry records of included trials tell of the product, beside what reports tell.

    Parameters
    ----------
    described, records, doses
        Tables of these names.

    Returns
    -------
    pandas.DataFrame
        ``item, trials, of, basis``: how many included trials state the item, and in which column. ``trials`` is missing for
        items that no column of the records asks for; a record may still name them in its free text, which nobody counted.

    Examples
    --------
    >>> from evlib.base.schema import read_table
    >>> names, run = ("described", "records", "doses"), "data/processed/2024-02-17"
    >>> told = records_tell(*(read_table(f"{run}/{name}.csv", name) for name in names))
    >>> told.item[told.trials.isna()].to_list()  # doctest: +NORMALIZE_WHITESPACE
    ['Isolation', 'Characterisation', 'Particles per protein', 'Purity or sterility', 'Potency or any functional
    test', 'Storage']
    """
    trials = described[described.screening == "included"]
    own = records[records.trn.isin(trials.trn)]
    doses = of_records(doses[doses.trn.isin(trials.trn)])
    n = {
        "Product named (exosome, EV or secretome)": (trials.ev_term.notna().sum(), "described: ev_term"),
        ITEMS["cell_source"]: (trials.msc_source.notna().sum(), "described: msc_source"),
        "Route": (trials.route.notna().sum(), "described: route"),
        "Dose in any words": (own.trn[own.dose_text.notna()].nunique(), "records: dose_text"),
        "Dose on file": (doses.trn.nunique(), "doses"),
        "Dose as a number that can be read": (with_number(doses).trn.nunique(), "doses: low, high"),
        "Dose in particles": (len(in_particles(doses)), "doses: unit_kind"),
        "Dose in particles per administration": (
            (in_particles(doses).particles_of == PARTICLES_OF[0]).sum(),
            "doses: particles_low, particles_high",
        ),
        "Dose as a mass": (
            doses.trn[doses.unit_kind.isin(_MASSES)].nunique(),
            "doses: unit_kind",
        ),
        "Number of administrations": (doses.trn[doses.n_administrations.notna()].nunique(), "doses: n_administrations"),
    }
    rows = [{"item": item, "trials": k, "of": len(trials), "basis": basis} for item, (k, basis) in n.items()]
    rows += [
        {"item": ITEMS[item], "trials": None, "of": len(trials), "basis": "no column of a record"}
        for item in _NO_COLUMN
    ]
    return pd.DataFrame(rows).astype({"trials": "Int64", "of": "Int64"})
