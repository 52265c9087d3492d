"""Numbers for the book's prose: each chapter computes and saves its own, the pages take them by name."""

import json
from pathlib import Path

from evlib.base.files import write_text


def save_numbers(out_dir: str | Path, chapter: str, **numbers: object) -> None:
    """Write ``numbers/<chapter>.json`` below the search's folder; values are written as a reader should see them."""
    text = json.dumps({name: str(value) for name, value in numbers.items()}, indent=1, ensure_ascii=False)
    write_text(Path(out_dir) / "numbers" / f"{chapter}.json", text + "\n")


def load_numbers(out_dir: str | Path) -> dict[str, str]:
    """All chapters' numbers by name; a name that two chapters use is an error."""
    numbers: dict[str, str] = {}
    for path in sorted((Path(out_dir) / "numbers").glob("*.json")):
        chapter = json.loads(path.read_text(encoding="utf-8"))
        twice = sorted(numbers.keys() & chapter.keys())
        if twice:
            raise ValueError(f"{path}: the number '{twice[0]}' was saved by an earlier chapter too")
        numbers |= chapter
    return numbers
