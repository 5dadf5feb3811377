"""Operators on volume: accumulation, prices weighted by volume, volume by price, number of trades, aggressors.

Levels such as that of the on-balance volume depend on where a series starts and are never features; their changes are.
A window without any volume gives the neutral value that each operator names.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, Rule, Times, divided, operator, shifted
from crypto_team.features.operators_momentum import typical_price

ROUNDING: Final = 1e-12


def _multiplier(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return where the close lies in its range, -1 to 1; 0 for a candle without range."""
    span = high - low
    return np.where(span == 0.0, 0.0, divided((close - low) - (high - close), span))


def _from_average(held: Floats, value: Floats, traded: Floats) -> Floats:
    """Return held / value - 1; 0 without volume, and where it is a rounding: where no price moves, nothing does."""
    away = np.where(traded <= 0.0, 0.0, divided(held, value) - 1.0)
    return np.where(np.abs(away) < ROUNDING, 0.0, away)


@operator("volume", lambda n: n - 1)
def volume_ratio(volume: Floats, n: int = 20) -> Floats:
    """Volume over its mean of the last n bars; 1 where nothing was traded at all."""
    mean = rolling.mean(volume, n)
    return np.where(mean <= 0.0, 1.0, divided(volume, mean))


@operator("volume", lambda n: n)
def obv_change(close: Floats, volume: Floats, n: int = 24) -> Floats:
    """Change of the on-balance volume (Granville 1963) over n bars, in units of the volume of those bars, -1 to 1."""
    signed = np.sign(close - shifted(close, 1)) * volume
    traded = rolling.mean(volume, n)
    return np.where(traded <= 0.0, 0.0, divided(rolling.mean(signed, n), traded))


@operator("volume", lambda n: n - 1)
def cmf(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 20) -> Floats:
    """Chaikin money flow, -1 to 1: the accumulation of the last n bars over their volume; 0 without volume."""
    flow = rolling.mean(_multiplier(high, low, close) * volume, n)
    traded = rolling.mean(volume, n)
    return np.where(traded <= 0.0, 0.0, divided(flow, traded))


@operator("volume", lambda m: m - 1, rule=Rule(lambda n, m: n <= m, "n has to be at most m"))
def ad_change(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 5, m: int = 48) -> Floats:
    """Accumulation of the last n bars over the volume of the last m bars (n <= m); 0 without volume."""
    flow = rolling.total(_multiplier(high, low, close) * volume, n)
    traded = rolling.total(volume, m)
    return np.where(traded <= 0.0, 0.0, divided(flow, traded))


@operator("volume", lambda n: n - 1)
def vwap_dev(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 24) -> Floats:
    """Close over the volume-weighted average typical price of the last n bars, minus 1; 0 without volume."""
    traded = rolling.mean(volume, n)
    value = rolling.mean(typical_price(high, low, close) * volume, n)
    return _from_average(close * traded, value, traded)


@operator("volume", lambda n: n - 1)
def session_vwap_dev(high: Floats, low: Floats, close: Floats, volume: Floats, times: Times, n: int = 288) -> Floats:
    """Close over the volume-weighted average typical price since 00:00 UTC (by bar open), minus 1.

    n is the number of bars of a day, 288 for five minutes: a longer session is unknown. 0 without volume.
    """
    traded = rolling.session_sum(volume, times, n)
    value = rolling.session_sum(typical_price(high, low, close) * volume, times, n)
    return _from_average(close * traded, value, traded)


@operator("volume", lambda n: n - 1)
def poc_dev(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 48, bins: int = 24) -> Floats:
    """Close over the point of control of the last n bars, minus 1: the middle of the price bin with most volume.

    Bars count with their typical price; equal bins from the lowest to the highest of them; the lower of equals. Without
    volume the middle of the range.
    """
    return divided(close, rolling.profile(typical_price(high, low, close), volume, n, bins, 0.0)) - 1.0


@operator("volume", lambda n: n - 1)
def value_area_position(
    high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 48, bins: int = 24
) -> Floats:
    """Close within the value area of the last n bars: 0 at its lower end, 1 at its upper, beyond outside.

    The value area holds 70 % of the volume around the point of control (Steidlmayer). 0.5 without a range
    or without volume.
    """
    typical = typical_price(high, low, close)
    bottom = rolling.profile(typical, volume, n, bins, -1.0)
    top = rolling.profile(typical, volume, n, bins, 1.0)
    span = top - bottom
    return np.where(span == 0.0, 0.5, divided(close - bottom, span))


@operator("volume", lambda n: n)
def volume_price_corr(close: Floats, volume: Floats, n: int = 48) -> Floats:
    """Correlation over n bars of absolute returns and volume, -1 to 1; 0 where either does not vary."""
    move = np.abs(divided(close, shifted(close, 1)) - 1.0)
    spread = np.sqrt(rolling.moment(move, n, 2) * rolling.moment(volume, n, 2))
    return np.clip(np.where(spread == 0.0, 0.0, divided(rolling.covariance(move, volume, n), spread)), -1.0, 1.0)


@operator("volume", lambda n: n - 1)
def trades_ratio(trades: Floats, n: int = 20) -> Floats:
    """Transaction trend: number of trades over its mean of the last n bars; 1 where there was none at all."""
    mean = rolling.mean(trades, n)
    return np.where(mean <= 0.0, 1.0, divided(trades, mean))


@operator("volume", lambda n: n - 1)
def trade_size_ratio(volume: Floats, trades: Floats, n: int = 20) -> Floats:
    """Mean size of a trade in this bar over that of the last n bars; 1 where there was no trade."""
    usual = rolling.mean(volume, n) * trades
    return np.where(usual <= 0.0, 1.0, divided(volume * rolling.mean(trades, n), usual))


@operator("volume", lambda n: n - 1)
def taker_imbalance(volume: Floats, taker_buy_volume: Floats, n: int = 20) -> Floats:
    """Volume bought by takers minus that sold by them over the volume of the last n bars, -1 to 1; 0 without any."""
    traded = rolling.mean(volume, n)
    return np.where(traded <= 0.0, 0.0, divided(rolling.mean(2.0 * taker_buy_volume - volume, n), traded))
