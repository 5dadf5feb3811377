"""Splits of time, never of shuffled rows: walk-forward, purging by label end, combinatorial purged cross-validation.

Labels span the half-open interval [start, end): a label that ends where another one starts does not overlap it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError

Times = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Anchor = Literal["start", "end"]


@dataclass(frozen=True)
class Geometry:
    """How a walk-forward is cut; lengths in bars of `timeframe_ms` milliseconds. The gap is raised to the horizon.

    Bars that are left over lie behind the last test part, or before the first window where the anchor is the end.
    """

    timeframe_ms: int
    window_bars: int
    test_bars: int
    step_bars: int
    gap_bars: int
    expanding: bool
    horizon_bars: int = 1
    n_splits: int = 5
    anchor: Anchor = "start"

    @property
    def gap(self) -> int:
        """Bars between the end of the training window and the first test bar."""
        return max(1, self.gap_bars, self.horizon_bars)

    def bars_needed(self, folds: int) -> int:
        """Return how many bars hold `folds` folds."""
        return self.window_bars + self.gap + self.test_bars + (folds - 1) * self.step_bars


@dataclass(frozen=True)
class Fold:
    """One fold as half-open ranges over bar-open times in milliseconds."""

    index: int
    train_start: int
    train_end: int
    test_start: int
    test_end: int

    @property
    def gap_ms(self) -> int:
        """Time between the end of training and the first test bar."""
        return self.test_start - self.train_end


def walk_forward(times: Times, geometry: Geometry) -> list[Fold]:
    """Cut a time axis into folds; a window that fits exactly is included.

    Parameters
    ----------
    times
        Bar-open times in milliseconds, sorted and unique, shape (n,). Bars may be missing: windows are spans of time.
    geometry
        Window, test, step and gap.

    Returns
    -------
    list of Fold
        In time order; test parts are disjoint.

    Raises
    ------
    InputError
        The step is shorter than the test part, or fewer than `geometry.n_splits` folds fit; the message says how many
        do, and which history or window would be enough.
    """
    if geometry.step_bars < geometry.test_bars:
        raise InputError(
            f"step ({geometry.step_bars} bars) is shorter than test ({geometry.test_bars} bars): test parts would "
            "overlap and one bar would be counted twice",
            where="model.training.step",
            hint=f"set step to {geometry.test_bars}bars or more",
        )
    bars = int(times[-1] - times[0]) // geometry.timeframe_ms + 1 if times.size else 0
    count = max(0, (bars - geometry.bars_needed(1)) // geometry.step_bars + 1)
    if count < geometry.n_splits:
        raise _too_short(bars, count, geometry)
    spare = bars - geometry.bars_needed(count) if geometry.anchor == "end" else 0
    return [_fold(index, int(times[0]), geometry, spare) for index in range(count)]


def anchored_at_end(geometry: Geometry) -> Geometry:
    """Return the same geometry with its last test part at the end of the data."""
    return replace(geometry, anchor="end")


def _fold(index: int, origin: int, geometry: Geometry, spare: int) -> Fold:
    unit = geometry.timeframe_ms
    offset = spare + index * geometry.step_bars
    train_end = offset + geometry.window_bars
    test_start = train_end + geometry.gap
    return Fold(
        index=index,
        train_start=origin + (0 if geometry.expanding else offset) * unit,
        train_end=origin + train_end * unit,
        test_start=origin + test_start * unit,
        test_end=origin + (test_start + geometry.test_bars) * unit,
    )


def _too_short(bars: int, count: int, geometry: Geometry) -> InputError:
    need = geometry.bars_needed(geometry.n_splits)
    window = geometry.window_bars - (need - bars)
    shorter = f", or set window to {window}bars or less" if window >= geometry.test_bars else ""
    # The ratio window : test is kept, so that the proposal always exists.
    scale = (bars - geometry.gap) / (need - geometry.gap)
    both = (math.floor(geometry.window_bars * scale), math.floor(geometry.test_bars * scale))
    scaled = f", or window {both[0]}bars with test and step {both[1]}bars" if min(both) >= 10 else ""
    return InputError(
        f"{count} folds fit into {bars} usable bars, {geometry.n_splits} are needed (window {geometry.window_bars}, "
        f"gap {geometry.gap}, test {geometry.test_bars}, step {geometry.step_bars} bars)",
        where="model.training",
        hint=f"bring {need - bars} more bars ({need} in all){shorter}{scaled}",
    )


def purge(label_end: Times, test_start: int, gap_ms: int = 0) -> Mask:
    """Return which rows may be trained on: their label ends at least `gap_ms` before the first test bar."""
    return np.asarray(label_end <= test_start - gap_ms)


def label_overlap_purging(start: Times, end: Times, test: Times, *, embargo: int = 0) -> Times:
    """Drop training labels that overlap the span of the test labels, then `embargo` samples after its end.

    Parameters
    ----------
    start, end
        Half-open label intervals in sample units, sorted by start, shape (n,).
    test
        Indices of the test samples.
    embargo
        Samples dropped after the last test label has ended (Lopez de Prado 2018, 7.4.2).

    Returns
    -------
    ndarray
        Indices that may be trained on.
    """
    first, last = start[test].min(), end[test].max()
    banned = (start < last) & (end > first)
    if embargo:
        after = np.flatnonzero(start >= last)
        banned[after[:embargo]] = True
    banned[test] = True
    return np.flatnonzero(~banned)


def purged_kfold(start: Times, end: Times, *, n_splits: int, embargo: int = 0) -> list[tuple[Times, Times]]:
    """Return (train, test) indices of contiguous folds with purging on both sides of each test part."""
    parts = np.array_split(np.arange(start.size), n_splits)
    return [(label_overlap_purging(start, end, test, embargo=embargo), test) for test in parts]


def cpcv_counts(groups: int, tested: int) -> tuple[int, int]:
    """Return the numbers of splits and of paths of combinatorial purged cross-validation."""
    return math.comb(groups, tested), math.comb(groups - 1, tested - 1)


def cpcv_splits(start: Times, end: Times, *, groups: int, tested: int, embargo: int = 0) -> list[tuple[Times, Times]]:
    """Return (train, test) indices of all combinations of test groups, purged around every test block."""
    parts = np.array_split(np.arange(start.size), groups)
    splits = []
    for chosen in combinations(range(groups), tested):
        keep = np.ones(start.size, dtype=bool)
        for block in _contiguous(chosen):
            test = np.concatenate([parts[group] for group in block])
            allowed = np.zeros(start.size, dtype=bool)
            allowed[label_overlap_purging(start, end, test, embargo=embargo)] = True
            keep &= allowed
        splits.append((np.flatnonzero(keep), np.concatenate([parts[group] for group in chosen])))
    return splits


def _contiguous(chosen: tuple[int, ...]) -> list[list[int]]:
    blocks: list[list[int]] = []
    for group in chosen:
        if blocks and group == blocks[-1][-1] + 1:
            blocks[-1].append(group)
        else:
            blocks.append([group])
    return blocks


def cpcv_paths(groups: int, tested: int) -> Times:
    """Return, for each path and group, the lexicographic number of the split it takes, shape (paths, groups)."""
    splits = list(combinations(range(groups), tested))
    columns = [[number for number, split in enumerate(splits) if group in split] for group in range(groups)]
    return np.array(columns, dtype=np.int64).T
