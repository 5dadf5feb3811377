"""Whether positions know more about the future than the forecasts that they are said to follow (LK006)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import deviations
from crypto_team.gates.likeness import like_forecasts
from crypto_team.gates.recompute import Returns, bar_moves, milliseconds
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clusters import clustered

Floats = npt.NDArray[np.float64]
BINS = 8
LEAST_HELD = 0.3
LEAST_ROWS = 20
LOOKS = 2


@dataclass(frozen=True)
class Foresight:
    """How much more is held before the best than before the worst moves, as a share of what is held on average.

    0 is what a rule gives that knows its forecast and the past; 1 that nothing is held before the worst moves. `low` is
    the lower limit at the share of one check in the budget of false alarms, the two scales together.
    """

    scale: str
    units: int
    before_worst: float
    before_best: float
    low: float

    def words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"where forecasts are alike, {self.before_worst:.0%} of the usual position is held before the {self.units} "
            f"worst {self.scale} for it and {self.before_best:.0%} before the {self.units} best"
        )


def foresight(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta) -> list[Foresight]:
    """Compare what is held before the worst and before the best bars and days, among rows of like forecasts.

    The rows of a pair and fold are dealt to eight bins by their signal. What is held on average in a bin is what the
    rule makes of such a forecast; more or less than that comes from the past, or from the future. Moves count in the
    direction of the bin, in deviations of the pair. Both tails are compared, so that a rule that holds less in wild
    times shows nothing; and only tails, because who leaves out a few great losses hardly changes a correlation.

    Returns nothing for what has too few rows: 400 bars, or 100 days of a pair, in bins that are usually held.
    """
    test = returns.test.sort_values(["pair", "time"], kind="stable")
    rows = pd.DataFrame({
        "pair": test["pair"].to_numpy(),
        "fold": test["fold"].to_numpy(),
        "day": milliseconds(test["time"]) // DAY_MS,
        "signal": test["signal"].to_numpy(dtype=np.float64),
        "held": test["position"].fillna(0.0).to_numpy(dtype=np.float64),
        "move": bar_moves(test, market, meta),
    })  # fmt: skip
    rows = rows[np.isfinite(rows["move"]) & np.isfinite(rows["signal"])]
    bins = rows["held"].groupby(like_forecasts(rows, levels=BINS), sort=False)
    usual, count = bins.transform("mean"), bins.transform("size")
    spread = rows.groupby("pair", sort=False)["move"].transform("std")
    rows = rows.assign(share=rows["held"] / usual, gain=np.sign(usual) * rows["move"] / spread)
    rows = rows[(usual.abs() >= LEAST_HELD) & (count >= LEAST_ROWS) & np.isfinite(rows["gain"])]
    days = rows.groupby(["pair", "day"], sort=False).agg(share=("share", "mean"), gain=("gain", "sum")).reset_index()
    scales = (("bars", rows, 400, 0.025), ("days", days, 100, 0.05))
    return [_compared(name, units, part) for name, units, least, part in scales if len(units) >= least]


def _compared(scale: str, units: pd.DataFrame, part: float) -> Foresight:
    """Compare the shares held in the two tails; rows of one day, and of neighbouring days, go together."""
    gain, share = units["gain"].to_numpy(dtype=np.float64), units["share"].to_numpy(dtype=np.float64)
    size = max(1, math.ceil(part * gain.size))
    order = np.argsort(gain, kind="stable")
    worst, best = order[:size], order[-size:]
    before = float(share[worst].mean()), float(share[best].mean())
    both = np.concatenate([worst, best])
    away = np.concatenate([before[0] - share[worst], share[best] - before[1]]) / size
    day = units["day"].to_numpy(dtype=np.int64)[both]
    error = math.sqrt(float(clustered(away[:, None], day)[0, 0]))
    low = before[1] - before[0] - deviations(max(1.0, float(np.unique(day).size - 2)), LOOKS) * error
    return Foresight(scale, size, before[0], before[1], low if math.isfinite(low) else -math.inf)
