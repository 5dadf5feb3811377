"""Stated results of foreign evidence: compared where they are numbers, named where they are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto_team.errors import UnusableEvidenceError
from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.imported.claims import stated
from crypto_team.gates.imported.meta import read_meta
from crypto_team.gates.policy import IMPORTED
from crypto_team.gates.run import run_checks
from crypto_team.schemas.gate import CheckResult, Policy


@pytest.fixture(scope="module")
def parts() -> EvidenceParts:
    return study(Design(pairs=1, bars=3600, edge=0.25, trials=2), 4).parts


def judged(parts: EvidenceParts, folder: Path, claims: Any) -> CheckResult:
    told = replace(parts, meta={**parts.meta, "claims": claims})
    (found,) = run_checks(("PR002",), case_from_folder(told.write(folder)), Policy(), gate=IMPORTED)
    return found


@pytest.mark.parametrize("claim", ["two", float("nan"), float("inf"), [1.0, 2.0], True])
def test_a_claim_that_is_no_number_is_refused_and_named(tmp_path: Path, parts: EvidenceParts, claim: Any) -> None:
    found = judged(parts, tmp_path, {"sharpe": claim})
    assert found.outcome == "refused"
    assert "meta.yaml: sharpe says" in found.explanation
    assert "which is no number and cannot be compared; it is" in found.explanation


def test_a_number_in_quotes_and_a_share_in_percent_are_compared(tmp_path: Path, parts: EvidenceParts) -> None:
    assert stated({"hit_rate": " 71 %", "sharpe": "1.5", "empty": None}) == {"hit_rate": 0.71, "sharpe": 1.5}
    found = judged(parts, tmp_path, {"win_rate": "99.5 %"})
    assert found.outcome == "refused"
    assert "win_rate says 0.995, it is" in found.explanation


def test_claims_that_nothing_computes_do_not_decide_but_are_named(tmp_path: Path, parts: EvidenceParts) -> None:
    found = judged(parts, tmp_path / "a", {"lambda": 3.0, "remark": "fees included"})
    assert found.outcome == "passed"
    assert "not computed here and not compared: lambda; remark" in found.explanation
    assert "not compared: claims" in judged(parts, tmp_path / "b", "a Sharpe ratio of 9").explanation


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("folds: {a: 1}", "fold number 0 in it is 1"),
        ("a: &a [1]\nfolds: [*a, *a]", "fold number 0 in it is a list of 1 values"),
        ("folds: five", "fold number 0 in it is 'five'"),
        ("folds: [{fold: 0}, {begin: now}]", "fold number 1 in it is a mapping of 1 values"),
    ],
)
def test_folds_of_an_odd_form_are_named_as_unreadable(
    tmp_path: Path, parts: EvidenceParts, text: str, shown: str
) -> None:
    folder = parts.write(tmp_path)
    (folder / "folds.yaml").write_text(text)
    with pytest.raises(UnusableEvidenceError, match=shown) as raised:
        read_meta(folder)
    assert str(raised.value.where).endswith("folds.yaml")


def test_folds_that_give_their_numbers_only_are_readable(tmp_path: Path, parts: EvidenceParts) -> None:
    folder = parts.write(tmp_path)
    (folder / "folds.yaml").write_text("folds: [{fold: 3}, {fold: 4}]")
    assert [fold.fold for fold in read_meta(folder).folds] == [3, 4]
