"""What a Freqtrade run means: numbers from its trades, files for people, agreement with the stored signals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crypto_team.data.frame import epoch_ms
from crypto_team.trading.signals import entries_exits
from crypto_team.validation.metrics import max_drawdown, profit_factor, sharpe

if TYPE_CHECKING:
    from crypto_team.freqtrade.job import BacktestRun
    from crypto_team.schemas.ml_spec import Signal

DAYS_PER_YEAR = 365
SIGNAL_TOLERANCE = 1e-9
FORCED = "force_exit"
FLAGS = ("enter_long", "exit_long", "enter_short", "exit_short")
LOG_COLUMNS = (
    "pair",
    "side",
    "open_date",
    "close_date",
    "open_rate",
    "close_rate",
    "stake_amount",
    "profit_ratio",
    "profit_abs",
    "funding_fees",
    "exit_reason",
)


def equity_curve(trades: pd.DataFrame, signals: pd.DataFrame, *, wallet: float, start: str, end: str) -> pd.DataFrame:
    """Return the account at the end of each UTC day: columns time (the day), equity.

    Closed trades count with their profit, open ones as if they were sold at the last close of the day, after the fee of
    their entry; their exit fee and funding count when they close. `signals` holds date, pair and close of every candle.
    """
    days = pd.date_range(pd.Timestamp(start).floor("D"), pd.Timestamp(end).ceil("D"), freq="D")
    equity = np.full(len(days), wallet)
    if trades.empty:
        return pd.DataFrame({"time": days, "equity": equity})
    by_day = signals.assign(day=pd.to_datetime(signals["date"], utc=True).dt.floor("D")).sort_values("date")
    closes = by_day.groupby(["pair", "day"])["close"].last()
    marks = {str(pair): closes[pair].reindex(days).ffill().to_numpy(np.float64) for pair in trades["pair"].unique()}
    opened = days.searchsorted(pd.DatetimeIndex(pd.to_datetime(trades["open_date"], utc=True).dt.floor("D")))
    closed = days.searchsorted(pd.DatetimeIndex(pd.to_datetime(trades["close_date"], utc=True).dt.floor("D")))
    side = np.where(trades["is_short"].astype(bool), -1.0, 1.0)
    columns = (trades[name].tolist() for name in ("pair", "amount", "open_rate", "fee_open", "profit_abs"))
    for first, last, sign, pair, amount, rate, fee, profit in zip(opened, closed, side, *columns, strict=True):
        equity[first:last] += amount * (sign * (marks[pair][first:last] - rate) - rate * fee)
        equity[last:] += profit
    return pd.DataFrame({"time": days, "equity": equity})


def metrics(trades: pd.DataFrame, signals: pd.DataFrame, *, wallet: float, start: str, end: str) -> dict[str, float]:
    """Compute the numbers of a run from its trades and the closes of the candles.

    `sharpe` is annualised on 365 days from the daily changes of the account; `max_drawdown` is negative; `exposure` is
    the time in trades over the length of the run (above 1 with several positions); `profit_factor` is infinite
    without losses; `forced_exits` counts the trades that were closed only because the run ended.
    """
    equity = equity_curve(trades, signals, wallet=wallet, start=start, end=end)["equity"].to_numpy(np.float64)
    daily = np.diff(np.concatenate([[wallet], equity])) / np.concatenate([[wallet], equity[:-1]])
    profit = trades["profit_abs"].to_numpy(np.float64)
    span = (pd.Timestamp(end) - pd.Timestamp(start)).total_seconds() / 60.0
    fees = trades["stake_amount"] * trades["fee_open"] + trades["amount"] * trades["close_rate"] * trades["fee_close"]
    found = {
        "n_trades": float(len(trades)),
        "total_return": float(equity[-1] / wallet - 1.0),
        "final_balance": float(equity[-1]),
        "sharpe": sharpe(daily, periods_per_year=DAYS_PER_YEAR) if len(trades) else 0.0,
        "max_drawdown": max_drawdown(daily),
        "profit_factor": profit_factor(profit),
        "win_rate": float((profit > 0).mean()) if len(trades) else 0.0,
        "forced_exits": float((trades["exit_reason"] == FORCED).sum()),
        "avg_trade": float(trades["profit_ratio"].mean()) if len(trades) else 0.0,
        "exposure": float(trades["trade_duration"].sum()) / span,
        "fees": float(fees.sum()),
        "funding": float(trades["funding_fees"].fillna(0.0).sum()) if "funding_fees" in trades else 0.0,
        "short_trades": float(trades["is_short"].sum()) if "is_short" in trades else 0.0,
    }
    return {name: float(value) for name, value in found.items()}


def result_files(run: BacktestRun) -> dict[str, bytes]:
    """Return trade_log.csv, equity_curve.csv and summary.json; the same run gives the same bytes."""
    log = run.trades.assign(side=np.where(run.trades["is_short"].astype(bool), "short", "long"))
    log = log.assign(**{name: np.nan for name in LOG_COLUMNS if name not in log})[list(LOG_COLUMNS)]
    equity = equity_curve(run.trades, run.signals, wallet=run.wallet, start=run.start, end=run.end)
    summary = {
        "freqtrade_version": run.freqtrade_version,
        "start": run.start,
        "end": run.end,
        "wallet": run.wallet,
        "open_trades_left": run.open_trades_left,
        "metrics": {name: value if np.isfinite(value) else str(value) for name, value in run.metrics.items()},
    }
    return {
        "trade_log.csv": log.to_csv(index=False, lineterminator="\n").encode(),
        "equity_curve.csv": equity.to_csv(index=False, lineterminator="\n").encode(),
        "summary.json": (json.dumps(summary, indent=2, sort_keys=True) + "\n").encode(),
    }


def signal_agreement(signals: pd.DataFrame, predictions: pd.DataFrame, rule: Signal) -> tuple[float, int]:
    """Compare what Freqtrade saw with what the stored predictions say.

    Returns
    -------
    tuple
        Share of the test candles on which the signal (to 1e-9; unknown equals unknown) and all four flags are equal
        (0 to 1), and the number of candles; a candle that Freqtrade did not see does not agree.
    """
    test = predictions[predictions["part"] == "test"].sort_values(["pair", "time"], ignore_index=True)
    wishes = entries_exits(
        test["signal"].to_numpy(np.float64),
        entry=rule.entry_threshold,
        exit=rule.exit_threshold,
        long_short=rule.side == "long_short",
    )
    stored = pd.DataFrame({"pair": test["pair"].astype(str), "epoch": epoch_ms(test["time"]), "signal": test["signal"]})
    for name in FLAGS:
        stored[name] = np.asarray(getattr(wishes, name)).astype(np.float64)
    live = signals.assign(epoch=epoch_ms(signals["date"]), pair=signals["pair"].astype(str))
    joined = stored.merge(
        live[["pair", "epoch", "signal", *FLAGS]], on=["pair", "epoch"], how="left", suffixes=("", "_live")
    )
    equal = np.isclose(joined["signal"], joined["signal_live"], rtol=0.0, atol=SIGNAL_TOLERANCE, equal_nan=True)
    for name in FLAGS:
        equal &= joined[name].to_numpy() == joined[f"{name}_live"].to_numpy()
    return (float(equal.mean()) if len(joined) else 0.0), len(joined)
