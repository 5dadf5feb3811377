"""How bursts follow each other, over whole arrays. Every window is looked at anew, so it is equal when recomputed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.features.compiled import kernel

Floats = npt.NDArray[np.float64]


@kernel
def _followed(highest: float, limit: float) -> float:
    if np.isnan(highest):
        return np.nan
    return 1.0 if highest > limit else 0.0


@kernel
def likelihood_of_cluster(x: Floats, n: int, m: int) -> Floats:
    """Return how often, in the last m bars, a bar at least as busy was followed by a cluster within n bars.

    A bar counts once its n following bars are over, so that each outcome was known. A cluster is a bar above the mean
    plus three deviations of those m bars. NaN where nothing comparable happened, or where what followed is not known.
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
        similar, hits = 0, 0.0
        for at in range(row - m - n + 1, row - n + 1):
            if x[at] >= x[row]:
                similar += 1
                hits += _followed(highest_next[at], limit)
        if similar > 0:
            out[row] = hits / similar
        elif x[row] > limit:
            out[row] = 1.0
    return out
