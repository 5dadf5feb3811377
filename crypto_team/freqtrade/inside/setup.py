# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request file to a Freqtrade configuration with its data directory."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import freqtrade.optimize.backtesting as engine
import pandas as pd
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.enums import RunMode

from crypto_team.freqtrade.inside import offline


def read_request(folder: Path) -> dict[str, Any]:
    """Read what the parent process asked for."""
    request: dict[str, Any] = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    return request


def configuration(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the configuration: offline, no cache, isolated margin, fixed stake, the given costs."""
    futures = request["trading_mode"] == "futures"
    quote = request["pairs"][0].partition("/")[2]
    config: dict[str, Any] = {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "dry_run_wallet": request["wallet"],
        "strategy": request["class_name"],
        "strategy_path": request["strategy_folder"],
        "datadir": folder / "data",
        "user_data_dir": folder,
        "exchange": {"name": offline.exchange_name(request["exchange"]), "pair_whitelist": request["pairs"]},
        "pairs": request["pairs"],
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": quote.partition(":")[2] or quote,
        "stake_amount": request["wallet"] * request["position_fraction"],
        # An account that has lost a little still opens its last position, with what is left.
        "tradable_balance_ratio": 1.0,
        "amend_last_stake_amount": True,
        "last_stake_amount_min_ratio": 0.0,
        "max_open_trades": request["max_open_trades"],
        "timeframe": request["timeframe"],
        "fee": request["fee_rate"],
        "trading_mode": request["trading_mode"],
        "entry_pricing": {"price_side": "same", "use_order_book": True},
        "exit_pricing": {"price_side": "same", "use_order_book": True},
        "dataformat_ohlcv": "feather",
        "export": "none",
        "backtest_cache": "none",
        "timerange": request["timerange"],
    }
    if futures:
        config["margin_mode"] = "isolated"
    validate_config_consistency(config, preliminary=True)
    return config


def prepare(request: dict[str, Any], folder: Path) -> tuple[dict[str, Any], Any]:
    """Write the data directory and return configuration and offline exchange."""
    futures = request["trading_mode"] == "futures"
    # The tick is known from the market; inferring it from the candles costs most of the loading time and adds columns
    # to the strategy's frame.
    engine.get_tick_size_over_time = lambda _frame: None
    _import_strategy(Path(request["strategy_folder"]))
    config = configuration(request, folder)
    markets = {
        pair: offline.market(pair, fee=request["fee_rate"], decimals=request["price_decimals"][pair], futures=futures)
        for pair in request["pairs"]
    }
    exchange = offline.offline_exchange(config, markets)
    mark_kind = exchange.get_option("mark_ohlcv_price") if futures else None
    for pair in (*request["pairs"], *request["informative"]):
        write_pair(pair, request, folder, mark_kind=mark_kind)
    return config, exchange


def _import_strategy(folder: Path) -> None:
    """Import the strategy file once: Freqtrade would only say that it could not, not why."""
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module(importlib.util.module_from_spec(spec))


def write_pair(pair: str, request: dict[str, Any], folder: Path, *, mark_kind: str | None) -> None:
    """Write the candles of a pair, and for perpetuals mark and funding, under the names that Freqtrade reads.

    `mark_kind` is the kind of hourly candles that the exchange values funding with; None for spot markets.
    """
    name = pair.replace("/", "_").replace(":", "_")
    candles = pd.read_parquet(folder / request["files"][pair])
    target = folder / "data" / ("futures" if mark_kind else "")
    target.mkdir(parents=True, exist_ok=True)
    if mark_kind is None:
        candles.to_feather(target / f"{name}-{request['timeframe']}.feather")
        return
    hourly = (
        candles.set_index("date")
        .resample("1h")
        .agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    )
    # Longer candles than one hour leave hours without a price, but funding is paid in them all the same.
    mark = hourly.ffill().dropna().reset_index()
    mark.to_feather(target / f"{name}-1h-{mark_kind}.feather")
    # Last, because hourly candles carry the same name where an exchange has no mark prices of its own.
    candles.to_feather(target / f"{name}-{request['timeframe']}-futures.feather")
    given = request["funding_files"].get(pair)
    if given:
        funding = pd.read_parquet(folder / given)
    else:
        funding = pd.DataFrame({"date": mark["date"].iloc[:1], "funding_rate": [0.0]})
    # The file has to be called 1h even where payments are eight hours apart: another name is silently not found.
    funding.to_feather(target / f"{name}-1h-funding_rate.feather")
