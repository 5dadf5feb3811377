"""Blocks that go one after the other and remember: exponential averages as TA-Lib seeds them, sums since midnight.

What they remember lies in a slice of the machine's memory that starts with zeros, so that a series can be computed in
blocks of any length, down to one bar at a time, with the same result. An unknown value starts them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features.compiled import cut, inner
from crypto_team.features.compiled_lanes import LANES, followed

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

INF, NAN = np.inf, np.nan
DAY_MS = 86_400_000.0
TILE = 256
FIRST_LANE, PLACES = 2, 2 + LANES
REACH = 8
SMOOTHED_MEMORY = PLACES + REACH


@inner
def smoothed(y: Floats, a: Floats, numbers: Floats, memory: Floats) -> None:
    """Exponential average: out = weight x + keep out, after a start.

    numbers: how many known values make the start (summed up after `skip` others and divided by `parts`), weight, keep,
    skip, parts, whether the start is published (1) or only what follows it (0), and gain = weight / (1 - keep).

    Written as it stands, each value waits for the one before. So the distance e = gain x - out is followed instead:
    e = keep (gain (x - x before) + e before), which is a weighted sum of the last eight changes of x, and
    keep^8 times the distance eight bars before. Sums need nobody's result, and eight distances go on side by side. The
    value of a bar does not depend on blocks. Where values stay equal, the distance goes to exactly zero.

    `a` begins eight values before `y`. memory: known values, the sum of the start, the last eight distances, scratch.
    """
    ready = numbers[0] + numbers[3] + REACH - 1.0
    for at in range(0, y.size, TILE):
        size = min(TILE, y.size - at)
        out, x = cut(y, at, size), cut(a, at, size + REACH)
        whole = size // LANES * LANES if memory[0] >= ready else 0
        if whole and not _side_by_side(cut(out, 0, whole), x, numbers, memory):
            whole = 0
        _one_by_one(out, x, whole, numbers, memory)


@inner
def _side_by_side(y: Floats, a: Floats, numbers: Floats, memory: Floats) -> bool:
    """Go on over known values; say whether they were known, else nothing has happened."""
    last, odd = cut(memory, PLACES, LANES), 0.0
    for j in range(LANES):
        last[j] = memory[FIRST_LANE + j]
    followed(y, a, last, numbers[2], numbers[6])
    for j in range(LANES):
        odd += 0.0 * last[j]
    if odd != 0.0:
        return False
    for j in range(LANES):
        memory[FIRST_LANE + j] = last[j]
    return True


@inner
def _one_by_one(y: Floats, a: Floats, first: int, numbers: Floats, memory: Floats) -> None:
    """Go on bar by bar; here an average may have to be started."""
    wanted, keep, gain = numbers[0] + numbers[3], numbers[2], numbers[6]
    k2 = keep * keep
    k4 = k2 * k2
    last, d = cut(memory, FIRST_LANE, LANES), cut(memory, PLACES, REACH)
    memory[0] += first
    for i in range(first, y.size):
        x = a[i + REACH]
        if not (memory[0] >= wanted and abs(x) < INF):
            y[i] = _start(x, numbers, memory)
            continue
        memory[0] += 1.0
        _changes(d, cut(a, i, REACH + 1), keep * gain, int(memory[0] - wanted), last)
        new = (d[0] + keep * d[1]) + k2 * (d[2] + keep * d[3])
        old = (d[4] + keep * d[5]) + k2 * (d[6] + keep * d[7])
        away = (new + k4 * old) + (k4 * k4) * last[0]
        for j in range(LANES - 1):
            last[j] = last[j + 1]
        last[LANES - 1] = away
        y[i] = gain * x - away


@inner
def _changes(d: Floats, a: Floats, factor: float, since: int, last: Floats) -> None:
    """Write the last eight changes, the newest first; the distance at the start counts as the change there."""
    for j in range(REACH):
        d[j] = factor * (a[REACH - j] - a[REACH - j - 1]) if j < since else 0.0
    if since < REACH:
        d[since] = last[LANES - since]


@inner
def _start(x: float, numbers: Floats, memory: Floats) -> float:
    """Take one more value before there is an average; return what is published."""
    known = memory[0] + 1.0 if abs(x) < INF else 0.0
    memory[0], memory[1] = known, memory[1] + x if known > numbers[3] + 1.0 else x
    if known != numbers[0] + numbers[3]:
        return NAN
    first = memory[1] / numbers[4]
    for j in range(LANES):
        memory[FIRST_LANE + j] = 0.0
    memory[FIRST_LANE + LANES - 1] = numbers[6] * x - first
    return first if numbers[5] == 1.0 else NAN


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
