"""What changed in a file since somebody read it: the answer to a write against a stale revision."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from crypto_team.errors import ConflictError
from crypto_team.kb import git, git_range
from crypto_team.kb.files import sha256

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

MOST_LINES: Final = 40
MOST_VERSIONS: Final = 100
"""Versions of a file that are searched for the one that was read, newest first."""


def stale(layout: Layout, path: Path, read: str | None) -> ConflictError:
    """Say what changed on disk since the caller read the file.

    Parameters
    ----------
    layout
        The workspace.
    path
        The file.
    read
        Hash of what the caller read; None: there was no file.
    """
    now = path.read_bytes() if path.is_file() else None
    then = b"" if read is None else version(layout, path, read)
    if now is None:
        said = "it is gone"
    elif then is None:
        said = f"what was read ({str(read)[:19]}…) is in no commit, so nobody can show the difference"
    else:
        said = _difference(then, now)
    return ConflictError(
        f"the file changed since it was read\n{said}", where=str(path), hint="read it again and repeat the change"
    )


def version(layout: Layout, path: Path, digest: str) -> bytes | None:
    """Return the committed version of a file that has this hash; None where none of the last ones has it."""
    named = f"{git_range.prefix(layout.root)}{path.relative_to(layout.root).as_posix()}"
    done = git.attempt(layout.root, "log", f"-{MOST_VERSIONS}", "--format=%H", "--all", "--", str(path))
    for commit in done.stdout.decode(errors="replace").split():
        content = git_range.content(layout.root, commit, named)
        if content is not None and sha256(content) == digest:
            return content
    return None


def _difference(then: bytes, now: bytes) -> str:
    old, new = (content.decode(errors="replace").splitlines() for content in (then, now))
    lines = list(difflib.unified_diff(old, new, "as it was read", "on disk now", lineterm="", n=1))
    more = [f"… {len(lines) - MOST_LINES} more line(s)"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])
