"""The one way to change the knowledge base: locked, owned, current, validated, journaled, committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.errors import ConflictError, CryptoTeamError, DocumentError, InputError, LockTimeoutError
from crypto_team.kb import git, git_locks, git_range, hand_edits, journal, views
from crypto_team.kb.append_only import check_growth
from crypto_team.kb.files import revision_of, sha256
from crypto_team.kb.kinds import kind_of, misplaced
from crypto_team.kb.locks import locked
from crypto_team.kb.meanwhile import stale
from crypto_team.kb.ownership import check_write
from crypto_team.kb.records_text import document_of
from crypto_team.kb.remedies import WHOLE
from crypto_team.kb.secrets import check_content
from crypto_team.kb.yaml import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import Document
    from crypto_team.schemas.base import RoleId

__all__ = ["Change", "carry_out", "commit_records", "revision_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """One file to write, or with `content` None to remove. `base_revision` is what the caller read; None: no file."""

    kind: str
    path: Path
    content: bytes | str | None
    base_revision: str | None = None


def commit_records(
    layout: Layout,
    *,
    role: RoleId,
    tool: str,
    strategy_id: str | None,
    changes: Sequence[Change],
    message: str,
    gate: str | None = None,
) -> str | None:
    """Apply all changes as one operation and commit them; return the commit.

    What the role edited by hand before gets a commit of its own, so that no tool's commit carries it along.

    Parameters
    ----------
    layout
        The workspace.
    role, tool, strategy_id, gate
        Who writes, and what the commit says about it.
    changes
        The files; all of them or none are written.
    message
        First line of the commit.

    Raises
    ------
    OwnershipError
        The role may not write one of the kinds.
    ConflictError
        A file is not what the caller read, was edited by hand where that is never right, or git is amid a merge.
    RefusedError
        A record that only grows would lose something.
    FindingsError
        A resulting document breaks its schema.
    """
    with locked(layout, f"{role}: {tool}"):
        carry_out(layout)
        busy = git.unfinished(layout.root)
        if busy:
            step = "crypto-team doctor --repair merges what records decide, and says who decides the rest"
            raise ConflictError(f"git is in the middle of a {busy}", where=str(layout.root), hint=step)
        if git.branch(layout.root) is None:
            raise ConflictError(
                "no branch is checked out (detached HEAD), so a commit would get lost",
                where=str(layout.root),
                hint="git switch main, or git switch -c NAME",
            )
        files = {change.path: _approved(layout, change, role, tool) for change in changes}
        hand_edits.commit_before(layout, role, files, strategy_id)
        trailers = {"Crypto-Team-Role": role, "Crypto-Team-Tool": tool}
        if strategy_id:
            trailers["Crypto-Team-Strategy"] = strategy_id
        if gate:
            trailers["Crypto-Team-Gate"] = gate
        heads = [
            item.content for change, item in zip(changes, files.values(), strict=False) if change.kind == "handoff"
        ]
        if heads and heads[-1] is not None:
            # A chain that was cut off is whole by itself; the history says how long it was.
            trailers[git_range.HEAD_TRAILER] = sha256(heads[-1])
        journal.write(layout, journal.Operation(files, message, trailers))
        return carry_out(layout, resumed=False)[1]


def carry_out(layout: Layout, *, resumed: bool = True) -> tuple[list[Path], str | None]:
    """Carry out the operation in the journal, whoever began it; return the files it changed and the commit.

    Files, lists and commit are one operation: whenever it is interrupted, the next call starts it again. The caller
    holds the write lock.
    """
    found = journal.read(layout)
    if found is None:
        return [], None
    owner, operation = found
    if resumed:
        # Whoever began it was killed, maybe together with the git command that wrote its commit.
        git_locks.sweep(owner.root)
    changed = journal.replay(owner, operation)
    lists = views.paths(owner)
    rendered = views.refresh(owner, lists)
    kept = [*operation.files, *lists]
    try:
        # All views: those that an interrupted attempt wrote are fresh by now but not committed.
        revision = git.commit(owner.root, kept, operation.message, operation.trailers)
    except LockTimeoutError:
        raise
    except CryptoTeamError:
        # A hook that refuses this commit must not refuse every later operation too, nor ride in another commit.
        journal.set_aside(layout)
        git.unstage(owner.root, kept)
        raise
    journal.clear(layout)
    return [*changed, *rendered], revision


def try_again(layout: Layout) -> list[str]:
    """Commit what was written and refused, in the name of the role and tool that wrote it; return the messages.

    The caller holds the write lock. What somebody went on from meanwhile is left to them.
    """
    done = []
    for note, (owner, operation) in journal.refused(layout).items():
        if journal.waiting(operation):
            lists = views.paths(owner)
            views.refresh(owner, lists)
            kept = [*operation.files, *lists]
            try:
                made = git.commit(owner.root, kept, operation.message, operation.trailers)
            except CryptoTeamError:
                git.unstage(owner.root, kept)
                raise
            done += [f"committed {operation.message!r}, which had been refused"] if made else []
        note.unlink()
    return done


def _approved(layout: Layout, change: Change, role: str, tool: str) -> journal.Staged:
    """Check place, ownership, freshness and shape of one change; return what the journal needs."""
    layout.inside(change.path)
    kind = kind_of(layout, change.path)
    if kind is None or kind.name != change.kind:
        step = "crypto-team ownership explain FILE"
        raise InputError(f"a {change.kind} cannot lie here", where=str(change.path), hint=step)
    check_write(layout, role, tool, change.kind)
    if revision_of(change.path) != change.base_revision:
        raise stale(layout, change.path, change.base_revision)
    content = change.content.encode() if isinstance(change.content, str) else change.content
    new = None if content is None else _valid(layout, change.path, kind, content)
    old = _readable(change.path, kind) if kind.mode == "append" else None
    if old is not None:
        check_growth(change.path, old, new)
    return journal.Staged(content=content, base=change.base_revision)


def _valid(layout: Layout, path: Path, kind: Kind, content: bytes) -> Document | None:
    """Refuse bytes that hold a secret, break the schema or name another id than their path does."""
    check_content(content, str(path))
    record = document_of(content, str(path), kind.schema)
    wrong = misplaced(layout, path, record) if record is not None else None
    if wrong:
        raise InputError(f"the document belongs elsewhere: {wrong}", where=str(path), hint=WHOLE["misplaced"])
    return record


def _readable(path: Path, kind: Kind) -> Document | None:
    """Return the record on disk; None where there is none or where it is broken and may be replaced."""
    if kind.schema is None or not path.exists():
        return None
    try:
        return document_of(read_text(path).encode(), str(path), kind.schema)
    except DocumentError:
        return None
