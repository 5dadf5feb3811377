"""Seven agents on branches of their own, merged again and again: nothing conflicts, nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git, ids, registry, validate, views
from crypto_team.kb.locks import locked
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from tests.kb.entries import fresh

if TYPE_CHECKING:
    from pathlib import Path

AGENTS, ROUNDS = 7, 20
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


def test_seven_agents_with_twenty_rounds_on_branches_merge_without_a_conflict(layout: Layout, tmp_path: Path) -> None:
    trees = [Layout(tmp_path / f"agent{number}") for number in range(AGENTS)]
    for number, tree in enumerate(trees):
        git.run(layout.root, "worktree", "add", "-q", str(tree.root), "-b", f"agent{number}")
    made, conflicts = [], 0
    for turn in range(ROUNDS):
        made += [new_strategy(tree, number) for number, tree in enumerate(trees)]
        if turn % 5 == 4:
            for number, tree in enumerate(trees):
                conflicts += git.attempt(layout.root, *IDENTITY, "merge", "-q", f"agent{number}").returncode != 0
                with locked(layout, "views"):
                    changed = views.refresh(layout)
                    git.commit(layout.root, changed, "Views", {"Crypto-Team-Tool": "views"})
                conflicts += git.attempt(tree.root, *IDENTITY, "merge", "-q", "main").returncode != 0
    assert conflicts == 0
    assert len(made) == len(set(made)) == AGENTS * ROUNDS
    assert {entry.strategy_id for entry in registry.entries(layout)} == set(made)
    assert layout.registry_view.read_text().count("strategy_id:") == AGENTS * ROUNDS
    assert views.stale(layout) == []
    assert validate.validate(layout) == []
