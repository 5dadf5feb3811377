"""Calibration error without the noise of the sample it is measured on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def ece_debiased(p: Floats, y: Floats, *, bins: int = 10, independent: float | None = None) -> float:
    """Return the root mean squared calibration gap over bins of equal numbers of rows, freed of sampling noise.

    Even a perfect forecast has gaps of about sqrt(y (1 - y) / n) in bins of n rows, and an average of |gaps| takes them
    for error. So the variance of each bin's rate is taken off the squared gap (Brocker 2012; Kumar, Liang and Ma 2019);
    what is left below zero counts as none.

    Parameters
    ----------
    p, y
        Forecasts and outcomes, shape (n,).
    bins
        Bins of equal numbers of rows.
    independent
        How many independent outcomes the rows are worth, where labels overlap; n if not given.
    """
    known = np.isfinite(p) & np.isfinite(y)
    p, y = p[known], y[known]
    if not y.size:
        return math.nan
    worth = 1.0 if independent is None else min(1.0, independent / y.size)
    parts = [part for part in np.array_split(np.argsort(p, kind="stable"), bins) if part.size > 1]
    squares = [
        (float(p[part].mean() - y[part].mean()) ** 2 - float(y[part].var()) / max(part.size * worth - 1.0, 1.0))
        * part.size
        for part in parts
    ]
    return math.sqrt(max(sum(squares) / y.size, 0.0))
