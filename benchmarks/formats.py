"""Measure which columns of the records each source's export fills (maintainers): data/raw/formats/filled.csv.

    python benchmarks/formats.py FOLDER_OF_REAL_EXPORTS

Real exports are not shipped; where there is none of a format, a small file of our own in tests/samples stands for it.
"""

import sys
from pathlib import Path

import pandas as pd

from evlib.base.files import files_of
from evlib.base.schema import write_csv
from evlib.ingest.registries import READERS, filled_columns, stream

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "data" / "raw" / "formats" / "filled.csv"
REAL = {
    "ClinicalTrials.gov API v2": ("ctgov_v2", "three studies, chosen because they have results"),
    "WHO ICTRP CSV": ("ictrp", "rows of the COVID-19 export of 7 July 2020"),
}
OWN_BASIS = "a sample of our own"
OWN = {
    "ClinicalTrials.gov CSV": "ctgov.csv",
    "WHO ICTRP XML": "ictrp.xml",
    "ChiCTR XML": "chictr.xml",
    "IRCT XML": "irct.xml",
    "Cochrane CENTRAL RIS": "central.ris",
}


def measured(samples: Path | None) -> pd.DataFrame:
    """Per source and column: ``source, basis, column, read, filled, records``; without real exports, our own samples only.

    ``read`` says whether the form has the field and our reader takes it.
    """
    real = [_filled(name, samples / folder, words) for name, (folder, words) in REAL.items()] if samples else []
    own = [_filled(name, ROOT / "tests" / "samples" / file, OWN_BASIS) for name, file in OWN.items()]
    return pd.concat(real + own, ignore_index=True)


def _filled(name: str, path: Path, basis: str) -> pd.DataFrame:
    parts = list(stream([path], retrieved="2026-11-25", registries=[]))
    table = filled_columns(part.records.notna().sum().rename(name) for part in parts)
    reader = READERS[parts[0].format]
    _, item = next(iter(reader.items(next(iter(files_of(path))))))
    taken = set(reader.record(item, snapshot="2026-11-25"))
    table = table.rename(columns={"format": "source"}).assign(basis=basis, read=table.column.isin(taken))
    return table[["source", "basis", "column", "read", "filled", "records"]]


if __name__ == "__main__":
    write_csv(measured(Path(sys.argv[1])), TARGET)
