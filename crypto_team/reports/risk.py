"""Losses, drawdowns and trades of the out-of-sample result."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.trading.simulate import trade_statistics
from crypto_team.validation import metrics, ratios, significance

Floats = npt.NDArray[np.float64]
YEAR = metrics.DAYS_PER_YEAR


@dataclass(frozen=True)
class Risk:
    """Daily net returns below zero: tails at 95 %, days under water, ratios, and the t-value of their mean.

    Value at risk and shortfall are returns; `newey_west_t` allows for autocorrelation.
    """

    value_at_risk: float
    expected_shortfall: float
    downside_deviation: float
    omega: float
    longest_underwater_days: int
    ulcer: float
    martin: float
    skew: float
    kurtosis: float
    newey_west_t: float
    autocorrelation_p: float


@dataclass(frozen=True)
class TradeProfile:
    """What trades are like; holding times in bars, profits as net returns; `top_share` is that of the best tenth."""

    trades: int
    win_rate: float
    payoff_ratio: float
    breakeven_win_rate: float
    expectancy: float
    quality: float
    median_bars: float
    longest_bars: int
    worst: float
    best: float
    top_share: float


def risk(daily: Floats) -> Risk:
    """Measure daily net returns, shape (n,)."""
    sample = significance.moments(daily)
    under = ratios.underwater(daily)
    tail = ratios.tail(daily) if daily.size else None
    return Risk(
        value_at_risk=tail.var if tail else math.nan,
        expected_shortfall=tail.shortfall if tail else math.nan,
        downside_deviation=ratios.downside(daily).deviation if daily.size else math.nan,
        omega=ratios.omega(daily) if daily.size else math.nan,
        longest_underwater_days=under.longest,
        ulcer=under.ulcer,
        martin=ratios.martin(daily, periods_per_year=YEAR),
        skew=sample.skew,
        kurtosis=sample.kurtosis,
        newey_west_t=significance.newey_west_t(daily).t,
        autocorrelation_p=significance.ljung_box(daily, lags=10)[1] if sample.n > 20 and sample.std > 0.0 else math.nan,
    )


def trade_profile(predictions: pd.DataFrame) -> TradeProfile:
    """Measure the trades of the test parts."""
    trades = metrics.trades_from_positions(predictions)
    profit, bars = trades["return_net"].to_numpy(dtype=np.float64), trades["bars"].to_numpy(dtype=np.float64)
    found = trade_statistics(profit)
    won = np.sort(profit[profit > 0.0])[::-1]
    best = won[: max(1, profit.size // 10)].sum()
    return TradeProfile(
        trades=profit.size,
        win_rate=found.win_rate,
        payoff_ratio=found.payoff_ratio,
        breakeven_win_rate=found.breakeven_win_rate,
        expectancy=found.expectancy,
        quality=found.quality,
        median_bars=float(np.median(bars)) if bars.size else math.nan,
        longest_bars=int(bars.max(initial=0)),
        worst=float(profit.min()) if profit.size else math.nan,
        best=float(profit.max()) if profit.size else math.nan,
        top_share=float(best / won.sum()) if won.size else math.nan,
    )
