"""What is hostile is refused: content, ids, links, environments, lock files of the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import CryptoTeamError, InputError, RefusedError
from crypto_team.kb import git, git_locks, journal, validate, workspace
from crypto_team.kb.files import revision_of
from crypto_team.kb.journal import Operation, Staged
from crypto_team.kb.paths import Layout
from crypto_team.kb.secrets import MOST_BYTES, check_content, secrets
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SECRETS = [
    "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "glpat-" + "x1Y2z3W4v5U6t7S8r9Q0",
    "xoxb-" + "123456789012-abcdef",
    "AIza" + "Sy" + "A1" * 16 + "x",
    "sk-ant-" + "api03-" + "Ab1" * 12,
    "postgres://trader:" + "hunter2@db.example.org/x",
    'api_key = "' + "q8Zr1LkT0vXw7BnE5sYu" + '"',
    "binance_secret: " + "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
]


def code(layout: Layout, text: str | bytes, name: str = "features.py") -> str | None:
    path = layout.code_dir("STR-001") / name
    change = Change("code", path, text, revision_of(path))
    return commit_records(layout, role="ml_engineer", tool="t", strategy_id="STR-001", changes=[change], message="c")


@pytest.mark.parametrize("text", SECRETS, ids=range(len(SECRETS)))
def test_a_secret_is_refused_with_its_line_and_is_never_shown(strategy: Layout, text: str) -> None:
    head = git.head(strategy.root)
    with pytest.raises(RefusedError, match="looks like") as caught:
        code(strategy, f"x = 1\n{text}\n")
    assert caught.value.where is not None
    assert caught.value.where.endswith(":2:1")
    assert text[-12:] not in str(caught.value)
    assert git.head(strategy.root) == head
    assert not (strategy.code_dir("STR-001") / "features.py").exists()


@pytest.mark.parametrize("name", ["code/features.py", "ml-report.md", "ml-spec.yaml", "model/m.json"])
def test_a_secret_that_was_put_there_by_hand_is_found_by_validation(strategy: Layout, name: str) -> None:
    path = strategy.strategies_root / "STR-001" / name
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else "x = 1\n"
    path.write_text(before + "# " + SECRETS[1] + "\n")
    found = [item for item in validate.validate(strategy) if item.code == "secret"]
    assert [(str(item.file), item.line) for item in found] == [(str(path), before.count("\n") + 1)]
    assert SECRETS[1] not in found[0].message
    path.write_text(before)
    assert "secret" not in {item.code for item in validate.validate(strategy)}


@pytest.mark.parametrize(
    "text",
    [
        "content_hash: sha256:" + "ab12" * 16,
        "password: correct horse battery staple",
        "api_key: ${EXCHANGE_API_KEY}",
        "see https://example.org/a@b and s3://bucket/key",
        "secret_name: my_exchange_credentials",
        "01J0ABCDEFGHJKMNPQRSTVWXYZ",
    ],
)
def test_what_only_resembles_a_secret_passes(text: str) -> None:
    assert list(secrets(text)) == []


def test_no_file_of_this_repository_looks_like_a_secret() -> None:
    names = git.run(ROOT, "ls-files", "-z", "crypto_team", "docs", "schemas").split("\0")
    texts = {name: (ROOT / name).read_text(errors="replace") for name in names if name and (ROOT / name).is_file()}
    assert {name: found for name, text in texts.items() if (found := list(secrets(text)))} == {}


@pytest.mark.parametrize("hidden", ["\x00", "\x1b[2J", "\x7f", "\u202e", "\u2066", "\ufeff"])
def test_characters_that_nobody_sees_are_refused(strategy: Layout, hidden: str) -> None:
    with pytest.raises(InputError, match="hidden character"):
        code(strategy, f"x = 1  # {hidden}\n")


def test_a_pipe_in_the_place_of_a_record_is_found_and_not_opened(strategy: Layout) -> None:
    os.mkfifo(strategy.strategies_root / "STR-001" / "hypothesis.md")
    assert [(item.code, Path(str(item.file)).name) for item in validate.validate(strategy)] == [
        ("unreadable", "hypothesis.md")
    ]


def test_a_huge_file_is_refused_before_it_is_read_as_text() -> None:
    with pytest.raises(InputError, match="evidence store"):
        check_content(b"\xff" * (MOST_BYTES + 1), "x.py")


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{key}: &{key} [{','.join(['*' + last] * 9)}]" for last, key in zip("abcdefgh", "bcdefghi", strict=True)]
    began = time.process_time()
    with pytest.raises(CryptoTeamError):
        parse("\n".join(lines), "bomb.yaml")
    assert time.process_time() - began < 1.0


def test_a_folder_that_became_a_link_is_not_written_through(strategy: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    strategy.registry_entry("STR-001").unlink()
    strategy.registry_dir.rmdir()
    strategy.registry_dir.symlink_to(outside)
    change = Change("registry", strategy.registry_entry("STR-002"), "x: 1\n")
    with pytest.raises(InputError, match="leads elsewhere"):
        commit_records(strategy, role="critic", tool="t", strategy_id=None, changes=[change], message="x")
    assert list(outside.iterdir()) == []


def test_the_environment_of_a_hook_does_not_choose_the_repository(
    strategy: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = workspace.init(tmp_path / "other")
    before = git.head(other.root)
    for name, value in (
        ("GIT_DIR", str(other.root / ".git")),
        ("GIT_WORK_TREE", str(other.root)),
        ("GIT_INDEX_FILE", str(other.root / ".git" / "index")),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.hooksPath"),
        ("GIT_CONFIG_VALUE_0", "/nowhere"),
    ):
        monkeypatch.setenv(name, value)
    assert code(strategy, "x = 1\n") is not None
    assert git.run(strategy.root, "log", "-1", "--format=%s") == "c"
    assert git.head(other.root) == before


def test_hooks_in_another_folder_are_run_and_never_skipped(strategy: Layout, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    hook = hooks / "pre-commit"
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    git.run(strategy.root, "config", "core.hooksPath", str(hooks))
    with pytest.raises(CryptoTeamError, match="not today"):
        code(strategy, "x = 1\n")


def test_a_monitor_that_the_repository_names_is_not_started(strategy: Layout, tmp_path: Path) -> None:
    mark, program = tmp_path / "ran", tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    git.run(strategy.root, "config", "core.fsmonitor", str(program))
    git.changed_since_commit(strategy.root, [strategy.crypto])
    assert not mark.exists()


def test_reads_leave_the_index_alone(strategy: Layout) -> None:
    path = strategy.features("STR-001")
    os.utime(path, (1, 1))
    index = strategy.root / ".git" / "index"
    before = index.read_bytes()
    git.changed_since_commit(strategy.root, [strategy.crypto])
    validate.validate(strategy)
    assert index.read_bytes() == before


@pytest.fixture
def git_at_work(strategy: Layout) -> Iterator[subprocess.Popen[bytes]]:
    """A git process of the user that waits inside the work tree."""
    child = subprocess.Popen(
        ["git", "-C", str(strategy.root), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"HEAD\n")
    child.stdin.flush()
    child.stdout.readline()
    yield child
    child.kill()
    child.communicate()


def interrupted(layout: Layout) -> Path:
    path = layout.code_dir("STR-001") / "late.py"
    journal.write(layout, Operation({path: Staged(b"x = 1\n", None)}, "late", {"Crypto-Team-Role": "ml_engineer"}))
    lock = layout.root / ".git" / "index.lock"
    lock.touch()
    return lock


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="this machine does not tell which processes run")
def test_the_lock_of_a_killed_git_is_swept_and_that_of_a_living_one_is_not(
    strategy: Layout, git_at_work: subprocess.Popen[bytes]
) -> None:
    lock = interrupted(strategy)
    assert git_locks.sweep(strategy.root) == []
    assert lock.exists()
    git_at_work.kill()
    git_at_work.communicate()
    code(strategy, "y = 1\n")
    assert not lock.exists()
    assert git.run(strategy.root, "log", "-2", "--format=%s").split() == ["c", "late"]


def test_a_git_whose_tool_was_killed_keeps_the_write_lock_until_it_ends(strategy: Layout, tmp_path: Path) -> None:
    mark, go = tmp_path / "started", tmp_path / "go"
    hook = strategy.root / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\nwhile [ ! -e {go} ]; do sleep 0.02; done\n")
    hook.chmod(0o755)
    body = (
        "import sys\nfrom pathlib import Path\nfrom crypto_team.kb.paths import Layout\n"
        "from crypto_team.kb.writer import Change, commit_records\nlayout = Layout(Path(sys.argv[1]))\n"
        "change = Change('code', layout.code_dir('STR-001') / 'a.py', 'x = 1\\n')\n"
        "commit_records(layout, role='ml_engineer', tool='t', strategy_id='STR-001', changes=[change], message='a')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", body, str(strategy.root)])
    while not mark.exists():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    from crypto_team.errors import LockTimeoutError
    from crypto_team.kb.locks import locked

    with pytest.raises(LockTimeoutError), locked(strategy, "me", wait_seconds=0.05):
        pass
    go.touch()
    assert code(strategy, "y = 1\n", "b.py") is not None
    assert git.run(strategy.root, "log", "-2", "--format=%s").split() == ["c", "a"]
    assert validate.validate(strategy) == []


@pytest.mark.parametrize("piece", ["a", "a-", "secret", "A secret_", "://a:", "0.123, "])
def test_the_search_for_secrets_takes_linear_time(piece: str) -> None:
    text = piece * (500_000 // len(piece))
    began = time.process_time()
    assert list(secrets(text)) == []
    assert time.process_time() - began < 5.0
