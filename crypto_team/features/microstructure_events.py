"""What comes in from an order book and its trades, and the refusal of what no kernel may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.data.market_events import LEVEL
from crypto_team.errors import InputError
from crypto_team.features.microstructure_stored import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.data.market_events import MarketEvents

DAY_MS: Final = 86_400_000
LONGEST_SILENCE_MS: Final = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class BookMessage:
    """A message of the book: new sizes of levels, or with `snapshot` the whole book."""

    time_ms: int
    sides: Sequence[int]
    prices: Sequence[float]
    sizes: Sequence[float]
    snapshot: bool = False
    after_gap: bool = True


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade: side 1 (the aggressor bought), -1 (sold) or 0 (unknown)."""

    time_ms: int
    side: int
    price: float
    size: float


def timed(time_ms: int) -> int:
    """Return a time, or refuse what is none."""
    if not isinstance(time_ms, int | np.integer) or not -MOST <= time_ms <= MOST:
        raise InputError(f"{time_ms!r} is no time", where="event", hint="whole milliseconds since 1970")
    return int(time_ms)


def expect_near(before: int, time_ms: int) -> None:
    """Refuse a time that is too far from that of the event before it: one of them is wrong.

    Time never runs backwards here, so one event from the far future would let no window expire any more.
    """
    if abs(time_ms - before) > LONGEST_SILENCE_MS:
        raise InputError(
            f"the event at {time_ms} is more than {LONGEST_SILENCE_MS // DAY_MS} days from the one before it, at "
            f"{before}",
            where="event",
            hint="times are milliseconds since 1970; after so long a silence start anew",
        )


def bad_event(price: float, size: float) -> InputError:
    """Return the refusal of a price and a size that are none."""
    return InputError(
        f"price {price!r} and size {size!r} with this side are no event",
        where="event",
        hint="side 1 or -1 (trades: or 0), a positive price, a size from 0 (trades: above it), at most 2^52 of each",
    )


def check_events(events: MarketEvents) -> None:
    """Refuse events that no kernel may see."""
    if not len(events):
        return
    levels = events.kind == LEVEL
    if bool((np.diff(events.time) < 0).any()):
        raise InputError("times of events run backwards", where="events", hint="merge streams with `merge`")
    timed(events.time[0])
    timed(events.time[-1])
    apart = np.diff(events.time)
    if apart.size and apart.max() > LONGEST_SILENCE_MS:
        row = int(np.argmax(apart))
        expect_near(int(events.time[row]), int(events.time[row + 1]))
    if bool((levels & ((np.abs(events.side) != 1) | (events.price < 1))).any() or (events.size < 0).any()):
        raise InputError("a level has no side, no positive price or a negative size", where="events")
    if events.price.max() > MOST or events.size.max() > MOST:
        raise InputError("a price or a size is more than 2^52 ticks or lots", where="events")
