"""Labels of trades with a profit barrier, a loss barrier and a time limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from crypto_team.labels.fixed import Labels, expected_move, forward_returns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Touch = Literal["profit", "loss", "time"]
LOSS, TIME, PROFIT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Barrier:
    """Which barrier one event touched first, at which bar, and its return in the direction of the side."""

    touch: Touch
    bar: int
    signed_return: float

    @property
    def label(self) -> int:
        """1 for the profit barrier, -1 for the loss barrier, 0 where time ran out."""
        return {"profit": 1, "loss": -1, "time": 0}[self.touch]


@dataclass(frozen=True, slots=True)
class Prices:
    """Highs, lows and closes of one series, shape (n,) each; with closes for all three, only closes touch barriers."""

    high: Floats
    low: Floats
    close: Floats


def triple_barrier(
    close: Floats,
    events: Ints,
    *,
    target: Floats,
    horizon_bars: int,
    profit: float = 1.0,
    loss: float = 1.0,
    side: Ints | None = None,
) -> list[Barrier]:
    """Return the first barrier that each event's path of closes touches.

    Parameters
    ----------
    close
        Closing prices, shape (n,).
    events
        Bars at which a trade would open, shape (k,).
    target
        Width of the barriers per event as a return, shape (k,).
    horizon_bars
        Bars until time runs out; cut at the end of the data.
    profit, loss
        Barriers in units of the target: side * return > profit * target, or < -loss * target.
    side
        1 or -1 per event; all long where not given.

    Notes
    -----
    Closes only: within a bar both barriers could have been hit and nothing says which first.
    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 3.2.
    """
    sides = np.ones(events.size, dtype=np.int64) if side is None else side
    made = []
    for event, width, direction in zip(events.tolist(), target.tolist(), sides.tolist(), strict=True):
        last = min(event + horizon_bars, close.size - 1)
        path = direction * (close[event + 1 : last + 1] / close[event] - 1.0)
        won, lost = path > profit * width, path < -loss * width
        touched = np.flatnonzero(won | lost)
        if touched.size:
            at = int(touched[0])
            made.append(Barrier("profit" if won[at] else "loss", event + 1 + at, float(path[at])))
        else:
            made.append(Barrier("time", last, float(path[-1]) if path.size else 0.0))
    return made


def first_touches(
    prices: Prices, width: Floats, *, horizon_bars: int, profit: float, loss: float, side: Floats
) -> tuple[Ints, Ints]:
    """Return which barrier a trade entered at each close touches first, and after how many bars.

    Parameters
    ----------
    prices
        Highs and lows touch barriers; where one bar touches both, the loss counts: nothing says which came first.
    width
        Unit of the barriers as a return, shape (n,).
    horizon_bars
        Bars until time runs out.
    profit, loss
        Barriers in units of the width, from the entry price.
    side
        1 long, -1 short, shape (n,).

    Returns
    -------
    tuple
        Outcome (0 loss, 1 time, 2 profit) and bars from entry to touch, shape (n,) each. Rows with less than a full
        horizon ahead are judged on what there is; callers drop them.
    """
    n = prices.close.size
    outcome, after = np.full(n, TIME, dtype=np.int64), np.full(n, horizon_bars, dtype=np.int64)
    waiting = np.flatnonzero(np.isfinite(width) & np.isfinite(side) & np.isfinite(prices.close))
    for bar in range(1, horizon_bars + 1):
        waiting = waiting[waiting + bar < n]
        entry, long = prices.close[waiting], side[waiting] > 0.0
        up, down = prices.high[waiting + bar] / entry - 1.0, prices.low[waiting + bar] / entry - 1.0
        best, worst = np.where(long, up, -down), np.where(long, down, -up)
        lost, won = worst < -loss * width[waiting], best > profit * width[waiting]
        done = lost | won
        outcome[waiting[done]] = np.where(lost[done], LOSS, PROFIT)
        after[waiting[done]] = bar
        waiting = waiting[~done]
    return outcome, after


def barrier_labels(
    prices: Prices, *, horizon_bars: int, volatility_bars: int, profit: float, loss: float, side: Floats | None = None
) -> Labels:
    """Make a label for every bar from the barrier that a trade entered at its close would touch first.

    The unit of the barriers is the move that past volatility lets expect, sigma_t sqrt(h). Without `side` every trade
    is long and there are three classes: 0 loss, 1 time, 2 profit. With `side` (a primary rule: positive long, negative
    short, zero or NaN no trade) it is a meta-label: 1 where the rule's trade reaches its profit first, else 0.

    Rows without a full horizon ahead are NaN even when a barrier was touched in time: keeping only those that were
    would make quick touches too frequent.

    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, chapter 3.
    """
    ahead = forward_returns(prices.close, horizon_bars)
    width = expected_move(prices.close, horizon_bars=horizon_bars, volatility_bars=volatility_bars)
    taken = np.ones(ahead.size) if side is None else np.where(side == 0.0, np.nan, np.sign(side))
    outcome, after = first_touches(prices, width, horizon_bars=horizon_bars, profit=profit, loss=loss, side=taken)
    known = np.isfinite(ahead) & np.isfinite(width) & np.isfinite(taken)
    made = outcome if side is None else (outcome == PROFIT).astype(np.int64)
    return Labels(np.where(known, made, np.nan), ahead, 3 if side is None else 2, np.where(known, after, horizon_bars))


def cusum_events(close: Floats, threshold: float) -> Ints:
    """Return the bars at which log returns have accumulated beyond a threshold; only the side that fires resets.

    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, 2.5.2.1 (symmetric CUSUM filter).
    """
    up = down = 0.0
    fired = []
    for bar, move in enumerate(np.diff(np.log(close)).tolist(), start=1):
        up, down = max(0.0, up + move), min(0.0, down + move)
        if up > threshold:
            up = 0.0
            fired.append(bar)
        elif down < -threshold:
            down = 0.0
            fired.append(bar)
    return np.array(fired, dtype=np.int64)
