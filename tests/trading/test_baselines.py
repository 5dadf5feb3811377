from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from crypto_team.errors import UsageError
from crypto_team.trading.baselines import buy_and_hold, moving_average_cross, previous_sign, shifted

Floats = npt.NDArray[np.float64]
RULES: dict[str, Callable[[Floats], Floats]] = {
    "buy_and_hold": buy_and_hold,
    "moving_average_cross": lambda close: moving_average_cross(close, fast=5, slow=20, long_short=True),
    "previous_sign": lambda close: previous_sign(close, horizon_bars=6, long_short=True),
}


@pytest.mark.parametrize("name", RULES)
def test_no_baseline_looks_ahead(name: str) -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, 300)))
    changed = close.copy()
    changed[150:] *= 2
    assert np.array_equal(RULES[name](close)[:150], RULES[name](changed)[:150])
    assert RULES[name](close).shape == close.shape


def test_the_cross_follows_a_trend_and_is_flat_before_it_knows() -> None:
    rising = np.linspace(100, 200, 60)
    held = moving_average_cross(rising, fast=5, slow=20, long_short=True)
    assert held.tolist() == [0.0] * 19 + [1.0] * 41
    assert moving_average_cross(rising[::-1], fast=5, slow=20, long_short=True)[30] == -1.0
    assert moving_average_cross(rising[::-1], fast=5, slow=20, long_short=False)[30] == 0.0
    with pytest.raises(UsageError, match="shorter"):
        moving_average_cross(rising, fast=20, slow=20, long_short=True)


def test_a_series_shorter_than_the_window_is_flat() -> None:
    assert not moving_average_cross(np.ones(10), fast=5, slow=20, long_short=True).any()
    assert not previous_sign(np.arange(1.0, 4.0), horizon_bars=5, long_short=True).any()


def test_the_previous_sign_is_repeated() -> None:
    close = np.array([10.0, 11, 12, 11, 10, 10])
    assert previous_sign(close, horizon_bars=2, long_short=True).tolist() == [0, 0, 1, 0, -1, -1]


def test_moved_positions_keep_exposure_and_turnover() -> None:
    rng = np.random.default_rng(3)
    position = np.repeat(rng.choice([0.0, 1.0, -1.0], 60), rng.integers(1, 9, 60))
    first, other = shifted(position, 0.3), shifted(position, 0.71)
    assert not np.array_equal(first, other)
    assert np.array_equal(np.sort(first), np.sort(position))
    changes = [int((np.diff(held, append=held[0]) != 0).sum()) for held in (first, position)]
    assert changes[0] == changes[1]
    assert np.array_equal(shifted(position, 0.0), position)
    assert shifted(np.empty(0), 0.5).size == 0
