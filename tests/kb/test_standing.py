"""What a registry entry claims has to stand in other records too."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from crypto_team.kb.standing import STATUSES
from crypto_team.kb.validate import validate
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump
from crypto_team.schemas import CriticReview, Deployment, RiskAssessment
from crypto_team.schemas.registry import HistoryEvent
from tests.kb.entries import event, put
from tests.kb.test_growth import hand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import Stage

STAGES: Sequence[Stage] = ("ml_engineer", "data_collector", "backtester", "quant_analyst", "critic", "risk_manager")
TIME = "2026-01-02T03:04:05Z"


def says(layout: Layout, **values: object) -> list[str]:
    """Set fields of the entry by hand, and return what the rules say about it."""
    put(layout, **values)
    return [item.message for item in validate(layout) if item.code == "unfounded"]


def assess(layout: Layout, verdict: str, reasons: Sequence[str] = ()) -> None:
    write(layout, "risk_manager", assessment(layout, verdict, reasons))


def assessment(layout: Layout, verdict: str, reasons: Sequence[str] = ()) -> Change:
    numbers = dict.fromkeys(("risk_per_trade", "portfolio_heat", "position_fraction", "kelly_fraction"), 0.1)
    record = RiskAssessment.model_validate(
        {
            **numbers,
            "strategy_id": "STR-001",
            "evidence_hash": "sha256:" + "0" * 64,
            "drawdown_p95": -0.2,
            "breakers": [0.1],
            "verdict": verdict,
            "reasons": list(reasons),
            "assessed": TIME,
        }
    )
    path = layout.risk_assessment("STR-001")
    return Change("risk_assessment", path, dump(record, schema="risk_assessment"), revision_of(path))


def deploy(layout: Layout, status: str) -> None:
    write(layout, "execution_specialist", deployment(layout, status))


def deployment(layout: Layout, status: str) -> Change:
    record = Deployment.model_validate(
        {
            "strategy_id": "STR-001",
            "mode": "paper",
            "status": status,
            "stake_fraction": 0.1,
            "code_hash": "sha256:" + "0" * 64,
            "config": {},
            "reviewed": TIME,
        }
    )
    path = layout.deployment("STR-001")
    return Change("deployment", path, dump(record, schema="deployment"), revision_of(path))


def write(layout: Layout, role: Stage, change: Change) -> None:
    commit_records(layout, role=role, tool="t", strategy_id="STR-001", changes=[change], message="m")


@pytest.fixture
def assessed(strategy: Layout) -> Layout:
    """A strategy that five handoffs brought to the risk manager."""
    for sender, receiver in itertools.pairwise(STAGES):
        hand(strategy, sender, receiver)
    return strategy


def test_a_review_that_goes_takes_the_approval_with_it(strategy: Layout) -> None:
    said = {
        "replay_matches": True,
        "metrics": {},
        "objections": [],
        "verdict": "no_blocking_objection",
        "reviewed": TIME,
    }
    review = CriticReview.model_validate({"strategy_id": "STR-001", "evidence_hash": "sha256:" + "0" * 64, **said})
    change = Change("critic_review", strategy.critic_review("STR-001"), dump(review, schema="critic_review"))
    for sender, receiver in itertools.pairwise(STAGES):
        if sender == "critic":
            commit_records(strategy, role="critic", tool="t", strategy_id="STR-001", changes=[change], message="r")
        hand(strategy, sender, receiver)
    assess(strategy, "approved")
    event(strategy, "risk_manager", "risk: approved", status="approved")
    assert [item.code for item in validate(strategy) if item.severity == "error"] == []
    change.path.unlink()
    [found] = [item for item in validate(strategy) if item.code == "void"]
    assert found.severity == "error"
    assert "critic-review.yaml is gone" in found.message


def test_a_new_strategy_claims_nothing(strategy: Layout) -> None:
    assert says(strategy) == []


def test_a_stage_by_hand_needs_the_handoff_that_leads_there(strategy: Layout) -> None:
    assert says(strategy, stage="risk_manager") == [
        "STR-001: the entry says stage risk_manager, and no handoff to the risk_manager"
    ]
    assert says(strategy, stage="strategy_researcher") == []


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_a_status_by_hand_is_found_whatever_it_claims(strategy: Layout, status: str) -> None:
    [said] = says(strategy, status=status)
    assert f"the entry says status {status}, and" in said


def test_approved_needs_the_assessment_and_the_way_to_the_risk_manager(assessed: Layout) -> None:
    assert "there is no risk-assessment.yaml" in says(assessed, status="approved")[0]
    assess(assessed, "pending")
    assert "risk-assessment.yaml says pending" in says(assessed)[0]
    assess(assessed, "approved")
    assert says(assessed) == []
    assert "never came to the risk manager" in says(assessed, stage="backtester")[0]


def test_an_assessment_alone_approves_nothing(strategy: Layout) -> None:
    assess(strategy, "approved")
    assert says(strategy, status="approved") == [
        "STR-001: the entry says status approved, and it never came to the risk manager"
    ]


def test_rejected_needs_a_reason(strategy: Layout) -> None:
    assess(strategy, "rejected")
    assert "gives no reason" in says(strategy, status="rejected")[0]
    assess(strategy, "rejected", ["fat tails"])
    assert says(strategy) == []


def test_refused_needs_the_refusal_in_its_history(strategy: Layout) -> None:
    event = HistoryEvent(time=TIME, role="ml_engineer", event="refused at ml_engineer->data_collector: PR001")
    assert says(strategy, status="refused", history=[event]) == []


def test_halted_and_live_need_a_deployment_in_that_state(assessed: Layout) -> None:
    deploy(assessed, "halted")
    assert says(assessed, status="halted") == []
    assert "deployment.yaml says halted" in says(assessed, status="live")[0]
    deploy(assessed, "running")
    assert "there is no risk-assessment.yaml" in says(assessed)[0]
    assess(assessed, "approved")
    assert says(assessed) == []


def test_what_is_remembered_goes_when_a_record_does(assessed: Layout) -> None:
    assess(assessed, "approved")
    assert says(assessed, status="approved") == []
    assessed.risk_assessment("STR-001").unlink()
    assert len(says(assessed)) == 1


def test_a_broken_assessment_is_one_finding_not_a_crash(assessed: Layout) -> None:
    assess(assessed, "approved")
    assessed.risk_assessment("STR-001").write_text("verdict: [\n")
    assert says(assessed, status="approved") == []
    assert "yaml-syntax" in {item.code for item in validate(assessed)}
