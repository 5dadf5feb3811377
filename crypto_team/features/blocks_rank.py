"""Ranks of the newest value of each window: as many comparisons as the window is long, 32 windows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.features.compiled import cut, inner
from crypto_team.features.compiled_ranks import ranked

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.int32]

NAN = np.nan
TILE: Final = 256
UP_TO: Final = 1 << 16
MOST_COUNTED: Final = 30_000
RARE: Final = 8


@inner
def known_before(a: Floats, n: int) -> int:
    """Return how many of the first n - 1 values lie behind the last unknown one."""
    known = 0
    for j in range(n - 1):
        known = 0 if a[j] != a[j] else known + 1
    return known


@inner
def rank(y: Floats, a: Floats, n: int) -> None:
    """Share of the last n values that are at most the newest; ties count half.

    Values are compared after rounding to float32, which keeps their order but for new ties; a window in which somebody
    ties with the newest is counted again as it is.
    """
    known = known_before(a, n)
    if y.size < TILE or n > MOST_COUNTED:
        for i in range(y.size):
            y[i] = -1.0
    else:
        _quick(y, a, n)
    for i in range(y.size):
        known = 0 if a[i + n - 1] != a[i + n - 1] else known + 1
        if known < n:
            y[i] = NAN
            continue
        count = y[i] if y[i] >= 0.0 else _exact(cut(a, i, n), a[i + n - 1])
        y[i] = 0.5 * (count + 1.0) / n


@inner
def _exact(window: Floats, x: float) -> float:
    """Count the values below x, and again those up to x."""
    below, up_to = 0, 0
    for j in range(window.size):
        below += window[j] < x
        up_to += window[j] <= x
    return float(below + up_to)


@inner
def _quick(y: Floats, a: Floats, n: int) -> None:
    """Count tile by tile, in float32 first; -1 where somebody ties with the newest, if that is rare in the tile."""
    rounded, counts = np.zeros(TILE + n, dtype=np.float32), np.empty(TILE, dtype=np.int32)
    for start in range(0, y.size, TILE):
        size = min(TILE, y.size - start)
        part, found = cut(a, start, size + n - 1), cut(counts, 0, size)
        for j in range(part.size):
            rounded[j] = np.float32(part[j])
        ranked(counts, rounded, n)
        tied = 0
        for i in range(size):
            tied += (found[i] >> 16) != (found[i] & (UP_TO - 1)) + 1
        often = tied > size // RARE
        if often:
            _counted(found, part, n)
        for i in range(size):
            below, up_to = found[i] & (UP_TO - 1), found[i] >> 16
            y[start + i] = float(below + up_to) if often or up_to == below + 1 else -1.0


@inner
def _counted(counts: Counts, a: Floats, n: int) -> None:
    """Count the values below the newest of each window, and UP_TO times those up to it: itself, and four by four."""
    newest = cut(a, n - 1, counts.size)
    for i in range(counts.size):
        counts[i] = 0
    alone = n % 4
    for j in range(alone):
        first = cut(a, j, counts.size)
        for i in range(counts.size):
            counts[i] += np.int32((first[i] < newest[i]) + UP_TO * (first[i] <= newest[i]))
    for j in range(alone, n, 4):
        _four_more(counts, newest, a, j)


@inner
def _four_more(counts: Counts, newest: Floats, a: Floats, j: int) -> None:
    size = counts.size
    first, second, third, fourth = cut(a, j, size), cut(a, j + 1, size), cut(a, j + 2, size), cut(a, j + 3, size)
    for i in range(size):
        x = newest[i]
        below = np.int32(first[i] < x) + np.int32(second[i] < x) + np.int32(third[i] < x) + np.int32(fourth[i] < x)
        up_to = np.int32(first[i] <= x) + np.int32(second[i] <= x) + np.int32(third[i] <= x) + np.int32(fourth[i] <= x)
        counts[i] += np.int32(below + UP_TO * up_to)
