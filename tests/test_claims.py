"""The paper's numbers: read as data, set beside ours."""

import pandas as pd
import pytest
from conftest import RAW

from evlib.audit import checks, claims
from evlib.base.errors import InputError


def test_each_claim_counts_a_step_or_a_code_that_exists(review):
    table = claims.read_claims(RAW / "paper/claims.yml", protocol=review)
    assert not (table.flow.notna() & table.field.notna()).any()
    assert table.check.isin(list(checks.CHECKS)).all()
    for row in table.dropna(subset="field").itertuples():
        assert str(row.value) in row.quote


def test_a_claim_that_cannot_be_counted_is_refused(tmp_path, review):
    path = tmp_path / "claims.yml"
    path.write_text('- {id: a, section: "1", value: 1}')
    with pytest.raises(InputError, match="needs 'quote'"):
        claims.read_claims(path, protocol=review)
    path.write_text('- {id: a, section: "1", quote: q, value: 1}\n- {id: a, section: "1", quote: q, value: 1}')
    with pytest.raises(InputError, match="given twice"):
        claims.read_claims(path, protocol=review)
    path.write_text('- {id: a, section: "1", quote: q, value: 1, field: disease_area, code: lungs}')
    with pytest.raises(InputError, match="'lungs', which"):
        claims.read_claims(path, protocol=review)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("flow: included, sum: 3", "unknown key 'sum'"),
        ("flow: included, equals: b", "has flow and equals"),
        ("", "has none"),
        ("equals: c", "'c', which does not exist"),
        ("equals: a", "checked against itself"),
        ("sum_of: [b, c]", "'c', which does not exist"),
        ("sum_of: b", "needs a list for 'sum_of'"),
        ("share_of: {part: b, of: b}", "takes part, whole, less"),
        ("share_of: {part: b, whole: c}", "'c', which does not exist"),
        ("code: China", "needs one check"),
        ("field: countries", "together"),
        ("not_checkable: ''", "needs a text"),
        ("equals: b, finding: alone", "'alone', which no other claim shares"),
        ("equals: b, finding: Two words", "small letters"),
        ("equals: b, finding: b2, caveat: None", "needs a sentence as 'caveat'"),
    ],
)
def test_a_check_that_cannot_be_made_is_refused_and_the_claim_is_named(tmp_path, review, check, message):
    path = tmp_path / "claims.yml"
    tail = f", {check}" if check else ""
    path.write_text(
        f'- {{id: a, section: "1", quote: q, value: 1{tail}}}\n'
        '- {id: b, section: "1", quote: q, value: 1, not_checkable: why}'
    )
    with pytest.raises(InputError, match="the claim 'a'") as caught:
        claims.read_claims(path, protocol=review)
    assert message in str(caught.value)


def test_claims_share_a_finding_or_are_one_of_their_own(tmp_path, review):
    path = tmp_path / "claims.yml"
    line = '- {{id: {}, section: "1", quote: q, value: 1, not_checkable: why{}}}'
    given = [("a", ""), ("b", ", finding: a"), ("c", ", finding: both, caveat: A sentence."), ("d", ", finding: both")]
    path.write_text("\n".join(line.format(*claim) for claim in given))
    read = claims.read_claims(path, protocol=review)
    assert read.finding.tolist() == ["a", "a", "both", "both"]
    assert read.caveat.dropna().tolist() == ["A sentence."]
    path.write_text("\n".join(line.format(*claim) for claim in [*given, ("both", ", finding: a")]))
    with pytest.raises(InputError, match="the id of a claim of another finding"):
        claims.read_claims(path, protocol=review)


def test_only_included_trials_are_set_beside_the_papers():
    table = pd.DataFrame(
        [
            {"id": "a", "quote": "q", "value": 3, "field": "route_group", "code": "local"},
            {"id": "b", "quote": "q", "value": 4, "field": "covid19", "code": "True"},
        ]
    )
    described = pd.DataFrame(
        {
            "screening": ["included", "pending", "included"],
            "route_group": ["local", "local", None],
            "covid19": [True, True, False],
        }
    ).astype({"covid19": "boolean"})
    beside = claims.counts_beside_paper(table, described)
    assert beside.ours.tolist() == [1, 1]
    assert beside.paper.tolist() == [3, 4]
