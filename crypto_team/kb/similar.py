"""Was this tried before? Designs are compared part by part, texts by their telling words.

A design is a set of parts: market, target, model with its settings, signal, and each feature or rule as a formula. The
similarity of two designs is the mean of the Jaccard indices of these groups, weighted by `WEIGHTS`; groups that
neither has do not count. 1 means equal in every part, whatever the strategies are called.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import UsageError
from crypto_team.kb.index_walk import current
from crypto_team.kb.queries import Answer, known_strategy

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping

    from crypto_team.kb.paths import Layout

WEIGHTS: Final = {
    "feature": 4.0, "entry": 3.0, "exit": 1.0, "target": 2.0, "horizon": 0.5, "model": 1.0, "setting": 0.5,
    "pair": 1.0, "timeframe": 1.0, "mode": 0.25, "signal": 0.5, "word": 1.5,
}  # fmt: skip
"""How much each group of parts counts."""
MOST_CANDIDATES: Final = 500
_RARE: Final = 2_000
Groups = dict[str, set[str]]


def similar(layout: Layout, strategy_id: str | None, *, text: str = "", limit: int = 10) -> Answer:
    """Return the strategies that are most like one, or like a description, and what became of them.

    Raises
    ------
    NotFoundError
        Nobody allotted this id.
    UsageError
        Neither an id nor a text.
    """
    connection = current(layout)
    wanted: set[str] = set()
    if strategy_id is not None:
        known_strategy(connection, strategy_id)
        wanted = _tokens(connection, strategy_id)
    if text:
        wanted |= {f"word:{word}" for word in _words(text)}
    if not wanted:
        raise UsageError("there is nothing to compare yet", hint="crypto-team registry similar --text 'what it does'")
    candidates = _candidates(connection, wanted, strategy_id)
    own = _grouped(wanted)
    narrow = strategy_id is None
    scored = [(similarity(own, _grouped(_tokens(connection, other)), only=own if narrow else None), other)
              for other in candidates]  # fmt: skip
    twins = _same_predictions(connection, strategy_id)
    scored = [(1.0 if other in twins else score, other) for score, other in scored]
    scored += [(1.0, other) for other in sorted(twins - set(candidates))]
    scored.sort(key=lambda item: (-item[0], item[1]))
    rows = [_row(connection, score, other, wanted, twins) for score, other in scored[:limit] if score > 0]
    equal = [row["strategy_id"] for row in rows if row["equal"] != "no"]
    answer = f"tried before as {', '.join(equal)}" if equal else "not tried before in the same form"
    return Answer(
        rows, f"{answer}; {len(rows)} similar", tuple(f"crypto-team registry show {id_}" for id_ in equal[:3])
    )


def similarity(one: Groups, other: Groups, *, only: Collection[str] | None = None) -> float:
    """Return the weighted mean of the Jaccard indices of the groups; `only` leaves other groups out."""
    names = [name for name in WEIGHTS if (one.get(name) or other.get(name)) and (only is None or name in only)]
    weight = sum(WEIGHTS[name] for name in names)
    if not weight:
        return 0.0
    return sum(WEIGHTS[name] * _jaccard(one.get(name, set()), other.get(name, set())) for name in names) / weight


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def fingerprint(parts: Iterable[str]) -> str:
    """Return the hash of a design: of everything but its words, which change nothing that is computed."""
    kept = sorted(part for part in parts if not part.startswith("word:"))
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16] if kept else ""


def _words(text: str) -> set[str]:
    from crypto_team.kb.index_designs import words_of

    return words_of(text)


def _tokens(connection: sqlite3.Connection, strategy_id: str) -> set[str]:
    found = connection.execute("SELECT token FROM tokens WHERE strategy_id = ?", (strategy_id,))
    return {token for (token,) in found}


def _grouped(tokens: Iterable[str]) -> Groups:
    made: Groups = defaultdict(set)
    for token in tokens:
        group, _, rest = token.partition(":")
        made[group].add(rest)
    return made


def _candidates(connection: sqlite3.Connection, wanted: Collection[str], but: str | None) -> list[str]:
    """Return the strategies that share most parts, weighted by group; what nearly all share finds nobody."""
    score: Mapping[str, float] = defaultdict(float)
    counted = [
        (connection.execute("SELECT count(*) FROM (SELECT 1 FROM tokens WHERE token = ? LIMIT ?)", (token, _RARE + 1))
         .fetchone()[0], token)
        for token in sorted(wanted)
    ]  # fmt: skip
    rare = [token for count, token in counted if count <= _RARE] or [token for _, token in sorted(counted)[:3]]
    made: dict[str, float] = dict(score)
    for token in rare:
        weight = WEIGHTS.get(token.partition(":")[0], 0.0)
        query = "SELECT DISTINCT strategy_id FROM tokens WHERE token = ? LIMIT 20000"
        for (other,) in connection.execute(query, (token,)):
            made[other] = made.get(other, 0.0) + weight
    made.pop(but or "", None)
    return sorted(made, key=lambda name: (-made[name], name))[:MOST_CANDIDATES]


def _same_predictions(connection: sqlite3.Connection, strategy_id: str | None) -> set[str]:
    """Return other strategies that a training run gave exactly the same predictions."""
    found = connection.execute(
        "SELECT DISTINCT b.strategy_id FROM trials a JOIN trials b ON b.predictions_hash = a.predictions_hash "
        "WHERE a.strategy_id = ? AND b.strategy_id <> a.strategy_id",
        (strategy_id,),
    )
    return {name for (name,) in found}


def _row(
    connection: sqlite3.Connection, score: float, other: str, wanted: Collection[str], twins: Collection[str]
) -> dict[str, Any]:
    """Say how alike a strategy is and what became of it."""
    parts = _tokens(connection, other)
    same = fingerprint(wanted) and fingerprint(wanted) == fingerprint(parts)
    entry = connection.execute(
        "SELECT name, stage, status, last_event FROM entries WHERE strategy_id = ?", (other,)
    ).fetchone() or ("", "", "", "")
    shared = sorted({token.partition(":")[0] for token in set(wanted) & parts})
    return {
        "strategy_id": other,
        "similarity": round(score, 3),
        "equal": "predictions" if other in twins else "design" if same else "no",
        "name": entry[0],
        "stage": entry[1],
        "status": entry[2],
        "last": entry[3],
        "shares": shared,
    }
