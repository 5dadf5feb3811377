"""Bin edges that windows share, and models that are grown on them."""

from __future__ import annotations

import numpy as np
import pytest

from crypto_team.models import boosting
from crypto_team.models.base import ModelSettings
from crypto_team.models.bins import SPARE_LEVELS, find_bins
from crypto_team.models.boosting import LightGbm
from crypto_team.models.registry import resolve

MAX_BIN = 63


def _window(seed: int, rows: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 4)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1])
    x[:, 2] = rng.integers(0, 2, rows)
    x[::7, 3] = np.nan
    return x


def _thresholds(model: LightGbm, column: int) -> set[float]:
    found: set[float] = set()
    for tree in model.save().decode().split("Tree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)
        if "split_feature" not in lines:
            continue
        features, cuts = lines["split_feature"].split(), lines["threshold"].split()
        found |= {float(cut) for feature, cut in zip(features, cuts, strict=True) if int(feature) == column}
    return found


def _fitted(x: np.ndarray, shared_with: np.ndarray | None) -> LightGbm:
    rng = np.random.default_rng(1)
    z = np.nan_to_num((x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0))
    y = (z.sum(axis=1) + rng.standard_normal(len(x)) > 0.0).astype(np.float64)
    bins = None if shared_with is None else find_bins(shared_with, MAX_BIN)
    model = LightGbm(ModelSettings(2, resolve("lightgbm", {"max_bin": MAX_BIN}), 7, bins=bins))
    model.fit(x, y)
    return model


def test_levels_are_ascending_finite_values_of_the_window_and_few_distinct_values_are_all_kept() -> None:
    x = _window(0)
    levels = find_bins(x, MAX_BIN).levels
    assert levels.shape == (MAX_BIN - SPARE_LEVELS, 4)
    assert (np.diff(levels, axis=0) >= 0.0).all()
    assert all(np.isin(levels[:, column], x[:, column]).all() for column in range(4))
    assert np.unique(levels[:, 1]).tolist() == np.unique(x[:, 1]).tolist()
    assert np.unique(levels[:, 2]).tolist() == [0.0, 1.0]


def test_levels_cut_a_column_into_parts_of_equal_size() -> None:
    x = _window(0)
    levels = find_bins(x, MAX_BIN).levels[:, 0].astype(np.float64)
    counts = np.histogram(x[:, 0], np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2.0, [np.inf]]))[0]
    assert counts.min() >= 0.6 * len(x) / levels.size
    assert counts.max() <= 1.5 * len(x) / levels.size


def test_trees_split_half_way_between_levels_of_the_earlier_window_only() -> None:
    earlier, later = _window(0), _window(5)
    levels = np.unique(find_bins(earlier, MAX_BIN).levels[:, 0]).astype(np.float64)
    # LightGBM keeps zero apart from what lies on either side of it.
    allowed = np.append((levels[1:] + levels[:-1]) / 2.0, 0.0)
    cuts = _thresholds(_fitted(later, earlier), 0)
    assert len(cuts) > 5
    assert all(np.isclose(allowed, cut, rtol=1e-6, atol=1e-9).any() for cut in cuts)


def test_a_window_that_has_drifted_away_gets_levels_of_its_own() -> None:
    earlier, later = _window(0), _window(5)
    later[:, 0] = 100.0 + 0.01 * later[:, 0]
    shared, own = find_bins(earlier, MAX_BIN).sample(later), find_bins(later, MAX_BIN).levels
    assert np.array_equal(shared[:-1, 0], own[:, 0])
    assert np.array_equal(shared[:-1, 1], find_bins(earlier, MAX_BIN).levels[:, 1])
    assert len(_thresholds(_fitted(later, earlier), 0)) > 5


def test_a_window_that_has_shrunk_into_a_few_bins_gets_levels_of_its_own() -> None:
    earlier, later = _window(0), _window(5)
    later[:, 0] *= 0.01
    assert np.array_equal(find_bins(earlier, MAX_BIN).sample(later)[:-1, 0], find_bins(later, MAX_BIN).levels[:, 0])


def test_a_column_that_was_unknown_in_the_earlier_window_gets_levels_of_its_own() -> None:
    earlier, later = _window(0), _window(5)
    earlier[:, 0] = np.nan
    assert np.array_equal(find_bins(earlier, MAX_BIN).sample(later)[:-1, 0], find_bins(later, MAX_BIN).levels[:, 0])


@pytest.mark.parametrize("column", [0, 3])
def test_unknown_is_a_value_of_its_own_exactly_where_the_window_has_it(column: int) -> None:
    sample = find_bins(_window(0), MAX_BIN).sample(_window(5))
    assert np.isnan(sample[-1]).tolist() == [False, False, False, True]
    x, model = _window(5), _fitted(_window(5), _window(0))
    gone = x.copy()
    gone[:, column] = np.nan
    assert (model.predict(gone)[:, 1] != model.predict(x)[:, 1]).mean() > 0.3


def test_columns_that_are_never_set_together_stay_apart() -> None:
    rng = np.random.default_rng(0)
    x = np.zeros((4000, 4), np.float32)
    x[np.arange(4000), rng.integers(0, 4, 4000)] = 1.0
    y = ((x[:, 0] + x[:, 2]) * (rng.random(4000) < 0.9)).astype(np.float64)
    bins = find_bins(x, MAX_BIN)
    settings = resolve("lightgbm", {"colsample_bytree": 1.0, "learning_rate": 0.3})
    shared, own = LightGbm(ModelSettings(2, settings, 7, bins=bins)), LightGbm(ModelSettings(2, settings, 7))
    shared.fit(x, y)
    own.fit(x, y)
    assert np.allclose(shared.predict(np.eye(4, dtype=np.float32)), own.predict(np.eye(4, dtype=np.float32)), atol=1e-6)


def test_two_fits_on_shared_bins_are_equal_to_the_bit() -> None:
    one, two = _fitted(_window(5), _window(0)), _fitted(_window(5), _window(0))
    assert one.save() == two.save()


@pytest.mark.parametrize("leaves", [4, 31])
def test_rows_first_and_columns_first_grow_the_same_trees_to_the_bit(
    leaves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    weight = rng.uniform(0.5, 1.5, 3000)
    x = np.hstack([_window(seed) for seed in range(6)])
    y = (np.nan_to_num(x).sum(axis=1) + 3.0 * rng.standard_normal(len(x)) > 0.0).astype(np.float64)
    settings = ModelSettings(2, resolve("lightgbm", {"num_leaves": leaves, "min_child_samples": 20}), 5)
    trees, ways = [], []
    for many in (1, 1000):
        monkeypatch.setattr(boosting, "MANY_LEAVES", many)
        model = LightGbm(settings)
        ways.append("force_row_wise" in model.parameters(len(x)))
        model.fit(x, y, weight)
        trees.append(model.save().decode().split("parameters:")[0])
    assert ways == [True, False]
    assert trees[0] == trees[1]
