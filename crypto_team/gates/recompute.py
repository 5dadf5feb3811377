"""Signals, positions, costs and returns of the out-of-sample rows, rebuilt from probabilities and market closes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import regularise, timeframe_seconds
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.trading.costs import net_returns
from crypto_team.trading.signals import positions
from crypto_team.validation.metrics import daily_returns, trades_from_positions
from crypto_team.validation.prediction import signal_from_bps, signal_from_probabilities

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Returns:
    """Recomputed out-of-sample returns.

    Attributes
    ----------
    predictions
        The stored table with `signal`, `position`, `return_gross` and `return_net` of the test rows replaced by
        recomputed values; the last bar of the market, which has no next one, has return NaN.
    turnover
        Absolute change of position per test row, in the order of `predictions`' test rows.
    cost_bps_per_side
        Cost that was subtracted.
    """

    predictions: pd.DataFrame
    turnover: Floats
    cost_bps_per_side: float

    @cached_property
    def test(self) -> pd.DataFrame:
        """Rows of the test parts; nobody may change them in place, all checks share them."""
        return self.predictions[self.predictions["part"] == "test"]

    @cached_property
    def daily(self) -> Floats:
        """Net return per UTC day: sum over bars of the mean over pairs."""
        return daily_returns(self.predictions)[1]

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Trades of the test parts, as :func:`~crypto_team.validation.metrics.trades_from_positions` cuts them."""
        return trades_from_positions(self.predictions)

    def at_cost(self, multiple: float) -> Returns:
        """Return the same trades at `multiple` times the cost."""
        frame = self.predictions.copy()
        rows = (frame["part"] == "test").to_numpy()
        cost = self.turnover * self.cost_bps_per_side * multiple / 1e4
        frame.loc[rows, "return_net"] = frame.loc[rows, "return_gross"].to_numpy(dtype=np.float64) - cost
        return replace(self, predictions=frame, cost_bps_per_side=self.cost_bps_per_side * multiple)


def milliseconds(times: pd.Series | pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """Return times as milliseconds since 1970 UTC, whatever unit they are stored in."""
    return pd.DatetimeIndex(times).as_unit("ms").asi8


def stamp(text: str) -> int:
    """Return a document's time as milliseconds since 1970 UTC."""
    return int(pd.Timestamp(text).value) // 1_000_000


def complete_bars(frame: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Return candles on a complete grid; a frame that already says which bars are made up is returned as it is."""
    return frame if "filled" in frame else regularise(frame, timeframe)


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """Return the columns of calibrated probabilities in class order; empty for regression."""
    names = [name for name in predictions.columns if name.startswith("p_") and name[2:].isdigit()]
    return sorted(names, key=lambda name: int(name[2:]))


def recompute_signal(predictions: pd.DataFrame) -> Floats:
    """Rebuild `signal` of every row from its probabilities, or from expected returns and each fold's inner spread."""
    columns = probability_columns(predictions)
    if columns:
        side = predictions["side"].to_numpy(dtype=np.float64) if "side" in predictions else None
        return np.asarray(signal_from_probabilities(predictions[columns].to_numpy(dtype=np.float64), side))
    expected = predictions["expected_bps"].to_numpy(dtype=np.float64)
    forward = predictions["forward_return"].to_numpy(dtype=np.float64) * 1e4
    fold = predictions["fold"].to_numpy()
    part = predictions["part"].to_numpy()
    inner = part == "inner"
    signal = np.full(len(predictions), np.nan)
    for number in np.unique(fold):
        rows = fold == number
        seen = forward[inner & rows]
        sigma = _spread(seen) or _spread(forward[rows & (part == "train")]) or _spread(expected[rows]) or 1.0
        signal[rows] = signal_from_bps(expected[rows], sigma)
    return signal


def _spread(values: Floats) -> float:
    """Return the deviation of the known values; 0 where there are none."""
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size else 0.0


def next_returns(times: npt.NDArray[np.int64], market: pd.DataFrame, step: int) -> Floats:
    """Return close[t+1]/close[t]-1 of one pair at `times`; NaN where one of the two bars is not in the market."""
    order = np.argsort(milliseconds(market["time"]))
    known = milliseconds(market["time"])[order]
    if known.size == 0:
        return np.full(times.size, np.nan)
    close = market["close"].to_numpy(dtype=np.float64)[order]
    return close_at(times + step, known, close) / close_at(times, known, close) - 1.0


def bar_moves(test: pd.DataFrame, market: pd.DataFrame, meta: EvidenceMeta, *, bars: int = 1) -> Floats:
    """Return the return over the next bars of every row, which are sorted by pair; NaN where a close is missing."""
    step = timeframe_seconds(meta.timeframe) * 1000 * bars
    closes = dict(tuple(market.groupby("pair", sort=False)))
    parts = [
        next_returns(milliseconds(rows["time"]), closes.get(pair, market.iloc[:0]), step)
        for pair, rows in test.groupby("pair", sort=False)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def close_at(times: npt.NDArray[np.int64], known: npt.NDArray[np.int64], close: Floats) -> Floats:
    """Return the close at each time; NaN where `known` (ascending, not empty) does not have it."""
    place = np.minimum(np.searchsorted(known, times), len(known) - 1)
    return np.where(known[place] == times, close[place], np.nan)


def recompute_returns(
    predictions: pd.DataFrame, market: pd.DataFrame, meta: EvidenceMeta, decided: pd.Series[float] | None = None
) -> Returns:
    """Trade the stored probabilities anew by the stated rule on the stated market.

    Parameters
    ----------
    predictions
        Evidence table; its columns `signal`, `position`, `return_gross`, `return_net` are not read.
    market
        Evidence table with `time`, `pair`, `close`.
    meta
        Signal rule, timeframe and cost.
    decided
        Positions by row of `predictions`, where they do not follow from the rule (foreign evidence).

    Notes
    -----
    A position carries over between rows that follow each other bar by bar and starts flat after a gap.
    """
    frame = predictions.copy()
    frame["signal"] = recompute_signal(predictions)
    step = timeframe_seconds(meta.timeframe) * 1000
    test = frame[frame["part"] == "test"].sort_values(["pair", "time"], kind="stable")
    closes = dict(tuple(market.groupby("pair", sort=False)))
    none = market.iloc[:0]
    parts = [
        _trade_pair(rows, closes.get(pair, none), meta, step, decided) for pair, rows in test.groupby("pair", sort=True)
    ]
    traded = pd.concat(parts)
    for column in ("position", "return_gross", "return_net"):
        frame[column] = traded[column].reindex(frame.index)
    turnover = traded["turnover"].reindex(frame.index[frame["part"] == "test"]).to_numpy(dtype=np.float64)
    return Returns(frame, turnover, meta.cost_bps_per_side)


def _trade_pair(
    rows: pd.DataFrame, market: pd.DataFrame, meta: EvidenceMeta, step: int, decided: pd.Series[float] | None
) -> pd.DataFrame:
    times = milliseconds(rows["time"])
    signal = rows["signal"].to_numpy(dtype=np.float64)
    following = next_returns(times, market, step)
    starts = np.flatnonzero(np.diff(times, prepend=times[0] - 2 * step) != step)
    position, gross, net, turnover = (np.zeros(len(rows)) for _ in range(4))
    for first, last in zip(starts, [*starts[1:], len(rows)], strict=True):
        piece = slice(first, last)
        position[piece] = (
            positions(
                signal[piece],
                entry=meta.signal.entry_threshold,
                exit=meta.signal.exit_threshold,
                long_short=meta.signal.side == "long_short",
                confidence_weighted=meta.signal.position_sizing == "confidence_weighted",
            )
            if decided is None
            else decided.reindex(rows.index[piece]).to_numpy(dtype=np.float64)
        )
        gross[piece], net[piece] = net_returns(position[piece], following[piece], meta.cost_bps_per_side)
        turnover[piece] = np.abs(np.diff(position[piece], prepend=0.0))
    table = {"position": position, "return_gross": gross, "return_net": net, "turnover": turnover}
    return pd.DataFrame(table, index=rows.index)
