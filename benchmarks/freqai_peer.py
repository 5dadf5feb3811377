# SPDX-License-Identifier: GPL-3.0-or-later
"""FreqAI itself, offline, on the candles of a folder: `python benchmarks/freqai_peer.py FOLDER`.

The strategy is the example that Freqtrade ships; only what it predicts is changed (up or down instead of a mean) and
the two clock features, so that both sides have equal columns. Counted are features, training and predictions of all
windows, without loading candles and without simulating trades.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import freqtrade
import numpy as np
import pandas as pd
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting

from crypto_team.freqtrade.inside import offline

PAIR = "X/USDT"
STRATEGY = """
import numpy as np
from freqtrade.templates.FreqaiExampleStrategy import FreqaiExampleStrategy


class Peer(FreqaiExampleStrategy):
    process_only_new_candles = True
    can_short = False

    def feature_engineering_standard(self, dataframe, metadata, **kwargs):
        hours = dataframe["date"].dt.hour + 24.0 * dataframe["date"].dt.dayofweek
        dataframe["%-time_of_day"] = np.sin(2 * np.pi * (hours % 24.0) / 24.0)
        dataframe["%-time_of_week"] = np.sin(2 * np.pi * hours / 168.0)
        return dataframe

    def set_freqai_targets(self, dataframe, metadata, **kwargs):
        ahead = dataframe["close"].shift(-self.freqai_info["feature_parameters"]["label_period_candles"])
        dataframe["&s-up_or_down"] = np.where(ahead > dataframe["close"], "up", "down")
        return dataframe
"""


def configuration(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return FreqAI's configuration for the windows of the request; the rest is as shipped."""
    config: dict[str, Any] = {
        "runmode": RunMode.BACKTEST, "dry_run": True, "strategy": "Peer", "strategy_path": str(folder / "strategies"),
        "config_files": [str(folder / "config.json")], "fee": 0.0,
        "datadir": folder / "data", "user_data_dir": folder, "dataformat_ohlcv": "feather",
        "exchange": {"name": "binance", "pair_whitelist": [PAIR]}, "pairs": [PAIR], "timeframe": request["timeframe"],
        "pairlists": [{"method": "StaticPairList"}], "stake_currency": "USDT", "stake_amount": 100,
        "trading_mode": "spot", "export": "none", "backtest_cache": "none", "timerange": request["timerange"],
        "entry_pricing": {"price_side": "same", "use_order_book": True},
        "exit_pricing": {"price_side": "same", "use_order_book": True},
        "freqaimodel": "LightGBMClassifier",
        "freqai": {
            "enabled": True, "identifier": "peer", "train_period_days": request["train_days"],
            "backtest_period_days": request["test_days"], "live_retrain_hours": 0,
            "feature_parameters": {
                "include_timeframes": [request["timeframe"]], "include_corr_pairlist": [],
                "label_period_candles": request["horizon"], "include_shifted_candles": request["shifts"],
                "indicator_periods_candles": request["periods"], "weight_factor": 0, "DI_threshold": 0,
            },
            "data_split_parameters": {"test_size": 0.2, "shuffle": False},
            "model_training_parameters": request["model"] | {"n_jobs": 1, "verbosity": -1, "random_state": 42},
            "data_kitchen_thread_count": 1,
        },
    }  # fmt: skip
    validate_config_consistency(config, preliminary=True)
    return config


def prepared(folder: Path, request: dict[str, Any]) -> tuple[Any, pd.DataFrame]:
    """Return the strategy with its FreqAI, and the candles as the engine hands them over."""
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / "Peer.py").write_text(STRATEGY, encoding="utf-8")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "data").mkdir(exist_ok=True)
    bars = pd.read_parquet(folder / "bars.parquet").rename(columns={"timestamp": "date"})
    bars["date"] = bars["date"].astype("datetime64[ms, UTC]")
    config = configuration(request, folder)
    market = offline.market(PAIR, fee=0.0, decimals=2, futures=False)
    runner = Backtesting(config, offline.offline_exchange(config, {PAIR: market}))
    strategy = runner.strategylist[0]
    runner._set_strategy(strategy)  # noqa: SLF001 - what the engine does before it calls a strategy
    return strategy, bars[["date", "open", "high", "low", "close", "volume"]]


def peak_mib() -> float:
    """Return this process's own peak of resident memory; `ru_maxrss` would count its parent's too."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024.0


def main(folder: Path) -> None:
    """Run all windows and write predictions and what they cost."""
    offline.refuse_network()
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    strategy, bars = prepared(folder, request)
    cpu, wall = time.process_time(), time.perf_counter()
    made = strategy.advise_all_indicators({PAIR: bars})[PAIR]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    predicted = made[made["up"] + made["down"] > 0.5]
    p = predicted["up"].to_numpy(dtype=np.float64)
    table = pd.DataFrame({"time": predicted["date"].astype("datetime64[ms, UTC]"), "p": p})
    table.to_parquet(folder / "freqai.parquet")
    models = sorted((folder / "models" / "peer").glob("sub-train-*"))
    used = resource.getrusage(resource.RUSAGE_SELF)
    (folder / "freqai.json").write_text(json.dumps({
        "cpu": cpu, "wall": wall, "cpu_process": used.ru_utime + used.ru_stime, "peak_mib": peak_mib(),
        "windows": len(models), "version": freqtrade.__version__, "columns": _columns(folder),
    }), encoding="utf-8")  # fmt: skip


def _columns(folder: Path) -> int:
    newest = max((folder / "models" / "peer").glob("sub-train-*/*_metadata.json"))
    return len(json.loads(newest.read_text(encoding="utf-8"))["training_features_list"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
