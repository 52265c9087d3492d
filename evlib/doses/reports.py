"""The reports on file (published or posted results): their arms, outcomes and harms, their risk of bias, and what they tell of
the product. All were read by machine; ``data/raw/curation/CODING.md`` holds the rules."""

from pathlib import Path

import pandas as pd

from evlib.base.schema import checked, columns, kinds, read_csv, set_aside

# Files of data/raw/curation, with the words that a column may hold; an empty cell says that the report, as it was read, does not tell.
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "studies": {
        "allocation": ("randomised", "non-randomised", "single-arm"),
        "masking": ("double-blind", "single-blind", "open"),
    },
    "arms": {"role": ("ev", "control", "cells", "other product")},
    "outcomes": {
        "direction": ("better", "worse", "no difference", "improved", "worsened", "unchanged", "not comparative"),
        "comparison": ("between arms", "before-after", "none"),
        "better_when": ("lower", "higher"),
    },
    "adverse_events": {},
    "risk_of_bias": {
        "tool": ("RoB2", "ROBINS-I"),
        "reader": ("R1", "R2", "settled"),
        "judgement": ("low", "some-concerns", "moderate", "high", "serious", "critical", "no-information"),
    },
    "product_reporting": {"reader": ("R1", "R2", "settled"), "stated": ("yes", "no", "not-seen")},
}
REPORT_TABLES = tuple(_WORDS)
_FLAGS = {"True": True, "False": False}


def read_reports(raw: str | Path) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The tables of reports, checked.

    Parameters
    ----------
    raw
        The folder of raw data, of which ``curation/`` is read. A file that is not there is a table without rows.

    Returns
    -------
    tables, rejects
        ``studies, arms, outcomes, adverse_events, risk_of_bias, product_reporting``, each as the schema of its name; and table
        ``rejects``: rows with a word that CODING.md does not have, with a number or a flag that cannot be read, or of an arm or a
        report that is not on file, each with its line.
    """
    tables: dict[str, pd.DataFrame] = {}
    rejected = []
    for name, words in _WORDS.items():
        path = Path(raw) / f"curation/{name}.csv"
        rows = read_csv(path, needs=columns(name), optional=True)
        problems = [
            (
                rows[column].notna() & ~rows[column].isin(allowed),
                f"{column} '" + rows[column].fillna("") + f"' is none of: {', '.join(allowed)}.",
            )
            for column, allowed in words.items()
        ]
        for column, kind in kinds(name).items():
            if kind == "flag":
                problems.append(
                    (rows[column].notna() & ~rows[column].isin(_FLAGS), f"{column} is neither True nor False.")
                )
                rows[column] = rows[column].map(_FLAGS)
            elif kind in ("count", "number"):
                number = pd.to_numeric(rows[column], errors="coerce")
                wrong = number.isna() | ((number % 1 != 0) if kind == "count" else False)
                problems.append(
                    (rows[column].notna() & wrong, f"{column} is not a {'whole ' if kind == 'count' else ''}number.")
                )
                rows[column] = number.mask(wrong)
        for column, of in (("study_id", "studies"), ("arm_id", "arms")):
            if name != of and column in rows and of in tables:
                problems.append((~rows[column].isin(tables[of][column]), f"its {column} is none of curation/{of}.csv."))
        good, rejects = set_aside(rows.assign(trn=rows.get("trn")), path, problems)
        tables[name] = checked(good[columns(name)], name, source=str(path))
        rejected.append(rejects)
    return tables, pd.concat(rejected, ignore_index=True)


def overall_risk(risk: pd.DataFrame) -> pd.Series:
    """The settled overall judgement of each report with its tool, as "RoB2: high"; by ``study_id``."""
    settled = risk[(risk.reader == "settled") & (risk.domain == "overall")].set_index("study_id")
    return settled.tool + ": " + settled.judgement


def product_items(reporting: pd.DataFrame) -> pd.Series:
    """How many items that MISEV2023 asks for each report states, as settled: "3 of 10 stated, 7 not seen"; by ``study_id``."""
    settled = reporting[reporting.reader == "settled"]
    counts = (
        settled.groupby("study_id")
        .stated.value_counts()
        .unstack(fill_value=0)
        .reindex(columns=["yes", "no", "not-seen"], fill_value=0)
    )
    words = counts.yes.astype(str) + " of " + counts.sum(axis=1).astype(str) + " stated"
    return words + (", " + counts["not-seen"].astype(str) + " not seen").where(counts["not-seen"] > 0, "")
