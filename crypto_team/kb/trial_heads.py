"""Where the chain of a strategy's trials ends, in a time that does not grow with the chain.

The ends are kept beside the index under the hash of the folder as the last commit has it. Git names a folder by
everything in it, so what is kept is right or is not found; after a commit only the trials that it added are read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git
from crypto_team.kb.index_store import open_index
from crypto_team.kb.index_walk import current
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Trial

if TYPE_CHECKING:
    import sqlite3

    from crypto_team.kb.paths import Layout

Ends = dict[str, str]
"""The trials that nothing follows: id -> digest of the booking."""


def heads(layout: Layout, strategy_id: str) -> list[str]:
    """Return the digests of the bookings of a strategy that nothing follows; several after a merge, none at first.

    Trials count once they are committed.
    """
    folder = layout.trials_dir(strategy_id)
    committed = git.tree(layout.root, folder)
    tree = committed or git.empty_tree(layout.root)
    connection, name = open_index(layout), f"heads/{strategy_id}"
    kept = connection.execute("SELECT key, value FROM memo WHERE name = ?", (name,)).fetchone()
    known: Ends = json.loads(kept[1]) if kept else {}
    if kept and kept[0] == tree:
        return list(known.values())
    ends = {} if committed is None else _followed(layout, strategy_id, kept[0], tree, known) if kept else None
    sure = ends is not None
    if ends is None:
        ends = _searched(current(layout), strategy_id)
        sure = not git.changed_since_commit(layout.root, [folder])
    ends = dict(sorted(ends.items()))
    if sure:
        connection.execute("INSERT OR REPLACE INTO memo VALUES (?, ?, ?)", (name, tree, json.dumps(ends)))
    return list(ends.values())


def _followed(layout: Layout, strategy_id: str, old: str, new: str, ends: Ends) -> Ends | None:
    """Return the ends after the trials between two states of the folder; None where more than additions lie between.

    A trial that ends is written a second time, which leaves its booking as it is.
    """
    listed = git.attempt(layout.root, "diff-tree", "-r", "-z", "--no-renames", "--name-status", old, new)
    parts = listed.stdout.decode(errors="replace").split("\0")[:-1]
    if listed.returncode or any(status not in {"A", "M"} for status in parts[::2]):
        return None
    added = []
    for status, name in zip(parts[::2], parts[1::2], strict=True):
        if status == "A":
            try:
                added.append(load_record(layout.trials_dir(strategy_id) / name, Trial))
            except (CryptoTeamError, OSError):
                return None
    if any(item.trial_id <= known for item in added for known in ends):
        return None  # a merge, or one that was gone: something else may follow it
    ends = ends | {item.trial_id: item.booking for item in added}
    before = {digest for item in added for digest in item.previous}
    return {trial_id: digest for trial_id, digest in ends.items() if digest not in before}


def _searched(connection: sqlite3.Connection, strategy_id: str) -> Ends:
    """Return the ends by looking at every trial of the strategy."""
    rows = connection.execute(
        "SELECT trial_id, booking FROM trials WHERE strategy_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM lineage WHERE relation = 'booked after' AND target = booking)",
        (strategy_id,),
    )
    return dict(rows.fetchall())
