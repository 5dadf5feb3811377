from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from crypto_team.validation import metrics, ratios

RETURNS = np.random.default_rng(0).standard_t(5, 400) * 0.01 + 0.0005


def test_ratios_of_losses_follow_their_definitions() -> None:
    found = ratios.downside(RETURNS, target=0.001)
    below = RETURNS[RETURNS < 0.001] - 0.001
    assert found.frequency == below.size / 400
    assert found.deviation == pytest.approx(math.sqrt((below**2).sum() / 400))
    assert found.potential == pytest.approx(-below.sum() / 400)
    assert found.kappa2 == pytest.approx((RETURNS.mean() - 0.001) / found.deviation)
    assert ratios.omega(RETURNS) == pytest.approx(metrics.profit_factor(RETURNS))
    assert ratios.subset_deviation(RETURNS, target=0.001) > found.deviation
    assert math.isnan(ratios.omega(np.full(5, 0.01)))


def test_time_under_water_is_counted_from_the_starting_capital() -> None:
    found = ratios.underwater(np.array([-0.1, 0.0, 0.2, -0.5, 0.5, 0.5, 0.1]))
    assert (found.peak, found.trough, found.recovery) == (2, 3, 5)
    assert found.deepest == pytest.approx(-0.5)
    assert found.longest == 2
    assert ratios.underwater(np.array([0.1, -0.5])).recovery is None
    assert found.pain == pytest.approx((0.1 + 0.1 + 0.5 + 0.25) / 7)


def test_the_tail_of_a_normal_sample_is_the_same_by_every_method() -> None:
    sample = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000) * 0.02
    found = ratios.tail(sample)
    for name in ("var", "gaussian_var", "modified_var"):
        assert getattr(found, name) == pytest.approx(0.02 * stats.norm.ppf(0.05), rel=1e-3)
    for name in ("shortfall", "gaussian_shortfall", "modified_shortfall"):
        assert getattr(found, name) == pytest.approx(-0.02 * stats.norm.pdf(stats.norm.ppf(0.05)) / 0.05, rel=2e-3)
    assert found.monotone


def test_the_modified_shortfall_is_the_integral_of_the_edgeworth_density() -> None:
    found = ratios.tail(RETURNS)
    skew, excess = float(stats.skew(RETURNS)), float(stats.kurtosis(RETURNS))

    def density(z: float) -> float:
        he3, he4, he6 = z**3 - 3 * z, z**4 - 6 * z**2 + 3, z**6 - 15 * z**4 + 45 * z**2 - 15
        return float(stats.norm.pdf(z) * (1 + skew / 6 * he3 + excess / 24 * he4 + skew**2 / 72 * he6))

    mass, _ = integrate.quad(lambda z: z * density(z), -40, found.quantile)
    expected = RETURNS.mean() + RETURNS.std() * mass / 0.05
    assert found.modified_shortfall == pytest.approx(min(expected, found.modified_var), rel=1e-6)


def test_a_distribution_too_skewed_for_cornish_and_fisher_is_marked() -> None:
    lottery = np.where(np.arange(500) == 3, 1.0, -0.001)
    assert not ratios.tail(lottery).monotone
