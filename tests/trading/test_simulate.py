from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_team.trading.costs import net_returns
from crypto_team.trading.simulate import equity_curve, trade_statistics, trades_from_positions

HOUR = 3_600_000


@given(st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.5, 1.0]), min_size=1, max_size=40), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_profits_of_trades_add_up_to_the_net_returns(held: list[float], seed: int) -> None:
    position = np.array(held)
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, position.size)))
    move = np.append(close[1:] / close[:-1] - 1, 0.0)
    trades = trades_from_positions(np.arange(position.size) * HOUR, position, close, 7.0)
    assert sum(trade.profit for trade in trades) == pytest.approx(net_returns(position, move, 7.0)[1].sum(), abs=1e-12)
    assert all(trade.side in {-1, 1} for trade in trades)
    assert [trade.closed for trade in trades[:-1]] == [True] * (len(trades) - 1)


def test_a_trade_knows_when_and_at_what_it_was_entered_and_left() -> None:
    close = np.array([100.0, 110, 121, 120, 60])
    (long_, short) = trades_from_positions(np.arange(5) * HOUR, np.array([0.0, 1, -1, 0, 0]), close, 0.0)
    assert (long_.side, long_.entry_time, long_.exit_time, long_.bars) == (1, HOUR, 2 * HOUR, 1)
    assert (long_.entry_price, long_.exit_price) == (110, 121)
    assert long_.profit == pytest.approx(0.1)
    assert (short.side, short.entry_price, short.exit_price) == (-1, 121, 120)
    assert short.profit == pytest.approx(1 / 121)
    assert long_.closed
    assert short.closed


def test_a_trade_that_is_open_at_the_end_pays_no_exit() -> None:
    (trade,) = trades_from_positions(np.arange(3) * HOUR, np.ones(3), np.full(3, 5.0), 10.0)
    assert (trade.closed, trade.exit_time) == (False, 2 * HOUR)
    assert trade.profit == pytest.approx(-0.001)


def test_no_position_makes_no_trade() -> None:
    assert trades_from_positions(np.arange(3) * HOUR, np.zeros(3), np.full(3, 5.0), 10.0) == []


def test_equity_compounds_and_starts_at_one() -> None:
    curve = equity_curve(np.array([1.0, 1, 0]), np.array([0.1, -0.1, np.nan]), 0.0)
    assert curve == pytest.approx([1, 1.1, 0.99, 0.99])


def test_statistics_without_losses_or_trades_say_so() -> None:
    winning = trade_statistics(np.array([1.0, 2.0]))
    assert (winning.profit_factor, winning.payoff_ratio, winning.win_rate) == (np.inf, np.inf, 1.0)
    assert winning.breakeven_win_rate == 0.0
    nothing = trade_statistics(np.empty(0))
    assert nothing.trades == 0
    assert np.isnan([nothing.win_rate, nothing.expectancy, nothing.profit_factor, nothing.quality]).all()


def test_a_trade_of_zero_counts_in_the_rates() -> None:
    assert trade_statistics(np.array([1.0, 0.0, -1.0, 0.0])).win_rate == 0.25
