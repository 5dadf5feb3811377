"""The index: always what the files say, never needed, never in the knowledge base."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import git, git_dirs, index_walk, queries, validate, workspace
from crypto_team.kb.index_store import in_memory, open_index, place
from crypto_team.kb.index_walk import current
from crypto_team.kb.paths import Layout
from tests.kb.test_records import book

if TYPE_CHECKING:
    from pathlib import Path


def names(layout: Layout, *, exact: bool = False) -> list[str]:
    return [row["name"] for row in queries.listing(layout, exact=exact).rows]


def tree(layout: Layout) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in layout.crypto.rglob("*") if path.is_file()}


def test_reading_makes_an_index_in_the_git_directory_and_changes_nothing_else(strategy: Layout) -> None:
    before = tree(strategy)
    assert names(strategy) == ["momentum"]
    assert validate.validate(strategy) == []
    assert tree(strategy) == before
    assert git.changed_since_commit(strategy.root, [strategy.root]) == []
    found = place(strategy)
    assert found is not None
    assert found.exists()
    assert found.is_relative_to(strategy.root / ".git")


def test_every_change_of_a_file_is_seen_at_once(strategy: Layout) -> None:
    path = strategy.registry_entry("STR-001")
    assert names(strategy) == ["momentum"]
    path.write_text(path.read_text().replace("momentum", "reversal"))
    assert names(strategy) == ["reversal"]
    path.write_text("name: [")
    assert names(strategy) == []
    assert queries.select(strategy, "SELECT 1").warning is not None
    path.unlink()
    assert queries.select(strategy, "SELECT * FROM strategies").rows == []
    assert queries.select(strategy, "SELECT 1").warning is None


def test_a_change_that_keeps_size_and_modification_time_is_seen(strategy: Layout) -> None:
    path = strategy.registry_entry("STR-001")
    assert names(strategy) == ["momentum"]
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text(path.read_text().replace("momentum", "mumentom"))
    os.utime(path, ns=times)
    assert names(strategy) == ["mumentom"]


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_or_removed_index_is_made_anew(strategy: Layout, damage: bytes) -> None:
    names(strategy)
    found = place(strategy)
    assert found is not None
    for path in found.parent.glob("index-*"):
        path.unlink()
    found.write_bytes(damage)
    assert names(strategy) == ["momentum"]
    assert validate.validate(strategy) == []


def test_an_index_of_another_version_is_made_anew(strategy: Layout) -> None:
    names(strategy)
    connection = open_index(strategy)
    connection.execute("UPDATE meta SET value = 'older' WHERE name = 'code'")
    connection.execute("DELETE FROM entries")
    connection.close()
    assert names(strategy) == ["momentum"]


def test_where_the_git_directory_cannot_hold_it_the_index_lives_in_memory(
    strategy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = strategy.root / ".git" / "crypto-team"
    for path in folder.glob("index-*"):
        path.unlink()
    monkeypatch.setattr("crypto_team.kb.index_store.place", lambda layout: None)
    assert names(strategy) == ["momentum"]
    assert list(folder.glob("index-*")) == []


def test_two_worktrees_have_two_indexes(strategy: Layout, tmp_path: Path) -> None:
    git.run(strategy.root, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    other = Layout(tmp_path / "other")
    assert place(other) != place(strategy)
    path = other.registry_entry("STR-001")
    path.write_text(path.read_text().replace("momentum", "reversal"))
    assert (names(strategy), names(other)) == (["momentum"], ["reversal"])
    assert git_dirs.private(other.root) == strategy.root / ".git/worktrees/other"


def test_a_large_base_is_walked_again_after_every_write_of_a_tool_and_when_told_to(
    strategy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_walk, "MOST_WALKED", 0)
    assert names(strategy) == ["momentum"]
    path = strategy.registry_entry("STR-001")
    text = path.read_text()
    path.write_text(text.replace("momentum", "in_place"))
    assert names(strategy) == ["momentum"], "an edit in place is not looked for within the time of trust"
    assert names(strategy, exact=True) == ["in_place"]
    path.write_text(text)
    book(strategy)
    assert names(strategy) == ["momentum"], "a tool wrote something"
    path.write_text(text.replace("momentum", "in_place"))
    monkeypatch.setattr(index_walk, "TRUSTED_SECONDS", 0.0)
    assert names(strategy) == ["in_place"], "the time of trust is over"


def test_many_processes_may_make_the_index_at_once(strategy: Layout) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from crypto_team.kb.paths import Layout; from crypto_team.kb import queries\n"
        "print([row['name'] for row in queries.listing(Layout(Path(sys.argv[1]))).rows])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(strategy.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in started] == ["['momentum']"] * 4
    assert current(strategy).execute("SELECT count(*) FROM entries").fetchone() == (1,)


def test_what_was_validated_is_not_read_again(strategy: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    old = time.time() - 60
    for path in strategy.crypto.rglob("*"):
        os.utime(path, (old, old))
    monkeypatch.setattr(index_walk, "_RACY_NS", 0)
    assert validate.validate(strategy) == []

    def never(*_: object) -> None:
        raise AssertionError("read again")

    for name in ("crypto_team.kb.index_refresh.judge", "crypto_team.kb.views.stale", "crypto_team.kb.trials.ledger"):
        monkeypatch.setattr(name, never)
    assert validate.validate(strategy) == []


def test_findings_of_a_moved_workspace_name_the_new_place(strategy: Layout, tmp_path: Path) -> None:
    (strategy.knowledge / "stranger.txt").write_text("x")
    assert len(validate.validate(strategy)) == 1
    moved = strategy.root.rename(tmp_path / "moved")
    found = validate.validate(Layout(moved))
    assert [item.file for item in found] == [str(moved / ".crypto/knowledge/stranger.txt")]


def test_links_are_findings_and_are_never_followed(layout: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "STR-001.yaml").write_text("name: x")
    layout.strategies_root.mkdir(exist_ok=True)
    (layout.strategies_root / "STR-001").symlink_to(outside)
    layout.registry_dir.mkdir(exist_ok=True)
    (layout.registry_dir / "STR-002.yaml").symlink_to(outside / "STR-001.yaml")
    assert {item.code for item in validate.validate(layout)} == {"outside"}
    assert names(layout) == []


def test_a_pipe_in_the_knowledge_base_does_not_stop_validation(layout: Layout) -> None:
    layout.registry_dir.mkdir(exist_ok=True)
    os.mkfifo(layout.registry_dir / "STR-001.yaml")
    assert [item.code for item in validate.validate(layout)] == ["unreadable"]


def test_the_index_follows_a_repository_that_is_not_the_workspace(tmp_path: Path) -> None:
    git.init(tmp_path)
    one, two = workspace.init(tmp_path / "one"), workspace.init(tmp_path / "two")
    assert place(one) != place(two)
    assert names(one) == []


@pytest.mark.parametrize("column", ["status", "strategy_id"])
def test_counting_strategies_reads_an_index_and_nothing_else(column: str) -> None:
    question = f"SELECT {column}, count(*) FROM strategies GROUP BY {column}"  # noqa: S608 - our own names
    [row] = in_memory().execute(f"EXPLAIN QUERY PLAN {question}").fetchall()
    assert row[3] == f"SCAN e USING COVERING INDEX entries_{column.removesuffix('_id')}"


def test_sorting_by_a_metric_looks_it_up_strategy_by_strategy() -> None:
    question = (
        "SELECT s.strategy_id FROM strategies s LEFT JOIN metrics m ON m.strategy_id = s.strategy_id AND m.name = 'a' "
        "WHERE s.strategy_id IN (SELECT strategy_id FROM metrics WHERE name = 'a' AND value >= 1) ORDER BY m.value"
    )
    steps = [row[3] for row in in_memory().execute(f"EXPLAIN QUERY PLAN {question}")]
    assert "SEARCH m USING COVERING INDEX metrics_strategy (strategy_id=? AND name=?) LEFT-JOIN" in steps
