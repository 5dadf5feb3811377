"""Kernels that a trade runs: signs, sizes, price steps, and the volume buckets of VPIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

VOLUME_BUCKETS = at.VOLUME_BUCKETS


@kernel
def traded(s: Ints, f: Floats, side: int, price: int, lots: int) -> bool:
    """Add one trade to the totals; side 0 is unknown. True where it completed a volume bucket."""
    if s[at.TRADE_START] == at.UNKNOWN:
        s[at.TRADE_START] = s[at.BUCKET]
        s[at.CLOSE_BEFORE] = price
    _tick(s, price)
    sign = side if side != 0 else _classified(s, price)
    total = at.TOTALS
    s[total + at.N_TRADES] += 1
    s[total + at.VOLUME] += lots
    s[total + at.SIGNED] += sign * lots
    s[total + at.PRICE_VOLUME] += price * lots
    s[total + at.TICK_SIGNS] += s[at.TICK_SIGN]
    notional = float(price) * float(lots)
    s[total + at.LARGE_1K] += lots if notional >= f[at.NOTIONAL_1K] else 0
    s[total + at.LARGE_100K] += lots if notional >= f[at.NOTIONAL_100K] else 0
    if notional >= f[at.NOTIONAL_10K]:
        s[total + at.LARGE_10K] += lots
        s[total + at.LARGE_SIGNED] += sign * lots
    if s[at.TWO_SIDED] == 1 and sign != 0:
        s[total + at.PAID] += sign * (2 * price - s[at.MID2]) * lots
        s[total + at.PAID_VOLUME] += lots
    if sign != 0:
        s[at.RUN] = s[at.RUN] + sign if s[at.RUN] * sign > 0 else sign
    return _fill(s, side, price, lots)


@kernel
def _tick(s: Ints, price: int) -> None:
    """Tick rule (+1 after a rise, -1 after a fall, else as before), and the products of consecutive price steps."""
    if s[at.LAST_PRICE] != at.UNKNOWN:
        step = price - s[at.LAST_PRICE]
        if step != 0:
            s[at.TICK_SIGN] = 1 if step > 0 else -1
        if s[at.LAST_STEP] != at.UNKNOWN:
            total = at.TOTALS
            s[total + at.STEPS] += 1
            s[total + at.STEP] += step
            s[total + at.STEP_BEFORE] += s[at.LAST_STEP]
            s[total + at.STEP_PRODUCT] += step * s[at.LAST_STEP]
        s[at.LAST_STEP] = step
    s[at.LAST_PRICE] = price


@kernel
def _classified(s: Ints, price: int) -> int:
    """Lee and Ready (1991) without lag: by the side of the mid, at the mid and without a book by the tick rule."""
    if s[at.TWO_SIDED] == 1 and 2 * price != s[at.MID2]:
        return 1 if 2 * price > s[at.MID2] else -1
    return int(s[at.TICK_SIGN])


@kernel
def _fill(s: Ints, side: int, price: int, lots: int) -> bool:
    """Pour a trade into volume buckets; it is split where a bucket is full. More than all of them is as good as all."""
    size = s[at.BUCKET_LOTS]
    left = lots
    if lots > size * (VOLUME_BUCKETS + 2):
        left = lots % size + size * (VOLUME_BUCKETS + 1)
    closed = False
    while left > 0:
        part = min(left, size - s[at.FILLED])
        s[at.FILLED] += part
        s[at.FILLED_SIGNED] += side * part
        s[at.FILLED_UNKNOWN] += part if side == 0 else 0
        left -= part
        if s[at.FILLED] == size:
            slot = s[at.N_VOLUME] % VOLUME_BUCKETS
            s[at.VOLUME_SIGNED + slot] = s[at.FILLED_SIGNED]
            s[at.VOLUME_UNKNOWN + slot] = s[at.FILLED_UNKNOWN]
            s[at.VOLUME_STEP + slot] = price - s[at.CLOSE_BEFORE]
            s[at.CLOSE_BEFORE] = price
            s[at.N_VOLUME] += 1
            s[at.FILLED] = 0
            s[at.FILLED_SIGNED] = 0
            s[at.FILLED_UNKNOWN] = 0
            closed = True
    return closed
