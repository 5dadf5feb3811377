"""A learning as it enters or changes in the history: what no tool would have made of it.

Its author is who committed it, another role accepted it, and what it says stays said: it is superseded by an accepted
claim that names it, or retracted with a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import fate_audit, git_range, learnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange
    from crypto_team.schemas import Learning

HINT = "claims are made and changed by tools: crypto-team learnings add, accept, supersede, retract"
_MOVES: Final = {"proposed": {"accepted", "superseded", "retracted"}, "accepted": {"superseded", "retracted"}}
"""What a status may become, besides staying what it is."""
_STAY: Final = ("severity", "tags")


def problems(root: Path, commit: Commit, change: FileChange) -> Iterator[tuple[str, str, str | None]]:
    """Yield code, message and hint of what a commit makes a claim say that the tools would not have written."""
    if change.path.endswith(".yaml"):
        yield from (("forged-claim", reason, HINT) for reason in fate_audit.problems(root, commit, change))
        return
    try:
        new = _read(root, change.blob, change.path)
        old = _read(root, change.old, change.path) if change.status == "M" else None
        reasons = list(_new(new, commit) if old is None else _changed(root, commit, change.path, old, new))
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        reasons = [f"it cannot be read: {problem}"]
    yield from (("forged-claim", reason, HINT) for reason in reasons)


def _new(new: Learning, commit: Commit) -> Iterator[str]:
    role = commit.trailer("Role")
    if new.role != role:
        who = f"the {role}" if role else "nobody's role"
        yield f"it says that the {new.role} wrote it, and {who} committed it"
    if new.status != "proposed":
        yield f"a new claim is proposed, this one is {new.status}"


def _changed(root: Path, commit: Commit, path: str, old: Learning, new: Learning) -> Iterator[str]:
    role, accepted = commit.trailer("Role"), _newly_accepted(old, new)
    if accepted and (new.accepted_by != role or role == new.role):
        said = f"accepted by {new.accepted_by or 'nobody'}, written by {new.role}, committed by {role or 'no role'}"
        yield f"another role accepts a claim, and commits that: it is {said}"
    if new.status != old.status and new.status not in _MOVES.get(old.status, ()):
        yield f"a claim that is {old.status} does not become {new.status}"
    fixed = [*_STAY, *(() if accepted else ("accepted_by", "recheck"))]
    other = [name for name in fixed if getattr(old, name) != getattr(new, name)]
    if other:
        yield f"no tool changes {', '.join(other)} of a claim that stands"
    for name in set(new.stale_since) - set(old.stale_since):
        yield from fate_audit.groundless(root, commit, path.rpartition("/")[0], old, name)
    yield from _taken_back(root, commit, path, old, new)


def _taken_back(root: Path, commit: Commit, path: str, old: Learning, new: Learning) -> Iterator[str]:
    """Yield what a retraction or a replacement lacks, and every other change of the text."""
    if new.status == "retracted" != old.status:
        reason = new.text.removeprefix(f"{old.text}\n\nRetracted: ")
        if reason == new.text or not reason.strip():
            yield "a retraction keeps the text and adds a line with its reason"
    elif new.text != old.text:
        yield "the text of a claim is never edited"
    if new.superseded_by != old.superseded_by or (new.status == "superseded" != old.status):
        name = new.superseded_by
        better = fate_audit.at(root, commit, f"{path.rpartition('/')[0]}/{name}") if name else None
        if better is None or better.supersedes != old.learning_id or better.status != "accepted":
            yield f"it is superseded by {name or 'nothing'}, which is no accepted claim that replaces it"


def _newly_accepted(old: Learning, new: Learning) -> bool:
    if new.status != "accepted":
        return False
    return old.status != "accepted" or old.accepted_by != new.accepted_by or len(new.stale_since) < len(old.stale_since)


def _read(root: Path, blob: str, where: str) -> Learning:
    return learnings.read(git_range.blob(root, blob).decode(), where)
