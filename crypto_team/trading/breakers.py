"""What drawdown breakers leave of a series of losses: the drill of the kill switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
EXPOSURE = (1.0, 0.5, 0.0, 0.0)
"""Exposure once the first, second, ... breaker was hit: no new entries, half the size, positions closed, halted."""


@dataclass(frozen=True)
class Drill:
    """How deep the account fell under breakers, how deep without them, and the day on which nothing was held any more.

    `stopped` counts from 0 and is None where the breakers never took all exposure away.
    """

    deepest: float
    unprotected: float
    stopped: int | None


def drill(returns: Floats, breakers: Sequence[float]) -> Drill:
    """Run daily returns of an account at full exposure through drawdown breakers.

    Parameters
    ----------
    returns
        Simple net returns per day at full exposure, shape (n,), no NaN.
    breakers
        Drawdowns from the peak as fractions, ascending; a breaker hit at the close of a day cuts the exposure from the
        next day on, and stays hit: only a person arms it again. Further ones than four halt, too.

    Returns
    -------
    Drill
        Drawdowns as positive fractions of the peak; the initial capital is a peak.
    """
    equity = peak = 1.0
    deepest, exposure, stopped = 0.0, 1.0, None
    for day, value in enumerate(returns):
        equity *= 1.0 + exposure * float(value)
        peak = max(peak, equity)
        fallen = 1.0 - equity / peak
        deepest = max(deepest, fallen)
        hit = sum(fallen >= level - 1e-12 for level in breakers)
        if hit:
            exposure = min(exposure, EXPOSURE[min(hit, len(EXPOSURE)) - 1])
        if exposure == 0.0:
            stopped = day
            break
    free = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    unprotected = float((1.0 - free / np.maximum.accumulate(free)).max())
    return Drill(deepest, unprotected, stopped)
