"""Performance of returns and of a predictions table. Returns are simple, per period; NaN are dropped.

The number of periods in a year is always an argument: crypto trades 365 days.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.schemas.ml_spec import OutOfSample
from crypto_team.validation import scores

Floats = npt.NDArray[np.float64]
DAYS_PER_YEAR = 365.0


def _known(returns: Floats) -> Floats:
    return returns[np.isfinite(returns)]


def equity(returns: Floats) -> Floats:
    """Return compounded equity starting with the initial capital 1, shape (n + 1,)."""
    return np.concatenate([[1.0], np.cumprod(1.0 + _known(returns))])


def total_return(returns: Floats) -> float:
    """Return the compounded return over all periods."""
    return float(equity(returns)[-1] - 1.0)


def cagr(returns: Floats, *, periods_per_year: float) -> float:
    """Return the compound annual growth rate; -1 after a total loss, NaN without returns."""
    values = equity(returns)
    if values.size < 2:
        return math.nan
    return float(max(values[-1], 0.0) ** (periods_per_year / (values.size - 1)) - 1.0)


def annual_return(returns: Floats, *, periods_per_year: float) -> float:
    """Return the arithmetic mean return of a year; NaN without returns."""
    values = _known(returns)
    return float(values.mean() * periods_per_year) if values.size else math.nan


def annual_volatility(returns: Floats, *, periods_per_year: float) -> float:
    """Return the annualised ddof-1 deviation; NaN with fewer than two returns."""
    values = _known(returns)
    return float(values.std(ddof=1)) * math.sqrt(periods_per_year) if values.size > 1 else math.nan


def sharpe(returns: Floats, *, periods_per_year: float) -> float:
    """Return the annualised Sharpe ratio with the ddof-1 deviation; NaN without spread."""
    values = _known(returns)
    if values.size < 2 or np.ptp(values) == 0.0:
        return math.nan
    return float(values.mean() / values.std(ddof=1) * math.sqrt(periods_per_year))


def sortino(returns: Floats, *, periods_per_year: float) -> float:
    """Return the annualised Sortino ratio against 0; the downside deviation is over all n (Sortino 1994)."""
    values = _known(returns)
    downside = float(np.mean(np.minimum(values, 0.0) ** 2)) if values.size else 0.0
    if downside == 0.0:
        return math.nan
    return float(values.mean() / math.sqrt(downside) * math.sqrt(periods_per_year))


def drawdowns(returns: Floats) -> Floats:
    """Return the distance from the running peak after each period, <= 0; the initial capital is a peak."""
    values = equity(returns)
    return np.asarray((values / np.maximum.accumulate(values) - 1.0)[1:])


def max_drawdown(returns: Floats) -> float:
    """Return the deepest drawdown as a negative fraction; 0 without returns."""
    return float(min(drawdowns(returns), default=0.0))


def calmar(returns: Floats, *, periods_per_year: float) -> float:
    """Return compound annual growth over the deepest drawdown; NaN without a drawdown."""
    deepest = max_drawdown(returns)
    return cagr(returns, periods_per_year=periods_per_year) / -deepest if deepest < 0.0 else math.nan


def profit_factor(returns: Floats) -> float:
    """Return gross gains over gross losses; infinite without losses, NaN when nothing was won or lost."""
    values = _known(returns)
    gain, loss = float(values[values > 0.0].sum()), float(-values[values < 0.0].sum())
    if loss == 0.0:
        return math.inf if gain > 0.0 else math.nan
    return gain / loss


def hit_rate(returns: Floats) -> float:
    """Return the share of positive values among those that are not zero; NaN when all are zero."""
    values = _known(returns)
    moved = values[values != 0.0]
    return float(np.mean(moved > 0.0)) if moved.size else math.nan


def turnover(position: Floats) -> float:
    """Return the mean absolute change of position per bar; the position before the first bar is flat."""
    return float(np.mean(np.abs(np.diff(position, prepend=0.0)))) if position.size else math.nan


def out_of_sample_rows(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the out-of-sample rows of a predictions table."""
    return predictions[predictions["part"] == "test"]


def bar_returns(predictions: pd.DataFrame, *, column: str = "return_net") -> pd.Series[float]:
    """Return the mean over pairs of a return column of the test rows, indexed by bar time."""
    rows = out_of_sample_rows(predictions)
    return rows.loc[rows[column].notna()].groupby("time", sort=True)[column].mean()


def daily_returns(
    predictions: pd.DataFrame, *, column: str = "return_net"
) -> tuple[npt.NDArray[np.datetime64], Floats]:
    """Return UTC days and the returns of an equal-capital portfolio of all pairs on each of them.

    Parameters
    ----------
    predictions
        A predictions table; only rows of part ``test`` count, NaN returns are left out.
    column
        ``return_net`` or ``return_gross``.

    Returns
    -------
    tuple
        Days (datetime64[D]) and, per day, the sum over bars of the mean over pairs.
    """
    bars = bar_returns(predictions, column=column)
    stamps = pd.DatetimeIndex(bars.index).tz_localize(None).to_numpy().astype("datetime64[D]")
    days, place = np.unique(stamps, return_inverse=True)
    return days, np.asarray(np.bincount(place, bars.to_numpy(dtype=np.float64), minlength=days.size), dtype=np.float64)


def trades_from_positions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Cut the test positions into trades: one row per unbroken stretch of one sign within a pair.

    A hole in time, as between test parts that do not adjoin, ends a trade: positions start flat after it. Rows follow
    each other where they are as far apart as the closest two rows of any pair. A position that is not known is none.

    Returns
    -------
    DataFrame
        pair, entry_time, exit_time (open of the first and last bar held), side (-1 or 1), bars, return_net: the sum of
        its bars' net returns less the cost of leaving, which is booked on the bar after them. A turn pays for leaving
        in the trade that ends. So trades add up to the sum of net returns; one that ends at a hole has not paid.
    """
    rows = out_of_sample_rows(predictions).sort_values(["pair", "time"], kind="stable")
    position = np.nan_to_num(rows["position"].to_numpy(dtype=np.float64))
    side, pair, joined = np.sign(position), rows["pair"].to_numpy(), _joined(rows)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (side[1:] != side[:-1]) | ~joined
    table = {
        "stretch": np.cumsum(new),
        "pair": pair,
        "time": rows["time"].array,
        "side": side,
        "return_net": _with_leaving(rows, position, joined),
    }
    grouped = (
        pd.DataFrame(table)[side != 0.0]
        .groupby("stretch", sort=True)
        .agg(
            pair=("pair", "first"),
            entry_time=("time", "first"),
            exit_time=("time", "last"),
            side=("side", "first"),
            bars=("side", "size"),
            return_net=("return_net", "sum"),
        )
    )
    trades: pd.DataFrame = grouped.reset_index(drop=True).astype({"side": "int8", "bars": "int64"})
    return trades


def _joined(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return for each row but the first whether it follows the one before within its pair, shape (n - 1,)."""
    pair, apart = rows["pair"].to_numpy(), np.diff(pd.DatetimeIndex(rows["time"]).asi8)
    same = pair[1:] == pair[:-1]
    return np.asarray(same & (apart <= apart[same].min(initial=np.iinfo(np.int64).max)))


def _with_leaving(rows: pd.DataFrame, position: Floats, joined: npt.NDArray[np.bool_]) -> Floats:
    """Return net returns per bar with the cost of leaving a side moved to the last bar that it was held.

    The cost of a bar pays for the traded value: at a turn from a to -b that is a + b, of which a is leaving. Without
    gross returns only the cost of becoming flat is known: a flat bar earns nothing else.
    """
    net = np.nan_to_num(rows["return_net"].to_numpy(dtype=np.float64))
    flat = np.where(position == 0.0, 0.0, net)
    gross = rows["return_gross"].to_numpy(dtype=np.float64) if "return_gross" in rows else flat
    paid = np.nan_to_num(np.where(np.isfinite(gross), gross, flat) - rows["return_net"].to_numpy(dtype=np.float64))
    before, now = np.abs(position[:-1]), np.abs(position[1:])
    left = joined & (before > 0.0) & (np.sign(position[1:]) != np.sign(position[:-1]))
    leaving = np.where(left, paid[1:] * before / np.where(left, before + now, 1.0), 0.0)
    net[1:] += leaving
    net[:-1] -= leaving
    return np.asarray(net)


def summary(predictions: pd.DataFrame) -> dict[str, float | int | None]:
    """Compute the headline numbers of all test folds after costs.

    Returns
    -------
    dict
        The fields of :class:`~crypto_team.schemas.ml_spec.OutOfSample`: the Sharpe ratio is annualised on 365 days
        from UTC daily net returns, return and drawdown come from the same days, `hit_rate` is per trade, the
        information coefficient is the Spearman correlation of signal and forward return. An undefined number
        is 0 when the strategy never traded, NaN otherwise.
    """
    rows = out_of_sample_rows(predictions)
    _, daily = daily_returns(predictions)
    trades = trades_from_positions(predictions)
    empty = len(trades) == 0
    classes = scores.n_classes(rows)
    p, y = scores.events(rows) if classes else (np.empty(0), np.empty(0))
    return {
        "bars": len(rows),
        "folds": int(rows["fold"].nunique()),
        "sharpe": 0.0 if empty else sharpe(daily, periods_per_year=DAYS_PER_YEAR),
        "total_return": total_return(daily),
        "max_drawdown": max_drawdown(daily),
        "n_trades": len(trades),
        "hit_rate": 0.0 if empty else hit_rate(trades["return_net"].to_numpy(dtype=np.float64)),
        "log_loss": scores.multi_log_loss(scores.probabilities(rows), rows["label"].to_numpy()) if classes else None,
        "auc": scores.auc(p, y) if classes else None,
        "brier": scores.brier(p, y) if classes else None,
        "ece": scores.ece(p, y) if classes else None,
        "information_coefficient": scores.rank_ic(
            rows["signal"].to_numpy(dtype=np.float64), rows["forward_return"].to_numpy(dtype=np.float64)
        ),
    }


def out_of_sample(predictions: pd.DataFrame) -> OutOfSample:
    """Return :func:`summary` as the record that `ml-spec.yaml` carries."""
    return OutOfSample.model_validate(summary(predictions))
