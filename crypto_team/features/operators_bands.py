"""Operators on bands and candles: Bollinger, Keltner and Donchian channels; body and wicks.

Positions are relative, so that they do not depend on the price level. Breakouts leave the current bar out of the
channel it has to break.
"""

from __future__ import annotations

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, Rule, decay_bars, divided, operator, shifted
from crypto_team.features.operators_price import average_true_range
from crypto_team.features.operators_trend import ema_bars, exponential

WIDE = Rule(lambda k: k > 0.0, "k has to be above zero")


@operator("price_action", lambda n: n - 1, shortest=2, rule=WIDE)
def bb_percent(x: Floats, n: int = 20, k: float = 2.0) -> Floats:
    """Position in the Bollinger bands: 0 at the lower, 1 at the upper; population deviation; 0.5 for a flat window."""
    deviation = np.sqrt(rolling.moment(x, n, 2))
    middle = rolling.mean(x, n)
    width = 2.0 * k * deviation
    return np.where(width == 0.0, 0.5, divided(x - middle + k * deviation, width))


@operator("price_action", lambda n: n - 1, shortest=2, rule=WIDE)
def bb_width(x: Floats, n: int = 20, k: float = 2.0) -> Floats:
    """Width of the Bollinger bands over their middle; population deviation."""
    return divided(2.0 * k * np.sqrt(rolling.moment(x, n, 2)), rolling.mean(x, n))


@operator("price_action", lambda n, m: max(ema_bars(n), m + decay_bars(1 / m)), rule=WIDE)
def keltner_position(high: Floats, low: Floats, close: Floats, n: int = 20, m: int = 10, k: float = 2.0) -> Floats:
    """Distance of the close from its EMA over n, in units of k average true ranges over m; 0 where nothing moves."""
    distance, reach = close - exponential(close, n), k * average_true_range(high, low, close, m)
    return np.where(reach == 0.0, 0.0 * distance, divided(distance, reach))


def _channel(high: Floats, low: Floats, n: int) -> tuple[Floats, Floats]:
    """Return the highest high and the lowest low of the n bars before this one."""
    return shifted(rolling.extreme(high, n, top=True), 1), shifted(rolling.extreme(low, n, top=False), 1)


@operator("price_action", lambda n: n)
def donchian_breakout(high: Floats, low: Floats, close: Floats, n: int = 20) -> Floats:
    """1 above the highest high of the n bars before this one, -1 below their lowest low, else 0."""
    top, bottom = _channel(high, low, n)
    return 1.0 * (close > top) - 1.0 * (close < bottom) + 0.0 * (top + bottom + close)


@operator("price_action", lambda n: n)
def donchian_position(high: Floats, low: Floats, close: Floats, n: int = 20) -> Floats:
    """Close within the range of the n bars before this one: 0 at their low, 1 at their high; 0.5 without a range."""
    top, bottom = _channel(high, low, n)
    span = top - bottom
    return np.where(span == 0.0, 0.5, divided(close - bottom, span))


@operator("price_action", lambda: 0)
def body_ratio(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Body of the candle over its range, -1 to 1; 0 for a candle without range."""
    span = high - low
    return np.where(span == 0.0, 0.0, divided(close - open_, span))


@operator("price_action", lambda: 0)
def upper_wick(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Upper wick over the range, 0 to 1; 0 for a candle without range."""
    span = high - low
    return np.where(span == 0.0, 0.0, divided(high - np.maximum(open_, close), span))


@operator("price_action", lambda: 0)
def lower_wick(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Lower wick over the range, 0 to 1; 0 for a candle without range."""
    span = high - low
    return np.where(span == 0.0, 0.0, divided(np.minimum(open_, close) - low, span))
