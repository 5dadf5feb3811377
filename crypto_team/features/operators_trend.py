"""Operators on trends: averages and their ratios, MACD, directional movement, Aroon, efficiency, decay.

Exponential averages start as TA-Lib starts them, with the mean of their first n values, and count once the weight of
what lies before falls below one millionth.
"""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, Rule, decay_bars, divided, operator, shifted
from crypto_team.features.operators_price import true_ranges

FASTER = Rule(lambda fast, slow: fast < slow, "fast has to be shorter than slow")


def exponential(x: Floats, n: int) -> Floats:
    """Return the exponential average with alpha = 2 / (n + 1), seeded with the mean of the first n values."""
    return rolling.smoothed(x, n, 2.0 / (n + 1))


def ema_bars(n: int) -> int:
    """Return the look-back of an exponential average."""
    return n - 1 + decay_bars(2 / (n + 1))


@operator("price_action", lambda n: n - 1)
def sma(x: Floats, n: int = 20) -> Floats:
    """Mean of the last n values."""
    return rolling.mean(x, n)


@operator("price_action", ema_bars)
def ema(x: Floats, n: int = 20) -> Floats:
    """Exponential average, alpha = 2 / (n + 1), seeded with the mean of the first n values as in TA-Lib."""
    return exponential(x, n)


@operator("price_action", lambda n: n - 1 + decay_bars(1 / n))
def wilder(x: Floats, n: int = 14) -> Floats:
    """Wilder's average, alpha = 1 / n, seeded with the mean of the first n values."""
    return rolling.smoothed(x, n, 1.0 / n)


@operator("price_action", lambda n: n - 1)
def sma_ratio(x: Floats, n: int = 20) -> Floats:
    """Value over the mean of the last n values, minus 1."""
    return divided(x, rolling.mean(x, n)) - 1.0


@operator("price_action", lambda fast, slow: max(ema_bars(fast), ema_bars(slow)), rule=FASTER)
def ema_ratio(x: Floats, fast: int = 9, slow: int = 21) -> Floats:
    """Fast over slow exponential average, minus 1."""
    return divided(exponential(x, fast), exponential(x, slow)) - 1.0


def macd_line(x: Floats, fast: int, slow: int) -> Floats:
    """Return fast minus slow exponential average, both seeded at bar slow - 1, as TA-Lib does."""
    return rolling.smoothed(x, fast, 2.0 / (fast + 1), max(0, slow - fast)) - exponential(x, slow)


@operator("price_action", lambda slow: slow - 1 + decay_bars(2 / (slow + 1)), rule=FASTER)
def macd(x: Floats, fast: int = 12, slow: int = 26) -> Floats:
    """MACD line in percent of the value (Appel 1979): 100 (EMA fast - EMA slow) / x."""
    return 100.0 * divided(macd_line(x, fast, slow), x)


@operator("price_action", lambda slow, n: ema_bars(slow) + ema_bars(n), rule=FASTER)
def macd_signal(x: Floats, fast: int = 12, slow: int = 26, n: int = 9) -> Floats:
    """Signal line of the MACD in percent of the value: its exponential average over n bars."""
    return 100.0 * divided(exponential(macd_line(x, fast, slow), n), x)


@operator("price_action", lambda slow, n: ema_bars(slow) + ema_bars(n), rule=FASTER)
def macd_hist(x: Floats, fast: int = 12, slow: int = 26, n: int = 9) -> Floats:
    """MACD line minus its signal line, in percent of the value."""
    line = macd_line(x, fast, slow)
    return 100.0 * divided(line - exponential(line, n), x)


def directional(high: Floats, low: Floats, close: Floats, n: int) -> tuple[Floats, Floats]:
    """Return +DI and -DI (Wilder 1978), 0 to 100; sums start over n - 1 changes as in TA-Lib; 0 for no range."""
    up, down = high - shifted(high, 1), shifted(low, 1) - low
    unknown = 0.0 * (up + down)
    plus = np.where((up > down) & (up > 0.0), up, unknown)
    minus = np.where((down > up) & (down > 0.0), down, unknown)
    ranges = rolling.wilder_sum(true_ranges(high, low, close), n)
    sums = [rolling.wilder_sum(part, n) for part in (plus, minus)]
    first, second = (np.where(ranges == 0.0, 0.0, 100.0 * divided(part, ranges)) for part in sums)
    return first, second


@operator("price_action", lambda n: n + decay_bars(1 / n))
def plus_di(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Positive directional indicator (Wilder 1978), 0 to 100."""
    return directional(high, low, close, n)[0]


@operator("price_action", lambda n: n + decay_bars(1 / n))
def minus_di(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Negative directional indicator (Wilder 1978), 0 to 100."""
    return directional(high, low, close, n)[1]


def _adx(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    plus, minus = directional(high, low, close, n)
    total = plus + minus
    index = np.where(total == 0.0, 0.0, 100.0 * divided(np.abs(plus - minus), total))
    return rolling.smoothed(index, n, 1.0 / n)


def _adx_bars(n: int) -> int:
    return 2 * n + 2 * decay_bars(1 / n)


@operator("price_action", _adx_bars)
def adx(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Average directional index (Wilder 1978), 0 to 100: strength of a trend without its sign."""
    return _adx(high, low, close, n)


@operator("price_action", lambda n, m: _adx_bars(n) + m - 1)
def trend_decay(high: Floats, low: Floats, close: Floats, n: int = 14, m: int = 48) -> Floats:
    """Decay of trend strength, -1 to 0: the ADX over its highest of the last m bars, minus 1; 0 at a new peak.

    0 where there was no trend at all.
    """
    strength = _adx(high, low, close, n)
    peak = rolling.extreme(strength, m, top=True)
    return np.where(peak == 0.0, 0.0, divided(strength, peak) - 1.0)


@operator("price_action", lambda n: n)
def aroon_up(high: Floats, n: int = 25) -> Floats:
    """Aroon up (Chande 1995), 0 to 100: how recent the highest of the last n + 1 highs is; the latest of equals."""
    return 100.0 * (n - rolling.age(high, n + 1, top=True)) / n


@operator("price_action", lambda n: n)
def aroon_down(low: Floats, n: int = 25) -> Floats:
    """Aroon down (Chande 1995), 0 to 100: how recent the lowest of the last n + 1 lows is; the latest of equals."""
    return 100.0 * (n - rolling.age(low, n + 1, top=False)) / n


@operator("statistical", lambda n: n)
def efficiency_ratio(x: Floats, n: int = 24) -> Floats:
    """Kaufman's efficiency ratio, 0 to 1: net move over the sum of moves of the last n bars; 0 where nothing moved."""
    path = rolling.total(np.abs(x - shifted(x, 1)), n)
    return np.where(path == 0.0, 0.0, np.minimum(divided(np.abs(x - shifted(x, n)), path), 1.0))
