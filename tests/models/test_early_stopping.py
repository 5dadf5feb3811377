from __future__ import annotations

import numpy as np
import pytest

from crypto_team.models.base import ModelSettings
from crypto_team.models.early_stopping import best_rounds
from crypto_team.models.registry import factory, resolve
from crypto_team.models.samples import Samples

ROWS = 1500
PATIENT = ModelSettings(2, {"early_stopping": 5}, 0)
BOOSTERS = {
    "lightgbm": {"n_estimators": 300, "learning_rate": 0.3, "num_leaves": 15, "min_child_samples": 5},
    "xgboost": {"n_estimators": 300, "learning_rate": 0.3, "min_child_weight": 1.0},
    "catboost": {"iterations": 300, "learning_rate": 0.3, "min_data_in_leaf": 1},
}


def _market(edge: float) -> tuple[Samples, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((ROWS, 5)).astype(np.float32)
    y = (edge * x[:, 0] + rng.standard_normal(ROWS) > 0.0).astype(np.float64)
    order = np.arange(ROWS, dtype=np.int64)
    return Samples(x, order, np.zeros_like(order), order, order + 24), y


def _size(name: str, stop: int, edge: float) -> int:
    samples, y = _market(edge)
    model = factory(name).create(ModelSettings(2, resolve(name, {**BOOSTERS[name], "early_stopping": stop}), 3))
    model.fit(samples, y)
    return len(model.save())


@pytest.mark.parametrize("name", sorted(BOOSTERS))
def test_trees_end_where_rows_that_come_later_stop_gaining(name: str) -> None:
    assert _size(name, 10, 0.1) < 0.4 * _size(name, 0, 0.1)


@pytest.mark.parametrize("name", sorted(BOOSTERS))
def test_early_stopping_gives_the_same_bytes_twice(name: str) -> None:
    samples, y = _market(0.5)
    saved = []
    for _ in range(2):
        model = factory(name).create(ModelSettings(2, resolve(name, {**BOOSTERS[name], "early_stopping": 5}), 3))
        model.fit(samples, y)
        saved.append(model.save())
    assert saved[0] == saved[1]


def test_the_tail_is_purged_of_rows_whose_labels_reach_into_it() -> None:
    samples, y = _market(0.5)
    seen = {}

    def judge(early: np.ndarray, tail: np.ndarray) -> int:
        seen["early"], seen["tail"] = early, tail
        return 7

    assert best_rounds(samples, y, PATIENT, 100, judge) == 7
    assert samples.known[seen["early"]].max() <= samples.time[seen["tail"]].min()
    assert seen["tail"].size == pytest.approx(ROWS * 0.2, abs=2)


def test_a_tail_with_one_class_does_not_judge() -> None:
    samples, y = _market(0.5)
    y[-400:] = 1.0
    assert best_rounds(samples, y, PATIENT, 100, lambda early, tail: 1) == 100
