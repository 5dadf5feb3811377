"""Since when handoffs have to be signed: what the base branch held when it began to demand that counts as it did.

The order is that of git's history on the base branch, along its first parents, and never a date that a record names: a
record that another branch made counts as older only where the base branch had it by then, with exactly these bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git, git_range
from crypto_team.kb.files import sha256
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import Team

if TYPE_CHECKING:
    from pathlib import Path


def began(root: Path, tip: str | None = None) -> str | None:
    """Return the commit since which signatures are demanded without a break; None where no commit says so yet.

    Parameters
    ----------
    root
        The workspace.
    tip
        The commit of the base branch; where not given, the default branch, and HEAD where that demands nothing.
    """
    tips = [tip] if tip else [*_default(root), git.head(root)]
    for one in tips:
        found = _began(root, one) if one else None
        if found:
            return found
    return None


def _default(root: Path) -> list[str]:
    """Return the commits that the default branch is at: of origin, as far as it was fetched, before the one here."""
    name = git.default_branch(root)
    refs = (f"refs/remotes/origin/{name}", f"refs/heads/{name}")
    said = (git.attempt(root, "rev-parse", "-q", "--verify", f"{ref}^{{commit}}").stdout for ref in refs)
    return [found for text in said if (found := text.decode().strip())]


@lru_cache(maxsize=64)
def _began(root: Path, tip: str) -> str | None:
    path = f"{git_range.prefix(root)}.crypto/team.yaml"
    listed = git.run(root, "log", "--first-parent", "--diff-merges=first-parent", "--format=%H", tip, "--",
                     str(root / ".crypto" / "team.yaml")).split()  # fmt: skip
    found = None
    for commit in listed:
        if not _demanded(root, commit, path):
            break
        found = commit
    return found


def _demanded(root: Path, commit: str, path: str) -> bool:
    content = git_range.content(root, commit, path)
    try:
        return content is not None and check(parse(content.decode(), path), Team).require_signature
    except (CryptoTeamError, UnicodeDecodeError):
        return True  # nobody knows what it said; what was demanded before and after it was demanded then too


def held(root: Path, commit: str, path: Path, digest: str) -> bool:
    """Say whether a commit of the base branch had a file with exactly these bytes."""
    content = git_range.content(root, commit, f"{git_range.prefix(root)}{path.relative_to(root).as_posix()}")
    return content is not None and sha256(content) == digest
