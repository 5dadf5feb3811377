"""Order-book files: reading snapshots and differences, checking their sequence, and turning them into events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from crypto_team.data.columns import find_columns, finite, refuse, utc_times
from crypto_team.data.frame import epoch_ms
from crypto_team.data.market_events import CLEAR, LEVEL, RESET, MarketEvents, units
from crypto_team.data.sequence import BROKEN, SequenceReport, check_sequence

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

BOOK_COLUMNS: Final = ("timestamp", "last_id", "kind", "side", "price", "qty")
NO_ID: Final = -1
_MOST_IDS: Final = 2.0**63
_WELCOME: Final = ("first_id", "prev_id")
_ALIASES: Final = {
    "timestamp": ("timestamp", "time", "event_time", "ts"),
    "last_id": ("last_id", "final_update_id", "u", "update_id", "sequence"),
    "first_id": ("first_id", "first_update_id"),
    "prev_id": ("prev_id", "pu", "previous_id"),
    "kind": ("kind", "type", "update_type"),
    "qty": ("qty", "amount", "size", "quantity"),
}
_KINDS: Final = {"snapshot": True, "snap": True, "delta": False, "diff": False, "update": False, "set": False}
_SIDES: Final = {"1": 1, "bid": 1, "b": 1, "buy": 1, "-1": -1, "ask": -1, "a": -1, "sell": -1, "s": -1, "offer": -1}


def canonical_book(frame: pd.DataFrame, *, where: str, repair: bool = False) -> pd.DataFrame:
    """Return levels of an order book in canonical form or say exactly which row cannot be used.

    Parameters
    ----------
    frame
        One row for each level of each message: timestamp (of the exchange), last_id, kind (snapshot or delta), side
        (1/-1, bid/ask), price, qty (the new size, 0 removes the level); first_id and prev_id where the feed has them.
        The rows of a message stand together.
    where
        Name of the source, for messages.
    repair
        Put differences back into the order of their ids; snapshots stay where they are.

    Returns
    -------
    DataFrame
        timestamp (datetime64[ms, UTC]), first_id, last_id, prev_id (int64, -1 where there is none), snapshot (bool),
        side (int8), price and qty (float64); in the order of the file.

    Raises
    ------
    InputError
        Missing columns, unreadable values, prices that are not positive, negative sizes.
    """
    named = find_columns(frame, BOOK_COLUMNS, _WELCOME, _ALIASES, where)
    price, qty = finite(named["price"], "price", where), finite(named["qty"], "qty", where)
    refuse(price <= 0.0, "price is not positive", where)
    refuse(qty < 0.0, "qty is negative", where, hint="0 removes a level; a size is never negative")
    last = _ids(named, "last_id", where)
    refuse(last < 0, "last_id is missing", where, hint="without it nobody can know whether messages are missing")
    made = pd.DataFrame(
        {
            "timestamp": utc_times(named["timestamp"], where),
            "first_id": _ids(named, "first_id", where),
            "last_id": last,
            "prev_id": _ids(named, "prev_id", where),
            "snapshot": _mapped(named["kind"], _KINDS, "kind is neither snapshot nor delta", where).astype(bool),
            "side": _mapped(named["side"], _SIDES, "side is neither bid nor ask", where).astype(np.int8),
            "price": price,
            "qty": qty,
        }
    )
    if not repair:
        return made
    order, deltas = np.arange(len(made)), np.flatnonzero(~made["snapshot"].to_numpy(bool))
    order[deltas] = deltas[np.argsort(last[deltas], kind="stable")]
    return made.iloc[order].reset_index(drop=True)


def _ids(named: pd.DataFrame, name: str, where: str) -> Ints:
    if name not in named:
        return np.full(len(named), NO_ID, dtype=np.int64)
    values = pd.to_numeric(named[name], errors="coerce")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = (np.floor(numbers) == numbers) & (np.abs(numbers) < _MOST_IDS)
    refuse(named[name].notna().to_numpy(bool) & ~whole, f"{name} is not a whole number", where)
    return values.astype("Int64").fillna(NO_ID).to_numpy().astype(np.int64)


def _mapped(values: pd.Series[Any], words: dict[str, Any], problem: str, where: str) -> npt.NDArray[Any]:
    codes, distinct = pd.factorize(values.astype(str).str.strip().str.lower())
    known = [words.get(word.removesuffix(".0")) for word in distinct]
    bad = np.array([item is None for item in known], dtype=bool)
    refuse(bad[codes], problem, where)
    return np.array(known)[codes]


def book_events(
    frame: pd.DataFrame, *, tick: float, lot: float, where: str = "book"
) -> tuple[MarketEvents, SequenceReport]:
    """Return the events of a canonical book in an order that can be applied, and what was wrong with the sequence.

    A snapshot may come later than differences that follow it: those are kept and applied after it. Differences that a
    snapshot already contains, repetitions and stale messages are left out. Where messages are missing the book is
    emptied (RESET) and nothing is known until the next snapshot. Times never decrease: a message that carries an
    earlier time than the one before counts at that one's.

    Parameters
    ----------
    frame
        As `canonical_book` returns it.
    tick, lot
        Smallest steps of prices and sizes.
    where
        Name of the source, for messages.

    Raises
    ------
    InputError
        A price or size off the grid; no snapshot at all.
    """
    price = units(frame["price"].to_numpy(np.float64), tick, "price", where)
    size = units(frame["qty"].to_numpy(np.float64), lot, "qty", where)
    starts, stops = _messages(frame)
    snapshot = frame["snapshot"].to_numpy(bool)[starts]
    ids = tuple(frame[name].to_numpy(np.int64)[starts] for name in ("first_id", "last_id", "prev_id"))
    order, report = check_sequence(ids, snapshot, where=where)
    times = epoch_ms(frame["timestamp"])
    parts = [_message(entry, starts, stops, snapshot) for entry in order]
    rows = np.concatenate([rows for rows, _ in parts])
    kinds = np.concatenate([kinds for _, kinds in parts])
    levels = kinds == LEVEL
    last = np.concatenate([_ends(rows.size) for rows, _ in parts])
    events = MarketEvents(
        time=np.maximum.accumulate(times[rows]),
        kind=kinds,
        side=np.where(levels, frame["side"].to_numpy(np.int8)[rows], 0).astype(np.int8),
        price=np.where(levels, price[rows], 0),
        size=np.where(levels, size[rows], 0),
        last=last,
    )
    return events, report


def _messages(frame: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return where each message begins and ends: rows of one id and kind that stand together."""
    last, snapshot = frame["last_id"].to_numpy(), frame["snapshot"].to_numpy()
    changes = np.flatnonzero((np.diff(last) != 0) | (np.diff(snapshot.astype(np.int8)) != 0)) + 1
    return np.concatenate([[0], changes]).astype(np.int64), np.concatenate([changes, [len(frame)]]).astype(np.int64)


def _message(
    entry: tuple[int, int], starts: Ints, stops: Ints, snapshot: npt.NDArray[np.bool_]
) -> tuple[Ints, npt.NDArray[np.int8]]:
    """Return the rows and kinds of events of one message; a snapshot empties the book before it fills it."""
    message, state = entry
    rows = np.arange(starts[message], stops[message], dtype=np.int64)
    kinds = np.full(rows.size, LEVEL, dtype=np.int8)
    if state == BROKEN:
        return rows[:1], np.array([RESET], dtype=np.int8)
    if snapshot[message]:
        first = np.array([state], dtype=np.int8)
        return np.concatenate([rows[:1], rows]), np.concatenate([first, kinds])
    return rows, kinds


def _ends(count: int) -> npt.NDArray[np.int8]:
    made = np.zeros(count, dtype=np.int8)
    made[-1] = 1
    return made


__all__ = ["BOOK_COLUMNS", "CLEAR", "SequenceReport", "book_events", "canonical_book"]
