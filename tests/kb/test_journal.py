from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import ConflictError, CryptoTeamError
from crypto_team.kb import git, journal, validate, workspace
from crypto_team.kb.files import revision_of
from crypto_team.kb.journal import Operation, Staged
from crypto_team.kb.paths import Layout
from crypto_team.kb.registry import entry
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet

if TYPE_CHECKING:
    from pathlib import Path

# Kills itself before one step of an operation on two files: the n-th rename, the commit, or clearing the journal.
KILLED = """
import os, signal, sys
from pathlib import Path
from crypto_team.kb import git, journal
from crypto_team.kb.noting import noted
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet
step = sys.argv[2]
real, calls = Path.replace, []
def replace(self, target):
    calls.append(target)
    if step == str(len(calls)):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
def die(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)
Path.replace = replace
if step == "commit":
    git.commit = die
if step == "clear":
    journal.clear = die
layout = Layout(Path(sys.argv[1]))
made = FeatureSet.model_validate({"strategy_id": "STR-001", "feature_selection": {"method": "new"}})
path = layout.features("STR-001")
said = noted(layout, "STR-001", time="2026-01-02T03:04:05Z", role="ml_engineer", event="e", status="in_progress")
changes = [Change("features", path, dump(made, schema="features"), revision_of(path)), said]
commit_records(layout, role="ml_engineer", tool="t", strategy_id="STR-001", changes=changes, message="both")
"""


def code(layout: Layout, text: str = "x = 1\n", name: str = "features.py") -> str | None:
    path = layout.code_dir("STR-001") / name
    return commit_records(
        layout,
        role="ml_engineer",
        tool="t",
        strategy_id="STR-001",
        changes=[Change("code", path, text, revision_of(path))],
        message="code",
    )


def document(method: str) -> bytes:
    made = FeatureSet.model_validate({"strategy_id": "STR-001", "feature_selection": {"method": method}})
    return dump(made, schema="features").encode()


def interrupted(layout: Layout) -> Path:
    """Leave the journal of an operation on features.yaml behind, as a kill right after it was written does."""
    path = layout.features("STR-001")
    files = {path: Staged(document("late"), revision_of(path))}
    journal.write(layout, Operation(files, "STR-001: late", {"Crypto-Team-Role": "ml_engineer"}))
    return path


@pytest.mark.parametrize("step", ["1", "2", "3", "4", "commit", "clear"])
def test_a_kill_before_any_step_is_undone_or_finished_and_committed_by_the_next_command(
    strategy: Layout, step: str
) -> None:
    child = subprocess.run([sys.executable, "-c", KILLED, str(strategy.root), step], check=False)
    assert child.returncode == -signal.SIGKILL
    code(strategy)
    done = "method: new" in strategy.features("STR-001").read_text()
    assert (entry(strategy, "STR-001").status == "in_progress") is done
    assert done is (step != "1")
    assert git.changed_since_commit(strategy.root, [strategy.crypto]) == []
    assert ("both" in git.run(strategy.root, "log", "--format=%s").split("\n")) is done
    assert validate.validate(strategy) == []


def test_an_interrupted_operation_is_reported_and_repaired(strategy: Layout) -> None:
    path = interrupted(strategy)
    assert {item.code for item in validate.validate(strategy)} == {"interrupted"}
    assert workspace.repair(strategy) == ["finished the interrupted write of features.yaml"]
    assert path.read_bytes() == document("late")
    assert git.last_trailer(strategy.root, "Crypto-Team-Role", path) == "ml_engineer"
    assert not journal.pending(strategy)
    assert validate.validate(strategy) == []


def test_an_edit_made_after_the_interruption_is_kept(strategy: Layout) -> None:
    path = interrupted(strategy)
    path.write_bytes(document("by hand"))
    workspace.repair(strategy)
    assert path.read_bytes() == document("by hand")


def test_an_operation_follows_a_workspace_that_was_moved(strategy: Layout) -> None:
    interrupted(strategy)
    moved = Layout(strategy.root.rename(strategy.root.with_name("moved")))
    workspace.repair(moved)
    assert moved.features("STR-001").read_bytes() == document("late")
    assert not strategy.root.exists()


def test_an_operation_of_a_worktree_that_is_gone_is_dropped(strategy: Layout, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git.run(strategy.root, "worktree", "add", "-q", str(tree), "-b", "side")
    interrupted(Layout(tree))
    shutil.rmtree(tree)
    code(strategy)
    assert not tree.exists()
    assert not journal.pending(strategy)


def test_an_operation_of_another_worktree_is_finished_there(strategy: Layout, tmp_path: Path) -> None:
    tree = Layout(tmp_path / "tree")
    git.run(strategy.root, "worktree", "add", "-q", str(tree.root), "-b", "side")
    interrupted(tree)
    before = strategy.features("STR-001").read_bytes()
    code(strategy)
    assert tree.features("STR-001").read_bytes() == document("late")
    assert git.run(tree.root, "log", "-1", "--format=%s") == "STR-001: late"
    assert strategy.features("STR-001").read_bytes() == before


def test_a_journal_that_is_no_journal_says_what_to_do(strategy: Layout) -> None:
    file = git.common_dir(strategy.root) / "crypto-team" / "journal.json"
    file.write_text('{"files": 3}')
    with pytest.raises(CryptoTeamError, match="remove this file"):
        code(strategy)


def test_a_hook_that_refuses_once_does_not_block_what_follows(strategy: Layout) -> None:
    hook = strategy.root / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(CryptoTeamError):
        code(strategy)
    hook.unlink()
    assert code(strategy, "y = 2\n", "other.py") is not None


def test_nothing_is_written_in_the_middle_of_a_merge(strategy: Layout) -> None:
    (strategy.root / ".git" / "MERGE_HEAD").write_text(f"{git.head(strategy.root)}\n")
    with pytest.raises(ConflictError, match="merge"):
        code(strategy)
    assert not strategy.code_dir("STR-001").exists()


def test_work_of_the_user_is_neither_committed_nor_in_the_way(strategy: Layout) -> None:
    mine = strategy.root / "mine.txt"
    mine.write_text("1")
    git.run(strategy.root, "add", "mine.txt")
    git.run(strategy.root, "-c", "user.name=u", "-c", "user.email=u@h", "commit", "-q", "-m", "mine")
    mine.write_text("2")
    assert code(strategy) is not None
    assert code(strategy) is None
    assert git.run(strategy.root, "status", "--porcelain") == " M mine.txt"


def test_a_file_that_was_never_committed_can_be_removed(strategy: Layout) -> None:
    path = strategy.code_dir("STR-001") / "old.py"
    path.parent.mkdir()
    path.write_text("x")
    change = Change("code", path, None, revision_of(path))
    commit_records(strategy, role="ml_engineer", tool="t", strategy_id=None, changes=[change], message="rm")
    assert not path.exists()


def test_a_record_that_somebody_broke_by_hand_stops_nobody_else(strategy: Layout) -> None:
    (strategy.registry_dir / "STR-002.yaml").write_text("x: [")
    assert code(strategy) is not None
    assert {item.code for item in validate.validate(strategy)} == {"yaml-syntax"}


def test_a_message_cannot_forge_trailers(strategy: Layout) -> None:
    path = strategy.code_dir("STR-001") / "features.py"
    commit_records(
        strategy,
        role="ml_engineer",
        tool="t",
        strategy_id=None,
        changes=[Change("code", path, "x = 1\n")],
        message="m\n\nCrypto-Team-Role: lead",
    )
    assert git.last_trailer(strategy.root, "Crypto-Team-Role", path) == "ml_engineer"
