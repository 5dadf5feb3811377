"""Kernels over two columns, and over bursts. Every window is summed anew: no drift, and equal when recomputed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.features.compiled import kernel

Floats = npt.NDArray[np.float64]
CORRELATION, SLOPE = 0, 1


@kernel
def rolling_pair(x: Floats, y: Floats, n: int, which: int) -> Floats:
    """Return correlation (0), or slope of x on y (1), of the last n pairs; NaN where one is unknown or flat."""
    out = np.full(x.size, np.nan)
    for row in range(n - 1, x.size):
        mean_x = x[row - n + 1 : row + 1].mean()
        mean_y = y[row - n + 1 : row + 1].mean()
        if np.isnan(mean_x) or np.isnan(mean_y):
            continue
        both = square_x = square_y = 0.0
        for at in range(row - n + 1, row + 1):
            gap_x, gap_y = x[at] - mean_x, y[at] - mean_y
            both += gap_x * gap_y
            square_x += gap_x * gap_x
            square_y += gap_y * gap_y
        if which == SLOPE and square_y > 0.0:
            out[row] = both / square_y
        elif which == CORRELATION and square_x > 0.0 and square_y > 0.0:
            out[row] = min(1.0, max(-1.0, both / np.sqrt(square_x * square_y)))
    return out


@kernel
def likelihood_of_cluster(x: Floats, n: int, m: int) -> Floats:
    """Return how often, in the last m bars, a bar at least as busy was followed by a cluster within n bars.

    A bar counts once its n following bars are over, so that each outcome was known. A cluster is a bar above the mean
    plus three deviations of those m bars. NaN where nothing comparable happened.
    """
    out = np.full(x.size, np.nan)
    highest_next = np.full(x.size, np.nan)
    for at in range(x.size - n):
        highest_next[at] = x[at + 1 : at + n + 1].max()
    for row in range(m + n - 1, x.size):
        past = x[row - m - n + 1 : row - n + 1]
        mean = past.mean()
        limit = mean + 3.0 * past.std()
        if np.isnan(limit) or np.isnan(x[row]):
            continue
        similar = hits = 0
        for at in range(row - m - n + 1, row - n + 1):
            if x[at] >= x[row]:
                similar += 1
                hits += int(highest_next[at] > limit)
        if similar > 0:
            out[row] = hits / similar
        elif x[row] > limit:
            out[row] = 1.0
    return out


@kernel
def concentration(x: Floats, n: int, m: int) -> Floats:
    """Return the share of the last n bars in the total size of the last m, times m / n; 0 where there was none."""
    out = np.full(x.size, np.nan)
    for row in range(m - 1, x.size):
        size = np.abs(x[row - m + 1 : row + 1])
        total = size.sum()
        if not np.isnan(total):
            out[row] = size[m - n :].sum() / total * (m / n) if total > 0.0 else 0.0
    return out
