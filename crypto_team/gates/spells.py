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
KNOWN_BY_CHANCE = 0.04
"""Share of those who know which pairs are dead that may be refused because by chance most of these lost."""
PLAUSIBLE_WORSE = 0.7
"""Share of comparisons that who knows the past may get right: normal results three quarters of a deviation apart."""
SPANS = ("test part", "week", "four weeks")
LOOKS = 5 * len(SPANS)
"""The five looks at a span are at the same spells: what these would have lost counts as one."""


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
                    told = _judged(f"{span}{kind}", sums["earned"] / np.sqrt(sums["square"]), quiet)
                    found.append(_counted_once(told, rows.assign(earned=table["earned"]), keys, sums.index[quiet]))
        small = _small(span, own, spell)
        found += [] if small is None else [small]
    return max(found, key=lambda each: (each.low, each.count), default=None)


def _usual(position: pd.Series[float], alike: list[pd.Series[int]], spell: list[pd.Series[int]]) -> pd.Series[float]:
    """Return the mean position at like forecasts in spells that are traded: of the same fold, else of all."""
    traded = position.where(position.abs().groupby(spell).transform("max") > 0.0)
    return mean_at_like(traded, alike)


def _own(rows: pd.DataFrame, alike: list[pd.Series[int]], noise: pd.Series[float], cost_bps: float) -> pd.DataFrame:
    """Return what each row holds, what is usual where something is held, and what it earned and paid in deviations."""
    size = rows["position"].abs()
    changed = rows["position"].groupby([rows["pair"], rows["fold"]]).diff().fillna(rows["position"]).abs()
    return pd.DataFrame({
        "bars": (size > 0.0).astype(np.float64),
        "held": size,
        "usual": _large(size.where(size > 0.0), alike),
        "earned": rows["position"] * rows["move"] / noise,
        "square": size**2,
        "cost": cost_bps / 1e4 * changed / noise,
        "pair": rows["pair"],
        "time": rows["time"],
    })  # fmt: skip


def _large(size: pd.Series[float], alike: list[pd.Series[int]]) -> npt.NDArray[np.float64]:
    """Return the upper tenth of sizes at like forecasts, over all folds: where most are small, so is their mean."""
    group = size.groupby(alike).ngroup()
    return np.asarray(size.groupby(group).quantile(0.9).fillna(0.0).to_numpy(dtype=np.float64)[group])


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
    alone = small.sum() * _apart(own, spell, lost.index)
    chance = _at_least(float(lost.mean()) * alone, alone, worthless)
    found = _judged(f"{span}, at a small size", sums["earned"] / error, small)
    low = found.limit if chance <= FALSE_ALARM / len(SPANS) else 0.0
    return replace(found, losing=float(lost.mean()), low=low)


def _counted_once(told: QuietSpells, rows: pd.DataFrame, keys: list[pd.Series[int]], quiet: pd.Index) -> QuietSpells:
    """Let spells pass of which chance alone loses as many, those that lose together being as good as one.

    Forecasts that are worth nothing lose half of the time. Somebody who knows where they are leaves out what is worse
    than the rest, and where pairs move together a few bad test parts are enough for most of it to lose.
    """
    if told.low <= PLAUSIBLE_WORSE:
        return told
    share = _apart(rows, keys, quiet)
    alone = told.count * share
    # The same share once more: a correlation of few spells is not well known.
    sure = _at_least(told.losing * alone, alone, 0.5) <= KNOWN_BY_CHANCE * share
    return told if sure else replace(told, low=0.0)


def _apart(rows: pd.DataFrame, keys: list[pd.Series[int]], spells: pd.Index) -> float:
    """Return how many spells there are for each of these: 1 where none win and lose together.

    With correlation r, k spells of one time are as good as k / (1 + (k - 1) r) (Kish 1965). `rows` has `time`, `pair`
    and `earned`.
    """
    each = len(spells) / spells.get_level_values("block").nunique()
    chosen = pd.MultiIndex.from_frame(pd.concat(keys, axis=1)).isin(spells)
    return 1.0 / (1.0 + (each - 1.0) * together(rows[chosen]))


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
    block, values = results.index.get_level_values("block").to_numpy(), results.to_numpy(dtype=np.float64)
    for rows in np.split(np.arange(block.size), np.flatnonzero(block[1:] != block[:-1]) + 1):
        silent, held = values[rows][quiet[rows]], values[rows][~quiet[rows]]
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
