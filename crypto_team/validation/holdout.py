"""Judging a candidate on sealed rows, and answering again without giving the rows away.

The first answer about a strategy is exact. Later ones pass the Ladder (Blum and Hardt 2015): they move only when the
new value is better than the best one released before by more than its own standard error. Beyond the budget of the
registry every answer carries Laplace noise (Dwork et al. 2015, Thresholdout).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.validation.clock import milliseconds
from crypto_team.validation.resampling import stationary_bootstrap

Floats = npt.NDArray[np.float64]
RESAMPLES = 1000
LEAST_ROWS = 30


@dataclass(frozen=True)
class SealedSkill:
    """Rank correlation of signal and forward return over some rows, and its standard error."""

    rank_ic: float
    error: float
    bars: int


def sealed_skill(rows: pd.DataFrame, *, horizon_bars: int, seed: int) -> SealedSkill:
    """Measure the skill of predictions.

    Parameters
    ----------
    rows
        time, pair, signal, forward_return; rows without either number are left out.
    horizon_bars
        Forward returns overlap over so many bars; blocks of the bootstrap are at least as long.

    Returns
    -------
    SealedSkill
        Mean over pairs of Spearman's correlation; the error by the stationary bootstrap over times, in which all pairs
        of a time stay together. NaN with fewer than 30 rows or without spread.
    """
    known = rows[np.isfinite(rows["signal"]) & np.isfinite(rows["forward_return"])]
    if len(known) < LEAST_ROWS:
        return SealedSkill(math.nan, math.nan, len(known))
    times = milliseconds(known["time"])
    table = pd.DataFrame({"time": times, "product": _products(known)}).groupby("time")["product"].mean()
    series = table.to_numpy(dtype=np.float64)
    if not np.isfinite(series).all():
        return SealedSkill(math.nan, math.nan, len(known))
    block = max(horizon_bars, round(series.size ** (1.0 / 3.0)))
    error = _bootstrap_error(series, block, seed)
    return SealedSkill(float(series.mean()), error, len(known))


def _products(known: pd.DataFrame) -> Floats:
    """Return per row the product of standardised ranks within its pair; their mean is Spearman's correlation."""
    made = np.full(len(known), np.nan)
    pairs = known["pair"].to_numpy()
    for pair in pd.unique(pairs):
        rows = np.flatnonzero(pairs == pair)
        made[rows] = _standard_ranks(known["signal"].to_numpy()[rows]) * _standard_ranks(
            known["forward_return"].to_numpy()[rows]
        )
    return made


def _standard_ranks(values: npt.NDArray[np.float64]) -> Floats:
    ranks = stats.rankdata(values)
    spread = ranks.std()
    return np.asarray((ranks - ranks.mean()) / spread if spread > 0.0 else np.full(ranks.size, np.nan))


def _bootstrap_error(series: Floats, block: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    step = max(1, 2_000_000 // series.size)
    means = [
        series[stationary_bootstrap(series.size, mean_block=block, resamples=min(step, RESAMPLES - at), rng=rng)].mean(
            axis=1
        )
        for at in range(0, RESAMPLES, step)
    ]
    return float(np.concatenate(means).std(ddof=1))


def through_ladder(found: SealedSkill, released: float) -> SealedSkill:
    """Answer with the best value released before unless this one is better by more than one standard error.

    A value that is released is rounded to half a standard error, so that what lies below shows nothing.
    """
    if not found.rank_ic > released + found.error:
        return replace(found, rank_ic=released)
    step = found.error / 2.0
    return replace(found, rank_ic=math.floor(found.rank_ic / step) * step)


def with_noise(found: SealedSkill, rng: np.random.Generator) -> SealedSkill:
    """Answer with Laplace noise of one standard error; the error that is stated includes it."""
    noisy = found.rank_ic + float(rng.laplace(scale=found.error))
    return replace(found, rank_ic=noisy, error=found.error * math.sqrt(3.0))
