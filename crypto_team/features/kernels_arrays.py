"""Sums and moments over a window of whole arrays, for operators that the block machine has no steps for.

Every window is summed anew, newest value last, so a value depends on its window and on nothing before it; a window
that holds an unknown value, or begins before the series does, has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Times = npt.NDArray[np.int64]


@kernel
def rolling_sum(x: Floats, n: int) -> Floats:
    """Return the sum of the last n values."""
    out = np.full(x.size, np.nan)
    for i in range(n - 1, x.size):
        total = 0.0
        for j in range(i - n + 1, i + 1):
            total += x[j]
        out[i] = total
    return out


@kernel
def rolling_variance(x: Floats, n: int) -> Floats:
    """Return the population variance of the last n values, around the newest, so that equal values have none."""
    out = np.full(x.size, np.nan)
    for i in range(n - 1, x.size):
        first = second = 0.0
        for j in range(i - n + 1, i + 1):
            away = x[j] - x[i]
            first += away
            second += away * away
        out[i] = max(0.0, second / n - (first / n) * (first / n)) if not np.isnan(first) else np.nan
    return out


@kernel
def rising(times: Times) -> bool:
    """Return whether every time is later than the one before it."""
    odd = 0
    for i in range(1, times.size):
        odd += times[i] <= times[i - 1]
    return odd == 0
