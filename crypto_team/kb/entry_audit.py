"""A registry entry as it enters or changes in the history: who commits an event is the role that it names.

An entry belongs to every role. So its stage, status and metrics change together with an event that says so, and nobody
writes an event in the name of another role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git_range
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import RegistryEntry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange

_STAND: Final = ("stage", "status", "metrics")


def problems(root: Path, commit: Commit, change: FileChange) -> Iterator[str]:
    """Yield what a commit makes of an entry that no tool of its role would have written.

    What any parent of the commit says is known already: a merge brings together events of several roles.
    """
    try:
        new = _entry(git_range.blob(root, change.blob), change.path)
        older = (git_range.content(root, parent, change.path) for parent in commit.parents)
        known = [_entry(content, change.path) for content in older if content is not None]
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        yield f"it cannot be read: {problem}"
        return
    role = commit.trailer("Role")
    added = [event for event in new.history if all(event not in entry.history for entry in known)]
    for event in added:
        if event.role != role:
            yield f"the {event.role} says {event.event[:60]!r}, and {f'the {role}' if role else 'no role'} committed it"
    for name in _STAND if known and not added else ():
        if all(getattr(entry, name) != getattr(new, name) for entry in known):
            yield f"its {name} changes, and no event says why"


def _entry(content: bytes, where: str) -> RegistryEntry:
    return check(parse(content.decode(), where), RegistryEntry)
