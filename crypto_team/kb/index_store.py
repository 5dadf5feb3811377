"""The index: a SQLite file in the git directory that answers questions fast. Rebuildable, and never authoritative.

Nothing here knows documents or pydantic, so that a query starts in milliseconds. Each work tree has its own index.
Without a git directory, or where it cannot be written, the index lives in memory and is made anew each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crypto_team import __version__
from crypto_team.kb import git_dirs

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

LAYOUT_VERSION: Final = "8"
WAIT_SECONDS: Final = 20.0
PUBLIC: Final = ("strategies", "metrics", "trials", "handoffs", "checks", "learnings", "datasets", "lineage", "texts")
"""Tables that `registry query` may read."""
HIDDEN: Final = ("meta", "memo", "files", "entries", "parts", "specs", "tokens")
"""Tables of the index itself."""
ROW_TABLES: Final = (
    "entries", "parts", "specs", "metrics", "trials", "handoffs", "checks", "learnings", "datasets", "lineage"
)  # fmt: skip
"""Tables whose rows belong to one file each."""

_TABLES: Final = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE memo(name TEXT PRIMARY KEY, key TEXT, value TEXT) WITHOUT ROWID;
CREATE TABLE files(id INTEGER PRIMARY KEY, path TEXT UNIQUE, mtime INTEGER, ctime INTEGER, size INTEGER, inode INTEGER,
    sha TEXT, kind TEXT, findings TEXT, broken INTEGER, racy INTEGER);
CREATE TABLE entries(strategy_id TEXT, name TEXT, type TEXT, stage TEXT, status TEXT, created TEXT, updated TEXT,
    last_event TEXT, file_id INTEGER);
CREATE TABLE parts(subject TEXT, name TEXT, document TEXT, file_id INTEGER);
CREATE TABLE specs(strategy_id TEXT, exchange TEXT, pairs TEXT, timeframe TEXT, target TEXT, horizon TEXT, model TEXT,
    hypothesis TEXT, file_id INTEGER);
CREATE TABLE metrics(strategy_id TEXT, name TEXT, value REAL, file_id INTEGER);
CREATE TABLE trials(trial_id TEXT, strategy_id TEXT, kind TEXT, booked TEXT, status TEXT, fingerprint TEXT,
    predictions_hash TEXT, n_trials INTEGER, best_sharpe_per_period REAL, n_periods INTEGER, note TEXT,
    booking TEXT, file_id INTEGER);
CREATE TABLE handoffs(strategy_id TEXT, number INTEGER, sender TEXT, receiver TEXT, created TEXT, gate TEXT,
    profile TEXT, tool_version TEXT, subjects INTEGER, file_id INTEGER);
CREATE TABLE checks(strategy_id TEXT, source TEXT, code TEXT, title TEXT, outcome TEXT, value REAL, threshold REAL,
    unit TEXT, file_id INTEGER);
CREATE TABLE learnings(learning_id TEXT, role TEXT, created TEXT, status TEXT, severity TEXT, scope TEXT, title TEXT,
    text TEXT, tags TEXT, evidence TEXT, accepted_by TEXT, supersedes TEXT, superseded_by TEXT, stale INTEGER,
    file_id INTEGER);
CREATE TABLE datasets(dataset_id TEXT, exchange TEXT, pair TEXT, timeframe TEXT, trading_mode TEXT, kind TEXT,
    rows INTEGER, first TEXT, last TEXT, content_hash TEXT, holdout_from TEXT, quality TEXT, file_id INTEGER);
CREATE TABLE lineage(source TEXT, relation TEXT, target TEXT, file_id INTEGER);
CREATE TABLE stated(strategy_id TEXT, name TEXT, value REAL, file_id INTEGER);
CREATE TABLE tokens(token TEXT, strategy_id TEXT, file_id INTEGER);
CREATE VIRTUAL TABLE texts USING fts5(kind UNINDEXED, id UNINDEXED, title, body, tokenize = "porter unicode61");
CREATE UNIQUE INDEX specs_strategy ON specs(strategy_id);
CREATE INDEX files_findings ON files(id) WHERE findings IS NOT NULL;
CREATE INDEX files_broken ON files(id) WHERE broken;
CREATE INDEX parts_subject ON parts(subject);
CREATE INDEX entries_strategy ON entries(strategy_id);
CREATE INDEX entries_status ON entries(status);
CREATE INDEX metrics_value ON metrics(name, value);
CREATE INDEX metrics_strategy ON metrics(strategy_id, name, value);
CREATE INDEX trials_strategy ON trials(strategy_id);
CREATE INDEX trials_predictions ON trials(predictions_hash);
CREATE INDEX handoffs_strategy ON handoffs(strategy_id);
CREATE INDEX checks_strategy ON checks(strategy_id);
CREATE INDEX learnings_id ON learnings(learning_id);
CREATE INDEX lineage_source ON lineage(source);
CREATE INDEX lineage_target ON lineage(target);
CREATE INDEX stated_strategy ON stated(strategy_id);
CREATE INDEX tokens_token ON tokens(token);
CREATE INDEX tokens_strategy ON tokens(strategy_id);
"""
_OF_DESIGN: Final = "(SELECT {0} FROM specs s WHERE s.strategy_id = e.strategy_id) AS {0}"
# A join would be made for every row, also where a question asks for nothing of it: counting took ten times longer.
_STRATEGIES: Final = ", ".join(
    ["CREATE VIEW strategies AS SELECT e.strategy_id, e.name, e.type, e.stage, e.status, e.created, e.updated"]
    + ["e.last_event"]
    + [_OF_DESIGN.format(name) for name in ("exchange", "pairs", "timeframe", "target", "horizon", "model")]
    + [_OF_DESIGN.format("hypothesis") + " FROM entries e"]
)
_BY_FILE: Final = "CREATE INDEX {table}_file ON {table}(file_id)"


def place(layout: Layout) -> Path | None:
    """Return where the index of this workspace lies."""
    git_dir = git_dirs.private(layout.root)
    if git_dir is None:
        return None
    name = hashlib.sha256(os.fsencode(layout.root.resolve())).hexdigest()[:12]
    return git_dir / "crypto-team" / f"index-{name}.sqlite"


@cache
def code_stamp() -> str:
    """Return what changes with the program: an index made by another version says nothing about this one."""
    package = Path(__file__).resolve().parents[1]
    parts = [__version__, LAYOUT_VERSION]
    for folder in ("schemas", "kb"):
        with os.scandir(package / folder) as listed:
            found = sorted((item.name, item.stat()) for item in listed if item.name.endswith(".py"))
        parts += [f"{folder}/{name}:{stat.st_mtime_ns}:{stat.st_size}" for name, stat in found]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def open_index(layout: Layout) -> sqlite3.Connection:
    """Open the index; one that another version made, or that is broken, is made anew, empty."""
    path = place(layout)
    if path is None:
        return in_memory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(path)
    except (sqlite3.DatabaseError, OSError):
        return in_memory()


def in_memory() -> sqlite3.Connection:
    """Return an empty index that nobody else sees."""
    return _made(sqlite3.connect(":memory:", isolation_level=None))


def _opened(path: Path) -> sqlite3.Connection:
    """Open the file of the index, or make it; a file that is no index is replaced."""
    try:
        connection = _connected(path)
        found = connection.execute("SELECT value FROM meta WHERE name = 'code'").fetchone()
    except sqlite3.OperationalError as problem:
        if "no such table" not in str(problem):
            raise
        found = None
    except sqlite3.DatabaseError:
        remove(path)
        return _made(_connected(path))
    return connection if found and found[0] == code_stamp() else _remade(connection)


def _connected(path: Path) -> sqlite3.Connection:
    """Connect. Nothing is synced: after a crash of the machine a broken index is made anew."""
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _remade(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Empty the database and make its tables, unless another process did so meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    with contextlib.suppress(sqlite3.OperationalError):
        found = connection.execute("SELECT value FROM meta WHERE name = 'code'").fetchone()
        if found and found[0] == code_stamp():
            connection.execute("ROLLBACK")
            return connection
    rows = connection.execute(
        "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
        "AND name NOT LIKE 'texts_%' ORDER BY type DESC"
    ).fetchall()
    for kind, name in rows:
        connection.execute(f'DROP {kind} "{name}"')
    return _made(connection)


def _made(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables in an empty database."""
    if not connection.in_transaction:
        connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.strip().split(";\n"):
        connection.execute(statement.rstrip(";"))
    connection.execute(_STRATEGIES)
    for table in (*ROW_TABLES, "tokens", "stated"):
        connection.execute(_BY_FILE.format(table=table))
    connection.execute("INSERT INTO meta VALUES ('code', ?)", (code_stamp(),))
    connection.execute("COMMIT")
    return connection


def remove(path: Path) -> None:
    """Remove the file of an index and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
