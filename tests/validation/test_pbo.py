from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from crypto_team.validation.pbo import pbo_cscv


def _loop(returns: np.ndarray, n_blocks: int) -> tuple[list[int], np.ndarray, np.ndarray, float]:
    blocks = np.array_split(returns, n_blocks)
    ranks, inside, outside, lost = [], [], [], 0
    for split in combinations(range(n_blocks), n_blocks // 2):
        first = np.concatenate([blocks[number] for number in split])
        second = np.concatenate([blocks[number] for number in range(n_blocks) if number not in split])
        left, right = (part.mean(axis=0) / part.std(axis=0, ddof=1) for part in (first, second))
        best = int(left.argmax())
        ranks.append(int((right <= right[best]).sum()))
        inside.append(left[best])
        outside.append(right[best])
        lost += second[:, best].mean() < 0
    return ranks, np.array(inside), np.array(outside), lost / len(ranks)


@pytest.mark.parametrize(("trials", "blocks"), [(7, 4), (12, 8), (2, 6)])
def test_all_splits_at_once_are_the_splits_one_by_one_in_their_order(trials: int, blocks: int) -> None:
    returns = np.random.default_rng(trials).normal(0.001, 0.01, (blocks * 15, trials))
    found = pbo_cscv(returns, n_blocks=blocks)
    ranks, inside, outside, lost = _loop(returns, blocks)
    share = np.array(ranks) / (trials + 1.0)
    assert found.logits == pytest.approx(np.log(share / (1 - share)))
    assert found.loss_probability == pytest.approx(lost)
    slope, intercept = np.polyfit(inside, outside, 1)
    assert found.degradation_slope == pytest.approx(slope)
    assert found.degradation_intercept == pytest.approx(intercept)


def test_a_large_mean_does_not_cancel_the_variance() -> None:
    returns = np.random.default_rng(0).normal(0.0, 1e-6, (160, 5))
    assert pbo_cscv(returns + 0.5, n_blocks=8).logits.size == 70
    assert np.isfinite(pbo_cscv(returns + 0.5, n_blocks=8).degradation_slope)


def _slowly(returns: np.ndarray, n_blocks: int) -> float:
    blocks, hits = np.array_split(returns, n_blocks), []
    for split in combinations(range(n_blocks), n_blocks // 2):
        first = np.concatenate([blocks[number] for number in split])
        second = np.concatenate([blocks[number] for number in range(n_blocks) if number not in split])
        ratios = []
        for part in (first, second):
            flat = np.ptp(part, axis=0) == 0.0
            ratios.append(np.where(flat, -np.inf, part.mean(axis=0) / np.where(flat, 1.0, part.std(axis=0, ddof=1))))
        # Twelve digits are kept: what differs behind them is rounding.
        inner, outer = (np.round(each, 12) for each in ratios)
        shares = []
        for own in outer[inner == inner.max()]:
            below, level = (outer < own).sum(), (outer == own).sum()
            ranks = np.arange(below + 1, below + level + 1)
            shares.append(np.mean(2 * ranks <= returns.shape[1] + 1))
        hits.append(np.mean(shares))
    return float(np.mean(hits))


@pytest.mark.parametrize("seed", range(6))
def test_a_trial_that_rests_in_some_blocks_has_no_sharpe_ratio_of_rounding_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    returns = np.full((640, 8), 0.1 if seed % 2 else 0.0)
    for trial in range(8):
        for block in rng.choice(8, 2, replace=False):
            returns[block * 80 : (block + 1) * 80, trial] += rng.normal(-0.001, 0.01, 80)
    assert pbo_cscv(returns, n_blocks=8).pbo == pytest.approx(_slowly(returns, 8), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_trials_that_agree_within_a_half_are_level_there_and_rounding_decides_nothing(seed: int) -> None:
    """Thresholds of one signal: most days all hold the same, and they differ in a few blocks."""
    rng = np.random.default_rng(seed)
    signal, move = rng.random(130), rng.normal(0.0005, 0.01, 130)
    signal[rng.random(130) < 0.8] = 0.9
    returns = np.column_stack([np.where(signal > least, move - 7e-4, 0.0) for least in np.linspace(0.1, 0.8, 8)])
    assert pbo_cscv(returns, n_blocks=10).pbo == pytest.approx(_slowly(returns, 10), abs=1e-12)


def test_a_chosen_trial_that_rests_outside_has_lost_nothing() -> None:
    returns = np.zeros((80, 2))
    returns[:20, 0] = np.random.default_rng(0).normal(0.01, 0.01, 20)
    returns[:20, 1] = -returns[:20, 0]
    # In half of the splits nothing moves inside: both are chosen in equal parts, and one of them loses outside.
    assert pbo_cscv(returns, n_blocks=4).loss_probability == 0.25


@pytest.mark.parametrize("copies", [10, 11, 1003])
def test_copies_of_one_trial_are_overfit_in_half_of_their_ranks(copies: int) -> None:
    one = np.random.default_rng(0).normal(0.0, 0.01, (640, 1))
    found = pbo_cscv(np.repeat(one, copies, axis=1))
    assert found.pbo == pytest.approx(0.5, abs=0.5 / copies + 1e-9)
    assert np.abs(found.logits).max() < 1e-12


def test_adding_copies_of_every_trial_does_not_buy_a_lower_probability() -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (320, 6))
    alone = pbo_cscv(returns, n_blocks=8)
    assert pbo_cscv(np.tile(returns, 4), n_blocks=8).pbo == pytest.approx(alone.pbo, abs=1e-12)
