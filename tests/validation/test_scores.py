from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_fscore_support

from crypto_team.validation import scores

RNG = np.random.default_rng(0)
P = RNG.random(500)
Y = (RNG.random(500) < P).astype(np.float64)


def test_the_scores_of_classes_are_those_of_scikit_learn() -> None:
    truth, called = RNG.integers(0, 4, 300).astype(float), RNG.integers(0, 3, 300).astype(float)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, called, labels=range(4), zero_division=np.nan
    )
    found = scores.class_scores(called, truth, 4)
    assert found[:, 0] == pytest.approx(precision, nan_ok=True)
    assert found[:, 1] == pytest.approx(recall)
    assert found[:3, 2] == pytest.approx(f1[:3])
    assert found[:, 4].tolist() == support.tolist()
    assert found[3, 3] == 0


def test_rows_without_a_call_do_not_count() -> None:
    found = scores.class_scores(np.array([0.0, np.nan, 1.0]), np.array([0.0, 1.0, np.nan]), 2)
    assert found[:, 4].tolist() == [1.0, 0.0]
    assert math.isnan(found[1, 1])


def test_a_forecast_beats_the_base_rate_by_its_skill() -> None:
    assert scores.brier_skill(np.full(500, Y.mean()), Y) == pytest.approx(0.0)
    assert scores.brier_skill(Y, Y) == 1.0
    assert 0.2 < scores.brier_skill(P, Y) < 0.5
    assert math.isnan(scores.brier_skill(P, np.ones(500)))


def test_bins_of_equal_numbers_see_a_shift_wherever_the_forecasts_lie() -> None:
    narrow = 0.5 + 0.01 * (P - 0.5)
    outcome = (RNG.random(500) < narrow).astype(np.float64)
    assert scores.ece_equal_mass(narrow + 0.3, outcome) == pytest.approx(0.3, abs=0.06)
    assert scores.ece_equal_mass(P, Y) < 0.09
    assert math.isnan(scores.ece_equal_mass(np.empty(0), np.empty(0)))


def test_a_brier_score_is_put_together_from_its_reliability_table() -> None:
    parts = scores.brier_decomposition(P, Y)
    assert parts.score == pytest.approx(parts.reliability - parts.resolution + parts.uncertainty + parts.within)
    assert parts.score == pytest.approx(np.mean((P - Y) ** 2))


def test_the_likelier_class_is_right_as_often_as_calls_are() -> None:
    confidence, right = scores.top_label(P, Y)
    assert confidence.min() >= 0.5
    assert right.mean() == pytest.approx(scores.accuracy(P, Y))


def test_a_meta_label_is_ranked_by_its_probability_and_not_by_the_side() -> None:
    rows = pd.DataFrame({"p_0": [0.2, 0.7], "p_1": [0.8, 0.3], "signal": [0.2, 0.5], "side": [-1.0, 1.0]})
    assert scores.event_scores(rows).tolist() == [0.8, 0.3]
    assert scores.event_scores(rows.drop(columns="side")).tolist() == [0.2, 0.5]
