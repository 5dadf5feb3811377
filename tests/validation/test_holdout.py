"""Skill on sealed rows, and answers that give little away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crypto_team.validation.holdout import SealedSkill, sealed_skill, through_ladder, with_noise


def rows(strength: float, *, n: int = 2_000, pairs: int = 1, seed: int = 3, horizon: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(pairs):
        noise = rng.normal(size=n + horizon)
        forward = np.array([noise[i : i + horizon].sum() for i in range(n)]) / np.sqrt(horizon)
        signal = strength * forward + rng.normal(size=n)
        times = pd.date_range("2024-01-01", periods=n, freq="1h", tz="UTC")
        parts.append(pd.DataFrame({"time": times, "pair": f"P{number}", "signal": signal, "forward_return": forward}))
    return pd.concat(parts, ignore_index=True)


def test_the_value_is_spearmans_correlation() -> None:
    table = rows(0.3)
    wanted = stats.spearmanr(table["signal"], table["forward_return"]).statistic
    assert sealed_skill(table, horizon_bars=1, seed=1).rank_ic == pytest.approx(wanted, rel=1e-12)


def test_the_error_is_that_of_independent_rows_where_they_are_independent() -> None:
    found = sealed_skill(rows(0.0, n=5_000), horizon_bars=1, seed=1)
    assert found.error == pytest.approx(1 / np.sqrt(5_000), rel=0.15)


def test_overlapping_forward_returns_of_a_slow_signal_widen_the_error() -> None:
    table = rows(0.0, n=5_000, horizon=24)
    table["signal"] = pd.Series(table["signal"]).rolling(24, min_periods=1).mean()
    assert sealed_skill(table, horizon_bars=24, seed=1).error > 3 / np.sqrt(5_000)


def test_pairs_that_move_together_are_not_counted_twice() -> None:
    one = rows(0.1, n=3_000)
    twin = pd.concat([one, one.assign(pair="P1")], ignore_index=True)
    alone, both = (sealed_skill(item, horizon_bars=1, seed=1) for item in (one, twin))
    assert both.rank_ic == pytest.approx(alone.rank_ic)
    assert both.error == pytest.approx(alone.error, rel=0.1)


def test_too_few_rows_or_no_spread_have_no_value() -> None:
    few = sealed_skill(rows(0.3, n=29), horizon_bars=1, seed=1)
    flat = sealed_skill(rows(0.3).assign(signal=0.5), horizon_bars=1, seed=1)
    assert np.isnan(few.rank_ic)
    assert few.bars == 29
    assert np.isnan(flat.rank_ic)


def test_the_ladder_moves_only_for_what_is_clearly_better() -> None:
    assert through_ladder(SealedSkill(0.05, 0.02, 100), 0.04).rank_ic == 0.04
    assert through_ladder(SealedSkill(-0.2, 0.02, 100), 0.04).rank_ic == 0.04
    assert through_ladder(SealedSkill(0.075, 0.02, 100), 0.04).rank_ic == pytest.approx(0.07)


def test_a_hundred_noise_candidates_do_not_climb_the_ladder() -> None:
    rng = np.random.default_rng(7)
    error, best = 0.02, 0.0
    for value in rng.normal(scale=error, size=100):
        best = through_ladder(SealedSkill(float(value), error, 100), best).rank_ic
    freely = max(np.random.default_rng(7).normal(scale=error, size=100))
    assert best < freely


def test_noise_is_of_the_size_of_the_error_and_the_stated_error_says_so() -> None:
    made = [with_noise(SealedSkill(0.05, 0.02, 100), np.random.default_rng(seed)) for seed in range(4_000)]
    values = np.array([item.rank_ic for item in made])
    assert values.mean() == pytest.approx(0.05, abs=0.002)
    assert values.std() == pytest.approx(0.02 * np.sqrt(2), rel=0.1)
    assert made[0].error == pytest.approx(0.02 * np.sqrt(3))
