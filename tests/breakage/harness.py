"""Break a command at its n-th file operation, by a signal or by an error of the disk, and look at what is left.

The command runs in a fork of the test's process, so that a moment costs little. Python's audit events tell of each file
operation just before it happens; the fork counts those below the project's folder, and strikes at the n-th one.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

EVERY = os.environ.get("BREAKAGE") == "every"  # every moment, not a sample (make breakage)
_MUTE = {"finished", "started", "seconds", "ran"}  # of run.json and request.json: they tell when and how, not what
_MARK = "@@"  # begins a line by which the fork tells of an operation
_TEMPORARY = re.compile(r"^\.(.+)\.[a-z0-9_]{8}\.part$")


class Verb(NamedTuple):
    """What is broken.

    ``act`` does it, in the project's folder; ``prepare`` makes the project with a last good result and with something
    left to do; ``units`` are the files and folders (globs) that must each be whole at any time; ``again`` is what may be
    said by a command that finds its work done; ``answers`` tells whether it says something on a signal to end.
    """

    name: str
    act: Callable[[], None]
    prepare: Callable[[Path], None]
    units: tuple[str, ...]
    again: str = ""
    answers: bool = True


class Break(NamedTuple):
    """How it is broken: at which operations (``of``, kinds), by what, and what the command then has to say.

    ``speaks`` is none (it cannot), a sentence, a file (a sentence that names one) or the file (that of the operation).
    """

    name: str
    of: tuple[str, ...]
    strike: Callable[["Struck"], None]
    speaks: str = "the file"


class Outcome(NamedTuple):
    """How a command ended: status (negative: by that signal), what it said, and at which operations it could be struck.

    Where it was struck, the one operation at which it was.
    """

    status: int
    said: str
    operations: list[str]


class Struck:
    """An audit hook that counts operations and strikes; lives in a fork only, since hooks cannot be taken off."""

    def __init__(self, root: Path, how: Break, moment: int | None, report: Callable[[str], object]) -> None:
        self.root, self.how, self.moment, self.report = str(root), how, moment, report
        self.seen, self.error, self.only, self.path = 0, 0, None, ""
        self.inside = threading.local()

    def __call__(self, event: str, args: tuple) -> None:
        if getattr(self.inside, "now", False) or not (event == "open" or event.startswith("os.")):
            return
        self.inside.now = True
        try:
            found = _operation(event, args)
            if found is None or not found[1].startswith(self.root):
                return
            kind, self.path = found
            if kind in self.how.of and _would_work(event, args, self.path):
                if self.error:
                    self.fail()
                if self.moment in (None, self.seen):
                    self.report(f"{event} {self.path}")
                self.seen += 1
                if self.seen - 1 == self.moment:
                    self.how.strike(self)
        finally:
            self.inside.now = False

    def fail(self) -> None:
        """Let the present operation fail, if the trouble is about its path."""
        if self.only in (None, self.path):
            raise OSError(self.error, os.strerror(self.error), self.path)


def _operation(event: str, args: tuple) -> tuple[str, str] | None:
    """The kind of a file operation (open to read, list, create, change, remove) and the absolute path that it is about."""
    if event == "open":
        path, _, flags = args
        kind = "open to read" if not flags & (os.O_WRONLY | os.O_RDWR) else "create"
        return None if not isinstance(path, str | bytes | os.PathLike) else (kind, _absolute(path, -1))
    if event in ("os.listdir", "os.scandir"):
        return None if not isinstance(args[0], str | bytes | os.PathLike) else ("list", _absolute(args[0], -1))
    if event == "os.rename":
        return "change", _absolute(args[1], args[3])
    if event == "os.mkdir":
        return "create", _absolute(args[0], args[2])
    if event in ("os.chmod", "os.utime") and not isinstance(args[0], int):
        return "change", _absolute(args[0], args[-1])
    if event in ("os.remove", "os.rmdir"):
        return "remove", _absolute(args[0], args[1])
    return None


def _absolute(path: str | bytes | os.PathLike, folder: int) -> str:
    text = os.fsdecode(path)
    if folder != -1 and not text.startswith("/"):
        with contextlib.suppress(OSError):
            text = f"{Path(f'/proc/self/fd/{folder}').readlink()}/{text}"
    return os.path.normpath(f"{os.getcwd()}/{text}" if not text.startswith("/") else text)  # noqa: PTH109


def _would_work(event: str, args: tuple, path: str) -> bool:
    """Whether the system would do the operation; what fails by itself (a folder that is there) tells of no trouble."""
    there = os.path.lexists(path)
    if event == "os.mkdir" or (event == "open" and args[2] & os.O_EXCL):
        return not there
    return there or event == "os.rename" or (event == "open" and bool(args[2] & os.O_CREAT))


def _signal(number: signal.Signals) -> Callable[[Struck], None]:
    return lambda struck: os.kill(os.getpid(), number)


def _trouble(number: int, *, everywhere: bool) -> Callable[[Struck], None]:
    def strike(struck: Struck) -> None:
        struck.error, struck.only = number, None if everywhere else struck.path
        struck.fail()

    return strike


def _no_room(struck: Struck) -> None:
    """What is opened can be, but no byte can be written to it: a disk that is full, or the plug pulled in mid-write."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


_READS, _WRITES = ("open to read", "list"), ("create", "change", "remove")
BREAKS = [
    Break("not permitted", (*_READS, *_WRITES), _trouble(errno.EACCES, everywhere=False)),
    Break("input/output error", (*_READS, *_WRITES), _trouble(errno.EIO, everywhere=False)),
    Break("vanished", ("open to read",), _trouble(errno.ENOENT, everywhere=False)),
    Break("SIGKILL", _WRITES, _signal(signal.SIGKILL), "none"),
    Break("SIGTERM", _WRITES, _signal(signal.SIGTERM), "a sentence"),
    Break("SIGINT", _WRITES, _signal(signal.SIGINT), "a sentence"),
    Break("killed in mid-write", ("create",), _no_room, "none"),
    Break("disk full", ("create",), _trouble(errno.ENOSPC, everywhere=True)),
    Break("disk full in mid-write", ("create",), _no_room, "a file"),
    Break("read-only", _WRITES, _trouble(errno.EROFS, everywhere=True), "a file"),
]


def acted(verb: Verb, root: Path, how: Break | None = None, moment: int | None = None) -> Outcome:
    """Run a verb in a fork, in the project's folder; break it at the given moment, or tell all moments where None."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _act(verb, root, how, moment, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
        lines = pipe.read().splitlines(keepends=True)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    operations = [line[1:].strip() for line in lines if line.startswith(_MARK)]
    return Outcome(status, "".join(line for line in lines if not line.startswith(_MARK)), operations)


def _act(verb: Verb, root: Path, how: Break | None, moment: int | None, writing: int) -> None:
    status = 70
    try:
        signal.alarm(30)  # nothing hangs
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False, buffering=1) for number in (1, 2))  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        mute = how is not None and how.speaks == "none"  # then a write for which there is no room kills
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if mute else signal.SIG_IGN)
        os.chdir(root)
        if how:
            sys.addaudithook(Struck(root, how, moment, lambda text: os.write(writing, f"{_MARK}{text}\n".encode())))
        verb.act()
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


def moments(count: int, *, way: int) -> list[int]:
    """Which of the operations to break: all, or two of those spread over them and one of the last, where results are swapped.

    Which they are differs from one way of breaking to the next (``way``, its number), so that together they strike at many.
    """
    if EVERY:
        return list(range(count))
    last, ways = 3, len(BREAKS)
    spread = [int((half + way / ways) / 2 * count) for half in range(2)]
    return sorted({*spread, max(0, count - 1 - way % last)})


def state(root: Path) -> dict[str, str]:
    """Every file below the folder with a digest of what it says; when it was made, and locks, do not matter."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            found[f"{name}/"] = ""
        elif path.suffix != ".lock":
            found[name] = _digest(path)
    return found


def _digest(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix in (".json", ".ipynb"):
        with contextlib.suppress(ValueError):
            data = json.dumps(_timeless(json.loads(data)), sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()[:12]


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in _MUTE}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def unit_states(root: Path, units: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """The state of each unit: a file, or a folder with all that is in it."""
    places = sorted({path for unit in units for path in root.glob(unit)})
    return {path.relative_to(root).as_posix(): state(path) if path.is_dir() else {"": _digest(path)} for path in places}


def not_whole(root: Path, verb: Verb, before: dict, after: dict) -> Iterator[str]:
    """Units that are neither as before the command nor as after it; a swap cut short has the old one beside its place."""
    now = unit_states(root, verb.units)
    for unit in sorted({*before, *after, *now}):
        found = now.get(unit)
        if found is None and unit in before:
            place = root / unit
            aside = place.with_name(f".{place.name}.old")
            found = state(aside) if aside.is_dir() else None
        if found not in [side.get(unit) for side in (before, after)]:
            yield f"{unit} is not whole"


def runs_not_as_recorded(root: Path) -> Iterator[str]:
    """Results that differ from the checksums in their run.json."""
    for record in root.glob("data/processed/[0-9]*/run.json"):
        for step in json.loads(record.read_text(encoding="utf-8"))["notebooks"]:
            for name, value in step["outputs"].items():
                path = record.parent / name
                if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != value:
                    yield f"{record.parent.name}/{name} is not what run.json records"


def ill_said(outcome: Outcome, how: Break, verb: Verb) -> Iterator[str]:
    """What is wrong with a message: it must be one sentence that names the file, and no traceback."""
    if how.speaks == "none" or (how.speaks == "a sentence" and not verb.answers):
        return
    last = outcome.said.strip().splitlines()[-1:] or [""]
    if "Traceback" in outcome.said:
        yield "a traceback"
    if outcome.status == 0:
        return
    if not last[0].startswith("evlib: "):
        yield f"says: {last[0]!r}"
    elif how.speaks != "a sentence" and not re.search(r"/\w|\w\.\w{2,5}\b", last[0]):
        yield f"names no file: {last[0]!r}"
    elif how.speaks == "the file" and _named(outcome.operations[0]) not in last[0]:
        yield f"does not name {_named(outcome.operations[0])}: {last[0]!r}"


def _named(struck: str) -> str:
    """The file that a person knows: a temporary file stands for the one that it becomes."""
    name = Path(struck.split(" ", 1)[1]).name
    found = _TEMPORARY.match(name)
    return found[1] if found else name


def difference(found: dict[str, str], expected: dict[str, str]) -> str:
    """What differs between two states, in words; empty where nothing does."""
    words = [f"{name} is left over" for name in sorted(found.keys() - expected.keys())]
    words += [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    words += [f"{name} differs" for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]]
    return "; ".join(words[:8])


class Scene:
    """A verb's project with its last good result, and what the undisturbed command makes of it."""

    def __init__(self, verb: Verb, folder: Path) -> None:
        self.verb, self.folder = verb, folder
        self.base, self.place = folder / "base", folder / "project"  # one place for all: paths stand in results
        self.told: dict[tuple[str, ...], list[str]] = {}
        self.place.mkdir(parents=True)
        verb.prepare(self.place)
        shutil.copytree(self.place, self.base)
        self.before = unit_states(self.place, verb.units)
        done = acted(verb, self.place)
        assert done.status == 0, done.said
        self.after, self.reference = unit_states(self.place, verb.units), state(self.place)
        again = acted(verb, self.place)
        assert again.status == 0 or (verb.again and verb.again in again.said), again.said
        assert not difference(state(self.place), self.reference)

    def renewed(self) -> Path:
        shutil.rmtree(self.place)
        return shutil.copytree(self.base, self.place)

    def operations(self, how: Break) -> list[str]:
        """The operations at which the verb can be broken in this way."""
        if how.of not in self.told:
            self.told[how.of] = acted(self.verb, self.renewed(), how).operations
        return self.told[how.of]

    def failures(self, how: Break, moment: int) -> list[str]:
        """Break the verb at a moment; everything that is then not as it should be."""
        place = self.renewed()
        outcome = acted(self.verb, place, how, moment)
        if not outcome.operations:
            return []  # notebooks run side by side, so that there may be one operation more or less
        wrong = [*not_whole(place, self.verb, self.before, self.after), *runs_not_as_recorded(place)]
        wrong += ill_said(outcome, how, self.verb)
        again = acted(self.verb, place)
        if again.status and not (self.verb.again and self.verb.again in again.said):
            wrong.append(f"the next command fails: {again.said.strip()[-300:]}")
        elif differs := difference(state(place), self.reference):
            wrong.append(f"after the next command {differs}")
        where = outcome.operations[0].replace(str(place), "")
        return [f"{how.name} at {moment} ({where}): {text}" for text in wrong]
