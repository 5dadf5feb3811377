"""Rows with what lies before them: how sequence models get windows and ensembles get time, without a copy per row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Matrix: TypeAlias = npt.NDArray[np.float32]
Index: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Samples:
    """n rows picked out of m consecutive bars.

    Attributes
    ----------
    values
        Features of all bars, float32, shape (m, k), contiguous; bars of one pair lie together, in time order.
    rows
        The bar of each sample, shape (n,).
    first
        The first bar of the same pair, shape (n,); a window that would begin before it is padded with NaN (unknown).
    time, known
        When each sample's bar opens and when its label is known (milliseconds), shape (n,).
    step_return
        Return from each bar's close to the next one's, shape (m,); empty where only predictions are asked.
    ahead, horizons
        Return from each bar's close over each horizon of the target's set, shape (m, horizons), and those horizons in
        bars, the predicted one first; empty where only predictions are asked.
    """

    values: Matrix
    rows: Index
    first: Index
    time: Index
    known: Index
    step_return: Floats = field(default_factory=lambda: np.empty(0))
    ahead: Floats = field(default_factory=lambda: np.empty((0, 0)))
    horizons: tuple[int, ...] = ()

    def __len__(self) -> int:
        return int(self.rows.size)

    @property
    def columns(self) -> int:
        """Return the number of features."""
        return int(self.values.shape[1])

    def last(self) -> Matrix:
        """Return the features of the samples' own bars, shape (n, k)."""
        return np.ascontiguousarray(self.values[self.rows])

    def take(self, index: Index) -> Samples:
        """Return some of the samples; the bars are shared, not copied."""
        return replace(
            self, rows=self.rows[index], first=self.first[index], time=self.time[index], known=self.known[index]
        )

    def places(self, length: int) -> Index:
        """Return the bars of each sample's window, oldest first, shape (n, length); -1 where there is none."""
        places = self.rows[:, None] + np.arange(1 - length, 1)
        return np.asarray(np.where(places >= self.first[:, None], places, -1))


Inputs: TypeAlias = Matrix | Samples


def rows_of(x: Inputs) -> Matrix:
    """Return the rows themselves, shape (n, k): all that a learner without memory looks at."""
    return x.last() if isinstance(x, Samples) else x


def samples_of(x: Inputs) -> Samples:
    """Return samples; rows of a plain matrix have no history and follow each other in time, each label known at once.

    So a row of a matrix gets the same prediction alone and in a batch.
    """
    if isinstance(x, Samples):
        return x
    order = np.arange(len(x), dtype=np.int64)
    return Samples(np.ascontiguousarray(x, dtype=np.float32), order, order, order, order)


def purged_tail(samples: Samples, share: float) -> tuple[Index, Index]:
    """Split samples in time: the last `share` of the times, and the earlier samples whose label is known before it.

    Returns
    -------
    tuple
        Positions of the earlier samples and of the tail, each ascending.
    """
    times = np.unique(samples.time)
    cut = times[min(times.size - 1, round(times.size * (1.0 - share)))] if times.size else 0
    early = np.flatnonzero((samples.time < cut) & (samples.known <= cut))
    return early.astype(np.int64), np.flatnonzero(samples.time >= cut).astype(np.int64)


def forward_blocks(samples: Samples, blocks: int) -> list[tuple[Index, Index]]:
    """Return (train, predict) positions of a purged forward chain: each block is predicted from earlier ones only.

    The times are cut into `blocks` + 1 parts of equal count; the first is only learnt from. A sample is learnt from
    when its label is known before the block begins, so neither the block nor anything after it is seen.
    """
    times = np.unique(samples.time)
    edges = [times[part[0]] for part in np.array_split(np.arange(times.size), blocks + 1) if part.size]
    stops = [*edges[1:], np.iinfo(np.int64).max]
    chain = []
    for start, stop in zip(edges[1:], stops[1:], strict=True):
        train = np.flatnonzero((samples.time < start) & (samples.known <= start))
        chain.append((train.astype(np.int64), np.flatnonzero((samples.time >= start) & (samples.time < stop))))
    return chain
