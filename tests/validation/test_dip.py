from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from crypto_team.validation.dip import dip, dip_p_value

Inequality = tuple[dict[int, float], float]


def _near(k: int, n: int, before: float, after: float) -> list[Inequality]:
    """Keep G within the distance of F, before and at a point."""
    return [
        ({n + k: 1, 2 * n: -1}, after),
        ({n + k: -1, 2 * n: -1}, -after),
        ({k: 1, 2 * n: -1}, before),
        ({k: -1, 2 * n: -1}, -before),
        ({k: 1, n + k: -1}, 0.0),
    ]


def _bent(k: int, n: int, place: np.ndarray, mode: int) -> list[Inequality]:
    """Keep G convex before the mode and concave behind it."""
    here, there = place[k] - place[k - 1], place[k + 1] - place[k]
    if k < mode:
        return [({k: 1 / here + 1 / there, n + k - 1: -1 / here, k + 1: -1 / there}, 0.0)]
    return [({k: -1 / here - 1 / there, n + k - 1: 1 / here, k + 1: 1 / there}, 0.0)] if k > mode else []


def _by_linear_program(values: np.ndarray) -> float:
    """Least distance to a distribution that is convex up to a sample point, may jump there, and is concave behind it.

    Unknowns are G just before (0 .. n - 1) and at the points (n .. 2 n - 1), equal but at the mode, and the distance.
    """
    place, counts = np.unique(values, return_counts=True)
    after, n, best = np.cumsum(counts) / values.size, np.unique(values).size, 0.5
    before = after - counts / values.size
    for mode in range(n):
        rules = [rule for k in range(n) for rule in _near(k, n, float(before[k]), float(after[k]))]
        rules += [({n + k - 1: 1.0, k: -1.0}, 0.0) for k in range(1, n)]
        rules += [rule for k in range(1, n - 1) for rule in _bent(k, n, place, mode)]
        rules += [
            rule for k in range(n) if k != mode for rule in (({k: 1.0, n + k: -1.0}, 0.0), ({k: -1.0, n + k: 1.0}, 0.0))
        ]
        matrix = np.zeros((len(rules), 2 * n + 1))
        for row, (factors, _) in zip(matrix, rules, strict=True):
            for column, factor in factors.items():
                row[column] += factor
        cost = np.eye(2 * n + 1)[2 * n]
        best = min(best, linprog(cost, A_ub=matrix, b_ub=[limit for _, limit in rules], bounds=(0, 1)).fun)
    return float(best)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=14))
def test_the_dip_is_the_distance_to_the_nearest_distribution_with_one_mode(values: list[int]) -> None:
    sample = np.array(values, dtype=np.float64)
    assert dip(sample) == pytest.approx(max(_by_linear_program(sample), 0.5 / sample.size), abs=1e-7)


def test_two_atoms_have_the_largest_dip_there_is() -> None:
    assert dip(np.array([0.0, 0, 1, 1])) == 0.25
    assert np.isnan(dip(np.array([np.nan])))


def test_two_clusters_are_told_from_one() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.normal(size=400), np.concatenate([rng.normal(-3, 1, 200), rng.normal(3, 1, 200)])
    assert dip_p_value(one, rng=rng) > 0.1
    assert dip_p_value(two, rng=rng) < 0.05
