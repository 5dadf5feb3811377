from __future__ import annotations

import numpy as np
import pytest

from crypto_team.errors import EvidenceError
from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory, resolve
from crypto_team.validation.scores import auc

ROWS = 6000


def _fitted(name: str, x: np.ndarray, y: np.ndarray, classes: int = 2):  # type: ignore[no-untyped-def]
    model = factory(name).create(ModelSettings(classes, resolve(name, {}), 1))
    model.fit(x, y)
    return model


def _noise(columns: int = 6) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(8)
    return rng, rng.standard_normal((2 * ROWS, columns)).astype(np.float32)


def test_trees_find_a_bend_and_an_interaction_that_no_line_sees() -> None:
    rng, x = _noise(20)
    y = (0.5 * x[:, 0] ** 2 * (x[:, 1] > 0.0) - 0.25 + rng.standard_normal(2 * ROWS) > 0.0).astype(np.float64)
    found = {}
    for name in ("logistic", "linear_trees"):
        model = _fitted(name, x[:ROWS], y[:ROWS])
        found[name] = auc(model.predict(x[ROWS:])[:, 1], y[ROWS:])
    assert found["linear_trees"] > found["logistic"] + 0.02


def test_on_a_line_in_noise_it_is_as_good_as_the_line_alone() -> None:
    rng, x = _noise(20)
    y = (0.06 * x.sum(axis=1) + rng.standard_normal(2 * ROWS) > 0.0).astype(np.float64)
    found = {name: auc(_fitted(name, x[:ROWS], y[:ROWS]).predict(x[ROWS:])[:, 1], y[ROWS:])
             for name in ("logistic", "linear_trees", "lightgbm")}  # fmt: skip
    assert found["linear_trees"] > found["logistic"] - 0.01
    assert found["linear_trees"] > found["lightgbm"]


def test_a_regression_forecasts_in_the_units_of_its_target() -> None:
    rng, x = _noise()
    y = 30.0 * x[:, 0] + 100.0 * rng.standard_normal(2 * ROWS) + 5.0
    told = _fitted("linear_trees", x[:ROWS], y[:ROWS], 0).predict(x[ROWS:])[:, 0]
    slope = np.polyfit(told, y[ROWS:], 1)[0]
    assert slope == pytest.approx(1.0, abs=0.15)
    assert told.mean() == pytest.approx(y.mean(), abs=5.0)


def test_foreign_bytes_are_an_evidence_error() -> None:
    with pytest.raises(EvidenceError):
        factory("linear_trees").load(b'{"kind":"linear_trees"}', 2)
