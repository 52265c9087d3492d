"""The whole data set of a run as one file: tables as CSV and Parquet, a codebook, a data package and an RO-Crate."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from evlib.base.files import all_below, write_bytes, zipped
from evlib.base.paths import repository
from evlib.base.schema import kinds, read_csv, read_table, unguarded, write_csv
from evlib.base.tables import idle_columns, in_words, uncoded_columns
from evlib.base.words import load_numbers

CODEBOOK = Path(__file__).with_name("codebook.csv")
# Tables that chapters derive and no later chapter reads by a schema: of each what a row is (in the row without a column), and its
# columns with their types, as far as the name alone does not tell both. A "*" stands for what a run adds.
FURTHER = Path(__file__).with_name("further_tables.csv")
UNEXPLAINED = "no explanation is on file"
# Tables of a run that stay out of the data set, with why.
LEFT_OUT = {"summaries": "what registries say at length is for those who judge a record, and is not passed on"}
# The tables of the data set that have a schema, with what one row is.
TABLES = {
    "trials": "a trial: an included one, or one that the rules propose and nobody has read (pending)",
    "described": "a trial with its codes and the facts of its record",
    "coding_basis": "a code of a trial: machine-read, by a person or by rules, and on what it rests",
    "doses": "a dose as stated",
    "studies": "a published or posted report, read by machine",
    "report_characteristics": "a report: who was compared with whom, how, in how many people, and how much of it was read",
    "arms": "an arm of a report, read by machine",
    "outcomes": "an outcome of an arm, read by machine",
    "adverse_events": "a count of adverse events of an arm, read by machine",
    "risk_of_bias": "a machine reading of the risk of bias of a report in one domain, mostly from its abstract alone",
    "risk_of_bias_by_people": "a person's judgement of the risk of bias of a report in one domain",
    "risk_of_bias_settled": "the judgement that counts for a report in one domain, with its reason and who judged",
    "product_reporting": "a machine reading of whether a report states an item that MISEV2023 asks for",
    "compared_outcomes": "an outcome that a report compares between two arms, from machine readings",
    "summary_of_findings": "a question: diseases, route, kind of outcome and comparator, with what was found and how certain it is",
    "harms_beside_controls": "a harm of an arm that is no control, beside that of a control arm; from machine readings",
    "product_settled": "what counts of whether a report states such an item, with the words of the reading that was followed",
    "missing_results": "an included trial: when it was over, as far as its record tells, and whether a result is on file",
    "printed_statistics": "a check of a printed p value, ratio or interval against what the same report prints",
    "dose_response": "a parameter of the Emax model of the one trial that allows it, prior and posterior, under one setting",
    "records": "a registry record of the search",
    "screened": "what became of a record",
    "decisions": "a decision by a reader, a person or the rules",
    "duplicates": "a record that repeats another one",
    "to_screen": "a record that is not yet read",
    "flow": "a step of the PRISMA 2020 flow",
    "rejects": "a line or row that could not be used, with its reason",
    "remarks": "a field of a record that was not understood, or how a file was read that is not plain",
}
# What a registry says at length is shown to those who judge a record, and not passed on.
NOT_PASSED_ON = {"to_screen": ["summary", "search_words"]}
_OF_REVIEW = ("protocol.yml", "CITATION.cff")  # a review beside the first is not cited as the project is
_OF_PROJECT = ("locks/requirements.lock", "LICENSE", "LICENSE-DATA")
_SQL = {"number": "DOUBLE", "boolean": "BOOLEAN", "date": "DATE"}
_TYPES = {"text": "string", "key": "string", "count": "integer", "number": "number", "flag": "boolean", "date": "date"}
_LICENCE = {
    "name": "CC-BY-4.0",
    "title": "Creative Commons Attribution 4.0",
    "path": "https://creativecommons.org/licenses/by/4.0/",
}


def repository_address(citation: Path) -> str:
    """Where the repository is: GitHub's workflows tell, else the field ``repository-code`` of ``CITATION.cff``; empty: unknown."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if server and name:
        return f"{server}/{name}"
    return yaml.safe_load(citation.read_text(encoding="utf-8")).get("repository-code", "")


def citation_words(citation: Path, *, search_date: str, snapshot: str, change_log: str = "") -> dict[str, str]:
    """How to cite the project with one run, for the page that says so: in a sentence, as BibTeX and as RIS.

    Parameters
    ----------
    citation
        The file ``CITATION.cff``, which gives title, authors, version and, where there is one, the DOI.
    search_date, snapshot
        The run's last day of registration that counts, and the day of its newest records.
    change_log
        Where its first heading names another version than the file, what is cited holds later changes, and says so.
    """
    facts = yaml.safe_load(citation.read_text(encoding="utf-8"))
    newest = re.search(r"^## (.+)$", change_log, re.MULTILINE)
    later = bool(newest) and facts["version"] not in newest[1]
    version = f"{facts['version']} and later changes" if later else facts["version"]
    doi, year = facts.get("doi"), snapshot[:4]  # when it was made: a search date may be years older
    authors = [who.get("name") or f"{who['family-names']}, {who['given-names']}" for who in facts["authors"]]
    edition = f"Search date {search_date}, snapshot {snapshot}"
    entry = {
        "title": facts["title"],
        "year": year,
        "version": version,
        "note": edition,
    } | ({"doi": doi} if doi else {})
    whole = '"{' + "} and {".join(authors) + '}"'  # in quotes: two braces at once are a placeholder of the book's pages
    bibtex = ",\n".join([f"  author = {whole}", *(f"  {name} = {{{value}}}" for name, value in entry.items())])
    lines = [("TY", "COMP"), *(("AU", who) for who in authors), ("TI", facts["title"]), ("PY", year)]
    lines += [("ET", version), ("N1", edition), *([("DO", doi)] if doi else []), ("ER", "")]
    said = f"{'; '.join(authors)}. *{facts['title']}.* Version {version}. {edition}."
    return {
        "citation": said + (f" doi:{doi}" if doi else ""),
        "citation_doi": "" if doi else "It has no DOI yet: name the address of the copy that you read.",
        "citation_version": version,
        "citation_released": f"{facts['version']}, of {facts['date-released']}"
        + (f"; since then what the [change log](changelog.md) heads “{newest[1]}”" if later else ""),
        "citation_bibtex": f"@misc{{evtrials-{search_date},\n{bibtex}\n}}",
        "citation_ris": "\n".join(f"{tag}  - {value}" for tag, value in lines),
    }


def codebook(tables: Iterable[str] = tuple(TABLES), *, added: Iterable[str] = ()) -> pd.DataFrame:
    """Every column of these tables of the data set: ``table, column, type, description``.

    ``added`` names the coded fields that the protocol adds.
    """
    said = _explained(CODEBOOK).set_index("column").description.to_dict()
    said |= {field: f"code of the {in_words(field)} (protocol.yml)" for field in added}
    rows = [
        {
            "table": table,
            "column": column,
            "type": _TYPES[kind],
            "description": said.get(f"{table}.{column}") or said.get(column, UNEXPLAINED),
        }
        for table in tables
        for column, kind in kinds(table, added=added).items()
    ]
    return pd.DataFrame(rows)


@cache
def _explained(file: Path) -> pd.DataFrame:
    """One of our two files on columns, read once: many tables and lessons ask for each."""
    return read_csv(file)


def further_tables() -> dict[str, str]:
    """The tables that chapters derive, beside ``TABLES``, each with what one row is."""
    said = _explained(FURTHER)
    return said[said.column.isna()].set_index("table").description.to_dict()


def further_codebook(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of a derived table, read as text, as ``codebook`` has them.

    A column that no file explains is a text that is ``UNEXPLAINED``; one with a value that its type does not allow is a text.
    """
    said = _explained(FURTHER).dropna(subset="column")
    own = said[said.table == table].set_index("column")[["type", "description"]]
    known = _explained(CODEBOOK).set_index("column").description
    types = {name: _TYPES[kind] for other in (*TABLES, "proposals") for name, kind in kinds(other).items()}
    rows = []
    for column in frame:
        # What is named alike in another table means the same here, unless the file says otherwise; a "*" stands for the rest.
        form = next((form for form in own.index if form == column or ("*" in form and fnmatchcase(column, form))), None)
        if form == column or (form and column not in known):
            kind, description = own.loc[form]
        elif column in known and column in types:
            kind, description = types[column].replace("integer", "number"), known[column]
        else:
            kind, description = "string", UNEXPLAINED
        kind = kind if _fits(frame[column].dropna(), kind) else "string"
        rows.append({"table": table, "column": column, "type": kind, "description": description})
    return pd.DataFrame(rows, columns=["table", "column", "type", "description"])


def _fits(values: pd.Series, kind: str) -> bool:
    """Whether texts are all of a type of the data package."""
    if kind == "number":
        return bool(pd.to_numeric(values, errors="coerce").notna().all())
    if kind == "date":
        return bool(pd.to_datetime(values, format="%Y-%m-%d", errors="coerce").notna().all())
    return kind != "boolean" or bool(values.isin(["True", "False"]).all())


def write_dataset(results: str | Path, path: str | Path, *, root: str | Path, protocol: dict) -> Path:
    """Write the data set of a run, and what made it, as a zip file; returns its path.

    It holds ``csv/`` and ``parquet/`` with the same tables, ``codebook.csv``, ``datapackage.json`` (Frictionless), the executed
    chapters in ``chapters/``, the review's protocol and citation, the project's lock file and licences, ``run.json``, a README,
    and ``ro-crate-metadata.json`` on all of them, in a folder named after the file, as is the data package. The same run gives
    the same bytes, except in Parquet files and the RO-Crate.
    """
    import duckdb

    results, path = Path(results), Path(path)
    run = json.loads((results / "run.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        for name in ("csv", "parquet", "chapters"):
            (made / name).mkdir()
        for chapter in results.glob("[0-9][0-9]_*.ipynb"):
            shutil.copy2(chapter, made / "chapters" / chapter.name)
        home = repository(Path(root))
        for source in (*(Path(root) / name for name in _OF_REVIEW), *(home / name for name in _OF_PROJECT)):
            if source.is_file():
                shutil.copy2(source, made / source.name)
        rows = TABLES | further_tables()
        written = {name: row for name, row in rows.items() if (results / f"{name}.csv").is_file()}
        added = protocol["added_fields"]
        books = [codebook([name for name in written if name in TABLES], added=added)]
        for table in written:
            without = NOT_PASSED_ON.get(table, [])
            copy_table(results / f"{table}.csv", made / f"csv/{table}.csv", protocol=protocol, without=without)
            if table in TABLES:
                frame = read_table(results / f"{table}.csv", table)
                idle = [*idle_columns(frame, protocol), *without]
                books[0] = books[0][(books[0].table != table) | ~books[0].column.isin(idle)]
                held = kinds(table, added=added)
                shown = [
                    f'CAST("{name}" AS DATE) AS "{name}"' if kind == "date" else f'"{name}"'
                    for name, kind in held.items()
                    if name not in idle
                ]
            else:
                frame = read_csv(made / f"csv/{table}.csv")
                frame = frame.apply(lambda column: column.map(unguarded, na_action="ignore"))
                books.append(further_codebook(table, frame))
                shown = [
                    f'CAST("{name}" AS {_SQL[kind]}) AS "{name}"' if kind in _SQL else f'"{name}"'
                    for name, kind in zip(books[-1].column, books[-1].type, strict=True)
                ]
                frame = frame.astype("str").where(frame.notna(), None)
            duckdb.from_df(frame).project(", ".join(shown)).write_parquet(str(made / f"parquet/{table}.parquet"))
        book = pd.concat(books, ignore_index=True)
        book.to_csv(made / "codebook.csv", index=False, lineterminator="\n")
        (made / "run.json").write_bytes((results / "run.json").read_bytes())
        _write_json(made / "datapackage.json", _data_package(path.stem, run, protocol, written, book))
        (made / "README.md").write_text(_readme(run, protocol, written, load_numbers(results)), encoding="utf-8")
        _describe_crate(made, run, protocol)
        files = {f"{path.stem}/{file.relative_to(made).as_posix()}": file.read_bytes() for file in all_below(made)}
        write_bytes(path, zipped(files))
    return path


def copy_table(source: Path, target: Path, *, protocol: dict, without: Iterable[str] = ()) -> None:
    """Copy a table of a run for readers, ``without`` some columns, and without empty ones for facts that the review does not code."""
    frame = read_csv(source) if without or uncoded_columns(protocol) else pd.DataFrame()
    if idle := [*idle_columns(frame, protocol), *(name for name in without if name in frame)]:
        write_csv(frame.drop(columns=idle), target)
    else:
        shutil.copy2(source, target)


def _data_package(
    name: str, run: dict[str, Any], protocol: dict, written: dict[str, str], book: pd.DataFrame
) -> dict[str, Any]:
    fields = book.rename(columns={"column": "name"})[["table", "name", "type", "description"]]
    resources = [
        {
            "name": table.replace("_", "-"),
            "path": f"csv/{table}.csv",
            "description": f"One row is {row}.",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": {
                "fields": fields[fields.table == table].drop(columns="table").to_dict("records"),
                "missingValues": [""],
            },
        }
        for table, row in written.items()
    ]
    return {
        "name": name,
        "title": _title(run, protocol),
        "description": _about(protocol),
        "version": run["parameters"]["search_date"],
        "licenses": [_LICENCE],
        "resources": resources,
    }


def _describe_crate(folder: Path, run: dict[str, Any], protocol: dict) -> None:
    """Write ``ro-crate-metadata.json`` (RO-Crate 1.1 or later, by its own library) on the files of the folder."""
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate()
    crate.name = _title(run, protocol)
    crate.description = f"{_about(protocol)} Tables of a run of evtrials."
    crate.datePublished = run["finished"][:10]
    licence = ContextEntity(crate, _LICENCE["path"], {"@type": "CreativeWork", "name": _LICENCE["title"]})
    crate.add(licence)
    crate.license = licence
    if source := protocol.get("source"):
        about = {"@type": "ScholarlyArticle", "name": source["citation"]}
        paper = ContextEntity(crate, f"https://doi.org/{source['doi']}", about)
        crate.add(paper)
        crate.root_dataset["isBasedOn"] = paper
    rows = TABLES | further_tables()
    for file in all_below(folder):
        name = file.relative_to(folder).as_posix()
        properties = {"description": f"One row is {rows[file.stem]}."} if file.stem in rows else {}
        if file.suffix == ".ipynb":
            properties = {"@type": ["File", "SoftwareSourceCode"], "encodingFormat": "application/x-ipynb+json"}
        crate.add_file(name, name, properties={"name": file.name, **properties})
    _write_json(folder / "ro-crate-metadata.json", crate.metadata.generate())


def _readme(run: dict[str, Any], protocol: dict, written: dict[str, str], numbers: dict[str, str]) -> str:
    rows = "\n".join(f"- `{table}`: one row is {row}" for table, row in written.items())
    return (
        f"# {_title(run, protocol)}\n\n"
        f"Records registered by {run['parameters']['search_date']}, as their sources showed them by {numbers['snapshot']}.\n\n{rows}\n\n"
        "The same tables are in `csv` and `parquet`; `codebook.csv` says what each column means, `run.json` what was run, `chapters` how each table came about. "
        'An empty cell means: not shown to us. Several values in one cell are separated by " | ". In CSV, a text that a '
        "spreadsheet would run as a formula has a leading apostrophe. Screening and coding are machine readings unless "
        "`decisions` names a person.\n\n"
        f"Registry facts are public: cite the registries. Everything else: {_LICENCE['title']}.\n"
    )


def _about(protocol: dict) -> str:
    source = protocol.get("source")
    return protocol["question"].strip() + (f" Redoes {source['citation']}." if source else "")


def _title(run: dict[str, Any], protocol: dict) -> str:
    return f"{protocol['title']}, search to {run['parameters']['search_date']}"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
