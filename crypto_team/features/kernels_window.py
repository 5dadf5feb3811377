"""Kernels over a fixed window: a value is NaN until the window holds only known values.

Running sums are compensated (Neumaier), so that one huge value leaves no trace once it has left the window. Central
moments are taken around a value near the window's mean, so that a window of equal values has none at all. NaN inside
a window makes the value NaN, and it recovers once the NaN has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

ILL_CONDITIONED = 1e-4


@kernel
def compensated(total: float, lost: float, x: float) -> tuple[float, float]:
    """Add x to a running sum; the second number is what rounding has lost so far (Neumaier 1974)."""
    made = total + x
    if abs(total) >= abs(x):
        return made, lost + ((total - made) + x)
    return made, lost + ((x - made) + total)


@kernel
def rolling_sum(x: Floats, n: int) -> Floats:
    """Sum of the last n values; exactly zero where all of them are, so that ratios over empty windows are safe."""
    out = np.full(x.size, np.nan)
    total = 0.0
    lost = 0.0
    known = 0
    moving = 0
    for i in range(x.size):
        if np.isnan(x[i]):
            known = 0
            moving = 0
            total = 0.0
            lost = 0.0
            continue
        known += 1
        total, lost = compensated(total, lost, x[i])
        moving += x[i] != 0.0
        if known > n:
            total, lost = compensated(total, lost, -x[i - n])
            moving -= x[i - n] != 0.0
        if moving == 0:
            total = 0.0
            lost = 0.0
        if known >= n:
            out[i] = total + lost
    return out


@kernel
def window_mean(x: Floats, first: int, last: int) -> float:
    """Mean of x[first..last], taken from the newest value, so that equal values have exactly that mean."""
    total = 0.0
    for j in range(first, last + 1):
        total += x[j] - x[last]
    mean: float = x[last] + total / (last - first + 1)
    return mean


@kernel
def rolling_moments(x: Floats, n: int, order: int) -> Floats:
    """Central moment of the last n values: order 2 (population variance), 3 or 4; exactly 0 on flat windows.

    Power sums around an anchor slide along. The anchor moves to the window's mean every n bars, and at once where the
    variance is small against what the sums have held, because rounding would show there.
    """
    out = np.full(x.size, np.nan)
    known = 0
    age = n
    anchor = s1 = s2 = s3 = s4 = most = 0.0
    for i in range(x.size):
        known = 0 if np.isnan(x[i]) else known + 1
        if known < n:
            age = n
            continue
        age += 1
        if age <= n:
            new = x[i] - anchor
            old = x[i - n] - anchor
            s1 += new - old
            s2 += new * new - old * old
            if order > 2:
                s3 += new * new * new - old * old * old
                s4 += (new * new) * (new * new) - (old * old) * (old * old)
            most = max(most, s2)
        if age > n or s2 - s1 * s1 / n < ILL_CONDITIONED * most:
            age = 0
            anchor = window_mean(x, i - n + 1, i)
            s1 = s2 = s3 = s4 = 0.0
            for j in range(i - n + 1, i + 1):
                new = x[j] - anchor
                s1 += new
                s2 += new * new
                s3 += new * new * new
                s4 += (new * new) * (new * new)
            most = s2
        out[i] = central_moment(s1 / n, s2 / n, s3 / n, s4 / n, order)
    return out


@kernel
def central_moment(m1: float, m2: float, m3: float, m4: float, order: int) -> float:
    """Central moment from raw ones; even moments are never below zero."""
    if order == 2:
        return max(0.0, m2 - m1 * m1)
    if order == 3:
        return m3 - 3.0 * m1 * m2 + 2.0 * m1**3
    return max(0.0, m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1**4)


@kernel
def rolling_extreme(x: Floats, n: int, sign: float) -> Floats:
    """Maximum (sign 1) or minimum (sign -1) of the last n values, by a monotonic queue."""
    out = np.full(x.size, np.nan)
    queue = np.empty(x.size, dtype=np.int64)
    head = 0
    tail = 0
    known = 0
    for i in range(x.size):
        if np.isnan(x[i]):
            known = 0
            head = tail
            continue
        known += 1
        while tail > head and sign * x[queue[tail - 1]] <= sign * x[i]:
            tail -= 1
        queue[tail] = i
        tail += 1
        while queue[head] <= i - n:
            head += 1
        if known >= n:
            out[i] = x[queue[head]]
    return out


@kernel
def bars_since_extreme(x: Floats, n: int, sign: float) -> Floats:
    """Bars since the latest maximum (sign 1) or minimum (sign -1) of the last n values."""
    out = np.full(x.size, np.nan)
    known = 0
    best = -1
    for i in range(x.size):
        if np.isnan(x[i]):
            known = 0
            best = -1
            continue
        known += 1
        if best < 0 or sign * x[i] >= sign * x[best]:
            best = i
        elif best <= i - n:
            best = i - n + 1
            for j in range(i - n + 2, i + 1):
                if sign * x[j] >= sign * x[best]:
                    best = j
        if known >= n:
            out[i] = i - best
    return out


@kernel
def rolling_rank(x: Floats, n: int) -> Floats:
    """Share of the last n values that are at most the newest one; ties count half; in (0, 1]."""
    out = np.full(x.size, np.nan)
    known = 0
    for i in range(x.size):
        known = 0 if np.isnan(x[i]) else known + 1
        if known < n:
            continue
        below = 0
        equal = 0
        for j in range(i - n + 1, i + 1):
            if x[j] < x[i]:
                below += 1
            elif x[j] == x[i]:
                equal += 1
        out[i] = (below + 0.5 * (equal + 1)) / n
    return out


@kernel
def rolling_mean_deviation(x: Floats, n: int) -> Floats:
    """Mean absolute deviation from the mean of the last n values."""
    out = np.full(x.size, np.nan)
    known = 0
    for i in range(x.size):
        known = 0 if np.isnan(x[i]) else known + 1
        if known < n:
            continue
        mean = window_mean(x, i - n + 1, i)
        total = 0.0
        for j in range(i - n + 1, i + 1):
            total += abs(x[j] - mean)
        out[i] = total / n
    return out


@kernel
def rolling_autocorrelation(x: Floats, n: int, lag: int) -> Floats:
    """Autocorrelation at a lag over the last n values (window mean, divided by n: the statsmodels acf)."""
    out = np.full(x.size, np.nan)
    known = 0
    for i in range(x.size):
        known = 0 if np.isnan(x[i]) else known + 1
        if known < n:
            continue
        mean = window_mean(x, i - n + 1, i)
        above = 0.0
        below = 0.0
        for j in range(i - n + 1, i + 1):
            d = x[j] - mean
            below += d * d
            if j - lag > i - n:
                above += d * (x[j - lag] - mean)
        if below > 0.0:
            out[i] = above / below
    return out


@kernel
def rolling_hurst(x: Floats, n: int, lags: int) -> Floats:
    """Generalised Hurst exponent, q = 2, of the last n values: slope of log mean square difference on log lag / 2.

    NaN for a flat window. One running sum per lag instead of one loop per window.
    """
    out = np.full(x.size, np.nan)
    logs = np.log(np.arange(1, lags + 1).astype(np.float64))
    mean_log = logs.mean()
    spread = np.sum((logs - mean_log) ** 2)
    slope = np.zeros(x.size)
    for k in range(1, lags + 1):
        squares = np.full(x.size, np.nan)
        for i in range(k, x.size):
            squares[i] = (x[i] - x[i - k]) ** 2
        sums = rolling_sum(squares, n - k)
        for i in range(x.size):
            if sums[i] > 0.0:
                slope[i] += (logs[k - 1] - mean_log) * np.log(sums[i] / (n - k))
            else:
                slope[i] = np.nan
    for i in range(x.size):
        out[i] = 0.5 * slope[i] / spread
    return out
