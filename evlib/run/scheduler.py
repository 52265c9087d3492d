"""Run notebooks side by side: each in a folder of its own, as soon as the tables that it reads are written."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import TypeVar

from evlib.base.errors import InputError
from evlib.base.files import all_below, naming, sha256
from evlib.run.cache_keys import KeyedNotebook, is_pattern, key_of, read_of

_LOOK_AGAIN = 0.02  # seconds
_Kernels = TypeVar("_Kernels")


def reusable(notebooks: list[KeyedNotebook], last: list[dict], target: Path) -> dict[str, dict]:
    """The notebooks that certainly need not run: same key, and their outputs are still as they were written.

    Parameters
    ----------
    last
        What the last run in ``target`` did: for each notebook ``name, key, outputs`` (path → SHA-256).

    Returns
    -------
    dict
        Name of the notebook → what the last run did.
    """
    results, kept, made = {result["name"]: result for result in last}, {}, {}
    for place, notebook in enumerate(notebooks):
        name, reads = notebook.source.name, notebook.reads
        known = len(kept) == place if any(map(is_pattern, reads)) else made.keys() >= set(reads)
        given = {table: made[table] for table in read_of(notebook, made)}
        result = results.get(name)
        if result and known and result["key"] == key_of(notebook, given) and _is_intact(result, target):
            kept[name] = result
            made |= result["outputs"]
    return kept


def run_side_by_side(
    notebooks: list[KeyedNotebook],
    kept: dict[str, dict],
    target: Path,
    staging: Path,
    last: list[dict],
    kernels: Callable[[], AbstractContextManager[_Kernels]],
    execute: Callable[[_Kernels, Path, Path], None],
    *,
    say: Callable[[str], None],
) -> list[dict]:
    """Run the notebooks that are not kept, side by side where they do not wait for each other; fills ``staging``.

    Each works in a folder of its own beside ``staging`` that holds only the tables that it reads. A notebook whose metadata
    name too few tables therefore fails, instead of reading one that is not finished.

    Parameters
    ----------
    kept
        As ``reusable`` gives it.
    target
        The last run's folder; what is unchanged is copied from it.
    last
        What the last run did, as in ``reusable``.
    kernels, execute
        ``execute(kernel, notebook, folder)`` runs one notebook with the value of the context ``kernels()``.

    Returns
    -------
    list of dict
        For each notebook ``name, key, seconds``, what it ``read`` and its ``outputs`` (path → SHA-256), and whether it ``ran``.

    Raises
    ------
    InputError
        Where a notebook fails, reads a table that none wrote, or writes one that another wrote.
    """
    folders = [staging.with_name(f"{staging.name}-{notebook.source.stem}") for notebook in notebooks]
    last_results, stop = {result["name"]: result for result in last}, Event()
    for notebook, folder in zip(notebooks, folders):
        folder.mkdir(parents=True)
        if notebook.source.name in kept:
            _copy(kept[notebook.source.name]["outputs"], target, folder)
            say(f"{notebook.source.name}: unchanged, kept.")

    # One for each: notebooks that wait for a table keep none from working.
    with ThreadPoolExecutor(len(notebooks)) as pool, kernels() as kernel:
        futures: list[Future[dict]] = []

        def run_one(place: int) -> dict:
            notebook, folder = notebooks[place], folders[place]
            source = notebook.source
            if source.name in kept:
                return {**kept[source.name], "ran": False}
            given = _given(place, notebooks, folders, futures, stop)
            key, result = key_of(notebook, given), last_results.get(source.name)
            if result and result["key"] == key and _is_intact(result, target):
                _copy(result["outputs"], target, folder)
                say(f"{source.name}: unchanged, kept.")
                return {**result, "ran": False}
            say(f"{source.name}: running")
            started = time.perf_counter()
            execute(kernel, source, folder)
            seconds = round(time.perf_counter() - started, 1)
            outputs = _written(source, folder, given)
            result = {"name": source.name, "key": key, "seconds": seconds}
            return result | {"read": given, "outputs": outputs, "ran": True}

        for place in range(len(notebooks)):
            futures.append(pool.submit(run_one, place))
        try:
            results = [future.result() for future in futures]
            for place in range(_first_too_early(results), len(notebooks)):
                name = notebooks[place].source.name
                if name in kept:
                    continue
                say(f"{name}: again, as it read a table before it was whole")
                shutil.rmtree(folders[place])
                folders[place].mkdir()
                futures[place] = pool.submit(run_one, place)
                results[place] = futures[place].result()
        except BaseException:
            stop.set()
            raise
    _gather(results, folders, staging)
    return results


def _given(
    place: int, notebooks: list[KeyedNotebook], folders: list[Path], futures: list[Future[dict]], stop: Event
) -> dict[str, str]:
    """Copy the tables that a notebook reads into its folder, each as soon as it is written; returns their SHA-256."""
    reader, folder = notebooks[place], folders[place]
    earlier = list(zip(notebooks[:place], folders, futures))
    homes = {name: _awaited(name, reader, earlier, stop) for name in reader.reads if not is_pattern(name)}
    if len(homes) < len(reader.reads):
        for _, home, future in earlier:
            homes |= dict.fromkeys(read_of(reader, future.result()["outputs"]), home)
    for name, home in homes.items():
        _copy([name], home, folder)
    return {name: sha256(folder / name) for name in homes}


def _awaited(name: str, reader: KeyedNotebook, earlier: list[tuple[KeyedNotebook, Path, Future]], stop: Event) -> Path:
    """The folder in which an earlier notebook wrote a table; files appear under their names only when they are whole."""
    while not stop.is_set():
        ended = all(future.done() for _, _, future in earlier)  # asked before the look, so that nothing is missed
        for notebook, folder, _ in earlier:
            if name not in notebook.reads and (folder / name).is_file():
                return folder
        if ended:
            raise InputError(
                f"{reader.source.name} reads {name}, which no earlier notebook wrote. Correct evlib.reads in its "
                "metadata, or the notebook that should write it."
            )
        time.sleep(_LOOK_AGAIN)
    raise InputError(f"{reader.source.name}: not run, because another notebook failed.")


def _written(source: Path, folder: Path, given: dict[str, str]) -> dict[str, str]:
    """The files that a notebook wrote, with their SHA-256; removes those that it was given."""
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in all_below(folder)}
    changed = [name for name, value in given.items() if files.pop(name, value) != value]
    if changed:
        raise InputError(
            f"{source.name} writes over {changed[0]}, which an earlier notebook wrote. Choose another name."
        )
    for name in given:
        (folder / name).unlink(missing_ok=True)
    return files


def _first_too_early(results: list[dict]) -> int:
    """The place of the first notebook that read a table before its writer finished it; their number where there is none.

    Tables that are written by ``evlib.base.schema`` appear whole; those of other functions may be read half written.
    """
    finished: dict[str, str] = {}
    for place, result in enumerate(results):
        if any(finished[name] != value for name, value in result.get("read", {}).items()):
            return place
        finished |= result["outputs"]
    return len(results)


def _gather(results: list[dict], folders: list[Path], staging: Path) -> None:
    writer: dict[str, str] = {}
    for result, folder in zip(results, folders):
        for name in result["outputs"]:
            if name in writer:
                raise InputError(f"{result['name']} and {writer[name]} both write {name}. Choose another name in one.")
            writer[name] = result["name"]
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(folder / name, staging / name)


def _is_intact(result: dict, target: Path) -> bool:
    files = {target / name: value for name, value in result["outputs"].items()}
    return all(path.is_file() and sha256(path) == value for path, value in files.items())


def _copy(names: Iterable[str], source: Path, target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with naming(target / name):
            shutil.copy2(source / name, target / name)
