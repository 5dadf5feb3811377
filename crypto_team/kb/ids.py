"""Ids that nobody else has: create-only git refs for strategies, datasets and backtests; ULIDs for trials."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git

if TYPE_CHECKING:
    from datetime import datetime

    from crypto_team.kb.paths import Layout

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PREFIX = "refs/crypto-team/ids/"
_MOST = 999_999


def allot(layout: Layout, kind: Literal["STR", "DS", "BT"]) -> str:
    """Return the next free id of a kind, unique over threads, processes and worktrees of the repository.

    Ids of refs and of files both count, so that a clone that lacks the refs does not allot an id twice.
    """
    number = 1 + max((*_from_refs(layout, kind), *_from_files(layout, kind)), default=0)
    while number <= _MOST:
        name = f"{kind}-{number:03d}"
        if git.create_ref(layout.root, _PREFIX + name, name.encode()):
            return name
        number += 1
    raise CryptoTeamError(f"all {_MOST} ids of {kind} are taken")


def _from_refs(layout: Layout, kind: str) -> list[int]:
    return [int(name.rpartition("-")[2]) for name in git.refs(layout.root, _PREFIX) if f"/{kind}-" in name]


def _from_files(layout: Layout, kind: str) -> list[int]:
    folder, pattern = {
        "STR": (layout.registry_dir, "STR-*.yaml"),
        "DS": (layout.datasets_dir, "DS-*.yaml"),
        "BT": (layout.strategies_root, "*/backtests/BT-*.yaml"),
    }[kind]
    return [int(path.stem.split("-")[1]) for path in folder.glob(pattern)]


def new_trial_id(now: datetime) -> str:
    """Return a ULID: 48 bits of milliseconds and 80 random bits, in Crockford's base 32."""
    value = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in range(25, -1, -1))
