"""What came from what: over strategies, datasets, trials, evidence, reviews and learnings, in both directions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from crypto_team.errors import NotFoundError
from crypto_team.kb.index_walk import current
from crypto_team.kb.queries import Answer, Row

if TYPE_CHECKING:
    import sqlite3

    from crypto_team.kb.paths import Layout

MOST_ROWS: Final = 2_000
_QUERIES: Final = {
    "from": "SELECT relation, target FROM lineage WHERE source = ? ORDER BY relation, target",
    "into": "SELECT relation, source FROM lineage WHERE target = ? ORDER BY relation, source",
}


def lineage(layout: Layout, name: str, *, depth: int = 3) -> Answer:
    """Return what something rests on (`from`) and what rests on it (`into`), step by step.

    Raises
    ------
    NotFoundError
        Nothing in the knowledge base is called so, and nothing names it.
    """
    connection = current(layout)
    rows = [row for direction in _QUERIES for row in _followed(connection, name, direction, depth)]
    if not rows and not _exists(connection, name):
        raise NotFoundError(
            f"nothing is called {name[:80]!r}", hint="give STR-001, DS-001, a trial, STR-001/BT-001 or a learning"
        )
    return Answer(rows, f"{name}: {len(rows)} link(s)")


def _followed(connection: sqlite3.Connection, name: str, direction: str, depth: int) -> list[Row]:
    """Walk one direction breadth first; nothing is entered twice."""
    waiting, seen, rows = deque([(name, 1)]), {name}, list[Row]()
    while waiting and len(rows) < MOST_ROWS:
        at, step = waiting.popleft()
        for relation, other in connection.execute(_QUERIES[direction], (at,)):
            source, target = (at, other) if direction == "from" else (other, at)
            rows.append({"direction": direction, "step": step, "what": source, "relation": relation, "of": target})
            if other not in seen and step < depth:
                seen.add(other)
                waiting.append((other, step + 1))
    return rows


def _exists(connection: sqlite3.Connection, name: str) -> bool:
    query = (
        "SELECT 1 FROM entries WHERE strategy_id = ?1 UNION SELECT 1 FROM datasets WHERE dataset_id = ?1 "
        "UNION SELECT 1 FROM learnings WHERE learning_id = ?1 UNION SELECT 1 FROM trials WHERE trial_id = ?1"
    )
    return connection.execute(query, (name,)).fetchone() is not None
