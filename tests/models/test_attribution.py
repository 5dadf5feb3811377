"""Every learner says what features add to its forecasts, its own way or by being asked."""

from __future__ import annotations

import numpy as np
import pytest
import shap
from sklearn.ensemble import RandomForestClassifier

from crypto_team.models.attribution import contributions
from crypto_team.models.base import Explained, ModelSettings
from crypto_team.models.registry import MODELS, resolve

SMALL = {"gru": {"epochs": 6, "hidden": 8, "learning_rate": 0.02, "sequence": 4}}
"""One network stands for all: they are asked alike."""
KNOWN = ["linear_trees", "lightgbm", "xgboost", "catboost", "random_forest", "logistic", "ridge", "online_lightgbm"]


@pytest.mark.parametrize("name", [*KNOWN, "online_linear", "agreement", "horizons", "gru"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_shap_values_find_the_feature_that_decides(name: str, n_classes: int) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1500, 4)).astype(np.float32)
    score = x[:, 2] + 0.3 * rng.standard_normal(1500)
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes)).astype(np.float64)
    learner, given = MODELS[name], resolve(name, SMALL.get(name, {}))
    model = learner.create(ModelSettings(n_classes, given, 1))
    model.fit(x, y)
    found = contributions(model, x, history=learner.history(given), seed=3)
    assert found.shape == (4,)
    assert (found >= 0.0).all()
    assert found[2] > 0.6 * found.sum()
    assert np.array_equal(found, contributions(model, x, history=learner.history(given), seed=3))


@pytest.mark.parametrize("name", list(MODELS))
def test_learners_say_whether_they_need_the_package(name: str) -> None:
    model = MODELS[name].create(ModelSettings(2, resolve(name, {}), 1))
    assert isinstance(model, Explained) or not MODELS[name].own_shap


def test_a_forest_has_the_values_that_the_package_finds_in_the_original() -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((500, 3)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    y = (np.nan_to_num(x[:, 0]) + 0.5 * rng.standard_normal(500) > 0).astype(np.float64)
    given = {**resolve("random_forest", {"n_estimators": 8}), "min_samples_leaf": 20}
    model = MODELS["random_forest"].create(ModelSettings(2, given, 4))
    model.fit(x, y)
    original = RandomForestClassifier(**given, random_state=4).fit(x, y)
    values = shap.TreeExplainer(original).shap_values(x, check_additivity=False)
    assert isinstance(model, Explained)
    again = MODELS["random_forest"].load(model.save(), 2)
    assert isinstance(again, Explained)
    for one in (model, again):
        assert one.contributions(x) == pytest.approx(np.abs(values).mean(axis=0).sum(axis=1), rel=1e-6)


def test_who_is_asked_leaves_the_common_generator_where_it_was() -> None:
    x = np.random.default_rng(1).standard_normal((200, 3)).astype(np.float32)
    model = MODELS["online_linear"].create(ModelSettings(0, resolve("online_linear", {}), 1))
    model.fit(x, x[:, 0].astype(np.float64))
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the generator that the package draws from
    contributions(model, x, history=0, seed=3)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_shap_values_of_a_linear_map_add_up_to_its_scores() -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((400, 1)).astype(np.float32)
    model = MODELS["ridge"].create(ModelSettings(0, resolve("ridge", {"l2": 0.001}), 1))
    model.fit(x, 3.0 * x[:, 0].astype(np.float64))
    score = model.predict(x)[:, 0]
    assert isinstance(model, Explained)
    assert model.contributions(x)[0] == pytest.approx(np.abs(score - score.mean()).mean())


@pytest.mark.parametrize("n_classes", [0, 2])
def test_what_features_add_to_line_and_trees_is_counted_with_its_sign(n_classes: int) -> None:
    """Of a single feature the SHAP value is the forecast against its mean: |line| + |trees| would be more than that."""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((4000, 1)).astype(np.float32)
    # A line through a ramp that ends: the trees take back behind its end what the line says there.
    score = 40.0 * np.minimum(x[:, 0], 0.5) + 10.0 * rng.standard_normal(4000)
    y = (score > np.median(score)).astype(np.float64) if n_classes else score
    model = MODELS["linear_trees"].create(ModelSettings(n_classes, resolve("linear_trees", {}), 1))
    model.fit(x, y)
    told = model.predict(x)
    margin = np.log(told[:, 1] / told[:, 0]) if n_classes else told[:, 0]
    for one in (model, MODELS["linear_trees"].load(model.save(), n_classes)):
        assert isinstance(one, Explained)
        assert one.contributions(x)[0] == pytest.approx(np.abs(margin - margin.mean()).mean(), rel=0.01)
