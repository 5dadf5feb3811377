"""Check of whether what is earned fades away over time (PF011)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Verdict, check, insufficient, weigh
from crypto_team.validation.metrics import daily_returns
from crypto_team.validation.significance import MeanTest, newey_west_t

Floats = npt.NDArray[np.float64]
Folds = npt.NDArray[np.int64]
Part = tuple[Floats, Folds]
"""Daily returns of one part of the time, and the fold of each day."""
FEW_DAYS = 5
FEWEST_FOLDS = 4


@check(
    "PF011",
    "Does not fade away",
    unit="t-value of the change",
    source="alpha decay; Newey and West (1987)",
    mend="train again more often, and find out what changed when it began to fall",
    remedy=("crypto-team ml-engineer define-target STR", "crypto-team ml-engineer train STR"),
    stricter={"t": "higher"},
    passes="value >= t or late >= 0.5 * early",
)
def does_not_fade(returns: Returns, *, t: float = -2.81) -> Verdict:
    """Require that the last third of the test days does not earn significantly less, and less than half, of before.

    The t-value is that of the difference of two means, the weaker of two. Over days its error is Newey and West's, plus
    the spread of the folds' means beyond that: each fold has a model of its own, and one that was trained by bad luck
    is bad for all of its days. Over folds it is that of the means of folds in both parts, weighted by their days: how
    much folds differ is known from these few only, and two bad ones of six may be the last two by chance. What loses in
    the last third, surely and by itself, has faded however much the folds differ: then the t-value is that of its mean.
    The limit is the share of one check in the budget of false alarms (`gates/alarms`); an error from few days or folds
    is itself uncertain (Student 1908, Welch 1947), so the value given is the normal deviate that is as improbable.
    """
    days, daily = daily_returns(returns.predictions)
    if daily.size < 40:
        return insufficient(f"{daily.size} days of returns, 40 are needed: {40 - daily.size} more")
    cut = daily.size * 2 // 3
    fold = _fold_of_days(returns, days)
    parts = ((daily[:cut], fold[:cut]), (daily[cut:], fold[cut:]))
    early, late = (newey_west_t(values) for values, _ in parts)
    by_days = _over_days(parts, (early, late))
    if by_days is None:
        return insufficient("daily returns have no spread")
    alone = _as_normal(late.t, _days_free(late, parts[1][0])) if late.se > 0.0 else 0.0
    value = min(max(by_days, _over_folds(parts)), alone)
    text = f"mean daily return {early.mean:.3%} in the first two thirds, {late.mean:.3%} in the last"
    told = f"t-value of the change {value:.2f}" if value > alone else f"t-value of the last third alone {value:.2f}"
    return weigh(f"{text}; {told}", value, {"early": early.mean, "late": late.mean})


def _fold_of_days(returns: Returns, days: npt.NDArray[np.datetime64]) -> Folds:
    """Return the fold whose model traded on each day; where two meet on one day, the earlier one."""
    test = returns.test
    stamps = pd.DatetimeIndex(test["time"]).tz_localize(None).floor("D")
    first = pd.Series(test["fold"].to_numpy(dtype=np.int64), index=stamps).groupby(level=0).min()
    return first.reindex(pd.DatetimeIndex(days)).fillna(-1).to_numpy(dtype=np.int64)


def _over_days(parts: Sequence[Part], means: Sequence[MeanTest]) -> float | None:
    """Return the change over its error from days and from folds, as a normal deviate; None without any spread."""
    between = _between_folds(parts)
    variances = [each.se**2 + between / np.unique(folds).size for each, (_, folds) in zip(means, parts, strict=True)]
    error = math.sqrt(sum(variances))
    if not error > 0.0:
        return None
    free = [_days_free(each, values) for each, (values, _) in zip(means, parts, strict=True)]
    early, late = means
    return _as_normal((late.mean - early.mean) / error, _freedom(variances, free))


def _over_folds(parts: Sequence[Part]) -> float:
    """Return the change of the means of folds over its error, as a normal deviate; minus infinity of too few folds."""
    means, weights, errors, units = [], [], 0.0, 0
    for part in parts:
        groups = _groups(part)
        if not groups:
            return -math.inf
        sizes, found = np.array([group.size for group in groups]), np.array([group.mean() for group in groups])
        means.append(float(np.average(found, weights=sizes)))
        weights.append(float(sizes.sum()))
        errors += float((sizes * (found - means[-1]) ** 2).sum())
        units += len(groups)
    if units < FEWEST_FOLDS or not errors > 0.0:
        return -math.inf
    variance = errors / (units - 2) * (1.0 / weights[0] + 1.0 / weights[1])
    return _as_normal((means[1] - means[0]) / math.sqrt(variance), units - 2.0)


def _groups(part: Part) -> list[Floats]:
    """Return the daily returns of each fold that has more than a few days in this part."""
    values, folds = part
    found = (values[folds == number] for number in np.unique(folds))
    return [group for group in found if group.size >= FEW_DAYS]


def _between_folds(parts: Sequence[Part]) -> float:
    """Return the variance of folds' true means: that of their means less what their days explain; 0 if negative.

    Only folds of the same part of the time are compared.
    """
    between = within = 0.0
    freedom = 0
    for part in parts:
        groups = _groups(part)
        if len(groups) < 2:
            continue
        means = np.array([group.mean() for group in groups])
        between += float(((means - means.mean()) ** 2).sum())
        within += float(np.mean([group.var(ddof=1) / group.size for group in groups])) * (len(groups) - 1)
        freedom += len(groups) - 1
    return max(0.0, between - within) / freedom if freedom else 0.0


def _days_free(found: MeanTest, values: Floats) -> float:
    """Return the degrees of freedom of a Newey-West error: 3 n / 2 (lags + 1) at frequency zero (Priestley 1981)."""
    return 1.5 * values.size / (found.lags + 1.0)


def _freedom(variances: Sequence[float], each: Sequence[float]) -> float:
    """Return the degrees of freedom of a sum of two estimated variances (Welch 1947); `each` has theirs."""
    return sum(variances) ** 2 / sum(
        variance**2 / max(1.0, freedom) for variance, freedom in zip(variances, each, strict=True)
    )


def _as_normal(t: float, freedom: float) -> float:
    """Return the normal deviate that is as improbable as a t-value of so many degrees of freedom."""
    return float(stats.norm.ppf(stats.t.cdf(t, freedom))) if abs(t) < 30.0 else t
