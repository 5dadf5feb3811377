from __future__ import annotations

import numpy as np
import pytest

from crypto_team.models.base import Explained, ModelSettings
from crypto_team.models.registry import MODELS, resolve


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "logistic", "ridge"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_shap_values_find_the_feature_that_decides(name: str, n_classes: int) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3000, 4)).astype(np.float32)
    score = x[:, 2] + 0.3 * rng.standard_normal(3000)
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes)).astype(np.float64)
    model = MODELS[name].create(ModelSettings(n_classes, resolve(name, {}), 1))
    model.fit(x, y)
    assert isinstance(model, Explained)
    found = model.contributions(x[:500])
    assert found.shape == (4,)
    assert (found >= 0.0).all()
    assert found[2] > 0.7 * found.sum()


def test_the_shap_values_of_a_linear_map_add_up_to_its_scores() -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((400, 1)).astype(np.float32)
    model = MODELS["ridge"].create(ModelSettings(0, resolve("ridge", {"l2": 0.001}), 1))
    model.fit(x, 3.0 * x[:, 0].astype(np.float64))
    score = model.predict(x)[:, 0]
    assert isinstance(model, Explained)
    assert model.contributions(x)[0] == pytest.approx(np.abs(score - score.mean()).mean())
