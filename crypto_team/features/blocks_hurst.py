"""The generalised Hurst exponent of a sliding window: all lags side by side, one step of work for each bar."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crypto_team.features.blocks_elementwise import natural_log
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@inner
def hurst(y: Floats, a: Floats, n: int, lags: int, memory: Floats) -> None:
    """Slope of the log mean square difference on the log lag, halved, over the last n values (q = 2).

    A window of lag k has n - k squares: those of the running segment of n - lags bars, added up as they come, and the
    latest of those before it, added up backwards when the segment begins. Nothing is subtracted.

    memory: place in the segment; then lag by lag the sum of the segment and, bar by bar, the sum before it.
    """
    segment = n - lags
    at = int(memory[0])
    running, before = memory[1 : 1 + lags], memory[1 + lags :]
    mean_log, spread = _logs(lags)
    for i in range(y.size):
        y[i] = 0.0
    done = 0
    while done < y.size:
        if at == 0:
            _begin(a, done + n, n, lags, running, before)
        many = min(segment - at, y.size - done)
        for k in range(lags):
            weight = (math.log(k + 1.0) - mean_log) / (2.0 * spread)
            total = running[k]
            first = done + n
            now, then = a[first : first + many], a[first - k - 1 : first - k - 1 + many]
            older, out = before[k * segment + at : k * segment + at + many], y[done : done + many]
            squares = 1.0 / (n - k - 1.0)
            total = _one_lag(out, now, then, older, weight, squares, total)
            running[k] = total
        done += many
        at = (at + many) % segment
    memory[0] = at


@inner
def _one_lag(
    out: Floats, now: Floats, then: Floats, older: Floats, weight: float, squares: float, total: float
) -> float:
    """Add one lag's share of the slope to each value of the block."""
    for i in range(out.size):
        d = now[i] - then[i]
        total += d * d
        older[i] += total
    for i in range(out.size):
        out[i] += weight * natural_log(older[i] * squares)
    return total


@inner
def _logs(lags: int) -> tuple[float, float]:
    """Return the mean of the logarithms of 1 to lags and the sum of their squared deviations."""
    mean, spread = 0.0, 0.0
    for k in range(lags):
        mean += math.log(k + 1.0) / lags
    for k in range(lags):
        spread += (math.log(k + 1.0) - mean) ** 2
    return mean, spread


@inner
def _begin(a: Floats, first: int, n: int, lags: int, running: Floats, before: Floats) -> None:
    """Add up backwards what lies before a segment that starts at a[first]."""
    segment = n - lags
    for k in range(lags):
        running[k] = 0.0
        total = 0.0
        for count in range(n - k - 1):
            place = n - k - 2 - count  # the bar of the segment whose window still holds `count` earlier squares
            if place < segment:
                before[k * segment + place] = total
            d = a[first - 1 - count] - a[first - 2 - count - k]
            total += d * d
