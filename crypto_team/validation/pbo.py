"""The probability of backtest overfitting by combinatorially symmetric cross-validation, all splits at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CHUNK = 128


@dataclass(frozen=True)
class Pbo:
    """Result of combinatorially symmetric cross-validation.

    `pbo` counts a best-in-sample trial at the median as overfit, `pbo_strict` does not; they differ for odd numbers
    of trials. `loss_probability` is the share of splits whose chosen trial has a negative out-of-sample mean. The
    degradation line says what Sharpe ratio per period the chosen trial has outside, given the one that it had inside.
    """

    pbo: float
    pbo_strict: float
    n_combinations: int
    logits: Floats
    loss_probability: float
    degradation_slope: float
    degradation_intercept: float


@dataclass(frozen=True)
class _Chosen:
    """The best in-sample trial of some splits: rank out of sample (1 is worst), Sharpe ratios, and losses."""

    rank: Ints
    inside: Floats
    outside: Floats
    lost: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Blocks:
    """Sums and squares of centred returns of each block and trial, and the mean that was taken out."""

    sums: Floats
    squares: Floats
    offset: Floats
    size: int


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
    parts = list(_splits(_summed(returns[length - rows * n_blocks :], n_blocks), n_blocks))
    rank = np.concatenate([part.rank for part in parts])
    relative = rank / (trials + 1.0)
    slope, intercept = _line(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("inside", "outside"))
    )
    return Pbo(
        pbo=float(np.mean(2 * rank <= trials + 1)),
        pbo_strict=float(np.mean(2 * rank < trials + 1)),
        n_combinations=len(rank),
        logits=np.log(relative / (1.0 - relative)),
        loss_probability=float(np.mean(np.concatenate([part.lost for part in parts]))),
        degradation_slope=slope,
        degradation_intercept=intercept,
    )


def _summed(returns: Floats, n_blocks: int) -> _Blocks:
    """Reduce every block to two numbers per trial: any union of blocks then has its moments by adding."""
    rows = len(returns) // n_blocks
    # Centring on the whole-sample mean keeps the one-pass variance from cancelling.
    offset = returns.mean(axis=0)
    sums, squares = np.empty((n_blocks, returns.shape[1])), np.empty((n_blocks, returns.shape[1]))
    for block in range(n_blocks):
        centred = returns[block * rows : (block + 1) * rows] - offset
        sums[block], squares[block] = centred.sum(axis=0), np.einsum("ij,ij->j", centred, centred)
    return _Blocks(sums, squares, offset, rows * n_blocks // 2)


def _splits(blocks: _Blocks, n_blocks: int) -> Iterator[_Chosen]:
    """Choose and rank for every half of the blocks, in the lexicographic order of their combinations.

    The last combination is the complement of the first, the last but one that of the second, and so on: each half is
    measured once and serves inside of one split and outside of another.
    """
    chosen = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    first = chosen[: math.comb(n_blocks, n_blocks // 2) // 2]
    late: list[_Chosen] = []
    for at in range(0, len(first), CHUNK):
        members = np.zeros((len(first[at : at + CHUNK]), n_blocks))
        np.put_along_axis(members, first[at : at + CHUNK], 1.0, axis=1)
        here, there = _sharpes(members, blocks), _sharpes(1.0 - members, blocks)
        yield _choose(here, there, members, blocks)
        late.append(_choose(there, here, 1.0 - members, blocks))
    for part in reversed(late):
        yield _Chosen(part.rank[::-1], part.inside[::-1], part.outside[::-1], part.lost[::-1])


def _sharpes(members: Floats, blocks: _Blocks) -> Floats:
    """Return the Sharpe ratio per period of every trial over each union of blocks; -inf without spread."""
    size = blocks.size
    mean = members @ blocks.sums
    mean /= size
    deviation = members @ blocks.squares
    deviation -= size * np.square(mean)
    deviation /= size - 1
    mean += blocks.offset
    np.maximum(deviation, 0.0, out=deviation)
    np.sqrt(deviation, out=deviation)
    return np.divide(mean, deviation, out=np.full_like(mean, -np.inf), where=deviation > 0.0)


def _choose(inside: Floats, outside: Floats, members: Floats, blocks: _Blocks) -> _Chosen:
    """Take the best trial of each split inside and see where it stands outside."""
    picks, best = np.arange(len(inside)), inside.argmax(axis=1)
    own = outside[picks, best]
    mean = np.einsum("ij,ji->i", 1.0 - members, blocks.sums[:, best]) / blocks.size + blocks.offset[best]
    return _Chosen(np.count_nonzero(outside <= own[:, None], axis=1), inside[picks, best], own, mean < 0.0)


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and intercept of the least-squares line; NaN without spread or with an infinite value."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or np.ptp(x) == 0.0:
        return math.nan, math.nan
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return slope, float(y.mean() - slope * x.mean())
