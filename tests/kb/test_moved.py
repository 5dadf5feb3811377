"""Workspaces below the root of a repository: rules do not become new by moving them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git, ownership_audit
from crypto_team.kb.paths import Layout
from tests.kb.test_ownership import by_hand

if TYPE_CHECKING:
    from pathlib import Path

WHO = ("-c", "user.name=m", "-c", "user.email=m@x.io")


def nested(strategy: Layout, tmp_path: Path) -> Layout:
    """Put a workspace into a folder of a repository."""
    root = tmp_path / "nest"
    (root / "team").mkdir(parents=True)
    git.init(root)
    strategy.crypto.rename(root / "team" / ".crypto")
    git.run(root, "add", "-A")
    git.run(root, *WHO, "commit", "-qm", "start")
    return Layout(root / "team")


def test_a_workspace_that_was_moved_behind_a_link_keeps_the_rules_of_the_base(strategy: Layout, tmp_path: Path) -> None:
    layout = nested(strategy, tmp_path)
    root = layout.root.parent
    git.run(root, "switch", "-q", "-c", "mal")
    layout.root.rename(root / "real")
    (root / "team").symlink_to("real")
    moved = Layout(root / "real")
    moved.registry_entry("STR-001").unlink()
    git.run(root, "add", "-A")
    by_hand(moved, moved.team, moved.team.read_text() + "# mine\n", Role="lead", Tool="init")
    for work in (moved, Layout((root / "team").resolve())):
        found = ownership_audit.audit(work, "main")[1]
        assert ("moved-workspace", "team/.crypto") in {(item.code, item.file) for item in found}


def test_a_second_workspace_beside_the_first_is_no_finding(strategy: Layout, tmp_path: Path) -> None:
    layout = nested(strategy, tmp_path)
    root = layout.root.parent
    git.run(root, "switch", "-q", "-c", "more")
    other = Layout(root / "other")
    by_hand(other, other.team, layout.team.read_text(), Role="lead", Tool="init")
    assert ownership_audit.audit(layout, "main")[1] == []
    assert ownership_audit.audit(other, "main")[1] == []


def test_a_workspace_within_another_one_does_not_replace_its_rules(strategy: Layout, tmp_path: Path) -> None:
    layout = nested(strategy, tmp_path)
    git.run(layout.root, "switch", "-q", "-c", "mal")
    decoy = Layout(layout.root / "sub")
    layout.registry_entry("STR-001").unlink()
    by_hand(decoy, decoy.team, layout.team.read_text(), Role="lead", Tool="init")
    for work in (decoy, layout):
        found = {(item.code, item.file) for item in ownership_audit.audit(work, "main")[1]}
        assert ("nested-workspace", "team/sub/.crypto") in found
    git.run(layout.root, "switch", "-q", "main")
    git.run(layout.root, "merge", "-q", "mal")
    git.run(layout.root, "switch", "-q", "-c", "later")
    by_hand(decoy, decoy.team, layout.team.read_text() + "# mine\n", Role="lead", Tool="t")
    assert [item.code for item in ownership_audit.audit(decoy, "main")[1]] == []


def test_a_workspace_that_became_a_link_is_a_finding(strategy: Layout) -> None:
    git.run(strategy.root, "switch", "-q", "-c", "mal")
    strategy.crypto.rename(strategy.root / "real")
    strategy.crypto.symlink_to("real")
    git.run(strategy.root, "add", "-A")
    git.run(strategy.root, *WHO, "commit", "-qm", "link", "-m", "Crypto-Team-Role: lead")
    found = {(item.code, item.file) for item in ownership_audit.audit(strategy, "main")[1]}
    assert {("link", ".crypto"), ("moved-workspace", ".crypto")} <= found
