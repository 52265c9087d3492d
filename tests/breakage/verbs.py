"""The verbs that are broken, each an entry of ``VERBS``, on a small project of two notebooks of our own."""

import contextlib
import importlib
import json
import os
import shutil
import ssl
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import nbformat
import pandas as pd
import papermill
import typer
from conftest import ROOT
from harness import Verb, acted

from evlib import __main__ as command_line
from evlib.base import files, protocol, rawdata
from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol
from evlib.base.schema import checked, columns, write_csv
from evlib.book import build
from evlib.book.look_up.inside import write_inside
from evlib.ingest import ctgov_search as live_search
from evlib.run import cache_keys, pipeline, warm_kernels
from evlib.run import sweep as sweep_module
from evlib.screen import judging, screening_view
from evlib.screen.eligibility import triggers

# What each fork would load or make anew:
for _module in ("duckdb", "httpcore", "nbclient", "pandera.pandas", "typer.completion"):
    importlib.import_module(_module)
_COMMANDS = typer.main.get_command(command_line.app)
_VERSIONS = {name: version(name) for name in (*pipeline.PACKAGES, "scipy")}
_MODULES = cache(cache_keys._modules_in)
_CERTIFICATES = ssl.create_default_context()

EARLIER, LATER, SNAPSHOT, TODAY = (
    "2020-12-31",
    "2026-11-28",
    "2026-11-28",
    "2026-12-01",
)  # LATER: protocol.yml's default
DECISIONS = Path("data/raw") / rawdata.OWN_DECISIONS
_SHIPPED = (ROOT / "protocol.yml").read_text(encoding="utf-8")
_FIRST = """
from pathlib import Path
from evlib.base.files import matching, write_text
names = [path.name for path in matching(Path(raw_dir, "curation/screening"), "[!.]*.csv")]
write_text(Path(out_dir, "records.csv"), f"trn,registered,first_retrieved\\n" + "".join(f"NCT0000000{n},{search_date},\\n" for n in range(1, len(names) + 1)))
write_text(Path(out_dir, "numbers/01.json"), '{"n": "1"}\\n')
write_text(Path(out_dir, "names.csv"), "name\\n" + "\\n".join(names) + "\\n")
"""
_SECOND = """
from pathlib import Path
from evlib.base.files import write_text
rows = Path(out_dir, "records.csv").read_text(encoding="utf-8").splitlines()
write_text(Path(out_dir, "to_screen.csv"), f"trn\\n{len(rows) - 1}\\n")
names = Path(out_dir, "names.csv").read_text(encoding="utf-8").splitlines()[1:]
judged = [f"NCT0000000{n},ChiCTR,A trial,included,,ana,,include,words" for n in range(1, len(names) + 1)]
write_text(Path(out_dir, "screened.csv"), "\\n".join(["SCREENED", *judged]) + "\\n")
write_text(Path(out_dir, "figures/one.svg"), "<svg></svg>\\n")
"""
_SECOND = _SECOND.replace("SCREENED", ",".join(columns("screened")))
_UPDATE = """
from pathlib import Path
from evlib.base.files import write_text
before = Path(before_dir, "records.csv").read_text(encoding="utf-8")
write_text(Path(out_dir, "whats_new.md"), f"# What is new\\n\\nin {search_date}, after {before.splitlines()[1]}\\n")
"""
_PARAMETERS = {
    "01_ingest": ("search_date", "snapshot", "raw_dir", "out_dir"),
    "02_screen": ("out_dir",),
    "06_update": ("search_date", "out_dir", "before_dir"),
}


def small_project(folder: Path) -> None:
    """A project with notebooks that write a few small files, and with one page for its book."""
    for name, code in zip(_PARAMETERS, (_FIRST, _SECOND, _UPDATE)):
        parameters = "\n".join(f'{word} = ""' for word in _PARAMETERS[name])
        cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}, id="parameters")]
        cells.append(nbformat.v4.new_code_cell(code.strip(), id="work"))
        kernel = {"kernelspec": pipeline.source_kernelspec(), "language_info": {"name": "python"}}
        path = folder / "notebooks" / f"{name}.ipynb"
        files.write_text(path, nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=kernel)) + "\n")
    for name in ("protocol.yml", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "locks", folder / "locks")
    raw = folder / "data/raw"
    rounds = _protocol(_SHIPPED)["screening_rounds"].values()
    shipped = {f"registries/{facts['snapshot']}/records.jsonl": "{}\n" for facts in rounds}
    shipped |= {facts["file"]: "trn\n" for facts in rounds}
    for name, text in shipped.items():
        files.write_text(raw / name, text)
    resources = [{"path": name, "hash": ""} for name in shipped]
    files.write_text(raw / rawdata.PACKAGE, json.dumps({"resources": resources}))
    rawdata.seal(raw)
    files.write_text(folder / "book/_config.yml", "title: A book\n")
    files.write_text(folder / "book/_toc.yml", "format: jb-book\nroot: index\n")
    files.write_text(folder / "book/index.md", "# A book\n\nOf one page.\n")
    files.write_text(folder / DECISIONS / "ben.csv", "trn,decision\nNCT00000001,include\n")


def edited(folder: Path, name: str) -> None:
    """Change a notebook, so that it runs anew."""
    path = folder / "notebooks" / f"{name}.ipynb"
    files.write_text(path, path.read_text(encoding="utf-8").replace("from pathlib", "# edited\\nfrom pathlib"))


def executed(source: str, target: str, *, parameters: dict[str, str], resources: dict, **_: object) -> None:
    """Execute a notebook as papermill does, but in this process: a kernel takes seconds to start."""
    folder = resources["metadata"]["path"]
    places = {name: os.path.join(folder, value) for name, value in parameters.items() if name.endswith("_dir")}  # noqa: PTH118
    notebook = nbformat.read(source, as_version=4)
    values: dict[str, object] = {}
    for number, cell in enumerate(notebook.cells):
        try:
            exec(cell.source, values)
        except Exception as error:
            kind, words = type(error).__name__, str(error)
            raise papermill.exceptions.PapermillExecutionError(number, 1, cell.source, kind, words, []) from None
        values |= parameters | places
    papermill.iorw.write_ipynb(notebook, target)


def compiled(source: Path, work: Path, builder: str, compiler: object) -> Path:
    """Compile the book's source as jupyter-book does, in a moment."""
    made = work / "_build" / builder
    shutil.copytree(source, made, dirs_exist_ok=True)
    for name in ("index", "references"):
        files.write_text(made / f"{name}.html", f"<p>{name}</p>\n")
    return made


def assembled(root: Path, results: Path, source: Path) -> None:
    """Lay out the book's source from few files."""
    shutil.copytree(root / "book", source, ignore=shutil.ignore_patterns("_build"))
    write_inside(source, {})


def downloads(_root: Path, results: Path, folder: Path) -> None:
    """Write few of the files beside the book's pages."""
    for path in files.matching(results, "*.csv"):
        files.write_bytes(folder / path.name, path.read_bytes())


@lru_cache
def _protocol(text: str) -> dict:
    return load_protocol(ROOT / "protocol.yml") if text.startswith(_SHIPPED) else {}


def protocol_of(path: Path, **_: bool) -> dict:
    """The protocol, parsed once; the file is read each time."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        text = ""
    return _protocol(text) or load_protocol(path)


WARM = warm_kernels.Warm(
    lambda needed: None, warm_kernels.working_here
)  # in this process, where each operation can be broken


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """What takes seconds and is not ours, in a moment: kernels, jupyter-book; and a day that does not end meanwhile."""
    with (
        mock.patch.object(papermill, "execute_notebook", executed),
        mock.patch.object(warm_kernels, "warm_kernels", lambda modules: contextlib.nullcontext(WARM)),
        mock.patch.object(build, "waiting_compiler", contextlib.nullcontext),
        mock.patch.object(build, "_compile", compiled),
        mock.patch.object(build, "assemble", assembled),
        mock.patch.object(build, "write_downloads", downloads),
        mock.patch.object(pipeline, "load_protocol", protocol_of),
        mock.patch.object(protocol, "load_protocol", protocol_of),
        mock.patch.object(files, "today", lambda: TODAY),  # of the history
        mock.patch.object(pipeline, "today", lambda: TODAY),
        mock.patch.object(live_search, "today", lambda: TODAY),
        mock.patch.object(judging, "today", lambda: TODAY),
        mock.patch.object(typer.main, "get_command", lambda _: _COMMANDS),
        mock.patch.object(cache_keys, "_modules_in", _MODULES),
        mock.patch.object(pipeline, "version", _VERSIONS.get),
        mock.patch.object(sweep_module, "version", _VERSIONS.get),
        mock.patch.object(ssl, "create_default_context", lambda *_, **__: _CERTIFICATES),
    ):
        yield


def typed(*arguments: str) -> Callable[[], None]:
    """The command line with these arguments."""

    def act() -> None:
        sys.argv = ["evlib", *arguments]
        command_line.set_up_process()
        with quick():
            command_line.main()

    return act


def prepared(*arguments: tuple[str, ...], edit: str) -> Callable[[Path], None]:
    """A small project in which commands were run, and then a notebook was edited."""

    def prepare(folder: Path) -> None:
        small_project(folder)
        for words in arguments:
            done = acted(Verb("", typed(*words), small_project, ()), folder)
            assert done.status == 0, done.said
        edited(folder, edit)

    return prepare


def with_a_new_decision(folder: Path) -> None:
    """A small project with an update, after which a notebook changed and a person decided: the history gets a second row."""
    prepared(_UPDATE_WORDS, edit="01_ingest")(folder)
    files.write_text(folder / DECISIONS / "chen.csv", "trn,decision\nNCT00000001,include\n")


def judge() -> None:
    """Open the screening view and decide on the record that it shows, as by its button."""
    row = {"trn": "NCT00000003", "needs": "first decision", "title": "MSC exosomes", "registry": "ChiCTR"}
    row |= {"proposal": "include", "proposed_reason": "words", "record_url": "https://example.org/x"}
    queue = checked(pd.DataFrame([row]).reindex(columns=columns("to_screen")), "to_screen")
    with quick():
        try:
            view = screening_view.screening_view(
                queue, reviewer="ana", folder=DECISIONS, protocol=protocol_of(Path("protocol.yml"))
            )
            buttons, message, card = view.children[1].children, view.children[4], view.children[5]
            buttons[0].click()
        except (InputError, OSError) as error:
            sys.exit(f"evlib: {error}")
    if not message.value.startswith("Saved"):
        sys.exit(f"evlib: {message.value or card.value}")


def some_decisions(folder: Path) -> None:
    small_project(folder)
    rows = [{"trn": f"NCT0000000{number}", "decision": "include"} for number in (1, 2)]
    judging.save_decisions(
        folder / DECISIONS, pd.DataFrame(rows), reviewer="ana", protocol=load_protocol(folder / "protocol.yml")
    )
    path = folder / DECISIONS / "ana.csv"
    write_csv(pd.read_csv(path, dtype=str).assign(date=TODAY, colour="red"), path)


def search(address: str) -> Callable[[], None]:
    def act() -> None:
        options = {"page_size": 2, "pause": 0.0, "backoff": 0.01, "timeout": 5.0}
        with mock.patch.object(live_search, "fetch", partial(live_search.fetch, **options)):
            typed(
                "fetch", "--search-date", "2024-02-17", "--base-url", address
            )()  # the day for which the server answers

    return act


class Records(NamedTuple):
    """What a sweep computes rows from, as far as it is asked for its extent."""

    records: pd.DataFrame
    newest: str


def sweep() -> None:
    """A sweep of two dates, the rows of which are made up: what they say is tested elsewhere."""
    with (
        mock.patch.object(sweep_module, "shared_inputs", lambda *_, **__: Records(pd.DataFrame(), SNAPSHOT)),
        mock.patch.object(sweep_module, "row_at", lambda _, day: {"search_date": day, "n_records": 1}),
        mock.patch.object(sweep_module, "table_of", pd.DataFrame),
    ):
        typed("sweep", "--from", EARLIER, "--to", "2021-01-31")()


def swept(folder: Path) -> None:
    """A small project with a sweep, of which the protocol changed since."""
    small_project(folder)
    done = acted(Verb("", sweep, small_project, ()), folder)
    assert done.status == 0, done.said
    files.write_text(folder / "protocol.yml", _SHIPPED + "# edited\n")


RESULTS = "data/processed/[0-9]*"
_UPDATE_WORDS = ("update", "--since", EARLIER, "--search-date", LATER)


def verbs(registry: str) -> dict[str, Verb]:
    """The verbs by name; ``registry`` is the address of a server that stands for ClinicalTrials.gov."""
    # Before the forks, so that none need read and compile the words, follow the imports of evlib, or load what schemas use:
    triggers({}, protocol=_protocol(_SHIPPED))
    with quick():
        build.made_by()
    checked(pd.DataFrame(columns=columns("updates")), "updates")
    table = [
        Verb("run", typed("run"), prepared(("run",), edit="02_screen"), (RESULTS,)),
        Verb(
            "update",
            typed(*_UPDATE_WORDS),
            with_a_new_decision,
            (RESULTS, "data/processed/whats_new.md", "data/updates.csv", "book/_build/html"),
        ),
        Verb("sweep", sweep, swept, ("data/processed/sweep/sweep.*",)),
        Verb("fetch", search(registry), small_project, ("data/raw/registries/[0-9]*",), again="was fetched today"),
        Verb("judge", judge, some_decisions, (f"{DECISIONS.as_posix()}/[!.]*",), again="All records", answers=False),
    ]
    return {verb.name: verb for verb in table}
