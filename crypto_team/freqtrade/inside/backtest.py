# SPDX-License-Identifier: GPL-3.0-or-later
"""One backtest in Freqtrade's own engine: `python -m crypto_team.freqtrade.inside.backtest FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import freqtrade
import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.data import history
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade

from crypto_team.freqtrade.inside import offline, setup

SIGNAL_COLUMNS = ("date", "close", "signal", "enter_long", "exit_long", "enter_short", "exit_short")


def main(folder: Path) -> None:
    """Run the request in a folder and write trades, signals and a summary into it."""
    offline.refuse_network()
    request = setup.read_request(folder)
    config, exchange = setup.prepare(request, folder)
    runner = Backtesting(config, exchange)
    strategy = runner.strategylist[0]
    timerange = TimeRange.parse_timerange(request["timerange"])
    candles = _all_candles(config, request)
    _ready(runner, candles, timerange)
    _all_informative(runner, config)
    seen = _listen(strategy)
    runner.backtest_one_strategy(strategy, candles, timerange)
    result = runner.all_bt_content[strategy.get_strategy_name()]
    result["results"].to_parquet(folder / "trades.parquet", index=False)
    start = pd.Timestamp(timerange.startts, unit="s", tz="UTC")
    stop = pd.Timestamp(timerange.stopts, unit="s", tz="UTC")
    tables = [_signals(pair, frame, start, stop) for pair, frame in seen.items()]
    pd.concat(tables, ignore_index=True).to_parquet(folder / "signals.parquet", index=False)
    summary = {
        "freqtrade_version": freqtrade.__version__,
        "open_trades_left": len(LocalTrade.bt_trades_open),
        "rejected_signals": int(result.get("rejected_signals", 0)),
        "final_balance": float(result["final_balance"]),
    }
    (folder / "result.json").write_text(json.dumps(summary), encoding="utf-8")
    Backtesting.cleanup()


def _all_candles(config: dict[str, Any], request: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Load every candle that there is: features start at the same bar as they did in training."""
    data: dict[str, pd.DataFrame] = history.load_data(
        datadir=config["datadir"],
        pairs=request["pairs"],
        timeframe=request["timeframe"],
        fail_without_data=True,
        data_format="feather",
        candle_type=config["candle_type_def"],
    )
    return data


def _ready(runner: Any, candles: dict[str, pd.DataFrame], timerange: TimeRange) -> None:
    """Set what loading through the engine would set, for pairs that need not begin at the same candle.

    The engine counts start-up candles, one number for all pairs. Here it trims by date instead, and what strategies may
    look back on is shifted by the candles that each pair has before the trading range.
    """
    runner.timerange = timerange
    runner.available_pairs = list(candles)
    runner.price_pair_prec = {}
    runner.required_startup = 0
    start = pd.Timestamp(timerange.startts, unit="s", tz="UTC")
    before = {pair: int((frame["date"] < start).sum()) for pair, frame in candles.items()}
    limit = runner.dataprovider._set_dataframe_max_index  # noqa: SLF001 - see above
    runner.dataprovider._set_dataframe_max_index = lambda pair, count: limit(pair, count + before[pair])  # noqa: SLF001
    runner._load_bt_data_detail()  # noqa: SLF001 - the engine's own loader of funding and mark prices


def _all_informative(runner: Any, config: dict[str, Any]) -> None:
    """Hand out every candle of other pairs too, for the same reason; the strategy joins them by their close."""
    loaded: dict[str, pd.DataFrame] = {}

    def whole(pair: str, timeframe: str, candle_type: str = "") -> pd.DataFrame:
        del candle_type
        if pair not in loaded:
            loaded[pair] = history.load_pair_history(
                pair=pair,
                timeframe=timeframe,
                datadir=config["datadir"],
                data_format="feather",
                candle_type=config["candle_type_def"],
            )
        return loaded[pair].copy()

    runner.dataprovider.historic_ohlcv = whole


def _listen(strategy: Any) -> dict[str, pd.DataFrame]:
    """Keep the frames that the engine trades on, exactly as it sees them."""
    seen: dict[str, pd.DataFrame] = {}
    original = strategy.ft_advise_signals

    def listening(frame: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        made: pd.DataFrame = original(frame, metadata)
        seen[metadata["pair"]] = made
        return made

    strategy.ft_advise_signals = listening
    return seen


def _signals(pair: str, frame: pd.DataFrame, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
    """Return the signals of one pair over the trading range; a column that a strategy does not set is zero."""
    part = frame[(frame["date"] >= start) & (frame["date"] < stop)]
    made = pd.DataFrame({"date": part["date"], "pair": pair})
    for name in SIGNAL_COLUMNS[1:]:
        made[name] = part[name].astype(float) if name in part else 0.0
    return made


if __name__ == "__main__":
    main(Path(sys.argv[1]))
