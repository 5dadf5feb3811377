"""Results by market regime; the regime of a day is known before the day begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.validation import metrics

WINDOW_DAYS = 20
LEAST_HISTORY_DAYS = 60
VOLATILITY = ("low", "middle", "high")
TREND = ("down", "up")


@dataclass(frozen=True)
class RegimeRow:
    """What happened on the test days of one regime; shares are of all test days and of the summed net return."""

    group: str
    name: str
    days: int
    share_of_days: float
    net_return: float
    sharpe: float
    share_of_profit: float


def market_regimes(market: pd.DataFrame) -> pd.DataFrame:
    """Classify every UTC day of the market from the days before it.

    Parameters
    ----------
    market
        The market table of an evidence set: time, pair, close.

    Returns
    -------
    DataFrame
        Indexed by day; `volatility` (0 low, 1 middle, 2 high) compares the deviation of the last 20 daily returns
        with the terciles of all earlier values, `trend` (0 down, 1 up) the last close with its 20-day mean. Both use
        closes up to the day before only, of an equal-weight index over pairs; NaN while there is too little history.
    """
    stamps = pd.DatetimeIndex(market["time"]).tz_localize(None).floor("D")
    closes = market["close"].groupby([stamps, market["pair"].to_numpy()]).last().unstack()
    returns = closes.pct_change(fill_method=None).mean(axis=1)
    deviation = returns.rolling(WINDOW_DAYS).std().shift(1)
    earlier = deviation.expanding(min_periods=LEAST_HISTORY_DAYS)
    edges = [earlier.quantile(share).shift(1) for share in (1.0 / 3.0, 2.0 / 3.0)]
    known = edges[0].notna() & deviation.notna()
    level = (deviation > edges[0]).astype(np.float64) + (deviation > edges[1]).astype(np.float64)
    index = (1.0 + returns.fillna(0.0)).cumprod()
    mean = index.rolling(WINDOW_DAYS).mean()
    trend = (index > mean).astype(np.float64).where(mean.notna()).shift(1)
    return pd.DataFrame({"volatility": level.where(known), "trend": trend})


def regime_rows(
    market: pd.DataFrame, days: npt.NDArray[np.datetime64], returns: npt.NDArray[np.float64]
) -> tuple[RegimeRow, ...]:
    """Split daily net returns by the regime of their day; days without a regime get a row of their own."""
    table = market_regimes(market).reindex(pd.DatetimeIndex(days.astype("datetime64[ns]")).as_unit("ns"))
    rows: list[RegimeRow] = []
    for group, names in (("volatility", VOLATILITY), ("trend", TREND)):
        state = table[group].to_numpy(dtype=np.float64)
        rows.extend(_row(group, name, returns, state == number) for number, name in enumerate(names))
        if np.isnan(state).any():
            rows.append(_row(group, "unknown", returns, np.isnan(state)))
    return tuple(rows)


def _row(group: str, name: str, returns: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_]) -> RegimeRow:
    total, part = float(returns.sum()), returns[inside]
    return RegimeRow(
        group=group,
        name=name,
        days=int(inside.sum()),
        share_of_days=float(inside.mean()) if inside.size else math.nan,
        net_return=float(part.sum()),
        sharpe=metrics.sharpe(part, periods_per_year=metrics.DAYS_PER_YEAR),
        share_of_profit=float(part.sum()) / total if total > 0.0 else math.nan,
    )
