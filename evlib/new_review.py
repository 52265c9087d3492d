"""A new review: a folder of its own with a protocol to fill in, beside the first review."""

import json
import re
import shutil
from pathlib import Path

from evlib.errors import InputError
from evlib.files import day_of, files_of, today, write_text
from evlib.places import repository
from evlib.rawdata import PACKAGE, seal

TEMPLATE = Path(__file__).with_name("review_template")


def new_review(root: Path, name: str, *, records: Path | None = None) -> Path:
    """Make ``reviews/<name>`` with a protocol to fill in, a short book and a place for exports; returns the folder.

    Parameters
    ----------
    root
        The repository, or a review in it.
    name
        Of the folder: lower-case letters, digits and hyphens.
    records
        A registry's export, or a folder of exports, to copy into the review; their checksums go into its data package.

    Raises
    ------
    InputError
        Where the name does not fit, the folder is there already, or the export is not.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise InputError(
            f"'{name}' is no name for a review. Use lower-case letters, digits and hyphens: statins-sepsis."
        )
    target = repository(root) / "reviews" / name
    if target.exists():
        raise InputError(f"{target} is there already. Choose another name, or remove the folder.")
    exports = files_of(records) if records else []
    if records and not exports:
        raise InputError(
            f"{records} is not there, or is an empty folder. Name a registry's export, or a folder of them."
        )
    words = {"NAME": name, "TITLE": f"Clinical trials: {name.replace('-', ' ')}", "DATE": today()}
    staging = target.with_name(f".{name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    for source in files_of(TEMPLATE):
        text = source.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        write_text(staging / source.relative_to(TEMPLATE), text)
    raw, resources = staging / "data" / "raw", []
    for number, export in enumerate(exports, 1):
        place = raw / "exports" / day_of(export) / export.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(export, place)
        resources.append({"name": f"export-{number}", "path": place.relative_to(raw).as_posix(), "hash": ""})
    package = {"name": f"{name}-raw", "title": words["TITLE"], "resources": resources}
    write_text(raw / PACKAGE, json.dumps(package, indent=1, ensure_ascii=False) + "\n")
    seal(raw)
    staging.rename(target)
    return target
