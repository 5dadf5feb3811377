"""Edits by hand: committed apart from what tools write, or refused; never carried along, never written over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import ConflictError
from crypto_team.kb import git, ownership_audit, workspace
from tests.kb.test_writer import document, write

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout


def commits(layout: Layout, path: Path) -> list[tuple[str, str]]:
    """Return tool and subject of the commits that touched a file, newest first."""
    form = "%(trailers:key=Crypto-Team-Tool,valueonly,separator=%x20)%x09%s"
    lines = git.run(layout.root, "log", f"--format={form}", "--", str(path)).splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def test_an_edit_by_hand_is_committed_apart_before_the_tool_writes(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    path = strategy.features("STR-001")
    path.write_text(document("by_hand"))
    write(strategy, document("by_tool"))
    assert commits(strategy, path)[:2] == [
        ("test", "change"),
        ("hand", "Edited by hand: knowledge/strategies/STR-001/features.yaml"),
    ]
    assert "by_hand" in git.run(strategy.root, "show", f"HEAD~1:{path.relative_to(strategy.root)}")
    assert ownership_audit.audit(strategy, base) == (2, [])


def test_code_of_the_strategy_is_in_the_history_before_what_was_computed_with_it(strategy: Layout) -> None:
    code = strategy.code_dir("STR-001") / "features.py"
    code.parent.mkdir(exist_ok=True)
    code.write_text("WINDOW = 24\n")
    write(strategy, document("trained"))
    assert [tool for tool, _ in commits(strategy, code)] == ["hand"]
    assert git.run(strategy.root, "diff", "--name-only", "HEAD~1", "HEAD").splitlines() == [
        str(strategy.features("STR-001").relative_to(strategy.root))
    ]


def test_a_broken_edit_is_neither_committed_nor_written_over(strategy: Layout) -> None:
    path = strategy.features("STR-001")
    path.write_text("strategy_id: [\n")
    head = git.head(strategy.root)
    with pytest.raises(ConflictError, match="changed without a tool") as caught:
        write(strategy, document("by_tool"))
    assert "git restore" in str(caught.value.hint)
    assert path.read_text() == "strategy_id: [\n"
    assert git.head(strategy.root) == head


def test_what_another_role_edited_stays_out_of_the_commit(strategy: Layout) -> None:
    other = strategy.strategies_root / "STR-001" / "hypothesis.md"
    other.write_text("It works because I say so.\n")
    write(strategy, document("by_tool"))
    assert git.changed_since_commit(strategy.root, [other])
    assert commits(strategy, other) == []


def test_a_computed_record_that_was_edited_by_hand_stops_the_tool_that_would_write_it(strategy: Layout) -> None:
    entry = strategy.registry_dir / "STR-001.yaml"
    entry.write_text(entry.read_text() + "# better than it was\n")
    from crypto_team.kb.writer import Change, commit_records, revision_of

    change = Change("registry", entry, entry.read_text() + "# and more\n", revision_of(entry))
    with pytest.raises(ConflictError):
        commit_records(strategy, role="lead", tool="t", strategy_id="STR-001", changes=[change], message="m")


def test_repair_commits_sound_files_on_behalf_of_their_owners_and_leaves_broken_ones(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    path, broken = strategy.features("STR-001"), strategy.ml_spec("STR-001")
    path.write_text(document("left_behind"))
    broken.write_text("strategy_id: [\n")
    assert any("features.yaml" in text for text in workspace.repair(strategy))
    assert git.last_trailer(strategy.root, "Crypto-Team-Role", path) == "ml_engineer"
    assert git.changed_since_commit(strategy.root, [broken])
    assert ownership_audit.audit(strategy, base)[1] == []
