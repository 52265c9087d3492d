"""Measure which columns of the records each source's export fills (maintainers): data/raw/formats/filled.csv.

    python benchmarks/formats.py [FOLDER_OF_REAL_EXPORTS]

Every file in tests/samples is measured. The rows on real exports, which are not shipped, are measured anew where their folder
is given, else they stay as they are; the column ``basis`` tells the two kinds apart.
"""

import sys
from pathlib import Path

import pandas as pd

from evlib.base.files import files_of
from evlib.base.schema import read_csv, write_csv
from evlib.ingest.registries import READERS, filled_columns, stream

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples"
TARGET = ROOT / "data" / "raw" / "formats" / "filled.csv"
OWN_BASIS = "a sample of our own"
# Below the folder of real exports: source, folder, what lies there.
REAL = [
    ("ClinicalTrials.gov API v2", "ctgov_v2", "three studies, chosen because they have results"),
    ("WHO ICTRP CSV", "ictrp", "rows of the COVID-19 export of 7 July 2020"),
]
# Sources that share a format, by the name of their sample. Any other source is called as its format.
NAMES = {
    "ictrp.xml": "WHO ICTRP XML",
    "chictr.xml": "ChiCTR XML",
    "irct.xml": "IRCT XML",
    "central.ris": "Cochrane CENTRAL RIS",
}


def measured(real: Path | None = None) -> pd.DataFrame:
    """Per source and column: ``source, basis, column, read, filled, records``.

    ``read`` says whether the form has the field and our reader takes it. A source of which there is a real export is measured
    by that alone; where the folder ``real`` is not given, its rows are those of the present file.
    """
    held = read_csv(TARGET, dtype={"filled": "int64", "records": "int64"})
    tables = {source: rows for source, rows in held.groupby("source", sort=False) if (rows.basis != OWN_BASIS).all()}
    if real:
        tables |= {source: _filled(real / folder, basis, source) for source, folder, basis in REAL}
    for path in files_of(SAMPLES):
        if path.name != "README.md":
            own = _filled(path, OWN_BASIS, NAMES.get(path.name))
            tables.setdefault(own.source[0], own)
    order = dict.fromkeys([*held.source, *tables])  # a new source comes last
    return pd.concat([tables[source] for source in order if source in tables], ignore_index=True)


def _filled(path: Path, basis: str, source: str | None) -> pd.DataFrame:
    parts = list(stream([path], retrieved="2026-11-25", registries=[]))
    reader = READERS[parts[0].format]
    table = filled_columns(part.records.notna().sum().rename(source or reader.NAME) for part in parts)
    _, item = next(iter(reader.items(next(iter(files_of(path))))))
    taken = set(reader.record(item, snapshot="2026-11-25"))
    table = table.rename(columns={"format": "source"}).assign(basis=basis, read=table.column.isin(taken))
    return table[["source", "basis", "column", "read", "filled", "records"]]


if __name__ == "__main__":
    write_csv(measured(Path(sys.argv[1]) if sys.argv[1:] else None), TARGET)
