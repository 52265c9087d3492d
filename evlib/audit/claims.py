"""The paper's claims, read from ``claims.yml`` and checked; its counts of trials and records beside ours."""

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import yaml

from evlib.audit.checks import CHECKS, Check
from evlib.base.errors import InputError
from evlib.base.protocol import YAML_LOADER
from evlib.describe.coded_fields import value_counts

_ALWAYS = ("id", "section", "quote", "value")
_MAY = ("code", "finding", "caveat")
_WORDLIKE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def read_claims(path: str | Path, *, protocol: dict) -> pd.DataFrame:
    """The claims of the paper, each with its check.

    Returns
    -------
    pandas.DataFrame
        ``id, section, quote, value``; ``finding``, which claims share that one correction of the text would settle (the
        claim's own id where none is given); ``caveat``, a sentence that goes with its verdict, or missing; for counts
        ``flow``, or ``field`` and ``code``; ``check`` (a key of ``CHECKS``) and its ``options``.

    Raises
    ------
    InputError
        Where the file is missing; where a claim lacks its id, section, quote or value, has the id of another, counts a code
        that the protocol does not have, has no check or two, an unknown key, or options that the check does not take,
        names a claim that does not exist, or a finding that no other claim shares. The message names the claim.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> claims = read_claims("data/raw/paper/claims.yml", protocol=load_protocol("protocol.yml")).set_index("id")
    >>> claims.loc["country-first", ["section", "quote", "value"]].tolist()
    ['3.2', 'China ranks first with 30 studies', ['China']]
    >>> claims.loc["country-first", ["check", "options"]].tolist()  # no country has more trials
    ['most_frequent', {'field': 'countries'}]
    """
    try:
        entries = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=YAML_LOADER)
        claims = pd.DataFrame(entries, dtype=object)
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({error}). Restore it from git.") from error
    for name in _ALWAYS:
        if name not in claims or claims[name].isna().any():
            raise InputError(f"{path}: every claim needs '{name}'.")
    if claims.id.duplicated().any():
        raise InputError(f"{path}: the id '{claims.id[claims.id.duplicated()].iloc[0]}' is given twice.")
    checks = [_check(entry, set(claims.id), path) for entry in entries]
    for row in claims.reindex(columns=["id", "field", "code"]).dropna().itertuples():
        codes = protocol["codes"].get(row.field)
        if codes is not None and row.code not in codes and row.code != "not reported":
            problem = f"counts {row.field} '{row.code}', which protocol.yml does not have. Known: {', '.join(codes)}."
            raise InputError(f"{path}: the claim '{row.id}' {problem}")
    findings = _findings(entries, path)
    read = claims.reindex(columns=[*_ALWAYS, "caveat", "flow", "field", "code"])
    return read.assign(finding=findings, check=checks, options=[entry[check] for entry, check in zip(entries, checks)])


def _findings(entries: list[dict], path: str | Path) -> list[str]:
    """The finding of each claim; one that is given must be shared."""
    names = {entry["id"]: entry.get("finding", entry["id"]) for entry in entries}
    shared = Counter(names.values())
    for name, finding in names.items():
        if finding == name:
            continue
        if not isinstance(finding, str) or not _WORDLIKE.fullmatch(finding):
            problem = f"has the finding '{finding}'; write small letters, figures and hyphens"
        elif shared[finding] == 1:
            problem = f"has the finding '{finding}', which no other claim shares. Give it to another, or leave it out"
        elif names.get(finding, finding) != finding:
            problem = f"has the finding '{finding}', the id of a claim of another finding ('{names[finding]}')"
        else:
            continue
        raise InputError(f"{path}: the claim '{name}' {problem}.")
    return list(names.values())


def _check(entry: dict, known: set[str], path: str | Path) -> str:
    """The name of a claim's check, whose options are validated."""

    def refused(problem: str) -> InputError:
        return InputError(f"{path}: the claim '{entry['id']}' {problem}")

    unknown = sorted(set(entry) - {*_ALWAYS, *_MAY, *CHECKS})
    if unknown:
        raise refused(f"has the unknown key '{unknown[0]}'. Known: {', '.join([*_ALWAYS, *_MAY, *CHECKS])}.")
    caveat = entry.get("caveat", ".")
    if not isinstance(caveat, str) or not caveat.endswith("."):
        raise refused("needs a sentence as 'caveat', with a full stop.")
    given = [name for name in entry if name in CHECKS]
    if len(given) != 1:
        raise refused(f"needs one check, and has {' and '.join(given) or 'none'}. Known: {', '.join(CHECKS)}.")
    (check,) = given
    if (check == "field") != ("code" in entry):
        raise refused("needs 'field' and 'code' together.")
    options, rule = entry[check], CHECKS[check]
    if type(options) is not rule.form or not options:
        words = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number", bool: "'true'"}
        raise refused(f"needs {words[rule.form]} for '{check}'.")
    if rule.form is dict and (rule.needs or rule.may):
        missing, odd = set(rule.needs) - set(options), set(options) - {*rule.needs, *rule.may}
        if missing or odd:
            raise refused(f"has '{check}' with {', '.join(options)}; it takes {', '.join(rule.needs + rule.may)}.")
    named = _claims_named(options, rule)
    absent = [name for name in named if name not in known]
    if absent:
        raise refused(f"names the claim '{absent[0]}', which does not exist.")
    if entry["id"] in named:
        raise refused("is checked against itself.")
    return check


def _claims_named(options: object, rule: Check) -> list[str]:
    """The ids of other claims in the options of a check."""
    if not rule.ids:
        return []
    given = [options[key] for key in rule.ids if key in options] if isinstance(options, dict) else [options]
    return [name for part in given for name in (part if isinstance(part, list) else [part])]


def flow_beside_paper(claims: pd.DataFrame, flow: pd.DataFrame) -> pd.DataFrame:
    """The steps of the paper's flow beside ours: ``step, label, paper, ours, quote``; also our records that are not yet read, without
    which ours do not add up, and which no paper has.

    Examples
    --------
    >>> claims = pd.DataFrame({"flow": ["included"], "value": [66], "quote": ["66 clinical trials were included"]})
    >>> flow = pd.DataFrame({"step": ["assessed", "included"], "label": ["Assessed", "Included"], "n": [9, 5]})
    >>> flow_beside_paper(claims, flow)
           step     label  paper  ours                             quote
    0  included  Included     66     5  66 clinical trials were included
    """
    theirs = claims.dropna(subset="flow").set_index("flow")
    table = flow[flow.step.isin([*theirs.index, "pending"])].rename(columns={"n": "ours"})
    table["paper"] = table.step.map(theirs.value).astype("Int64")
    table["quote"] = table.step.map(theirs.quote)
    return table[["step", "label", "paper", "ours", "quote"]].reset_index(drop=True)


def counts_beside_paper(claims: pd.DataFrame, described: pd.DataFrame) -> pd.DataFrame:
    """The paper's counts of trials beside ours: ``field, code, paper, ours, quote``; included trials only.

    Examples
    --------
    >>> claims = pd.DataFrame({"field": ["countries"], "code": ["China"], "value": [30], "quote": ["with 30 studies"]})
    >>> described = pd.DataFrame({"countries": ["China", "China | Iran", "China"], "covid19": False})
    >>> described["screening"] = ["included", "included", "pending"]
    >>> counts_beside_paper(claims, described)
           field   code  paper  ours            quote
    0  countries  China     30     2  with 30 studies
    """
    counted = claims.dropna(subset="field")
    included = described[described.screening == "included"].astype({"covid19": "str"})
    counts = {field: value_counts(included, field).set_index(field).n for field in counted.field.unique()}
    ours = [int(counts[field].get(code, 0)) for field, code in zip(counted.field, counted.code)]
    table = counted[["field", "code"]].assign(paper=counted.value.astype(int), ours=ours, quote=counted.quote)
    return table.reset_index(drop=True)
