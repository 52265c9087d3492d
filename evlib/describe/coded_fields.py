"""Code the trials: disease area, cell source, route, phase and the rest, by hand decisions first and rules second."""

import logging
from collections import Counter
from functools import cache
from pathlib import Path

import pandas as pd
from country_converter import CountryConverter
from country_converter.country_converter import COUNTRY_DATA_FILE

from evlib.base.identifiers import normalised
from evlib.base.protocol import phrase_pattern
from evlib.base.schema import NO_SUCH_RECORD, checked, columns, join_multi, read_csv, set_aside, split_multi

CODED_FIELDS = [name for name in columns("coded") if name not in ("trn", "coded_by", "country_basis")]

# Which fields of a record speak of a fact, the most telling first.
_FIELDS = {
    "disease_area": ["conditions", "brief_title", "official_title"],
    "msc_source": ["msc_source_text", "interventions", "brief_title", "official_title", "arms"],
    "route": ["route_text", "interventions", "brief_title", "official_title", "arms", "dose_text"],
    "design": ["intervention_model", "brief_title", "official_title", "allocation"],
    "study_type": ["study_type"],
}
_INTERVENTIONAL_ONLY = ("phases", "allocation", "masking")
_FLAG_FIELDS = ["conditions", "brief_title", "official_title", "interventions", "arms"]
_TERM_FIELDS = ["ev_term_text", "interventions", "brief_title", "official_title"]


def hand_coding(path: str | Path, *, known: set[str], protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The hand coding of trials (``coding.csv``); none where a review has no such file.

    Returns
    -------
    coded, rejects
        Table ``coded`` (``coded_by`` is ``hand``); an empty cell means that the record does not say. Table ``rejects``:
        rows for an unknown record, given twice, or with a code that the protocol does not have.
    """
    rows = read_csv(path, needs=["trn", *CODED_FIELDS, "country_basis"], optional=True)
    rows["trn"] = rows.trn.map(normalised, na_action="ignore")
    problems = [
        (~rows.trn.isin(known), NO_SUCH_RECORD),
        (rows.duplicated("trn"), "coded twice; the first row is kept."),
    ]
    for field, codes in protocol["codes"].items():
        text = f"{field} '" + rows[field].fillna("") + f"' is not a code of protocol.yml ({', '.join(codes)})."
        problems.append((rows[field].notna() & ~rows[field].isin(list(codes)), text))
    for field in protocol["flags"]:
        wrong = rows[field].notna() & ~rows[field].isin(["True", "False"])
        problems.append((wrong, f"{field} is neither True nor False."))
    good, rejects = set_aside(rows, path, problems)
    good = good.assign(coded_by="hand")
    for field in protocol["flags"]:
        good[field] = good[field].map({"True": True, "False": False})
    short = _short_country_names(good.countries)
    good["countries"] = good.countries.map(lambda cell: join_multi(short.get(name, name) for name in split_multi(cell)))
    return checked(good[columns("coded")], "coded", source=str(path)), rejects


def rule_coding(records: pd.DataFrame, *, protocol: dict) -> pd.DataFrame:
    """What the protocol's code lists alone find in the records: table ``coded``, ``coded_by`` is ``rules``."""
    return rule_coding_with_words(records, protocol=protocol)[0]


def rule_coding_with_words(records: pd.DataFrame, *, protocol: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the protocol's code lists alone find in the records, and the words that it rests on.

    Of each fact the first field of a record that says anything of it counts, the most telling field first (of the term and
    the flags, all fields). Several codes in that field become ``mixed``, ``both`` or ``combined``, where the code list has one
    for it; else the one counts that stands first in the protocol's list, wherever it stands in the field.

    Returns
    -------
    coded, words
        Table ``coded``, ``coded_by`` is ``rules``; and ``trn, field, code, found_in, words``, one row for each code that was
        found: the field of the record and its words.
    """
    lists = {
        name: {code: phrase_pattern(facts["phrases"]) for code, facts in protocol["codes"][name].items()}
        for name in [*_FIELDS, "ev_term"]
        if name in protocol["codes"]
    }
    flags = {name: {"True": phrase_pattern(phrases)} for name, phrases in protocol["flags"].items()}
    phases = {
        phrase.casefold(): code
        for code, facts in protocol["codes"]["phase_group"].items()
        for phrase in facts["phrases"]
    }
    countries = _short_country_names(records.countries)
    rows, words = [], []
    for record in records.to_dict("records"):
        found = {name: _in_first_field(record, lists.get(name, {}), fields) for name, fields in _FIELDS.items()}
        found |= {"ev_term": _in_any_field(record, lists.get("ev_term", {}), _TERM_FIELDS)}
        found |= {name: _in_any_field(record, pattern, _FLAG_FIELDS) for name, pattern in flags.items()}
        phase = phases.get("/".join(split_multi(record["phases"])).casefold())
        found["phase_group"] = [(phase, "phases", record["phases"])] if phase else []
        found["countries"] = [(countries[name], "countries", name) for name in split_multi(record["countries"])]
        found["study_type"] = found["study_type"] or _implied_study_type(record)
        codes = {name: list(dict.fromkeys(code for code, _, _ in places)) for name, places in found.items()}
        disease = _first(codes["disease_area"])
        groups = sorted({_route_group(protocol["codes"]["route"][code], disease) for code in codes["route"]})
        rows.append(
            {
                "trn": record["trn"],
                "disease_area": disease,
                "msc_source": _one_or(codes["msc_source"], several="mixed"),
                "ev_term": _one_or(codes["ev_term"], several="both"),
                "route": _one_or(codes["route"], several="combined"),
                "route_group": _one_or(groups, several="combined"),
                "design": _first(codes["design"]),
                "phase_group": phase,
                "study_type": _first(codes["study_type"]),
                "countries": join_multi(codes["countries"]),
                "country_basis": "record" if codes["countries"] else None,
                "coded_by": "rules",
                **{name: bool(codes[name]) for name in flags},
            }
        )
        words += [(record["trn"], name, *place) for name, places in found.items() for place in places]
    table = pd.DataFrame(words, columns=["trn", "field", "code", "found_in", "words"], dtype="object")
    return checked(pd.DataFrame(rows, columns=columns("coded")), "coded"), table


def coded_fields(protocol: dict) -> list[str]:
    """The fields that a review codes: those with a code list or phrases in its protocol, and the countries."""
    return [name for name in CODED_FIELDS if name in {*protocol["codes"], *protocol["flags"], "countries"}]


def coding_basis(coding: pd.DataFrame, words: pd.DataFrame, *, fields: list[str] = CODED_FIELDS) -> pd.DataFrame:
    """On what each code of a trial rests.

    Parameters
    ----------
    coding, words
        Table ``coded``, and the words that ``rule_coding_with_words`` found.
    fields
        Those that the review codes.

    Returns
    -------
    pandas.DataFrame
        Table ``coding_basis``: one row per trial and field; a value that is not reported is missing. Of a hand code, the words are those by which the rules find the same; missing where they do not (then it
        rests on the reading, and a country on the sponsor where ``found_in`` says so).
    """
    long = coding.melt(["trn", "coded_by", "country_basis"], fields, var_name="field", value_name="value")
    long["order"] = long.trn.map({trn: place for place, trn in enumerate(coding.trn)})
    found: dict[tuple[str, str], list[tuple]] = {}
    for trn, field, *place in zip(words.trn, words.field, words.code, words.found_in, words.words):
        found.setdefault((trn, field), []).append(tuple(place))
    places = [_basis_of(row, found) for row in long.itertuples()]
    long = long.assign(found_in=[place for place, _ in places], words=[text for _, text in places])
    long = long.sort_values("order", kind="stable")
    said = long.value.map(str).where(long.value.notna())
    return checked(long.assign(value=said)[columns("coding_basis")], "coding_basis")


def _basis_of(row: tuple, found: dict[tuple[str, str], list[tuple]]) -> tuple[str | None, str | None]:
    """Where and by which words a code is found; ``found``: code, field of the record and its words, by trial and field."""
    if pd.isna(row.value) or row.value is False:
        return None, None
    places = found.get((row.trn, "route" if row.field == "route_group" else row.field), [])
    if row.field != "route_group" and row.value not in ("mixed", "both", "combined"):
        codes = split_multi(str(row.value))
        places = [place for place in places if place[0] in codes]
    if not places:
        sponsor = row.field == "countries" and row.country_basis == "sponsor"
        return ("sponsor" if sponsor else None), None
    return tuple(" | ".join(dict.fromkeys(place[part] for place in places)) for part in (1, 2))


def coded(trials: pd.DataFrame, hand: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Hand coding where there is any, else the rules': table ``coded``, one row per trial, in the trials' order."""
    by_hand = hand[hand.trn.isin(trials.trn)]
    by_rules = rules[rules.trn.isin(trials.trn) & ~rules.trn.isin(hand.trn)]
    both = pd.concat([by_hand, by_rules]).set_index("trn").loc[trials.trn].reset_index()
    return checked(both, "coded")


def described(trials: pd.DataFrame, coding: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Table ``described``: each trial with its codes and the facts of its record that later chapters count."""
    facts = records[["trn", "status", "enrolment", "enrolment_type", "results_posted", "source_urls"]]
    return checked(trials.merge(coding, on="trn", validate="1:1").merge(facts, on="trn", validate="1:1"), "described")


def coding_agreement(hand: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """How often the rules' code equals the hand code, over records that were coded by hand.

    Returns
    -------
    pandas.DataFrame
        One row per field: ``field, n`` (hand code given), ``same``, ``rules_silent`` (no code found), ``share`` of n.
    """
    both = hand.merge(rules, on="trn", suffixes=("_hand", "_rules"))
    rows = []
    for field in CODED_FIELDS:
        a, b = both[f"{field}_hand"], both[f"{field}_rules"]
        stated = a.notna()
        same = int((a[stated].astype(str) == b[stated].astype(str)).sum())
        n = int(stated.sum())
        rows.append({"field": field, "n": n, "same": same, "rules_silent": int(b[stated].isna().sum())})
    table = pd.DataFrame(rows)
    return table.assign(share=table.same / table.n.where(table.n > 0))


def coding_differences(hand: pd.DataFrame, rules: pd.DataFrame, words: pd.DataFrame) -> pd.DataFrame:
    """Every code in which the rules differ from the hand: ``trn, field, hand, rules, found_in, words``.

    A hand code that is missing says that the record does not tell; a rule that finds one nevertheless is listed, too.
    """
    both = hand.merge(rules, on="trn", suffixes=("_hand", "_rules"))
    basis = coding_basis(rules, words).set_index(["trn", "field"])
    rows = []
    for field in CODED_FIELDS:
        a, b = both[f"{field}_hand"].astype("object"), both[f"{field}_rules"].astype("object")
        differ = (a.astype("str") != b.astype("str")) & ~(a.isna() & (b.isna() | b.eq(False)))
        for trn, one, other in zip(both.trn[differ], a[differ], b[differ]):
            place = basis.loc[(trn, field)]
            rows.append((trn, field, one, other, place.found_in, place.words))
    return pd.DataFrame(rows, columns=["trn", "field", "hand", "rules", "found_in", "words"], dtype="object")


def value_counts(frame: pd.DataFrame, field: str, *, by: str | None = None) -> pd.DataFrame:
    """How many trials have each value of a field, "not reported" included.

    A trial with two values (two countries) counts once under each. Columns: the field, ``by`` if given, ``n``.
    """
    keys = [field, by] if by else [field]
    groups = zip(frame[field], *([frame[by]] if by else []), strict=True)
    counted = Counter(
        (value, *group)
        for cell, *group in groups
        for value in split_multi(cell) or ["not reported"]
        if all(map(pd.notna, group))
    )
    counts = pd.DataFrame([(*key, n) for key, n in counted.items()], columns=[*keys, "n"]).astype(
        {field: "str", "n": "int64"}
    )
    return counts.sort_values(["n", field], ascending=[False, True]).reset_index(drop=True)


def _implied_study_type(record: dict) -> list[tuple[str, str, str]]:
    """Interventional, where the record shows what only such a study has."""
    shown = next((name for name in _INTERVENTIONAL_ONLY if isinstance(record[name], str)), None)
    return [("interventional", shown, record[shown])] if shown else []


def _route_group(route: dict, disease: str | None) -> str:
    """The group of a route: where it takes what is given as seen from the disease."""
    return route.get("elsewhere", {}).get(disease, route["group"])


def _in_first_field(record: dict, patterns: dict, fields: list[str]) -> list[tuple[str, str, str]]:
    """The codes that the first field with any match names, with the field and its words."""
    return next((found for field in fields if (found := _in_any_field(record, patterns, [field]))), [])


def _in_any_field(record: dict, patterns: dict, fields: list[str]) -> list[tuple[str, str, str]]:
    """Each code once, with the first field that names it and its words."""
    found = {}
    for code, pattern in patterns.items():
        for field in fields:
            match = pattern.search(record[field]) if isinstance(record[field], str) else None
            if match:
                found.setdefault(code, (code, field, match.group()))
    return list(found.values())


def _first(codes: list[str]) -> str | None:
    return codes[0] if codes else None


def _one_or(codes: list[str], *, several: str) -> str | None:
    return several if len(codes) > 1 else _first(codes)


def country_codes(names: list[str]) -> dict[str, int]:
    """The ISO 3166-1 numeric code of each country by its name, for those that have one."""
    if not names:
        return {}
    codes = _country_converter().pandas_convert(pd.Series(names, dtype="object"), to="ISOnumeric", not_found=None)
    return {name: int(code) for name, code in zip(names, codes) if str(code).isdigit()}


def _short_country_names(cells: pd.Series) -> dict[str, str]:
    """Each spelling of a country in the cells with its short English name; an unknown spelling stays as it is."""
    names = sorted({name for cell in cells for name in split_multi(cell)})
    if not names:
        return {}
    found = _country_converter().pandas_convert(pd.Series(names), to="name_short", not_found=None)
    # Where a text may mean several countries ("Asia except Japan"), the converter gives a list.
    return {name: short if isinstance(short, str) else name for name, short in zip(names, found)}


@cache
def _country_converter() -> CountryConverter:
    # The library's own loading takes the code "NA" (Namibia) for a missing value under pandas 3.
    table = pd.read_csv(COUNTRY_DATA_FILE, sep="\t", encoding="utf-8", keep_default_na=False, na_values=[""])
    logging.getLogger("country_converter").setLevel(logging.CRITICAL)
    return CountryConverter(country_data=table)


def describe_numbers(described: pd.DataFrame, protocol: dict) -> dict[str, object]:
    """Of the third chapter: table ``described``. Codes and groups are counted as the protocol has them."""
    included = described[described.screening == "included"]
    words = {
        "coded_by": _coders_in_words(described),
        "by_route": _most_frequent(included, "route", protocol),
        "by_disease": _most_frequent(included, "disease_area", protocol),
        "proposed_by_route": _most_frequent(described, "route", protocol),
        "proposed_by_disease": _most_frequent(described, "disease_area", protocol),
    }
    return describe_counts(included, protocol) | words


def describe_counts(included: pd.DataFrame, protocol: dict) -> dict[str, object]:
    """Those of the third chapter's numbers that are counts, of the included trials in table ``described``."""
    years = included.registered.dropna().dt.year
    groups = included.route_group.value_counts()
    numbers = {
        "n_dated": len(years),
        "n_since_2020": (years >= 2020).sum(),
        "n_countries": len({name for cell in included.countries for name in split_multi(cell)}),
        "n_route_not_reported": included.route_group.isna().sum(),
    }
    if "respiratory" in protocol["codes"]["disease_area"]:
        numbers["n_lung"] = (included.disease_area == "respiratory").sum()
    if "covid19" in protocol["flags"]:
        numbers["n_covid"] = included.covid19.sum()
    named = [name for name in protocol["codes"]["route_group"] if name not in ("combined", "other")]
    numbers |= {f"n_{name}": groups.get(name, 0) for name in named}
    return numbers | {"n_route_other": groups.get("combined", 0) + groups.get("other", 0)}


def _coders_in_words(described: pd.DataFrame) -> str:
    by_hand = int((described.coded_by == "hand").sum())
    if not by_hand:
        return f"All {len(described)} were coded by the rules alone"
    return f"{by_hand} were coded by hand and {len(described) - by_hand} by the rules alone"


def _most_frequent(trials: pd.DataFrame, field: str, protocol: dict, *, most: int = 4) -> str:
    """The most frequent codes of a field with their counts, and how many trials have none: "Skin 5, Eye 2, not reported 3".

    Where there is no trial at all: "none yet".
    """
    if trials.empty:
        return "none yet"
    labels = {code: facts["label"] for code, facts in protocol["codes"][field].items()}
    counts = trials[field].value_counts().head(most)
    parts = [f"{labels.get(code, code)} {n}" for code, n in counts.items()]
    rest = int(trials[field].notna().sum() - counts.sum())
    parts += [f"others {rest}"] if rest else []
    parts += [f"not reported {trials[field].isna().sum()}"]
    return ", ".join(parts)
