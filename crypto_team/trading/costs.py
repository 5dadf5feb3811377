"""What a position earns, what changing it costs, and what has to be earned to pay for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def net_returns(
    position: Floats, next_return: Floats, cost_bps_per_side: float, start_position: float = 0.0
) -> tuple[Floats, Floats]:
    """Return gross and net simple returns per bar.

    Parameters
    ----------
    position
        Position decided at the close of each bar, shape (n,), in [-1, 1].
    next_return
        Simple return from that close to the next, shape (n,); NaN stays NaN, even where the position is flat.
    cost_bps_per_side
        Fee and slippage of each change of position, in basis points of the traded value.
    start_position
        Position held before the first bar.

    Returns
    -------
    tuple
        gross[t] = position[t] * next_return[t]; net[t] = gross[t] - abs(position[t] - position[t-1]) * cost.
    """
    gross = position * next_return
    traded = np.abs(np.diff(position, prepend=start_position))
    return gross, gross - traded * cost_bps_per_side / 1e4


def round_trip_bps(fee_bps: float, slippage_bps: float) -> float:
    """Return the cost of entering and leaving once, in basis points of the traded value."""
    return 2.0 * (fee_bps + slippage_bps)


def net_round_trip(gross_return: float, cost_bps_per_side: float) -> float:
    """Return what is left of a gross return when both fills are worse by the cost: buy at P(1+c), sell at P'(1-c)."""
    cost = cost_bps_per_side / 1e4
    return (1.0 + gross_return) * (1.0 - cost) / (1.0 + cost) - 1.0


def breakeven_return(cost_bps_per_side: float) -> float:
    """Return the gross return of a round trip that just pays its costs."""
    cost = cost_bps_per_side / 1e4
    return (1.0 + cost) / (1.0 - cost) - 1.0


def breakeven_probability(win_bps: float, loss_bps: float, round_trip_cost_bps: float) -> float:
    """Return the probability of a win above which a trade pays: (L + C) / (W + L); above 1 it never does."""
    return (loss_bps + round_trip_cost_bps) / (win_bps + loss_bps)
