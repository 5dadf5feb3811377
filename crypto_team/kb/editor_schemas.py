"""JSON Schemas in the workspace, so that an editor completes and checks records while somebody writes them.

They are copies of what this version of crypto-team knows, kept out of git: never stale in a history, never in conflict.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from crypto_team.kb.files import write_atomic
from crypto_team.kb.kinds import KINDS, SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

FOLDER = "schemas"
MARK = "# yaml-language-server: $schema="


def editor_line(schema: str) -> str:
    """Return the first line of a record: where its schema lies, from the folder that records of this kind lie in."""
    kind = next((item for item in KINDS.values() if schema in {item.name, item.schema}), None)
    if kind is None and schema not in SETTINGS.values():
        return ""
    name = schema if kind is None else str(kind.schema)
    up = "" if kind is None else "../" * (kind.pattern.count("/") + 1)
    return f"{MARK}{up}{FOLDER}/{name}.json\n"


def without_line(text: str) -> str:
    """Return a record without the line for editors, which says nothing about it."""
    head, _, rest = text.partition("\n")
    return rest if head.startswith(MARK) else text


def missing(layout: Layout) -> list[Path]:
    """Return the schemas that the workspace lacks or has of another version."""
    return [path for path, text in _wanted(layout).items() if not _holds(path, text)]


def write(layout: Layout) -> list[Path]:
    """Write the schemas that are missing; return them."""
    wanted = _wanted(layout)
    absent = missing(layout)
    for path in absent:
        write_atomic(layout.inside(path, layout.crypto), wanted[path].encode())
    return absent


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and not path.is_symlink() and path.read_text(encoding="utf-8", errors="replace") == text


def _wanted(layout: Layout) -> dict[Path, str]:
    return {layout.crypto / FOLDER / f"{name}.json": text for name, text in _texts().items()}


@cache
def _texts() -> dict[str, str]:
    from crypto_team.schemas.published import json_schema

    names = {kind.schema for kind in KINDS.values() if kind.schema} | set(SETTINGS.values())
    return {name: json.dumps(json_schema(name), indent=2) + "\n" for name in sorted(names)}
