"""The probability of backtest overfitting by combinatorially symmetric cross-validation, all splits at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CHUNK = 128
CANCELLED = 1e-5
"""Share of the squares below which a one-pass variance has lost a third of its digits and is measured again."""
TIE = 1e-9
"""Relative difference up to which Sharpe ratios are level: equal returns of a half do not round to equal ratios."""
LEAST_TIE = 1e-12


@dataclass(frozen=True)
class Pbo:
    """Result of combinatorially symmetric cross-validation.

    `pbo` counts a best-in-sample trial at the median as overfit, `pbo_strict` does not; they differ for odd numbers
    of trials. Trials that tie out of sample share their ranks: one of ten copies is overfit in half of them, and its
    logit is that of their mean. Trials that tie in-sample are chosen in equal parts. `loss_probability` is the share of
    splits whose chosen trial has a negative out-of-sample mean. The degradation line says what Sharpe ratio per period
    the chosen trial has outside, given the one that it had inside.
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
    """What is best in-sample in some splits, in equal parts where several are, shape (splits,) each.

    `rank` is the one out of sample, `overfit` and `strict` are the shares of it in the lower half with and without the
    median, `inside` and `outside` Sharpe ratios, `lost` the share with a negative mean outside.
    """

    rank: Floats
    overfit: Floats
    strict: Floats
    inside: Floats
    outside: Floats
    lost: Floats


@dataclass(frozen=True)
class _Blocks:
    """Moments of each block and different trial; `place` says which of them a trial is.

    `sums` and `squares` are of returns less their `offset`, `means` and `within` (squared distances from the block's
    mean) of the returns as they are, and exact where a block is constant. `size` counts the rows of half the blocks.
    """

    sums: Floats
    squares: Floats
    offset: Floats
    means: Floats
    within: Floats
    place: Ints
    size: int


def pbo_cscv(returns: Floats, *, n_blocks: int = 16) -> Pbo:
    """Estimate the probability of backtest overfitting (Bailey, Borwein, Lopez de Prado and Zhu 2017).

    Parameters
    ----------
    returns
        Per-period returns of all trials, shape (T, N); no NaN. Rows beyond a multiple of `n_blocks` are dropped from
        the start. A trial that never moves in a half has the Sharpe ratio -inf there: it is not chosen, and ranks last.
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
    joined = {
        one.name: np.concatenate([np.asarray(getattr(part, one.name)) for part in parts]) for one in fields(_Chosen)
    }
    relative = joined["rank"] / (trials + 1.0)
    slope, intercept = _line(joined["inside"], joined["outside"])
    return Pbo(
        pbo=float(joined["overfit"].mean()),
        pbo_strict=float(joined["strict"].mean()),
        n_combinations=len(relative),
        logits=np.log(relative / (1.0 - relative)),
        loss_probability=float(joined["lost"].mean()),
        degradation_slope=slope,
        degradation_intercept=intercept,
    )


def _share_of_ranks(below: Ints, level: Ints, highest: int) -> Floats:
    """Return the share of the ranks `below + 1 .. below + level` that are not above `highest`."""
    return np.asarray(np.clip((highest - below) / level, 0.0, 1.0))


def _summed(returns: Floats, n_blocks: int) -> _Blocks:
    """Reduce every block to a few numbers per trial: any union of blocks then has its moments by adding."""
    rows, trials = len(returns) // n_blocks, returns.shape[1]
    # Centring on the whole-sample mean keeps most of the one-pass variance from cancelling.
    offset = returns.mean(axis=0)
    sums, squares, means, within = (np.empty((n_blocks, trials)) for _ in range(4))
    for block in range(n_blocks):
        own = returns[block * rows : (block + 1) * rows]
        centred = own - offset
        sums[block], squares[block] = centred.sum(axis=0), np.einsum("ij,ij->j", centred, centred)
        means[block] = np.where((own == own[0]).all(axis=0), own[0], own.mean(axis=0))
        centred = own - means[block]
        within[block] = np.einsum("ij,ij->j", centred, centred)
    # Copies of a trial are measured once: products of matrices need not round two equal columns alike.
    _, first, place = np.unique(np.concatenate([means, within]), axis=1, return_index=True, return_inverse=True)
    if len(first) == trials:
        first = place = np.arange(trials)
    parts = (array[:, first] for array in (sums, squares, offset[None], means, within))
    sums, squares, offset, means, within = parts
    return _Blocks(sums, squares, offset[0], means, within, place.reshape(-1), rows * n_blocks // 2)


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
        yield _Chosen(*(np.asarray(getattr(part, one.name))[::-1] for one in fields(_Chosen)))


def _sharpes(members: Floats, blocks: _Blocks) -> Floats:
    """Return the Sharpe ratio per period of every trial over each union of blocks; -inf without spread."""
    size = blocks.size
    mean, squares = members @ blocks.sums, members @ blocks.squares
    mean /= size
    deviation = squares - size * np.square(mean)
    squares *= CANCELLED
    unsure = deviation <= squares
    if unsure.any():
        deviation[unsure] = _two_pass(members, blocks, unsure)
    deviation /= size - 1
    mean += blocks.offset
    np.sqrt(deviation, out=deviation)
    found: Floats = np.divide(mean, deviation, out=np.full_like(mean, -np.inf), where=deviation > 0.0)
    copied = len(blocks.place) != found.shape[1]
    return np.take(found, blocks.place, axis=1) if copied else found


def _two_pass(members: Floats, blocks: _Blocks, where: npt.NDArray[np.bool_]) -> Floats:
    """Return sums of squared distances from the mean of the union; 0 exactly when all its returns are equal."""
    union, trial = np.nonzero(where)
    chosen = np.nonzero(members)[1].reshape(len(members), -1)[union]
    means = blocks.means[chosen, trial[:, None]]
    means -= means[:, :1].copy()
    means -= means.mean(axis=1, keepdims=True)
    rows = blocks.size / chosen.shape[1]
    between = np.einsum("ij,ij->i", means, means) * rows
    return np.asarray(blocks.within[chosen, trial[:, None]].sum(axis=1) + between)


def _choose(inside: Floats, outside: Floats, members: Floats, blocks: _Blocks) -> _Chosen:
    """Take the best trial of each split inside and see where it stands outside."""
    picks, best = np.arange(len(inside)), inside.argmax(axis=1)
    top, own = inside[picks, best], outside[picks, best]
    mean = np.einsum("ij,ji->i", 1.0 - members, blocks.means[:, blocks.place[best]])
    slack = _slack(own)
    below = np.count_nonzero(outside < (own - slack)[:, None], axis=1)
    level = np.count_nonzero(outside <= (own + slack)[:, None], axis=1) - below
    made = _standing(below, level, outside.shape[1], own, mean < 0.0)
    tied = inside >= (top - _slack(top))[:, None]
    for split in np.flatnonzero(np.count_nonzero(tied, axis=1) > 1):
        trials = np.flatnonzero(tied[split])
        own, row = outside[split, trials], np.sort(outside[split])
        slack = _slack(own)
        below = np.searchsorted(row, own - slack, side="left")
        level = np.searchsorted(row, own + slack, side="right") - below
        mean = (1.0 - members[split]) @ blocks.means[:, blocks.place[trials]]
        made[:, split] = _standing(below, level, row.size, own, mean < 0.0).mean(axis=1)
    rank, overfit, strict, own, lost = made
    return _Chosen(rank, overfit, strict, top, own, lost)


def _slack(ratios: Floats) -> Floats:
    """Return how far from a Sharpe ratio others count as equal to it."""
    return np.where(np.isfinite(ratios), np.maximum(TIE * np.abs(ratios), LEAST_TIE), 0.0)


def _standing(below: Ints, level: Ints, trials: int, own: Floats, lost: npt.NDArray[np.bool_]) -> Floats:
    """Return rank, its shares in the lower half, Sharpe ratio and loss of chosen trials, shape (5, chosen)."""
    shares = (_share_of_ranks(below, level, highest) for highest in ((trials + 1) // 2, trials // 2))
    return np.stack([below + (level + 1) / 2.0, *shares, own, lost.astype(np.float64)])


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and intercept of the least-squares line; NaN without spread or with an infinite value."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or np.ptp(x) == 0.0:
        return math.nan, math.nan
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return slope, float(y.mean() - slope * x.mean())
