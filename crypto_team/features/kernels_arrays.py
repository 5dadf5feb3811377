"""Sums and moments over a window of whole arrays, for operators that the block machine has no steps for.

A value is NaN until the window holds only known values.

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
def central_moment(m1: float, m2: float, m3: float, m4: float, order: int) -> float:
    """Central moment from raw ones; even moments are never below zero."""
    if order == 2:
        return max(0.0, m2 - m1 * m1)
    if order == 3:
        return m3 - 3.0 * m1 * m2 + 2.0 * m1**3
    return max(0.0, m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1**4)


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
