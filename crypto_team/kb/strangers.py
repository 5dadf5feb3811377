"""What lies in `.crypto` itself and has no place there: the index knows settings and the knowledge base only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crypto_team.kb.documents import plain
from crypto_team.kb.kinds import ATTRIBUTES, IGNORED, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.outcome import Finding

KNOWN: Final = frozenset(
    {*SETTINGS, *(name.rstrip("/") for name in IGNORED), ".gitignore", ".gitattributes", "knowledge"}
)
"""What may lie directly in `.crypto`."""
FILES: Final = frozenset({*SETTINGS, ".gitignore", ".gitattributes"})


def strangers(layout: Layout) -> Iterator[Finding]:
    """Yield everything directly in `.crypto` that has no place there."""
    for item in _listed(layout.crypto):
        if item.name not in KNOWN:
            yield plain("unknown-file", "nothing but settings lies here", Path(item.path))
        elif item.name in FILES and not item.is_file(follow_symlinks=False):
            yield plain("unreadable", "a setting is a regular file", Path(item.path))
        elif item.name == ".gitattributes" and Path(item.path).read_bytes() != ATTRIBUTES.encode():
            message = "git would store other bytes than those that were hashed, or merge or show them otherwise"
            yield plain(
                "attributes", message, Path(item.path), "remove the file; crypto-team doctor --repair writes it"
            )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda item: item.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
