"""Events of a market in time order: new sizes of levels, emptied books, trades; prices in ticks, sizes in lots."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError

Bytes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVEL: Final = 0
"""A level has a new size; 0 removes it."""
CLEAR: Final = 1
"""The book is empty; a snapshot that continues it follows."""
RESET: Final = 2
"""The book is empty and what was before is not comparable: messages are missing."""
TRADE: Final = 3
OFF_GRID: Final = 1e-4
"""Share of a tick or lot by which a number may miss the grid before it is refused."""
MOST_UNITS: Final = 2.0**52


@dataclass(frozen=True, slots=True)
class MarketEvents:
    """Events in time order, one element each.

    Attributes
    ----------
    time
        Milliseconds since 1970, UTC, never decreasing.
    kind
        LEVEL, CLEAR, RESET or TRADE.
    side
        1 bid or bought, -1 ask or sold, 0 unknown (trades) or none (CLEAR, RESET).
    price, size
        Ticks and lots.
    last
        1 where the event ends its message: only then is the book consistent.
    """

    time: Ints
    kind: Bytes
    side: Bytes
    price: Ints
    size: Ints
    last: Bytes

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.time.size)

    def part(self, start: int, stop: int) -> MarketEvents:
        """Return the events from one on and before another."""
        return self.taken(np.arange(start, min(stop, len(self))))

    def taken(self, index: Ints) -> MarketEvents:
        """Return the events at places, in the order of the places."""
        return MarketEvents(*(np.ascontiguousarray(getattr(self, item.name)[index]) for item in fields(self)))


def units(values: Floats, unit: float, name: str, where: str) -> Ints:
    """Return numbers as whole multiples of a unit or say which one is off the grid.

    Raises
    ------
    InputError
        A value that is not finite, not a multiple of the unit, or too large to be counted exactly.
    """
    if not unit > 0.0:
        raise InputError(f"the unit of {name} is {unit:g}", where=where, hint="a tick and a lot are positive")
    counted = np.asarray(values, dtype=np.float64) / unit
    whole = np.rint(counted)
    bad = np.flatnonzero(~(np.abs(counted - whole) <= OFF_GRID) | (np.abs(whole) > MOST_UNITS))
    if bad.size:
        raise InputError(
            f"{bad.size} value(s) of {name} are no multiples of {unit:g}, the first is {values[bad[0]]:g}"
            f" (row {bad[0] + 1})",
            where=where,
            hint="give the tick and lot size of the market",
        )
    return whole.astype(np.int64)


def decimals_unit(values: Floats, *, most: int = 9) -> float:
    """Return the largest power of ten, at most 1, of which every value is a multiple."""
    distinct = np.unique(np.abs(values))
    for decimals in range(most + 1):
        scaled = distinct * 10.0**decimals
        if bool((np.abs(np.rint(scaled) - scaled) <= OFF_GRID).all()):
            return float(f"1e-{decimals}")
    return float(f"1e-{most}")


def merge(*streams: MarketEvents) -> MarketEvents:
    """Put streams together in time order; at the same millisecond an earlier argument comes first.

    Trades go first by convention: a book update that carries the time of a trade was caused by it. Messages stay whole,
    because all of their events have one time.
    """
    joined = [np.concatenate([getattr(one, item.name) for one in streams]) for item in fields(MarketEvents)]
    together = MarketEvents(*joined)
    return together.taken(np.argsort(together.time, kind="stable"))
