"""The 84 order-book features, live and in batch: one state, one step, the same bits."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.data.market_events import MOST_UNITS, OFF_GRID, units
from crypto_team.errors import InputError
from crypto_team.features import kernels_micro_step as step
from crypto_team.features import microstructure_layout as at
from crypto_team.features.kernels_micro_book import empty
from crypto_team.features.kernels_micro_far import far_grow
from crypto_team.features.microstructure_columns import N_COLUMNS
from crypto_team.features.microstructure_events import (
    LONGEST_SILENCE_MS,
    BookMessage,
    Trade,
    bad_event,
    check_events,
    expect_near,
    timed,
)
from crypto_team.features.microstructure_settings import MicroSettings
from crypto_team.features.microstructure_stored import SMALLEST_BOOK, bucket_lots, problem
from crypto_team.features.microstructure_table import NAMES
from crypto_team.features.online_state import UNREADABLE, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.data.market_events import MarketEvents

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FORMAT: Final = "crypto-team microstructure state 2"
_SIDES, _TRADE_SIDES = (1, -1), (1, 0, -1)
_NOWHERE = (1, 0)


class OnlineMicrostructure:
    """Features of an order book and its trades, brought up to date with each event.

    Every method that takes an event returns `vector`, the 84 values in the order of `names`. It is one array that the
    next event overwrites: copy it to keep it. NaN means unknown; `MICROSTRUCTURE_84` says for each when. A crossed,
    locked or one-sided book makes the features of the book unknown and adds nothing to the windows.

    Parameters
    ----------
    settings
        Tick, lot and sizes of the market.
    """

    names: Final = NAMES

    def __init__(self, settings: MicroSettings) -> None:
        self.settings = settings
        self.vector: Floats = np.full(N_COLUMNS, np.nan)
        self._numbers: Floats = np.array(
            [
                settings.tick,
                settings.lot,
                *(
                    worth / (settings.tick * settings.lot)
                    for worth in (settings.large_1k, settings.large_10k, settings.large_100k)
                ),
            ]
        )
        self._state: Ints = np.zeros(at.FAR + 4 * SMALLEST_BOOK, dtype=np.int64)
        self._state[at.CAPACITY] = SMALLEST_BOOK
        self._state[at.BUCKET_LOTS] = bucket_lots(settings)
        for place in (at.TIME, at.BOOK_START, at.TRADE_START, at.MID2, at.WIDE_SINCE, at.LAST_PRICE, at.LAST_STEP):
            self._state[place] = at.UNKNOWN
        empty(self._state, True)
        self._near = _NOWHERE

    @property
    def time_ms(self) -> int | None:
        """Return the time of the last event, None before the first."""
        now = int(self._state[at.TIME])
        return None if now == at.UNKNOWN else now

    @property
    def unusable(self) -> int:
        """Return after how many messages the book was crossed, locked or one-sided."""
        return int(self._state[at.UNUSABLE])

    def update(self, event: BookMessage | Trade) -> Floats:
        """Take one event, whatever it is, and return the features after it."""
        if isinstance(event, Trade):
            return self.trade(event.time_ms, event.side, event.price, event.size)
        levels = (event.time_ms, event.sides, event.prices, event.sizes)
        return self.snapshot(*levels, after_gap=event.after_gap) if event.snapshot else self.message(*levels)

    def check(self, event: BookMessage | Trade) -> None:
        """Refuse an event as :meth:`update` would, and change nothing."""
        if isinstance(event, Trade):
            self._units(event.time_ms, event.price, event.size, known=event.side in _TRADE_SIDES, least=1)
            return
        self._now(event.time_ms)
        self._levels(event.sides, event.prices, event.sizes)

    def level(self, time_ms: int, side: int, price: float, size: float) -> Floats:
        """Take a message of one level: side 1 (bid) or -1 (ask), and its new size, 0 to remove it."""
        ticks, lots = self._units(time_ms, price, size, known=side in _SIDES, least=0)
        state = self._state
        if 2 * (max(state[at.FAR_BIDS], state[at.FAR_ASKS]) + at.LADDER) > state[at.CAPACITY]:
            state = self._grow()
        step.on_level(state, self._numbers, self.vector, int(time_ms), side, ticks, lots)
        return self.vector

    def trade(self, time_ms: int, side: int, price: float, size: float) -> Floats:
        """Take a trade: side 1 (the aggressor bought), -1 (sold) or 0 (unknown)."""
        ticks, lots = self._units(time_ms, price, size, known=side in _TRADE_SIDES, least=1)
        step.on_trade(self._state, self._numbers, self.vector, int(time_ms), side, ticks, lots)
        return self.vector

    def message(self, time_ms: int, sides: Sequence[int], prices: Sequence[float], sizes: Sequence[float]) -> Floats:
        """Take a message of several levels; features are those after its last one."""
        now = self._now(time_ms)
        side, price, size = self._levels(sides, prices, sizes)
        done = 0
        while done < price.size:
            done = step.on_levels(self._state, side, price, size, done)
            if done < price.size:
                self._grow()
        step.on_book(self._state, self._numbers, self.vector, now)
        return self.vector

    def _levels(
        self, sides: Sequence[int], prices: Sequence[float], sizes: Sequence[float]
    ) -> tuple[npt.NDArray[np.int8], Ints, Ints]:
        """Return levels in ticks and lots or say what is wrong with them, before anything has changed."""
        try:
            side, paid, held = (np.asarray(item, dtype=np.float64) for item in (sides, prices, sizes))
        except (TypeError, ValueError):
            raise InputError("sides, prices and sizes are rows of numbers", where="message") from None
        price = units(paid, self.settings.tick, "price", "message")
        size = units(held, self.settings.lot, "qty", "message")
        if side.ndim != 1 or not side.shape == price.shape == size.shape or bool((np.abs(side) != 1.0).any()):
            raise InputError("a message needs a side (1 or -1), a price and a size for each level", where="message")
        if bool((price < 1).any() or (size < 0).any()):
            raise InputError("a price is not positive or a size negative", where="message")
        return side.astype(np.int8), price, size

    def snapshot(
        self,
        time_ms: int,
        sides: Sequence[int],
        prices: Sequence[float],
        sizes: Sequence[float],
        *,
        after_gap: bool = True,
    ) -> Floats:
        """Take a whole book. After a gap the windows of the book start anew; otherwise it continues what was there."""
        self._now(time_ms)
        self._levels(sides, prices, sizes)
        empty(self._state, after_gap)
        return self.message(time_ms, sides, prices, sizes)

    def gap(self, time_ms: int) -> Floats:
        """Note that messages are missing: the book is unknown until the next snapshot."""
        return self.snapshot(time_ms, (), (), ())

    def advance(self, time_ms: int) -> Floats:
        """Let time pass without an event: windows move on, and what has left them counts no more."""
        step.on_book(self._state, self._numbers, self.vector, self._now(time_ms))
        return self.vector

    def replay(self, events: MarketEvents, out: Floats | None = None) -> Floats:
        """Take events and return the features after each message, shape (messages, 84); the state goes on from here.

        Parameters
        ----------
        events
            In time order.
        out
            Where to write, at least a row for each message; reusing it saves the time that new memory takes.
        """
        check_events(events)
        if len(events):
            self._now(events.time[0])
        self._near = _NOWHERE
        rows = int(events.last.sum())
        if out is None:
            out = np.empty((rows, N_COLUMNS))
        elif out.shape[0] < rows or out.shape[1:] != (N_COLUMNS,) or not out.flags.c_contiguous:
            raise InputError(f"the buffer is no contiguous array of {rows} rows and {N_COLUMNS} columns", where="out")
        arrays = (events.time, events.kind, events.side, events.price, events.size, events.last)
        done = written = 0
        while done < len(events):
            done, more = step.replay(self._state, self._numbers, arrays, self.vector, out[written:], done)
            written += more
            if done < len(events):
                self._grow()
        return out[:rows]

    def warm(self, events: MarketEvents) -> Floats:
        """Take history and return the features after it: as `replay`, without keeping what was between."""
        for start in range(0, len(events), 1 << 16):
            self.replay(events.part(start, start + (1 << 16)))
        return self.vector

    def save(self) -> bytes:
        """Return the whole state; `restore` continues from it bit for bit."""
        stored = io.BytesIO()
        head = json.dumps({"format": FORMAT, "names": NAMES, "settings": asdict(self.settings)})
        pack(stored, {"head": np.frombuffer(head.encode(), np.uint8), "state": self._state, "vector": self.vector})
        return stored.getvalue()

    @classmethod
    def restore(cls, data: bytes) -> OnlineMicrostructure:
        """Return what `save` stored.

        Raises
        ------
        InputError
            The bytes are damaged, of something else, or of another version.
        """
        try:
            stored = unpack(io.BytesIO(data))
            head: dict[str, Any] = json.loads(stored["head"].tobytes())
            state, vector, version = stored["state"], stored["vector"], (head["format"], tuple(head["names"]))
            settings = MicroSettings(**head["settings"])
        except (InputError, *UNREADABLE) as found:
            raise _bad_state(str(found)) from None
        if version != (FORMAT, NAMES):
            raise _bad_state("it was stored by another version")
        made, odd = cls(settings), problem(state, settings)
        if odd is not None:
            raise _bad_state(odd)
        if vector.shape != made.vector.shape or vector.dtype != np.float64:
            raise _bad_state("its vector has another length")
        made._state, made.vector = state, vector
        return made

    def _now(self, time_ms: int) -> int:
        """Return the time of an event, or refuse one that is none or too far from that of the last event.

        Times in `_near`, 15 days around one of an earlier event, are never too far from each other: most need no more.
        """
        if type(time_ms) is int and self._near[0] <= time_ms <= self._near[1]:
            return time_ms
        now, before = timed(time_ms), self.time_ms
        if before is not None:
            expect_near(before, now)
            self._near = (before - LONGEST_SILENCE_MS // 2, before + LONGEST_SILENCE_MS // 2)
        return now

    def _units(self, time_ms: int, price: float, size: float, *, known: bool, least: int) -> tuple[int, int]:
        """Return a price in ticks and a size in lots, not below `least`; `known`: the side is one."""
        self._now(time_ms)
        try:
            counted, sized = price / self.settings.tick, size / self.settings.lot
            fits = known and 0.0 < counted <= MOST_UNITS and 0.0 <= sized <= MOST_UNITS and (size > 0.0 or not least)
        except TypeError:
            fits = False
        if not fits:
            raise bad_event(price, size)
        ticks, lots = round(counted), round(sized)
        if abs(counted - ticks) > OFF_GRID or abs(sized - lots) > OFF_GRID or ticks < 1 or lots < least:
            raise InputError(
                f"price {price!r} or size {size!r} is off the grid",
                where="event",
                hint=f"multiples of {self.settings.tick:g} and {self.settings.lot:g} are expected",
            )
        return ticks, lots

    def _grow(self) -> Ints:
        """Double the room behind the ladders."""
        before = self._state
        room = 2 * int(before[at.CAPACITY])
        made = np.zeros(at.FAR + 4 * room, dtype=np.int64)
        made[: at.FAR] = before[: at.FAR]
        made[at.CAPACITY] = room
        far_grow(before, made)
        self._state = made
        return made


def _bad_state(problem: str) -> InputError:
    return InputError(f"this is no stored state: {problem}", where="state", hint="warm up from history instead")


__all__ = ["BookMessage", "MicroSettings", "OnlineMicrostructure", "Trade"]
