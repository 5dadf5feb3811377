"""Bin edges of boosted trees found once, on the earliest training window, and shared with every later one.

Finding edges sorts every column of every window, which costs as much as the rest of binning. Later windows may know
earlier ones, so edges of the earliest window look ahead nowhere; edges of the whole sample would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crypto_team.models.samples import Matrix

# LightGBM keeps a bin for zero and one for unknown; one more because it splits the budget at zero and rounds down.
SPARE_LEVELS = 3
MOST_OUTSIDE = 0.25
LEAST_INSIDE, MOST_INSIDE = 0.1, 0.9


@dataclass(frozen=True)
class SharedBins:
    """Levels of each column, shape (levels, k), float32, ascending; bin edges lie half-way between neighbours.

    Each level is the median of one of equally full parts of the column's known values, or one of its distinct values
    where these are few; the last level is repeated where there are fewer. All NaN where nothing was known.
    """

    levels: Matrix

    def take(self, columns: list[int]) -> SharedBins:
        """Return the bins of some columns, in their order."""
        return SharedBins(self.levels[:, columns])

    def sample(self, x: Matrix) -> Matrix:
        """Return few rows whose distinct values are the levels: bins made from them are the shared ones.

        A column of the window `x` (n, k) gets a NaN of its own where `x` has one. Where the shared levels no longer fit
        the window (a quarter of its values lies outside them, or nine tenths or less than a tenth inside their middle
        half), its levels come from the window itself: a price that has doubled would else lie in one bin.
        """
        levels = self.levels.copy()
        drifted = np.flatnonzero(~_fitting(levels, x))
        if drifted.size:
            levels[:, drifted] = find_bins(x[:, drifted], len(levels) + SPARE_LEVELS).levels
        unknown = np.where(np.isfinite(x).all(axis=0), levels[-1], np.float32(np.nan))
        return np.vstack([levels, unknown[None, :]])


def find_bins(x: Matrix, max_bin: int) -> SharedBins:
    """Find the levels of all columns of `x` (n, k) for at most `max_bin` bins; only finite values count."""
    count = max(1, max_bin - SPARE_LEVELS)
    made = np.full((count, x.shape[1]), np.nan, dtype=np.float32)
    for column in range(x.shape[1]):
        values = x[:, column]
        values = np.sort(values[np.isfinite(values)])
        if not values.size:
            continue
        distinct = values[np.append(True, np.diff(values) != 0.0)]
        if distinct.size > count:
            middles = ((np.arange(count) + 0.5) * (values.size / count)).astype(np.int64)
            picked = values[middles]
            distinct = picked[np.append(True, np.diff(picked) != 0.0)]
        made[:, column] = distinct[-1]
        made[: distinct.size, column] = distinct
    return SharedBins(made)


def _fitting(levels: Matrix, x: Matrix) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say for each column whether the levels still cut the window into parts of use."""
    low, high = levels[0], levels[-1]
    first, third = levels[len(levels) // 4], levels[3 * len(levels) // 4]
    outside = ((x < low) | (x > high)).mean(axis=0)
    inside = ((x >= first) & (x <= third)).mean(axis=0)
    few = levels[-2] == high if len(levels) > 1 else np.ones(len(high), dtype=np.bool_)
    covered = few | ((inside >= LEAST_INSIDE) & (inside <= MOST_INSIDE))
    return np.asarray(np.isfinite(low) & (outside <= MOST_OUTSIDE) & covered)
