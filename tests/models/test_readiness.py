"""What cannot be trained is refused before it is: packages, members, words, and what only the library refuses."""

from __future__ import annotations

import importlib.util

import pytest

from crypto_team.errors import UsageError
from crypto_team.models import readiness
from crypto_team.models.base import Hyperparameter
from crypto_team.models.registry import MODELS, resolve


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("lightgbm", {"max_bin": 1}, "max_bin"),
        ("transformer", {"d_model": 30, "heads": 4}, "cannot be split into 4 heads"),
        ("stacking", {"members": "lightgbm,foo"}, "does not name two or more different members"),
        ("horizons", {"member": "logistic"}, "no member that predicts returns"),
        ("stacking", {"xgboost.max_depth": 3}, "sets a learner that is no member"),
        ("gru", {"precision": "half"}, "precision cannot be 'half'"),
        ("gru", {"device": "gpu"}, "device cannot be 'gpu'"),
        ("lstm", {"class_weights": "balance"}, "class_weights cannot be 'balance'"),
    ],
)
def test_what_the_learner_does_not_take_is_refused(name: str, given: dict[str, Hyperparameter], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        readiness.check(name, given, n_classes=2)


@pytest.mark.parametrize(
    ("name", "given", "by_shap", "package"),
    [
        ("catboost", {}, False, "catboost"),
        ("gru", {}, False, "torch"),
        ("gru", {}, False, "safetensors"),
        ("stacking", {}, False, "torch"),
        ("horizons", {"member": "xgboost"}, False, "xgboost"),
        ("online_linear", {}, False, "river"),
        ("random_forest", {}, True, "shap"),
        ("gru", {}, True, "shap"),
    ],
)
def test_a_package_that_is_missing_is_named(
    name: str, given: dict[str, Hyperparameter], by_shap: bool, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(readiness, "find_spec", lambda one: None if one == package else found(one))
    with pytest.raises(ModuleNotFoundError) as problem:
        readiness.check(name, given, n_classes=2, by_shap=by_shap)
    assert problem.value.name == package


def test_own_shap_values_need_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(readiness, "find_spec", lambda one: None if one == "shap" else found(one))
    for name, learner in MODELS.items():
        if learner.own_shap:
            readiness.check(name, {}, by_shap=True)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_learner_is_ready_with_its_quick_settings(name: str) -> None:
    learner = MODELS[name]
    kinds = [*([2] if learner.classification else []), *([0] if learner.regression else [])]
    for n_classes in kinds:
        readiness.check(name, resolve(name, learner.quick), n_classes=n_classes)


def test_a_target_that_the_learner_cannot_do_is_refused() -> None:
    with pytest.raises(UsageError, match="logistic predicts classes, the target is a return"):
        readiness.check("logistic", {}, n_classes=0)
    with pytest.raises(UsageError, match="logistic cannot learn this kind of target"):
        readiness.check("agreement", {"members": "logistic,lightgbm"}, n_classes=0)
