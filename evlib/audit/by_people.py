"""What people decided, of all files in which they do: what of it counts, and what cannot be used."""

import difflib
from pathlib import Path

import pandas as pd

from evlib.base.files import matching
from evlib.base.rawdata import OWN_DECISIONS
from evlib.base.schema import checked, columns
from evlib.describe import codes_by_people
from evlib.doses import reports
from evlib.screen import deduplication, judging

_BIAS = f"curation/{reports.BY_PEOPLE}.csv"
_NEAR = 0.8  # how like two names of files are, of 1, when one is taken for a slip of the other


def decided_by_people(
    raw: str | Path, *, known: set[str] | None, protocol: dict
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """The decisions of people, and table ``rejects`` of what cannot be used, by their place below the raw data.

    Parameters
    ----------
    raw
        The folder of raw data.
    known
        Registration numbers of all records; None: they are not looked at.

    Returns
    -------
    dict
        Of each folder or file in which people decide, which need not exist: what its reader gives. Under ``curation`` stand, without
        decisions, the files that are called almost like one of these, which nothing reads.

    Examples
    --------
    >>> from evlib.base.protocol import load_protocol
    >>> list(decided_by_people("data/raw", known=None, protocol=load_protocol("protocol.yml")))  # doctest: +NORMALIZE_WHITESPACE
    ['curation/screening', 'curation/same_trial.csv', 'curation/coding_by_people.csv',
    'curation/risk_of_bias_by_people.csv', 'curation']
    """
    raw = Path(raw)
    tables, unused = reports.read_reports(raw)
    read = {
        OWN_DECISIONS: judging.own_decisions(raw / OWN_DECISIONS, known=known, protocol=protocol),
        deduplication.PAIRS_FILE: deduplication.judged_pairs(raw / deduplication.PAIRS_FILE, known=known),
        codes_by_people.BY_PEOPLE: codes_by_people.read_codes(raw, known=known, protocol=protocol),
        _BIAS: (tables[reports.BY_PEOPLE], unused[unused.file == Path(_BIAS).name]),
    }
    names = {Path(place).stem: Path(place).name for place in read if Path(place).suffix}
    strays = []
    for path in matching(raw / "curation", "[!.~]*"):
        near = difflib.get_close_matches(path.stem.casefold(), names, n=1, cutoff=_NEAR)
        if path.is_file() and near and path.name not in names.values():
            why = (
                f"nothing reads it: the file for such decisions is called {names[near[0]]}. Put its rows there, as CSV."
            )
            strays.append((path.name, None, None, why))
    rejects = checked(pd.DataFrame(strays, columns=columns("rejects")), "rejects")
    return read | {"curation": (pd.DataFrame(), rejects)}
