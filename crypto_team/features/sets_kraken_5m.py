"""Five-minute candles of one pair: averages, bands, momentum, volatility and lagged returns."""

from __future__ import annotations

from typing import Final

FORMULAS: Final = (
    "close / ema(close, 10) - 1",
    "sma_ratio(close, {10, 20, 50})",
    "ema_ratio(close, 10, 50)",
    "rsi(close, 14)",
    "bb_percent(close, 20)",
    "bb_width(close, 20)",
    "macd(close)",
    "macd_signal(close)",
    "macd_hist(close)",
    "natr(14)",
    "std(logret(close, 1), {12, 36, 144})",
    "realised_vol(close, 12) / realised_vol(close, 144)",
    "vwap_dev({12, 48, 288})",
    "session_vwap_dev(288)",
    "logret(close, {1, 3, 6, 12, 24, 48})",
    "lag(logret(close, 1), {1, 2, 3, 6, 12})",
    "zscore(volume, {48, 288})",
    "sma(volume, 12) / sma(volume, 144)",
    "volume_ratio({12, 288})",
    "zscore(close, {48, 288})",
    "hour_sin()",
    "hour_cos()",
)
FROM_COUNTS: Final = {
    "volume_ratio({12, 288})": "trades_ratio({12, 288})",
    "sma(volume, 12) / sma(volume, 144)": "sma(trades, 12) / sma(trades, 144)",
}
"""Transaction trends from the column `count`, where candles have it; else what volume says of the same spans."""
