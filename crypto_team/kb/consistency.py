"""Rules between documents: who belongs together, and numbers that stand in more than one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.kb.standing import unfounded
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout


HALVES: Final = ("ml-spec.yaml", "features.yaml")
"""Documents of a strategy that go together."""


def contradictions(connection: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
    """Yield documents that miss their other half, and registry entries that other records do not confirm."""
    for folder in sorted(layout.strategies_root.glob("STR-*")):
        if folder.is_symlink() or not folder.is_dir():
            continue  # that is a finding of its own
        yield from _halves(layout, folder)
    yield from _needless_zeros(connection, layout)
    yield from _events(connection, layout)
    yield from _numbers(connection, layout)
    yield from unfounded(connection, layout)


def _halves(layout: Layout, folder: Path) -> Iterator[Finding]:
    git = f"git log --oneline -- {folder.relative_to(layout.root)} shows when it went"
    if not (layout.registry_dir / f"{folder.name}.yaml").exists():
        yield _finding("incomplete", f"{folder.name} has no entry in the registry", folder, git)
    present = {name: (folder / name).exists() for name in HALVES}
    if any(present.values()) and not all(present.values()):
        absent = next(name for name, there in present.items() if not there)
        yield _finding("incomplete", f"{absent} of {folder.name} is missing", folder / absent, git)


def _needless_zeros(connection: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
    """Yield ids that read like another one: STR-0001 is no other strategy than STR-001."""
    rows = connection.execute("SELECT path FROM files WHERE path GLOB 'knowledge/registry/STR-0[0-9][0-9][0-9]*'")
    for (path,) in rows.fetchall():
        yield _finding("misplaced", "the id has needless zeros, and reads like another one", layout.crypto / path)


def _events(connection: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
    """Yield events of strategies that nobody made, and events that came after one that is gone."""
    lone = connection.execute(
        "SELECT f.path, p.subject FROM parts p JOIN files f ON f.id = p.file_id WHERE p.name <> '' AND NOT EXISTS "
        "(SELECT 1 FROM files e WHERE e.path IN ('knowledge/registry/' || p.subject || '.yaml', 'knowledge/learnings/' "
        "|| p.subject || '.md')) ORDER BY f.path"
    ).fetchall()
    for path, subject in lone:
        hint = f"git log --oneline -- .crypto/{path} shows where it came from"
        yield _finding("incomplete", f"there is no {subject}", layout.crypto / path, hint)
    cut = connection.execute(
        "SELECT f.path, a.value FROM parts p JOIN files f ON f.id = p.file_id, json_each(p.document, '$.after') a "
        "WHERE p.name <> '' AND NOT EXISTS (SELECT 1 FROM parts b WHERE b.subject = p.subject AND b.name = a.value) "
        "ORDER BY f.path, a.value"
    ).fetchall()
    for path, name in cut:
        hint = "merge the branch that it came from, instead of taking single commits; or restore it with git"
        yield _finding("event-missing", f"it came after {name}, which is not there", layout.crypto / path, hint)


def _numbers(connection: sqlite3.Connection, layout: Layout) -> Iterator[Finding]:
    """Compare the headline numbers of the registry with those of the specification, which the gates recompute.

    A specification that is not there states nothing. A broken one has no rows; it is a finding already.
    """
    rows = connection.execute(
        "SELECT f.path, e.strategy_id, m.name, m.value, s.value FROM entries e "
        "JOIN files f ON f.id = e.file_id JOIN metrics m ON m.strategy_id = e.strategy_id AND m.file_id = e.file_id "
        "LEFT JOIN stated s ON s.strategy_id = e.strategy_id AND s.name = m.name "
        "LEFT JOIN files g ON g.path = 'knowledge/strategies/' || e.strategy_id || '/ml-spec.yaml' "
        "WHERE (m.value IS NOT s.value OR m.value IS NULL) AND g.findings IS NULL ORDER BY f.path, m.name"
    )
    for path, strategy_id, name, value, stated in rows:
        yield _finding(
            "claim",
            f"metrics.{name} says {value}, ml-spec.yaml says {'nothing' if stated is None else stated}",
            layout.crypto / path,
            f"restore the file with git, or measure again: crypto-team ml-engineer train {strategy_id}",
        )


def _finding(code: str, message: str, path: Path, hint: str | None = None) -> Finding:
    return Finding(code=code, severity="error", message=message, file=str(path), line=1, col=1, hint=hint)
