"""Several files as one operation: a journal that the next command replays, so that a kill leaves all or nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.kb import git
from crypto_team.kb.files import sync_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.kb.paths import Layout


def _path(layout: Layout) -> Path:
    return git.common_dir(layout.root) / "crypto-team" / "journal.json"


def apply(layout: Layout, contents: Mapping[Path, bytes | None]) -> None:
    """Write (or with None: remove) all files, or none. The caller holds the write lock.

    The journal holds the new contents; once it is durable the operation will happen, if not now then by the next
    command. Before that instant nothing has changed.
    """
    planned = {
        str(path.relative_to(layout.root)): None if content is None else base64.b64encode(content).decode()
        for path, content in contents.items()
    }
    journal = _path(layout)
    write_atomic(journal, json.dumps({"root": str(layout.root), "files": planned}).encode())
    _replay(layout, planned)
    journal.unlink()
    sync_folder(journal.parent)


def recover(layout: Layout) -> list[str]:
    """Finish an operation that was interrupted; return the files it touched. The caller holds the write lock."""
    journal = _path(layout)
    if not journal.exists():
        return []
    found = json.loads(journal.read_text())
    owner = type(layout)(Path(found["root"]))
    _replay(owner, found["files"])
    journal.unlink()
    sync_folder(journal.parent)
    return sorted(found["files"])


def pending(layout: Layout) -> bool:
    """Return whether an interrupted operation waits to be finished."""
    return _path(layout).exists()


def _replay(layout: Layout, planned: Mapping[str, str | None]) -> None:
    for name, content in planned.items():
        path = layout.inside(layout.root / name)
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_atomic(path, base64.b64decode(content), scratch=layout.scratch)
