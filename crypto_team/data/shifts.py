"""Whether two series of closes are one market whose dates were moved, and by how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import fft, stats

Floats = npt.NDArray[np.float64]
ALIKE, RANKED = 0.98, 0.9
"""Correlations of returns, plain and of ranks, from which two series are one: a few large moves do not reach both."""
LEAST_SHARED = 200
PEAKS = 3
MOST_RATIO = 96


def shift_between(known: pd.Series[float], own: pd.Series[float], steps: tuple[int, int]) -> pd.Timedelta | None:
    """Return by how much the dates of `own` are later than those of `known` where both are one market, else None.

    Parameters
    ----------
    known, own
        Closes above 0 by the time at which they are known, in order of time.
    steps
        Seconds between bars of each. If one has longer bars, closes of the other are taken at every phase of them.

    Notes
    -----
    Signs of returns are compared at all shifts at once by their cross-correlation; the best three are looked at
    closely. The shared part has to be long beside the root of the whole, thousands of bars in a hundred thousand.
    """
    step = max(steps)
    if step % min(steps) or step // min(steps) > MOST_RATIO or min(len(known), len(own)) < LEAST_SHARED:
        return None
    for first in _phases(known, steps[0], step):
        for second in _phases(own, steps[1], step):
            lag = _lag(_returns(first, step), _returns(second, step))
            if lag is not None:
                moved = second.index[0] - first.index[0]
                return pd.Timedelta(moved - pd.Timedelta(seconds=lag * step))
    return None


def _phases(closes: pd.Series[float], own: int, step: int) -> list[pd.Series[float]]:
    """Return the closes at every phase of longer bars; themselves where theirs are as long."""
    if own == step:
        return [closes]
    place = (pd.DatetimeIndex(closes.index).as_unit("s").asi8 // own) % (step // own)
    found = [closes[place == phase] for phase in range(step // own)]
    return [each for each in found if len(each) >= LEAST_SHARED]


def _returns(closes: pd.Series[float], step: int) -> Floats:
    """Return the log returns of all bars from the first to the last; NaN where a bar or the one before is missing."""
    seconds = pd.DatetimeIndex(closes.index).as_unit("s").asi8
    place = (seconds - seconds[0]) // step
    grid = np.full(int(place[-1]) + 1, np.nan)
    grid[place] = np.log(closes.to_numpy(dtype=np.float64))
    return np.diff(grid)


def _lag(known: Floats, own: Floats) -> int | None:
    """Return how many bars further the same returns are in `known`, None where they are not the same."""
    size = fft.next_fast_len(known.size + own.size, real=True)
    spectra = [fft.rfft(np.sign(np.nan_to_num(each)), size) for each in (known, own)]
    together = fft.irfft(spectra[0] * np.conj(spectra[1]), size)
    best = np.argpartition(together, -PEAKS)[-PEAKS:]
    for place in best[np.argsort(-together[best], kind="stable")]:
        lag = int(place) if place < known.size else int(place) - size
        first, second = known[max(0, lag) :], own[max(0, -lag) :]
        shared = min(first.size, second.size)
        if _same(first[:shared], second[:shared]):
            return lag
    return None


def _same(first: Floats, second: Floats) -> bool:
    whole = np.isfinite(first) & np.isfinite(second)
    first, second = first[whole], second[whole]
    if min(np.count_nonzero(first), np.count_nonzero(second)) < LEAST_SHARED:
        return False
    if min(first.std(), second.std()) == 0.0:
        return False
    ranks = stats.rankdata(first), stats.rankdata(second)
    return float(np.corrcoef(first, second)[0, 1]) >= ALIKE and float(np.corrcoef(*ranks)[0, 1]) >= RANKED
