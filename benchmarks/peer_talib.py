"""Features of the standard set as TA-Lib and NumPy compute them, and as pandas-ta-classic does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import talib

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, Floats]
HLC = ("high", "low", "close")


def _of(
    function: str, columns: tuple[str, ...], *settings: float, output: int | None = None
) -> Callable[[Columns], Floats]:
    def call(given: Columns) -> Floats:
        made = getattr(talib, function)(*(given[name] for name in columns), *settings)
        return made if output is None else made[output]

    return call


def _bands(given: Columns) -> tuple[Floats, ...]:
    return talib.BBANDS(given["close"], 20, 2.0, 2.0)


def _bb_percent(given: Columns) -> Floats:
    upper, _, lower = _bands(given)
    return (given["close"] - lower) / (upper - lower)


def _bb_width(given: Columns) -> Floats:
    upper, middle, lower = _bands(given)
    return (upper - lower) / middle


def _macd(output: int) -> Callable[[Columns], Floats]:
    return lambda given: 100.0 * talib.MACD(given["close"], 12, 26, 9)[output] / given["close"]


def _ema_ratio(given: Columns) -> Floats:
    return talib.EMA(given["close"], 9) / talib.EMA(given["close"], 21) - 1.0


def _sma_ratio(given: Columns) -> Floats:
    return given["close"] / talib.SMA(given["close"], 20) - 1.0


def _zscore(given: Columns) -> Floats:
    return (given["close"] - talib.SMA(given["close"], 48)) / talib.STDDEV(given["close"], 48)


def _keltner(given: Columns) -> Floats:
    reach = talib.ATR(given["high"], given["low"], given["close"], 10)
    return (given["close"] - talib.EMA(given["close"], 20)) / (2.0 * reach)


def _donchian(given: Columns) -> Floats:
    top, bottom = talib.MAX(given["high"], 20)[:-1], talib.MIN(given["low"], 20)[:-1]
    return np.concatenate([[np.nan], (given["close"][1:] - bottom) / (top - bottom)])


def _volume_ratio(given: Columns) -> Floats:
    return given["volume"] / talib.SMA(given["volume"], 20)


def _cmf(given: Columns) -> Floats:
    spread = ((given["close"] - given["low"]) - (given["high"] - given["close"])) / (given["high"] - given["low"])
    return talib.SUM(spread * given["volume"], 20) / talib.SUM(given["volume"], 20)


TALIB: dict[str, Callable[[Columns], Floats]] = {
    "rsi(close, 14)": _of("RSI", ("close",), 14),
    "sma(close, 20)": _of("SMA", ("close",), 20),
    "ema(close, 20)": _of("EMA", ("close",), 20),
    "roc(close, 12)": _of("ROC", ("close",), 12),
    "willr(14)": _of("WILLR", HLC, 14),
    "stoch_k(14, 3)": _of("STOCH", HLC, 14, 3, 0, 3, 0, output=0),
    "stoch_d(14, 3, 3)": _of("STOCH", HLC, 14, 3, 0, 3, 0, output=1),
    "cci(20)": _of("CCI", HLC, 20),
    "mfi(14)": _of("MFI", (*HLC, "volume"), 14),
    "natr(14)": _of("NATR", HLC, 14),
    "adx(14)": _of("ADX", HLC, 14),
    "plus_di(14)": _of("PLUS_DI", HLC, 14),
    "minus_di(14)": _of("MINUS_DI", HLC, 14),
    "aroon_up(25)": _of("AROON", ("high", "low"), 25, output=1),
    "aroon_down(25)": _of("AROON", ("high", "low"), 25, output=0),
    "macd(close)": _macd(0),
    "macd_signal(close)": _macd(1),
    "macd_hist(close)": _macd(2),
    "bb_percent(close, 20)": _bb_percent,
    "bb_width(close, 20)": _bb_width,
    "sma_ratio(close, 20)": _sma_ratio,
    "ema_ratio(close, 9, 21)": _ema_ratio,
    "zscore(close, 48)": _zscore,
    "keltner_position(20, 10)": _keltner,
    "donchian_position(20)": _donchian,
    "volume_ratio(20)": _volume_ratio,
    "cmf(20)": _cmf,
    "highest(high, 55)": _of("MAX", ("high",), 55),
}


def classic(frame: pd.DataFrame) -> dict[str, Callable[[], Any]]:
    """Return what pandas-ta-classic has, each on its own, without TA-Lib underneath."""
    import pandas_ta_classic as ta

    o, h, lo, c, v = (frame[name] for name in ("open", "high", "low", "close", "volume"))
    plain = {"talib": False}
    return {
        "rsi(close, 14)": lambda: ta.rsi(c, 14, **plain),
        "sma(close, 20)": lambda: ta.sma(c, 20, **plain),
        "ema(close, 20)": lambda: ta.ema(c, 20, **plain),
        "roc(close, 12)": lambda: ta.roc(c, 12, **plain),
        "willr(14)": lambda: ta.willr(h, lo, c, 14, **plain),
        "stoch_k(14, 3)": lambda: ta.stoch(h, lo, c, 14, 3, 3),
        "cci(20)": lambda: ta.cci(h, lo, c, 20, **plain),
        "mfi(14)": lambda: ta.mfi(h, lo, c, v, 14, **plain),
        "natr(14)": lambda: ta.natr(h, lo, c, 14, **plain),
        "adx(14)": lambda: ta.adx(h, lo, c, 14),
        "aroon_up(25)": lambda: ta.aroon(h, lo, 25, **plain),
        "macd(close)": lambda: ta.macd(c, **plain),
        "bb_percent(close, 20)": lambda: ta.bbands(c, 20, 2, **plain),
        "zscore(close, 48)": lambda: ta.zscore(c, 48),
        "cmf(20)": lambda: ta.cmf(h, lo, c, v, o, 20),
        "skew(close, 48)": lambda: ta.skew(c, 48),
        "kurt(close, 48)": lambda: ta.kurtosis(c, 48),
        "donchian_position(20)": lambda: ta.donchian(h, lo, 20, 20),
        "efficiency_ratio(close, 12)": lambda: ta.er(c, 12),
    }
