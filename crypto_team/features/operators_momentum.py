"""Operators on momentum: where the price stands in its recent range, and how one-sided its moves were.

A value is unknown until its window is full; recursive ones count once the weight of what lies before falls below one
millionth. A market without any move gives the neutral value that each operator names.
"""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, decay_bars, divided, operator, shifted

ROUNDING = 1e-12
"""Share of a price below which a difference of sums of prices is rounding."""


def typical_price(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return (high + low + close) / 3."""
    return (high + low + close) / 3.0


@operator("price_action", lambda n: n + decay_bars(1 / n))
def rsi(x: Floats, n: int = 14) -> Floats:
    """Relative strength index (Wilder 1978), 0 to 100, seeded as TA-Lib; 0 where nothing moved."""
    move = x - shifted(x, 1)
    up = rolling.smoothed(np.maximum(move, 0.0), n, 1.0 / n)
    path = rolling.smoothed(np.abs(move), n, 1.0 / n)
    return np.where(path == 0.0, 0.0, 100.0 * divided(up, path))


def _range(high: Floats, low: Floats, n: int) -> tuple[Floats, Floats]:
    return rolling.extreme(high, n, top=True), rolling.extreme(low, n, top=False)


@operator("price_action", lambda n: n - 1)
def willr(high: Floats, low: Floats, close: Floats, n: int = 14) -> Floats:
    """Williams %R, -100 to 0: the close within the range of the last n bars; 0 without a range."""
    top, bottom = _range(high, low, n)
    span = top - bottom
    return np.where(span == 0.0, 0.0, -100.0 * divided(top - close, span))


def _fast_k(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    top, bottom = _range(high, low, n)
    span = top - bottom
    return np.where(span == 0.0, 0.0, 100.0 * divided(close - bottom, span))


@operator("price_action", lambda n, k: n + k - 2)
def stoch_k(high: Floats, low: Floats, close: Floats, n: int = 14, k: int = 3) -> Floats:
    """Slow stochastic %K (Lane), 0 to 100: the mean over k bars of the close within the range of n bars."""
    return rolling.mean(_fast_k(high, low, close, n), k)


@operator("price_action", lambda n, k, d: n + k + d - 3)
def stoch_d(high: Floats, low: Floats, close: Floats, n: int = 14, k: int = 3, d: int = 3) -> Floats:
    """Slow stochastic %D, 0 to 100: the mean over d bars of %K."""
    return rolling.mean(rolling.mean(_fast_k(high, low, close, n), k), d)


@operator("price_action", lambda n: n - 1)
def cci(high: Floats, low: Floats, close: Floats, n: int = 20) -> Floats:
    """Commodity channel index (Lambert 1980): typical price from its mean in units of 0.015 mean deviations.

    0 for a flat window.
    """
    typical = typical_price(high, low, close)
    unit = 0.015 * rolling.deviation(typical, n)
    return np.where(unit == 0.0, 0.0, divided(typical - rolling.mean(typical, n), unit))


@operator("price_action", lambda n, m: 2 * n + m + 2 * decay_bars(2 / (n + 1)) + decay_bars(2 / (m + 1)))
def wave_trend(high: Floats, low: Floats, close: Floats, n: int = 10, m: int = 21) -> Floats:
    """Wave Trend oscillator: EMA over m of (typical - EMA) / (0.015 EMA of the distance); 0 where nothing moves."""
    typical = typical_price(high, low, close)
    esa = rolling.smoothed(typical, n, 2.0 / (n + 1))
    unit = 0.015 * rolling.smoothed(np.abs(typical - esa), n, 2.0 / (n + 1))
    index = np.where(unit == 0.0, 0.0, divided(typical - esa, unit))
    return rolling.smoothed(index, m, 2.0 / (m + 1))


@operator("volume", lambda n: n)
def mfi(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 14) -> Floats:
    """Money flow index, 0 to 100: RSI of the typical price weighted by traded value; 0 where there was no flow.

    Typical prices that differ by rounding only are the same: a bar of the same sum of prices is no move.
    """
    typical = typical_price(high, low, close)
    move, value = typical - shifted(typical, 1), typical * volume
    noise = ROUNDING * typical
    up = rolling.total(np.where(move > noise, value, 0.0 * move), n)
    moved = rolling.total(np.where(np.abs(move) <= noise, 0.0, value + 0.0 * move), n)
    return np.where(moved < 1e-12, 0.0, 100.0 * divided(up, moved))
