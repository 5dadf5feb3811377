"""Labels: what a model is asked to predict. They look ahead on purpose and can never be inputs.

The decision at bar t is taken at its close. The label covers the half-open interval [t, t + h): it is known at the
close of bar t + h.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crypto_team.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crypto_team.schemas.ml_spec import TargetKind


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one series; rows without a full horizon are NaN.

    `label` is the class (0 .. n_classes - 1) or, for regression, the forward return in basis points;
    `forward_return` is close[t + h] / close[t] - 1; `n_classes` is 0 for regression.
    """

    label: npt.NDArray[np.float64]
    forward_return: npt.NDArray[np.float64]
    n_classes: int


def forward_returns(close: npt.NDArray[np.float64], horizon_bars: int) -> npt.NDArray[np.float64]:
    """Return close[t + h] / close[t] - 1; the last h rows are NaN."""
    if horizon_bars < 1:
        raise UsageError("the horizon must be at least one bar")
    made = np.full(len(close), np.nan)
    if len(close) > horizon_bars:
        made[:-horizon_bars] = close[horizon_bars:] / close[:-horizon_bars] - 1
    return made


def make_labels(
    close: npt.NDArray[np.float64],
    *,
    kind: TargetKind,
    horizon_bars: int,
    thresholds_bps: Sequence[float] = (),
) -> Labels:
    """Make the labels of one series on a regular grid.

    Parameters
    ----------
    close
        Closing prices, shape (n,).
    kind
        direction: 1 where the forward return is above zero, else 0. n_class: the number of thresholds that the
        forward return reaches. return: the forward return in basis points.
    horizon_bars
        Bars ahead, at least 1.
    thresholds_bps
        Ascending class limits for n_class, in basis points.
    """
    ahead = forward_returns(np.asarray(close, dtype=np.float64), horizon_bars)
    known = np.isfinite(ahead)
    if kind == "return":
        return Labels(ahead * 1e4, ahead, 0)
    if kind == "direction":
        return Labels(np.where(known, (ahead > 0).astype(np.float64), np.nan), ahead, 2)
    limits = np.asarray(thresholds_bps, dtype=np.float64) / 1e4
    if limits.size == 0 or (np.diff(limits) <= 0).any():
        raise UsageError(
            "n_class needs ascending thresholds", hint="for example --threshold-bps -20 --threshold-bps 20"
        )
    classes = np.searchsorted(limits, ahead, side="right").astype(np.float64)
    return Labels(np.where(known, classes, np.nan), ahead, limits.size + 1)


def average_uniqueness(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return each label's average uniqueness over the bars start..end, both included.

    At each bar the uniqueness is one over the number of labels alive; a label's weight is its mean over its life
    (Lopez de Prado 2018, Advances in Financial Machine Learning, 4.4).
    """
    first, last = int(starts.min()), int(ends.max())
    alive = np.zeros(last - first + 2)
    np.add.at(alive, starts - first, 1.0)
    np.add.at(alive, ends - first + 1, -1.0)
    concurrent = np.cumsum(alive)[:-1]
    inverse = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(concurrent, 1.0))])
    total: npt.NDArray[np.float64] = inverse[ends - first + 1] - inverse[starts - first]
    return total / (ends - starts + 1)
