"""Features bar by bar: the same programs as over a history, with their state kept between the bars.

After `warm_up(history)` and any number of `update(bar)`, the vector is bit for bit the last row of the float64 values
over the same bars, because both are the same steps on the same state; only the length of a block differs. That holds
for composed formulas too, with what was known at each bar's close: bars of other pairs that have closed by then, values
of series that were known, the order book as it stood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.data.market_events import MarketEvents
from crypto_team.errors import InputError
from crypto_team.features.formula import parse
from crypto_team.features.microstructure import BookMessage, MicroSettings, Trade
from crypto_team.features.nodes import canonical_text
from crypto_team.features.online_book import BookFeed
from crypto_team.features.online_builder import Builder, fitted_parts
from crypto_team.features.online_document import formulas_of
from crypto_team.features.online_events import (
    SeriesValue,
    bar_of,
    bars_of,
    checked,
    expect_kind,
    expect_next,
    milliseconds,
    number,
)
from crypto_team.features.online_frames import named, under
from crypto_team.features.online_state import UNREADABLE, expect, no_state, read, write
from crypto_team.features.scopes import SERIES, TIMEFRAMES
from crypto_team.features.surroundings import Frame, SeriesKey, Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from crypto_team.features.plan import Plan

Floats = npt.NDArray[np.float64]
FORMAT: Final = 4
BOOK: Final = "series"


class OnlineFeatures:
    """Computes the formulas of a feature set for one pair, one bar, book event, trade or published value at a time.

    Parameters
    ----------
    features
        Path of a `features.yaml`, or formulas without sweeps: one, or a list.
    names
        Names of the features; those of the document, or the formulas themselves.
    timeframe
        Length of the bars that come in; needed where a formula reads another timeframe, pair, series or the book.
    pair
        The pair of the bars, as formulas would call it.
    fitted
        Fitted features of a fold by name: kind, settings and parameters, as the fold's file holds them. A fitted
        feature that is not among them is NaN.
    book
        Tick, lot and sizes of the market, where formulas read the book or events of it come in.

    How long the last value of a series counts is judged as that of a stored one is, by the values known by then: three
    usual steps, at least a day.
    """

    def __init__(
        self,
        features: Path | str | Sequence[str],
        names: Sequence[str] | None = None,
        *,
        timeframe: str | None = None,
        pair: str = "",
        fitted: Mapping[str, Mapping[str, Any]] | None = None,
        book: MicroSettings | None = None,
    ) -> None:
        found, self.names = formulas_of(features, names)
        if timeframe is not None and timeframe not in TIMEFRAMES:
            raise InputError(
                f"unknown timeframe {timeframe!r}", where="timeframe", hint=f"one of {', '.join(TIMEFRAMES)}"
            )
        self.pair = pair
        self.step = TIMEFRAMES[timeframe] if timeframe else 0
        nodes = [parse(text, timeframe) for text in found]
        self._builder = Builder(self.step, fitted_parts(dict(zip(self.names, nodes, strict=True)), fitted or {}))
        self._root = self._builder.cell(nodes, pair, self.step)
        self._series = self._builder.series
        self._book = BookFeed(book, self._bar_length("the book")) if book else None
        self._last = np.full(len(nodes), np.nan)
        self._live = {
            row: list(self._book.micro.names).index(node.texts[0])
            for row, node in enumerate(nodes)
            if self._book and node.kind == "series" and SERIES[node.name].columns
        }

    @property
    def plan(self) -> Plan:
        """Return the plan of the formulas on the bars of the own pair."""
        return self._root.engine.plan

    @property
    def lookback(self) -> int:
        """Return the longest look-back in bars."""
        return max(self.plan.lookback, default=0)

    @property
    def bars(self) -> int:
        """Return how many bars have been seen."""
        return self._root.engine.done

    @property
    def ready(self) -> bool:
        """Return whether every look-back is filled."""
        return self.bars > self.lookback

    @property
    def times(self) -> list[int]:
        """Return the opens of the last two bars."""
        return self._root.engine.times

    def warm_up(
        self, bars: pd.DataFrame, surroundings: Surroundings | None = None, events: MarketEvents | None = None
    ) -> Floats:
        """Go over a history; return the vector of its last bar.

        Parameters
        ----------
        bars
            timestamp and the columns that the formulas read.
        surroundings
            History of other pairs and of series.
        events
            Recorded order book and trades, in time order.

        A history that is refused, any part of it, leaves the engine as it was.
        """
        columns, times = bars_of(bars)
        expect_next(self.times[-1:], times, self.step)
        # What a history moves on is many things, and any of them may be refused: then all of them stay as they were.
        state, book = {name: item.copy() for name, item in self._root.state().items()}, self._book
        self._book = book.copy() if book else None
        try:
            if surroundings is not None:
                self._builder.warm(expect_kind(surroundings, Surroundings, "surroundings"), self.pair)
            if events is not None:
                self._own_book().warm(expect_kind(events, MarketEvents, "events"))
            self._push(Frame(columns, times, self.step))
        except BaseException:
            self._root.restore(state)
            self._book = book
            raise
        return self._last.copy()

    def update(self, event: Mapping[str, Any] | BookMessage | Trade | SeriesValue) -> Floats:
        """Take one more event and return the features after it.

        Parameters
        ----------
        event
            A completed bar: `timestamp` (opening, milliseconds since 1970 or a datetime) and the columns that the
            formulas read; NaN or infinite is unknown. A bar of another pair names it as `pair`, and comes before the
            own bar that closes with it; one that has not come by then is unknown, and refused when it comes. Or a
            message of the book, a trade, or a value of a series.

        Returns
        -------
        ndarray
            float64, shape (features,); NaN before a feature's look-back is filled. After an event that is no bar of
            the own pair these are the features of the last bar, except those that are a column of the book itself:
            they follow every event.
        """
        if isinstance(event, BookMessage | Trade):
            return self._book_event(event)
        if isinstance(event, SeriesValue):
            self._learn(checked(event))
            return self._last.copy()
        if not isinstance(event, Mapping):
            raise InputError(f"{event!r} is no event", hint="a bar as a mapping, BookMessage, Trade or SeriesValue")
        time, pair = milliseconds(event.get("timestamp")), event.get("pair", self.pair)
        if pair != self.pair:
            self._other(str(pair), event, time)
            return self._last.copy()
        if not self._root.parts:
            self._last = self._root.engine.update(time, {name: number(event, name) for name in self.plan.columns})
            return self._last.copy()
        expect_next(self.times[-1:], np.array([time]), self.step)
        frame = bar_of(event, self._columns(pair), time, self.step)
        self._root.engine.accept(time)
        self._push(frame)
        return self._last.copy()

    def save(self, path: Path | str) -> None:
        """Write the whole state to a file (NumPy archive, nothing executable)."""
        state: dict[str, npt.NDArray[Any]] = {
            "key": np.array(self._key()),
            "format": np.array(FORMAT),
            "last": self._last,
            **named("root.", self._root.state()),
            **(named("book.", self._book.state()) if self._book else {}),
        }
        write(Path(path), state)

    def restore(self, path: Path | str) -> None:
        """Go on from a saved state of the same formulas; one that cannot be used leaves the engine as it was."""
        state, before, book = read(Path(path), self._key(), FORMAT), self._root.state(), self._book
        try:
            last = expect(state["last"], np.float64, self._last.shape, "last values")
            book = book.copy(under("book.", state)) if book else None
            self._root.restore(under("root.", state))
        except (InputError, *UNREADABLE) as problem:
            self._root.restore(before)
            raise problem if isinstance(problem, InputError) else no_state(str(problem), str(path)) from None
        self._last, self._book = last, book

    def _key(self) -> str:
        """Return what two engines have to share so that one can go on where the other stopped."""
        texts = [canonical_text(node) for node in self._root.nodes]
        settings = self._book.micro.settings if self._book else None
        fitted = {name: item.parameters() for name, item in self._builder.fitted.items()}
        whole = repr((texts, self.pair, self.step, settings, fitted, self._root.key()))
        return hashlib.sha256(whole.encode()).hexdigest()

    def _push(self, frame: Frame) -> None:
        """Take own bars: into the cells that read them as another pair first, then up the tree."""
        for feed in self._builder.pairs.get(self.pair, ()):
            feed.push(frame.traded())
        if self._book:
            for close, row in self._book.rows_until(int(frame.closes[-1])):
                self._learn_book(close, row)
        self._last = self._root.push(frame)[-1].copy()

    def _columns(self, pair: str) -> frozenset[str]:
        """Return what is read of the bars of a pair."""
        feeds = self._builder.pairs.get(pair, [])
        own = self._root.bar_columns if pair == self.pair else frozenset()
        return own.union(*(feed.inner.cell.bar_columns for feed in feeds))

    def _other(self, pair: str, event: Mapping[str, Any], time: int) -> None:
        feeds = self._builder.pairs.get(pair)
        if feeds is None:
            known = ", ".join(sorted(self._builder.pairs)) or "no other pair"
            raise InputError(f"no formula reads bars of {pair}", where="pair", hint=f"they read {known}")
        frame = bar_of(event, self._columns(pair), time, self.step).traded()
        for feed in feeds:
            feed.check(frame.times)
        for feed in feeds:
            feed.push(frame)

    def _learn(self, item: SeriesValue) -> None:
        part = SERIES.get(item.kind)
        if part is None or part.columns:
            raise InputError(f"there is no series {item.kind!r}", where="kind", hint=f"one of {', '.join(SERIES)}")
        key = SeriesKey(part.kind, item.source, (item.pair or self.pair) if part.per_pair else "")
        if key not in self._series:
            raise InputError(f"no formula reads {item.kind} of {item.pair or item.source or 'the pair'}", where="kind")
        for feed in self._series[key]:
            feed.check(item.known_at)
        for feed in self._series[key]:
            feed.learn(item.known_at, item.time, item.value)

    def _book_event(self, event: BookMessage | Trade) -> Floats:
        vector = self._own_book().take(event)
        made = self._last.copy()
        for row, place in self._live.items():
            made[row] = vector[place]
        return made

    def _learn_book(self, close: int, row: Floats) -> None:
        assert self._book is not None  # noqa: S101 - only called with one
        for place, name in enumerate(self._book.micro.names):
            for feed in self._series.get(SeriesKey(BOOK, "", self.pair, name), ()):
                feed.learn(close, close - self.step, float(row[place]))

    def _own_book(self) -> BookFeed:
        if self._book is None:
            raise InputError(
                "events of a book need its tick and lot",
                where="book",
                hint="OnlineFeatures(..., book=MicroSettings(...))",
            )
        return self._book

    def _bar_length(self, what: str) -> int:
        if not self.step:
            raise InputError(f"{what} is cut at the closes of bars", where="timeframe", hint="give the timeframe")
        return self.step


__all__ = ["BookMessage", "MicroSettings", "OnlineFeatures", "SeriesValue", "Trade"]
