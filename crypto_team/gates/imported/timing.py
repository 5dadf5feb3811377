"""When a stored position earns its return: ways of writing it down, brought to one, or found to be none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.recompute import milliseconds, next_returns

Floats = npt.NDArray[np.float64]
Timing = Literal["from_close", "during_bar", "per_trade", "overlapping", "same_bar", "unexplained", "not_stored"]
ENOUGH = 0.99
SOUND: frozenset[Timing] = frozenset({"from_close", "during_bar", "per_trade", "not_stored"})


@dataclass(frozen=True)
class Timed:
    """Positions as decided at the close of each test row, and how they were written down."""

    timing: Timing
    position: pd.Series[float]
    matched: float
    shares: dict[str, float]


def timed(predictions: pd.DataFrame, market: pd.DataFrame, *, step_ms: int, horizon_bars: int) -> Timed:
    """Find out which return each stored position earned.

    Parameters
    ----------
    predictions
        Table with `time`, `pair`, `position`, `return_gross`, `forward_return`, `p_*`.
    market
        Closes.
    step_ms
        Length of a bar.
    horizon_bars
        Bars of a label.

    Returns
    -------
    Timed
        `from_close`: position[t] x return of the next bar; `during_bar`: position[t] x return of bar t, decided one bar
        before; `per_trade`: position[t] x forward return, trades apart by a horizon; `overlapping`: the same without
        being apart; `same_bar`: position[t], decided on bar t, x return of bar t.
    """
    test = predictions[predictions["part"] == "test"].sort_values(["pair", "time"], kind="stable")
    stored: pd.Series[float] = test["position"].fillna(0.0).astype("float64")
    values: Floats = np.asarray(stored, dtype=np.float64)
    if test["position"].isna().all():
        return Timed("not_stored", stored, 0.0, {})
    moves = _moves(test, market, step_ms)
    gross = test["return_gross"].to_numpy(dtype=np.float64)
    held = (stored.to_numpy() != 0.0) & np.isfinite(gross) & np.isfinite(moves["next"])
    if held.sum() < 20:
        return Timed("from_close", stored, 1.0, {})
    shares = {name: _share(values, move, gross, held) for name, move in moves.items()}
    best = max(shares, key=lambda name: (shares[name] >= ENOUGH, name == "next", shares[name]))
    if shares[best] < ENOUGH:
        return Timed("unexplained", stored, shares[best], shares)
    if best == "next":
        return Timed("from_close", stored, shares[best], shares)
    if best == "before":
        return _during_bar(test, stored, shares)
    return _per_trade(test, stored, shares, step_ms, horizon_bars)


def _moves(test: pd.DataFrame, market: pd.DataFrame, step_ms: int) -> dict[str, Floats]:
    following, before = np.full(len(test), np.nan), np.full(len(test), np.nan)
    closes = dict(tuple(market.groupby("pair", sort=False)))
    pairs = test["pair"].to_numpy()
    for pair in pd.unique(test["pair"]):
        if pair in closes:
            rows = pairs == pair
            times = milliseconds(test.loc[rows, "time"])
            following[rows] = next_returns(times, closes[pair], step_ms)
            before[rows] = next_returns(times - step_ms, closes[pair], step_ms)
    return {"next": following, "before": before, "forward": test["forward_return"].to_numpy(dtype=np.float64)}


def _share(position: Floats, move: Floats, gross: Floats, held: npt.NDArray[np.bool_]) -> float:
    simple = np.isclose(gross, position * move, rtol=1e-3, atol=1e-7)
    with np.errstate(invalid="ignore"):
        logged = np.isclose(gross, position * np.log1p(move), rtol=1e-3, atol=1e-7)
    return float((simple | logged)[held].mean())


def _signal(test: pd.DataFrame) -> Floats:
    for name in ("expected_bps", "p_1"):
        if name in test.columns:
            columns = [each for each in test.columns if each.startswith("p_") and each[2:].isdigit()]
            if name == "p_1":
                last = max(columns, key=lambda each: int(each[2:]))
                return np.asarray(test[last] - test["p_0"], dtype=np.float64)
            return test[name].to_numpy(dtype=np.float64)
    return np.full(len(test), np.nan)


def _aligned(position: Floats, signal: Floats) -> float:
    known = np.isfinite(position) & np.isfinite(signal)
    if known.sum() < 20 or position[known].std() == 0.0 or signal[known].std() == 0.0:
        return 0.0
    return float(np.corrcoef(position[known], signal[known])[0, 1])


def _during_bar(test: pd.DataFrame, stored: pd.Series[float], shares: dict[str, float]) -> Timed:
    signal = pd.Series(_signal(test), index=test.index)
    groups = test["pair"]
    lagged = signal.groupby(groups).shift(1)
    values: Floats = np.asarray(stored, dtype=np.float64)
    now, before = (_aligned(values, np.asarray(each, dtype=np.float64)) for each in (signal, lagged))
    decided = stored.groupby(groups).shift(-1).fillna(0.0)
    if now > before:
        return Timed("same_bar", stored, shares["before"], shares)
    return Timed("during_bar", decided, shares["before"], shares)


def _per_trade(
    test: pd.DataFrame, stored: pd.Series[float], shares: dict[str, float], step_ms: int, horizon_bars: int
) -> Timed:
    """Hold each entry for its horizon, unless entries lie closer together than that."""
    entries = test[stored != 0.0]
    apart = milliseconds(entries["time"])
    same = entries["pair"].to_numpy()[1:] == entries["pair"].to_numpy()[:-1]
    close = same & (np.diff(apart) < horizon_bars * step_ms)
    if close.mean() > 0.01:
        return Timed("overlapping", stored, shares["forward"], shares)
    held = stored.where(stored != 0.0).groupby(test["pair"]).ffill(limit=max(1, horizon_bars - 1))
    return Timed("per_trade", held.fillna(0.0) if horizon_bars > 1 else stored, shares["forward"], shares)
