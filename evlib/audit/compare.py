"""Two searches compared: trials that are new or gone, and why; changed records; every headline number before and after."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.paths import command_ending, repository, searched
from evlib.base.schema import read_table, split_multi
from evlib.base.words import load_numbers, several
from evlib.describe.figures import same_status
from evlib.describe.phases import phase_code
from evlib.ingest.retrieval import checksum_of_inputs

CHAPTERS = ("01_ingest", "02_screen", "03_describe", "04_dose_effect")  # they make what is compared
# The fields of a record that are compared, as a reader calls them.
FOLLOWED = {"status": "status", "phases": "phase", "enrolment": "enrolment", "results_posted": "results posted"}

# The numbers of the book's first page, as a reader calls them.
HEADLINES = {"n_records": "records of the search", "n_included": "trials included"}
HEADLINES |= {"n_pending": "records not yet read", "n_unclear": "records that remain unclear"}
HEADLINES |= {"n_since_2020": "included trials registered in 2020 or later", "n_dated": "included trials with a date"}
HEADLINES |= {"n_countries": "countries", "n_lung": "included trials on lung and airways"}
HEADLINES |= {"n_covid": "included trials on COVID-19", "n_intravenous": "included trials: intravenous"}
HEADLINES |= {"n_nebulised": "included trials: nebulised", "n_local": "included trials: local"}
HEADLINES |= {"n_route_other": "included trials: other or several routes"}
HEADLINES |= {"n_route_not_reported": "included trials: no group of routes reported"}
HEADLINES |= {"n_dose_trials": "included trials that show a dose", "n_unit_kinds": "kinds of dose unit"}
HEADLINES |= {"n_particle_trials": "included trials that count particles per administration"}


class Search(NamedTuple):
    """The tables of one run that a comparison needs."""

    records: pd.DataFrame
    screened: pd.DataFrame
    trials: pd.DataFrame
    numbers: dict[str, str]


def run_missing_chapters(
    searches: Mapping[Path, str], *, raw_dir: str | Path, protocol: str | Path, own: Collection[Path] = ()
) -> None:
    """Run the first four chapters by papermill for each folder that lacks their tables (about half a minute).

    ``searches`` gives the search date of each folder. In those that are the project's ``own`` of that date, tables that were made
    of other records or decisions, or by another protocol, than there are now count as lacking; others are taken as they are.

    Examples
    --------
    >>> now = {"raw_dir": "data/raw", "protocol": "protocol.yml"}
    >>> run_missing_chapters({Path("data/processed/2024-02-17"): "2024-02-17"}, **now)  # they are there
    """
    now = checksum_of_inputs(raw_dir, protocol)
    for folder, search_date in searches.items():
        whole = all((folder / "numbers" / f"{chapter}.json").is_file() for chapter in CHAPTERS)
        stale = folder in own and searched(folder).get("inputs") != now
        for chapter in CHAPTERS if stale or not whole else ():
            import papermill

            places = {"raw_dir": str(raw_dir), "out_dir": str(folder), "protocol": str(protocol)}
            papermill.execute_notebook(
                str(repository(Path.cwd()) / "notebooks" / f"{chapter}.ipynb"),
                None,
                parameters={"search_date": search_date} | places,
                progress_bar=False,
            )


def search_of(folder: str | Path) -> Search:
    """The tables of a run's folder.

    Raises
    ------
    InputError
        Where the folder holds no run.

    Examples
    --------
    >>> search = search_of("data/processed/2024-02-17")
    >>> search._fields
    ('records', 'screened', 'trials', 'numbers')
    >>> set(search.trials.trn) <= set(search.screened.trn) <= set(search.records.trn)
    True
    """
    folder = Path(folder)
    if not (folder / "screened.csv").is_file():
        command = f"make run{command_ending(folder)} SEARCH_DATE={folder.name[:10]}"
        raise InputError(f"{folder} holds no results to compare with. Make them: {command}")
    records, outcomes, trials = (read_table(folder / f"{name}.csv", name) for name in ("records", "screened", "trials"))
    return Search(records, outcomes, trials, load_numbers(folder))


def basis(earlier: dict[str, str], later: dict[str, str]) -> str:
    """How the two searches differ, and what comparing them can therefore show, in words.

    Examples
    --------
    >>> earlier = {"search_date": "2024-02-17", "snapshot": "2026-11-28"}
    >>> text = basis(earlier, earlier | {"search_date": "2026-11-28"})
    >>> print(text.replace(". ", ".\\n").replace(": ", ":\\n"))
    The earlier search asks for records registered by **2024-02-17**, the later by **2026-11-28**.
    Both read the records as they were retrieved by 2026-11-28:
    what a record says is the same in both, so that no change of status, phase or enrolment can show.
    For that, compare two snapshots.
    The decisions, the codes and the rules are today's in both.
    """
    asks = f"The earlier search asks for records registered by **{earlier['search_date']}**, the later by "
    asks += f"**{later['search_date']}**. "
    if earlier["snapshot"] == later["snapshot"]:
        reads = (
            f"Both read the records as they were retrieved by {later['snapshot']}: what a record says is the same in "
        )
        reads += "both, so that no change of status, phase or enrolment can show. For that, compare two snapshots."
    else:
        reads = f"The earlier reads the records as they were retrieved by {earlier['snapshot']}, the later by "
        reads += f"{later['snapshot']}; a record that was not retrieved anew still says what it said."
    return f"{asks}{reads} The decisions, the codes and the rules are today's in both."


def included(search: Search) -> set[str]:
    """The registration numbers of the included trials."""
    return set(search.screened.trn[search.screened.outcome == "included"])


def trial_changes(before: Search, after: Search) -> pd.DataFrame:
    """Trials that are included in the later search only, or in the earlier one only.

    Returns
    -------
    pandas.DataFrame
        ``change`` (new or removed), ``trn, title, why``. Trials before + new - removed = trials after.

    Examples
    --------
    >>> columns = ["trn", "title", "outcome", "criterion", "decided_by", "reason"]
    >>> first = [["A", "One", "included", None, "R1", "fits"], ["B", "Two", "pending", None, None, None]]
    >>> then = [["A", "One", "excluded at title", "E4", "R1", "cells"], ["B", "Two", "included", None, "R1", "fits"]]
    >>> trials = pd.DataFrame({"trn": ["A", "B"], "merged_trns": None})
    >>> before, after = (Search(trials, pd.DataFrame(rows, columns=columns), trials, {}) for rows in (first, then))
    >>> trial_changes(before, after)
        change trn title                                   why
    0      new   B   Two  was pending; now decided by R1: fits
    1  removed   A   One    now excluded at title by E4: cells
    """
    old, new = included(before), included(after)
    was, now = before.screened.set_index("trn"), after.screened.set_index("trn")
    rows = [("new", trn, now.title[trn], _why_new(trn, was, before, after)) for trn in sorted(new - old)]
    rows += [("removed", trn, was.title[trn], _why_removed(trn, now)) for trn in sorted(old - new)]
    return pd.DataFrame(rows, columns=["change", "trn", "title", "why"])


def record_changes(before: Search, after: Search, *, protocol: dict) -> pd.DataFrame:
    """What changed in records that both searches hold: ``trn, title, field, before, after``.

    Compared are the fields ``FOLLOWED`` of all records but those excluded by title; one that either search does not show has
    not changed. Nor has one that says the same in other words: a phase of the same code, a status of the same meaning.

    Examples
    --------
    >>> screened = pd.DataFrame({"trn": ["A"], "title": ["One"], "outcome": ["included"]})
    >>> facts = {"phases": "Phase 2", "enrolment": 20, "results_posted": False}
    >>> was = pd.DataFrame({"trn": ["A"], "status": "Recruiting", **facts})
    >>> now = pd.DataFrame({"trn": ["A"], "status": "Completed", **facts, "phases": "Phase II"})
    >>> before, after = (Search(records, screened, screened, {}) for records in (was, now))
    >>> protocol = {"codes": {"phase_group": {"2": {"phrases": ["phase 2"]}}}}
    >>> record_changes(before, after, protocol=protocol)  # another word for the same phase is no change
      trn title   field      before      after
    0   A   One  status  Recruiting  Completed
    """
    one, other, screened = (table.set_index("trn") for table in (before.records, after.records, after.screened))
    both = one.index.intersection(other.index)
    both = both[(screened.outcome.reindex(both) != "excluded at title").to_numpy()]
    rows = []
    for field, name in FOLLOWED.items():
        old, new = one[field].reindex(both), other[field].reindex(both)
        changed = old.notna() & new.notna() & (old.astype("str").str.casefold() != new.astype("str").str.casefold())
        for trn in both[changed.to_numpy()]:
            if not _other_words(field, old[trn], new[trn], protocol):
                rows.append((trn, screened.title[trn], name, str(old[trn]), str(new[trn])))
    return pd.DataFrame(rows, columns=["trn", "title", "field", "before", "after"])


def read_anew(before: Search, after: Search) -> int:
    """How many records both searches hold of which the later one has a newer copy: only these can show a change.

    Examples
    --------
    >>> was = pd.DataFrame({"trn": ["A", "B"], "snapshot": "2022-10-09"})
    >>> now = was.assign(snapshot=["2022-10-09", "2026-11-22"])
    >>> read_anew(Search(was, was, was, {}), Search(now, now, now, {}))
    1
    """
    old, new = (search.records.set_index("trn").snapshot for search in (before, after))
    both = old.index.intersection(new.index)
    return int((old[both] != new[both]).sum())


def changes_in_words(n_changed: int, anew: int) -> str:
    """How many fields changed in the records that were read anew; where none was, that nothing can be compared.

    Examples
    --------
    >>> changes_in_words(0, 0)
    'nothing can be compared, since both searches read the same copies of the records'
    >>> changes_in_words(2, 30)
    '2 changes in the 30 records that both searches hold and of which the later has a newer copy'
    """
    if not anew:
        return "nothing can be compared, since both searches read the same copies of the records"
    held = "record that both searches hold and of which the later has a newer copy"
    return f"{several(n_changed, 'change')} in the {several(anew, held, held.replace('record', 'records', 1))}"


def _other_words(field: str, old: str, new: str, protocol: dict) -> bool:
    """Whether two different texts of a field say the same."""
    if field == "phases":
        codes = protocol["codes"]["phase_group"]
        code = phase_code(old, codes)
        return code not in (None, "other") and code == phase_code(new, codes)
    return field == "status" and same_status(old, new)


def flow_rows_of_new(before: Search, after: Search) -> pd.DataFrame:
    """The rows of table ``screened`` in the flow of an update: new, pending before, or with another outcome now.

    Trials that were included before are left out: the flow counts them by themselves.

    Examples
    --------
    >>> was = pd.DataFrame({"trn": ["A", "B", "C"], "outcome": ["included", "pending", "duplicate"]})
    >>> now = pd.DataFrame({"trn": ["A", "B", "C", "D"], "outcome": ["included", "included", "duplicate", "unclear"]})
    >>> before, after = (Search(was, screened, was, {}) for screened in (was, now))
    >>> flow_rows_of_new(before, after)
      trn   outcome
    1   B  included
    3   D   unclear
    """
    was = before.screened.set_index("trn").outcome.reindex(after.screened.trn).to_numpy()
    settled_before = pd.Series(was == after.screened.outcome.to_numpy()) & (was != "pending")
    return after.screened[~settled_before.to_numpy() & (was != "included")]


def headlines(before: Search, after: Search) -> pd.DataFrame:
    """The numbers of the book's first page in both searches: ``number, before, after, change``.

    Examples
    --------
    >>> nothing = pd.DataFrame()
    >>> was = dict.fromkeys(HEADLINES, "0") | {"n_records": "20", "n_included": "6"}
    >>> before, after = (Search(nothing, nothing, nothing, n) for n in (was, was | {"n_included": "8"}))
    >>> headlines(before, after).head(2)
                      number  before  after change
    0  records of the search      20     20      =
    1        trials included       6      8     +2
    """
    numbers = [(label, int(before.numbers[name]), int(after.numbers[name])) for name, label in HEADLINES.items()]
    table = pd.DataFrame(numbers, columns=["number", "before", "after"])
    return table.assign(change=[f"{n:+d}" if n else "=" for n in table.after - table.before])


def accounts(before: Search, after: Search, changes: pd.DataFrame) -> dict[str, int]:
    """The numbers of included trials: ``before, new, removed, after``, checked to add up.

    Raises
    ------
    ValueError
        Where before + new - removed is not after.

    Examples
    --------
    >>> was, now = (pd.DataFrame({"trn": trns, "outcome": "included"}) for trns in (["A", "B"], ["B", "C", "D"]))
    >>> before, after = (Search(screened, screened, screened, {}) for screened in (was, now))
    >>> accounts(before, after, pd.DataFrame({"change": ["new", "new", "removed"]}))
    {'before': 2, 'new': 2, 'removed': 1, 'after': 3}
    """
    counts = changes.change.value_counts()
    n = {"before": len(included(before)), "new": int(counts.get("new", 0))}
    n |= {"removed": int(counts.get("removed", 0)), "after": len(included(after))}
    if n["before"] + n["new"] - n["removed"] != n["after"]:
        raise ValueError(f"{n['before']} trials + {n['new']} new - {n['removed']} removed is not {n['after']}")
    return n


def summary(n: dict[str, int], after: Search, before_date: str, search_date: str) -> str:
    """The update in two sentences, for the book's first page and the chapter.

    Examples
    --------
    >>> screened = pd.DataFrame({"outcome": ["pending", "pending"], "proposal": ["include", "exclude"]})
    >>> n = {"before": 2, "new": 2, "removed": 1, "after": 3}
    >>> text = summary(n, Search(screened, screened, screened, {}), "2024-02-17", "2026-11-28")
    >>> print(text.replace(" (", "\\n("))
    Between the searches of 2024-02-17 and 2026-11-28 the included trials went from **2** to **3**
    (2 + 2 new - 1 removed). **2 records are not yet read** and not counted; of these the rules propose to include 1.
    """
    pending = after.screened[after.screened.outcome == "pending"]
    proposed = int((pending.proposal == "include").sum())
    unread = (
        f"**{several(len(pending), 'record is', 'records are')} not yet read** and not counted; of these the rules propose to include "
        f"{proposed}."
        if len(pending)
        else "No record waits to be read."
    )
    return (
        f"Between the searches of {before_date} and {search_date} the included trials went from **{n['before']}** to "
        f"**{n['after']}** ({n['before']} + {n['new']} new - {n['removed']} removed). {unread}"
    )


def message(
    n: dict[str, int],
    after: Search,
    changes: pd.DataFrame,
    changed: pd.DataFrame,
    *,
    before_date: str,
    search_date: str,
    anew: int,
) -> str:
    """The update as a short text in Markdown, for a pull request; text of registries is code in it, never markup. ``anew`` is what
    ``read_anew`` counts.

    Examples
    --------
    >>> screened = pd.DataFrame({"trn": ["C"], "title": ["Three"], "outcome": ["pending"], "proposal": ["include"]})
    >>> changes = pd.DataFrame({"change": ["new"], "trn": ["B"], "title": ["Two"], "why": ["decided by R1: fits"]})
    >>> changed = pd.DataFrame({"trn": ["B"], "field": ["status"], "before": ["Recruiting"], "after": ["Completed"]})
    >>> n, after = {"before": 0, "new": 1, "removed": 0, "after": 1}, Search(screened, screened, screened, {})
    >>> text = message(n, after, changes, changed, before_date="2024-02-17", search_date="2026-11-28", anew=1)
    >>> print("\\n".join(line for line in text.splitlines() if line.startswith(("#", "-"))))
    # What is new by 2026-11-28
    ## New trials: 1
    - `B` `Two`: `decided by R1: fits`
    ## No longer included: 0
    ## Changed records: 1
    - `B` status: `Recruiting` → `Completed`
    ## Records not yet read: 1
    - `C` `Three`: the rules propose include
    """
    pending = after.screened[after.screened.outcome == "pending"]
    lines = [f"# What is new by {search_date}", "", summary(n, after, before_date, search_date), ""]
    for kind, heading in (("new", "New trials"), ("removed", "No longer included")):
        rows = changes[changes.change == kind]
        lines += [f"## {heading}: {len(rows)}", ""]
        lines += [f"- {_code(row.trn)} {_code(row.title)}: {_code(row.why)}" for row in rows.itertuples()] + [""]
    lines += [f"## Changed records: {len(changed) if anew else changes_in_words(0, 0)}", ""]
    lines += [f"- {_code(r.trn)} {r.field}: {_code(r.before)} → {_code(r.after)}" for r in changed.itertuples()]
    lines += ["", f"## Records not yet read: {len(pending)}", ""]
    lines += [f"- {_code(r.trn)} {_code(r.title)}: the rules propose {r.proposal}" for r in pending.itertuples()]
    return "\n".join(lines) + "\n"


def _code(text: object) -> str:
    plain = re.sub(r"[`\s]+", " ", "" if pd.isna(text) else str(text)).strip()
    return f"`{plain}`" if plain else "(no title)"


def _why_new(trn: str, was: pd.DataFrame, before: Search, after: Search) -> str:
    row = after.screened.set_index("trn").loc[trn]
    named = str(row.reason).startswith(f"{str(row.decided_by).split(', ')[0]}: ")  # of people who gave no reason
    decided = f"decided by {row.reason}" if named else f"decided by {row.decided_by}: {row.reason}"
    if trn in was.index:
        return f"was {was.outcome[trn]}; now {decided}"
    merged = after.trials.set_index("trn").merged_trns.get(trn)
    counted = [other for other in split_multi(merged) if other in included(before)]
    return f"was counted as {counted[0]}" if counted else f"its record is new in this search; {decided}"


def _why_removed(trn: str, now: pd.DataFrame) -> str:
    if trn not in now.index:
        return "its record is no longer in this search"
    row = now.loc[trn]
    code = f" by {row.criterion}" if isinstance(row.criterion, str) and row.outcome != "duplicate" else ""
    return f"now {row.outcome}{code}: {row.reason}"
