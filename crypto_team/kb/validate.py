"""Validation of a whole knowledge base: shapes, places, views, chains, ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team import schemas
from crypto_team.errors import CryptoTeamError
from crypto_team.kb import journal, learnings, trials, views
from crypto_team.kb.consistency import contradictions
from crypto_team.kb.handoffs import verify_chain
from crypto_team.kb.kinds import SETTINGS, kind_of, misplaced
from crypto_team.kb.yaml import FindingsError, load_record
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout


def validate(layout: Layout) -> list[Finding]:
    """Return everything that is wrong with the knowledge base, by file; an empty list means valid."""
    findings: list[Finding] = []
    for path in sorted(layout.crypto.glob("*.yaml")):
        findings += _document(layout, path)
    for path in sorted(layout.knowledge.rglob("*")):
        if path.is_file() or path.is_symlink():
            findings += _placed(layout, path)
    for folder in sorted(layout.strategies_root.glob("STR-*/handoffs")):
        findings += _chain(layout, folder.parent)
    findings += contradictions(layout)
    findings += _views(layout)
    findings += [_plain("ledger", text, layout.trials_root) for text in trials.ledger(layout).problems]
    if journal.pending(layout):
        findings.append(_plain("interrupted", "an interrupted operation waits to be finished", layout.crypto))
    return findings


def _placed(layout: Layout, path: Path) -> list[Finding]:
    """Check that a file may lie where it lies, and its shape."""
    try:
        layout.inside(path)
    except CryptoTeamError as problem:
        return [_plain("outside", problem.what, path)]
    kind = kind_of(layout, path)
    if kind is None:
        return [_plain("unknown-file", "no kind of record lies here", path)]
    return _document(layout, path)


def _document(layout: Layout, path: Path) -> list[Finding]:
    schema = _schema(layout, path)
    if schema is None:
        return []
    try:
        record = learnings.load(path) if schema == "learning" else load_record(path, schemas.RECORDS[schema])
    except FindingsError as problem:
        return problem.findings
    except CryptoTeamError as problem:
        return [_plain("unreadable", problem.what, path)]
    wrong = misplaced(layout, path, record)
    return [_plain("misplaced", wrong, path)] if wrong else []


def _schema(layout: Layout, path: Path) -> str | None:
    if path.parent == layout.crypto:
        return SETTINGS.get(path.name)
    kind = kind_of(layout, path)
    return kind.schema if kind else None


def _chain(layout: Layout, folder: Path) -> list[Finding]:
    try:
        return verify_chain(layout, folder.name)
    except FindingsError:
        return []  # the broken record is a finding already
    except CryptoTeamError as problem:
        return [_plain("unknown-file", problem.what, folder)]


def _views(layout: Layout) -> list[Finding]:
    return [
        _plain("stale-view", "the generated list is not what the entries say", path, "crypto-team doctor --repair")
        for path in views.stale(layout)
    ]


def _plain(code: str, message: str, path: Path, hint: str | None = None) -> Finding:
    return Finding(code=code, severity="error", message=message, file=str(path), line=1, col=1, hint=hint)
