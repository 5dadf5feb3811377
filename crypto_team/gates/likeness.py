"""What a rule usually holds at a forecast: the mean over rows with like forecasts, of the same fold and pair."""

from __future__ import annotations

import pandas as pd

LEAST_ALIKE = 20


def like_forecasts(rows: pd.DataFrame, *, levels: int, recent: int = 1, bars: int = 1) -> list[pd.Series[int]]:
    """Return what rows with like forecasts share, to group by: pair, fold, and levels of the forecast.

    Parameters
    ----------
    rows
        With `pair`, `fold` and `signal`, in order of time within each pair; no signal is missing.
    levels
        Into how many equal parts the forecasts of a fold and pair are dealt by rank; ties share one.
    recent
        The same for the mean forecast of the last `bars` rows, at least three: what is held now was often opened then.
        One part does not ask for it.
    """
    group = [rows["pair"], rows["fold"]]
    made = [*group, _levels(rows["signal"], group, levels)]
    if recent > 1:
        past = rows["signal"].groupby(group, sort=False).transform(lambda x: x.rolling(max(3, bars), 1).mean())
        made.append(_levels(past, group, recent))
    return made


def _levels(values: pd.Series[float], group: list[pd.Series[int]], count: int) -> pd.Series[int]:
    share = values.groupby(group, sort=False).rank(pct=True)
    return (share * count).clip(upper=count - 1e-9).astype("int64")


def levels_of(values: pd.Series[float], count: int) -> pd.Series[int]:
    """Return the level of each value among all, by rank, from 0 to `count` - 1."""
    return (values.rank(pct=True) * count).clip(upper=count - 1e-9).astype("int64")


def mean_at_like(values: pd.Series[float], alike: list[pd.Series[int]]) -> pd.Series[float]:
    """Return the mean over rows that are alike, the first key (the fold) aside where few are; 0 without any.

    Missing values do not count, but have a mean.
    """
    near, far = (values.groupby(keys).transform("mean") for keys in (alike, alike[1:]))
    enough = values.groupby(alike).transform("count") >= LEAST_ALIKE
    return near.where(enough, far).fillna(0.0)
