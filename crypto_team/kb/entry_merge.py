"""Entries of version 1 that two branches both changed: both histories in one, and of what they state the careful side.

Entries of the present shape are never changed, so git never has to merge them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb.chain import rank
from crypto_team.kb.registry import CAUTION, agreed

if TYPE_CHECKING:
    from crypto_team.schemas import Registration
    from crypto_team.schemas.registry import EarlierHistory, HistoryEvent


def merged(one: Registration, other: Registration) -> Registration:
    """Return an entry that says what either side says, whichever is named first."""
    if one.before is None or other.before is None:
        return other if one.before is None else one
    return one.model_copy(update={"before": _both(one.before, other.before)})


def _both(one: EarlierHistory, other: EarlierHistory) -> EarlierHistory:
    shared = 0
    while shared < min(len(one.history), len(other.history)) and one.history[shared] == other.history[shared]:
        shared += 1
    mine, theirs = one.history[shared:], other.history[shared:]
    if not mine or not theirs:
        return one if mine else other
    return type(one)(
        stage=min(one.stage, other.stage, key=rank),
        status=min(one.status, other.status, key=CAUTION.index),
        updated=max(one.updated, other.updated),
        metrics=agreed([one.metrics, other.metrics]),
        history=[*one.history[:shared], *_interleaved(mine, theirs)],
    )


def _interleaved(one: list[HistoryEvent], other: list[HistoryEvent]) -> list[HistoryEvent]:
    """Return the events of both, each side in its own order, side by side by time."""
    made: list[HistoryEvent] = []
    one, other = list(one), list(other)
    while one and other:
        if one[0] == other[0]:
            made.append(one.pop(0))
            other.pop(0)
        else:
            made.append((one if _place(one[0]) < _place(other[0]) else other).pop(0))
    return [*made, *one, *other]


def _place(event: HistoryEvent) -> tuple[str, str, str]:
    return event.time, event.role, event.event
