# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of any strategy over a data directory: its frames, or the answers of its callbacks, written to files.

The audit calls `job` once for each replaced future, in a process that sees its own folder and nothing else.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import freqtrade.optimize.backtesting as engine
import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.configuration.config_validation import validate_config_consistency
from freqtrade.data import history
from freqtrade.data.history.datahandlers import idatahandler
from freqtrade.enums import RunMode
from freqtrade.exchange import timeframe_to_seconds

from crypto_team.freqtrade.inside import diagnose_callbacks, diagnose_freqai, diagnose_readers, offline
from crypto_team.freqtrade.inside.diagnose_reads import note_files

CONFIG = "config.json"
WALLET = 10_000.0


class _Loop:
    """Stands where the exchange keeps its event loop: nothing asynchronous happens offline."""

    def is_running(self) -> bool:
        """Say that it does not run."""
        return False

    def is_closed(self) -> bool:
        """Say that there is nothing to close."""
        return True


def job(folder: Path) -> None:
    """Run what `request.json` of the folder asks for; whatever the strategy raises is written, not raised."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    opened: set[str] = set()
    note_files(folder, opened)
    try:
        result = _run(request, folder)
    except BaseException as problem:  # noqa: BLE001 - code of others; the parent says what happened
        result = {"error": _described(problem)}
    result["files"] = sorted(opened)
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _described(problem: BaseException) -> str:
    """Return the last line of the strategy's own code and what it raised."""
    own = [item for item in traceback.extract_tb(problem.__traceback__) if "/strategies/" in item.filename]
    place = f" (line {own[-1].lineno})" if own else ""
    return f"{type(problem).__name__}: {problem}"[:300] + place


def _run(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    runner, strategy = prepared(request, folder)
    candles = _candles(runner, request)
    if request["mode"] == "callbacks":
        return diagnose_callbacks.run(runner, strategy, candles, request, folder)
    if request["mode"] == "readers":
        made = strategy.advise_all_indicators(candles)
        return {"readers": diagnose_readers.readers(strategy, made, request["spoil"])}
    if request["mode"] == "primed":
        # A past call may leave a trace in the strategy; live, every candle is such a call.
        short = {pair: frame.iloc[: request["prime"]] for pair, frame in candles.items()}
        _frames(strategy, {pair: frame for pair, frame in short.items() if len(frame)})
    made = _frames(strategy, candles)
    if request["mode"] == "repeated":
        made = _frames(strategy, candles)
    for number, pair in enumerate(request["pairs"]):
        if pair in made:
            writable(made[pair]).to_parquet(folder / f"frame_{number}.parquet", index=False)
    return {
        "timeframe": strategy.timeframe,
        "startup": int(strategy.startup_candle_count),
        "callbacks": diagnose_callbacks.own_callbacks(strategy),
    }


def prepared(request: dict[str, Any], folder: Path) -> tuple[Any, Any]:
    """Make engine and strategy on the data of the folder, without any network."""
    asyncio.new_event_loop = _Loop  # type: ignore[assignment]  # sockets are refused, and a loop is made of them
    asyncio.set_event_loop = lambda loop: None  # noqa: ARG005
    engine.get_tick_size_over_time = lambda _frame: None
    _quick_cleaning()
    strategy_folder = folder / "user_data" / "strategies"
    sys.path.insert(0, str(strategy_folder))
    path = strategy_folder / request["file"]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))  # raises what is wrong, with its line
    config = _configuration(request, folder)
    validate_config_consistency(config, preliminary=True)
    markets = {
        pair: offline.market(pair, fee=0.001, decimals=8, futures=request["futures"]) for pair in request["markets"]
    }
    runner = engine.Backtesting(config, offline.offline_exchange(config, markets))
    strategy = runner.strategylist[0]
    runner._set_strategy(strategy)  # noqa: SLF001 - starts the bot: bot_start() runs once, as in a backtest
    _whole_history(runner, config)
    if diagnose_freqai.wanted(strategy):
        strategy.config["freqai"] = diagnose_freqai.settings(_given(folder))
        strategy.freqai = diagnose_freqai.StandIn(strategy, strategy.config, request["timeframes"])
        strategy.freqai_info = strategy.config["freqai"]
        strategy.load_freqAI_model = lambda: None
    return runner, strategy


def _quick_cleaning() -> None:
    """Leave candles that have no gap as they are: looking for gaps takes Freqtrade a third of a short run."""
    careful = idatahandler.clean_ohlcv_dataframe

    def cleaned(data: pd.DataFrame, timeframe: str, pair: str, **options: Any) -> pd.DataFrame:
        step = pd.Timedelta(seconds=timeframe_to_seconds(timeframe))
        regular = (data["date"].diff().iloc[1:] == step).all() and not data.isna().any(axis=None)
        if regular and not options.get("drop_incomplete"):
            return data
        return careful(data, timeframe, pair, **options)  # type: ignore[no-any-return]

    idatahandler.clean_ohlcv_dataframe = cleaned


def _given(folder: Path) -> dict[str, Any]:
    """Return the user's own configuration."""
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return found


def _configuration(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the configuration: what the user gave, with everything about place, exchange and account replaced."""
    pairs, quote = request["pairs"], request["pairs"][0].partition("/")[2]
    made: dict[str, Any] = {
        **{name: value for name, value in _given(folder).items() if name != "freqai"},
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "dry_run_wallet": WALLET,
        "strategy": request["class_name"],
        "strategy_path": str(folder / "user_data" / "strategies"),
        "datadir": folder / request["place"],
        "user_data_dir": folder / "user_data",
        "exchange": {"name": "binance", "pair_whitelist": pairs},
        "pairs": pairs,
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": quote.partition(":")[2] or quote,
        "stake_amount": WALLET / 20,
        "max_open_trades": len(pairs),
        "timeframe": request["timeframe"],
        "fee": 0.001,
        "trading_mode": "futures" if request["futures"] else "spot",
        "entry_pricing": {"price_side": "same", "use_order_book": True},
        "exit_pricing": {"price_side": "same", "use_order_book": True},
        "dataformat_ohlcv": request["format"],
        "export": "none",
        "backtest_cache": "none",
    }
    if request["futures"]:
        made["margin_mode"] = "isolated"
    return made


def _whole_history(runner: Any, config: dict[str, Any]) -> None:
    """Let the strategy see every candle of other pairs and timeframes, however short its start-up is."""
    provider = runner.dataprovider
    loaded: dict[tuple[str, str, str], pd.DataFrame] = {}

    def whole(pair: str, timeframe: str, candle_type: str = "") -> pd.DataFrame:
        kind = candle_type or config["candle_type_def"]
        key = (pair, timeframe, str(kind))
        if key not in loaded:
            loaded[key] = history.load_pair_history(
                pair=pair, timeframe=timeframe, datadir=config["datadir"],
                data_format=config["dataformat_ohlcv"], candle_type=kind,
            )  # fmt: skip
        return loaded[key].copy()

    provider.historic_ohlcv = whole


def _candles(runner: Any, request: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Load the candles of the traded pairs as the engine does."""
    config = runner.config
    data: dict[str, pd.DataFrame] = history.load_data(
        datadir=config["datadir"], pairs=request["pairs"], timeframe=request["timeframe"], timerange=TimeRange(),
        data_format=config["dataformat_ohlcv"], candle_type=config["candle_type_def"],
    )  # fmt: skip
    return data


def _frames(strategy: Any, candles: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return every pair's frame with its signals."""
    return {
        pair: strategy.ft_advise_signals(frame, {"pair": pair})
        for pair, frame in strategy.advise_all_indicators(candles).items()
    }


def writable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of numbers, times and texts only; of columns with the same name the last counts."""
    plain = frame.loc[:, ~frame.columns.duplicated(keep="last")].copy()
    plain.columns = [str(name) for name in plain.columns]
    for name in plain.columns:
        kind = plain[name]
        if pd.api.types.is_bool_dtype(kind):
            plain[name] = kind.astype(float)
        elif not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)):
            plain[name] = kind.map(lambda value: "" if pd.isna(value) else str(value)).astype(str)
    return plain
