"""The paper's numbers beside ours: how the claims are written down, and the first that are set beside our tables."""

from pathlib import Path

import pandas as pd
import yaml

from evlib.audit.checks import CHECKS, Check
from evlib.base.errors import InputError
from evlib.base.protocol import YAML_LOADER
from evlib.describe.coded_fields import value_counts

_ALWAYS = ("id", "section", "quote", "value")


def read_claims(path: str | Path, *, protocol: dict) -> pd.DataFrame:
    """The paper's numbers, each with the check that it is put to.

    Returns
    -------
    pandas.DataFrame
        ``id, section, quote, value``; what they count (``flow``, or ``field`` and ``code``); and of all, ``check`` (a key of
        ``CHECKS``) with its ``options``.

    Raises
    ------
    InputError
        Where the file is missing or a claim lacks its id, section, quote or value, or has the id of another; where it
        counts a code that the protocol does not have; where it has no check, two checks, an unknown key, options that the
        check does not take, or names a claim that does not exist. The message names the claim.
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
            raise InputError(
                f"{path}: the claim '{row.id}' counts {row.field} '{row.code}', which protocol.yml does not have. "
                f"Known: {', '.join(codes)}."
            )
    read = claims.reindex(columns=[*_ALWAYS, "flow", "field", "code"])
    return read.assign(check=checks, options=[entry[check] for entry, check in zip(entries, checks)])


def _check(entry: dict, known: set[str], path: str | Path) -> str:
    """The one check of a claim, its options looked through."""

    def refused(problem: str) -> InputError:
        return InputError(f"{path}: the claim '{entry['id']}' {problem}")

    unknown = sorted(set(entry) - {*_ALWAYS, *CHECKS, "code"})
    if unknown:
        raise refused(f"has the unknown key '{unknown[0]}'. Known: {', '.join([*_ALWAYS, 'code', *CHECKS])}.")
    given = [name for name in entry if name in CHECKS]
    if len(given) != 1:
        raise refused(f"needs one check, and has {' and '.join(given) or 'none'}. Known: {', '.join(CHECKS)}.")
    (check,) = given
    if (check == "field") != ("code" in entry):
        raise refused("needs 'field' and 'code' together.")
    options, shape = entry[check], CHECKS[check]
    if type(options) is not shape.form or not options:
        words = {dict: "a mapping", list: "a list", str: "a text", int: "a whole number", bool: "'true'"}
        raise refused(f"needs {words[shape.form]} for '{check}'.")
    if shape.form is dict and (shape.needs or shape.may):
        missing, odd = set(shape.needs) - set(options), set(options) - {*shape.needs, *shape.may}
        if missing or odd or not options:
            raise refused(f"has '{check}' with {', '.join(options)}; it takes {', '.join(shape.needs + shape.may)}.")
    named = _claims_named(options, shape)
    absent = [name for name in named if name not in known]
    if absent:
        raise refused(f"names the claim '{absent[0]}', which does not exist.")
    if entry["id"] in named:
        raise refused("is checked against itself.")
    return check


def _claims_named(options: object, shape: Check) -> list[str]:
    """The ids of other claims in the options of a check."""
    if not shape.ids:
        return []
    given = [options[key] for key in shape.ids if key in options] if isinstance(options, dict) else [options]
    return [name for part in given for name in (part if isinstance(part, list) else [part])]


def flow_beside_paper(claims: pd.DataFrame, flow: pd.DataFrame) -> pd.DataFrame:
    """The steps of the paper's flow beside ours: ``step, label, paper, ours, quote``."""
    wanted = claims.dropna(subset="flow")
    ours = flow.set_index("step")
    return pd.DataFrame(
        {
            "step": wanted.flow,
            "label": [ours.label[step] for step in wanted.flow],
            "paper": wanted.value.astype(int),
            "ours": [ours.n[step] for step in wanted.flow],
            "quote": wanted.quote,
        }
    ).reset_index(drop=True)


def counts_beside_paper(claims: pd.DataFrame, described: pd.DataFrame) -> pd.DataFrame:
    """The paper's counts of trials beside ours: ``field, code, paper, ours, quote``; included trials only."""
    wanted = claims.dropna(subset="field")
    included = described[described.screening == "included"].astype({"covid19": "str"})
    counts = {field: value_counts(included, field).set_index(field).n for field in wanted.field.unique()}
    ours = [int(counts[field].get(code, 0)) for field, code in zip(wanted.field, wanted.code)]
    table = wanted[["field", "code"]].assign(paper=wanted.value.astype(int), ours=ours, quote=wanted.quote)
    return table.reset_index(drop=True)
