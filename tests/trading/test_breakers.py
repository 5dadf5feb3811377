"""Breakers cut exposure from the day after they are hit, and stay hit."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.trading.breakers import drill


def test_every_breaker_cuts_from_the_next_day_on() -> None:
    found = drill(np.full(40, -0.05), (0.1, 0.15, 0.2, 0.25))
    # 0.95^3 = 0.857 hits 10 %, 0.95^4 = 0.815 hits 15 %: half size, 0.815 x 0.975 = 0.794 hits 20 %: closed.
    assert found.deepest == pytest.approx(1.0 - 0.95**4 * 0.975)
    assert found.stopped == 4
    assert found.unprotected == pytest.approx(1.0 - 0.95**40)


def test_one_day_can_jump_over_all_breakers() -> None:
    found = drill(np.array([-0.4, -0.4]), (0.1, 0.15, 0.2, 0.25))
    assert found.deepest == pytest.approx(0.4)
    assert found.stopped == 0


def test_without_breakers_nothing_stops() -> None:
    found = drill(np.full(10, -0.05), ())
    assert found.stopped is None
    assert found.deepest == pytest.approx(found.unprotected)


def test_a_breaker_stays_hit_when_the_account_recovers() -> None:
    found = drill(np.array([-0.16, 0.1, 0.1, -0.2]), (0.1, 0.15, 0.2, 0.25))
    equity = 0.84 * 1.05 * 1.05 * 0.9
    assert found.deepest == pytest.approx(max(0.16, 1.0 - equity / max(1.0, 0.84 * 1.05**2)))
