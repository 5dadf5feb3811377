"""The one way to change the knowledge base: locked, owned, current, validated, journaled, committed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team import schemas
from crypto_team.errors import ConflictError, InputError
from crypto_team.kb import git, journal, views
from crypto_team.kb.files import sha256
from crypto_team.kb.kinds import KINDS, SETTINGS, kind_of
from crypto_team.kb.locks import locked
from crypto_team.kb.ownership import check_write
from crypto_team.kb.yaml import check, parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId


@dataclass(frozen=True, slots=True)
class Change:
    """One file to write, or with `content` None to remove. `base_revision` is what the caller read; None: no file."""

    kind: str
    path: Path
    content: bytes | str | None
    base_revision: str | None = None


def revision_of(path: Path) -> str | None:
    """Return the hash of what is on disk, None where there is no file."""
    return sha256(path.read_bytes()) if path.exists() else None


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
        A file is not what the caller read.
    FindingsError
        A resulting document breaks its schema.
    """
    with locked(layout, f"{role}: {tool}"):
        journal.recover(layout)
        contents: dict[Path, bytes | None] = {}
        for change in changes:
            contents[change.path] = _approved(layout, change, role, tool)
        journal.apply(layout, contents)
        rendered = views.refresh(layout)
        trailers = {"Crypto-Team-Role": role, "Crypto-Team-Tool": tool}
        if strategy_id:
            trailers["Crypto-Team-Strategy"] = strategy_id
        if gate:
            trailers["Crypto-Team-Gate"] = gate
        return git.commit(layout.root, [*contents, *rendered], message, trailers)


def _approved(layout: Layout, change: Change, role: str, tool: str) -> bytes | None:
    """Check place, ownership, freshness and shape of one change; return its bytes."""
    layout.inside(change.path)
    kind = kind_of(layout, change.path)
    if kind is None or kind.name != change.kind:
        raise InputError(f"a {change.kind} cannot lie here", where=str(change.path))
    check_write(layout, role, tool, change.kind)
    if revision_of(change.path) != change.base_revision:
        raise _stale(change)
    if change.content is None:
        return None
    content = change.content.encode() if isinstance(change.content, str) else change.content
    validate_content(change.path, kind.schema, content)
    return content


def validate_content(path: Path, schema: str | None, content: bytes) -> None:
    """Refuse the bytes of a document that breaks its schema."""
    if schema is None or path.suffix != ".yaml":
        return
    check(parse(content.decode(), str(path)), schemas.RECORDS[schema])


def _stale(change: Change) -> ConflictError:
    """Say what changed on disk since the caller read the file."""
    now = change.path.read_text(errors="replace").splitlines() if change.path.exists() else []
    content = change.content or ""
    wanted = (content if isinstance(content, str) else content.decode(errors="replace")).splitlines()
    diff = "\n".join(list(difflib.unified_diff(now, wanted, "on disk now", "to be written", lineterm="", n=1))[:40])
    return ConflictError(
        f"the file changed since it was read\n{diff}",
        where=str(change.path),
        hint="read it again and repeat the change",
    )


def schema_of(path: Path, layout: Layout) -> str | None:
    """Return the schema name of a file by where it lies."""
    if path.parent == layout.crypto:
        return SETTINGS.get(path.name)
    kind = kind_of(layout, path)
    return kind.schema if kind and kind.name in KINDS else None
