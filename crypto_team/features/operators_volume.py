"""Operators on volume."""

from __future__ import annotations

import numpy as np

from crypto_team.features import kernels_window as window
from crypto_team.features.operators import Floats, divided, operator, shifted


def _multiplier(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return where the close lies in its range, -1 to 1; 0 for a candle without range."""
    return np.where(high == low, 0.0, divided((close - low) - (high - close), high - low))


@operator("volume", lambda n: n - 1)
def volume_ratio(volume: Floats, n: int = 20) -> Floats:
    """Volume over its mean of the last n bars; 1 where nothing was traded at all."""
    mean = window.rolling_sum(volume, n) / n
    return np.where(mean <= 0.0, 1.0, divided(volume, mean))


@operator("volume", lambda n: n)
def obv_change(close: Floats, volume: Floats, n: int = 24) -> Floats:
    """Change of the on-balance volume (Granville 1963) over n bars, in units of the volume of those bars, -1 to 1.

    The level depends on where the series starts and is never a feature.
    """
    signed = np.sign(close - shifted(close, 1)) * volume
    total = window.rolling_sum(np.where(np.isnan(signed), np.nan, volume), n)
    return np.where(total <= 0.0, 0.0, divided(window.rolling_sum(signed, n), total))


@operator("volume", lambda n: n - 1)
def cmf(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 20) -> Floats:
    """Chaikin money flow, -1 to 1: the accumulation of the last n bars over their volume; 0 without volume."""
    flow = window.rolling_sum(_multiplier(high, low, close) * volume, n)
    total = window.rolling_sum(volume, n)
    return np.where(total <= 0.0, 0.0, divided(flow, total))


@operator("volume", lambda m: m - 1)
def ad_change(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 5, m: int = 48) -> Floats:
    """Accumulation of the last n bars over the volume of the last m bars (n <= m); the level is never a feature."""
    flow = window.rolling_sum(_multiplier(high, low, close) * volume, min(n, m))
    total = window.rolling_sum(volume, m)
    return np.where(total <= 0.0, 0.0, divided(flow, total))


@operator("volume", lambda n: n)
def mfi(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 14) -> Floats:
    """Money flow index, 0 to 100: RSI of the typical price weighted by traded value; 0 where there was no flow."""
    typical = (high + low + close) / 3.0
    move, value = typical - shifted(typical, 1), typical * volume
    up = window.rolling_sum(np.where(np.isnan(move), np.nan, np.where(move > 0, value, 0.0)), n)
    down = window.rolling_sum(np.where(np.isnan(move), np.nan, np.where(move < 0, value, 0.0)), n)
    total = up + down
    return np.where(total < 1e-12, 0.0, 100.0 * divided(np.maximum(up, 0.0), total))


@operator("volume", lambda n: n - 1)
def vwap_dev(high: Floats, low: Floats, close: Floats, volume: Floats, n: int = 24) -> Floats:
    """Close over the volume-weighted average typical price of the last n bars, minus 1; 0 without volume."""
    typical = (high + low + close) / 3.0
    total = window.rolling_sum(volume, n)
    return np.where(total <= 0.0, 0.0, divided(close * total, window.rolling_sum(typical * volume, n)) - 1.0)


@operator("volume", lambda n: n)
def volume_price_corr(close: Floats, volume: Floats, n: int = 48) -> Floats:
    """Correlation over n bars of absolute returns and volume, -1 to 1; 0 where either does not vary."""
    move = np.abs(divided(close, shifted(close, 1)) - 1.0)
    size = np.where(np.isnan(move), np.nan, volume)
    mean_move, mean_size = window.rolling_sum(move, n) / n, window.rolling_sum(size, n) / n
    cross = window.rolling_sum(move * size, n) / n - mean_move * mean_size
    spread = np.sqrt(window.rolling_moments(move, n, 2) * window.rolling_moments(size, n, 2))
    return np.clip(np.where(spread == 0.0, 0.0, divided(cross, spread)), -1.0, 1.0)
