"""Random strategies are the strategy at other times: unmoved they are itself, moved they keep what it holds at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.trading.costs import net_returns
from crypto_team.validation import metrics, random_strategies
from crypto_team.validation.random_strategies import COUNT, random_daily, ranked, shares, sharpes

BARS, COST = 24 * 40, 7.0


def _held() -> tuple[pd.DataFrame, np.ndarray]:
    """Two pairs, held at the same times; the last bar of each has no next one."""
    rng = np.random.default_rng(2)
    time = pd.date_range("2024-01-01", periods=BARS, freq="h", tz="UTC")
    position = np.repeat(rng.integers(0, 2, BARS // 8), 8).astype(np.float64)
    table = pd.concat([pd.DataFrame({"time": time, "pair": pair, "position": position}) for pair in ("A", "B")])
    following = rng.normal(0.0, 0.01, 2 * BARS)
    following[[BARS - 1, 2 * BARS - 1]] = np.nan
    return table.reset_index(drop=True), following


def test_unmoved_they_earn_what_the_strategy_earns_on_the_same_days(monkeypatch: pytest.MonkeyPatch) -> None:
    table, following = _held()
    halves, held = np.split(np.arange(len(table)), 2), table["position"].to_numpy()
    net = np.concatenate([net_returns(held[at], following[at], COST)[1] for at in halves])
    days, own = metrics.daily_returns(table.assign(part="test", return_net=net))
    monkeypatch.setattr(random_strategies, "shares", lambda _seed: np.zeros(COUNT))
    known, made = random_daily(table, following, COST, seed=1)
    assert np.array_equal(known, days)
    assert made[:, 0] == pytest.approx(own)
    assert np.ptp(made, axis=1).max() == 0.0


def test_pairs_that_are_held_together_stay_together() -> None:
    table, following = _held()
    # What the second pair earns is what the first one loses, so holding both alike earns nothing before costs.
    mirrored = np.concatenate([following[:BARS], -following[:BARS]])
    _, made = random_daily(table, mirrored, 0.0, seed=3)
    assert np.abs(made).max() == pytest.approx(0.0, abs=1e-15)


def test_the_seed_decides_and_each_strategy_is_another_one() -> None:
    table, following = _held()
    first, again, other = (random_daily(table, following, COST, seed=seed)[1] for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.unique(sharpes(first)).size > 0.9 * COUNT
    assert ((shares(5) >= 0.0) & (shares(5) < 1.0)).all()


def test_ranks_count_from_below() -> None:
    ratios = np.arange(100, dtype=np.float64)[::-1]
    assert ratios[ranked(ratios, 0.95)] == 94.0
    assert ratios[ranked(ratios, 0.5)] == 49.0
    assert ratios[ranked(ratios, 1.0)] == 99.0
    assert ratios[ranked(ratios, 0.0)] == 0.0
