"""The same signals under stricter and looser rules: Sharpe ratio against turnover, and what choosing is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import InputError
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.trading.costs import net_returns
from crypto_team.trading.signals import positions
from crypto_team.validation import metrics
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.market_moves import moves_ahead
from crypto_team.validation.pbo import pbo_cscv
from crypto_team.validation.superior import superior_to_zero

Floats = npt.NDArray[np.float64]
SHARES = (0.0, 0.2, 0.4, 0.6, 0.75, 0.85, 0.92, 0.97, 0.99)
BLOCKS = 10
LEAST_DAYS = 40


@dataclass(frozen=True)
class RuleRow:
    """One entry threshold: what it trades and earns; `chosen` is the rule of the specification.

    `turnover` is the mean absolute change of position per bar; `cost` the summed return that costs took.
    """

    entry: float
    leave: float
    chosen: bool
    n_trades: int
    turnover: float
    time_in_market: float
    gross_sharpe: float
    sharpe: float
    total_return: float
    cost: float


@dataclass(frozen=True)
class RuleGrid:
    """All thresholds, and how far the best of them is selection.

    `pbo` is the probability of backtest overfitting by 10 blocks; `superiority_p` Hansen's consistent p-value that the
    best rule earns anything. NaN where fewer than two rules trade, or days are too few.
    """

    rows: tuple[RuleRow, ...]
    pbo: float
    degradation: float
    superiority_p: float


def rule_grid(meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame) -> RuleGrid:
    """Trade the test signals at nine entry thresholds and at the specification's own.

    Thresholds lie at quantiles of the signals' distance from one half; the exit keeps its proportion to the entry.
    """
    test = metrics.out_of_sample_rows(predictions).sort_values(["pair", "time"], kind="stable").reset_index(drop=True)
    step = timeframe_seconds(meta.timeframe) * 1000
    following = moves_ahead(test, market, 1, step)
    times, pair = milliseconds(test["time"]), test["pair"].to_numpy()
    cuts = np.flatnonzero((pair[1:] != pair[:-1]) | (np.diff(times) != step)) + 1
    rows, columns = [], []
    for entry in _entries(meta, test["signal"].to_numpy(dtype=np.float64)):
        row, daily = _traded(meta, test, following, cuts, entry)
        rows.append(row)
        columns.append(daily)
    moving = [column for column in columns if np.ptp(column) > 0.0]
    pbo = degradation = p = math.nan
    if len(moving) > 1 and moving[0].size >= LEAST_DAYS:
        matrix = np.column_stack(moving)
        found = pbo_cscv(matrix, n_blocks=BLOCKS)
        pbo, degradation = found.pbo, found.degradation_slope
        p = _superiority(matrix, meta.random_seed)
    return RuleGrid(tuple(rows), pbo, degradation, p)


def _superiority(matrix: Floats, seed: int) -> float:
    try:
        return superior_to_zero(matrix, rng=np.random.default_rng(seed), resamples=1000).consistent
    except InputError:
        return math.nan


def _entries(meta: EvidenceMeta, signal: Floats) -> list[float]:
    known = np.abs(signal[np.isfinite(signal)] - 0.5)
    own = meta.signal.entry_threshold
    found = np.quantile(known, SHARES) + 0.5 if known.size else np.empty(0)
    return sorted({own, *(round(float(value), 4) for value in found if 0.5 < value < 1.0)})


def _leave(meta: EvidenceMeta, entry: float) -> float:
    """Return the exit threshold that has the specification's proportion to the entry."""
    own = meta.signal
    if own.entry_threshold in {entry, 0.5}:
        return min(own.exit_threshold, entry)
    share = (0.5 - own.exit_threshold) / (own.entry_threshold - 0.5)
    return min(max(0.5 - share * (entry - 0.5), 0.0), entry)


def _traded(
    meta: EvidenceMeta, test: pd.DataFrame, following: Floats, cuts: npt.NDArray[np.int64], entry: float
) -> tuple[RuleRow, Floats]:
    signal, leave = test["signal"].to_numpy(dtype=np.float64), _leave(meta, entry)
    held, gross, net = np.zeros(signal.size), np.zeros(signal.size), np.zeros(signal.size)
    for part in np.split(np.arange(signal.size), cuts):
        held[part] = positions(
            signal[part],
            entry=entry,
            exit=leave,
            long_short=meta.signal.side == "long_short",
            confidence_weighted=meta.signal.position_sizing == "confidence_weighted",
        )
        gross[part], net[part] = net_returns(held[part], following[part], meta.cost_bps_per_side)
    table = test[["time", "pair", "part"]].assign(position=held, return_gross=gross, return_net=net)
    _, daily = metrics.daily_returns(table)
    _, before = metrics.daily_returns(table, column="return_gross")
    changes = table.groupby("pair")["position"]
    row = RuleRow(
        entry=entry,
        leave=leave,
        chosen=entry == meta.signal.entry_threshold,
        n_trades=_trades(np.sign(held), table["pair"].to_numpy()),
        turnover=float(np.mean([metrics.turnover(each.to_numpy(dtype=np.float64)) for _, each in changes])),
        time_in_market=float(np.mean(held != 0.0)),
        gross_sharpe=metrics.sharpe(before, periods_per_year=metrics.DAYS_PER_YEAR),
        sharpe=metrics.sharpe(daily, periods_per_year=metrics.DAYS_PER_YEAR),
        total_return=metrics.total_return(daily),
        cost=float(before.sum() - daily.sum()),
    )
    return row, daily


def _trades(side: Floats, pair: npt.NDArray[np.object_]) -> int:
    """Count unbroken stretches of one sign within a pair."""
    begun = np.ones(side.size, dtype=bool)
    begun[1:] = (side[1:] != side[:-1]) | (pair[1:] != pair[:-1])
    return int(np.count_nonzero(begun & (side != 0.0)))
