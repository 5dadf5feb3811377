"""The bar-by-bar simulation of a synthetic market, compiled; every score uses closed bars only."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

REVERSION, MOMENTUM, OSCILLATOR = 0, 1, 2
GARCH_SHOCK, GARCH_MEMORY = 0.06, 0.92
"""Reaction and persistence of the variance; what they leave to one keeps its mean at one."""


@numba.njit(cache=True)
def zscore_at(close: Floats, at: int, period: int) -> float:
    """Return the z-score (population deviation) of the last close within the last `period` closes."""
    mean = 0.0
    for row in range(at - period + 1, at + 1):
        mean += close[row]
    mean /= period
    spread = 0.0
    for row in range(at - period + 1, at + 1):
        spread += (close[row] - mean) ** 2
    if spread <= 0.0:
        return 0.0
    return float((close[at] - mean) / math.sqrt(spread / period))


@numba.njit(cache=True)
def wilder_update(state: Floats, close: Floats, at: int, period: int) -> float:
    """Advance the average gain and loss in `state` by bar `at` and return the RSI; 50 before it is defined."""
    change = close[at] - close[at - 1]
    if at <= period:
        weight = 1.0 / period
        state[0] += weight * max(change, 0.0)
        state[1] += weight * max(-change, 0.0)
    else:
        state[0] += (max(change, 0.0) - state[0]) / period
        state[1] += (max(-change, 0.0) - state[1]) / period
    total = state[0] + state[1]
    return float(100.0 * state[0] / total) if at >= period and total > 0.0 else 50.0


@numba.njit(cache=True)
def score_at(close: Floats, at: int, kinds: Ints, periods: Ints, scales: Floats, state: Floats) -> float:
    """Return the mean of the alphas at the close of bar `at`, in [-1, 1]; an alpha is 0 until its window is full."""
    total = 0.0
    for term in range(kinds.size):
        period = periods[term]
        if kinds[term] == REVERSION:
            if at >= period - 1:
                total -= math.tanh(zscore_at(close, at, period) / scales[term])
        elif kinds[term] == MOMENTUM:
            if at >= period:
                total += math.tanh((close[at] / close[at - period] - 1.0) / scales[term])
        elif at >= 1:
            total -= math.tanh((wilder_update(state[term], close, at, period) - 50.0) / scales[term])
    return total / kinds.size


@numba.njit(cache=True)
def walk(
    kinds: Ints, periods: Ints, scales: Floats, deviation: Floats, draws: Floats, drift: float, start: float, tick: int
) -> tuple[Floats, Floats]:
    """Simulate a market.

    Parameters
    ----------
    kinds, periods, scales
        The alphas; scale is the value at which tanh takes an argument of one.
    deviation
        Standard deviation of each bar's log return before GARCH, shape (n,).
    draws
        Shape (3, n): standardised shocks, and two uniforms in (0, 1) for high and low.
    drift
        Expected return of the next bar at a score of one.
    start
        First open price.
    tick
        Ticks per unit of price; all prices are whole ticks.

    Returns
    -------
    tuple
        Bars, shape (5, n): open, high, low, close, standard deviation of the bar; and the score at each close, (n,).
    """
    bars = deviation.size
    made, score = np.empty((5, bars)), np.zeros(bars)
    state = np.zeros((kinds.size, 2))
    variance, mean, last = 1.0, 0.0, math.floor(start * tick + 0.5) / tick
    for at in range(bars):
        sigma = deviation[at] * math.sqrt(variance)
        # Half the variance is taken off so that without an alpha the price itself has no drift.
        move = mean - sigma * sigma / 2.0 + sigma * draws[0, at]
        close = max(math.floor(last * math.exp(move) * tick + 0.5), 1.0) / tick
        made[0, at], made[3, at], made[4, at] = last, close, sigma
        _extremes(made, at, move, sigma, draws, tick)
        variance = (
            (1.0 - GARCH_SHOCK - GARCH_MEMORY) + GARCH_SHOCK * variance * draws[0, at] ** 2 + GARCH_MEMORY * variance
        )
        score[at] = score_at(made[3], at, kinds, periods, scales, state)
        mean, last = drift * score[at], close
    return made, score


@numba.njit(cache=True)
def _extremes(made: Floats, at: int, move: float, sigma: float, draws: Floats, tick: int) -> None:
    """Draw high and low as extremes of a Brownian bridge from open to close."""
    opened, closed = made[0, at], made[3, at]
    reach = 2.0 * sigma * sigma
    up = 0.5 * (move + math.sqrt(move * move - reach * math.log(draws[1, at])))
    down = 0.5 * (move - math.sqrt(move * move - reach * math.log(draws[2, at])))
    made[1, at] = max(math.floor(opened * math.exp(up) * tick + 0.5) / tick, opened, closed)
    lowest = max(math.floor(opened * math.exp(down) * tick + 0.5), 1.0) / tick
    made[2, at] = min(lowest, opened, closed)


@numba.njit(cache=True)
def oracle_sides(score: Floats, threshold: float) -> Floats:
    """Return the side (-1, 0, 1) of a trader who knows the score and turns only beyond the threshold."""
    made = np.empty(score.size)
    held = 0.0
    for at in range(score.size):
        if score[at] > threshold:
            held = 1.0
        elif score[at] < -threshold:
            held = -1.0
        made[at] = held
    return made
