"""What chance earns: the strategy's own positions at other times, one strategy at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.trading.baselines import shifted
from crypto_team.trading.costs import net_returns
from crypto_team.validation import metrics
from crypto_team.validation.clock import milliseconds

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]
COUNT = 100
DAY_MS = 86_400_000


def shares(seed: int) -> Floats:
    """Return how far along the circle of bars each of the 100 random strategies is moved, in [0, 1), shape (100,)."""
    return np.asarray(np.random.default_rng(seed).random(COUNT))


def random_daily(test: pd.DataFrame, following: Floats, cost_bps: float, *, seed: int) -> tuple[Days, Floats]:
    """Trade the positions of a strategy at 100 random times.

    Parameters
    ----------
    test
        Columns time, pair, position; n rows of the test parts, sorted by (pair, time). An unknown position is flat.
    following
        Return from each row's close to the next one, shape (n,); NaN where there is none.
    cost_bps
        Cost of a side.
    seed
        Of the shifts.

    Returns
    -------
    tuple
        Days, and net returns of every strategy on each of them, shape (days, 100). All pairs of a strategy move by the
        same share of their bars, so exposure, turnover, holding times and how pairs are held together stay those of
        the strategy; its timing goes. No mean is taken over strategies: a mean of them is a portfolio, which is
        steadier than any of its parts.
    """
    time, pairs = milliseconds(test["time"]), test["pair"].to_numpy()
    known = np.isfinite(following)
    _, at, held_at_once = np.unique(time[known], return_inverse=True, return_counts=True)
    days, place = np.unique(time[known] // DAY_MS, return_inverse=True)
    weight = 1.0 / held_at_once[at]
    position = test["position"].fillna(0.0).to_numpy(dtype=np.float64)
    parts = np.split(np.arange(len(test)), np.flatnonzero(pairs[1:] != pairs[:-1]) + 1)
    made, net = np.empty((days.size, COUNT)), np.empty(len(test))
    for number, share in enumerate(shares(seed)):
        for rows in parts:
            net[rows] = net_returns(shifted(position[rows], float(share)), following[rows], cost_bps)[1]
        made[:, number] = np.bincount(place, net[known] * weight, minlength=days.size)
    return (days * DAY_MS).astype("datetime64[ms]").astype("datetime64[D]"), made


def sharpes(daily: Floats) -> Floats:
    """Return the annualised Sharpe ratio of each strategy, shape (100,); 0 for one that never trades."""
    ratios = [metrics.sharpe(column, periods_per_year=metrics.DAYS_PER_YEAR) for column in daily.T]
    return np.asarray(np.nan_to_num(np.array(ratios), nan=0.0))


def ranked(ratios: Floats, share: float) -> int:
    """Return which strategy has at least a share of all at or below it: 0.5 is the middle one, 0.95 a lucky one."""
    order = np.argsort(ratios, kind="stable")
    return int(order[min(ratios.size - 1, max(0, int(np.ceil(share * ratios.size)) - 1))])
