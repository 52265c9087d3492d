"""How fast are planted duplicates found, how many of them, and how many proposals are right? Beside other tools.

    python benchmarks/bench_duplicates.py [--samples FOLDER] [--peers PYTHON] [COUNT...]

Studies are generated and read, those that the generator itself repeats left out (a copy of one would rightly be proposed with the
other, and be counted as wrong), copies of one in ten planted among the rest (see ``evlib.screen.duplicate_benchmark``), and each
tool, in a process of its own, gets the same CSV and writes the pairs that it holds for one trial. The others are asreview's
``data dedup`` (asreview-datatools; 1.3.2 is the newest that runs in Python 3.11, later ones need 3.12), recordlinkage and
Splink, the two last with the titles' likeness and the thresholds that their functions below name; none is needed by the
project, so that PYTHON may be that of an environment with them. One that is missing there is named as not installed. Proposals
between records that were there before are not judged.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
COUNTS = [1_000, 10_000]
LIMIT = 600  # seconds


def ours(records: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The pairs that we propose; what numbers tell is not asked, as planted copies name none."""
    from evlib.base.schema import checked
    from evlib.screen.duplicate_scores import proposals

    return proposals(checked(records, "records"))[["trn", "other_trn"]]


def asreview(records: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Records of the same title; the tool tells what is left, so that each removed one is paired with the first of its title."""
    given, left = folder / "asreview.csv", folder / "left.csv"
    table = pd.DataFrame({"trn": records.trn, "title": _title(records).fillna(""), "abstract": ""})
    table.to_csv(given, index=False)
    command = [Path(sys.executable).with_name("asreview"), "data", "dedup", given, "-o", left]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)  # where it leaves a cache
    if done.returncode:
        raise SystemExit("not installed" if "valid subcommand" in done.stderr else done.stderr.strip().splitlines()[-1])
    kept = pd.read_csv(left, dtype="str").trn
    plain = table.title.str.replace(r"[^A-Za-z0-9]", "", regex=True).str.lower()  # as the tool compares them
    is_kept = table.trn.isin(kept)
    first = table.trn[is_kept].set_axis(plain[is_kept]).groupby(level=0).first()
    return pd.DataFrame({"trn": table.trn[~is_kept], "other_trn": plain[~is_kept].map(first)}).dropna()


def recordlinkage(records: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Blocks of one sponsor, month or size; three facts of five are alike."""
    import recordlinkage as tool

    table = _facts(records)
    blocks = tool.Index()
    for name in ("sponsor", "month", "size"):
        blocks.block(name)
    compare = tool.Compare()
    compare.string("title", "title", method="jarowinkler", threshold=0.85, label="title")
    compare.string("sponsor", "sponsor", method="jarowinkler", threshold=0.85, label="sponsor")
    compare.string("conditions", "conditions", method="jarowinkler", threshold=0.85, label="conditions")
    compare.exact("month", "month", label="month")
    compare.exact("size", "size", label="size")
    alike = compare.compute(blocks.index(table), table)
    found = alike[(alike.title == 1) & (alike.sum(axis=1) >= 3)].index
    return pd.DataFrame(list(found), columns=["trn", "other_trn"])


def splink(records: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The same blocks; weights are learnt without labels, in the steps of its manual; pairs with a probability of 0.9 or more."""
    import splink.comparison_library as compare
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    table = _facts(records).reset_index(names="unique_id")
    blocks = [block_on(name) for name in ("sponsor", "month", "size")]
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=blocks,
        comparisons=[
            compare.JaroWinklerAtThresholds("title", [0.95, 0.85, 0.75]),
            compare.JaroWinklerAtThresholds("sponsor", [0.95, 0.85]),
            compare.JaroWinklerAtThresholds("conditions", [0.85]),
            compare.ExactMatch("month"),
            compare.ExactMatch("size"),
        ],
    )
    database = DuckDBAPI()
    linker = Linker(database.register(table), settings, log_level=None)
    sure = [block_on("title"), block_on("sponsor", "month", "size")]
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for block in (blocks[0], blocks[1]):
        linker.training.estimate_parameters_using_expectation_maximisation(block)
    found = linker.inference.predict(threshold_match_probability=0.9).as_pandas_dataframe()
    return found[["unique_id_l", "unique_id_r"]].set_axis(["trn", "other_trn"], axis=1)


def _facts(records: pd.DataFrame) -> pd.DataFrame:
    table = records.set_index("trn")
    month, size = table.start_date.str.slice(0, 7), pd.to_numeric(table.enrolment).astype("Int64").astype("str")
    facts = pd.DataFrame({"title": _title(table).str.lower(), "sponsor": table.sponsor, "conditions": table.conditions})
    return (
        facts.assign(month=month, size=size.where(table.enrolment.notna()))
        .astype("object")
        .where(lambda t: t.notna(), None)
    )


def _title(records: pd.DataFrame) -> pd.Series:
    """The scientific title, which more copies keep as it is, or where none is given the public one."""
    return records.official_title.fillna(records.brief_title)


PARTS: dict[str, Callable[[pd.DataFrame, Path], pd.DataFrame]] = {
    "evlib": ours,
    "asreview data dedup": asreview,
    "recordlinkage": recordlinkage,
    "Splink": splink,
}


def one_part(name: str, folder: Path) -> None:
    """Run one part in this process; what it found goes to pairs.csv, what it took is printed as JSON."""
    records = pd.read_csv(
        folder / "records.csv", dtype={name: "str" for name in ("start_date", "registered_text", "acronym")}
    )
    clocks = time.perf_counter(), time.process_time()
    PARTS[name](records, folder).to_csv(folder / "pairs.csv", index=False)
    facts = {"seconds": time.perf_counter() - clocks[0], "cpu_s": time.process_time() - clocks[1]}
    facts["cpu_s"] += sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps(facts | {"peak_mb": peak * unit / 2**20}))


def measure(counts: list[int], samples: str | None = None, peers: str = sys.executable) -> list[dict]:
    """Each tool on the same planted duplicates, for each count of studies.

    Returns
    -------
    list of dict
        ``name, records, part, seconds, cpu_s, peak_mb, recall, precision``; ``seconds`` is None and ``failed`` says why where a part
        did not end.
    """
    from evlib.base.schema import checked
    from evlib.ingest.registries import stream
    from evlib.screen.deduplication import needed_columns
    from evlib.screen.duplicate_benchmark import planted

    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            generator = [
                sys.executable,
                str(ROOT / "benchmarks" / "generate.py"),
                str(count),
                str(folder / "studies.json"),
            ]
            subprocess.run(generator + ([samples] if samples else []), check=True)
            parts = stream([folder / "studies.json"], retrieved="2026-11-25", registries=[])
            records = _without_repeats(checked(needed_columns(part.records for part in parts), "records"))
            with_planted, truth = planted(records, n=count // 30, seed=1)
            with_planted.dropna(axis="columns", how="all").to_csv(folder / "records.csv", index=False)
            for part in PARTS:
                about = {"name": f"{count:,} records, {part}", "records": len(with_planted), "part": part}
                rows.append(about | _run_part(part, folder, truth, sys.executable if part == "evlib" else peers))
    return rows


def _without_repeats(records: pd.DataFrame) -> pd.DataFrame:
    """The records whose title has words that no other title has, in any order: the generator repeats a study by moving them."""
    words = records.brief_title.map(lambda title: " ".join(sorted(title.split())))
    return records[~words.duplicated(keep=False)].reset_index(drop=True)


def _run_part(part: str, folder: Path, truth: pd.DataFrame, python: str) -> dict:
    from evlib.screen.duplicate_benchmark import measured

    command = [python, __file__, "--part", part, "--folder", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "failed": f"not done after {LIMIT} s"}
    if done.returncode:
        missing = "ModuleNotFoundError" in done.stderr or "FileNotFoundError" in done.stderr
        return {"seconds": None, "failed": "not installed" if missing else done.stderr.strip().splitlines()[-1]}
    in_all = measured(truth, pd.read_csv(folder / "pairs.csv", dtype="str")).set_index("kind").loc["all"]
    return json.loads(done.stdout.splitlines()[-1]) | {
        "recall": float(in_all.recall),
        "precision": float(in_all.precision),
    }


def main() -> None:
    """Generate, plant, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS)
    parser.add_argument("--samples", help="folder of real samples to vary; without it, a sample of our own is varied")
    parser.add_argument("--peers", default=sys.executable, help="Python of an environment with the other tools")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        one_part(options.part, options.folder)
        return
    columns = ["name", "seconds", "cpu_s", "peak_mb", "recall", "precision", "failed"]
    for count in options.counts:
        rows = measure([count], options.samples, options.peers)
        print(pd.DataFrame(rows).reindex(columns=columns).round(3).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
