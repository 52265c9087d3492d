"""Run the notebooks for one search date, skip what is unchanged, and swap the new result in as a whole."""

import csv
import glob
import itertools
import json
import logging
import os
import platform
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from evlib.base.dates import check_earlier, checked_date, earlier_search_date
from evlib.base.errors import NOT_IN_SOURCES, NOT_WHOLE, InputError
from evlib.base.files import matching, naming, recover, sha256, swap_in, today, write_text
from evlib.base.paths import SEARCH_FILE, command_ending, place_of, repository
from evlib.base.protocol import load_protocol, to_fill_in
from evlib.base.rawdata import (
    DAYS_FILE,
    EXPORTS,
    OWN_DECISIONS,
    SHARED,
    check_raw,
    copy_shipped,
    decision_files,
    exports_of,
    shared,
)
from evlib.ingest.retrieval import day_and_basis, day_of_change, note_days, snapshots, source_files
from evlib.run.cache_keys import KeyedNotebook, imports_of, keyed_notebook, modules_used
from evlib.run.chapters import chapter_sources, written_chapters
from evlib.run.scheduler import reusable, run_side_by_side

if TYPE_CHECKING:
    from evlib.run.warm_kernels import Kernels, Warm

PACKAGES = ["pandas", "numpy", "scipy", "statsmodels", "seaborn", "matplotlib", "papermill", "jupyter-book"]
RUN_FILE = "run.json"
UPDATE = "06_update.ipynb"  # runs only where an earlier search is compared
_CHECKS = "pandera.pandas"  # each kernel would load it with the first table that it checks
Warmth = Callable[[list[str]], AbstractContextManager["Warm"]]  # as ``warm_kernels`` is
_KERNEL = {"kernel_name": "python3", "log_output": False, "extra_arguments": ["--log-level=CRITICAL"]}


def default_results(root: Path) -> Path:
    """The folder with the results of the default search.

    Raises
    ------
    InputError
        Where there are none, or a run would give others now; it says which command makes them.
    """
    search_date = load_protocol(root / "protocol.yml")["default_search_date"]
    results = recovered(root / "data" / "processed" / search_date)
    make = f"Make them: make run{command_ending(root)}"
    last = _last_run(results)
    if last is None:
        raise InputError(f"there are no results of a run for {search_date} in {results}. {make}")
    raw_dir = root / "data" / "raw"
    ran = {done["name"] for done in last["notebooks"]}
    sources = [source for source in notebooks(root) if source.name in ran]
    files = source_files(raw_dir, until=last["parameters"]["snapshot"])
    now = _inputs(root, raw_dir, check_raw(raw_dir), files) | _code(root, sources)
    changed = [name for name in sorted(now | last["inputs"]) if now.get(name) != last["inputs"].get(name)]
    for done in last["notebooks"]:
        for name, checksum in done["outputs"].items():
            if not (results / name).is_file() or sha256(results / name) != checksum:
                changed.append(name)
    if changed:
        raise InputError(f"the results in {results} are out of date: {changed[0]} changed since they were made. {make}")
    return results


def notebooks(root: Path) -> list[Path]:
    """The numbered notebooks of a review, in order: the repository's own, or for another review its versions of them."""
    if repository(root) != root.resolve():
        return written_chapters(root)
    return matching(root / "notebooks", "[0-9][0-9]_*.ipynb")


def run(
    root: Path,
    *,
    search_date: str | None = None,
    snapshot: str | None = None,
    records: Path | None = None,
    out: Path | None = None,
    before: Path | None = None,
    as_before: bool = False,
    warm: Warmth | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Execute the notebooks for a search date; returns the folder with tables, figures, notebooks and ``run.json``.

    Parameters
    ----------
    search_date
        Last day of registration, YYYY-MM-DD; where None, the protocol's default, or the day of ``snapshot`` if that is earlier.
    snapshot
        Day of retrieval up to which records count: snapshots, live searches and exports below ``data/raw``; all where None.
    records
        A registry's export, or a folder of them, to report on by itself, without the records below ``data/raw``.
    out
        Folder of the results; ``data/processed/<search_date>`` where None, with the name of ``records``, or with
        ``as-of-<snapshot>`` where newer records are left aside.
    before
        Results of an earlier search, which ``06_update`` compares with these; without them it is not run.
    as_before
        Whether the results serve such a comparison only: then they may hold a comparison of their own.
    warm
        As ``staying_warm`` gives it, for several runs.
    say
        Called with a line of text at each step.

    Raises
    ------
    InputError
        Where the date, the raw data or the protocol cannot be used, or a notebook fails (named, with cell and cause).
        The last good result is then untouched.
    """
    from filelock import FileLock, Timeout

    protocol = load_protocol(root / "protocol.yml", with_added=False)
    search_date = _search_date(search_date, snapshot, protocol, say)
    raw_dir = root / "data" / "raw"
    sums = check_raw(raw_dir)
    _check_rounds(protocol, raw_dir)
    if records:
        files = exports_of(records)
        if not files:
            raise InputError(f"{records} is not there or is empty. Name a registry's export, or a folder of exports.")
        facts = [day_and_basis(path) for path in files]
        # A search up to the day of the file itself is answered by what the rows, of an earlier day, tell.
        stated, changed = max(facts)[0], max(map(day_of_change, files))
        snapshot = min(max(stated, search_date), max(stated, changed))
        if stated < search_date <= snapshot and not as_before:
            say(f"MIND: {records.name} states records of {stated}: of later days nothing is known.")
        unsaid = [path.name for path, (_, basis) in zip(files, facts) if basis == "change"]
        if unsaid and not as_before:
            say(
                f"MIND: {', '.join(unsaid)}: counts with the day of the file's last change, which another copy of it may not "
                f"have. Put the day of the export into its name: 2026-06-30-{unsaid[0]}"
            )
    else:
        note_days(raw_dir)
        days = snapshots(raw_dir)
        if snapshot and snapshot not in days:
            raise InputError(f"There are no records retrieved on {snapshot}. There are some of: {', '.join(days)}.")
        snapshot = snapshot or days[-1]
        files = source_files(raw_dir, until=snapshot)
    _check_not_later(search_date, snapshot, root, newest=snapshot if records else days[-1])
    name = f"{search_date}-{records.name.split('.')[0]}" if records else search_date
    name += "" if records or snapshot == days[-1] else f"-as-of-{snapshot}"
    target = _own_folder(out or root / "data" / "processed" / name, root)
    lock = lock_of(target)
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=1):
            inputs = _inputs(root, raw_dir, sums, files)
            parameters = {"search_date": search_date, "snapshot": snapshot}
            parameters |= {"records_from": records.name} if records else {}
            steps = _steps(root, [inputs, parameters, platform.python_version()], before)
            records = records and records.resolve()
            partly = records is not None or snapshot != days[-1]
            return _run_locked(root, target, steps, inputs, parameters, records, before, as_before, partly, warm, say)
    except Timeout:
        raise InputError(f"another run is writing to {target}. Wait for it to end, then run again.") from None


def _search_date(asked: str | None, snapshot: str | None, protocol: dict, say: Callable[[str], None]) -> str:
    """The search date that was asked for; else the protocol's, or an earlier snapshot's day where one was asked for."""
    default = protocol["default_search_date"]
    if asked or not snapshot or snapshot >= default:
        return checked_date(asked or default)
    say(
        f"Search date: {checked_date(snapshot, of='snapshot')}, the day of the snapshot; the default, {default}, is later."
    )
    return snapshot


def _check_not_later(search_date: str, snapshot: str, root: Path, *, newest: str) -> None:
    """Refuse a search date that the records of a snapshot cannot answer; ``newest`` is that of the newest records there are."""
    if search_date > today():
        raise InputError(f"The search date {search_date} is still to come. Use a date up to {snapshot}.")
    if snapshot < search_date <= newest:
        raise InputError(
            f"The search date {search_date} lies after the snapshot that was asked for, of {snapshot}. Use a date up to {snapshot}, "
            f"or a later snapshot, or none: there are records retrieved by {newest}."
        )
    if search_date > snapshot:
        raise InputError(
            f"The search date {search_date} lies after the newest records, of {newest}. Use a date up to {newest}, or "
            f"get newer records first: make fetch{command_ending(root)} SEARCH_DATE={search_date}, or an export in "
            f"{place_of(root / 'data/raw/exports')}."
        )


def check_review(root: Path) -> list[str]:
    """Check a review as a run would, without running it; returns what is left to do, which is no error.

    The first review comes filled in and with its records, so that only its protocol and the exports beside them are checked. Where the records of another
    exceed 50 MB, whether the search finds any is left to the run.

    Raises
    ------
    InputError
        Where the protocol names a chapter or a snapshot that is not there, its search finds no record, or its search date
        lies after the newest records or before the first.
    """
    path, raw_dir = root / "protocol.yml", root / "data" / "raw"
    protocol = load_protocol(path)
    _check_rounds(protocol, raw_dir)
    if repository(root) == root.resolve():
        return _losses(raw_dir, protocol)
    from evlib.run.new_review import left_as_in_template

    chapter_sources(root, protocol)
    todo = [f"{place_of(path)}, still marked FILL IN, {mark}" for mark in to_fill_in(path)]
    if not todo:
        todo = [f"{place_of(path)}, {place}: still the template's words" for place in left_as_in_template(protocol)]
    todo += _losses(raw_dir, protocol)
    try:
        days = snapshots(raw_dir)
    except InputError as error:
        return [*todo, str(error)]
    search_date = protocol["default_search_date"]
    _check_not_later(search_date, days[-1], root, newest=days[-1])
    if sum(file.stat().st_size for file in source_files(raw_dir)) <= 50_000_000:
        try:
            _check_any_record(raw_dir, search_date, days[-1], protocol)
        except InputError as error:
            if not todo:
                raise
            todo.append(str(error))  # a search that is not filled in finds nothing
    return todo


def _losses(raw_dir: Path, protocol: dict) -> list[str]:
    """What could not be read of the exports below the raw data: files that are unusable or break off."""
    exports = exports_of(raw_dir / EXPORTS)
    if not exports:
        return []
    from evlib.ingest.registries import losses, stream

    parts = stream(exports, retrieved=today(), registries=list(protocol["registries"]), processes=os.cpu_count() or 1)
    return [reason for part in parts for reason in losses(part.rejects)]


def _check_any_record(raw_dir: Path, search_date: str, snapshot: str, protocol: dict) -> None:
    """Refuse a search that finds no record or none registered by the search date, as the first chapter does."""
    from evlib.base.schema import read_csv
    from evlib.ingest import registration_dates, sources
    from evlib.screen import screening

    read = sources.read_in_rounds(raw_dir, protocol=protocol)
    raw = sources.raw_sources(raw_dir, snapshot=snapshot)
    records = sources.records_of(raw, protocol=protocol, always=read)[0]
    decisions = screening.readers_decisions(raw_dir, known=read, protocol=protocol)[0]
    numbers = sources.numbers_of_rounds(raw_dir, protocol=protocol)
    rounds = registration_dates.bounds_by_rounds(decisions, numbers, protocol=protocol)
    known = read_csv(shared(raw_dir, "curation/nct_first_submitted.csv"))
    records = registration_dates.with_registration_dates(records, known, rounds=rounds, protocol=protocol)
    registration_dates.check_search_date(records, search_date, snapshot=snapshot)


@contextmanager
def staying_warm(*then: str) -> Iterator[Warmth]:
    """``warm_kernels`` for several runs and what is made of them: one process, which the first that needs it starts.

    ``then`` names modules for what is made of the runs, which it imports after all others.
    """
    with ExitStack() as stack:
        made: list[Warm] = []

        def warm(modules: list[str]) -> AbstractContextManager["Warm"]:
            from evlib.run.warm_kernels import warm_kernels

            if not made:
                made.append(stack.enter_context(warm_kernels([*modules, *then])))
            return nullcontext(made[0])

        yield warm


def lock_of(target: Path) -> Path:
    """The file that a run locks while it writes a folder of results; it lies outside of that folder, which is replaced."""
    target = target.resolve()
    return target.parent / ".locks" / f"{target.name}.lock"


def recovered(target: Path) -> Path:
    """The folder of a run, restored where a run was killed while it replaced the folder."""
    from filelock import FileLock, Timeout

    if not target.exists() and target.with_name(f".{target.name}.old").exists():
        with suppress(Timeout), FileLock(lock_of(target), timeout=5):
            recover(target)
    return target


def run_with_comparison(
    root: Path,
    *,
    search_date: str | None = None,
    snapshot: str | None = None,
    records: Path | None = None,
    since: str | None = None,
    since_snapshot: str | None = None,
    warm: Warmth | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Execute the notebooks for a search date and an earlier one, and compare the two; returns the folder of the first.

    Parameters
    ----------
    search_date, snapshot, records, warm, say
        As in ``run``.
    since
        The earlier search date; where None, the replication date or, at that date and before, one year earlier; and no later
        than ``since_snapshot``.
    since_snapshot
        Day of retrieval up to which records count for the earlier search; where None, the first that could answer a date that
        is given as ``since``, else all.

    Raises
    ------
    InputError
        As ``run``; and where ``since`` is given and is not earlier in date or in snapshot.
    """
    protocol = load_protocol(root / "protocol.yml", with_added=False)
    search_date = _search_date(search_date, snapshot, protocol, say)
    search = {"search_date": search_date, "snapshot": snapshot, "records": records, "warm": warm}
    if not any(path.name == UPDATE for path in notebooks(root)):
        if since:
            raise InputError(f"this review has no chapter {UPDATE.partition('.')[0]}, which compares two searches.")
        return run(root, **search, say=say)
    earlier = since or min(earlier_search_date(search_date, protocol), since_snapshot or "9999")
    earlier = checked_date(earlier, of="earlier search date")
    if not records:
        days = snapshots(root / "data" / "raw")
        _check_not_later(search_date, snapshot or days[-1], root, newest=days[-1])  # before the earlier search is run
        if since:
            since_snapshot = since_snapshot or next((day for day in days if day >= earlier), days[-1])
    if since:
        check_earlier((earlier, since_snapshot or ""), (search_date, snapshot or (days[-1] if not records else "9999")))
    before = None
    try:
        say(f"{earlier}: the search to compare with")
        before = run(
            root, search_date=earlier, snapshot=since_snapshot, records=records, as_before=True, warm=warm, say=say
        )
    except InputError as error:
        if since:
            raise
        say(f"No earlier search is compared: {error}")
    return run(root, **search, before=before, say=say)


def _check_rounds(protocol: dict, raw_dir: Path) -> None:
    """Refuse a protocol that names a round of screening whose snapshot or decisions are not there."""
    for name, facts in protocol.get("screening_rounds", {}).items():
        for key, path in (("snapshot", raw_dir / "registries" / facts["snapshot"]), ("file", raw_dir / facts["file"])):
            if not path.exists():
                raise InputError(
                    f"protocol.yml, screening_rounds.{name}.{key}: {path} is not there. Name the snapshot that the readers "
                    "of this round read, and the file with their decisions."
                )


def _own_folder(target: Path, root: Path) -> Path:
    """The folder of results, where a run may replace it: it is new, empty, or an earlier run's."""
    made = any((target / name).is_file() for name in (RUN_FILE, SEARCH_FILE))  # by a run, or by notebooks by hand
    foreign = target.is_dir() and any(target.iterdir()) and not made
    if foreign or target.is_file() or target.resolve() in (root, *root.parents):
        raise InputError(f"{target} holds something that is not a run's result. Name a new or empty folder with --out.")
    return target


def refresh_stored_outputs(root: Path, *, say: Callable[[str], None] = print) -> None:
    """Execute the notebooks with their default parameters and store the outputs in ``notebooks/`` (for nbval).

    They run in a copy with the shipped raw data alone, so that nothing shows that people or live searches added.
    """
    import nbformat
    import papermill

    protocol = load_protocol(root / "protocol.yml")
    processed, raw_dir = root / "data" / "processed", root / "data" / "raw"
    processed.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".refresh-", dir=processed) as folder:
        copy = Path(folder)
        copy_shipped(raw_dir, copy / "data" / "raw")
        for name in ("notebooks", "locks"):
            shutil.copytree(root / name, copy / name)
        shutil.copy2(root / "protocol.yml", copy / "protocol.yml")
        for search_date in (protocol["replication_date"], protocol["default_search_date"]):
            run(copy, search_date=search_date, as_before=True, say=say)  # what 06_update compares by default
        for source in notebooks(copy):
            say(f"{source.name}")
            executed = papermill.execute_notebook(
                str(source), None, cwd=str(source.parent), progress_bar=False, **_KERNEL
            )
            kept = {name: executed.metadata[name] for name in ("evlib",) if name in executed.metadata}
            executed.metadata = {"kernelspec": source_kernelspec(), "language_info": {"name": "python"}} | kept
            for cell in executed.cells:
                cell.metadata = {key: cell.metadata[key] for key in ("tags", "lesson") if cell.metadata.get(key)}
            text = nbformat.writes(executed)
            write_text(root / "notebooks" / source.name, text if text.endswith("\n") else text + "\n")


def screening_notebook(root: Path, results: Path, reviewer: str) -> Path:
    """A notebook with the screening view alone, for one reviewer: the cells of ``02_screen`` that are tagged for it.

    It goes into ``data/processed/screening``, so that the project's notebooks stay as they are.
    """
    import nbformat

    chapter = next((path for path in notebooks(root) if path.name == "02_screen.ipynb"), None)
    if chapter is None:
        raise InputError("this review has no chapter 02_screen. Add it under 'chapters' in protocol.yml.")
    source = nbformat.read(chapter, as_version=4)
    folder = root / "data" / "processed" / "screening"
    places = {"raw_dir": root / "data" / "raw", "out_dir": results, "protocol": root / "protocol.yml"}
    values = {"search_date": results.name, "reviewer": reviewer} | _as_seen_from(folder, places)
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": source_kernelspec()})
    for cell in source.cells:
        if {"parameters", "judge"} & set(cell.metadata.get("tags", [])):
            cell.source = with_values(cell.source, values)
            notebook.cells.append(cell)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    name = re.sub(r"[^\w-]+", "-", reviewer)
    path = folder / f"{results.name}-{name}.ipynb"
    write_text(path, nbformat.writes(notebook) + "\n")
    return path


def with_values(source: str, values: dict[str, str]) -> str:
    """The source of a parameters cell with other values, comments kept."""

    def replaced(line: re.Match[str]) -> str:
        name, default = line.groups()
        return f"{name} = {json.dumps(values[name], ensure_ascii=False) if name in values else default}"

    return re.sub(r'^(\w+) = ("[^"]*")', replaced, source, flags=re.MULTILINE)


def spare_grammars() -> None:
    """Keep jsonschema from compiling the grammars of a format (IRI) that no notebook uses, which takes a second.

    To be called before nbformat is imported.
    """
    sys.modules.setdefault("rfc3987_syntax", None)


def source_kernelspec() -> dict[str, str]:
    """The kernel that every notebook names."""
    return {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def _inputs(root: Path, raw_dir: Path, sums: dict[str, str], records: list[Path]) -> dict[str, str]:
    """The files that every notebook depends on: path below the root (of files elsewhere, the name) → SHA-256."""
    inputs = {f"data/raw/{name}": value for name, value in sums.items()}
    own = [*matching(raw_dir / "curation", "*.csv"), *itertools.chain(*decision_files(raw_dir / OWN_DECISIONS))]
    home = repository(root)
    if any(path.is_relative_to(raw_dir / EXPORTS) for path in records):
        own.append(raw_dir / EXPORTS / DAYS_FILE)
    files = [
        root / "protocol.yml",
        home / "locks/requirements.lock",
        *records,
        *own,
        *(home / "evlib/base").glob("*.json"),
    ]
    files += [shared(raw_dir, name) for name in SHARED]
    for path in files:
        base = next((folder for folder in (root, home) if path.is_relative_to(folder)), path.parent)
        name = path.relative_to(base).as_posix()
        if path.is_file() and name not in inputs:
            inputs[name] = sha256(path)
    return inputs


def _steps(root: Path, common: list, before: Path | None) -> list[KeyedNotebook]:
    """The notebooks of a run; the one that compares two searches only where there is an earlier one."""
    steps, home = [], repository(root)
    for source in notebooks(root):
        if source.name == UPDATE:
            if before:
                steps.append(
                    keyed_notebook(source, home / "evlib", [*common, before.name, _run_to_compare_with(before)["keys"]])
                )
        else:
            steps.append(keyed_notebook(source, home / "evlib", common))
    if not steps:
        raise InputError(f"{root / 'notebooks'} holds no numbered notebook. Restore them from git.")
    return steps


def _run_locked(
    root: Path,
    target: Path,
    steps: list[KeyedNotebook],
    inputs: dict[str, str],
    parameters: dict[str, str],
    records: Path | None,
    before: Path | None,
    as_before: bool,
    partly: bool,
    warm: Warmth | None,
    say: Callable[[str], None],
) -> Path:
    """Run what is out of date of a run's notebooks, and replace the folder of results as a whole.

    ``partly`` as in ``_tell_rejects``.
    """
    recover(target)
    _remove_staging(target)  # of a killed run
    last = _last_run(target) or {"keys": [], "notebooks": []}
    kept = reusable(steps, last["notebooks"], target)
    if len(kept) == len(steps) and (as_before or last["keys"] == [done["key"] for done in kept.values()]):
        say(f"{target.name}: unchanged since {last['finished']}, nothing to do.")
        return target

    from evlib.run.warm_kernels import warm_kernels

    started = time.perf_counter()
    places = {"raw_dir": root / "data" / "raw", "out_dir": target, "protocol": root / "protocol.yml"}
    values = parameters | _as_seen_from(target, places | {"before_dir": before, "records_from": records})
    if before:
        values["earlier_date"] = _run_to_compare_with(before)["parameters"]["search_date"]
    modules = [*imports_of([planned.source for planned in steps]), _CHECKS]
    staging = target.with_name(f".{target.name}.new")

    @contextmanager
    def kernels() -> Iterator["Kernels"]:
        with (warm or warm_kernels)(modules) as started:
            load_protocol(root / "protocol.yml")  # with all that can be wrong in it; an unchanged one was right
            yield started.kernels

    try:
        execute = partial(_execute, parameters=values)
        done = run_side_by_side(steps, kept, target, staging, last["notebooks"], kernels, execute, say=say)
        record = {
            "parameters": parameters,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - started, 1),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in PACKAGES},
            "inputs": inputs | _code(root, [planned.source for planned in steps]),
            "keys": [each["key"] for each in done],
            "notebooks": done,
        }
        if lost := _decisions_gone(root, target):
            record["decisions_gone"] = lost
        write_text(staging / RUN_FILE, json.dumps(record, indent=1) + "\n")
        swap_in(staging, target)
    finally:
        _remove_staging(target)
    _tell_rejects(target, say, partly=partly)
    for text in lost:
        say(f"MIND: {text}")
    count = sum(each["ran"] for each in done)
    say(f"{target.name}: {count} of {len(steps)} notebooks run in {record['seconds']} s.")
    return target


def _remove_staging(target: Path) -> None:
    for folder in target.parent.glob(f".{glob.escape(target.name)}.new*"):
        shutil.rmtree(folder, ignore_errors=True)


def _as_seen_from(folder: Path, places: dict[str, Path | None]) -> dict[str, str]:
    """Parameters that name files and folders, relative to a folder; without those that are None."""
    return {name: Path(os.path.relpath(place, folder)).as_posix() for name, place in places.items() if place}


def _code(root: Path, sources: list[Path]) -> dict[str, str]:
    """The files of evlib that notebooks use: path below the root → SHA-256."""
    cells = [json.loads(source.read_text(encoding="utf-8"))["cells"] for source in sources]
    home = repository(root)
    files = modules_used([cell for each in cells for cell in each], home / "evlib")
    return {path.relative_to(home).as_posix(): sha256(path) for path in files}


def _execute(kernels: "Kernels", source: Path, folder: Path, *, parameters: dict[str, str]) -> None:
    """Execute a notebook in a folder with the parameters that it declares, and write it there."""
    spare_grammars()
    import nbclient
    import papermill

    logging.getLogger("papermill").addHandler(logging.NullHandler())  # it would print the cause once more, and first

    declared = papermill.inspect_notebook(str(source))
    try:
        with naming(folder / source.name):
            papermill.execute_notebook(
                str(source),
                str(folder / source.name),
                parameters={name: value for name, value in parameters.items() if name in declared},
                resources={"metadata": {"path": str(folder)}},  # papermill's own cwd= moves the whole process
                kernel_manager_class=kernels(imports_of([source])),
                request_save_on_cell_execute=False,
                shutdown_kernel="immediate",  # all that it wrote is whole
                progress_bar=False,
                **_KERNEL,
            )
    except papermill.exceptions.PapermillExecutionError as error:
        cause = error.evalue if error.ename == "InputError" else f"{error.ename}: {error.evalue}"
        # papermill counts from 0 and counts the cell of parameters that it adds, so this is the cell's place in the source
        raise InputError(f"{source.name}, cell {error.cell_index}: {cause}") from None
    except (RuntimeError, nbclient.exceptions.DeadKernelError) as error:
        raise InputError(
            f"{source.name}: the notebook's kernel did not start or died ({error}). It needs a local network "
            "connection (loopback) and free memory; try again."
        ) from None


def _last_run(target: Path) -> dict | None:
    """What ``run.json`` says; None where there is none, or it is damaged."""
    try:
        return json.loads((target / RUN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _run_to_compare_with(before: Path) -> dict:
    last = _last_run(before)
    if last is None:
        raise InputError(f"{before / RUN_FILE} is gone or damaged. Give the same command again; it makes it anew.")
    return last


def _decisions_gone(root: Path, target: Path) -> list[str]:
    """A sentence for each person with decisions that the last run in a folder read and that are in no file any more."""
    rows = [row for row in _rows_of(target / "decisions.csv") if row.get("read_by") == "person"]
    if not rows:
        return []
    import pandas as pd

    from evlib.screen.judging import gone_since

    folder, before = root / "data" / "raw" / OWN_DECISIONS, pd.DataFrame(rows)
    losses = []
    for reviewer, gone in gone_since(before, folder).groupby("reviewer"):
        had = int((before.reviewer == reviewer).sum())
        numbers = ", ".join(gone.trn.iloc[:3]) + (", …" if len(gone) > 3 else "")
        losses.append(
            f"{reviewer} had {had} decision(s) in the last run; {len(gone)} of them ({numbers}) are in no file of "
            f"{place_of(folder)} any more. If a file was saved over, put the earlier one back beside it under a further name "
            "(anna.csv, anna.2.csv): all files of a reviewer count."
        )
    return losses


def _tell_rejects(target: Path, say: Callable[[str], None], *, partly: bool) -> None:
    """Say how many rows were set aside, with the first of them, and of each file that could not be read to its end, what was lost.

    ``partly``: not all records that there are count in this run, so that a decision on one of the others is no fault.
    """
    rejects = target / "rejects.csv"
    rows, exports = _rows_of(rejects), {row["file"] for row in _rows_of(target / "sources.csv")}
    if partly:
        n = sum(NOT_IN_SOURCES in row["reason"] and bool(row["line"]) for row in rows)
        rows = [row for row in rows if NOT_IN_SOURCES not in row["reason"]]
        if n:
            say(
                f"{target.name}: {n} decision(s) are on records that are not among those of this run; they count where these are."
            )
    for row in rows:
        if row["reason"].startswith(NOT_WHOLE) or not (row["line"] or row["trn"]):
            say(f"MIND: {row['file']}: {row['reason']}")
    of_exports = [row for row in rows if row["file"] in exports]
    of_readers = [row for row in rows if row["file"] not in exports and (row["line"] or row["trn"])]
    parts = [
        f"{len(some)} of {what}"
        for some, what in ((of_exports, "exports"), (of_readers, "decisions and readings"))
        if some
    ]
    if parts:
        first = (of_readers or of_exports)[0]
        place = ", ".join(filter(None, (first["file"], first["line"] and f"line {first['line']}", first["trn"])))
        more = len(of_exports) + len(of_readers) - 1
        reason = first["reason"] + ("" if first["reason"][-1:] in ".!?)" else ".")
        say(
            f"{target.name}: {more + 1} row(s) could not be used ({', '.join(parts)}). {'The first: ' if more else ''}"
            f"{place}: {reason} {f'This and {more} more are' if more else 'It is'} in {rejects}."
        )
    unread = Counter(row["field"] for row in _rows_of(target / "remarks.csv") if row["line"])
    if unread:
        by_field = ", ".join(f"{field} {n}" for field, n in unread.most_common())
        say(
            f"MIND: {unread.total()} field(s) of records state what was not understood ({by_field}); see {target / 'remarks.csv'}."
        )


def _rows_of(table: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, read without pandas, which takes a second to load; none where there is no file."""
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
