"""From positions to trades and an equity curve."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from crypto_team.trading.costs import net_returns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trade:
    """One stretch of one side, entered and left at closes.

    `entry_time` is the open time of the bar at whose close it was entered, `exit_time` of the bar at whose close it was
    left; times in ms since 1970. `profit` is the sum of its net returns per bar, as a share of the whole position; the
    entry cost belongs to it, and so does the exit cost. `closed` is False for a trade that is still open at the end.
    """

    side: int
    entry_time: int
    exit_time: int
    bars: int
    entry_price: float
    exit_price: float
    profit: float
    closed: bool


@dataclass(frozen=True, slots=True)
class TradeStatistics:
    """What a list of profits amounts to; ratios without a loss are infinite, without a trade NaN.

    Trades of exactly zero count in the rates. `expectancy` is the mean, `quality` the mean over the sample deviation
    times the root of the number of trades.
    """

    trades: int
    win_rate: float
    average_win: float
    average_loss: float
    payoff_ratio: float
    profit_factor: float
    expectancy: float
    quality: float

    @property
    def breakeven_win_rate(self) -> float:
        """The win rate at which this payoff ratio earns nothing."""
        return 1.0 / (1.0 + self.payoff_ratio)


def trades_from_positions(time: Ints, position: Floats, close: Floats, cost_bps_per_side: float) -> list[Trade]:
    """Cut one pair's positions into trades.

    Parameters
    ----------
    time
        Open time of each bar in ms, shape (n,).
    position
        Position decided at each close, shape (n,); flat before the first bar.
    close
        Closing prices, shape (n,).
    cost_bps_per_side
        Cost of each change of position.

    Returns
    -------
    list of Trade
        In order of entry. Their profits add up to the sum of the net returns.
    """
    side = np.sign(position).astype(np.int64)
    edges = np.flatnonzero(np.diff(side, prepend=0)).tolist()
    held = position[:-1] * (close[1:] / close[:-1] - 1.0)
    cost = cost_bps_per_side / 1e4
    traded = np.abs(np.diff(position, prepend=0.0))
    made = []
    for first, following in pairwise([*edges, time.size]):
        if side[first] == 0:
            continue
        last, closed = min(following, time.size - 1), following < time.size
        # At a turn the traded value is split: the part down to zero belongs to the trade that ends.
        entry, resized = abs(position[first]), traded[first + 1 : following].sum()
        leaving = abs(position[last - 1]) if closed else 0.0
        profit = held[first:last].sum() - cost * (entry + resized + leaving)
        made.append(
            Trade(
                side=int(side[first]),
                entry_time=int(time[first]),
                exit_time=int(time[last]),
                bars=last - first,
                entry_price=float(close[first]),
                exit_price=float(close[last]),
                profit=float(profit),
                closed=closed,
            )
        )
    return made


def equity_curve(position: Floats, next_return: Floats, cost_bps_per_side: float) -> Floats:
    """Return compounded equity before each bar and after the last, started at 1, shape (n + 1,); NaN returns earn 0."""
    _, net = net_returns(position, np.nan_to_num(next_return, nan=0.0), cost_bps_per_side)
    return np.concatenate([[1.0], np.cumprod(1.0 + net)])


def trade_statistics(profits: Floats) -> TradeStatistics:
    """Summarise the profits of trades, in any one unit, costs included; shape (n,), no NaN."""
    wins, losses = profits[profits > 0.0], profits[profits < 0.0]
    average_win = float(wins.mean()) if wins.size else 0.0
    average_loss = float(losses.mean()) if losses.size else 0.0
    deviation = float(profits.std(ddof=1)) if profits.size > 1 else 0.0
    mean = float(profits.mean()) if profits.size else np.nan
    return TradeStatistics(
        trades=profits.size,
        win_rate=wins.size / profits.size if profits.size else np.nan,
        average_win=average_win,
        average_loss=average_loss,
        payoff_ratio=_ratio(average_win, -average_loss),
        profit_factor=_ratio(float(wins.sum()), -float(losses.sum())),
        expectancy=mean,
        quality=mean / deviation * profits.size**0.5 if deviation > 0.0 else np.nan,
    )


def _ratio(gain: float, loss: float) -> float:
    if loss > 0.0:
        return gain / loss
    return np.inf if gain > 0.0 else np.nan
