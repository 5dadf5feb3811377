"""What became of a claim, as it enters the history: said by who commits it, and true of the claims of that commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import fates, git_range, learnings
from crypto_team.kb.claims import grounds
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import LearningEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange
    from crypto_team.schemas import Learning

GONE = ("superseded", "retracted")


def problems(root: Path, commit: Commit, change: FileChange) -> Iterator[str]:
    """Yield what a commit says became of a claim that no tool of its role would have said."""
    try:
        reasons = list(_judged(root, commit, change))
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        reasons = [f"it cannot be read: {problem}"]
    yield from reasons


def _judged(root: Path, commit: Commit, change: FileChange) -> Iterator[str]:
    event = check(parse(git_range.blob(root, change.blob).decode(), change.path), LearningEvent)
    role, folder = commit.trailer("Role"), change.path.rpartition("/")[0]
    if event.role != role:
        who = f"the {role}" if role else "no role"
        yield f"the {event.role} says {event.fate} of {event.learning_id}, and {who} committed it"
    for name in event.after:
        if git_range.content(root, commit.name, f"{folder}/{name}.yaml") is None:
            yield f"it comes after {name}, which is not there"
    claim = at(root, commit, folder)
    if claim is None:
        yield f"there is no learning {event.learning_id}"
        return
    place = folder.rpartition("/")[0]
    yield from _untrue(event, claim, at(root, commit, f"{place}/{event.other}"))
    if event.fate == "stale":
        yield from groundless(root, commit, place, claim, event.other or "")


def _untrue(event: LearningEvent, claim: Learning, other: Learning | None) -> Iterator[str]:
    if event.fate == "accepted" and event.role == claim.role:
        yield f"another role accepts a claim, and the {claim.role} wrote it"
    if event.fate == "retracted" and not event.reason.strip():
        yield "a retraction says its reason"
    if event.fate == "superseded" and (
        other is None or other.supersedes != event.learning_id or other.status != "accepted"
    ):
        yield f"it is superseded by {event.other or 'nothing'}, which is no accepted claim that replaces it"


def groundless(root: Path, commit: Commit, place: str, claim: Learning, lost: str) -> Iterator[str]:
    """Yield why a claim cannot have lost a ground: that stands, or the claim does not rest on it, over any others."""
    other = at(root, commit, f"{place}/{lost}") if lost else None
    if other is None or other.status not in GONE:
        yield f"it lost its ground {lost}, which was not taken back"
        return
    seen, waiting = {claim.learning_id}, [claim]
    while waiting:
        below = grounds(waiting.pop()) - seen
        if lost in below:
            return
        seen |= below
        waiting += [found for name in sorted(below) if (found := at(root, commit, f"{place}/{name}")) is not None]
    yield f"it lost its ground {lost}, and it does not rest on that"


def at(root: Path, commit: Commit, place: str) -> Learning | None:
    """Return the claim of a file, named without its ending, as it stood at a commit; None where it was not there."""
    content = git_range.content(root, commit.name, f"{place}.md")
    if content is None:
        return None
    texts = (
        (name, git_range.content(root, commit.name, f"{place}/{name}"))
        for name in git_range.listed(root, commit.name, place)
    )
    events = [check(parse(text.decode(), name), LearningEvent) for name, text in texts if text is not None]
    return fates.state(learnings.read(content.decode(), f"{place}.md"), events)
