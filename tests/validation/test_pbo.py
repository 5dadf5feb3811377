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
