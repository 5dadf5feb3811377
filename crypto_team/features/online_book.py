"""Order-book features among features of bars: after every event, and as they stood at the close of each bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.features.microstructure import OnlineMicrostructure
from crypto_team.features.microstructure_events import check_events, timed
from crypto_team.features.microstructure_layout import UNKNOWN
from crypto_team.features.online_state import expect, no_state
from crypto_team.features.surroundings import STALE_BARS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crypto_team.data.market_events import MarketEvents
    from crypto_team.features.microstructure import BookMessage, MicroSettings, Trade
    from crypto_team.features.online_bars import Floats, State

NEVER: Final = UNKNOWN
LONG: Final = STALE_BARS + 2
"""After so many bars without an event those in between need no rows: the last of them are as unknown as all."""


class BookFeed:
    """The state of a book, cut at the closes of bars exactly as `book_bars` cuts a recording."""

    def __init__(self, settings: MicroSettings, step: int) -> None:
        self.micro = OnlineMicrostructure(settings)
        self.step = step
        self._close = NEVER
        self._busy = False
        self._rows: list[tuple[int, Floats]] = []

    def take(self, event: BookMessage | Trade) -> Floats:
        """Take an event; return the features after it, an array that the next event overwrites."""
        timed(event.time_ms)
        if event.time_ms >= self._close:
            self.micro.check(event)  # what is refused must not have moved the clock
            if self._close == NEVER:
                self._close = (event.time_ms // self.step + 1) * self.step
            self._roll(event.time_ms)
        vector = self.micro.update(event)
        self._busy = True
        return vector

    def warm(self, events: MarketEvents) -> None:
        """Take a recording."""
        check_events(events)
        start = 0
        if len(events) and self._close == NEVER:
            self._close = (int(events.time[0]) // self.step + 1) * self.step
        while start < len(events):
            self._roll(int(events.time[start]))
            end = int(np.searchsorted(events.time, self._close))
            self.micro.warm(events.part(start, end))
            start, self._busy = end, True

    def rows_until(self, close: int) -> Iterator[tuple[int, Floats]]:
        """Yield close and features of each bar that is over by a time, in which nothing came: unknown."""
        if self._close != NEVER:
            self._roll(close)
        ready = [row for row in self._rows if row[0] <= close]
        self._rows = self._rows[len(ready) :]
        yield from ready

    def _roll(self, time: int) -> None:
        while time >= self._close:
            self._finish()
            if time - self._close > LONG * self.step:
                self._finish()
                self._close = time // self.step * self.step

    def _finish(self) -> None:
        """Note the features at the close of the bar that is over."""
        vector = self.micro.advance(self._close - 1) if self._busy else np.full(len(self.micro.names), np.nan)
        self._rows.append((self._close, vector.copy()))
        self._close += self.step
        self._busy = False

    def copy(self, state: State | None = None) -> BookFeed:
        """Return one that goes on from here, or from another state of the same market."""
        made = BookFeed(self.micro.settings, self.step)
        made.restore(self.state() if state is None else state)
        return made

    def state(self) -> State:
        """Return the book, its windows and the bars that nobody has asked for."""
        return {
            "micro": np.frombuffer(self.micro.save(), dtype=np.uint8),
            "closes": np.array([self._close, int(self._busy), *(close for close, _ in self._rows)], dtype=np.int64),
            "rows": np.array([row for _, row in self._rows]).reshape(len(self._rows), len(self.micro.names)),
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned.

        Raises
        ------
        InputError
            It is of another market, or the clock of the bars and that of the book do not go together.
        """
        micro = OnlineMicrostructure.restore(state["micro"].tobytes())
        if micro.settings != self.micro.settings:
            raise no_state("its book is that of another market")
        closes = expect(state["closes"], np.int64, (None,), "closes of bars")
        rows = expect(state["rows"], np.float64, (max(0, closes.size - 2), len(micro.names)), "rows of the book")
        close, busy, ready = int(closes[0]), int(closes[1]), closes[2:]
        now = NEVER if micro.time_ms is None else micro.time_ms
        ends = np.append(ready, close)
        begun = close != NEVER and now < close and not (ends % self.step).any() and (np.diff(ends) > 0).all()
        if busy not in {0, 1} or not (begun or (closes.size == 2 and close == now == NEVER)):
            raise no_state("the clock of its bars is not that of its book")
        self.micro, self._close, self._busy = micro, close, bool(busy)
        self._rows = [(int(time), row) for time, row in zip(ready, rows, strict=True)]
