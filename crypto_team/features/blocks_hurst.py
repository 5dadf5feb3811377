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
        first, k = done + n, 0
        out, now = y[done : done + many], a[first : first + many]
        while k < lags:
            older = before[k * segment + at : k * segment + at + many]
            then = a[first - k - 1 : first - k - 1 + many]
            if k + 1 < lags:
                other = before[(k + 1) * segment + at : (k + 1) * segment + at + many]
                _two_lags(now, then, a[first - k - 2 : first - k - 2 + many], older, other, running[k : k + 2])
                _add_slope(out, other, _weight(k + 1, mean_log, spread), 1.0 / (n - k - 2.0))
            else:
                _one_lag(now, then, older, running[k : k + 1])
            _add_slope(out, older, _weight(k, mean_log, spread), 1.0 / (n - k - 1.0))
            k += 2
        done += many
        at = (at + many) % segment
    memory[0] = at


@inner
def _weight(k: int, mean_log: float, spread: float) -> float:
    """Return what the log mean square of lag k + 1 counts in half the slope."""
    return (math.log(k + 1.0) - mean_log) / (2.0 * spread)


@inner
def _one_lag(now: Floats, then: Floats, older: Floats, running: Floats) -> None:
    """Turn the sums before the segment into those of the windows."""
    total = running[0]
    for i in range(now.size):
        d = now[i] - then[i]
        total += d * d
        older[i] += total
    running[0] = total


@inner
def _two_lags(now: Floats, then: Floats, other_then: Floats, older: Floats, other: Floats, running: Floats) -> None:
    """Do so for two lags; while one sum waits, the other goes on."""
    total, more = running[0], running[1]
    for i in range(now.size):
        x = now[i]
        d, e = x - then[i], x - other_then[i]
        total += d * d
        more += e * e
        older[i] += total
        other[i] += more
    running[0], running[1] = total, more


@inner
def _add_slope(out: Floats, sums: Floats, weight: float, share: float) -> None:
    """Add one lag's share of the slope to each value of the block."""
    for i in range(out.size):
        out[i] += weight * natural_log(sums[i] * share)


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
    """Add up backwards what lies before a segment that starts at a[first]; two lags at once where there are two."""
    segment = n - lags
    for k in range(lags):
        running[k] = 0.0
    for k in range(0, lags, 2):
        total = _latest(a, first, lags - k - 1, k + 1)
        out = before[k * segment : (k + 1) * segment]
        near, far = a[first - n + k + 1 : first], a[first - n : first - k - 1]
        if k + 1 < lags:
            more = _latest(a, first, lags - k - 2, k + 2)
            other = before[(k + 1) * segment : (k + 2) * segment]
            _backwards_twice(out, other, near, far, a[first - n + k + 2 : first], total, more)
        else:
            _backwards(out, near, far, total)


@inner
def _latest(a: Floats, first: int, count: int, lag: int) -> float:
    """Return the sum of the `count` squares before a place."""
    total = 0.0
    for back in range(1, count + 1):
        d = a[first - back] - a[first - back - lag]
        total += d * d
    return total


@inner
def _backwards(out: Floats, near: Floats, far: Floats, total: float) -> None:
    """Write, from the last bar of a segment to its first, the sum of the squares before it that the window holds."""
    for place in range(out.size - 1, -1, -1):
        out[place] = total
        d = near[place] - far[place]
        total += d * d


@inner
def _backwards_twice(
    out: Floats, other: Floats, near: Floats, far: Floats, nearer: Floats, total: float, more: float
) -> None:
    """Do so for a lag and the next one."""
    for place in range(out.size - 1, -1, -1):
        out[place], other[place] = total, more
        d, e = near[place] - far[place], nearer[place] - far[place]
        total += d * d
        more += e * e
