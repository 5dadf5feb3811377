"""What changed on disk since the index was made: by modification time, change time, size and inode, then by hash.

A file that was written within moments before it was looked at may change again without its times changing; such
files are hashed again the next time, as git does.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto_team.kb import git_dirs
from crypto_team.kb.index_store import in_memory, open_index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.kb.paths import Layout

MOST_WALKED: Final = 2_000
"""Up to so many files every query looks at each of them."""
TRUSTED_SECONDS: Final = 30.0
"""In a larger knowledge base, a look at every file is good for so long, unless a tool or git wrote something."""
MOST_BYTES: Final = 5_000_000
_RACY_NS: Final = 2_000_000_000
_RECORDS: Final = (".yaml", ".md")


@dataclass(frozen=True, slots=True)
class Seen:
    """One file as the file system describes it. `path` is relative to `.crypto`."""

    path: str
    mtime: int
    ctime: int
    size: int
    inode: int
    linked: bool

    def same(self, row: tuple[int, ...]) -> bool:
        """Return whether a row of the index describes the same state."""
        return (self.mtime, self.ctime, self.size, self.inode) == row


@dataclass(frozen=True, slots=True)
class New:
    """A file to read again: its row if it has one, and whether it may still change within the grain of its times."""

    seen: Seen
    row: int | None
    racy: bool


@dataclass(slots=True)
class Changes:
    """What to do to make the index current."""

    new: list[New] = field(default_factory=list)
    """Files to read again."""
    touched: list[tuple[Seen, int, bool]] = field(default_factory=list)
    """Files whose times changed but not their bytes, with their rows, and whether they may still be racy."""
    gone: list[int] = field(default_factory=list)
    count: int = 0
    """All files there are."""
    version: int = 0
    """The state of the index that this was found against."""


def walked(layout: Layout) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and state of every file of the knowledge base and the settings; links are not followed.

    A folder with the name of a record is yielded too: it lies where a file belongs.
    """
    base = len(str(layout.crypto)) + 1
    if not layout.crypto.is_dir():
        return
    with os.scandir(layout.crypto) as listed:
        for item in listed:
            if item.name.endswith(".yaml"):
                yield _name(item.path, base), item.stat(follow_symlinks=False)
    waiting = [str(layout.knowledge)]
    while waiting:
        with os.scandir(waiting.pop()) as listed:
            for item in listed:
                if item.is_dir(follow_symlinks=False):
                    waiting.append(item.path)
                    if not item.name.endswith(_RECORDS):
                        continue
                yield _name(item.path, base), item.stat(follow_symlinks=False)


def _name(path: str, base: int) -> str:
    """Return a path below `.crypto`; one that is no UTF-8 belongs to no record, and is kept as it can be shown."""
    name = path[base:]
    return name if name.isascii() else name.encode(errors="backslashreplace").decode()


def compare(connection: sqlite3.Connection, layout: Layout, *, doubt: bool = False) -> Changes:
    """Return what changed since the index was made; with `doubt` every document is hashed whatever its times say."""
    started = time.time_ns()
    version = connection.execute("PRAGMA data_version").fetchone()[0]
    rows = connection.execute("SELECT path, id, sha, racy, mtime, ctime, size, inode FROM files").fetchall()
    known = {row[0]: row for row in rows}
    changes = Changes(version=version)
    # Tens of thousands of files are unchanged: nothing is made of them but the comparison.
    for path, found in walked(layout):
        changes.count += 1
        row = known.pop(path, None)
        times = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        if row is not None and row[4:] == times and not row[3] and not doubt:
            continue
        _judge(changes, layout, Seen(path, *times, not stat.S_ISREG(found.st_mode)), row, started)
    changes.gone = [row[1] for row in known.values()]
    return changes


def _judge(changes: Changes, layout: Layout, seen: Seen, row: tuple[Any, ...] | None, started: int) -> None:
    """Decide by its bytes whether a file changed."""
    racy = max(seen.mtime, seen.ctime) > started - _RACY_NS
    if row is not None and row[2] is not None and content_of(layout, seen)[1] == row[2]:
        if bool(row[3]) != racy or not seen.same(row[4:]):
            changes.touched.append((seen, row[1], racy))
    else:
        changes.new.append(New(seen, row[1] if row else None, racy))


def content_of(layout: Layout, seen: Seen) -> tuple[bytes | None, str | None]:
    """Return the bytes of a document and their hash; None for links, odd files, and what is no document."""
    if seen.linked or not seen.path.endswith(_RECORDS) or seen.size > MOST_BYTES:
        return None, None
    try:
        content = Path(layout.crypto, seen.path).read_bytes()
    except OSError:
        return None, None
    return content, hashlib.sha256(content).hexdigest()


def stamp(layout: Layout) -> str:
    """Return what every tool and every git command changes: HEAD, git's index, and the folders of entries."""
    git_dir = git_dirs.private(layout.root)
    places = [layout.crypto, layout.knowledge, layout.registry_dir, layout.learnings_dir, layout.trials_root]
    places += [layout.datasets_dir, layout.strategies_root]
    places += [git_dir / name for name in ("index", "HEAD", "logs/HEAD")] if git_dir else []
    return json.dumps([_time(item) for item in places])


def _time(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def note(connection: sqlite3.Connection, count: int, before: str) -> None:
    """Note that every file was looked at, and what the stamp was before that."""
    rows = (("stamp", before), ("walked", str(time.time())), ("count", str(count)))
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


def touch(connection: sqlite3.Connection, changes: Changes) -> None:
    """Write the new times of files whose bytes are what they were."""
    connection.executemany(
        "UPDATE files SET mtime = ?, ctime = ?, size = ?, inode = ?, racy = ? WHERE id = ?",
        [(seen.mtime, seen.ctime, seen.size, seen.inode, racy, row) for seen, row, racy in changes.touched],
    )


def _settle(connection: sqlite3.Connection, changes: Changes, before: str) -> None:
    """Write new times only; where another process wrote meanwhile, the next question finds them again."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA data_version").fetchone()[0] == changes.version:
            touch(connection, changes)
            note(connection, changes.count, before)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def current(layout: Layout, *, exact: bool = False) -> sqlite3.Connection:
    """Return the index as it has to be now. Only changed documents are read; without any, nothing heavy is imported.

    Parameters
    ----------
    layout
        The workspace.
    exact
        Look at every file, however many there are. Otherwise a large knowledge base is looked at after every write of
        a tool or of git, and at least every `TRUSTED_SECONDS`: a file that somebody edits in place is seen by then.
    """
    try:
        return _current(open_index(layout), layout, exact=exact)
    except sqlite3.OperationalError:
        # The disk takes no more, or another process keeps it locked: this once the index lives in memory.
        return _current(in_memory(), layout, exact=True)


def _current(connection: sqlite3.Connection, layout: Layout, *, exact: bool) -> sqlite3.Connection:
    said = dict(connection.execute("SELECT name, value FROM meta"))
    before = stamp(layout)
    if not exact and int(said.get("count", 0)) > MOST_WALKED and said.get("stamp") == before:
        age = time.time() - float(said.get("walked", 0))
        if 0 <= age < TRUSTED_SECONDS:
            return connection
    changes = compare(connection, layout)
    if changes.new or changes.gone:
        from crypto_team.kb.index_refresh import apply

        apply(connection, layout, changes, before)
    elif changes.touched:
        _settle(connection, changes, before)
    elif changes.count > MOST_WALKED:
        note(connection, changes.count, before)
    return connection
