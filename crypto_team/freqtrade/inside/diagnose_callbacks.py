# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callbacks of a strategy answer during a backtest: every call with its arguments and its result."""

from __future__ import annotations

import json
import numbers
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
from freqtrade.configuration import TimeRange
from freqtrade.strategy import IStrategy

from crypto_team.freqtrade.inside.diagnose_contents import spoil

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALLBACKS = (
    *("confirm_trade_entry", "confirm_trade_exit", "custom_exit", "custom_stoploss", "custom_stake_amount"),
    *("custom_entry_price", "custom_exit_price", "adjust_trade_position", "adjust_entry_price", "adjust_order_price"),
    *("adjust_exit_price", "leverage", "custom_roi", "check_entry_timeout", "check_exit_timeout", "order_filled"),
    *("custom_sell", "bot_loop_start"),
)
_OF_TRADE = ("pair", "open_date_utc", "open_rate", "is_short", "stake_amount", "enter_tag", "nr_of_successful_entries")


def own_callbacks(strategy: Any) -> list[str]:
    """Return the callbacks that the strategy's author wrote."""
    return [name for name in CALLBACKS if getattr(type(strategy), name, None) is not getattr(IStrategy, name, None)]


def run(
    runner: Any, strategy: Any, candles: dict[str, pd.DataFrame], request: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Run a backtest and write one line for each call of the author's callbacks."""
    calls: list[list[Any]] = []
    for name in own_callbacks(strategy):
        _listen(strategy, name, calls)
    if request["spoil"]:
        _spoil(strategy, request["spoil"], request["content"])
    runner.timerange = TimeRange()
    runner.available_pairs = list(candles)
    runner.price_pair_prec = {}
    runner.required_startup = int(strategy.startup_candle_count)
    if request["futures"]:
        runner._load_bt_data_detail()  # noqa: SLF001 - the engine's own loader of funding and mark prices
    else:
        runner.futures_data, runner.detail_data = {}, {}
    runner.backtest_one_strategy(strategy, candles, runner.timerange)
    trades = runner.all_bt_content[strategy.get_strategy_name()]["results"]
    (folder / "calls.json").write_text(json.dumps(calls), encoding="utf-8")
    return {"trades": len(trades), "callbacks": own_callbacks(strategy)}


def _listen(strategy: Any, name: str, calls: list[list[Any]]) -> None:
    original = getattr(strategy, name)

    def listening(*arguments: Any, **named: Any) -> Any:
        told = _told(arguments, named)
        answer = original(*arguments, **named)
        calls.append([name, named.get("pair") or "", _moment(named), told, _plain(answer)])
        return answer

    setattr(strategy, name, listening)


def _moment(named: dict[str, Any]) -> int:
    """Return the time that a call is about, in milliseconds."""
    time = named.get("current_time")
    return int(time.timestamp() * 1000) if isinstance(time, datetime) else -1


def _told(arguments: tuple[Any, ...], named: dict[str, Any]) -> list[str]:
    """Return what the engine told the callback, as text that can be compared."""
    items = [*((str(place), value) for place, value in enumerate(arguments)), *sorted(named.items())]
    told = []
    for name, value in items:
        if hasattr(value, "open_rate"):
            told += [f"trade.{part}={_plain(getattr(value, part, None))}" for part in _OF_TRADE]
        elif value is None or isinstance(value, str | numbers.Number | datetime):
            told.append(f"{name}={_plain(value)}")
    return told


def _plain(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return str(value)[:200]
    return repr(float(f"{float(value):.12g}"))


def _spoil(strategy: Any, columns: list[str], content: str) -> None:
    """Put other values into columns, or take them away, wherever a callback may have them from.

    The frame of the indicators is changed too, for a strategy can keep it; trend functions are known not to read these.
    """
    for name in ("advise_indicators", "ft_advise_signals"):
        setattr(strategy, name, _spoiling(getattr(strategy, name), columns, content))


def _spoiling(original: Callable[..., pd.DataFrame], columns: list[str], content: str) -> Callable[..., pd.DataFrame]:
    def spoiling(frame: pd.DataFrame, metadata: dict[str, Any]) -> pd.DataFrame:
        made = original(frame, metadata)
        spoil(made, columns, content)
        return made

    return spoiling
