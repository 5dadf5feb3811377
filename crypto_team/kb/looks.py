"""The record of looks at sealed bars: who looked, at what, and how many exact answers the registry has left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.kb import git
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import HoldoutLook

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

ANCHORS = "refs/crypto-team/holdout/"
_ANCHOR = re.compile(r"(STR-[0-9]{3,6})/([0-9A-HJKMNP-TV-Z]{26})")


@dataclass(frozen=True, slots=True)
class Looks:
    """All looks of the registry; `begun` counts those too that left an anchor but no record."""

    recorded: tuple[HoldoutLook, ...]
    begun: dict[str, int]

    @property
    def total(self) -> int:
        """Return how many looks were begun over the whole registry."""
        return sum(self.begun.values())

    def answer_for(self, evidence_hash: str) -> HoldoutLook | None:
        """Return the recorded answer about one candidate, or None."""
        return next((item for item in self.recorded if item.evidence_hash == evidence_hash), None)

    def best_released(self, strategy_id: str) -> float | None:
        """Return the best value that was told about a strategy, 0 where one was begun and never told, else None."""
        told = [item.rank_ic or 0.0 for item in self.recorded if item.strategy_id == strategy_id]
        if told:
            return max(told)
        return 0.0 if self.begun.get(strategy_id) else None


def looks(layout: Layout) -> Looks:
    """Read all looks; those taken out of the history, and those of other branches, count by their anchors."""
    recorded = sorted(
        (load_record(path, HoldoutLook) for path in layout.holdout_root.rglob("*.yaml")), key=lambda item: item.look_id
    )
    seen = {(item.strategy_id, item.look_id) for item in recorded}
    for name in git.refs(layout.root, ANCHORS):
        found = _ANCHOR.fullmatch(name.removeprefix(ANCHORS))
        if found:
            seen.add((found[1], found[2]))
    begun: dict[str, int] = {}
    for strategy_id, _ in seen:
        begun[strategy_id] = begun.get(strategy_id, 0) + 1
    return Looks(tuple(recorded), begun)


def anchor(layout: Layout, strategy_id: str, look_id: str, evidence_hash: str) -> None:
    """Keep a ref that says that a look was begun, before anything is read: a killed look was a look."""
    git.create_ref(layout.root, f"{ANCHORS}{strategy_id}/{look_id}", evidence_hash.encode())
