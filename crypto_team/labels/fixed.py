"""Labels over a fixed number of bars: forward return, direction, classes by thresholds or by volatility."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.errors import UsageError
from crypto_team.schemas.ml_spec import FixedKind

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one series; rows without a full horizon are NaN.

    `label` is the class (0 .. n_classes - 1) or, for regression, the forward return in basis points;
    `forward_return` is close[t + h] / close[t] - 1; `n_classes` is 0 for regression. `known_after` says how many bars
    behind its own a label is known: h, or less where a barrier was touched before.
    """

    label: Floats
    forward_return: Floats
    n_classes: int
    known_after: Ints


def forward_returns(close: Floats, horizon_bars: int) -> Floats:
    """Return close[t + h] / close[t] - 1; the last h rows are NaN."""
    if horizon_bars < 1:
        raise UsageError("the horizon must be at least one bar")
    made = np.full(len(close), np.nan)
    if len(close) > horizon_bars:
        made[:-horizon_bars] = close[horizon_bars:] / close[:-horizon_bars] - 1.0
    return made


def make_labels(close: Floats, *, kind: FixedKind, horizon_bars: int, thresholds_bps: Sequence[float] = ()) -> Labels:
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
    after = np.full(ahead.size, horizon_bars, dtype=np.int64)
    if kind == "return":
        return Labels(ahead * 1e4, ahead, 0, after)
    if kind == "direction":
        return Labels(np.where(np.isfinite(ahead), (ahead > 0.0).astype(np.float64), np.nan), ahead, 2, after)
    return Labels(classes_of(ahead, thresholds_bps), ahead, len(thresholds_bps) + 1, after)


def classes_of(forward_return: Floats, thresholds_bps: Sequence[float]) -> Floats:
    """Return the number of thresholds that each forward return, in basis points, reaches; NaN stays NaN.

    A return exactly on a threshold belongs to the class above it.
    """
    limits = _ascending(thresholds_bps, "for example -20 and 20 basis points")
    made = np.searchsorted(limits, forward_return * 1e4, side="right").astype(np.float64)
    return np.where(np.isfinite(forward_return), made, np.nan)


def past_volatility(close: Floats, bars: int) -> Floats:
    """Return the sample deviation of the last `bars` one-bar returns, known at each close; NaN while there are fewer.

    Parameters
    ----------
    close
        Closing prices, shape (n,).
    bars
        Returns in the window, at least 2.

    Returns
    -------
    ndarray
        Per bar, not annualised, shape (n,); NaN where a price of the window is unknown.
    """
    if bars < 2:
        raise UsageError("a deviation needs at least two returns", where="volatility_bars")
    made = np.full(close.size, np.nan)
    if close.size > bars:
        moves = np.diff(close) / close[:-1]
        made[bars:] = np.lib.stride_tricks.sliding_window_view(moves, bars).std(axis=1, ddof=1)
    return made


def expected_move(close: Floats, *, horizon_bars: int, volatility_bars: int) -> Floats:
    """Return the deviation that returns over the horizon would have, sigma sqrt(h); NaN where it is unknown or zero."""
    width = past_volatility(close, volatility_bars) * math.sqrt(horizon_bars)
    return np.where(width > 0.0, width, np.nan)


def scaled_labels(
    close: Floats, *, horizon_bars: int, volatility_bars: int, thresholds_sigma: Sequence[float]
) -> Labels:
    """Make classes of forward returns in units of the move that past volatility lets expect.

    z = (close[t + h] / close[t] - 1) / (sigma_t sqrt(h)), cut at ascending thresholds; a value on a threshold belongs
    to the class above it. Classes then occur about equally often in calm and in wild markets.

    Parameters
    ----------
    close
        Closing prices, shape (n,).
    horizon_bars
        Bars ahead, at least 1.
    volatility_bars
        Window of sigma_t, which ends with bar t.
    thresholds_sigma
        Ascending limits, for example -0.5 and 0.5.
    """
    limits = _ascending(thresholds_sigma, "for example -0.5 and 0.5 deviations")
    close = np.asarray(close, dtype=np.float64)
    ahead = forward_returns(close, horizon_bars)
    z = ahead / expected_move(close, horizon_bars=horizon_bars, volatility_bars=volatility_bars)
    made = np.where(np.isfinite(z), np.searchsorted(limits, z, side="right").astype(np.float64), np.nan)
    return Labels(made, ahead, limits.size + 1, np.full(ahead.size, horizon_bars, dtype=np.int64))


def _ascending(limits: Sequence[float], hint: str) -> Floats:
    made = np.asarray(limits, dtype=np.float64)
    if made.size == 0 or bool((np.diff(made) <= 0.0).any()):
        raise UsageError("classes need ascending thresholds", hint=hint)
    return made
