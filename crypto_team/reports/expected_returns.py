"""Do expected basis points come true? Realised on expected returns, before and after calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation import metrics, significance
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.clusters import interval, sandwich, time_blocks
from crypto_team.validation.expected_returns import BPS, RAW, Line, realised_on_expected, stated_returns
from crypto_team.validation.horizon_returns import columns_of, horizons_in
from crypto_team.validation.market_moves import moves_ahead

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TENTHS = 10
Z = 1.959963984540054
MOST_LAGS = 2_000


@dataclass(frozen=True)
class Tenth:
    """A tenth of the test rows by their forecasts: mean forecast, mean return and its 95 % interval, in bps."""

    forecast: float
    came: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class HorizonReturns:
    """Slopes of one horizon of a set: of returns over its own bars on what was expected of them."""

    bars: int
    slope_raw: float
    slope: float
    slope_low: float
    slope_high: float
    rows: int


@dataclass(frozen=True)
class ExpectedReturns:
    """Expected returns of all test rows with a known outcome, in basis points; `raw` numbers are NaN without raw ones.

    Slope and intercept are those of realised on expected returns, `low` and `high` bound the slope at 95 %. `error` is
    the root mean square of what tenths miss by. Errors allow for labels that overlap and pairs that move together.
    """

    rows: int
    slope_raw: float
    slope: float
    slope_low: float
    slope_high: float
    intercept_raw: float
    intercept: float
    spread_raw: float
    spread: float
    error_raw: float
    error: float
    tenths_raw: tuple[Tenth, ...]
    tenths: tuple[Tenth, ...]
    horizons: tuple[HorizonReturns, ...] = ()


def expected_returns(
    meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame | None = None
) -> ExpectedReturns | None:
    """Measure how expected returns came true on the test rows; None where none are stated.

    The closes of the market say what came of each horizon of a set.
    """
    test = metrics.out_of_sample_rows(predictions)
    stated, raw = stated_returns(test), stated_returns(test, RAW)
    if stated is None or meta.target.n_classes:
        return None
    known = np.isfinite(stated[0]) & np.isfinite(stated[1])
    if not known.any():
        return None
    time, (told, came) = milliseconds(test["time"])[known], (each[known] for each in stated)
    first = told if raw is None else raw[0][known]
    lags = _lags(meta, np.unique(time).size)
    line, before = realised_on_expected(told, came), realised_on_expected(first, came)
    low, high = _interval(line, time, test["fold"].to_numpy(dtype=np.int64)[known], meta, meta.horizon_bars)
    tenths = [_tenths(each, came, time, lags) for each in (first, told)]
    nothing = math.nan if raw is None else 1.0
    return ExpectedReturns(
        rows=told.size,
        slope_raw=before.slope * nothing,
        slope=line.slope,
        slope_low=low,
        slope_high=high,
        intercept_raw=before.intercept * nothing,
        intercept=line.intercept,
        spread_raw=float(first.std()) * nothing,
        spread=float(told.std()),
        error_raw=_missed(tenths[0]) * nothing,
        error=_missed(tenths[1]),
        tenths_raw=() if raw is None else tenths[0],
        tenths=tenths[1],
        horizons=() if market is None else _by_horizon(meta, test, market),
    )


def _by_horizon(meta: EvidenceMeta, test: pd.DataFrame, market: pd.DataFrame) -> tuple[HorizonReturns, ...]:
    step = timeframe_seconds(meta.timeframe) * 1000
    return tuple(
        _horizon(bars, test, moves_ahead(test, market, bars, step) * BPS, meta)
        for bars in horizons_in(list(test.columns))
    )


def _horizon(bars: int, test: pd.DataFrame, came: Floats, meta: EvidenceMeta) -> HorizonReturns:
    raw, told = (test[name].to_numpy(dtype=np.float64) for name in columns_of(bars))
    known = np.isfinite(came) & np.isfinite(told)
    time, came = milliseconds(test["time"])[known], came[known]
    line = realised_on_expected(told[known], came)
    low, high = _interval(line, time, test["fold"].to_numpy(dtype=np.int64)[known], meta, bars)
    before = realised_on_expected(raw[known], came).slope
    return HorizonReturns(bars, before, line.slope, low, high, came.size)


def _lags(meta: EvidenceMeta, bars: int) -> int:
    """Return the lags over which returns of so many bars share their luck; overlapping ones need horizon - 1."""
    return max(significance.newey_west_lags(bars), min(meta.horizon_bars - 1, MOST_LAGS))


def _error_of_sum(values: Floats, time: Ints, lags: int) -> float:
    """Return the error of a sum of rows: those of one time are one observation (Driscoll and Kraay 1998)."""
    _, at = np.unique(time, return_inverse=True)
    by_time: Floats = np.bincount(at, weights=values).astype(np.float64)
    return significance.newey_west_t(by_time, lags=lags).se * by_time.size


def _interval(line: Line, time: Ints, folds: Ints, meta: EvidenceMeta, bars: int) -> tuple[float, float]:
    """Return the 95 % interval of a slope, from the error that OF008 judges by."""
    blocks = time_blocks(time, bars * timeframe_seconds(meta.timeframe) * 1000)
    return interval(line.slope, lambda groups: sandwich(line.design, line.design, line.rest, groups), blocks, folds)


def _tenths(told: Floats, came: Floats, time: Ints, lags: int) -> tuple[Tenth, ...]:
    """Compare forecasts with returns in ten parts of equal numbers; equal forecasts may fall into two of them."""
    made = []
    for part in np.array_split(np.argsort(told, kind="stable"), TENTHS):
        if not part.size:
            continue
        mean = float(came[part].mean())
        margin = Z * _error_of_sum(_placed(part, came[part] - mean, came.size), time, lags) / part.size
        made.append(Tenth(float(told[part].mean()), mean, mean - margin, mean + margin, part.size))
    return tuple(made)


def _placed(part: Ints, values: Floats, rows: int) -> Floats:
    made = np.zeros(rows)
    made[part] = values
    return made


def _missed(tenths: tuple[Tenth, ...]) -> float:
    return math.sqrt(float(np.mean([(one.forecast - one.came) ** 2 for one in tenths])))
