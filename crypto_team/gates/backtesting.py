"""Checks of the Freqtrade run: trades, drawdown, and whether it traded what was predicted (PF003-PF005, PF013)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import DEVIATIONS, deviations
from crypto_team.gates.case import places
from crypto_team.gates.recompute import Returns, stamp
from crypto_team.gates.registry import Verdict, check, insufficient, judge, refused, weigh
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.reviews import Backtest
from crypto_team.validation.metrics import max_drawdown, profit_factor

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
NEAR = 2.0
"""Gains this part of the way to surely outweighing losses are there with at most NEAR^2 times the trades."""
RERUN = ("crypto-team backtester run STR",)
ACCOUNT = 0.15
REDESIGN = ("crypto-team ml-engineer set-signal STR", "crypto-team ml-engineer train STR", *RERUN)


def _profits(trades: pd.DataFrame) -> Floats:
    return np.asarray(trades["profit_abs"].to_numpy(dtype=np.float64))


@check(
    "PF003",
    "Drawdown is bearable",
    unit="fraction of the peak",
    source="KPI of the ML subsystem: maximum drawdown below 15 %",
    mend="hold smaller positions, or stop trading while the forecasts fail",
    remedy=REDESIGN,
    stricter={"drawdown": "lower", "full_size": "lower"},
    passes="value <= drawdown and signal_drawdown <= full_size",
)
def drawdown_bearable(
    returns: Returns,
    backtest: Backtest | None = None,
    backtest_equity: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
    *,
    drawdown: float = ACCOUNT,
    full_size: float = 0.5,
) -> Verdict:
    """Require that the deepest fall of the account is within the limit, and that of the signal at full size too.

    The account stakes a part of itself on each trade, so small stakes make any drawdown small; the signal at full size,
    with every position on the whole capital, shows what is being staked on. Evidence from elsewhere has no account: of
    it the positions as they are stated are judged.
    """
    signal = abs(max_drawdown(returns.daily))
    if imported is not None:
        told = (
            f"the stated positions fall by {signal:.1%} at most, {drawdown:.0%} are allowed: each counts as the whole "
            f"capital, because nothing tells what part of an account it stakes; an account may fall by {ACCOUNT:.0%}"
        )
        return weigh(told, signal, {"signal_drawdown": signal}, evidence=("predictions.parquet",))
    if backtest is None or backtest_equity is None:
        return _no_run(backtest, "backtest_equity")
    equity = backtest_equity["equity"].to_numpy(dtype=np.float64)
    if equity.size < 2 or not np.isfinite(equity).all():
        return insufficient("the equity curve has fewer than two points or holes")
    value = float((1.0 - equity / np.maximum.accumulate(equity)).max())
    text = f"{backtest.backtest_id}: the account falls by {value:.2%} at most; "
    text += f"the signal at full size by {signal:.1%}, {full_size:.0%} are allowed"
    places = ("equity_curve.csv", "predictions.parquet")
    return weigh(text, value, {"signal_drawdown": signal}, evidence=places)


@check(
    "PF004",
    "Enough trades",
    unit="trades",
    source="quant analyst's duty: sample size",
    mend="test on more bars, or on more pairs",
    remedy=REDESIGN,
    stricter={"trades": "higher"},
)
def enough_trades(
    backtest: Backtest | None = None,
    backtest_trades: pd.DataFrame | None = None,
    returns: Returns | None = None,
    imported: ImportedFacts | None = None,
    *,
    trades: float = 100,
) -> Verdict:
    """Require that the backtest closed so many trades; of evidence from elsewhere, that the positions make so many."""
    if imported is not None:
        return _enough_positions(returns, trades)
    if backtest is None or backtest_trades is None:
        return _no_run(backtest, "backtest_trades")
    count = len(backtest_trades)
    text = f"{backtest.backtest_id}: {count} closed trades"
    if count < trades:
        span = (stamp(backtest.end) - stamp(backtest.start)) / DAY_MS
        pace = f"; at this pace in {math.ceil((trades - count) * span / count):,} more days" if count else ""
        told = f"{text} in {span:.0f} days, {trades:g} are needed: {trades - count:g} more{pace}"
        return insufficient(told, count, evidence=("trade_log.csv",))
    return judge(True, text, count, evidence=("trade_log.csv",))


@check(
    "PF005",
    "Profit factor",
    unit="gains over losses",
    source="quant analyst's duty: gains against losses",
    mend="trade on stronger forecasts only, and less often: small gains are eaten by costs and losses",
    remedy=REDESIGN,
    stricter={"factor": "higher", "sure": "higher"},
    passes="value >= factor or errors_above_one >= sure",
)
def gains_outweigh_losses(
    backtest: Backtest | None = None,
    backtest_trades: pd.DataFrame | None = None,
    returns: Returns | None = None,
    imported: ImportedFacts | None = None,
    *,
    factor: float = 1.3,
    sure: float = 2.81,
) -> Verdict:
    """Sum the profits of winning trades over the losses of losing ones, from the trade log.

    The factor shrinks with the length of trades, whatever the edge: with s the mean of a trade over its deviation it is
    about 1 + 2.5 s, and s of the same Sharpe ratio falls with the root of the trades in a year. So a smaller factor is
    enough where gains surely outweigh losses: by `sure` standard errors of their sum over days. Whether costs eat what
    is earned is asked of the costs (PF006).

    Of evidence from elsewhere the trades are stretches of positions with one sign. What falls short by no more than
    chance explains is not enough evidence.
    """
    if imported is not None:
        return _gains_of_positions(returns, factor, sure)
    if backtest is None or backtest_trades is None:
        return _no_run(backtest, "backtest_trades")
    profits = _profits(backtest_trades)
    value = profit_factor(profits)
    if math.isnan(value):
        return insufficient("no trade won or lost anything")
    if math.isinf(value):
        return insufficient(f"{profits.size} trades without a single loss; more trades are needed to judge")
    text = f"{backtest.backtest_id}: {profits[profits > 0].sum():.2f} won, {-profits[profits < 0].sum():.2f} lost"
    days = backtest_trades.get("close_date")
    above = _errors(profits, days)
    text = f"{text}; gains exceed losses by {above:.1f} standard errors"
    return weigh(text, value, {"errors_above_one": above}, evidence=("trade_log.csv",))


def _errors(profits: Floats, closed: pd.Series[Any] | None) -> float:
    """Return the sum of profits in standard errors over the days on which they were taken.

    With few days the error itself is uncertain: the number is scaled to that of many days with the same probability of
    a false alarm (Student 1908). 0 where all days are alike or there is one only: that shows no error.
    """
    days = pd.Series(profits)
    if closed is not None:
        days = days.groupby(pd.to_datetime(closed.to_numpy(), utc=True).floor("D")).sum()
    error = float(days.std(ddof=1)) * math.sqrt(days.size) if days.size > 1 else 0.0
    return float(days.sum()) / error * DEVIATIONS / deviations(days.size - 1) if error > 0.0 else 0.0


def _no_run(backtest: Backtest | None, table: str) -> Verdict:
    absent = [*(places("backtest") if backtest is None else []), *places(table)]
    return insufficient(f"missing: {', '.join(absent)}", evidence=tuple(absent))


def _enough_positions(returns: Returns | None, trades: float) -> Verdict:
    """Count the trades that stated positions make."""
    if returns is None:
        return insufficient(f"missing: {', '.join(places('returns'))}")
    count, days = len(returns.trades), returns.daily.size
    text = f"positions make {count} trades"
    if count < trades:
        pace = f": {math.ceil((trades - count) * days / count):,} more days at this pace" if count else ""
        told = f"{text} in {days} days, {trades:g} are needed{pace}"
        return insufficient(told, count, evidence=("predictions.parquet: position",))
    return judge(True, text, count)


def _gains_of_positions(returns: Returns | None, factor: float, sure: float) -> Verdict:
    """Judge gains over losses of stated positions: from the factor and from 1, each with its error."""
    if returns is None:
        return insufficient(f"missing: {', '.join(places('returns'))}")
    trades = returns.trades
    profits = trades["return_net"].to_numpy(dtype=np.float64)
    value, rows = profit_factor(profits), ("predictions.parquet: position",)
    if not math.isfinite(value):
        return insufficient(f"{profits.size} trades, of which none won or none lost", evidence=rows)
    # Losses less the gains that the factor asks for: 0 where it is just reached.
    short = _errors(np.where(profits > 0.0, -profits, -factor * profits), trades["exit_time"])
    above = _errors(profits, trades["exit_time"])
    text = f"{profits.size} trades gain {value:.2f} times what they lose, {above:.1f} standard errors above 1"
    numbers = {"errors_above_one": above}
    if value >= factor or above >= sure or (short >= DEVIATIONS and above < sure / NEAR):
        return weigh(text, value, numbers, evidence=rows)
    more = math.ceil(profits.size * _lacking(short, above, sure))
    told = f"chance alone may keep it below {factor:g}" if short < DEVIATIONS else "it is above 1, but not surely"
    return insufficient(f"{text}; {told}: about {more:,} more trades would tell", value, evidence=rows, numbers=numbers)


def _lacking(short: float, above: float, sure: float) -> float:
    """Return how many times the present trades are lacking until they are refused, or surely gain.

    Errors grow with the root of the number of trades, distances with the number itself: so refusal, where the factor is
    out of reach before half of the way to `sure` is done, else the whole way. 1 where there is no error to grow.
    """
    if short < DEVIATIONS and above * DEVIATIONS < short * sure / NEAR:
        return (DEVIATIONS / short) ** 2 - 1.0
    return (sure / above) ** 2 - 1.0 if above > 0.0 else 1.0


@check(
    "PF013",
    "Freqtrade traded exactly what was predicted",
    unit="share of candles",
    source="one definition, three engines",
    remedy=("crypto-team ml-engineer export STR", *RERUN),
    stricter={"agreement": "higher"},
    passes="value >= agreement and candles >= 1 and open_trades == 0 and lookahead_clean == 1",
)
def freqtrade_agrees(backtest: Backtest, *, agreement: float = 1.0) -> Verdict:
    """Freqtrade saw the stored signal on every candle, left no trade open, and its look-ahead analysis found nothing.

    An analysis without a verdict passes when it is explained.
    """
    found, value = backtest.lookahead, backtest.signal_agreement
    text = f"signals agree on {value:.4%} of {backtest.candles_compared} candles"
    biased = found is not None and (found.has_bias or found.verdict == "biased")
    silent = found is None or (found.verdict == "no_verdict" and not found.explanation)
    numbers = {
        "candles": backtest.candles_compared,
        "open_trades": backtest.open_trades_left,
        "lookahead_clean": float(not biased and not silent),
    }
    if backtest.candles_compared == 0:
        return insufficient("no candle was compared", value, numbers=numbers)
    if value < agreement:
        return refused(text, value, numbers=numbers)
    if backtest.open_trades_left:
        text += f"; {backtest.open_trades_left} trades were left open"
        return refused(text, value, numbers=numbers)
    if found is None:
        return insufficient(f"{text}; Freqtrade's look-ahead analysis was not run", value, numbers=numbers)
    if biased:
        columns = tuple(f"biased: {name}" for name in found.biased_indicators)
        return refused(f"{text}; look-ahead analysis: biased", value, evidence=columns, numbers=numbers)
    if silent:
        told = f"{text}; look-ahead analysis gave no verdict and nobody explains why"
        return insufficient(told, value, numbers=numbers)
    return weigh(f"{text}; look-ahead analysis: {found.verdict} {found.explanation}".rstrip(), value, numbers)
