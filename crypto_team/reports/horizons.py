"""How far ahead the signal knows anything: information coefficient and hit rate over many horizons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.data.frame import timeframe_seconds
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation import metrics, scores, significance
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.market_moves import moves_ahead

Floats = npt.NDArray[np.float64]
MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)
MOST_LAGS = 2_000
Z = 1.959963984540054


@dataclass(frozen=True)
class HorizonRow:
    """One horizon: Pearson and rank correlation of the test signals with returns, and hits of the called side.

    `low` and `high` bound the rank correlation at 95 %; their error allows for returns that overlap in time and for
    pairs that move together. `hit_rate` is the share of signals off one half on whose side the return was; `predicted`
    marks the horizon of the target.
    """

    bars: int
    predicted: bool
    information_coefficient: float
    rank_information_coefficient: float
    low: float
    high: float
    hit_rate: float
    rows: int


def horizons_of(meta: EvidenceMeta) -> list[int]:
    """Return the horizons that are measured, in bars: one bar, fractions and multiples of the target's, and its set."""
    around = {max(1, round(meta.horizon_bars * factor)) for factor in MULTIPLES}
    return sorted({1, *around, *meta.target.horizon_set})


def horizon_rows(meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame) -> tuple[HorizonRow, ...]:
    """Measure the signal of all test rows against returns over every horizon."""
    test = metrics.out_of_sample_rows(predictions).sort_values(["pair", "time"], kind="stable")
    signal, step = test["signal"].to_numpy(dtype=np.float64), timeframe_seconds(meta.timeframe) * 1000
    time = milliseconds(test["time"])
    return tuple(
        _row(bars, signal, moves_ahead(test, market, bars, step), time, predicted=bars == meta.horizon_bars)
        for bars in horizons_of(meta)
    )


def _row(bars: int, signal: Floats, ahead: Floats, time: npt.NDArray[np.int64], *, predicted: bool) -> HorizonRow:
    known = np.isfinite(signal) & np.isfinite(ahead)
    called = known & (signal != 0.5) & (ahead != 0.0)
    rank = scores.rank_ic(signal[known], ahead[known])
    error = _error(signal[known], ahead[known], time[known], bars) if math.isfinite(rank) else math.nan
    hits = (signal[called] > 0.5) == (ahead[called] > 0.0)
    return HorizonRow(
        bars=bars,
        predicted=predicted,
        information_coefficient=scores.ic(signal[known], ahead[known]),
        rank_information_coefficient=rank,
        low=rank - Z * error,
        high=rank + Z * error,
        hit_rate=float(hits.mean()) if hits.size else math.nan,
        rows=int(known.sum()),
    )


def _error(signal: Floats, ahead: Floats, time: npt.NDArray[np.int64], bars: int) -> float:
    """Return the error of the mean product of standardised ranks, by time: pairs of one bar are one observation.

    Products are summed over the pairs of each time before Newey-West sees them (Driscoll and Kraay 1998), so however
    much pairs move together, a copy of one adds nothing. Overlapping returns need `bars` - 1 lags.
    """
    left, right = (stats.zscore(stats.rankdata(values)) for values in (signal, ahead))
    product = left * right
    _, at = np.unique(time, return_inverse=True)
    excess: Floats = np.bincount(at, weights=product - product.mean()).astype(np.float64)
    lags = max(significance.newey_west_lags(excess.size), min(bars - 1, MOST_LAGS))
    return significance.newey_west_t(excess, lags=lags).se * excess.size / product.size
