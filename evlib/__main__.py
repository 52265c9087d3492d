"""The command line: ``python -m evlib VERB``. Each verb says what it did; bad input ends with status 1 and a reason."""

from pathlib import Path
from typing import Annotated

import typer

from evlib.errors import InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

SearchDate = Annotated[str | None, typer.Option(help="Last day of registration, YYYY-MM-DD. Default: protocol.yml's.")]
Snapshot = Annotated[str | None, typer.Option(help="Date of the snapshot in data/raw/registries. Default: the newest.")]


@app.command()
def check() -> None:
    """Verify that every shipped raw file is there and unaltered, and that protocol.yml is valid."""
    from evlib.pipeline import check_against_raw, project_root
    from evlib.protocol import load_protocol
    from evlib.rawdata import check_raw

    root = project_root()
    sums = check_raw(root / "data" / "raw")
    check_against_raw(load_protocol(root / "protocol.yml"), root / "data" / "raw")
    typer.echo(f"{len(sums)} raw files are as shipped; protocol.yml is valid.")


@app.command()
def run(
    search_date: SearchDate = None,
    snapshot: Snapshot = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results. Default: data/processed/SEARCH_DATE.")
    ] = None,
) -> None:
    """Execute the notebooks in order; tables, figures and run.json go to data/processed/SEARCH_DATE."""
    from evlib.pipeline import project_root
    from evlib.pipeline import run as run_notebooks

    run_notebooks(project_root(), search_date=search_date, snapshot=snapshot, out=out and out.resolve(), say=typer.echo)


@app.command()
def book(search_date: SearchDate = None, snapshot: Snapshot = None) -> None:
    """Run the notebooks, then compile the book into book/_build/html."""
    from evlib.pipeline import project_root
    from evlib.pipeline import run as run_notebooks

    root = project_root()
    results = run_notebooks(root, search_date=search_date, snapshot=snapshot, say=typer.echo)

    from evlib.book import build_book

    page = build_book(root, results, say=typer.echo)
    typer.echo(f"Open {page.relative_to(root)} in a browser (or: make open).")


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Registry exports, or folders of them, in any mix.")],
    out: Annotated[Path, typer.Option(help="Folder for records.csv, rejects.csv and summary.csv.")],
    retrieved: Annotated[str | None, typer.Option(help="Day of the export, YYYY-MM-DD. Default: today.")] = None,
) -> None:
    """Read registry exports (ClinicalTrials.gov JSON and CSV, WHO ICTRP CSV and XML) into one table of records."""
    from datetime import UTC, datetime

    from evlib.pipeline import checked_date, project_root
    from evlib.protocol import load_protocol
    from evlib.registries import ingest as read_all
    from evlib.schema import write_csv, write_table

    protocol = load_protocol(project_root() / "protocol.yml")
    day = checked_date(retrieved or f"{datetime.now(UTC):%Y-%m-%d}")
    records, rejects, summary = read_all(paths, retrieved=day, registries=list(protocol["registries"]))
    write_table(records, out / "records.csv", "records")
    write_table(rejects, out / "rejects.csv", "rejects")
    write_csv(summary, out / "summary.csv")
    for row in summary.itertuples():
        typer.echo(f"{row.file} ({row.format}): {row.rows} rows = {row.records} records + {row.rejects} rejects")
    typer.echo(f"{len(records)} records are in {out / 'records.csv'}.")


@app.command()
def refresh() -> None:
    """Execute the notebooks with their defaults and store the outputs in notebooks/ (maintainers, before a commit)."""
    from evlib.pipeline import project_root, refresh_stored_outputs

    refresh_stored_outputs(project_root(), say=typer.echo)


@app.command()
def seal() -> None:
    """Write present sizes and checksums into data/raw/datapackage.json (maintainers, after adding a shipped file)."""
    from evlib.pipeline import project_root
    from evlib.rawdata import seal as seal_raw

    seal_raw(project_root() / "data" / "raw")
    typer.echo("data/raw/datapackage.json holds the present checksums.")


def main() -> None:
    """Run the command line; what a person can mend is shown as one message, without a traceback."""
    try:
        app()
    except InputError as error:
        typer.echo(f"evlib: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
