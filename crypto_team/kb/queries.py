"""Questions to the index: lists, free SQL, full text, designs like this one, and what came from what. Reads only.

Nothing here imports pydantic or YAML while the index is current, so that a question is answered in milliseconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.kb import query_limits
from crypto_team.kb.index_store import PUBLIC
from crypto_team.kb.index_walk import current

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from crypto_team.kb.paths import Layout

Row = dict[str, Any]
COLUMNS: Final = ("strategy_id", "name", "type", "stage", "status", "updated")
FIELDS: Final = (
    "strategy_id", "name", "type", "stage", "status", "created", "updated", "last_event", "exchange", "pairs",
    "timeframe", "target", "horizon", "model", "hypothesis",
)  # fmt: skip
_CONDITION = re.compile(r"^\s*([a-z_][a-z0-9_.]*)\s*(>=|<=|!=|=|>|<)\s*(.+?)\s*$", re.DOTALL)
_METRIC_NAMES: Final = (  # the next greater name each time: a jump in the index, not a walk over all values
    "WITH RECURSIVE known(name) AS (SELECT min(name) FROM metrics UNION ALL "
    "SELECT (SELECT min(name) FROM metrics m WHERE m.name > known.name) FROM known WHERE known.name IS NOT NULL) "
    "SELECT name FROM known"
)
_METRIC: Final = "metrics."


class Answer(NamedTuple):
    """Rows, how many there are in all, and what else there is to say."""

    rows: list[Row]
    summary: str
    next: tuple[str, ...] = ()
    warning: str | None = None


def listing(
    layout: Layout,
    *,
    where: Sequence[str] = (),
    sort: str = "strategy_id",
    limit: int = 100,
    column: Sequence[str] = (),
    columns: str = "",
    exact: bool = False,
) -> Answer:
    """Return the strategies that fulfil every condition, sorted; those without the sorted field come last."""
    if limit < 1:
        raise UsageError(f"a limit of {limit} would show nothing", where="--limit", hint="1 or more")
    connection = current(layout, exact=exact)
    total = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    if not total:
        start = ("crypto-team ml-engineer new --name NAME --pair BASE/QUOTE",)
        return Answer([], "0 of 0 strategies", start, warning=_broken(connection))
    names = [_METRIC + name for (name,) in connection.execute(_METRIC_NAMES) if name is not None]
    conditions = [_condition(text, names) for text in where]
    asked = [*column, *(name.strip() for name in columns.split(",") if name.strip())]
    chosen = [_known(name, names) for name in asked]
    parts = [_clause(*condition) for condition in conditions]
    clause = " AND ".join(text for text, _ in parts) or "1"
    values = [value for _, found in parts for value in found]
    join, order, given = _ordered(_known(sort.removeprefix("-"), names), "DESC" if sort.startswith("-") else "ASC")
    found = connection.execute(
        f"SELECT s.strategy_id FROM strategies s {join} WHERE {clause} "  # noqa: S608 - fields are checked
        f"ORDER BY {order} LIMIT ?",
        [*given, *values, limit],
    ).fetchall()
    rows = _filled(connection, [item[0] for item in found], chosen)
    return Answer(rows, f"{len(rows)} of {total} strategies", warning=_broken(connection))


def _filled(connection: sqlite3.Connection, ids: Sequence[str], columns: Sequence[str]) -> list[Row]:
    """Return the rows of strategies with the fields that were asked for, or the usual ones and every metric."""
    wanted = [name for name in columns if not name.startswith(_METRIC)] if columns else list(COLUMNS)
    rows: list[Row] = []
    for id_ in ids:
        cursor = connection.execute("SELECT * FROM strategies WHERE strategy_id = ?", (id_,))
        values = dict(zip([item[0] for item in cursor.description], cursor.fetchone(), strict=True))
        found = connection.execute("SELECT name, value FROM metrics WHERE strategy_id = ? ORDER BY rowid", (id_,))
        metrics = {_METRIC + name: value for name, value in found}
        row = {name: values[name] for name in wanted}
        rows.append(row | metrics if not columns else {name: (row | metrics).get(name) for name in columns})
    if not columns:
        shown = list(dict.fromkeys(name for row in rows for name in row if not name.startswith("metrics.backtest.")))
        rows = [{name: row.get(name) for name in shown} for row in rows]
    return rows


def _condition(text: str, metrics: Sequence[str]) -> tuple[str, str, str | float]:
    """Take a condition apart; a metric is compared with a number."""
    found = _CONDITION.match(text)
    if found is None:
        raise UsageError(
            f"{text!r} is not a condition", where="--where", hint="write for example 'metrics.oos_sharpe>=1'"
        )
    field, sign, value = found.groups()
    field = _known(field, metrics)
    if not field.startswith(_METRIC):
        return field, sign, value
    try:
        return field, sign, float(value)
    except ValueError:
        raise UsageError(f"{value!r} is not a number", where="--where", hint="metrics.NAME>=1.5") from None


def _ordered(field: str, direction: str) -> tuple[str, str, list[str]]:
    """Return the SQL that sorts by a field that is known to exist, what to join for it, and the values bound in it."""
    if field == "strategy_id":
        return "", f"s.strategy_id {direction}", []
    if not field.startswith(_METRIC):
        return "", f"s.{field} IS NULL, s.{field} {direction}, s.strategy_id", []
    join = "LEFT JOIN metrics m ON m.strategy_id = s.strategy_id AND m.name = ?"
    return join, f"m.value IS NULL, m.value {direction}, s.strategy_id", [field[len(_METRIC) :]]


def _clause(field: str, sign: str, value: str | float) -> tuple[str, list[str | float]]:
    """Return the SQL of a condition; a metric is looked up by its value, not strategy by strategy."""
    if not field.startswith(_METRIC):
        return f"s.{field} {sign} ?", [value]
    name = field[len(_METRIC) :]
    return f"s.strategy_id IN (SELECT strategy_id FROM metrics WHERE name = ? AND value {sign} ?)", [name, value]  # noqa: S608


def _known(field: str, metrics: Sequence[str]) -> str:
    """Return the full name of a field, where a metric may go without its `metrics.`; refuse what no strategy has."""
    if field in FIELDS or field in metrics:
        return field
    if _METRIC + field in metrics:
        return _METRIC + field
    import difflib

    fields = [*FIELDS, *metrics]
    near = difflib.get_close_matches(field, fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"fields are: {', '.join(fields)}"
    raise UsageError(f"no strategy has a field {field!r}", hint=hint)


def _broken(connection: sqlite3.Connection) -> str | None:
    """Say how many documents could not be read, and are therefore missing from every answer."""
    count = connection.execute("SELECT count(*) FROM files WHERE broken").fetchone()[0]
    return f"{count} document(s) break their schema and are missing here" if count else None


def select(
    layout: Layout, sql: str, *, limit: int = 1_000, exact: bool = False, most_bytes: int = query_limits.MOST_ANSWER
) -> Answer:
    """Run one SELECT over the public tables.

    Raises
    ------
    UsageError
        Not a SELECT, not valid SQL, another table, or beyond what `query_limits` allows.
    """
    if limit < 1:
        raise UsageError(f"a limit of {limit} would show nothing", where="--limit", hint="1 or more")
    connection = current(layout, exact=exact)
    warning = _broken(connection)
    with query_limits.bounded(connection, sql, seconds=query_limits.MOST_SECONDS):
        cursor = connection.execute(sql)
        found = query_limits.fetched(cursor, limit + 1, most_bytes=most_bytes)
    if cursor.description is None:
        raise UsageError("there is no SELECT in this", where="SQL", hint="for example: SELECT * FROM strategies")
    names = _unique([item[0] for item in cursor.description])
    rows = [dict(zip(names, row, strict=True)) for row in found[:limit]]
    for row in rows:
        row.pop("file_id", None)
    more = f"more than {limit} rows, the first {limit} shown (--limit)" if len(found) > limit else f"{len(rows)} row(s)"
    return Answer(rows, more, warning=warning)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names where columns of the same name are numbered, so that none hides another."""
    made: list[str] = []
    for name in names:
        number, text = 1, name
        while text in made:
            number += 1
            text = f"{name}_{number}"
        made.append(text)
    return made


def whole_table(name: str) -> str:
    """Return the query of a whole public table; the rows of `texts` and internal columns stay out.

    Raises
    ------
    UsageError
        There is no such table.
    """
    if name not in PUBLIC:
        raise UsageError(f"there is no table {name!r}", hint=f"tables: {', '.join(PUBLIC)}")
    return f'SELECT * FROM "{name}"'  # noqa: S608 - one of our own names


def tables(layout: Layout) -> Answer:
    """Return the columns of every public table and how many rows it has."""
    connection = current(layout)
    rows = []
    for name in PUBLIC:
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")') if row[1] != "file_id"]
        count = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - our own names
        rows.append({"table": name, "rows": count, "columns": columns})
    return Answer(rows, f"{len(rows)} tables", ('crypto-team registry query "SELECT * FROM strategies LIMIT 5"',))


def search(layout: Layout, text: str, *, kinds: Sequence[str] = (), limit: int = 20) -> list[Row]:
    """Return what holds every word (word stems count as equal), best first, with the words in their context."""
    words = re.findall(r"\w+", text)
    if not words:
        return []
    asked = " ".join(f'"{word}"' for word in words)
    clause = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
    found = current(layout).execute(
        "SELECT kind, id, title, snippet(texts, -1, '', '', '…', 16), bm25(texts, 0, 0, 4, 1) AS rank FROM texts "  # noqa: S608
        f"WHERE texts MATCH ?{clause} ORDER BY rank, id LIMIT ?",
        (asked, *kinds, limit),
    )
    return [
        {"kind": kind, "id": id_, "title": title, "where": " ".join(snippet.split())}
        for kind, id_, title, snippet, _ in found
    ]


def known_strategy(connection: sqlite3.Connection, strategy_id: str) -> None:
    """Refuse an id that no registry entry has."""
    if connection.execute("SELECT 1 FROM entries WHERE strategy_id = ?", (strategy_id,)).fetchone() is None:
        raise NotFoundError(f"there is no strategy {strategy_id}", hint="crypto-team registry list")
