"""Commits of large repositories are the commits that git itself would have made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import git, git_large

if TYPE_CHECKING:
    from pathlib import Path

TRAILERS = {"Crypto-Team-Role": "critic", "Crypto-Team-Tool": "t"}
FORMAT = "--format=%T %an %ae %cn %ce%n%B"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "with a space"
    folder.mkdir()
    git.init(folder)
    for name in ("a/one.yaml", "a/two.yaml", "a/b/three.yaml", "four.yaml"):
        put(folder, name, name)
    git.run(folder, "add", "-A")
    git.run(folder, "commit", "-q", "-m", "first")
    return folder


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def change(folder: Path) -> list[Path]:
    """Change, add and remove files, and stage another one that the commit shall leave alone."""
    paths = [put(folder, "a/one.yaml", "other"), put(folder, "new/é x.yaml", "new"), folder / "a" / "two.yaml"]
    paths[2].unlink()
    put(folder, "four.yaml", "staged by somebody else")
    git.run(folder, "add", "four.yaml")
    return paths


def said(folder: Path) -> str:
    return git.run(folder, "log", "-1", FORMAT)


def test_both_ways_make_the_same_commit_and_leave_the_same_behind(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for limit in (10**9, 0):
        monkeypatch.setattr(git_large, "LARGE_BYTES", limit)
        paths = change(repository)
        revision = git.commit(repository, paths, "  two  words\n# x ", TRAILERS)
        assert revision == git.head(repository)
        found.append((said(repository), git.run(repository, "status", "--porcelain")))
        git.run(repository, "fsck", "--strict")
        git.run(repository, "reset", "-q", "--hard", "HEAD~1")
    assert found[0] == found[1]
    assert found[0][1] == "M  four.yaml"


def test_a_hook_is_asked_in_a_large_repository_too(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_large, "LARGE_BYTES", 0)
    hook = put(repository, ".git/hooks/pre-commit", "#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(git.CryptoTeamError, match="no"):
        git.commit(repository, change(repository), "m", TRAILERS)


@pytest.mark.parametrize("setting", ["core.hooksPath", "commit.gpgSign", "i18n.commitEncoding", "commit.cleanup"])
def test_settings_that_have_a_say_leave_the_commit_to_git(
    repository: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_large, "LARGE_BYTES", 0)
    monkeypatch.setattr(git_large, "commit", lambda *_: pytest.fail("git was passed by"))
    git.run(repository, "config", setting, {"commit.gpgSign": "false", "commit.cleanup": "strip"}.get(setting, "utf-8"))
    assert git.commit(repository, change(repository), "m", TRAILERS)


def test_the_first_commit_and_odd_names_are_left_to_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_large, "LARGE_BYTES", 0)
    git.init(tmp_path)
    for name in ("first.yaml", 'quo"te.yaml'):
        assert git.commit(tmp_path, [put(tmp_path, name, "x")], "m", TRAILERS)
    assert git.run(tmp_path, "status", "--porcelain") == ""
    assert git.run(tmp_path, "rev-list", "--count", "HEAD") == "2"


def test_a_branch_that_somebody_moved_back_meanwhile_is_not_moved_over(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_large, "LARGE_BYTES", 0)
    put(repository, "five.yaml", "5")
    git.run(repository, "add", "-A")
    git.run(repository, "commit", "-q", "-m", "second")
    attempt = git.attempt

    def late(folder: Path, *arguments: str, **settings: object) -> object:
        if arguments[0] == "fast-import":
            settings["stdin"] = settings["stdin"].replace(b"HEAD^0", b"HEAD~1")  # type: ignore[attr-defined]
        return attempt(folder, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "attempt", late)
    assert git.commit(repository, [put(repository, "six.yaml", "6")], "third", TRAILERS)
    assert git.run(repository, "rev-list", "--count", "HEAD") == "3"
    assert not list((repository / ".git").glob("fast_import_crash*"))
