"""The shipped raw data: is every file there, and is it the one that was shipped?"""

import json
import shlex
import shutil
from pathlib import Path

from evlib.base.errors import InputError
from evlib.base.files import all_below, files_of, matching, sha256, write_text

PACKAGE = "datapackage.json"
EXPORTS = "exports"  # below the raw data: a person's exports of registries; not shipped
DAYS_FILE = "retrieved.csv"  # beside them: the days of those that state none
OWN_DECISIONS = "curation/screening"  # below the raw data: people's screening decisions, a file each; not shipped
# Shipped files that serve every review, whatever its topic.
SHARED = ("formats/filled.csv", "geography/countries-110m.json", "curation/nct_first_submitted.csv")
SNAPSHOT_FILES = ("records.jsonl", "page-*.json.gz")  # a snapshot of ours, and the pages of a live search


def check_raw(raw_dir: str | Path) -> dict[str, str]:
    """Compare every file that the data package lists with its checksum.

    Files that the package does not list (a later snapshot, a person's own decisions) are left alone.

    Returns
    -------
    dict
        Path below ``raw_dir`` → SHA-256, in the package's order.

    Raises
    ------
    InputError
        Naming the first file that is missing or differs.
    """
    raw_dir = Path(raw_dir)
    sums = {}
    for resource in _package(raw_dir)["resources"]:
        path = raw_dir / resource["path"]
        if not path.is_file():
            raise InputError(f"{path} is missing. Restore it: git checkout -- {shlex.quote(str(path))}")
        sums[resource["path"]] = sha256(path)
        if f"sha256:{sums[resource['path']]}" != resource["hash"]:
            raise InputError(
                f"{path} is not the file that was shipped. Raw data is never edited. See what changed: "
                f"git diff -- {shlex.quote(str(path))}. Restore it: git checkout -- {shlex.quote(str(path))}. Or, where you added to it on purpose as a maintainer: "
                "python -m evlib seal"
            )
    return sums


def seal(raw_dir: str | Path) -> None:
    """Write the present sizes and checksums into the data package (for maintainers who add a shipped file)."""
    raw_dir = Path(raw_dir)
    package = _package(raw_dir)
    for resource in package["resources"]:
        path = raw_dir / resource["path"]
        resource |= {"bytes": path.stat().st_size, "hash": f"sha256:{sha256(path)}"}
    write_text(raw_dir / PACKAGE, json.dumps(package, indent=1, ensure_ascii=False) + "\n")


def copy_shipped(raw_dir: str | Path, target: str | Path) -> Path:
    """Copy the raw data as it is shipped, without what people, searches and exports added; returns ``target``."""
    raw_dir, target = Path(raw_dir), Path(target)
    for name in (PACKAGE, *(resource["path"] for resource in _package(raw_dir)["resources"])):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(raw_dir / name, target / name)
    return target


def shared(raw_dir: str | Path, name: str) -> Path:
    """A shipped file that serves every review: the review's own below ``raw_dir``, else the repository's.

    Examples
    --------
    >>> shared("data/raw", "formats/filled.csv").as_posix()  # the review's own
    'data/raw/formats/filled.csv'
    >>> shared("review-without/data/raw", "formats/filled.csv").is_file()  # the repository's
    True
    """
    own = Path(raw_dir) / name
    return own if own.exists() else Path(__file__).parents[2] / "data" / "raw" / name


def exports_of(path: str | Path) -> list[Path]:
    """The file, or all exports of the folder and the folders in it: neither a README nor the table of their days."""
    days = (EXPORTS, DAYS_FILE)
    return [file for file in files_of(path) if file.name != "README.md" and file.absolute().parts[-2:] != days]


def decision_files(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """The files in the folder of people's decisions: CSV files, and those that do not count.

    These are no CSV, or CSV files in a folder within. Hidden files, a README and the lock of an open spreadsheet are neither.
    """
    files = [path for path in matching(folder, "[!.~]*") if path.is_file() and path.stem.casefold() != "readme"]
    tables = [path for path in files if path.suffix.casefold() == ".csv"]
    within = [below for path in matching(folder, "[!.~]*") if path.is_dir() for below in all_below(path)]
    within = [path for path in within if path.suffix.casefold() == ".csv" and path.name[0] not in ".~"]
    return tables, [path for path in files if path not in tables] + within


def _package(raw_dir: Path) -> dict:
    path = raw_dir / PACKAGE
    restore = f"Restore it: git checkout -- {shlex.quote(str(path))}"
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}). {restore}") from error
    resources = package.get("resources") if isinstance(package, dict) else None
    if not isinstance(resources, list) or not all(isinstance(r, dict) and {"path", "hash"} <= {*r} for r in resources):
        raise InputError(f"{path} does not give a path and a hash for each file. {restore}")
    return package
