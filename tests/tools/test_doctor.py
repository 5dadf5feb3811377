"""The doctor looks at machine and workspace, and repairs what can be repaired without losing anything."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from crypto_team.kb import git, health
from crypto_team.kb.index_store import place

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.tools.conftest import Desk


def state(desk: Desk, name: str) -> str:
    rows = desk("doctor").data["checks"]
    return str({row["check"]: row["state"] for row in rows}[name])


def test_a_sound_workspace_has_nothing_bad(staffed: Desk) -> None:
    outcome = staffed.ok("doctor")
    assert {row["state"] for row in outcome.data["checks"]} <= {"ok", "note"}
    assert outcome.summary == "nothing to repair"


def test_a_damaged_index_is_found_and_renewed(staffed: Desk) -> None:
    staffed.ok("registry.list")
    path = place(staffed.session.layout)
    assert path is not None
    for other in path.parent.glob("index-*"):
        other.unlink()
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 9000)
    assert health.index_trouble(path) is not None
    staffed.ok("doctor", repair=True)
    assert state(staffed, "index") == "ok"
    assert len(staffed.ok("registry.list").data) == 2


def test_data_and_evidence_are_kept_out_of_git_again(staffed: Desk) -> None:
    path = staffed.session.layout.crypto / ".gitignore"
    path.write_text("data/\nmine/")
    assert staffed("doctor").exit_code == 1
    staffed.ok("doctor", repair=True)
    assert path.read_text().splitlines() == ["data/", "mine/", "store/", "reports/", "logs/", "schemas/"]
    assert git.changed_since_commit(staffed.session.layout.root, [path]) == []
    path.write_text(path.read_text().replace("schemas/\n", ""))
    assert staffed("doctor").ok, "copies of schemas in git harm nobody"


def test_only_old_temporary_files_are_removed(staffed: Desk) -> None:
    folder = staffed.session.layout.scratch
    old, young = folder / ".new-old", folder / ".new-young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    long_ago = time.time() - 3 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    assert state(staffed, "scratch") == "note"
    staffed.ok("doctor", repair=True)
    assert (old.exists(), young.exists()) == (False, True)


def test_an_unfinished_merge_and_foreign_hooks_are_told(staffed: Desk) -> None:
    root = staffed.session.layout.root
    (root / ".git/MERGE_HEAD").write_text((git.head(root) or "") + "\n")
    assert state(staffed, "repository") == "bad"
    (root / ".git/MERGE_HEAD").unlink()
    git.run(root, "config", "core.hooksPath", "elsewhere")
    assert state(staffed, "hooks") == "note"


def test_a_git_that_is_missing_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {item.name: item for item in health.machine()}
    assert found["git"].state == "bad"
    assert found["git"].next
