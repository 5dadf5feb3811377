"""A learning as it enters or changes in the history: its author is who committed it, and another role accepted it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git_range, learnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.git_range import Commit, FileChange
    from crypto_team.schemas import Learning

HINT = "claims are made and accepted by tools: crypto-team learnings add, crypto-team learnings accept"


def problems(root: Path, commit: Commit, change: FileChange) -> Iterator[tuple[str, str, str | None]]:
    """Yield code, message and hint of what a commit makes a claim say that the tools would not have written."""
    try:
        new = _read(root, change.blob, change.path)
        old = _read(root, change.old, change.path) if change.status == "M" else None
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        yield "forged-claim", f"it cannot be read: {problem}", HINT
        return
    role = commit.trailer("Role")
    if old is None and new.role != role:
        who = f"the {role}" if role else "nobody's role"
        yield "forged-claim", f"it says that the {new.role} wrote it, and {who} committed it", HINT
    if old is None and new.status != "proposed":
        yield "forged-claim", f"a new claim is proposed, this one is {new.status}", HINT
    if _newly_accepted(old, new) and (new.accepted_by != role or role == new.role):
        said = f"accepted by {new.accepted_by or 'nobody'}, written by {new.role}, committed by {role or 'no role'}"
        yield "forged-claim", f"another role accepts a claim, and commits that: it is {said}", HINT


def _newly_accepted(old: Learning | None, new: Learning) -> bool:
    if old is None or new.status != "accepted":
        return False
    return old.status != "accepted" or old.accepted_by != new.accepted_by or len(new.stale_since) < len(old.stale_since)


def _read(root: Path, blob: str, where: str) -> Learning:
    return learnings.read(git_range.blob(root, blob).decode(), where)
