"""Blocks that go one after the other and remember: exponential averages as TA-Lib seeds them, sums since midnight.

What they remember lies in a slice of the machine's memory that starts with zeros, so that a series can be computed in
blocks of any length, down to one bar at a time, with the same result. An unknown value starts them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features.compiled import cut, inner

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
    skip, parts, whether the start is published (1) or only what follows it (0), and weight / (1 - keep).

    Written as it stands, each value waits for the one before. So eight are made at once from the average before them,
    as distances from where the average would settle if the first of them stayed: values that are equal leave an
    average that is exactly equal. memory: known values, the average before the eight, where it would settle, the part
    of the distance that came since, keep^j, j.
    """
    first = y.size
    if memory[0] >= numbers[0] + numbers[3] and all_finite(a):
        first = min(y.size, int(EIGHT - memory[5]) % EIGHT)
    last = first + (y.size - first) // EIGHT * EIGHT
    _one_by_one(y, a, 0, first, numbers, memory)
    memory[1] = _eight_by_eight(cut(y, first, last - first), cut(a, first, last - first), numbers, memory[1])
    _one_by_one(y, a, last, y.size, numbers, memory)


@inner
def _eight_by_eight(y: Floats, a: Floats, numbers: Floats, held: float) -> float:
    weight, keep, gain = numbers[1], numbers[2], numbers[6]
    k2 = keep * keep
    k3 = k2 * keep
    k4 = k3 * keep
    k5 = k4 * keep
    k6 = k5 * keep
    k7 = k6 * keep
    k8 = k7 * keep
    for at in range(0, a.size, EIGHT):
        x, out = cut(a, at, EIGHT), cut(y, at, EIGHT)
        base = x[0]
        level = gain * base
        away = held - level
        out[0] = level + keep * away
        part = weight * (x[1] - base)
        out[1] = level + (part + k2 * away)
        part = weight * (x[2] - base) + keep * part
        out[2] = level + (part + k3 * away)
        part = weight * (x[3] - base) + keep * part
        out[3] = level + (part + k4 * away)
        part = weight * (x[4] - base) + keep * part
        out[4] = level + (part + k5 * away)
        part = weight * (x[5] - base) + keep * part
        out[5] = level + (part + k6 * away)
        part = weight * (x[6] - base) + keep * part
        out[6] = level + (part + k7 * away)
        part = weight * (x[7] - base) + keep * part
        held = level + (part + k8 * away)
        out[7] = held
    return held


@inner
def _one_by_one(y: Floats, a: Floats, first: int, last: int, numbers: Floats, memory: Floats) -> None:
    """Go on bar by bar; here an average may have to be started."""
    wanted, gain = numbers[0] + numbers[3], numbers[6]
    known, held, base, part, power, place = memory[0], memory[1], memory[2], memory[3], memory[4], memory[5]
    for i in range(first, last):
        x = a[i]
        if known >= wanted and abs(x) < INF:
            base = x if place == 0.0 else base
            away = held - gain * base
            power = power * numbers[2] if place > 0.0 else numbers[2]
            part = numbers[1] * (x - base) + numbers[2] * part if place > 1.0 else numbers[1] * (x - base)
            y[i] = gain * base + (part + power * away if place > 0.0 else power * away)
            place += 1.0
            if place == EIGHT:
                held, place = y[i], 0.0
            continue
        known, held, y[i] = _start(x, known, held, numbers)
        place = 0.0
    memory[0], memory[1], memory[2], memory[3], memory[4], memory[5] = known, held, base, part, power, place


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
