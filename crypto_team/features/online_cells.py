"""Composed formulas bar by bar: a tree of engines, one for each timeframe and pair, and readers of series.

Each cell does to new bars what :mod:`crypto_team.features.composition` does to a history, with the same functions: bars
are joined by `Frame.coarser`, values by `known_before` and `KnownSeries`. So the bits are the same, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.features.nodes import Node, canonical_text, composed_parts, lowered, reads
from crypto_team.features.online_bars import BarEngine, Floats, State
from crypto_team.features.online_frames import named, under
from crypto_team.features.plan import Plan, lookback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from crypto_team.features.surroundings import Frame

WEIGHTS: Final = {"vwap": "volume"}


class Part(Protocol):
    """A composed part, or several that share their bars, as columns of the cell around it."""

    bar_columns: frozenset[str]
    """What it reads of the bars of that cell."""

    def columns(self, frame: Frame) -> dict[str, Floats]:
        """Return its values at the closes of new bars."""

    def state(self) -> State:
        """Return what it remembers."""

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""


class Cell:
    """Formulas of one pair on one timeframe, with everything below them."""

    def __init__(self, nodes: Iterable[Node], pair: str, step: int, parts: Callable[[Cell], Sequence[Part]]) -> None:
        self.nodes = tuple(nodes)
        self.pair = pair
        self.step = step
        self.parts = parts(self)
        flat = tuple(lowered(node) for node in self.nodes)
        names = sorted({part.name for node in flat for part in reads(node) if part.kind == "column"})
        self.engine = BarEngine(
            Plan(flat, tuple(lookback(node, step or None) for node in self.nodes), tuple(names), self.nodes)
        )
        composed = {canonical_text(part) for node in self.nodes for part in composed_parts(node)}
        inner = {name for part in self.parts for name in part.bar_columns}
        own = {name for name in names if name not in composed} | inner
        self.bar_columns = frozenset(own | {WEIGHTS[name] for name in own if name in WEIGHTS})

    def push(self, frame: Frame) -> Floats:
        """Take new bars; return values of shape (bars, formulas)."""
        columns = dict(frame.columns)
        for part in self.parts:
            columns |= part.columns(frame)
        missing = [name for name in self.engine.plan.columns if name not in columns]
        if missing:
            raise InputError(f"the candles have no column {', '.join(missing)}", where="bars")
        if frame.times.size == 1:
            row = {name: float(columns[name][0]) for name in self.engine.plan.columns}
            return self.engine.update(int(frame.times[0]), row)[None, :]
        return self.engine.go_on(columns, frame.times)

    def state(self) -> State:
        """Return everything that the next bar depends on."""
        made = named("engine.", self.engine.state())
        for number, part in enumerate(self.parts):
            made |= named(f"part{number}.", part.state())
        return made

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what :meth:`state` returned."""
        self.engine.restore(under("engine.", state))
        for number, part in enumerate(self.parts):
            part.restore(under(f"part{number}.", state))

    def key(self) -> str:
        """Return what two cells have to share so that one can go on where the other stopped."""
        return self.engine.key()
