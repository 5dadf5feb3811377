"""From a signal to positions: two thresholds with hysteresis, the same rule in evidence and in Freqtrade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.trading.sizing import confidence_size

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entries:
    """What a strategy wants at the close of each bar; all shape (n,), bool."""

    enter_long: Flags
    exit_long: Flags
    enter_short: Flags
    exit_short: Flags


def entries_exits(signal: Floats, *, entry: float, exit: float, long_short: bool) -> Entries:  # noqa: A002
    """Return the four wishes that follow from a signal in [0, 1].

    Parameters
    ----------
    signal
        Calibrated P(up), or what stands for it, shape (n,). An unknown signal (NaN) leaves every position.
    entry
        Long where signal >= entry; short where signal <= 1 - entry.
    exit
        Out of a long where signal <= exit; out of a short where signal >= 1 - exit.
    long_short
        Whether shorts are allowed; without them there are no wishes about shorts at all.

    Notes
    -----
    At no bar an entry meets an exit of its own side or an entry of the other side: Freqtrade drops such entries. An
    entry of one side asks for the exit of the other, so an engine that flips ends on the same side as `positions`.
    """
    known = np.isfinite(signal)
    value = np.where(known, signal, 0.5)
    enter_long = known & (value >= entry)
    enter_short = known & (value <= 1.0 - entry) & long_short & ~enter_long
    exit_long = ~enter_long & (~known | (value <= exit) | enter_short)
    exit_short = ~enter_short & (~known | (value >= 1.0 - exit) | enter_long) & long_short
    return Entries(enter_long, exit_long, enter_short, exit_short)


def positions(
    signal: Floats,
    *,
    entry: float,
    exit: float,  # noqa: A002
    long_short: bool,
    confidence_weighted: bool = False,
    start: float = 0.0,
) -> Floats:
    """Return the position decided at the close of each bar, in [-1, 1].

    Parameters
    ----------
    signal
        Calibrated P(up), shape (n,); NaN goes flat.
    entry, exit, long_short
        As in `entries_exits`.
    confidence_weighted
        Size the position by the confidence of the bar that opens it, `sizing.confidence_size`; it is then held
        unchanged, because resizing every bar would pay costs every bar.
    start
        Position held before the first bar.

    Returns
    -------
    ndarray
        Shape (n,), no NaN.
    """
    if not signal.size:
        return np.empty(0)
    side = _sides(entries_exits(signal, entry=entry, exit=exit, long_short=long_short), float(np.sign(start)))
    before = np.concatenate([[np.sign(start)], side[:-1]])
    opened = (side != before).astype(bool)
    size = confidence_size(signal) if confidence_weighted else np.ones(signal.size)
    latest = np.maximum.accumulate(np.where(opened, np.arange(signal.size), -1))
    made: Floats = side * np.where(latest < 0, abs(start), size[latest])
    return made


def _sides(wishes: Entries, start: float) -> Floats:
    """Walk the bars: -1, 0 or 1. An entry of the other side turns the position in one step."""
    enter_long, enter_short = wishes.enter_long.tolist(), wishes.enter_short.tolist()
    exit_long, exit_short = wishes.exit_long.tolist(), wishes.exit_short.tolist()
    made = np.empty(len(enter_long))
    held = start
    for bar in range(len(enter_long)):
        if (held > 0.0 and exit_long[bar]) or (held < 0.0 and exit_short[bar]):
            held = 0.0
        if held == 0.0:
            held = 1.0 if enter_long[bar] else -1.0 if enter_short[bar] else 0.0
        made[bar] = held
    return made
