"""What was decided against a strategy stands until whoever decided it says otherwise, or the strategy changed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import RefusedError
from crypto_team.kb import git, registry, verdicts
from crypto_team.kb.noting import noted
from crypto_team.kb.ownership_audit import audit
from crypto_team.kb.validate import validate
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump
from crypto_team.schemas import RegistryEvent
from tests.kb.entries import TIME, event, put
from tests.kb.test_growth import hand
from tests.kb.test_ownership import by_hand, by_tool
from tests.kb.test_standing import STAGES, assess, assessment, deploy, deployment

if TYPE_CHECKING:
    from typing import Any

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId

LATER = "2026-02-02T03:04:05Z"


@pytest.fixture
def rejected(strategy: Layout) -> Layout:
    """A strategy that came to the risk manager, who rejected it in one commit, as the tool does."""
    for sender, receiver in itertools.pairwise(STAGES):
        hand(strategy, sender, receiver)
    decide(strategy, "risk_manager", "rejected")
    return strategy


def decide(layout: Layout, role: RoleId, status: str, **more: Any) -> None:
    """Write the document and the event of a decision in one commit."""
    if role == "risk_manager":
        document = assessment(layout, "pending" if status == "in_progress" else status, ["fat tails"])
    else:
        document = deployment(layout, status)
    said = noted(layout, "STR-001", time=TIME, role=role, event=f"it is {status}", status=status, **more)  # type: ignore[arg-type]
    commit_records(layout, role=role, tool="t", strategy_id="STR-001", changes=[document, said], message="m")


def told(layout: Layout, role: RoleId, text: str = "back to work", *, tool: str = "t", **values: Any) -> list[str]:
    """Write an event as somebody with a shell does, and return what the audit of its commit says."""
    base = str(git.head(layout.root))
    change = noted(layout, "STR-001", time=values.pop("time", LATER), role=role, event=text, **values)
    commit_records(layout, role=role, tool=tool, strategy_id="STR-001", changes=[change], message=text)
    found = [item.message.partition("): ")[2] for item in audit(layout, base)[1]]
    git.run(layout.root, "reset", "-q", "--hard", base)
    return found


def changed(layout: Layout, text: str = "x = 1\n") -> None:
    by_tool(layout, text)


ALONE = "it was rejected by the risk_manager, who alone says otherwise as long as it does not go back"
SAME = "it was rejected by the risk_manager, and what that was about has not changed"


@pytest.mark.parametrize("status", ["in_progress", "draft", "refused"])
def test_a_rejection_is_lifted_by_who_gave_it_and_nobody_else(rejected: Layout, status: str) -> None:
    assert ALONE in told(rejected, "backtester", status=status)
    assert SAME in told(rejected, "ml_engineer", status=status, stage="ml_engineer")
    if status != "refused":
        assert told(rejected, "risk_manager", status=status) == []


def test_a_rejection_is_over_for_a_strategy_that_changed_and_went_back(rejected: Layout) -> None:
    changed(rejected)
    assert told(rejected, "ml_engineer", status="draft", stage="ml_engineer") == []
    assert told(rejected, "ml_engineer", status="draft") == [ALONE]
    changed(rejected, "x = 1\n\n")
    rejected.code_dir("STR-001").joinpath("features.py").unlink()
    git.run(rejected.root, "-c", "user.name=e", "-c", "user.email=e@e", "commit", "-qam", "back as it was")
    assert told(rejected, "ml_engineer", status="draft", stage="ml_engineer") == [SAME]


def test_something_more_careful_on_top_of_a_rejection_does_not_lift_it(rejected: Layout) -> None:
    decide(rejected, "execution_specialist", "halted")
    assert told(rejected, "execution_specialist", status="in_progress") == [ALONE]


def test_a_halt_is_lifted_by_the_execution_specialist_only(rejected: Layout) -> None:
    decide(rejected, "risk_manager", "approved")
    hand(rejected, "risk_manager", "execution_specialist")
    decide(rejected, "execution_specialist", "halted")
    found = told(rejected, "backtester", "resumed", status="approved")
    assert "only the risk_manager says that a strategy is approved" in found
    assert "it was halted by the execution_specialist, who alone says" in " ".join(found)
    assert "it becomes approved, and risk-assessment.yaml is not written with that" in found
    back: dict[str, Any] = {"stage": "risk_manager", "status": "in_progress"}
    assert told(rejected, "execution_specialist", "returned to risk_manager", **back) == []


def test_work_that_was_returned_goes_forward_with_a_handoff_only(rejected: Layout) -> None:
    event(rejected, "risk_manager", "returned to critic", stage="critic", status="in_progress", time=TIME)
    forward = "it goes forward from the critic to the risk_manager, and no handoff of this commit leads there"
    found = told(rejected, "ml_engineer", "signed off again", stage="risk_manager", status="approved")
    assert forward in found
    assert "only the risk_manager says that a strategy is approved" in found
    assert told(rejected, "critic", "handed", stage="risk_manager") == [forward]
    base = str(git.head(rejected.root))
    hand(rejected, "critic", "risk_manager")
    assert not [item for item in audit(rejected, base)[1] if item.code == "forged-entry"]


def test_an_entry_of_version_1_keeps_its_rejection_too(rejected: Layout) -> None:
    put(rejected)
    git.run(rejected.root, "add", "-A")
    git.run(rejected.root, "-c", "user.name=e", "-c", "user.email=e@e", "commit", "-qm", "as one file")
    assert told(rejected, "backtester", status="in_progress") == [ALONE]
    assert told(rejected, "risk_manager", status="in_progress") == []


def test_refusals_are_those_of_gates_numbers_those_of_the_specification_and_nothing_is_of_the_future(
    rejected: Layout,
) -> None:
    gate = "a strategy is refused by the gate of the risk_manager, and not by the critic"
    event(rejected, "risk_manager", "pending", status="in_progress", time=TIME)
    assert told(rejected, "critic", "refused: I say so", status="refused") == [gate]
    assert told(rejected, "critic", "refused: I say so", status="refused", tool="handoff") == [gate]
    assert told(rejected, "risk_manager", "refused at a gate", status="refused", tool="handoff") == []
    assert told(rejected, "critic", metrics={"oos_sharpe": 9.0}) == [
        "headline numbers change, and ml-spec.yaml does not"
    ]
    assert told(rejected, "critic", time="2999-01-01T00:00:00Z") == [
        "it happened at 2999-01-01T00:00:00Z, which is in the future"
    ]


def test_numbers_that_were_said_beside_the_others_do_not_take_them_away(strategy: Layout) -> None:
    event(strategy, "ml_engineer", "trained", metrics={"oos_sharpe": 1.5})
    base = str(git.head(strategy.root))
    made = RegistryEvent(strategy_id="STR-001", time=LATER, role="critic", event="beside", metrics={}, after=[])
    path = strategy.registry_event("STR-001", made.event_id)
    by_hand(strategy, path, dump(made, schema="registry_event"), Role="critic")
    assert registry.entry(strategy, "STR-001").metrics == {}
    [found] = audit(strategy, base)[1]
    assert "headline numbers change, and ml-spec.yaml does not" in found.message


def test_a_refusal_is_over_behind_its_gate_and_for_who_was_refused(strategy: Layout) -> None:
    for sender, receiver in itertools.pairwise(STAGES[:4]):
        hand(strategy, sender, receiver)
    event(strategy, "quant_analyst", "refused at a gate", status="refused")
    assert told(strategy, "quant_analyst", status="in_progress") == []
    assert told(strategy, "lead", stage="backtester", status="in_progress") == []
    [said] = told(strategy, "backtester", status="in_progress")
    assert said == "it was refused by the quant_analyst, and what that was about has not changed"
    changed(strategy)
    assert told(strategy, "backtester", status="in_progress") == []


def test_tools_keep_a_rejection_that_they_may_not_lift(rejected: Layout) -> None:
    change = noted(rejected, "STR-001", time=LATER, role="ml_engineer", event="e", stage="ml_engineer", status="draft")
    with pytest.raises(RefusedError, match="rejected by the risk_manager, and nothing changed"):
        verdicts.require_right(rejected, [change])
    code = rejected.code_dir("STR-001") / "features.py"
    verdicts.require_right(rejected, [change, Change("code", code, "x = 1\n", revision_of(code))])
    assert verdicts.permitted(rejected, "STR-001", "lead", "in_progress", "critic") is None
    assert verdicts.permitted(rejected, "STR-001", "risk_manager", "in_progress", "critic") == "in_progress"


def test_an_entry_that_ignores_a_rejection_or_a_halt_is_found_without_a_history(rejected: Layout) -> None:
    def unfounded() -> list[str]:
        return [item.message for item in validate(rejected) if item.code == "unfounded"]

    assert unfounded() == []
    put(rejected, status="in_progress")
    assert unfounded() == ["STR-001: the entry says status in_progress, and risk-assessment.yaml says rejected"]
    put(rejected, stage="critic")
    assert unfounded() == []
    put(rejected, stage="risk_manager")
    assess(rejected, "approved")
    hand(rejected, "risk_manager", "execution_specialist")
    deploy(rejected, "halted")
    put(rejected, status="approved")
    assert unfounded() == ["STR-001: the entry says status approved, and deployment.yaml says halted"]
    put(rejected, status="halted")
    assert unfounded() == []
    assert registry.entry(rejected, "STR-001").status == "halted"
