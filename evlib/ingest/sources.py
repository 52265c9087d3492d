"""Which raw files make the records of a run, and the one table that they make together."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.files import matching
from evlib.base.query import matches, needed
from evlib.base.rawdata import exports_of
from evlib.base.reading.statuses import LAST_UPDATE, follows
from evlib.base.schema import DAYS_OF_STATUS, checked, columns, join_multi, read_csv, split_multi
from evlib.ingest.registries import long_texts, losses, stream
from evlib.ingest.registries.common import Asked
from evlib.ingest.registries.snapshot import NAME as SNAPSHOT
from evlib.ingest.retrieval import day_of, source_days

STATUS_DAYS = "curation/status_days.csv"
_COLUMNS = ["trn", "snapshot", "status", "day", "day_is", "words"]
_OF_STATUS = ["status", "last_update", *DAYS_OF_STATUS]  # which one source tells
_OF_NO_VERSION = {"trn", "trn_kind", "registry", "snapshot", "first_retrieved", "source_urls", "secondary_trns",
                  "unread", *DAYS_OF_STATUS}  # fmt: skip


class Source(NamedTuple):
    """One file of records."""

    path: Path
    day: str
    searched: bool  # it is the result of a search already, from which the query need not pick


def raw_sources(raw: str | Path, *, snapshot: str) -> list[Source]:
    """The files of records below ``raw``, as they stood on the day ``snapshot``, newest first.

    Snapshots and live searches (``registries/<day>/``) are results of a search; exports (``exports/``) are picked from.

    Examples
    --------
    >>> [(source.path.parent.name, source.searched) for source in raw_sources("data/raw", snapshot="2022-12-31")]
    [('2022-10-09', True), ('2022-01-21', True)]
    """
    searched = Path(raw) / "registries"
    sources = [
        Source(path, day, path.is_relative_to(searched)) for path, day in source_days(raw).items() if day <= snapshot
    ]
    return sorted(sources, key=lambda source: (source.day, source.searched), reverse=True)


def named_sources(path: str | Path) -> list[Source]:
    """A file of records, or the files of a folder, as sources to pick from, newest first; InputError where there is none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("ctgov_2022-01-21.csv", "ctgov_2024-02-17.csv"):
    ...         _ = (Path(folder) / name).write_text("NCT Number\\nNCT90000100\\n")
    ...     [(source.path.name, source.day, source.searched) for source in named_sources(folder)]
    [('ctgov_2024-02-17.csv', '2024-02-17', False), ('ctgov_2022-01-21.csv', '2022-01-21', False)]
    """
    files = exports_of(path)
    if not files:
        raise InputError(f"{path} is not there, or is an empty folder. Name a registry's export, or a folder of them.")
    return sorted([Source(file, day_of(file), False) for file in files], key=lambda source: source.day, reverse=True)


def status_days(raw: str | Path) -> pd.DataFrame:
    """Of which day a status is, where the note of a record of ours tells it: ``trn, snapshot, status, day, day_is, words``.

    Examples
    --------
    >>> days = status_days("data/raw")
    >>> days.loc[days.trn == "NCT05787288", ["status", "day", "day_is"]].values.tolist()
    [['Recruiting', '2024-01-28', 'a table of a publication']]
    """
    return read_csv(Path(raw) / STATUS_DAYS, needs=_COLUMNS, optional=True)


def records_of(
    sources: Iterable[Source], *, protocol: dict, always: set[str], days: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The one table of records that the sources make, each trial number once; InputError where no record is left.

    From an export the protocol's ``search`` picks the records (see ``evlib.base.query``). Where several sources hold a number,
    each field is taken from the newest that fills it, by the day on which the record was retrieved (``snapshot``). A number of
    participants and its type, a status and the day of the last update come from one source. Other numbers of the trial
    (``secondary_trns``) are those that any source names.

    The status is the registry's newest word: that of the source whose record was updated last, as the registry states it; of
    those, of the one retrieved last. An export that states no update tells the word of its own day. A transcription that states
    none, or whose status ``days`` say to be of another place, may be older than it was read: it counts where no other is, or
    where a trial comes to its word only after that of the others (``evlib.base.reading.statuses.follows``).

    Parameters
    ----------
    sources
        Newest first.
    protocol
        The review's protocol: ``search`` and ``registries``.
    always
        Registration numbers that are picked in any case: those that a person has judged.
    days
        What ``status_days`` gives.

    Returns
    -------
    records, rejects, account, versions, remarks
        Table ``records``, in which ``snapshot`` is the newest day of retrieval and ``first_retrieved`` the oldest; ``status_read`` is that of
        the source of the status, ``status_day`` the day that the source states for it (missing where it states none) and ``status_day_is`` what that day is; table
        ``rejects``, with the records of registries that the protocol does not know; for each file
        ``file, format, retrieved, rows, rejects, not_found, judged_before, remarks, older_copies, records``: a row is a reject, not
        found by the query, an older copy of a record, or a record; of the last two kinds, ``judged_before`` are there only because they
        are in ``always``, and ``remarks`` counts their fields that were not understood; what ``versions_of`` tells; and table
        ``remarks`` on these records and on their files.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> protocol = {"search": "exosome", "registries": {"ClinicalTrials.gov": {}}}
    >>> with TemporaryDirectory() as folder:
    ...     for day, rest in {"2022-01-21": "Exosomes,RECRUITING,20", "2024-02-17": "Exosomes,COMPLETED,"}.items():
    ...         text = f"NCT Number,Study Title,Study Status,Enrollment\\nNCT90000100,{rest}\\nNCT90000200,Cells,,\\n"
    ...         _ = (Path(folder) / f"ctgov_{day}.csv").write_text(text)
    ...     records, _, account, *_ = records_of(named_sources(folder), protocol=protocol, always=set())
    >>> records[["trn", "status", "enrolment", "first_retrieved", "snapshot"]]
               trn     status  enrolment first_retrieved    snapshot
    0  NCT90000100  Completed         20      2022-01-21  2024-02-17
    >>> account[["retrieved", "rows", "not_found", "older_copies", "records"]]
        retrieved  rows  not_found  older_copies  records
    0  2024-02-17     2          1             0        1
    1  2022-01-21     2          1             1        0
    """
    tables, rejected, account, lost, remarks = [], [], [], [], []
    asked = Asked(always, needed(protocol["search"]))
    for place, source in enumerate(sources):
        counts = {"rows": 0, "rejects": 0, "not_found": 0, "judged_before": 0, "remarks": 0}
        name, newest = "unknown", ""
        first = None if source.searched else asked
        how = {"registries": list(protocol["registries"]), "processes": (os.cpu_count() or 1) if first else 1}
        for part in stream([source.path], retrieved=source.day, asked=first, **how):
            name = part.format
            hit = matches(part.records, protocol["search"]) | source.searched
            judged = part.records.trn.isin(always) & ~hit
            stranger = ~part.records.registry.isin(list(protocol["registries"])) & (hit | judged)
            strangers = _of_strangers(part.records[stranger], source.path)
            rejects = [part.rejects, strangers]
            lost += losses(part.rejects) + list(strangers.reason.head(1))
            rejected += rejects
            tables.append(part.records[(hit | judged) & ~stranger].assign(source=place))
            of_picked = part.remarks.trn.isin(tables[-1].trn)
            remarks.append(part.remarks[of_picked | part.remarks.line.isna()])
            counts["remarks"] += int(of_picked.sum())
            newest = max([newest, *part.records.snapshot.unique()])
            counts["rows"] += len(part.records) + len(part.rejects) + part.passed
            counts["rejects"] += sum(map(len, rejects))
            counts["not_found"] += int((~hit & ~judged).sum()) + part.passed
            counts["judged_before"] += int((judged & ~stranger).sum())
        if counts["rows"] == counts["rejects"] and not lost:
            lost += list(part.rejects.reason.head(1))
        account.append({"file": source.path.name, "format": name, "retrieved": newest or source.day} | counts)
    every = pd.concat(tables) if tables else pd.DataFrame(columns=["trn", "snapshot", "source"])
    if every.empty:
        files = ", ".join(line["file"] for line in account) or "no file"
        unread = f" What could not be read: {'; '.join(lost)[:300]}" if lost else ""
        raise InputError(f"No record in {files} is found by the query 'search' of protocol.yml.{unread}")
    formats = [line["format"] for line in account]
    every = every.sort_values(["snapshot", "source"], ascending=[False, True], kind="stable", ignore_index=True)
    every = _with_days(every, transcribed=every.source.map(lambda place: formats[place] == SNAPSHOT), days=days)
    account, older = pd.DataFrame(account), every.duplicated("trn")
    for name, counted in (("older_copies", older), ("records", ~older)):
        account[name] = every.source[counted].value_counts().reindex(account.index, fill_value=0)
    order = pd.concat(tables).trn.drop_duplicates()
    records = _one_of_each(every.drop(columns="source")).loc[order].reset_index()
    versions = versions_of(every, records)
    tables = [checked(pd.concat(parts), name) for name, parts in (("rejects", rejected), ("remarks", remarks))]
    return checked(records, "records"), tables[0], account, versions, tables[1]


def summaries_of(sources: Iterable[Source], *, known: Collection[str]) -> pd.DataFrame:
    """Table ``summaries``: what the sources (newest first) say at length of the records whose numbers are ``known``.

    A registry's own search reads these texts, too, so that the words that found a record may stand nowhere else.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> rows = "NCT90000100,Exosomes,What MSC exosomes do\\nNCT90000200,Cells,What cells do\\n"
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "ctgov_2024-02-17.csv").write_text(f"NCT Number,Study Title,Brief Summary\\n{rows}")
    ...     summaries_of(named_sources(folder), known={"NCT90000100"})
               trn               summary eligibility
    0  NCT90000100  What MSC exosomes do         NaN
    """
    paths = (source.path for source in sources)
    rows = [row for row in long_texts(paths, Asked(known)) if row["trn"] in known]
    table = pd.DataFrame(rows, columns=columns("summaries")).groupby("trn", sort=False, as_index=False).first()
    return checked(table.dropna(subset=["summary", "eligibility"], how="all"), "summaries")


def _with_days(every: pd.DataFrame, *, transcribed: pd.Series, days: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of the sources with the days of their status, and ``newest_by``: the day by which it is compared, "" for unknown."""
    told = pd.DataFrame(columns=_COLUMNS, dtype="str") if days is None else days
    place = ["trn", "snapshot", "status"]
    told = every[place].merge(told.drop_duplicates(place), on=place, how="left")
    has, elsewhere = every.status.notna(), told.day_is.notna()
    own = every.last_update.mask(elsewhere)
    return every.assign(
        status_day=told.day.where(elsewhere, own).where(has),
        status_day_is=told.day_is.mask(own.notna(), LAST_UPDATE).where(has),
        status_read=every.snapshot.where(has),
        newest_by=own.fillna(every.snapshot.mask(transcribed)).fillna(""),
    )


def _one_of_each(every: pd.DataFrame) -> pd.DataFrame:
    """One row for each number, from its rows in ``every``, of which the newest stand first."""
    by_number = every.groupby("trn")
    one = by_number.first().drop(columns="newest_by")
    several = every[every.duplicated("trn", keep=False)]
    counted = several.dropna(subset="enrolment").drop_duplicates("trn").set_index("trn")
    one.loc[counted.index, "enrolment_type"] = counted.enrolment_type
    said = several.loc[_newest_words(several.dropna(subset="status"))].set_index("trn")
    one.loc[said.index, _OF_STATUS] = said[_OF_STATUS]
    numbers = several.dropna(subset="secondary_trns").groupby("trn").secondary_trns
    named = numbers.agg(
        lambda cells: join_multi(dict.fromkeys(number for cell in cells for number in split_multi(cell)))
    )
    one.loc[named.index, "secondary_trns"] = named
    return _still_unread(one.assign(first_retrieved=by_number.snapshot.min()), every)


def _newest_words(said: pd.DataFrame) -> list[int]:
    """Of each number the place of the row with the registry's newest word on its status; the rows retrieved last stand first."""
    order = said.sort_values("newest_by", ascending=False, kind="stable").drop_duplicates("trn")
    places, newest = dict(zip(order.trn, order.index)), order.set_index("trn")
    undated = said[said.newest_by == ""]
    undated = undated[undated.snapshot > undated.trn.map(newest.snapshot)]
    for place, row in undated[::-1].iterrows():
        if follows(row.status, newest.status[row.trn]):
            places[row.trn] = place
    return list(places.values())


def _still_unread(one: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    """The rows with ``unread`` as the fields that some source states, none was understood in, and that are missing for it."""
    stated = every.dropna(subset="unread").groupby("trn").unread
    fields = stated.agg(lambda cells: dict.fromkeys(name for cell in cells for name in split_multi(cell)))
    for trn, names in fields.items():
        one.loc[trn, "unread"] = join_multi(name for name in names if pd.isna(one.loc[trn, name]))
    return one


def versions_of(every: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """What the sources of one record say otherwise, or what only an older one says.

    Parameters
    ----------
    every
        A row for each source of a record, the newest first.
    records
        The one row for each number that was made of them.

    Returns
    -------
    pandas.DataFrame
        ``trn, field, snapshot, value, shown, source_urls``: a field of a record as each source has it, where the sources differ or
        the value that is ``shown`` is older than the record's newest source. Differences of capitals and blanks do not count.
    """
    several = every[every.duplicated("trn", keep=False)]
    fields = [name for name in columns("records") if name in several and name not in _OF_NO_VERSION]
    cells = several.melt(["trn", "snapshot", "source_urls"], fields, var_name="field").dropna(subset="value")
    chosen = records[records.trn.isin(several.trn)].melt(
        ["trn", "snapshot"], fields, var_name="field", value_name="one"
    )
    chosen = chosen.dropna(subset="one").rename(columns={"snapshot": "newest"})
    cells = cells.merge(chosen, on=["trn", "field"], how="left").astype({"value": str, "one": str})
    place = ["trn", "field"]
    read = cells.trn.map(records.set_index("trn").status_read)
    of_another = (cells.field == "status") & (cells.snapshot != read)
    same = cells[(cells.value == cells.one) & ~of_another].drop_duplicates(place).index  # the newest with the value
    cells["shown"] = cells.index.isin(same)
    plain = cells.value.str.casefold().str.split().str.join(" ")
    differ = plain.groupby([cells.trn, cells.field]).transform("nunique") > 1
    older = (cells.shown & (cells.snapshot < cells.newest)).groupby([cells.trn, cells.field]).transform("any")
    kept = cells[differ | older].sort_values([*place, "snapshot"], kind="stable")
    return kept[["trn", "field", "snapshot", "value", "shown", "source_urls"]].reset_index(drop=True)


def newest_day(account: pd.DataFrame) -> str:
    """The day of the newest records, YYYY-MM-DD, from the ``account`` of the files: after it nothing is known.

    An export may state an earlier day of retrieval than its file has; what it states counts.

    Examples
    --------
    >>> newest_day(pd.DataFrame({"retrieved": ["2024-02-17", "2026-11-28"], "records": [5, 0]}))
    '2024-02-17'
    """
    return account.retrieved[account.records > 0].max()


def numbers_of_rounds(raw: str | Path, *, protocol: dict) -> dict[str, set[str]]:
    """For each round of screening the registration numbers of its snapshot; nothing where the protocol names no round.

    Examples
    --------
    >>> protocol = {"screening_rounds": {"first": {"snapshot": "2022-01-21"}}, "registries": {"ClinicalTrials.gov": {}}}
    >>> numbers = numbers_of_rounds("data/raw", protocol=protocol)
    >>> {name: "NCT03608631" in trns for name, trns in numbers.items()}
    {'first': True}
    >>> numbers_of_rounds("data/raw", protocol={})
    {}
    """
    numbers = {}
    for name, facts in protocol.get("screening_rounds", {}).items():
        day = facts["snapshot"]
        parts = stream([Path(raw) / "registries" / day], retrieved=day, registries=list(protocol["registries"]))
        numbers[name] = {trn for part in parts for trn in part.records.trn}
    return numbers


def read_in_rounds(raw: str | Path, *, protocol: dict) -> set[str]:
    """The registration numbers of all snapshots up to the newest that a round of screening names; they are always picked.

    Examples
    --------
    >>> protocol = {"screening_rounds": {"only": {"snapshot": "2022-10-09"}}, "registries": {"ClinicalTrials.gov": {}}}
    >>> of_its_snapshot = numbers_of_rounds("data/raw", protocol=protocol)["only"]
    >>> of_its_snapshot < read_in_rounds("data/raw", protocol=protocol)  # those of older snapshots, too
    True
    """
    last = max((facts["snapshot"] for facts in protocol.get("screening_rounds", {}).values()), default="")
    paths = [path for path in matching(Path(raw) / "registries", "????-??-??") if path.name <= last]
    parts = stream(paths, retrieved=last, registries=list(protocol["registries"])) if paths else ()
    return {trn for part in parts for trn in part.records.trn}


def _of_strangers(records: pd.DataFrame, path: Path) -> pd.DataFrame:
    reasons = [f"unknown registry '{name}'. Add it under 'registries' in protocol.yml." for name in records.registry]
    return checked(pd.DataFrame({"file": path.name, "trn": records.trn.to_numpy(), "reason": reasons}), "rejects")


def ingest_numbers(
    records: pd.DataFrame, place: pd.Series, rejects: pd.DataFrame, account: pd.DataFrame
) -> dict[str, object]:
    """Numbers of the first chapter for the book's prose, from its tables, and in words where the records come from.

    Examples
    --------
    >>> facts = {"trn": ["DRKS90000100"], "trn_kind": "number", "registry": "DRKS", "snapshot": "2024-02-17"}
    >>> records = checked(pd.DataFrame({**facts, "enrolment": [20]}), "records")
    >>> counts = {"not_found": [4], "judged_before": [0], "remarks": [0], "records": [2]}
    >>> account = pd.DataFrame({"file": ["a.csv"], "format": ["DRKS"], "retrieved": ["2024-02-17"], **counts})
    >>> numbers = ingest_numbers(records, pd.Series(["in", "after"]), pd.DataFrame(), account)
    >>> numbers["sources"], [int(numbers[name]) for name in ("n_records", "n_after", "n_with_enrolment")]
    ('2 records from DRKS a.csv of 2024-02-17', [1, 1, 1])
    """
    used = account[account.records > 0]
    shipped = used.format == "snapshot"
    names = (used.format + " " + used.file).mask(shipped, "the snapshot")
    partly = "partly transcriptions, partly exports of registries"
    return {
        "n_all_records": len(place),
        "sources": ", ".join(used.records.astype(str) + " records from " + names + " of " + used.retrieved),
        "records_are": "transcriptions, not exports" if shipped.all() else partly if shipped.any() else "one export's",
        "n_not_found": account.not_found.sum(),
        "n_judged_before": account.judged_before.sum(),
        "central_is": "known by references only" if (used.format == "Cochrane CENTRAL").any() else "absent",
        "n_records": len(records),
        "n_after": (place == "after").sum(),
        "n_undated": (place == "undated").sum(),
        "n_rejects": len(rejects),
        "n_remarks": account.remarks.sum(),
        "n_estimated_dates": (records.registered_basis == "estimated").sum(),
        "n_unknown_dates": records.registered_basis.isna().sum(),
        "n_with_enrolment": records.enrolment.notna().sum(),
        "n_with_country": records.countries.notna().sum(),
    }
