"""Orders that are filled later than the close they were decided at: what is left of the returns (PF006)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import DEVIATIONS
from crypto_team.gates.recompute import Returns, bar_moves, milliseconds
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clusters import clustered

Floats = npt.NDArray[np.float64]
MOST_BARS = 1.0
SHARE_OF_HORIZON = 0.25


@dataclass(frozen=True)
class Late:
    """Net return of the test when every order is filled `bars` late, beside that without delay; sums over bars."""

    bars: float
    total: float
    prompt: float
    surely_below: bool

    def words(self) -> str:
        """Return the figures as a sentence."""
        delay = "one bar" if self.bars == 1.0 else f"{self.bars:g} of a bar"
        return f"entries and exits {delay} late: net {self.total:+.2%} instead of {self.prompt:+.2%} (sums)"


def late_fills(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, share: float) -> Late:
    """Fill every entry and exit a quarter of the horizon late, at most one bar, and say whether surely little is left.

    What is bought at t earns ``(1 - d)`` of the bar's move: the price d bars after the close is taken from the line
    between the two closes, which is its expectation when only they are known. For d = 1 this is the next close. The
    worse of the next open and close would be a choice by hindsight, which costs every rule 0.4 deviations of a bar a
    side, honest or not.

    `surely_below`: less than `share` of the net gain is left beyond the budget of false alarms, by days with their
    neighbours. An edge that is even over the horizon keeps 3/4 of its gross gain here; one that just passes the stress
    of 1.5 times the cost so keeps (0.75 * 1.5 - 1) / (1.5 - 1) = 1/4 of its net gain.
    """
    test = returns.test.sort_values(["pair", "time"], kind="stable")
    times, position = milliseconds(test["time"]), test["position"].fillna(0.0).to_numpy(dtype=np.float64)
    move = np.nan_to_num(bar_moves(test, market, meta))
    change = _changes(test["pair"].to_numpy(), times, position, timeframe_seconds(meta.timeframe) * 1000)
    bars = min(MOST_BARS, SHARE_OF_HORIZON * meta.horizon_bars)
    cost = np.abs(change) * returns.cost_bps_per_side / 1e4
    # The daily return is the mean over the pairs that a bar has.
    weight = 1.0 / test.groupby("time")["pair"].transform("size").to_numpy(dtype=np.float64)
    prompt, late = (position * move - cost) * weight, ((position - bars * change) * move - cost) * weight
    surplus = late - share * prompt
    spread = clustered((surplus - surplus.mean())[:, None], times // DAY_MS)[0, 0]
    sure = bool(float(surplus.sum()) + DEVIATIONS * math.sqrt(spread) < 0.0) if math.isfinite(spread) else False
    return Late(bars, float(late.sum()), float(prompt.sum()), sure)


def _changes(pair: npt.NDArray[np.object_], times: npt.NDArray[np.int64], position: Floats, step: int) -> Floats:
    """Return by how much each position differs from the bar before; after a gap it starts flat."""
    follows = np.zeros(len(position), dtype=bool)
    follows[1:] = (pair[1:] == pair[:-1]) & (np.diff(times) == step)
    before = np.where(follows, np.roll(position, 1), 0.0)
    return np.asarray(position - before, dtype=np.float64)
