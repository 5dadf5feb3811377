"""Market regimes of days: terciles of what the market did in the thirty days before each of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.recompute import Returns
from crypto_team.validation.metrics import daily_returns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]
VOLATILITIES = ("low volatility", "normal volatility", "high volatility")
TRENDS = ("falling market", "sideways market", "rising market")
MONTH = 30
LEAST = 5
"""Fewest days of prices before a day that say anything about it."""


def market_daily(market: pd.DataFrame, days: Days) -> Floats:
    """Return the mean daily return of all pairs on `days`, as fractions; NaN where a close is missing."""
    return np.asarray(_moves(market).reindex(pd.DatetimeIndex(days)), dtype=np.float64)


def volatility_regimes(returns: Returns, market: pd.DataFrame) -> tuple[Floats, Ints]:
    """Return daily net returns and the regime of each day by the deviation of the market's daily returns before it.

    0, 1, 2 are low, normal and high: the limits are the terciles of all test days. Days without prices before them are
    regime -1.
    """
    days, daily = daily_returns(returns.predictions)
    return daily, _terciles(_moves(market).rolling(MONTH, min_periods=LEAST).std(), days)


def trend_regimes(returns: Returns, market: pd.DataFrame) -> Ints:
    """Return the regime of each test day by the sum of the market's daily returns before it.

    0, 1, 2 are falling, sideways and rising, in terciles of all test days; -1 where there are no prices before.
    """
    days, _ = daily_returns(returns.predictions)
    return _terciles(_moves(market).rolling(MONTH, min_periods=LEAST).sum(), days)


def _moves(market: pd.DataFrame) -> pd.Series[float]:
    stamps = pd.DatetimeIndex(market["time"]).tz_localize(None).floor("D")
    close = (
        market.assign(day=stamps).sort_values("time", kind="stable").groupby(["day", "pair"])["close"].last().unstack()
    )
    return close.pct_change(fill_method=None).mean(axis=1)


def _terciles(measured: pd.Series[float], days: Days) -> Ints:
    """Return the tercile of each day by what was measured up to the day before."""
    before = np.asarray(measured.shift(1).reindex(pd.DatetimeIndex(days)), dtype=np.float64)
    known = np.isfinite(before)
    regime = np.full(before.size, -1, dtype=np.int64)
    if known.sum() >= 3:
        regime[known] = np.searchsorted(np.quantile(before[known], [1 / 3, 2 / 3]), before[known], side="right")
    return regime
