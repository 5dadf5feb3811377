"""Whether the spells in which nothing is held are those in which the forecasts would have lost (LK012)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import deviations
from crypto_team.gates.statistics import DAY_MS

LEVELS, RECENT = 24, 5
LEAST_ALIKE = 20
QUIET, SMALL = 0.2, 0.5
"""Shares of what is held in most spells up to which a spell is quiet."""
LEAST_HELD = 5.0
MOST_LOSE = 0.8
PLAUSIBLE_WORSE = 0.7
"""Share of comparisons that who knows the past may get right: normal results three quarters of a deviation apart."""
SPANS = ("test part", "week", "four weeks")
LOOKS = 4 * len(SPANS)


@dataclass(frozen=True)
class QuietSpells:
    """What quiet spells would have earned: how many there are, the share that would have lost.

    `worse` is the share of couples of a quiet and a held spell of the same time in which the quiet one is worse; `low`
    its lower limit at the share of one look in the budget of false alarms, 0 where fewer than 80 % of them lose.
    """

    span: str
    count: int
    losing: float
    worse: float
    low: float

    def words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"in {self.count} spells ({self.span}, pair by pair) little or nothing is held, though forecasts are like "
            f"those that are traded elsewhere: {self.losing:.0%} of them would have lost, and in {self.worse:.0%} of "
            "comparisons with what was held at the same time they are the worse ones"
        )


def quiet_spells(rows: pd.DataFrame, bars: int) -> QuietSpells | None:
    """Return the most suspicious of the quiet spells over test parts, weeks and four weeks; None without any.

    Asked of all that a pair holds, and of each side of it alone; of spells that are empty, and of those at half size.

    Parameters
    ----------
    rows
        With `time` (milliseconds), `pair`, `fold`, `signal`, `position` and `move`, the return of the next bar, in
        order of time within each pair.
    bars
        How many of the last forecasts may have opened what is held now.

    Notes
    -----
    The usual position at a forecast is the mean over rows of all pairs whose forecasts, now and over the last bars, are
    alike, so that it is known for a pair that is left out for a whole test part. Who leaves pairs out by what was known
    leaves out winners, too; who does so afterwards leaves out losers only, and the worst of their time. Comparing what
    is of one time lets out that pairs win and lose together.
    """
    noise = rows["move"].groupby(rows["pair"]).transform("std")
    week = rows["time"] // (7 * DAY_MS)
    recent = rows["signal"].groupby([rows["pair"], rows["fold"]]).transform(lambda x: x.rolling(bars, 1).mean())
    alike = [_levels(rows["signal"], LEVELS), _levels(recent, RECENT)]
    found = []
    for span, block in zip(SPANS, (rows["fold"], week, week // 4), strict=True):
        spell = [block.rename("block"), rows["pair"]]
        usual = _usual(rows["position"], [rows["fold"], *alike], spell)
        table = pd.DataFrame({
            # What is held against the usual side is not held.
            "held": np.maximum(0.0, rows["position"] * np.sign(usual)),
            "usual": usual.abs(),
            "earned": usual * rows["move"] / noise,
            "square": usual**2,
        })  # fmt: skip
        for kind, keys in (("", spell), (" and side", [*spell, (usual > 0.0).rename("side")])):
            sums = table.groupby(keys, sort=True).sum()
            sums = sums[(sums["usual"] >= LEAST_HELD) & (sums["square"] > 0.0)]
            share = sums["held"] / sums["usual"]
            for most in (QUIET, SMALL):
                quiet = (share <= most * float(share.quantile(0.75))).to_numpy() if len(share) else np.zeros(0, bool)
                if quiet.any():
                    found.append(_judged(f"{span}{kind}", sums["earned"] / np.sqrt(sums["square"]), quiet))
    return max(found, key=lambda each: (each.low, each.count), default=None)


def _levels(values: pd.Series[float], count: int) -> pd.Series[int]:
    return (values.rank(pct=True) * count).clip(upper=count - 1e-9).astype("int64")


def _usual(position: pd.Series[float], alike: list[pd.Series[int]], spell: list[pd.Series[int]]) -> pd.Series[float]:
    """Return the mean position at like forecasts in spells that are traded: of the same fold, else of all."""
    traded = position.where(position.groupby(spell).transform(lambda x: x.abs().max()) > 0.0)
    near, far = (traded.groupby(keys).transform("mean") for keys in (alike, alike[1:]))
    enough = traded.groupby(alike).transform("count") >= LEAST_ALIKE
    return near.where(enough, far).fillna(0.0)


def _judged(span: str, results: pd.Series[float], quiet: npt.NDArray[np.bool_]) -> QuietSpells:
    """Return the share of quiet spells that lose, and how surely they are worse than what was held at the same time."""
    losing, worse = float((results[quiet] < 0.0).mean()), 0.5
    weights, shares, errors = [], [], []
    for _, part in pd.DataFrame({"result": results, "quiet": quiet}).groupby(level="block"):
        silent, held = (
            part.loc[part["quiet"] == which, "result"].to_numpy(dtype=np.float64) for which in (True, False)
        )
        if silent.size and held.size:
            below = silent[:, None] < held[None, :]
            weights.append(silent.size * held.size / (silent.size + held.size))
            shares.append(float(below.mean()))
            errors.append(_error(silent.size, held.size))
    if not weights:
        return QuietSpells(span, int(quiet.sum()), losing, worse, 0.0)
    weight = np.array(weights) / sum(weights)
    worse = float(weight @ np.array(shares))
    error = float(np.sqrt((weight**2) @ (np.array(errors) ** 2)))
    low = worse - deviations(math.inf, LOOKS) * error
    return QuietSpells(span, int(quiet.sum()), losing, worse, max(0.0, low) if losing >= MOST_LOSE else 0.0)


def _error(silent: int, held: int, worse: float = 0.9) -> float:
    """Return the standard error of a share of pairs in order (Hanley and McNeil 1982), where it is `worse`."""
    one, other = worse / (2.0 - worse), 2.0 * worse**2 / (1.0 + worse)
    spread = worse * (1.0 - worse) + (held - 1) * (one - worse**2) + (silent - 1) * (other - worse**2)
    return math.sqrt(spread / (silent * held))
