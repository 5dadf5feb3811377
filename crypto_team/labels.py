"""Labels: what a model is asked to predict. They look ahead on purpose and can never be inputs.

The decision at bar t is taken at its close. A label over h bars covers the half-open interval [t, t + h): it is known
at the close of bar t + h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from crypto_team.errors import UsageError
from crypto_team.schemas.ml_spec import TargetKind

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Touch = Literal["profit", "loss", "time"]


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one series; rows without a full horizon are NaN.

    `label` is the class (0 .. n_classes - 1) or, for regression, the forward return in basis points;
    `forward_return` is close[t + h] / close[t] - 1; `n_classes` is 0 for regression.
    """

    label: Floats
    forward_return: Floats
    n_classes: int


@dataclass(frozen=True, slots=True)
class Barrier:
    """Which barrier one event touched first, at which bar, and its return in the direction of the side."""

    touch: Touch
    bar: int
    signed_return: float

    @property
    def label(self) -> int:
        """1 for the profit barrier, -1 for the loss barrier, 0 where time ran out."""
        return {"profit": 1, "loss": -1, "time": 0}[self.touch]


def forward_returns(close: Floats, horizon_bars: int) -> Floats:
    """Return close[t + h] / close[t] - 1; the last h rows are NaN."""
    if horizon_bars < 1:
        raise UsageError("the horizon must be at least one bar")
    made = np.full(len(close), np.nan)
    if len(close) > horizon_bars:
        made[:-horizon_bars] = close[horizon_bars:] / close[:-horizon_bars] - 1.0
    return made


def make_labels(close: Floats, *, kind: TargetKind, horizon_bars: int, thresholds_bps: Sequence[float] = ()) -> Labels:
    """Make the labels of one series on a regular grid.

    Parameters
    ----------
    close
        Closing prices, shape (n,).
    kind
        direction: 1 where the forward return is above zero, else 0. n_class: as `classes_of`. return: the forward
        return in basis points.
    horizon_bars
        Bars ahead, at least 1.
    thresholds_bps
        Ascending class limits for n_class, in basis points.

    Returns
    -------
    Labels
        Shape (n,); NaN where the horizon reaches beyond the data or a price is not finite.

    Raises
    ------
    UsageError
        A horizon under one bar, or n_class without ascending thresholds.
    """
    ahead = forward_returns(np.asarray(close, dtype=np.float64), horizon_bars)
    if kind == "return":
        return Labels(ahead * 1e4, ahead, 0)
    if kind == "direction":
        return Labels(np.where(np.isfinite(ahead), (ahead > 0.0).astype(np.float64), np.nan), ahead, 2)
    return Labels(classes_of(ahead, thresholds_bps), ahead, len(thresholds_bps) + 1)


def classes_of(forward_return: Floats, thresholds_bps: Sequence[float]) -> Floats:
    """Return the number of thresholds that each forward return, in basis points, reaches; NaN stays NaN.

    A return exactly on a threshold belongs to the class above it.
    """
    limits = np.asarray(thresholds_bps, dtype=np.float64)
    if limits.size == 0 or bool((np.diff(limits) <= 0.0).any()):
        raise UsageError("n_class needs ascending thresholds", hint="for example -20 and 20 basis points")
    made = np.searchsorted(limits, forward_return * 1e4, side="right").astype(np.float64)
    return np.where(np.isfinite(forward_return), made, np.nan)


def class_balance(label: Floats, n_classes: int) -> Floats:
    """Return the share of each class among the known labels, shape (n_classes,); NaN where none is known."""
    known = label[np.isfinite(label)].astype(np.int64)
    counts = np.bincount(known, minlength=n_classes)[:n_classes].astype(np.float64)
    return counts / known.size if known.size else np.full(n_classes, np.nan)


def concurrency(starts: Ints, ends: Ints) -> Ints:
    """Return how many labels are alive at each bar from the first start to the last end, both ends included."""
    first = int(starts.min())
    change = np.zeros(int(ends.max()) - first + 2, dtype=np.int64)
    np.add.at(change, starts - first, 1)
    np.add.at(change, ends - first + 1, -1)
    return np.cumsum(change)[:-1]


def average_uniqueness(starts: Ints, ends: Ints) -> Floats:
    """Return each label's average uniqueness over the bars start..end, both included.

    At each bar the uniqueness is one over the number of labels alive; a label's is its mean over the label's life.
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 4.4.
    """
    alive = concurrency(starts, ends)
    inverse = np.concatenate([[0.0], np.cumsum(1.0 / np.maximum(alive, 1))])
    first = starts.min()
    total: Floats = inverse[ends - first + 1] - inverse[starts - first]
    return total / (ends - starts + 1)


def uniqueness_weights(label: Floats, horizon_bars: int) -> Floats:
    """Return training weights by average uniqueness: mean one over the known labels, zero where the label is NaN.

    Parameters
    ----------
    label
        Labels of one series on a regular grid, shape (n,).
    horizon_bars
        The label of bar t covers the h bars of [t, t + h).
    """
    made = np.zeros(label.size)
    starts = np.flatnonzero(np.isfinite(label)).astype(np.int64)
    if starts.size:
        uniqueness = average_uniqueness(starts, starts + horizon_bars - 1)
        made[starts] = uniqueness / uniqueness.mean()
    return made


def triple_barrier(
    close: Floats,
    events: Ints,
    *,
    target: Floats,
    horizon_bars: int,
    profit: float = 1.0,
    loss: float = 1.0,
    side: Ints | None = None,
) -> list[Barrier]:
    """Return the first barrier that each event's path of closes touches.

    Parameters
    ----------
    close
        Closing prices, shape (n,).
    events
        Bars at which a trade would open, shape (k,).
    target
        Width of the barriers per event as a return, shape (k,).
    horizon_bars
        Bars until time runs out; cut at the end of the data.
    profit, loss
        Barriers in units of the target: side * return > profit * target, or < -loss * target.
    side
        1 or -1 per event; all long where not given.

    Notes
    -----
    Closes only: within a bar both barriers could have been hit and nothing says which first.
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 3.2.
    """
    sides = np.ones(events.size, dtype=np.int64) if side is None else side
    made = []
    for event, width, direction in zip(events.tolist(), target.tolist(), sides.tolist(), strict=True):
        last = min(event + horizon_bars, close.size - 1)
        path = direction * (close[event + 1 : last + 1] / close[event] - 1.0)
        won, lost = path > profit * width, path < -loss * width
        touched = np.flatnonzero(won | lost)
        if touched.size:
            at = int(touched[0])
            made.append(Barrier("profit" if won[at] else "loss", event + 1 + at, float(path[at])))
        else:
            made.append(Barrier("time", last, float(path[-1]) if path.size else 0.0))
    return made


def cusum_events(close: Floats, threshold: float) -> Ints:
    """Return the bars at which log returns have accumulated beyond a threshold; only the side that fires resets.

    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 2.5.2.1 (symmetric CUSUM filter).
    """
    up = down = 0.0
    fired = []
    for bar, move in enumerate(np.diff(np.log(close)).tolist(), start=1):
        up, down = max(0.0, up + move), min(0.0, down + move)
        if up > threshold:
            up = 0.0
            fired.append(bar)
        elif down < -threshold:
            down = 0.0
            fired.append(bar)
    return np.array(fired, dtype=np.int64)
