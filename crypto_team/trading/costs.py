"""What a position earns and what changing it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def net_returns(
    position: npt.NDArray[np.float64],
    next_return: npt.NDArray[np.float64],
    cost_bps_per_side: float,
    start_position: float = 0.0,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return gross and net simple returns per bar.

    Parameters
    ----------
    position
        Position decided at the close of each bar, shape (n,).
    next_return
        Simple return from that close to the next, shape (n,); NaN stays NaN.
    cost_bps_per_side
        Cost of each change of position, in basis points of the traded value.
    start_position
        Position held before the first bar.
    """
    gross = np.where(position == 0.0, 0.0 * next_return, position * next_return)
    traded = np.abs(np.diff(position, prepend=start_position))
    return gross, gross - traded * cost_bps_per_side / 1e4
