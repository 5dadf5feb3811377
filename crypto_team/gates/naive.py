"""Naive strategies recomputed from the market: what PF001 compares with is never read from stored results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import Returns, milliseconds, next_returns
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.trading import baselines as rules
from crypto_team.trading.costs import net_returns
from crypto_team.validation.metrics import daily_returns

Floats = npt.NDArray[np.float64]
NAIVE = ("buy_and_hold", "random", "ma_cross")
RANDOM_SHIFTS = 100


def naive_daily(
    returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, rng: np.random.Generator
) -> dict[str, tuple[npt.NDArray[np.datetime64], Floats]]:
    """Trade every naive strategy over the test rows, at the costs of the strategy.

    Returns
    -------
    dict
        Name -> days and net returns per day. ``random`` is the mean over 100 circular shifts of the strategy's own
        positions: its exposure and turnover without its timing.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in NAIVE}
    closes = dict(tuple(market.groupby("pair", sort=False)))
    test = returns.test.sort_values(["pair", "time"], kind="stable")
    for pair, rows in test.groupby("pair", sort=True):
        for name, net in _of_pair(rows, closes[pair], meta, returns.cost_bps_per_side, rng).items():
            parts[name].append(rows[["time", "pair"]].assign(part="test", return_net=net))
    return {name: daily_returns(pd.concat(frames)) for name, frames in parts.items()}


def _of_pair(
    rows: pd.DataFrame, market: pd.DataFrame, meta: EvidenceMeta, cost_bps: float, rng: np.random.Generator
) -> dict[str, Floats]:
    times = milliseconds(rows["time"])
    following = next_returns(times, market, timeframe_seconds(meta.timeframe) * 1000)
    known, place = np.unique(milliseconds(market["time"]), return_index=True)
    close = market["close"].to_numpy(dtype=np.float64)[place]
    at = np.minimum(np.searchsorted(known, times), known.size - 1)
    cross = rules.moving_average_cross(close, long_short=meta.signal.side == "long_short")
    own = rows["position"].fillna(0.0).to_numpy(dtype=np.float64)
    shifted = [rules.shifted_at_random(own, rng) for _ in range(RANDOM_SHIFTS)]
    return {
        "buy_and_hold": net_returns(rules.buy_and_hold(close)[at], following, cost_bps)[1],
        "random": np.mean([net_returns(held, following, cost_bps)[1] for held in shifted], axis=0),
        "ma_cross": net_returns(cross[at], following, cost_bps)[1],
    }
