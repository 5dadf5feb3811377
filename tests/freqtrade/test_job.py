from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.frame import regularise
from crypto_team.errors import InputError, MissingExtraError, WorkerError
from crypto_team.executors import child_environment
from crypto_team.freqtrade import job
from crypto_team.freqtrade.job import BacktestRequest
from crypto_team.freqtrade.results import result_files

from .conftest import LEAKING, candles

pytestmark = pytest.mark.freqtrade
PERPETUAL = "BTC/USDT:USDT"
Make = Callable[..., BacktestRequest]


def test_spot_backtest_trades_on_the_signals_and_fills_at_the_next_open(rule_request: Make, tmp_path: Path) -> None:
    request = rule_request()
    run = job.backtest(request, tmp_path / "run")
    bars = request.bars["BTC/USDT"].set_index("timestamp")
    start, end = pd.Timestamp(request.start), pd.Timestamp(request.end)
    assert len(run.trades) > 5
    assert run.open_trades_left == 0
    np.testing.assert_array_equal(run.trades["open_rate"], bars.loc[run.trades["open_date"], "open"])
    assert run.trades["open_date"].min() >= start
    assert run.trades["close_date"].max() <= end
    assert run.signals["date"].min() == start
    assert run.signals["date"].max() == end - pd.Timedelta("1h")
    entered = run.signals.set_index("date").loc[run.trades["open_date"] - pd.Timedelta("1h"), "enter_long"]
    assert (entered == 1).all()


def test_numbers_follow_from_the_trades(rule_request: Make, tmp_path: Path) -> None:
    run = job.backtest(rule_request(), tmp_path / "run")
    cost = run.trades["amount"] * (run.trades["open_rate"] + run.trades["close_rate"]) * 0.0007
    gain = run.trades["amount"] * (run.trades["close_rate"] - run.trades["open_rate"]) - cost
    assert run.metrics["final_balance"] == pytest.approx(10_000.0 + gain.sum(), abs=0.01)
    assert run.metrics["fees"] == pytest.approx(cost.sum(), abs=0.01)
    engine = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert run.metrics["final_balance"] == pytest.approx(engine["final_balance"], abs=1e-6)
    assert run.metrics["max_drawdown"] <= 0.0


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(rule_request: Make, tmp_path: Path) -> None:
    first = result_files(job.backtest(rule_request(), tmp_path / "first"))
    second = result_files(job.backtest(rule_request(), tmp_path / "second"))
    assert first == second
    assert set(first) == {"trade_log.csv", "equity_curve.csv", "summary.json"}


def test_indicators_see_every_candle_from_the_first_on(rule_request: Make, tmp_path: Path) -> None:
    counting = 'dataframe["gap"] = dataframe.index.to_numpy() % 7 - 3.0'
    run = job.backtest(rule_request(indicators=counting), tmp_path / "run")
    first_row = 4 * 24
    expected = ((np.arange(len(run.signals)) + first_row) % 7 - 3.0 > 0).astype(float)
    np.testing.assert_array_equal(run.signals["enter_long"], expected)


def test_pairs_that_begin_later_trade_over_the_same_range(rule_request: Make, tmp_path: Path) -> None:
    pairs = ("BTC/USDT", "ETH/USDT")
    late = candles(540, seed=4, start="2024-01-03T12:00:00")
    request = replace(
        rule_request(),
        pairs=pairs,
        bars={"BTC/USDT": candles(600), "ETH/USDT": late},
        price_decimals=dict.fromkeys(pairs, 2),
        max_open_trades=2,
    )
    run = job.backtest(request, tmp_path / "run")
    spans = run.trades.groupby("pair")["open_date"].min()
    for pair in pairs:
        signals = run.signals[run.signals["pair"] == pair].set_index("date")["enter_long"]
        assert spans[pair] == signals[signals == 1].index[0] + pd.Timedelta("1h")


@pytest.mark.slow
def test_the_whole_account_can_stand_in_one_position(rule_request: Make, tmp_path: Path) -> None:
    small = job.backtest(rule_request(), tmp_path / "small")
    whole = job.backtest(rule_request(position_fraction=1.0), tmp_path / "whole")
    assert len(whole.trades) == len(small.trades)
    assert whole.trades["stake_amount"].iloc[0] == pytest.approx(10_000.0, rel=0.02)


@pytest.mark.slow
def test_perpetuals_go_short_and_pay_funding(rule_request: Make, tmp_path: Path) -> None:
    hours = pd.date_range("2024-01-01", periods=80, freq="8h", tz="UTC").as_unit("ms")
    funding = {PERPETUAL: pd.DataFrame({"timestamp": hours, "funding_rate": 0.0005})}
    without = job.backtest(rule_request(pair=PERPETUAL, short=True), tmp_path / "without")
    paid = job.backtest(rule_request(pair=PERPETUAL, short=True, funding=funding), tmp_path / "paid")
    assert without.metrics["funding"] == 0.0
    assert without.trades["is_short"].any()
    assert not without.trades["is_short"].all()
    assert paid.open_trades_left == 0
    held = (paid.trades["close_date"] - paid.trades["open_date"]) > pd.Timedelta("8h")
    charged = paid.trades[held & ~paid.trades["is_short"]]["funding_fees"]
    assert (charged < 0).all()
    assert (paid.trades[held & paid.trades["is_short"]]["funding_fees"] > 0).all()


@pytest.mark.parametrize("exchange", ["binance", pytest.param("hyperliquid", marks=pytest.mark.slow)])
def test_daily_candles_pay_every_funding_of_the_day(exchange: str, rule_request: Make, tmp_path: Path) -> None:
    daily = candles(60).assign(timestamp=pd.date_range("2024-01-01", periods=60, freq="1D", tz="UTC").as_unit("ms"))
    times = pd.date_range("2024-01-01", periods=180, freq="8h", tz="UTC").as_unit("ms")
    always = 'dataframe["gap"] = 1.0'
    request = rule_request(
        pair=PERPETUAL,
        exchange=exchange,
        indicators=always,
        bars={PERPETUAL: daily},
        funding={PERPETUAL: pd.DataFrame({"timestamp": times, "funding_rate": 0.0001})},
        timeframe="1d",
        start="2024-01-31T00:00:00Z",
        end="2024-02-10T00:00:00Z",
    )
    request.strategy_path.write_text(request.strategy_path.read_text().replace('"1h"', '"1d"'), encoding="utf-8")
    trade = job.backtest(request, tmp_path / "run").trades.iloc[0]
    payments = ((times >= trade["open_date"]) & (times <= trade["close_date"])).sum()
    worth = trade["amount"] * trade["open_rate"] * 0.0001 * payments
    assert -trade["funding_fees"] == pytest.approx(worth, rel=0.1)


@pytest.mark.slow
def test_prices_of_twelve_decimals_are_traded_like_any_others(rule_request: Make, tmp_path: Path) -> None:
    bars = candles(600)
    tiny = bars.assign(**{name: (bars[name] * 1e-10).round(12) for name in ("open", "high", "low", "close")})
    usual = job.backtest(rule_request(), tmp_path / "usual")
    run = job.backtest(rule_request(bars={"BTC/USDT": tiny}, price_decimals={"BTC/USDT": 12}), tmp_path / "tiny")
    assert run.open_trades_left == 0
    opens = tiny.set_index("timestamp").loc[run.trades["open_date"], "open"]
    np.testing.assert_array_equal(run.trades["open_rate"], opens)
    np.testing.assert_allclose(run.trades["profit_ratio"], usual.trades["profit_ratio"], atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["kraken", "bybit", "okx", "gateio", "bitstamp", "bitfinex", "hyperliquid"])
def test_the_same_candles_give_the_same_trades_on_every_exchange(
    exchange: str, rule_request: Make, tmp_path: Path
) -> None:
    hours = pd.date_range("2024-01-01", periods=80, freq="8h", tz="UTC").as_unit("ms")
    funding = {PERPETUAL: pd.DataFrame({"timestamp": hours, "funding_rate": 0.0005})}
    expected = job.backtest(rule_request(pair=PERPETUAL, short=True, funding=funding), tmp_path / "binance")
    request = rule_request(pair=PERPETUAL, short=True, funding=funding, exchange=exchange)
    run = job.backtest(request, tmp_path / exchange)
    assert len(run.trades) > 5
    assert run.metrics["funding"] != 0.0
    assert run.metrics == expected.metrics


def test_every_exchange_that_ccxt_knows_is_made_offline_and_counts_in_ticks(tmp_path: Path) -> None:
    code = """
import logging, os, pathlib
import ccxt
from crypto_team.freqtrade.inside import offline, setup

logging.disable()
offline.refuse_network()
for name in ccxt.exchanges:
    for pair in ("BTC/USDT", "BTC/USDT:USDT"):
        futures = ":" in pair
        request = {
            "class_name": "Rule", "strategy_folder": ".", "pairs": [pair], "exchange": name, "timeframe": "1h",
            "trading_mode": "futures" if futures else "spot", "fee_rate": 0.001, "position_fraction": 0.1,
            "wallet": 1000.0, "max_open_trades": 1, "timerange": "1-2",
        }
        markets = {pair: offline.market(pair, fee=0.001, decimals=2, futures=futures)}
        made = offline.offline_exchange(setup.configuration(request, pathlib.Path.cwd()), markets)
        assert made.price_to_precision(pair, 101.374) == 101.37, name
        assert made.amount_to_precision(pair, 0.12345678) == 0.12345678, name
        assert pair in made.get_markets(quote_currencies=["USDT"]), name
print("all of them", flush=True)
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=child_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "all of them" in done.stdout, done.stderr[-2000:]


def test_missing_candles_are_filled_as_they_were_in_training(rule_request: Make, tmp_path: Path) -> None:
    holes = candles(600).drop(index=[*range(200, 206), 300]).reset_index(drop=True)
    raw = job.backtest(rule_request(bars={"BTC/USDT": holes}), tmp_path / "raw")
    filled = job.backtest(rule_request(bars={"BTC/USDT": regularise(holes, "1h")}), tmp_path / "filled")
    pd.testing.assert_frame_equal(raw.signals, filled.signals)
    pd.testing.assert_frame_equal(raw.trades, filled.trades)


def test_entries_without_a_free_position_and_forced_exits_are_counted(rule_request: Make, tmp_path: Path) -> None:
    pairs = ("BTC/USDT", "ETH/USDT")
    request = replace(
        rule_request(indicators='dataframe["gap"] = 1.0'),
        pairs=pairs,
        bars=dict.fromkeys(pairs, candles(600)),
        price_decimals=dict.fromkeys(pairs, 2),
    )
    run = job.backtest(request, tmp_path / "run")
    assert run.metrics["n_trades"] == run.metrics["forced_exits"] == 1
    assert run.metrics["rejected_signals"] > 100


def test_an_exchange_without_rules_of_its_own_still_runs(rule_request: Make, tmp_path: Path) -> None:
    run = job.backtest(rule_request(exchange="synthetic"), tmp_path / "run")
    assert len(run.trades) > 5


@pytest.mark.slow
def test_lookahead_analysis_flags_a_shift_into_the_future(rule_request: Make, tmp_path: Path) -> None:
    finding = job.lookahead(rule_request(indicators=LEAKING), tmp_path / "run")
    assert finding.verdict == "biased"
    assert "gap" in finding.biased_indicators
    assert "Known false alarms" in finding.explanation


@pytest.mark.slow
def test_lookahead_analysis_passes_a_causal_rule(rule_request: Make, tmp_path: Path) -> None:
    finding = job.lookahead(rule_request(), tmp_path / "run")
    assert finding.verdict == "clean"
    assert finding.total_signals >= 5
    assert "outside of this analysis" in finding.explanation


def test_lookahead_analysis_without_trades_is_no_verdict(rule_request: Make, tmp_path: Path) -> None:
    finding = job.lookahead(rule_request(indicators='dataframe["gap"] = 0.0'), tmp_path / "run")
    assert finding.verdict == "no_verdict"
    assert finding.explanation


def test_a_failing_strategy_is_one_sentence(rule_request: Make, tmp_path: Path) -> None:
    broken = rule_request(indicators='dataframe["gap"] = dataframe["no_such_column"]')
    with pytest.raises(WorkerError, match="no_such_column") as caught:
        job.backtest(broken, tmp_path / "run")
    assert "Traceback" not in str(caught.value)
    assert (tmp_path / "run" / "child.log").exists()


def test_a_strategy_that_cannot_be_imported_says_why(rule_request: Make, tmp_path: Path) -> None:
    request = rule_request()
    request.strategy_path.write_text("import no_such_library_at_all\n", encoding="utf-8")
    with pytest.raises(WorkerError, match="no_such_library_at_all"):
        job.backtest(request, tmp_path / "run")


def test_a_strategy_that_connects_is_refused(rule_request: Make, tmp_path: Path) -> None:
    calling = '__import__("socket").create_connection(("192.0.2.1", 80), timeout=1)'
    with pytest.raises(WorkerError, match="run offline"):
        job.backtest(rule_request(indicators=calling), tmp_path / "run")


def test_a_strategy_that_resolves_a_name_is_refused(rule_request: Make, tmp_path: Path) -> None:
    asking = '__import__("socket").getaddrinfo("example.org", 80)'
    with pytest.raises(WorkerError, match="run offline"):
        job.backtest(rule_request(indicators=asking), tmp_path / "run")


@pytest.mark.slow
def test_a_run_that_hangs_is_stopped(rule_request: Make, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="stopped after"):
        job.backtest(rule_request(indicators="while True: pass", timeout_seconds=6.0), tmp_path / "run")


def test_a_missing_freqtrade_names_the_extra(
    rule_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "freqtrade", None)
    with pytest.raises(MissingExtraError, match=r"crypto-team\[freqtrade\]"):
        job.backtest(rule_request(), tmp_path / "run")


def test_a_missing_strategy_file_is_named(rule_request: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.py"):
        job.backtest(rule_request(strategy_path=tmp_path / "nowhere.py"), tmp_path / "run")


def test_the_parent_never_imports_freqtrade(tmp_path: Path) -> None:
    code = (
        "import sys, crypto_team.freqtrade.job, crypto_team.freqtrade.results, crypto_team.freqtrade.runtime, "
        "crypto_team.freqtrade.export; sys.exit('freqtrade' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=child_environment(tmp_path), check=False)
    assert done.returncode == 0
