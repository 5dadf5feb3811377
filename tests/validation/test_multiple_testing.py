from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from crypto_team.validation import multiple_testing
from crypto_team.validation.multiple_testing import (
    Method,
    adjusted_p_values,
    bonferroni_haircut,
    effective_trials,
    haircut,
    lo_adjustment,
    sharpe_of_p_value,
    sharpe_p_value,
    simulated_haircut,
)


def test_holm_steps_down_and_bonferroni_multiplies() -> None:
    p = np.array([0.04, 0.01, 0.02])
    assert adjusted_p_values(p, "bonferroni").tolist() == pytest.approx([0.12, 0.03, 0.06])
    assert adjusted_p_values(p, "holm").tolist() == pytest.approx([0.04, 0.03, 0.04])
    assert (adjusted_p_values(p, "bhy") >= adjusted_p_values(p, "bh")).all()


def test_a_ratio_and_its_p_value_are_two_names_of_one_thing() -> None:
    for observations in (None, 60):
        p = sharpe_p_value(1.3, 2.5, observations=observations)
        assert sharpe_of_p_value(p, 2.5, observations=observations) == pytest.approx(1.3)
    assert sharpe_of_p_value(1.0, 3.0) == 0.0


def test_a_single_trial_keeps_its_ratio_and_many_leave_nothing() -> None:
    assert haircut([1.5], 3.0, "holm").sharpe == pytest.approx(1.5)
    assert bonferroni_haircut(1.5, 3.0, 1, observations=1000).share == pytest.approx(0.0, abs=1e-9)
    assert bonferroni_haircut(1.5, 3.0, 10_000, observations=1000).sharpe == 0.0
    assert math.isnan(haircut([-0.5, 0.2], 3.0, "holm").share)


@pytest.mark.parametrize("method", ["bonferroni", "holm", "bhy", "bh"])
def test_tries_that_are_not_known_make_a_haircut_larger_never_smaller(method: Method) -> None:
    left = [
        haircut([1.6, 0.4, -0.3], 4.0, method, tries=tries, observations=1460).adjusted_p for tries in (0, 3, 4, 30)
    ]
    assert left[0] == left[1] < left[2] < left[3] <= 1.0


def test_a_loss_does_not_become_a_gain_by_a_haircut() -> None:
    losses = [haircut([-2.3, 0.2, 0.3], 3.0, "holm"), haircut([-2.3, 0.2, 0.3], 3.0, "bhy")]
    for found in [*losses, bonferroni_haircut(-2.3, 3.0, 3, observations=800)]:
        assert found.sharpe == -2.3


@pytest.mark.parametrize("method", ["holm", "bhy"])
@pytest.mark.parametrize("others", [-6.0, -4.0, -1.0])
def test_tries_that_lost_are_worth_no_more_than_tries_that_nobody_knows(method: Method, others: float) -> None:
    lost = haircut([2.0, *[others] * 19], 2.0, method, observations=730)
    assert lost == haircut([2.0], 2.0, method, tries=20, observations=730)
    assert lost.sharpe < 1.5


def test_unknown_trials_cost_less_than_bonferroni_says() -> None:
    rng = np.random.default_rng(0)
    plain = bonferroni_haircut(1.0, 10.0, 50, observations=120).sharpe
    for method in ("holm", "bhy"):
        assert simulated_haircut(1.0, 10.0, 50, method, observations=120, rng=rng).sharpe >= plain - 0.05


def test_the_adjusted_p_of_the_simulation_is_that_of_the_procedure() -> None:
    p = np.random.default_rng(1).random((200, 6))
    expected = [adjusted_p_values(row, "holm")[0] for row in p]
    assert multiple_testing._holm_of_first(p) == pytest.approx(expected)


def test_autocorrelation_inflates_a_ratio_that_is_annualised_by_a_root() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0.001, 0.01, 400_000)
    for at in range(1, noise.size):
        noise[at] += 0.3 * (noise[at - 1] - 0.001)
    daily = noise.mean() / noise.std() * math.sqrt(250)
    yearly = noise.reshape(-1, 250).sum(axis=1)
    assert daily * lo_adjustment(0.3, 250) == pytest.approx(yearly.mean() / yearly.std(), rel=0.06)


def test_independent_columns_count_each_and_copies_once() -> None:
    rng = np.random.default_rng(2)
    columns = rng.normal(size=(20_000, 8))
    assert effective_trials(columns).participation_ratio == pytest.approx(8, rel=0.01)
    same = effective_trials(columns[:, :1] + 1e-6 * columns)
    assert same.by_correlation == pytest.approx(1, abs=1e-3)
    assert same.entropy_rank == pytest.approx(1, abs=1e-3)


def test_the_population_has_the_share_and_size_of_skill_that_it_says() -> None:
    drawn = multiple_testing.StrategyPopulation(correlation=0.0).t_statistics(2_000, 200, np.random.default_rng(4))
    null = stats.halfnorm.sf(3.0)
    assert float((drawn > 3.0).mean()) > 20 * null
