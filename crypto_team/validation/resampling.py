"""Resampling of return series: the stationary bootstrap and its intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A percentile interval around an estimate."""

    low: float
    high: float
    estimate: float


def stationary_bootstrap(
    n: int, *, mean_block: float, resamples: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw indices of the stationary bootstrap (Politis and Romano 1994).

    Parameters
    ----------
    n
        Length of the series.
    mean_block
        Mean length of the geometric blocks, in observations.

    Returns
    -------
    ndarray
        Shape (resamples, n); blocks wrap around the end.
    """
    restart = rng.random((resamples, n)) < 1.0 / mean_block
    restart[:, 0] = True
    starts = rng.integers(0, n, size=(resamples, n))
    steps = np.arange(n)
    last = np.maximum.accumulate(np.where(restart, steps, 0), axis=1)
    first = np.take_along_axis(starts, last, axis=1)
    return np.asarray((first + steps - last) % n, dtype=np.int64)


def _block_length(n: int, mean_block: float | None) -> float:
    return float(max(1, round(n ** (1.0 / 3.0)))) if mean_block is None else mean_block


def _interval(
    values: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    rng: np.random.Generator,
    resamples: int,
    mean_block: float | None,
    confidence: float,
) -> Interval:
    sample = values[np.isfinite(values)]
    n = sample.size
    if n < 3 or np.ptp(sample) == 0.0:
        return Interval(math.nan, math.nan, math.nan)
    block = _block_length(n, mean_block)
    rows = max(1, 2_000_000 // n)
    drawn = [
        statistic(sample[stationary_bootstrap(n, mean_block=block, resamples=min(rows, resamples - at), rng=rng)])
        for at in range(0, resamples, rows)
    ]
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(np.concatenate(drawn), [tail, 1.0 - tail])
    return Interval(float(low), float(high), float(statistic(sample[None, :])[0]))


def _row_sharpes(rows: Floats) -> Floats:
    std = rows.std(axis=1, ddof=1)
    return np.asarray(np.divide(rows.mean(axis=1), std, out=np.full(len(rows), np.nan), where=std > 0.0))


def sharpe_interval(
    returns: Floats,
    *,
    periods_per_year: float,
    rng: np.random.Generator,
    resamples: int = 2000,
    mean_block: float | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Return the stationary-bootstrap percentile interval of the annualised Sharpe ratio.

    Parameters
    ----------
    returns
        Simple returns per period in time order, shape (n,); NaN are dropped.
    mean_block
        Mean block length in periods; None takes the cube root of n.

    Returns
    -------
    Interval
        All NaN with fewer than three returns or without spread.
    """
    raw = _interval(returns, _row_sharpes, rng=rng, resamples=resamples, mean_block=mean_block, confidence=confidence)
    year = math.sqrt(periods_per_year)
    return Interval(raw.low * year, raw.high * year, raw.estimate * year)


def mean_interval(
    values: Floats,
    *,
    rng: np.random.Generator,
    resamples: int = 2000,
    mean_block: float | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Return the stationary-bootstrap percentile interval of a mean; NaN are dropped."""
    return _interval(
        values,
        lambda rows: np.asarray(rows.mean(axis=1)),
        rng=rng,
        resamples=resamples,
        mean_block=mean_block,
        confidence=confidence,
    )
