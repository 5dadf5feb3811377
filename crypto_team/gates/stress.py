"""Checks by stress: a bar of delay, shuffled labels, the letter of the KPIs (LK009, LK011, OF012, PF014)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import DEVIATIONS
from crypto_team.gates.hindsight import sharpe_surely
from crypto_team.gates.recompute import Returns, bar_moves, milliseconds, stamp
from crypto_team.gates.registry import Verdict, check, insufficient, judge, weigh
from crypto_team.gates.skill import part_skill, skill_contributions
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clusters import clustered
from crypto_team.validation.metrics import summary

Floats = npt.NDArray[np.float64]
RETRAIN = ("crypto-team ml-engineer importance STR", "crypto-team ml-engineer train STR")
LATE_BARS = 1
ROOM = 0.2
STRONG = 4.0
"""Sharpe ratio after costs from which on, where it is sure, an edge may not lie in its first bar for the most part."""
DRAWS = 199


@check(
    "LK009",
    "One bar of delay does not destroy it",
    unit="share of the gain that is left",
    source="lag stress: an edge over several bars cannot lie in the first moment alone",
    mend="look for a feature or a position that knows the bar in which it is held",
    remedy=RETRAIN,
    stricter={"left": "higher"},
    passes=(
        f"gain > 0 and (value >= left + more or gain * (left + more + {ROOM} - value) <= by_chance "
        f"or horizon <= 1 and (value >= -1 or gain * ({ROOM} - 1 - value) <= by_chance))"
    ),
)
def survives_delay(returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, left: float = 0.1) -> Verdict:
    """Hold every position one bar later; of the gross gain, part has to be left.

    A causal model of a label over h bars has its edge spread over them; a leak of the next bar is gone at once. Labels
    over one bar may fade legitimately: for them only gains that turn into losses as large refuse. An edge spread over
    h >= 2 bars keeps 1 - 1/h of its gain or, where it decays, somewhat less than half: refused where less than `left`
    is kept and the gain is surely below `left` + 0.2 of what it was, beyond the budget of false alarms
    (`gates/alarms`), with the error of sums of days, neighbours included.

    Where the yearly Sharpe ratio after costs is surely above four, half of 1 - 1/h has to be left: a source that knows
    a little of the next bar earns so much, and nothing of it later.
    """
    test = returns.test.sort_values(["pair", "time"], kind="stable")
    position = test["position"].fillna(0.0)
    ahead = bar_moves(test, market, meta)
    later = position.groupby(test["pair"]).shift(LATE_BARS).fillna(0.0).to_numpy(dtype=np.float64)
    known = np.isfinite(ahead)
    gain, kept = position.to_numpy()[known] * ahead[known], later[known] * ahead[known]
    before, after = float(gain.sum()), float(kept.sum())
    if before <= 0.0:
        return insufficient("there is no gross gain that delay could destroy")
    value = after / before
    wanted, more = left if meta.horizon_bars > 1 else -1.0, 0.0
    if meta.horizon_bars > 1 and sharpe_surely(returns) > STRONG:
        more = max(0.0, (1.0 - 1.0 / meta.horizon_bars) / 2.0 - left)
    wanted += more
    surplus = kept - (wanted + ROOM) * gain
    error = math.sqrt(clustered((surplus - surplus.mean())[:, None], milliseconds(test["time"])[known] // DAY_MS)[0, 0])
    text = f"gross gain {before:.3f} becomes {after:.3f} when every position is taken one bar later"
    if value < wanted and float(surplus.sum()) + DEVIATIONS * error >= 0.0:
        text += "; on so few days that may be chance"
    if more > 0.0:
        text += f"; with a Sharpe ratio surely above {STRONG:g}, {wanted:.1%} of it have to be left"
    numbers = {"gain": before, "by_chance": DEVIATIONS * error, "horizon": meta.horizon_bars, "more": more}
    return weigh(text, value, numbers, evidence=("predictions.parquet",))


@check(
    "LK011",
    "After the language model's knowledge",
    unit="share of the test behind the cut-off",
    source="a hypothesis from a model that had read the future is no hypothesis",
    remedy=("crypto-team data import FILE", *RETRAIN),
    stricter={"share": "higher", "cutoff": "higher"},
)
def behind_the_cutoff(meta: EvidenceMeta, *, share: float = 0.0, cutoff: float = 202_501) -> Verdict:
    """Mark how much of the test lies behind the month (YYYYMM) up to which the authoring model knows the world.

    Policies that demand it set `share`; by default the part before the cut-off is only marked.
    """
    year, month = divmod(int(cutoff), 100)
    begin = int(pd.Timestamp(year=year, month=max(1, min(12, month)), day=1, tz="UTC").value) // 1_000_000
    spans = [(stamp(fold.test_start), stamp(fold.test_end)) for fold in meta.folds]
    whole = sum(end - first for first, end in spans)
    behind = sum(max(0, end - max(first, begin)) for first, end in spans)
    value = behind / whole if whole else math.nan
    marked = "" if value >= 1.0 else "; what lies before may have been read by the author"
    return judge(value >= share, f"{value:.0%} of the test lies behind {int(cutoff)}{marked}", value)


@check(
    "OF012",
    "Better than with shuffled labels",
    unit="p-value",
    source="permutation test; labels are turned round in time within each fold and pair, so that their runs stay whole",
    remedy=RETRAIN,
    stricter={"p": "lower"},
    passes="value < p",
)
def better_than_shuffled(returns: Returns, meta: EvidenceMeta, *, p: float = 0.05) -> Verdict:
    """Skill on the labels is above the skill on labels that were rotated in time, in all but 5 % of the draws."""
    test = returns.test.sort_values(["fold", "pair", "time"], kind="stable")
    own, rows = part_skill(returns.predictions, meta, "test", 12)
    if rows < 200 or not math.isfinite(own.estimate):
        return insufficient(f"{rows} test rows with a known label, 200 are needed: {max(0, 200 - rows)} more")
    rng = np.random.default_rng(17)
    drawn = np.array([_rotated_skill(test, meta, rng) for _ in range(DRAWS)])
    value = float((1 + (drawn >= own.estimate).sum()) / (DRAWS + 1))
    text = f"skill {own.estimate:.4f}; labels rotated in time give up to {float(np.quantile(drawn, 0.95)):.4f} in 95 %"
    return judge(value < p, text, value, evidence=("predictions.parquet",))


def _rotated_skill(test: pd.DataFrame, meta: EvidenceMeta, rng: np.random.Generator) -> float:
    place = np.arange(len(test))
    for rows in test.groupby(["fold", "pair"], sort=False).indices.values():
        least = min(len(rows) - 1, max(1, 2 * meta.horizon_bars))
        place[rows] = np.roll(rows, int(rng.integers(least, max(least + 1, len(rows) - least))))
    moved = test.assign(label=test["label"].to_numpy()[place], forward_return=test["forward_return"].to_numpy()[place])
    values = np.concatenate([skill_contributions(each, meta) for _, each in moved.groupby("fold")])
    return float(np.nanmean(values))


@check(
    "PF014",
    "Key figures of the ML subsystem are reported",
    unit="figures reached",
    source="KPIs of the ML subsystem: Sharpe ratio above 2, drawdown below 15 %, more than half of the trades won",
    remedy=("crypto-team ml-engineer report STR",),
    stricter={"reached": "higher"},
)
def key_figures_reported(returns: Returns, meta: EvidenceMeta, *, reached: float = 0) -> Verdict:
    """Compute every key figure and say which level it reaches; levels are ambitions and do not refuse."""
    told = summary(returns.predictions)
    trades = returns.trades
    days = len(np.unique(milliseconds(returns.test["time"]) // 86_400_000))
    sharpe, fall, hits = (float(told[name] or 0.0) for name in ("sharpe", "max_drawdown", "hit_rate"))
    levels = (
        (sharpe > 2.0, f"Sharpe ratio {sharpe:.2f} (above 2)"),
        (abs(fall) < 0.15, f"drawdown {abs(fall):.1%} at full size (below 15 %)"),
        (hits > 0.5, f"{hits:.1%} of {len(trades)} trades won (above 50 %)"),
    )
    if days == 0 or not all(map(math.isfinite, (sharpe, fall, hits))):
        return insufficient("a key figure is undefined: the strategy never traded")
    count = sum(good for good, _ in levels)
    text = "; ".join(f"{line}: {'reached' if good else 'not reached'}" for good, line in levels)
    per_day = f"; bars of {timeframe_seconds(meta.timeframe) // 60} minutes over {days} days"
    return judge(count >= reached, text + per_day, count)
