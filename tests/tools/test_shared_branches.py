"""Several roles work on one strategy, each on its branch: merged in any order, all of it is there."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.kb import chain, git, handoffs, learnings, registry, trials
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import RiskAssessment
from tests.kb.reports import passed_report
from tests.kb.test_chain import NOW, hand
from tests.tools.test_knowledge_tools import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tools.conftest import Desk

WHO = ("-c", "user.name=e", "-c", "user.email=e@e")
CLAIM = {"title": "Costs eat weak signals", "text": "Below 30 bps of turnover nothing is left."}


def reject(desk: Desk) -> None:
    """Write what `risk-manager reject` writes, without the evidence that it measures."""
    from crypto_team.roles.records import registry_change

    layout, session = desk.session.layout, desk.session.as_role("risk_manager")
    numbers = dict.fromkeys(("risk_per_trade", "portfolio_heat", "position_fraction", "kelly_fraction"), 0.1)
    fixed = {"evidence_hash": "sha256:" + "0" * 64, "drawdown_p95": -0.2, "breakers": [0.1]}
    said = {
        "strategy_id": "STR-001",
        "verdict": "rejected",
        "reasons": ["fat tails"],
        "assessed": "2021-03-04T12:00:00Z",
    }
    record = RiskAssessment.model_validate(numbers | fixed | said)
    changes = [
        Change("risk_assessment", layout.risk_assessment("STR-001"), dump(record, schema="risk_assessment")),
        registry_change(session, "STR-001", role="risk_manager", event="risk: rejected", status="rejected"),
    ]
    commit_records(layout, role="risk_manager", tool="reject", strategy_id="STR-001", changes=changes, message="no")


def works(claim: str) -> dict[str, Callable[[Desk], Any]]:
    """What each branch does, by its name."""
    return {
        "signal": lambda desk: desk.ok("ml_engineer.set-signal", "ml_engineer", strategy_id="STR-001", entry=0.6),
        "tries": lambda desk: desk.ok("ledger.disclose", strategy_id="STR-001", tries=3, note="by hand"),
        "agree": lambda desk: desk.ok("learnings.accept", "critic", learning_id=claim),
        "agree_too": lambda desk: desk.ok("learnings.accept", "lead", learning_id=claim, recheck="in a year"),
        "reject": reject,
        "learn": lambda desk: desk.ok("learn", "backtester", title="Nights differ", text="Spreads double after ten."),
    }


def test_six_roles_on_one_strategy_merge_in_every_order_and_nothing_is_lost(staffed: Desk) -> None:
    layout = staffed.session.layout
    claim = staffed.ok("learnings.add", "quant_analyst", **CLAIM).data["learning_id"]
    found = works(claim)
    for name, work in found.items():
        git.run(layout.root, "switch", "-q", "-c", name, "main")
        work(staffed)
    orders = list(itertools.permutations(found))[::37]
    trees = {merged(staffed, order) for order in orders}
    assert len(trees) == 1, "the order of merging decides nothing"
    git.run(layout.root, "switch", "-q", "-c", "all", "main")
    for name in found:
        git.run(layout.root, *WHO, "merge", "-q", "--no-ff", "--no-edit", name)
    assert git.run(layout.root, "rev-parse", "HEAD^{tree}") in trees
    entry = registry.entry(layout, "STR-001")
    assert {item.event for item in entry.history} == {"created", "made", "signal: 0.6", "risk: rejected"}
    assert (entry.stage, entry.status) == ("ml_engineer", "rejected")
    accepted = learnings.entry(layout, claim)
    assert (accepted.status, accepted.recheck) == ("accepted", "in a year")
    assert len(learnings.entries(layout)) == 2
    assert trials.ledger(layout).n_trials == 3
    judged = staffed("ci", base="main")
    assert judged.ok, judged.findings


def merged(desk: Desk, order: tuple[str, ...]) -> str:
    """Merge branches into main one after the other, as a hosting site does, without a driver; return the tree."""
    root = desk.session.layout.root
    tip, tree = "main", ""
    for name in order:
        done = git.attempt(root, "merge-tree", "--write-tree", tip, name)
        assert done.returncode == 0, done.stdout.decode()
        tree = done.stdout.decode().strip()
        tip = git.run(root, *WHO, "commit-tree", tree, "-p", tip, "-p", name, "-m", "merge")
    return tree


def test_branches_that_both_handed_over_merge_and_the_next_record_joins_them(staffed: Desk) -> None:
    layout = staffed.session.layout
    for name, hour in (("one", 5), ("two", 6)):
        git.run(layout.root, "switch", "-q", "-c", name, "main")
        hand(layout, at=NOW.replace(hour=hour))
    git.run(layout.root, "switch", "-q", "one")
    git.run(layout.root, *WHO, "merge", "-q", "--no-edit", "two")
    assert registry.entry(layout, "STR-001").stage == "data_collector"
    ends = chain.heads(chain.links(layout, "STR-001"))
    assert len(ends) == 2
    record, _ = handoffs.make_handoff(
        layout, "STR-001", sender="data_collector", receiver="backtester",
        report=passed_report("data_collector->backtester"), now=staffed.session.now(),
    )  # fmt: skip
    assert {record.previous, *record.merges} == {item.digest for item in ends}
    judged = staffed("ci", base="main")
    assert judged.ok, judged.findings


@pytest.mark.parametrize("order", [("edit", "hand"), ("hand", "edit")])
def test_a_strategy_that_one_branch_hands_over_while_another_changes_it_is_back_with_its_author(
    staffed: Desk, order: tuple[str, str]
) -> None:
    layout = staffed.session.layout
    git.run(layout.root, "switch", "-q", "-c", "hand")
    hand_over(staffed, "STR-001")
    git.run(layout.root, "switch", "-q", "-c", "edit", "main")
    staffed.ok("ml_engineer.set-signal", "ml_engineer", strategy_id="STR-001", entry=0.6)
    git.run(layout.root, "switch", "-q", order[0])
    git.run(layout.root, *WHO, "merge", "-q", "--no-edit", order[1])
    assert handoffs.current_stage(layout, "STR-001") == "ml_engineer"
    assert registry.entry(layout, "STR-001").status == "draft"
    assert staffed("ci", base="main").ok
