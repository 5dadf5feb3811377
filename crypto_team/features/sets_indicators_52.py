"""Fifty-two indicators on candles: trend, momentum, volatility, volume, price action."""

from __future__ import annotations

from typing import Final

FORMULAS: Final = (
    "close / ema(close, {9, 21, 50}) - 1",
    "ema_ratio(close, 9, 21)",
    "ema_ratio(close, 9, 50)",
    "ema_ratio(close, 21, 50)",
    "macd(close)",
    "macd_signal(close)",
    "macd_hist(close)",
    "adx(14)",
    "plus_di(14)",
    "minus_di(14)",
    "rsi(close, {7, 14, 21})",
    "stoch_k(14, 3)",
    "stoch_d(14, 3, 3)",
    "roc(close, {1, 5, 10, 20, 60})",
    "bb_percent(close, 20)",
    "bb_width(close, 20)",
    "true_range() / close",
    "natr(14)",
    "std(logret(close, 1), {10, 20, 60})",
    "std(close, 60) / close",
    "sma(volume, {20, 60})",
    "volume_ratio({20, 60})",
    "vwap_dev({20, 60})",
    "body_ratio()",
    "upper_wick()",
    "lower_wick()",
    "sma(body_ratio(), 10)",
    "(high - low) / close",
    "(close - open) / open",
    "logret(close, {2, 5, 10, 60})",
    "sma(volume, 5) / sma(volume, 20)",
    "obv_change(24)",
    "zscore(volume, 60)",
    "donchian_position(20)",
    "hour_sin()",
    "hour_cos()",
)
FROM_COUNTS: Final = {
    "sma(volume, 5) / sma(volume, 20)": "sma(trades, 5) / sma(trades, 20)",
    "obv_change(24)": "trades_ratio(20)",
    "zscore(volume, 60)": "trade_size_ratio(60)",
}
"""Transaction trends, where candles count their trades; else what volume says of the same spans."""
