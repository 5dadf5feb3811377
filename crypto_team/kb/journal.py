"""Several files as one operation: a journal that the next command carries out, so that a kill leaves all or nothing."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git
from crypto_team.kb.files import revision_of, sha256, sync_folder, write_atomic
from crypto_team.kb.paths import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Staged:
    """What a file shall hold (None: no file), and the hash of what it held when that was decided."""

    content: bytes | None
    base: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """Files that change together, and the commit that says so."""

    files: Mapping[Path, Staged]
    message: str
    trailers: Mapping[str, str]


def _path(layout: Layout) -> Path:
    return git.common_dir(layout.root) / "crypto-team" / "journal.json"


def write(layout: Layout, operation: Operation) -> None:
    """Make an operation durable: from here on it will happen, now or by the next command. Needs the write lock."""
    journal = _path(layout)
    document = {
        "root": os.path.relpath(layout.root, journal.parent),
        "message": operation.message,
        "trailers": dict(operation.trailers),
        "files": {
            path.relative_to(layout.root).as_posix(): {
                "content": None if item.content is None else base64.b64encode(item.content).decode(),
                "base": item.base,
            }
            for path, item in operation.files.items()
        },
    }
    write_atomic(journal, json.dumps(document).encode())


def read(layout: Layout) -> tuple[Layout, Operation] | None:
    """Return the operation that waits, with the work tree it belongs to; None where nothing waits.

    An operation of a work tree that is gone is gone with it.
    """
    journal = _path(layout)
    if not journal.exists():
        return None
    try:
        owner, operation = _parsed(journal, journal.parent)
    except (ValueError, KeyError, TypeError) as problem:
        raise CryptoTeamError(
            "the journal of an interrupted operation cannot be read", where=str(journal), hint="remove this file"
        ) from problem
    if owner.knowledge.is_dir():
        return owner, operation
    clear(layout)
    return None


def _parsed(journal: Path, base: Path) -> tuple[Layout, Operation]:
    found = json.loads(journal.read_text())
    owner = Layout((base / found["root"]).resolve())
    files = {
        owner.root / name: Staged(
            content=None if item["content"] is None else base64.b64decode(item["content"]), base=item["base"]
        )
        for name, item in found["files"].items()
    }
    return owner, Operation(files, found["message"], found["trailers"])


def set_aside(layout: Layout) -> None:
    """Keep an operation whose commit was refused, with its files as they are: `doctor --repair` tries it again."""
    journal = _path(layout)
    content = journal.read_bytes()
    _refused(layout).mkdir(parents=True, exist_ok=True)
    write_atomic(_refused(layout) / f"{sha256(content).removeprefix('sha256:')[:16]}.json", content)
    clear(layout)


def refused(layout: Layout) -> dict[Path, tuple[Layout, Operation]]:
    """Return the operations whose commit was refused, by the file that keeps each; those of this work tree only."""
    found = {}
    for path in sorted(_refused(layout).glob("*.json")):
        try:
            owner, operation = _parsed(path, path.parent.parent)
        except (ValueError, KeyError, TypeError):
            path.unlink()  # nothing but a note: the files that it was about are where they are
            continue
        if owner.root == layout.root.resolve():
            found[path] = owner, operation
    return found


def waiting(operation: Operation) -> bool:
    """Say whether the files of a refused operation are still what it made of them; else somebody went on from there."""
    return all(
        revision_of(path) == (None if item.content is None else sha256(item.content))
        for path, item in operation.files.items()
    )


def _refused(layout: Layout) -> Path:
    return _path(layout).with_name("refused")


def pending(layout: Layout) -> bool:
    """Return whether an interrupted operation waits to be carried out."""
    return _path(layout).exists()


def clear(layout: Layout) -> None:
    """Forget the operation: it is done."""
    journal = _path(layout)
    journal.unlink()
    sync_folder(journal.parent)


def replay(layout: Layout, operation: Operation) -> list[Path]:
    """Bring every file to what the operation says; return those that changed.

    A file that somebody edited after the interruption is neither what it was nor what it should become: it stays.
    """
    changed = []
    for path, item in operation.files.items():
        layout.inside(path)
        now, wanted = revision_of(path), None if item.content is None else sha256(item.content)
        if now == wanted or now != item.base:
            continue
        if item.content is None:
            path.unlink()
            sync_folder(path.parent)
        else:
            write_atomic(path, item.content, scratch=layout.scratch)
        changed.append(path)
    return changed
