"""Names of documents as people and agents write them: one reading for every tool that takes one.

`STR-001/ml-spec.yaml`, `strategies/STR-001/ml-spec.yaml` (as `search` prints it), `.crypto/knowledge/strategies/...`
(as findings print it) and `policy.yaml` all name one file. A name never leads out of `.crypto`.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from crypto_team.errors import UsageError
from crypto_team.kb.kinds import SETTINGS, kind_of

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

LONGEST: Final = 250
"""Bytes of a name; no document has a longer one, and no file system takes a longer part of a path."""


def candidates(layout: Layout, name: str) -> list[Path]:
    """Return the places of `.crypto` that a name may mean, likeliest first, whether or not something lies there."""
    folders = (layout.knowledge, layout.strategies_root, layout.crypto, layout.root)
    return [path for folder in folders if (path := folder / name).is_relative_to(layout.crypto)]


def document(layout: Layout, name: str) -> Path | None:
    """Return the file that a name means: a document of the knowledge base or a setting; None where there is none.

    Raises
    ------
    UsageError
        The name leads elsewhere: `..`, or over a link.
    """
    if ".." in PurePosixPath(name).parts or "\0" in name or len(os.fsencode(name)) > LONGEST:
        step = "for example STR-001/ml-spec.yaml"
        raise UsageError("a name of a document is short and holds no `..`", where=repr(name[:200]), hint=step)
    for path in candidates(layout, name):
        setting = path.parent == layout.crypto and path.name in SETTINGS
        if (setting or kind_of(layout, path) is not None) and path.is_file():
            return layout.inside(path)
    return None


def short(layout: Layout, path: Path) -> str:
    """Return the name of a document as lists show it and every tool takes it."""
    folder = layout.knowledge if path.is_relative_to(layout.knowledge) else layout.crypto
    return path.relative_to(folder).as_posix()
