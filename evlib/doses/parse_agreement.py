"""How well the parser of doses agrees with the readers' coding, which wins where there are both."""

import math
import re

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from evlib.base.errors import InputError
from evlib.doses.parse import COLUMNS, in_unit, parsed

AGREED = ("low", "high", "unit_kind", "n_administrations")
_WEIGHTS = {"low": 4, "high": 4, "unit_kind": 4, "n_administrations": 2, "volume_ml": 1, "arm": 1}
_WITHOUT_VESICLES = re.compile(r"\b(?:placebo|sham|vehicle)\b", re.IGNORECASE)


def record_doses(records: pd.DataFrame) -> pd.DataFrame:
    """The doses that records state in their ``dose_text`` and ``arms``, as the parser reads them.

    Parameters
    ----------
    records
        Table ``records``, of which ``trn, dose_text, arms`` are read.

    Returns
    -------
    pandas.DataFrame
        One row per trial, arm and dose: ``trn`` and the columns of ``evlib.doses.parse.parsed``. A dose that both fields
        state appears once, as the arm states it, completed from ``dose_text``. Arms called placebo, sham or vehicle are
        left out.
    """
    rows = []
    for record in records[["trn", "dose_text", "arms"]].itertuples():
        texts, arms = ([] if pd.isna(text) else parsed(text) for text in (record.dose_text, record.arms))
        arms = [row for row in arms if not (row["arm"] and _WITHOUT_VESICLES.search(row["arm"]))]
        rows += [{"trn": record.trn, **row} for row in _merged(arms, texts)]
    frame = pd.DataFrame(rows, columns=["trn", *COLUMNS])
    numbers = {"low": "float64", "high": "float64", "volume_ml": "float64", "n_administrations": "Int64"}
    return frame.astype({name: numbers.get(name, "str") for name in frame})


def with_readers_doses(doses: pd.DataFrame, read: pd.DataFrame) -> pd.DataFrame:
    """The readers' doses, and for trials without any those of the parser; ``coded_by`` says which ("readers", "parser")."""
    names = ["trn", *(name for name in COLUMNS if name in doses)]
    rest = read[~read.trn.isin(doses.trn)]
    return pd.concat([doses[names].assign(coded_by="readers"), rest.assign(coded_by="parser")], ignore_index=True)


def parser_agreement(doses: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """How often the parser reads what readers coded, field by field.

    Parameters
    ----------
    doses, records
        Table ``doses``, coded by readers; table ``records``, whose ``dose_text`` and ``arms`` are read.

    Returns
    -------
    pandas.DataFrame
        Per field (``low, high, unit_kind, n_administrations``): ``n`` values of the readers, of which ``same``, ``differ``
        and ``not_read`` by the parser; and ``only_parser``, values that the parser reads in a dose where the readers coded
        none. Readings that no coded dose matches are in ``parser_differences`` alone.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1"], "low": 2e8, "high": 4e8, "unit": "particles", "unit_kind": "particles"})
    >>> doses = doses.assign(arm=None, n_administrations=None, volume_ml=None, as_stated="2 or 4*10^8 particles")
    >>> records = pd.DataFrame({"trn": ["NCT1"], "dose_text": "2*10^8 particles once a day for 5 days", "arms": None})
    >>> parser_agreement(doses, records)
                   field  n  same  differ  not_read  only_parser
    0                low  1     1       0         0            0
    1               high  1     0       1         0            0
    2          unit_kind  1     1       0         0            0
    3  n_administrations  0     0       0         0            1
    """
    values, names = _compared(doses, records), ["same", "differ", "not_read", "only_parser"]
    counts = pd.crosstab(values.field, values.verdict).reindex(index=AGREED, columns=names, fill_value=0)
    counts.insert(0, "n", counts[names[:3]].sum(axis=1))
    return counts.rename_axis(index="field", columns=None).reset_index()


def parser_differences(doses: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Each value in which parser and readers differ.

    Returns
    -------
    pandas.DataFrame
        ``trn, arm, field, readers, parser, verdict`` ("differ", "not_read", "only_parser" or, for a reading that no
        coded dose matches, "no such dose"), ``as_stated`` by the readers, and ``text`` that the parser read.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1"], "low": 2e8, "high": 4e8, "unit": "particles", "unit_kind": "particles"})
    >>> doses = doses.assign(arm=None, n_administrations=None, volume_ml=None, as_stated="2 or 4*10^8 particles")
    >>> records = pd.DataFrame({"trn": ["NCT1"], "dose_text": "2*10^8 particles once a day for 5 days", "arms": None})
    >>> parser_differences(doses, records)[["trn", "field", "readers", "parser", "verdict"]]
        trn              field     readers parser      verdict
    0  NCT1               high       4e+08  2e+08       differ
    1  NCT1  n_administrations  not stated      5  only_parser
    """
    values = _compared(doses, records)
    return values[~values.verdict.isin(["same", "neither"])].reset_index(drop=True)


def _compared(doses: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Each value of the readers' coding beside the parser's, with the columns of ``parser_differences``."""
    rows = []
    for coded, read in _pairs(doses, records):
        text = None if read is None else read["as_stated"]
        if coded is None:
            value = f"{_value_text(read['low'])} to {_value_text(read['high'])} {read['stated_unit']}"
            rows.append((read["trn"], read["arm"], "dose", None, value, "no such dose", None, text))
            continue
        for field in AGREED:
            values = [None if one is None else _value_text(one[field]) for one in (coded, read)]
            rows.append(
                (coded["trn"], coded["arm"], field, *values, _verdict(coded, read, field), coded["as_stated"], text)
            )
    return pd.DataFrame(rows, columns=["trn", "arm", "field", "readers", "parser", "verdict", "as_stated", "text"])


def _merged(arms: list[dict], texts: list[dict]) -> list[dict]:
    """The doses of the arms, completed by those of the text that are the same; then the others of the text."""
    merged = []
    for row in arms:
        same = [text for text in texts if _dose_of(text) == _dose_of(row)]
        gaps = {
            name: same[0][name]
            for name in ("n_administrations", "interval", "volume_ml")
            if same and row[name] is None and len({text[name] for text in same}) == 1
        }
        merged.append(row | gaps)
    known = {_dose_of(row) for row in arms}
    merged += [text for text in texts if _dose_of(text) not in known]
    unique = {tuple(row[name] for name in COLUMNS if name not in ("remark", "as_stated")): row for row in merged}
    return list(unique.values())


def _dose_of(row: dict) -> tuple:
    return row["low"], row["high"], row["stated_unit"], row["per"]


def _pairs(doses: pd.DataFrame, records: pd.DataFrame) -> list[tuple[dict | None, dict | None]]:
    """The readers' doses with the parser's readings nearest to them, one to one within a trial; what has no partner, with None."""
    read = record_doses(records[records.trn.isin(doses.trn)])
    of_readers, rows = (frame.astype(object).where(frame.notna(), None).to_dict("records") for frame in (doses, read))
    pairs: list[tuple[dict | None, dict | None]] = []
    for trn in doses.trn.unique():
        some_coded, some_read = ([row for row in part if row["trn"] == trn] for part in (of_readers, rows))
        likeness = np.array([_likeness(coded, row) for coded in some_coded for row in some_read])
        likeness = likeness.reshape(len(some_coded), len(some_read))
        partner = {
            coded: row
            for coded, row in zip(*linear_sum_assignment(likeness, maximize=True), strict=True)
            if likeness[coded, row] >= min(_WEIGHTS["low"], _WEIGHTS["unit_kind"])
        }
        pairs += [(coded, some_read[partner[i]] if i in partner else None) for i, coded in enumerate(some_coded)]
        pairs += [(None, row) for i, row in enumerate(some_read) if i not in partner.values()]
    return pairs


def _likeness(coded: dict, read: dict) -> int:
    return sum(weight for field, weight in _WEIGHTS.items() if coded[field] is not None and _agree(coded, read, field))


def _verdict(coded: dict, read: dict | None, field: str) -> str:
    ours = None if read is None else read[field]
    if coded[field] is None:
        return "neither" if ours is None else "only_parser"
    return "not_read" if ours is None else "same" if _agree(coded, read, field) else "differ"


def _agree(coded: dict, read: dict, field: str) -> bool:
    theirs, ours = coded[field], read[field]
    if None in (theirs, ours) or field not in ("low", "high"):
        return theirs == ours
    if coded["unit"] != read["unit"] and "other" not in (coded["unit"], read["unit"]):
        try:
            ours = in_unit(ours, read["unit"], coded["unit"])
        except InputError:
            return False
    return math.isclose(theirs, ours, rel_tol=1e-9)


def _value_text(value: object) -> str:
    return "not stated" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
