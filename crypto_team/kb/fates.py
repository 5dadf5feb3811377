"""What became of a claim: accepted, superseded, retracted, without its ground; each a file of its own beside the claim.

The claim itself stays as it was proposed. Claims of workspaces from before that say in their own file what had become
of them by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.kb.events import known_before, ordered
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import LearningEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.schemas import Learning

FINALITY: Final = ("proposed", "accepted", "superseded", "retracted")
"""Of what was said side by side on branches, the last of these counts: nothing brings a claim back."""


def state(claim: Learning, events: Sequence[LearningEvent]) -> Learning:
    """Return a claim as it stands after what became of it.

    A foundation that was taken back makes it stale until somebody who knew of that accepts it anew.
    """
    line = ordered(events)
    agreed = [item for item in line if item.fate == "accepted"]
    lost = [item.reason for item in line if item.fate == "retracted"]
    better = [item.other for item in line if item.fate == "superseded"]
    fates = [claim.status, *(item.fate for item in line if item.fate != "stale")]
    return claim.model_copy(
        update={
            "status": max(fates, key=FINALITY.index),
            "accepted_by": agreed[-1].role if agreed else claim.accepted_by,
            "recheck": next((item.reason for item in reversed(agreed) if item.reason), claim.recheck),
            "superseded_by": claim.superseded_by or next(iter(better), None),
            "stale_since": _stale(claim, line),
            "text": "\n\n".join([claim.text, *(f"Retracted: {reason}" for reason in lost)]),
        }
    )


def _stale(claim: Learning, line: Sequence[LearningEvent]) -> list[str]:
    """Return the foundations that were taken back and that nobody accepted the claim without, knowing of it."""
    known = known_before(line)
    seen = 0
    for item in line:
        seen |= known[item.event_id] if item.fate == "accepted" else 0
    kept = [] if any(item.fate == "accepted" for item in line) else list(claim.stale_since)
    for number, item in enumerate(line):
        if item.fate == "stale" and item.other and not seen >> number & 1 and item.other not in kept:
            kept.append(item.other)
    return kept


def read(folder: Path) -> list[LearningEvent]:
    """Return what became of the claim that a folder belongs to, in the order of their names."""
    return [load_record(path, LearningEvent) for path in sorted(folder.glob("*.yaml"))]
