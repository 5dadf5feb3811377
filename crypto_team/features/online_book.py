"""Order-book features among features of bars: after every event, and as they stood at the close of each bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crypto_team.features.microstructure import OnlineMicrostructure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crypto_team.data.market_events import MarketEvents
    from crypto_team.features.microstructure import BookMessage, MicroSettings, Trade
    from crypto_team.features.online_bars import Floats, State

_NEVER = -1


class BookFeed:
    """The state of a book, cut at the closes of bars exactly as `book_bars` cuts a recording."""

    def __init__(self, settings: MicroSettings, step: int) -> None:
        self.micro = OnlineMicrostructure(settings)
        self.step = step
        self._close = _NEVER
        self._busy = False
        self._rows: list[tuple[int, Floats]] = []

    def take(self, event: BookMessage | Trade) -> Floats:
        """Take an event; return the features after it, an array that the next event overwrites."""
        if self._close == _NEVER:
            self._close = (event.time_ms // self.step + 1) * self.step
        self._roll(event.time_ms)
        self._busy = True
        return self.micro.update(event)

    def warm(self, events: MarketEvents) -> None:
        """Take a recording."""
        start = 0
        if len(events) and self._close == _NEVER:
            self._close = (int(events.time[0]) // self.step + 1) * self.step
        while start < len(events):
            end = int(np.searchsorted(events.time, self._close))
            if end > start:
                self.micro.warm(events.part(start, end))
                self._busy = True
            start = end
            if start < len(events):
                self._finish()

    def rows_until(self, close: int) -> Iterator[tuple[int, Floats]]:
        """Yield close and features of each bar that is over by a time, in which nothing came: unknown."""
        if self._close != _NEVER:
            self._roll(close)
        ready = [row for row in self._rows if row[0] <= close]
        self._rows = self._rows[len(ready) :]
        yield from ready

    def _roll(self, time: int) -> None:
        while time >= self._close:
            self._finish()

    def _finish(self) -> None:
        """Note the features at the close of the bar that is over."""
        vector = self.micro.advance(self._close - 1) if self._busy else np.full(len(self.micro.names), np.nan)
        self._rows.append((self._close, vector.copy()))
        self._close += self.step
        self._busy = False

    def state(self) -> State:
        """Return the book, its windows and the bars that nobody has asked for."""
        return {
            "micro": np.frombuffer(self.micro.save(), dtype=np.uint8),
            "closes": np.array([self._close, int(self._busy), *(close for close, _ in self._rows)], dtype=np.int64),
            "rows": np.array([row for _, row in self._rows]).reshape(len(self._rows), len(self.micro.names)),
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""
        self.micro = OnlineMicrostructure.restore(state["micro"].tobytes())
        self._close, self._busy = int(state["closes"][0]), bool(state["closes"][1])
        self._rows = [(int(close), row) for close, row in zip(state["closes"][2:], state["rows"], strict=True)]
