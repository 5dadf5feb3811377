"""Operators on prices: returns, and volatility from closes and ranges.

Units: returns are shares (0.01 is one percent), volatilities are per bar and not annualised. A value is unknown (NaN)
until its window is full, and where a price in it is unknown or not positive.
"""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, decay_bars, divided, operator, shifted

FOUR_LN_2 = 2.772588722239781
GARMAN_KLASS = 0.3862943611198906  # 2 ln 2 - 1


def _mean(x: Floats, n: int) -> Floats:
    return rolling.mean(x, n)


def true_ranges(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return max(high, close before) - min(low, close before); the first bar is unknown."""
    return rolling.true_range(high, low, rolling.before(close, 1))


def average_true_range(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return Wilder's average of the true range, seeded with the mean of its first n values."""
    return rolling.smoothed(true_ranges(high, low, close), n, 1.0 / n)


def log_changes(x: Floats, n: int) -> Floats:
    """Return ln(x[t] / x[t-n])."""
    logs = np.log(x)
    return logs - shifted(logs, n)


@operator("price_action", lambda n: n)
def ret(x: Floats, n: int = 1) -> Floats:
    """Relative change over n bars: x[t] / x[t-n] - 1."""
    return divided(x, shifted(x, n)) - 1.0


@operator("price_action", lambda n: n)
def logret(x: Floats, n: int = 1) -> Floats:
    """Log return over n bars: ln(x[t] / x[t-n]); unknown where a value is not positive."""
    return log_changes(x, n)


@operator("price_action", lambda n: n)
def roc(x: Floats, n: int = 10) -> Floats:
    """Rate of change in percent: 100 (x[t] / x[t-n] - 1), as TA-Lib."""
    return 100.0 * (divided(x, shifted(x, n)) - 1.0)


@operator("price_action", lambda n: n)
def excess_ret(x: Floats, n: int = 24) -> Floats:
    """Return over one bar minus the mean one-bar return of the last n bars."""
    one = divided(x, shifted(x, 1)) - 1.0
    return one - _mean(one, n)


@operator("price_action", lambda n: n - 1)
def cum_ret(x: Floats, n: int = 24) -> Floats:
    """Cumulative return of a series of returns: the product of 1 + x over the last n bars, minus 1.

    Unknown where one of them is -1 or below (everything lost).
    """
    return np.exp(rolling.total(np.log(1.0 + x), n)) - 1.0


@operator("price_action", lambda n: n - 1)
def drawdown(x: Floats, n: int = 96) -> Floats:
    """Distance from the highest of the last n values, 0 or below: x / highest - 1."""
    return divided(x, rolling.extreme(x, n, top=True)) - 1.0


@operator("price_action", lambda n: n - 1)
def runup(x: Floats, n: int = 96) -> Floats:
    """Distance from the lowest of the last n values, 0 or above: x / lowest - 1."""
    return divided(x, rolling.extreme(x, n, top=False)) - 1.0


@operator("price_action", lambda n: n)
def realised_vol(x: Floats, n: int = 24) -> Floats:
    """Realised volatility: root of the mean squared log return of the last n bars, per bar."""
    return np.sqrt(_mean(np.square(log_changes(x, 1)), n))


@operator("price_action", lambda n: n - 1)
def parkinson(high: Floats, low: Floats, n: int = 24) -> Floats:
    """Parkinson (1980) volatility per bar from the range: sqrt(mean(ln(H/L)^2) / (4 ln 2))."""
    return np.sqrt(_mean(np.square(np.log(high) - np.log(low)), n) / FOUR_LN_2)


@operator("price_action", lambda n: n - 1)
def garman_klass(open_: Floats, high: Floats, low: Floats, close: Floats, n: int = 24) -> Floats:
    """Garman-Klass (1980) volatility per bar: sqrt(mean(0.5 ln(H/L)^2 - (2 ln 2 - 1) ln(C/O)^2))."""
    span, body = np.log(high) - np.log(low), np.log(close) - np.log(open_)
    return np.sqrt(np.maximum(_mean(0.5 * np.square(span) - GARMAN_KLASS * np.square(body), n), 0.0))


@operator("price_action", lambda n: n - 1)
def rogers_satchell(open_: Floats, high: Floats, low: Floats, close: Floats, n: int = 24) -> Floats:
    """Rogers-Satchell (1991) volatility per bar, free of drift: sqrt(mean(ln(H/C) ln(H/O) + ln(L/C) ln(L/O)))."""
    return np.sqrt(np.maximum(_mean(_drift_free(open_, high, low, close), n), 0.0))


def _drift_free(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    first, top, bottom, last = np.log(open_), np.log(high), np.log(low), np.log(close)
    made: Floats = (top - last) * (top - first) + (bottom - last) * (bottom - first)
    return made


@operator("price_action", lambda n: n, shortest=2)
def yang_zhang(open_: Floats, high: Floats, low: Floats, close: Floats, n: int = 24) -> Floats:
    """Yang-Zhang (2000) volatility per bar: overnight, body and Rogers-Satchell parts.

    sqrt(var(ln O/C before) + k var(ln C/O) + (1 - k) RS), sample variances, k = 0.34 / (1.34 + (n + 1) / (n - 1)).
    """
    first, last = np.log(open_), np.log(close)
    overnight, body = first - shifted(last, 1), last - first
    weight, correction = 0.34 / (1.34 + (n + 1) / (n - 1)), n / (n - 1)
    parts = [rolling.moment(part, n, 2) * correction for part in (overnight, body)]
    drift_free = _mean(_drift_free(open_, high, low, close), n)
    return np.sqrt(np.maximum(parts[0] + weight * parts[1] + (1.0 - weight) * drift_free, 0.0))


@operator("price_action", lambda: 1)
def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Largest of high - low and the moves from the close before, in price units; the first bar is unknown."""
    return true_ranges(high, low, close)


@operator("price_action", lambda n: n + decay_bars(1 / n))
def atr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average true range (Wilder 1978) in price units, seeded as TA-Lib."""
    return average_true_range(high, low, close, n)


@operator("price_action", lambda n: n + decay_bars(1 / n))
def natr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average true range in percent of the close."""
    return 100.0 * divided(average_true_range(high, low, close, n), close)
