"""A hook that refuses a tool's commit: nobody else's commit carries it, and the doctor tries it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git, health, learnings, validate, workspace
from tests.kb.entries import event
from tests.kb.test_chain import hand
from tests.kb.test_fates import propose
from tests.kb.test_ownership import codes

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

WHO = ("-c", "user.name=e", "-c", "user.email=e@e")


def hook(layout: Layout, words: str = "") -> Path:
    path = layout.root / ".git" / "hooks" / "pre-commit"
    path.write_text(f"#!/bin/sh\n{words}\nexit 1\n")
    path.chmod(0o755)
    return path


def commits(layout: Layout) -> str:
    return next(item.state for item in health.workspace(layout) if item.name == "commits")


def test_what_a_hook_refused_is_not_staged_and_is_committed_by_a_repair_in_the_name_of_its_tool(
    strategy: Layout,
) -> None:
    base, refusing = str(git.head(strategy.root)), hook(strategy)
    with pytest.raises(CryptoTeamError, match="said nothing"):
        propose(strategy)
    [path] = strategy.learnings_dir.glob("*.md")
    assert git.run(strategy.root, "diff", "--cached", "--name-only") == ""
    assert commits(strategy) == "bad"
    git.run(strategy.root, *WHO, "commit", "-q", "--allow-empty", "--no-verify", "-m", "somebody else")
    assert git.changed_since_commit(strategy.root, [path]) != []
    with pytest.raises(CryptoTeamError, match="refused the commit"):
        workspace.repair(strategy)
    assert git.run(strategy.root, "diff", "--cached", "--name-only") == ""
    assert commits(strategy) == "bad"
    refusing.unlink()
    assert workspace.repair(strategy) == ["committed 't', which had been refused"]
    assert git.last_trailer(strategy.root, "Crypto-Team-Tool", path) == "learn"
    assert git.last_trailer(strategy.root, "Crypto-Team-Role", path) == "quant_analyst"
    assert commits(strategy) == "ok"
    assert codes(strategy, base) == []
    assert workspace.repair(strategy) == []


def test_a_handoff_that_was_refused_is_announced_when_it_is_committed_after_all(strategy: Layout) -> None:
    base, refusing = str(git.head(strategy.root)), hook(strategy, "echo not today >&2")
    with pytest.raises(CryptoTeamError, match="not today"):
        hand(strategy)
    refusing.unlink()
    assert len(workspace.repair(strategy)) == 1
    assert codes(strategy, base) == []
    assert [item for item in validate.validate(strategy) if item.severity != "info"] == []


def test_what_somebody_threw_away_or_went_on_from_is_left_to_them(strategy: Layout) -> None:
    refusing = hook(strategy)
    for work in (lambda: propose(strategy), lambda: event(strategy, "critic", "doubted")):
        with pytest.raises(CryptoTeamError):
            work()
    refusing.unlink()
    git.run(strategy.root, "clean", "-fdq")
    assert commits(strategy) == "ok"
    assert workspace.repair(strategy) == []
    assert learnings.entries(strategy) == []


def test_an_event_that_nobody_committed_is_committed_in_the_name_of_its_role(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    path = event(strategy, "critic", "doubted")
    git.run(strategy.root, "reset", "-q", base)
    assert workspace.repair(strategy) == [f"committed {path.name}"]
    assert codes(strategy, base) == []
