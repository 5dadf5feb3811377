"""What learnings say about the results of a strategy, against those that its specification states."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import learnings
from crypto_team.kb.yaml import load_record, read_text
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.outcome import Finding
from crypto_team.schemas.spoken import contradictions

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import Learning

_STRATEGY = re.compile(r"\bSTR-\d{3,}\b")
_NAMING = (
    "FROM learnings l JOIN files f ON f.id = l.file_id WHERE l.status IN ('proposed', 'accepted') "
    "AND l.scope || ' ' || l.title || ' ' || l.text LIKE '%STR-%'"
)
_HINT = "say which earlier run is meant if it is not the newest one; else crypto-team learnings retract {}"


def standing(connection: sqlite3.Connection, layout: Layout) -> list[Finding]:
    """Return the doubts about all learnings that stand and name a strategy."""
    rows = connection.execute(f"SELECT f.path {_NAMING} ORDER BY f.path").fetchall()
    files = [layout.crypto / path for (path,) in rows]
    return [each for path in files for each in doubts(layout, learnings.at(path), read_text(path))]


def key(connection: sqlite3.Connection) -> str:
    """Return a digest of what :func:`standing` reads: learnings that name strategies, and specifications."""
    rows = connection.execute(f"SELECT f.path, f.sha, l.status {_NAMING} ORDER BY f.path").fetchall()
    rows += connection.execute("SELECT path, sha FROM files WHERE path LIKE '%/ml-spec.yaml' ORDER BY path").fetchall()
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def doubts(layout: Layout, claim: Learning, text: str) -> Iterator[Finding]:
    """Yield a warning with line and column for each number in a learning's file that is not its strategy's result.

    Parameters
    ----------
    layout
        Where the specification of the strategy lies.
    claim
        The learning; one that names several strategies, or none, is not compared, nor is one without results.
    text
        Its file, as it stands or will stand.
    """
    named = set(_STRATEGY.findall(f"{claim.scope} {claim.title} {claim.text}"))
    path = layout.ml_spec(min(named)) if len(named) == 1 else None
    if path is None or not path.exists():
        return
    try:
        results = load_record(path, MlSpec).out_of_sample
    except CryptoTeamError:
        return
    computed = {} if results is None else results.model_dump()
    for saying in contradictions(text, computed) if computed else ():
        line = text.count("\n", 0, saying.start) + 1
        yield Finding(
            code="told-result",
            severity="warning",
            message=f"{saying.words()} by the newest evidence of {min(named)}",
            file=str(layout.learning(claim.learning_id)),
            line=line,
            col=saying.start - text.rfind("\n", 0, saying.start),
            hint=_HINT.format(claim.learning_id),
        )
