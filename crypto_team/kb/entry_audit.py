"""A registry entry and its events as they enter the history: who commits an event is the role that it names.

Entries belong to every role. So an entry, once made, never changes, and nobody writes an event in the name of another
role. Entries of version 1, which older programs still write, keep their history in themselves: it grows by events of
the role that commits it, and nothing else in them changes without one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git_range, verdict_audit
from crypto_team.kb.entry_merge import merged
from crypto_team.kb.registry import CAUTION
from crypto_team.kb.verdicts import against
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import Registration, RegistryEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange
    from crypto_team.schemas.registry import EarlierHistory

_DAY: Final = 86_400
_STAND: Final = ("stage", "status", "metrics")


def problems(root: Path, commit: Commit, change: FileChange, kind: str) -> Iterator[str]:
    """Yield what a commit makes of an entry, or writes as an event, that no tool of its role would have written."""
    try:
        judge = _event if kind == "registry_event" else _entry
        reasons = list(judge(root, commit, change))
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        reasons = [f"it cannot be read: {problem}"]
    yield from reasons


def _event(root: Path, commit: Commit, change: FileChange) -> Iterator[str]:
    event = check(parse(git_range.blob(root, change.blob).decode(), change.path), RegistryEvent)
    folder = change.path.rpartition("/")[0]
    yield from _others(commit, event.role, event.event)
    if git_range.content(root, commit.name, f"{folder}.yaml") is None:
        yield f"there is no entry of {event.strategy_id}"
    for name in event.after:
        if git_range.content(root, commit.name, f"{folder}/{name}.yaml") is None:
            yield f"it comes after {name}, which is not there"
    if event.time > f"{datetime.fromtimestamp(time.time() + _DAY, tz=UTC):%Y-%m-%dT%H:%M:%SZ}":
        yield f"it happened at {event.time}, which is in the future"
    yield from verdict_audit.event_problems(root, commit, folder, event)
    yield from verdict_audit.numbers(root, commit, folder, event)


def _entry(root: Path, commit: Commit, change: FileChange) -> Iterator[str]:
    """Compare an entry with what any parent of the commit says: a merge brings together events of several roles."""
    new, version = _read(git_range.blob(root, change.blob), change.path)
    contents = (git_range.content(root, parent, change.path) for parent in commit.parents)
    known = [_read(content, change.path) for content in contents if content is not None]
    entries = [entry for entry, _ in known]
    if version == 1 and all(written == 1 for _, written in known) and new.before is not None:
        older = [entry.before for entry in entries if entry.before is not None]
        yield from _grown(commit, new.before, older)
        yield from _moved(root, commit, change.path, new.before, older)
    elif not known and new.before is not None:
        yield "an entry begins without a history: events are files of their own"
    elif known and new not in [*entries, reduce(merged, entries)]:
        yield "an entry is never changed: what happens to a strategy is an event, a file of its own"


def _grown(commit: Commit, new: EarlierHistory, known: Sequence[EarlierHistory]) -> Iterator[str]:
    """Judge an entry of version 1 by the events that it has and no parent has."""
    added = [event for event in new.history if all(event not in entry.history for entry in known)]
    for event in added:
        yield from _others(commit, event.role, event.event)
    for name in _STAND if known and not added else ():
        if all(getattr(entry, name) != getattr(new, name) for entry in known):
            yield f"its {name} changes, and no event says why"


def _moved(
    root: Path, commit: Commit, path: str, new: EarlierHistory, known: Sequence[EarlierHistory]
) -> Iterator[str]:
    """Judge where an entry of version 1 says that a strategy stands, against each parent that says otherwise."""
    folder, role = path.removesuffix(".yaml"), commit.trailer("Role")
    # A merge that takes the most careful of what its sides say adds nothing to it.
    joined = min((old.status for old in known), key=CAUTION.index) if len(known) > 1 else None
    for old in known:
        status = (old.status, new.status if new.status not in {old.status, joined} else None)
        yield from verdict_audit.moved(root, commit, folder, role, status, new.stage, against(old, []))
        yield from verdict_audit.forward(commit, folder, old.stage, new.stage)


def _others(commit: Commit, author: str, said: str) -> Iterator[str]:
    """Yield that somebody says something in the name of another role."""
    role = commit.trailer("Role")
    if author != role:
        yield f"the {author} says {said[:60]!r}, and {f'the {role}' if role else 'no role'} committed it"


def _read(content: bytes, where: str) -> tuple[Registration, int]:
    """Return an entry in its present shape, and the version that it was written in."""
    document = parse(content.decode(), where)
    entry = check(document, Registration)
    return entry, int(document.data.get("schema_version", 1))
