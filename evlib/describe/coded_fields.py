"""Code the trials: disease area, cell source, route, phase and the rest, as readers coded them, else by rules."""

import re
from pathlib import Path

import pandas as pd

from evlib.base import schema, tables
from evlib.base.identifiers import normalised
from evlib.base.protocol import phrase_pattern
from evlib.base.reading.comparisons import patterns_of_labels, without_comparisons
from evlib.base.reading.countries import country_converter
from evlib.base.tables import WITHOUT_CODE, code_labels
from evlib.base.words import joined, several
from evlib.describe.phases import phase_code

# The columns of the records from which the rules read a field, the most telling first.
_OF_WHAT_IS_GIVEN = ("msc_source", "route")  # never read from an arm of comparison
_READS = {
    "disease_area": ["conditions", "brief_title", "official_title"],
    "msc_source": ["msc_source_text", "interventions", "brief_title", "official_title", "arms"],
    "route": ["route_text", "interventions", "brief_title", "official_title", "arms", "dose_text"],
    "design": ["intervention_model", "brief_title", "official_title", "allocation"],
    "study_type": ["study_type"],
}
_ROUTES = ("route", "route_group")
_SEVERAL = {"msc_source": "mixed", "ev_term": "both", "route": "combined"}  # the code that stands for several
# Where a record states a field and nothing else: what stands there is never "not reported". Of a field that the protocol adds, the
# first column that it is read from.
STATING = {
    "disease_area": "conditions", "msc_source": "msc_source_text", "ev_term": "ev_term_text", "route": "route_text",
    "design": "intervention_model", "study_type": "study_type", "phase_group": "phases", "countries": "countries",
}  # fmt: skip
_NOT_STATED = re.compile(
    r"\b(?:not|un)\s?(?:selected|specified|stated|shown|named|reported|provided|available|applicable)\b|\bn/?a\b|\bun(?:known|clear)\b",
    re.IGNORECASE,
)
# Words that say nothing of a field; those for cells name no tissue.
_EMPTY_WORDS = re.compile(
    r"none|nil|null|human|donated|allogen\w+|autologous|mesenchym\w+|stem|stromal|progenitor|cells?|h?mscs?|derived|of|from|and|or|tissue|source|enriched|with|own|extracellular|vesicles?",
    re.IGNORECASE,
)
# Fields of which a registry has a column with words of a list: what stands there is the record's own word, not a reading.
_OF_THE_RECORD = ("design", "study_type", "phase_group")
_DECISIONS = ["trn", "field", "code", "words", "read_from", "decided_by", "date"]
READ_BY = {"machine": "machine-read", "person": "person"}  # the protocol's ``coding_read_by`` → ``coded_by``
_INTERVENTIONAL_ONLY = ("phases", "allocation", "masking")
_FLAG_READS = ["conditions", "brief_title", "official_title", "interventions", "arms"]
_TERM_READS = ["ev_term_text", "interventions", "brief_title", "official_title"]

_Patterns = dict[str, tuple[re.Pattern[str], re.Pattern[str] | None]]  # code → what names it, and what only seems to
_Match = tuple[str, str, str]  # a code, the column of the record that names it, and the words there


def readers_coding(path: str | Path, *, known: set[str], protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The readers' codes of trials (``coding.csv``); none where a review has no such file.

    Returns
    -------
    coded, rejects
        Table ``coded`` (``coded_by`` is ``machine-read`` or ``person``, as the protocol's ``coding_read_by`` says); an empty cell means that the record does not say. It has a field that the
        protocol adds only where the file has a column for it. Table ``rejects``: rows for an unknown record, given twice, or
        with a code that the protocol does not have.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> protocol = load_protocol("protocol.yml")
    >>> read, rejects = readers_coding("data/raw/curation/coding.csv", known={"NCT04491240"}, protocol=protocol)
    >>> read.trn.tolist(), rejects.reason.unique().tolist()
    (['NCT04491240'], ['no such record in the sources. Correct the number, or remove the row.'])
    """
    rows = schema.read_csv(path, needs=["trn", *schema.CODED_FIELDS, "country_basis"], optional=True)
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    problems = [(~rows.trn.isin(known), schema.NO_SUCH_RECORD)]
    problems.append((rows.duplicated("trn"), "coded twice; the first row is kept."))
    for field in [name for name in protocol["codes"] if name in rows]:
        codes = list(protocol["codes"][field])
        text = f"{field} '" + rows[field].fillna("") + f"' is not a code of protocol.yml ({', '.join(codes)})."
        problems.append((rows[field].notna() & ~rows[field].isin(codes), text))
    for field in protocol["flags"]:
        wrong = rows[field].notna() & ~rows[field].isin(["True", "False"])
        problems.append((wrong, f"{field} is neither True nor False."))
    good, rejects = schema.set_aside(rows, path, problems)
    flags = {field: good[field].map({"True": True, "False": False}) for field in protocol["flags"]}
    good = good.assign(coded_by=READ_BY[protocol.get("coding_read_by", "person")], **flags)
    good["countries"] = country_names(good.countries)
    good["country_basis"] = good.country_basis.where(good.countries.notna())  # no basis of what is not there
    added = [name for name in protocol["added_fields"] if name in good]
    return schema.checked(good[schema.columns("coded", added=added)], "coded", source=str(path)), rejects


def coding_decisions(raw: str | Path, *, known: set[str], protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Codes that were decided anew on words that the readings missed: each with its words and who decided.

    Parameters
    ----------
    raw
        The folder of raw data. Its ``curation/coding_decisions.csv`` need not exist. The code ``not reported`` says that the record
        does not tell.

    Returns
    -------
    decisions, rejects
        ``trn, field, code, words, read_from, decided_by, date``; and table ``rejects``: rows on an unknown record, with a field or
        code that the protocol does not have, without words, or without a name of who decided.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from evlib.base.protocol import load_protocol
    >>> row = {"trn": ["NCT1"], "field": "route", "code": "nebulised", "words": "EVs inhaled", "read_from": "arms"}
    >>> row |= {"decided_by": "machine reading", "date": "2026-11-29"}
    >>> with TemporaryDirectory() as raw:
    ...     Path(raw, "curation").mkdir()
    ...     pd.DataFrame(row).to_csv(Path(raw, "curation/coding_decisions.csv"), index=False)
    ...     decisions, rejects = coding_decisions(raw, known={"NCT1"}, protocol=load_protocol("protocol.yml"))
    >>> decisions[["trn", "code", "words"]]
        trn       code        words
    0  NCT1  nebulised  EVs inhaled
    """
    path = Path(raw) / "curation/coding_decisions.csv"
    rows = schema.read_csv(path, needs=_DECISIONS, optional=True)
    codes = [{"not reported", *protocol["codes"].get(field, {})} for field in rows.field]
    unknown = [code not in own for code, own in zip(rows.code, codes, strict=True)]
    problems = [
        (~rows.trn.isin(known), schema.NO_SUCH_RECORD),
        (pd.Series(unknown, index=rows.index, dtype=bool), "no such field, or no such code of it, in protocol.yml."),
        (rows[_DECISIONS[3:6]].isna().any(axis=1), "its words, where they stand, or who decided is missing."),
    ]
    good, rejects = schema.set_aside(rows, path, problems)
    return good.assign(code=good.code.mask(good.code == "not reported")), rejects


def rule_coding(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """The codes that the protocol's phrases alone give the records: table ``coded``, ``coded_by`` is ``rules``."""
    return rule_coding_with_words(records, protocol=protocol)[0]


def rule_coding_with_words(records: pd.DataFrame, *, protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The codes that the protocol's phrases alone give the records, and the words that they rest on.

    A field is read from the first column of the record that names any of its codes, the most telling column first (the term
    and the flags from all of their columns). Several codes in that column become ``mixed`` (cell source), ``both`` (term) or
    ``combined`` (route); of other fields the one counts that stands first in the protocol's list. A value that the record
    states and that has no code is ``evlib.base.tables.WITHOUT_CODE``, never missing; ``stated_without_code`` lists them.

    Returns
    -------
    coded, words
        Table ``coded``, ``coded_by`` is ``rules``; and ``trn, field, code, found_in, words``, one row for each code that the
        record names: in which column, by which words.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> routes = {"topical": {"phrases": ["gel", "ointment"], "group": "local"}}
    >>> protocol = load_protocol("protocol.yml") | {"codes": {"route": routes, "phase_group": {}}}
    >>> record = {"trn": "NCT1", "conditions": "COVID-19", "interventions": "Exosomes in a gel"}
    >>> records = pd.DataFrame([record], columns=schema.columns("records"))
    >>> coding, words = rule_coding_with_words(records, protocol=protocol)
    >>> words
        trn    field     code       found_in  words
    0  NCT1    route  topical  interventions    gel
    1  NCT1  covid19     True     conditions  COVID
    >>> coding[["trn", "covid19", "route", "route_group"]]
        trn  covid19    route route_group
    0  NCT1     True  topical       local
    """
    reads = _READS | protocol["added_fields"]
    lists = {name: protocol["codes"].get(name, {}).items() for name in [*reads, "ev_term"]}
    patterns = {name: {code: _patterns_of(facts) for code, facts in own} for name, own in lists.items()}
    flags = {name: {"True": _patterns_of({"phrases": phrases})} for name, phrases in protocol["flags"].items()}
    wholes = {name: {code: facts.get("part_of") for code, facts in own} for name, own in lists.items()}
    states = {name: column for name, column in _stating_columns(protocol).items() if protocol["codes"].get(name)}
    countries, labels = _short_country_names(records.countries), patterns_of_labels(protocol["screening"])
    rows, words = [], []
    for record in records.to_dict("records"):
        given = record | {name: without_comparisons(record[name], labels) for name in ("interventions", "arms")}
        texts = {name: given if name in _OF_WHAT_IS_GIVEN else record for name in lists}
        matches = {name: _in_first_column(texts[name], patterns[name], reads[name]) for name in reads}
        matches["ev_term"] = _in_any_column(given, patterns["ev_term"], _TERM_READS)
        for name, own in wholes.items():  # of a tissue and its part, the part is told
            told = {own.get(code) for code, _, _ in matches[name]}
            matches[name] = [match for match in matches[name] if match[0] not in told]
        matches |= {name: _in_any_column(record, pattern, _FLAG_READS) for name, pattern in flags.items()}
        phase = phase_code(record["phases"], protocol["codes"]["phase_group"])
        matches["phase_group"] = [(phase, "phases", record["phases"])] if phase else []
        matches["countries"] = [
            (countries[name], "countries", name) for name in schema.split_multi(record["countries"])
        ]
        matches["study_type"] = matches["study_type"] or _implied_study_type(record)
        for name, column in states.items():
            matches[name] = matches[name] or _without_code(record, column)
        codes = {name: list(dict.fromkeys(code for code, _, _ in own)) for name, own in matches.items()}
        disease = _first(codes["disease_area"])
        routes = [protocol["codes"]["route"].get(code, {"group": code}) for code in codes["route"]]
        # A route's group says where it takes what is given; that may differ as seen from another disease.
        groups = sorted({route.get("elsewhere", {}).get(disease, route["group"]) for route in routes})
        rows.append(
            {
                **{name: _first(own, several=_SEVERAL.get(name)) for name, own in codes.items()},
                **{name: bool(codes[name]) for name in flags},
                "trn": record["trn"],
                "route_group": _first(groups, several="combined"),
                "countries": schema.join_multi(codes["countries"]),
                "country_basis": "record" if codes["countries"] else None,
                "coded_by": "rules",
            }
        )
        words += [(record["trn"], name, *match) for name, own in matches.items() for match in own]
    table = pd.DataFrame(words, columns=["trn", "field", "code", "found_in", "words"], dtype="object")
    coding = pd.DataFrame(rows, columns=schema.columns("coded", added=protocol["added_fields"]))
    return schema.checked(coding, "coded"), table


def stated_without_code(coding: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    """The values that records state and that have no code, with the trials that table ``coded`` therefore counts as such.

    Returns
    -------
    pandas.DataFrame
        ``field, stated, trials, trns``: one row per field and wording, the most frequent first.

    Examples
    --------
    >>> coding = pd.DataFrame({"trn": ["NCT1", "NCT2"], "coded_by": "rules", "route": WITHOUT_CODE})
    >>> words = pd.DataFrame({"trn": ["NCT1", "NCT2"], "field": "route", "code": WITHOUT_CODE, "words": "by hand"})
    >>> stated_without_code(coding, words)
       field   stated  trials         trns
    0  route  by hand       2  NCT1 | NCT2
    """
    counts = coding.set_index("trn")
    own = words[(words.code == WITHOUT_CODE) & words.trn.isin(counts.index)]
    count = [counts.at[trn, field] == WITHOUT_CODE for trn, field in zip(own.trn, own.field)]
    own = own[pd.Series(count, index=own.index, dtype=bool)]
    table = own.groupby(["field", "words"], sort=False).trn.agg(trials="size", trns=" | ".join).reset_index()
    table = table.rename(columns={"words": "stated"}).sort_values("trials", ascending=False, kind="stable")
    return table[["field", "stated", "trials", "trns"]].reset_index(drop=True)


def coded_fields(protocol: dict) -> list[str]:
    """The fields that a review codes: those with a code list or phrases in its protocol, and the countries."""
    known = [name for name in schema.CODED_FIELDS if name in {*protocol["codes"], *protocol["flags"], "countries"}]
    return [*known, *protocol["added_fields"]]


def coding_basis(
    coding: pd.DataFrame,
    words: pd.DataFrame,
    by: pd.DataFrame,
    *,
    decisions: pd.DataFrame | None = None,
    protocol: dict,
) -> pd.DataFrame:
    """On what each code of a trial rests.

    Parameters
    ----------
    coding, by
        What ``coded`` gives.
    words
        The words that ``rule_coding_with_words`` gives.
    decisions
        As ``coding_decisions`` gives them: the words of a code that one of them gave.

    Returns
    -------
    pandas.DataFrame
        Table ``coding_basis``: one row per trial and field; a value that is not reported is missing. Of a reader's code, the words
        are those by which the rules give the same; missing where they do not (then it rests on the reading, and a country on
        the sponsor where ``found_in`` says so). ``record_says``: words of the record, in the column for the field, that name
        another code than the one that counts.

    Examples
    --------
    >>> protocol = {"codes": {"route": {}}, "flags": {}, "added_fields": {}}
    >>> coding = pd.DataFrame({"trn": ["NCT1", "NCT2"], "route": ["topical", None]})
    >>> coding = coding.assign(countries="Japan", country_basis="sponsor")
    >>> by = pd.DataFrame("machine-read", index=coding.trn, columns=["route", "countries"])
    >>> words = [("NCT1", "route", "topical", "interventions", "ointment")]
    >>> words = pd.DataFrame(words, columns=["trn", "field", "code", "found_in", "words"])
    >>> coding_basis(coding, words, by, protocol=protocol)[["trn", "field", "value", "found_in", "words"]]
        trn      field    value       found_in     words
    0  NCT1      route  topical  interventions  ointment
    1  NCT1  countries    Japan        sponsor       NaN
    2  NCT2      route      NaN            NaN       NaN
    3  NCT2  countries    Japan        sponsor       NaN
    """
    fields = coded_fields(protocol)
    long = coding.melt(["trn", "country_basis"], fields, var_name="field", value_name="value")
    long["order"] = long.trn.map({trn: place for place, trn in enumerate(coding.trn)})
    long["coded_by"] = [by.at[row.trn, row.field] for row in long.itertuples()]
    matches = _matches_by_field(words)
    basis = [
        _basis_of(_read_in(row, matches), row.field, row.value, matches, row.country_basis) for row in long.itertuples()
    ]
    long = long.assign(found_in=[column for column, _ in basis], words=[text for _, text in basis])
    columns = _stating_columns(protocol)
    says = [
        _says_otherwise(row.field, row.value, matches.get((row.trn, row.field), []), columns)
        for row in long.itertuples()
    ]
    long["record_says"] = says
    for row in () if decisions is None else decisions.itertuples():
        own = (long.trn == row.trn) & (long.field == row.field) & (long.coded_by == row.decided_by)
        long.loc[own, ["found_in", "words"]] = row.read_from, row.words
    long = long.assign(value=long.value.map(str).where(long.value.notna())).sort_values("order", kind="stable")
    return schema.checked(long[schema.columns("coding_basis")], "coding_basis")


def _matches_by_field(words: pd.DataFrame) -> dict[tuple[str, str], list[_Match]]:
    """What the rules find on each trial and field."""
    matches: dict[tuple[str, str], list[_Match]] = {}
    for trn, field, *match in words.itertuples(index=False):
        matches.setdefault((trn, field), []).append(tuple(match))
    return matches


def _read_in(row, matches: dict[tuple[str, str], list[_Match]]) -> str:
    """The record in which a code was read: the trial's own, or the merged one that ``coded`` names."""
    other = str(row.coded_by).partition(" (")[2].rstrip(")")
    return other if (other, row.field) in matches else row.trn


def _basis_of(
    trn: str, field: str, value: object, matches: dict[tuple[str, str], list[_Match]], country_basis: str | None = None
) -> tuple[str | None, str | None]:
    """In which columns of the record, and by which words, the rules give a field this value."""
    if pd.isna(value) or value is False:
        return None, None
    own = matches.get((trn, "route" if field == "route_group" else field), [])
    own = [match for match in own if (match[0] == WITHOUT_CODE) == (value == WITHOUT_CODE)]
    if field != "route_group" and value != _SEVERAL.get(field):
        own = [match for match in own if match[0] in schema.split_multi(str(value))]
    if not own:
        return ("sponsor" if field == "countries" and country_basis == "sponsor" else None), None
    return tuple(" | ".join(dict.fromkeys(match[part] for match in own)) for part in (1, 2))


def _says_otherwise(field: str, value: object, matches: list[_Match], columns: dict[str, str]) -> str | None:
    """The words in the column for a field by which the rules give another code; None where they give this one, or none."""
    own = [match for match in matches if match[1] == columns.get(field) and match[0] != WITHOUT_CODE]
    codes, values = {code for code, _, _ in own}, set(schema.split_multi(value))
    # A reader may choose one of several diseases or routes that a record names, or find more of them elsewhere in it.
    same = codes == values if field == "countries" else values <= codes or value == _SEVERAL.get(field)
    return None if not own or (same and values) else " | ".join(dict.fromkeys(text for _, _, text in own))


def coded(
    trials: pd.DataFrame,
    read: pd.DataFrame,
    rules: pd.DataFrame,
    words: pd.DataFrame,
    *,
    decisions: pd.DataFrame | None = None,
    people: pd.DataFrame | None = None,
    protocol: dict,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """People's codes, else those decided anew, else the readers' where there are any, else the rules'.

    What a record states in a column with words of a list (design, study type, phase) goes before a machine reading; before a person's
    it does not. Codes of a record that was merged into another count for that one, where it has none of its own. A field that
    the readers' coding has no column for is the rules' for all trials. Readers read the copies of their day: where they found no
    code of a field and the record states it (in the column for it, not in a title), the rules' code counts; and so it does for
    a country that readers took from the sponsor, because the record that they read showed none.

    Parameters
    ----------
    trials
        Table ``trials``.
    read, rules, words
        As ``readers_coding`` and ``rule_coding_with_words`` give them.
    decisions, people
        As ``coding_decisions`` and ``codes_by_people.read_codes`` give them.

    Returns
    -------
    coding, by
        Table ``coded``, one row per trial, in the trials' order; and by whom each field of a trial was coded: ``trn`` as the index, one
        column per field; "rules (NCT9)" where it is that of the merged record NCT9.

    Examples
    --------
    >>> trials = pd.DataFrame({"trn": ["NCT1", "NCT2"], "merged_trns": None})
    >>> codes = {"trn": ["NCT1", "NCT2"], "countries": ["Iran", "Japan"], "design": "parallel", "country_basis": "record"}
    >>> rules = pd.DataFrame(codes).assign(coded_by="rules")
    >>> read = rules.head(1).assign(design=None, countries="Egypt", coded_by="machine-read")
    >>> words = {"trn": ["NCT1"], "field": "design", "found_in": "intervention_model"}
    >>> coding, by = coded(trials, read, rules, pd.DataFrame(words), protocol={"added_fields": {}})
    >>> coding[["trn", "countries", "design"]].join(by, on="trn", rsuffix="_by")
        trn countries    design  countries_by design_by
    0  NCT1     Egypt  parallel  machine-read     rules
    1  NCT2     Japan  parallel         rules     rules
    """
    merged, read = read[read.trn.isin(tables.kept_numbers(trials))], tables.of_kept_records(read, trials)
    by_readers, by_rules = (table[table.trn.isin(trials.trn)].set_index("trn") for table in (read, rules))
    absent = by_rules.columns.difference(by_readers.columns)
    by_readers = by_readers.join(by_rules[absent])
    fields = [*by_rules.columns.drop(["coded_by", "country_basis"])]
    by = pd.DataFrame({field: by_readers.coded_by for field in fields}).assign(**dict.fromkeys(absent, "rules"))
    found, gaps = by_rules.reindex(by_readers.index), by_readers[fields].isna()
    gaps["countries"] |= by_readers.country_basis == "sponsor"
    for field, stated in _stated(words, protocol).items():
        fill = gaps[field] & found[field].notna() & found.index.isin(stated)
        if field in _OF_THE_RECORD:
            known = found[field].notna() & (found[field] != WITHOUT_CODE) & found.index.isin(stated)
            fill |= known & (by[field] == READ_BY["machine"]) & (by_readers[field] != found[field])
        if field in _ROUTES:  # a route and its group must go together
            other = _ROUTES[1 - _ROUTES.index(field)]
            fill &= gaps[other] | (by_readers[other] == found[other]) | (found[field] == WITHOUT_CODE)
            fill &= (field == "route") | (found[field] != WITHOUT_CODE)  # words without a code tell no group
        by_readers.loc[fill, field], by.loc[fill, field] = found.loc[fill, field], "rules"
        if field == "countries":
            by_readers.loc[fill, "country_basis"] = "record"
    rest = by_rules[~by_rules.index.isin(by_readers.index)]
    by = pd.concat([by, pd.DataFrame("rules", rest.index, fields)])
    coding = pd.concat([by_readers, rest]).loc[trials.trn]
    _fill_from_merged(coding, by, trials, merged, rules, _stated(words, protocol))
    for row in () if decisions is None else tables.of_kept_records(decisions, trials).itertuples():
        if row.trn in coding.index:
            coding.loc[row.trn, row.field], by.loc[row.trn, row.field] = row.code, row.decided_by
    for row in () if people is None else tables.of_kept_records(people, trials).itertuples():
        if row.trn in coding.index:
            by.loc[row.trn, row.field] = f"person ({row.reviewer})"
            coding.loc[row.trn, row.field] = {"True": True, "False": False}.get(row.code, row.code)
            if row.field == "countries":
                coding.loc[row.trn, "country_basis"] = None if pd.isna(row.code) else "record"
    return schema.checked(coding.reset_index(), "coded"), by


def _fill_from_merged(
    coding: pd.DataFrame,
    by: pd.DataFrame,
    trials: pd.DataFrame,
    read: pd.DataFrame,
    rules: pd.DataFrame,
    stated: dict[str, set[str]],
) -> None:
    """Fill each field that a kept record does not tell from one merged into it: its readers' code, else what it states; in place."""
    sources = (read.set_index("trn"), rules.set_index("trn"))
    for number, kept in tables.kept_numbers(trials).items():
        for source in (own for own in sources if number in own.index):
            row = source.loc[number]
            codes = {name: code for name, code in row.items() if name in by and pd.notna(code) and code != WITHOUT_CODE}
            codes = {
                name: code for name, code in codes.items() if row.coded_by != "rules" or number in stated.get(name, ())
            }
            if coding.loc[kept, list(_ROUTES)].notna().any():  # a route and its group go together
                codes = {name: code for name, code in codes.items() if name not in _ROUTES}
            for name, code in codes.items():
                if pd.isna(coding.at[kept, name]):
                    coding.at[kept, name], by.at[kept, name] = code, f"{row.coded_by} ({number})"
                    if name == "countries":
                        coding.at[kept, "country_basis"] = row.country_basis


def _stated(words: pd.DataFrame, protocol: dict) -> dict[str, set[str]]:
    """For each field the trials whose record states it in the column for it."""
    own = words[words.found_in == words.field.map(_stating_columns(protocol))].groupby("field").trn.agg(set).to_dict()
    return own | {"route_group": own["route"]} if "route" in own else own


def _stating_columns(protocol: dict) -> dict[str, str]:
    """The column of a record in which each field is stated, and nothing else."""
    return STATING | {name: own[0] for name, own in protocol["added_fields"].items()}


def described(trials: pd.DataFrame, coding: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Table ``described``: each trial with its codes and the facts of its record that later chapters count.

    Examples
    --------
    >>> trials = pd.DataFrame({"trn": ["NCT1"], "screening": "included", "registry": "ClinicalTrials.gov"})
    >>> coding = pd.DataFrame({"trn": ["NCT1"], "route": "topical", "coded_by": "rules"})
    >>> records = pd.DataFrame({"trn": ["NCT1", "NCT2"], "enrolment": [20, 30]})
    >>> records = records.reindex(columns=schema.columns("records"))
    >>> described(trials, coding, records)[["trn", "screening", "route", "enrolment"]]
        trn screening    route  enrolment
    0  NCT1  included  topical         20
    """
    facts = records[["trn", "status", "enrolment", "enrolment_type", "results_posted", "source_urls"]]
    return schema.checked(
        trials.merge(coding, on="trn", validate="1:1").merge(facts, on="trn", validate="1:1"), "described"
    )


def coding_agreement(read: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """How often the rules' code equals the readers' code, over records that readers coded.

    Returns
    -------
    pandas.DataFrame
        One row per field: ``field, n`` (code of the readers given), ``same``, ``rules_silent`` (no code found), ``share`` of n.

    Examples
    --------
    >>> names = ["trn", *schema.CODED_FIELDS]
    >>> read = pd.DataFrame({"trn": ["NCT1", "NCT2", "NCT3", "NCT4"], "route": "topical"}, columns=names)
    >>> rules = read.assign(route=["topical", "topical", "intravenous", None])
    >>> coding_agreement(read, rules).query("field == 'route'")
       field  n  same  rules_silent  share
    5  route  4     2             1    0.5
    """
    both = read.merge(rules.replace(WITHOUT_CODE, None), on="trn", suffixes=("_read", "_rules"))
    rows = []
    for field in [*schema.CODED_FIELDS, *schema.added_fields(read, "coded")]:
        by_readers, by_rules = both[f"{field}_read"].dropna(), both[f"{field}_rules"]
        by_rules = by_rules[by_readers.index]
        same = int((by_readers.astype(str) == by_rules.astype(str)).sum())
        rows.append({"field": field, "n": len(by_readers), "same": same, "rules_silent": int(by_rules.isna().sum())})
    table = pd.DataFrame(rows)
    return table.assign(share=table.same / table.n.where(table.n > 0))


def coding_differences(
    read: pd.DataFrame, rules: pd.DataFrame, words: pd.DataFrame, basis: pd.DataFrame
) -> pd.DataFrame:
    """Every code in which the rules differ from the readers: ``trn, field, readers, rules, found_in, words, counts, by``.

    A reader's code that is missing says that they found none; a rule that finds one nevertheless is listed, too. ``counts`` is the
    code that counts, ``by`` whose it is (of table ``coding_basis``); both are missing for a record that is no trial of its own.

    Examples
    --------
    >>> names = ["trn", *schema.CODED_FIELDS]
    >>> read = pd.DataFrame({"trn": ["NCT1", "NCT2"], "route": ["topical", "nebulised"]}, columns=names)
    >>> rules = read.assign(route=["topical", "intravenous"])
    >>> words = {"trn": ["NCT2"], "field": "route", "code": "intravenous", "found_in": "arms", "words": "infused"}
    >>> basis = pd.DataFrame({"trn": ["NCT2"], "field": "route", "value": "nebulised", "coded_by": "machine-read"})
    >>> coding_differences(read, rules, pd.DataFrame(words), basis).drop(columns=["trn", "field"])
         readers        rules found_in    words     counts            by
    0  nebulised  intravenous     arms  infused  nebulised  machine-read
    """
    both = read.merge(rules.replace(WITHOUT_CODE, None), on="trn", suffixes=("_read", "_rules"))
    matches = _matches_by_field(words)
    rows = []
    for field in [*schema.CODED_FIELDS, *schema.added_fields(read, "coded")]:
        by_readers, by_rules = both[f"{field}_read"].astype("object"), both[f"{field}_rules"].astype("object")
        silent = by_readers.isna() & (by_rules.isna() | by_rules.eq(False))
        differ = (by_readers.astype("str") != by_rules.astype("str")) & ~silent
        for trn, one, other in zip(both.trn[differ], by_readers[differ], by_rules[differ]):
            rows.append((trn, field, one, other, *_basis_of(trn, field, other, matches)))
    table = pd.DataFrame(rows, columns=["trn", "field", "readers", "rules", "found_in", "words"], dtype="object")
    own = basis.rename(columns={"value": "counts", "coded_by": "by"})[["trn", "field", "counts", "by"]]
    return table.merge(own, on=["trn", "field"], how="left")


def value_counts(frame: pd.DataFrame, field: str, *, by: str | None = None) -> pd.DataFrame:
    """How many trials have each value of a field, "not reported" included.

    A trial with two values (two countries) counts once under each. Columns: the field, ``by`` if given, ``n``.
    """
    keys = [field, by] if by else [field]
    values = [schema.split_multi(cell) or ["not reported"] for cell in frame[field]]
    each = frame[keys].assign(**{field: values}).explode(field)
    counts = each.groupby(keys).size().rename("n").reset_index().astype({field: "str", "n": "int64"})
    return counts.sort_values(["n", field], ascending=[False, True]).reset_index(drop=True)


def _without_code(record: dict, column: str) -> list[_Match]:
    """What a record states in a column from which no code was read."""
    text = record[column]
    return [(WITHOUT_CODE, column, text)] if isinstance(text, str) and _states(text) else []


def _states(text: str) -> bool:
    """Whether a text says anything but that something is not stated."""
    return not all(map(_EMPTY_WORDS.fullmatch, re.findall(r"\w+", _NOT_STATED.sub(" ", text))))


def _patterns_of(facts: dict) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    return phrase_pattern(facts["phrases"]), phrase_pattern(facts["but_not"]) if facts.get("but_not") else None


def _implied_study_type(record: dict) -> list[tuple[str, str, str]]:
    """Interventional, where the record shows what only such a study has."""
    shown = next((name for name in _INTERVENTIONAL_ONLY if isinstance(record[name], str)), None)
    return [("interventional", shown, record[shown])] if shown else []


def _in_first_column(record: dict, patterns: _Patterns, names: list[str]) -> list[_Match]:
    """The codes that the first column with any match names."""
    return next((matches for name in names if (matches := _in_any_column(record, patterns, [name]))), [])


def _in_any_column(record: dict, patterns: _Patterns, names: list[str]) -> list[_Match]:
    """Each code once, with the first column that names it."""
    matches: dict[str, _Match] = {}
    for name in names:
        if isinstance(record[name], str):
            for code, words in _told(record[name], patterns):
                matches.setdefault(code, (code, name, words))
    return [matches[code] for code in patterns if code in matches]


def _told(text: str, patterns: _Patterns) -> list[tuple[str, str]]:
    """The codes that a text names, each with the words. A word inside longer words of another code ("lung" in "lung cancer"),
    or inside words that the code does not mean ("UC" in "UC Davis"), does not count."""
    first = {code: match for code, (wanted, _) in patterns.items() if (match := wanted.search(text))}
    if len(first) < 2 and not any(patterns[code][1] for code in first):
        return [(code, match.group()) for code, match in first.items()]
    found = [(code, match) for code in first for match in patterns[code][0].finditer(text)]
    spans = [(code, *match.span()) for code, match in found]

    def holds(code: str, match: re.Match[str]) -> bool:
        start, end = match.span()
        own = patterns[code][1]
        if own and any(other.start() <= start and end <= other.end() for other in own.finditer(text)):
            return False
        return not any(other != code and a <= start and end <= b and b - a > end - start for other, a, b in spans)

    return [(code, match.group()) for code, match in found if holds(code, match)]


def _first(codes: list[str], *, several: str | None = None) -> str | None:
    """The first code, or the one that stands for several."""
    return several if several and len(codes) > 1 else next(iter(codes), None)


def country_codes(names: list[str]) -> dict[str, int]:
    """The ISO 3166-1 numeric code of each country by its name, for those that have one."""
    if not names:
        return {}
    codes = country_converter().pandas_convert(pd.Series(names, dtype="object"), to="ISOnumeric", not_found=None)
    return {name: int(code) for name, code in zip(names, codes) if str(code).isdigit()}


def country_names(cells: pd.Series) -> pd.Series:
    """Cells of countries, set apart by semicolons or as in our tables, with the short English name of each."""
    cells = cells.str.replace(r"\s*;\s*", schema.MULTI, regex=True)
    short = _short_country_names(cells)
    return cells.map(lambda cell: schema.join_multi(short[name] for name in schema.split_multi(cell)))


def _short_country_names(cells: pd.Series) -> dict[str, str]:
    """Each spelling of a country in the cells with its short English name; an unknown spelling stays as it is."""
    names = sorted({name for cell in cells for name in schema.split_multi(cell)})
    short_names = country_converter().pandas_convert(pd.Series(names), to="name_short", not_found=None) if names else []
    # Where a text may mean several countries ("Asia except Japan"), the converter gives a list.
    return {name: short if isinstance(short, str) else name for name, short in zip(names, short_names)}


def describe_numbers(described: pd.DataFrame, protocol: dict, basis: pd.DataFrame | None = None) -> dict[str, object]:
    """The third chapter's numbers, from table ``described``: its counts, and sentences of them.

    ``basis`` is table ``coding_basis``, which tells where a record calls its study otherwise than it is coded.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> described = pd.DataFrame({"screening": ["included", "pending"], "countries": ["China | Japan", "Peru"]})
    >>> described = described.assign(registered=pd.Timestamp("2021-05-03"), covid19=True, disease_area="respiratory")
    >>> described = described.assign(route=["topical", None], route_group=["local", None], coded_by="rules")
    >>> numbers = describe_numbers(described, load_protocol("protocol.yml"))
    >>> [int(numbers[name]) for name in ("n_since_2020", "n_countries", "n_lung", "n_local")]
    [1, 2, 1, 1]
    >>> numbers["by_route"], numbers["proposed_by_route"]
    ('Topical 1, not reported 0', 'Topical 1, not reported 1')
    """
    included = described[described.screening == "included"]
    by_readers = int((described.coded_by != "rules").sum())
    reader = "coded by a person" if "person" in set(described.coded_by) else "machine-read"
    by_rules = f"{several(len(described) - by_readers, 'was', 'were')} coded by the rules alone"
    words = {"coded_by": f"{several(by_readers, 'was', 'were')} {reader}, {by_rules}" if by_readers else by_rules}
    for by, trials in (("by", included), ("proposed_by", described)):
        words[f"{by}_route"] = _most_frequent(trials, "route", protocol)
        words[f"{by}_disease"] = _most_frequent(trials, "disease_area", protocol)
    outside = included.trn[included.study_type == "expanded-access"] if "study_type" in included else ()
    otherwise = () if basis is None else basis[(basis.field == "study_type") & basis.record_says.notna()].itertuples()
    said = {row.trn: f", in its field for the type of study “{row.record_says}”" for row in otherwise}
    words["expanded_access"] = (
        f"; {len(outside)} of them {'is no trial but a record' if len(outside) == 1 else 'are no trials but records'} of expanded "
        f"access, which gives the product outside of a trial ({joined([trn + said.get(trn, '') for trn in outside])})"
        if len(outside)
        else ""
    )
    return describe_counts(included, protocol) | words


def describe_counts(included: pd.DataFrame, protocol: dict) -> dict[str, object]:
    """Those of the third chapter's numbers that are counts, of included trials in table ``described``."""
    years = included.registered.dropna().dt.year
    groups = included.route_group.value_counts()
    numbers = {
        "n_dated": len(years),
        "n_since_2020": (years >= 2020).sum(),
        "n_countries": len({name for cell in included.countries for name in schema.split_multi(cell)}),
        "n_route_not_reported": included.route_group.isna().sum(),
        "n_route_not_shown": (included.route_group.isna() & included.route.isna()).sum(),
        "n_route_without_group": (included.route_group.isna() & included.route.notna()).sum(),
    }
    if "respiratory" in protocol["codes"]["disease_area"]:
        numbers["n_lung"] = (included.disease_area == "respiratory").sum()
    if "covid19" in protocol["flags"]:
        numbers["n_covid"] = included.covid19.sum()
    named = [name for name in protocol["codes"]["route_group"] if name not in ("combined", "other")]
    numbers |= {f"n_{name}": groups.get(name, 0) for name in named}
    others = ("combined", "other", WITHOUT_CODE)
    return numbers | {"n_route_other": sum(groups.get(name, 0) for name in others)}


def _most_frequent(trials: pd.DataFrame, field: str, protocol: dict) -> str:
    """The four most frequent codes of a field with their counts, and how many trials have none: "Skin 5, not reported 3"."""
    if trials.empty:
        return "none yet"
    labels = code_labels(protocol, field)
    counts = trials[field].value_counts().head(4)
    parts = [f"{labels.get(code, code)} {n}" for code, n in counts.items()]
    rest = int(trials[field].notna().sum() - counts.sum())
    return ", ".join([*parts, *([f"others {rest}"] if rest else []), f"not reported {trials[field].isna().sum()}"])
