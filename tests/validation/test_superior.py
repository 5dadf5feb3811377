from __future__ import annotations

import numpy as np
import pytest

from crypto_team.errors import InputError
from crypto_team.validation.resampling import stationary_bootstrap
from crypto_team.validation.superior import long_run_deviation, optimal_blocks, superior_to_zero, superiority


def test_the_long_run_deviation_is_that_of_bootstrapped_means() -> None:
    rng = np.random.default_rng(0)
    series = np.convolve(rng.normal(size=330), np.ones(5) / 5, mode="valid")[:, None]
    rows = stationary_bootstrap(len(series), mean_block=8, resamples=20_000, rng=rng)
    means = series[rows, 0].mean(axis=1)
    assert long_run_deviation(series, 1 / 8)[0] == pytest.approx(means.std() * np.sqrt(len(series)), rel=0.03)


def test_a_real_edge_is_superior_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 0.01, (600, 20))
    assert superior_to_zero(noise, rng=rng, resamples=500).consistent > 0.05
    noise[:, 7] += 0.0025
    found = superior_to_zero(noise, rng=rng, resamples=500)
    assert found.consistent < 0.01
    assert found.lower <= found.consistent <= found.upper


def test_the_test_keeps_its_level_among_poor_strategies() -> None:
    refused = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        returns = rng.normal(0.0, 0.01, (250, 10))
        returns[:, 5:] -= 0.004
        refused += superior_to_zero(returns, rng=rng, resamples=200).consistent < 0.1
    assert refused <= 13


def test_studentising_finds_an_edge_that_a_wild_neighbour_hides() -> None:
    rng = np.random.default_rng(3)
    calm, wild = rng.normal(0.0008, 0.004, 800), rng.normal(0.0, 0.08, 800)
    rows = stationary_bootstrap(800, mean_block=3, resamples=800, rng=rng)
    found = superiority(np.column_stack([calm, wild]), rows, restart=1 / 3)
    assert found.consistent < 0.01 < found.reality_check_p


def test_a_column_that_never_moves_is_named() -> None:
    with pytest.raises(InputError, match="never differs"):
        superiority(np.zeros((50, 2)), np.zeros((5, 50), dtype=np.int64), restart=0.2)


def test_blocks_grow_with_dependence() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=1_000)
    slow = np.convolve(rng.normal(size=1_030), np.ones(31), mode="valid")
    assert optimal_blocks(slow)[0] > 5 * optimal_blocks(noise)[0]
