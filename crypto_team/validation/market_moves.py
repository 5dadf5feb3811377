"""Returns of the market behind predictions, rebuilt from its closes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.validation.clock import milliseconds

Floats = npt.NDArray[np.float64]


def moves_ahead(rows: pd.DataFrame, market: pd.DataFrame, bars: int, step_ms: int) -> Floats:
    """Return close[t + bars] / close[t] - 1 at every row.

    Parameters
    ----------
    rows
        Columns time (bar open) and pair, n rows in any order.
    market
        Columns time, pair and close.
    bars
        Bars ahead, at least 1.
    step_ms
        Length of a bar.

    Returns
    -------
    ndarray
        Shape (n,); NaN where the market lacks one of the two bars.
    """
    made = np.full(len(rows), np.nan)
    stamps, pairs = milliseconds(rows["time"]), rows["pair"].to_numpy()
    for pair, part in market.groupby("pair", sort=False):
        known = milliseconds(part["time"])
        order = np.argsort(known, kind="stable")
        known, close = known[order], part["close"].to_numpy(dtype=np.float64)[order]
        own = np.flatnonzero(pairs == pair)
        made[own] = _at(stamps[own] + bars * step_ms, known, close) / _at(stamps[own], known, close) - 1.0
    return made


def _at(times: npt.NDArray[np.int64], known: npt.NDArray[np.int64], close: Floats) -> Floats:
    place = np.minimum(np.searchsorted(known, times), known.size - 1)
    return np.where(known[place] == times, close[place], np.nan)
