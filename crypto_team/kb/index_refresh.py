"""Bringing the index up to date: changed documents are read, judged, and become rows."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.kb import index_fold
from crypto_team.kb.documents import judge
from crypto_team.kb.index_fold import flush
from crypto_team.kb.index_rows import rows
from crypto_team.kb.index_store import ROW_TABLES
from crypto_team.kb.index_walk import compare, content_of, note, touch

if TYPE_CHECKING:
    import sqlite3

    from crypto_team.kb.documents import Judged
    from crypto_team.kb.index_walk import Changes, New
    from crypto_team.kb.paths import Layout

_BATCH = 2_000


def apply(connection: sqlite3.Connection, layout: Layout, changes: Changes, before: str) -> None:
    """Write changes into the index, in one transaction.

    Where another process wrote meanwhile, the changes are found again, so that no file gets two rows.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA data_version").fetchone()[0] != changes.version:
            changes = compare(connection, layout)
        _write(connection, layout, changes)
        note(connection, changes.count, before)
        connection.execute("COMMIT")
    except BaseException:
        # A disk that is full ends the transaction by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _write(connection: sqlite3.Connection, layout: Layout, changes: Changes) -> None:
    touch(connection, changes)
    replaced = [item.row for item in changes.new if item.row is not None]
    changed = index_fold.subjects(connection, [*changes.gone, *replaced])
    changed |= {found for item in changes.new if (found := index_fold.subject_of(item.seen.path))}
    for file_id in (*changes.gone, *replaced):
        _forget(connection, file_id)
    pending: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number, item in enumerate(changes.new, start=1):
        content, digest = content_of(layout, item.seen)
        # The walk follows no links, so what is no link itself lies inside.
        judged = judge(layout, Path(layout.crypto, item.seen.path), content, inside=not item.seen.linked)
        file_id = _file_row(connection, layout, item, digest, judged)
        if judged.record is not None:
            for table, values in rows(judged.record):
                pending[table].append((file_id, *values) if table == "texts" else (*values, file_id))
        if number % _BATCH == 0:
            flush(connection, pending)
    flush(connection, pending)
    index_fold.fold(connection, changed)


def _forget(connection: sqlite3.Connection, file_id: int) -> None:
    """Remove a file and everything that came from it."""
    for table in (*ROW_TABLES, "tokens", "stated"):
        connection.execute(f"DELETE FROM {table} WHERE file_id = ?", (file_id,))  # noqa: S608 - our own table names
    connection.execute("DELETE FROM texts WHERE rowid = ?", (file_id,))
    connection.execute("DELETE FROM files WHERE id = ?", (file_id,))


def _file_row(connection: sqlite3.Connection, layout: Layout, new: New, digest: str | None, judged: Judged) -> int:
    """Write the row of a file; findings are kept with paths from the root, so that a moved workspace keeps them."""
    found = [item.model_dump(mode="json") for item in judged.findings]
    root, seen = f"{layout.root}/", new.seen
    for item in found:
        item["file"] = (item["file"] or "").removeprefix(root)
    cursor = connection.execute(
        "INSERT OR REPLACE INTO files(path, mtime, ctime, size, inode, sha, kind, findings, broken, racy) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            seen.path,
            seen.mtime,
            seen.ctime,
            seen.size,
            seen.inode,
            digest,
            judged.kind,
            json.dumps(found) if found else None,
            judged.record is None and bool(found),
            new.racy,
        ),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an insert has a row
    return cursor.lastrowid
