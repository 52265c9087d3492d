"""Where a review stands in the repository, and how messages and pages name its files and commands."""

from pathlib import Path


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
