"""The paper's numbers beside ours."""

from pathlib import Path

import pandas as pd
import yaml

from evlib.errors import InputError
from evlib.extract import value_counts


def read_claims(path: str | Path, *, protocol: dict) -> pd.DataFrame:
    """The paper's numbers: ``id, section, quote, value`` and what they count (``flow``, or ``field`` and ``code``).

    Raises
    ------
    InputError
        Where the file is missing or a claim lacks its id, section, quote or value, or has the id of another, or
        where it counts a code that the protocol does not have.
    """
    try:
        claims = pd.DataFrame(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({error}). Restore it from git.") from error
    for name in ("id", "section", "quote", "value"):
        if name not in claims or claims[name].isna().any():
            raise InputError(f"{path}: every claim needs '{name}'.")
    if claims.id.duplicated().any():
        raise InputError(f"{path}: the id '{claims.id[claims.id.duplicated()].iloc[0]}' is given twice.")
    for row in claims.reindex(columns=["id", "field", "code"]).dropna().itertuples():
        codes = protocol["codes"].get(row.field)
        if codes is not None and row.code not in codes and row.code != "not reported":
            raise InputError(
                f"{path}: the claim '{row.id}' counts {row.field} '{row.code}', which protocol.yml does not have. "
                f"Known: {', '.join(codes)}."
            )
    return claims.reindex(columns=["id", "section", "quote", "value", "flow", "field", "code"])


def flow_beside_paper(claims: pd.DataFrame, flow: pd.DataFrame) -> pd.DataFrame:
    """The steps of the paper's flow beside ours: ``step, label, paper, ours, quote``."""
    wanted = claims.dropna(subset="flow")
    ours = flow.set_index("step")
    return pd.DataFrame(
        {
            "step": wanted.flow,
            "label": [ours.label[step] for step in wanted.flow],
            "paper": wanted.value,
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
    table = wanted[["field", "code"]].assign(paper=wanted.value, ours=ours, quote=wanted.quote)
    return table.reset_index(drop=True)
