"""Whether stretches at rest lose and those between them win, wherever they begin (LK012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.gates.alarms import FALSE_ALARM
from crypto_team.gates.likeness import levels_of, mean_at_like
from crypto_team.gates.spells import LEAST_HELD, LEVELS, RECENT, SMALL, together

Floats = npt.NDArray[np.float64]
LONG_BARS = 24
"""Shorter stretches without a position lie between two trades of any rule."""
CLEAR, DENSE = 0.75, 0.8
"""What like forecasts hold elsewhere, as a share of a full position, and on average of what is usually held."""
MOST_LOSE, BY_ITSELF = 0.75, 0.05
LOOKS = 2
"""Of single pairs and of all together; whole stretches and their pieces are almost the same look."""
PEGGED = 0.1
"""Share of the usual deviation of a move below which the price of a pair is pegged, and costs are many deviations."""
SUMS = ["earned", "square", "cost", "bars"]


@dataclass(frozen=True)
class Silences:
    """Stretches at rest and at work: how many, which share lost and won, and how probable that is by chance.

    `chance` is that of both together, `at_rest` that of the stretches at rest alone, where forecasts are worth nothing.
    """

    what: str
    count: int
    losing: float
    held: int
    winning: float
    chance: float
    at_rest: float

    @property
    def told(self) -> bool:
        """Tell whether nobody could have known this."""
        surely = self.chance <= FALSE_ALARM / LOOKS and self.at_rest <= BY_ITSELF
        return surely and self.losing >= MOST_LOSE

    def words(self) -> str:
        """Return the figures as a sentence."""
        return (
            f"in {self.count} stretches ({self.what}) little or nothing is held, though forecasts are like those that "
            f"are traded elsewhere: {self.losing:.0%} of them would have lost, {self.winning:.0%} of the {self.held} "
            f"between them won, by chance once in {1.0 / max(self.chance, 1e-12):,.0f}"
        )


def silences(rows: pd.DataFrame, bars: int, cost_bps: float = 0.0) -> Silences | None:
    """Return the least probable of the looks at stretches of single pairs and of all pairs together; None without any.

    Parameters
    ----------
    rows
        With `time` (milliseconds), `pair`, `fold`, `signal`, `position` and `move`, the return of the next bar, in
        order of time within each pair.
    bars
        How many of the last forecasts may have opened what is held now.
    cost_bps
        Cost of each change of position in basis points.

    Notes
    -----
    A stretch at rest is a run of more than a day of hourly bars in which a pair holds half of a full position or less,
    while like forecasts are traded elsewhere. What it would have earned follows from what like forecasts hold outside
    of such stretches. Who switches off by the past leaves out what wins as well; at best he knows what is worth
    nothing, which loses as often as its costs say. What is held between is expected to win as often as its mean over
    the same stretches says. Stretches are judged whole, and cut into pieces of about the length of the shorter ones,
    because what lost twice in a row is one stretch. Pairs that move together count as fewer. A pair whose price never
    moves has nothing to lose but costs and is left out; among all pairs, so is one that moves a tenth of the others.

    A rule that rests until it would have lost, and works until it has won, shows the same by its stopping alone; it
    has to lose in one kind of stretch what it wins in the few that do not end, and is told from hindsight by nobody.
    """
    table = _table(_moving(rows, 0.0), bars, cost_bps)
    usual = float(table.loc[~table["rests"], "size"].mean())
    found = []
    for what, each in (("of a pair", table), ("of all pairs", _all_pairs(_moving(table, PEGGED)))):
        resting = _resting(each, usual)
        if resting.any():
            run = _runs(resting, each["pair"])
            found += [_judged(what, each, resting, part) for part in (run, _pieces(each, run, resting))]
    return min(
        (each for each in found if each is not None), key=lambda each: (not each.told, each.chance), default=None
    )


def _moving(rows: pd.DataFrame, least: float) -> pd.DataFrame:
    """Return the rows of pairs whose moves vary, by more than a share of what those of the median pair do."""
    noise = rows["move"].groupby(rows["pair"]).std()
    noise = noise[noise > 0.0]
    moving = noise[noise > least * float(noise.median())].index if len(noise) else noise.index
    return rows[rows["pair"].isin(moving)].reset_index(drop=True)


def _runs(flag: pd.Series[Any], pair: pd.Series[str]) -> pd.Series[int]:
    """Return the number of the run of equal flags of its pair that each row lies in."""
    return ((flag != flag.shift()) | (pair != pair.shift())).cumsum().astype("int64")


def _length(run: pd.Series[int]) -> pd.Series[int]:
    return run.groupby(run).transform("size")


def _table(rows: pd.DataFrame, bars: int, cost_bps: float) -> pd.DataFrame:
    """Return what each row holds and what like forecasts hold, and what both earn and pay, in deviations."""
    pair, size = rows["pair"], rows["position"].abs()
    full = float(size[size > 0.0].quantile(0.75)) if (size > 0.0).any() else 1.0
    small = size <= SMALL * full
    rests = small & (_length(_runs(small, pair)) > max(LONG_BARS, 6 * bars))
    recent = rows["signal"].groupby([pair, rows["fold"]]).transform(lambda x: x.rolling(bars, 1).mean())
    alike = [rows["fold"], levels_of(rows["signal"], LEVELS), levels_of(recent, RECENT)]
    changed = rows["position"].groupby([pair, rows["fold"]]).diff().fillna(0.0).abs()
    noise = rows["move"].groupby(pair).transform("std")
    usual = mean_at_like(rows["position"].where(~rests), alike)
    return pd.DataFrame({
        "time": rows["time"],
        "pair": pair,
        "move": rows["move"],
        "size": size,
        "small": small,
        "rests": rests,
        "clear": usual.abs() >= CLEAR * full,
        "held": size >= CLEAR * full,
        "usual": mean_at_like(size.where(~rests), alike),
        "earned": usual * rows["move"] / noise,
        "square": usual**2,
        "cost": mean_at_like(changed.where(~rests), alike) * cost_bps / 1e4 / noise,
        "own_earned": rows["position"] * rows["move"] / noise,
        "own_square": rows["position"] ** 2,
        "own_cost": changed * cost_bps / 1e4 / noise,
    })  # fmt: skip


def _all_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return the same of all pairs together; squares are scaled to what the sums truly vary."""
    by_time = table.drop(columns=["pair", "move"]).groupby("time")
    made = by_time.sum().assign(size=by_time["size"].mean(), usual=by_time["usual"].mean()).reset_index()
    for kind in ("", "own_"):
        varied = float((made[f"{kind}earned"] ** 2).sum()) / max(float(made[f"{kind}square"].sum()), 1e-12)
        made[f"{kind}square"] *= varied
    full = float(made.loc[made["size"] > 0.0, "size"].quantile(0.75)) if (made["size"] > 0.0).any() else 1.0
    return made.assign(pair="", small=made["size"] <= SMALL * full, clear=made["clear"] > 0, held=made["held"] > 0)


def _resting(table: pd.DataFrame, usual: float) -> pd.Series[bool]:
    """Tell which rows lie in long stretches at rest in which like forecasts are traded elsewhere."""
    run = _runs(table["small"], table["pair"])
    sums = table.groupby(run)[["usual", "clear", "square"]].sum()
    bars = table.groupby(run).size()
    kept = (bars > LONG_BARS) & (sums["clear"] >= LEAST_HELD) & (sums["square"] > 0.0)
    kept &= sums["usual"] >= DENSE * usual * bars
    return table["small"] & run.map(kept)


def _pieces(table: pd.DataFrame, run: pd.Series[int], resting: pd.Series[bool]) -> pd.Series[int]:
    """Cut stretches into pieces of about the length that a quarter of those at rest do not reach."""
    length = _length(run)
    short = max(float(LONG_BARS), float(length[resting].groupby(run[resting]).first().quantile(0.25)))
    pieces = np.maximum(1, np.round(length / short)).astype("int64")
    place = table.groupby(run).cumcount() * pieces // length
    return _runs(place + run * (int(pieces.max()) + 1), table["pair"])


def _judged(what: str, table: pd.DataFrame, resting: pd.Series[bool], part: pd.Series[int]) -> Silences | None:
    """Return how many stretches at rest lost and between them won, and how probable so many are."""
    bars = pd.Series(1, index=table.index)
    rest = table.assign(bars=bars)[resting].groupby(part)[SUMS].sum()
    rest = rest[rest["square"] > 0.0]
    if len(rest) < 2:
        return None
    works = ~resting & resting.groupby(table["pair"]).transform("any")
    own = table[["own_earned", "own_square", "own_cost", "held"]].set_axis([*SUMS[:3], "held"], axis=1)
    work = own.assign(bars=bars)[works].groupby(part).sum()
    work = work[(work["held"] >= LEAST_HELD) & (work["bars"] > LONG_BARS) & (work["square"] > 0.0)]
    drift = max(0.0, float(work["earned"].sum() / work["square"].sum())) if len(work) else 0.0
    loses = stats.norm.cdf(rest["cost"] / np.sqrt(rest["square"]))
    wins = stats.norm.cdf((drift * work["square"] - work["cost"]) / np.sqrt(work["square"]))
    lost, won = (rest["earned"] < rest["cost"]), (work["earned"] > work["cost"])
    one = _as_one(table[resting])
    return Silences(
        what,
        len(rest),
        float(lost.mean()),
        len(work),
        float(won.mean()) if len(work) else 0.0,
        _at_least(int(lost.sum() + won.sum()), np.concatenate([loses, wins]), one),
        _at_least(int(lost.sum()), loses, one),
    )


def _as_one(table: pd.DataFrame) -> float:
    """Return how many stretches of one time are as good as one, from how much pairs move together."""
    at_once = len(table) / table["time"].nunique()
    return 1.0 + (at_once - 1.0) * together(table)


def _at_least(count: int, shares: Floats, one: float) -> float:
    """Return the probability of `count` or more hits, each with its share; those of one time count as fewer.

    With the mean share: unlike ones spread less (Hoeffding 1956).
    """
    hits, tries = count / one, len(shares) / one
    return float(stats.beta.cdf(float(shares.mean()), hits, tries - hits + 1.0)) if count else 1.0
