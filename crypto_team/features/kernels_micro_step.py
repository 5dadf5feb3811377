"""The one step that batch replay and live updates share, so that they agree bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.data.market_events import LEVEL, RESET, TRADE
from crypto_team.features import microstructure_columns as col
from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel
from crypto_team.features.kernels_micro_bars import bars_closed, toxicity
from crypto_team.features.kernels_micro_book import empty, full, set_level
from crypto_team.features.kernels_micro_flow import advance, book_changed
from crypto_team.features.kernels_micro_shape import book_shape
from crypto_team.features.kernels_micro_trades import traded
from crypto_team.features.kernels_micro_windows import ages, book_windows, trade_windows

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.int8]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@kernel
def on_trade(s: Ints, f: Floats, out: Floats, time: int, side: int, price: int, lots: int) -> None:
    """Take one trade and write the features."""
    moved = advance(s, time)
    if traded(s, f, side, price, lots):
        toxicity(s, out)
    if moved > 0:
        book_windows(s, out)
    if moved > 1:
        bars_closed(s, f, out)
    trade_windows(s, f, out)
    out[col.TICK_RULE] = float(s[at.TICK_SIGN])
    out[col.TRADE_RUN] = float(s[at.RUN])
    ages(s, out)


@kernel
def on_book(s: Ints, f: Floats, out: Floats, time: int) -> None:
    """Write the features after the last level of a message: only what the message or the clock has changed."""
    moved = advance(s, time)
    touched = s[at.TOUCHED] == 1
    if touched:
        book_changed(s)
        book_shape(s, f, out)
        s[at.TOUCHED] = 0
    if touched or moved > 0:
        book_windows(s, out)
        trade_windows(s, f, out)
    if moved > 1 or s[at.BOOK_START] == at.UNKNOWN:
        bars_closed(s, f, out)
    ages(s, out)


@kernel
def on_level(s: Ints, f: Floats, out: Floats, time: int, side: int, price: int, size: int) -> None:
    """Take a message of one level."""
    set_level(s, side, price, size)
    on_book(s, f, out, time)


@kernel
def on_levels(s: Ints, sides: Bytes, prices: Ints, sizes: Ints, first: int) -> int:
    """Set levels from one on; returns how many are done, fewer than all where the book has to grow first."""
    for i in range(first, prices.size):
        if full(s):
            return i
        set_level(s, sides[i], prices[i], sizes[i])
    return prices.size


@kernel
def replay(
    s: Ints, f: Floats, events: tuple[Ints, Bytes, Bytes, Ints, Ints, Bytes], now: Floats, out: Floats, first: int
) -> tuple[int, int]:
    """Take events from one on and write a row of features after each last one of a message.

    Returns how many events are done, fewer than all where the book has to grow, and how many rows are written.
    """
    times, kinds, sides, prices, sizes, last = events
    row = 0
    for i in range(first, times.size):
        if full(s):
            return i, row
        kind = kinds[i]
        if kind == TRADE:
            on_trade(s, f, now, times[i], sides[i], prices[i], sizes[i])
        elif kind == LEVEL:
            set_level(s, sides[i], prices[i], sizes[i])
        else:
            empty(s, kind == RESET)
        if kind != TRADE and last[i]:
            on_book(s, f, now, times[i])
        if last[i]:
            out[row] = now
            row += 1
    return times.size, row
