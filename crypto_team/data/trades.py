"""Trades of a market: reading them in canonical form, and as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from crypto_team.data.columns import find_columns, finite, refuse, utc_times
from crypto_team.data.frame import epoch_ms
from crypto_team.data.market_events import TRADE, MarketEvents, units
from crypto_team.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

TRADE_COLUMNS: Final = ("timestamp", "price", "qty")
_ALIASES: Final = {
    "timestamp": ("timestamp", "time", "trade_time", "date", "ts"),
    "price": ("price", "px"),
    "qty": ("qty", "amount", "size", "quantity", "volume"),
    "trade_id": ("trade_id", "id", "agg_trade_id", "tid"),
    "side": ("side", "aggressor", "taker_side"),
    "is_buyer_maker": ("is_buyer_maker", "isbuyermaker", "buyer_maker", "m"),
}
_SIDES: Final = {"buy": 1, "b": 1, "bid": 1, "1": 1, "1.0": 1, "sell": -1, "s": -1, "ask": -1, "-1": -1, "-1.0": -1}
_UNKNOWN: Final = {"", "nan", "none", "<na>", "0", "0.0", "unknown"}


def canonical_trades(frame: pd.DataFrame, *, where: str, repair: bool = False) -> pd.DataFrame:
    """Return trades in canonical form or say exactly which row cannot be used.

    Parameters
    ----------
    frame
        Columns timestamp, price, qty (or their usual other names); side (1/-1, buy/sell: the aggressor) or
        is_buyer_maker where the exchange says it; trade_id where there is one.
    where
        Name of the source, for messages.
    repair
        Sort the rows and drop repeated trade ids instead of refusing them.

    Returns
    -------
    DataFrame
        timestamp (datetime64[ms, UTC]), trade_id (int64, -1 where there is none), price and qty (float64, positive),
        side (int8: 1 bought, -1 sold by the aggressor, 0 unknown); sorted by time, ids unique.

    Raises
    ------
    InputError
        Missing columns, unreadable values, prices or sizes that are not positive, disorder, repeated ids.
    """
    named = find_columns(frame, TRADE_COLUMNS, ("trade_id", "side", "is_buyer_maker"), _ALIASES, where)
    made = pd.DataFrame(
        {
            "timestamp": utc_times(named["timestamp"], where),
            "trade_id": _ids(named, where),
            "price": finite(named["price"], "price", where),
            "qty": finite(named["qty"], "qty", where),
            "side": _sides(named, where),
        }
    )
    for name in ("price", "qty"):
        refuse(made[name].to_numpy() <= 0.0, f"{name} is not positive", where)
    return _ordered(made, where, repair=repair)


def _ids(named: pd.DataFrame, where: str) -> npt.NDArray[np.int64]:
    if "trade_id" not in named:
        return np.full(len(named), -1, dtype=np.int64)
    values = pd.to_numeric(named["trade_id"], errors="coerce")
    refuse(values.isna().to_numpy(), "trade_id is not a whole number", where)
    return values.to_numpy(np.int64)


def _sides(named: pd.DataFrame, where: str) -> npt.NDArray[np.int8]:
    """Read the aggressor's side; a buyer who made the price means that the seller was the aggressor."""
    if "side" in named:
        words = named["side"].astype(str).str.strip().str.lower()
        known = words.map(_SIDES)
        refuse((known.isna() & ~words.isin(_UNKNOWN)).to_numpy(), "side is neither buy nor sell nor unknown", where)
        return known.fillna(0).to_numpy().astype(np.int8)
    if "is_buyer_maker" in named:
        words = named["is_buyer_maker"].astype(str).str.strip().str.lower()
        maker = words.map({"true": -1, "false": 1, "1": -1, "0": 1, "1.0": -1, "0.0": 1})
        refuse(maker.isna().to_numpy(), "is_buyer_maker is neither true nor false", where)
        return maker.to_numpy().astype(np.int8)
    return np.zeros(len(named), dtype=np.int8)


def _ordered(frame: pd.DataFrame, where: str, *, repair: bool) -> pd.DataFrame:
    if repair:
        frame = frame.sort_values(["timestamp", "trade_id"], kind="stable", ignore_index=True)
    epoch = epoch_ms(frame["timestamp"])
    back = np.flatnonzero(np.diff(epoch) < 0)
    if back.size:
        raise InputError(
            f"times run backwards {back.size} time(s), first at row {back[0] + 2}",
            where=where,
            hint="sort the file, or import with --repair",
        )
    twice = (frame["trade_id"] >= 0) & frame["trade_id"].duplicated()
    if not twice.any():
        return frame
    compared = frame[frame["trade_id"] >= 0].drop_duplicates(["timestamp", "trade_id", "price", "qty", "side"])
    refuse(
        compared["trade_id"].duplicated().to_numpy(), "the same trade_id stands for different trades", where, rows=False
    )
    if not repair:
        refuse(twice.to_numpy(), "trade_id is repeated", where, hint="import with --repair to drop repetitions")
    return frame[~twice].reset_index(drop=True)


def trade_events(frame: pd.DataFrame, *, tick: float, lot: float, where: str = "trades") -> MarketEvents:
    """Return canonical trades as events; every trade is a message of its own."""
    count = len(frame)
    return MarketEvents(
        time=epoch_ms(frame["timestamp"]),
        kind=np.full(count, TRADE, dtype=np.int8),
        side=frame["side"].to_numpy(np.int8),
        price=units(frame["price"].to_numpy(np.float64), tick, "price", where),
        size=units(frame["qty"].to_numpy(np.float64), lot, "qty", where),
        last=np.ones(count, dtype=np.int8),
    )
