"""Importance weights follow time, know no label before its time, and are stored bit for bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.errors import InputError
from crypto_team.features.dynamic_weights import DynamicWeights


def market(rows: int = 1_200) -> tuple[np.ndarray, np.ndarray]:
    """Three features: the first matters in the first half, the second in the second, the third never."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((rows, 3))
    half = np.arange(rows) < rows // 2
    return x, np.where(half, x[:, 0], x[:, 1]) + 0.5 * rng.standard_normal(rows)


def test_weights_are_those_of_exponentially_weighted_correlations() -> None:
    x, y = market(400)
    made = DynamicWeights.fit(x, y, half_life_rows=50)
    weighted = pd.concat([pd.DataFrame(x), pd.Series(y, name="y")], axis=1).ewm(halflife=50)
    correlations = weighted.corr().loc[399]["y"].drop("y").to_numpy()
    decay = 0.5 ** (np.arange(400)[::-1] / 50)
    excess = np.maximum(np.abs(correlations) - np.sqrt((decay**2).sum()) / decay.sum(), 0.0)
    assert made.weights == pytest.approx(excess / excess.mean(), rel=1e-9)


def test_weights_follow_what_matters() -> None:
    x, y = market()
    early = DynamicWeights.fit(x[:600], y[:600], half_life_rows=60)
    assert early.weights[0] > 2.0
    assert early.weights[1] < 0.5
    times = np.arange(600, 1_200)
    rows, late = early.follow(x[600:], y[600:], times=times, label_known=times + 10)
    assert late.weights[1] > 2.0
    assert late.weights[0] < 0.5
    assert np.array_equal(rows[:10], x[600:610] * early.weights)
    assert late.weights.mean() == pytest.approx(1.0)


def test_no_weight_knows_a_label_before_its_time() -> None:
    x, y = market(300)
    start = DynamicWeights.fit(x[:100], y[:100], half_life_rows=40)
    times = np.arange(200) * 60
    known = times + 300
    rows, _ = start.follow(x[100:], y[100:], times=times, label_known=known)
    for cut in (50, 111, 190):
        hidden = np.where(known <= times[cut], y[100:], 1e6)
        again, _ = start.follow(x[100:], hidden, times=times, label_known=known)
        assert np.array_equal(rows[: cut + 1], again[: cut + 1])
        assert not np.array_equal(rows[cut + 1 :], again[cut + 1 :])


def test_following_in_pieces_with_all_labels_known_is_fitting_in_one() -> None:
    x, y = market(200)
    whole = DynamicWeights.fit(x, y, half_life_rows=30)
    start = DynamicWeights.fit(x[:120], y[:120], half_life_rows=30)
    # The last label is known only after the last row, so one row more lets every label of before count.
    padded, times = np.vstack([x[120:], x[:1]]), np.arange(81)
    _, late = start.follow(padded, np.append(y[120:], np.nan), times=times, label_known=times + 1)
    assert np.array_equal(late.moments, whole.moments)


def test_unknown_values_and_labels_are_left_out_and_silence_means_ones() -> None:
    x, y = market(100)
    x[10:20, 1] = np.nan
    y[30:40] = np.nan
    made = DynamicWeights.fit(x, y, half_life_rows=1e9)
    both = np.isfinite(x[:, 1]) & np.isfinite(y)
    spread = made.moments[4, 1] * made.moments[5, 1]
    assert made.moments[6, 1] / np.sqrt(spread) == pytest.approx(np.corrcoef(x[both, 1], y[both])[0, 1], rel=1e-6)
    nothing = DynamicWeights.fit(x, np.full(100, np.nan), half_life_rows=10)
    assert nothing.weights.tolist() == [1.0, 1.0, 1.0]
    flat = DynamicWeights.fit(np.ones((50, 2)), np.arange(50.0), half_life_rows=10)
    assert flat.apply(np.ones((3, 2))).tolist() == [[1.0, 1.0]] * 3


def test_stored_weights_come_back_bit_for_bit() -> None:
    x, y = market(100)
    made = DynamicWeights.fit(x, y, half_life_rows=20)
    again = DynamicWeights.load(json.loads(json.dumps(made.parameters())))
    assert again.moments.tobytes() == made.moments.tobytes()
    assert again.apply(x).tobytes() == made.apply(x).tobytes()


@pytest.mark.parametrize(
    "found", [{}, {"moments": [[1.0]], "half_life_rows": 3}, {"moments": "x", "half_life_rows": 3}]
)
def test_damaged_parameters_are_refused(found: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no stored weights"):
        DynamicWeights.load(found)


def test_what_does_not_fit_together_is_refused() -> None:
    x, y = market(50)
    with pytest.raises(InputError, match="half-life"):
        DynamicWeights.fit(x, y, half_life_rows=0)
    with pytest.raises(InputError, match="labels of the shape"):
        DynamicWeights.fit(x, y[:10], half_life_rows=5)
    made = DynamicWeights.fit(x, y, half_life_rows=5)
    with pytest.raises(InputError, match="shape"):
        made.apply(x[:, :2])
    times = np.arange(50)
    with pytest.raises(InputError, match="no later than its own row"):
        made.follow(x, y, times=times, label_known=times)
    with pytest.raises(InputError, match="backwards"):
        made.follow(x, y, times=times[::-1], label_known=times + 100)
