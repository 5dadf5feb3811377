"""From a signal to positions: two thresholds with hysteresis, the same rule in evidence and in Freqtrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entries:
    """What a strategy wants at each bar; all shape (n,), bool."""

    enter_long: Flags
    exit_long: Flags
    enter_short: Flags
    exit_short: Flags


def entries_exits(
    signal: Floats,
    *,
    entry: float,
    exit: float,  # noqa: A002 - the field's word
    long_short: bool,
) -> Entries:
    """Return the four wishes that follow from a signal in [0, 1].

    Long where signal >= entry, out of it where signal <= exit; short where signal <= 1 - entry, out of it where
    signal >= 1 - exit. An unknown signal (NaN) leaves every position. Where a position's exit and its own entry
    coincide (entry equals exit), entry wins and the position is held.
    """
    known = np.isfinite(signal)
    value = np.where(known, signal, 0.5)
    enter_long = known & (value >= entry)
    enter_short = known & (value <= 1.0 - entry) & long_short & ~enter_long
    exit_long = ~enter_long & (~known | (value <= exit))
    exit_short = ~enter_short & (~known | (value >= 1.0 - exit))
    return Entries(enter_long, exit_long | enter_short, enter_short, exit_short | enter_long)


def positions(
    signal: Floats,
    *,
    entry: float,
    exit: float,  # noqa: A002 - the field's word
    long_short: bool,
    confidence_weighted: bool = False,
    start: float = 0.0,
) -> Floats:
    """Return the position decided at the close of each bar, in [-1, 1], shape (n,).

    Enters, holds and leaves as `entries_exits` says. With `confidence_weighted` the size is fixed at entry:
    abs(2 signal - 1), so that a certain signal takes the whole position. `start` is the position held before.
    """
    wishes = entries_exits(signal, entry=entry, exit=exit, long_short=long_short)
    side = _sides(wishes, float(np.sign(start)))
    if not confidence_weighted:
        return side
    fresh = np.concatenate([[side[0] != np.sign(start)], side[1:] != side[:-1]])
    size = np.where(fresh, np.abs(2.0 * np.nan_to_num(signal, nan=0.5) - 1.0), np.nan)
    if not fresh[0]:
        size[0] = abs(start)
    last = np.maximum.accumulate(np.where(np.isfinite(size), np.arange(len(size)), 0))
    weighted: Floats = side * size[last]
    return weighted


def _sides(wishes: Entries, start: float) -> Floats:
    """Walk the bars: -1, 0 or 1. An entry of the other side turns the position in one step."""
    long_, short = wishes.enter_long.tolist(), wishes.enter_short.tolist()
    out_long, out_short = wishes.exit_long.tolist(), wishes.exit_short.tolist()
    made = np.empty(len(long_))
    held = start
    for bar in range(len(long_)):
        if (held > 0 and out_long[bar]) or (held < 0 and out_short[bar]):
            held = 0.0
        if held == 0.0:
            held = 1.0 if long_[bar] else -1.0 if short[bar] else 0.0
        made[bar] = held
    return made
