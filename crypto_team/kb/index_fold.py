"""Rows of the index that several files make together: an entry or a claim with all events beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from crypto_team.kb import fates, registry
from crypto_team.kb.index_rows import folded_rows
from crypto_team.schemas import Learning, LearningEvent, Registration, RegistryEvent

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from crypto_team.schemas import Document

_MADE: Final = ("entries", "metrics", "learnings", "lineage")
_BATCH: Final = 2_000
_PART: Final = re.compile(r"knowledge/(?:registry/(STR-[0-9]{3,6})|learnings/([0-9a-z_-]+))[./]")


def subject_of(path: str) -> str | None:
    """Return what a file of the index, named from `.crypto`, is a part of: a strategy or a learning."""
    found = _PART.match(path)
    return (found[1] or found[2]) if found else None


def subjects(connection: sqlite3.Connection, files: Sequence[int]) -> set[str]:
    """Return what files that the index knows are parts of."""
    query = "SELECT path FROM files WHERE id = ?"
    paths = [row[0] for file_id in files for row in connection.execute(query, (file_id,))]
    return {found for path in paths if (found := subject_of(path))}


def fold(connection: sqlite3.Connection, changed: Iterable[str]) -> None:
    """Make the rows of some strategies and learnings anew from all their parts; one that has a broken part has none."""
    pending: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number, subject in enumerate(sorted(changed), start=1):
        query = "SELECT name, document, file_id FROM parts WHERE subject = ? ORDER BY name"
        parts = connection.execute(query, (subject,)).fetchall()
        if not parts or parts[0][0]:
            continue  # events without what they are about, or where that is broken: a finding of their own
        file_id = parts[0][2]
        for table in _MADE:
            connection.execute(f"DELETE FROM {table} WHERE file_id = ?", (file_id,))  # noqa: S608 - our own tables
        connection.execute("DELETE FROM texts WHERE rowid = ?", (file_id,))
        if _broken(connection, subject):
            continue  # what cannot be read may be a refusal
        for table, values in folded_rows(_folded(subject, [text for _, text, _ in parts])):
            pending[table].append((file_id, *values) if table == "texts" else (*values, file_id))
        if number % _BATCH == 0:
            flush(connection, pending)
    flush(connection, pending)


def _broken(connection: sqlite3.Connection, subject: str) -> bool:
    query = "SELECT 1 FROM files WHERE broken AND path > ? AND path < ?"
    folder = f"knowledge/{'registry' if subject.startswith('STR-') else 'learnings'}/{subject}"
    return connection.execute(query, (f"{folder}/", f"{folder}0")).fetchone() is not None


def _folded(subject: str, parts: Sequence[str]) -> Document:
    first, *others = parts
    if subject.startswith("STR-"):
        happened = [RegistryEvent.model_validate_json(text) for text in others]
        return registry.state(Registration.model_validate_json(first), happened)
    became = [LearningEvent.model_validate_json(text) for text in others]
    return fates.state(Learning.model_validate_json(first), became)


def flush(connection: sqlite3.Connection, pending: dict[str, list[tuple[Any, ...]]]) -> None:
    """Write rows that wait."""
    for table, values in pending.items():
        marks = ", ".join("?" * len(values[0]))
        head = "texts(rowid, kind, id, title, body)" if table == "texts" else table
        verb = "INSERT OR REPLACE" if table == "specs" else "INSERT"
        connection.executemany(f"{verb} INTO {head} VALUES ({marks})", values)
    pending.clear()
