from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.trading.ruin import drawdown_probability, gamblers_ruin


@given(st.floats(0.05, 0.95), st.integers(1, 200), st.integers(1, 200))
def test_ruin_and_success_are_the_whole_of_a_stopped_game(probability: float, units: int, more: int) -> None:
    ruin = gamblers_ruin(probability, units, units + more)
    success = gamblers_ruin(1 - probability, more, units + more)
    assert 0 <= ruin <= 1
    assert ruin + success == pytest.approx(1, abs=1e-9)


def test_a_game_without_an_edge_that_never_stops_ends_in_ruin() -> None:
    assert gamblers_ruin(0.5, 10) == 1.0
    assert gamblers_ruin(0.45, 1_000) == 1.0
    assert gamblers_ruin(0.45, 900, 1_000) == pytest.approx(1.0)


def test_less_than_full_kelly_makes_deep_drawdowns_rare() -> None:
    full, half, quarter = (drawdown_probability(multiple, 0.5) for multiple in (1.0, 0.5, 0.25))
    assert full == 0.5
    assert full > half > quarter
