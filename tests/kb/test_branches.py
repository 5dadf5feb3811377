"""Seven agents on branches of their own, merged again and again: nothing conflicts, nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import fates, git, ids, ownership_audit, registry, validate, views
from crypto_team.kb.locks import locked
from crypto_team.kb.noting import fated, noted
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from tests.kb.entries import TIME, fresh
from tests.kb.test_fates import propose

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas.base import RoleId

AGENTS, ROUNDS = 7, 20
ROLES = ("ml_engineer", "data_collector", "backtester", "quant_analyst", "critic", "risk_manager", "lead")
IDENTITY = ("-c", "user.name=e", "-c", "user.email=e@e")


def new_strategy(layout: Layout, number: int) -> str:
    strategy_id = ids.allot(layout, "STR")
    entry = fresh(strategy_id, f"agent_{number}")
    commit_records(
        layout,
        role="ml_engineer",
        tool="new",
        strategy_id=strategy_id,
        changes=[Change("registry", layout.registry_entry(strategy_id), dump(entry, schema="registry"))],
        message=f"{strategy_id}: new",
    )
    return strategy_id


def shared_work(layout: Layout, number: int, turn: int, claim: str) -> None:
    """What an agent does in a round besides: it notes something on the strategy that all share, and accepts a claim."""
    role: RoleId = ROLES[number]  # type: ignore[assignment]
    change = noted(layout, "STR-001", time=TIME, role=role, event=f"{role} {turn}", status="in_progress")
    changes = [change]
    if turn == number:
        changes.append(fated(layout, claim, "accepted", role=role, time=TIME))
    commit_records(layout, role=role, tool="t", strategy_id="STR-001", changes=changes, message="noted")


def test_seven_agents_with_twenty_rounds_on_branches_merge_without_a_conflict(strategy: Layout, tmp_path: Path) -> None:
    layout, claim = strategy, propose(strategy, "strategy_researcher")
    trees = [Layout(tmp_path / f"agent{number}") for number in range(AGENTS)]
    for number, tree in enumerate(trees):
        git.run(layout.root, "worktree", "add", "-q", str(tree.root), "-b", f"agent{number}")
    base = str(git.head(layout.root))
    made, conflicts = ["STR-001"], 0
    for turn in range(ROUNDS):
        for number, tree in enumerate(trees):
            made.append(new_strategy(tree, number))
            shared_work(tree, number, turn, claim)
        if turn % 5 == 4:
            for number, tree in enumerate(trees):
                conflicts += git.attempt(layout.root, *IDENTITY, "merge", "-q", f"agent{number}").returncode != 0
                with locked(layout, "views"):
                    changed = views.refresh(layout)
                    git.commit(layout.root, changed, "Views", {"Crypto-Team-Tool": "views"})
                conflicts += git.attempt(tree.root, *IDENTITY, "merge", "-q", "main").returncode != 0
    assert conflicts == 0
    assert len(made) == len(set(made)) == AGENTS * ROUNDS + 1
    assert {entry.strategy_id for entry in registry.entries(layout)} == set(made)
    assert layout.registry_view.read_text().count("strategy_id:") == AGENTS * ROUNDS + 1
    said = {f"{role} {turn}" for role in ROLES for turn in range(ROUNDS)}
    assert {item.event for item in registry.entry(layout, "STR-001").history} == {"created", *said}
    assert len(fates.read(layout.learning_events(claim))) == AGENTS
    assert views.stale(layout) == []
    assert [item for item in validate.validate(layout) if item.severity != "info"] == []
    assert ownership_audit.audit(layout, base)[1] == []
