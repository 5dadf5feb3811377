"""Findings of a gate name file, line and column in their own fields, for editors and for CI."""

from __future__ import annotations

import pytest

from crypto_team.roles.handoff import findings
from crypto_team.schemas.gate import CheckResult


def refused(*evidence: str) -> CheckResult:
    return CheckResult(
        code="PR002", title="Claims", outcome="refused", explanation="differs", evidence=list(evidence), next=[]
    )


@pytest.mark.parametrize(
    ("evidence", "place"),
    [
        ("ml-spec.yaml:195:3: out_of_sample.auc says 0.7, it is 0.6", ("ml-spec.yaml", 195, 3)),
        ("registry/STR-001/2026-x.yaml:7: metrics.auc", ("registry/STR-001/2026-x.yaml", 7, None)),
        ("predictions.parquet: fold 3 is late", ("predictions.parquet", None, None)),
        ("ledger: 811 trials, variance 0.00227", (None, None, None)),
    ],
)
def test_a_place_is_told_in_its_parts(evidence: str, place: tuple[str | None, int | None, int | None]) -> None:
    [found] = findings([refused(evidence)])
    assert (found.file, found.line, found.col) == place


def test_the_first_evidence_that_names_a_file_is_the_place() -> None:
    [found] = findings([refused("ledger: 811 trials", "meta.yaml: n_trials")])
    assert found.file == "meta.yaml"
    assert findings([refused()])[0].file is None
