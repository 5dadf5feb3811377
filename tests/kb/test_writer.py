from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import ConflictError, CryptoTeamError, InputError, LockTimeoutError, OwnershipError
from crypto_team.kb import git, ids, registry, validate, workspace
from crypto_team.kb.files import write_atomic
from crypto_team.kb.locks import locked
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import FindingsError, dump
from crypto_team.schemas import FeatureSet
from tests.kb.entries import event

if TYPE_CHECKING:
    from crypto_team.schemas.base import RoleId


def write(
    layout: Layout, content: str | bytes, *, role: RoleId = "ml_engineer", base: str | None = "now"
) -> str | None:
    path = layout.features("STR-001")
    revision = revision_of(path) if base == "now" else base
    return commit_records(
        layout,
        role=role,
        tool="test",
        strategy_id="STR-001",
        changes=[Change("features", path, content, revision)],
        message="change",
    )


def document(method: str) -> str:
    made = FeatureSet.model_validate({"strategy_id": "STR-001", "feature_selection": {"method": method}})
    return dump(made, schema="features")


def test_a_write_is_committed_with_trailers_that_say_who_and_how(strategy: Layout) -> None:
    revision = write(strategy, document("one"))
    assert revision == git.head(strategy.root)
    path = strategy.features("STR-001")
    assert git.last_trailer(strategy.root, "Crypto-Team-Role", path) == "ml_engineer"
    assert git.last_trailer(strategy.root, "Crypto-Team-Strategy", path) == "STR-001"
    assert validate.validate(strategy) == []


def test_a_role_that_does_not_own_the_kind_is_refused_and_told_who_does(strategy: Layout) -> None:
    before = strategy.features("STR-001").read_bytes()
    with pytest.raises(OwnershipError, match="belongs to the ml_engineer") as caught:
        write(strategy, document("two"), role="critic")
    assert caught.value.exit_code == 3
    assert strategy.features("STR-001").read_bytes() == before


def test_only_the_handoff_tool_writes_handoffs(strategy: Layout) -> None:
    path = strategy.handoffs_dir("STR-001") / "001-ml_engineer-to-data_collector.yaml"
    change = Change("handoff", path, "x: 1\n")
    with pytest.raises(OwnershipError):
        commit_records(strategy, role="ml_engineer", tool="train", strategy_id=None, changes=[change], message="x")


def test_a_stale_write_is_a_conflict_with_a_diff(strategy: Layout) -> None:
    old = revision_of(strategy.features("STR-001"))
    write(strategy, document("first"))
    with pytest.raises(ConflictError, match="first") as caught:
        write(strategy, document("second"), base=old)
    assert caught.value.exit_code == 4


def test_an_invalid_result_is_refused_and_nothing_is_written(strategy: Layout) -> None:
    head, before = git.head(strategy.root), strategy.features("STR-001").read_bytes()
    with pytest.raises(FindingsError):
        write(strategy, "strategy_id: 7\n")
    assert (git.head(strategy.root), strategy.features("STR-001").read_bytes()) == (head, before)


def test_a_file_cannot_lie_where_its_kind_does_not(strategy: Layout) -> None:
    change = Change("features", strategy.ml_spec("STR-001"), document("x"))
    with pytest.raises(InputError):
        commit_records(strategy, role="ml_engineer", tool="t", strategy_id=None, changes=[change], message="x")


@pytest.mark.parametrize("name", ["../x", "STR-1", "STR-001/../../..", "STR-001\n", "", "str-001", "STR-0000001"])
def test_hostile_ids_never_become_paths(layout: Layout, name: str) -> None:
    with pytest.raises(InputError):
        layout.strategy_dir(name)


def test_a_link_that_leads_out_of_the_workspace_is_refused(strategy: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    strategy.code_dir("STR-001").symlink_to(outside)
    change = Change("code", strategy.code_dir("STR-001") / "features.py", b"x = 1\n")
    with pytest.raises(InputError, match="leads elsewhere"):
        commit_records(strategy, role="ml_engineer", tool="t", strategy_id=None, changes=[change], message="x")
    assert list(outside.iterdir()) == []
    assert "outside" in {item.code for item in validate.validate(strategy)}


def test_a_failing_hook_of_the_user_is_reported_in_its_own_words(strategy: Layout) -> None:
    hook = strategy.root / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho the lead says no >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(CryptoTeamError, match="the lead says no"):
        write(strategy, document("hooked"))


WRITER = """
import sys
from pathlib import Path
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet
from crypto_team.kb.noting import noted
layout = Layout(Path(sys.argv[1]))
for number in range(1000):
    made = FeatureSet.model_validate({"strategy_id": "STR-001", "feature_selection": {"method": f"run {number}"}})
    path = layout.features("STR-001")
    changes = [Change("features", path, dump(made, schema="features"), revision_of(path)),
               noted(layout, "STR-001", time="2026-01-02T03:04:05Z", role="ml_engineer", event=f"run {number}.")]
    commit_records(layout, role="ml_engineer", tool="t", strategy_id="STR-001", changes=changes, message="run")
    print(number, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.037, 0.061])
def test_a_kill_leaves_both_files_of_an_operation_or_neither(strategy: Layout, delay: float) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(strategy.root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(delay)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    (strategy.root / ".git" / "index.lock").unlink(missing_ok=True)
    workspace.repair(strategy)
    assert validate.validate(strategy) == []
    run = strategy.features("STR-001").read_text().split("run ")[1].split("\n")[0].strip('"')
    assert registry.entry(strategy, "STR-001").history[-1].event == f"run {run}."


def test_a_full_disk_is_a_clear_error_and_the_old_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    write_atomic(path, b"old")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomic(path, b"x" * 5000)
        except CryptoTeamError as problem:
            os._exit(0 if "the file is as it was" in str(problem) else 2)
        os._exit(3)
    assert os.waitpid(pid, 0)[1] == 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_held_elsewhere_names_its_holder_and_is_freed_by_a_kill(layout: Layout) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom crypto_team.kb.paths import Layout\n"
        "from crypto_team.kb.locks import locked\n"
        "with locked(Layout(Path(sys.argv[1])), 'backtester: run'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(layout.root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    named = f"backtester: run \\(process {child.pid}\\)"
    with pytest.raises(LockTimeoutError, match=named), locked(layout, "me", wait_seconds=0.1):
        pass
    child.kill()
    child.communicate()
    with locked(layout, "me", wait_seconds=5):
        pass


ALLOT = """
import sys
from pathlib import Path
from crypto_team.kb.ids import allot
from crypto_team.kb.paths import Layout
for _ in range(6):
    print(allot(Layout(Path(sys.argv[1])), "STR"))
"""


def test_ids_are_unique_over_processes_and_worktrees(strategy: Layout, tmp_path: Path) -> None:
    other = tmp_path / "tree"
    git.run(strategy.root, "worktree", "add", "-q", str(other), "-b", "side")
    roots = [strategy.root, other, strategy.root, other]
    children = [
        subprocess.Popen([sys.executable, "-c", ALLOT, str(root)], stdout=subprocess.PIPE, text=True) for root in roots
    ]
    names = [name for child in children for name in child.communicate()[0].split()]
    assert len(names) == len(set(names)) == 24
    assert "STR-001" not in names


def test_an_id_known_only_from_a_file_is_not_allotted_again(strategy: Layout) -> None:
    assert ids.allot(strategy, "STR") == "STR-002"


def test_processes_that_write_at_once_lose_nothing(strategy: Layout) -> None:
    code = (
        "import sys\nfrom datetime import datetime, UTC\nfrom pathlib import Path\n"
        "from crypto_team.kb import learnings\nfrom crypto_team.kb.paths import Layout\n"
        "from crypto_team.kb.writer import Change, commit_records\n"
        "layout = Layout(Path(sys.argv[1]))\n"
        "for number in range(5):\n"
        "    made = learnings.make('critic', title=f'{sys.argv[2]} {number}', text='t', scope='all', evidence=[],\n"
        "                          tags=[], severity='info', now=datetime.now(UTC))\n"
        "    change = Change('learning', layout.learning(made.learning_id), learnings.render(made))\n"
        "    commit_records(layout, role='critic', tool='learn', strategy_id=None, changes=[change], message='x')\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code, str(strategy.root), f"p{number}"]) for number in range(4)]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    assert len(list(strategy.learnings_dir.glob("*.md"))) == 20
    assert git.changed_since_commit(strategy.root, [strategy.crypto]) == []
    assert validate.validate(strategy) == []


def test_views_are_written_on_the_default_branch_only(strategy: Layout) -> None:
    git.run(strategy.root, "checkout", "-q", "-b", "side")
    before = strategy.registry_view.read_text()
    event(strategy, "critic", "looked at", status="in_progress")
    assert strategy.registry_view.read_text() == before
    assert validate.validate(strategy) == []


def test_an_operation_that_found_the_index_locked_is_finished_by_the_next_command(
    strategy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "_COMMIT_TRIES", 2)
    lock = strategy.root / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(LockTimeoutError, match=r"index\.lock") as caught:
        write(strategy, document("held"))
    assert caught.value.exit_code == 5
    lock.unlink()
    write(strategy, document("later"))
    log = git.run(strategy.root, "log", "-2", "--format=%H").splitlines()
    assert "held" in git.run(
        strategy.root, "show", f"{log[1]}:{strategy.features('STR-001').relative_to(strategy.root)}"
    )
    assert git.run(strategy.root, "status", "--porcelain") == ""


def test_nothing_is_written_while_no_branch_is_checked_out(strategy: Layout) -> None:
    git.run(strategy.root, "checkout", "-q", "--detach")
    before = strategy.features("STR-001").read_bytes()
    with pytest.raises(ConflictError, match="detached HEAD"):
        write(strategy, document("lost"))
    assert strategy.features("STR-001").read_bytes() == before
