"""The command line: ``python -m evlib VERB``. Each verb says what it did; bad input ends with status 1 and a reason."""

import errno
import gc
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option, echo

from evlib.base.errors import InputError
from evlib.base.files import files_of, today, write_bytes, writing
from evlib.base.paths import command_ending, place_of, project_root, repository
from evlib.base.words import several
from evlib.run import RARELY

if TYPE_CHECKING:
    import pandas as pd

    from evlib.ingest.registries import Batch

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

SearchDate = Annotated[str | None, Option(help="Last day of registration, YYYY-MM-DD. Default: protocol.yml's.")]
Snapshot = Annotated[str | None, Option(help="Last day of retrieval of the records that count. Default: all.")]
Records = Annotated[Path | None, Option(help="An export, or a folder of them, to report on alone, without data/raw.")]
Exports = Annotated[list[Path], Argument(help="Registry exports, or folders of them, in any mix.")]
Retrieved = Annotated[
    str | None,
    Option(help="Day of the export, YYYY-MM-DD. Default: what each file, or its name, states; else its last change."),
]


@app.command()
def check() -> None:
    """Check that every shipped raw file is there and unaltered, that protocol.yml is valid and filled in, and people's decisions."""
    from evlib.audit.by_people import decided_by_people
    from evlib.base.rawdata import check_raw
    from evlib.base.reading.by_people import PEOPLE_DIFFER
    from evlib.run.pipeline import check_review

    root = project_root()
    raw = root / "data" / "raw"
    sums = check_raw(raw)
    todo = check_review(root)
    by_place = decided_by_people(raw, known=None, protocol=_protocol())
    unusable = 0
    for place, (_, rejects) in by_place.items():
        for row in rejects.astype("object").where(rejects.notna(), None).itertuples():
            file = place_of(raw / place if Path(place).suffix else raw / place / row.file)
            echo(
                f"MIND: {', '.join(filter(None, (file, row.line and f'line {row.line}', row.trn)))}: {row.reason}",
                err=True,
            )
            unusable += not row.reason.startswith(PEOPLE_DIFFER)
    for text in todo:
        echo(f"TO DO: {text}")
    done = "protocol.yml is valid" if not todo else "no error in protocol.yml, but see what is left to do above"
    if unusable:
        raise InputError(
            f"of people's decisions, {several(unusable, 'row or file', 'rows and files')} cannot be used: see above. "
            f"Else {len(sums)} raw files are as shipped; {done}."
        )
    echo(f"{len(sums)} raw files are as shipped; {done}.")
    if n := sum(len(decisions) for decisions, _ in by_place.values()):
        echo(f"{n} decision(s) of people can be used; whether their records are in the sources, a run says.")


@app.command()
def run(
    search_date: SearchDate = None,
    snapshot: Snapshot = None,
    records: Records = None,
    out: Annotated[Path | None, Option(help="Folder of the results. Default: data/processed/SEARCH_DATE.")] = None,
) -> None:
    """Execute the notebooks; tables, figures and run.json go to data/processed/SEARCH_DATE."""
    from evlib.run.pipeline import run as run_notebooks

    search = {"search_date": search_date, "snapshot": snapshot, "records": records}
    run_notebooks(project_root(), **search, out=out and out.resolve(), say=echo)


@app.command()
def book(search_date: SearchDate = None, snapshot: Snapshot = None, records: Records = None) -> None:
    """Run the notebooks, for the search and an earlier one to compare with, then compile the book into book/_build/html."""
    _run_and_build(search_date=search_date, snapshot=snapshot, records=records)


@app.command()
def site() -> None:
    """Both editions in one folder to publish: the current one, and the replication edition below editions/: book/_build/site."""
    from evlib.book.build import build_site
    from evlib.run.pipeline import run_with_comparison

    root, protocol = project_root(), _protocol()
    dates = {"": protocol["default_search_date"]}
    if "replication_date" in protocol:
        dates = {f"editions/{protocol['replication_date']}": protocol["replication_date"]} | dates
    editions = {place: run_with_comparison(root, search_date=day, say=echo) for place, day in dates.items()}
    echo(f"The site to publish: {build_site(root, editions, say=echo).parent.relative_to(root)}")


@app.command()
def pdf(search_date: SearchDate = None, snapshot: Snapshot = None, records: Records = None) -> None:
    """The book as one PDF for print (through Chromium): book/_build/evtrials-SEARCH_DATE.pdf."""
    from evlib.book.build import build_pdf
    from evlib.run.pipeline import run_with_comparison

    root = project_root()
    results = run_with_comparison(root, search_date=search_date, snapshot=snapshot, records=records, say=echo)
    echo(f"{build_pdf(root, results, say=echo).relative_to(root)} is ready.")


@app.command()
def update(
    since: Annotated[
        str | None, Option(help="The earlier search date. Default: that of the last update on earlier data.")
    ] = None,
    search_date: Annotated[str | None, Option(help="The later search date. Default: the newest records' day.")] = None,
    since_snapshot: Annotated[str | None, Option(help="As --snapshot, for the earlier search.")] = None,
    snapshot: Snapshot = None,
) -> None:
    """What is new since an earlier search: run both, build the book of the later one, and say what awaits a decision."""
    from evlib.base.files import today
    from evlib.book.history import FILE, add_update, updates
    from evlib.ingest.retrieval import snapshots

    root = project_root()
    days = snapshots(root / "data" / "raw")
    later = {"search_date": search_date or snapshot or days[-1], "snapshot": snapshot}
    past = list(zip(*(updates(root)[name] for name in ("search_date", "snapshot")), strict=True))
    past = [search for search in past if search < (later["search_date"], snapshot or days[-1])]
    if past and not since:  # of the search before this one, also where this one is in the history already
        since_snapshot = since_snapshot or max(past)[1]
        since = min(max(past)[0], since_snapshot)
        if since < max(past)[0]:
            echo(
                f"The earlier search ends on {since}, the day of its snapshot; the last update's, {max(past)[0]}, is later."
            )

    def keep_on_record(results: Path) -> None:
        added = add_update(root, results, day=today())
        echo(f"{FILE} has a new row." if added else f"{FILE} has a row with these results already.")
        if added and len(rows := updates(root)) > 1:
            echo(rows.whats_new.iloc[-1])

    results = _run_and_build(keep_on_record, **later, since=since, since_snapshot=since_snapshot)
    whats_new, queue = root / "data" / "processed" / "whats_new.md", results / "to_screen.csv"
    write_bytes(whats_new, (results / "whats_new.md").read_bytes())
    echo(whats_new.read_text(encoding="utf-8").split("\n## ")[0].strip())
    echo(f"What is new in full: {whats_new.relative_to(root)}; the queue: {queue.relative_to(root)}")
    searched, default = later["search_date"], _protocol()["default_search_date"]
    if searched > default:
        echo(
            f"The edition that make book and make site build is still that of {default}. Once the queue is judged, make this search "
            f"the edition: write default_search_date: {searched} in {place_of(root / 'protocol.yml')}"
        )


@app.command()
def trace(
    trn: Annotated[str, Argument(help="A registration number, as you find it written.")],
    search_date: SearchDate = None,
    as_json: Annotated[bool, Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """The whole path of a record: sources, duplicates, reviewers, rule, coding, doses, and where in the book it is."""
    from evlib.base.paths import searched
    from evlib.book.record_history import held_in, story_as_text, traced_tables
    from evlib.book.record_history import trace as trace_record

    results, raw_dir, protocol = _results(search_date), project_root() / "data" / "raw", _protocol()
    story = trace_record(trn, traced_tables(results, raw_dir=raw_dir), run=results.name, protocol=protocol)
    story["held_in"] = held_in(story, raw_dir, snapshot=searched(results)["snapshot"], protocol=protocol)
    echo(json.dumps(story, indent=1, ensure_ascii=False) if as_json else story_as_text(story))


@app.command()
def judge(
    reviewer: Annotated[str, Option(help="Your name; 'adjudicated' to settle what people differ on.")],
    search_date: SearchDate = None,
    snapshot: Snapshot = None,
) -> None:
    """Run the notebooks, and write a notebook with the screening view of the queue for JupyterLab; prints its path."""
    from evlib.base.rawdata import OWN_DECISIONS
    from evlib.run.pipeline import run as run_notebooks
    from evlib.run.pipeline import screening_notebook
    from evlib.screen.judging import reviewer_file

    root = project_root()
    reviewer_file(root / "data" / "raw" / OWN_DECISIONS, reviewer)
    say = partial(echo, err=True)
    results = run_notebooks(root, search_date=search_date, snapshot=snapshot, as_before=True, say=say)
    echo(os.path.relpath(screening_notebook(root, results, reviewer)))


@app.command()
def sweep(
    first: Annotated[
        str | None, typer.Option("--from", help="First day, YYYY-MM-DD. Default: that of the first record.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day. Default: that of the newest records.")] = None,
    every: Annotated[str, typer.Option(help="month, quarter, year, week, or a number of days.")] = "month",
    protocol: Annotated[
        list[Path] | None, typer.Option(help="A protocol; may be given several times. Default: this review's.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Compute on the Dask cluster of this scheduler, tcp://host:port (needs: pip install -e '.\\[cluster]'). "
            "Default: in this process."
        ),
    ] = None,
    notebooks: Annotated[bool, typer.Option("--notebooks", help="Execute the chapters for each date as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the results. Default: data/processed/sweep.")] = None,
) -> None:
    """The review at many search dates: one table with a row for each, as CSV and Parquet. Resumes where it was interrupted."""
    from evlib.run.sweep import sweep as sweep_dates

    sweep_dates(
        project_root(),
        first=first,
        last=last,
        every=every,
        protocols=protocol,
        scheduler=scheduler,
        notebooks=notebooks,
        out=out,
        say=typer.echo,
    )


@app.command(name="lesson")
def make_lesson(
    cells: Annotated[list[str], Argument(help="Cells (dose-06b), or a chapter (03_describe) for all of its cells.")],
    out: Annotated[
        Path | None, Option(help="The folder, or the file .zip, to write. Default: a folder in data/processed/lessons.")
    ] = None,
    title: Annotated[str, Option(help="Its heading. Default: the question of the chapter.")] = "",
    solutions: Annotated[bool, Option("--solutions", help="The teacher's edition, with solutions.")] = False,
    inline: Annotated[
        bool, Option("--inline", help="One notebook with its data in it, instead of files beside it.")
    ] = False,
    search_date: SearchDate = None,
) -> None:
    """Write some of the chapters' cells as a notebook for teaching, with its data beside it, for pandas and seaborn alone."""
    from evlib.book.lessons.notebook import lesson, write_lesson
    from evlib.book.lessons.pages import WITH_SOLUTIONS

    results = _results(search_date)
    made = lesson(results, cells, protocol=_protocol(), title=title, solutions=solutions, inline=inline)
    if out and (out.suffix == ".ipynb") != inline:
        ending = "a name that ends in .ipynb" if inline else "a folder or a name that ends in .zip, or add --inline"
        raise InputError(f"{out}: a lesson has its data {'in it' if inline else 'beside it'}. Give it {ending}.")
    name = "-".join([results.name, *(cell.removesuffix(".ipynb") for cell in cells)])[:80] + WITH_SOLUTIONS * solutions
    path = out or project_root() / "data" / "processed" / "lessons" / f"{name}{'.ipynb' * inline}"
    write_lesson(made, path)
    echo(f"The lesson is in {path}. It needs only pandas and seaborn.")


@app.command(name="export")
def export_queue(
    out: Annotated[Path, Argument(help="The file to write; its ending chooses CSV or RIS.")],
    to: Annotated[str, Option(help="asreview (.csv, .ris), rayyan (.csv, .ris) or covidence (.ris).")],
    search_date: SearchDate = None,
    everything: Annotated[bool, Option("--all", help="All records but duplicates, with their decisions.")] = False,
) -> None:
    """Write the queue, or all records with their decisions, for another screening tool."""
    from evlib.base.schema import read_table
    from evlib.screen.exchange import export, references
    from evlib.screen.screening import with_summaries

    results = _results(search_date)
    if everything:
        records, outcomes = (read_table(results / f"{name}.csv", name) for name in ("records", "screened"))
        if (results / "summaries.csv").is_file():  # not in results of an earlier version
            summaries = read_table(results / "summaries.csv", "summaries")
            records = with_summaries(records, summaries, protocol=_protocol())
        repeats = outcomes.trn[outcomes.outcome == "duplicate"]
        frame = references(records[~records.trn.isin(repeats)], outcomes)
    else:
        frame = references(read_table(results / "to_screen.csv", "to_screen"))
    export(frame, out, to=to)
    echo(f"{len(frame)} records for {to} are in {out}; {frame.decision.notna().sum()} of them with a decision.")


@app.command(name="import")
def import_decisions(
    file: Annotated[Path, Argument(help="What ASReview, Rayyan or Covidence exported: RIS, CSV or XLSX.")],
    reviewer: Annotated[str | None, Option(help="Who judged, where the file does not say.")] = None,
    reviewer_names: Annotated[
        list[str] | None, Option(help="'NAME IN THE FILE=NAME', for reviewers whom the file calls otherwise.")
    ] = None,
    decision: Annotated[str | None, Option(help="For references without one: include, exclude, unclear.")] = None,
    criterion: Annotated[str | None, Option(help="The code of exclusions that give none, for example E4.")] = None,
    search_date: SearchDate = None,
) -> None:
    """Take over decisions from another screening tool; they count from the next run on."""
    from evlib.base.rawdata import OWN_DECISIONS
    from evlib.base.schema import read_csv
    from evlib.screen.imports import imported, left_out_in_words, names_in, not_taken_in_words
    from evlib.screen.judging import DECISIONS, reviewer_file, save_decisions

    if decision is not None and decision not in DECISIONS:
        raise InputError(f"'{decision}' is not a decision. Use {', '.join(DECISIONS)}.")
    known = set(read_csv(_results(search_date) / "places.csv").trn)
    protocol, folder = _protocol(), project_root() / "data" / "raw" / OWN_DECISIONS
    if reviewer is not None:
        reviewer_file(folder, reviewer)
    names = names_in(reviewer_names or [])
    given = {"reviewer": reviewer, "reviewer_names": names, "decision": decision, "criterion": criterion}
    found = imported(file, known=known, protocol=protocol, **given)
    for who, rows in found.decisions.groupby("reviewer"):
        path = save_decisions(folder, rows.drop(columns="reviewer"), reviewer=who, protocol=protocol)
        echo(f"{len(rows)} decisions of {who} are in {path.relative_to(project_root())}.")
    for sentence in not_taken_in_words(found.rejects):
        echo(f"NOT TAKEN, {sentence}", err=True)
    for sentence in left_out_in_words(found.left_out):
        echo(f"LEFT OUT, {sentence}", err=True)
    counts = f"{len(found.decisions)} decisions taken, {len(found.left_out)} left out, {len(found.rejects)} not taken"
    echo(f"{file.name}: {found.n} references, {counts}.")
    if found.decisions.empty:
        raise InputError(
            f"{file}: no decision could be taken from it. ASReview writes them into asreview_label, Rayyan into notes; for "
            f"Covidence name --decision. A filled-in to_screen.csv needs no import: put it into {place_of(folder)}."
        )


@app.command(name="prisma")
def read_prisma(
    file: Annotated[Path, Argument(help="A CSV of the R package PRISMA2020, for example ours: prisma2020.csv.")],
) -> None:
    """Read the counts of a PRISMA 2020 flow from the R package's CSV, and say whether they add up."""
    from evlib.screen.prisma_csv import from_prisma2020
    from evlib.screen.prisma_flow import adds_up

    flow = from_prisma2020(file, _protocol())
    for row in flow.itertuples():
        echo(f"{row.n:>7,}  {row.label}")
    if problems := adds_up(flow):
        raise InputError(f"{file}: the flow does not add up. {' '.join(problems)}")
    echo("The flow adds up." if flow.n.any() else "The flow adds up, but every count in it is 0: is it filled in?")


@app.command()
def ingest(
    paths: Exports,
    out: Annotated[Path, Option(help="Folder for records.csv, rejects.csv, remarks.csv, summary.csv and filled.csv.")],
    retrieved: Retrieved = None,
    processes: Annotated[
        int | None, Option(min=1, help="How many read a large file. Default: one for each core.")
    ] = None,
) -> None:
    """Read registry exports of any known format into one table of records."""
    from evlib.ingest.registries import ingest_into

    _check_paths(paths, out / "records.csv")
    summary, lost = ingest_into(
        out,
        paths,
        retrieved=_day(retrieved),
        registries=list(_protocol()["registries"]),
        processes=processes or (os.cpu_count() or 1),
    )
    for row in summary.fillna("").itertuples():
        echo(f"{row.file} ({row.format}): {row.rows} rows = {row.records} records + {row.rejects} rejects")
        for what, said in (
            ("not read", row.not_read),
            ("encoding", row.encoding),
            ("order of dates", row.order_of_dates),
        ):
            if said:
                echo(f"  {what}: {said}")
    echo(f"{summary.records.sum()} records are in {out / 'records.csv'}.")
    _warn(lost)


@app.command()
def search(
    paths: Exports,
    query: Annotated[str | None, Option(help="Words, phrases, AND, OR, NOT. Default: protocol.yml's.")] = None,
    out: Annotated[Path | None, Option(help="A CSV file for the records that are found.")] = None,
    terms: Annotated[
        bool,
        Option(
            "--terms",
            help="Count what each of its words and phrases finds by itself, too; this reads many more records.",
        ),
    ] = False,
    retrieved: Retrieved = None,
) -> None:
    """Search registry exports by the Boolean query, without a network."""
    from evlib.base.query import by_term, matches
    from evlib.base.schema import append_csv

    query = _protocol()["search"] if query is None else query
    n_records = n_hits = 0
    by_terms = []
    with writing(out) if out else nullcontext() as file:
        for part in _parts_of(paths, retrieved, out, query=query, any_term=terms):
            records = part.records
            hits = records[matches(records, query)]
            n_records, n_hits = n_records + len(records) + part.passed, n_hits + len(hits)
            if terms:
                by_terms.append(by_term(records, query).set_index("term").records)
            if file:
                append_csv(hits, file)
    if by_terms:
        for term, count in sum(by_terms).items():
            echo(f"{count:>9}  {term}")
    echo(f"{n_hits} of {n_records} records are found.")


@app.command()
def screen(
    paths: Exports,
    out: Annotated[Path, Option(help="A CSV file for trn, decision, criterion, reason.")],
    retrieved: Retrieved = None,
) -> None:
    """Judge every record of registry exports by protocol.yml's rules alone, whatever people decided."""
    from evlib.base.schema import append_csv
    from evlib.screen.eligibility import rule_decisions

    protocol, counts = _protocol(), Counter()
    with writing(out) as file:
        for records in _records_of(paths, retrieved, out):
            decisions = rule_decisions(records, protocol=protocol)
            append_csv(decisions[["trn", "decision", "criterion", "reason"]], file)
            counts.update(decisions.decision)
    summary = ", ".join(f"{counts[name]} {name}" for name in ("include", "exclude", "unclear"))
    echo(f"{counts.total()} records: {summary}. The reasons are in {out}.")


@app.command()
def code(
    paths: Exports,
    out: Annotated[Path, Option(help="A CSV file with the columns of data/raw/curation/coding.csv.")],
    retrieved: Retrieved = None,
) -> None:
    """Code every record of registry exports by protocol.yml's phrases alone, whatever readers coded."""
    from evlib.base.schema import append_csv
    from evlib.describe.coded_fields import rule_coding

    protocol, count = _protocol(), 0
    with writing(out) as file:
        for records in _records_of(paths, retrieved, out):
            append_csv(rule_coding(records, protocol=protocol).drop(columns="coded_by"), file)
            count += len(records)
    echo(f"{count} records are coded in {out}. An empty cell: the record does not say.")


@app.command()
def dose(
    text: Annotated[str, Argument(help="Words of a registry, for example '2.0*10^8 nano vesicles/3 ml'.")],
) -> None:
    """Read the doses that a text states, as JSON; parts with a number that are not understood are named beside, and left out."""
    from evlib.doses.parse import not_understood, parsed

    echo(json.dumps(parsed(text), indent=1, ensure_ascii=False))
    for part in not_understood(text):
        echo(f"Not understood and left out: {part}", err=True)


@app.command()
def duplicates(
    paths: Exports,
    out: Annotated[Path, Option(help="Folder for duplicates.csv and duplicate_proposals.csv.")],
    retrieved: Retrieved = None,
) -> None:
    """Find the records of registry exports that are one trial by their numbers, and propose those that may be one."""
    import pandas as pd

    from evlib.base.schema import write_table
    from evlib.screen.deduplication import duplicates as duplicates_of
    from evlib.screen.deduplication import links_not_merged, needed_columns
    from evlib.screen.duplicate_scores import proposals

    by_number, likely = out / "duplicates.csv", out / "duplicate_proposals.csv"
    parts = [needed_columns([records]) for records in _records_of(paths, retrieved, by_number, likely)]
    records = pd.concat(parts, ignore_index=True)
    none = pd.DataFrame({"trn": [], "duplicate_of": []})
    repeats = write_table(duplicates_of(records, none, protocol=_protocol()), by_number, "duplicates")
    linked = links_not_merged(records, repeats)
    pairs = write_table(proposals(records[~records.trn.isin(repeats.trn)], linked=linked), likely, "proposals")
    echo(f"{len(repeats)} of {len(records)} records repeat another by their numbers: {by_number}")
    echo(f"{len(pairs)} more pairs may be one trial: {likely}")


@app.command()
def fetch(
    search_date: SearchDate = None,
    base_url: Annotated[str | None, Option(help="Address of the API. Default: ClinicalTrials.gov's.")] = None,
) -> None:
    """Search ClinicalTrials.gov live by protocol.yml's query; the answer goes into a new folder in data/raw/registries."""
    from evlib.base.dates import checked_date
    from evlib.ingest.ctgov_search import BASE_URL
    from evlib.ingest.ctgov_search import fetch as fetch_studies

    root, protocol = project_root(), _protocol()
    day = checked_date(search_date or protocol["default_search_date"])
    folders = {"raw_dir": root / "data" / "raw", "staging_dir": root / "data" / "processed" / ".fetch"}
    fetch_studies(protocol["search"], day, **folders, base_url=base_url or BASE_URL, say=echo)


@app.command(name="new-review")
def make_review(
    name: Annotated[str, Argument(help="Name of its folder below reviews: lower-case letters, digits, hyphens.")],
    records: Annotated[Path | None, Option(help="A registry's export, or a folder of exports, to begin with.")] = None,
    retrieved: Annotated[str | None, Option(help="Day of the export, YYYY-MM-DD. Default: what it states.")] = None,
) -> None:
    """Start a review of another topic: a folder with a protocol to fill in, a short book and a place for exports."""
    from evlib.run.new_review import new_review

    _day(retrieved)  # refuses what is no day, before anything is made
    made = new_review(repository(Path.cwd()), name, records=records, retrieved=retrieved, say=echo)
    folder = Path(os.path.relpath(made))
    if records:
        echo(
            f"This day is the search date in {folder / 'protocol.yml'}, and names the export's folder. If it is wrong, remove "
            f"{folder} and give the right one: make new-review NAME={name} RECORDS={records} RETRIEVED=YYYY-MM-DD"
        )
    echo(f"{folder} is made. Now:")
    if not records:
        echo(f"  0. put a registry's export into {folder / 'data/raw/exports'} (its README says which)")
    echo(f"  1. fill in {folder / 'protocol.yml'}: the places marked FILL IN")
    echo(f"  2. make check REVIEW={name}")
    echo(f"  3. make book REVIEW={name}")


@app.command()
def refresh() -> None:
    """Execute the notebooks with their defaults and store the outputs in notebooks/ (maintainers, before a commit)."""
    from evlib.run.pipeline import refresh_stored_outputs

    refresh_stored_outputs(project_root(), say=echo)


@app.command()
def seal() -> None:
    """Write present sizes and checksums into data/raw/datapackage.json (maintainers, after adding a shipped file)."""
    from evlib.base.rawdata import seal as seal_raw

    seal_raw(project_root() / "data" / "raw")
    echo("data/raw/datapackage.json holds the present checksums.")


def _run_and_build(between: Callable[[Path], None] = lambda results: None, **options: str | Path | None) -> Path:
    """Run the notebooks, for the search and an earlier one, and build the book; returns the folder of results.

    ``between`` is what to do with the results before the book is built of them.
    """
    from evlib.book.build import LAYOUT, build_book, waiting_compiler
    from evlib.run.pipeline import run_with_comparison, staying_warm

    root = project_root()
    with (
        waiting_compiler() as compiler,
        staying_warm(LAYOUT) as warm,
    ):  # the first loads jupyter-book while the notebooks run
        results = run_with_comparison(root, **options, warm=warm, say=echo)
        between(results)
        page = build_book(root, results, compiler=compiler, warm=warm, say=echo)
    echo(f"Open {page.relative_to(repository(root))} in a browser (or: make open{command_ending(root)}).")
    return results


def _protocol() -> dict:
    from evlib.base.protocol import load_protocol

    return load_protocol(project_root() / "protocol.yml")


def _results(search_date: str | None) -> Path:
    """The folder of the run for a search date, which must be there."""
    from evlib.base.dates import checked_date
    from evlib.run.pipeline import RUN_FILE, recovered

    day = checked_date(search_date or _protocol()["default_search_date"])
    results = recovered(project_root() / "data" / "processed" / day)
    if not (results / RUN_FILE).is_file():
        review = command_ending(results)
        raise InputError(f"there is no run for {day} yet. Make it first: make run{review} SEARCH_DATE={day}")
    return results


def _day(retrieved: str | None) -> str | Callable[[Path], str]:
    """The day of exports that the person named; where none is, a function that gives the day of each file."""
    from evlib.base.dates import checked_date

    if retrieved is None:
        from evlib.ingest.retrieval import day_of

        return day_of
    if checked_date(retrieved, of="day of the export") > today():
        raise InputError(f"The day of the export, {retrieved}, is still to come.")
    return retrieved


def _check_paths(paths: list[Path], *outs: Path | None) -> None:
    """Refuse inputs that are not there, and outputs that are among the inputs."""
    for path in paths:
        if not files_of(path):
            raise InputError(f"{path} is not there, or is a folder without a file.")
    read = {file.resolve() for path in paths for file in files_of(path)}
    for out in outs:
        if out and out.resolve() in read:
            raise InputError(f"{out} is one of the files to be read. Name another with --out.")


def _records_of(paths: list[Path], retrieved: str | None, *outs: Path | None) -> Iterator["pd.DataFrame"]:
    """The records of exports, part by part; see ``_parts_of``."""
    return (part.records for part in _parts_of(paths, retrieved, *outs))


def _parts_of(
    paths: list[Path],
    retrieved: str | None,
    *outs: Path | None,
    query: str | None = None,
    any_term: bool = False,
) -> Iterator["Batch"]:
    """Exports part by part, so that any size fits; says at the end whether rows could not be used.

    ``outs`` are the files that are written meanwhile. Exports without any usable record are an error. With a ``query``, records in
    which it cannot be found (with ``any_term``, nor any one of its terms) may be passed over.
    """
    from evlib.base.query import needed
    from evlib.ingest.registries import losses, stream
    from evlib.ingest.registries.common import Asked

    _check_paths(paths, *outs)
    n_records, n_rejects, n_remarks, lost = 0, 0, 0, []
    for part in stream(
        paths,
        retrieved=_day(retrieved),
        registries=list(_protocol()["registries"]),
        asked=None if query is None else Asked(patterns=needed(query, any_term=any_term)),
        processes=1 if query is None else os.cpu_count() or 1,
    ):
        n_records, n_rejects = n_records + len(part.records) + part.passed, n_rejects + len(part.rejects)
        n_remarks += part.remarks.line.notna().sum()
        lost += losses(part.rejects)
        yield part
    if not n_records:
        raise InputError(f"no usable record in what was named. {'; '.join(lost)}")
    if n_rejects or n_remarks:
        whose = "records" if query is None else "records that may be found"
        what = f"{n_rejects} row(s) were set aside, and {n_remarks} field(s) of {whose} were not understood"
        echo(f"MIND: {what}; python -m evlib ingest tells which and why.", err=True)
    _warn(lost)


def _warn(lost: list[str]) -> None:
    for reason in lost:
        echo(f"MIND: {reason}", err=True)


class _Stopped(BaseException):
    """A signal to end, as an exception, so that unfinished files are removed on the way out."""


def _stop(number: int, _: object) -> None:
    raise _Stopped(number)


def _refusal(error: OSError) -> str:
    """What the system refused, in which file, and what to do."""
    remedy = {
        errno.ENOSPC: "Free some space on that disk, then give the same command again",
        errno.EFBIG: "Files may not be that large here; ask who keeps the system, or use another disk",
        errno.EDQUOT: "Free some of your space on that disk, then give the same command again",
        errno.EROFS: "Nothing can be written there; use a copy of the project on a disk that can be written to",
        errno.EACCES: "Ask for permission to this file, or use a copy of the project that is yours",
        errno.EPERM: "Ask for permission to this file, or use a copy of the project that is yours",
        errno.ENOENT: "It was moved or removed; put it back, then give the same command again",
        errno.EIO: "The disk or the network drive may be failing; give the same command again, or use another disk",
    }.get(error.errno, "Nothing was lost; give the same command again once this is mended")
    return f"{error.filename or 'a file'}: {error.strerror or error}. {remedy}."


def set_up_process() -> None:
    """Prepare a process for the command line: UTF-8 everywhere, and signals to end that let it tidy up."""
    if sys.getfilesystemencoding() != "utf-8":  # notebooks and the book hold paths, and are UTF-8 whatever the locale
        environment = {**os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, "-m", "evlib", *sys.argv[1:]], environment)
    gc.set_threshold(*RARELY)
    sys.stdout.reconfigure(errors="backslashreplace")  # for terminals that lack a letter
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:  # as nohup asks
            signal.signal(getattr(signal, name), _stop)


def main() -> None:
    """Run the command line; an error that a person can mend is one message without a traceback."""
    try:
        app()
    except (InputError, OSError) as error:
        echo(f"evlib: {_refusal(error) if isinstance(error, OSError) else error}", err=True)
        raise SystemExit(1) from None
    except _Stopped as stopped:
        name = signal.Signals(stopped.args[0]).name
        echo(f"evlib: stopped ({name}); the last good results are as they were. Give the same command again.", err=True)
        raise SystemExit(128 + stopped.args[0]) from None


if __name__ == "__main__":
    set_up_process()
    main()
