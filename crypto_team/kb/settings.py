"""Writing one of the team's settings: policy, ownership, members. They are the lead's, and no records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import ConflictError
from crypto_team.kb import git, hand_edits
from crypto_team.kb.files import revision_of, write_atomic
from crypto_team.kb.locks import locked
from crypto_team.kb.meanwhile import stale
from crypto_team.kb.ownership import check_write
from crypto_team.kb.records_text import document_of
from crypto_team.kb.secrets import check_content
from crypto_team.kb.writer import carry_out

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout
    from crypto_team.kb.writer import Change


def write(layout: Layout, role: str, change: Change, message: str) -> str | None:
    """Write and commit a setting; the same rules as for records: owned, current, whole, without secrets.

    Raises
    ------
    OwnershipError
        Somebody else than the lead.
    ConflictError
        The file is not what the caller read.
    FindingsError
        The result breaks the schema.
    """
    content = change.content.encode() if isinstance(change.content, str) else change.content or b""
    with locked(layout, f"{role}: edit"):
        carry_out(layout)
        check_write(layout, role, "edit", change.kind)
        layout.inside(change.path, layout.crypto)
        if change.path.is_symlink():
            raise ConflictError("this is a link", where=str(change.path), hint="put the file there")
        if revision_of(change.path) != change.base_revision:
            raise stale(layout, change.path, change.base_revision)
        check_content(content, str(change.path))
        document_of(content, str(change.path), change.kind)
        hand_edits.commit_before(layout, role, [change.path], None)
        write_atomic(change.path, content, scratch=layout.scratch)
        trailers = {"Crypto-Team-Role": role, "Crypto-Team-Tool": "edit"}
        return git.commit(layout.root, [change.path], message, trailers)
