"""What is no record: files beside the settings, folders in the place of files, a workspace behind a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import InputError
from crypto_team.kb import git, validate, workspace
from crypto_team.kb.guard import judge_staged
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records

if TYPE_CHECKING:
    from pathlib import Path


def codes(layout: Layout) -> list[tuple[str, str]]:
    return [(item.code, (item.file or "").rpartition("/")[2]) for item in validate.validate(layout)]


def test_a_sound_workspace_has_none_whatever_its_local_folders_hold(strategy: Layout) -> None:
    for name in ("data", "store", "reports", "logs", "schemas"):
        (strategy.crypto / name / "x").mkdir(parents=True)
    assert codes(strategy) == []


@pytest.mark.parametrize("name", ["team.yaml.bak", "TEAM.yaml", "notes", "other.yaml", ".team.yaml.swp"])
def test_nothing_lies_beside_the_settings(strategy: Layout, name: str) -> None:
    (strategy.crypto / name).write_text("x: 1\n")
    assert codes(strategy) == [("unknown-file", name)]


@pytest.mark.parametrize(
    "name", ["registry/STR-002.yaml", "strategies/STR-001/data-spec.yaml", "learnings/x.md", "registry.yaml"]
)
def test_a_folder_is_no_record_even_when_it_is_empty(strategy: Layout, name: str) -> None:
    place = strategy.knowledge / name
    place.unlink(missing_ok=True)
    place.mkdir(parents=True)
    assert ("unreadable", place.name) in codes(strategy)


def test_a_setting_that_is_a_folder_is_found(strategy: Layout) -> None:
    strategy.team.unlink()
    strategy.team.mkdir()
    assert ("unreadable", "team.yaml") in codes(strategy)


def test_nothing_is_written_through_a_linked_workspace(strategy: Layout, tmp_path: Path) -> None:
    there = tmp_path / "there"
    strategy.crypto.rename(there)
    strategy.crypto.symlink_to(there)
    path = strategy.code_dir("STR-001") / "mine.py"
    with pytest.raises(InputError, match="is a link"):
        commit_records(
            strategy,
            role="ml_engineer",
            tool="t",
            strategy_id="STR-001",
            changes=[Change("code", path, "x = 1\n")],
            message="m",
        )
    with pytest.raises(InputError, match="is a link"):
        workspace.init(strategy.root)
    assert not (there / "knowledge" / "strategies" / "STR-001" / "code").exists()
    assert [code for code, _ in codes(strategy)] == ["outside"]


def test_the_guard_says_how_folders_that_stay_out_of_git_are_ignored(strategy: Layout) -> None:
    ignore = strategy.crypto / ".gitignore"
    ignore.write_text("\n".join(line for line in ignore.read_text().splitlines() if line != "schemas/") + "\n")
    (strategy.crypto / "schemas").mkdir(exist_ok=True)
    (strategy.crypto / "schemas" / "registry.json").write_text("{}")
    git.run(strategy.root, "add", "-A", "--", ".crypto/schemas")
    refusal = judge_staged(strategy, "lead", None)[0]
    assert "stays out of git" in refusal.why
    assert "doctor --repair" in str(refusal.hint)
