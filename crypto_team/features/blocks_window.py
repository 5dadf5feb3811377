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
from crypto_team.features.compiled import inner

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

NAN = np.nan
PATTERN_COUNT = 6


@inner
def known_before(a: Floats, n: int) -> int:
    """Return how many of the first n - 1 values lie behind the last unknown one."""
    known = 0
    for j in range(n - 1):
        known = 0 if a[j] != a[j] else known + 1
    return known


@inner
def rank(y: Floats, a: Floats, n: int) -> None:
    """Share of the last n values that are at most the newest; ties count half."""
    known = known_before(a, n)
    fours = y.size // 4 * 4 if n >= 4 else 0
    for i in range(0, fours, 4):
        _four_counts(y[i : i + 4], a[i : i + n + 3], n)
    for i in range(fours, y.size):
        y[i] = _count(a[i : i + n], a[i + n - 1])
    for i in range(y.size):
        known = 0 if a[i + n - 1] != a[i + n - 1] else known + 1
        y[i] = 0.5 * (y[i] + 1.0) / n if known >= n else NAN


@inner
def _count(window: Floats, x: float) -> int:
    """Count the values below x, and again those up to x."""
    below, up_to = 0, 0
    for j in range(window.size):
        below += window[j] < x
        up_to += window[j] <= x
    return below + up_to


@inner
def _four_counts(y: Floats, a: Floats, n: int) -> None:
    """Do the same for four neighbouring windows; what they share is read once."""
    x0, x1, x2, x3 = a[n - 1], a[n], a[n + 1], a[n + 2]
    c0, c1, c2, c3 = _count(a[:3], x0), _count(a[1:3], x1), _count(a[2:3], x2), 0
    c1 += _count(a[n : n + 1], x1)
    c2 += _count(a[n : n + 2], x2)
    c3 += _count(a[n : n + 3], x3)
    shared = a[3:n]
    for j in range(shared.size):
        value = shared[j]
        c0 += value < x0
        c1 += value < x1
        c2 += value < x2
        c3 += value < x3
        c0 += value <= x0
        c1 += value <= x1
        c2 += value <= x2
        c3 += value <= x3
    y[0], y[1], y[2], y[3] = c0, c1, c2, c3


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
        scale = count / spread if spread > 0.0 else 0.0
        for j in range(i, i + n):
            memory[min(count - 1, int((a[j] - low[i]) * scale))] += 1.0
        total = 0.0
        for k in range(count):
            if memory[k] > 0.0:
                total += memory[k] * natural_log(memory[k])
        y[i] = (natural_log(float(n)) - total / n) / natural_log(float(count))


@inner
def profile(y: Floats, x: tuple[Floats, ...], n: int, count: int, share: float, which: float, memory: Floats) -> None:
    """Volume by price over the last n bars: the busiest price (0), or where its surroundings begin (-1) or end (1).

    Prices fall into equal bins from the lowest to the highest of the window. Around the busiest bin, the busier
    neighbour is added until the share of the volume is reached.
    """
    prices, volumes, lows, highs = x
    for i in range(y.size):
        low, spread = lows[i], highs[i] - lows[i]
        for k in range(4 * count):
            memory[k] = 0.0
        if not spread > 0.0:
            y[i] = low + 0.0 * spread
            continue
        scale = count / spread
        total = _spread_out(memory, prices[i : i + n], volumes[i : i + n], low, scale, count)
        if not total > 0.0:
            y[i] = low + 0.5 * spread + 0.0 * total
            continue
        y[i] = low + _edge(memory, count, share * total, which) / scale


@inner
def _spread_out(memory: Floats, prices: Floats, volumes: Floats, low: float, scale: float, count: int) -> float:
    """Add volumes to the bins of their prices, and return the sum of all.

    Neighbouring bars often fall into one bin; four sets of bins in turn save waiting for the last addition.
    """
    last = count - 1
    for j in range(prices.size):
        memory[(j & 3) * count + min(last, int((prices[j] - low) * scale))] += volumes[j]
    total = 0.0
    for k in range(count):
        memory[k] = (memory[k] + memory[count + k]) + (memory[2 * count + k] + memory[3 * count + k])
        total += memory[k]
    return total


@inner
def _edge(memory: Floats, count: int, wanted: float, which: float) -> float:
    best = 0
    for k in range(1, count):
        best = k if memory[k] > memory[best] else best
    if which == 0.0:
        return best + 0.5
    first, last, held = best, best, memory[best]
    while held < wanted and (first > 0 or last < count - 1):
        below = memory[first - 1] if first > 0 else -1.0
        above = memory[last + 1] if last < count - 1 else -1.0
        if above >= below:
            last += 1
            held += above
        else:
            first -= 1
            held += below
    return float(first) if which < 0.0 else last + 1.0


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
