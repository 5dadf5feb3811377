"""Where things lie in the state of the order-book features: one flat int64 array, so that saving it is copying it.

Prices are ticks, sizes lots, times milliseconds. Every sum over a window is the difference of two running int64 totals,
so it is exact however long the stream runs, and a window in which nothing happened is exactly zero.
"""

from __future__ import annotations

from typing import Final

LEVELS: Final = 20
NEAR: Final = 5
"""Levels whose own order flow is followed."""
BUCKET_MS: Final = 100
BUCKETS_PER_BAR: Final = 10
BARS: Final = 60
VOLUME_BUCKETS: Final = 50
WINDOW_BUCKETS: Final = (10, 50, 100, 300, 600)
W1, W5, W10, W30, W60 = range(5)
N_WINDOWS: Final = 5
RING: Final = 640
"""Closed buckets that are kept: a minute, and the bar that is under way."""

# Totals: sums since the start, of which a window is a difference.
(
    N_BOOK,
    E1,
    E2,
    E3,
    E4,
    E5,
    N_TWO_SIDED,
    TOP_SIZE,
    NEAR_SIZE,
    SPREAD,
    SPREAD_SQUARED,
    BID_MOVES,
    ASK_MOVES,
    MID_MOVES,
    MID_CHANGE,
    MID_SQUARED,
    RECOVERIES,
    RECOVERY_MS,
    BID_NEAR,
    ASK_NEAR,
    N_TRADES,
    VOLUME,
    SIGNED,
    PRICE_VOLUME,
    TICK_SIGNS,
    LARGE_1K,
    LARGE_10K,
    LARGE_100K,
    LARGE_SIGNED,
    PAID,
    PAID_VOLUME,
    STEPS,
    STEP,
    STEP_BEFORE,
    STEP_PRODUCT,
    STANDING,
) = range(36)
N_TOTALS: Final = 36

# Scalars at the head of the state.
(
    CAPACITY,
    N_BIDS,
    N_ASKS,
    TIME,
    BUCKET,
    BOOK_START,
    TRADE_START,
    TOUCHED,
    TWO_SIDED,
    COMPARABLE,
    MID2,
    BID,
    ASK,
    BID_SINCE,
    ASK_SINCE,
    WIDE_SINCE,
    NARROW,
    LAST_PRICE,
    LAST_STEP,
    TICK_SIGN,
    RUN,
    BUCKET_LOTS,
    FILLED,
    FILLED_SIGNED,
    FILLED_UNKNOWN,
    CLOSE_BEFORE,
    N_VOLUME,
    UNUSABLE,
    FAR_BIDS,
    FAR_ASKS,
) = range(30)
UNKNOWN: Final = -(1 << 62)
"""No time and no price yet."""

BEFORE: Final = 32
"""Price and size of the first levels before this event: 5 bid keys, 5 bid sizes, 5 ask keys, 5 ask sizes."""
TOTALS: Final = BEFORE + 4 * NEAR
BASES: Final = TOTALS + N_TOTALS
ROWS: Final = BASES + N_WINDOWS * N_TOTALS
VOLUME_SIGNED: Final = ROWS + RING * N_TOTALS
VOLUME_UNKNOWN: Final = VOLUME_SIGNED + VOLUME_BUCKETS
VOLUME_STEP: Final = VOLUME_UNKNOWN + VOLUME_BUCKETS
LADDER: Final = 256
"""Levels next to the best price that are kept sorted; twice that of each side: keys, then sizes. A key is the price in
ticks with the sign of its side, ascending, so that the best level of either side is the last."""
BIDS: Final = VOLUME_STEP + VOLUME_BUCKETS
ASKS: Final = BIDS + 2 * LADDER
FAR: Final = ASKS + 2 * LADDER
"""From here the levels behind the ladders: bid keys, bid sizes, ask keys, ask sizes, as long as the capacity says."""

# Numbers of the market, in a float64 array beside the state.
TICK, LOT, NOTIONAL_1K, NOTIONAL_10K, NOTIONAL_100K = range(5)
N_NUMBERS: Final = 5
