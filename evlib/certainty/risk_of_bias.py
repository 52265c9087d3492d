"""How far each report may be biased: by domain of RoB 2 or ROBINS-I, who judged it and why, and how far the readings agree.

RoB 2 is Sterne and others (2019), BMJ 366:l4898, doi 10.1136/bmj.l4898; ROBINS-I is Sterne and others (2016), BMJ 355:i4919,
doi 10.1136/bmj.i4919. "No information" is a judgement of both.
"""

import pandas as pd

from evlib.base.schema import checked
from evlib.base.words import joined, several
from evlib.doses.evidence import RANDOMISED_BY_RECORD
from evlib.doses.reports import DOMAINS, JUDGEMENTS, NO_INFORMATION, settled_readings
from evlib.screen.screening import agreement_of_words

TOOL_NAMES = {"RoB2": "RoB 2", "ROBINS-I": "ROBINS-I"}
MACHINE = "machine readings"
ADJUDICATED = "adjudicated"  # the reviewer under whose name a disagreement of people is settled, as in the screening
_CELL = ["study_id", "tool", "domain"]
# How serious a judgement is, whichever the tool: for the worst of several.
_SEVERITY = {word: place for words in JUDGEMENTS.values() for place, word in enumerate(words) if word != NO_INFORMATION}


def settled(
    risk: pd.DataFrame, studies: pd.DataFrame, people: pd.DataFrame, allocation: pd.Series | None = None
) -> pd.DataFrame:
    """The judgement that counts for each report and domain, with its reason and who judged.

    A person's judgement wins over the machine readings. Of several people it is the one on which they agree, or that of the
    reviewer ``adjudicated``; until then that of the machine readings stays, and ``how_settled`` says that people differ. A
    report that people judge with the other tool is judged anew: only their domains count. Where a person judged a domain and
    nobody the whole, the overall judgement is that of the worst domain, as both tools have it.

    Parameters
    ----------
    risk, studies, people
        Tables ``risk_of_bias``, ``studies`` and ``risk_of_bias_by_people``.
    allocation
        The allocation that the record of a report's trial states, by ``study_id``: ``record_allocation``.

    Returns
    -------
    pandas.DataFrame
        Table ``risk_of_bias_settled``, in the order of the tools, the names of the reports and the domains. ``reason`` is that of
        the reading which was followed, the first of two that agree; ``judged_by`` is "machine readings" or the reviewers' names;
        ``R1, R2`` are the two readings with their reasons.

    Examples
    --------
    >>> risk = pd.DataFrame({"reader": ["R1", "R2", "settled"], "judgement": ["low", "high", "high"]})
    >>> risk = risk.assign(support=["masked", "open", "R2 is right"], study_id="a", tool="RoB2", domain="measurement")
    >>> person = risk[["study_id", "tool", "domain"]].head(1).assign(judgement="some-concerns", reason="a nurse knew")
    >>> person = person.assign(reviewer="anna", date="2026-11-28")
    >>> studies = pd.DataFrame({"study_id": ["a"], "study": "Report A", "allocation": "randomised", "read_from": None})
    >>> settled(risk, studies, person[:0])[["domain", "judgement", "judged_by", "reason"]]
            domain judgement         judged_by reason
    0  measurement      high  machine readings   open
    >>> settled(risk, studies, person)[["domain", "judgement", "judged_by", "reason"]]
            domain      judgement judged_by                         reason
    0  measurement  some-concerns      anna                   a nurse knew
    1      overall  some-concerns      anna  the worst domain: measurement
    """
    cells = _by_machine(risk)
    said = _by_people(people)
    if len(said):
        counted = said.dropna(subset="judgement")
        tools = counted.groupby("study_id").tool.first()
        other_tool = cells.study_id.map(tools).notna() & (cells.study_id.map(tools) != cells.tool)
        cells = _with_people(cells[~other_tool], said)
        cells = pd.concat([cells, _overall(cells, counted)]).drop_duplicates(_CELL, keep="last")
    facts = studies[["study_id", "study", "allocation", "read_from"]]
    cells = cells.merge(facts, on="study_id", how="left")
    cells["record_allocation"] = None if allocation is None else cells.study_id.map(allocation)
    order = [(tool, domain) for tool, domains in DOMAINS.items() for domain in domains]
    place = [order.index(pair) if pair in order else len(order) for pair in zip(cells.tool, cells.domain)]
    tool = cells.tool.map(list(DOMAINS).index)
    cells = cells.assign(tool_place=tool, place=place).sort_values(["tool_place", "study", "study_id", "place"])
    return checked(cells.drop(columns=["tool_place", "place"]), "risk_of_bias_settled")


def _by_machine(risk: pd.DataFrame) -> pd.DataFrame:
    """What the machine readings settled, with the words of a reading that was followed."""
    cells = settled_readings(risk, _CELL, "judgement", "support").assign(judged_by=MACHINE)
    names = {"settled": "judgement", "followed": "reason", "words_R1": "reason_R1", "words_R2": "reason_R2"}
    return cells.rename(columns=names)


def _by_people(people: pd.DataFrame) -> pd.DataFrame:
    """What people say of each domain that they judged: one judgement, or none where they differ."""
    rows = []
    for cell, own in people.groupby(_CELL, sort=False):
        settling = own[own.reviewer.str.casefold() == ADJUDICATED]
        counted = settling if len(settling) else own
        row = dict(zip(_CELL, cell))
        if counted.judgement.nunique() > 1:
            words = "; ".join(f"{judge.reviewer}: {judge.judgement}" for judge in own.itertuples())
            rows.append(row | {"how_settled": f"people differ ({words}), so the machine readings stay"})
            continue
        reasons = counted.reason if len(counted) == 1 else counted.reviewer + ": " + counted.reason
        rows.append(
            row
            | {"judgement": counted.judgement.iloc[0], "reason": "; ".join(reasons), "date": counted.date.max()}
            | {"judged_by": ", ".join(counted.reviewer), "how_settled": "a person's judgement"}
        )
    return pd.DataFrame(rows, columns=[*_CELL, "judgement", "reason", "judged_by", "date", "how_settled"])


def _with_people(cells: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """The cells, those that people judged with their judgement; where they differ, with a word on that alone."""
    cells = cells.merge(said, on=_CELL, how="outer", suffixes=("", "_said"))
    for name in ("judgement", "reason", "judged_by", "how_settled"):
        cells[name] = cells[f"{name}_said"].fillna(cells[name])
    return cells.drop(columns=[name for name in cells if name.endswith("_said")]).fillna({"judged_by": MACHINE})


def _overall(cells: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    """The overall judgement of the reports of which people judged domains and not the whole, where it changes."""
    whole = set(counted.study_id[counted.domain == "overall"])
    rows = []
    for study_id, own in counted[~counted.study_id.isin(whole)].groupby("study_id"):
        domains = cells[(cells.study_id == study_id) & (cells.domain != "overall")]
        known = domains[domains.judgement.isin(list(_SEVERITY))]
        worst = max(known.judgement, key=_SEVERITY.get, default=NO_INFORMATION)
        before = cells[(cells.study_id == study_id) & (cells.domain == "overall")]
        if worst in set(before.judgement):
            continue
        which = joined(list(known.domain[known.judgement == worst]))
        row = {"study_id": study_id, "tool": own.tool.iloc[0], "domain": "overall"}
        row |= {name: before[name].iloc[0] for name in ("R1", "R2", "reason_R1", "reason_R2") if len(before)}
        row |= {"judgement": worst, "reason": f"the worst domain: {which}" if which else "no domain has information"}
        row |= {"judged_by": ", ".join(dict.fromkeys(own.judged_by)), "date": own.date.max()}
        rows.append(row | {"how_settled": "follows from the domains that a person judged"})
    return pd.DataFrame(rows)


def agreement_by_domain(risk: pd.DataFrame) -> pd.DataFrame:
    """How far the two machine readings agree, by tool and domain, and over all domains of a tool.

    Kappa is unweighted, since "no information" has no place in the order of the others; it counts as a judgement.

    Parameters
    ----------
    risk
        Table ``risk_of_bias``.

    Returns
    -------
    pandas.DataFrame
        ``tool, domain, n, agreed, share, kappa, low, high``: reports that both judged, of these the same, their share, Cohen's
        kappa and its 95 % interval, cut at 1. Domain ``all`` counts each domain of each report, the overall judgement left out;
        it has no interval, since the domains of a report are not independent.

    Examples
    --------
    >>> risk = pd.DataFrame({"study_id": ["a", "b", "c"] * 2, "reader": ["R1"] * 3 + ["R2"] * 3, "tool": "RoB2"})
    >>> risk = risk.assign(domain="measurement", judgement=["low", "high", "low", "low", "high", "high"])
    >>> agreement_by_domain(risk)[["tool", "domain", "n", "agreed", "kappa"]].round(2)
       tool       domain  n  agreed  kappa
    0  RoB2  measurement  3       2    0.4
    1  RoB2          all  3       2    0.4
    """
    readings = risk[risk.reader.isin(["R1", "R2"])].drop_duplicates([*_CELL, "reader"])
    both = readings.pivot(index=_CELL, columns="reader", values="judgement").reindex(columns=["R1", "R2"]).dropna()
    both = both.reset_index()
    rows = []
    for tool, domains in DOMAINS.items():
        of_tool = both[both.tool == tool]
        parts = {domain: of_tool[of_tool.domain == domain] for domain in domains}
        parts["all"] = of_tool[of_tool.domain != "overall"]
        rows += [
            {"tool": tool, "domain": domain, **agreement_of_words(own.R1, own.R2)}
            for domain, own in parts.items()
            if len(own)
        ]
    table = pd.DataFrame(rows, columns=["tool", "domain", "n", "agreed", "kappa", "low", "high"])
    table.insert(4, "share", table.agreed / table.n)
    bounds = table[["low", "high"]].clip(upper=1).where(table.domain != "all")
    return table.assign(low=bounds.low, high=bounds.high)


def counts(judged: pd.DataFrame, tool: str) -> pd.DataFrame:
    """How many reports got which judgement in each domain: one row per domain, one column per word of the tool.

    ``judged`` is table ``risk_of_bias_settled``.
    """
    own = judged[judged.tool == tool]
    table = pd.crosstab(own.domain, own.judgement)
    return table.reindex(index=list(DOMAINS[tool]), columns=list(JUDGEMENTS[tool]), fill_value=0)


def in_a_sentence(judged: pd.DataFrame, tool: str) -> str:
    """How many reports are at which risk overall, and in how many each domain is at low risk.

    Examples
    --------
    >>> cells = pd.DataFrame({"study_id": ["a", "a"], "tool": "RoB2", "domain": ["overall", "measurement"]})
    >>> in_a_sentence(cells.assign(judgement=["high", "low"], allocation="randomised"), "RoB2")
    'Of 1 randomised report (RoB 2) 0 are at low risk of bias overall, 1 high; low by domain: measurement 1, others 0'
    """
    own = judged[judged.tool == tool]
    n = own.study_id.nunique()
    if not n:
        return f"No report was judged with {TOOL_NAMES[tool]}"
    kind = "randomised report" if (own.allocation == "randomised").all() else "report"
    table = counts(judged, tool)
    overall, low = table.loc["overall"], table.low.drop("overall")
    others = [f"{k} {word_of(word)}" for word, k in overall.drop("low").items() if k]
    others += [f"{n - overall.sum()} not judged"] if overall.sum() < n else []
    known = low[low > 0].sort_values(ascending=False, kind="stable")
    by_domain = [f"{word_of(domain)} {k}" for domain, k in known.items()] + (["others 0"] if (low == 0).any() else [])
    who = f"Of {several(n, kind)} ({TOOL_NAMES[tool]}) {overall.low} are"
    if not overall.low and n > 1:
        who = f"None of {n} {kind}s ({TOOL_NAMES[tool]}) is"
    return f"{', '.join([f'{who} at low risk of bias overall', *others])}; low by domain: {', '.join(by_domain)}"


def word_of(code: str) -> str:
    """A judgement or a domain as a reader sees it: "some concerns"."""
    return code.replace("-", " ")


def how_much_was_read(judged: pd.DataFrame, tool: str = "") -> str:
    """On what the judgements rest, in a sentence: who judged, and how much of the reports was read.

    Examples
    --------
    >>> judged = pd.DataFrame({"study_id": ["a", "b"], "read_from": ["abstract", "table"], "tool": "RoB2"})
    >>> judged["judged_by"] = ["machine readings", "anna"]
    >>> print(how_much_was_read(judged, "RoB2"))  # doctest: +NORMALIZE_WHITESPACE
    Machine readings, not a clinician's: of 2 reports 1 from an abstract and 1 from its tables alone; 1 judgement on
    1 report by people (anna).
    """
    own = judged[judged.tool == tool] if tool else judged
    reports = own.drop_duplicates("study_id")
    read = reports.read_from.fillna("not told").value_counts()
    people = own[own.judged_by != MACHINE]
    told = joined(
        [
            f"{n} from {'its tables' if word == 'table' else 'an ' + word}"
            for word, n in read.items()
            if word != "not told"
        ]
    )
    first = f"Machine readings, not a clinician's: of {several(len(reports), 'report')} {told} alone"
    if people.empty:
        return first + "."
    ringed = several(len(people), "judgement")
    return f"{first}; {ringed} on {several(people.study_id.nunique(), 'report')} by people ({joined(sorted(set(people.judged_by)))})."


def randomised_in_part(judged: pd.DataFrame, not_randomised: pd.DataFrame, arms: pd.DataFrame) -> str:
    """Which reports judged with RoB 2 compare some people who were not allotted by chance, which those judgements do not cover.

    Parameters
    ----------
    judged
        Table ``risk_of_bias_settled``.
    not_randomised, arms
        ``arm_id, words`` (of ``evlib.doses.evidence.evidence_tables``) and table ``arms``.

    Returns
    -------
    str
        A sentence for each report, with what the readings say of it; empty where there is none.

    Examples
    --------
    >>> row = {"study_id": "a", "study": "Report A", "tool": "RoB2", "domain": "overall"}
    >>> judged = pd.DataFrame([row | {"reason_R1": "The dose contrast alone.", "reason_R2": None}])
    >>> arms = pd.DataFrame({"arm_id": ["a1"], "study_id": "a", "arm": "matched set", "role": "ev"})
    >>> print(randomised_in_part(judged, arms[["arm_id"]].assign(words="post hoc"), arms))  # doctest: +NORMALIZE_WHITESPACE
    ‡ Report A was judged with RoB 2 for what was randomised in it. Its comparison of “matched set” (post hoc) was not, and
    no reading of it with ROBINS-I is on file. The first reading says: “The dose contrast alone.”
    """
    apart = not_randomised.merge(arms[["arm_id", "study_id", "arm", "role"]], on="arm_id").query("role != 'control'")
    own = judged[(judged.tool == "RoB2") & (judged.domain == "overall")].merge(apart[["study_id", "arm", "words"]])
    texts = []
    for row in own.itertuples():
        said = {"first": row.reason_R1, "second": row.reason_R2}
        quotes = [f"The {name} reading says: “{text}”" for name, text in said.items() if pd.notna(text)]
        texts.append(
            f"‡ {row.study} was judged with RoB 2 for what was randomised in it. Its comparison of “{row.arm}” ({row.words}) was not, and "
            f"no reading of it with ROBINS-I is on file. {' '.join(quotes)}"
        )
    return " ".join(texts)


def judged_with_robins(judged: pd.DataFrame, arms: pd.DataFrame, compared: pd.DataFrame) -> dict[str, int]:
    """How many reports were judged with ROBINS-I, and of them those that are called randomised, that their trial's record alone calls
    so, and that have no comparator: no other arm on file, and no compared outcome of vesicles.

    ``judged, arms, compared`` are tables ``risk_of_bias_settled``, ``arms`` and ``compared_outcomes``.

    Examples
    --------
    >>> judged = pd.DataFrame({"study_id": ["a", "b"], "tool": "ROBINS-I", "allocation": ["randomised", None]})
    >>> judged = judged.assign(domain="overall", record_allocation=None)
    >>> arms = pd.DataFrame({"study_id": ["a", "a", "b"], "role": ["ev", "control", "ev"]})
    >>> judged_with_robins(judged, arms, arms[:1])
    {'robins_reports': 2, 'robins_called_randomised': 1, 'robins_randomised_by_record': 0, 'robins_alone': 1}
    """
    own = judged[(judged.tool == "ROBINS-I") & (judged.domain == "overall")]
    with_another = {*arms.study_id[arms.role != "ev"], *compared.study_id[compared.role == "ev"]}
    return {
        "robins_reports": len(own),
        "robins_called_randomised": int((own.allocation == "randomised").sum()),
        "robins_randomised_by_record": int(randomised_by_record_alone(own).sum()),
        "robins_alone": int((~own.study_id.isin(with_another)).sum()),
    }


def randomised_by_record_alone(judged: pd.DataFrame) -> pd.Series:
    """Which rows are of reports judged with ROBINS-I that are not called randomised, though their trial's record says so.

    ``judged`` has the columns ``tool, allocation, record_allocation`` of table ``risk_of_bias_settled``.

    Examples
    --------
    >>> judged = pd.DataFrame({"tool": "ROBINS-I", "allocation": [None, "randomised", None]})
    >>> randomised_by_record_alone(judged.assign(record_allocation=["Randomized", "Randomized", None])).tolist()
    [True, False, False]
    """
    by_record = judged.record_allocation.map(RANDOMISED_BY_RECORD).eq(True)
    return by_record & (judged.tool == "ROBINS-I") & (judged.allocation != "randomised")


def randomised_by_other_tool(judged: pd.DataFrame) -> str:
    """Which reports called randomised, or randomised by their trial's record, were judged with ROBINS-I, and what the first reading
    says of it; empty where there is none.

    ``judged`` is table ``risk_of_bias_settled``.

    Examples
    --------
    >>> row = {"study": "Report A", "tool": "ROBINS-I", "allocation": "randomised", "domain": "overall"}
    >>> other = row | {"study": "Report B", "allocation": None, "record_allocation": "Randomized"}
    >>> judged = pd.DataFrame([row | {"reason_R1": "Groups were matched."}, other | {"reason_R1": "Allotment unknown."}])
    >>> print(randomised_by_other_tool(judged))  # doctest: +NORMALIZE_WHITESPACE
    † Report A is called randomised and was judged with ROBINS-I all the same. The first reading says: “Groups were
    matched.” § Report B was judged with ROBINS-I, since what was read of it does not state the allocation; its trial's record
    states: Randomized. The first reading says: “Allotment unknown.”
    """
    own = judged[(judged.tool == "ROBINS-I") & (judged.domain == "overall")]
    texts = []
    for row, by_record in zip(own.itertuples(), randomised_by_record_alone(own), strict=True):
        if row.allocation == "randomised":
            text = f"† {row.study} is called randomised and was judged with ROBINS-I all the same."
        elif by_record:
            read = "does not state the allocation" if pd.isna(row.allocation) else f"calls it {row.allocation}"
            why = f"since what was read of it {read}"
            text = f"§ {row.study} was judged with ROBINS-I, {why}; its trial's record states: {row.record_allocation}."
        else:
            continue
        said = "" if pd.isna(row.reason_R1) else row.reason_R1.replace("some-concerns", word_of("some-concerns"))
        texts.append(f"{text} The first reading says: “{said}”" if said else text)
    return " ".join(sorted(texts, key=lambda text: text[0] != "†"))
