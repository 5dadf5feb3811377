"""A model that is fitted again on its whole window: calibrated before, on rows that it had not seen then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_team.models.base import ModelSettings
from crypto_team.models.registry import factory, resolve
from crypto_team.validation import cpcv
from crypto_team.validation.fold_rows import fold_rows
from crypto_team.validation.panel import Panel
from crypto_team.validation.prediction import FoldModel
from crypto_team.validation.scores import brier
from crypto_team.validation.splits import walk_forward
from crypto_team.validation.walk_forward import WalkForwardResult, run
from tests.validation.conftest import HOUR, make_panel, make_settings

PLAIN = replace(make_settings("logistic"), calibration="shrunk")
REFITTED = replace(PLAIN, refit=True)


@pytest.fixture(scope="module")
def panel() -> Panel:
    panel = make_panel(edge=0.3)
    # Labels over six bars, so that some rows are purged between the model's own rows and the tail.
    return replace(panel, label_end=panel.time + 6 * HOUR)


@pytest.fixture(scope="module")
def both(panel: Panel) -> tuple[WalkForwardResult, WalkForwardResult]:
    return run(panel, PLAIN), run(panel, REFITTED)


def test_the_calibration_tail_is_scored_by_the_model_that_had_not_seen_it(
    both: tuple[WalkForwardResult, WalkForwardResult],
) -> None:
    once, again = (one.predictions.query("part == 'inner'").reset_index(drop=True) for one in both)
    assert once.equals(again)
    calibrations = [one.preprocessing.query("stage == 'calibration'")[["a", "b", "fitted_from"]] for one in both]
    assert calibrations[0].equals(calibrations[1])
    tests = [one.predictions.query("part == 'test'")["signal"].to_numpy() for one in both]
    assert not np.allclose(*tests)


def test_probabilities_of_a_refitted_booster_stay_as_honest_as_before(panel: Panel) -> None:
    """Early stopping gives the second model another number of trees, and so other levels of raw probabilities."""
    stopped = resolve("lightgbm", {"n_estimators": 40, "learning_rate": 0.1, "early_stopping": 5})
    boosted = replace(make_settings("lightgbm"), hyperparameters=stopped, calibration="shrunk")
    found = []
    for settings in (boosted, replace(boosted, refit=True)):
        rows = run(panel, settings).predictions.query("part == 'test' and label == label")
        found.append(brier(rows["p_1"].to_numpy(), rows["label"].to_numpy()))
    assert found[1] < found[0] + 0.005


def test_the_model_that_is_kept_learnt_every_row_of_the_window_and_none_after_it(
    panel: Panel, both: tuple[WalkForwardResult, WalkForwardResult]
) -> None:
    fold = walk_forward(np.unique(panel.time[panel.usable]), REFITTED.geometry)[2]
    rows = fold_rows(panel, fold, REFITTED)
    assert set(rows.fit) | set(rows.inner) < set(rows.window)
    assert panel.label_end[rows.window].max() <= fold.test_start - (fold.gap_ms - HOUR)
    told = both[1].folds[2]
    assert (told.refit_rows, told.train_rows) == (rows.window.size, rows.fit.size)
    columns = [panel.names.index(name) for name in told.selected]
    model = factory("logistic").create(ModelSettings(2, REFITTED.hyperparameters, REFITTED.seed))
    model.fit(panel.block(rows.window, columns), panel.label[rows.window])
    stored = FoldModel.load(both[1].models[told.model_file])
    values = panel.block(rows.test, columns)
    assert np.array_equal(stored.model.predict(values), model.predict(values))


def test_nothing_from_the_test_part_on_changes_the_refitted_model(
    panel: Panel, both: tuple[WalkForwardResult, WalkForwardResult]
) -> None:
    start = int(np.datetime64(both[1].folds[2].test_start.rstrip("Z"), "ms").astype(np.int64))
    later = panel.time >= start
    changed = replace(panel, label=np.where(later, 1.0 - panel.label, panel.label))
    name = both[1].folds[2].model_file
    assert run(changed, REFITTED).models[name] == both[1].models[name]


def test_the_simplest_model_is_refitted_too(panel: Panel) -> None:
    own = replace(REFITTED, hyperparameters={"l2": 2.0, "clip": 4.999})  # so little else that only the fit is compared
    result = run(panel, own)
    test = result.predictions.query("part == 'test'").merge(
        result.simple, on=["time", "pair"], suffixes=("", "_simple")
    )
    assert np.abs(test["signal"] - test["signal_simple"]).max() < 1e-3
    unfitted = run(panel, replace(own, refit=False)).simple
    assert np.abs(unfitted["signal"].to_numpy() - result.simple["signal"].to_numpy()).max() > 1e-3


def test_combinatorial_splits_refit_too(panel: Panel) -> None:
    scheme = cpcv.Scheme(groups=5, tested=2)
    once, again = (cpcv.run(panel, one, scheme)["signal"].to_numpy() for one in (PLAIN, REFITTED))
    assert once.shape == again.shape
    assert np.isfinite(again).all()
    assert not np.allclose(once, again)
