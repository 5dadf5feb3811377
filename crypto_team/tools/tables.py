"""Writing rows to files for other programs: CSV, Parquet, JSON, JSON lines."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import InputError, RefusedError, UsageError
from crypto_team.kb.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Rows = list[dict[str, Any]]
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def write_table(path: Path, rows: Rows, *, forbidden: Path, force: bool = False) -> None:
    """Write rows; the ending of the file says the format.

    Raises
    ------
    UsageError
        No format has this ending.
    InputError
        The file would lie in the knowledge base or in a git directory, or it is no regular file.
    RefusedError
        The file exists, and `force` was not given.
    """
    write = WRITERS.get(path.suffix)
    if write is None:
        raise UsageError(f"no format has the ending {path.suffix!r}", where=str(path), hint=", ".join(WRITERS))
    try:
        _check_place(path, forbidden, force=force)
    except OSError as problem:
        raise InputError(f"no file can lie here: {problem.strerror}", where=str(path)[:200]) from problem
    write_atomic(path, write(rows))


def _check_place(path: Path, forbidden: Path, *, force: bool) -> None:
    """Refuse every place but that of a new regular file, or with `force` of one that is there."""
    place = path.resolve()
    if place.is_relative_to(forbidden.resolve()) or {".git", ".crypto"} & set(place.parts):
        raise InputError("exports do not belong into .crypto or .git", where=str(path), hint="choose another folder")
    if not place.parent.is_dir():
        raise InputError("there is no such folder", where=str(path.parent), hint="make it first, or choose another one")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InputError("this is a link or no regular file", where=str(path), hint="choose another name")
    if path.exists() and not force:
        raise RefusedError("the file exists", where=str(path), hint="--force overwrites it")


def columns_of(rows: Rows) -> list[str]:
    """Return all keys in order of first appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _csv(rows: Rows) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns_of(rows), lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _harmless(value) for key, value in row.items()})
    return buffer.getvalue().encode()


def _harmless(value: Any) -> Any:
    """Keep a text that a spreadsheet would run as a formula a text; nested values become JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _parquet(rows: Rows) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = columns_of(rows)
    table = pa.table({name: _column([row.get(name) for row in rows]) for name in names})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _column(values: Sequence[Any]) -> Sequence[Any]:
    """Bring a column to one type: SQLite lets numbers and texts stand in the same one."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1:
        return values
    if kinds <= {int, float}:
        return [None if value is None else float(value) for value in values]
    return [None if value is None else str(value) for value in values]


def _json(rows: Rows) -> bytes:
    return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()


def _jsonl(rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


WRITERS: Final[dict[str, Callable[[Rows], bytes]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".json": _json,
    ".jsonl": _jsonl,
}
"""Ending of the file -> the function that makes its bytes."""
