"""Operators on trends and bands: averages, MACD, ADX, Aroon, Bollinger, Keltner, Donchian."""

from __future__ import annotations

import numpy as np

from crypto_team.features import kernels_recursive as recursive
from crypto_team.features import kernels_window as window
from crypto_team.features.operators import Floats, decay_bars, divided, operator, shifted
from crypto_team.features.operators_price import average_true_range, true_ranges


def exponential(x: Floats, n: int) -> Floats:
    """Return the exponential average with alpha = 2 / (n + 1), seeded with the mean of the first n values."""
    return recursive.smoothed(x, n, 2.0 / (n + 1))


def _ema_bars(n: int) -> int:
    return n - 1 + decay_bars(2 / (n + 1))


@operator("price_action", lambda n: n - 1)
def sma(x: Floats, n: int = 20) -> Floats:
    """Mean of the last n values."""
    return window.rolling_sum(x, n) / n


@operator("price_action", _ema_bars)
def ema(x: Floats, n: int = 20) -> Floats:
    """Exponential average, alpha = 2 / (n + 1), seeded with the mean of the first n values as in TA-Lib."""
    return exponential(x, n)


@operator("price_action", lambda n: n - 1)
def sma_ratio(x: Floats, n: int = 20) -> Floats:
    """Value over the mean of the last n values, minus 1."""
    return divided(x, window.rolling_sum(x, n) / n) - 1.0


@operator("price_action", lambda fast, slow: max(_ema_bars(fast), _ema_bars(slow)))
def ema_ratio(x: Floats, fast: int = 9, slow: int = 21) -> Floats:
    """Fast over slow exponential average, minus 1."""
    return divided(exponential(x, fast), exponential(x, slow)) - 1.0


def macd_line(x: Floats, fast: int, slow: int) -> Floats:
    """Return fast minus slow exponential average, both seeded at bar slow - 1, as TA-Lib does."""
    late = x.copy()
    late[: max(0, slow - fast)] = np.nan
    return exponential(late, fast) - exponential(x, slow)


@operator("price_action", lambda slow: slow - 1 + decay_bars(2 / (slow + 1)))
def macd(x: Floats, fast: int = 12, slow: int = 26) -> Floats:
    """MACD line in percent of the value (Appel 1979)."""
    return 100.0 * divided(macd_line(x, fast, slow), x)


@operator("price_action", lambda slow, n: _ema_bars(slow) + _ema_bars(n))
def macd_signal(x: Floats, fast: int = 12, slow: int = 26, n: int = 9) -> Floats:
    """Signal line of the MACD in percent of the value."""
    return 100.0 * divided(exponential(macd_line(x, fast, slow), n), x)


@operator("price_action", lambda slow, n: _ema_bars(slow) + _ema_bars(n))
def macd_hist(x: Floats, fast: int = 12, slow: int = 26, n: int = 9) -> Floats:
    """MACD line minus its signal line, in percent of the value."""
    line = macd_line(x, fast, slow)
    return 100.0 * divided(line - exponential(line, n), x)


def directional(high: Floats, low: Floats, close: Floats, n: int) -> tuple[Floats, Floats]:
    """Return +DI and -DI (Wilder 1978), 0 to 100; sums start over n - 1 changes as in TA-Lib; 0 for no range."""
    up, down = high - shifted(high, 1), shifted(low, 1) - low
    unknown = np.isnan(up)
    plus = np.where(unknown, np.nan, np.where((up > down) & (up > 0), up, 0.0))
    minus = np.where(unknown, np.nan, np.where((down > up) & (down > 0), down, 0.0))
    ranges = recursive.wilder_sum(true_ranges(high, low, close), n)
    sums = [recursive.wilder_sum(part, n) for part in (plus, minus)]
    first, second = (np.where(ranges == 0.0, 0.0, 100.0 * divided(part, ranges)) for part in sums)
    return first, second


@operator("price_action", lambda n: n + decay_bars(1 / n))
def plus_di(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Positive directional indicator, 0 to 100."""
    return directional(high, low, close, n)[0]


@operator("price_action", lambda n: n + decay_bars(1 / n))
def minus_di(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Negative directional indicator, 0 to 100."""
    return directional(high, low, close, n)[1]


@operator("price_action", lambda n: 2 * n + 2 * decay_bars(1 / n))
def adx(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average directional index (Wilder 1978), 0 to 100: strength of a trend without its sign."""
    plus, minus = directional(high, low, close, n)
    total = plus + minus
    index = np.where(total == 0.0, 0.0, 100.0 * divided(np.abs(plus - minus), total))
    return recursive.smoothed(np.where(np.isnan(total), np.nan, index), n, 1.0 / n)


@operator("price_action", lambda n: n)
def aroon_up(high: Floats, n: int = 25) -> Floats:
    """Aroon up, 0 to 100: how recent the highest of the last n + 1 highs is; the latest of equals counts."""
    return 100.0 * (n - window.bars_since_extreme(high, n + 1, 1.0)) / n


@operator("price_action", lambda n: n)
def aroon_down(low: Floats, n: int = 25) -> Floats:
    """Aroon down, 0 to 100: how recent the lowest of the last n + 1 lows is; the latest of equals counts."""
    return 100.0 * (n - window.bars_since_extreme(low, n + 1, -1.0)) / n


@operator("price_action", lambda n: n - 1)
def bb_percent(x: Floats, n: int = 20, k: float = 2.0) -> Floats:
    """Position in the Bollinger bands: 0 at the lower, 1 at the upper; population deviation; 0.5 for a flat window."""
    deviation = np.sqrt(window.rolling_moments(x, n, 2))
    middle = window.rolling_sum(x, n) / n
    return np.where(deviation == 0.0, 0.5, divided(x - middle + k * deviation, 2.0 * k * deviation))


@operator("price_action", lambda n: n - 1)
def bb_width(x: Floats, n: int = 20, k: float = 2.0) -> Floats:
    """Width of the Bollinger bands over their middle."""
    return divided(2.0 * k * np.sqrt(window.rolling_moments(x, n, 2)), window.rolling_sum(x, n) / n)


@operator("price_action", lambda n, m: max(_ema_bars(n), m + decay_bars(1 / m)))
def keltner_position(high: Floats, low: Floats, close: Floats, n: int = 20, m: int = 10, k: float = 2.0) -> Floats:
    """Distance of the close from its EMA over n, in units of k average true ranges over m; 0 where nothing moves."""
    distance, reach = close - exponential(close, n), k * average_true_range(high, low, close, m)
    return np.where((reach == 0.0) & ~np.isnan(distance), 0.0, divided(distance, reach))


@operator("price_action", lambda n: n)
def donchian_breakout(high: Floats, low: Floats, close: Floats, n: int = 20) -> Floats:
    """1 above the highest high of the n bars before this one, -1 below their lowest low, else 0."""
    top = shifted(window.rolling_extreme(high, n, 1.0), 1)
    bottom = shifted(window.rolling_extreme(low, n, -1.0), 1)
    made = (close > top).astype(np.float64) - (close < bottom).astype(np.float64)
    return np.where(np.isnan(top) | np.isnan(bottom) | np.isnan(close), np.nan, made)


@operator("price_action", lambda n: n)
def donchian_position(high: Floats, low: Floats, close: Floats, n: int = 20) -> Floats:
    """Close within the range of the n bars before this one: 0 at their low, 1 at their high; 0.5 without a range."""
    top = shifted(window.rolling_extreme(high, n, 1.0), 1)
    bottom = shifted(window.rolling_extreme(low, n, -1.0), 1)
    return np.where(top == bottom, 0.5, divided(close - bottom, top - bottom))


@operator("statistical", lambda n: n)
def efficiency_ratio(x: Floats, n: int = 24) -> Floats:
    """Kaufman's efficiency ratio, 0 to 1: net move over the sum of moves of the last n bars; 0 where nothing moved."""
    path = window.rolling_sum(np.abs(x - shifted(x, 1)), n)
    return np.where(path == 0.0, 0.0, divided(np.abs(x - shifted(x, n)), path))
