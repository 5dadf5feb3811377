"""Bin edges of the earliest window in a walk-forward: nothing later moves them, nor any fold before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_team.models.registry import resolve
from crypto_team.validation.fold_rows import fold_rows, shared_bins
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.splits import Fold, walk_forward
from crypto_team.validation.walk_forward import run
from tests.validation.conftest import make_panel, make_settings


def _settings(*, shared: bool) -> WalkForwardSettings:
    base = make_settings()
    return replace(base, hyperparameters=resolve("lightgbm", {"n_estimators": 30, "shared_bins": shared}))


def _folds(panel: Panel, settings: WalkForwardSettings) -> list[Fold]:
    return walk_forward(np.unique(panel.time[panel.usable]), settings.geometry)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_panel(edge=0.3, pairs=("BTC/USDT",))


def test_only_the_models_own_rows_of_the_earliest_window_move_the_edges(panel: Panel) -> None:
    settings = _settings(shared=True)
    first = _folds(panel, settings)[0]
    seen = fold_rows(panel, first, settings).fit
    other = panel.features.copy()
    other[seen[-1] + 1 :] *= 3.0
    shared, again = shared_bins(panel, first, settings), shared_bins(replace(panel, features=other), first, settings)
    assert shared is not None
    assert again is not None
    assert np.array_equal(shared.levels, again.levels)
    other[seen] += 1.0
    moved = shared_bins(replace(panel, features=other), first, settings)
    assert moved is not None
    assert not np.array_equal(shared.levels, moved.levels)


def test_no_fold_depends_on_what_comes_after_it(panel: Panel) -> None:
    settings = _settings(shared=True)
    folds = _folds(panel, settings)
    whole = run(panel, settings)
    changed = panel.features.copy()
    changed[panel.time >= folds[2].test_end] = -5.0
    again = run(replace(panel, features=changed), settings)
    for number in range(3):
        name = whole.folds[number].model_file
        assert whole.models[name] == again.models[name]
    assert whole.models[whole.folds[-1].model_file] != again.models[again.folds[-1].model_file]


def test_edges_are_not_shared_unless_the_learner_says_so(panel: Panel) -> None:
    settings = _settings(shared=False)
    assert shared_bins(panel, _folds(panel, settings)[0], settings) is None
    logistic = make_settings("logistic")
    assert shared_bins(panel, _folds(panel, logistic)[0], logistic) is None


def test_sharing_changes_the_first_fold_hardly_and_finds_the_same_edge(panel: Panel) -> None:
    shared, own = run(panel, _settings(shared=True)), run(panel, _settings(shared=False))
    auc = [float(one.skill.query("part == 'test'")["auc"].mean()) for one in (shared, own)]
    assert auc[0] > 0.54
    assert abs(auc[0] - auc[1]) < 0.01


def test_workers_do_not_change_the_bits(panel: Panel) -> None:
    one, two = (run(panel, replace(_settings(shared=True), workers=workers)) for workers in (1, 2))
    assert one.models == two.models
