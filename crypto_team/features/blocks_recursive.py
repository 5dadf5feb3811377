"""Blocks that go one after the other and remember: exponential averages as TA-Lib seeds them, sums since midnight.

What they remember lies in a slice of the machine's memory that starts with zeros, so that a series can be computed in
blocks of any length, down to one bar at a time, with the same result. An unknown value starts them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

INF, NAN = np.inf, np.nan
DAY_MS = 86_400_000.0


@inner
def smoothed(y: Floats, a: Floats, n: float, alpha: float, skip: float, memory: Floats) -> None:
    """Exponential average; leaves out `skip` known values, starts with the mean of the next n, then follows."""
    known, held, keep = memory[0], memory[1], 1.0 - alpha
    for i in range(y.size):
        x = a[i]
        if known >= n + skip and abs(x) < INF:
            held = alpha * x + keep * held
            y[i] = held
            continue
        y[i] = NAN
        known = known + 1.0 if abs(x) < INF else 0.0
        held = held + x if known > skip + 1.0 else x
        if known == n + skip:
            held /= n
            y[i] = held
    memory[0], memory[1] = known, held


@inner
def wilder_sum(y: Floats, a: Floats, n: float, memory: Floats) -> None:
    """Wilder's running sum as TA-Lib starts it: the first n - 1 values, then out = out - out / n + x."""
    known, held, keep = memory[0], memory[1], 1.0 - 1.0 / n
    for i in range(y.size):
        x = a[i]
        if known >= n - 1.0 and abs(x) < INF:
            held = held * keep + x
            y[i] = held
            continue
        y[i] = NAN
        known = known + 1.0 if abs(x) < INF else 0.0
        held = held + x if known > 1.0 else x
    memory[0], memory[1] = known, held


@inner
def session_sum(y: Floats, a: Floats, times: Floats, n: float, memory: Floats) -> None:
    """Sum since the first bar of the day (UTC), or of the series; unknown after more than n bars."""
    day, total, bars = memory[0], memory[1], memory[2]
    for i in range(y.size):
        today = np.floor(times[i] / DAY_MS) + 1.0
        if today != day:
            day, total, bars = today, 0.0, 0.0
        bars += 1.0
        total += a[i]
        y[i] = total if bars <= n else NAN
    memory[0], memory[1], memory[2] = day, total, bars


@inner
def remembered(code: int, y: Floats, a: Floats, b: Floats, numbers: Floats, memory: Floats) -> None:
    """Steps with a memory of their own."""
    if code == op.SMOOTHED:
        smoothed(y, a, numbers[0], numbers[1], numbers[2], memory)
    elif code == op.WILDER_SUM:
        wilder_sum(y, a, numbers[0], memory)
    else:
        session_sum(y, a, b, numbers[0], memory)
