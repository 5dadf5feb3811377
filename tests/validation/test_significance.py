from __future__ import annotations

import math

import numpy as np
import pytest

from crypto_team.errors import InputError
from crypto_team.validation import pbo, resampling, significance


def test_returns_without_spread_have_no_probability() -> None:
    assert math.isnan(significance.probabilistic_sharpe_from_returns(np.full(50, 0.01)))
    assert math.isnan(significance.probabilistic_sharpe_from_returns(np.array([np.nan, 0.01])))


def test_missing_returns_are_left_out() -> None:
    returns = np.random.default_rng(0).normal(0.01, 0.1, 200)
    holes = np.insert(returns, [3, 90], np.nan)
    assert significance.moments(holes) == significance.moments(returns)


def test_no_length_proves_a_sharpe_ratio_below_the_benchmark() -> None:
    assert significance.minimum_track_record_length(0.05, skew=0.0, kurtosis=3.0, benchmark=0.05) == math.inf


def test_one_trial_needs_no_deflation() -> None:
    deflated = significance.deflated_sharpe_ratio(0.1, n=500, skew=-0.3, kurtosis=5.0, n_trials=1, variance=0.01)
    assert deflated == significance.probabilistic_sharpe_ratio(0.1, n=500, skew=-0.3, kurtosis=5.0)


def test_more_trials_deflate_more() -> None:
    levels = [
        significance.deflated_sharpe_ratio(0.15, n=500, skew=0.0, kurtosis=3.0, n_trials=n, variance=0.002)
        for n in (1, 10, 100, 1000)
    ]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 0.99
    assert levels[-1] < 0.9


def test_the_best_of_many_skill_less_tries_rarely_passes_the_deflated_ratio() -> None:
    rng = np.random.default_rng(1)
    passed = 0
    for _ in range(200):
        trials = rng.standard_normal((250, 40))
        sharpes = trials.mean(axis=0) / trials.std(axis=0, ddof=1)
        best = significance.moments(trials[:, sharpes.argmax()])
        passed += (
            significance.deflated_sharpe_ratio(
                best.sharpe,
                n=best.n,
                skew=best.skew,
                kurtosis=best.kurtosis,
                n_trials=40,
                variance=float(sharpes.var(ddof=1)),
            )
            > 0.95
        )
    assert passed <= 12


def test_newey_west_without_lags_is_the_plain_t_value() -> None:
    values = np.random.default_rng(2).normal(0.1, 1.0, 300)
    plain = values.mean() / (values.std() / math.sqrt(300))
    assert significance.newey_west_t(values, lags=0).t == pytest.approx(plain)


def test_newey_west_widens_the_error_of_persistent_values() -> None:
    noise = np.random.default_rng(3).standard_normal(2000)
    persistent = np.convolve(noise, np.ones(10), mode="valid")
    assert significance.newey_west_t(persistent, lags=9).se > 2.0 * significance.newey_west_t(persistent, lags=0).se


def test_bootstrap_blocks_have_the_mean_length_asked_for_and_every_index_its_share() -> None:
    drawn = resampling.stationary_bootstrap(50, mean_block=10.0, resamples=20_000, rng=np.random.default_rng(4))
    jumped = (np.diff(drawn, axis=1) % 50) != 1
    assert jumped.mean() == pytest.approx(0.1 * (1 - 1 / 50), abs=0.002)
    assert np.bincount(drawn.ravel(), minlength=50) / drawn.size == pytest.approx(np.full(50, 0.02), abs=0.001)


def test_the_same_generator_gives_the_same_interval() -> None:
    returns = np.random.default_rng(5).normal(0.001, 0.02, 400)
    draw = [
        resampling.sharpe_interval(returns, periods_per_year=365, rng=np.random.default_rng(6), resamples=500)
        for _ in range(2)
    ]
    assert draw[0] == draw[1]
    assert draw[0].low < draw[0].estimate < draw[0].high


def test_the_sharpe_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    truth = 0.1 * math.sqrt(365)
    inside = 0
    for _ in range(200):
        returns = rng.normal(0.1, 1.0, 250)
        interval = resampling.sharpe_interval(returns, periods_per_year=365, rng=rng, resamples=400)
        inside += interval.low <= truth <= interval.high
    assert 176 <= inside <= 198


def test_an_interval_without_spread_is_undefined() -> None:
    flat = resampling.mean_interval(np.zeros(20), rng=np.random.default_rng(0))
    assert math.isnan(flat.low)
    assert math.isnan(flat.estimate)


def test_trials_of_noise_are_overfit_about_half_of_the_time_and_one_real_edge_is_not() -> None:
    rng = np.random.default_rng(8)
    noise = rng.standard_normal((640, 20))
    assert pbo.pbo_cscv(noise, n_blocks=8).pbo > 0.2
    noise[:, 3] += 0.5
    assert pbo.pbo_cscv(noise, n_blocks=8).pbo == 0.0


def test_an_odd_number_of_blocks_is_refused() -> None:
    with pytest.raises(InputError, match="even number of blocks"):
        pbo.pbo_cscv(np.zeros((100, 4)), n_blocks=5)
