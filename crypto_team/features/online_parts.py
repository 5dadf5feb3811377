"""The composed parts of a cell: other timeframes, pairs and baskets, series, fitted parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features.composition import mean_of_members
from crypto_team.features.nodes import Node, canonical_text
from crypto_team.features.online_frames import Joiner, frame_of, frame_state, joined, named, no_bars, selected, under
from crypto_team.features.online_state import expect, no_state, opens
from crypto_team.features.scopes import fitted_memory
from crypto_team.features.surroundings import Frame, known_before, next_open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.features.online_bars import Floats, State
    from crypto_team.features.online_cells import Cell
    from crypto_team.features.online_series import SeriesFeed
    from crypto_team.features.transformers import Transformer


MOST_MISSING: Final = 10_000
"""How many bars of another pair may be missing in a row; more of them are a mistake in the time, or need a history."""

MANY: Final = 100
"""How often so many may be missing among bars that wait."""


class Inner:
    """A cell whose bars close at other times than those of the cell around it, and its values that still count."""

    def __init__(self, cell: Cell, step: int) -> None:
        self.cell = cell
        self.joiner = Joiner(step, cell.step)
        self._closes = np.empty(0, dtype=np.int64)
        self._values = np.empty((0, len(cell.nodes)))

    def push(self, frame: Frame) -> None:
        """Take new bars of the pair."""
        bars = self.joiner.push(selected(frame, self.cell.bar_columns, self.cell.pair))
        if bars.times.size:
            self._closes = np.concatenate([self._closes, bars.closes])
            self._values = np.vstack([self._values, self.cell.push(bars)])

    def at(self, decisions: npt.NDArray[np.int64]) -> list[Floats]:
        """Return each formula at some decisions; what no later one can need is forgotten."""
        made = [known_before(column, self._closes, decisions) for column in self._values.T]
        first = max(0, int(np.searchsorted(self._closes, decisions[-1], side="right")) - 1)
        self._closes, self._values = self._closes[first:], self._values[first:]
        return made

    def state(self) -> State:
        """Return the cell, the bars that wait and the values that still count."""
        own: State = {"closes": self._closes, "values": self._values}
        return own | named("joiner.", self.joiner.state()) | named("cell.", self.cell.state())

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""
        closes = opens(state["closes"], "values that count", self.cell.step)
        self._values = expect(state["values"], np.float64, (closes.size, len(self.cell.nodes)), "values that count")
        self._closes = closes
        self.joiner.restore(under("joiner.", state), self.cell.bar_columns)
        self.cell.restore(under("cell.", state))


class SameBars:
    """Parts on the bars of the cell around them: `on` a longer timeframe, or `of` the very pair."""

    def __init__(self, texts: list[str], inner: Inner) -> None:
        self.texts = texts
        self.inner = inner
        self.bar_columns = inner.cell.bar_columns

    def columns(self, frame: Frame) -> dict[str, Floats]:
        """Hand the bars on."""
        self.inner.push(frame)
        return dict(zip(self.texts, self.inner.at(frame.closes), strict=True))

    def state(self) -> State:
        """Return the inner state."""
        return self.inner.state()

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore the inner state."""
        self.inner.restore(state)


class PairFeed:
    """Bars of another pair that have come and that no decision has asked for yet.

    Live, bars come twice, late or never. One that has not come when it should count is an unknown bar, as in a history:
    whether it comes later, or another after it, is not known then. What cannot be taken is refused by :meth:`check`,
    before anything has changed.
    """

    def __init__(self, inner: Inner, base: int) -> None:
        self.inner = inner
        self.base = base
        self._waiting = no_bars(base, inner.cell.bar_columns)
        self._end: int | None = None

    def check(self, times: npt.NDArray[np.int64]) -> None:
        """Refuse bars that were here, that a decision has gone past, or that no bar of this length is like.

        Parameters
        ----------
        times
            Opens of the bars that are about to come, in order.
        """
        pair, here = self.inner.cell.pair, self._waiting.times
        if not times.size:
            return
        for time in times[np.isin(times, here) | (times < (times[0] if self._end is None else self._end))][:1]:
            raise InputError(
                f"the bar of {pair} that opens at {int(time)} was here before, or comes too late to count",
                where="timestamp",
                hint="leave it out: the engine is as it was",
            )
        for time in times[[next_open(int(item), self.base) != int(item) for item in times]][:1]:
            raise InputError(
                f"no bar of {self.base // 1000} seconds opens at {int(time)}, and none of {pair}", where="timestamp"
            )
        known = [*here[-1:].tolist(), *([] if self._end is None else [self._end])]
        if known and times[0] - max(known) > MOST_MISSING * self.base:
            raise InputError(
                f"the bar of {pair} that opens at {int(times[0])} comes more than {MOST_MISSING:,} bars after the last",
                where="timestamp",
                hint="warm up a new engine with the history in between",
            )

    def push(self, frame: Frame) -> None:
        """Take bars of the base timeframe that :meth:`check` has seen, be it in another order."""
        whole = joined([self._waiting, selected(frame, self.inner.cell.bar_columns, self.inner.cell.pair)])
        order = np.argsort(whole.times, kind="stable")
        columns = {name: values[order] for name, values in whole.columns.items()}
        self._waiting = Frame(columns, whole.times[order], whole.step)

    def at(self, decisions: npt.NDArray[np.int64]) -> list[Floats]:
        """Return each formula at some decisions; a bar that has not come by the last of them is unknown from now on."""
        closed = self._waiting.before(int(decisions[-1]) + 1).filled(self._end, int(decisions[-1]))
        if closed.times.size:
            self._end = int(closed.closes[-1])
            self._waiting = self._waiting.since(self._end)
            self.inner.push(closed)
        return self.inner.at(decisions)

    def state(self) -> State:
        """Return the bars that wait, and what is behind."""
        end = np.array([] if self._end is None else [self._end], dtype=np.int64)
        return {"end": end} | named("waiting.", frame_state([self._waiting])) | named("inner.", self.inner.state())

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""
        waiting = frame_of(under("waiting.", state), self.base, self.inner.cell.bar_columns)
        end = opens(state["end"], "end of the last bar of a pair")
        known = np.concatenate([end, waiting.times])
        gaps, spare = np.diff(known) // self.base, known.size + MANY * MOST_MISSING
        if end.size > 1 or (gaps < 0).any() or (gaps > MOST_MISSING).any() or gaps.sum() > spare:
            raise no_state("bars of a pair are older than those before them, or too far from them")
        if any(next_open(time, self.base) != time for time in known.tolist()):
            raise no_state("bars of a pair open where none does")
        self._waiting, self._end = waiting, int(end[0]) if end.size else None
        self.inner.restore(under("inner.", state))


class OtherPairs:
    """Parts on the bars of other pairs: `of` one, or the mean of a `basket`."""

    def __init__(self, texts: list[str], members: list[PairFeed | SameBars], *, basket: bool) -> None:
        self.texts = texts
        self.members = members
        self.basket = basket
        own = [item.bar_columns for item in members if isinstance(item, SameBars)]
        self.bar_columns = frozenset().union(*own)

    def columns(self, frame: Frame) -> dict[str, Floats]:
        """Ask each member for its values at the closes."""
        found = [self._member(item, frame) for item in self.members]
        values = [mean_of_members(list(each)) for each in zip(*found, strict=True)] if self.basket else found[0]
        return dict(zip(self.texts, values, strict=True))

    def _member(self, item: PairFeed | SameBars, frame: Frame) -> list[Floats]:
        return item.at(frame.closes) if isinstance(item, PairFeed) else list(item.columns(frame).values())

    def state(self) -> State:
        """Return what all members remember."""
        made: State = {}
        for number, item in enumerate(self.members):
            made |= named(f"member{number}.", item.state())
        return made

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore all members."""
        for number, item in enumerate(self.members):
            item.restore(under(f"member{number}.", state))


class FromSeries:
    """A part that reads a series of the catalog."""

    def __init__(self, text: str, feed: SeriesFeed) -> None:
        self.text = text
        self.feed = feed
        self.bar_columns: frozenset[str] = frozenset()

    def columns(self, frame: Frame) -> dict[str, Floats]:
        """Return what was known at the closes."""
        return {self.text: self.feed.at(frame.closes, frame.step)}

    def state(self) -> State:
        """Return the values that still count."""
        return self.feed.state()

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore them."""
        self.feed.restore(state)


class Fitted:
    """A part that was fitted: its numbers, its inputs, and the rows of them that it looks back on."""

    def __init__(self, node: Node, fitted: Transformer | None, cell: Cell) -> None:
        self.text = canonical_text(node)
        self.memory = fitted_memory(node)
        self.fitted = fitted
        self.cell = cell
        self.bar_columns = cell.bar_columns
        self._rows = np.empty((0, len(node.inputs)))

    def columns(self, frame: Frame) -> dict[str, Floats]:
        """Apply it; unknown where nothing has been fitted."""
        values = self.cell.push(frame)
        values[~np.isfinite(values)] = np.nan
        rows = np.vstack([self._rows, values])
        self._rows = rows[max(0, len(rows) - self.memory) :]
        if self.fitted is None:
            return {self.text: np.full(frame.times.size, np.nan)}
        return {self.text: np.asarray(self.fitted.apply(rows)[len(rows) - len(values) :])}

    def state(self) -> State:
        """Return its rows and its cell."""
        return {"rows": self._rows} | named("cell.", self.cell.state())

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore them."""
        rows = state["rows"]
        if len(rows) > self.memory:
            raise no_state("more rows wait than a fitted part looks back on")
        self._rows = expect(rows, np.float64, (None, self._rows.shape[1]), "rows of a fitted part")
        self.cell.restore(under("cell.", state))
