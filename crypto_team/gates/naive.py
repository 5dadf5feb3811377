"""Naive strategies recomputed from the market: what PF001 compares with is never read from stored results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import Returns, bar_moves, milliseconds, next_returns
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.trading import baselines as rules
from crypto_team.trading.costs import net_returns
from crypto_team.validation.metrics import daily_returns
from crypto_team.validation.random_strategies import random_daily

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]
RULES = ("buy_and_hold", "ma_cross")


def naive_daily(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta) -> dict[str, tuple[Days, Floats]]:
    """Trade the naive strategies that follow a rule over the test rows, at the costs of the strategy.

    Returns
    -------
    dict
        Name -> days and net returns per day.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in RULES}
    closes = dict(tuple(market.groupby("pair", sort=False)))
    test = returns.test.sort_values(["pair", "time"], kind="stable")
    for pair, rows in test.groupby("pair", sort=True):
        for name, net in _of_pair(rows, closes[pair], meta, returns.cost_bps_per_side).items():
            parts[name].append(rows[["time", "pair"]].assign(part="test", return_net=net))
    return {name: daily_returns(pd.concat(frames)) for name, frames in parts.items()}


def by_chance(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta) -> tuple[Days, Floats]:
    """Trade the strategy's own positions at 100 random times; return days and net returns, shape (days, 100)."""
    test = returns.test.sort_values(["pair", "time"], kind="stable")
    following = bar_moves(test, market, meta)
    return random_daily(test, following, returns.cost_bps_per_side, seed=meta.random_seed)


def _of_pair(rows: pd.DataFrame, market: pd.DataFrame, meta: EvidenceMeta, cost_bps: float) -> dict[str, Floats]:
    times = milliseconds(rows["time"])
    following = next_returns(times, market, timeframe_seconds(meta.timeframe) * 1000)
    known, place = np.unique(milliseconds(market["time"]), return_index=True)
    close = market["close"].to_numpy(dtype=np.float64)[place]
    at = np.minimum(np.searchsorted(known, times), known.size - 1)
    cross = rules.moving_average_cross(close, long_short=meta.signal.side == "long_short")
    return {
        "buy_and_hold": net_returns(rules.buy_and_hold(close)[at], following, cost_bps)[1],
        "ma_cross": net_returns(cross[at], following, cost_bps)[1],
    }
