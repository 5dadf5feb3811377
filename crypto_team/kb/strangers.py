"""What lies in `.crypto` and is no record: files beside the settings, and folders where a file belongs.

The index knows files only, and only those that may be records; git knows no empty folders. Both see too little here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crypto_team.kb.documents import plain
from crypto_team.kb.kinds import ATTRIBUTES, IGNORED, SETTINGS, kind_of

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
    """Yield everything directly in `.crypto` that has no place there, and folders with the name of a record."""
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
    places = [layout.knowledge, layout.registry_dir, layout.learnings_dir, layout.datasets_dir, layout.trials_root]
    places += [Path(item.path) for item in _listed(layout.strategies_root) if item.is_dir(follow_symlinks=False)]
    for place in places:
        for item in _listed(place):
            # The name first: asking thousands of files what they are takes longer than all the rest.
            if item.name.endswith((".yaml", ".md")) and item.is_dir(follow_symlinks=False):
                kind = kind_of(layout, Path(item.path))
                wanted = kind.name if kind else "file"
                yield plain("unreadable", f"a folder lies where a {wanted} belongs", Path(item.path))


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda item: item.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
