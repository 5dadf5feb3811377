"""What a free query may read and how much it may cost: a few tables, seconds, and memory, whatever its text says.

SQLite asks every hundred steps whether it may go on. Between two steps a single function runs to its end, so values are
short enough that none takes long, and those functions whose time grows with the product of two values are replaced.
"""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import UsageError
from crypto_team.kb.index_store import HIDDEN, PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_SECONDS: Final = 4.0
MOST_CELL: Final = 250_000
MOST_ANSWER: Final = 16 * 2**20
MOST_HEAP: Final = 256 * 2**20
_STEPS: Final = 100
_LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_LENGTH: MOST_CELL,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
_DENIED: Final = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "printf", "format"}
"""Functions that reach beyond the tables; `printf` counts to any width that it is told, without asking."""
_MOST_TRIMMED: Final = 100


def _instr(text: Any, part: Any) -> int | None:
    return None if text is None or part is None else _text(text).find(_text(part)) + 1


def _replace(text: Any, old: Any, new: Any) -> str | None:
    if text is None or old is None or new is None:
        return None
    source, part, other = _text(text), _text(old), _text(new)
    if part and len(source) + source.count(part) * (len(other) - len(part)) > MOST_CELL:
        raise ValueError
    return source.replace(part, other) if part else source


def _trimmed(cut: Callable[[str, str], str]) -> Callable[..., str | None]:
    def trim(text: Any, signs: Any = " ") -> str | None:
        if text is None or signs is None:
            return None
        if len(_text(signs)) > _MOST_TRIMMED:
            raise ValueError
        return cut(_text(text), _text(signs))

    return trim


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


_REPLACED: Final[dict[str, tuple[Callable[..., Any], tuple[int, ...]]]] = {
    "instr": (_instr, (2,)),
    "replace": (_replace, (3,)),
    "trim": (_trimmed(str.strip), (1, 2)),
    "ltrim": (_trimmed(str.lstrip), (1, 2)),
    "rtrim": (_trimmed(str.rstrip), (1, 2)),
}


@contextmanager
def bounded(connection: sqlite3.Connection, sql: str, *, seconds: float) -> Iterator[None]:
    """Let the connection only read public tables, for so long; what SQLite or a limit objects to is a usage error.

    The limits stay on the connection, which is for this one query.
    """
    if "texts" in sql.lower():  # a full-text table is set up by its first use, which the authorizer would not allow
        connection.execute("SELECT 1 FROM texts WHERE texts MATCH 'x' LIMIT 1").fetchone()
    # What does not fit into memory would be sorted on disk, which nothing limits.
    for setting in ("query_only = ON", "temp_store = MEMORY", f"hard_heap_limit = {MOST_HEAP}"):
        connection.execute(f"PRAGMA {setting}")
    for name, (function, counts) in _REPLACED.items():
        for count in counts if re.search(rf"\b{name}\b", sql, re.IGNORECASE) else ():
            connection.create_function(name, count, function, deterministic=True)
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    connection.set_authorizer(_authorize)
    until = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > until), _STEPS)
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as problem:
        raise _explained(problem, seconds) from problem


def fetched(cursor: sqlite3.Cursor, limit: int, *, most_bytes: int = MOST_ANSWER) -> list[list[Any]]:
    """Return up to so many rows with bytes as text; formats cannot show bytes, and no answer fills the memory.

    Raises
    ------
    UsageError
        The rows are larger than `most_bytes` together.
    """
    rows: list[list[Any]] = []
    size = 0
    while len(rows) < limit and (row := cursor.fetchone()) is not None:
        rows.append([value.hex() if isinstance(value, bytes) else value for value in row])
        size += sum(len(value) if isinstance(value, str) else 8 for value in rows[-1])
        if size > most_bytes:
            what = f"the first {len(rows)} rows are larger than {most_bytes // 2**20} MB"
            raise UsageError(what, where="SQL", hint="select fewer columns, cut texts with substr, or lower --limit")
    return rows


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, view: str | None) -> int:
    """Allow reading of public tables only; everything else, and everything unknown, is denied."""
    if action in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE}:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if second in _DENIED else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if first == "data_version" else sqlite3.SQLITE_DENY  # full text asks for it
    name = first or ""
    # Rows are counted without a column: of a table made by WITH, or of the one behind the view of strategies.
    counted = not second and (name == "entries" or name not in HIDDEN) and not name.startswith(("sqlite_", "pragma_"))
    public = action == sqlite3.SQLITE_READ and (
        name in PUBLIC or view == "strategies" or name.startswith("texts_") or counted
    )
    return sqlite3.SQLITE_OK if public else sqlite3.SQLITE_DENY


def _explained(problem: Exception, seconds: float) -> UsageError:
    """Say in our words what SQLite does not like."""
    text = str(problem)
    hint = f"tables: {', '.join(PUBLIC)}; columns: crypto-team registry tables"
    if "interrupted" in text:
        return UsageError(f"the query took longer than {seconds:g} seconds", where="SQL", hint="narrow it down")
    if isinstance(problem, MemoryError) or "out of memory" in text:
        what = f"the query needs more than {MOST_HEAP // 2**20} MB of memory"
        return UsageError(what, where="SQL", hint="narrow it down, or sort fewer rows")
    if "too big" in text or "pattern too complex" in text or "user-defined function" in text:
        what = f"a value is longer than {MOST_CELL:,} characters, or a pattern longer than 100"
        return UsageError(what, where="SQL", hint="long documents: crypto-team read PATH")
    if "not authorized to use function" in text:
        return UsageError(
            f"{text.rpartition(' ')[2]} is not allowed here", where="SQL", hint="round, substr, date, ..."
        )
    if "prohibited" in text or "not authorized" in text:
        return UsageError("only SELECT over the public tables is allowed", where="SQL", hint=hint)
    return UsageError(f"SQLite says: {text}", where="SQL", hint=hint)
