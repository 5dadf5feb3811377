"""Reading history through GitPython: who changed what, when, as which role. Read-only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


def history(layout: Layout, path: Path, *, most: int = 50) -> list[Event]:
    """Return the commits that touched a file or folder, newest first."""
    from git import Repo

    with Repo(layout.root, search_parent_directories=True) as repository:
        if not repository.head.is_valid():
            return []
        return [
            _event(str(commit.message), commit.hexsha, f"{commit.committed_datetime:%Y-%m-%d %H:%M:%S}")
            for commit in repository.iter_commits(paths=str(path), max_count=most)
        ]


def _event(message: str, digest: str, time: str) -> Event:
    found = dict(_TRAILER.findall(message))
    return Event(
        commit=digest[:10],
        time=time,
        subject=message.partition("\n")[0],
        role=found.get("Role", ""),
        tool=found.get("Tool", ""),
    )
