"""Evidence is the same on as many threads as the shell or the machine allows for matrix products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from crypto_team.models.registry import resolve
from crypto_team.models.threads import products_on_one_thread
from crypto_team.validation import cpcv, tuning
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import run

PanelOf = Callable[..., Panel]
SettingsOf = Callable[..., WalkForwardSettings]
WIDE = {"days": 150, "columns": 112, "edge": 0.3}


def _blas() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_products_take_one_thread_inside_and_as_many_as_before_outside() -> None:
    import scipy.linalg  # noqa: F401 - a library of its own

    with threadpool_limits(2, user_api="blas"):
        with products_on_one_thread():
            assert _blas() == {1}
        assert _blas() == {2}


@pytest.mark.parametrize("model", ["ridge", "horizons", "linear_trees", "logistic"])
def test_every_file_of_a_fold_has_the_same_bytes_on_one_thread_and_on_two(
    panel_of: PanelOf, settings_of: SettingsOf, model: str
) -> None:
    classes = 0 if model in {"ridge", "horizons"} else 2
    panel, settings = panel_of(**WIDE), settings_of(model, n_classes=classes)
    given = {"member": "ridge"} if model == "horizons" else {"n_estimators": 10} if model == "linear_trees" else {}
    geometry = replace(settings.geometry, window_bars=95 * 24, test_bars=10 * 24, step_bars=10 * 24)
    settings = replace(settings, hyperparameters=resolve(model, given), geometry=geometry, max_features=112)
    made = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            made.append(run(panel if classes else replace(panel, label=panel.forward_return * 1e4), settings))
    assert made[0].models == made[1].models
    assert made[0].predictions.equals(made[1].predictions)
    assert made[0].simple.equals(made[1].simple)


def test_tuning_and_cross_validation_measure_the_same_on_one_thread_and_on_two(
    panel_of: PanelOf, settings_of: SettingsOf
) -> None:
    panel = panel_of(**WIDE)
    panel = replace(panel, label=panel.forward_return * 1e4)
    settings = replace(settings_of("ridge", n_classes=0), max_features=112)
    settings = replace(settings, geometry=replace(settings.geometry, window_bars=95 * 24))
    losses, paths = [], []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            losses.append([tuning.loss_on(panel, one, settings) for one in tuning.inner_splits(panel, settings)])
            paths.append(cpcv.run(panel, settings, cpcv.Scheme(4, 1)))
    assert losses[0] == losses[1]
    assert paths[0].equals(paths[1])
