"""What cannot be learnt from is said before anything is fitted: which fold, why, and what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_team.errors import InputError
from crypto_team.validation import fold_queue, walk_forward
from crypto_team.validation.fold_rows import check_folds
from crypto_team.validation.panel import Panel
from crypto_team.validation.splits import Fold
from crypto_team.validation.splits import walk_forward as cut
from tests.validation.conftest import make_panel, make_settings


@pytest.fixture(scope="module")
def panel() -> Panel:
    return make_panel(edge=0.3, pairs=("BTC/USDT",), days=120)


def _folds(panel: Panel) -> list[Fold]:
    return cut(np.unique(panel.time[panel.usable]), make_settings().geometry)


def _one_class(panel: Panel, folds: list[Fold], numbers: tuple[int, ...]) -> Panel:
    label = panel.label.copy()
    for number in numbers:
        inside = (panel.time >= folds[number].train_start) & (panel.time < folds[number].train_end)
        label[inside & np.isfinite(label)] = 1.0
    return replace(panel, label=label)


def test_a_fold_with_one_class_is_named_before_any_fold_is_fitted(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _one_class(panel, _folds(panel), (3,))
    begun: list[int] = []
    monkeypatch.setattr(fold_queue, "fit_fold", lambda _panel, fold, *_: begun.append(fold.index))
    with pytest.raises(InputError, match=r"^target: fold 3 has one class only in its training rows \(") as caught:
        walk_forward.run(broken, make_settings())
    assert not begun
    assert "longer window" in str(caught.value.hint)


def test_all_folds_that_cannot_be_fitted_are_named_at_once(panel: Panel) -> None:
    folds = _folds(panel)
    broken = _one_class(panel, folds, (2, 5))
    with pytest.raises(InputError, match=rf"fold 2 has one class only .*; of {len(folds)} folds, .*5.* cannot be"):
        check_folds(broken, folds, make_settings())


def test_a_fold_whose_labels_are_unknown_says_how_many_rows_are_left(panel: Panel) -> None:
    folds = _folds(panel)
    inside = (panel.time >= folds[1].train_start) & (panel.time < folds[1].train_end)
    gone = replace(panel, usable=panel.usable & ~inside)
    with pytest.raises(InputError, match=r"fold \d has \d+ rows to fit and \d+ to calibrate on"):
        check_folds(gone, folds, make_settings())


def test_unknown_labels_here_and_there_are_left_out(panel: Panel) -> None:
    label = panel.label.copy()
    label[::5] = np.nan
    thin = replace(panel, label=label, usable=panel.usable & np.isfinite(label))
    result = walk_forward.run(thin, make_settings())
    assert result.folds[0].train_rows < 0.85 * walk_forward.run(panel, make_settings()).folds[0].train_rows
    assert np.isfinite(result.predictions["p_1"]).all()


def test_features_that_never_vary_are_named_with_the_remedy(panel: Panel) -> None:
    values = np.ones_like(panel.features)
    flat = replace(panel, features=values)
    # Known before anything is fitted, and so before a trial is booked.
    for asked in (walk_forward.planned, walk_forward.run):
        with pytest.raises(InputError, match="no feature has any spread") as caught:
            asked(flat, make_settings())
        assert "add-feature" in str(caught.value.hint)
    values[np.flatnonzero(panel.usable)[-1]] = 2.0
    with pytest.raises(InputError, match=r"no feature has any spread .*f0: constant in the training rows"):
        walk_forward.run(replace(panel, features=values), make_settings())


def test_one_feature_that_never_varies_is_left_out(panel: Panel) -> None:
    values = panel.features.copy()
    values[:, 3] = 7.0
    result = walk_forward.run(replace(panel, features=values), make_settings())
    assert all("f3" not in fold.selected for fold in result.folds)


def test_more_features_than_rows_still_give_forecasts() -> None:
    wide = make_panel(edge=0.3, pairs=("BTC/USDT",), days=60, columns=400)
    base = make_settings()
    geometry = replace(base.geometry, window_bars=15 * 24, test_bars=7 * 24, step_bars=7 * 24)
    result = walk_forward.run(wide, replace(base, geometry=geometry))
    assert max(fold.train_rows for fold in result.folds) < 400
    assert np.isfinite(result.predictions["p_1"]).all()


def test_too_few_splits_say_how_much_history_or_which_window_would_do(panel: Panel) -> None:
    base = make_settings()
    long = replace(base, geometry=replace(base.geometry, window_bars=100 * 24))
    with pytest.raises(InputError, match=r"folds fit into .* usable bars, 5 are needed") as caught:
        walk_forward.run(panel, long)
    assert "more bars" in str(caught.value.hint)
    assert "set window to" in str(caught.value.hint) or "or window" in str(caught.value.hint)
