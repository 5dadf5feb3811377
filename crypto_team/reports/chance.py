"""Where a strategy stands among random ones that hold the same positions at other times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation import metrics
from crypto_team.validation.market_moves import moves_ahead
from crypto_team.validation.random_strategies import random_daily, ranked, sharpes

Floats = npt.NDArray[np.float64]
LOW, MIDDLE, HIGH = 0.05, 0.5, 0.95


@dataclass(frozen=True, eq=False)
class Chance:
    """Numbers of 100 single random strategies: the middle one of each and the band of nine tenths around it.

    `beaten` is the share of them with a lower Sharpe ratio than the strategy. `middle` holds the daily net returns of
    the one with the middle Sharpe ratio, `band` the lower and upper growth of 1 per day, shape (days, 2).
    """

    strategies: int
    beaten: float
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    total_return: float
    total_return_low: float
    total_return_high: float
    max_drawdown: float
    max_drawdown_low: float
    max_drawdown_high: float
    middle: Floats
    band: Floats


def chance(
    meta: EvidenceMeta,
    predictions: pd.DataFrame,
    market: pd.DataFrame,
    days: npt.NDArray[np.datetime64],
    daily: Floats,
) -> Chance:
    """Trade the test positions at 100 random times, at the strategy's costs.

    Parameters
    ----------
    meta, predictions, market
        Of one evidence set.
    days, daily
        The strategy's days and its own net returns on them, shape (days,) each.
    """
    test = metrics.out_of_sample_rows(predictions).sort_values(["pair", "time"], kind="stable")
    following = moves_ahead(test, market, 1, timeframe_seconds(meta.timeframe) * 1000)
    known, made = random_daily(test, following, meta.cost_bps_per_side, seed=meta.random_seed)
    each = np.zeros((days.size, made.shape[1]))
    each[np.isin(days, known)] = made[np.isin(known, days)]
    ratios, growth = sharpes(each), np.cumprod(1.0 + each, axis=0)
    own = metrics.sharpe(daily, periods_per_year=metrics.DAYS_PER_YEAR)
    spans = {
        "sharpe": ratios,
        "total_return": growth[-1] - 1.0,
        "max_drawdown": np.array([metrics.max_drawdown(column) for column in each.T]),
    }
    numbers = {
        f"{name}{suffix}": float(np.quantile(values, share))
        for name, values in spans.items()
        for suffix, share in (("", MIDDLE), ("_low", LOW), ("_high", HIGH))
    }
    return Chance(
        strategies=ratios.size,
        beaten=float(np.mean(ratios < own)),
        middle=each[:, ranked(ratios, MIDDLE)],
        band=np.quantile(growth, [LOW, HIGH], axis=1).T,
        **numbers,
    )
