"""Positions of traders without a model: what a strategy has to beat on the same bars at the same costs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.errors import UsageError

Floats = npt.NDArray[np.float64]


def buy_and_hold(close: Floats) -> Floats:
    """Return a position of one at every bar."""
    return np.ones(close.size)


def moving_average_cross(close: Floats, *, fast: int = 20, slow: int = 100, long_short: bool) -> Floats:
    """Return 1 while the fast mean of closes is above the slow one, else -1 (flat for long-only).

    The means include the bar itself, whose close is known when the position is taken; flat until the slow one is full.
    """
    if not 1 <= fast < slow:
        raise UsageError("the fast window must be shorter than the slow one", hint="for example 20 and 100")
    return _by_sign(_rolling_mean(close, fast) - _rolling_mean(close, slow), long_short=long_short)


def previous_sign(close: Floats, *, horizon_bars: int, long_short: bool) -> Floats:
    """Return the sign of the return over the last `horizon_bars` bars: what happened happens again."""
    past = np.full(close.size, np.nan)
    past[horizon_bars:] = close[horizon_bars:] / close[:-horizon_bars] - 1.0
    return _by_sign(past, long_short=long_short)


def shifted(position: Floats, share: float) -> Floats:
    """Return positions moved along the circle of bars by a share of it: equal exposure, turnover, holding times.

    Where the end meets the beginning one stretch may be cut or joined; nothing else changes but the timing.
    """
    return np.roll(position, int(share * position.size))


def _by_sign(value: Floats, *, long_short: bool) -> Floats:
    made = np.where(np.isfinite(value), np.sign(value), 0.0)
    return made if long_short else np.maximum(made, 0.0)


def _rolling_mean(values: Floats, window: int) -> Floats:
    mean = np.full(values.size, np.nan)
    if values.size >= window:
        mean[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window).mean(axis=1)
    return mean
