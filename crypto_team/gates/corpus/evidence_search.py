"""What else an honest study tried: trials, seeds and thresholds, all traded on bars that are laid out once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.corpus.evidence_market import Design, PairData
from crypto_team.gates.corpus.evidence_model import Fitted, Fold, fit, forecast
from crypto_team.trading.costs import net_returns
from crypto_team.trading.signals import positions
from crypto_team.validation.clock import utc_times

Floats = npt.NDArray[np.float64]


def signal_of(table: Mapping[str, Floats] | pd.DataFrame, design: Design) -> Floats:
    """Return the signal in [0, 1] that the trading rule reads."""
    if design.classes == 0:
        return np.asarray(0.5 + np.clip(table["expected_bps"] / (1e4 * design.volatility * 4.0), -0.5, 0.5))
    if design.classes == 2:
        return np.asarray(table["p_1"], dtype=np.float64)
    return np.asarray((1.0 + table["p_2"] - table["p_0"]) / 2.0, dtype=np.float64)


def held_at(signal: Floats, design: Design) -> Floats:
    """Return what the rule of a design holds of one pair at its signals."""
    return positions(signal, entry=design.entry, exit=0.5, long_short=not design.long_only, confidence_weighted=False)


def daily_of(table: pd.DataFrame) -> pd.Series[float]:
    """Return the net return of each day: sum over bars of the mean over pairs."""
    test = table[(table["part"] == "test") & table["return_net"].notna()]
    return daily_of_columns(test[["return_net"]], test["time"])["return_net"].rename(None)


def daily_of_columns(net: pd.DataFrame, time: pd.Series[pd.Timestamp] | pd.DatetimeIndex) -> pd.DataFrame:
    """Return the same of many columns of returns at once, rows of one time being pairs; none may be NaN."""
    bars = net.groupby(pd.DatetimeIndex(time)).mean()
    return bars.groupby(pd.DatetimeIndex(bars.index).floor("D")).sum().rename_axis("time")


def score_of(daily: pd.Series[float]) -> float:
    """Return the annualised Sharpe ratio of daily returns."""
    spread = float(daily.std())
    return float(daily.mean()) / spread * 365.0**0.5 if spread > 0.0 else 0.0


@dataclass(frozen=True)
class Trading:
    """Market, labels and folds of a study, and what any models would have earned in its test parts."""

    market: list[PairData]
    labels: list[pd.DataFrame]
    folds: list[Fold]
    design: Design

    def models(self, *, penalty: float = 1.0, seed: tuple[int, ...] | None = None) -> list[Fitted]:
        """Fit the model of every fold with another penalty, or on bootstrap samples."""
        chosen = None if seed is None else np.random.default_rng(seed)
        return [
            fit(self.market, self.labels, fold, self.design, penalty=penalty, resample=chosen) for fold in self.folds
        ]

    def rows(self, part: str) -> list[list[slice]]:
        """Return the bars of a part by pair and fold; a pair that ended has fewer."""
        spans = [fold.span(part) for fold in self.folds]
        return [[slice(first, min(last, len(pair.time))) for first, last in spans] for pair in self.market]

    def signals(self, models: Sequence[Fitted], part: str) -> list[list[Floats]]:
        """Return the signals of a part by pair and fold."""
        return [
            [
                signal_of(forecast(model, pair.features[rows], self.design), self.design)
                for model, rows in zip(models, spans, strict=True)
            ]
            for pair, spans in zip(self.market, self.rows(part), strict=True)
        ]

    @cached_property
    def _bars(self) -> tuple[list[Floats], pd.DatetimeIndex, npt.NDArray[np.bool_]]:
        """Return the next move of each test row by pair, the times of all whose move is known, and which those are."""
        moves, times = [], []
        for pair, spans in zip(self.market, self.rows("test"), strict=True):
            place = np.concatenate([np.arange(rows.start, max(rows.start, rows.stop)) for rows in spans])
            close = np.append(pair.candles["close"].to_numpy(dtype=np.float64), np.nan)
            moves.append(close[place + 1] / close[place] - 1.0)
            times.append(pair.time[place])
        known = np.isfinite(np.concatenate(moves))
        return moves, utc_times(np.concatenate(times)[known]), known

    def daily(self, signals: list[list[Floats]], design: Design) -> pd.Series[float]:
        """Return the daily net returns of test signals, traded by the rule of a design."""
        moves, times, known = self._bars
        net = [
            net_returns(held_at(np.concatenate(each), design), move, design.cost_bps)[1]
            for each, move in zip(signals, moves, strict=True)
        ]
        table = pd.DataFrame({"net": np.concatenate(net)[known]})
        return daily_of_columns(table, times)["net"].rename(None)


def searched(trading: Trading, fitted: list[Fitted], seed: int) -> dict[str, pd.DataFrame]:
    """Return what else was tried: trials with other penalties, seeds (bootstrap samples), entry thresholds."""
    design, shown = trading.design, trading.signals(fitted, "test")
    rng = np.random.default_rng([seed, 7])
    trials, returns = [], {}
    for number in range(design.trials):
        # The first trial is the one shown; the others regularise otherwise and enter at another threshold.
        penalty = 1.0 if number == 0 else float(10.0 ** rng.uniform(1.0, 3.5))
        entry = design.entry if number == 0 else design.entry + float(rng.uniform(-0.02, 0.03))
        models = fitted if number == 0 else trading.models(penalty=penalty)
        signals = shown if number == 0 else trading.signals(models, "test")
        daily = trading.daily(signals, replace(design, entry=max(0.502, entry)))
        inner = float(np.mean([each.inner_score for each in models]))
        key = hashlib.sha256(f"{seed}:{penalty}".encode()).hexdigest()[:16]
        trials.append((key, inner, score_of(daily), number == 0))
        returns[key] = daily
    made = {"trials": pd.DataFrame(trials, columns=["configuration", "inner_score", "outer_score", "chosen"])}
    made["trial_returns"] = pd.DataFrame(returns).fillna(0.0).rename_axis("time").reset_index()
    seeds = [(0, score_of(trading.daily(shown, design)), True)]
    for number in range(1, 4):
        signals = trading.signals(trading.models(seed=(seed, 100 + number)), "test")
        seeds.append((number, score_of(trading.daily(signals, design)), False))
    made["seeds"] = pd.DataFrame(seeds, columns=["seed", "score", "chosen"])
    return made | {"thresholds": _thresholds(trading, fitted, shown)}


def _thresholds(trading: Trading, fitted: list[Fitted], shown: list[list[Floats]]) -> pd.DataFrame:
    """Score entry thresholds around the stated one, inside and outside."""
    design = trading.design
    signal, ahead = _inside(trading, fitted)
    rows = []
    for entry in (design.entry - 0.02, design.entry - 0.01, design.entry, design.entry + 0.01, design.entry + 0.02):
        other = replace(design, entry=max(0.501, entry))
        picked = np.abs(signal - 0.5) >= other.entry - 0.5
        gain = float((np.sign(signal - 0.5) * ahead)[picked].mean()) if picked.any() else 0.0
        rows.append((other.entry, gain, score_of(trading.daily(shown, other)), entry == design.entry))
    return pd.DataFrame(rows, columns=["threshold", "inner_score", "outer_score", "chosen"])


def _inside(trading: Trading, fitted: list[Fitted]) -> tuple[Floats, Floats]:
    """Return signals and forward returns of the inner rows that have a label."""
    ahead = [
        [label["forward_return"].to_numpy(dtype=np.float64)[rows] for rows in spans]
        for label, spans in zip(trading.labels, trading.rows("inner"), strict=True)
    ]
    told = _fold_by_fold(trading.signals(fitted, "inner"))
    known = _fold_by_fold(ahead)
    labelled = np.isfinite(known)
    return told[labelled], known[labelled]


def _fold_by_fold(parts: list[list[Floats]]) -> Floats:
    """Join what is there by pair and fold in the order of the table of predictions."""
    return np.concatenate([each for fold in zip(*parts, strict=True) for each in fold])
