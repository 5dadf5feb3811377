"""What a strategy is shown in an audit: moments, combs, later starts, another year, and candles made for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from crypto_team.freqtrade import diagnose_futures as futures
from crypto_team.freqtrade.diagnose_data import Market
from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_runs import Run
from crypto_team.freqtrade.diagnose_source import read_source

TEXT = """
class Mine(IStrategy):
    timeframe = "5m"

    def populate_indicators(self, dataframe, metadata):
        {line}
        return dataframe
"""
Rule = Callable[[pd.DataFrame], pd.Series]


def made_for(line: str) -> Market:
    return synthetic(read_source(TEXT.format(line=line), "mine.py"), seed=3)


def run(market: Market, rule: Rule) -> Run:
    """Compute a signal as Freqtrade would: from the candles of each pair."""
    frames = {}
    for pair in market.pairs:
        frame = market.own(pair).frame
        frames[pair] = frame.assign(enter_long=rule(frame).astype(int))
    return Run(frames=frames)


def averages(frame: pd.DataFrame) -> pd.Series:
    return frame["close"].rolling(6).mean() > frame["close"].rolling(24).mean()


def rarely_peeking(frame: pd.DataFrame) -> pd.Series:
    rare = frame.index % 97 == 13
    return averages(frame).where(~rare, frame["close"].shift(-1) > frame["close"])


@pytest.fixture(scope="module")
def market() -> Market:
    return made_for("pass")


def found(market: Market, rule: Rule, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    teeth = futures.combed(market, rng)
    runs = [run(item.task.market, rule) for item in teeth]
    return futures.suspected(market, run(market, rule), teeth, runs, rng)


def test_combs_lead_to_rows_that_leak_rarely_and_never_to_those_of_an_average(market: Market) -> None:
    known = market.own("BTC/USDT").known
    rows = [np.searchsorted(known, found(market, rarely_peeking, seed)) for seed in range(6)]
    assert sum(part.size > 0 for part in rows) >= 5
    assert {int(row % 97) for part in rows for row in part} == {13}
    assert found(market, averages, 0) == []


def test_a_strategy_that_leaves_candles_out_is_asked_at_the_rows_of_the_market(market: Market) -> None:
    item = market.own("BTC/USDT")
    frame = run(market, averages).frames["BTC/USDT"]
    placed = futures.placed(frame.iloc[7::3].reset_index(drop=True), item)
    assert len(placed) == len(item.frame)
    assert placed["close"].iloc[10] == item.frame["close"].iloc[10]
    assert placed["close"].iloc[:7].isna().all()
    assert futures.placed(frame, item) is frame


def test_a_comb_changes_its_teeth_of_every_pair_and_nothing_else(market: Market) -> None:
    item = futures.combed(market, np.random.default_rng(0))[0]
    for pair in market.pairs:
        before, after = market.own(pair).frame, item.task.market.own(pair).frame
        assert np.flatnonzero(before["close"] != after["close"]).tolist() == item.rows[pair].tolist()
    assert np.diff(item.rows["BTC/USDT"]).min() >= item.least


def test_a_suspected_row_is_asked_in_a_rising_and_in_a_falling_market(market: Market) -> None:
    made = list(futures.moved(market, [int(market.own("BTC/USDT").known[2000])], np.random.default_rng(0)))
    ratio = [item.task.market.own("BTC/USDT").frame["close"] / market.own("BTC/USDT").frame["close"] for item in made]
    assert [round(float(item.iloc[2001]), 3) for item in ratio] == [10.0, 0.1]
    assert [float(item.iloc[2000]) for item in ratio] == [1.0, 1.0]


def test_callbacks_are_asked_again_on_a_history_that_ends_a_while_behind_the_moment(market: Market) -> None:
    moment = int(market.own("BTC/USDT").opens[1000])
    calls = [["custom_exit", "BTC/USDT", moment, [], answer] for answer in ("None", "late")]
    asked = list(futures.asked_again(market, calls, np.random.default_rng(0)))
    assert {(item.probe, item.moment) for item in asked} == {("scaled x10", moment), ("scaled x0.1", moment)}
    assert {len(item.task.market.own("BTC/USDT").frame) for item in asked} == {1_000 + futures.BEHIND}


def test_the_market_is_shown_again_28_years_later_with_the_same_weekdays(market: Market) -> None:
    asked = futures.futures(market, run(market, averages), np.random.default_rng(0))
    later = next(item.task.market for item in asked if item.probe == futures.OTHER_YEAR).own("BTC/USDT").frame
    now = market.own("BTC/USDT").frame
    assert (later["date"].dt.year - now["date"].dt.year).unique().tolist() == [28]
    assert (later["date"].dt.day_of_week == now["date"].dt.day_of_week).all()
    assert (later["close"] == now["close"]).all()


def test_candles_are_made_for_the_coins_dates_and_counts_that_a_strategy_names() -> None:
    assert made_for('x = metadata["pair"].startswith("SOL/")').pairs == ("BTC/USDT", "ETH/USDT", "SOL/USDT")
    frame = made_for('x = dataframe["date"] > "2025-03-01"').own("BTC/USDT").frame
    share = float((frame["date"] < pd.Timestamp("2025-03-01", tz="UTC")).mean())
    assert 0.5 < share < 0.75
    frame = made_for("x = datetime(2022, 5, 3, tzinfo=UTC)").own("BTC/USDT").frame
    assert frame["date"].iloc[0] < pd.Timestamp("2022-05-03", tz="UTC") < frame["date"].iloc[-1]
    assert len(made_for("x = dataframe.index > 6000").own("BTC/USDT").frame) == 8_400
    usual = len(made_for("pass").own("BTC/USDT").frame)
    assert len(made_for('x = dataframe["volume"] > 6000').own("BTC/USDT").frame) == usual
    assert len(made_for("x = dataframe.index > 10**9").own("BTC/USDT").frame) == usual
