"""Where a review stands in the repository, which folders a notebook works on, and how messages name files and commands."""

import json
import os
from pathlib import Path

from evlib.base.dates import checked_date
from evlib.base.errors import InputError
from evlib.base.files import matching, today, write_text

SEARCH_FILE = "search.json"  # beside the tables of a search: which search they are of


def project_root(start: str | Path = ".") -> Path:
    """The nearest folder, from ``start`` upwards, that holds a ``protocol.yml``: a review.

    Where the environment names one (``EVTRIALS_REVIEW``, as ``make REVIEW=name`` does), it is that of the folder's ``reviews``.

    Raises
    ------
    InputError
        Where there is no such folder, or no review of that name.
    """
    start, name = Path(start).resolve(), os.environ.get("EVTRIALS_REVIEW")
    root = _review(start)
    if root is None:
        raise InputError(
            f"no protocol.yml in {start} or above it. Run this inside a copy of the project; if the file was deleted, restore "
            "it: git checkout -- protocol.yml"
        )
    reviews = repository(root) / "reviews"
    if name and not (reviews / name / "protocol.yml").is_file():
        there = ", ".join(path.parent.name for path in sorted(reviews.glob("*/protocol.yml"))) or "none yet"
        raise InputError(
            f"there is no review '{name}' in {reviews}. There: {there}. Make one: make new-review NAME={name}"
        )
    return reviews / name if name else root


def folders_of(search_date: str, raw_dir: str, out_dir: str, protocol: str) -> tuple[Path, Path, Path]:
    """The raw data, the folder of results and the protocol that a notebook works on; what is empty is the project's own.

    The project is found from the working folder upwards, or is the one that this package lies in.

    Parameters
    ----------
    search_date
        Last day of registration, YYYY-MM-DD: an empty ``out_dir`` means ``data/processed/<search_date>``.

    Raises
    ------
    InputError
        Where the date is none or still to come, or the folder of results holds the tables of another search date.

    Examples
    --------
    >>> folders_of("2022-12-31", "", "", "")[1].parts[-3:]
    ('data', 'processed', '2022-12-31')
    """
    if checked_date(search_date) > today():
        raise InputError(f"The search date {search_date} is still to come. Use a date up to {today()}.")
    try:
        root = project_root()
    except InputError:
        root = project_root(Path(__file__).parent)
    out = Path(out_dir) if out_dir else root / "data" / "processed" / search_date
    held = searched(out).get("search_date", search_date)
    if held != search_date:
        raise InputError(
            f"{out} holds the tables of the search of {held}, not of {search_date}. Leave out_dir empty to work in "
            f"data/processed/{search_date}, or name a folder of its own."
        )
    return Path(raw_dir or root / "data" / "raw"), out, Path(protocol or root / "protocol.yml")


def mark_search(out: Path, *, search_date: str, snapshot: str, inputs: str = "") -> None:
    """Write beside the tables of a search which search they are of; the first chapter does so before its first table.

    ``inputs`` is the checksum of what they are made of (``evlib.ingest.retrieval.checksum_of_inputs``). Where the folder holds
    tables made of something else, the numbers of all chapters there are removed, so that no chapter counts as run.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as out:
    ...     mark_search(Path(out), search_date="2024-02-17", snapshot="2026-11-28")
    ...     (Path(out) / "search.json").read_text()
    '{"search_date": "2024-02-17", "snapshot": "2026-11-28", "inputs": ""}\\n'
    """
    if searched(out).get("inputs") != inputs:
        for path in matching(out / "numbers", "*.json"):
            path.unlink()
    write_text(
        out / SEARCH_FILE, json.dumps({"search_date": search_date, "snapshot": snapshot, "inputs": inputs}) + "\n"
    )


def searched(folder: str | Path) -> dict[str, str]:
    """What ``mark_search`` wrote into a folder of results, ``search_date``, ``snapshot`` and ``inputs``; nothing where it did not.

    Examples
    --------
    >>> searched("data/processed/2024-02-17")["search_date"], searched("data/raw")
    ('2024-02-17', {})
    """
    path = Path(folder) / SEARCH_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def repository(root: Path) -> Path:
    """The repository that a review belongs to: it holds the notebooks. The first review's folder is the repository itself."""
    root = root.resolve()
    for folder in (root, *root.parents):
        if (folder / "notebooks" / "01_ingest.ipynb").is_file():
            return folder
    return Path(__file__).resolve().parents[2]


def command_ending(place: str | Path) -> str:
    """What a ``make`` command needs to work on the review that a file or folder lies in: `` REVIEW=name``, of the first nothing."""
    root = _review(place)
    return "" if root is None or root == repository(root) else f" REVIEW={root.name}"


def place_of(place: str | Path) -> str:
    """A file or folder of a review as a person finds it from the repository's folder: ``reviews/name/data/raw``."""
    root = _review(place)
    if root is None:
        return str(place)
    below = Path(place).resolve().relative_to(root)
    return (below if root == repository(root) else Path("reviews") / root.name / below).as_posix()


def _review(place: str | Path) -> Path | None:
    place = Path(place).resolve()
    return next((folder for folder in (place, *place.parents) if (folder / "protocol.yml").is_file()), None)
