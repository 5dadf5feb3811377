"""HO001: what an answer about sealed bars lets pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.gates.registry import run_check

if TYPE_CHECKING:
    from crypto_team.gates.case import Case


def outcome(honest: Case, **values: Any) -> str:
    assert honest.holdout is not None
    return run_check("HO001", replace(honest, holdout=honest.holdout.model_copy(update=values))).outcome


def test_skill_that_holds_passes(honest: Case) -> None:
    assert outcome(honest) == "passed"


@pytest.mark.parametrize("value", [0.0, -0.05])
def test_no_skill_on_sealed_bars_is_refused(honest: Case, value: float) -> None:
    assert outcome(honest, rank_ic=value) == "refused"


def test_skill_that_fell_far_below_the_out_of_sample_one_is_refused(honest: Case) -> None:
    assert outcome(honest, rank_ic=0.02, rank_ic_error=0.01) == "refused"


def test_a_value_that_cannot_be_told_from_zero_asks_for_more_bars(honest: Case) -> None:
    assert honest.holdout is not None
    unsure = honest.holdout.model_copy(update={"rank_ic": 0.05, "rank_ic_error": 0.05})
    found = run_check("HO001", replace(honest, holdout=unsure))
    assert found.outcome == "not_enough_evidence"
    assert "about 643 more sealed rows are needed" in found.explanation


def test_without_a_look_or_without_a_value_nothing_passes(honest: Case) -> None:
    assert run_check("HO001", replace(honest, holdout=None)).outcome == "not_enough_evidence"
    assert outcome(honest, rank_ic=None, rank_ic_error=None) == "not_enough_evidence"
