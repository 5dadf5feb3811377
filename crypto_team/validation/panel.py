"""The rows that models learn from: features, labels and next returns of all pairs in one table of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import InputError
from crypto_team.features.matrix import FeatureMatrix
from crypto_team.features.transformers import FittedInput
from crypto_team.labels import Prices, class_weights, horizon_returns, target_labels, uniqueness_weights
from crypto_team.models.bins import SharedBins
from crypto_team.models.samples import Samples
from crypto_team.schemas.ml_spec import ClassWeights, LabelWeights, Target
from crypto_team.validation.clock import milliseconds

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Rows of all pairs, sorted by (pair, time); n rows, k features.

    Times are bar opens in milliseconds. `label` and `forward_return` are NaN where the future is not known yet;
    `label_end` is the end of the full horizon: purging goes by it, because keeping rows near a boundary only where a
    barrier was touched early would make early touches too frequent. `touched` is when a label is really known, where
    that differs. `ahead` holds the forward returns of every horizon of the target's set, shape (n, horizons), the
    predicted one first, and `horizons` those horizons in bars; `label_end` is the end of the longest. `next_return` is
    the return from this close to the next one. `usable` rows may be trained on; every row can be predicted. Columns
    named in `fitted` are NaN until a fold fills them from the inputs that stand there. `bins` are the bin edges of all
    columns in the earliest training window, where folds share them.
    """

    time: npt.NDArray[np.int64]
    pair_index: npt.NDArray[np.int64]
    pairs: list[str]
    features: npt.NDArray[np.float32]
    names: list[str]
    label: Floats
    forward_return: Floats
    label_end: npt.NDArray[np.int64]
    usable: npt.NDArray[np.bool_]
    next_return: Floats
    timeframe_ms: int
    fitted: Mapping[str, FittedInput] = field(default_factory=dict)
    touched: npt.NDArray[np.int64] | None = None
    ahead: Floats | None = None
    bins: SharedBins | None = None
    horizons: tuple[int, ...] = ()

    @property
    def known_at(self) -> npt.NDArray[np.int64]:
        """Time at which each label is known, in milliseconds: a touched barrier or the end of the horizon."""
        return self.label_end if self.touched is None else self.touched

    def block(self, rows: npt.NDArray[np.int64], columns: list[int]) -> npt.NDArray[np.float32]:
        """Return the features of some rows and columns, shape (rows, columns)."""
        return np.ascontiguousarray(self.features[rows][:, columns])

    def bins_of(self, columns: list[int]) -> SharedBins | None:
        """Return the shared bin edges of some columns; None where each fold finds its own."""
        return None if self.bins is None else self.bins.take(columns)

    def samples(self, rows: npt.NDArray[np.int64], columns: list[int]) -> Samples:
        """Return the same with the bars before each row, times and when labels are known, for learners that ask."""
        return Samples(
            values=np.ascontiguousarray(self.features[:, columns]),
            rows=rows,
            first=np.searchsorted(self.pair_index, self.pair_index[rows]).astype(np.int64),
            time=self.time[rows],
            known=self.label_end[rows],
            step_return=self.next_return,
            ahead=np.empty((0, 0)) if self.ahead is None else self.ahead,
            horizons=self.horizons,
        )

    def with_history(self, rows: npt.NDArray[np.int64], bars: int) -> npt.NDArray[np.int64]:
        """Return some ascending rows and the `bars` rows of the same pair before each of them, ascending."""
        if not bars or not rows.size:
            return rows
        first = np.searchsorted(self.pair_index, self.pair_index[rows])
        places = rows[:, None] - np.arange(bars + 1)
        return np.unique(np.maximum(places, first[:, None]))


def panel_rows(panel: Panel, predictions: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the panel row of each row of a predictions table."""
    span = int(panel.time.max()) + 1
    keys = panel.pair_index * span + panel.time
    pair = pd.Index(panel.pairs).get_indexer(pd.Index(predictions["pair"])).astype(np.int64)
    return np.searchsorted(keys, pair * span + milliseconds(predictions["time"])).astype(np.int64)


def label_weights(panel: Panel, rows: npt.NDArray[np.int64]) -> Floats:
    """Return weights of training rows by the uniqueness of their labels among those very rows, mean one.

    Labels of other rows do not count, so a fold knows nothing of how labels behind its training part end.
    """
    made = np.zeros(rows.size)
    for pair in np.unique(panel.pair_index[rows]):
        own = panel.pair_index[rows] == pair
        at = rows[own]
        bars = (panel.time[at] - panel.time[at[0]]) // panel.timeframe_ms
        grid = np.full(int(bars[-1]) + 1, np.nan)
        grid[bars] = panel.label[at]
        after = np.ones(grid.size, dtype=np.int64)
        after[bars] = (panel.known_at[at] - panel.time[at]) // panel.timeframe_ms
        made[own] = uniqueness_weights(grid, after)[bars]
    return made


def training_weights(
    panel: Panel, rows: npt.NDArray[np.int64], *, labels: LabelWeights, classes: ClassWeights, n_classes: int
) -> Floats | None:
    """Return what each training row counts, mean one: by uniqueness, so that classes count alike, both, or None."""
    weight = label_weights(panel, rows) if labels == "uniqueness" else None
    if classes == "none" or not n_classes:
        return weight
    label = panel.label[rows]
    balanced = class_weights(label, n_classes)[label.astype(np.int64)]
    if weight is None:
        return np.asarray(balanced)
    return np.asarray(weight * balanced / np.mean(weight * balanced))


def build_panel(
    bars_by_pair: Mapping[str, pd.DataFrame],
    matrices: Mapping[str, FeatureMatrix],
    target: Target,
    timeframe: str,
) -> Panel:
    """Join bars, features and labels of all pairs.

    Parameters
    ----------
    bars_by_pair
        Regularised bars; one row of the panel for each bar.
    matrices
        Features of the same bars, same columns for every pair.
    target
        What is predicted.
    timeframe
        Of the bars.

    Returns
    -------
    Panel
        A row is usable when its bar was traded, the look-back is behind it, and its label is known and ends in a bar
        that was traded: a price that stood still through a halt is no outcome.

    Raises
    ------
    InputError
        Bars and features of a pair differ in length, or pairs differ in columns.
    """
    unit = timeframe_seconds(timeframe) * 1000
    pairs = sorted(bars_by_pair)
    names = list(matrices[pairs[0]].names)
    parts = []
    for index, pair in enumerate(pairs):
        bars, matrix = bars_by_pair[pair], matrices[pair]
        if list(matrix.names) != names or len(bars) != len(matrix.values):
            raise InputError("features do not belong to the bars or to the other pairs' features", where=pair)
        parts.append(_pair_rows(index, bars, matrix, target, unit))
    columns: dict[str, Any] = {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
    fitted = {name: _joined([matrices[pair].fitted[name] for pair in pairs]) for name in matrices[pairs[0]].fitted}
    return Panel(pairs=pairs, names=names, timeframe_ms=unit, fitted=fitted, horizons=tuple(target.horizons), **columns)


def _joined(parts: list[FittedInput]) -> FittedInput:
    return replace(parts[0], values=np.concatenate([part.values for part in parts]))


def _pair_rows(index: int, bars: pd.DataFrame, matrix: FeatureMatrix, target: Target, unit: int) -> dict[str, Any]:
    close = bars["close"].to_numpy(dtype=np.float64)
    prices = Prices(bars["high"].to_numpy(dtype=np.float64), bars["low"].to_numpy(dtype=np.float64), close)
    labels = target_labels(prices, target, side=_side(matrix, target))
    time = milliseconds(bars["timestamp"])
    following = np.full(close.size, np.nan)
    following[:-1] = close[1:] / close[:-1] - 1.0
    usable = np.isfinite(labels.label) & (np.arange(close.size) >= matrix.lookback)
    if "filled" in bars:
        usable &= _between_trades(bars["filled"].to_numpy(dtype=bool), target.horizons)
    known = np.isfinite(matrix.values).any(axis=1)
    for given in matrix.fitted.values():
        known |= np.isfinite(given.values).all(axis=1)
    usable &= known
    return {
        "time": time,
        "pair_index": np.full(close.size, index, dtype=np.int64),
        "features": np.asarray(matrix.values, dtype=np.float32),
        "label": labels.label,
        "forward_return": labels.forward_return,
        "label_end": time + max(target.horizons) * unit,
        "touched": time + labels.known_after * unit,
        "ahead": horizon_returns(close, target.horizons),
        "usable": usable,
        "next_return": following,
    }


def _between_trades(filled: npt.NDArray[np.bool_], horizons: list[int]) -> npt.NDArray[np.bool_]:
    """Return which bars were traded and so were those that every horizon of theirs ends in.

    Barriers that were touched before count no less: to keep only these would make early touches too frequent.
    """
    made = ~filled
    for bars in horizons:
        made[:-bars] &= ~filled[bars:]
    return made


def _side(matrix: FeatureMatrix, target: Target) -> Floats | None:
    """Return the primary rule of a meta-label; None where there is none."""
    if target.side_feature not in matrix.names:
        return None
    if target.side_feature in matrix.fitted:
        raise InputError(
            f"{target.side_feature} is fitted in each fold, so its sign is not known for labels",
            where="ml-spec.yaml: target.side_feature",
            hint="take a plain formula as the primary rule",
        )
    side: Floats = matrix.values[:, matrix.names.index(target.side_feature)].astype(np.float64)
    return side
