# SPDX-License-Identifier: GPL-3.0-or-later
"""A real FreqAI backtest, offline: `python freqai_backtest.py USER_DATA`; candles and strategy lie there already."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import freqtrade.optimize.backtesting as engine
import pandas as pd
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode

from crypto_team.freqtrade.inside import offline

PAIRS = ["BTC/USDT", "ETH/USDT"]
TRAIN_DAYS = 20
FREQAI = {
    "enabled": True,
    "identifier": "example",
    "train_period_days": TRAIN_DAYS,
    "backtest_period_days": 5,
    "feature_parameters": {
        "include_timeframes": ["1h"],
        "include_corr_pairlist": [],
        "label_period_candles": 4,
        "include_shifted_candles": 2,
        "indicator_periods_candles": [6, 24],
    },
    "data_split_parameters": {"test_size": 0.2, "shuffle": False, "random_state": 1},
    "model_training_parameters": {"n_estimators": 10, "n_jobs": 1, "verbosity": -1, "random_state": 1},
}


def configuration(folder: Path, model: str) -> dict[str, Any]:
    """Return a usual configuration, offline, over all candles after the first training window."""
    dates = pd.read_feather(folder / "data" / "BTC_USDT-1h.feather", columns=["date"])["date"]
    start = int((dates.iloc[0] + pd.Timedelta(days=TRAIN_DAYS + 3)).ceil("D").timestamp())
    config: dict[str, Any] = {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "dry_run_wallet": 10_000.0,
        "strategy": "Sample",
        "strategy_path": str(folder / "strategies"),
        "datadir": folder / "data",
        "user_data_dir": folder,
        "exchange": {"name": "binance", "pair_whitelist": PAIRS},
        "pairs": PAIRS,
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": "USDT",
        "stake_amount": 500.0,
        "max_open_trades": 2,
        "timeframe": "1h",
        "fee": 0.001,
        "trading_mode": "spot",
        "margin_mode": "",
        "entry_pricing": {"price_side": "same", "use_order_book": True},
        "exit_pricing": {"price_side": "same", "use_order_book": True},
        "dataformat_ohlcv": "feather",
        "export": "none",
        "backtest_cache": "none",
        "timerange": f"{start}-{int(dates.iloc[-1].timestamp())}",
        "freqai": FREQAI,
        "freqaimodel": model,
        # FreqAI copies the first of these beside its models.
        "config_files": [str(folder / "config.json")],
    }
    (folder / "config.json").write_text("{}", encoding="utf-8")
    validate_config_consistency(config, preliminary=True)
    return config


def main(folder: Path, model: str) -> None:
    """Run the backtest; FreqAI leaves its predictions in `models/example`."""
    offline.refuse_network()
    engine.get_tick_size_over_time = lambda _frame: None
    config = configuration(folder, model)
    markets = {pair: offline.market(pair, fee=0.001, decimals=8, futures=False) for pair in PAIRS}
    runner = engine.Backtesting(config, offline.offline_exchange(config, markets))
    data, timerange = runner.load_bt_data()
    runner.backtest_one_strategy(runner.strategylist[0], data, timerange)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
