"""Studies that are read at once give what each gives by itself."""

from functools import partial
from itertools import count

import pandas as pd
from conftest import DAY, study
from hypothesis import example, given
from hypothesis import strategies as st

from evlib.base.schema import checked, csv_rows_of, csv_rows_of_columns
from evlib.ingest.registries import ctgov
from evlib.ingest.registries.common import Gathered, as_text, gathered, tables, together


def whole_study(trn):
    """A study that holds something at each place that is read."""
    one = study(trn, officialTitle="A whole trial", acronym="EV", orgStudyIdInfo={"id": "A-1"})
    one["protocolSection"]["identificationModule"]["secondaryIdInfos"] = [{"id": "2019-001234-12"}]
    one["protocolSection"]["statusModule"] |= {
        "startDateStruct": {"date": "2024-03"},
        "studyFirstSubmitDate": "2024-01-31",
    }
    one["protocolSection"]["designModule"]["designInfo"] = {"allocation": "NA", "maskingInfo": {"masking": "DOUBLE"}}
    return one | {
        "protocolSection": one["protocolSection"]
        | {
            "conditionsModule": {"conditions": ["Sepsis", "Burns"], "keywords": ["exosome"]},
            "armsInterventionsModule": {
                "interventions": [{"type": "DRUG", "name": "Exosomes"}],
                "armGroups": [{"label": "One", "description": "Once"}, {"label": "Two"}],
            },
            "sponsorCollaboratorsModule": {"leadSponsor": {"name": "A university"}},
            "contactsLocationsModule": {"locations": [{"country": "Chile"}, {"country": "Peru"}, {"country": "Chile"}]},
            "referencesModule": {"references": [{"pmid": "1", "type": "RESULT"}]},
        }
    }


def places_in(value, above=()):
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*above, key)
        yield from places_in(one, (*above, key))


def changed(number, changes):
    one = whole_study(f"NCT{number:08}")
    for place, value in changes:
        *above, last = place
        at = one
        for key in above:
            at = (
                at[key]
                if isinstance(at, dict | list) and key in (at if isinstance(at, dict) else range(len(at)))
                else {}
            )
        if isinstance(at, dict) or (isinstance(at, list) and isinstance(last, int) and last < len(at)):
            at[last] = value
    return one


PLACES = sorted(set(places_in(whole_study("NCT00000000"))), key=str)
TEXTS = st.text(alphabet='a1 |<b>&;\\*_x0D"=,\t\0\x7fé\ud800', max_size=8)
ODD = [
    "NCT00000001",
    "NCT00000009",
    "2020-13",
    "2031-01-01",
    "03/04/2020",
    " 2024-02-01",
    "PHASE2",
    "&amp;",
    "\\<b\\>",
    "_x000D_",
]
VALUES = (
    TEXTS
    | st.sampled_from([*ODD, None, True, False, 0, 1, -1, 1.0, 10**9, [], {}])
    | st.lists(TEXTS | st.none() | st.just(1), max_size=3)
)


@given(st.lists(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), max_size=2), min_size=1, max_size=4))
@example([[], [(("protocolSection", "conditionsModule", "conditions"), ["a|b", "a", " a"])]])
def test_studies_read_at_once_are_as_each_by_itself(changes):
    items = list(enumerate(map(changed, count(1), changes), start=1))
    told = []
    for columns_of in (None, partial(ctgov.columns_of, snapshot=DAY)):
        seen = {}
        parts = gathered(items, partial(ctgov.record, snapshot=DAY), file="f", seen=seen, columns_of=columns_of)
        told.append(([(repr(together(part.records)), repr(part[1:])) for part in parts], seen))
    assert told[0] == told[1]


def test_plain_studies_need_no_look_of_their_own():
    studies = [whole_study("NCT00000001"), study("NCT00000002"), changed(3, [(("hasResults",), True)])]
    columns = ctgov.columns_of(studies, snapshot=DAY)
    assert columns["arms"] == ["One: Once | Two", None, "One: Once | Two"]
    assert set(ctgov.record(studies[0], snapshot=DAY)) == set(columns)


CELLS = {
    "text": TEXTS.filter(lambda text: text.isprintable() and "\ud800" not in text),
    "count": st.integers(0, 99),
    "flag": st.booleans(),
}
ROWS = st.fixed_dictionaries(
    {"trn": CELLS["text"], "trn_kind": st.just("number"), "registry": st.just("A, B"), "snapshot": st.just(DAY)},
    optional={
        "brief_title": CELLS["text"],
        "enrolment": CELLS["count"] | st.none(),
        "results_posted": CELLS["flag"] | st.none(),
    },
)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_columns_are_written_as_the_table_of_them_is(rows):
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    assert csv_rows_of_columns(columns, "records") == csv_rows_of(checked(pd.DataFrame(columns), "records"))


def test_columns_that_do_not_fit_are_not_written_as_they_are():
    good = {"trn": ["A"], "trn_kind": ["number"], "registry": ["R"], "snapshot": [DAY]}
    for wrong in (
        {"enrolment": ["12"]},
        {"sponsor": [12]},
        {"trn": [None]},
        {"registered": ["2024-02-01"]},
        {"unknown": ["x"]},
    ):
        assert csv_rows_of_columns(good | wrong, "records") is None
    part = as_text(Gathered([good, good | {"enrolment": ["12"]}], [], []))
    made = tables(together(part.records), [], "f")
    assert (part.written, made.records.enrolment[1]) == (None, 12)
