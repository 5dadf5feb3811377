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
EIGHT = 8


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
    skip, parts, and whether the start is published (1) or only what follows it (0).

    Written as it stands, each value waits for the one before. So eight are made at once from the average before them:
    out[j] = part[j] + keep^j average, part[j] = weight x[j] + keep part[j-1]; only keep^8 average waits. memory: known
    values, the average before the eight, the last part, keep^j, j.
    """
    first = y.size
    if memory[0] >= numbers[0] + numbers[3] and all_finite(a):
        first = min(y.size, int(EIGHT - memory[4]) % EIGHT)
    last = first + (y.size - first) // EIGHT * EIGHT
    _one_by_one(y, a, 0, first, numbers, memory)
    memory[1] = _eight_by_eight(y, a, first, last, numbers[1], numbers[2], memory[1])
    _one_by_one(y, a, last, y.size, numbers, memory)


@inner
def _eight_by_eight(y: Floats, a: Floats, first: int, last: int, weight: float, keep: float, held: float) -> float:
    k2 = keep * keep
    k3 = k2 * keep
    k4 = k3 * keep
    k5 = k4 * keep
    k6 = k5 * keep
    k7 = k6 * keep
    k8 = k7 * keep
    for i in range(first, last, EIGHT):
        part = weight * a[i]
        y[i] = part + keep * held
        part = weight * a[i + 1] + keep * part
        y[i + 1] = part + k2 * held
        part = weight * a[i + 2] + keep * part
        y[i + 2] = part + k3 * held
        part = weight * a[i + 3] + keep * part
        y[i + 3] = part + k4 * held
        part = weight * a[i + 4] + keep * part
        y[i + 4] = part + k5 * held
        part = weight * a[i + 5] + keep * part
        y[i + 5] = part + k6 * held
        part = weight * a[i + 6] + keep * part
        y[i + 6] = part + k7 * held
        part = weight * a[i + 7] + keep * part
        held = part + k8 * held
        y[i + 7] = held
    return held


@inner
def _one_by_one(y: Floats, a: Floats, first: int, last: int, numbers: Floats, memory: Floats) -> None:
    """Go on bar by bar; here an average may have to be started."""
    wanted, weight, keep = numbers[0] + numbers[3], numbers[1], numbers[2]
    known, held, part, power, place = memory[0], memory[1], memory[2], memory[3], memory[4]
    for i in range(first, last):
        x = a[i]
        if known >= wanted and abs(x) < INF:
            part = weight * x + keep * part if place > 0.0 else weight * x
            power = power * keep if place > 0.0 else keep
            place += 1.0
            y[i] = part + power * held
            if place == EIGHT:
                held, place = y[i], 0.0
            continue
        known, held, y[i] = _start(x, known, held, numbers)
        place = 0.0
    memory[0], memory[1], memory[2], memory[3], memory[4] = known, held, part, power, place


@inner
def _start(x: float, known: float, held: float, numbers: Floats) -> tuple[float, float, float]:
    """Return known values, their sum or the first average, and what is published, after one more value."""
    skip = numbers[3]
    known = known + 1.0 if abs(x) < INF else 0.0
    held = held + x if known > skip + 1.0 else x
    if known != numbers[0] + skip:
        return known, held, NAN
    held /= numbers[4]
    return known, held, held if numbers[5] == 1.0 else NAN


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
