from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.freqtrade.job import BacktestRequest

RULE = """
from freqtrade.strategy import IStrategy


class Rule(IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1h"
    can_short = {can_short}
    startup_candle_count = 24
    stoploss = -0.5
    minimal_roi = {{"0": 100.0}}
    use_exit_signal = True
    process_only_new_candles = True

    def populate_indicators(self, dataframe, metadata):
        {indicators}
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["gap"] > 0).astype(int)
        dataframe["enter_short"] = ((dataframe["gap"] < 0) & {can_short}).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["gap"] < 0).astype(int)
        dataframe["exit_short"] = (dataframe["gap"] > 0).astype(int)
        return dataframe
"""
CAUSAL = 'dataframe["gap"] = dataframe["close"].rolling(6).mean() - dataframe["close"].rolling(24).mean()'
LEAKING = 'dataframe["gap"] = dataframe["close"].shift(-1) - dataframe["close"]'


def candles(bars: int, *, seed: int = 3, start: str = "2024-01-01") -> pd.DataFrame:
    """Random hourly candles with prices of two decimals."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, bars))), 2)
    opened = np.concatenate([[100.0], close[:-1]])
    spread = np.round(np.abs(rng.normal(0, 0.3, (2, bars))), 2)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=bars, freq="1h", tz="UTC").as_unit("ms"),
            "open": opened,
            "high": np.round(np.maximum(opened, close) + spread[0], 2),
            "low": np.round(np.minimum(opened, close) - spread[1], 2),
            "close": close,
            "volume": np.round(rng.uniform(1, 10, bars), 3),
        }
    )


@pytest.fixture
def rule_request(tmp_path: Path) -> Callable[..., BacktestRequest]:
    """A request for the hand-written rule; anything can be changed."""

    def make(
        *, length: int = 600, pair: str = "BTC/USDT", indicators: str = CAUSAL, short: bool = False, **changed: Any
    ) -> BacktestRequest:
        code = tmp_path / "code" / "rule.py"
        code.parent.mkdir(exist_ok=True)
        code.write_text(RULE.format(indicators=indicators, can_short=short), encoding="utf-8")
        settings: dict[str, Any] = {
            "strategy_path": code,
            "class_name": "Rule",
            "pairs": (pair,),
            "exchange": "binance",
            "timeframe": "1h",
            "trading_mode": "futures" if ":" in pair else "spot",
            "bars": {pair: candles(length)},
            "funding": {},
            "price_decimals": {pair: 2},
            "fee_rate": 0.0007,
            "position_fraction": 0.1,
            "wallet": 10_000.0,
            "max_open_trades": 1,
            "start": "2024-01-05T00:00:00Z",
            "end": "2024-01-20T00:00:00Z",
            "timeout_seconds": 120.0,
        }
        return BacktestRequest(**(settings | changed))

    return make
