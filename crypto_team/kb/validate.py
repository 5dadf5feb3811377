"""Validation of a whole knowledge base: shapes, places, views, chains, ledger, claims that lost their ground.

What one file alone decides is kept in the index and judged again when the file changes. What several files decide is
kept with a digest of everything it depends on.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import chain, fallback, git, journal, seals, signing_start, standing, told_results, trials, views
from crypto_team.kb.consistency import contradictions
from crypto_team.kb.documents import plain
from crypto_team.kb.handoffs import verify_chain
from crypto_team.kb.index_walk import current
from crypto_team.kb.strangers import strangers
from crypto_team.kb.yaml import FindingsError
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout

STALE = "the generated list is not what the entries say, as after a merge"
"""A warning here, for nothing reads the lists but people and agents; `views --check`, and so `ci`, insists."""
_READ = ("ml_spec", "features", *standing.READS)
"""Kinds that the rules between documents read, besides registry entries."""
ENTRY_FOLDERS = ("knowledge/registry/", "knowledge/learnings/", "knowledge/data-catalog/")


def validate(layout: Layout) -> list[Finding]:
    """Return everything that is wrong with the knowledge base, by file; an empty list means valid."""
    try:
        layout.inside(layout.knowledge)
    except CryptoTeamError as problem:
        return [plain("outside", problem.what, layout.knowledge)]
    connection = current(layout, exact=True)
    findings = [*_documents(connection, layout), *strangers(layout), *_chains(connection, layout)]
    findings += _twice(connection, layout)
    findings += _remembered(connection, layout, "views", _views_key(connection, layout), lambda: _views(layout))
    findings += _remembered(connection, layout, "ledger", _ledger_key(connection, layout), lambda: _ledger(layout))
    findings += _groundless(connection, layout) + _changed_ground(connection, layout)
    findings += _remembered(
        connection, layout, "consistency", _between_key(connection), lambda: list(contradictions(connection, layout))
    )
    findings += _remembered(
        connection, layout, "seals", _seals_key(connection, layout), lambda: list(seals.lifted(layout))
    )
    findings += _remembered(
        connection, layout, "told", told_results.key(connection), lambda: told_results.standing(connection, layout)
    )
    if journal.pending(layout):
        findings.append(plain("interrupted", "an interrupted operation waits to be finished", layout.crypto))
    return findings


def _seals_key(connection: sqlite3.Connection, layout: Layout) -> str:
    """Return a digest of what the records say of seals, and of the folder as the last commit has it."""
    rows = connection.execute("SELECT dataset_id, holdout_from FROM datasets ORDER BY dataset_id").fetchall()
    return hashlib.sha256(json.dumps([rows, git.tree(layout.root, layout.datasets_dir)]).encode()).hexdigest()


def number_of_files(layout: Layout) -> int:
    """Return how many files of the knowledge base the index has seen: tens of thousands are not walked once more."""
    query = "SELECT count(*) FROM files WHERE path >= 'knowledge/' AND path < 'knowledge0'"
    return int(current(layout).execute(query).fetchone()[0])


def _documents(connection: sqlite3.Connection, layout: Layout) -> list[Finding]:
    """Return what is wrong with single files."""
    rows = connection.execute("SELECT findings FROM files WHERE findings IS NOT NULL ORDER BY path")
    return [item for (text,) in rows for item in _loaded(layout, text)]


def _loaded(layout: Layout, text: str) -> list[Finding]:
    made = []
    for item in json.loads(text):
        place = item["file"] or ""
        made.append(Finding.model_validate({**item, "file": str(layout.root / place)}))
    return made


def _remembered(
    connection: sqlite3.Connection, layout: Layout, name: str, key: str, find: Callable[[], list[Finding]]
) -> list[Finding]:
    """Return findings that were found for exactly this key, or find them now."""
    known = connection.execute("SELECT key, value FROM memo WHERE name = ?", (name,)).fetchone()
    if known and known[0] == key:
        return _loaded(layout, known[1])
    found = find()
    root = f"{layout.root}/"
    kept = [{**item.model_dump(mode="json"), "file": (item.file or "").removeprefix(root)} for item in found]
    connection.execute("INSERT OR REPLACE INTO memo VALUES (?, ?, ?)", (name, key, json.dumps(kept)))
    return found


def _digest(parts: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode(errors="surrogateescape")).hexdigest()


def _joined(connection: sqlite3.Connection, condition: str, values: Sequence[str]) -> str:
    """Return path and content of files as one text: the hash of documents, the times of others.

    SQLite joins them: rows of tens of thousands of files would take longer than all the rest.
    """
    line = "length(path) || ' ' || path || ' ' || coalesce(sha, mtime || ' ' || ctime || ' ' || size)"
    rows = f"SELECT {line} AS line FROM files WHERE {condition} ORDER BY path"  # noqa: S608 - nothing of anybody
    query = f"SELECT group_concat(line, char(10)) FROM ({rows})"  # noqa: S608
    return str(connection.execute(query, values).fetchone()[0])


def _state(connection: sqlite3.Connection, folder: str) -> str:
    """Return path and content of every file below a folder."""
    return _joined(connection, "path >= ? AND path < ?", (folder, folder[:-1] + "0"))


def _views_key(connection: sqlite3.Connection, layout: Layout) -> str:
    places = [layout.registry_view, layout.learnings_view, layout.sources_view]
    names = [path.relative_to(layout.crypto).as_posix() for path in places]
    query = "SELECT path, sha FROM files WHERE path IN (?, ?, ?) ORDER BY path"
    lists = connection.execute(query, names).fetchall()
    entries = [_state(connection, folder) for folder in ENTRY_FOLDERS]
    return _digest([git.branch(layout.root), git.default_branch(layout.root), *lists, *entries])


def _views(layout: Layout) -> list[Finding]:
    return [
        plain("stale-view", STALE, path, "crypto-team views").model_copy(update={"severity": "warning"})
        for path in views.stale(layout)
    ]


def _between_key(connection: sqlite3.Connection) -> str:
    """Name what the rules between documents depend on: registry entries, and what the rules read of each strategy."""
    marks = ", ".join("?" * len(_READ))
    read = _joined(connection, f"kind IN ({marks})", _READ)
    folders = [_state(connection, folder) for folder in ("knowledge/registry/", "knowledge/learnings/")]
    return _digest([*folders, read])


def _ledger_key(connection: sqlite3.Connection, layout: Layout) -> str:
    """Name what the ledger depends on: files, history, anchors. What is only staged counts once committed."""
    beside = [*git.refs(layout.root, trials.ANCHORS), *git.hidden(layout.root, layout.trials_root)]
    return _digest([git.head(layout.root), *beside, _state(connection, "knowledge/trials/")])


def _ledger(layout: Layout) -> list[Finding]:
    return [plain("ledger", text, layout.trials_root) for text in trials.ledger(layout).problems]


def _twice(connection: sqlite3.Connection, layout: Layout) -> list[Finding]:
    """Find a second file with the id of another one; ids of strategies and claims are names of files already."""
    # The id of a dataset is DS- and the digits behind it; that of a trial is the name of its file, in any folder.
    key = (
        "CASE kind WHEN 'dataset' THEN substr(path, instr(path, '/DS-') + 1, 3 + "
        "instr(substr(path, instr(path, '/DS-') + 4), '-') - 1) ELSE substr(path, -31, 26) END"
    )
    rows = connection.execute(
        f"SELECT path, id, first FROM (SELECT path, {key} AS id, "  # noqa: S608 - no value of anybody
        f"min(path) OVER (PARTITION BY kind, {key}) AS first FROM files WHERE kind IN ('dataset', 'trial')) "
        "WHERE path <> first ORDER BY path"
    )
    return [
        plain("twice", f"{first} has the id {name} too", layout.crypto / path, f"git log --oneline -- .crypto/{path}")
        for path, name, first in rows
    ]


def _chains(connection: sqlite3.Connection, layout: Layout) -> list[Finding]:
    """Verify the chain of every strategy that was handed over and changed since it was verified."""
    rows = connection.execute(
        "SELECT DISTINCT substr(path, 22, instr(substr(path, 22), '/') - 1) FROM files WHERE path GLOB ?",
        ("knowledge/strategies/STR-*/handoffs/*",),
    ).fetchall()
    found: list[Finding] = []
    demands = _demands(connection, layout) if rows else []
    for (name,) in sorted(rows):
        state = _state(connection, f"knowledge/strategies/{name}/")
        place = f"knowledge/registry/{name}"
        entry = connection.execute("SELECT sha FROM files WHERE path = ?", (f"{place}.yaml",)).fetchone()
        entry = [entry, _state(connection, f"{place}/"), *demands]
        folder = layout.strategies_root / name
        found += _remembered(connection, layout, f"chain/{name}", _digest([state, *entry]), _verifier(layout, folder))
    return found


def _demands(connection: sqlite3.Connection, layout: Layout) -> list[object]:
    """Name what says which signatures chains need: the team, and since when, which is a matter of history."""
    team = connection.execute("SELECT sha FROM files WHERE path = 'team.yaml'").fetchone()
    return [team, signing_start.began(layout.root) if chain.demanded(layout) else None]


def _verifier(layout: Layout, folder: Path) -> Callable[[], list[Finding]]:
    def verify() -> list[Finding]:
        try:
            late = fallback.overdue(layout, folder.name)
            return [*verify_chain(layout, folder.name), *late, *standing.ignored(layout, folder.name)]
        except FindingsError:
            return []  # the broken record is a finding already
        except CryptoTeamError as problem:
            return [plain("unknown-file", problem.what, folder)]

    return verify


def _changed_ground(connection: sqlite3.Connection, layout: Layout) -> list[Finding]:
    """Note standing claims whose cited documents are not what they were."""
    rows = connection.execute(
        "SELECT f.path, substr(e.value, 1, instr(e.value, '#') - 1) FROM learnings l JOIN files f ON f.id = l.file_id, "
        "json_each(l.evidence) e "
        "LEFT JOIN files g ON g.path = 'knowledge/' || substr(e.value, 1, instr(e.value, '#') - 1) "
        "WHERE l.status IN ('proposed', 'accepted') AND e.value LIKE '%#sha256:%' AND e.value NOT LIKE 'file:%' "
        "AND (g.id IS NULL OR g.sha IS NOT NULL AND g.sha <> substr(e.value, instr(e.value, '#') + 8)) ORDER BY f.path"
    )
    return [
        Finding(
            code="evidence-changed",
            severity="info",
            message=f"{cited} changed since this was learned from it",
            file=str(layout.crypto / path),
            line=1,
            col=1,
            hint="look again, and supersede or retract the claim if it does not hold any more",
        )
        for path, cited in rows
    ]


def _groundless(connection: sqlite3.Connection, layout: Layout) -> list[Finding]:
    """Warn of work that considered or rests on a claim that was taken back."""
    rows = connection.execute(
        "SELECT l.source, l.relation, l.target, f.path, c.status FROM lineage l "
        "JOIN learnings c ON c.learning_id = l.target JOIN files f ON f.id = l.file_id "
        "LEFT JOIN learnings d ON d.learning_id = l.source "
        "WHERE l.relation IN ('considered', 'rests on', 'learned from') AND c.status = 'retracted' "
        "AND coalesce(d.status, '') NOT IN ('retracted', 'superseded') ORDER BY l.source, l.target"
    )
    return [
        Finding(
            code="retracted-ground",
            severity="warning",
            message=f"{source} {relation} {target}, which was {status}",
            file=str(layout.crypto / path),
            line=1,
            col=1,
            hint=f"crypto-team read learnings/{target}.md",
        )
        for source, relation, target, path, status in rows
    ]
