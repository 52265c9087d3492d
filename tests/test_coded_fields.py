"""Coding: what readers coded wins, an unknown code is named, and a trial with two values counts under both."""

import pandas as pd
import pytest
from conftest import RAW, ROOT, records_of

from evlib.base.errors import InputError
from evlib.base.protocol import load_protocol
from evlib.base.schema import CODED_FIELDS, columns
from evlib.base.tables import WITHOUT_CODE
from evlib.describe import coded_fields, codes_by_people

RECORD = {
    "trn": "NCT00000001",
    "brief_title": "Nebulised umbilical cord MSC exosomes for COVID-19 pneumonia",
    "conditions": "COVID-19",
    "ev_term_text": "exosomes",
    "route_text": "inhalation",
    "phases": "Phase 1 | Phase 2",
    "intervention_model": "Parallel",
    "study_type": "Interventional",
    "countries": "Iran (Islamic Republic of) | Türkiye",
}


def coded_by_rules(review, **facts):
    return coded_fields.rule_coding(records_of([RECORD | facts], columns("records")), protocol=review).iloc[0]


def test_a_plain_record_is_coded_from_its_words(review):
    row = coded_by_rules(review)
    expected = {
        "disease_area": "respiratory", "covid19": True, "msc_source": "umbilical-cord", "ev_term": "exosome",
        "engineered": False, "route": "nebulised", "route_group": "nebulised", "design": "parallel",
        "phase_group": "1-2", "study_type": "interventional", "countries": "Iran | Türkiye", "country_basis": "record",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("field", "code", "facts"),
    [
        ("disease_area", "oncological", {"conditions": "Lung Cancer"}),
        ("disease_area", "oncological", {"conditions": "Brain-metastases"}),
        ("disease_area", "respiratory", {"conditions": "COVID-19 in cancer patients"}),
        ("disease_area", "respiratory", {"conditions": "Pneumonia | Lung cancer"}),
        ("route", "topical", {"interventions": "Drug: exosome gel; oral mucositis"}),
        ("route", "other", {"interventions": "exosomes, oral administration"}),
        ("route", "intraocular", {"interventions": "subconjunctival injection"}),
        ("route", "other", {"interventions": "intracoronary infusion"}),
        ("route", "other", {"interventions": "IM injection"}),
        ("route", "other", {"interventions": "intratracheal instillation"}),
        ("route", "intrathecal", {"interventions": "intrathecal infusion"}),
        ("route", "combined", {"interventions": "intracoronary infusion, then infusion at home"}),
        ("route", "intravenous", {"interventions": "Biological: IV exosomes | Drug: placebo inhalation"}),
        ("route", "intravenous", {"arms": "A: IV exosomes | Placebo: nebulised saline"}),
        ("route", None, {"brief_title": "Exosomes in stage IV venous ulcers"}),
        ("msc_source", "whartons-jelly", {"brief_title": "Wharton's jelly umbilical cord MSC exosomes"}),
        ("msc_source", "mixed", {"brief_title": "Adipose and umbilical cord MSC exosomes"}),
        ("msc_source", None, {"brief_title": "Exosomes of MSCs, UC Davis"}),
        ("msc_source", None, {"brief_title": "MSC exosomes in UC patients", "conditions": "UC"}),
        ("msc_source", "umbilical-cord", {"brief_title": "UC-MSC exosomes in UC patients"}),
        ("msc_source", None, {"brief_title": "MSC exosomes in fat embolism"}),
        ("msc_source", "adipose", {"brief_title": "Exosomes of MSC from fat in fat embolism"}),
        ("msc_source", None, {"arms": "Control: adipose MSC | MSC exosomes"}),
    ],
)
def test_words_that_only_seem_to_name_a_code_do_not_count(review, field, code, facts):
    coding = coded_fields.rule_coding(
        records_of([{"trn": "NCT00000001", **facts}], columns("records")), protocol=review
    )
    assert coding[field][0] == code or (code is None and pd.isna(coding[field][0]))


def test_a_code_cannot_be_part_of_an_unknown_one(tmp_path):
    path = tmp_path / "protocol.yml"
    shipped = (ROOT / "protocol.yml").read_text(encoding="utf-8")
    path.write_text(shipped.replace("part_of: umbilical-cord", "part_of: cord", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"line \d+.*'cord'"):
        load_protocol(path)


def test_what_the_record_does_not_say_stays_missing(review):
    row = coded_fields.rule_coding(records_of([{"trn": "NCT00000001"}], columns("records")), protocol=review).iloc[0]
    assert row[["disease_area", "msc_source", "route", "phase_group", "countries"]].isna().all()


def test_of_two_diseases_the_first_field_decides_and_within_it_the_order_of_the_list(review):
    coded = coded_by_rules(review, conditions="Ulcer | Pneumonia", brief_title="Stroke")
    assert coded.disease_area == "respiratory"  # first in the list, though second in the field
    assert coded_by_rules(review, conditions="Stroke", brief_title="Pneumonia").disease_area == "neurological"


def test_two_routes_are_combined_and_keep_a_common_group(review):
    assert (
        coded_by_rules(review, route_text="intravenous and inhalation")[["route", "route_group"]].tolist()
        == ["combined"] * 2
    )
    both_local = coded_by_rules(review, route_text="intranasal and topical")
    assert both_local[["route", "route_group"]].tolist() == ["combined", "local"]


def test_a_route_is_grouped_as_seen_from_the_disease(review):
    for condition, group in (("rhinitis", "local"), ("Alzheimer disease", "other")):
        assert coded_by_rules(review, route_text="nasal spray", conditions=condition).route_group == group


def test_a_record_with_a_phase_or_an_allocation_is_interventional_and_else_it_does_not_say(review):
    assert coded_by_rules(review, study_type=None).study_type == "interventional"
    assert coded_by_rules(review, study_type=None, phases=None, masking="Double").study_type == "interventional"
    assert pd.isna(coded_by_rules(review, study_type=None, phases=None).study_type)


def test_an_unknown_code_is_set_aside_with_its_line(tmp_path, review):
    head = "trn,disease_area,covid19,msc_source,ev_term,engineered,route,route_group,design,phase_group,study_type,countries,country_basis"
    path = tmp_path / "coding.csv"
    path.write_text(
        f"{head}\nNCT00000001,lungs,,,,,,,,,,,\nNCT00000002,hepatic,True,,,,,,,,,Iran,sponsor\nNCT00000009,,,,,,,,,,,,\n"
    )
    coded, rejects = coded_fields.readers_coding(path, known={"NCT00000001", "NCT00000002"}, protocol=review)
    assert coded.trn.tolist() == ["NCT00000002"]
    assert rejects.line.tolist() == [2, 4]
    assert "'lungs' is not a code" in rejects.reason[0]


def test_a_country_that_is_not_told_rests_on_nothing(tmp_path, review):
    path = tmp_path / "coding.csv"
    head = ",".join(["trn", *CODED_FIELDS, "country_basis"])
    path.write_text(f"{head}\nNCT00000001{',' * 12}sponsor\nNCT00000002{',' * 11}Iran,sponsor\n")
    coded, _ = coded_fields.readers_coding(path, known={"NCT00000001", "NCT00000002"}, protocol=review)
    assert coded.country_basis.fillna("").tolist() == ["", "sponsor"]


ADDED = """
  sponsor_type:
    reads: [sponsor, brief_title]
    company: {label: Company, phrases: [inc]}
    hospital: {label: Hospital, phrases: [hospital*]}
"""


def with_field(tmp_path, old="", new=""):
    """The shipped protocol with a coded field of its own, or with a slip in it, and the line on which that stands."""
    shipped, path = (ROOT / "protocol.yml").read_text(encoding="utf-8"), tmp_path / "protocol.yml"
    path.write_text(shipped.replace("\ncodes:", f"\ncodes:{ADDED.replace(old, new)}", 1), encoding="utf-8")
    return path, shipped[: shipped.index("\ncodes:")].count("\n") + 2 + ADDED[: ADDED.index(old)].count("\n")


def test_a_field_of_the_protocol_alone_is_read_from_its_columns_in_turn_and_by_readers_where_there_is_a_column(
    tmp_path,
):
    review = load_protocol(with_field(tmp_path)[0])
    facts = [{"sponsor": "A Hospital, Inc"}, {"brief_title": "In one hospital", "sponsor": "A person"}, {}, {}]
    records = records_of([{"trn": f"NCT0000000{i}"} | row for i, row in enumerate(facts)], columns("records"))
    rules, words = coded_fields.rule_coding_with_words(records, protocol=review)
    assert rules.sponsor_type.fillna("").tolist() == ["company", "hospital", "", ""]
    trials = records[["trn"]].assign(merged_trns=None)
    path = tmp_path / "coding.csv"
    head = ",".join(["trn", *CODED_FIELDS, "country_basis"])
    path.write_text(f"{head}\nNCT00000000{',' * 12}\n")
    read, _ = coded_fields.readers_coding(path, known=set(records.trn), protocol=review)
    coding, by = coded_fields.coded(trials, read, rules, words, protocol=review)
    assert coding.sponsor_type[0] == "company" and coding.coded_by[0] == "machine-read"
    basis = coded_fields.coding_basis(coding, words, by, protocol=review).set_index(["trn", "field"])
    assert basis.loc[("NCT00000000", "sponsor_type"), ["coded_by", "words"]].tolist() == ["rules", "Inc"]
    path.write_text(f"{head},sponsor_type\nNCT00000000{',' * 12},hospital\nNCT00000001{',' * 12},museum\n")
    read, rejects = coded_fields.readers_coding(path, known=set(records.trn), protocol=review)
    assert "'museum' is not a code" in rejects.reason[0]
    coding, by = coded_fields.coded(trials, read, rules, words, protocol=review)
    assert coding.sponsor_type.fillna("").tolist() == ["hospital", "hospital", "", ""]
    basis = coded_fields.coding_basis(coding, words, by, protocol=review).set_index(["trn", "field"])
    assert basis.coded_by["NCT00000000", "sponsor_type"] == "machine-read"
    assert coded_fields.coding_agreement(read, rules).set_index("field").loc["sponsor_type", "same"] == 0
    differ = coded_fields.coding_differences(read, rules, words, basis.reset_index()).set_index("field")
    assert differ.loc["sponsor_type", ["readers", "rules", "counts"]].tolist() == ["hospital", "company", "hospital"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("reads: [sponsor,", "reads: [sponsors,", "no text 'sponsors'"),
        ("reads: [sponsor, brief_title]", "", "reads: [sponsor]"),
        ("sponsor_type:", "sponsor:", "another"),
        ("sponsor_type:", "Sponsor-type:", "another"),
        ("label: Company", "lable: Company", "unknown key 'lable'"),
    ],
)
def test_a_slip_in_a_field_of_the_protocol_alone_is_named_with_its_line(tmp_path, old, new, named):
    path, line = with_field(tmp_path, old, new)
    with pytest.raises(InputError) as error:
        load_protocol(path)
    assert named in str(error.value)
    at = line - 1 if not new else line  # without 'reads', the field itself is named
    assert f"line {at}:" in str(error.value)


def test_the_readers_codes_win_over_the_rules(review, shipped):
    read, rejects = coded_fields.readers_coding(RAW / "curation/coding.csv", known=set(shipped.trn), protocol=review)
    assert rejects.empty
    rules, words = coded_fields.rule_coding_with_words(shipped, protocol=review)
    trials = shipped[["trn"]].assign(merged_trns=None)
    coded = coded_fields.coded(trials, read, rules, words, protocol=review)[0].set_index("trn")
    assert coded.index.tolist() == trials.trn.tolist()
    assert set(coded.index[coded.coded_by == "machine-read"]) == set(read.trn) & set(trials.trn)
    agreement = coded_fields.coding_agreement(read, rules).set_index("field")
    assert (
        agreement.share["disease_area"] > 0.85
    )  # the rules' phrases were written before the records of the second round
    assert (agreement.n == read[agreement.index].notna().sum()).all()
    assert (agreement.same <= agreement.n).all()


def test_codes_of_a_merged_record_count_for_the_one_that_is_kept(review):
    records = records_of([RECORD | {"trn": trn} for trn in ("NCT00000001", "NCT00000002")], columns("records"))
    rules, words = coded_fields.rule_coding_with_words(records, protocol=review)
    read = rules.assign(coded_by="machine-read", route="topical", trn=["ChiCTR2000030261", "NCT00000002"])
    trials = records[["trn"]].assign(merged_trns=["ChiCTR2000030261", "IRCT20200217046526N2"])
    both = pd.concat([read, read.head(1).assign(trn="IRCT20200217046526N2", route="intravenous")])
    coded = coded_fields.coded(trials, both, rules, words, protocol=review)[0].set_index("trn")
    assert coded.route.to_dict() == {"NCT00000001": "topical", "NCT00000002": "topical"}  # the second has its own
    assert set(coded.coded_by) == {"machine-read"}


def test_a_field_that_a_kept_record_does_not_tell_is_that_of_the_merged_one_which_is_named(review):
    facts = [{"trn": "NCT00000001", "route_text": "intravenous"}]
    facts += [
        {"trn": "IRCT1", "msc_source_text": "Placental", "route_text": "inhalation", "brief_title": "A lung trial"}
    ]
    records = records_of(facts, columns("records"))
    rules, words = coded_fields.rule_coding_with_words(records, protocol=review)
    read = pd.DataFrame([READ, READ | {"trn": "IRCT1", "design": "parallel"}], columns=columns("coded"), dtype="object")
    trials = pd.DataFrame({"trn": ["NCT00000001"], "merged_trns": ["IRCT1"]})
    coding, by = coded_fields.coded(trials, read, rules, words, protocol=review)
    basis = coded_fields.coding_basis(coding, words, by, protocol=review).set_index("field")
    told = basis.loc["msc_source", ["value", "coded_by", "found_in", "words"]].tolist()
    assert told == ["placenta", "rules (IRCT1)", "msc_source_text", "Placental"]
    assert basis.loc["design", ["value", "coded_by"]].tolist() == ["parallel", "machine-read (IRCT1)"]
    assert basis.value["route"] == "intravenous"  # its own
    assert pd.isna(basis.value["disease_area"])  # a title alone states nothing


def test_a_code_decided_anew_wins_over_readings_and_record_and_shows_its_words(review, tmp_path):
    (tmp_path / "curation").mkdir()
    path, head = tmp_path / "curation/coding_decisions.csv", "trn,field,code,words,read_from,decided_by,date\n"
    row = "NCT00000001,route,not reported,cells intravenously plus EVs,arms,machine reading of 1 May,2026-05-01\n"
    path.write_text(head + row + row.replace("route,", "route_group,"))
    decisions, _ = coded_fields.coding_decisions(tmp_path, known={"NCT00000001"}, protocol=review)
    read = {"route": "intravenous", "route_group": "intravenous"}
    basis = coded_with(review, read, decisions=decisions, route_text="intravenous")
    told = basis.loc["route", ["coded_by", "found_in", "words"]].tolist()
    assert told == ["machine reading of 1 May", "arms", "cells intravenously plus EVs"]
    assert basis.value[["route", "route_group"]].isna().all()
    path.write_text(head + row + row.replace("not reported", "by hand") + row.replace("machine reading of 1 May", ""))
    kept, rejects = coded_fields.coding_decisions(tmp_path, known={"NCT00000001"}, protocol=review)
    assert len(kept) == 1 and rejects.line.tolist() == [3, 4]
    assert "code" in rejects.reason[0] and "who decided" in rejects.reason[1]


def test_who_read_is_as_the_protocol_says(review, tmp_path):
    path = tmp_path / "coding.csv"
    path.write_text(f"{','.join(['trn', *CODED_FIELDS, 'country_basis'])}\nNCT00000001{',' * 12}\n")
    for says, coded_by in ((review, "machine-read"), (review | {"coding_read_by": "person"}, "person")):
        read, _ = coded_fields.readers_coding(path, known={"NCT00000001"}, protocol=says)
        assert read.coded_by.tolist() == [coded_by]
    described = read.assign(screening="included", registered=pd.NaT)
    assert (
        coded_fields.describe_numbers(described, review)["coded_by"]
        == "1 was coded by a person, 0 were coded by the rules alone"
    )


def test_a_trial_in_two_countries_counts_under_both_and_none_as_not_reported():
    frame = pd.DataFrame({"countries": ["Iran | Egypt", "Iran", None], "screening": "included"})
    counts = coded_fields.value_counts(frame, "countries").set_index("countries").n
    assert counts.to_dict() == {"Iran": 2, "Egypt": 1, "not reported": 1}


def test_words_that_may_mean_several_countries_stay_as_they_are(review):
    said = "Japan,Asia(except Japan),North America,South America,Australia,Europe,Africa"
    assert coded_by_rules(review, countries=f"{said} | USA").countries == f"{said} | United States"


def test_counting_by_screening_keeps_both_apart():
    frame = pd.DataFrame({"countries": ["Iran", "Iran"], "screening": ["included", "pending"]})
    counts = coded_fields.value_counts(frame, "countries", by="screening")
    assert counts.n.tolist() == [1, 1]


def test_each_code_tells_the_field_and_the_words_it_rests_on(review):
    records = records_of([RECORD | {"route_text": "intravenous, then inhalation"}], columns("records"))
    rules, words = coded_fields.rule_coding_with_words(records, protocol=review)
    by = rules.set_index("trn").assign(**dict.fromkeys(coded_fields.coded_fields(review), "rules"))
    basis = coded_fields.coding_basis(rules, words, by, protocol=review).set_index("field")
    assert basis.index.tolist() == coded_fields.coded_fields(review)
    assert (basis.found_in["route"], basis.words["route"]) == ("route_text", "intravenous | inhalation")
    assert basis.words["countries"] == "Iran (Islamic Republic of) | Türkiye"
    assert pd.isna(basis.words["engineered"])
    for row in basis.dropna(subset="words").itertuples():
        for field, text in zip(row.found_in.split(" | "), row.words.split(" | ")):
            assert text.casefold() in records[field][0].casefold()


def test_a_readers_code_rests_on_the_record_where_the_rules_find_the_same_and_differences_are_listed(review):
    records = records_of([RECORD], columns("records"))
    rules, words = coded_fields.rule_coding_with_words(records, protocol=review)
    read = rules.assign(
        coded_by="machine-read", route="intravenous", countries="China", country_basis="sponsor", design=None
    )
    by = read.set_index("trn").assign(**dict.fromkeys(coded_fields.coded_fields(review), "machine-read"))
    basis = coded_fields.coding_basis(read, words, by, protocol=review)
    differ = coded_fields.coding_differences(read, rules, words, basis).set_index("field")
    basis = basis.set_index("field")
    assert basis.words["disease_area"] == "COVID"
    assert pd.isna(basis.found_in["route"])
    assert basis.found_in["countries"] == "sponsor"
    assert set(differ.index) == {"route", "countries", "design"}
    assert differ.loc["route", ["readers", "rules", "words"]].tolist() == ["intravenous", "nebulised", "inhalation"]
    assert pd.isna(differ.readers["design"])


READ = {"trn": "NCT00000001", "coded_by": "machine-read"}


def coded_with(review, read, people=None, decisions=None, **facts):
    """The codes of a record that readers coded like this, and by whom each is."""
    records = records_of([{"trn": "NCT00000001"} | facts], columns("records"))
    rules, words = coded_fields.rule_coding_with_words(records, protocol=review)
    read = pd.DataFrame([READ | read], columns=columns("coded"), dtype="object")
    trials = records[["trn"]].assign(merged_trns=None)
    coding, by = coded_fields.coded(trials, read, rules, words, decisions=decisions, people=people, protocol=review)
    return coded_fields.coding_basis(coding, words, by, decisions=decisions, protocol=review).set_index("field")


@pytest.mark.parametrize(
    ("field", "facts", "value"),
    [
        ("design", {"intervention_model": "Single Group"}, "single-arm"),
        ("countries", {"countries": "Iran, Islamic Republic of"}, "Iran"),
        ("phase_group", {"phases": "Phase 2"}, "2"),
        ("route", {"route_text": "injection"}, WITHOUT_CODE),  # stated, which route is not told
        ("route_group", {"route_text": "injection"}, None),
        (
            "design",
            {"brief_title": "Not eligible for a randomized trial"},
            None,
        ),  # a title speaks of more than the trial
        ("msc_source", {"brief_title": "Healing after tooth extraction"}, None),
        ("msc_source", {"msc_source_text": "MSCs enriched with own extracellular vesicles"}, None),  # no tissue
    ],
)
def test_not_reported_means_that_neither_reading_nor_record_states_it(review, field, facts, value):
    row = coded_with(review, {}, **facts).loc[field]
    assert (row.value if value else None) == value and pd.isna(row.value) == (value is None)
    assert row.coded_by == ("rules" if value else "machine-read")


def test_a_country_taken_from_the_sponsor_gives_way_to_one_that_the_record_states(review):
    sponsor = {"countries": "United States", "country_basis": "sponsor"}
    row = coded_with(review, sponsor, countries="Germany").loc["countries"]
    assert row[["value", "coded_by", "found_in"]].tolist() == ["Germany", "rules", "countries"]
    assert coded_with(review, sponsor).loc["countries", ["value", "found_in"]].tolist() == ["United States", "sponsor"]


def test_a_route_and_its_group_stay_a_pair(review):
    basis = coded_with(review, {"route_group": "local"}, route_text="intravenous")
    assert pd.isna(basis.value["route"]) and basis.value["route_group"] == "local"
    assert coded_with(review, {"route_group": "local"}, route_text="topical").value["route"] == "topical"


def test_what_a_record_states_in_a_field_with_a_list_goes_before_a_machine_reading_not_before_a_person(review):
    facts = {"intervention_model": "Sequential", "phases": "Phase 2"}
    basis = coded_with(review, {"design": "parallel", "phase_group": "not-applicable"}, **facts)
    design = basis.loc["design", ["value", "coded_by", "found_in", "words"]]
    assert design.tolist() == ["sequential", "rules", "intervention_model", "Sequential"]
    assert basis.value["phase_group"] == "2" and basis.record_says.isna().all()
    person = coded_with(review, {"design": "parallel", "coded_by": "person"}, **facts).loc["design"]
    assert person[["value", "coded_by", "record_says"]].tolist() == ["parallel", "person", "Sequential"]
    assert coded_with(review, {"design": "parallel"}, intervention_model="As we like").value["design"] == "parallel"


def test_a_reading_that_a_records_free_words_contradict_counts_and_they_stand_beside_it(review):
    route = coded_with(review, {"route": "topical", "route_group": "local"}, route_text="oral spray").loc["route"]
    assert route[["value", "coded_by", "record_says"]].tolist() == ["topical", "machine-read", "oral"]
    of_two = coded_with(review, {"disease_area": "respiratory"}, conditions="Burns | Pneumonia").loc["disease_area"]
    assert pd.isna(of_two.record_says)  # the record names it, too


def test_a_persons_code_wins_and_rows_that_cannot_be_used_are_named(review, tmp_path):
    (tmp_path / "curation").mkdir()
    path = tmp_path / "curation/coding_by_people.csv"
    head, trn = "trn,field,code,reviewer,reason", "NCT00000001"
    good = ["design,Sequential,Anna", "countries,turkey; USA,Anna", "covid19,yes,Anna", "phase_group,not reported,Anna"]
    good += ["route,topical,Anna", "route,nebulised,Ben", "route,nebulised,adjudicated"]
    bad = {"design,tall,Anna": "Crossover", "masks,1,Anna": "masks", "study_type,Interventional,R1": "reviewer"}
    apart = ["ev_term,exosome,Anna", "ev_term,both,Ben"]
    rows = [f"{trn},{row},read it" for row in [*good, *bad, *apart]]
    path.write_text("\n".join([head, *rows, f"{trn},msc_source,,Anna,later", "NCT9,design,Parallel,Anna,no"]))
    codes, rejects = codes_by_people.read_codes(tmp_path, known={trn}, protocol=review)
    assert rejects.line.tolist() == [9, 10, 11, 15, 12, 13]
    basis = coded_with(review, {"phase_group": "2", "ev_term": "both", "route": "other"}, codes)
    assert basis.value[["design", "countries", "covid19", "route"]].tolist() == [
        "sequential",
        "Türkiye | United States",
        "True",
        "nebulised",
    ]
    assert basis.coded_by["design"] == "person (Anna)" and basis.coded_by["route"] == "person (adjudicated)"
    assert pd.isna(basis.value["phase_group"]) and basis.coded_by["phase_group"] == "person (Anna)"
    assert basis.value["ev_term"] == "both" and basis.coded_by["ev_term"] == "machine-read"
