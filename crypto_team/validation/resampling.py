"""Resampling of return series: stationary bootstrap intervals and the probability of backtest overfitting."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError

Floats = npt.NDArray[np.float64]
CHUNK = 512


@dataclass(frozen=True)
class Interval:
    """A percentile interval around an estimate."""

    low: float
    high: float
    estimate: float


@dataclass(frozen=True)
class Pbo:
    """Result of combinatorially symmetric cross-validation.

    `pbo` counts a best-in-sample trial at the median as overfit, `pbo_strict` does not; they differ for odd numbers
    of trials. `loss_probability` is the share of splits whose chosen trial has a negative out-of-sample mean.
    """

    pbo: float
    pbo_strict: float
    n_combinations: int
    logits: Floats
    loss_probability: float


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


def pbo_cscv(returns: Floats, *, n_blocks: int = 16) -> Pbo:
    """Estimate the probability of backtest overfitting (Bailey, Borwein, Lopez de Prado and Zhu 2017).

    Parameters
    ----------
    returns
        Per-period returns of all trials, shape (T, N); no NaN. Rows beyond a multiple of `n_blocks` are dropped from
        the start.
    n_blocks
        Even number of contiguous blocks; every half of them is once in-sample.

    Raises
    ------
    InputError
        Fewer than two trials, an odd number of blocks, or fewer than two rows in half of the blocks.
    """
    length, trials = returns.shape
    rows = length // n_blocks
    if n_blocks % 2 or n_blocks < 2 or trials < 2 or rows * n_blocks // 2 < 2:
        raise InputError(
            f"PBO needs an even number of blocks, two trials and two rows in each half; got {n_blocks} blocks, "
            f"{trials} trials, {length} rows"
        )
    blocks = returns[length - rows * n_blocks :].reshape(n_blocks, rows, trials)
    # Centring on the whole-sample mean keeps the one-pass variance from cancelling.
    offset = blocks.mean(axis=(0, 1))
    centred = blocks - offset
    sums, squares = centred.sum(axis=1), (centred**2).sum(axis=1)
    rank, losses = _all_ranks(sums, squares, offset, rows)
    relative = rank / (trials + 1.0)
    return Pbo(
        pbo=float(np.mean(2 * rank <= trials + 1)),
        pbo_strict=float(np.mean(2 * rank < trials + 1)),
        n_combinations=len(rank),
        logits=np.log(relative / (1.0 - relative)),
        loss_probability=losses / len(rank),
    )


def _all_ranks(sums: Floats, squares: Floats, offset: Floats, rows: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the out-of-sample rank of the in-sample best for every half of the blocks, and how many lost money."""
    n_blocks = len(sums)
    chosen = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    ranks, losses = [], 0
    for at in range(0, len(chosen), CHUNK):
        part = chosen[at : at + CHUNK]
        inside = np.zeros((len(part), n_blocks))
        np.put_along_axis(inside, part, 1.0, axis=1)
        rank, loss = _split_ranks(inside, sums, squares, offset, rows * n_blocks // 2)
        ranks.append(rank)
        losses += loss
    return np.concatenate(ranks), losses


def _split_ranks(
    inside: Floats, sums: Floats, squares: Floats, offset: Floats, size: int
) -> tuple[npt.NDArray[np.int64], int]:
    """Rank the best in-sample trial of each split out of sample (1 = worst) and count negative means."""

    def sharpes(members: Floats) -> tuple[Floats, Floats]:
        mean = members @ sums / size
        variance = (members @ squares - size * mean**2) / (size - 1)
        total = mean + offset
        std = np.sqrt(np.maximum(variance, 0.0))
        return np.divide(total, std, out=np.full_like(mean, -np.inf), where=std > 0.0), total

    best = sharpes(inside)[0].argmax(axis=1)
    outside, means = sharpes(1.0 - inside)
    picks = np.arange(len(best))
    own = outside[picks, best]
    rank = (outside <= own[:, None]).sum(axis=1)
    return rank, int((means[picks, best] < 0.0).sum())
