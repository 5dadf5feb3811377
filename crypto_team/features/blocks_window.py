"""Blocks that look at a whole window for each value: ranks, deviations, quantiles, entropy, volume by price.

Inputs reach back before the block: the window of value i starts at a[i]. A window with an unknown value has none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crypto_team.features import opcodes as op
from crypto_team.features.blocks_elementwise import natural_log
from crypto_team.features.blocks_hurst import hurst
from crypto_team.features.blocks_profile import profile
from crypto_team.features.blocks_rank import known_before, rank
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

NAN = np.nan
PATTERN_COUNT = 6


@inner
def deviation(y: Floats, a: Floats, middle: Floats, n: int) -> None:
    """Mean absolute deviation of the last n values from their mean."""
    for i in range(y.size):
        y[i] = 0.0
    for j in range(n):
        part = a[j : j + y.size]
        for i in range(y.size):
            y[i] += abs(part[i] - middle[i])
    for i in range(y.size):
        y[i] /= n


@inner
def pattern(a: Floats, i: int) -> int:
    """Return which of the six orders the values i - 2, i - 1, i have; the earlier of equals counts as smaller."""
    first, second, third = a[i - 2], a[i - 1], a[i]
    made = 0 if first <= second else 3
    made += 1 if first <= third else 0
    return made + (1 if second <= third else 0)


@inner
def patterns(y: Floats, a: Floats, n: int, memory: Floats) -> None:
    """Permutation entropy of order 3 of the last n values, 0 to 1; memory: x ln x for counts up to n, then counts."""
    logs, counts = memory[: n + 1], memory[n + 1 :]
    if logs[2] == 0.0:
        for count in range(2, n + 1):
            logs[count] = count * natural_log(float(count))
    known, triples = known_before(a, n), n - 2
    for k in range(counts.size):
        counts[k] = 0.0
    for i in range(n - 1 - max(0, min(known, n - 1) - 2), n - 1):
        counts[pattern(a, i)] += 1.0
    for i in range(y.size):
        newest = i + n - 1
        known = 0 if a[newest] != a[newest] else known + 1
        if known < n:
            _restart(counts, a, newest, known)
            y[i] = NAN
            continue
        counts[pattern(a, newest)] += 1.0
        total = 0.0
        for k in range(counts.size):
            total += logs[int(counts[k])]
        y[i] = (natural_log(float(triples)) - total / triples) / math.log(PATTERN_COUNT)
        counts[pattern(a, i + 2)] -= 1.0


@inner
def _restart(counts: Floats, a: Floats, newest: int, known: int) -> None:
    if known == 0:
        for k in range(counts.size):
            counts[k] = 0.0
    elif known >= 3:
        counts[pattern(a, newest)] += 1.0


@inner
def quantile(y: Floats, a: Floats, n: int, q: float, memory: Floats) -> None:
    """Quantile q of the last n values, linear between neighbours; memory: the window in order."""
    known = known_before(a, n)
    ordered = memory[:n]
    held = min(known, n - 1)
    ordered[:held] = np.sort(a[n - 1 - held : n - 1])
    place = q * (n - 1)
    low = int(place)
    high = min(low + 1, n - 1)
    for i in range(y.size):
        x = a[i + n - 1]
        known = 0 if np.isnan(x) else known + 1
        held = 0 if known == 0 else held
        y[i] = NAN
        if known == 0:
            continue
        _insert(ordered, held, x)
        held += 1
        if known >= n:
            y[i] = ordered[low] + (place - low) * (ordered[high] - ordered[low])
            _remove(ordered, held, a[i])
            held -= 1


@inner
def _insert(ordered: Floats, held: int, x: float) -> None:
    at = np.searchsorted(ordered[:held], x)
    for j in range(held, at, -1):
        ordered[j] = ordered[j - 1]
    ordered[at] = x


@inner
def _remove(ordered: Floats, held: int, x: float) -> None:
    for j in range(np.searchsorted(ordered[:held], x), held - 1):
        ordered[j] = ordered[j + 1]


@inner
def bins(y: Floats, a: Floats, low: Floats, high: Floats, n: int, count: int, memory: Floats) -> None:
    """Shannon entropy of the last n values in equal bins from their lowest to their highest, 0 to 1."""
    for i in range(y.size):
        spread = high[i] - low[i]
        if not spread >= 0.0:
            y[i] = NAN
            continue
        for k in range(count):
            memory[k] = 0.0
        scale, last = count / spread if spread > 0.0 else 0.0, count - 1.0
        for j in range(i, i + n):
            place = (a[j] - low[i]) * scale
            # Cut as it is: no whole number holds what a forged state may make of it.
            place = place if place < last else last  # noqa: FURB136 - min of an unknown one is another thing
            place = max(0.0, place)
            memory[int(place)] += 1.0
        total = 0.0
        for k in range(count):
            if memory[k] > 0.0:
                total += memory[k] * natural_log(memory[k])
        y[i] = (natural_log(float(n)) - total / n) / natural_log(float(count))


@inner
def windowed(code: int, y: Floats, x: tuple[Floats, ...], numbers: Floats, memory: Floats) -> None:
    """Run a step that looks at a whole window."""
    n = int(numbers[0])
    if code == op.RANK:
        rank(y, x[0], n)
    elif code == op.DEVIATION:
        deviation(y, x[0], x[1], n)
    elif code == op.HURST:
        hurst(y, x[0], n, int(numbers[1]), memory)
    elif code == op.PATTERNS:
        patterns(y, x[0], n, memory)
    elif code == op.QUANTILE:
        quantile(y, x[0], n, numbers[1], memory)
    elif code == op.BINS:
        bins(y, x[0], x[1], x[2], n, int(numbers[1]), memory)
    else:
        profile(y, x, n, int(numbers[1]), numbers[2], numbers[3], memory)
