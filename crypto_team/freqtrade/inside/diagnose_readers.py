# SPDX-License-Identifier: GPL-3.0-or-later
"""Which columns decide something: those that the trend functions read, or whose other contents change a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from crypto_team.freqtrade.inside import diagnose_callbacks, diagnose_naming
from crypto_team.freqtrade.inside.diagnose_contents import Content, put, variants

SIGNALS: Final = ("enter_long", "exit_long", "enter_short", "exit_short", "enter_tag", "exit_tag", "buy", "sell")
_TREND: Final = ("populate_entry_trend", "populate_exit_trend", "populate_buy_trend", "populate_sell_trend")
Change = Callable[[pd.DataFrame], None]


def readers(strategy: Any, frames: dict[str, pd.DataFrame], columns: list[str]) -> dict[str, str]:
    """Return the columns that are not proven to be unused, with what says so.

    Callbacks are asked in runs of their own: here is only seen whether their code names a column.
    """
    found: dict[str, str] = {}
    for column in columns:
        told = _named(strategy, column) if any(column in frame for frame in frames.values()) else ""
        for pair, frame in frames.items():
            told = told or _read(strategy, frame, pair, column)
        if told:
            found[column] = told
    return found


def _read(strategy: Any, frame: pd.DataFrame, pair: str, column: str) -> str:
    """Return how a pair's signals depend on a column; nothing when they do not."""
    plain = _signals(strategy, frame, pair, _nothing)
    if column not in frame and _watched(strategy, frame, pair, column):
        return "the trend functions make it and read it"
    for how, change in _changes(column):
        try:
            other = _signals(strategy, frame, pair, change)
        except Exception as problem:  # noqa: BLE001 - code of others: whoever stumbles over other contents reads them
            return f"{how}: {type(problem).__name__}: {problem}"[:200]
        if not _same(plain, other):
            return f"{how}: other signals of {pair}"
    return ""


def _nothing(_frame: pd.DataFrame) -> None:
    """Leave the frame as it is."""


def _changes(column: str) -> Iterator[tuple[str, Change]]:
    """Yield what is done to a column: taken away, then replaced by every other content."""

    def absent(frame: pd.DataFrame) -> None:
        if column in frame:
            del frame[column]

    yield "without it", absent
    for number, (name, content) in enumerate(variants()):

        def other(frame: pd.DataFrame, content: Content = content, number: int = number) -> None:
            if column in frame:
                put(frame, column, content, seed=number)

        yield f"with other contents ({name})", other


def _signals(strategy: Any, frame: pd.DataFrame, pair: str, change: Change) -> dict[str, Any]:
    """Return the signals that are made when a frame is changed before the entries, and again before the exits."""
    changed = frame.copy() if isinstance(frame, _Watching) else _Lenient(frame.copy())
    change(changed)
    entered = strategy.advise_entry(changed, {"pair": pair})
    change(entered)
    made = strategy.advise_exit(entered, {"pair": pair})
    texts = {name: made[name].fillna("").astype(str).to_numpy() for name in SIGNALS if name in made and "tag" in name}
    numbers = {
        name: pd.to_numeric(made[name], errors="coerce").fillna(0.0).to_numpy(np.float64)
        for name in SIGNALS
        if name in made and "tag" not in name
    }
    return {"date": made["date"].to_numpy(), **texts, **numbers}


class _Lenient(pd.DataFrame):
    """A frame from which a column that is not there can be dropped: who leaves a column out does not read it."""

    @property
    def _constructor(self) -> type[_Lenient]:
        return _Lenient

    def drop(self, *labels: Any, **how: Any) -> Any:
        return super().drop(*labels, **{**how, "errors": "ignore"})

    def __delitem__(self, key: Any) -> None:  # type: ignore[misc]  # final for typing only
        if key in self:
            super().__delitem__(key)


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


class _Watching(pd.DataFrame):
    """A frame that notes when one of its columns is read by name."""

    watched: ClassVar[str] = ""
    seen: ClassVar[bool] = False

    @property
    def _constructor(self) -> type[_Watching]:
        return _Watching

    def __getitem__(self, key: Any) -> Any:
        asked = key if isinstance(key, list) else [key]
        if any(isinstance(item, str) and item == _Watching.watched for item in asked):
            _Watching.seen = True
        return super().__getitem__(key)


def _watched(strategy: Any, frame: pd.DataFrame, pair: str, column: str) -> bool:
    """Tell whether the trend functions read a column that they make themselves."""
    _Watching.watched, _Watching.seen = column, False
    _signals(strategy, _Watching(frame), pair, _nothing)
    return _Watching.seen


def _named(strategy: Any, column: str) -> str:
    """Return the trend function or callback whose code names a column, though it may never have come so far."""
    for name in (*_TREND, *diagnose_callbacks.own_callbacks(strategy)):
        function = getattr(type(strategy), name, None)
        if function is not None and diagnose_naming.names(function, column):
            return f"{name} names it"
    return ""
