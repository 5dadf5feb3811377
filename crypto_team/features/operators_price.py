"""Operators on prices: returns, volatility, momentum, candles."""

from __future__ import annotations

import numpy as np

from crypto_team.features import kernels_recursive as recursive
from crypto_team.features import kernels_window as window
from crypto_team.features.operators import Floats, decay_bars, divided, operator, shifted


def _mean(x: Floats, n: int) -> Floats:
    return window.rolling_sum(x, n) / n


def true_ranges(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the largest of high - low, |high - close before|, |low - close before|; the first bar is unknown."""
    before = shifted(close, 1)
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def average_true_range(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return Wilder's average of the true range, seeded with the mean of its first n values."""
    return recursive.smoothed(true_ranges(high, low, close), n, 1.0 / n)


@operator("price_action", lambda n: n)
def ret(x: Floats, n: int = 1) -> Floats:
    """Relative change over n bars: x[t] / x[t-n] - 1."""
    return divided(x, shifted(x, n)) - 1.0


@operator("price_action", lambda n: n)
def logret(x: Floats, n: int = 1) -> Floats:
    """Log return over n bars; unknown where the ratio is not positive."""
    ratio = divided(x, shifted(x, n))
    return np.log(np.where(ratio > 0, ratio, np.nan))


@operator("price_action", lambda n: n)
def roc(x: Floats, n: int = 10) -> Floats:
    """Rate of change in percent: 100 (x[t] / x[t-n] - 1), as TA-Lib."""
    return 100.0 * (divided(x, shifted(x, n)) - 1.0)


@operator("price_action", lambda n: n)
def excess_ret(x: Floats, n: int = 24) -> Floats:
    """Return over one bar minus the mean one-bar return of the last n bars."""
    one = divided(x, shifted(x, 1)) - 1.0
    return one - _mean(one, n)


@operator("price_action", lambda n: n)
def realised_vol(x: Floats, n: int = 24) -> Floats:
    """Realised volatility: root of the mean squared log return of the last n bars, per bar."""
    return np.sqrt(_mean(np.square(logret(x, 1)), n))


@operator("price_action", lambda n: n - 1)
def parkinson(high: Floats, low: Floats, n: int = 24) -> Floats:
    """Parkinson (1980) volatility per bar from the range: sqrt(mean(ln(H/L)^2) / (4 ln 2))."""
    made: Floats = np.sqrt(_mean(np.square(np.log(divided(high, low))), n) / (4.0 * np.log(2.0)))
    return made


@operator("price_action", lambda n: n - 1)
def garman_klass(open_: Floats, high: Floats, low: Floats, close: Floats, n: int = 24) -> Floats:
    """Garman-Klass (1980) volatility per bar: sqrt(mean(0.5 ln(H/L)^2 - (2 ln 2 - 1) ln(C/O)^2))."""
    term = 0.5 * np.square(np.log(divided(high, low)))
    term -= (2.0 * np.log(2.0) - 1.0) * np.square(np.log(divided(close, open_)))
    return np.sqrt(np.maximum(_mean(term, n), 0.0))


@operator("price_action", lambda n: n - 1)
def rogers_satchell(open_: Floats, high: Floats, low: Floats, close: Floats, n: int = 24) -> Floats:
    """Rogers-Satchell (1991) volatility per bar, free of drift."""
    up, down = np.log(divided(high, close)), np.log(divided(low, close))
    term = up * np.log(divided(high, open_)) + down * np.log(divided(low, open_))
    return np.sqrt(np.maximum(_mean(term, n), 0.0))


@operator("price_action", lambda n: n, shortest=2)
def yang_zhang(open_: Floats, high: Floats, low: Floats, close: Floats, n: int = 24) -> Floats:
    """Yang-Zhang (2000) volatility per bar: overnight, body and Rogers-Satchell parts; k by n."""
    overnight, body = np.log(divided(open_, shifted(close, 1))), np.log(divided(close, open_))
    correction = n / (n - 1)
    parts = [window.rolling_moments(part, n, 2) * correction for part in (overnight, body)]
    up, down = np.log(divided(high, open_)), np.log(divided(low, open_))
    drift_free = _mean(up * (up - body) + down * (down - body), n)
    weight = 0.34 / (1.34 + (n + 1) / (n - 1))
    return np.sqrt(np.maximum(parts[0] + weight * parts[1] + (1.0 - weight) * drift_free, 0.0))


@operator("price_action", lambda n: n + decay_bars(1 / n))
def rsi(x: Floats, n: int = 14) -> Floats:
    """Relative strength index (Wilder 1978), 0 to 100, seeded as TA-Lib; 0 where nothing moved."""
    move = x - shifted(x, 1)
    up = recursive.smoothed(np.where(np.isnan(move), np.nan, np.maximum(move, 0.0)), n, 1.0 / n)
    down = recursive.smoothed(np.where(np.isnan(move), np.nan, np.maximum(-move, 0.0)), n, 1.0 / n)
    total = up + down
    return np.where(total == 0.0, 0.0, 100.0 * divided(up, total))


@operator("price_action", lambda n: n - 1)
def willr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Williams %R, -100 to 0: the close within the range of the last n bars."""
    top, bottom = window.rolling_extreme(high, n, 1.0), window.rolling_extreme(low, n, -1.0)
    return np.where(top == bottom, 0.0, -100.0 * divided(top - close, top - bottom))


def _fast_k(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    top, bottom = window.rolling_extreme(high, n, 1.0), window.rolling_extreme(low, n, -1.0)
    return np.where(top == bottom, 0.0, 100.0 * divided(close - bottom, top - bottom))


@operator("price_action", lambda n, k: n + k - 2)
def stoch_k(high: Floats, low: Floats, close: Floats, n: int = 14, k: int = 3) -> Floats:
    """Slow stochastic %K, 0 to 100: the mean over k bars of the close within the range of n bars."""
    return _mean(_fast_k(high, low, close, n), k)


@operator("price_action", lambda n, k, d: n + k + d - 3)
def stoch_d(high: Floats, low: Floats, close: Floats, n: int = 14, k: int = 3, d: int = 3) -> Floats:
    """Slow stochastic %D: the mean over d bars of %K."""
    return _mean(_mean(_fast_k(high, low, close, n), k), d)


@operator("price_action", lambda n: n - 1)
def cci(high: Floats, low: Floats, close: Floats, n: int = 20) -> Floats:
    """Commodity channel index (Lambert 1980): typical price from its mean in units of 0.015 mean deviations."""
    typical = (high + low + close) / 3.0
    deviation = window.rolling_mean_deviation(typical, n)
    distance = typical - _mean(typical, n)
    return np.where(deviation == 0.0, 0.0, divided(distance, 0.015 * deviation))


@operator("price_action", lambda n, m: 2 * n + m + 2 * decay_bars(2 / (n + 1)) + decay_bars(2 / (m + 1)))
def wave_trend(high: Floats, low: Floats, close: Floats, n: int = 10, m: int = 21) -> Floats:
    """Wave Trend oscillator: EMA over m of (typical - EMA) / (0.015 EMA of the distance); 0 where nothing moves."""
    typical = (high + low + close) / 3.0
    esa = recursive.smoothed(typical, n, 2.0 / (n + 1))
    distance = recursive.smoothed(np.abs(typical - esa), n, 2.0 / (n + 1))
    index = np.where(distance == 0.0, 0.0, divided(typical - esa, 0.015 * distance))
    return recursive.smoothed(np.where(np.isnan(distance), np.nan, index), m, 2.0 / (m + 1))


@operator("price_action", lambda n: n + decay_bars(1 / n))
def atr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average true range (Wilder 1978) in price units, seeded as TA-Lib."""
    return average_true_range(high, low, close, n)


@operator("price_action", lambda n: n + decay_bars(1 / n))
def natr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average true range in percent of the close."""
    return 100.0 * divided(average_true_range(high, low, close, n), close)


@operator("price_action", lambda: 1)
def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Largest of high - low and the moves from the close before, in price units; the first bar is unknown."""
    return true_ranges(high, low, close)


@operator("price_action", lambda: 0)
def body_ratio(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Body of the candle over its range, -1 to 1; 0 for a candle without range."""
    return np.where(high == low, 0.0, divided(close - open_, high - low))


@operator("price_action", lambda: 0)
def upper_wick(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Upper wick over the range, 0 to 1; 0 for a candle without range."""
    return np.where(high == low, 0.0, divided(high - np.maximum(open_, close), high - low))


@operator("price_action", lambda: 0)
def lower_wick(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Lower wick over the range, 0 to 1; 0 for a candle without range."""
    return np.where(high == low, 0.0, divided(np.minimum(open_, close) - low, high - low))
