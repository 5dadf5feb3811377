"""Kernels over the closed one-second bars of the last minute, and over the closed volume buckets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import microstructure_columns as col
from crypto_team.features import microstructure_layout as at
from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BARS, BUCKETS_PER_BAR, N_TOTALS, RING = at.BARS, at.BUCKETS_PER_BAR, at.N_TOTALS, at.RING
VOLUME_BUCKETS = at.VOLUME_BUCKETS


@kernel
def at_close(bar: int) -> int:
    """Return where the totals at the close of a bar lie."""
    return int(at.ROWS + ((bar * BUCKETS_PER_BAR + BUCKETS_PER_BAR - 1) % RING) * N_TOTALS)


@kernel
def bars_closed(s: Ints, f: Floats, out: Floats) -> None:
    """Write the features of the last minute's bars; unknown until so many have passed since the book's (re)start."""
    out[col.QUOTE_AGE_ASK + 1 : col.BARS_END] = np.nan
    bar = s[at.BUCKET] // BUCKETS_PER_BAR
    if s[at.BOOK_START] == at.UNKNOWN or bar - BARS <= s[at.BOOK_START] // BUCKETS_PER_BAR:
        return
    first, last = at_close(bar - BARS - 1), at_close(bar - 1)
    if s[last + at.STANDING] == s[first + at.STANDING] and s[last + at.N_TWO_SIDED] == s[first + at.N_TWO_SIDED]:
        return  # no usable book in any of them
    out[col.CORR_L2] = slope_and_correlation(s, bar, at.E1, at.E2)[1]
    out[col.CORR_L3] = slope_and_correlation(s, bar, at.E1, at.E3)[1]
    out[col.CORR_L5] = slope_and_correlation(s, bar, at.E1, at.E5)[1]
    out[col.CORR_DEPTH] = slope_and_correlation(s, bar, at.BID_NEAR, at.ASK_NEAR)[1]
    out[col.CORR_RETURN] = slope_and_correlation(s, bar, at.E1, at.MID_CHANGE)[1]
    if s[at.TRADE_START] != at.UNKNOWN and bar - BARS > s[at.TRADE_START] // BUCKETS_PER_BAR:
        _impact(s, f, out, bar)


@kernel
def slope_and_correlation(s: Ints, bar: int, x_total: int, y_total: int) -> tuple[float, float]:
    """Regress one total's changes over a bar on another's, with intercept; NaN where one of them does not vary."""
    sum_x = sum_y = sum_xx = sum_yy = sum_xy = 0.0
    before = at_close(bar - BARS - 1)
    for j in range(bar - BARS, bar):
        close = at_close(j)
        x = float(s[close + x_total] - s[before + x_total])
        y = float(s[close + y_total] - s[before + y_total])
        sum_x += x
        sum_y += y
        sum_xx += x * x
        sum_yy += y * y
        sum_xy += x * y
        before = close
    spread_x = BARS * sum_xx - sum_x * sum_x
    spread_y = BARS * sum_yy - sum_y * sum_y
    together = BARS * sum_xy - sum_x * sum_y
    slope = together / spread_x if spread_x > 0.0 else np.nan
    if spread_x <= 0.0 or spread_y <= 0.0:
        return slope, np.nan
    return slope, min(max(together / (math.sqrt(spread_x) * math.sqrt(spread_y)), -1.0), 1.0)


@kernel
def _impact(s: Ints, f: Floats, out: Floats, bar: int) -> None:
    """Kyle's lambda and Amihud's illiquidity, both in basis points per million of the quote currency."""
    mid2 = float(s[at.MID2])
    million = 1.0e6 / (f[at.TICK] * 0.5 * mid2 * f[at.LOT])
    out[col.KYLE] = slope_and_correlation(s, bar, at.SIGNED, at.MID_CHANGE)[0] * 1.0e4 / mid2 * million
    moved, bars = 0.0, 0
    before = at_close(bar - BARS - 1)
    for j in range(bar - BARS, bar):
        close = at_close(j)
        volume = float(s[close + at.VOLUME] - s[before + at.VOLUME])
        if volume > 0.0:
            moved += abs(float(s[close + at.MID_CHANGE] - s[before + at.MID_CHANGE])) / volume
            bars += 1
        before = close
    if bars > 0:
        out[col.AMIHUD] = moved / bars * 1.0e4 / mid2 * million


@kernel
def toxicity(s: Ints, out: Floats) -> None:
    """Write VPIN over the last volume buckets: from true aggressors where known, and by bulk classification."""
    if s[at.N_VOLUME] < VOLUME_BUCKETS:
        out[col.VPIN] = np.nan
        out[col.VPIN_BULK] = np.nan
        return
    total = total_squared = 0
    for k in range(VOLUME_BUCKETS):
        step = s[at.VOLUME_STEP + k]
        total += step
        total_squared += step * step
    mean = float(total) / VOLUME_BUCKETS
    sigma = math.sqrt(max(float(total_squared) / VOLUME_BUCKETS - mean * mean, 0.0))
    flagged = bulk = 0.0
    for k in range(VOLUME_BUCKETS):
        z = float(s[at.VOLUME_STEP + k]) / sigma if sigma > 0.0 else 0.0
        guess = abs(math.erf(z / math.sqrt(2.0)))
        bulk += guess
        if s[at.VOLUME_UNKNOWN + k] > 0:
            flagged += guess
        else:
            flagged += abs(float(s[at.VOLUME_SIGNED + k])) / float(s[at.BUCKET_LOTS])
    out[col.VPIN] = flagged / VOLUME_BUCKETS
    out[col.VPIN_BULK] = bulk / VOLUME_BUCKETS
