"""Reading history through GitPython: who changed what, when, as which role. Read-only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from git import Commit, Repo

    from crypto_team.kb.paths import Layout

_TRAILER = re.compile(r"^Crypto-Team-(Role|Tool|Strategy|Gate): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Event:
    """One commit that touched a path."""

    commit: str
    time: str
    subject: str
    role: str
    tool: str


def history(layout: Layout, *paths: Path, most: int = 50) -> list[Event]:
    """Return the commits that touched any of these files or folders, newest first."""
    from git import Repo

    with Repo(layout.root, search_parent_directories=True) as repository:
        if not repository.head.is_valid():
            return []
        return [
            _described(commit)
            for commit in repository.iter_commits(paths=[str(path) for path in paths], max_count=most)
        ]


def authors(layout: Layout, path: Path, role: str, *, most: int = 500) -> frozenset[str]:
    """Return the addresses, in lower case, of all who committed a file as `role`."""
    from git import Repo

    with Repo(layout.root, search_parent_directories=True) as repository:
        if not repository.head.is_valid():
            return frozenset()
        found = repository.iter_commits(paths=[str(path)], max_count=most)
        wrote = [commit.author.email for commit in found if _described(commit).role == role]
    return frozenset(address.casefold() for address in wrote if address)


def diff(layout: Layout, path: Path, since: str) -> str:
    """Return how a file or folder differs from a commit, as a patch; empty where it does not."""
    from git import Repo

    with Repo(layout.root, search_parent_directories=True) as repository:
        base = _commit(repository, since)
        return str(repository.git.diff(base.hexsha, "--", str(path), no_ext_diff=True, no_textconv=True))


def blame(layout: Layout, path: Path) -> list[tuple[Event, str]]:
    """Return every committed line of a file with the commit that wrote it."""
    from git import Commit, Repo
    from git.exc import GitError

    with Repo(layout.root, search_parent_directories=True) as repository:
        try:
            parts = repository.blame("HEAD", str(path)) or []
        except GitError as problem:
            raise NotFoundError("git has no such file", where=str(path), hint="crypto-team search WORDS") from problem
        lines: list[tuple[Event, str]] = []
        for commit, texts, *_ in parts:
            if isinstance(commit, Commit) and isinstance(texts, list):
                lines += [(_described(commit), str(text)) for text in texts]
        return lines


def _commit(repository: Repo, name: str) -> Commit:
    """Return a commit by its name, which must not be an option."""
    from git.exc import GitError

    unknown = NotFoundError(f"there is no commit {name[:80]!r}", hint="take one from the history")
    if name.startswith("-"):
        raise unknown
    try:
        return repository.commit(name)
    except (GitError, ValueError) as problem:
        raise unknown from problem


def _described(commit: Commit) -> Event:
    message = str(commit.message)
    found = dict(_TRAILER.findall(message))
    return Event(
        commit=commit.hexsha[:10],
        time=f"{commit.committed_datetime:%Y-%m-%d %H:%M:%S}",
        subject=message.partition("\n")[0],
        role=found.get("Role", ""),
        tool=found.get("Tool", ""),
    )
