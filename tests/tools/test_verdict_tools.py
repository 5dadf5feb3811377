"""What tools do with a strategy that was rejected or halted."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.kb import git
from crypto_team.kb.noting import noted
from crypto_team.kb.registry import entry
from crypto_team.kb.writer import commit_records
from tests.kb.entries import event
from tests.kb.test_growth import hand
from tests.kb.test_standing import STAGES, assess, assessment, deploy

if TYPE_CHECKING:
    from tests.tools.conftest import Desk


@pytest.fixture
def rejected(staffed: Desk) -> Desk:
    """A desk whose first strategy came to the risk manager, who rejected it."""
    layout = staffed.session.layout
    for sender, receiver in itertools.pairwise(STAGES):
        hand(layout, sender, receiver)
    said = noted(layout, "STR-001", time="2026-01-02T04:00:00Z", role="risk_manager", event="no", status="rejected")
    document = assessment(layout, "rejected", ["fat tails"])
    commit_records(
        layout, role="risk_manager", tool="t", strategy_id="STR-001", changes=[document, said], message="rejected"
    )
    return staffed


def test_a_rejected_strategy_is_not_handed_over_and_says_why(rejected: Desk) -> None:
    refused = rejected("handoff", "risk_manager", strategy_id="STR-001", to="execution_specialist")
    assert (refused.ok, refused.exit_code) == (False, 3)
    assert refused.summary == "STR-001 is rejected by the risk_manager, and is not handed over"
    assert entry(rejected.session.layout, "STR-001").status == "rejected"
    shown = rejected.ok("status", strategy_id="STR-001")
    assert "rejected by the risk manager: fat tails" in shown.data["why_not_further"]
    assert shown.next == ["crypto-team risk-manager return-work STR-001 --reason TEXT"]


def test_a_rejection_stays_where_the_lead_gives_the_work_back_and_goes_with_a_change(rejected: Desk) -> None:
    rejected.ok("return-work", "lead", strategy_id="STR-001", reason="again")
    at = entry(rejected.session.layout, "STR-001")
    assert (at.stage, at.status) == ("critic", "rejected")
    assert not rejected("handoff", "critic", strategy_id="STR-001", to="risk_manager").ok
    rejected.ok("edit", "ml_engineer", document="STR-001/ml-spec.yaml", set=['/hypothesis="x"'])
    at = entry(rejected.session.layout, "STR-001")
    assert (at.stage, at.status) == ("ml_engineer", "draft")


def test_only_what_is_approved_is_deployed_and_a_halt_is_no_running(rejected: Desk) -> None:
    layout = rejected.session.layout
    hand(layout, "risk_manager", "execution_specialist")
    refused = rejected("execution_specialist.paper", "execution_specialist", strategy_id="STR-001")
    assert refused.summary == "STR-001 is rejected; only what the risk manager approved is deployed"
    assert not layout.deployment("STR-001").exists()
    assess(layout, "approved")
    event(layout, "risk_manager", "approved", status="approved")
    hand(layout, "risk_manager", "execution_specialist")
    deploy(layout, "halted")
    event(layout, "execution_specialist", "halted: fire", status="halted")
    assert rejected.ok("status", strategy_id="STR-001").data["now"] == "it is halted"
    assert not rejected("execution_specialist.paper", "execution_specialist", strategy_id="STR-001").ok


def test_an_approval_that_the_risk_manager_did_not_say_hands_nothing_over(rejected: Desk) -> None:
    layout = rejected.session.layout
    assess(layout, "approved")
    event(layout, "ml_engineer", "signed off again", status="approved")
    refused = rejected("handoff", "risk_manager", strategy_id="STR-001", to="execution_specialist")
    said = "STR-001 says status approved, and it was the ml_engineer who said so"
    assert refused.summary == f"the entry of {said}"
    found = [item.message for item in rejected("validate").findings if item.code == "unfounded"]
    assert found == ["STR-001: the entry says status approved, and it was the ml_engineer who said so"]


@pytest.mark.parametrize("empty", [" ", "\n\t", "\u200b"])
def test_a_reason_says_something(rejected: Desk, empty: str) -> None:
    made = rejected.ok("learnings.add", "quant_analyst", title="Weekends are thin", text="Spreads double.").data
    calls: list[tuple[str, Any, dict[str, Any]]] = [
        ("learnings.retract", "critic", {"learning_id": made["learning_id"], "reason": empty}),
        ("return-work", "risk_manager", {"strategy_id": "STR-001", "reason": empty}),
        ("risk_manager.reject", "risk_manager", {"strategy_id": "STR-001", "reason": empty}),
        ("execution_specialist.halt", "execution_specialist", {"strategy_id": "STR-001", "reason": empty}),
        ("ledger.disclose", "lead", {"strategy_id": "STR-001", "tries": 3, "note": empty}),
    ]
    head = git.head(rejected.session.layout.root)
    for key, role, arguments in calls:
        outcome = rejected(key, role, **arguments)
        assert (key, outcome.exit_code) == (key, 2)
        assert "is empty" in outcome.summary
    assert git.head(rejected.session.layout.root) == head
