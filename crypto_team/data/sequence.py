"""Which messages of an order book may be applied, in which order, and where some are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.data.market_events import CLEAR, LEVEL, RESET
from crypto_team.errors import InputError
from crypto_team.schemas.data import Quality

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

BROKEN: Final = -1
"""Instead of a message: some are missing before it."""
_MOST_GAPS: Final = 20
_POOR: Final = 0.1


@dataclass(frozen=True, slots=True)
class SequenceReport:
    """What was found: numbers of messages, and for the first gaps the last id before and the id that came instead."""

    messages: int
    snapshots: int
    applied: int
    contained: int
    repeated: int
    skipped: int
    gaps: int
    first_gaps: tuple[tuple[int, int], ...]

    @property
    def notes(self) -> list[str]:
        """Return what a reader has to know, one sentence each; empty for a clean sequence."""
        made = []
        if self.gaps:
            before, after = self.first_gaps[0]
            made.append(
                f"{self.gaps} gap(s): messages are missing, first between ids {before} and {after}; {self.skipped} "
                "message(s) until the next snapshot are left out"
            )
        elif self.skipped:
            made.append(f"{self.skipped} message(s) before the first snapshot are left out")
        if self.repeated:
            made.append(f"{self.repeated} repeated or stale message(s) are left out")
        return made

    @property
    def quality(self) -> Quality:
        """Return the judgement for the catalog: rows are messages; poor where more than a tenth of them is unusable."""
        unusable = self.skipped / self.messages
        return Quality(
            verdict="good" if not self.gaps else "poor" if unusable > _POOR else "acceptable",
            expected_rows=self.messages,
            missing_rows=self.skipped,
            missing_share=unusable,
            longest_gap_bars=0,
            zero_volume_rows=0,
            longest_stale_run_bars=0,
            ohlc_violations=0,
            outlier_rows=0,
            notes=self.notes,
        )


class _Walk:
    """The state of a walk over messages: what is applied so far and what was found."""

    def __init__(self, ids: tuple[Ints, ...]) -> None:
        first, last, prev = (item.tolist() for item in ids)
        self.first: list[int] = first
        self.last: list[int] = last
        self.prev: list[int] = prev
        self.order: list[tuple[int, int]] = []
        self.waiting: list[int] = []
        self.known = BROKEN
        self.joining = False
        self.started = False
        self.counts = dict.fromkeys(("applied", "contained", "repeated", "skipped"), 0)
        self.gaps: list[tuple[int, int]] = []

    def snapshot(self, message: int) -> None:
        """Take a snapshot: it continues the book, or starts it anew; then what had waited for it."""
        if self.known >= self.last[message]:
            self.counts["repeated"] += 1
            return
        self.order.append((message, CLEAR if self.known >= 0 else RESET))
        self.known, self.joining, self.started = self.last[message], True, True
        self.counts["applied"] += 1
        waiting, self.waiting = self.waiting, []
        for earlier in waiting:
            self.difference(earlier)

    def difference(self, message: int) -> None:
        """Take a difference: apply it, leave it out, or note that messages before it are missing."""
        if self.known < 0:
            self.waiting.append(message)
        elif self.last[message] <= self.known:
            self.counts["contained" if self.joining else "repeated"] += 1
        elif self._follows(message):
            self.order.append((message, LEVEL))
            self.known, self.joining = self.last[message], False
            self.counts["applied"] += 1
        else:
            self.gaps.append((self.known, self.last[message]))
            self.order.append((message, BROKEN))
            self.known = BROKEN
            self.waiting.append(message)

    def _follows(self, message: int) -> bool:
        """Say whether nothing is missing between what is applied and a message that reaches further."""
        if self.joining:
            before = self.prev[message] if self.prev[message] >= 0 else self.first[message] - 1
            return before <= self.known if before >= 0 else True
        if self.prev[message] >= 0:
            return self.prev[message] <= self.known
        if self.first[message] >= 0:
            return self.first[message] <= self.known + 1
        return self.last[message] == self.known + 1


def check_sequence(
    ids: tuple[Ints, ...], snapshot: npt.NDArray[np.bool_], *, where: str
) -> tuple[Sequence[tuple[int, int]], SequenceReport]:
    """Decide for each message whether and when it is applied.

    Parameters
    ----------
    ids
        First, last and previous id of each message, -1 where there is none.
    snapshot
        Which messages are snapshots.
    where
        Name of the source, for messages.

    Returns
    -------
    order, report
        Pairs of message and LEVEL (a difference), CLEAR (a snapshot that continues), RESET (one that starts anew) or
        BROKEN (messages are missing here).

    Raises
    ------
    InputError
        There is no snapshot, so that no book can be known.
    """
    if not snapshot.any():
        raise InputError(
            "there is no snapshot, so the book is never known", where=where, hint="record one after connecting"
        )
    walk = _Walk(ids)
    for message in range(snapshot.size):
        (walk.snapshot if snapshot[message] else walk.difference)(message)
    if not walk.started:
        raise InputError("no snapshot can be applied", where=where)
    walk.counts["skipped"] += len(walk.waiting)
    return walk.order, SequenceReport(
        messages=int(snapshot.size),
        snapshots=int(snapshot.sum()),
        gaps=len(walk.gaps),
        first_gaps=tuple(walk.gaps[:_MOST_GAPS]),
        **walk.counts,
    )
