"""benchmarks/RESULTS.md and its curves, from the history of results."""

import json
from collections.abc import Iterable, Iterator
from math import log
from pathlib import Path

SLIDE = 0.20  # a figure that is worse by more than this share than the last time on such a machine is named
TITLES = {
    "reruns": "Reruns",
    "sweep": "Sweeps over many search dates",
    "ingest": "Reading, searching and de-duplicating records",
    "duplicates": "Planted duplicates, beside other tools",
    "profile": "Of what the time of a run is made",
}


def read_history(path: Path) -> list[dict]:
    """The results so far, oldest first: dicts of ``date, commit, machine, part, rows``; a row has ``name, seconds, floor``."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def ratio(row: dict) -> float | None:
    """How many times its floor a figure takes; None where either is missing."""
    return row["seconds"] / row["floor"] if row.get("seconds") and row.get("floor") else None


def kind(entry: dict) -> tuple:
    """Processor, cores and Python of a result: a system that was brought up to date is still the same machine."""
    machine = entry["machine"]
    return machine["cpu"], machine["cores"], machine["python"].rpartition(".")[0]


def changes(history: list[dict]) -> dict[tuple[str, str], float]:
    """By part and name, the share by which the last figure is worse (above 0) than the one before on the same kind of machine.

    Ratios to the floor are compared where both have one, else seconds.
    """
    return {place: _worse(row, before) for place, row, before in _pairs(history)}


def slides(history: list[dict]) -> dict[tuple[str, str], float]:
    """The changes that are slides: worse by more than ``SLIDE``, and longer by more than a tenth of a second."""
    shares = {place: _worse(row, old) for place, row, old in _pairs(history) if row["seconds"] - old["seconds"] > 0.1}
    return {place: share for place, share in shares.items() if share > SLIDE}


def _pairs(history: list[dict]) -> Iterator[tuple[tuple[str, str], dict, dict]]:
    """Part and name, the last figure, and the one before on the same kind of machine."""
    for part in dict.fromkeys(entry["part"] for entry in history):
        runs = [entry for entry in history if entry["part"] == part]
        earlier = [entry for entry in runs[:-1] if kind(entry) == kind(runs[-1])]
        for row in runs[-1]["rows"]:
            same = [old for entry in earlier for old in entry["rows"] if old["name"] == row["name"]]
            if same and same[-1].get("seconds") and row.get("seconds"):
                yield (part, row["name"]), row, same[-1]


def _worse(row: dict, old: dict) -> float:
    now, before = ratio(row), ratio(old)
    if now is None or before is None:
        now, before = row["seconds"], old["seconds"]
    return now / before - 1


def write_report(history: list[dict], folder: Path) -> Path:
    """Write ``RESULTS.md`` and its curves, ``curves/*.svg``, into a folder; returns the path of the page."""
    from evlib.base.files import write_text

    shares = changes(history)
    lines = ["# Benchmarks", "", "Written by `make bench` from `history.jsonl`; not to be edited.", ""]
    lines += ["A *floor* is what the same machine took, in the same run, for the least that has to be done: see `bench_reruns.py`, ",
              "`bench_sweep.py` and `bench.py`. The change is that of the ratio, or of the seconds where there is no floor, since the "
              "last run with the same processor, cores and Python.", ""]  # fmt: skip
    lines += ["## Slides", ""]
    named = [
        f"- **{TITLES.get(part, part)}, {name}**: worse by {share:.0%}"
        for (part, name), share in slides(history).items()
    ]
    lines += named or [f"None: nothing takes longer and is worse by more than {SLIDE:.0%} than the last time."]
    for part in [*TITLES, *sorted({entry["part"] for entry in history} - TITLES.keys())]:
        runs = [entry for entry in history if entry["part"] == part]
        if runs:
            lines += ["", f"## {TITLES.get(part, part)}", "", _machine(runs[-1]), "", *_table(runs[-1], shares)]
            lines += _growth(runs[-1]["rows"])
    curves = _curves(history, folder / "curves")
    if curves:
        lines += ["", "## Curves", "", *(f"![{title}](curves/{path.name})\n" for title, path in curves)]
    write_text(folder / "RESULTS.md", "\n".join(lines).rstrip() + "\n")
    return folder / "RESULTS.md"


def _machine(entry: dict) -> str:
    machine = entry["machine"]
    return (
        f"{entry['date']}, commit {entry['commit']}: {machine['cpu']}, {machine['cores']} cores, {machine['ram_gb']:.0f} GB; "
        f"Python {machine['python']}, {machine['os']}."
    )


def _table(entry: dict, shares: dict[tuple[str, str], float]) -> list[str]:
    rows = entry["rows"]
    more = [
        name
        for name in dict.fromkeys(key for row in rows for key, value in row.items() if isinstance(value, int | float))
        if name not in ("seconds", "floor")
    ]
    head = ["what", "seconds", "floor", "ratio", "change", *(name.replace("_", " ") for name in more)]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for row in rows:
        share = shares.get((entry["part"], row["name"]))
        name = f"{row['name']} ({row['failed'].strip()})" if row.get("failed") else row["name"]
        cells = [name.replace("|", "/").replace("\n", " "), _number(row.get("seconds")), _number(row.get("floor"))]
        cells += [
            _number(ratio(row)),
            "–" if share is None else f"{share:+.0%}",
            *(_number(row.get(key)) for key in more),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def slopes(rows: list[dict]) -> dict[str, float]:
    """How the seconds of each part grow from the fewest to the most records: 1 where twice the records take twice as long."""
    by_part = _series(rows, "part", "records", "seconds")
    ends = {part: (points[0], points[-1]) for part, points in by_part.items() if points[0][0] < points[-1][0]}
    return {part: log(late / soon) / log(many / few) for part, ((few, soon), (many, late)) in ends.items()}


def _growth(rows: list[dict]) -> list[str]:
    said = [f"{part} {slope:.2f}" for part, slope in slopes(rows).items()]
    return ["", f"Slope of seconds over records, both as logarithms: {'; '.join(said)}."] if said else []


def _number(value: float | bool | None) -> str:
    if value is None or isinstance(value, bool | str):
        return "–" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _curves(history: list[dict], folder: Path) -> list[tuple[str, Path]]:
    """Draw what there is to draw; titles and paths."""
    from matplotlib.figure import Figure

    latest = {entry["part"]: entry["rows"] for entry in history}
    ingest = [row for row in latest.get("ingest", []) if row.get("seconds")]
    plots = {
        "records_seconds": (
            "Seconds by records",
            "records",
            "seconds",
            _series(ingest, "part", "records", "seconds"),
            True,
        ),
        "records_memory": (
            "Memory by records",
            "records",
            "peak MB",
            _series(ingest, "part", "records", "peak_mb"),
            True,
        ),
    }
    reruns = [entry for entry in history if entry["part"] == "reruns"]
    if reruns:
        reruns = [entry for entry in reruns if kind(entry) == kind(reruns[-1])]
    times = [
        {"part": row["name"], "run": number, "seconds": row["seconds"]}
        for number, entry in enumerate(reruns, start=1)
        for row in entry["rows"]
    ]
    plots["reruns"] = (
        "Seconds of reruns, run by run on this kind of machine",
        "run",
        "seconds",
        _series(times, "part", "run", "seconds"),
        False,
    )
    drawn = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, (title, x, y, series, logarithmic) in plots.items():
        if not series:
            continue
        figure = Figure(figsize=(6, 3.5), layout="constrained")
        axes = figure.subplots()
        for label, points in series.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=label)
        if logarithmic:
            axes.set(xscale="log", yscale="log")
        axes.set(title=title, xlabel=x, ylabel=y)
        axes.legend(frameon=False, fontsize="small")
        path = folder / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        drawn.append((title, path))
    return drawn


def _series(rows: Iterable[dict], by: str, x: str, y: str) -> dict[str, list[tuple[float, float]]]:
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.get(x) is not None and row.get(y) is not None:
            series.setdefault(str(row[by]), []).append((row[x], row[y]))
    return {label: sorted(points) for label, points in series.items()}
