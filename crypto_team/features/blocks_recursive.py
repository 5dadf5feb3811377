"""Blocks that go one after the other and remember: exponential averages as TA-Lib seeds them, sums since midnight.

What they remember lies in a slice of the machine's memory that starts with zeros, so that a series can be computed in
blocks of any length, down to one bar at a time, with the same result. An unknown value starts them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

INF, NAN = np.inf, np.nan
DAY_MS = 86_400_000.0


@inner
def all_finite(a: Floats) -> bool:
    """Return whether no value is unknown or infinite."""
    odd = 0
    for i in range(a.size):
        odd += not abs(a[i]) < INF
    return odd == 0


@inner
def smoothed(y: Floats, a: Floats, numbers: Floats, memory: Floats) -> None:
    """Exponential average: out = weight x + keep out, after a start.

    numbers: how many known values make the start (summed up after `skip` others and divided by `parts`), weight, keep,
    skip, parts, and whether the start is published (1) or only what follows it (0). memory: known values, the average.
    """
    if memory[0] < numbers[0] + numbers[3] or not all_finite(a):
        _start(y, a, numbers, memory)
        return
    weight, keep, held = numbers[1], numbers[2], memory[1]
    for i in range(y.size):
        held = weight * a[i] + keep * held
        y[i] = held
    memory[1] = held


@inner
def _start(y: Floats, a: Floats, numbers: Floats, memory: Floats) -> None:
    """Go on where an average may have to be started."""
    start, weight, keep, skip, parts, shown = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    known, held = memory[0], memory[1]
    for i in range(y.size):
        x = a[i]
        if known >= start + skip and abs(x) < INF:
            held = weight * x + keep * held
            y[i] = held
            continue
        y[i] = NAN
        known = known + 1.0 if abs(x) < INF else 0.0
        held = held + x if known > skip + 1.0 else x
        if known == start + skip:
            held /= parts
            y[i] = held if shown == 1.0 else NAN
    memory[0], memory[1] = known, held


@inner
def smoothed_four(y: tuple[Floats, ...], x: tuple[Floats, ...], numbers: Floats, memory: Floats) -> None:
    """Four exponential averages side by side, each the same as alone: while one waits, the others go on."""
    a, b, c, d = x
    ya, yb, yc, yd = y
    begun = all_finite(a) and all_finite(b) and all_finite(c) and all_finite(d)
    for k in range(4):
        begun = begun and memory[2 * k] >= numbers[6 * k] + numbers[6 * k + 3]
    if not begun:
        smoothed(ya, a, numbers[0:6], memory[0:2])
        smoothed(yb, b, numbers[6:12], memory[2:4])
        smoothed(yc, c, numbers[12:18], memory[4:6])
        smoothed(yd, d, numbers[18:24], memory[6:8])
        return
    w0, w1, w2, w3 = numbers[1], numbers[7], numbers[13], numbers[19]
    k0, k1, k2, k3 = numbers[2], numbers[8], numbers[14], numbers[20]
    h0, h1, h2, h3 = memory[1], memory[3], memory[5], memory[7]
    for i in range(ya.size):
        h0 = w0 * a[i] + k0 * h0
        h1 = w1 * b[i] + k1 * h1
        h2 = w2 * c[i] + k2 * h2
        h3 = w3 * d[i] + k3 * h3
        ya[i], yb[i], yc[i], yd[i] = h0, h1, h2, h3
    memory[1], memory[3], memory[5], memory[7] = h0, h1, h2, h3


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
