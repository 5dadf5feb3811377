"""Columns of candles that not every source has: what they are called, and what they may hold.

They are kept where a file has them, formulas read them by name, and a file without them is what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from crypto_team.data.columns import refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

OPTIONAL: Final = ("quote_volume", "trades", "taker_buy_volume", "vwap")
ALIASES: Final = {
    "quote_volume": ("quote_volume", "quote_asset_volume", "volume_quote", "turnover"),
    "trades": ("trades", "trade_count", "number_of_trades", "num_trades", "transactions", "count"),
    "taker_buy_volume": ("taker_buy_volume", "taker_buy_base_volume", "taker_buy_base_asset_volume"),
    "vwap": ("vwap", "vw"),
}
_LEAVE_OUT: Final = "fetch the data again, or leave the column out: candles do not need it"
ROUNDING: Final = 1e-4
"""Sources publish averages with fewer decimals than prices: so much of the price is no contradiction."""


def optional_columns(
    frame: pd.DataFrame, candles: Mapping[str, Floats], where: str
) -> dict[str, npt.NDArray[np.float64]]:
    """Return those optional columns that a table of candles has and fills.

    Parameters
    ----------
    frame
        The table as it is, one row for each candle.
    candles
        Volume and close of the same rows.
    where
        Name of the source, for messages.

    Returns
    -------
    dict
        float64 arrays by canonical name. The vwap of a bar without volume is its close: nothing was traded at any
        other price. A column without a single number is taken as not there.

    Raises
    ------
    InputError
        A value that is missing, infinite or negative, an average price of zero where there was volume.
    """
    there: dict[str, int] = {}
    for place, name in enumerate(map(str, frame.columns)):
        there.setdefault(name.strip().lower(), place)
    made: dict[str, Any] = {}
    for name in OPTIONAL:
        match = next((there[alias] for alias in ALIASES[name] if alias in there), None)
        if match is None:
            continue
        values = pd.to_numeric(frame.iloc[:, match], errors="coerce").to_numpy(np.float64)
        if np.isnan(values).all():
            continue
        silent = candles["volume"] == 0.0
        if name == "vwap":
            values = np.where(silent, candles["close"], values)
            refuse(values == 0.0, "a vwap of zero in a bar with volume", where, hint=_LEAVE_OUT)
        else:
            values = np.where(silent & np.isnan(values), 0.0, values)
        refuse(~np.isfinite(values), f"{name} is not a finite number", where, hint=_LEAVE_OUT)
        refuse(values < 0.0, f"{name} is negative", where, hint=_LEAVE_OUT)
        made[name] = values
    return made


def unfilled(name: str, values: Floats, filled: npt.NDArray[np.bool_], close: Floats) -> Floats:
    """Return an optional column on a complete grid: bars that are filled in have no trades, and the close as vwap."""
    return np.where(filled, close if name == "vwap" else 0.0, values)


def contradictions(frame: pd.DataFrame, names: Collection[str] = OPTIONAL) -> npt.NDArray[np.bool_]:
    """Mark bars in which some of the optional columns contradict the others.

    An average price outside the range of the bar, more bought by takers than was traded, trades without volume, or
    volume without a trade.
    """
    volume = frame["volume"].to_numpy(np.float64)
    bad = np.zeros(len(frame), dtype=bool)
    there = set(names) & set(map(str, frame.columns))
    if "vwap" in there:
        vwap, slack = frame["vwap"].to_numpy(np.float64), ROUNDING * frame["close"].to_numpy(np.float64)
        bad |= (vwap > frame["high"].to_numpy(np.float64) + slack) | (vwap < frame["low"].to_numpy(np.float64) - slack)
    if "taker_buy_volume" in there:
        bad |= frame["taker_buy_volume"].to_numpy(np.float64) > volume * (1.0 + ROUNDING)
    if "trades" in there:
        bad |= (frame["trades"].to_numpy(np.float64) > 0.0) != (volume > 0.0)
    return bad
