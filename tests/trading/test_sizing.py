from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.errors import InputError
from crypto_team.trading import sizing
from crypto_team.trading.sizing import OpenPosition


def test_confidence_is_the_distance_from_even_odds() -> None:
    assert sizing.confidence_size(np.array([0.5, 0.75, 0.25, 1.0, 0.0, np.nan])).tolist() == [0, 0.5, 0.5, 1, 1, 0]


def test_bet_size_is_nothing_at_even_odds_and_signed() -> None:
    sizes = sizing.bet_size(np.array([0.5, 0.8, 0.2]))
    assert sizes[0] == 0.0
    assert sizes[1] == pytest.approx(-sizes[2])


@given(st.floats(0.05, 0.95), st.floats(0.2, 5))
def test_no_fraction_grows_faster_than_kelly(probability: float, payoff: float) -> None:
    best = sizing.kelly_binary(probability, payoff)
    if 0.001 < best < 0.99:
        at_best = sizing.growth_binary(best, probability, payoff)
        assert at_best >= sizing.growth_binary(best * 0.9, probability, payoff)
        assert at_best >= sizing.growth_binary(min(best * 1.1, 0.999), probability, payoff)


def test_empirical_kelly_maximises_mean_log_growth() -> None:
    returns = np.random.default_rng(1).normal(0.002, 0.02, 500)
    best = sizing.kelly_empirical(returns)
    growth = [np.log1p(best * scale * returns).mean() for scale in (0.99, 1.0, 1.01)]
    assert growth[1] == max(growth)
    assert sizing.kelly_empirical(np.append(returns, np.nan)) == best


def test_empirical_kelly_needs_an_edge_and_a_loss() -> None:
    assert sizing.kelly_empirical(np.array([0.01, -0.02])) == 0.0
    assert sizing.kelly_empirical(np.empty(0)) == 0.0
    with pytest.raises(InputError, match="without a loss"):
        sizing.kelly_empirical(np.array([0.01, 0.02]))


def test_half_kelly_keeps_three_quarters_of_the_growth() -> None:
    full, half = (sizing.growth_continuous(multiple, 0.11, 0.15) for multiple in (1.0, 0.5))
    assert half == pytest.approx(0.75 * full)


@pytest.mark.parametrize("kind", ["rolling", "ewma"])
def test_volatility_weights_use_yesterday_and_keep_the_cap(kind: str) -> None:
    returns = np.random.default_rng(4).normal(0, 0.01, 300)
    returns[:30] = 0.0

    def weights(values: np.ndarray) -> np.ndarray:
        if kind == "rolling":
            return sizing.volatility_target_weights(values, target=0.2, periods_per_year=365, cap=2.0, window=20)
        return sizing.volatility_target_weights_ewma(values, target=0.2, periods_per_year=365, cap=2.0)

    found = weights(returns)
    changed = returns.copy()
    changed[100:] = 0.5
    assert np.array_equal(weights(changed)[:101], found[:101], equal_nan=True)
    assert found[25] == 2.0
    assert np.nanmax(found) == 2.0
    held = returns[60:] * found[60:]
    assert held.std() * np.sqrt(365) == pytest.approx(0.2, rel=0.25)


def test_quantity_loses_the_risk_at_the_stop_or_keeps_the_cap() -> None:
    free = sizing.risk_quantity(10_000, risk_fraction=0.01, entry=100, stop=98, position_cap=10)
    assert free * 2 == pytest.approx(100)
    capped = sizing.risk_quantity(10_000, risk_fraction=0.01, entry=100, stop=98, position_cap=0.05)
    assert capped * 100 == pytest.approx(500)
    stepped = sizing.risk_quantity(3, risk_fraction=1, entry=10, stop=0.0, position_cap=100, step=0.1)
    assert stepped == 0.3
    with pytest.raises(InputError, match="same price"):
        sizing.risk_quantity(10_000, risk_fraction=0.01, entry=100, stop=100, position_cap=1)


def test_heat_counts_what_stops_would_lose_and_nothing_beyond_breakeven() -> None:
    open_ = [OpenPosition(1, 100, 95, 10), OpenPosition(-1, 50, 55, 20), OpenPosition(1, 10, 11, 5)]
    heat = sizing.portfolio_heat(open_, 5_000)
    assert list(heat.risks) == [50, 100, 0]
    assert heat.share == pytest.approx(0.03)
    assert heat.remaining == pytest.approx(150)
    assert heat.largest_new == pytest.approx(100)
    assert sizing.portfolio_heat(open_, 1_000).remaining == 0.0


def test_a_limit_has_slack_for_floating_point_only() -> None:
    assert sizing.within((0.5 - 0.48) * 20_000, 400)
    assert not sizing.within(400.01, 400)
