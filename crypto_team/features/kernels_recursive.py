"""Recursive kernels: exponential averages seeded as TA-Lib seeds them, restarted after an unknown value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@kernel
def smoothed(x: Floats, n: int, alpha: float) -> Floats:
    """Exponential average: the first value is the mean of the first n known values, then out += alpha (x - out)."""
    out = np.full(x.size, np.nan)
    known = 0
    total = 0.0
    held = 0.0
    for i in range(x.size):
        if np.isnan(x[i]):
            known = 0
            total = 0.0
            continue
        known += 1
        if known <= n:
            total += x[i]
            if known == n:
                held = total / n
                out[i] = held
        else:
            held += alpha * (x[i] - held)
            out[i] = held
    return out


@kernel
def wilder_sum(x: Floats, n: int) -> Floats:
    """Wilder's running sum as TA-Lib starts it: the first n - 1 values, then out = out - out / n + x."""
    out = np.full(x.size, np.nan)
    known = 0
    held = 0.0
    for i in range(x.size):
        if np.isnan(x[i]):
            known = 0
            held = 0.0
            continue
        known += 1
        if known < n:
            held += x[i]
        else:
            held = held - held / n + x[i]
            out[i] = held
    return out
