"""Outlines of countries, for a map."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evlib.base.errors import InputError

OUTLINES = "geography/countries-110m.json"  # below data/raw


def outlines(path: str | Path) -> pd.DataFrame:
    """The outlines in a TopoJSON file of countries (Natural Earth, as world-atlas packs it).

    Returns
    -------
    pandas.DataFrame
        ``code`` (ISO 3166-1 numeric, as an integer; missing for places without one), ``name`` and ``ring``: one row per
        ring, an array of longitude and latitude in degrees, of shape (points, 2). Longitudes of a ring that crosses the
        date line go on beyond 180 or -180.

    Raises
    ------
    InputError
        Where the file is missing or is no such file.

    Examples
    --------
    >>> countries = outlines(f"data/raw/{OUTLINES}")
    >>> italy = countries[countries.name == "Italy"]
    >>> italy.code.unique().tolist(), len(italy)  # the mainland, Sardinia and Sicily
    ([380], 3)
    >>> [round(degrees) for degrees in middle(italy.ring)]
    [13, 43]
    """
    try:
        atlas = json.loads(Path(path).read_text(encoding="utf-8"))
        arcs = _arcs(atlas)
        rows = [
            {"code": geometry.get("id"), "name": geometry["properties"]["name"], "ring": _ring(ring, arcs)}
            for geometry in atlas["objects"]["countries"]["geometries"]
            for part in ([geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"])
            for ring in part
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as outlines of countries ({error}). Restore it from git.") from error
    table = pd.DataFrame(rows)
    return table.assign(code=pd.to_numeric(table.code, errors="coerce").astype("Int64"))


def middle(rings: pd.Series) -> tuple[float, float]:
    """Longitude and latitude of the middle of the largest of some rings (by area on the flat map)."""
    largest = max(rings, key=lambda ring: abs(_area(ring)))
    return float(largest[:, 0].mean()), float(largest[:, 1].mean())


def _arcs(atlas: dict[str, Any]) -> list[np.ndarray]:
    """The lines of which rings are made: in the file each point is a step from the one before, in whole units."""
    scale, shift = np.array(atlas["transform"]["scale"]), np.array(atlas["transform"]["translate"])
    return [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in atlas["arcs"]]


def _ring(numbers: list[int], arcs: list[np.ndarray]) -> np.ndarray:
    """The arcs one after the other; a negative number -n - 1 is arc n backwards. Longitudes go on beyond the date line."""
    ring = np.concatenate([arcs[n] if n >= 0 else arcs[-n - 1][::-1] for n in numbers])
    return np.column_stack([np.unwrap(ring[:, 0], period=360), ring[:, 1]])


def _area(ring: np.ndarray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
