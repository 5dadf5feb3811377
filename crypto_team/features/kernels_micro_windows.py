"""Kernels of what the book and the trades did over the last seconds: differences of running totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_columns as col
from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

N_TOTALS, NEAR = at.N_TOTALS, at.NEAR
W1, W5, W10, W30, W60 = at.W1, at.W5, at.W10, at.W30, at.W60
WINDOW_BUCKETS = at.WINDOW_BUCKETS


@kernel
def within(s: Ints, window: int, total: int) -> float:
    """Return what was added to a total within a window."""
    return float(s[at.TOTALS + total] - s[at.BASES + window * N_TOTALS + total])


@kernel
def over(above: float, below: float, otherwise: float) -> float:
    """Divide, or return what stands for a division by zero."""
    return above / below if below != 0.0 else otherwise


@kernel
def warm(s: Ints, start: int, window: int) -> bool:
    """Say whether a window lies wholly after its start: the bucket of the start itself is never in a known value."""
    return bool(start != at.UNKNOWN and s[at.BUCKET] >= start + WINDOW_BUCKETS[window])


@kernel
def seen(s: Ints, start: int, window: int) -> bool:
    """Say whether a window is warm and there was a usable book in it: one that stands, stood or came."""
    there = s[at.TWO_SIDED] == 1 or within(s, window, at.STANDING) > 0.0 or within(s, window, at.N_TWO_SIDED) > 0.0
    return bool(there and warm(s, start, window))


@kernel
def book_windows(s: Ints, out: Floats) -> None:
    """Write the features of the book over windows; unknown until their window has passed since its (re)start.

    They are unknown too where no usable book was in the window: a book that stays crossed must not look calm.
    """
    out[col.BOOK_END : col.FLOW_END] = np.nan
    start = s[at.BOOK_START]
    if seen(s, start, W1):
        out[col.MID_RETURN_1] = _mid_return(s, W1)
        out[col.OFI_1] = _ofi(s, W1)
        out[col.MLOFI_1] = _mlofi(s, W1)
    if seen(s, start, W5):
        out[col.OFI_5] = _ofi(s, W5)
    if seen(s, start, W10):
        _ten_seconds(s, out)
    if seen(s, start, W30):
        out[col.OFI_30] = _ofi(s, W30)
    if seen(s, start, W60):
        _minute(s, out)


@kernel
def _ten_seconds(s: Ints, out: Floats) -> None:
    out[col.MID_RETURN_10] = _mid_return(s, W10)
    out[col.OFI_10] = _ofi(s, W10)
    per_level = over(2.0 * NEAR * within(s, W10, at.N_TWO_SIDED), within(s, W10, at.NEAR_SIZE), 0.0)
    for k in range(1, NEAR):
        out[col.OFI_L2 + k - 1] = within(s, W10, at.E1 + k) * per_level
    out[col.MLOFI_10] = _mlofi(s, W10)
    out[col.SPREAD_VOL_10] = _spread_vol(s, W10)
    out[col.MID_VOL_10] = 1.0e4 * np.sqrt(within(s, W10, at.MID_SQUARED)) / float(s[at.MID2])
    out[col.UPDATE_RATE] = 0.1 * within(s, W10, at.N_BOOK)
    out[col.MID_MOVES] = within(s, W10, at.MID_MOVES)


@kernel
def _minute(s: Ints, out: Floats) -> None:
    out[col.MID_RETURN_60] = _mid_return(s, W60)
    out[col.OFI_60] = _ofi(s, W60)
    out[col.MLOFI_60] = _mlofi(s, W60)
    out[col.SPREAD_VOL_60] = _spread_vol(s, W60)
    out[col.QUOTE_LIFE_BID] = 6.0e4 / (1.0 + within(s, W60, at.BID_MOVES))
    out[col.QUOTE_LIFE_ASK] = 6.0e4 / (1.0 + within(s, W60, at.ASK_MOVES))
    out[col.RESILIENCE] = over(within(s, W60, at.RECOVERY_MS), within(s, W60, at.RECOVERIES), np.nan)
    out[col.MID_VOL_60] = 1.0e4 * np.sqrt(within(s, W60, at.MID_SQUARED)) / float(s[at.MID2])


@kernel
def _mid_return(s: Ints, window: int) -> float:
    change = within(s, window, at.MID_CHANGE)
    return 1.0e4 * change / (float(s[at.MID2]) - change)


@kernel
def _ofi(s: Ints, window: int) -> float:
    """Order flow of the best levels over their mean size; 0 where nothing happened."""
    scale = over(2.0 * within(s, window, at.N_TWO_SIDED), within(s, window, at.TOP_SIZE), 0.0)
    return within(s, window, at.E1) * scale


@kernel
def _mlofi(s: Ints, window: int) -> float:
    """Mean order flow of the near levels over their mean size; 0 where nothing happened."""
    flow = 0.0
    for k in range(NEAR):
        flow += within(s, window, at.E1 + k)
    return flow * over(2.0 * within(s, window, at.N_TWO_SIDED), within(s, window, at.NEAR_SIZE), 0.0)


@kernel
def _spread_vol(s: Ints, window: int) -> float:
    """Return the population deviation of the spread over changes of the book, in ticks; 0 where there was none."""
    n = within(s, window, at.N_TWO_SIDED)
    if n == 0.0:
        return 0.0
    mean = within(s, window, at.SPREAD) / n
    return float(np.sqrt(max(within(s, window, at.SPREAD_SQUARED) / n - mean * mean, 0.0)))


@kernel
def ages(s: Ints, out: Floats) -> None:
    """Write how long the best prices have stood, in milliseconds."""
    known = s[at.TWO_SIDED] == 1 and s[at.BOOK_START] != at.UNKNOWN
    out[col.QUOTE_AGE_BID] = float(s[at.TIME] - s[at.BID_SINCE]) if known else np.nan
    out[col.QUOTE_AGE_ASK] = float(s[at.TIME] - s[at.ASK_SINCE]) if known else np.nan


@kernel
def trade_windows(s: Ints, f: Floats, out: Floats) -> None:
    """Write the features of trades over windows; unknown until their window has passed since the first trade."""
    out[col.BARS_END : col.TRADES_END] = np.nan
    start = s[at.TRADE_START]
    if warm(s, start, W1):
        out[col.TRADE_IMBALANCE_1] = over(within(s, W1, at.SIGNED), within(s, W1, at.VOLUME), 0.0)
    if warm(s, start, W10):
        out[col.TRADE_IMBALANCE_10] = over(within(s, W10, at.SIGNED), within(s, W10, at.VOLUME), 0.0)
        out[col.TRADE_RATE] = 0.1 * within(s, W10, at.N_TRADES)
    if warm(s, start, W60):
        _trades_of_a_minute(s, f, out)


@kernel
def _trades_of_a_minute(s: Ints, f: Floats, out: Floats) -> None:
    volume, count = within(s, W60, at.VOLUME), within(s, W60, at.N_TRADES)
    out[col.TRADE_IMBALANCE_60] = over(within(s, W60, at.SIGNED), volume, 0.0)
    out[col.TRADE_SIZE] = f[at.LOT] * over(volume, count, np.nan)
    out[col.TICK_IMBALANCE] = over(within(s, W60, at.TICK_SIGNS), count, 0.0)
    out[col.LARGE_1K] = over(within(s, W60, at.LARGE_1K), volume, 0.0)
    out[col.LARGE_10K] = over(within(s, W60, at.LARGE_10K), volume, 0.0)
    out[col.LARGE_100K] = over(within(s, W60, at.LARGE_100K), volume, 0.0)
    out[col.LARGE_IMBALANCE] = over(within(s, W60, at.LARGE_SIGNED), volume, 0.0)
    price = float(s[at.LAST_PRICE])
    out[col.EFFECTIVE_SPREAD] = 1.0e4 * over(within(s, W60, at.PAID), within(s, W60, at.PAID_VOLUME), np.nan) / price
    if s[at.TWO_SIDED] == 1:
        average = over(2.0 * within(s, W60, at.PRICE_VOLUME), volume, np.nan)
        out[col.VWAP_DEV] = 1.0e4 * (average / float(s[at.MID2]) - 1.0)
    steps = within(s, W60, at.STEPS)
    if steps > 1.0:
        # Steps are whole ticks: the difference of whole numbers is exact, and a covariance of zero is zero.
        joint = steps * within(s, W60, at.STEP_PRODUCT) - within(s, W60, at.STEP) * within(s, W60, at.STEP_BEFORE)
        covariance = joint / (steps * (steps - 1.0))
        out[col.ROLL_SPREAD] = 2.0e4 * np.sqrt(-covariance) / price if covariance <= 0.0 else np.nan
