from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.errors import InputError
from crypto_team.validation.splits import (
    Geometry,
    anchored_at_end,
    cpcv_counts,
    cpcv_paths,
    purge,
    purged_kfold,
    walk_forward,
)

GEOMETRY = Geometry(
    timeframe_ms=60_000, window_bars=100, test_bars=20, step_bars=20, gap_bars=1, expanding=False, n_splits=5
)


def _times(bars: int) -> np.ndarray:
    return 1_600_000_000_000 + np.arange(bars, dtype=np.int64) * 60_000


def test_a_last_window_that_fits_exactly_is_included() -> None:
    assert len(walk_forward(_times(GEOMETRY.bars_needed(6)), GEOMETRY)) == 6
    assert len(walk_forward(_times(GEOMETRY.bars_needed(6) - 1), GEOMETRY)) == 5


def test_the_gap_is_never_shorter_than_the_horizon() -> None:
    folds = walk_forward(_times(400), replace(GEOMETRY, horizon_bars=12))
    assert {(fold.test_start - fold.train_end) // 60_000 for fold in folds} == {12}


def test_an_expanding_window_keeps_its_start() -> None:
    folds = walk_forward(_times(300), replace(GEOMETRY, expanding=True))
    assert {fold.train_start for fold in folds} == {int(_times(1)[0])}
    assert folds[1].train_end - folds[0].train_end == 20 * 60_000


def test_missing_bars_do_not_move_the_folds() -> None:
    times = _times(300)
    holes = np.delete(times, [5, 6, 150, 260])
    assert walk_forward(holes, GEOMETRY) == walk_forward(times, GEOMETRY)


def test_overlapping_test_parts_are_refused() -> None:
    with pytest.raises(InputError, match="overlap"):
        walk_forward(_times(500), replace(GEOMETRY, step_bars=10))


def test_too_few_folds_say_how_many_fit_and_what_would_be_enough() -> None:
    with pytest.raises(InputError, match=r"2 folds fit into 150 usable bars, 5 are needed") as caught:
        walk_forward(_times(150), GEOMETRY)
    assert "bring 51 more bars (201 in all), or set window to 49bars or less" in str(caught.value)
    assert len(walk_forward(_times(150), replace(GEOMETRY, window_bars=49))) == 5
    assert len(walk_forward(_times(201), GEOMETRY)) == 5


def test_no_data_is_an_input_error() -> None:
    with pytest.raises(InputError, match="0 folds fit into 0 usable bars"):
        walk_forward(np.empty(0, dtype=np.int64), GEOMETRY)


@given(
    bars=st.integers(1, 600),
    window=st.integers(10, 120),
    test=st.integers(1, 40),
    gap=st.integers(0, 30),
    horizon=st.integers(1, 30),
    extra=st.integers(0, 20),
)
def test_folds_are_ordered_disjoint_and_apart_from_training(
    bars: int, window: int, test: int, gap: int, horizon: int, extra: int
) -> None:
    geometry = Geometry(1, window, test, test + extra, gap, expanding=False, horizon_bars=horizon, n_splits=1)
    times = np.arange(bars, dtype=np.int64)
    if bars < geometry.bars_needed(1):
        with pytest.raises(InputError):
            walk_forward(times, geometry)
        return
    folds = walk_forward(times, geometry)
    assert folds[0].train_start == 0
    assert folds[-1].test_end <= bars < folds[-1].test_end + geometry.step_bars
    for fold in folds:
        assert fold.test_start - fold.train_end >= max(1, gap, horizon)
        assert (fold.train_end - fold.train_start, fold.test_end - fold.test_start) == (window, test)
    assert all(a.test_end <= b.test_start for a, b in pairwise(folds))


def test_purging_keeps_labels_that_end_at_the_limit() -> None:
    ends = np.array([7, 8, 9, 10])
    assert purge(ends, 10, 1).tolist() == [True, True, True, False]


def test_no_purged_training_label_overlaps_the_test_labels() -> None:
    start = np.arange(200)
    end = start + np.random.default_rng(0).integers(1, 15, 200)
    for train, test in purged_kfold(start, end, n_splits=5):
        first, last = start[test].min(), end[test].max()
        assert not ((start[train] < last) & (end[train] > first)).any()


def test_every_path_tests_every_group_once() -> None:
    n_splits, n_paths = cpcv_counts(6, 2)
    paths = cpcv_paths(6, 2)
    assert paths.shape == (n_paths, 6)
    assert len({(int(split), group) for path in paths for group, split in enumerate(path)}) == n_splits * 2


def test_windows_anchored_at_the_end_test_the_last_bar_and_lose_the_first() -> None:
    geometry = Geometry(
        timeframe_ms=1, window_bars=30, test_bars=10, step_bars=10, gap_bars=2, expanding=False, n_splits=5
    )
    times = np.arange(107)
    start, end = walk_forward(times, geometry), walk_forward(times, anchored_at_end(geometry))
    assert len(start) == len(end)
    assert start[0].train_start == 0
    assert end[-1].test_end == 107
    assert {late.test_start - early.test_start for early, late in zip(start, end, strict=True)} == {5}
