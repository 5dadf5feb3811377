from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crypto_team.trading.costs import (
    breakeven_probability,
    breakeven_return,
    net_returns,
    net_round_trip,
    round_trip_bps,
)

HELD = arrays(np.float64, st.integers(1, 30), elements=st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]))


def test_a_turn_costs_twice_an_entry() -> None:
    position, move = np.array([0.0, 1.0, 1.0, -1.0, 0.0]), np.array([0.05, 0.01, -0.02, 0.03, 0.01])
    gross, net = net_returns(position, move, 10.0)
    assert gross == pytest.approx([0, 0.01, -0.02, -0.03, 0])
    assert gross - net == pytest.approx([0, 0.001, 0, 0.002, 0.001])


def test_a_position_held_before_is_not_paid_again() -> None:
    _, fresh = net_returns(np.ones(2), np.zeros(2), 10.0)
    _, carried = net_returns(np.ones(2), np.zeros(2), 10.0, start_position=1.0)
    assert (fresh[0], carried[0]) == (pytest.approx(-0.001), 0.0)


def test_an_unknown_next_return_stays_unknown() -> None:
    gross, net = net_returns(np.array([1.0, 0.0]), np.array([0.01, np.nan]), 5.0)
    assert np.isnan([gross[1], net[1]]).all()


@given(HELD, st.floats(0, 100))
def test_costs_add_up_to_the_traded_value(position: np.ndarray, cost_bps: float) -> None:
    gross, net = net_returns(position, np.zeros(position.size), cost_bps)
    assert (net <= gross).all()
    traded = np.abs(np.diff(position, prepend=0.0)).sum()
    assert (gross - net).sum() == pytest.approx(traded * cost_bps / 1e4)


def test_the_breakeven_return_pays_exactly_for_a_round_trip() -> None:
    assert net_round_trip(breakeven_return(8.0), 8.0) == pytest.approx(0.0, abs=1e-15)
    assert round_trip_bps(5.0, 3.0) == 16.0


def test_a_win_has_to_be_likelier_the_more_it_costs() -> None:
    assert breakeven_probability(20, 20, 0) == 0.5
    assert breakeven_probability(20, 20, 16) == 0.9
