"""Committing in a large repository without looking at every file of it.

`git commit` looks at all files of the work tree twice, so each commit costs more than the one before. Here a commit is
made from HEAD and what was staged for some paths, by `git fast-import`. Where a hook or a signature has a say, or the
repository is small, `git commit` itself is used: both make the same commit.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crypto_team.kb import git, git_dirs

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE_BYTES: Final = 150_000
"""From this size of its index on, about 1,500 files, a repository counts as large."""
_HOOKS: Final = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
_LOOSE: Final = 24
"""Objects in one of git's 256 folders from which on git is asked whether to pack them."""


def possible(folder: Path) -> bool:
    """Return whether a commit can be made here without `git commit`, and saves time; hooks of settings come before."""
    private, common = git_dirs.private(folder), git_dirs.common(folder)
    if private is None or common is None or _size(private / "index") < LARGE_BYTES:
        return False
    if any(os.access(common / "hooks" / name, os.X_OK) for name in _HOOKS):
        return False
    return git.unfinished(folder) is None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def commit(folder: Path, identity: Sequence[str], changes: str, text: str) -> str | None:
    """Commit staged changes, as `git diff --cached --raw -z` tells them; None where that has to be left to git.

    The branch moves only if nobody else moved it meanwhile.
    """
    parts = changes.split("\0")[:-1]
    listed = [_instruction(fields, name) for fields, name in zip(parts[::2], parts[1::2], strict=True)]
    if None in listed:
        return None
    committer = git.run(folder, *identity, "var", "GIT_COMMITTER_IDENT")
    named = any(name in os.environ for name in git.NAMED)
    author = git.run(folder, *identity, "var", "GIT_AUTHOR_IDENT") if named else committer
    message = (text.rstrip("\n") + "\n").encode()
    head = ["commit HEAD", "mark :1", f"author {author}", f"committer {committer}", f"data {len(message)}", ""]
    tail = ["from HEAD^0", *filter(None, listed), "", "get-mark :1", "done", ""]
    stream = "\n".join(head).encode() + message + "\n".join(tail).encode()
    done = git.attempt(folder, "fast-import", "--quiet", "--done", stdin=stream)
    if done.returncode:
        return None
    _tidy(folder)
    return done.stdout.decode().strip()


def _instruction(fields: str, name: str) -> str | None:
    """Return one line for `git fast-import`; None for what it would have to be told in another way."""
    _, mode, _, blob, status = fields.removeprefix(":").split(" ")
    if status not in {"A", "M", "D"} or any(letter in name for letter in '"\n\\'):
        return None
    return f"D {name}" if status == "D" else f"M {mode} {blob} {name}"


def _tidy(folder: Path) -> None:
    """Let git pack its objects where there are many, as `git commit` does."""
    common = git_dirs.common(folder)
    sample = common / "objects" / "17" if common else Path(os.devnull)
    if sample.is_dir() and len(os.listdir(sample)) >= _LOOSE:  # noqa: PTH208 - only counted
        git.attempt(folder, "maintenance", "run", "--auto", "--quiet")
