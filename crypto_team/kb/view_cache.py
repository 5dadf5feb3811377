"""What each entry adds to a generated list, kept in the git directory so that a write renders only what changed.

An entry counts as unchanged while modification time, change time, size and inode are what they were, of its file and of
the folder beside it that holds its events, and neither was written within moments before it was looked at.
Rebuildable, never authoritative: `views --check` renders everything.
Only whoever holds the write lock comes here.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from crypto_team.kb.index_store import code_stamp, place, remove

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto_team.kb.paths import Layout

_RACY_NS: Final = 2_000_000_000
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS made(code TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS shown(folder TEXT, name TEXT, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER,
    beside INTEGER, racy INTEGER, place TEXT, text TEXT, PRIMARY KEY(folder, name)) WITHOUT ROWID;
"""


class Shown(NamedTuple):
    """What an entry adds to a list, and by what it is sorted there."""

    place: str
    text: str


def path_of(layout: Layout) -> Path | None:
    """Return where the cache of this work tree lies; None outside of a repository."""
    index = place(layout)
    return index.with_name(index.name.replace("index-", "views-", 1)) if index else None


def shown(layout: Layout, folder: Path, pattern: str, make: Callable[[Path], Shown | None]) -> list[Shown]:
    """Return what the files of a folder add to its list, sorted; `make` reads one, None where it adds nothing."""
    path = path_of(layout)
    if path is None:
        return fresh(folder, pattern, make)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as connection:
            return _kept(_prepared(connection), folder, pattern, make)
    except (sqlite3.Error, OSError):
        remove(path)
        return fresh(folder, pattern, make)


def fresh(folder: Path, pattern: str, make: Callable[[Path], Shown | None]) -> list[Shown]:
    """Return the same from the files alone."""
    return sorted(item for path in folder.glob(pattern) if (item := make(path)) is not None)


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables; what another version of the program made is dropped."""
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(_TABLES)
    if connection.execute("SELECT code FROM made").fetchall() != [(code_stamp(),)]:
        connection.executescript("DROP TABLE shown; DELETE FROM made;")
        connection.executescript(_TABLES)
        connection.execute("INSERT INTO made VALUES (?)", (code_stamp(),))
    return connection


def _kept(
    connection: sqlite3.Connection, folder: Path, pattern: str, make: Callable[[Path], Shown | None]
) -> list[Shown]:
    query = "SELECT name, place, text, racy, mtime, ctime, size, inode, beside FROM shown WHERE folder = ?"
    known = {row[0]: row for row in connection.execute(query, (folder.name,))}
    started, found, new = time.time_ns(), list[Shown](), list[tuple[object, ...]]()
    for name, times in _times(folder, pattern):
        row = known.pop(name, None)
        if row is None or row[3] or row[4:] != times:
            made = make(folder / name)
            racy = max(times[0], times[1], times[4]) > started - _RACY_NS
            new.append((folder.name, name, *times, racy, *(made or (None, None))))
        else:
            made = None if row[1] is None else Shown(row[1], row[2])
        if made is not None:
            found.append(made)
    if new or known:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "DELETE FROM shown WHERE folder = ? AND name = ?", [(folder.name, gone) for gone in known]
        )
        connection.executemany("INSERT OR REPLACE INTO shown VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", new)
        connection.execute("COMMIT")
    return sorted(found)


def _times(folder: Path, pattern: str) -> list[tuple[str, tuple[int, int, int, int, int]]]:
    """Return the times of every entry, and when something came into the folder of its events or left it."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as listed:
        items = {item.name: item for item in listed}
    found = []
    for name, item in items.items():
        if not fnmatchcase(name, pattern):
            continue
        it, events = item.stat(follow_symlinks=True), items.get(name.rpartition(".")[0])
        beside = max(events.stat().st_mtime_ns, events.stat().st_ctime_ns) if events else 0
        found.append((name, (it.st_mtime_ns, it.st_ctime_ns, it.st_size, it.st_ino, beside)))
    return found
