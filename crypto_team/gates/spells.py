"""Whether spells in which nothing, or little, is held are those in which the forecasts would have lost (LK012)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.gates.alarms import FALSE_ALARM, deviations
from crypto_team.gates.likeness import LEAST_ALIKE, levels_of, mean_at_like
from crypto_team.gates.statistics import DAY_MS

LEVELS, RECENT = 24, 5
QUIET, SMALL = 0.2, 0.5
"""Shares of what is held in most spells up to which a spell is quiet."""
LEAST_HELD = 5.0
MOST_LOSE = 0.8
PLAUSIBLE_WORSE = 0.7
"""Share of comparisons that who knows the past may get right: normal results three quarters of a deviation apart."""
SPANS = ("test part", "week", "four weeks")
LOOKS = 5 * len(SPANS)


@dataclass(frozen=True)
class QuietSpells:
    """What quiet spells would have earned: how many there are, the share that would have lost.

    `worse` is the share of couples of a quiet and a held spell of the same time in which the quiet one is worse;
    `limit` its lower limit at the share of one look in the budget of false alarms, and `low` the same, but 0 where no
    more of them lose than somebody may know.
    """

    span: str
    count: int
    losing: float
    worse: float
    limit: float
    low: float

    def words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"in {self.count} spells ({self.span}, pair by pair) little or nothing is held, though forecasts are like "
            f"those that are traded elsewhere: {self.losing:.0%} of them would have lost, and in {self.worse:.0%} of "
            "comparisons with what was held at the same time they are the worse ones"
        )


def quiet_spells(rows: pd.DataFrame, bars: int, cost_bps: float = 0.0) -> QuietSpells | None:
    """Return the most suspicious of the quiet spells over test parts, weeks and four weeks; None without any.

    Asked of all that a pair holds, and of each side of it alone; of spells that are empty, and of those at half size.

    Parameters
    ----------
    rows
        With `time` (milliseconds), `pair`, `fold`, `signal`, `position` and `move`, the return of the next bar, in
        order of time within each pair.
    bars
        How many of the last forecasts may have opened what is held now.
    cost_bps
        Cost of each change of position in basis points, for spells that are traded at a small size.

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
    alike = [levels_of(rows["signal"], LEVELS), levels_of(recent, RECENT)]
    own, found = _own(rows, alike, noise, cost_bps), []
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
        small = _small(span, own, spell)
        found += [] if small is None else [small]
    return max(found, key=lambda each: (each.low, each.count), default=None)


def _usual(position: pd.Series[float], alike: list[pd.Series[int]], spell: list[pd.Series[int]]) -> pd.Series[float]:
    """Return the mean position at like forecasts in spells that are traded: of the same fold, else of all."""
    traded = position.where(position.groupby(spell).transform(lambda x: x.abs().max()) > 0.0)
    return mean_at_like(traded, alike)


def _own(rows: pd.DataFrame, alike: list[pd.Series[int]], noise: pd.Series[float], cost_bps: float) -> pd.DataFrame:
    """Return what each row holds, what is usual where something is held, and what it earned and paid in deviations."""
    size = rows["position"].abs()
    changed = rows["position"].groupby([rows["pair"], rows["fold"]]).diff().fillna(rows["position"]).abs()
    return pd.DataFrame({
        "bars": (size > 0.0).astype(np.float64),
        "held": size,
        # Over all folds: where most of a fold is small, its own mean is small as well.
        "usual": size.where(size > 0.0).groupby(alike).transform("mean").fillna(0.0),
        "earned": rows["position"] * rows["move"] / noise,
        "square": size**2,
        "cost": cost_bps / 1e4 * changed / noise,
        "pair": rows["pair"],
        "time": rows["time"],
    })  # fmt: skip


def _small(span: str, own: pd.DataFrame, spell: list[pd.Series[int]]) -> QuietSpells | None:
    """Return what spells earned that begin at half the usual size or less; None without any.

    Sizes are those of the first bars that are held: who holds less after losses within a spell makes it small because
    it lost, and knows the past only.
    """
    figures = own.drop(columns=["pair", "time"])
    sums = figures.groupby(spell, sort=True).sum()
    sums = sums[sums["bars"] >= LEAST_HELD]
    first = figures[(own["bars"] > 0.0) & (own["bars"].groupby(spell).cumsum() <= LEAST_HELD)].groupby(spell).sum()
    share = (first["held"] / first["usual"]).reindex(sums.index)
    small = (share <= SMALL * float(share.quantile(0.75))).to_numpy() if len(share) else np.zeros(0, bool)
    if not small.any():
        return None
    error = np.sqrt(sums["square"])
    lost = (sums["earned"] < sums["cost"])[small]
    worthless = float(stats.norm.cdf((sums["cost"] / error)[small]).mean())
    # A few spells that lose together, because pairs move together, are as good as one.
    of_small = pd.MultiIndex.from_frame(pd.concat(spell, axis=1)).isin(lost.index)
    alone = 1.0 + (small.sum() / lost.groupby(level="block").ngroups - 1.0) * together(own[of_small])
    chance = _at_least(float(lost.sum()) / alone, small.sum() / alone, worthless)
    found = _judged(f"{span}, at a small size", sums["earned"] / error, small)
    low = found.limit if chance <= FALSE_ALARM / LOOKS else 0.0
    return replace(found, losing=float(lost.mean()), low=low)


def _at_least(count: float, of: float, share: float) -> float:
    """Return the probability of `count` or more of `of`, each with `share`; at most that of unlike ones (Hoeffding)."""
    return float(stats.beta.cdf(share, count, of - count + 1.0)) if count > 0.0 else 1.0


def together(own: pd.DataFrame) -> float:
    """Return the mean correlation of what pairs earn at the same time, 0 where it is none or less."""
    wide = own.pivot_table(index="time", columns="pair", values="earned", aggfunc="first")
    table = wide.corr(min_periods=LEAST_ALIKE).to_numpy(dtype=np.float64)
    found = table[~np.eye(len(table), dtype=bool) & np.isfinite(table)]
    return max(0.0, float(found.mean())) if found.size else 0.0


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
        return QuietSpells(span, int(quiet.sum()), losing, worse, 0.0, 0.0)
    weight = np.array(weights) / sum(weights)
    worse = float(weight @ np.array(shares))
    error = float(np.sqrt((weight**2) @ (np.array(errors) ** 2)))
    limit = max(0.0, worse - deviations(math.inf, LOOKS) * error)
    return QuietSpells(span, int(quiet.sum()), losing, worse, limit, limit if losing >= MOST_LOSE else 0.0)


def _error(silent: int, held: int, worse: float = 0.9) -> float:
    """Return the standard error of a share of pairs in order (Hanley and McNeil 1982), where it is `worse`."""
    one, other = worse / (2.0 - worse), 2.0 * worse**2 / (1.0 + worse)
    spread = worse * (1.0 - worse) + (held - 1) * (one - worse**2) + (silent - 1) * (other - worse**2)
    return math.sqrt(spread / (silent * held))
