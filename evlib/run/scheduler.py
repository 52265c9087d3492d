"""Run notebooks side by side: each in a folder of its own, as soon as the tables that it reads are written."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import TypeVar

from evlib.base.errors import InputError
from evlib.base.files import all_below, naming, sha256
from evlib.run.cache_keys import Step, is_pattern, key_of, read_of

_LOOK_AGAIN = 0.02  # seconds
_Kernels = TypeVar("_Kernels")


def reusable(steps: list[Step], last: list[dict], target: Path) -> dict[str, dict]:
    """The notebooks that certainly need not run: same key, and their outputs still as they were written.

    Parameters
    ----------
    last
        What the last run in ``target`` did: for each notebook ``name, key, outputs`` (path → SHA-256).

    Returns
    -------
    dict
        Name of the notebook → what the last run did.
    """
    held, kept, made = {done["name"]: done for done in last}, {}, {}
    for planned in steps:
        done = held.get(planned.source.name)
        if any(map(is_pattern, planned.reads)):
            known = len(kept) == steps.index(planned)
        else:
            known = made.keys() >= set(planned.reads)
        given = {name: made[name] for name in read_of(planned, made)}
        if done and known and done["key"] == key_of(planned, given) and _whole(done, target):
            kept[planned.source.name] = done
            made |= done["outputs"]
    return kept


def run_steps(
    steps: list[Step],
    kept: dict[str, dict],
    target: Path,
    staging: Path,
    last: list[dict],
    kernels: Callable[[], AbstractContextManager[_Kernels]],
    execute: Callable[[_Kernels, Path, Path], None],
    *,
    say: Callable[[str], None],
) -> list[dict]:
    """Run those notebooks that are not kept, side by side where they do not wait for each other; fills ``staging``.

    Each works in a folder of its own beside ``staging``, which holds the tables that it reads and no other, so that a
    notebook whose metadata name too few tables fails instead of reading one that is not finished.

    Parameters
    ----------
    kept
        What ``reusable`` gave.
    target
        The last run's folder, of which outputs are taken where nothing changed.
    last
        What the last run did, as in ``reusable``.
    kernels, execute
        ``execute(kernel, notebook, folder)`` runs one notebook with what the context ``kernels()`` gives.

    Returns
    -------
    list of dict
        For each notebook ``name, key, seconds``, what it ``read`` and its ``outputs`` (path → SHA-256), and whether it ``ran``.

    Raises
    ------
    InputError
        Where a notebook fails, reads what none wrote, or writes what another one wrote.
    """
    folders = [staging.with_name(f"{staging.name}-{planned.source.stem}") for planned in steps]
    held, stop = {done["name"]: done for done in last}, Event()
    for planned, folder in zip(steps, folders):
        folder.mkdir(parents=True)
        if planned.source.name in kept:
            _copy(kept[planned.source.name]["outputs"], target, folder)
            say(f"{planned.source.name}: unchanged, kept.")

    # Two more than cores: notebooks that wait for a table keep none from working.
    with ThreadPoolExecutor((os.cpu_count() or 1) + 2) as pool, kernels() as kernel:
        futures: list[Future[dict]] = []

        def one(place: int) -> dict:
            planned, folder = steps[place], folders[place]
            if planned.source.name in kept:
                return {**kept[planned.source.name], "ran": False}
            given = _given(place, steps, folders, futures, stop)
            key, done = key_of(planned, given), held.get(planned.source.name)
            if done and done["key"] == key and _whole(done, target):
                _copy(done["outputs"], target, folder)
                say(f"{planned.source.name}: unchanged, kept.")
                return {**done, "ran": False}
            say(f"{planned.source.name}: running")
            started = time.perf_counter()
            execute(kernel, planned.source, folder)
            seconds = round(time.perf_counter() - started, 1)
            outputs = _written(planned.source, folder, given)
            told = {"name": planned.source.name, "key": key, "seconds": seconds}
            return told | {"read": given, "outputs": outputs, "ran": True}

        for place in range(len(steps)):
            futures.append(pool.submit(one, place))
        try:
            results = [future.result() for future in futures]
            for place in range(_first_too_early(results), len(steps)):
                if steps[place].source.name in kept:
                    continue
                say(f"{steps[place].source.name}: again, as it read a table before it was whole")
                shutil.rmtree(folders[place])
                folders[place].mkdir()
                futures[place] = Future()
                futures[place].set_result(one(place))
                results[place] = futures[place].result()
        except BaseException:
            stop.set()
            raise
    _gather(results, folders, staging)
    return results


def _given(
    place: int, steps: list[Step], folders: list[Path], futures: list[Future[dict]], stop: Event
) -> dict[str, str]:
    """Copy the tables that a notebook reads into its folder, each when it is there; gives their SHA-256."""
    found = {
        name: _awaited(name, place, steps, folders, futures, stop)
        for name in steps[place].reads
        if not is_pattern(name)
    }
    if len(found) < len(steps[place].reads):
        for folder, future in zip(folders[:place], futures):
            found |= {name: folder / name for name in read_of(steps[place], future.result()["outputs"])}
    for name, path in found.items():
        (folders[place] / name).parent.mkdir(parents=True, exist_ok=True)
        with naming(folders[place] / name):
            shutil.copy2(path, folders[place] / name)
    return {name: sha256(folders[place] / name) for name in found}


def _awaited(
    name: str, place: int, steps: list[Step], folders: list[Path], futures: list[Future[dict]], stop: Event
) -> Path:
    """Where an earlier notebook wrote a table; files appear under their names only when they are whole."""
    while not stop.is_set():
        over = all(future.done() for future in futures[:place])  # asked before the look, so that nothing is missed
        for planned, folder in zip(steps[:place], folders):
            if name not in planned.reads and (folder / name).is_file():
                return folder / name
        if over:
            raise InputError(
                f"{steps[place].source.name} reads {name}, which no earlier notebook wrote. Correct evlib.reads in its "
                "metadata, or the notebook that should write it."
            )
        time.sleep(_LOOK_AGAIN)
    raise InputError(f"{steps[place].source.name}: not run, because another notebook failed.")


def _written(source: Path, folder: Path, given: dict[str, str]) -> dict[str, str]:
    """The files that a notebook wrote, with their SHA-256; those that it read are taken away."""
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
    """The place of the first notebook that read something else than its writer left; their number where there is none.

    Tables that are written by ``evlib.base.schema`` appear whole; those of other functions may be caught half written.
    """
    left: dict[str, str] = {}
    for place, done in enumerate(results):
        if any(left[name] != value for name, value in done.get("read", {}).items()):
            return place
        left |= done["outputs"]
    return len(results)


def _gather(results: list[dict], folders: list[Path], staging: Path) -> None:
    owner: dict[str, str] = {}
    for done, folder in zip(results, folders):
        for name in done["outputs"]:
            if name in owner:
                raise InputError(f"{done['name']} and {owner[name]} both write {name}. Choose another name in one.")
            owner[name] = done["name"]
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            os.rename(folder / name, staging / name)


def _whole(done: dict, target: Path) -> bool:
    return all((target / name).is_file() and sha256(target / name) == value for name, value in done["outputs"].items())


def _copy(outputs: dict[str, str], source: Path, target: Path) -> None:
    for name in outputs:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with naming(target / name):
            shutil.copy2(source / name, target / name)
