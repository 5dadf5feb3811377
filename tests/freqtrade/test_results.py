from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.freqtrade.job import BacktestRun
from crypto_team.freqtrade.results import equity_curve, metrics, result_files, signal_agreement
from crypto_team.schemas.ml_spec import Signal

START, END = "2024-01-01T00:00:00Z", "2024-01-11T00:00:00Z"
RULE = Signal(entry_threshold=0.6, exit_threshold=0.4, side="long_short")


def trades(profits: list[float]) -> pd.DataFrame:
    """One trade a day of one coin at 100."""
    opened = pd.date_range("2024-01-01T06:00", periods=len(profits), freq="1D", tz="UTC")
    profit = np.array(profits)
    return pd.DataFrame(
        {
            "pair": "BTC/USDT",
            "is_short": False,
            "open_date": opened,
            "close_date": opened + pd.Timedelta("12h"),
            "open_rate": 100.0,
            "close_rate": 100.0 + profit,
            "stake_amount": 100.0,
            "amount": 1.0,
            "profit_ratio": profit / 100.0,
            "profit_abs": profit,
            "fee_open": 0.001,
            "fee_close": 0.001,
            "funding_fees": 0.0,
            "trade_duration": 720,
            "exit_reason": "exit_signal",
        }
    )


def seen(values: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stored predictions, and signals of an engine that saw just those."""
    times = pd.date_range(START, periods=len(values), freq="1h", tz="UTC").as_unit("ms")
    signal = np.array(values)
    stored = pd.DataFrame({"time": times, "pair": "BTC/USDT", "part": "test", "signal": signal})
    live = pd.DataFrame({"date": times, "pair": "BTC/USDT", "signal": signal})
    known = np.isfinite(signal)
    live["enter_long"] = (signal >= 0.6).astype(float)
    live["exit_long"] = (~known | (signal <= 0.4)).astype(float)
    live["enter_short"] = (signal <= 0.4).astype(float)
    live["exit_short"] = (~known | (signal >= 0.6)).astype(float)
    return stored, live


def closes(values: list[float] | None = None) -> pd.DataFrame:
    """The close of each of ten days; 100 unless told."""
    days = pd.date_range(START, periods=10, freq="1D", tz="UTC").as_unit("ms")
    return pd.DataFrame({"date": days, "pair": "BTC/USDT", "close": values or [100.0] * 10})


def run_of(table: pd.DataFrame) -> BacktestRun:
    found = metrics(table, closes(), wallet=1000.0, start=START, end=END)
    return BacktestRun(table, closes(), found, 0, "2026.9", 1000.0, START, END)


def test_numbers_of_a_run_are_those_of_a_hand_count() -> None:
    found = metrics(trades([10.0, -5.0, 20.0, -10.0]), closes(), wallet=1000.0, start=START, end=END)
    assert found["n_trades"] == 4
    assert found["total_return"] == pytest.approx(0.015)
    assert found["final_balance"] == pytest.approx(1015.0)
    assert found["max_drawdown"] == pytest.approx(1015.0 / 1025.0 - 1.0)
    assert found["profit_factor"] == pytest.approx(2.0)
    assert found["win_rate"] == pytest.approx(0.5)
    assert found["avg_trade"] == pytest.approx(0.0375)
    assert found["forced_exits"] == 0
    assert found["exposure"] == pytest.approx(4 * 0.5 / 10.0)
    assert found["fees"] == pytest.approx(0.1 * 4 + 0.001 * (110 + 95 + 120 + 90))


def test_a_run_without_trades_has_numbers_too() -> None:
    found = metrics(trades([]), closes(), wallet=1000.0, start=START, end=END)
    assert found["n_trades"] == 0
    assert found["total_return"] == 0.0
    assert not any(np.isinf(value) for value in found.values())


@pytest.mark.parametrize(("short", "deepest"), [(False, 80.0), (True, 120.0)])
def test_a_loss_that_is_recovered_later_is_a_drawdown_all_the_same(short: bool, deepest: float) -> None:
    table = trades([5.0]).assign(is_short=short, close_date=pd.Timestamp("2024-01-06T06:00", tz="UTC"))
    path = closes([100.0, deepest, 100.0, *[105.0] * 7])
    found = metrics(table, path, wallet=1000.0, start=START, end=END)
    assert found["max_drawdown"] == pytest.approx((1000.0 - 20.0 - 0.1) / 1000.0 - 1.0)
    assert found["total_return"] == pytest.approx(0.005)


def test_the_curve_ends_where_the_closed_trades_end() -> None:
    curve = equity_curve(trades([10.0, -5.0, 20.0]), closes(), wallet=1000.0, start=START, end=END)
    assert list(curve["equity"].iloc[:3]) == pytest.approx([1010.0, 1005.0, 1025.0])
    assert curve["equity"].iloc[-1] == pytest.approx(1025.0)


def test_files_hold_the_columns_that_gates_read() -> None:
    files = result_files(run_of(trades([10.0, -5.0])))
    log = pd.read_csv(BytesIO(files["trade_log.csv"]))
    wanted = "pair side open_date close_date open_rate close_rate stake_amount profit_ratio profit_abs exit_reason"
    assert set(wanted.split()) <= set(log.columns)
    assert list(log["side"]) == ["long", "long"]
    equity = pd.read_csv(BytesIO(files["equity_curve.csv"]))
    assert list(equity.columns) == ["time", "equity"]
    assert equity["equity"].iloc[-1] == pytest.approx(1005.0)
    assert json.loads(files["summary.json"])["metrics"]["n_trades"] == 2


def test_summary_is_plain_json_even_without_losses() -> None:
    text = result_files(run_of(trades([10.0])))["summary.json"].decode()

    def refuse(name: str) -> Any:
        raise ValueError(name)

    json.loads(text, parse_constant=refuse)


def test_an_engine_that_saw_the_stored_signals_agrees_fully() -> None:
    stored, live = seen([0.7, 0.5, 0.3, float("nan"), 0.6])
    assert signal_agreement(live, stored, RULE) == (1.0, 5)


def test_one_other_flag_is_one_candle_less() -> None:
    stored, live = seen([0.7, 0.5, 0.3, 0.5])
    live.loc[1, "exit_long"] = 1.0
    assert signal_agreement(live, stored, RULE) == (0.75, 4)


def test_another_signal_on_the_same_side_of_the_thresholds_does_not_agree() -> None:
    stored, live = seen([0.7, 0.5, 0.3, 0.5])
    live.loc[1, "signal"] = 0.51
    assert signal_agreement(live, stored, RULE) == (0.75, 4)


def test_a_candle_that_the_engine_did_not_see_does_not_agree() -> None:
    stored, live = seen([0.7, 0.5, 0.3, 0.5])
    assert signal_agreement(live.iloc[:3], stored, RULE) == (0.75, 4)


def test_unseen_candles_with_unknown_signals_do_not_agree() -> None:
    stored, live = seen([0.7, float("nan")])
    assert signal_agreement(live.iloc[:1], stored, RULE) == (0.5, 2)


def test_calibration_rows_are_not_compared() -> None:
    stored, live = seen([0.7, 0.5])
    assert signal_agreement(live, stored.assign(part=["test", "inner"]), RULE) == (1.0, 1)
