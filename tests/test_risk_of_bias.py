"""Risk of bias: what counts of several judgements, what people may write, and a picture that gives each light its reason."""

import re
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from conftest import RAW, put
from hypothesis import given
from hypothesis import strategies as st

from evlib.base import figure
from evlib.certainty import risk_of_bias
from evlib.certainty.risk_of_bias_figure import traffic_lights
from evlib.doses import reports

HEAD = "study_id,tool,domain,judgement,reviewer,reason,date\n"


@pytest.fixture(scope="module")
def shipped():
    return reports.read_reports(RAW)[0]


def judged_with(shipped, *rows):
    """The settled judgements with rows of people: report, domain, judgement, reviewer and perhaps another tool."""
    studies = shipped["risk_of_bias"].drop_duplicates("study_id").set_index("study_id").tool
    people = [
        {"study_id": study, "tool": tool[0] if tool else studies[study], "domain": domain, "judgement": word}
        | {"reviewer": reviewer, "reason": f"{reviewer} says why"}
        for study, domain, word, reviewer, *tool in rows
    ]
    people = pd.DataFrame(people, columns=[*reports.columns(reports.BY_PEOPLE)])
    return risk_of_bias.settled(shipped["risk_of_bias"], shipped["studies"], people)


def cell(judged, study, domain):
    [row] = judged[(judged.study_id == study) & (judged.domain == domain)].to_dict("records")
    return row


def test_the_shipped_judgements_are_those_that_were_handed_over(shipped):
    judged = judged_with(shipped)
    assert judged.groupby("tool").study_id.nunique().to_dict() == {"RoB2": 16, "ROBINS-I": 42}
    overall = judged[judged.domain == "overall"].groupby("tool").judgement.value_counts().to_dict()
    assert overall == {
        ("RoB2", "some-concerns"): 9,
        ("RoB2", "high"): 7,
        ("ROBINS-I", "moderate"): 1,
        ("ROBINS-I", "serious"): 25,
        ("ROBINS-I", "critical"): 16,
    }
    assert (judged.R1 == judged.R2).sum() == 371
    assert judged.judged_by.eq("machine readings").all() and judged.reason.notna().all()
    of_first = judged.judgement == judged.R1
    assert (judged.reason == judged.reason_R1.where(of_first, judged.reason_R2)).all()
    called_randomised = judged[(judged.allocation == "randomised") & (judged.tool == "ROBINS-I")]
    assert called_randomised.study.str.startswith("Johnson 2023").all() and len(called_randomised) == 8
    said = risk_of_bias.randomised_by_other_tool(judged)
    assert said.count("ROBINS-I all the same") == 1 and "registry title" in said
    assert risk_of_bias.randomised_by_other_tool(judged[judged.tool == "RoB2"]) == ""


def test_a_report_judged_by_robins_i_whose_record_says_randomised_is_named_and_marked(shipped):
    silent, matched = "covid-19exo-samara-2020-registry-results", "shi-2021"
    of_record = {silent: "Randomized", matched: "Non-Randomized", "johnson-2023-platelet-ev": "Randomized"}
    tables = (shipped[name] for name in ("risk_of_bias", "studies", "risk_of_bias_by_people"))
    judged = risk_of_bias.settled(*tables, pd.Series(of_record))
    said = risk_of_bias.randomised_by_other_tool(judged)
    assert said.count("†") == said.count("§") == 1 and "record states: Randomized" in said.split("§")[1]
    names = judged.drop_duplicates("study_id").set_index("study_id").study
    assert names[silent] in said and names[matched] not in said
    drawn = traffic_lights(judged, "ROBINS-I")
    [mark] = [text for text in (text.get_text() for text in drawn.drawing.axes[0].texts) if text.startswith("§ C")]
    assert names[silent][:10] in mark and "by its trial's record" in drawn.alt
    plt.close(drawn.drawing)


def test_a_person_wins_over_the_machine_readings_and_is_named(shipped):
    judged = judged_with(shipped, ("cho-2020", "measurement", "high", "Ana"))
    row = cell(judged, "cho-2020", "measurement")
    assert (row["judgement"], row["judged_by"], row["reason"]) == ("high", "Ana", "Ana says why")
    assert (row["R1"], row["R2"]) == ("low", "low")
    overall = cell(judged, "cho-2020", "overall")
    assert (overall["judgement"], overall["judged_by"]) == ("high", "Ana") and "measurement" in overall["reason"]
    others = judged[~judged.domain.isin(["measurement", "overall"]) | (judged.study_id != "cho-2020")]
    assert len(judged) == 432 and others.judged_by.eq("machine readings").all()


def test_an_overall_judgement_of_a_person_is_not_worked_out_again(shipped):
    judged = judged_with(
        shipped, ("cho-2020", "measurement", "high", "Ana"), ("cho-2020", "overall", "some-concerns", "Ana")
    )
    assert cell(judged, "cho-2020", "overall")["reason"] == "Ana says why"
    assert cell(judged, "cho-2020", "overall")["judgement"] == "some-concerns"


def test_people_who_differ_settle_nothing_until_somebody_does(shipped):
    differ = [("cho-2020", "measurement", "high", "Ana"), ("cho-2020", "measurement", "some-concerns", "Ben")]
    row = cell(judged_with(shipped, *differ), "cho-2020", "measurement")
    assert (row["judgement"], row["judged_by"]) == ("low", "machine readings")
    assert "Ana: high" in row["how_settled"] and "Ben: some-concerns" in row["how_settled"]
    row = cell(
        judged_with(shipped, *differ, ("cho-2020", "measurement", "high", "adjudicated")), "cho-2020", "measurement"
    )
    assert (row["judgement"], row["judged_by"]) == ("high", "adjudicated")


def test_a_report_that_a_person_judges_with_the_other_tool_is_judged_anew(shipped):
    judged = judged_with(shipped, ("johnson-2023-platelet-ev", "randomisation", "some-concerns", "Ana", "RoB2"))
    own = judged[judged.study_id == "johnson-2023-platelet-ev"]
    assert own.tool.unique().tolist() == ["RoB2"] and own.domain.tolist() == ["randomisation", "overall"]
    assert own.judgement.tolist() == ["some-concerns"] * 2
    assert "None of 17 randomised reports" in traffic_lights(judged, "RoB2").title


def test_what_people_write_is_read_as_it_is_meant_and_bad_rows_are_named_with_their_line(tmp_path):
    path = put(
        tmp_path,
        f"{reports.BY_PEOPLE}.csv",
        HEAD + "a,RoB 2,Missing data,Some concerns,Ana,Ten left,26.11.2026\n"
        "b,robins-i,overall,Critical,Ana,No control,\n"
        "c,RoB2,overall,,Ana,,\n"  # not yet judged
        "z,RoB2,overall,high,Ana,x,\n"
        "a,GRADE,overall,high,Ana,x,\n"
        "a,RoB2,confounding,high,Ana,x,\n"
        "a,RoB2,overall,serious,Ana,x,\n"
        "a,RoB2,overall,high,r1,x,\n"
        "a,RoB2,overall,high,Ana,,\n"
        "a,RoB2,overall,high,Ana,x,05/11/2026\n"
        "a,ROBINS-I,overall,serious,Ana,x,\n"
        "a,RoB2,missing-data,high,ANA,Newer,2026-11-27\n",
    )
    judged, rejects = reports.judged_by_people(path, known={"a", "b", "c"})
    assert judged.drop(columns="reviewer").to_numpy(dtype=object, na_value=None).tolist() == [
        ["b", "ROBINS-I", "overall", "critical", "No control", None],
        ["a", "RoB2", "missing-data", "high", "Newer", "2026-11-27"],
    ]
    assert rejects.line.tolist() == list(range(5, 13)) and set(rejects.file) == {path.name}
    for reason, said in zip(
        rejects.reason,
        ("study_id", "RoB2 or ROBINS-I", "randomisation", "'serious'", "reviewer", "reason", "2026-11-26", "RoB2"),
        strict=True,
    ):
        assert said in reason


CELLS = [
    (tool, domain, word)
    for tool in reports.DOMAINS
    for domain in reports.DOMAINS[tool]
    for word in reports.JUDGEMENTS[tool]
]


@given(
    st.sampled_from(CELLS), st.sampled_from([" ", "_", "-", "  "]), st.sampled_from([str.upper, str.title, str.lower])
)
def test_a_word_of_a_tool_is_read_however_a_person_spells_it(cell, between, cased):
    written = [cased(part.replace("-", between)) for part in cell]
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "people.csv", HEAD + f"a,{','.join(written)},Ana,x,\n")
        judged, rejects = reports.judged_by_people(path, known={"a"})
    assert rejects.empty
    assert judged.loc[0, ["tool", "domain", "judgement"]].tolist() == list(cell)


def test_a_persons_file_without_a_column_is_named_and_stops_nothing(tmp_path):
    shutil.copytree(RAW / "curation", tmp_path / "curation")
    put(tmp_path, f"curation/{reports.BY_PEOPLE}.csv", "study_id,judgement\ncho-2020,high\n")
    tables, rejects = reports.read_reports(tmp_path)
    assert len(tables["risk_of_bias"]) == 1296 and tables[reports.BY_PEOPLE].empty
    assert len(rejects) == 1 and "'tool' is missing" in rejects.reason[0]


def test_the_agreement_counts_no_information_as_a_judgement():
    said = [("a", "low", "no-information"), ("b", "no-information", "no-information"), ("c", "high", "high")]
    rows = [
        {"study_id": study, "tool": "RoB2", "domain": "overall", "reader": reader, "judgement": word}
        for study, *words in said
        for reader, word in zip(("R1", "R2"), words)
    ]
    table = risk_of_bias.agreement_by_domain(pd.DataFrame(rows))
    row = table.set_index("domain").loc["overall"]
    assert (row.n, row.agreed) == (3, 2)
    assert row.kappa == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3))  # by hand: chance gives (0 + 1·2 + 1·1) / 9


def test_the_shipped_readings_agree_as_counted(shipped):
    table = risk_of_bias.agreement_by_domain(shipped["risk_of_bias"])
    parts = table[table.domain != "all"]
    assert (parts.n.sum(), parts.agreed.sum()) == (432, 371)
    assert table.high.max() <= 1 and table.kappa.notna().all()


def test_each_light_tells_its_reason_and_the_title_counts(shipped, tmp_path):
    judged = judged_with(shipped, ("cho-2020", "measurement", "high", "A <b>"))
    drawn = traffic_lights(judged, "RoB2")
    assert drawn.title.startswith(
        "None of 16 randomised reports (RoB 2) is at low risk of bias overall, 8 some concerns, 8 high"
    )
    page = figure.show(drawn, tmp_path).data
    svg = (tmp_path / f"figures/{drawn.name}.svg").read_text()
    for text in (page, svg):
        titles = re.findall("<title>(.*?)</title>", text)
        assert len(titles) == 16 * 6
        assert "Cho 2020, measurement: high. A &lt;b&gt; says why (A &lt;b&gt;: a person's judgement)" in titles
        assert not re.findall(r'<g id="[^"]*upon-[^"]*">', text)  # a sign hides no title
        assert len(re.findall(r' id="([^"]+)"', text)) == len(set(re.findall(r' id="([^"]+)"', text)))
    assert len(pd.read_csv(tmp_path / f"figures/{drawn.name}.csv")) == 16 * 6
    johnson = traffic_lights(judged, "ROBINS-I")
    assert "† called randomised" in johnson.alt and "† called" not in drawn.alt
    assert traffic_lights(judged.iloc[:0], "RoB2").title == "No report was judged with RoB 2"
