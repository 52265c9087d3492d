"""The PRISMA 2020 flow as the CSV of the R package PRISMA2020, written and read."""

import decimal
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evlib.base.errors import InputError
from evlib.base.point_layout import plain
from evlib.base.schema import read_csv, unguarded
from evlib.screen.prisma_flow import IDENTIFIED, UPDATE_STEPS, counts, flow_table, link_of, reason_steps, reasons

_TOO_MANY = 10**15
_PRISMA2020 = ["data", "node", "box", "description", "boxtext", "tooltips", "url", "n"]
# The rows of the package's template: data, node, box, description and boxtext. Keys, order and nodes are the package's.
_TEMPLATE = (
    (None, "node4", "prevstud", "Previous studies", "Previous studies"),
    ("previous_studies", "node5", "box1", "Trials included in the previous version of the review", "Trials included in previous version of review"),
    ("previous_reports", None, "box1", "Reports of trials: registry records have none", "Reports are not counted"),
    (None, "node6", "newstud", "Identification of studies via registers", "Identification of new studies via registers"),
    ("database_results", "node7", "box2", "Records identified from registers; no search of databases is on record", "Databases"),
    ("database_specific_results", None, "box2", "Records identified by database", "Specific databases"),
    ("register_results", None, "box2", "Records identified from registers", "Registers"),
    ("register_specific_results", None, "box2", "Records identified by register", "Specific registers"),
    (None, "node16", "othstud", "Identification of studies via other methods: not done", "Identification via other methods"),
    ("website_results", "node17", "box11", "Records identified from other sources: no search is on record", "Websites"),
    ("organisation_results", None, "box11", "Records identified from organisations: no search is on record", "Organisations"),
    ("citations_results", None, "box11", "Records identified by citation searching: not done", "Citation searching"),
    ("duplicates", "node8", "box3", "Duplicate records and records not yet read", "Duplicate records"),
    ("excluded_automatic", None, "box3", "Records excluded by rules alone: none", "Records excluded by automation tools"),
    ("excluded_other", None, "box3", "Records that nobody has decided on", "Records not yet read"),
    ("records_screened", "node9", "box4", "Records screened by title", "Records screened by title"),
    ("records_excluded", "node10", "box5", "Records excluded by title", "Records excluded by title"),
    ("dbr_sought_reports", "node11", "box6", "Records looked up: a registry record has no report to retrieve", "Registry records looked up"),
    ("dbr_notretrieved_reports", "node12", "box7", "Records that could not be looked up", "Registry records not found"),
    ("other_sought_reports", "node18", "box12", "Reports sought (other methods): none", "Reports sought for retrieval"),
    ("other_notretrieved_reports", "node19", "box13", "Reports not retrieved (other methods): none", "Reports not retrieved"),
    ("dbr_assessed", "node13", "box8", "Records assessed for eligibility", "Records assessed for eligibility"),
    ("dbr_excluded", "node14", "box9", "Records not included by reason and records that are unclear", "Records not included"),
    ("other_assessed", "node20", "box14", "Reports assessed (other methods): none", "Reports assessed for eligibility"),
    ("other_excluded", "node21", "box15", "Reports excluded (other methods): none", "Reports excluded"),
    ("new_studies", "node15", "box10", "Trials included in the review", "Trials included in review"),
    ("new_reports", None, "box10", "Reports of included trials: not counted", "Reports are not counted"),
    ("total_studies", "node22", "box16", "Total trials included in the review", "Total trials included in review"),
    ("total_reports", None, "box16", "Reports of all included trials: not counted", "Reports are not counted"),
    ("identification", "node1", "identification", "Stage: identification", "Identification"),
    ("screening", "node2", "screening", "Stage: screening", "Screening"),
    ("included", "node3", "included", "Stage: included", "Included"),
)  # fmt: skip
_BOX_STEPS = {
    "box1": ["before"], "box2": ["identified_total", "identified"], "box3": ["duplicates", "pending"], "box4": ["screened"],
    "box5": ["excluded_title"], "box8": ["assessed"], "box10": ["included"], "box16": ["after"],
}  # fmt: skip
_PLAIN_STEPS = {
    "duplicates": "duplicates", "excluded_other": "pending", "records_screened": "screened",
    "records_excluded": "excluded_title", "dbr_assessed": "assessed", "new_studies": "included",
}  # fmt: skip
_WITHOUT_STEP = {
    *("website_results", "organisation_results", "citations_results", "excluded_automatic", "dbr_notretrieved_reports"),
    *("other_sought_reports", "other_notretrieved_reports", "other_assessed", "other_excluded"),
}
_UNFILLED = "xxx"  # what the package's template holds in place of a number
_OF_UPDATE = {"before": "previous_studies", "after": "total_studies"}


def to_prisma2020(
    flow: pd.DataFrame, *, previous: int | None = None, total: int | None = None, links: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """The flow as the CSV that the R package PRISMA2020 draws from (``PRISMA_data(read.csv(file))``).

    Registry records have no reports to retrieve: as many are sought as are assessed. Commas, semicolons and straight
    quotes, which the package cannot hold within a name, become other characters.

    Parameters
    ----------
    flow
        Table ``flow``.
    previous, total
        Trials of the previous and of this version of an updated review; both or none.
    links
        Addresses of steps, as in ``flow_figure``.

    Returns
    -------
    pandas.DataFrame
        Text columns ``data, node, box, description, boxtext, tooltips, url, n``; missing is the text NA, as R reads it.

    Examples
    --------
    >>> n = {"identified_total": 9, "duplicates": 1, "screened": 8, "excluded_title": 3, "assessed": 5, "included": 5}
    >>> flow = flow_table(n, [("ChiCTR", 9)], protocol={"criteria": {}})
    >>> to_prisma2020(flow).set_index("data").n[["register_results", "records_screened", "new_studies"]].to_dict()
    {'register_results': '9', 'records_screened': '8', 'new_studies': '5'}
    """
    if (previous is None) != (total is None):
        raise ValueError("an update needs both the previous and the total number of trials.")
    n, labels = counts(flow), flow.set_index("step").label
    registries = [(row.label.removeprefix(IDENTIFIED), row.n) for row in flow[flow.step == "identified"].itertuples()]
    numbers = {key: n[step] for key, step in _PLAIN_STEPS.items()} | {
        "previous_studies": previous,
        "total_studies": total,
        "register_results": n.identified_total,
        "register_specific_results": _as_list(registries),
        "excluded_automatic": 0,
        "dbr_sought_reports": n.assessed,
        "dbr_notretrieved_reports": 0,
        "dbr_excluded": _as_list([*(reason[:2] for reason in reasons(flow)), (labels["unclear"], n.unclear)]),
    }
    texts = {"newstud": "Identification of studies via registers"} if previous is None else {}
    rows = []
    for key, node, box, description, boxtext in _TEMPLATE:
        steps = [*reason_steps(flow), "unclear"] if box == "box9" else _BOX_STEPS.get(box, [])
        tooltip = description if node else None  # the package numbers tooltips by the rows that have one
        shown = 0 if key in (None, box) else numbers.get(key)
        rows.append((key, node, box, description, texts.get(box, boxtext), tooltip, link_of(links, steps), shown))
    return pd.DataFrame(rows, columns=_PRISMA2020, dtype="object").fillna("NA").astype("str")


def from_prisma2020(path: str | Path, protocol: dict) -> pd.DataFrame:
    """The counts in a CSV of the R package PRISMA2020, as our steps.

    Numbers may have commas between thousands or R's exponents; NA counts as 0 where PRISMA lets a box be empty.

    Returns
    -------
    pandas.DataFrame
        Table ``flow``, which need not add up (``prisma_flow.adds_up``). Where the file gives the total, it ends with the trials
        before an update and after it: steps ``before`` and ``after``.

    Raises
    ------
    InputError
        Where the file is no such CSV, or the package's template without a number; a row is missing, doubled, not filled in or not
        a count; or our flow has no step for it.
    """
    rows = read_csv(path, needs=["data", "n"], by_hand=True).fillna("NA")
    cells: dict[str, _Cell] = {}
    for number, (key, n) in enumerate(zip(rows.data, rows.n), start=2):
        if key in cells:
            raise InputError(f"{path}, row {number}: '{key}' occurs twice. Keep one of the rows.")
        if key != "NA":
            cells[key] = _Cell(f"{path}, row {number} ('{key}'), column 'n'", unguarded(n).strip())
    counted = any(re.search(r"(?:^|,)[\s\d,.]*[1-9]", cell.text) for cell in cells.values())
    if not counted and any(_UNFILLED in cell.text for cell in cells.values()):
        raise InputError(f"{path}: the package's template, not filled in: no number above 0. Write yours into 'n'.")
    for key in ("records_screened", "records_excluded", "dbr_assessed", "new_studies"):
        if key not in cells:
            raise InputError(f"{path}: the row with '{key}' in the column 'data' is missing. Add it.")
        if cells[key].text == "NA":
            raise InputError(f"{cells[key].place}: the number is missing.")
    for key, cell in cells.items():
        if key in _WITHOUT_STEP and any(k for _, k in _names_and_counts(cell)):
            raise InputError(f"{cell.place}: {cell.text!r} counts what our flow has no step for. Write NA or 0.")
    sought = cells.get("dbr_sought_reports", _NO_CELL)
    if sought.text != "NA" and _whole(sought) != _whole(cells["dbr_assessed"]):
        assessed = cells["dbr_assessed"].text
        raise InputError(f"{sought.place}: {sought.text} are sought, but 'dbr_assessed' is {assessed}.")
    numbers = {step: _whole(cells.get(key, _NO_CELL)) for key, step in _PLAIN_STEPS.items()}
    sources, numbers["identified_total"] = _sources(cells, path)
    numbers |= _excluded(cells.get("dbr_excluded", _NO_CELL), protocol)
    flow = flow_table(numbers, sources, protocol=protocol)
    totals = {step: _whole(cells.get(key, _NO_CELL)) for step, key in _OF_UPDATE.items()}
    if cells.get("total_studies", _NO_CELL).text == "NA" or not any(totals.values()):
        return flow
    return pd.concat(
        [flow, pd.DataFrame([(step, UPDATE_STEPS[step], n) for step, n in totals.items()], columns=flow.columns)]
    )


class _Cell(NamedTuple):
    """The number of a row of a PRISMA2020 file, as written, and where it stands."""

    place: str
    text: str


_NO_CELL = _Cell("", "NA")


def _as_list(counts: Iterable[tuple[str, int]]) -> str:
    return "; ".join(f"{_part_name(name)}, {int(n)}" for name, n in counts) or "NA"


def _part_name(name: str) -> str:
    """A name without what splits the package's lists (; and ,) or breaks its drawing (quotes, backslashes)."""
    return plain(name.translate(str.maketrans(",;'\"\\", "  ’”/"))) or "unnamed"


def _whole(cell: _Cell) -> int:
    """The count of a cell; 0 where it is NA."""
    return 0 if cell.text == "NA" else _count_in(cell.text, cell.place)


def _count_in(text: str, place: str) -> int:
    try:
        number = decimal.Decimal(text.replace(",", ""))
    except decimal.InvalidOperation:
        number = decimal.Decimal("NaN")
    if not number.is_finite() or not 0 <= number < _TOO_MANY or number != int(number):
        left = ", as in the template" if text.strip() == _UNFILLED else ""
        raise InputError(f"{place}: {text.strip()!r} is not a count{left}. Write a whole number, or NA.")
    return int(number)


def _names_and_counts(cell: _Cell) -> list[tuple[str, int]]:
    """The names and counts of "name, n; name, n", those left as in the template dropped; a number alone has no name."""
    if cell.text == "NA":
        return []
    if re.fullmatch(r"[\d,]+", cell.text):
        return [("", _whole(cell))]
    parted = [piece.partition(",") for piece in cell.text.split(";") if piece.strip()]
    return [(name.strip(), _count_in(n.strip(), cell.place)) for name, _, n in parted if n.strip() != _UNFILLED]


def _sources(cells: Mapping[str, _Cell], path: str | Path) -> tuple[list[tuple[str, int]], int]:
    """The sources by name with their records, and the records of all."""
    named, total = [], 0
    if not {"register_results", "database_results"} & set(cells):
        raise InputError(f"{path}: the row with 'register_results' in the column 'data' is missing. Add it.")
    for kind in ("database", "register"):
        whole = cells.get(f"{kind}_results", _NO_CELL)
        own = _names_and_counts(cells.get(f"{kind}_specific_results", _NO_CELL))
        records = sum(n for _, n in own) if whole.text == "NA" else _whole(whole)
        named += own or ([(f"{kind.capitalize()}s", records)] if records else [])
        total += records
    return named, total


def _excluded(cell: _Cell, protocol: dict) -> dict[str, int]:
    """How many records were excluded by each criterion, and how many are unclear, by step."""
    codes = [code for code, facts in protocol["criteria"].items() if facts["kind"] == "exclude"]
    by_step = dict.fromkeys(("unclear", *(f"excluded_{code}" for code in codes)), 0)
    for name, n in _names_and_counts(cell):
        code = next(iter(re.findall(r"\w+", name)), "")
        step = "unclear" if code.casefold() == "unclear" else f"excluded_{code}"
        if step in by_step:
            by_step[step] += n
        elif n:
            wrong = f"{cell.place}: the reason {name!r} ({n}) is no criterion of the protocol."
            raise InputError(f"{wrong} Begin each reason with one of {', '.join(codes)} or Unclear.")
    return by_step
